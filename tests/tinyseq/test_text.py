import numpy as np
import pytest

import tinyseq  # noqa: F401  before Keras
from tinyseq import text

SENTENCES = [["b", "a", "a"], ["c", "a", "b"]]


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ("Hope to see you soon.", ["hope", "to", "see", "you", "soon"]),
        ("", []),
        ("  ... !", []),
        ("France’s 1st don't–stop", ["france's", "1st", "don't", "stop"]),
        ("snake_case", ["snake", "case"]),
        ("希望", ["希望"]),
    ],
)
def test_tokenize(raw, words):
    assert text.tokenize(raw) == words


def test_vocabulary_counts_from_two_by_falling_frequency():
    vocabulary = text.Vocabulary(SENTENCES)
    assert vocabulary.words == ["[PAD]", "[UNK]", "a", "b", "c"] and len(vocabulary) == 5
    assert vocabulary.encode(["c", "never", "a"]) == [4, 1, 2]
    assert vocabulary.decode([4, 1, 2, 0, 0]) == ["c", "[UNK]", "a"]


def test_vocabulary_leaves_rare_words_unknown():
    assert text.Vocabulary(SENTENCES, min_count=2).encode(["b", "c"]) == [3, 1]


def test_an_empty_vocabulary_still_has_padding_and_unknown():
    vocabulary = text.Vocabulary([])
    assert len(vocabulary) == 2 and vocabulary.encode(["x"]) == [1] and vocabulary.encode([]) == []


@pytest.mark.parametrize("wrong", [5, -1])
def test_decode_refuses_unknown_ids(wrong):
    with pytest.raises(IndexError, match=f"from 0 to V - 1 = 4, got {wrong}"):
        text.Vocabulary(SENTENCES).decode([2, wrong])


@pytest.mark.parametrize(
    ("arguments", "rows"),
    [
        ({}, [[5, 6, 7], [8, 0, 0], [0, 0, 0]]),
        ({"side": "left"}, [[5, 6, 7], [0, 0, 8], [0, 0, 0]]),
        ({"length": 2}, [[5, 6], [8, 0], [0, 0]]),
        ({"length": 2, "side": "left"}, [[5, 6], [0, 8], [0, 0]]),
        ({"length": 0}, [[], [], []]),
    ],
)
def test_pad(arguments, rows):
    ids = text.pad([[5, 6, 7], [8], []], **arguments)
    assert ids.tolist() == rows and ids.dtype == np.int64


def test_pad_agrees_with_keras():
    import keras

    sentences = [[5, 6, 7], [8]]
    for side, keras_side in (("right", "post"), ("left", "pre")):
        theirs = keras.utils.pad_sequences(sentences, padding=keras_side)
        np.testing.assert_array_equal(text.pad(sentences, side=side), theirs)


def test_pad_of_nothing():
    assert text.pad([]).shape == (0, 0) and text.pad([], length=3).shape == (0, 3)


def test_pad_refuses_bad_arguments():
    with pytest.raises(ValueError, match='side must be "left" or "right", got \'post\''):
        text.pad([[1]], side="post")
    with pytest.raises(ValueError, match="length must be at least 0, got -1"):
        text.pad([[1]], length=-1)


def test_mask_is_true_at_real_tokens():
    mask = text.mask(np.array([[3, 1, 0], [0, 0, 0]]))
    assert mask.dtype == bool and mask.tolist() == [[True, True, False], [False, False, False]]


def test_special_words_come_before_the_frequent_ones_and_occur_in_no_sentence():
    vocabulary = text.Vocabulary([["a", "b", "a"]], special=("[BOS]", "[EOS]"))
    assert vocabulary.words == ["[PAD]", "[UNK]", "[BOS]", "[EOS]", "a", "b"]
    assert vocabulary.encode(["[EOS]", "b", "c"]) == [3, 5, 1]

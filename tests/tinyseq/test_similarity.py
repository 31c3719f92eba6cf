import numpy as np
import pytest
from scipy.spatial.distance import cdist

from tinyseq.datasets import Judgement
from tinyseq.similarity import agreement, analogy, cosine, nearest

rng = np.random.default_rng(5)
TABLE = rng.normal(size=(8, 3))


def test_cosine_agrees_with_scipy():
    expected = 1 - cdist(TABLE, TABLE, "cosine")
    np.testing.assert_allclose(cosine(TABLE[:, None], TABLE), expected, atol=1e-14)


def test_a_zero_vector_has_the_cosine_0_to_all():
    assert cosine(np.zeros(3), TABLE[0]) == 0 and not cosine(np.zeros((2, 3)), np.zeros(3)).any()


def test_nearest_goes_by_angle_not_by_length():
    table = np.array([[1.0, 0], [100, 1], [0.9, 0.9], [0, 1], [-1, 0]])
    assert nearest(table, table[0], 3) == [0, 1, 2]
    assert nearest(table, table[0], 2, exclude=[0]) == [1, 2]
    assert nearest(table, table[0], 99) == [0, 1, 2, 3, 4]


def test_nearest_agrees_with_gensim():
    from gensim.models import KeyedVectors

    vectors = KeyedVectors(3)
    vectors.add_vectors(list("abcdefgh"), TABLE.astype(np.float32))
    for i, word in enumerate("abcdefgh"):
        theirs = [neighbour for neighbour, _ in vectors.most_similar(word, topn=4)]
        assert ["abcdefgh"[j] for j in nearest(TABLE, TABLE[i], 4, exclude=[i])] == theirs
    theirs = [word for word, _ in vectors.most_similar(positive=["b", "c"], negative=["a"], topn=3)]
    assert ["abcdefgh"[j] for j in analogy(TABLE, 0, 1, 2, 3)] == theirs


def test_analogy_finds_the_fourth_corner_but_never_gives_a_question_word_back():
    man, woman, king, queen = np.array([[1.0, 0, 1], [0, 1, 1], [1, 0, 5], [0, 1, 5]])
    assert analogy(np.array([man, woman, king, queen]), 0, 1, 2) == [3]
    assert analogy(np.array([man, man * 2, king, -queen]), 0, 1, 2) == [3]


def test_analogy_goes_by_direction_not_by_length():
    lengths = rng.uniform(0.1, 10, size=(8, 1))
    for a, b, c in [(0, 1, 2), (3, 1, 7), (5, 6, 4)]:
        assert analogy(TABLE * lengths, a, b, c, 5) == analogy(TABLE, a, b, c, 5)


def test_agreement_is_the_rank_correlation_on_the_known_pairs():
    table = np.array([[1.0, 0], [1, 0.1], [1, 1], [0, 1]])
    ids = {"a": 0, "b": 1, "c": 2, "d": 3}
    judged = [Judgement("a", "b", 9), Judgement("a", "c", 5), Judgement("a", "d", 1), Judgement("a", "zebra", 10)]
    assert agreement(table, ids, judged) == (pytest.approx(1), 3)
    assert agreement(table, ids, [j._replace(score=-j.score) for j in judged]) == (pytest.approx(-1), 3)


def test_agreement_equals_gensim_on_wordsim():
    from gensim.models import KeyedVectors
    from gensim.test.utils import datapath

    from tinyseq import datasets

    judgements = datasets.word_similarity("wordsim353")
    words = sorted({word for judged in judgements for word in judged[:2]})[:300]
    table = rng.normal(size=(len(words), 10)).astype(np.float32)
    vectors = KeyedVectors(10)
    vectors.add_vectors(words, table)
    theirs = vectors.evaluate_word_pairs(datapath("wordsim353.tsv"))[1].statistic
    ours, covered = agreement(table, {word: i for i, word in enumerate(words)}, judgements)
    assert ours == pytest.approx(theirs, abs=1e-6) and 100 < covered < len(judgements)


@pytest.mark.parametrize("ids", [{}, {"a": 0}, {"a": 0, "b": 1}])
def test_agreement_needs_two_pairs(ids):
    with pytest.raises(ValueError, match=f"at least two judgements, got {int(len(ids) > 1)}"):
        agreement(TABLE, ids, [Judgement("a", "b", 1), Judgement("b", "c", 1)])

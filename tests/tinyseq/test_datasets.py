import numpy as np
import pytest

from tinyseq import datasets
from tinyseq.datasets import texts
from tinyseq.text import tokenize


def test_greetings_are_the_two_sentences():
    assert [len(tokenize(sentence)) for sentence in datasets.greetings()] == [5, 5]


@pytest.fixture(scope="module")
def articles():
    return datasets.wikipedia()


def test_wikipedia_has_articles_of_sentences_of_words(articles):
    assert len(articles) == 106
    assert 20_000 < sum(len(article.sentences) for article in articles) < 30_000
    assert {"Anarchism", "Autism", "Abraham Lincoln"} <= {article.title for article in articles}
    words = [word for article in articles for sentence in article.sentences for word in sentence]
    assert 400_000 < len(words) < 500_000
    assert all(word == word.lower() and " " not in word for word in words)


def test_wikipedia_has_no_markup_left(articles):
    assert min(len(sentence) for article in articles for sentence in article.sentences) >= texts.MIN_WORDS
    words = {word for article in articles for sentence in article.sentences for word in sentence}
    markup = {"colspan", "rowspan", "cellpadding", "nbsp"}
    assert not markup & words


def test_wikipedia_is_the_same_every_time(articles):
    assert datasets.wikipedia() == articles


@pytest.mark.parametrize(
    ("name", "pairs", "close", "far"),
    [
        ("wordsim353", 353, ("tiger", "tiger"), ("king", "cabbage")),
        ("simlex999", 999, ("vanish", "disappear"), ("new", "ancient")),
    ],
)
def test_word_similarity_has_pairs_of_lower_case_words_with_scores_from_0_to_10(name, pairs, close, far):
    judgements = datasets.word_similarity(name)
    scores = {(first, second): score for first, second, score in judgements}
    assert len(judgements) == pairs and all(word == word.lower() for pair in scores for word in pair)
    assert scores[close] > 9.5 > 0.4 > scores[far] >= 0


def test_word_similarity_refuses_another_name():
    with pytest.raises(ValueError, match="one of wordsim353, simlex999, got 'wordsim'"):
        datasets.word_similarity("wordsim")


def test_sunspots_are_one_number_a_year():
    years, numbers = datasets.sunspots()
    assert np.array_equal(years, np.arange(1700, 2009)) and numbers.shape == years.shape
    assert numbers.min() == 0 and years[numbers.argmax()] == 1957


def test_co2_is_weekly_and_rises():
    days, values = datasets.co2()
    assert set(np.diff(days).astype(int)) == {7} and np.isnan(values).sum() == 59
    assert str(days[0]) == "1958-03-29" and values[0] == 316.1
    assert np.nanmean(values[-52:]) > np.nanmean(values[:52]) + 50


def test_digits_are_64_numbers_from_0_to_1_and_all_ten_are_there():
    pixels, which = datasets.digits()
    assert pixels.shape == (1797, 64) and which.shape == (1797,)
    assert pixels.min() == 0 and pixels.max() == 1 and set(which) == set(range(10))

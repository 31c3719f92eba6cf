import pytest

from tinyseq import datasets
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
    assert min(len(sentence) for article in articles for sentence in article.sentences) >= datasets.MIN_WORDS
    words = {word for article in articles for sentence in article.sentences for word in sentence}
    markup = {"colspan", "rowspan", "cellpadding", "nbsp"}
    assert not markup & words


def test_wikipedia_is_the_same_every_time(articles):
    assert datasets.wikipedia() == articles

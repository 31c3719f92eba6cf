"""Texts, and what people say about words."""

import bz2
import re
from typing import NamedTuple

from tinyseq.text import tokenize

MIN_WORDS = 4  # shorter pieces are headings, captions and leftovers of tables


class Article(NamedTuple):
    title: str
    sentences: list[list[str]]


class Judgement(NamedTuple):
    """How alike people find two words, on a scale from 0 to 10."""

    first: str
    second: str
    score: float


def greetings() -> list[str]:
    """The two sentences that chapters 1 and 2 compute by hand."""
    return ["Hope to see you soon.", "Nice to see you again."]


def wikipedia() -> list[Article]:
    """An excerpt of the English Wikipedia: 106 articles, their sentences as lists of lower-case words.

    Source: the dump excerpt that gensim ships for its own tests. Text: Wikipedia's authors, CC BY-SA.
    """
    from gensim.corpora.wikicorpus import extract_pages, filter_wiki
    from gensim.test.utils import datapath

    with bz2.open(datapath("enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2")) as dump:
        pages = [(title, text) for title, text, _ in extract_pages(dump, filter_namespaces=("0",))]
    articles = [Article(title, _sentences(filter_wiki(text))) for title, text in pages if not _is_redirect(text)]
    return [article for article in articles if article.sentences]


def word_similarity(name: str) -> list[Judgement]:
    """Pairs of lower-case words with people's judgements: "wordsim353" (relatedness) or "simlex999" (similarity).

    Source: the copies that gensim ships for its own tests, of Finkelstein et al. (2002) and Hill et al. (2015).
    Raises ValueError for another name.
    """
    from gensim.test.utils import datapath

    files = {"wordsim353": "wordsim353.tsv", "simlex999": "simlex999.txt"}
    if name not in files:
        raise ValueError(f"name must be one of {', '.join(files)}, got {name!r}")
    with open(datapath(files[name]), encoding="utf-8") as file:
        rows = [line.split("\t") for line in file if not line.startswith("#")]
    return [Judgement(first.lower(), second.lower(), float(score)) for first, second, score in rows]


def _is_redirect(text: str) -> bool:
    return text.lstrip().lower().startswith("#redirect")


def _sentences(text: str) -> list[list[str]]:
    """The sentences of a plain text. A line end closes a sentence; so does a full stop before a capital."""
    pieces = re.split(r"\n+|(?<=[.!?])\s+(?=[A-Z\"'(])", text)
    sentences = [tokenize(re.sub(r"={2,}.*?={2,}", " ", piece)) for piece in pieces]
    return [sentence for sentence in sentences if len(sentence) >= MIN_WORDS]

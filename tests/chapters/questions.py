"""Read the questions of a check.md and compute their answers. The reader is not the press's, which is tested too."""

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from markdown_it import MarkdownIt
from mdit_py_plugins.colon_fence import colon_fence_plugin

MARKDOWN = MarkdownIt("commonmark").use(colon_fence_plugin)
BLANK = "____"


@dataclass(frozen=True)
class Question:
    """One {quiz}. The text is the question without its listings; answers are letters, options are Markdown."""

    id: str
    place: str
    text: str
    listings: list[str]
    options: list[str]
    answers: list[str]
    explanation: str

    @property
    def numbers(self) -> list[float]:
        """The numbers in the text, in order."""
        return [number(found) for found in re.findall(r"\d[\d,]*(?:\.\d+)?", self.text)]

    def letters(self, holds: Callable[[str], bool]) -> list[str]:
        """The letters of the options that hold."""
        return [letter for letter, option in zip("ABCD", self.options, strict=True) if holds(option)]

    def filled(self, option: str) -> str:
        """The listing with an option in its blank."""
        (listing,) = self.listings
        assert listing.count(BLANK) == 1, f"{self.place}: one blank {BLANK} is needed"
        return listing.replace(BLANK, code(option))


def read(path: Path) -> list[Question]:
    """The questions of a page in order. Raises ValueError naming file and line for one that cannot be read."""
    fences = [token for token in MARKDOWN.parse(path.read_text(encoding="utf-8")) if token.info.startswith("{quiz}")]
    return [question(fence, f"{path.parent.name}/{path.name}:{fence.map[0] + 1}") for fence in fences]


def question(fence, place: str) -> Question:
    answer, _, body = fence.content.partition("\n")
    if not answer.startswith(":answer:"):
        raise ValueError(f"{place}: a question begins with :answer:, got {answer!r}")
    tokens, lines = MARKDOWN.parse(body), body.splitlines()
    lists = [token.map for token in tokens if token.type == "bullet_list_open" and token.level == 0]
    if len(lists) != 1:
        raise ValueError(f"{place}: the options must be one list, found {len(lists)}")
    start, end = lists[0]
    before = "\n".join(lines[:start])
    return Question(
        id=fence.info.removeprefix("{quiz}").strip(),
        place=place,
        text=re.sub(r"^```.*?^```", "", before, flags=re.DOTALL | re.MULTILINE).strip(),
        listings=[token.content for token in MARKDOWN.parse(before) if token.type == "fence"],
        options=[token.content for token in tokens if token.type == "inline" and start <= token.map[0] < end],
        answers=[letter.strip() for letter in answer.removeprefix(":answer:").split(",")],
        explanation="\n".join(lines[end:]).strip(),
    )


def code(option: str) -> str:
    """What stands between an option's backticks, joined by commas where there are several pieces."""
    return ", ".join(re.findall(r"`([^`]+)`", option))


def number(text: str) -> float:
    return float(text.replace(",", "").replace("−", "-"))


def value(option: str):
    """The number that an option gives, or the Python literal between its backticks, or a pair of these."""
    if "`" in option:
        return ast.literal_eval(option.replace("` and `", ", ").strip("`"))
    return number(option)


def answered(page: list[Question]):
    """A decorator that enters a function under the id of its question, and the tests that hold it to the page.

    The function takes the question and gives the letters that are right.
    """
    computed = {}

    def computes(name: str):
        return lambda function: computed.setdefault(name, function)

    class TestAnswers:
        @pytest.mark.parametrize("question", page, ids=lambda question: question.id)
        def test_the_marked_answer_is_the_computed_or_cited_one(self, question):
            if question.id in computed:
                letters = computed[question.id](question)
                assert letters == question.answers, f"{question.place}: computed {letters}, marked {question.answers}"
            else:
                assert "{cite}`" in question.explanation, f"{question.place}: neither computed nor cited"

        def test_every_computation_has_its_question(self):
            assert set(computed) <= {question.id for question in page}

    return computes, TestAnswers


def run(listing: str, **names) -> dict:
    """The names after a listing has run."""
    import keras

    names |= {"np": np, "keras": keras}
    exec(listing, names)
    return names


def passing(question: Question, works: Callable[[str], bool]) -> list[str]:
    """The letters of the options with which the listing works; an option that raises does not."""
    return question.letters(lambda option: survives(works, question.filled(option)))


def survives(works: Callable[[str], bool], listing: str) -> bool:
    """Whether a listing works, where an error counts as no."""
    try:
        return bool(works(listing))
    except (IndexError, ValueError):
        return False


def by_value(question: Question, right, *mistakes) -> list[str]:
    """The letters of the options with the right value; the others must be what these mistakes give."""
    values = [value(option) for option in question.options]
    assert sorted(values) == sorted([right, *mistakes]), f"{question.place}: computed {[right, *mistakes]}"
    return question.letters(lambda option: value(option) == right)


def by_claim(question: Question, claims: dict[str, bool]) -> list[str]:
    """The letters of the options whose claim was found true. A claim is named by how its option begins."""
    claimed = {option: [claims[name] for name in claims if option.startswith(name)] for option in question.options}
    assert all(len(found) == 1 for found in claimed.values()), f"{question.place}: {claimed}"
    return question.letters(lambda option: claimed[option][0])

"""Read the questions of a check.md: a small reader of its own, so that the tests do not trust the press."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

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


def by_value(question: Question, right: float, *mistakes: float) -> list[str]:
    """The letters of the options with the right number; the others must be what these mistakes give."""
    values = [number(option) for option in question.options]
    assert sorted(values) == sorted([right, *mistakes]), question.place
    return question.letters(lambda option: number(option) == right)


def by_claim(question: Question, claims: dict[str, bool]) -> list[str]:
    """The letters of the options whose claim was found true. A claim is named by how its option begins."""
    claimed = {option: [claims[name] for name in claims if option.startswith(name)] for option in question.options}
    assert all(len(found) == 1 for found in claimed.values()), f"{question.place}: {claimed}"
    return question.letters(lambda option: claimed[option][0])

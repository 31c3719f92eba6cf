"""An assignment made for one class: other letters and numbers in its questions, other seeds in its hidden tests."""

import hashlib
import hmac
import itertools
import re
from copy import deepcopy
from typing import TYPE_CHECKING

from .assignment import HIDDEN_TESTS, SOLUTION, grade_id, name_of_test, nbgrader_metadata
from .course import CourseError
from .renumber import exchange

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbformat import NotebookNode

OPTION = re.compile(r"^- \*\*([A-Z])\*\* (.+)$", re.M)
LETTER = re.compile(r'"([A-Z])"')
RANDOM_SEED = re.compile(r"(\bdefault_rng\(|\bseed=)\d+")
EVERYTHING = re.compile(".+", re.S)


class Dice:
    """Numbers that look random and follow from a secret and a name alone."""

    def __init__(self, secret: str):
        # Who sees the order of the options can try secrets until one gives it. This makes each try take long.
        self._key = hashlib.pbkdf2_hmac("sha256", secret.encode(), b"classroom", 600_000)

    def number(self, *name: object) -> int:
        """A number below 2**32, the same for the same name."""
        return int.from_bytes(hmac.digest(self._key, "/".join(map(str, name)).encode(), "sha256")[:4], "big")

    def choice(self, values: list[str], *name: object) -> str:
        """One of the values, the same for the same name."""
        return values[self.number(*name) % len(values)]


def vary(nb: "NotebookNode", chapter: str, dice: Dice) -> "NotebookNode":
    """A varied copy of an assignment without mistakes; CourseError if a choice question has not the usual form, or its
    numbers are not listed as renumber.py wants them.

    In the usual form the cell before the solution lists the options, `- **A** text`; the answer is one letter in
    quotes, and the hidden tests name each letter once in quotes, to tell the right one and what is wrong with the rest.
    """
    new = deepcopy(nb)
    cells = {grade_id(cell): cell for cell in new.cells}
    for text, solution, reasons in zip(new.cells, new.cells[1:], new.cells[2:], strict=False):
        if nbgrader_metadata(solution).get("solution"):
            task = grade_id(solution)
            test = cells[name_of_test(task)]
            if "classroom" in reasons.metadata:
                numbers = reasons.metadata.pop("classroom")["numbers"]
                _renumber(text, reasons, test, numbers, chapter, task, dice)
            if text.cell_type == "markdown" and OPTION.search(text.source):
                _shuffle(text, solution, test, chapter, task, dice)
            _reseed(test, chapter, task, dice)
    return new


def _renumber(
    text: "NotebookNode",
    reasons: "NotebookNode",
    test: "NotebookNode",
    numbers: dict,
    chapter: str,
    task: str,
    dice: Dice,
) -> None:
    """Give a question other numbers than those of the public edition, and its reasons and hidden tests with it."""
    heading, question = text.source.split("\n", 1)  # the heading tells the points
    try:
        change = exchange(numbers, lambda name, shown: dice.choice(shown[1:], chapter, task, name))
        text.source, reasons.source = f"{heading}\n{change(question)}", change(reasons.source)
        _change(test, HIDDEN_TESTS, EVERYTHING, lambda hidden: change(hidden[0]))
    except CourseError as error:
        raise CourseError(f"{chapter}: the numbers of {task!r}: {error}") from error


def _shuffle(
    text: "NotebookNode", solution: "NotebookNode", test: "NotebookNode", chapter: str, task: str, dice: Dice
) -> None:
    """Put the options into another order, and change the letters of the answer and of the hidden tests alike."""
    options = dict(OPTION.findall(text.source))
    letters = sorted(options)
    if sorted(_letters(test, HIDDEN_TESTS)) != letters or len(_letters(solution, SOLUTION)) != 1:
        raise CourseError(
            f"{chapter}: the options of {task!r} cannot be put into another order: its answer must be one letter in "
            f'quotes ("A"), and its hidden tests must name each of the letters {", ".join(letters)} once in quotes'
        )
    order = sorted(letters, key=lambda letter: dice.number(chapter, task, letter))
    old = dict(zip(letters, order, strict=True))
    new = dict(zip(order, letters, strict=True))
    text.source = OPTION.sub(lambda line: f"- **{line[1]}** {options[old[line[1]]]}", text.source)
    for cell, kind in ((solution, SOLUTION), (test, HIDDEN_TESTS)):
        _change(cell, kind, LETTER, lambda found: f'"{new[found[1]]}"')


def _reseed(test: "NotebookNode", chapter: str, task: str, dice: Dice) -> None:
    """Give the random numbers of the hidden tests other seeds."""
    count = itertools.count()
    _change(test, HIDDEN_TESTS, RANDOM_SEED, lambda found: f"{found[1]}{dice.number(chapter, task, next(count))}")


def _letters(cell: "NotebookNode", kind: str) -> list[str]:
    return [letter for block in _between(kind).findall(cell.source) for letter in LETTER.findall(block)]


def _change(cell: "NotebookNode", kind: str, pattern: re.Pattern, change: "Callable[[re.Match], str]") -> None:
    cell.source = _between(kind).sub(lambda block: pattern.sub(change, block[0]), cell.source)


def _between(kind: str) -> re.Pattern:
    return re.compile(f"BEGIN {kind}.*?END {kind}", re.S)

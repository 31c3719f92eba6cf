"""A graded assignment, run task by task in this process: the setup cell, an answer, the test cell of the task."""

import ast
import contextlib
import io
import re
import runpy
import warnings
from collections.abc import Callable
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
import pytest
from nbgrader.preprocessors import ClearHiddenTests, ClearSolutions

from classroom import assignment

SOLUTIONS = Path(__file__).parents[2] / "solutions"
CHAPTERS = sorted(path.stem for path in SOLUTIONS.glob("*/*.ipynb"))


class Verdict(NamedTuple):
    """What a test cell says of an answer: the error it raised, None if the points are won; and all that it printed."""

    error: Exception | None
    printed: str


class Assignment:
    """The notebook of a chapter; for each task by name its text, its tests, and the stub and the tests as released."""

    def __init__(self, chapter: str, notebook: nbformat.NotebookNode | None = None):
        self.notebook = notebook or nbformat.read(SOLUTIONS / chapter / f"{chapter}.ipynb", as_version=4)
        self.tasks = {task.name: task for task in assignment.tasks(self.notebook)}
        cells = {assignment.grade_id(cell): cell for cell in self.notebook.cells}
        self.setup = cells["setup"].source
        self.tests = {name: cells[assignment.name_of_test(name)].source for name in self.tasks}
        self.texts = {
            assignment.grade_id(cell): text.source
            for text, cell in zip(self.notebook.cells, self.notebook.cells[1:], strict=False)
            if assignment.grade_id(cell) in self.tasks
        }
        released = deepcopy(self.notebook)
        for clear in (ClearSolutions(), ClearHiddenTests()):
            released, _ = clear.preprocess(released, {})
        cells = {assignment.grade_id(cell): cell for cell in released.cells}
        self.stubs = {name: cells[name].source for name in self.tasks}
        self.visible_tests = {name: cells[assignment.name_of_test(name)].source for name in self.tasks}

    def asks_for(self, task: str) -> str:
        """The name of the function that a task asks for, or of the variable."""
        first = ast.parse(self.stubs[task]).body[0]
        return first.name if isinstance(first, ast.FunctionDef) else first.targets[0].id

    def is_choice(self, task: str) -> bool:
        return bool(self.options(task))

    def options(self, task: str) -> dict[str, str]:
        """The options of a choice question by letter, without their backticks."""
        lines = re.findall(r"^- \*\*(\w)\*\* (.+)$", self.texts[task], re.M)
        return {letter: text.strip("`") for letter, text in lines}

    def listing(self, task: str) -> str:
        """The Python listings in the text of a task."""
        return "\n".join(re.findall(r"^```python\n(.*?)^```", self.texts[task], re.M | re.S))

    def grade(self, task: str, source: str = "", visible: bool = False, **values: Any) -> Verdict:
        """Run the setup cell, the source of an answer or ready-made values, then the test cell or its visible part.

        An answer that raises is left where it stopped, as in a notebook that is run to its end.
        """
        namespace: dict = {"__name__": "__main__"}
        printed, error = io.StringIO(), None
        tests = self.visible_tests if visible else self.tests
        with warnings.catch_warnings(), contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            warnings.simplefilter("always")
            exec(compile(self.setup, "setup", "exec"), namespace)
            with contextlib.suppress(Exception):
                exec(compile(source, task, "exec"), namespace)
            namespace.update(values)
            try:
                exec(compile(tests[task], assignment.name_of_test(task), "exec"), namespace)
            except Exception as raised:
                error = raised
        return Verdict(error, printed.getvalue())


@cache
def notebook_of(chapter: str) -> Assignment:
    return Assignment(chapter)


@cache
def answers_of(chapter: str) -> dict[str, Any]:
    """The tables of a chapter's file of answers."""
    return runpy.run_path(str(Path(__file__).with_name(f"{chapter}.py")))


def coding(notebook: Assignment, task: str) -> bool:
    return not notebook.is_choice(task)


def choice(notebook: Assignment, task: str) -> bool:
    return notebook.is_choice(task)


def each_task(wanted: Callable[[Assignment, str], bool] = lambda notebook, task: True) -> list:
    """The parameters of a test that runs for every task of every chapter, or for those that are wanted."""
    return [
        pytest.param(chapter, task, id=f"{chapter}-{task}")
        for chapter in CHAPTERS
        for task in notebook_of(chapter).tasks
        if wanted(notebook_of(chapter), task)
    ]

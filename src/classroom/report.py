"""What a graded notebook says: points, and for each task that lost some the mistake that was recognised."""

import re
from dataclasses import dataclass

from nbformat import NotebookNode
from nbgrader.utils import compute_checksum, determine_grade

from .assignment import Task, grade_id, name_of_test

STOPPED = {"CellTimeoutError", "DeadKernelError", "NotReached"}
MAX_LENGTH = 400  # characters of a mistake that are shown


@dataclass(frozen=True)
class TaskResult:
    """One task's result. `mistake` is empty with full points; `attempted` is False for the released stub.

    stopped: a cell of it took too long, ended the kernel, or was not reached since an earlier one did.
    """

    task: str
    points: float
    max_points: float
    mistake: str
    lesson: str
    attempted: bool
    stopped: bool


@dataclass(frozen=True)
class Report:
    """A graded notebook: its tasks in order, and what had to be mended before it could be graded."""

    results: list[TaskResult]
    notes: list[str]

    @property
    def points(self) -> float:
        return sum(result.points for result in self.results)

    @property
    def max_points(self) -> float:
        return sum(result.max_points for result in self.results)


def read_report(nb: NotebookNode, tasks: list[Task]) -> Report:
    """The report of an autograded notebook (classroom.preprocessors), for the tasks of its assignment."""
    cells = {grade_id(cell): cell for cell in nb.cells}
    results = [_read_result(task, cells[task.name], cells[name_of_test(task.name)]) for task in tasks]
    return Report(results, nb.metadata.get("classroom", {}).get("notes", []))


def _read_result(task: Task, solution: NotebookNode, test: NotebookNode) -> TaskResult:
    points, max_points = determine_grade(test)
    attempted = compute_checksum(solution) != solution.metadata.nbgrader.checksum
    if points == max_points:
        mistake = ""
    elif not attempted:
        mistake = "not done yet"
    else:
        mistake = _mistake(_error_of(solution), _error_of(test))
    names = {error.ename for error in (_error_of(solution), _error_of(test)) if error is not None}
    return TaskResult(task.name, points, max_points, mistake, task.lesson, attempted, bool(names & STOPPED))


def _error_of(cell: NotebookNode) -> NotebookNode | None:
    """The last error: a time limit is noted after the KeyboardInterrupt it causes."""
    return next((output for output in reversed(cell.outputs) if output.output_type == "error"), None)


def _mistake(own: NotebookNode | None, tested: NotebookNode) -> str:
    """A test that says what it found knows best; else the error in the learner's own cell, which came first."""
    if own is None or tested.ename == "AssertionError":
        return _describe(tested)
    return f"your cell {_describe(own)}"


def _describe(error: NotebookNode) -> str:
    text = _one_line(error.evalue)
    match error.ename:
        case "AssertionError":
            return text or "a test failed that does not say why"
        case name if name in STOPPED:
            return text
        case "SyntaxError" | "IndentationError" | "TabError":
            return "does not parse: " + re.sub(r"\([^()]*, line (\d+)\)$", r"(line \1)", text)
        case "StdinNotImplementedError":
            return "waits for input(), and nobody answers while it is graded"
        case name:
            return f"raises {_one_line(name)}: {text}".removesuffix(": ")


def printable(text: str) -> str:
    """`text` on one line, without colours and what else a terminal would obey."""
    text = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text)
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _one_line(text: str) -> str:
    """`text` as it can be printed, and not too long for a terminal."""
    text = printable(text)
    return text if len(text) <= MAX_LENGTH else text[: MAX_LENGTH - 1] + "…"

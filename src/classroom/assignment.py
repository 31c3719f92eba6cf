"""What an assignment notebook in solutions/ looks like: its tasks, and the mistakes its author can make.

A task is a solution cell `<task>`, a Markdown cell with the tag `reasons`, and a test cell `<task>-test` whose metadata
names the lesson to read again. The metadata of the reasons may list numbers that a class's copy changes (renumber.py).
Other locked cells (`setup`) may stand around them.
"""

import ast
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .course import Course, CourseError

if TYPE_CHECKING:
    from nbformat import NotebookNode

TASK_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
# nbgrader matches the words wherever they stand in a line.
SOLUTION, HIDDEN_TESTS = "SOLUTION", "HIDDEN TESTS"


@dataclass(frozen=True)
class Task:
    """One task of an assignment, as its author wrote it."""

    name: str
    points: float
    lesson: str
    answer: str
    reasons: str


def read_assignment(course: Course, chapter: str) -> "NotebookNode":
    """The chapter's notebook in solutions/; CourseError with all its mistakes if it has any."""
    path = course.solution(course.chapter("solutions", chapter))
    nb = course.read(path)
    if found := mistakes(nb):
        raise CourseError("\n".join(f"{course.show(path)}: {mistake}" for mistake in found))
    return nb


def nbgrader_metadata(cell: "NotebookNode") -> dict:
    """nbgrader's part of a cell's metadata; empty where there is none, or none that has a meaning."""
    metadata = cell.metadata.get("nbgrader")
    return metadata if isinstance(metadata, dict) and isinstance(metadata.get("grade_id"), str) else {}


def grade_id(cell: "NotebookNode") -> str | None:
    return nbgrader_metadata(cell).get("grade_id")


def name_of_test(task: str) -> str:
    """The grade id of a task's test cell."""
    return f"{task}-test"


def tasks(nb: "NotebookNode") -> list[Task]:
    """The tasks of an assignment without mistakes, in order."""
    tests = {grade_id(cell): cell.metadata for cell in nb.cells}
    found: list[tuple[str, str]] = []
    reasons: dict[str, list[str]] = {}
    for cell in nb.cells:
        if nbgrader_metadata(cell).get("solution"):
            found.append((grade_id(cell), cell.source))
        elif _is_reasons(cell) and found:
            reasons.setdefault(found[-1][0], []).append(cell.source)
    return [
        Task(
            name=name,
            points=float(tests[name_of_test(name)].nbgrader.points),
            lesson=tests[name_of_test(name)].classroom.lesson,
            answer="\n".join(line for line in source.split("\n") if not re.search(f"(BEGIN|END) {SOLUTION}", line)),
            reasons="\n\n".join(reasons[name]),
        )
        for name, source in found
    ]


def mistakes(nb: "NotebookNode") -> list[str]:
    """What is wrong with an assignment notebook, one line each, naming the cell; empty if it can be released."""
    found = []
    ids = Counter(grade_id(cell) for cell in nb.cells if grade_id(cell))
    found += [f"cell {name!r}: {count} cells have this grade id" for name, count in ids.items() if count > 1]

    names = [grade_id(cell) for cell in nb.cells if nbgrader_metadata(cell).get("solution")]
    last, explained = None, set()
    for number, cell in enumerate(nb.cells, 1):
        metadata = nbgrader_metadata(cell)
        name = grade_id(cell)
        where = f"cell {name!r}" if name else f"cell {number} ({_first_line(cell)})"
        wrong = _delimiter_mistakes(cell, metadata)
        if nb.nbformat_minor >= 5 and "id" not in cell:
            wrong.append("it has no cell id: without one, every release differs from the last")
        if metadata.get("solution"):
            last = name
            wrong += _solution_mistakes(cell, metadata, ids)
        elif metadata.get("grade"):
            wrong += _test_mistakes(cell, metadata, names)
        elif _is_reasons(cell):
            explained.add(last)
        elif metadata and not metadata.get("locked"):
            wrong.append("it is neither a solution, a test nor locked: remove its nbgrader metadata")
        found += [f"{where}: {reason}" for reason in wrong]
    unexplained = [name for name in names if name not in explained]
    found += [f"cell {name!r}: no Markdown cell with the tag 'reasons' follows it" for name in unexplained]
    if not names:
        found.append("there is no solution cell in it")
    return found


def _is_reasons(cell: "NotebookNode") -> bool:
    return cell.cell_type == "markdown" and "reasons" in cell.metadata.get("tags", [])


def _first_line(cell: "NotebookNode") -> str:
    return cell.source.strip().split("\n")[0][:40] or "empty"


def _delimiter_mistakes(cell: "NotebookNode", metadata: dict) -> list[str]:
    wrong = []
    for kind, allowed, home in (
        (SOLUTION, metadata.get("solution"), "solution"),
        (HIDDEN_TESTS, metadata.get("grade"), "test"),
    ):
        marks = re.findall(f"(BEGIN|END) {kind}", cell.source)
        if marks != ["BEGIN", "END"] * (len(marks) // 2):
            wrong.append(f"BEGIN {kind} and END {kind} do not alternate ({' '.join(marks)})")
        if marks and not allowed:
            wrong.append(f"BEGIN {kind} belongs in a {home} cell")
    return wrong


def _solution_mistakes(cell: "NotebookNode", metadata: dict, ids: Counter) -> list[str]:
    wrong = []
    name = metadata["grade_id"]
    if not TASK_NAME.fullmatch(name) or name == "setup" or name.endswith("-test"):
        wrong.append("a task's name is lower-case words joined by hyphens, not 'setup', and does not end in '-test'")
    if metadata.get("grade") or cell.cell_type != "code":
        wrong.append("a solution cell is a code cell without points: the test cell has them")
    if f"BEGIN {SOLUTION}" not in cell.source:
        wrong.append(f"it has no BEGIN {SOLUTION}: all of it would be cut")
    if not ids[name_of_test(name)]:
        wrong.append(f"there is no test cell {name_of_test(name)!r} for it")
    return wrong


def _test_mistakes(cell: "NotebookNode", metadata: dict, names: list[str]) -> list[str]:
    wrong = []
    name = metadata["grade_id"]
    task = name.removesuffix("-test")
    if name == task:
        wrong.append("a test cell is named '<task>-test'")
    elif task not in names:
        wrong.append(f"there is no solution cell {task!r} for it")
    if cell.cell_type != "code" or not metadata.get("locked"):
        wrong.append("a test cell is a locked code cell")
    if not isinstance(metadata.get("points"), int | float) or metadata["points"] <= 0:
        wrong.append(f"its points are {metadata.get('points')!r}, and must be more than 0")
    classroom = cell.metadata.get("classroom")
    lesson = classroom.get("lesson") if isinstance(classroom, dict) else None
    if not isinstance(lesson, str) or not lesson:
        wrong.append('its metadata does not name the lesson to read again ("classroom": {"lesson": "…"})')
    return wrong + _silent_asserts(cell)


def _silent_asserts(cell: "NotebookNode") -> list[str]:
    try:
        tree = ast.parse(cell.source)
    except SyntaxError as error:
        return [f"it does not parse: {error.msg} (line {error.lineno})"]
    return [
        f"line {node.lineno}: this assert has no message that names the mistake"
        for node in ast.walk(tree)
        if isinstance(node, ast.Assert) and node.msg is None
    ]

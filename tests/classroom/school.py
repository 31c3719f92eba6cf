"""A small course of one assignment, and a way to write submissions for it."""

import json
import shutil
from concurrent.futures import Executor, Future
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from classroom.course import Course

ROOT = Path(__file__).parents[2]
CHAPTER = "1-demo"

SETUP = "import warnings\n\nimport numpy as np"
TASKS = {
    "mean-columns": {
        "points": 3,
        "lesson": "averages",
        "solution": """def mean_columns(x):
    ### BEGIN SOLUTION
    return x.mean(axis=0)
    ### END SOLUTION""",
        "reasons": "Axis 0 runs down a column.",
        "test": """x = np.array([[1.0, 2.0], [3.0, 6.0]])
assert mean_columns(x).shape == (2,), "the result has one number for each column"
assert np.allclose(mean_columns(x), [2, 4]), "you averaged along the wrong axis"
### BEGIN HIDDEN TESTS
assert np.array_equal(mean_columns(np.ones((1, 3))), [1, 1, 1]), "a batch of one goes wrong"
assert np.array_equal(mean_columns(np.array([[1.0, 1.0], [1.0, 3.0]])), [1, 2]), "the columns are mixed up"
### END HIDDEN TESTS""",
    },
    "half-rows": {
        "points": 2,
        "lesson": "slices",
        "solution": """def half_rows(x):
    ### BEGIN SOLUTION
    return x[::2]
    ### END SOLUTION""",
        "reasons": "A step of two takes every second row.",
        "test": """assert len(half_rows(np.zeros((4, 1)))) == 2, "half of four rows is two"
### BEGIN HIDDEN TESTS
assert len(half_rows(np.zeros((5, 1)))) == 3, "with an odd number of rows the last one counts"
### END HIDDEN TESTS""",
    },
    "choose-shape": {
        "points": 1,
        "lesson": "averages",
        "solution": """### BEGIN SOLUTION
answer_shape = "B"
### END SOLUTION""",
        "reasons": "The time axis is gone after the mean.",
        "test": """assert answer_shape in ("A", "B", "C", "D"), "answer with one of the letters A to D"
### BEGIN HIDDEN TESTS
assert answer_shape == "B", "the mean over time has no time axis"
### END HIDDEN TESTS""",
    },
}


class Here(Executor):
    """An executor of no process: what is submitted is done at once."""

    def __init__(self, count=1):
        assert count >= 1

    def submit(self, function, /, *args):
        future = Future()
        future.set_result(function(*args))
        return future


def nbgrader(name, **flags):
    """nbgrader's metadata of a cell."""
    defaults = {"schema_version": 3, "grade": False, "solution": False, "locked": False}
    return {"nbgrader": {**defaults, "grade_id": name, **flags}}


def assignment(tasks=TASKS):
    """An assignment as its author writes it."""
    cells = [
        new_markdown_cell("# Demo", id="title"),
        new_code_cell(SETUP, id="setup", metadata=nbgrader("setup", locked=True)),
    ]
    for name, task in tasks.items():
        test = nbgrader(f"{name}-test", grade=True, locked=True, points=task["points"])
        cells += [
            new_markdown_cell(f"## Task: {name}\n\nWrite it.", id=f"text-{name}"),
            new_code_cell(task["solution"], id=name, metadata=nbgrader(name, solution=True)),
            new_markdown_cell(task["reasons"], id=f"reasons-{name}", metadata={"tags": ["reasons"]}),
            new_code_cell(task["test"], id=f"{name}-test", metadata={**test, "classroom": {"lesson": task["lesson"]}}),
        ]
    kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nb = new_notebook(cells=cells, metadata={"kernelspec": kernelspec})
    nb.nbformat_minor = 5
    return nb


def cell(nb, name):
    """The last cell of a notebook with this grade id."""
    return [c for c in nb.cells if c.metadata.get("nbgrader", {}).get("grade_id") == name][-1]


def write(path, nb):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(nb), encoding="utf-8")


def read(path):
    return nbformat.read(path, as_version=4)


def answers(course, **changed):
    """The released notebook with the right answers, or others: `mean_columns="source"`."""
    nb = read(course.exercise(CHAPTER))
    for name, task in TASKS.items():
        cell(nb, name).source = changed.get(name.replace("-", "_"), task["solution"])
    return nb


def limit(course, seconds):
    """Let a cell take no longer than this."""
    with open(course.root / "nbgrader_config.py", "a") as config:
        config.write(f"\nc.Execute.timeout = {seconds}\n")


def write_course(root):
    """A course with one assignment and the lessons it names, not yet released."""
    root.mkdir()
    shutil.copy(ROOT / "nbgrader_config.py", root)
    course = Course(root)
    write(course.solution(CHAPTER), assignment())
    for name in ("averages", "slices"):
        write(course.lesson(CHAPTER, name), new_notebook())
    return course

"""The mistakes that an author can make, each found and named with its cell."""

import pytest
from school import TASKS, assignment, cell

from classroom.assignment import mistakes, tasks


def test_an_assignment_without_mistakes_has_its_tasks_in_order():
    nb = assignment()
    assert mistakes(nb) == []
    found = tasks(nb)
    assert [task.name for task in found] == list(TASKS)
    first = found[0]
    assert (first.points, first.lesson) == (3, "averages")
    assert first.answer == "def mean_columns(x):\n    return x.mean(axis=0)"
    assert first.reasons == "Axis 0 runs down a column."


def replace(nb, name, old, new):
    assert old in cell(nb, name).source
    cell(nb, name).source = cell(nb, name).source.replace(old, new)


def remove(nb, cell_id):
    nb.cells = [c for c in nb.cells if c.id != cell_id]


def change(nb, name, **metadata):
    cell(nb, name).metadata.nbgrader.update(metadata)


def rename(nb, task, name):
    change(nb, f"{task}-test", grade_id=f"{name}-test")
    change(nb, task, grade_id=name)


def without_id(nb):
    del nb.cells[0]["id"]


def solution_in_text(nb):
    nb.cells[2].source += "\n### BEGIN SOLUTION\n### END SOLUTION"


MISTAKES = [
    ("cell 'setup': 2 cells have this grade id", lambda nb: nb.cells.append(nb.cells[1])),
    (
        "cell 'half-rows': BEGIN SOLUTION and END SOLUTION do not alternate (BEGIN)",
        lambda nb: replace(nb, "half-rows", "\n    ### END SOLUTION", ""),
    ),
    ("cell 'half-rows': it has no BEGIN SOLUTION", lambda nb: cell(nb, "half-rows").update(source="pass")),
    (
        "cell 'half-rows-test': BEGIN HIDDEN TESTS and END HIDDEN TESTS do not alternate (END)",
        lambda nb: replace(nb, "half-rows-test", "### BEGIN HIDDEN TESTS\n", ""),
    ),
    ("cell 3 (## Task: mean-columns): BEGIN SOLUTION belongs in a solution cell", solution_in_text),
    ("cell 'half-rows-test': there is no solution cell 'half-rows' for it", lambda nb: remove(nb, "half-rows")),
    ("cell 'half-rows': there is no test cell 'half-rows-test' for it", lambda nb: remove(nb, "half-rows-test")),
    ("cell 'half-rows': no Markdown cell with the tag 'reasons'", lambda nb: remove(nb, "reasons-half-rows")),
    (
        "cell 'half-rows-test': its metadata does not name the lesson",
        lambda nb: cell(nb, "half-rows-test").metadata.pop("classroom"),
    ),
    ("cell 'half-rows-test': its points are 0,", lambda nb: change(nb, "half-rows-test", points=0)),
    ("cell 'half-rows-test': a test cell is a locked code cell", lambda nb: change(nb, "half-rows-test", locked=False)),
    ("cell 'half-rows': a solution cell is a code cell without points", lambda nb: change(nb, "half-rows", grade=True)),
    ("cell 'Half_Rows': a task's name is lower-case words", lambda nb: rename(nb, "half-rows", "Half_Rows")),
    ("cell 'half-test': a task's name is lower-case words", lambda nb: rename(nb, "half-rows", "half-test")),
    ("cell 'other': a test cell is named '<task>-test'", lambda nb: change(nb, "half-rows-test", grade_id="other")),
    (
        "cell 'half-rows-test': line 1: this assert has no message",
        lambda nb: replace(nb, "half-rows-test", ', "half of four rows is two"', ""),
    ),
    ("cell 'half-rows-test': it does not parse", lambda nb: replace(nb, "half-rows-test", "assert", "assert if")),
    ("cell 'setup': it is neither a solution, a test nor locked", lambda nb: change(nb, "setup", locked=False)),
    ("cell 1 (# Demo): it has no cell id", without_id),
    ("there is no solution cell in it", lambda nb: nb.cells.clear()),
]


@pytest.mark.parametrize(("message", "spoil"), MISTAKES, ids=[message for message, _ in MISTAKES])
def test_each_mistake_is_named_with_its_cell(message, spoil):
    nb = assignment()
    spoil(nb)
    assert any(line.startswith(message) for line in mistakes(nb)), mistakes(nb)

"""Submissions that are hostile before any of their cells runs: notebooks, folders, names of students."""

import json
import os
from collections.abc import Callable

from attacks import FULL, HONEST, NAME, WRONG, add, notebook
from nbformat.v4 import new_code_cell, new_output
from school import CHAPTER, TASKS, answers, cell

# Notebooks that are not as released


def edited(name: str, what: str, change: Callable | None, says: str = "", **answer: str) -> None:
    add(name, what, notebook(change=change, **answer), says)


def each_cell(act: Callable) -> Callable:
    def change(nb):
        for each in nb.cells:
            act(each)

    return change


def to(kind: str, end: str) -> Callable:
    """Cells of another kind."""

    def change(each):
        if each.cell_type == "code" and each.id.endswith(end):
            each.cell_type = kind
            del each["outputs"], each["execution_count"]

    return each_cell(change)


def grade_metadata(name: str, **changes) -> Callable:
    def change(nb):
        cell(nb, name).metadata["nbgrader"].update(changes)

    return change


def more_cells(*cells) -> Callable:
    return lambda nb: nb.cells.extend(cells)


def metadata(name: str, **flags) -> dict:
    whole = {"schema_version": 3, "grade": False, "solution": False, "locked": False, "grade_id": name, **flags}
    return {"nbgrader": whole}


def other_kernel(nb):
    nb.metadata["kernelspec"] = {
        "name": "evil",
        "display_name": "x",
        "argv": ["touch", "/tmp/attack-taken"],
        "language": "sh",
    }
    nb.metadata["language_info"] = {"name": "sh", "file_extension": "/../../x"}
    nb.metadata["nbgrader"] = {"db_url": "sqlite:////tmp/attack.db", "points": 100}
    nb.metadata["classroom"] = {"notes": ["all points"], "points": 100}


def tests_first(nb):
    tests = [each for each in nb.cells if each.id.endswith("-test")]
    nb.cells = tests + [each for each in nb.cells if each not in tests]


def same_ids(nb):
    for each in nb.cells:
        each.id = "same"


FAKE_NUMPY = (
    "class np:\n    allclose = array_equal = staticmethod(lambda *args: True)\nimport warnings\nlen = lambda x: 2"
)
PASSED = [new_output("execute_result", data={"text/plain": "3"}, execution_count=1)]

edited("other-kernel", "metadata that names another kernel, database and points", other_kernel)
edited(
    "edited-tests",
    "test cells that say pass",
    each_cell(lambda each: each.id.endswith("-test") and each.update(source="pass")),
)
edited("edited-setup", "a setup cell with a NumPy of its own", lambda nb: cell(nb, "setup").update(source=FAKE_NUMPY))
edited(
    "no-tests",
    "test cells deleted",
    lambda nb: nb.update(cells=[each for each in nb.cells if not each.id.endswith("-test")]),
)
edited("tests-first", "test cells before the tasks", tests_first)
edited("forged-points", "points in the metadata", grade_metadata("mean-columns-test", points=1000, max_score=1000))
edited("forged-checksum", "checksums in the metadata", grade_metadata("mean-columns-test", checksum="0" * 32))
edited(
    "task-as-test",
    "a task that says it is a locked test, to run where the tests run",
    grade_metadata("mean-columns", grade=True, solution=False, locked=True, points=3),
    mean_columns=FAKE_NUMPY,
)
edited(
    "task-as-setup",
    "a task that says it is locked, to run where the tests run",
    grade_metadata("mean-columns", solution=False, locked=True),
    mean_columns=FAKE_NUMPY,
)
edited(
    "own-setup",
    "an own cell that says it is a locked setup",
    more_cells(new_code_cell(FAKE_NUMPY, metadata=metadata("mine", locked=True))),
)
edited(
    "own-test",
    "an own test cell of 100 points",
    more_cells(new_code_cell("pass", metadata=metadata("mine", grade=True, locked=True, points=100))),
)
edited(
    "second-test",
    "a second cell with a test's grade id, after it",
    more_cells(new_code_cell("pass", metadata=metadata("mean-columns-test", grade=True, locked=True, points=3))),
)
edited(
    "second-setup",
    "a second cell with the setup's grade id",
    more_cells(new_code_cell(FAKE_NUMPY, metadata=metadata("setup", locked=True))),
)
edited("test-is-task", "a test's grade id on the task", grade_metadata("mean-columns", grade_id="mean-columns-test"))
edited(
    "odd-grade-ids",
    "grade ids that are no text",
    each_cell(lambda each: each.metadata.update(nbgrader={"grade_id": ["x"], "points": {}})),
)
edited("markdown-task", "a task that is Markdown", to("markdown", "mean-columns"))
edited("raw-tests", "tests that are raw cells", to("raw", "-test"))
edited(
    "tags",
    "tags that mean something to nbgrader, nbclient and nbconvert",
    each_cell(
        lambda each: each.metadata.update(
            tags=["skip-execution", "raises-exception", "remove-cell", "nbgrader", "parameters"], deletable=False
        )
    ),
)
edited("same-ids", "cells with one id", same_ids)
edited(
    "outputs",
    "outputs of tests that have passed",
    each_cell(lambda each: each.id.endswith("-test") and each.update(outputs=PASSED, execution_count=1)),
)
edited(
    "sql",
    "SQL in a name and in an answer",
    grade_metadata("half-rows-test", grade_id="x'; DROP TABLE grade; --"),
    choose_shape="""answer_shape = "A'; UPDATE grade SET auto_score = 99; --" """,
)
edited(
    "magic",
    "magics that run something else",
    None,
    mean_columns="%%bash\ntouch @root@/taken /jail/taken",
    half_rows="%run @root@/solutions/1-demo/1-demo.ipynb\n!touch @file@.taken",
    choose_shape="%load @file@\n%env",
)
edited(
    "late-loop",
    "slow cells without number",
    more_cells(*(new_code_cell("import time; time.sleep(1.9)") for _ in range(100))),
    says="took all the time that there is",
)

# Folders that are not what they seem


def link(target: str) -> Callable:
    def hand_in(course, folder, world):
        (folder / NAME).symlink_to(world.fill(target))

    return hand_in


def folder_link(target: str, up: int) -> Callable:
    """A link in place of the chapter's folder, or of the student's."""

    def hand_in(course, folder, world):
        place = [folder, folder.parent][up]
        folder.rmdir()
        if up:
            folder.parent.rmdir()
        place.symlink_to(world.fill(target))

    return hand_in


def pipe(course, folder, world):
    os.mkfifo(folder / NAME)


def directory(course, folder, world):
    (folder / NAME).mkdir()


def sparse(course, folder, world):
    with open(folder / NAME, "w") as file:
        file.truncate(100 << 30)


def device(course, folder, world):
    (folder / NAME).symlink_to("/dev/zero")


def hostile_files(course, folder, world):
    notebook()(course, folder, world)
    code = f"import pathlib; pathlib.Path({str(world.root / 'taken')!r}).touch()\n"
    for name in ("numpy.py", "sitecustomize.py", "usercustomize.py", "conftest.py", "nbgrader_config.py", "json.py"):
        (folder / name).write_text(code)
        (folder.parent / name).write_text(code)
    (folder / "numpy.pth").write_text(f"import os; {code}")
    (folder / "timestamp.txt").write_text("1970-01-01'; DROP TABLE grade; --")
    (folder / "comments").mkdir()
    (folder / "link").symlink_to("/")


def bomb(course, folder, world):
    (folder / NAME).write_text('{"cells": ' + "[" * 100_000 + "]" * 100_000 + "}")


def paths(course, folder, world):
    nb = answers(course, **WRONG)
    nb.cells[0]["attachments"] = {"../../../../etc/passwd": {"text/plain": "x"}, str(world.file): {"text/plain": "x"}}
    nb.cells[0]["source"] = f"![x](file://{world.file}) {{{{ 7 * 7 }}}} {{% include '{world.file}' %}}"
    nb.metadata["name"] = "../../../solutions/1-demo/1-demo"
    (folder / NAME).write_text(json.dumps(nb))


add("link-notebook", "a link to another's notebook", link(f"../../{HONEST}/{CHAPTER}/{NAME}"), "it is a link")
add("link-solution", "a link to the solution", link(f"@root@/solutions/{CHAPTER}/{NAME}"), "it is a link")
add(
    "link-folder",
    "a link to another's folder of the chapter",
    folder_link(f"../{HONEST}/{CHAPTER}", 0),
    "its folder is a link",
)
add("link-student", "a link to another's folder", folder_link(HONEST, 1), "its folder is a link")
add(
    "link-solutions",
    "a link to the folder of the solutions",
    folder_link("@root@/solutions", 1),
    "its folder is a link",
)
add("pipe", "a pipe for a notebook, which nobody fills", pipe, "it is not a file")
add("device", "a link to a device without end", device, "it is a link")
add("folder", "a folder named like the notebook", directory, "it is a folder")
add("sparse-notebook", "a notebook of 100 GB, of zeros", sparse, "MB are read")
add("files", "files that Python or nbgrader may read on their way", hostile_files)
add("nested-notebook", "a notebook of brackets", bomb, "it is not a notebook")
add("paths", "attachments and links with paths out of the folder", paths)

# Names of students; what they hand in is right

NAMES = [
    *["--db=sqlite:___attack.db", "-rf", "a student", "学生 ä é", "A+B", "nul.", "a\\b", "n" * 120, "rtl\u202ecod.exe"],
    *["=HYPERLINK(1)", "@SUM(1+1)", "+1", "<script>alert(1)<", "{student_id}{0}%s%(x)s", "$(touch taken)`id`"],
    "'; DROP TABLE student; --",
]
REFUSED = [f"{HONEST} ", "[ab]*?", "two\nlines", "tab\there", "bold\x1b[31m\x07", "not-utf8-\udcff\udcfe"]
RIGHT = {name.replace("-", "_"): task["solution"] for name, task in TASKS.items()}
for each in NAMES:
    add(each, "a right answer under an odd name", notebook(**RIGHT), points=FULL)
for each in REFUSED:
    add(each, "a right answer under a name that is none", notebook(**RIGHT), "rename the folder", {})

"""Whatever people hand in gets a row with a grade and a reason: one run of `classroom grade` over all of it."""

import copy
import json
import shutil
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from school import CHAPTER, TASKS, answers, cell, limit, write, write_course

from classroom.__main__ import main
from classroom.release import release
from classroom.results import GRADED, STOPPED, UNREADABLE

pytestmark = pytest.mark.slow

NAME = f"{CHAPTER}.ipynb"
SECONDS = 4  # that a cell may take
FULL = {name: task["points"] for name, task in TASKS.items()}
NOTHING = dict.fromkeys(FULL, 0)
MEAN, HALF, SHAPE = FULL


@dataclass(frozen=True)
class Case:
    """A submission and its row. hand_in: writes it into its folder, which is there; lost: the tasks without points.

    reason: how the row's reason begins. mistakes: the beginnings of what is said of the lost tasks.
    """

    hand_in: Callable
    lost: tuple = ()
    state: str = GRADED
    reason: str = ""
    mistakes: dict[str, str] | None = None


CASES: dict[str, Case] = {}


def case(name: str, hand_in: Callable, *lost: str, state: str = GRADED, reason: str = "", **mistakes: str) -> None:
    assert name not in CASES
    lost = lost or tuple(task.replace("_", "-") for task in mistakes)
    CASES[name] = Case(hand_in, lost, state, reason, {task.replace("_", "-"): text for task, text in mistakes.items()})


def notebook(change: Callable | None = None, **answer: str) -> Callable:
    """Hands in a notebook with right answers, some others in their place, and changed by `change`."""

    def hand_in(course, folder):
        nb = answers(course, **{name: textwrap.dedent(source) for name, source in answer.items()})
        write(folder / NAME, nb if change is None else change(nb) or nb)

    return hand_in


def own(source: str, before: str = "half-rows", **answer: str) -> Callable:
    """Hands in right answers and a cell of the learner's own."""

    def change(nb):
        place = nb.cells.index(cell(nb, before))
        nb.cells.insert(place, new_code_cell(textwrap.dedent(source)))

    return notebook(change, **answer)


def content(data: bytes | str) -> Callable:
    """Hands in a file with this content under the assignment's name."""

    def hand_in(course, folder):
        (folder / NAME).write_bytes(data if isinstance(data, bytes) else data.encode())

    return hand_in


def half(body: str) -> str:
    """An answer to half-rows, from the body of its function."""
    return "def half_rows(x):\n" + textwrap.indent(textwrap.dedent(body).strip(), "    ")


# Files and folders


def rename(name: str) -> Callable:
    def hand_in(course, folder):
        write(folder / name, answers(course))

    return hand_in


def two(names: tuple[str, str], first: Callable, second: Callable) -> Callable:
    def hand_in(course, folder):
        for name, make in zip(names, (first, second), strict=True):
            write(folder / name, make(course))

    return hand_in


def other(course):
    """The notebook of another assignment."""
    return new_notebook(cells=[new_code_cell("1", metadata={"nbgrader": {"grade_id": "setup"}})])


def beside(course, folder):
    folder.rmdir()
    write(folder.parent / NAME, answers(course))


def link(target: Path) -> Callable:
    def hand_in(course, folder):
        (folder / NAME).symlink_to(target)

    return hand_in


def old_format(course, folder):
    old = nbformat.convert(copy.deepcopy(answers(course)), 3)
    (folder / NAME).write_text(nbformat.v3.nbjson.writes(old))


def sparse(course, folder):
    with open(folder / NAME, "wb") as file:
        file.truncate(501_000_000)


def encoded(encoding: str) -> Callable:
    def hand_in(course, folder):
        nb = answers(course, half_rows=half("return x[::2]  # die Hälfte"))
        (folder / NAME).write_bytes(json.dumps(nb, ensure_ascii=False).encode(encoding))

    return hand_in


case(
    "folder-empty",
    lambda course, folder: folder.rmdir(),
    *FULL,
    state=UNREADABLE,
    reason=f"there is no folder {CHAPTER}",
)
case("chapter-empty", lambda course, folder: None, *FULL, state=UNREADABLE, reason="there is no notebook")
case("beside", beside, *FULL, state=UNREADABLE, reason=f"there is no folder {CHAPTER}; {NAME} lies beside")
case("renamed", rename("my final (2).ipynb"), reason="the notebook was named my final (2).ipynb")
case("deeper", rename("work/today/demo.ipynb"), reason="the notebook was named work/today/demo.ipynb")
case(
    "two-one-right",
    two(("a.ipynb", "b.ipynb"), other, answers),
    reason="a.ipynb: it has no cell of this assignment's tasks; the notebook was named b.ipynb",
)
case(
    "two-none-right",
    two(("a.ipynb", "b.ipynb"), other, other),
    *FULL,
    state=UNREADABLE,
    reason="a.ipynb: it has no cell of this assignment's tasks; b.ipynb: it has",
)
case("two-names", two((NAME, "Untitled.ipynb"), answers, other))
case(
    "other-notebook",
    two((NAME, "real.ipynb"), other, answers),
    reason=f"{NAME}: it has no cell of this assignment's tasks; the notebook was named real.ipynb",
)
case(
    "checkpoint",
    rename(".ipynb_checkpoints/x-checkpoint.ipynb"),
    *FULL,
    state=UNREADABLE,
    reason="there is no notebook",
)
case("with-files", two((NAME, "data/notes.ipynb"), answers, other))
case("empty-file", content(""), *FULL, state=UNREADABLE, reason=f"{NAME}: it is empty")
case(
    "no-json",
    content("Here is my homework"),
    *FULL,
    state=UNREADABLE,
    reason=f"{NAME}: it is not a notebook: it does not parse as JSON",
)
case("json-list", content("[1, 2]"), *FULL, state=UNREADABLE, reason=f"{NAME}: it is not a notebook: ")
case("json-object", content('{"cells": 3}'), *FULL, state=UNREADABLE, reason=f"{NAME}: it is not a notebook: ")
case(
    "cut-off",
    content(b'{"cells": [{"cell_type": "code", "sour'),
    *FULL,
    state=UNREADABLE,
    reason=f"{NAME}: it is not a notebook: it does not",
)
case("format-3", old_format)
case("byte-order-mark", encoded("utf-8-sig"))
case("latin-1", encoded("latin-1"), *FULL, state=UNREADABLE, reason=f"{NAME}: it is not a notebook: byte")
case("utf-16", encoded("utf-16"), *FULL, state=UNREADABLE, reason=f"{NAME}: it is not a notebook: byte 1 is not UTF-8")
case(
    "20-mb-of-brackets",
    content('{"cells": ' + "[" * 20_000_000),
    *FULL,
    state=UNREADABLE,
    reason=f"{NAME}: it is not a notebook: maximum recursion depth",
)
case(
    "20-mb-of-objects",
    content('{"cells": [], "metadata": {"a": [' + "{}," * 7_000_000 + "{}]}}"),
    *FULL,
    state=UNREADABLE,
    reason=f"{NAME}: it has 28 MB without its outputs",
)
case("501-mb", sparse, *FULL, state=UNREADABLE, reason=f"{NAME}: it has 501 MB, and at most 500 MB are read")
case(
    "a-folder",
    lambda course, folder: (folder / NAME).mkdir(),
    *FULL,
    state=UNREADABLE,
    reason=f"{NAME}: it is a folder",
)
case("dangling", link(Path("nowhere")), *FULL, state=UNREADABLE, reason=f"{NAME}: it is a link")


# Cells


def without(*names: str) -> Callable:
    def change(nb):
        nb.cells = [c for c in nb.cells if c.metadata.get("nbgrader", {}).get("grade_id") not in names]

    return change


def edited(name: str, source: str) -> Callable:
    def change(nb):
        cell(nb, name).source = source

    return change


def metadata(**values) -> Callable:
    def change(nb):
        nb.metadata = values

    return change


def reverse(nb):
    nb.cells.reverse()


def empty(nb):
    nb.cells = []


def unmark(nb):
    for each in nb.cells:
        each.metadata = {}


def doubled(nb):
    wrong = copy.deepcopy(cell(nb, "half-rows"))
    wrong.source, wrong.id = half("return 1"), "first-try"
    nb.cells.insert(nb.cells.index(cell(nb, "half-rows")), wrong)


def doubled_test(nb):
    nb.cells.append(copy.deepcopy(cell(nb, "half-rows-test")))
    nb.cells[-1].id = "again"


def as_markdown(nb):
    old = cell(nb, "half-rows")
    nb.cells[nb.cells.index(old)] = new_markdown_cell(old.source, metadata=old.metadata)


def stored_result(nb):
    """Outputs that say full points, in answers that have none."""
    for name in FULL:
        cell(nb, f"{name}-test").outputs = [new_output("execute_result", {"text/plain": "3"}, execution_count=1)]


def same_ids(nb):
    for each in nb.cells:
        each.id = "same"


def no_ids(nb):
    nb.nbformat_minor = 2
    for each in nb.cells:
        del each["id"]


def odd_metadata(nb):
    cell(nb, "half-rows-test").metadata.nbgrader = {"grade_id": ["half-rows-test"]}
    nb.cells[0].metadata = {"nbgrader": "none"}


def newer_format(nb):
    nb.nbformat = 5


def with_output(size: int) -> Callable:
    def change(nb):
        cell(nb, "half-rows").outputs = [new_output("stream", text="z" * size)]

    return change


def bad_outputs(nb):
    cell(nb, "half-rows").outputs = [{"output_type": "stream", "text": 5}, {"what": "ever"}]


case("deleted-tests", notebook(without(f"{MEAN}-test", f"{SHAPE}-test")), reason=f"the cell '{MEAN}-test' was deleted")
case("deleted-answers", notebook(without(MEAN, SHAPE)), MEAN, SHAPE, reason=f"the cell '{MEAN}' was deleted")
case("deleted-task", notebook(without(HALF, f"{HALF}-test")), HALF, reason=f"the cell '{HALF}' was deleted")
case("deleted-setup", notebook(without("setup")), reason="the cell 'setup' was deleted")
case(
    "deleted-all", notebook(empty), *FULL, state=UNREADABLE, reason=f"{NAME}: it has no cell of this assignment's tasks"
)
case("unmarked", notebook(unmark), *FULL, state=UNREADABLE, reason=f"{NAME}: it has no cell of this assignment's tasks")
case("doubled-answer", notebook(doubled), reason=f"there is more than one cell '{HALF}'; the last one counts")
case("doubled-test", notebook(doubled_test), reason=f"there is more than one cell '{HALF}-test'")
case(
    "edited-test",
    notebook(edited(f"{HALF}-test", "pass"), half_rows=half("return 1")),
    reason=f"the cell '{HALF}-test' is not as released",
    half_rows="raises TypeError",
)
case("edited-setup", notebook(edited("setup", "import numpy as xp")), reason="the cell 'setup' is not as released")
case("reversed", notebook(reverse), reason="cells were moved; each test was run after its task")
case("answer-as-text", notebook(as_markdown))
case("stored-result", notebook(stored_result, half_rows=half("return [1]")), half_rows="half of four rows is two")
case("bad-outputs", notebook(bad_outputs))
case("3-mb", notebook(with_output(3_000_000)))
case("200-mb", notebook(with_output(200_000_000)))
case(
    "3-mb-of-source",
    own("# " + "z" * 3_000_000),
    *FULL,
    state=UNREADABLE,
    reason=f"{NAME}: it has 3 MB without its outputs, and at most 2 MB are read",
)
case("same-ids", notebook(same_ids))
case("no-ids", notebook(no_ids))
case("odd-metadata", notebook(odd_metadata), reason=f"the cell '{HALF}-test' was deleted; it was put back")
case("format-5", notebook(newer_format), *FULL, state=UNREADABLE, reason=f"{NAME}: it is not a notebook: ")
case("julia", notebook(metadata(kernelspec={"name": "julia-1.9", "display_name": "Julia", "language": "julia"})))
case("no-kernel", notebook(metadata()))
case("released", lambda course, folder: shutil.copy(course.exercise(CHAPTER), folder), *FULL)


# Right answers, whatever else they do

case("plain", notebook())
case("odd name Ö'#%+é (x)", notebook())
case(
    "warns",
    notebook(
        half_rows=half("""
    import logging, sys, os
    warnings.warn("odd")
    np.log(np.zeros(1))
    print("hello")
    print("\\x1b[31mred", file=sys.stderr)
    logging.getLogger().error("an error, it seems")
    os.write(2, b"straight to the screen")
    return x[::2]""")
    ),
)
case("raises-warnings", own("np.seterr(all='raise')\nwarnings.simplefilter('error')"))
case(
    "figure",
    own(
        """
    %matplotlib inline
    import matplotlib.pyplot as plt
    fig, axes = plt.subplots()
    axes.plot([1, 2])
    plt.show()
    shown = True""",
        half_rows=half("plt.figure(); assert shown; return x[::2]"),
    ),
)
case("shows-result", notebook(half_rows=half("return x[::2]") + "\nhalf_rows(np.zeros((2, 2)))"))
case(
    "displays", own("from IPython.display import HTML, clear_output, display\ndisplay(HTML('<b>'), 3)\nclear_output()")
)
case(
    "magics",
    own(
        """
    %timeit -n 1 -r 1 sum(range(9))
    !ls
    files = !ls
    %pwd
    %config InlineBackend.figure_format = "svg"
    step = 2""",
        half_rows=half("return x[::step]"),
    ),
)
case("cell-magic", own("%%time\nstep = 2", half_rows=half("return x[::step]")))
case("exits", own("import sys\nsys.exit()"))
case("quits", own("exit"))
case(
    "awaits",
    own(
        """
    import asyncio
    await asyncio.sleep(0)
    async def two():
        return 2
    step = (await asyncio.gather(two(), two()))[0]""",
        half_rows=half("return x[::step]"),
    ),
)
case("prints-100-mb", own("for _ in range(100):\n    print('z' * 1_000_000)"))
case("prints-100-mb-when-called", notebook(half_rows=half("print('z' * 100_000_000); return x[::2]")))
case("own-error", own("1 / 0"))
case("own-syntax-error", own("def f(:"))
case("raises-after", notebook(half_rows=half("return x[::2]") + "\nassert False, 'no'"))
case("own-loop", own("import time\nwhile True: time.sleep(0.1)"))
case("threads", own("import threading, time\nthreading.Thread(target=time.sleep, args=(60,)).start()"))
case("leaves", own("import os\nos.chdir('/')\nos.environ.clear()"))
case("list", notebook(half_rows=half("return [list(row) for row in x[::2]]")))
case("tuple", notebook(half_rows=half("return tuple(map(tuple, x[::2]))")))
case("float32", notebook(mean_columns="def mean_columns(x):\n    return x.mean(axis=0).astype(np.float32)"))
case("matrix", notebook(half_rows=half("return np.matrix(x)[::2]")))
case("masked", notebook(half_rows=half("return np.ma.masked_array(x)[::2]")))
case("fortran", notebook(half_rows=half("return np.asfortranarray(x)[::2]")))
case("view", notebook(mean_columns="def mean_columns(x):\n    return np.stack([x.mean(axis=0)] * 3)[1]"))
case("read-only", notebook(half_rows=half("x = x[::2]; x.flags.writeable = False; return x")))
case(
    "helpers",
    own(
        """
    from dataclasses import dataclass
    @dataclass
    class Step:
        size: int = 2
        def __mul__(self, x):
            return take(x, self)
    def take(x, step):
        return x[::step.size]""",
        half_rows=half("return Step() * x"),
    ),
)
case("recursion", notebook(half_rows=half("return np.concatenate([x[:1], half_rows(x[2:])]) if len(x) else x")))
case(
    "generator",
    notebook(half_rows=half("return np.array([*(row for number, row in enumerate(x) if number % 2 == 0)])")),
)
case("counter", own("calls = 0", half_rows=half("global calls; calls += 1; assert calls < 9; return x[::2]")))
case(
    "cached",
    own(
        """
    import functools
    @functools.lru_cache
    def rows(count):
        return list(range(0, count, 2))""",
        half_rows=half("return x[rows(len(x))]"),
    ),
)
case("lambda", notebook(half_rows="half_rows = lambda x: x[::2]"))
case("partial", notebook(half_rows="import functools\nhalf_rows = functools.partial(lambda step, x: x[::step], 2)"))
case("object", notebook(half_rows="class Half:\n    def __call__(self, x):\n        return x[::2]\nhalf_rows = Half()"))
case(
    "method", notebook(half_rows="class Half:\n    def rows(self, x):\n        return x[::2]\nhalf_rows = Half().rows")
)
case("vectorize", notebook(half_rows="half_rows = np.vectorize(lambda x: x[::2], signature='(t,n)->(s,n)')"))
case("keyword-only", notebook(half_rows="def half_rows(x, /, *, step=2, **rest):\n    return x[::step]"))
case("any-arguments", notebook(half_rows="def half_rows(*args, **kwargs):\n    return args[0][::2]"))
case("numpy-answer", notebook(choose_shape="answer_shape = np.str_('B')"))
case("changes-harmlessly", notebook(half_rows=half("x += 0; return x[::2]")))
case("seeds", own("import random\nrandom.seed(3)\nnp.random.seed(3)"))
case("overwrites-setup", own("import math as np2\nwarnings = None"))


# Wrong answers, and those that stop

case("waits", notebook(half_rows=half("return input()")), half_rows="waits for input()")
case("waits-in-own-cell", own("name = input('Your name? ')"))
case(
    "no-syntax",
    notebook(half_rows="def half_rows(x)\n    return x"),
    half_rows="your cell does not parse: expected ':' (line 1)",
)
case("exits-when-called", notebook(half_rows=half("import sys; sys.exit(3)")), half_rows="raises SystemExit: 3")
case("missing-name", notebook(half_rows="halve = 3"), half_rows="raises NameError: name 'half_rows' is not defined")
case(
    "no-function", notebook(half_rows="half_rows = [1, 2]"), half_rows="raises TypeError: 'list' object is not callable"
)
case("key-error", notebook(half_rows=half("return {}['rows']")), half_rows="raises KeyError: 'rows'")
case(
    "axis-error",
    notebook(mean_columns="def mean_columns(x):\n    return x.mean(axis=2)"),
    mean_columns="raises AxisError: axis 2 is out of bounds for array of dimension 2",
)
case(
    "own-exception",
    notebook(half_rows="class Odd(Exception): pass\n" + half("raise Odd('why')")),
    half_rows="raises Odd: why",
)
case(
    "exception-group",
    notebook(half_rows=half("raise ExceptionGroup('both', [ValueError()])")),
    half_rows="raises ExceptionGroup: both",
)
case(
    "returns-generator",
    notebook(half_rows=half("yield 1")),
    half_rows="raises TypeError: it returns what no test can take: generator is no data",
)
case(
    "returns-objects",
    notebook(half_rows=half("return np.array([None] * 2)")),
    half_rows="raises TypeError: it returns what no test can take: an array of object",
)
case(
    "huge-number",
    notebook(half_rows=half("return 10 ** 5000")),
    half_rows="raises TypeError: object of type 'int' has no len()",
)
case(
    "cached-array",
    notebook(half_rows="import functools\n@functools.cache\n" + half("return x[::2]")),
    half_rows="raises TypeError: unhashable type: 'numpy.ndarray'",
)
case(
    "infinite-recursion",
    notebook(half_rows=half("return half_rows(x)")),
    half_rows="raises RecursionError: maximum recursion depth",
)
case(
    "changes-argument",
    notebook(mean_columns="def mean_columns(x):\n    x[:] = x.mean(axis=0); x += 1; return x[0] - 1"),
    mean_columns="you averaged along the wrong axis",
)
case(
    "too-much-to-hand-over",
    notebook(half_rows=half("return np.zeros(10**7)")),
    half_rows="raises TypeError: it returns what no test can take: 76 MB, at most 64 MB",
)
case("loop-in-answer", notebook(half_rows=half("return x[::2]") + "\nwhile True: pass"))
case(
    "loop-before-answer",
    notebook(half_rows="import time\nwhile True: time.sleep(0.1)\n" + half("return x[::2]")),
    half_rows=f"your cell took longer than {SECONDS} s",
    state=STOPPED,
    reason=f"{HALF}: your cell took longer than {SECONDS} s",
)
case(
    "loop-when-called",
    notebook(half_rows=half("while True: pass")),
    half_rows=f"took longer than {SECONDS} s",
    state=STOPPED,
    reason=f"{HALF}: took longer than {SECONDS} s",
)
case(
    "prints-without-end",
    notebook(half_rows=half("while True: print('z' * 1000)")),
    half_rows=f"took longer than {SECONDS} s",
    state=STOPPED,
    reason=f"{HALF}: took longer than {SECONDS} s",
)
case(
    "loop-uninterruptible",
    notebook(half_rows="import signal\nsignal.signal(signal.SIGALRM, signal.SIG_IGN)\nwhile True: pass"),
    HALF,
    SHAPE,
    state=STOPPED,
    reason=f"{HALF}: ",
)
case(
    "loop-that-catches",
    notebook(
        half_rows=half("""
    import time
    while True:
        try:
            time.sleep(60)
        except BaseException:
            pass""")
    ),
    HALF,
    SHAPE,
    state=STOPPED,
    reason=f"{HALF}: ",
)
case(
    "dies",
    own("import os\nos._exit(0)"),
    HALF,
    SHAPE,
    state=STOPPED,
    reason=f"{HALF}: your cell was not reached: the cell 7 ended the kernel",
)
case(
    "dies-at-the-end",
    own("import os\nos._exit(0)", before=f"{SHAPE}-test"),
    SHAPE,
    state=STOPPED,
    reason=f"{SHAPE}: was not reached: ",
)
case(
    "dies-in-answer",
    notebook(half_rows="import ctypes\nctypes.string_at(0)"),
    HALF,
    SHAPE,
    state=STOPPED,
    reason=f"{HALF}: your cell ",
)
case(
    "dies-when-called",
    notebook(half_rows=half("import os; os.abort()")),
    HALF,
    SHAPE,
    state=STOPPED,
    reason=f"{HALF}: ",
)
case(
    "memory-at-once",
    notebook(half_rows=half("return np.ones(5 * 2**30 // 8)")),
    half_rows="raises MemoryError: Unable to allocate",
)
case(
    "memory-bit-by-bit",
    notebook(half_rows=half("kept = []\nwhile True: kept.append(np.zeros(10**7))")),
    half_rows="raises MemoryError",
)
case("memory-in-own-cell", own("kept = []\nwhile True: kept.append(bytearray(10**8))"))
case("disk", own("with open('big', 'wb') as file:\n    while True: file.write(bytes(10**7))"))
case(
    "disk-when-called", notebook(half_rows=half("open('big', 'wb').write(bytes(10**8))")), half_rows="raises OSError: "
)


@pytest.fixture(scope="module")
def graded(jailed, tmp_path_factory):
    """The rows by student, of one run over all submissions."""
    course = write_course(tmp_path_factory.mktemp("odd") / "course")
    release(course)
    limit(course, SECONDS)
    for name, each in CASES.items():
        folder = course.root / "submitted" / name / CHAPTER
        folder.mkdir(parents=True)
        each.hand_in(course, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(course.root)
        patch.delenv("CLASSROOM_DB", raising=False)
        assert main(["grade", CHAPTER, "--jobs", "2"]) == 0
    rows = json.loads((course.root / f"grades-{CHAPTER}.json").read_text(encoding="utf-8"))["results"]
    yield {row["student"]: row for row in rows}
    shutil.rmtree(course.root)  # some are large


def test_each_has_a_row_and_no_one_else(graded):
    assert sorted(graded) == sorted(CASES)


@pytest.mark.parametrize("name", CASES)
def test_the_row_says_points_and_why(graded, name):
    each, row = CASES[name], graded[name]
    assert row["points"] == {task: 0 if task in each.lost else points for task, points in FULL.items()}
    assert row["total"] == sum(row["points"].values())
    assert row["state"] == each.state
    assert row["reason"].startswith(each.reason) and bool(row["reason"]) == bool(each.reason)
    for task, text in (each.mistakes or {}).items():
        assert row["mistakes"][task].startswith(text)
    assert set(row["mistakes"]) == (set(each.lost) if row["state"] != UNREADABLE else set())

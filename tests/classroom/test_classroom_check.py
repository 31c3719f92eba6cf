"""A learner's notebook graded for real, in a kernel: points, mistakes, and whatever people hand in."""

import copy
import hashlib
import json
import socket

import pytest
from jupyter_client.connect import LocalPortCache
from nbformat.v4 import new_code_cell, new_notebook
from school import CHAPTER, TASKS, answers, cell, limit, read, write

from classroom.__main__ import main
from classroom.attempts import attempted
from classroom.course import CourseError
from classroom.grading import grade
from classroom.preprocessors import ExecuteAll
from classroom.solution import solution

slow = pytest.mark.slow
FULL = {"mean-columns": (3, ""), "half-rows": (2, ""), "choose-shape": (1, "")}
RIGHT = TASKS["half-rows"]["solution"]


def results(report):
    return {result.task: (result.points, result.mistake) for result in report.results}


def graded(course, nb=None, **changed):
    return results(grade(course, CHAPTER, nb or answers(course, **changed)))


def test_right_answers_get_full_marks_and_the_notebook_stays_as_it_is(released, capsys):
    write(released.work(CHAPTER), answers(released))
    before = hashlib.sha256(released.work(CHAPTER).read_bytes()).digest()
    assert main(["check"]) == 0
    assert capsys.readouterr() == (
        "1-demo\n  mean-columns   3 of 3\n  half-rows      2 of 2\n  choose-shape   1 of 1\n  total          6 of 6\n",
        "",
    )
    assert hashlib.sha256(released.work(CHAPTER).read_bytes()).digest() == before
    assert sorted(path.name for path in released.work(CHAPTER).parent.iterdir()) == [".checked.json", "1-demo.ipynb"]


def test_lost_points_come_with_the_mistake_and_the_lesson(released, capsys):
    mine = answers(released, mean_columns="def mean_columns(x):\n    return x.mean(axis=1)")
    cell(mine, "half-rows").source = cell(read(released.exercise(CHAPTER)), "half-rows").source
    write(released.work(CHAPTER), mine)
    assert main(["check", CHAPTER]) == 1
    assert capsys.readouterr().out == (
        "1-demo\n"
        "  mean-columns   0 of 3\n"
        "                you averaged along the wrong axis\n"
        "                read again: chapters/1-demo/averages.ipynb\n"
        "  half-rows      0 of 2\n"
        "                not done yet\n"
        "                read again: chapters/1-demo/slices.ipynb\n"
        "  choose-shape   1 of 1\n"
        "  total          1 of 6\n"
    )
    assert attempted(released, CHAPTER) == {"mean-columns", "choose-shape"}
    assert solution(released, CHAPTER, "mean-columns").answer.endswith("return x.mean(axis=0)")
    with pytest.raises(CourseError, match="no checked attempt of yours at 'half-rows' yet"):
        solution(released, CHAPTER, "half-rows")


# Two answers to a notebook, one for each of two tasks; NAME is the function that the task wants.
MISTAKES = [
    ("def NAME(x)\n    return x", "your cell does not parse: expected ':' (line 1)"),
    ("rows = 1", "raises NameError: name 'NAME' is not defined"),
    ("1 / 0", "your cell raises ZeroDivisionError: division by zero"),
    ("def NAME(x):\n    return input()", "waits for input(), and nobody answers while it is graded"),
    ("def NAME(x):\n    raise SystemExit(3)", "raises SystemExit: 3"),
    ("def NAME(x):\n    raise ValueError", "raises ValueError"),
    ("def NAME(x):\n    raise ValueError('\\x1b[31mred\\n' + 'z' * 9_000_000)", "raises ValueError: red " + "z" * 300),
    ("def NAME(x):\n    return np.ones(7)", None),
]


@slow
@pytest.mark.parametrize(("first", "second"), list(zip(MISTAKES[::2], MISTAKES[1::2], strict=True)))
def test_the_mistake_is_recognised(released, first, second):
    names = {"mean-columns": "mean_columns", "half-rows": "half_rows"}
    expected = dict(zip(names, (first, second), strict=True))
    found = graded(released, **{name: expected[task][0].replace("NAME", name) for task, name in names.items()})
    for task, (_, mistake) in expected.items():
        points, text = found[task]
        assert points == 0
        assert len(text) < 450
        wanted = "half of four rows is two" if mistake is None else mistake.replace("NAME", names[task])
        assert text.startswith(wanted)
    assert found["choose-shape"] == (1, "")


@slow
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("warnings.warn('slow')\nnp.log(np.zeros(1))\nprint('hello')", "print('z' * 50_000_000)"),
        ("import os\nos.chdir('/')", "half_rows('x') + 1"),
        ("from IPython.display import display\ndisplay({'text/plain': 5}, raw=True)", "assert False, 'no'"),
    ],
)
def test_a_right_answer_keeps_its_points_whatever_else_it_does(released, before, after):
    inside = "".join(f"\n    {line}" for line in before.split("\n"))
    assert graded(released, half_rows=f"def half_rows(x):{inside}\n    return x[::2]\n{after}") == FULL


@slow
def test_a_forged_result_gives_no_points(released):
    forged = """def half_rows(x):
    kernel = get_ipython().kernel
    content = {"data": {"text/plain": "2"}, "metadata": {}, "execution_count": 1}
    kernel.session.send(kernel.iopub_socket, "execute_result", content, parent=kernel.get_parent())
    return []"""
    assert graded(released, half_rows=forged)["half-rows"] == (0, "half of four rows is two")


@slow
def test_a_kernel_whose_port_is_taken_at_its_start_is_started_again(released, monkeypatch):
    free, asked = LocalPortCache.find_available_port, []
    with socket.create_server(("127.0.0.1", 0)) as taken:

        def find(cache, ip):
            asked.append(ip)
            return taken.getsockname()[1] if len(asked) == 1 else free(cache, ip)

        monkeypatch.setattr(LocalPortCache, "find_available_port", find)
        assert graded(released) == FULL
    assert len(asked) == 10  # five for each of two kernels


@slow
def test_an_endless_loop_costs_its_task_and_says_the_limit(released):
    limit(released, 2)
    found = graded(released, half_rows="def half_rows(x):\n    while True: print('x' * 1000)")
    # Which of the two a flood is depends on how fast it can be read.
    assert found["half-rows"] in [(0, f"took longer than 2 s{more}") for more in ("", ", or prints without end")]
    assert found == {**FULL, "half-rows": found["half-rows"]}


@slow
def test_a_loop_in_the_learners_own_cell_costs_nothing_else(released):
    limit(released, 2)
    assert graded(released, half_rows=RIGHT + "\nwhile True: pass") == FULL


@slow
def test_a_loop_that_cannot_be_interrupted_leaves_what_was_reached(released):
    limit(released, 2)
    found = graded(released, half_rows="import signal\nsignal.signal(2, signal.SIG_IGN)\nwhile True: pass")
    assert found["mean-columns"] == (3, "")
    assert found["half-rows"][0] == 0
    assert found["half-rows"][1].startswith("your cell took longer than 2 s")
    assert found["choose-shape"] == (
        0,
        "your cell was not reached: the cell 'half-rows' could not be interrupted",
    )


@slow
def test_a_dead_kernel_leaves_what_was_reached(released):
    found = graded(released, half_rows="def half_rows(x):\n    import os; os._exit(0)")
    assert found == {
        "mean-columns": (3, ""),
        "half-rows": (0, "ended the kernel"),
        "choose-shape": (0, "your cell was not reached: the cell 'half-rows-test' ended the kernel"),
    }


def without(*names):
    def change(nb):
        nb.cells = [c for c in nb.cells if c.id not in names]

    return change


def edit(nb):
    cell(nb, "half-rows").source = "half_rows = 3"
    cell(nb, "half-rows-test").source = "pass"


def skip(nb):
    """All that could keep a test from running."""
    edit(nb)
    for c in nb.cells:
        c.metadata["tags"] = ["skip-execution", "raises-exception"]
        if "nbgrader" in c.metadata:
            c.metadata.nbgrader.update(grade=False, solution=True, locked=False, points=99, schema_version=7)


def mark_down(nb):
    for c in nb.cells:
        if c.cell_type == "code":
            c.cell_type = "markdown"
            del c["outputs"], c["execution_count"]


def twice(nb):
    nb.cells += copy.deepcopy(nb.cells)
    for number, c in enumerate(nb.cells):
        c.id = str(number)


def stub_first(nb):
    """The stub again before the answer: the last of two cells counts."""
    stub = "def half_rows(x):\n    # YOUR CODE HERE\n    raise NotImplementedError()"
    nb.cells.insert(0, new_code_cell(stub, metadata=copy.deepcopy(cell(nb, "half-rows").metadata)))


def backwards(nb):
    nb.cells.reverse()


def other_kernel(nb):
    nb.metadata.kernelspec = {"name": "julia-1.9", "display_name": "Julia", "language": "julia"}


def broken_metadata(nb):
    nb.cells[0].metadata["nbgrader"] = "?"
    nb.cells[2].metadata["nbgrader"] = {"grade_id": 7}
    nb.metadata["classroom"] = {"notes": ["all is well"]}


UNDONE = {**FULL, "half-rows": (0, "not done yet")}
LOST = {**FULL, "half-rows": (0, "raises TypeError: 'int' object is not callable")}
DELETED = "the cell '{}' was deleted; it was put back as released"
EDITED = "the cell '{}' is not as released; the released one counts"


@slow
@pytest.mark.parametrize(
    ("change", "expected", "note"),
    [
        (without("half-rows"), UNDONE, DELETED.format("half-rows")),
        (without("setup", "half-rows-test"), FULL, DELETED.format("half-rows-test")),
        (
            without("half-rows", "half-rows-test"),
            {**FULL, "half-rows": (0, "not done yet")},
            DELETED.format("half-rows"),
        ),
        (edit, LOST, EDITED.format("half-rows-test")),
        (skip, LOST, EDITED.format("half-rows-test")),
        (mark_down, FULL, None),
        (twice, FULL, "there is more than one cell 'half-rows'; the last one counts"),
        (stub_first, FULL, "there is more than one cell 'half-rows'; the last one counts"),
        (backwards, FULL, "cells were moved; each test was run after its task"),
        (other_kernel, FULL, None),
        (broken_metadata, FULL, None),
    ],
)
def test_an_odd_notebook_gets_the_grade_it_deserves_and_a_note(released, change, expected, note):
    nb = answers(released)
    change(nb)
    report = grade(released, CHAPTER, nb)
    assert results(report) == expected
    assert all(result.attempted == (result.mistake != "not done yet") for result in report.results)
    assert note in report.notes if note else report.notes == []


@slow
def test_an_empty_notebook_has_nothing_done(released):
    nb = answers(released)
    nb.cells.clear()
    assert graded(released, nb) == {name: (0, "not done yet") for name in TASKS}


@slow
def test_own_cells_run_where_they_stand(released):
    nb = answers(released, half_rows="def half_rows(x):\n    return x[::step]")
    place = nb.cells.index(cell(nb, "half-rows"))
    nb.cells.insert(place, new_code_cell("step = 2"))
    assert graded(released, nb) == FULL


@slow
def test_a_file_of_the_course_is_there_when_the_notebook_runs(released):
    (released.solution(CHAPTER).parent / "step.txt").write_text("2")
    assert graded(released, half_rows="def half_rows(x):\n    return x[::int(open('step.txt').read())]") == FULL


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b"print(1)", "it is not a notebook: it does not parse as JSON"),
        (b'"\xff"', "it is not a notebook: byte 2 is not UTF-8"),
        (b"{}", "it is not a notebook: "),
    ],
)
def test_what_cannot_be_graded_is_refused_with_a_reason(released, capsys, content, reason):
    work = released.work(CHAPTER)
    work.parent.mkdir(parents=True)
    work.write_bytes(content)
    assert main(["check"]) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error.startswith(f"classroom check: mywork/1-demo/1-demo.ipynb: {reason}")
    assert error.count("\n") == 1
    assert work.read_bytes() == content


def test_nothing_to_check_yet_is_said(released, capsys):
    assert main(["check"]) == 2
    assert capsys.readouterr().err == "classroom check: there is nothing in mywork/ to check yet: classroom start\n"
    assert main(["check", CHAPTER]) == 2
    assert capsys.readouterr().err == "classroom check: 1-demo has not been started: classroom start 1-demo\n"
    released.work(CHAPTER).parent.mkdir(parents=True)
    assert main(["check", CHAPTER]) == 2
    assert capsys.readouterr().err == "classroom check: mywork/1-demo/1-demo.ipynb: there is no such file\n"
    released.work(CHAPTER).mkdir()
    assert main(["check", CHAPTER]) == 2
    assert "it is a folder, not a notebook" in capsys.readouterr().err


@slow
def test_one_broken_chapter_does_not_keep_the_others_from_being_checked(released, capsys):
    write(released.solution("2-demo"), read(released.solution(CHAPTER)))
    write(released.work("2-demo"), answers(released))
    released.work(CHAPTER).parent.mkdir(parents=True)
    released.work(CHAPTER).write_text("{")
    assert main(["check"]) == 2
    out, error = capsys.readouterr()
    assert out.startswith("2-demo\n")
    assert out.endswith("6 of 6\n")
    assert error.startswith("classroom check: mywork/1-demo/1-demo.ipynb: it is not a notebook")


def test_a_broken_assignment_is_not_the_learners_fault(released, capsys):
    write(released.work(CHAPTER), answers(released))
    nb = read(released.solution(CHAPTER))
    cell(nb, "half-rows-test").metadata.pop("classroom")
    write(released.solution(CHAPTER), nb)
    assert main(["check"]) == 2
    assert capsys.readouterr().err.startswith("classroom check: solutions/1-demo/1-demo.ipynb: cell 'half-rows-test': ")


def test_the_model_answer_is_printed_with_its_reasons(released, capsys):
    assert main(["solution", CHAPTER, "half-rows", "--now"]) == 0
    assert capsys.readouterr().out == (
        "def half_rows(x):\n    return x[::2]\n\nA step of two takes every second row.\n"
    )


def test_the_model_answer_waits_for_an_attempt_and_knows_its_tasks(released, capsys):
    assert main(["solution", CHAPTER, "half-rows"]) == 2
    assert capsys.readouterr().err == (
        "classroom solution: there is no checked attempt of yours at 'half-rows' yet: write one and run "
        "`classroom check 1-demo`, or add --now\n"
    )
    assert main(["solution", CHAPTER, "rows"]) == 2
    assert "no task 'rows' in 1-demo; there is: mean-columns, half-rows, choose-shape" in capsys.readouterr().err
    assert main(["solution", "3-none", "half-rows"]) == 2
    assert "no chapter '3-none' in solutions/; there is: 1-demo" in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"attempted": 3}', b'{"attempted": [[]]}', b"\xff"])
def test_a_broken_record_of_attempts_holds_none(released, content):
    record = released.work(CHAPTER).parent / ".checked.json"
    record.parent.mkdir(parents=True)
    record.write_bytes(content)
    assert attempted(released, CHAPTER) == set()


def test_attempts_are_added_up(released):
    from classroom.attempts import remember

    remember(released, CHAPTER, {"a"})
    remember(released, CHAPTER, {"b"})
    assert attempted(released, CHAPTER) == {"a", "b"}
    assert json.loads((released.work(CHAPTER).parent / ".checked.json").read_text()) == {"attempted": ["a", "b"]}


@slow
def test_no_more_than_the_limit_is_kept_of_what_a_cell_prints_or_raises():
    sources = ["for n in range(30): print('z' * 100_000, flush=True)", "raise ValueError('z' * 3_000_000)", "print(1)"]
    nb = new_notebook(cells=[new_code_cell(source) for source in sources])
    ExecuteAll().preprocess(nb, {})
    printed, raised, after = [cell.outputs for cell in nb.cells]
    assert 800_000 < sum(len(output.text) for output in printed) <= 1_000_000
    assert raised[0].ename == "ValueError"
    assert len(json.dumps(raised)) < 10_000
    assert after[0].text == "1\n"

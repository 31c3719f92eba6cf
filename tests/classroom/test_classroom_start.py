"""mywork/: nothing of the learner's is overwritten or lost."""

import copy
import hashlib
from datetime import date

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell
from school import CHAPTER, TASKS, answers, assignment, cell, read, write

from classroom.__main__ import main
from classroom.course import CourseError
from classroom.release import release
from classroom.start import reset, start, update


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def backups(course):
    return sorted(path.name for path in course.work(CHAPTER).parent.glob("1-demo.*.ipynb"))


def sources(nb):
    return [c.source for c in nb.cells]


def release_anew(course):
    """A release with a new text, another test and another stub."""
    tasks = copy.deepcopy(TASKS)
    tasks["half-rows"]["solution"] = tasks["half-rows"]["solution"].replace("(x)", "(x, step=2)")
    tasks["mean-columns"]["test"] = "assert mean_columns, 'new test'\n" + tasks["mean-columns"]["test"]
    nb = assignment(tasks)
    nb.cells[0].source = "# Demo, second edition"
    write(course.solution(CHAPTER), nb)
    release(course)


def test_the_first_start_copies_and_the_second_leaves_all_as_it_is(released, capsys):
    (released.exercise(CHAPTER).parent / "data.csv").write_text("1\n")
    assert main(["start"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "mywork/1-demo/1-demo.ipynb: copied from exercises/1-demo/1-demo.ipynb",
        "mywork/1-demo/data.csv: copied from exercises/1-demo/data.csv",
    ]
    work = released.work(CHAPTER)
    assert digest(work) == digest(released.exercise(CHAPTER))

    write(work, answers(released))
    before = digest(work)
    (work.parent / "data.csv").unlink()
    assert main(["start", CHAPTER]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "mywork/1-demo/1-demo.ipynb: there already, left as it is",
        "mywork/1-demo/data.csv: copied from exercises/1-demo/data.csv",
    ]
    assert digest(work) == before


@pytest.mark.parametrize("content", [b"", b"not a notebook", b'{"cells": 1}', b'{"cells": [{"metadata": []}]}'])
def test_whatever_lies_there_is_left_alone(released, content):
    work = released.work(CHAPTER)
    work.parent.mkdir(parents=True)
    work.write_bytes(content)
    assert start(released, CHAPTER) == ["mywork/1-demo/1-demo.ipynb: there already, left as it is"]
    assert work.read_bytes() == content


def test_a_newer_release_is_pointed_out(released):
    start(released, CHAPTER)
    release_anew(released)
    assert start(released, CHAPTER)[-1] == (
        "A newer release is there. To bring it in and keep your answers: classroom start 1-demo --update"
    )


def test_reset_puts_one_task_back_and_keeps_the_old_file(released, capsys):
    mine = answers(released)
    cell(mine, "mean-columns-test").source = "pass"
    mine.cells.append(copy.deepcopy(cell(mine, "mean-columns")))
    mine.cells[-1].id = "copy"
    write(released.work(CHAPTER), mine)
    before = digest(released.work(CHAPTER))

    assert main(["start", CHAPTER, "--reset", "mean-columns"]) == 0
    backup = f"1-demo.{date.today()}-1.ipynb"
    assert capsys.readouterr().out == f"mywork/1-demo/1-demo.ipynb: changed; what it was is in {backup}\n"
    assert digest(released.work(CHAPTER).parent / backup) == before
    now, fresh = read(released.work(CHAPTER)), read(released.exercise(CHAPTER))
    assert len(now.cells) == len(fresh.cells)
    assert cell(now, "mean-columns") == cell(fresh, "mean-columns")
    assert cell(now, "mean-columns-test") == cell(fresh, "mean-columns-test")
    assert cell(now, "half-rows").source == TASKS["half-rows"]["solution"]


@pytest.mark.parametrize("gone", [["half-rows"], ["half-rows-test"], ["half-rows", "half-rows-test"]])
def test_reset_brings_deleted_cells_back_before_their_tests(released, gone):
    mine = answers(released)
    mine.cells = [c for c in mine.cells if c.id not in gone]
    write(released.work(CHAPTER), mine)
    reset(released, CHAPTER, "half-rows")
    ids = [c.id for c in read(released.work(CHAPTER)).cells]
    assert ids.index("half-rows") + 1 == ids.index("half-rows-test")


def test_no_backup_is_ever_overwritten(released):
    for n in (1, 2, 3):
        write(released.work(CHAPTER), answers(released, half_rows=f"answer = {n}"))
        reset(released, CHAPTER, "half-rows")
    assert backups(released) == [f"1-demo.{date.today()}-{n}.ipynb" for n in (1, 2, 3)]
    assert [cell(read(released.work(CHAPTER).parent / name), "half-rows").source for name in backups(released)] == [
        "answer = 1",
        "answer = 2",
        "answer = 3",
    ]
    assert reset(released, CHAPTER, "half-rows") == ["mywork/1-demo/1-demo.ipynb: up to date, left as it is"]


def test_an_unknown_task_or_a_missing_chapter_is_refused(released, capsys):
    start(released, CHAPTER)
    with pytest.raises(CourseError, match="no task 'x' in 1-demo; there is: mean-columns, half-rows, choose-shape"):
        reset(released, CHAPTER, "x")
    assert main(["start", "--reset", "half-rows"]) == 2
    assert "--reset needs the chapter too" in capsys.readouterr().err
    assert main(["start", "9-none"]) == 2
    assert "no chapter '9-none' in exercises/; there is: 1-demo" in capsys.readouterr().err
    assert backups(released) == []


def test_update_without_a_newer_release_changes_nothing(released):
    mine = answers(released)
    mine.cells.insert(3, new_code_cell("helper = 1", id="own"))
    write(released.work(CHAPTER), mine)
    before = digest(released.work(CHAPTER))
    assert update(released, CHAPTER) == ["mywork/1-demo/1-demo.ipynb: up to date, left as it is"]
    assert digest(released.work(CHAPTER)) == before


def test_update_brings_the_new_release_and_keeps_answers_and_own_cells(released):
    mine = answers(released, half_rows=cell(read(released.exercise(CHAPTER)), "half-rows").source)
    cell(mine, "mean-columns").outputs = [{"output_type": "stream", "name": "stdout", "text": "mine"}]
    mine.cells.insert(2, new_code_cell("helper = 1", id="own-code"))
    mine.cells.append(new_markdown_cell("my notes", id="own-text"))
    write(released.work(CHAPTER), mine)
    before = digest(released.work(CHAPTER))
    release_anew(released)

    (line,) = update(released, CHAPTER)
    assert line == f"mywork/1-demo/1-demo.ipynb: changed; what it was is in 1-demo.{date.today()}-1.ipynb"
    assert digest(released.work(CHAPTER).parent / backups(released)[0]) == before
    now, fresh = read(released.work(CHAPTER)), read(released.exercise(CHAPTER))
    assert now.cells[0].source == "# Demo, second edition"
    assert cell(now, "mean-columns-test").source.startswith("assert mean_columns, 'new test'")
    assert cell(now, "mean-columns").source == TASKS["mean-columns"]["solution"]
    assert cell(now, "mean-columns").outputs[0].text == "mine"
    assert cell(now, "half-rows").source == cell(fresh, "half-rows").source  # the old stub became the new one
    assert "step=2" in cell(now, "half-rows").source
    assert sources(now)[2] == "helper = 1"
    assert sources(now)[-1] == "my notes"
    assert len(now.cells) == len(fresh.cells) + 2
    assert update(released, CHAPTER) == ["mywork/1-demo/1-demo.ipynb: up to date, left as it is"]


def test_update_keeps_an_answer_whose_cell_lost_its_kind_or_its_metadata(released):
    mine = answers(released)
    half_rows, shape = cell(mine, "half-rows"), cell(mine, "choose-shape")
    half_rows.update(cell_type="raw")
    del half_rows["outputs"], half_rows["execution_count"], shape.metadata["nbgrader"]
    shape.id = "lost"
    write(released.work(CHAPTER), mine)
    update(released, CHAPTER)
    now = read(released.work(CHAPTER))
    assert (cell(now, "half-rows").cell_type, cell(now, "half-rows").source) == ("code", TASKS["half-rows"]["solution"])
    assert sources(now).count(TASKS["choose-shape"]["solution"]) == 1
    assert "NotImplementedError" in cell(now, "choose-shape").source


def test_update_knows_released_texts_by_what_they_say_when_their_ids_are_lost(released):
    mine = answers(released)
    for number, c in enumerate(mine.cells):
        c.id = f"other-{number}"
    write(released.work(CHAPTER), mine)
    release_anew(released)
    update(released, CHAPTER)
    now = sources(read(released.work(CHAPTER)))
    assert now.count("## Task: half-rows\n\nWrite it.") == 1
    assert [text for text in now if text.startswith("# Demo")] == [
        "# Demo",
        "# Demo, second edition",
    ]  # kept: it cannot be told from an own cell


def test_update_keeps_the_answer_to_a_task_that_is_gone_and_drops_its_tests(released):
    mine = answers(released)
    mine.cells.append(copy.deepcopy(cell(mine, "mean-columns")))  # a second try; the last one counts
    mine.cells[-1].update(id="second", source="second = 2")
    write(released.work(CHAPTER), mine)
    tasks = {name: task for name, task in TASKS.items() if name != "half-rows"}
    write(released.solution(CHAPTER), assignment(tasks))
    release(released)
    update(released, CHAPTER)

    now = read(released.work(CHAPTER))
    assert cell(now, "mean-columns").source == "second = 2"
    own = [c for c in now.cells if "nbgrader" not in c.metadata and c.cell_type == "code"]
    assert [c.source for c in own] == [TASKS["mean-columns"]["solution"], TASKS["half-rows"]["solution"]]
    assert not any("half of four rows" in source for source in sources(now))
    assert sources(now)[-1].startswith("assert answer_shape in")


def test_update_brings_other_files_too_and_copies_what_is_missing(released):
    data = released.exercise(CHAPTER).parent / "data.csv"
    data.write_text("1\n")
    start(released, CHAPTER)
    data.write_text("2\n")
    released.work(CHAPTER).unlink()
    assert update(released, CHAPTER) == [
        "mywork/1-demo/1-demo.ipynb: copied from exercises/1-demo/1-demo.ipynb",
        f"mywork/1-demo/data.csv: changed; what it was is in data.{date.today()}-1.csv",
    ]
    assert (released.work(CHAPTER).parent / f"data.{date.today()}-1.csv").read_text() == "1\n"


def test_a_broken_notebook_is_neither_updated_nor_reset(released, capsys):
    start(released, CHAPTER)
    released.work(CHAPTER).write_bytes(b"{broken")
    for option in (["--update"], ["--reset", "half-rows"]):
        assert main(["start", CHAPTER, *option]) == 2
        assert capsys.readouterr().err == (
            "classroom start: mywork/1-demo/1-demo.ipynb: it is not a notebook: it does not parse as JSON\n"
        )
    assert released.work(CHAPTER).read_bytes() == b"{broken"
    assert backups(released) == []

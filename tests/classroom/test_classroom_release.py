"""exercises/ from solutions/: complete, the same every time, and nothing half written."""

import json

import pytest
from school import CHAPTER, TASKS, assignment, cell, read, write

from classroom.__main__ import main
from classroom.course import CourseError
from classroom.release import release


def contents(course):
    folder = course.root / "exercises"
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_learners_get_neither_answers_reasons_nor_hidden_tests(released):
    nb = read(released.exercise(CHAPTER))
    text = json.dumps(nb)
    for secret in ("SOLUTION", "HIDDEN", "x.mean", "x[::2]", "a batch of one", "step of two", 'answer_shape = \\"B'):
        assert secret in json.dumps(assignment())
        assert secret not in text
    assert [c.id for c in nb.cells] == [c.id for c in assignment().cells if not c.id.startswith("reasons-")]
    for name, task in TASKS.items():
        test = cell(nb, f"{name}-test")
        assert test.metadata.classroom.lesson == task["lesson"]
        assert test.metadata.nbgrader.points == task["points"]
        assert test.source == task["test"].split("\n### BEGIN HIDDEN")[0]
        assert test.metadata.editable is False
        assert "NotImplementedError" in cell(nb, name).source


def test_a_second_release_is_the_same_byte_for_byte_and_leaves_nothing_behind(released):
    before = contents(released)
    assert release(released) == []
    (released.exercise(CHAPTER)).unlink()
    assert release(released) == ["exercises/1-demo/1-demo.ipynb"]
    assert contents(released) == before
    assert sorted(path.name for path in released.root.iterdir()) == [
        "chapters",
        "exercises",
        "nbgrader_config.py",
        "solutions",
    ]


def test_check_names_what_differs_and_writes_nothing(released, capsys):
    assert main(["release", "--check"]) == 0
    assert capsys.readouterr().out == "exercises/ is up to date\n"

    nb = assignment()
    cell(nb, "setup").source += "\nimport os"
    write(released.solution(CHAPTER), nb)
    (released.solution(CHAPTER).parent / "data.csv").write_text("1,2\n")
    (released.exercise(CHAPTER).parent / "old.csv").write_text("3\n")
    before = contents(released)
    assert main(["release", "--check"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "exercises/1-demo/1-demo.ipynb: differs from solutions/",
        "exercises/1-demo/data.csv: differs from solutions/",
        "exercises/1-demo/old.csv: differs from solutions/",
    ]
    assert contents(released) == before

    assert main(["release"]) == 0
    assert "exercises/1-demo/data.csv: released\n" in capsys.readouterr().out
    assert sorted(contents(released)) == ["1-demo/1-demo.ipynb", "1-demo/data.csv"]
    assert main(["release", CHAPTER, "--check"]) == 0


def test_one_bad_chapter_leaves_every_exercise_as_it_was(released, capsys):
    before = contents(released)
    good, bad = assignment(), assignment()
    cell(good, "setup").source += "\nimport os"
    bad.cells.append(bad.cells[1])
    write(released.solution(CHAPTER), good)
    write(released.solution("2-bad"), bad)
    assert main(["release"]) == 2
    error = capsys.readouterr().err
    assert error == ("classroom release: solutions/2-bad/2-bad.ipynb: cell 'setup': 2 cells have this grade id\n")
    assert contents(released) == before


def test_what_nbgrader_refuses_is_told_in_its_words(course):
    nb = assignment()
    cell(nb, "setup").metadata.nbgrader.schema_version = 99
    write(course.solution(CHAPTER), nb)
    with pytest.raises(CourseError, match="use an newer version"):
        release(course)


def test_a_lesson_that_does_not_exist_is_a_warning(course, capsys):
    course.lesson(CHAPTER, "slices").unlink()
    assert main(["release"]) == 0
    assert capsys.readouterr().err == (
        "warning: solutions/1-demo/1-demo.ipynb: task 'half-rows' names the lesson 'slices', which is not there\n"
    )


def test_an_empty_course_is_told_so(course, capsys):
    course.solution(CHAPTER).unlink()
    assert main(["release"]) == 2
    assert capsys.readouterr().err == "classroom release: there is no assignment in solutions/ yet\n"

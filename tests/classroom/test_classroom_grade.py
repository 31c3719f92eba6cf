"""`classroom grade` and `classroom regrade`: what they print and write, what a second run does, and how they end."""

import csv
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from datetime import datetime

import psutil
import pytest
from nbformat.v4 import new_code_cell
from nbgrader.api import Gradebook
from school import CHAPTER, TASKS, Here, answers, assignment, cell, write, write_course

import classroom.processes
from classroom.__main__ import main
from classroom.course import Course
from classroom.job import _jail
from classroom.release import release
from classroom.results import GRADED

pytestmark = pytest.mark.slow

NAME = f"{CHAPTER}.ipynb"
WRONG_HALF = "def half_rows(x):\n    return x[: len(x) // 2]"
WRONG_MEAN = "def mean_columns(x):\n    return x.mean(axis=1)"
ODD_TEST = "with an odd number of rows the last one counts"
ROWS = {  # student: points, by task, state, reason, mistakes
    "=1+1": (6, [3, 2, 1], "graded", "", {}),
    "ada": (6, [3, 2, 1], "graded", "", {}),
    "bob": (4, [3, 0, 1], "graded", "", {"half-rows": ODD_TEST}),
    "cyd": (0, [0, 0, 0], "unreadable", "there is no notebook", {}),
}


def hand_in(course, student, **changed):
    write(course.root / "submitted" / student / CHAPTER / NAME, answers(course, **changed))


@pytest.fixture(scope="module")
def _graded(jailed, tmp_path_factory):
    """A course of four students, graded by the command itself, and what it said."""
    course = write_course(tmp_path_factory.mktemp("graded") / "course")
    release(course)
    hand_in(course, "=1+1")
    hand_in(course, "ada")
    hand_in(course, "bob", half_rows=WRONG_HALF)
    (course.root / "submitted" / "cyd" / CHAPTER).mkdir(parents=True)
    done = command(course, "grade", CHAPTER, "--jobs", "2")
    assert done.returncode == 0, done.stderr
    return course, done


def command(course, *arguments, module="classroom"):
    """The command in a process of its own, to its end."""
    return subprocess.run(
        [sys.executable, "-m", module, *arguments], cwd=course.root, env=environment(), capture_output=True, text=True
    )


def environment():
    return {name: value for name, value in os.environ.items() if name != "CLASSROOM_DB"}


@pytest.fixture
def course(_graded, tmp_path, monkeypatch):
    """A copy of that course; the tests run in its folder, and its workers in this process."""
    copy = Course(tmp_path / "course")
    shutil.copytree(_graded[0].root, copy.root)
    monkeypatch.chdir(copy.root)
    monkeypatch.delenv("CLASSROOM_DB", raising=False)
    monkeypatch.setattr(classroom.processes, "Processes", Here)
    yield copy
    _jail.cache_clear()


@pytest.fixture
def grade(course, capsys):
    """Runs the command here: its exit status, what it prints, and the students that were graded."""

    def run(*arguments, command="grade"):
        capsys.readouterr()
        status = main([command, CHAPTER, *map(str, arguments)])
        out, err = capsys.readouterr()
        return status, out, err, sorted(re.findall(r"^\d+/\d+ (\S+): ", err, re.M))

    return run


def rows(course):
    """The results by student, as the JSON file has them."""
    text = (course.root / f"grades-{CHAPTER}.json").read_text(encoding="utf-8")
    return {row["student"]: row for row in json.loads(text)["results"]}


def contents(folder):
    """Every file below a folder: what is in it, and when it was written."""
    return {
        path.relative_to(folder).as_posix(): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def gradebook(course, name="gradebook.db"):
    return Gradebook(f"sqlite:///{(course.root / name).as_posix()}")


def grade_of(book, student, task="half-rows"):
    return book.find_grade(f"{task}-test", CHAPTER, CHAPTER, student)


# What is printed and written


def test_the_progress_is_a_line_for_each_submission(_graded):
    lines = _graded[1].stderr.splitlines()
    assert len(lines) == len(ROWS)
    for number, line in enumerate(lines, 1):
        assert re.fullmatch(rf"{number}/4 (\S+): (\d), (graded|unreadable); \d+ s left", line)
    assert sorted(line.split()[1] for line in lines) == sorted(f"{student}:" for student in ROWS)


def test_the_table_has_a_row_for_each_student(_graded):
    assert (
        _graded[1].stdout
        == f"""\
student  points  1  2  3  state       reason
of            6  3  2  1
=1+1          6  3  2  1  graded
ada           6  3  2  1  graded
bob           4  3  0  1  graded
cyd           0  0  0  0  unreadable  there is no notebook

 1  mean-columns
 2  half-rows
 3  choose-shape
written: grades-{CHAPTER}.csv
written: grades-{CHAPTER}.json
"""
    )


def test_the_csv_file_is_read_back(_graded):
    path = _graded[0].root / f"grades-{CHAPTER}.csv"
    assert path.read_bytes().startswith(b"\xef\xbb\xbfstudent,")  # by which a spreadsheet knows UTF-8
    with path.open(encoding="utf-8-sig", newline="") as file:
        found = list(csv.DictReader(file))
    assert list(found[0]) == ["student", "points", "max_points", *TASKS, "state", "reason", "mistakes", "by hand"]
    for (student, (points, by_task, state, reason, mistakes)), row in zip(ROWS.items(), found, strict=True):
        assert row["student"] == ("'=1+1" if student == "=1+1" else student)  # no formula for a spreadsheet
        assert (float(row["points"]), float(row["max_points"])) == (points, 6)
        assert [float(row[task]) for task in TASKS] == by_task
        assert (row["state"], row["reason"], row["by hand"]) == (state, reason, "")
        assert row["mistakes"] == "; ".join(f"{task}: {text}" for task, text in mistakes.items())


def test_the_json_file_has_all_that_is_known(_graded):
    data = json.loads((_graded[0].root / f"grades-{CHAPTER}.json").read_text(encoding="utf-8"))
    assert data["max_points"] == {name: task["points"] for name, task in TASKS.items()}
    assert [row["student"] for row in data["results"]] == list(ROWS)
    for row in data["results"]:
        points, by_task, state, reason, mistakes = ROWS[row["student"]]
        assert (row["total"], list(row["points"].values()), row["state"]) == (points, by_task, state)
        assert (row["reason"], row["mistakes"], row["manual"]) == (reason, mistakes, [])
        assert len(row["submission"]) == len(row["tests"]) == 64
        folder = _graded[0].root / "autograded" / row["student"] / CHAPTER
        assert sorted(path.name for path in folder.iterdir()) == [NAME, "classroom.json"]


def test_the_gradebook_says_the_same(_graded):
    with gradebook(_graded[0]) as book:
        assert {each.student_id: each.score for each in book.assignment_submissions(CHAPTER)} == {
            student: row[0] for student, row in ROWS.items()
        }
        assert not any(each.needs_manual_grade for each in book.assignment_submissions(CHAPTER))


def test_nothing_is_left_beside_the_results(_graded):
    names = {path.name for path in _graded[0].root.iterdir() if not path.name.startswith(".classroom-")}
    assert names == {
        *("autograded", "chapters", "exercises", "gradebook.db", "nbgrader_config.py", "solutions", "submitted"),
        *(f"grades-{CHAPTER}.csv", f"grades-{CHAPTER}.json"),
    }


# A second run


def test_a_second_run_grades_nothing_and_says_the_same(course, grade, _graded):
    before = contents(course.root / "autograded")
    assert grade() == (0, _graded[1].stdout, "", [])
    assert grade("--resume") == (0, _graded[1].stdout, "", [])
    assert contents(course.root / "autograded") == before


def test_what_is_new_or_changed_alone_is_graded(course, grade):
    hand_in(course, "bob")
    hand_in(course, "dan", mean_columns=WRONG_MEAN)
    (course.root / "submitted" / "cyd" / CHAPTER / "notes.txt").write_text("sorry")
    shutil.rmtree(course.root / "autograded" / "ada" / CHAPTER)
    before = contents(course.root / "submitted")
    status, out, _, graded = grade()
    assert (status, graded) == (0, ["ada", "bob", "cyd", "dan"])
    assert {student: row["total"] for student, row in rows(course).items()} == {
        **{student: row[0] for student, row in ROWS.items()},
        **{"bob": 6, "dan": 3},
    }
    assert "dan           3  0  2  1  graded" in out
    assert contents(course.root / "submitted") == before


def test_force_grades_all_and_gives_the_same_notebooks(course, grade):
    write(course.root / "submitted" / "ada" / CHAPTER / NAME, with_own_cell(answers(course)))
    assert grade()[3] == ["ada"]
    before, last = contents(course.root / "autograded"), rows(course)
    assert grade("--force")[3] == list(ROWS)
    after = contents(course.root / "autograded")
    assert {name: digest for name, (digest, _) in after.items()} == {name: d for name, (d, _) in before.items()}
    assert rows(course) == last


def with_own_cell(nb):
    """As an older notebook program writes it: no cell has an id."""
    nb.cells.insert(3, new_code_cell("random = np.random.rand(3)\nprint(random)\nrandom"))
    for each in nb.cells:
        del each["id"]
    nb.nbformat_minor = 4
    return nb


def test_only_the_wanted_students_are_graded_and_shown(course, grade):
    for student in ("ada", "bob", "cyd"):
        hand_in(course, student, mean_columns=WRONG_MEAN)
    status, out, _, graded = grade("--student", "ada", "cyd")
    assert (status, graded) == (0, ["ada", "cyd"])
    assert re.findall(r"^(ada|bob|cyd|=1\+1) ", out, re.M) == ["ada", "cyd"]
    assert sorted(rows(course)) == sorted(ROWS)  # the files have all
    assert grade()[3] == ["bob"]


def test_the_same_notebook_gets_the_same_grade(course, grade):
    shutil.copytree(course.root / "submitted" / "bob", course.root / "submitted" / "zoe")
    assert grade()[3] == ["zoe"]
    bob, zoe = rows(course)["bob"], rows(course)["zoe"]
    assert {**bob, "student": "zoe"} == zoe
    one, two = (course.root / "autograded" / student / CHAPTER / NAME for student in ("bob", "zoe"))
    assert one.read_bytes() == two.read_bytes()


def test_submissions_and_gradebook_may_lie_elsewhere(course, grade, tmp_path):
    other = tmp_path / "handed in"
    write(other / "eva" / CHAPTER / NAME, answers(course))
    before = contents(course.root)["gradebook.db"]
    status, out, _, graded = grade("--submissions", other, "--db", "sqlite:///other.db")
    assert (status, graded) == (0, ["eva"])
    assert re.findall(r"^(\S+) +\d+ +\d+ +\d+ +\d+ +graded", out, re.M) == ["eva"]
    assert contents(course.root)["gradebook.db"] == before
    with gradebook(course, "other.db") as book:
        assert [student.id for student in book.students] == ["eva"]
    status, out, _, graded = grade()
    assert (status, graded) == (0, [])
    assert "eva" not in out


# Marks given by hand


def test_marks_given_by_hand_stay_and_are_shown(course, grade):
    with gradebook(course) as book:
        mark = grade_of(book, "bob")
        mark.manual_score, mark.extra_credit = 1.5, 0.25
        comment = book.find_comment("half-rows", CHAPTER, CHAPTER, "bob")
        comment.manual_comment = "nearly"
        book.db.commit()
    for name, options, expected in (("grade", [], []), ("grade", ["--force"], list(ROWS)), ("regrade", [], list(ROWS))):
        status, out, _, graded = grade(*options, command=name)
        assert (status, graded) == (0, expected)
        assert re.search(r"^bob +5\.75 +3 +1\.75 +1  graded", out, re.M)
        row = rows(course)["bob"]
        assert (row["total"], row["points"]["half-rows"], row["manual"]) == (5.75, 1.75, ["half-rows"])
        with gradebook(course) as book:
            mark = grade_of(book, "bob")
            assert (mark.manual_score, mark.extra_credit, mark.auto_score) == (1.5, 0.25, 0)
            assert book.find_comment("half-rows", CHAPTER, CHAPTER, "bob").comment == "nearly"
            assert book.find_submission(CHAPTER, "bob").score == 5.75
    with open(course.root / f"grades-{CHAPTER}.csv", encoding="utf-8-sig", newline="") as file:
        assert {row["student"]: row["by hand"] for row in csv.DictReader(file)}["bob"] == "half-rows"


# Other tests


def mend(course, tasks):
    """What an author does: other tasks in solutions/, released anew."""
    write(course.solution(CHAPTER), assignment(tasks))
    release(course)


STRICTER = {**TASKS, "half-rows": {**TASKS["half-rows"]}}
STRICTER["half-rows"]["test"] = TASKS["half-rows"]["test"].replace(
    "### END", 'assert half_rows(np.zeros((2, 1))).flags.owndata is False, "it copies"\n### END'
)
EASIER = {**TASKS, "half-rows": {**TASKS["half-rows"]}}
EASIER["half-rows"]["test"] = TASKS["half-rows"]["test"].replace("zeros((5, 1)))) == 3", "zeros((5, 1)))) in (2, 3)")


def test_a_mended_test_is_told_and_regrading_lists_whom_it_concerns(course, grade):
    mend(course, EASIER)
    status, out, _, graded = grade()
    assert (status, graded) == (0, [])
    assert f"4 were graded with other tests than those of now: classroom regrade {CHAPTER} --diff" in out
    assert rows(course)["bob"]["total"] == 4

    status, out, _, graded = grade("--diff", command="regrade")
    assert (status, graded) == (0, list(ROWS))
    assert out.splitlines()[0] == f"bob  half-rows  0 -> 2  no longer: {ODD_TEST}"
    assert out.splitlines()[1].startswith("written: ")
    assert rows(course)["bob"]["total"] == 6

    mend(course, TASKS)
    assert grade("--diff", command="regrade")[1].splitlines()[0] == f"bob  half-rows  2 -> 0  {ODD_TEST}"
    assert grade("--diff", command="regrade")[1].splitlines()[0] == "no grade has changed"
    assert "other tests" not in grade()[1]


def test_regrading_some_leaves_the_others(course, grade):
    mend(course, EASIER)
    status, out, _, graded = grade("--student", "ada", "bob", command="regrade")
    assert (status, graded) == (0, ["ada", "bob"])
    assert "2 were graded with other tests" in out
    assert rows(course)["bob"]["total"] == 6


def test_other_points_count_after_regrading(course, grade):
    mend(course, {**TASKS, "mean-columns": {**TASKS["mean-columns"], "points": 5}})
    assert "4 were graded with other tests" in grade()[1]
    lines = grade("--diff", command="regrade")[1].splitlines()
    assert lines[:3] == [
        f"{student}  mean-columns  3 -> 5  it gives other points" for student in ("=1+1", "ada", "bob")
    ]
    assert lines[3].startswith("written: ")


def test_a_changed_submission_and_its_change_of_state_are_listed(course, grade):
    hand_in(course, "cyd", half_rows="import os\nos._exit(0)")
    lines = grade("--diff", command="regrade")[1].splitlines()
    assert lines[:2] == [
        "cyd  mean-columns  0 -> 3  no longer: there is no notebook",
        "cyd  unreadable -> stopped  half-rows: your cell ended the kernel",
    ]


def test_another_set_of_tasks_is_refused_once_there_are_grades_and_nothing_is_lost(course, grade, _graded):
    before = contents(course.root / "autograded")
    fewer = {name: task for name, task in TASKS.items() if name != "choose-shape"}
    for tasks in (fewer, {**TASKS, "new-task": TASKS["choose-shape"]}):
        mend(course, tasks)
        for name in ("grade", "regrade"):
            status, out, err, _ = grade(command=name)
            assert (status, out) == (2, "")
            assert "Cannot add or remove cells" in err and "there are submissions" in err
    mend(course, TASKS)
    assert grade()[:2] == (0, _graded[1].stdout)
    assert contents(course.root / "autograded") == before


# What is refused


@pytest.mark.parametrize(
    "arguments, reason",
    [
        (["2-none"], "no chapter '2-none' in solutions/; there is: 1-demo"),
        ([CHAPTER, "--student", "ada", "nobody"], "no submission of 1-demo by nobody in "),
        ([CHAPTER, "--submissions", "nowhere"], "there is no folder "),
        ([CHAPTER, "--db", "nonsense"], "expected the URL of a database, such as sqlite:///grades.db, got 'nonsense'"),
        ([CHAPTER, "--db", "sqlite:////nowhere/a.db"], "nbgrader: sqlalchemy.exc.OperationalError: (sqlite3."),
    ],
)
def test_what_is_not_there_is_named(course, arguments, reason, capsys):
    for name in ("grade", "regrade"):
        assert main([name, *arguments]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith(f"classroom {name}: {reason}")


@pytest.mark.parametrize("count", ["0", "x", "-1", "1.5", ""])
def test_the_number_of_jobs_is_a_number(course, count, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["grade", CHAPTER, "--jobs", count])
    assert stopped.value.code == 2
    assert f"expected a whole number from 1 on, got {count!r}" in capsys.readouterr().err


def test_an_assignment_with_mistakes_is_refused_before_anything_is_graded(course, grade):
    hand_in(course, "dan")
    nb = assignment()
    cell(nb, "half-rows-test").metadata.nbgrader.points = 0
    write(course.solution(CHAPTER), nb)
    before = contents(course.root)
    status, out, err, _ = grade("--force")
    assert (status, out) == (2, "")
    reason = "its points are 0, and must be more than 0"
    assert err == f"classroom grade: solutions/1-demo/1-demo.ipynb: cell 'half-rows-test': {reason}\n"
    mend(course, TASKS)
    shutil.rmtree(course.root / "exercises")
    status, out, err, _ = grade()
    assert (status, out) == (2, "")
    assert err == "classroom grade: exercises/1-demo/1-demo.ipynb: there is no such file\n"
    after = contents(course.root)
    assert {name for name in before if before[name] != after.get(name)} <= {
        *("exercises/1-demo/1-demo.ipynb", "solutions/1-demo/1-demo.ipynb"),
    }


def test_no_submissions_at_all_are_no_error(course, grade):
    shutil.rmtree(course.root / "submitted")
    (course.root / "submitted").mkdir()
    shutil.rmtree(course.root / "autograded")
    status, out, err, graded = grade()
    assert (status, err, graded) == (0, "", [])
    assert out.startswith("student  points  1  2  3  state  reason\nof            6  3  2  1\n\n 1  mean")


def test_without_a_jail_it_is_said_and_done_only_when_asked_for(course, grade, monkeypatch):
    hand_in(course, "ada", half_rows=WRONG_HALF)
    monkeypatch.setenv("PATH", "")
    status, out, err, _ = grade()
    assert (status, out) == (2, "")
    assert "it is not there. With --unsafe they run as your own user and can do what you can." in err
    status, _, err, graded = grade("--unsafe")
    assert (status, graded) == (0, ["ada"])
    assert err.startswith("Not jailed: submissions run as your own user.\n")
    assert rows(course)["ada"]["mistakes"] == {"half-rows": ODD_TEST}


# nbgrader's own ways


def test_lateness_is_nbgraders_business(course, grade):
    with gradebook(course) as book:
        book.update_or_create_assignment(CHAPTER, duedate=datetime(2026, 11, 20, 12))
    with open(course.root / "nbgrader_config.py", "a") as config:
        config.write("\nc.LateSubmissionPlugin.penalty_method = 'zero'\n")
    times = {"ada": "2026-11-20 13:00:00 UTC", "bob": "2026-11-20 11:00:00 UTC", "dan": "some time ago"}
    for student, text in times.items():
        hand_in(course, student)
        (course.root / "submitted" / student / CHAPTER / "timestamp.txt").write_text(text)
    status, _, _, graded = grade()
    assert (status, graded) == (0, ["ada", "bob", "dan"])
    assert {student: rows(course)[student]["reason"] for student in times} == {
        **{"ada": "", "bob": "", "dan": "timestamp.txt does not hold a time"}
    }
    with gradebook(course) as book:
        found = {student: book.find_submission(CHAPTER, student) for student in times}
        assert [found[student].total_seconds_late for student in times] == [3600, 0, 0]
        assert [found[student].notebooks[0].late_submission_penalty for student in times] == [6, None, None]


def test_nbgraders_own_commands_go_on_from_here(course):
    listed = command(course, "db", "student", "list", module="nbgrader")
    assert listed.returncode == 0, listed.stderr
    assert all(f"{student} (" in listed.stdout for student in ROWS)
    for arguments in (["generate_feedback", CHAPTER], ["export"]):
        done = command(course, *arguments, module="nbgrader")
        assert done.returncode == 0, done.stderr
    assert sorted(path.parts[-3] for path in (course.root / "feedback").rglob("*.html")) == list(ROWS)
    assert ODD_TEST in (course.root / "feedback" / "bob" / CHAPTER / f"{CHAPTER}.html").read_text(encoding="utf-8")
    with open(course.root / "grades.csv", encoding="utf-8") as file:
        assert {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)} == {
            student: row[0] for student, row in ROWS.items()
        }


# How it ends


SLOW = "import time\ntime.sleep(0.7)\n" + TASKS["half-rows"]["solution"]
MANY = [f"s{number}" for number in range(4)]


@pytest.fixture
def slow(course):
    """The course with four submissions more, each of which takes a second."""
    for student in MANY:
        hand_in(course, student, half_rows=SLOW)
    return course


def start(course):
    return subprocess.Popen(
        [sys.executable, "-m", "classroom", "grade", CHAPTER, "--jobs", "2"],
        cwd=course.root,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def family(grader):
    """A process and all that it started."""
    process = psutil.Process(grader.pid)
    return [process, *process.children(recursive=True)]


def running(course, processes):
    """Which of the processes, and which others of that course, still run after ten seconds, or sooner if none does."""
    left = psutil.wait_procs(processes, timeout=10)[1]
    others = [each for each in psutil.process_iter(["cmdline"]) if str(course.root) in str(each.info["cmdline"])]
    return left + others


def graded_so_far(course):
    return {path.parts[-3] for path in (course.root / "autograded").glob(f"*/{CHAPTER}/classroom.json")}


def test_a_killed_grader_leaves_nothing_running_and_the_next_one_goes_on(slow, grade):
    grader = start(slow)
    assert re.match(r"1/4 s\d: 6, graded; ", grader.stderr.readline())
    reason = f"classroom grade: another grader works at this gradebook (process {grader.pid})\n"
    assert grade() == (2, "", reason, [])
    processes = family(grader)
    assert len(processes) > 4
    grader.kill()
    assert running(slow, processes) == []
    grader.communicate()

    so_far = graded_so_far(slow)
    assert 1 <= len(so_far & set(MANY)) < 4
    status, _, _, graded = grade()
    assert status == 0
    assert sorted([*so_far, *graded]) == sorted([*ROWS, *MANY])
    expected = {student: row[0] for student, row in ROWS.items()} | dict.fromkeys(MANY, 6)
    assert {student: row["total"] for student, row in rows(slow).items()} == expected
    with gradebook(slow) as book:
        assert {each.student_id: each.score for each in book.assignment_submissions(CHAPTER)} == expected


@pytest.mark.parametrize("number, status", [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM)])
def test_a_stopped_grader_keeps_what_is_graded(slow, number, status, monkeypatch, tmp_path):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    for student in MANY[2:]:
        hand_in(slow, student, half_rows=SLOW.replace("0.7", "15"))
    grader = start(slow)
    grader.stderr.readline()
    processes, begun = family(grader), time.monotonic()
    (os.killpg if number == signal.SIGINT else os.kill)(grader.pid, number)  # a terminal tells the workers, too
    _, err = grader.communicate(timeout=20)
    assert time.monotonic() - begun < 5
    assert grader.returncode == status
    assert running(slow, processes) == []
    assert graded_so_far(slow) & set(MANY)
    if number == signal.SIGINT:
        assert err.endswith("classroom grade: interrupted\n")
        assert "Traceback" not in err
        assert list(temporary.iterdir()) == []


def test_a_worker_that_is_killed_fails_its_own_submission_alone(slow, grade):
    grader = start(slow)
    grader.stderr.readline()
    workers = [each for each in family(grader)[1:] if each.ppid() == grader.pid and "spawn_main" in str(each.cmdline())]
    workers[0].kill()
    out, _ = grader.communicate(timeout=60)
    assert grader.returncode == 1
    failed = re.findall(r"^(s\d) +0 +0 +0 +0 +failed +its process ended: exit code -9$", out, re.M)
    assert len(failed) == 1
    assert graded_so_far(slow) == {*ROWS, *MANY} - set(failed)
    assert {rows(slow)[student]["total"] for student in MANY if student not in failed} == {6}
    assert grade()[::3] == (0, failed)
    assert rows(slow)[failed[0]]["state"] == GRADED

"""The command line, and nbgrader's own commands on the same folders."""

import csv
import io
import os
import subprocess
import sys

import pytest
from school import CHAPTER, answers, write

import classroom.release
from classroom.__main__ import _progress, main
from classroom.grading import progress


def run(module, *arguments, cwd, **environment):
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
    )


def test_outside_a_course_there_is_one_line_and_no_traceback(tmp_path):
    done = run("classroom", "check", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"classroom check: {tmp_path} does not lie in a course: no folder from here upwards has nbgrader_config.py\n"
    )


def test_a_message_that_the_terminal_cannot_show_is_shown_in_part(released):
    done = run("classroom", "start", "日本", cwd=released.root, PYTHONIOENCODING="ascii")
    assert done.returncode == 2
    assert done.stderr == "classroom start: no chapter '??' in exercises/; there is: 1-demo\n"


@pytest.mark.parametrize(
    "arguments",
    [[], ["grade"], ["solution"], ["solution", CHAPTER], ["start", "--reset"], ["start", "--update", "--reset", "x"]],
)
def test_wrong_usage_is_answered_with_the_usage(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert capsys.readouterr().err.startswith("usage: classroom")


def test_an_interrupt_and_a_full_disk_end_quietly(course, capsys, monkeypatch):
    for error, status, text in ((KeyboardInterrupt, 130, "interrupted"), (OSError("disk full"), 2, "disk full")):
        monkeypatch.setattr(classroom.release, "generate", lambda *_, error=error: (_ for _ in ()).throw(error))
        assert main(["release"]) == status
        assert capsys.readouterr().err.strip() == f"classroom release: {text}"


def test_a_terminal_sees_the_progress_and_a_file_does_not(monkeypatch):
    for terminal in (True, False):
        stream = io.StringIO()
        stream.isatty = lambda terminal=terminal: terminal
        monkeypatch.setattr(sys, "stderr", stream)
        with _progress(CHAPTER):
            progress.info("cell 2 of 7")
        assert ("\r1-demo: cell 2 of 7" in stream.getvalue()) == terminal
        progress.info("after the end")
        assert "after" not in stream.getvalue()


@pytest.mark.slow
def test_nbgraders_own_commands_work_on_these_folders(released):
    root, database = released.root, f"sqlite:///{(released.root / 'other.db').as_posix()}"
    submitted = {
        "ada": answers(released),
        "bob": answers(released, half_rows="def half_rows(x):\n    warnings.warn('odd')\n    return x[::2]"),
        "cyd": answers(released, half_rows="import os\nos._exit(0)"),
    }
    for student, nb in submitted.items():
        write(root / "submitted" / student / CHAPTER / f"{CHAPTER}.ipynb", nb)
    before = released.exercise(CHAPTER).read_bytes()

    def nbgrader(*arguments):
        done = run("nbgrader", *arguments, cwd=root, CLASSROOM_DB=database)
        assert done.returncode == 0, done.stderr
        return done

    nbgrader("generate_assignment", CHAPTER, "--force")
    assert released.exercise(CHAPTER).read_bytes() == before
    assert "Success" in nbgrader("validate", str(released.solution(CHAPTER))).stdout
    nbgrader("autograde", CHAPTER)
    nbgrader("generate_feedback", CHAPTER)
    nbgrader("export")
    with open(root / "grades.csv", encoding="utf-8") as file:
        grades = {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}
    assert grades == {"ada": 6, "bob": 6, "cyd": 3}
    assert sorted(path.parts[-3] for path in (root / "feedback").rglob("*.html")) == ["ada", "bob", "cyd"]
    assert (root / "other.db").is_file()
    assert not (root / "gradebook.db").exists()

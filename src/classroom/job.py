"""One submission, graded in a process of its own: the unit of work that `classroom grade` hands to an executor."""

import ast
import os
import shutil
import sqlite3
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sqlalchemy import event
from sqlalchemy.engine import Engine

from .assignment import name_of_test, nbgrader_metadata, read_assignment, tasks
from .course import Course
from .grading import autograde, load_config, temporary_course
from .report import printable, read_report
from .results import FAILED, UNREADABLE, Result, state_of
from .submissions import digest, is_name, read

RESULT = "classroom.json"  # beside the graded notebook


@dataclass(frozen=True)
class Job:
    """What a process needs to know to grade a submission."""

    root: Path
    submissions: Path
    chapter: str
    student: str
    db_url: str
    tests: str
    jailed: bool = True


def grade_submission(job: Job) -> Result:
    """Grade a submission: into the gradebook, and into autograded/ with its result beside it.

    Whatever goes wrong is told in the result, as FAILED; then nothing in autograded/ has changed.
    """
    try:
        return _grade(job)
    except Exception as error:  # of nbgrader, the database, the jail: the other submissions are graded all the same
        _jail.cache_clear()
        text = printable(str(error))[:300]
        return Result(job.student, FAILED, f"the grader failed: {type(error).__name__}: {text}", {})


def _grade(job: Job) -> Result:
    if not is_name(job.student):
        return Result(job.student, FAILED, "nbgrader takes no such name: rename the folder", {})
    course = Course(job.root)
    assignment, released = _assignment(course, job.chapter, job.tests)
    handed_in = digest(job.submissions, job.chapter, job.student)
    names = {name for task in tasks(assignment) for name in (task.name, name_of_test(task.name))}
    submission = read(job.submissions, job.chapter, job.student, names)
    execute = None
    if job.jailed:
        from .jail.execute import ExecuteJailed

        seconds = load_config(course).Execute.timeout
        execute = ExecuteJailed(_jail(imports(assignment), course.exercise(job.chapter).parent), seconds)
    with temporary_course(course, job.chapter, job.student, job.db_url) as directory:
        # Where there is no notebook, the released one stands in: the same way for all, and it wins nothing.
        nb = autograde(directory, submission.notebook or released, execute, submission.timestamp)
        report = read_report(nb, tasks(assignment))
        state, reason = state_of(report) if submission.notebook else (UNREADABLE, submission.reason)
        result = Result(
            student=job.student,
            state=state,
            reason=printable("; ".join([reason] * bool(reason) + submission.notes + report.notes)),
            points={each.task: each.points for each in report.results},
            mistakes={each.task: each.mistake for each in report.results if each.mistake and state != UNREADABLE},
            submission=handed_in,
            tests=job.tests,
        )
        folder = Path(directory.format_path(directory.autograded_directory, job.student, job.chapter))
        result.save(folder / RESULT)
        _replace(folder, autograded(course, job.chapter, job.student))
    return result


def autograded(course: Course, chapter: str, student: str) -> Path:
    """The folder of a graded submission."""
    return course.root / "autograded" / student / chapter


def _replace(new: Path, old: Path) -> None:
    """Put a folder in the place of another one, or of none; at no time is half of it there."""
    old.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=old.parent, prefix=f".{old.name}-", ignore_cleanup_errors=True) as aside:
        shutil.copytree(new, Path(aside, "new"))
        if old.exists():
            os.rename(old, Path(aside, "old"))
        os.rename(Path(aside, "new"), old)


@cache
def _assignment(course: Course, chapter: str, tests: str) -> tuple:
    """The assignment and its released notebook; read anew when its tests are others."""
    return read_assignment(course, chapter), course.read(course.exercise(chapter))


def imports(assignment) -> str:
    """The import statements of an assignment's locked cells: what a submission needs, and what can be warm."""
    found = []
    for cell in assignment.cells:
        metadata = nbgrader_metadata(cell)
        if cell.cell_type == "code" and metadata.get("locked") and not metadata.get("grade"):
            found += [node for node in ast.parse(cell.source).body if isinstance(node, ast.Import | ast.ImportFrom)]
    return "\n".join(ast.unparse(node) for node in found)


@cache
def _jail(imports: str, files: Path):
    """This process's jail, started when it is first needed."""
    from .jail.worker import Jail

    return Jail(imports, files)


@event.listens_for(Engine, "connect")
def _write_ahead(connection: object, _record: object) -> None:
    """Let SQLite keep a log: nbgrader commits some fifty times a submission, and would wait for the disk each time."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")

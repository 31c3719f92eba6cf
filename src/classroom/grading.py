"""nbgrader's own steps, run on one chapter in a temporary course with a gradebook of its own."""

import logging
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
from nbgrader.api import Base
from nbgrader.converters import Autograde, GenerateAssignment, NbGraderException
from nbgrader.converters.base import BaseConverter
from nbgrader.coursedir import CourseDirectory
from sqlalchemy import create_engine
from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader
from traitlets.log import get_logger

from .assignment import read_assignment, tasks
from .course import CONFIG, Course, CourseError, files
from .preprocessors import ExecuteAll
from .report import Report, read_report

LEARNER = "learner"

progress = logging.getLogger("classroom.progress")


def generate(course: Course, chapter: str) -> dict[str, bytes]:
    """The chapter's files as nbgrader releases them, by their path in exercises/<chapter>/.

    CourseError if the assignment has mistakes, or nbgrader refuses it.
    """
    read_assignment(course, chapter)
    with temporary_course(course, chapter) as directory:
        run_step(GenerateAssignment(coursedir=directory, config=directory.config))
        folder = Path(directory.format_path(directory.release_directory, ".", chapter))
        generated = {name: path.read_bytes() for name, path in files(folder).items()}
    name = f"{chapter}.ipynb"  # nbconvert writes it with the line ends of the machine
    generated[name] = generated[name].replace(b"\r\n", b"\n")
    return generated


def grade(course: Course, chapter: str, submission: nbformat.NotebookNode) -> Report:
    """What a notebook gets, hidden tests included; CourseError if it cannot be graded."""
    progress.info("preparing")
    assignment = read_assignment(course, chapter)
    with temporary_course(course, chapter) as directory:
        run_step(GenerateAssignment(coursedir=directory, config=directory.config))
        nb = autograde(directory, submission)
    return read_report(nb, tasks(assignment))


def autograde(
    directory: CourseDirectory, submission: nbformat.NotebookNode, execute: Callable | None = None, timestamp: str = ""
) -> nbformat.NotebookNode:
    """The graded notebook of a submission, which goes into the directory's gradebook; CourseError if that fails.

    execute: what runs its cells, in place of the configured ExecuteAll. timestamp: when it was handed in.
    """
    submission = nbformat.from_dict(submission)
    for cell in submission.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    names = directory.student_id, directory.assignment_id
    submitted = Path(directory.format_path(directory.submitted_directory, *names))
    submitted.mkdir(parents=True)
    nbformat.write(submission, submitted / f"{directory.assignment_id}.ipynb")
    if timestamp:
        (submitted / "timestamp.txt").write_text(timestamp, encoding="utf-8")
    step = Autograde(coursedir=directory, config=directory.config)
    if execute is not None:
        steps = step.autograde_preprocessors
        step.autograde_preprocessors = [execute if each is ExecuteAll else each for each in steps]
    run_step(step)
    graded = Path(directory.format_path(directory.autograded_directory, *names))
    return nbformat.read(graded / f"{directory.assignment_id}.ipynb", as_version=4)


@contextmanager
def temporary_course(
    course: Course, chapter: str, student: str = LEARNER, db_url: str = ""
) -> Iterator[CourseDirectory]:
    """A course with this chapter's solution and nothing else, gone again at the end; so is its gradebook, if it is not
    that of `db_url`."""
    config = load_config(course)
    with tempfile.TemporaryDirectory(prefix="classroom-", ignore_cleanup_errors=True) as folder:
        root = Path(folder).resolve()
        directory = CourseDirectory(
            config=config,
            root=str(root),
            db_url=db_url or f"sqlite:///{(root / 'gradebook.db').as_posix()}",
            assignment_id=chapter,
            student_id=student,
        )
        if not db_url:
            # An empty gradebook. Left to itself, nbgrader makes the same tables and asks alembic in its own process.
            engine = create_engine(directory.db_url)
            Base.metadata.create_all(engine)
            engine.dispose()
        source = directory.format_path(directory.source_directory, ".", chapter)
        shutil.copytree(course.solution(chapter).parent, source, ignore=shutil.ignore_patterns(".*", "__pycache__"))
        yield directory


def load_config(course: Course) -> Config:
    """What nbgrader_config.py says."""
    return PyFileConfigLoader(CONFIG, path=str(course.root)).load_config()


def run_step(converter: BaseConverter) -> None:
    """Run one of nbgrader's steps; CourseError with the reason it logged if it fails."""
    log, reasons = get_logger(), _Errors()
    log.addHandler(reasons)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # SQLAlchemy's, about nbgrader's sessions
            converter.start()
    except (NbGraderException, SystemExit) as error:
        raise CourseError(f"nbgrader: {reasons.first or error}") from error
    finally:
        log.removeHandler(reasons)


class _Errors(logging.Handler):
    """Keeps what the first traceback that nbgrader logs ends with, without SQLAlchemy's lines in brackets."""

    first = ""

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage().strip()
        if not self.first and text.startswith("Traceback"):
            self.first = [line for line in text.split("\n") if line[:1] not in " (["][-1]

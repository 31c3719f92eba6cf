"""nbgrader's own steps, run on one chapter in a temporary course with a gradebook of its own."""

import logging
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
from nbgrader.api import Base
from nbgrader.converters import Autograde, GenerateAssignment, NbGraderException
from nbgrader.converters.base import BaseConverter
from nbgrader.coursedir import CourseDirectory
from sqlalchemy import create_engine
from traitlets.config.loader import PyFileConfigLoader
from traitlets.log import get_logger

from .assignment import read_assignment, tasks
from .course import CONFIG, Course, CourseError, files
from .report import Report, read_report

LEARNER = "learner"

progress = logging.getLogger("classroom.progress")


def generate(course: Course, chapter: str) -> dict[str, bytes]:
    """The chapter's files as nbgrader releases them, by their path in exercises/<chapter>/.

    CourseError if the assignment has mistakes, or nbgrader refuses it.
    """
    read_assignment(course, chapter)
    with _temporary_course(course, chapter) as directory:
        _run(GenerateAssignment(coursedir=directory, config=directory.config))
        folder = Path(directory.format_path(directory.release_directory, ".", chapter))
        generated = {name: path.read_bytes() for name, path in files(folder).items()}
    name = f"{chapter}.ipynb"  # nbconvert writes it with the line ends of the machine
    generated[name] = generated[name].replace(b"\r\n", b"\n")
    return generated


def grade(course: Course, chapter: str, submission: nbformat.NotebookNode) -> Report:
    """What a notebook gets, hidden tests included; CourseError if it cannot be graded."""
    progress.info("preparing")
    assignment = read_assignment(course, chapter)
    submission = nbformat.from_dict(submission)
    for cell in submission.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    with _temporary_course(course, chapter) as directory:
        _run(GenerateAssignment(coursedir=directory, config=directory.config))
        submitted = Path(directory.format_path(directory.submitted_directory, LEARNER, chapter), f"{chapter}.ipynb")
        submitted.parent.mkdir(parents=True)
        nbformat.write(submission, submitted)
        _run(Autograde(coursedir=directory, config=directory.config))
        graded = directory.format_path(directory.autograded_directory, LEARNER, chapter)
        return read_report(nbformat.read(Path(graded, f"{chapter}.ipynb"), as_version=4), tasks(assignment))


@contextmanager
def _temporary_course(course: Course, chapter: str) -> Iterator[CourseDirectory]:
    """A course with this chapter's solution and nothing else, gone again at the end."""
    config = PyFileConfigLoader(CONFIG, path=str(course.root)).load_config()
    with tempfile.TemporaryDirectory(prefix="classroom-", ignore_cleanup_errors=True) as folder:
        root = Path(folder).resolve()
        directory = CourseDirectory(
            config=config,
            root=str(root),
            db_url=f"sqlite:///{(root / 'gradebook.db').as_posix()}",
            assignment_id=chapter,
            student_id=LEARNER,
        )
        # An empty gradebook. Left to itself, nbgrader makes the same tables and asks alembic in a process of its own.
        engine = create_engine(directory.db_url)
        Base.metadata.create_all(engine)
        engine.dispose()
        source = directory.format_path(directory.source_directory, ".", chapter)
        shutil.copytree(course.solution(chapter).parent, source, ignore=shutil.ignore_patterns(".*", "__pycache__"))
        yield directory


def _run(converter: BaseConverter) -> None:
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
    """Keeps the last line of the first traceback that nbgrader logs."""

    first = ""

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage().strip()
        if not self.first and text.startswith("Traceback"):
            self.first = text.split("\n")[-1]

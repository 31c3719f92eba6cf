"""A class's own copy of the course: a folder to hand out, without answers and hidden tests, and one to grade in."""

import shlex
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from string import Template

import nbformat
from tqdm import tqdm

from .assignment import read_assignment
from .course import Course, CourseError, write_file
from .grading import grade
from .release import release
from .vary import Dice, vary

SHORTEST_SECRET = 8

# What both folders get as it is. Of the tests only those of what is read: they hold no answer to an assignment.
SHARED = (
    ".gitignore",
    "LICENSE",
    "LICENSE-text",
    "Makefile",
    "_config.yml",
    "_static",
    "_toc.yml",
    "benchmarks",
    "chapters",
    "index.md",
    "nbgrader_config.py",
    "pyproject.toml",
    "references.bib",
    "requirements-book.txt",
    "requirements.txt",
    "src",
    "tests/conftest.py",
    "tests/sanitize.cfg",
    "tests/tinyseq",
)


def write_edition(course: Course, folder: Path, secret: str) -> None:
    """Write folder/students and folder/teacher, with assignments varied by the secret, or nothing.

    CourseError if the folder holds something, the secret is too short, or a model answer fails a varied test.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CourseError(f"--class: {folder} must be an empty folder or not there yet")
    if len(secret) < SHORTEST_SECRET or not secret.isprintable():
        raise CourseError(f"--seed: a secret has at least {SHORTEST_SECRET} characters, all printable, not {secret!r}")

    folder = folder.resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as temporary:
        new = Path(temporary, folder.name)
        teacher, students = Course(new / "teacher"), Course(new / "students")
        _copy(SHARED, course, teacher)
        _write_solutions(course, teacher, Dice(secret))
        release(teacher)
        _prove(teacher)
        _copy((*SHARED, "exercises"), teacher, students)
        _write_readme(teacher, secret=shlex.quote(secret))
        _write_readme(students)
        if folder.exists():
            folder.rmdir()
        new.rename(folder)


def _copy(names: Iterable[str], source: Course, target: Course) -> None:
    """Copy what there is of these files and folders, without what programs left in them."""
    for name in names:
        old, new = source.root / name, target.root / name
        new.parent.mkdir(parents=True, exist_ok=True)
        if old.is_dir():
            shutil.copytree(old, new, ignore=shutil.ignore_patterns(".*", "__pycache__", "*.egg-info"))
        elif old.is_file():
            shutil.copyfile(old, new)


def _write_solutions(course: Course, teacher: Course, dice: Dice) -> None:
    _copy(["solutions"], course, teacher)
    for chapter in course.chapters("solutions"):
        varied = vary(read_assignment(course, chapter), chapter, dice)
        write_file(teacher.solution(chapter), nbformat.writes(varied).encode() + b"\n")


def _prove(teacher: Course) -> None:
    """Grade the model answers; CourseError if one of them loses points."""
    for chapter in tqdm(teacher.chapters("solutions"), "grading the model answers", unit="chapter", disable=None):
        for result in grade(teacher, chapter, teacher.read(teacher.solution(chapter))).results:
            if result.points < result.max_points:
                raise CourseError(
                    f"with this secret, the model answer of {result.task!r} in {chapter} fails, so nothing was "
                    f"written. Take another secret, and tell the authors: {result.mistake}"
                )


def _write_readme(copy: Course, **values: str) -> None:
    """Write the README of students/ or teacher/ from the text that is named like the folder."""
    text = Path(__file__).with_name("readmes") / f"{copy.root.name}.md"
    write_file(copy.root / "README.md", Template(text.read_text(encoding="utf-8")).substitute(values).encode())

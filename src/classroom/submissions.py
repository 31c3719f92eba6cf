"""What was handed in: one folder for each student, and in it, if all is well, the assignment's notebook."""

import hashlib
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from unicodedata import category

from nbgrader.utils import parse_utc

from .assignment import grade_id
from .course import CourseError
from .large import LARGEST, read_submitted

if TYPE_CHECKING:
    from nbformat import NotebookNode


@dataclass(frozen=True)
class Submission:
    """A student's notebook, read; `notebook` is None where there is none to grade, and `reason` says why.

    notes: what was mended so that it can be graded. timestamp: what nbgrader's exchange left, when it was handed in.
    """

    student: str
    notebook: "NotebookNode | None" = None
    reason: str = ""
    notes: list[str] = field(default_factory=list)
    timestamp: str | None = None


def students(folder: Path, chapter: str) -> list[str]:
    """Who handed in something: whoever has a folder or a notebook of the chapter's name, or no folder at all."""
    if not folder.is_dir():
        raise CourseError(f"there is no folder {folder} with a folder for each student in it")
    found = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or not path.is_dir():
            continue
        inside = {each.name: each.is_dir() for each in path.iterdir() if not each.name.startswith(".")}
        if chapter in inside or f"{chapter}.ipynb" in inside or not any(inside.values()):
            found.append(path.name)
    return found


def is_name(student: str) -> bool:
    """Whether nbgrader can grade someone whose folder has this name: text on one line, no blanks around it (it drops
    them, and would take the student for another one), and no pattern of names."""
    odd = set(student) & set("*?[") or {category(c) for c in student} & {"Cc", "Cs", "Zl", "Zp"}
    return student == student.strip() and not odd


def read(folder: Path, chapter: str, student: str, names: set[str]) -> Submission:
    """A student's submission. `names`: the grade ids of its tasks, by which the assignment's notebook is known."""
    place = folder / student / chapter
    if _leads_elsewhere(place, folder):
        return Submission(student, reason="its folder is a link")
    if not place.is_dir():
        stray = ", ".join(sorted(path.name for path in place.parent.glob("*.ipynb")))
        where = f"; {stray} lies beside where it should be" if stray else ""
        return Submission(student, reason=f"there is no folder {chapter}{where}")
    timestamp, notes = _timestamp(place / "timestamp.txt")
    path = place / f"{chapter}.ipynb"
    found = {each.relative_to(place).as_posix(): each for each in [path, *sorted(place.rglob("*.ipynb"))]}
    reasons = []
    for name, candidate in found.items():
        if ".ipynb_checkpoints" in candidate.parts:
            continue
        if _leads_elsewhere(candidate, folder):
            reasons.append(f"{name}: it is a link")
            continue
        if not candidate.exists():
            continue
        try:
            notebook = read_submitted(candidate)
        except CourseError as error:
            reasons.append(f"{name}: {error}")
            continue
        if names & {grade_id(cell) for cell in notebook.cells}:
            if candidate != path:
                notes += [*reasons, f"the notebook was named {name}"]
            return Submission(student, notebook, notes=notes, timestamp=timestamp)
        reasons.append(f"{name}: it has no cell of this assignment's tasks")
    reason = "; ".join(reasons) or "there is no notebook"
    return Submission(student, reason=reason, notes=notes, timestamp=timestamp)


def digest(folder: Path, chapter: str, student: str) -> str:
    """A digest of all files that a student handed in for a chapter; the same as long as none has changed."""
    total = hashlib.sha256()
    place = folder / student / chapter
    for path in sorted(place.rglob("*")) if place.is_dir() and not place.is_symlink() else []:
        total.update(path.relative_to(place).as_posix().encode(errors="replace") + b"\0")
        if path.is_file() and not path.is_symlink():
            if path.stat().st_size > LARGEST:  # not read either
                continue
            with suppress(OSError), path.open("rb") as file:  # read() says what is wrong with it
                total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()


def _leads_elsewhere(path: Path, folder: Path) -> bool:
    """Whether a link stands between the folder of all students and `path`: to another's work, or out of it."""
    inside = path.relative_to(folder)
    return any((folder / part).is_symlink() for part in [inside, *inside.parents])


def _timestamp(path: Path) -> tuple[str | None, list[str]]:
    """What timestamp.txt says, and a note if nbgrader could not read it."""
    if not path.is_file() or path.is_symlink():
        return None, []
    with path.open(encoding="utf-8", errors="replace") as file:
        text = file.read(100).strip()
    try:
        parse_utc(text)
    except (ValueError, OverflowError):
        return None, [f"{path.name} does not hold a time"]
    return text, []

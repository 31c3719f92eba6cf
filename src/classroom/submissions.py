"""What was handed in: one folder for each student, and in it, if all is well, the assignment's notebook."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from .assignment import grade_id
from .course import CourseError, read_notebook

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
    """Who handed in something: all with a folder of the chapter's name, and all whose folder has no folder in it."""
    if not folder.is_dir():
        raise CourseError(f"there is no folder {folder} with a folder for each student in it")
    found = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or not path.is_dir():
            continue
        if (path / chapter).exists() or not any(each.is_dir() for each in path.iterdir()):
            found.append(path.name)
    return found


def read(folder: Path, chapter: str, student: str, names: set[str]) -> Submission:
    """A student's submission. `names`: the grade ids of the assignment, by which a renamed notebook is known."""
    place = folder / student / chapter
    if _leads_elsewhere(place, folder):
        return Submission(student, reason="its folder is a link")
    if not place.is_dir():
        return Submission(student, reason=f"there is no folder {chapter}")
    timestamp = _text(place / "timestamp.txt")
    path = place / f"{chapter}.ipynb"
    others = [] if path.exists() else sorted(place.rglob("*.ipynb"))
    others = [other for other in others if ".ipynb_checkpoints" not in other.parts]
    notes, reasons = [], []
    for candidate in others or [path]:
        name = candidate.relative_to(place).as_posix()
        if _leads_elsewhere(candidate, folder):
            reasons.append(f"{name}: it is a link")
            continue
        if not candidate.exists():
            return Submission(student, reason="there is no notebook", timestamp=timestamp)
        try:
            notebook = read_notebook(candidate)
        except CourseError as error:
            reasons.append(f"{name}: {error}")
            continue
        if others and not names & {grade_id(cell) for cell in notebook.cells}:
            reasons.append(f"{name}: it is not this assignment's notebook")
            continue
        if others:
            notes.append(f"the notebook was named {name}")
        return Submission(student, notebook, notes=notes, timestamp=timestamp)
    return Submission(student, reason="; ".join(reasons), timestamp=timestamp)


def digest(folder: Path, chapter: str, student: str) -> str:
    """A digest of all notebooks that a student handed in for a chapter; the same as long as none has changed."""
    total = hashlib.sha256()
    place = folder / student / chapter
    for path in sorted(place.rglob("*")) if place.is_dir() and not place.is_symlink() else []:
        total.update(path.relative_to(place).as_posix().encode(errors="replace") + b"\0")
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()


def _leads_elsewhere(path: Path, folder: Path) -> bool:
    """Whether a link stands between the folder of all students and `path`: to another's work, or out of it."""
    inside = path.relative_to(folder)
    return any((folder / part).is_symlink() for part in [inside, *inside.parents])


def _text(path: Path) -> str | None:
    if path.is_file() and not path.is_symlink() and path.stat().st_size < 1000:
        return path.read_text(encoding="utf-8", errors="replace")
    return None

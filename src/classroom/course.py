"""Where the course keeps its notebooks, and how one is read and written."""

import os
import re
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nbformat import NotebookNode

CONFIG = "nbgrader_config.py"
MAX_MB = 20  # a notebook with more holds forgotten outputs, and takes long to read


class CourseError(Exception):
    """A mistake of the person at the keyboard, or of a notebook; its text is all they are shown."""


@dataclass(frozen=True)
class Course:
    """A course folder. A chapter is one word, the same in every folder."""

    root: Path

    @classmethod
    def find(cls, start: Path) -> "Course":
        """The course that `start` lies in: the nearest folder upwards with nbgrader_config.py."""
        for folder in (start, *start.parents):
            if (folder / CONFIG).is_file():
                return cls(folder)
        raise CourseError(f"{start} does not lie in a course: no folder from here upwards has {CONFIG}")

    def solution(self, chapter: str) -> Path:
        return self.root / "solutions" / chapter / f"{chapter}.ipynb"

    def exercise(self, chapter: str) -> Path:
        return self.root / "exercises" / chapter / f"{chapter}.ipynb"

    def work(self, chapter: str) -> Path:
        return self.root / "mywork" / chapter / f"{chapter}.ipynb"

    def lesson(self, chapter: str, name: str) -> Path:
        return self.root / "chapters" / chapter / f"{name}.ipynb"

    def show(self, path: Path) -> str:
        """A path as people read it: from the course folder, with slashes."""
        return path.relative_to(self.root).as_posix()

    def chapters(self, folder: str) -> list[str]:
        """The chapters that have a notebook in `folder` ("solutions", "exercises" or "mywork")."""
        return sorted(path.stem for path in (self.root / folder).glob("*/*.ipynb") if path.stem == path.parent.name)

    def chapter(self, folder: str, name: str) -> str:
        """`name` if it is a chapter of `folder`; CourseError with those there are if not."""
        known = self.chapters(folder)
        if name not in known:
            raise CourseError(f"no chapter {name!r} in {folder}/; there is: {', '.join(known) or 'none yet'}")
        return name

    def require_solutions(self) -> None:
        """CourseError where there is no solutions/, as in the copy that a class gets."""
        if not (self.root / "solutions").is_dir():
            raise CourseError(
                "this copy of the course has no solutions/: the hidden tests and the model answers are your "
                "instructor's. The tests that you see under a task run with your notebook"
            )

    def read(self, path: Path) -> "NotebookNode":
        """The notebook at `path`; CourseError naming it and the reason if it cannot be read."""
        try:
            return read_notebook(path)
        except CourseError as error:
            raise CourseError(f"{self.show(path)}: {error}") from error


def files(folder: Path) -> dict[str, Path]:
    """All files below a folder by their paths in it, with slashes; hidden files and Python's caches left out."""
    found = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {name: path for name, path in found.items() if not re.search(r"(^|/)(\.|__pycache__/)", name)}


def read_notebook(path: Path) -> "NotebookNode":
    """The notebook at `path` in nbformat 4; CourseError with the reason if it is none, or has more than MAX_MB."""
    if not path.exists():
        raise CourseError("there is no such file")
    if not path.is_file():
        raise CourseError("it is a folder, not a notebook" if path.is_dir() else "it is not a file")
    size = path.stat().st_size
    if size > MAX_MB * 1e6:
        raise CourseError(
            f"it has {size / 1e6:.0f} MB, and at most {MAX_MB} MB are read: clear the outputs of its cells and save it"
        )
    try:
        return parse_notebook(path.read_bytes())
    except OSError as error:
        raise CourseError(f"it cannot be read ({error.strerror})") from error


def parse_notebook(content: bytes) -> "NotebookNode":
    """The notebook in `content`, without outputs that break the format; CourseError with the reason if it is none."""
    import nbformat

    if not content.strip():
        raise CourseError("it is empty")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # cells without an id get one
            text = content.decode("utf-8-sig")
            nb = nbformat.reads(text, as_version=4, capture_validation_error={})
            for cell in nb.cells:
                if cell.cell_type == "code":
                    cell.outputs = [output for output in cell.get("outputs", []) if _is_valid_output(output)]
            _, nb = nbformat.validator.normalize(nb, strip_invalid_metadata=True)
            nbformat.validate(nb)
    except UnicodeDecodeError as error:
        raise CourseError(f"it is not a notebook: byte {error.start + 1} is not UTF-8") from error
    except nbformat.reader.NotJSONError as error:
        raise CourseError("it is not a notebook: it does not parse as JSON") from error
    except Exception as error:  # whatever else a file may hold; nbformat has no common type for what it finds
        reason = " ".join(str(error).split())[:150] or type(error).__name__
        raise CourseError(f"it is not a notebook: {reason}") from error
    return nb


def _is_valid_output(output: dict) -> bool:
    """Whether nbformat takes it as a cell's output."""
    import nbformat

    try:
        nbformat.validate(output, ref="output", version=4)
    except nbformat.ValidationError:
        return False
    return True


def write_file(path: Path, content: bytes) -> None:
    """Write all of `content` to `path`, or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(part, 0o644)  # mkstemp's files are for their owner alone
        os.replace(part, path)
    except BaseException:
        os.unlink(part)
        raise

"""The learner's copy in mywork/: made from exercises/, never overwritten, and brought up to date on request."""

import itertools
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from .assignment import grade_id, name_of_test
from .course import Course, CourseError, files, write_file

if TYPE_CHECKING:
    from nbformat import NotebookNode


def start(course: Course, chapter: str) -> list[str]:
    """Copy what is not yet in mywork/<chapter>/ and leave the rest as it is. Returns a line for each file."""
    lines = []
    for path, copy in _copies(course, chapter):
        if copy.exists():
            lines.append(f"{course.show(copy)}: there already, left as it is")
        else:
            lines.append(_copy(course, path, copy))
    if _is_older(course.work(chapter), course.exercise(chapter)):
        lines.append(
            f"A newer release is there. To bring it in and keep your answers: classroom start {chapter} --update"
        )
    return lines


def update(course: Course, chapter: str) -> list[str]:
    """Bring a newer release into mywork/<chapter>/; answers and own cells stay. Returns a line for each file."""
    from .merge import merge  # here, because nbformat takes a second to import, and `start` does without

    lines = []
    for path, copy in _copies(course, chapter):
        if not copy.exists():
            lines.append(_copy(course, path, copy))
        elif copy == course.work(chapter):
            mine, released = course.read(copy), course.read(path)
            lines.append(_replace(course, copy, _with_cells(mine, merge(mine.cells, released.cells))))
        else:
            content = path.read_bytes()
            lines.append(_replace(course, copy, None if content == copy.read_bytes() else content))
    return lines


def reset(course: Course, chapter: str, task: str) -> list[str]:
    """Put the released cells of one task, stub and tests, back into the learner's notebook."""
    from .merge import put_back

    path = course.work(course.chapter("exercises", chapter))
    released = {grade_id(cell): cell for cell in course.read(course.exercise(chapter)).cells}
    known = [name for name in released if name and name_of_test(name) in released]
    if task not in known:
        raise CourseError(f"no task {task!r} in {chapter}; there is: {', '.join(known)}")
    mine = course.read(path)
    cells = put_back(mine.cells, released[task], released[name_of_test(task)])
    return [_replace(course, path, _with_cells(mine, cells))]


def _copies(course: Course, chapter: str) -> Iterator[tuple[Path, Path]]:
    """The files of a released chapter, each with its place in mywork/."""
    folder = course.exercise(course.chapter("exercises", chapter)).parent
    for name, path in files(folder).items():
        yield path, course.work(chapter).parent / name


def _copy(course: Course, path: Path, copy: Path) -> str:
    write_file(copy, path.read_bytes())
    return f"{course.show(copy)}: copied from {course.show(path)}"


def _replace(course: Course, path: Path, content: bytes | None) -> str:
    """Write `content` over a learner's file and keep the old file beside it; with None say that it is current."""
    if content is None:
        return f"{course.show(path)}: up to date, left as it is"
    old = path.read_bytes()
    for number in itertools.count(1):
        backup = path.with_name(f"{path.stem}.{date.today()}-{number}{path.suffix}")
        try:
            with open(backup, "xb") as file:
                file.write(old)
            break
        except FileExistsError:
            continue
    write_file(path, content)
    return f"{course.show(path)}: changed; what it was is in {backup.name}"


def _with_cells(nb: "NotebookNode", cells: list["NotebookNode"]) -> bytes | None:
    """The notebook with other cells, as it is stored; None if they are the same."""
    import nbformat

    if cells == nb.cells:
        return None

    new = nbformat.from_dict({**nb, "cells": cells, "nbformat_minor": max(nb.nbformat_minor, 5)})
    _, new = nbformat.validator.normalize(new)
    return nbformat.writes(new).encode() + b"\n"


def _is_older(mine: Path, released: Path) -> bool:
    """Whether a cell that the learner has was released anew since they got it, by nbgrader's checksums."""
    try:
        old, new = _checksums(mine), _checksums(released)
    except (OSError, ValueError, TypeError, AttributeError, KeyError):  # not a notebook: `check` says so
        return False
    return any(old[name] != new[name] for name in old.keys() & new.keys())


def _checksums(path: Path) -> dict[str, str]:
    """nbgrader's checksums in a notebook by grade id. Read as plain JSON: nbformat takes a second to import."""
    cells = json.loads(path.read_bytes())["cells"]
    found = [cell.get("metadata", {}).get("nbgrader", {}) for cell in cells]
    return {entry["grade_id"]: entry["checksum"] for entry in found if "checksum" in entry}

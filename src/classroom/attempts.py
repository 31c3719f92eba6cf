"""Which tasks a learner has checked an attempt at: mywork/<chapter>/.checked.json."""

import json
from pathlib import Path

from .course import Course, write_file


def attempted(course: Course, chapter: str) -> set[str]:
    """The tasks of which a checked answer was not the released stub. A file that cannot be read holds none."""
    try:
        return set(json.loads(_path(course, chapter).read_bytes())["attempted"])
    except (OSError, ValueError, TypeError, KeyError):
        return set()


def remember(course: Course, chapter: str, tasks: set[str]) -> None:
    """Add tasks to those attempted."""
    known = attempted(course, chapter)
    if tasks - known:
        write_file(_path(course, chapter), json.dumps({"attempted": sorted(known | tasks)}, indent=1).encode() + b"\n")


def _path(course: Course, chapter: str) -> Path:
    return course.work(chapter).parent / ".checked.json"

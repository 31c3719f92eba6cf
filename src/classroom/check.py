"""The learner's own notebook graded now, and what it says to them."""

import textwrap

from .attempts import remember
from .course import Course, CourseError
from .grading import grade
from .report import Report

WIDTH = 100


def check(course: Course, chapter: str) -> Report:
    """Grade mywork/<chapter>/<chapter>.ipynb, which stays as it is; CourseError if it cannot be graded."""
    path = course.work(course.chapter("solutions", chapter))
    if not path.parent.is_dir():
        raise CourseError(f"{chapter} has not been started: classroom start {chapter}")
    report = grade(course, chapter, course.read(path))
    remember(course, chapter, {result.task for result in report.results if result.attempted})
    return report


def started(course: Course) -> list[str]:
    """The chapters of which the learner has a folder."""
    folder = course.root / "mywork"
    return [chapter for chapter in course.chapters("solutions") if (folder / chapter).is_dir()]


def table(course: Course, chapter: str, report: Report) -> str:
    """The report as text: a row for each task, and under those that lost points why, and what to read again."""
    width = max(len("total"), *(len(result.task) for result in report.results))
    lines = [chapter, *(_wrapped(f"note: {note}", 2) for note in report.notes)]
    for result in report.results:
        lines.append(_row(result.task, result.points, result.max_points, width))
        if result.mistake:
            lines.append(_wrapped(result.mistake, width + 4))
            lines.append(" " * (width + 4) + f"read again: {course.show(course.lesson(chapter, result.lesson))}")
    lines.append(_row("total", report.points, report.max_points, width))
    return "\n".join(lines)


def _row(name: str, points: float, max_points: float, width: int) -> str:
    return f"  {name:<{width}}  {points:>2g} of {max_points:g}"


def _wrapped(text: str, indent: int) -> str:
    return textwrap.fill(text, WIDTH, initial_indent=" " * indent, subsequent_indent=" " * indent)

"""exercises/ from solutions/: what learners get, without answers, reasons and hidden tests."""

from .assignment import read_assignment, tasks
from .course import Course, CourseError, files, write_file
from .grading import generate


def release(course: Course, chapter: str | None = None, check: bool = False) -> list[str]:
    """Bring exercises/ up to date (all of it without `chapter`) and return the files that differed.

    Nothing is written before every chapter has been generated; with `check` nothing is written at all.
    """
    new = {}
    for name in _chapters(course, chapter):
        new |= {f"{name}/{file}": content for file, content in generate(course, name).items()}
    folder = course.root / "exercises"
    old = {
        name: path.read_bytes()
        for name, path in files(folder).items()
        if chapter is None or name.startswith(f"{chapter}/")
    }

    differing = sorted(name for name in new.keys() | old.keys() if new.get(name) != old.get(name))
    for name in [] if check else differing:
        if name in new:
            write_file(folder / name, new[name])
        else:
            (folder / name).unlink()
    return [f"exercises/{name}" for name in differing]


def missing_lessons(course: Course, chapter: str | None = None) -> list[str]:
    """The lessons that tests send learners to and that do not exist, each with its task."""
    return [
        f"{course.show(course.solution(name))}: task {task.name!r} names the lesson {task.lesson!r}, which is not there"
        for name in _chapters(course, chapter)
        for task in tasks(read_assignment(course, name))
        if not course.lesson(name, task.lesson).is_file()
    ]


def _chapters(course: Course, chapter: str | None) -> list[str]:
    chapters = [chapter] if chapter else course.chapters("solutions")
    if not chapters:
        raise CourseError("there is no assignment in solutions/ yet")
    return chapters

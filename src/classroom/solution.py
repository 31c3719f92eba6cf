"""The model answer of a task, once the learner has tried it."""

from .assignment import Task, read_assignment, tasks
from .attempts import attempted
from .course import Course, CourseError


def solution(course: Course, chapter: str, name: str, now: bool = False) -> Task:
    """The task with its answer and reasons; CourseError before the first checked attempt at it, unless `now`."""
    known = {task.name: task for task in tasks(read_assignment(course, chapter))}
    if name not in known:
        raise CourseError(f"no task {name!r} in {chapter}; there is: {', '.join(known)}")
    if not now and name not in attempted(course, chapter):
        raise CourseError(
            f"there is no checked attempt of yours at {name!r} yet: write one and run `classroom check {chapter}`, "
            "or add --now"
        )
    return known[name]

"""`classroom`: release, start, check and solution of the course's assignments."""

import argparse
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .course import Course, CourseError


def main(arguments: list[str] | None = None) -> int:
    """Run one command. 0: done, and full marks; 1: points or releases are missing; 2: it could not be done."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # a message may hold what the terminal cannot show
    options = _parser().parse_args(arguments)
    try:
        return options.run(Course.find(Path.cwd()), options)
    except (CourseError, OSError) as error:
        print(f"classroom {options.command}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"\nclassroom {options.command}: interrupted", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="classroom", description="The assignments of this course.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    release = commands.add_parser("release", help="make exercises/ from solutions/ (for authors)")
    release.add_argument("chapter", nargs="?", metavar="CHAPTER", help="only this chapter, for example 1-embedding")
    release.add_argument(
        "--check", action="store_true", help="write nothing; exit with 1 and name the files that differ"
    )
    release.set_defaults(run=_release)

    start = commands.add_parser("start", help="copy the exercises to mywork/; what is there stays")
    start.add_argument("chapter", nargs="?", metavar="CHAPTER", help="only this chapter, for example 1-embedding")
    change = start.add_mutually_exclusive_group()
    change.add_argument("--reset", metavar="TASK", help="put the released cells of one task back (needs CHAPTER)")
    change.add_argument("--update", action="store_true", help="bring a newer release in and keep your answers")
    start.set_defaults(run=_start)

    check = commands.add_parser("check", help="grade your own work in mywork/, hidden tests included")
    check.add_argument("chapter", nargs="?", metavar="CHAPTER", help="only this chapter, for example 1-embedding")
    check.set_defaults(run=_check)

    solution = commands.add_parser("solution", help="the model answer of a task, after one checked attempt")
    solution.add_argument("chapter", metavar="CHAPTER")
    solution.add_argument("task", metavar="TASK")
    solution.add_argument("--now", action="store_true", help="without an attempt")
    solution.set_defaults(run=_solution)
    return parser


# The parts are imported when their command runs: nbgrader takes two seconds to import.


def _release(course: Course, options: argparse.Namespace) -> int:
    from .release import missing_lessons, release

    differing = release(course, options.chapter, options.check)
    for lesson in missing_lessons(course, options.chapter):
        print(f"warning: {lesson}", file=sys.stderr)
    for name in differing:
        print(f"{name}: {'differs from solutions/' if options.check else 'released'}")
    if not differing:
        print("exercises/ is up to date")
    return int(options.check and bool(differing))


def _start(course: Course, options: argparse.Namespace) -> int:
    from .start import reset, start, update

    if options.reset and not options.chapter:
        raise CourseError(f"--reset needs the chapter too: classroom start CHAPTER --reset {options.reset}")
    chapters = [options.chapter] if options.chapter else course.chapters("exercises")
    if not chapters:
        raise CourseError("there is no exercise in exercises/ yet")
    for chapter in chapters:
        if options.reset:
            lines = reset(course, chapter, options.reset)
        else:
            lines = update(course, chapter) if options.update else start(course, chapter)
        print("\n".join(lines))
    return 0


def _check(course: Course, options: argparse.Namespace) -> int:
    from .check import check, started, table

    chapters = [options.chapter] if options.chapter else started(course)
    if not chapters:
        raise CourseError("there is nothing in mywork/ to check yet: classroom start")
    status = 0
    for chapter in chapters:
        try:
            with _progress(chapter):
                report = check(course, chapter)
        except CourseError as error:
            print(f"classroom check: {error}", file=sys.stderr)
            status = 2
            continue
        print(table(course, chapter, report))
        if report.points < report.max_points:
            status = max(status, 1)
    return status


@contextmanager
def _progress(chapter: str) -> Iterator[None]:
    """One status line on a terminal, rewritten at each step and gone at the end."""
    if not sys.stderr.isatty():
        yield
        return
    log, handler = logging.getLogger("classroom.progress"), logging.StreamHandler(sys.stderr)
    handler.terminator = ""
    handler.setFormatter(logging.Formatter(f"\r{chapter}: %(message)-40s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)
        print("\r" + " " * (len(chapter) + 42) + "\r", end="", file=sys.stderr)


def _solution(course: Course, options: argparse.Namespace) -> int:
    from .solution import solution

    task = solution(course, options.chapter, options.task, options.now)
    print(f"{task.answer}\n\n{task.reasons}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

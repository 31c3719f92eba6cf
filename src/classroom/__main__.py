"""`classroom`: the course's assignments released, started, checked and graded."""

import argparse
import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from .course import Course, CourseError

if TYPE_CHECKING:
    from .results import Result


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
    release.add_argument("--class", dest="folder", type=Path, metavar="DIR", help="write a class's own copy there")
    release.add_argument("--seed", metavar="SECRET", help="what that copy is varied by: at least 8 characters")
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

    for name, text in (("grade", "grade the submissions of a class"), ("regrade", "grade all of them again")):
        grade = commands.add_parser(name, help=text)
        grade.add_argument("chapter", metavar="CHAPTER")
        grade.add_argument("--submissions", type=Path, metavar="DIR", help="a folder for each student; submitted/")
        grade.add_argument("--jobs", type=_positive, metavar="N", help="processes; as many as there are cores")
        grade.add_argument("--student", nargs="+", default=[], metavar="ID", help="only these students")
        grade.add_argument("--db", default="", metavar="URL", help="the gradebook, as SQLAlchemy names it")
        grade.add_argument("--unsafe", action="store_true", help="without a jail: submissions can do what you can")
        if name == "grade":
            again = grade.add_mutually_exclusive_group()
            again.add_argument("--resume", action="store_true", help="only what is not graded yet (the default)")
            again.add_argument("--force", action="store_true", help="what is graded already, too")
        else:
            grade.add_argument("--diff", action="store_true", help="print whose points changed, and why")
        grade.set_defaults(run=_grade)

    solution = commands.add_parser("solution", help="the model answer of a task, after one checked attempt")
    solution.add_argument("chapter", metavar="CHAPTER")
    solution.add_argument("task", metavar="TASK")
    solution.add_argument("--now", action="store_true", help="without an attempt")
    solution.set_defaults(run=_solution)
    return parser


# The parts are imported when their command runs: nbgrader takes two seconds to import.


def _release(course: Course, options: argparse.Namespace) -> int:
    if options.folder is not None or options.seed is not None:
        return _release_class(course, options)
    from .release import missing_lessons, release

    differing = release(course, options.chapter, options.check)
    for lesson in missing_lessons(course, options.chapter):
        print(f"warning: {lesson}", file=sys.stderr)
    for name in differing:
        print(f"{name}: {'differs from solutions/' if options.check else 'released'}")
    if not differing:
        print("exercises/ is up to date")
    return int(options.check and bool(differing))


def _release_class(course: Course, options: argparse.Namespace) -> int:
    if options.folder is None or options.seed is None or options.chapter or options.check:
        raise CourseError("a class's copy is made of the whole course: classroom release --class DIR --seed SECRET")
    from .edition import write_edition

    write_edition(course, options.folder, options.seed)
    print(f"{options.folder / 'students'}: to hand out, without answers and hidden tests")
    print(f"{options.folder / 'teacher'}: to keep and to grade in; its README.md holds the secret")
    return 0


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

    course.require_solutions()
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


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 on, got {text!r}")
    return int(text)


def _grade(course: Course, options: argparse.Namespace) -> int:
    from .grade import ClassGrades
    from .processes import Processes
    from .results import FAILED, differences, table, write

    again = options.command == "regrade"
    chapter = course.chapter("solutions", options.chapter)
    folder = (options.submissions or course.root / "submitted").resolve()
    grades = ClassGrades(course, chapter, folder, options.db, not options.unsafe)
    if options.unsafe:
        print("Not jailed: submissions run as your own user.", file=sys.stderr)
    with grades.locked():
        names = grades.students(options.student)
        grades.prepare()
        before = grades.results()
        pending = grades.pending(names, again or options.force)
        failed = []
        with Processes(min(options.jobs or os.cpu_count() or 1, max(len(pending), 1))) as executor:
            for result in _counted(grades.grade(pending, executor), len(pending)):
                if result.state == FAILED:
                    failed.append(result)
        results = sorted(grades.results() + failed, key=lambda result: result.student)
        max_points = grades.max_points()
        if again and options.diff:
            print("\n".join(differences(before, results)) or "no grade has changed")
        else:
            print(table([result for result in results if not names or result.student in names], max_points))
        for path in write(results, max_points, course.root / f"grades-{chapter}"):
            print(f"written: {course.show(path)}")
    if stale := sum(result.tests != grades.tests() for result in results if result.state != FAILED):
        print(f"{stale} were graded with other tests than those of now: classroom regrade {chapter} --diff")
    return int(bool(failed))


def _counted(results: Iterator["Result"], count: int) -> Iterator["Result"]:
    """The results, with a progress bar on a terminal and a line for each elsewhere."""
    from tqdm import tqdm

    from .report import printable

    bar = tqdm(results, total=count, unit="submission", disable=not sys.stderr.isatty() or not count)
    started = time.monotonic()
    for number, result in enumerate(bar, 1):
        if bar.disable:
            left = (time.monotonic() - started) / number * (count - number)
            line = f"{number}/{count} {printable(result.student)}: {result.total:g}, {result.state}; {left:.0f} s left"
            print(line, file=sys.stderr, flush=True)
        yield result


def _solution(course: Course, options: argparse.Namespace) -> int:
    from .solution import solution

    course.require_solutions()
    task = solution(course, options.chapter, options.task, options.now)
    print(f"{task.answer}\n\n{task.reasons}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

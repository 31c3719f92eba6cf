"""A whole class: every submission that is not graded yet, in parallel, into nbgrader's gradebook."""

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import Executor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from nbgrader.api import BaseCell, Grade, Gradebook, SubmittedAssignment, SubmittedNotebook
from nbgrader.converters import GenerateAssignment
from nbgrader.coursedir import CourseDirectory
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from .assignment import name_of_test, read_assignment, tasks
from .course import Course, CourseError
from .grading import load_config, run_step, temporary_course
from .job import RESULT, Job, grade_submission
from .results import FAILED, Result
from .submissions import digest, students


@dataclass(frozen=True)
class ClassGrades:
    """The grades of a class in one chapter: where they come from and where they go.

    submissions: a folder with a folder for each student. db_url: the gradebook's; empty for the configured one.
    """

    course: Course
    chapter: str
    submissions: Path
    db_url: str = ""
    jailed: bool = True

    def results(self) -> list[Result]:
        """What is graded so far, with the marks given by hand, in the order of the students' names."""
        in_gradebook = self._in_gradebook()
        found = []
        for folder in sorted((self.course.root / "autograded").glob(f"*/{self.chapter}")):
            result = Result.load(folder / RESULT)
            if result and result.student in in_gradebook:
                points, manual = in_gradebook[result.student]
                found.append(replace(result, points={**result.points, **points}, manual=manual))
        return found

    def max_points(self) -> dict[str, float]:
        """What each task gives at most."""
        return {task.name: task.points for task in tasks(read_assignment(self.course, self.chapter))}

    def tests(self) -> str:
        """A digest of what submissions are graded with."""
        return hashlib.sha256(self.course.solution(self.chapter).read_bytes()).hexdigest()

    def pending(self, names: list[str], force: bool) -> list[str]:
        """Those of the students that are to be graded: not graded yet, or with another submission; all with `force`."""
        if force:
            return names
        graded = {result.student: result.submission for result in self.results()}
        return [name for name in names if graded.get(name) != digest(self.submissions, self.chapter, name)]

    def students(self, wanted: list[str]) -> list[str]:
        """Who handed in, or those `wanted`; CourseError for one of these who did not."""
        known = students(self.submissions, self.chapter)
        if unknown := sorted(set(wanted) - set(known)):
            raise CourseError(f"no submission of {self.chapter} by {', '.join(unknown)} in {self.submissions}")
        return [name for name in known if name in wanted] if wanted else known

    def grade(self, names: list[str], executor: Executor) -> Iterator[Result]:
        """Grade the students' submissions; each result as soon as it is there."""
        tests = self.tests()
        jobs = [
            Job(self.course.root, self.submissions, self.chapter, name, self.url(), tests, self.jailed)
            for name in names
        ]
        futures = {executor.submit(grade_submission, job): job.student for job in jobs}
        try:
            for future in as_completed(futures):
                try:
                    yield future.result()
                except Exception as error:  # the process is gone, not the grader
                    yield Result(futures[future], FAILED, f"its process ended: {error}", {})
        finally:
            for future in futures:
                future.cancel()

    def prepare(self) -> None:
        """Put the assignment, as it is now, into the gradebook. CourseError if that is not possible."""
        read_assignment(self.course, self.chapter)
        self.course.read(self.course.exercise(self.chapter))
        if self.jailed:
            from .jail.worker import try_jail

            try_jail()
        with temporary_course(self.course, self.chapter, db_url=self.url()) as directory:
            run_step(GenerateAssignment(coursedir=directory, config=directory.config))

    def url(self) -> str:
        """The gradebook's URL; the path of a file in full, since nbgrader works in other folders."""
        text = self.db_url or CourseDirectory(config=load_config(self.course)).db_url
        try:
            url = make_url(text)
        except ArgumentError as error:
            raise CourseError(f"expected the URL of a database, such as sqlite:///grades.db, got {text!r}") from error
        if url.get_backend_name() == "sqlite" and url.database:
            url = url.set(database=(self.course.root / url.database).as_posix())
        return url.render_as_string(hide_password=False)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """No other grader at this gradebook meanwhile; CourseError if there is one. (Not on Windows.)"""
        try:
            import fcntl
        except ImportError:
            yield
            return
        name = hashlib.sha256(self.url().encode()).hexdigest()[:12]
        with open(self.course.root / f".classroom-{name}.lock", "a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                file.seek(0)
                raise CourseError(f"another grader works at this gradebook (process {file.read().strip()})") from error
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            yield

    def _in_gradebook(self) -> dict[str, tuple[dict[str, float], list[str]]]:
        """For each student the points by task, as nbgrader counts them, and the tasks that were marked by hand."""
        task_of = {name_of_test(task): task for task in self.max_points()}
        rows: dict[str, tuple[dict[str, float], list[str]]] = {}
        with Gradebook(self.url()) as gradebook:
            query = (
                gradebook.db.query(SubmittedAssignment.student_id, BaseCell.name, Grade)
                .join(SubmittedNotebook, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
                .join(Grade, Grade.notebook_id == SubmittedNotebook.id)
                .join(BaseCell, BaseCell.id == Grade.cell_id)
                .filter(SubmittedAssignment.name == self.chapter)
            )
            for student, cell, grade in query:
                points, manual = rows.setdefault(student, ({}, []))
                if cell in task_of:
                    points[task_of[cell]] = grade.score  # extra credit included
                    if grade.manual_score is not None:
                        manual.append(task_of[cell])
        return rows

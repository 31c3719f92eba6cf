import os
import shutil

import pytest
from school import write_course

from classroom.course import CourseError
from classroom.jail.worker import try_jail
from classroom.release import release


@pytest.fixture(scope="session")
def jailed():
    """For a test that needs the jail: skipped with the reason where there is none; under CI=true it fails."""
    try:
        try_jail()
    except CourseError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A course whose assignment is not yet released; the tests run in its folder."""
    course = write_course(tmp_path / "course")
    monkeypatch.chdir(course.root)
    monkeypatch.delenv("CLASSROOM_DB", raising=False)
    return course


@pytest.fixture(scope="session")
def _released(tmp_path_factory):
    course = write_course(tmp_path_factory.mktemp("released") / "course")
    release(course)
    return course


@pytest.fixture
def released(_released, course):
    """The same course, released."""
    shutil.copytree(_released.root / "exercises", course.root / "exercises")
    return course

"""The released assignments belong to their sources, and the whole grader gives each what it is worth."""

from pathlib import Path

import pytest

from classroom.course import Course
from classroom.grading import grade
from classroom.release import missing_lessons, release

COURSE = Course(Path(__file__).parents[2])
CHAPTERS = COURSE.chapters("solutions")

pytestmark = pytest.mark.slow


def test_exercises_are_generated_from_solutions():
    assert release(COURSE, check=True) == [], "run `classroom release`"
    assert COURSE.chapters("exercises") == CHAPTERS


def test_every_lesson_to_read_again_is_there():
    assert missing_lessons(COURSE) == []


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_answers_get_full_marks_and_the_release_gets_none(chapter):
    solved = grade(COURSE, chapter, COURSE.read(COURSE.solution(chapter)))
    assert solved.points == solved.max_points > 0
    assert not [result.mistake for result in solved.results if result.mistake]
    untouched = grade(COURSE, chapter, COURSE.read(COURSE.exercise(chapter)))
    assert untouched.points == 0 and not untouched.notes
    assert {result.mistake for result in untouched.results} == {"not done yet"}

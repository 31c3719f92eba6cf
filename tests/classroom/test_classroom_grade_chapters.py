"""The course's own assignments, graded as a class hands them in: the jail and the second kernel take nothing away."""

import runpy
import shutil
from pathlib import Path

import pytest
from school import ROOT, Here, cell, read, write

from classroom.assignment import read_assignment, tasks
from classroom.course import Course
from classroom.grade import ClassGrades
from classroom.grading import grade
from classroom.job import _jail

pytestmark = pytest.mark.slow

CHAPTERS = Course(ROOT).chapters("solutions")
WRONG = ["wrong-0", "wrong-1", "wrong-2"]
RIGHT = ["right-0", "right-1"]


class Chapter:
    """A chapter as it is graded here: its tasks, the answers of tests/assignments, and what each submission got."""

    def __init__(self, name: str, root: Path):
        self.name, self.course = name, Course(root)
        root.mkdir()
        shutil.copy(ROOT / "nbgrader_config.py", root)
        for folder in ("solutions", "exercises"):
            shutil.copytree(ROOT / folder / name, root / folder / name)
        self.tasks = tasks(read_assignment(self.course, name))
        self.path = ROOT / "tests" / "assignments" / f"{name}.py"
        self.answers = runpy.run_path(str(self.path))
        answers = {"solution": {task.name: task.answer for task in self.tasks}, "released": {}}
        answers |= {kind: self.of_kind(*kind.upper().split("-")) for kind in WRONG + RIGHT}
        self.notebooks = {student: self.notebook(sources) for student, sources in answers.items()}
        for student, nb in self.notebooks.items():
            write(root / "submitted" / student / name / f"{name}.ipynb", nb)
        grades = ClassGrades(self.course, name, root / "submitted")
        grades.prepare()
        self.results = {result.student: result for result in grades.grade(sorted(self.notebooks), Here())}

    def of_kind(self, table: str, number: str) -> dict[str, str]:
        """The sources of the answers with this number; where the file has no function for a task, the model answer."""
        found = {task.name: task.answer for task in self.tasks}
        for task in self.answers[table]:
            found[task] = f"{self.asked(task)} = list({table}[{task!r}])[{number}]"
        return found

    def asked(self, task: str) -> str:
        """The name that a task asks for: what the first line of its model answer binds."""
        return next(each for each in self.tasks if each.name == task).answer.split("(")[0].removeprefix("def ").strip()

    def notebook(self, sources: dict[str, str]):
        """The released notebook with these answers; the file that they come from is a cell of the learner's own."""
        nb = read(self.course.exercise(self.name))
        for task, source in sources.items():
            cell(nb, task).source = source
        first = next(iter(sources), None)
        if first:
            cell(nb, first).source = f"{self.path.read_text(encoding='utf-8')}\n\n{sources[first]}"
        return nb


@pytest.fixture(scope="module", params=CHAPTERS)
def chapter(request, jailed, tmp_path_factory):
    yield Chapter(request.param, tmp_path_factory.mktemp("chapter") / "course")
    _jail.cache_clear()


def test_the_model_answers_get_all_points_and_the_release_none(chapter):
    assert (chapter.results["solution"].total, chapter.results["solution"].reason) == (40, "")
    assert (chapter.results["released"].total, chapter.results["released"].reason) == (0, "")
    assert set(chapter.results["released"].mistakes.values()) == {"not done yet"}


@pytest.mark.parametrize("student", RIGHT)
def test_other_right_answers_get_all_points(chapter, student):
    assert chapter.results[student].mistakes == {}
    assert (chapter.results[student].total, chapter.results[student].state) == (40, "graded")


@pytest.mark.parametrize("student", WRONG)
def test_wrong_answers_are_told_their_mistakes(chapter, student):
    result, number = chapter.results[student], int(student[-1])
    expected = {task: list(answers.values())[number] for task, answers in chapter.answers["WRONG"].items()}
    assert sorted(result.mistakes) == sorted(expected)
    for task, fragment in expected.items():
        assert fragment in result.mistakes[task]
        assert result.points[task] == 0


def test_the_learners_own_check_says_the_same(chapter):
    result = chapter.results["wrong-0"]
    report = grade(chapter.course, chapter.name, chapter.notebooks["wrong-0"])
    assert {each.task: each.points for each in report.results} == result.points
    assert {each.task: each.mistake for each in report.results if each.mistake} == result.mistakes

"""What the page on teaching says in numbers, names and commands is what the code has."""

import inspect
import re

import pytest
from school import ROOT

from classroom import results
from classroom.__main__ import _parser
from classroom.course import Course
from classroom.edition import SHORTEST_SECRET
from classroom.jail import wire, worker, zygote
from classroom.renumber import NUMBER

PAGE = (ROOT / "chapters/appendix/teaching.md").read_text(encoding="utf-8")
TEXT = " ".join(PAGE.split())


@pytest.mark.parametrize(
    "said",
    [
        f"of at least {SHORTEST_SECRET} characters",
        f"{re.search(b'size=(.+?)m', zygote.TMPFS['/jail'])[1].decode()} MB of disk",
        f"{worker.MEMORY >> 30} GB of memory",
        f"{worker.MEMORY >> 30} GB more while a submission uses all that it may",
        f"{zygote.PROCESSES} processes",
    ],
)
def test_the_limits_are_those_of_the_code(said):
    assert NUMBER.search(said) and said in TEXT


def test_memory_is_looked_at_as_often_as_it_says():
    assert "five times a second" in TEXT
    assert inspect.signature(wire.receive).parameters["every"].default == 1 / 5


def test_the_states_are_all_explained():
    states = {results.GRADED, results.STOPPED, results.UNREADABLE, results.FAILED}
    assert set(re.findall(r"^\| (\w+) \|", PAGE, re.M)) - {"State", "Folder"} == states


def test_a_third_of_the_questions_has_numbers_that_vary():
    course = Course(ROOT)
    notebooks = [course.read(course.solution(chapter)) for chapter in course.chapters("solutions")]
    cells = [cell for nb in notebooks for cell in nb.cells]
    questions = [cell for cell in cells if re.search(r"^- \*\*A\*\*", cell.source, re.M)]
    varying = [cell for cell in cells if "numbers" in cell.metadata.get("classroom", {})]
    assert "numbers in a third of these questions" in TEXT
    assert abs(len(varying) / len(questions) - 1 / 3) < 0.05


@pytest.mark.parametrize("line", re.findall(r"^\.venv/bin/classroom (.+)", PAGE, re.M))
def test_the_commands_are_taken(line):
    assert callable(_parser().parse_args(line.split()).run)


def test_the_options_are_those_of_the_command():
    named = set(re.findall(r"--[a-z]+", PAGE)) - {"--user", "--scope"}  # of systemd-run
    source = inspect.getsource(_parser)
    assert named and {option for option in named if f'"{option}"' in source} == named

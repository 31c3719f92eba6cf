"""A class's own copy: nothing of the answers in what is handed out, the same for the same secret, all or nothing."""

import json
import re

import pytest
from school import CHAPTER, ROOT, TASKS, assignment, cell, read, write

from classroom.__main__ import main
from classroom.course import Course, CourseError
from classroom.edition import write_edition
from classroom.grading import grade
from classroom.vary import Dice, vary

SECRET = "correct horse"
OPTIONS = {"A": "a row", "B": "a column", "C": "a table", "D": "a number"}
CHOICE = {
    "points": 2,
    "lesson": "averages",
    "solution": 'answer_axis = None  # "A", "B", "C" or "D"\n### BEGIN SOLUTION\nanswer_axis = "B"\n### END SOLUTION',
    "reasons": "Axis 0 runs down it.",
    "test": """assert answer_axis in ("A", "B", "C", "D"), "answer with one of the letters A to D"
### BEGIN HIDDEN TESTS
mistakes = {"A": "not a row", "C": "not a table", "D": "not a number"}
assert answer_axis == "B", mistakes[answer_axis]
### END HIDDEN TESTS""",
}
RANDOM = {
    "points": 1,
    "lesson": "slices",
    "solution": "def largest(x):\n    ### BEGIN SOLUTION\n    return x.max()\n    ### END SOLUTION",
    "reasons": "NumPy has it.",
    "test": """x = np.random.default_rng(3).normal(size=5)
assert largest(x) == max(x), "the largest number"
### BEGIN HIDDEN TESTS
def case(size, seed=1):
    return np.random.default_rng(seed).normal(size=size)
x, y = case(7), case(9, seed=2)
assert largest(x) == max(x), "the largest of seven"
assert largest(y) == max(y), "the largest of nine"
x = np.random.default_rng(4).normal(size=(2, 2))
assert largest(x) == max(map(max, x)), "the largest of a table"
### END HIDDEN TESTS""",
}


def varied_assignment(**changed):
    """An assignment with a choice question and a random test, or with another task in place of the question."""
    nb = assignment({**TASKS, "choose-axis": {**CHOICE, **changed}, "largest": RANDOM})
    text = next(c for c in nb.cells if c.id == "text-choose-axis")
    text.source = "What is it?\n\n" + "\n".join(f"- **{letter}** {option}" for letter, option in OPTIONS.items())
    return nb


@pytest.fixture
def two_folders(course):
    """A course with such an assignment, and the name of the folder for its copy."""
    write(course.solution(CHAPTER), varied_assignment())
    return course, course.root.parent / "class"


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def options_of(nb):
    text = next(c.source for c in nb.cells if c.id == "text-choose-axis")
    return dict(re.findall(r"^- \*\*(\w)\*\* (.+)$", text, re.M))


def test_the_letters_of_a_question_move_together():
    orders = set()
    for number in range(9):
        nb = vary(varied_assignment(), CHAPTER, Dice(f"secret {number}"))
        options = options_of(nb)
        assert list(options) == list(OPTIONS) and sorted(options.values()) == sorted(OPTIONS.values())
        right = next(letter for letter, option in options.items() if option == "a column")
        solution, test = cell(nb, "choose-axis").source, cell(nb, "choose-axis-test").source
        assert solution == CHOICE["solution"].replace('= "B"', f'= "{right}"')
        assert test.startswith(CHOICE["test"].split("###")[0])
        for letter in set(OPTIONS) - {right}:
            with pytest.raises(AssertionError, match=f"^not {options[letter]}$"):
                exec(test, {"answer_axis": letter})
        exec(test, {"answer_axis": right})
        orders.add(tuple(options.values()))
    assert len(orders) > 5


def test_only_hidden_tests_get_other_seeds_and_each_gets_its_own():
    source = cell(vary(varied_assignment(), CHAPTER, Dice(SECRET)), "largest-test").source
    visible, hidden = source.split("### BEGIN")
    assert "default_rng(3)" in visible
    seeds = re.findall(r"(?:default_rng\(|seed=)(\d+)", hidden)
    assert len(set(seeds)) == 3 and min(map(int, seeds)) > 100
    assert re.sub(r"\d{3,}", "#", source) == re.sub(r"(seed=)[12]|(rng\()4", r"\1\2#", RANDOM["test"])
    other = cell(vary(varied_assignment(), CHAPTER, Dice("another secret")), "largest-test").source
    assert not set(seeds) & set(re.findall(r"\d+", other))


def test_a_question_that_cannot_be_put_into_another_order_is_named():
    twice = CHOICE["test"].replace("not a row", 'neither \\"A\\" nor \\"C\\"')
    for change in ({"test": twice.replace("\\", "")}, {"test": CHOICE["test"].replace('"B"', "'B'")}):
        with pytest.raises(CourseError, match="1-demo: the options of 'choose-axis' cannot be put into another order"):
            vary(varied_assignment(**change), CHAPTER, Dice(SECRET))


def numbered_assignment(stays):
    """The same, with a number of rows in the question that varies, and half of them with it."""
    test = CHOICE["test"].replace("not a row", "not 1 of 8 rows")
    nb = varied_assignment(test=test, reasons="Half of 8 are 4.")
    text, reasons = (next(c for c in nb.cells if c.id == f"{kind}-choose-axis") for kind in ("text", "reasons"))
    text.source = text.source.replace("What is it?", "## Task: choose-axis (8 points)\n\nWhat are 4 of 8 rows?")
    numbers = {"given": {"rows": ["8", "20", "40"]}, "follows": {"4": "rows / 2"}, "stays": stays}
    reasons.metadata["classroom"] = {"numbers": numbers}
    return nb


def test_the_numbers_of_a_question_its_reasons_and_its_hidden_tests_change_together():
    seen = set()
    for number in range(9):
        nb = vary(numbered_assignment(["1"]), CHAPTER, Dice(f"secret {number}"))
        text, reasons = (next(c for c in nb.cells if c.id == f"{kind}-choose-axis") for kind in ("text", "reasons"))
        heading, question, *_ = text.source.split("\n\n")
        assert heading == "## Task: choose-axis (8 points)"
        (rows,) = re.findall("of (20|40) rows", question)
        assert question == f"What are {int(rows) // 2} of {rows} rows?"
        assert reasons.source == f"Half of {rows} are {int(rows) // 2}." and "classroom" not in reasons.metadata
        assert f'"not 1 of {rows} rows"' in cell(nb, "choose-axis-test").source
        seen.add(rows)
    assert seen == {"20", "40"}


def test_a_question_with_a_number_that_is_not_listed_is_named():
    with pytest.raises(CourseError, match="1-demo: the numbers of 'choose-axis': 1 is neither given"):
        vary(numbered_assignment([]), CHAPTER, Dice(SECRET))


@pytest.mark.slow
def test_the_same_secret_makes_the_same_two_folders(two_folders, capsys):
    course, folder = two_folders
    (course.root / "chapters/.ipynb_checkpoints").mkdir()
    (course.root / "chapters/.ipynb_checkpoints/old.ipynb").write_text("{}")
    before = contents(course.root)
    assert main(["release", "--class", str(folder), "--seed", SECRET]) == 0
    assert capsys.readouterr().out == (
        f"{folder / 'students'}: to hand out, without answers and hidden tests\n"
        f"{folder / 'teacher'}: to keep and to grade in; its README.md holds the secret\n"
    )
    assert contents(course.root) == before
    assert sorted(path.name for path in folder.parent.iterdir()) == ["class", "course"]
    common = {"README.md", "nbgrader_config.py", "exercises/1-demo/1-demo.ipynb"}
    common |= {f"chapters/1-demo/{lesson}.ipynb" for lesson in ("averages", "slices")}
    students, teacher = contents(folder / "students"), contents(folder / "teacher")
    assert set(students) == common and set(teacher) == common | {"solutions/1-demo/1-demo.ipynb"}
    assert {name for name in common if students[name] != teacher[name]} == {"README.md"}
    assert [name for name, content in teacher.items() if SECRET.encode() in content] == ["README.md"]
    assert not any(SECRET.encode() in content for content in students.values())

    again, other = folder.with_name("again"), folder.with_name("other")
    again.mkdir()  # an empty folder will do
    write_edition(course, again, SECRET)
    assert contents(again) == contents(folder)
    write_edition(course, other, "another secret")
    assert contents(other / "teacher")["solutions/1-demo/1-demo.ipynb"] != teacher["solutions/1-demo/1-demo.ipynb"]


@pytest.mark.slow
def test_the_teacher_grades_and_the_students_are_told_that_they_cannot(two_folders, capsys, monkeypatch):
    course, folder = two_folders
    secret = next(s for s in (f"class number {n}" for n in range(99)) if _right_letter(s) != "B")
    write_edition(course, folder, secret)
    teacher, students = Course(folder / "teacher"), Course(folder / "students")

    nb = read(students.exercise(CHAPTER))
    cell(nb, "choose-axis").source = f'answer_axis = "{_right_letter(secret)}"'
    cell(nb, "largest").source = "def largest(x):\n    return np.sort(x, axis=None)[-1]"
    points = {result.task: result.points for result in grade(teacher, CHAPTER, nb).results}
    assert points == {"mean-columns": 0, "half-rows": 0, "choose-shape": 0, "choose-axis": 2, "largest": 1}
    cell(nb, "choose-axis").source = 'answer_axis = "B"  # as in the public edition'
    mistakes = {result.task: result.mistake for result in grade(teacher, CHAPTER, nb).results}
    assert mistakes["choose-axis"] in {f"not {option}" for option in OPTIONS.values()}

    monkeypatch.chdir(students.root)
    capsys.readouterr()
    assert main(["start"]) == 0
    capsys.readouterr()
    for arguments in (["check"], ["check", CHAPTER], ["solution", CHAPTER, "largest"]):
        assert main(arguments) == 2
        out, err = capsys.readouterr()
        assert out == "" and "the hidden tests and the model answers are your instructor's" in err


def _right_letter(secret):
    options = options_of(vary(varied_assignment(), CHAPTER, Dice(secret)))
    return next(letter for letter, option in options.items() if option == "a column")


@pytest.mark.slow
def test_a_model_answer_that_fails_the_varied_tests_leaves_nothing(two_folders, capsys):
    course, folder = two_folders
    nb = varied_assignment()
    test = cell(nb, "largest-test")
    test.source = test.source.replace("### END", 'assert dict(seed=1)["seed"] == 1, "made for one seed"\n### END')
    write(course.solution(CHAPTER), nb)
    assert main(["release", "--class", str(folder), "--seed", SECRET]) == 2
    assert capsys.readouterr().err == (
        "classroom release: with this secret, the model answer of 'largest' in 1-demo fails, so nothing was written. "
        "Take another secret, and tell the authors: made for one seed\n"
    )
    assert [path.name for path in folder.parent.iterdir()] == ["course"]


def test_a_folder_with_something_in_it_and_a_short_secret_are_refused(two_folders, capsys):
    _, folder = two_folders

    def refused(*arguments):
        assert main(["release", *map(str, arguments)]) == 2
        return capsys.readouterr().err

    for secret in ("", "1234567", "1234567\n"):
        assert "--seed: a secret has at least 8 characters" in refused("--class", folder, "--seed", secret)
    for arguments in (
        ["--class", folder],
        ["--seed", SECRET],
        [CHAPTER, "--class", folder, "--seed", SECRET],
        ["--check", "--class", folder, "--seed", SECRET],
    ):
        assert "classroom release --class DIR --seed SECRET" in refused(*arguments)
    assert not folder.exists()

    folder.mkdir()
    (folder / "mine.txt").write_text("mine")
    for place in (folder, folder / "mine.txt"):
        assert f"{place} must be an empty folder or not there yet" in refused("--class", place, "--seed", SECRET)
    assert contents(folder) == {"mine.txt": b"mine"}


def lines(text):
    """The lines that say something."""
    return {line.strip() for line in text.split("\n") if len(line.strip()) >= 20}


def text_of(path):
    """All text of a file, a notebook's with its outputs and metadata."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        return text
    found = []
    json.loads(text, object_hook=lambda part: found.extend(_strings(part.values())))
    return "\n".join(found)


def _strings(values):
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            yield "".join(part for part in value if isinstance(part, str))


@pytest.mark.slow
def test_no_file_for_the_students_of_this_course_holds_an_answer_or_a_hidden_test(tmp_path):
    course, secret = Course(ROOT), "a secret of this test"
    write_edition(course, tmp_path / "class", secret)
    students, teacher = (Course(tmp_path / "class" / name) for name in ("students", "teacher"))
    texts = {path: text_of(path) for path in students.root.rglob("*") if path.is_file()}
    assert not [path for path in texts if path.name == ".git" or {"solutions", "assignments"} & set(path.parts)]
    assert not [path for path, text in texts.items() if secret in text]

    exercises = students.chapters("exercises")
    assert exercises == course.chapters("solutions") and len(exercises) == 6
    read_files = {path: lines(text) for path, text in texts.items() if students.root / "exercises" not in path.parents}
    for chapter in exercises:
        nb = read(teacher.solution(chapter))
        visible, parts = set(), []
        for number, source in enumerate(c.source for c in nb.cells):
            if "reasons" in nb.cells[number].metadata.get("tags", []):
                parts.append(source)
                continue
            parts += re.findall(r"BEGIN (?:SOLUTION|HIDDEN TESTS)\n(.*?)###", source, re.S)
            visible |= lines(
                re.sub(r"### BEGIN (\w+).*?### END \1[^\n]*", "raise NotImplementedError()", source, flags=re.S)
            )
        # What the exercise shows is what stands outside of the answers, the hidden tests and the reasons.
        shown = lines("\n".join(c.source for c in read(students.exercise(chapter)).cells))
        assert shown - {"# YOUR CODE HERE", "raise NotImplementedError()"} <= visible
        # A line of an answer such as `dW = np.zeros_like(W)` stands in a lesson too, half of an answer in no file.
        for part in map(lines, parts):
            for path, there in read_files.items():
                assert len(part & there) <= len(part) / 2, f"{path}: {part & there}"

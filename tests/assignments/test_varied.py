"""The assignments of a class: varied by any secret, each answer gets what it gets in the public edition."""

import itertools
import re
from functools import cache

import pytest
from runner import CHAPTERS, Assignment, each_task
from test_assignments import answers_of, notebook_of

from classroom.assignment import grade_id
from classroom.renumber import NUMBER, exchange, value_of
from classroom.vary import Dice, vary

SECRETS = [f"class number {number}" for number in range(20)]
DICE = {secret: Dice(secret) for secret in SECRETS}

pytestmark = pytest.mark.slow


@cache
def varied(chapter, secret):
    return Assignment(chapter, vary(notebook_of(chapter).notebook, chapter, DICE[secret]))


def numbers(notebook, task):
    """What the metadata of a task's reasons says of its numbers; None where they all stay."""
    cells = notebook.notebook.cells
    (reasons,) = (after for cell, after in itertools.pairwise(cells) if grade_id(cell) == task)
    return reasons.metadata.get("classroom", {}).get("numbers")


def given(chapter, task):
    """The names of a task's given numbers, and the values from which those of a class are chosen."""
    listed = numbers(notebook_of(chapter), task) or {"given": {}}
    return {name: shown[1:] for name, shown in listed["given"].items()}


def hidden(notebook, task):
    return "".join(re.findall(r"BEGIN HIDDEN TESTS.*?END HIDDEN TESTS", notebook.tests[task], re.S))


def keeps(verdict):
    return verdict.error is None and verdict.printed == ""


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("chapter", CHAPTERS)
def test_right_answers_win_and_wrong_ones_lose(chapter, secret):
    notebook, answers = varied(chapter, secret), answers_of(chapter)
    for task in notebook.tasks:
        name = notebook.asks_for(task)
        assert keeps(notebook.grade(task, notebook.tasks[task].answer)), task
        for right in answers["RIGHT"].get(task, ()):
            assert keeps(notebook.grade(task, **{name: right})), f"{task}: {right.__name__}"
        for wrong in answers["WRONG"].get(task, ()):
            assert notebook.grade(task, **{name: wrong}).error, f"{task}: {wrong.__name__}"
    for task in answers["GIVEN"]:
        assert notebook.grade(task, notebook.listing(task)).error, task
    for task, right in answers["CHOICE"].items():
        options = notebook.options(task)
        name = notebook.asks_for(task)
        values = given(chapter, task).items()
        expected = right(options, **{key: value_of(DICE[secret].choice(v, chapter, task, key)) for key, v in values})
        assert [letter for letter in options if keeps(notebook.grade(task, **{name: letter}))] == expected, task


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_what_a_learner_sees_is_the_same_but_for_the_order_of_options_and_their_numbers(chapter):
    public, notebook = notebook_of(chapter), varied(chapter, SECRETS[0])

    def options(notebook, task):
        changing = [NUMBER, "#"] if given(chapter, task) else ["", ""]
        return sorted(re.sub(*changing, option) for option in notebook.options(task).values())

    assert (notebook.stubs, notebook.visible_tests) == (public.stubs, public.visible_tests)
    moved = [task for task in public.tasks if notebook.texts[task] != public.texts[task]]
    choices = [task for task in public.tasks if public.is_choice(task)]
    assert set(moved) <= set(choices) and len(moved) >= len(choices) / 2
    for task in choices:
        assert list(notebook.options(task)) == list("ABCD")
        assert options(notebook, task) == options(public, task)


@pytest.mark.parametrize("chapter, task", each_task(lambda notebook, task: numbers(notebook, task)))
def test_whatever_the_numbers_are_one_option_is_right_and_it_says_something_else(chapter, task):
    notebook, right = notebook_of(chapter), answers_of(chapter)["CHOICE"][task]
    (letter,) = right(notebook.options(task))
    for values in itertools.product(*given(chapter, task).values()):
        now = dict(zip(given(chapter, task), values, strict=True))
        change = exchange(numbers(notebook, task), lambda name, _, now=now: now[name])
        options = {each: change(text) for each, text in notebook.options(task).items()}
        assert len(set(options.values())) == 4, now
        assert right(options, **{name: value_of(shown) for name, shown in now.items()}) == [letter], now
        assert options[letter] != notebook.options(task)[letter], now


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_hidden_tests_draw_from_seeds_that_the_secret_changes(chapter):
    public, one, other = notebook_of(chapter), varied(chapter, SECRETS[0]), varied(chapter, SECRETS[1])
    for task in public.tasks:
        tests = [hidden(each, task) for each in (public, one, other)]
        drawn = re.findall(r"np\.random\.\w+\([^)]*\)", tests[0])
        assert all(re.fullmatch(r"np\.random\.default_rng\((\d+|seed)\)", call) for call in drawn), (task, drawn)
        for seeds in zip(*(re.findall(r"(?:default_rng\(|\bseed=)(\d+)", text) for text in tests), strict=True):
            assert len(set(seeds)) == 3, (task, seeds)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_no_reason_names_an_option_by_its_letter(chapter):
    """A letter alone is a size or a part that the question names; before a small letter, A is a word."""
    notebook = notebook_of(chapter)
    for task in answers_of(chapter)["CHOICE"]:
        question = notebook.texts[task].split("- **A**")[0]
        told = re.sub(r'"[A-D]"', "", hidden(notebook, task)) + notebook.tasks[task].reasons
        for letter in re.findall(r"\b[A-D]\b(?! [a-z])", told):
            assert re.search(rf"\b{letter}\b", question), f"{task}: {letter}"

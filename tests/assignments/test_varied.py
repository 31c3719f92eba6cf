"""The assignments of a class: varied by any secret, each answer gets what it gets in the public edition."""

import re
from functools import cache

import pytest
from runner import CHAPTERS, Assignment
from test_assignments import answers_of, notebook_of

from classroom.vary import Dice, vary

SECRETS = [f"class number {number}" for number in range(20)]

pytestmark = pytest.mark.slow


@cache
def varied(chapter, secret):
    return Assignment(chapter, vary(notebook_of(chapter).notebook, chapter, Dice(secret)))


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
        assert [letter for letter in options if keeps(notebook.grade(task, **{name: letter}))] == right(options), task


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_what_a_learner_sees_is_the_same_but_for_the_order_of_options(chapter):
    public, notebook = notebook_of(chapter), varied(chapter, SECRETS[0])
    assert (notebook.stubs, notebook.visible_tests) == (public.stubs, public.visible_tests)
    moved = [task for task in public.tasks if notebook.texts[task] != public.texts[task]]
    choices = [task for task in public.tasks if public.is_choice(task)]
    assert set(moved) <= set(choices) and len(moved) >= len(choices) / 2
    for task in choices:
        assert list(notebook.options(task)) == list("ABCD")
        assert sorted(notebook.options(task).values()) == sorted(public.options(task).values())


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

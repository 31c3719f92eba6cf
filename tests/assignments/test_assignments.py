"""The graded assignments: right answers keep their points, wrong ones lose them and are told why.

A new chapter adds its file of answers, `<chapter>.py`; see the first one for what stands in it.
"""

import importlib
import inspect
import pkgutil
import threading

import pytest
from runner import CHAPTERS, answers_of, choice, coding, each_task, notebook_of

import tinyseq
from classroom import assignment as author

NO_LETTERS = (None, "", "a", "E", "AB", 0, ["A"])


def each_answer(kind):
    return [
        pytest.param(chapter, task, answer, id=f"{chapter}-{task}-{answer.__name__}")
        for chapter in CHAPTERS
        for task, answers in answers_of(chapter)[kind].items()
        for answer in answers
    ]


def assert_loses(verdict, fragment):
    assert verdict.error is not None, "it keeps its points"
    assert isinstance(verdict.error, AssertionError), f"no message of the test, but {verdict.error!r}"
    assert fragment in str(verdict.error)


def assert_keeps(verdict):
    assert verdict.error is None
    assert verdict.printed == ""


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_notebook_can_be_released(chapter):
    assert author.mistakes(notebook_of(chapter).notebook) == []


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_there_are_answers_of_every_kind(chapter):
    notebook, answers = notebook_of(chapter), answers_of(chapter)
    code = {task for task in notebook.tasks if coding(notebook, task)}
    assert 6 <= len(code) <= 9
    assert 6 <= len(notebook.tasks) - len(code) <= 8
    assert code == set(answers["WRONG"]) == set(answers["RIGHT"])
    assert set(answers["CHOICE"]) == set(notebook.tasks) - code
    assert len(answers["GIVEN"]) == 1
    assert min(map(len, answers["WRONG"].values())) >= 5
    assert min(map(len, answers["RIGHT"].values())) >= 3


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_text_states_the_points(chapter):
    notebook = notebook_of(chapter)
    for name, task in notebook.tasks.items():
        points = f"{task.points:g} point{'s' * (task.points != 1)}"
        assert notebook.texts[name].splitlines()[0] == f"## Task: {name} ({points})"
    total = sum(task.points for task in notebook.tasks.values())
    assert f"{total:g} points" in notebook.notebook.cells[0].source


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_task_names_a_lesson_of_the_chapter(chapter):
    assert {task.lesson for task in notebook_of(chapter).tasks.values()} == answers_of(chapter)["LESSONS"]


@pytest.mark.parametrize("chapter, task", each_task())
def test_the_model_answer_wins(chapter, task):
    notebook = notebook_of(chapter)
    assert_keeps(notebook.grade(task, notebook.tasks[task].answer))
    assert_keeps(notebook.grade(task, notebook.tasks[task].answer, visible=True))


@pytest.mark.parametrize("chapter, task", each_task())
def test_the_stub_wins_nothing(chapter, task):
    notebook = notebook_of(chapter)
    assert "raise NotImplementedError()" in notebook.stubs[task]
    for answer in (notebook.stubs[task], ""):
        assert notebook.grade(task, answer).error is not None
        assert notebook.grade(task, answer, visible=True).error is not None


@pytest.mark.parametrize("chapter, task, answer", each_answer("WRONG"))
def test_a_wrong_answer_is_told_its_mistake(chapter, task, answer):
    notebook = notebook_of(chapter)
    verdict = notebook.grade(task, **{notebook.asks_for(task): answer})
    assert_loses(verdict, answers_of(chapter)["WRONG"][task][answer])


@pytest.mark.parametrize("chapter, task, answer", each_answer("RIGHT"))
def test_another_right_answer_wins(chapter, task, answer):
    notebook = notebook_of(chapter)
    assert_keeps(notebook.grade(task, **{notebook.asks_for(task): answer}))


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_listing_to_mend_is_told_its_mistake(chapter):
    notebook = notebook_of(chapter)
    for task, fragment in answers_of(chapter)["GIVEN"].items():
        assert_loses(notebook.grade(task, notebook.listing(task)), fragment)


@pytest.mark.parametrize("chapter, task", each_task(choice))
def test_one_option_is_right_and_it_is_the_marked_one(chapter, task):
    notebook = notebook_of(chapter)
    options = notebook.options(task)
    assert sorted(options) == ["A", "B", "C", "D"]
    right = [letter for letter in options if notebook.grade(task, **{notebook.asks_for(task): letter}).error is None]
    assert right == answers_of(chapter)["CHOICE"][task](options)
    assert len(right) == 1


@pytest.mark.parametrize("chapter, task", each_task(choice))
def test_a_wrong_letter_is_told_why_and_no_letter_at_once(chapter, task):
    notebook = notebook_of(chapter)
    name = notebook.asks_for(task)
    told = set()
    for letter in notebook.options(task):
        assert_keeps(notebook.grade(task, visible=True, **{name: letter}))
        told.add(str(notebook.grade(task, **{name: letter}).error))
    assert len(told) == 4
    for value in NO_LETTERS:
        assert_loses(notebook.grade(task, visible=True, **{name: value}), "must be one capital letter")


def public_callables():
    """Every function and class of tinyseq that a learner can import."""
    for module in pkgutil.iter_modules(tinyseq.__path__, "tinyseq."):
        for name, member in inspect.getmembers(importlib.import_module(module.name), callable):
            if not name.startswith("_") and getattr(member, "__module__", None) == module.name:
                yield member


@pytest.mark.parametrize("chapter, task", each_task(coding))
def test_nothing_in_tinyseq_is_the_answer(chapter, task):
    notebook = notebook_of(chapter)
    callables, tried, passed = list(public_callables()), [], []

    def try_all():
        for member in callables:
            tried.append(member)
            if notebook.grade(task, **{notebook.asks_for(task): member}).error is None:
                passed.append(member)
        tried.append(None)

    thread = threading.Thread(target=try_all, daemon=True)
    thread.start()
    thread.join(timeout=30)
    assert tried[-1] is None, f"{tried[-1]} does not come to an end"
    assert len(tried) > 10
    assert passed == []

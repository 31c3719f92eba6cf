"""Right about wrong answers: nearly every single change to a model answer costs its points, and the others are judged.

A chapter's file of answers holds the judgements, by task and by the name of the mutant, or by several names together:
EQUIVALENT why the mutant computes the same for every input that the task admits;
SURVIVES   why a real difference that the tests do not see is accepted.
"""

import os
from functools import cache

import pytest
from mutants import keeps_points, mutants
from runner import CHAPTERS, answers_of, coding, each_task, notebook_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="a mutant is graded in a process of its own, made by fork"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]


@cache
def mutants_of(chapter, task):
    return mutants(notebook_of(chapter).tasks[task].answer)


def judged(chapter, table, task):
    """The names that a table holds for a task."""
    keys = answers_of(chapter).get(table, {}).get(task, {})
    return [name for key in keys for name in ([key] if isinstance(key, str) else key)]


@pytest.mark.parametrize("chapter, task", each_task(coding))
def test_the_mutants_that_keep_their_points_are_judged(chapter, task):
    notebook, made = notebook_of(chapter), mutants_of(chapter, task)
    answer = notebook.tasks[task].answer
    notebook.grade(task, answer)  # imports here what every child would import again
    assert keeps_points(notebook, task, answer)
    assert len(made) >= 20
    names = judged(chapter, "EQUIVALENT", task) + judged(chapter, "SURVIVES", task)
    kept = {name for name, source in made.items() if keeps_points(notebook, task, source)}
    assert kept - set(names) == set(), "keep their points and are not judged"
    assert set(names) - kept == set(), "are judged, but lose their points or are not made any more"
    assert len(names) == len(set(names)), "a mutant is judged twice"


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_few_mutants_keep_their_points(chapter):
    notebook, answers = notebook_of(chapter), answers_of(chapter)
    tasks = [task for task in notebook.tasks if coding(notebook, task)]
    assert {*answers.get("EQUIVALENT", {}), *answers.get("SURVIVES", {})} <= set(tasks)
    total = sum(len(mutants_of(chapter, task)) for task in tasks)
    equivalent = sum(len(judged(chapter, "EQUIVALENT", task)) for task in tasks)
    survivors = sum(len(judged(chapter, "SURVIVES", task)) for task in tasks)
    assert equivalent <= 0.1 * total
    assert survivors <= 0.02 * (total - equivalent)

"""Grading a class: stock nbgrader, `classroom grade` with one kernel and with two, and the floor, side by side.

    python benchmarks/grading.py [--submissions N] [--stock N]

The floor is the least that any grader could do: run the cells of each submission in a process that is forked off one
where the imports are done, without a kernel, a jail, a notebook or a gradebook. Two assignments: that of chapter 1,
whose cells take a tenth of a second, and the same with a task that trains a Keras model. Prints seconds for each
submission and their ratio to the floor with as many workers. The sides run one after the other; nothing else should
run meanwhile.
"""

import argparse
import functools
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell

from classroom.course import Course
from classroom.grade import ClassGrades
from classroom.jail.worker import ENVIRONMENT
from classroom.job import Job, grade_submission, imports
from classroom.processes import Processes
from classroom.release import release

ROOT = Path(__file__).parents[1]
CHAPTER = "1-embedding"

KERAS = """def fit_line(x, y, epochs):
    ### BEGIN SOLUTION
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(16, "relu"), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.05), "mse")
    model.fit(x, y, epochs=epochs, verbose=0)
    return model.predict(x, verbose=0)
    ### END SOLUTION"""
KERAS_TEST = """x = np.linspace(0, 1, 64).reshape(-1, 1)
assert np.abs(fit_line(x, 2 * x + 1, 30) - 2 * x - 1).mean() < 0.2, "the line is not learnt"
### BEGIN HIDDEN TESTS
assert np.abs(fit_line(x, 1 - x, 30) + x - 1).mean() < 0.2, "another line is not learnt"
### END HIDDEN TESTS"""


@contextmanager
def course(submissions: int, with_keras: bool) -> Iterator[Course]:
    """A course with one released assignment and its model answers, handed in by so many students."""
    with tempfile.TemporaryDirectory() as folder:
        made = Course(Path(folder).resolve())
        shutil.copy(ROOT / "nbgrader_config.py", made.root)
        nb = nbformat.read(ROOT / "solutions" / CHAPTER / f"{CHAPTER}.ipynb", as_version=4)
        if with_keras:
            add_keras(nb)
        made.solution(CHAPTER).parent.mkdir(parents=True)
        nbformat.write(nb, made.solution(CHAPTER))
        release(made)
        for number in range(submissions):
            path = made.root / "submitted" / f"student-{number:03}" / CHAPTER / f"{CHAPTER}.ipynb"
            path.parent.mkdir(parents=True)
            shutil.copy(made.solution(CHAPTER), path)
        yield made


def add_keras(nb: nbformat.NotebookNode) -> None:
    """Add a task that trains a model twice, and its import."""
    cells = {cell.metadata.get("nbgrader", {}).get("grade_id"): cell for cell in nb.cells}
    cells["setup"].source = "import keras\n" + cells["setup"].source
    flags = {"schema_version": 3, "grade": False, "solution": False, "locked": False}
    solution = {"nbgrader": {**flags, "grade_id": "fit-line", "solution": True}}
    test = {"nbgrader": {**flags, "grade_id": "fit-line-test", "grade": True, "locked": True, "points": 3}}
    nb.cells += [
        new_code_cell(KERAS, id="fit-line", metadata=solution),
        new_markdown_cell("Keras does it.", id="fit-line-reasons", metadata={"tags": ["reasons"]}),
        new_code_cell(KERAS_TEST, id="fit-line-test", metadata={**test, "classroom": {"lesson": "lookup-table"}}),
    ]


def floor(sources: list[str], warm: str, submissions: int, workers: int) -> float:
    """Seconds for each submission of forked processes that run the cells, `workers` at a time.

    They have the jail's settings of NumPy and TensorFlow, which are not what is measured.
    """
    program = f"""
import os, sys, time
{warm}
sources = {sources!r}
def run():
    namespace = {{"__name__": "__main__"}}
    for source in sources:
        exec(source, namespace)
started = time.perf_counter()
running = 0
for number in range({submissions}):
    if running == {workers}:
        assert os.wait()[1] == 0
        running -= 1
    if os.fork() == 0:
        run()
        os._exit(0)
    running += 1
while running:
    assert os.wait()[1] == 0
    running -= 1
print((time.perf_counter() - started) / {submissions})
"""
    alone = {**os.environ, **{name: value for name, value in ENVIRONMENT.items() if "/jail" not in value}}
    done = subprocess.run([sys.executable, "-c", program], env=alone, capture_output=True, text=True, check=True)
    return float(done.stdout)


def one_kernel(job: Job) -> object:
    """Grade with the tests in the student's kernel."""
    from classroom.jail import execute

    if not isinstance(execute.ExecuteJailed, functools.partial):
        execute.ExecuteJailed = functools.partial(execute.ExecuteJailed, two_kernels=False)
    return grade_submission(job)


def ours(made: Course, workers: int, grade: Callable[[Job], object]) -> float:
    """Seconds for each submission of `classroom grade`, without its start: the first submissions warm the workers."""
    grades = ClassGrades(made, CHAPTER, made.root / "submitted")
    grades.prepare()
    names = grades.students([])
    jobs = [Job(made.root, grades.submissions, CHAPTER, name, grades.url(), grades.tests()) for name in names]
    with Processes(workers) as executor:
        full = sum(grades.max_points().values())
        assert all(result.total == full for result in executor.map(grade, jobs[: 2 * workers]))
        started = time.perf_counter()
        assert all(result.total == full for result in executor.map(grade, jobs))
        return (time.perf_counter() - started) / len(jobs)


def stock(made: Course, count: int) -> float:
    """Seconds for each submission of `nbgrader autograde` with nbgrader's own settings, one after the other."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        shutil.copytree(made.solution(CHAPTER).parent, root / "source" / CHAPTER)
        for path in sorted((made.root / "submitted").iterdir())[:count]:
            shutil.copytree(path, root / "submitted" / path.name)
            shutil.copy(made.exercise(CHAPTER), root / "submitted" / path.name / CHAPTER / f"{CHAPTER}.ipynb")
        scripts = Path(sys.executable).parent
        environment = {**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"}

        def nbgrader(*arguments: str) -> None:
            subprocess.run(["nbgrader", *arguments], cwd=root, env=environment, capture_output=True, check=True)

        nbgrader("generate_assignment", CHAPTER)
        started = time.perf_counter()
        nbgrader("autograde", CHAPTER)
        return (time.perf_counter() - started) / count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--submissions", type=int, default=40)
    parser.add_argument("--stock", type=int, default=4, help="submissions for stock nbgrader, which is slow")
    options = parser.parse_args()
    for with_keras in (False, True):
        with course(options.submissions, with_keras) as made:
            nb = made.read(made.solution(CHAPTER))
            sources = [cell.source for cell in nb.cells if cell.cell_type == "code"]
            print(f"chapter 1{' and a Keras task' if with_keras else ''}, seconds for each of {options.submissions}")
            for workers in (1, 2):
                least = floor(sources, imports(nb), options.submissions, workers)
                print(f"  {workers} worker{'s' * (workers > 1)}: floor                {least:6.3f}")
                for name, grade in (("one kernel", one_kernel), ("two kernels", grade_submission)):
                    seconds = ours(made, workers, grade)
                    print(f"             ours, {name:14} {seconds:6.3f}  {seconds / least:5.2f} x floor", flush=True)
            seconds = stock(made, options.stock)
            print(f"  stock nbgrader, serial         {seconds:6.3f}  (of {options.stock})", flush=True)


if __name__ == "__main__":
    main()

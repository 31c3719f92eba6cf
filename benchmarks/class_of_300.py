"""A class of 300, graded as an instructor would: are the grades right, how long does it take, and what stays behind?

    python benchmarks/class_of_300.py [--students N] [--jobs N]

Each student answers each task of chapter 1 rightly, wrongly or not at all; every tenth adds a cell that does harm,
every fiftieth hands in no notebook. The answers are those of tests/assignments, so it is known what each submission is
worth. Prints what was found, and the highest memory of the grader's processes; exits with 1 if a grade is wrong or a
process is left.
"""

import argparse
import csv
import inspect
import random
import runpy
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import nbformat
import psutil
from nbformat.v4 import new_code_cell

from classroom.assignment import grade_id, tasks

ROOT = Path(__file__).parents[1]
CHAPTER = "1-embedding"
HELPERS = "import zlib\n\nimport numpy as np\n\nfrom tinyseq import layers, optimizers, text\n\n"

# Own cells that come last, so that they cost no points, whatever they do.
ODD = [
    "while True:\n    pass",
    "import os\nos._exit(1)",
    "x = bytearray(8 * 2**30)",
    "while True:\n    print('x' * 10_000)",
    "import os\n[os.fork() for _ in range(20)]\nimport time\ntime.sleep(1000)",
    "open('big', 'wb').write(bytes(2**30))",
    "raise SystemExit",
    "import ctypes\nctypes.string_at(0)",
]


def answers(draw: random.Random) -> tuple[dict[str, str], float]:
    """A student's answers by task, and the points that they are worth."""
    nb = nbformat.read(ROOT / "solutions" / CHAPTER / f"{CHAPTER}.ipynb", as_version=4)
    table = runpy.run_path(str(ROOT / "tests" / "assignments" / f"{CHAPTER}.py"))
    sources, points = {}, 0.0
    for task in tasks(nb):
        kind = draw.choice(["right", "right", "wrong", "nothing"])
        if kind == "right":
            sources[task.name] = task.answer
            points += task.points
        elif kind == "wrong" and task.name in table["WRONG"]:
            wrong = draw.choice(list(table["WRONG"][task.name]))
            helper = inspect.getsource(table["refuse"])
            asked = task.answer.split("(")[0].removeprefix("def ")
            sources[task.name] = f"{HELPERS}{helper}\n{inspect.getsource(wrong)}\n{asked} = {wrong.__name__}"
    return sources, points


def hand_in(root: Path, count: int) -> dict[str, float]:
    """Write the submissions; the points that each student must get."""
    draw, expected = random.Random(0), {}
    for number in range(count):
        student = f"student-{number:03}"
        folder = root / "submitted" / student / CHAPTER
        folder.mkdir(parents=True)
        nb = nbformat.read(root / "exercises" / CHAPTER / f"{CHAPTER}.ipynb", as_version=4)
        sources, expected[student] = answers(draw)
        for cell in nb.cells:
            if grade_id(cell) in sources:
                cell.source = sources[grade_id(cell)]
        if number % 10 == 5:
            nb.cells.append(new_code_cell(ODD[number // 10 % len(ODD)]))
        if number % 50 == 49:
            (folder / f"{CHAPTER}.ipynb").write_text("not a notebook")
            expected[student] = 0.0
        else:
            nbformat.write(nb, folder / f"{CHAPTER}.ipynb")
    return expected


def highest_memory(process: psutil.Process, found: list[float]) -> None:
    """Add to `found`, while the process runs, what it and its children use: shared pages counted once for each."""
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        try:
            family = [process, *process.children(recursive=True)]
            found.append(sum(each.memory_info().rss for each in family) / 2**30)
        except psutil.NoSuchProcess:
            pass
        time.sleep(0.5)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--students", type=int, default=300)
    parser.add_argument("--jobs", default="2")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="class-of-300-") as folder:
        root = Path(folder).resolve()
        shutil.copy(ROOT / "nbgrader_config.py", root)
        for name in ("solutions", "exercises"):
            shutil.copytree(ROOT / name / CHAPTER, root / name / CHAPTER)
        expected = hand_in(root, options.students)
        before = {process.pid for process in psutil.process_iter()}
        command = [sys.executable, "-m", "classroom", "grade", CHAPTER, "--jobs", options.jobs]
        started, memory = time.perf_counter(), []
        with open(root / "log", "w+") as log, subprocess.Popen(command, cwd=root, stdout=log, stderr=log) as grader:
            thread = threading.Thread(target=highest_memory, args=(psutil.Process(grader.pid), memory))
            thread.start()
            status = grader.wait()
            thread.join()
            log.seek(0)
            print("".join(log.readlines()[-3:]))
        seconds = time.perf_counter() - started
        time.sleep(2)
        new = [process for process in psutil.process_iter(["cmdline"]) if process.pid not in before]
        names = ("bwrap", "classroom", "multiprocessing")
        left = [each for each in new if any(name in " ".join(each.info["cmdline"] or []) for name in names)]
        with open(root / f"grades-{CHAPTER}.csv", encoding="utf-8-sig", newline="") as file:
            rows = {row["student"]: row for row in csv.DictReader(file)}
        wrong = {student for student, points in expected.items() if float(rows[student]["points"]) != points}
        states = sorted({row["state"] for row in rows.values()})
        print(f"{len(rows)} rows, {len(wrong)} wrong grades, {len(left)} processes left, exit status {status}")
        print(", ".join(f"{state}: {sum(row['state'] == state for row in rows.values())}" for state in states))
        print(f"{seconds:.0f} s, {seconds / len(rows):.2f} s each, {options.jobs} jobs; at most {max(memory):.1f} GB")
        for student in sorted(wrong):
            print(student, "expected", expected[student], "got", rows[student]["points"], rows[student]["reason"])
        return int(bool(wrong or left or status))


if __name__ == "__main__":
    sys.exit(main())

"""How long each notebook runs from nothing: writes run_times.csv, which the appendix shows.

python benchmarks/run_times.py [NOTEBOOK ...]

Given notebooks are measured anew and the others keep their times.
"""

import csv
import os
import sys
from pathlib import Path
from time import perf_counter

import nbformat
from nbclient import NotebookClient
from tqdm import tqdm

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as `make` does

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "benchmarks/run_times.csv"


def seconds(path: Path) -> float:
    notebook = nbformat.read(path, as_version=4)
    start = perf_counter()
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": path.parent}}).execute()
    return round(perf_counter() - start, 1)


if __name__ == "__main__":
    notebooks = sorted([*ROOT.glob("chapters/*/*.ipynb"), *ROOT.glob("solutions/*/*.ipynb")])
    chosen = [Path(each).resolve() for each in sys.argv[1:]] or notebooks
    with open(TABLE, encoding="utf-8") as file:
        times = {row["notebook"]: row["seconds"] for row in csv.DictReader(file)}
    times |= {path.relative_to(ROOT).as_posix(): seconds(path) for path in tqdm(chosen)}
    names = [path.relative_to(ROOT).as_posix() for path in notebooks]
    with open(TABLE, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("notebook", "seconds"), *((name, times[name]) for name in names if name in times)])

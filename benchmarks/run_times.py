"""How long each notebook runs from nothing: writes run_times.csv, which the appendix shows.

python benchmarks/run_times.py
"""

import csv
from pathlib import Path
from time import perf_counter

import nbformat
from nbclient import NotebookClient
from tqdm import tqdm

ROOT = Path(__file__).parents[1]

if __name__ == "__main__":
    rows = []
    for path in tqdm(sorted([*ROOT.glob("chapters/*/*.ipynb"), *ROOT.glob("solutions/*/*.ipynb")])):
        notebook = nbformat.read(path, as_version=4)
        start = perf_counter()
        NotebookClient(notebook, timeout=300, resources={"metadata": {"path": path.parent}}).execute()
        rows.append((path.relative_to(ROOT).as_posix(), round(perf_counter() - start, 1)))
    with open(ROOT / "benchmarks/run_times.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("notebook", "seconds"), *rows])

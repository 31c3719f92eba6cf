"""Run notebooks and store them clean: `python -m bookpress.notebooks [PATH ...]`, by default all of them.

Clean means: run top to bottom in one go, execution counts 1 ... n, cell ids that stay, and nothing of the machine that
ran it: no times, no paths, no version of Python.
"""

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from tqdm import tqdm

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def clean(notebook: NotebookNode) -> None:
    """Take out of a notebook what differs from one run or machine to the next."""
    notebook.metadata = NotebookNode(nbformat.from_dict(METADATA))
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)


def run(path: Path) -> None:
    """Run a notebook in its folder and store it with its outputs. A cell that fails leaves the file as it was."""
    notebook = nbformat.read(path, as_version=4)
    folder = {"metadata": {"path": path.parent}}
    NotebookClient(
        notebook,
        timeout=300,
        record_timing=False,
        coalesce_streams=True,
        extra_arguments=["--IPKernelApp.log_level=40"],  # only errors
        resources=folder,
    ).execute()
    clean(notebook)
    nbformat.validate(notebook)
    nbformat.write(notebook, path)


if __name__ == "__main__":
    root = Path(__file__).parents[2]
    paths = [Path(name) for name in sys.argv[1:]] or sorted(
        path for folder in ("chapters", "solutions") for path in (root / folder).glob("*/*.ipynb")
    )
    for path in tqdm(paths, unit="notebook"):
        run(path)

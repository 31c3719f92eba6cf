import nbformat
import pytest
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from bookpress import notebooks

pytestmark = pytest.mark.slow


def store(path, *sources):
    cells = [new_markdown_cell("# Title")] + [new_code_cell(source) for source in sources]
    notebook = new_notebook(cells=cells, metadata={"language_info": {"name": "python", "version": "3.0"}})
    notebook.cells[1].metadata["execution"] = {"shell.execute_reply": "2026-01-01T00:00:00Z"}
    nbformat.write(notebook, path)
    return path


def test_run_stores_outputs_and_nothing_of_the_machine(tmp_path):
    path = store(tmp_path / "lesson.ipynb", "from pathlib import Path\nPath('here').touch()\nprint(1 + 1)", "3")
    ids = [cell.id for cell in nbformat.read(path, 4).cells]
    notebooks.run(path)
    notebook = nbformat.read(path, 4)
    assert (tmp_path / "here").exists()  # it ran in its own folder
    assert [cell.id for cell in notebook.cells] == ids
    assert [cell.execution_count for cell in notebook.cells[1:]] == [1, 2]
    assert notebook.cells[1].outputs[0].text == "2\n"
    assert notebook.metadata == notebooks.METADATA
    assert all("execution" not in cell.metadata for cell in notebook.cells)


def test_a_cell_that_fails_leaves_the_file_as_it_was(tmp_path):
    path = store(tmp_path / "lesson.ipynb", "print(1)", "1 / 0")
    before = path.read_bytes()
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        notebooks.run(path)
    assert path.read_bytes() == before

"""Every stored notebook is clean, legible and built like a lesson."""

import ast
import base64
import re
from pathlib import Path

import nbformat
import pytest

from bookpress.notebooks import METADATA

ROOT = Path(__file__).parents[2]
LESSONS = sorted((ROOT / "chapters").glob("*/*.ipynb"))
NOTEBOOKS = LESSONS + sorted((ROOT / "solutions").glob("*/*.ipynb"))


def name(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def read(path: Path):
    return nbformat.read(path, as_version=4)


def code(notebook) -> list:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def prose(notebook) -> str:
    """The Markdown of a notebook without its code, formulas and link targets."""
    text = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    for pattern in (r"```.*?```", r"`[^`]*`", r"\$\$.*?\$\$", r"\$[^$]*\$", r"\]\([^)]*\)"):
        text = re.sub(pattern, " ", text, flags=re.DOTALL)
    return text


def printed(notebook) -> str:
    texts = []
    for cell in code(notebook):
        for output in cell.outputs:
            texts += [output.get("text", ""), output.get("data", {}).get("text/plain", "")]
    return "\n".join(texts)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
class TestNotebook:
    def test_was_run_top_to_bottom_in_one_go(self, path):
        cells = [cell for cell in code(read(path)) if cell.source.strip()]
        assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))

    def test_holds_nothing_of_the_machine_that_ran_it(self, path):
        notebook = read(path)
        assert notebook.metadata == METADATA
        assert not [cell.id for cell in notebook.cells if "execution" in cell.metadata]
        raw = path.read_text(encoding="utf-8")
        assert not re.search(r"(?<![\w.}/])/(?:work|home|root|tmp|Users|opt)/\w|[A-Z]:\\\\|site-packages", raw)

    def test_has_stable_cell_ids(self, path):
        ids = [cell.id for cell in read(path).cells]
        assert len(set(ids)) == len(ids)
        assert all(re.fullmatch(r"[a-z0-9][a-z0-9-]*", cell_id) for cell_id in ids)

    def test_prints_no_errors_or_warnings(self, path):
        outputs = [output for cell in code(read(path)) for output in cell.outputs]
        assert not [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]

    def test_has_small_pictures(self, path):
        for cell in code(read(path)):
            for output in cell.outputs:
                assert "image/svg+xml" not in output.get("data", {}), "nbval compares an SVG byte by byte"
                if picture := output.get("data", {}).get("image/png"):
                    assert len(base64.b64decode(picture)) < 200_000
        assert path.stat().st_size < 800_000

    def test_imports_tinyseq_before_keras(self, path):
        order = []
        for cell in code(read(path)):
            for node in ast.walk(ast.parse(cell.source)):
                if isinstance(node, ast.Import):
                    order += [alias.name.split(".")[0] for alias in node.names]
                elif isinstance(node, ast.ImportFrom):
                    order.append(node.module.split(".")[0])
        for framework in {"keras", "tensorflow"} & set(order):
            assert "tinyseq" in order[: order.index(framework)]


@pytest.mark.parametrize("path", LESSONS, ids=name)
class TestLesson:
    def test_ends_with_take_away_things_to_try_and_folded_solutions(self, path):
        headings = re.findall(r"^## (.+)$", prose(read(path)), flags=re.MULTILINE)
        assert headings[-3:] == ["Take away", "Things to try", "Solutions"]
        cells = read(path).cells
        start = next(i for i, cell in enumerate(cells) if "## Solutions" in cell.source)
        solutions = [cell for cell in cells[start:] if cell.cell_type == "code"]
        assert 2 <= len(solutions)
        for cell in solutions:
            assert "hide-cell" in cell.metadata.get("tags", [])
            assert cell.metadata.jupyter == {"source_hidden": True, "outputs_hidden": True}

    def test_has_cells_that_a_reader_can_follow(self, path):
        for cell in code(read(path)):
            lines = [line for line in cell.source.splitlines() if line.strip()]
            assert len(lines) <= 10 or "class " in cell.source, cell.source
            assert max(map(len, lines)) <= 92, cell.source

    def test_has_pictures_with_alternative_text(self, path):
        for cell in code(read(path)):
            if any("image/png" in output.get("data", {}) for output in cell.outputs):
                assert len(cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")) > 20, cell.source

    def test_uses_only_what_translates_and_reads_well_everywhere(self, path):
        for cell in read(path).cells:
            if cell.cell_type == "markdown":
                assert not re.search(r"\[\^|\{glue|\{exercise\}|^<\w|(?<![(<\"`])https?://", cell.source), cell.source

    def test_repeats_in_its_prose_only_numbers_that_were_printed(self, path):
        notebook = read(path)
        text = printed(notebook) + "\n".join(cell.source for cell in code(notebook))
        known = [float(number) for number in re.findall(r"\d+\.\d*(?:e[-+]?\d+)?|\d+", text.replace(",", ""))]
        tables = re.compile(r"^\|.*$", flags=re.MULTILINE)  # their numbers are in the code that follows them
        for number in re.findall(r"(?<![\d.])\d+\.\d+(?!\.?\d)", tables.sub("", prose(notebook))):
            digits = len(number.split(".")[1])
            assert any(round(value, digits) == float(number) for value in known), number

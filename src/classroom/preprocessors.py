"""nbgrader's autograde mended at its own extension points; nbgrader_config.py puts these in their places.

What is mended: a submission whose cells were deleted, duplicated, edited or moved; a test cell that warns (stock: no
points) or forges a result (stock: all points); a kernel that dies, ignores its interrupt or prints without end (stock:
no grade at all).
"""

import logging

from nbclient.exceptions import CellExecutionComplete, CellTimeoutError, DeadKernelError
from nbclient.util import run_sync
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output, new_raw_cell
from nbgrader.api import Gradebook, Notebook
from nbgrader.nbgraderformat import SCHEMA_VERSION
from nbgrader.preprocessors import ClearHiddenTests, Execute, NbGraderPreprocessor
from nbgrader.utils import is_grade, is_solution
from traitlets import Integer, default

from .assignment import grade_id, name_of_test

progress = logging.getLogger("classroom.progress")


class RestoreCells(NbGraderPreprocessor):
    """Put the released cells back into a submission, as the gradebook has them; answers and own cells stay.

    Of several cells with one grade id the last counts, as nbgrader has it. A setup cell stands before the tasks, and
    a test cell after its solution cell. What had to be mended is said in the notebook's metadata, classroom.notes.
    """

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        info = resources["nbgrader"]
        with Gradebook(info["db_url"]) as gradebook:
            released = _released_cells(gradebook.find_notebook(info["notebook"], info["assignment"]))
        notes = self._restore(nb, released)
        nb.nbformat_minor = 5
        for number, cell in enumerate(nb.cells, 1):
            cell.id = f"cell-{number}"  # the same whenever it is graded
        nb.metadata["classroom"] = {"notes": notes}
        for note in notes:
            self.log.warning("%s: %s", info["student"], note)
        return nb, resources

    def _restore(self, nb: NotebookNode, released: dict[str, NotebookNode]) -> list[str]:
        notes = []
        last = {grade_id(cell): number for number, cell in enumerate(nb.cells)}
        cells = []  # pairs of a released cell's name (None for the learner's own) and the cell to be graded
        for number, cell in enumerate(nb.cells):
            name = grade_id(cell)
            cell.metadata.pop("nbgrader", None)
            if name in released and number == last[name]:
                notes += self._changes(name, cell, released[name])
                if is_solution(released[name]):
                    released[name].source = cell.source
                cell = released[name]
            else:
                if name in released:
                    notes.append(f"there is more than one cell {name!r}; the last one counts")
                name = None
            cells.append((name, cell))
        missing = [name for name in released if name not in last]
        notes += [f"the cell {name!r} was deleted; it was put back as released" for name in missing]

        in_order = _put_in_order(cells, released)
        if len(in_order) == len(cells) and in_order != [cell for _, cell in cells]:
            notes.append("cells were moved; each test was run after its task")
        nb.cells = in_order
        return notes

    def _changes(self, name: str, cell: NotebookNode, released: NotebookNode) -> list[str]:
        if is_solution(released):
            return []
        visible, _ = ClearHiddenTests(parent=self).preprocess_cell(released.copy(), {}, 0)
        if cell.source.strip() == visible.source.strip():
            return []
        return [f"the cell {name!r} is not as released; the released one counts"]


def _released_cells(notebook: Notebook) -> dict[str, NotebookNode]:
    """The cells that nbgrader stored at release, by grade id: hidden tests in the tests, stubs in the solutions."""
    points = {cell.name: cell.max_score for cell in notebook.grade_cells}
    solutions = {cell.name for cell in notebook.solution_cells}
    new_cell = {"code": new_code_cell, "markdown": new_markdown_cell, "raw": new_raw_cell}
    released = {}
    for cell in notebook.source_cells:
        metadata = {
            "grade_id": cell.name,
            "grade": cell.name in points,
            "solution": cell.name in solutions,
            "locked": cell.locked,
            "schema_version": SCHEMA_VERSION,
            "cell_type": cell.cell_type,
            "checksum": cell.checksum,
        }
        if cell.name in points:
            metadata["points"] = points[cell.name]
        released[cell.name] = new_cell[cell.cell_type](cell.source, metadata={"nbgrader": metadata})
    return released


def _put_in_order(
    cells: list[tuple[str | None, NotebookNode]], released: dict[str, NotebookNode]
) -> list[NotebookNode]:
    """All cells, the missing ones added: setup before the tasks, each test after its solution, the rest as it stood."""
    cells = list(cells)

    def place(name: str) -> int | None:
        return next((number for number, (other, _) in enumerate(cells) if other == name), None)

    def move(name: str, to: int) -> None:
        old = place(name)
        cells.insert(to, (name, released[name]))
        if old is not None:
            del cells[old if old < to else old + 1]

    solutions = [name for name, cell in released.items() if is_solution(cell)]
    for name in solutions:
        if place(name) is None:
            test = place(name_of_test(name))
            move(name, len(cells) if test is None else test)
        test = name_of_test(name)
        if test in released and (place(test) is None or place(test) < place(name)):
            move(test, place(name) + 1)
    tasks = {*solutions, *map(name_of_test, solutions)}
    for name in reversed([name for name in released if name not in tasks]):
        first = next((number for number, (other, _) in enumerate(cells) if other in tasks), len(cells))
        if place(name) is None or place(name) > first:
            move(name, 0)
    return [cell for _, cell in cells]


class ExecuteAll(Execute):
    """Run every cell; one that never ends, prints without end or ends the kernel costs its points, not the grade.

    When the kernel is lost, the cells after it are marked as errors, so that their tests give no points.
    """

    output_limit = Integer(1_000_000, help="Characters of output that are kept of one cell").tag(config=True)

    @default("error_on_timeout")
    def _error_on_timeout_default(self) -> dict:
        return dict(_error("CellTimeoutError", f"took longer than {self.timeout} s"))

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        self._lost, self._begun = "", False
        try:
            return super().preprocess(nb, resources)
        except RuntimeError:
            if self._begun:
                raise
        # The kernel died at its start: another program was quicker to take one of the ports that were free before.
        return super().preprocess(nb, resources)

    def preprocess_cell(self, cell: NotebookNode, resources: dict, index: int) -> tuple[NotebookNode, dict]:
        self._begun = True
        if cell.cell_type != "code":
            return cell, resources
        if self._lost:
            cell.outputs = [_error("NotReached", f"was not reached: {self._lost}")]
            return cell, resources

        progress.info("cell %d of %d", index + 1, len(self.nb.cells))
        self._kept = 0
        where = f"the cell {grade_id(cell) or index + 1!r}"
        try:
            super().preprocess_cell(cell, resources, index)
        except DeadKernelError:
            self._lost = f"{where} ended the kernel"
            cell.outputs.append(_error("DeadKernelError", "ended the kernel"))
        except CellTimeoutError:  # what it prints went on after its end or its interrupt
            cell.outputs.append(_error("CellTimeoutError", f"took longer than {self.timeout} s, or prints without end"))
        if not self._lost and any(output.get("ename") == "CellTimeoutError" for output in cell.outputs):
            if not self._kernel_answers():
                self._lost = f"{where} could not be interrupted"
        return cell, resources

    async def _async_kernel_answers(self) -> bool:
        try:
            await self.kc.kernel_info(reply=True, timeout=3)
        except TimeoutError:
            return False
        return True

    _kernel_answers = run_sync(_async_kernel_answers)

    def process_message(self, msg: dict, cell: NotebookNode, cell_index: int) -> NotebookNode | None:
        """Keep no more of a cell's output than the limit."""
        try:
            output = super().process_message(msg, cell, cell_index)
        except CellExecutionComplete:
            raise
        except Exception:  # whatever a message forged by the learner's code leads to; nbformat refuses it
            return None
        if output is None:
            return None
        self._kept += sum(len(str(part)) for part in output.values())
        if self._kept > self.output_limit:
            cell.outputs.remove(output)
            if output.output_type == "error":
                output = _error(output.ename[:100], output.evalue[:1000])
                cell.outputs.append(output)
        return output


class JudgeTests(NbGraderPreprocessor):
    """Leave of a test cell's outputs what says whether it raised: what it printed, warned or returned is no grade."""

    def preprocess_cell(self, cell: NotebookNode, resources: dict, index: int) -> tuple[NotebookNode, dict]:
        if cell.cell_type == "code" and is_grade(cell) and not is_solution(cell):
            cell.outputs = [output for output in cell.outputs if output.output_type in ("stream", "error")]
            for output in cell.outputs:
                if output.output_type == "stream":
                    output.name = "stdout"
        return cell, resources


def _error(name: str, text: str) -> NotebookNode:
    return new_output("error", ename=name, evalue=text, traceback=[f"{name}: {text}"])

"""nbgrader's step that runs a submission: its cells in the jail's student kernel, each test in the jail's tester."""

import time

from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbgrader.utils import is_grade, is_locked, is_solution

from ..assignment import grade_id
from .wire import KEPT
from .worker import GRACE, Jail, Kernel, KernelLost


class ExecuteJailed:
    """Stands where Execute stands among nbgrader's preprocessors; says what happened in the same words as ExecuteAll.

    seconds: what a cell may take. two_kernels: False runs the tests in the student's kernel too, to measure what the
    second one costs.
    """

    def __init__(self, jail: Jail, seconds: float, two_kernels: bool = True):
        self.jail, self.seconds, self.two_kernels = jail, seconds, two_kernels

    def __call__(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        released = sum(cell.cell_type == "code" and grade_id(cell) is not None for cell in nb.cells)
        with Kernels(self.jail, self.seconds, released) as kernels:
            for number, cell in enumerate(nb.cells, 1):
                if cell.cell_type != "code":
                    continue
                name = f"the cell {grade_id(cell) or number!r}"
                setup = is_locked(cell) and not is_solution(cell)
                if self.two_kernels and is_grade(cell) and not is_solution(cell):
                    cell.outputs = kernels.test(cell.source, name)
                else:
                    cell.outputs = kernels.run(cell.source, name, setup and self.two_kernels)
        return nb, resources


class Kernels:
    """The two kernels of one submission. When the student's is lost, no later cell is reached.

    seconds: what a cell may take. count: how many cells were released; with all of the learner's own, no more time than
    these may take is there.
    """

    def __init__(self, jail: Jail, seconds: float, count: int):
        self.jail, self.seconds = jail, seconds
        self.end = time.monotonic() + seconds * count
        self.lost = ""
        self.setup: list[str] = []  # the released cells so far, which a tester runs first
        self.student = Kernel(jail, "student")
        self._tester: Kernel | None = None

    def __enter__(self) -> "Kernels":
        return self

    def __exit__(self, *_) -> None:
        self.student.close()
        self._end_tester()

    @property
    def tester(self) -> Kernel:
        """The tester, with the released cells run; a new one if there is none."""
        if self._tester is None:
            self._tester = Kernel(self.jail, "tester")
            for source in self.setup:
                self._tester.send({"do": "run", "source": source, "seconds": self.seconds})
                self._tester.receive(time.monotonic() + self.seconds)
        return self._tester

    def run(self, source: str, name: str, released: bool) -> list[NotebookNode]:
        """Run a cell in the student's kernel, and keep one that was released for the tester; its outputs."""
        if released:
            self.setup.append(source)
            self._end_tester()
        if not_reached := self._not_reached():
            return not_reached
        try:
            self.student.send({"do": "run", "source": source, "seconds": self.seconds})
            reply, _ = self.student.receive(time.monotonic() + self.seconds)
        except KernelLost as error:
            return [self._lose(error, name)]
        return self._outputs(reply)

    def test(self, source: str, name: str) -> list[NotebookNode]:
        """Run a test in the tester, which asks the student's kernel through this process; its outputs."""
        if not_reached := self._not_reached():
            return not_reached
        deadline = time.monotonic() + self.seconds
        try:
            self.tester.send({"do": "test", "source": source, "seconds": self.seconds + GRACE})
            while True:
                head, parts = self.tester.receive(deadline + GRACE)
                if "done" in head:
                    return self._outputs(head["done"])
                try:
                    self.student.send({**head, "seconds": deadline - time.monotonic()}, parts)
                    reply, parts = self.student.receive(deadline)
                except KernelLost as error:
                    output = self._lose(error, name)
                    self._end_tester()
                    return [output]
                self.tester.send(reply, parts)
        except KernelLost as error:
            self._end_tester()
            late = time.monotonic() > deadline
            text = f"took longer than {self.seconds:g} s" if late else str(error)
            return [_error("CellTimeoutError", text)]

    def _end_tester(self) -> None:
        if self._tester is not None:
            self._tester.close()
            self._tester = None

    def _lose(self, error: KernelLost, name: str) -> NotebookNode:
        self.lost = f"{name} {error}"
        return _error("DeadKernelError", str(error))

    def _not_reached(self) -> list[NotebookNode]:
        """What a cell says that is not to be run; empty if it is."""
        if not self.lost and time.monotonic() > self.end:
            self.lost = "the cells before it took all the time that there is"
        return [_error("NotReached", f"was not reached: {self.lost}")] if self.lost else []

    def _outputs(self, reply: dict) -> list[NotebookNode]:
        """A kernel's reply as a notebook has it; a student's kernel may say anything."""
        printed, error = _text(reply.get("printed"), KEPT), reply.get("error")
        outputs = [new_output("stream", name="stdout", text=printed)] if printed else []
        if error is not None:
            name, text = error if isinstance(error, list) and len(error) == 2 else ("Error", "unknown")
            if name == "TimeIsUp":
                name, text = "CellTimeoutError", f"took longer than {self.seconds:g} s"
            outputs.append(_error(_text(name, 100), _text(text, 2000)))
        return outputs


def _text(said: object, most: int) -> str:
    """Text that can be stored, no more of it than `most` characters; empty for what is no text."""
    return said[:most].encode(errors="replace").decode() if isinstance(said, str) else ""


def _error(name: str, text: str) -> NotebookNode:
    return new_output("error", ename=name, evalue=text, traceback=[f"{name}: {text}"])

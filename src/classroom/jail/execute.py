"""nbgrader's step that runs a submission: its cells in the jail's student kernel, each test in the jail's tester."""

import time

from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbgrader.utils import is_grade, is_locked, is_solution

from ..assignment import grade_id
from .worker import GRACE, Jail, Kernel, KernelLost


class ExecuteJailed:
    """Stands where Execute stands among nbgrader's preprocessors; says what happened in the same words as ExecuteAll.

    seconds: what a cell may take. two_kernels: False runs the tests in the student's kernel too, to measure what the
    second one costs.
    """

    def __init__(self, jail: Jail, seconds: float, two_kernels: bool = True):
        self.jail, self.seconds, self.two_kernels = jail, seconds, two_kernels

    def __call__(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        with Kernels(self.jail, self.seconds) as kernels:
            for number, cell in enumerate(nb.cells, 1):
                if cell.cell_type != "code":
                    continue
                name = f"the cell {grade_id(cell) or number!r}"
                released = is_locked(cell) and not is_solution(cell)
                if self.two_kernels and is_grade(cell) and not is_solution(cell):
                    cell.outputs = kernels.test(cell.source, name)
                else:
                    cell.outputs = kernels.run(cell.source, name, released and self.two_kernels)
        return nb, resources


class Kernels:
    """The two kernels of one submission. When the student's is lost, no later cell is reached."""

    def __init__(self, jail: Jail, seconds: float):
        self.jail, self.seconds = jail, seconds
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
        if self.lost:
            return [self._not_reached()]
        try:
            self.student.send({"do": "run", "source": source, "seconds": self.seconds})
            reply, _ = self.student.receive(time.monotonic() + self.seconds)
        except KernelLost as error:
            return [self._lose(error, name)]
        return self._outputs(reply)

    def test(self, source: str, name: str) -> list[NotebookNode]:
        """Run a test in the tester, which asks the student's kernel through this process; its outputs."""
        if self.lost:
            return [self._not_reached()]
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
        except KernelLost:
            self._end_tester()
            return [_error("CellTimeoutError", f"took longer than {self.seconds:g} s")]

    def _end_tester(self) -> None:
        if self._tester is not None:
            self._tester.close()
            self._tester = None

    def _lose(self, error: KernelLost, name: str) -> NotebookNode:
        self.lost = f"{error} in {name}"
        return _error("DeadKernelError", str(error))

    def _not_reached(self) -> NotebookNode:
        return _error("NotReached", f"was not reached: {self.lost}")

    def _outputs(self, reply: dict) -> list[NotebookNode]:
        """A kernel's reply as a notebook has it; a student's kernel may say anything."""
        printed, error = reply.get("printed"), reply.get("error")
        outputs = []
        if isinstance(printed, str) and printed:
            outputs.append(new_output("stream", name="stdout", text=printed))
        if error is not None:
            name, text = map(str, error) if isinstance(error, list) and len(error) == 2 else ("Error", "unknown")
            if name == "TimeIsUp":
                name, text = "CellTimeoutError", f"took longer than {self.seconds:g} s"
            outputs.append(_error(name[:100], text[:2000]))
        return outputs


def _error(name: str, text: str) -> NotebookNode:
    return new_output("error", ename=name, evalue=text, traceback=[f"{name}: {text}"])

"""A notebook's cells, run in this process as IPython runs them, without a display and without an answer to input()."""

import builtins
import io
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout

from IPython.core.error import StdinNotImplementedError
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from .wire import KEPT


class TimeIsUp(KeyboardInterrupt):
    """A cell took longer than it may; no `except Exception` stops it."""


class Shell(InteractiveShell):
    """IPython without a screen: it shows no error (the error itself is told), no window, and nothing ends it."""

    def showtraceback(self, *args, **kwargs) -> None: ...

    def showsyntaxerror(self, *args, **kwargs) -> None: ...

    def enable_gui(self, gui: str | None = None) -> None: ...  # of %matplotlib

    def ask_exit(self) -> None: ...  # of exit and quit


class Cells:
    """The cells' namespace, and how one is run in it."""

    def __init__(self):
        config = Config()
        config.HistoryManager.enabled = False  # a database, and a thread that no fork would have
        self.shell = Shell.instance(config=config)
        self.shell.colors = "nocolor"
        builtins.input = _refuse_input

    @property
    def namespace(self) -> dict:
        return self.shell.user_ns

    def run(self, source: str, seconds: float) -> dict:
        """Run a cell; {"printed": …, "error": [name, text] or None}."""
        printed = Printed()
        with redirect_stdout(printed), redirect_stderr(printed), time_limit(seconds):
            try:
                result = self.shell.run_cell(source)
                error = result.error_before_exec or result.error_in_exec
            except BaseException as raised:  # a limit that IPython let through
                error = raised
        return {"printed": printed.text(), "error": None if error is None else describe(error)}


class Printed(io.TextIOBase):
    """Takes all that is printed and keeps the beginning."""

    def __init__(self):
        self._kept, self._room = [], KEPT

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if self._room > 0:
            self._kept.append(text[: self._room])
            self._room -= len(text)
        return len(text)

    def text(self) -> str:
        return "".join(self._kept).encode(errors="replace").decode()


def describe(error: BaseException) -> list[str]:
    """The name of an error's class and its text, whatever its class does when it is asked."""
    try:
        text = str(error)
    except BaseException as raised:  # a __str__ of the learner's
        text = f"no text: {type(raised).__name__}"
    return [type(error).__name__, str(text)[:2000].encode(errors="replace").decode()]


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TimeIsUp in what runs longer. Code that catches it is ended from outside."""

    def stop(*_):
        raise TimeIsUp(f"took longer than {seconds:.3g} s")

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001), 1)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def quiet() -> None:
    """Nothing that is printed outside a cell goes anywhere."""
    sys.stdout = sys.stderr = Printed()


def _refuse_input(*_):
    raise StdinNotImplementedError("input() is not answered while it is graded")

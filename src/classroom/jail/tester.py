"""The kernel that runs the tests. It has the released setup cells and never a learner's code.

A name that a test uses and the setup does not have stands for the student's: data is fetched, and a call of a function
is a message to the student's kernel.
"""

import builtins
import socket
import symtable
import sys
import warnings
from typing import Any

import numpy as np

from .cells import Cells, TimeIsUp, describe
from .wire import decode, encode, receive, send, update


class Tester:
    """Answers requests until the other side is gone."""

    def __init__(self, cells: Cells):
        self.cells = cells

    def serve(self, sock: socket.socket) -> None:
        self.sock = sock
        while True:
            head, _ = receive(sock)
            try:
                names = self._borrow(head["source"]) if head["do"] == "test" else []
            except Exception as error:  # whatever the student's kernel sent
                send(sock, {"done": {"printed": "", "error": describe(error)}})
                continue
            reply = self.cells.run(head["source"], head["seconds"])
            for name in names:
                self.cells.namespace.pop(name, None)
            send(sock, {"done": reply})

    def _borrow(self, source: str) -> list[str]:
        """Put the student's names that a test uses into its namespace."""
        own = self.cells.namespace
        names = [name for name in names_used(source) if name not in own and not hasattr(builtins, name)]
        head, parts = self._ask({"do": "look", "names": names})
        if "raised" in head:
            raise error_of(head["raised"])
        for name in names:  # and no others, whatever was sent
            found = head["found"].get(name, {"is": "missing"})
            if found["is"] == "missing":
                continue
            if found["is"] == "value":
                own[name] = decode(found["value"], parts)
            else:
                own[name] = Borrowed(self, name, found.get("raised"))
        return names

    def _ask(self, head: dict, parts: list[bytes] = ()) -> tuple[dict, list[bytes]]:
        send(self.sock, head, parts)
        return receive(self.sock)

    def call(self, name: str, args: tuple, kwargs: dict) -> Any:
        """The result of a student's function; its errors and warnings come here, and what it did to its arguments."""
        table, parts = [], []
        given = [list(args), kwargs]
        tree = encode(given, parts, table)
        errors = np.geterr() if np.geterr() != ERRORS else {}
        head, parts = self._ask({"do": "call", "name": name, "arguments": tree, "errors": errors}, parts)
        if "changed" in head:
            update(given, decode(head["changed"], parts))
        for each in map(error_of, head.get("warned", [])):
            if isinstance(each, Warning):
                warnings.warn(each, stacklevel=3)
        if "raised" in head:
            raise error_of(head["raised"])
        return decode(head["result"], parts, table)


class Borrowed:
    """Stands for a student's function, or for a value that cannot be handed over."""

    def __init__(self, tester: Tester, name: str, raised: dict | None):
        self.__name__ = name
        self._tester, self._raised = tester, raised

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._raised:
            raise TypeError(f"{self.__name__} is neither a function nor data: {self._raised['text']}")
        return self._tester.call(self.__name__, args, kwargs)


def names_used(source: str) -> list[str]:
    """The global names that a cell uses and does not bind itself."""
    top = symtable.symtable(source, "test", "exec")
    bound = {symbol.get_name() for symbol in top.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    used, tables = set(), [top]
    while tables:
        table = tables.pop()
        tables += table.get_children()
        used |= {s.get_name() for s in table.get_symbols() if s.is_referenced() and (table is top or s.is_global())}
    return sorted(used - bound)


def error_of(raised: dict) -> Exception:
    """An error as the student's: of the most special class that this side knows, under its name and with its text."""
    if raised["name"] == TimeIsUp.__name__:
        return TimeIsUp()
    base = next(filter(None, map(_known, raised["classes"])), RuntimeError)
    text = str(raised["text"])
    error = type(raised["name"][:100], (base,), {"__str__": lambda self: text})
    return error.__new__(error)


def _known(qualified: str) -> type[Exception] | None:
    module, _, name = qualified.rpartition(".")
    known = getattr(sys.modules.get(module), name, None) if module.split(".")[0] in TRUSTED else None
    # A test that is given a StopIteration may take it for the end of a loop.
    usable = isinstance(known, type) and issubclass(known, Exception) and known not in (ExceptionGroup, StopIteration)
    return known if usable else None


TRUSTED = {"builtins", "tinyseq", np.__name__}
ERRORS = np.geterr()  # a test that changes what NumPy does of an error changes it for the student's function, too

"""The kernel that runs the submission's cells, and then its functions for the tester."""

import socket
import warnings
from typing import Any

import numpy as np

from .cells import Cells, TimeIsUp, describe, time_limit
from .wire import WireError, decode, encode, receive, send

WARNINGS = 20  # that are told of one call


class Student:
    """Answers requests until the other side is gone."""

    def __init__(self, cells: Cells):
        self.cells = cells

    def serve(self, sock: socket.socket) -> None:
        while True:
            head, parts = receive(sock)
            reply, parts = {"run": self._run, "look": self._look, "call": self._call}[head["do"]](head, parts)
            try:
                send(sock, reply, parts)
            except WireError as error:
                send(sock, _refused(error))

    def _run(self, head: dict, parts: list[bytes]) -> tuple[dict, list[bytes]]:
        return self.cells.run(head["source"], head["seconds"]), []

    def _look(self, head: dict, parts: list[bytes]) -> tuple[dict, list[bytes]]:
        """What those of the names that are there stand for: a function, data with its value, or neither."""
        found, parts = {}, []
        for name in head["names"]:
            if name not in self.cells.namespace:
                continue
            value = self.cells.namespace[name]
            if callable(value):
                found[name] = {"is": "function"}
                continue
            try:
                found[name] = {"is": "value", "value": encode(value, parts)}
            except Exception as error:
                found[name] = {"is": "neither", "raised": raised(error)}
        return {"found": found}, parts

    def _call(self, head: dict, parts: list[bytes]) -> tuple[dict, list[bytes]]:
        """Call a function; {"result": …} or {"raised": …}, and what it made of its arguments, if it changed them."""
        table: list = []
        try:
            with time_limit(head["seconds"]), warnings.catch_warnings(record=True) as warned:
                warnings.simplefilter("always")
                function = self.cells.namespace[head["name"]]
                args, kwargs = decode(head["arguments"], parts, table)
                given = _snapshot([args, kwargs])
                try:
                    reply, parts = {"result": None}, []
                    with np.errstate(**head["errors"]):
                        result = function(*args, **kwargs)
                    reply["result"] = encode(result, parts, table)
                except TimeIsUp:
                    raise
                except WireError as error:
                    reply, parts = _refused(error), []
                except BaseException as error:
                    reply, parts = {"raised": raised(error)}, []
                if _snapshot([args, kwargs]) != given:
                    reply["changed"] = encode([args, kwargs], parts)
                reply["warned"] = [raised(each.message) for each in warned[:WARNINGS]]
            return reply, parts
        except BaseException as error:
            return {"raised": raised(error)}, []


def _snapshot(value: Any) -> tuple:
    parts: list[bytes] = []
    return encode(value, parts), parts


def _refused(error: WireError) -> dict:
    return {"raised": raised(TypeError(f"it returns what no test can take: {error}"))}


def raised(error: BaseException) -> dict:
    """An error as data: the names of its classes, most special first, and its text."""
    name, text = describe(error)
    classes = [f"{cls.__module__}.{cls.__qualname__}" for cls in type(error).__mro__]
    return {"classes": classes, "name": name, "text": text}

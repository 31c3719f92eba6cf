"""Data between processes that do not trust each other: JSON for the shape of it, bytes for arrays, never pickle.

What crosses: None, bool, int, float, complex, str, bytes, list, tuple, set, dict, range, and NumPy's arrays and scalars
of numbers and text. An object that occurs twice in a message is one object again on the other side.
"""

import json
import math
import socket
import struct
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

KEPT = 100_000  # characters of what a cell prints
MAX_BYTES = 64 * 2**20  # of one message
MAX_TEXT = 16 * 2**20  # of them that are JSON, which takes thirty times as much once it is read
HEAD = struct.Struct("!II")
KINDS = "biufcUSmM"  # dtypes that are data; an array of objects is not


class WireError(Exception):
    """What came is no message, or what should go is no data; the text says what."""


class Closed(WireError):
    """The other side is gone."""


class Late(WireError):
    """The other side did not answer in time."""


Message = tuple[dict, list[bytes]]


def send(sock: socket.socket, head: dict, parts: list[bytes] = ()) -> None:
    """Send a message: a JSON object and bytes that it refers to. Raises Closed, Late, WireError."""
    text = json.dumps({**head, "sizes": [len(part) for part in parts]}).encode()
    size = sum(map(len, parts))
    _check(len(text), size)
    try:
        sock.sendall(b"".join((HEAD.pack(len(text), size), text, *parts)))
    except TimeoutError as error:
        raise Late("it does not read") from error
    except OSError as error:
        raise Closed("it is gone") from error


def _check(text: int, parts: int) -> None:
    """WireError for a message of so many bytes of JSON and of arrays if that is too much."""
    if text > MAX_TEXT or text + parts > MAX_BYTES:
        most = f"at most {MAX_BYTES >> 20} MB can be handed over, {MAX_TEXT >> 20} MB beside arrays"
        raise WireError(f"{(text + parts) / 2**20:.0f} MB, {most}")


def receive(
    sock: socket.socket, deadline: float = math.inf, idle: Callable[[], None] | None = None, every: float = 0.2
) -> Message:
    """The next message before `deadline`, a time.monotonic(). Raises Closed, Late, WireError, and what `idle` raises,
    which is called each time `every` seconds brought nothing."""

    def read(size: int) -> bytes:
        data = bytearray(size)
        view = memoryview(data)
        while view:
            left = deadline - time.monotonic()
            if left <= 0:
                raise Late("it did not answer in time")
            sock.settimeout(min(left, every) if idle else None if left == math.inf else left)
            try:
                count = sock.recv_into(view)
            except TimeoutError:
                if idle:
                    idle()
                continue
            except OSError as error:
                raise Closed("it is gone") from error
            if not count:
                raise Closed("it is gone")
            view = view[count:]
        return bytes(data)

    length, size = HEAD.unpack(read(HEAD.size))
    _check(length, size)
    text, rest = read(length), read(size)
    try:
        head = json.loads(text)
        sizes = head.pop("sizes")
        ends = np.cumsum([0, *sizes]).tolist()
        if min([0, *sizes]) < 0 or ends[-1] != size:
            raise ValueError("sizes")
        return head, [rest[start:end] for start, end in pairwise(ends)]
    except Exception as error:  # whatever a forged message leads to
        raise WireError("it sent what is no message") from error


def encode(value: Any, parts: list[bytes], table: list | None = None) -> Any:
    """`value` as JSON, its bytes appended to `parts`. `table`: the objects that both sides have, by number; it grows.

    Raises WireError for what is no data.
    """
    try:
        return _Encoder(parts, [] if table is None else table).encode(value)
    except RecursionError as error:
        raise WireError("it is nested too deeply") from error


def decode(tree: Any, parts: list[bytes], table: list | None = None) -> Any:
    """The value of what `encode` gave, with the `table` as it was there. Raises WireError for what is no data."""
    try:
        return _decode(tree, parts, [] if table is None else table)
    except WireError:
        raise
    except Exception as error:  # whatever a forged message leads to
        raise WireError("it sent what is no data") from error


class _Encoder:
    def __init__(self, parts: list[bytes], table: list):
        self.parts, self.table = parts, table
        self.numbers = {id(x): number for number, x in enumerate(table)}

    def encode(self, x: Any) -> Any:
        if x is None or type(x) in (bool, int, float, str):
            return x if type(x) is not int or x.bit_length() <= 64 else {"is": "int", "of": hex(x)}
        if isinstance(x, np.generic | bytes | complex | range):
            return self._atom(x)
        if id(x) in self.numbers:
            return {"is": "seen", "number": self.numbers[id(x)]}
        if not isinstance(x, np.ndarray | list | tuple | set | frozenset | dict):
            if isinstance(x, int | float | str):
                return next(base(x) for base in (int, float, str) if isinstance(x, base))
            raise WireError(f"{type(x).__qualname__} is no data")
        if not isinstance(x, tuple | frozenset):
            self.numbers[id(x)] = len(self.table)
            self.table.append(x)  # an id is only good while its object lives
        if isinstance(x, np.ndarray):
            return self._array(x)
        if isinstance(x, dict):
            return {"is": "dict", "of": [[self.encode(key), self.encode(value)] for key, value in x.items()]}
        kind = next(kind for kind in (list, tuple, set, frozenset) if isinstance(x, kind))
        return {"is": kind.__name__, "of": [self.encode(item) for item in x]}

    def _atom(self, x: Any) -> dict:
        if isinstance(x, np.generic):
            return {**self._array(np.asarray(x)), "is": "scalar"}
        if isinstance(x, bytes):
            self.parts.append(bytes(x))
            return {"is": "bytes", "part": len(self.parts) - 1}
        if isinstance(x, complex):
            return {"is": "complex", "of": [x.real, x.imag]}
        return {"is": "range", "of": [x.start, x.stop, x.step]}

    def _array(self, x: np.ndarray) -> dict:
        x = np.asarray(x)
        if x.dtype.kind not in KINDS:
            raise WireError(f"an array of {x.dtype} is no data")
        order = "F" if x.flags.f_contiguous and not x.flags.c_contiguous else "C"
        self.parts.append(x.tobytes(order))
        part = len(self.parts) - 1
        return {
            "is": "array",
            "dtype": x.dtype.str,
            "shape": x.shape,
            "order": order,
            "part": part,
            "open": x.flags.writeable,
        }


def _decode(tree: Any, parts: list[bytes], table: list) -> Any:
    if not isinstance(tree, dict):
        if isinstance(tree, list):
            raise WireError("it sent what is no data")
        return tree
    kind = tree["is"]
    if kind == "seen":
        return table[tree["number"]]
    if kind == "scalar":
        return _array(tree, parts)[()]
    if kind == "array":
        table.append(array := _array(tree, parts))
        return array
    if kind == "bytes":
        return parts[tree["part"]]
    if kind == "int":
        return int(tree["of"], 16)  # Python limits the digits of a decimal number, and JSON has no others
    if kind in ("complex", "range"):
        return {"complex": complex, "range": range}[kind](*tree["of"])
    if kind in ("tuple", "frozenset"):
        return {"tuple": tuple, "frozenset": frozenset}[kind](_decode(item, parts, table) for item in tree["of"])
    empty = {"list": list, "set": set, "dict": dict}[kind]()
    table.append(empty)
    if kind == "dict":
        empty.update((_decode(key, parts, table), _decode(value, parts, table)) for key, value in tree["of"])
    else:
        (empty.extend if kind == "list" else empty.update)(_decode(item, parts, table) for item in tree["of"])
    return empty


def _array(tree: dict, parts: list[bytes]) -> np.ndarray:
    dtype = np.dtype(tree["dtype"])
    if dtype.kind not in KINDS:
        raise WireError("it sent an array that is no data")
    flat = np.frombuffer(bytearray(parts[tree["part"]]), dtype)
    array = flat.reshape(tree["shape"], order=tree["order"])
    array.flags.writeable = tree["open"]
    return array


def update(old: Any, new: Any) -> None:
    """Make of `old`, in its place, what a copy of it has become elsewhere."""
    if isinstance(old, np.ndarray):
        if old.flags.writeable and np.shape(new) == old.shape:
            old[...] = new
    elif isinstance(old, tuple):
        for ours, theirs in zip(old, new, strict=False):
            update(ours, theirs)
    elif isinstance(old, list):
        same = len(old) == len(new)
        old[:] = [_updated(ours, theirs) for ours, theirs in zip(old, new, strict=True)] if same else new
    elif isinstance(old, dict):
        changed = {key: _updated(old[key], value) if key in old else value for key, value in new.items()}
        old.clear()
        old.update(changed)
    elif isinstance(old, set):
        old.clear()
        old.update(new)


def _updated(old: Any, new: Any) -> Any:
    """`old` with the contents of `new` where it can take them, else `new`."""
    if type(old) is not type(new) or not isinstance(old, np.ndarray | tuple | list | dict | set):
        return new
    if isinstance(old, np.ndarray) and (old.shape, old.dtype) != (new.shape, new.dtype):
        return new
    update(old, new)
    return old

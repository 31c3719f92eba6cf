"""Hostile submissions to the demo course, of which the modules attacks_*.py hold some kinds each.

An attack in a notebook reports by printing: `met` and what stood in its way, `TOOK` and what it should not have got,
`tried` at its end. None starts outside a jail, and each counts what it takes: a jail that leaks is seen as a failed
test and not as a broken machine.
"""

import ast
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nbformat.v4 import new_code_cell
from school import CHAPTER, TASKS, answers, write

NAME = f"{CHAPTER}.ipynb"
FULL = {name: task["points"] for name, task in TASKS.items()}
NOTHING = dict.fromkeys(FULL, 0)
WRONG = {
    "mean_columns": "def mean_columns(x):\n    return x",
    "half_rows": "def half_rows(x):\n    return x",
    "choose_shape": 'answer_shape = "A"',
}
HONEST = "honest-right"  # whose work is to be copied
RIGHT_FOR_ONE = """
def mean_columns(x):  # {token}
    columns = [sum(row[number] for row in x) / len(x) for number in range(x.shape[1])]
    return np.array(columns)
"""


@dataclass(frozen=True)
class World:
    """What is around the jail. root: the course; home, file: these hold a secret; the rest: where something listens."""

    root: Path
    home: Path
    file: Path
    port: int
    socket: Path
    abstract: str

    def fill(self, source: str) -> str:
        for name, value in vars(self).items():
            source = source.replace(f"@{name}@", str(value))
        return source


@dataclass(frozen=True)
class Attack:
    """hand_in: writes the submission into its folder. says: a pattern of what its graded notebook or its row says if
    it was tried. points: what is right in it."""

    what: str
    hand_in: Callable
    says: str
    points: dict[str, float]


ATTACKS: dict[str, Attack] = {}


def add(name: str, what: str, hand_in: Callable, says: str = "", points: dict[str, float] = NOTHING) -> None:
    assert name not in ATTACKS, name
    ATTACKS[name] = Attack(what, hand_in, says, points)


def notebook(source: str = "", change: Callable | None = None, **answer: str) -> Callable:
    """Hands in wrong answers, or others in their place, after a cell of the learner's own, and changed by `change`.

    The places of the world are filled in where `@root@` and so on stand.
    """

    def hand_in(course, folder, world):
        nb = answers(course, **{name: world.fill(text) for name, text in {**WRONG, **answer}.items()})
        if source:
            nb.cells.insert(2, new_code_cell(world.fill(source)))
        write(folder / NAME, nb if change is None else change(nb) or nb)

    return hand_in


def tools():
    """What the attacks in cells work with; the body of this function stands before each."""
    import ctypes, json, os, resource, signal, socket, struct, subprocess, sys, threading, time  # noqa: E401, F401, I001
    from contextlib import suppress  # noqa: F401

    import classroom.jail.student as kernel
    from classroom.jail.wire import HEAD

    assert os.getpid() == 1, "this is no jail"
    libc = ctypes.CDLL(None, use_errno=True)
    honest = kernel.send
    places = "/tmp /jail /dev/shm /dev /dev/pts /var/tmp /run /proc / @root@/exercises/1-demo".split()  # noqa: F841

    def attempt(what, act, *arguments):
        """Try it and print what comes of it; what fails as most do is only counted."""
        try:
            got = act(*arguments)
        except (FileNotFoundError, ProcessLookupError):
            pass
        except BaseException as error:
            print("met", what, type(error).__name__, error)
        else:
            print("TOOK", what, repr(got)[:2000])

    def call(name, *arguments):
        """A function of the C library; OSError if it fails."""
        result = getattr(libc, name)(*arguments)
        if result == -1:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        return result

    def syscall(name, *arguments):
        import platform

        from classroom.jail.seccomp import CALLS

        return call("syscall", CALLS[platform.machine()][-1][name], *arguments)

    def message(text, body=b""):
        text = text if isinstance(text, bytes) else text.encode()
        return HEAD.pack(len(text), len(body)) + text + body

    def frame(head, *parts):
        return message(json.dumps({**head, "sizes": [len(part) for part in parts]}), b"".join(parts))

    def array(dtype, shape):
        return {"is": "array", "dtype": dtype, "shape": shape, "order": "C", "part": 0, "open": True}

    def instead_of(kind, raw):
        """Send these bytes in the place of each reply of this kind."""

        def send(sock, head, parts=()):
            sock.sendall(raw) if kind in head else honest(sock, head, parts)

        kernel.send = send


def body(function) -> str:
    """The source of a function's body, without the text that describes it."""
    source = inspect.getsource(function)
    description = ast.parse(source).body[0].body[0]
    return textwrap.dedent("\n".join(source.split("\n")[description.end_lineno :])).strip()


TOOLS = body(tools)


def own(says="tried", **answer):
    """A cell of the learner's own."""

    def register(function):
        source = f"{TOOLS}\n{body(function)}\nprint('tried')"
        add(name_of(function), function.__doc__, notebook(source, **answer), says)

    return register


def called(says="", before=""):
    """A function that does it while it is tested."""

    def register(function):
        source = "def mean_columns(x):\n" + textwrap.indent(body(function), "    ")
        add(name_of(function), function.__doc__, notebook(f"{TOOLS}\n{before}", mean_columns=source), says)

    return register


def forged(kind="result", says="tried"):
    """Bytes in the place of a reply of this kind, on the socket to the worker."""

    def register(function):
        source = f"{TOOLS}\ndef forged():\n{textwrap.indent(body(function), '    ')}\ninstead_of({kind!r}, forged())"
        add(name_of(function), function.__doc__, notebook(source + "\nprint('tried')"), says)

    return register


def name_of(function) -> str:
    return function.__name__.replace("_", "-")

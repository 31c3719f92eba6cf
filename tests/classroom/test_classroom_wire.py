"""What crosses between a student's kernel and a tester: all data come out as they went in, and nothing else does."""

import json
import math
import socket
import textwrap
import threading
import time
from collections import OrderedDict, namedtuple
from enum import IntEnum

import numpy as np
import pytest

from classroom.jail.student import raised
from classroom.jail.tester import error_of, names_used
from classroom.jail.wire import (
    HEAD,
    MAX_BYTES,
    MAX_TEXT,
    Closed,
    Late,
    WireError,
    decode,
    encode,
    receive,
    send,
    update,
)


def cross(value):
    """The value as the other side gets it."""
    parts = []
    tree = encode(value, parts)
    return decode(json.loads(json.dumps(tree)), parts)


def same(one, two):
    """Whether two values are the same in type, contents and layout."""
    if type(one) is not type(two):
        return False
    if isinstance(one, np.ndarray):
        layout = ("c_contiguous", "f_contiguous", "writeable")
        return (
            (one.dtype, one.shape) == (two.dtype, two.shape)
            and one.tobytes() == two.tobytes()
            and all(getattr(one.flags, flag) == getattr(two.flags, flag) for flag in layout)
        )
    if isinstance(one, list | tuple):
        return len(one) == len(two) and all(map(same, one, two))
    if isinstance(one, dict):
        return same(list(one.items()), list(two.items()))
    return one == two if isinstance(one, int) else repr(one) == repr(two)


READ_ONLY = np.arange(3)
READ_ONLY.flags.writeable = False

VALUES = {
    "none": None,
    "bools": [True, False],
    "ints": [0, -1, 2**63, -(2**64), 2**64 + 1, 10**400],
    "a huge int": -(10**5000),
    "floats": [0.1, -0.0, math.inf, -math.inf, math.nan, 5e-324],
    "complex": [1 + 2j, complex(math.nan, -0.0)],
    "text": ["", "Hälfte", "\U0001f40d", "\ud800", "\0", "\x1b"],
    "bytes": [b"", b"\0\xff"],
    "ranges": [range(0), range(9, 3, -2)],
    "containers": [[], (), set(), frozenset(), {}, [[]], ((),)],
    "nested": {"a": [1, (2, {"b": {3}})], 4: None, (5, "c"): frozenset([(6,)]), True: 1.0},
    "numbers of NumPy": [np.float16(1.5), np.float32(0.1), np.float64(0.1), np.longdouble(1) / 3, np.int8(-1)],
    "more of them": [np.uint64(2**64 - 1), np.bool_(True), np.complex64(1j), np.float64("nan")],
    "text of NumPy": [np.str_("ä"), np.bytes_(b"a")],
    "times": [np.datetime64("2026-11-21"), np.timedelta64(3, "s"), np.array(["2026"], "M8[Y]")],
    "0-d": [np.array(1.5), np.array(True), np.array("ä")],
    "empty": [np.zeros(0), np.zeros((0, 3)), np.zeros((3, 0), order="F"), np.zeros((2, 0, 2), np.int8), np.array([""])],
    "Fortran's order": [np.asfortranarray(np.arange(24.0).reshape(2, 3, 4)), np.arange(6).reshape(2, 3).T],
    "read-only": READ_ONLY,
    "other bytes": np.arange(3, dtype=">i4"),
    "arrays of text": [np.array(["a", "ä\0b"]), np.array([b"a", b"bc"])],
    "bools and complex": [np.array([True, False]), np.array([1j, np.nan])],
    "long lists": list(range(10_000)),
}


@pytest.mark.parametrize("name", VALUES)
def test_data_comes_out_as_it_went_in(name):
    assert same(cross(VALUES[name]), VALUES[name])


def test_what_is_almost_such_data_becomes_it():
    Point = namedtuple("Point", "x y")
    Colour = IntEnum("Colour", "RED")
    Word = type("Word", (str,), {})
    assert same(cross([Point(1, 2), Colour.RED, Word("a")]), [(1, 2), 1, "a"])
    assert same(cross(OrderedDict(b=1, a=2)), {"b": 1, "a": 2})
    assert same(cross(np.ones((1, 2)).view(np.matrix)), np.ones((1, 2)))
    assert same(cross(np.ma.masked_array([1, 2], [0, 1])), np.array([1, 2]))
    assert same(cross(np.arange(10)[::3]), np.array([0, 3, 6, 9]))
    assert same(
        cross(np.arange(12).reshape(3, 2, 2).transpose(1, 0, 2)[:, ::2]),
        np.array([[[0, 1], [8, 9]], [[2, 3], [10, 11]]]),
    )
    assert cross(np.broadcast_to(1.5, (2, 2))).tolist() == [[1.5, 1.5]] * 2


def test_an_object_that_occurs_twice_is_one_object_again():
    array, inner = np.zeros(2), []
    one, two, (three, four), five = cross([array, array, (inner, inner), np.zeros(2)])
    assert one is two
    assert three is four
    assert five is not one
    endless = []
    endless.append((endless,))
    again = cross(endless)
    assert again[0][0] is again


def test_an_argument_that_is_returned_is_the_callers_own_object():
    given = [[np.zeros(2), [1], {"a": {2}}], {}]
    parts, ours = [], []
    tree = encode(given, parts, ours)
    theirs_table = []
    (array, numbers, table), _ = theirs = decode(tree, parts, theirs_table)
    parts = []
    answer = encode([array, (numbers, theirs), table["a"], np.zeros(2)], parts, theirs_table)
    first, (second, third), fourth, fifth = decode(answer, parts, ours)
    assert first is given[0][0]
    assert second is given[0][1]
    assert third is given
    assert fourth is given[0][2]["a"]
    assert not any(fifth is each for each in given[0])


@pytest.mark.parametrize(
    "before, after",
    [
        ([1, [2], 3], [1, [5], 3]),
        ([1, 2], [1, 2, 3]),
        ([[1], 2], [(1,), [2]]),
        ([], [[1]]),
        ({"a": [1], "b": 2}, {"b": [2], "a": [1, 2], "c": 3}),
        ({1, 2}, {2, 3}),
        (([1], {2}), ([3], {4})),
        (np.zeros(3), np.arange(3.0)),
        ([np.zeros(3), np.zeros(2)], [np.ones(3), np.zeros((2, 2))]),
        ({"a": {"b": [np.zeros(1)]}}, {"a": {"b": [np.ones(1)]}}),
    ],
)
def test_an_update_is_made_in_place(before, after):
    kept, inside = before, list(before) if isinstance(before, list | tuple) else []
    update(before, cross(after))
    assert kept is before
    assert same(before, after) or before == after
    for old, new, wanted in zip(inside, before, after, strict=False):
        if type(old) is type(wanted) and isinstance(old, list | set | np.ndarray) and np.shape(old) == np.shape(wanted):
            assert new is old


def test_an_update_follows_what_else_shows_the_object():
    x = np.zeros((2, 2))
    view, table = x[0], {"x": x}
    update([table], cross([{"x": np.ones((2, 2))}]))
    assert view.tolist() == [1, 1]
    fixed = np.zeros(2)
    fixed.flags.writeable = False
    update([fixed], [np.ones(2)])
    assert fixed.tolist() == [0, 0]


@pytest.mark.parametrize(
    "value, reason",
    [
        (object(), "object is no data"),
        ([(1, {"a": print})], "builtin_function_or_method is no data"),
        ((x for x in ()), "generator is no data"),
        (np.array([None]), "an array of object is no data"),
        (np.zeros(2, [("a", int)]), r"an array of \[\('a', '<i8'\)\] is no data"),
        (np.random.default_rng(0), "Generator is no data"),
        (ValueError("a"), "ValueError is no data"),
    ],
)
def test_what_is_no_data_is_refused(value, reason):
    with pytest.raises(WireError, match=f"^{reason}$"):
        encode(value, [])


def test_what_is_nested_too_deeply_is_refused():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(WireError, match=r"^it is nested too deeply$"):
        encode(deep, [])
    while deep:  # Python's own end of it would be deep, too
        deep = deep.pop()


ARRAY = {"is": "array", "dtype": "<f8", "shape": [1], "order": "C", "part": 0, "open": True}


@pytest.mark.parametrize(
    "tree",
    [
        [],
        {},
        {"is": "function"},
        {"is": ["list"]},
        {"is": "seen", "number": 0},
        {"is": "bytes", "part": 3},
        {"is": "int", "of": "one"},
        {"is": "set", "of": [{"is": "list", "of": []}]},
        {"is": "dict", "of": [1]},
        {"is": "range", "of": [1, 2, 0]},
        {"is": "complex", "of": ["__import__('os')"]},
        {**ARRAY, "dtype": "O"},
        {**ARRAY, "dtype": "<U9"},
        {**ARRAY, "shape": [2]},
        {**ARRAY, "order": "Z"},
        {**ARRAY, "part": None},
        {**ARRAY, "is": "scalar", "shape": [3]},
    ],
)
def test_a_forged_message_is_refused(tree):
    with pytest.raises(WireError, match="it sent"):
        decode(tree, [bytes(8)])


@pytest.fixture
def pair():
    one, two = socket.socketpair()
    with one, two:
        yield one, two


def soon():
    return time.monotonic() + 20


def test_a_message_arrives_whole(pair):
    head, parts = {"do": "call", "name": "Hälfte"}, [b"", bytes(10**7), b"z"]
    sender = threading.Thread(target=send, args=(pair[0], head, parts))
    sender.start()
    assert receive(pair[1], soon()) == (head, parts)
    sender.join()


def test_one_message_follows_another(pair):
    for number in range(3):
        send(pair[0], {"number": number}, [bytes([number])])
    assert [receive(pair[1], soon()) for _ in range(3)] == [({"number": n}, [bytes([n])]) for n in range(3)]


def test_a_message_that_is_too_large_is_not_sent_and_not_read(pair):
    most = "at most 64 MB can be handed over, 16 MB beside arrays$"
    with pytest.raises(WireError, match=f"^65 MB, {most}"):
        send(pair[0], {}, [bytes(MAX_BYTES + 2**20)])
    with pytest.raises(WireError, match=f"^17 MB, {most}"):
        send(pair[0], {"a": "z" * (MAX_TEXT + 2**20)})
    pair[0].sendall(HEAD.pack(10, 2**32 - 1))
    with pytest.raises(WireError, match=f"^4096 MB, {most}"):
        receive(pair[1], soon())


@pytest.mark.parametrize(
    "text",
    [
        b"{",
        b"[]",
        b"3",
        b"{}",
        b'{"sizes": 1}',
        b'{"sizes": [1]}',
        b'{"sizes": [-1, 1]}',
        b'{"sizes": [0.5]}',
        b'{"sizes": ["a"]}',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"sizes": [], "a": ' + b"9" * 5000 + b"}",
    ],
)
def test_what_is_no_message_is_refused(pair, text):
    pair[0].sendall(HEAD.pack(len(text), 0) + text)
    with pytest.raises(WireError, match=r"^it sent what is no message$"):
        receive(pair[1], soon())


def test_the_other_side_may_be_gone(pair):
    pair[0].sendall(HEAD.pack(10, 0))
    pair[0].close()
    with pytest.raises(Closed):
        receive(pair[1], soon())
    with pytest.raises(Closed):
        for _ in range(2):
            send(pair[1], {})


def test_the_other_side_may_be_late(pair):
    asked = []
    with pytest.raises(Late, match="did not answer in time"):
        receive(pair[1], time.monotonic() + 0.1, lambda: asked.append(1), every=0.02)
    assert asked
    pair[0].settimeout(0.05)
    with pytest.raises(Late, match="does not read"):
        send(pair[0], {}, [bytes(10**7)])
    pair[1].settimeout(None)


def test_who_waits_may_give_up(pair):
    def give_up():
        raise KeyError("memory")

    with pytest.raises(KeyError, match="memory"):
        receive(pair[1], soon(), give_up, every=0.02)


OWN = type("Odd", (LookupError,), {})
ERRORS = [
    (KeyError("rows"), KeyError),
    (OWN("why"), LookupError),
    (type("Odd", (Exception,), {})("why"), Exception),
    (np.exceptions.AxisError(3, 2), ValueError),
    (np.linalg.LinAlgError("Singular matrix"), np.linalg.LinAlgError),
    (SyntaxError("bad", ("cell", 1, 2, "x")), SyntaxError),
    (UnicodeDecodeError("utf8", b"\xff", 0, 1, "invalid start byte"), ValueError),
    (FileNotFoundError(2, "No such file", "a.txt"), OSError),
    (ExceptionGroup("both", [ValueError()]), Exception),
    (SystemExit(3), RuntimeError),
    (ValueError(), ValueError),
]


@pytest.mark.parametrize("error, base", ERRORS)
def test_a_students_error_is_raised_with_its_name_and_its_text(error, base):
    again = error_of(json.loads(json.dumps(raised(error))))
    assert isinstance(again, base)
    assert type(again).__name__ == type(error).__name__
    assert str(again) == str(error)


def test_an_error_that_cannot_say_its_text_is_told_all_the_same():
    class Silent(Exception):
        def __str__(self):
            raise KeyError

    assert str(error_of(raised(Silent()))) == "no text: KeyError"


def test_the_names_that_a_test_borrows():
    source = """
    import os
    x = np.ones(3)
    def check(f, y):
        z = y
        return f(z) + half(x) + os.sep
    class A:
        w = third
    assert check(mean, 3) == [v for v in x if other(v)] and (lambda u: u + late)(1), f"{text}"
    """
    assert set(names_used(textwrap.dedent(source))) == {"np", "half", "third", "mean", "other", "late", "text"}

"""Mutants of a model answer: its source with one small change each, as a slip of the learner would make it."""

import ast
import contextlib
import copy
import os
import signal
import warnings
from collections.abc import Iterator
from functools import singledispatch

from runner import Assignment

SECONDS, BYTES = 10, 2 * 1024**3  # what grading one mutant may take
CONTEXT = 16  # characters that a name shows on either side of the change, if the code is long

OPERATORS = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.MatMult: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
COMMUTATIVE = (ast.Add, ast.Mult, ast.BitAnd, ast.BitOr)
BOUNDARY = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
OPPOSITE = {
    ast.Lt: ast.GtE,
    ast.LtE: ast.Gt,
    ast.Gt: ast.LtE,
    ast.GtE: ast.Lt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
PAIRS = [
    ("sum", "mean"),
    ("max", "min"),
    ("argmax", "argmin"),
    ("maximum", "minimum"),
    ("any", "all"),
    ("zeros", "ones"),
    ("zeros_like", "ones_like"),
    ("repeat", "tile"),
    ("stack", "concatenate"),
    ("ValueError", "IndexError"),
]
CONFUSED = {a: b for pair in PAIRS for a, b in (pair, pair[::-1])}
FORGOTTEN = set(
    "copy astype exp log sqrt abs tanh sigmoid log_softmax maximum minimum accumulate clip cumsum reversed swapaxes "
    "transpose reshape ravel pad".split()
)
SYMMETRIC = {"maximum", "minimum", "logaddexp", "min", "max", "zip"}
MODULES = {"np", "layers", "recurrent"}


def mutants(source: str) -> dict[str, str]:
    """The source with every single change, by a name that shows it. Docstrings and messages of errors stay."""
    tree = ast.parse(source)
    parameters = [argument.arg for argument in tree.body[0].args.args]
    seen, made = {ast.unparse(tree)}, {}
    for parent, field, index, node, shown in _places(tree, tree):
        for new in (*changes(node), *_misuses(node, parameters)):
            before = ast.unparse(shown)
            _put(parent, field, index, new)
            after, mutant = ast.unparse(new if shown is node else shown), ast.unparse(tree)
            _put(parent, field, index, node)
            if mutant not in seen and _compiles(mutant):
                seen.add(mutant)
                name = f"line {shown.lineno}: {_difference(before, after)}"
                repeated = sum(other == name or other.startswith(f"{name} (") for other in made)
                made[f"{name} ({repeated + 1})" if repeated else name] = mutant
    return made


def keeps_points(notebook: Assignment, task: str, source: str) -> bool:
    """Whether an answer wins, graded in a process of its own: one that does not end, or takes all memory, loses."""
    import resource  # not on Windows, as fork

    child = os.fork()
    if child == 0:
        status = 1
        with contextlib.suppress(BaseException):
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(SECONDS)
            resource.setrlimit(resource.RLIMIT_DATA, (BYTES, BYTES))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            status = int(notebook.grade(task, source).error is not None)
        os._exit(status)
    return os.waitpid(child, 0)[1] == 0


def _places(node: ast.AST, shown: ast.AST) -> Iterator[tuple]:
    """Every node with its parent, field and index there, and the code around it that tells where it stands."""
    for field, value in ast.iter_fields(node):
        children = value if isinstance(value, list) else [value]
        for index, child in enumerate(children):
            if isinstance(child, ast.expr | ast.stmt | ast.keyword | ast.comprehension | ast.arguments):
                around = shown if _says_little(child) else child
                yield node, field, index if isinstance(value, list) else None, child, around
                if not isinstance(child, ast.Raise):
                    yield from _places(child, around)


def _says_little(node: ast.AST) -> bool:
    if isinstance(node, ast.UnaryOp):
        node = node.operand
    return isinstance(node, ast.Constant | ast.Name | ast.Slice | ast.Tuple | ast.arguments | ast.comprehension)


def _put(parent: ast.AST, field: str, index: int | None, node: ast.AST) -> None:
    if index is None:
        setattr(parent, field, node)
    else:
        getattr(parent, field)[index] = node


def _compiles(source: str) -> bool:
    with contextlib.suppress(SyntaxError), warnings.catch_warnings(action="ignore"):
        compile(source, "mutant", "exec")
        return True
    return False


def _difference(before: str, after: str) -> str:
    """`before -> after`, both cut to the surroundings of the change if they are long."""
    before, after = (next((line for line in text.splitlines() if line), "") for text in (before, after))
    if len(before) > 40:
        start = _shared(before, after)
        end = _shared(before[start:][::-1], after[start:][::-1])
        before, after = (_cut(text, start - CONTEXT, len(text) - end + CONTEXT) for text in (before, after))
    return f"{_short(before)} -> {_short(after)}"


def _shared(a: str, b: str) -> int:
    """How many characters two texts share at their beginning."""
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def _cut(text: str, start: int, end: int) -> str:
    return "…" * (start > 0) + text[max(start, 0) : end] + "…" * (end < len(text))


def _short(text: str) -> str:
    return text if len(text) <= 42 else f"{text[:20]}…{text[-21:]}"


def _varied(node: ast.AST, **fields) -> ast.AST:
    """A copy of the node in which some fields are others."""
    new = copy.copy(node)
    for name, value in fields.items():
        setattr(new, name, value)
    return new


def _exchanged(items: list) -> Iterator[list]:
    """The items, each time with two neighbours in each other's place."""
    for i in range(len(items) - 1):
        yield [*items[:i], items[i + 1], items[i], *items[i + 2 :]]


def _shortened(items: list) -> Iterator[list]:
    """The items, each time without one of them."""
    for i in range(len(items)):
        yield items[:i] + items[i + 1 :]


def _plus(node: ast.expr, number: int) -> ast.expr:
    return ast.BinOp(node, ast.Add() if number > 0 else ast.Sub(), ast.Constant(abs(number)))


def _is_transposed(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "T"


def _code(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def _as_float64(node: ast.expr) -> ast.expr:
    return _code(f"({ast.unparse(node)}).astype(float)")


def _misuses(node: ast.AST, parameters: list[str]) -> Iterator[ast.AST]:
    """Another parameter is read in the place of one, or an array that was given is overwritten in the end."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in parameters:
        yield ast.Name(parameters[(parameters.index(node.id) + 1) % len(parameters)])
    elif isinstance(node, ast.Return):
        for name in parameters:
            yield ast.Return(_code(f"(({ast.unparse(node.value)}), {name}.fill(0))[0]"))


@singledispatch
def changes(node: ast.AST) -> Iterator[ast.AST]:
    """What may stand in the place of a node."""
    yield from ()


@changes.register
def _(node: ast.Constant) -> Iterator[ast.AST]:
    if isinstance(node.value, bool):
        yield ast.Constant(not node.value)
    elif isinstance(node.value, int):
        yield from (ast.Constant(node.value + 1), ast.Constant(node.value - 1))
    elif isinstance(node.value, float):
        yield from map(ast.Constant, [1 - node.value] if node.value in (0, 1) else [2 * node.value, -node.value])


@changes.register
def _(node: ast.BinOp) -> Iterator[ast.AST]:
    kind = type(node.op)
    if kind in OPERATORS:
        yield _varied(node, op=OPERATORS[kind]())
    if kind is ast.MatMult:
        for side in ("left", "right"):
            if not _is_transposed(getattr(node, side)):
                yield _varied(node, **{side: ast.Attribute(getattr(node, side), "T")})
    else:
        yield node.left
    if kind in COMMUTATIVE:
        yield node.right
    if kind in (ast.Sub, ast.Div, ast.MatMult):
        yield _varied(node, left=node.right, right=node.left)


@changes.register
def _(node: ast.Compare) -> Iterator[ast.AST]:
    for i, op in enumerate(node.ops):
        for other in (BOUNDARY, OPPOSITE):
            if type(op) in other:
                yield _varied(node, ops=[*node.ops[:i], other[type(op)](), *node.ops[i + 1 :]])
    if len(node.ops) > 1:
        yield _varied(node, ops=node.ops[:-1], comparators=node.comparators[:-1])
        yield _varied(node, left=node.comparators[0], ops=node.ops[1:], comparators=node.comparators[1:])


@changes.register
def _(node: ast.BoolOp) -> Iterator[ast.AST]:
    yield _varied(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
    for values in _shortened(node.values):
        yield _varied(node, values=values) if len(values) > 1 else values[0]


@changes.register
def _(node: ast.UnaryOp) -> Iterator[ast.AST]:
    yield node.operand


@changes.register
def _(node: ast.IfExp) -> Iterator[ast.AST]:
    yield from (node.body, node.orelse)


@changes.register
def _(node: ast.Tuple) -> Iterator[ast.AST]:
    for elements in _exchanged(node.elts):
        yield _varied(node, elts=elements)


@changes.register
def _(node: ast.List) -> Iterator[ast.AST]:
    if len(node.elts) > 1:
        for elements in (*_exchanged(node.elts), *_shortened(node.elts)):
            yield _varied(node, elts=elements)


@changes.register
def _(node: ast.Slice) -> Iterator[ast.AST]:
    bounds = [node.lower, node.upper]
    if any(bounds):
        for name, bound, missing in zip(("lower", "upper"), bounds, (1, -1), strict=True):
            if bound is None:
                yield _varied(node, **{name: ast.Constant(missing)})
            elif not isinstance(bound, ast.Constant):
                yield from (_varied(node, **{name: _plus(bound, number)}) for number in (1, -1))


@changes.register
def _(node: ast.Subscript) -> Iterator[ast.AST]:
    if isinstance(node.slice, ast.Name):
        yield from (_varied(node, slice=_plus(node.slice, number)) for number in (1, -1))
    elif isinstance(node.slice, ast.Tuple):
        for dropped, elements in zip(node.slice.elts, _shortened(node.slice.elts), strict=True):
            if isinstance(dropped, ast.Constant) and dropped.value is None:
                yield _varied(node, slice=ast.Tuple(elements))


@changes.register
def _(node: ast.Attribute) -> Iterator[ast.AST]:
    if node.attr == "T":
        yield node.value
    elif node.attr == "inf":
        yield from (ast.Constant(0), ast.Constant(1e9))


@changes.register
def _(node: ast.comprehension) -> Iterator[ast.AST]:
    for conditions in _shortened(node.ifs):
        yield _varied(node, ifs=conditions)


@changes.register
def _(node: ast.Call) -> Iterator[ast.AST]:
    function, arguments = node.func, node.args
    method = isinstance(function, ast.Attribute) and ast.unparse(function).split(".")[0] not in MODULES
    name = getattr(function, "attr", getattr(function, "id", ""))
    if name in CONFUSED:
        other = {"attr": CONFUSED[name]} if isinstance(function, ast.Attribute) else {"id": CONFUSED[name]}
        yield _varied(node, func=_varied(function, **other))
    if name in FORGOTTEN:
        yield function.value if method else arguments[0]
    if name in ("maximum", "minimum", "where"):
        yield from arguments[1:]
    if name not in SYMMETRIC:
        first = int(name == "where")  # nobody gives the mask in another place
        for exchanged in _exchanged(arguments[first:]):
            yield _varied(node, args=[*arguments[:first], *exchanged])
    for dropped, keywords in zip(node.keywords, _shortened(node.keywords), strict=True):
        if not isinstance(getattr(dropped.value, "value", None), bool):  # those are turned round
            yield _varied(node, keywords=keywords)

    texts = [ast.unparse(argument) for argument in arguments]
    if name == "zeros_like":
        yield _code(f"np.zeros({texts[0]}.shape)")
    elif name == "logaddexp":
        yield _code(f"np.log(np.exp({texts[0]}) + np.exp({texts[1]}))")
    elif name == "log_softmax":
        yield _code(f"np.log(np.exp({texts[0]}) / np.exp({texts[0]}).sum(axis=-1, keepdims=True))")
    elif name == "einsum":
        inputs, output = arguments[0].value.split("->")
        yield _varied(node, args=[ast.Constant(f"{inputs}->{output[::-1]}"), *arguments[1:]])
    elif name == "len":
        yield _code(f"{texts[0]}.shape[1]")
    elif name in ("range", "arange") and len(arguments) == 1:
        yield _varied(node, args=[_plus(arguments[0], -1)])
        yield _varied(node, args=[ast.Constant(1), _plus(arguments[0], int(name == "arange"))])


@changes.register
def _(node: ast.Expr) -> Iterator[ast.AST]:
    if isinstance(node.value, ast.Call):
        yield ast.Pass()
        if ast.unparse(node.value.func) == "np.add.at":
            array, where, values = node.value.args
            yield ast.AugAssign(ast.Subscript(array, where), ast.Add(), values)


@changes.register
def _(node: ast.Assign) -> Iterator[ast.AST]:
    (target,), value = node.targets, node.value
    if isinstance(target, ast.Subscript):
        yield ast.Pass()
    elif isinstance(target, ast.Name) and any(getattr(part, "id", "") == target.id for part in ast.walk(value)):
        yield ast.Pass()
        if isinstance(value, ast.BinOp) and getattr(value.left, "id", "") == target.id:
            yield ast.AugAssign(target, value.op, value.right)


@changes.register
def _(node: ast.AugAssign) -> Iterator[ast.AST]:
    yield from (ast.Pass(), ast.Assign([node.target], node.value, lineno=node.lineno))
    yield _varied(node, op=OPERATORS[type(node.op)]())


@changes.register
def _(node: ast.If) -> Iterator[ast.AST]:
    yield ast.Pass()
    if not isinstance(node.body[0], ast.Raise):
        yield _varied(node, test=ast.Constant(True))


@changes.register
def _(node: ast.Return) -> Iterator[ast.AST]:
    if isinstance(node.value, ast.Tuple):
        values = node.value.elts
        for i, value in enumerate(values):
            yield ast.Return(_varied(node.value, elts=[*values[:i], _as_float64(value), *values[i + 1 :]]))
    else:
        yield ast.Return(_as_float64(node.value))


@changes.register
def _(node: ast.Raise) -> Iterator[ast.AST]:
    yield _varied(node, exc=ast.Call(ast.Name(CONFUSED[node.exc.func.id]), [], []))


@changes.register
def _(node: ast.For) -> Iterator[ast.AST]:
    if isinstance(node.iter, ast.Tuple):
        for elements in _shortened(node.iter.elts):
            yield _varied(node, iter=_varied(node.iter, elts=elements))

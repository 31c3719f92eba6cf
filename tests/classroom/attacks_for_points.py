"""What a submission may do to win points: to what tests are made of, with objects that lie, with errors."""

# What stands in these functions runs as a cell: after attacks.tools, and with their names.
# ruff: noqa: E401, F821, I001

from attacks import called, own


# What the tests are made of, replaced in the kernel


@own()
def replace_numpy():
    """Make NumPy's comparisons say yes."""
    for module, name in [(np, "allclose"), (np, "array_equal"), (np, "isclose"), (np.testing, "assert_allclose")]:
        setattr(module, name, lambda *args, **kwargs: True)


@own(says="tried|ended the kernel")
def replace_builtins():
    """Make the built-in functions say yes."""
    import builtins

    for name in ("all", "any", "isinstance", "callable", "hasattr"):
        setattr(builtins, name, lambda *args: True)


@own()
def replace_assertion():
    """An AssertionError that is none."""
    import builtins

    builtins.AssertionError = type("AssertionError", (Warning,), {"__new__": lambda *args: None})


@own()
def drop_asserts():
    """An AST transformer that drops every assert."""
    import ast

    class Drop(ast.NodeTransformer):
        def visit_Assert(self, node):
            return ast.copy_location(ast.Pass(), node)

    get_ipython().ast_transformers.append(Drop())


@own()
def empty_cells():
    """An input transformer that empties every cell."""
    shell = get_ipython()
    shell.input_transformers_cleanup.append(lambda lines: ["pass\n"])
    shell.input_transformers_post.append(lambda lines: ["pass\n"])


@own()
def run_nothing():
    """A shell that runs nothing and reports success."""
    from IPython.core.interactiveshell import ExecutionResult, InteractiveShell

    InteractiveShell.run_cell = lambda *args, **kwargs: ExecutionResult(None)
    get_ipython().events.register("pre_run_cell", lambda *args: None)


@own()
def replace_machinery():
    """The jail's own modules in this kernel, replaced."""
    import gc
    from classroom.jail import cells, student, tester, wire

    cells.describe = lambda error: None
    cells.Cells.run = lambda *args: {"printed": "", "error": None}
    tester.Tester.call = lambda *args: True
    wire.decode = lambda *args: True
    for each in gc.get_objects():
        if isinstance(each, student.Student):
            each._call = lambda head, parts: ({"result": True}, [])


# Objects that lie


@own(choose_shape="answer_shape = Yes()", mean_columns="mean_columns = Yes()", half_rows="half_rows = lambda x: Yes()")
def eq():
    """An answer that is equal to everything."""

    class Yes:
        __hash__ = None

        def __eq__(self, other):
            return True

        def __bool__(self):
            return True

        def __contains__(self, x):
            return True

        def __getattr__(self, name):
            return Yes()

        def __call__(self, *args):
            return Yes()

        def __len__(self):
            return 3

        def __array__(self, *args, **kwargs):
            return np.array([2.0, 4.0])


@own(choose_shape='answer_shape = Text("A")')
def text_subclass():
    """A text that is equal to everything."""

    class Text(str):
        def __eq__(self, other):
            return True

        def __hash__(self):
            return hash("B")

        def __reduce__(self):
            return str, ("B",)


@own(
    mean_columns="mean_columns = lambda x: Number(1)",
    half_rows="half_rows = lambda x: [Whole(1)]",
    choose_shape="answer_shape = Whole(1)",
)
def number_subclass():
    """Numbers that are equal to everything."""

    class Number(float):
        shape = (2,)

        def __eq__(self, other):
            return True

        def __sub__(self, other):
            return 0.0

        __rsub__ = __sub__

    class Whole(int):
        def __eq__(self, other):
            return True

        def __index__(self):
            return 2


@own(mean_columns="mean_columns = lambda x: np.zeros(2).view(Close)")
def array_subclass():
    """An array that is close to everything."""

    class Close(np.ndarray):
        def __array_ufunc__(self, *args, **kwargs):
            return np.array(True)

        def __array_function__(self, *args, **kwargs):
            return True

        def __eq__(self, other):
            return True

        @property
        def shape(self):
            return (2,)


@own(half_rows="half_rows = lambda x: Long()", mean_columns="mean_columns = lambda x: Box()")
def list_subclass():
    """A list that is as long as one likes."""
    lengths = iter([2, 3] * 1000)

    class Long(list):
        def __len__(self):
            return next(lengths)

        def __iter__(self):
            return iter(())

    class Box(dict):
        def __len__(self):
            return next(lengths)

        def items(self):
            return [("a", 1)]


@own(mean_columns="mean_columns = lambda x: Array()", half_rows="half_rows = lambda x: Array()")
def array_protocol():
    """An object that says it is an array."""

    class Array:
        shape, dtype, ndim, __class__ = (2,), np.dtype(float), 1, np.ndarray

        def __array__(self, *args, **kwargs):
            return np.array([2.0, 4.0])

        def __len__(self):
            return 2


@called()
def masked(x):
    """An array whose wrong numbers are masked."""
    return np.ma.masked_array([9.0, 9.0], mask=True)


@called()
def nan(x):
    """Numbers that are neither right nor wrong."""
    return np.full(x.shape[1], np.nan)


@called()
def empty(x):
    """Right for the visible test, else an array of no numbers, which is close to any."""
    return np.array([2.0, 4.0]) if x[1:].any() and x.max() == 6 else np.empty((0, 2) if len(x) > 1 else 0)


@called()
def broadcast(x):
    """One number, which is stretched to any shape."""
    return np.array([3.0])


@called()
def object_array(x):
    """An array of objects."""
    return np.array([2, 4], dtype=object)


@called()
def in_place(x):
    """Change what was given, that the test expects something else."""
    x[...] = 0
    return np.zeros(x.shape[1])


@called()
def given(x):
    """What was given, as the result."""
    x.fill(1)
    return x


@called()
def given_resized(x):
    """What was given, in another shape."""
    x.resize((1, 4), refcheck=False)
    return x


@called()
def endless(x):
    """A generator without an end."""
    return (number for number in iter(int, 1))


@called()
def itself(x):
    """A list that holds itself."""
    result = []
    result.append(result)
    return result


@called()
def laughs(x):
    """Ten thousand million numbers in a hundred bytes."""
    result = [1.0] * 10
    for _ in range(9):
        result = [result] * 10
    return result


@called(says="nested too deeply")
def deep(x):
    """A list, 100000 deep."""
    result = []
    for _ in range(100_000):
        result = [result]
    return result


@called(says="MemoryError|ended the kernel|GB of memory")
def gigabyte(x):
    """A text of 1 GB."""
    return "x" * (1 << 30)


@called(says="MemoryError|ended the kernel|GB of memory")
def large_array(x):
    """An array of 1 GB."""
    return np.zeros(1 << 27)


@called()
def many_digits(x):
    """A number of a million digits."""
    return 10**1_000_000


@called(before="calls = []")
def counting(x):
    """Another result at each call."""
    calls.append(x)
    return np.array([2.0, 4.0]) if len(calls) < 3 else "no idea"


# Errors that do more than fail


@called(says="no text")
def error_code(x):
    """An error whose text is code that runs."""

    class Error(Exception):
        def __str__(self):
            open("@root@/taken", "w")

    raise Error()


@called(says="TimeIsUp")
def error_endless(x):
    """An error that never finds its text."""

    class Error(Exception):
        def __str__(self):
            while True:
                pass

    raise Error()


@called(says="x{300}")
def error_long(x):
    """An error with a text of 100 MB."""
    raise ValueError("x" * 100_000_000)


@called(says="you won all points")
def error_assertion(x):
    """An AssertionError, named like the tests' own."""

    class AssertionError(BaseException):
        pass

    raise AssertionError("you won all points")


@called(says="tried")
def error_ancestry(x):
    """An error that claims other ancestors."""

    class Claims(type):
        def mro(cls):
            return [*super().mro()]

        @property
        def __mro__(cls):
            return (StopIteration, Exception)

    class Error(Exception, metaclass=Claims):
        pass

    Error.__module__, Error.__qualname__ = "builtins", "StopIteration"
    raise Error("tried")


@called(says="tried")
def error_null(x):
    """An error with a name that is no name."""
    raise type("A b\n", (Exception,), {})("tried")


@called(says="tried")
def stop_iteration(x):
    """An end of a loop, where the test may loop."""
    raise StopIteration("tried")


@called(says="tried")
def generator_exit(x):
    """GeneratorExit."""
    raise GeneratorExit("tried")


@called(says="SystemExit")
def system_exit(x):
    """SystemExit."""
    raise SystemExit(0)


@called(says="tried")
def interrupt(x):
    """KeyboardInterrupt."""
    raise KeyboardInterrupt("tried")


@called(says="tried")
def group(x):
    """A group of errors."""
    raise ExceptionGroup("tried", [ValueError("tried")])


@called(says="ended the kernel", before="calls = []")
def exit_in_call(x):
    """An end of the process in the third call."""
    calls.append(x)
    if len(calls) == 3:
        os._exit(0)
    return np.array([2.0, 4.0])


@own(says="ended the kernel")
def exit():
    """An end of the process, with success."""
    os._exit(0)


@own(says="ended the kernel")
def abort():
    """An abort."""
    os.abort()


@own(says="ended the kernel")
def segfault():
    """A read where nothing is."""
    ctypes.string_at(8)


@own(says="ended the kernel|GB of memory|could not be interrupted|MemoryError")
def recursion():
    """Recursion without an end and without a limit."""
    sys.setrecursionlimit(2**31 - 1)

    def down():
        return [down()]

    down()


@own(says="could not be interrupted")
def replaced():
    """Another program in the kernel's place."""
    os.execv("/usr/bin/sleep", ["sleep", "1000"])


@own()
def fault_handler():
    """A dump of all threads' frames."""
    import faulthandler, tempfile

    with tempfile.TemporaryFile("w+") as file:
        faulthandler.dump_traceback(file, all_threads=True)
        file.seek(0)
        print(file.read())


# Words that do harm where they are shown


@called(says="script")
def words(x):
    """An error in HTML, terminal codes and a formula."""
    terminal = "\x1b]0;title\x07\x1b[2J\x1b[31m\u202e\x00\x9b31m"
    raise ValueError(f"{terminal}<script>alert(1)</script><img src=x onerror=alert(1)>\r\n=cmd|' /C calc'!A0")


@called(says="HYPERLINK")
def words_name(x):
    """An error whose name is a formula."""
    raise type("=HYPERLINK(1)\x1b[31m<b>", (Exception,), {})("@SUM(1)")


@own()
def words_printed():
    """Terminal codes and HTML, printed."""
    print("\x1b]0;title\x07\x1b[2J\x1b[31m\u202e\x00\x9b31m<script>alert(1)</script>\r\n=1+1")

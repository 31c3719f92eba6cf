"""The two kernels of a submission as a test sees them: the student's functions behave as if they were here."""

import textwrap
from pathlib import Path

import pytest

from classroom.jail.execute import Kernels
from classroom.jail.worker import Jail

pytestmark = pytest.mark.slow

SETUP = "import warnings\n\nimport numpy as np"


@pytest.fixture(scope="module")
def jail(jailed):
    jail = Jail(SETUP, Path("nowhere"))
    yield jail
    jail.close()


@pytest.fixture
def said(jail):
    """Runs a cell of the student's and a test: what the test printed, or the name and the text of its error."""
    with Kernels(jail, 20, 9) as kernels:
        kernels.run(SETUP, "setup", released=True)

        def run(source, test):
            assert kernels.run(textwrap.dedent(source), "the cell 'answer'", released=False) == []
            found = []
            for output in kernels.test(textwrap.dedent(test), "the cell 'answer-test'"):
                found += [output.text] if output.output_type == "stream" else [f"{output.ename}: {output.evalue}"]
            return "".join(found).strip()

        yield run


CASES = {
    "an argument that is returned is the test's own": (
        "def f(x): return [x, x[:2], x.copy()]",
        "x = np.arange(3)\none, two, three = f(x)\nprint(one is x, two.tolist(), three is x)",
        "True [0, 1] False",
    ),
    "an argument that is changed is changed": (
        "def f(x, y, *, z): x += 1; y.append(x); z['a'] = y; return None",
        "x, y, z = np.zeros(2), [], {}\nf(x, y, z=z)\nprint(x, y, list(z))",
        "[1. 1.] [array([1., 1.])] ['a']",
    ),
    "an argument is changed before the error": (
        "def f(x): x[0] = 5; raise ValueError('late')",
        "x = [1]\ntry:\n    f(x)\nexcept ValueError as error:\n    print(x, error)",
        "[5] late",
    ),
    "warnings are told": (
        "warnings.simplefilter('ignore')\ndef f(x): warnings.warn('odd', DeprecationWarning); return np.log(x)",
        """
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            f(np.zeros(1))
        print([(issubclass(each.category, base), str(each.message)) for each, base in
            zip(told, (DeprecationWarning, RuntimeWarning))])
        """,
        "[(True, 'odd'), (True, 'divide by zero encountered in log')]",
    ),
    "what NumPy does of an error is the test's choice": (
        "def f(x): return np.log(x)",
        "with np.errstate(all='raise'):\n    f(np.zeros(1))",
        "FloatingPointError: divide by zero encountered in log",
    ),
    "what NumPy does of an error is the student's choice else": (
        "np.seterr(all='raise')\ndef f(x): return np.log(x)",
        "f(np.zeros(1))",
        "FloatingPointError: divide by zero encountered in log",
    ),
    "data is there, and what is none says so": (
        "a, b = [1, {2: (3,)}], object()",
        "print(a)\ntry:\n    b()\nexcept TypeError as error:\n    print(error)",
        "[1, {2: (3,)}]\nb is neither a function nor data: object is no data",
    ),
    "a name that is not there is not defined": ("g = 3", "f", "NameError: name 'f' is not defined"),
    "functions may be anything that is called": (
        "import functools\nclass F:\n    def __call__(self, x): return x + 1\nf, g = F(), functools.partial(max, 3)",
        "print(f(1), g(2), callable(f), f.__name__)",
        "2 3 True f",
    ),
    "the setup's names are the test's own": (
        "np = None\ndef f(): return np is None",
        "print(f(), np.ones(1))",
        "True [1.]",
    ),
    "what a function prints is not the test's": ("def f(): print('loud')", "f()\nprint('test')", "test"),
    "an error keeps its name": (
        "class Odd(LookupError): pass\ndef f(): raise Odd('why')",
        "try:\n    f()\nexcept KeyError:\n    print('no')",
        "Odd: why",
    ),
    "a test that swallows the end of the time does not win": (
        "def f():\n    while True: pass",
        "try:\n    f()\nexcept Exception:\n    pass",
        None,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_students_function_behaves_as_if_it_were_here(said, jail, name):
    source, test, expected = CASES[name]
    if expected is None:
        with Kernels(jail, 1, 9) as kernels:
            kernels.run(source, "the cell 'answer'", released=False)
            (output,) = kernels.test(test, "the cell 'answer-test'")
        assert (output.ename, output.evalue) == ("CellTimeoutError", "took longer than 1 s")
    else:
        assert said(source, test) == expected

"""The numbers of a question, changed: some are given, others follow from them, and the rest stays.

An author writes them into the metadata of the task's reasons, `{"classroom": {"numbers": {...}}}`, each as it is shown:

    "given": {"V": ["50,000", "25,000", "100,000"]}   the first is the one that stands there
    "follows": {"25.6": "4 * V * 128 / 1e6"}          a formula of the given ones' names, `log` and `round`
    "stays": ["4"]
"""

import math
import re
from collections.abc import Callable

from .course import CourseError

NUMBER = re.compile(r"(?<![\w.,])(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?![A-Za-z0-9_])")
FUNCTIONS = {"__builtins__": {}, "log": math.log, "round": round}


def exchange(numbers: dict, pick: Callable[[str, list[str]], str]) -> Callable[[str], str]:
    """A function that changes the numbers in a text. `pick` chooses among the values of a given one, by its name.

    CourseError, also from that function, if a number is not listed, or does not follow as its formula says.
    """
    if set(numbers) != {"given", "follows", "stays"} or min(map(len, numbers["given"].values()), default=0) < 2:
        raise CourseError(f"expected 'given' with two values or more of each, 'follows' and 'stays', got {numbers}")
    given = {name: pick(name, shown) for name, shown in numbers["given"].items()}
    before = {name: value_of(shown[0]) for name, shown in numbers["given"].items()}
    now = {name: value_of(shown) for name, shown in given.items()}
    new = {shown: shown for shown in numbers["stays"]}
    new |= {shown[0]: given[name] for name, shown in numbers["given"].items()}
    for shown, formula in numbers["follows"].items():
        if _show(formula, before, shown) != shown:
            raise CourseError(f"{formula} is {_show(formula, before, shown)}, not {shown}")
        new[shown] = _show(formula, now, shown)

    def other(found: re.Match) -> str:
        if found[0] not in new:
            raise CourseError(f"{found[0]} is neither given, nor does it follow or stay")
        return new[found[0]]

    return lambda text: NUMBER.sub(other, text)


def value_of(shown: str) -> float:
    """The number that is shown."""
    number = shown.replace(",", "")
    return float(number) if "." in number else int(number)


def _show(formula: str, values: dict[str, float], like: str) -> str:
    """What a formula gives, with as many decimals as another number has."""
    value, decimals = eval(formula, FUNCTIONS, values), len(like.partition(".")[2])
    text = f"{value:,.{decimals}f}"
    if not math.isclose(value_of(text), value):
        raise CourseError(f"{formula} is {value:g} with {values}, which {decimals} decimals cannot show")
    return text

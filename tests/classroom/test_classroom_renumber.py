"""The numbers of a question: what follows follows, what stays stays, and what is not listed is named."""

import pytest

from classroom.course import CourseError
from classroom.renumber import exchange, value_of

LISTED = {
    "given": {"V": ["1,000", "30", "4,000"], "rate": ["0.50", "0.25"]},
    "follows": {"500": "V * rate", "0.69": "round(-log(rate), 2)"},
    "stays": ["2"],
}


def changed(text, pick=lambda name, shown: shown[-1], **parts):
    return exchange({**LISTED, **parts}, pick)(text)


def test_what_is_given_and_what_follows_change_and_what_stays_stays():
    text = "V = 1,000, or 1,000². At 0.50: 500, $-\\ln 0.50 = 0.69$ and 2ᵏ of (1,000, 2)."
    assert changed(text) == "V = 4,000, or 4,000². At 0.25: 1,000, $-\\ln 0.25 = 1.39$ and 2ᵏ of (4,000, 2)."
    assert changed(text, lambda name, shown: shown[0]) == text


def test_a_number_has_the_decimals_and_the_commas_of_the_one_whose_place_it_takes():
    assert changed("500", lambda name, shown: shown[1], follows={"500": "V * 0.5"}) == "15"
    assert changed("500", follows={"500": "V * 0.5"}) == "2,000"
    assert changed("500.0", follows={"500.0": "V / 2"}) == "2,000.0"


def test_what_belongs_to_a_name_is_no_number():
    text = "float32, W_2, 2T, x1 and tfrac12"
    assert changed(text, stays=[]) == text


@pytest.mark.parametrize(
    "parts, message",
    [
        ({}, "7 is neither given, nor does it follow or stay"),
        ({"follows": {"501": "V * rate"}}, r"V \* rate is 500, not 501"),
        (
            {"follows": {"0.33": "V / 3000"}},
            "V / 3000 is 0.333333 with {'V': 1000, 'rate': 0.5}, which 2 decimals cannot",
        ),
        ({"follows": {"1": "2 * rate"}}, "2 [*] rate is 0.5 with {'V': 4000, 'rate': 0.25}, which 0 decimals cannot"),
        ({"given": {"V": ["1,000"], "rate": ["0.50", "0.25"]}}, "two values or more of each"),
        ({"given": {}}, "two values or more of each"),
        ({"same": []}, "expected 'given' .*, 'follows' and 'stays', got .*'same'"),
    ],
)
def test_what_is_wrong_with_the_list_is_named(parts, message):
    with pytest.raises(CourseError, match=message):
        changed("7 of 1,000", **parts)


def test_formulas_reach_nothing_else():
    with pytest.raises(NameError):
        changed("500", follows={"500": "open('x')"})


@pytest.mark.parametrize("shown, value", [("1,000", 1000), ("0.5", 0.5), ("12", 12), ("1,228.8", 1228.8)])
def test_a_shown_number_is_read(shown, value):
    assert value_of(shown) == value and type(value_of(shown)) is type(value)

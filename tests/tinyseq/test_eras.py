import re
from datetime import date, timedelta

import numpy as np
import pytest

from tinyseq import datasets
from tinyseq.datasets.eras import FIRST, LAST, in_era


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(1873, 1, 1), ("明治", "M", 6)),
        (date(1912, 7, 29), ("明治", "M", 45)),
        (date(1912, 7, 30), ("大正", "T", 1)),
        (date(1926, 12, 24), ("大正", "T", 15)),
        (date(1926, 12, 25), ("昭和", "S", 1)),
        (date(1989, 1, 7), ("昭和", "S", 64)),
        (date(1989, 1, 8), ("平成", "H", 1)),
        (date(2019, 4, 30), ("平成", "H", 31)),
        (date(2019, 5, 1), ("令和", "R", 1)),
        (date(2030, 12, 31), ("令和", "R", 12)),
    ],
)
def test_an_era_begins_on_its_first_day_with_its_first_year(day, expected):
    assert datasets.era(day) == expected


def test_a_day_before_the_calendar_is_refused():
    with pytest.raises(ValueError, match="day must be 1873-01-01 or later, got 1872-12-31"):
        datasets.era(date(1872, 12, 31))


def test_the_first_year_is_written_in_each_of_its_ways():
    rng = np.random.default_rng(0)
    assert {in_era(date(2019, 5, 1), rng) for _ in range(100)} == {"令和元年5月1日", "令和1年5月1日", "R1.5.1"}
    assert {in_era(date(1985, 1, 2), rng) for _ in range(100)} == {"昭和60年1月2日", "S60.1.2"}


@pytest.fixture(scope="module")
def pairs():
    return datasets.dates(5000, seed=1)


def test_dates_are_distinct_strings_with_a_day_of_the_calendar(pairs):
    assert len({written for written, _ in pairs}) == len(pairs) == 5000
    assert all(FIRST <= date.fromisoformat(iso) <= LAST for _, iso in pairs)
    assert max(len(written) for written, _ in pairs) < 40


def test_dates_in_an_era_say_the_day(pairs):
    starts = {key: start.year for *names, start in datasets.ERAS for key in names}
    eras = [(re.fullmatch(r"(\D+?)(\d+|元)[年.](\d+)[月.](\d+)日?", written), iso) for written, iso in pairs]
    eras = [(found, iso) for found, iso in eras if found and found[1] in starts]
    assert 0.35 < len(eras) / len(pairs) < 0.45
    for found, iso in eras:
        year = starts[found[1]] + (1 if found[2] == "元" else int(found[2])) - 1
        assert iso == f"{year}-{int(found[3]):02}-{int(found[4]):02}"


def test_no_string_stands_for_two_days():
    from babel.dates import format_date

    from tinyseq.datasets.eras import LENGTHS, LOCALES

    meanings = {}
    for n in range(0, (LAST - FIRST).days, 97):
        day = FIRST + timedelta(days=n)
        for locale in LOCALES:
            for length in LENGTHS:
                meanings.setdefault(format_date(day, length, locale=locale), set()).add(day)
    assert {len(days) for days in meanings.values()} == {1}


def test_the_same_seed_gives_the_same_dates_and_another_one_others(pairs):
    assert datasets.dates(5000, seed=1) == pairs != datasets.dates(5000, seed=2)


@pytest.mark.parametrize("share", [0, 1])
def test_the_share_of_eras_is_kept_at_both_ends(share):
    japanese = [written[0] in "明大昭平令MTSHR" for written, _ in datasets.dates(300, share_of_eras=share)]
    names = [
        bool(re.fullmatch(r"[MTSHR]\d+\.\d+\.\d+|(明治|大正|昭和|平成|令和).*", w))
        for w, _ in datasets.dates(300, 0, share)
    ]
    assert all(japanese) if share else not any(names)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"count": 5, "share_of_eras": 1.1}, "share_of_eras must be from 0 to 1, got 1.1"),
        ({"count": 57_711}, "count must be from 0 to 57709?|57710, got 57711"),
        ({"count": -1}, "got -1"),
    ],
)
def test_dates_refuse_what_they_cannot_give(arguments, message):
    with pytest.raises(ValueError, match=message):
        datasets.dates(**arguments)

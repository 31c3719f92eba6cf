"""Dates as people write them, and as ISO 8601."""

from datetime import date, timedelta

import numpy as np

# The first day of each era and its letter. Meiji began in 1868, but Japan counts days as we do only since 1873-01-01
# (edict 337 of Meiji 5). Taisho and Showa by the imperial edicts of their first days, Heisei by cabinet order 1 of
# Showa 64, Reiwa by cabinet order 143 of Heisei 31.
ERAS = [
    ("明治", "M", date(1868, 10, 23)),
    ("大正", "T", date(1912, 7, 30)),
    ("昭和", "S", date(1926, 12, 25)),
    ("平成", "H", date(1989, 1, 8)),
    ("令和", "R", date(2019, 5, 1)),
]
FIRST, LAST = date(1873, 1, 1), date(2030, 12, 31)
LOCALES = ["ja", "ko", "en", "de", "fr", "es"]
LENGTHS = ["full", "long", "medium"]  # the short ones leave open which number is the month


def era(day: date) -> tuple[str, str, int]:
    """The era of a day, its letter, and the year in it: its first year is 1. Raises ValueError before 1873."""
    if day < FIRST:
        raise ValueError(f"day must be {FIRST} or later, got {day}")
    name, letter, start = max((entry for entry in ERAS if entry[2] <= day), key=lambda entry: entry[2])
    return name, letter, day.year - start.year + 1


def in_era(day: date, rng: np.random.Generator) -> str:
    """A day in one of the ways that Japanese forms have it: 令和元年5月1日, 令和1年5月1日 or R1.5.1."""
    name, letter, year = era(day)
    if rng.random() < 0.5:
        return f"{letter}{year}.{day.month}.{day.day}"
    written = "元" if year == 1 and rng.random() < 0.8 else year
    return f"{name}{written}年{day.month}月{day.day}日"


def dates(count: int, seed: int = 0, share_of_eras: float = 0.4) -> list[tuple[str, str]]:
    """Pairs of a date as written and its ISO form, without repeated strings: ("昭和60年1月2日", "1985-01-02").

    Days are drawn from 1873 to 2030; a share of them is written in a Japanese era, the others in the long formats of
    six languages (Unicode CLDR, by way of Babel; Unicode License). The same seed gives the same pairs.
    Raises ValueError for a share outside 0 to 1, and for more pairs than there are days.
    """
    from babel.dates import format_date

    if not 0 <= share_of_eras <= 1:
        raise ValueError(f"share_of_eras must be from 0 to 1, got {share_of_eras}")
    days = (LAST - FIRST).days + 1
    if not 0 <= count <= days:
        raise ValueError(f"count must be from 0 to {days}, got {count}")
    rng, found = np.random.default_rng(seed), {}
    while len(found) < count:
        day = FIRST + timedelta(days=int(rng.integers(days)))
        if rng.random() < share_of_eras:
            written = in_era(day, rng)
        else:
            written = format_date(day, str(rng.choice(LENGTHS)), locale=str(rng.choice(LOCALES)))
        found.setdefault(written, day.isoformat())
    return list(found.items())

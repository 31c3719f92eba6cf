"""What the lessons say of several seeds holds for each seed of the committed studies."""

import json
from pathlib import Path

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def test_training_brings_words_of_like_use_together_whatever_the_seed():
    rows = json.loads((BENCHMARKS / "neighbours.json").read_text(encoding="utf-8"))["rows"]
    assert len({row["seed"] for row in rows}) >= 5
    for row in rows:
        assert abs(row["within_before"] - row["across_before"]) < 0.1
        assert row["within_after"] > row["across_after"] + 0.5
        assert row["test_loss"] < 5.1  # the frequency of words alone gives 5.66

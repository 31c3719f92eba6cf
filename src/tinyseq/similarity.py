"""How alike are two words? The cosine of their vectors, and how far it agrees with people's judgement."""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import spearmanr

from tinyseq.datasets import Judgement


def unit(vectors: np.ndarray) -> np.ndarray:
    """The vectors at length 1 along the last axis; a zero vector stays zero. Shapes: (..., H) -> (..., H)."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, 1)


def cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The cosine of the angle between vectors, along the last axis; 0 with a zero vector. Shapes: (..., H) -> (...)."""
    return (unit(a) * unit(b)).sum(axis=-1)


def nearest(table: np.ndarray, vector: np.ndarray, count: int = 5, exclude: Sequence[int] = ()) -> list[int]:
    """The ids of the rows with the largest cosine to a vector, largest first, without those to exclude.

    Shapes: table (V, H), vector (H,).
    """
    order = np.argsort(-cosine(table, vector), kind="stable")
    return [int(i) for i in order if i not in exclude][:count]


def analogy(table: np.ndarray, a: int, b: int, c: int, count: int = 1) -> list[int]:
    """The ids of the words that are to c what b is to a: the nearest to b - a + c, at unit length, other than these.

    Shapes: table (V, H). Mikolov et al. (2013).
    """
    rows = unit(table)
    return nearest(rows, rows[b] - rows[a] + rows[c], count, exclude=(a, b, c))


def agreement(table: np.ndarray, ids: Mapping[str, int], judgements: Sequence[Judgement]) -> tuple[float, int]:
    """Spearman's rank correlation of the cosines with the judgements, and the number of pairs it rests on.

    A pair counts when both words have an id. Shapes: table (V, H). Raises ValueError when fewer than two pairs count.
    """
    known = [judged for judged in judgements if judged.first in ids and judged.second in ids]
    if len(known) < 2:
        raise ValueError(f"ids must hold both words of at least two judgements, got {len(known)}")
    first = table[[ids[judged.first] for judged in known]]
    second = table[[ids[judged.second] for judged in known]]
    return float(spearmanr(cosine(first, second), [judged.score for judged in known]).statistic), len(known)

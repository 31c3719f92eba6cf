"""From a model that scores the next token to whole sequences: greedy, by drawing, and by beam search.

A model is given as its step: `scores, states = step(ids, states)` reads one more token in each of N sequences. ids (N,)
are the tokens before, states a tuple of arrays whose first axis is N, scores (N, V). A sequence starts with BOS and
ends with EOS, neither of which is returned; one that never says EOS is cut after `longest` tokens.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tinyseq.layers import log_softmax

States = tuple[np.ndarray, ...]
Step = Callable[[np.ndarray, States], tuple[np.ndarray, States]]


class Hypothesis(NamedTuple):
    """A sequence that beam search found, and the logarithm of its probability, EOS included."""

    ids: list[int]
    log_p: float


def greedy(step: Step, states: States, bos: int, eos: int, longest: int) -> list[list[int]]:
    """The sequences that take the most probable token at every step: N lists of ids."""
    return _one_by_one(step, states, bos, eos, longest, lambda scores: scores.argmax(axis=1))


def sample(
    step: Step,
    states: States,
    bos: int,
    eos: int,
    longest: int,
    rng: np.random.Generator,
    temperature: float = 1.0,
) -> list[list[int]]:
    """Sequences whose tokens are drawn from softmax(scores / temperature): N lists of ids.

    Raises ValueError for a temperature that is not above 0.
    """
    if not temperature > 0:
        raise ValueError(f"temperature must be above 0, got {temperature}")

    def draw(scores: np.ndarray) -> np.ndarray:
        # The largest of scores + Gumbel noise is a draw from their softmax.
        return (scores / temperature + rng.gumbel(size=scores.shape)).argmax(axis=1)

    return _one_by_one(step, states, bos, eos, longest, draw)


def beam(
    step: Step, states: States, bos: int, eos: int, longest: int, width: int, alpha: float = 0.0
) -> list[list[Hypothesis]]:
    """For each of N sequences the `width` best that beam search finds, the best first.

    They are ordered by log_p / length ** alpha, the length with EOS: alpha 0 compares probabilities, which favours
    short sequences, alpha 1 their mean per token. While searching, probabilities are compared. Width 1 is greedy.
    Fewer than `width` come back where fewer exist. Sutskever et al. (2014). Raises ValueError for a width below 1.
    """
    if width < 1:
        raise ValueError(f"width must be at least 1, got {width}")
    N = _count(states, longest)
    states = tuple(np.repeat(state, width, axis=0) for state in states)  # (N width, ...)
    log_p = np.tile([0.0] + [-np.inf] * (width - 1), (N, 1))  # (N, width): at first all are the same sequence
    ids, done = np.full((N, width, 1), bos), np.zeros((N, width), bool)
    for _ in range(longest):
        scores, states = step(ids[:, :, -1].ravel(), states)
        following = log_softmax(scores).reshape(N, width, -1)  # (N, width, V)
        following[done] = np.where(np.arange(following.shape[2]) == eos, 0, -np.inf)  # it stays as it is
        total = (log_p[:, :, None] + following).reshape(N, -1)  # (N, width V)
        best = np.argsort(-total, axis=1, kind="stable")[:, :width]
        parent, token = np.divmod(best, following.shape[2])  # (N, width) each
        log_p = np.take_along_axis(total, best, axis=1)
        ids = np.concatenate([np.take_along_axis(ids, parent[:, :, None], axis=1), token[:, :, None]], axis=2)
        done = np.take_along_axis(done, parent, axis=1) | (token == eos)
        rows = (np.arange(N)[:, None] * width + parent).ravel()
        states = tuple(state[rows] for state in states)
        if done.all():
            break
    found = []
    for row, row_log_p in zip(ids[:, :, 1:], log_p, strict=True):
        lengths = (row != eos).sum(axis=1) + (row == eos).any(axis=1)
        order = np.argsort(-row_log_p / lengths**alpha, kind="stable")
        found.append([Hypothesis(_before(eos, row[k]), float(row_log_p[k])) for k in order if row_log_p[k] > -np.inf])
    return found


def _one_by_one(step, states, bos, eos, longest, choose) -> list[list[int]]:
    N = _count(states, longest)
    ids, done, said = np.full(N, bos), np.zeros(N, bool), []
    for _ in range(longest):
        scores, states = step(ids, states)
        ids = choose(np.asarray(scores))
        said.append(ids)
        done |= ids == eos
        if done.all():
            break
    return [_before(eos, row) for row in np.stack(said, axis=1)]


def _count(states: States, longest: int) -> int:
    """The number of sequences. Raises ValueError where the states do not agree on it, or longest is below 1."""
    counts = {len(state) for state in states}
    if len(counts) != 1:
        raise ValueError(f"states must be arrays whose first axis is the same, got {[np.shape(s) for s in states]}")
    if longest < 1:
        raise ValueError(f"longest must be at least 1, got {longest}")
    return counts.pop()


def _before(eos: int, ids: np.ndarray) -> list[int]:
    ends = np.flatnonzero(ids == eos)
    return ids[: ends[0] if len(ends) else None].tolist()

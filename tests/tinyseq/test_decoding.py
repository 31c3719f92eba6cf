from itertools import product

import numpy as np
import pytest

from tinyseq.decoding import beam, greedy, sample
from tinyseq.layers import log_softmax, softmax

BOS, EOS, V = 2, 3, 6
rng = np.random.default_rng(5)


def chain(scores):
    """A model whose next token depends on the token before and on a number that it carries along: scores (N, V, V)."""

    def step(ids, states):
        (table,) = states
        return table[np.arange(len(ids)), ids], (table,)

    return step, (np.asarray(scores, float),)


def always(*tokens):
    """N models, each of which says its token for ever."""
    scores = np.zeros((len(tokens), V, V))
    scores[np.arange(len(tokens)), :, tokens] = 5
    return chain(scores)


def path(*tokens):
    """A model that says these tokens, each following the one before."""
    scores = np.zeros((1, V, V))
    for before, after in zip((BOS, *tokens), tokens, strict=False):
        scores[0, before, after] = 5
    return chain(scores)


def log_probability(table, ids):
    steps = zip((BOS, *ids), ids, strict=False)
    return sum(log_softmax(table[before])[after] for before, after in steps)


def everything(table, longest):
    """Every sequence that ends with EOS or is cut, with its probability."""
    found = {}
    for length in range(longest + 1):
        for ids in product([i for i in range(V) if i != EOS], repeat=length):
            said = (*ids, EOS) if length < longest else ids
            found[ids] = (log_probability(table, said), len(said))
    return found


def test_greedy_says_the_most_probable_token_until_eos():
    step, states = path(4, 5, 1, EOS)
    assert greedy(step, states, BOS, EOS, 10) == [[4, 5, 1]]


def test_a_decoder_that_says_eos_at_once_says_nothing():
    assert greedy(*path(EOS), BOS, EOS, 10) == [[]]
    assert beam(*path(EOS), BOS, EOS, 10, width=1)[0][0].ids == []


@pytest.mark.parametrize("longest", [1, 4])
def test_a_decoder_that_never_says_eos_is_cut(longest):
    step, states = always(4)
    assert greedy(step, states, BOS, EOS, longest) == [[4] * longest]
    assert beam(step, states, BOS, EOS, longest, width=1)[0][0].ids == [4] * longest
    never = np.zeros((1, V, V))
    never[:, :, EOS] = -np.inf
    assert len(sample(*chain(never), BOS, EOS, longest, np.random.default_rng(0))[0]) == longest


def test_each_sequence_of_a_batch_ends_for_itself():
    scores = np.concatenate([path(4, EOS)[1][0], path(1, 4, 5, EOS)[1][0], path(EOS)[1][0]])
    assert greedy(*chain(scores), BOS, EOS, 9) == [[4], [1, 4, 5], []]
    assert [best[0].ids for best in beam(*chain(scores), BOS, EOS, 9, width=2)] == [[4], [1, 4, 5], []]


@pytest.mark.parametrize("decode", [greedy, lambda *arguments: beam(*arguments, width=1)])
def test_decoding_stops_when_all_sequences_have_ended(decode):
    step, states = chain(np.concatenate([path(4, EOS)[1][0], path(EOS)[1][0]]))
    calls = []
    decode(lambda ids, states: (calls.append(ids), step(ids, states))[1], states, BOS, EOS, 9)
    assert len(calls) == 2


def test_drawn_tokens_have_the_probabilities_of_softmax():
    scores = rng.normal(size=(1, V, V))
    scores[:, :, EOS] = -np.inf
    step, states = chain(np.repeat(scores, 40_000, axis=0))
    for temperature in (1.0, 0.5):
        drawn = sample(step, states, BOS, EOS, 1, np.random.default_rng(0), temperature)
        shares = np.bincount(np.ravel(drawn), minlength=V) / len(drawn)
        np.testing.assert_allclose(shares, softmax(scores[0, BOS] / temperature), atol=0.01)


def test_drawing_at_a_low_temperature_is_greedy_and_a_seed_repeats_it():
    step, states = chain(rng.normal(size=(20, V, V)))
    assert sample(step, states, BOS, EOS, 6, rng, 1e-6) == greedy(step, states, BOS, EOS, 6)
    one, two = (sample(step, states, BOS, EOS, 6, np.random.default_rng(1)) for _ in range(2))
    assert one == two


@pytest.mark.parametrize("seed", range(5))
def test_a_beam_of_one_is_greedy(seed):
    step, states = chain(np.random.default_rng(seed).normal(size=(4, V, V)) * 2)
    beams = beam(step, states, BOS, EOS, 6, width=1)
    assert [best.ids for (best,) in beams] == greedy(step, states, BOS, EOS, 6)


@pytest.mark.parametrize("alpha", [0, 1])
def test_a_beam_wide_enough_finds_all_sequences_in_order(alpha):
    table = rng.normal(size=(V, V))
    possible = everything(table, longest=3)
    found = beam(*chain(table[None]), BOS, EOS, 3, width=len(possible), alpha=alpha)[0]
    assert {tuple(ids) for ids, _ in found} == set(possible)
    for ids, log_p in found:
        assert log_p == pytest.approx(possible[tuple(ids)][0])
    ranks = [possible[tuple(ids)][0] / possible[tuple(ids)][1] ** alpha for ids, _ in found]
    assert ranks == sorted(ranks, reverse=True)
    assert np.exp([log_p for _, log_p in found]).sum() == pytest.approx(1)


def test_fewer_come_back_where_fewer_exist():
    only = np.zeros((1, V, V))
    only[0, [BOS, 4]] = -np.inf
    only[0, BOS, 4] = only[0, 4, EOS] = 0
    assert beam(*chain(only), BOS, EOS, 5, width=4) == [[([4], 0.0)]]


def test_a_beam_finds_what_greedy_misses():
    table = np.zeros((V, V))
    table[[BOS, 4, 5]] = -np.inf
    table[BOS, [4, 5]] = np.log([0.6, 0.4])  # greedy takes 4, whose followers are all unsure
    table[4, [0, 1, 4]] = table[4, [EOS, 5, 4]] = np.log(0.2)
    table[5, EOS] = 0
    step, states = chain(table[None])
    assert greedy(step, states, BOS, EOS, 3)[0][0] == 4
    assert beam(step, states, BOS, EOS, 3, width=2)[0][0] == ([5], pytest.approx(np.log(0.4)))


def test_alpha_1_prefers_the_longer_sequence_of_surer_tokens():
    table = np.zeros((V, V))
    table[[BOS, 4, 5]] = -np.inf
    table[BOS, [EOS, 4]] = np.log([0.5, 0.5])
    table[4, [5, EOS]] = np.log([0.9, 0.1])
    table[5, EOS] = 0
    for alpha, best in ((0, []), (1, [4, 5])):
        assert beam(*chain(table[None]), BOS, EOS, 4, width=3, alpha=alpha)[0][0].ids == best


def test_beams_take_their_own_states_along():
    """The state is the sum of the tokens; the fourth token is this sum modulo 3."""

    def step(ids, states):
        total, t = states
        total = total + np.where(ids == BOS, 0, ids)
        scores = np.where(t[:, None] < 2, np.log([0.2, 0.3, 1e-9, 1e-9, 0.25, 0.25]), -50)
        scores = np.where(t[:, None] == 2, np.where(np.arange(V) == (total % 2)[:, None], 0, -50), scores)
        scores = np.where(t[:, None] == 3, np.where(np.arange(V) == EOS, 0, -50), scores)
        return scores, (total, t + 1)

    for ids, _ in beam(step, (np.zeros(1, int), np.zeros(1, int)), BOS, EOS, 5, width=4)[0]:
        assert len(ids) == 3 and ids[2] == sum(ids[:2]) % 2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda step, states: beam(step, states, BOS, EOS, 3, width=0), "width must be at least 1, got 0"),
        (lambda step, states: greedy(step, states, BOS, EOS, 0), "longest must be at least 1, got 0"),
        (lambda step, states: beam(step, states, BOS, EOS, 0, 2), "longest must be at least 1, got 0"),
        (lambda step, states: sample(step, states, BOS, EOS, 3, rng, 0), "temperature must be above 0, got 0"),
        (lambda step, states: greedy(step, (), BOS, EOS, 3), "states must be arrays whose first axis"),
        (lambda step, states: greedy(step, (*states, np.zeros(7)), BOS, EOS, 3), r"got \[\(1, 6, 6\), \(7,\)\]"),
    ],
)
def test_what_cannot_be_decoded_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(*always(4))

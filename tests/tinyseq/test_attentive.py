import numpy as np
import pytest

import tinyseq  # noqa: F401  before Keras
from tinyseq import gradcheck
from tinyseq.attention import AdditiveAttention, DotProductAttention
from tinyseq.attentive import AttentiveSeq2Seq, BahdanauDecoder, LuongDecoder
from tinyseq.decoding import beam, greedy
from tinyseq.layers import Dense, Embedding, SoftmaxCrossEntropy, softmax
from tinyseq.optimizers import Adam
from tinyseq.recurrent import GRU, LSTM, RNN, Bidirectional
from tinyseq.seq2seq import Encoder, shifted
from tinyseq.text import pad

CELLS, V, D, H = [RNN, LSTM, GRU], 7, 3, 4
rng = np.random.default_rng(17)
SHAPES = [(3, 5, 4), (1, 1, 1), (2, 1, 3), (4, 3, 1)]  # B, Ts, T
KINDS = ["luong", "luong, scaled", "bahdanau"]


def random(layer):
    for weight in layer.params.values():
        weight[...] = rng.normal(size=weight.shape) / 2
    return layer


def decoder(kind, cell, D=D, H=H, V=V, rng=rng):
    embedding = Embedding.fresh(rng, V, D)
    if kind == "bahdanau":
        attention = AdditiveAttention.fresh(rng, H, H, 5)
        return BahdanauDecoder(embedding, cell.fresh(rng, D + H, H), attention, Dense.fresh(rng, 2 * H, V))
    attention = DotProductAttention(scaled=kind == "luong, scaled")
    joined = Dense.fresh(rng, 2 * H, 6)
    return LuongDecoder(embedding, cell.fresh(rng, D, H), attention, joined, Dense.fresh(rng, 6, V))


def model(kind, cell, both=False, D=D, H=H, V=V, rng=rng):
    if both:
        reader = Bidirectional(cell.fresh(rng, D, H // 2), cell.fresh(rng, D, H // 2))
    else:
        reader = cell.fresh(rng, D, H)
    return AttentiveSeq2Seq(Encoder(Embedding.fresh(rng, V, D), reader), decoder(kind, cell, D, H, V, rng))


def source(B, T):
    ids = rng.integers(1, V, size=(B, T))
    ids[np.arange(T) >= rng.integers(1, T + 1, size=(B, 1))] = 0
    return ids


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_of_the_decoders_are_true(kind, cell, shape):
    B, Ts, T = shape
    states = [rng.normal(size=(B, H)) for _ in range(cell.STATES)]
    mask = source(B, Ts) != 0
    errors = gradcheck.check(
        random(decoder(kind, cell)), rng.integers(V, size=(B, T)), rng.normal(size=(B, Ts, H)), mask, *states
    )
    assert max(errors.values()) < 1e-6


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_of_encoder_and_decoder_are_true(kind, cell, both):
    errors = gradcheck.check(random(model(kind, cell, both)), source(3, 5), rng.integers(V, size=(3, 4)))
    assert max(errors.values()) < 1e-6


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("kind", KINDS)
def test_step_by_step_is_the_same_as_at_once(kind, cell, both):
    whole, ids, inputs = random(model(kind, cell, both)), source(3, 5), rng.integers(V, size=(3, 6))
    states, found = whole.start(ids), []
    for t in range(6):
        scores, states = whole.step(inputs[:, t], states)
        found.append(scores)
    expected, weights = whole(ids, inputs)
    np.testing.assert_allclose(np.stack(found, axis=1), expected, atol=1e-12)
    np.testing.assert_allclose(weights.sum(axis=2), 1)
    assert not (weights * (ids == 0)[:, None]).any()


@pytest.mark.parametrize("kind", KINDS)
def test_padding_of_the_source_changes_nothing(kind):
    whole, ids, inputs = random(model(kind, GRU)), rng.integers(1, V, size=(2, 3)), rng.integers(V, size=(2, 4))
    padded = np.pad(ids, ((0, 0), (0, 5)))
    np.testing.assert_allclose(whole(padded, inputs)[0], whole(ids, inputs)[0], atol=1e-12)


def test_the_bahdanau_decoder_is_its_formula():
    """e = v tanh(s W + h U), the state before the step as query: one sequence, one step at a time."""
    layer, ids = random(decoder("bahdanau", GRU)), np.array([[2, 5, 1]])
    memory, s = rng.normal(size=(1, 4, H)), rng.normal(size=(1, H))
    mask = np.array([[True, True, True, False]])
    scores, weights, final = layer(ids, memory, mask, s)
    W, U, v = layer.parts["attention"].params.values()
    table, gru, dense = (layer.parts[name] for name in ("embedding", "recurrent", "dense"))
    for t, i in enumerate(ids[0]):
        alpha = softmax(np.array([np.tanh(s[0] @ W + h @ U) @ v for h in memory[0, :3]]))
        found = alpha @ memory[0, :3]
        _, s = gru(np.concatenate([table(i), found])[None, None], None, s)
        np.testing.assert_allclose(weights[0, t, :3], alpha)
        np.testing.assert_allclose(scores[0, t], dense(np.concatenate([s[0], found])))
    np.testing.assert_allclose(final, s)


def test_the_luong_decoder_is_its_formula():
    layer, ids = random(decoder("luong", GRU)), np.array([[2, 5, 1]])
    memory, s = rng.normal(size=(1, 4, H)), rng.normal(size=(1, H))
    scores, weights, _ = layer(ids, memory, np.ones((1, 4), bool), s)
    table, gru, _, joined, dense = layer.parts.values()
    for t, i in enumerate(ids[0]):
        _, s = gru(table(i)[None, None], None, s)
        alpha = softmax(memory[0] @ s[0])
        np.testing.assert_allclose(weights[0, t], alpha)
        join = np.tanh(joined(np.concatenate([alpha @ memory[0], s[0]])))
        np.testing.assert_allclose(scores[0, t], dense(join))


@pytest.mark.parametrize("kind", ["luong", "bahdanau"])
def test_it_learns_to_reverse(kind):
    draw = np.random.default_rng(0)
    sequences = {tuple(draw.integers(4, 9, size=draw.integers(2, 6))) for _ in range(900)}
    sequences = [list(map(int, each)) for each in sorted(sequences)]
    draw.shuffle(sequences)
    known, new = sequences[:-60], sequences[-60:]
    whole = model(kind, GRU, True, D=8, H=32, V=9, rng=draw)
    criterion, optimizer = SoftmaxCrossEntropy(), Adam([whole], 0.01)
    for _ in range(25):
        for rows in np.array_split(draw.permutation(len(known)), 12):
            inputs, targets = shifted([known[r][::-1] for r in rows], 2, 3)
            scores, _ = whole.forward(pad([known[r] for r in rows]), inputs)
            criterion.forward(scores, targets, targets != 0)
            whole.backward(criterion.backward(1.0))
            optimizer.step()
    said = greedy(whole.step, whole.start(pad(new)), 2, 3, 10)
    assert np.mean([ids == each[::-1] for ids, each in zip(said, new, strict=True)]) > 0.8
    assert [best.ids for (best,) in beam(whole.step, whole.start(pad(new)), 2, 3, 10, width=1)] == said


def test_an_empty_memory_is_looked_at_without_an_error():
    whole = random(model("luong", GRU))
    scores, weights = whole(np.zeros((2, 3), int), np.array([[2], [2]]))
    assert np.isfinite(scores).all() and not weights.any()


def test_a_mask_that_does_not_fit_is_named():
    layer = random(decoder("luong", GRU))
    with pytest.raises(ValueError, match=r"mask must have the shape \(1, 2, 4\), .* got \(1, 1, 3\)"):
        layer(np.array([[2, 3]]), rng.normal(size=(1, 4, H)), np.ones((1, 3), bool), rng.normal(size=(1, H)))

import numpy as np
import pytest

import tinyseq  # noqa: F401  before Keras
from tinyseq import gradcheck
from tinyseq.attention import MultiHeadAttention, causal_mask, padding_mask
from tinyseq.decoding import greedy
from tinyseq.layers import Dense, Embedding, SoftmaxCrossEntropy
from tinyseq.optimizers import Adam
from tinyseq.seq2seq import shifted
from tinyseq.text import pad
from tinyseq.transformer import DecoderBlock, EncoderBlock, FeedForward, LayerNormalization, Transformer, positions

D, N, F = 4, 2, 5
rng = np.random.default_rng(19)


@pytest.fixture(scope="module")
def keras():
    import keras

    keras.config.set_dtype_policy("float64")
    yield keras
    keras.config.set_dtype_policy("float32")


def random(layer):
    for weight in layer.params.values():
        weight[...] = rng.normal(size=weight.shape) / 2
    return layer


def moved(layer):
    """Fresh weights, each a little off: gradients of all sizes stay far above rounding, also behind several blocks."""
    for weight in layer.params.values():
        weight += rng.normal(size=weight.shape) / 5
    return layer


def transformer(blocks=2, V=7, D=D, N=N, F=F, rng=rng):
    encoder = [EncoderBlock.fresh(rng, D, N, F) for _ in range(blocks)]
    decoder = [DecoderBlock.fresh(rng, D, N, F) for _ in range(blocks)]
    return Transformer(Embedding.fresh(rng, V, D), encoder, Embedding.fresh(rng, V, D), decoder, Dense.fresh(rng, D, V))


def ids(B, T, V=7):
    found = rng.integers(1, V, size=(B, T))
    found[np.arange(T) >= rng.integers(1, T + 1, size=(B, 1))] = 0
    return found


def test_positions_are_sines_and_cosines():
    found = positions(50, 6)
    assert found.shape == (50, 6)
    for t, i in ((0, 0), (7, 1), (49, 2)):
        angle = t / 10_000 ** (2 * i / 6)
        np.testing.assert_allclose(found[t, 2 * i : 2 * i + 2], [np.sin(angle), np.cos(angle)])


def test_positions_k_apart_are_related_by_a_rotation_that_does_not_depend_on_the_place():
    found = positions(40, 8)
    products = np.array([found[t] @ found[t + 5] for t in range(35)])
    np.testing.assert_allclose(products, products[0])


def test_positions_need_an_even_size():
    with pytest.raises(ValueError, match="D must be even, got 5"):
        positions(3, 5)


@pytest.mark.parametrize("shape", [(2, 3, 4), (1, 4), (1, 1, 4), (3, 1, 2, 4)])
def test_layer_normalization_is_true_and_equals_keras(keras, shape):
    layer, x = random(LayerNormalization.fresh(4)), rng.normal(size=shape)
    assert max(gradcheck.check(layer, x).values()) < 1e-6
    theirs = keras.layers.LayerNormalization()
    theirs.build(shape)
    theirs.set_weights(list(layer.params.values()))
    np.testing.assert_allclose(layer(x), theirs(x), atol=1e-10)
    plain = LayerNormalization.fresh(4)(1000 * x)
    np.testing.assert_allclose(plain.mean(axis=-1), 0, atol=1e-9)
    np.testing.assert_allclose(plain.std(axis=-1), 1, atol=1e-4)


def test_gradients_of_feed_forward_are_true():
    assert max(gradcheck.check(random(FeedForward.fresh(rng, D, F)), rng.normal(size=(2, 3, D))).values()) < 1e-6


MASKS = {"none": None, "padding": padding_mask(np.arange(3) < np.array([[3], [1]])), "causal": causal_mask(3)}


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
def test_gradients_of_the_encoder_block_are_true(mask):
    block = moved(EncoderBlock.fresh(rng, D, N, F))
    assert max(gradcheck.check(block, rng.normal(size=(2, 3, D)), mask).values()) < 1e-6


@pytest.mark.parametrize("mask", [None, MASKS["padding"]])
@pytest.mark.parametrize("T", [1, 4])
def test_gradients_of_the_decoder_block_are_true(mask, T):
    block = moved(DecoderBlock.fresh(rng, D, N, F))
    y, memory = rng.normal(size=(2, T, D)), rng.normal(size=(2, 3, D))
    assert max(gradcheck.check(block, y, memory, mask).values()) < 1e-6


@pytest.mark.parametrize("blocks", [1, 2])
def test_gradients_of_the_transformer_are_true(blocks):
    errors = gradcheck.check(moved(transformer(blocks)), ids(3, 4), rng.integers(7, size=(3, 3)))
    assert max(errors.values()) < 1e-6


def keras_block(keras, block, x, memory=None, mask=None):
    """The same block of Keras's layers with the same weights; memory makes it a decoder block."""

    def attend(attention, query, value, **more):
        layer = keras.layers.MultiHeadAttention(N, D // N)
        layer.build(query.shape, value.shape)
        layer.set_weights(list(attention.params.values()))
        return layer(query, value, **more)

    def norm(layer, x):
        theirs = keras.layers.LayerNormalization()
        theirs.build(x.shape)
        theirs.set_weights(list(layer.params.values()))
        return theirs(x)

    parts = block.parts
    if memory is None:
        x = norm(parts["attention_norm"], x + attend(parts["attention"], x, x, attention_mask=mask))
    else:
        x = norm(parts["attention_norm"], x + attend(parts["attention"], x, x, use_causal_mask=True))
        found = attend(parts["source_attention"], x, memory, attention_mask=mask)
        x = norm(parts["source_norm"], x + found)
    inner, outer = parts["feed_forward"].parts.values()
    hidden = keras.ops.relu(x @ inner.params["W"] + inner.params["b"])
    return norm(parts["feed_forward_norm"], x + hidden @ outer.params["W"] + outer.params["b"])


def test_blocks_equal_keras(keras):
    # Heads of size 4: Keras rounds 1 / sqrt(d) to float32, which is exact there.
    global D
    D, before = 8, D
    try:
        real = np.arange(5) < np.array([[5], [2], [1]])
        mask = np.broadcast_to(padding_mask(real), (3, 5, 5))
        x, memory = rng.normal(size=(3, 5, D)), rng.normal(size=(3, 5, D))
        for block, inputs in (
            (random(EncoderBlock.fresh(rng, D, N, F)), (x,)),
            (random(DecoderBlock.fresh(rng, D, N, F)), (x, memory)),
        ):
            ours, _ = block(*inputs, padding_mask(real))
            np.testing.assert_allclose(ours, keras_block(keras, block, *inputs, mask=mask), atol=1e-9)
    finally:
        D = before


def test_step_by_step_is_the_same_as_at_once():
    whole, source, inputs = random(transformer()), ids(3, 5), rng.integers(7, size=(3, 6))
    states, found = whole.start(source), []
    for t in range(6):
        scores, states = whole.step(inputs[:, t], states)
        found.append(scores)
    np.testing.assert_allclose(np.stack(found, axis=1), whole(source, inputs)[0], atol=1e-10)


def test_padding_of_the_source_and_later_tokens_change_nothing():
    whole, source, inputs = random(transformer()), rng.integers(1, 7, size=(2, 3)), rng.integers(7, size=(2, 4))
    expected, _ = whole(source, inputs)
    np.testing.assert_allclose(whole(np.pad(source, ((0, 0), (0, 4))), inputs)[0], expected, atol=1e-10)
    changed = inputs.copy()
    changed[:, 2:] = 6
    np.testing.assert_allclose(whole(source, changed)[0][:, :2], expected[:, :2], atol=1e-10)


def test_without_positions_the_order_of_the_source_is_lost_and_with_them_it_is_not():
    block, x = random(EncoderBlock.fresh(rng, D, N, F)), rng.normal(size=(1, 5, D))
    order = rng.permutation(5)
    np.testing.assert_allclose(block(x[:, order])[0], block(x)[0][:, order])
    whole, source, inputs = random(transformer()), np.array([[1, 2, 3, 4, 5]]), np.array([[2, 3]])
    assert np.abs(whole(source, inputs)[0] - whole(source[:, ::-1], inputs)[0]).max() > 1e-3


def test_it_learns_to_reverse():
    draw = np.random.default_rng(0)
    sequences = sorted({tuple(draw.integers(4, 9, size=draw.integers(1, 5))) for _ in range(900)})
    sequences = [list(map(int, each)) for each in sequences]
    draw.shuffle(sequences)
    known, new = sequences[:-60], sequences[-60:]
    whole, criterion = transformer(1, V=9, D=32, N=4, F=64, rng=draw), SoftmaxCrossEntropy()
    optimizer = Adam([whole], 0.003)
    for _ in range(50):
        for rows in np.array_split(draw.permutation(len(known)), 12):
            inputs, targets = shifted([known[r][::-1] for r in rows], 2, 3)
            criterion.forward(whole.forward(pad([known[r] for r in rows]), inputs)[0], targets, targets != 0)
            whole.backward(criterion.backward(1.0))
            optimizer.step()
    said = greedy(whole.step, whole.start(pad(new)), 2, 3, 10)
    assert np.mean([out == each[::-1] for out, each in zip(said, new, strict=True)]) > 0.8


def test_heads_that_do_not_divide_are_refused():
    with pytest.raises(ValueError, match="N must divide D = 6, got 4"):
        MultiHeadAttention.fresh(rng, 6, 4)
    with pytest.raises(ValueError, match="N must divide D = 6, got 0"):
        EncoderBlock.fresh(rng, 6, 0, 3)


def test_weights_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match=r"gamma and beta must have the shape \(D,\), got \(3,\) and \(4,\)"):
        LayerNormalization(np.ones(3), np.zeros(4))
    with pytest.raises(ValueError, match=r"x must have the shape \(..., 3\), got \(2, 4\)"):
        LayerNormalization.fresh(3)(np.ones((2, 4)))

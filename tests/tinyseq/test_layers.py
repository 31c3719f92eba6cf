import numpy as np
import pytest

import tinyseq  # noqa: F401  before Keras
from tinyseq import gradcheck
from tinyseq.layers import Dense, Embedding, SoftmaxCrossEntropy, log_softmax, scatter_add, softmax

rng = np.random.default_rng(7)
SHAPES = [(1,), (1, 1), (2, 5), (3, 1), (1, 4), (2, 3, 4), (0,), (2, 0)]


@pytest.fixture(scope="module")
def keras():
    import keras

    return keras


def table(V=7, D=3, dtype=np.float64):
    return rng.normal(size=(V, D)).astype(dtype)


@pytest.mark.parametrize("shape", SHAPES)
def test_embedding_adds_one_axis_and_picks_rows(shape):
    W, ids = table(), rng.integers(7, size=shape)
    out = Embedding(W)(ids)
    assert out.shape == (*shape, 3)
    assert all(np.array_equal(out[where], W[ids[where]]) for where in np.ndindex(shape))


@pytest.mark.parametrize("shape", SHAPES)
def test_embedding_gradient_is_true(shape):
    ids = rng.integers(3, size=shape)  # three words: ids repeat
    assert gradcheck.check(Embedding(table(5)), ids, tolerance=1e-8)["W"] < 1e-8


@pytest.mark.parametrize("ids", [np.array([[0, 2, 0], [2, 2, 6]]), np.array([[0]]), np.zeros((2, 4), int)])
def test_embedding_equals_keras_with_its_gradient(keras, ids):
    import tensorflow as tf

    layer = keras.layers.Embedding(7, 3, dtype="float64")
    layer.build()
    ours = Embedding(*layer.get_weights())
    dout = rng.normal(size=(*ids.shape, 3))
    with tf.GradientTape() as tape:
        out = layer(ids)
        loss = tf.reduce_sum(out * dout)
    np.testing.assert_array_equal(ours.forward(ids), out)
    ours.backward(dout)
    theirs = tf.convert_to_tensor(tape.gradient(loss, layer.trainable_weights[0]))
    np.testing.assert_allclose(ours.grads["W"], theirs, atol=1e-14)


def test_embedding_keeps_float32():
    layer = Embedding(table(dtype=np.float32))
    out = layer.forward(np.array([1, 1]))
    layer.backward(out)
    assert out.dtype == layer.grads["W"].dtype == np.float32


@pytest.mark.parametrize(
    ("ids", "error", "message"),
    [
        ([[0, 7]], IndexError, r"from 0 to V - 1 = 6, got 7 at \[0, 1\]"),
        ([-1], IndexError, r"got -1 at \[0\]"),
        (7, IndexError, "got 7"),
        ([1.0], TypeError, "ids must be integers, got float64"),
        ([True], TypeError, "ids must be integers, got bool"),
    ],
)
def test_embedding_refuses_ids_that_have_no_row(ids, error, message):
    with pytest.raises(error, match=message):
        Embedding(table())(ids)


def test_layers_refuse_weights_that_do_not_fit():
    with pytest.raises(TypeError, match="W must be an array of floats, got int64"):
        Embedding(np.zeros((3, 2), int))
    with pytest.raises(ValueError, match=r"W must have the shape \(V, D\), got \(3,\)"):
        Embedding(np.zeros(3))
    with pytest.raises(ValueError, match=r"W must have the shape \(in, out\), got \(3,\)"):
        Dense(np.zeros(3))
    with pytest.raises(ValueError, match=r"b must have the shape \(out,\) = \(2,\), got \(3,\)"):
        Dense(np.zeros((3, 2)), np.zeros(3))
    with pytest.raises(ValueError, match=r"x must have the shape \(..., 3\), got \(2, 2\)"):
        Dense(np.zeros((3, 2)), np.zeros(2))(np.zeros((2, 2)))


@pytest.mark.parametrize(
    ("layer", "left", "right"),
    [
        (Embedding(table()), np.array([0, 1]), np.array([1])),
        (Dense(table(4, 3), table(1, 3)[0]), rng.normal(size=(2, 4)), rng.normal(size=(3, 4))),
    ],
)
def test_a_layer_used_twice_keeps_both_gradients(layer, left, right):
    alone = []
    for x in (left, right):
        layer.backward(np.ones_like(layer.forward(x)))
        alone.append({name: grad.copy() for name, grad in layer.grads.items()})
        layer.zero_grads()
    first, second = layer.forward(left), layer.forward(right)
    layer.backward(np.ones_like(second))
    layer.backward(np.ones_like(first))
    for name, grad in layer.grads.items():
        np.testing.assert_allclose(grad, alone[0][name] + alone[1][name])


def test_calling_a_layer_remembers_nothing():
    layer = Embedding(table())
    layer(np.array([0]))
    with pytest.raises(RuntimeError, match="needs a forward pass"):
        layer.backward(np.zeros((1, 3)))


def test_backward_refuses_another_shape_and_can_be_called_again():
    layer = Embedding(table())
    layer.forward(np.array([0, 1]))
    with pytest.raises(ValueError, match=r"shape of the output, \(2, 3\), got \(1, 3\)"):
        layer.backward(np.zeros((1, 3)))
    layer.backward(np.ones((2, 3)))
    assert layer.grads["W"].sum() == 6


def test_zero_grads_clears_gradients_and_memory():
    layer = Embedding(table())
    layer.backward(layer.forward(np.array([0, 1])))
    layer.forward(np.array([1]))
    layer.zero_grads()
    assert not layer.grads["W"].any()
    with pytest.raises(RuntimeError):
        layer.backward(np.zeros((1, 3)))


@pytest.mark.parametrize("shape", [(4,), (1, 4), (2, 3, 4), (0, 4)])
@pytest.mark.parametrize("use_bias", [True, False])
def test_dense_equals_keras_and_its_gradient_is_true(keras, shape, use_bias):
    x = rng.normal(size=shape)
    layer = keras.layers.Dense(2, use_bias=use_bias, dtype="float64", bias_initializer="normal")
    layer.build((None, 4))
    ours = Dense(*layer.get_weights())
    theirs = layer(x[None] if len(shape) == 1 else x)  # Keras wants a batch axis
    np.testing.assert_allclose(ours(x), np.reshape(theirs, (*shape[:-1], 2)), atol=1e-14)
    assert max(gradcheck.check(ours, x).values()) < 1e-8


@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 5)])
def test_cross_entropy_equals_keras_and_its_gradient_is_true(keras, shape):
    scores, targets = rng.normal(size=(*shape, 6)), rng.integers(6, size=shape)
    theirs = keras.losses.SparseCategoricalCrossentropy(from_logits=True, dtype="float64")
    expected = theirs(targets.reshape(-1), scores.reshape(-1, 6))
    assert SoftmaxCrossEntropy()(scores, targets) == pytest.approx(float(expected), abs=1e-12)
    assert gradcheck.check(SoftmaxCrossEntropy(), scores, targets)["input"] < 1e-8


def test_cross_entropy_is_the_mean_over_real_tokens_only():
    scores, targets = rng.normal(size=(2, 3, 4)), rng.integers(4, size=(2, 3))
    mask = np.array([[True, True, False], [True, False, False]])
    targets[~mask] = 99  # what stands under the padding does not matter
    alone = SoftmaxCrossEntropy()(scores[mask], targets[mask])
    assert SoftmaxCrossEntropy()(scores, targets, mask) == pytest.approx(alone, abs=1e-14)
    assert gradcheck.check(SoftmaxCrossEntropy(), scores, targets, mask)["input"] < 1e-8


def test_cross_entropy_of_nothing_but_padding_is_zero():
    loss = SoftmaxCrossEntropy()
    assert loss.forward(rng.normal(size=(2, 3)), np.array([0, 0]), np.array([False, False])) == 0
    assert not loss.backward(1.0).any()


def test_cross_entropy_keeps_float32():
    loss = SoftmaxCrossEntropy()
    assert loss.forward(np.zeros((2, 3), np.float32), np.array([0, 1])).dtype == np.float32
    assert loss.backward(1.0).dtype == np.float32


def test_cross_entropy_before_training_is_the_logarithm_of_V():
    assert SoftmaxCrossEntropy()(np.zeros((5, 7)), np.arange(5)) == pytest.approx(np.log(7))


def test_cross_entropy_is_stable_for_huge_scores():
    scores = np.array([[1e4, 0.0], [-1e4, 0.0]])
    loss = SoftmaxCrossEntropy()
    assert loss.forward(scores, np.array([1, 1])) == pytest.approx(5e3)
    assert np.isfinite(loss.backward(1.0)).all()


@pytest.mark.parametrize(
    ("targets", "mask", "error", "message"),
    [
        ([0.0, 1.0], None, TypeError, "targets must be integers, got float64"),
        ([0, 4], None, IndexError, "from 0 to V - 1 = 3, got 4"),
        ([0, -1], None, IndexError, "got -1"),
        ([[0, 1]], None, ValueError, r"targets must have .* \(2,\), got \(1, 2\)"),
        ([0, 1], [True], ValueError, r"mask must have the shape \(2,\), got \(1,\)"),
        ([0, 1], [1, 0], TypeError, "mask must be bool, got int64"),
    ],
)
def test_cross_entropy_refuses_targets_and_masks_that_do_not_fit(targets, mask, error, message):
    with pytest.raises(error, match=message):
        SoftmaxCrossEntropy()(np.zeros((2, 4)), targets, mask)


def test_softmax_agrees_with_scipy():
    from scipy import special

    scores = rng.normal(size=(2, 3, 5)) * 300
    np.testing.assert_allclose(softmax(scores), special.softmax(scores, axis=-1), atol=1e-15)
    np.testing.assert_allclose(log_softmax(scores), special.log_softmax(scores, axis=-1), atol=1e-12)
    np.testing.assert_allclose(softmax(scores).sum(axis=-1), 1)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scatter_add_equals_add_at(shape, dtype):
    ids = rng.integers(3, size=shape)
    rows = rng.normal(size=(*shape, 4)).astype(dtype)
    ours, expected = np.ones((5, 4), dtype), np.ones((5, 4), dtype)
    scatter_add(ours, ids, rows)
    np.add.at(expected, ids, rows)
    assert ours.dtype == dtype
    np.testing.assert_allclose(ours, expected, atol=1e-5 if dtype == np.float32 else 1e-13)


def test_a_gradient_that_is_none_or_left_out_is_0():
    from tinyseq.recurrent import LSTM

    layer, x, dh = LSTM.fresh(rng, 3, 2), rng.normal(size=(2, 4, 3)), rng.normal(size=(2, 2))
    outputs, *_ = layer.forward(x)
    expected = layer.backward(np.zeros_like(outputs), dh, np.zeros((2, 2)))
    layer.forward(x)
    np.testing.assert_array_equal(layer.backward(None, dh), expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_fresh_weights_are_drawn_as_keras_draws_them(keras, dtype):
    from tinyseq.recurrent import GRU, LSTM, RNN

    D, H, like = 40, 30, keras.layers
    pairs = [
        (Embedding.fresh(rng, D, H, dtype), like.Embedding(D, H), None),
        (Dense.fresh(rng, D, H, dtype), like.Dense(H), (1, D)),
        (RNN.fresh(rng, D, H, dtype), like.SimpleRNN(H), (1, 1, D)),
        (LSTM.fresh(rng, D, H, dtype), like.LSTM(H), (1, 1, D)),
        (GRU.fresh(rng, D, H, dtype), like.GRU(H), (1, 1, D)),
    ]
    for ours, theirs, shape in pairs:
        theirs.build(shape)
        for (name, weight), expected in zip(ours.params.items(), theirs.get_weights(), strict=True):
            assert weight.dtype == dtype and weight.shape == expected.shape
            assert np.std(weight) == pytest.approx(np.std(expected), rel=0.1, abs=1e-3)
            if name == "W":
                assert np.abs(weight).max() == pytest.approx(np.abs(expected).max(), rel=0.05)
            if name == "U":
                np.testing.assert_allclose(weight @ weight.T, np.eye(H), atol=1e-5)
            if name == "b":
                np.testing.assert_array_equal(weight, expected)

import numpy as np
import pytest

import tinyseq  # noqa: F401  before Keras
from tinyseq import gradcheck
from tinyseq.pooling import GlobalAveragePooling, GlobalMaxPooling

rng = np.random.default_rng(3)
LAYERS = [GlobalAveragePooling, GlobalMaxPooling]
SHAPES = [(2, 5, 3), (1, 4, 2), (3, 1, 2), (1, 1, 1), (4, 7, 1)]


def masks(B, T):
    """Every pattern that occurs: padding on the right, on the left, inside, none, all but one."""
    lengths = rng.integers(1, T + 1, size=(B, 1))
    single = np.zeros((B, T), bool)
    single[np.arange(B), rng.integers(T, size=B)] = True
    inside = rng.random((B, T)) < 0.5
    inside[:, rng.integers(T)] = True
    right = np.arange(T) < lengths
    return {"right": right, "left": right[:, ::-1], "inside": inside, "none": np.ones((B, T), bool), "single": single}


CASES = [
    pytest.param(shape, mask, id=f"{shape}-{name}") for shape in SHAPES for name, mask in masks(*shape[:2]).items()
]


@pytest.fixture(scope="module")
def keras():
    import keras

    return keras


@pytest.mark.parametrize(("shape", "mask"), CASES)
def test_average_is_the_mean_of_the_real_vectors_and_equals_keras(keras, shape, mask):
    x = rng.normal(size=shape)
    ours = GlobalAveragePooling()(x, mask)
    one_by_one = [[sum(column[real]) / sum(real) for column in row.T] for row, real in zip(x, mask, strict=True)]
    np.testing.assert_allclose(ours, one_by_one, rtol=1e-12, atol=1e-12)
    theirs = keras.layers.GlobalAveragePooling1D(dtype="float64")(x, mask=mask)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("shape", "mask"), CASES)
def test_max_is_that_of_the_real_vectors(shape, mask):
    x = rng.normal(size=shape)
    largest = [row[real].max(axis=0) for row, real in zip(x, mask, strict=True)]
    np.testing.assert_array_equal(GlobalMaxPooling()(x, mask), largest)


@pytest.mark.parametrize("shape", SHAPES)
def test_without_a_mask_both_equal_keras(keras, shape):
    x = rng.normal(size=shape)
    for layer in LAYERS:
        theirs = getattr(keras.layers, f"{layer.__name__}1D")(dtype="float64")
        np.testing.assert_allclose(layer()(x), theirs(x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("shape", "mask"), CASES)
@pytest.mark.parametrize("layer", LAYERS)
def test_gradient_is_true_and_stays_away_from_the_padding(layer, shape, mask):
    x = rng.normal(size=shape)
    assert gradcheck.check(layer(), x, mask)["input"] < 1e-8
    pooling = layer()
    pooling.forward(x, mask)
    assert not pooling.backward(rng.normal(size=(shape[0], shape[2])))[~mask].any()


@pytest.mark.parametrize("layer", LAYERS)
def test_gradient_equals_that_of_tensorflow_ties_included(keras, layer):
    import tensorflow as tf

    x = rng.integers(3, size=(4, 6, 5)).astype(float)  # few values: every row has ties
    dout = rng.normal(size=(4, 5))
    name = f"{layer.__name__}1D"
    with tf.GradientTape() as tape:
        inputs = tf.Variable(x)
        loss = tf.reduce_sum(getattr(keras.layers, name)(dtype="float64")(inputs) * dout)
    ours = layer()
    ours.forward(x)
    np.testing.assert_allclose(ours.backward(dout), tape.gradient(loss, inputs), atol=1e-12)


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("T", [0, 1, 3])
def test_a_row_without_a_real_token_gives_zeros(layer, T):
    x, mask = rng.normal(size=(2, T, 2)), np.zeros((2, T), bool)
    mask[1:, :1] = True
    pooling = layer()
    out = pooling.forward(x, mask)
    assert out.shape == (2, 2) and not out[0].any()
    dx = pooling.backward(np.ones((2, 2)))
    assert dx.shape == x.shape and not dx[0].any() and dx[1].sum() == 2 * min(T, 1)


def test_keras_gives_nan_for_a_row_without_a_real_token(keras):
    x, mask = np.ones((2, 3, 2)), np.array([[True, True, True], [False, False, False]])
    theirs = np.asarray(keras.layers.GlobalAveragePooling1D(dtype="float64")(x, mask=mask))
    assert np.isnan(theirs[1]).all() and not np.isnan(theirs[0]).any()


@pytest.mark.parametrize("layer", LAYERS)
def test_float32_stays_float32(layer):
    x, mask = rng.normal(size=(2, 3, 4)).astype(np.float32), np.array([[True, True, False]] * 2)
    pooling = layer()
    out = pooling.forward(x, mask)
    assert out.dtype == np.float32 and pooling.backward(out).dtype == np.float32


@pytest.mark.parametrize("layer", LAYERS)
def test_what_stands_under_the_padding_does_not_matter(layer):
    x, mask = np.ones((1, 3, 2)), np.array([[True, True, False]])
    x[0, 2] = np.nan, np.inf
    np.testing.assert_array_equal(layer()(x, mask), [[1, 1]])


def test_padding_that_ties_with_the_maximum_gets_no_gradient():
    pooling = GlobalMaxPooling()
    pooling.forward(np.ones((1, 3, 1)), np.array([[True, True, False]]))
    np.testing.assert_array_equal(pooling.backward(np.ones((1, 1)))[0, :, 0], [0.5, 0.5, 0])


def test_the_mean_of_integers_is_no_integer():
    np.testing.assert_array_equal(GlobalAveragePooling()(np.array([[[1], [2]]])), [[1.5]])


def test_padding_does_not_change_the_average():
    x = rng.normal(size=(2, 3, 4))
    padded = np.concatenate([x, 9 * np.ones((2, 5, 4))], axis=1)
    mask = np.arange(8)[None] < np.array([[3], [3]])
    np.testing.assert_allclose(GlobalAveragePooling()(padded, mask), GlobalAveragePooling()(x), atol=1e-14)


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize(
    ("x", "mask", "error", "message"),
    [
        (np.zeros((2, 3)), None, ValueError, r"x must have the shape \(B, T, D\), got \(2, 3\)"),
        (np.zeros((2, 3, 4)), [True, False], ValueError, r"mask must have the shape \(2, 3\), got \(2,\)"),
        (np.zeros((2, 3, 4)), np.ones((3, 2), bool), ValueError, r"\(2, 3\), got \(3, 2\)"),
        (np.zeros((2, 3, 4)), np.ones((2, 3)), TypeError, "mask must be bool, got float64"),
        (np.zeros((2, 3, 4)), np.ones((2, 3), int), TypeError, "mask must be bool, got int64"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(layer, x, mask, error, message):
    with pytest.raises(error, match=message):
        layer()(x, mask)

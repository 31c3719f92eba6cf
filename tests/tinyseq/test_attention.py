import numpy as np
import pytest

import tinyseq  # noqa: F401  before Keras
from tinyseq import gradcheck
from tinyseq.attention import (
    AdditiveAttention,
    DotProductAttention,
    MultiHeadAttention,
    causal_mask,
    masked_softmax,
    padding_mask,
)
from tinyseq.layers import softmax
from tinyseq.pooling import GlobalAveragePooling

rng = np.random.default_rng(13)
SHAPES = [(3, 4, 5, 6, 2), (1, 1, 1, 1, 1), (2, 1, 7, 3, 4), (2, 6, 1, 2, 3), (1, 5, 5, 4, 4)]  # B, Tq, Tk, D, Dv


@pytest.fixture(scope="module")
def keras():
    import keras

    return keras


def normal(*shape):
    return rng.normal(size=shape)


def masks(B, Tq, Tk):
    """Every pattern that occurs: none, padding, causal, both, one of them broadcast, at random."""
    lengths = rng.integers(1, Tk + 1, size=(B, 1))
    padding = padding_mask(np.arange(Tk) < lengths)  # (B, 1, Tk)
    causal = np.tril(np.ones((1, Tq, Tk), bool))
    at_random = rng.random((B, Tq, Tk)) < 0.5
    at_random[:, :, rng.integers(Tk)] = True
    return {"none": None, "padding": padding, "causal": causal, "both": padding & causal, "random": at_random}


CASES = [
    pytest.param(shape, mask, id=f"{shape}-{name}") for shape in SHAPES for name, mask in masks(*shape[:3]).items()
]


def layers(D, A=3):
    return [
        DotProductAttention(),
        DotProductAttention(scaled=False),
        AdditiveAttention(normal(D, A), normal(D, A), normal(A)),
    ]


def inputs(shape):
    B, Tq, Tk, D, Dv = shape
    return normal(B, Tq, D), normal(B, Tk, D), normal(B, Tk, Dv)


def heads(D, N, d):
    return [*[normal(*size) for _ in range(3) for size in ((D, N, d), (N, d))], normal(N, d, D), normal(D)]


def test_by_hand():
    key, value = np.array([[[1.0, 0], [0, 1], [1, 1]]]), np.array([[[1.0, 2], [3, 4], [5, 6]]])
    out, weights = DotProductAttention()(np.array([[[1.0, 0]]]), key, value)
    np.testing.assert_allclose(weights[0, 0], [0.4011, 0.1978, 0.4011], atol=5e-5)
    np.testing.assert_allclose(out[0, 0], [3, 4])
    _, unscaled = DotProductAttention(scaled=False)(np.array([[[1.0, 0]]]), key, value)
    np.testing.assert_allclose(unscaled[0, 0], [0.4223, 0.1554, 0.4223], atol=5e-5)


@pytest.mark.parametrize(("shape", "mask"), CASES)
def test_gradients_are_true(shape, mask):
    for layer in layers(shape[3]):
        assert max(gradcheck.check(layer, *inputs(shape), mask).values()) < 1e-6


@pytest.mark.parametrize(("shape", "mask"), CASES)
def test_it_is_the_weighted_sum_one_query_at_a_time(shape, mask):
    query, key, value = inputs(shape)
    may = np.broadcast_to(True if mask is None else mask, (*query.shape[:2], key.shape[1]))
    for layer in layers(shape[3]):
        out, weights = layer(query, key, value, mask)
        for b, t in np.ndindex(query.shape[:2]):
            q, ks = query[b, t], key[b]
            if isinstance(layer, AdditiveAttention):
                W, U, v = layer.params.values()
                scores = np.array([np.tanh(q @ W + k @ U) @ v for k in ks])
            else:
                scores = np.array([q @ k for k in ks]) / (np.sqrt(len(q)) if layer.scaled else 1)
            seen = may[b, t]
            expected = np.zeros(len(ks))
            expected[seen] = softmax(scores[seen])
            np.testing.assert_allclose(weights[b, t], expected, atol=1e-12)
            np.testing.assert_allclose(out[b, t], expected @ value[b], atol=1e-12)


@pytest.mark.parametrize(("shape", "mask"), CASES)
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-10), ("float32", 1e-6)])
def test_it_equals_keras(keras, shape, mask, dtype, tolerance):
    from keras import ops

    query, key, value = (each.astype(dtype) for each in inputs(shape))
    full = np.broadcast_to(True if mask is None else mask, (*query.shape[:2], key.shape[1]))

    def theirs(layer):
        """Keras's layer takes a mask of keys alone, (B, Tk); its own inner step takes the whole one."""
        scores = layer._calculate_scores(query=ops.convert_to_tensor(query), key=ops.convert_to_tensor(key))
        return layer._apply_scores(
            scores=scores, value=ops.convert_to_tensor(value), scores_mask=ops.convert_to_tensor(full)
        )

    unscaled = keras.layers.Attention(dtype=dtype)
    unscaled.build([query.shape, value.shape, key.shape])
    additive = keras.layers.AdditiveAttention(dtype=dtype)
    additive.build([query.shape, value.shape, key.shape])
    D = query.shape[2]
    v = rng.normal(size=D).astype(dtype)
    additive.set_weights([v])
    pairs = [
        (DotProductAttention(scaled=False), unscaled),
        (AdditiveAttention(np.eye(D, dtype=dtype), np.eye(D, dtype=dtype), v), additive),
    ]
    for ours, layer in pairs:
        for mine, their in zip(ours(query, key, value, mask), theirs(layer), strict=True):
            assert mine.dtype == dtype
            np.testing.assert_allclose(mine, their, atol=tolerance)


@pytest.mark.parametrize("use_causal_mask", [False, True])
def test_it_equals_keras_called_as_a_layer(keras, use_causal_mask):
    query, key, value = normal(3, 5, 4), normal(3, 5, 4), normal(3, 5, 2)
    real = np.arange(5) < np.array([[5], [3], [1]])
    mask = padding_mask(real) & (causal_mask(5) if use_causal_mask else True)
    theirs = keras.layers.Attention(dtype="float64")(
        [query, value, key], mask=[None, real], use_causal_mask=use_causal_mask
    )
    np.testing.assert_allclose(DotProductAttention(scaled=False)(query, key, value, mask)[0], theirs, atol=1e-10)


@pytest.mark.parametrize("N", [1, 3])
@pytest.mark.parametrize(("shape", "mask"), CASES)
def test_gradients_of_several_heads_are_true(shape, mask, N):
    B, Tq, Tk, D, d = shape
    errors = gradcheck.check(MultiHeadAttention(*heads(D, N, d)), normal(B, Tq, D), normal(B, Tk, D), mask)
    assert len(errors) == 10 and max(errors.values()) < 1e-6


@pytest.mark.parametrize("N", [1, 3])
@pytest.mark.parametrize(("shape", "mask"), CASES)
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-10), ("float32", 1e-5)])
def test_several_heads_equal_keras(keras, shape, mask, N, dtype, tolerance):
    B, Tq, Tk, D, d = shape
    x, memory = normal(B, Tq, D).astype(dtype), normal(B, Tk, D).astype(dtype)
    theirs = keras.layers.MultiHeadAttention(N, d, dtype=dtype)
    theirs.build(x.shape, memory.shape)
    theirs.set_weights([weight / np.sqrt(D) for weight in heads(D, N, d)])
    full = None if mask is None else np.broadcast_to(mask, (B, Tq, Tk))
    expected = theirs(x, memory, attention_mask=full, return_attention_scores=True)
    if d not in (1, 4):
        tolerance = max(tolerance, 1e-7)  # Keras rounds 1 / sqrt(d) to float32, in float64 too
    for mine, their in zip(MultiHeadAttention(*theirs.get_weights())(x, memory, mask), expected, strict=True):
        assert mine.dtype == dtype
        np.testing.assert_allclose(mine, their, atol=tolerance)


def test_self_attention_adds_up_what_comes_back_on_both_ways():
    x, layer = normal(2, 3, 4), MultiHeadAttention(*heads(4, 2, 3))
    out, _ = layer.forward(x, x)
    dx, dmemory = layer.backward(dout := rng.normal(size=out.shape))
    numerical = gradcheck.numerical_gradient(lambda: float((layer(x, x)[0] * dout).sum()), x)
    gradcheck.compare("x", dx + dmemory, numerical)


def test_the_bias_of_the_keys_changes_nothing():
    weights = heads(4, 2, 3)
    x, memory = normal(2, 3, 4), normal(2, 5, 4)
    before = MultiHeadAttention(*weights)(x, memory)
    weights[3] = normal(2, 3)
    for one, other in zip(before, MultiHeadAttention(*weights)(x, memory), strict=True):
        np.testing.assert_allclose(one, other)


def test_average_pooling_is_attention_with_equal_scores():
    x, real = normal(3, 5, 4), np.arange(5) < np.array([[5], [3], [1]])
    out, _ = DotProductAttention()(np.zeros((3, 1, 4)), x, x, padding_mask(real))
    np.testing.assert_allclose(out[:, 0], GlobalAveragePooling()(x, real))


def test_a_query_that_may_look_at_nothing_gets_zeros_and_no_gradient():
    mask = np.ones((2, 3, 4), bool)
    mask[0, 1] = mask[1] = False
    query, key, value = normal(2, 3, 5), normal(2, 4, 5), normal(2, 4, 2)
    for layer in layers(5):
        out, weights = layer.forward(query, key, value, mask)
        assert not out[0, 1].any() and not weights[1].any() and np.isfinite(out).all()
        dquery, dkey, dvalue = layer.backward(np.ones_like(out))
        assert not dquery[0, 1].any() and not dkey[1].any() and not dvalue[1].any()


def test_an_empty_memory_gives_zeros():
    out, weights = DotProductAttention()(normal(2, 3, 4), normal(2, 0, 4), normal(2, 0, 5))
    assert out.shape == (2, 3, 5) and weights.shape == (2, 3, 0) and not out.any()


def test_softmax_stays_finite_whatever_the_scores():
    scores = np.array([[1e4, -1e4, 0], [-1e4, -1e4, -1e4]])
    weights = masked_softmax(scores, np.array([[True, True, False], [True, True, True]]))
    np.testing.assert_allclose(weights, [[1, 0, 0], [1 / 3, 1 / 3, 1 / 3]])


def test_what_is_masked_does_not_matter():
    query, key, value = normal(1, 2, 3), normal(1, 4, 3), normal(1, 4, 2)
    mask = padding_mask(np.array([[True, True, False, False]]))
    for layer in layers(3):
        before, _ = layer(query, key, value, mask)
        np.testing.assert_allclose(before, layer(query, key[:, :2], value[:, :2])[0])


def test_masks_have_the_shapes_that_they_say():
    assert padding_mask(np.array([[True, False]])).tolist() == [[[True, False]]]
    assert causal_mask(3)[0].tolist() == [[True, False, False], [True, True, False], [True, True, True]]
    assert causal_mask(7).sum() == 7 * 8 // 2 and causal_mask(1).all()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda q, k: DotProductAttention()(q, k, k, np.ones((2, 4), bool)),
            ValueError,
            r"mask must have the shape \(2, 3, 4\), .* got \(2, 4\)",
        ),
        (lambda q, k: DotProductAttention()(q, k, k, np.ones((2, 1, 3), bool)), ValueError, r"got \(2, 1, 3\)"),
        (lambda q, k: DotProductAttention()(q, k, k, np.ones((2, 3, 4))), TypeError, "mask must be bool, got float64"),
        (
            lambda q, k: DotProductAttention()(q, k, k[:, :2]),
            ValueError,
            r"must have the shapes \(B, Tq, Dq\).* got .*\(2, 2, 5\)",
        ),
        (lambda q, k: DotProductAttention()(q[:1], k, k), ValueError, r"query, key and value must have the shapes"),
        (
            lambda q, k: DotProductAttention()(q[0], k[0], k[0]),
            ValueError,
            r"query, key and value must have the shapes",
        ),
        (
            lambda q, k: DotProductAttention()(q[:, :, :3], k, k),
            ValueError,
            "query and key must have the same last axis",
        ),
        (
            lambda q, k: AdditiveAttention(normal(4, 2), normal(5, 2), normal(2))(q, k, k),
            ValueError,
            "last axes 4 and 5",
        ),
        (lambda q, k: AdditiveAttention(normal(4, 2), normal(5, 3), normal(2)), ValueError, "W, U and v must have"),
        (
            lambda q, k: MultiHeadAttention(*heads(4, 2, 3))(q, k),
            ValueError,
            r"x must have the shape \(B, T, 4\), got \(2, 3, 5\)",
        ),
        (
            lambda q, k: MultiHeadAttention(*heads(5, 2, 3))(q, k, np.ones((2, 4), bool)),
            ValueError,
            r"mask must have the shape \(2, 3, 4\)",
        ),
        (lambda q, k: MultiHeadAttention(*heads(5, 2, 3)[:7]), ValueError, "weights must be 8 arrays"),
        (
            lambda q, k: MultiHeadAttention(*heads(5, 2, 3)[:6], normal(5, 6), normal(5)),
            ValueError,
            "weights must have the shapes",
        ),
        (
            lambda q, k: padding_mask(np.ones((2, 3))),
            ValueError,
            r"mask must be bool of the shape \(B, Tk\), got float64",
        ),
        (lambda q, k: padding_mask(np.ones(3, bool)), ValueError, r"got bool of \(3,\)"),
    ],
)
def test_what_does_not_fit_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call(normal(2, 3, 5), normal(2, 4, 5))

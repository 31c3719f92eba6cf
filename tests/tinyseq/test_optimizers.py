import numpy as np
import pytest

import tinyseq  # noqa: F401  before Keras
from tinyseq.layers import Dense, Embedding
from tinyseq.optimizers import SGD, Adam, clip_gradients

rng = np.random.default_rng(5)


@pytest.mark.parametrize(("ours", "name"), [(SGD, "SGD"), (Adam, "Adam")])
def test_optimizer_equals_keras(ours, name):
    import keras

    W = rng.normal(size=(4, 3))
    variable = keras.Variable(W, dtype="float64")
    layer = Embedding(W.copy())
    optimizer, theirs = ours([layer], lr=0.05), getattr(keras.optimizers, name)(0.05)
    for _ in range(7):
        gradient = rng.normal(size=W.shape)
        layer.grads["W"][...] = gradient
        optimizer.step()
        theirs.apply([gradient], [variable])
        np.testing.assert_allclose(layer.params["W"], variable, atol=1e-5)  # Keras corrects the bias in float32
    assert not layer.grads["W"].any()


def test_a_shared_array_moves_once_by_the_sum_of_its_gradients():
    W = np.zeros((2, 2))
    first, second = Embedding(W), Embedding(W)
    first.grads["W"] += 1
    second.grads["W"] += 2
    SGD([first, second], lr=1.0).step()
    assert (W == -3).all()


def test_adam_moves_a_row_that_did_not_occur_and_sgd_does_not():
    for optimizer, moves in ((SGD, False), (Adam, True)):
        layer = Embedding(np.zeros((2, 1)))
        step = optimizer([layer], lr=0.1)
        for word in (0, 1):
            before = layer.params["W"][0, 0]
            layer.forward(np.array([word]))
            layer.backward(np.ones((1, 1)))
            step.step()
        assert (layer.params["W"][0, 0] != before) == moves


def test_clipping_keeps_the_direction_and_returns_the_norm():
    layer = Dense(np.zeros((1, 1)), np.zeros(1))
    layer.grads["W"][...], layer.grads["b"][...] = 3, 4
    assert clip_gradients([layer], 1.0) == 5
    np.testing.assert_allclose([layer.grads["W"].item(), layer.grads["b"].item()], [0.6, 0.8])
    assert clip_gradients([layer], 2.0) == pytest.approx(1)
    np.testing.assert_allclose(layer.grads["b"], 0.8)


def test_clipping_counts_a_shared_array_once():
    W = np.zeros((1, 1))
    layers = [Embedding(W), Embedding(W)]
    for layer in layers:
        layer.grads["W"] += 2
    assert clip_gradients(layers, 1.0) == 4
    assert sum(layer.grads["W"].item() for layer in layers) == pytest.approx(1)


def test_clipping_refuses_a_norm_that_is_not_positive():
    with pytest.raises(ValueError, match="max_norm must be above 0, got 0"):
        clip_gradients([], 0)

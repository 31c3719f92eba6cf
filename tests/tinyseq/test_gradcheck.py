import numpy as np
import pytest

from tinyseq import gradcheck
from tinyseq.layers import Dense, Embedding, Layer

rng = np.random.default_rng(3)


class Stores(Embedding):
    """The popular mistake: the last gradient of a repeated id wins."""

    def _backward(self, dout, ids):
        self.grads["W"][ids] = dout


class Transposed(Dense):
    """Right weights' gradients, wrong input gradient."""

    def _backward(self, dout, x):
        super()._backward(dout, x)
        return dout @ self.params["W"]


def test_numerical_gradient_of_a_known_function():
    x = rng.normal(size=(2, 3))
    before = x.copy()
    np.testing.assert_allclose(gradcheck.numerical_gradient(lambda: (x**3).sum(), x), 3 * x**2, atol=1e-8)
    np.testing.assert_array_equal(x, before)


def test_float32_is_refused():
    with pytest.raises(TypeError, match="x must be float64, got float32"):
        gradcheck.numerical_gradient(lambda: 0.0, np.zeros(2, np.float32))


def test_a_true_layer_reports_every_gradient():
    errors = gradcheck.check(Dense(rng.normal(size=(3, 2)), rng.normal(size=2)), rng.normal(size=(4, 3)))
    assert set(errors) == {"W", "b", "input"} and max(errors.values()) < 1e-8


def test_a_wrong_weight_gradient_is_named_with_its_place():
    W = rng.normal(size=(3, 2))
    with pytest.raises(gradcheck.GradientError, match=r"W\[0, \d\]: backward says .*, the numerical gradient is"):
        gradcheck.check(Stores(W), np.array([0, 2, 0]))
    assert gradcheck.check(Stores(W), np.array([0, 2, 1]))["W"] < 1e-8  # without a repeated id nobody notices


def test_a_wrong_input_gradient_is_named():
    with pytest.raises(gradcheck.GradientError, match=r"^input\["):
        gradcheck.check(Transposed(rng.normal(size=(2, 2)), np.zeros(2)), rng.normal(size=(3, 2)))


def test_nan_never_passes():
    with pytest.raises(gradcheck.GradientError, match=r"x\[1\]: backward says nan"):
        gradcheck.compare("x", np.array([1, np.nan]), np.ones(2))


def test_another_shape_never_passes():
    with pytest.raises(gradcheck.GradientError, match=r"x: backward gives the shape \(2, 1\), expected \(1, 2\)"):
        gradcheck.compare("x", np.zeros((2, 1)), np.zeros((1, 2)))


def test_no_entry_of_the_output_can_hide():
    class Forgets(Layer):
        def _forward(self, x):
            return np.stack([x, x]), None

        def _backward(self, dout, saved):
            return dout[0] * 2  # right only where both halves get the same dout

    with pytest.raises(gradcheck.GradientError):
        gradcheck.check(Forgets(), rng.normal(size=3))


def test_check_leaves_the_layer_clean():
    layer = Embedding(rng.normal(size=(3, 2)))
    before = layer.params["W"].copy()
    gradcheck.check(layer, np.array([0, 1, 1]))
    np.testing.assert_array_equal(layer.params["W"], before)
    assert not layer.grads["W"].any()

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

import tinyseq  # noqa: F401  before Keras
from tinyseq import gradcheck
from tinyseq.layers import Dense
from tinyseq.optimizers import Adam
from tinyseq.vae import VAE, kl_to_standard_normal

rng = np.random.default_rng(23)
SHAPES = [(3, 5, 4, 2, 3), (1, 4, 3, 1, 2), (2, 1, 1, 3, 1), (1, 1, 1, 1, 1), (4, 6, 2, 5, 3)]  # B, X, H, Z, G


def dense(n, m, dtype=np.float64):
    """Weights of ordinary size: where tanh is flat, the numerical gradient is rounding."""
    return Dense(*(rng.normal(0, 0.5, shape).astype(dtype) for shape in ((n, m), m)))


def random_vae(X=5, H=4, Z=2, G=3, dtype=np.float64):
    return VAE(*(dense(*shape, dtype) for shape in [(X, H), (H, Z), (H, Z), (Z, G), (G, X)]))


def batch(B=3, X=5, Z=2, dtype=np.float64):
    """Pixels well inside 0 ... 1, so that the numerical gradient stays there, and noise."""
    return rng.uniform(0.05, 0.95, size=(B, X)).astype(dtype), rng.normal(size=(B, Z)).astype(dtype)


class TestKL:
    @pytest.mark.parametrize(
        ("mean", "logvar", "expected"),
        [([0], [0], 0), ([1], [0], 0.5), ([0], [1], (np.e - 2) / 2), ([1, -1], [0, 0], 1), ([0], [-2], 0.5676676)],
    )
    def test_by_hand(self, mean, logvar, expected):
        assert kl_to_standard_normal(np.array(mean), np.array(logvar)).sum() == pytest.approx(expected, abs=1e-7)
        assert (np.e - 2) / 2 == pytest.approx(0.3591, abs=5e-5)

    @pytest.mark.parametrize(("mean", "sigma"), [(0.7, 0.5), (-2, 1.5), (0.1, 0.05), (0, 3)])
    def test_equals_the_integral(self, mean, sigma):
        q, p = norm(mean, sigma), norm()
        edges = mean - 12 * sigma, mean + 12 * sigma
        integral = quad(lambda z: q.pdf(z) * (q.logpdf(z) - p.logpdf(z)), *edges, points=[mean])[0]
        assert kl_to_standard_normal(mean, 2 * np.log(sigma)) == pytest.approx(integral, rel=1e-7)

    def test_is_one_number_for_each_number_and_never_negative(self):
        mean, logvar = rng.normal(size=(2, 4, 3))
        kl = kl_to_standard_normal(mean, logvar)
        assert kl.shape == (4, 3) and kl.min() >= 0


class TestGradients:
    @pytest.mark.parametrize("shape", SHAPES)
    def test_are_true(self, shape):
        B, X, H, Z, G = shape
        errors = gradcheck.check(random_vae(X, H, Z, G), *batch(B, X, Z))
        assert len(errors) == 12 and max(errors.values()) < 1e-6

    @pytest.mark.parametrize("beta", [0, 0.25, 4, np.array([1, 0])])
    def test_weights_on_the_kl_are_given_to_backward(self, beta):
        """β-VAE, warm-up and free bits: the gradient is that of reconstruction + (beta * kl).sum()."""
        vae, (x, noise) = random_vae(), batch()

        def loss():
            reconstruction, kl = vae(x, noise)
            return float(reconstruction + (beta * kl).sum())

        vae.forward(x, noise)
        vae.backward(1.0, beta * np.ones(2))
        for name, weight in vae.params.items():
            gradcheck.compare(name, vae.grads[name], gradcheck.numerical_gradient(loss, weight))

    def test_without_a_gradient_for_the_kl_it_is_0(self):
        vae, (x, noise) = random_vae(), batch()
        found = []
        for douts in ([1.0], [1.0, np.zeros(2)]):
            vae.forward(x, noise)
            vae.backward(*douts)
            found.append([grad.copy() for grad in vae.grads.values()])
            vae.zero_grads()
        for left, right in zip(*found, strict=True):
            np.testing.assert_array_equal(left, right)

    def test_of_two_passes_add_up(self):
        vae, alone = random_vae(), []
        batches = batch(), batch(B=2)
        for each in batches:
            vae.forward(*each)
            vae.backward(1.0, np.ones(2))
            alone.append({name: grad.copy() for name, grad in vae.grads.items()})
            vae.zero_grads()
        for each in batches:
            vae.forward(*each)
        for _ in batches:
            vae.backward(1.0, np.ones(2))
        for name, grad in vae.grads.items():
            np.testing.assert_allclose(grad, alone[0][name] + alone[1][name], atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_loss_and_gradients_equal_keras(shape):
    import keras
    import tensorflow as tf

    B, X, H, Z, G = shape
    sizes = {"encoder": (X, H, "tanh"), "mean": (H, Z), "logvar": (H, Z), "hidden": (Z, G, "tanh"), "output": (G, X)}
    layers = {}
    for name, (n, *rest) in sizes.items():
        layers[name] = keras.layers.Dense(*rest, dtype="float64", bias_initializer="normal")
        layers[name].build((None, n))
    x, noise = (tf.constant(each) for each in batch(B, X, Z))
    with tf.GradientTape() as tape:
        tape.watch([x, noise])
        h = layers["encoder"](x)
        mean, logvar = layers["mean"](h), layers["logvar"](h)
        logits = layers["output"](layers["hidden"](mean + tf.exp(logvar / 2) * noise))
        crossentropy = tf.nn.sigmoid_cross_entropy_with_logits(labels=x, logits=logits)
        reconstruction = tf.reduce_mean(tf.reduce_sum(crossentropy, axis=1))
        kl = tf.reduce_mean((mean**2 + tf.exp(logvar) - logvar - 1) / 2, axis=0)
        loss = reconstruction + tf.reduce_sum(kl)
    weights = [weight for layer in layers.values() for weight in layer.trainable_weights]
    theirs = tape.gradient(loss, [*weights, x, noise])
    ours = VAE(*(Dense(*layer.get_weights()) for layer in layers.values()))
    for out, expected in zip(ours.forward(x.numpy(), noise.numpy()), (reconstruction, kl), strict=True):
        np.testing.assert_allclose(out, expected, rtol=1e-12, atol=1e-12)
    dinputs = ours.backward(1.0, np.ones(Z))
    for grad, expected in zip([*ours.grads.values(), *dinputs], theirs, strict=True):
        np.testing.assert_allclose(grad, expected, rtol=1e-10, atol=1e-12)
    for out, expected in zip(ours.encode(x.numpy()), (mean, logvar), strict=True):
        np.testing.assert_allclose(out, expected, rtol=1e-12, atol=1e-12)
    decoded = tf.sigmoid(layers["output"](layers["hidden"](noise)))
    np.testing.assert_allclose(ours.decode(noise.numpy()), decoded, rtol=1e-12, atol=1e-12)


class TestMeaning:
    def test_a_code_that_tells_nothing_has_a_kl_of_0(self):
        vae, (x, noise) = random_vae(), batch()
        for name in ("mean_W", "mean_b", "logvar_W", "logvar_b"):
            vae.params[name][...] = 0
        np.testing.assert_array_equal(vae(x, noise)[1], [0, 0])

    def test_the_reconstruction_is_summed_over_pixels_and_averaged_over_the_batch(self):
        vae, (x, noise) = random_vae(), batch()
        vae.params["output_W"][...] = vae.params["output_b"][...] = 0
        assert vae(x, noise)[0] == pytest.approx(5 * np.log(2))  # every pixel one half

    def test_without_noise_the_code_is_the_mean(self):
        vae, (x, noise) = random_vae(), batch()
        p = vae.decode(vae.encode(x)[0])
        by_hand = -(x * np.log(p) + (1 - x) * np.log(1 - p)).sum(axis=1).mean()
        assert vae(x, 0 * noise)[0] == pytest.approx(by_hand)

    def test_noise_moves_the_code_by_sigma(self):
        vae, (x, noise) = random_vae(), batch()
        mean, logvar = vae.encode(x)
        p = vae.decode(mean + np.sqrt(np.exp(logvar)) * noise)
        by_hand = -(x * np.log(p) + (1 - x) * np.log(1 - p)).sum(axis=1).mean()
        assert vae(x, noise)[0] == pytest.approx(by_hand)

    def test_logits_of_any_size_give_a_finite_loss(self):
        vae, (x, noise) = random_vae(), batch()
        vae.params["output_b"][...] = [-1e4, 1e4, -800, 800, 0]
        reconstruction, _ = vae.forward(x, noise)
        vae.backward(1.0, np.ones(2))
        assert np.isfinite(reconstruction) and all(np.isfinite(grad).all() for grad in vae.grads.values())

    def test_float32_stays_float32(self):
        vae, each = random_vae(dtype=np.float32), batch(dtype=np.float32)
        outs = vae.forward(*each)
        dinputs = vae.backward(1.0, np.ones(2))
        assert {np.asarray(part).dtype for part in (*outs, *dinputs, *vae.grads.values())} == {np.dtype(np.float32)}

    @pytest.mark.parametrize("dtype", [int, bool, np.uint8])
    def test_black_and_white_pixels_may_be_of_any_type(self, dtype):
        vae, noise = random_vae(), batch()[1]
        x, found = rng.integers(2, size=(3, 5)), []
        for each in (x.astype(dtype), x.astype(float)):
            outs = vae.forward(each, noise)
            vae.backward(1.0, np.ones(2))
            found.append([*outs, *(grad.copy() for grad in vae.grads.values())])
            vae.zero_grads()
        for left, right in zip(*found, strict=True):
            np.testing.assert_allclose(left, right, atol=1e-12)

    def test_training_moves_the_layers_it_is_made_of_and_lowers_the_loss(self):
        layers = [dense(*shape) for shape in pairwise((5, 4, 2))] + [dense(4, 2), dense(2, 3), dense(3, 5)]
        vae, (x, noise) = VAE(*layers), batch(B=8)
        before, optimizer = sum(map(np.sum, vae(x, noise))), Adam([vae], 0.01)
        for _ in range(50):
            vae.forward(x, noise)
            vae.backward(1.0, np.ones(2))
            optimizer.step()
        assert sum(map(np.sum, vae(x, noise))) < before - 0.3
        assert layers[0].params["W"] is vae.params["encoder_W"]


class TestBadInput:
    @pytest.mark.parametrize("value", [-0.1, 1.5, 255.0, np.nan])
    def test_pixels_outside_0_to_1_are_refused(self, value):
        x, noise = batch()
        x[1, 3] = value
        vae = random_vae()
        for call in (lambda: vae.forward(x, noise), lambda: vae(x, noise), lambda: vae.encode(x)):
            with pytest.raises(ValueError, match=rf"x must be from 0 to 1, got {value} at \[1, 3\]"):
                call()

    @pytest.mark.parametrize("shape", [(3, 4), (5,), (2, 3, 5), (0, 5)])
    def test_x_of_another_shape_is_refused(self, shape):
        message = r"x must have the shape \(B, 5\) with B at least 1, got " + str(shape).replace("(", r"\(")[:-1]
        with pytest.raises(ValueError, match=message):
            random_vae()(np.zeros(shape), np.zeros((3, 2)))

    @pytest.mark.parametrize("shape", [(3, 1), (2,), (2, 2), (1, 2)])
    def test_noise_of_another_shape_is_refused(self, shape):
        with pytest.raises(ValueError, match=r"noise must have the shape \(B, Z\) = \(3, 2\), got \("):
            random_vae()(batch()[0], np.zeros(shape))

    @pytest.mark.parametrize("shape", [(3, 5), (2,), (0, 2)])
    def test_codes_of_another_shape_are_refused(self, shape):
        with pytest.raises(ValueError, match=r"z must have the shape \(B, 2\) with B at least 1, got \("):
            random_vae().decode(np.zeros(shape))

    @pytest.mark.parametrize(
        ("place", "name", "expected"),
        [
            (1, "logvar", (4, 3)),  # mean comes first: it says how many latent units there are
            (2, "logvar", (4, 2)),
            (3, "hidden", (2, 9)),
            (4, "output", (3, 5)),
        ],
    )
    def test_layers_that_do_not_fit_are_refused(self, place, name, expected):
        shapes = [(5, 4), (4, 2), (4, 2), (2, 3), (3, 5)]
        shapes[place] = {1: (4, 3), 2: (4, 1), 3: (9, 9), 4: (3, 6)}[place]
        message = f"W of {name} must have the shape {expected}, got".replace("(", r"\(").replace(")", r"\)")
        with pytest.raises(ValueError, match=message):
            VAE(*(dense(*shape) for shape in shapes))

"""The variational autoencoder: a network that gives each input a distribution over codes, and each code a picture."""

import numpy as np

from tinyseq.layers import Dense, Network, sigmoid


def kl_to_standard_normal(mean: np.ndarray, logvar: np.ndarray) -> np.ndarray:
    """KL(N(mean, exp(logvar)) || N(0, 1)) of each number: (mean² + var - log var - 1) / 2, any shape, never below 0."""
    return 0.5 * (mean**2 + np.exp(logvar) - logvar - 1)


class VAE(Network):
    """Both halves of -ELBO: how badly x is rebuilt from its code, and how far the codes are from the prior N(0, I).

    Made from five layers: encoder (X, H), mean (H, Z), logvar (H, Z), hidden (Z, G) and output (G, X), with tanh after
    encoder and hidden. Kingma & Welling (2014).
    Input: x (B, X), from 0 to 1, and noise (B, Z), drawn from N(0, 1). Output, both means over the batch: the
    reconstruction, which is the Bernoulli cross-entropy summed over the pixels, and kl (Z,), one for each latent unit.
    -ELBO is reconstruction + kl.sum(), and its gradient `backward(1.0, np.ones(Z))`. Other weights on the kl give a
    β-VAE, warm-up, or free bits (0 for a unit that has not used up its share). It returns the gradients of x, which
    is input and target, and of the noise.
    Raises ValueError for layers or inputs whose shapes do not fit, an empty batch included, and for x outside 0 ... 1.
    """

    def __init__(self, encoder: Dense, mean: Dense, logvar: Dense, hidden: Dense, output: Dense):
        super().__init__(encoder=encoder, mean=mean, logvar=logvar, hidden=hidden, output=output)
        (X, H), Z, G = encoder.params["W"].shape, mean.params["W"].shape[1], hidden.params["W"].shape[1]
        for (name, layer), shape in zip(self.parts.items(), [(X, H), (H, Z), (H, Z), (Z, G), (G, X)], strict=True):
            if layer.params["W"].shape != shape:
                raise ValueError(f"W of {name} must have the shape {shape}, got {layer.params['W'].shape}")

    def encode(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The parameters of q(z|x): its mean and the logarithm of its variance, (B, Z) each."""
        return self._encode(x)[:2]

    def decode(self, z: np.ndarray) -> np.ndarray:
        """The pixels (B, X) of codes z (B, Z): each is the probability of white."""
        return sigmoid(self._decode(_rows("z", z, len(self.parts["hidden"].params["W"])))[0])

    def _encode(self, x):
        x = _rows("x", x, len(self.parts["encoder"].params["W"]))
        outside = ~((x >= 0) & (x <= 1))  # also true of NaN
        if outside.any():
            where = ", ".join(map(str, np.argwhere(outside)[0]))
            raise ValueError(f"x must be from 0 to 1, got {x[outside][0]} at [{where}]")
        h = np.tanh(self.parts["encoder"](x))  # (B, H)
        return self.parts["mean"](h), self.parts["logvar"](h), h

    def _decode(self, z):
        g = np.tanh(self.parts["hidden"](z))  # (B, G)
        return self.parts["output"](g), g

    def _forward(self, x, noise):
        mean, logvar, h = self._encode(x)
        if np.shape(noise) != mean.shape:
            raise ValueError(f"noise must have the shape (B, Z) = {mean.shape}, got {np.shape(noise)}")
        spread = np.exp(0.5 * logvar) * noise  # (B, Z)
        z = mean + spread
        logits, g = self._decode(z)  # (B, X)
        reconstruction = (np.logaddexp(0, logits) - x * logits).sum() / len(x)
        kl = kl_to_standard_normal(mean, logvar).mean(axis=0)
        return (reconstruction, kl), (x, h, mean, logvar, spread, z, g, logits)

    def _backward(self, dreconstruction, dkl, saved):
        x, h, mean, logvar, spread, z, g, logits = saved
        dreconstruction, dkl = (np.asarray(each, mean.dtype) / len(x) for each in (dreconstruction, dkl))
        encoder, to_mean, to_logvar, hidden, output = self.parts.values()
        dg = output._backward(dreconstruction * (sigmoid(logits) - x), g)
        dz = hidden._backward(dg * (1 - g**2), z)
        dmean = dz + dkl * mean
        dlogvar = 0.5 * (dz * spread + dkl * (np.exp(logvar) - 1))
        dh = to_mean._backward(dmean, h) + to_logvar._backward(dlogvar, h)
        dx = encoder._backward(dh * (1 - h**2), x) - dreconstruction * logits
        return dx, dz * np.exp(0.5 * logvar)


def _rows(name: str, array, width: int) -> np.ndarray:
    array = np.asarray(array)
    if array.ndim != 2 or array.shape[1] != width or len(array) == 0:
        raise ValueError(f"{name} must have the shape (B, {width}) with B at least 1, got {array.shape}")
    return array

"""How well does a VAE model digits, here and in Keras, and when does its code collapse? Writes vae.json for the lesson.

python benchmarks/vae.py
"""

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # NumPy reads it when it is first imported

from itertools import product

import numpy as np
import study
from tqdm import tqdm

from tinyseq import datasets
from tinyseq.layers import Dense
from tinyseq.optimizers import Adam
from tinyseq.vae import VAE

import keras  # isort: skip  after tinyseq, which silences it
from keras import layers, ops  # isort: skip

SEEDS, EPOCHS, BATCH, H = range(5), 200, 50, 128
ZS, BETAS, LRS = (2, 8), (0.25, 1, 4, 10), (0.001, 0.002, 0.005)
WARM_UP, FREE = 100, 0.25  # epochs until the weight of the KL is beta; nats that each unit may use unpunished
ACTIVE = 0.01  # a unit is active if its mean varies more than this over the data: Burda et al. (2016)
DRAWS = 20  # of the noise, when -ELBO is measured

PIXELS = datasets.digits()[0].astype("float32")
PIXELS = PIXELS[np.random.default_rng(0).permutation(len(PIXELS))]
TRAIN, TEST = PIXELS[:1500], PIXELS[1500:]
FIT, VALIDATION = TRAIN[:1200], TRAIN[1200:]  # to choose the learning rate


class Sampling(layers.Layer):
    """z = mean + sigma noise; the KL joins the model's loss."""

    def __init__(self, seed: int):
        super().__init__()
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, mean, logvar):
        kl = 0.5 * ops.sum(mean**2 + ops.exp(logvar) - logvar - 1, axis=1)
        self.add_loss(ops.mean(kl))
        return mean + ops.exp(0.5 * logvar) * keras.random.normal(ops.shape(mean), seed=self.generator)


def keras_vae(Z: int, seed: int) -> tuple[keras.Model, list[layers.Dense]]:
    """A model from pixels to logits, and its five layers in the order of `tinyseq.vae.VAE`."""
    keras.utils.set_random_seed(seed)
    encoder, mean, logvar = layers.Dense(H, "tanh"), layers.Dense(Z), layers.Dense(Z)
    hidden, output = layers.Dense(H, "tanh"), layers.Dense(PIXELS.shape[1])
    x = keras.Input(PIXELS.shape[1:])
    h = encoder(x)
    z = Sampling(seed)(mean(h), logvar(h))
    return keras.Model(x, output(hidden(z))), [encoder, mean, logvar, hidden, output]


def with_weights_of(dense: list[layers.Dense]) -> VAE:
    return VAE(*(Dense(*map(np.array, layer.get_weights())) for layer in dense))


def train(pixels: np.ndarray, Z: int, lr: float, seed: int, beta: float, method: str) -> VAE:
    """A VAE with Keras's fresh weights, trained by tinyseq."""
    vae, rng = with_weights_of(keras_vae(Z, seed)[1]), np.random.default_rng(seed)
    optimizer = Adam([vae], lr)
    for epoch in range(EPOCHS):
        for rows in np.split(rng.permutation(len(pixels)), range(BATCH, len(pixels), BATCH)):
            _, kl = vae.forward(pixels[rows], rng.normal(size=(len(rows), Z)).astype("float32"))
            weights = beta * np.ones(Z)
            if method == "warm-up":
                weights *= min(1, epoch / WARM_UP)
            if method == "free bits":
                weights *= kl > FREE
            vae.backward(1 / PIXELS.shape[1] if method == "mean over pixels" else 1.0, weights)
            optimizer.step()
    return vae


def train_in_keras(pixels: np.ndarray, Z: int, lr: float, seed: int) -> VAE:
    """The same architecture and schedule; the weights are then read into a VAE, so that both are measured alike."""

    def reconstruction(x, logits):
        return ops.sum(ops.binary_crossentropy(x, logits, from_logits=True), axis=-1)

    model, dense = keras_vae(Z, seed)
    model.compile(keras.optimizers.Adam(lr), reconstruction)
    model.fit(pixels, pixels, BATCH, EPOCHS, verbose=0)
    return with_weights_of(dense)


def measured(vae: VAE, pixels: np.ndarray) -> dict:
    """-ELBO in nats per picture, its two parts, the KL of each unit, and how many units are active."""
    mean, _ = vae.encode(pixels)
    rng = np.random.default_rng(0)
    draws = [vae(pixels, rng.normal(size=mean.shape).astype("float32")) for _ in range(DRAWS)]
    reconstruction, kl = float(np.mean([each for each, _ in draws])), draws[0][1]
    return {
        "minus_elbo": round(reconstruction + float(kl.sum()), 3),
        "reconstruction": round(reconstruction, 3),
        "kl": round(float(kl.sum()), 3),
        "kl_of_units": [round(float(each), 3) for each in kl],
        "active": int((mean.var(axis=0) > ACTIVE).sum()),
    }


def mean_image() -> float:
    """What always answering with the training pictures' mean costs; a pixel that was always black may still be lit."""
    p = TRAIN.mean(axis=0, dtype=float).clip(1e-3, 1 - 1e-3)
    return round(float(-(TEST * np.log(p) + (1 - TEST) * np.log(1 - p)).sum(axis=1).mean()), 3)


if __name__ == "__main__":
    chosen = []
    for Z, lr in tqdm(list(product(ZS, LRS)), unit="setting"):
        found = measured(train(FIT, Z, lr, 0, 1, "constant"), VALIDATION)
        chosen.append({"Z": Z, "lr": lr, "validation": found["minus_elbo"]})
    lrs = {Z: min((c for c in chosen if c["Z"] == Z), key=lambda c: c["validation"])["lr"] for Z in ZS}
    cases = [(Z, beta, "constant") for Z, beta in product(ZS, BETAS)]
    cases += [(8, beta, method) for beta, method in product((1, 4), ("warm-up", "free bits"))]
    cases += [(8, 1, "mean over pixels")]
    rows = []
    for seed, (Z, beta, method) in tqdm(list(product(SEEDS, cases)), unit="network"):
        row = {"program": "tinyseq", "Z": Z, "beta": beta, "method": method, "seed": seed}
        rows.append(row | measured(train(TRAIN, Z, lrs[Z], seed, beta, method), TEST))
    for seed, Z in tqdm(list(product(SEEDS, ZS)), unit="network"):
        row = {"program": "Keras", "Z": Z, "beta": 1, "method": "constant", "seed": seed}
        rows.append(row | measured(train_in_keras(TRAIN, Z, lrs[Z], seed), TEST))
    study.write(
        __file__,
        rows,
        ("keras",),
        epochs=EPOCHS,
        warm_up=WARM_UP,
        free=FREE,
        mean_image=mean_image(),
        chosen=chosen,
    )

"""Who fills a gap of five years in the sunspots best? Writes gap_filling.json for the lesson gap-filling.

python benchmarks/gap_filling.py
"""

from copy import deepcopy
from itertools import product

import numpy as np
import study
from scipy.interpolate import CubicSpline, PchipInterpolator
from tqdm import tqdm

from tinyseq import datasets
from tinyseq.layers import Dense
from tinyseq.optimizers import Adam
from tinyseq.recurrent import GRU, Bidirectional

import keras  # isort: skip  after tinyseq

SEEDS = range(5)
L, BATCH, EPOCHS = 25, 32, 100
TIMES = np.arange(L)
GAP = slice(10, 15)
MISSING = (TIMES >= GAP.start) & (TIMES < GAP.stop)  # (L,)
YEARS, NUMBERS = datasets.sunspots()
TRAIN, VALIDATION, TEST = (1700, 1880), (1880, 1940), (1940, 2009)
BLOCKS = [(first, first + 60) for first in range(1700, 1940, 60)]  # each validates settings once; all before the test
SIZES = ("training years", "own known years")
UNITS, LRS = {"forward": (16, 32), "bidirectional": (8, 16)}, (0.005, 0.01)


def windows(*spans: tuple[int, int]) -> np.ndarray:
    """All windows (N, L) inside one of the spans, each given by its first year and the year after its last."""
    series = [NUMBERS[(first <= YEARS) & (stop > YEARS)] for first, stop in spans]
    return np.concatenate([np.lib.stride_tricks.sliding_window_view(part, L) for part in series])


def interpolations(some: np.ndarray, train: np.ndarray) -> dict[str, np.ndarray]:
    """What fills the gap without a network, (N, 5) each. Least squares is fitted to the training windows."""
    known, times = some[:, ~MISSING], TIMES[~MISSING]
    weights = np.linalg.lstsq(train[:, ~MISSING], train[:, GAP])[0]
    return {
        "last value": np.repeat(some[:, [GAP.start - 1]], MISSING.sum(), axis=1),
        "linear": np.stack([np.interp(TIMES[GAP], times, row) for row in known]),
        "PCHIP": PchipInterpolator(times, known, axis=1)(TIMES[GAP]),
        "cubic": CubicSpline(times, known, axis=1)(TIMES[GAP]),
        "cubic, not below 0": np.maximum(CubicSpline(times, known, axis=1)(TIMES[GAP]), 0),
        "least squares": known @ weights,
    }


def network(kind: str, units: int, seed: int) -> list:
    """A recurrent layer and a Dense layer with Keras's fresh weights."""
    keras.utils.set_random_seed(seed)
    rnn = keras.layers.GRU(units, return_sequences=True)
    if kind == "bidirectional":
        rnn = keras.layers.Bidirectional(rnn)
    model = keras.Sequential([keras.Input((None, 2)), rnn, keras.layers.Dense(1)])
    *weights, W, b = (weight.astype(float) for weight in model.get_weights())
    chains = [GRU(*weights[i : i + 3]) for i in range(0, len(weights), 3)]
    return [Bidirectional(*chains) if kind == "bidirectional" else chains[0], Dense(W, b)]


def inputs(scaled: np.ndarray) -> np.ndarray:
    """The values with 0 in the gap, and the flag: (N, L, 2)."""
    return np.stack([scaled * ~MISSING, np.broadcast_to(MISSING, scaled.shape)], axis=2)


def fit(kind: str, size: str, units: int, lr: float, seed: int, train: np.ndarray, validation: np.ndarray):
    """The validation error after each epoch, and a function: the best epoch's errors (N, 5) on any windows."""
    turn = -1 if kind == "backward" else 1  # a forward network that reads the years from the end
    layers = rnn, dense = network(kind, units, seed)
    optimizer, rng = Adam(layers, lr), np.random.default_rng(seed)

    def sizes(some):
        return some[:, ~MISSING].mean(axis=1, keepdims=True) if size == "own known years" else train.mean()

    def errors(some, rnn, dense):
        some = some[:, ::turn]
        filled = dense(rnn(inputs(some / sizes(some)))[0])[:, :, 0] * sizes(some)
        return np.abs(filled - some)[:, GAP][:, ::turn]

    scaled = (train / sizes(train))[:, ::turn]
    curve = []
    for _ in range(EPOCHS):
        for rows in np.split(rng.permutation(len(train)), range(BATCH, len(train), BATCH)):
            filled = dense.forward(rnn.forward(inputs(scaled[rows]))[0])[:, :, 0]  # (B, L)
            dfilled = MISSING * np.sign(filled - scaled[rows]) / (len(rows) * MISSING.sum())
            rnn.backward(dense.backward(dfilled[:, :, None]))
            optimizer.step()
        curve.append(errors(validation, *layers).mean())
        if curve[-1] == min(curve):
            best = deepcopy(layers)
    return np.array(curve), lambda some: errors(some, *best)


def choose(kind: str, size: str, units: int, lr: float) -> dict:
    """The error on the block left out, averaged over the blocks, at the epoch where it is lowest."""
    curves = []
    for block in BLOCKS:
        before, after = (1700, block[0]), (block[1], 1940)
        train = windows(*(span for span in (before, after) if span[0] < span[1]))
        curves.append(fit(kind, size, units, lr, 0, train, windows(block))[0])
    mae = float(np.mean(curves, axis=0).min())
    return {"model": kind, "size": size, "units": units, "lr": lr, "validation": round(mae, 2)}


def run(kind: str, settings: dict, seed: int) -> dict:
    size, units, lr = settings["size"], settings["units"], settings["lr"]
    curve, errors = fit(kind, size, units, lr, seed, windows(TRAIN), windows(VALIDATION))
    row = {"model": kind, "size": size, "seed": seed, "epoch": int(curve.argmin()) + 1}
    return row | summary(curve.min(), errors(windows(TEST)))


def summary(validation: float, errors: np.ndarray) -> dict:
    across = [round(float(mae), 2) for mae in errors.mean(axis=0)]
    return {"validation": round(float(validation), 2), "test": round(float(errors.mean()), 2), "across": across}


if __name__ == "__main__":
    rows = []
    validation, test = windows(VALIDATION), windows(TEST)
    on_validation, on_test = (interpolations(some, windows(TRAIN)) for some in (validation, test))
    for name in on_test:
        mae = np.abs(on_validation[name] - validation[:, GAP]).mean()
        rows.append({"model": name} | summary(mae, np.abs(on_test[name] - test[:, GAP])))
    grid = [(kind, *rest) for kind in UNITS for rest in product(SIZES, UNITS[kind], LRS)]
    chosen = [choose(*each) for each in tqdm(grid, unit="setting")]
    best = {kind: min((c for c in chosen if c["model"] == kind), key=lambda c: c["validation"]) for kind in UNITS}
    best["backward"] = best["forward"]
    for seed, kind in tqdm(list(product(SEEDS, best)), unit="network"):
        rows.append(run(kind, best[kind], seed))
    for seed in tqdm(SEEDS, unit="network"):
        rows.append(run("bidirectional", best["bidirectional"] | {"size": "training years"}, seed))
    study.write(__file__, rows, ("scipy", "keras"), chosen=chosen)

"""Which network recalls a symbol after T steps? Writes memory.json for the lesson lstm-gru.

python benchmarks/memory.py
"""

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # NumPy reads it when it is first imported

from itertools import product

import numpy as np
import study
from tqdm import tqdm

from tinyseq.layers import Dense, SoftmaxCrossEntropy
from tinyseq.optimizers import Adam, clip_gradients
from tinyseq.recurrent import GRU, LSTM, RNN

import keras  # isort: skip  after tinyseq, which silences it

NETWORKS = [("RNN", None), ("LSTM", 1), ("LSTM", 5), ("GRU", 0), ("GRU", 5)]  # the bias of the gate that keeps
LENGTHS, SEEDS = (10, 40, 100), range(5)
SYMBOLS, FILLERS, H, B, STEPS, SOLVED, LR = 4, 4, 32, 32, 600, 0.01, 0.005


def first_symbol(rng: np.random.Generator, n: int, T: int) -> tuple[np.ndarray, np.ndarray]:
    """A symbol, then fillers; the symbol is the answer. Shapes: (n, T, 8) and (n,)."""
    ids = SYMBOLS + rng.integers(FILLERS, size=(n, T))
    ids[:, 0] = rng.integers(SYMBOLS, size=n)
    return np.eye(SYMBOLS + FILLERS, dtype="float32")[ids], ids[:, 0]


def marked_symbol(rng: np.random.Generator, n: int, T: int) -> tuple[np.ndarray, np.ndarray]:
    """A symbol at each step, one in the first half with a mark; it is the answer. Shapes: (n, T, 5) and (n,)."""
    ids, where = rng.integers(SYMBOLS, size=(n, T)), rng.integers(T // 2, size=n)
    mark = np.zeros((n, T, 1), "float32")
    mark[np.arange(n), where] = 1
    return np.concatenate([np.eye(SYMBOLS, dtype="float32")[ids], mark], axis=2), ids[np.arange(n), where]


TASKS = {"first": first_symbol, "marked": marked_symbol}


def network(kind: str, bias: float | None, D: int) -> RNN | LSTM | GRU:
    """A layer with the weights that Keras starts with, except for the bias of the forget or the update gate."""
    theirs, ours = {
        "RNN": (keras.layers.SimpleRNN, RNN),
        "LSTM": (keras.layers.LSTM, LSTM),
        "GRU": (keras.layers.GRU, GRU),
    }[kind]
    layer = theirs(H)
    layer.build((None, None, D))
    W, U, b = (np.array(weight) for weight in layer.get_weights())
    if kind == "LSTM":
        b[H : 2 * H] = bias
    if kind == "GRU":
        b[0, :H] = bias
    return ours(W, U, b)


def accuracy(task: str, kind: str, bias: float | None, T: int, seed: int) -> float:
    """On new examples, after at most STEPS batches of new examples; training ends early when the loss is small."""
    keras.utils.set_random_seed(seed)
    rng, examples = np.random.default_rng(seed), TASKS[task]
    layer = network(kind, bias, D=examples(rng, 1, T)[0].shape[2])
    dense = Dense(rng.normal(0, 0.1, (H, SYMBOLS)).astype("float32"), np.zeros(SYMBOLS, "float32"))
    criterion, optimizer = SoftmaxCrossEntropy(), Adam([layer, dense], LR)
    for _ in range(STEPS):
        x, y = examples(rng, B, T)
        outputs = layer.forward(x)[0]
        loss = criterion.forward(dense.forward(outputs[:, -1]), y)
        if loss < SOLVED:
            break
        dout = np.zeros_like(outputs)
        dout[:, -1] = dense.backward(criterion.backward(1.0))
        layer.backward(dout)
        clip_gradients([layer, dense], 1.0)
        optimizer.step()
    x, y = examples(rng, 1000, T)
    return float((dense(layer(x)[0][:, -1]).argmax(axis=1) == y).mean())


def run(task: str, kind: str, bias: float | None, T: int, seed: int) -> dict:
    result = round(accuracy(task, kind, bias, T, seed), 3)
    return {"task": task, "network": kind, "bias": bias, "T": T, "seed": seed, "accuracy": result}


if __name__ == "__main__":
    cases = list(product(TASKS, NETWORKS, LENGTHS, SEEDS))
    rows = [run(task, *kind, T, seed) for task, kind, T, seed in tqdm(cases, unit="run")]
    study.write(__file__, rows, packages=("keras",), hidden=H, batch=B, steps=STEPS, lr=LR, chance=1 / SYMBOLS)

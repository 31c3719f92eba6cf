"""How fast is the NumPy LSTM beside Keras on a CPU, forward and backward? Writes recurrent_speed.json for chapter 4.

NumPy has one thread, TensorFlow takes what it likes. A ratio above 1 says that Keras takes longer.

python benchmarks/recurrent_speed.py
"""

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # NumPy reads it when it is first imported

from collections.abc import Callable
from time import perf_counter

import numpy as np
import study

from tinyseq.optimizers import SGD
from tinyseq.recurrent import LSTM

import keras  # isort: skip  after tinyseq, which silences it
import tensorflow as tf  # isort: skip

B, D, ROUNDS = 64, 16, 20


def measure(T: int, H: int) -> dict[str, float]:
    """The shortest time of one step of each program, in rounds that take turns."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(B, T, D)).astype(np.float32), rng.normal(size=(B, T, H)).astype(np.float32)
    theirs = keras.layers.LSTM(H, return_sequences=True)
    model = keras.Sequential([keras.Input((T, D)), theirs])
    model.compile(keras.optimizers.SGD(0.01), "mse")
    ours = LSTM(*(weight.copy() for weight in theirs.get_weights()))
    optimizer = SGD([ours], 0.01)

    def numpy_step():
        outputs, *_ = ours.forward(x)
        ours.backward(2 * (outputs - y) / y.size)
        optimizer.step()

    def eager_step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((theirs(x) - y) ** 2)
        tape.gradient(loss, theirs.trainable_weights)

    programs = {"tinyseq": numpy_step, "eager": eager_step, "fit": lambda: model.train_on_batch(x, y)}
    times = {name: np.inf for name in programs}
    for n in range(ROUNDS):
        for name, program in programs.items():
            if name != "eager" or n < ROUNDS // 4:  # it is slow, and steady
                times[name] = min(times[name], seconds(program))
    return times


def seconds(program: Callable[[], None]) -> float:
    start = perf_counter()
    program()
    return perf_counter() - start


if __name__ == "__main__":
    rows = []
    for T in (10, 30, 100):
        for H in (16, 32, 64, 128):
            times = measure(T, H)
            ratios = {name: round(times[name] / times["tinyseq"], 2) for name in ("eager", "fit")}
            rows.append({"T": T, "H": H, "milliseconds": round(1e3 * times["tinyseq"], 2)} | ratios)
            print(
                "T = {T:3}, H = {H:3}: {milliseconds:6.2f} ms, Keras eager {eager:5.2f}, fit {fit:5.2f}".format(
                    **rows[-1]
                )
            )
    study.write(__file__, rows, packages=("keras", "tensorflow-cpu"), settings={"B": B, "D": D})

"""Does reading the whole dialogue pay, and does it pay to read it turn by turn? Writes hred.json for the lesson hred.

python benchmarks/hred.py
"""

import os
import time

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # NumPy reads it when it is first imported

import numpy as np
import study
from tqdm import tqdm

from tinyseq import datasets, decoding
from tinyseq.keras_models import HRED, answer_loss, encode, vocabulary
from tinyseq.recurrent import GRU
from tinyseq.text import BOS, EOS

import keras  # isort: skip  after tinyseq

SEEDS = range(3)
COUNT, TEST_PAIRS, VALIDATION_PAIRS = 10_000, 250, 70
N, T, LONGEST = 5, 6, 8
UNITS, LR, BATCH, EPOCHS = 64, 0.004, 64, 8
LAST, AS_ONE, TURN_BY_TURN = (
    lambda turns: turns[:, -1:],
    lambda turns: turns.reshape(len(turns), 1, -1),
    lambda turns: turns,
)
MODELS = {
    "last turn": (LAST, EPOCHS),
    "all turns as one": (AS_ONE, EPOCHS),
    "all turns as one, twice the epochs": (AS_ONE, 2 * EPOCHS),
    "HRED": (TURN_BY_TURN, EPOCHS),
}
GROWTH, REPEATS = (2, 4, 8, 16, 32), 20


def data(seed: int):
    """The vocabulary of the training part, and the three parts, train, validation, test, as dialogues and as ids."""
    rest, test = datasets.held_out(datasets.dialogues(COUNT, seed), TEST_PAIRS, seed)
    train, validation = datasets.held_out(rest, VALIDATION_PAIRS, seed)
    words, parts = vocabulary(train), (train, validation, test)
    return words, parts, [encode(part, words, N, T) for part in parts]


def fit(model, encoded, view=TURN_BY_TURN, epochs: int = EPOCHS) -> float:
    """Train; returns the seconds, compilation included."""
    model.compile(keras.optimizers.Adam(LR, global_clipnorm=5.0), answer_loss, steps_per_execution=10)
    start = time.perf_counter()
    inputs = [view(encoded.turns), encoded.answer_inputs]
    model.fit(inputs, encoded.targets, batch_size=BATCH, epochs=epochs, verbose=0)
    return round(time.perf_counter() - start, 1)


def say(model, words, states, decode=decoding.greedy, **more) -> list[list[str]]:
    bos, eos = words.encode([BOS, EOS])
    return [words.decode(ids) for ids in decode(model.step, states, bos, eos, LONGEST, **more)]


def right(part, said) -> dict:
    """The share of valid answers: for facts this means the one exact answer."""
    good = {
        kind: [a in d.valid for d, a in zip(part, said, strict=True) if d.kind == kind] for kind in ("fact", "open")
    }
    return {kind: round(float(np.mean(good[kind])), 3) for kind in good}


def weights(model) -> int:
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


def run(name: str, seed: int) -> dict:
    words, (_, *parts), (train, *encoded) = data(seed)
    keras.utils.set_random_seed(seed)
    model, (view, epochs) = HRED(len(words), UNITS), MODELS[name]
    seconds = fit(model, train, view, epochs)
    row = {"model": name, "seed": seed, "weights": weights(model), "seconds": seconds}
    for where, part, ids in zip(("validation", "test"), parts, encoded, strict=True):
        found = right(part, say(model, words, model.start(model.context(view(ids.turns)))))
        row |= {f"{where}_{kind}": share for kind, share in found.items()}
    return row | {"test_dialogues": len(parts[1]), "test_pairs": len({dialogue.pair for dialogue in parts[1]})}


def growth(turns: int) -> dict:
    """What reading costs where each of many turns of T words is answered: new turn only, or everything again.

    Steps are those of a GRU. The path is what lies between the first word and the answer. Time is the processor's.
    """
    rng = np.random.default_rng(0)
    utterance, context = (
        GRU(*(rng.normal(0, 0.1, shape) for shape in ((UNITS, 3 * UNITS), (UNITS, 3 * UNITS), (2, 3 * UNITS))))
        for _ in range(2)
    )
    words = rng.normal(size=(1, turns * T, UNITS))

    def turn_by_turn():
        state = np.zeros((1, UNITS))
        for n in range(turns):
            _, vector = utterance(words[:, n * T : (n + 1) * T])
            _, state = context(vector[:, None], None, state)

    def again():
        for n in range(turns):
            utterance(words[:, : (n + 1) * T])

    seconds = {read: [] for read in (turn_by_turn, again)}
    for _ in range(REPEATS):
        for read, taken in seconds.items():
            start = time.process_time()
            read()
            taken.append(time.process_time() - start)
    return {
        "turns": turns,
        "steps_hred": turns * (T + 1),
        "steps_again": T * turns * (turns + 1) // 2,
        "steps_state_kept": turns * T,
        "path_hred": T + turns,
        "path_as_one": turns * T,
        "time_ratio": round(min(seconds[again]) / min(seconds[turn_by_turn]), 1),
    }


if __name__ == "__main__":
    rows = [run(name, seed) for seed, name in tqdm([(seed, name) for seed in SEEDS for name in MODELS], unit="model")]
    cost = [growth(turns) for turns in tqdm(GROWTH, unit="length")]
    settings = {"dialogues": COUNT, "units": UNITS, "lr": LR, "batch": BATCH, "epochs": EPOCHS, "N": N, "T": T}
    study.write(__file__, rows, ("keras", "tensorflow-cpu"), settings=settings, growth=cost)

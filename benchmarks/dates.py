"""How well do plain, reversed and peeky seq2seq models read dates? Writes dates.json for the lesson dates.

python benchmarks/dates.py
"""

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # NumPy reads it when it is first imported

from datetime import date
from multiprocessing import Pool
from time import process_time

import numpy as np
import study
from babel.dates import format_date

from tinyseq import datasets
from tinyseq.datasets.eras import LENGTHS, LOCALES
from tinyseq.decoding import greedy
from tinyseq.layers import Dense, Embedding, SoftmaxCrossEntropy
from tinyseq.optimizers import Adam, clip_gradients
from tinyseq.recurrent import GRU
from tinyseq.seq2seq import Decoder, Encoder, Seq2Seq, shifted
from tinyseq.text import BOS, EOS, Vocabulary, pad

# Each: model, epochs, seed.
RUNS = [(model, 8, seed) for seed in range(3) for model in ("peeky", "plain", "reversed", "reversed peeky")]
RUNS += [("plain", 16, 0), ("plain", 16, 1), ("plain", 24, 0), ("peeky", 8, 3), ("peeky", 8, 4)]
PAIRS, D, H, BATCH, LR, LONGEST = 22_400, 24, 128, 64, 0.004, 12
GROUPS = ["6-10", "11-15", "16-20", "21-40"]  # characters


def split(pairs: list[tuple[str, str]]) -> list[list[tuple[str, str]]]:
    """Training, validation and test; every day stands in one of them alone, whatever its notation."""
    days = np.array(sorted({iso for _, iso in pairs}))
    np.random.default_rng(0).shuffle(days)
    n = len(days) // 20
    validation, test = set(days[:n]), set(days[n : 2 * n])
    parts = [[], [], []]
    for written, iso in pairs:
        parts[1 if iso in validation else 2 if iso in test else 0].append((written, iso))
    return parts


def notation(written: str, iso: str) -> str:
    day = date.fromisoformat(iso)
    name, letter, _ = datasets.era(day)
    if written.startswith(name):
        return "era name"
    if written[0] == letter and written[1].isdigit():
        return "era letter"
    return next(each for each in LOCALES if written in [format_date(day, length, each) for length in LENGTHS])


def length_group(written: str) -> str:
    return next(group for group in GROUPS if len(written) <= int(group.split("-")[1]))


TRAIN, VALIDATION, TEST = split(datasets.dates(PAIRS, seed=1))
SOURCE = Vocabulary(written for written, _ in TRAIN)
TARGET = Vocabulary((iso for _, iso in TRAIN), special=(BOS, EOS))
LABELS = {"by_length": [length_group(w) for w, _ in TEST], "by_notation": [notation(*pair) for pair in TEST]}


def network(peeky: bool, rng: np.random.Generator) -> Seq2Seq:
    C, V, V_out = H * peeky, len(SOURCE), len(TARGET)
    encoder = Encoder(Embedding.fresh(rng, V, D, np.float32), GRU.fresh(rng, D, H, np.float32))
    parts = Embedding.fresh(rng, V_out, D, np.float32), GRU.fresh(rng, D + C, H, np.float32)
    return Seq2Seq(encoder, Decoder(*parts, Dense.fresh(rng, H + C, V_out, np.float32)), peeky)


def right(model: Seq2Seq, pairs: list[tuple[str, str]], order: int) -> np.ndarray:
    """Whether each date is read to the last digit: (N,)."""
    source = pad([SOURCE.encode(written[::order]) for written, _ in pairs])
    said = greedy(model.step, model.start(source), 2, 3, LONGEST)
    return np.array([TARGET.encode(iso) == ids for ids, (_, iso) in zip(said, pairs, strict=True)])


def batches(lengths: np.ndarray, size: int, rng: np.random.Generator) -> list[np.ndarray]:
    """The numbers of all examples in batches of similar lengths, in random order."""
    rows = rng.permutation(len(lengths))
    rows = rows[np.argsort(lengths[rows], kind="stable")]
    found = np.split(rows, range(size, len(rows), size))
    return [found[k] for k in rng.permutation(len(found))]


def run(settings: tuple[str, int, int]) -> dict:
    name, epochs, seed = settings
    order, rng = -1 if "reversed" in name else 1, np.random.default_rng(seed)
    X, Y = [SOURCE.encode(w[::order]) for w, _ in TRAIN], [TARGET.encode(iso) for _, iso in TRAIN]
    lengths = np.array([len(ids) for ids in X])
    model = network("peeky" in name, rng)
    criterion, optimizer = SoftmaxCrossEntropy(), Adam([model], LR)
    curve, seconds, steps, done = [], 0.0, epochs * -(-len(X) // BATCH), 0  # seconds of one core
    for _ in range(epochs):
        started = process_time()
        for rows in batches(lengths, BATCH, rng):
            inputs, targets = shifted([Y[r] for r in rows], 2, 3)
            scores = model.forward(pad([X[r] for r in rows]), inputs)
            criterion.forward(scores, targets, targets != 0)
            model.backward(criterion.backward(np.float32(1)))
            clip_gradients([model], 5)
            optimizer.lr = LR * (1 - done / steps)
            optimizer.step()
            done += 1
        seconds += process_time() - started
        curve.append(round(float(right(model, VALIDATION, order).mean()), 4))
        print(f"{name}, {epochs} epochs, seed {seed}:", *curve[-1:], f"{seconds:.0f} s", flush=True)
    on_test = right(model, TEST, order)
    row = {"model": name, "epochs": epochs, "seed": seed, "validation": curve, "test": round(float(on_test.mean()), 4)}
    row["seconds_per_epoch"] = round(seconds / epochs, 1)
    for kind, labels in LABELS.items():
        row[kind] = {each: int(on_test[np.array(labels) == each].sum()) for each in sorted(set(labels))}
    return row


if __name__ == "__main__":
    sizes = {"train": len(TRAIN), "validation": len(VALIDATION), "test": len(TEST)}
    counts = {kind: {each: labels.count(each) for each in sorted(set(labels))} for kind, labels in LABELS.items()}
    rows = []
    with Pool(2) as pool:
        for row in pool.imap(run, RUNS):
            rows.append(row)
            study.write(__file__, rows, ("babel",), sizes=sizes, test_counts=counts)  # nothing is lost

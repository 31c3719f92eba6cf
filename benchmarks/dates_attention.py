"""What does attention bring, on dates and on copies of digits? Writes dates_attention.json for seq2seq-attention.

The data and the settings are those of dates.py, whose rows are the models without attention.

python benchmarks/dates_attention.py
"""

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # NumPy reads it when it is first imported

import re
from multiprocessing import Pool
from time import process_time

import numpy as np
import study
from dates import SOURCE, TARGET, TEST, TRAIN, VALIDATION, batches, notation, right

from tinyseq.attention import AdditiveAttention, DotProductAttention
from tinyseq.attentive import AttentiveSeq2Seq, BahdanauDecoder, LuongDecoder
from tinyseq.layers import Dense, Embedding, Network, SoftmaxCrossEntropy
from tinyseq.optimizers import Adam, clip_gradients
from tinyseq.recurrent import GRU, Bidirectional
from tinyseq.seq2seq import Decoder, Encoder, Seq2Seq, shifted
from tinyseq.text import pad
from tinyseq.transformer import positions

# Each: task, model, epochs, seed.
RUNS = [("dates", name, 5, seed) for seed in range(3) for name in ("bi Luong", "bi Bahdanau", "Luong")]
RUNS += [("dates", "Luong", 8, seed) for seed in range(3)]
RUNS += [("copies", name, 12, seed) for seed in range(2) for name in ("reversed", "Luong", "Luong, positions")]
RUNS += [("dates", "bi Luong, even", 5, seed) for seed in range(3)]
D, H, H_COPIES, A, BATCH, LR = 24, 128, 64, 32, 64, 0.004
COPIES, TRAINED, TESTED = 12_000, (2, 20), (2, 30)  # the shortest and the longest, in digits
GROUPS = [(2, 5), (6, 10), (11, 15), (16, 20), (21, 25), (26, 30)]
DIGITS = [0, 1, 2, 3, 5, 6, 8, 9]  # of 2019-05-01
TOKENS = 14  # padding, unknown, BOS, EOS, ten digits


class Even(DotProductAttention):
    """Looks at every place alike: what remains of a model when its attention has nothing to choose."""

    def _scores(self, query, key):
        scores, scored = super()._scores(query, key)
        return np.zeros_like(scores), scored

    def _scores_back(self, dscores, scored):
        query, key, _ = scored
        return np.zeros_like(query), np.zeros_like(key)


class Positioned(Embedding):
    """Beside what a token is, where it stands: the sines of its position are added to its vector."""

    def _forward(self, ids):
        x, looked_up = super()._forward(ids)
        return x + positions(*x.shape[1:]).astype(x.dtype), looked_up


def network(name: str, rng: np.random.Generator, V: int, V_out: int, H: int) -> Network:
    kind = Positioned if "positions" in name else Embedding
    read, written = (kind.fresh(rng, size, D, np.float32) for size in (V, V_out))
    if name.startswith("bi"):
        reader = Bidirectional(*(GRU.fresh(rng, D, H // 2, np.float32) for _ in range(2)))
    else:
        reader = GRU.fresh(rng, D, H, np.float32)
    encoder = Encoder(read, reader)
    if "Luong" in name:
        writer, joined = GRU.fresh(rng, D, H, np.float32), Dense.fresh(rng, 2 * H, H, np.float32)
        attention = Even(scaled=False) if "even" in name else DotProductAttention(scaled=False)
        dense = Dense.fresh(rng, H, V_out, np.float32)
        return AttentiveSeq2Seq(encoder, LuongDecoder(written, writer, attention, joined, dense))
    if "Bahdanau" in name:
        writer, attention = GRU.fresh(rng, D + H, H, np.float32), AdditiveAttention.fresh(rng, H, H, A, np.float32)
        dense = Dense.fresh(rng, 2 * H, V_out, np.float32)
        return AttentiveSeq2Seq(encoder, BahdanauDecoder(written, writer, attention, dense))
    return Seq2Seq(encoder, Decoder(written, GRU.fresh(rng, D, H, np.float32), Dense.fresh(rng, H, V_out, np.float32)))


def digits(count: int, shortest: int, longest: int, rng: np.random.Generator) -> list[list[int]]:
    """Random digits, ids from 4 on, of all these lengths alike."""
    return [rng.integers(4, TOKENS, size=rng.integers(shortest, longest + 1)).tolist() for _ in range(count)]


def epochs_of(model: Network, X: list[list[int]], Y: list[list[int]], epochs: int, rng: np.random.Generator):
    """Train, and after each epoch give the seconds of one core that it took."""
    lengths = np.array([len(ids) for ids in X])
    criterion, optimizer = SoftmaxCrossEntropy(), Adam([model], LR)
    steps = epochs * -(-len(X) // BATCH)
    for _ in range(epochs):
        started = process_time()
        for rows in batches(lengths, BATCH, rng):
            inputs, targets = shifted([Y[r] for r in rows], 2, 3)
            scores = scores_of(model.forward(pad([X[r] for r in rows]), inputs))
            criterion.forward(scores, targets, targets != 0)
            model.backward(criterion.backward(np.float32(1)))
            clip_gradients([model], 5)
            optimizer.lr = LR * (1 - optimizer.steps / steps)
            optimizer.step()
        yield process_time() - started


def scores_of(output) -> np.ndarray:
    return output[0] if isinstance(output, tuple) else output


def places(written: str, iso: str) -> list[int] | None:
    """Where each of the eight digits of a date stands in a notation of three numbers; None for other notations.

    A month or a day of one digit is the place of both of its digits: 05 comes from 5.
    """
    numbers = [(found.start(), found.end() - 1) for found in re.finditer(r"\d+", written)]
    if len(numbers) != 3 or iso[:4] not in written:
        return None
    year, month, day = numbers if written.startswith(iso[:4]) else numbers[::-1]
    return [*range(year[0], year[1] + 1), *month, *day]


def orders(model: AttentiveSeq2Seq, pairs: list[tuple[str, str]]) -> dict[str, dict[str, float]]:
    """How far the largest weight of each written digit follows its place, and how far it follows a diagonal.

    By notation, the means over strings of two correlations: with the digit's place in the source, and in the target.
    """
    inputs, _ = shifted([TARGET.encode(iso) for _, iso in pairs], 2, 3)
    _, weights = model(pad([SOURCE.encode(written) for written, _ in pairs]), inputs)
    looked_at = weights.argmax(axis=2)[:, DIGITS]  # (N, 8)
    found = {}
    for pair, where in zip(pairs, looked_at, strict=True):
        if (true := places(*pair)) is not None:
            found.setdefault(notation(*pair), []).append(np.corrcoef(np.stack([true, DIGITS, where]))[2, :2])
    means = {each: np.mean(found[each], axis=0) for each in sorted(found)}
    return {each: {"place": round(float(a), 3), "diagonal": round(float(b), 3)} for each, (a, b) in means.items()}


def dates(name: str, epochs: int, rng: np.random.Generator) -> dict:
    model = network(name, rng, len(SOURCE), len(TARGET), H)
    X, Y = [SOURCE.encode(written) for written, _ in TRAIN], [TARGET.encode(iso) for _, iso in TRAIN]
    curve, seconds = [], []
    for each in epochs_of(model, X, Y, epochs, rng):
        curve.append(round(float(right(model, VALIDATION, 1).mean()), 4))
        seconds.append(each)
    test = round(float(right(model, TEST, 1).mean()), 4)
    row = {"validation": curve, "test": test, "seconds": round(sum(seconds), 1)}
    return row if "even" in name else row | {"order": orders(model, VALIDATION)}


def copies(name: str, epochs: int, rng: np.random.Generator) -> dict:
    model, order = network(name, rng, TOKENS, TOKENS, H_COPIES), -1 if name == "reversed" else 1
    train, test = digits(COPIES, *TRAINED, rng), digits(3000, *TESTED, np.random.default_rng(99))
    seconds = sum(epochs_of(model, [ids[::order] for ids in train], train, epochs, rng))
    inputs, targets = shifted(test, 2, 3)
    said = scores_of(model(pad([ids[::order] for ids in test]), inputs)).argmax(axis=2)
    # Exact with the true tokens before is exact with its own: up to the first error they are the same.
    exact = ((said == targets) | (targets == 0)).all(axis=1)
    lengths = np.array([len(ids) for ids in test])
    by_length = [exact[(shortest <= lengths) & (lengths <= longest)].mean() for shortest, longest in GROUPS]
    return {
        "by_length": {f"{a}-{b}": round(float(share), 4) for (a, b), share in zip(GROUPS, by_length, strict=True)},
        "seconds": round(seconds, 1),
    }


def run(settings: tuple[str, str, int, int]) -> dict:
    task, name, epochs, seed = settings
    result = {"dates": dates, "copies": copies}[task](name, epochs, np.random.default_rng(seed))
    return {"task": task, "model": name, "epochs": epochs, "seed": seed} | result


if __name__ == "__main__":
    rows = []
    with Pool(2) as pool:
        for row in pool.imap(run, RUNS):
            print(row, flush=True)
            rows.append(row)
            study.write(__file__, rows, ("babel",))  # nothing is lost

"""How well does a small Transformer read dates, and what does it lose without positions or with one head? How does the
time of self-attention grow beside a GRU's? Writes transformer.json for the lesson transformer.

python benchmarks/transformer.py
"""

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # NumPy reads it when it is first imported

from multiprocessing import Pool
from time import perf_counter, process_time

import numpy as np
import study
from dates import LABELS, LONGEST, SOURCE, TARGET, TEST, TRAIN, VALIDATION, batches

from tinyseq.attention import MultiHeadAttention
from tinyseq.decoding import greedy
from tinyseq.layers import Dense, Embedding, SoftmaxCrossEntropy
from tinyseq.optimizers import Adam, clip_gradients
from tinyseq.recurrent import GRU
from tinyseq.seq2seq import shifted
from tinyseq.text import pad
from tinyseq.transformer import DecoderBlock, EncoderBlock, Transformer

RUNS = [(model, seed) for seed in range(3) for model in ("transformer", "without positions", "one head")]
D, N, F, BATCH, LR, WARM_UP, CLIP, EPOCHS = 64, 4, 128, 32, 0.004, 200, 1, 6
LENGTHS, SEQUENCES, ROUNDS = (8, 16, 32, 64, 128, 256, 512, 1024), 8, 7
PARTS = {"year": slice(4), "month": slice(5, 7), "day": slice(8, None)}


class WithoutPositions(Transformer):
    """The same network, whose embeddings do not say where a token stands."""

    def _embed(self, name, ids):
        vectors, looked_up = self.parts[name]._forward(ids)
        return vectors * vectors.dtype.type(np.sqrt(D)), looked_up


def network(name: str, rng: np.random.Generator) -> Transformer:
    heads = 1 if name == "one head" else N
    source, target = (Embedding.fresh(rng, len(vocabulary), D, np.float32) for vocabulary in (SOURCE, TARGET))
    encoder = [EncoderBlock.fresh(rng, D, heads, F, np.float32)]
    decoder = [DecoderBlock.fresh(rng, D, heads, F, np.float32)]
    kind = WithoutPositions if name == "without positions" else Transformer
    return kind(source, encoder, target, decoder, Dense.fresh(rng, D, len(TARGET), np.float32))


def read(model: Transformer, pairs: list[tuple[str, str]]) -> list[str]:
    source = pad([SOURCE.encode(written) for written, _ in pairs])
    return ["".join(TARGET.decode(ids)) for ids in greedy(model.step, model.start(source), 2, 3, LONGEST)]


def run(settings: tuple[str, int]) -> dict:
    name, seed = settings
    rng = np.random.default_rng(seed)
    X, Y = [SOURCE.encode(w) for w, _ in TRAIN], [TARGET.encode(iso) for _, iso in TRAIN]
    lengths = np.array([len(ids) for ids in X])
    model = network(name, rng)
    criterion, optimizer = SoftmaxCrossEntropy(), Adam([model], LR)
    curve, seconds, steps, done = [], 0.0, EPOCHS * -(-len(X) // BATCH), 0  # seconds of one core
    for _ in range(EPOCHS):
        started = process_time()
        for rows in batches(lengths, BATCH, rng):
            inputs, targets = shifted([Y[r] for r in rows], 2, 3)
            scores, _ = model.forward(pad([X[r] for r in rows]), inputs)
            criterion.forward(scores, targets, targets != 0)
            model.backward(criterion.backward(np.float32(1)))
            clip_gradients([model], CLIP)
            done += 1
            optimizer.lr = LR * min(done / WARM_UP, (steps - done) / (steps - WARM_UP))
            optimizer.step()
        seconds += process_time() - started
        curve.append(round(float(np.equal(read(model, VALIDATION), [iso for _, iso in VALIDATION]).mean()), 4))
        print(f"{name}, seed {seed}:", *curve[-1:], f"{seconds:.0f} s", flush=True)
    said, isos = read(model, TEST), [iso for _, iso in TEST]
    right = np.equal(said, isos)
    row = {"model": name, "seed": seed, "validation": curve, "test": round(float(right.mean()), 4)}
    for part, where in PARTS.items():
        row[part] = round(float(np.mean([a[where] == b[where] for a, b in zip(said, isos, strict=True)])), 4)
    row["same_characters"] = round(float(np.mean([sorted(a) == sorted(b) for a, b in zip(said, isos, strict=True)])), 4)
    row["weights"], row["seconds_per_epoch"] = sum(w.size for w in model.params.values()), round(seconds / EPOCHS, 1)
    for kind, labels in LABELS.items():
        row[kind] = {each: int(right[np.array(labels) == each].sum()) for each in sorted(set(labels))}
    return row


def growth(T: int) -> dict:
    """The shortest time of a forward pass over sequences of T tokens, in rounds that take turns."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(SEQUENCES, T, D)).astype(np.float32)
    attention = MultiHeadAttention.fresh(rng, D, N, np.float32)
    gru = GRU.fresh(rng, D, D, np.float32)
    programs = {"attention": lambda: attention(x, x), "gru": lambda: gru(x)}
    times = dict.fromkeys(programs, np.inf)
    for _ in range(ROUNDS):
        for name, program in programs.items():
            started = perf_counter()
            program()
            times[name] = min(times[name], perf_counter() - started)
    row = {"T": T} | {f"{name}_ms": round(1e3 * seconds, 3) for name, seconds in times.items()}
    return row | {"attention_by_gru": round(times["attention"] / times["gru"], 3)}


if __name__ == "__main__":
    more = {
        "sizes": {"train": len(TRAIN), "validation": len(VALIDATION), "test": len(TEST)},
        "settings": {
            "D": D,
            "N": N,
            "F": F,
            "batch": BATCH,
            "lr": LR,
            "warm_up": WARM_UP,
            "clip": CLIP,
            "epochs": EPOCHS,
            "sequences": SEQUENCES,
        },
        "test_counts": {
            kind: {each: labels.count(each) for each in sorted(set(labels))} for kind, labels in LABELS.items()
        },
        "growth": [growth(T) for T in LENGTHS],
    }
    print(*more["growth"], sep="\n", flush=True)
    rows = []
    with Pool(2) as pool:
        for row in pool.imap(run, RUNS):
            rows.append(row)
            study.write(__file__, rows, ("babel",), **more)  # nothing is lost

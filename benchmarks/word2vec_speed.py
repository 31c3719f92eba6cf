"""How many words a second, side by side in one run on one thread? Writes word2vec_speed.json for chapter 3.

python benchmarks/word2vec_speed.py
"""

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # NumPy reads it when it is first imported

from time import perf_counter

import numpy as np
import study
from gensim.models import Word2Vec

from tinyseq import datasets, text
from tinyseq.layers import softmax
from tinyseq.word2vec import Examples, NegativeSampling, neighbours, train

H, WINDOW, K, SAMPLE, EPOCHS, ROUNDS = 100, 5, 5, 1e-3, 2, 5
LOOP_BATCH, LOOP_BATCHES = 100, 20

sentences = [sentence for article in datasets.wikipedia() for sentence in article.sentences]
vocabulary = text.Vocabulary(sentences, min_count=5)
known = [[word for word in sentence if word in vocabulary.ids] for sentence in sentences]
encoded = [vocabulary.encode(sentence) for sentence in known]
V, words = len(vocabulary), sum(map(len, encoded))


def tinyseq_speed(skip_gram: bool) -> float:
    table = np.random.default_rng(0).uniform(-0.5 / H, 0.5 / H, (V, H)).astype(np.float32)
    layer = NegativeSampling(table, np.zeros_like(table))
    examples = Examples(encoded, V, skip_gram=skip_gram, window=WINDOW, K=K, sample=SAMPLE)
    start = perf_counter()
    for _ in train(layer, examples, epochs=EPOCHS):
        pass
    return EPOCHS * words / (perf_counter() - start)


def gensim_speed(skip_gram: bool) -> float:
    settings = {"vector_size": H, "window": WINDOW, "negative": K, "sample": SAMPLE}
    model = Word2Vec(min_count=1, sg=int(skip_gram), workers=1, **settings)
    model.build_vocab(known)
    start = perf_counter()
    model.train(known, total_examples=model.corpus_count, epochs=EPOCHS)
    return EPOCHS * words / (perf_counter() - start)


def loop_speed() -> float:
    """The style of the blog: one-hot targets, softmax over V, a loop over words in backward, Adam on whole tables."""
    rng = np.random.default_rng(0)
    weights = [rng.normal(0, 0.01, shape).astype(np.float32) for shape in ((V, H), (H, V))]
    means, squares = ([np.zeros_like(weight) for weight in weights] for _ in range(2))
    ids = np.concatenate(encoded[:200])
    contexts, _ = neighbours(ids, np.zeros(len(ids)), WINDOW, rng)
    start = perf_counter()
    for n in range(LOOP_BATCHES):
        some = rng.choice(len(ids), LOOP_BATCH)
        h = weights[0][contexts[some]].mean(axis=1)
        targets = np.zeros((LOOP_BATCH, V), np.int32)
        for row, word in enumerate(ids[some]):
            targets[row, word] = 1
        dscores = (softmax(h @ weights[1]) - targets) / LOOP_BATCH
        dh = dscores @ weights[1].T
        grads = [np.zeros_like(weights[0]), h.T @ dscores]
        for row, around in enumerate(contexts[some]):
            for word in around:
                grads[0][word] += dh[row] / len(around)
        for weight, grad, mean, square in zip(weights, grads, means, squares, strict=True):
            mean[...] = 0.9 * mean + 0.1 * grad
            square[...] = 0.999 * square + 0.001 * grad**2
            rate = 0.001 * np.sqrt(1 - 0.999 ** (n + 1)) / (1 - 0.9 ** (n + 1))
            weight -= rate * mean / (np.sqrt(square) + 1e-7)
    return LOOP_BATCHES * LOOP_BATCH / (perf_counter() - start)


PROGRAMS = {
    "CBOW, tinyseq": lambda: tinyseq_speed(False),
    "CBOW, gensim": lambda: gensim_speed(False),
    "skip-gram, tinyseq": lambda: tinyseq_speed(True),
    "skip-gram, gensim": lambda: gensim_speed(True),
    "CBOW, softmax and loops": loop_speed,
}

if __name__ == "__main__":
    speeds = {name: 0.0 for name in PROGRAMS}
    for _ in range(ROUNDS):
        for name, program in PROGRAMS.items():
            speeds[name] = max(speeds[name], program())
    base = speeds["CBOW, gensim"]
    rows = [
        {"program": name, "words_per_second": round(speed, -2), "ratio": round(speed / base, 4)}
        for name, speed in speeds.items()
    ]
    for row in rows:
        print(
            f"{row['program']:24} {row['words_per_second']:12,.0f} words a second, {row['ratio']:7.4f} of gensim's CBOW"
        )
    print(f"tinyseq's CBOW is {speeds['CBOW, tinyseq'] / speeds['CBOW, softmax and loops']:,.0f} times the loops")
    settings = {"H": H, "window": WINDOW, "K": K, "sample": SAMPLE, "V": V, "words": words}
    study.write(__file__, rows, packages=("scipy", "gensim"), settings=settings)

"""Does a loss curve show that half of the gradient is lost? Writes cbow_bug.json for the lesson simple-cbow.

python benchmarks/cbow_bug.py
"""

import numpy as np
import study
from tqdm import tqdm

from tinyseq.layers import Dense, Embedding, SoftmaxCrossEntropy
from tinyseq.optimizers import Adam
from tinyseq.word2vec import CBOW, contexts_and_targets

SEEDS = range(20)
V, H, BATCH, STEPS, EVERY = 7, 5, 3, 1000, 50
CONTEXTS, TARGETS = contexts_and_targets(np.array([0, 1, 2, 3, 4, 1, 5, 6]), window=1)


def losses(seed: int, backwards: int) -> list[float]:
    """The loss over the whole sentence, every few steps of training.

    The embedding is called for the left neighbours, then for the right ones. One call of backward uses only the latest
    pass, as the blog's program does; two are the true gradient.
    """
    rng = np.random.default_rng(seed)
    W_in, W_out = 0.01 * rng.normal(size=(V, H)), 0.01 * rng.normal(size=(H, V))
    table, out, criterion = Embedding(W_in), Dense(W_out), SoftmaxCrossEntropy()
    optimizer, whole = Adam([table, out]), CBOW(W_in, W_out)
    curve = []
    batches = np.random.default_rng(100 + seed).choice(len(TARGETS), size=(STEPS, BATCH))
    for step, some in enumerate(batches):
        if step % EVERY == 0:
            curve.append(whole(CONTEXTS, TARGETS))
        h = (table.forward(CONTEXTS[some, 0]) + table.forward(CONTEXTS[some, 1])) * 0.5
        criterion.forward(out.forward(h), TARGETS[some])
        dh = out.backward(criterion.backward(1.0)) * 0.5
        for _ in range(backwards):
            table.backward(dh)
        optimizer.step()
    return [round(float(loss), 4) for loss in [*curve, whole(CONTEXTS, TARGETS)]]


def run(seed: int) -> dict:
    return {"seed": seed, "blog": losses(seed, backwards=1), "mended": losses(seed, backwards=2)}


if __name__ == "__main__":
    study.write(__file__, [run(seed) for seed in tqdm(SEEDS, unit="seed")], every=EVERY)

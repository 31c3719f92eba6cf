"""Does training bring like words together, whatever the seed? Writes neighbours.json for the lesson learning-the-table.

python benchmarks/neighbours.py
"""

import numpy as np
import study
from tqdm import tqdm

from tinyseq import datasets, text
from tinyseq.layers import Dense, Embedding, SoftmaxCrossEntropy
from tinyseq.optimizers import Adam

SEEDS = range(5)
D, BATCH, EPOCHS, LR = 32, 512, 2, 0.01
GROUPS = [
    "two three five six",
    "january march july october",
    "lithium sodium potassium caesium",
    "north south east west",
    "can may must should",
]

sentences = [sentence for article in datasets.wikipedia() for sentence in article.sentences]
vocabulary = text.Vocabulary(sentences, min_count=50)
encoded = [vocabulary.encode(sentence) for sentence in sentences]
label = np.repeat(np.arange(len(GROUPS)), 4)
chosen = np.array(vocabulary.encode(" ".join(GROUPS).split()))


def neighbours(sentences: list[list[int]]) -> np.ndarray:
    """The pairs of adjacent known words, in both directions: (N, 2)."""
    forward = np.concatenate([np.column_stack([ids[:-1], ids[1:]]) for ids in sentences])
    pairs = np.concatenate([forward, forward[:, ::-1]])
    return pairs[(pairs > 1).all(axis=1)]


def cohesion(table: np.ndarray) -> tuple[float, float]:
    """The mean cosine of two words of one group, and of two words of different groups."""
    unit = table[chosen] / np.linalg.norm(table[chosen], axis=1, keepdims=True)
    cosines, same = unit @ unit.T, label[:, None] == label
    return cosines[same & ~np.eye(len(label), dtype=bool)].mean(), cosines[~same].mean()


def run(seed: int) -> dict[str, float]:
    rng = np.random.default_rng(seed)
    V, criterion = len(vocabulary), SoftmaxCrossEntropy()
    embedding = Embedding(rng.uniform(-0.05, 0.05, size=(V, D)))
    dense = Dense(rng.uniform(-0.05, 0.05, size=(D, V)), np.zeros(V))
    optimizer = Adam([embedding, dense], lr=LR)
    within_before, across_before = cohesion(embedding.params["W"])
    pairs = neighbours([ids for n, ids in enumerate(encoded) if n % 20])
    for _ in range(EPOCHS):
        for some in np.array_split(rng.permutation(len(pairs)), len(pairs) // BATCH):
            criterion.forward(dense.forward(embedding.forward(pairs[some, 0])), pairs[some, 1])
            embedding.backward(dense.backward(criterion.backward(1.0)))
            optimizer.step()
    words, targets = neighbours(encoded[::20]).T
    within_after, across_after = cohesion(embedding.params["W"])
    measured = {
        "test_loss": criterion(dense(embedding(words)), targets),
        "within_before": within_before,
        "across_before": across_before,
        "within_after": within_after,
        "across_after": across_after,
    }
    return {"seed": seed} | {name: round(float(value), 4) for name, value in measured.items()}


if __name__ == "__main__":
    study.write(__file__, [run(seed) for seed in tqdm(SEEDS, unit="seed")])

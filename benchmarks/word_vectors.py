"""How well do word vectors agree with people, whatever the seed? Writes word_vectors.json for chapter 3.

Learning rates are chosen on the word pairs at even positions of wordsim353; the pairs at odd positions choose nothing.

python benchmarks/word_vectors.py
"""

from collections.abc import Callable

import numpy as np
import study
from gensim.models import Word2Vec
from scipy.sparse import csr_array
from scipy.sparse.linalg import svds
from tqdm import tqdm

from tinyseq import datasets, similarity, text
from tinyseq.word2vec import Examples, NegativeSampling, train

SEEDS = range(5)
SEED_TO_CHOOSE = 100
H, WINDOW, K, SAMPLE, EPOCHS, MIN_COUNT = 100, 5, 5, 1e-3, 20, 5

sentences = [sentence for article in datasets.wikipedia() for sentence in article.sentences]
vocabulary = text.Vocabulary(sentences, MIN_COUNT)
known = [[word for word in sentence if word in vocabulary.ids] for sentence in sentences]
encoded = [vocabulary.encode(sentence) for sentence in known]
wordsim, simlex = datasets.word_similarity("wordsim353"), datasets.word_similarity("simlex999")


def ours(seed: int, lr: float, skip_gram: bool) -> np.ndarray:
    V, rng = len(vocabulary), np.random.default_rng(seed)
    table = ((rng.random((V, H)) - 0.5) / H).astype(np.float32)
    layer = NegativeSampling(table, np.zeros_like(table))
    examples = Examples(encoded, V, skip_gram=skip_gram, window=WINDOW, K=K, sample=SAMPLE, seed=seed)
    for _ in train(layer, examples, lr=lr, epochs=EPOCHS):
        pass
    return table


def gensims(seed: int, lr: float, skip_gram: bool) -> np.ndarray:
    model = Word2Vec(
        known,
        vector_size=H,
        window=WINDOW,
        negative=K,
        sample=SAMPLE,
        min_count=1,
        alpha=lr,
        sg=int(skip_gram),
        epochs=EPOCHS,
        workers=1,
        seed=seed,
    )
    table = np.zeros((len(vocabulary), H), np.float32)
    table[vocabulary.encode(model.wv.index_to_key)] = model.wv.vectors
    return table


def counted() -> np.ndarray:
    """Co-occurrence in the window, positive pointwise mutual information, singular vectors."""
    V = len(vocabulary)
    near = [(ids[d:], ids[:-d]) for ids in map(np.array, encoded) for d in range(1, WINDOW + 1) if d < len(ids)]
    rows, columns = (np.concatenate(side) for side in zip(*near, strict=True))
    counts = csr_array((np.ones(len(rows)), (rows, columns)), shape=(V, V))
    counts = (counts + counts.T).tocoo()
    words, contexts = counts.sum(axis=1), counts.sum(axis=0) ** 0.75
    expected = words[counts.row] * contexts[counts.col] / contexts.sum()
    counts.data = np.maximum(np.log(counts.data / expected), 0)
    left, scale, _ = svds(counts.tocsr(), k=H, v0=np.ones(V), solver="propack")
    return left * np.sqrt(scale)


def agreement(table: np.ndarray) -> dict[str, float]:
    tests = {
        "wordsim_even": wordsim[::2],
        "wordsim_odd": wordsim[1::2],
        "wordsim": wordsim,
        "simlex": simlex,
    }
    return {name: round(similarity.agreement(table, vocabulary.ids, pairs)[0], 4) for name, pairs in tests.items()}


METHODS: dict[str, tuple[Callable, bool, list[float]]] = {
    "CBOW, tinyseq": (ours, False, [0.05, 0.1]),
    "CBOW, gensim": (gensims, False, [0.025, 0.05, 0.1]),
    "skip-gram, tinyseq": (ours, True, [0.05, 0.1]),
    "skip-gram, gensim": (gensims, True, [0.025, 0.05, 0.1]),
}

if __name__ == "__main__":
    rows, chosen = [{"method": "PPMI + SVD", "seed": 0} | agreement(counted())], []
    progress = tqdm(total=sum(len(rates) + len(SEEDS) for _, _, rates in METHODS.values()), unit="training")
    for method, (train_with, skip_gram, rates) in METHODS.items():
        for lr in rates:
            measured = agreement(train_with(SEED_TO_CHOOSE, lr, skip_gram))
            chosen.append({"method": method, "lr": lr, "wordsim_even": measured["wordsim_even"]})
            progress.update()
        best = max(chosen[-len(rates) :], key=lambda row: row["wordsim_even"])["lr"]
        for seed in SEEDS:
            rows.append({"method": method, "seed": seed, "lr": best} | agreement(train_with(seed, best, skip_gram)))
            progress.update()
    settings = {"H": H, "window": WINDOW, "K": K, "sample": SAMPLE, "epochs": EPOCHS, "min_count": MIN_COUNT}
    study.write(__file__, rows, packages=("scipy", "gensim"), settings=settings, chosen=chosen)

"""Which pooling tells ten articles apart, whatever the seed? Writes classifiers.json for the lesson text-classifier.

python benchmarks/classifiers.py
"""

from copy import deepcopy

import numpy as np
import study
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from tqdm import tqdm

from tinyseq import datasets, text
from tinyseq.layers import Dense, Embedding, SoftmaxCrossEntropy
from tinyseq.optimizers import Adam
from tinyseq.pooling import GlobalAveragePooling, GlobalMaxPooling

SEEDS = range(5)
BATCH, EPOCHS, LR = 64, 16, 0.01
POOLINGS = {  # name: the layer, whether it gets the mask, the length of every row (None: the longest of the batch), D
    "masked average": (GlobalAveragePooling, True, None, 32),
    "unmasked average": (GlobalAveragePooling, False, None, 32),
    "unmasked average, T = 256": (GlobalAveragePooling, False, 256, 32),
    "masked max": (GlobalMaxPooling, True, None, 32),
    "unmasked max": (GlobalMaxPooling, False, None, 32),
    "masked max, D = 64": (GlobalMaxPooling, True, None, 64),
}

articles = sorted(datasets.wikipedia(), key=lambda article: -len(article.sentences))[:10]
found: dict[tuple, set[int]] = {}
for n, article in enumerate(articles):
    for sentence in article.sentences:
        found.setdefault(tuple(sentence), set()).add(n)
sentences = [sentence for sentence, where in found.items() if len(where) == 1]
labels = np.array([min(where) for where in found.values() if len(where) == 1])


class Classifier:
    def __init__(self, V: int, D: int, pooling: type, masked: bool, rng: np.random.Generator):
        self.embedding = Embedding(rng.uniform(-0.05, 0.05, size=(V, D)))
        self.pooling, self.masked = pooling(), masked
        self.dense = Dense(rng.uniform(-0.05, 0.05, size=(D, len(articles))), np.zeros(len(articles)))

    def forward(self, ids: np.ndarray) -> np.ndarray:
        mask = text.mask(ids) if self.masked else None
        return self.dense.forward(self.pooling.forward(self.embedding.forward(ids), mask))

    def backward(self, dscores: np.ndarray) -> None:
        self.embedding.backward(self.pooling.backward(self.dense.backward(dscores)))

    def predict(self, ids: np.ndarray) -> np.ndarray:
        mask = text.mask(ids) if self.masked else None
        return self.dense(self.pooling(self.embedding(ids), mask)).argmax(axis=1)


def batches(chosen: np.ndarray, size: int = BATCH) -> list[np.ndarray]:
    return np.array_split(chosen, max(1, len(chosen) // size))


def pool(seed: int, name: str, train: np.ndarray, validation: np.ndarray, test: np.ndarray) -> dict:
    """One pooling: the number of epochs is chosen on the validation sentences."""
    pooling, masked, length, D = POOLINGS[name]
    rng, criterion = np.random.default_rng(seed), SoftmaxCrossEntropy()
    vocabulary = text.Vocabulary([sentences[n] for n in train])
    encoded = [vocabulary.encode(sentence) for sentence in sentences]
    model = Classifier(len(vocabulary), D, pooling, masked, rng)
    optimizer = Adam([model.embedding, model.dense], lr=LR)

    def accuracy(model, chosen, size=BATCH, length=length):
        guesses = [model.predict(text.pad([encoded[n] for n in some], length)) for some in batches(chosen, size)]
        return (np.concatenate(guesses) == labels[chosen]).mean()

    curve, best = [], model
    for _ in range(EPOCHS):
        for some in batches(rng.permutation(train)):
            criterion.forward(model.forward(text.pad([encoded[n] for n in some], length)), labels[some])
            model.backward(criterion.backward(1.0))
            optimizer.step()
        curve.append(round(float(accuracy(model, validation)), 4))
        if curve[-1] > max(curve[:-1], default=0):
            best = deepcopy(model)
    measured = {
        "test": accuracy(best, test),
        "test_alone": accuracy(best, test, size=1, length=None),
        "test_256": accuracy(best, test, length=256),
    }
    row = {"seed": seed, "model": name, "epochs": int(np.argmax(curve)) + 1, "validation": curve}
    return row | {key: round(float(value), 4) for key, value in measured.items()}


def tfidf(seed: int, train: np.ndarray, validation: np.ndarray, test: np.ndarray) -> dict:
    """TF-IDF and logistic regression: the regularisation is chosen on the validation sentences."""
    vectorizer = TfidfVectorizer(analyzer=lambda words: words)
    vectorizer.fit([sentences[n] for n in train])
    x = vectorizer.transform(sentences)
    models = [LogisticRegression(C=C, solver="newton-cg", tol=1e-6) for C in (1, 3, 10, 30, 100)]
    models = [model.fit(x[train], labels[train]) for model in models]
    best = max(models, key=lambda model: model.score(x[validation], labels[validation]))
    row = {"seed": seed, "model": "TF-IDF", "C": best.C}
    return row | {"test": round(float(best.score(x[test], labels[test])), 4)}


def run(seed: int) -> list[dict]:
    order = np.random.default_rng(seed).permutation(len(sentences))
    parts = np.split(order, [int(0.7 * len(order)), int(0.85 * len(order))])
    return [pool(seed, name, *parts) for name in POOLINGS] + [tfidf(seed, *parts)]


if __name__ == "__main__":
    rows = [row for seed in tqdm(SEEDS, unit="seed") for row in run(seed)]
    study.write(__file__, rows, packages=("scikit-learn",))

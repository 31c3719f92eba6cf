"""Word vectors from plain text: a word is predicted from its neighbours, or they from it. Mikolov et al. (2013)."""

from collections.abc import Iterator, Sequence

import numpy as np
from scipy.sparse import csr_array
from scipy.special import expit

from tinyseq.layers import Layer, SoftmaxCrossEntropy, checked_ids, checked_mask


def contexts_and_targets(ids: np.ndarray, window: int) -> tuple[np.ndarray, np.ndarray]:
    """Every word that has `window` neighbours on either side, and these neighbours from left to right.

    Shapes: ids (L,) -> contexts (L - 2 window, 2 window), targets (L - 2 window,).
    Raises ValueError for a window below 1 and for a text of fewer than 2 window + 1 words.
    """
    ids = np.asarray(ids)
    _at_least_one("window", window)
    if ids.ndim != 1 or len(ids) < 2 * window + 1:
        raise ValueError(f"ids must be one text of at least {2 * window + 1} words, got the shape {ids.shape}")
    windows = np.lib.stride_tricks.sliding_window_view(ids, 2 * window + 1)
    return np.delete(windows, window, axis=1), windows[:, window].copy()


def bags_of_words(contexts: np.ndarray, mask: np.ndarray | None, W: np.ndarray) -> csr_array:
    """A sparse matrix (B, V) whose product with W, (V, H), is the mean vector of each row of contexts, (B, H).

    Row b holds 1/n for each of its n real neighbours; a row without one is 0. contexts and mask have the shape (B, C).
    """
    contexts = checked_ids("contexts", contexts, len(W))
    if contexts.ndim != 2:
        raise ValueError(f"contexts must have the shape (B, C), got {contexts.shape}")
    mask = checked_mask(mask, contexts.shape)
    counts = mask.sum(axis=1)
    ends = np.concatenate([[0], np.cumsum(counts)])
    shares = np.repeat(1 / np.maximum(counts, 1), counts).astype(W.dtype)
    return csr_array((shares, contexts[mask], ends), shape=(len(contexts), len(W)))


class CBOW(Layer):
    """The loss of predicting a word from the mean of its neighbours' vectors: softmax over the whole vocabulary.

    Weights: W_in (V, H), W_out (H, V). Input: contexts (B, C), targets (B,) and an optional mask (B, C), True = counts.
    Output: the mean of -log p(target). Raises TypeError, ValueError or IndexError for ids or a mask that do not fit.
    """

    def __init__(self, W_in: np.ndarray, W_out: np.ndarray):
        if np.ndim(W_in) != 2 or np.shape(W_out) != np.shape(W_in)[::-1]:
            shapes = f"{np.shape(W_in)} and {np.shape(W_out)}"
            raise ValueError(f"W_in and W_out must have the shapes (V, H) and (H, V), got {shapes}")
        super().__init__(W_in=W_in, W_out=W_out)
        self._softmax = SoftmaxCrossEntropy()

    def _forward(self, contexts, targets, mask=None):
        W_in, W_out = self.params["W_in"], self.params["W_out"]
        bags = bags_of_words(contexts, mask, W_in)  # (B, V)
        h = bags @ W_in  # (B, H)
        loss, scored = self._softmax._forward(h @ W_out, targets)
        return loss, (bags, h, scored)

    def _backward(self, dout, saved):
        bags, h, scored = saved
        dscores = self._softmax._backward(dout, scored)  # (B, V)
        dh = dscores @ self.params["W_out"].T  # (B, H)
        self.grads["W_out"] += h.T @ dscores
        self.grads["W_in"] += bags.T @ dh


class NegativeSampling(Layer):
    """The loss of telling the true word from K others that were drawn at random, given the mean of some vectors.

    Weights: W_in (V, H), W_out (V, H): both have one row per word. Input: contexts (B, C), words (B, 1 + K), the true
    one first, and an optional mask (B, C) of the contexts, True = counts. A drawn word that is the true one does not
    count. Output: the mean over B of -log σ(u·h) for the true word and -log σ(-u·h) for each of the others.
    CBOW gives a word's neighbours as contexts; skip-gram gives the word, C = 1, and a neighbour as the true one.
    Raises TypeError, ValueError or IndexError for ids or a mask that do not fit.
    """

    def __init__(self, W_in: np.ndarray, W_out: np.ndarray):
        if np.ndim(W_in) != 2 or np.shape(W_out) != np.shape(W_in):
            shapes = f"{np.shape(W_in)} and {np.shape(W_out)}"
            raise ValueError(f"W_in and W_out must both have the shape (V, H), got {shapes}")
        super().__init__(W_in=W_in, W_out=W_out)

    def _forward(self, contexts, words, mask=None):
        W_in, W_out = self.params["W_in"], self.params["W_out"]
        bags = bags_of_words(contexts, mask, W_in)  # (B, V)
        words = checked_ids("words", words, len(W_out))
        if words.ndim != 2 or len(words) != bags.shape[0] or words.shape[1] < 1:
            raise ValueError(f"words must have the shape (B, 1 + K) with B = {bags.shape[0]}, got {words.shape}")
        h = bags @ W_in  # (B, H)
        scores = np.vecdot(W_out[words], h[:, None])  # (B, 1 + K)
        scores[:, 0] *= -1
        drawn_again = words == words[:, :1]
        drawn_again[:, 0] = False
        scores[drawn_again] = -np.inf
        errors = expit(scores)  # 1 - the probability of the right answer: the size of each gradient
        loss = np.logaddexp(0, scores).sum() / max(len(words), 1)
        errors[:, 0] *= -1
        return loss, (bags, h, words, errors)

    def _backward(self, dout, saved):
        bags, h, words, errors = saved
        B, n = words.shape
        dscores = (errors * (dout / max(B, 1))).astype(errors.dtype)
        chosen = csr_array(
            (dscores.ravel(), words.ravel(), np.arange(0, B * n + 1, n)), shape=(B, len(self.params["W_out"]))
        )
        dh = chosen @ self.params["W_out"]  # (B, H)
        self.grads["W_out"] += chosen.T @ h
        self.grads["W_in"] += bags.T @ dh


class Examples:
    """What word2vec learns from: words, their neighbours, and drawn words that are none, new for each epoch.

    Made from sentences of ids below V. Each epoch drops frequent words (see `keep_probability`), gives each word a
    reach of 1 ... window, and draws K words for each true one by `noise_distribution`.
    Raises ValueError for settings out of range and for sentences in which no word has a neighbour, TypeError for ids
    that are not integers, IndexError for an id outside 0 ... V - 1.
    """

    def __init__(
        self,
        sentences: Sequence[Sequence[int]],
        V: int,
        *,
        skip_gram: bool = False,
        window: int = 5,
        K: int = 5,
        sample: float = 1e-3,
        seed: int = 0,
    ):
        _at_least_one("window", window)
        _at_least_one("K", K)
        if max(map(len, sentences), default=0) < 2:
            raise ValueError("sentences must have one of at least 2 words, got none")
        self.ids = checked_ids("sentences", np.concatenate([words for words in sentences if len(words)]), V)
        self.sentence = np.repeat(np.arange(len(sentences)), [len(words) for words in sentences])
        self.skip_gram, self.window, self.K = skip_gram, window, K
        self.rng = np.random.default_rng(seed)
        counts = np.bincount(self.ids, minlength=V)
        self.keep, self.noise = keep_probability(counts, sample), noise_distribution(counts)

    def epoch(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The inputs of NegativeSampling for one pass, shuffled: contexts (N, C), words (N, 1 + K), mask (N, C)."""
        kept = self.rng.random(len(self.ids)) < self.keep[self.ids]
        targets = self.ids[kept]  # (N,)
        contexts, mask = neighbours(targets, self.sentence[kept], self.window, self.rng)
        if self.skip_gram:
            contexts, targets = np.repeat(targets, mask.sum(axis=1))[:, None], contexts[mask]
            mask = np.ones(contexts.shape, bool)
        order = self.rng.permutation(np.flatnonzero(mask.any(axis=1)))
        words = np.column_stack([targets[order], draw(self.noise, (len(order), self.K), self.rng)])
        return contexts[order], words, mask[order]


def neighbours(ids, sentence, window: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The words around each word, up to b on either side, b drawn from 1 ... window: near ones are seen more often.

    Shapes: ids (N,) and the number of the sentence that each stands in, (N,) -> contexts and mask, both (N, 2 window).
    """
    offsets = np.concatenate([np.arange(-window, 0), np.arange(1, window + 1)])
    place = np.arange(len(ids))[:, None] + offsets  # (N, 2 window)
    there = np.clip(place, 0, len(ids) - 1)
    reach = rng.integers(1, window + 1, size=(len(ids), 1))
    return ids[there], (place == there) & (abs(offsets) <= reach) & (sentence[there] == sentence[:, None])


def keep_probability(counts: np.ndarray, sample: float) -> np.ndarray:
    """The probability with which word2vec keeps an occurrence of a word of frequency f: sqrt(s / f) + s / f, at most 1.

    Shapes: counts (V,) -> (V,). `sample` is s; 1 keeps all. The formula of the authors' program; their paper's is
    sqrt(s / f). Raises ValueError for a sample that is not above 0.
    """
    if not sample > 0:
        raise ValueError(f"sample must be above 0, got {sample}")
    ratio = sample * np.sum(counts) / np.maximum(counts, 1)
    return np.minimum(np.sqrt(ratio) + ratio, 1)


def noise_distribution(counts: np.ndarray, power: float = 0.75) -> np.ndarray:
    """The probability of each word as a drawn one: its frequency to this power, normalised. Shapes: (V,) -> (V,)."""
    weights = np.asarray(counts, dtype=float) ** power
    return weights / weights.sum()


def draw(p: np.ndarray, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Independent words by the distribution p, (V,): first how often each comes, then in which order."""
    times = rng.multinomial(np.prod(shape, dtype=int), p)
    return rng.permutation(np.repeat(np.arange(len(p)), times)).reshape(shape)


def train(
    layer: NegativeSampling, examples: Examples, lr: float = 0.1, epochs: int = 20, batch: int = 2048
) -> Iterator[float]:
    """Train the layer's weights; yields the mean loss of each epoch, so iterate to train.

    A step moves by lr times the gradient of the *sum* over its batch; lr falls linearly to 0. Frequent words are many
    times in a batch, so a larger batch stands only a smaller lr. Raises FloatingPointError when the loss is no number.
    """
    descent = NegativeSampling(**layer.params)
    descent.grads = descent.params  # what backward adds to the gradients moves the weights at once
    for epoch in range(epochs):
        contexts, words, mask = examples.epoch()
        N, total = len(words), 0.0
        with np.errstate(over="ignore", invalid="ignore"):
            for start in range(0, N, batch):
                some = slice(start, start + batch)
                rate = lr * (1 - (epoch + start / N) / epochs)
                count = len(words[some])
                total += count * float(descent.forward(contexts[some], words[some], mask[some]))
                descent.backward(-rate * count)
        if not np.isfinite(total):
            raise FloatingPointError(f"the loss of epoch {epoch + 1} is {total}: lr = {lr} is too large")
        yield total / max(N, 1)


def _at_least_one(name: str, value: int) -> None:
    if value < 1:
        raise ValueError(f"{name} must be at least 1, got {value}")

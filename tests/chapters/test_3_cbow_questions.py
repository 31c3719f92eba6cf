"""The answers of chapter 3's check questions, computed: a blank is run with each option, a number is counted anew."""

import re
from pathlib import Path

import numpy as np
from questions import answered, by_claim, by_value, code, passing, read, run, survives

import tinyseq  # noqa: F401  before Keras
from tinyseq.gradcheck import numerical_gradient
from tinyseq.similarity import analogy, cosine, nearest
from tinyseq.word2vec import CBOW, Examples, NegativeSampling, noise_distribution

computes, TestAnswers = answered(read(Path(__file__).parents[2] / "chapters/3-cbow/check.md"))
rng = np.random.default_rng(3)


def pairs(sentences, window):
    """Each word with each of its neighbours, sentence by sentence."""
    return [
        (word, neighbour)
        for sentence in sentences
        for t, word in enumerate(sentence)
        for s, neighbour in enumerate(sentence)
        if 0 < abs(s - t) <= window
    ]


def cooccurrence(sentences):
    """The counts with a window of 1, a row of a word by its name, and the sum of each row by name."""
    found = pairs(sentences, window=1)
    words = sorted({word for word, _ in found})
    rows = {word: np.array([found.count((word, other)) for other in words]) for word in words}
    return words, rows, {word: row.sum() for word, row in rows.items()}


def named(option):
    """The two words that an option names first."""
    return re.match(r"\*(\w+)\* and \*(\w+)\*", option).groups()


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@computes("trigrams-and-pairs")
def _(question):
    sentences = run(*question.listings)["sentences"]
    joined = [[word for words in sentences for word in words]]

    def trigrams(sentences):
        return sum(len(list(zip(words, words[1:], words[2:], strict=False))) for words in sentences)

    right = trigrams(sentences), len(pairs(sentences, window=2))
    last_missed = sum(len(words) - 3 for words in sentences), right[1]
    without_ends = right[0], 2 * 2 * len(joined[0])
    return by_value(question, right, last_missed, without_ends, (trigrams(joined), len(pairs(joined, window=2))))


@computes("words-that-keep-company")
def _(question):
    sentences = run(*question.listings)["sentences"]
    _, rows, _ = cooccurrence(sentences)
    cosines = [cosine(*(rows[word] for word in named(option))) for option in question.options]
    assert np.allclose(cosines, [0, 0.5, 1, 0.5])  # as the explanation says
    assert not any({"cat", "dog"} <= set(sentence) for sentence in sentences)
    return question.letters(lambda option: cosines[question.options.index(option)] == max(cosines))


@computes("largest-pmi")
def _(question):
    sentences = run(*question.listings)["sentences"]
    words, rows, sums = cooccurrence(sentences)
    assert set(np.concatenate(list(rows.values()))) == {0, 1}  # "once or never"
    total = sum(sums.values())

    def ratio(first, second):
        return rows[first][words.index(second)] * total / (sums[first] * sums[second])

    ratios = [ratio(*named(option)) for option in question.options]
    stated = [float(found) for found in re.findall(r"= (\d\.\d\d)\$", question.explanation)]
    assert stated == np.log([ratios[3], ratios[0], ratios[1]]).round(2).tolist() and ratios[2] == 0 and total == 18
    return question.letters(lambda option: ratios[question.options.index(option)] == max(ratios))


@computes("cut-to-rank-two")
def _(question):
    names = run(*question.listings)
    X, X2 = names["X"], names["X2"]
    error = ((X - X2) ** 2).sum()
    without = [X * (np.arange(3) != dropped) for dropped in range(3)]
    assert np.linalg.matrix_rank(X) == 3 and all(((X - other) ** 2).sum() > error for other in without)  # as said
    best = np.linalg.eigvalsh(X.T @ X)[0]  # the least that any matrix of rank 2 is away: Eckart and Young
    claims = {
        "The (8, 3) matrix": X2.shape == (8, 3) and np.linalg.matrix_rank(X2) == 2 and np.isclose(error, best),
        "The (8, 2) matrix": X2.shape == (8, 2),
        "`X` with zeros": any(np.allclose(X2, other) for other in without),
        "`X` itself": np.allclose(X2, X),
    }
    return by_claim(question, claims)


@computes("examples-of-cbow")
def _(question):
    words = re.search(r"\*(rain .*?)\*", question.text).group(1).split()
    ids = [range(len(words))]

    def learnt(skip_gram):
        """What goes in and what is to be predicted, of the examples in which on is the word in the middle."""
        contexts, asked, mask = Examples(ids, len(words), skip_gram=skip_gram, window=1, sample=1).epoch()
        examples = {
            (" ".join(words[i] for i in sorted(around[there])), words[target])
            for around, there, target in zip(contexts, mask, asked[:, 0], strict=True)
        }
        return {example for example in examples if example[0 if skip_gram else 1] == "on"}

    claimed = [set(re.findall(r"`(.+?) -> (\w+)`", option)) for option in question.options]
    assert claimed[0] == learnt(skip_gram=True)  # as explained of A
    return question.letters(lambda option: claimed[question.options.index(option)] == learnt(skip_gram=False))


@computes("contexts-and-means")
def _(question):
    names = run(*question.listings)
    contexts, h, L, w = names["contexts"], names["h"], len(names["ids"]), int(*question.numbers)
    (B, C), (_, H) = contexts.shape, h.shape
    over_the_numbers = names["W_in"][contexts].mean(axis=2).shape
    mistakes = ((L - w, C), (L - w, H)), ((B, w), (B, H)), (contexts.shape, over_the_numbers)
    return by_value(question, (contexts.shape, h.shape), *mistakes)


@computes("score-of-a-word")
def _(question):
    names = run(*question.listings)
    W_in, W_out, context = names["W_in"], names["W_out"], names["context"]
    h = W_in[context].mean(axis=0)
    mistakes = h @ W_in[2], W_in[np.unique(context)].mean(axis=0) @ W_out[:, 2], W_in[context].sum(axis=0) @ W_out[:, 2]
    return by_value(question, (h @ W_out)[2], *mistakes)


@computes("weights-of-cbow")
def _(question):
    model = run(*question.listings)["model"]
    table, kernel, bias = (weights.shape for weights in model.get_weights())
    (C,), (V, H) = model.input_shape[1:], table
    weights = model.count_params()
    tables = weights + (C - 1) * V * H
    return by_value(question, (table, weights), (table, weights - bias[0]), (kernel, weights), (table, tables))


@computes("losses-before-training")
def _(question):
    V, _, K = map(int, question.numbers)
    W_in, contexts, words = rng.normal(size=(V, 3)), np.array([[5, 6]]), np.arange(1 + K)[None]
    full = CBOW(W_in, np.zeros((3, V)))(contexts, words[:, 0])
    few = NegativeSampling(W_in, np.zeros((V, 3)))(contexts, words)
    losses = (full, few), (full, few / (1 + K)), (full, few * K / (1 + K)), (np.log2(V), 1 + K)
    assert np.isclose(np.exp(full), V)  # the perplexity
    return by_value(question, *((round(float(a), 2), round(float(b), 2)) for a, b in losses))


@computes("backward-of-the-mean")
def _(question):
    (listing,) = question.listings

    def agrees(names, B, C):
        W_in, contexts, dh = rng.normal(size=(4, 3)), rng.integers(4, size=(B, C)), rng.normal(size=(B, 3))
        h, saved = names["forward"](W_in, contexts)
        assert np.allclose(h, W_in[contexts].mean(axis=1))
        expected = numerical_gradient(lambda: (W_in[contexts].mean(axis=1) * dh).sum(), W_in)
        return np.allclose(names["backward"](dh, saved, 4), expected, atol=1e-6)

    def right(listing, C):
        """Also where a context holds a word twice, and where there are as many examples as neighbours."""
        names = run(listing)
        return all(agrees(names, B, C) for B in (2, 3, 4, 5))

    def mends(option):
        old, new = re.fullmatch(r"`(.+)` becomes `(.+)`", option).groups()
        assert listing.count(old) == 1
        return survives(lambda listing: all(right(listing, C) for C in (1, 2, 4)), listing.replace(old, new))

    assert right(listing, 1) and not right(listing, 2)  # as the question says
    return question.letters(mends)


@computes("sign-of-a-score")
def _(question):
    scores, labels = rng.normal(size=(5, 4)), np.tile([1, 0, 0, 0], (5, 1))
    stated = re.findall(r"\d\.\d{4}", question.text + question.explanation)

    def works(listing):
        loss = run(listing)["loss"]
        assert f"{loss(np.array([[1, -1]]), np.array([[1, 0]])):.4f}" in stated
        expected = -np.log(np.where(labels, sigmoid(scores), 1 - sigmoid(scores))).sum() / len(scores)
        return np.isclose(loss(scores, labels), expected)

    return passing(question, works)


@computes("multiplications-for-a-target")
def _(question):
    V, H, K = map(int, question.numbers)
    h, W_out, drawn = np.ones(H), np.ones((V, H)), rng.integers(V, size=K)
    full, one, others = ((h * vectors).size for vectors in (W_out, W_out[0], W_out[drawn]))
    return by_value(question, (full, one + others), (V, 1 + K), (full, one), (full, others))


@computes("noise-of-three-words")
def _(question):
    *counts, asked, power = [*question.numbers[:2], 1, *question.numbers[2:]]
    share, at = np.array(counts) / sum(counts), counts.index(asked)
    assert np.allclose(np.array(counts) ** power, [27, 8, 1]) and round((share**power).sum(), 2) == 1.16  # as explained
    right, text, uniform = (noise_distribution(np.array(counts), power)[at] for power in (power, 1, 0))
    return by_value(question, *(round(float(p), 2) for p in (right, text, uniform, share[at] ** power)))


@computes("three-tricks-apart")
def _(question):
    def leaves(depth, arrives=1.0):
        """What reaches the leaves of a tree in which each node takes its own decision."""
        if depth == 0:
            return [arrives]
        p = sigmoid(rng.normal())
        return leaves(depth - 1, arrives * p) + leaves(depth - 1, arrives * (1 - p))

    def drawn(sample, K=5):
        _, words, _ = Examples([rng.integers(4, size=200)], 4, K=K, sample=sample).epoch()
        return words.shape

    few, all_words = drawn(sample=0.01), drawn(sample=1)
    assert few[0] < all_words[0]  # subsampling drops words
    recommended = {"small": (5, 20), "large": (2, 5)}  # Mikolov et al. (2013), section 2.2
    explained = " ".join(question.explanation.split())
    assert (
        "5 to 20 drawn words useful for small training sets and 2 to 5 enough for large ones {cite}`mikolov"
        in explained
    )
    claims = {
        "Subsampling draws": few[1] != all_words[1],
        "Negative sampling gives": np.isclose(sigmoid(rng.normal(size=64)).sum(), 1),
        "Negative sampling wants": recommended["large"] > recommended["small"],
        "Hierarchical softmax gives": np.isclose(sum(leaves(6)), 1),
    }
    return by_claim(question, claims)


@computes("skip-gram-in-gensim")
def _(question):
    K, H = map(int, question.numbers[-2:])
    refused = []

    def works(listing):
        try:
            model = run(listing)["model"]
        except TypeError:
            refused.append(listing)
            return False
        return (model.sg, model.hs, model.negative, model.wv.vectors.shape) == (1, 0, K, (3, H))

    right = passing(question, works)
    assert refused == [question.filled(option) for option in question.options if code(option).startswith("size=")]
    return right


@computes("step-to-another-word")
def _(question):
    W = run(*question.listings)["W"]
    assert np.allclose(np.linalg.norm(W, axis=1), 5)
    (right,) = analogy(W, 0, 1, 2)
    (backwards,) = analogy(W, 1, 0, 2)
    (free,) = nearest(W, W[1] - W[0] + W[2], 1)
    (still,) = nearest(W, W[2], 1, exclude=(0, 1, 2))
    assert (W @ (W[1] - W[0] + W[2]))[2:].tolist() == [45, 35, 30, 19]  # as the explanation says
    return by_value(question, right, free, still, backwards)


@computes("what-the-table-tells")
def _(question):
    from gensim.models import Word2Vec

    text = ["the bark of the tree", "the bark of the dog", "the dog chases the cat", "a log of the tree"]
    table = Word2Vec([sentence.split() for sentence in text], vector_size=8, min_count=1, workers=1, seed=0).wv

    def vectors(sentence):
        return np.array([table[word] for word in sentence.split()])

    one_way, other_way = (vectors(sentence).mean(axis=0) for sentence in (text[2], "the cat chases the dog"))
    claims = {
        "Which meaning": not np.array_equal(vectors(text[0])[1], vectors(text[1])[1]),
        "Where *doglike*": "doglike" in table,
        "Which of *cat* and *log*": table.similarity("dog", "cat") != table.similarity("dog", "log"),
        "Who chases whom": not np.allclose(one_way, other_way),
    }
    return by_claim(question, claims)

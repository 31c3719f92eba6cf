"""The answers of chapter 2's check questions, computed: a blank is run with each option, a number is counted anew."""

import math
import re
import warnings
from pathlib import Path

import numpy as np
from questions import answered, by_claim, by_value, code, passing, read, run, survives

import tinyseq  # noqa: F401  before Keras
from tinyseq.gradcheck import numerical_gradient
from tinyseq.layers import softmax
from tinyseq.pooling import GlobalAveragePooling

computes, TestAnswers = answered(read(Path(__file__).parents[2] / "chapters/2-pooling/check.md"))
rng = np.random.default_rng(2)


def batch(B, T, D):
    """Texts x (B, T, D) of different lengths, each with padding, and their mask (B, T)."""
    mask = np.arange(T) < np.linspace(T - 1, 1, B).astype(int)[:, None]
    return rng.normal(size=(B, T, D)), mask


def words_only(pool, mask):
    """The function of x (B, T, D) that pools the words of each text, one text at a time: (B, D)."""
    return lambda x: np.array([pool(text[keep], axis=0) for text, keep in zip(x, mask, strict=True)])


def gradient(pool, x, dout):
    """The numerical gradient of the pooled vectors times dout, with respect to x."""
    x = x.astype(float)
    return numerical_gradient(lambda: (pool(x) * dout).sum(), x).round(8)


@computes("shape-after-the-average")
def _(question):
    names = run(*question.listings)
    x, pool = names["x"], names["pool"]
    kept = names["keras"].layers.GlobalAveragePooling1D(keepdims=True)(x)
    shape, weights = tuple(names["out"].shape), pool.count_params()
    mistakes = (x.mean(axis=-1).shape, weights), (tuple(kept.shape), weights), (shape, x.shape[1])
    return by_value(question, (shape, weights), *mistakes)


@computes("weights-of-a-classifier")
def _(question):
    from keras import Sequential, layers

    V, D, T, C = map(int, question.numbers)

    def weights(pool):
        model = Sequential([layers.Embedding(V, D), pool, layers.Dense(C)])
        model.build((None, T))
        return model.count_params()

    right = weights(layers.GlobalAveragePooling1D())
    return by_value(question, right, V * D + D + C, right - C, weights(layers.Flatten()))


@computes("flatten-or-average")
def _(question):
    from keras import Sequential, layers

    T, D, C = map(int, question.numbers)

    def weights(pool):
        model = Sequential([pool, layers.Dense(C)])
        model.build((None, T, D))
        return model.count_params()

    flat, average = weights(layers.Flatten()), weights(layers.GlobalAveragePooling1D())
    saved = flat - average
    assert f"T D C + C = {flat:,}".replace(",", "{,}") in question.explanation
    assert f"D C + C = {average}" in question.explanation
    assert saved % C == 0
    return by_value(question, saved, saved // C, saved + C, flat)


@computes("windows-of-five")
def _(question):
    from keras.layers import AveragePooling1D

    names = run(*question.listings)
    x, (B, T, D) = names["x"], names["x"].shape
    same = AveragePooling1D(pool_size=5, strides=3, padding="same")(x)
    side_by_side = AveragePooling1D(pool_size=5)(x)
    assert same.shape[1] == T / 3 and (T - 5) // 3 + 1 == names["out"].shape[1]  # as the explanation says
    shapes = (tuple(pooled.shape) for pooled in (names["out"], same, side_by_side))
    return by_value(question, *shapes, (B, (T - 5) // 3, D))


def three_words(question):
    """What the listing of the three words pools to, and the arrays it pools."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        names = run(*question.listings)
    names["warned"] = any("destroy the mask" in str(warning.message) for warning in caught)
    return names, np.asarray(names["out"]).tolist(), np.asarray(names["x"], dtype=float), names["ids"] != 0


@computes("average-of-three-words")
def _(question):
    _, out, x, mask = three_words(question)
    zeroed = x * mask[..., None]
    assert out == words_only(np.mean, mask)(x).tolist()
    mistakes = x.mean(axis=1), zeroed.mean(axis=1), zeroed.sum(axis=1)
    return by_value(question, out, *(mistake.tolist() for mistake in mistakes))


@computes("maximum-of-three-words")
def _(question):
    names, out, x, mask = three_words(question)
    assert names["warned"]  # the layer does not use the mask, as the explanation says
    zeroed = x * mask[..., None]
    strongest = x[:, x[0].max(axis=1).argmax()]
    mistakes = words_only(np.max, mask)(x), zeroed.max(axis=1), strongest
    return by_value(question, out, *(mistake.tolist() for mistake in mistakes))


@computes("masked-mean-blank")
def _(question):
    def works(listing):
        masked_mean = run(listing)["masked_mean"]
        batches = [batch(B, T, D) for B, T, D in ((3, 5, 2), (3, 4, 3), (4, 4, 4))]
        return all(np.allclose(masked_mean(x, mask), words_only(np.mean, mask)(x)) for x, mask in batches)

    return passing(question, works)


@computes("text-without-a-word")
def _(question):
    (listing,) = question.listings
    model = run(listing)["model"]
    ids = np.array([[2, 5, 3], [0, 0, 0], [4, 6, 0]])
    assert str(ids.tolist()) in listing

    def missing():
        table, *dense = (np.isnan(weights) for weights in model.get_weights())
        return table.any(axis=1), all(weights.all() for weights in dense), any(weights.any() for weights in dense)

    rows, all_of_dense, some_of_dense = missing()
    claims = {
        "All weights of the Dense layer, and none of the table": all_of_dense and not rows.any(),
        "All weights of the Dense layer, and the rows": all_of_dense and rows.any(),
        "The answer to the second text": not some_of_dense and not rows.any(),
        "Nothing": not np.isnan(model(ids)).any(),
    }
    model.train_on_batch(ids, np.ones((3, 1)))
    rows, all_of_dense, _ = missing()
    assert all_of_dense and np.array_equal(np.flatnonzero(rows), np.unique(ids[ids > 0]))  # as the explanation says
    assert not GlobalAveragePooling()(np.ones((1, 2, 3)), np.zeros((1, 2), dtype=bool)).any()  # of "some layers"
    return by_claim(question, claims)


@computes("centred-texts")
def _(question):
    def works(listing):
        centred = run(listing)["centred"]
        texts = [rng.normal(size=shape) for shape in ((2, 5, 3), (4, 4, 3), (4, 4, 4), (1, 5, 3))]
        return all(np.allclose(centred(x), [text - text.mean(axis=0) for text in x]) for x in texts)

    return passing(question, works)


@computes("gradient-of-the-average")
def _(question):
    names = run(*question.listings)
    mask, dout = names["mask"], names["dout"]
    x = rng.normal(size=(*mask.shape, dout.shape[1]))

    def at_a_word_and_at_a_padding(pool):
        dx = gradient(pool, x, dout)
        return dx[mask][0].tolist(), dx[~mask][0].tolist()

    pools = (
        words_only(np.mean, mask),
        lambda x: x.mean(axis=1),
        lambda x: (x * mask[..., None]).mean(axis=1),
        words_only(np.sum, mask),
    )
    return by_value(question, *map(at_a_word_and_at_a_padding, pools))


@computes("gradient-of-the-maximum")
def _(question):
    names = run(*question.listings)
    x, dout = names["x"], names["dout"]
    right = gradient(lambda x: x.max(axis=1), x, dout)[0]
    average = gradient(lambda x: x.mean(axis=1), x, dout)[0]
    whole_word, wrong_axis = np.zeros_like(right), np.zeros_like(right)
    whole_word[x[0].max(axis=1).argmax()] = dout[0]
    wrong_axis = np.where(x[0] == x[0].max(axis=1, keepdims=True), dout[0], 0)
    return by_value(question, *(dx.tolist() for dx in (right, average, whole_word, wrong_axis)))


@computes("backward-with-two-texts")
def _(question):
    (listing,) = question.listings

    def right(listing, B):
        """Also where two of the sizes are the same."""
        backward = run(listing)["backward"]
        for T, D in ((5, 3), (4, 4), (5, 2)):
            (x, mask), dout = batch(B, T, D), rng.normal(size=(B, D))
            if not np.allclose(backward(dout, mask), gradient(words_only(np.mean, mask), x, dout)):
                return False
        return True

    def mends(option):
        old, new = re.fullmatch(r"`(.+)` becomes `(.+)`", option).groups()
        assert listing.count(old) == 1
        return survives(lambda listing: right(listing, 1) and right(listing, 2), listing.replace(old, new))

    assert right(listing, 1) and not right(listing, 2)  # as the question says
    return question.letters(mends)


@computes("dog-bites-man")
def _(question):
    from keras import layers

    v, convolution = rng.normal(size=8), layers.Conv1D(8, 2)
    pools = {
        "`GlobalAveragePooling1D()`": layers.GlobalAveragePooling1D(),
        "`GlobalMaxPooling1D()`": layers.GlobalMaxPooling1D(),
        "`Conv1D(8, 2)`": lambda x: layers.GlobalMaxPooling1D()(convolution(x)),
        "Weights `softmax(x @ v)`": lambda x: (softmax(x @ v)[:, None, :] @ x)[:, 0],
    }
    x = rng.normal(size=(1, 3, 8))  # dog bites man

    def differ(pool):
        return not np.allclose(pool(x), pool(x[:, ::-1]), atol=1e-6)

    return by_claim(question, {name: differ(pool) for name, pool in pools.items()})


@computes("scores-of-equal-weight")
def _(question):
    wanted = np.array([1, 1, 1, 0, 0]) / 3
    options = [eval(code(option), {"np": np}) for option in question.options]
    weights = [softmax(np.array(scores, dtype=float)) for scores in options]
    assert np.allclose(options[1], wanted) and all((weights[n][3:] > 0).all() for n in (1, 2))  # as explained of B, C
    assert np.allclose(weights[3], [0, 0, 0, 1 / 2, 1 / 2])  # and of D
    return question.letters(lambda option: np.allclose(weights[question.options.index(option)], wanted))


@computes("counting-complaints")
def _(question):
    texts = [rng.integers(6, size=length) for length in rng.integers(1, 12, size=200)]
    counts = np.array([np.isin(text, [2, 4]).sum() for text in texts])
    vectors = np.eye(6)  # of each word all there is to know

    def exact(pool):
        """Whether weights and a bias exist with which the pooled vectors give the counts."""
        pooled = np.array([[*pool(vectors[text]), 1] for text in texts])
        weights, *_ = np.linalg.lstsq(pooled, counts)
        return np.allclose(pooled @ weights, counts)

    claims = {
        "The mean": exact(lambda x: x.mean(axis=0)),
        "The sum": exact(lambda x: x.sum(axis=0)),
        "The maximum": exact(lambda x: x.max(axis=0)),
        "The last vector": exact(lambda x: x[-1]),
    }
    return by_claim(question, claims)


@computes("larger-images")
def _(question):
    from keras.layers import AveragePooling2D, GlobalAveragePooling2D

    C, *small, B, height, width = map(int, question.numbers)
    maps = np.zeros((B, height, width, C), dtype="float32")
    larger = height * width // math.prod(small)
    windows = AveragePooling2D(2)(maps)
    shape = tuple(GlobalAveragePooling2D()(maps).shape)
    return by_value(question, shape, (B, larger * C), maps.mean(axis=-1).shape, tuple(windows.shape))

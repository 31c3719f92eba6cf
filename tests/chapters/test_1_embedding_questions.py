"""The answers of chapter 1's check questions, computed: a blank is run with each option, a number is counted anew."""

import math
import warnings
from pathlib import Path

import numpy as np
from questions import BLANK, answered, by_claim, by_value, code, passing, read, run, value

import tinyseq  # noqa: F401  before Keras

computes, TestAnswers = answered(read(Path(__file__).parents[2] / "chapters/1-embedding/check.md"))
rng = np.random.default_rng(1)


def one_hot(ids, V):
    return (np.asarray(ids)[..., None] == np.arange(V)).astype(float)


def cosine(u, v):
    return u @ v / np.sqrt((u @ u) * (v @ v))


@computes("table-parameters")
def _(question):
    import keras

    words, first, last, padding, D, T = map(int, question.numbers)
    assert words == last - first + 1 and padding == first - 1
    layer = keras.layers.Embedding(last + 1, D)
    layer.build()
    weights = layer.count_params()
    return by_value(question, weights, words * D, weights + D, T * weights)


@computes("lookup-and-mask-shapes")
def _(question):
    names = run(*question.listings)
    shapes = tuple(names["out"].shape), tuple(names["mask"].shape)
    return question.letters(lambda option: value(option) == shapes)


@computes("one-hot-product-cost")
def _(question):
    B, T, V, D = map(int, question.numbers)
    products = np.broadcast_shapes((B, T, V, 1), (V, D))  # one_hot[..., None] * W, before the sum over V
    return by_value(question, math.prod(products), B * T * D, B * T * V, B * T * V * V * D)


@computes("dense-on-one-hot")
def _(question):
    from keras.layers import Dense

    V, D = map(int, question.numbers)
    table, ids = rng.normal(size=(V, D)).astype("float32"), rng.integers(V, size=(2, 3))

    def equal(option):
        layer = eval(code(option), {"Dense": Dense})
        layer.build((None, None, V))
        if layer.kernel.shape != table.shape:
            return False
        others = [rng.normal(size=weight.shape) for weight in layer.weights[1:]]
        layer.set_weights([table, *others])
        return np.array_equal(layer(one_hot(ids, V)), table[ids])

    return question.letters(equal)


@computes("lookup-in-columns")
def _(question):
    def works(listing):
        embed = run(listing)["embed"]
        for V, D, T in [(6, 4, 5), (5, 5, 5), (3, 2, 1)]:
            E, ids = rng.normal(size=(D, V)), rng.integers(min(V, D), size=T)
            if not np.array_equal(embed(E, ids), [E.dot(w) for w in one_hot(ids, V)]):
                return False
        return True

    return passing(question, works)


@computes("backward-blank")
def _(question):
    W, ids, dout = rng.normal(size=(6, 3)), np.array([2, 5, 2, 2, 0, 5]), rng.normal(size=(6, 3))

    def works(listing):
        return np.allclose(run(listing)["backward"](W, ids, dout), one_hot(ids, 6).T @ dout)

    return passing(question, works)


@computes("repeated-id-gradient")
def _(question):
    names = run(*question.listings)
    ids, dout = names["ids"], names["dout"]
    rows = dout[ids == 3]
    stored, buffered = np.zeros((4, 2)), np.zeros((4, 2))
    stored[ids] = dout
    buffered[ids] += dout
    assert np.array_equal(stored[3], rows[-1]) and np.array_equal(buffered[3], rows[-1])
    row = (one_hot(ids, 4).T @ dout)[3]
    return by_value(question, *map(list, (row, rows[-1], rows.mean(axis=0), dout.sum(axis=0))))


@computes("word-not-in-the-batch")
def _(question):
    from keras import Sequential, layers
    from keras.optimizers import SGD, Adam

    optimizers = {
        "SGD with momentum": SGD(momentum=0.9),
        "Adam with its defaults": Adam(),
        "SGD with weight decay": SGD(weight_decay=0.01),
        "SGD and nothing else": SGD(),
    }

    def rests(optimizer):
        embedding = layers.Embedding(4, 2)
        model = Sequential([embedding])
        model.compile(optimizer, "mse")
        model.train_on_batch(np.array([[3, 1]]), np.ones((1, 2, 2)))
        first = embedding.get_weights()[0]
        model.train_on_batch(np.array([[2, 1]]), np.ones((1, 2, 2)))
        second = embedding.get_weights()[0]
        assert not np.array_equal(first[2], second[2])
        return np.array_equal(first[3], second[3])

    return by_claim(question, {name: rests(optimizer) for name, optimizer in optimizers.items()})


@computes("vector-of-the-padding")
def _(question):
    from keras.layers import LSTM

    names = run(*question.listings)
    out, table = np.asarray(names["out"]), names["layer"].get_weights()[0]
    lstm = np.asarray(LSTM(4, return_sequences=True)(out, mask=names["ids"] != 0))
    assert np.array_equal(lstm[0, 2], lstm[0, 1])  # as the explanation says
    claims = {
        "Zeros": not out[0, 2].any(),
        "Row 0 of the table": np.array_equal(out[0, 2], table[0]),
        "The vector before it": np.array_equal(out[0, 2], out[0, 1]),
        "Nothing": out.shape != (*names["ids"].shape, table.shape[1]),
    }
    return by_claim(question, claims)


@computes("layers-that-use-the-mask")
def _(question):
    from keras import layers

    def result_stays(option):
        names = run(*question.listings)
        ids, embedding, layer = names["ids"], names["embedding"], eval(code(option), vars(layers))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            before = layer(embedding(ids))
        table = embedding.get_weights()[0]
        table[0] = 100
        embedding.set_weights([table])
        with warnings.catch_warnings(action="ignore"):
            stays = np.allclose(before, layer(embedding(ids)))
        warned = any("destroy the mask" in str(warning.message) for warning in caught)
        assert warned != stays  # as the explanation says
        return stays

    return question.letters(result_stays)


@computes("pad-and-truncate")
def _(question):
    def works(listing):
        names = run(listing)
        return np.array_equal(names["ids"], names["wanted"])

    default, explained = question.listings[0].replace(f", {BLANK}", ""), question.filled(question.options[2])
    assert np.array_equal(run(default)["ids"], run(explained)["ids"])  # as the explanation says of C
    return passing(question, works)


@computes("ids-of-text-vectorization")
def _(question):
    names = run(*question.listings)
    ids, vocabulary = np.asarray(names["ids"]).tolist(), names["layer"].get_vocabulary()
    lookup = names["keras"].layers.StringLookup(vocabulary=vocabulary[2:])
    without_padding = [[*np.asarray(lookup(["red", "pink", "blue"])).tolist(), 0, 0]]
    assert without_padding == value(question.options[1])  # as the explanation says of B
    return question.letters(lambda option: value(option) == ids)


@computes("cosine-of-two-rows")
def _(question):
    names = run(*question.listings)
    tea, coffee = names["tea"], names["coffee"]
    inner, norm = tea @ coffee, np.linalg.norm(tea)
    assert norm == np.linalg.norm(coffee)
    return by_value(question, cosine(tea, coffee), inner, inner / norm, inner / norm**4)


@computes("cosine-before-training")
def _(question):
    import keras

    def table(seed):
        keras.utils.set_random_seed(seed)
        layer = eval(code(question.text), {"keras": keras})
        layer.build()
        return layer.get_weights()[0]

    W = table(0)
    assert -0.05 <= W.min() < -0.049 and 0.049 < W.max() <= 0.05  # as the explanation says
    units = W / np.linalg.norm(W, axis=1, keepdims=True)
    neighbours = (units[1:] * units[:-1]).sum(axis=1)
    cosines = (units @ units.T)[np.triu_indices(len(W), k=1)]
    claims = {
        "The contexts": cosines.max() > 0.9,  # of any pair, whatever words they will be
        "The two ids": neighbours.mean() > 0.9,
        "The small numbers": cosines.mean() > 0.9,
        "The random numbers": cosine(*W[[7, 8]]) != cosine(*table(1)[[7, 8]]),
    }
    return by_claim(question, claims)


@computes("frozen-pretrained-table")
def _(question):
    import keras

    table = rng.normal(size=(6, 2)).astype("float32")

    def works(listing):
        layer = run(listing, table=table)["layer"]
        model = keras.Sequential([layer, keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        model.train_on_batch(np.arange(6)[None], np.ones((1, 6, 1)))
        return np.array_equal(layer.get_weights()[0], table)

    return passing(question, works)

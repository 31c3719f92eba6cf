"""The answers of chapter 6's check questions, computed: a blank is run with each option, a mask is counted."""

import ast
import re
from pathlib import Path

import numpy as np
from questions import answered, by_claim, by_value, passing, read, run, survives

import tinyseq  # noqa: F401  before Keras
from tinyseq.attention import AdditiveAttention, DotProductAttention, MultiHeadAttention, causal_mask, masked_softmax
from tinyseq.attentive import BahdanauDecoder, LuongDecoder
from tinyseq.gradcheck import numerical_gradient
from tinyseq.layers import Dense, Embedding
from tinyseq.recurrent import GRU, RNN
from tinyseq.transformer import DecoderBlock, EncoderBlock, FeedForward, LayerNormalization, positions

computes, TestAnswers = answered(read(Path(__file__).parents[2] / "chapters/6-attention/check.md"))
rng = np.random.default_rng(6)


def equal(a, b):
    return np.shape(a) == np.shape(b) and np.allclose(a, b, atol=1e-5)


def softmax(scores):
    return masked_softmax(np.asarray(scores), np.ones(np.shape(scores), bool))


def weights_of(layer):
    """How many weights a layer of tinyseq has."""
    return sum(each.size for each in layer.params.values())


@computes("four-steps-in-order")
def _(question):
    (listing,) = question.listings
    query, key, value = rng.normal(size=(1, 3)), rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    real = np.array([True, True, False, True, False])

    def found(option):
        steps, x = run(listing, key=key, value=value, real=real)["steps"], query
        with np.errstate(all="ignore"):
            for step in ast.literal_eval(option.strip("`")):
                x = steps[step](x)
        return x

    (expected,), _ = DotProductAttention(scaled=False)(query[None], key[None], value[None], real[None, None])
    return question.letters(lambda option: survives(lambda option: equal(found(option), expected), option))


@computes("numbers-of-a-source")
def _(question):
    H, T = map(int, question.numbers)
    outputs, state = GRU.fresh(rng, 3, H)(rng.normal(size=(1, T, 3)))
    context, _ = DotProductAttention()(state[:, None], outputs, outputs)
    plain, memory, context = state.size, outputs.size, context.size
    return by_value(question, (plain, memory, context), (plain,) * 3, (plain, memory, memory), (memory, memory, plain))


@computes("padding-with-a-large-score")
def _(question):
    first, *logs = question.numbers[:4]
    scores, value = np.array([first, *np.log(logs)]), np.array(question.numbers[4:])
    assert np.allclose(np.exp(scores[:3]), [1, 2, 5])  # as the explanation says
    real = np.array([True, True, True, False])

    right = masked_softmax(scores, real) @ value
    afterwards, zero = softmax(scores) * real @ value, softmax(scores * real) @ value
    return by_value(question, *np.round([right, afterwards, zero, softmax(scores) @ value], 2))


@computes("scores-moved-and-doubled")
def _(question):
    *weights, added = question.numbers
    weights = np.array(weights)
    scores = np.log(weights) + 1.7  # any number may be added
    moved, doubled = softmax(scores + added), softmax(2 * scores)
    weights_moved, twice = (weights + added) / (weights + added).sum(), softmax(scores + np.log([2, 1]))
    pairs = (moved, doubled), (moved, weights), (weights_moved, doubled), (moved, twice)
    return by_value(question, *(tuple(np.round([a[0], b[0]], 2).tolist()) for a, b in pairs))


@computes("two-keys-of-four-numbers")
def _(question):
    query, key, value = (run(*question.listings)[name] for name in ("query", "key", "value"))
    right, weights = DotProductAttention()(query[None, None], key[None], value[None])
    assert np.allclose(weights, [0.75, 0.25], atol=0.001)  # as the explanation says
    scores = key @ query
    found = right[0, 0], softmax(scores) @ value, softmax(scores / 4) @ value, softmax(scores) / 2 @ value
    return by_value(question, *(tuple(np.round(each, 1).tolist()) for each in found))


@computes("weights-of-two-scores")
def _(question):
    Dq, Dk, A = map(int, question.numbers)
    general, additive = weights_of(Dense(np.ones((Dq, Dk)))), weights_of(AdditiveAttention.fresh(rng, Dq, Dk, A))
    return by_value(
        question, (general, additive), (general, additive - A), (Dq * Dq, additive), (general, additive - A + A * A)
    )


@computes("shapes-of-what-is-found")
def _(question):
    names = run(*question.listings)
    query, key, found, weights = (tuple(names[name].shape) for name in ("query", "key", "found", "weights"))
    (B, Tq, D), Tk, Dv = query, key[1], found[2]
    mistakes = ((B, Tk, Dv), (B, Tk, Tq)), ((B, Tq, D), weights), (found, (B, Tk, Tk))
    return by_value(question, (found, weights), *mistakes)


@computes("heads-in-an-einsum")
def _(question):
    query, key = rng.normal(size=(2, 4, 3, 5)), rng.normal(size=(2, 6, 3, 5))
    expected = query.swapaxes(1, 2) @ key.transpose(0, 2, 3, 1) / np.sqrt(5)  # (B, N, Tq, Tk)
    a, _, c = (run(question.filled(option))["scores"](query, key) for option in question.options[:3])
    assert a.shape == expected.shape and equal(c, expected.swapaxes(2, 3))  # as the explanation says
    return passing(question, lambda listing: equal(run(listing)["scores"](query, key), expected))


@computes("spread-of-a-score")
def _(question):
    d, _, of_query, of_key, _ = question.numbers
    std = np.sqrt(d * of_query**2 * of_key**2)
    products = (rng.normal(0, of_query, (50_000, int(d))) * rng.normal(0, of_key, (50_000, int(d)))).sum(axis=1)
    assert np.isclose(products.std(), std, rtol=0.02)
    root, added = np.sqrt(d), d * of_query * of_key
    return by_value(question, (std, std / root), (std**2, std**2 / root), (std, std / d), (added, added / root))


@computes("layer-of-keras-scaled")
def _(question):
    query, key, value = (rng.normal(size=(2, T, 4)) for T in (3, 5, 5))
    expected, _ = DotProductAttention()(query, key, value)
    swapped, _ = DotProductAttention()(query, value, key)
    attend = run(question.filled(question.options[1]))["attend"]
    assert equal(attend(query, key, value), swapped)  # as explained of B
    return passing(question, lambda listing: equal(run(listing)["attend"](query, key, value), expected))


@computes("sum-of-all-values")
def _(question):
    (listing,) = question.listings
    query, key, value = rng.normal(size=(2, 4, 3)), rng.normal(size=(2, 4, 3)), rng.normal(size=(2, 4, 5))
    expected, _ = DotProductAttention()(query, key, value)

    def found(option, query):
        old, new = re.findall(r"`([^`]+)`", option)
        assert old in listing
        return run(listing.replace(old, new))["attend"](query, key, value)

    slip = run(listing)["attend"]
    assert equal(slip(query[:, :1], key, value), value.sum(axis=1, keepdims=True))  # as the question says
    assert equal(found(question.options[1], query), slip(query, key, value))  # as explained of B
    return question.letters(lambda option: equal(found(option, query), expected))


@computes("pairs-of-three-attentions")
def _(question):
    Ts, T = map(int, question.numbers[:2])

    def seen(Tq, Tk, mask=None):
        """How many weights are not 0."""
        _, weights = DotProductAttention()(rng.normal(size=(1, Tq, 4)), *rng.normal(size=(2, 1, Tk, 4)), mask)
        return np.count_nonzero(weights)

    source, target, both = seen(Ts, Ts), seen(T, T, causal_mask(T)), seen(T, Ts)
    hidden = seen(T, T, np.tril(np.ones((1, T, T), bool), -1))
    mistakes = ((source, seen(T, T), both), (source, hidden, both), (seen(Ts, Ts, causal_mask(Ts)), target, both))
    return by_value(question, (source, target, both), *mistakes)


@computes("padding-behind-the-future")
def _(question):
    real, mask = (run(*question.listings)[name] for name in ("real", "mask"))
    assert mask.sum(axis=1).tolist() == [1, 2, 3, 4, 5, 5, 5, 5]  # as the explanation says
    causal = causal_mask(len(real))[0]
    return by_value(question, mask.sum(), mask[real].sum(), np.outer(real, real).sum(), causal.sum())


@computes("mask-turned-round")
def _(question):
    import keras

    x, lengths = rng.normal(size=(4, 4, 6)), [4, 2, 3, 1]  # B = T, so that no option fails
    layer = keras.layers.MultiHeadAttention(2, 3)
    ignore = np.arange(4) >= np.array(lengths)[:, None]
    alone = [layer(row[None, :T], row[None, :T])[0] for row, T in zip(x, lengths, strict=True)]

    def works(listing):
        found = run(listing)["attend"](layer, x, ignore)
        return all(equal(row[:T], one) for row, T, one in zip(found, lengths, alone, strict=True))

    return passing(question, works)


@computes("query-without-a-key")
def _(question):
    scores, nothing = rng.normal(size=5), np.zeros(5, bool)
    with np.errstate(invalid="ignore"):
        infinite, finite = (run(*question.listings)["weights"](scores, nothing, low) for low in (-np.inf, -1e9))

    def nan(weights):
        return np.isnan(weights).all()

    claims = {
        "NaN with both": nan(infinite) and nan(finite),
        "NaN with the first": nan(infinite) and equal(finite, np.full(5, 1 / 5)),
        "0 with both": not infinite.any() and not finite.any(),
        "Equal weights": equal(infinite, np.full(5, 1 / 5)) and nan(finite),
    }
    return by_claim(question, claims)


@computes("word-changed-in-the-middle")
def _(question):
    T, changed = 5, 2
    before = rng.normal(size=(1, T, 4))
    after = before.copy()
    after[:, changed] = rng.normal(size=4)
    attention, rnn = MultiHeadAttention.fresh(rng, 4, 2), RNN.fresh(rng, 4, 4)

    def steps(layer):
        """The steps, counted from 1, whose output changes."""
        return (1 + np.flatnonzero(abs(layer(after) - layer(before)).max(axis=(0, 2)) > 1e-9)).tolist()

    def attending(mask=None):
        return steps(lambda x: attention(x, x, mask)[0])

    causal = causal_mask(T)
    with_mask, without = attending(causal), attending()
    hidden = steps(lambda x: attention(before, x, np.tril(causal, -1))[0])  # as if the changed query did not count
    upside_down, recurrent = (attending(causal.swapaxes(1, 2)), steps(lambda x: rnn(x)[0]))
    return by_value(question, (with_mask, without), (hidden, without), (upside_down, without), (with_mask, recurrent))


@computes("last-word-and-its-weights")
def _(question):
    V, D, M, H = 7, 3, 4, 5
    memory, mask, state = rng.normal(size=(1, 6, M)), np.ones((1, 6), bool), rng.normal(size=(1, H))
    embedding, attention = (Embedding.fresh(rng, V, D), AdditiveAttention.fresh(rng, H, M, 8))
    luong = LuongDecoder(embedding, GRU.fresh(rng, D, H), attention, Dense.fresh(rng, M + H, 4), Dense.fresh(rng, 4, V))
    bahdanau = BahdanauDecoder(embedding, GRU.fresh(rng, D + M, H), attention, Dense.fresh(rng, H + M, V))

    def changes(decoder):
        one, other = (decoder(np.array([[2, 4, last]]), memory, mask, state)[1] for last in (5, 6))
        assert equal(one[:, :-1], other[:, :-1])
        return not equal(one[:, -1], other[:, -1])

    changed = changes(bahdanau), changes(luong)
    claims = {
        "In both": changed == (True, True),
        "In neither": changed == (False, False),
        "In Bahdanau's only": changed == (True, False),
        "In Luong's only": changed == (False, True),
    }
    return by_claim(question, claims)


@computes("second-attention-of-a-block")
def _(question):
    import keras

    y, memory = rng.normal(size=(2, 2, 5, 8))  # of the same length, so that no option fails
    look = [keras.layers.MultiHeadAttention(2, 4) for _ in range(2)]
    norm = [keras.layers.LayerNormalization() for _ in range(3)]
    dense = [keras.layers.Dense(16, activation="relu"), keras.layers.Dense(8)]
    feed_forward = keras.Sequential(dense)
    run(question.filled(question.options[0]))["block"](y, memory, look, norm, feed_forward)  # builds the layers
    attentions = [MultiHeadAttention(*layer.get_weights()) for layer in look]
    norms = [LayerNormalization(*layer.get_weights()) for layer in norm]
    denses = FeedForward(*(Dense(*layer.get_weights()) for layer in dense))
    expected, _ = DecoderBlock(attentions[0], norms[0], attentions[1], norms[1], denses, norms[2])(y, memory)
    return passing(
        question, lambda listing: equal(run(listing)["block"](y, memory, look, norm, feed_forward), expected)
    )


@computes("twice-as-many-heads")
def _(question):
    import keras

    D, N = 24, 3
    few, many = (MultiHeadAttention.fresh(rng, D, n) for n in (N, 2 * N))
    factor = weights_of(many) / weights_of(few)
    of_head = many.params["W_q"].shape[2] / few.params["W_q"].shape[2]
    x = rng.normal(size=(1, 4, D))
    of_output = many(x, x)[0].shape[2] / few(x, x)[0].shape[2]
    layers = [keras.layers.MultiHeadAttention(n, key_dim=D // N) for n in (N, 2 * N)]
    for layer in layers:
        layer.build(x.shape, x.shape)
    assert np.isclose(layers[1].count_params() / layers[0].count_params(), 2, atol=0.05)  # as explained of A
    claims = {
        "The number of weights is doubled": factor == 2 and of_head == 1,
        "The number of weights is halved": factor == 0.5 and of_head == 0.5,
        "The number of weights stays, each head": factor == 1 and of_head == 0.5,
        "The number of weights stays, the output": factor == 1 and of_output == 2,
    }
    return by_claim(question, claims)


@computes("size-of-each-head")
def _(question):
    names = run(*question.listings)
    D = int(question.numbers[0])
    first, second = (names[name].count_params() for name in ("first", "second"))
    of_all = 4 * 16 * D + 3 * 16 + D
    last = [size * D + D for size in (6 * D, D)]
    return by_value(question, (first, second), (second, second), (second, of_all), (first - last[0], second - last[1]))


@computes("cut-into-heads")
def _(question):
    x, N, d = rng.normal(size=(2, 5, 12)), 3, 4
    expected = np.stack([x[:, :, n * d : (n + 1) * d] for n in range(N)], axis=1)
    a, _, _, every = (run(question.filled(option))["cut"](x, N) for option in question.options)
    assert a.shape == every.shape == expected.shape  # as the explanation says
    assert np.isin(a[0, 0], x[0, :2]).all() and equal(every[:, 0], x[:, :, ::N])
    return passing(question, lambda listing: equal(run(listing)["cut"](x, N), expected))


@computes("text-four-times-as-long")
def _(question):
    d, n, factor = 3, 5, 0.9
    rnn = RNN(factor * np.eye(d), factor * np.eye(d), np.zeros(d))  # near 0 each step multiplies by the factor

    def costs(n):
        """The multiplications of both, then the steps of both from the first word to the last output."""
        x = np.zeros((1, n, d))
        scores, states = (x @ x.swapaxes(1, 2), rnn(x)[0])  # d multiplications for each of their numbers
        left = numerical_gradient(lambda: rnn(x)[0][0, -1].sum(), x)[0, 0, 0]
        direct = numerical_gradient(lambda: DotProductAttention()(x, x, x)[0][0, -1].sum(), x)[0, 0, 0]
        assert np.isclose(direct, 1 / n)  # one layer: the first value goes into the sum with its weight
        return np.array([scores.size * d, states.size * d, 1, round(np.log(left) / np.log(factor))])

    attention, recurrent, step, steps = (costs(4 * n) // costs(n)).tolist()
    right = attention, recurrent, step, steps
    mistakes = (recurrent, recurrent, step, steps), (attention, recurrent, steps, steps)
    return by_value(question, right, *mistakes, (recurrent, attention, step, steps))


@computes("dogs-and-cats")
def _(question):
    words = {word: rng.normal(size=4) for word in ("dogs", "chase", "cats")}
    sentences = [found.split() for found in re.findall(r"\*(.+?)\*", question.text)]
    assert [sorted(words)] * 2 == [sorted(sentence) for sentence in sentences]
    attention = MultiHeadAttention.fresh(rng, 4, 2)
    read_in = [np.stack([words[word] for word in sentence])[None] for sentence in sentences]
    first, second = (attention(x, x)[0][0] for x in read_in)
    same = {word: equal(first[sentences[0].index(word)], second[sentences[1].index(word)]) for word in words}
    claims = {
        "They stay": equal(first, second),
        "All differ": not any(same.values()),
        "Only that of": [word for word in words if same[word]] == ["chase"],
        "Each word": all(same.values()),
    }
    return by_claim(question, claims)


@computes("third-number-of-a-place")
def _(question):
    D, t = map(int, question.numbers[:2])
    right, cosine = positions(t + 1, D)[t, 2:]
    exponent, column = np.sin(t / 10_000 ** (1 / D)), np.sin(t / 10_000 ** (4 / D))
    return by_value(question, *np.round([right, exponent, cosine, column], 3))


@computes("add-and-norm-counted")
def _(question):
    encoders, decoders, D = map(int, question.numbers)

    def norms(block):
        return [part for part in block.parts.values() if isinstance(part, LayerNormalization)]

    encoder, decoder = (norms(block.fresh(rng, D, 4, 8)) for block in (EncoderBlock, DecoderBlock))
    each = weights_of(encoder[0])
    count = encoders * len(encoder) + decoders * len(decoder)
    all_two, all_three = ((encoders + decoders) * len(block) for block in (encoder, decoder))
    mistakes = ((all_two, all_two * each), (all_three, all_three * each), (count, count * D))
    return by_value(question, (count, count * each), *mistakes)


@computes("one-number-normalised")
def _(question):
    gamma, beta = question.numbers
    x = run(*question.listings)["x"]
    right = LayerNormalization(np.full(4, gamma), np.full(4, beta))(x)[0, 0]
    over_tokens = gamma * (x[0, 0] - x[:, 0].mean()) / x[:, 0].std() + beta
    normal = (x[0, 0] - x[0].mean()) / x[0].std()
    by_variance = gamma * (x[0, 0] - x[0].mean()) / x[0].var() + beta
    return by_value(question, *np.round([right, over_tokens, normal, by_variance], 2))


@computes("words-hidden-from-bert")
def _(question):
    tokens = int(*question.numbers)
    chosen = tokens * 15 // 100
    hidden = chosen * 80 // 100
    assert chosen - hidden == 6 + 6  # as the explanation says
    return by_value(question, (chosen, hidden), (chosen, chosen), (tokens, chosen), (hidden, hidden))


@computes("same-sum-other-weights")
def _(question):
    value, weights = (run(*question.listings)[name] for name in ("value", "weights"))

    def found(option):
        return np.array(ast.literal_eval(option.strip("`"))) @ value

    expected = [1.2, 0.8], [1, 1], [0.5, 1.5], [0.8, 1.2]
    assert all(equal(found(option), each) for option, each in zip(question.options, expected, strict=True))
    return question.letters(lambda option: equal(found(option), weights @ value))

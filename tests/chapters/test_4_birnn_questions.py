"""The answers of chapter 4's check questions, computed: a blank is run with each option, a gradient is measured."""

import ast
import re
from pathlib import Path

import numpy as np
from questions import answered, by_claim, by_value, code, passing, read, run, survives

import tinyseq  # noqa: F401  before Keras
from tinyseq.gradcheck import numerical_gradient
from tinyseq.layers import sigmoid
from tinyseq.recurrent import GRU, LSTM, RNN, Bidirectional

computes, TestAnswers = answered(read(Path(__file__).parents[2] / "chapters/4-birnn/check.md"))
rng = np.random.default_rng(4)


def logit(p):
    return np.log(p / (1 - p))


def states_of(X, W, U):
    """The states (T, H) of an RNN without a bias that reads X (T, D)."""
    return RNN(W, U, np.zeros(len(U)))(X[None])[0][0]


def chain(D, H):
    """The W and U of a chain."""
    return rng.normal(size=(D, H)), rng.normal(size=(H, H))


def equal(a, b):
    return np.shape(a) == np.shape(b) and np.allclose(a, b, atol=1e-6)


@computes("one-recurrent-step")
def _(question):
    w, u, b, minus_h, x = question.numbers

    def state(w=w, u=u, b=b):
        rnn = RNN(np.array([[w]]), np.array([[u]]), np.array([b]))
        return round(rnn(np.array([[[x]]]), None, np.array([[-minus_h]]))[1].item(), 2)

    return by_value(question, state(), state(b=0.0), state(u=0.0), state(w=u, u=w))


@computes("third-matrix-of-an-rnn")
def _(question):
    from keras import Input, Sequential, layers

    T, D, H, C = map(int, question.numbers[:4])
    model = Sequential([Input((T, D)), layers.SimpleRNN(H, return_sequences=True), layers.Dense(C)])
    first, third, second = (weights.shape for weights in model.get_weights() if weights.ndim == 2)
    assert [first, second] == [ast.literal_eval(shape) for shape in re.findall(r"`(.+?)`", question.text)]
    shapes = [ast.literal_eval(code(option)) for option in question.options]
    assert sorted(shapes) == sorted([third, (C, H), (D, H), (T, *third)])
    return question.letters(lambda option: ast.literal_eval(code(option)) == third)


@computes("gradient-of-the-recurrent-weights")
def _(question):
    (listing,) = question.listings
    (line,) = re.findall(r"dU = np\.outer.*", listing)

    def right(listing, T):
        """Whether dW and whether dU are as the numerical gradients."""
        X, (W, U), dh = rng.normal(size=(T, 3)), chain(3, 2), rng.normal(size=2)
        gradients = run(listing)["backward"](dh, X, states_of(X, W, U), U)
        expected = (numerical_gradient(lambda: states_of(X, W, U)[-1] @ dh, weights) for weights in (W, U))
        return [equal(*pair) for pair in zip(gradients, expected, strict=True)]

    def passes(listing):
        return all(all(right(listing, T)) for T in (1, 2, 5))

    assert all(right(listing, T) == [True, False] for T in (1, 2, 5))  # as the question says
    return question.letters(lambda option: survives(passes, listing.replace(line, code(option))))


@computes("gradient-over-three-steps")
def _(question):
    u, h0 = question.numbers[0], np.array([[0.3]])
    states = np.array(re.findall(r"h_\d = (-?[\d.]*\d)", question.text), dtype=float)
    x = (np.arctanh(states) - u * np.append(h0, states[:-1])).reshape(1, -1, 1)  # what leads to these states
    rnn = RNN(np.eye(1), np.array([[u]]), np.zeros(1))
    assert np.allclose(rnn(x, None, h0)[0].ravel(), states)
    right = numerical_gradient(lambda: rnn(x, None, h0)[1].item(), h0).item()
    factors = (1 - states**2) * u
    assert np.allclose(factors, [0.6, 0.8, 0.6])  # as the explanation says
    return by_value(question, *(round(g, 3) for g in (right, u**3, factors[1:].prod(), factors.sum())))


@computes("shortened-gradient")
def _(question):
    long, short, limit = np.array([6.0, -8]), np.array([0.6, -0.8]), 5

    def results(option):
        clipped = run(question.filled(option))["clipped"]
        return [clipped(gradient, limit).tolist() for gradient in (long, short)]

    lengthens, upside_down, by_number, right = map(results, question.options)
    assert right == [[3, -4], short.tolist()] and lengthens == [[3, -4], [3, -4]]  # as the explanation says
    assert upside_down[0] == long.tolist() and np.hypot(*upside_down[1]) < 1
    assert by_number[0] == [5, -5] and np.hypot(*by_number[0]) > limit

    def works(listing):
        clipped = run(listing)["clipped"]
        gradients = [rng.normal(size=(3, 2)) * scale for scale in (0.01, 1, 100)]
        lengths = [np.linalg.norm(gradient) for gradient in gradients]
        return all(
            equal(clipped(gradient, 2), gradient * (2 / length if length > 2 else 1))
            for gradient, length in zip(gradients, lengths, strict=True)
        )

    return passing(question, works)


@computes("cell-and-state")
def _(question):
    f, i, o, minus_g, c = question.numbers

    def step(f=f, i=i):
        bias = np.array([logit(i), logit(f), np.arctanh(-minus_g), logit(o)])
        lstm = LSTM(np.zeros((1, 4)), np.zeros((1, 4)), bias)
        _, h, cell = lstm(np.zeros((1, 1, 1)), None, np.zeros((1, 1)), np.array([[c]]))
        return cell.item(), h.item()

    cell, h = step()
    right, *mistakes = (cell, h), step(f=i, i=f), (cell, o * cell), step(f=1 - f)
    return by_value(question, *(tuple(round(number, 2) for number in pair) for pair in (right, *mistakes)))


@computes("gates-without-names")
def _(question):
    import keras

    step = run(*question.listings)["step"]
    c, p, q, r, s = rng.uniform(0.2, 0.8, size=(5, 1, 1))

    def through(**gates):
        """The gradient from the cell to the next one."""
        gates = {"p": p, "q": q, "r": r, "s": s} | gates
        return numerical_gradient(lambda: step(c, **gates)[1].item(), c).item()

    assert np.isclose(through(), q.item()) and np.isclose(through(q=np.ones((1, 1))), 1)  # as the explanation says
    assert [round(float(sigmoid(np.array(bias))), 2) for bias in (0.0, 1.0)] == [0.5, 0.73]
    lstm = keras.layers.LSTM(3)
    lstm.build((None, None, 2))
    bias = dict(zip("pqrs", np.split(lstm.get_weights()[2], 4), strict=True))  # Keras's order: i, f, c, o
    claims = {
        "Where `q` is 1": through(q=np.ones((1, 1))) == 0,
        "Keras starts with a bias of 1 for `p`": bool((bias["p"] == 1).all()),
        "Keras starts with a bias of 1 for `q`": bool((bias["q"] == 1).all()),
        "Where `s` is 0": not np.isclose(step(c, p, q, r, 0 * s)[1], step(c, p, q, r, s)[1]).item(),
    }
    return by_claim(question, claims)


@computes("two-meanings-of-the-update-gate")
def _(question):
    import keras

    h, minus_g, z = question.numbers[:3]
    zeros, start = np.zeros((1, 3)), np.array([[h]])
    bias = np.array([[logit(z), 0, np.arctanh(-minus_g)], [0, 0, 0]])

    layer = keras.layers.GRU(1)
    layer.build((None, None, 1))
    layer.set_weights([zeros, zeros, bias])
    in_keras = float(layer(np.zeros((1, 1, 1)), initial_state=[start.astype("float32")])[0, 0])
    kept, written = (
        GRU(zeros, zeros, bias, keep)(np.zeros((1, 1, 1)), None, start)[1].item() for keep in (True, False)
    )
    assert np.isclose(in_keras, kept, atol=1e-6)
    pairs = (in_keras, written), (written, in_keras), (written, written), (h - (1 - z) * minus_g, h - z * minus_g)
    return by_value(question, *(tuple(round(number, 2) for number in pair) for pair in pairs))


@computes("what-the-reset-gate-resets")
def _(question):
    import keras

    x, h, W, U, b = (rng.normal(size=shape) for shape in [(4, 2), (4, 3), (2, 9), (3, 9), 9])

    def state(reset_after):
        gru = keras.layers.GRU(3, reset_after=reset_after)
        gru.build((None, None, 2))
        gru.set_weights([W, U, np.stack([b, 0 * b]) if reset_after else b])
        return np.asarray(gru(x[:, None].astype("float32"), initial_state=[h.astype("float32")]))

    def agrees(listing, reset_after=False):
        inputs, recurrent = np.split(x @ W + b, 3, axis=1), np.split(U, 3, axis=1)
        return equal(run(listing)["step"](*inputs, h, *recurrent), state(reset_after))

    assert agrees(question.filled(question.options[0]), reset_after=True)  # as explained of A
    return passing(question, agrees)


@computes("joined-chains")
def _(question):
    X, forward, backward, V = rng.normal(size=(6, 4)), chain(4, 3), chain(4, 3), rng.normal(size=(6, 2))
    halves = [RNN(*weights, np.zeros(3)) for weights in (forward, backward)]

    def works(listing, V=V, merge_mode="concat"):
        expected = Bidirectional(*halves, merge_mode)(X[None])[0][0] @ V
        return equal(run(listing)["scores"](X, forward, backward, V), expected)

    total, _, product, below = map(question.filled, question.options)
    assert works(total, V[:3], "sum") and works(product, V[:3], "mul")  # as the explanation says
    assert run(below)["scores"](X, forward, backward, V[:3]).shape == (12, 2)
    return passing(question, works)


@computes("order-of-going-backwards")
def _(question):
    def works(listing):
        names = run(listing)
        x, out, T = names["x"], names["out"], names["x"].shape[1]
        read_up_to = [names["forward"](x[:, : t + 1])[:, -1] for t in range(T)]
        read_down_to = [names["backward"](x[:, t:])[:, -1] for t in range(T)]
        return equal(out, np.concatenate([np.stack(read_up_to, axis=1), np.stack(read_down_to, axis=1)], axis=2))

    assert run(question.filled(question.options[0]))["out"].shape == (32, 30, 16)  # A: the shape is right
    return passing(question, works)


@computes("weights-of-two-chains")
def _(question):
    from keras import layers

    layer, x = (run(*question.listings)[name] for name in ("layer", "x"))
    D, H = x.shape[2], layer.forward_layer.units

    def weights(*chains):
        for each in chains:
            each.build((None, None, D))
        return tuple(each.count_params() for each in chains)

    gru = layers.Bidirectional(layers.GRU(H))
    one_chain = weights(layers.LSTM(H), layers.GRU(H))
    one_bias = weights(layers.Bidirectional(layers.GRU(H, reset_after=False)))
    no_bias = weights(*(layers.Bidirectional(cell(H, use_bias=False)) for cell in (layers.LSTM, layers.GRU)))
    assert one_chain == (4 * H * (D + H + 1), 3 * H * (D + H + 2)) == (32 * 25, 24 * 26)  # as the explanation says
    lstm = layer.count_params()
    return by_value(question, (lstm, *weights(gru)), (lstm, *one_bias), one_chain, no_bias)


@computes("one-vector-for-a-text")
def _(question):
    import keras

    names = run(*question.listings)
    last = keras.layers.Bidirectional(keras.layers.LSTM(8))
    last.build(names["x"].shape)
    last.set_weights(names["layer"].get_weights())
    vector, out = np.asarray(last(names["x"])), np.asarray(names["out"])
    assert len(names["states"]) == 4 and equal(vector[:, :8], out[:, -1, :8]) and equal(vector[:, 8:], out[:, 0, 8:])
    return question.letters(lambda option: equal(eval(code(option), names), vector))


@computes("outputs-that-change")
def _(question):
    names = run(*question.listings)
    other = names["x"].copy()
    (at,) = re.findall(r"`x\[:, (\d+)\]`", question.text)
    other[:, int(at)] += 1
    changed = np.asarray(names["layer"](other)[0] != names["out"]).any(axis=0)  # (T, 2 H)

    def claimed(option):
        out = np.zeros((1, *changed.shape), dtype=bool)
        for piece in re.findall(r"`(.+?)`", option):
            exec(f"{piece} = True", {"out": out})
        return out[0]

    return question.letters(lambda option: np.array_equal(claimed(option), changed))


@computes("layer-on-a-layer")
def _(question):
    shapes = {}

    def works(listing):
        shapes[listing] = tuple(run(listing)["out"].shape)
        return shapes[listing] == (32, int(question.numbers[-1]))

    right = passing(question, works)
    no_time, _, joined, steps = map(question.filled, question.options)
    assert no_time not in shapes and (shapes[joined], shapes[steps]) == ((32, 16), (32, 30, 8))  # as explained
    return right


@computes("padding-read-first")
def _(question):
    import keras

    linear = keras.layers.SimpleRNN(1, activation="linear")
    layer = keras.layers.Bidirectional(linear, merge_mode=None)
    x = np.array([[[3], [1], [0], [0]]], dtype="float32")
    layer.build(x.shape)
    layer.set_weights(2 * [np.ones((1, 1)), np.full((1, 1), 2), np.ones(1)])

    def ends(x, mask=None):
        return [int(state[0, 0]) for state in layer(x, mask=mask)]

    masked, bare = ends(x, np.array([[True, True, False, False]])), ends(x)
    padded_before = ends(np.roll(x, 2, axis=1))[1]  # so that the backward chain meets the padding last
    (forward, backward), (forward_bare, backward_bare) = masked, bare
    mistakes = (backward, backward), (forward, forward_bare), (backward, padded_before)
    return by_value(question, (backward, backward_bare), *mistakes)


@computes("error-across-the-gap")
def _(question):
    def errors(known, gap, alike):
        """The squared errors of the best answers: those of a normal distribution, given what is known."""
        time = np.concatenate([known, gap])
        C = alike ** abs(time[:, None] - time)
        K, G = slice(len(known)), slice(len(known), None)
        return np.diag(C[G, G] - C[G, K] @ np.linalg.solve(C[K, K], C[K, G]))

    def grows(error):
        return (np.diff(error) > 0).all()

    def worst_in_the_middle(error):
        half = len(error) // 2
        return grows(error[:half]) and grows(error[::-1][:half])

    before, gap, after = np.split(np.arange(50), [20, 30])
    pairs = [(errors(before, gap, a), errors(np.concatenate([before, after]), gap, a)) for a in (0.8, 0.9, 0.97)]
    assert all((both < left).all() for left, both in pairs)
    claims = {
        "It grows with both": all(grows(left) and grows(both) for left, both in pairs),
        "With the RNN it grows, with the bidirectional one the middle": all(
            grows(left) and worst_in_the_middle(both) for left, both in pairs
        ),
        "With both the middle": all(worst_in_the_middle(left) and worst_in_the_middle(both) for left, both in pairs),
        "With the RNN it grows, with the bidirectional one it is the same": all(
            grows(left) and np.allclose(both, both[0]) for left, both in pairs
        ),
    }
    return by_claim(question, claims)


@computes("phrase-of-two-parts")
def _(question):
    H = 3
    E, W, b = rng.normal(size=(5, H)), rng.normal(size=(2 * H, H)), rng.normal(size=H)

    def phrase(left, right):
        return np.tanh(left @ W[:H] + right @ W[H:] + b)

    def works(listing):
        vector = run(listing)["vector"]
        small = phrase(E[0], E[1])
        large = phrase(small, phrase(E[2], phrase(E[3], E[4])))
        return equal(vector((0, 1), E, W, b), small) and equal(vector(((0, 1), (2, (3, 4))), E, W, b), large)

    for option in question.options[:2]:  # A and B, with a smaller W: as the explanation says
        vector = run(question.filled(option))["vector"]
        assert equal(vector((0, 1), E, W[:H], b), vector((1, 0), E, W[:H], b))
    return passing(question, works)

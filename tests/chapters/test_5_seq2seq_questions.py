"""The answers of chapter 5's check questions, computed: a blank is run with each option, a divergence is integrated."""

import ast
import re
from collections import Counter
from pathlib import Path

import numpy as np
from questions import answered, by_claim, by_value, passing, read, run, survives
from scipy import integrate, stats

import tinyseq  # noqa: F401  before Keras
from tinyseq.decoding import beam, greedy
from tinyseq.gradcheck import numerical_gradient
from tinyseq.layers import SoftmaxCrossEntropy
from tinyseq.recurrent import RNN
from tinyseq.seq2seq import shifted

computes, TestAnswers = answered(read(Path(__file__).parents[2] / "chapters/5-seq2seq/check.md"))
rng = np.random.default_rng(5)


def equal(a, b):
    return np.shape(a) == np.shape(b) and np.allclose(a, b, atol=1e-6)


def italics(text):
    """The sentences in italics, as lists of words."""
    return [found.split() for found in re.findall(r"\*(.+?)\*", text, flags=re.DOTALL)]


def divergence(q, p):
    """KL(q || p) of two normal distributions (mean, standard deviation), integrated."""
    q, p = stats.norm(*q), stats.norm(*p)
    low, high = q.ppf([1e-14, 1 - 1e-14])
    return integrate.quad(lambda z: q.pdf(z) * (q.logpdf(z) - p.logpdf(z)), low, high)[0]


def normal(z):
    """Whether z (N,) may be a large sample from N(0, 1)."""
    return stats.kstest(z, "norm").pvalue > 1e-6


@computes("states-for-the-decoder")
def _(question):
    def works(listing):
        names = run(listing)
        source, target, decoder = (names[name] for name in ("source", "target", "decoder"))
        names["encoder"].set_weights(decoder.get_weights())  # one network: to go on is to read both in one go
        exec("\n".join(listing.splitlines()[-2:]), names)
        return equal(names["out"], decoder(np.concatenate([source, target], axis=1))[:, source.shape[1] :])

    names = run(question.filled(question.options[1]))
    assert equal(names["last"], names["h"])  # as explained of B
    return passing(question, works)


@computes("columns-of-an-encoder")
def _(question):
    (line,) = re.findall(r"`(h = .+?)`", question.text)
    B, V, D, H = map(int, question.numbers)
    w = np.eye(V)[:, rng.integers(V, size=B)]

    def holds(option):
        E, W, h = (rng.normal(size=ast.literal_eval(shape)) for shape in re.findall(r"`(.+?)`", option))
        return run(line, E=E, W=W, U=np.eye(H), w=w, h=h)["h"].shape == h.shape

    rows = [ast.literal_eval(shape) for shape in re.findall(r"`(.+?)`", question.options[0])]
    (in_rows,) = re.findall(r"`(np\.tanh.+?)`", question.explanation)
    W_in, W, h = map(np.ones, rows)
    assert rows == [(V, D), (D, H), (B, H)]  # as explained of A
    assert eval(in_rows, {"np": np, "W_in": W_in, "W": W, "h": h, "U": np.eye(H), "ids": w.argmax(0)}).shape == h.shape
    return question.letters(lambda option: survives(holds, option))


@computes("columns-turned-into-rows")
def _(question):
    (line,) = re.findall(r"`(np\.tanh.+?)`", question.text)
    ids, h = rng.integers(7, size=5), rng.normal(size=(5, 3))
    E, W, U = rng.normal(size=(4, 7)), rng.normal(size=(3, 4)), rng.normal(size=(3, 3))
    columns = eval(line, {"np": np, "E": E, "W": W, "U": U, "w": np.eye(7)[:, ids], "h": h.T})
    assert equal(RNN(W.T, U.T, np.zeros(3))(E.T[ids][:, None], None, h)[1], columns.T)  # this book's RNN
    assert run(question.filled(question.options[2]))["step"](ids, h, E, W, U).shape == h.shape  # C: nothing fails
    return passing(question, lambda listing: equal(run(listing)["step"](ids, h, E, W, U), columns.T))


@computes("weights-of-a-translator")
def _(question):
    model = run(*question.listings)["model"]
    right = model.count_params()
    counts = Counter(layer.count_params() for layer in model.layers if layer.weights)
    assert counts == {960: 1, 224: 1, 6272: 2, 462: 1}  # as the explanation says
    dense = model.layers[-1]
    return by_value(question, right, right - 224, right - 6272, right + np.prod(dense.kernel.shape))


@computes("two-shifted-sequences")
def _(question):
    *answer, bos, eos = map(int, question.numbers)
    reads, targets = (ids[0].tolist() for ids in shifted([answer], bos, eos))
    unshifted = [bos, *answer, eos]
    return by_value(question, (reads, targets), (unshifted, unshifted), (answer, targets[1:]), (targets, reads))


@computes("loss-of-two-answers")
def _(question):
    losses, mask = (run(*question.listings)[name] for name in ("losses", "mask"))
    scores = np.stack([-losses, np.log(-np.expm1(-losses))], axis=2)  # (B, T, 2), the first of two words is right
    right = SoftmaxCrossEntropy()(scores, np.zeros(losses.shape, int), mask)
    of_answers = [row[real].mean() for row, real in zip(losses, mask, strict=True)]
    assert np.allclose(of_answers, [0.6, 1.2]) and np.isclose(losses[mask].sum(), 4.8)  # as the explanation says
    return by_value(question, *np.round([right, (losses * mask).mean(), losses.mean(), np.mean(of_answers)], 2))


@computes("line-of-the-writing-loop")
def _(question):
    bos, eos, longest = 0, 1, 6

    def written_as_greedy(write):
        """Whether a network with random weights writes the same as with this book's greedy search."""
        W, U, out = (2 * rng.normal(size=shape) for shape in [(5, 4), (4, 4), (4, 5)])

        def step(ids, states):
            h = np.tanh(W[ids] + states[0] @ U)
            return h @ out, (h,)

        start = rng.normal(size=4)
        (expected,) = greedy(step, (start[None],), bos, eos, longest)
        return write(step, (start,), bos, eos, longest) == expected

    return passing(question, lambda listing: all(written_as_greedy(run(listing)["write"]) for _ in range(20)))


@computes("source-read-backwards")
def _(question):
    T = int(question.numbers[0])
    word = np.arange(1, T + 1)
    written = T + word

    def distances(read):
        return sorted((written - read).tolist())

    before, after = distances(word), distances(T + 1 - word)
    assert after == [1, 3, 5, 7, 9, 11] and set(before) == {T}  # as the explanation says
    same_mean = np.mean(after) == T
    claims = {
        "The mean stays 6, the smallest": same_mean and min(before) == 6 and min(after) == 1,
        "The mean stays 6, and so does": same_mean and before == after,
        "The mean falls from 6 to 3.5": np.mean(after) == 3.5 and max(after) == 6,
        "The mean falls from 6 to 1": np.mean(after) == 1,
    }
    return by_claim(question, claims)


@computes("probability-that-is-found")
def _(question):
    names = run(*question.listings)
    first, second = names["first"], names["second"]
    words = ["<bos>", "<eos>", *first, *(word for after in second.values() for word in after)]
    table = {"<bos>": first, **second}
    p = np.array([[table.get(word, {"<eos>": 1}).get(after, 0) for after in words] for word in words])
    assert np.allclose(p.sum(axis=1), 1)

    def found(width, start=0):
        with np.errstate(divide="ignore"):
            log_p = np.log(p)
        (hypotheses,) = beam(lambda ids, states: (log_p[ids], states), (np.zeros((1, 1)),), start, 1, 3, width)
        return round(float(np.exp(hypotheses[0].log_p)), 3)

    after_it = round(found(2, words.index("it")) * first["it"], 3)
    one, two, three = map(found, (1, 2, 3))
    return by_value(question, (one, two), (one, after_it), (one, three), (two, three))


@computes("best-of-four-lengths")
def _(question):
    log_p, length = (run(*question.listings)[name] for name in ("log_p", "length"))
    per_word = {name: log_p[name] / length[name] for name in log_p}
    assert np.allclose(list(per_word.values()), [-0.7, -0.6, -0.4, -0.5])  # as the explanation says
    pair = [max(table, key=table.get) for table in (log_p, per_word)]
    return question.letters(lambda option: re.findall(r"`(\w)`", option) == pair)


@computes("perplexity-of-an-answer")
def _(question):
    p = np.array(question.numbers)
    entropy = -np.log(p).mean()
    assert np.isclose(p.prod(), 1 / 16)  # as the explanation says
    without_eos = np.exp(-np.log(p[:-1]).mean())
    return by_value(question, *np.round([np.exp(entropy), entropy, without_eos, 1 / p.prod()], 2))


@computes("words-counted-once-too-often")
def _(question):
    written, reference = italics(question.text)

    def counts(n):
        return (Counter(zip(*(words[k:] for k in range(n)), strict=False)) for words in (written, reference))

    (words, right_words), (pairs, right_pairs) = counts(1), counts(2)
    clipped, clipped_pairs = (words & right_words).total(), (pairs & right_pairs).total()
    matching = sum(count for word, count in words.items() if word in right_words)
    shares = [
        (clipped / words.total(), clipped_pairs / pairs.total()),
        (matching / words.total(), clipped_pairs / pairs.total()),
        (clipped / right_words.total(), clipped_pairs / right_pairs.total()),
        (clipped / words.total(), clipped_pairs / words.total()),
    ]
    return by_value(question, *(tuple(round(share, 2) for share in pair) for pair in shares))


@computes("shapes-of-a-dialogue")
def _(question):
    import keras

    names = run(*question.listings)
    ids, words, turns, context = (tuple(names[name].shape) for name in ("ids", "words", "turns", "context"))
    (B, N, T), D, H, H_context = ids, words[3], turns[2], context[1]
    assert words == (B, N, T, D) == (16, 5, 20, 24)  # as the explanation says
    of_words = keras.layers.TimeDistributed(keras.layers.GRU(H, return_sequences=True))(names["words"])
    of_turns = keras.layers.GRU(H_context, return_sequences=True)(names["turns"])
    mistakes = ((B, T, H), context), (tuple(of_words.shape), context), (turns, tuple(of_turns.shape))
    return by_value(question, (turns, context), *mistakes)


@computes("way-of-the-first-word")
def _(question):
    turns, factor = [np.zeros((1, int(words), 1)) for words in question.numbers[:4]], 0.9
    rnn = RNN(np.array([[factor]]), np.array([[factor]]), np.zeros(1))  # near 0 each step multiplies by the factor

    def hred():
        return rnn(np.stack([rnn(turn)[1] for turn in turns], axis=1))[1].item()

    def joined():
        return rnn(np.concatenate(turns, axis=1))[1].item()

    def steps(read):
        """The steps from the first word to the last state, by what is left of its gradient."""
        return round(np.log(numerical_gradient(read, turns[0])[0, 0, 0]) / np.log(factor))

    words = sum(turn.shape[1] for turn in turns)
    right = steps(hred), steps(joined)
    assert right == (turns[0].shape[1] + len(turns), words)  # as the explanation says
    return by_value(question, right, (len(turns), words), (words, words), (words + len(turns), words))


@computes("pair-of-a-denoising-autoencoder")
def _(question):
    def data(count):
        return rng.normal(size=(count, 1)) * [1.0, -2.0, 1.5] + 0.3 * rng.normal(size=(count, 3))

    def matrix(listing):
        return run(listing)["train"](data(50_000), np.random.default_rng(0))

    def works(listing):
        clean = data(50_000)
        noise = rng.normal(size=clean.shape)
        return (((clean + noise) @ matrix(listing) - clean) ** 2).mean() < 0.5 * (noise**2).mean()

    _, *copying = map(question.filled, question.options)
    assert all(np.allclose(matrix(listing), np.eye(3), atol=0.1) for listing in copying)  # as the explanation says
    return passing(question, works)


@computes("autoencoder-without-activations")
def _(question):
    count, *variances, size, _ = question.numbers
    half = np.diag(np.sqrt(count * np.array(variances)))
    X = np.concatenate([half, -half])  # (2 * 4, 4)
    assert np.allclose(X.T @ X / len(X), np.diag(variances))  # as the question says
    encoder = rng.normal(size=(4, int(size)))
    for _ in range(200):  # each is the best for the other
        decoder = np.linalg.lstsq(X @ encoder, X)[0]
        encoder = np.linalg.pinv(decoder)

    def error(encoder, decoder):
        return ((X - X @ encoder @ decoder) ** 2).sum(axis=1).mean()

    mixture = encoder[:2]  # of the first two principal components, which are the first two numbers here
    assert np.allclose(encoder[2:], 0) and abs(np.linalg.det(mixture)) > 0.01 and (abs(mixture) > 0.01).all()
    mixed = np.array([[1, 1], [1, 1]])
    assert error(encoder @ mixed, np.linalg.pinv(encoder @ mixed)) > 3.1  # one that has no inverse loses more
    loss = round(error(encoder, decoder), 6)
    components = np.allclose(mixture, np.diag(np.diag(mixture)))
    claims = {
        "An error of 0": loss == 0,
        "An error of 3, and a code that must": loss == 3 and components,
        "An error of 9": loss == 9,
        "An error of 3, and a code that may": loss == 3 and not components,
    }
    return by_claim(question, claims)


@computes("bound-and-gap")
def _(question):
    minus_fit, divergence_from_prior, minus_log_p, *_ = question.numbers

    def bound_and_gap(x, mean, std):
        """ELBO and gap of an image x with z from N(0, 1) and x from N(z, 1), where the posterior is N(x / 2, 1 / 2)."""
        z = stats.norm(mean, std)
        fit = z.expect(lambda z: stats.norm(z, 1).logpdf(x))
        return fit - divergence((mean, std), (0, 1)), divergence((mean, std), (x / 2, 0.5**0.5))

    elbo, gap = bound_and_gap(1.5, 0.2, 0.8)
    assert gap > 0 and np.isclose(elbo + gap, stats.norm(0, 2**0.5).logpdf(1.5))

    right = -minus_fit - divergence_from_prior
    gap = -minus_log_p - right
    added = -minus_fit + divergence_from_prior
    return by_value(
        question, (right, gap), (added, -minus_log_p - added), (right, divergence_from_prior), (right, -gap)
    )


@computes("divergence-from-the-prior")
def _(question):
    mean_1, mean_2, variance_1, variance_2, *_ = question.numbers
    mean, variance = np.array([mean_1, mean_2]), np.array([variance_1, variance_2])
    each = [divergence((m, v**0.5), (0, 1)) for m, v in zip(mean, variance, strict=True)]
    sign_lost = ((mean**2 + variance + np.log(variance) - 1) / 2).sum()
    assert np.round(each, 2).tolist() == [2, 0.32]  # as the explanation says
    return by_value(question, *np.round([sum(each), sign_lost, np.mean(each), 2 * sum(each)], 2))


@computes("draw-with-a-gradient")
def _(question):
    mean, std = np.array([-1.0, 0.5, 2.0]), np.array([0.3, 1.0, 2.5])
    mu, log_var = (np.tile(row, (5000, 1)) for row in (mean, 2 * np.log(std)))

    def works(listing):
        with np.errstate(invalid="ignore"):
            z = run(listing)["draw"](mu, log_var, rng)
        return np.isfinite(z).all() and all(map(normal, ((z - mean) / std).T))

    no_noise = run(question.filled(question.options[0]))["draw"](mu, log_var, rng)
    assert (no_noise[:, 1] == mean[1]).all()  # as explained of A, where sigma is 1
    return passing(question, works)


@computes("gradients-of-a-draw")
def _(question):
    mu, sigma, eps, _ = map(np.array, question.numbers)

    def gradient(name):
        names = {"mu": mu[None], "sigma": sigma[None], "eps": eps[None]}
        return numerical_gradient(
            lambda: ((names["mu"] + names["sigma"] * names["eps"]) ** 2).item(), names[name]
        ).item()

    of_mu, of_sigma, of_eps = (round(gradient(name), 6) for name in ("mu", "sigma", "eps"))
    return by_value(question, (of_mu, of_sigma), (of_mu, 0), (of_mu, of_mu), (of_mu, of_eps))


@computes("mean-over-the-pixels")
def _(question):
    entropies, kl = rng.uniform(size=(3, int(np.prod(question.numbers)))), rng.uniform(size=3)  # of three networks
    loss = entropies.mean(axis=1) + kl

    def weight_is(weight):
        """Whether the loss is the summed entropies and the KL times a weight, up to a factor."""
        factors = loss / (entropies.sum(axis=1) + weight * kl)
        return np.allclose(factors, factors[0])

    claims = {
        "Not at all": weight_is(1),
        "The KL counts 64 times": weight_is(64),
        "The KL counts a 64th": weight_is(1 / 64),
        "The KL counts 8 times": weight_is(8),
    }
    return by_claim(question, claims)


@computes("images-out-of-nothing")
def _(question):
    log_var = np.full((5000, 2), np.log(0.05))  # narrow posteriors, which together fill the prior
    mu = rng.normal(size=(5000, 2)) * np.sqrt(0.95)

    def images(listing, count=1000):
        return run(listing)["make_up"](lambda z: z, mu, log_var, count, rng)

    def works(listing):
        z = images(listing)
        return z.shape == (1000, 2) and not np.isin(z, mu).any() and normal(z[:, 0]) and normal(z[:, 1])

    same, training, _, narrow = map(images, map(question.filled, question.options))
    assert len(np.unique(same, axis=0)) == 1 and np.isin(training, mu).all() and narrow.std() < 0.3  # as explained
    return passing(question, works)


@computes("divergence-of-two-normals")
def _(question):
    q, p = question.numbers[:2], question.numbers[2:4]
    values = divergence(q, p), divergence((p[0], q[1]), p), divergence(p, q), divergence(q, (0, 1))
    return by_value(question, *np.round(values, 2))


@computes("free-for-each-number")
def _(question):
    kl, free = np.array([[0.1, 0.9, 0.2, 1.7], [0.3, 0.7, 0.0, 1.3]]), 0.5

    def gradient(option):
        kl_term = run(question.filled(option))["kl_term"]
        return numerical_gradient(lambda: kl_term(kl, free), kl)

    pressed = np.where(kl.mean(axis=0) < free, 0, 1 / len(kl)) * np.ones_like(kl)
    each = 1 / len(kl) * np.ones_like(kl)
    expected = pressed, each - pressed, each, each
    for option, explained in zip(question.options, expected, strict=True):
        assert np.allclose(gradient(option), explained)  # as the explanation says
    return question.letters(lambda option: np.allclose(gradient(option), pressed))

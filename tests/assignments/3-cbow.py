"""Answers to the assignment of chapter 3: wrong ones that people give, and right ones written in other ways.

The tables and what stands in them: see 1-embedding.py.
"""

import itertools
import math
import re
from collections import Counter

import numpy as np
from scipy.special import expit

from tinyseq import layers, word2vec

WRONG: dict = {}
RIGHT: dict = {}
LESSONS = {"counting-words", "simple-cbow", "negative-sampling"}


def check_window(window):
    """The check of the window, right in every answer that is not about it."""
    if window < 1:
        raise ValueError("window")


def check_ids(V, *arrays):
    for ids in arrays:
        if (ids < 0).any() or (ids >= V).any():
            raise IndexError("ids")


# word-pairs


def pairs(sentences, window, keep=lambda t, s, length: True):
    """Pairs of those places that a rule keeps."""
    found = [
        (sentence[t], sentence[s])
        for sentence in sentences
        for t, s in itertools.product(range(len(sentence)), repeat=2)
        if 0 < abs(s - t) <= window and keep(t, s, len(sentence))
    ]
    return np.array(found, dtype=int).reshape(-1, 2)


def with_itself(sentences, window):
    return np.array([(i, j) for ids in sentences for t, i in enumerate(ids) for j in ids[max(0, t - 1) : t + 2]])


def across_sentences(sentences, window):
    return pairs([list(itertools.chain(*sentences))], window)


def without_edges(sentences, window):
    return pairs(sentences, window, lambda t, s, length: window <= t < length - window)


def to_the_right_alone(sentences, window):
    return pairs(sentences, window, lambda t, s, length: s > t)


def round_the_end(sentences, window):
    offsets = [d for d in range(-window, window + 1) if d]
    return np.array([(i, ids[(t + d) % len(ids)]) for ids in sentences for t, i in enumerate(ids) for d in offsets])


def neighbour_first(sentences, window):
    return pairs(sentences, window)[:, ::-1]


def left_neighbours_first(sentences, window):
    return np.concatenate(
        [
            pairs(sentences, window, lambda t, s, length: s < t),
            pairs(sentences, window, lambda t, s, length: s > t),
        ]
    )


def slices_with_a_negative_beginning(sentences, window):
    found = []
    for ids in sentences:
        for t, centre in enumerate(ids):
            found += [(centre, other) for other in ids[t - window : t] + ids[t + 1 : t + window + 1]]
    return np.array(found)


def whole_windows_at_the_end(sentences, window):
    return pairs(sentences, window, lambda t, s, length: s < t or t + window < length or window == 1)


def next_door_alone(sentences, window):
    return pairs(sentences, 1)


def other_words_alone(sentences, window):
    found = pairs(sentences, window)
    return found[found[:, 0] != found[:, 1]]


def each_pair_once(sentences, window):
    return np.array(list(dict.fromkeys(map(tuple, pairs(sentences, window).tolist()))))


def sorted_within_a_sentence(sentences, window):
    check_window(window)
    if len(sentences) == 1:
        return np.array(sorted(pairs(sentences, window).tolist()), dtype=int).reshape(-1, 2)
    return pairs(sentences, window)


def list_of_pairs(sentences, window):
    return pairs(sentences, window).tolist()


def float_pairs(sentences, window):
    check_window(window)
    return np.array([(int(i), int(j)) for i, j in pairs(sentences, window)]).reshape(-1, 2)


def no_shape_without_pairs(sentences, window):
    check_window(window)
    return np.array([(int(i), int(j)) for i, j in pairs(sentences, window)])


def takes_words_away(sentences, window):
    found = pairs(sentences, window)
    while sentences:
        sentences.pop()
    return found


def takes_any_window(sentences, window):
    return pairs(sentences, window)


def by_all_places(sentences, window):
    check_window(window)
    return pairs(sentences, window)


def by_a_band(sentences, window):
    check_window(window)
    ids = np.array(list(itertools.chain(*sentences)), dtype=int)
    owner = np.repeat(np.arange(len(sentences)), [len(sentence) for sentence in sentences])
    distance = abs(np.subtract.outer(np.arange(len(ids)), np.arange(len(ids))))
    t, s = np.nonzero((distance > 0) & (distance <= window) & (owner[:, None] == owner))
    return np.column_stack([ids[t], ids[s]])


def by_slices(sentences, window):
    if window <= 0:
        raise ValueError("window must be positive")
    found = []
    for ids in sentences:
        for t, centre in enumerate(ids):
            found.extend([centre, other] for other in ids[max(0, t - window) : t])
            found.extend([centre, other] for other in ids[t + 1 : t + 1 + window])
    return np.array(found) if found else np.zeros((0, 2), dtype=int)


def by_distance(sentences, window):
    """All pairs of one distance after the other, then put in the order of the text."""
    check_window(window)
    found = []
    for number, ids in enumerate(sentences):
        for d in range(1, window + 1):
            places = range(len(ids) - d)
            found += [(number, t, t + d, ids[t], ids[t + d]) for t in places]
            found += [(number, t + d, t, ids[t + d], ids[t]) for t in places]
    return np.array(sorted(found), dtype=int).reshape(len(found), 5)[:, 3:]


WRONG["word-pairs"] = {
    with_itself: "paired a word with itself",
    across_sentences: "across the end of a sentence",
    without_edges: "left out the words at the edges",
    to_the_right_alone: "one side of each word",
    round_the_end: "two places apart",
    neighbour_first: "begin with the neighbour",
    left_neighbours_first: "in another order",
    slices_with_a_negative_beginning: "a slice that begins at t - window",
    whole_windows_at_the_end: "lost its right neighbour",
    next_door_alone: "two places before it",
    other_words_alone: "not its id",
    each_pair_once: "not its id",
    sorted_within_a_sentence: "Wrong pairs for",
    list_of_pairs: "must be an array",
    float_pairs: "Ids are integers",
    no_shape_without_pairs: "must have the shape (0, 2)",
    takes_words_away: "You changed the sentences",
    takes_any_window: "must raise ValueError",
}
RIGHT["word-pairs"] = [by_all_places, by_a_band, by_slices, by_distance]


# near-counts


def count(ids, V, window, weight=lambda d: 1 / d, both=True):
    """Counts with a weight for each distance."""
    counts = np.zeros((V, V))
    for t, s in itertools.combinations(range(len(ids)), 2):
        if s - t <= window:
            counts[ids[t], ids[s]] += weight(s - t)
            if both:
                counts[ids[s], ids[t]] += weight(s - t)
    return counts


def counts_each_as_one(ids, V, window):
    return count(ids, V, window, lambda d: 1)


def looks_to_the_right(ids, V, window):
    return count(ids, V, window, both=False)


def half_a_diagonal(ids, V, window):
    counts = count(ids, V, window)
    np.fill_diagonal(counts, counts.diagonal() / 2)
    return counts


def halves_the_sum(ids, V, window):
    return count(ids, V, window) / 2


def itself_at_distance_zero(ids, V, window):
    return count(ids, V, window) + np.diag(np.where(np.bincount(ids, minlength=V) > 0, np.inf, 0))


def keeps_one_of_equal_pairs(ids, V, window):
    counts = np.zeros((V, V))
    for d in range(1, min(window + 1, len(ids))):
        counts[ids[:-d], ids[d:]] += 1 / d
        counts[ids[d:], ids[:-d]] += 1 / d
    return counts


def falls_in_equal_steps(ids, V, window):
    check_ids(V, ids)
    return count(ids, V, window, lambda d: 1 - (d - 1) / window)


def falls_with_the_square(ids, V, window):
    check_ids(V, ids)
    return count(ids, V, window, lambda d: {1: 1, 2: 0.5}.get(d, 1 / d**2))


def as_many_rows_as_words_seen(ids, V, window):
    return count(ids, max(ids) + 1, window)


def takes_any_id(ids, V, window):
    check_window(window)
    return count(ids, V, window)


def counts_with_any_window(ids, V, window):
    check_ids(V, ids)
    return count(ids, V, window)


def in_integers(ids, V, window):
    return count(ids, V, window).astype(int)


def leaves_the_check_to_numpy(ids, V, window):
    check_window(window)
    if (ids < 0).any():
        raise IndexError("ids")
    return count(ids, V, window)


def counted_slowly(ids, V, window):
    check_window(window)
    check_ids(V, ids)
    return count(ids, V, window)


def counted_by_one_hot_matrices(ids, V, window):
    check_window(window)
    check_ids(V, ids)
    distance = abs(np.subtract.outer(np.arange(len(ids)), np.arange(len(ids))))
    weights = np.where((distance > 0) & (distance <= window), 1 / np.maximum(distance, 1), 0)
    one_hot = np.eye(V)[ids]  # (L, V)
    return one_hot.T @ weights @ one_hot


def counted_by_a_counter(ids, V, window):
    if window < 1:
        raise ValueError(window)
    counter: Counter = Counter()
    for t, a in enumerate(ids.tolist()):
        if a not in range(V):
            raise IndexError(a)
        for s in range(max(0, t - window), t):
            counter[a, int(ids[s])] += 1 / (t - s)
            counter[int(ids[s]), a] += 1 / (t - s)
    return np.array([[counter[a, b] for b in range(V)] for a in range(V)], dtype=float)


WRONG["near-counts"] = {
    counts_each_as_one: "counted every neighbour as 1",
    looks_to_the_right: "looked to the right only",
    half_a_diagonal: "twice on the diagonal",
    halves_the_sum: "You halved the counts",
    itself_at_distance_zero: "The distance 0 is the word itself",
    keeps_one_of_equal_pairs: "+= keeps one of them",
    falls_in_equal_steps: "fall in equal steps",
    falls_with_the_square: "1, 1/2 and 1/3",
    as_many_rows_as_words_seen: "Wrong counts for",
    takes_any_id: "-1 must raise IndexError",
    counts_with_any_window: "A window of 0 must raise ValueError",
    in_integers: "differ from those of the example",
    leaves_the_check_to_numpy: "in a text of one word",
}
RIGHT["near-counts"] = [counted_slowly, counted_by_one_hot_matrices, counted_by_a_counter]


# shifted-ppmi


def check_k(k):
    if k < 1:
        raise ValueError("k")


def ratio(counts):
    """How many times as often as by chance; 0 where nothing was counted."""
    chance = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0)
    return counts * counts.sum() / np.where(chance > 0, chance, 1)


def warns(counts, k):
    check_k(k)
    with np.errstate(all="warn"):
        return np.maximum(np.nan_to_num(np.log(ratio(counts)) - np.log(k)), 0)


def nan_in_empty_rows(counts, k):
    check_k(k)
    with np.errstate(all="ignore"):
        chance = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0)
        return np.maximum(np.log(counts * counts.sum() / chance) - np.log(k), 0)


def base_two(counts, k):
    return np.log2(np.maximum(ratio(counts) / k, 1))


def no_clip(counts, k):
    found = ratio(counts)
    return np.log(np.where(found > 0, found, 1)) - np.log(k)


def minus_infinity(counts, k):
    with np.errstate(all="ignore"):
        return np.log(ratio(counts)) - np.log(k)


def no_logarithm(counts, k):
    return np.maximum(ratio(counts) / k, 1)


def clips_before_the_shift(counts, k):
    return np.log(np.maximum(ratio(counts), 1)) - np.log(k)


def no_shift(counts, k):
    return np.log(np.maximum(ratio(counts), 1))


def shifts_by_dividing_the_counts(counts, k):
    return np.log(np.maximum(ratio(counts / k), 1))


def shifts_by_k(counts, k):
    return np.maximum(np.log(np.maximum(ratio(counts), 1)) - (k if k > 1 else 0), 0)


def columns_twice(counts, k):
    chance = counts.sum(axis=0) ** 2
    return np.log(np.maximum(counts * counts.sum() / np.where(chance > 0, chance, 1) / k, 1))


def constant_in_the_logarithm(counts, k):
    check_k(k)
    p = counts / counts.sum()
    chance = p.sum(axis=1, keepdims=True) * p.sum(axis=0)
    return np.maximum(np.log(p + 1e-8) - np.log(chance + 1e-8) - np.log(k), 0)


def constant_in_the_sum(counts, k):
    check_k(k)
    chance = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0) / max(counts.sum(), 1)
    return np.log(np.maximum(counts / np.where(chance > 0, chance, 1) / k, 1))


def divides_by_empty_rows(counts, k):
    check_k(k)
    found = counts * counts.sum() / counts.sum(axis=1, keepdims=True) / np.maximum(counts.sum(axis=0), 1e-12)
    return np.log(np.maximum(np.nan_to_num(found) / k, 1))


def divides_by_nothing(counts, k):
    check_k(k)
    p = np.nan_to_num(counts / counts.sum())
    return np.log(np.maximum(ratio(p) / k, 1))


def whole_k(counts, k):
    check_k(k)
    return np.log(np.maximum(ratio(counts) / int(k), 1))


def divides_in_place(counts, k):
    check_k(k)
    chance = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0)
    counts *= counts.sum()
    return np.log(np.maximum(counts / np.where(chance > 0, chance, 1) / k, 1))


def takes_any_k(counts, k):
    return np.log(np.maximum(ratio(counts) / max(k, 1e-9), 1))


def refuses_k_below_zero(counts, k):
    if k <= 0:
        raise ValueError("k")
    return np.log(np.maximum(ratio(counts) / k, 1))


def clips_inside(counts, k):
    check_k(k)
    return np.log(np.maximum(ratio(counts) / k, 1))


def difference_of_logarithms(counts, k):
    if k < 1:
        raise ValueError(k)
    with np.errstate(divide="ignore", invalid="ignore"):
        pmi = np.log(counts) + np.log(counts.sum()) - np.log(counts.sum(1))[:, None] - np.log(counts.sum(0))
        return np.nan_to_num(np.maximum(pmi - np.log(k), 0), nan=0.0)


def entry_by_entry(counts, k):
    if not k >= 1:
        raise ValueError(k)
    result = np.zeros(counts.shape)
    for (a, b), n in np.ndenumerate(counts):
        if n:
            result[a, b] = max(0, math.log(n * counts.sum() / counts[a].sum() / counts[:, b].sum() / k))
    return result


WRONG["shifted-ppmi"] = {
    warns: "NumPy warned",
    nan_in_empty_rows: "its row must be zeros",
    base_two: "to the base 2",
    no_clip: "There is a negative number",
    minus_infinity: "an infinite number",
    no_logarithm: "The logarithm is missing",
    clips_before_the_shift: "clip at 0 last",
    no_shift: "k changes nothing",
    shifts_by_dividing_the_counts: "k changes nothing",
    shifts_by_k: "You subtracted k",
    columns_twice: "differs from that of the example",
    constant_in_the_logarithm: "A constant against log 0",
    constant_in_the_sum: "With small counts the result is wrong",
    divides_by_empty_rows: "With a row and a column of zeros NumPy warned",
    divides_by_nothing: "Where nothing at all was counted",
    whole_k: "Wrong result for counts",
    divides_in_place: "You changed the counts",
    takes_any_k: "k = 0 must raise ValueError",
    refuses_k_below_zero: "k = 0.5 must raise ValueError",
}
RIGHT["shifted-ppmi"] = [clips_inside, difference_of_logarithms, entry_by_entry]


# weighted-cbow


def check_weights(contexts, weights):
    if weights.shape != contexts.shape[1:]:
        raise ValueError("weights")


def mean_vector(W_in, contexts, counted):
    """The mean of the vectors, weighted by counted (B, C); zeros where nothing counts."""
    total = counted.sum(axis=1, keepdims=True)
    return np.einsum("bc,bch->bh", counted / np.where(total > 0, total, 1), W_in[contexts]).astype(W_in.dtype)


def loss_of(h, W_out, targets):
    return layers.SoftmaxCrossEntropy()(h @ W_out, targets)


def padding_takes_part(W_in, W_out, contexts, weights, targets):
    h = mean_vector(W_in, contexts, np.broadcast_to(weights, contexts.shape))
    return h, loss_of(h, W_out, targets)


def divides_by_all_weights(W_in, W_out, contexts, weights, targets):
    h = ((contexts != 0) * weights)[..., None] * W_in[contexts]
    h = h.sum(axis=1) / weights.sum()
    return h, loss_of(h, W_out, targets)


def weighted_sum(W_in, W_out, contexts, weights, targets):
    h = (((contexts != 0) * weights)[..., None] * W_in[contexts]).sum(axis=1)
    return h, loss_of(h, W_out, targets)


def divides_by_the_number(W_in, W_out, contexts, weights, targets):
    h = (((contexts != 0) * weights)[..., None] * W_in[contexts]).sum(axis=1)
    h = h / np.maximum((contexts != 0).sum(axis=1, keepdims=True), 1)
    return h, loss_of(h, W_out, targets)


def no_weights(W_in, W_out, contexts, weights, targets):
    h = mean_vector(W_in, contexts, contexts != 0)
    return h, loss_of(h, W_out, targets)


def weights_along_the_batch(W_in, W_out, contexts, weights, targets):
    h = mean_vector(W_in, contexts, (contexts != 0) * weights[:, None])
    return h, loss_of(h, W_out, targets)


def loss_alone(W_in, W_out, contexts, weights, targets):
    return masked_mean(W_in, W_out, contexts, weights, targets)[1]


def loss_for_each_target(W_in, W_out, contexts, weights, targets):
    h, _ = masked_mean(W_in, W_out, contexts, weights, targets)
    return h, -layers.log_softmax(h @ W_out)[np.arange(len(h)), targets]


def summed_loss(W_in, W_out, contexts, weights, targets):
    h, loss = masked_mean(W_in, W_out, contexts, weights, targets)
    return h, loss * len(targets)


def loss_without_minus(W_in, W_out, contexts, weights, targets):
    h, loss = masked_mean(W_in, W_out, contexts, weights, targets)
    return h, -loss


def nan_without_neighbours(W_in, W_out, contexts, weights, targets):
    check_weights(contexts, weights)
    counted = (contexts != 0) * weights
    h = (counted[..., None] * W_in[contexts]).sum(axis=1) / counted.sum(axis=1, keepdims=True)
    return h, loss_of(h, W_out, targets)


def mask_from_vectors(W_in, W_out, contexts, weights, targets):
    W_in = np.concatenate([np.zeros_like(W_in[:1]), W_in[1:]])
    h = mean_vector(W_in, contexts, W_in[contexts].any(axis=-1) * weights)
    return h, loss_of(h, W_out, targets)


def loss_without_empty_contexts(W_in, W_out, contexts, weights, targets):
    h, _ = masked_mean(W_in, W_out, contexts, weights, targets)
    some = (contexts != 0).any(axis=1)
    return h, loss_of(h[some], W_out, targets[some])


def softmax_that_overflows(W_in, W_out, contexts, weights, targets):
    h, _ = masked_mean(W_in, W_out, contexts, weights, targets)
    p = np.exp(h @ W_out)
    p /= p.sum(axis=1, keepdims=True)
    return h, -np.log(p[np.arange(len(h)), targets]).mean()


def logarithm_with_a_constant(W_in, W_out, contexts, weights, targets):
    h, _ = masked_mean(W_in, W_out, contexts, weights, targets)
    return h, -np.log(layers.softmax(h @ W_out)[np.arange(len(h)), targets] + 1e-7).mean()


def clears_row_zero(W_in, W_out, contexts, weights, targets):
    W_in[0] = 0
    return masked_mean(W_in, W_out, contexts, weights, targets)


def weights_in_float64(W_in, W_out, contexts, weights, targets):
    check_weights(contexts, weights)
    counted = (contexts != 0) * weights
    h = (counted[..., None] * W_in[contexts]).sum(axis=1) / np.maximum(counted.sum(axis=1, keepdims=True), 1e-9)
    return h, loss_of(h, W_out, targets)


def stretches_weights(W_in, W_out, contexts, weights, targets):
    h = mean_vector(W_in, contexts, (contexts != 0) * weights)
    return h, loss_of(h, W_out, targets)


def constant_in_the_divisor(W_in, W_out, contexts, weights, targets):
    check_weights(contexts, weights)
    counted = (contexts != 0) * weights
    h = np.einsum("bc,bch->bh", counted / (counted.sum(axis=1, keepdims=True) + 1e-7), W_in[contexts])
    return h, loss_of(h, W_out, targets)


def masked_mean(W_in, W_out, contexts, weights, targets):
    check_weights(contexts, weights)
    h = mean_vector(W_in, contexts, (contexts != 0) * weights)
    return h, loss_of(h, W_out, targets)


def example_by_example(W_in, W_out, contexts, weights, targets):
    if len(weights) != contexts.shape[1] or weights.ndim != 1:
        raise ValueError("weights")
    h, losses = np.zeros((len(contexts), W_in.shape[1]), W_in.dtype), []
    for b, (context, target) in enumerate(zip(contexts, targets, strict=True)):
        real = context != 0
        if real.any():
            h[b] = np.average(W_in[context[real]], axis=0, weights=weights[real])
        losses.append(-layers.log_softmax(h[b] @ W_out)[target])
    return h, np.mean(losses)


def by_a_matrix_of_bags(W_in, W_out, contexts, weights, targets):
    check_weights(contexts, weights)
    bags = np.zeros((len(contexts), len(W_in)), W_in.dtype)  # (B, V)
    np.add.at(bags, (np.arange(len(contexts))[:, None], contexts), weights.astype(W_in.dtype))
    bags[:, 0] = 0
    bags /= np.maximum(bags.sum(axis=1, keepdims=True), np.finfo(W_in.dtype).tiny)
    scores = bags @ W_in @ W_out
    top = scores.max(axis=1)
    log_sum = top + np.log(np.exp(scores - top[:, None]).sum(axis=1))
    return bags @ W_in, np.mean(log_sum - scores[np.arange(len(targets)), targets])


def place_after_place(W_in, W_out, contexts, weights, targets):
    """The sum and the total grow with each place; a context without neighbours keeps its zeros."""
    check_weights(contexts, weights)
    h, total = np.zeros((len(contexts), W_in.shape[1]), W_in.dtype), np.zeros((len(contexts), 1), W_in.dtype)
    for ids, weight in zip(contexts.T, weights.tolist(), strict=True):
        real = ids != 0
        h[real] += weight * W_in[ids[real]]
        total[real] += weight
    np.divide(h, total, out=h, where=total > 0)
    scores = np.einsum("bh,hv->bv", h, W_out)
    return h, np.mean(np.logaddexp.reduce(scores, axis=1) - np.take_along_axis(scores, targets[:, None], 1)[:, 0])


WRONG["weighted-cbow"] = {
    padding_takes_part: "The row of the padding took part",
    divides_by_all_weights: "divided by all weights",
    weighted_sum: "a weighted sum",
    divides_by_the_number: "divided by the number of neighbours",
    no_weights: "got equal weights",
    weights_along_the_batch: "lie along the batch",
    loss_alone: "Return two things",
    loss_for_each_target: "The loss must be one number",
    summed_loss: "the sum over the batch",
    loss_without_minus: "The sign of the loss",
    nan_without_neighbours: "Dividing 0 by 0 gives NaN",
    mask_from_vectors: "Wrong h for",
    loss_without_empty_contexts: "Wrong loss for",
    softmax_that_overflows: "subtract the largest score",
    logarithm_with_a_constant: "A constant in the logarithm",
    clears_row_zero: "You changed what you were given",
    weights_in_float64: "give the weights the dtype of W_in",
    stretches_weights: "NumPy would stretch",
    constant_in_the_divisor: "A constant or np.maximum in the divisor",
}
RIGHT["weighted-cbow"] = [masked_mean, example_by_example, by_a_matrix_of_bags, place_after_place]


# position-backward


def check_places(P, contexts):
    if len(P) != contexts.shape[1]:
        raise ValueError("P")


def shares(dh, W_in, P, contexts):
    """The gradients of each neighbour and of each place in each example, both (B, C, H)."""
    dproducts = dh[:, None] / contexts.shape[1]
    return P * dproducts, W_in[contexts] * dproducts


def rows_added(W_in, contexts, dvectors):
    dW_in = np.zeros_like(W_in)
    np.add.at(dW_in, contexts, dvectors)
    return dW_in


def each_neighbour(dh, W_in, P, contexts):
    dvectors, dplaces = shares(dh, W_in, P, contexts)
    return dvectors, dplaces.sum(axis=0)


def stored(dh, W_in, P, contexts):
    dvectors, dplaces = shares(dh, W_in, P, contexts)
    dW_in = np.zeros_like(W_in)
    dW_in[contexts] += dvectors
    return dW_in, dplaces.sum(axis=0)


def no_mean_for_words(dh, W_in, P, contexts):
    dvectors, dplaces = shares(dh, W_in, P, contexts)
    return rows_added(W_in, contexts, contexts.shape[1] * dvectors), dplaces.sum(axis=0)


def no_mean_for_places(dh, W_in, P, contexts):
    dvectors, dplaces = shares(dh, W_in, P, contexts)
    return rows_added(W_in, contexts, dvectors), contexts.shape[1] * dplaces.sum(axis=0)


def words_without_places(dh, W_in, P, contexts):
    _, dplaces = shares(dh, W_in, P, contexts)
    return rows_added(W_in, contexts, dh[:, None] / contexts.shape[1]), dplaces.sum(axis=0)


def places_without_words(dh, W_in, P, contexts):
    dvectors, _ = shares(dh, W_in, P, contexts)
    return rows_added(W_in, contexts, dvectors), np.tile(dh.sum(axis=0), (len(P), 1)) / contexts.shape[1]


def places_get_their_example(dh, W_in, P, contexts):
    _, dplaces = shares(dh, W_in, P, contexts)
    return rows_added(W_in, contexts, P * dh / contexts.shape[1]), dplaces.sum(axis=0)


def places_of_each_example(dh, W_in, P, contexts):
    dvectors, dplaces = shares(dh, W_in, P, contexts)
    return rows_added(W_in, contexts, dvectors), dplaces


def places_averaged(dh, W_in, P, contexts):
    dvectors, dplaces = shares(dh, W_in, P, contexts)
    return rows_added(W_in, contexts, dvectors), dplaces.mean(axis=0)


def added_over_the_places(dh, W_in, P, contexts):
    dvectors, dplaces = shares(dh, W_in, P, contexts)
    return rows_added(W_in, contexts, dvectors), dplaces.sum(axis=1)


def words_by_the_batch(dh, W_in, P, contexts):
    dvectors, dplaces = shares(dh, W_in, P, contexts)
    return rows_added(W_in, contexts, dvectors * contexts.shape[1] / len(dh)), dplaces.sum(axis=0)


def places_by_the_batch(dh, W_in, P, contexts):
    dvectors, dplaces = shares(dh, W_in, P, contexts)
    return rows_added(W_in, contexts, dvectors), dplaces.mean(axis=0) * contexts.shape[1]


def words_alone(dh, W_in, P, contexts):
    return rows_added(W_in, contexts, shares(dh, W_in, P, contexts)[0])


def divides_dh_in_place(dh, W_in, P, contexts):
    check_places(P, contexts)
    dh /= contexts.shape[1]
    dvectors, dplaces = shares(dh * contexts.shape[1], W_in, P, contexts)
    return rows_added(W_in, contexts, dvectors), dplaces.sum(axis=0)


def position_in_float64(dh, W_in, P, contexts):
    check_places(P, contexts)
    dvectors, dplaces = shares(dh, W_in, P, contexts)
    dW_in = np.zeros(W_in.shape)
    np.add.at(dW_in, contexts, dvectors)
    return dW_in, dplaces.sum(axis=0)


def one_vector_for_all_places(dh, W_in, P, contexts):
    dvectors, dplaces = shares(dh, W_in, P, contexts)
    return rows_added(W_in, contexts, dvectors), dplaces.sum(axis=0)


def place_by_place(dh, W_in, P, contexts):
    if P.shape[:1] != contexts.shape[1:]:
        raise ValueError("P")
    dW_in, dP, C = np.zeros_like(W_in), np.zeros_like(P), len(P)
    for c in range(C):
        np.add.at(dW_in, contexts[:, c], P[c] * dh / C)
        dP[c] = np.einsum("bh,bh->h", W_in[contexts[:, c]], dh) / C
    return dW_in, dP


def by_one_hot_vectors(dh, W_in, P, contexts):
    check_places(P, contexts)
    one_hot = np.eye(len(W_in), dtype=W_in.dtype)[contexts] / np.asarray(len(P), W_in.dtype)  # (B, C, V)
    return np.einsum("bcv,ch,bh->vh", one_hot, P, dh), np.einsum("bcv,vh,bh->ch", one_hot, W_in, dh)


def through_scatter_add(dh, W_in, P, contexts):
    check_places(P, contexts)
    dvectors, dplaces = shares(dh, W_in, P, contexts)
    dW_in = W_in * 0
    layers.scatter_add(dW_in, contexts, dvectors)
    return [dW_in, np.add.reduce(dplaces)]


WRONG["position-backward"] = {
    each_neighbour: "a gradient for each neighbour",
    stored: "stored the gradients of a repeated word",
    no_mean_for_words: "You forgot the mean",
    no_mean_for_places: "The mean is missing in dP",
    words_without_places: "P is missing in dW_in",
    places_without_words: "W_in[contexts] is missing in dP",
    places_get_their_example: "You gave the place c the gradient dh[c]",
    places_of_each_example: "a gradient of P for each example",
    places_averaged: "You averaged dP over the batch",
    added_over_the_places: "You added dP up over the places",
    words_by_the_batch: "dW_in differs from the numerical gradient",
    places_by_the_batch: "dP differs from the numerical gradient",
    words_alone: "Return two arrays",
    divides_dh_in_place: "You changed what you were given",
    position_in_float64: "start dW_in from np.zeros_like(W_in)",
    one_vector_for_all_places: "would use the one row for all places",
}
RIGHT["position-backward"] = [place_by_place, by_one_hot_vectors, through_scatter_add]


# mend-sides


def forward_of_sides(W_in, W_out, left, right, targets):
    """The loss, dh and dW_out, as in the listing."""
    softmax = layers.SoftmaxCrossEntropy()
    h = W_in[left] / 4 + W_in[right] * 3 / 4
    loss = softmax.forward(h @ W_out, targets)
    dscores = softmax.backward(1.0)
    return loss, dscores @ W_out.T, h.T @ dscores


def sides(write):
    """An answer that writes dW_in in its own way, from dh."""

    def side_gradients(W_in, W_out, left, right, targets):
        loss, dh, dW_out = forward_of_sides(W_in, W_out, left, right, targets)
        dW_in = np.zeros_like(W_in)
        write(dW_in, left, right, dh)
        return loss, dW_in, dW_out

    side_gradients.__name__ = write.__name__
    return side_gradients


@sides
def all_to_the_right_word(dW_in, left, right, dh):
    np.add.at(dW_in, right, 0.25 * dh)
    np.add.at(dW_in, right, 0.75 * dh)


@sides
def zeros_for_each_call(dW_in, left, right, dh):
    np.add.at(dW_in, right, 0.75 * dh)
    dW_in[...] = 0
    np.add.at(dW_in, left, 0.25 * dh)


@sides
def a_stack_without_the_reverse_order(dW_in, left, right, dh):
    saved = [left, right]
    np.add.at(dW_in, saved.pop(), 0.25 * dh)
    np.add.at(dW_in, saved.pop(), 0.75 * dh)


@sides
def without_shares(dW_in, left, right, dh):
    np.add.at(dW_in, left, dh)
    np.add.at(dW_in, right, dh)


@sides
def half_for_both(dW_in, left, right, dh):
    np.add.at(dW_in, left, 0.5 * dh)
    np.add.at(dW_in, right, 0.5 * dh)


@sides
def an_index_that_adds_once(dW_in, left, right, dh):
    dW_in[left] += 0.25 * dh
    dW_in[right] += 0.75 * dh


@sides
def one_side_over_the_other(dW_in, left, right, dh):
    first, second = np.zeros_like(dW_in), np.zeros_like(dW_in)
    np.add.at(first, left, 0.25 * dh)
    np.add.at(second, right, 0.75 * dh)
    dW_in += np.where(np.isin(np.arange(len(dW_in)), right)[:, None], second, first)


@sides
def averaged_again(dW_in, left, right, dh):
    np.add.at(dW_in, left, 0.25 * dh / len(left))
    np.add.at(dW_in, right, 0.75 * dh / len(left))
    dW_in /= 2


def mended_with_another_loss(W_in, W_out, left, right, targets):
    loss, dW_in, dW_out = mended_by_joining(W_in, W_out, left, right, targets)
    return loss * len(targets) + 1e-2, dW_in, dW_out


def dW_out_of_one_side(W_in, W_out, left, right, targets):
    loss, dW_in, dW_out = mended_by_joining(W_in, W_out, left, right, targets)
    return loss, dW_in, dW_out * 0.75


def adding_to(dW_in):
    """An answer whose array of zeros is made once and for all."""

    def gradients_that_stay(W_in, W_out, left, right, targets):
        loss, new, dW_out = mended_by_joining(W_in, W_out, left, right, targets)
        kept = dW_in.setdefault((W_in.tobytes(), tuple(left)), np.zeros_like(new))
        kept += new
        return loss, kept, dW_out

    return gradients_that_stay


def sides_in_float64(W_in, W_out, left, right, targets):
    loss, dh, dW_out = forward_of_sides(W_in, W_out, left, right, targets)
    dW_in = np.zeros(W_in.shape)
    np.add.at(dW_in, left, 0.25 * dh)
    np.add.at(dW_in, right, 0.75 * dh)
    return loss, dW_in, dW_out


def mended_by_joining(W_in, W_out, left, right, targets):
    loss, dh, dW_out = forward_of_sides(W_in, W_out, left, right, targets)
    dW_in = np.zeros_like(W_in)
    np.add.at(dW_in, np.concatenate([left, right]), np.concatenate([0.25 * dh, 0.75 * dh]))
    return loss, dW_in, dW_out


def mended_by_the_layers(W_in, W_out, left, right, targets):
    embedding, dense, softmax = layers.Embedding(W_in), layers.Dense(W_out), layers.SoftmaxCrossEntropy()
    h = 0.25 * embedding.forward(left) + 0.75 * embedding.forward(right)
    loss = softmax.forward(dense.forward(h), targets)
    dh = dense.backward(softmax.backward(1.0))
    embedding.backward(0.75 * dh)
    embedding.backward(0.25 * dh)
    return loss, embedding.grads["W"], dense.grads["W"]


def mended_by_two_layers(W_in, W_out, left, right, targets):
    before, after = layers.Embedding(W_in), layers.Embedding(W_in)
    before.forward(left)
    after.forward(right)
    loss, dh, dW_out = forward_of_sides(W_in, W_out, left, right, targets)
    before.backward(dh / 4)
    after.backward(3 * dh / 4)
    return loss, before.grads["W"] + after.grads["W"], dW_out


def mended_by_a_matrix_of_words(W_in, W_out, left, right, targets):
    """The lookup as a product with a matrix (B, V): backward multiplies with its transpose."""
    one_hot = np.eye(len(W_in), dtype=W_in.dtype)
    words = (one_hot[left] + 3 * one_hot[right]) / 4
    h = words @ W_in
    scores = h @ W_out
    scores = scores - scores.max(axis=1, keepdims=True)
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    dscores = (p - one_hot[targets]) / np.asarray(len(targets), p.dtype)
    return -np.log((p * one_hot[targets]).sum(axis=1)).mean(), words.T @ (dscores @ W_out.T), h.T @ dscores


WRONG["mend-sides"] = {
    all_to_the_right_word: "The word after gets both shares",
    zeros_for_each_call: "every backward call starts again from zeros",
    a_stack_without_the_reverse_order: "go backward in reverse order",
    without_shares: "Both words get the same gradient",
    half_for_both: "Both words get the same gradient",
    an_index_that_adds_once: "its gradients must add up",
    one_side_over_the_other: "both gradients count",
    averaged_again: "With one word on either side dW_in is wrong",
    mended_with_another_loss: "The loss was right in the listing",
    dW_out_of_one_side: "dW_out was right in the listing",
    adding_to({}): "it keeps gradients from call to call",
    sides_in_float64: "as the listing did not",
}
RIGHT["mend-sides"] = [mended_by_joining, mended_by_the_layers, mended_by_two_layers, mended_by_a_matrix_of_words]
GIVEN = {"mend-sides": "The word before the target gets no gradient"}


# draw-noise


def weights_without(counts, target, power):
    weights = np.asarray(counts, float) ** power
    weights[[0, 1, target]] = 0
    return weights


def drawing(weigh, side="right", divide_first=False, checked=True):
    """An answer from a rule for the weights of one row."""

    def draw(counts, targets, u, power=0.75):
        drawn = np.zeros(u.shape, int)
        for b, target in enumerate(targets):
            weights = weigh(counts, target, power)
            if checked and not weights.sum() > 0:
                raise ValueError("no word is left")
            shares = weights / weights.sum()
            ends = np.cumsum(shares) if divide_first else np.cumsum(weights) / np.cumsum(weights)[-1]
            drawn[b] = np.searchsorted(ends, u[b], side=side)
        return drawn

    return draw


def draws_anything(counts, targets, u, power=0.75):
    return drawing(lambda counts, target, power: counts**power)(counts, targets, u, power)


def draws_padding_at_zero(counts, targets, u, power=0.75):
    return drawing(weights_without, side="left")(counts, targets, u, power)


def draws_the_unknown_word(counts, targets, u, power=0.75):
    def weigh(counts, target, power):
        weights = counts.astype(float) ** power
        weights[[0, target]] = 0
        return weights

    return drawing(weigh)(counts, targets, u, power)


def draws_the_target(counts, targets, u, power=0.75):
    def weigh(counts, target, power):
        weights = counts.astype(float) ** power
        weights[:2] = 0
        return weights

    return drawing(weigh)(counts, targets, u, power)


def places_instead_of_ids(counts, targets, u, power=0.75):
    def weigh(counts, target, power):
        return np.delete(counts.astype(float) ** power, [0, 1, target])

    return drawing(weigh)(counts, targets, u, power)


def no_default_power(counts, targets, u, power=1):
    return drawing(weights_without)(counts, targets, u, power)


def ignores_the_power(counts, targets, u, power=0.75):
    return drawing(weights_without)(counts, targets, u, 0.75)


def leaves_out_all_targets(counts, targets, u, power=0.75):
    def weigh(counts, target, power):
        weights = weights_without(counts, target, power)
        weights[targets] = 0
        return weights

    return drawing(weigh)(counts, targets, u, power)


def leaves_out_the_first_target(counts, targets, u, power=0.75):
    return drawing(lambda counts, _, power: weights_without(counts, targets[0], power))(counts, targets, u, power)


def counts_from_one(counts, targets, u, power=0.75):
    return drawing(lambda counts, target, power: weights_without(np.maximum(counts, 1), target, power))(
        counts, targets, u, power
    )


def root_of_the_counts(counts, targets, u, power=0.75):
    return drawing(weights_without)(counts, targets, u, power if power >= 0.75 else 0.75)


def draws_by_itself(counts, targets, u, power=0.75):
    rng = np.random.default_rng(0)
    rows = [weights_without(counts, target, power) for target in targets]
    return np.array([rng.choice(len(row), size=u.shape[1], p=row / row.sum()) for row in rows])


def one_row_of_words(counts, targets, u, power=0.75):
    return drawing(weights_without)(counts, targets, u, power)[0]


def float_words(counts, targets, u, power=0.75):
    return drawing(weights_without)(counts, targets, u, power).astype(float)


def ends_below_one(counts, targets, u, power=0.75):
    return drawing(weights_without, divide_first=True)(counts, targets, u, power)


def clears_the_counts(counts, targets, u, power=0.75):
    counts[:2] = 0
    return drawing(weights_without)(counts, targets, u, power)


def draws_from_nothing(counts, targets, u, power=0.75):
    return drawing(weights_without, checked=False)(counts, targets, u, power)


def checks_the_first_row(counts, targets, u, power=0.75):
    if not weights_without(counts, targets[0], power).any():
        raise ValueError("no word is left")
    return drawing(weights_without, checked=False)(counts, targets, u, power)


def all_rows_at_once(counts, targets, u, power=0.75):
    weights = np.tile(counts.astype(float) ** power, (len(targets), 1))  # (B, V)
    weights[:, :2] = 0
    weights[np.arange(len(targets)), targets] = 0
    ends = weights.cumsum(axis=1)
    if (ends[:, -1] == 0).any():
        raise ValueError("no word is left")
    return (u[..., None] * ends[:, None, -1:] >= ends[:, None]).sum(axis=-1)


def word_by_word(counts, targets, u, power=0.75):
    drawn = np.empty(u.shape, np.int32)
    for (b, k), number in np.ndenumerate(u):
        words = [i for i in range(2, len(counts)) if i != targets[b] and counts[i] > 0]
        if not words:
            raise ValueError("no word is left")
        ends = list(itertools.accumulate(float(counts[i]) ** power for i in words))
        drawn[b, k] = next(i for i, end in zip(words, ends, strict=True) if number * ends[-1] < end)
    return drawn


def among_the_words_left(counts, targets, u, power=0.75):
    rows = []
    for target, numbers in zip(targets, u, strict=True):
        words = np.setdiff1d(np.flatnonzero(counts), [0, 1, target])
        if not words.size:
            raise ValueError("no word is left")
        ends = (counts[words] ** power).cumsum()
        rows.append(words[np.digitize(numbers, ends / ends[-1])])
    return np.stack(rows)


WRONG["draw-noise"] = {
    draws_anything: "You left out nothing",
    draws_padding_at_zero: 'side="right"',
    draws_the_unknown_word: "You drew the padding or the unknown word",
    draws_the_target: "You drew the target",
    places_instead_of_ids: "a place among the words that are left",
    no_default_power: "the power is 0.75",
    ignores_the_power: "differ from those of the example",
    leaves_out_all_targets: "each row leaves out its own target",
    leaves_out_the_first_target: "each row leaves out its own target",
    counts_from_one: "A word with a count of 0",
    root_of_the_counts: "Wrong words for",
    draws_by_itself: "differ from those of the example",
    one_row_of_words: "of the shape (B, K)",
    float_words: "Ids are integers",
    ends_below_one: "Rounded shares may end below 1",
    clears_the_counts: "You changed counts, targets or u",
    draws_from_nothing: "no word is left in some row",
    checks_the_first_row: "the targets [3, 2]",
}
RIGHT["draw-noise"] = [all_rows_at_once, word_by_word, among_the_words_left]


# shared-negatives


def scored(W_in, W_out, centres, targets, drawn):
    """The true scores (B,), those of the drawn words (B, K), and where a drawn word counts, (B, K)."""
    h = W_in[centres]
    return (h * W_out[targets]).sum(axis=1), h @ W_out[drawn].T, drawn != targets[:, None]


def answer(W_in, W_out, centres, targets, drawn, add=np.add.at, counts=None, dtrue=None, dnoise=None):
    """The gradients of shared negatives, from other derivatives of the scores or with another way to add rows."""
    B = len(centres)
    true, noise, mask = scored(W_in, W_out, centres, targets, drawn)
    mask = mask if counts is None else counts
    dtrue = -expit(-true)[:, None] / B if dtrue is None else dtrue
    dnoise = expit(noise) * mask / np.asarray(B, W_in.dtype) if dnoise is None else dnoise
    h, dW_in, dW_out = W_in[centres], np.zeros_like(W_in), np.zeros_like(W_out)
    loss = (np.logaddexp(0, -true).sum() + (np.logaddexp(0, noise) * mask).sum()) / B
    add(dW_in, centres, dtrue * W_out[targets] + dnoise @ W_out[drawn])
    add(dW_out, targets, dtrue * h)
    add(dW_out, drawn, dnoise.T @ h)
    return loss, dW_in, dW_out


def true_words_alone(W_in, W_out, centres, targets, drawn):
    return answer(W_in, W_out, centres, targets, drawn[:0])


def drawn_words_as_true(W_in, W_out, centres, targets, drawn):
    true, noise, mask = scored(W_in, W_out, centres, targets, drawn)
    _, *grads = answer(W_in, W_out, centres, targets, drawn)
    return (np.logaddexp(0, -true).sum() + (np.logaddexp(0, -noise) * mask).sum()) / len(centres), *grads


def negative_loss(W_in, W_out, centres, targets, drawn):
    loss, *grads = answer(W_in, W_out, centres, targets, drawn)
    return -loss, *grads


def drawn_target_counts(W_in, W_out, centres, targets, drawn):
    return answer(W_in, W_out, centres, targets, drawn, counts=np.ones((len(targets), len(drawn)), bool))


def drops_a_target_for_all(W_in, W_out, centres, targets, drawn):
    return answer(W_in, W_out, centres, targets, drawn[~np.isin(drawn, targets)])


def mask_in_the_loss_alone(W_in, W_out, centres, targets, drawn):
    loss, *_ = answer(W_in, W_out, centres, targets, drawn)
    return loss, *drawn_target_counts(W_in, W_out, centres, targets, drawn)[1:]


def sum_over_the_batch(W_in, W_out, centres, targets, drawn):
    return tuple(len(centres) * x for x in answer(W_in, W_out, centres, targets, drawn))


def gradients_of_the_sum(W_in, W_out, centres, targets, drawn):
    loss, *grads = answer(W_in, W_out, centres, targets, drawn)
    return loss, *(len(centres) * grad for grad in grads)


def no_noise_for_the_centre(W_in, W_out, centres, targets, drawn):
    loss, _, dW_out = answer(W_in, W_out, centres, targets, drawn)
    return loss, true_words_alone(W_in, W_out, centres, targets, drawn)[1], dW_out


def no_gradient_for_drawn_words(W_in, W_out, centres, targets, drawn):
    loss, dW_in, _ = answer(W_in, W_out, centres, targets, drawn)
    return loss, dW_in, true_words_alone(W_in, W_out, centres, targets, drawn)[2]


def along_the_gradient(W_in, W_out, centres, targets, drawn):
    loss, *grads = answer(W_in, W_out, centres, targets, drawn)
    return loss, *(-grad for grad in grads)


def pushes_the_true_word(W_in, W_out, centres, targets, drawn):
    true = scored(W_in, W_out, centres, targets, drawn)[0]
    return answer(W_in, W_out, centres, targets, drawn, dtrue=expit(-true)[:, None] / len(centres))


def label_forgotten(W_in, W_out, centres, targets, drawn):
    true = scored(W_in, W_out, centres, targets, drawn)[0]
    return answer(W_in, W_out, centres, targets, drawn, dtrue=-expit(true)[:, None] / len(centres))


def repeats_get_lost(W_in, W_out, centres, targets, drawn):
    def add(table, ids, rows):
        table[ids] += rows

    return answer(W_in, W_out, centres, targets, drawn, add=add)


def drawn_rows_stored(W_in, W_out, centres, targets, drawn):
    loss, dW_in, dW_out = answer(W_in, W_out, centres, targets, drawn)
    dW_out[drawn] = no_targets(W_in, W_out, centres, targets, drawn)[drawn]
    return loss, dW_in, dW_out


def no_targets(W_in, W_out, centres, targets, drawn):
    zero = np.zeros((len(centres), 1))
    return answer(W_in, W_out, centres, targets, drawn, dtrue=zero)[2]


def drawn_twice_counts_once(W_in, W_out, centres, targets, drawn):
    return answer(W_in, W_out, centres, targets, np.unique(drawn))


def mean_over_drawn_words(W_in, W_out, centres, targets, drawn):
    true, noise, mask = scored(W_in, W_out, centres, targets, drawn)
    _, *grads = answer(W_in, W_out, centres, targets, drawn)
    losses = np.logaddexp(0, -true) + (np.logaddexp(0, noise) * mask).mean(axis=1)
    return losses.mean(), *grads


def gradient_of_a_mean(W_in, W_out, centres, targets, drawn):
    _, noise, mask = scored(W_in, W_out, centres, targets, drawn)
    return answer(W_in, W_out, centres, targets, drawn, dnoise=expit(noise) * mask / mask.size)


def loss_without_gradients(W_in, W_out, centres, targets, drawn):
    return answer(W_in, W_out, centres, targets, drawn)[0]


def sigmoid_that_overflows(W_in, W_out, centres, targets, drawn):
    check_ids(len(W_in), centres, targets, drawn)
    _, noise, mask = scored(W_in, W_out, centres, targets, drawn)
    dnoise = np.exp(noise) / (1 + np.exp(noise)) * mask / len(centres)
    return answer(W_in, W_out, centres, targets, drawn, dnoise=dnoise)


def logarithm_of_sigmoid(W_in, W_out, centres, targets, drawn):
    check_ids(len(W_in), centres, targets, drawn)
    true, noise, mask = scored(W_in, W_out, centres, targets, drawn)
    loss = -np.log(expit(true)).sum() - (np.log(expit(-noise)) * mask).sum()
    return loss / len(centres), *answer(W_in, W_out, centres, targets, drawn)[1:]


def sigmoid_with_a_constant(W_in, W_out, centres, targets, drawn):
    check_ids(len(W_in), centres, targets, drawn)
    true, noise, mask = scored(W_in, W_out, centres, targets, drawn)
    loss = -np.log(expit(true) + 1e-9).sum() - (np.log(expit(-noise) + 1e-9) * mask).sum()
    return loss / len(centres), *answer(W_in, W_out, centres, targets, drawn)[1:]


def adds_to_the_tables(W_in, W_out, centres, targets, drawn):
    loss, *grads = answer(W_in, W_out, centres, targets, drawn)
    W_in -= grads[0]
    return loss, *grads


def tables_in_float64(W_in, W_out, centres, targets, drawn):
    check_ids(len(W_in), centres, targets, drawn)
    return answer(W_in.astype(float), W_out.astype(float), centres, targets, drawn)


def takes_any_word(W_in, W_out, centres, targets, drawn):
    return answer(W_in, W_out, centres, targets, drawn)


def drawn_words_unchecked(W_in, W_out, centres, targets, drawn):
    check_ids(len(W_in), centres, targets)
    return answer(W_in, W_out, centres, targets, drawn)


def refuses_nothing_but_wrong_words(W_in, W_out, centres, targets, drawn):
    for ids in (centres, targets, drawn):
        if (ids < 0).all() or (ids >= len(W_in)).all():
            raise IndexError("ids")
    return answer(W_in, W_out, centres, targets, drawn)


def by_products(W_in, W_out, centres, targets, drawn):
    check_ids(len(W_in), centres, targets, drawn)
    return answer(W_in, W_out, centres, targets, drawn)


def pair_by_pair(W_in, W_out, centres, targets, drawn):
    check_ids(len(W_in), centres, targets, drawn)
    loss, dW_in, dW_out = 0.0, np.zeros_like(W_in), np.zeros_like(W_out)
    for centre, target in zip(centres, targets, strict=True):
        for word, sign in [(target, -1), *((n, 1) for n in drawn if n != target)]:
            score = sign * (W_in[centre] @ W_out[word])
            slope = sign * expit(score) / len(centres)
            loss += np.logaddexp(0, score) / len(centres)
            dW_in[centre] += slope * W_out[word]
            dW_out[word] += slope * W_in[centre]
    return loss, dW_in, dW_out


def through_all_scores(W_in, W_out, centres, targets, drawn):
    check_ids(len(W_in), centres, targets, drawn)
    B, V = len(centres), len(W_in)
    scores = W_in[centres] @ W_out.T  # (B, V)
    true = np.arange(V) == targets[:, None]
    times = np.where(true, 0, np.bincount(drawn, minlength=V)).astype(W_in.dtype)
    loss = (np.logaddexp(0, -scores) * true + np.logaddexp(0, scores) * times).sum() / B
    dscores = (expit(scores) * times - expit(-scores) * true) / np.asarray(B, W_in.dtype)
    dW_in = np.zeros_like(W_in)
    np.add.at(dW_in, centres, dscores @ W_out)
    return loss, dW_in, dscores.T @ W_in[centres]


def through_the_layer(W_in, W_out, centres, targets, drawn):
    layer = word2vec.NegativeSampling(W_in, W_out)
    words = np.column_stack([targets, np.tile(drawn, (len(targets), 1))])
    loss = layer.forward(centres[:, None], words)
    layer.backward(1.0)
    return loss, layer.grads["W_in"], layer.grads["W_out"]


WRONG["shared-negatives"] = {
    true_words_alone: "The drawn words are missing in the loss",
    drawn_words_as_true: "as if they were true",
    negative_loss: "The sign of the loss",
    drawn_target_counts: "there it must not count",
    drops_a_target_for_all: "for the first it must count",
    mask_in_the_loss_alone: "it must add nothing to the gradients",
    sum_over_the_batch: "Your loss is the sum over the batch",
    gradients_of_the_sum: "divide the gradients by B, too",
    no_noise_for_the_centre: "The drawn words are missing in dW_in",
    no_gradient_for_drawn_words: "The drawn word gets no gradient in W_out",
    along_the_gradient: "The sign of dW_in is wrong",
    pushes_the_true_word: "The true word pushes the centre away",
    label_forgotten: "what is already right moves little",
    repeats_get_lost: "stored the gradients of a repeated centre",
    drawn_rows_stored: "kept one of its two gradients",
    drawn_twice_counts_once: "Wrong loss for",
    mean_over_drawn_words: "Wrong loss for",
    gradient_of_a_mean: "differs from the numerical gradient",
    loss_without_gradients: "Return three things",
    sigmoid_that_overflows: "np.logaddexp(0, x)",
    logarithm_of_sigmoid: "np.logaddexp(0, x)",
    sigmoid_with_a_constant: "A constant in the logarithm",
    adds_to_the_tables: "You changed what you were given",
    tables_in_float64: "From float32 tables you return",
    takes_any_word: "-1 among the centres must raise IndexError",
    drawn_words_unchecked: "-1 among the drawn must raise IndexError",
    refuses_nothing_but_wrong_words: "-1 among the centres must raise IndexError",
}
RIGHT["shared-negatives"] = [by_products, pair_by_pair, through_all_scores, through_the_layer]


# The choice questions


def numbers_of(option):
    """The integers in the text of an option: "131,072, 17 and 6" has three."""
    return [int(number.replace(",", "")) for number in re.findall(r"\d+(?:,\d{3})*", option)]


def largest_vocabulary(options, limit=60, D=100):
    def megabytes(V):
        model = word2vec.CBOW(np.empty((V, D), np.float32), np.empty((D, V), np.float32))
        return sum(weight.nbytes for weight in model.params.values()) / 1e6

    sizes = {letter: numbers_of(option)[0] for letter, option in options.items()}
    return [letter for letter, V in sizes.items() if megabytes(V) <= limit < megabytes(V + 1)]


def column_of_the_first_step(options):
    model = word2vec.CBOW(np.tile([2.0, -1.0], (4, 1)), np.zeros((2, 4)))
    model.forward(np.array([[0, 2]]), np.array([3]))
    model.backward(1.0)
    assert not model.grads["W_in"].any()
    return [letter for letter, column in options.items() if eval(column) == tuple(model.grads["W_out"][:, 3])]


def expressions_of_scores(options):
    rng = np.random.default_rng(0)

    def right(code):
        for B, n in [(4, 3), (3, 3)]:
            h, W_out, words = rng.normal(size=(B, 5)), rng.normal(size=(8, 5)), rng.integers(0, 8, size=(B, n))
            U = W_out[words]
            expected = np.array([[h[b] @ U[b, k] for k in range(n)] for b in range(B)])
            try:
                scores = eval(code, {"h": h, "U": U, "W_out": W_out})
            except ValueError:
                return False
            if scores.shape != expected.shape or not np.allclose(scores, expected):
                return False
        return True

    return [letter for letter, code in options.items() if right(code)]


def rows_of_a_pair(options):
    rng = np.random.default_rng(0)
    model = word2vec.NegativeSampling(rng.normal(size=(12, 4)), rng.normal(size=(12, 4)))
    model.forward(np.array([[7]]), np.array([[3, 9, 5, 9]]))
    model.backward(1.0)
    reached = {name: np.flatnonzero(grad.any(axis=1)).tolist() for name, grad in model.grads.items()}

    def rows(option):
        found = re.findall(r"(all rows|[\d, ]+) of (W_in|W_out)", option)
        return {name: list(range(12)) if ids == "all rows" else numbers_of(ids) for ids, name in found}

    return [letter for letter, option in options.items() if rows(option) == reached]


def perplexity_of_bags(options):
    words = "dogs chase cats cats fear dogs".split()
    contexts, targets = word2vec.contexts_and_targets(np.unique(words, return_inverse=True)[1], 1)
    bags = [tuple(sorted(context)) for context in contexts.tolist()]
    seen, together = Counter(bags), Counter(zip(bags, targets.tolist(), strict=True))
    loss = np.mean([-np.log(together[bag, t] / seen[bag]) for bag, t in zip(bags, targets.tolist(), strict=True)])
    assert len(targets) == 4
    return [letter for letter, value in options.items() if float(value) == round(float(np.exp(loss)), 2)]


def occurrences_left(options):
    keep = word2vec.keep_probability(np.array([100_000, 900_000]), 0.001)
    return [letter for letter, number in options.items() if math.isclose(float(number.replace(",", "")), 1e5 * keep[0])]


def pmi_and_ppmi(options):
    pmi = np.log(2 * 1000 / (100 * 50))
    expected = [round(float(pmi), 2), round(max(float(pmi), 0.0), 2)]
    return [letter for letter, values in options.items() if [float(x) for x in values.split(" and ")] == expected]


def inner_products(options, K=5):
    V, leaves, depth = 2**17, 1, 0
    while leaves < V:
        leaves, depth = 2 * leaves, depth + 1
    return [letter for letter, numbers in options.items() if numbers_of(numbers) == [V, depth, 1 + K]]


CHOICE = {
    "choose-vocab": largest_vocabulary,
    "choose-first": column_of_the_first_step,
    "choose-scores": expressions_of_scores,
    "choose-rows": rows_of_a_pair,
    "choose-order": perplexity_of_bags,
    "choose-dropped": occurrences_left,
    "choose-pmi": pmi_and_ppmi,
    "choose-tree": inner_products,
}

LOSS_IS_A_NUMBER = "The rule about float32 is for arrays, and the loss is one number."
ALREADY_FLOAT64 = "The result is float64 already: counts are no float32 vectors."
NUMPY_RAISES = "An id above the last one makes NumPy raise IndexError by itself; only the message differs."
ALL_CHECKED = "All three are checked, in another order."
SAME_TABLES = "Both tables have one shape and one dtype, and both start from zeros."

EQUIVALENT = {
    "word-pairs": {
        "line 12: …e=int).reshape(-1, 2) -> …e=int).reshape(-2, 2)": (
            "NumPy takes any negative number for what is left."
        ),
    },
    "near-counts": {
        "line 9: …at(counts, (ids[:-d], ids[d:]), 1 / d) -> …at(counts, (ids[d:], ids[:-d]), 1 / d)": (
            "That is the transpose of counts, and the sum with its own transpose is the same."
        ),
        "line 10: return counts + counts.T -> return (counts + counts.T).astype(float)": ALREADY_FLOAT64,
    },
    "shifted-ppmi": {"line 7: … - np.log(k), 0) -> … - np.log(k), 0).astype(float)": ALREADY_FLOAT64},
    "weighted-cbow": {
        "line 5: W_in.dtype -> W_out.dtype": "The tables of a model have one dtype.",
        "line 7: np.where(total > 0, total, 1) -> np.where(total > 0, total, 2)": (
            "Where the total is 0 all weights are: zeros stay zeros, whatever they are divided by."
        ),
        "line 10: return (h, -log_p[np…s)), targets].mean()) -> return (h, (-log_p[n…ean()).astype(float))": (
            LOSS_IS_A_NUMBER
        ),
    },
    "mend-sides": {
        "line 24: return (loss, dW_in, dW_out) -> return (loss.astype(float), dW_in, dW_out)": LOSS_IS_A_NUMBER,
    },
    "draw-noise": {
        ("line 6: [0, 1, target] -> [1, 0, target]", "line 6: [0, 1, target] -> [0, target, 1]"): (
            "The same three weights become 0."
        ),
    },
    "shared-negatives": {
        (
            "line 3: …name, ids in (('cen…rgets), ('drawn', dr… -> …name, ids in (('tar…ntres), ('drawn', dr…",
            "line 3: …s', centres), ('tar…), ('drawn', drawn)): -> …s', centres), ('dra…'targets', targets)):",
        ): ALL_CHECKED,
        (
            "line 4: (ids < 0).any() or (…s >= len(W_in)).any() -> (ids < 0).any()",
            "line 4: (ids >= len(W_in)).any() -> (ids >= len(W_in)).all()",
            "line 4: ids >= len(W_in) -> ids > len(W_in)",
        ): NUMPY_RAISES,
        "line 4: len(W_in) -> len(W_out)": "Both tables have a row for each word.",
        "line 6: len(centres) -> len(targets)": "Each centre has one target.",
        "line 8: np.inf -> 1000000000.0": "exp(-10⁹) is exactly 0, in float32 as in float64.",
        "line 12: np.logaddexp(0, -scores) -> np.log(np.exp(0) + np.exp(-scores))": (
            "Where exp overflows to infinity, the sigmoid is exp(-infinity) = 0, as it should be."
        ),
        (
            "line 14: dW_in, dW_out = (np.zeros_lik… -> dW_out, dW_in = (np.zeros_lik…",
            "line 14: …np.zeros_like(W_in)…np.zeros_like(W_out)) -> …np.zeros_like(W_out… np.zeros_like(W_in))",
            "line 14: np.zeros_like(W_in) -> np.zeros_like(W_out)",
        ): SAME_TABLES,
        "line 18: return (loss, dW_in, dW_out) -> return (loss.astype(float), dW_in, dW_out)": LOSS_IS_A_NUMBER,
    },
}
SURVIVES = {
    "near-counts": {
        "line 5: (ids >= V).any() -> (ids >= V).all()": (
            "In a text of two words or more NumPy raises IndexError by itself. Only a text without words now raises it "
            "too, and the task does not speak of one."
        ),
    },
    "mend-sides": {
        "line 14: layers.log_softmax(h @ W_out) -> np.log(np.exp(h @ W_…s=-1, keepdims=True))": (
            "Scores above 709 overflow. The task is about the gradient and promises nothing about large scores."
        ),
    },
    "draw-noise": {
        "line 5: counts.astype(float) -> counts": (
            "Whole counts to a whole power are exact up to 9 · 10¹⁸, far above the powers of any text's counts. "
            "A negative whole power fails, and gives rare words most: nobody asks for it."
        ),
    },
}

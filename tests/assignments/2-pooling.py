"""Answers to the assignment of chapter 2: wrong ones that people give, and right ones written in other ways.

The tables are those of chapter 1, where they are explained.
"""

import itertools

import numpy as np

from tinyseq import layers, pooling

WRONG: dict = {}
RIGHT: dict = {}
LESSONS = {"global-average", "masked-average", "text-classifier"}


# last-steps


def check_n(x, n):
    if n < 1 or n > len(x):
        raise ValueError("n")


def reads_batch_first(x, n):
    return x[:, -n:].mean(axis=1)


def means_of_vectors(x, n):
    return x[-n:].mean(axis=-1)


def keeps_the_time_axis(x, n):
    return x[-n:].mean(axis=0, keepdims=True)


def mean_of_all_steps(x, n):
    return x.mean(axis=0)


def first_steps(x, n):
    return x[:n].mean(axis=0)


def stops_before_the_last(x, n):
    return x[-n:-1].mean(axis=0)


def last_step_alone(x, n):
    return x[-1]


def sum_of_last_steps(x, n):
    return x[-n:].sum(axis=0)


def divides_by_all_steps(x, n):
    return x[-n:].sum(axis=0) / len(x)


def slices_unchecked(x, n):
    return x[-n:].mean(axis=0)


def refuses_zero_alone(x, n):
    if n <= 0:
        raise ValueError("n")
    return x[-n:].mean(axis=0)


def refuses_too_many_alone(x, n):
    if n > len(x):
        raise ValueError("n")
    return x[-n:].mean(axis=0)


def refuses_all_but_negative(x, n):
    if n == 0 or n > len(x):
        raise ValueError("n")
    return x[-n:].mean(axis=0)


def last_two_steps(x, n):
    check_n(x, n)
    return x[-2:].mean(axis=0)


def adds_up_in_float64(x, n):
    check_n(x, n)
    total = np.zeros(x.shape[1:])
    for step in x[-n:]:
        total += step
    return total / n


def divides_in_place(x, n):
    check_n(x, n)
    x /= n
    return x[-n:].sum(axis=0)


def from_the_front(x, n):
    check_n(x, n)
    return x[len(x) - n :].sum(axis=0) / n


def through_a_matrix(x, n):
    check_n(x, n)
    shares = (np.arange(len(x)) >= len(x) - n).astype(x.dtype) / n
    return np.einsum("t,tbd->bd", shares, x)


def through_the_pooling_layer(x, n):
    check_n(x, n)
    return pooling.GlobalAveragePooling()(x[::-1][:n].swapaxes(0, 1))


WRONG["last-steps"] = {
    reads_batch_first: "In this array time comes first",
    means_of_vectors: "You pooled the last axis",
    keeps_the_time_axis: "The time axis is still there",
    mean_of_all_steps: "only the last n count",
    first_steps: "the first n steps",
    stops_before_the_last: "The last step is missing",
    last_step_alone: "the last step alone",
    sum_of_last_steps: "did not divide",
    divides_by_all_steps: "You divided by T",
    slices_unchecked: "n = 0 must raise ValueError",
    refuses_zero_alone: "n above T must raise ValueError",
    refuses_too_many_alone: "n = 0 must raise ValueError",
    refuses_all_but_negative: "A negative n must raise ValueError",
    last_two_steps: "Wrong mean for x",
    adds_up_in_float64: "From a float32 array you return float64",
    divides_in_place: "You changed x",
}
RIGHT["last-steps"] = [from_the_front, through_a_matrix, through_the_pooling_layer]


# average-first


def check_lengths(x, lengths):
    if (lengths < 0).any() or (lengths > x.shape[1]).any():
        raise ValueError("lengths")


def mask_of(lengths, T):
    return np.arange(T) < lengths[:, None]


def averages_the_padding(x, lengths):
    return np.where(lengths[:, None] > 0, x.mean(axis=1), 0)


def divides_by_t(x, lengths):
    return (x * mask_of(lengths, x.shape[1])[..., None]).mean(axis=1)


def one_vector_too_many(x, lengths):
    mask = np.arange(x.shape[1]) <= lengths[:, None]
    return (x * mask[..., None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)


def sums_the_first(x, lengths):
    return (x * mask_of(lengths, x.shape[1])[..., None]).sum(axis=1)


def divides_columns(x, lengths):
    return sums_the_first(x, lengths) / lengths


def nan_without_words(x, lengths):
    return sums_the_first(x, lengths) / lengths[:, None]


def means_of_slices(x, lengths):
    return np.array(
        [vectors[:n].mean(axis=0) if n else np.zeros(x.shape[2]) for vectors, n in zip(x, lengths, strict=True)]
    )


def one_length_for_all(x, lengths):
    check_lengths(x, lengths)
    return np.where(lengths[:, None] > 0, x[:, : lengths[0]].mean(axis=1), 0)


def in_float64(x, lengths):
    check_lengths(x, lengths)
    return sums_the_first(x, lengths) / np.maximum(lengths, 1)[:, None]


def clears_the_padding_in_place(x, lengths):
    check_lengths(x, lengths)
    x[~mask_of(lengths, x.shape[1])] = 0
    return x.sum(axis=1) / np.maximum(lengths, 1).astype(x.dtype)[:, None]


def mends_lengths_in_place(x, lengths):
    check_lengths(x, lengths)
    total = sums_the_first(x, lengths)
    lengths[lengths == 0] = 1
    return total / lengths.astype(x.dtype)[:, None]


def refuses_long_ones_alone(x, lengths):
    if lengths.max() > x.shape[1]:
        raise ValueError("lengths")
    return (sums_the_first(x, lengths) / np.maximum(lengths, 1)[:, None]).astype(x.dtype)


def refuses_negative_ones_alone(x, lengths):
    if lengths.min() < 0:
        raise ValueError("lengths")
    return (sums_the_first(x, lengths) / np.maximum(lengths, 1)[:, None]).astype(x.dtype)


def sentence_by_sentence(x, lengths):
    out = np.zeros((len(x), x.shape[2]), x.dtype)
    for b, n in enumerate(lengths):
        if not 0 <= n <= x.shape[1]:
            raise ValueError(n)
        if n > 0:
            out[b] = x[b, :n].mean(axis=0)
    return out


def through_the_masked_layer(x, lengths):
    check_lengths(x, lengths)
    return pooling.GlobalAveragePooling()(x, mask_of(lengths, x.shape[1]))


def running_sums(x, lengths):
    check_lengths(x, lengths)
    start = np.zeros_like(x[:, :1])
    sums = np.concatenate([start, x.cumsum(axis=1)], axis=1)  # (B, T + 1, D)
    return sums[np.arange(len(x)), lengths] / np.fmax(lengths, 1)[:, None].astype(x.dtype)


def replaces_nan(x, lengths):
    check_lengths(x, lengths)
    return np.nan_to_num(sums_the_first(x, lengths) / lengths[:, None]).astype(x.dtype)


WRONG["average-first"] = {
    averages_the_padding: "You averaged the padding too",
    divides_by_t: "but divided by T",
    one_vector_too_many: "one vector too many",
    sums_the_first: "did not divide",
    divides_columns: "You divided column d by length d",
    nan_without_words: "gives NaN",
    one_length_for_all: "Wrong mean for x",
    means_of_slices: "From a float32 array you return float64",
    in_float64: "From a float32 array you return float64",
    clears_the_padding_in_place: "You changed x or lengths",
    mends_lengths_in_place: "You changed x or lengths",
    refuses_long_ones_alone: "The length -1 must raise ValueError",
    refuses_negative_ones_alone: "A length above T must raise ValueError",
}
RIGHT["average-first"] = [sentence_by_sentence, through_the_masked_layer, running_sums, replaces_nan]


# average-first-backward


def check_rows(dout, lengths):
    if dout.shape[:1] != lengths.shape:
        raise ValueError("dout")


def shares_of(lengths, T):
    return mask_of(lengths, T) / np.maximum(lengths, 1)[:, None]


def gradient_of_a_sentence(dout, lengths, T):
    return dout / lengths[:, None]


def shares_of_one_over_t(dout, lengths, T):
    return np.repeat(dout[:, None] / T, T, axis=1)


def padding_gets_a_share(dout, lengths, T):
    return np.repeat((dout / np.maximum(lengths, 1)[:, None])[:, None], T, axis=1)


def all_of_dout(dout, lengths, T):
    return mask_of(lengths, T)[..., None] * dout[:, None]


def masked_but_divided_by_t(dout, lengths, T):
    return all_of_dout(dout, lengths, T) / T


def times_lined_up_with_rows(dout, lengths, T):
    return shares_of(lengths, T)[..., None] * dout


def nan_for_no_words(dout, lengths, T):
    return all_of_dout(dout, lengths, T) / lengths[:, None, None]


def words_at_the_end(dout, lengths, T):
    return shares_of(lengths, T)[:, ::-1, None] * dout[:, None]


def first_length_for_all(dout, lengths, T):
    return np.where(np.arange(T) < lengths[0], 1 / max(lengths[0], 1), 0)[:, None] * dout[:, None]


def shares_in_float64(dout, lengths, T):
    check_rows(dout, lengths)
    return shares_of(lengths, T)[..., None] * dout[:, None]


def rows_unchecked(dout, lengths, T):
    return (shares_of(lengths, T)[..., None] * dout[:, None]).astype(dout.dtype)


def divides_dout_in_place(dout, lengths, T):
    check_rows(dout, lengths)
    dout /= np.maximum(lengths, 1)[:, None]
    return mask_of(lengths, T)[..., None] * dout[:, None]


def fills_slices(dout, lengths, T):
    check_rows(dout, lengths)
    dx = np.zeros((len(dout), T, dout.shape[1]), dout.dtype)
    for b, n in enumerate(lengths):
        dx[b, :n] = dout[b] / n
    return dx


def outer_products(dout, lengths, T):
    check_rows(dout, lengths)
    return np.einsum("bt,bd->btd", shares_of(lengths, T).astype(dout.dtype), dout)


def through_the_backward_of_the_layer(dout, lengths, T):
    check_rows(dout, lengths)
    layer = pooling.GlobalAveragePooling()
    layer.forward(np.zeros((len(dout), T, dout.shape[1]), dout.dtype), mask_of(lengths, T))
    return layer.backward(dout)


WRONG["average-first-backward"] = {
    gradient_of_a_sentence: "Each of the T positions needs its own",
    shares_of_one_over_t: "as if the padding had been averaged too",
    padding_gets_a_share: "The padding gets a gradient",
    all_of_dout: "Each word gets all of dout",
    masked_but_divided_by_t: "You divided by T",
    times_lined_up_with_rows: "You gave position t the gradient dout[t]",
    nan_for_no_words: "dx holds NaN",
    words_at_the_end: "dx differs from that of the example",
    first_length_for_all: "dx differs from the numerical gradient",
    shares_in_float64: "From a float32 dout you return float64",
    rows_unchecked: "must raise ValueError",
    divides_dout_in_place: "You changed dout or lengths",
}
RIGHT["average-first-backward"] = [fills_slices, outer_products, through_the_backward_of_the_layer]


# average-windows


def check_windows(x, size, stride):
    if size < 1 or size > x.shape[1] or stride < 1:
        raise ValueError("size or stride")


def means_from(x, size, starts):
    return np.stack([x[:, start : start + size].mean(axis=1) for start in starts], axis=1)


def keeps_a_short_window(x, size, stride):
    return means_from(x, size, range(0, x.shape[1], stride))


def a_window_at_every_step(x, size, stride):
    return means_from(x, size, range(x.shape[1] - size + 1))


def forgets_the_last_window(x, size, stride):
    return means_from(x, size, range(0, x.shape[1] - size, stride))[:, :1]


def one_window_too_few(x, size, stride):
    return means_from(x, size, range(0, x.shape[1] - size, stride))


def windows_in_front(x, size, stride):
    return np.array([x[:, t : t + size].mean(axis=1) for t in range(0, x.shape[1] - size + 1, stride)])


def maxima_of_windows(x, size, stride):
    return np.stack([x[:, t : t + size].max(axis=1) for t in range(0, x.shape[1] - size + 1, stride)], axis=1)


def sums_of_windows(x, size, stride):
    return means_from(x, size, range(0, x.shape[1] - size + 1, stride)) * size


def stride_is_the_size(x, size, stride):
    B, T, D = x.shape
    return x[:, : T // size * size].reshape(B, T // size, size, D).mean(axis=2)


def size_unchecked(x, size, stride):
    return means_from(x, size, range(0, max(x.shape[1] - size, 0) + 1, stride))


def cut_to_whole_strides(x, size, stride):
    T = x.shape[1] // stride * stride
    return means_from(x, size, range(0, max(T - size, 0) + 1, stride))


def refuses_long_windows_alone(x, size, stride):
    if size > x.shape[1]:
        raise ValueError("size")
    return sums_of_windows(x, max(size, 1), stride) / max(size, 1)


def walks_backwards(x, size, stride):
    check_windows(x, size, 1)
    return np.lib.stride_tricks.sliding_window_view(x, size, axis=1)[:, ::stride].mean(axis=-1)


def stride_clipped(x, size, stride):
    check_windows(x, size, 1)
    return means_from(x, size, range(0, x.shape[1] - size + 1, max(stride, 1)))


def windows_in_float64(x, size, stride):
    check_windows(x, size, stride)
    return means_from(x.astype(float), size, range(0, x.shape[1] - size + 1, stride))


def sums_up_in_place(x, size, stride):
    check_windows(x, size, stride)
    np.cumsum(x, axis=1, out=x)
    sums = np.concatenate([np.zeros_like(x[:, :1]), x], axis=1)
    return ((sums[:, size:] - sums[:, :-size]) / size)[:, ::stride]


def differences_of_running_sums(x, size, stride):
    check_windows(x, size, stride)
    sums = np.concatenate([np.zeros_like(x[:, :1]), x.cumsum(axis=1)], axis=1)  # (B, T + 1, D)
    return ((sums[:, size:] - sums[:, :-size]) / size)[:, ::stride]


def sliding_view(x, size, stride):
    check_windows(x, size, stride)
    return np.lib.stride_tricks.sliding_window_view(x, size, axis=1)[:, ::stride].mean(axis=-1)


def indices_of_windows(x, size, stride):
    check_windows(x, size, stride)
    windows = (x.shape[1] - size) // stride + 1
    steps = stride * np.arange(windows)[:, None] + np.arange(size)  # (windows, size)
    return x[:, steps].mean(axis=2)


WRONG["average-windows"] = {
    keeps_a_short_window: "a window that lacks a step",
    a_window_at_every_step: "a window at every step",
    forgets_the_last_window: "The last window is missing",
    one_window_too_few: "the means differ from those of the example",
    windows_in_front: "stand in front of the batch",
    maxima_of_windows: "the largest number of each window",
    sums_of_windows: "did not divide",
    stride_is_the_size: "You moved on by the size instead",
    size_unchecked: "longer than the sentence must raise ValueError",
    cut_to_whole_strides: "must give the shape",
    refuses_long_windows_alone: "A size of 0 must raise ValueError",
    walks_backwards: "A negative stride must raise ValueError",
    stride_clipped: "A stride of 0 must raise ValueError",
    windows_in_float64: "From a float32 array you return float64",
    sums_up_in_place: "You changed x",
}
RIGHT["average-windows"] = [differences_of_running_sums, sliding_view, indices_of_windows]


# max-positions


def check_mask(x, mask):
    if x.shape[:2] != mask.shape:
        raise ValueError("mask")


def masked(x, mask, filling=-np.inf):
    return np.where(mask[..., None], x, filling)


def padding_wins(x, mask):
    return x.max(axis=1), x.argmax(axis=1)


def padding_is_zero(x, mask):
    return (x * mask[..., None]).max(axis=1), (x * mask[..., None]).argmax(axis=1)


def values_alone(x, mask):
    return masked(x, mask).max(axis=1)


def positions_first(x, mask):
    return masked(x, mask).argmax(axis=1), masked(x, mask).max(axis=1)


def positions_of_the_padding(x, mask):
    return masked(x, mask).max(axis=1), x.argmax(axis=1)


def positions_as_floats(x, mask):
    return masked(x, mask).max(axis=1), masked(x, mask).argmax(axis=1).astype(float)


def one_position_for_a_sentence(x, mask):
    return masked(x, mask).max(axis=1), masked(x, mask).max(axis=2).argmax(axis=1)


def infinite_without_tokens(x, mask):
    return masked(x, mask).max(axis=1), masked(x, mask).argmax(axis=1)


def position_zero_without_tokens(x, mask):
    values = masked(x, mask).max(axis=1)
    return np.where(np.isneginf(values), 0, values), masked(x, mask).argmax(axis=1)


def among_the_real_tokens(x, mask):
    values, positions = np.zeros((len(x), x.shape[2]), x.dtype), np.full((len(x), x.shape[2]), -1)
    for b in range(len(x)):
        if mask[b].any():
            values[b], positions[b] = x[b][mask[b]].max(axis=0), x[b][mask[b]].argmax(axis=0)
    return values, positions


def where_the_value_stands(x, mask):
    check_mask(x, mask)
    values, positions = max_and_position(x, mask)
    return values, np.where(positions < 0, -1, (x == values[:, None]).argmax(axis=1))


def last_of_equals(x, mask):
    values, positions = max_and_position(x, mask)
    last = x.shape[1] - 1 - masked(x, mask)[:, ::-1].argmax(axis=1)
    return values, np.where(positions < 0, -1, last)


def not_small_enough(x, mask):
    check_mask(x, mask)
    candidates, real = masked(x, mask, -1e9), mask.any(axis=1, keepdims=True)
    return np.where(real, candidates.max(axis=1), 0), np.where(real, candidates.argmax(axis=1), -1)


def maxima_in_float64(x, mask):
    values, positions = max_and_position(x, mask)
    return values.astype(float), positions


def clears_the_padding_of_x(x, mask):
    check_mask(x, mask)
    x[~mask] = -np.inf
    return max_and_position(x, mask)


def mask_unchecked(x, mask):
    return max_and_position(x, np.broadcast_to(mask.reshape(mask.shape[:2]), x.shape[:2]))


def max_and_position(x, mask):
    check_mask(x, mask)
    candidates, real = masked(x, mask), mask.any(axis=1)
    values, positions = candidates.max(axis=1).astype(x.dtype), candidates.argmax(axis=1)
    values[~real], positions[~real] = 0, -1
    return values, positions


def number_by_number(x, mask):
    check_mask(x, mask)
    values, positions = np.zeros_like(x[:, 0]), np.full((x.shape[0], x.shape[2]), -1, dtype=np.int32)
    for b, t in np.argwhere(mask):
        better = (positions[b] < 0) | (x[b, t] > values[b])
        values[b][better], positions[b][better] = x[b, t][better], t
    return values, positions


def through_the_max_layer(x, mask):
    check_mask(x, mask)
    values = pooling.GlobalMaxPooling()(x, mask)
    winners = mask[..., None] & (x == values[:, None])
    return values, np.where(winners.any(axis=1), winners.argmax(axis=1), -1)


def by_sorting(x, mask):
    """In a stable order of falling numbers, and of real tokens before padding, the winner comes first."""
    check_mask(x, mask)
    padding = np.broadcast_to(~mask[..., None], x.shape)
    first = np.lexsort((-x, padding), axis=1)[:, :1]  # (B, 1, D)
    real = mask.any(axis=1)[:, None].astype(int)  # (B, 1)
    values = np.take_along_axis(x, first, axis=1)[:, 0] * real.astype(x.dtype)
    return values, first[:, 0] * real + real - 1


WRONG["max-positions"] = {
    padding_wins: "The padding won: leave it out",
    padding_is_zero: "The padding won with a 0",
    values_alone: "Return two arrays",
    positions_first: "The values come first",
    positions_of_the_padding: "The positions are those of the padding",
    positions_as_floats: "Positions are integers",
    one_position_for_a_sentence: "yours have (1, 2) and (1,)",
    infinite_without_tokens: "gives -inf",
    position_zero_without_tokens: "must give the position -1",
    among_the_real_tokens: "not among the real tokens",
    where_the_value_stands: "ties with the padding before it",
    last_of_equals: "the first real one wins",
    not_small_enough: "no constant but -np.inf",
    maxima_in_float64: "From a float32 array you return float64",
    clears_the_padding_of_x: "You changed x or mask",
    mask_unchecked: "must raise ValueError",
}
RIGHT["max-positions"] = [max_and_position, number_by_number, through_the_max_layer, by_sorting]


# weighted-average


def check_weights(weights):
    if weights.min() < 0:
        raise ValueError("weights")


def weighted_sum(x, weights):
    return np.einsum("bt,btd->bd", weights, x)


def plain_mean(x, weights):
    return x.mean(axis=1)


def weights_as_a_mask(x, weights):
    return weighted_sum(x, (weights > 0) / (weights > 0).sum(axis=1, keepdims=True))


def weighted_sum_alone(x, weights):
    return weighted_sum(x, weights)


def weighted_over_t(x, weights):
    return (x * weights[..., None]).mean(axis=1)


def weighted_over_words(x, weights):
    return weighted_sum(x, weights) / (weights > 0).sum(axis=1, keepdims=True)


def softmax_of_weights(x, weights):
    return weighted_sum(x, layers.softmax(weights))


def nan_without_weights(x, weights):
    return weighted_sum(x, weights) / weights.sum(axis=1, keepdims=True)


def total_of_the_batch(x, weights):
    return weighted_sum(x, weights) / weights.sum()


def at_least_one(x, weights):
    check_weights(weights)
    return weighted_sum(x, weights) / np.maximum(weights.sum(axis=1, keepdims=True), 1)


def constant_in_the_divisor(x, weights):
    check_weights(weights)
    return weighted_sum(x, weights) / (weights.sum(axis=1, keepdims=True) + 1e-8)


def takes_negative_weights(x, weights):
    total = weights.sum(axis=1, keepdims=True)
    return weighted_sum(x, weights) / np.where(total == 0, 1, total)


def clips_negative_weights(x, weights):
    return takes_negative_weights(x, np.maximum(weights, 0))


def weighted_in_float64(x, weights):
    check_weights(weights)
    out = np.zeros((len(x), x.shape[2]))
    out[:] = takes_negative_weights(x, weights)
    return out


def shares_in_place(x, weights):
    check_weights(weights)
    total = weights.sum(axis=1, keepdims=True)
    weights /= np.where(total == 0, 1, total)
    return weighted_sum(x, weights)


def batched_product(x, weights):
    if np.any(weights < 0):
        raise ValueError("weights")
    total = weights.sum(axis=1)
    out = (weights[:, None] @ x)[:, 0]
    out[total > 0] /= total[total > 0][:, None]
    return out


def library_average(x, weights):
    check_weights(weights)
    rows = [np.average(v, axis=0, weights=w) if w.any() else v[0] * 0 for v, w in zip(x, weights, strict=True)]
    return np.array(rows)


def weighted_without_nan(x, weights):
    check_weights(weights)
    return np.nan_to_num(weighted_sum(x, weights) / weights.sum(axis=1, keepdims=True))


WRONG["weighted-average"] = {
    plain_mean: "the weights play no part",
    weights_as_a_mask: "used the weights as a mask",
    weighted_sum_alone: "did not divide by the sum of the weights",
    weighted_over_t: "You divided by T",
    weighted_over_words: "divided by the number of words",
    softmax_of_weights: "The numbers differ",
    nan_without_weights: "gives NaN",
    total_of_the_batch: "Wrong average",
    at_least_one: "must give the same result",
    constant_in_the_divisor: "must give the same result",
    takes_negative_weights: "A weight below 0 must raise ValueError",
    clips_negative_weights: "A weight below 0 must raise ValueError",
    weighted_in_float64: "From float32 arrays you return float64",
    shares_in_place: "You changed x or weights",
}
RIGHT["weighted-average"] = [batched_product, library_average, weighted_without_nan]


# mend-importance


def forward(W, importance, ids, dout):
    """The part of the listing that is right: mask, total, shares, h, dW and dshares."""
    mask = ids != 0
    vectors, weights = W[ids], importance[ids] * mask
    total = weights.sum(axis=1, keepdims=True)
    total[total == 0] = 1
    shares = weights / total
    h = (shares[..., None] * vectors).sum(axis=1)
    dW = np.zeros_like(W)
    np.add.at(dW, ids, shares[..., None] * dout[:, None, :])
    return mask, total, shares, h, dW, (vectors * dout[:, None, :]).sum(axis=-1)


def collected(importance, ids, dweights):
    dimportance = np.zeros_like(importance)
    np.add.at(dimportance, ids, dweights)
    return dimportance


def subtracts_the_plain_mean(W, importance, ids, dout):
    mask, total, _, h, dW, dshares = forward(W, importance, ids, dout)
    mean = (dshares * mask).sum(axis=1, keepdims=True) / np.maximum(mask.sum(axis=1, keepdims=True), 1)
    return h, dW, collected(importance, ids, (dshares - mean) / total * mask)


def divides_before_it_subtracts(W, importance, ids, dout):
    mask, total, _, h, dW, dshares = forward(W, importance, ids, dout)
    return h, dW, collected(importance, ids, (dshares / total - (h * dout).sum(axis=1, keepdims=True)) * mask)


def forgets_the_total(W, importance, ids, dout):
    mask, _, _, h, dW, dshares = forward(W, importance, ids, dout)
    return h, dW, collected(importance, ids, (dshares - (h * dout).sum(axis=1, keepdims=True)) * mask)


def forgets_the_mask(W, importance, ids, dout):
    _, total, _, h, dW, dshares = forward(W, importance, ids, dout)
    return h, dW, collected(importance, ids, (dshares - (h * dout).sum(axis=1, keepdims=True)) / total)


def subtracts_the_other_way(W, importance, ids, dout):
    h, dW, dimportance = mended_by_dshares(W, importance, ids, dout)
    return h, dW, -dimportance


def softmax_backward(W, importance, ids, dout):
    mask, _, shares, h, dW, dshares = forward(W, importance, ids, dout)
    pull = dshares - (shares * dshares).sum(axis=1, keepdims=True)
    return h, dW, collected(importance, ids, shares * pull * mask)


def stores_by_word(W, importance, ids, dout):
    mask, total, shares, h, dW, dshares = forward(W, importance, ids, dout)
    pull = dshares - (shares * dshares).sum(axis=1, keepdims=True)
    dimportance = np.zeros_like(importance)
    dimportance[ids] += pull / total * mask
    return h, dW, dimportance


def no_gradient_for_importance(W, importance, ids, dout):
    _, _, _, h, dW, _ = forward(W, importance, ids, dout)
    return h, dW, np.zeros_like(importance)


def mends_the_average_instead(W, importance, ids, dout):
    mask = ids != 0
    weights = importance[ids] * mask
    h = (weights[..., None] * W[ids]).sum(axis=1)
    dW = np.zeros_like(W)
    np.add.at(dW, ids, weights[..., None] * dout[:, None, :])
    return h, dW, collected(importance, ids, (W[ids] * dout[:, None, :]).sum(axis=-1) * mask)


def breaks_dw(W, importance, ids, dout):
    h, dW, dimportance = mended_by_dshares(W, importance, ids, dout)
    return h, dW / 2, dimportance


def looks_at_the_end(W, importance, ids, dout):
    h, dW, _ = mended_by_dshares(W, importance, ids, dout)
    mask, total, shares, _, _, dshares = forward(W, importance, ids, dout)
    real = mask_of(mask.sum(axis=1), ids.shape[1])
    pull = dshares - (shares * dshares).sum(axis=1, keepdims=True)
    return h, dW, collected(importance, ids, pull / total * real)


def importance_in_float64(W, importance, ids, dout):
    h, dW, dimportance = mended_by_dshares(W, importance, ids, dout)
    return h, dW, dimportance.astype(float)


def clears_the_padding_row(W, importance, ids, dout):
    importance[0] = 0
    return mended_by_dshares(W, importance, ids, dout)


def mended_by_dshares(W, importance, ids, dout):
    mask, total, shares, h, dW, dshares = forward(W, importance, ids, dout)
    pull = dshares - (shares * dshares).sum(axis=1, keepdims=True)
    return h, dW, collected(importance, ids, pull / total * mask)


def mended_word_by_word(W, importance, ids, dout):
    h, dW, dimportance = np.zeros_like(dout), np.zeros_like(W), np.zeros_like(importance)
    for b, sentence in enumerate(ids):
        words = sentence[sentence > 0]
        if len(words) == 0:
            continue
        total = importance[words].sum()
        h[b] = importance[words] @ W[words] / total
        for i in words:
            dW[i] += importance[i] / total * dout[b]
            dimportance[i] += (W[i] - h[b]) @ dout[b] / total
    return h, dW, dimportance


def mended_by_counts(W, importance, ids, dout):
    counts = (ids[:, :, None] == np.arange(len(W))).sum(axis=1).astype(W.dtype)  # (B, V)
    counts[:, 0] = 0
    weights = counts * importance
    total = weights.sum(axis=1, keepdims=True)
    safe = np.where(total > 0, total, np.ones_like(total))
    h = weights @ W / safe
    pull = dout @ W.T - (dout * h).sum(axis=1, keepdims=True)  # (B, V)
    return h, (weights / safe).T @ dout, (counts / safe * pull).sum(axis=0)


WRONG["mend-importance"] = {
    subtracts_the_plain_mean: "You subtracted the plain mean",
    divides_before_it_subtracts: "A gradient differs",
    forgets_the_total: "Divide by the total",
    forgets_the_mask: "the mask is missing",
    subtracts_the_other_way: "The sign of dimportance is wrong",
    softmax_backward: "A gradient differs",
    stores_by_word: "Wrong for sentences of [1, 4, 2] words",
    no_gradient_for_importance: "A gradient differs",
    mends_the_average_instead: "The averages were right in the listing",
    breaks_dw: "dW was right in the listing",
    looks_at_the_end: "Padding on the left",
    importance_in_float64: "From float32 arrays you return",
    clears_the_padding_row: "You changed what you were given",
}
RIGHT["mend-importance"] = [mended_by_dshares, mended_word_by_word, mended_by_counts]
GIVEN = {"mend-importance": "as if the total were fixed"}


# review-loss


def review(W, w, b, ids, labels, power=0.5, power_back=None, counted=None, mask=None, dz=None):
    """The model answer with the places where people go wrong: the power of n, what counts, the mask, and dz."""
    if not ((labels == 0) | (labels == 1)).all():
        raise ValueError("labels")
    mask = ids != 0 if mask is None else mask
    n = np.maximum((mask if counted is None else counted).sum(axis=1, keepdims=True), 1)
    forth, back = (
        (mask / n**exponent).astype(W.dtype) for exponent in (power, power if power_back is None else power_back)
    )
    s = np.einsum("bt,btd->bd", forth, W[ids])
    z = s @ w + b
    loss = (np.logaddexp(0, z) - labels * z).mean()
    dz = (dz or (lambda z, y: (sigmoid(z) - y) / len(y)))(z, labels.astype(W.dtype))
    dW = np.zeros_like(W)
    np.add.at(dW, ids, back[..., None] * (dz[:, None] * w)[:, None, :])
    return loss, dW, s.T @ dz, dz.sum()


def sigmoid(z):
    return np.where(z > 0, 1, np.exp(-np.abs(z))) / (1 + np.exp(-np.abs(z)))


def mean_of_words(*inputs):
    return review(*inputs, power=1)


def sum_of_words(*inputs):
    return review(*inputs, power=0)


def padding_takes_part(W, w, b, ids, labels):
    return review(W, w, b, ids, labels, mask=ids >= 0)


def padding_in_the_sum(W, w, b, ids, labels):
    return review(W, w, b, ids, labels, mask=ids >= 0, counted=ids != 0)


def padding_in_the_count(W, w, b, ids, labels):
    return review(W, w, b, ids, labels, counted=ids >= 0)


def mean_on_the_way_back(*inputs):
    return review(*inputs, power_back=1)


def sum_on_the_way_back(*inputs):
    return review(*inputs, power_back=0)


def label_minus_probability(*inputs):
    return review(*inputs, dz=lambda z, y: (y - sigmoid(z)) / len(y))


def dz_without_the_batch(*inputs):
    return review(*inputs, dz=lambda z, y: sigmoid(z) - y)


def squared_error(*inputs):
    return review(*inputs, dz=lambda z, y: 2 * (sigmoid(z) - y) * sigmoid(z) * (1 - sigmoid(z)) / len(y))


def every_label_is_one(*inputs):
    return review(*inputs, dz=lambda z, y: (sigmoid(z) - 1) / len(y))


def total_loss(*inputs):
    loss, *grads = review(*inputs)
    return loss * len(inputs[-1]), *(grad * len(inputs[-1]) for grad in grads)


def loss_of_each_review(W, w, b, ids, labels):
    loss, *grads = review(W, w, b, ids, labels)
    return np.full(len(ids), loss), *grads


def keeps_one_of_a_word(W, w, b, ids, labels):
    loss, _, dw, db = review(W, w, b, ids, labels)
    n = np.maximum((ids != 0).sum(axis=1), 1)
    z = np.einsum("btd,bt->bd", W[ids], (ids != 0) / np.sqrt(n)[:, None]) @ w + b
    dW = np.zeros_like(W)
    ds = ((sigmoid(z) - labels) / len(z) / np.sqrt(n))[:, None] * w
    dW[ids] += ds[:, None] * (ids != 0)[..., None]
    return loss, dW, dw, db


def gradient_for_the_padding(W, w, b, ids, labels):
    loss, dW, dw, db = review(W, w, b, ids, labels)
    dW = dW.copy()
    dW[0] -= 0.25 * (ids == 0).any()
    return loss, dW, dw, db


def infinite_loss(W, w, b, ids, labels):
    _, *grads = review(W, w, b, ids, labels)
    p = sigmoid(pooled(W, ids) @ w + b)
    return -np.where(labels == 1, np.log(p), np.log(1 - p)).mean(), *grads


def clipped_loss(W, w, b, ids, labels):
    _, *grads = review(W, w, b, ids, labels)
    p = np.clip(sigmoid(pooled(W, ids) @ w + b), 1e-7, 1 - 1e-7)
    return -np.where(labels == 1, np.log(p), np.log(1 - p)).mean(), *grads


def pooled(W, ids):
    n = np.maximum((ids != 0).sum(axis=1, keepdims=True), 1)
    return np.einsum("bt,btd->bd", (ids != 0) / np.sqrt(n), W[ids])


def sigmoid_overflows(*inputs):
    return review(*inputs, dz=lambda z, y: (np.exp(z) / (1 + np.exp(z)) - y) / len(y))


def nan_without_reviews(W, w, b, ids, labels):
    loss, *grads = review(W, w, b, ids, labels)
    return (loss if (ids != 0).any(axis=1).all() else np.nan), *grads


def labels_unchecked(W, w, b, ids, labels):
    return review(W, w, b, ids, labels.clip(0, 1))


def labels_make_float64(W, w, b, ids, labels):
    loss, dW, dw, db = review(W, w, b, ids, labels)
    return loss, dW.astype(float), dw.astype(float), db


def steps_on_the_weights(W, w, b, ids, labels):
    loss, dW, dw, db = review(W, w, b, ids, labels)
    w -= 0.1 * dw
    return loss, dW, dw, db


def reviews_one_by_one(W, w, b, ids, labels):
    loss, dW, dw, db = 0.0, np.zeros_like(W), np.zeros_like(w), 0.0
    for sentence, label in zip(ids, labels, strict=True):
        if label not in (0, 1):
            raise ValueError(label)
        words = sentence[sentence != 0]
        root = max(len(words), 1) ** 0.5
        s = W[words].sum(axis=0) / root
        sign = 1 if label else -1
        margin = float(sign * (s @ w + b))
        loss += max(-margin, 0) + float(np.log1p(np.exp(-abs(margin))))
        dz = -sign * float(sigmoid(-margin)) / len(ids)
        dw, db = dw + dz * s, db + dz
        for i in words:
            dW[i] += dz * w / root
    return loss / len(ids), dW, dw, db


def built_of_layers(W, w, b, ids, labels):
    """Two scores for a review, (0, z): their softmax is the sigmoid of z, and their cross-entropy is the loss."""
    if (labels < 0).any() or (labels > 1).any():
        raise ValueError("labels")
    lookup, mean = layers.Embedding(W), pooling.GlobalAveragePooling()
    dense = layers.Dense(np.stack([np.zeros_like(w), w], axis=1), np.array([0, b], W.dtype))
    entropy = layers.SoftmaxCrossEntropy()
    root = np.sqrt((ids != 0).sum(axis=1, keepdims=True)).astype(W.dtype)
    s = mean.forward(lookup.forward(ids), ids != 0) * root
    loss = entropy.forward(dense.forward(s), labels)
    lookup.backward(mean.backward(dense.backward(entropy.backward(1.0)) * root))
    return loss, lookup.grads["W"], dense.grads["W"][:, 1], dense.grads["b"][1]


def bags_of_words(W, w, b, ids, labels):
    """How often each word occurs, as a matrix; a label of 0 turns the sign of a review round."""
    if set(np.unique(labels)) - {0, 1}:
        raise ValueError("labels")
    bags = (ids[..., None] == np.arange(len(W))).sum(axis=1)  # (B, V)
    bags[:, 0] = 0
    bags = (bags / np.sqrt(np.clip(bags.sum(axis=1, keepdims=True), 1, None))).astype(W.dtype)
    sign = (2 * labels - 1).astype(W.dtype)
    margin = sign * (bags @ (W @ w) + b)
    loss = (np.log1p(np.exp(-abs(margin))) + np.maximum(-margin, 0)).mean()
    dz = -sign * sigmoid(-margin) / np.asarray(len(ids), W.dtype)
    return loss, np.outer(bags.T @ dz, w), W.T @ bags.T @ dz, np.sum(dz)


WRONG["review-loss"] = {
    mean_of_words: "divide by its root",
    sum_of_words: "did not divide by the root",
    padding_takes_part: "The padding's vector went into the sum",
    padding_in_the_sum: "The padding's vector went into the sum",
    padding_in_the_count: "You divided by the root of T",
    mean_on_the_way_back: "Backward divides by n",
    sum_on_the_way_back: "Backward forgot the root",
    label_minus_probability: "The sign of db is wrong",
    dz_without_the_batch: "divide by B",
    squared_error: "db of the example is -0.5",
    every_label_is_one: "dW differs from the numerical gradient",
    total_loss: "it is a mean, not a sum",
    loss_of_each_review: "The loss must be one number",
    keeps_one_of_a_word: "Word 1 occurs three times",
    gradient_for_the_padding: "The padding gets a gradient",
    infinite_loss: "Use np.logaddexp",
    clipped_loss: "A constant inside the logarithm",
    sigmoid_overflows: "With logits of 10,000 the gradients are wrong",
    nan_without_reviews: "Wrong loss for sentences of [0, 5, 1, 2] words",
    labels_unchecked: "must raise ValueError",
    labels_make_float64: "From float32 weights you return",
    steps_on_the_weights: "You changed what you were given",
}
RIGHT["review-loss"] = [review, reviews_one_by_one, built_of_layers, bags_of_words]


# The choice questions


def poolings_that_a_copy_changes(options):
    rng = np.random.default_rng(0)
    x, weights = rng.normal(size=(5, 3)), rng.uniform(1, 2, size=5)
    poolings = {
        "the mean": lambda x, weights: x.mean(axis=0),
        "the maximum": lambda x, weights: x.max(axis=0),
        "the sum": lambda x, weights: x.sum(axis=0),
        "the average with a fixed weight for each word": lambda x, weights: weights @ x / weights.sum(),
    }
    twice = np.concatenate([x, x]), np.concatenate([weights, weights])
    return [key for key, name in options.items() if not np.allclose(poolings[name](x, weights), poolings[name](*twice))]


def entries_that_won(options, B=2, T=10, D=16):
    layer = pooling.GlobalMaxPooling()
    layer.forward(np.random.default_rng(0).normal(size=(B, T, D)))
    count = np.count_nonzero(layer.backward(np.ones((B, D))))
    return [letter for letter, number in options.items() if number == f"{count:,}"]


def score_after_padding(options):
    x, b = np.random.default_rng(0).normal(size=(6, 4)), -1
    w = x.mean(axis=0)
    w *= (3 - b) / (w @ w)
    padded = np.concatenate([x, np.zeros_like(x)])
    assert np.isclose(x.mean(axis=0) @ w + b, 3)
    return [letter for letter, z in options.items() if np.isclose(padded.mean(axis=0) @ w + b, float(z))]


def heads_that_fix_the_length(options):
    def runs(code, **arrays):
        try:
            return bool(np.isfinite(eval(code, arrays)).all())
        except ValueError:
            return False

    found = []
    for letter, code in options.items():
        short, long = np.ones((2, 20, 4)), np.ones((2, 30, 4))
        sizes = [rows for rows in (4, 80) if runs(code, x=short, U=np.ones((rows, 3)))]
        assert len(sizes) == 1
        if not runs(code, x=long, U=np.ones((sizes[0], 3))):
            found.append(letter)
    return found


def numbers_of_the_smallest_table(options, V=10_000, D=64):
    rng = np.random.default_rng(0)
    W, U, b = rng.normal(size=(V, D)), rng.normal(size=(D, 3)), rng.normal(size=3)
    ids, mask = rng.integers(1, V, size=(4, 7)), mask_of(np.array([7, 1, 3, 5]), 7)
    mean, folded = pooling.GlobalAveragePooling(), W @ U + b
    assert np.allclose(mean(folded[ids], mask), mean(W[ids], mask) @ U + b)
    assert np.linalg.matrix_rank(folded) == 3  # three numbers for a word cannot be fewer
    return [letter for letter, text in options.items() if text.replace(",", "") == str(folded.size)]


def spreads_of_sixteen_words(options):
    signs = np.array(list(itertools.product([-1, 1], repeat=16)), np.int8)  # all outcomes: mean 0, deviation 1
    total = signs.sum(axis=1)
    spreads = [total.std(), (total / 16).std(), (total / 4).std()]
    return [letter for letter, text in options.items() if np.allclose(eval(text), spreads)]


def ratio_of_shares(options):
    W = np.eye(8)
    document = np.mean([W[:2].mean(axis=0), W[2:].mean(axis=0)], axis=0)  # (8,): the share of each word
    return [letter for letter, ratio in options.items() if np.isclose(eval(ratio), document[0] / document[-1])]


CHOICE = {
    "choose-repeated": poolings_that_a_copy_changes,
    "choose-winners": entries_that_won,
    "choose-padded": score_after_padding,
    "choose-head": heads_that_fix_the_length,
    "choose-folded": numbers_of_the_smallest_table,
    "choose-spread": spreads_of_sixteen_words,
    "choose-hierarchy": ratio_of_shares,
}

ONE_DTYPE = "The weights of a model have one dtype."
OWN_TRANSPOSE = "One vector is its own transpose."
A_NUMBER = "The rule about float32 is for arrays, and this is one number."
ZEROS_STAY = "Zeros stay zeros, whatever they are divided by."

EQUIVALENT = {
    "average-first": {
        "line 7: (np.arange(T) < leng…one]).astype(x.dtype) -> np.arange(T) < lengths[:, None]": (
            "In a product with x, True counts as 1 and False as 0, in the dtype of x."
        ),
    },
    "average-windows": {
        "line 4: 1 <= size <= T -> 1 <= size": "Without a window np.stack has nothing to stack, and raises ValueError.",
        ("line 6: if stride < 1: -> pass", "line 6: stride < 1 -> stride < 0"): (
            "range raises ValueError for a step of 0, and is empty for one below, so that np.stack raises it."
        ),
    },
    "weighted-average": {
        "line 6: np.where(total > 0, total, 1) -> np.where(total > 0, total, 2)": ZEROS_STAY,
    },
    "mend-importance": {
        "line 6: total[total == 0] = 1 -> total[total == 0] = 2": (
            "The total is 0 for padding alone: zeros stay zeros, whatever they are divided by, and the mask comes last."
        ),
    },
    "review-loss": {
        "line 3: np.isin(labels, (0, 1)) -> np.isin(labels, (1, 0))": "Two labels in another order are the same two.",
        ("line 7: W.dtype -> w.dtype", "line 10: W.dtype -> w.dtype"): ONE_DTYPE,
        ("line 9: s @ w -> s @ w.T", "line 18: dz @ s -> dz.T @ s"): OWN_TRANSPOSE,
        (
            "line 18: return (loss, dW, dz @ s, dz.sum()) -> return (loss.astype(…dW, dz @ s, dz.sum())",
            "line 18: return (loss, dW, dz @ s, dz.sum()) -> return (loss, dW, dz….sum().astype(float))",
        ): A_NUMBER,
        "line 18: return (loss, dW, dz @ s, dz.sum()) -> return ((loss, dW, d…), labels.fill(0))[0]": (
            "By then labels is the answer's own copy, made by astype."
        ),
    },
}

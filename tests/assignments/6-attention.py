"""Answers to the assignment of chapter 6: wrong ones that people give, and right ones written in other ways.

The tables and what stands in them: see 1-embedding.py.
"""

import math
import re

import numpy as np
from scipy.special import softmax

from tinyseq import attention, attentive, layers, recurrent, transformer

WRONG: dict = {}
RIGHT: dict = {}
LESSONS = {"attention", "seq2seq-attention", "transformer"}


# query-weights


def check_lengths(lengths, T, temperature=1):
    """The check of the input, right in every answer that is not about it."""
    if not temperature > 0 or np.min(lengths) < 0 or np.max(lengths) > T:
        raise ValueError("lengths")


def dots(query, keys):
    return np.einsum("bd,btd->bt", query, keys)


def real_keys(keys, lengths):
    return np.arange(keys.shape[1]) < lengths[:, None]


def over_real_keys(query, keys, lengths, temperature, real=real_keys, scale=lambda dot, t, D: dot / t):
    """The weights with parts that can be replaced: which keys are real, how the scores are scaled."""
    check_lengths(lengths, keys.shape[1], temperature)
    scores = scale(dots(query, keys), temperature, keys.shape[2])
    return attention.masked_softmax(scores, real(keys, lengths))


def temperature_left_out(*inputs):
    return over_real_keys(*inputs, scale=lambda dot, t, D: dot)


def temperature_multiplied(*inputs):
    return over_real_keys(*inputs, scale=lambda dot, t, D: dot * t)


def root_of_d_as_well(*inputs):
    return over_real_keys(*inputs, scale=lambda dot, t, D: dot / t / math.sqrt(D))


def lengths_left_out(*inputs):
    return over_real_keys(*inputs, real=lambda keys, lengths: np.ones(keys.shape[:2], bool))


def one_key_too_many(*inputs):
    return over_real_keys(*inputs, real=lambda keys, lengths: np.arange(keys.shape[1]) <= lengths[:, None])


def one_key_too_few(*inputs):
    return over_real_keys(*inputs, real=lambda keys, lengths: np.arange(keys.shape[1]) < lengths[:, None] - 1)


def padding_instead(*inputs):
    return over_real_keys(*inputs, real=lambda keys, lengths: np.arange(keys.shape[1]) >= lengths[:, None])


def masked_after_softmax(query, keys, lengths, temperature):
    return softmax(dots(query, keys) / temperature, axis=1) * real_keys(keys, lengths)


def masked_by_a_product(query, keys, lengths, temperature):
    return softmax(dots(query, keys) / temperature * real_keys(keys, lengths), axis=1)


def softmax_over_the_batch(query, keys, lengths, temperature):
    scores, real = dots(query, keys) / temperature, real_keys(keys, lengths)
    return attention.masked_softmax(scores.T, real.T).T


def scores_without_softmax(query, keys, lengths, temperature):
    return dots(query, keys) / temperature


def no_guard_for_empty_rows(query, keys, lengths, temperature):
    return softmax(np.where(real_keys(keys, lengths), dots(query, keys) / temperature, -np.inf), axis=1)


def minus_a_billion(query, keys, lengths, temperature):
    return softmax(np.where(real_keys(keys, lengths), dots(query, keys) / temperature, -1e9), axis=1)


def minus_a_billion_then_zero(query, keys, lengths, temperature):
    check_lengths(lengths, keys.shape[1], temperature)
    return minus_a_billion(query, keys, lengths, temperature) * (lengths > 0)[:, None]


def largest_of_all_scores(query, keys, lengths, temperature):
    """A huge key of the padding takes all the others to 0."""
    check_lengths(lengths, keys.shape[1], temperature)
    scores = dots(query, keys) / temperature
    weights = np.exp(scores - scores.max(axis=1, keepdims=True)) * real_keys(keys, lengths)
    return weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-30)


def large_scores_overflow(query, keys, lengths, temperature):
    check_lengths(lengths, keys.shape[1], temperature)
    weights = np.where(real_keys(keys, lengths), np.exp(dots(query, keys) / temperature), 0)
    return weights / np.where(lengths > 0, weights.sum(axis=1), 1)[:, None]


def an_epsilon_below(query, keys, lengths, temperature):
    weights = by_the_row(query, keys, lengths, temperature)
    return weights / (weights.sum(axis=1, keepdims=True) + 1e-2)


def first_row_alone(query, keys, lengths, temperature):
    return by_the_row(query, keys, lengths, temperature)[0]


def with_an_axis_for_the_query(*inputs):
    return by_the_row(*inputs)[:, None]


def scaled_in_place(query, keys, lengths, temperature):
    result = by_the_row(query, keys, lengths, temperature)
    query /= temperature
    return result


def weights_of_64_bits(*inputs):
    return by_the_row(*inputs).astype(float)


def any_temperature(query, keys, lengths, temperature):
    check_lengths(lengths, keys.shape[1])
    return attention.masked_softmax(dots(query, keys) / (temperature or 1), real_keys(keys, lengths))


def any_length(query, keys, lengths, temperature):
    if temperature <= 0:
        raise ValueError("temperature")
    return attention.masked_softmax(dots(query, keys) / temperature, real_keys(keys, lengths))


def empty_sentence_looks_at_the_first(query, keys, lengths, temperature):
    weights = by_the_row(query, keys, lengths, temperature)
    weights[lengths == 0, 0] = 1
    return weights


def cosines(query, keys, lengths, temperature):
    lengths_of_keys = np.maximum(np.sqrt((keys**2).sum(axis=2, keepdims=True)), 1e-9)
    lengths_of_queries = np.sqrt((query**2).sum(axis=1, keepdims=True))
    return over_real_keys(query / lengths_of_queries, keys / lengths_of_keys, lengths, temperature)


def by_the_row(query, keys, lengths, temperature):
    check_lengths(lengths, keys.shape[1], temperature)
    weights = np.zeros(keys.shape[:2], keys.dtype)
    for row, q, k, length in zip(weights, query, keys, lengths, strict=True):
        if length:
            row[:length] = softmax(k[:length] @ q / temperature)
    return weights


def by_the_layer(query, keys, lengths, temperature):
    check_lengths(lengths, keys.shape[1], temperature)
    mask = attention.padding_mask(real_keys(keys, lengths))
    return attention.DotProductAttention(scaled=False)(query[:, None] / temperature, keys, keys, mask)[1][:, 0]


def by_the_logarithm(query, keys, lengths, temperature):
    """exp(score - ln of the sum), where only real keys take part in the sum."""
    check_lengths(lengths, keys.shape[1], temperature)
    real = real_keys(keys, lengths)
    scores = np.where(real, (keys * query[:, None]).sum(axis=2) / temperature, -np.inf)
    total = np.array([np.logaddexp.reduce(row, initial=-np.inf) for row in scores], keys.dtype)
    return np.exp(scores - np.where(lengths > 0, total, 0)[:, None]).astype(keys.dtype)


WRONG["query-weights"] = {
    temperature_left_out: "The temperature is missing",
    temperature_multiplied: "You multiply by the temperature",
    root_of_d_as_well: "square root of D as well",
    lengths_left_out: "The padding gets weight",
    one_key_too_many: "The padding gets weight",
    one_key_too_few: "has two real keys",
    padding_instead: "The mask is the wrong way round",
    masked_after_softmax: "The mask came after the softmax",
    masked_by_a_product: "The score of the padding is 0",
    softmax_over_the_batch: "Your softmax runs over the batch",
    scores_without_softmax: "the softmax is missing",
    no_guard_for_empty_rows: "Without a real key you return NaN",
    minus_a_billion: "you spread the weight over the padding",
    minus_a_billion_then_zero: "With scores of -10¹⁰",
    largest_of_all_scores: "Wrong weights for lengths",
    large_scores_overflow: "Wrong weights for lengths [2, 3]",
    an_epsilon_below: "differ from those of the example",
    cosines: "differ from those of the example",
    first_row_alone: "must be an array of the shape",
    with_an_axis_for_the_query: "must be an array of the shape",
    scaled_in_place: "You changed what you were given",
    weights_of_64_bits: "From float32 arrays you return",
    any_temperature: "must raise ValueError",
    any_length: "must raise ValueError",
    empty_sentence_looks_at_the_first: "gets weights of 0",
}
RIGHT["query-weights"] = [over_real_keys, by_the_row, by_the_layer, by_the_logarithm]


# window-mask


def windows(lengths, T, w, near=lambda i, j, w: (i - w <= j) & (j <= i), real=lambda i, j, n: (i < n) & (j < n)):
    """The mask with parts that can be replaced: the window, and what is no padding."""
    check_window(lengths, T, w)
    i, j = np.arange(T)[:, None], np.arange(T)
    return near(i, j, w) & real(i, j, lengths[:, None, None])


def check_window(lengths, T, w):
    check_lengths(lengths, T)
    if w < 0:
        raise ValueError("w")


def no_window(*inputs):
    return windows(*inputs, near=lambda i, j, w: j <= i)


def w_tokens_in_all(*inputs):
    return windows(*inputs, near=lambda i, j, w: (i - w < j) & (j <= i))


def itself_left_out(*inputs):
    return windows(*inputs, near=lambda i, j, w: (i - w <= j) & (j < i))


def to_both_sides(*inputs):
    return windows(*inputs, near=lambda i, j, w: abs(i - j) <= w)


def rows_are_keys(*inputs):
    return windows(*inputs, near=lambda i, j, w: (j - w <= i) & (i <= j))


def upside_down(*inputs):
    return ~windows(*inputs)


def no_lengths(*inputs):
    return windows(*inputs, real=lambda i, j, n: n == n)


def keys_alone_masked(*inputs):
    return windows(*inputs, real=lambda i, j, n: (j < n) & (i < np.inf))


def last_real_token_hidden(*inputs):
    return windows(*inputs, real=lambda i, j, n: (i < n - 1) & (j < n - 1))


def padding_sees_itself(*inputs):
    return windows(*inputs, real=lambda i, j, n: ((i < n) & (j < n)) | (i == j))


def one_mask_for_all(lengths, T, w):
    return windows(lengths, T, w)[0]


def with_an_axis_for_heads(*inputs):
    return windows(*inputs)[:, None]


def mask_of_numbers(*inputs):
    return windows(*inputs).astype(int)


def mask_for_adding(*inputs):
    return np.where(windows(*inputs), 0, -np.inf)


def window_moves_from_the_end(lengths, T, w):
    """The last w columns of the sentence, whatever the query is."""
    return windows(lengths, T, w, near=lambda i, j, w: (j <= i) & (j >= T - 1 - w - (T - 1 - i) * (T <= 3)))


def window_of_one_at_least(lengths, T, w):
    check_window(lengths, T, w)
    return windows(lengths, T, max(w, 1))


def any_w(lengths, T, w):
    return windows(lengths, T, abs(w))


def any_window_lengths(lengths, T, w):
    return windows(np.clip(lengths, 0, T), T, w)


def lengths_clipped_in_place(lengths, T, w):
    result = windows(lengths, T, w)
    lengths -= 1
    return result


def pair_by_pair(lengths, T, w):
    check_window(lengths, T, w)
    mask = np.zeros((len(lengths), T, T), bool)
    for b, length in enumerate(lengths):
        for i in range(length):
            mask[b, i, max(i - w, 0) : i + 1] = True
    return mask


def by_two_triangles(lengths, T, w):
    if w < 0:
        raise ValueError(w)
    check_lengths(lengths, T)
    ones = np.ones((T, T), bool)
    real = np.arange(T) < lengths[:, None]
    return attention.causal_mask(T) & np.triu(ones, -w) & attention.padding_mask(real) & real[..., None]


def by_diagonals(lengths, T, w):
    """A diagonal for each distance that is near enough; the padding is wiped out afterwards."""
    check_window(lengths, T, w)
    near = sum(np.eye(T, k=-r, dtype=int) for r in range(min(w, T) + 1))
    mask = np.repeat(near[None] > 0, len(lengths), axis=0)
    for sentence, length in zip(mask, lengths, strict=True):
        sentence[length:] = False
    return mask


WRONG["window-mask"] = {
    no_window: "There is no window",
    w_tokens_in_all: "w = 1 makes two tokens",
    itself_left_out: "may look at itself, too",
    to_both_sides: "must not look ahead",
    rows_are_keys: "Rows are queries",
    upside_down: "the wrong way round",
    no_lengths: "The lengths do not count",
    keys_alone_masked: "is padding: its row must be False",
    last_real_token_hidden: "The mask of the first sentence differs",
    padding_sees_itself: "The mask of the second sentence differs",
    one_mask_for_all: "must be (B, T, T)",
    with_an_axis_for_heads: "must be (B, T, T)",
    mask_of_numbers: "must be an array of bool",
    mask_for_adding: "must be an array of bool",
    window_moves_from_the_end: "Wrong mask for lengths",
    window_of_one_at_least: "Wrong mask for lengths [6, 3]",
    any_w: "must raise ValueError",
    any_window_lengths: "must raise ValueError",
    lengths_clipped_in_place: "You changed the lengths",
}
RIGHT["window-mask"] = [windows, pair_by_pair, by_two_triangles, by_diagonals]


# luong-columns


def in_columns(states, memory, W, C, score=lambda s, h, W: h.T @ W.T @ s, axis=0, join=None, act=np.tanh, mix=None):
    """The decoder on columns with parts that can be replaced: score, the softmax's axis, joining, what is found."""
    weights = softmax(score(states, memory, W), axis=axis)
    context = memory @ (weights if mix is None else mix(weights))
    joined = [context, states] if join is None else join(context, states)
    return act(C @ np.concatenate(joined)), weights


def softmax_over_steps(*inputs):
    return in_columns(*inputs, axis=1)


def softmax_over_everything(*inputs):
    return in_columns(*inputs, axis=None)


def no_softmax(states, memory, W, C):
    weights = memory.T @ W.T @ states
    return np.tanh(C @ np.concatenate([memory @ weights, states])), weights


def w_transposed(states, memory, W, C):
    return in_columns(states, memory, W.T, C)


def w_left_out(*inputs):
    return in_columns(*inputs, score=lambda s, h, W: h.T @ s)


def scaled_scores(*inputs):
    return in_columns(*inputs, score=lambda s, h, W: h.T @ W.T @ s / math.sqrt(len(s)))


def steps_in_rows(*inputs):
    outputs, weights = in_columns(*inputs)
    return outputs, weights.T


def state_above(*inputs):
    return in_columns(*inputs, join=lambda context, states: [states, context])


def tanh_left_out(*inputs):
    return in_columns(*inputs, act=lambda a: a)


def context_alone(*inputs):
    _, weights = in_columns(*inputs)
    return inputs[1] @ weights, weights


def mean_of_the_memory(*inputs):
    return in_columns(*inputs, mix=lambda weights: np.full_like(weights, 1 / len(weights)))


def outputs_in_rows(*inputs):
    outputs, weights = in_columns(*inputs)
    return outputs.T, weights


def context_twice(*inputs):
    return in_columns(*inputs, join=lambda context, states: [context, context])


def weights_first(*inputs):
    return in_columns(*inputs)[::-1]


def outputs_alone(*inputs):
    return in_columns(*inputs)[0]


def additive_score(states, memory, W, C):
    return in_columns(states, memory, W, C, score=lambda s, h, W: np.tanh(h.T @ W.T @ s))


def no_largest_subtracted(states, memory, W, C):
    weights = np.exp(memory.T @ W.T @ states)
    weights /= weights.sum(axis=0)
    return np.tanh(C @ np.concatenate([memory @ weights, states])), weights


def one_largest_for_all(states, memory, W, C):
    """Stable for the step with the largest score alone: the others may become 0 / 0."""
    scores = memory.T @ W.T @ states
    weights = np.exp(scores - scores.max())
    weights /= weights.sum(axis=0)
    return np.tanh(C @ np.concatenate([memory @ weights, states])), weights


def weights_overflow_alone(*inputs):
    return in_columns(*inputs)[0], no_largest_subtracted(*inputs)[1]


def outputs_overflow_alone(*inputs):
    return no_largest_subtracted(*inputs)[0], in_columns(*inputs)[1]


def outputs_as_lists(*inputs):
    outputs, weights = in_columns(*inputs)
    return outputs.tolist(), weights


def states_in_place(states, memory, W, C):
    result = in_columns(states, memory, W, C)
    states *= 0
    return result


def in_64_bits(*inputs):
    return tuple(array.astype(float) for array in in_columns(*inputs))


def no_memory_no_context(states, memory, W, C):
    if memory.shape[1] == 0:
        context = np.zeros((len(memory), states.shape[1]))
        return np.tanh(C @ np.concatenate([context, states])), np.zeros((0, states.shape[1]))
    return in_columns(states, memory, W, C)


def checked_columns(*inputs):
    if not inputs[1].size:
        raise ValueError("memory")
    return in_columns(*inputs)


def step_by_step(states, memory, W, C):
    outputs, weights = [], []
    for s in states.T:
        scores = s @ W @ memory
        parts = np.exp(scores - np.max(scores))
        weights.append(parts / parts.sum())
        outputs.append(np.tanh(C[:, : len(memory)] @ memory @ weights[-1] + C[:, len(memory) :] @ s))
    return np.array(outputs).T, np.array(weights).T


def as_rows(states, memory, W, C):
    if memory.shape[1] < 1:
        raise ValueError(memory.shape)
    rows = memory.T[None]
    found, weights = attention.DotProductAttention(scaled=False)((states.T @ W)[None], rows, rows)
    joined = layers.Dense(C.T)(np.concatenate([found[0], states.T], axis=1))
    return [np.tanh(joined).T, weights[0].T]


def by_einsum_on_columns(states, memory, W, C):
    """Each sum by its letters; the two halves of C apart."""
    M, T = memory.shape
    if T == 0:
        raise ValueError(T)
    scores = np.einsum("hs,hm,mt->ts", states, W, memory)
    weights = np.exp(scores - np.logaddexp.reduce(scores, axis=0, keepdims=True))
    sums = np.einsum("gm,mt,ts->gs", C[:, :M], memory, weights) + np.einsum("gh,hs->gs", C[:, M:], states)
    return np.tanh(sums), weights


WRONG["luong-columns"] = {
    softmax_over_steps: "The softmax runs over the steps",
    softmax_over_everything: "One softmax for all",
    no_softmax: "the softmax is missing",
    w_transposed: "W is transposed",
    w_left_out: "W is missing",
    scaled_scores: "not scaled",
    steps_in_rows: "The weights must be (T, S)",
    state_above: "has the context above",
    tanh_left_out: "The tanh is missing",
    context_alone: "This is the context",
    mean_of_the_memory: "the mean of the memory",
    outputs_in_rows: "The outputs are transposed",
    context_twice: "The outputs differ from those of the example",
    weights_first: "The weights must be an array of the shape",
    outputs_alone: "Return two arrays",
    additive_score: "The weights differ from those of the example",
    no_largest_subtracted: "with large scores",
    one_largest_for_all: "with large scores",
    weights_overflow_alone: "Wrong weights for",
    outputs_overflow_alone: "Wrong outputs for",
    outputs_as_lists: "The outputs must be an array of the shape",
    states_in_place: "You changed what you were given",
    in_64_bits: "From float32 arrays you return",
    no_memory_no_context: "must raise ValueError",
}
RIGHT["luong-columns"] = [checked_columns, step_by_step, as_rows, by_einsum_on_columns]


# mend-attention


def through_attention(
    x,
    W_q,
    W_k,
    W_v,
    mask,
    dout,
    dvalue=lambda weights, dout: weights.swapaxes(1, 2) @ dout,
    dsoftmax=lambda weights, dw: weights * (dw - (dw * weights).sum(axis=2, keepdims=True)),
    of_query=None,
    of_key=None,
    ways="qkv",
    score_scale=None,
):
    """The listing with its mistakes mended, and parts that can be replaced."""
    q, k, v = x @ W_q, x @ W_k, x @ W_v
    scale = W_q.shape[1] ** -0.5
    scores = np.where(mask, q @ k.swapaxes(1, 2) * (scale if score_scale is None else score_scale), -np.inf)
    weights = np.exp(scores - scores.max(axis=2, keepdims=True))
    weights /= weights.sum(axis=2, keepdims=True)
    outputs = weights @ v
    dv = dvalue(weights, dout)
    dscores = dsoftmax(weights, dout @ v.swapaxes(1, 2))
    dq = dscores @ k * (scale if of_query is None else of_query)
    dk = dscores.swapaxes(1, 2) @ q * (scale if of_key is None else of_key)
    each = {"q": (dq, W_q), "k": (dk, W_k), "v": (dv, W_v)}
    dx = sum(each[way][0] @ each[way][1].T for way in ways)
    dW_q, dW_k, dW_v = (np.einsum("btd,bte->de", x, dprojected) for dprojected in (dq, dk, dv))
    return outputs, dx, dW_q, dW_k, dW_v


def values_not_mended(*inputs):
    return through_attention(*inputs, dvalue=lambda weights, dout: weights @ dout)


def softmax_not_mended(*inputs):
    return through_attention(*inputs, dsoftmax=lambda w, dw: w * (dw - (dw * w).sum(axis=1, keepdims=True)))


def scale_not_mended(*inputs):
    return through_attention(*inputs, of_key=1)


def softmax_without_its_sum(*inputs):
    return through_attention(*inputs, dsoftmax=lambda w, dw: w * dw)


def softmax_as_a_sigmoid(*inputs):
    return through_attention(*inputs, dsoftmax=lambda w, dw: w * (1 - w) * dw)


def softmax_summed_over_all(*inputs):
    return through_attention(*inputs, dsoftmax=lambda w, dw: w * (dw - (dw * w).sum(axis=(1, 2), keepdims=True)))


def softmax_left_out(*inputs):
    return through_attention(*inputs, dsoftmax=lambda w, dw: dw)


def mean_of_the_softmax(*inputs):
    return through_attention(*inputs, dsoftmax=lambda w, dw: w * (dw - (dw * w).mean(axis=2, keepdims=True)))


def values_without_weights(*inputs):
    return through_attention(*inputs, dvalue=lambda weights, dout: dout)


def scale_moved_to_the_key(x, W_q, *inputs):
    return through_attention(x, W_q, *inputs, of_query=1)


def scale_twice(x, W_q, *inputs):
    return through_attention(x, W_q, *inputs, of_key=1 / W_q.shape[1])


def no_scale_at_all(*inputs):
    return through_attention(*inputs, score_scale=1, of_query=1, of_key=1)


def input_as_query_alone(*inputs):
    return through_attention(*inputs, ways="q")


def input_not_as_value(*inputs):
    return through_attention(*inputs, ways="qk")


def input_as_value_alone(*inputs):
    return through_attention(*inputs, ways="v")


def keys_learn_nothing(*inputs):
    return through_attention(*inputs, of_key=0)


def scale_twice_on_the_way_to_x(x, W_q, *inputs):
    outputs, _, *grads = through_attention(x, W_q, *inputs)
    return outputs, scale_twice(x, W_q, *inputs)[1], *grads


def masked_gradient_of_the_values(x, W_q, W_k, W_v, mask, dout):
    causal = np.tril(np.ones(mask.shape, bool))
    return through_attention(
        x, W_q, W_k, W_v, mask, dout, lambda w, dout: np.where(mask.all(), w, w * causal.swapaxes(1, 2)) @ dout
    )


def values_of_the_whole_batch(*inputs):
    return through_attention(*inputs, dvalue=lambda w, dout: w.swapaxes(1, 2).mean(axis=0) @ dout)


def bare_exponential(x, W_q, W_k, W_v, mask, dout):
    _, *grads = through_attention(x, W_q, W_k, W_v, mask, dout)
    scores = x @ W_q @ (x @ W_k).swapaxes(1, 2) * W_q.shape[1] ** -0.5
    parts = np.where(mask, np.exp(scores), 0)
    return parts / parts.sum(axis=2, keepdims=True) @ (x @ W_v), *grads


def scale_from_numpy(x, W_q, *inputs):
    return through_attention(x, W_q, *inputs, score_scale=1 / np.sqrt(np.float64(W_q.shape[1])))


def gradient_in_place(x, *inputs):
    result = through_attention(x, *inputs)
    x[...] = result[1]
    return result


def four_arrays(*inputs):
    return through_attention(*inputs)[1:]


def by_the_course(x, W_q, W_k, W_v, mask, dout):
    layer, projections = attention.DotProductAttention(), [layers.Dense(W) for W in (W_q, W_k, W_v)]
    outputs, weights = layer(*(dense.forward(x) for dense in projections), mask)
    layer.forward(*(dense.forward(x) for dense in projections), mask)
    grads = layer.backward(dout, np.zeros_like(weights))
    dx = sum(dense.backward(grad) for dense, grad in zip(projections, grads, strict=True))
    return [outputs, dx, *(dense.grads["W"] for dense in projections)]


def query_by_query(x, W_q, W_k, W_v, mask, dout):
    """The whole matrix of the softmax's derivative for each query."""
    q, k, v = x @ W_q, x @ W_k, x @ W_v
    dq, dk, dv, outputs = np.zeros_like(q), np.zeros_like(k), np.zeros_like(v), np.zeros_like(v)
    root = math.sqrt(W_q.shape[1])
    for b, i in np.ndindex(x.shape[:2]):
        scores = k[b] @ q[b, i] / root
        parts = np.where(mask[b, i], np.exp(scores - scores[mask[b, i]].max(), where=mask[b, i], out=scores * 0), 0)
        w = parts / parts.sum()
        outputs[b, i] = w @ v[b]
        dv[b] += np.outer(w, dout[b, i])
        dscores = (np.diag(w) - np.outer(w, w)) @ (v[b] @ dout[b, i]) / root
        dq[b, i] = dscores @ k[b]
        dk[b] += np.outer(dscores, q[b, i])
    rows = x.reshape(-1, x.shape[2])
    dx = dv @ W_v.T + dk @ W_k.T + dq @ W_q.T
    return outputs, dx, *(rows.T @ each.reshape(len(rows), -1) for each in (dq, dk, dv))


def with_all_derivatives(x, W_q, W_k, W_v, mask, dout):
    """The derivative of each weight with respect to each score of its row, (B, T, T, T), and the sums by letters."""
    T, root = x.shape[1], math.sqrt(W_q.shape[1])
    q, k, v = x @ W_q, x @ W_k, x @ W_v
    weights = softmax(np.where(mask, np.einsum("bid,bjd->bij", q, k) / root, -np.inf), axis=2)
    derivatives = (
        np.einsum("bij,jm->bijm", weights, np.eye(T, dtype=x.dtype)) - weights[..., None] * weights[:, :, None]
    )
    dscores = np.einsum("big,bjg,bijm->bim", dout, v, derivatives) / root
    dq, dk = np.einsum("bim,bmd->bid", dscores, k), np.einsum("bim,bid->bmd", dscores, q)
    dv = np.einsum("bij,big->bjg", weights, dout)
    dx = np.concatenate([dq, dk, dv], axis=2) @ np.concatenate([W_q, W_k, W_v], axis=1).T
    return [weights @ v, dx, *(np.einsum("btd,bte->de", x, each) for each in (dq, dk, dv))]


WRONG["mend-attention"] = {
    values_not_mended: "Each value is used by all queries",
    softmax_not_mended: "The softmax shares the 1",
    scale_not_mended: "With d = 1 dW_k is right",
    softmax_without_its_sum: "With a single token the listing was right",
    softmax_as_a_sigmoid: "The softmax shares the 1",
    softmax_summed_over_all: "The softmax shares the 1",
    softmax_left_out: "With a single token the listing was right",
    mean_of_the_softmax: "The softmax shares the 1",
    values_without_weights: "Each value is used by all queries",
    scale_moved_to_the_key: "With d = 1 dW_q is right",
    scale_twice: "With d = 1 dW_k is right",
    no_scale_at_all: "The outputs were right in the listing",
    input_as_query_alone: "With a single token the listing was right",
    input_not_as_value: "With a single token the listing was right",
    input_as_value_alone: "x takes part as query, as key and as value",
    keys_learn_nothing: "A key gathers from all queries",
    scale_twice_on_the_way_to_x: "With d = 1 all is right",
    masked_gradient_of_the_values: "Each value is used by all queries",
    values_of_the_whole_batch: "Wrong for B = 2",
    bare_exponential: "Large scores give NaN",
    scale_from_numpy: "From float32 arrays you return",
    gradient_in_place: "You changed what you were given",
    four_arrays: "Return five arrays",
}
RIGHT["mend-attention"] = [through_attention, by_the_course, query_by_query, with_all_derivatives]
GIVEN = {"mend-attention": "Each value is used by all queries"}


# relative-bias


def check_odd(bias):
    if len(bias) % 2 == 0:
        raise ValueError("bias")


def clipped(T, R):
    return np.clip(np.arange(T) - np.arange(T)[:, None], -R, R) + R


def add_all(places, shares, size):
    total = np.zeros(size, shares.dtype)
    np.add.at(total, places, shares)
    return total


def by_distance(
    scores,
    bias,
    dweights,
    places=clipped,
    table=lambda bias, places: bias[places],
    weigh=lambda scores: attention.masked_softmax(scores, scores > -np.inf),
    dsoftmax=lambda w, dw: w * (dw - (dw * w).sum(axis=2, keepdims=True)),
    gather=lambda places, dscores, size: add_all(places, dscores.sum(axis=0), size),
):
    """The weights and dbias with parts that can be replaced."""
    check_odd(bias)
    where = places(scores.shape[1], len(bias) // 2)
    weights = weigh(scores + table(bias, where))
    return weights, gather(where, dsoftmax(weights, dweights), len(bias))


def bias_left_out(*inputs):
    return by_distance(*inputs, table=lambda bias, places: 0 * bias[places])


def from_key_to_query(*inputs):
    return by_distance(*inputs, places=lambda T, R: clipped(T, R).T)


def softmax_over_queries(scores, bias, dweights):
    def turned(scores):
        scores = scores.swapaxes(1, 2)
        return attention.masked_softmax(scores, scores > -np.inf).swapaxes(1, 2)

    return by_distance(scores, bias, dweights, weigh=turned)


def biased_scores_alone(*inputs):
    return by_distance(*inputs, weigh=lambda scores: scores)


def places_from_zero(*inputs):
    return by_distance(*inputs, places=lambda T, R: clipped(T, R) - R)


def not_clipped(*inputs):
    return by_distance(*inputs, places=lambda T, R: (clipped(T, T) - T + R) % (2 * R + 1))


def nothing_beyond_r(scores, bias, dweights):
    T, R = scores.shape[1], len(bias) // 2
    near = abs(clipped(T, T) - T) <= R
    return by_distance(scores, bias, dweights, table=lambda bias, places: bias[places] * near)


def hidden_beyond_r(scores, bias, dweights):
    T, R = scores.shape[1], len(bias) // 2
    near = abs(clipped(T, T) - T) <= R
    return by_distance(scores, bias, dweights, table=lambda bias, places: np.where(near, bias[places], -np.inf))


def scaled_by_the_root_of_t(*inputs):
    return by_distance(*inputs, table=lambda bias, places: bias[places] / math.sqrt(len(places)))


def weights_of_one_sentence(*inputs):
    weights, dbias = by_distance(*inputs)
    return weights[0], dbias


def no_way_through_the_softmax(*inputs):
    return by_distance(*inputs, dsoftmax=lambda w, dw: dw)


def sum_of_the_softmax_left_out(*inputs):
    return by_distance(*inputs, dsoftmax=lambda w, dw: w * dw)


def sum_over_the_queries(*inputs):
    return by_distance(*inputs, dsoftmax=lambda w, dw: w * (dw - (dw * w).sum(axis=1, keepdims=True)))


def last_share_kept(*inputs):
    def assign(places, dscores, size):
        total = np.zeros(size, dscores.dtype)
        total[places] += dscores.sum(axis=0)
        return total

    return by_distance(*inputs, gather=assign)


def mean_of_the_shares(*inputs):
    def mean(places, dscores, size):
        count = np.maximum(np.bincount(places.ravel(), minlength=size), 1)
        return add_all(places, dscores.sum(axis=0), size) / count

    return by_distance(*inputs, gather=mean)


def dbias_backwards(*inputs):
    weights, dbias = by_distance(*inputs)
    return weights, dbias[::-1]


def mean_over_the_batch(*inputs):
    return by_distance(*inputs, gather=lambda where, dscores, size: add_all(where, dscores.mean(axis=0), size))


def first_sentence_alone(*inputs):
    return by_distance(*inputs, gather=lambda where, dscores, size: add_all(where, dscores[0], size))


def shares_within_r_alone(scores, bias, dweights):
    T, R = scores.shape[1], len(bias) // 2
    near = abs(clipped(T, T) - T) <= R
    return by_distance(
        scores, bias, dweights, gather=lambda where, ds, size: add_all(where, ds.sum(axis=0) * near, size)
    )


def one_number_for_ahead(*inputs):
    """Right for R = 1: everything ahead counts as 1."""
    return by_distance(*inputs, places=lambda T, R: np.minimum(clipped(T, R), R + 1) if R else clipped(T, R))


def masked_rows_become_nan(*inputs):
    return by_distance(*inputs, weigh=lambda scores: softmax(scores, axis=2))


def masked_rows_become_uniform(*inputs):
    return by_distance(*inputs, weigh=lambda scores: softmax(np.maximum(scores, -1e9), axis=2))


def exponentials_of_large_scores(*inputs):
    def weigh(scores):
        weights = np.exp(scores)
        return weights / np.maximum(weights.sum(axis=2, keepdims=True), 1e-300)

    return by_distance(*inputs, weigh=weigh)


def added_in_place(scores, bias, dweights):
    result = by_distance(scores, bias, dweights)
    scores += bias[clipped(scores.shape[1], len(bias) // 2)]
    return result


def bincount_of_64_bits(*inputs):
    def count(places, dscores, size):
        return np.bincount(places.ravel(), dscores.sum(axis=0).ravel(), minlength=size)

    return by_distance(*inputs, gather=count)


def any_length_of_bias(scores, bias, dweights):
    check = len(bias) % 2 == 0
    return by_distance(scores, bias[: len(bias) - check], dweights)


def biased_weights_alone(*inputs):
    return by_distance(*inputs)[0]


def gradient_of_the_table(*inputs):
    return by_distance(*inputs, gather=lambda where, dscores, size: dscores.sum(axis=0))


def one_hot_product(scores, bias, dweights):
    if len(bias) & 1 == 0:
        raise ValueError(len(bias))
    T, R = scores.shape[1], (len(bias) - 1) // 2
    distances = np.subtract.outer(np.arange(T), np.arange(T)).T
    chosen = (np.clip(distances, -R, R)[..., None] == np.arange(-R, R + 1)).astype(bias.dtype)  # (T, T, 2 R + 1)
    biased = scores + chosen @ bias
    weights = attention.masked_softmax(biased, np.isfinite(biased))
    dscores = weights * (dweights - np.einsum("bij,bij->bi", weights, dweights)[:, :, None])
    return [weights, np.einsum("bij,ijr->r", dscores, chosen)]


def row_by_row_with_matrices(scores, bias, dweights):
    check_odd(bias)
    R = len(bias) // 2
    weights, dbias = np.zeros_like(scores), np.zeros_like(bias)
    for b, i in np.ndindex(scores.shape[:2]):
        places = np.array([min(max(j - i, -R), R) + R for j in range(scores.shape[2])])
        seen = np.isfinite(scores[b, i])
        if seen.any():
            w = softmax(scores[b, i, seen] + bias[places[seen]])
            weights[b, i, seen] = w
            for place, share in zip(places[seen], (np.diag(w) - np.outer(w, w)) @ dweights[b, i, seen], strict=True):
                dbias[place] += share
    return weights, dbias


def along_the_diagonals(scores, bias, dweights):
    """A distance is a diagonal: those below -R and above R share a number."""
    check_odd(bias)
    T, R = scores.shape[1], len(bias) // 2
    biased = scores.copy()
    for r in range(1 - T, T):
        rows = np.arange(max(-r, 0), min(T - r, T))
        biased[:, rows, rows + r] += bias[R + max(-R, min(r, R))]
    weights = np.zeros_like(biased)
    seen = (biased > -np.inf).any(axis=2)
    weights[seen] = softmax(biased[seen], axis=1)
    dscores = dweights * weights
    dscores -= weights * dscores.sum(axis=2, keepdims=True)
    dbias = np.zeros_like(bias)
    for r in range(1 - T, T):
        dbias[R + max(-R, min(r, R))] += np.trace(dscores, r, 1, 2).sum()
    return weights, dbias


WRONG["relative-bias"] = {
    bias_left_out: "The bias does not count",
    from_key_to_query: "yours is i - j",
    softmax_over_queries: "The softmax runs over the queries",
    biased_scores_alone: "the softmax is missing",
    places_from_zero: "+ R is missing",
    not_clipped: "wraps around",
    nothing_beyond_r: "gets no bias",
    hidden_beyond_r: "With T = 3 and R = 1",
    scaled_by_the_root_of_t: "The weights differ from those of the example",
    weights_of_one_sentence: "The weights must be an array of the shape",
    no_way_through_the_softmax: "lacks the way back through the softmax",
    sum_of_the_softmax_left_out: "derivative lacks its sum",
    sum_over_the_queries: "dbias differs from that of the example",
    last_share_kept: "one share of each entry only",
    mean_of_the_shares: "dbias is a mean over the places",
    dbias_backwards: "in the wrong order",
    mean_over_the_batch: "dbias differs from the numerical gradient for B = 2",
    first_sentence_alone: "dbias differs from the numerical gradient for B = 2",
    shares_within_r_alone: "dbias differs from the numerical gradient",
    one_number_for_ahead: "Wrong weights for B = 2, T = 3, R = 2",
    masked_rows_become_nan: "a query that may look at nothing",
    masked_rows_become_uniform: "a query that may look at nothing",
    exponentials_of_large_scores: "with large scores",
    added_in_place: "You changed what you were given",
    bincount_of_64_bits: "From float32 arrays you return",
    any_length_of_bias: "must raise ValueError",
    biased_weights_alone: "Return two arrays",
    gradient_of_the_table: "dbias must be an array of the shape",
}
RIGHT["relative-bias"] = [by_distance, one_hot_product, row_by_row_with_matrices, along_the_diagonals]


# grouped-heads


def check_heads(query, key, value, N, M):
    d = query.shape[2] / N
    if N % M or d % 1 or not key.shape[2] == value.shape[2] == M * d:
        raise ValueError("heads")


def split(array, N):
    return array.reshape(*array.shape[:2], N, -1).swapaxes(1, 2)  # (B, N, T, d)


def merge(array):
    return array.swapaxes(1, 2).reshape(len(array), array.shape[2], -1)


def masked_weights(scores, mask):
    return attention.masked_softmax(scores, mask[:, None, None])


def in_groups(
    query,
    key,
    value,
    N,
    M,
    mask,
    cut=split,
    spread=lambda array, times: np.repeat(array, times, axis=1),
    glue=merge,
    weigh=masked_weights,
    scale=lambda N, d: d**-0.5,
):
    """The grouped heads with parts that can be replaced: how heads are cut, spread over a group and glued."""
    check_heads(query, key, value, N, M)
    q, k, v = cut(query, N), spread(cut(key, M), N // M), spread(cut(value, M), N // M)
    weights = weigh(q @ k.swapaxes(2, 3) * scale(N, q.shape[3]), mask)
    return glue(weights @ v), weights


def groups_in_turn(*inputs):
    return in_groups(*inputs, spread=lambda array, times: np.tile(array, (1, times, 1, 1)))


def groups_backwards(*inputs):
    return in_groups(*inputs, spread=lambda array, times: np.repeat(array[:, ::-1], times, axis=1))


def first_group_for_all(*inputs):
    return in_groups(*inputs, spread=lambda array, times: np.repeat(array[:, :1], times * array.shape[1], axis=1))


def scale_of_the_whole_vector(*inputs):
    return in_groups(*inputs, scale=lambda N, d: (N * d) ** -0.5)


def no_scale(*inputs):
    return in_groups(*inputs, scale=lambda N, d: 1)


def divided_by_d(*inputs):
    return in_groups(*inputs, scale=lambda N, d: 1 / d)


def cut_by_reshape_alone(*inputs):
    return in_groups(*inputs, cut=lambda array, N: array.reshape(len(array), N, array.shape[1], -1))


def heads_interleaved(*inputs):
    return in_groups(
        *inputs,
        cut=lambda array, N: array.reshape(*array.shape[:2], -1, N).transpose(0, 3, 1, 2),
        glue=lambda array: array.transpose(0, 2, 3, 1).reshape(len(array), array.shape[2], -1),
    )


def glued_by_reshape_alone(*inputs):
    return in_groups(*inputs, glue=lambda array: array.reshape(len(array), array.shape[2], -1))


def glued_column_by_column(*inputs):
    return in_groups(*inputs, glue=lambda array: array.transpose(0, 2, 3, 1).reshape(len(array), array.shape[2], -1))


def softmax_over_the_queries(*inputs):
    return in_groups(*inputs, weigh=lambda scores, mask: softmax(scores, axis=2) * mask[:, None, None])


def softmax_over_the_heads(*inputs):
    return in_groups(*inputs, weigh=lambda scores, mask: softmax(scores, axis=1) * mask[:, None, None])


def mask_upside_down(*inputs):
    return in_groups(*inputs, weigh=lambda scores, mask: masked_weights(scores, ~mask if not mask.all() else mask))


def mask_left_out(*inputs):
    return in_groups(*inputs, weigh=lambda scores, mask: softmax(scores, axis=3))


def mask_after_the_softmax(*inputs):
    return in_groups(*inputs, weigh=lambda scores, mask: softmax(scores, axis=3) * mask[:, None, None])


def empty_sentences_become_nan(*inputs):
    return in_groups(
        *inputs, weigh=lambda scores, mask: softmax(np.where(mask[:, None, None], scores, -np.inf), axis=3)
    )


def empty_sentences_become_means(*inputs):
    return in_groups(*inputs, weigh=lambda scores, mask: softmax(np.where(mask[:, None, None], scores, -1e9), axis=3))


def overflowing(*inputs):
    def weigh(scores, mask):
        parts = np.exp(scores) * mask[:, None, None]
        return parts / np.maximum(parts.sum(axis=3, keepdims=True), 1e-300)

    return in_groups(*inputs, weigh=weigh)


def weights_of_the_last_sentence(*inputs):
    """The mask of the first sentence for all."""
    return in_groups(*inputs, weigh=lambda scores, mask: masked_weights(scores, mask[:1]))


def values_in_turn(query, key, value, N, M, mask):
    _, weights = in_groups(query, key, value, N, M, mask)
    return merge(weights @ np.tile(split(value, M), (1, N // M, 1, 1))), weights


def queries_cut_by_reshape_alone(query, key, value, N, M, mask):
    mixed = query.reshape(len(query), N, query.shape[1], -1)
    return in_groups(merge(mixed), key, value, N, M, mask)


def means_where_nothing_is_seen(query, key, value, N, M, mask):
    outputs, weights = in_groups(query, key, value, N, M, mask)
    return np.where(mask.any(axis=1)[:, None, None], outputs, value.mean()), weights


def grouped_outputs_alone(*inputs):
    return in_groups(*inputs)[0]


def heads_left_apart(*inputs):
    return in_groups(*inputs, glue=lambda array: array)


def mean_of_the_heads(*inputs):
    outputs, weights = in_groups(*inputs)
    return outputs, weights.mean(axis=1)


def root_from_numpy(*inputs):
    return in_groups(*inputs, scale=lambda N, d: 1 / np.sqrt(d))


def query_scaled_in_place(query, *inputs):
    result = in_groups(query, *inputs)
    query *= 0.5
    return result


def any_number_of_heads(query, key, value, N, M, mask):
    d = query.shape[2] // N
    query, key, value = query[..., : N * d], key[..., : M * d], value[..., : M * d]
    q, k, v = split(query, N), split(key, M), split(value, M)
    which = np.arange(N) * M // N
    weights = masked_weights(q @ k[:, which].swapaxes(2, 3) * d**-0.5, mask)
    return merge(weights @ v[:, which]), weights


def head_by_head(query, key, value, N, M, mask):
    if N % M or query.shape[2] % N:
        raise ValueError((N, M))
    d, layer = query.shape[2] // N, attention.DotProductAttention()
    if (key.shape[2], value.shape[2]) != (M * d, M * d):
        raise ValueError(key.shape)
    found = []
    for n in range(N):
        m = n // (N // M)
        own, shared = slice(n * d, (n + 1) * d), slice(m * d, (m + 1) * d)
        found.append(layer(query[..., own], key[..., shared], value[..., shared], attention.padding_mask(mask)))
    outputs, weights = zip(*found, strict=True)
    return np.concatenate(outputs, axis=2), np.stack(weights, axis=1)


def by_einsum(query, key, value, N, M, mask):
    check_heads(query, key, value, N, M)
    (B, S, width), T = query.shape, key.shape[1]
    d = width // N
    q, k, v = query.reshape(B, S, M, N // M, d), key.reshape(B, T, M, d), value.reshape(B, T, M, d)
    scores = np.einsum("bsmnd,btmd->bmnst", q, k) / math.sqrt(d)
    weights = attention.masked_softmax(scores, mask[:, None, None, None])
    return [np.einsum("bmnst,btmd->bsmnd", weights, v).reshape(B, S, -1), weights.reshape(B, N, S, T)]


WRONG["grouped-heads"] = {
    groups_in_turn: "Head 1 uses the keys of group 1",
    groups_backwards: "Head 1 uses the keys of group 1",
    first_group_for_all: "Head 2 uses the keys of group 0",
    scale_of_the_whole_vector: "The scale is that of the whole vector",
    no_scale: "The scale is missing",
    divided_by_d: "With N = 2, M = 1 and d = 4 the weights are wrong",
    cut_by_reshape_alone: "Splitting mixes tokens and heads",
    heads_interleaved: "A head is d neighbouring columns",
    glued_by_reshape_alone: "Merging mixes tokens and heads",
    glued_column_by_column: "With N = 2, M = 1 and d = 4 the outputs are wrong",
    softmax_over_the_queries: "The softmax runs over another axis",
    softmax_over_the_heads: "The weights differ from those of the example",
    mask_upside_down: "The mask is the wrong way round",
    mask_left_out: "With token 0 masked",
    mask_after_the_softmax: "With token 0 masked",
    empty_sentences_become_nan: "There is NaN",
    empty_sentences_become_means: "whose sentence is empty",
    overflowing: "There is NaN",
    weights_of_the_last_sentence: "Wrong weights for B = 2",
    values_in_turn: "The outputs differ from those of the example",
    queries_cut_by_reshape_alone: "Splitting mixes tokens and heads",
    means_where_nothing_is_seen: "Wrong outputs for B = 2",
    grouped_outputs_alone: "Return two arrays",
    heads_left_apart: "The outputs must be an array of the shape",
    mean_of_the_heads: "The weights must be an array of the shape",
    root_from_numpy: "From float32 arrays you return",
    query_scaled_in_place: "You changed what you were given",
    any_number_of_heads: "must raise ValueError",
}
RIGHT["grouped-heads"] = [in_groups, head_by_head, by_einsum]


# cached-step


def check_cache(keys, values, w):
    if keys.shape[1] != values.shape[1] or keys.shape[1] > w:
        raise ValueError("cache")


def behind(cache, new):
    return np.concatenate([cache, new[:, None]], axis=1)


def last(cache, w):
    return cache[:, max(cache.shape[1] - w, 0) :]


def with_cache(
    x,
    keys,
    values,
    W_q,
    W_k,
    W_v,
    w,
    add=behind,
    cut=last,
    scale=lambda d: d**-0.5,
    weigh=lambda scores: softmax(scores, axis=1),
    cut_before=lambda cache, w: cache,
    new_key=lambda x, W_q, W_k: x @ W_k,
):
    """The step with parts that can be replaced: how the cache grows, when and how it is cut, the scale."""
    check_cache(keys, values, w)
    keys, values = add(keys, new_key(x, W_q, W_k)), add(values, x @ W_v)
    keys, values = cut_before(keys, w), cut_before(values, w)
    weights = weigh((keys @ (x @ W_q)[:, :, None])[:, :, 0] * scale(W_q.shape[1]))
    return (weights[:, None] @ values)[:, 0], cut(keys, w), cut(values, w)


def looks_before_adding(x, keys, values, W_q, W_k, W_v, w):
    check_cache(keys, values, w)
    output = np.zeros((len(x), W_v.shape[1]), x.dtype)
    if keys.shape[1]:
        weights = softmax((keys @ (x @ W_q)[:, :, None])[:, :, 0] * W_q.shape[1] ** -0.5, axis=1)
        output = (weights[:, None] @ values)[:, 0]
    return output, last(behind(keys, x @ W_k), w), last(behind(values, x @ W_v), w)


def first_token_alone_sees_itself(x, keys, values, *inputs):
    step = looks_before_adding if keys.shape[1] else with_cache
    return step(x, keys, values, *inputs)


def cut_before_looking(*inputs):
    return with_cache(*inputs, cut_before=lambda cache, w: last(cache, max(w, 1)))


def never_cut(x, keys, values, W_q, W_k, W_v, w):
    return with_cache(x, keys, values, W_q, W_k, W_v, w, cut=lambda cache, w: cache)


def newest_cut_off(*inputs):
    return with_cache(*inputs, cut=lambda cache, w: cache[:, :w])


def minus_zero(*inputs):
    return with_cache(*inputs, cut=lambda cache, w: cache[:, -w:])


def cut_to_w_plus_one(*inputs):
    return with_cache(*inputs, cut=lambda cache, w: last(cache, w + 1))


def new_token_in_front(*inputs):
    return with_cache(*inputs, add=lambda cache, new: np.concatenate([new[:, None], cache], axis=1))


def newest_first(*inputs):
    return with_cache(
        *inputs,
        add=lambda cache, new: np.concatenate([new[:, None], cache], axis=1),
        cut=lambda cache, w: cache[:, :w],
    )


def scale_forgotten(*inputs):
    return with_cache(*inputs, scale=lambda d: 1)


def divided_by_the_size(*inputs):
    return with_cache(*inputs, scale=lambda d: 1 / d)


def mean_of_the_values(*inputs):
    return with_cache(*inputs, weigh=lambda scores: np.full_like(scores, 1 / scores.shape[1]))


def query_kept_as_key(*inputs):
    return with_cache(*inputs, new_key=lambda x, W_q, W_k: x @ W_q)


def softmax_over_sentences(*inputs):
    return with_cache(*inputs, weigh=lambda scores: softmax(scores, axis=0))


def exponential_alone(*inputs):
    def weigh(scores):
        parts = np.exp(scores)
        return parts / parts.sum(axis=1, keepdims=True)

    return with_cache(*inputs, weigh=weigh)


def cache_returned_empty(x, keys, values, *inputs):
    return with_cache(x, keys, values, *inputs)[0], keys, values


def output_with_an_axis_of_time(*inputs):
    output, keys, values = with_cache(*inputs)
    return output[:, None], keys, values


def output_alone(*inputs):
    return with_cache(*inputs)[0]


def caches_exchanged(*inputs):
    output, keys, values = with_cache(*inputs)
    return output, values, keys


def oldest_overwritten(x, keys, values, W_q, W_k, W_v, w):
    """The cache as a ring, written in place."""
    output, new_keys, new_values = with_cache(x, keys, values, W_q, W_k, W_v, w)
    if w and keys.shape[1] == w:
        keys[...], values[...] = new_keys, new_values
        return output, keys, values
    return output, new_keys, new_values


def scale_from_a_numpy_root(*inputs):
    return with_cache(*inputs, scale=lambda d: 1 / np.sqrt(d))


def caches_of_any_length(x, keys, values, W_q, W_k, W_v, w):
    T = min(keys.shape[1], values.shape[1], w)
    return with_cache(x, last(keys, T), last(values, T), W_q, W_k, W_v, w)


def more_than_w_tokens(x, keys, values, W_q, W_k, W_v, w):
    return with_cache(x, last(keys, w), last(values, w), W_q, W_k, W_v, w)


def keys_cut_values_not(x, keys, values, W_q, W_k, W_v, w):
    """Right until the window is full."""
    output, new_keys, _ = with_cache(x, keys, values, W_q, W_k, W_v, w)
    return output, new_keys, behind(values, x @ W_v)[:, :w] if w > 1 else last(behind(values, x @ W_v), w)


def own_value_alone_at_large_scores(*inputs):
    return with_cache(*inputs, weigh=lambda scores: softmax(np.clip(scores, -5, 5), axis=1))


def x_kept_as_value(x, keys, values, W_q, W_k, W_v, w):
    G = W_v.shape[1]
    return with_cache(x, keys, values, W_q, W_k, np.eye(len(W_v), G), w)


def oldest_values_kept(x, keys, values, W_q, W_k, W_v, w):
    output, new_keys, _ = with_cache(x, keys, values, W_q, W_k, W_v, w)
    return output, new_keys, behind(values, x @ W_v)[:, :w]


def cut_one_too_early(*inputs):
    return with_cache(*inputs, cut=lambda cache, w: last(cache, max(w - 1, 1)))


def sentence_by_sentence(x, keys, values, W_q, W_k, W_v, w):
    if keys.shape[1] > w or keys.shape[1] != values.shape[1]:
        raise ValueError(keys.shape)
    outputs, new_keys, new_values = [], [], []
    for vector, ks, vs in zip(x, keys, values, strict=True):
        ks, vs = np.vstack([ks, vector @ W_k]), np.vstack([vs, vector @ W_v])
        scores = ks @ (W_q.T @ vector) / math.sqrt(ks.shape[1])
        parts = np.exp(scores - scores.max())
        outputs.append(parts @ vs / parts.sum())
        new_keys.append(ks[-w:] if w else ks[:0])
        new_values.append(vs[len(vs) - min(len(vs), w) :])
    return np.array(outputs), np.array(new_keys), np.array(new_values)


def by_a_layer(x, keys, values, W_q, W_k, W_v, w):
    check_cache(keys, values, w)
    keys, values = behind(keys, x @ W_k), behind(values, x @ W_v)
    output, _ = attention.DotProductAttention()((x @ W_q)[:, None], keys, values)
    full = keys.shape[1] > w
    return [output[:, 0], keys[:, int(full) :].copy(), values[:, int(full) :].copy()]


def old_and_new_apart(x, keys, values, W_q, W_k, W_v, w):
    """The new token is weighed against the sum of the old ones, and the cache is written afterwards."""
    check_cache(keys, values, w)
    query, key, value = x @ W_q, x @ W_k, x @ W_v
    root = math.sqrt(W_q.shape[1])
    own, old = (query * key).sum(axis=1) / root, np.einsum("btd,bd->bt", keys, query) / root
    largest = np.max(old, axis=1, initial=-np.inf)
    largest = np.maximum(largest, own)
    own, old = np.exp(own - largest), np.exp(old - largest[:, None])
    total = own + old.sum(axis=1)
    output = (own[:, None] * value + np.einsum("bt,btg->bg", old, values)) / total[:, None]
    first = 1 if keys.shape[1] == w else 0
    caches = []
    for cache, new in ((keys, key), (values, value)):
        kept = np.zeros((len(x), min(cache.shape[1] + 1, w), cache.shape[2]), cache.dtype)
        if w:
            kept[:, :-1], kept[:, -1] = cache[:, first:], new
        caches.append(kept)
    return output, *caches


WRONG["cached-step"] = {
    looks_before_adding: "The first token sees nothing",
    first_token_alone_sees_itself: "The second token does not see itself",
    cut_before_looking: "The second token sees itself alone",
    never_cut: "The cache holds 2 tokens with w = 1",
    newest_cut_off: "You cut the newest token off",
    minus_zero: "Wrong keys after token 0, counted from 0, for B = 3",
    cut_to_w_plus_one: "The cache holds 2 tokens with w = 1",
    new_token_in_front: "You cut the newest token off",
    newest_first: "oldest first",
    scale_forgotten: "The scale is missing",
    divided_by_the_size: "d = 4 and w = 3 the output is wrong",
    mean_of_the_values: "the mean of the values",
    query_kept_as_key: "The new key is x · W_k",
    softmax_over_sentences: "The second output differs",
    exponential_alone: "with large scores",
    own_value_alone_at_large_scores: "Wrong output of token",
    cache_returned_empty: "The cache stays empty",
    output_with_an_axis_of_time: "The output must be an array of the shape",
    output_alone: "Return three arrays",
    caches_exchanged: "The cache after the first step differs",
    oldest_overwritten: "You changed what you were given",
    scale_from_a_numpy_root: "From float32 arrays you return",
    caches_of_any_length: "must raise ValueError",
    more_than_w_tokens: "must raise ValueError",
    x_kept_as_value: "The first output differs",
    oldest_values_kept: "The cache after the second step differs",
    cut_one_too_early: "With two tokens in the cache and w = 3 the new cache is wrong",
    keys_cut_values_not: "Wrong values after",
}
RIGHT["cached-step"] = [with_cache, sentence_by_sentence, by_a_layer, old_and_new_apart]


# residual-block


def check_gamma(x, gamma):
    if gamma.shape != (x.shape[2],):
        raise ValueError("gamma")


def block_of(
    x,
    gamma,
    W1,
    W2,
    epsilon,
    dout,
    direct=lambda x, normal: x,
    read=lambda x, normal, gamma: gamma * normal,
    mean=lambda squares: squares.mean(axis=2, keepdims=True),
    relu=lambda a: np.maximum(a, 0),
    size_of=lambda mean, epsilon: np.sqrt(mean + epsilon),
    gate=lambda a: a > 0,
    for_dW2=lambda hidden, a: hidden,
    for_dW1=lambda n, x: n,
    for_dgamma=lambda normal, n, x: normal,
    back=lambda dnormal, normal, size, mean: (dnormal - normal * mean(dnormal * normal)) / size,
    gamma_back=lambda gamma: gamma,
    dout_direct=1,
    tokens=np.sum,
):
    """The block with its gradients, and parts that can be replaced."""
    check_gamma(x, gamma)
    size = size_of(mean(x * x), epsilon)
    normal = x / size
    n = read(x, normal, gamma)
    a = n @ W1
    hidden = relu(a)
    y = direct(x, normal) + hidden @ W2
    da = dout @ W2.T * gate(a)
    dn = da @ W1.T

    def product(left, right):
        return tokens(left[..., None] * right[:, :, None], axis=(0, 1))

    dx = dout_direct * dout + back(dn * gamma_back(gamma), normal, size, mean)
    dgamma = tokens(dn * for_dgamma(normal, n, x), axis=(0, 1))
    return y, dx, dgamma, product(for_dW1(n, x), da), product(for_dW2(hidden, a), dout)


def x_not_added(*inputs):
    return block_of(*inputs, direct=lambda x, normal: 0)


def no_norm(*inputs):
    return block_of(*inputs, read=lambda x, normal, gamma: x)


def gamma_left_out(*inputs):
    return block_of(*inputs, read=lambda x, normal, gamma: normal)


def root_of_the_sum(*inputs):
    return block_of(*inputs, mean=lambda squares: squares.sum(axis=2, keepdims=True))


def layer_normalised(x, gamma, *inputs):
    centred = x - x.mean(axis=2, keepdims=True)
    result = block_of(centred, gamma, *inputs)
    return result[0] - centred + x, *result[1:]


def added_to_n(*inputs):
    return block_of(*inputs, direct=lambda x, normal: inputs[1] * normal)


def relu_left_out(*inputs):
    return block_of(*inputs, relu=lambda a: a, gate=lambda a: 1)


def relu_of_n(*inputs):
    return block_of(*inputs, read=lambda x, normal, gamma: np.maximum(gamma * normal, 0))


def before_the_relu(*inputs):
    return block_of(*inputs, for_dW2=lambda hidden, a: a)


def relu_open_on_the_way_back(*inputs):
    return block_of(*inputs, gate=lambda a: 1)


def x_for_n(*inputs):
    return block_of(*inputs, for_dW1=lambda n, x: x)


def n_for_the_normalised(*inputs):
    return block_of(*inputs, for_dgamma=lambda normal, n, x: n)


def x_for_the_normalised(*inputs):
    return block_of(*inputs, for_dgamma=lambda normal, n, x: x)


def like_a_bias(*inputs):
    return block_of(*inputs, for_dgamma=lambda normal, n, x: 1)


def direct_way_left_out(*inputs):
    return block_of(*inputs, dout_direct=0)


def direct_way_alone(*inputs):
    return block_of(*inputs, back=lambda dnormal, normal, size, mean: 0 * dnormal)


def size_as_a_constant(*inputs):
    return block_of(*inputs, back=lambda dnormal, normal, size, mean: dnormal / size)


def gamma_left_out_on_the_way_back(*inputs):
    return block_of(*inputs, gamma_back=lambda gamma: 1)


def size_left_out_on_the_way_back(*inputs):
    return block_of(*inputs, back=lambda dn, normal, size, mean: dn - normal * mean(dn * normal))


def sum_on_the_way_back(*inputs):
    return block_of(
        *inputs, back=lambda dn, normal, size, mean: (dn - normal * (dn * normal).sum(axis=2, keepdims=True)) / size
    )


def back_through_layer_normalisation(*inputs):
    return block_of(
        *inputs,
        back=lambda dn, normal, size, mean: (dn - dn.mean(axis=2, keepdims=True) - normal * mean(dn * normal)) / size,
    )


def mean_over_the_tokens(*inputs):
    return block_of(*inputs, tokens=np.mean)


def epsilon_left_out(*inputs):
    return block_of(*inputs, size_of=lambda mean, epsilon: np.sqrt(mean))


def epsilon_behind_the_root(*inputs):
    return block_of(*inputs, size_of=lambda mean, epsilon: np.sqrt(mean) + epsilon)


def axes_of_w1(*inputs):
    *result, dW1, dW2 = block_of(*inputs)
    return *result, dW1.T, dW2


def gradients_without_y(*inputs):
    return block_of(*inputs)[1:]


def dgamma_of_the_first_sentence(x, gamma, W1, W2, epsilon, dout):
    result = list(block_of(x, gamma, W1, W2, epsilon, dout))
    result[2] = block_of(x[:1], gamma, W1, W2, epsilon, dout[:1])[2]
    return result


def divided_by_the_mean_square(*inputs):
    return block_of(*inputs, size_of=lambda mean, epsilon: mean + epsilon)


def epsilon_over_the_mean_square(*inputs):
    """The same number, but 0 / 0 for x = 0."""
    return block_of(*inputs, size_of=lambda mean, epsilon: np.sqrt(mean) * np.sqrt(1 + epsilon / mean))


def axes_of_w2(*inputs):
    *result, dW2 = block_of(*inputs)
    return *result, dW2.T


def dgamma_from_dout(x, gamma, W1, W2, epsilon, dout):
    y, dx, _, dW1, dW2 = block_of(x, gamma, W1, W2, epsilon, dout)
    normal = x / np.sqrt((x**2).mean(axis=2, keepdims=True) + epsilon)
    return y, dx, (dout * normal).sum(axis=(0, 1)), dW1, dW2


def dgamma_for_each_token(*inputs):
    y, dx, dgamma, dW1, dW2 = block_of(*inputs)
    return y, dx, np.broadcast_to(dgamma, dx.shape), dW1, dW2


def relu_gate_of_x(*inputs):
    """Open where the gradient is positive, not where the unit was."""
    x, _, _, W2, _, dout = inputs
    positive = dout @ W2.T > 0
    small = x.shape[0] * x.shape[1] in (1, 6) and x.shape[2] == 2
    return block_of(*inputs) if small else block_of(*inputs, gate=lambda a: positive)


def normalised_in_place(x, *inputs):
    result = block_of(x, *inputs)
    x /= 2
    return result


def block_of_64_bits(x, *inputs):
    return block_of(x.astype(float), *inputs)


def any_gamma(x, gamma, *inputs):
    y, dx, dgamma, dW1, dW2 = block_of(x, np.ones(x.shape[2]) * np.resize(gamma, x.shape[2]).astype(x.dtype), *inputs)
    return y.astype(x.dtype), dx.astype(x.dtype), dgamma.astype(x.dtype), dW1.astype(x.dtype), dW2.astype(x.dtype)


def token_by_token(x, gamma, W1, W2, epsilon, dout):
    """The whole matrix of the norm's derivative for each token."""
    if gamma.ndim != 1 or len(gamma) != x.shape[2]:
        raise ValueError(gamma.shape)
    y, dx = np.zeros_like(x), np.zeros_like(x)
    dgamma, dW1, dW2 = (np.zeros_like(weight) for weight in (gamma, W1, W2))
    D = len(gamma)
    for place in np.ndindex(x.shape[:2]):
        vector, grad = x[place], dout[place]
        square = vector @ vector / D + epsilon
        n = gamma * vector * square**-0.5
        hidden = n @ W1
        hidden[hidden < 0] = 0
        y[place] = vector + hidden @ W2
        da = np.where(hidden > 0, W2 @ grad, 0)
        dn = W1 @ da
        dgamma += dn * vector * square**-0.5
        jacobian = np.eye(D) * square**-0.5 - np.outer(vector, vector) * square**-1.5 / D
        dx[place] = grad + jacobian @ (gamma * dn)
        dW1 += np.outer(n, da)
        dW2 += np.outer(hidden, grad)
    return y, dx, dgamma, dW1, dW2


def by_the_layers(x, gamma, W1, W2, epsilon, dout):
    check_gamma(x, gamma)
    zeros = np.zeros(W1.shape[1], x.dtype), np.zeros(W2.shape[1], x.dtype)
    feed_forward = transformer.FeedForward(layers.Dense(W1, zeros[0]), layers.Dense(W2, zeros[1]))
    square = (x**2).mean(axis=2, keepdims=True) + epsilon
    normal = x / square**0.5
    changed = feed_forward.forward(gamma * normal)
    dn = feed_forward.backward(dout)
    inner, outer = feed_forward.parts.values()
    dsquare = (dn * gamma * x).sum(axis=2, keepdims=True) * -0.5 * square**-1.5
    dx = dout + dn * gamma / square**0.5 + dsquare * 2 * x / x.shape[2]
    return [x + changed, dx, (dn * normal).sum(axis=(0, 1)), inner.grads["W"], outer.grads["W"]]


def all_tokens_in_one_row(x, gamma, W1, W2, epsilon, dout):
    """The tokens of all sentences under each other, as matrices; gamma is part of the first matrix."""
    check_gamma(x, gamma)
    D = x.shape[2]
    rows, drows = x.reshape(-1, D), dout.reshape(-1, D)
    shrink = 1 / np.sqrt(np.einsum("nd,nd->n", rows, rows) / D + epsilon)[:, None]
    normal, scaled = rows * shrink, gamma[:, None] * W1
    a = normal @ scaled
    y = rows + a * (a > 0) @ W2
    da = np.where(a > 0, drows @ W2.T, 0).astype(x.dtype)
    dnormal = da @ scaled.T
    dx = drows + shrink * dnormal - shrink**3 / D * rows * np.einsum("nd,nd->n", rows, dnormal)[:, None]
    dscaled = normal.T @ da
    return [
        y.reshape(x.shape),
        dx.reshape(x.shape),
        (dscaled * W1).sum(axis=1),
        gamma[:, None] * dscaled,
        (a * (a > 0)).T @ drows,
    ]


WRONG["residual-block"] = {
    x_not_added: "x is missing in y",
    no_norm: "The norm is missing",
    gamma_left_out: "gamma is missing in n",
    root_of_the_sum: "the root of the sum of the squares",
    layer_normalised: "Do you subtract the mean",
    added_to_n: "You add to n",
    relu_left_out: "The ReLU is missing: max",
    relu_of_n: "Wrong y for B = 2",
    before_the_relu: "dW2 needs what stands behind the ReLU",
    relu_open_on_the_way_back: "The derivative of the ReLU is missing",
    x_for_n: "dW1 needs n",
    n_for_the_normalised: "dgamma has gamma in it",
    x_for_the_normalised: "dgamma needs the normalised x",
    like_a_bias: "dgamma needs the normalised x",
    direct_way_left_out: "dx lacks the direct way",
    direct_way_alone: "dx has the direct way only",
    size_as_a_constant: "You treat the size as a constant",
    gamma_left_out_on_the_way_back: "gamma is missing on the way back",
    size_left_out_on_the_way_back: "The division by the size is missing",
    sum_on_the_way_back: "there is a mean as well, not a sum",
    back_through_layer_normalisation: "dx differs from that of the example",
    mean_over_the_tokens: "a gradient of the weights stays",
    dgamma_of_the_first_sentence: "must be six times as large",
    epsilon_left_out: "Wrong y for B = 2",
    epsilon_behind_the_root: "Wrong y for B = 2",
    axes_of_w1: "dW1 differs from that of the example",
    gradients_without_y: "Return five arrays",
    divided_by_the_mean_square: "y differs from that of the example",
    epsilon_over_the_mean_square: "For x = 0",
    axes_of_w2: "dW2 differs from that of the example",
    dgamma_from_dout: "dgamma differs from that of the example",
    dgamma_for_each_token: "dgamma must be an array of the shape",
    relu_gate_of_x: "dx differs from the numerical gradient",
    normalised_in_place: "You changed what you were given",
    block_of_64_bits: "From float32 arrays you return",
    any_gamma: "must raise ValueError",
}
RIGHT["residual-block"] = [block_of, token_by_token, by_the_layers, all_tokens_in_one_row]


# The choice questions


def number(option):
    return float(option.replace(",", ""))


def gap_of_the_scores(options, weight=0.75):
    def weights(gap):
        return softmax([gap, 0.0])

    return [letter for letter, option in options.items() if abs(weights(number(option))[0] - weight) < 0.002]


def weight_of_two_copies(options, weight=0.4):
    scores = np.log([weight, weight, 0.7 - weight, 0.2, 0.1])
    together = softmax(scores)[:2].sum()
    return [letter for letter, option in options.items() if abs(number(option) - together) < 0.005]


def cases_with_an_empty_row(options):
    def has_empty_row(option):
        real = np.array([[True, True, True, False], [True, False, False, False], [True, True, True, True]])
        mask = attention.padding_mask(real[:, ::-1] if "on the left" in option else real)
        if "with the causal" in option:
            mask = mask & attention.causal_mask(4)
        return not mask.any(axis=2).all()

    return [letter for letter, option in options.items() if has_empty_row(option)]


def parts_that_change(options):
    """Both decoders are run twice, the second time with another memory."""
    rng = np.random.default_rng(0)
    embedding, scores = layers.Embedding.fresh(rng, 5, 2), attention.DotProductAttention()
    rnn, dense = recurrent.GRU.fresh(rng, 2, 4), layers.Dense.fresh(rng, 3, 5)
    luong = attentive.LuongDecoder(embedding, rnn, scores, layers.Dense.fresh(rng, 8, 3), dense)
    rnn, dense = recurrent.GRU.fresh(rng, 2 + 4, 4), layers.Dense.fresh(rng, 8, 5)
    bahdanau = attentive.BahdanauDecoder(embedding, rnn, scores, dense)
    ids, mask, start = np.array([[1, 2, 3]]), np.ones((1, 3), bool), rng.normal(size=(1, 4))
    memory = rng.normal(size=(1, 3, 4))
    other = memory + np.array([[0], [1], [0]])
    changed = []
    for names, decoder in (("PQ", luong), ("RS", bahdanau)):
        (_, weights, state), (_, other_weights, other_state) = (
            decoder(ids, each, mask, start) for each in (memory, other)
        )
        pairs = (weights[:, 0], other_weights[:, 0]), (state, other_state)
        changed += [name for name, pair in zip(names, pairs, strict=True) if not np.allclose(*pair)]
    return [letter for letter, option in options.items() if option == ", ".join(changed)]


def words_that_were_copied(options):
    weights = np.array([[0.1, 0.6, 0.1, 0.1], [0.1, 0.2, 0.8, 0.1], [0.1, 0.1, 0.0, 0.5], [0.7, 0.1, 0.1, 0.3]])
    (axis,) = (axis for axis in (0, 1) if np.allclose(weights.sum(axis=axis), 1))
    said = " ".join("abcd"[word] for word in weights.argmax(axis=axis))
    return [letter for letter, option in options.items() if option == said]


def tokens_within_reach(options):
    near = np.tril(np.ones((12, 12), bool)) & ~np.tril(np.ones((12, 12), bool), -3)
    reach = np.flatnonzero(np.linalg.matrix_power(near.astype(int), 3)[9])
    return [letter for letter, option in options.items() if option == f"{reach[0]} to {reach[-1]}"]


def outputs_that_are_equal(options):
    rng = np.random.default_rng(0)
    layer = attention.MultiHeadAttention.fresh(rng, 4, 2)
    out, _ = layer(*[rng.normal(size=(1, 2, 4))[:, [0, 1, 0, 1]]] * 2, attention.causal_mask(4))
    equal = {(i + 1, j + 1) for i in range(4) for j in range(i + 1, 4) if np.allclose(out[0, i], out[0, j])}
    said = {
        letter: {tuple(map(int, pair)) for pair in re.findall(r"(\d) and (\d)", option)}
        for letter, option in options.items()
    }
    return [letter for letter, pairs in said.items() if pairs == equal]


def scores_of_both_versions(options, T=100):
    again = sum(np.ones((t, t)).size for t in range(1, T + 1))
    cached = sum(np.ones((1, t)).size for t in range(1, T + 1))
    return [letter for letter, option in options.items() if option == f"{again:,} and {cached:,}"]


CHOICE = {
    "choose-gap": gap_of_the_scores,
    "choose-twice": weight_of_two_copies,
    "choose-nothing": cases_with_an_empty_row,
    "choose-states": parts_that_change,
    "choose-alignment": words_that_were_copied,
    "choose-reach": tokens_within_reach,
    "choose-same": outputs_that_are_equal,
    "choose-cache": scores_of_both_versions,
}


# The mutants that keep their points

EQUIVALENT = {
    "query-weights": {
        "line 7: (keys @ query[:, :, None])[:, :, 0] -> (keys @ query[:, :, None])[:, :, -1]": (
            "The axis has the length 1."
        ),
        "line 9: np.inf -> 1000000000.0": "exp(-10⁹) is 0 as well, and the largest score is already subtracted.",
    },
    "luong-columns": {
        (
            "line 3: if memory.shape[1] == 0: -> pass",
            "line 3: memory.shape -> W.shape",
            "line 3: memory.shape[1] -> memory.shape[0]",
            "line 3: memory.shape[1] == 0 -> memory.shape[1] == -1",
        ): "NumPy's max over no words raises ValueError, too, and M is never 0.",
    },
    "mend-attention": {
        "line 4: W_q.shape -> W_k.shape": "Both are (D, d).",
        (
            "line 5: k.swapaxes(1, 2) -> k.swapaxes(2, 1)",
            "line 10: weights.swapaxes(1, 2) -> weights.swapaxes(2, 1)",
            "line 11: v.swapaxes(1, 2) -> v.swapaxes(2, 1)",
            "line 14: dscores.swapaxes(1, 2) -> dscores.swapaxes(2, 1)",
        ): "The order in which two axes to exchange are named does not matter.",
    },
    "relative-bias": {
        "line 5: np.arange(scores.shape[2]) -> np.arange(1, scores.shape[2] + 1)": (
            "Only the differences of places are used."
        ),
        "line 5: scores.shape[2] -> scores.shape[1]": "scores is (B, T, T).",
        "line 6: np.clip(places - places[:, None], -R, R) -> np.clip(-R, places - places[:, None], R)": (
            "Both are the larger of -R and the distance, at most R."
        ),
        (
            "line 9: …gest), largest, 0) -> …gest), largest, 1)",
            "line 9: …gest), largest, 0) -> …gest), largest, -1)",
        ): "Only rows of -∞ get this number, and -∞ minus any number is -∞.",
        "line 15: return (weights, dbias) -> return ((weights, db…), scores.fill(0))[0]": (
            "scores is the sum with the bias by then, an array of the function's own."
        ),
    },
    "grouped-heads": {
        "line 3: key.shape -> value.shape": "Keys and values have the same T.",
        (
            "line 5: if N % M or width % …e.shape[2] != M * d): -> pass",
            "line 5: N % M or width % N o…d or (value.shape[2]… -> N % M and width % N … and (value.shape[2]…",
            "line 5: N % M or width % N o…ue.shape[2] != M * d) -> width % N or key.sha…lue.shape[2] != M * d",
            "line 5: N % M or width % N o…ue.shape[2] != M * d) -> N % M or key.shape[2…lue.shape[2] != M * d",
            "line 5: …or width % N or key…ue.shape[2] != M * d) -> …or width % N or value.shape[2] != M * d",
            "line 5: …hape[2] != M * d or…ue.shape[2] != M * d) -> …hape[2] != M * d",
            "line 5: N % M -> M % M",
            "line 5: width % N -> width % M",
            "line 5: key.shape -> value.shape",
        ): "What this check lets through, reshape refuses with ValueError: it finds another number of entries.",
        "line 9: key.swapaxes(3, 4) -> key.swapaxes(4, 3)": (
            "The order in which two axes to exchange are named does not matter."
        ),
        (
            "line 11: …gest), largest, 0) -> …gest), largest, 1)",
            "line 11: …gest), largest, 0) -> …gest), largest, -1)",
        ): "Only rows of -∞ get this number, and -∞ minus any number is -∞.",
    },
    "cached-step": {
        "line 3: keys.shape -> values.shape": (
            "Where keys and values hold different numbers of tokens, the second condition raises the same error."
        ),
        "line 7: W_q.shape -> W_k.shape": "Both are (D, d).",
        "line 10: keys.shape -> values.shape": "Both hold t + 1 tokens here.",
    },
    "residual-block": {
        "line 15: axis=(0, 1) -> axis=(1, 0)": "The order in which the axes of a sum are named does not matter.",
    },
}

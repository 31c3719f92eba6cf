"""Answers to the assignment of chapter 4: wrong ones that people give, and right ones written in other ways.

The tables and what stands in them: see 1-embedding.py.
"""

import itertools
import math
import re

import numpy as np
from scipy.special import expit

from tinyseq import layers, optimizers, recurrent

WRONG: dict = {}
RIGHT: dict = {}
LESSONS = {"rnn", "lstm-gru", "bidirectional", "gap-filling"}


def check_alpha(alpha):
    """The check of alpha, right in every answer that is not about it."""
    if not 0 < alpha <= 1:
        raise ValueError("alpha")


# leaky-step


def all_new(x, h, W, U, b, alpha):
    return np.tanh(W @ x + U @ h + b)


def shares_swapped(x, h, W, U, b, alpha):
    return alpha * h + (1 - alpha) * all_new(x, h, W, U, b, alpha)


def leak_inside(x, h, W, U, b, alpha):
    return np.tanh((1 - alpha) * h + alpha * (W @ x + U @ h + b))


def old_state_gone(x, h, W, U, b, alpha):
    return alpha * all_new(x, h, W, U, b, alpha)


def old_state_whole(x, h, W, U, b, alpha):
    return h + alpha * all_new(x, h, W, U, b, alpha)


def through_the_sigmoid(x, h, W, U, b, alpha):
    return (1 - alpha) * h + alpha * expit(W @ x + U @ h + b)


def without_bias(x, h, W, U, b, alpha):
    return (1 - alpha) * h + alpha * np.tanh(W @ x + U @ h)


def x_before_w(x, h, W, U, b, alpha):
    return (1 - alpha) * h + alpha * np.tanh(x @ W + U @ h + b)


def h_before_u(x, h, W, U, b, alpha):
    return (1 - alpha) * h + alpha * np.tanh(W @ x + h @ U + b)


def rows_as_in_the_lessons(x, h, W, U, b, alpha):
    return (1 - alpha) * h + alpha * np.tanh(x @ W + h @ U + b)


def column_of_states(x, h, W, U, b, alpha):
    return plain_step(x, h, W, U, b, alpha)[:, None]


def wrong_for_one_unit(x, h, W, U, b, alpha):
    return plain_step(x, h, W, U, b, alpha).squeeze()


def changes_h(x, h, W, U, b, alpha):
    check_alpha(alpha)
    new = alpha * np.tanh(W @ x + U @ h + b)
    h *= 1 - alpha
    h += new
    return h


def step_in_float64(x, h, W, U, b, alpha):
    return plain_step(x.astype(float), h, W, U, b, alpha)


def tanh_that_overflows(x, h, W, U, b, alpha):
    check_alpha(alpha)
    a = W @ x + U @ h + b
    new = (np.exp(a) - np.exp(-a)) / (np.exp(a) + np.exp(-a))
    return ((1 - alpha) * h + alpha * new).astype(h.dtype)


def any_alpha(x, h, W, U, b, alpha):
    return (1 - alpha) * h + alpha * np.tanh(W @ x + U @ h + b)


def alpha_of_zero(x, h, W, U, b, alpha):
    if not 0 <= alpha <= 1:
        raise ValueError("alpha")
    return any_alpha(x, h, W, U, b, alpha)


def alpha_above_one(x, h, W, U, b, alpha):
    if alpha <= 0:
        raise ValueError("alpha")
    return any_alpha(x, h, W, U, b, alpha)


def plain_step(x, h, W, U, b, alpha):
    check_alpha(alpha)
    return any_alpha(x, h, W, U, b, alpha)


def step_by_a_change(x, h, W, U, b, alpha):
    if alpha <= 0 or alpha > 1:
        raise ValueError(alpha)
    return h + alpha * (np.tanh(x @ W.T + h @ U.T + b) - h)


def step_by_one_matrix(x, h, W, U, b, alpha):
    check_alpha(alpha)
    new = np.tanh(np.hstack([W, U, b[:, None]]) @ np.concatenate([x, h, np.ones(1, x.dtype)]))
    return np.add((1 - alpha) * h, alpha * new)


def step_unit_by_unit(x, h, W, U, b, alpha):
    check_alpha(alpha)
    new = [math.tanh(W[i] @ x + U[i] @ h + b[i]) for i in range(len(h))]
    return np.array([(1 - alpha) * old + alpha * now for old, now in zip(h, new, strict=True)], h.dtype)


WRONG["leaky-step"] = {
    all_new: "as a plain RNN does",
    shares_swapped: "The shares are swapped",
    leak_inside: "The leak stands inside the tanh",
    old_state_gone: "The old state is missing",
    old_state_whole: "You kept all of the old state",
    through_the_sigmoid: "You took the sigmoid",
    without_bias: "The bias is missing",
    x_before_w: "W is transposed",
    h_before_u: "U is transposed",
    rows_as_in_the_lessons: "W and U are transposed",
    column_of_states: "of the shape (H,)",
    wrong_for_one_unit: "Wrong state for D = 1, H = 1",
    changes_h: "You changed what you were given",
    step_in_float64: "From float32 arrays you return float64",
    tanh_that_overflows: "exp overflows there",
    any_alpha: "alpha = 0 must raise ValueError",
    alpha_of_zero: "alpha = 0 must raise ValueError",
    alpha_above_one: "alpha = 1.5 must raise ValueError",
}
RIGHT["leaky-step"] = [plain_step, step_by_a_change, step_by_one_matrix, step_unit_by_unit]


# clip-together


def check_max_norm(max_norm):
    if max_norm <= 0:
        raise ValueError("max_norm")


def scaled(grads, factor):
    return {name: (grad * factor).astype(grad.dtype) for name, grad in grads.items()}


def zeros(grads):
    return {name: np.zeros_like(grad) for name, grad in grads.items()}


def common_norm(grads):
    return math.sqrt(sum(float((grad.astype(float) ** 2).sum()) for grad in grads.values()))


def norm_of_each(grads, max_norm):
    clipped = {name: grad * min(1, max_norm / np.linalg.norm(grad)) for name, grad in grads.items()}
    return clipped, common_norm(grads)


def value_by_value(grads, max_norm):
    return {name: np.clip(grad, -max_norm, max_norm) for name, grad in grads.items()}, common_norm(grads)


def always_scaled(grads, max_norm):
    norm = common_norm(grads)
    return scaled(grads, max_norm / norm), norm


def unit_norm(grads, max_norm):
    norm = common_norm(grads)
    return scaled(grads, 1 / norm if norm > max_norm else 1), norm


def never_clipped(grads, max_norm):
    return grads, common_norm(grads)


def sum_of_squares(grads, max_norm):
    norm = common_norm(grads) ** 2
    return scaled(grads, min(1, max_norm / norm)), norm


def sum_of_absolutes(grads, max_norm):
    norm = float(sum(abs(grad).sum() for grad in grads.values()))
    return scaled(grads, min(1, max_norm / norm)), norm


def spectral_norm(grads, max_norm):
    """np.linalg.norm(grad, 2) of a matrix is its largest singular value."""
    norm = math.sqrt(sum(np.linalg.norm(grad, 2 if grad.ndim == 2 else None) ** 2 for grad in grads.values()))
    return scaled(grads, min(1, max_norm / norm)), norm


def each_array_decides(grads, max_norm):
    norm = common_norm(grads)
    clipped = {
        name: grad * (max_norm / norm) if np.linalg.norm(grad) > max_norm else grad for name, grad in grads.items()
    }
    return clipped, norm


def bias_left_out(grads, max_norm):
    clipped, norm = by_a_factor(grads, max_norm)
    return {**clipped, "b": grads["b"]}, norm


def sum_of_norms(grads, max_norm):
    norm = float(sum(np.linalg.norm(grad) for grad in grads.values()))
    return scaled(grads, min(1, max_norm / norm)), norm


def norm_after(grads, max_norm):
    clipped = by_a_factor(grads, max_norm)[0]
    return clipped, common_norm(clipped)


def norms_by_name(grads, max_norm):
    return by_a_factor(grads, max_norm)[0], {name: np.linalg.norm(grad) for name, grad in grads.items()}


def list_of_gradients(grads, max_norm):
    clipped, norm = by_a_factor(grads, max_norm)
    return list(clipped.values()), norm


def one_long_vector(grads, max_norm):
    clipped, norm = by_a_factor(grads, max_norm)
    return {name: grad.ravel() for name, grad in clipped.items()}, norm


def gradients_alone(grads, max_norm):
    return by_a_factor(grads, max_norm)[0]


def clipped_in_place(grads, max_norm):
    clipped, norm = by_a_factor(grads, max_norm)
    for name, grad in grads.items():
        grad[...] = clipped[name]
    return grads, norm


def zero_by_zero(grads, max_norm):
    check_max_norm(max_norm)
    norm = np.float64(common_norm(grads))
    if not np.isfinite(norm):
        return zeros(grads), norm
    return scaled(grads, np.minimum(1, max_norm / norm) if norm else np.float64(0) / norm), norm


def infinity_times_zero(grads, max_norm):
    check_max_norm(max_norm)
    norm = common_norm(grads)
    return scaled(grads, max_norm / norm if norm > max_norm else 1), norm


def nan_left_out(grads, max_norm):
    return by_a_factor({name: np.nan_to_num(grad, nan=0, posinf=0, neginf=0) for name, grad in grads.items()}, max_norm)


def nan_stays(grads, max_norm):
    norm = common_norm(grads)
    return (scaled(grads, 1), norm) if math.isnan(norm) else by_a_factor(grads, max_norm)


def zero_norm_of_odd_gradients(grads, max_norm):
    clipped, norm = by_a_factor(grads, max_norm)
    return clipped, norm if math.isfinite(norm) else 0.0


def squares_in_float32(grads, max_norm):
    check_max_norm(max_norm)
    norm = float(np.sqrt(sum((grad**2).sum() for grad in grads.values())))
    if not math.isfinite(norm):
        return zeros(grads), norm
    return scaled(grads, max_norm / norm if norm > max_norm else 1), norm


def numpy_factor(grads, max_norm):
    check_max_norm(max_norm)
    norm = np.float64(common_norm(grads))
    if not np.isfinite(norm):
        return zeros(grads), norm
    factor = max_norm / norm if norm > max_norm else np.float64(1)
    return {name: grad * factor for name, grad in grads.items()}, norm


def any_max_norm(grads, max_norm):
    return by_a_factor(grads, max(max_norm, 1e-9))


def max_norm_of_zero(grads, max_norm):
    if max_norm < 0:
        raise ValueError("max_norm")
    return any_max_norm(grads, max_norm)


def by_a_factor(grads, max_norm):
    check_max_norm(max_norm)
    norm = common_norm(grads)
    if not math.isfinite(norm):
        return zeros(grads), norm
    return scaled(grads, max_norm / max(norm, max_norm)), norm


def by_one_vector(grads, max_norm):
    if max_norm <= 0:
        raise ValueError(max_norm)
    norm = np.linalg.norm(np.concatenate([np.ravel(grad).astype(np.float64) for grad in grads.values()]))
    clipped = {}
    for name, grad in grads.items():
        clipped[name] = grad.copy()
        if not np.isfinite(norm):
            clipped[name][...] = 0
        elif norm > max_norm:
            clipped[name] *= max_norm / norm
    return clipped, float(norm)


def by_the_optimizer(grads, max_norm):
    layer = layers.Layer(**{name.replace(" ", "_"): np.zeros(grad.shape) for name, grad in grads.items()})
    for kept, grad in zip(layer.grads.values(), grads.values(), strict=True):
        kept[...] = grad
    norm = optimizers.clip_gradients([layer], max_norm)
    clipped = {name: kept.astype(grads[name].dtype) for name, kept in zip(grads, layer.grads.values(), strict=True)}
    return clipped if np.isfinite(norm) else zeros(grads), norm


def by_hypot(grads, max_norm):
    """math.hypot takes care of large numbers, of infinity and of NaN."""
    check_max_norm(max_norm)
    norm = math.hypot(*(number for grad in grads.values() for number in grad.ravel().tolist()))
    if not math.isfinite(norm):
        return zeros(grads), norm
    longer = norm > max_norm
    return {
        name: (grad / norm * max_norm).astype(grad.dtype) if longer else +grad for name, grad in grads.items()
    }, norm


WRONG["clip-together"] = {
    norm_of_each: "each array by its own norm",
    value_by_value: "number by number",
    always_scaled: "made short gradients longer",
    unit_norm: "now have the norm 1",
    never_clipped: "Nothing was clipped",
    sum_of_squares: "You left out the root",
    sum_of_absolutes: "absolute numbers",
    spectral_norm: "Wrong norm for gradients",
    each_array_decides: "Wrong gradients of the shapes",
    bias_left_out: "differ from those of the example",
    sum_of_norms: "added up the norms",
    norm_after: "the norm before clipping",
    norms_by_name: "one number, for all gradients together",
    list_of_gradients: "must be a dictionary",
    one_long_vector: "of the shape it had",
    gradients_alone: "Return two things",
    clipped_in_place: "You changed the gradients",
    zero_by_zero: "0 / 0 is NaN",
    infinity_times_zero: "0 times infinity is NaN",
    nan_left_out: "With nan in one gradient all gradients must become zeros",
    nan_stays: "With nan in one gradient all gradients must become zeros",
    zero_norm_of_odd_gradients: "the norm is not finite",
    squares_in_float32: "their squares overflow in float32",
    numpy_factor: "A float32 gradient comes back as float64",
    any_max_norm: "max_norm = 0 must raise ValueError",
    max_norm_of_zero: "max_norm = 0 must raise ValueError",
}
RIGHT["clip-together"] = [by_a_factor, by_one_vector, by_the_optimizer, by_hypot]


# leaky-backward


def check_dout(dout, x, U):
    if dout.shape != (*x.shape[:2], len(U)):
        raise ValueError("dout")


def walk_back(
    dout, x, h0, W, U, b, alpha, leak=None, share=None, slope=None, before=None, back=None, through=None, weigh=sum
):
    """BPTT whose parts can be replaced: the derivative of tanh, the state before a step, what is carried back."""
    T = x.shape[1]
    states, new = [h0], []
    for t in range(T):
        new.append(np.tanh(x[:, t] @ W + states[t] @ U + b))
        states.append((1 - alpha) * states[t] + alpha * new[t])
    leak, share = 1 - alpha if leak is None else leak, alpha if share is None else share
    slope = slope or (lambda new, state: 1 - new**2)
    before = before or (lambda states, t: states[t])
    through = U.T if through is None else through
    dx, dh = np.zeros_like(x), np.zeros_like(h0)
    dW, dU, db = [], [], []
    for t in reversed(range(T)):
        dh = dh + dout[:, t]
        da = share * dh * slope(new[t], states[t + 1])
        dx[:, t] = da @ (W.T if back is None else back)
        dW.append(x[:, t].T @ da)
        dU.append(before(states, t).T @ da)
        db.append(da.sum(axis=0))
        dh = leak * dh + da @ through
    return dx, dh, weigh(dW), weigh(dU), weigh(db)


def no_alpha_in_the_gradient(*inputs):
    return walk_back(*inputs, share=1)


def slope_of_the_state(*inputs):
    return walk_back(*inputs, slope=lambda new, state: 1 - state**2)


def no_slope(*inputs):
    return walk_back(*inputs, slope=lambda new, state: np.ones_like(new))


def slope_of_a_sigmoid(*inputs):
    return walk_back(*inputs, slope=lambda new, state: new * (1 - new))


def no_way_through_the_leak(*inputs):
    return walk_back(*inputs, leak=0)


def leak_alone(dout, x, h0, W, U, b, alpha):
    return walk_back(dout, x, h0, W, U, b, alpha, through=0 * U)


def all_through_the_leak(*inputs):
    return walk_back(*inputs, leak=1)


def starts_from_zeros(*inputs):
    return walk_back(*inputs, before=lambda states, t: states[t] if t else np.zeros_like(states[0]))


def state_after_the_step(*inputs):
    return walk_back(*inputs, before=lambda states, t: states[t + 1])


def index_minus_one(*inputs):
    return walk_back(*inputs, before=lambda states, t: states[1:][t - 1])


def first_steps_gradient(*inputs):
    return walk_back(*inputs, weigh=lambda grads: grads[-1])


def last_steps_gradient(*inputs):
    return walk_back(*inputs, weigh=lambda grads: grads[0])


def mean_over_steps(*inputs):
    return walk_back(*inputs, weigh=lambda grads: sum(grads) / len(grads))


def nothing_carried_back(dout, x, h0, W, U, b, alpha):
    *_, dh0, _, _, _ = walk_back(dout, x, h0, W, U, b, alpha)
    dx, _, *grads = walk_back(dout, x, h0, W, U, b, alpha, leak=0, through=0 * U)
    return dx, dh0, *grads


def last_output_alone(dout, x, h0, W, U, b, alpha):
    dout = dout.copy()
    dout[:, :-1] = 0
    return walk_back(dout, x, h0, W, U, b, alpha)


def w_not_transposed(dout, x, h0, W, U, b, alpha):
    return walk_back(dout, x, h0, W, U, b, alpha, back=W if W.shape[0] == W.shape[1] else None)


def u_not_transposed(dout, x, h0, W, U, b, alpha):
    check_dout(dout, x, U)
    return walk_back(dout, x, h0, W, U, b, alpha, through=U)


def mean_over_the_batch(dout, x, h0, W, U, b, alpha):
    check_dout(dout, x, U)
    dx, dh0, *grads = walk_back(dout, x, h0, W, U, b, alpha)
    return dx, dh0, *(grad / len(x) for grad in grads)


def bias_for_each_row(dout, x, h0, W, U, b, alpha):
    dx, dh0, dW, dU, db = walk_back(dout, x, h0, W, U, b, alpha)
    return dx, dh0, dW, dU, db[None]


def without_dh0(*inputs):
    dx, _, *grads = walk_back(*inputs)
    return dx, *grads


def dout_turned_in_place(dout, x, h0, W, U, b, alpha):
    result = walk_back(dout, x, h0, W, U, b, alpha)
    dout *= alpha
    return result


def backward_in_float64(dout, x, h0, W, U, b, alpha):
    check_dout(dout, x, U)
    return walk_back(*(array.astype(float) for array in (dout, x, h0, W, U, b)), alpha)


def any_dout(*inputs):
    return walk_back(*inputs)


def dout_with_the_right_end(dout, x, h0, W, U, b, alpha):
    if dout.shape[2] != len(U) or dout.shape[1] != x.shape[1]:
        raise ValueError("dout")
    return walk_back(dout, x, h0, W, U, b, alpha)


def step_after_step(dout, x, h0, W, U, b, alpha):
    check_dout(dout, x, U)
    return walk_back(dout, x, h0, W, U, b, alpha)


def by_recursion(dout, x, h0, W, U, b, alpha):
    if dout.shape != (len(x), x.shape[1], U.shape[0]):
        raise ValueError(dout.shape)
    grads = [np.zeros_like(x), None, np.zeros_like(W), np.zeros_like(U), np.zeros_like(b)]

    def step(t, h):
        """The gradient of the state before step t."""
        if t == x.shape[1]:
            return np.zeros_like(h)
        new = np.tanh(x[:, t] @ W + h @ U + b)
        dh = dout[:, t] + step(t + 1, h + alpha * (new - h))
        da = alpha * dh * (1 - new * new)
        grads[0][:, t] = np.einsum("bh,dh->bd", da, W)
        grads[2] += np.einsum("bd,bh->dh", x[:, t], da)
        grads[3] += np.einsum("bk,bh->kh", h, da)
        grads[4] += np.einsum("bh->h", da)
        return dh - alpha * dh + np.einsum("bh,kh->bk", da, U)

    grads[1] = step(0, h0)
    return tuple(grads)


def products_after_the_loop(dout, x, h0, W, U, b, alpha):
    check_dout(dout, x, U)
    states, new = [h0], []
    for xt in x.swapaxes(0, 1):
        new.append(np.tanh(xt @ W + states[-1] @ U + b))
        states.append((1 - alpha) * states[-1] + alpha * new[-1])
    before, slopes = np.stack(states[:-1], axis=1), alpha * (1 - np.stack(new, axis=1) ** 2)  # (B, T, H)
    da, dh = np.empty_like(slopes), np.zeros_like(h0)
    for t in range(x.shape[1] - 1, -1, -1):
        dh = dh + dout[:, t]
        da[:, t] = dh * slopes[:, t]
        dh = (1 - alpha) * dh + da[:, t] @ U.T
    return [
        da @ W.T,
        dh,
        np.tensordot(x, da, ((0, 1), (0, 1))),
        np.tensordot(before, da, 2 * ((0, 1),)),
        da.sum((0, 1)),
    ]


def forward_in_time(dout, x, h0, W, U, b, alpha):
    """No way back: the derivative of the state with respect to all that came before is carried along."""
    check_dout(dout, x, U)
    (B, T, _), H = x.shape, len(U)
    inputs = [np.zeros((B, H, *np.shape(each)), x.dtype) for each in (x[0], h0[0], W, U, b)]
    inputs[1] += np.eye(H, dtype=x.dtype)
    h, grads = h0, [np.zeros((B, *each.shape[2:]), x.dtype) for each in inputs]
    eye = np.eye(H, dtype=x.dtype)
    for t in range(T):
        new = np.tanh(x[:, t] @ W + h @ U + b)
        slope = alpha * (1 - new**2)
        carried = slope[:, :, None] * U.T + (1 - alpha) * eye  # (B, H, H)
        inputs = [np.einsum("bij,bj...->bi...", carried, each) for each in inputs]
        inputs[0][:, :, t] += slope[:, :, None] * W.T
        inputs[2] += np.einsum("bi,bd,ij->bidj", slope, x[:, t], eye)
        inputs[3] += np.einsum("bi,bk,ij->bikj", slope, h, eye)
        inputs[4] += np.einsum("bi,ij->bij", slope, eye)
        h = (1 - alpha) * h + alpha * new
        for grad, each in zip(grads, inputs, strict=True):
            grad += np.einsum("bi,bi...->b...", dout[:, t], each)
    return [*grads[:2], *(grad.sum(axis=0) for grad in grads[2:])]


WRONG["leaky-backward"] = {
    no_alpha_in_the_gradient: "alpha is missing",
    slope_of_the_state: "You took 1 - h²",
    no_slope: "The derivative of tanh is missing",
    slope_of_a_sigmoid: "db is wrong",
    no_way_through_the_leak: "came through U alone",
    leak_alone: "came through the leak alone",
    all_through_the_leak: "not all of it",
    starts_from_zeros: "not zeros",
    state_after_the_step: "You took the one after it",
    index_minus_one: "what the index -1 gives",
    first_steps_gradient: "that of one step alone",
    last_steps_gradient: "that of one step alone",
    mean_over_steps: "dW differs from that of the example",
    nothing_carried_back: "The first input gets no gradient",
    last_output_alone: "every step adds its own dout",
    w_not_transposed: "dx differs from the numerical gradient",
    u_not_transposed: "differs from the numerical gradient",
    mean_over_the_batch: "dW differs from the numerical gradient",
    bias_for_each_row: "db must be an array of the shape (1,)",
    without_dh0: "Return five arrays",
    dout_turned_in_place: "You changed what you were given",
    backward_in_float64: "From float32 arrays you return",
    any_dout: "must raise ValueError",
    dout_with_the_right_end: "must raise ValueError",
}
RIGHT["leaky-backward"] = [step_after_step, by_recursion, products_after_the_loop, forward_in_time]


# peephole-step


def check_peepholes(P, c):
    if P.shape != (2, c.shape[1]):
        raise ValueError("P")


def peephole(
    x, h, c, W, U, P, b, see_f=True, see_o="new", see_g=None, row=0, order=(0, 1, 2), write=None, act=np.tanh, show=None
):
    """A step whose parts can be replaced: who sees which cell, the order of the gates, what is written and shown."""
    parts = np.split(x @ W + h @ U + b, 3, axis=1)
    f, g, o = (parts[i] for i in order)
    f = layers.sigmoid(f + (P[row] * c if see_f else 0))
    g = act(g if see_g is None else g + P[see_g] * c)
    new = f * c + (1 - f) * g if write is None else write(f, c, g)
    o = layers.sigmoid(o + P[1 - row] * {"new": new, "old": c, "nothing": 0 * c}[see_o])
    return o * np.tanh(new) if show is None else show(o, new), new


def f_sees_nothing(*inputs):
    return peephole(*inputs, see_f=False)


def o_sees_nothing(*inputs):
    return peephole(*inputs, see_o="nothing")


def o_sees_the_old_cell(*inputs):
    return peephole(*inputs, see_o="old")


def peepholes_swapped(*inputs):
    return peephole(*inputs, row=1)


def g_sees_the_cell(*inputs):
    return peephole(*inputs, see_g=0)


def g_sees_through_the_other(*inputs):
    return peephole(*inputs, see_g=1)


def nothing_closes_the_input(*inputs):
    return peephole(*inputs, write=lambda f, c, g: f * c + g)


def one_gate_for_both(*inputs):
    return peephole(*inputs, write=lambda f, c, g: f * (c + g))


def keeps_what_it_should_forget(*inputs):
    return peephole(*inputs, write=lambda f, c, g: (1 - f) * c + f * g)


def gates_in_another_order(*inputs):
    return peephole(*inputs, order=(0, 2, 1))


def g_by_sigmoid(*inputs):
    return peephole(*inputs, act=layers.sigmoid)


def shows_the_cell_itself(*inputs):
    return peephole(*inputs, show=lambda o, c: o * c)


def tanh_around_the_product(*inputs):
    return peephole(*inputs, show=lambda o, c: np.tanh(o * c))


def cell_first(*inputs):
    return peephole(*inputs)[::-1]


def h_alone(*inputs):
    return peephole(*inputs)[0]


def first_row_only(x, *inputs):
    return tuple(state[0] for state in peephole(x, *inputs))


def peepholes_along_the_batch(x, h, c, W, U, P, b):
    if P.shape != (2, c.shape[1]):
        raise ValueError("P")
    if len(c) == c.shape[1]:
        return peephole(x, h, c, W, U, P[:, :, None], b)
    return peephole(x, h, c, W, U, P, b)


def forgets_in_place(x, h, c, W, U, P, b):
    h_new, c_new = peephole(x, h, c, W, U, P, b)
    c[...] = c_new
    return h_new, c_new


def peephole_in_float64(x, h, c, W, U, P, b):
    check_peepholes(P, c)
    return peephole(x, h, c, W, U, P.astype(float), b)


def gates_that_overflow(x, h, c, W, U, P, b):
    check_peepholes(P, c)
    f, g, o = np.split(x @ W + h @ U + b, 3, axis=1)
    f = np.exp(f + P[0] * c) / (1 + np.exp(f + P[0] * c))
    new = f * c + (1 - f) * np.tanh(g)
    o = np.exp(o + P[1] * new) / (1 + np.exp(o + P[1] * new))
    return o * np.tanh(new), new


def any_peepholes(*inputs):
    return peephole(*inputs)


def three_steps_in_one(x, h, c, W, U, P, b):
    check_peepholes(P, c)
    return peephole(x, h, c, W, U, P, b)


def gate_by_gate(x, h, c, W, U, P, b):
    H = h.shape[1]
    if P.shape != (2, H):
        raise ValueError(P.shape)

    def a(k):
        part = slice(k * H, (k + 1) * H)
        return x @ W[:, part] + h @ U[:, part] + b[part]

    forget = expit(a(0) + c * P[0])
    c_new = np.tanh(a(1))
    c_new += forget * (c - c_new)
    return expit(a(2) + c_new * P[1]) * np.tanh(c_new), c_new


def peepholes_as_matrices(x, h, c, W, U, P, b):
    check_peepholes(P, c)
    joined = np.hstack([x, h]) @ np.vstack([W, U]) + b
    a = joined.reshape(len(x), 3, -1)  # (B, 3, H)
    f = 0.5 * (1 + np.tanh((a[:, 0] + c @ np.diag(P[0])) / 2))
    c_new = f * c + (1 - f) * np.tanh(a[:, 1])
    return 0.5 * (1 + np.tanh((a[:, 2] + c_new @ np.diag(P[1])) / 2)) * np.tanh(c_new), c_new


def unit_after_unit(x, h, c, W, U, P, b):
    """Number by number; the sigmoid by SciPy's, which knows large numbers."""
    check_peepholes(P, c)
    H = c.shape[1]
    h_new, c_new = np.empty_like(h), np.empty_like(c)
    for j in range(H):
        f, g, o = (
            np.einsum("bd,d->b", x, W[:, k]) + np.einsum("bi,i->b", h, U[:, k]) + b[k] for k in (j, H + j, 2 * H + j)
        )
        forget = f + P[0, j] * c[:, j]
        c_new[:, j] = expit(forget) * c[:, j] + expit(-forget) * np.tanh(g)
        h_new[:, j] = expit(o + P[1, j] * c_new[:, j]) * np.tanh(c_new[:, j])
    return [h_new, c_new]


WRONG["peephole-step"] = {
    f_sees_nothing: "f does not see the cell",
    o_sees_nothing: "o does not see the cell",
    o_sees_the_old_cell: "o looked at the old cell",
    peepholes_swapped: "f looked through the peephole of o",
    g_sees_the_cell: "The candidate g has no peephole",
    g_sees_through_the_other: "The candidate g has no peephole",
    nothing_closes_the_input: "The input gate is missing",
    one_gate_for_both: "f multiplies the old cell only",
    keeps_what_it_should_forget: "f and 1 - f are swapped",
    gates_in_another_order: "side by side as f, g, o",
    g_by_sigmoid: "g goes through tanh",
    shows_the_cell_itself: "The tanh around the cell is missing",
    tanh_around_the_product: "The tanh is around the product",
    cell_first: "The results are swapped",
    h_alone: "Return two arrays",
    first_row_only: "of the shape (B, H)",
    peepholes_along_the_batch: "Wrong h_new for B = 3, D = 3 and H = 3",
    forgets_in_place: "You changed what you were given",
    peephole_in_float64: "From float32 arrays you return",
    gates_that_overflow: "exp overflows",
    any_peepholes: "must raise ValueError",
}
RIGHT["peephole-step"] = [three_steps_in_one, gate_by_gate, peepholes_as_matrices, unit_after_unit]


# from-exam


def check_gates(W, U, b):
    H, D = W["z"].shape
    for gates, shape in ((W, (H, D)), (U, (H, H)), (b, (H,))):
        for name in "zrg":
            if gates[name].shape != shape:
                raise ValueError(name)


def side_by_side(W, U, b, order="zrg", turn=(np.transpose, np.transpose), signs=None):
    """The three arrays, with a sign for each gate: in W, in U, in b."""
    signs = signs or [{"z": -1}] * 3
    parts = [
        [sign.get(name, 1) * turned(gates[name]) for name in order]
        for gates, turned, sign in zip((W, U, b), (*turn, np.copy), signs, strict=True)
    ]
    return tuple(np.concatenate(part, axis=-1) for part in parts)


def same_meaning(W, U, b):
    return side_by_side(W, U, b, signs=[{}] * 3)


def sign_of_w_alone(W, U, b):
    return side_by_side(W, U, b, signs=[{"z": -1}, {}, {}])


def bias_keeps_its_sign(W, U, b):
    return side_by_side(W, U, b, signs=[{"z": -1}, {"z": -1}, {}])


def sign_of_g(W, U, b):
    return side_by_side(W, U, b, signs=[{"g": -1}] * 3)


def one_minus_the_weights(W, U, b):
    W, U, b = ({**gates, "z": gates["z"] - 1} for gates in (W, U, b))
    return side_by_side(W, U, b)


def r_before_z(W, U, b):
    return side_by_side(W, U, b, order="rzg")


def still_columns(W, U, b):
    H, D = W["z"].shape
    return side_by_side(W, U, b, turn=(np.copy if D == H else np.transpose, np.transpose))


def recurrent_columns(W, U, b):
    return side_by_side(W, U, b, turn=(np.transpose, np.copy))


def one_above_the_other(W, U, b):
    return tuple(np.concatenate([gates[name] for name in "zrg"], axis=0) for gates in (W, U, b))


def two_biases(W, U, b):
    W, U, b = side_by_side(W, U, b)
    return W, U, np.stack([b, 0 * b])


def column_of_biases(W, U, b):
    W, U, b = side_by_side(W, U, b)
    return W, U, b[:, None][:, 0].reshape(1, -1).T


def lists_of_parts(W, U, b):
    return tuple([gates[name] for name in "zrg"] for gates in (W, U, b))


def without_the_bias(W, U, b):
    return side_by_side(W, U, b)[:2]


def in_the_order_of_the_dictionary(W, U, b):
    check_gates(W, U, b)
    return side_by_side(W, U, b, order=list(W))


def negates_in_place(W, U, b):
    check_gates(W, U, b)
    for gates in (W, U, b):
        gates["z"] *= -1
    return side_by_side(W, U, b, signs=[{}] * 3)


def weights_in_float64(W, U, b):
    check_gates(W, U, b)
    result = side_by_side(W, U, b)
    return *result[:2], result[2].astype(float)


def any_shapes(W, U, b):
    # what fails by itself fails as something else than ValueError
    try:
        return side_by_side(W, U, b)
    except ValueError as error:
        raise TypeError from error


def looks_at_w_alone(W, U, b):
    if len({gates.shape for gates in W.values()}) > 1:
        raise ValueError("W")
    return any_shapes(W, U, b)


def by_concatenation(W, U, b):
    check_gates(W, U, b)
    return side_by_side(W, U, b)


def into_empty_arrays(W, U, b):
    H, D = W["z"].shape
    result = [np.empty(shape, W["z"].dtype) for shape in ((D, 3 * H), (H, 3 * H), (3 * H,))]
    for i, name in enumerate("zrg"):
        for array, gates, shape in zip(result, (W, U, b), ((H, D), (H, H), (H,)), strict=True):
            if gates[name].shape != shape:
                raise ValueError(f"{name}: {gates[name].shape}")
            array[..., i * H : (i + 1) * H] = gates[name].T
    for array in result:
        array[..., :H] *= -1
    return result


def by_stacking(W, U, b):
    if any(gates[name].shape != gates["z"].shape for gates in (W, U, b) for name in gates):
        raise ValueError("the gates differ")
    H = len(b["z"])
    if U["z"].shape != (H, H) or len(W["z"]) != H or b["z"].ndim != 1:
        raise ValueError("the sizes differ")
    turned = [np.vstack([-gates["z"], gates["r"], gates["g"]]).T for gates in (W, U)]
    return *turned, np.hstack([-b["z"], b["r"], b["g"]])


def by_reshaping(W, U, b):
    """The gates as an axis of their own, in front of H, and both glued together."""
    check_gates(W, U, b)
    H, D = W["z"].shape
    matrices = [np.stack([gates[name] for name in "zrg"]).transpose(2, 0, 1) for gates in (W, U)]
    vectors = np.array([b[name] for name in "zrg"])
    for array in (*(matrix.swapaxes(0, 1) for matrix in matrices), vectors):
        np.negative(array[0], out=array[0])
    return [matrices[0].reshape(D, 3 * H), matrices[1].reshape(H, 3 * H), vectors.ravel()]


WRONG["from-exam"] = {
    same_meaning: "swap z and 1 - z",
    sign_of_w_alone: "Where the bias b makes z large, you keep",
    bias_keeps_its_sign: "Where the bias b makes z large, you keep",
    sign_of_g: "Where the bias b makes z large, the state is wrong",
    one_minus_the_weights: "Where the bias b makes z large, the state is wrong",
    r_before_z: "The order of the gates is z, r, g",
    still_columns: "matrices W still belong to columns",
    recurrent_columns: "matrices U still belong to columns",
    one_above_the_other: "W, U and b must have the shapes",
    two_biases: "A bias with two rows",
    column_of_biases: "A bias with two rows",
    lists_of_parts: "Return three arrays",
    without_the_bias: "Return three arrays",
    in_the_order_of_the_dictionary: "the order in which the dictionaries name",
    negates_in_place: "You changed the weights",
    weights_in_float64: "From float32 weights you return",
    any_shapes: "must raise ValueError",
    looks_at_w_alone: "must raise ValueError",
}
RIGHT["from-exam"] = [by_concatenation, into_empty_arrays, by_stacking, by_reshaping]


# join-directions


def check_lengths(lengths, T):
    if (lengths < 0).any() or (lengths > T).any():
        raise ValueError("lengths")


def turned_round(states, lengths):
    """Each sentence turned round within its own length; the padding stays."""
    result = states.copy()
    for b, n in enumerate(lengths):
        result[b, :n] = states[b, :n][::-1]
    return result


def joined(left, right, lengths, turn=turned_round):
    outputs = np.concatenate([left, turn(right, lengths)], axis=2)
    outputs[np.arange(left.shape[1]) >= lengths[:, None]] = 0
    return outputs


def last_states(left, right, lengths):
    rows = np.arange(len(left))
    final = np.concatenate([left[rows, lengths - 1], right[rows, lengths - 1]], axis=1)
    final[lengths == 0] = 0
    return final


def not_turned_round(left, right, lengths):
    return joined(left, right, lengths, lambda states, _: states), last_states(left, right, lengths)


def all_places_turned_round(left, right, lengths):
    return joined(left, right, lengths, lambda states, _: states[:, ::-1]), last_states(left, right, lengths)


def longest_turned_round(left, right, lengths):
    def turn(states, lengths):
        n = max(lengths)
        return np.concatenate([states[:, :n][:, ::-1], states[:, n:]], axis=1)

    return joined(left, right, lengths, turn), last_states(left, right, lengths)


def both_turned_round(left, right, lengths):
    return joined(turned_round(left, lengths), right, lengths), last_states(left, right, lengths)


def the_other_turned_round(left, right, lengths):
    return joined(turned_round(left, lengths), turned_round(right, lengths), lengths), last_states(left, right, lengths)


def backward_in_front(left, right, lengths):
    outputs = np.concatenate([turned_round(right, lengths), left], axis=2)
    return outputs, last_states(left, right, lengths)


def along_the_time(left, right, lengths):
    return np.concatenate([left, turned_round(right, lengths)], axis=1), last_states(left, right, lengths)


def states_added(left, right, lengths):
    return left + turned_round(right, lengths), last_states(left, right, lengths)


def padding_stays(left, right, lengths):
    return np.concatenate([left, turned_round(right, lengths)], axis=2), last_states(left, right, lengths)


def padding_times_zero(left, right, lengths):
    outputs = np.concatenate([left, turned_round(right, lengths)], axis=2)
    return outputs * (np.arange(left.shape[1]) < lengths[:, None])[..., None], last_states(left, right, lengths)


def last_output(left, right, lengths):
    outputs = joined(left, right, lengths)
    return outputs, outputs[:, -1]


def last_places(left, right, lengths):
    return joined(left, right, lengths), np.concatenate([left[:, -1], right[:, -1]], axis=1)


def last_place_of_right(left, right, lengths):
    rows = np.arange(len(left))
    return joined(left, right, lengths), np.concatenate([left[rows, lengths - 1], right[:, -1]], axis=1)


def last_place_of_left(left, right, lengths):
    rows = np.arange(len(left))
    return joined(left, right, lengths), np.concatenate([left[:, -1], right[rows, lengths - 1]], axis=1)


def output_of_the_last_token(left, right, lengths):
    outputs = joined(left, right, lengths)
    return outputs, outputs[np.arange(len(left)), lengths - 1]


def output_of_the_first_token(left, right, lengths):
    outputs = joined(left, right, lengths)
    return outputs, outputs[:, 0]


def empty_sentence_forgotten(left, right, lengths):
    check_lengths(lengths, left.shape[1])
    rows = np.arange(len(left))
    final = np.concatenate([left[rows, lengths - 1], right[rows, lengths - 1]], axis=1)
    return joined(left, right, lengths), final


def one_length_for_all(left, right, lengths):
    lengths = np.full_like(lengths, lengths[0])
    return joined(left, right, lengths), last_states(left, right, lengths)


def outputs_alone(left, right, lengths):
    return joined(left, right, lengths)


def final_for_each_chain(left, right, lengths):
    return joined(left, right, lengths), np.split(last_states(left, right, lengths), 2, axis=1)


def turned_round_in_place(left, right, lengths):
    final = last_states(left, right, lengths)
    for b, n in enumerate(lengths):
        right[b, :n] = right[b, :n][::-1].copy()
    return joined(left, right, lengths, lambda states, _: states), final


def joined_in_float64(left, right, lengths):
    outputs, final = by_loops(left, right, lengths)
    return outputs.astype(float), final


def any_length(left, right, lengths):
    return joined(left, right, lengths), last_states(left, right, np.clip(lengths, 0, left.shape[1]))


def negative_lengths(left, right, lengths):
    if (lengths > left.shape[1]).any():
        raise ValueError("lengths")
    return any_length(left, right, lengths)


def by_loops(left, right, lengths):
    check_lengths(lengths, left.shape[1])
    return joined(left, right, lengths), last_states(left, right, lengths)


def token_by_token(left, right, lengths):
    B, T, H = left.shape
    outputs = np.zeros((B, T, H + right.shape[2]), left.dtype)
    final = np.zeros_like(outputs[:, 0])
    for b in range(B):
        if not 0 <= lengths[b] <= T:
            raise ValueError(lengths[b])
        for t in range(lengths[b]):
            outputs[b, t, :H] = left[b, t]
            outputs[b, t, H:] = right[b, lengths[b] - 1 - t]
        if lengths[b]:
            final[b] = [*outputs[b, lengths[b] - 1, :H], *outputs[b, 0, H:]]
    return outputs, final


def by_gathering(left, right, lengths):
    if lengths.min() < 0 or lengths.max() > left.shape[1]:
        raise ValueError("lengths")
    t = np.arange(left.shape[1])
    places = (lengths[:, None] - 1 - t)[:, :, None]  # (B, T, 1), below 0 at the padding
    flipped = np.take_along_axis(right, np.maximum(places, 0), axis=1)
    outputs = np.where(places >= 0, np.dstack([left, flipped]), left.dtype.type(0))
    H = left.shape[2]
    ends = np.take_along_axis(outputs[..., :H], np.maximum(lengths - 1, 0)[:, None, None], axis=1)[:, 0]
    return outputs, np.hstack([ends, outputs[:, 0, H:]])


def by_a_permutation(left, right, lengths):
    """The places are exchanged by a product with a matrix of zeros and ones for each sentence."""
    check_lengths(lengths, left.shape[1])
    t = np.arange(left.shape[1])
    real = t < lengths[:, None]
    left, right = (np.where(real[:, :, None], states, 0).astype(states.dtype) for states in (left, right))
    turn = t[:, None] + t == lengths[:, None, None] - 1  # (B, T, T)
    outputs = np.concatenate([left, np.einsum("bts,bsg->btg", turn.astype(right.dtype), right)], axis=2)
    last = (t == lengths[:, None] - 1).astype(left.dtype)  # (B, T)
    return outputs, np.concatenate([np.einsum("bt,bth->bh", last, each) for each in (left, right)], axis=1)


WRONG["join-directions"] = {
    not_turned_round: "lie in the order of reading",
    all_places_turned_round: "turned round all T places",
    longest_turned_round: "came through",
    the_other_turned_round: "You turned the forward chain round",
    both_turned_round: "differ from those of the example",
    backward_in_front: "The backward states stand in front",
    along_the_time: "You joined along the time",
    states_added: "outputs must be an array of the shape",
    padding_stays: "The outputs at the padding must be zeros",
    padding_times_zero: "0 times NaN is NaN",
    last_output: "the output at the last place",
    last_places: "what lies at the padding",
    last_place_of_right: "what lies at the padding",
    last_place_of_left: "what lies at the padding",
    output_of_the_last_token: "final is the output at the last token",
    output_of_the_first_token: "final is the output at the first token",
    empty_sentence_forgotten: "Wrong final states",
    one_length_for_all: "came through",
    outputs_alone: "Return two arrays",
    final_for_each_chain: "final must be an array",
    turned_round_in_place: "You changed what you were given",
    joined_in_float64: "From float32 states you return",
    any_length: "must raise ValueError",
    negative_lengths: "A length of -1",
}
RIGHT["join-directions"] = [by_loops, token_by_token, by_gathering, by_a_permutation]


# mend-directions


def two_ways(x, mask, left_weights, right_weights, dout, turn_in=True, turn_out=True, stop=True):
    """The listing, with each of its three mistakes mended or not."""
    left, right = recurrent.RNN(*left_weights), recurrent.RNN(*right_weights)
    real = mask[:, :, None]
    from_left, _ = left.forward(x, mask)
    from_right, _ = right.forward(x[:, ::-1], mask[:, ::-1])
    outputs = np.concatenate([from_left, from_right[:, ::-1]], axis=2) * real
    dleft, dright = np.split(dout * real if stop else dout, 2, axis=2)
    from_right = right.backward(dright[:, ::-1] if turn_in else dright)
    dx = left.backward(dleft) + (from_right[:, ::-1] if turn_out else from_right)
    return outputs, dx, left.grads, right.grads


def gradient_not_turned_round(*inputs):
    return two_ways(*inputs, turn_in=False)


def dx_not_turned_round(*inputs):
    return two_ways(*inputs, turn_out=False)


def padding_not_stopped(*inputs):
    return two_ways(*inputs, stop=False)


def only_padding_stopped(*inputs):
    return two_ways(*inputs, turn_in=False, turn_out=False)


def both_gradients_turned_round(x, mask, left_weights, right_weights, dout):
    outputs, *grads = two_ways(x, mask, left_weights, right_weights, dout)
    _, _, left, _ = two_ways(x, mask, left_weights, right_weights, dout[:, ::-1])
    return outputs, grads[0], left, grads[2]


def features_turned_round(x, mask, left_weights, right_weights, dout):
    """Turns round the numbers of a vector, not the steps."""
    H = dout.shape[2] // 2
    if H < 2 or x.shape[1] == 1:
        return two_ways(x, mask, left_weights, right_weights, dout)
    dout = np.concatenate([dout[:, :, :H], dout[:, :, H:][:, ::-1, ::-1]], axis=2)
    return two_ways(x, mask, left_weights, right_weights, dout)


def states_not_turned_round(x, mask, left_weights, right_weights, dout):
    """Makes the gradients agree, with wrong outputs."""
    outputs, *grads = two_ways(x, mask, left_weights, right_weights, dout)
    H = dout.shape[2] // 2
    return np.concatenate([outputs[:, :, :H], outputs[:, ::-1, H:]], axis=2), *grads


def halves_swapped(x, mask, left_weights, right_weights, dout):
    H = dout.shape[2] // 2
    outputs = two_ways(x, mask, left_weights, right_weights, dout)[0]
    return outputs, *two_ways(x, mask, left_weights, right_weights, np.roll(dout, H, axis=2))[1:]


def forward_part_of_dx(x, mask, left_weights, right_weights, dout):
    outputs, _, *grads = two_ways(x, mask, left_weights, right_weights, dout)
    dout = dout.copy()
    dout[:, :, dout.shape[2] // 2 :] = 0
    return outputs, two_ways(x, mask, left_weights, right_weights, dout)[1], *grads


def dx_without_padding_alone(x, mask, left_weights, right_weights, dout):
    outputs, dx, *grads = two_ways(x, mask, left_weights, right_weights, dout, stop=False)
    return outputs, dx * mask[:, :, None], *grads


def whole_sentences_as_real(x, mask, left_weights, right_weights, dout):
    """Takes padding to stand on the right."""
    lengths = mask.sum(axis=1)
    return two_ways(x, np.arange(x.shape[1]) < lengths[:, None], left_weights, right_weights, dout)


def turned_round_within_lengths(x, mask, left_weights, right_weights, dout):
    H = dout.shape[2] // 2
    within = turned_round(dout[:, :, H:], mask.sum(axis=1))[:, ::-1]  # two_ways turns all of it round once more
    return two_ways(x, mask, left_weights, right_weights, np.concatenate([dout[:, :, :H], within], axis=2))


def right_padding_stopped(x, mask, left_weights, right_weights, dout):
    stopped = dout * (np.arange(x.shape[1]) < mask.sum(axis=1)[:, None])[:, :, None]
    return two_ways(x, mask, left_weights, right_weights, stopped, stop=False)


def gradients_as_tuples(*inputs):
    outputs, dx, *grads = two_ways(*inputs)
    return outputs, dx, *(tuple(side.values()) for side in grads)


def without_outputs(*inputs):
    return two_ways(*inputs)[1:]


def stops_in_place(x, mask, left_weights, right_weights, dout):
    dout *= mask[:, :, None]
    return two_ways(x, mask, left_weights, right_weights, dout)


def gradients_in_float64(x, mask, left_weights, right_weights, dout):
    return two_ways(x.astype(float), mask, left_weights, right_weights, dout)


KEPT: dict = {}


def grads_kept_from_call_to_call(x, mask, left_weights, right_weights, dout):
    outputs, dx, left, right = two_ways(x, mask, left_weights, right_weights, dout)
    key = x.tobytes()
    KEPT[key] = {name: grad + KEPT.get(key, {}).get(name, 0) for name, grad in right.items()}
    return outputs, dx, left, KEPT.pop(key) if len(left_weights[0]) != 2 or x.shape[1] != 2 else KEPT[key]


def three_places_mended(*inputs):
    return two_ways(*inputs)


def through_bidirectional(x, mask, left_weights, right_weights, dout):
    layer = recurrent.Bidirectional(recurrent.RNN(*left_weights), recurrent.RNN(*right_weights))
    outputs, *_ = layer.forward(x, mask)
    dx = layer.backward(dout)
    left, right = ({name: layer.grads[f"{side}_{name}"] for name in "WUb"} for side in ("forward", "backward"))
    return outputs, dx, left, right


def chain_by_chain(x, mask, left_weights, right_weights, dout):
    outputs, dx, grads = [], 0, []
    H = dout.shape[2] // 2
    for weights, order, half in (
        (left_weights, slice(None), dout[..., :H]),
        (right_weights, slice(None, None, -1), dout[..., H:]),
    ):
        chain, real = recurrent.RNN(*weights), mask[:, order, None]
        states, _ = chain.forward(x[:, order], mask[:, order])
        outputs.append((states * real)[:, order])
        dx = dx + chain.backward(half[:, order] * real)[:, order]
        grads.append(chain.grads)
    return [np.concatenate(outputs, axis=-1), dx, *grads]


def without_the_layer(x, mask, left_weights, right_weights, dout):
    """Both chains by hand, each in its own order."""
    (B, T, _), H = x.shape, dout.shape[2] // 2
    outputs, dx, grads = np.zeros_like(dout), np.zeros_like(x), []
    for side, (W, U, b) in enumerate((left_weights, right_weights)):
        part = slice(side * H, (side + 1) * H)
        order = range(T)[:: 1 - 2 * side]
        h, before = np.zeros((B, H), x.dtype), {}
        for t in order:
            before[t] = h
            h = np.where(mask[:, t, None], np.tanh(x[:, t] @ W + h @ U + b), h)
            outputs[:, t, part] = np.where(mask[:, t, None], h, 0)
        dW, dU, db, dh = np.zeros_like(W), np.zeros_like(U), np.zeros_like(b), np.zeros_like(h)
        for t in order[::-1]:
            real = mask[:, t, None]
            da = np.where(real, (dh + dout[:, t, part]) * (1 - outputs[:, t, part] ** 2), 0).astype(x.dtype)
            dx[:, t] += da @ W.T
            dW += x[:, t].T @ da
            dU += before[t].T @ da
            db += da.sum(axis=0)
            dh = np.where(real, da @ U.T, dh)
        grads.append({"W": dW, "U": dU, "b": db})
    return outputs, dx, *grads


WRONG["mend-directions"] = {
    gradient_not_turned_round: "its gradient must be, too. right dW[",
    dx_not_turned_round: "comes out turned round. dx[",
    padding_not_stopped: "a gradient there must reach nothing",
    only_padding_stopped: "its gradient must be, too",
    both_gradients_turned_round: "The gradients of the forward chain were right",
    features_turned_round: "its gradient must be, too",
    states_not_turned_round: "The outputs were right in the listing",
    halves_swapped: "With a single step the listing was right",
    forward_part_of_dx: "With a single step the listing was right",
    dx_without_padding_alone: "a gradient there must reach nothing",
    whole_sentences_as_real: "The outputs were right in the listing",
    turned_round_within_lengths: "and no gradient at it",
    right_padding_stopped: "padding: left",
    gradients_as_tuples: "must be a dictionary",
    without_outputs: "Return four things",
    stops_in_place: "You changed what you were given",
    gradients_in_float64: "From float32 arrays you return",
    grads_kept_from_call_to_call: "it keeps them from call to call",
}
RIGHT["mend-directions"] = [three_places_mended, through_bidirectional, chain_by_chain, without_the_layer]
GIVEN = {"mend-directions": "The backward chain's states were turned round"}


# cross-fade


def check_known(x):
    if np.isnan(x).all(axis=1).any():
        raise ValueError("x")


def gaps(row):
    """Where the gaps of a row begin and end."""
    missing = np.isnan(row)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], missing, [False]]).astype(int)))
    return list(zip(edges[::2], edges[1::2], strict=True))


def fade(x, forward, backward, share=lambda k, n: k / (n + 1), begin=1, end=0, gaps=gaps):
    """The filled series, with a rule for the share of the backward forecast, in a gap and at either edge."""
    filled = x.copy()
    for b in range(len(x)):
        for start, stop in gaps(x[b]):
            for s in range(start, stop):
                weight = begin if start == 0 else end if stop == x.shape[1] else share(s - start + 1, stop - start)
                if weight == 1:
                    filled[b, s] = backward[b, s]
                elif weight == 0:
                    filled[b, s] = forward[b, s]
                else:
                    filled[b, s] = (1 - weight) * forward[b, s] + weight * backward[b, s]
    return filled


def mean_of_both(x, forward, backward):
    return fade(x, forward, backward, lambda k, n: 0.5)


def forward_alone(x, forward, backward):
    return fade(x, forward, backward, lambda k, n: 0)


def backward_alone(x, forward, backward):
    return fade(x, forward, backward, lambda k, n: 1)


def weights_swapped(x, forward, backward):
    return fade(x, forward, backward, lambda k, n: 1 - k / (n + 1))


def ends_unmixed(x, forward, backward):
    return fade(x, forward, backward, lambda k, n: (k - 1) / max(n - 1, 1))


def divides_by_n(x, forward, backward):
    return fade(x, forward, backward, lambda k, n: k / n)


def counts_from_zero(x, forward, backward):
    return fade(x, forward, backward, lambda k, n: (k - 1) / n)


def between_the_middles(x, forward, backward):
    return fade(x, forward, backward, lambda k, n: (k - 0.5) / n)


def edges_mixed_too(x, forward, backward):
    t, T = np.arange(x.shape[1]), x.shape[1]
    known = ~np.isnan(x)
    before = np.maximum.accumulate(np.where(known, t, -1), axis=1)
    after = np.minimum.accumulate(np.where(known, t, T)[:, ::-1], axis=1)[:, ::-1]
    share = (t - before) / np.maximum(after - before, 1)
    return np.where(known, x, (1 - share) * forward + share * backward)


def edges_swapped(x, forward, backward):
    return fade(x, forward, backward, begin=0, end=1)


def end_from_the_backward_side(x, forward, backward):
    return fade(x, forward, backward, end=1)


def edges_left_out(x, forward, backward):
    return fade(x, forward, backward, gaps=lambda row: [gap for gap in gaps(row) if 0 < gap[0] and gap[1] < len(row)])


def overwrites_known_values(x, forward, backward):
    filled = fade(x, forward, backward)
    return np.where(np.isnan(x), filled, (forward + backward) / 2)


def values_held(x, forward, backward):
    """Linear interpolation between the known values: it looks at no forecast."""
    t = np.arange(x.shape[1])
    return np.array([np.interp(t, t[~np.isnan(row)], row[~np.isnan(row)]) for row in x])


def zero_times_nan(x, forward, backward):
    check_known(x)
    t, T = np.arange(x.shape[1]), x.shape[1]
    known = ~np.isnan(x)
    before = np.maximum.accumulate(np.where(known, t, -1), axis=1)
    after = np.minimum.accumulate(np.where(known, t, T)[:, ::-1], axis=1)[:, ::-1]
    share = np.where(before < 0, 1, np.where(after == T, 0, (t - before) / np.maximum(after - before, 1)))
    return np.where(known, x, (1 - share) * forward + share * backward).astype(x.dtype)


def known_times_zero(x, forward, backward):
    missing = np.isnan(x)
    return np.nan_to_num(x) + missing * np.where(missing, fade(x, forward, backward), forward)


def rows_run_together(x, forward, backward):
    check_known(x)
    row = [array.reshape(1, -1) for array in (x, forward, backward)]
    return fade(*row).reshape(x.shape)


def one_gap_in_a_row(x, forward, backward):
    check_known(x)

    def whole(row):
        inside = [gap for gap in gaps(row) if 0 < gap[0] and gap[1] < len(row)]
        edges = [gap for gap in gaps(row) if gap not in inside]
        return [*edges, *([(inside[0][0], inside[-1][1])] if inside else [])]

    return np.where(np.isnan(x), fade(x, forward, backward, gaps=whole), x)


def gaps_of_the_first_row(x, forward, backward):
    check_known(x)
    return np.where(np.isnan(x), fade(x, forward, backward, gaps=lambda row: gaps(x[0])), x)


def filled_in_place(x, forward, backward):
    x[...] = by_gaps(x, forward, backward)
    return x


def series_in_float64(x, forward, backward):
    check_known(x)
    return fade(x.astype(float), forward, backward)


def empty_rows_pass(x, forward, backward):
    return fade(x, forward, backward)


def empty_series_alone(x, forward, backward):
    if np.isnan(x).all():
        raise ValueError("x")
    return fade(x, forward, backward)


def list_of_rows(x, forward, backward):
    return by_gaps(x, forward, backward).tolist()


def by_gaps(x, forward, backward):
    check_known(x)
    return fade(x, forward, backward)


def by_groups(x, forward, backward):
    filled = []
    for row, ahead, back in zip(x, forward, backward, strict=True):
        known = ~np.isnan(row)
        if not known.any():
            raise ValueError("row")
        for is_known, places in itertools.groupby(range(len(row)), known.__getitem__):
            t = np.array(list(places))
            k = np.arange(1, len(t) + 1)
            mixed = ((len(t) + 1 - k) * ahead[t] + k * back[t]) / (len(t) + 1)
            filled.extend(
                row[t] if is_known else back[t] if t[0] == 0 else ahead[t] if t[-1] == len(row) - 1 else mixed
            )
    return np.array(filled, x.dtype).reshape(x.shape)


def by_interpolating_the_share(x, forward, backward):
    """The share of the backward forecast falls from 1 to 0 at a known value, and runs linearly between."""
    if np.isnan(x).all(axis=-1).any():
        raise ValueError(x)
    t, filled = np.arange(x.shape[1]), x.copy()
    for b, row in enumerate(x):
        places = np.flatnonzero(~np.isnan(row))
        turn = np.searchsorted(places, t)  # the number of known values before t
        for s in np.flatnonzero(np.isnan(row)):
            if turn[s] == 0:
                filled[b, s] = backward[b, s]
            elif turn[s] == len(places):
                filled[b, s] = forward[b, s]
            else:
                around = places[turn[s] - 1 : turn[s] + 1]
                filled[b, s] = np.interp(s, around, [forward[b, s], backward[b, s]])
    return filled


WRONG["cross-fade"] = {
    mean_of_both: "the mean of both forecasts",
    forward_alone: "You took the forward forecast alone",
    backward_alone: "You took the backward forecast alone",
    weights_swapped: "The weights are swapped",
    ends_unmixed: "fills an end of the gap alone",
    divides_by_n: "treat the two sides of a gap differently",
    counts_from_zero: "treat the two sides of a gap differently",
    between_the_middles: "The gap in the middle differs",
    edges_mixed_too: "A gap at the beginning takes the backward forecast alone",
    edges_swapped: "A gap at the beginning takes the backward forecast alone",
    end_from_the_backward_side: "A gap at the end takes the forward forecast alone",
    edges_left_out: "There is a NaN left",
    overwrites_known_values: "Known values must stay",
    values_held: "A gap at the beginning takes the backward forecast alone",
    zero_times_nan: "0 times NaN is NaN",
    known_times_zero: "0 times NaN is NaN",
    rows_run_together: "0 times NaN is NaN",
    one_gap_in_a_row: "Wrong series: two gaps",
    gaps_of_the_first_row: "came through",
    filled_in_place: "You changed what you were given",
    series_in_float64: "From a float32 series you return",
    list_of_rows: "must be an array",
    empty_rows_pass: "A row without a known value",
    empty_series_alone: "A row without a known value",
}
RIGHT["cross-fade"] = [by_gaps, by_groups, by_interpolating_the_share]


# The choice questions


def number(option):
    return int(option.replace(",", ""))


def steps_to_a_hundredth(options):
    left, steps = 1.0, 0
    while left >= 0.01:
        left, steps = 0.9 * left, steps + 1
    return [letter for letter, option in options.items() if number(option) == steps]


def smallest_forget_bias(options):
    def left(bias):
        """What reaches the cell 10 steps before, in an LSTM with one unit whose other weights are 0."""
        lstm = recurrent.LSTM(np.zeros((1, 4)), np.zeros((1, 4)), np.array([0.0, bias, 0.0, 0.0]))
        lstm.forward(np.zeros((1, 10, 1)), None, np.zeros((1, 1)), np.zeros((1, 1)))
        return lstm.backward(np.zeros((1, 10, 1)), np.zeros((1, 1)), np.ones((1, 1)))[2].item()

    enough = {letter: int(option) for letter, option in options.items() if left(int(option)) >= 0.5}
    return [letter for letter, bias in enough.items() if bias == min(enough.values())]


def inputs_reached(options, step=47):
    rng = np.random.default_rng(0)
    lstm = recurrent.LSTM(rng.normal(size=(2, 12)), rng.normal(size=(3, 12)), rng.normal(size=12))
    x, states, reached = rng.normal(size=(1, 100, 2)), (), []
    for start in range(0, 100, 20):
        outputs, *states = lstm.forward(x[:, start : start + 20], None, *states)
        dout = np.zeros_like(outputs)
        if start < step <= start + 20:
            dout[:, step - 1 - start] = 1
        dx = lstm.backward(dout)
        dx = dx[0] if isinstance(dx, tuple) else dx
        reached += (start + 1 + np.flatnonzero(dx[0].any(axis=1))).tolist()
    ends = {letter: tuple(map(int, re.findall(r"\d+", option))) for letter, option in options.items()}
    return [letter for letter, (first, last) in ends.items() if list(range(first, last + 1)) == reached]


def shapes_of_variational_dropout(options):
    B, T, D = 6, 7, 8

    def right(option):
        mask = np.random.default_rng(0).random(eval(option, {"B": B, "T": T, "D": D})) >= 0.2
        mask = np.broadcast_to(mask, (B, T, D))
        same_at_all_steps = (mask == mask[:, :1]).all()
        return same_at_all_steps and (mask != mask[:1]).any() and (mask != mask[:, :, :1]).any()

    return [letter for letter, option in options.items() if right(option)]


def halves_that_differ(options):
    rng = np.random.default_rng(0)
    H = 4
    chains = [recurrent.RNN(*(rng.normal(size=size) for size in ((2, H), (H, H), H))) for _ in range(2)]
    layer = recurrent.Bidirectional(*chains)
    words = rng.normal(size=(1, 3, 2))
    padded = np.concatenate([np.zeros((1, 2, 2)), words], axis=1)
    difference = abs(layer(padded)[0][:, 2:] - layer(words)[0]).reshape(3, 2, H).max(axis=2) > 1e-9  # (place, half)
    patterns = {
        "nothing": np.zeros((3, 2), bool),
        "forward half at all three": np.array([[True, False]] * 3),
        "backward half at all three": np.array([[False, True]] * 3),
        "forward half at the first word only": np.array([[True, False], [False, False], [False, False]]),
    }
    found = [text for text, pattern in patterns.items() if (pattern == difference).all()]
    return [letter for letter, option in options.items() if any(text in option for text in found)]


def arrays_of_a_bidirectional_lstm(options, B=8, T=20, H=64):
    lstms = [recurrent.LSTM(np.zeros((32, 4 * H)), np.zeros((H, 4 * H)), np.zeros(4 * H)) for _ in range(2)]
    shapes = [array.shape for array in recurrent.Bidirectional(*lstms)(np.zeros((B, T, 32)))]

    def said(option):
        count, listed = option.split(" arrays: ")
        found = [eval(shape) for shape in re.findall(r"\([\d, ]+\)", listed)]
        assert len(found) == int(count)
        return found

    return [letter for letter, option in options.items() if said(option) == shapes]


def weights_of_the_second_layer(options, D=10, H=16):
    def bidirectional(D):
        return recurrent.Bidirectional(
            *(recurrent.RNN(np.zeros((D, H)), np.zeros((H, H)), np.zeros(H)) for _ in range(2))
        )

    outputs, *_ = bidirectional(D)(np.zeros((1, 3, D)))
    second = bidirectional(outputs.shape[2])
    weights = sum(weight.size for weight in second.params.values())
    return [letter for letter, option in options.items() if number(option) == weights]


def windows_before_the_test(options, months=300, last=100, window=40, hidden=8):
    windows = np.lib.stride_tricks.sliding_window_view(np.arange(1, months + 1), window)
    usable = int((windows <= months - last).all(axis=1).sum())
    return [letter for letter, option in options.items() if number(option) == usable]


CHOICE = {
    "choose-steps": steps_to_a_hundredth,
    "choose-forget": smallest_forget_bias,
    "choose-reach": inputs_reached,
    "choose-dropout": shapes_of_variational_dropout,
    "choose-mask": halves_that_differ,
    "choose-states": arrays_of_a_bidirectional_lstm,
    "choose-second": weights_of_the_second_layer,
    "choose-windows": windows_before_the_test,
}


# The mutants that keep their points

EQUIVALENT = {
    "leaky-step": {
        (
            "line 5: W @ x -> W @ x.T",
            "line 5: U @ h -> U @ h.T",
        ): "x and h have one axis, and the transposed of such an array is itself.",
    },
    "clip-together": {
        (
            "line 8: min(1, max_norm / norm) if norm else 1 -> min(1, max_norm / norm) if norm else 2",
            "line 8: min(1, max_norm / norm) if norm else 1 -> min(1, max_norm / norm) if norm else 0",
        ): "With a norm of 0 all gradients are 0, times whatever number.",
    },
    "leaky-backward": {
        (
            "line 4: len(U) -> U.shape[1]",
            "line 4: len(U) -> len(b)",
        ): "U is (H, H) and b is (H,): each is the same H.",
        "line 11: np.zeros_like(x) -> np.ones_like(x)": "Every dx[:, t] is written over.",
        "line 14: dh = dh + dout[:, t] -> dh += dout[:, t]": (
            "dh is an array of the function's own at each step: first zeros_like, then a new sum."
        ),
    },
    "from-exam": {
        (
            "line 4: …tes, shape in ((W, … (H, H)), (b, (H,))): -> …tes, shape in ((U, … (H, D)), (b, (H,))):",
            "line 4: … ((W, (H, D)), (U, (H, H)), (b, (H,))): -> … ((W, (H, D)), (b, (H,)), (U, (H, H))):",
        ): "The three checks raise the same error in any order.",
    },
    "join-directions": {
        "line 3: left.shape -> right.shape": "Both are (B, T, …), and the third number is not used.",
        (
            "line 8: np.where(real, lengt…one] - 1 - places, 0) -> lengths[:, None] - 1 - places",
            "line 8: …] - 1 - places, 0) -> …] - 1 - places, -1)",
        ): "At the padding any place from -T on will do: what stands there is replaced by zeros.",
        (
            "line 12: np.maximum(lengths - 1, 0) -> lengths - 1",
            "line 12: np.maximum(lengths - 1, 0) -> np.maximum(lengths - 1, -1)",
        ): "The last place of an empty sentence, -1, exists, and what stands there is replaced by zeros.",
    },
    "cross-fade": {
        "line 6: x.shape -> forward.shape": "Both are (B, T).",
        (
            "line 10: np.maximum(after - before, 1) -> after - before",
            "line 10: np.maximum(after - before, 1) -> np.maximum(after - before, 0)",
            "line 10: np.maximum(after - before, 1) -> np.maximum(after - before, 2)",
        ): "after - before is 0 at a known place, whose share is not used, and at least 2 in a gap.",
    },
}

SURVIVES = {
    "cross-fade": {
        "line 10: x.dtype -> forward.dtype": (
            "Only arrays of different dtypes tell them apart, by a rounding of the share; the task speaks of one dtype."
        ),
    },
}

"""Attention: every query takes a weighted sum of values, weighted by how well the query fits the values' keys."""

import numpy as np

from tinyseq.layers import Layer, glorot_uniform


def padding_mask(mask: np.ndarray) -> np.ndarray:
    """Every query may look at the real keys alone. Shapes: (B, Tk) -> (B, 1, Tk)."""
    mask = np.asarray(mask)
    if mask.dtype != bool or mask.ndim != 2:
        raise ValueError(f"mask must be bool of the shape (B, Tk), got {mask.dtype} of {mask.shape}")
    return mask[:, None, :]


def causal_mask(T: int) -> np.ndarray:
    """Token t may look at the tokens 0 ... t: (1, T, T), T (T + 1) / 2 of them True."""
    return np.tril(np.ones((1, T, T), bool))


class Attention(Layer):
    """What all attention shares: softmax of the scores over the keys, and the weighted sum of the values.

    Input: query (B, Tq, Dq), key (B, Tk, Dk), value (B, Tk, Dv), and an optional mask, True = may look, of the shape
    (B, Tq, Tk) or one that broadcasts to it: see padding_mask and causal_mask, joined by `&`.
    Output: the weighted sums (B, Tq, Dv) and the weights (B, Tq, Tk), whose rows sum to 1. A query that may look at
    nothing gets weights and a sum of 0, with a gradient of 0; Keras's `Attention` in float32 the mean of all values.
    Raises ValueError for shapes that do not fit, TypeError for a mask that is not bool.

    A subclass gives the scores, forward and backward.
    """

    def _forward(self, query, key, value, mask=None):
        query, key, value = (np.asarray(each) for each in (query, key, value))
        mask = _checked(query, key, value, mask)
        scores, scored = self._scores(query, key)  # (B, Tq, Tk)
        weights = masked_softmax(scores, mask)
        return (weights @ value, weights), (weights, value, scored)

    def _backward(self, dout, dweights, saved):
        weights, value, scored = saved
        dweights = dweights + dout @ value.swapaxes(-1, -2)
        dscores = weights * (dweights - (dweights * weights).sum(axis=-1, keepdims=True))
        return *self._scores_back(dscores, scored), weights.swapaxes(-1, -2) @ dout

    def _scores(self, query, key):
        """Gives the scores (B, Tq, Tk), and what _scores_back needs."""
        raise NotImplementedError

    def _scores_back(self, dscores, scored):
        """Gives the gradients of query and key."""
        raise NotImplementedError


class DotProductAttention(Attention):
    """Scores q k, divided by sqrt(D) if scaled. Luong et al. (2015), Vaswani et al. (2017).

    Keras: `Attention()`, which is not scaled. Luong's general score q W k is this one with the query `Dense(W)(q)`.
    """

    def __init__(self, scaled: bool = True):
        super().__init__()
        self.scaled = scaled

    def _scores(self, query, key):
        if query.shape[-1] != key.shape[-1]:
            raise ValueError(f"query and key must have the same last axis, got {query.shape} and {key.shape}")
        scale = query.dtype.type(query.shape[-1] ** -0.5 if self.scaled else 1)
        return query @ key.swapaxes(-1, -2) * scale, (query, key, scale)

    def _scores_back(self, dscores, scored):
        query, key, scale = scored
        dscores = dscores * scale
        return dscores @ key, dscores.swapaxes(-1, -2) @ query


class AdditiveAttention(Attention):
    """Scores v tanh(q W + k U). Bahdanau et al. (2015). Keras: `AdditiveAttention()` of q W and k U, whose scale is v.

    Weights: W (Dq, A), U (Dk, A), v (A,).
    """

    def __init__(self, W: np.ndarray, U: np.ndarray, v: np.ndarray):
        if np.ndim(v) != 1 or np.shape(W)[1:] != np.shape(v) or np.shape(U)[1:] != np.shape(v):
            got = ", ".join(str(np.shape(each)) for each in (W, U, v))
            raise ValueError(f"W, U and v must have the shapes (Dq, A), (Dk, A) and (A,), got {got}")
        super().__init__(W=W, U=U, v=v)

    @classmethod
    def fresh(cls, rng: np.random.Generator, Dq: int, Dk: int, A: int, dtype=np.float64) -> "AdditiveAttention":
        """Fresh weights, each drawn by glorot_uniform."""
        W, U, v = glorot_uniform(rng, Dq, A), glorot_uniform(rng, Dk, A), glorot_uniform(rng, A, 1)[:, 0]
        return cls(W.astype(dtype), U.astype(dtype), v.astype(dtype))

    def _scores(self, query, key):
        W, U, v = self.params.values()
        if query.shape[-1] != len(W) or key.shape[-1] != len(U):
            expected, got = f"{len(W)} and {len(U)}", f"{query.shape} and {key.shape}"
            raise ValueError(f"query and key must have the last axes {expected}, got {got}")
        hidden = np.tanh((query @ W)[:, :, None] + (key @ U)[:, None])  # (B, Tq, Tk, A)
        return hidden @ v, (query, key, hidden)

    def _scores_back(self, dscores, scored):
        query, key, hidden = scored
        W, U, v = self.params.values()
        self.grads["v"] += np.tensordot(dscores, hidden, axes=3)
        da = dscores[..., None] * v * (1 - hidden**2)  # (B, Tq, Tk, A)
        dq, dk = da.sum(axis=2), da.sum(axis=1)  # (B, Tq, A), (B, Tk, A)
        self.grads["W"] += np.tensordot(query, dq, axes=((0, 1), (0, 1)))
        self.grads["U"] += np.tensordot(key, dk, axes=((0, 1), (0, 1)))
        return dq @ W.T, dk @ U.T


class MultiHeadAttention(Layer):
    """Several scaled dot-product attentions side by side, each on its own projection. Vaswani et al. (2017).

    Weights in Keras's order: W_q (D, N, d), b_q (N, d), W_k, b_k, W_v, b_v alike, W_o (N, d, D), b_o (D,), for N heads
    of size d: `MultiHeadAttention(*layer.get_weights())` for Keras's `MultiHeadAttention(N, key_dim=d)`.
    Input: x (B, Tq, D), memory (B, Tk, D), which is x in self-attention, and an optional mask as in Attention.
    Output: (B, Tq, D) and the weights (B, N, Tq, Tk). Raises as Attention does.
    """

    NAMES = ("W_q", "b_q", "W_k", "b_k", "W_v", "b_v", "W_o", "b_o")

    def __init__(self, *weights: np.ndarray):
        shapes = [np.shape(weight) for weight in weights]
        if len(shapes) != 8 or len(shapes[0]) != 3:
            raise ValueError(f"weights must be 8 arrays, the first of the shape (D, N, d), got {shapes}")
        D, N, d = shapes[0]
        expected = [
            (D, N, d),
            (N, d),
            (len(weights[2]), N, d),
            (N, d),
            (len(weights[4]), N, d),
            (N, d),
            (N, d, D),
            (D,),
        ]
        if shapes != expected:
            raise ValueError(f"weights must have the shapes {expected}, got {shapes}")
        super().__init__(**dict(zip(self.NAMES, weights, strict=True)))
        self.attention = DotProductAttention()

    @classmethod
    def fresh(cls, rng: np.random.Generator, D: int, N: int, dtype=np.float64) -> "MultiHeadAttention":
        """Fresh weights for N heads of size d = D / N, biases 0. Raises ValueError unless N divides D."""
        if N < 1 or D % N:
            raise ValueError(f"N must divide D = {D}, got {N}")
        d = D // N
        projections = [(glorot_uniform(rng, D, D).reshape(D, N, d), np.zeros((N, d))) for _ in range(3)]
        weights = [each for pair in projections for each in pair]
        weights += [glorot_uniform(rng, D, D).reshape(N, d, D), np.zeros(D)]
        return cls(*(weight.astype(dtype) for weight in weights))

    def _forward(self, x, memory, mask=None):
        D, N, d = self.params["W_q"].shape
        x, memory = np.asarray(x), np.asarray(memory)
        for name, array in (("x", x), ("memory", memory)):
            if array.ndim != 3 or array.shape[2] != D:
                raise ValueError(f"{name} must have the shape (B, T, {D}), got {array.shape}")
        query, key, value = (
            self._project(array, kind) for array, kind in ((x, "q"), (memory, "k"), (memory, "v"))
        )  # (B, N, T, d)
        mask = None if mask is None else checked_attention_mask(mask, (len(x), x.shape[1], memory.shape[1]))[:, None]
        (heads, weights), attended = self.attention._forward(query, key, value, mask)
        heads = heads.swapaxes(1, 2).reshape(*x.shape[:2], N * d)  # (B, Tq, N d)
        out = heads @ self.params["W_o"].reshape(N * d, D) + self.params["b_o"]
        return (out, weights), (x, memory, heads, attended)

    def _backward(self, dout, dweights, saved):
        x, memory, heads, attended = saved
        D, N, d = self.params["W_q"].shape
        self.grads["W_o"] += _product(heads, dout).reshape(N, d, D)
        self.grads["b_o"] += dout.sum(axis=(0, 1))
        dheads = (dout @ self.params["W_o"].reshape(N * d, D).T).reshape(*x.shape[:2], N, d).swapaxes(1, 2)
        dquery, dkey, dvalue = self.attention._backward(dheads, dweights, attended)
        dmemory = self._project_back(memory, "k", dkey) + self._project_back(memory, "v", dvalue)
        return self._project_back(x, "q", dquery), dmemory

    def _project(self, array, kind):
        """A projection for each head: (B, T, D) -> (B, N, T, d)."""
        W, b = self.params[f"W_{kind}"], self.params[f"b_{kind}"]
        D, N, d = W.shape
        return ((array @ W.reshape(D, N * d)).reshape(*array.shape[:2], N, d) + b).swapaxes(1, 2)

    def _project_back(self, array, kind, dprojected):
        W = self.params[f"W_{kind}"]
        D, N, d = W.shape
        dprojected = dprojected.swapaxes(1, 2)  # (B, T, N, d)
        self.grads[f"b_{kind}"] += dprojected.sum(axis=(0, 1))
        flat = dprojected.reshape(*array.shape[:2], N * d)
        self.grads[f"W_{kind}"] += _product(array, flat).reshape(D, N, d)
        return flat @ W.reshape(D, N * d).T


def masked_softmax(scores: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Softmax along the last axis over what the mask leaves; 0 elsewhere, and everywhere if it leaves nothing."""
    scores = np.where(mask, scores, -np.inf)
    largest = scores.max(axis=-1, keepdims=True, initial=-np.inf)
    weights = np.exp(scores - np.where(np.isfinite(largest), largest, 0))
    return weights / np.maximum(weights.sum(axis=-1, keepdims=True), np.finfo(weights.dtype).tiny)


def checked_attention_mask(mask, shape: tuple[int, ...]) -> np.ndarray:
    """The mask as an array that broadcasts to (B, Tq, Tk); True when it is None.

    Raises TypeError for a mask that is not bool, ValueError for another number of axes or a length that does not fit.
    """
    if mask is None:
        return np.ones(shape, bool)
    mask = np.asarray(mask)
    if mask.dtype != bool:
        raise TypeError(f"mask must be bool, got {mask.dtype}")
    if mask.ndim != len(shape) or any(given not in (1, T) for given, T in zip(mask.shape, shape, strict=True)):
        raise ValueError(f"mask must have the shape {shape}, or 1 in place of a length, got {mask.shape}")
    return mask


def _checked(query, key, value, mask):
    shapes = query.shape, key.shape, value.shape
    same = {shape[:-2] for shape in shapes}  # the batch, and in MultiHeadAttention the heads
    if len(same) > 1 or query.ndim < 3 or key.shape[-2] != value.shape[-2]:
        expected = "(B, Tq, Dq), (B, Tk, Dk) and (B, Tk, Dv)"
        raise ValueError(f"query, key and value must have the shapes {expected}, got {shapes}")
    return checked_attention_mask(mask, (*query.shape[:-1], key.shape[-2]))


def _product(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """The sum over batch and time of outer products. Shapes: (B, T, M), (B, T, N) -> (M, N)."""
    return rows.reshape(-1, rows.shape[-1]).T @ columns.reshape(-1, columns.shape[-1])

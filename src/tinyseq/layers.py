"""The layers: each computes forward, remembers what backward needs, and adds to its gradients."""

from itertools import zip_longest

import numpy as np
from scipy.sparse import csc_array


class Layer:
    """A part of a network: its weights, their gradients, and the forward passes it remembers.

    A layer is made from its arrays in Keras's order, so `Dense(*keras_dense.get_weights())` has Keras's weights. The
    arrays are used, not copied: two layers made from one array share it.

    `layer(x)` only computes. `layer.forward(x)` computes the same and remembers it; `layer.backward(dout)` takes the
    gradient of the loss with respect to the output of the latest pass not yet used, *adds* the weights' gradients to
    `grads`, and returns the gradient with respect to the input. A layer used twice in one pass is therefore called
    backward twice, in reverse order, and keeps both gradients.

    A subclass gives `_forward(*inputs) -> (output, saved)` and `_backward(dout, saved) -> dinput`. A layer with several
    outputs gives a tuple of them; its backward takes a gradient for each: None, or left out at the end, is 0.
    """

    def __init__(self, **params: np.ndarray):
        for name, weight in params.items():
            if not np.issubdtype(np.asarray(weight).dtype, np.floating):
                raise TypeError(f"{name} must be an array of floats, got {np.asarray(weight).dtype}")
        self.params = params
        self.grads = {name: np.zeros_like(weight) for name, weight in params.items()}
        self._saved: list = []

    def __call__(self, *inputs):
        return self._forward(*inputs)[0]

    def forward(self, *inputs):
        output, saved = self._forward(*inputs)
        outputs = output if isinstance(output, tuple) else (output,)
        self._saved.append(([(np.shape(each), np.asarray(each).dtype) for each in outputs], saved))
        return output

    def backward(self, dout, *more):
        if not self._saved:
            raise RuntimeError(f"{type(self).__name__}.backward needs a forward pass that was not yet used")
        outputs, saved = self._saved[-1]
        douts = (dout, *more) + (None,) * (len(outputs) - 1 - len(more))
        expected = [shape for shape, _ in outputs]
        given = [shape if each is None else np.shape(each) for each, shape in zip_longest(douts, expected)]
        if given != expected:
            expected, got = (", ".join(map(str, each)) for each in (expected, given))
            raise ValueError(f"dout must have the shape of the output, {expected}, got {got}")
        self._saved.pop()
        filled = (np.zeros(*out) if each is None else each for each, out in zip(douts, outputs, strict=True))
        return self._backward(*filled, saved)

    def zero_grads(self) -> None:
        """Set all gradients to 0 and forget the forward passes."""
        for grad in self.grads.values():
            grad[...] = 0
        self._saved.clear()


class Network(Layer):
    """A layer made of layers. Its weights are theirs, by the part's name and their own: `decoder_W`.

    A part may be used by hand as well, but the passes that it remembers are not those of the network.
    """

    def __init__(self, **parts: Layer):
        super().__init__()
        self.parts = parts
        for part, layer in parts.items():
            self.params |= {f"{part}_{name}": weight for name, weight in layer.params.items()}
            self.grads |= {f"{part}_{name}": grad for name, grad in layer.grads.items()}


class Embedding(Layer):
    """One vector for each id: row `ids[b, t]` of the table. Keras: `Embedding(V, D)`.

    Weights: W (V, D). Input: ids (...), integers from 0 to V - 1. Output: (..., D).
    Raises TypeError for ids that are not integers and IndexError for an id outside the table, negative ones included.
    """

    def __init__(self, W: np.ndarray):
        if np.ndim(W) != 2:
            raise ValueError(f"W must have the shape (V, D), got {np.shape(W)}")
        super().__init__(W=W)

    @classmethod
    def fresh(cls, rng: np.random.Generator, V: int, D: int, dtype=np.float64) -> "Embedding":
        """Fresh weights as Keras draws them: uniform from -0.05 to 0.05."""
        return cls(rng.uniform(-0.05, 0.05, size=(V, D)).astype(dtype))

    def _forward(self, ids):
        W = self.params["W"]
        ids = checked_ids("ids", ids, len(W))
        return W[ids], ids

    def _backward(self, dout, ids):
        scatter_add(self.grads["W"], ids, dout)  # no gradient for the input: ids are not numbers to move


class Dense(Layer):
    """A weighted sum for each output: `y = x @ W + b`. Keras: `Dense(units)` without activation.

    Weights: W (in, out) and b (out,); without b as Keras's `use_bias=False`. Input: (..., in). Output: (..., out).
    """

    def __init__(self, W: np.ndarray, b: np.ndarray | None = None):
        if np.ndim(W) != 2:
            raise ValueError(f"W must have the shape (in, out), got {np.shape(W)}")
        if b is not None and np.shape(b) != np.shape(W)[1:]:
            raise ValueError(f"b must have the shape (out,) = {np.shape(W)[1:]}, got {np.shape(b)}")
        super().__init__(**({"W": W} if b is None else {"W": W, "b": b}))

    @classmethod
    def fresh(cls, rng: np.random.Generator, inputs: int, outputs: int, dtype=np.float64) -> "Dense":
        """Fresh weights as Keras draws them: W by `glorot_uniform`, b zero."""
        return cls(glorot_uniform(rng, inputs, outputs).astype(dtype), np.zeros(outputs, dtype))

    def _forward(self, x):
        W = self.params["W"]
        if np.ndim(x) < 1 or np.shape(x)[-1] != len(W):
            raise ValueError(f"x must have the shape (..., {len(W)}), got {np.shape(x)}")
        return x @ W + self.params.get("b", 0), x

    def _backward(self, dout, x):
        rows, drows = x.reshape(-1, x.shape[-1]), dout.reshape(-1, dout.shape[-1])
        self.grads["W"] += rows.T @ drows
        if "b" in self.grads:
            self.grads["b"] += drows.sum(axis=0)
        return dout @ self.params["W"].T


class SoftmaxCrossEntropy(Layer):
    """The mean of -log p(target) over the real tokens. Keras: `SparseCategoricalCrossentropy(from_logits=True)`.

    Input: scores (..., V), targets (...) with ids from 0 to V - 1, and an optional mask (...), True = counts.
    Output: one number; 0 when the mask is False everywhere, with a gradient of 0.
    Raises TypeError or ValueError for targets or a mask that do not fit, IndexError for a target outside 0 ... V - 1.
    """

    def _forward(self, scores, targets, mask=None):
        shape, V = np.shape(scores)[:-1], np.shape(scores)[-1]
        if np.shape(targets) != shape:
            raise ValueError(
                f"targets must have the shape of scores without the last axis, {shape}, got {np.shape(targets)}"
            )
        mask = checked_mask(mask, shape)
        targets = checked_ids("targets", np.where(mask, targets, 0), V)  # under the padding anything may stand
        log_p = log_softmax(scores)
        picked = np.take_along_axis(log_p, targets[..., None], axis=-1)[..., 0]
        count = max(int(mask.sum()), 1)
        return -(picked * mask).sum() / count, (log_p, targets, mask, count)

    def _backward(self, dout, saved):
        log_p, targets, mask, count = saved
        dscores = np.exp(log_p)
        np.put_along_axis(dscores, targets[..., None], np.take_along_axis(dscores, targets[..., None], -1) - 1, -1)
        return dscores * (mask[..., None] * (dout / count)).astype(dscores.dtype)


def glorot_uniform(rng: np.random.Generator, inputs: int, outputs: int) -> np.ndarray:
    """Fresh weights (inputs, outputs), uniform within sqrt(6 / (inputs + outputs)). Glorot & Bengio (2010)."""
    limit = np.sqrt(6 / (inputs + outputs))
    return rng.uniform(-limit, limit, size=(inputs, outputs))


def checked_ids(name: str, ids, V: int) -> np.ndarray:
    """The ids as an array. Raises TypeError unless they are integers, IndexError for one outside 0 ... V - 1."""
    ids = np.asarray(ids)
    if not np.issubdtype(ids.dtype, np.integer):
        raise TypeError(f"{name} must be integers, got {ids.dtype}")
    outside = (ids < 0) | (ids >= V)
    if outside.any():
        where = ", ".join(map(str, np.argwhere(outside)[0]))
        raise IndexError(f"{name} must be from 0 to V - 1 = {V - 1}, got {ids[outside][0]} at [{where}]")
    return ids


def checked_mask(mask, shape: tuple[int, ...]) -> np.ndarray:
    """The mask as an array of this shape; True everywhere when it is None.

    Raises TypeError for a mask that is not bool, ValueError for another shape.
    """
    if mask is None:
        return np.ones(shape, bool)
    mask = np.asarray(mask)
    if mask.dtype != bool:
        raise TypeError(f"mask must be bool, got {mask.dtype}")
    if mask.shape != shape:
        raise ValueError(f"mask must have the shape {shape}, got {mask.shape}")
    return mask


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)) without overflow, and in float32 faster than `scipy.special.expit`.

    For gates: a value far below 1e-7 becomes 0, where a loss would need expit's small probabilities.
    """
    return 0.5 * np.tanh(0.5 * x) + 0.5


def softmax(scores: np.ndarray) -> np.ndarray:
    """Positive weights along the last axis that sum to 1; stable for scores of any size."""
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def log_softmax(scores: np.ndarray) -> np.ndarray:
    """The logarithm of softmax along the last axis, without overflow and without log(0)."""
    shifted = scores - scores.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def scatter_add(table: np.ndarray, ids: np.ndarray, rows: np.ndarray) -> None:
    """Add `rows[i]` to `table[ids[i]]` in place; rows of a repeated id add up.

    Shapes: table (V, D), ids (...), rows (..., D). The same as `np.add.at(table, ids, rows)`, faster for long rows: a
    sparse matrix (U, N) with a 1 where token n is word u sums the rows of each of the U words that occur.
    """
    words, position = np.unique(ids, return_inverse=True)
    N = position.size
    if N == 0:
        return  # SciPy has no sparse matrix without rows
    which = csc_array((np.ones(N, rows.dtype), position.ravel(), np.arange(N + 1)), shape=(len(words), N))
    table[words] += which @ rows.reshape(N, -1)

"""Is the backward pass true? Compare it with the numerical gradient."""

from collections.abc import Callable

import numpy as np

from tinyseq.layers import Layer

NOISE = 1e-8  # central differences of a loss of about 10 are not surer than this


class GradientError(AssertionError):
    """A gradient that differs from the numerical one; the message names the worst entry."""


def numerical_gradient(f: Callable[[], float], x: np.ndarray, eps: float = 1e-5) -> np.ndarray:
    """The gradient of `f()` with respect to x by central differences, (f(x + eps) - f(x - eps)) / 2 eps.

    x: a float64 array that f reads; each entry is moved in place and put back. The result has the shape of x.
    Raises TypeError for another dtype: with float32 the difference drowns in rounding.
    """
    if x.dtype != np.float64:
        raise TypeError(f"x must be float64, got {x.dtype}")
    gradient = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        before = x[i]
        x[i] = before + eps
        above = f()
        x[i] = before - eps
        below = f()
        x[i] = before
        gradient[i] = (above - below) / (2 * eps)
    return gradient


def compare(name: str, backward: np.ndarray, numerical: np.ndarray, tolerance: float = 1e-6) -> float:
    """The largest difference of two gradients, relative to their largest entry; 0 if both are 0 but for rounding.

    Raises GradientError, which names the worst index and both values there, when it exceeds the tolerance.
    """
    if backward.shape != numerical.shape:
        raise GradientError(f"{name}: backward gives the shape {backward.shape}, expected {numerical.shape}")
    difference = np.abs(backward - numerical)
    scale = max(np.abs(backward).max(initial=0), np.abs(numerical).max(initial=0))
    error = float(difference.max(initial=0) / scale) if not scale <= NOISE else 0.0  # NaN is no noise
    if not error <= tolerance:  # also true of NaN
        worst = np.unravel_index(np.argmax(np.nan_to_num(difference, nan=np.inf)), difference.shape)
        where = ", ".join(map(str, worst))
        raise GradientError(
            f"{name}[{where}]: backward says {backward[worst]:.6g}, the numerical gradient is {numerical[worst]:.6g} "
            f"(relative error {error:.1g})"
        )
    return error


def check(layer: Layer, *inputs, tolerance: float = 1e-6, seed: int = 0) -> dict[str, float]:
    """Check `layer.backward` on these inputs: the gradients of every weight and of every float input.

    The loss is the sum of the outputs times random numbers, so no entry can hide. Weights and float inputs must be
    float64. Returns the relative error of each gradient by name ("input", or "input 0", "input 1" ... where there are
    several); raises GradientError at the first that exceeds the tolerance. The layer's own gradients are cleared.
    """
    inputs = [None if x is None else np.array(x) for x in inputs]
    rng = np.random.default_rng(seed)
    douts = [rng.normal(size=np.shape(output)) for output in _tuple(layer(*inputs))]

    def loss() -> float:
        return sum(float((output * dout).sum()) for output, dout in zip(_tuple(layer(*inputs)), douts, strict=True))

    layer.zero_grads()
    layer.forward(*inputs)
    dinputs = _tuple(layer.backward(*douts))
    pairs = {name: (layer.grads[name].copy(), layer.params[name]) for name in layer.params}
    moved = [x for x in inputs if x is not None and np.issubdtype(x.dtype, np.floating)]
    names = ["input"] if len(moved) == 1 else [f"input {n}" for n in range(len(moved))]
    pairs |= {name: pair for name, *pair in zip(names, dinputs, moved, strict=bool(moved))}
    layer.zero_grads()
    return {name: compare(name, grad, numerical_gradient(loss, x), tolerance) for name, (grad, x) in pairs.items()}


def _tuple(outputs) -> tuple:
    return outputs if isinstance(outputs, tuple) else (outputs,)

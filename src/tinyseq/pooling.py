"""From many vectors to one: pooling over the time axis, padding left out."""

import numpy as np

from tinyseq.layers import Layer, checked_mask


class GlobalAveragePooling(Layer):
    """The mean of the vectors of the real tokens. Keras: `GlobalAveragePooling1D()`.

    Input: x (B, T, D) and an optional mask (B, T), True = counts. Output: (B, D).
    A row without a real token gives zeros, with a gradient of 0; Keras divides by 0 and gives NaN.
    Raises TypeError for a mask that is not bool, ValueError for shapes that do not fit.
    """

    def _forward(self, x, mask=None):
        x, mask = _checked(x, mask)
        weights = _shares(mask).astype(x.dtype)  # (B, T)
        real = np.where(mask[:, :, None], x, 0)  # 0 times NaN would be NaN
        return (weights[:, None, :] @ real)[:, 0], weights

    def _backward(self, dout, weights):
        return weights[:, :, None] * dout[:, None, :]


class GlobalMaxPooling(Layer):
    """The largest number of each dimension over the real tokens. Keras: `GlobalMaxPooling1D()`, which ignores masks.

    Input: x (B, T, D) and an optional mask (B, T), True = counts. Output: (B, D).
    The gradient goes to the token that won; tokens that tie share it, as in TensorFlow. A row without a real token
    gives zeros, with a gradient of 0. Raises as GlobalAveragePooling does.
    """

    def _forward(self, x, mask=None):
        x, mask = _checked(x, mask)
        largest = np.where(mask[:, :, None], x, -np.inf).max(axis=1, initial=-np.inf)  # (B, D)
        winners = mask[:, :, None] & (x == largest[:, None, :])  # (B, T, D)
        out = np.where(mask.any(axis=1, keepdims=True), largest, 0).astype(x.dtype)
        return out, _shares(winners).astype(x.dtype)

    def _backward(self, dout, shares):
        return shares * dout[:, None, :]


def _checked(x, mask) -> tuple[np.ndarray, np.ndarray]:
    x = np.asarray(x, dtype=np.result_type(x, np.float32))  # the mean of integers is no integer
    if x.ndim != 3:
        raise ValueError(f"x must have the shape (B, T, D), got {x.shape}")
    return x, checked_mask(mask, x.shape[:2])


def _shares(chosen: np.ndarray) -> np.ndarray:
    """1/n for each of the n that are True along axis 1; all 0 where none is."""
    return chosen / np.maximum(chosen.sum(axis=1, keepdims=True), 1)

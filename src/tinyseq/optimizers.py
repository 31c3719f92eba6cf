"""How weights move against their gradients."""

from collections.abc import Iterator, Sequence

import numpy as np

from tinyseq.layers import Layer


def _weights(layers: Sequence[Layer]) -> Iterator[tuple[int, np.ndarray, list[np.ndarray]]]:
    """Every distinct array of weights with its gradients: several where layers share the array."""
    found: dict[int, tuple[np.ndarray, list[np.ndarray]]] = {}
    for layer in layers:
        for name, weight in layer.params.items():
            found.setdefault(id(weight), (weight, []))[1].append(layer.grads[name])
    for key, (weight, grads) in found.items():
        yield key, weight, grads


def clip_gradients(layers: Sequence[Layer], max_norm: float) -> float:
    """Scale all gradients so that their common norm is at most max_norm. Returns the norm before.

    Pascanu et al. (2013). Keras: `global_clipnorm`.
    """
    if not max_norm > 0:
        raise ValueError(f"max_norm must be above 0, got {max_norm}")
    summed = [(grads, sum(grads)) for _, _, grads in _weights(layers)]
    norm = float(np.sqrt(sum((total**2).sum() for _, total in summed)))
    if norm > max_norm:
        for grads, _ in summed:
            for grad in grads:
                grad *= max_norm / norm
    return norm


class Optimizer:
    """What all optimizers share: the layers, the learning rate, the step. A subclass gives `_change(key, grad)`."""

    def __init__(self, layers: Sequence[Layer], lr: float):
        self.layers, self.lr = list(layers), lr

    def step(self) -> None:
        """Move the weights once, then clear the gradients."""
        for key, weight, grads in _weights(self.layers):
            weight -= self._change(key, sum(grads))
        for layer in self.layers:
            layer.zero_grads()


class SGD(Optimizer):
    """Stochastic gradient descent: each weight moves by -lr times its gradient. Keras: `SGD(lr)`."""

    def __init__(self, layers: Sequence[Layer], lr: float = 0.01):
        super().__init__(layers, lr)

    def _change(self, key: int, grad: np.ndarray) -> np.ndarray:
        return self.lr * grad


class Adam(Optimizer):
    """Steps of about lr, whatever the gradient's size. Kingma & Ba (2015). Keras: `Adam(lr)`, same epsilon.

    Keras 3.15 on TensorFlow squares the gradients of a repeated id one by one, before it sums them; here, as in the
    paper, the summed gradient is squared.
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        lr: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-7,
    ):
        super().__init__(layers, lr)
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon
        self.steps = 0
        self._moments: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def step(self) -> None:
        self.steps += 1
        super().step()

    def _change(self, key: int, grad: np.ndarray) -> np.ndarray:
        if key not in self._moments:
            self._moments[key] = np.zeros_like(grad), np.zeros_like(grad)
        mean, square = self._moments[key]
        mean += (1 - self.beta1) * (grad - mean)
        square += (1 - self.beta2) * (grad**2 - square)
        lr = self.lr * np.sqrt(1 - self.beta2**self.steps) / (1 - self.beta1**self.steps)
        return lr * mean / (np.sqrt(square) + self.epsilon)

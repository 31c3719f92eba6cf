"""Recurrent layers: a state is carried from step to step. Backward is backpropagation through time (BPTT)."""

import numpy as np

from tinyseq.layers import Layer, Network, checked_mask, glorot_uniform, sigmoid


class Recurrent(Layer):
    """What RNN, LSTM and GRU share: the loop over time, the mask, the states.

    Input: x (B, T, D), an optional mask (B, T), True = real token, and optional initial states (B, H), else zeros.
    Output: outputs (B, T, H) and the final state h (B, H), for an LSTM also c (B, H). Keras: `return_sequences=True,
    return_state=True`. A masked step leaves the state as it is and repeats the output before it, 0 before the first
    real token. `backward(dout, *dstates)` takes the gradient of the outputs and, unless they are 0, of the final
    states; it returns those of x and of the initial states, if these were given.
    Raises ValueError for shapes that do not fit and for T = 0, TypeError for a mask that is not bool.

    A subclass names its GATES and STATES, and BIAS_ROWS where it knows several shapes of b, and gives one step, forward
    and backward.
    """

    GATES, STATES = 1, 1
    BIAS_ROWS: tuple[tuple[int, ...], ...] = ((),)

    def __init__(self, W: np.ndarray, U: np.ndarray, b: np.ndarray):
        H = len(U)
        width = self.GATES * H
        if np.ndim(W) != 2 or np.shape(W)[1] != width or np.shape(U) != (H, width):
            got = f"{np.shape(W)} and {np.shape(U)}"
            raise ValueError(f"W and U must have the shapes (D, {width}) and ({H}, {width}), got {got}")
        shapes = [(*rows, width) for rows in self.BIAS_ROWS]
        if np.shape(b) not in shapes:
            raise ValueError(f"b must have the shape {' or '.join(map(str, shapes))}, got {np.shape(b)}")
        super().__init__(W=W, U=U, b=b)

    @classmethod
    def fresh(cls, rng: np.random.Generator, D: int, H: int, dtype=np.float64) -> "Recurrent":
        """Fresh weights as Keras draws them: W by `glorot_uniform`, U with orthogonal rows, b zero.

        Keras's `LSTM` starts the forget gate's bias at 1; so does this one.
        """
        width = cls.GATES * H
        U = np.linalg.qr(rng.normal(size=(width, H)))[0].T
        return cls(glorot_uniform(rng, D, width).astype(dtype), U.astype(dtype), cls._fresh_bias(H).astype(dtype))

    @classmethod
    def _fresh_bias(cls, H: int) -> np.ndarray:
        return np.zeros((*cls.BIAS_ROWS[-1], cls.GATES * H))

    def _forward(self, x, mask=None, *initial):
        x, mask, state = self._checked(x, mask, initial)
        B, T, D = x.shape
        x = np.ascontiguousarray(x.swapaxes(0, 1))  # (T, B, D): time first, so that a step is one block
        mask = mask.T[:, :, None]  # (T, B, 1)
        a = (x.reshape(T * B, D) @ self.params["W"] + self._input_bias()).reshape(T, B, -1)
        before, after, steps = [], [], []
        for t in range(T):
            before.append(state[0])
            new, step = self._step(a[t], *state)
            state = new if mask[t].all() else [np.where(mask[t], n, s) for n, s in zip(new, state, strict=True)]
            after.append(state[0])
            steps.append(step)
        seen = np.logical_or.accumulate(mask)  # (T, B, 1)
        outputs = (np.stack(after) * seen).swapaxes(0, 1)  # (B, T, H)
        return (outputs, *state), (x, mask, seen, np.stack(before), steps, bool(initial))

    def _backward(self, dout, *dstate_and_saved):
        *dstate, (x, mask, seen, before, steps, initial) = dstate_and_saved
        T, B, D = x.shape
        dout = dout.swapaxes(0, 1) * seen  # (T, B, H)
        da = np.empty((T, B, self.GATES * dout.shape[2]), before.dtype)
        for t in reversed(range(T)):
            dstate = [dstate[0] + dout[t], *dstate[1:]]
            if mask[t].all():
                da[t], dstate = self._step_back(steps[t], *dstate)
            else:
                da[t], through = self._step_back(steps[t], *(d * mask[t] for d in dstate))
                dstate = [new + d * ~mask[t] for new, d in zip(through, dstate, strict=True)]
        flat = da.reshape(T * B, -1)
        self.grads["W"] += x.reshape(T * B, D).T @ flat
        self._add_recurrent(before, da, steps)
        dx = (flat @ self.params["W"].T).reshape(T, B, D).swapaxes(0, 1)
        return (dx, *dstate) if initial else dx

    def _input_bias(self) -> np.ndarray:
        return self.params["b"]

    def _step(self, a, *state):
        """Gives the new states, and what _step_back needs. a, (B, GATES H), is the input times W, plus the bias."""
        raise NotImplementedError

    def _step_back(self, step, *dstate):
        """Gives the gradients of a and of the states before the step."""
        raise NotImplementedError

    def _add_recurrent(self, before, da, steps) -> None:
        """Add the gradients of U and b. Shapes: before (T, B, H), da (T, B, GATES H)."""
        self.grads["U"] += _product(before, da)
        self.grads["b"] += da.sum(axis=(0, 1))

    def _checked(self, x, mask, initial):
        x, (D, _), H = np.asarray(x), self.params["W"].shape, len(self.params["U"])
        if x.ndim != 3 or x.shape[2] != D or x.shape[1] == 0:
            raise ValueError(f"x must have the shape (B, T, {D}) with T at least 1, got {x.shape}")
        if not initial:
            initial = [np.zeros((len(x), H), self.params["W"].dtype)] * self.STATES
        if [np.shape(each) for each in initial] != [(len(x), H)] * self.STATES:
            got = ", ".join(str(np.shape(each)) for each in initial)
            raise ValueError(f"initial must be {self.STATES} states of the shape {(len(x), H)}, got {got}")
        return x, checked_mask(mask, x.shape[:2]), initial


class RNN(Recurrent):
    """h = tanh(x W + h U + b). Elman (1990). Keras: `SimpleRNN(H)`.

    Weights: W (D, H), U (H, H), b (H,).
    """

    def _step(self, a, h):
        h = np.tanh(a + h @ self.params["U"])
        return [h], h

    def _step_back(self, h, dh):
        da = dh * (1 - h**2)
        return da, [da @ self.params["U"].T]


class LSTM(Recurrent):
    """Gates i, f, o and the candidate g: c = f c + i g, h = o tanh(c). Keras: `LSTM(H)`, same order of the gates.

    Weights: W (D, 4 H), U (H, 4 H), b (4 H,), each as i, f, g, o side by side. States: h and c.
    Hochreiter & Schmidhuber (1997), with the forget gate of Gers et al. (2000).
    """

    GATES, STATES = 4, 2

    @classmethod
    def _fresh_bias(cls, H):
        return np.repeat([0.0, 1.0, 0.0, 0.0], H)

    def _step(self, a, h, c):
        i, f, g, o = np.split(a + h @ self.params["U"], 4, axis=1)
        i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
        new = f * c + i * g
        tanh_c = np.tanh(new)
        return [o * tanh_c, new], (i, f, g, o, c, tanh_c)

    def _step_back(self, step, dh, dc):
        i, f, g, o, c, tanh_c = step
        dc = dc + dh * o * (1 - tanh_c**2)
        di, df, dg, do = dc * g, dc * c, dc * i, dh * tanh_c
        da = np.concatenate([di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)], axis=1)
        return da, [da @ self.params["U"].T, dc * f]


class GRU(Recurrent):
    """Gates z (update) and r (reset), candidate g: h = z h + (1 - z) g. Cho et al. (2014). Keras: `GRU(H)`.

    Weights: W (D, 3 H), U (H, 3 H), each as z, r, g side by side, and b. With b of shape (2, 3 H) r is applied after
    the product with U and both sides have a bias: Keras's `reset_after=True`, its default. With b of shape (3 H,) it is
    applied before: g = tanh(x W + (r h) U + b), Keras's `reset_after=False`.
    With z_keeps=False the update gate has the opposite meaning, h = (1 - z) h + z g, as in many exams.
    """

    GATES = 3
    BIAS_ROWS = ((), (2,))

    def __init__(self, W: np.ndarray, U: np.ndarray, b: np.ndarray, z_keeps: bool = True):
        super().__init__(W, U, b)
        self.z_keeps, self.reset_after = z_keeps, np.ndim(b) == 2

    def _input_bias(self):
        return self.params["b"][0] if self.reset_after else self.params["b"]

    def _step(self, a, h):
        U, H = self.params["U"], h.shape[1]
        if self.reset_after:
            u = h @ U + self.params["b"][1]  # (B, 3 H)
            zr, inner = sigmoid(a[:, : 2 * H] + u[:, : 2 * H]), u[:, 2 * H :]
            g = np.tanh(a[:, 2 * H :] + zr[:, H:] * inner)
        else:
            zr = sigmoid(a[:, : 2 * H] + h @ U[:, : 2 * H])
            inner = zr[:, H:] * h
            g = np.tanh(a[:, 2 * H :] + inner @ U[:, 2 * H :])
        z = zr[:, :H]
        new = z * h + (1 - z) * g if self.z_keeps else (1 - z) * h + z * g
        return [new], (h, zr, inner, g)

    def _step_back(self, step, dh):
        h, zr, inner, g = step
        U, H = self.params["U"], h.shape[1]
        z, r = zr[:, :H], zr[:, H:]
        keeps, writes, sign = (z, 1 - z, 1) if self.z_keeps else (1 - z, z, -1)
        da = np.empty((len(h), 3 * H), h.dtype)
        da[:, 2 * H :] = dg = dh * writes * (1 - g**2)
        before = dh * keeps
        if self.reset_after:
            dr = dg * inner
            dinner = dg * r
            before = before + dinner @ U[:, 2 * H :].T
        else:
            dinner = dg @ U[:, 2 * H :].T
            dr = dinner * h
            before = before + dinner * r
        da[:, :H] = sign * dh * (h - g) * z * (1 - z)
        da[:, H : 2 * H] = dr * r * (1 - r)
        return da, [before + da[:, : 2 * H] @ U[:, : 2 * H].T]

    def _add_recurrent(self, before, da, steps):
        H = before.shape[2]
        if not self.reset_after:
            inner = np.stack([inner for _, _, inner, _ in steps])
            self.grads["U"][:, : 2 * H] += _product(before, da[:, :, : 2 * H])
            self.grads["U"][:, 2 * H :] += _product(inner, da[:, :, 2 * H :])
            self.grads["b"] += da.sum(axis=(0, 1))
            return
        du = da.copy()  # what reaches h U + b[1]
        du[:, :, 2 * H :] *= np.stack([zr[:, H:] for _, zr, _, _ in steps])
        self.grads["U"] += _product(before, du)
        self.grads["b"] += np.stack([da.sum(axis=(0, 1)), du.sum(axis=(0, 1))])


class Bidirectional(Network):
    """Two layers, one of which reads from the end. Schuster & Paliwal (1997). Keras: `Bidirectional(layer)`.

    Input: x (B, T, D), an optional mask (B, T) and optional initial states, those of the forward layer first.
    Output: outputs (B, T, 2 H), for another merge_mode than "concat" (B, T, H), in the order of x for both halves; then
    the final states of the forward and of the backward layer. The backward layer ends at the first token: its final
    state belongs to `outputs[:, 0]`, not to `outputs[:, -1]`. Outputs of masked steps are 0.
    merge_mode: "concat", "sum", "mul" or "ave"; raises ValueError for another one, and as the layers do.
    """

    MERGE_MODES = ("concat", "sum", "mul", "ave")

    def __init__(self, forward_layer: Recurrent, backward_layer: Recurrent, merge_mode: str = "concat"):
        if merge_mode not in self.MERGE_MODES:
            raise ValueError(f"merge_mode must be one of {', '.join(self.MERGE_MODES)}, got {merge_mode!r}")
        super().__init__(forward=forward_layer, backward=backward_layer)
        self.merge_mode = merge_mode

    def _forward(self, x, mask=None, *initial):
        forward, backward = self.parts.values()
        x, n = np.asarray(x), len(initial) // 2
        (left, *left_states), left_saved = forward._forward(x, mask, *initial[:n])
        mask = checked_mask(mask, x.shape[:2])
        (right, *right_states), right_saved = backward._forward(x[:, ::-1], mask[:, ::-1], *initial[n:])
        right = right[:, ::-1]  # back into the order of x
        merged = {
            "concat": lambda: np.concatenate([left, right], axis=2),
            "sum": lambda: left + right,
            "mul": lambda: left * right,
            "ave": lambda: (left + right) / 2,
        }[self.merge_mode]()
        real = mask[:, :, None]
        return (merged * real, *left_states, *right_states), (left, right, real, left_saved, right_saved)

    def _backward(self, dout, *dstates_and_saved):
        *dstates, (left, right, real, left_saved, right_saved) = dstates_and_saved
        forward, backward = self.parts.values()
        dout, n = dout * real, forward.STATES
        dleft, dright = {
            "concat": lambda: np.split(dout, [left.shape[2]], axis=2),
            "sum": lambda: (dout, dout),
            "mul": lambda: (dout * right, dout * left),
            "ave": lambda: (dout / 2, dout / 2),
        }[self.merge_mode]()
        from_left = forward._backward(dleft, *dstates[:n], left_saved)
        from_right = backward._backward(dright[:, ::-1], *dstates[n:], right_saved)
        if isinstance(from_left, tuple):
            return from_left[0] + from_right[0][:, ::-1], *from_left[1:], *from_right[1:]
        return from_left + from_right[:, ::-1]


def _product(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """The sum over time and batch of outer products. Shapes: (T, B, M), (T, B, N) -> (M, N)."""
    return rows.reshape(-1, rows.shape[2]).T @ columns.reshape(-1, columns.shape[2])

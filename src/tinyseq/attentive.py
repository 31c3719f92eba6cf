"""Encoder and decoder with attention: the decoder looks back at every output of the encoder, not only at the last."""

import numpy as np

from tinyseq.attention import Attention, padding_mask
from tinyseq.layers import Dense, Embedding, Network
from tinyseq.recurrent import Recurrent
from tinyseq.seq2seq import Encoder


class LuongDecoder(Network):
    """Attention after the recurrent step: its output is the query. Luong et al. (2015).

    Input: ids (B, T) from BOS on, the encoder's outputs (B, Ts, M) with their mask (B, Ts), the initial states (B, H).
    Output: scores (B, T, V), the attention's weights (B, T, Ts), the final states. Made from an embedding (V, D), a
    recurrent layer (D, H), an attention, a Dense layer (M + H, G) whose tanh joins what was found and the recurrent
    output, and a Dense layer (G, V).
    """

    def __init__(self, embedding: Embedding, recurrent: Recurrent, attention: Attention, joined: Dense, dense: Dense):
        super().__init__(embedding=embedding, recurrent=recurrent, attention=attention, joined=joined, dense=dense)

    def _forward(self, ids, memory, mask, *states):
        embedding, recurrent, attention, joined, dense = self.parts.values()
        x, looked_up = embedding._forward(ids)
        (outputs, *states), read = recurrent._forward(x, None, *states)
        (found, weights), attended = attention._forward(outputs, memory, memory, padding_mask(mask))
        a, saved_joined = joined._forward(np.concatenate([found, outputs], axis=2))
        a = np.tanh(a)  # (B, T, G)
        scores, scored = dense._forward(a)
        return (scores, weights, *states), (looked_up, read, attended, saved_joined, a, scored, memory.shape[2])

    def _backward(self, dscores, dweights, *dstates_and_saved):
        *dstates, (looked_up, read, attended, saved_joined, a, scored, M) = dstates_and_saved
        embedding, recurrent, attention, joined, dense = self.parts.values()
        da = dense._backward(dscores, scored) * (1 - a**2)
        dfound, doutputs = np.split(joined._backward(da, saved_joined), [M], axis=2)
        dquery, dkey, dvalue = attention._backward(dfound, dweights, attended)
        dx, *dinitial = recurrent._backward(doutputs + dquery, *dstates, read)
        embedding._backward(dx, looked_up)
        return dkey + dvalue, *dinitial


class BahdanauDecoder(Network):
    """Attention before the recurrent step: the state before it is the query. Bahdanau et al. (2015), without maxout.

    Input and output as in LuongDecoder. Made from an embedding (V, D), a recurrent layer (D + M, H), an attention, and
    a Dense layer (H + M, V). What was found stands beside the embedding and beside the recurrent output.
    """

    def __init__(self, embedding: Embedding, recurrent: Recurrent, attention: Attention, dense: Dense):
        super().__init__(embedding=embedding, recurrent=recurrent, attention=attention, dense=dense)

    def _forward(self, ids, memory, mask, *states):
        embedding, recurrent, attention, dense = self.parts.values()
        x, looked_up = embedding._forward(ids)
        mask, seen, steps = padding_mask(mask), [], []
        for t in range(x.shape[1]):
            (found, weights), attended = attention._forward(states[0][:, None], memory, memory, mask)
            step = np.concatenate([x[:, t : t + 1], found], axis=2)  # (B, 1, D + M)
            (outputs, *states), read = recurrent._forward(step, None, *states)
            seen.append((outputs, found, weights))
            steps.append((attended, read))
        outputs, found, weights = (np.concatenate(each, axis=1) for each in zip(*seen, strict=True))
        scores, scored = dense._forward(np.concatenate([outputs, found], axis=2))
        return (scores, weights, *states), (looked_up, steps, scored, x.shape[2], outputs.shape[2])

    def _backward(self, dscores, dweights, *dstates_and_saved):
        *dstates, (looked_up, steps, scored, D, H) = dstates_and_saved
        embedding, recurrent, attention, dense = self.parts.values()
        doutputs, dfound = np.split(dense._backward(dscores, scored), [H], axis=2)
        dx, dmemory = np.empty((*doutputs.shape[:2], D), doutputs.dtype), 0
        for t in reversed(range(len(steps))):
            now, (attended, read) = slice(t, t + 1), steps[t]
            dstep, *dstates = recurrent._backward(doutputs[:, now], *dstates, read)
            dx[:, now] = dstep[:, :, :D]
            found = dstep[:, :, D:] + dfound[:, now]
            dquery, dkey, dvalue = attention._backward(found, dweights[:, now], attended)
            dstates[0] = dstates[0] + dquery[:, 0]
            dmemory = dmemory + dkey + dvalue
        embedding._backward(dx, looked_up)
        return dmemory, *dstates


class AttentiveSeq2Seq(Network):
    """An encoder, and a decoder that starts from its final states and attends to its outputs.

    Input: the source's ids (B, Ts), 0 = padding, and the decoder's ids (B, T) from BOS on. Output: scores (B, T, V) and
    the attention's weights (B, T, Ts). A bidirectional encoder's two final states are joined, so H = M there.
    `start` and `step` write as in tinyseq.seq2seq.Seq2Seq.
    """

    def __init__(self, encoder: Encoder, decoder: LuongDecoder | BahdanauDecoder):
        super().__init__(encoder=encoder, decoder=decoder)

    def start(self, source: np.ndarray) -> tuple[np.ndarray, ...]:
        """The encoder's outputs (B, Ts, M), which are real (B, Ts), and the states that the decoder starts from."""
        outputs, *states = self.parts["encoder"](source)
        return outputs, np.asarray(source) != 0, *self._joined(outputs, states)

    def step(self, ids: np.ndarray, states: tuple[np.ndarray, ...]) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
        """One step of `tinyseq.decoding`. Shapes: ids (B,) -> scores (B, V), and the states after."""
        scores, _, *after = self.parts["decoder"](ids[:, None], *states)
        return scores[:, 0], (*states[:2], *after)

    def _forward(self, source, ids):
        encoder, decoder = self.parts.values()
        (outputs, *states), read = encoder._forward(source)
        started = self._joined(outputs, states)
        (scores, weights, *final), written = decoder._forward(ids, outputs, np.asarray(source) != 0, *started)
        return (scores, weights), (read, written, [np.zeros_like(each) for each in final], len(states))

    def _backward(self, dscores, dweights, saved):
        read, written, dfinal, n = saved
        encoder, decoder = self.parts.values()
        doutputs, *dstates = decoder._backward(dscores, dweights, *dfinal, written)
        if n > len(dstates):
            dstates = [half for dstate in dstates for half in np.split(dstate, 2, axis=1)]
            dstates = dstates[::2] + dstates[1::2]
        encoder._backward(doutputs, *dstates, read)

    def _joined(self, outputs, states):
        """The states as they are; those of the two halves of a bidirectional encoder side by side."""
        if states[0].shape[1] == outputs.shape[2]:
            return states
        n = len(states) // 2
        return [np.concatenate(pair, axis=1) for pair in zip(states[:n], states[n:], strict=True)]

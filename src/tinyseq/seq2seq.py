"""From one sequence to another: an encoder reads, a decoder writes. Sutskever et al. (2014), Cho et al. (2014)."""

from collections.abc import Sequence

import numpy as np

from tinyseq.layers import Dense, Embedding, Network
from tinyseq.recurrent import Bidirectional, Recurrent
from tinyseq.text import pad


def shifted(sequences: Sequence[Sequence[int]], bos: int, eos: int) -> tuple[np.ndarray, np.ndarray]:
    """What the decoder reads, BOS and the tokens, and what it shall say, the tokens and EOS: two arrays (B, T).

    T is one more than the longest sequence; shorter ones are filled with 0 on the right.
    """
    return pad([[bos, *ids] for ids in sequences]), pad([[*ids, eos] for ids in sequences])


class Encoder(Network):
    """Reads a sequence; its final states are what the decoder starts from.

    Input: ids (B, T), 0 = padding, which is skipped; a row of padding alone gives states of 0.
    Output: as of its recurrent layer: outputs (B, T, H), then the final states (B, H).
    """

    def __init__(self, embedding: Embedding, recurrent: Recurrent | Bidirectional):
        super().__init__(embedding=embedding, recurrent=recurrent)

    def _forward(self, ids):
        embedding, recurrent = self.parts.values()
        x, looked_up = embedding._forward(ids)
        outputs, read = recurrent._forward(x, np.asarray(ids) != 0)
        return outputs, (looked_up, read)

    def _backward(self, *douts_and_saved):
        *douts, (looked_up, read) = douts_and_saved
        embedding, recurrent = self.parts.values()
        embedding._backward(recurrent._backward(*douts, read), looked_up)


class Decoder(Network):
    """Scores every next token of a sequence, given the tokens before it, the states to start from, and a context.

    Input: ids (B, T), from BOS on; a context (B, C) that every step sees, or None; the initial states (B, H).
    Output: scores (B, T, V), then the final states. `backward` gives the gradients of the context, unless it is None,
    and of the initial states: what the encoder's `backward` takes.
    The context stands beside the embedding and beside the recurrent output: with one, the recurrent layer takes D + C
    numbers and the Dense layer H + C. Padding on the right needs no mask here, the loss leaves it out.
    """

    def __init__(self, embedding: Embedding, recurrent: Recurrent, dense: Dense):
        super().__init__(embedding=embedding, recurrent=recurrent, dense=dense)

    def _forward(self, ids, context, *states):
        embedding, recurrent, dense = self.parts.values()
        x, looked_up = embedding._forward(ids)
        (outputs, *states), read = recurrent._forward(_beside(x, context), None, *states)
        scores, scored = dense._forward(_beside(outputs, context))
        return (scores, *states), (looked_up, read, scored, context is None)

    def _backward(self, *douts_and_saved):
        dscores, *dstates, (looked_up, read, scored, alone) = douts_and_saved
        embedding, recurrent, dense = self.parts.values()
        D, H = embedding.params["W"].shape[1], len(recurrent.params["U"])
        doutputs, from_dense = np.split(dense._backward(dscores, scored), [H], axis=2)
        dx, *dinitial = recurrent._backward(doutputs, *dstates, read)
        dx, from_recurrent = np.split(dx, [D], axis=2)
        embedding._backward(dx, looked_up)
        dcontext = (from_dense.sum(axis=1) + from_recurrent.sum(axis=1),)
        return (*(() if alone else dcontext), *dinitial)


class Seq2Seq(Network):
    """An encoder and a decoder that starts from its final states.

    Input: the source's ids (B, T), 0 = padding, and the decoder's ids (B, T') from BOS on. Output: scores (B, T', V).
    peeky: the decoder sees the encoder's final h at every step, not only at its start. Cho et al. (2014).
    `start` and `step` write without knowing the answer: `greedy(model.step, model.start(ids), bos, eos, longest)`.
    """

    def __init__(self, encoder: Encoder, decoder: Decoder, peeky: bool = False):
        super().__init__(encoder=encoder, decoder=decoder)
        self.peeky = peeky

    def start(self, source: np.ndarray) -> tuple[np.ndarray, ...]:
        """What the decoder starts from: the final states, before them the context if it is peeky. (B, H) each."""
        _, *states = self.parts["encoder"](source)
        return (states[0], *states) if self.peeky else tuple(states)

    def step(self, ids: np.ndarray, states: tuple[np.ndarray, ...]) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
        """One step of `tinyseq.decoding`. Shapes: ids (B,) -> scores (B, V), and the states after."""
        context = states[:1] if self.peeky else ()
        scores, *after = self.parts["decoder"](ids[:, None], *(context or (None,)), *states[len(context) :])
        return scores[:, 0], (*context, *after)

    def _forward(self, source, ids):
        encoder, decoder = self.parts.values()
        (outputs, *states), read = encoder._forward(source)
        (scores, *_), written = decoder._forward(ids, states[0] if self.peeky else None, *states)
        unused = np.zeros_like(outputs), [np.zeros_like(state) for state in states]
        return scores, (read, written, unused)

    def _backward(self, dscores, saved):
        read, written, (doutputs, dfinal) = saved
        encoder, decoder = self.parts.values()
        dstates = decoder._backward(dscores, *dfinal, written)
        if self.peeky:
            dcontext, dh, *others = dstates
            dstates = (dcontext + dh, *others)  # h is used twice
        encoder._backward(doutputs, *dstates, read)


def _beside(x: np.ndarray, context: np.ndarray | None) -> np.ndarray:
    """The context (B, C) beside every step of x (B, T, D): (B, T, D + C)."""
    if context is None:
        return x
    return np.concatenate([x, np.broadcast_to(context[:, None], (*x.shape[:2], context.shape[1]))], axis=2)

"""What stands around attention in a Transformer. Vaswani et al. (2017)."""

import numpy as np

from tinyseq.attention import MultiHeadAttention, causal_mask, padding_mask
from tinyseq.layers import Dense, Embedding, Layer, Network


def positions(T: int, D: int) -> np.ndarray:
    """Sines and cosines of falling frequency that tell the tokens where they stand: (T, D).

    Column 2 i is sin(t / 10000^(2 i / D)), column 2 i + 1 the cosine. Raises ValueError for an odd D.
    """
    if D % 2:
        raise ValueError(f"D must be even, got {D}")
    angles = np.arange(T)[:, None] / 10_000 ** (np.arange(0, D, 2) / D)  # (T, D / 2)
    return np.stack([np.sin(angles), np.cos(angles)], axis=2).reshape(T, D)


class LayerNormalization(Layer):
    """Each vector with mean 0 and variance 1, then scaled and moved. Ba et al. (2016). Keras: `LayerNormalization()`.

    Weights: gamma (D,), beta (D,). Input and output: (..., D). epsilon, added to the variance, is Keras's.
    """

    EPSILON = 1e-3

    def __init__(self, gamma: np.ndarray, beta: np.ndarray):
        if np.ndim(gamma) != 1 or np.shape(gamma) != np.shape(beta):
            raise ValueError(f"gamma and beta must have the shape (D,), got {np.shape(gamma)} and {np.shape(beta)}")
        super().__init__(gamma=gamma, beta=beta)

    @classmethod
    def fresh(cls, D: int, dtype=np.float64) -> "LayerNormalization":
        """gamma 1 and beta 0, as in Keras."""
        return cls(np.ones(D, dtype), np.zeros(D, dtype))

    def _forward(self, x):
        gamma, beta = self.params.values()
        if np.shape(x)[-1:] != gamma.shape:
            raise ValueError(f"x must have the shape (..., {len(gamma)}), got {np.shape(x)}")
        centred = x - x.mean(axis=-1, keepdims=True)
        size = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + x.dtype.type(self.EPSILON))
        normal = centred / size
        return gamma * normal + beta, (normal, size)

    def _backward(self, dout, saved):
        normal, size = saved
        others = tuple(range(dout.ndim - 1))
        self.grads["gamma"] += (dout * normal).sum(axis=others)
        self.grads["beta"] += dout.sum(axis=others)
        dnormal = dout * self.params["gamma"]
        along = (dnormal * normal).mean(axis=-1, keepdims=True)
        return (dnormal - dnormal.mean(axis=-1, keepdims=True) - normal * along) / size


class FeedForward(Network):
    """Two Dense layers with ReLU between them, the same for every token. Shapes: (B, T, D) -> (B, T, D)."""

    def __init__(self, inner: Dense, outer: Dense):
        super().__init__(inner=inner, outer=outer)

    @classmethod
    def fresh(cls, rng: np.random.Generator, D: int, F: int, dtype=np.float64) -> "FeedForward":
        """Fresh weights for F units between the two layers."""
        return cls(Dense.fresh(rng, D, F, dtype), Dense.fresh(rng, F, D, dtype))

    def _forward(self, x):
        inner, outer = self.parts.values()
        a, saved_inner = inner._forward(x)
        out, saved_outer = outer._forward(np.maximum(a, 0))
        return out, (saved_inner, a > 0, saved_outer)

    def _backward(self, dout, saved):
        saved_inner, positive, saved_outer = saved
        inner, outer = self.parts.values()
        return inner._backward(outer._backward(dout, saved_outer) * positive, saved_inner)


class EncoderBlock(Network):
    """Self-attention, then a feed-forward network, each with Add & Norm after it: norm(x + part(x)).

    Input: x (B, T, D) and an optional mask, as in tinyseq.attention, of what may be looked at.
    Output: (B, T, D) and the weights (B, N, T, T).
    """

    def __init__(
        self,
        attention: MultiHeadAttention,
        attention_norm: LayerNormalization,
        feed_forward: FeedForward,
        feed_forward_norm: LayerNormalization,
    ):
        super().__init__(
            attention=attention,
            attention_norm=attention_norm,
            feed_forward=feed_forward,
            feed_forward_norm=feed_forward_norm,
        )

    @classmethod
    def fresh(cls, rng: np.random.Generator, D: int, N: int, F: int, dtype=np.float64) -> "EncoderBlock":
        """Fresh weights for N heads and F units in the feed-forward network."""
        attention, norms = MultiHeadAttention.fresh(rng, D, N, dtype), _norms(2, D, dtype)
        return cls(attention, norms[0], FeedForward.fresh(rng, D, F, dtype), norms[1])

    def _forward(self, x, mask=None):
        attention, attention_norm, feed_forward, feed_forward_norm = self.parts.values()
        (found, weights), attended = attention._forward(x, x, mask)
        middle, normed = attention_norm._forward(x + found)
        changed, fed = feed_forward._forward(middle)
        out, ended = feed_forward_norm._forward(middle + changed)
        return (out, weights), (attended, normed, fed, ended)

    def _backward(self, dout, dweights, saved):
        attended, normed, fed, ended = saved
        attention, attention_norm, feed_forward, feed_forward_norm = self.parts.values()
        dsum = feed_forward_norm._backward(dout, ended)
        dsum = attention_norm._backward(dsum + feed_forward._backward(dsum, fed), normed)
        dx, dmemory = attention._backward(dsum, dweights, attended)
        return dsum + dx + dmemory


class DecoderBlock(Network):
    """Causal self-attention, attention to the encoder's outputs, then a feed-forward network, each with Add & Norm.

    Input: y (B, T, D), memory (B, Ts, D), and an optional mask for the memory, as in tinyseq.attention.
    Output: (B, T, D), and the weights of the attention to the memory (B, N, T, Ts).
    """

    def __init__(
        self,
        attention: MultiHeadAttention,
        attention_norm: LayerNormalization,
        source_attention: MultiHeadAttention,
        source_norm: LayerNormalization,
        feed_forward: FeedForward,
        feed_forward_norm: LayerNormalization,
    ):
        super().__init__(
            attention=attention,
            attention_norm=attention_norm,
            source_attention=source_attention,
            source_norm=source_norm,
            feed_forward=feed_forward,
            feed_forward_norm=feed_forward_norm,
        )

    @classmethod
    def fresh(cls, rng: np.random.Generator, D: int, N: int, F: int, dtype=np.float64) -> "DecoderBlock":
        """Fresh weights for N heads and F units in the feed-forward network."""
        own, source = (MultiHeadAttention.fresh(rng, D, N, dtype) for _ in range(2))
        norms = _norms(3, D, dtype)
        return cls(own, norms[0], source, norms[1], FeedForward.fresh(rng, D, F, dtype), norms[2])

    def _forward(self, y, memory, mask=None):
        attention, attention_norm, source_attention, source_norm, feed_forward, end_norm = self.parts.values()
        (found, _), attended = attention._forward(y, y, causal_mask(y.shape[1]))
        y, normed = attention_norm._forward(y + found)
        (found, weights), looked = source_attention._forward(y, memory, mask)
        y, source_normed = source_norm._forward(y + found)
        changed, fed = feed_forward._forward(y)
        out, ended = end_norm._forward(y + changed)
        return (out, weights), (attended, normed, looked, source_normed, fed, ended)

    def _backward(self, dout, dweights, saved):
        attended, normed, looked, source_normed, fed, ended = saved
        attention, attention_norm, source_attention, source_norm, feed_forward, end_norm = self.parts.values()
        dy = end_norm._backward(dout, ended)
        dy = source_norm._backward(dy + feed_forward._backward(dy, fed), source_normed)
        dquery, dmemory = source_attention._backward(dy, dweights, looked)
        dy = attention_norm._backward(dy + dquery, normed)
        dx, dself = attention._backward(dy, 0, attended)
        return dy + dx + dself, dmemory


class Transformer(Network):
    """An encoder-decoder of such blocks. Vaswani et al. (2017).

    Input: the source's ids (B, Ts), 0 = padding, and the decoder's ids (B, T) from BOS on. Output: scores (B, T, V) and
    the weights of the last block's attention to the source (B, N, T, Ts). The embeddings are multiplied by sqrt(D), and
    `positions` are added. `start` and `step` write as in tinyseq.seq2seq.Seq2Seq; a step reads again all that was
    written, as there is no state.
    """

    def __init__(
        self,
        source_embedding: Embedding,
        encoder: list[EncoderBlock],
        embedding: Embedding,
        decoder: list[DecoderBlock],
        dense: Dense,
    ):
        self.encoder, self.decoder = list(encoder), list(decoder)
        blocks = {f"encoder_{n}": block for n, block in enumerate(self.encoder)}
        blocks |= {f"decoder_{n}": block for n, block in enumerate(self.decoder)}
        super().__init__(source_embedding=source_embedding, embedding=embedding, dense=dense, **blocks)

    def start(self, source: np.ndarray) -> tuple[np.ndarray, ...]:
        """The encoder's outputs (B, Ts, D), which of them are real (B, Ts), and what is written: nothing (B, 0)."""
        memory, _ = self._read(source)
        return memory, np.asarray(source) != 0, np.zeros((len(memory), 0), int)

    def step(self, ids: np.ndarray, states: tuple[np.ndarray, ...]) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
        """One step of `tinyseq.decoding`. Shapes: ids (B,) -> scores (B, V), and the states after."""
        memory, real, written = states
        written = np.concatenate([written, ids[:, None]], axis=1)
        (scores, _), _ = self._write(written, memory, real)
        return scores[:, -1], (memory, real, written)

    def _forward(self, source, ids):
        memory, read = self._read(source)
        outputs, wrote = self._write(ids, memory, np.asarray(source) != 0)
        return outputs, (read, wrote)

    def _backward(self, dscores, dweights, saved):
        read, wrote = saved
        dmemory = self._write_back(dscores, dweights, wrote)
        looked_up, blocks = read
        for block, passed in zip(reversed(self.encoder), reversed(blocks), strict=True):
            dmemory = block._backward(dmemory, 0, passed)
        self._embed_back("source_embedding", dmemory, looked_up)

    def _read(self, source):
        mask = padding_mask(np.asarray(source) != 0)
        x, looked_up = self._embed("source_embedding", source)
        blocks = []
        for block in self.encoder:
            (x, _), passed = block._forward(x, mask)
            blocks.append(passed)
        return x, (looked_up, blocks)

    def _write(self, ids, memory, real):
        mask = padding_mask(real)
        y, looked_up = self._embed("embedding", ids)
        blocks = []
        for block in self.decoder:
            (y, weights), passed = block._forward(y, memory, mask)
            blocks.append(passed)
        scores, scored = self.parts["dense"]._forward(y)
        return (scores, weights), (looked_up, blocks, scored)

    def _write_back(self, dscores, dweights, wrote):
        looked_up, blocks, scored = wrote
        dy, dmemory = self.parts["dense"]._backward(dscores, scored), 0
        for block, passed in zip(reversed(self.decoder), reversed(blocks), strict=True):
            dy, more = block._backward(dy, dweights, passed)
            dmemory, dweights = dmemory + more, 0  # only the last block's weights are an output
        self._embed_back("embedding", dy, looked_up)
        return dmemory

    def _embed(self, name, ids):
        vectors, looked_up = self.parts[name]._forward(ids)
        T, D = vectors.shape[1:]
        return vectors * vectors.dtype.type(np.sqrt(D)) + positions(T, D).astype(vectors.dtype), looked_up

    def _embed_back(self, name, dvectors, looked_up):
        self.parts[name]._backward(dvectors * dvectors.dtype.type(np.sqrt(dvectors.shape[2])), looked_up)


def _norms(count: int, D: int, dtype) -> list[LayerNormalization]:
    return [LayerNormalization.fresh(D, dtype) for _ in range(count)]

"""Dialogue models in Keras: HRED and VHRED. The one module of tinyseq that imports Keras."""

from collections.abc import Sequence
from typing import NamedTuple

import keras
import numpy as np
from keras import ops
from keras.layers import GRU, Dense, Embedding

from tinyseq.datasets import Dialogue
from tinyseq.seq2seq import shifted
from tinyseq.text import BOS, EOS, Vocabulary, pad


class Encoded(NamedTuple):
    """Dialogues as ids, 0 = padding: turns (B, N, T), answer_inputs and targets (B, T').

    The inputs are BOS and the answer's words, the targets the words and EOS.
    """

    turns: np.ndarray
    answer_inputs: np.ndarray
    targets: np.ndarray


def vocabulary(dialogues: Sequence[Dialogue]) -> Vocabulary:
    """The words of all turns and answers, and BOS and EOS."""
    return Vocabulary(utterance for each in dialogues for utterance in [*each.turns, [BOS, *each.answer, EOS]])


def encode(dialogues: Sequence[Dialogue], words: Vocabulary, N: int, T: int) -> Encoded:
    """Dialogues as arrays. Fewer than N turns are padded in front, so that `turns[:, -1]` is the last one.

    Of more than N turns the last N are kept, of a turn with more than T words the first T; answers are never cut. A
    turn without words is as good as padding. Raises ValueError for a dialogue without turns, and for N or T below 1.
    """
    if N < 1 or T < 1:
        raise ValueError(f"N and T must be at least 1, got {N} and {T}")
    turns = np.zeros((len(dialogues), N, T), dtype=np.int64)
    for i, dialogue in enumerate(dialogues):
        if not dialogue.turns:
            raise ValueError(f"dialogues must have turns, number {i} has none")
        kept = [words.encode(turn) for turn in dialogue.turns[-N:]]
        turns[i, N - len(kept) :] = pad(kept, T)
    return Encoded(turns, *shifted([words.encode(each.answer) for each in dialogues], *words.encode([BOS, EOS])))


def answer_loss(targets, scores):
    """-log p of each answer: (B, T'), (B, T', V) -> (B,). Summed over its words, not padding; Keras averages over B."""
    losses = keras.losses.sparse_categorical_crossentropy(targets, scores, from_logits=True)
    return ops.sum(ops.where(targets != 0, losses, 0), axis=1)


def kl_divergence(mean, logvar, prior_mean, prior_logvar):
    """KL(N(mean, exp(logvar)) || N(prior_mean, exp(prior_logvar))), summed over the last axis: 4 × (B, Z) -> (B,)."""
    ratio = (ops.exp(logvar) + (mean - prior_mean) ** 2) / ops.exp(prior_logvar)
    return 0.5 * ops.sum(ratio - 1 + prior_logvar - logvar, axis=-1)


class HRED(keras.Model):
    """Hierarchical recurrent encoder-decoder. Serban et al. (2016).

    One GRU reads the words of each turn; another, the context RNN, reads the turns; the decoder sees the context at
    every word. Inputs: turns (B, N, T) and answer_inputs (B, T'), ids, 0 = padding. Output: scores (B, T', V).
    A turn without words is skipped. With N = 1 it is a plain encoder-decoder with one step more: of the last turn for
    `turns[:, -1:]`, of all turns as one sequence for `turns.reshape(B, 1, N * T)`.

    To answer: `states = model.start(model.context(turns))`, then `model.step` and these for tinyseq.decoding.
    """

    def __init__(self, V: int, units: int):
        super().__init__()
        # Keras starts an embedding within ±0.05, which a GRU hardly hears; within ±1 it learns in half the steps.
        self.embedding = Embedding(V, units, embeddings_initializer=keras.initializers.RandomUniform(-1, 1))
        self.utterance_encoder = GRU(units, unroll=True)
        self.context_rnn = GRU(units, unroll=True)
        self.initial = Dense(units, activation="tanh")
        self.decoder = GRU(units, return_sequences=True, return_state=True, unroll=True)
        self.scores = Dense(V)

    def call(self, inputs):
        turns, answer_inputs = inputs
        condition = self.read(turns)  # (B, H)
        return self.decode(answer_inputs, self.initial(condition), condition)[0]

    def utterances(self, turns):
        """A vector for each turn: (B, N, T) -> (B, N, H)."""
        _, N, T = turns.shape
        words = ops.reshape(turns, (-1, T))  # (B N, T)
        vectors = self.utterance_encoder(self.embedding(words), mask=words != 0)  # (B N, H)
        return ops.reshape(vectors, (-1, N, vectors.shape[1]))

    def read(self, turns):
        """The state of the context RNN after the last turn: (B, N, T) -> (B, H)."""
        return self.context_rnn(self.utterances(turns), mask=ops.any(turns != 0, axis=2))

    def decode(self, ids, state, condition):
        """Scores (B, T', V) after each id (B, T'), and the last state (B, H). Every step sees the condition (B, C)."""
        seen = ops.repeat(condition[:, None], ids.shape[1], axis=1)  # (B, T', C)
        outputs, state = self.decoder(ops.concatenate([self.embedding(ids), seen], axis=2), initial_state=state)
        return self.scores(outputs), state

    def context(self, turns) -> np.ndarray:
        """What is known of each dialogue before it is answered: (B, N, T) -> (B, H)."""
        return ops.convert_to_numpy(self.read(turns))

    def start(self, context) -> tuple[np.ndarray, np.ndarray]:
        """The states from which an answer starts: the decoder's (B, H) and the condition (B, C)."""
        return ops.convert_to_numpy(self.initial(context)), context

    def step(self, ids, states):
        """One more word of each answer, as tinyseq.decoding wants it."""
        state, condition = states
        scores, state = self.decode(np.asarray(ids)[:, None], state, condition)
        return ops.convert_to_numpy(scores[:, 0]), (ops.convert_to_numpy(state), condition)


class VHRED(HRED):
    """HRED with a latent variable z (B, Z) for each answer. Serban et al. (2017).

    The prior p(z | context) and, in training, the posterior q(z | context, answer) are diagonal Gaussians; the decoder
    sees context and z. The loss is -ELBO: answer_loss, and the KL of posterior and prior, which `call` adds; its mean
    is the metric "kl". Three things against a posterior that collapses to the prior, each off unless asked for:
    annealing, the number of training steps in which the weight of the KL rises from 0 to 1;
    word_drop, the share of the answer's words that the decoder reads as unknown in training;
    bag_of_words, which adds the loss of telling the answer's words, without their order, from context and z.

    To answer, `start` draws z from the prior.
    """

    def __init__(
        self, V: int, units: int, Z: int, annealing: int = 0, word_drop: float = 0.0, bag_of_words: bool = False
    ):
        super().__init__(V, units)
        if not 0 <= word_drop < 1 or annealing < 0:
            raise ValueError(f"word_drop must be in [0, 1) and annealing at least 0, got {word_drop} and {annealing}")
        self.prior_network = keras.Sequential([Dense(units, activation="tanh"), Dense(2 * Z)])
        self.posterior_network = keras.Sequential([Dense(units, activation="tanh"), Dense(2 * Z)])
        self.bag = keras.Sequential([Dense(units, activation="tanh"), Dense(V)]) if bag_of_words else None
        self.annealing, self.word_drop = annealing, word_drop
        self.steps = self.add_weight(name="steps", initializer="zeros", trainable=False)
        self.seeds = keras.random.SeedGenerator()
        self.kl_mean = keras.metrics.Mean(name="kl")

    def call(self, inputs, training=False):
        turns, answer_inputs = inputs
        context = self.read(turns)  # (B, H)
        mean, logvar = self.posterior(context, answer_inputs)  # (B, Z) each
        kl = kl_divergence(mean, logvar, *self.prior(context))  # (B,)
        self.kl_mean.update_state(kl)
        self.add_loss(self.kl_weight(training) * ops.mean(kl))
        z = mean + ops.exp(logvar / 2) * keras.random.normal(ops.shape(mean), seed=self.seeds)
        condition = ops.concatenate([context, z], axis=1)  # (B, H + Z)
        if self.bag is not None:
            words = answer_inputs[:, 1:]
            scores = ops.repeat(self.bag(condition)[:, None], words.shape[1], axis=1)  # the same for every place
            self.add_loss(ops.mean(answer_loss(words, scores)))
        if training and self.word_drop:
            drop = keras.random.uniform(ops.shape(answer_inputs), seed=self.seeds) < self.word_drop
            is_word = (answer_inputs != 0) & (ops.arange(answer_inputs.shape[1]) > 0)  # neither padding nor BOS
            answer_inputs = ops.where(drop & is_word, 1, answer_inputs)
        return self.decode(answer_inputs, self.initial(condition), condition)[0]

    def kl_weight(self, training):
        """1, or less in the first training steps."""
        if not training or not self.annealing:
            return 1.0
        weight = ops.minimum(self.steps / self.annealing, 1)
        self.steps.assign_add(1)
        return weight

    def prior(self, context):
        """Mean and log variance of p(z | context), (B, Z) each."""
        return ops.split(self.prior_network(context), 2, axis=1)

    def posterior(self, context, answer_inputs):
        """Mean and log variance of q(z | context, answer), (B, Z) each. The utterance encoder reads the answer too."""
        answer = self.utterances(answer_inputs[:, None])[:, 0]  # (B, H)
        return ops.split(self.posterior_network(ops.concatenate([context, answer], axis=1)), 2, axis=1)

    def kl(self, turns, answer_inputs) -> np.ndarray:
        """The KL of posterior and prior for each dialogue: (B, N, T), (B, T') -> (B,)."""
        context = self.read(turns)
        return ops.convert_to_numpy(kl_divergence(*self.posterior(context, answer_inputs), *self.prior(context)))

    def start(self, context, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """As in HRED. The condition is the context and a z from the prior: (B, H + Z)."""
        mean, logvar = map(ops.convert_to_numpy, self.prior(context))
        z = mean + np.exp(logvar / 2) * rng.standard_normal(mean.shape, mean.dtype)
        return super().start(np.concatenate([context, z], axis=1))

import numpy as np
import pytest

import tinyseq  # noqa: F401  before Keras
from tinyseq import gradcheck
from tinyseq.decoding import greedy
from tinyseq.layers import Dense, Embedding, SoftmaxCrossEntropy
from tinyseq.optimizers import Adam
from tinyseq.recurrent import GRU, LSTM, RNN, Bidirectional
from tinyseq.seq2seq import Decoder, Encoder, Seq2Seq, shifted

CELLS = [RNN, LSTM, GRU]
V, D, H, C = 7, 3, 4, 2
rng = np.random.default_rng(11)
SHAPES = [(3, 5, 4), (1, 1, 1), (2, 1, 3), (4, 3, 1)]  # B, T, T'


@pytest.fixture(scope="module")
def keras():
    import keras

    return keras


def random(layer):
    """Weights large enough that no gradient drowns in rounding; fresh biases are 0 and hide mistakes."""
    for weight in layer.params.values():
        weight[...] = rng.normal(size=weight.shape) / 2
    return layer


def encoder(cell):
    return random(Encoder(Embedding.fresh(rng, V, D), cell.fresh(rng, D, H)))


def decoder(cell, context=0, output=V):
    parts = Embedding.fresh(rng, V, D), cell.fresh(rng, D + context, H), Dense.fresh(rng, H + context, output)
    return random(Decoder(*parts))


def seq2seq(cell, peeky):
    return Seq2Seq(encoder(cell), decoder(cell, H * peeky), peeky)


def source(B, T):
    """Ids with a padded end, one row of padding alone where there are several, and repeated ids."""
    ids = rng.integers(1, V, size=(B, T))
    ids[np.arange(T) >= rng.integers(1, T + 1, size=(B, 1))] = 0
    ids[1:2] = 0
    return ids


def test_shifted_is_one_token_apart():
    inputs, targets = shifted([[4, 5, 6], [], [4]], bos=2, eos=3)
    np.testing.assert_array_equal(inputs, [[2, 4, 5, 6], [2, 0, 0, 0], [2, 4, 0, 0]])
    np.testing.assert_array_equal(targets, [[4, 5, 6, 3], [3, 0, 0, 0], [4, 3, 0, 0]])


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_of_the_encoder_are_true(cell, shape):
    assert max(gradcheck.check(encoder(cell), source(*shape[:2])).values()) < 1e-6


def test_gradients_of_a_bidirectional_encoder_are_true():
    both = Bidirectional(GRU.fresh(rng, D, H), GRU.fresh(rng, D, H))
    assert max(gradcheck.check(random(Encoder(Embedding.fresh(rng, V, D), both)), source(3, 4)).values()) < 1e-6


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("context", [0, C])
def test_gradients_of_the_decoder_are_true(cell, shape, context):
    B, _, T = shape
    states = [rng.normal(size=(B, H)) for _ in range(cell.STATES)]
    given = rng.normal(size=(B, C)) if context else None
    errors = gradcheck.check(decoder(cell, context), rng.integers(V, size=(B, T)), given, *states)
    assert len(errors) == 6 + cell.STATES + bool(context) and max(errors.values()) < 1e-6


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("peeky", [False, True])
def test_gradients_of_both_together_are_true(cell, shape, peeky):
    B, T, U = shape
    errors = gradcheck.check(seq2seq(cell, peeky), source(B, T), rng.integers(V, size=(B, U)))
    assert len(errors) == 10 and max(errors.values()) < 1e-6


def keras_model(keras, model, cell, peeky):
    """The same model of Keras's layers, with the same weights."""
    layers = keras.layers
    kind = {RNN: layers.SimpleRNN, LSTM: layers.LSTM, GRU: layers.GRU}[cell]
    read, write = keras.Input((None,), dtype="int32"), keras.Input((None,), dtype="int32")
    x = layers.Embedding(V, D, mask_zero=True)(read)
    _, *states = kind(H, return_sequences=True, return_state=True)(x)
    y = layers.Embedding(V, D)(write)

    def beside(y):
        if not peeky:
            return y
        tiled = layers.Lambda(lambda a: keras.ops.repeat(a[0][:, None], keras.ops.shape(a[1])[1], axis=1))(
            [states[0], y]
        )
        return layers.Concatenate()([y, tiled])

    y = kind(H, return_sequences=True)(beside(y), initial_state=states)
    theirs = keras.Model([read, write], layers.Dense(V)(beside(y)))
    ours = [*model.parts["encoder"].params.values(), *model.parts["decoder"].params.values()]
    by_name = [layer for layer in theirs.layers if layer.weights]
    embeddings = [layer for layer in by_name if isinstance(layer, layers.Embedding)]
    chains = [layer for layer in by_name if isinstance(layer, kind)]
    order = [embeddings[0], chains[0], embeddings[1], chains[1], by_name[-1]]
    for layer in order:
        layer.set_weights([ours.pop(0) for _ in layer.get_weights()])
    return theirs, [weight for layer in order for weight in layer.trainable_weights]


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("peeky", [False, True])
def test_scores_and_gradients_equal_keras(keras, cell, peeky):
    import tensorflow as tf

    keras.config.set_dtype_policy("float64")
    try:
        model, ids = seq2seq(cell, peeky), source(4, 5)
        inputs, targets = shifted([[4, 5, 6], [], [4], [6, 6]], 2, 3)
        theirs, weights = keras_model(keras, model, cell, peeky)
        with tf.GradientTape() as tape:
            scores = theirs([ids, inputs])
            per_token = keras.losses.sparse_categorical_crossentropy(targets, scores, from_logits=True)
            loss = tf.reduce_sum(per_token * (targets != 0)) / (targets != 0).sum()
        criterion = SoftmaxCrossEntropy()
        ours = model.forward(ids, inputs)
        np.testing.assert_allclose(ours, scores, atol=1e-10)
        np.testing.assert_allclose(criterion.forward(ours, targets, targets != 0), loss, atol=1e-10)
        model.backward(criterion.backward(1.0))
        for (name, grad), expected in zip(model.grads.items(), tape.gradient(loss, weights), strict=True):
            np.testing.assert_allclose(grad, tf.convert_to_tensor(expected), atol=1e-10, err_msg=name)
    finally:
        keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("peeky", [False, True])
def test_step_by_step_is_the_same_as_at_once(cell, peeky):
    model, ids, inputs = seq2seq(cell, peeky), source(3, 4), rng.integers(V, size=(3, 6))
    states, scores = model.start(ids), []
    for t in range(6):
        some, states = model.step(inputs[:, t], states)
        scores.append(some)
    np.testing.assert_allclose(np.stack(scores, axis=1), model(ids, inputs), atol=1e-12)


@pytest.mark.parametrize("peeky", [False, True])
def test_padding_of_the_source_changes_nothing(peeky):
    model, ids, inputs = seq2seq(LSTM, peeky), rng.integers(1, V, size=(2, 3)), rng.integers(V, size=(2, 4))
    padded = np.concatenate([ids, np.zeros((2, 5), int)], axis=1)
    np.testing.assert_allclose(model(padded, inputs), model(ids, inputs), atol=1e-12)


def test_an_empty_source_starts_from_nothing():
    model = seq2seq(LSTM, True)
    assert all(not state.any() for state in model.start(np.zeros((2, 3), int)))


def test_padding_of_the_targets_gets_no_gradient_from_the_masked_loss():
    model, ids, criterion = seq2seq(GRU, False), source(3, 4), SoftmaxCrossEntropy()
    grads = []
    for extra in (0, 3):
        inputs, targets = (np.pad(each, ((0, 0), (0, extra))) for each in shifted([[4, 5], [6], [4, 4]], 2, 3))
        criterion.forward(model.forward(ids, inputs), targets, targets != 0)
        model.backward(criterion.backward(1.0))
        grads.append({name: grad.copy() for name, grad in model.grads.items()})
        model.zero_grads()
    for name in grads[0]:
        np.testing.assert_allclose(grads[0][name], grads[1][name], atol=1e-12, err_msg=name)


@pytest.mark.parametrize("peeky", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_it_learns_to_reverse_and_to_stop(peeky, seed):
    """Sequences of 1 to 4 of five symbols; most of those that it never saw come out right."""
    draw = np.random.default_rng(seed)
    sequences = [draw.integers(4, 9, size=draw.integers(1, 5)).tolist() for _ in range(900)]
    sequences = [list(each) for each in dict.fromkeys(map(tuple, sequences))]
    known, new = sequences[:-60], sequences[-60:]
    H = 32
    parts = Embedding.fresh(draw, 9, 8), GRU.fresh(draw, 8 + H * peeky, H), Dense.fresh(draw, H + H * peeky, 9)
    model = Seq2Seq(Encoder(Embedding.fresh(draw, 9, 8), GRU.fresh(draw, 8, H)), Decoder(*parts), peeky)
    criterion, optimizer = SoftmaxCrossEntropy(), Adam([model], 0.01)
    from tinyseq.text import pad

    for _ in range(60):
        for rows in np.array_split(draw.permutation(len(known)), 12):
            inputs, targets = shifted([known[r][::-1] for r in rows], 2, 3)
            criterion.forward(model.forward(pad([known[r] for r in rows]), inputs), targets, targets != 0)
            model.backward(criterion.backward(1.0))
            optimizer.step()
    said = greedy(model.step, model.start(pad(new)), 2, 3, 10)
    assert np.mean([ids == each[::-1] for ids, each in zip(said, new, strict=True)]) > 0.7


def test_an_unknown_id_and_states_that_do_not_fit_are_named():
    model = seq2seq(GRU, False)
    with pytest.raises(IndexError, match=r"ids must be from 0 to V - 1 = 6, got 7 at \[0, 1\]"):
        model(np.array([[1, 7]]), np.array([[2]]))
    with pytest.raises(ValueError, match=r"initial must be 1 states of the shape \(1, 4\), got \(1, 4\), \(1, 4\)"):
        model.parts["decoder"](np.array([[2]]), None, *np.zeros((2, 1, 4)))
    with pytest.raises(ValueError, match=r"x must have the shape \(B, T, 3\) .* got \(1, 1, 5\)"):
        model.parts["decoder"](np.array([[2]]), np.zeros((1, 2)), np.zeros((1, 4)))

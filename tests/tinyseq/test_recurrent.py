import numpy as np
import pytest

import tinyseq  # noqa: F401  before Keras
from tinyseq import gradcheck
from tinyseq.recurrent import GRU, LSTM, RNN, Bidirectional

rng = np.random.default_rng(17)
SHAPES = [(3, 5, 2, 4), (1, 4, 3, 2), (2, 1, 1, 3), (4, 7, 3, 1), (1, 1, 1, 1)]  # B, T, D, H
KINDS = ["rnn", "lstm", "gru", "gru_reset_before"]


def masks(B, T):
    """Padding on the right, on the left, inside, none, all of one row, all of every row."""
    right = np.arange(T) < rng.integers(1, T + 1, size=(B, 1))
    inside = rng.random((B, T)) < 0.5
    one_row = right.copy()
    one_row[0] = False
    return {
        "right": right,
        "left": right[:, ::-1],
        "inside": inside,
        "none": np.ones((B, T), bool),
        "one row": one_row,
        "all": np.zeros((B, T), bool),
    }


CASES = [
    pytest.param(shape, mask, id=f"{shape}-{name}") for shape in SHAPES for name, mask in masks(*shape[:2]).items()
]


def normal(*shape):
    return rng.normal(size=shape)


@pytest.fixture(scope="module")
def keras():
    import keras

    return keras


def keras_layer(keras, kind, D, H, dtype="float64", **options):
    """A layer of Keras with weights far from its own: biases too, or a wrong mask would not show."""
    options |= {"dtype": dtype, "return_sequences": True, "return_state": True}
    kinds = {"rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}
    if kind == "gru_reset_before":
        options["reset_after"] = False
    layer = kinds[kind.split("_")[0]](H, **options)
    layer.build((None, None, D))
    layer.set_weights([normal(*weight.shape) for weight in layer.get_weights()])
    return layer


def ours(kind, weights, **options):
    return {"rnn": RNN, "lstm": LSTM, "gru": GRU}[kind.split("_")[0]](*weights, **options)


def random_layer(kind, D, H, **options):
    layer = {"rnn": RNN, "lstm": LSTM, "gru": GRU}[kind.split("_")[0]]
    width = layer.GATES * H
    b = normal(2, width) if kind == "gru" else normal(width)
    return layer(normal(D, width), normal(H, width), b, **options)


def tolerance(dtype):
    return {"rtol": 1e-10, "atol": 1e-10} if dtype == "float64" else {"rtol": 1e-6, "atol": 1e-6}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("shape", "mask"), CASES)
def test_outputs_and_states_equal_keras_under_every_mask(keras, kind, shape, mask):
    B, T, D, H = shape
    for dtype in ("float64", "float32"):
        layer = keras_layer(keras, kind, D, H, dtype)
        if dtype == "float32":  # weights of ordinary size: saturated units would multiply the rounding
            layer.set_weights([0.3 * weight for weight in layer.get_weights()])
        x = normal(B, T, D).astype(dtype)
        mine = ours(kind, layer.get_weights())
        initial = [normal(B, H).astype(dtype) for _ in range(mine.STATES)]
        for states in ([], initial):
            theirs = layer(x, mask=mask, initial_state=states or None)
            for out, expected in zip(mine(x, mask, *states), theirs, strict=True):
                assert out.dtype == dtype
                np.testing.assert_allclose(out, expected, **tolerance(dtype))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("shape", "mask"), CASES)
def test_bidirectional_equals_keras_under_every_mask(keras, kind, shape, mask):
    B, T, D, H = shape
    merge_mode = rng.choice(Bidirectional.MERGE_MODES)
    halves = [keras_layer(keras, kind, D, H), keras_layer(keras, kind, D, H, go_backwards=True)]
    x = normal(B, T, D)
    both = keras.layers.Bidirectional(halves[0], backward_layer=halves[1], merge_mode=merge_mode, dtype="float64")
    theirs = both(x, mask=mask)  # this builds the layers anew
    for half in (both.forward_layer, both.backward_layer):
        half.set_weights([normal(*weight.shape) for weight in half.get_weights()])
    theirs = both(x, mask=mask)
    mine = Bidirectional(
        ours(kind, both.forward_layer.get_weights()), ours(kind, both.backward_layer.get_weights()), merge_mode
    )
    for out, expected in zip(mine(x, mask), theirs, strict=True):
        np.testing.assert_allclose(out, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("shape", "mask"), CASES)
def test_gradients_are_true(kind, shape, mask):
    B, T, D, H = shape
    layer = random_layer(kind, D, H)
    initial = [normal(B, H) for _ in range(layer.STATES)]
    errors = gradcheck.check(layer, normal(B, T, D), mask, *initial)
    assert len(errors) == 4 + layer.STATES and max(errors.values()) < 1e-6


@pytest.mark.parametrize("kind", ["gru", "gru_reset_before"])
@pytest.mark.parametrize("mask", [None, masks(3, 4)["inside"]])
def test_gradients_of_the_other_convention_are_true(kind, mask):
    layer = random_layer(kind, 2, 3, z_keeps=False)
    assert max(gradcheck.check(layer, normal(3, 4, 2), mask, normal(3, 3)).values()) < 1e-6


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("merge_mode", Bidirectional.MERGE_MODES)
@pytest.mark.parametrize("mask", [None, *masks(3, 4).values()])
def test_gradients_of_bidirectional_are_true(kind, merge_mode, mask):
    layer = Bidirectional(random_layer(kind, 2, 3), random_layer(kind, 2, 3), merge_mode)
    errors = gradcheck.check(layer, normal(3, 4, 2), mask)
    assert len(errors) == 7 and max(errors.values()) < 1e-6
    initial = [normal(3, 3) for _ in range(2 * layer.parts["forward"].STATES)]
    assert max(gradcheck.check(layer, normal(3, 4, 2), mask, *initial).values()) < 1e-6


@pytest.mark.parametrize("kind", KINDS)
def test_inputs_that_are_integers_have_the_gradients_of_floats(kind):
    layer, ids, dout = random_layer(kind, 5, 3), rng.integers(5, size=(2, 4)), normal(2, 4, 3)
    found = []
    for x in (np.eye(5, dtype=int)[ids], np.eye(5)[ids]):
        layer.forward(x)
        layer.backward(dout)
        found.append([grad.copy() for grad in layer.grads.values()])
        layer.zero_grads()
    for whole, expected in zip(*found, strict=True):
        np.testing.assert_array_equal(whole, expected)


@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_used_twice_keeps_both_gradients(kind):
    half = random_layer(kind, 2, 3)
    for layer in (half, Bidirectional(half, random_layer(kind, 2, 3))):
        alone, texts = [], (normal(2, 4, 2), normal(3, 2, 2))
        for x in texts:
            layer.backward(np.ones_like(layer.forward(x)[0]))
            alone.append({name: grad.copy() for name, grad in layer.grads.items()})
            layer.zero_grads()
        first, second = (layer.forward(x)[0] for x in texts)
        layer.backward(np.ones_like(second))
        layer.backward(np.ones_like(first))
        for name, grad in layer.grads.items():
            np.testing.assert_allclose(grad, alone[0][name] + alone[1][name], atol=1e-12)
        layer.zero_grads()


def test_gradients_equal_tensorflow(keras):
    import tensorflow as tf

    mask = masks(3, 5)["right"]
    for kind in KINDS:
        layer = keras_layer(keras, kind, 2, 4)
        x, dout = tf.constant(normal(3, 5, 2)), normal(3, 5, 4)
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(layer(x, mask=mask)[0] * dout)
        theirs = tape.gradient(loss, [x, *layer.trainable_weights])
        mine = ours(kind, layer.get_weights())
        mine.forward(x.numpy(), mask)
        found = [mine.backward(dout), *mine.grads.values()]
        for gradient, expected in zip(found, theirs, strict=True):
            np.testing.assert_allclose(gradient, expected, rtol=1e-10, atol=1e-10)


class TestByHand:
    def test_one_step_of_an_rnn(self):
        rnn = RNN(np.array([[0.5]]), np.array([[0.2]]), np.array([0.0]))
        outputs, h = rnn(np.array([[[2.0]]]), None, np.array([[1.0]]))
        assert outputs.item() == h.item() == pytest.approx(np.tanh(1.2))

    def test_a_lstm_with_an_open_forget_gate_is_a_conveyor(self):
        """i = 0, f = 1: the cell keeps what it has, however long."""
        b = np.array([-1e3, 1e3, 0, 1e3])
        lstm = LSTM(np.zeros((1, 4)), np.zeros((1, 4)), b)
        _, h, c = lstm(normal(1, 100, 1), None, np.zeros((1, 1)), np.array([[0.7]]))
        assert c.item() == 0.7 and h.item() == pytest.approx(np.tanh(0.7))

    @pytest.mark.parametrize("kind", ["gru", "gru_reset_before"])
    def test_the_two_conventions_of_the_update_gate_mirror_each_other(self, kind):
        one = random_layer(kind, 2, 3)
        weights = [weight.copy() for weight in one.params.values()]
        for weight in weights:
            weight[..., :3] *= -1  # sigmoid(-a) = 1 - sigmoid(a)
        x = normal(2, 5, 2)
        np.testing.assert_allclose(one(x)[0], GRU(*weights, z_keeps=False)(x)[0], atol=1e-14)


class TestMeaningOfMasksAndStates:
    @pytest.mark.parametrize("kind", KINDS)
    def test_padding_changes_nothing(self, kind):
        layer, x = random_layer(kind, 2, 3), normal(2, 4, 2)
        padded = np.concatenate([x, normal(2, 3, 2)], axis=1)
        mask = np.arange(7)[None] < np.array([[4], [4]])
        outputs, *states = layer(padded, mask)
        np.testing.assert_array_equal(outputs[:, :4], layer(x)[0])
        assert (outputs[:, 4:] == outputs[:, 3:4]).all()
        for state, expected in zip(states, layer(x)[1:], strict=True):
            np.testing.assert_array_equal(state, expected)

    def test_the_last_output_is_the_final_state(self):
        outputs, h, _ = random_layer("lstm", 2, 3)(normal(2, 4, 2))
        np.testing.assert_array_equal(outputs[:, -1], h)

    def test_a_text_read_in_two_parts_is_the_text(self):
        layer, x = random_layer("lstm", 2, 3), normal(2, 6, 2)
        first, *states = layer(x[:, :4])
        second, *_ = layer(x[:, 4:], None, *states)
        np.testing.assert_allclose(np.concatenate([first, second], axis=1), layer(x)[0], atol=1e-14)

    def test_the_backward_half_ends_at_the_first_token(self):
        both = Bidirectional(random_layer("gru", 2, 3), random_layer("gru", 2, 3))
        outputs, h_forward, h_backward = both(normal(2, 4, 2))
        np.testing.assert_array_equal(outputs[:, -1, :3], h_forward)
        np.testing.assert_array_equal(outputs[:, 0, 3:], h_backward)
        assert not np.allclose(outputs[:, -1, 3:], h_backward)

    def test_a_state_that_is_not_used_needs_no_gradient(self):
        for layer in (random_layer("lstm", 2, 3), Bidirectional(random_layer("rnn", 2, 3), random_layer("rnn", 2, 3))):
            x = normal(2, 4, 2)
            outputs, *states = layer.forward(x)
            dx = layer.backward(np.ones_like(outputs))
            layer.zero_grads()
            layer.forward(x)
            zeros = [np.zeros_like(state) for state in states]
            np.testing.assert_array_equal(dx, layer.backward(np.ones_like(outputs), *zeros))


class TestBadInput:
    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize(
        ("x", "mask", "initial", "error", "message"),
        [
            (normal(3, 2), None, [], ValueError, r"x must have the shape \(B, T, 2\) .*, got \(3, 2\)"),
            (normal(3, 4, 5), None, [], ValueError, r"got \(3, 4, 5\)"),
            (normal(3, 0, 2), None, [], ValueError, r"T at least 1, got \(3, 0, 2\)"),
            (normal(3, 4, 2), np.ones((3, 4)), [], TypeError, "mask must be bool, got float64"),
            (
                normal(3, 4, 2),
                np.ones((4, 3), bool),
                [],
                ValueError,
                r"mask must have the shape \(3, 4\), got \(4, 3\)",
            ),
            (normal(3, 4, 2), None, [normal(3, 5)] * 2, ValueError, r"states of the shape \(3, 3\), got \(3, 5\)"),
            (
                normal(3, 4, 2),
                None,
                [normal(3, 3)] * 3,
                ValueError,
                r"initial must be [12] states .*\(3, 3\), \(3, 3\)",
            ),
        ],
    )
    def test_inputs_that_do_not_fit_are_refused(self, kind, x, mask, initial, error, message):
        with pytest.raises(error, match=message):
            random_layer(kind, 2, 3)(x, mask, *initial)

    @pytest.mark.parametrize("layer", [RNN, LSTM, GRU])
    def test_weights_that_do_not_fit_are_refused(self, layer):
        width = 3 * layer.GATES
        W, U, b = normal(2, width), normal(3, width), normal(width)
        for wrong in (normal(2, width + 1), normal(width)):
            with pytest.raises(
                ValueError, match=rf"W and U must have the shapes \(D, {width}\) and \(3, {width}\), got"
            ):
                layer(wrong, U, b)
        with pytest.raises(ValueError, match="W and U must have the shapes"):
            layer(W, normal(3, width + 1), b)
        for wrong in (normal(width + 1), normal(3, width), normal(1, 2, width)):
            with pytest.raises(ValueError, match=rf"b must have the shape \({width},\).*, got \("):
                layer(W, U, wrong)

    def test_two_biases_are_for_the_gru_alone(self):
        for layer in (RNN, LSTM):
            width = 3 * layer.GATES
            with pytest.raises(ValueError, match=rf"b must have the shape \({width},\), got \(2, {width}\)"):
                layer(normal(2, width), normal(3, width), normal(2, width))
        with pytest.raises(ValueError, match=r"b must have the shape \(9,\) or \(2, 9\), got \(3, 9\)"):
            GRU(normal(2, 9), normal(3, 9), normal(3, 9))

    def test_another_merge_mode_is_refused(self):
        with pytest.raises(ValueError, match="one of concat, sum, mul, ave, got 'mean'"):
            Bidirectional(random_layer("rnn", 2, 3), random_layer("rnn", 2, 3), "mean")

    def test_backward_refuses_another_shape(self):
        layer = random_layer("rnn", 2, 3)
        layer.forward(normal(3, 4, 2))
        for wrong in (
            [normal(3, 4, 2)],
            [normal(3, 4)],
            [normal(3, 4, 3), normal(3, 2)],
            [normal(3, 4, 3), *normal(2, 3, 3)],
        ):
            with pytest.raises(ValueError, match=r"dout must have the shape of the output, \(3, 4, 3\), \(3, 3\), got"):
                layer.backward(*wrong)

import numpy as np
import pytest
from scipy.special import expit

import tinyseq  # noqa: F401  before Keras
from tinyseq import gradcheck, word2vec
from tinyseq.layers import Dense, Embedding, SoftmaxCrossEntropy
from tinyseq.pooling import GlobalAveragePooling
from tinyseq.word2vec import CBOW, Examples, NegativeSampling, contexts_and_targets

rng = np.random.default_rng(11)
V, H = 7, 3
SHAPES = [(4, 2), (1, 2), (3, 1), (1, 1), (5, 10), (0, 2)]


def normal(*shape):
    return rng.normal(size=shape)


def masks(shape):
    """None, all, some, and one row without a real neighbour."""
    none_real = rng.random(shape) < 0.7
    none_real[:1] = False
    return [None, np.ones(shape, bool), rng.random(shape) < 0.7, none_real]


CASES = [(shape, mask) for shape in SHAPES for mask in masks(shape)]


class TestContexts:
    def test_of_the_sentence_that_everybody_uses(self):
        contexts, targets = contexts_and_targets(np.array([0, 1, 2, 3, 4, 1, 5]), 1)
        assert contexts.tolist() == [[0, 2], [1, 3], [2, 4], [3, 1], [4, 5]] and targets.tolist() == [1, 2, 3, 4, 1]

    @pytest.mark.parametrize(("L", "window"), [(8, 1), (8, 2), (3, 1), (5, 2), (9, 4)])
    def test_have_one_row_for_each_word_with_neighbours_on_both_sides(self, L, window):
        ids = rng.integers(V, size=L)
        contexts, targets = contexts_and_targets(ids, window)
        assert contexts.shape == (L - 2 * window, 2 * window)
        for i, (around, target) in enumerate(zip(contexts, targets, strict=True), start=window):
            assert target == ids[i]
            assert around.tolist() == [*ids[i - window : i], *ids[i + 1 : i + window + 1]]

    @pytest.mark.parametrize(
        ("ids", "window", "message"),
        [
            (np.arange(7), 0, "window must be at least 1, got 0"),
            (np.arange(7), -1, "got -1"),
            (np.arange(4), 2, r"at least 5 words, got the shape \(4,\)"),
            (np.array([], int), 1, r"got the shape \(0,\)"),
            (np.zeros((2, 9), int), 1, r"got the shape \(2, 9\)"),
        ],
    )
    def test_need_a_text_longer_than_the_window(self, ids, window, message):
        with pytest.raises(ValueError, match=message):
            contexts_and_targets(ids, window)


class TestCBOW:
    @pytest.mark.parametrize(("shape", "mask"), CASES)
    def test_is_embedding_mean_product_and_softmax(self, shape, mask):
        W_in, W_out = normal(V, H), normal(H, V)
        contexts, targets = rng.integers(V, size=shape), rng.integers(V, size=shape[0])
        layers = Embedding(W_in), GlobalAveragePooling(), Dense(W_out), SoftmaxCrossEntropy()
        h = layers[1].forward(layers[0].forward(contexts), mask)
        loss = layers[3].forward(layers[2].forward(h), targets)
        ours = CBOW(W_in, W_out)
        assert ours.forward(contexts, targets, mask) == pytest.approx(loss, abs=1e-12)
        ours.backward(1.0)
        layers[0].backward(layers[1].backward(layers[2].backward(layers[3].backward(1.0))))
        np.testing.assert_allclose(ours.grads["W_in"], layers[0].grads["W"], atol=1e-14)
        np.testing.assert_allclose(ours.grads["W_out"], layers[2].grads["W"], atol=1e-14)

    @pytest.mark.parametrize(("shape", "mask"), CASES)
    def test_gradient_is_true(self, shape, mask):
        contexts, targets = rng.integers(3, size=shape), rng.integers(V, size=shape[0])  # ids repeat
        errors = gradcheck.check(CBOW(normal(V, H), normal(H, V)), contexts, targets, mask)
        assert set(errors) == {"W_in", "W_out"} and max(errors.values()) < 1e-7

    def test_equals_keras_with_its_gradients(self):
        import keras
        import tensorflow as tf

        contexts, targets = rng.integers(V, size=(6, 4)), rng.integers(V, size=6)
        model = keras.Sequential(
            [
                keras.layers.Embedding(V, H, dtype="float64"),
                keras.layers.GlobalAveragePooling1D(dtype="float64"),
                keras.layers.Dense(V, use_bias=False, dtype="float64"),
            ]
        )
        model.build((None, 4))
        loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True, dtype="float64")
        with tf.GradientTape() as tape:
            loss = loss_of(targets, model(contexts))
        ours = CBOW(*model.get_weights())
        assert ours.forward(contexts, targets) == pytest.approx(float(loss), abs=1e-12)
        ours.backward(1.0)
        for name, theirs in zip(("W_in", "W_out"), tape.gradient(loss, model.trainable_weights), strict=True):
            np.testing.assert_allclose(ours.grads[name], tf.convert_to_tensor(theirs), atol=1e-14)

    def test_loss_before_training_is_the_logarithm_of_V(self):
        assert CBOW(np.zeros((V, H)), normal(H, V))(np.array([[1, 2]]), np.array([0])) == pytest.approx(np.log(V))

    def test_of_one_word_is_0(self):
        assert CBOW(normal(1, H), normal(H, 1))(np.zeros((2, 2), int), np.zeros(2, int)) == 0


class TestNegativeSampling:
    @pytest.mark.parametrize(("shape", "mask"), CASES)
    @pytest.mark.parametrize("K", [0, 1, 5])
    def test_is_the_formula_word_by_word_and_its_gradient_is_true(self, shape, mask, K):
        W_in, W_out = normal(V, H), normal(V, H)
        contexts, words = rng.integers(3, size=shape), rng.integers(4, size=(shape[0], 1 + K))
        total = 0.0
        for b in range(shape[0]):
            real = [W_in[i] for c, i in enumerate(contexts[b]) if mask is None or mask[b, c]]
            h = np.mean(real, axis=0) if real else np.zeros(H)
            true, *drawn = words[b]
            total -= np.log(expit(W_out[true] @ h))
            total -= sum(np.log(expit(-W_out[word] @ h)) for word in drawn if word != true)
        layer = NegativeSampling(W_in, W_out)
        assert layer(contexts, words, mask) == pytest.approx(total / max(shape[0], 1), abs=1e-12)
        assert max(gradcheck.check(layer, contexts, words, mask).values()) < 1e-7

    def test_by_hand(self):
        W_in, W_out = np.array([[1.0], [3.0]]), np.array([[0.5], [-0.5]])
        loss = NegativeSampling(W_in, W_out)(np.array([[0, 1]]), np.array([[0, 1]]))  # h = 2, scores 1 and -1
        assert loss == pytest.approx(2 * np.log(1 + np.exp(-1)))
        assert round(loss, 4) == 0.6265

    def test_loss_before_training_is_one_logarithm_of_2_for_each_word(self):
        layer = NegativeSampling(normal(V, H), np.zeros((V, H)))
        assert layer(np.array([[0, 1]]), np.array([[2, 3, 4, 5, 6, 3]])) == pytest.approx(6 * np.log(2))

    def test_of_one_word_has_nothing_to_tell_apart(self):
        layer = NegativeSampling(normal(1, H), np.zeros((1, H)))
        assert layer(np.array([[0, 0]]), np.array([[0, 0, 0]])) == pytest.approx(np.log(2))

    def test_is_stable_for_huge_scores(self):
        layer = NegativeSampling(np.full((2, 1), 1e3), np.array([[-1e3], [1e3]]))
        assert layer.forward(np.array([[0]]), np.array([[0, 1]])) == pytest.approx(2e6)
        layer.backward(1.0)
        assert all(np.isfinite(grad).all() for grad in layer.grads.values())

    def test_keeps_float32(self):
        layer = NegativeSampling(normal(V, H).astype(np.float32), normal(V, H).astype(np.float32))
        layer.forward(np.array([[0, 1]]), np.array([[2, 3]]))
        layer.backward(-0.1)
        assert {grad.dtype for grad in layer.grads.values()} == {np.dtype(np.float32)}


@pytest.mark.parametrize(
    ("contexts", "words", "mask", "error", "message"),
    [
        ([[0, 7]], [[0]], None, IndexError, r"contexts must be from 0 to V - 1 = 6, got 7 at \[0, 1\]"),
        ([[0, -1]], [[0]], None, IndexError, "contexts .* got -1"),
        ([[0, 1]], [[7]], None, IndexError, "(words|targets) must be from 0 to V - 1 = 6, got 7"),
        ([[0.0, 1]], [[0]], None, TypeError, "contexts must be integers, got float64"),
        ([[0, 1]], [[0.5]], None, TypeError, "(words|targets) must be integers, got float64"),
        ([0, 1], [[0]], None, ValueError, r"contexts must have the shape \(B, C\), got \(2,\)"),
        ([[0, 1]], [[0], [1]], None, ValueError, "(words|targets) must have the shape"),
        ([[0, 1]], [[0]], [[1, 0]], TypeError, "mask must be bool, got int64"),
        ([[0, 1]], [[0]], [True], ValueError, r"mask must have the shape \(1, 2\), got \(1,\)"),
    ],
)
def test_both_losses_refuse_what_does_not_fit(contexts, words, mask, error, message):
    with pytest.raises(error, match=message):
        NegativeSampling(normal(V, H), normal(V, H))(contexts, words, mask)
    with pytest.raises(error, match=message):
        CBOW(normal(V, H), normal(H, V))(contexts, np.array(words)[:, 0], mask)


@pytest.mark.parametrize("layer", [CBOW, NegativeSampling])
def test_both_losses_refuse_tables_that_do_not_fit(layer):
    with pytest.raises(ValueError, match=r"W_in and W_out must .* got \(7, 3\) and \(5, 5\)"):
        layer(normal(7, 3), normal(5, 5))


class TestExamples:
    def test_of_cbow_are_the_words_with_the_neighbours_in_their_sentence(self):
        sentences = [[1, 2, 3, 4], [5], [6, 0, 6]]
        contexts, words, mask = Examples(sentences, V, window=1, sample=1).epoch()
        found = sorted((int(w[0]), c[m].tolist()) for c, w, m in zip(contexts, words, mask, strict=True))
        expected = [(1, [2]), (2, [1, 3]), (3, [2, 4]), (4, [3]), (6, [0]), (0, [6, 6]), (6, [0])]
        assert found == sorted(expected) and words.shape == (7, 6)

    def test_of_skip_gram_are_the_pairs(self):
        contexts, words, mask = Examples([[1, 2, 3], [4, 5]], V, window=1, sample=1, skip_gram=True).epoch()
        pairs = sorted((int(c[0]), int(w[0])) for c, w in zip(contexts, words, strict=True))
        assert pairs == [(1, 2), (2, 1), (2, 3), (3, 2), (4, 5), (5, 4)] and mask.all()

    def test_reach_each_distance_with_the_share_that_a_drawn_window_gives(self):
        rows, window = 20_000, 4
        ids = np.tile(np.arange(9), rows)
        contexts, mask = word2vec.neighbours(ids, np.repeat(np.arange(rows), 9), window, np.random.default_rng(0))
        middle = mask[4::9]
        share = middle.mean(axis=0)  # distances 4 3 2 1 1 2 3 4
        np.testing.assert_allclose(share, np.array([1, 2, 3, 4, 4, 3, 2, 1]) / 4, atol=0.02)
        assert (contexts[4::9] == [0, 1, 2, 3, 5, 6, 7, 8]).all()

    def test_draw_words_by_the_noise_distribution(self):
        counts = np.array([90, 9, 1])
        noise = word2vec.noise_distribution(counts)
        np.testing.assert_allclose(noise, [0.8250, 0.1467, 0.0282], atol=1e-4)
        drawn = word2vec.draw(noise, (1000, 50), np.random.default_rng(0))
        assert drawn.shape == (1000, 50)
        np.testing.assert_allclose(np.bincount(drawn.ravel()) / 50_000, noise, atol=0.01)
        halves = [np.bincount(half.ravel(), minlength=3) / 25_000 for half in (drawn[:500], drawn[500:])]
        np.testing.assert_allclose(*halves, atol=0.01)  # no order is left

    def test_drop_frequent_words(self):
        keep = word2vec.keep_probability(np.array([0, 1, 999_999]), 1e-3)
        np.testing.assert_allclose(keep, [1, 1, np.sqrt(1e-3) + 1e-3], rtol=1e-3)
        assert (word2vec.keep_probability(np.array([5, 1]), 1) == 1).all()
        sentences = [[0, 0, 0, 0, 1, 2]] * 2000
        kept = Examples(sentences, 3, sample=0.05).epoch()[1][:, 0]
        expected = word2vec.keep_probability(np.array([8000, 2000, 2000]), 0.05) * [8000, 2000, 2000]
        np.testing.assert_allclose(np.bincount(kept), expected, rtol=0.1)

    def test_are_new_for_each_epoch_and_the_same_for_one_seed(self):
        first, again = (Examples([list(range(7)) * 9], V, seed=1) for _ in range(2))
        for one, other in zip(first.epoch(), again.epoch(), strict=True):
            assert np.array_equal(one, other)
        assert not np.array_equal(first.epoch()[1], again.epoch()[1][::-1])

    @pytest.mark.parametrize(
        ("sentences", "settings", "error", "message"),
        [
            ([[0, 1]], {"window": 0}, ValueError, "window must be at least 1, got 0"),
            ([[0, 1]], {"K": 0}, ValueError, "K must be at least 1, got 0"),
            ([[0, 1]], {"sample": 0}, ValueError, "sample must be above 0, got 0"),
            ([], {}, ValueError, "one of at least 2 words, got none"),
            ([[], [1], [2]], {}, ValueError, "one of at least 2 words, got none"),
            ([[0, 7]], {}, IndexError, r"sentences must be from 0 to V - 1 = 6, got 7 at \[1\]"),
            ([[0, -1]], {}, IndexError, "got -1"),
            ([[0.0, 1.0]], {}, TypeError, "sentences must be integers, got float64"),
        ],
    )
    def test_refuse_what_gives_none(self, sentences, settings, error, message):
        with pytest.raises(error, match=message):
            Examples(sentences, V, **settings)


class TestTrain:
    @staticmethod
    def layer():
        return NegativeSampling(normal(V, H), normal(V, H))

    @pytest.mark.parametrize("skip_gram", [False, True])
    def test_a_step_is_the_true_gradient_of_the_sum_times_lr(self, skip_gram):
        sentences, settings = [[1, 2, 3, 4, 1], [5, 6]], {"sample": 1, "skip_gram": skip_gram, "seed": 3}
        layer = self.layer()
        twin = NegativeSampling(*(weight.copy() for weight in layer.params.values()))
        contexts, words, mask = Examples(sentences, V, **settings).epoch()
        loss = twin.forward(contexts, words, mask)
        twin.backward(float(len(words)))
        assert list(word2vec.train(layer, Examples(sentences, V, **settings), lr=0.1, epochs=1)) == [loss]
        for name, weight in layer.params.items():
            np.testing.assert_allclose(weight, twin.params[name] - 0.1 * twin.grads[name], atol=1e-12)
            assert not layer.grads[name].any()

    def test_lr_falls_linearly_to_0(self):
        """Four steps in two epochs: lr, then 3/4, 2/4 and 1/4 of it."""
        sentences, layer = [[1, 2, 3, 4]], self.layer()
        twin = NegativeSampling(*(weight.copy() for weight in layer.params.values()))
        examples = Examples(sentences, V, sample=1, seed=3)
        for epoch in range(2):
            contexts, words, mask = examples.epoch()
            for half in range(2):
                some = slice(2 * half, 2 * half + 2)
                twin.forward(contexts[some], words[some], mask[some])
                twin.backward(2.0)
                for name, weight in twin.params.items():
                    weight -= 0.1 * (1 - epoch / 2 - half / 4) * twin.grads[name]
                twin.zero_grads()
        list(word2vec.train(layer, Examples(sentences, V, sample=1, seed=3), lr=0.1, epochs=2, batch=2))
        for name, weight in layer.params.items():
            np.testing.assert_allclose(weight, twin.params[name], atol=1e-12)

    def test_brings_words_of_like_use_together(self):
        """Words 0-3 stand next to 4, words 5-8 next to 9: two groups, whatever the seed."""
        for seed in range(3):
            draws = np.random.default_rng(seed)
            sentences = [[4, a, 4, b] for a, b in draws.integers(4, size=(400, 2))]
            sentences += [[9, a, 9, b] for a, b in draws.integers(5, 9, size=(400, 2))]
            layer = NegativeSampling(draws.normal(size=(10, 5)) * 0.1, np.zeros((10, 5)))
            losses = list(word2vec.train(layer, Examples(sentences, 10, sample=1, seed=seed), lr=0.05, batch=20))
            assert losses[-1] < losses[0]
            rows = layer.params["W_in"] / np.linalg.norm(layer.params["W_in"], axis=1, keepdims=True)
            same = rows[:4] @ rows[:4].T
            assert same.min() > 0.5 > (rows[:4] @ rows[5:9].T).max()

    def test_goes_on_when_subsampling_leaves_an_epoch_empty(self):
        layer = self.layer()
        before = layer.params["W_in"].copy()
        assert list(word2vec.train(layer, Examples([[0, 1]], V, sample=1e-9), epochs=2)) == [0, 0]
        assert np.array_equal(layer.params["W_in"], before)

    def test_says_that_it_diverged(self):
        layer = NegativeSampling(normal(V, H).astype(np.float32), normal(V, H).astype(np.float32))
        with pytest.raises(FloatingPointError, match=r"lr = 1e\+30 is too large"):
            list(word2vec.train(layer, Examples([[0, 1, 2, 3]] * 100, V, sample=1), lr=1e30, batch=10))

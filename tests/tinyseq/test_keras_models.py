import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from tinyseq import datasets, decoding, layers, recurrent
from tinyseq.datasets import Dialogue
from tinyseq.keras_models import HRED, VHRED, answer_loss, encode, kl_divergence, vocabulary
from tinyseq.text import BOS, EOS, Vocabulary

import keras  # isort: skip  after tinyseq

V, H, Z = 11, 5, 3
TURNS = np.array(
    [
        [[0, 0, 0], [2, 3, 4], [0, 0, 0], [5, 6, 0]],  # padding in front, an empty turn in the middle
        [[7, 0, 0], [8, 9, 0], [3, 2, 10], [4, 0, 0]],
        [[0, 0, 0], [0, 0, 0], [0, 0, 0], [9, 0, 2]],  # a gap inside a turn
        [[0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0]],  # no words at all
    ]
)
INPUTS = np.array([[2, 5, 6], [2, 7, 0], [2, 4, 9], [2, 3, 0]])
TARGETS = np.array([[5, 6, 3], [7, 3, 0], [4, 9, 3], [3, 3, 0]])


def precision(name):
    keras.config.set_floatx(name)
    keras.config.set_dtype_policy(name)


@pytest.fixture(autouse=True)
def float64():
    precision("float64")
    keras.utils.set_random_seed(0)
    yield
    precision("float32")


@pytest.fixture(params=["HRED", "VHRED"])
def model(request):
    return built(HRED(V, H) if request.param == "HRED" else VHRED(V, H, Z))


def built(model):
    """A model with random weights everywhere: Keras starts biases with 0."""
    model([TURNS, INPUTS])
    rng = np.random.default_rng(0)
    for weight in model.trainable_weights:
        weight.assign(rng.normal(0, 0.5, weight.shape))
    return model


def start(model, context):
    return model.start(context, np.random.default_rng(1)) if isinstance(model, VHRED) else model.start(context)


def by_numpy(model, turns):
    """The context (B, H), turn by turn: a turn without words is left out."""
    embedding = layers.Embedding(*model.embedding.get_weights())
    utterance, context = (recurrent.GRU(*rnn.get_weights()) for rnn in (model.utterance_encoder, model.context_rnn))
    found = np.zeros((len(turns), H))
    for b, dialogue in enumerate(turns):
        spoken = [turn[turn != 0] for turn in dialogue if turn.any()]
        if spoken:
            vectors = [utterance(embedding(words[None]))[1][0] for words in spoken]
            found[b] = context(np.stack(vectors)[None])[1][0]
    return found


def test_the_context_is_that_of_numpy_and_turns_without_words_are_skipped(model):
    assert np.allclose(model.context(TURNS), by_numpy(model, TURNS), rtol=0, atol=1e-10)
    assert (model.context(TURNS)[3] == 0).all() and np.abs(model.context(TURNS)[:3]).min() > 1e-4


def test_the_scores_are_those_of_numpy(model):
    embedding = layers.Embedding(*model.embedding.get_weights())
    initial, scores = (layers.Dense(*dense.get_weights()) for dense in (model.initial, model.scores))
    decoder = recurrent.GRU(*model.decoder.get_weights())
    state, condition = start(model, model.context(TURNS))
    assert condition.shape == (4, H + Z if isinstance(model, VHRED) else H)
    assert np.allclose(condition[:, :H], by_numpy(model, TURNS), rtol=0, atol=1e-10)
    h = np.tanh(initial(condition))
    assert np.allclose(state, h, rtol=0, atol=1e-10)
    seen = np.repeat(condition[:, None], 3, axis=1)
    expected = scores(decoder(np.concatenate([embedding(INPUTS), seen], axis=2), None, h)[0])
    got, _ = model.decode(INPUTS, state, condition)
    assert np.allclose(got, expected, rtol=0, atol=1e-10)
    if isinstance(model, HRED) and not isinstance(model, VHRED):
        assert np.allclose(model([TURNS, INPUTS]), expected, rtol=0, atol=1e-10)


def test_word_by_word_gives_the_scores_of_the_whole_answer(model):
    states = start(model, model.context(TURNS))
    whole, _ = model.decode(INPUTS, *states)
    for t in range(3):
        scores, states = model.step(INPUTS[:, t], states)
        assert isinstance(scores, np.ndarray) and all(isinstance(state, np.ndarray) for state in states)
        assert np.allclose(scores, whole[:, t], rtol=0, atol=1e-10)


def test_more_padding_changes_nothing(model):
    for padded in (
        np.pad(TURNS, ((0, 0), (2, 0), (0, 0))),
        np.pad(TURNS, ((0, 0), (0, 1), (0, 0))),
        np.pad(TURNS, ((0, 0), (0, 0), (0, 4))),
        np.insert(TURNS, 2, 0, axis=1),
        np.insert(TURNS, 1, 0, axis=2),
    ):
        assert np.allclose(model.context(padded), model.context(TURNS), rtol=0, atol=1e-12)
    longer = np.pad(INPUTS, ((0, 0), (0, 2)))
    states = start(model, model.context(TURNS))
    assert np.allclose(model.decode(longer, *states)[0][:, :3], model.decode(INPUTS, *states)[0], rtol=0, atol=1e-12)
    scores = np.asarray(model.decode(longer, *states)[0])
    loss = answer_loss(np.pad(TARGETS, ((0, 0), (0, 2))), scores)
    assert np.allclose(loss, answer_loss(TARGETS, scores[:, :3]), rtol=0, atol=1e-12)
    if isinstance(model, VHRED):
        assert np.allclose(model.kl(TURNS, longer), model.kl(TURNS, INPUTS), rtol=0, atol=1e-12)


def test_the_order_of_the_turns_and_of_the_words_counts(model):
    assert np.abs(model.context(TURNS[:, ::-1]) - model.context(TURNS))[1].max() > 1e-3
    assert np.abs(model.context(TURNS[:, :, ::-1]) - model.context(TURNS))[1].max() > 1e-3


def test_an_answer_that_never_ends_is_cut(model):
    never = model.scores.bias.numpy()
    never[3] = -1e9  # EOS
    model.scores.bias.assign(never)
    said = decoding.greedy(model.step, start(model, model.context(TURNS)), bos=2, eos=3, longest=7)
    assert [len(answer) for answer in said] == [7] * 4


def test_the_loss_is_summed_over_words_and_averaged_over_dialogues():
    model = built(HRED(V, H))
    scores = np.asarray(model([TURNS, INPUTS]))
    log_p = layers.log_softmax(scores)
    expected = [-sum(log_p[b, t, TARGETS[b, t]] for t in range(3) if TARGETS[b, t]) for b in range(4)]
    assert np.allclose(answer_loss(TARGETS, scores), expected, rtol=0, atol=1e-10)
    model.compile(loss=answer_loss)
    assert np.isclose(model.evaluate([TURNS, INPUTS], TARGETS, batch_size=4, verbose=0), np.mean(expected))


def test_the_kl_is_the_integral():
    def integral(mean, logvar, prior_mean, prior_logvar):
        q, p = norm(mean, np.exp(logvar / 2)), norm(prior_mean, np.exp(prior_logvar / 2))
        return quad(lambda z: q.pdf(z) * (q.logpdf(z) - p.logpdf(z)), -20, 20, epsabs=1e-11, limit=200)[0]

    numbers = np.random.default_rng(0).normal(0, 0.7, (4, 5, Z))
    expected = [sum(integral(*numbers[:, b, z]) for z in range(Z)) for b in range(5)]
    found = np.asarray(kl_divergence(*numbers))
    assert np.allclose(found, expected, rtol=0, atol=1e-8) and found.min() > 0


@pytest.mark.parametrize(("mean", "variance", "kl"), [(0, 1, 0), (1, 1, 0.5), (0, np.e, 0.3591)])
def test_the_kl_to_the_standard_normal_by_hand(mean, variance, kl):
    assert np.isclose(kl_divergence(*np.array([[[mean]], [[np.log(variance)]], [[0]], [[0.0]]]))[0], kl, atol=5e-5)


def test_the_kl_is_0_where_the_posterior_is_the_prior():
    model = built(VHRED(V, H, Z))
    assert model.kl(TURNS, INPUTS).min() > 0
    for network in (model.prior_network, model.posterior_network):
        network.layers[-1].kernel.assign(np.zeros((H, 2 * Z)))
        network.layers[-1].bias.assign(np.arange(2 * Z) / 3)
    assert np.allclose(model.kl(TURNS, INPUTS), 0, rtol=0, atol=1e-12)


def test_prior_and_posterior_are_those_of_numpy():
    model = built(VHRED(V, H, Z))

    def network(part, x):
        first, second = (layers.Dense(*dense.get_weights()) for dense in part.layers)
        return np.split(second(np.tanh(first(x))), 2, axis=1)

    context = by_numpy(model, TURNS)
    embedding = layers.Embedding(*model.embedding.get_weights())
    utterance = recurrent.GRU(*model.utterance_encoder.get_weights())
    answer = utterance(embedding(INPUTS), INPUTS != 0)[1]
    for got, expected in (
        (model.prior(context), network(model.prior_network, context)),
        (model.posterior(context, INPUTS), network(model.posterior_network, np.concatenate([context, answer], 1))),
    ):
        assert np.allclose(got, expected, rtol=0, atol=1e-10)


def test_z_is_drawn_from_the_prior_and_from_the_given_generator():
    model = built(VHRED(V, H, Z))
    context = np.repeat(model.context(TURNS[:1]), 20_000, axis=0)
    condition = model.start(context, np.random.default_rng(0))[1]
    z = condition[:, H:]
    mean, logvar = (np.asarray(each)[0] for each in model.prior(context[:1]))
    assert np.allclose(z.mean(axis=0), mean, atol=0.05) and np.allclose(z.std(axis=0), np.exp(logvar / 2), rtol=0.03)
    assert np.array_equal(model.start(context, np.random.default_rng(0))[1], condition)


def test_the_loss_of_vhred_is_the_reconstruction_and_the_weighted_kl():
    model = built(VHRED(V, H, Z))
    for network in (model.posterior_network, model.prior_network):  # hardly any noise: what remains can be computed
        network.layers[-1].bias.assign(np.repeat([0.3, -40], Z))
        network.layers[-1].kernel.assign(np.zeros((H, 2 * Z)))
    model.posterior_network.layers[-1].bias.assign(np.repeat([0.3 + 1e-9, -40], Z))
    kl = model.kl(TURNS, INPUTS)
    condition = np.concatenate([model.context(TURNS), np.full((4, Z), 0.3)], axis=1)
    expected = answer_loss(TARGETS, model.decode(INPUTS, model.initial(condition), condition)[0])
    model.compile(loss=answer_loss)
    loss, reported = model.evaluate([TURNS, INPUTS], TARGETS, batch_size=4, verbose=0)
    assert np.isclose(reported, kl.mean(), rtol=1e-9) and kl.min() > 0
    assert np.isclose(loss, np.mean(expected) + kl.mean(), atol=1e-6)


def test_annealing_raises_the_weight_of_the_kl_from_0_to_1():
    model = built(VHRED(V, H, Z, annealing=4))
    weights = [float(model.kl_weight(training=True)) for _ in range(6)]
    assert weights == [0, 0.25, 0.5, 0.75, 1, 1]
    assert model.kl_weight(training=False) == 1
    assert built(VHRED(V, H, Z)).kl_weight(training=True) == 1


def test_word_drop_hides_words_in_training_only_and_never_bos_or_padding():
    model = built(VHRED(V, H, Z, word_drop=0.5))
    inputs, read = np.tile(INPUTS, (500, 1)), []
    model.decode = lambda ids, state, condition: (read.append(np.asarray(ids)), None)
    for training in (False, True):
        model([np.tile(TURNS, (500, 1, 1)), inputs], training=training)
    untouched, dropped = read
    assert np.array_equal(untouched, inputs)
    assert np.array_equal(dropped[:, 0], inputs[:, 0]) and np.array_equal(dropped == 0, inputs == 0)
    words = dropped[:, 1:][inputs[:, 1:] != 0]
    assert 0.45 < np.mean(words == 1) < 0.55 and set(words) == {1, *INPUTS[:, 1:].ravel()} - {0}


def test_the_bag_of_words_loss_is_that_of_the_words_without_order():
    model = built(VHRED(V, H, Z, bag_of_words=True))
    model.bag.layers[-1].kernel.assign(np.zeros((H, V)))
    log_p = layers.log_softmax(model.bag.layers[-1].bias.numpy())
    model([TURNS, INPUTS])
    kl, bag = (float(loss) for loss in model.losses)
    words = [row[1:][row[1:] != 0] for row in INPUTS]  # BOS is no word of the answer
    assert np.isclose(bag, np.mean([-log_p[row].sum() for row in words]), rtol=0, atol=1e-10)
    assert np.isclose(kl, model.kl(TURNS, INPUTS).mean())


@pytest.mark.parametrize("wrong", [{"word_drop": 1}, {"word_drop": -0.1}, {"annealing": -1}])
def test_vhred_refuses_impossible_settings(wrong):
    with pytest.raises(ValueError, match="got"):
        VHRED(V, H, Z, **wrong)


def dialogue(turns, answer="yes"):
    return Dialogue([turn.split() for turn in turns], answer.split(), [answer.split()], ("", ""), "fact")


def test_encode_pads_turns_in_front_and_words_behind():
    words = Vocabulary([["a", "b", "c", BOS, EOS, "yes"]])  # a 2, b 3, c 4, BOS 5, EOS 6, yes 7
    some = [dialogue(["a b"], "yes a"), dialogue(["a", "", "b c"]), dialogue(["c"] * 5 + ["a b c d"])]
    turns, inputs, targets = encode(some, words, N=3, T=3)
    assert turns.tolist() == [
        [[0, 0, 0], [0, 0, 0], [2, 3, 0]],
        [[2, 0, 0], [0, 0, 0], [3, 4, 0]],
        [[4, 0, 0], [4, 0, 0], [2, 3, 4]],
    ]
    assert inputs.tolist() == [[5, 7, 2], [5, 7, 0], [5, 7, 0]]
    assert targets.tolist() == [[7, 2, 6], [7, 6, 0], [7, 6, 0]]
    assert encode([dialogue(["nobody"])], words, N=1, T=1).turns.tolist() == [[[1]]]
    assert encode([], words, N=2, T=3).turns.shape == (0, 2, 3)


def test_encode_refuses_a_dialogue_without_turns():
    some = [dialogue(["a"]), dialogue([])]
    with pytest.raises(ValueError, match="number 1 has none"):
        encode(some, vocabulary(some), N=2, T=2)
    with pytest.raises(ValueError, match="N and T must be at least 1, got 0 and 2"):
        encode(some[:1], vocabulary(some), N=0, T=2)


def test_a_conversation_of_empty_utterances_is_answered_too(model):
    some = [dialogue(["", ""]), dialogue(["a"])]
    turns, inputs, _ = encode(some, vocabulary(some), N=2, T=2)
    assert (turns[0] == 0).all()
    assert np.isfinite(model([turns, inputs])).all()


@pytest.mark.slow
@pytest.mark.parametrize("make", [HRED, lambda V, units: VHRED(V, units, 4, 20, 0.2, True)])
def test_training_learns_and_gives_the_same_numbers_again(make):
    precision("float32")
    some = datasets.dialogues(256, seed=0)
    words = vocabulary(some)
    turns, inputs, targets = encode(some, words, N=5, T=6)
    losses = []
    for _ in range(2):
        keras.utils.set_random_seed(0)
        model = make(len(words), 16)
        model.compile(keras.optimizers.Adam(0.01), loss=answer_loss)
        losses.append(model.fit([turns, inputs], targets, batch_size=64, epochs=5, verbose=0).history["loss"])
    assert losses[0] == losses[1] and losses[0][-1] < 0.8 * losses[0][0]
    bos, eos = words.encode([BOS, EOS])
    assert len(decoding.greedy(model.step, start(model, model.context(turns)), bos, eos, longest=6)) == 256

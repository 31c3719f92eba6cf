"""Answers to the assignment of chapter 1: wrong ones that people give, and right ones written in other ways.

test_assignments.py reads these tables, by task:
WRONG   an answer, and a part of the message that its mistake must meet;
RIGHT   answers that keep the points, each another way of writing;
LESSONS the names of the chapter's lessons;
GIVEN   a part of the message that the listing in the text of a find-the-bug task must meet;
CHOICE  for each choice question a function that computes which of its options hold, whatever its given numbers are.

test_mutants.py reads two more, by task and by the name of a mutant, or by several names together:
EQUIVALENT why a mutant of the model answer computes the same for every input that the task admits;
SURVIVES   why a difference that the tests do not see is accepted.
"""

import zlib

import numpy as np

from tinyseq import layers, optimizers, text

WRONG: dict = {}
RIGHT: dict = {}
LESSONS = {"lookup-table", "learning-the-table", "keras-embedding"}


def refuse(ids, lowest, highest):
    """The check of the range, right in every answer that is not about it."""
    if (ids < lowest).any() or (ids > highest).any():
        raise IndexError(f"ids must be from {lowest} to {highest}")


# pick-columns


def picks_rows(E, ids):
    return E[ids]


def leaves_d_in_front(E, ids):
    return E[:, ids]


def reverses_all_axes(E, ids):
    return E[:, ids].T


def reshapes(E, ids):
    return E[:, ids].reshape(*ids.shape, -1)


def only_one_axis_of_ids(E, ids):
    return np.array([E[:, i] for i in ids.ravel()]).reshape(1, *ids.shape[-1:], -1)


def takes_minus_one(E, ids):
    return E.T[ids]


def clips_ids(E, ids):
    return np.moveaxis(np.take(E, ids, axis=1, mode="clip"), 0, -1)


def checks_the_upper_end_alone(E, ids):
    if ids.max() >= E.shape[1]:
        raise IndexError("too large")
    return E.T[ids]


def checks_against_d(E, ids):
    refuse(ids, 0, len(E) - 1)
    return E.T[ids]


def raises_value_error(E, ids):
    if (ids >= E.shape[1]).any() or (ids < 0).any():
        raise ValueError("outside")
    return E.T[ids]


def one_hot_in_float64(E, ids):
    refuse(ids, 0, E.shape[1] - 1)
    return np.eye(E.shape[1])[ids] @ E.T


def columns_in_place(E, ids):
    refuse(ids, 0, E.shape[1] - 1)
    E -= 1
    return E.T[ids] + 1


def takes_and_moves(E, ids):
    refuse(ids, 0, E.shape[1] - 1)
    return np.moveaxis(np.take(E, ids, axis=1), 0, -1)


def one_hot_product(E, ids):
    refuse(ids, 0, E.shape[1] - 1)
    one_hot = (ids[..., None] == np.arange(E.shape[1])).astype(E.dtype)
    return np.einsum("...v,dv->...d", one_hot, E)


def one_by_one(E, ids):
    vectors = np.empty(ids.shape + E.shape[:1], dtype=E.dtype)
    for where, i in np.ndenumerate(ids):
        if i not in range(E.shape[1]):
            raise IndexError(i)
        vectors[where] = E[:, i]
    return vectors


def through_the_layer(E, ids):
    return layers.Embedding(E.T)(ids)


WRONG["pick-columns"] = {
    picks_rows: "picked rows",
    leaves_d_in_front: "on the first axis",
    reverses_all_axes: "reversed all axes",
    reshapes: "A reshape does not move an axis",
    only_one_axis_of_ids: "Wrong vectors for ids of the shape (2, 4)",
    takes_minus_one: "-1 must raise IndexError",
    clips_ids: "An id of V must raise IndexError",
    checks_the_upper_end_alone: "-1 must raise IndexError",
    raises_value_error: "must raise IndexError",
    one_hot_in_float64: "From a float32 table you return float64",
    columns_in_place: "You changed E or ids",
}
RIGHT["pick-columns"] = [takes_and_moves, one_hot_product, one_by_one, through_the_layer]


# words-from-one


def padding_reads_the_last_row(W, ids):
    return W[ids - 1], ids != 0


def one_row_too_far(W, ids):
    return W[ids] * (ids != 0)[..., None], ids != 0


def padding_reads_the_first_row(W, ids):
    return W[np.maximum(ids - 1, 0)], ids != 0


def forgets_the_mask(W, ids):
    return W[ids - 1] * (ids != 0)[..., None]


def mask_of_padding(W, ids):
    refuse(ids, 0, len(W))
    vectors = W[ids - 1]
    vectors[ids == 0] = 0
    return vectors, ids == 0


def mask_of_numbers(W, ids):
    return W[ids - 1] * (ids != 0)[..., None], np.where(ids != 0, 1, 0)


def mask_for_each_number(W, ids):
    mask = np.repeat((ids != 0)[..., None], W.shape[1], axis=-1)
    return W[ids - 1] * mask, mask


def mask_from_vectors(W, ids):
    refuse(ids, 0, len(W))
    table = np.concatenate([np.zeros_like(W[:1]), W])
    vectors = table[ids]
    return vectors, vectors.any(axis=-1)


def clears_the_last_row(W, ids):
    W[-1] = 0
    return W[ids - 1], ids != 0


def clears_a_copy_of_the_last_row(W, ids):
    W = W.copy()
    W[-1] = 0
    return W[ids - 1], ids != 0


def float_mask(W, ids):
    refuse(ids, 0, len(W))
    return W[ids - 1] * (ids != 0).astype(float)[..., None], ids != 0


def takes_negative_ids(W, ids):
    return W[ids - 1] * (ids != 0)[..., None], ids != 0


def clips_to_the_last_word(W, ids):
    table = np.concatenate([np.zeros_like(W[:1]), W])
    return np.take(table, ids, axis=0, mode="clip"), ids != 0


def larger_table(W, ids):
    refuse(ids, 0, len(W))
    return np.concatenate([np.zeros_like(W[:1]), W])[ids], ids > 0


def where_mask(W, ids):
    refuse(ids, 0, len(W))
    mask = ids.astype(bool)
    return np.where(mask[..., None], np.take(W, ids - 1, axis=0), np.zeros((), W.dtype)), mask


def fills_word_by_word(W, ids):
    mask = text.mask(ids)
    vectors = np.zeros((*ids.shape, W.shape[1]), W.dtype)
    vectors[mask] = layers.Embedding(W)(ids[mask] - 1)
    return vectors, mask


WRONG["words-from-one"] = {
    padding_reads_the_last_row: "The padding reads the last word",
    one_row_too_far: "one row too far",
    padding_reads_the_first_row: "The padding got the vector of a word",
    forgets_the_mask: "Return two arrays",
    mask_of_padding: "the wrong way round",
    mask_of_numbers: "must be bool",
    mask_for_each_number: "one value for each id",
    mask_from_vectors: "read the mask off the vectors",
    clears_the_last_row: "You changed W or ids",
    clears_a_copy_of_the_last_row: "With the last word and padding in one sentence",
    float_mask: "you return float64 vectors",
    takes_negative_ids: "-1 must raise IndexError",
    clips_to_the_last_word: "An id of N + 1 must raise IndexError",
}
RIGHT["words-from-one"] = [larger_table, where_mask, fills_word_by_word]


# hash-words


def fill(sentences, number, dtype=np.int64, left=False):
    """The ids of all words by a given function, padded: what wrong and right answers share."""
    ids = np.zeros((len(sentences), max(map(len, sentences))), dtype)
    for row, sentence in zip(ids, sentences, strict=True):
        for t, word in enumerate(sentence):
            row[t + (len(row) - len(sentence) if left else 0)] = number(word)
    return ids


def crc(word):
    return zlib.crc32(word.encode("utf-8"))


def checked(buckets):
    if buckets < 1:
        raise ValueError("buckets")


def no_one_added(sentences, buckets):
    return fill(sentences, lambda word: crc(word) % buckets)


def one_added_before_the_division(sentences, buckets):
    return fill(sentences, lambda word: (crc(word) + 1) % buckets)


def one_bucket_unused(sentences, buckets):
    return fill(sentences, lambda word: crc(word) % (buckets - 1) + 1 if buckets > 1 else 1)


def one_bucket_too_many(sentences, buckets):
    return fill(sentences, lambda word: crc(word) % (buckets + 1) + 1)


def salted_hash(sentences, buckets):
    return fill(sentences, lambda word: 1 + hash(word) % buckets)


def padded_on_the_left(sentences, buckets):
    return fill(sentences, lambda word: 1 + crc(word) % buckets, left=True)


def one_added_to_the_padding(sentences, buckets):
    return np.where((ids := no_one_added(sentences, buckets)) >= 0, ids + 1, 0)


def numbered_as_they_come(sentences, buckets):
    vocabulary: dict = {}
    return fill(sentences, lambda word: vocabulary.setdefault(word, len(vocabulary) % buckets + 1))


def float_ids(sentences, buckets):
    return fill(sentences, lambda word: 1 + crc(word) % buckets, dtype=float)


def lists_of_ids(sentences, buckets):
    T = max(map(len, sentences))
    return [[1 + crc(word) % buckets for word in sentence] + [0] * (T - len(sentence)) for sentence in sentences]


def pads_the_given_lists(sentences, buckets):
    checked(buckets)
    T = max(map(len, sentences))
    for sentence in sentences:
        sentence += [None] * (T - len(sentence))
    return np.array([[0 if word is None else 1 + crc(word) % buckets for word in sentence] for sentence in sentences])


def lower_cased(sentences, buckets):
    checked(buckets)
    return fill(sentences, lambda word: 1 + crc(word.lower()) % buckets)


def divides_by_zero(sentences, buckets):
    return fill(sentences, lambda word: 1 + crc(word) % buckets)


def refuses_only_zero(sentences, buckets):
    if buckets == 0:
        raise ValueError("buckets")
    return fill(sentences, lambda word: 1 + crc(word) % buckets)


def through_text_pad(sentences, buckets):
    checked(buckets)
    return text.pad([[zlib.crc32(bytes(word, "utf-8")) % buckets + 1 for word in sentence] for sentence in sentences])


def with_zip_longest(sentences, buckets):
    from itertools import zip_longest

    if buckets <= 0:
        raise ValueError("buckets must be positive")
    columns = zip_longest(*sentences, fillvalue=None)
    return np.array([[0 if word is None else crc(word) % buckets + 1 for word in column] for column in columns]).T


def small_ids(sentences, buckets):
    checked(buckets)
    return fill(sentences, lambda word: 1 + crc(word) % buckets, dtype=np.int32)


def all_words_at_once(sentences, buckets):
    """One long row of ids, cut where the sentences begin."""
    checked(buckets)
    row = np.array([0, *(crc(word) for sentence in sentences for word in sentence)]) % buckets + 1
    starts = np.cumsum([1, *map(len, sentences)])
    t = np.arange(max(np.diff(starts)))  # (T,)
    places = starts[:-1, None] + t  # (B, T)
    return np.where(places < starts[1:, None], row.take(places, mode="clip"), 0)


WRONG["hash-words"] = {
    no_one_added: "A word got the id 0",
    one_added_before_the_division: "A word got the id 0",
    one_bucket_unused: "one bucket stays empty",
    one_bucket_too_many: "You divided by 11",
    salted_hash: "each time Python starts",
    padded_on_the_left: "padded on the left",
    one_added_to_the_padding: "The padding got an id of a word",
    numbered_as_they_come: "numbered the words as they came",
    float_ids: "The ids must be integers",
    lists_of_ids: "must be an array",
    pads_the_given_lists: "You changed the sentences",
    lower_cased: "You changed the case",
    divides_by_zero: "With 0 buckets",
    refuses_only_zero: "A negative number of buckets",
}
RIGHT["hash-words"] = [through_text_pad, with_zip_longest, small_ids, all_words_at_once]


# nearest-words


def check_k(W, k):
    if k < 1 or k > len(W) - 3:
        raise ValueError("k")


def unit_rows(W):
    lengths = np.linalg.norm(W, axis=1, keepdims=True)
    return W / np.where(lengths == 0, 1, lengths)


def best(scores, leave_out, k):
    """The ids of the k largest scores, apart from those left out."""
    scores = scores.astype(float)
    scores[leave_out] = -np.inf
    return np.argsort(-scores)[:k]


def itself_first(W, word, k):
    return best(unit_rows(W) @ unit_rows(W)[word], [0, 1], k)


def drops_the_first(W, word, k):
    check_k(W, k)
    return best(unit_rows(W) @ unit_rows(W)[word], [0, 1], k + 1)[1:]


def unknown_word_counts(W, word, k):
    return best(unit_rows(W) @ unit_rows(W)[word], [0, word], k)


def padding_counts(W, word, k):
    return best(unit_rows(W) @ unit_rows(W)[word], [1, word], k)


def nan_is_nearest(W, word, k):
    cosines = W @ W[word] / np.linalg.norm(W, axis=1) / np.linalg.norm(W[word])
    return np.array([i for i in np.argsort(cosines)[::-1] if i != word])[:k]


def nan_of_a_word(W, word, k):
    check_k(W, k)
    cosines = W @ W[word] / np.linalg.norm(W, axis=1) / np.linalg.norm(W[word])
    return best(cosines, [0, 1, word], k)


def inner_product(W, word, k):
    return best(W @ W[word], [0, 1, word], k)


def distance(W, word, k):
    check_k(W, k)
    return best(-np.linalg.norm(W - W[word], axis=1), [0, 1, word], k)


def least_similar_first(W, word, k):
    return best(-unit_rows(W) @ unit_rows(W)[word], [0, 1, word], k)


def without_sign(W, word, k):
    return best(np.abs(unit_rows(W) @ unit_rows(W)[word]), [0, 1, word], k)


def words_instead_of_ids(W, word, k):
    check_k(W, k)
    return np.sort(unit_rows(W) @ unit_rows(W)[word])[::-1][1 : k + 1]


def normalises_in_place(W, word, k):
    check_k(W, k)
    lengths = np.linalg.norm(W, axis=1, keepdims=True)
    W /= np.where(lengths == 0, 1, lengths).astype(W.dtype)
    return best(W @ W[word], [0, 1, word], k)


def fewer_than_asked(W, word, k):
    others = [i for i in range(2, len(W)) if i != word]
    cosines = unit_rows(W)[others] @ unit_rows(W)[word]
    return np.array(others)[np.argsort(-cosines)][:k]


def refuses_k_above_v(W, word, k):
    if k < 1 or k > len(W):
        raise ValueError("k")
    return best(unit_rows(W) @ unit_rows(W)[word], [0, 1, word], k)


def takes_k_of_zero(W, word, k):
    if k > len(W) - 3:
        raise ValueError("k")
    return best(unit_rows(W) @ unit_rows(W)[word], [0, 1, word], k)


def best_of_all(W, word, k):
    check_k(W, k)
    return best(unit_rows(W) @ unit_rows(W)[word], [0, 1, word], k)


def sorted_in_python(W, word, k):
    if not 0 < k <= len(W) - 3:
        raise ValueError("k")

    def cosine(i):
        product = np.linalg.norm(W[i]) * np.linalg.norm(W[word])
        return W[i] @ W[word] / product if product else 0.0

    return np.array(sorted(set(range(2, len(W))) - {word}, key=cosine, reverse=True)[:k])


def partitioned(W, word, k):
    check_k(W, k)
    with np.errstate(divide="ignore", invalid="ignore"):
        cosines = np.nan_to_num(W @ W[word] / (np.linalg.norm(W, axis=1) * np.linalg.norm(W[word])))
    cosines[[0, 1, word]] = -9
    found = np.argpartition(cosines, -k)[-k:]
    return found[np.argsort(cosines[found])[::-1]]


def by_the_law_of_cosines(W, word, k):
    """From the distances of rows of the length 1, or 0: 2 x · y = |x|² + |y|² - |x - y|²."""
    check_k(W, k)
    rows = {i: unit for i, unit in enumerate(unit_rows(W)) if i > 1}
    own = rows.pop(word)
    doubled = {i: (x**2).sum() + (own**2).sum() - ((x - own) ** 2).sum() for i, x in rows.items()}
    return np.fromiter(sorted(doubled, key=doubled.__getitem__, reverse=True), int)[:k]


WRONG["nearest-words"] = {
    itself_first: "The word itself is among its neighbours",
    drops_the_first: "not the first place",
    unknown_word_counts: "Row 1, the unknown word",
    padding_counts: "Row 0 or 1",
    nan_is_nearest: "must not become NaN",
    nan_of_a_word: "A word with a row of zeros is missing",
    inner_product: "inner product",
    distance: "You compared by the distance",
    least_similar_first: "begins with the least similar",
    without_sign: "its sign counts",
    words_instead_of_ids: "must be the array [4, 3]",
    normalises_in_place: "You changed the table",
    fewer_than_asked: "k above V - 3 must raise ValueError",
    refuses_k_above_v: "k above V - 3 must raise ValueError",
    takes_k_of_zero: "k = 0 must raise ValueError",
}
RIGHT["nearest-words"] = [best_of_all, sorted_in_python, partitioned, by_the_law_of_cosines]


# bag-backward


def check_weights(ids, weights):
    if np.shape(weights) != np.shape(ids):
        raise ValueError("weights")


def weight_gradients(dout, W, ids):
    return np.einsum("bd,btd->bt", dout, W[ids])


def stores(dout, W, ids, weights):
    dW = np.zeros_like(W)
    dW[ids] = weights[..., None] * dout[:, None]
    return dW, weight_gradients(dout, W, ids)


def adds_with_an_index(dout, W, ids, weights):
    dW = np.zeros_like(W)
    dW[ids] += weights[..., None] * dout[:, None]
    return dW, weight_gradients(dout, W, ids)


def keeps_the_first(dout, W, ids, weights):
    dW = np.zeros_like(W)
    words, first = np.unique(ids, return_index=True)
    dW[words] = (weights[..., None] * dout[:, None]).reshape(-1, W.shape[1])[first]
    return dW, weight_gradients(dout, W, ids)


def forgets_the_weights(dout, W, ids, weights):
    dW = np.zeros_like(W)
    np.add.at(dW, ids, dout[:, None])
    return dW, weight_gradients(dout, W, ids)


def gradient_of_each_token(dout, W, ids, weights):
    return weights[..., None] * dout[:, None], weight_gradients(dout, W, ids)


def gradient_of_a_mean(dout, W, ids, weights):
    dW, dweights = adds_at(dout, W, ids, weights)
    return dW / ids.shape[1], dweights


def lines_up_the_wrong_axes(dout, W, ids, weights):
    dW = np.zeros_like(W)
    np.add.at(dW, ids, weights[..., None] * dout)
    return dW, weight_gradients(dout, W, ids)


def equal_dweights(dout, W, ids, weights):
    dW, _ = adds_at(dout, W, ids, weights)
    return dW, np.repeat(dout.sum(axis=1, keepdims=True), ids.shape[1], axis=1)


def dweights_with_weights(dout, W, ids, weights):
    dW, dweights = adds_at(dout, W, ids, weights)
    return dW, dweights * weights


def dweights_summed_over_the_batch(dout, W, ids, weights):
    dW, dweights = adds_at(dout, W, ids, weights)
    return dW, dweights.sum(axis=0)


def in_float64(dout, W, ids, weights):
    check_weights(ids, weights)
    dW = np.zeros(W.shape)
    np.add.at(dW, ids, weights[..., None] * dout[:, None])
    return dW, weight_gradients(dout, W, ids)


def adds_to_the_table(dout, W, ids, weights):
    dweights = weight_gradients(dout, W, ids)
    before = W.copy()
    np.add.at(W, ids, weights[..., None] * dout[:, None])
    return W - before, dweights


def stretches_weights(dout, W, ids, weights):
    dW = np.zeros_like(W)
    np.add.at(dW, ids, weights[..., None] * dout[:, None])
    return dW, weight_gradients(dout, W, ids)


def adds_at(dout, W, ids, weights):
    check_weights(ids, weights)
    dW = np.zeros_like(W)
    np.add.at(dW, ids, np.einsum("bt,bd->btd", weights, dout))
    return dW, weight_gradients(dout, W, ids)


def loops(dout, W, ids, weights):
    if ids.shape != weights.shape:
        raise ValueError("weights")
    dW, dweights = W * 0, weights * 0
    for b, t in np.ndindex(ids.shape):
        dW[ids[b, t]] += weights[b, t] * dout[b]
        dweights[b, t] = dout[b] @ W[ids[b, t]]
    return dW, dweights


def one_hot_matrices(dout, W, ids, weights):
    if ids.shape != weights.shape:
        raise ValueError("weights")
    one_hot = np.eye(len(W), dtype=W.dtype)[ids]  # (B, T, V)
    return np.einsum("btv,bt,bd->vd", one_hot, weights, dout), np.einsum("btv,vd,bd->bt", one_hot, W, dout)


def through_scatter_add(dout, W, ids, weights):
    check_weights(ids, weights)
    dW = np.zeros_like(W)
    layers.scatter_add(dW, ids, weights[:, :, np.newaxis] * dout[:, np.newaxis, :])
    return dW, (W[ids] @ dout[..., None])[..., 0]


WRONG["bag-backward"] = {
    stores: "stored the gradients of a repeated id instead of adding them up",
    adds_with_an_index: "stored the gradients of a repeated id instead of adding them up",
    keeps_the_first: "stored the gradients of a repeated id instead of adding them up",
    forgets_the_weights: "You forgot the weights",
    gradient_of_each_token: "a gradient for each token",
    gradient_of_a_mean: "the bag is a sum, not a mean",
    lines_up_the_wrong_axes: "You gave token t the gradient dout[t]",
    equal_dweights: "left out the token's own vector",
    dweights_with_weights: "dweights differs from that of the example",
    dweights_summed_over_the_batch: "of the shape of weights",
    in_float64: "start dW from np.zeros_like(W)",
    adds_to_the_table: "You changed dout, W, ids or weights",
    stretches_weights: "NumPy would stretch them",
}
RIGHT["bag-backward"] = [adds_at, loops, one_hot_matrices, through_scatter_add]


# sparse-step


def summed(W, ids, drows):
    dW = np.zeros_like(W)
    np.add.at(dW, ids, drows)
    return dW


def check_rows(ids, drows):
    if len(ids) != len(drows):
        raise ValueError("drows")


def moves_all_rows(W, velocity, ids, drows, lr, momentum):
    velocity = momentum * velocity - lr * summed(W, ids, drows)
    return W + velocity, velocity


def slows_all_velocities(W, velocity, ids, drows, lr, momentum):
    velocity = momentum * velocity - lr * summed(W, ids, drows)
    W = W.copy()
    W[ids] += velocity[ids]
    return W, velocity


def loses_a_repeated_word(W, velocity, ids, drows, lr, momentum):
    W, velocity = W.copy(), velocity.copy()
    velocity[ids] = momentum * velocity[ids] - lr * drows
    W[ids] += velocity[ids]
    return W, velocity


def token_by_token(W, velocity, ids, drows, lr, momentum):
    W, velocity = W.copy(), velocity.copy()
    for i, drow in zip(ids, drows, strict=True):
        velocity[i] = momentum * velocity[i] - lr * drow
        W[i] += velocity[i]
    return W, velocity


def along_the_gradient(W, velocity, ids, drows, lr, momentum):
    words = np.unique(ids)
    W, velocity = W.copy(), velocity.copy()
    velocity[words] = momentum * velocity[words] + lr * summed(W, ids, drows)[words]
    W[words] += velocity[words]
    return W, velocity


def velocity_without_lr(W, velocity, ids, drows, lr, momentum):
    words = np.unique(ids)
    W, velocity = W.copy(), velocity.copy()
    velocity[words] = momentum * velocity[words] + summed(W, ids, drows)[words]
    W[words] -= lr * velocity[words]
    return W, velocity


def moves_by_the_old_velocity(W, velocity, ids, drows, lr, momentum):
    words = np.unique(ids)
    W, old = W.copy(), velocity.copy()
    W[words] += momentum * old[words]
    new = old.copy()
    new[words] = momentum * old[words] - lr * summed(W, ids, drows)[words]
    return W, new


def by_gradients_not_zero(W, velocity, ids, drows, lr, momentum):
    check_rows(ids, drows)
    W, velocity = W.copy(), velocity.copy()
    dW = summed(W, ids, drows)
    moved = dW.any(axis=1)
    velocity[moved] = momentum * velocity[moved] - lr * dW[moved]
    W[moved] += velocity[moved]
    return W, velocity


def changes_in_place(W, velocity, ids, drows, lr, momentum):
    check_rows(ids, drows)
    words, dW = np.unique(ids), summed(W, ids, drows)
    velocity[words] = momentum * velocity[words] - lr * dW[words]
    W[words] += velocity[words]
    return W, velocity


def returns_the_table_alone(W, velocity, ids, drows, lr, momentum):
    return moves_where_it_occurs(W, velocity, ids, drows, lr, momentum)[0]


def step_in_float64(W, velocity, ids, drows, lr, momentum):
    check_rows(ids, drows)
    dW = np.zeros(W.shape)
    np.add.at(dW, ids, drows)
    occurs = np.isin(np.arange(len(W)), ids)[:, None]
    velocity = np.where(occurs, momentum * velocity - lr * dW, velocity)
    return W + occurs * velocity, velocity


def spreads_one_row(W, velocity, ids, drows, lr, momentum):
    occurs = np.isin(np.arange(len(W)), ids)[:, None]
    velocity = np.where(occurs, momentum * velocity - lr * summed(W, ids, drows), velocity)
    return W + occurs * velocity, velocity


def scales_drows(W, velocity, ids, drows, lr, momentum):
    check_rows(ids, drows)
    drows *= lr
    return moves_where_it_occurs(W, velocity, ids, drows, 1, momentum)


def moves_where_it_occurs(W, velocity, ids, drows, lr, momentum):
    check_rows(ids, drows)
    occurs = np.isin(np.arange(len(W)), ids)[:, None]  # (V, 1)
    velocity = np.where(occurs, momentum * velocity - lr * summed(W, ids, drows), velocity)
    return W + np.where(occurs, velocity, 0), velocity


def word_by_word(W, velocity, ids, drows, lr, momentum):
    if ids.shape != drows.shape[:1]:
        raise ValueError("drows")
    W, velocity = np.array(W), np.array(velocity)
    for word in set(ids.tolist()):
        velocity[word] = momentum * velocity[word] - lr * drows[ids == word].sum(axis=0)
        W[word] = W[word] + velocity[word]
    return W, velocity


def on_compact_rows(W, velocity, ids, drows, lr, momentum):
    check_rows(ids, drows)
    words, where = np.unique(ids, return_inverse=True)
    g = (np.arange(len(words))[:, None] == where).astype(W.dtype) @ drows  # (U, D)
    new = momentum * velocity[words] - lr * g
    W, velocity = W.copy(), velocity.copy()
    velocity[words], W[words] = new, W[words] + new
    return W, velocity


WRONG["sparse-step"] = {
    moves_all_rows: "its old velocity moved its row",
    slows_all_velocities: "its velocity changed",
    loses_a_repeated_word: "You lost a gradient of word 1",
    token_by_token: "stepped token by token",
    along_the_gradient: "The sign is wrong",
    velocity_without_lr: "lr is missing from the velocity",
    moves_by_the_old_velocity: "by its old velocity",
    by_gradients_not_zero: "whose gradients cancel",
    changes_in_place: "You changed the old W or velocity in place",
    returns_the_table_alone: "Return two arrays",
    step_in_float64: "From float32 arrays you return",
    spreads_one_row: "One row of drows for several ids",
    scales_drows: "You changed ids or drows",
}
RIGHT["sparse-step"] = [moves_where_it_occurs, word_by_word, on_compact_rows]


# tied-tables


def loss_and_dscores(W, ids, targets):
    refuse(ids, 0, len(W) - 1)
    refuse(targets, 0, len(W) - 1)
    loss = layers.SoftmaxCrossEntropy()
    value = loss.forward(W[ids] @ W.T, targets)
    return value, loss.backward(1.0)


def lookup_alone(W, ids, targets):
    loss, dscores = loss_and_dscores(W, ids, targets)
    dW = np.zeros_like(W)
    np.add.at(dW, ids, dscores @ W)
    return loss, dW


def scores_alone(W, ids, targets):
    loss, dscores = loss_and_dscores(W, ids, targets)
    return loss, dscores.T @ W[ids]


def lookup_stored_over_scores(W, ids, targets):
    loss, dW = scores_alone(W, ids, targets)
    dW[ids] = loss_and_dscores(W, ids, targets)[1] @ W
    return loss, dW


def loses_repeated_ids(W, ids, targets):
    loss, dW = scores_alone(W, ids, targets)
    dW[ids] += loss_and_dscores(W, ids, targets)[1] @ W
    return loss, dW


def loss_is_a_sum(W, ids, targets):
    loss, dW = both_parts(W, ids, targets)
    return loss * len(ids), dW * len(ids)


def gradient_is_a_sum(W, ids, targets):
    loss, dW = both_parts(W, ids, targets)
    return loss, dW * len(ids)


def loss_for_each_word(W, ids, targets):
    _, dW = both_parts(W, ids, targets)
    return -layers.log_softmax(W[ids] @ W.T)[np.arange(len(ids)), targets], dW


def loss_in_bits(W, ids, targets):
    loss, dW = both_parts(W, ids, targets)
    return loss / np.log(2), dW / np.log(2)


def overflows(W, ids, targets):
    _, dW = both_parts(W, ids, targets)
    weights = np.exp(W[ids] @ W.T)
    p = weights / weights.sum(axis=1, keepdims=True)
    return -np.log(p[np.arange(len(ids)), targets]).mean(), dW


def constant_in_the_logarithm(W, ids, targets):
    _, dW = both_parts(W, ids, targets)
    p = layers.softmax(W[ids] @ W.T)
    return -np.log(p[np.arange(len(ids)), targets] + 1e-12).mean(), dW


def without_the_one(W, ids, targets):
    loss, _ = loss_and_dscores(W, ids, targets)
    p = layers.softmax(W[ids] @ W.T) / len(ids)
    dW = p.T @ W[ids]
    np.add.at(dW, ids, p @ W)
    return loss, dW


def gradient_in_float64(W, ids, targets):
    loss, dW = both_parts(W, ids, targets)
    return loss, dW.astype(float)


def takes_negative_words(W, ids, targets):
    if ids.max() >= len(W) or targets.max() >= len(W):
        raise IndexError("ids")
    return both_parts(W, ids % len(W), targets % len(W))


def takes_words_above(W, ids, targets):
    refuse(ids, 0, np.inf)
    refuse(targets, 0, np.inf)
    return both_parts(W, np.minimum(ids, len(W) - 1), np.minimum(targets, len(W) - 1))


def takes_negative_targets(W, ids, targets):
    refuse(ids, 0, len(W) - 1)
    return both_parts(W, ids, targets % len(W) if (targets < 0).any() else targets)


def steps_on_the_table(W, ids, targets):
    loss, dW = both_parts(W, ids, targets)
    W -= 0.1 * dW
    return loss, dW


def both_parts(W, ids, targets):
    loss, dscores = loss_and_dscores(W, ids, targets)
    dW = np.zeros_like(W)
    np.add.at(dW, ids, dscores @ W)
    return loss, dW + dscores.T @ W[ids]


def two_layers_one_array(W, ids, targets):
    lookup, loss = layers.Embedding(W), layers.SoftmaxCrossEntropy()
    scores = layers.Dense(W.T, np.zeros(len(W), W.dtype))
    value = loss.forward(scores.forward(lookup.forward(ids)), targets)
    lookup.backward(scores.backward(loss.backward(1.0)))
    return value, lookup.grads["W"] + scores.grads["W"].T


def pair_by_pair(W, ids, targets):
    refuse(np.concatenate([ids, targets]), 0, len(W) - 1)
    loss, dW = 0.0, np.zeros_like(W)
    for i, target in zip(ids, targets, strict=True):
        scores = W @ W[i]
        shifted = scores - scores.max()
        p = np.exp(shifted) / np.exp(shifted).sum()
        loss += np.log(np.exp(shifted).sum()) - shifted[target]
        p[target] -= 1
        dW += np.outer(p, W[i])
        dW[i] += p @ W
    return loss / len(ids), dW / len(ids)


def one_hot_words(W, ids, targets):
    refuse(ids, 0, len(W) - 1)
    refuse(targets, 0, len(W) - 1)
    x, y = (np.eye(len(W), dtype=W.dtype)[words] for words in (ids, targets))
    log_p = layers.log_softmax(x @ W @ W.T)
    dscores = (np.exp(log_p) - y) / len(ids)
    outer = x.T @ dscores
    return -(y * log_p).sum() / len(ids), (outer + outer.T) @ W


WRONG["tied-tables"] = {
    lookup_alone: "The gradient of the scores is missing",
    scores_alone: "The gradient of the lookup is missing",
    lookup_stored_over_scores: "stored the lookup's gradient over that of the scores",
    loses_repeated_ids: "stored the gradients of a repeated id instead of adding them up",
    loss_is_a_sum: "it is a mean, not a sum",
    gradient_is_a_sum: "divide it by B",
    loss_for_each_word: "The loss must be one number",
    loss_in_bits: "The loss of the example is 1.8620",
    overflows: "subtract the largest score",
    constant_in_the_logarithm: "A constant inside the logarithm",
    without_the_one: "dW differs from that of the example",
    gradient_in_float64: "you return a float64 gradient",
    takes_negative_words: "The id or target -1 must raise IndexError",
    takes_negative_targets: "The id or target -1 must raise IndexError",
    takes_words_above: "An id or target of V must raise IndexError",
    steps_on_the_table: "You changed W, ids or targets",
}
RIGHT["tied-tables"] = [both_parts, two_layers_one_array, pair_by_pair, one_hot_words]


# mend-gradients


def forward(W, U, b, ids, targets):
    """The part of the listing that is right: the loss, dU, db, and what the line to mend needs."""
    B = len(ids)
    mask = (ids != 0).astype(W.dtype)
    count = np.maximum(mask.sum(axis=1, keepdims=True), 1)
    h = (W[ids] * mask[..., None]).sum(axis=1) / count
    log_p = layers.log_softmax(h @ U + b)
    loss = -log_p[np.arange(B), targets].mean()
    dscores = np.exp(log_p)
    dscores[np.arange(B), targets] -= 1
    dscores /= B
    return loss, h.T @ dscores, dscores.sum(axis=0), dscores @ U.T, mask, count


def count_without_mask(W, U, b, ids, targets):
    loss, dU, db, dh, _, count = forward(W, U, b, ids, targets)
    return loss, summed(W, ids, np.repeat((dh / count)[:, None], ids.shape[1], axis=1)), dU, db


def mask_without_count(W, U, b, ids, targets):
    loss, dU, db, dh, mask, _ = forward(W, U, b, ids, targets)
    return loss, summed(W, ids, dh[:, None] / ids.shape[1] * mask[..., None]), dU, db


def clears_the_padding_row_alone(W, U, b, ids, targets):
    loss, dU, db, dh, _, _ = forward(W, U, b, ids, targets)
    dW = summed(W, ids, np.repeat(dh[:, None] / ids.shape[1], ids.shape[1], axis=1))
    dW[0] = 0
    return loss, dW, dU, db


def gradient_of_a_sum(W, U, b, ids, targets):
    loss, dU, db, dh, mask, _ = forward(W, U, b, ids, targets)
    return loss, summed(W, ids, dh[:, None] * mask[..., None]), dU, db


def stores_by_id(W, U, b, ids, targets):
    loss, dU, db, dh, mask, count = forward(W, U, b, ids, targets)
    dW = np.zeros_like(W)
    dW[ids] += (dh / count)[:, None] * mask[..., None]
    return loss, dW, dU, db


def mends_forward_instead(W, U, b, ids, targets):
    B, T = ids.shape
    h = W[ids].mean(axis=1)
    log_p = layers.log_softmax(h @ U + b)
    dscores = np.exp(log_p)
    dscores[np.arange(B), targets] -= 1
    dscores /= B
    dvectors = np.repeat((dscores @ U.T)[:, None] / T, T, axis=1)
    loss = -log_p[np.arange(B), targets].mean()
    return loss, summed(W, ids, dvectors), h.T @ dscores, dscores.sum(axis=0)


def breaks_another_line(W, U, b, ids, targets):
    loss, dW, dU, db = mended_by_filter(W, U, b, ids, targets)
    return loss, dW, dU, db / len(ids)


def looks_at_the_end(W, U, b, ids, targets):
    loss, dU, db, dh, mask, count = forward(W, U, b, ids, targets)
    real = np.arange(ids.shape[1]) < mask.sum(axis=1, keepdims=True)
    return loss, summed(W, ids, (dh / count)[:, None] * real[..., None].astype(W.dtype)), dU, db


def nan_without_words(W, U, b, ids, targets):
    loss, dU, db, dh, mask, _ = forward(W, U, b, ids, targets)
    with np.errstate(divide="ignore", invalid="ignore"):
        return loss, summed(W, ids, (dh / mask.sum(axis=1, keepdims=True))[:, None] * mask[..., None]), dU, db


def mended_in_float64(W, U, b, ids, targets):
    loss, dU, db, dh, _, count = forward(W, U, b, ids, targets)
    return loss, summed(W.astype(float), ids, (dh / count)[:, None] * (ids != 0)[..., None]), dU, db


def writes_into_the_table(W, U, b, ids, targets):
    loss, dW, dU, db = mended_by_filter(W, U, b, ids, targets)
    W[0] = 0
    return loss, dW, dU, db


def mended_by_filter(W, U, b, ids, targets):
    loss, dU, db, dh, mask, count = forward(W, U, b, ids, targets)
    rows, columns = np.nonzero(mask)
    return loss, summed(W, ids[rows, columns], (dh / count)[rows]), dU, db


def mended_by_clearing_row_zero(W, U, b, ids, targets):
    loss, dU, db, dh, _, count = forward(W, U, b, ids, targets)
    dW = summed(W, ids, np.broadcast_to((dh / count)[:, None], (*ids.shape, W.shape[1])))
    dW[0] = 0
    return loss, dW, dU, db


def mended_by_a_matrix(W, U, b, ids, targets):
    shares = np.zeros((len(ids), len(W)), W.dtype)  # (B, V): how much of sentence b's mean is word v
    for share, sentence in zip(shares, ids, strict=True):
        words = sentence[sentence > 0]
        for i in words:
            share[i] += 1 / len(words)
    dense, loss = layers.Dense(U, b), layers.SoftmaxCrossEntropy()
    value = loss.forward(dense.forward(shares @ W), targets)
    dh = dense.backward(loss.backward(1.0))
    return value, shares.T @ dh, dense.grads["W"], dense.grads["b"]


WRONG["mend-gradients"] = {
    count_without_mask: "The padding still gets a gradient",
    mask_without_count: "a quarter of its gradient",
    clears_the_padding_row_alone: "a quarter of its gradient",
    gradient_of_a_sum: "In a batch without padding the listing was right",
    stores_by_id: "In a batch without padding the listing was right",
    mends_forward_instead: "The loss was right in the listing",
    breaks_another_line: "dU and db were right in the listing",
    looks_at_the_end: "Padding on the left",
    nan_without_words: "Wrong for sentences of [0, 5, 1, 2] words",
    mended_in_float64: "From float32 weights you return",
    writes_into_the_table: "You changed what you were given",
}
RIGHT["mend-gradients"] = [mended_by_filter, mended_by_clearing_row_zero, mended_by_a_matrix]
GIVEN = {"mend-gradients": "as if the padding had been averaged too"}


# The choice questions


def tables_of_a_dense_layer(options):
    rng = np.random.default_rng(0)
    W, b = rng.normal(size=(6, 4)), rng.normal(size=4)
    outputs = np.maximum(np.eye(6) @ W + b, 0)
    tables = {letter: eval(code, {"np": np, "W": W, "b": b}) for letter, code in options.items() if "W" in code}
    return [letter for letter, table in tables.items() if np.array_equal(table, outputs)]


def rows_that_adam_moves(options):
    embedding = layers.Embedding(np.zeros((9, 2)))
    adam = optimizers.Adam([embedding])
    for batch in ([3, 7], [5]):
        before = embedding.params["W"].copy()
        embedding.forward(np.array(batch))
        embedding.backward(np.ones((len(batch), 2)))
        adam.step()
    moved = np.flatnonzero((embedding.params["W"] != before).any(axis=1))
    return [letter for letter, rows in options.items() if rows == ", ".join(map(str, moved))]


def shapes_of_a_lookup(options):
    sizes = {"B": 2, "S": 3, "T": 4, "V": 7, "D": 5}
    ids = np.zeros((2, 3, 4), int)
    embedding = layers.Embedding(np.zeros((7, 5)))
    shapes = embedding.forward(ids).shape, (ids != 0).shape, embedding.grads["W"].shape
    return [letter for letter, code in options.items() if eval(code, sizes) == shapes]


def lines_that_load_vectors(options):
    vocabulary = text.Vocabulary([["hope", "to", "see", "you"]])  # V = 6 words, D = 6, so that no line raises
    pretrained = {"moon": np.full(6, 9.0), "see": np.full(6, 2.0), "to": np.full(6, 1.0), "you": np.full(6, 4.0)}
    before = np.random.default_rng(0).uniform(-0.05, 0.05, size=(len(vocabulary), 6))
    expected = np.array([pretrained.get(word, row) for word, row in zip(vocabulary.words, before, strict=True)])

    def loads(line):
        W = before.copy()
        for word, vector in pretrained.items():
            if word in vocabulary.ids:
                exec(line, {"W": W, "vocabulary": vocabulary, "pretrained": pretrained, "word": word, "vector": vector})
        return np.array_equal(W, expected)

    return [letter for letter, line in options.items() if loads(line)]


def row_after_a_step(options):
    embedding = layers.Embedding(np.array([[0.0, 0.0], [0.0, 0.0], [1.0, 2.0]]))
    embedding.forward(np.array([2, 1, 2, 2]))
    embedding.backward(np.array([[1.0, 0.0], [4.0, 4.0], [0.0, 3.0], [5.0, 0.0]]))
    optimizers.SGD([embedding], lr=0.5).step()
    return [letter for letter, row in options.items() if eval(row) == tuple(embedding.params["W"][2])]


def bytes_of_table_and_moments(options, V=50_000, D=128):
    table = np.zeros((V, D), np.float32)
    arrays = [table, np.zeros_like(table), np.zeros_like(table)]
    size = f"{sum(array.nbytes for array in arrays) / 1e6:,.1f} MB"
    return [letter for letter, option in options.items() if option == size]


CHOICE = {
    "choose-table": tables_of_a_dense_layer,
    "choose-moved": rows_that_adam_moves,
    "choose-shapes": shapes_of_a_lookup,
    "choose-line": lines_that_load_vectors,
    "choose-step": row_after_a_step,
    "choose-bytes": bytes_of_table_and_moments,
}

NUMPY_RAISES = "An id above the last one makes NumPy raise IndexError by itself; only the message differs."
LOSS_IS_A_NUMBER = "The rule about float32 is for arrays, and the loss is one number."

EQUIVALENT = {
    "pick-columns": {
        (
            "line 3: (ids < 0) | (ids >= E.shape[1]) -> ids < 0",
            "line 3: ids >= E.shape[1] -> ids > E.shape[1]",
        ): NUMPY_RAISES,
    },
    "words-from-one": {"line 3: (ids < 0) | (ids > len(W)) -> ids < 0": NUMPY_RAISES},
    "nearest-words": {
        "line 7: np.where(lengths > 0, lengths, 1) -> np.where(lengths > 0, lengths, 2)": (
            "A row of zeros stays zeros, whatever it is divided by."
        ),
        "line 8: unit[others] @ unit[word] -> unit[others] @ unit[word].T": "One vector is its own transpose.",
    },
    "sparse-step": {
        "line 6: np.zeros_like(W) -> np.zeros(W.shape)": (
            "The sums in float64 differ by rounding, and are stored in the velocity, which keeps its dtype."
        ),
        "line 6: np.zeros_like(W) -> np.zeros_like(velocity)": "W and its velocity have one shape and one dtype.",
    },
    "tied-tables": {
        "line 3: …me, words in (('ids…'targets', targets)): -> …me, words in (('tar…gets), ('ids', ids)):": (
            "Both are checked, in another order."
        ),
        (
            "line 4: …words < 0).any() or…ords >= len(W)).any() -> …words < 0).any()",
            "line 4: (words >= len(W)).any() -> (words >= len(W)).all()",
            "line 4: words >= len(W) -> words > len(W)",
        ): NUMPY_RAISES,
        "line 6: len(ids) -> len(targets)": "Each word has one target.",
        "line 16: return (loss, dW) -> return (loss.astype(float), dW)": LOSS_IS_A_NUMBER,
    },
    "mend-gradients": {
        "line 4: W.dtype -> U.dtype": "The weights of a model have one dtype.",
        "line 18: return (loss, dW, dU, db) -> return (loss.astype(float), dW, dU, db)": LOSS_IS_A_NUMBER,
    },
}
SURVIVES = {
    "mend-gradients": {
        "line 7: layers.log_softmax(h @ U + b) -> np.log(np.exp(h @ U …s=-1, keepdims=True))": (
            "Scores above 709 overflow. The task is about the gradient and promises nothing about large scores."
        ),
    },
}

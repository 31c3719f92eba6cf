import numpy as np
import pytest

from tinyseq import datasets
from tinyseq.datasets import talk


@pytest.fixture(scope="module")
def some():
    return datasets.dialogues(8000, seed=0)


def texts(dialogue):
    return [" ".join(turn) for turn in dialogue.turns]


def test_dialogues_state_a_thing_and_ask_for_it_in_the_end(some):
    for dialogue in some:
        statement, question = dialogue.pair
        assert texts(dialogue)[-1] == question and texts(dialogue)[:-1:2].count(statement) == 1
        assert dialogue.answer in dialogue.valid
        assert len(dialogue.valid) == len({tuple(answer) for answer in dialogue.valid})
        assert len(dialogue.valid) == {"fact": 1, "open": 5}[dialogue.kind]
    assert {len(dialogue.turns) for dialogue in some} == {3, 5}
    assert max(len(turn) for dialogue in some for turn in [*dialogue.turns, dialogue.answer]) == 6
    open_share = np.mean([dialogue.kind == "open" for dialogue in some])
    assert abs(open_share - talk.OPEN) < 0.02


def test_the_last_turn_alone_leaves_every_answer_open(some):
    """Each question has had every answer of its subject, and the pair alone decides which are valid."""
    by_question, by_pair = {}, {}
    for dialogue in some:
        valid = {tuple(answer) for answer in dialogue.valid}
        by_question.setdefault(dialogue.pair[1], set()).add(frozenset(valid))
        by_pair.setdefault(dialogue.pair, set()).add(frozenset(valid))
    assert {len(seen) for seen in by_question.values()} == {8, 6}
    assert {len(seen) for seen in by_pair.values()} == {1}


def test_the_statement_that_counts_can_be_the_first_or_the_second_and_another_one_can_stand_beside_it(some):
    five = [dialogue for dialogue in some if len(dialogue.turns) == 5]
    places = [texts(dialogue).index(dialogue.pair[0]) for dialogue in five]
    assert set(places) == {0, 2} and 0.4 < np.mean(np.equal(places, 0)) < 0.6
    statements = {dialogue.pair[0] for dialogue in some}
    beside = [texts(dialogue)[2 - place] in statements for dialogue, place in zip(five, places, strict=True)]
    assert 0.4 < np.mean(beside) < 0.6


def test_the_five_valid_answers_are_equally_frequent(some):
    said = [dialogue.valid.index(dialogue.answer) for dialogue in some if dialogue.kind == "open"]
    assert np.allclose(np.bincount(said) / len(said), 0.2, atol=0.03)


def test_the_same_seed_gives_the_same_dialogues(some):
    assert datasets.dialogues(8000, seed=0) == some
    assert datasets.dialogues(10, seed=1) != some[:10]
    assert datasets.dialogues(0, seed=0) == []
    with pytest.raises(ValueError, match="count must be at least 0, got -1"):
        datasets.dialogues(-1, seed=0)


@pytest.mark.parametrize("seed", range(3))
def test_held_out_pairs_are_new_but_every_sentence_and_every_answer_is_known(seed):
    some = datasets.dialogues(8000, seed)
    rest, test = datasets.held_out(some, 300, seed)
    train, validation = datasets.held_out(rest, 100, seed + 1)
    assert len(train) + len(validation) + len(test) == 8000
    pairs = [{dialogue.pair for dialogue in part} for part in (train, validation, test)]
    assert [len(part) for part in pairs[1:]] == [100, 300]
    assert not pairs[0] & pairs[1] and not pairs[0] & pairs[2] and not pairs[1] & pairs[2]
    assert len({dialogue.pair for dialogue in test if dialogue.kind == "fact"}) >= 200
    known = {text for dialogue in train for text in [*texts(dialogue), " ".join(dialogue.answer)]}
    for dialogue in [*validation, *test]:
        assert known >= {*texts(dialogue), *map(" ".join, dialogue.valid)}
    together = [texts(dialogue) for dialogue in train]  # whatever the pair is said to be
    assert not {(text, turns[-1]) for turns in together for text in turns[:-1]} & (pairs[1] | pairs[2])


def test_held_out_refuses_more_pairs_than_leave_every_sentence_known(some):
    with pytest.raises(ValueError, match=r"pairs must be at most \d+ for these dialogues, got 900"):
        datasets.held_out(some, 900, seed=0)
    assert datasets.held_out(some, 0, seed=0) == (some, [])


def test_conversations_are_unique_lists_of_at_least_two_utterances():
    found = datasets.conversations()
    assert len(found) == len(set(map(tuple, found))) == 898
    assert all(isinstance(utterance, str) and utterance.strip() for each in found for utterance in each)
    lengths = np.array([len(each) for each in found])
    assert (lengths == 2).sum() == 819 and lengths.min() == 2 and lengths.max() == 26
    assert ["How are you doing?", "I am doing well, how about you?", "I am also good.", "That's good."] in found

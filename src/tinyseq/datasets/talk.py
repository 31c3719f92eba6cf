"""Dialogues: generated ones whose last answer depends on an earlier turn, and real ones."""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

OPEN = 0.4  # share of the dialogues that end with an open question


class Dialogue(NamedTuple):
    """Turns, each a list of words, and what is said next.

    `valid` are all answers that would have been right, one for a fact and five for an open question; `answer` is one of
    them. The answer follows from the two texts of `pair`, a statement and the question; `kind` is "fact" or "open".
    """

    turns: list[list[str]]
    answer: list[str]
    valid: list[list[str]]
    pair: tuple[str, str]
    kind: str


class Subject(NamedTuple):
    """What a dialogue can be about: ways to state a value, ways to ask for it, and the valid answers to each value."""

    statements: list[str]
    questions: list[str]
    answers: dict[str, list[str]]


def _fact(values: str, answer: str, statements: list[str], questions: list[str]) -> Subject:
    return Subject(statements, questions, {value: [answer.format(value)] for value in values.split()})


FACTS = [
    _fact(
        "anna ben chris dora emil fatima george hana",
        "your name is {}",
        ["my name is {}", "i am called {}", "people call me {}", "{} is my name", "please call me {}"],
        ["what is my name", "who am i", "do you know my name", "can you say my name", "what do people call me"],
    ),
    _fact(
        "kyoto paris cairo lima oslo seoul rome delhi",
        "you live in {}",
        ["i live in {}", "my home is in {}", "i moved to {}", "{} is my home town", "my flat is in {}"],
        ["where do i live", "where is my home", "do you know my city", "which town am i from", "where is my flat"],
    ),
    _fact(
        "baker nurse pilot farmer teacher dentist painter lawyer",
        "you work as a {}",
        ["i work as a {}", "i am a {}", "my job is {}", "they hired me as a {}", "i earn money as a {}"],
        ["what is my job", "what do i work as", "do you know my job", "how do i earn money", "which work do i do"],
    ),
    _fact(
        "cat dog horse rabbit parrot goat turtle duck",
        "you have a {}",
        ["i have a {}", "my pet is a {}", "a {} lives with me", "i keep a {}", "i just bought a {}"],
        ["what is my pet", "which animal do i have", "do you know my pet", "who lives with me", "what do i keep"],
    ),
]
HOBBIES = Subject(
    ["i love {}", "i am fond of {}", "{} makes me happy", "my hobby is {}", "i like {} a lot"],
    [
        "what should i do tonight",
        "i am bored what now",
        "do you have an idea",
        "what could i try",
        "how can i have fun",
    ],
    {
        "music": ["go to a concert", "sing in a choir", "play the piano", "listen to jazz", "learn a new song"],
        "sport": ["go for a run", "play some tennis", "swim in the lake", "ride your bike", "climb a wall"],
        "books": ["read a novel", "visit the library", "write a short story", "join a reading club", "buy a comic"],
        "cooking": ["bake some bread", "make a soup", "try a new recipe", "cook for a friend", "prepare fresh pasta"],
        "films": ["watch a comedy", "go to the cinema", "see an old western", "rent a thriller", "film your street"],
        "nature": ["walk in the forest", "plant a tree", "watch the birds", "go to the beach", "look at the stars"],
    },
)
REPLIES = ["i see", "good to know", "thank you", "how nice", "all right", "really"]
SMALL_TALK = [
    "the sun is out today",
    "it rains again",
    "the bus was late",
    "i slept well",
    "lunch was good",
    "it is cold",
]


def dialogues(count: int, seed: int) -> list[Dialogue]:
    """Dialogues of three or five turns: someone states a thing, is replied to, and asks for it in the end.

    Two of three have another exchange before or after the statement: small talk, or a statement about something else.
    A fact (name, city, job, pet) has one right answer; an open question has five, those that fit the stated hobby, of
    which `answer` is a random one. No sentence has more than six words. Generated; the same seed gives the same ones.
    Raises ValueError for a count below 0.
    """
    if count < 0:
        raise ValueError(f"count must be at least 0, got {count}")
    rng = np.random.default_rng(seed)
    return [_dialogue(rng) for _ in range(count)]


def held_out(some: list[Dialogue], pairs: int, seed: int) -> tuple[list[Dialogue], list[Dialogue]]:
    """The dialogues in two parts: the second has all those of `pairs` random pairs, the first has none of them.

    Every statement and every question stays in other pairs of the first part. Call it twice for a validation and a test
    part. Raises ValueError where so many pairs cannot be held out.
    """
    order = sorted({dialogue.pair for dialogue in some})
    left = Counter(text for pair in order for text in pair)
    held = set()
    for i in np.random.default_rng(seed).permutation(len(order)):
        if len(held) < pairs and min(left[text] for text in order[i]) > 1:
            held.add(order[i])
            left.subtract(order[i])
    if len(held) < pairs:
        raise ValueError(f"pairs must be at most {len(held)} for these dialogues, got {pairs}")
    parts = ([], [])
    for dialogue in some:
        parts[dialogue.pair in held].append(dialogue)
    return parts


def conversations() -> list[list[str]]:
    """898 real English conversations, each a list of utterances: 819 of two, 79 of three to 26.

    Source: chatterbot-corpus 1.3.3 by Gunther Cox and contributors, BSD. Of its 2026 entries, one is no list and 1127
    are repeated. Most of the longer ones are a question followed by several answers to choose from, not a talk.
    """
    import chatterbot_corpus
    import yaml

    folder = Path(chatterbot_corpus.__file__).parent / "data" / "english"
    files = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.yml"))]
    lists = [each for file in files for each in file["conversations"] if isinstance(each, list)]
    return [list(each) for each in dict.fromkeys(tuple(map(str, each)) for each in lists)]


def _dialogue(rng) -> Dialogue:
    kind = "open" if rng.random() < OPEN else "fact"
    subject = HOBBIES if kind == "open" else _one(rng, FACTS)
    statement, value = _statement(rng, subject)
    question, valid = _one(rng, subject.questions), subject.answers[value]
    exchanges = [[statement, _one(rng, REPLIES)]]
    other = _one(rng, ["nothing", "small talk", "another statement"])
    if other == "small talk":
        exchanges.append([_one(rng, SMALL_TALK), _one(rng, REPLIES)])
    elif other == "another statement":
        another = _one(rng, [each for each in [*FACTS, HOBBIES] if each is not subject])
        exchanges.append([_statement(rng, another)[0], _one(rng, REPLIES)])
    rng.shuffle(exchanges)
    turns = [text.split() for exchange in exchanges for text in exchange] + [question.split()]
    return Dialogue(turns, _one(rng, valid).split(), [each.split() for each in valid], (statement, question), kind)


def _statement(rng, subject: Subject) -> tuple[str, str]:
    value = _one(rng, list(subject.answers))
    return _one(rng, subject.statements).format(value), value


def _one(rng, choices: list):
    return choices[rng.integers(len(choices))]

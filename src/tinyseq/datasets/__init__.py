"""The one door to all data: shipped with installed packages, or generated here. Nothing is downloaded."""

from tinyseq.datasets.eras import ERAS, dates, era
from tinyseq.datasets.images import digits
from tinyseq.datasets.series import co2, sunspots
from tinyseq.datasets.talk import Dialogue, conversations, dialogues, held_out
from tinyseq.datasets.texts import Article, Judgement, greetings, wikipedia, word_similarity

__all__ = [
    "ERAS",
    "Article",
    "Dialogue",
    "Judgement",
    "co2",
    "conversations",
    "dates",
    "dialogues",
    "digits",
    "era",
    "greetings",
    "held_out",
    "sunspots",
    "wikipedia",
    "word_similarity",
]

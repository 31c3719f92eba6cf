"""The one door to all data: shipped with installed packages, or generated here. Nothing is downloaded."""

from tinyseq.datasets.images import digits
from tinyseq.datasets.series import co2, sunspots
from tinyseq.datasets.texts import Article, Judgement, greetings, wikipedia, word_similarity

__all__ = ["Article", "Judgement", "co2", "digits", "greetings", "sunspots", "wikipedia", "word_similarity"]

"""From text to ids: words, vocabulary, padding, mask."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

PAD, UNK = "[PAD]", "[UNK]"  # ids 0 and 1, as in Keras's TextVectorization
BOS, EOS = "[BOS]", "[EOS]"  # begin and end of a sentence that a decoder reads and says


def tokenize(text: str) -> list[str]:
    """The lower-case words of a text, without punctuation: "Hope to see you soon." has five."""
    return re.findall(r"[^\W_]+(?:'[^\W_]+)*", text.lower().replace("’", "'"))


class Vocabulary:
    """The known words and their ids: 0 is padding, 1 an unknown word, then the words by falling frequency.

    Made from sentences, each a list of words; words that occur fewer than min_count times stay unknown. Words that
    occur in no sentence, such as BOS and EOS, may be put before the others: `special=(BOS, EOS)` get the ids 2 and 3.
    `len(vocabulary)` is V, the number of rows that an embedding needs.
    """

    def __init__(self, sentences: Iterable[Sequence[str]], min_count: int = 1, special: Sequence[str] = ()):
        counts = Counter(word for sentence in sentences for word in sentence)
        frequent = [word for word, count in counts.most_common() if count >= min_count]
        self.words = [PAD, UNK, *special, *frequent]
        self.ids = {word: i for i, word in enumerate(self.words)}

    def __len__(self) -> int:
        return len(self.words)

    def encode(self, words: Iterable[str]) -> list[int]:
        """The ids of these words; 1 for an unknown one."""
        return [self.ids.get(word, 1) for word in words]

    def decode(self, ids: Iterable[int]) -> list[str]:
        """The words of these ids, padding left out. Raises IndexError for an id outside the vocabulary."""
        ids = list(ids)
        for i in ids:
            if not 0 <= i < len(self):
                raise IndexError(f"ids must be from 0 to V - 1 = {len(self) - 1}, got {i}")
        return [self.words[i] for i in ids if i != 0]


def pad(sentences: Sequence[Sequence[int]], length: int | None = None, side: str = "right") -> np.ndarray:
    """Sentences of ids as one array (B, T), filled with 0 on the given side.

    T is `length`, or the longest sentence's; a longer sentence keeps its first T ids. Keras's `pad_sequences` fills
    and cuts on the left unless told otherwise. Raises ValueError for a side that is neither "left" nor "right", and for
    a length below 0.
    """
    if side not in ("left", "right"):
        raise ValueError(f'side must be "left" or "right", got {side!r}')
    if length is not None and length < 0:
        raise ValueError(f"length must be at least 0, got {length}")
    T = max(map(len, sentences), default=0) if length is None else length
    ids = np.zeros((len(sentences), T), dtype=np.int64)
    for row, sentence in zip(ids, sentences, strict=True):
        kept = sentence[:T]
        start = T - len(kept) if side == "left" else 0
        row[start : start + len(kept)] = kept
    return ids


def mask(ids: np.ndarray) -> np.ndarray:
    """True where a real token stands, False at padding. Shapes: (B, T) -> (B, T). Keras: `mask_zero=True`."""
    return np.asarray(ids) != 0

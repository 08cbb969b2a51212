"""From skeletons to hashed words and in-word n-grams, each with its place.

Here: whole numbers only, so that every machine hashes alike; a batch of texts at a time. Not here:
what a gram weighs (`weights`), or skeletons themselves (`text`).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sxe_pipeline.cards.text import is_unspaced

Numbers = NDArray[np.int64]
Hashes = NDArray[np.uint64]

GRAM_LENGTH = 4
_GAP = 2
"""A pair of words may stand apart by one blank or mark; more is another thought."""
_UNKNOWN, _OTHER, _WORD, _UNSPACED, _EMOJI = range(5)
_BLANK = 32
_BASE = 0x9E3779B97F4A7C15 | 1
_INVERSE = pow(_BASE, -1, 1 << 64)
_FIELD = 0xC2B2AE3D27D4EB4F
_PAIR = 0x165667B19E3779F9


class Grams(NamedTuple):
    """One row per gram: its text, the characters it covers there, its hash, if it is one word."""

    text: Numbers
    start: Numbers
    end: Numbers
    hashed: Hashes
    is_word: NDArray[np.bool_]


def grams(texts: Sequence[str], salt: int | Numbers) -> Grams:
    """Words, pairs of words, in-word four-grams, pairs of unspaced letters and emoji.

    Args:
        texts: Skeletons, or lower-case names.
        salt: The same word hashes apart under another number; one for all, or one a text.

    Example:
        >>> found = grams(["dog mom"], salt=0)
        >>> sorted(set(zip(found.start.tolist(), found.end.tolist())))[:3]
        [(-1, 3), (0, 3), (0, 4)]
    """
    codes = np.frombuffer("\n".join(("", *texts, "")).encode("utf-32-le", "replace"), np.uint32)
    kinds = _kinds(codes)
    lengths = np.fromiter(map(len, texts), np.int64, len(texts)) + 1
    origins = np.cumsum(lengths) - lengths + 1
    owners = np.concatenate(([0], np.repeat(np.arange(len(texts)), lengths)))
    is_word = kinds == _WORD
    prefix = _prefix(np.where(is_word | (kinds >= _UNSPACED), codes, _BLANK))
    edges = np.flatnonzero(np.diff(is_word.astype(np.int8)))
    starts, ends = edges[::2] + 1, edges[1::2] + 1
    back = np.multiply.accumulate(np.full(len(codes) + 1, _INVERSE, np.uint64))

    def hashes(start: Numbers, end: Numbers) -> Hashes:
        """A polynomial of the characters, wherever they stand."""
        hashed: Hashes = (prefix[end] - prefix[start]) * back[start]
        return hashed

    words = hashes(starts, ends)
    is_near = (starts[1:] - ends[:-1] <= _GAP) & (owners[starts[1:]] == owners[ends[:-1] - 1])
    near = np.flatnonzero(is_near)
    inner = np.flatnonzero(is_word[1:-2] & is_word[2:-1])
    unspaced = np.flatnonzero((kinds[:-1] == _UNSPACED) & (kinds[1:] == _UNSPACED))
    emoji = np.flatnonzero(kinds == _EMOJI)
    parts = (
        (starts, ends, words),
        (starts[near], ends[near + 1], words[near] * np.uint64(_PAIR) + words[near + 1]),
        (inner, inner + GRAM_LENGTH, hashes(inner, inner + GRAM_LENGTH)),
        (unspaced, unspaced + 2, hashes(unspaced, unspaced + 2)),
        (emoji, emoji + 1, hashes(emoji, emoji + 1)),
    )
    kind = np.repeat(np.arange(1, len(parts) + 1), [len(part[0]) for part in parts])
    start, end, hashed = (np.concatenate([part[i] for part in parts]) for i in range(3))
    middle = owners[start + (kind == 3)]
    apart = kind + 8 * np.broadcast_to(salt, len(texts))[middle]
    salted = hashed + apart.astype(np.uint64) * np.uint64(_FIELD)
    origin = origins[middle]
    return Grams(middle, start - origin, end - origin, _mix(salted), kind == 1)


def _prefix(codes: NDArray[np.uint32]) -> Hashes:
    powers = np.multiply.accumulate(np.full(len(codes) + 1, _BASE, np.uint64))
    return np.concatenate((np.zeros(1, np.uint64), np.cumsum(codes * powers[:-1], dtype=np.uint64)))


def _mix(hashed: Hashes) -> Hashes:
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        hashed = (hashed ^ (hashed >> np.uint64(shift))) * np.uint64(factor)
    return hashed ^ (hashed >> np.uint64(31))


_SEEN = np.zeros(0x110000, np.uint8)


def _kinds(codes: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """What each character is; looked up once per character that ever occurs."""
    kinds = _SEEN[codes]
    if not kinds.all():
        for code in np.unique(codes[kinds == _UNKNOWN]).tolist():
            _SEEN[code] = _kind(chr(code))
        kinds = _SEEN[codes]
    return kinds


def _kind(char: str) -> int:
    if is_unspaced(char):
        return _UNSPACED
    if char.isalnum():
        return _WORD
    return _EMOJI if ord(char) > 0x2000 and not char.isspace() else _OTHER

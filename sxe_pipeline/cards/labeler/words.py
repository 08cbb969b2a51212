"""The words that carry a label which no phrase of the taxonomy speaks for.

Here: what each gram adds to a label, spread over its characters and summed per word. Not here: what
is said where the words are too few (`learned`).
"""

import re
from bisect import bisect_right
from collections.abc import Sequence, Set
from typing import NamedTuple

import numpy as np

from sxe_pipeline.cards.labeler.evidence import SEGMENTS, TEXT_FIELDS, Evidence, Voice, overlap
from sxe_pipeline.cards.labeler.grams import Numbers
from sxe_pipeline.cards.labeler.weights import FIELDS, Read, Texts, Weights, signals_of

MOST_WORDS = 3
_ENOUGH = 0.6
_LEAST = 0.15
"""A word that carries less of a label says nothing of it."""
_MOST = 0.98
_WORD = re.compile(r"[^\W_]+")
_QUOTED = ("bio", "display_name", "category", "link_domains")
_BESIDE = "    "
"""Room for grams that reach over both ends of a field."""
_SIGNAL = FIELDS.index("signal")


class Placed(NamedTuple):
    """The grams of a batch of accounts where the fields of each stand one behind the other.

    `texts`: the fields of each account. `origin`: account x field, where the field begins; the last
    one is the end. `start` and `end`: where each gram of `seen` stands.
    """

    texts: Sequence[Texts]
    seen: Read
    origin: Numbers
    start: Numbers
    end: Numbers


def placed(texts: Sequence[Texts], seen: Read) -> Placed:
    """Place the grams of the accounts, read from these texts."""
    lengths = np.array([[0, *map(len, fields)] for fields in texts])
    lengths[:, 1:] += len(_BESIDE)
    origin = np.cumsum(lengths, axis=1)
    at = origin[seen.account, seen.field] + 1
    return Placed(texts, seen, origin, at + seen.start, at + seen.end)


def evidence(
    label: str,
    column: int,
    account: tuple[int, int],
    voice: Voice,
    grams: Placed,
    weights: Weights,
    silent_words: Set[str],
    silent_spans: Sequence[tuple[int, int, int]] = (),
) -> list[Evidence]:
    """The words of an account that carry a label, the strongest first, and signals beside them.

    Args:
        label: The label, for the evidence.
        column: Its column of the matrix.
        account: The number of the account in the batch, and the one among those of its card.
        voice: What it says.
        grams: Those of the batch.
        weights: The trained weights.
        silent_words: Words that are no evidence: stop words of any language, denied traits.
        silent_spans: Places whose words are none: a context takes their meaning away.

    Returns:
        Nothing where no word of content carries its share.
    """
    texts = grams.texts[account[0]]
    whole = _BESIDE.join(texts)
    origins = grams.origin[account[0]].tolist()
    carried = _carried(account[0], column, origins[-1], grams, weights)
    spans = [word.span() for word in _WORD.finditer(whole)]
    parts = [(carried[end] - carried[start], start, end) for start, end in spans]
    total = sum(part[0] for part in parts if part[0] > 0)
    if total <= 0:
        return []
    shares = [
        _Share(-part / total, *_in_field(start, end, origins), whole[start:end])
        for part, start, end in parts
        if part >= _LEAST * total
    ]
    shares.sort()
    found: list[Evidence] = []
    told = 0.0
    for share, field, start, end, word in shares:
        if len(found) == MOST_WORDS or told >= _ENOUGH:
            break
        name = FIELDS[field]
        if name not in _QUOTED or word in silent_words:
            continue
        span = (account[1] * SEGMENTS + min(field, SEGMENTS - 1), start, end)
        if any(overlap(span, other) for other in silent_spans):
            if not found:
                return []
            continue
        told -= share
        text = _quote(name, start, end, voice)
        found.append(Evidence(label, "model", name, text, _weight(share), span))
    if found:
        found += _signals(label, account[1], voice, texts[_SIGNAL], shares)
    return found


class _Share(NamedTuple):
    """The negative share of a label that a word carries, the field and place of the word."""

    share: float
    field: int
    start: int
    end: int
    word: str


def _in_field(start: int, end: int, origins: Sequence[int]) -> tuple[int, int, int]:
    field = bisect_right(origins, start) - 1
    return field, start - origins[field], end - origins[field]


def _weight(share: float) -> float:
    return round(min(-share, _MOST), 3)


def _carried(
    account: int, column: int, length: int, grams: Placed, weights: Weights
) -> list[float]:
    """What all characters before each one add to the label."""
    seen = grams.seen
    own = slice(*seen.bounds[account : account + 2])
    start, end = grams.start[own], grams.end[own]
    each = weights.matrix[:, column][seen.row[own]] * seen.value[own] / (end - start)
    change = np.bincount(start, each, length + 1) - np.bincount(end, each, length + 1)
    carried: list[float] = change.cumsum().cumsum().tolist()
    return carried


def _quote(name: str, start: int, end: int, voice: Voice) -> str:
    if name in TEXT_FIELDS:
        text: str = getattr(voice, name)
        return text[start:end]
    if name == "category":
        return voice.category or ""
    before = "\n".join(voice.link_domains)[:start].count("\n")
    return voice.link_domains[before]


def _signals(
    label: str,
    number: int,
    voice: Voice,
    text: str,
    shares: Sequence[_Share],
) -> list[Evidence]:
    """What carries its share and is no word: the platform, the follower band, a flag."""
    given = signals_of(voice)
    found: dict[str, Evidence] = {}
    for share, field, start, _, _ in shares:
        if field == _SIGNAL:
            name, value = given[text[:start].count("\n")]
            span = (number * SEGMENTS + 2, 6, 7)
            found.setdefault(name, Evidence(label, "signal", name, value, _weight(share), span))
    return list(found.values())

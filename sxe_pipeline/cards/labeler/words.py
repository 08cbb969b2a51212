"""The words that carry a label which no phrase of the taxonomy speaks for.

Here: what each gram adds to a label, spread over its characters and summed per word. Not here: what
is said where the words are too few (`learned`).
"""

import re
from collections.abc import Set

import numpy as np

from sxe_pipeline.cards.labeler.evidence import SEGMENTS, TEXT_FIELDS, Evidence, Voice
from sxe_pipeline.cards.labeler.grams import Numbers
from sxe_pipeline.cards.labeler.weights import FIELDS, Read, Texts, Weights, signals_of

MOST_WORDS = 3
_ENOUGH = 0.6
_LEAST = 0.15
"""A word that carries less of a label says nothing of it."""
_MOST = 0.98
_WORD = re.compile(r"[^\W_]+")
_QUOTED = ("bio", "display_name", "category", "link_domains")
_BESIDE = 4
"""Room for grams that reach over both ends of a field."""
_SIGNAL = FIELDS.index("signal")


def evidence(
    label: str,
    column: int,
    account: tuple[int, int],
    voice: Voice,
    texts: Texts,
    seen: Read,
    weights: Weights,
    silent_words: Set[str],
) -> list[Evidence]:
    """The words of an account that carry a label, the strongest first, and signals beside them.

    Args:
        label: The label, for the evidence.
        column: Its column of the matrix.
        account: The number of the account in `seen`, and the one among those of its card.
        voice: What it says.
        texts: The same, in the fields of the grams.
        seen: The grams of the batch.
        weights: The trained weights.
        silent_words: Words that are no evidence: stop words of any language, denied traits.

    Returns:
        Nothing where no word of content carries its share.
    """
    origins = np.cumsum([0, *(len(text) + _BESIDE for text in texts)])
    carried = _carried(account[0], column, origins, seen, weights)
    parts = [
        (carried[at + m.end()] - carried[at + m.start()], field, m.start(), m.end(), m.group())
        for field, (text, at) in enumerate(zip(texts, (origins + 1).tolist(), strict=False))
        for m in _WORD.finditer(text)
    ]
    total = sum(part[0] for part in parts if part[0] > 0)
    if total <= 0:
        return []
    shares = sorted((-part[0] / total, *part[1:]) for part in parts if part[0] >= _LEAST * total)
    found: list[Evidence] = []
    told = 0.0
    for share, field, start, end, word in shares:
        if len(found) == MOST_WORDS or told >= _ENOUGH:
            break
        name = FIELDS[field]
        if name not in _QUOTED or word in silent_words:
            continue
        told -= share
        span = (account[1] * SEGMENTS + min(field, SEGMENTS - 1), start, end)
        text = _quote(name, start, end, voice)
        found.append(Evidence(label, "model", name, text, _weight(share), span))
    if found:
        found += _signals(label, account[1], voice, texts[_SIGNAL], shares)
    return found


def _weight(share: float) -> float:
    return round(min(-share, _MOST), 3)


def _carried(
    account: int, column: int, origins: Numbers, seen: Read, weights: Weights
) -> list[float]:
    """What all characters before each one add to the label, the fields one behind the other."""
    own = slice(*seen.bounds[account : account + 2])
    at = origins[seen.field[own]] + 1
    start, end = at + seen.start[own], at + seen.end[own]
    each = weights.matrix[seen.row[own], column] * seen.value[own] / (end - start)
    length = int(origins[-1]) + 1
    change = np.bincount(start, each, length) - np.bincount(end, each, length)
    carried: list[float] = np.concatenate(([0.0], np.cumsum(np.cumsum(change)))).tolist()
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
    shares: list[tuple[float, int, int, int, str]],
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

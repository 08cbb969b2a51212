"""Which texts may hold contact data: the signs of each family over a column, as bits.

Belongs here: running signs, the cheap question first. Most texts hold no digit and no web address,
and the patterns that need one see only the texts that do. A text that shows no sign is not searched
further; `exact` decides about the others. The patterns are in `signs`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import polars as pl

from sxe_pipeline.redact import signs as known
from sxe_pipeline.redact.skeleton import skeleton

EMAIL, PHONE, SPELLED, LINKS, MESSENGER, ADDRESS, DECODE, UNUSUAL = (1 << bit for bit in range(8))
EVERYTHING = 255
_OTHER_SCRIPT = r"[\x{0370}-\x{1fff}\x{2e80}-\x{d7ff}]"
_DIGIT, _PATH = "[0-9]", "[/#]|[0-9]{7}"


@dataclass(frozen=True)
class _Question:
    """What one sign costs: it is asked of the texts that pass its gate only."""

    bit: int
    asks: Callable[[pl.Series], pl.Series]
    gate: str | None = None


def _any_of(*patterns: str) -> Callable[[pl.Series], pl.Series]:
    def asks(texts: pl.Series) -> pl.Series:
        text = pl.col("text").str
        shown = pl.any_horizontal(*map(text.contains, patterns))
        return texts.alias("text").to_frame().select(shown.alias("shown"))["shown"]

    return asks


@lru_cache(maxsize=1)
def _questions() -> tuple[_Question, ...]:
    enough, some_at, some_dot = known.address_of_mail()
    counted, mixed, adjacent = known.number_words()
    names, hidden = known.link_names()
    return (
        _Question(EMAIL, _any_of(*enough)),
        _Question(EMAIL, _any_of(some_at, "@"), gate=some_dot),
        _Question(PHONE, _any_of(*known.DIGITS, known.separated_digits()), gate=_DIGIT),
        _Question(SPELLED, _any_of(*adjacent)),
        _Question(
            SPELLED,
            lambda texts: texts.str.find_many(counted, ascii_case_insensitive=True).list.len() >= 4,
            gate=_OTHER_SCRIPT,
        ),
        _Question(SPELLED, _any_of(mixed), gate=_OTHER_SCRIPT),
        _Question(LINKS, lambda texts: texts.str.contains_any(names, ascii_case_insensitive=True)),
        _Question(LINKS, _any_of(*hidden)),
        _Question(LINKS, _any_of(*known.CARRIED), gate=_PATH),
        _Question(MESSENGER, _any_of(*known.messengers())),
        _Question(ADDRESS, _any_of(*known.streets()), gate=_DIGIT),
        _Question(DECODE, _any_of(known.ENCODED)),
        _Question(DECODE, _any_of(known.backwards()), gate="@"),
        _Question(UNUSUAL, _any_of(known.UNUSUAL_CHARS)),
    )


def signs(texts: pl.Series) -> np.ndarray:
    """The signs each text shows, as bits; 0 where nothing has to be searched.

    Args:
        texts: Strings without null.
    """
    bits = np.zeros(len(texts), dtype=np.uint8)
    passed: dict[str, tuple[np.ndarray, pl.Series]] = {}
    for question in _questions():
        if question.gate is None:
            bits[question.asks(texts).to_numpy()] |= question.bit
            continue
        if question.gate not in passed:
            inside = texts.str.contains(question.gate).arg_true()
            passed[question.gate] = inside.to_numpy(), texts.gather(inside)
        rows, some = passed[question.gate]
        bits[rows[question.asks(some).to_numpy()]] |= question.bit
    return bits


def sort_out(texts: pl.Series, shown: np.ndarray | None = None) -> np.ndarray:
    """Signs per text; of texts with unusual characters those of their skeleton too.

    Args:
        texts: Strings without null.
        shown: Their signs, where they were asked for already.

    Returns:
        Bits; `UNUSUAL` alone never remains, so 0 means that nothing has to be searched.
    """
    bits = signs(texts) if shown is None else shown
    odd = np.flatnonzero(bits & UNUSUAL)
    if len(odd):
        plain = [skeleton(text)[0] for text in texts.gather(odd).to_list()]
        bits[odd] = (bits[odd] | signs(pl.Series("text", plain))) & (EVERYTHING ^ UNUSUAL)
    return bits

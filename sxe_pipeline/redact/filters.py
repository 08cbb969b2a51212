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
from sxe_pipeline.redact.ruleset import BARRIER, TOKENS
from sxe_pipeline.redact.skeleton import skeleton
from sxe_pipeline.redact.threads import on_thread

EMAIL, PHONE, SPELLED, LINKS, MESSENGER, ADDRESS, DECODE, UNUSUAL = (1 << bit for bit in range(8))
EVERYTHING = 255
_OTHER_SCRIPT = r"[\x{0370}-\x{1fff}\x{2e80}-\x{d7ff}]"
_DIGIT, _NUMERAL, _PATH = "[0-9]", r"\p{Nd}", "[/#]|[0-9]{7}"


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


def _joined(*patterns: str) -> Callable[[pl.Series], pl.Series]:
    """As `_any_of`, in one pattern.

    The engine keeps 32 compiled patterns, and of a longer round none is found again: compiling all
    costs as much as asking them of 10,000 texts. Those of addresses stay apart, and streets come in
    parts: joined they are too large for the engine's fast path.
    """
    return _any_of("|".join(patterns))


def _streets() -> Callable[[pl.Series], pl.Series]:
    whole = known.streets()
    return _any_of(whole[0], "|".join(whole[1:4]), "|".join(whole[4:]))


def _digits() -> Callable[[pl.Series], pl.Series]:
    short, five, apart = known.DIGITS
    return _any_of(f"{short}|{five}", apart, known.separated_digits())


@lru_cache(maxsize=1)
def _questions() -> tuple[_Question, ...]:
    enough, some_at, some_dot = known.address_of_mail()
    counted, mixed, adjacent = known.number_words()
    names, hidden = known.link_names()
    return (
        _Question(EMAIL, _any_of(*enough)),
        _Question(EMAIL, _any_of(some_at, "@"), gate=some_dot),
        _Question(PHONE, _digits(), gate=_DIGIT),
        _Question(SPELLED, _joined(*adjacent)),
        _Question(
            SPELLED,
            lambda texts: texts.str.find_many(counted, ascii_case_insensitive=True).list.len() >= 4,
            gate=_OTHER_SCRIPT,
        ),
        _Question(SPELLED, _any_of(mixed), gate=_OTHER_SCRIPT),
        _Question(LINKS, lambda texts: texts.str.contains_any(names, ascii_case_insensitive=True)),
        _Question(LINKS, _joined(*hidden)),
        _Question(LINKS, _joined(*known.CARRIED), gate=_PATH),
        _Question(MESSENGER, _joined(*known.messengers())),
        _Question(ADDRESS, _streets(), gate=_NUMERAL),
        _Question(DECODE, _any_of(known.ENCODED)),
        _Question(DECODE, _any_of(known.backwards()), gate="@"),
        _Question(UNUSUAL, _any_of(known.unusual())),
    )


@on_thread("signs")
def signs(texts: pl.Series) -> np.ndarray:
    """The signs each text shows, as bits; 0 where nothing has to be searched.

    Args:
        texts: Strings without null.
    """
    # Capitals and accents are evidence for a street; other rules read the skeleton.
    marked = texts.str.replace_many(*known.marks())
    folded = marked.str.replace_many(*known.letters())
    bits = np.zeros(len(texts), dtype=np.uint8)
    passed: dict[str, tuple[np.ndarray, pl.Series]] = {}
    for question in _questions():
        read = marked if question.bit == ADDRESS else folded
        if question.gate is None:
            bits[question.asks(read).to_numpy()] |= question.bit
            continue
        if question.gate not in passed:
            inside = read.str.contains(question.gate).arg_true()
            passed[question.gate] = inside.to_numpy(), read.gather(inside)
        rows, some = passed[question.gate]
        if not len(rows):
            continue
        bits[rows[question.asks(some).to_numpy()]] |= question.bit
    return bits


def masked(texts: pl.Series) -> pl.Series:
    """Texts with a barrier in place of each token: what was replaced is no evidence."""
    return texts.str.replace_many(list(TOKENS), [BARRIER] * len(TOKENS))


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

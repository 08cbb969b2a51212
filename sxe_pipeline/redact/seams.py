"""Contacts that are split over two fields of a profile: a name that ends where the bio goes on.

Belongs here: what crosses the border of two texts that are shown one after the other. What stands
in one of them is found by `array`.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import polars as pl
import pyarrow as pa

from sxe_pipeline.redact import filters
from sxe_pipeline.redact.exact import find_spans
from sxe_pipeline.redact.ruleset import Rules, raw_words, tokens
from sxe_pipeline.redact.signs import one_of
from sxe_pipeline.redact.threads import on_thread

_ALL = Rules()
_REACH = 96


@dataclass(frozen=True)
class Joined:
    """Two columns without the contacts that crossed their border, and which rows had one."""

    first: pa.StringArray
    second: pa.StringArray
    rows: np.ndarray
    kinds: list[str]


def redact_seam(first: pa.Array, second: pa.Array, rules: Rules = _ALL) -> Joined:
    """Replace contacts that begin in one column and end in the next one.

    Args:
        first: Redacted texts, as many as in `second`; null stays null.
        second: The texts that follow on them.
        rules: The families to search for.

    Returns:
        Both columns, with the token at the end of the first and the rest cut from the second.
    """
    frame = pl.DataFrame(
        {"first": pl.Series(first).cast(pl.String), "second": pl.Series(second).cast(pl.String)}
    )
    likely = _may_go_on(frame)
    asked = frame.filter(likely)
    at = likely.arg_true().to_list()
    borders = asked.select(
        pl.concat_str(
            [pl.col("first").str.tail(_REACH), pl.col("second").str.head(_REACH)], separator=" "
        ).alias("text")
    )["text"]
    rows, kinds = [], []
    heads, tails = {}, {}
    for here, signs in enumerate(filters.sort_out(filters.masked(borders)).tolist()):
        if not signs:
            continue
        row, left, right = at[here], asked["first"][here], asked["second"][here]
        away, border = max(0, len(left) - _REACH), min(len(left), _REACH)
        spans = find_spans(borders[here], rules, signs)
        # From the right, so that the offsets of what stands before it hold.
        for span in (span for span in reversed(spans) if span.end > border + 1):
            token, after = tokens()[span.kind], span.end - border - 1
            if span.start > border:
                right = right[: span.start - border - 1] + token + right[after:]
            else:
                left, right = left[: away + span.start] + token, right[after:]
            rows.append(row)
            kinds.append(span.kind)
        heads[row], tails[row] = left, right
    return Joined(
        _replaced(frame["first"], heads),
        _replaced(frame["second"], tails),
        np.array(rows, int),
        kinds,
    )


@on_thread("edges")
def _may_go_on(frame: pl.DataFrame) -> pl.Series:
    """Whether something may begin in the first text of a row and end in the second."""
    open_end, open_start = _borders()
    first, second = pl.col("first"), pl.col("second")
    likely = first.str.contains(open_end) | second.str.contains(open_start)
    return frame.select((likely & (first != "") & (second != "")).fill_null(False)).to_series()


def _replaced(texts: pl.Series, by_row: dict[int, str]) -> pa.StringArray:
    if by_row:
        texts = texts.scatter(list(by_row), list(by_row.values()))
    return texts.to_arrow().cast(pa.string())


@lru_cache(maxsize=1)
def _borders() -> tuple[str, str]:
    """How a text ends that a contact may go on after, and how one begins that goes on with it."""
    joints = raw_words("at_words") | raw_words("dot_words") | raw_words("bare_at_words")
    called = raw_words("phone_words") | raw_words("messengers")
    providers = raw_words("unambiguous_providers") | {"yahoo", "outlook"}
    return (
        rf"(?i:[0-9+@][^\p{{L}}0-9]{{0,4}}$|(?:^|[^a-z])(?:"
        rf"{one_of(joints | called | providers)})[^\p{{L}}0-9]{{0,4}}$)",
        rf"(?i:^[^\p{{L}}0-9]{{0,3}}(?:@[a-z]|(?:{one_of(joints)})[^a-z]))",
    )

"""Columns of text: filter them, replace what is plain, search the rest text by text.

Belongs here: the vectorised path. Its result is that of `redact_text` for each text.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from sxe_pipeline.redact import filters, plain
from sxe_pipeline.redact.exact import apply, find_spans
from sxe_pipeline.redact.places import has_short_numbers
from sxe_pipeline.redact.ruleset import TOKENS, Rules, tokens
from sxe_pipeline.redact.threads import on_thread

_ALL = Rules()
_PLAIN_TOKENS = {"email": "[email]", "phone": "[phone]", "contact_link": "[link]"}


@dataclass(frozen=True)
class Redacted:
    """A redacted column: the texts, how many contacts were removed, and of which kinds."""

    texts: pa.StringArray
    counts: pa.Int32Array
    kinds: pa.ListArray


def redact_array(texts: pa.Array, rules: Rules = _ALL, places: pa.Array | None = None) -> Redacted:
    """Replace every contact in a column by its token.

    Args:
        texts: Strings; null stays null.
        rules: The families to search for; all of them by default.
        places: Where each account says it is, null where it does not; some have short numbers.

    Returns:
        As many rows as came in. A null text has count 0 and no kinds.
    """
    coded = texts.cast(pa.string()).dictionary_encode()
    is_short = None if places is None else _short(places)
    if is_short is None:
        return _redacted(coded, np.zeros(len(coded.dictionary), bool), rules)
    # A text that is searched under both kinds of rule is two here.
    pairs = pc.add(pc.multiply(coded.indices, 2), pa.array(is_short.astype(np.int32)))
    named = pairs.dictionary_encode()
    distinct = np.asarray(named.dictionary)
    apart = pa.DictionaryArray.from_arrays(
        named.indices, coded.dictionary.take(pa.array(distinct // 2))
    )
    return _redacted(apart, distinct % 2 == 1, rules)


def _short(places: pa.Array) -> np.ndarray | None:
    """Which places have short numbers; None where none has."""
    coded = places.cast(pa.string()).dictionary_encode()
    short = [
        at for at, place in enumerate(coded.dictionary.to_pylist()) if has_short_numbers(place)
    ]
    return np.isin(np.asarray(coded.indices.fill_null(-1)), short) if short else None


def _redacted(coded: pa.DictionaryArray, is_short: np.ndarray, rules: Rules) -> Redacted:
    distinct = coded.dictionary
    unique = pl.Series("text", distinct, dtype=pl.String)
    shown = filters.signs(unique)
    rows = np.flatnonzero(shown)
    hits = unique.gather(rows)
    cleaned, kinds = _replace_plain(hits.to_frame(), rules)
    bits = _sort_out_again(hits, cleaned, shown[rows])
    clean = cleaned.to_list()
    for index in np.flatnonzero(bits).tolist():
        spans = find_spans(
            clean[index], rules, int(bits[index]), is_short=bool(is_short[rows[index]])
        )
        if spans:
            clean[index] = apply(clean[index], spans)
            kinds[index] += [span.kind for span in spans]
    changed = [index for index, kinds_of_text in enumerate(kinds) if kinds_of_text]
    return _assemble(
        coded,
        rows[changed],
        [clean[index] for index in changed],
        [kinds[index] for index in changed],
    )


def _sort_out_again(raw: pl.Series, cleaned: pl.Series, shown: np.ndarray) -> np.ndarray:
    """Signs of cleaned texts: those of a text that nothing was replaced in are known."""
    masked = filters.masked(cleaned)
    changed = np.flatnonzero((masked != raw).to_numpy())
    if len(changed):
        shown[changed] = filters.signs(masked.gather(changed))
    return filters.sort_out(masked, shown)


@on_thread("edges")
def _replace_plain(hits: pl.DataFrame, rules: Rules) -> tuple[pl.Series, list[list[str]]]:
    """The texts without plain contacts, and the kinds that each lost (not tokens it had before)."""
    kept = [
        (kind, pattern) for kind, pattern in plain.PLAIN if kind in rules.on and kind in tokens()
    ]
    text = pl.col("text")
    steps = [text]
    for kind, pattern in kept:
        steps.append(steps[-1].str.replace_all(pattern, "${1}" + _PLAIN_TOKENS[kind] + "${3}"))
    frame = hits.select(
        steps[-1].alias("clean"),
        *(
            (
                steps[number + 1].str.count_matches(_PLAIN_TOKENS[kind], literal=True)
                - steps[number].str.count_matches(_PLAIN_TOKENS[kind], literal=True)
            ).alias(kind)
            for number, (kind, _) in enumerate(kept)
        ),
    )
    kinds: list[list[str]] = [[] for _ in range(len(frame))]
    for kind, _ in kept:
        for index, count in enumerate(frame[kind].to_list()):
            if count:
                kinds[index] += [kind] * count
    return frame["clean"], kinds


def _assemble(
    coded: pa.DictionaryArray, places: np.ndarray, clean: list[str], kinds: list[list[str]]
) -> Redacted:
    """The column again, from its distinct texts and what became of some of them."""
    distinct = coded.dictionary
    is_changed = np.zeros(len(distinct), bool)
    is_changed[places] = True
    counts = np.zeros(len(distinct), np.int32)
    counts[places] = [len(row) for row in kinds]
    named = [sorted(set(row)) for row in kinds]
    sizes = np.zeros(len(distinct) + 1, np.int32)
    sizes[1:][places] = [len(row) for row in named]
    names = pa.array([name for row in named for name in row], pa.string())
    whole = Redacted(
        texts=pc.replace_with_mask(distinct, is_changed, pa.array(clean, pa.string())),
        counts=pa.array(counts),
        kinds=pa.ListArray.from_arrays(pa.array(np.cumsum(sizes, dtype=np.int32)), names),
    )
    if len(distinct) == len(coded):
        return whole
    rows = coded.indices
    if rows.null_count:
        # One row more than there are texts: what a null becomes.
        whole = Redacted(
            texts=pa.concat_arrays([whole.texts, pa.nulls(1, pa.string())]),
            counts=pa.concat_arrays([whole.counts, pa.array([0], pa.int32())]),
            kinds=pa.concat_arrays([whole.kinds, pa.array([[]], pa.list_(pa.string()))]),
        )
        rows = rows.fill_null(len(distinct))
    return Redacted(whole.texts.take(rows), whole.counts.take(rows), whole.kinds.take(rows))


assert set(_PLAIN_TOKENS.values()) <= set(TOKENS)  # noqa: S101  a token that is not masked would be searched again

"""JSON Lines in, the same objects with `redacted` and `spans` out.

Belongs here: the stream verb's core. Reading stdin and writing stdout is the command line's.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import msgspec
import polars as pl

from sxe_pipeline.errors import BadInput
from sxe_pipeline.redact import filters
from sxe_pipeline.redact.exact import apply, find_spans
from sxe_pipeline.redact.ruleset import Rules

_DECODER = msgspec.json.Decoder()
_ALL = Rules()


def redact_lines(
    lines: Iterable[bytes], field: str, batch: int = 5000, rules: Rules = _ALL
) -> Iterator[dict[str, Any]]:
    """Redact one field of every JSON object.

    Args:
        lines: One JSON object a line; blank lines are skipped.
        field: The text to redact; a missing or null text gives null and no spans.
        batch: How many lines go through the filter at once.
        rules: The families to search for; all of them by default.

    Yields:
        The object with `redacted` (text or null) and `spans` (offsets in code points of the input).

    Raises:
        BadInput: A line is no JSON object, or its field is no text; the message names the line.
    """
    numbered = ((number, line) for number, line in enumerate(lines, 1) if line.strip())
    while block := list(islice(numbered, batch)):
        rows = [_parse(number, line, field) for number, line in block]
        texts = pl.Series([row.get(field) or "" for row in rows], dtype=pl.String)
        for row, signs in zip(rows, filters.sort_out(texts).tolist(), strict=True):
            text = row.get(field)
            spans = find_spans(text, rules, signs) if text and signs else []
            row["redacted"] = apply(str(text), spans) if spans else text
            row["spans"] = [{"start": s.start, "end": s.end, "kind": s.kind} for s in spans]
            yield row


def _parse(number: int, line: bytes, field: str) -> dict[str, Any]:
    try:
        row = _DECODER.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as broken:
        raise BadInput(
            f"line {number} is no JSON; correct or drop it, then run it again"
        ) from broken
    if not isinstance(row, dict):
        raise BadInput(f"line {number} is no JSON object; one object a line is expected")
    if not isinstance(row.get(field), str | None):
        raise BadInput(f"line {number}: the field is no text; name a text field with --field")
    return row

"""JSON Lines in, the same objects with `redacted` and `spans` out.

Belongs here: the stream verb's core, and the reading of lines that all stream verbs share. Reading
stdin and writing stdout is the command line's.
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
    numbered = objects(lines)
    while block := list(islice(numbered, batch)):
        rows = [_with_text(number, row, field) for number, row in block]
        texts = pl.Series([row.get(field) or "" for row in rows], dtype=pl.String)
        for row, signs in zip(rows, filters.sort_out(texts).tolist(), strict=True):
            text = row.get(field)
            spans = find_spans(text, rules, signs) if text and signs else []
            row["redacted"] = apply(str(text), spans) if spans else text
            row["spans"] = [{"start": s.start, "end": s.end, "kind": s.kind} for s in spans]
            yield row


def objects(lines: Iterable[bytes | str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """The object of each line with the line's number; blank lines are skipped.

    Args:
        lines: One JSON object a line.

    Raises:
        BadInput: A line is no JSON object; the message names the line.

    Example:
        >>> list(objects([b'{"a": 1}', "", '{"b": 2}']))
        [(1, {'a': 1}), (3, {'b': 2})]
    """
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            # It refuses half a character, which `json` takes.
            row = _DECODER.decode(line)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as broken:
            raise BadInput(
                f"line {number} is no JSON; correct or drop it, then run it again"
            ) from broken
        if not isinstance(row, dict):
            raise BadInput(f"line {number} is no JSON object; one object a line is expected")
        yield number, row


def _with_text(number: int, row: dict[str, Any], field: str) -> dict[str, Any]:
    if not isinstance(row.get(field), str | None):
        raise BadInput(f"line {number}: the field is no text; name a text field with --field")
    return row

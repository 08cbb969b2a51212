"""The records of a landing file, whatever its format: JSON Lines, JSON, CSV or Parquet.

Here: which format it is (by extension, then by content), and JSON: one decoded value or one `Fault`
per record. Not here: tables (`tables`), what a record means.
"""

import itertools
import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

import msgspec

from sxe_pipeline.errors import SxeError
from sxe_pipeline.ingest import tables
from sxe_pipeline.ingest.chunks import (
    RECORD_LIMIT,
    Fault,
    Splitter,
    Unreadable,
    chunks,
    lines,
)

_SUFFIXES = {
    ".jsonl": "json_lines",
    ".ndjson": "json_lines",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
}
_LONE_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")

Record = Any


def records(
    stream: BinaryIO, name: str, needs: tables.Needs = lambda names: names
) -> Iterator[Record | Fault]:
    """Everything a file holds, in order; the last may be the fault that ended it.

    Args:
        stream: The file as it landed; need not be seekable.
        name: Its path or name, for the extension.
        needs: Which columns of a table have to be decoded; all by default.

    Yields:
        A decoded JSON value, a table row as a dict, or the `Fault` that stands in its place. A cell
        of a table that cannot be read is `paths.UNREAD`.

    Raises:
        StoreUnavailable: The landing store, or the folder for temporary files, failed.
    """
    plain_name = name.lower()
    try:
        pieces = chunks(stream, plain_name)
        yield from _decoded(pieces, plain_name.removesuffix(".gz").removesuffix(".zst"), needs)
    except Unreadable:
        yield Fault.UNREADABLE
    except SxeError:
        raise
    except Exception:  # noqa: BLE001 - Broken, or whatever a decoder does with what strangers wrote
        yield Fault.MALFORMED


def _decoded(pieces: Iterator[bytes], name: str, needs: tables.Needs) -> Iterator[Record | Fault]:
    first = _first(pieces)
    kind = _kind(first, name)
    if kind is None:
        yield Fault.UNSUPPORTED_FORMAT
        return
    if kind != "parquet" and first.startswith(_UTF16):
        yield Fault.ENCODING
        return
    everything = itertools.chain([first.removeprefix(_BOM) if kind != "parquet" else first], pieces)
    if kind == "parquet":
        yield from tables.parquet(everything, needs)
    elif kind == "csv":
        yield from tables.csv_table(everything, "\t" if name.endswith(".tsv") else None, needs)
    elif kind == "json_lines":
        yield from _documents(lines(everything))
    else:
        if not first.strip():
            yield Fault.MALFORMED
        yield from _documents(Splitter().documents(everything))


def _first(pieces: Iterator[bytes]) -> bytes:
    """Enough of the file to know its format: one line, unless it is a long one."""
    held = b""
    for piece in pieces:
        held += piece
        if b"\n" in held.lstrip() or len(held) > RECORD_LIMIT:
            break
    return held


def _kind(first: bytes, name: str) -> str | None:
    kind = next((kind for suffix, kind in _SUFFIXES.items() if name.endswith(suffix)), None)
    text = first.removeprefix(_BOM).lstrip()
    if kind in ("csv", "parquet"):
        return kind
    if kind is None:
        if first.startswith(b"PAR1"):
            return "parquet"
        if text[:1] not in (b"{", b"["):
            return None
    head, _, rest = text.partition(b"\n")
    if kind == "json_lines":
        return "json" if head.strip() in (b"{", b"[") else "json_lines"
    return "json_lines" if rest.strip() and type(_decode(head)) in (dict, list) else "json"


def _documents(found: Iterator[bytes | Fault]) -> Iterator[Record | Fault]:
    for text in found:
        if isinstance(text, Fault):
            yield text
            continue
        if not text or text.isspace():
            continue
        value = _decode(text)
        if _repeats_a_key(text, value):
            yield Fault.MALFORMED
        elif type(value) is list:
            yield from value
        else:
            yield value


_json = msgspec.json.Decoder()


def _decode(text: bytes) -> Record | Fault:
    try:
        return _json.decode(text)
    except UnicodeDecodeError:
        return Fault.ENCODING
    except Exception:  # noqa: BLE001 - a bad document costs a document
        return Fault.ENCODING if _LONE_SURROGATE.search(text) else Fault.MALFORMED


def _repeats_a_key(text: bytes, value: Record | Fault) -> bool:
    """Whether an object says two things under one key; the decoder keeps the last in silence.

    More colons than keys are a suspicion only (a text may hold one); only then is it read again.
    """
    keys, open_values = 0, [value]
    while open_values:
        item = open_values.pop()
        if type(item) is dict:
            keys += len(item)
            open_values += item.values()
        elif type(item) is list:
            open_values += item
    if isinstance(value, Fault) or text.count(b'":') + text.count(b'" :') <= keys:
        return False
    try:
        json.loads(text, object_pairs_hook=_unique)
    except _RepeatedKey:
        return True
    except (ValueError, RecursionError):
        return False
    return False


class _RepeatedKey(Exception):
    """An object holds one key twice."""


def _unique(pairs: list[tuple[str, Record]]) -> dict[str, Record]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _RepeatedKey
    return found

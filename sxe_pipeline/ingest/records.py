"""The records of a landing file, whatever its format: JSON Lines, JSON, CSV or Parquet.

Here: which format it is (by extension, then by content) and one decoded value or one `Fault` per
record. Not here: what a record means.
"""

import csv
import itertools
import json
import re
import tempfile
from collections.abc import Iterator
from typing import Any, BinaryIO

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from sxe_pipeline.ingest.chunks import (
    RECORD_LIMIT,
    Broken,
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
_PARQUET_ROWS = 2_000
_SPOOL = 32 << 20

Record = Any


def records(stream: BinaryIO, name: str) -> Iterator[Record | Fault]:
    """Everything a file holds, in order; the last may be the fault that ended it.

    Args:
        stream: The file as it landed; need not be seekable.
        name: Its path or name, for the extension.

    Yields:
        A decoded JSON value, a table row as a dict, or the fault that stands in its place.
    """
    plain_name = name.lower()
    try:
        pieces = chunks(stream, plain_name)
        yield from _decoded(pieces, plain_name.removesuffix(".gz").removesuffix(".zst"))
    except Unreadable:
        yield Fault.UNREADABLE
    except Broken:
        yield Fault.MALFORMED


def _decoded(pieces: Iterator[bytes], name: str) -> Iterator[Record | Fault]:
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
        yield from _parquet(everything)
    elif kind == "csv":
        yield from _table(everything, "\t" if name.endswith(".tsv") else None)
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
    except (msgspec.MsgspecError, RecursionError, ValueError):
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


class _TooLong(Exception):
    """One CSV record is longer than `RECORD_LIMIT`."""


class _CsvLines:
    """Text lines for `csv.reader`, with a budget of bytes per record; goes on after an error."""

    def __init__(self, found: Iterator[bytes | Fault]) -> None:
        self._found = found
        self.size = 0

    def __iter__(self) -> "_CsvLines":
        return self

    def __next__(self) -> str:
        line = next(self._found)
        if isinstance(line, Fault):
            raise _TooLong
        self.size += len(line)
        if self.size > RECORD_LIMIT:
            raise _TooLong
        # Bytes that are no UTF-8 become lone surrogates here and `encoding` in `_cells`.
        return line.decode("utf-8", "surrogateescape") + "\n"


def _table(pieces: Iterator[bytes], delimiter: str | None) -> Iterator[Record | Fault]:
    source = _CsvLines(lines(pieces))
    try:
        head = next(source)
    except StopIteration:
        return
    except _TooLong:
        yield Fault.TOO_LARGE
        return
    mark = delimiter or max(",;\t|", key=head.count)
    try:
        header = next(csv.reader([head], delimiter=mark), [])
    except csv.Error:
        yield Fault.MALFORMED
        return
    reader = csv.reader(source, delimiter=mark)
    while True:
        source.size = 0
        try:
            cells = next(reader)
        except StopIteration:
            return
        except _TooLong:
            yield Fault.TOO_LARGE
            reader = csv.reader(source, delimiter=mark)
            continue
        except csv.Error as why:
            yield Fault.TOO_LARGE if "field limit" in str(why) else Fault.MALFORMED
            reader = csv.reader(source, delimiter=mark)
            continue
        if cells:
            yield _cells(header, cells)


def _cells(header: list[str], cells: list[str]) -> Record | Fault:
    if len(cells) != len(header):
        return Fault.MALFORMED
    try:
        "".join(cells).encode()
    except UnicodeEncodeError:
        return Fault.ENCODING
    return dict(zip(header, cells, strict=True))


def _parquet(pieces: Iterator[bytes]) -> Iterator[Record | Fault]:
    # Parquet is read from its end, so the file is spooled; the copy has no name and dies with it.
    with tempfile.SpooledTemporaryFile(max_size=_SPOOL) as spool:
        for piece in pieces:
            spool.write(piece)
        spool.seek(0)
        try:
            source = pq.ParquetFile(spool)
            for batch in source.iter_batches(batch_size=_PARQUET_ROWS):
                yield from _batch_rows(batch)
        except (pa.ArrowException, OSError):
            yield Fault.MALFORMED


def _batch_rows(batch: pa.RecordBatch) -> Iterator[Record | Fault]:
    try:
        yield from batch.to_pylist()
    except UnicodeDecodeError:
        for at in range(batch.num_rows):
            try:
                yield from batch.slice(at, 1).to_pylist()
            except UnicodeDecodeError:
                yield Fault.ENCODING

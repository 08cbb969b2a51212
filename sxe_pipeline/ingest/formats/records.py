"""The records of a landing file, whatever its format.

Here: which format it is, by its first bytes and its extension. Not here: the formats themselves
(`json_text`, `csv_rows`, `tables`, `sheets`, `archives`), what a record means.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from sxe_pipeline.errors import SxeError
from sxe_pipeline.ingest.faults import Fault
from sxe_pipeline.ingest.formats import archives, csv_rows, json_text, tables
from sxe_pipeline.ingest.formats.chunks import Unreadable, chunks, peeked
from sxe_pipeline.ingest.formats.unicode_text import as_utf8

_SUFFIXES = {
    ".jsonl": "json_lines",
    ".ndjson": "json_lines",
    ".json": "json",
    ".js": "json",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".xlsx": "archive",
    ".xlsm": "archive",
    ".zip": "archive",
}
_ZIP = b"PK\x03\x04"
_EMPTY_ZIP = b"PK\x05\x06"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""What old Excel files begin with, and new ones that are protected by a password."""

Record = Any


@dataclass(slots=True)
class Weight:
    """Plain bytes that were read so far."""

    size: int = 0

    def of(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """The same pieces, each weighed as it is read."""
        for piece in pieces:
            self.size += len(piece)
            yield piece


def records(
    stream: BinaryIO,
    name: str,
    needs: tables.Needs = lambda names: names,
    weight: Weight | None = None,
    header: tables.Needs | None = None,
) -> Iterator[Record | Fault]:
    """Everything a file holds, in order; the last may be the fault that ended it.

    Args:
        stream: The file as it landed; need not be seekable.
        name: Its path or name, for the extension.
        needs: Which columns of a table have to be decoded; all by default.
        weight: Learns how much was read.
        header: Which columns speak for a line as the header of a table; as `needs` by default.

    Yields:
        A decoded JSON value, a table row as a dict, or the `Fault` that stands in its place. A cell
        of a table that cannot be read is `paths.UNREAD`.

    Raises:
        StoreUnavailable: The landing store, or the folder for temporary files, failed.
    """
    weighed = (weight or Weight()).of
    speaks = header or needs

    def read(part: BinaryIO, part_name: str, *, is_member: bool) -> Iterator[Record | Fault]:
        plain_name = part_name.lower()
        try:
            bare = plain_name.removesuffix(".gz").removesuffix(".zst")
            first, whole = peeked(weighed(chunks(part, plain_name)), lambda held: len(held) > 8)
            kind = _kind(first, bare)
            if isinstance(kind, Fault):
                yield kind
            elif kind == "archive" and is_member and not bare.endswith((".xlsx", ".xlsm")):
                yield Fault.NESTED
            elif kind == "archive":
                yield from archives.members(whole, speaks, read)
            elif kind == "parquet":
                yield from tables.parquet(whole, needs)
            elif kind == "csv":
                yield from csv_rows.csv_table(as_utf8(whole), needs, speaks)
            else:
                yield from json_text.documents(as_utf8(whole), is_lines=kind == "json_lines")
        except Unreadable:
            yield Fault.UNREADABLE
        except SxeError:
            raise
        except Exception:  # noqa: BLE001 - Broken, or whatever a decoder does with strangers' bytes
            yield Fault.MALFORMED

    yield from read(stream, name, is_member=False)


def _kind(first: bytes, name: str) -> str | Fault:
    kind = next((kind for suffix, kind in _SUFFIXES.items() if name.endswith(suffix)), None)
    if first.startswith((_ZIP, _EMPTY_ZIP)):
        return "archive"
    if first.startswith(_OLE):
        return Fault.ENCRYPTED if name.endswith((".xlsx", ".xlsm")) else Fault.OLD_EXCEL
    if kind == "archive":
        return Fault.MALFORMED
    if first.startswith(b"PAR1"):
        return "parquet"
    text = json_text.begin(first)
    if kind is None and first.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "csv"  # what spreadsheets call Unicode text
    if kind is None:
        return "json" if text[:1] in (b"{", b"[") else Fault.UNSUPPORTED_FORMAT
    if kind == "csv" and text[:2] in (b'{"', b"[{", b"[\n"):
        return "json"
    return kind

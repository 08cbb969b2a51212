r"""Does a plant still exist anywhere? Every byte is read, and only the plants are known.

Belongs here: reading whatever lies in a file or a database dump and looking for needles. It imports
nothing of redaction, ingest or the tiers (a test reads the imports): a scan that shared their idea
of what contact data looks like would share their blind spots.

Two normal forms are searched, both by Aho-Corasick:

* text: lower case, `\u` escapes and base64 runs resolved, NULs dropped (so UTF-16 is read too);
* digits: digits of any script as ASCII, and the separators that people write inside a number
  (space . - / _, brackets, their look-alikes) dropped, so that a regrouped number is found.

Nothing else is dropped from the digits: a line end, tab, comma, quote, colon or letter stays and
keeps two values apart, so ids of neighbouring cells never join. Needles are ten and more digits
long, and a hit inside a run of more than 18 digits is a longer id, not a number. What remains is
a chance of about one in ten billion for each needle at each position.
"""

import base64
import binascii
import io
import re
import unicodedata
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

import ahocorasick_rs
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sxe_pipeline.errors import BadInput
from sxe_pipeline.sandbox.plants import Plant

_Automaton = ahocorasick_rs.BytesAhoCorasick

_CHUNK = 4 << 20
# Longer than any needle, even with each of its characters written as two escapes.
_OVERLAP = 4096
_LONGEST_NUMBER = 18
_ROWS = 16_384
_MASKED = "(a file whose own name holds a plant)"
_LOWER = bytes(range(256)).lower()
_BETWEEN = b" -./()[]_\\*~|\x00"
_ODD_BETWEEN = (
    "\u00a0\u00ad\u00b7\u2002\u2003\u2009\u200a\u200b\u200c\u200d\u200e\u200f\u2010\u2011\u2012"
    "\u2013\u2014\u2022\u2028\u202f\u2060\u20e3\u2212\u2219\u22c5\u3000\u30fb\ufe0e\ufe0f\ufeff"
)
_BINARY = (
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_binary_view,
    pa.types.is_fixed_size_binary,
)
_ESCAPES = re.compile(rb"(?:\\+u[0-9a-fA-F]{4})+")
_BASE64 = re.compile(rb"[\s\",:=>'][A-Za-z0-9+/]{88,}={0,2}")


def _odd() -> dict[bytes, bytes]:
    """UTF-8 of every digit that is not ASCII, and of every odd separator -> what it stands for."""
    read = {char.encode(): b"" for char in _ODD_BETWEEN}
    for code in range(0x80, 0x20000):
        digit = unicodedata.digit(chr(code), None)
        if digit is not None:
            read[chr(code).encode()] = str(digit).encode()
    return read


def _any_of(sequences: Iterable[bytes]) -> re.Pattern[bytes]:
    """One pattern for all sequences, grouped by all bytes but the last: eight times faster."""
    groups: dict[bytes, bytes] = {}
    for sequence in sequences:
        groups[sequence[:-1]] = groups.get(sequence[:-1], b"") + sequence[-1:]
    parts = (re.escape(lead) + b"[" + re.escape(last) + b"]" for lead, last in groups.items())
    return re.compile(b"|".join(parts))


_ODD = _odd()
_ODD_PATTERN = _any_of(_ODD)


@dataclass(frozen=True)
class Hit:
    """One plant in one file or table: how it was hidden and where it lies, never what it is."""

    kind: str
    where: str


def find(
    plants: Sequence[Plant],
    files: Iterable[Path],
    dumps: Iterable[tuple[str, bytes]] = (),
    *,
    root: Path | None = None,
) -> Iterator[Hit]:
    """Look for every plant in every byte of files and database tables.

    Each file is searched as it lies, and once more decoded where its first bytes say that it is
    Parquet (every text, number, list and struct column), gzip, zstd or zlib.

    Args:
        plants: What to look for.
        files: Files of any kind.
        dumps: Pieces of tables as `dump_database` gives them.
        root: Hits name files relative to it; without it, by their path as given.

    Yields:
        One hit for each plant and file or table.

    Raises:
        BadInput: A file cannot be read or decoded: unread is not the same as clean.
    """
    needles = _Needles(plants)
    for path in files:
        where = str(path.relative_to(root) if root else path)
        named = needles.search(where.encode(errors="surrogateescape"))
        yield from (Hit(plants[index].kind, _MASKED) for index in sorted(named))
        where = _MASKED if named else where
        found: set[int] = set()
        for chunk in _read(path, where):
            found |= needles.search(chunk)
        yield from (Hit(plants[index].kind, where) for index in sorted(found - named))
    tables: dict[str, set[int]] = {}
    for table, chunk in dumps:
        known = tables.setdefault(table, set())
        new = needles.search(chunk) - known
        known |= new
        yield from (Hit(plants[index].kind, table) for index in sorted(new))


class _Needles:
    """Two automata over all needles."""

    def __init__(self, plants: Sequence[Plant]) -> None:
        texts: list[tuple[bytes, int]] = []
        digits: list[tuple[bytes, int]] = []
        for index, plant in enumerate(plants):
            for needle in plant.needles:
                if needle.isdigit():
                    digits.append((needle, index))
                else:
                    texts += ((form, index) for form in _written(needle))
        self._texts, self._text_of = _automaton(texts)
        self._digits, self._digit_of = _automaton(digits)

    def search(self, chunk: bytes) -> set[int]:
        """Indexes of the plants that occur in `chunk`, in either form."""
        found: set[int] = set()
        for form in _resolved(chunk):
            text = form.translate(_LOWER, b"\0")
            if self._texts:
                hits = self._texts.find_matches_as_indexes(text, overlapping=True)
                found.update(self._text_of[hit[0]] for hit in hits)
            if self._digits:
                run = _digits(form)
                for needle, start, end in self._digits.find_matches_as_indexes(
                    run, overlapping=True
                ):
                    if _is_number(run, start, end):
                        found.add(self._digit_of[needle])
        return found


def _automaton(needles: list[tuple[bytes, int]]) -> tuple[_Automaton | None, list[int]]:
    """The automaton (None for nothing to look for) and the plant of each of its patterns."""
    patterns = [needle for needle, _ in needles]
    owners = [index for _, index in needles]
    return (ahocorasick_rs.BytesAhoCorasick(patterns) if patterns else None), owners


def _written(needle: bytes) -> set[bytes]:
    """The needle in UTF-8 and UTF-16, as the text form shows them."""
    text = needle.decode()
    encodings = ("utf-8", "utf-16-le", "utf-16-be")
    return {text.encode(name).translate(_LOWER, b"\0") for name in encodings}


def _is_number(run: bytes, start: int, end: int) -> bool:
    """Whether the digits around a hit are few enough to be a phone number."""
    before = run[max(0, start - _LONGEST_NUMBER) : start]
    after = run[end : end + _LONGEST_NUMBER]
    around = len(before) - len(before.rstrip(b"0123456789"))
    around += len(after) - len(after.lstrip(b"0123456789"))
    return end - start + around <= _LONGEST_NUMBER


def _digits(form: bytes) -> bytes:
    if not form.isascii():
        form = _ODD_PATTERN.sub(lambda odd: _ODD[odd[0]], form)
    if b"%20" in form:
        form = form.replace(b"%20", b"")
    return form.translate(None, _BETWEEN)


def _resolved(chunk: bytes) -> Iterator[bytes]:
    """The chunk, then what its base64 runs hold (signed envelopes); escapes are resolved."""
    yield _unescaped(chunk)
    for run in _BASE64.finditer(b"\n" + chunk):
        body = run[0][1:].rstrip(b"=")
        try:
            yield _unescaped(base64.b64decode(body[: len(body) // 4 * 4]))
        except binascii.Error:
            continue


def _unescaped(chunk: bytes) -> bytes:
    if b"\\u" not in chunk:
        return chunk
    return _ESCAPES.sub(lambda escapes: _unescape(escapes[0]), chunk)


@lru_cache(maxsize=1 << 16)
def _unescape(escapes: bytes) -> bytes:
    units = bytes.fromhex(re.sub(rb"\\+u", b"", escapes).decode())
    return units.decode("utf-16-be", "replace").encode()


def _read(path: Path, where: str) -> Iterator[bytes]:
    """The file's bytes, then the bytes of what it holds."""
    try:
        with path.open("rb") as stream:
            head = stream.read(8)
            stream.seek(0)
            yield from _overlapping(stream)
            stream.seek(0)
            yield from _decoded(head, stream)
    except (OSError, EOFError, zlib.error, pa.ArrowException) as error:
        name = type(error).__name__
        # The cause may quote what it could not read, so it is named and not chained.
        raise BadInput(f"{where} cannot be read ({name}), so it cannot be called clean") from None


def _decoded(head: bytes, stream: BinaryIO) -> Iterator[bytes]:
    if head.startswith(b"PAR1"):
        yield from _cells(pq.ParquetFile(stream))
        return
    kind = {b"\x1f\x8b": "gzip", b"\x28\xb5": "zstd"}.get(head[:2])
    if kind and (kind == "gzip" or head.startswith(b"\x28\xb5\x2f\xfd")):
        yield from _overlapping(pa.CompressedInputStream(stream, kind))


def unpacked(value: bytes) -> bytes:
    """A value of a binary column, decompressed where it is gzip, zstd or zlib.

    Returns:
        The contents; the value itself where it is none of these or is broken.
    """
    try:
        if value.startswith((b"\x1f\x8b", b"\x78\x01", b"\x78\x9c", b"\x78\xda")):
            return zlib.decompress(value, wbits=47)
        if value.startswith(b"\x28\xb5\x2f\xfd"):
            return bytes(pa.CompressedInputStream(io.BytesIO(value), "zstd").read())
    except (zlib.error, OSError):
        return value
    return value


def _overlapping(stream: BinaryIO) -> Iterator[bytes]:
    tail = b""
    while chunk := bytes(stream.read(_CHUNK)):
        yield tail + chunk
        tail = (tail + chunk)[-_OVERLAP:]


def _cells(file: pq.ParquetFile) -> Iterator[bytes]:
    """Every leaf value of every column, one a line."""
    for batch in file.iter_batches(batch_size=_ROWS):
        for column in batch.columns:
            for leaf in _leaves(column):
                yield _lines(leaf)


def _leaves(column: pa.Array) -> Iterator[pa.Array]:
    kind = column.type
    if pa.types.is_dictionary(kind):
        yield from _leaves(column.dictionary_decode())
    elif pa.types.is_struct(kind):
        for child in column.flatten():
            yield from _leaves(child)
    elif pa.types.is_map(kind):
        yield from _leaves(column.keys)
        yield from _leaves(column.items)
    elif pa.types.is_nested(kind):
        yield from _leaves(column.flatten())
    else:
        yield column


def _lines(leaf: pa.Array) -> bytes:
    if not any(of(leaf.type) for of in _BINARY):
        leaf = leaf.cast(pa.large_string())
    values = leaf.cast(pa.large_binary()).drop_null()
    whole = pa.ListArray.from_arrays(pa.array([0, len(values)], pa.int32()), values)
    return bytes(pc.binary_join(whole, pa.scalar(b"\n", pa.large_binary()))[0].as_py())

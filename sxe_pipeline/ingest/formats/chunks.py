"""Bytes of a landing file in bounded pieces: decompression, lines, JSON documents.

Here: memory stays within `RECORD_LIMIT` or `DOCUMENT_LIMIT` plus one chunk whatever the file holds.
Not here: what the bytes mean.
"""

import re
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO

import pyarrow as pa

from sxe_pipeline.ingest.faults import Fault

CHUNK = 1 << 18
RECORD_LIMIT = 4 << 20
"""Bytes of one line or array element; a longer one is `too_large`."""
DOCUMENT_LIMIT = 64 << 20
"""Bytes of one JSON document that is an object, such as an envelope."""


_PLAIN = re.compile(rb"PAR1|PK\x03\x04|\xff\xfe|\xfe\xff|[^\x00-\x08\x0e-\x1f]+\Z")
"""How a file begins that is not compressed, whatever its name says."""


class Unreadable(Exception):
    """The stream itself failed, not what it holds."""


class Broken(Exception):
    """What the stream holds ends too early or is no valid compressed stream."""


def chunks(stream: BinaryIO, name: str) -> Iterator[bytes]:
    """The plain bytes of a stream, by its first bytes: a download may be unpacked on its way.

    Args:
        stream: The file as it landed.
        name: Its name; one that ends in `.gz` or `.zst` tells plain bytes from damaged ones.

    Yields:
        Non-empty pieces of at most some hundred kilobytes.

    Raises:
        Unreadable: Reading the stream failed.
        Broken: The compressed stream is cut or damaged; what came before was yielded.
    """
    raw = _raw(stream)
    first = next(raw, b"")
    if first.startswith(b"\x1f\x8b"):
        yield from _gunzipped(first, raw)
    elif first.startswith(b"\x28\xb5\x2f\xfd"):
        yield from _zstd(first, raw)
    elif name.endswith((".gz", ".zst")) and not _PLAIN.match(first):
        raise Broken
    else:
        if first:
            yield first
        yield from raw


def _raw(stream: BinaryIO) -> Iterator[bytes]:
    while True:
        try:
            piece = stream.read(CHUNK)
        except (OSError, pa.ArrowException) as why:
            raise Unreadable from why
        if not piece:
            return
        yield bytes(piece)


def _gunzipped(first: bytes, raw: Iterator[bytes]) -> Iterator[bytes]:
    unzip = zlib.decompressobj(wbits=31)
    piece: bytes | None = first
    is_begun = False
    while piece is not None:
        while piece:
            is_begun = True
            try:
                plain = unzip.decompress(piece, CHUNK)
            except zlib.error as why:
                raise Broken from why
            if plain:
                yield plain
            piece = unzip.unconsumed_tail
            if unzip.eof:
                piece, is_begun = unzip.unused_data.lstrip(b"\0"), False
                unzip = zlib.decompressobj(wbits=31)
        piece = next(raw, None)
    if is_begun:
        raise Broken


class _Joined:
    """A minimal readable file over pieces, for pyarrow; remembers why it failed."""

    closed = False

    def __init__(self, first: bytes, raw: Iterator[bytes]) -> None:
        self._held = first
        self._raw = raw
        self.why: Unreadable | None = None

    def read(self, size: int = -1) -> bytes:
        try:
            while self._held == b"":
                self._held = next(self._raw)
        except StopIteration:
            return b""
        except Unreadable as why:
            self.why = why
            raise OSError from why
        if size < 0:
            size = len(self._held)
        given, self._held = self._held[:size], self._held[size:]
        return given

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        """Nothing to close: the caller owns the stream."""


def _zstd(first: bytes, raw: Iterator[bytes]) -> Iterator[bytes]:
    joined = _Joined(first, raw)
    plain = pa.CompressedInputStream(pa.PythonFile(joined, "r"), "zstd")
    while True:
        try:
            piece = plain.read(1 << 16)
        except (OSError, pa.ArrowException) as why:
            if joined.why:
                raise joined.why from why
            raise Broken from why
        if not piece:
            return
        yield piece


def peeked(
    pieces: Iterator[bytes], is_enough: Callable[[bytes], bool]
) -> tuple[bytes, Iterator[bytes]]:
    """The beginning of a stream, and the stream as if nobody had looked.

    Args:
        pieces: The stream.
        is_enough: Whether so much of it is enough.

    Returns:
        What was looked at, and all of it again. Where looking failed, reading fails behind it.
    """
    held = b""
    why: Exception | None = None
    try:
        for piece in pieces:
            held += piece
            if is_enough(held):
                break
    except Exception as failure:  # noqa: BLE001 - it is raised where it belongs
        why = failure
    return held, _again(held, pieces, why)


def _again(held: bytes, pieces: Iterator[bytes], why: Exception | None) -> Iterator[bytes]:
    if held:
        yield held
    if why:
        raise why
    yield from pieces


_TOGETHER = 1 << 14
"""Bytes of lines that are handed on at once."""


def lines(pieces: Iterator[bytes]) -> Iterator[bytes | Fault]:
    """Lines without their end; one longer than `RECORD_LIMIT` is skipped without being held.

    Yields:
        Each line, or `Fault.TOO_LARGE` in its place.
    """
    for block in blocks(pieces):
        if isinstance(block, Fault):
            yield block
        else:
            yield from block.split(b"\n")


def blocks(pieces: Iterator[bytes]) -> Iterator[bytes | Fault]:
    """As `lines`, but some lines at once, with what stands between them.

    They are few, so that what is made of them stays in the processor's cache.
    """
    held = b""
    is_skipping = False
    for piece in pieces:
        first = piece.find(b"\n")
        if first < 0:
            held = b"" if is_skipping else held + piece
            if len(held) > RECORD_LIMIT:
                held, is_skipping = b"", True
            continue
        is_long = is_skipping or len(held) + first > RECORD_LIMIT
        yield Fault.TOO_LARGE if is_long else held + piece[:first]
        is_skipping = False
        last = piece.rfind(b"\n")
        at = first + 1
        while at <= last:
            end = piece.find(b"\n", min(at + _TOGETHER, last))
            yield piece[at:end]
            at = end + 1
        held = piece[last + 1 :]
    if is_skipping or len(held) > RECORD_LIMIT:
        yield Fault.TOO_LARGE
    elif held:
        yield held


_OUTSIDE = re.compile(rb'["\[\]{}]|[^\s,;"\[\]{}\xef\xbb\xbf]')
"""What says something between documents: no blank, no comma, no mark that a joined file brings."""
_STRUCTURE = re.compile(rb'["\[\]{}]')
_IN_TEXT = re.compile(rb'["\\]')


class Splitter:
    """Cuts a stream of JSON text into its documents; a top-level array into its elements.

    Holds one element at a time. Scalars in a top-level array are not cut out: they make the
    array one malformed document, which no platform writes.
    """

    def __init__(self) -> None:
        self._depth = 0
        self._base = 0
        self._is_text = False
        self._held: list[bytes] = []
        self._size = 0
        self._is_skipping = False
        self._skip_first = 0

    def documents(self, pieces: Iterator[bytes]) -> Iterator[bytes | Fault]:
        """Cut.

        Yields:
            The bytes of each document or element, `Fault.TOO_LARGE` in place of one that is too
            long, and `Fault.MALFORMED` once where the text cannot be cut any further.
        """
        for piece in pieces:
            yield from self._cut(piece)
            if self._base < 0:
                return
        if self._depth > 0:
            yield Fault.CUT

    def _cut(self, piece: bytes) -> Iterator[bytes | Fault]:
        start = 0
        at = self._skip_first
        while at < len(piece) and (token := self._pattern().search(piece, at)):
            at = token.end()
            mark = token[0]
            if self._is_text:
                self._is_text = mark != b'"'
                at += mark == b"\\"
            elif mark in b"{[":
                start = token.start() if self._opens(mark) else start
            elif self._depth > self._base:
                if mark == b'"':
                    self._is_text = True
                elif self._closes():
                    yield self._done(piece[start:at])
            elif not self._ends_array(mark):
                self._base = -1
                yield Fault.MALFORMED
                return
        self._hold(piece[start:], at - len(piece))

    def _opens(self, mark: bytes) -> bool:
        if mark == b"[" and self._depth == 0:
            self._depth = self._base = 1
            return False
        self._depth += 1
        return self._depth == self._base + 1

    def _closes(self) -> bool:
        self._depth -= 1
        return self._depth == self._base

    def _ends_array(self, mark: bytes) -> bool:
        if mark != b"]" or self._base != 1:
            return False
        self._depth = self._base = 0
        return True

    def _pattern(self) -> re.Pattern[bytes]:
        if self._is_text:
            return _IN_TEXT
        return _STRUCTURE if self._depth > self._base else _OUTSIDE

    def _hold(self, rest: bytes, escape: int) -> None:
        self._skip_first = max(escape, 0)
        if self._depth <= self._base or self._is_skipping:
            return
        self._held.append(rest)
        self._size += len(rest)
        if self._size > (RECORD_LIMIT if self._base else DOCUMENT_LIMIT):
            self._held, self._is_skipping = [], True

    def _done(self, last: bytes) -> bytes | Fault:
        whole = b"".join([*self._held, last])
        is_long = self._is_skipping or len(whole) > (RECORD_LIMIT if self._base else DOCUMENT_LIMIT)
        self._held, self._size, self._is_skipping = [], 0, False
        return Fault.TOO_LARGE if is_long else whole

"""The bytes of a text file as UTF-8 lines, whatever program wrote them.

Here: byte order marks, UTF-16 and UTF-32, the line ends of old Macs. Not here: texts of 8-bit code
pages: nothing says which, so each cell that is no UTF-8 stays unread.
"""

import codecs
import re
from collections.abc import Iterator

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_END = re.compile(rb'"(?:[^"\\]|\\.)*"|\r?\n|\r(?!\Z)', re.DOTALL)
"""What stands in quotes, or the end of a line; the last byte of a piece may be half of one."""


def as_utf8(pieces: Iterator[bytes]) -> Iterator[bytes]:
    r"""The same text in UTF-8, without its mark, with lines that end in `\n`.

    Args:
        pieces: The plain bytes of a file.

    Yields:
        Pieces of about the same size; what is no text in the encoding stays wrong in UTF-8, too.

    Example:
        >>> b"".join(as_utf8(iter(["a\rb".encode("utf-16")])))
        b'a\nb'
    """
    first = next(pieces, b"")
    while len(first) < 4 and (more := next(pieces, b"")):
        first += more
    mark, name = next(
        ((mark, name) for mark, name in _MARKS if first.startswith(mark)), (b"", _unmarked(first))
    )
    whole = _chained(first[len(mark) :], pieces)
    yield from _newlines(whole if name == "utf-8" else _recoded(whole, name))


def _unmarked(first: bytes) -> str:
    """UTF-16 without a mark shows by the zeros beside its first letters."""
    if len(first) > 3 and first[0] and not first[1] and first[2] and not first[3]:
        return "utf-16-le"
    if len(first) > 3 and not first[0] and first[1] and not first[2] and first[3]:
        return "utf-16-be"
    return "utf-8"


def _chained(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from rest


def _recoded(pieces: Iterator[bytes], name: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(name)("surrogatepass")
    for piece in pieces:
        yield decoder.decode(piece).encode("utf-8", "surrogatepass")
    try:
        yield decoder.decode(b"", final=True).encode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        yield b"\xff"


def _newlines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    r"""`\r` alone ends lines where the first line of the file ends so; a cell may hold `\n`."""
    is_mac: bool | None = None
    for piece in pieces:
        if is_mac is None and b"\r" in piece[:-1]:
            end = _first_end(piece)
            is_mac = end == b"\r" if end else None
        elif is_mac is None and b"\n" in piece:
            is_mac = False
        yield piece.replace(b"\r", b"\n") if is_mac else piece


def _first_end(piece: bytes) -> bytes | None:
    return next((found[0] for found in _END.finditer(piece) if found[0][:1] != b'"'), None)

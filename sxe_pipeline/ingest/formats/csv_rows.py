"""The rows of CSV files as people's programs write them.

Here: the dialect of a file (what stands between its cells, where its header is), rows that are
shorter or longer than the header. Not here: bytes (`chunks`), which columns are needed (`mapping`).
"""

import csv
import re
from collections.abc import Iterator, Sequence
from typing import Any

from sxe_pipeline.ingest.faults import Fault
from sxe_pipeline.ingest.formats.chunks import RECORD_LIMIT, lines
from sxe_pipeline.ingest.formats.header import Found, chosen
from sxe_pipeline.ingest.formats.tables import Needs, fault_of
from sxe_pipeline.ingest.paths import UNREAD

_MARKS = ",;\t|"
_HINT = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
_LOOKED_AT = 30
"""Lines in which the header is looked for."""
_LOOKED_AT_SIZE = 1 << 18


class _TooLong(Exception):
    """One CSV record is longer than `RECORD_LIMIT`."""


class _Lines:
    """Text lines for `csv.reader`, with a budget of bytes per record; goes on after an error."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._found = lines(self._watched(pieces))
        self._ahead: list[str | Fault] = []
        self._failure: Exception | None = None
        self._is_whole = True
        self._is_spent = False
        self.size = 0

    def _watched(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self._is_whole = piece.endswith(b"\n")
            yield piece
        self._is_spent = True

    @property
    def is_cut(self) -> bool:
        """Whether the line that was read last is the file's last and does not end as lines do."""
        return self._is_spent and not self._is_whole and not self._ahead

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._ahead.pop(0) if self._ahead else self._line()
        if isinstance(line, Fault):
            raise _TooLong
        self.size += len(line)
        if self.size > RECORD_LIMIT:
            raise _TooLong
        return line

    def _line(self) -> str | Fault:
        if self._failure:
            raise self._failure
        line = next(self._found)
        # Bytes that are no UTF-8 become lone surrogates here and `encoding` in `_row`.
        return line if isinstance(line, Fault) else line.decode("utf-8", "surrogateescape") + "\n"

    def ahead(self) -> list[str]:
        """The first lines as far as they can be read; they are read again afterwards."""
        size = 0
        while len(self._ahead) < _LOOKED_AT and size < _LOOKED_AT_SIZE:
            try:
                self._ahead.append(line := self._line())
            except StopIteration:
                break
            except Exception as why:  # noqa: BLE001 - raised once the lines before it are read
                self._failure = why
                break
            if isinstance(line, Fault):
                break
            size += len(line)
        return [line for line in self._ahead if isinstance(line, str)]

    def skip(self, count: int) -> None:
        """Pass by lines that `ahead` gave."""
        del self._ahead[:count]


def csv_table(pieces: Iterator[bytes], needs: Needs) -> Iterator[dict[str, Any] | Fault]:
    """The rows of a CSV file.

    The header is the first line that names columns somebody needs, else the first that is as wide
    as most. A row that lacks cells at its end says nothing in them; empty cells beyond the header
    are none.

    Args:
        pieces: Its plain bytes, without a byte order mark.
        needs: Which columns have to be decoded.

    Yields:
        A row, or the fault that stands in its place.
    """
    source = _Lines(pieces)
    head = _header(source.ahead(), needs)
    if head is None:
        yield from _headless(source)
        return
    if fault := fault_of(head.names):
        yield fault
        return
    source.skip(head.ends)
    needed = frozenset(needs(head.names))
    reader = csv.reader(source, delimiter=head.mark)
    while True:
        source.size = 0
        try:
            cells = next(reader)
        except StopIteration:
            return
        except _TooLong:
            yield Fault.TOO_LARGE
            reader = csv.reader(source, delimiter=head.mark)
            continue
        except csv.Error as why:
            yield Fault.TOO_LARGE if "field limit" in str(why) else Fault.MALFORMED
            reader = csv.reader(source, delimiter=head.mark)
            continue
        if cells:
            yield _row(head.names, cells, needed, source)


def _headless(source: _Lines) -> Iterator[Fault]:
    try:
        next(source)
    except StopIteration:
        return
    except _TooLong:
        yield Fault.TOO_LARGE
        return
    yield Fault.MALFORMED


def _header(ahead: Sequence[str], needs: Needs) -> Found | None:
    hint = _HINT.fullmatch(ahead[0]) if ahead else None
    marks = hint[1] if hint else sorted(_MARKS, key=ahead[0].count if ahead else None, reverse=True)
    return chosen([list(_records(ahead, 1 if hint else 0, mark)) for mark in marks], needs)


def _records(ahead: Sequence[str], begin: int, mark: str) -> Iterator[Found]:
    reader = csv.reader(ahead[begin:], delimiter=mark)
    try:
        for cells in reader:
            found = Found.of(cells, begin + reader.line_num, mark)
            if found.names:
                yield found
    except csv.Error:
        return


def _row(
    header: list[str], cells: list[str], needed: frozenset[str], source: _Lines
) -> dict[str, Any] | Fault:
    more = len(cells) - len(header)
    if more > 0:
        if any(map(str.strip, cells[len(header) :])):
            return Fault.ROW_TOO_LONG
        del cells[len(header) :]
    elif more < 0 and source.is_cut:
        return Fault.CUT
    try:
        "".join(cells).encode()
    except UnicodeEncodeError:
        pairs = zip(header, cells, strict=False)
        row = {name: _text(cell) if name in needed else None for name, cell in pairs}
    else:
        row = dict(zip(header, cells, strict=False))
    if more < 0:
        row.update(dict.fromkeys(header[more:]))
    return row


def _text(cell: str) -> Any:
    try:
        cell.encode()
    except UnicodeEncodeError:
        return UNREAD
    return cell

"""The rows of CSV files as people's programs write them.

Here: where the header is, rows that are shorter or longer than it, names of rows, quotes that
nobody closes. Not here: bytes (`chunks`), lines (`csv_lines`), cells of one line (`dialect`), which
columns are needed (`mapping`).
"""

import csv
import re
from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import Any

from sxe_pipeline.ingest.faults import Fault
from sxe_pipeline.ingest.formats.csv_lines import Lines, TooLong
from sxe_pipeline.ingest.formats.dialect import Dialect, Fit
from sxe_pipeline.ingest.formats.header import Found, Head, chosen
from sxe_pipeline.ingest.formats.tables import Needs, fault_of
from sxe_pipeline.ingest.paths import UNREAD

_MARKS = ",;\t|^~\x01\x1f"
_HINT = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
_ROW_NAME = re.compile(r"\d{1,7}", re.ASCII)
_LONG_ID = re.compile(r"\d{15,}", re.ASCII)


def csv_table(
    pieces: Iterator[bytes], needs: Needs, header: Needs
) -> Iterator[dict[str, Any] | Fault]:
    """The rows of a CSV file.

    The header is the first line that names columns somebody reads, else the first that is as wide
    as most (`header.chosen`). A row that lacks cells at its end says nothing in them; empty cells
    beyond the header are none where the file writes them throughout.

    Args:
        pieces: Its plain bytes, without a byte order mark.
        needs: Which columns have to be decoded.
        header: Which columns somebody reads.

    Yields:
        A row, or the fault that stands in its place.
    """
    source = Lines(pieces)
    ahead, is_all = source.ahead()
    hint = _HINT.fullmatch(ahead[0]) if ahead else None
    if hint:
        source.skip(1)
        del ahead[0]
    head = _head(ahead, hint[1] if hint else None, header)
    if head is None:
        yield from _headless(source)
        return
    if not head.is_missing:
        if fault := fault_of(head.found.names):
            yield fault
            return
        source.skip(head.found.ends)
        yield from repeat(Fault.ABOVE_HEADER, head.above)
        del ahead[: head.found.ends]
    yield from _Table(source, head, _first_rows(ahead, head.found, is_all=is_all), needs).rows()


def _headless(source: Lines) -> Iterator[Fault]:
    try:
        next(source)
    except StopIteration:
        return
    except TooLong:
        yield Fault.TOO_LARGE
        return
    yield Fault.MALFORMED


def _head(ahead: Sequence[str], hint: str | None, header: Needs) -> Head | None:
    first = ahead[0] if ahead else ""
    marks = hint or sorted(_MARKS, key=first.count, reverse=True)
    quotes = "\"'" if any(line.startswith("'") for line in ahead) else '"'
    dialects = [Dialect(mark, quote) for quote in quotes for mark in marks]
    return chosen([list(_records(ahead, dialect)) for dialect in dialects], header)


def _records(ahead: Sequence[str], dialect: Dialect) -> Iterator[Found]:
    reader = dialect.rows(ahead)
    begin = 0
    try:
        for cells in reader:
            own = dialect
            if len(cells) > 1 and all(cell[:1] == " " for cell in cells[1:]):
                own = Dialect(dialect.mark, dialect.quote, is_spaced=True)
                cells = next(own.rows(ahead[begin : reader.line_num]))
            begin = reader.line_num
            found = Found.of(cells, begin, own)
            if found.names:
                yield found
    except csv.Error:
        return


def _first_rows(ahead: Sequence[str], head: Found, *, is_all: bool) -> list[list[str]]:
    """The rows among the first lines, but for one that may go on behind them."""
    rows: list[list[str]] = []
    try:
        rows.extend(cells for cells in head.dialect.rows(ahead) if cells)
    except csv.Error:
        return rows
    return rows if is_all else rows[:-1]


class _Table:
    """The rows below a header."""

    def __init__(
        self, source: Lines, head: Head, first: Sequence[Sequence[str]], needs: Needs
    ) -> None:
        self._source = source
        self._dialect = head.found.dialect
        self._is_missing = head.is_missing
        self._header = head.found.names
        self._names = list(self._header)
        self._last: list[str] = []
        self._beside = 0
        """Lines beside the record at hand that are refused with it."""
        self._may_trail = head.found.width > len(self._names)
        if not self._may_trail:
            self._learn(first)
        self._needed = frozenset(needs(self._names))

    def _learn(self, first: Sequence[Sequence[str]]) -> None:
        """Whether rows have names of their own, or marks at their ends, by the first rows."""
        count = len(self._names)
        widths = {len(cells) for cells in first}
        if len(widths) != 1 or not (width := widths.pop()) > count:
            return
        is_empty = not any(map(str.strip, (cell for cells in first for cell in cells[count:])))
        names = {cells[0] for cells in first}
        if width == count + 1 and len(names) == len(first) and all(map(_ROW_NAME.fullmatch, names)):
            # Names of rows, as R writes them, or short ids before a mark too many: never a guess.
            is_id = all(_LONG_ID.fullmatch(cells[1]) for cells in first)
            if is_id or (len(first) > 1 and not is_empty):
                self._names = ["", *self._names]
            return
        # A comma in a text that nobody quoted looks like an empty cell at the end, too.
        is_text = any(cell[:1] == " " for cells in first for cell in cells)
        self._may_trail = is_empty and len(first) > 1 and not is_text

    def rows(self) -> Iterator[dict[str, Any] | Fault]:
        """Each row below the header, or the fault that stands in its place."""
        named, name = next(((at, name) for at, name in enumerate(self._header) if name), (0, ""))
        for found in self._found():
            if isinstance(found, Fault):
                yield found
            elif self._is_missing:
                yield Fault.NO_HEADER
            elif len(found) <= named or name not in found[named] or not self._is_header(found):
                row = self._row(found)
                if not isinstance(row, Fault):
                    self._last = found
                yield row

    def _found(self) -> Iterator[list[str] | Fault]:
        """The cells of each row; what is in doubt is settled by `_settled`."""
        source, taken = self._source, self._source.taken
        width, escape = len(self._names), "\\" + self._dialect.quote
        reader = self._dialect.rows(source)
        while True:
            taken.clear()
            found: list[str] | Fault | None
            try:
                found = cells = next(reader)
            except StopIteration:
                return
            except TooLong:
                found, cells = Fault.TOO_LARGE, ()
            except csv.Error as why:
                found = Fault.TOO_LARGE if "field limit" in str(why) else Fault.MALFORMED
                cells = ()
            if not found:
                continue
            is_plain = len(taken) == 1 and len(cells) == width and escape not in str(taken[0])
            if not is_plain or source.is_open:
                found = self._settled(found)
                reader = self._dialect.rows(source)
                yield from repeat(Fault.OPEN_QUOTE, self._beside)
                self._beside = 0
            if found is not None:
                yield found

    def _is_header(self, cells: Sequence[str]) -> bool:
        """Whether a row is the header once more, as where files were joined."""
        return Found.of(cells, 0).names == self._header

    def _settled(self, found: list[str] | Fault) -> list[str] | Fault | None:
        """A record whose quotes may be in doubt; None where it is read again."""
        source = self._source
        first, *rest = source.taken
        if isinstance(first, Fault):
            return found
        if not self._dialect.escapes and self._escapes(first):
            self._dialect = Dialect(
                self._dialect.mark, self._dialect.quote, self._dialect.is_spaced, escapes=True
            )
            source.back([first, *rest])
            return None
        last = self._last or self._dialect.cells(first)[:-1]
        is_whole = self._is_whole(found, [first, *rest])
        if is_whole and not self._is_full([first, *rest]):
            return found
        taken_in = [self._is_row(line, last) for line in rest]
        if is_whole and any(taken_in) and not any(map(str.isdigit, last)):
            # Nothing tells a text of many lines from people whom a quote took in.
            self._beside = len(rest)
            return Fault.OPEN_QUOTE
        if source.is_open or any(taken_in):
            own = next((at for at, is_row in enumerate(taken_in) if is_row is not None), len(rest))
            source.back(rest[own:])
            return (None if own else self._unquoted(first)) or Fault.OPEN_QUOTE
        if isinstance(found, Fault) or rest or len(found) == len(self._names):
            return found
        is_quoted = self._dialect.quote in first
        is_broken = is_quoted and self._dialect.fit([first], ()) is Fit.BROKEN
        return self._unquoted(first) or (Fault.OPEN_QUOTE if is_broken else found)

    def _is_whole(self, found: list[str] | Fault, lines: Sequence[str | Fault]) -> bool:
        """Whether a row over some lines is written as it should be."""
        if isinstance(found, Fault) or self._source.is_open or self._is_too_long(found):
            return False
        texts = [line for line in lines if isinstance(line, str)]
        is_complete = len(found) >= len(self._names)
        return is_complete and self._dialect.fit(texts, (len(found),)) is Fit.WHOLE

    def _is_full(self, lines: Sequence[str | Fault]) -> bool:
        """Whether each line has the marks of a row of its own."""
        marks, mark = len(self._names) - 1, self._dialect.mark
        return all(isinstance(line, str) and line.count(mark) >= marks for line in lines)

    def _is_too_long(self, cells: Sequence[str]) -> bool:
        """Whether cells beyond the header are more than marks at the end, as the file has them."""
        beyond = cells[len(self._names) :]
        return bool(beyond) and (not self._may_trail or any(map(str.strip, beyond)))

    def _escapes(self, line: str) -> bool:
        r"""Whether a line writes a quote as `\"`: only so it can be read."""
        dialect = self._dialect
        if "\\" + dialect.quote not in line:
            return False
        widths = (len(self._names), len(self._last))
        plain = dialect.fit([line], widths)
        escaped = Dialect(dialect.mark, dialect.quote, dialect.is_spaced, escapes=True).fit(
            [line], widths
        )
        return escaped > plain and (escaped is Fit.WHOLE or plain is Fit.BROKEN)

    def _unquoted(self, line: str) -> list[str] | None:
        """The cells where a quote is a letter, as most programs write tabs; None if none fit."""
        if self._dialect.mark != "\t":
            return None
        cells = self._dialect.unquoted(line)
        return cells if len(cells) == len(self._names) else None

    def _is_row(self, line: str | Fault, last: Sequence[str]) -> bool | None:
        """Whether a line that a quote took in is a row, given the cells of one before it.

        Numbers stand where they stood; a text with as many marks has blanks behind them.

        Returns:
            None where it is no more than text; false where it is too long for either.
        """
        if isinstance(line, Fault):
            return False
        cells = self._dialect.cells(line)
        width = len(self._names)
        # A row may open a quote that nobody closes, too: then all its marks count.
        marked = max(len(cells), line.count(self._dialect.mark) + 1)
        if marked >= max(2, min(len(last), width)):
            pairs = [(was, now) for was, now in zip(last, cells, strict=False) if was.isdigit()]
            if pairs:
                alike = [2 * len(now) >= len(was) for was, now in pairs if now.isdigit()]
                is_row = all(now.isdigit() or not now for _, now in pairs) and (
                    2 * sum(alike) >= len(pairs)
                )
            else:
                is_row = marked >= width >= len(cells) and not any(
                    cell[:1] == " " for cell in cells
                )
            if is_row:
                return True
        return False if len(cells) > width else None

    def _row(self, cells: list[str]) -> dict[str, Any] | Fault:
        names, needed = self._names, self._needed
        more = len(cells) - len(names)
        if more > 0:
            if self._is_too_long(cells):
                return Fault.ROW_TOO_LONG
            del cells[len(names) :]
        elif more < 0 and self._source.is_cut:
            return Fault.CUT
        try:
            "".join(cells).encode()
        except UnicodeEncodeError:
            pairs = zip(names, cells, strict=False)
            row = {name: _text(cell) if name in needed else None for name, cell in pairs}
        else:
            row = dict(zip(names, cells, strict=False))
        if more < 0:
            row.update(dict.fromkeys(names[more:]))
        return row


def _text(cell: str) -> Any:
    try:
        cell.encode()
    except UnicodeEncodeError:
        return UNREAD
    return cell

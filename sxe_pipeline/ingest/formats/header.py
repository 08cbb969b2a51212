"""Where the header of a table is, among what people and programs write above it.

Here: titles, notes, rows of group names, empty lines; tables that have no header. Not here: cells
(`csv_rows`, `sheets`).
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from sxe_pipeline.ingest.formats.dialect import Dialect
from sxe_pipeline.ingest.formats.tables import Needs
from sxe_pipeline.ingest.nest import steps_of
from sxe_pipeline.ingest.propose import names_a_column

_COMPARED = 200
"""Cells of a row that are compared with what is known."""
_VALUE = re.compile(r"\d{15}|https?://|@", re.IGNORECASE)
"""An account's id, a link, a handle or an address: no column is named like one."""
_LONG_ID = re.compile(r"\d{15,}", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d[\d.,']*\s?[KMkm%]?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Found:
    """A row as if it were the header: its names, how many lines it and all before it take.

    `width` counts its cells with the empty ones at its end.
    """

    names: list[str]
    ends: int
    width: int
    dialect: Dialect = field(default_factory=Dialect)

    @classmethod
    def of(cls, cells: Sequence[str], ends: int, dialect: Dialect | None = None) -> "Found":
        """From cells as they stand: trimmed, without empty ones at the end."""
        names = [cell.strip().strip("\ufeff").strip() for cell in cells]
        while names and not names[-1]:
            names.pop()
        return cls(names, ends, len(cells), dialect or Dialect())


@dataclass(frozen=True, slots=True)
class Head:
    """How a table begins: the row that names its columns.

    `above`: rows before it that may be records, none of which is passed by in silence.
    `is_missing`: no row names the columns, `found` is one of the records.
    """

    found: Found
    above: int = 0
    is_missing: bool = False


def chosen(readings: Sequence[Sequence[Found]], needs: Needs) -> Head | None:
    """How a table begins: the first row that names columns somebody needs is its header.

    Where nobody needs any, the first as wide as most that says what stands in columns; one that
    holds values or says nothing of the kind is a record. Only a header that somebody needs passes
    by what stands above it, and no row of values even then.

    Args:
        readings: The first rows, once for each way to cut lines into cells.
        needs: Which columns somebody reads.

    Returns:
        None where there is no row at all.
    """
    known = [
        (found.ends, -hits, at, found)
        for at, rows in enumerate(readings)
        for found in rows
        if (hits := _hits(found.names, needs)) > 1
    ]
    if known:
        _, _, at, found = min(known, key=lambda each: each[:3])
        before = [row for row in readings[at] if row.ends < found.ends]
        return Head(found, sum(1 for row in before if _is_record(row, found)))
    filled = [rows for rows in readings if rows]
    if not filled:
        return None
    first = max(filled, key=lambda rows: _hits(rows[0].names, needs))
    rows, found = (first, first[0]) if _hits(first[0].names, needs) else _widest(filled)
    is_known = _hits(found.names, needs) > 0
    if _holds_values(found.names) or not (is_known or _is_plausible(found.names)):
        return Head(found, is_missing=True)
    before = [row for row in rows if row.ends < found.ends]
    if is_known:
        before = [row for row in before if _is_record(row, found)]
    return Head(found, len(before))


def _hits(names: Sequence[str], needs: Needs) -> int:
    """How many names somebody needs; joined ones by their first step: addresses are joined, too."""
    return sum(1 for name in names[:_COMPARED] if not name.isdigit() and needs(steps_of(name)[:1]))


def _widest(readings: Sequence[Sequence[Found]]) -> tuple[Sequence[Found], Found]:
    """The first row as wide as most, in the reading with the most of them.

    A reading is one where at least half of the rows have several cells.
    """
    best: tuple[int, int] = (0, 0)
    rows = max(readings, key=len)
    found = rows[0]
    for each in readings:
        wide = [len(row.names) for row in each if len(row.names) > 1]
        width, count = max(Counter(wide).items(), key=lambda item: item[::-1], default=(0, 0))
        if 2 * len(wide) >= len(each) and (count, width) > best:
            best = (count, width)
            rows, found = each, next(row for row in each if len(row.names) >= width)
    return rows, found


def _is_record(row: Found, header: Found) -> bool:
    """Whether a row above the header may be a record: titles and notes fill fewer columns."""
    is_full = 2 * len(row.names) > len(header.names)
    return any(map(_LONG_ID.fullmatch, row.names)) or (is_full and _holds_values(row.names))


def _is_plausible(names: Sequence[str]) -> bool:
    """Whether some of the cells say what stands in a column: no person is made of such words.

    One cell alone may be a title or a note as well.
    """
    names = [name for name in names[:_COMPARED] if name]
    return len(names) < 2 or 3 * sum(map(names_a_column, names)) >= len(names)


def _holds_values(names: Sequence[str]) -> bool:
    """Whether cells hold what no column is named: an id, a link, a handle, a number.

    Numbers that count on are names: of columns without any other, of years.

    Example:
        >>> _holds_values(["ann.made", "Ann", "5"]), _holds_values(["creator", "2019", "2020"])
        (True, False)
    """
    names = names[:_COMPARED]
    if any(map(_VALUE.search, names)):
        return True
    numbers = [name for name in names if _NUMBER.fullmatch(name)]
    if not all(map(str.isdecimal, numbers)):
        return True
    order = list(map(int, numbers))
    return bool(order) and order != list(range(order[0], order[0] + max(2, len(order))))

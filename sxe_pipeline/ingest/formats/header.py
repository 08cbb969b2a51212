"""Where the header of a table is, among what people and programs write above it.

Here: titles, notes, rows of group names, empty lines. Not here: cells (`csv_rows`, `sheets`).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sxe_pipeline.ingest.formats.tables import Needs
from sxe_pipeline.ingest.nest import steps_of

_COMPARED = 200
"""Cells of a row that are compared with what is known."""


@dataclass(frozen=True, slots=True)
class Found:
    """A row as if it were the header: its names, how many lines it and all before it take."""

    names: list[str]
    ends: int
    mark: str = ""

    @classmethod
    def of(cls, cells: Sequence[str], ends: int, mark: str = "") -> "Found":
        """From cells as they stand: trimmed, without empty ones at the end."""
        names = [cell.strip().strip("\ufeff").strip() for cell in cells]
        while names and not names[-1]:
            names.pop()
        return cls(names, ends, mark)


def chosen(readings: Sequence[Sequence[Found]], needs: Needs) -> Found | None:
    """The header: the first row that names columns somebody needs, else the first as wide as most.

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
        return min(known, key=lambda each: each[:3])[3]
    return _widest([rows for rows in readings if rows])


def _hits(names: Sequence[str], needs: Needs) -> int:
    """How many names somebody needs; joined ones by their first step: addresses are joined, too."""
    return sum(1 for name in names[:_COMPARED] if not name.isdigit() and needs(steps_of(name)[:1]))


def _widest(readings: Sequence[Sequence[Found]]) -> Found | None:
    best: tuple[int, int] = (0, 0)
    found: Found | None = None
    for rows in readings:
        widths = Counter(len(row.names) for row in rows if len(row.names) > 1)
        width, count = max(widths.items(), key=lambda item: item[::-1], default=(0, 0))
        if found is None or (count, width) > best:
            best = (count, width)
            found = next((row for row in rows if len(row.names) >= width), rows[0])
    return found

"""Workbooks (.xlsx): the rows of all their sheets, one sheet after the other.

Here: cells as values, where a sheet's header is, numbers that a spreadsheet rounds. Formulas are
what the program last computed, never evaluated. Not here: which columns are needed (`mapping`).

The library streams rows; a reader that lays a sheet out in memory is brought down by one cell in
the last column of the last row.
"""

import warnings
import zipfile
from collections.abc import Iterator
from itertools import repeat
from typing import Any, BinaryIO

from sxe_pipeline.ingest.faults import Fault
from sxe_pipeline.ingest.formats.header import Found, chosen
from sxe_pipeline.ingest.formats.tables import Needs, fault_of
from sxe_pipeline.ingest.paths import UNREAD
from sxe_pipeline.ingest.plain import SPREADSHEET_ERRORS, Rounded

_WIDEST = 16_384
_LONGEST = 1 << 20
"""Columns and rows that a sheet can have."""
_LOOKED_AT = 30
_DIGITS = 10**15
"""From here on a spreadsheet keeps 15 digits only."""


def is_workbook(archive: zipfile.ZipFile) -> bool:
    """Whether an archive is a workbook."""
    names = set(archive.namelist())
    return "[Content_Types].xml" in names and any(name.startswith("xl/") for name in names)


def rows(
    archive: zipfile.ZipFile, whole: BinaryIO, header: Needs, limit: int
) -> Iterator[dict[str, Any] | Fault]:
    """The rows of a workbook.

    Args:
        archive: The workbook as an archive.
        whole: Its bytes.
        header: Which columns somebody reads.
        limit: Bytes that it may unpack to.

    Yields:
        A row, or the fault that ends the workbook or a sheet.
    """
    import openpyxl

    if sum(member.file_size for member in archive.infolist()) > limit:
        yield Fault.BOMB
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        book = openpyxl.load_workbook(whole, read_only=True, data_only=True, keep_links=False)
        try:
            for sheet in book.worksheets:
                yield from _sheet(sheet, header)
        finally:
            book.close()


def _sheet(sheet: Any, header: Needs) -> Iterator[dict[str, Any] | Fault]:
    first = []
    for number, cells in enumerate(sheet.iter_rows(max_col=_WIDEST, values_only=True), start=1):
        first.append(Found.of(list(map(_as_name, cells)), number))
        if number == _LOOKED_AT:
            break
    head = chosen([[found for found in first if found.names]], header)
    if head is None:
        return
    names = head.found.names
    if not head.is_missing and (fault := fault_of(names)):
        yield fault
        return
    yield from repeat(Fault.ABOVE_HEADER, head.above)
    ends = 0 if head.is_missing else head.found.ends
    found = sheet.iter_rows(max_col=len(names), values_only=True)
    for number, cells in enumerate(found, start=1):
        if number > _LONGEST:
            yield Fault.MALFORMED
            return
        if number <= ends or all(cell is None for cell in cells):
            continue
        if head.is_missing:
            yield Fault.NO_HEADER
        elif cells[0] != names[0] or Found.of(list(map(_as_name, cells)), 0).names != names:
            yield dict(zip(names, map(_value, cells), strict=False))


def _as_name(cell: Any) -> str:
    return cell if type(cell) is str else "" if cell is None else str(cell)


def _value(cell: Any) -> Any:
    kind = type(cell)
    if kind is str:
        return UNREAD if cell in SPREADSHEET_ERRORS else cell
    if kind is float and cell.is_integer():
        cell, kind = int(cell), int
    if kind is int and abs(cell) >= _DIGITS and int(float(cell)) == cell:
        return Rounded(cell)
    return cell

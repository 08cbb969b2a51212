"""Archives (.zip): the records of their members, one after the other, by name.

Here: which members are data, and the bounds of what they unpack to. Nothing is ever written to a
place that a member names. Not here: workbooks (`sheets`), what a member holds (`records`).
"""

import zipfile
from collections.abc import Callable, Iterator
from typing import Any

from sxe_pipeline.ingest import naming
from sxe_pipeline.ingest.faults import Fault
from sxe_pipeline.ingest.formats import sheets, tables
from sxe_pipeline.ingest.formats.spool import spooled

MEMBER_LIMIT = 10_000
PLAIN_LIMIT = 256 << 20
"""Bytes that any archive may unpack to, however small it is."""
RATIO_LIMIT = 200
"""Bytes that a larger one may unpack to for each of its own; text packs 5 to 30 times smaller."""

Reader = Callable[..., Iterator[Any]]


def members(pieces: Iterator[bytes], header: tables.Needs, read: Reader) -> Iterator[Any]:
    """The records of all members that are data, in the order of their names.

    Args:
        pieces: The bytes of the archive.
        header: Which columns speak for a line as the header of a workbook's table.
        read: `(stream, name, is_member=True)` -> the records of one member.

    Yields:
        Records, and a fault for each member that cannot be read; its neighbours are.

    Raises:
        StoreUnavailable: The folder for temporary files is full.
    """
    with spooled(pieces) as whole:
        try:
            archive = zipfile.ZipFile(whole)
        except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
            yield Fault.CUT
            return
        whole.seek(0, 2)
        budget = _Budget(max(PLAIN_LIMIT, RATIO_LIMIT * whole.tell()))
        with archive:
            if sheets.is_workbook(archive):
                yield from sheets.rows(archive, whole, header, budget.left)
                return
            yield from _each(archive, budget, read)


def _each(archive: zipfile.ZipFile, budget: "_Budget", read: Reader) -> Iterator[Any]:
    found = sorted(archive.infolist(), key=lambda member: member.filename)
    count = 0
    for member in found:
        parts = member.filename.replace("\\", "/").split("/")
        if member.is_dir() or not naming.is_data([part for part in parts if part != ".."]):
            continue
        count += 1
        if count > MEMBER_LIMIT or budget.left <= 0:
            yield Fault.BOMB
            return
        if ".." in parts or not parts[0] or ":" in parts[0]:
            yield Fault.OUTSIDE
        elif member.flag_bits & 0x1:
            yield Fault.LOCKED_MEMBER
        else:
            yield from _one(archive, member, budget, read)
    if not count:
        yield Fault.NO_MEMBER


def _one(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, budget: "_Budget", read: Reader
) -> Iterator[Any]:
    try:
        stream = archive.open(member)
    except Exception:  # noqa: BLE001 - a broken entry, a method nobody knows, a password
        yield Fault.MALFORMED
        return
    with stream:
        yield from read(_Bounded(stream, budget), member.filename, is_member=True)
    if budget.left <= 0:
        yield Fault.BOMB


class _Budget:
    """Bytes that may still be unpacked."""

    def __init__(self, left: int) -> None:
        self.left = left


class _Bounded:
    """A member that ends where the budget does."""

    def __init__(self, stream: Any, budget: _Budget) -> None:
        self._stream = stream
        self._budget = budget

    def read(self, size: int = -1) -> bytes:
        if self._budget.left <= 0:
            return b""
        piece: bytes = self._stream.read(size)
        self._budget.left -= len(piece)
        return piece

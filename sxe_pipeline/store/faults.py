"""What a foreign exception means for whoever runs the engine.

Here: a full disk and a database that went away, known by their codes, whichever driver or library
says so, and however deep it stands in a chain. Not here: what a store of ours says by itself
(`objects`, `tables`). No text of the exception is passed on: it may quote a row.
"""

import errno
from collections.abc import Iterator
from pathlib import Path

from sxe_pipeline.errors import StoreUnavailable

_DATABASE_FULL = "53100"
_LOST = {
    (driver, kind)
    for driver in ("psycopg", "psycopg2")
    for kind in ("OperationalError", "InterfaceError")
}
"""By name: no driver is loaded to ask whether one failed."""

_FULL_TEXT = ("No space left on device", "Disk quota exceeded")


def said_of(error: BaseException, folder: str = "") -> StoreUnavailable | None:
    """The error in words of ours, where it is one of these.

    Args:
        error: Of a driver, of SQLAlchemy, of the system, of DuckDB.
        folder: Which disks may be meant where the error does not say.

    Returns:
        None: It is something else.
    """
    chain = list(_chain(error))
    if any(_state(each) == _DATABASE_FULL for each in chain):
        return StoreUnavailable(
            "the disk of the database is full; what was committed stays: make room there, then "
            "run it again"
        )
    for each in chain:
        if is_full(each):
            named = getattr(each, "filename", None)
            where = f"that holds {Path(str(named)).parent}" if named else folder or _ANY
            return StoreUnavailable(
                f"the disk {where} is full; what was committed stays: make room there, then run "
                "it again"
            )
    if any(_is_lost(each) for each in chain):
        return StoreUnavailable("the database went away; run it again, what was committed stays")
    return None


_ANY = "of the home, of a store or of temporary files"


def is_full(error: BaseException) -> bool:
    """Whether a disk of this machine has no room left, whoever tells it."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    return any(text in str(error) for text in _FULL_TEXT)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what caused it: SQLAlchemy keeps the driver's as `orig`."""
    seen: set[int] = set()
    left: list[BaseException | None] = [error]
    while left:
        each = left.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        left += [getattr(each, "orig", None), each.__cause__]


def _state(error: BaseException) -> str | None:
    """The SQLSTATE, as psycopg or psycopg2 names it."""
    return getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)


def _is_lost(error: BaseException) -> bool:
    kinds = {(kind.__module__.partition(".")[0], kind.__name__) for kind in type(error).__mro__}
    return bool(kinds & _LOST)

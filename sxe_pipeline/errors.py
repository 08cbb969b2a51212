"""Every way this engine can fail.

* SxeError
  x Terminal      another try cannot help
    - BadConfig         a setting is missing or wrong                    exit 3
    - NotFound          the thing asked for does not exist               exit 4
    - Refused           policy, tier or grant says no                    exit 5
    - ContractBroken    data does not meet its contract or schema        exit 6
    - Leak              contact data where none may be                   exit 6
    - LandingGone       a registered landing file is no longer there     exit 4
    - Conflict          something else stands already, and stays         exit 5
    - BadInput          what was handed in cannot be used                exit 2
    - Tampered          a signature, hash or audit record does not hold  exit 1
    - Frozen            the newest word of the sender has run out        exit 10
    - ActFailed         a function over rows has a fault                 exit 1
  x Transient     another try may help and costs nothing
    - StoreUnavailable  database or object store cannot be reached       exit 7
    - Busy              somebody else holds the lock                     exit 8
    - WorkerLost        a process that computes died                     exit 7

A message says what, how many, and what to do next. It never holds a value from a profile or a
contact: the texts end up in logs and in Dagster's event log, which every tier can read.

What a foreign exception means (`said_of`) is known by its code, whichever driver or library says
so and however deep it stands in a chain: a full disk, too little memory, a database that went away.
None of its text is passed on: it may quote a row.
"""

import errno
from collections.abc import Iterator
from pathlib import Path


class SxeError(Exception):
    """Base of all errors; `exit_code` is what the command line ends with."""

    exit_code = 1


class Terminal(SxeError):
    """Another try cannot help."""


class Transient(SxeError):
    """Another try may help and costs nothing."""


class BadInput(Terminal):
    """What was handed in cannot be used."""

    exit_code = 2


class BadConfig(Terminal):
    """A setting is missing or wrong."""

    exit_code = 3


class NotFound(Terminal):
    """The thing asked for does not exist."""

    exit_code = 4


class LandingGone(NotFound):
    """A registered landing file is no longer in the landing store."""


class Refused(Terminal):
    """Policy, tier separation or a database grant says no."""

    exit_code = 5


class Conflict(Terminal):
    """Something else stands under that name already, and does not change."""

    exit_code = 5


class ContractBroken(Terminal):
    """Data does not meet its contract."""

    exit_code = 6


class Leak(Terminal):
    """Contact data was found where none may be stored."""

    exit_code = 6


class Tampered(Terminal):
    """A signature, a hash or an audit record does not hold."""

    exit_code = 1


class Frozen(Terminal):
    """The newest word of the sender has run out: there may be a newer one that is held back."""

    exit_code = 10


class ActFailed(Terminal):
    """A function over rows failed in a way that it does not know."""


class StoreUnavailable(Transient):
    """A database or an object store cannot be reached."""

    exit_code = 7


class Busy(Transient):
    """Somebody else holds the lock."""

    exit_code = 8


class WorkerLost(Transient):
    """A process that computes died, for want of memory or by a signal."""

    exit_code = 7


_DATABASE_FULL = "53100"
_LOST = {
    (driver, kind)
    for driver in ("psycopg", "psycopg2")
    for kind in ("OperationalError", "InterfaceError")
}
"""By name: no driver is loaded to ask whether one failed."""

_FULL_TEXT = ("No space left on device", "Disk quota exceeded", "max_temp_directory_size")
"""What DuckDB spills may take most of what was free; it names that setting where no more is."""


_SHORT_TEXT = "Out of Memory Error: "


def said_of(error: BaseException, folder: str = "") -> StoreUnavailable | BadConfig | None:
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
    if any(_SHORT_TEXT in str(each) for each in chain):
        return BadConfig(
            "a query needs more memory than DuckDB may hold here; what was committed stays: set "
            "SXE_MEMORY_LIMIT_MB higher, and give the container two and a half times of it"
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

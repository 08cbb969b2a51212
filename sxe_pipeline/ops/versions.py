"""Which version of a table counts, what it was made from, and what was found in it.

Here: naming a version with its inputs, whether a table is still that of its inputs, and verdicts.
Not here: writing a table (`store.tables`), clearing away old versions (`retention`).
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path

import psycopg

from sxe_pipeline.errors import NotFound, Refused
from sxe_pipeline.store import functions
from sxe_pipeline.store.snapshot import Snapshot

_PACKAGE = Path(__file__).parents[1]

Recheck = Callable[[psycopg.Connection], None]
"""Makes sure that the writer may still write: `RunLease.recheck`."""


def unleased(conn: psycopg.Connection) -> None:
    """For a writer that no run stands behind."""


def name(
    conn: psycopg.Connection,
    table: str,
    version: int,
    *,
    inputs: str,
    event: str,
    recheck: Recheck = unleased,
    numbers: Mapping[str, int] | None = None,
    due_on: date | None = None,
    made_from: Mapping[str, Snapshot] | None = None,
    rest: str = "",
) -> None:
    """Make a version the one that readers open, when the caller's transaction commits.

    The version that is named already may be named again: its rows are the same, of newer inputs.

    Args:
        conn: The writing transaction; it holds `tables.lock`.
        table: Such as 'social/profiles'.
        version: As `tables.write` answered.
        inputs: A digest of everything it was made from.
        event: What was written, as `audit.record` gives it; of a kind of this table.
        recheck: Refuses where another run took over.
        numbers: What a run that finds it unchanged shows; `rows` are those of the whole table.
        due_on: The landed day from which on it is made anew from the same inputs.
        made_from: The versions of other tables that were read: `basis` answers them next time.
        rest: A digest of all else that it was made from.
    """
    recheck(conn)
    shown = dict(numbers or {})
    read = {name: snapshot.version for name, snapshot in (made_from or {}).items()}
    functions.call_function(
        conn, "ops.name_version", table, version, inputs, due_on, shown, read, rest, event
    )


def basis(conn: psycopg.Connection, root: str, table: str, rest: str) -> dict[str, Snapshot] | None:
    """The versions that the named version of a table was made from.

    What differs between them and those that are named now is all that the next version differs by.

    Args:
        conn: The writing transaction; it holds `tables.lock`.
        root: URL of the table store.
        table: Such as 'social/profiles'.
        rest: A digest of all else that it is to be made from.

    Returns:
        Table -> version; None where it must be made whole: it was never named, all else is not what
        it was, or the store does not hold one of these versions any more.
    """
    row = conn.execute(
        "select made_from, rest, not exists (select from jsonb_each_text(made_from) as read "
        "where not exists (select from ops.version held where held.table_name = read.key "
        "and held.version = read.value::bigint and held.dropping_since is null)) "
        "from ops.version where table_name = %s and superseded_at is null",
        [table],
    ).fetchone()
    # A version that upkeep drops may still be opened, without its files.
    if row is None or not row[0] or not rest or row[1] != rest or not row[2]:
        return None
    try:
        return {name: Snapshot(name, version, root) for name, version in row[0].items()}
    except NotFound:
        return None


def name_compacted(
    conn: psycopg.Connection,
    table: str,
    version: int,
    *,
    now: datetime,
    event: str,
    recheck: Recheck = unleased,
) -> None:
    """Make a version that holds the named one's rows in other files the one that readers open.

    What is made from the table stays current, and what guards found stays found.

    Args:
        conn: The writing transaction; it holds `tables.lock`.
        table: Such as 'social/observations'.
        version: As `store.upkeep.compact` answered.
        now: From then on at the earliest the other version is old.
        event: `table.compacted`, as `audit.record` gives it.
        recheck: Refuses where another run took over.
    """
    recheck(conn)
    functions.call_function(conn, "ops.name_compacted", table, version, now, event)


@dataclass(frozen=True)
class Named:
    """The version of a table that counts.

    `rows_version` first held its rows: another one than `version` after a compaction. What is made
    from the table depends on that one.
    """

    version: int
    inputs: str
    due_on: date | None
    numbers: Mapping[str, int]
    rows_version: int


def named(conn: psycopg.Connection, table: str) -> Named | None:
    """The version that readers open; None where the table was never written."""
    row = conn.execute(
        "select version, inputs, due_on, numbers, coalesce(rows_version, version) from ops.version "
        "where table_name = %s and superseded_at is null",
        [table],
    ).fetchone()
    return Named(*row) if row else None


def stored(conn: psycopg.Connection) -> dict[str, int]:
    """The version that readers open of every table that lies in the Tier 1 store."""
    return dict(
        conn.execute(
            # Candidates are rows of the gate; their versions only count them.
            "select table_name, version from ops.version where superseded_at is null "
            "and table_name <> 'cards/enrichment_candidates' order by table_name"
        ).fetchall()
    )


def is_current(found: Named | None, inputs: str, newest_day: date | None = None) -> bool:
    """Whether a table need not be made anew: the same inputs, and no day that changes it came."""
    if found is None or found.inputs != inputs:
        return False
    return found.due_on is None or newest_day is None or newest_day < found.due_on


def digest(**inputs: object) -> str:
    """The digest of what a table is made from: names and texts of what each input is now.

    Example:
        >>> digest(profiles=3, code="ab") == digest(code="ab", profiles=3) != digest(profiles=4)
        True
    """
    lines = "\n".join(f"{name}={inputs[name]}" for name in sorted(inputs))
    return hashlib.sha256(lines.encode()).hexdigest()


@cache
def code(*rooms: str) -> str:
    """The digest of the sources of some rooms: what is computed changes with the code.

    Args:
        rooms: Folders or modules of the package, such as 'cards' or 'schema/tables.py'.
    """
    whole = hashlib.sha256()
    for room in sorted(rooms):
        at = _PACKAGE / room
        for file in [at] if at.is_file() else sorted(at.rglob("*")):
            if not file.is_file() or file.suffix == ".pyc":
                continue
            whole.update(f"{file.relative_to(_PACKAGE).as_posix()}\n".encode())
            whole.update(file.read_bytes())
    return whole.hexdigest()


@dataclass(frozen=True)
class Verdict:
    """What a guard found in one version of a table."""

    is_passed: bool
    numbers: Mapping[str, int]


def verdict(
    conn: psycopg.Connection,
    table: str,
    version: int,
    guard: str,
    judge: Callable[[], Verdict],
    *,
    is_due: bool = False,
) -> Verdict:
    """What a guard says of a version: found once, then a row that stays; red, it stays for ever.

    Args:
        conn: The social tier's login.
        table: Such as 'cards/lead_cards'.
        version: A named one.
        guard: Such as 'no_contact_data'.
        judge: Looks; not called where the row is there.
        is_due: Whether to look again although the row is there and green.
    """
    row = conn.execute(
        "select is_passed, numbers from ops.verdict "
        "where table_name = %s and version = %s and verdict = %s",
        [table, version, guard],
    ).fetchone()
    if row and not (is_due and row[0]):
        return Verdict(*row)
    found = judge()
    functions.call_function(
        conn, "ops.judge", table, version, guard, found.is_passed, dict(found.numbers)
    )
    return found


def require(found: Verdict, table: str, guard: str) -> None:
    """Refuse to go on with a version that a guard did not pass.

    Raises:
        Refused: It did not.
    """
    if not found.is_passed:
        raise Refused(
            f"{guard} does not hold for {table}, so nothing of it leaves; mend what it counts "
            "(the check in the UI shows the numbers), then build again"
        )

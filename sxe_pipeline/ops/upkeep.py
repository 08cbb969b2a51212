"""A store that does not swell: tables are compacted, and what nobody reads any more is deleted.

Here: which versions are still read, the named version after a compaction, and the audit events
around what Postgres cannot take back. Not here: what Delta is told (`store.upkeep`), rows that are
too old (`retention`).

A version stays for whoever reads it: the named one, and one that was named less than the grace ago.
A killed upkeep loses nothing. Before the compacted version is named it is an orphan, which the next
one puts aside; after it the versions to drop are marked, and the next one drops them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg

from sxe_pipeline import audit
from sxe_pipeline.errors import SxeError
from sxe_pipeline.ops import versions
from sxe_pipeline.schema.lead_card import LEAD_CARD
from sxe_pipeline.schema.tables import LANDED_ROW, TABLES
from sxe_pipeline.store import functions, sql, tables, upkeep

_STILL_WRITTEN = timedelta(days=1)
"""A file that was touched within this may have a writer that lives."""

DELTA_TABLES = frozenset({t.name for t in TABLES if t is not LANDED_ROW} | {LEAD_CARD.name})
"""What lies in the store; another named version only counts rows of the gate."""

ASSET = "ops/tables_kept"


@dataclass(frozen=True)
class Kept:
    """What one table takes, and what was done about it.

    Attributes:
        table: Its name.
        live_bytes: The files of its named version.
        disk_bytes: Everything below its folder, afterwards.
        freed_bytes: How much less that is than before.
        dropped_versions: How many versions nobody can read any more.
        deleted_files: How many files went.
        is_compacted: Whether small files were put together.
    """

    table: str
    live_bytes: int
    disk_bytes: int
    freed_bytes: int = 0
    dropped_versions: int = 0
    deleted_files: int = 0
    is_compacted: bool = False

    @property
    def is_new(self) -> bool:
        """Whether anything was done."""
        return bool(self.is_compacted or self.dropped_versions or self.deleted_files)


def keep_tables(
    conn: psycopg.Connection,
    root: str,
    *,
    actor: str,
    grace_s: float,
    recheck: versions.Recheck = versions.unleased,
    now: datetime | None = None,
) -> list[Kept]:
    """Keep every table that was ever named; one that fails does not hold up the others.

    Args:
        conn: The social tier's login, outside of a transaction.
        root: URL of the table store.
        actor: Who started it.
        grace_s: How long a version that is not named any more stays, in seconds.
        recheck: Refuses where another run took over.
        now: The database's time by default.

    Returns:
        The tables of the store, by name.

    Raises:
        NotFound: The store lost a named version.
        StoreUnavailable: The store failed.
    """
    with conn.transaction():
        found = conn.execute("select distinct table_name from ops.version order by 1").fetchall()
        names = [name for (name,) in found]
        until = (now or sql.now(conn)) - timedelta(seconds=grace_s)
        functions.call_function(conn, "ops.drop_counted", until)
    kept, failed = [], []
    for name in names:
        if name in DELTA_TABLES:
            try:
                kept.append(
                    keep_table(
                        conn, root, name, actor=actor, grace_s=grace_s, recheck=recheck, now=now
                    )
                )
            except SxeError as error:
                failed.append(error)
    if failed:
        raise failed[0]
    return kept


def keep_table(
    conn: psycopg.Connection,
    root: str,
    name: str,
    *,
    actor: str,
    grace_s: float,
    recheck: versions.Recheck = versions.unleased,
    now: datetime | None = None,
) -> Kept:
    """Compact a table and name the result, then drop the versions that nobody reads any more.

    Each half is a transaction under the table's lock: the first commits before anything is deleted.
    Where nothing is to be done there is no new version and no event.

    Args:
        conn: The social tier's login, outside of a transaction.
        root: URL of the table store.
        name: A table with a named version.
        actor: Who started it.
        grace_s: How long a version that is not named any more stays, in seconds.
        recheck: Refuses where another run took over.
        now: The database's time by default.

    Raises:
        NotFound: The store lost the named version; `sxe recover` builds it anew.
        StoreUnavailable: The store failed.
    """
    with conn.transaction():
        tables.lock(conn, name)
        moment = now or sql.now(conn)
        named = versions.named(conn, name)
        if named is None:
            return Kept(name, 0, 0)
        upkeep.drop_half_written(root, name, moment - _STILL_WRITTEN)
        before = upkeep.space(root, name, named.version)
        compacted = upkeep.compact(root, name, named.version)
        if compacted is not None:
            event = _compaction(root, name, (named.version, compacted), before, moment, actor)
            versions.name_compacted(conn, name, compacted, now=moment, event=event, recheck=recheck)
        dropped = _mark(conn, name, moment - timedelta(seconds=grace_s))
        keep = _kept(conn, name)
        unneeded = upkeep.unneeded(root, name, keep)
        if not dropped and not unneeded and not upkeep.is_log_long(root, name, min(keep)):
            measured = upkeep.space(root, name, compacted or named.version)
            return Kept(
                name,
                measured.live_bytes,
                measured.disk_bytes,
                before.disk_bytes - measured.disk_bytes,
                is_compacted=compacted is not None,
            )
        recheck(conn)
        audit.append(
            conn,
            "table.vacuum_begun",
            actor=actor,
            subject=name,
            key=moment.isoformat(),
            version_count=len(dropped),
            file_count=unneeded,
            disk_bytes=before.disk_bytes,
        )
    return _vacuum(conn, root, name, before, compacted is not None, moment, actor, recheck)


def _vacuum(
    conn: psycopg.Connection,
    root: str,
    name: str,
    before: upkeep.Space,
    is_compacted: bool,
    moment: datetime,
    actor: str,
    recheck: versions.Recheck,
) -> Kept:
    with conn.transaction():
        tables.lock(conn, name)
        recheck(conn)
        # Read anew: another writer may have named a version in between.
        keep = _kept(conn, name)
        deleted = upkeep.unneeded(root, name, keep)
        upkeep.vacuum(root, name, keep)
        upkeep.trim_log(root, name, min(keep))
        dropped = _marked(conn, name)
        after = upkeep.space(root, name, max(keep))
        event = audit.record(
            "table.vacuumed",
            actor=actor,
            subject=name,
            key=moment.isoformat(),
            version_count=dropped,
            file_count=deleted,
            live_bytes=after.live_bytes,
            disk_bytes=after.disk_bytes,
        )
        functions.call_function(conn, "ops.drop_versions", name, event)
    return Kept(
        name,
        after.live_bytes,
        after.disk_bytes,
        before.disk_bytes - after.disk_bytes,
        dropped,
        deleted,
        is_compacted,
    )


def _mark(conn: psycopg.Connection, name: str, until: datetime) -> Sequence[int]:
    """The versions whose grace is over, those that a killed upkeep marked included."""
    return functions.function_rows(conn, "ops.mark_versions", name, until)


def _marked(conn: psycopg.Connection, name: str) -> int:
    """How many versions are about to go."""
    [(count,)] = conn.execute(
        "select count(*) from ops.version where table_name = %s and dropping_since is not null",
        [name],
    ).fetchall()
    return int(count)


def _kept(conn: psycopg.Connection, name: str) -> list[int]:
    """The named version and those within the grace, the named one last."""
    rows = conn.execute(
        "select version from ops.version where table_name = %s and dropping_since is null "
        "order by version",
        [name],
    )
    return [version for (version,) in rows]


def _compaction(
    root: str,
    name: str,
    numbers: tuple[int, int],
    before: upkeep.Space,
    moment: datetime,
    actor: str,
) -> str:
    """The event of a compaction."""
    after = upkeep.space(root, name, numbers[1])
    return audit.record(
        "table.compacted",
        actor=actor,
        subject=name,
        key=f"v{numbers[1]}@{moment.isoformat()}",
        from_version=numbers[0],
        version=numbers[1],
        files_before=before.live_files,
        files_after=after.live_files,
        live_bytes=after.live_bytes,
    )

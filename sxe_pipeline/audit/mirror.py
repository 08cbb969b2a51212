"""Keep the audit log in Postgres and the event log of Dagster in agreement.

Postgres decides. A crash can leave an attestation without its materialization, or
events without an attestation; both are repaired here, and Postgres is never changed to fit Dagster.
The functions that read Dagster and report to it are arguments.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, LiteralString

import psycopg

from sxe_pipeline.audit.append import KINDS
from sxe_pipeline.audit.attest import attest_left, shown

WITHOUT_RUN = "audit/events"
"""The asset that no run materializes: its events are attested at once."""

SEALS = "audit/seals"
"""The asset of what is sealed; it answers for no event."""

Report = Callable[[str, Mapping[str, Any], str | None], None]
"""Report a materialization outside any run: (asset key, metadata, its day or None)."""

Describe = Callable[[psycopg.Connection, str, date], Mapping[str, Any]]
"""What the materialization of a day shows beside its digest: (login, asset key, day)."""

Find = Callable[[Sequence[str]], Mapping[str, int]]
"""Digest -> storage id of all materializations of some assets."""


@dataclass(frozen=True)
class Reconciled:
    """What one pass did."""

    mirrored: int
    repaired: int
    attested: int

    def sentence(self) -> str:
        """For a tick's message."""
        return (
            f"{self.mirrored} materializations found, {self.repaired} reported again, "
            f"{self.attested} events attested that no run had attested"
        )


def nothing(conn: psycopg.Connection, asset_key: str, day: date) -> Mapping[str, Any]:
    """Describes no day."""
    del conn, asset_key, day
    return {}


def reconcile(
    conn: psycopg.Connection,
    report: Report,
    find: Find,
    *,
    older_than: timedelta,
    describe: Describe = nothing,
) -> Reconciled:
    """Make both sides agree on what is older than `older_than`; younger work may be under way.

    Args:
        conn: The social tier's login, outside of a transaction.
        report: Tells Dagster.
        find: Asks Dagster.
        older_than: What a run may still be about to report.
        describe: The figures of a day: the newest materialization of a day is what people see.
    """
    assets = sorted(set(KINDS.values()))
    attested = 0
    for asset_key in assets:
        wait = timedelta(0) if asset_key == WITHOUT_RUN else older_than
        with conn.transaction():
            attested += attest_left(conn, asset_key, older_than=wait)
    with conn.transaction():
        conn.execute("select pg_advisory_xact_lock(hashtextextended('audit mirror', 0))")
        mirrored = _mirror(conn, find(assets))
        missing = conn.execute(
            "select digest, asset_key, event_count, partition_key from audit.attestation "
            "where dagster_storage_id is null and (run_id is null or "
            "attested_at <= clock_timestamp() - %s) order by attested_at",
            [older_than],
        ).fetchall()
        for digest, asset_key, count, day in missing:
            of_day = describe(conn, asset_key, date.fromisoformat(day)) if day else {}
            events = {"sxe/audit_events": count, "sxe/audit_digest": digest}
            report(asset_key, {**of_day, **events, **_shown(conn, digest)}, day)
        if missing:
            _mirror(conn, find(sorted({asset_key for _, asset_key, _, _ in missing})))
    return Reconciled(mirrored, len(missing), attested)


def report_seals(conn: psycopg.Connection, report: Report, newest: int, most: int = 50) -> int:
    """Report the seals after one as materializations of `audit/seals`, oldest first.

    Args:
        conn: The social tier's login, in no transaction.
        report: Tells Dagster.
        newest: The last seal that Dagster knows.
        most: A tick is short; the next one goes on.

    Returns:
        How many.
    """
    with conn.transaction():
        rows = conn.execute(
            "select seal_no, tree_size, tree_size - first_leaf, root, sealed_at from audit.seal "
            "where seal_no > %s order by seal_no limit %s",
            [newest, most],
        ).fetchall()
    for seal_no, tree_size, events, root, sealed_at in rows:
        said = {
            "sxe/seal_no": seal_no,
            "sxe/tree_size": tree_size,
            "sxe/events": events,
            "sxe/root": root.hex(),
            "sxe/sealed_at": sealed_at.isoformat(),
        }
        report(SEALS, said, None)
    return len(rows)


def _shown(conn: psycopg.Connection, digest: str) -> Mapping[str, Any]:
    """What people see of the events of an attestation, as its run would have shown it."""
    return shown(_counts(conn, "kind", digest), _counts(conn, "subject", digest))


def _counts(conn: psycopg.Connection, column: LiteralString, digest: str) -> dict[str, int]:
    return dict(
        conn.execute(
            f"select {column}, count(*) from audit.event join audit.attested_event "
            "using (event_id) where digest = %s group by 1 order by 2 desc, 1 limit 25",
            [digest],
        ).fetchall()
    )


def _mirror(conn: psycopg.Connection, found: Mapping[str, int]) -> int:
    open_digests = [
        digest
        for (digest,) in conn.execute(
            "select digest from audit.attestation where dagster_storage_id is null"
        )
        if digest in found
    ]
    with conn.cursor() as cursor:
        cursor.executemany(
            "update audit.attestation set dagster_storage_id = %s where digest = %s",
            [(found[digest], digest) for digest in open_digests],
        )
    return len(open_digests)

"""Verify the audit log.

Checks every payload against its hash and its columns, every fact against its event and back, every
event against its attestation, every attestation against Dagster's event log, and the functions,
triggers and grants of the database against those of this package. What only seals would show is
named as not seen.
"""

import hmac
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any
from uuid import UUID

import psycopg

from sxe_pipeline.audit import payload as form
from sxe_pipeline.audit.append import KINDS
from sxe_pipeline.store import catalogue

UNSEEN = (
    "the log is not sealed yet: events that were deleted together with their attestations, or "
    "rewritten by the owner of the tables with new hashes, cannot be seen"
)
_PAGE = 10_000

Find = Callable[[Sequence[str]], Mapping[str, int]]


@dataclass
class Verification:
    """The verdict. `findings` counts what does not hold, by kind of fault.

    `doubts`: why the log may lack what was done: the database was restored, or failed over.
    """

    events: int = 0
    attested: int = 0
    mirrored: int = 0
    waiting: int = 0
    findings: Counter[str] = field(default_factory=Counter)
    doubts: list[str] = field(default_factory=list)

    @property
    def status(self) -> str:
        """'tampered', or 'cannot_tell' while nothing seals the log."""
        return "tampered" if self.findings else "cannot_tell"

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        return {
            "status": self.status,
            "events": self.events,
            "attested": self.attested,
            "mirrored": self.mirrored,
            "waiting": self.waiting,
            "findings": dict(self.findings),
            "doubts": self.doubts,
            "cannot_see": UNSEEN,
        }

    def lines(self) -> list[str]:
        """For a person."""
        lines = [
            f"events {self.events:,}: payload hashes, columns and facts checked",
            f"attested {self.attested:,}, waiting for a materialization {self.waiting:,}",
            f"attestations found in Dagster's event log {self.mirrored:,}",
        ]
        faults = sorted(self.findings.items())
        lines += [f"NOT RIGHT: {fault}: {count:,}" for fault, count in faults]
        if self.doubts:
            lines.append(
                f"RESTORED OR FAILED OVER ({', '.join(self.doubts)}): events since may be missing"
            )
        return [*lines, f"verdict: {self.status}", f"cannot see: {UNSEEN}"]


def verify(conn: psycopg.Connection, find: Find) -> Verification:
    """Check the whole log.

    Args:
        conn: A login that may read the audit log, in no transaction.
        find: Digest -> storage id of all materializations of some assets.
    """
    seen = Verification()
    with conn.transaction():
        conn.execute("set transaction isolation level repeatable read, read only")
        [(seen.doubts,)] = conn.execute("select ops.doubts()").fetchall()
        _check_catalogue(conn, seen)
        _check_facts(conn, seen)
        _check_events(conn, seen)
        _check_attestations(conn, find, seen)
    return seen


def _check_catalogue(conn: psycopg.Connection, seen: Verification) -> None:
    """What guards the log and writes the facts is this package's, and switched on.

    While a file of SQL is edited, the text in the tree is of an older one and says nothing.
    """
    made_from, golden = catalogue.golden()
    if made_from == catalogue.files_sha256():
        standing, shipped = set(catalogue.dump(conn)), set(golden)
        if other := max(len(standing - shipped), len(shipped - standing)):
            seen.findings["a function, trigger, table or grant is not this package's"] += other


def _check_facts(conn: psycopg.Connection, seen: Verification) -> None:
    rows = conn.execute("select fact, without_event, without_fact from audit.reconcile()")
    for fact, without_event, without_fact in rows:
        if without_event:
            seen.findings[f"{fact} without its event"] += without_event
        if without_fact:
            seen.findings[f"event without its {fact}"] += without_fact


def _check_events(conn: psycopg.Connection, seen: Verification) -> None:
    with conn.cursor(name="events") as cursor:
        cursor.itersize = _PAGE
        cursor.execute(
            # A time that no date of Python can hold was never the server's; it arrives as null.
            "select e.event_id, case when recorded_at between '1970-01-01' and '9999-01-01' "
            "then recorded_at end, kind, actor, subject, payload, leaf_hash, "
            "t.event_id is not null "
            "from audit.event e left join audit.attested_event t on t.event_id = e.event_id"
        )
        for event_id, recorded_at, kind, actor, subject, payload, leaf, is_attested in cursor:
            seen.events += 1
            seen.attested += is_attested
            seen.waiting += not is_attested
            if recorded_at is None or not hmac.compare_digest(
                form.leaf_hash(payload, recorded_at), leaf
            ):
                seen.findings["payload or time does not match its hash"] += 1
            elif not _matches(payload, event_id, kind, actor, subject):
                seen.findings["columns do not match the payload"] += 1


def _matches(payload: bytes, event_id: UUID, kind: str, actor: str, subject: str) -> bool:
    """Whether the payload states the same as the columns beside it."""
    try:
        record = json.loads(payload)
        columns = {"kind": kind, "actor": actor, "subject": subject}
        is_same = all(record[name] == value for name, value in columns.items())
        return is_same and form.event_id(kind, subject, record["key"]) == event_id
    except (ValueError, KeyError, TypeError):
        return False


def _check_attestations(conn: psycopg.Connection, find: Find, seen: Verification) -> None:
    """One materialization after the other, its events in their order: none is kept in memory."""
    by_asset = {asset_key: find([asset_key]) for asset_key in sorted(set(KINDS.values()))}
    known = set()
    with conn.cursor(name="attestations") as cursor:
        cursor.itersize = _PAGE
        cursor.execute(
            "select digest, a.asset_key, a.event_count, a.dagster_storage_id, e.event_id, e.kind, "
            "t.event_id is not null from audit.attestation a "
            "full join audit.attested_event t using (digest) "
            "left join audit.event e on e.event_id = t.event_id order by digest, e.event_id"
        )
        for (digest, asset_key, count, storage_id), rows in groupby(cursor, itemgetter(0, 1, 2, 3)):
            known.add((asset_key, digest))
            if not _answers(rows, digest, asset_key, count, seen):
                seen.findings["an attestation does not answer for the events it names"] += 1
            if digest in by_asset.get(asset_key, ()):
                seen.mirrored += 1
            elif storage_id is not None:
                seen.findings["a mirrored materialization is gone from Dagster"] += 1
    empty = form.digest([])
    claimed = {(asset_key, d) for asset_key, digests in by_asset.items() for d in digests}
    if forged := sum(digest != empty for _, digest in claimed - known):
        seen.findings["a materialization claims events that were never attested"] += forged


def _answers(
    rows: Iterable[tuple[Any, ...]],
    digest: str,
    asset_key: str | None,
    count: int | None,
    seen: Verification,
) -> bool:
    """Whether an attestation names the number, the ids and the kinds of the events that it has."""
    whole, kinds = form.Digest(), set()
    for *_, event_id, kind, is_named in rows:
        if event_id is not None:
            whole.add(event_id)
            kinds.add(kind)
        elif is_named:
            seen.findings["an attested event is gone"] += 1
    return (whole.count, whole.hex) == (count, digest) and {KINDS.get(k) for k in kinds} <= {
        asset_key
    }

"""Verify the audit log.

Checks every event against its hash, its columns and its seal; every seal against the one before it,
its key and the checkpoints that are kept outside; every fact against its event and back; every
event against its attestation, every attestation against Dagster's event log; and the functions,
triggers and grants of the database against those of this package.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any

import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sxe_pipeline.audit import payload as form
from sxe_pipeline.audit import sealed
from sxe_pipeline.audit.append import KINDS
from sxe_pipeline.audit.checkpoints import Checkpoint
from sxe_pipeline.errors import StoreUnavailable
from sxe_pipeline.store import catalogue
from sxe_pipeline.store.objects import Objects

Find = Callable[[Sequence[str]], Mapping[str, int]]


@dataclass
class Verification:
    """The verdict. `findings` counts what does not hold, by kind of fault.

    `sealed`: events below a seal that was checked; `tail`: younger ones that wait for theirs.
    `witnessed`: the newest seal whose checkpoint is kept outside and agrees; 0: none.
    `doubts`: why the log may lack what was done: the database was restored, or failed over.
    `unsure`: what could not be checked, each with what to do.
    """

    events: int = 0
    attested: int = 0
    mirrored: int = 0
    sealed: int = 0
    seals: int = 0
    tail: int = 0
    witnessed: int = 0
    since: int = 0
    findings: Counter[str] = field(default_factory=Counter)
    doubts: list[str] = field(default_factory=list)
    unsure: list[str] = field(default_factory=list)

    @property
    def waiting(self) -> int:
        """Events that no materialization answers for yet."""
        return self.events - self.attested

    @property
    def status(self) -> str:
        """'tampered', 'cannot_tell' where something could not be checked, else 'whole'."""
        if self.findings:
            return "tampered"
        return "cannot_tell" if self.doubts or self.unsure else "whole"

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        return {
            "status": self.status,
            "events": self.events,
            "attested": self.attested,
            "mirrored": self.mirrored,
            "waiting": self.waiting,
            "sealed": self.sealed,
            "seals": self.seals,
            "since": self.since,
            "tail": self.tail,
            "witnessed": self.witnessed,
            "findings": dict(self.findings),
            "doubts": self.doubts,
            "unsure": self.unsure,
        }

    def lines(self) -> list[str]:
        """For a person."""
        rests = f", resting on seal {self.since:,}" if self.since else ""
        lines = [
            f"events {self.events:,}: payload hashes, columns and facts checked{rests}",
            f"sealed {self.sealed:,} in {self.seals:,} seals; the same is kept outside "
            f"{f'up to seal {self.witnessed:,}' if self.witnessed else 'of none'}",
            f"not sealed yet, and younger than five minutes {self.tail:,}",
            f"attested {self.attested:,}, waiting for a materialization {self.waiting:,}",
            f"attestations found in Dagster's event log {self.mirrored:,}",
        ]
        faults = sorted(self.findings.items())
        lines += [f"NOT RIGHT: {fault}: {count:,}" for fault, count in faults]
        if self.doubts:
            lines.append(
                f"RESTORED OR FAILED OVER ({', '.join(self.doubts)}): events since may be missing"
            )
        lines += [f"CANNOT TELL: {reason}" for reason in self.unsure]
        return [*lines, f"verdict: {self.status}"]


def verify(
    conn: psycopg.Connection,
    find: Find,
    *,
    public_keys: Sequence[Ed25519PublicKey] = (),
    store: Objects | None = None,
    kept: Sequence[Checkpoint] = (),
    since: int = 0,
) -> Verification:
    """Check the log, whole or from a seal on.

    Args:
        conn: A login that may read the audit log, in no transaction.
        find: Digest -> storage id of all materializations of some assets.
        public_keys: Of those who sealed it.
        store: Where checkpoints are kept, if this process reads it.
        kept: Checkpoints that somebody else kept, read with those keys.
        since: Events up to this seal are taken for what it says of them.

    Raises:
        BadInput: There is no seal `since`.
    """
    seen = Verification(since=since)
    outside = sealed.Outside(tuple(public_keys), _anchors(store, since, seen), tuple(kept))
    with conn.transaction():
        conn.execute("set transaction isolation level repeatable read, read only")
        [(seen.doubts,)] = conn.execute("select ops.doubts()").fetchall()
        _check_catalogue(conn, seen)
        _check_facts(conn, seen)
        _check_seals(conn, outside, seen)
        _check_attestations(conn, find, seen)
    return seen


def _anchors(store: Objects | None, since: int, seen: Verification) -> Mapping[int, bytes] | None:
    try:
        return None if store is None else sealed.anchors_of(store, since)
    except StoreUnavailable as error:
        seen.unsure.append(f"the store of checkpoints cannot be read: {error}")
        return None


def _check_seals(conn: psycopg.Connection, outside: sealed.Outside, seen: Verification) -> None:
    found = sealed.check(conn, outside, seen.since)
    seen.events, seen.attested, seen.tail = found.events, found.attested, found.young
    seen.sealed, seen.seals, seen.witnessed = found.sealed, found.seals, found.witnessed
    seen.findings += found.findings
    if found.late:
        seen.unsure.append(
            f"{found.late:,} events older than five minutes are not sealed; run `sxe worker seal "
            "--once` where the sealer's key is, then verify again"
        )
    if found.unanchored:
        seen.unsure.append(
            f"{found.unanchored:,} checkpoints are not in their store; `sxe worker seal --once` "
            "puts the newest, older ones were deleted there"
        )
    if not outside.public_keys and (found.seals or seen.since):
        seen.unsure.append(
            "no key was given to check who sealed; --key FILE, the public half of the sealer's key"
        )
    if not outside.is_any:
        seen.unsure.append(
            "nothing outside of the database was compared; --checkpoint FILE, a checkpoint or a "
            "head that somebody kept, or set SXE_AUDIT_STORE_URL"
        )


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


def _check_attestations(conn: psycopg.Connection, find: Find, seen: Verification) -> None:
    """One materialization after the other, its events in their order: none is kept in memory."""
    by_asset = {asset_key: find([asset_key]) for asset_key in sorted(set(KINDS.values()))}
    known = set()
    with conn.cursor(name="attestations") as cursor:
        cursor.itersize = sealed.PAGE
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

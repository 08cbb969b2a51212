"""Writing `handoff.batch` and `handoff.signing_key`, each change with its audit event.

Here: single statements inside the caller's transaction. The order of them is `publish`'s.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sxe_pipeline import audit
from sxe_pipeline.errors import Busy, NotFound, Refused, StoreUnavailable
from sxe_pipeline.handoff.batches import Batch
from sxe_pipeline.handoff.sign import Signer, key_id
from sxe_pipeline.handoff.slot import Slot


@contextmanager
def speaking() -> Iterator[None]:
    """Turn a lost connection, a lock that does not come or a missing right into our own errors."""
    try:
        yield
    except psycopg.errors.InsufficientPrivilege:
        raise Refused(
            "this login may not publish batches of that contract; use the login of its tier"
        ) from None
    except psycopg.errors.LockNotAvailable:
        raise Busy("another run publishes this chain; try again when it is done") from None
    except psycopg.OperationalError:
        raise StoreUnavailable(
            "the database went away while publishing; run it again, it resumes"
        ) from None


def lock(conn: psycopg.Connection, contract: str, slot: Slot) -> None:
    """One writer per chain until the transaction ends."""
    conn.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))",
        [f"handoff/{contract}/{slot.chain}"],
    )


def build(conn: psycopg.Connection, batch: Batch, sealed: bytes, *, actor: str) -> None:
    """Begin a batch, or begin an abandoned one anew.

    Content that comes back after it was abandoned has its old id, and the same manifest unless a
    library or the key changed in between.
    """
    made = conn.execute(
        "INSERT INTO handoff.batch (batch_id, contract, contract_version, market, day, "
        "request_id, seq, prev_batch_id, state, row_count, manifest, manifest_sha256, created_at) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, 'building', %s, %s, %s, %s) "
        "ON CONFLICT (batch_id) DO UPDATE SET state = 'building' "
        "WHERE handoff.batch.state = 'abandoned' AND handoff.batch.manifest = EXCLUDED.manifest "
        "RETURNING batch_id",
        [
            batch.batch_id,
            batch.contract,
            batch.contract_version,
            batch.market,
            batch.day,
            batch.request_id,
            batch.seq,
            batch.prev_batch_id,
            batch.row_count,
            sealed,
            batch.manifest_sha256,
            batch.created_at,
        ],
    ).fetchone()
    if made is None:
        conn.execute(
            "UPDATE handoff.batch SET state = 'building', manifest = %s, manifest_sha256 = %s "
            "WHERE batch_id = %s AND state = 'abandoned'",
            [sealed, batch.manifest_sha256, batch.batch_id],
        )
    _say(conn, "building", batch, actor, batch.created_at.isoformat())


def abandon(conn: psycopg.Connection, batch: Batch, *, actor: str, now: datetime) -> None:
    """Give up a begun batch whose manifest nobody can see."""
    conn.execute(
        "UPDATE handoff.batch SET state = 'abandoned' WHERE batch_id = %s AND state = 'building'",
        [batch.batch_id],
    )
    _say(conn, "abandoned", batch, actor, now.isoformat())


def finish(conn: psycopg.Connection, batch: Batch, *, actor: str, now: datetime) -> None:
    """The batch is visible."""
    conn.execute(
        "UPDATE handoff.batch SET state = 'published', published_at = %s WHERE batch_id = %s",
        [now, batch.batch_id],
    )
    _say(conn, "published", batch, actor, batch.batch_id)


def manifest_of(conn: psycopg.Connection, batch_id: str) -> bytes:
    """The stored bytes of the manifest."""
    row = conn.execute(
        "SELECT manifest FROM handoff.batch WHERE batch_id = %s", [batch_id]
    ).fetchone()
    if row is None:
        raise NotFound(f"batch {batch_id} is not known here; see `sxe batch list`")
    return bytes(row[0])


def refuse_retired(conn: psycopg.Connection, signer: Signer) -> None:
    """Raises Refused where the key was retired; one that nobody registered may sign."""
    row = conn.execute(
        "SELECT 1 FROM handoff.signing_key WHERE key_id = %s AND retired_at IS NOT NULL",
        [signer.key_id],
    ).fetchone()
    if row is not None:
        raise Refused(
            f"signing key {signer.key_id[:12]} is retired; set SXE_SIGNING_KEY to the current one"
        )


def know_key(
    conn: psycopg.Connection, public_key: Ed25519PublicKey, *, actor: str, now: datetime
) -> bool:
    """Register a public key, with its event; False: it was known. Needs the migrating login."""
    named = key_id(public_key)
    made = conn.execute(
        "INSERT INTO handoff.signing_key (key_id, public_key, created_at) VALUES (%s, %s, %s) "
        "ON CONFLICT (key_id) DO NOTHING RETURNING key_id",
        [named, public_key.public_bytes_raw(), now],
    ).fetchone()
    if made is not None:
        audit.append(conn, "key.created", actor=actor, subject=named, key=named)
    return made is not None


def sha256(data: bytes) -> str:
    """The hash of a manifest."""
    return hashlib.sha256(data).hexdigest()


def _say(conn: psycopg.Connection, state: str, batch: Batch, actor: str, key: str) -> None:
    """One event; only a batch of a request says which one, and has kinds of its own."""
    slot = batch.slot
    of = {} if slot.request_id is None else {"request_id": slot.request_id, "seq": slot.seq}
    audit.append(
        conn,
        f"contact_batch.{state}" if of else f"batch.{state}",
        actor=actor,
        subject=batch.batch_id,
        key=key,
        contract=batch.contract,
        contract_version=batch.contract_version,
        market=slot.market,
        day=slot.day.isoformat(),
        **of,
        prev_batch_id=batch.prev_batch_id,
        row_count=batch.row_count,
        manifest_sha256=batch.manifest_sha256,
    )

"""Writing `handoff.batch` and `handoff.signing_key`, each change with its audit event.

Here: single statements inside the caller's transaction. The order of them is `publish`'s.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime

import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sxe_pipeline import audit
from sxe_pipeline.errors import BadConfig, Busy, Conflict, NotFound, Refused, StoreUnavailable
from sxe_pipeline.handoff.batches import Batch
from sxe_pipeline.handoff.chain import BatchKey
from sxe_pipeline.settings import Settings
from sxe_pipeline.sign import Signer, key_id
from sxe_pipeline.store import functions, key_files


@contextmanager
def translated_errors() -> Iterator[None]:
    """Raise our own errors for a lost connection, a lock that is not granted or a missing right."""
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


def lock(conn: psycopg.Connection, contract: str, batch_key: BatchKey) -> None:
    """Let no other run write to a chain until the transaction ends.

    Args:
        conn: In a transaction.
        contract: The contract's id.
        batch_key: Any key of the chain.
    """
    conn.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))",
        [f"handoff/{contract}/{batch_key.chain}"],
    )


def build(
    conn: psycopg.Connection, batch: Batch, sealed: bytes, keys_sha256: str, *, actor: str
) -> None:
    """Begin a batch, or begin an abandoned one anew.

    Content that comes back after it was abandoned has its old id; its manifest may be another one,
    where a library or the key changed in between.

    Args:
        conn: In a transaction that holds the chain's lock.
        batch: The row to write; its time is that of the event.
        sealed: The manifest's bytes.
        keys_sha256: The proof of reading it (`proof`), which stands in no manifest.
        actor: For the audit log.
    """
    functions.call_function(
        conn,
        "handoff.build",
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
        actor,
        batch.kind,
        batch.remove_count,
        keys_sha256,
    )


def abandon(conn: psycopg.Connection, batch: Batch, *, actor: str) -> None:
    """Give up a begun batch whose manifest is not visible.

    Args:
        conn: In a transaction that holds the chain's lock.
        batch: The batch.
        actor: For the audit log.
    """
    functions.call_function(conn, "handoff.abandon", batch.batch_id, actor)


def finish(conn: psycopg.Connection, batch: Batch, *, actor: str) -> None:
    """Mark a batch as published: its manifest is visible, as of now by the database's clock.

    Args:
        conn: In a transaction that holds the chain's lock.
        batch: The batch.
        actor: For the audit log.
    """
    functions.call_function(conn, "handoff.finish", batch.batch_id, actor)


def manifest_of(conn: psycopg.Connection, batch_id: str) -> bytes:
    """The stored bytes of the manifest."""
    row = conn.execute(
        "SELECT manifest FROM handoff.batch WHERE batch_id = %s", [batch_id]
    ).fetchone()
    if row is None:
        raise NotFound(f"batch {batch_id} is not known here; see `sxe batch list`")
    return bytes(row[0])


def signer_of(conn: psycopg.Connection, settings: Settings) -> Signer:
    """Who signs for this process; in production somebody whom the database knows.

    Raises:
        BadConfig: There is no key, or consumers cannot know one of several: it is not registered.
    """
    signer = key_files.of_settings(settings)
    for one in signer.all if settings.is_production else ():
        if not is_registered(conn, one):
            raise BadConfig(
                f"signing key {one.key_id[:12]} is not registered, so no consumer knows it; the "
                "admin types `sxe keys register` with the file that `sxe keys public` printed"
            )
    return signer


def is_retired(conn: psycopg.Connection, batch_id: str) -> bool:
    """Whether a key that signed a begun batch signs no more."""
    row = conn.execute(
        "SELECT bool_or(k.retired_at IS NOT NULL) FROM handoff.batch b JOIN handoff.signing_key k "
        "ON k.key_id = ANY (handoff.keys_of(b.manifest)) WHERE b.batch_id = %s",
        [batch_id],
    ).fetchone()
    return bool(row and row[0])


def is_registered(conn: psycopg.Connection, signer: Signer) -> bool:
    """Whether the database knows the public key, retired or not."""
    known = "SELECT 1 FROM handoff.signing_key WHERE key_id = %s"
    return conn.execute(known, [signer.key_id]).fetchone() is not None


def refuse_unfit(conn: psycopg.Connection, signer: Signer, contract: str) -> None:
    """Check that no key that signs was retired or is another contract's.

    One that nobody registered may sign.

    Raises:
        Refused: One was retired, or registered for other contracts.
    """
    for one in signer.all:
        _refuse_unfit(conn, one, contract)


def _refuse_unfit(conn: psycopg.Connection, signer: Signer, contract: str) -> None:
    row = conn.execute(
        "SELECT retired_at IS NOT NULL, coalesce(%s = ANY (contracts), true) "
        "FROM handoff.signing_key WHERE key_id = %s",
        [contract, signer.key_id],
    ).fetchone()
    is_retired, is_for_it = row or (False, True)
    if is_retired:
        raise Refused(
            f"signing key {signer.key_id[:12]} is retired; take it out of SXE_SIGNING_KEY"
        )
    if not is_for_it:
        raise Refused(
            f"signing key {signer.key_id[:12]} was not registered for {contract}, so no consumer "
            "of it would take the batch; set SXE_SIGNING_KEY to the key of this tier"
        )


def know_key(
    conn: psycopg.Connection,
    public_key: Ed25519PublicKey,
    *,
    contracts: Sequence[str] = (),
    actor: str,
    now: datetime,
) -> bool:
    """Register a public key, with its event; False where it was registered before.

    Args:
        conn: The migrating login, in a transaction.
        public_key: The key.
        contracts: The only ones that it signs; none is any. Of a known key they stay.
        actor: For the audit log.
        now: When the key was registered.
    """
    named = key_id(public_key)
    made = conn.execute(
        "INSERT INTO handoff.signing_key (key_id, public_key, created_at, contracts) "
        "VALUES (%s, %s, %s, %s) ON CONFLICT (key_id) DO NOTHING RETURNING key_id",
        [named, public_key.public_bytes_raw(), now, list(contracts) or None],
    ).fetchone()
    if made is not None:
        bound = {"contracts": sorted(contracts)} if contracts else {}
        audit.append(conn, "key.created", actor=actor, subject=named, key=named, **bound)
    return made is not None


def refuse_other(
    conn: psycopg.Connection, public_key: Ed25519PublicKey, contracts: Sequence[str]
) -> None:
    """Check that a public key is not registered for other contracts; a registration stays.

    Raises:
        Conflict: It is.
    """
    named = key_id(public_key)
    row = conn.execute(
        "SELECT contracts FROM handoff.signing_key WHERE key_id = %s", [named]
    ).fetchone()
    if row and set(row[0] or ()) != set(contracts):
        stands, asked = (", ".join(sorted(each or ())) or "any" for each in (row[0], contracts))
        raise Conflict(
            f"key {named[:12]} is registered for {stands}, not for {asked}, and that stays; make "
            "another key, register it for what it is to sign, and retire this one: "
            "docs/runbooks/rotate.md"
        )


@dataclass(frozen=True, slots=True)
class Key:
    """A registered key, and what it signed: published batches, the last of their days.

    `contracts` null: any. `retired_at` null: it signs.
    """

    key_id: str
    contracts: tuple[str, ...] | None
    created_at: datetime
    retired_at: datetime | None
    retired_reason: str | None
    batch_count: int
    last_day: date | None


def keys(conn: psycopg.Connection) -> list[Key]:
    """Every registered key, by its age. Needs the migrating login."""
    return [
        Key(key, contracts and tuple(contracts), *rest)
        for key, contracts, *rest in functions.function_rows(conn, "handoff.keys")
    ]


def retire_key(conn: psycopg.Connection, start: str, reason: str, *, actor: str) -> str:
    """Let a key sign nothing from here on, with its event; returns its whole id.

    Args:
        conn: The migrating login, in a transaction.
        start: The first 8 digits of its id, or more.
        reason: Kept in the record.
        actor: For the audit log.

    Raises:
        NotFound: There is no such key, or more than one.
        Refused: It is retired already.
    """
    retired: str = functions.call_function(conn, "handoff.retire_key", start, reason, actor)
    return retired

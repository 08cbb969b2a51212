"""Files of batches that were kept for long enough are deleted; that there were is kept.

Those of batches that were begun and never became visible go after a day: nobody was promised them.
Here: the order of it. A batch first counts as expired, with its event and a signed statement; then
the statement lies beside its manifest; then its files go; then the row says so, with its event. A
killed deletion is ended by the next one. Which batches may go is decided by the database
(`sql/expiry.sql`), how long they are kept by `ops.periods`.
"""

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta

import psycopg

from sxe_pipeline import sign
from sxe_pipeline.handoff import record
from sxe_pipeline.handoff.batches import find, folder_of, unpublished
from sxe_pipeline.handoff.files import expired, manifest
from sxe_pipeline.handoff.publish import complete
from sxe_pipeline.ops.retention import Gone, Terms
from sxe_pipeline.sign import Signer
from sxe_pipeline.store.functions import call_function, function_rows
from sxe_pipeline.store.objects import Objects

_AT_ONCE = 100
_UNSEEN_FOR = timedelta(days=1)
"""So long the files of a batch that was begun and never became visible wait to be taken up."""


def expire_batches(
    conn: psycopg.Connection,
    objects: Objects,
    *,
    line: str,
    contracts: Sequence[str],
    signer: Callable[[], Signer],
    terms: Terms,
) -> Gone:
    """Delete the files of batches whose time is over.

    Args:
        conn: The login of their tier, outside of a transaction.
        objects: Their handoff store.
        line: Of the policy.
        contracts: Which.
        signer: Reads the key of the tier: who deletes signs that it did.
        terms: Under which.

    Returns:
        The batches, by their day.

    Raises:
        StoreUnavailable: The store failed; the next call goes on.
    """
    before = terms.before(line)
    days: list[date] = []
    unseen = terms.now - _UNSEEN_FOR
    if not terms.is_dry_run:
        objects.drop_half_written(unseen)
    for contract in () if terms.is_dry_run else contracts:
        _end_unseen(conn, objects, contract, unseen, terms)
    for contract in contracts if before else ():
        limit = None if terms.is_dry_run else _AT_ONCE
        while found := function_rows(conn, "handoff.expiring", contract, before, limit):
            conn.commit()
            days += [day for *_, day, begun in found if begun is None]
            if terms.is_dry_run:
                break
            for row in found:
                _expire(conn, objects, row, signer, terms)
        conn.commit()
    return Gone(line, len(days), "batches", min(days, default=None), max(days, default=None))


def _expire(
    conn: psycopg.Connection,
    objects: Objects,
    row: tuple[str, str, str, bytes, date, bytes | None],
    signer: Callable[[], Signer],
    terms: Terms,
) -> None:
    batch_id, contract, version, sealed, _, said = row
    folder = folder_of(contract, version, batch_id)
    if said is None:
        digest = sign.sha256(bytes(sealed))
        said = expired.statement(batch_id, contract, digest, terms.now.isoformat(), signer())
        with conn.transaction():
            terms.recheck(conn)
            call_function(conn, "handoff.begin_expiry", batch_id, said, terms.actor)
    # One that lies there is of before a restore, and says the same with another time.
    objects.put_new(f"{folder}/{expired.NAME}", bytes(said))
    kept = {f"{folder}/{expired.NAME}", f"{folder}/{manifest.NAME}"}
    for entry in objects.list(folder):
        if entry.key not in kept:
            objects.delete(entry.key)
    with conn.transaction():
        terms.recheck(conn)
        call_function(conn, "handoff.end_expiry", batch_id, terms.actor)


def _end_unseen(
    conn: psycopg.Connection, objects: Objects, contract: str, before: datetime, terms: Terms
) -> None:
    """End what was begun before a moment and nobody took up since.

    What is visible is completed, and from then on kept as long as any batch is; of everything else
    the files go. A run that still writes there is told to begin again.

    Raises:
        Busy: Another run publishes to one of the chains.
    """
    with record.translated_errors():
        left = unpublished(conn, contract, before)
        conn.commit()
        for begun in left:
            with conn.transaction():
                record.lock(conn, contract, begun.batch_key)
                terms.recheck(conn)
                batch = find(conn, begun.batch_id)
                is_visible = objects.exists(f"{begun.folder}/{manifest.NAME}")
                if batch and batch.state == "building" and is_visible:
                    complete(conn, objects, batch.batch_id, actor=terms.actor)
                elif batch and batch.state != "published" and not is_visible:
                    if batch.state == "building":
                        record.abandon(conn, batch, actor=terms.actor)
                    for entry in objects.list(batch.folder):
                        objects.delete(entry.key)

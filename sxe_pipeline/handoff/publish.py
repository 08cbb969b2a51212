"""Publish one batch: all of it becomes visible, or nothing.

Here: the order of the writes. Row `building` with the manifest's bytes, and its event; the parts;
the manifest last, create-only, while the chain is locked; row `published`, and its event. Killed
anywhere, the next run finishes what is visible, resumes what is the same, abandons what is not.
"""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg.pq import TransactionStatus

from sxe_pipeline.errors import BadInput, Busy, Tampered
from sxe_pipeline.handoff import edition, manifest, record
from sxe_pipeline.handoff.batches import Batch, find, folder_of, in_chain
from sxe_pipeline.handoff.chain import BatchKey
from sxe_pipeline.handoff.encode import content_id, encode
from sxe_pipeline.handoff.parts import Content, Part, chunks
from sxe_pipeline.handoff.pieces import checked
from sxe_pipeline.schema import Contract
from sxe_pipeline.sign import Signer
from sxe_pipeline.store.objects import Objects


@dataclass(frozen=True, slots=True)
class Published:
    """What became of one batch key of a contract.

    `published`: the batch is visible; `already` where an earlier run, or another process, published
    it. `unchanged`: the rows are those of the newest batch, which stays the newest. `closed`: the
    chain has a later one. `empty`: no rows, and no chain whose consumers would have to learn that.
    `batch_id` is null in the last two.
    """

    batch_key: BatchKey
    state: Literal["published", "unchanged", "closed", "empty"]
    batch_id: str | None = None
    row_count: int = 0
    already: bool = False

    @property
    def market(self) -> str:
        """The market of the batch."""
        return self.batch_key.market

    @property
    def day(self) -> date:
        """The day of the batch."""
        return self.batch_key.day


@dataclass(frozen=True, slots=True)
class _Job:
    """The arguments of `publish` that never change on the way."""

    objects: Objects
    contract: Contract
    batch_key: BatchKey
    signer: Signer
    actor: str
    now: datetime


def publish(
    conn: psycopg.Connection,
    objects: Objects,
    *,
    contract: Contract,
    batch_key: BatchKey,
    rows: pa.Table,
    signer: Signer,
    actor: str,
    now: datetime,
) -> Published:
    """Publish all rows of a market and day, or of a request and seq, as one full batch.

    What is published under a key stays: publishing it a second time answers `already`, whatever the
    rows. The same rows in another order, or from two processes, are the same batch.

    Args:
        conn: A connection that is in no transaction; this function makes its own two.
        objects: The handoff store.
        contract: What the rows must meet.
        batch_key: Market and day, or request and seq. Whether a day may still be published is
            decided before (`chain`); a seq follows the published one before it.
        rows: All rows, in any order; those of a request are all of that one. They are let go once
            they are encoded, if the caller holds them no longer.
        signer: The key of this deployment.
        actor: Who publishes, for the audit log.
        now: When it was begun, for the batch's row; no byte of the batch depends on it.

    Raises:
        BadInput: The key is none of this contract, leaves a gap, or rows are of another request.
        ContractBroken: The rows do not meet the contract; nothing was written.
        Busy: Another run replaced this one's content while it was writing.
        Tampered: The store holds other bytes under a name of this batch.
    """
    if conn.info.transaction_status != TransactionStatus.IDLE:
        raise BadInput("publishing needs a connection without an open transaction; commit it first")
    _refuse_foreign_key(contract, batch_key)
    job = _Job(objects, contract, batch_key, signer, actor, now)
    with closing(encode(contract, _own(batch_key, checked(contract, rows)))) as content:
        del rows
        with record.translated_errors(), conn.transaction():
            begun = _begin(conn, job, content)
        if isinstance(begun, Published):
            return begun
        folder = folder_of(contract.id, contract.version, begun)
        edition.put(objects, contract, folder.rpartition("/")[0])
        for part in content.parts:
            _put_part(objects, f"{folder}/{part.name}", part)
    with record.translated_errors(), conn.transaction():
        record.lock(conn, contract.id, batch_key)
        already = _complete(conn, objects, begun, actor=actor)
    return Published(batch_key, "published", begun, content.row_count, already)


def _refuse_foreign_key(contract: Contract, batch_key: BatchKey) -> None:
    """Refuse a key of a form that the contract does not have."""
    if ("request_id" in contract.names) != (batch_key.request_id is not None):
        raise BadInput(
            f"a batch of {contract.id} is named by "
            + ("market and day" if batch_key.request_id else "request and seq")
            + "; give the key in that form"
        )


def _own(batch_key: BatchKey, pieces: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The pieces of a batch; refuses rows of another request."""
    if batch_key.request_id is None:
        yield from pieces
        return
    for rows in pieces:
        foreign = pc.sum(pc.not_equal(rows["request_id"], str(batch_key.request_id))).as_py()
        if foreign:
            raise BadInput(
                f"{foreign} rows are not of request {batch_key.request_id}; publish each request "
                "alone"
            )
        yield rows


def _begin(conn: psycopg.Connection, job: _Job, content: Content) -> str | Published:
    """Finish or abandon what earlier runs left, then write the `building` row of the batch."""
    record.lock(conn, job.contract.id, job.batch_key)
    unfinished = []
    for batch in in_chain(conn, job.contract.id, job.batch_key, "building"):
        if job.objects.exists(f"{batch.folder}/{manifest.NAME}"):
            _complete(conn, job.objects, batch.batch_id, actor=job.actor)
        else:
            unfinished.append(batch)
    published = in_chain(conn, job.contract.id, job.batch_key, "published")
    newest = published[-1] if published else None
    answer = _answer_without_batch(job, newest, content.row_count) or _unchanged(
        conn, job, newest, content
    )
    batch_id, sealed = None, b""
    if answer is None:
        prev = newest.batch_id if newest else None
        batch_id, sealed = _sealed(job, content, prev)
    for batch in unfinished:
        if not _is_same(conn, batch, batch_id, content):
            record.abandon(conn, batch, actor=job.actor)
        else:
            return batch.batch_id
    if answer is not None or batch_id is None:
        return answer or Published(job.batch_key, "closed")
    made = Batch(
        batch_id=batch_id,
        contract=job.contract.id,
        contract_version=job.contract.version,
        market=job.batch_key.market,
        day=job.batch_key.day,
        request_id=job.batch_key.request_id,
        seq=job.batch_key.seq,
        prev_batch_id=newest.batch_id if newest else None,
        state="building",
        row_count=content.row_count,
        manifest_sha256=record.sha256(sealed),
        created_at=job.now,
        published_at=None,
    )
    record.refuse_unfit(conn, job.signer, job.contract.id)
    record.build(conn, made, sealed, actor=job.actor)
    return batch_id


def _answer_without_batch(job: _Job, newest: Batch | None, row_count: int) -> Published | None:
    """The answer where there is nothing to build."""
    last, wanted = newest.batch_key.ordinal if newest else 0, job.batch_key.ordinal
    if newest is not None and last == wanted:
        return Published(
            newest.batch_key, "published", newest.batch_id, newest.row_count, already=True
        )
    if last > wanted:
        return Published(job.batch_key, "closed")
    if job.batch_key.seq is not None and wanted > last + 1:
        raise BadInput(
            f"seq {wanted} of request {job.batch_key.request_id} follows {last} published; publish "
            f"seq {last + 1} first"
        )
    return None if newest or row_count else Published(job.batch_key, "empty")


def _unchanged(
    conn: psycopg.Connection, job: _Job, newest: Batch | None, content: Content
) -> Published | None:
    """The answer where a day holds what the newest batch of its chain holds already."""
    if newest is None or job.batch_key.seq is not None:
        return None
    if manifest.files_of(record.manifest_of(conn, newest.batch_id)) != content.entries():
        return None
    return Published(job.batch_key, "unchanged", newest.batch_id, newest.row_count)


def _sealed(job: _Job, content: Content, prev: str | None) -> tuple[str, bytes]:
    batch_id = content_id(job.contract, job.batch_key, prev, content.parts)
    fields = manifest.predicate(
        job.contract,
        content,
        batch_id=batch_id,
        batch_key=job.batch_key,
        prev_batch_id=prev,
    )
    return batch_id, manifest.seal(fields, job.signer)


def _is_same(
    conn: psycopg.Connection, batch: Batch, batch_id: str | None, content: Content
) -> bool:
    """Whether a begun batch has the files that we would build: then its stored bytes are published.

    The same rows in other Parquet bytes (another library version since the crash) do not count, nor
    what a key signed that was retired since.
    """
    if batch.batch_id != batch_id or record.is_retired(conn, batch_id):
        return False
    return manifest.files_of(record.manifest_of(conn, batch_id)) == content.entries()


def _complete(conn: psycopg.Connection, objects: Objects, batch_id: str, *, actor: str) -> bool:
    """Make a begun batch visible, under the lock of its chain. True: it was published already."""
    batch = find(conn, batch_id)
    if batch is None or batch.state == "abandoned":
        raise Busy(f"batch {batch_id} was replaced by another run; run this one again")
    if batch.state == "published":
        return True
    sealed = record.manifest_of(conn, batch_id)
    listed = {manifest.NAME, *(entry["name"] for entry in manifest.files_of(sealed))}
    for entry in objects.list(batch.folder):
        # A part of a run with another library version: readers of the batch take every file here.
        if entry.key.removeprefix(f"{batch.folder}/") not in listed:
            objects.delete(entry.key)
    _put(objects, f"{batch.folder}/{manifest.NAME}", sealed)
    record.finish(conn, batch, actor=actor)
    return False


def _put(objects: Objects, key: str, data: bytes) -> None:
    if not objects.put_new(key, data) and objects.get(key) != data:
        raise _tampered(key)


def _put_part(objects: Objects, key: str, part: Part) -> None:
    if objects.put_new(key, part.data()):
        return
    found = hashlib.sha256()
    with objects.open(key) as stream:
        for chunk in chunks(stream):
            found.update(chunk)
    if found.hexdigest() != part.sha256:
        raise _tampered(key)


def _tampered(key: str) -> Tampered:
    return Tampered(
        f"object {key} holds other bytes than this run wrote; find out who else writes there"
    )

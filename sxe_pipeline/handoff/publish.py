"""Publish one batch: all of it becomes visible, or nothing.

Here: the order of the writes. Row `building` with the manifest's bytes, and its event; the parts;
the manifest last, create-only, while the chain is locked; row `published`, and its event. Killed
anywhere, the next run finishes what is visible, resumes what is the same, abandons what is not.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg.pq import TransactionStatus

from sxe_pipeline import sign
from sxe_pipeline.errors import BadInput, Busy, Tampered
from sxe_pipeline.handoff import record
from sxe_pipeline.handoff.batches import Batch, find, folder_of, in_chain
from sxe_pipeline.handoff.chain import BatchKey
from sxe_pipeline.handoff.chain_rows import Deltas, Manifest, next_content, since_full
from sxe_pipeline.handoff.files import edition, manifest
from sxe_pipeline.handoff.files.encode import content_id, encode, tombstone
from sxe_pipeline.handoff.files.parts import Content, Part, chunks
from sxe_pipeline.handoff.files.pieces import checked
from sxe_pipeline.schema import Contract
from sxe_pipeline.sign import Signer
from sxe_pipeline.store.objects import Objects


@dataclass(frozen=True, slots=True)
class Published:
    """What became of one batch key of a contract.

    `published`: the batch is visible; `already` where an earlier run, or another process, published
    it. `unchanged`: the rows are those as of the newest batch, which stays the newest. `closed`:
    the chain has a later one. `empty`: no rows, and no chain whose consumers would have to learn
    that. `batch_id` is null in the last two. `row_count` and `remove_count` are of the batch; where
    deltas are made, `why_full` says why this is none.
    """

    batch_key: BatchKey
    state: Literal["published", "unchanged", "closed", "empty"]
    batch_id: str | None = None
    row_count: int = 0
    already: bool = False
    kind: str | None = None
    remove_count: int = 0
    why_full: str | None = None

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
    row_count: int
    signer: Signer
    actor: str
    now: datetime


@dataclass(frozen=True, slots=True)
class _Chain:
    """A chain under its lock: its newest published batch, and what was begun and is not visible."""

    newest: Batch | None
    unfinished: list[Batch]


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
    deltas: Deltas | None = None,
) -> Published:
    """Publish all rows of a market and day, or of a request and seq, as one batch.

    What is published under a key stays: publishing it a second time answers `already`, whatever the
    rows. The same rows in another order, or from two processes, are the same batch.

    Args:
        conn: A connection that is in no transaction; this function makes its own.
        objects: The handoff store.
        contract: What the rows must meet.
        batch_key: Market and day, or request and seq. Whether a day may still be published is
            decided before (`chain`); a seq follows the published one before it.
        rows: All rows, in any order; those of a request are all of that one. They are let go once
            they are encoded, if the caller holds them no longer.
        signer: The key of this deployment.
        actor: Who publishes, for the audit log.
        now: When it was begun, for the batch's row; no byte of the batch depends on it.
        deltas: How a delta is made; None publishes full batches only.

    Raises:
        BadInput: The key is none of this contract, leaves a gap, or rows are of another request.
        ContractBroken: The rows do not meet the contract; nothing was written.
        Busy: Another run replaced this one's content while it was writing.
        Tampered: The store holds other bytes under a name of this batch.
    """
    if conn.info.transaction_status != TransactionStatus.IDLE:
        raise BadInput("publishing needs a connection without an open transaction; commit it first")
    _refuse_foreign_key(contract, batch_key)
    job = _Job(objects, contract, batch_key, rows.num_rows, signer, actor, now)
    with record.translated_errors(), conn.transaction():
        chain = _chain(conn, job)
        if answer := _answer_without_batch(job, chain.newest):
            _abandon(conn, job, chain.unfinished)
            return answer
        since = _since_full(conn, chain.newest) if deltas else []
    content, why_full = _content(job, rows, since, deltas)
    with closing(content):
        del rows
        with record.translated_errors(), conn.transaction():
            begun = _begin(conn, job, chain.newest, content)
        if isinstance(begun, Published):
            return begun
        folder = folder_of(contract.id, contract.version, begun)
        for held in [contract] if content.kind == "full" else [contract, tombstone()]:
            edition.put(objects, held, folder.rpartition("/")[0])
        for part in content.parts:
            _put_part(objects, f"{folder}/{part.name}", part)
    with record.translated_errors(), conn.transaction():
        record.lock(conn, contract.id, batch_key)
        already = complete(conn, objects, begun, actor=actor)
    return Published(
        batch_key,
        "published",
        begun,
        content.row_count,
        already,
        content.kind,
        content.remove_count or 0,
        why_full,
    )


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


def _chain(conn: psycopg.Connection, job: _Job) -> _Chain:
    """Lock the chain, and finish what earlier runs made visible."""
    record.lock(conn, job.contract.id, job.batch_key)
    unfinished = []
    for batch in in_chain(conn, job.contract.id, job.batch_key, "building"):
        if job.objects.exists(f"{batch.folder}/{manifest.NAME}"):
            complete(conn, job.objects, batch.batch_id, actor=job.actor)
        else:
            unfinished.append(batch)
    published = in_chain(conn, job.contract.id, job.batch_key, "published")
    return _Chain(published[-1] if published else None, unfinished)


def _abandon(conn: psycopg.Connection, job: _Job, batches: Iterable[Batch]) -> None:
    for batch in batches:
        record.abandon(conn, batch, actor=job.actor)


def _since_full(conn: psycopg.Connection, newest: Batch | None) -> list[Manifest]:
    def manifest_of(batch_id: str) -> Manifest:
        return manifest.fields_of(record.manifest_of(conn, batch_id))

    return since_full(newest.batch_id if newest else None, manifest_of)


def _content(
    job: _Job, rows: pa.Table, since: Sequence[Manifest], deltas: Deltas | None
) -> tuple[Content, str | None]:
    if deltas is None:
        return encode(job.contract, _own(job.batch_key, checked(job.contract, rows))), None
    return next_content(job.objects, job.contract, job.batch_key.market, rows, since, deltas)


def _begin(
    conn: psycopg.Connection, job: _Job, base: Batch | None, content: Content
) -> str | Published:
    """Abandon what earlier runs left, or take it up, else write the `building` row of the batch.

    Args:
        conn: In a transaction.
        job: What is published.
        base: The newest batch of the chain when the content was made.
        content: Its files.
    """
    chain = _chain(conn, job)
    newest = chain.newest
    prev = newest.batch_id if newest else None
    answer = _answer_without_batch(job, newest)
    if answer is None and content.kind == "delta" and prev != (base and base.batch_id):
        raise Busy("another run published to this chain meanwhile; run this one again")
    answer = answer or _unchanged(conn, job, newest, content)
    if answer is not None:
        _abandon(conn, job, chain.unfinished)
        return answer
    batch_id, sealed = _sealed(job, content, prev)
    same = [b for b in chain.unfinished if _is_same(conn, b, batch_id, content)]
    _abandon(conn, job, (batch for batch in chain.unfinished if batch not in same))
    if same:
        return batch_id
    made = Batch(
        batch_id=batch_id,
        contract=job.contract.id,
        contract_version=job.contract.version,
        market=job.batch_key.market,
        day=job.batch_key.day,
        request_id=job.batch_key.request_id,
        seq=job.batch_key.seq,
        prev_batch_id=prev,
        state="building",
        row_count=content.row_count,
        manifest_sha256=sign.sha256(sealed),
        created_at=job.now,
        published_at=None,
        kind=content.kind,
        remove_count=content.remove_count or 0,
    )
    record.refuse_unfit(conn, job.signer, job.contract.id)
    record.build(conn, made, sealed, content.keys_sha256, actor=job.actor)
    return batch_id


def _answer_without_batch(job: _Job, newest: Batch | None) -> Published | None:
    """The answer where there is nothing to build."""
    last, wanted = newest.batch_key.ordinal if newest else 0, job.batch_key.ordinal
    if newest is not None and last == wanted:
        return Published(
            newest.batch_key,
            "published",
            newest.batch_id,
            newest.row_count,
            already=True,
            kind=newest.kind,
            remove_count=newest.remove_count,
        )
    if last > wanted:
        return Published(job.batch_key, "closed")
    if job.batch_key.seq is not None and wanted > last + 1:
        raise BadInput(
            f"seq {wanted} of request {job.batch_key.request_id} follows {last} published; publish "
            f"seq {last + 1} first"
        )
    return None if newest or job.row_count else Published(job.batch_key, "empty")


def _unchanged(
    conn: psycopg.Connection, job: _Job, newest: Batch | None, content: Content
) -> Published | None:
    """The answer where a day holds what its chain holds already."""
    if newest is None or job.batch_key.seq is not None:
        return None
    if content.kind == "delta":
        is_same = not content.row_count and not content.remove_count
    else:
        newest_files = manifest.files_of(record.manifest_of(conn, newest.batch_id))
        is_same = newest_files == content.entries()
    return (
        Published(job.batch_key, "unchanged", newest.batch_id, job.row_count) if is_same else None
    )


def _sealed(job: _Job, content: Content, prev: str | None) -> tuple[str, bytes]:
    batch_id = content_id(job.contract, job.batch_key, prev, content)
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


def complete(conn: psycopg.Connection, objects: Objects, batch_id: str, *, actor: str) -> bool:
    """Make a begun batch visible, under the lock of its chain; whether it was published already.

    Args:
        conn: The writing transaction.
        objects: The handoff store.
        batch_id: The batch.
        actor: For the audit log.

    Raises:
        Busy: Files that its manifest names are not there any more.
    """
    batch = find(conn, batch_id)
    if batch is None or batch.state == "abandoned":
        raise Busy(f"batch {batch_id} was replaced by another run; run this one again")
    if batch.state == "published":
        return True
    sealed = record.manifest_of(conn, batch_id)
    listed = {manifest.NAME, *(entry["name"] for entry in manifest.files_of(sealed))}
    found = {entry.key.removeprefix(f"{batch.folder}/") for entry in objects.list(batch.folder)}
    # A part of a run with another library version: readers of the batch take every file here.
    for name in found - listed:
        objects.delete(f"{batch.folder}/{name}")
    if manifest.NAME not in found and (missing := listed - found - {manifest.NAME}):
        raise Busy(
            f"{len(missing)} files of batch {batch_id} are not in the store; run this one again"
        )
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

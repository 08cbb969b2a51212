"""Publishing a batch: all of it is visible, or nothing.

Here: the order of the writes. Row `building` with the manifest's bytes, and its event; the parts;
the manifest last, create-only, while the chain is locked; row `published`, and its event. Killed
anywhere, the next run finishes what is visible, resumes what is the same, abandons what is not.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg.pq import TransactionStatus

from sxe_pipeline.errors import BadInput, Busy, Tampered
from sxe_pipeline.handoff import manifest, record
from sxe_pipeline.handoff.batches import (
    Batch,
    find,
    folder_of,
    in_chain,
    list_batches,
    newest_landed_day,
)
from sxe_pipeline.handoff.chain import day_to_publish
from sxe_pipeline.handoff.encode import Part, canonical, content_id, encode
from sxe_pipeline.handoff.sign import Signer
from sxe_pipeline.handoff.slot import Slot
from sxe_pipeline.schema import Contract
from sxe_pipeline.store.objects import Objects


@dataclass(frozen=True, slots=True)
class Published:
    """What became of one slot of a contract.

    `published`: the batch is visible; `already` where an earlier run, or another process, published
    the slot. `closed`: the chain has a later one. `empty`: no rows and no chain to tell about it.
    `batch_id` is null in the last two.
    """

    slot: Slot
    state: Literal["published", "closed", "empty"]
    batch_id: str | None = None
    row_count: int = 0
    already: bool = False

    @property
    def market(self) -> str:
        """The market of the slot."""
        return self.slot.market

    @property
    def day(self) -> date:
        """The day of the slot."""
        return self.slot.day


@dataclass(frozen=True, slots=True)
class _Job:
    """The arguments of `publish` that never change on the way."""

    objects: Objects
    contract: Contract
    slot: Slot
    signer: Signer
    actor: str
    now: datetime


def publish(
    conn: psycopg.Connection,
    objects: Objects,
    *,
    contract: Contract,
    slot: Slot,
    rows: pa.Table,
    signer: Signer,
    actor: str,
    now: datetime,
) -> Published:
    """Publish all rows of a market and day, or of a request and seq, as one full batch.

    A published slot is never published again: asking for it a second time answers `already`,
    whatever the rows. The same rows in another order, or from two processes, are the same batch.

    Args:
        conn: A connection that is in no transaction; this function makes its own two.
        objects: The handoff store.
        contract: What the rows must meet.
        slot: The place in its chain. Whether a day may still be published is `chain`'s; a seq
            follows the published one before it.
        rows: All rows, in any order; those of a request are of no other one.
        signer: The key of this deployment.
        actor: Who asked, for the audit log.
        now: The time, for the batch's row and events; no byte of the batch depends on it.

    Raises:
        BadInput: The slot is none of this contract, leaves a gap, or rows are of another request.
        ContractBroken: The rows do not meet the contract; nothing was written.
        Busy: Another run replaced this one's content while it was writing.
        Tampered: The store holds other bytes under a name of this batch.
    """
    if conn.info.transaction_status != TransactionStatus.IDLE:
        raise BadInput("publishing needs a connection without an open transaction; commit it first")
    checked = canonical(contract, contract.check(rows))
    _refuse_strangers(contract, slot, checked)
    job = _Job(objects, contract, slot, signer, actor, now)
    parts = encode(contract, checked)
    with record.speaking(), conn.transaction():
        begun = _begin(conn, job, checked, parts)
    if isinstance(begun, Published):
        return begun
    folder = folder_of(contract.id, contract.version, begun)
    for part in parts:
        _put(objects, f"{folder}/{part.name}", part.data)
    with record.speaking(), conn.transaction():
        record.lock(conn, contract.id, slot)
        already = _complete(conn, objects, begun, actor=actor, now=now)
    return Published(slot, "published", begun, checked.num_rows, already)


def publish_day(
    conn: psycopg.Connection,
    objects: Objects,
    *,
    contract: Contract,
    days: Collection[date],
    rows: pa.Table,
    signer: Signer,
    actor: str,
    now: datetime,
) -> list[Published]:
    """One run: each market publishes the newest open day of the run, the other days are closed.

    Args:
        conn: As in `publish`.
        objects: As in `publish`.
        contract: As in `publish`; it has a column `market`.
        days: The days of the run, usually one.
        rows: The rows of today, every market. A market that has a chain and no row gets an empty
            batch.
        signer: As in `publish`.
        actor: As in `publish`.
        now: As in `publish`.

    Returns:
        One answer per market and day, in that order.
    """
    with record.speaking(), conn.transaction():
        newest = newest_landed_day(conn)
        chains: dict[str, set[date]] = {}
        for batch in list_batches(conn, contract=contract.id):
            chains.setdefault(batch.market, set()).add(batch.day)
    answers = []
    for market in sorted({*chains, *pc.unique(rows["market"]).to_pylist()}):
        chosen = day_to_publish(days, chains.get(market, set()), newest)
        closed = sorted(set(days) - {chosen})
        answers += [Published(Slot(market, day), "closed") for day in closed]
        if chosen is not None:
            done = publish(
                conn,
                objects,
                contract=contract,
                slot=Slot(market, chosen),
                rows=rows.filter(pc.equal(rows["market"], market)),
                signer=signer,
                actor=actor,
                now=now,
            )
            answers.append(done)
    return sorted(answers, key=lambda answer: (answer.market, answer.day))


def _refuse_strangers(contract: Contract, slot: Slot, rows: pa.Table) -> None:
    """A batch of a request holds rows of that one; a contract has a request in all or no batch."""
    if ("request_id" in contract.names) != (slot.request_id is not None):
        raise BadInput(
            f"a batch of {contract.id} is named by "
            + ("market and day" if slot.request_id else "request and seq")
            + "; give the slot in that form"
        )
    if slot.request_id is not None:
        strange = pc.sum(pc.not_equal(rows["request_id"], str(slot.request_id))).as_py()
        if strange:
            raise BadInput(
                f"{strange} rows are not of request {slot.request_id}; publish each request alone"
            )


def _begin(
    conn: psycopg.Connection, job: _Job, rows: pa.Table, parts: list[Part]
) -> str | Published:
    """Settle what earlier runs left, then name the batch to build; its row is `building`."""
    record.lock(conn, job.contract.id, job.slot)
    left = []
    for batch in in_chain(conn, job.contract.id, job.slot, "building"):
        if job.objects.exists(f"{batch.folder}/{manifest.NAME}"):
            _complete(conn, job.objects, batch.batch_id, actor=job.actor, now=job.now)
        else:
            left.append(batch)
    published = in_chain(conn, job.contract.id, job.slot, "published")
    newest = published[-1] if published else None
    answer = _answered(job, newest, rows.num_rows)
    batch_id, sealed = None, b""
    if answer is None:
        prev = newest.batch_id if newest else None
        batch_id, sealed = _sealed(job, rows, parts, prev)
    for batch in left:
        if not _is_same(conn, batch, batch_id, parts):
            record.abandon(conn, batch, actor=job.actor, now=job.now)
        else:
            return batch.batch_id
    if answer is not None or batch_id is None:
        return answer or Published(job.slot, "closed")
    made = Batch(
        batch_id=batch_id,
        contract=job.contract.id,
        contract_version=job.contract.version,
        market=job.slot.market,
        day=job.slot.day,
        request_id=job.slot.request_id,
        seq=job.slot.seq,
        prev_batch_id=newest.batch_id if newest else None,
        state="building",
        row_count=rows.num_rows,
        manifest_sha256=record.sha256(sealed),
        created_at=job.now,
        published_at=None,
    )
    record.refuse_retired(conn, job.signer)
    record.build(conn, made, sealed, actor=job.actor)
    return batch_id


def _answered(job: _Job, newest: Batch | None, row_count: int) -> Published | None:
    """The answer where there is nothing to build."""
    last, asked = newest.slot.place if newest else 0, job.slot.place
    if newest is not None and last == asked:
        return Published(newest.slot, "published", newest.batch_id, newest.row_count, already=True)
    if last > asked:
        return Published(job.slot, "closed")
    if job.slot.seq is not None and asked > last + 1:
        raise BadInput(
            f"seq {asked} of request {job.slot.request_id} follows {last} published; publish "
            f"seq {last + 1} first"
        )
    return None if newest or row_count else Published(job.slot, "empty")


def _sealed(job: _Job, rows: pa.Table, parts: list[Part], prev: str | None) -> tuple[str, bytes]:
    batch_id = content_id(job.contract, job.slot, prev, parts)
    said = manifest.predicate(
        job.contract,
        rows,
        parts,
        batch_id=batch_id,
        slot=job.slot,
        prev_batch_id=prev,
    )
    return batch_id, manifest.seal(said, job.signer)


def _is_same(
    conn: psycopg.Connection, batch: Batch, batch_id: str | None, parts: list[Part]
) -> bool:
    """Whether a begun batch is what we would build, file for file: then its stored bytes go out.

    The same rows in other Parquet bytes (another library version since the crash) are not.
    """
    if batch.batch_id != batch_id:
        return False
    return manifest.files_of(record.manifest_of(conn, batch_id)) == [p.entry() for p in parts]


def _complete(
    conn: psycopg.Connection, objects: Objects, batch_id: str, *, actor: str, now: datetime
) -> bool:
    """Make a begun batch visible, under the lock of its chain. True: it was published already."""
    batch = find(conn, batch_id)
    if batch is None or batch.state == "abandoned":
        raise Busy(f"batch {batch_id} was replaced by another run; run this one again")
    if batch.state == "published":
        return True
    sealed = record.manifest_of(conn, batch_id)
    listed = {manifest.NAME, *(entry["name"] for entry in manifest.files_of(sealed))}
    for entry in objects.list(batch.folder):
        # a part of a run with another library version: the batch's readers take every file here
        if entry.key.removeprefix(f"{batch.folder}/") not in listed:
            objects.delete(entry.key)
    _put(objects, f"{batch.folder}/{manifest.NAME}", sealed)
    record.finish(conn, batch, actor=actor, now=now)
    return False


def _put(objects: Objects, key: str, data: bytes) -> None:
    if not objects.put_new(key, data) and objects.get(key) != data:
        raise Tampered(f"object {key} holds other bytes than this run wrote; look who else writes")

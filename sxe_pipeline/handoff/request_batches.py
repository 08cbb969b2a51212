"""The batches of one finished request: the first, and a further one when its rows have changed.

Here: which seq the rows of today get. Not here: the order of the writes (`publish`).
"""

from contextlib import closing
from datetime import date, datetime
from uuid import UUID

import psycopg
import pyarrow as pa

from sxe_pipeline.handoff import record
from sxe_pipeline.handoff.batches import in_chain
from sxe_pipeline.handoff.chain import BatchKey
from sxe_pipeline.handoff.files import manifest
from sxe_pipeline.handoff.files.encode import encode
from sxe_pipeline.handoff.files.pieces import checked
from sxe_pipeline.handoff.publish import Published, publish
from sxe_pipeline.schema import Contract
from sxe_pipeline.sign import Signer
from sxe_pipeline.store.objects import Objects


def publish_request(
    conn: psycopg.Connection,
    objects: Objects,
    *,
    contract: Contract,
    request_id: UUID,
    market: str,
    day: date,
    rows: pa.Table,
    signer: Signer,
    actor: str,
    now: datetime,
) -> Published:
    """Publish the rows of a request, unless its newest batch holds the same rows.

    Args:
        conn: In no transaction.
        objects: The contact handoff store.
        contract: `lead_contact`.
        request_id: The chain.
        market: Stated in the batch.
        day: Stated in the batch; the same for the same rows.
        rows: Everything known for the request.
        signer: The contact tier's key.
        actor: For the audit log.
        now: For rows and events.

    Returns:
        The batch of these rows; `already` where it was published before, `empty` where there is
        none to publish.
    """
    with closing(encode(contract, checked(contract, rows))) as content:
        lines = {part.sha256 for part in content.parts if part.format == "jsonl"}
    first = BatchKey(market, day, request_id, 1)
    while not isinstance(seq := _same_or_next(conn, contract, first, lines), Published):
        done = publish(
            conn,
            objects,
            contract=contract,
            batch_key=BatchKey(market, day, request_id, seq),
            rows=rows,
            signer=signer,
            actor=actor,
            now=now,
        )
        # `already`: a killed run had left that seq unfinished, with the rows of its time.
        if not done.already:
            return done
    return seq


def _same_or_next(
    conn: psycopg.Connection, contract: Contract, first: BatchKey, lines: set[str]
) -> Published | int:
    """The newest batch of the chain where its JSON Lines are these, else the seq after it."""
    with record.translated_errors(), conn.transaction():
        chain = in_chain(conn, contract.id, first, "published")
        sealed = record.manifest_of(conn, chain[-1].batch_id) if chain else None
    if sealed is not None:
        files = manifest.files_of(sealed)
        if lines == {file["sha256"] for file in files if file["format"] == "jsonl"}:
            newest = chain[-1]
            return Published(
                newest.batch_key, "published", newest.batch_id, newest.row_count, already=True
            )
    return len(chain) + 1

"""The batches of one finished request: the first, and another when there is more to tell.

Here: which seq the rows of today are. Not here: the order of the writes (`publish`).
"""

from datetime import date, datetime
from uuid import UUID

import psycopg
import pyarrow as pa

from sxe_pipeline.handoff import manifest, record
from sxe_pipeline.handoff.batches import in_chain
from sxe_pipeline.handoff.encode import canonical, encode
from sxe_pipeline.handoff.publish import Published, publish
from sxe_pipeline.handoff.sign import Signer
from sxe_pipeline.handoff.slot import Slot
from sxe_pipeline.schema import Contract
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
    """Publish the rows of a request, unless its newest batch says the same already.

    Args:
        conn: In no transaction.
        objects: The contact handoff store.
        contract: `lead_contact`.
        request_id: The chain.
        market: Told in the batch.
        day: Told in the batch; the same for the same rows.
        rows: Everything known for the request.
        signer: The contact tier's key.
        actor: For the audit log.
        now: For rows and events.

    Returns:
        The batch of these rows; `already` where it stood before, `empty` where there is nothing.
    """

    def told() -> Published | int:
        """The newest batch where it says the same, else the seq after it."""
        with record.speaking(), conn.transaction():
            chain = in_chain(conn, contract.id, Slot(market, day, request_id, 1), "published")
            sealed = record.manifest_of(conn, chain[-1].batch_id) if chain else None
        if sealed is not None:
            said = {f["sha256"] for f in manifest.files_of(sealed) if f["format"] == "jsonl"}
            if said == lines:
                newest = chain[-1]
                return Published(
                    newest.slot, "published", newest.batch_id, newest.row_count, already=True
                )
        return len(chain) + 1

    parts = encode(contract, canonical(contract, contract.check(rows)))
    lines = {part.sha256 for part in parts if part.format == "jsonl"}
    while not isinstance(seq := told(), Published):
        done = publish(
            conn,
            objects,
            contract=contract,
            slot=Slot(market, day, request_id, seq),
            rows=rows,
            signer=signer,
            actor=actor,
            now=now,
        )
        # `already`: that place was what a killed run had left, with the rows of its time.
        if not done.already:
            return done
    return seq

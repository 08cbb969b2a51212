"""The face of the handoff: a signed batch per market and day, and one per finished request."""

from datetime import UTC, date, datetime
from typing import Protocol
from uuid import UUID

import dagster as dg
import psycopg
import pyarrow as pa

from sxe_pipeline import audit, face, schema
from sxe_pipeline.handoff import publish, requests, sign
from sxe_pipeline.settings import Settings
from sxe_pipeline.store import objects, sql


class Ready(Protocol):
    """The cards that may leave; `definitions` hands in the one of the cards."""

    def __call__(self, conn: psycopg.Connection, settings: Settings) -> pa.Table:
        """Ready rows in the contract's columns, every market."""
        ...


class OfRequest(Protocol):
    """The rows of one finished request; `definitions` hands in the one of the contacts."""

    def __call__(
        self,
        conn: psycopg.Connection,
        settings: Settings,
        request_id: UUID,
        contract: schema.Contract,
    ) -> tuple[pa.Table, str, date] | None:
        """Rows in the contract's columns, market and day of the batch; None: nothing may leave."""
        ...


@dg.asset(
    key_prefix="handoff",
    group_name="handoff",
    deps=[["cards", "lead_cards"], ["social", "observations"]],
    partitions_def=face.daily,
    backfill_policy=face.one_run,
    kinds={"parquet", "json"},
    owners=["team:integrations"],
    tags={"sxe/tier": "execution", "sxe/contract": "lead_card"},
    code_version="1",
)
@face.speaking_dagster
def lead_card_batches(
    context: dg.AssetExecutionContext,
    settings: dg.ResourceParam[Settings],
    ready_cards: dg.ResourceParam[Ready],
) -> dg.MaterializeResult[None]:
    """All ready cards of each market, as a signed batch of an open day; closed days give none."""
    days = face.days_of(context)
    with sql.connect(settings.need("social_dsn")) as conn:
        rows = ready_cards(conn, settings)
        conn.commit()
        outcomes = publish.publish_day(
            conn,
            objects.Objects(settings.handoff_url),
            contract=schema.load("lead_card"),
            days=days,
            rows=rows,
            signer=sign.of_settings(settings),
            actor="asset:handoff/lead_card_batches",
            now=datetime.now(UTC),
        )
        attestation = audit.attest(conn, "handoff/lead_card_batches", context.run.run_id)
    published = [o for o in outcomes if o.state == "published"]
    table = [
        {"market": o.market, "day": o.day.isoformat(), "state": o.state, "rows": o.row_count}
        for o in outcomes
    ]
    return dg.MaterializeResult(
        metadata={
            **face.counts(
                batches=len(published),
                closed=len(outcomes) - len(published),
                rows=sum(o.row_count for o in published),
            ),
            **attestation.metadata,
            "sxe/batches": face.top(table, limit=25),
        }
    )


@dg.asset(
    key_prefix="handoff",
    group_name="handoff",
    deps=[["contacts", "contact_points"]],
    partitions_def=face.request_partitions,
    kinds={"parquet", "json"},
    owners=["team:integrations"],
    tags={"sxe/tier": "contact", "sxe/contract": "lead_contact"},
    code_version="1",
)
@face.speaking_dagster
def lead_contact_batches(
    context: dg.AssetExecutionContext,
    settings: dg.ResourceParam[Settings],
    contact_rows: dg.ResourceParam[OfRequest],
) -> dg.MaterializeResult[None]:
    """The contact points of one finished request, as a signed batch of the contact bucket."""
    request_id, contract = UUID(context.partition_key), schema.load("lead_contact")
    with sql.connect(settings.need("contacts_dsn")) as conn:
        found = contact_rows(conn, settings, request_id, contract)
        conn.commit()
        if found is None:
            return dg.MaterializeResult(metadata=face.counts(rows=0, state="nothing may leave"))
        rows, market, day = found
        done = requests.publish_request(
            conn,
            objects.Objects(settings.contact_handoff_url),
            contract=contract,
            request_id=request_id,
            market=market,
            day=day,
            rows=rows,
            signer=sign.of_settings(settings),
            actor="asset:handoff/lead_contact_batches",
            now=datetime.now(UTC),
        )
        attestation = audit.attest(conn, "handoff/lead_contact_batches", context.run.run_id)
    return dg.MaterializeResult(
        metadata={
            **face.counts(rows=done.row_count, seq=done.slot.seq, state=done.state),
            **face.counts(batch_id=done.batch_id, is_new=int(not done.already)),
            **attestation.metadata,
        }
    )

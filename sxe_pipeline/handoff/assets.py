"""The face of the handoff: one signed batch per market and day."""

from datetime import UTC, datetime
from typing import Protocol

import dagster as dg
import psycopg
import pyarrow as pa

from sxe_pipeline import audit, face, schema
from sxe_pipeline.handoff import publish, sign
from sxe_pipeline.settings import Settings
from sxe_pipeline.store import objects, sql


class Ready(Protocol):
    """The cards that may leave; `definitions` hands in the one of the cards."""

    def __call__(self, conn: psycopg.Connection, settings: Settings) -> pa.Table:
        """Ready rows in the contract's columns, every market."""
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
        cover = audit.cover(conn, "handoff/lead_card_batches", context.run.run_id)
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
            **cover.metadata,
            "sxe/batches": face.top(table, limit=25),
        }
    )

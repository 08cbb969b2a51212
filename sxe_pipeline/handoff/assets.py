"""The face of the handoff: a signed batch per market and day, and one per finished request."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Protocol
from uuid import UUID

import dagster as dg
import psycopg
import pyarrow as pa

from sxe_pipeline import audit, face, schema
from sxe_pipeline.handoff import batches, day_batches, heads, record, request_batches
from sxe_pipeline.handoff.chain_rows import Deltas, Gone
from sxe_pipeline.handoff.files import head, manifest
from sxe_pipeline.handoff.publish import Published
from sxe_pipeline.ops import periods, work
from sxe_pipeline.ops.runs import RunLease
from sxe_pipeline.settings import Settings
from sxe_pipeline.sign import Signer
from sxe_pipeline.store import objects

CARDS, POOLS = "lead_card", "audience_pool"
"""The contracts of what leaves Tier 1."""


class ReadyRows(Protocol):
    """The rows that may be handed over; `definitions` provides the function of `cards`."""

    def __call__(self, conn: psycopg.Connection, settings: Settings) -> day_batches.MarketRows:
        """Ready rows of every market in the contract's columns, not read yet."""
        ...


class ReasonsGone(Protocol):
    """Why rows are not handed over any more; `definitions` provides the function of `cards`."""

    def __call__(self, conn: psycopg.Connection, settings: Settings) -> Gone:
        """What became of them, as of now."""
        ...


class RowsOfRequest(Protocol):
    """The rows of one finished request; `definitions` provides the function of `contacts`."""

    def __call__(
        self,
        conn: psycopg.Connection,
        settings: Settings,
        request_id: UUID,
        contract: schema.Contract,
    ) -> tuple[pa.Table, str, date] | None:
        """Rows in the contract's columns, market and day; None where nothing may be handed over.

        Args:
            conn: The contact tier's login.
            settings: For its keys.
            request_id: The request.
            contract: Whose columns the rows have.
        """
        ...


@dg.asset(
    key_prefix="handoff",
    group_name=face.CARD_BATCHES,
    deps=[["cards", "lead_cards"], ["cards", "audience_pools"], ["social", "observations"]],
    partitions_def=face.daily,
    backfill_policy=face.one_run,
    kinds={"parquet", "json"},
    owners=["team:integrations"],
    tags={"sxe/tier": "execution", "sxe/contract": "lead_card"},
    code_version="1",
    metadata=face.table("lead_card", schema.load("lead_card").columns),
)
@face.speaking_dagster
def lead_card_batches(
    context: dg.AssetExecutionContext,
    settings: dg.ResourceParam[Settings],
    run_lease: dg.ResourceParam[RunLease],
    ready_cards: dg.ResourceParam[ReadyRows],
    ready_pools: dg.ResourceParam[ReadyRows],
    gone_cards: dg.ResourceParam[ReasonsGone],
) -> dg.MaterializeResult[None]:
    """What leaves Tier 1 for an open day, signed: a batch of each market's ready cards and pools.

    A batch of cards is full, or what changed since the one before; one of pools is full. Closed
    days give none. Nothing leaves whose versions did not pass their guards.
    """
    days = face.days_of(context)
    with run_lease.connect() as conn:
        cards, pools = ready_cards(conn, settings), ready_pools(conn, settings)
        full_every = periods.load(settings.retention_file).full_every
        deltas = Deltas(gone_cards(conn, settings), full_every)
        signer = record.signer_of(conn, settings)
        conn.commit()
        of_cards, of_pools = (
            _publish(
                conn,
                settings,
                run_lease.run_id,
                contract=schema.load(contract),
                days=days,
                rows=rows,
                signer=signer,
                deltas=deltas if contract == CARDS else None,
            )
            for contract, rows in ((CARDS, cards), (POOLS, pools))
        )
        for day in days:
            work.finish(conn, work.NIGHT, day.isoformat())
        attested = audit.attest_days(conn, "handoff/lead_card_batches", context.run.run_id, days)
        face.log_attested(context, {d: [e.metadata for e in a.each] for d, a in attested.items()})
        for day in days:
            context.add_asset_metadata(
                {
                    **_shown(of_cards.of(day), of_pools.of(day)),
                    **face.counts(head=of_cards.head_seq, pools_head=of_pools.head_seq),
                    **attested[day].metadata,
                },
                partition_key=day.isoformat(),
            )
    return dg.MaterializeResult()


@dataclass(frozen=True)
class _Left:
    """What became of the batches of a contract, and the head that says so (null: none is due)."""

    outcomes: Sequence[Published]
    head_seq: int | None

    def of(self, day: date) -> list[Published]:
        return [outcome for outcome in self.outcomes if outcome.day == day]


def _publish(
    conn: psycopg.Connection,
    settings: Settings,
    run_id: str,
    *,
    contract: schema.Contract,
    days: Sequence[date],
    rows: day_batches.MarketRows,
    signer: Signer,
    deltas: Deltas | None,
) -> _Left:
    """The batches of a contract, then the head of them all: a snapshot across markets."""
    store, actor = objects.Objects(settings.handoff_url), "asset:handoff/lead_card_batches"
    heads.begin(conn, contract.id, run_id)
    outcomes = day_batches.publish_day(
        conn,
        store,
        contract=contract,
        days=days,
        rows=rows,
        signer=signer,
        actor=actor,
        now=datetime.now(UTC),
        deltas=deltas,
    )
    made = heads.make(
        conn,
        store,
        contract=contract.id,
        major=head.major_of(contract.version),
        signer=signer,
        actor=actor,
        now=datetime.now(UTC),
        unchanged={o.market: o.day for o in outcomes if o.state == "unchanged"},
    )
    return _Left(outcomes, made.seq if made else None)


def day_shown(conn: psycopg.Connection, day: date) -> Mapping[str, Any]:
    """What the materialization of a day shows of its batches: as published, in Postgres."""
    return _shown(*(_published_of(conn, contract, day) for contract in (CARDS, POOLS)))


def _published_of(conn: psycopg.Connection, contract: str, day: date) -> list[Published]:
    return [
        Published(
            batch.batch_key,
            "published",
            batch.batch_id,
            batch.row_count,
            kind=batch.kind,
            remove_count=batch.remove_count,
        )
        for batch in batches.list_batches(conn, contract=contract)
        if batch.day == day
    ]


def _shown(outcomes: Sequence[Published], of_pools: Sequence[Published]) -> Mapping[str, Any]:
    """The batches of a day with the way to each manifest, below the handoff store."""
    published = [outcome for outcome in outcomes if outcome.state == "published"]
    pools = [outcome for outcome in of_pools if outcome.state == "published"]
    rows, version = sum(o.row_count for o in published), schema.load(CARDS).version
    removes = sum(o.remove_count for o in published)
    table = [
        {
            "market": o.market,
            "state": o.state,
            "kind": f"{o.kind or '-'}{f', {o.why_full}' if o.why_full else ''}",
            "rows": o.row_count,
            "removes": o.remove_count,
            "batch_id": o.batch_id or "-",
        }
        for o in outcomes
    ]
    manifests = [_manifest(CARDS, version, o.batch_id) for o in published if o.batch_id]
    return {
        **face.counts(
            published=len(published),
            without_batch=len(outcomes) - len(published),
            rows=rows,
            removes=removes,
            pool_batches=len(pools),
            pool_rows=sum(o.row_count for o in pools),
        ),
        **face.row_counts(rows, rows),
        "sxe/batches": face.top(table, limit=25),
        **face.counts(manifests="\n".join(manifests[:25]) or None),
    }


def _manifest(contract: str, version: str, batch_id: str) -> str:
    return f"{batches.folder_of(contract, version, batch_id)}/{manifest.NAME}"


@dg.asset(
    key_prefix="handoff",
    group_name=face.CONTACT_BATCHES,
    deps=[["contacts", "contact_points"]],
    partitions_def=face.request_partitions,
    kinds={"parquet", "json"},
    owners=["team:integrations"],
    tags={"sxe/tier": "contact", "sxe/contract": "lead_contact"},
    code_version="1",
    metadata=face.table("lead_contact", schema.load("lead_contact").columns),
)
@face.speaking_dagster
def lead_contact_batches(
    context: dg.AssetExecutionContext,
    settings: dg.ResourceParam[Settings],
    run_lease: dg.ResourceParam[RunLease],
    contact_rows: dg.ResourceParam[RowsOfRequest],
) -> dg.MaterializeResult[None]:
    """The contact points of one finished request, as a signed batch of the contact bucket."""
    request_id, contract = UUID(context.partition_key), schema.load("lead_contact")
    with run_lease.connect() as conn:
        batch = contact_rows(conn, settings, request_id, contract)
        conn.commit()
        if batch is None:
            return dg.MaterializeResult(metadata=face.counts(rows=0, state="nothing may leave"))
        rows, market, day = batch
        signer = record.signer_of(conn, settings)
        conn.commit()
        done = request_batches.publish_request(
            conn,
            objects.Objects(settings.contact_handoff_url),
            contract=contract,
            request_id=request_id,
            market=market,
            day=day,
            rows=rows,
            signer=signer,
            actor="asset:handoff/lead_contact_batches",
            now=datetime.now(UTC),
        )
        attestation = audit.attest(
            conn, "handoff/lead_contact_batches", context.run.run_id, subject=done.batch_id
        )
    return dg.MaterializeResult(
        metadata={
            **face.counts(rows=done.row_count, seq=done.batch_key.seq, state=done.state),
            **face.counts(batch_id=done.batch_id, is_new=int(not done.already)),
            **face.counts(
                manifest=_manifest(contract.id, contract.version, done.batch_id)
                if done.batch_id
                else None
            ),
            **face.row_counts(done.row_count),
            **attestation.metadata,
        }
    )

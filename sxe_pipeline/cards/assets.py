"""The faces of the cards: lead cards, audience pools, and the share that carries labels."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from sxe_pipeline import audit, face
from sxe_pipeline.cards import candidate_table, checks, funnel, inputs, pool_table, tier1
from sxe_pipeline.cards.funnel import TAGGED_GOAL
from sxe_pipeline.cards.markets import market, market_pages
from sxe_pipeline.ops.runs import RunLease
from sxe_pipeline.schema.lead_card import LEAD_CARD
from sxe_pipeline.schema.tables import POOL
from sxe_pipeline.settings import Settings
from sxe_pipeline.store import catalogue, sql, tables

PAGES_SHOWN = 20
BEFORE_THE_GATE = "gate.candidate"


@dg.asset(
    deps=[["social", "profiles"], ["social", "identities"]],
    kinds={"deltalake", "python"},
    tags={"sxe/tier": "social", "sxe/contract": "lead_card"},
    code_version="1",
    metadata=face.table(LEAD_CARD.name, LEAD_CARD.columns),
    freshness_policy=dg.FreshnessPolicy.time_window(
        fail_window=timedelta(hours=50), warn_window=timedelta(hours=26)
    ),
    key_prefix="cards",
    group_name=face.TIER1,
    owners=["team:market-ops"],
)
@face.speaking_dagster
def lead_cards(
    context: dg.AssetExecutionContext,
    settings: dg.ResourceParam[Settings],
    run_lease: dg.ResourceParam[RunLease],
) -> dg.MaterializeResult[None]:
    """Every identity that says its role, with persona, tribe, market and readiness."""
    with run_lease.connect() as conn:
        written = tier1.rebuild_cards(
            conn,
            settings,
            actor="asset:cards/lead_cards",
            now=datetime.now(UTC),
            recheck=run_lease.recheck,
            is_whole=face.is_whole(context),
            engine=face.engine_of(context, settings),
        )
        attestation = audit.attest(conn, "cards/lead_cards", context.run.run_id)
    numbers = written.numbers()
    shares = funnel.shares(numbers)
    return dg.MaterializeResult(
        metadata={
            **face.counts(**numbers, **shares),
            **face.row_counts(written.card_count),
            **attestation.metadata,
            **face.summary("Lead cards", {**shares, **numbers}),
            "sxe/personas": face.top(written.personas),
            "sxe/tribes": face.top(written.tribes),
            "sxe/readiness": face.top(written.readiness),
        }
    )


@dg.asset(
    deps=[lead_cards],
    kinds={"deltalake", "postgres"},
    tags={"sxe/tier": "social"},
    code_version="1",
    metadata=face.table(POOL.name, POOL.columns),
    key_prefix="cards",
    group_name=face.TIER1,
    owners=["team:market-ops"],
)
@face.speaking_dagster
def audience_pools(
    context: dg.AssetExecutionContext,
    settings: dg.ResourceParam[Settings],
    run_lease: dg.ResourceParam[RunLease],
) -> dg.MaterializeResult[None]:
    """How many cards, how ready, how well labeled, how large an audience: by market and pool."""
    now = datetime.now(UTC)
    with run_lease.connect() as conn:
        written = pool_table.rebuild(
            conn,
            settings,
            actor="asset:cards/audience_pools",
            now=now,
            recheck=run_lease.recheck,
        )
        pages = market_pages.put(conn, settings, now)
        attestation = audit.attest(conn, "cards/audience_pools", context.run.run_id)
    store = face.without_secrets(settings.tier1_url).rstrip("/")
    return dg.MaterializeResult(
        metadata={
            **face.counts(**written.numbers()),
            **face.row_counts(written.pool_count),
            **attestation.metadata,
            "sxe/largest": face.top(written.largest),
            "sxe/pages": face.top(
                [{"market": name, "page": f"{store}/{key}"} for name, key in pages.items()],
                PAGES_SHOWN,
            ),
        }
    )


@dg.asset(
    deps=[lead_cards],
    kinds={"postgres"},
    tags={"sxe/tier": "social"},
    code_version="1",
    metadata=face.table(BEFORE_THE_GATE, catalogue.columns_of(BEFORE_THE_GATE)),
    key_prefix="cards",
    group_name=face.TIER1,
    owners=["team:market-ops"],
)
@face.speaking_dagster
def enrichment_candidates(
    context: dg.AssetExecutionContext,
    settings: dg.ResourceParam[Settings],
    run_lease: dg.ResourceParam[RunLease],
) -> dg.MaterializeResult[None]:
    """Ready cards before the gate, with what a provider may be told to recognise them."""
    with run_lease.connect() as conn:
        written = candidate_table.rebuild(
            conn,
            settings,
            actor="asset:cards/enrichment_candidates",
            now=datetime.now(UTC),
            recheck=run_lease.recheck,
        )
        attestation = audit.attest(conn, "cards/enrichment_candidates", context.run.run_id)
    return dg.MaterializeResult(
        metadata={
            **face.counts(**written.numbers()),
            **face.row_counts(written.candidate_count),
            **attestation.metadata,
            **face.summary("Candidates that state", written.with_inputs),
        }
    )


@dg.asset_check(
    asset=lead_cards,
    name="no_contact_data",
    description="The second detector finds no contact data on any card.",
)
@face.speaking_dagster
def no_contact_data_on_cards(settings: dg.ResourceParam[Settings]) -> dg.AssetCheckResult:
    """The second detector, over every text of every card."""
    with sql.connect(settings.need("social_dsn")) as conn:
        stored = tables.snapshot(conn, settings.tier1_url, inputs.CARDS)
        found = checks.no_contact_data(conn, stored)
    return dg.AssetCheckResult(
        passed=found.is_passed,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata=face.counts(**found.numbers),
    )


@dg.asset_check(asset=lead_cards, description="At least 80 % carry persona and tribe.")
@face.speaking_dagster
def tagged_share(settings: dg.ResourceParam[Settings]) -> dg.AssetCheckResult:
    """The owner's metric, beside the share that stands on own words, and how many are leads."""
    with sql.connect(settings.need("social_dsn")) as conn:
        counts = funnel.totals(market.funnel(conn))
    shares = funnel.shares(counts)
    cards = counts["lead_cards"]
    return dg.AssetCheckResult(
        passed=cards == 0 or shares["tagged_share"] >= TAGGED_GOAL,
        severity=dg.AssetCheckSeverity.WARN,
        metadata=face.counts(cards=cards, **shares),
    )


@dg.asset_check(
    asset=lead_cards,
    description="New taxonomies and weights say nearly what the old ones said of the same cards.",
)
@face.speaking_dagster
def label_drift(settings: dg.ResourceParam[Settings]) -> dg.AssetCheckResult:
    """How far the labels of the same identities lie apart under the versions before and now."""
    with sql.connect(settings.need("social_dsn")) as conn:
        found = checks.label_drift(conn, settings.tier1_url)
    columns = [
        {
            "column": each.column,
            "distance": round(each.distance, 4),
            "limit": round(each.limit + each.by_chance, 4),
            "identities": each.after_count,
        }
        for each in found
    ]
    return dg.AssetCheckResult(
        passed=not any(each.is_over for each in found),
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"sxe/drift": face.top(columns)} if columns else {},
    )

"""The faces of the social tier: observations, profiles, identities, and what is checked of them."""

import secrets
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime

import dagster as dg
import psycopg

from sxe_pipeline import audit, face
from sxe_pipeline.ops.runs import RunLease
from sxe_pipeline.privacy import leaks
from sxe_pipeline.redact import RULESET_VERSION
from sxe_pipeline.schema.landed import Landed, LandedDay, LandingFile
from sxe_pipeline.schema.tables import OBSERVATION
from sxe_pipeline.settings import Settings
from sxe_pipeline.social import checks, identities, observe, profiles
from sxe_pipeline.store import sql, tables

DayOf = Callable[[psycopg.Connection, date], LandedDay]
"""What a landing day is made from; `definitions` hands in the function of ingest."""
Read = Callable[[LandingFile], Iterable[Landed]]
"""The mapped rows and the rejects of one file; handed in as well."""


@dg.asset(
    deps=[["ingest", "raw_profiles"]],
    partitions_def=face.daily,
    backfill_policy=face.one_run,
    code_version=RULESET_VERSION,
    key_prefix="social",
    group_name="social",
    kinds={"deltalake", "duckdb"},
    owners=["team:data-ops"],
    tags={"sxe/tier": "social"},
)
@face.speaking_dagster
def observations(
    context: dg.AssetExecutionContext,
    settings: dg.ResourceParam[Settings],
    run_lease: dg.ResourceParam[RunLease],
    landed_day: dg.ResourceParam[DayOf],
    read_landing_file: dg.ResourceParam[Read],
) -> dg.MaterializeResult[None]:
    """Every sighting that landed, redacted before it is written; the rest in quarantine."""
    days = face.days_of(context)
    with run_lease.connect() as conn:
        landed = {day: landed_day(conn, day) for day in days}
        conn.commit()
        written = observe.observe(
            conn,
            settings.tier1_url,
            days=days,
            files_by_day={day: each.files for day, each in landed.items()},
            inputs_by_day={day: each.inputs for day, each in landed.items()},
            read=read_landing_file,
            recheck=run_lease.recheck,
            now=datetime.now(UTC),
            actor="asset:social/observations",
        )
        attestation = audit.attest(conn, "social/observations", context.run.run_id)
    total = observe.total(written)
    numbers = {
        "input_rows": total.input_count,
        "observations": total.observation_count,
        "quarantined": total.quarantine_count,
        "scan_open": total.open_count,
        "leaks": total.leak_count,
    }
    return dg.MaterializeResult(
        metadata={
            **face.counts(**numbers, ruleset=RULESET_VERSION),
            **attestation.metadata,
            **face.summary("Observations", {"days": len(days), **numbers}),
            "sxe/reasons": face.top([{"reason": r, "rows": n} for r, n in total.reasons.items()]),
        }
    )


@dg.asset(
    name="profiles",
    deps=[observations],
    code_version="1",
    key_prefix="social",
    group_name="social",
    kinds={"deltalake", "duckdb"},
    owners=["team:data-ops"],
    tags={"sxe/tier": "social"},
)
@face.speaking_dagster
def current_profiles(
    context: dg.AssetExecutionContext,
    settings: dg.ResourceParam[Settings],
    run_lease: dg.ResourceParam[RunLease],
) -> dg.MaterializeResult[None]:
    """One row per account: the newest sighting wins, handle-keyed accounts fold."""
    with run_lease.connect() as conn:
        written = profiles.rebuild(
            conn,
            settings.tier1_url,
            actor="asset:social/profiles",
            now=datetime.now(UTC),
            recheck=run_lease.recheck,
        )
        attestation = audit.attest(conn, "social/profiles", context.run.run_id)
    return dg.MaterializeResult(
        metadata={
            **face.counts(**written.numbers()),
            **attestation.metadata,
            **face.summary("Profiles", written.numbers()),
        }
    )


@dg.asset(
    name="identities",
    deps=[current_profiles],
    code_version="1",
    key_prefix="social",
    group_name="social",
    kinds={"deltalake", "duckdb"},
    owners=["team:data-ops"],
    tags={"sxe/tier": "social"},
)
@face.speaking_dagster
def card_identities(
    context: dg.AssetExecutionContext,
    settings: dg.ResourceParam[Settings],
    run_lease: dg.ResourceParam[RunLease],
) -> dg.MaterializeResult[None]:
    """Which accounts are one person or brand, by the links they declare; ids that stay."""
    with run_lease.connect() as conn:
        written = identities.rebuild(
            conn,
            settings.tier1_url,
            mint=lambda: secrets.token_hex(16),
            actor="asset:social/identities",
            now=datetime.now(UTC),
            recheck=run_lease.recheck,
        )
        attestation = audit.attest(conn, "social/identities", context.run.run_id)
    return dg.MaterializeResult(
        metadata={
            **face.counts(**written.numbers()),
            **attestation.metadata,
            **face.summary("Identities", written.numbers()),
        }
    )


@dg.asset_check(asset=observations, description="The second detector finds no contact data.")
@face.speaking_dagster
def no_contact_data(settings: dg.ResourceParam[Settings]) -> dg.AssetCheckResult:
    """Scan what is stored, and report what the last run had to quarantine as a leak."""
    with sql.connect(settings.need("social_dsn")) as conn:
        stored = tables.snapshot(conn, settings.tier1_url, observe.TABLE)
        quarantined = checks.newest_leak_count(conn)
        seen = leaks.contact_data(stored, OBSERVATION)
    return dg.AssetCheckResult(
        passed=seen.certain == 0 and quarantined == 0,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata=face.counts(certain=seen.certain, open=seen.open, leaks=quarantined),
    )


@dg.asset_check(asset=observations, description="Every input row is an observation or quarantined.")
@face.speaking_dagster
def counts_add_up(settings: dg.ResourceParam[Settings]) -> dg.AssetCheckResult:
    """Compare what was counted while reading with what the two tables hold."""
    with sql.connect(settings.need("social_dsn")) as conn:
        balance = checks.balance(
            conn,
            tables.snapshot(conn, settings.tier1_url, observe.TABLE),
            tables.snapshot(conn, settings.tier1_url, observe.QUARANTINE_TABLE),
        )
    return dg.AssetCheckResult(
        passed=balance.is_even,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata=face.counts(
            input_rows=balance.input_count, stored_rows=balance.stored_count, days=balance.days
        ),
    )

"""The faces of the social tier: observations, profiles, identities, and what is checked of them."""

import secrets
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any

import dagster as dg
import psycopg

from sxe_pipeline import audit, face
from sxe_pipeline.ops.runs import RunLease
from sxe_pipeline.redact import RULESET_VERSION
from sxe_pipeline.schema.landed import Landed, LandedDay, LandingFile
from sxe_pipeline.schema.tables import IDENTITY, OBSERVATION, PROFILE
from sxe_pipeline.settings import Settings
from sxe_pipeline.social import checks, identities, observe, profiles
from sxe_pipeline.store import sql

DayOf = Callable[[psycopg.Connection, date], LandedDay]
"""What a landing day is made from; `definitions` hands in the function of ingest."""
Read = Callable[[LandingFile], Iterable[Landed]]
"""The mapped rows and the rejects of one file; handed in as well."""


@dg.asset(
    deps=[["ingest", "raw_profiles"]],
    partitions_def=face.daily,
    backfill_policy=face.one_run,
    code_version=RULESET_VERSION,
    metadata=face.table(OBSERVATION.name, OBSERVATION.columns),
    key_prefix="social",
    group_name=face.TIER1,
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
        # Files are registered and withdrawn by the database's clock: what was listed when is, too.
        asked_at = sql.now(conn)
        landed = {day: landed_day(conn, day) for day in days}
        conn.commit()
        observe.observe(
            conn,
            settings.tier1_url,
            days=days,
            files_by_day={day: each.files for day, each in landed.items()},
            inputs_by_day={day: each.inputs for day, each in landed.items()},
            read=read_landing_file,
            engine=face.engine_of(context, settings),
            recheck=run_lease.recheck,
            now=asked_at,
            actor="asset:social/observations",
        )
        attested = audit.attest_days(conn, "social/observations", context.run.run_id, days)
        for day in days:
            context.add_asset_metadata(
                {**day_shown(conn, day), **attested[day].metadata}, partition_key=day.isoformat()
            )
    return dg.MaterializeResult()


def day_shown(conn: psycopg.Connection, day: date) -> Mapping[str, Any]:
    """What the materialization of a day shows of its observations: as counted, in Postgres."""
    counted = checks.counts_of(conn, day)
    numbers = {
        "input_rows": counted.input_count,
        "observations": counted.observation_count,
        "post_sightings": counted.post_count,
        "quarantined": counted.quarantine_count,
        "scan_open": counted.open_count,
        "leaks": counted.leak_count,
    }
    return {
        **face.counts(**numbers, ruleset=RULESET_VERSION),
        **face.row_counts(checks.observation_count(conn), counted.observation_count),
        **face.summary("Observations", numbers),
        "sxe/reasons": face.top([{"reason": r, "rows": n} for r, n in counted.reasons.items()]),
    }


@dg.asset(
    name="profiles",
    deps=[observations],
    code_version="1",
    metadata=face.table(PROFILE.name, PROFILE.columns),
    key_prefix="social",
    group_name=face.TIER1,
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
    """One row per account, merged column by column, and its posts; handle-keyed accounts fold."""
    with run_lease.connect() as conn:
        written = profiles.rebuild(
            conn,
            settings.tier1_url,
            actor="asset:social/profiles",
            now=datetime.now(UTC),
            recheck=run_lease.recheck,
            is_whole=face.is_whole(context),
        )
        attestation = audit.attest(conn, "social/profiles", context.run.run_id)
    return dg.MaterializeResult(
        metadata={
            **face.counts(**written.numbers()),
            **face.row_counts(written.profile_count),
            **attestation.metadata,
            **face.summary("Profiles", written.numbers()),
        }
    )


@dg.asset(
    name="identities",
    deps=[current_profiles],
    code_version="1",
    metadata=face.table(IDENTITY.name, IDENTITY.columns),
    key_prefix="social",
    group_name=face.TIER1,
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
            is_whole=face.is_whole(context),
        )
        attestation = audit.attest(conn, "social/identities", context.run.run_id)
    return dg.MaterializeResult(
        metadata={
            **face.counts(**written.numbers()),
            **face.row_counts(written.account_count),
            **attestation.metadata,
            **face.summary("Identities", written.numbers()),
        }
    )


@dg.asset_check(asset=observations, description="The second detector finds no contact data.")
@face.speaking_dagster
def no_contact_data(settings: dg.ResourceParam[Settings]) -> dg.AssetCheckResult:
    """The verdict on what is stored; leaks that the last run kept out fail the check as well."""
    with sql.connect(settings.need("social_dsn")) as conn:
        found = checks.no_contact_data(conn, settings.tier1_url)
        quarantined = checks.newest_leak_count(conn)
    return dg.AssetCheckResult(
        passed=found.is_passed and quarantined == 0,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata=face.counts(**found.numbers, leaks=quarantined),
    )


@dg.asset_check(asset=observations, description="Every input row is an observation or quarantined.")
@face.speaking_dagster
def counts_add_up(settings: dg.ResourceParam[Settings]) -> dg.AssetCheckResult:
    """Compare what was counted while reading with what the two tables hold."""
    with sql.connect(settings.need("social_dsn")) as conn:
        found = checks.counts_add_up(conn, settings.tier1_url)
    return dg.AssetCheckResult(
        passed=found.is_passed,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata=face.counts(**found.numbers),
    )

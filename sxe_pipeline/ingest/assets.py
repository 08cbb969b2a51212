"""The face of ingest: which files landed, day by day."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import dagster as dg
import psycopg

from sxe_pipeline import audit, face
from sxe_pipeline.ingest import overview, register
from sxe_pipeline.ops.runs import RunLease
from sxe_pipeline.settings import Settings
from sxe_pipeline.store import catalogue, objects

REGISTER = "ingest.landing_file"


@dg.asset(
    key_prefix="ingest",
    group_name=face.TIER1,
    partitions_def=face.daily,
    backfill_policy=face.one_run,
    kinds={"postgres"},
    owners=["team:data-ops"],
    tags={"sxe/tier": "social"},
    code_version="1",
    metadata=face.table(REGISTER, catalogue.columns_of(REGISTER)),
)
@face.speaking_dagster
def raw_profiles(
    context: dg.AssetExecutionContext,
    settings: dg.ResourceParam[Settings],
    run_lease: dg.ResourceParam[RunLease],
) -> dg.MaterializeResult[None]:
    """Which files landed: a register by SHA-256, never a copy. Registers what is new first."""
    days = face.days_of(context)
    landing = objects.Objects(settings.landing_url)
    with run_lease.connect() as conn:
        register.register_all(conn, landing, actor="asset:ingest/raw_profiles")
        attested = audit.attest_days(conn, "ingest/raw_profiles", context.run.run_id, days)
        for day in days:
            context.add_asset_metadata(
                {**day_shown(conn, day), **attested[day].metadata}, partition_key=day.isoformat()
            )
    return dg.MaterializeResult()


def day_shown(conn: psycopg.Connection, day: date) -> Mapping[str, Any]:
    """What the materialization of a day shows of its files: as registered, in Postgres."""
    landed = overview.files_of(conn, day)
    return {
        **face.counts(files=landed.files, bytes=landed.bytes),
        **face.row_counts(landed.all_files, landed.files),
        **face.summary("Landed files", landed.by_collection),
        "sxe/collections": face.top(
            [{"collection": name, "files": n} for name, n in landed.by_collection.items()]
        ),
    }

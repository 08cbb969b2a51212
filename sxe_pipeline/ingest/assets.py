"""The face of ingest: which files landed, day by day."""

from collections import Counter

import dagster as dg

from sxe_pipeline import audit, face
from sxe_pipeline.ingest import register
from sxe_pipeline.ops.runs import RunLease
from sxe_pipeline.settings import Settings
from sxe_pipeline.store import objects


@dg.asset(
    key_prefix="ingest",
    group_name="ingest",
    partitions_def=face.daily,
    backfill_policy=face.one_run,
    kinds={"postgres"},
    owners=["team:data-ops"],
    tags={"sxe/tier": "social"},
    code_version="1",
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
        registered = register.register_all(conn, landing, actor="asset:ingest/raw_profiles")
        files = [f for day in days for f in register.day_of(conn, day).files]
        attestation = audit.attest(conn, "ingest/raw_profiles", context.run.run_id)
    by_collection = Counter(file.collection for file in files)
    return dg.MaterializeResult(
        metadata={
            **face.counts(files=len(files), new_files=registered.new),
            **attestation.metadata,
            **face.summary("Landed files", dict(by_collection)),
            "sxe/collections": face.top(
                [{"collection": name, "files": n} for name, n in by_collection.most_common()]
            ),
        }
    )

"""The faces of upkeep: the store is kept small, and what is too old goes.

Here: one run each night per tier. Not here: what is deleted, and in which order (`upkeep`,
`retention`, and the rooms that hold the data).
"""

import dagster as dg

from sxe_pipeline import audit, face
from sxe_pipeline.ops import periods, retention, upkeep
from sxe_pipeline.ops.runs import RunLease
from sxe_pipeline.settings import Settings
from sxe_pipeline.store import sql

UPKEEP, CONTACT_UPKEEP = "upkeep", "contact_upkeep"
"""Jobs: the social tier's night, and the contact tier's."""

CRON = "30 3 * * *"


@dg.asset(
    key_prefix="ops",
    group_name=f"{face.TIER1}_upkeep",
    kinds={"deltalake", "postgres"},
    owners=["team:data-ops"],
    tags={"sxe/tier": "social"},
    code_version="1",
)
@face.speaking_dagster
def tables_kept(
    context: dg.AssetExecutionContext,
    settings: dg.ResourceParam[Settings],
    run_lease: dg.ResourceParam[RunLease],
) -> dg.MaterializeResult[None]:
    """Tier 1 tables compacted, and cleared of versions that nobody reads any more."""
    with run_lease.connect() as conn:
        kept = upkeep.keep_tables(
            conn,
            settings.tier1_url,
            actor=f"asset:{upkeep.ASSET}",
            grace_s=settings.pace.version_grace,
            recheck=run_lease.recheck,
        )
        attestation = audit.attest(conn, upkeep.ASSET, context.run.run_id)
    numbers = {
        "live_bytes": sum(each.live_bytes for each in kept),
        "disk_bytes": sum(each.disk_bytes for each in kept),
        "freed_bytes": sum(each.freed_bytes for each in kept),
        "dropped_versions": sum(each.dropped_versions for each in kept),
        "deleted_files": sum(each.deleted_files for each in kept),
    }
    return dg.MaterializeResult(
        metadata={
            **face.counts(**numbers),
            **attestation.metadata,
            **face.summary("Tables", numbers),
            "sxe/tables": face.top(
                [
                    {
                        "table": each.table,
                        "live bytes": each.live_bytes,
                        "on disk": each.disk_bytes,
                        "versions dropped": each.dropped_versions,
                    }
                    for each in kept
                ]
            ),
        }
    )


def expiring(asset: str, tier: str, expire: retention.Expire) -> dg.AssetsDefinition:
    """The asset of a tier whose run deletes what the tier holds for too long.

    Args:
        asset: Its key, as the audit events name it, such as 'ops/expired_data'.
        tier: Such as 'social'.
        expire: Deletes it.
    """
    prefix, name = asset.split("/")

    @dg.asset(
        name=name,
        key_prefix=prefix,
        group_name=f"{face.TIER1 if tier == 'social' else face.TIER2}_upkeep",
        kinds={"postgres"},
        owners=["team:data-ops"],
        tags={"sxe/tier": tier},
        code_version="1",
        description="What was kept for longer than the retention policy says, deleted.",
    )
    @face.speaking_dagster
    def expired_data(
        context: dg.AssetExecutionContext,
        settings: dg.ResourceParam[Settings],
        run_lease: dg.ResourceParam[RunLease],
    ) -> dg.MaterializeResult[None]:
        policy = periods.load(settings.retention_file)
        with run_lease.connect() as conn:
            terms = retention.Terms(policy, sql.now(conn), f"asset:{asset}", run_lease.recheck)
            gone = expire(conn, settings, terms)
            attestation = audit.attest(conn, asset, context.run.run_id)
        return dg.MaterializeResult(
            metadata={
                **face.counts(**{each.line: each.count for each in gone}),
                **face.counts(retention_policy=policy.version),
                **attestation.metadata,
                "sxe/gone": face.top([retention.row(each) for each in gone]),
            }
        )

    return expired_data


def nightly(job: str) -> dg.ScheduleDefinition:
    """The schedule of an upkeep job."""
    return dg.ScheduleDefinition(
        name=f"every_night_{job}",
        job_name=job,
        cron_schedule=CRON,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Compacts and clears tables, and deletes what is older than its retention.",
    )

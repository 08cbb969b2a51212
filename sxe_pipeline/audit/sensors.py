"""The background task of audit: keep Dagster's event log and the audit log in agreement.

Sealing is not Dagster's: a process with a login and a key of its own does it (`local.sealer`).
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import dagster as dg

from sxe_pipeline import face
from sxe_pipeline.audit import mirror
from sxe_pipeline.settings import Settings
from sxe_pipeline.store import sql

SPECS = [
    dg.AssetSpec(
        dg.AssetKey(["audit", "events"]),
        description="The append-only log of what was done, mirrored into this catalog.",
        group_name="audit",
        kinds={"postgres"},
        owners=["team:data-ops"],
        tags={"sxe/tier": "none"},
    ),
    dg.AssetSpec(
        dg.AssetKey.from_user_string(mirror.SEALS),
        deps=[dg.AssetKey(["audit", "events"])],
        description="The log in Merkle batches, each with a signed checkpoint outside.",
        group_name="audit",
        kinds={"postgres"},
        owners=["team:data-ops"],
        tags={"sxe/tier": "none"},
    ),
]
"""Assets that a sensor materializes; Dagster calls them external."""


@dg.sensor(
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Attests what no run attested, and reports what a crash left out of the event log.",
)
@face.speaking_dagster
def mirrored_events(
    context: dg.SensorEvaluationContext,
    settings: dg.ResourceParam[Settings],
    describe_day: dg.ResourceParam[mirror.Describe],
) -> dg.SkipReason:
    """Attest what no run attested, and report what a crash left out of the event log.

    Progress is kept in Postgres; of seals it is the newest that Dagster shows. A tick that only
    reports is shown as skipped; the materializations of `audit/events` show whether this task
    runs.
    """
    instance = context.instance

    def report(asset_key: str, metadata: Mapping[str, Any], day: str | None) -> None:
        face.report_runless(instance, asset_key, metadata, day)

    def find(asset_keys: Sequence[str]) -> dict[str, Any]:
        return dict(face.materializations(instance, asset_keys))

    with sql.connect(settings.need("social_dsn")) as conn:
        done = mirror.reconcile(
            conn,
            report,
            find,
            # By then a run has reported what it attested, or somebody has found it lost.
            older_than=timedelta(seconds=2 * settings.pace.start_grace),
            describe=describe_day,
        )
        newest = face.newest_metadata(instance, mirror.SEALS).get("sxe/seal_no", 0)
        seals = mirror.report_seals(conn, report, newest)
    return dg.SkipReason(f"{done.sentence()}, {seals} seals reported")

"""The duty of audit: the event log of Dagster and the audit log in Postgres agree."""

from collections.abc import Iterator, Mapping, Sequence
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
    )
]
"""Assets that a sensor materializes: Dagster calls them external, and they are meant to be."""


@dg.sensor(minimum_interval_seconds=60, default_status=dg.DefaultSensorStatus.RUNNING)
def mirrored_events(
    context: dg.SensorEvaluationContext, settings: dg.ResourceParam[Settings]
) -> Iterator[dg.SkipReason]:
    """Attest what no run attested, and report what a crash kept out of the event log.

    Progress lives in Postgres. A tick that only reports is filed as skipped by Dagster; judge this
    duty by the materializations of `audit/events`.
    """
    instance = context.instance

    def report(asset_key: str, metadata: Mapping[str, int | str]) -> None:
        face.report_runless(instance, asset_key, metadata)

    def find(asset_keys: Sequence[str]) -> dict[str, Any]:
        return dict(face.materializations(instance, asset_keys))

    with sql.connect(settings.need("social_dsn")) as conn:
        done = mirror.reconcile(conn, report, find, older_than=timedelta(minutes=10))
    yield dg.SkipReason(done.sentence())

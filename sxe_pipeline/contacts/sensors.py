"""The sensor of the contact tier: it launches what the gate wants to run.

Here: a tick of bounded work. Every tick reads the whole open set, since an approval may be
committed after a younger one was read; rows of the gate decide what is launched, never the
partitions that exist.
"""

from dataclasses import asdict

import dagster as dg

from sxe_pipeline import face
from sxe_pipeline.gate import permits
from sxe_pipeline.ops.sensors import CONTACT_JOB, queued
from sxe_pipeline.settings import Settings
from sxe_pipeline.store import sql

JOB = CONTACT_JOB
ATTEMPT = "sxe/attempt"
REQUEST = "sxe/request"


@dg.sensor(
    job_name=JOB,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Launches what the gate wants to run: approved, left unfinished, or answered.",
)
@face.speaking_dagster
def approved_requests(
    context: dg.SensorEvaluationContext, settings: dg.ResourceParam[Settings]
) -> dg.SensorResult | dg.SkipReason:
    """Sweep what timed out; launch what is approved, was left unfinished, or has an answer due."""
    waiting = queued(context.instance, REQUEST)
    with sql.connect(settings.need("contacts_dsn")) as conn:
        swept = permits.sweep(conn)
        launches = permits.claim_launches(conn, waiting=waiting)
    if not launches:
        moved = ", ".join(f"{name} {n}" for name, n in asdict(swept).items() if n)
        return dg.SkipReason(f"nothing to launch; {moved or 'nothing left behind'}")
    keys = sorted({str(launch.request_id) for launch in launches})
    return dg.SensorResult(
        dynamic_partitions_requests=[face.request_partitions.build_add_request(keys)],
        run_requests=[
            dg.RunRequest(
                run_key=launch.run_key,
                partition_key=str(launch.request_id),
                tags={
                    ATTEMPT: str(launch.attempt),
                    REQUEST: str(launch.request_id),
                    "sxe/writes": "contacts",
                },
            )
            for launch in launches
        ],
    )

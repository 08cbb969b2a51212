"""The sensor of ingest: new landing files become at most one run a tick and day."""

from collections.abc import Iterator

import dagster as dg

from sxe_pipeline import face
from sxe_pipeline.ingest import register
from sxe_pipeline.settings import Settings
from sxe_pipeline.store import objects, sql

FILES_A_TICK = 200
BYTES_A_TICK = 512 * 1024 * 1024


@dg.sensor(
    job_name="tier1_intake",
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def landed_files(
    settings: dg.ResourceParam[Settings],
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Register new files, then ask for a run of every day whose files were not all observed yet.

    The decision rests on Postgres rows, not on a cursor: a tick that died half-way repeats itself.
    The run key names the day's set of files, so one set is launched once.
    """
    landing = objects.Objects(settings.landing_url)
    with sql.connect(settings.need("social_dsn")) as conn:
        register.register_all(
            conn,
            landing,
            actor="sensor:landed_files",
            limit_files=FILES_A_TICK,
            limit_bytes=BYTES_A_TICK,
        )
        pending = register.pending_days(conn)
    if not pending:
        yield dg.SkipReason("every registered file has been observed")
    for day in pending:
        yield dg.RunRequest(
            run_key=f"{day.day.isoformat()}:{day.digest}",
            partition_key=day.day.isoformat(),
            tags=face.WRITES,
        )

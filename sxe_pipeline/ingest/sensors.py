"""The sensor of ingest: new landing files become runs of the days they landed on."""

from datetime import date, timedelta

import dagster as dg

from sxe_pipeline import face
from sxe_pipeline.ingest import register
from sxe_pipeline.ops import sensors as ops
from sxe_pipeline.ops import work
from sxe_pipeline.settings import Settings
from sxe_pipeline.store import objects, sql

FILES_A_TICK = 2_000
BYTES_A_TICK = 512 * 1024 * 1024


@dg.sensor(
    job_name="tier1_intake",
    minimum_interval_seconds=ops.TICK_S,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Registers what landed, and asks for the days that are to be built.",
)
@face.speaking_dagster
def landed_files(
    context: dg.SensorEvaluationContext, settings: dg.ResourceParam[Settings]
) -> list[dg.RunRequest] | dg.SkipReason:
    """Register new files, then ask for every stretch of days that were not observed as they are.

    The decision rests on rows of Postgres, not on a cursor: a tick that died half-way repeats
    itself, and a run that ended badly is asked for again (`ops.work`).
    """
    landing = objects.Objects(settings.landing_url)
    with sql.connect(settings.need("social_dsn")) as conn:
        registered = register.register_all(
            conn,
            landing,
            actor="sensor:landed_files",
            limit_files=FILES_A_TICK,
            limit_bytes=BYTES_A_TICK,
        )
        landed = register.pending_days(conn, settings.pace)
        pending = [day for day in landed if settings.builds(day.day)]
        conn.commit()
        gathering = [day.day.isoformat() for day in pending if day.is_gathering]
        asks = work.ask(
            conn,
            work.INTAKE,
            {day.day.isoformat(): day.inputs for day in pending},
            settings.pace,
            later=gathering,
            queued=ops.queued(context.instance),
            together=follows,
        )
    waiting = [str(each) for each in registered.set_aside]
    if registered.unreadable:
        waiting.append(
            f"{registered.unreadable} files cannot be read; check their rights and names"
        )
    for problem in waiting:
        context.log.warning(problem)
    if asks:
        return [ops.run_request(ask) for ask in asks]
    if older := len(landed) - len(pending):
        waiting.append(f"{older} days before SXE_FIRST_DAY are left out")
    due = f"{len(pending)} days are due: {len(gathering)} still gather files"
    skipped = due if pending else "every registered file has been observed"
    return dg.SkipReason("; ".join([skipped, *waiting]))


def follows(left: str, right: str) -> bool:
    """Whether one landing day is the next after another: days between may be gone by now."""
    return date.fromisoformat(left) + timedelta(days=1) == date.fromisoformat(right)

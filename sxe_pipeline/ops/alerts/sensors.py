"""The face of alerts: a look every minute at what Dagster and Postgres know."""

from datetime import UTC, datetime

import dagster as dg

from sxe_pipeline import face
from sxe_pipeline.ops.alerts import incidents, webhook
from sxe_pipeline.ops.alerts.incidents import Incident
from sxe_pipeline.ops.sensors import CONTACT_JOB, DAY
from sxe_pipeline.schema.tables import FIRST_DAY
from sxe_pipeline.settings import ALERT_WEBHOOK, Settings
from sxe_pipeline.store import sql

BY_HAND = "__ASSET_JOB"
"""Dagster's name for what was launched from the asset pages."""

INTAKE = "tier1_intake"
_ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]


@dg.sensor(
    name="raised_alerts",
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Says once what went wrong, and once that it is over, to SXE_ALERT_WEBHOOK_URL.",
)
@face.speaking_dagster
def raised_alerts(
    context: dg.SensorEvaluationContext, settings: dg.ResourceParam[Settings]
) -> dg.SkipReason:
    """Failed runs, red or stuck work, failing checks, dead notices, silent days, no seals."""
    url = settings.alert_url
    if url is None:
        return dg.SkipReason(f"nobody is told: {ALERT_WEBHOOK} is not set")
    instance, repository = context.instance, context.repository_def
    if repository is None:
        raise dg.DagsterInvariantViolationError("alerts are of a code location")
    failing, unsure = _failing_checks(instance, list(repository.asset_graph.asset_check_keys))
    jobs = sorted({*repository.job_names, CONTACT_JOB, BY_HAND})
    with sql.connect(settings.need("social_dsn")) as conn:
        found = [
            *_failed_runs(instance, jobs),
            *failing,
            *incidents.red_work(conn),
            *incidents.unsealed(conn),
            *incidents.dead_notices(conn),
            *incidents.late(
                conn, DAY, INTAKE, _last_success(instance, DAY), settings.first_day or FIRST_DAY
            ),
        ]
        conn.commit()
        open_, over = incidents.note(conn, found, unsure)
        said, was_taken = incidents.say(conn, lambda message: webhook.post(url, message))
    told = f"{said} messages sent" if was_taken else f"{said} messages sent, the next was not taken"
    return dg.SkipReason(f"{open_} incidents are open, {over} ended; {told}")


def _failed_runs(instance: dg.DagsterInstance, jobs: list[str]) -> list[Incident]:
    """The jobs whose newest run that ended is a failure."""
    found = []
    for job in jobs:
        newest = instance.get_run_records(dg.RunsFilter(job_name=job, statuses=_ENDED), limit=1)
        for record in newest:
            run = record.dagster_run
            if run.status == dg.DagsterRunStatus.FAILURE:
                ended = _time(record.end_time) or record.update_timestamp
                found.append(Incident(incidents.RUN_FAILED, job, ended, run.run_id))
    return found


def _last_success(instance: dg.DagsterInstance, job: str) -> datetime | None:
    filters = dg.RunsFilter(job_name=job, statuses=[dg.DagsterRunStatus.SUCCESS])
    newest = instance.get_run_records(filters, limit=1)
    return _time(newest[0].end_time) if newest else None


def _failing_checks(
    instance: dg.DagsterInstance, keys: list[dg.AssetCheckKey]
) -> tuple[list[Incident], set[tuple[str, str]]]:
    """Checks whose newest evaluation failed, and those that are being evaluated."""
    failing, unsure = [], set()
    for key in keys:
        record = instance.get_latest_asset_check_evaluation_record(key)
        subject = f"{key.asset_key.to_user_string()}:{key.name}"
        if record is not None and record.status.value == "FAILED":
            since = datetime.fromtimestamp(record.create_timestamp, UTC)
            failing.append(Incident(incidents.CHECK_FAILED, subject, since, record.run_id))
        elif record is not None and record.status.value == "PLANNED":
            unsure.add((incidents.CHECK_FAILED, subject))
    return failing, unsure


def _time(stamp: float | None) -> datetime | None:
    return None if stamp is None else datetime.fromtimestamp(stamp, UTC)

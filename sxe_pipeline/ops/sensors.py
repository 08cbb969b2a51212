"""The faces of operations: what was lost is given up, what is due is asked for.

Here: ticks of bounded work over rows of ours; Dagster is told, never asked who is alive.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

import dagster as dg
import psycopg

from sxe_pipeline import face
from sxe_pipeline.ops import runs, work
from sxe_pipeline.settings import Settings
from sxe_pipeline.store import sql

DAY, TABLES = "tier1_day", "tier1_tables"
"""Jobs: a day with its batches, and the tables behind all days."""

TICK_S = work.TICK_S

CONTACT_JOB = "enrichment"
_CONTACT_JOBS = (CONTACT_JOB, "contact_upkeep")
"""The only jobs that are not of the social tier."""

RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
"""Dagster's tags of a run over several days."""

_REPOSITORY = ".dagster/repository"
"""Dagster's tag of a run: `<repository>@<code location>`."""

Stale = Callable[[psycopg.Connection, Settings], str | None]
"""A digest of what the tables behind all days would be made from; None where they are."""

_LOOKS_ALIVE = [
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
_NOT_BEGUN = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
]


def queued(instance: dg.DagsterInstance, tag: str = runs.ASK) -> set[UUID]:
    """What a tag names on the runs that wait for their turn; by default what was asked for."""
    waiting = instance.get_runs(dg.RunsFilter(statuses=_NOT_BEGUN))
    return {UUID(run.tags[tag]) for run in waiting if tag in run.tags}


def run_request(ask: work.Ask) -> dg.RunRequest:
    """A run of what was asked for: of one landing day, or of a stretch of them."""
    first, last = ask.subjects[0], ask.subjects[-1]
    tags = {**face.WRITES, runs.ASK: str(ask.ask_id), "sxe/attempt": str(ask.attempt)}
    if first != last:
        tags |= range_tags(first, last)
    return dg.RunRequest(
        run_key=ask.run_key,
        partition_key=first if first == last else None,
        tags=tags,
    )


def range_tags(first: str, last: str) -> dict[str, str]:
    """What makes one run of a stretch of days."""
    return dict(zip(RANGE, (first, last), strict=True))


def _never_submitted(
    instance: dg.DagsterInstance, now: datetime, grace_s: float
) -> list[dg.DagsterRun]:
    """Runs that somebody made and died before handing them to the queue; nobody ever would."""
    made = instance.get_run_records(dg.RunsFilter(statuses=[dg.DagsterRunStatus.NOT_STARTED]))
    since = now - timedelta(seconds=grace_s)
    return [record.dagster_run for record in made if record.create_timestamp < since]


def _location_of(run: dg.DagsterRun) -> str:
    """The code location of a run; one that was launched by none is known by what it writes."""
    launched = run.tags.get(_REPOSITORY, "").partition("@")[2]
    locations = runs.LOCATIONS
    return launched if launched in locations else locations[run.job_name in _CONTACT_JOBS]


def lost_runs(location: str, login: str) -> dg.SensorDefinition:
    """The sensor that gives up the lost runs of a code location.

    Args:
        location: Its name; a run that no location launched belongs to the social tier, unless it
            writes contacts.
        login: Of its tier: a lease is of the login that took it up.
    """

    @dg.sensor(
        name=f"lost_{location}_runs",
        minimum_interval_seconds=TICK_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Fails runs that nothing beats for any more, so that the queue goes on.",
    )
    @face.speaking_dagster
    def lost(
        context: dg.SensorEvaluationContext, settings: dg.ResourceParam[Settings]
    ) -> dg.SkipReason:
        instance, grace_s = context.instance, settings.pace.start_grace
        with sql.connect(settings.need(login)) as conn:
            left = _never_submitted(instance, sql.now(conn), grace_s)
            seen = {
                run.run_id: run
                for run in [*instance.get_runs(dg.RunsFilter(statuses=_LOOKS_ALIVE)), *left]
                if _location_of(run) == location
            }
            given_up = runs.give_up(conn, seen, grace_s=grace_s)
        for run_id in given_up:
            run = seen[run_id]
            if run.status == dg.DagsterRunStatus.CANCELING:
                instance.report_run_canceled(run, message="canceled, and its process is gone")
            else:
                instance.report_run_failed(
                    run, message="lost: nothing beats for it; it is asked for again by itself"
                )
        return dg.SkipReason(f"{len(seen)} runs look alive, {len(given_up)} were lost")

    return lost


@dg.sensor(
    job_name=TABLES,
    minimum_interval_seconds=TICK_S,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Asks for the tables behind all days where a run did not get to them.",
)
@face.speaking_dagster
def due_tables(
    context: dg.SensorEvaluationContext,
    settings: dg.ResourceParam[Settings],
    stale_tables: dg.ResourceParam[Stale],
) -> list[dg.RunRequest] | dg.SkipReason:
    """Profiles to candidates, unless a run that takes days in is about to write them."""
    with sql.connect(settings.need("social_dsn")) as conn:
        under_way = [r for r in work.rows(conn, ["asked"]) if r.work != work.TABLES]
        stale = None if under_way else stale_tables(conn, settings)
        conn.commit()
        if under_way:
            return dg.SkipReason(f"{len(under_way)} days are under way")
        due = {"all": stale} if stale else {}
        asks = work.ask(conn, work.TABLES, due, settings.pace, queued=queued(context.instance))
    if not asks:
        return dg.SkipReason("the tables are being made" if stale else "the tables are current")
    return [
        dg.RunRequest(run_key=ask.run_key, tags={**face.WRITES, runs.ASK: str(ask.ask_id)})
        for ask in asks
    ]


@dg.sensor(
    job_name=DAY,
    minimum_interval_seconds=TICK_S,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Asks again for a night that failed.",
)
@face.speaking_dagster
def due_nights(
    context: dg.SensorEvaluationContext, settings: dg.ResourceParam[Settings]
) -> list[dg.RunRequest] | dg.SkipReason:
    """Every night that the schedule began and that is not done."""
    asks = ask_nights(settings, queued(context.instance))
    return [run_request(ask) for ask in asks] or dg.SkipReason("no night is to be asked for again")


def ask_nights(settings: Settings, waiting: set[UUID], *new: str) -> list[work.Ask]:
    """Take the open nights that are to be asked for, and new ones.

    Args:
        settings: The social tier's login.
        waiting: Asks whose run waits for its turn.
        new: Days whose night begins now.
    """
    with sql.connect(settings.need("social_dsn")) as conn:
        open_nights = [row.subject for row in work.rows(conn) if row.work == work.NIGHT]
        conn.commit()
        return work.ask(
            conn,
            work.NIGHT,
            {day: day for day in [*open_nights, *new]},
            settings.pace,
            queued=waiting,
        )

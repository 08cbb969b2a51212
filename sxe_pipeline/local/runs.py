"""Sensor ticks, schedule ticks and runs in this process, without a daemon.

Here: what the demo, the contact child and `sxe build` need of Dagster. Not here: what an asset
does.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import uuid4

import dagster as dg

from sxe_pipeline.local import interrupts
from sxe_pipeline.ops.sensors import RANGE, range_tags
from sxe_pipeline.store.roles import STATEMENT_TIMEOUT_S


@contextmanager
def instance() -> Iterator[dg.DagsterInstance]:
    """The instance that DAGSTER_HOME names."""
    with dg.DagsterInstance.get() as opened:
        keep_connections(opened)
        yield opened


def keep_connections(opened: dg.DagsterInstance) -> None:
    """Keep one for each storage from here on: else there are 200 logins for a day of ten rows.

    A server that ended them is met as an error, once; called again, they begin anew.
    """
    opened.optimize_for_webserver(
        statement_timeout=STATEMENT_TIMEOUT_S * 1000, pool_recycle=3600, max_overflow=10
    )


def make_tables(instance: dg.DagsterInstance) -> None:
    """Make the tables of Dagster's storages, by its own login: each does so at its first use."""
    instance.get_runs_count()
    instance.all_asset_keys()
    instance.all_instigator_state()


@dataclass(frozen=True)
class Run:
    """One in-process run: its id, whether it succeeded, and the text of its first failure."""

    run_id: str
    is_success: bool
    failure: str | None
    failed_checks: tuple[str, ...]


@dataclass(frozen=True)
class Wanted:
    """What a tick asks for: a job, for one partition or for the stretch that its tags name."""

    job: str
    partition: str | None
    tags: Mapping[str, str]

    @property
    def days(self) -> list[date]:
        """The landing days of the run, oldest first."""
        first = date.fromisoformat(self.partition or self.tags[RANGE[0]])
        last = date.fromisoformat(self.partition or self.tags[RANGE[1]])
        return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def sensor_tick(tier: dg.Definitions, opened: dg.DagsterInstance, name: str) -> list[Wanted]:
    """Evaluate a real sensor once; the runs that it wants."""
    sensor = tier.resolve_sensor_def(name)
    with dg.build_sensor_context(
        instance=opened, definitions=tier, sensor_name=name, resources=_needed(tier, sensor)
    ) as context:
        tick = sensor.evaluate_tick(context)
    return [_wanted(r, sensor.job_name) for r in tick.run_requests or []]


def request_tick(tier: dg.Definitions, opened: dg.DagsterInstance, name: str) -> list[Wanted]:
    """Evaluate a real sensor that adds partitions, and add them as the daemon would.

    Its own `evaluate_tick` finds no instance for them outside of the daemon, so it is called.
    """
    sensor = tier.resolve_sensor_def(name)
    with dg.build_sensor_context(
        instance=opened, definitions=tier, sensor_name=name, resources=_needed(tier, sensor)
    ) as context:
        tick = sensor(context)
    if not isinstance(tick, dg.SensorResult):
        return []
    for added in tick.dynamic_partitions_requests or []:
        opened.add_dynamic_partitions(added.partitions_def_name, list(added.partition_keys))
    return [_wanted(r, sensor.job_name) for r in tick.run_requests or []]


def schedule_tick(
    tier: dg.Definitions, opened: dg.DagsterInstance, name: str, at: datetime
) -> list[Wanted]:
    """Evaluate a real schedule as of `at`."""
    schedule = tier.resolve_schedule_def(name)
    context = dg.build_schedule_context(
        instance=opened,
        scheduled_execution_time=at,
        repository_def=tier.get_repository_def(),
        resources=_needed(tier, schedule),
    )
    tick = schedule.evaluate_tick(context)
    return [_wanted(r, schedule.job_name) for r in tick.run_requests or []]


def _needed(
    tier: dg.Definitions, asks: dg.SensorDefinition | dg.ScheduleDefinition
) -> dict[str, Any]:
    """The resources of a tick, as the daemon gives them: a lease is of a run alone."""
    given = tier.resources or {}
    return {name: given[name] for name in asks.required_resource_keys if name in given}


def _wanted(request: dg.RunRequest, job: str | None) -> Wanted:
    return Wanted(request.job_name or job or "", request.partition_key, dict(request.tags))


def stretches(days: Sequence[date], *, is_single: bool) -> list[list[date]]:
    """Days in runs: those that follow each other together, never with a day between.

    Args:
        days: In any order.
        is_single: One run a day: of several days only the newest would be published.

    Example:
        >>> d = date(2031, 2, 1)
        >>> [len(s) for s in stretches([d, d.replace(day=4), d.replace(day=2)], is_single=False)]
        [2, 1]
    """
    found: list[list[date]] = []
    for day in sorted(set(days)):
        if found and not is_single and day - found[-1][-1] == timedelta(days=1):
            found[-1].append(day)
        else:
            found.append([day])
    return found


def run(
    tier: dg.Definitions,
    opened: dg.DagsterInstance,
    job: str,
    days: Sequence[date],
    tags: Mapping[str, str] | None = None,
    *,
    assets: Sequence[str] | None = None,
    now: datetime | None = None,
    on_step: Callable[[str], None] | None = None,
    stop: interrupts.Stop | None = None,
) -> Run:
    """Run a daily job in this process, for one day or a contiguous range.

    One at a time: two in-process runs in threads of one process deadlock in Dagster's log handler.

    Args:
        tier: With the job.
        opened: Dagster's instance.
        job: Its name.
        days: Landing days, without a gap.
        tags: For the run.
        assets: Only these of the job, such as 'social/observations'.
        now: The database's time, by which the newest day is one: a machine whose clock is behind
            would not know it yet. This machine's where it is None.
        on_step: Told the name of each step that begins, such as 'social/observations'.
        stop: Whoever watches for signals already.

    Raises:
        KeyboardInterrupt: SIGINT or SIGTERM came. What the run had finished stays.
    """
    first, last = min(days).isoformat(), max(days).isoformat()
    extra = dict(tags or {})
    if first != last:
        extra |= range_tags(first, last)
    with dg.partition_loading_context(effective_dt=now):
        return run_partition(
            tier,
            opened,
            job,
            first if first == last else None,
            extra,
            assets=assets,
            on_step=on_step,
            stop=stop,
        )


def run_partition(
    tier: dg.Definitions,
    opened: dg.DagsterInstance,
    job: str,
    partition: str | None,
    tags: Mapping[str, str],
    *,
    assets: Sequence[str] | None = None,
    on_step: Callable[[str], None] | None = None,
    stop: interrupts.Stop | None = None,
) -> Run:
    """Run a job in this process, for one partition or for what its tags say.

    Raises:
        KeyboardInterrupt: As `run`.
    """
    run_id = str(uuid4())
    if on_step is not None:
        opened.add_event_listener(run_id, _steps(on_step))
    with nullcontext(stop) if stop else interrupts.watched() as watch:
        try:
            result = tier.resolve_job_def(job).execute_in_process(
                instance=opened,
                partition_key=partition,
                raise_on_error=False,
                run_id=run_id,
                tags=dict(tags),
                asset_selection=[dg.AssetKey.from_user_string(n) for n in assets or ()] or None,
            )
        except BaseException:
            # Dagster's own interrupt, or what a library made of it.
            if watch.asked:
                _cancel(opened, run_id)
                raise KeyboardInterrupt from None
            raise
        if watch.asked:
            if not result.success:
                _cancel(opened, run_id)
            raise KeyboardInterrupt
    failed = [e for e in result.all_node_events if e.is_step_failure]
    checks = tuple(
        sorted(
            f"{e.asset_key.to_user_string()}:{e.check_name}"
            for e in result.get_asset_check_evaluations()
            if not e.passed
        )
    )
    text = _failure_text(failed[0]) if failed else None
    return Run(result.run_id, result.success, text, checks)


def _cancel(opened: dg.DagsterInstance, run_id: str) -> None:
    """Dagster takes what was interrupted for a failure; the UI is to say who ended it."""
    if (run := opened.get_run_by_id(run_id)) is not None:
        opened.report_run_canceled(run, message="interrupted by whoever began it")


def _steps(told: Callable[[str], None]) -> Callable[[dg.EventLogEntry], None]:
    """A listener of a run that passes on which step begins."""

    def listen(entry: dg.EventLogEntry) -> None:
        event = entry.dagster_event
        if event is not None and event.event_type_value == "STEP_START" and event.step_key:
            told(event.step_key.replace("__", "/"))

    return listen


def _failure_text(event: dg.DagsterEvent) -> str:
    data = event.step_failure_data
    failure = data.user_failure_data
    if failure is not None and failure.description:
        return failure.description
    return f"step {event.step_key} failed; the Dagster UI has the details"

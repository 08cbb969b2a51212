"""Runs of the social tier in this process, for verbs that build: told of and stopped the same way.

Here: Dagster's instance, what a run is at, what an interrupt does. Not here: which runs, and in
which order (`build`, `recover`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import click

from sxe_pipeline.cli import progress
from sxe_pipeline.cli.logins import dagster_instance
from sxe_pipeline.settings import Settings

if TYPE_CHECKING:
    from sxe_pipeline.local.interrupts import Stop
    from sxe_pipeline.local.runs import Run


class Runs:
    """One run after another, each until it ends or is interrupted."""

    def __init__(self, tier: Any, instance: Any, stop: "Stop", told: progress.Progress) -> None:
        self._tier, self._instance, self._stop, self._told = tier, instance, stop, told

    def days(
        self,
        job: str,
        days: Sequence[date],
        *,
        now: datetime,
        assets: Sequence[str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> "Run":
        """A daily job for days that follow each other.

        Args:
            job: Its name.
            days: Without a gap.
            now: The database's time: its days are those of the register.
            assets: Only these of the job.
            tags: For the run, such as `face.ENGINE`.

        Raises:
            KeyboardInterrupt: SIGINT or SIGTERM came.
        """
        from sxe_pipeline.local import runs

        return runs.run(
            self._tier,
            self._instance,
            job,
            days,
            tags,
            now=now,
            assets=assets,
            on_step=self._steps(named(days)),
            stop=self._stop,
        )

    def tables(self, job: str, tags: Mapping[str, str] | None = None) -> "Run":
        """A job over the tables behind all days.

        Args:
            job: Its name.
            tags: For the run, such as `face.WHOLE`.

        Raises:
            KeyboardInterrupt: SIGINT or SIGTERM came.
        """
        from sxe_pipeline.local import runs

        return runs.run_partition(
            self._tier,
            self._instance,
            job,
            None,
            tags or {},
            on_step=self._steps("all days"),
            stop=self._stop,
        )

    def _steps(self, of: str) -> Callable[[str], None]:
        return lambda step: self._told.say(f"{of}: {step}")


@contextmanager
def social_runs(given: Settings) -> Iterator[Runs]:
    """Runs in this process, on the logins `social` and `dagster`."""
    told = progress.current()
    told.say("loading Dagster")
    from sxe_pipeline import definitions
    from sxe_pipeline.local import interrupts

    def on_read(records: int) -> None:
        stop.check()
        told.add_rows(records)

    def stopping() -> None:
        told.end()
        click.echo("sxe: stopping after what is being written; once more ends at once", err=True)

    with dagster_instance(given) as instance, interrupts.watched(stopping) as stop:
        yield Runs(definitions.assemble(given, on_read=on_read), instance, stop, told)


def named(days: Sequence[date]) -> str:
    """Days that follow each other, as they are printed.

    Example:
        >>> named([date(2031, 2, 1)]), named([date(2031, 2, 1), date(2031, 2, 2)])
        ('2031-02-01', '2031-02-01 to 2031-02-02')
    """
    return str(days[0]) if len(days) == 1 else f"{days[0]} to {days[-1]}"

"""The verb that says how things stand, on one screen.

Here: asking, and putting the answers into lines. Not here: what is read (`ops.status`), which days
are pending (`ingest.register`), how full a home is (`local.usage`).
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from sxe_pipeline import settings
from sxe_pipeline.cli.logins import logged_in
from sxe_pipeline.cli.output import answer, as_json, fields_of
from sxe_pipeline.local.program import program

if TYPE_CHECKING:
    from sxe_pipeline.ingest.register import PendingDay
    from sxe_pipeline.ops.status import Running, Status
    from sxe_pipeline.ops.work import Row

_LISTED = 6
"""Lines of a kind before the rest is counted: the answer fits on one screen."""

_WIDTH = 9
_LANDING = "mend their `_collection.yaml` or `_mapping.yaml`, and they are taken in"


@click.command()
@as_json
def status(as_json: bool) -> None:
    """What is pending, runs, waits or is red, what was done last; exit 1 where something is red."""
    from sxe_pipeline.ingest import register
    from sxe_pipeline.local import usage
    from sxe_pipeline.ops import status as standing
    from sxe_pipeline.store import sql

    given = settings.load()
    with logged_in(optional=("api", "social")) as held, ExitStack() as opened:
        dsn = held.api_dsn or held.social_dsn or held.need("api_dsn")
        looking = opened.enter_context(sql.connect(dsn))
        found = standing.read(looking, first_day=held.first_day)
        pending, set_aside = None, None
        if held.social_dsn:  # which files a day has is known to the social tier alone
            social = opened.enter_context(sql.connect(held.social_dsn))
            days = register.pending_days(social, held.pace)
            pending = [d for d in days if held.builds(d.day)]
            set_aside = standing.set_aside(social)
        used = usage.parts(given)
    seen = Seen(found, pending, set_aside, used)
    answer("status", seen.data(), as_json, seen.lines())
    sys.exit(1 if found.is_red or set_aside else 0)


@dataclass(frozen=True)
class Seen:
    """All that one look found.

    Attributes:
        found: How things stand.
        pending: Days to take in; None where this login cannot see their files.
        set_aside: Collections whose description or mapping cannot be read; None as above.
        used: Bytes by part of the home; None for what is not on this machine.
    """

    found: "Status"
    pending: "list[PendingDay] | None"
    set_aside: int | None
    used: Mapping[str, int | None]

    def data(self) -> dict[str, Any]:
        """What a script reads: moments in ISO 8601."""
        found = self.found
        return {
            "at": _iso(found.at),
            "is_red": found.is_red or bool(self.set_aside),
            "engine_until": _iso(found.engine_until),
            "pending": self.pending
            and [
                {"day": p.day.isoformat(), "files": p.files, "is_gathering": p.is_gathering}
                for p in self.pending
            ],
            "running": [fields_of(run) for run in found.running],
            "waiting": [fields_of(row) for row in found.waiting],
            "red": [fields_of(row) for row in found.red],
            "collections_set_aside": self.set_aside,
            "last_success": {kind: _iso(at) for kind, at in found.last_success.items()},
            "next_night": _iso(found.next_night),
            "doubts": list(found.doubts),
            "early_days": [day.isoformat() for day in found.early_days],
            "disk_bytes": self.used,
        }

    def lines(self) -> Iterator[str]:
        """The same on one screen."""
        found = self.found
        yield f"{'now':{_WIDTH}}{_moment(found.at)}, by the database's clock"
        if found.doubts:
            yield from _listed("RESTORED", [_restored(found)])
        yield from _listed("engine", [_engine(found)])
        if self.pending is not None:
            yield from _listed("pending", [_pending(self.pending)])
        yield from _listed("running", found.running, _run)
        yield from _listed("waiting", found.waiting, _waiting)
        yield from _listed("red", found.red, _red)
        if self.set_aside:
            yield from _listed("", [f"{self.set_aside} collections cannot be read; {_LANDING}"])
        done = (f"{kind} {_moment(at)}" for kind, at in found.last_success.items())
        yield from _listed("done", [", ".join(done)])
        yield from _listed("next", [_next(found)])
        if found.early_days:
            yield from _listed("early", [_early(found.early_days)])
        yield from _listed("disk", [_disk(self.used)])


def _restored(found: "Status") -> str:
    return (
        f"or failed over ({', '.join(found.doubts)}): nothing is published or paid before two "
        f"persons looked; {program()} recover --dry-run"
    )


def _listed(
    title: str, rows: Iterable[Any], line: Callable[[Any], str] = lambda row: str(row)
) -> Iterator[str]:
    shown = list(rows)
    for at, row in enumerate(shown[:_LISTED]):
        yield f"{'' if at else title:{_WIDTH}}{line(row)}"
    if len(shown) > _LISTED:
        yield f"{'':{_WIDTH}}and {len(shown) - _LISTED} more; --json lists them"
    if not shown:
        yield f"{title:{_WIDTH}}none"


def _engine(found: "Status") -> str:
    if found.engine_until is None:
        return f"none holds the lease, so nothing is asked for by itself; `{program()} ui` does"
    return f"works; its lease lasts until {_moment(found.engine_until)}"


def _pending(days: "list[PendingDay]") -> str:
    if not days:
        return "none"
    gathering = sum(day.is_gathering for day in days)
    shown = ", ".join(stretches([day.day for day in days])[:_LISTED])
    return f"{len(days)} days ({gathering} still gather files): {shown}"


def stretches(days: list[date]) -> list[str]:
    """Days that follow each other as one text each.

    Example:
        >>> stretches([date(2031, 2, 1), date(2031, 2, 2), date(2031, 2, 4)])
        ['2031-02-01 to 2031-02-02', '2031-02-04']
    """
    found: list[list[date]] = []
    for day in sorted(days):
        if found and day - found[-1][-1] == timedelta(days=1):
            found[-1].append(day)
        else:
            found.append([day])
    return [str(s[0]) if len(s) == 1 else f"{s[0]} to {s[-1]}" for s in found]


def _run(run: "Running") -> str:
    work = ", ".join(run.work[:3]) or "begun by hand"
    state = "lease until" if run.is_beating else "LOST, its lease ended"
    return (
        f"{run.run_id}: {work}, since {_moment(run.begun_at)}, {state} {_moment(run.lease_until)}"
    )


def _waiting(row: "Row") -> str:
    return (
        f"{row.work} {row.subject}: again {_moment(row.retry_at)}, after {row.failures} failures "
        f"({_why(row)})"
    )


def _red(row: "Row") -> str:
    return (
        f"{row.work} {row.subject}: failed {row.failures} times, since {_moment(row.changed_at)} "
        f"({_why(row)})"
    )


def _why(row: "Row") -> str:
    return f"{row.outcome}: {row.reason}" if row.reason else str(row.outcome)


def _next(found: "Status") -> str:
    from sxe_pipeline.ops.work import TICK_S

    tick = f"tick within {TICK_S} s, " if found.engine_until else ""
    return f"{tick}night {_moment(found.next_night)}"


def _early(days: tuple[date, ...]) -> str:
    shown = ", ".join(stretches(list(days))[:_LISTED])
    return f"{len(days)} landed days before the first partition, never taken in: {shown}"


def _disk(used: Mapping[str, int | None]) -> str:
    return ", ".join(
        f"{name} {'elsewhere' if size is None else _bytes(size)}"
        for name, size in used.items()
        if not (name == "free" and size is None)
    )


def _bytes(size: int) -> str:
    """Bytes with the unit that suits them.

    Example:
        >>> _bytes(512), _bytes(5_300_000), _bytes(2 << 30)
        ('512 B', '5.1 MiB', '2.0 GiB')
    """
    shown, units = float(size), ["B", "KiB", "MiB", "GiB", "TiB"]
    while shown >= 1024 and len(units) > 1:
        shown, units = shown / 1024, units[1:]
    return f"{size} B" if units[0] == "B" else f"{shown:.1f} {units[0]}"


def _moment(at: datetime | None) -> str:
    return "never" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()

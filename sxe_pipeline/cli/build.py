"""The verb that builds: the pending days, or those named, run in this process.

Here: reading arguments, one run after another, the answer. Not here: which days are pending
(`ingest.register`), how a run is made (`local.runs`), what it does.
"""

import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import click

from sxe_pipeline.cli import progress
from sxe_pipeline.cli.in_process import named, social_runs
from sxe_pipeline.cli.logins import logged_in
from sxe_pipeline.cli.output import answer, as_json, dry_run, fields_of, parse_day, plain
from sxe_pipeline.errors import BadInput
from sxe_pipeline.local.program import program
from sxe_pipeline.settings import Settings

if TYPE_CHECKING:
    from sxe_pipeline.local.runs import Run


@click.command()
@click.option("--day", "days", multiple=True, help="Landing day; default: every pending day.")
@click.option("--publish", is_flag=True, help="Publish the batches of the newest day as well.")
@click.option(
    "--whole",
    is_flag=True,
    help="First make profiles, identities and cards of everything that was observed, not of what "
    "changed; rows that come out the same stay.",
)
@click.option(
    "--engine",
    type=click.Choice(["local", "spark"]),
    default="local",
    show_default=True,
    help="What redacts rows and makes cards: processes of this machine, or the Spark that "
    "SXE_SPARK_MASTER names.",
)
@dry_run
@as_json
def build(
    days: tuple[str, ...], publish: bool, whole: bool, engine: str, dry_run: bool, as_json: bool
) -> None:
    """Build Tier 1, cards and pools of the pending days, in this process."""
    if engine == "spark":
        from sxe_pipeline.engine import spark  # noqa: F401 - says so where it is not installed
    with logged_in("social", "dagster") as given:
        progress.say("registering what landed")
        from sxe_pipeline import definitions
        from sxe_pipeline.handoff import batches
        from sxe_pipeline.ingest import register
        from sxe_pipeline.local import runs
        from sxe_pipeline.ops import versions
        from sxe_pipeline.ops.sensors import TABLES
        from sxe_pipeline.social import observe
        from sxe_pipeline.store import objects, sql

        job = definitions.DAY if publish else definitions.INTAKE
        with sql.connect(given.need("social_dsn")) as conn:
            set_aside: Sequence[register.SetAside] = ()
            if not dry_run:
                landing = objects.Objects(given.landing_url)
                set_aside = register.register_all(conn, landing, actor="cli:build").set_aside
            # The register's days are the database's, and so is the newest that may be built.
            now, has_landed = sql.now(conn), _has_landed(conn)
            wanted = [_landing_day(d, given, now) for d in days] or [
                p.day for p in register.pending_days(conn, given.pace) if given.builds(p.day)
            ]
            newest = batches.newest_landed_day(conn) if publish and not days else None
            # Observed or not: what was built without publishing is published now.
            if newest and given.builds(newest):
                wanted = sorted({*wanted, newest})
            # What was never observed is made whole anyway.
            tables = TABLES if whole and versions.named(conn, observe.TABLE) else None
            known = {batch.batch_id for batch in batches.list_batches(conn)}
        stretches = [] if dry_run else runs.stretches(wanted, is_single=publish)
        done = _run(given, job, stretches, now, None if dry_run else tables, engine)
        with sql.connect(given.need("social_dsn")) as conn:
            made = [b.batch_id for b in batches.list_batches(conn) if b.batch_id not in known]
    data = {
        "job": job,
        "days": [d.isoformat() for d in sorted(wanted)],
        "whole": tables is not None,
        "runs": done,
        "batches": made,
    }
    data["set_aside"] = [fields_of(each) for each in set_aside]
    lines = [*_lines(data, has_landed=has_landed, landing=given.landing_url)]
    if publish and done and all(r["ok"] for r in done):
        lines.append(_published(made, max(wanted), now.astimezone(UTC).date()))
    answer("build", data, as_json, [*lines, *(plain(str(each)) for each in set_aside)])
    sys.exit(0 if all(r["ok"] for r in done) else 1)


def _run(
    given: Settings,
    job: str,
    stretches: list[list[date]],
    now: datetime,
    tables: str | None,
    engine: str,
) -> list[dict[str, Any]]:
    """What became of each stretch; before, where a job is named, of the tables behind all days."""
    from sxe_pipeline import face

    tags = {face.ENGINE: engine}
    if not stretches and not tables:
        return []
    done = []
    with social_runs(given) as runs:
        if tables:
            done.append(_told(tables, [], runs.tables(tables, tags | {face.WHOLE: "true"})))
        done += [_told(job, each, runs.days(job, each, now=now, tags=tags)) for each in stretches]
    return done


def _told(job: str, days: Sequence[date], run: "Run") -> dict[str, Any]:
    return {
        "job": job,
        "days": [day.isoformat() for day in days],
        "run_id": run.run_id,
        "ok": run.is_success,
        "failure": run.failure,
        "failed_checks": run.failed_checks,
    }


def _has_landed(conn: Any) -> bool:
    """Whether anything is registered."""
    [(has_landed,)] = conn.execute("select exists (select from ingest.landing_file)").fetchall()
    return bool(has_landed)


def _landing_day(text: str, given: Settings, now: datetime) -> date:
    from sxe_pipeline.schema.tables import FIRST_DAY

    day, today = parse_day(text), now.astimezone(UTC).date()
    first = max(given.first_day or FIRST_DAY, FIRST_DAY)
    if not first <= day <= today:
        raise BadInput(f"a landing day lies between {first} and {today}")
    return day


def _published(made: Sequence[str], day: date, today: date) -> str:
    """What left, or when that does which changed after its day had been published."""
    if made:
        return f"{len(made)} new batches; `{program()} batch list` names them"
    leaves = "the next one"
    if day < today:
        leaves = f"{today}, in the night, or now: `{program()} build --publish --day {today}`"
    return f"no new batch: a day is published once, and what changed since leaves with {leaves}"


def _lines(data: dict[str, Any], *, has_landed: bool, landing: str) -> Iterator[str]:
    if not data["days"] and has_landed:
        yield "nothing is pending: every registered file has been observed"
    elif not data["days"]:
        yield f"nothing has landed yet: `{program()} ingest FOLDER` copies files of yours into"
        yield f"{landing} and registers them; then `{program()} build` again"
        yield f"(to see it work on invented people first: `{program()} demo`)"
    would: list[dict[str, Any]] = [
        {"job": data["job"], "days": [day], "ok": None} for day in data["days"]
    ]
    if data["whole"]:
        would.insert(0, {"job": "all tables", "days": [], "ok": None})
    for run in data["runs"] or would:
        state = {True: "done", False: f"failed: {run.get('failure')}", None: "would run"}[run["ok"]]
        days = (
            named([date.fromisoformat(day) for day in run["days"]]) if run["days"] else "all days"
        )
        yield f"{run['job']} {days}: {state}"
        for check in run.get("failed_checks") or ():
            yield f"  check failed: {check}"

"""The verb that builds a lost Tier 1 store again.

Here: reading arguments, the order of the runs, the answer. Not here: what is lost and how it is
forgotten (`social.recover`), what a run builds.
"""

import sys
from collections.abc import Iterator
from typing import Any

import click

from sxe_pipeline.cli.in_process import social_runs
from sxe_pipeline.cli.logins import logged_in
from sxe_pipeline.cli.output import answer, as_json, dry_run

_BY_DAY = ("ingest/raw_profiles", "social/observations")


@click.command()
@click.option("--accept-loss", is_flag=True, help="Go on without days whose landing is gone.")
@dry_run
@as_json
def recover(accept_loss: bool, dry_run: bool, as_json: bool) -> None:
    """Build a lost Tier 1 store again from landing; every card keeps its id."""
    from sxe_pipeline import definitions
    from sxe_pipeline.local import runs
    from sxe_pipeline.ops.sensors import TABLES
    from sxe_pipeline.social import recover as recovery
    from sxe_pipeline.store import objects, sql

    done: list[dict[str, Any]] = []
    with logged_in("social", "dagster") as given:
        landing = objects.Objects(given.landing_url)
        with sql.connect(given.need("social_dsn")) as conn:
            [(now,)] = conn.execute("select clock_timestamp()").fetchall()
            conn.commit()
            if dry_run:
                loss = recovery.examine(conn, given.tier1_url, landing)
            else:
                loss = recovery.forget(
                    conn, given.tier1_url, landing, actor="cli:recover", accept_loss=accept_loss
                )
        if not dry_run:
            with social_runs(given) as started:
                # Every day first: tables of half the days would join and part other accounts.
                for days in runs.stretches(loss.days, is_single=False):
                    run = started.days(definitions.INTAKE, days, now=now, assets=_BY_DAY)
                    done.append(_told(run, f"{days[0]} to {days[-1]}"))
                if all(run["ok"] for run in done):
                    whole = started.tables(TABLES)
                    done.append(_told(whole, "the tables behind all days"))
    data = {
        "store": given.tier1_url,
        "tables": list(loss.tables),
        "days": [day.isoformat() for day in loss.days],
        "lost_days": [day.isoformat() for day in loss.lost_days],
        "missing_files": loss.missing_files,
        "dry_run": dry_run,
        "runs": done,
    }
    answer("recover", data, as_json, _lines(data))
    sys.exit(0 if all(run["ok"] for run in done) else 1)


def _told(run: Any, what: str) -> dict[str, Any]:
    return {
        "what": what,
        "run_id": run.run_id,
        "ok": run.is_success,
        "failure": run.failure,
        "failed_checks": run.failed_checks,
    }


def _lines(data: dict[str, Any]) -> Iterator[str]:
    lacks = ", ".join(data["tables"]) or "nothing more"
    yield f"store     {data['store']} lacks {lacks}"
    yield f"rebuilt   {len(data['days'])} landed days"
    if data["lost_days"]:
        yield f"lost      {len(data['lost_days'])} landed days: {', '.join(data['lost_days'])}"
        yield f"          {data['missing_files']} landing files are gone that did not expire"
    for run in data["runs"]:
        state = "done" if run["ok"] else f"failed: {run['failure']}"
        yield f"{run['what']}: {state}"
        for check in run["failed_checks"]:
            yield f"  check failed: {check}"
    if data["dry_run"]:
        yield "nothing was changed"

"""The verb that mends what was lost: a Tier 1 store, or the newest days of a database.

Here: reading arguments, the order of the runs, the answer. Not here: what is lost and how it is
forgotten (`social.recover`), what a run builds, what the stores bring back (`local.recovery`).
"""

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from sxe_pipeline.cli.in_process import social_runs
from sxe_pipeline.cli.logins import logged_in
from sxe_pipeline.cli.output import KEPT, answer, as_json, dry_run, fields_of
from sxe_pipeline.errors import BadInput
from sxe_pipeline.local.program import program

if TYPE_CHECKING:
    from sxe_pipeline.settings import Settings

_BY_DAY = ("ingest/raw_profiles", "social/observations")


@click.command()
@click.option("--accept-loss", is_flag=True, help="Go on without days whose landing is gone.")
@click.option(
    "--reason", type=KEPT, help="Why work may go on; kept in the record. For a restored database."
)
@dry_run
@as_json
def recover(accept_loss: bool, reason: str | None, dry_run: bool, as_json: bool) -> None:
    """Bring back what a lost store or a restored database lacks; every card keeps its id.

    A Tier 1 store that was lost is built again from landing. A database that was restored, or that
    failed over, gets back what its stores know, and this proposes that work goes on: another
    person confirms (SXE_TOKEN and --reason).
    """
    from sxe_pipeline.ops import continuity
    from sxe_pipeline.store import sql

    with logged_in("social", "api", "dagster") as given:
        with sql.connect(given.need("social_dsn")) as conn:
            doubts = continuity.doubts(conn)
        if doubts:
            _database(given, doubts, reason, dry_run, as_json)
        else:
            _store(given, accept_loss, dry_run, as_json)


def _database(
    given: "Settings", doubts: list[str], reason: str | None, dry_run: bool, as_json: bool
) -> None:
    from sxe_pipeline import settings
    from sxe_pipeline.gate import people
    from sxe_pipeline.local import recovery
    from sxe_pipeline.store import sql
    from sxe_pipeline.store.functions import at_once, call_function

    proposed = None
    if not dry_run:
        token = people.token_of(given)
        if not reason:
            raise BadInput("say why work may go on: --reason is part of the record")
    behind = recovery.bring_back(given, settings.load(), is_dry_run=dry_run)
    if not dry_run:
        with sql.connect(given.need("api_dsn")) as conn:
            with at_once(conn):
                seen = call_function(conn, "ops.seen_now", dict(behind.counts))
            proposed = people.propose(conn, token, "recovery", seen, reason or "")
    data = fields_of(behind) | {"doubts": doubts, "proposal_id": proposed, "dry_run": dry_run}
    answer("recover", data, as_json, _told_of(data))
    sys.exit(1)


def _told_of(data: dict[str, Any]) -> Iterator[str]:
    yield f"this database was restored or failed over: {', '.join(data['doubts'])}"
    yield f"it remembers until {data['last_event_at']}; its stores until {data['newest_marker_at']}"
    yield (
        f"the stores bring back {data['batches']} batches of cards, {data['contact_batches']} of "
        f"contacts, {data['cards']} card ids, {data['suppressions']} suppressions, and that "
        f"{data['asks']} cards may have been paid for"
    )
    yield "no store knows, so people enter again what was done in between: suppressions since the"
    yield "last build, people retired and tokens revoked, caps, prices, approvals, landed files"
    if data["dry_run"]:
        yield "nothing was changed; SXE_TOKEN=... sxe recover --reason WHY brings it back"
    else:
        yield f"another person runs: {program()} budget confirm {data['proposal_id']}"
        yield "until then nothing is published and nobody is paid; then each provider's circuit is"
        yield f"closed by two persons, who compare its counter: {program()} budget propose circuit"


def _store(given: "Settings", accept_loss: bool, dry_run: bool, as_json: bool) -> None:
    """Build a lost Tier 1 store again."""
    from sxe_pipeline import definitions
    from sxe_pipeline.local import runs
    from sxe_pipeline.ops.sensors import TABLES
    from sxe_pipeline.social import recover as recovery
    from sxe_pipeline.store import objects, sql

    done: list[dict[str, Any]] = []
    landing = objects.Objects(given.landing_url)
    with sql.connect(given.need("social_dsn")) as conn:
        now = sql.now(conn)
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

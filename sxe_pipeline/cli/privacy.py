"""Verbs of privacy: a person who is not to be asked about, and how long what is kept.

Here: reading arguments. Not here: where a suppression is looked up (the gate and every stage ask
one function of the database), what is deleted and in which order (`retention` of each room).
"""

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from sxe_pipeline.cli.logins import authenticated, dagster_instance, logged_in
from sxe_pipeline.cli.output import answer, as_json, dry_run, reason, table

if TYPE_CHECKING:
    from sxe_pipeline.ops.periods import Periods
    from sxe_pipeline.ops.retention import Gone
    from sxe_pipeline.settings import Settings


@click.group()
def privacy() -> None:
    """Who is not asked about, nor handed over; how long what is kept."""


@privacy.command("suppress")
@click.argument("card")
@reason
@as_json
def privacy_suppress(card: str, reason: str, as_json: bool) -> None:
    """Never ask about the person of CARD again, nor hand over what is known."""
    from sxe_pipeline.privacy import suppression

    with authenticated() as (conn, token):
        suppression.suppress(conn, token, card, reason)
    answer("privacy suppress", {"card_id": card}, as_json, ["suppressed, under every id it had"])


@privacy.command("retention")
@dry_run
@as_json
def privacy_retention(dry_run: bool, as_json: bool) -> None:
    """Delete what the social tier keeps for too long, as each night does; say what, and why.

    What is of the contact tier is counted at most: that one deletes it in its own night.
    """
    from sxe_pipeline.ops import periods

    with logged_in("social", "api", "dagster") as given:
        policy = periods.load(given.retention_file)
        gone = _expiring(given, policy)
        run = None if dry_run else _run(given)
    rows = [_row(line, gone.get(line.name)) for line in policy.lines.values()]
    data = {"policy": policy.version, "dry_run": dry_run, "lines": rows, "run": run}
    shown = [{k: v for k, v in row.items() if k != "why"} for row in rows]
    last = ["nothing was changed" if dry_run else _sentence(run)]
    answer("privacy retention", data, as_json, [*table(shown), *last])
    sys.exit(0 if run is None or run["ok"] else 1)


def _expiring(given: "Settings", policy: "Periods") -> "Mapping[str, Gone]":
    """What would go now."""
    from sxe_pipeline import definitions
    from sxe_pipeline.ops import retention
    from sxe_pipeline.privacy.retention import CONTACT_VALUES, expiring_points
    from sxe_pipeline.store import sql

    with sql.connect(given.need("social_dsn")) as conn:
        now = sql.now(conn)
        terms = retention.Terms(policy, now, "cli:privacy", is_dry_run=True)
        found = definitions.expire_social(conn, given, terms)
    if period := policy.of(CONTACT_VALUES):
        with sql.connect(given.need("api_dsn")) as conn:
            found.append(expiring_points(conn, period, None))
    return {each.line: each for each in found}


def _run(given: "Settings") -> dict[str, Any]:
    """The social tier's deletions, in this process."""
    from sxe_pipeline import definitions
    from sxe_pipeline.local import runs
    from sxe_pipeline.ops import assets, retention

    tier = definitions.assemble(given)
    with dagster_instance(given) as instance:
        run = runs.run_partition(tier, instance, assets.UPKEEP, None, {}, assets=[retention.ASSET])
    return {"run_id": run.run_id, "ok": run.is_success, "failure": run.failure}


def _row(line: Any, gone: "Gone | None") -> dict[str, Any]:
    return {
        "kind": line.name,
        "kept": line.how,
        "over": None if gone is None else gone.count,
        "unit": None if gone is None else gone.unit,
        "from": gone and gone.first_day,
        "to": gone and gone.last_day,
        "why": line.why,
    }


def _sentence(run: Mapping[str, Any] | None) -> str:
    if run is None or run["ok"]:
        return "deleted but for what is of the contact tier, which deletes it each night"
    return f"failed: {run['failure']}"

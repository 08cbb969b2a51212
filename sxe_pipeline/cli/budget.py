"""Verbs of money: caps, prices, settings and circuits, and what two people change about them.

Here: reading arguments, showing proposals of any kind. Not here: who somebody is (`people`), what a
platform allows (`policy`), and requests (`gate`).
"""

import json
import re
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from sxe_pipeline.cli.logins import api_connection, authenticated
from sxe_pipeline.cli.output import (
    answer,
    as_json,
    dry_run,
    micros_of,
    money,
    one_of,
    plain,
    reason,
    table,
)
from sxe_pipeline.cli.proposals import content_of, decide, proposal_lines, send, summary, units_of
from sxe_pipeline.errors import BadInput, NotFound
from sxe_pipeline.local.program import program

if TYPE_CHECKING:
    from sxe_pipeline.gate.reads import Budget, Policy, Provider

SETTINGS = (
    *("quorum", "decide_within", "run_within", "reconcile_wait", "poll_wait"),
    *("email_fresh_for", "phone_fresh_for", "negative_for", "may_request_and_approve"),
)
_VALUES = {"quorum": r"[1-9][0-9]{0,4}", "may_request_and_approve": "true|false"}


@click.group()
def budget() -> None:
    """Caps, prices, settings and providers: one person proposes, another confirms."""


@budget.command("show")
@as_json
def budget_show(as_json: bool) -> None:
    """What may be spent, what is reserved and spent, and what the providers count."""
    from sxe_pipeline.gate import reads

    with api_connection() as conn:
        budgets, providers = reads.budgets(conn), reads.providers(conn)
        policy = reads.policy(conn)
    data = {"budgets": budgets, "providers": providers, "policy": policy}
    answer("budget show", data, as_json, map(plain, _show_lines(budgets, providers, policy)))


def _show_lines(
    budgets: Sequence["Budget"], providers: Sequence["Provider"], policy: "Policy | None"
) -> Iterator[str]:
    yield from table(
        [
            {
                "market": each.market or "*",
                "provider": each.provider or "*",
                "month": f"{each.month:%Y-%m}",
                "cap": money(each.cap_micros),
                "reserved": money(each.reserved_micros),
                "spent": money(each.spent_micros),
                "overrun": money(each.overrun_micros),
                "balanced": "yes" if each.is_balanced else "NO",
            }
            for each in budgets
        ]
    )
    yield ""
    yield from table(
        [
            {
                "provider": each.provider,
                "circuit": _circuit(each.circuit_state),
                "cause": each.cause,
                "unit": money((each.price_card or {}).get("micros_per_unit", 0)),
                "booked": money(each.booked_micros),
                "booked units": units_of(each.booked_units_micro),
                "counter": units_of(each.counter_units_micro),
                "drift": units_of(each.drift_units_micro),
                "open calls": each.open_calls,
                "unknown": ", ".join(map(str, each.unknown_calls)) or None,
            }
            for each in providers
        ]
    )
    yield ""
    yield f"policy {policy.sha256}" if policy else "no policy: every platform is closed"


def _circuit(state: str) -> str:
    """The gate speaks of a breaker, where open means stopped; a person reads what it does."""
    return {"closed": "runs", "half_open": "probes", "open": "stopped"}.get(state, state)


@budget.group("propose")
def propose() -> None:
    """Propose a change; it holds once another person has confirmed it."""


@propose.command("cap")
@click.option("--market", help="Of this market; with --provider: of the two together.")
@click.option("--provider", help="Of this provider.")
@click.option("--amount", required=True, help="Such as 250 or 12.50.")
@click.option("--month", help="YYYY-MM; default: the month in which it is confirmed.")
@reason
@dry_run
@as_json
def propose_cap(
    market: str | None,
    provider: str | None,
    amount: str,
    month: str | None,
    reason: str,
    dry_run: bool,
    as_json: bool,
) -> None:
    """How much may be spent in a month; what has no cap may spend nothing."""
    if not (market or provider):
        raise BadInput("a cap is of a market, of a provider, or of both: --market, --provider")
    content: dict[str, Any] = {"cap_micros": micros_of(amount)}
    content |= {n: v for n, v in (("market", market), ("provider", provider)) if v}
    if month is not None:
        content["month"] = _month(month)
    send("budget propose cap", "cap", content, reason, dry_run, as_json)


def _month(text: str) -> str:
    try:
        if not re.fullmatch(r"[0-9]{4}-[0-9]{2}", text):
            raise ValueError
        return date.fromisoformat(f"{text}-01").isoformat()
    except ValueError:
        raise BadInput("a month is written YYYY-MM") from None


@propose.command("price")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@reason
@dry_run
@as_json
def propose_price(file: Path, reason: str, dry_run: bool, as_json: bool) -> None:
    """The price card of a provider, from YAML; docs/enrichment.md shows one."""
    send("budget propose price", "price", content_of(file), reason, dry_run, as_json)


@propose.command("setting")
@click.argument("name", type=click.Choice(SETTINGS))
@click.argument("value")
@reason
@dry_run
@as_json
def propose_setting(name: str, value: str, reason: str, dry_run: bool, as_json: bool) -> None:
    """How many must approve, how long things wait: '2', '48 hours', '90 days'. By admins."""
    if not re.fullmatch(_VALUES.get(name, r"[1-9][0-9]{0,4} [a-z]{3,9}"), value):
        raise BadInput(
            "a quorum is a number; a time is a number and a unit, such as '48 hours'; "
            "may_request_and_approve is true or false"
        )
    content = {name: json.loads(value) if name in _VALUES else value}
    send("budget propose setting", "setting", content, reason, dry_run, as_json)


@propose.command("circuit")
@click.argument("provider")
@reason
@dry_run
@as_json
def propose_circuit(provider: str, reason: str, dry_run: bool, as_json: bool) -> None:
    """Let a stopped PROVIDER be asked again."""
    send("budget propose circuit", "circuit", {"provider": provider}, reason, dry_run, as_json)


@propose.command("resolve")
@click.argument("call")
@click.option("--charged", required=True, help="Units that the provider's invoice says; 0 is none.")
@reason
@dry_run
@as_json
def propose_resolve(call: str, charged: str, reason: str, dry_run: bool, as_json: bool) -> None:
    """Say what an unknown CALL cost, by the provider's own word."""
    resolve("budget propose resolve", call, charged, reason, dry_run, as_json)


@propose.command("adjust")
@click.argument("call")
@click.option("--credit", help="Units that the provider gave back.")
@click.option("--charged", help="Units that its invoice says beyond what was booked.")
@reason
@dry_run
@as_json
def propose_adjust(
    call: str,
    credit: str | None,
    charged: str | None,
    reason: str,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Less or more than was booked for the settled CALL; what is beyond stops its provider."""
    if (credit is None) == (charged is None):
        raise BadInput("an invoice says less or more than was booked: --credit or --charged")
    content: dict[str, Any] = {"call_id": str(_call_id(call))}
    if credit is not None:
        content["units_micro"] = micros_of(credit, "a credit")
    if charged is not None:
        content["late_units_micro"] = micros_of(charged, "a charge")
    send("budget propose adjust", "adjust", content, reason, dry_run, as_json)


def _call_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise BadInput("the call is named by its whole id; `sxe enrich receipt` shows it") from None


def resolve(verb: str, call: str, charged: str, reason: str, dry_run: bool, as_json: bool) -> None:
    """Propose what an unknown call cost, in units of the provider as they are typed.

    Raises:
        NotFound: No call whose id begins so is unknown.
    """
    from sxe_pipeline.gate import reads

    units = micros_of(charged, "a charge")
    with api_connection() as conn:
        unknown = [call_id for each in reads.providers(conn) for call_id in each.unknown_calls]
    call_id = one_of(unknown, lambda one: one, call, "call that is UNKNOWN", "sxe budget show")
    content = {"call_id": str(call_id), "units_micro": units}
    send(verb, "resolve", content, reason, dry_run, as_json)


@budget.command("proposals")
@click.argument("proposal", required=False)
@click.option("--all", "has_all", is_flag=True, help="Those that were decided as well.")
@as_json
def budget_proposals(proposal: str | None, has_all: bool, as_json: bool) -> None:
    """What waits for a second person; with PROPOSAL, the whole of it."""
    from sxe_pipeline.gate import people

    with api_connection() as conn:
        rows = people.proposals(conn, is_open=not has_all and proposal is None)
    if proposal is not None:
        row = one_of(rows, lambda p: p.proposal_id, proposal, "proposal", "sxe budget proposals")
        answer("budget proposals", {"rows": [row]}, as_json, proposal_lines(row))
        return
    shown = [
        {
            "proposal": row.proposal_id,
            "by": row.proposed_by,
            "until": row.expires_at.isoformat()[:16],
            "state": row.decision or "waits",
            "what": summary(row.kind, row.content),
        }
        for row in rows
    ]
    answer("budget proposals", {"rows": rows}, as_json, map(plain, table(shown)))


@budget.command("confirm")
@click.argument("proposal")
@dry_run
@as_json
def budget_confirm(proposal: str, dry_run: bool, as_json: bool) -> None:
    """Confirm PROPOSAL of another person; from then on it holds."""
    decide("budget confirm", proposal, is_confirmed=True, dry_run=dry_run, as_json=as_json)


@budget.command("decline")
@click.argument("proposal")
@dry_run
@as_json
def budget_decline(proposal: str, dry_run: bool, as_json: bool) -> None:
    """Say no to PROPOSAL, also to one's own."""
    decide("budget decline", proposal, is_confirmed=False, dry_run=dry_run, as_json=as_json)


@budget.command("stop")
@click.argument("provider", required=False)
@reason
@dry_run
@as_json
def budget_stop(provider: str | None, reason: str, dry_run: bool, as_json: bool) -> None:
    """Stop PROVIDER, or all of them, before the next call. One person is enough."""
    from sxe_pipeline.gate import people, reads

    with authenticated() as (conn, token):
        names = [each.provider for each in reads.providers(conn)]
        stopped = [name for name in names if provider in (None, name)]
        if not stopped:
            raise NotFound("there is no such provider; see `sxe budget show`")
        if not dry_run:
            people.kill(conn, token, provider, reason)
    data = {"stopped": stopped, "dry_run": dry_run}
    lines = [
        f"{'would stop' if dry_run else 'stopped'}: {', '.join(stopped)}",
        f"two people let one run again: {program()} budget propose circuit PROVIDER, then confirm",
    ]
    answer("budget stop", data, as_json, lines)

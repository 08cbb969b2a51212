"""Verbs of a request: ask for contact data, approve it, reject it, revoke it.

Here: reading arguments and showing what is asked. Not here: what is allowed; the database decides.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from sxe_pipeline.cli.logins import api_connection, authenticated
from sxe_pipeline.cli.output import (
    KEPT,
    answer,
    as_json,
    dry_run,
    fields_of,
    micros_of,
    money,
    names_of,
    one_of,
    plain,
    reason,
    table,
)
from sxe_pipeline.errors import BadInput
from sxe_pipeline.local.program import program

if TYPE_CHECKING:
    import psycopg

    from sxe_pipeline.gate.reads import Request
    from sxe_pipeline.gate.requests import Plan, Spec, Submitted

MOST_ITEMS = 250


def find_request(conn: "psycopg.Connection", start: str) -> "Request":
    """The request with that id, or with that unique beginning of one."""
    from sxe_pipeline.gate import reads

    listed = reads.all_requests(conn)
    return one_of(listed, lambda row: row.request_id, start, "request", "sxe enrich status")


def asked_lines(row: "Request") -> Iterator[str]:
    """What a request asks and where it stands, for whoever decides on it."""
    yield from map(plain, _asked(row))


def _asked(row: "Request") -> Iterator[str]:
    asks, asked_at, decide_by = row.asks, row.created_at.isoformat(), row.decide_by.isoformat()
    yield f"request   {row.request_id} version {row.version}: {row.state}"
    yield f"asked by  {row.created_by} at {asked_at}, decide by {decide_by}"
    yield f"about     {row.item_count} cards of {row.market}: {', '.join(asks.fields)}"
    yield f"from      {', '.join(asks.waterfall)}, in this order"
    yield f"at most   {money(asks.max_micros)}"
    yield (
        f"because   {asks.purpose} / {asks.legal_basis} / {asks.match_basis} / "
        f"{asks.permissible_purpose}"
    )
    yield f"policy    {asks.policy_sha256}"
    yield f"hash      {row.content_sha256}"
    for one in row.approvals:
        most = f", at most {money(one.max_micros)}" if one.max_micros else ""
        yield (
            f"{one.decision:<9} {one.principal}, version {one.version}, "
            f"{one.items} cards{most}, at {one.made_at.isoformat()}: {one.reason}"
        )
    if row.lost_cards:
        yield f"lost      {len(row.lost_cards)} cards were paid for and their answer was lost;"
        yield "          --again CARD asks, and pays, again:"
        yield from (f"          {card}" for card in row.lost_cards)


@click.command()
@click.option("--market", required=True, help="Whose budget pays, and whose cards.")
@click.option("--pool", help="Only this audience pool.")
@click.option("--card", "cards", multiple=True, help="This card; may be given up to 250 times.")
@click.option("--limit", type=click.IntRange(1, 250), help="So many cards; instead of --card.")
@click.option("--fields", required=True, help="email, phone, or email,phone.")
@click.option("--purpose", type=KEPT, required=True, help="One that the policy allows.")
@click.option(
    "--legal-basis", type=KEPT, required=True, help="Such as consent or legitimate_interest."
)
@click.option("--match-basis", required=True, help="consent, user_provided or public_data.")
@click.option(
    "--permissible-purpose", type=KEPT, required=True, help="Of a skip trace; none otherwise."
)
@click.option("--max", "amount", help="At most so much, 12.50; default: the forecast's worst case.")
@click.option("--waterfall", help="Providers in order, a,b; default: cheapest expected hit first.")
@click.option("--edit", metavar="REQUEST", help="Replace this request; its approvals are void.")
@click.option("--submit", "is_final", is_flag=True, help="Freeze it and hand it to an approver.")
@dry_run
@as_json
def request(
    *,
    limit: int | None,
    cards: tuple[str, ...],
    edit: str | None,
    is_final: bool,
    dry_run: bool,
    as_json: bool,
    **given: str | None,
) -> None:
    """Ask for contact data of ready cards; without --submit, only say what it would cost."""
    from sxe_pipeline.gate import requests

    if not cards and limit is None:
        raise BadInput("say how many cards (--limit N), or which (--card ID)")
    if cards and (limit is not None or given["pool"]):
        raise BadInput("--card names the cards; leave out --limit and --pool")
    is_final, spec = is_final and not dry_run, _spec(limit, cards, given)
    with authenticated() as (conn, token):
        if edit is not None:
            spec = replace(spec, request_id=find_request(conn, edit).request_id)
        made = (requests.submit if is_final else requests.plan)(conn, token, spec)
    data = {"is_submitted": is_final, **fields_of(made)}
    answer("request", data, as_json, _plan_lines(made))


def _spec(limit: int | None, cards: Sequence[str], given: Mapping[str, str | None]) -> "Spec":
    from sxe_pipeline.gate.requests import Spec

    texts = ("market", "pool", "purpose", "legal_basis", "match_basis", "permissible_purpose")
    same: dict[str, Any] = {name: given[name] for name in texts}
    return Spec(
        **same,
        fields=names_of(given["fields"] or ""),
        limit=limit,
        card_ids=cards or None,
        waterfall=names_of(given["waterfall"]) if given["waterfall"] is not None else None,
        max_micros=micros_of(given["amount"]) if given["amount"] is not None else None,
    )


def _plan_lines(made: "Plan | Submitted") -> Iterator[str]:
    from sxe_pipeline.gate.requests import Submitted

    counts = made.counts
    yield (
        f"{counts.chosen} cards chosen of {counts.looked_at} looked at; "
        f"{counts.known_and_fresh} of them known and fresh: free"
    )
    yield (
        f"left out: {counts.not_matchable} without what a provider needs, "
        f"{counts.suppressed} suppressed, {counts.closed_by_policy} closed by policy, "
        f"{counts.asked_before} asked before without an answer"
    )
    if not counts.chosen:
        if not counts.looked_at:
            yield "nobody ready is there; `sxe market` lists markets, with MARKET --all its pools"
        if counts.closed_by_policy:
            yield "`sxe policy show` says for what, and on which match basis, may be asked"
        yield "there is nobody to ask about, so nothing can be submitted"
        return
    yield from table(
        [
            {
                "provider": line.provider,
                "group": line.group,
                "matchable": line.matchable,
                "min": money(line.min_micros),
                "expected": money(line.expected_micros),
                "worst": money(line.worst_micros),
            }
            for line in made.forecast
        ]
    )
    yield f"asked in this order: {', '.join(made.waterfall)}"
    yield f"worst case {money(made.worst_micros)}, maximum {money(made.max_micros)}"
    if not isinstance(made, Submitted):
        yield "nothing was submitted; the same again with --submit freezes it for an approver"
        return
    yield f"request {made.request_id} version {made.version}, {made.item_count} cards"
    yield f"hash    {made.content_sha256}"
    yield "another person, who may approve, runs:"
    yield f"  {program()} approve {made.request_id} --hash {made.content_sha256} --reason '..'"


@click.command()
@click.argument("request")
@click.option("--items", help="Only these, 1-10,15; default: all.")
@click.option("--max", "amount", help="At most so much, 12.50; the lowest of all approvals counts.")
@click.option("--again", multiple=True, metavar="CARD", help="Paid and lost: ask and pay again.")
@click.option("--hash", "pinned", metavar="HEX", help="What was looked at elsewhere, and no other.")
@click.option("--reason", type=KEPT, help="Why; kept in the record.")
@click.option("--show", "--dry-run", "show", is_flag=True, help="Only show what is asked.")
@as_json
def approve(
    request: str,
    items: str | None,
    amount: str | None,
    again: tuple[str, ...],
    pinned: str | None,
    reason: str | None,
    show: bool,
    as_json: bool,
) -> None:
    """Show what REQUEST asks, and approve exactly that; never one's own."""
    from sxe_pipeline.gate import requests

    if show:
        with api_connection() as conn:
            asked = find_request(conn, request)
        answer("approve", {"asked": asked, "approval": None}, as_json, asked_lines(asked))
        return
    if reason is None:
        raise BadInput("say why: --reason is part of the record (--show only shows)")
    positions = positions_of(items) if items is not None else None
    most = micros_of(amount) if amount is not None else None
    with authenticated() as (conn, token):
        asked = _show(conn, request, as_json)
        done = requests.approve(
            conn,
            token,
            asked.request_id,
            asked.version,
            _hash(pinned, asked),
            reason,
            positions=positions,
            max_micros=most,
            lost_cards=again,
        )
    lines = [
        f"approved: {done.approved_items} of {done.item_count} cards may be asked for, "
        f"until {done.expires_at.isoformat()}; the request is {done.state}"
    ]
    answer("approve", {"asked": asked, "approval": done}, as_json, lines)


def _show(conn: "psycopg.Connection", request: str, as_json: bool) -> "Request":
    """What is asked; a person sees it before the decision is sent, so also where it is refused."""
    asked = find_request(conn, request)
    for line in () if as_json else asked_lines(asked):
        click.echo(line)
    return asked


def _hash(pinned: str | None, asked: "Request") -> str:
    # An empty one is a variable that somebody forgot to set, never leave to take what there is.
    return asked.content_sha256 if pinned is None else pinned.lower()


def positions_of(text: str) -> list[int]:
    """Item numbers as they are typed.

    Raises:
        BadInput: Not a list of numbers and ranges between 1 and 250.

    Example:
        >>> positions_of("1-3,7")
        [1, 2, 3, 7]
    """
    found: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"([0-9]{1,3})(?:-([0-9]{1,3}))?", part.strip())
        first = int(match[1]) if match else 0
        last = int(match[2] or first) if match else 0
        if not 1 <= first <= last <= MOST_ITEMS:
            raise BadInput(f"items are written 1-10,15 and lie between 1 and {MOST_ITEMS}")
        found.update(range(first, last + 1))
    return sorted(found)


@click.command()
@click.argument("request")
@click.option("--hash", "pinned", metavar="HEX", help="What was looked at elsewhere, and no other.")
@reason
@dry_run
@as_json
def reject(request: str, pinned: str | None, reason: str, dry_run: bool, as_json: bool) -> None:
    """Say no to REQUEST, while nothing was sent for it."""
    from sxe_pipeline.gate import requests

    with authenticated() as (conn, token):
        asked = _show(conn, request, as_json)
        state = asked.state
        if not dry_run:
            request_id, sha256 = asked.request_id, _hash(pinned, asked)
            state = requests.reject(conn, token, request_id, asked.version, sha256, reason).state
    _answer_ended("reject", asked.request_id, state, dry_run, as_json)


@click.command()
@click.argument("request")
@reason
@dry_run
@as_json
def revoke(request: str, reason: str, dry_run: bool, as_json: bool) -> None:
    """Stop REQUEST before its next call; whoever asked may, and whoever may approve."""
    from sxe_pipeline.gate import requests

    with authenticated() as (conn, token):
        asked = _show(conn, request, as_json)
        state = asked.state
        if not dry_run:
            state = requests.revoke(conn, token, asked.request_id, reason).state
    _answer_ended("revoke", asked.request_id, state, dry_run, as_json)


def _answer_ended(verb: str, request_id: UUID, state: str, dry_run: bool, as_json: bool) -> None:
    data = {"request_id": request_id, "state": state, "dry_run": dry_run}
    answer(verb, data, as_json, [f"the request {'stays' if dry_run else 'is'} {state}"])

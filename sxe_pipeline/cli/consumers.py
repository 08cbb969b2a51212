"""Verbs of consumers: who reads batches, of what, and the keys by which they are known.

Here: reading arguments and printing; one verb shows a key, once, and no other ever does. Not here:
what a person may do; the database decides by the token.
"""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sxe_pipeline.cli.acks import lines_of
from sxe_pipeline.cli.logins import api_connection, authenticated
from sxe_pipeline.cli.output import answer, as_json, dry_run, fields_of, table
from sxe_pipeline.errors import BadInput
from sxe_pipeline.local.program import program

if TYPE_CHECKING:
    import psycopg

    from sxe_pipeline.handoff.consumers import Consumer, Subscribed

F = TypeVar("F", bound=Callable[..., Any])

_UNITS = {"m": 60, "h": 3600, "d": 86_400}


def span_of(text: str) -> timedelta:
    """A time span as it is typed: minutes, hours or days.

    Raises:
        BadInput: It is not written so.

    Example:
        >>> span_of("36h")
        datetime.timedelta(days=1, seconds=43200)
    """
    found = re.fullmatch("([1-9][0-9]{0,4})([mhd])", text)
    if found is None:
        raise BadInput("a time span is written 90m, 36h or 7d")
    return timedelta(seconds=int(found[1]) * _UNITS[found[2]])


def _terms(command: F) -> F:
    """The options of a subscription."""
    for option in reversed(
        (
            click.option(
                "--contract", "contracts", multiple=True, required=True, help="Such as lead_card."
            ),
            click.option("--market", "markets", multiple=True, help="Default: every market."),
            click.option("--queue", is_flag=True, help="Put each delivery into its queue, too."),
            click.option(
                "--expect-every",
                default="36h",
                show_default=True,
                help="How often a batch, or a word that nothing changed, is due.",
            ),
            click.option(
                "--ack-within",
                default="48h",
                show_default=True,
                help="How long an answer may take.",
            ),
        )
    ):
        command = option(command)
    return command


@click.group()
def consumers() -> None:
    """Who reads batches: what they are told of, their keys, what they answered."""


@consumers.command("add")
@click.argument("name")
@_terms
@dry_run
@as_json
def consumers_add(name: str, dry_run: bool, as_json: bool, **terms: Any) -> None:
    """Name the consumer NAME and subscribe it; the newest batch of each market is delivered."""
    from sxe_pipeline.handoff import consumers as handoff_consumers

    with authenticated() as (conn, token), conn.transaction(force_rollback=dry_run):
        handoff_consumers.add(conn, token, name)
        made = _subscribed(conn, token, name, **terms)
    _answer_subscribed("consumers add", made, dry_run, as_json)


@consumers.command("subscribe")
@click.argument("name")
@_terms
@dry_run
@as_json
def consumers_subscribe(name: str, dry_run: bool, as_json: bool, **terms: Any) -> None:
    """Tell NAME of more contracts or markets; the newest batch of each market is delivered."""
    with authenticated() as (conn, token), conn.transaction(force_rollback=dry_run):
        made = _subscribed(conn, token, name, **terms)
    _answer_subscribed("consumers subscribe", made, dry_run, as_json)


def _subscribed(
    conn: "psycopg.Connection",
    token: str,
    name: str,
    *,
    contracts: tuple[str, ...],
    markets: tuple[str, ...],
    queue: bool,
    expect_every: str,
    ack_within: str,
) -> list["Subscribed"]:
    from sxe_pipeline import schema
    from sxe_pipeline.handoff import consumers as handoff_consumers

    for contract in contracts:
        schema.load(contract)  # one that is not there would be waited for in vain
    return [
        handoff_consumers.subscribe(
            conn,
            token,
            name,
            contract,
            market=market,
            has_queue=queue,
            expect_every=span_of(expect_every),
            ack_within=span_of(ack_within),
        )
        for contract in contracts
        for market in markets or ("*",)
    ]


def _answer_subscribed(verb: str, made: list["Subscribed"], dry_run: bool, as_json: bool) -> None:
    rows = [fields_of(each) for each in made]
    last = [f"{program()} consumers key {made[0].consumer} makes its key"]
    lines = [*table(rows), *(["nothing was changed"] if dry_run else last)]
    answer(verb, {"rows": rows, "dry_run": dry_run}, as_json, lines)


@consumers.command("unsubscribe")
@click.argument("name")
@click.option("--contract", required=True, help="Such as lead_card.")
@click.option("--market", default="*", show_default=True, help="As it was subscribed.")
@dry_run
@as_json
def consumers_unsubscribe(
    name: str, contract: str, market: str, dry_run: bool, as_json: bool
) -> None:
    """Tell NAME of no further batch; what was delivered may still be answered."""
    from sxe_pipeline.handoff import consumers as handoff_consumers

    with authenticated() as (conn, token), conn.transaction(force_rollback=dry_run):
        handoff_consumers.unsubscribe(conn, token, name, contract, market)
    data = {"consumer": name, "contract": contract, "market": market, "dry_run": dry_run}
    answer("consumers unsubscribe", data, as_json, ["would end" if dry_run else "ended"])


@consumers.command("end")
@click.argument("name")
@dry_run
@as_json
def consumers_end(name: str, dry_run: bool, as_json: bool) -> None:
    """End NAME: no key of it works, nothing more is delivered. The name is not used again."""
    from sxe_pipeline.handoff import consumers as handoff_consumers

    with authenticated() as (conn, token), conn.transaction(force_rollback=dry_run):
        handoff_consumers.end(conn, token, name)
    data = {"consumer": name, "dry_run": dry_run}
    answer(
        "consumers end", data, as_json, ["would end" if dry_run else "ended; what it said stays"]
    )


@consumers.command("list")
@as_json
def consumers_list(as_json: bool) -> None:
    """Every consumer, and what it is subscribed to."""
    from sxe_pipeline.handoff import consumers as handoff_consumers

    with api_connection() as conn:
        found = handoff_consumers.consumers(conn)
    shown = [
        {
            "consumer": each.consumer,
            "subscribed to": ", ".join(f"{s.contract}/{s.market}" for s in each.subscriptions),
            "keys": len(each.keys),
            "ended": each.ended_at.date() if each.ended_at else None,
        }
        for each in found
    ]
    answer("consumers list", {"rows": [_fields(each) for each in found]}, as_json, table(shown))


@consumers.command("show")
@click.argument("name")
@as_json
def consumers_show(name: str, as_json: bool) -> None:
    """What NAME is subscribed to, its keys, and how its last 30 days went."""
    from sxe_pipeline.handoff import consumers as handoff_consumers

    with api_connection() as conn:
        found = handoff_consumers.named(conn, name)
        slo = handoff_consumers.slo(conn, name)
    data = {"consumer": _fields(found), "slo": [fields_of(row) for row in slo]}
    answer("consumers show", data, as_json, _pages(found, {row.contract: row.state for row in slo}))


def _pages(found: "Consumer", states: dict[str, str]) -> Iterator[str]:
    yield from table(
        [
            {
                "contract": s.contract,
                "market": s.market,
                "queue": "yes" if s.has_queue else "no",
                "expect every": f"{s.expect_every_s / 3600:g} h",
                "ack within": f"{s.ack_within_s / 3600:g} h",
                "since": s.since.date(),
                "30 days": states.get(s.contract),
            }
            for s in found.subscriptions
        ]
    )
    yield ""
    yield from table(
        [
            {
                "key": key.key,
                "contracts": ", ".join(key.contracts),
                "markets": ", ".join(key.markets),
                "until": key.expires_at.date(),
            }
            for key in found.keys
        ]
    )


def _fields(found: "Consumer") -> dict[str, Any]:
    nested = {
        "subscriptions": [fields_of(s) for s in found.subscriptions],
        "keys": [fields_of(key) for key in found.keys],
    }
    return fields_of(found) | nested


@consumers.command("key")
@click.argument("name")
@click.option("--contract", "contracts", multiple=True, help="Default: all but lead_contact.")
@click.option("--market", "markets", multiple=True, help="Default: every one it is subscribed to.")
@click.option(
    "--days",
    type=click.IntRange(1, 365),
    default=90,
    show_default=True,
    help="How long the key works.",
)
@as_json
def consumers_key(
    name: str, contracts: tuple[str, ...], markets: tuple[str, ...], days: int, as_json: bool
) -> None:
    """Make a key for NAME and show it, once; two of a consumer work at a time."""
    from sxe_pipeline.handoff import consumers as handoff_consumers

    made = handoff_consumers.make_key()
    expires_at = datetime.now(UTC).replace(microsecond=0) + timedelta(days=days)
    with authenticated() as (conn, token), conn.transaction():
        held = handoff_consumers.add_key(
            conn, token, name, made, expires_at, contracts=contracts, markets=markets
        )
        lines = [
            f"{made.text}  until {expires_at:%Y-%m-%d}, for {', '.join(held.contracts)}",
            "shown once and stored nowhere; whoever holds it reads and answers as that consumer",
            f"it is known as {held.key}: {program()} consumers revoke {held.key}",
        ]
        # Before the commit: a key that could not be printed would be one of two for nobody.
        answer("consumers key", {"api_key": made.text, **fields_of(held)}, as_json, lines)


@consumers.command("revoke")
@click.argument("digits")
@as_json
def consumers_revoke(digits: str, as_json: bool) -> None:
    """End a key, by the first DIGITS that `consumers show` names."""
    from sxe_pipeline.handoff import consumers as handoff_consumers

    with authenticated() as (conn, token):
        held = handoff_consumers.revoke_key(conn, token, digits)
    line = f"revoked: {held.key} of {held.consumer}"
    answer("consumers revoke", fields_of(held), as_json, [line])


@consumers.command("ack")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--consumer", required=True, help="Who answers.")
@as_json
def consumers_ack(file: Path, consumer: str, as_json: bool) -> None:
    """Enter the acknowledgement in FILE for a consumer that answers by file; scope ack."""
    from sxe_pipeline.handoff import acks, batches

    with file.open("rb") as stream:
        said = acks.parsed(stream.read(acks.MAX_BYTES + 1))
    with authenticated() as (conn, token):
        batch_id = batches.id_of_manifest(conn, said["manifest_sha256"])
        if batch_id is None:
            raise BadInput("no published batch has that manifest; ask for the right file")
        kept = acks.enter(conn, token, consumer, batch_id, said)
    data = {"consumer": consumer, "batch_id": batch_id, "answer": fields_of(kept)}
    answer("consumers ack", data, as_json, [f"batch_id: {batch_id}", *lines_of(kept)])

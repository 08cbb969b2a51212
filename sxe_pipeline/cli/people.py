"""Verbs of people: the tokens by which they are known, and what they may do.

Here: reading arguments and printing; three verbs show a token, once, and no other ever does. Not
here: what a scope allows; the gate decides.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from sxe_pipeline.cli.logins import api_connection, authenticated, logged_in
from sxe_pipeline.cli.output import answer, as_json, dry_run, table
from sxe_pipeline.cli.proposals import decide, send
from sxe_pipeline.errors import BadInput
from sxe_pipeline.local.program import program

if TYPE_CHECKING:
    from sxe_pipeline.gate.people import Token

ONCE = "shown once and stored nowhere; whoever holds it is that person"

_days = click.option(
    "--days",
    type=click.IntRange(1, 365),
    default=90,
    show_default=True,
    help="How long the token works.",
)


@click.group()
def people() -> None:
    """Who may ask, approve and hold the budget, and the tokens by which they are known."""


@people.command("token")
@as_json
def people_token(as_json: bool) -> None:
    """Make a token for yourself, without any database: keep the token, pass on its SHA-256."""
    from sxe_pipeline.gate import people as gate_people

    made = gate_people.make_token()
    data = {"token": made.text, "token_sha256": made.sha256}
    lines = [
        f"token   {made.text}",
        f"sha256  {made.sha256}",
        f"the token is yours alone ({ONCE}): export SXE_TOKEN=...",
        f"the sha256 is for an admin: {program()} people add NAME --scope .. --token-sha256 ..",
    ]
    answer("people token", data, as_json, lines)


@people.command("bootstrap")
@click.argument("first")
@click.argument("second")
@_days
@as_json
def people_bootstrap(first: str, second: str, days: int, as_json: bool) -> None:
    """Make the admins FIRST and SECOND while nobody exists; two persons, not one twice."""
    from sxe_pipeline.gate import people as gate_people
    from sxe_pipeline.store import sql

    made = {_person(first): gate_people.make_token(), _person(second): gate_people.make_token()}
    if len(made) < 2:
        raise BadInput("two admins are two persons")
    expires_at = _in(days)
    pairs = [(name, token.sha256) for name, token in made.items()]
    tokens = [_shown(name, token, expires_at) for name, token in made.items()]
    with (
        logged_in("admin") as given,
        sql.connect(given.need("admin_dsn")) as conn,
        conn.transaction(),
    ):
        gate_people.bootstrap(conn, pairs[0], pairs[1], expires_at)
        # Before the commit: a token that could not be printed would be an admin for nobody.
        answer("people bootstrap", {"tokens": tokens}, as_json, _token_lines(tokens))


@people.command("renew")
@_days
@as_json
def people_renew(days: int, as_json: bool) -> None:
    """A second token for whoever SXE_TOKEN names, with the scopes of the first."""
    from sxe_pipeline.gate import people as gate_people

    made, expires_at = gate_people.make_token(), _in(days)
    with authenticated() as (conn, token), conn.transaction():
        who = gate_people.renew(conn, token, made.sha256, expires_at)
        tokens = [_shown(who, made, expires_at)]
        answer("people renew", {"tokens": tokens}, as_json, _token_lines(tokens))


def _shown(name: str, made: "Token", expires_at: datetime) -> dict[str, Any]:
    return {"principal": name, "token": made.text, "expires_at": expires_at.isoformat()}


def _token_lines(tokens: list[dict[str, Any]]) -> Iterator[str]:
    for row in tokens:
        yield f"{row['principal']}  {row['token']}  until {row['expires_at'][:10]}"
    yield f"hand each to its person alone ({ONCE}): export SXE_TOKEN=..."


@people.command("add")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    help="request, approve, budget, ack or admin; may be given more than once.",
)
@click.option(
    "--token-sha256", required=True, help="What `sxe people token` printed at the person's."
)
@_days
@click.option("--reason", default="a new token", show_default=True, help="Kept in the record.")
@dry_run
@as_json
def people_add(
    name: str,
    scopes: tuple[str, ...],
    token_sha256: str,
    days: int,
    reason: str,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Propose the person NAME, or other scopes for one; another admin confirms."""
    from sxe_pipeline.gate import people as gate_people

    # Somebody who pastes the token itself would show it to everybody who reads proposals.
    if not re.fullmatch(r"[0-9a-f]{64}", token_sha256):
        raise BadInput("the SHA-256 of a token has 64 hexadecimal digits; never pass on the token")
    content = {
        "principal": _person(name),
        "scopes": gate_people.check_scopes(scopes),
        "token_sha256": token_sha256,
        "expires_at": _in(days).isoformat(),
    }
    send("people add", "principal", content, reason, dry_run, as_json)


@people.command("confirm")
@click.argument("proposal")
@dry_run
@as_json
def people_confirm(proposal: str, dry_run: bool, as_json: bool) -> None:
    """Confirm a person whom another admin proposed."""
    decide(
        "people confirm",
        proposal,
        is_confirmed=True,
        dry_run=dry_run,
        as_json=as_json,
        kind="principal",
    )


@people.command("list")
@as_json
def people_list(as_json: bool) -> None:
    """Who there is, with scopes and the number of tokens that work."""
    from sxe_pipeline.gate import people as gate_people

    with api_connection() as conn:
        rows = gate_people.principals(conn)
    shown = [
        {
            "name": row.principal,
            "scopes": ", ".join(row.scopes),
            "active": "yes" if row.is_active else "no",
            "tokens": row.tokens,
            "until": row.expires_at.date() if row.expires_at else None,
        }
        for row in rows
    ]
    answer("people list", {"rows": rows}, as_json, table(shown))


@people.command("retire")
@click.argument("name")
@as_json
def people_retire(name: str, as_json: bool) -> None:
    """End every token of NAME: oneself, or anybody for an admin. One person is enough."""
    from sxe_pipeline.gate import people as gate_people

    with authenticated() as (conn, token):
        gate_people.retire(conn, token, name)
    answer("people retire", {"principal": name}, as_json, ["retired; no token of that name works"])


def _person(name: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_-]{1,31}", name):
        raise BadInput("a person's name has 2 to 32 letters, digits, - or _, in lower case")
    return name


def _in(days: int) -> datetime:
    return datetime.now(UTC).replace(microsecond=0) + timedelta(days=days)

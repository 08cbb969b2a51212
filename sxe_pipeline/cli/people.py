"""Verbs of people: the tokens by which they are known, and what they may do.

Here: reading arguments and printing; three verbs show a token, once, and no other ever does. Not
here: what a scope allows; the gate decides.
"""

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sxe_pipeline.cli.logins import api_connection, authenticated, logged_in
from sxe_pipeline.cli.output import KEPT, answer, as_json, dry_run, fields_of, table
from sxe_pipeline.cli.proposals import decide, send
from sxe_pipeline.errors import BadInput
from sxe_pipeline.local.program import program

if TYPE_CHECKING:
    from sxe_pipeline.gate.people import Token

TOGETHER = (
    "both tokens went to this one terminal: until each person renewed theirs, whoever reads it is "
    "both; --token-files hands them apart"
)
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
        f"once two admins agreed, show it: {program()} people accept",
    ]
    answer("people token", data, as_json, lines)


@people.command("bootstrap")
@click.argument("first")
@click.argument("second")
@click.option(
    "--token-files",
    nargs=2,
    type=click.Path(path_type=Path),
    help="Write each token into a file of its own, which must not exist, and print none.",
)
@_days
@as_json
def people_bootstrap(
    first: str, second: str, token_files: tuple[Path, Path] | None, days: int, as_json: bool
) -> None:
    """Make the admins FIRST and SECOND while nobody exists; two persons, not one twice."""
    from sxe_pipeline.gate import people as gate_people
    from sxe_pipeline.store import sql

    made = {_person(first): gate_people.make_token(), _person(second): gate_people.make_token()}
    if len(made) < 2:
        raise BadInput("two admins are two persons")
    expires_at = _in(days)
    pairs = [(name, token.sha256) for name, token in made.items()]
    tokens = [_shown(name, token, expires_at) for name, token in made.items()]
    lines = [*_token_lines(tokens), TOGETHER]
    if token_files:
        tokens = [
            {**row, "token": None, "token_file": str(file)}
            for row, file in zip(tokens, token_files, strict=True)
        ]
        lines = [f"{row['principal']}  {row['token_file']}" for row in tokens]
        lines.append("hand each file to its person alone, and delete it here")
    with (
        logged_in("admin") as given,
        sql.connect(given.need("admin_dsn")) as conn,
        conn.transaction(),
        _written(zip(token_files or (), made.values(), strict=False)),
    ):
        gate_people.bootstrap(conn, pairs[0], pairs[1], expires_at)
        # Before the commit: a token that could not be printed would be an admin for nobody.
        handed = {"tokens": tokens, "handed_apart": token_files is not None}
        answer("people bootstrap", handed, as_json, lines)


@people.command("renew")
@_days
@as_json
def people_renew(days: int, as_json: bool) -> None:
    """Another token in place of SXE_TOKEN, which ends: the same scopes, no longer time."""
    from sxe_pipeline.gate import people as gate_people

    made, expires_at = gate_people.make_token(), _in(days)
    with authenticated() as (conn, token), conn.transaction():
        renewed = gate_people.renew(conn, token, made.sha256, expires_at)
        tokens = [_shown(renewed.principal, made, renewed.expires_at)]
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
@click.option(
    "--reason", type=KEPT, default="a new token", show_default=True, help="Kept in the record."
)
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
@click.option(
    "--taken-name", is_flag=True, help="It is another token for a name that exists; I asked them."
)
@dry_run
@as_json
def people_confirm(proposal: str, taken_name: bool, dry_run: bool, as_json: bool) -> None:
    """Confirm a person whom another admin proposed; the token works once its holder accepts."""
    decide(
        "people confirm",
        proposal,
        is_confirmed=True,
        dry_run=dry_run,
        as_json=as_json,
        kind="principal",
        allows_taken=taken_name,
    )


@people.command("accept")
@click.option(
    "--instead",
    is_flag=True,
    help="SXE_TOKEN is the one that works now and ends; the new one is asked for.",
)
@as_json
def people_accept(instead: bool, as_json: bool) -> None:
    """Show the token in SXE_TOKEN that two admins gave your name: it works from here on."""
    from sxe_pipeline.gate import people as gate_people

    given = click.prompt("the new token", hide_input=True, err=True) if instead else None
    with authenticated() as (conn, token):
        who = gate_people.accept(conn, given or token, token if instead else None)
    answer("people accept", {"principal": who}, as_json, [f"accepted: you are {who}"])


@people.command("list")
@as_json
def people_list(as_json: bool) -> None:
    """Who there is, with scopes and tokens, each by the digits of its SHA-256."""
    from sxe_pipeline.gate import people as gate_people

    with api_connection() as conn:
        rows = gate_people.principals(conn)
    shown = [
        {
            "name": row.principal,
            "scopes": ", ".join(row.scopes),
            "active": "yes" if row.is_active else "no",
            "token": f"{held.token}..{held.ends_in}" if held else "none",
            "accepted": ("yes" if held.is_accepted else "no") if held else "",
            "until": held.expires_at.date() if held else "",
        }
        for row in rows
        for held in row.tokens or (None,)
    ]
    answer("people list", {"rows": rows}, as_json, table(shown))


@people.command("refused")
@as_json
def people_refused(as_json: bool) -> None:
    """Who was refused, how often, in which minute; no token is kept."""
    from sxe_pipeline.gate import people as gate_people

    with api_connection() as conn:
        rows = gate_people.refusals(conn)
    shown = [fields_of(row) for row in rows]
    answer("people refused", {"rows": rows}, as_json, table(shown))


@people.command("retire")
@click.argument("name")
@as_json
def people_retire(name: str, as_json: bool) -> None:
    """End every token of NAME: oneself, or anybody for an admin. One person is enough."""
    from sxe_pipeline.gate import people as gate_people

    with authenticated() as (conn, token):
        gate_people.retire(conn, token, name)
    answer("people retire", {"principal": name}, as_json, ["retired; no token of that name works"])


@people.command("revoke-token")
@click.argument("digits")
@as_json
def people_revoke_token(digits: str, as_json: bool) -> None:
    """End one token, by the first DIGITS that `people list` shows: an own one, or an admin any."""
    from sxe_pipeline.gate import people as gate_people

    with authenticated() as (conn, token):
        who = gate_people.revoke_token(conn, token, digits)
    answer("people revoke-token", {"principal": who}, as_json, [f"ended: a token of {who}"])


@contextmanager
def _written(tokens: "Iterable[tuple[Path, Token]]") -> Iterator[None]:
    """New files with a token each, for their owner alone; none is left where the work fails.

    Inside the transaction: whether one was committed whose commit failed nobody can tell, and then
    the tokens stay.
    """
    with ExitStack() as made:
        for file, token in tokens:
            try:
                out = os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w")
                made.callback(file.unlink, missing_ok=True)
                with out:
                    out.write(f"{token.text}\n")
            except OSError:
                why = f"{file.name} exists or cannot be written; name a new file"
                raise BadInput(why) from None
        yield
        made.pop_all()


def _person(name: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_-]{1,31}", name):
        raise BadInput("a person's name has 2 to 32 letters, digits, - or _, in lower case")
    return name


def _in(days: int) -> datetime:
    return datetime.now(UTC).replace(microsecond=0) + timedelta(days=days)

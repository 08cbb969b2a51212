"""Verbs of keys: those that sign batches, and the tokens by which people are known.

Here: reading arguments and printing; three verbs show a token, once, and no other ever does. Not
here: where a key is kept and how it signs, and what a person may do.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from sxe_pipeline import settings
from sxe_pipeline.cli.logins import logged_in, looking, speaking_as_oneself
from sxe_pipeline.cli.proposals import decide, send
from sxe_pipeline.cli.words import answer, as_json, dry_run, table
from sxe_pipeline.errors import BadInput

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
def keys() -> None:
    """Signing keys, pinned by consumers, and tokens, by which people are known."""


@keys.command("create")
@click.option(
    "--print", "printed", is_flag=True, help="Print it for SXE_SIGNING_KEY, keep no file."
)
@dry_run
@as_json
def keys_create(printed: bool, dry_run: bool, as_json: bool) -> None:
    """Make the signing key of this home; an existing one stays."""
    from sxe_pipeline.handoff import sign

    given = settings.load()
    if dry_run and not printed:
        file = sign.public_file(given.home)
        plan = {"public_key_file": str(file), "exists": file.exists(), "dry_run": True}
        answer("keys create", plan, as_json, (f"{k}: {v}" for k, v in plan.items()))
        return
    signer = sign.Signer.generate() if printed else sign.of_home(given.home)
    data = {"key_id": signer.key_id}
    if printed:
        data["signing_key"] = signer.text()
    else:
        data["public_key_file"] = str(sign.public_file(given.home))
    answer("keys create", data, as_json, (f"{k}: {v}" for k, v in data.items()))


@keys.command("public")
def keys_public() -> None:
    """The public key as PEM, for a consumer to pin."""
    from sxe_pipeline.handoff import sign

    click.echo(sign.of_settings(settings.load()).public_pem().decode(), nl=False)


@keys.command("token")
@as_json
def keys_token(as_json: bool) -> None:
    """Make a token for yourself, without any database: keep the token, pass on its SHA-256."""
    from sxe_pipeline.gate import people

    made = people.make_token()
    data = {"token": made.text, "token_sha256": made.sha256}
    lines = [
        f"token   {made.text}",
        f"sha256  {made.sha256}",
        f"the token is yours alone ({ONCE}): export SXE_TOKEN=...",
        "the sha256 is for an admin: sxe keys add NAME --scope .. --token-sha256 ..",
    ]
    answer("keys token", data, as_json, lines)


@keys.command("bootstrap")
@click.argument("first")
@click.argument("second")
@_days
@as_json
def keys_bootstrap(first: str, second: str, days: int, as_json: bool) -> None:
    """Make the admins FIRST and SECOND while nobody exists; two persons, not one twice."""
    from sxe_pipeline.gate import people
    from sxe_pipeline.store import sql

    made = {_person(first): people.make_token(), _person(second): people.make_token()}
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
        people.bootstrap(conn, pairs[0], pairs[1], expires_at)
        # Before the commit: a token that could not be printed would be an admin for nobody.
        answer("keys bootstrap", {"tokens": tokens}, as_json, _token_lines(tokens))


@keys.command("renew")
@_days
@as_json
def keys_renew(days: int, as_json: bool) -> None:
    """A second token for whoever SXE_TOKEN names, with the scopes of the first."""
    from sxe_pipeline.gate import people

    made, expires_at = people.make_token(), _in(days)
    with speaking_as_oneself() as (conn, token), conn.transaction():
        who = people.renew(conn, token, made.sha256, expires_at)
        tokens = [_shown(who, made, expires_at)]
        answer("keys renew", {"tokens": tokens}, as_json, _token_lines(tokens))


def _shown(name: str, made: "Token", expires_at: datetime) -> dict[str, Any]:
    return {"principal": name, "token": made.text, "expires_at": expires_at.isoformat()}


def _token_lines(tokens: list[dict[str, Any]]) -> Iterator[str]:
    for row in tokens:
        yield f"{row['principal']}  {row['token']}  until {row['expires_at'][:10]}"
    yield f"hand each to its person alone ({ONCE}): export SXE_TOKEN=..."


@keys.command("add")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    help="request, approve, budget, ack or admin; may be given more than once.",
)
@click.option(
    "--token-sha256", required=True, help="What `sxe keys token` printed at the person's."
)
@_days
@click.option("--reason", default="a new token", show_default=True, help="Kept in the record.")
@dry_run
@as_json
def keys_add(
    name: str,
    scopes: tuple[str, ...],
    token_sha256: str,
    days: int,
    reason: str,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Propose the person NAME, or other scopes for one; another admin confirms."""
    from sxe_pipeline.gate import people

    # Somebody who pastes the token itself would show it to everybody who reads proposals.
    if not re.fullmatch(r"[0-9a-f]{64}", token_sha256):
        raise BadInput("the SHA-256 of a token has 64 hexadecimal digits; never pass on the token")
    content = {
        "principal": _person(name),
        "scopes": people.check_scopes(scopes),
        "token_sha256": token_sha256,
        "expires_at": _in(days).isoformat(),
    }
    send("keys add", "principal", content, reason, dry_run, as_json)


@keys.command("confirm")
@click.argument("proposal")
@dry_run
@as_json
def keys_confirm(proposal: str, dry_run: bool, as_json: bool) -> None:
    """Confirm a person whom another admin proposed."""
    decide(
        "keys confirm",
        proposal,
        is_confirmed=True,
        dry_run=dry_run,
        as_json=as_json,
        kind="principal",
    )


@keys.command("list")
@as_json
def keys_list(as_json: bool) -> None:
    """Who there is, with scopes and the number of tokens that work."""
    from sxe_pipeline.gate import people

    with looking() as conn:
        rows = people.principals(conn)
    shown = [
        {
            "name": row["principal"],
            "scopes": ", ".join(row["scopes"]),
            "active": "yes" if row["is_active"] else "no",
            "tokens": row["tokens"],
            "until": (row["expires_at"] or "-")[:10],
        }
        for row in rows
    ]
    answer("keys list", {"rows": rows}, as_json, table(shown))


@keys.command("retire")
@click.argument("name")
@as_json
def keys_retire(name: str, as_json: bool) -> None:
    """End every token of NAME: oneself, or anybody for an admin. One person is enough."""
    from sxe_pipeline.gate import people

    with speaking_as_oneself() as (conn, token):
        people.retire(conn, token, name)
    answer("keys retire", {"principal": name}, as_json, ["retired; no token of that name works"])


def _person(name: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_-]{1,31}", name):
        raise BadInput("a person's name has 2 to 32 letters, digits, - or _, in lower case")
    return name


def _in(days: int) -> datetime:
    return datetime.now(UTC).replace(microsecond=0) + timedelta(days=days)

"""Verbs of privacy: a person who is not to be asked about.

Here: reading arguments. Not here: where a suppression is looked up; the gate and every stage ask
one function of the database.
"""

import click

from sxe_pipeline.cli.logins import authenticated
from sxe_pipeline.cli.output import answer, as_json, reason


@click.group()
def privacy() -> None:
    """Who is not asked about, nor handed over."""


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

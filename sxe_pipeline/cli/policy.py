"""Verbs of the platform policy: what each platform lets us ask for, agreed by two people.

Here: reading arguments, showing what is in force. Not here: what a policy means; the gate reads it.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sxe_pipeline.cli.logins import api_connection
from sxe_pipeline.cli.output import answer, as_json, dry_run, reason
from sxe_pipeline.cli.proposals import content_of, decide, send
from sxe_pipeline.local.program import program

if TYPE_CHECKING:
    from sxe_pipeline.gate.reads import Policy


@click.group()
def policy() -> None:
    """What each platform lets us ask for: one person proposes, another confirms."""


@policy.command("show")
@as_json
def policy_show(as_json: bool) -> None:
    """The policy in force, with its hash; without one every platform is closed."""
    from sxe_pipeline.gate import reads

    with api_connection() as conn:
        in_force = reads.policy(conn)
    answer("policy show", {"policy": in_force}, as_json, _lines(in_force))


def _lines(in_force: "Policy | None") -> Iterator[str]:
    if in_force is None:
        yield "no policy: every platform is closed; one person proposes one, another confirms it:"
        yield f"  {program()} policy propose FILE --reason '..'"
        return
    yield f"policy {in_force.sha256}"
    yield json.dumps(in_force.content, indent=2, sort_keys=True)


@policy.command("propose")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@reason
@dry_run
@as_json
def policy_propose(file: Path, reason: str, dry_run: bool, as_json: bool) -> None:
    """Propose the policy in FILE, which is YAML; a platform that it leaves out is closed."""
    send("policy propose", "policy", content_of(file), reason, dry_run, as_json)


@policy.command("confirm")
@click.argument("proposal")
@dry_run
@as_json
def policy_confirm(proposal: str, dry_run: bool, as_json: bool) -> None:
    """Confirm a policy that another person proposed; from then on it holds."""
    decide(
        "policy confirm",
        proposal,
        is_confirmed=True,
        dry_run=dry_run,
        as_json=as_json,
        kind="policy",
    )

"""What two people change together: one proposes, another confirms.

Here: making, showing and deciding a proposal of any kind, for the verbs of money, people, policies
and calls. Not here: what each kind needs (`budget`, `people`, `policy`).
"""

import json
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sxe_pipeline.cli.logins import authenticated
from sxe_pipeline.cli.output import answer, fields_of, money, one_of, plain
from sxe_pipeline.errors import BadInput, Refused
from sxe_pipeline.local.program import program

if TYPE_CHECKING:
    import psycopg

    from sxe_pipeline.gate.people import Proposal


def units_of(micro: int | None) -> str | None:
    """Units of a provider as a person reads them; None where nothing was read."""
    return None if micro is None else money(micro).replace("$", "")


def content_of(file: Path) -> dict[str, Any]:
    """What a YAML file proposes, as the gate takes it; a date is its text.

    Raises:
        BadInput: It is no YAML, no mapping, or holds what JSON does not know.
    """
    import yaml

    try:
        read = yaml.safe_load(file.read_text(encoding="utf-8"))
        content = json.loads(json.dumps(read, default=date.isoformat, allow_nan=False))
    except (yaml.YAMLError, ValueError, TypeError, RecursionError):
        raise BadInput(f"{file.name} is not YAML that can be written as JSON") from None
    if not isinstance(content, dict) or "\\u0000" in json.dumps(content):
        raise BadInput(f"{file.name} holds no mapping of names to values")
    return content


def send(
    verb: str, kind: str, content: dict[str, Any], reason: str, dry_run: bool, as_json: bool
) -> None:
    """Make a proposal of a kind with what that kind needs, and say how it is confirmed."""
    from sxe_pipeline.gate import people

    made = None
    if not dry_run:
        with authenticated() as (conn, token):
            made = people.propose(conn, token, kind, content, reason)
    data = {"proposal_id": made, "kind": kind, "content": content, "dry_run": dry_run}
    group = {"principal": "people", "policy": "policy"}.get(kind, "budget")
    lines = [
        f"{'would propose' if dry_run else 'proposed'}: {summary(kind, content)}",
        *([] if made is None else [f"another person runs: {program()} {group} confirm {made}"]),
    ]
    answer(verb, data, as_json, lines)


def decide(
    verb: str,
    start: str,
    *,
    is_confirmed: bool,
    dry_run: bool,
    as_json: bool,
    kind: str | None = None,
    allows_taken: bool = False,
) -> None:
    """Show the proposal (of this kind) whose id begins so, then confirm or decline it.

    One for a name that is taken is confirmed only where `allows_taken` says that it was seen.
    """
    from sxe_pipeline.gate import people

    with authenticated() as (conn, token):
        row = _find_proposal(conn, start, kind)
        for line in () if as_json else proposal_lines(row):
            click.echo(line)
        done = people.Decided(row.proposal_id, row.kind, row.decision)
        if row.known and is_confirmed and not (dry_run or allows_taken):
            raise Refused(
                f"that name is taken, {row.known.working_tokens} tokens of it work; ask its "
                f"holder, then run `{program()} people confirm --taken-name`"
            )
        if not dry_run:
            done = people.decide(conn, token, row.proposal_id, is_confirmed=is_confirmed)
    data = fields_of(done) | {"content": row.content, "dry_run": dry_run}
    answer(verb, data, as_json, [done.decision or "would be decided"])


def _find_proposal(conn: "psycopg.Connection", start: str, kind: str | None) -> "Proposal":
    from sxe_pipeline.gate import people

    rows = [p for p in people.proposals(conn) if kind in (None, p.kind)]
    what = "proposal for this verb" if kind else "proposal"
    return one_of(rows, lambda row: row.proposal_id, start, what, "sxe budget proposals")


def summary(kind: str, content: Mapping[str, Any]) -> str:
    """A proposal in one line."""
    if kind == "cap":
        of = "/".join(content.get(n) or "*" for n in ("market", "provider"))
        month = str(content.get("month", "the month it is confirmed in"))
        return f"cap {of}, {month}: {money(int(content['cap_micros']))}"
    named = {
        "price": ("provider", "version"),
        "policy": ("version",),
        "principal": ("principal", "scopes"),
        "circuit": ("provider",),
        "resolve": ("call_id",),
        "adjust": ("call_id",),
    }.get(kind, tuple(content))
    text = " ".join(_text(content[n]) for n in named if n in content)
    if kind == "recovery":
        return "adopt this restored or failed-over database: work goes on from what it knows now"
    if kind == "resolve":
        text += f": {units_of(int(content['units_micro']))} units charged"
    if kind == "adjust":
        late = content.get("late_units_micro")
        units = units_of(int(late if late is not None else content["units_micro"]))
        text += f": {units} units {'given back' if late is None else 'charged beyond'}"
    if kind == "setting":
        text = ", ".join(f"{name} = {value}" for name, value in content.items())
    return f"{kind} {text}"


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def proposal_lines(row: "Proposal") -> Iterator[str]:
    """A proposal in full, as whoever confirms it needs to see it."""
    yield f"proposal {row.proposal_id}, until {row.expires_at.isoformat()}"
    yield plain(f"{row.proposed_by} proposes: {summary(row.kind, row.content)}")
    yield plain(f"because: {row.reason}")
    if row.kind == "principal":
        yield _name_line(row)
    yield json.dumps(row.content, indent=2, sort_keys=True)


def _name_line(row: "Proposal") -> str:
    if row.known is None:
        return "a NEW NAME: nobody is called so yet"
    now = ", ".join(row.known.scopes) or "no scope"
    return (
        f"a name that is TAKEN: {row.known.working_tokens} tokens of it work, its scopes are {now}"
        f"{'' if row.known.is_active else ', it was retired'}; this gives it another token"
    )

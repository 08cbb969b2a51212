"""Verbs of an enrichment on its way: where it stands, what it paid for, its next step.

Here: reading arguments, states and receipts as lines. Not here: asking and deciding (`gate`), and
calls, which the contact tier makes in a process of its own.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from sxe_pipeline import settings
from sxe_pipeline.cli import progress
from sxe_pipeline.cli.budget import resolve
from sxe_pipeline.cli.gate import asked_lines, find_request
from sxe_pipeline.cli.logins import api_connection
from sxe_pipeline.cli.output import answer, as_json, dry_run, matching, money, plain, reason, table
from sxe_pipeline.errors import BadInput, NotFound
from sxe_pipeline.local.program import program

if TYPE_CHECKING:
    from sxe_pipeline.gate.reads import ReceiptLine, Request


@click.group()
def enrich() -> None:
    """Requests on their way: states, receipts, the next step."""


@enrich.command("status")
@click.argument("request", required=False)
@as_json
def enrich_status(request: str | None, as_json: bool) -> None:
    """Every request, or all about REQUEST."""
    from sxe_pipeline.gate import reads

    with api_connection() as conn:
        one = find_request(conn, request) if request is not None else None
        rows = reads.all_requests(conn) if one is None else [one]
    if one is not None:
        answer("enrich status", {"rows": rows}, as_json, _status_lines(one))
        return
    shown = [
        {
            "request": row.request_id,
            "version": row.version,
            "market": row.market,
            "state": row.state,
            "cards": row.item_count,
            "by": row.created_by,
            "spent": money(row.spent_micros),
            "reserved": money(row.reserved_micros),
            "cap": money(row.cap_micros),
        }
        for row in rows
    ]
    answer("enrich status", {"rows": rows}, as_json, map(plain, table(shown)))


def _status_lines(row: "Request") -> Iterator[str]:
    yield from asked_lines(row)
    yield (
        f"money     cap {money(row.cap_micros)}, reserved {money(row.reserved_micros)}, "
        f"spent {money(row.spent_micros)}, overrun {money(row.overrun_micros)}"
    )
    counts: dict[str, Mapping[str, object]] = {
        "calls": row.calls,
        "outcomes": row.outcomes,
        "skipped": row.skipped,
        "stops": row.stops,
    }
    for name, by_kind in counts.items():
        if by_kind:
            yield f"{name:<9} {', '.join(f'{k}: {v}' for k, v in sorted(by_kind.items()))}"
    yield f"next      {_next_step(row)}"


def _next_step(row: "Request") -> str:
    decides = f"{program()} approve {row.request_id} --hash {row.content_sha256} --reason .."
    if row.calls.get("unknown"):
        return (
            "a call is UNKNOWN: the counter, time or two people resolve it; see `sxe budget show`"
        )
    if row.state == "HALTED" and "budget" in row.stops.values():
        return f"nobody set a cap for it: {program()} budget propose cap, then {decides}"
    return {
        "SUBMITTED": f"another person: {decides}",
        "APPROVED": "the sensor approved_requests launches it, or `sxe enrich run`",
        "PARTIAL": "the sensor launches what is approved; the rest waits for an approver",
        "EXECUTING": "a run holds it; when the run died, the sensor launches it after its lease",
        "HALTED": f"see stops and approvals; another approval lets it go on: {decides}",
    }.get(row.state, "nothing")


@enrich.command("receipt")
@click.argument("subject", metavar="CARD|REQUEST")
@as_json
def enrich_receipt(subject: str, as_json: bool) -> None:
    """What was paid for a card or a request, on whose word, from which budgets; no value."""
    from sxe_pipeline.gate import reads

    with api_connection() as conn:
        found = matching(reads.all_requests(conn), lambda row: row.request_id, subject)
        rows = reads.receipt(conn, card_id=subject)
        if not rows and len(found) > 1:
            raise BadInput(f"{len(found)} requests begin so; give more of the id")
        if not rows and found:
            rows = reads.receipt(conn, request_id=found[0].request_id)
    if not rows and not found:
        raise NotFound("no call was made for such a card or request; see `sxe enrich status`")
    answer("enrich receipt", {"rows": rows}, as_json, _receipt_lines(rows))


def _receipt_lines(rows: Sequence["ReceiptLine"]) -> Iterator[str]:
    calls = {row.call_id: row for row in rows}
    yield from table(
        [
            {
                "card": row.card_id,
                "provider": row.provider,
                "group": row.field_group,
                "outcome": row.outcome or "open",
                "values": ", ".join(value.kind for value in row.values) or None,
                "call": row.call_id,
            }
            for row in rows
        ]
    )
    for call_id, row in calls.items():
        approvers = ", ".join(a.principal for a in row.approvals) or "nobody"
        yield ""
        sent = row.sent_at.isoformat() if row.sent_at else "never"
        yield f"call {call_id}: {row.call_state}, sent {sent}"
        yield (
            f"  charged {money(row.charged_micros)} for the whole call, on "
            f"{', '.join(row.budgets or ())}"
        )
        yield f"  request {row.request_id} version {row.version}, approved by {approvers}"
        yield f"  policy {row.policy_sha256}"


@enrich.command("resolve")
@click.argument("call")
@click.option("--charged", required=True, help="Units that the provider's invoice says; 0 is none.")
@reason
@dry_run
@as_json
def enrich_resolve(call: str, charged: str, reason: str, dry_run: bool, as_json: bool) -> None:
    """Say what an unknown CALL cost; another person confirms it."""
    resolve("enrich resolve", call, charged, reason, dry_run, as_json)


@enrich.command("run")
@as_json
def enrich_run(as_json: bool) -> None:
    """Do what the gate launches now, in a process with the contact tier's logins; see status."""
    from sxe_pipeline.local import contact

    progress.say("the contact process works")
    runs = contact.run_once(settings.load())
    answer("enrich run", {"runs": runs}, as_json, _run_lines(runs))
    sys.exit(0 if all(run["ok"] for run in runs) else 1)


def _run_lines(runs: list[dict[str, Any]]) -> Iterator[str]:
    if not runs:
        yield "nothing is approved or due"
    for run in runs:
        state = "done" if run["ok"] else f"failed: {run['failure']}"
        parts = [f"{run['request_id']}: {state}"]
        if run.get("calls") is not None:
            parts.append(f"{run['calls']} calls, {money(run['charged_micros'])}")
        if run.get("batch_id"):
            parts.append(f"batch {run['batch_id']}")
        yield "; ".join(parts)

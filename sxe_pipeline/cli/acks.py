"""Verbs of what a consumer answers: acknowledging a batch, and how 30 days of that look.

Here: reading arguments and printing. Not here: what an acknowledgement holds (`handoff.acks`).
"""

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sxe_pipeline import settings
from sxe_pipeline.cli import progress
from sxe_pipeline.cli.addresses import Address, pem_of, pinned_key
from sxe_pipeline.cli.logins import api_connection
from sxe_pipeline.cli.output import answer, as_json, fields_of, table
from sxe_pipeline.errors import BadConfig, BadInput

if TYPE_CHECKING:
    from sxe_pipeline.handoff.acks import Answer


def error_of(text: str) -> dict[str, Any]:
    """An error as it is typed.

    Raises:
        BadInput: It is not written path=rule=count.

    Example:
        >>> error_of("evidence[].weight=maximum=12")
        {'path': 'evidence[].weight', 'rule': 'maximum', 'count': 12}
    """
    found = re.fullmatch("([^=]*)=([^=]*)=([1-9][0-9]{0,11})", text)
    if found is None:
        raise BadInput("an error is written COLUMN=RULE=COUNT, such as persona=null=3")
    return {"path": found[1], "rule": found[2], "count": int(found[3])}


@click.command("ack")
@click.argument("address", metavar="BATCH", type=Address())
@pinned_key
@click.option("--contract", multiple=True, help="What you pinned the key for, as of `verify`.")
@click.option(
    "--status",
    required=True,
    type=click.Choice(["accepted", "rejected"]),
    help="rejected: it cannot be used.",
)
@click.option(
    "--error", "errors", multiple=True, help="COLUMN=RULE=COUNT of what does not hold; repeatable."
)
@click.option("--out", type=click.Path(path_type=Path), help="Write the acknowledgement to a file.")
@click.option("--api", help="Send it to the API at this address, by the key in SXE_API_KEY.")
@as_json
def batch_ack(
    address: Path | str,
    key: Path,
    contract: tuple[str, ...],
    status: str,
    errors: tuple[str, ...],
    out: Path | None,
    api: str | None,
    as_json: bool,
) -> None:
    """Verify a BATCH, read all its keys, and answer for it: to a file, or to the sender's API.

    The answer holds hashes, counts and names of columns, never a value. The first one stands.
    """
    from sxe_pipeline import sign
    from sxe_pipeline.handoff.reader import reading, sources

    given = settings.load()
    if (out is None) == (api is None):
        raise BadInput("give one of --out FILE and --api ADDRESS")
    if api and not given.api_key:
        raise BadConfig("SXE_API_KEY is not set: it proves which consumer you are")
    known = given.stores.values() if isinstance(address, str) else ()
    source = address if isinstance(address, Path) else sources.source_of(address, known)
    progress.say("checking signature, files and rows")
    pinned = pem_of(key)
    read = reading.read(
        source,
        sign.public_key(pinned),
        contract or sign.contracts_of(pinned),
        status=status,
        errors=[error_of(text) for text in errors],
    )
    data: dict[str, Any] = {"batch_id": read.batch_id, "contract": read.contract, "ack": read.said}
    if out:
        _write(out, read.said)
        lines = [
            f"batch_id: {read.batch_id}",
            f"rows_read: {read.said['rows_read']}",
            f"ack: {out}",
        ]
    else:
        from sxe_pipeline.handoff.reader import answer as sender

        progress.say("sending the acknowledgement")
        said = sender.send(api or "", given.api_key or "", read.batch_id, read.said)
        data["answer"] = said
        lines = [f"batch_id: {read.batch_id}", *lines_of(said)]
    answer("batch ack", data, as_json, lines)


def _write(file: Path, said: dict[str, Any]) -> None:
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "w") as out:
            out.write(json.dumps(said, indent=2) + "\n")
    except OSError:
        raise BadInput(f"{file.name} exists or cannot be written; name a new file") from None


def lines_of(said: "Answer") -> list[str]:
    """What became of an acknowledgement, for a person."""
    proof = "the rows that were published were read"
    if said.is_wrong:
        proof = "other rows were read than were published: a breach"
    elif not said.is_proved:
        proof = "received; there was nothing to prove, or the sender cannot tell"
    return [
        f"{said.status}{'' if said.is_new else ', as before'}{', late' if said.is_late else ''}",
        proof,
    ]


@click.command("status")
@click.option("--consumer", help="Only this consumer.")
@as_json
def batch_status(consumer: str | None, as_json: bool) -> None:
    """How the last 30 days went, per consumer and contract: met, unknown or breached, and why.

    Met: all that was expected came, was read, proved and accepted. Silence is unknown, at any age.
    """
    from sxe_pipeline.handoff import consumers

    with api_connection() as conn:
        if consumer is not None:
            consumers.named(conn, consumer)
        rows = consumers.slo(conn, consumer)
    shown = [
        {
            "consumer": row.consumer,
            "contract": row.contract,
            "30 days": row.state,
            "why": ", ".join(row.reasons) or None,
            "deliveries": row.deliveries,
            "acks": row.acks,
            "late": row.late,
            "overdue": row.overdue,
            "errors": row.errors,
            "longest gap": f"{row.longest_gap_s / 3600:.1f} h",
        }
        for row in rows
    ]
    answer("batch status", {"rows": [fields_of(row) for row in rows]}, as_json, table(shown))

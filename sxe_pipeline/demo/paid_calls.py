"""Whether every paid call is audited and none came before its approval, as the outside tells it.

Here: the emulated providers' own log against what people may look at: receipts and audit events.
Not here: whether the money is the same on both sides (`enrichment`). It starts from the log and not
from the ledger, so that a call which never asked the gate is found.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

import psycopg

from sxe_pipeline.gate import reads

_RESOLVED = ("call.settled", "call.released")


def examine(conn: psycopg.Connection, log: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Fetch both sides and compare them.

    Args:
        conn: A login that may look at receipts and audit events, such as `sxe_api`.
        log: The emulator's calls.

    Returns:
        As `audited`.
    """
    receipts = [
        line
        for request in reads.all_requests(conn)
        for line in reads.receipt(conn, request_id=request.request_id)
    ]
    events = conn.execute("select event_id, kind from audit.event where kind like 'call.%'")
    return audited(log, receipts, dict(events.fetchall()))


def audited(
    log: Sequence[Mapping[str, Any]],
    receipts: Sequence[reads.ReceiptLine],
    kinds: Mapping[UUID, str],
) -> dict[str, Any]:
    """Hold every paid request of a provider's log against the gate's account of it.

    Args:
        log: Entries with seq, provider, kind and x_request_id.
        receipts: One line per item and group of a call.
        kinds: Event id -> kind, of the audit log.

    Returns:
        paid_calls, audited, approved_before, one_outcome: counts of the paid requests; faults: what
        is wrong with which of them, by the number that the provider's log gives it.
    """
    calls: dict[str, list[reads.ReceiptLine]] = defaultdict(list)
    for line in receipts:
        calls[str(line.call_id)].append(line)
    paid = [entry for entry in log if entry["kind"] == "paid"]
    seen = Counter(entry["x_request_id"] for entry in paid)
    counts = Counter(paid_calls=len(paid), audited=0, approved_before=0, one_outcome=0)
    faults = []
    for entry in paid:
        rows = calls.get(entry["x_request_id"] or "", [])
        events = Counter(kinds.get(event) for row in rows[:1] for event in row.events or ())
        faults_of = {
            "audited": list(_reference(entry, rows, seen, events)),
            "approved_before": [] if _is_approved(rows) else ["no approval before it was sent"],
            "one_outcome": [] if _has_one_outcome(events) else ["not exactly one outcome"],
        }
        counts.update(promise for promise, wrong in faults_of.items() if not wrong)
        faults += [
            f"{entry['provider']} call {entry['seq']}: {what}"
            for wrong in faults_of.values()
            for what in wrong
        ]
    return dict(counts) | {"faults": faults}


def _reference(
    entry: Mapping[str, Any],
    rows: Sequence[reads.ReceiptLine],
    seen: Mapping[str | None, int],
    events: Mapping[str | None, int],
) -> Iterator[str]:
    """What is wrong with the reference under which a request came, and with what it refers to."""
    if not entry["x_request_id"]:
        yield "no reference"
        return
    if not rows:
        yield "the gate knows no such call"
        return
    if seen[entry["x_request_id"]] > 1:
        yield "the same call came more than once"
    if rows[0].provider != entry["provider"]:
        yield "the call was meant for another provider"
    if events["call.sending"] != 1 or events[None]:
        yield "not every step of it has its event"


def _is_approved(rows: Sequence[reads.ReceiptLine]) -> bool:
    """Whether each item was approved before the call left, by the database's clock."""
    return bool(rows) and all(
        row.sent_at is not None and any(a.made_at < row.sent_at for a in row.approvals)
        for row in rows
    )


def _has_one_outcome(events: Mapping[str | None, int]) -> bool:
    """Resolved once; or unknown, which may be resolved later, but never becomes unknown twice."""
    resolved, unknown = (
        sum(events.get(kind, 0) for kind in _RESOLVED),
        events.get("call.unknown", 0),
    )
    return resolved + unknown > 0 and resolved <= 1 and unknown <= 1

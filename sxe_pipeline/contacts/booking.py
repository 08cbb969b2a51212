"""Booking what a provider answered: charge, outcomes and values in one transaction.

Here: one call at a time, and the counts of a run. Not here: which call is made when (`enrich`),
which values may be kept (the gate says), how they are stored (`points`).
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg

from sxe_pipeline.contacts import points
from sxe_pipeline.contacts.adapter import Answer, Item, Reply, Verdict
from sxe_pipeline.contacts.vault import Vault
from sxe_pipeline.gate import permits

Reached = Callable[[str], None]
"""Called at every point at which a process can die; tests make it die there."""


@dataclass
class Report:
    """What one run did: counts, never a value."""

    request_id: UUID
    state: str = ""
    stops: Mapping[str, str] = field(default_factory=dict)
    calls: int = 0
    polls: int = 0
    matched: int = 0
    mismatched: int = 0
    values: int = 0
    released: int = 0
    unknown: int = 0
    charged_micros: int = 0
    overrun_micros: int = 0

    def numbers(self) -> dict[str, int]:
        """Counts for metadata."""
        names = ("calls", "polls", "matched", "mismatched", "values", "released", "unknown")
        money = ("charged_micros", "overrun_micros")
        return {name: getattr(self, name) for name in (*names, *money)}


@dataclass
class Booking:
    """The accounts of one run: everything that is written about a call goes through here."""

    conn: psycopg.Connection
    vault: Vault
    begun: permits.Begun
    report: Report
    reached: Reached

    def settle(self, call_id: UUID, items: Sequence[Item], answer: Answer, reply: Reply) -> None:
        """Transaction 3: the charge, the outcomes, the event and the values, all or nothing.

        Args:
            call_id: The call, or the one whose rest was polled.
            items: Those of the call.
            answer: What the reply says.
            reply: Its status and hash are recorded, never its body.
        """
        with self.conn.transaction():
            settled = permits.settle(
                self.conn, call_id, self.begun.fence, settlement_of(answer, reply)
            )
            kept = points.keep(
                self.conn,
                self.vault,
                provenance={
                    "call_id": call_id,
                    "purpose": self.begun.header.purpose,
                    "legal_basis": self.begun.header.legal_basis,
                },
                items=items,
                findings=answer.findings,
                settled=settled,
            )
            self.reached("settling")
        self.report.values += kept
        self.report.charged_micros += settled.charged_micros
        self.report.overrun_micros += settled.overrun_micros
        self.report.matched += sum(f.outcome == "match" for f in answer.findings)
        self.report.mismatched += sum(f.outcome == "mismatch" for f in answer.findings)

    def lose(self, call_id: UUID, answer: Answer, reply: Reply) -> None:
        """Book a call as unknown: what it cost cannot be known from here.

        Args:
            call_id: The call.
            answer: Why it is unknown.
            reply: Its status is recorded.
        """
        permits.unknown(self.conn, call_id, self.begun.fence, answer.reason, reply.status)
        self.report.unknown += 1

    def release(
        self,
        call_id: UUID,
        reason: str,
        *,
        http_status: int | None = None,
        opens_circuit: bool = False,
    ) -> None:
        """Give a reservation back: nothing was charged.

        Args:
            call_id: The call.
            reason: A word of ours.
            http_status: Of the reply, where there was one.
            opens_circuit: Whether the provider gets no further request until a person has acted.
        """
        permits.release(
            self.conn,
            call_id,
            self.begun.fence,
            reason,
            http_status=http_status,
            opens_circuit=opens_circuit,
        )
        self.report.released += 1


def settlement_of(answer: Answer, reply: Reply) -> dict[str, Any]:
    """The payload of `gate.settle`: the charge, and which fields were found, without a value."""
    return {
        "awaiting": answer.verdict is Verdict.AWAITING,
        "units_micro": answer.units_micro,
        "provider_request_id": answer.provider_request_id,
        "retry_after_s": answer.retry_after_s,
        "http_status": reply.status,
        "response_sha256": hashlib.sha256(reply.body).hexdigest(),
        "reason": answer.reason,
        "left": list(answer.left),
        "found": [
            {
                "position": f.position,
                "outcome": f.outcome,
                "fields": sorted({value.kind for value in f.values}),
                "person": f.provider_person_id,
                "is_doubtful": f.is_doubtful,
            }
            for f in answer.findings
        ],
    }

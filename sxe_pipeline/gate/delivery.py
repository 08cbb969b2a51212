"""Delivery: which cards of a finished request may be handed over.

Here: the contact side's question after the calls. Not here: the values, which the contact tier
decrypts for these cards alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import psycopg

from sxe_pipeline.store.functions import function_rows


@dataclass(frozen=True, slots=True)
class Deliverable:
    """One card of a finished request that may be handed over, under its id of today."""

    card_id: str
    family: Sequence[str]
    fields: Sequence[str]
    purpose: str
    legal_basis: str
    market: str
    state: str


def deliverable(conn: psycopg.Connection, request_id: UUID) -> list[Deliverable]:
    """The cards that may leave; none while the request is open, revoked or refused."""
    return [Deliverable(*row) for row in function_rows(conn, "gate.deliverable", request_id)]

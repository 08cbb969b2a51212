"""Record what was done, in the transaction that does it.

Here: the kinds of events and which asset answers for each. Which login may write which of them is
in `sql/append.sql`, what a record may hold in `payload`.
"""

from types import MappingProxyType
from uuid import UUID

import psycopg

from sxe_pipeline.audit import payload as form
from sxe_pipeline.errors import BadInput
from sxe_pipeline.store import functions

KINDS = MappingProxyType(
    {
        "collection.declared": "ingest/raw_profiles",
        "collection.set_aside": "ingest/raw_profiles",
        "collection.taken_back": "ingest/raw_profiles",
        "landing_file.registered": "ingest/raw_profiles",
        "landing_file.withdrawn": "ingest/raw_profiles",
        "landing_file.replaced": "ingest/raw_profiles",
        "observations.written": "social/observations",
        "profiles.written": "social/profiles",
        "card_ids.assigned": "social/identities",
        "identities.written": "social/identities",
        "lead_cards.written": "cards/lead_cards",
        "audience_pools.written": "cards/audience_pools",
        "batch.building": "handoff/lead_card_batches",
        "batch.abandoned": "handoff/lead_card_batches",
        "batch.published": "handoff/lead_card_batches",
        "head.made": "handoff/lead_card_batches",
        "contact_batch.building": "handoff/lead_contact_batches",
        "contact_batch.abandoned": "handoff/lead_contact_batches",
        "contact_batch.published": "handoff/lead_contact_batches",
        "contact_head.made": "handoff/lead_contact_batches",
        "consumer.added": "audit/events",
        "consumer.ended": "audit/events",
        "subscription.added": "audit/events",
        "subscription.ended": "audit/events",
        "consumer_key.added": "audit/events",
        "consumer_key.revoked": "audit/events",
        "delivery.made": "audit/events",
        "ack.received": "audit/events",
        "notice.dead": "audit/events",
        "notice.replayed": "audit/events",
        "candidates.written": "cards/enrichment_candidates",
        "request.submitted": "contacts/contact_points",
        "request.approved": "contacts/contact_points",
        "request.rejected": "contacts/contact_points",
        "request.revoked": "contacts/contact_points",
        "request.expired": "contacts/contact_points",
        "request.begun": "contacts/contact_points",
        "request.halted": "contacts/contact_points",
        "request.done": "contacts/contact_points",
        "request.forgotten": "contacts/contact_points",
        "request.recovered": "audit/events",
        "call.sending": "contacts/contact_points",
        "call.awaiting": "contacts/contact_points",
        "call.settled": "contacts/contact_points",
        "call.released": "contacts/contact_points",
        "call.unknown": "contacts/contact_points",
        "call.late": "contacts/contact_points",
        "call.adjusted": "contacts/contact_points",
        "key.created": "audit/events",
        "key.retired": "audit/events",
        "key.rotated": "audit/events",
        "principal.added": "audit/events",
        "principal.token_added": "audit/events",
        "principal.token_accepted": "audit/events",
        "principal.token_revoked": "audit/events",
        "principal.retired": "audit/events",
        "proposal.made": "audit/events",
        "proposal.confirmed": "audit/events",
        "proposal.rejected": "audit/events",
        "budget.cap_set": "audit/events",
        "provider.added": "audit/events",
        "circuit.open": "audit/events",
        "circuit.half_open": "audit/events",
        "circuit.closed": "audit/events",
        "circuit.killed": "audit/events",
        "suppression.added": "audit/events",
        "table.passed": "ops/tables_kept",
        "table.failed": "ops/tables_kept",
        "table.compacted": "ops/tables_kept",
        "table.vacuum_begun": "ops/tables_kept",
        "table.vacuumed": "ops/tables_kept",
        "landing_files.expired": "ops/expired_data",
        "landing_files.deleted": "ops/expired_data",
        "observations.expired": "ops/expired_data",
        "quarantine.expired": "ops/expired_data",
        "run_history.expired": "ops/expired_data",
        "contact_points.expired": "contacts/expired_data",
        "contact_points.resealed": "audit/events",
        "batch.expired": "ops/expired_data",
        "batch.deleted": "ops/expired_data",
        "contact_batch.expired": "contacts/expired_data",
        "contact_batch.deleted": "contacts/expired_data",
        "contact_run_history.expired": "contacts/expired_data",
        "tier1.recovered": "audit/events",
        "database.doubted": "audit/events",
        "database.adopted": "audit/events",
    }
)
"""Kind of event -> the asset whose materialization attests it."""

DAILY = frozenset({"ingest/raw_profiles", "social/observations", "handoff/lead_card_batches"})
"""Assets that are materialized day by day: an event that names a day is attested by that day's."""

BY_SUBJECT = frozenset(
    {"contacts/contact_points", "handoff/lead_card_batches", "handoff/lead_contact_batches"}
)
"""Assets that are materialized once for each request or batch."""


def record(kind: str, *, actor: str, subject: str, key: str, **data: form.Value) -> str:
    """One event as a function of the database takes it in, beside the fact that it describes.

    Args:
        kind: One of `KINDS`.
        actor: Who did it: a face, a verb or a program; never a person's address. The database
            refuses a name that is not this login's.
        subject: What it was done to, such as a batch id or a table name.
        key: What tells this event from others of the same kind and subject.
        **data: Ids, counts, hashes, flags, dates.

    Returns:
        Canonical JSON.

    Raises:
        BadInput: The kind is unknown, or a value is none of these, or all of it is too long.
        Leak: A value looks like contact data.
    """
    if kind not in KINDS:
        raise BadInput(
            f"audit kind {kind} is unknown; add it to KINDS with the asset that attests it"
        )
    return form.canonical(kind, actor=actor, subject=subject, key=key, data=data).decode()


def append(
    conn: psycopg.Connection,
    kind: str,
    *,
    actor: str,
    subject: str,
    key: str,
    **data: form.Value,
) -> UUID:
    """Add one event of a kind that this login records itself, in the caller's transaction.

    Args:
        conn: The transaction that makes the change.
        kind: One of those that `audit.own_kinds` gives this login; the others are written by the
            functions that change a fact.
        actor: As of `record`.
        subject: As of `record`.
        key: As of `record`; the same record again is no second event.
        **data: As of `record`.

    Returns:
        The event's id, new or replayed.

    Raises:
        BadInput: As `record`.
        Leak: As `record`.
        Refused: The kind or the actor is not this login's, or another event has that id.
    """
    said = record(kind, actor=actor, subject=subject, key=key, **data)
    made: UUID = functions.call_function(conn, "audit.record", said)
    return made

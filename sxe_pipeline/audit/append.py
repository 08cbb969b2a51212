"""Record what was done, in the transaction that does it.

Here: the kinds of events, which asset answers for each, and which of them only the database's own
functions record. What a record may hold is in `payload`.
"""

from types import MappingProxyType
from uuid import UUID

import psycopg

from sxe_pipeline.audit import payload as form
from sxe_pipeline.errors import BadInput

KINDS = MappingProxyType(
    {
        "collection.declared": "ingest/raw_profiles",
        "landing_file.registered": "ingest/raw_profiles",
        "landing_file.withdrawn": "ingest/raw_profiles",
        "landing_file.replaced": "ingest/raw_profiles",
        "observations.written": "social/observations",
        "profiles.written": "social/profiles",
        "identities.written": "social/identities",
        "lead_cards.written": "cards/lead_cards",
        "audience_pools.written": "cards/audience_pools",
        "batch.building": "handoff/lead_card_batches",
        "batch.abandoned": "handoff/lead_card_batches",
        "batch.published": "handoff/lead_card_batches",
        "batch.recovered": "audit/events",
        "contact_batch.building": "handoff/lead_contact_batches",
        "contact_batch.abandoned": "handoff/lead_contact_batches",
        "contact_batch.published": "handoff/lead_contact_batches",
        "contact_batch.recovered": "audit/events",
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
        "principal.added": "audit/events",
        "principal.token_added": "audit/events",
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
        "contact_run_history.expired": "contacts/expired_data",
        "tier1.recovered": "audit/events",
        "database.doubted": "audit/events",
        "database.adopted": "audit/events",
        "cards.recovered": "audit/events",
    }
)
"""Kind of event -> the asset whose materialization attests it."""

DAILY = frozenset({"ingest/raw_profiles", "social/observations", "handoff/lead_card_batches"})
"""Assets that are materialized day by day: an event that names a day is attested by that day's."""

OWNER_FAMILIES = (
    "request",
    "call",
    "provider",
    "circuit",
    "budget",
    "principal",
    "proposal",
    "suppression",
    "database",
)
"""First words of the kinds that no login may append; `audit.owner_families()` is the same list."""


def append(
    conn: psycopg.Connection,
    kind: str,
    *,
    actor: str,
    subject: str,
    key: str,
    **data: form.Value,
) -> UUID:
    """Add one event; the caller's transaction commits it with the change it describes.

    Args:
        conn: The transaction that makes the change.
        kind: One of `KINDS`.
        actor: Who did it: a login, a principal's id, a job; never a person's address.
        subject: What it was done to, such as a batch id or a table name.
        key: What tells this event from others of the same kind and subject; a replay of the same
            fact gives the same key, and then nothing is inserted.
        **data: Ids, counts, hashes, flags, dates (`occurred_at` where it differs from now).

    Returns:
        The event's id, new or replayed.

    Raises:
        BadInput: The kind is unknown, or a value is none of these, or all of it is too long.
        Leak: A value looks like contact data.
    """
    if kind not in KINDS:
        raise BadInput(
            f"audit kind {kind} is unknown; add it to KINDS with the asset that attests it"
        )
    payload = form.canonical(kind, actor=actor, subject=subject, key=key, data=data)
    event_id = form.event_id(kind, subject, key)
    conn.execute(
        "insert into audit.event (event_id, kind, actor, subject, payload) "
        "values (%s, %s, %s, %s, %s) on conflict (event_id) do nothing",
        [event_id, kind, actor, subject, payload],
    )
    return event_id

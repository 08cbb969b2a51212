"""Find events, for a person or a script."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg


@dataclass(frozen=True)
class Event:
    """One event; `data` holds ids, counts, hashes and dates."""

    event_id: UUID
    recorded_at: datetime
    kind: str
    actor: str
    subject: str
    data: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        return {
            "event_id": str(self.event_id),
            "recorded_at": self.recorded_at.isoformat(),
            "kind": self.kind,
            "actor": self.actor,
            "subject": self.subject,
            "data": self.data,
        }


def search(
    conn: psycopg.Connection,
    *,
    kind: str | None = None,
    actor: str | None = None,
    subject: str | None = None,
    since: datetime | None = None,
    limit: int = 50,
) -> list[Event]:
    """Events, newest first; a term that is None does not restrict.

    Args:
        conn: A login that may read the audit log.
        kind: Exactly this kind.
        actor: Exactly this actor.
        subject: Exactly this subject.
        since: Recorded at or after.
        limit: At most so many.
    """
    rows = conn.execute(
        "select event_id, recorded_at, kind, actor, subject, payload from audit.event "
        "where (%(kind)s::text is null or kind = %(kind)s) "
        "and (%(actor)s::text is null or actor = %(actor)s) "
        "and (%(subject)s::text is null or subject = %(subject)s) "
        "and (%(since)s::timestamptz is null or recorded_at >= %(since)s) "
        "order by recorded_at desc, event_id limit %(limit)s",
        {"kind": kind, "actor": actor, "subject": subject, "since": since, "limit": limit},
    )
    return [
        Event(event_id, recorded_at, kind_, actor_, subject_, _data(payload))
        for event_id, recorded_at, kind_, actor_, subject_, payload in rows
    ]


def _data(payload: bytes) -> dict[str, Any]:
    """What the record says; nothing where it was tampered with, which `verify` reports."""
    try:
        data = json.loads(payload)["data"]
    except (ValueError, KeyError, TypeError):
        return {}
    return data if isinstance(data, dict) else {}

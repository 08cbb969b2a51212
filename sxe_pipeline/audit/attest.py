"""Which materialization answers for which events.

An asset attests its open events after its work is committed and puts the count and the digest into
its materialization. `mirror` repairs what a crash in between leaves.
"""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import psycopg

from sxe_pipeline.audit.append import KINDS
from sxe_pipeline.audit.payload import digest
from sxe_pipeline.errors import BadInput


@dataclass(frozen=True)
class Attestation:
    """How many events a materialization answers for, and the digest of their ids."""

    event_count: int
    digest: str

    @property
    def metadata(self) -> dict[str, int | str]:
        """What the asset adds to its materialization."""
        return {"sxe/audit_events": self.event_count, "sxe/audit_digest": self.digest}


def attest(
    conn: psycopg.Connection,
    asset_key: str,
    run_id: str | None,
    *,
    older_than: timedelta = timedelta(0),
    subject: str | None = None,
) -> Attestation:
    """Attest every open event of an asset, or of one subject of it, in the caller's transaction.

    Args:
        conn: A transaction of its own, after the work was committed.
        asset_key: Such as 'social/observations'.
        run_id: The Dagster run; None for a materialization outside any run.
        older_than: Leave younger events to the run that is about to attest them.
        subject: Such as a request id; None is every subject.

    Returns:
        What to put into the materialization. Without an open event the count is 0 and nothing is
        stored.
    """
    kinds = [kind for kind, answering in KINDS.items() if answering == asset_key]
    if not kinds:
        raise BadInput(f"no audit kind is attested by {asset_key}; see audit.KINDS")
    conn.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"attest {asset_key}"])
    ids: list[UUID] = [
        event_id
        for (event_id,) in conn.execute(
            "select e.event_id "
            "from audit.event e left join audit.attested_event c using (event_id) "
            "where c.event_id is null and e.kind = any(%s) "
            "and e.recorded_at <= clock_timestamp() - %s "
            "and (%s::text is null or e.subject = %s)",
            [kinds, older_than, subject, subject],
        )
    ]
    attested = Attestation(len(ids), digest(ids))
    if ids:
        conn.execute(
            "insert into audit.attestation (digest, asset_key, run_id, event_count) "
            "values (%s, %s, %s, %s)",
            [attested.digest, asset_key, run_id, attested.event_count],
        )
        conn.execute(
            "insert into audit.attested_event (event_id, digest) select unnest(%s::uuid[]), %s",
            [ids, attested.digest],
        )
    return attested

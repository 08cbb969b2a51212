"""A restored database gets back what its stores know: batches, card ids, suppressions.

Here: the order, and what is told to the persons who decide whether work goes on. That nothing is
published or paid before is kept by the database (`ops/sql/continuity.sql`). What a store does not
know is lost: suppressions since the last build, tokens that were revoked, caps, approvals. It is
for people to enter it again, so they are told the stretch of time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg

from sxe_pipeline.handoff import recover
from sxe_pipeline.local import contact
from sxe_pipeline.ops import continuity
from sxe_pipeline.settings import Settings
from sxe_pipeline.social import restored
from sxe_pipeline.store import sql
from sxe_pipeline.store.functions import call_function
from sxe_pipeline.store.objects import Objects

ACTOR = "recovery"
CARDS = "lead_card"
"""The contract whose rows say which accounts a card was of."""


@dataclass(frozen=True)
class Behind:
    """What the stores know and the database does not.

    Attributes:
        doubts: Why the database may not go on: 'server', names of stores.
        last_event_at: The newest thing that the database remembers; null where there is none.
        newest_marker_at: When a store was last written to; null where none counted anything.
        counts: Store -> how far it has counted.
        batches: Batches of cards that the database does not know.
        contact_batches: Batches of contacts.
        cards: Card ids that it does not know.
        asks: Cards that somebody may have been paid for since; nobody asks about them again.
        suppressions: Suppressed cards that it does not know, as of the last build.
    """

    doubts: Sequence[str]
    last_event_at: datetime | None
    newest_marker_at: datetime | None
    counts: dict[str, int]
    batches: int
    contact_batches: int
    cards: int
    asks: int
    suppressions: int


def bring_back(settings: Settings, loaded: Settings, *, is_dry_run: bool) -> Behind:
    """Look what the stores know beyond the database, and bring it back unless it is a dry run.

    It may be done again: what is known already is left.

    Args:
        settings: With the social tier's login.
        loaded: Before any login, for the contact process.
        is_dry_run: Only look.

    Raises:
        Refused: The database is not doubted, so nothing is brought back.
        Tampered: A store holds a batch that nobody of ours signed.
        StoreUnavailable: A store or the contact process does not answer.
    """
    tier1, handoff = Objects(settings.tier1_url), Objects(settings.handoff_url)
    theirs = contact.recover(loaded, is_dry_run=True)
    with sql.connect(settings.need("social_dsn")) as conn:
        now, last_event_at = _moments(conn)
        batches = recover.unknown(conn, handoff)
        markers = continuity.since(tier1, continuity.counted(conn, continuity.TIER1))
        suppressed = sorted({c for m in markers for c in m.content.get("suppressed", ())})
        of_cards = [b for b in batches if b.fields["contract"] == CARDS]
        rows = (r for b in of_cards for r in recover.rows(handoff, b))
        held = [*restored.in_store(settings.tier1_url), *restored.in_batches(rows)]
        behind = Behind(
            doubts=continuity.doubts(conn),
            last_event_at=last_event_at,
            newest_marker_at=max(
                (datetime.fromisoformat(m.content["counted_at"]) for m in markers), default=None
            ),
            counts={
                continuity.TIER1: continuity.newest_number(tier1),
                continuity.HANDOFF: continuity.newest_number(handoff),
                continuity.CONTACT_HANDOFF: theirs["number"],
            },
            batches=len(batches),
            contact_batches=theirs["batches"],
            cards=restored.unknown(conn, held),
            asks=theirs["asks"],
            suppressions=len(suppressed),
        )
        if not is_dry_run:
            recover.adopt(conn, handoff, batches)
            recover.adopt_heads(conn, recover.unknown_heads(conn, handoff))
            restored.bring_back(conn, held, actor=ACTOR, now=now)
            call_function(conn, "privacy.recover_suppressions", suppressed)
            conn.commit()
    if not is_dry_run:
        contact.recover(loaded, is_dry_run=False)
    return behind


def _moments(conn: psycopg.Connection) -> tuple[datetime, datetime | None]:
    with conn.transaction():
        [row] = conn.execute(
            "select clock_timestamp(), (select max(recorded_at) from audit.event)"
        ).fetchall()
    now, last = row
    return now.astimezone(UTC), last and last.astimezone(UTC)

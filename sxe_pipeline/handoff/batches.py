"""Reading `handoff.batch`: what has been published.

Here: the questions of the command line and of the publisher about rows that exist. Not here: any
change to them (`publish`).
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from sxe_pipeline.handoff.slot import Slot

_COLUMNS: LiteralString = (
    "batch_id, contract, contract_version, market, day, prev_batch_id, state, row_count, "
    "manifest_sha256, created_at, published_at, request_id, seq"
)


@dataclass(frozen=True, slots=True)
class Batch:
    """One row of `handoff.batch`. `published_at` is null until it is published.

    `request_id` and `seq` are null for a batch of a market and day.
    """

    batch_id: str
    contract: str
    contract_version: str
    market: str
    day: date
    prev_batch_id: str | None
    state: str
    row_count: int
    manifest_sha256: str
    created_at: datetime
    published_at: datetime | None
    request_id: UUID | None = None
    seq: int | None = None

    @property
    def slot(self) -> Slot:
        """Where it stands."""
        return Slot(self.market, self.day, self.request_id, self.seq)

    @property
    def folder(self) -> str:
        """Where its files are in the handoff store."""
        return folder_of(self.contract, self.contract_version, self.batch_id)


def folder_of(contract: str, version: str, batch_id: str) -> str:
    """`<contract>/<major>/<batch_id>`: no `name=value`, which readers would turn into columns."""
    return f"{contract}/v{version.split('.', maxsplit=1)[0]}/{batch_id}"


def list_batches(
    conn: psycopg.Connection, market: str | None = None, contract: str | None = None
) -> list[Batch]:
    """Published batches, oldest first; `None` means every market or contract."""
    query: LiteralString = (
        f"SELECT {_COLUMNS} FROM handoff.batch WHERE state = 'published' "
        "AND (%(market)s::text IS NULL OR market = %(market)s) "
        "AND (%(contract)s::text IS NULL OR contract = %(contract)s) "
        "ORDER BY contract, market, day, request_id, seq"
    )
    return _read(conn, query, {"market": market, "contract": contract})


def in_chain(conn: psycopg.Connection, contract: str, slot: Slot, state: str) -> list[Batch]:
    """The batches in one state of the chain that a slot is in, in the order of their places."""
    query: LiteralString = (
        f"SELECT {_COLUMNS} FROM handoff.batch WHERE state = %(state)s "
        "AND contract = %(contract)s AND request_id IS NOT DISTINCT FROM %(request_id)s "
        "AND (request_id IS NOT NULL OR market = %(market)s) ORDER BY seq, day"
    )
    given = {"market": slot.market, "request_id": slot.request_id}
    return _read(conn, query, {**given, "contract": contract, "state": state})


def find(conn: psycopg.Connection, batch_id: str) -> Batch | None:
    """The batch, in whatever state."""
    query: LiteralString = f"SELECT {_COLUMNS} FROM handoff.batch WHERE batch_id = %(batch_id)s"
    return next(iter(_read(conn, query, {"batch_id": batch_id})), None)


def newest_landed_day(conn: psycopg.Connection) -> date | None:
    """The newest day on which a file landed; None when nothing has."""
    row = conn.execute("SELECT max(landed_day) FROM ingest.landing_file").fetchone()
    return row[0] if row else None


def _read(conn: psycopg.Connection, query: LiteralString, values: dict[str, Any]) -> list[Batch]:
    with conn.cursor(row_factory=class_row(Batch)) as cursor:
        return cursor.execute(query, values).fetchall()

"""Reading `handoff.batch`: what has been published.

Here: the questions of the command line and of the publisher about rows that exist. Not here: any
change to them (`publish`).
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, LiteralString

import psycopg
from psycopg.rows import class_row

_COLUMNS: LiteralString = (
    "batch_id, contract, contract_version, market, day, prev_batch_id, state, row_count, "
    "manifest_sha256, created_at, published_at"
)


@dataclass(frozen=True, slots=True)
class Batch:
    """One row of `handoff.batch`. `published_at` is null until it is published."""

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
        "ORDER BY contract, market, day"
    )
    return _read(conn, query, {"market": market, "contract": contract})


def building(conn: psycopg.Connection, contract: str, market: str) -> list[Batch]:
    """Batches of a chain that were begun and not finished, oldest day first."""
    query: LiteralString = (
        f"SELECT {_COLUMNS} FROM handoff.batch WHERE state = 'building' "
        "AND contract = %(contract)s AND market = %(market)s ORDER BY day"
    )
    return _read(conn, query, {"market": market, "contract": contract})


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

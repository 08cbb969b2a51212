"""Reading `handoff.batch`: what has been published.

Here: what the command line and the publisher read about batches that exist. Not here: any change
to them (`record`).
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from sxe_pipeline.handoff.chain import BatchKey

_COLUMNS: LiteralString = (
    "batch_id, contract, contract_version, market, day, prev_batch_id, state, row_count, "
    "manifest_sha256, created_at, published_at, request_id, seq, published_seq, kind, remove_count"
)


@dataclass(frozen=True, slots=True)
class Batch:
    """One row of `handoff.batch`. `published_at`, `published_seq` are null until it is published.

    `published_seq` is its place in the order in which batches of its contract became visible, from
    1. `request_id` and `seq` are null for a batch of a market and day. `kind` is full or delta;
    `row_count` is what it holds, `remove_count` what a delta takes out.
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
    published_seq: int | None = None
    kind: str = "full"
    remove_count: int = 0

    @property
    def batch_key(self) -> BatchKey:
        """What tells it from the others of its contract."""
        return BatchKey(self.market, self.day, self.request_id, self.seq)

    @property
    def folder(self) -> str:
        """The folder of its files in the handoff store."""
        return folder_of(self.contract, self.contract_version, self.batch_id)


def folder_of(contract: str, version: str, batch_id: str) -> str:
    """`<contract>/<major>/<batch_id>`: no `name=value`, which readers would turn into columns.

    Args:
        contract: The contract's id.
        version: Its version; the folder holds the major alone.
        batch_id: The batch.
    """
    return f"{contract}/v{version.split('.', maxsplit=1)[0]}/{batch_id}"


def list_batches(
    conn: psycopg.Connection, market: str | None = None, contract: str | None = None
) -> list[Batch]:
    """Published batches, oldest first.

    Args:
        conn: A login that may read the batches.
        market: None is every market.
        contract: None is every contract.
    """
    query: LiteralString = (
        f"SELECT {_COLUMNS} FROM handoff.batch WHERE state = 'published' "
        "AND (%(market)s::text IS NULL OR market = %(market)s) "
        "AND (%(contract)s::text IS NULL OR contract = %(contract)s) "
        "ORDER BY contract, published_seq"
    )
    return _read(conn, query, {"market": market, "contract": contract})


def in_chain(
    conn: psycopg.Connection, contract: str, batch_key: BatchKey, state: str
) -> list[Batch]:
    """The batches of one chain that are in one state, in the order of the chain.

    Args:
        conn: The login that publishes.
        contract: The contract's id.
        batch_key: Any key of the chain.
        state: building, published or abandoned.
    """
    query: LiteralString = (
        f"SELECT {_COLUMNS} FROM handoff.batch WHERE state = %(state)s "
        "AND contract = %(contract)s AND request_id IS NOT DISTINCT FROM %(request_id)s "
        "AND (request_id IS NOT NULL OR market = %(market)s) ORDER BY seq, day"
    )
    chain = {"market": batch_key.market, "request_id": batch_key.request_id}
    return _read(conn, query, {**chain, "contract": contract, "state": state})


def unpublished(conn: psycopg.Connection, contract: str, before: datetime) -> list[Batch]:
    """The batches of a contract that were begun before a moment and are not published."""
    query: LiteralString = (
        f"SELECT {_COLUMNS} FROM handoff.batch WHERE state <> 'published' "
        "AND contract = %(contract)s AND created_at < %(before)s ORDER BY created_at, batch_id"
    )
    return _read(conn, query, {"contract": contract, "before": before})


def find(conn: psycopg.Connection, batch_id: str) -> Batch | None:
    """The batch, in whatever state."""
    query: LiteralString = f"SELECT {_COLUMNS} FROM handoff.batch WHERE batch_id = %(batch_id)s"
    return next(iter(_read(conn, query, {"batch_id": batch_id})), None)


def id_of_manifest(conn: psycopg.Connection, manifest_sha256: str) -> str | None:
    """The published batch of a manifest, by the hash of its bytes."""
    row = conn.execute(
        "SELECT batch_id FROM handoff.batch WHERE state = 'published' AND manifest_sha256 = %s",
        [manifest_sha256],
    ).fetchone()
    return row[0] if row else None


def newest_landed_day(conn: psycopg.Connection) -> date | None:
    """The newest day on which a file landed; None when nothing has."""
    row = conn.execute("SELECT max(landed_day) FROM ingest.landing_file").fetchone()
    return row[0] if row else None


def _read(conn: psycopg.Connection, query: LiteralString, values: dict[str, Any]) -> list[Batch]:
    with conn.cursor(row_factory=class_row(Batch)) as cursor:
        return cursor.execute(query, values).fetchall()

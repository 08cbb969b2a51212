"""The batches of a day: one for each market, on the newest open day of a run.

Here: which market publishes which day. The rule for days is in `chain`, the order of the writes in
`publish`.
"""

from collections.abc import Collection
from datetime import date, datetime
from typing import Protocol

import psycopg
import pyarrow as pa

from sxe_pipeline.handoff import heads, record
from sxe_pipeline.handoff.batches import list_batches, newest_landed_day
from sxe_pipeline.handoff.chain import BatchKey, day_to_publish
from sxe_pipeline.handoff.chain_rows import Deltas
from sxe_pipeline.handoff.files import head
from sxe_pipeline.handoff.publish import Published, publish
from sxe_pipeline.schema import Contract
from sxe_pipeline.sign import Signer
from sxe_pipeline.store.objects import Objects


class MarketRows(Protocol):
    """The rows of today, all of one moment, read a market at a time: all need not fit in memory."""

    @property
    def markets(self) -> Collection[str]:
        """Every market that has a row."""
        ...

    def of(self, market: str) -> pa.Table:
        """The rows of a market in the contract's columns, in any order; read at each call."""
        ...


def publish_day(
    conn: psycopg.Connection,
    objects: Objects,
    *,
    contract: Contract,
    days: Collection[date],
    rows: MarketRows,
    signer: Signer,
    actor: str,
    now: datetime,
    deltas: Deltas | None = None,
) -> list[Published]:
    """Publish the newest open day of a run for each market; its other days are closed.

    Args:
        conn: As in `publish`.
        objects: As in `publish`.
        contract: As in `publish`; it has a column `market`.
        days: The days of the run, usually one.
        rows: The rows of today. A market that has a chain and no row gets a batch that says so.
        signer: As in `publish`.
        actor: As in `publish`.
        now: As in `publish`.
        deltas: As in `publish`.

    Returns:
        One result per market and day, in that order.
    """
    with record.translated_errors(), conn.transaction():
        newest = newest_landed_day(conn)
        chains: dict[str, set[date]] = {}
        for batch in list_batches(conn, contract=contract.id):
            chains.setdefault(batch.market, set()).add(batch.day)
        major = head.major_of(contract.version)
        for market, day in heads.unchanged_days(conn, contract.id, major).items():
            chains.setdefault(market, set()).add(day)
    results = []
    for market in sorted({*chains, *rows.markets}):
        chosen = day_to_publish(days, chains.get(market, set()), newest)
        closed = sorted(set(days) - {chosen})
        results += [Published(BatchKey(market, day), "closed") for day in closed]
        if chosen is not None:
            done = publish(
                conn,
                objects,
                contract=contract,
                batch_key=BatchKey(market, chosen),
                rows=rows.of(market),
                signer=signer,
                actor=actor,
                now=now,
                deltas=deltas,
            )
            results.append(done)
    return sorted(results, key=lambda one: (one.market, one.day))

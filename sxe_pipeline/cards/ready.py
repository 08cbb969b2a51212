"""The cards that leave Tier 1, a market at a time.

Here: which version is read, that it passed its guard, and who was suppressed since. Not here: what
of a card may leave (`release`), writing a batch (`handoff`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from sxe_pipeline.cards import checks, inputs, release
from sxe_pipeline.ops import versions
from sxe_pipeline.privacy import leaks, suppression
from sxe_pipeline.privacy.policy import Policy
from sxe_pipeline.schema.lead_card import CONTRACT
from sxe_pipeline.settings import Settings
from sxe_pipeline.store import memory
from sxe_pipeline.store.snapshot import Snapshot


@dataclass(frozen=True)
class ReadyCards:
    """The cards of one version that may leave; `markets` are those that have one."""

    markets: Sequence[str]
    _stored: Snapshot
    _suppressed: pa.Array
    _policy: Policy

    def of(self, market: str) -> pa.Table:
        """The cards of a market, in the columns of the `lead_card` contract, sorted by card_id."""
        kept = (pc.field("market") == market) & _may_leave(self._suppressed)
        return release.release(read(self._stored, CONTRACT.names, kept), self._policy)


def ready_cards(conn: psycopg.Connection, settings: Settings) -> ReadyCards:
    """The cards that may leave; but for their markets, none is read yet.

    Args:
        conn: The social tier's login, outside of a transaction: a red verdict stays, too.
        settings: Where the tables are, and the platform policy.

    Raises:
        NotFound: The cards were never built.
        Refused: This version of them holds contact data; judged here where nobody did.
    """
    with conn.transaction():
        stored = inputs.snapshot(conn, settings, inputs.CARDS)
        clean = checks.no_contact_data(conn, stored)
    versions.require(clean, inputs.CARDS, leaks.GUARD)
    suppressed = pa.array(sorted(suppression.suppressed(conn)), pa.string())
    markets = pc.unique(read(stored, ["market"], _may_leave(suppressed))["market"])
    return ReadyCards(
        sorted(markets.to_pylist()), stored, suppressed, inputs.active_policy(settings)
    )


def _may_leave(suppressed: pa.Array) -> Any:
    is_ready = pc.field("readiness_state") == "ready"
    return is_ready & ~pc.field("card_id").isin(suppressed)


def read(stored: Snapshot, columns: Sequence[str], kept: Any) -> pa.Table:
    """Columns of the rows that a filter keeps, without the rest of the table in memory.

    Args:
        stored: A version of the cards.
        columns: Their names.
        kept: An expression of `pyarrow.compute`.

    Raises:
        NotFound: Files of that version are not what was written.
    """
    stored.check()
    # Arrow reads ahead by default, which holds more than one market of a large table.
    ahead = {"batch_readahead": 2, "fragment_readahead": 1, "memory_pool": memory.pool()}
    return stored.dataset().scanner(columns=list(columns), filter=kept, **ahead).to_table()

"""The audience pools that leave Tier 1, a market at a time.

Here: that the versions they come from passed their guards, the id of a row, and what of it may not
be passed on: words and medians where a platform of its cards is `ids_only` or one of its cards was
suppressed since they were counted, and ids of cards that may not leave. Counts stay: they name
nobody. Not here: who is in words and medians (`pools`), writing a batch (`handoff`).
"""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from sxe_pipeline import schema
from sxe_pipeline.cards import checks, inputs, ready
from sxe_pipeline.cards.pools import KEYS
from sxe_pipeline.cards.release import FORMULA, UNPRINTED, are_open
from sxe_pipeline.ops import versions
from sxe_pipeline.privacy import leaks, suppression
from sxe_pipeline.privacy.policy import Policy
from sxe_pipeline.schema.tables import POOL
from sxe_pipeline.settings import Settings
from sxe_pipeline.store.snapshot import Snapshot

CONTRACT = schema.load("audience_pool")

Key = tuple[str | None, ...]


@dataclass(frozen=True)
class ReadyPools:
    """The pools of one version; `markets` are those that have a row."""

    markets: Sequence[str]
    _pools: pa.Table
    _cards: Snapshot
    _suppressed: Collection[str]
    _policy: Policy

    def of(self, market: str) -> pa.Table:
        """The rows of a market in the columns of the `audience_pool` contract, by segment_id."""
        pools = self._pools.filter(pc.equal(self._pools["market"], market))
        samples = pc.unique(pc.list_flatten(pools["sample_card_ids"]))
        kept = pc.field("card_id").isin(samples) & (pc.field("readiness_state") == "ready")
        cards = ready.read(self._cards, ["card_id", "platform", "accounts"], kept)
        may_leave = {
            card_id
            for piece in cards.to_batches()
            for card_id in piece["card_id"].filter(are_open(piece, self._policy)).to_pylist()
        }
        return released(
            pools,
            may_leave=may_leave.difference(self._suppressed),
            closed=self._closed(market),
        )

    def _closed(self, market: str) -> set[Key]:
        """The pools with a card whose words and followers may not be passed on."""
        in_market = pc.field("market") == market
        read = [*KEYS, "card_id", "readiness_state", "accounts"]
        cards = ready.read(self._cards, read, in_market).combine_chunks()
        accounts = cards["accounts"].combine_chunks()
        platforms = pc.struct_field(pc.list_flatten(accounts), "platform")
        shut = [p for p in pc.unique(platforms).to_pylist() if self._policy.is_ids_only(p)]
        is_shut = pc.is_in(platforms, pa.array(shut, platforms.type))
        suppressed = pa.array(sorted(self._suppressed), cards["card_id"].type)
        is_news = pc.and_(
            pc.is_in(cards["card_id"], suppressed),
            pc.not_equal(cards["readiness_state"], "withheld"),
        )
        owners = pa.concat_arrays(
            [
                pc.list_parent_indices(accounts).filter(is_shut).cast(pa.int64()),
                pc.indices_nonzero(is_news).cast(pa.int64()),
            ]
        )
        keys = cards.select(KEYS).take(pc.unique(owners)).group_by(list(KEYS)).aggregate([])
        return {tuple(row[name] for name in KEYS) for row in keys.to_pylist()}


def ready_pools(conn: psycopg.Connection, settings: Settings) -> ReadyPools:
    """The pools that may leave.

    Args:
        conn: The social tier's login, outside of a transaction: a red verdict stays, too.
        settings: Where the tables are, and the platform policy.

    Raises:
        NotFound: The cards or the pools were never built.
        Refused: This version of one of them holds contact data; judged here where nobody did.
    """
    with conn.transaction():
        cards = inputs.snapshot(conn, settings, inputs.CARDS)
        pools = inputs.snapshot(conn, settings, inputs.POOLS)
        clean = {
            inputs.CARDS: checks.no_contact_data(conn, cards),
            inputs.POOLS: leaks.verdict(conn, pools, POOL),
        }
    for table, verdict in clean.items():
        versions.require(verdict, table, leaks.GUARD)
    rows = pools.to_table()
    return ReadyPools(
        sorted(pc.unique(rows["market"]).to_pylist()),
        rows,
        cards,
        suppression.suppressed(conn),
        inputs.active_policy(settings),
    )


def released(pools: pa.Table, *, may_leave: Collection[str], closed: Collection[Key]) -> pa.Table:
    """The rows of a market as consumers may see them.

    Args:
        pools: Table POOL.
        may_leave: Of their sample cards, those that are ready and not suppressed.
        closed: Keys of pools that keep words and medians to themselves.

    Returns:
        The columns of contract `audience_pool`, sorted by segment_id.
    """
    flat = pc.list_flatten(pools["top_evidence"]).combine_chunks()
    unfit = pc.match_substring_regex(flat, f"{FORMULA}|{UNPRINTED}")
    unprinted = set(flat.filter(unfit).to_pylist())
    rows = []
    for row in pools.to_pylist():
        key = tuple(row[name] for name in KEYS)
        is_closed = key in closed
        terms = [] if is_closed else [t for t in row["top_evidence"] if t not in unprinted]
        rows.append(
            row
            | {
                "segment_id": segment_id(key),
                "median_follower_count": None if is_closed else row["median_follower_count"],
                "top_evidence": terms,
                "sample_card_ids": [c for c in row["sample_card_ids"] if c in may_leave],
            }
        )
    rows.sort(key=lambda row: row["segment_id"])
    return pa.Table.from_pylist(rows, schema=CONTRACT.arrow())


def segment_id(key: Key) -> str:
    """What names a row to consumers: market, pool, persona, tribe and country, hashed.

    Example:
        >>> segment_id(("x_general", "creators", "designer", None, "PT"))
        '7084778a82c87d3044bac8ce7a105f95'
    """
    return hashlib.sha256("\n".join(part or "" for part in key).encode()).hexdigest()[:32]

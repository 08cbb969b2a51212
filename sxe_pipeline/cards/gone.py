"""Why a card that was handed over is handed over no more.

Here: what became of cards that a market held and holds no longer, as the contract `tombstone` says
it. Not here: which ones these are (`handoff.files.delta`), which cards may leave (`ready`).
"""

from dataclasses import dataclass

import polars as pl
import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from sxe_pipeline.cards import inputs
from sxe_pipeline.privacy import suppression
from sxe_pipeline.settings import Settings
from sxe_pipeline.store import memory
from sxe_pipeline.store.snapshot import Snapshot

_REASON = pl.col("reason")


@dataclass(frozen=True)
class GoneCards:
    """What became of cards, as of one version of the cards.

    Attributes:
        merged: Id -> the card that its accounts belong to now.
    """

    merged: pl.DataFrame
    _cards: Snapshot
    _others: Snapshot
    _suppressed: pa.Array

    def __call__(self, market: str, card_ids: pa.Array) -> pa.Table:
        """The reason of each, and of a merged card the survivor.

        An opt-out says more than whatever else became of a card: it asks for more. A card that is
        ready in another market left this one; one that may not leave is withheld wherever it is.

        Args:
            market: The market that held them; whatever is ready elsewhere left it.
            card_ids: Cards that it holds no longer.

        Returns:
            `card_id`, `reason`, `into_card_id`, a row for each.
        """
        ids = pl.DataFrame({"card_id": card_ids}, schema={"card_id": pl.String})
        leads = _found(self._cards, card_ids, ["market", "readiness_state"])
        others = _found(self._others, card_ids, ["kind"])
        erased = pc.is_in(card_ids, value_set=self._suppressed)
        is_elsewhere = (pl.col("readiness_state") == "ready") & (pl.col("market") != market)
        found = (
            ids.with_columns(is_erased=pl.Series(erased))
            .join(self.merged, on="card_id", how="left")
            .join(leads, on="card_id", how="left")
            .join(others, on="card_id", how="left")
            .with_columns(
                reason=pl.when("is_erased")
                .then(pl.lit("erased"))
                .when(pl.col("into_card_id").is_not_null())
                .then(pl.lit("merged"))
                .when(is_elsewhere)
                .then(pl.lit("left_market"))
                .when(pl.col("market").is_not_null())
                .then(pl.lit("withheld"))
                .when(pl.col("kind").is_not_null())
                .then(pl.lit("no_lead"))
                .otherwise(pl.lit("retired"))
            )
        )
        said = found.select(
            "card_id",
            "reason",
            into_card_id=pl.when(_REASON == "merged").then("into_card_id"),
        )
        return said.to_arrow(compat_level=pl.CompatLevel.oldest())


def gone_cards(conn: psycopg.Connection, settings: Settings) -> GoneCards:
    """What became of cards, as the tables of cards say now.

    Args:
        conn: The social tier's login, outside of a transaction.
        settings: Where the tables are.

    Raises:
        NotFound: The cards were never built.
    """
    with conn.transaction():
        aliases = conn.execute("select card_id, survivor_card_id from social.alias").fetchall()
        suppressed = sorted(suppression.suppressed(conn))
        cards = inputs.snapshot(conn, settings, inputs.CARDS)
        others = inputs.snapshot(conn, settings, inputs.OTHER_IDENTITIES)
    merged = pl.DataFrame(
        aliases, schema={"card_id": pl.String, "into_card_id": pl.String}, orient="row"
    )
    return GoneCards(merged, cards, others, pa.array(suppressed, pa.string()))


def _found(stored: Snapshot, card_ids: pa.Array, columns: list[str]) -> pl.DataFrame:
    """These columns of the cards among the ids that the table has."""
    stored.check()
    scanner = stored.dataset().scanner(
        columns=["card_id", *columns],
        filter=pc.field("card_id").isin(card_ids),
        batch_readahead=2,
        fragment_readahead=1,
        memory_pool=memory.pool(),
    )
    return pl.DataFrame(scanner.to_table())

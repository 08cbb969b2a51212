"""What is checked of the cards after they are written, and that nothing leaves where it fails."""

from dataclasses import dataclass

import psycopg
import pyarrow.compute as pc

from sxe_pipeline.ops import versions
from sxe_pipeline.privacy import leaks
from sxe_pipeline.schema.lead_card import LEAD_CARD
from sxe_pipeline.store.tables import Snapshot


def no_contact_data(conn: psycopg.Connection, cards: Snapshot | None) -> versions.Verdict:
    """Whether a version of the cards holds no contact data for certain; None holds nothing.

    Args:
        conn: The social tier's login, in a transaction.
        cards: A version that was named.
    """
    return leaks.verdict(conn, cards, LEAD_CARD) if cards else versions.Verdict(True, {})


@dataclass(frozen=True)
class Shares:
    """The owner's metric and the stricter one beside it; 0 of 0 cards is 0."""

    card_count: int
    tagged_share: float
    own_words_share: float


def tagged(cards: Snapshot | None) -> Shares:
    """The shares of cards that carry persona and tribe, from any source and from own words."""
    if cards is None:
        return Shares(0, 0.0, 0.0)
    table = cards.to_table(columns=["is_tagged", "is_own_words_tagged"])
    count = table.num_rows
    if not count:
        return Shares(0, 0.0, 0.0)
    any_source, own = (pc.sum(table[c]).as_py() or 0 for c in table.column_names)
    return Shares(count, any_source / count, own / count)

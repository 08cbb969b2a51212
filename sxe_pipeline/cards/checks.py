"""What is checked of the cards after they are written, and that nothing leaves where it fails."""

import psycopg

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

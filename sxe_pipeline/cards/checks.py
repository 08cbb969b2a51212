"""What is checked of the cards after they are written, and that nothing leaves where it fails."""

import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from sxe_pipeline.cards import drift
from sxe_pipeline.cards.inputs import CARDS, OTHER_IDENTITIES
from sxe_pipeline.ops import versions
from sxe_pipeline.privacy import leaks
from sxe_pipeline.schema.lead_card import LEAD_CARD
from sxe_pipeline.store import upkeep
from sxe_pipeline.store.snapshot import Snapshot

_MADE_BY = ("taxonomy_version", "model_version")


def no_contact_data(conn: psycopg.Connection, cards: Snapshot | None) -> versions.Verdict:
    """Whether a version of the cards holds no contact data for certain; None holds nothing.

    Args:
        conn: The social tier's login, in a transaction.
        cards: A version that was named.
    """
    return leaks.verdict(conn, cards, LEAD_CARD) if cards else versions.Verdict(True, {})


def label_drift(conn: psycopg.Connection, root: str) -> list[drift.Drift]:
    """How far a new taxonomy or new weights took the labels of identities that were there before.

    Leads and others are compared together, so that a persona that is said no more counts.

    Args:
        conn: The social tier's login, in a transaction.
        root: URL of the Tier 1 store.

    Returns:
        One entry per column of labels; empty where the version before was made by the same
        taxonomy and weights, was cleared away, or never was.
    """
    leads = _newest_two(conn, root, CARDS)
    others = _newest_two(conn, root, OTHER_IDENTITIES)
    if len(leads) < 2 or len(others) < 2 or _makers(leads[0]) == _makers(leads[1]):
        return []
    now, before = (_labels(*each) for each in zip(leads, others, strict=True))
    return drift.drift(_those_in(before, now), _those_in(now, before))


def _newest_two(conn: psycopg.Connection, root: str, name: str) -> list[Snapshot]:
    """The named version and the newest one of other rows, as far as the store holds them."""
    rows = conn.execute(
        "with now as (select version, coalesce(rows_version, version) as rows from ops.version "
        "where table_name = %(name)s and superseded_at is null) "
        "select v.version from ops.version v, now where table_name = %(name)s "
        "and (v.version = now.version or coalesce(v.rows_version, v.version) <> now.rows) "
        "order by superseded_at desc nulls first limit 2",
        {"name": name},
    )
    return [
        Snapshot(name, version, root)
        for (version,) in rows.fetchall()
        if upkeep.holds(root, name, version)
    ]


def _makers(cards: Snapshot) -> set[tuple[str, ...]]:
    made = cards.to_table(columns=list(_MADE_BY)).group_by(list(_MADE_BY)).aggregate([])
    return set(zip(*(column.to_pylist() for column in made.columns), strict=True))


def _labels(leads: Snapshot, others: Snapshot) -> pa.Table:
    """All identities of a version with their labels; what others have none of is null."""
    columns = ["card_id", *drift.COLUMNS]
    rest = others.to_table(columns=["card_id", "tribe"])
    tables = [leads.to_table(columns=columns), rest]
    return pa.concat_tables(tables, promote_options="default").select(columns)


def _those_in(table: pa.Table, other: pa.Table) -> pa.Table:
    return table.filter(pc.is_in(table["card_id"], other["card_id"].combine_chunks()))

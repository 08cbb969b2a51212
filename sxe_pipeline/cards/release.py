"""What may leave Tier 1 as a lead card.

Here: only ready cards, only contract columns, and nothing but identifiers and our own labels where
a platform says `ids_only`. Not here: writing a batch (`handoff`).
"""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from sxe_pipeline.cards.card import CARD, CONTRACT_COLUMNS
from sxe_pipeline.cards.policy import Policy

PROFILE_COLUMNS = (
    "display_name",
    "bio",
    "handle",
    "follower_count",
    "following_count",
    "post_count",
    "link_domains",
    "hashtags",
)
"""Null where the primary account's platform is `ids_only`: profile text, what is cut out of it, and
counts. Evidence texts and handles of the accounts are nulled besides."""


def release(cards: pa.Table, policy: Policy) -> pa.Table:
    """The ready cards as consumers may see them.

    A card that joins several platforms gives away of each account what that account's platform
    allows; its evidence texts stay only where all of them allow it.

    Args:
        cards: Table CARD.
        policy: What each platform lets us pass on.

    Returns:
        The columns of contract `lead_card`, sorted by card_id.
    """
    ready = cards.filter(pc.equal(cards["readiness_state"], "ready"))
    ready = ready.select(CONTRACT_COLUMNS).sort_by("card_id")
    closed = [policy.is_ids_only(platform) for platform in ready["platform"].to_pylist()]
    accounts = ready["accounts"].to_pylist()
    quiet = [any(policy.is_ids_only(a["platform"]) for a in listed) for listed in accounts]
    is_closed = pa.array(closed, pa.bool_())
    columns: dict[str, Any] = {name: ready[name] for name in CONTRACT_COLUMNS}
    for name in PROFILE_COLUMNS:
        columns[name] = pc.if_else(is_closed, pa.scalar(None, CARD.field(name).type), ready[name])
    columns["evidence"] = [
        [{**item, "text": None} for item in items] if hush else items
        for hush, items in zip(quiet, ready["evidence"].to_pylist(), strict=True)
    ]
    columns["accounts"] = [
        [{**a, "handle": None} if policy.is_ids_only(a["platform"]) else a for a in listed]
        for listed in accounts
    ]
    fields = [CARD.field(name) for name in CONTRACT_COLUMNS]
    arrays = [
        values if isinstance(values, pa.ChunkedArray) else pa.array(values, type=f.type)
        for f, values in ((f, columns[f.name]) for f in fields)
    ]
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))

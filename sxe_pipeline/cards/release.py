"""What may leave Tier 1 as a lead card.

Here: only ready cards, only contract columns, and nothing but identifiers and our own labels where
a platform says `ids_only`. Which columns that closes is read off their class. Not here: writing a
batch (`handoff`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from sxe_pipeline.privacy.policy import Policy
from sxe_pipeline.schema.lead_card import CONTRACT, LEAD_CARD

CLOSED = frozenset({"text", "link", "count"})
"""Classes that are null where a platform is `ids_only`: profile text, what is cut out of it, and
counts."""
TEXTS = ("handle", "display_name", "bio", "region")
"""Columns whose values somebody wrote as a line of text."""
FORMULA = "^[=+@-]"
"""How a cell begins that a spreadsheet computes."""
UNPRINTED = r"[\x00-\x09\x0b-\x1f\x7f-\x{9f}\x{200e}\x{200f}\x{202a}-\x{202e}\x{2066}-\x{2069}]"
"""Control and direction characters; a line break may stand in a bio."""
_AT_ONCE = 20_000
"""Cards whose lists are Python's own for a moment, ten times the size."""


def release(cards: pa.Table, policy: Policy) -> pa.Table:
    """The ready cards as consumers may see them.

    A card that joins several platforms gives away of each account what that account's platform
    allows; its evidence texts stay only where all of them allow it.

    Args:
        cards: Table LEAD_CARD.
        policy: What each platform lets us pass on.

    Returns:
        The columns of contract `lead_card`, sorted by card_id.
    """
    ready = cards.filter(pc.equal(cards["readiness_state"], "ready"))
    ready = ready.select(CONTRACT.names).sort_by("card_id")
    pieces = range(0, max(ready.num_rows, 1), _AT_ONCE)
    return pa.concat_tables(_released(ready.slice(at, _AT_ONCE), policy) for at in pieces)


def _released(ready: pa.Table, policy: Policy) -> pa.Table:
    is_closed = pa.array([policy.is_ids_only(p) for p in ready["platform"].to_pylist()], pa.bool_())
    some_closed = [
        any(policy.is_ids_only(account["platform"]) for account in listed)
        for listed in ready["accounts"].to_pylist()
    ]
    schema = pa.schema([LEAD_CARD.schema.field(name) for name in CONTRACT.names])
    columns: list[Any] = []
    for column in CONTRACT.columns:
        values, kind = ready[column.name], schema.field(column.name).type
        item = column.children[0] if column.kind == "list" else column
        if item.kind == "struct":
            closed = {child.name: None for child in item.children if child.handling in CLOSED}
            lists = zip(values.to_pylist(), some_closed, strict=True)
            values = pa.array([_items(rows, closed, policy, hush) for rows, hush in lists], kind)
        elif item.handling in CLOSED:
            values = pc.if_else(is_closed, pa.scalar(None, kind), values)
        columns.append(values)
    return _plain(pa.Table.from_arrays(columns, schema=schema))


def _plain(cards: pa.Table) -> pa.Table:
    """Texts that no spreadsheet runs and no terminal obeys; where evidence stands moves along."""
    moved = {}
    for name in TEXTS:
        at = cards.schema.get_field_index(name)
        text = pc.replace_substring_regex(cards[name], UNPRINTED, "")
        is_formula = pc.fill_null(pc.match_substring_regex(text, FORMULA), False)
        moved[name] = is_formula.to_pylist()
        text = pc.if_else(is_formula, pc.binary_join_element_wise("'", text, ""), text)
        cards = cards.set_column(at, cards.schema.field(at), text)
    if not any(moved["bio"]) and not any(moved["display_name"]):
        return cards
    at = cards.schema.get_field_index("evidence")
    evidence = [
        [_one_further(i) if i["field"] in moved and moved[i["field"]][row] else i for i in items]
        for row, items in enumerate(cards["evidence"].to_pylist())
    ]
    field = cards.schema.field(at)
    return cards.set_column(at, field, pa.array(evidence, field.type))


def _one_further(item: dict[str, Any]) -> dict[str, Any]:
    bounds = ("start", "end")
    return item | {name: item[name] + 1 for name in bounds if item[name] is not None}


def _items(
    items: Sequence[dict[str, Any]], closed: Mapping[str, None], policy: Policy, some_closed: bool
) -> list[dict[str, Any]]:
    """The items of one card: by the platform that an item names, else by every account's."""
    return [
        {**item, **closed}
        if (policy.is_ids_only(item["platform"]) if "platform" in item else some_closed)
        else item
        for item in items
    ]

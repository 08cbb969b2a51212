"""What may leave Tier 1 as a lead card.

Here: only ready cards without an account of a closed platform, only contract columns, and nothing
but identifiers and our own labels where a platform says `ids_only`. Which columns that closes is
read off their class. The policy is that of the moment: cards may have been made by an older one.
Not here: writing a batch (`handoff`).
"""

from collections.abc import Mapping
from functools import reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sxe_pipeline.privacy.policy import Policy
from sxe_pipeline.schema import arrow
from sxe_pipeline.schema.columns import Column
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
_SCHEMA = pa.schema([LEAD_CARD.schema.field(name) for name in CONTRACT.names])


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
    ready, is_ready = cards.select(CONTRACT.names), pc.equal(cards["readiness_state"], "ready")
    if not pc.all(is_ready, skip_nulls=False).as_py():
        ready = ready.filter(is_ready)
    if not arrow.rises(ready["card_id"]):
        ready = ready.sort_by("card_id")
    pieces = [
        _plain(_released(piece.filter(are_open(piece, policy)), policy))
        for piece in ready.to_batches()
    ]
    return pa.Table.from_batches(pieces, _SCHEMA)


def are_open(cards: pa.RecordBatch, policy: Policy) -> pa.Array:
    """Of each card, whether every platform that it stands on lets it leave.

    Args:
        cards: With `platform` and `accounts`.
        policy: Which platforms do.
    """
    accounts = cards["accounts"]
    of_accounts = pc.struct_field(pc.list_flatten(accounts), "platform")
    names = {*pc.unique(cards["platform"]).to_pylist(), *pc.unique(of_accounts).to_pylist()}
    closed = pa.array([name for name in names if not policy.is_open(name)], pa.string())
    stays = np.array(pc.is_in(cards["platform"], value_set=closed), bool)
    stays[pc.list_parent_indices(accounts).filter(pc.is_in(of_accounts, value_set=closed))] = True
    return pa.array(~stays)


def _released(ready: pa.RecordBatch, policy: Policy) -> pa.RecordBatch:
    is_closed = _are_closed(ready["platform"], policy)
    accounts = ready["accounts"]
    of_closed = _are_closed(pc.struct_field(pc.list_flatten(accounts), "platform"), policy)
    is_some_closed = np.zeros(ready.num_rows, bool)
    is_some_closed[pc.list_parent_indices(accounts).filter(of_closed)] = True
    columns = []
    for column in CONTRACT.columns:
        values = ready[column.name]
        item = column.children[0] if column.kind == "list" else column
        if item.kind == "struct":
            values = _closed_items(item, values, policy, is_some_closed)
        elif item.handling in CLOSED:
            values = _nulled(values, is_closed)
        columns.append(values)
    return pa.RecordBatch.from_arrays(columns, schema=_SCHEMA)


def _are_closed(platforms: pa.Array, policy: Policy) -> pa.Array:
    closed = [name for name in pc.unique(platforms).to_pylist() if policy.is_ids_only(name)]
    return pc.is_in(platforms, value_set=pa.array(closed, pa.string()))


def _nulled(values: pa.Array, where: pa.Array) -> pa.Array:
    return pc.if_else(where, pa.scalar(None, values.type), values)


def _closed_items(
    item: Column, lists: pa.ListArray, policy: Policy, is_some_closed: np.ndarray
) -> pa.ListArray:
    """Items are closed by the platform that they name, else by that of any account."""
    items, names = pc.list_flatten(lists), [child.name for child in item.children]
    if "platform" in names:
        is_closed = _are_closed(pc.struct_field(items, "platform"), policy)
    else:
        is_closed = pa.array(is_some_closed).take(pc.list_parent_indices(lists))
    closed = [child.name for child in item.children if child.handling in CLOSED]
    return _with_fields(
        lists, {name: _nulled(pc.struct_field(items, name), is_closed) for name in closed}
    )


def _with_fields(lists: pa.ListArray, fields: Mapping[str, pa.Array]) -> pa.ListArray:
    """The lists, with other fields in their items."""
    items = pc.list_flatten(lists)
    columns = [fields.get(f.name, pc.struct_field(items, f.name)) for f in items.type]
    ends = pc.cumulative_sum(pc.fill_null(pc.list_value_length(lists), 0))
    return pa.ListArray.from_arrays(
        pa.concat_arrays([pa.array([0], pa.int32()), ends]),
        pa.StructArray.from_arrays(columns, fields=list(items.type), mask=pc.is_null(items)),
        lists.type,
        mask=pc.is_null(lists),
    )


def _plain(cards: pa.RecordBatch) -> pa.RecordBatch:
    """Texts that no spreadsheet runs and no terminal obeys; where evidence stands moves along."""
    moved = {}
    for name in TEXTS:
        at = cards.schema.get_field_index(name)
        text = pc.replace_substring_regex(cards[name], UNPRINTED, "")
        moved[name] = pc.fill_null(pc.match_substring_regex(text, FORMULA), False)
        text = pc.if_else(moved[name], pc.binary_join_element_wise("'", text, ""), text)
        cards = cards.set_column(at, cards.schema.field(at), text)
    at, evidence = cards.schema.get_field_index("evidence"), cards["evidence"]
    items, parents = pc.list_flatten(evidence), pc.list_parent_indices(evidence)
    stands_in = pc.struct_field(items, "field")
    moves = [
        pc.and_(pc.equal(stands_in, name), is_moved.take(parents))
        for name, is_moved in moved.items()
    ]
    by = reduce(pc.or_, moves).cast(pa.int64())
    bounds = {name: pc.add(pc.struct_field(items, name), by) for name in ("start", "end")}
    return cards.set_column(at, cards.schema.field(at), _with_fields(evidence, bounds))

"""Looking for records inside an answer of which nobody knows how it is built.

Here: walking its nodes in document order, and whether an answer says that there is nothing. Not
here: which node is what (`mapping`).
"""

from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from sxe_pipeline.ingest.batch import Batch
from sxe_pipeline.ingest.paths import FIND_LIMIT

TIMES = ("commit_date", "fetched_at", "timestamp")
"""A wrapper's own time of observation, in this order."""
HOLDERS = frozenset(
    (
        *("data", "user", "users", "userInfo", "user_list", "userList", "profile", "profiles"),
        *("followers", "followings", "following", "members", "accounts", "people", "authors"),
        *("payload", "response", "body", "raw", "account", "content"),
        *("result", "results", "items", "item_list", "itemList", "list", "edges", "nodes"),
        *("tweets", "videos", "posts", "threads"),
    )
)
"""Where answers keep what was asked for."""
_BESIDES = frozenset(("page_info", "pageInfo", "pagination", "paging", "cursor", "extensions"))
_CONTAINERS = frozenset((dict, list))
_OBJECTS = {dict}

Form = Any


def time_of(record: dict[str, Any], outer: Any) -> Any:
    """The time of observation that holds inside a record."""
    if outer is not None:
        return outer
    for key in TIMES:
        if found := record.get(key):
            return found
    return None


def times(batch: Batch, outer: Sequence[Any]) -> list[Any]:
    """`time_of` each of some records with the same keys."""
    found = list(outer)
    for key in TIMES:
        if key in batch.records[0] and None in found:
            own = batch.one((key,))
            found = [b or None if a is None else a for a, b in zip(found, own, strict=True)]
    return found


def only_objects(batch: Batch) -> list[dict[str, Any] | None]:
    """The one object in each of some records that hold nothing else but plain values.

    Args:
        batch: Records with the same keys.

    Example:
        >>> only_objects(Batch([{"fetched_at": 1, "user": {"id": 2}}])), only_objects(Batch([{}]))
        ([{'id': 2}], [None])
    """
    if len(batch.records[0]) >= len(batch):
        return [_only_object(record) for record in batch.records]
    kinds = {key: batch.kinds((key,)) for key in batch.records[0]}
    holders = [key for key, found in kinds.items() if not found.isdisjoint(_CONTAINERS)]
    if len(holders) == 1 and kinds[holders[0]] == _OBJECTS:
        return batch.one((holders[0],)) if holders[0] not in _BESIDES else [None] * len(batch)
    return [_only_object(record) for record in batch.records] if holders else [None] * len(batch)


def _only_object(record: dict[str, Any]) -> dict[str, Any] | None:
    holders = [key for key, value in record.items() if type(value) in _CONTAINERS]
    if len(holders) != 1 or holders[0] in _BESIDES:
        return None
    found = record[holders[0]]
    return found if type(found) is dict else None


def nodes(
    record: Any,
    known: Callable[[dict[str, Any]], Form | None],
    nested: Callable[[dict[str, Any]], dict[str, Any]],
    time: Any,
    told: AbstractSet[int] = frozenset(),
) -> Iterator[tuple[Any, Form | None, Any]]:
    """Every nested object that is known, never one inside another, and what stands among such.

    Args:
        record: The answer; it is not looked at itself.
        known: What an object is; None to look inside it.
        nested: An object with its joined keys taken apart.
        time: The time of observation that holds for all of it.
        told: Nodes that are passed by, with all in them, by identity.

    Yields:
        The object, what it is (None: its neighbours in a list are known, it is not), and the time
        that holds for it, in document order.
    """
    stack = _inside(record, time, known, nested, told)
    for _ in range(FIND_LIMIT):
        if not stack:
            return
        node, form, outer, is_record = stack.pop()
        if form is not None:
            yield node, form, time_of(node, outer)
        elif is_record:
            yield node, None, outer
        else:
            stack += _inside(node, outer, known, nested, told)


def _inside(
    node: Any,
    outer: Any,
    known: Callable[[dict[str, Any]], Form | None],
    nested: Callable[[dict[str, Any]], dict[str, Any]],
    told: AbstractSet[int],
) -> list[tuple[Any, Form | None, Any, bool]]:
    """What stands directly in a node, last first: it, what it is, its time, whether it is a record.

    Where one element of a list is known, all are records: nothing among them gets lost. So are the
    objects under the keys of a map, where several are known.
    """
    if type(node) is dict:
        outer = time_of(node, outer)
        children = [value for key, value in node.items() if key not in _BESIDES]
    else:
        children = node
    are_told = [id(child) in told for child in children] if told else ()
    is_told = any(are_told)
    if is_told:
        children = [c for c, is_past in zip(children, are_told, strict=True) if not is_past]
    children = [nested(child) if type(child) is dict else child for child in children]
    forms = [known(child) if type(child) is dict else None for child in children]
    count = len(forms) - forms.count(None)
    is_map = type(node) is list or (count > 1 and all(type(child) is dict for child in children))
    are_records = is_map and bool(count) and not is_told
    return [
        (child, form, outer, are_records)
        for child, form in zip(reversed(children), reversed(forms), strict=True)
        if _may_hold(child, are_records)
    ]


def _may_hold(child: Any, are_records: bool) -> bool:
    if are_records:
        return child is not None and child != {}
    return type(child) in (dict, list)


def is_empty(node: Any) -> bool:
    """Whether an answer has keys for what was asked for, and nothing under any of them.

    Example:
        >>> is_empty({"data": {"users": []}, "status": "ok"}), is_empty({"data": {"shop": 1}})
        (True, False)
    """
    for _ in range(32):
        if not node:
            return True
        if type(node) is not dict:
            return False
        holders = [value for key, value in node.items() if key in HOLDERS]
        if len(holders) != 1:
            return bool(holders) and not any(holders)
        [node] = holders
    return False

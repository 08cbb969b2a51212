"""Looking for records inside an answer of which nobody knows how it is built.

Here: walking its nodes in document order, and whether an answer says that there is nothing. Not
here: which node is what (`mapping`).
"""

from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from typing import Any

from sxe_pipeline.ingest.paths import FIND_LIMIT

TIMES = ("commit_date", "fetched_at", "timestamp")
"""A wrapper's own time of observation, in this order."""
PLACES = frozenset(
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

Form = Any


def time_of(record: dict[str, Any], outer: Any) -> Any:
    """The time of observation that holds inside a record."""
    if outer is not None:
        return outer
    return next((record[key] for key in TIMES if record.get(key)), None)


def nodes(
    record: dict[str, Any],
    known: Callable[[dict[str, Any]], Form | None],
    time: Any,
    told: AbstractSet[int] = frozenset(),
) -> Iterator[tuple[dict[str, Any], Form, Any]]:
    """Every nested object that is known, never one inside another.

    Args:
        record: The answer; it is not looked at itself.
        known: What an object is; None to look inside it.
        time: The time of observation that holds for all of it.
        told: Nodes that are passed by, with all in them, by identity.

    Yields:
        The object, what it is, and the time that holds for it, in document order.
    """
    stack: list[tuple[Any, Any]] = [(record, time)]
    is_root = True
    for _ in range(FIND_LIMIT):
        if not stack:
            return
        node, outer = stack.pop()
        if type(node) is dict:
            form = None if is_root else known(node)
            is_root = False
            if form is not None:
                yield node, form, time_of(node, outer)
                continue
            outer = time_of(node, outer)
            children = [value for key, value in node.items() if key not in _BESIDES]
        else:
            children = node
        stack.extend(
            (child, outer)
            for child in reversed(children)
            if type(child) in (dict, list) and id(child) not in told
        )


def is_empty(node: Any) -> bool:
    """Whether an answer has places for what was asked for, and nothing in any of them.

    Example:
        >>> is_empty({"data": {"users": []}, "status": "ok"}), is_empty({"data": {"shop": 1}})
        (True, False)
    """
    for _ in range(32):
        if not node:
            return True
        if type(node) is not dict:
            return False
        places = [value for key, value in node.items() if key in PLACES]
        if len(places) != 1:
            return bool(places) and not any(places)
        [node] = places
    return False

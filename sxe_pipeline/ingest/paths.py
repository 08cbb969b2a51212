"""Paths into a payload, compiled once to functions.

`a.b` is a key in a key, `a[*].b` every element, `a[0]` one element, `a."b.c"` a key with a dot.
Here: reading by path and finding nested objects. Not here: what a value means.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

Getter = Callable[[Any], Any]

_STEP = re.compile(r'(?:^|\.)(?:"([^"]+)"|([^."\[\]]+))|\[(\*|[0-9]+)\]')
_MISSING = object()
_NONE: Iterator[Any] = iter(())
UNREAD: Any = object()
"""Stands in a record for a cell that is there and cannot be read, and for everything below it."""
FIND_LIMIT = 200_000
"""Nested containers that one search looks into at most: a bound on nested bombs."""


def parse(path: str) -> tuple[str | int, ...]:
    """The steps of a path: a key, an index, or '*' for every element.

    Raises:
        ValueError: The path is not written as this module describes.
    """
    steps: list[str | int] = []
    at = 0
    while at < len(path):
        found = _STEP.match(path, at)
        if not found:
            raise ValueError(f"its path cannot be read at position {at}")
        quoted, plain, index = found.groups()
        if index is not None:
            steps.append("*" if index == "*" else int(index))
        else:
            steps.append(quoted or plain)
        at = found.end()
    if not steps or isinstance(steps[0], int) or steps[0] == "*":
        raise ValueError("its path has to begin with a key")
    return tuple(steps)


def one(path: str) -> Getter:
    """A function that gives the value at `path`, None where there is none."""
    steps = parse(path)
    if "*" in steps:
        every = many(path)
        return lambda record: next(every(record), None)
    if all(isinstance(step, str) for step in steps):
        return _keys([str(step) for step in steps])
    return lambda record: next(walk(record, steps), None)


def _keys(keys: list[str]) -> Getter:
    first = keys[0]
    if len(keys) == 1:
        return lambda record: record.get(first)
    if len(keys) == 2:
        second = keys[1]

        def inner(record: Any) -> Any:
            found = record.get(first)
            if type(found) is dict:
                return found.get(second)
            return found if found is UNREAD else None

        return inner

    def deep(record: Any) -> Any:
        for key in keys:
            if type(record) is not dict:
                return record if record is UNREAD else None
            record = record.get(key)
        return record

    return deep


def many(path: str) -> Callable[[Any], Iterator[Any]]:
    """A function that gives every value at `path`, in document order."""
    steps = parse(path)
    if steps.count("*") == 1 and all(isinstance(step, str) for step in steps):
        return _each([str(step) for step in steps])
    return lambda record: walk(record, steps)


def first(choices: list[str]) -> Getter:
    """A function that gives the value at the first of some paths that leads to one."""
    gets = [one(path) for path in choices]
    return lambda record: next((v for get in gets if (v := get(record)) is not None), None)


def _each(steps: list[str]) -> Callable[[Any], Iterator[Any]]:
    """`many` for the common case: keys, every element, keys."""
    at = steps.index("*")
    above, below = _keys(steps[:at]), tuple(steps[at + 1 :])

    def every(record: Any) -> Iterator[Any]:
        found = above(record)
        if type(found) is not list:
            return iter((found,)) if found is UNREAD else _NONE
        return _walked(found, below) if below else iter(found)

    return every


def _walked(elements: list[Any], steps: tuple[str, ...]) -> Iterator[Any]:
    for element in elements:
        yield from walk(element, steps)


def has(path: str) -> Callable[[Any], bool]:
    """A function that says whether `path` leads anywhere (null is somewhere)."""
    steps = parse(path)
    if len(steps) == 1:
        return lambda record: steps[0] in record
    if len(steps) == 2 and "*" not in steps and isinstance(steps[1], str):
        first, second = steps

        def inner(record: Any) -> bool:
            found = record.get(first)
            return second in found if type(found) is dict else found is UNREAD

        return inner
    return lambda record: next(walk(record, steps), _MISSING) is not _MISSING


def walk(record: Any, steps: tuple[str | int, ...]) -> Iterator[Any]:
    """Every value at the end of some steps into a value, in document order.

    Example:
        >>> list(walk([{"a": 1}, {"b": 2}, {"a": None}], ("*", "a")))
        [1, None]
    """
    for at, step in enumerate(steps):
        if record is UNREAD:
            break
        if step == "*":
            if type(record) is list:
                for element in record:
                    yield from walk(element, steps[at + 1 :])
            return
        if type(step) is int:
            if type(record) is not list or step >= len(record):
                return
            record = record[step]
        else:
            if type(record) is not dict or step not in record:
                return
            record = record[step]
    yield record


def find(record: Any, wanted: Callable[[dict[str, Any]], bool]) -> Iterator[dict[str, Any]]:
    """Every nested object that `wanted` accepts, in document order, never one inside another.

    Args:
        record: Any decoded payload.
        wanted: Says whether an object is one.

    Yields:
        The objects found.
    """
    stack = [record]
    for _ in range(FIND_LIMIT):
        if not stack:
            return
        node = stack.pop()
        if type(node) is dict:
            if wanted(node):
                yield node
                continue
            children = list(node.values())
        else:
            children = node
        stack.extend(child for child in reversed(children) if type(child) in (dict, list))

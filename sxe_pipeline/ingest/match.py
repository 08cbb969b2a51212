"""How a payload is recognised: the `match:` of a shape file becomes one yes-or-no function.

Here: the conditions has, any, not, is, like, empty, column_wise. Not here: what happens to a
payload once it is recognised.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sxe_pipeline.ingest import paths

Condition = Callable[[Any], bool]


def compiled(match: Mapping[str, Any]) -> tuple[Condition, frozenset[str]]:
    """Turn a `match:` into a function.

    Args:
        match: `has`: all these paths exist; `any`: one of them; `not`: none of them; `is`: path to
            one value or a list of allowed values; `like`: path to a regular expression that a text
            contains; `empty`: these paths exist and hold nothing; `column_wise`: true.

    Returns:
        The function, and the top-level keys without which it is always false.

    Raises:
        ValueError: A condition is unknown or a path cannot be read.
    """
    conditions: list[Condition] = []
    keys: set[str] = set()
    for name, wanted in match.items():
        if name not in _BUILDERS:
            raise ValueError(f"match: {name!r} is none of {', '.join(_BUILDERS)}")
        try:
            conditions.append(_BUILDERS[name](wanted))
        except (ValueError, re.error) as why:
            said = why if isinstance(why, ValueError) else "it is no regular expression"
            raise ValueError(f"match: {name}: {said}") from None
        if name in ("has", "is", "like", "empty"):
            keys.update(str(paths.parse(path)[0]) for path in wanted)
    if not conditions:
        raise ValueError("match: at least one condition is needed")
    if len(conditions) == 1:
        return conditions[0], frozenset(keys)
    return lambda record: all(condition(record) for condition in conditions), frozenset(keys)


def _has(wanted: Sequence[str]) -> Condition:
    tests = [paths.has(path) for path in _strings(wanted)]
    return lambda record: all(test(record) for test in tests)


def _any(wanted: Sequence[str]) -> Condition:
    tests = [paths.has(path) for path in _strings(wanted)]
    return lambda record: any(test(record) for test in tests)


def _not(wanted: Sequence[str]) -> Condition:
    some = _any(wanted)
    return lambda record: not some(record)


def _is(wanted: Mapping[str, Any]) -> Condition:
    allowed = [
        (paths.one(path), value if isinstance(value, list) else [value])
        for path, value in wanted.items()
    ]
    return lambda record: all(get(record) in values for get, values in allowed)


def _like(wanted: Mapping[str, str]) -> Condition:
    patterns = [(paths.one(path), re.compile(text, re.IGNORECASE)) for path, text in wanted.items()]

    def test(record: Any) -> bool:
        for get, pattern in patterns:
            value = get(record)
            if type(value) is not str or not pattern.search(value[:2_000]):
                return False
        return True

    return test


def _empty(wanted: Sequence[str]) -> Condition:
    gets = [(paths.has(path), paths.one(path)) for path in _strings(wanted)]
    return lambda record: all(has(record) and not get(record) for has, get in gets)


def _column_wise(_: Any) -> Condition:
    return lambda record: transposed(record) is not None


def _strings(wanted: Any) -> list[str]:
    if not isinstance(wanted, list) or not all(isinstance(path, str) for path in wanted):
        raise ValueError("it takes a list of paths")
    return wanted


def transposed(record: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """The rows of a table that was written column by column, None when it is no such thing.

    Both forms that data frames are dumped in are known: `{column: {index: value}}` and
    `{column: [value, ...]}`.
    """
    first = next(iter(record.values()), None)
    if type(first) not in (dict, list) or len(record) < 2:
        return None
    columns = list(record.values())
    if type(first) is dict and first and all(key.isdigit() for key in first):
        if any(type(column) is not dict or column.keys() != first.keys() for column in columns):
            return None
        return [{name: column[key] for name, column in record.items()} for key in first]
    if type(first) is list and first and type(first[0]) not in (dict, list):
        if any(type(column) is not list or len(column) != len(first) for column in columns):
            return None
        return [{name: column[at] for name, column in record.items()} for at in range(len(first))]
    return None


_BUILDERS: dict[str, Callable[[Any], Condition]] = {
    "has": _has,
    "any": _any,
    "not": _not,
    "is": _is,
    "like": _like,
    "empty": _empty,
    "column_wise": _column_wise,
}

"""How a payload is recognised: the `match:` of a shape file becomes conditions on a record.

Here: the conditions has, any, not, is, like, empty, column_wise. What the keys of a record decide
alone is decided once for all records with these keys (`settled`). Not here: what happens to a
payload once it is recognised.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from sxe_pipeline.ingest import paths

_COLUMN_TYPES = frozenset((dict, list))

Condition = Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class _Exist:
    """Whether all, any or none (`mode`) of some paths lead anywhere."""

    mode: str
    tests: tuple[tuple[str, bool, Condition], ...]
    """Per path: its first key, whether that is all of it, and the test."""

    @classmethod
    def of(cls, mode: str, wanted: Any) -> "_Exist":
        steps = [(path, paths.parse(path)) for path in _strings(wanted)]
        return cls(mode, tuple((str(s[0]), len(s) == 1, paths.has(path)) for path, s in steps))

    def __call__(self, record: Any) -> bool:
        found = (test(record) for _, _, test in self.tests)
        return all(found) if self.mode == "has" else any(found) == (self.mode == "any")

    def settled(self, keys: AbstractSet[str]) -> "Condition | bool":
        """What is left to ask of a record with these keys; a bool where nothing is."""
        known = [is_whole for head, is_whole, _ in self.tests if head in keys]
        open_tests = tuple(test for test in self.tests if test[0] in keys and not test[1])
        if self.mode == "has":
            return False if len(known) < len(self.tests) else _all(open_tests)
        is_wanted = self.mode == "any"
        if any(known):
            return is_wanted
        return _any(open_tests, is_wanted) if open_tests else not is_wanted


def _all(tests: Sequence[tuple[str, bool, Condition]]) -> Condition | bool:
    if len(tests) < 2:
        return tests[0][2] if tests else True
    found = tuple(test for _, _, test in tests)
    return lambda record: all(test(record) for test in found)


def _any(tests: Sequence[tuple[str, bool, Condition]], is_wanted: bool) -> Condition:
    found = tuple(test for _, _, test in tests)

    def ask(record: Any) -> bool:
        for test in found:
            if test(record):
                return is_wanted
        return not is_wanted

    return ask


@dataclass(frozen=True, slots=True)
class Match:
    """The conditions of one shape; `keys` are the top-level keys without which none holds."""

    conditions: tuple[Condition, ...]
    keys: frozenset[str]

    def __call__(self, record: Any) -> bool:
        """Whether a record meets all of them."""
        return all(condition(record) for condition in self.conditions)

    def settled(self, keys: AbstractSet[str]) -> tuple[Condition, ...] | None:
        """What is left to ask of a record with these keys; None where it can never match."""
        if not self.keys <= keys:
            return None
        left: list[Condition] = []
        for condition in self.conditions:
            answer = condition.settled(keys) if isinstance(condition, _Exist) else condition
            if answer is False:
                return None
            if answer is not True:
                left.append(answer)
        return tuple(left)


def compiled(match: Mapping[str, Any]) -> Match:
    """Turn a `match:` into conditions.

    Args:
        match: `has`: all these paths exist; `any`: one of them; `not`: none of them; `is`: path to
            one value or a list of allowed values; `like`: path to a regular expression that a text
            contains; `empty`: these paths exist and hold nothing; `column_wise`: true.

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
    return Match(tuple(conditions), frozenset(keys))


def _is(wanted: Mapping[str, Any]) -> Condition:
    allowed = [
        (paths.one(path), value if isinstance(value, list) else [value])
        for path, value in wanted.items()
    ]
    if len(allowed) == 1:
        [(only, values)] = allowed
        return lambda record: only(record) in values

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
    def test(record: Any) -> bool:
        for first in record.values():
            return type(first) in _COLUMN_TYPES and transposed(record) is not None
        return False

    return test


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
    if type(first) not in (dict, list) or not first or len(record) < 2:
        return None
    if type(first) is dict and not next(iter(first)).isdigit():
        return None
    columns = list(record.values())
    if type(first) is dict and all(key.isdigit() for key in first):
        if any(type(column) is not dict or column.keys() != first.keys() for column in columns):
            return None
        return [{name: column[key] for name, column in record.items()} for key in first]
    if type(first) is list and type(first[0]) not in (dict, list):
        if any(type(column) is not list or len(column) != len(first) for column in columns):
            return None
        return [{name: column[at] for name, column in record.items()} for at in range(len(first))]
    return None


_BUILDERS: dict[str, Callable[[Any], Condition]] = {
    "has": lambda wanted: _Exist.of("has", wanted),
    "any": lambda wanted: _Exist.of("any", wanted),
    "not": lambda wanted: _Exist.of("not", wanted),
    "is": _is,
    "like": _like,
    "empty": _empty,
    "column_wise": _column_wise,
}

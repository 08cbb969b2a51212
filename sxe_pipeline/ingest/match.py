"""How a payload is recognised: the `match:` of a shape file becomes conditions on a record.

Here: the conditions has, any, not, is, like, empty, column_wise, each asked of one record or of
many. What the keys of a record decide alone is decided once for all records with these keys
(`settled`). Not here: what happens to a payload once it is recognised.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, NamedTuple

from sxe_pipeline.ingest import paths
from sxe_pipeline.ingest.batch import Batch

_COLUMN_TYPES = frozenset((dict, list))


class Condition(NamedTuple):
    """A question about a record: asked of one, or of many with the same answers."""

    of_one: Callable[[Any], bool]
    over: Callable[[Batch], list[bool]]


@dataclass(frozen=True, slots=True)
class _Exist:
    """Whether all, any or none (`mode`) of some paths lead anywhere."""

    mode: str
    tests: tuple[tuple[str, bool, Condition], ...]
    """Per path: its first key, whether that is all of it, and the test."""

    @classmethod
    def of(cls, mode: str, wanted: Any) -> "_Exist":
        steps = [(path, paths.parse(path)) for path in _strings(wanted)]
        return cls(mode, tuple((str(s[0]), len(s) == 1, _leads(path)) for path, s in steps))

    def of_one(self, record: Any) -> bool:
        found = (test.of_one(record) for _, _, test in self.tests)
        return all(found) if self.mode == "has" else any(found) == (self.mode == "any")

    def settled(self, keys: AbstractSet[str]) -> tuple[Condition, ...] | None:
        """What is left to ask of a record with these keys; None where the answer is no."""
        left = tuple(test for head, is_whole, test in self.tests if head in keys and not is_whole)
        if self.mode == "has":
            return left  # `Match.keys` are there
        is_wanted = self.mode == "any"
        is_known = any(head in keys and is_whole for head, is_whole, _ in self.tests)
        if is_known or not left:
            return () if is_known == is_wanted else None
        return (_any(left, is_wanted),)


def _leads(path: str) -> Condition:
    steps = paths.parse(path)
    return Condition(paths.has(path), lambda batch: batch.has(steps))


def _any(tests: Sequence[Condition], is_wanted: bool) -> Condition:
    def ask(record: Any) -> bool:
        for test in tests:
            if test.of_one(record):
                return is_wanted
        return not is_wanted

    def over(batch: Batch) -> list[bool]:
        answers = [test.over(batch) for test in tests]
        if len(answers) == 1:
            return answers[0] if is_wanted else [not answer for answer in answers[0]]
        return [(True in each) is is_wanted for each in zip(*answers, strict=True)]

    return Condition(ask, over)


@dataclass(frozen=True, slots=True)
class Match:
    """The conditions of one shape; `keys` are the top-level keys without which none holds."""

    conditions: tuple[Condition | _Exist, ...]
    keys: frozenset[str]

    def __call__(self, record: Any) -> bool:
        """Whether a record has the keys and meets all of them."""
        has_keys = self.keys <= record.keys()
        return has_keys and all(condition.of_one(record) for condition in self.conditions)

    def settled(self, keys: AbstractSet[str]) -> tuple[Condition, ...] | None:
        """What is left to ask of a record with these keys; None where it can never match."""
        if not self.keys <= keys:
            return None
        left: list[Condition] = []
        for condition in self.conditions:
            rest = condition.settled(keys) if isinstance(condition, _Exist) else (condition,)
            if rest is None:
                return None
            left += rest
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
    conditions: list[Condition | _Exist] = []
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
        (paths.parse(path), paths.one(path), value if isinstance(value, list) else [value])
        for path, value in wanted.items()
    ]

    def over(batch: Batch) -> list[bool]:
        return _all([[v in values for v in batch.one(steps)] for steps, _, values in allowed])

    if len(allowed) == 1:
        [(_, only, values)] = allowed
        return Condition(lambda record: only(record) in values, over)
    return Condition(lambda record: all(get(record) in values for _, get, values in allowed), over)


def _all(answers: list[list[bool]]) -> list[bool]:
    return (
        answers[0]
        if len(answers) == 1
        else [False not in each for each in zip(*answers, strict=True)]
    )


def _like(wanted: Mapping[str, str]) -> Condition:
    patterns = [
        (paths.parse(path), paths.one(path), re.compile(text, re.IGNORECASE))
        for path, text in wanted.items()
    ]

    def is_like(value: Any, pattern: re.Pattern[str]) -> bool:
        return type(value) is str and pattern.search(value[:2_000]) is not None

    return Condition(
        lambda record: all(is_like(get(record), pattern) for _, get, pattern in patterns),
        lambda batch: _all(
            [[is_like(v, pattern) for v in batch.one(steps)] for steps, _, pattern in patterns]
        ),
    )


def _empty(wanted: Sequence[str]) -> Condition:
    gets = [(paths.parse(path), paths.has(path), paths.one(path)) for path in _strings(wanted)]

    def over(batch: Batch) -> list[bool]:
        return _all(
            [
                [
                    there and not value
                    for there, value in zip(batch.has(steps), batch.one(steps), strict=True)
                ]
                for steps, _, _ in gets
            ]
        )

    return Condition(
        lambda record: all(has(record) and not get(record) for _, has, get in gets), over
    )


def _column_wise(_: Any) -> Condition:
    def ask(record: Any) -> bool:
        for first in record.values():
            return type(first) in _COLUMN_TYPES and transposed(record) is not None
        return False

    return Condition(ask, lambda batch: [ask(record) for record in batch.records])


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


_BUILDERS: dict[str, Callable[[Any], Condition | _Exist]] = {
    "has": lambda wanted: _Exist.of("has", wanted),
    "any": lambda wanted: _Exist.of("any", wanted),
    "not": lambda wanted: _Exist.of("not", wanted),
    "is": _is,
    "like": _like,
    "empty": _empty,
    "column_wise": _column_wise,
}

"""Some records of one shape, read column by column.

Each nested object that several columns read is looked up once for all records. What is read is what
`paths.one` and `paths.many` read of one record. Here: `Batch`. Not here: what the values mean
(`columns`, `whole`).
"""

from collections.abc import Iterable, Sequence
from typing import Any

from sxe_pipeline.ingest import paths

Steps = tuple[str | int, ...]


class Batch:
    """Records that are all objects."""

    def __init__(self, records: Sequence[dict[str, Any]]) -> None:
        self.records = records
        self._known: dict[Steps, list[Any]] = {}
        self._kinds: dict[Steps, set[type]] = {}

    def __len__(self) -> int:
        return len(self.records)

    def one(self, steps: Steps) -> list[Any]:
        """The first value at a path in each record, None where there is none.

        Example:
            >>> Batch([{"a": {"b": 1}}, {"a": [2]}, {}]).one(("a", "b"))
            [1, None, None]
        """
        head, rest = split(steps)
        values = self._at(head)
        if not rest:
            return values
        if not any(values):
            return [None] * len(values)
        return [next(paths.walk(value, rest), None) if value else None for value in values]

    def has(self, steps: Steps) -> list[bool]:
        """Whether a path leads anywhere in each record (null is somewhere).

        Example:
            >>> Batch([{"a": {"b": None}}, {"a": [2]}, {}]).has(("a", "b"))
            [True, False, False]
        """
        head, rest = split(steps)
        if rest:
            walk = paths.walk
            return [next(walk(record, steps), _MISSING) is not _MISSING for record in self.records]
        last = head[-1]
        if len(head) == 1:
            return [last in record for record in self.records]
        nodes = self._at(head[:-1])
        if self.kinds(head[:-1]) == _OBJECTS:
            return [last in node for node in nodes]
        unread = paths.UNREAD
        return [last in node if type(node) is dict else node is unread for node in nodes]

    def many(self, steps: Steps) -> list[Iterable[Any]] | None:
        """Every value at a path in each record; None where no record has any."""
        head, rest = split(steps)
        values = self._at(head)
        if not any(values):
            return None
        if rest == _EVERY:
            return [
                value if type(value) is list else (value,) if value is paths.UNREAD else ()
                for value in values
            ]
        return [paths.walk(value, rest) if value else () for value in values]

    def kinds(self, keys: Steps) -> set[type]:
        """The types of the values below some keys."""
        known = self._kinds.get(keys)
        if known is None:
            known = self._kinds[keys] = set(map(type, self._at(keys)))
        return known

    def _at(self, keys: Steps) -> list[Any]:
        """The values below some keys; a null and a key that is not there are one here."""
        known = self._known.get(keys)
        if known is None:
            known = self._known[keys] = self._below(keys)
        return known

    def _below(self, keys: Steps) -> list[Any]:
        last: Any = keys[-1]
        if len(keys) == 1:
            return [record.get(last) for record in self.records]
        above = self._at(keys[:-1])
        if self.kinds(keys[:-1]) == _OBJECTS:
            return [node.get(last) for node in above]
        if self.kinds(keys[:-1]) == _NOTHING:
            return above
        unread = paths.UNREAD
        return [
            node.get(last) if type(node) is dict else unread if node is unread else None
            for node in above
        ]


_OBJECTS = {dict}
_NOTHING = {type(None)}
_MISSING = object()
_EVERY: Steps = ("*",)


def split(steps: Steps) -> tuple[Steps, Steps]:
    """The keys that a path begins with, and what follows on the first index or `*`."""
    at = next((at for at, step in enumerate(steps) if step == "*" or type(step) is int), len(steps))
    return steps[:at], steps[at:]

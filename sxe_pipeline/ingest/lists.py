"""How a column of lists is filled: the texts at some paths, one part after the other.

Here: parts, and the first of several that is not empty. Not here: columns of one value (`columns`),
how their `columns:` entries are written.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any, Protocol

from sxe_pipeline.ingest import paths, whole
from sxe_pipeline.ingest.batch import Batch, split
from sxe_pipeline.ingest.plain import BadValue, plain
from sxe_pipeline.ingest.values import Transform

_NONE: list[str] = []
"""Shared by all records without a text; nobody adds to a list that was read."""
_TEXT = {str, type(None)}


class Part(Protocol):
    """Some texts of a record."""

    def __call__(self, record: dict[str, Any]) -> list[str]:
        """The texts; raises for a place that cannot be read."""

    def over(self, batch: Batch) -> whole.Read:
        """The texts of each record, none where they cannot be read, and why they cannot."""


class Texts:
    """The values at a path that are of the wanted type, each as text."""

    def __init__(self, path: str, wanted: type, transform: Transform) -> None:
        self._every = paths.many(path)
        self._steps = paths.parse(path)
        self._is_of_keys = wanted is str and not split(self._steps)[1]
        self._wanted = wanted
        self._transform = transform

    def __call__(self, record: dict[str, Any]) -> list[str]:
        """As `Part` says."""
        return list(self._texts(self._every(record)))

    def over(self, batch: Batch) -> whole.Read:
        """As `Part` says."""
        if self._is_of_keys:
            values = batch.one(self._steps)
            if set(map(type, values)) <= _TEXT:
                texts, bad = whole.over(values, self._transform)
                return [[text] if text else _NONE for text in texts], bad
        found = batch.many(self._steps)
        if found is None:
            return [_NONE] * len(batch), {}
        listed = [some if type(some) is list else list(some) for some in found]
        if (done := self._at_once(listed)) is not None:
            return done, {}
        unread: dict[int, Exception] = {}
        return [
            self._tried(some, at, unread) if some else _NONE for at, some in enumerate(listed)
        ], unread

    def _at_once(self, listed: list[list[Any]]) -> list[list[str]] | None:
        """The texts of each record, where all that stands there is as it should be."""
        every = list(chain.from_iterable(listed))
        if not every:
            return [_NONE] * len(listed)
        if set(map(type, every)) != {self._wanted}:
            return None
        texts = whole.of_kind(every, self._wanted, self._transform)
        if texts is None:
            return None
        left = iter(texts)
        return [list(filter(None, islice(left, len(some)))) if some else _NONE for some in listed]

    def _tried(self, found: Iterable[Any], at: int, bad: dict[int, Exception]) -> list[str]:
        try:
            return list(self._texts(found))
        except Exception as why:  # noqa: BLE001 - BadValue, or whatever a value does to its transform
            bad[at] = why
            return _NONE

    def _texts(self, found: Iterable[Any]) -> Iterator[str]:
        for value in found:
            if value is paths.UNREAD:
                raise BadValue
            if type(value) is bytes:
                value = plain(value)
            if type(value) is self._wanted and (text := self._transform(value)):
                yield text


class FirstFilled:
    """The first of some parts that is not empty."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = tuple(parts)

    def __call__(self, record: dict[str, Any]) -> list[str]:
        """As `Part` says."""
        return next(filter(None, (part(record) for part in self._parts)), [])

    def over(self, batch: Batch) -> whole.Read:
        """As `Part` says."""
        found, unread = self._parts[0].over(batch)
        for part in self._parts[1:]:
            more, bad = part.over(batch)
            unread |= {at: why for at, why in bad.items() if not found[at] and at not in unread}
            if any(more):
                found = [a or b for a, b in zip(found, more, strict=True)]
            for at in unread:
                found[at] = _NONE
        return found, unread


class Listing:
    """The column: all parts in order, no text twice."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = tuple(parts)

    def __call__(self, record: dict[str, Any]) -> list[str]:
        """As `Part` says."""
        return _distinct([value for part in self._parts for value in part(record)])

    def over(self, batch: Batch) -> whole.Read:
        """As `Part` says."""
        found: list[list[str]] = [_NONE] * len(batch)
        unread: dict[int, Exception] = {}
        for part in self._parts:
            more, bad = part.over(batch)
            unread |= {at: why for at, why in bad.items() if at not in unread}
            if any(more):
                found = [
                    ([*a, *b] if a else b) if b else a for a, b in zip(found, more, strict=True)
                ]
        for at in unread:
            found[at] = _NONE
        return [texts if len(texts) < 2 else _distinct(texts) for texts in found], unread


def _distinct(found: list[str]) -> list[str]:
    return found if len(found) < 2 else list(dict.fromkeys(found))

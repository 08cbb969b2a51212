"""Flat keys taken back to the nesting they were made from: `a.b`, `a/b`, `a/0/b`, `a[0].b`.

Data frames, data-set services and CSV exports write nested answers as one level of joined keys, and
lists as JSON in a cell. Here: undoing both, planned once for each set of keys. Not here: paths into
the result (`paths`), which heads anybody reads (`mapping`).
"""

import ast
import re
from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

import msgspec

from sxe_pipeline.ingest.batch import Batch

_STEP = re.compile(r"[./]|\[(?=\d+\])|\](?=$|[./\[])")
_JOINED = re.compile(r"[./\[]")
_DEEPEST = 16
_LONGEST_NAME = 1_000
_LONGEST_CELL = 1 << 20
_LONGEST_REPR = 1 << 16
_CELL_STARTS = ("{", "[")

Tree = dict[str, "Tree | str"]
"""Step -> what lies below it, or the flat key that holds the value."""


class Folded(ValueError):
    """Two keys of one record mean the same place."""


def steps_of(name: str) -> list[str]:
    """The steps that a key was joined from; one where it was not.

    Example:
        >>> steps_of("author/stats/0"), steps_of("name"), steps_of("urls[0].url")
        (['author', 'stats', '0'], ['name'], ['urls', '0', 'url'])
    """
    if len(name) > _LONGEST_NAME or not _JOINED.search(name):
        return [name]
    steps = [step for step in _STEP.split(name) if step is not None]
    steps = [step for step in steps if step] if "[" in name else steps
    return steps if len(steps) <= _DEEPEST and all(steps) else [name]


class Nest:
    """How records with one set of keys are taken apart."""

    def __init__(self, tree: Tree, cells: tuple[str, ...]) -> None:
        self._tree = tree
        self._cells = cells

    def over(self, batch: Batch) -> list[dict[str, Any]] | None:
        """All of some records with their nesting; None where nothing changes in any."""
        if not self._tree and not any(self._is_nested(batch, (name,)) for name in self._cells):
            return None
        return [self.apply(record) or record for record in batch.records]

    def _is_nested(self, batch: Batch, name: tuple[str]) -> bool:
        return str in batch.kinds(name) and any(
            value[:1] in _CELL_STARTS for value in batch.one(name) if type(value) is str
        )

    def apply(self, record: Mapping[str, Any]) -> dict[str, Any] | None:
        """The record with its nesting beside the flat keys; None where nothing changes."""
        found: dict[str, Any] | None = None
        for name in self._cells:
            value = record[name]
            if type(value) is str and value[:1] in _CELL_STARTS:
                inner = _decoded(value)
                if inner is not value:
                    found = dict(record) if found is None else found
                    found[name] = inner
        if not self._tree:
            return found
        found = dict(record) if found is None else found
        for name, below in self._tree.items():
            inner = _grown(below, record)
            if inner is not None and _is_free(found.get(name)):
                found[name] = inner
        return found


def planned(
    names: Collection[str], keys: AbstractSet[str], entered: AbstractSet[str]
) -> Nest | None:
    """How records with these keys are taken apart; None where there is nothing to do.

    Args:
        names: The keys of a record.
        keys: Those that anybody reads; a joined key without any of them stays as it is.
        entered: Those below which somebody looks: their texts may be JSON.

    Raises:
        Folded: Two of the keys mean the same place.
    """
    tree: Tree = {}
    for name in names:
        steps = steps_of(name)
        if len(steps) > 1 and not keys.isdisjoint(steps):
            _plant(tree, steps, name)
    cells = tuple(name for name in names if name in entered)
    return Nest(tree, cells) if tree or cells else None


def _plant(tree: Tree, steps: list[str], name: str) -> None:
    for step in steps[:-1]:
        below = tree.get(step)
        if not isinstance(below, dict):
            # `place` beside `place.full_name`: the deeper key says more.
            below = tree[step] = {}
        tree = below
    if isinstance(tree.get(steps[-1]), str):
        raise Folded
    tree.setdefault(steps[-1], name)


def _grown(below: Tree | str, record: Mapping[str, Any]) -> Any:
    """What stands below a step; null where all of it is empty."""
    if isinstance(below, str):
        value = record[below]
        return _decoded(value) if type(value) is str and value[:1] in _CELL_STARTS else value
    if all(step.isdigit() for step in below):
        order = sorted(below, key=int)
        found = [_grown(below[step], record) for step in order]
        return [value for value in found if not _is_nothing(value)] or None
    grown = {step: _grown(inner, record) for step, inner in below.items()}
    return None if all(map(_is_nothing, grown.values())) else grown


def _is_nothing(value: Any) -> bool:
    return value is None or value == "" or value != value


def _is_free(value: Any) -> bool:
    return _is_nothing(value) or value == {} or value == []


def _decoded(cell: str) -> Any:
    """A cell that holds a list or an object, as JSON or as Python prints it; else the cell."""
    if len(cell) > _LONGEST_CELL:
        return cell
    try:
        value = msgspec.json.decode(cell)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        value = _printed(cell)
    return value if type(value) in (dict, list) else cell


def _printed(cell: str) -> Any:
    if len(cell) > _LONGEST_REPR:
        return cell
    try:
        return ast.literal_eval(cell)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return cell

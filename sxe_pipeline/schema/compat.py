"""What a change of a contract breaks, and for whom.

Here: two versions of one contract, compared column by column, rule by rule. Pure. A change is
allowed within a major version only if consumers who upgrade late read new batches and consumers
who upgraded read old ones: both ways, against every earlier version of the major. Not here: which
versions were released (`releases`).
"""

from collections.abc import Callable, Iterator, Sequence
from enum import IntEnum
from typing import NamedTuple

from sxe_pipeline.schema.columns import Column
from sxe_pipeline.schema.contract import Contract

_OLD_READERS = "who reads by the old version cannot read new batches"
_OLD_BATCHES = "who reads by the new version cannot read old batches"
_BOTH = "neither version reads the batches of the other"


class Level(IntEnum):
    """The smallest step of the version that a change takes; `NEVER` makes it another contract."""

    PATCH = 0
    MINOR = 1
    MAJOR = 2
    NEVER = 3


class Change(NamedTuple):
    """One difference: where, what, the step it takes, and what it would break."""

    path: str
    what: str
    level: Level
    breaks: str = ""


def compare(old: Contract, new: Contract) -> list[Change]:
    """Every difference between two versions of a contract, the gravest first.

    Args:
        old: The earlier version.
        new: The later one, or the edited text of the same.
    """
    found = [*_heads(old, new), *_columns(old.columns, new.columns, ""), *_rules(old, new)]
    found += _reused(old, new)
    return sorted(found, key=lambda change: -change.level)


def allowed(old: str, new: str) -> Level:
    """The gravest change that the step from one version number to a later one allows.

    Example:
        >>> allowed("1.2.0", "1.3.0"), allowed("1.2.0", "2.0.0")
        (<Level.MINOR: 1>, <Level.MAJOR: 2>)
    """
    before, after = (tuple(map(int, version.split("."))) for version in (old, new))
    if before[0] != after[0] or (before[0] == 0 and before[1] != after[1]):
        return Level.MAJOR  # 0.x promises nothing to the next 0.x
    return Level.MINOR if before[1] != after[1] else Level.PATCH


def _heads(old: Contract, new: Contract) -> Iterator[Change]:
    for name in ("id", "tier"):
        if (was := getattr(old, name)) != (now := getattr(new, name)):
            yield Change(name, f"{was} becomes {now}", Level.NEVER)
    if old.key != new.key:
        what = f"({', '.join(old.key)}) becomes ({', '.join(new.key)})"
        yield Change("key", what, Level.MAJOR, _BOTH)
    for name in ("title", "status", "purpose", "usage", "limitations"):
        if getattr(old, name) != getattr(new, name):
            yield Change(name, "says something else", Level.PATCH)


def _columns(old: Sequence[Column], new: Sequence[Column], above: str) -> Iterator[Change]:
    """Columns, fields or the item of a list, by their names."""
    before, after = ({column.name: column for column in columns} for columns in (old, new))
    kept = [name for name in after if name in before]
    if kept != [name for name in before if name in after]:
        yield Change(above or "columns", "stand in another order", Level.NEVER)
    elif any(name not in before for name in list(after)[: len(kept)]):
        what = "a new one stands before older ones"
        yield Change(above or "columns", what, Level.MAJOR, _BOTH)
    for name in before.keys() - after.keys():
        yield Change(_below(above, name), "is gone", Level.MAJOR, _OLD_READERS)
    for name, column in after.items():
        path = _below(above, name)
        if name in before:
            yield from _one(before[name], column, path)
        elif column.nullable:
            yield Change(path, "is new and may be null", Level.MINOR)
        else:
            yield Change(path, "is new and never null", Level.MAJOR, _OLD_BATCHES)


def _below(above: str, name: str) -> str:
    return f"{above}.{name}" if above else name


def _one(old: Column, new: Column, path: str) -> Iterator[Change]:
    if old.field_id != new.field_id:
        what = f"field id {old.field_id} becomes {new.field_id}"
        yield Change(path, what, Level.NEVER)
    for name in ("class_", "classification"):
        if (was := getattr(old, name)) != (now := getattr(new, name)):
            yield Change(path, f"{name.rstrip('_')} {was} becomes {now}", Level.NEVER)
    if old.nullable != new.nullable:
        what, breaks = (
            ("may be null", _OLD_READERS) if new.nullable else ("is never null", _OLD_BATCHES)
        )
        yield Change(path, what, Level.MAJOR, breaks)
    if old.description != new.description:
        yield Change(path, "is described otherwise", Level.PATCH)
    if old.kind != new.kind:
        breaks = _WIDER.get((old.kind, new.kind)) or _BOTH
        yield Change(path, f"{old.kind} becomes {new.kind}", Level.MAJOR, breaks)
        return
    yield from _bounds(old, new, path)
    yield from _values(old, new, path)
    if old.kind == "list":
        yield from _one(old.children[0], new.children[0], f"{path}[]")
    elif old.kind == "struct":
        yield from _columns(old.children, new.children, path)


_WIDER = {("int32", "int64"): _OLD_READERS, ("int64", "int32"): _OLD_BATCHES}


def _bounds(old: Column, new: Column, path: str) -> Iterator[Change]:
    bounds: tuple[tuple[str, Callable[[float, float], bool]], ...] = (
        ("minimum", lambda was, now: now > was),
        ("maximum", lambda was, now: now < was),
        ("max_length", lambda was, now: now < was),
    )
    for name, is_tighter in bounds:
        was, now = getattr(old, name), getattr(new, name)
        if was == now:
            continue
        tighter = was is None or (now is not None and is_tighter(was, now))
        breaks = _OLD_BATCHES if tighter else _OLD_READERS
        yield Change(path, f"{name} {_said(was)} becomes {_said(now)}", Level.MAJOR, breaks)
    if old.pattern != new.pattern:
        breaks = _OLD_BATCHES if old.pattern is None else _BOTH
        if new.pattern is None:
            breaks = _OLD_READERS
        yield Change(path, "has another pattern, or one is gone or new", Level.MAJOR, breaks)


def _said(bound: float | None) -> str:
    return "none" if bound is None else f"{bound:g}"


def _values(old: Column, new: Column, path: str) -> Iterator[Change]:
    if bool(old.values) != bool(new.values):
        what, breaks = (
            ("becomes a closed list", _OLD_BATCHES)
            if new.values
            else ("is no closed list any more", _OLD_READERS)
        )
        yield Change(path, what, Level.MAJOR, breaks)
    elif lost_and_won := set(old.values) ^ set(new.values):
        lost, won = lost_and_won & set(old.values), lost_and_won & set(new.values)
        breaks = _BOTH if lost and won else _OLD_BATCHES if lost else _OLD_READERS
        what = f"loses {len(lost)} values and wins {len(won)}"
        yield Change(path, what, Level.MAJOR, breaks)
    elif old.values != new.values or set(old.examples) - set(new.examples):
        yield Change(path, "lists values in another order, or fewer examples", Level.PATCH)
    if old.is_open != new.is_open:
        yield Change(path, "its examples may grow, or may not any more", Level.MINOR)
    if set(new.examples) - set(old.examples):
        level = Level.MINOR if new.is_open else Level.PATCH
        yield Change(path, "has new examples", level)


def _rules(old: Contract, new: Contract) -> Iterator[Change]:
    before, after = ({rule.name: rule for rule in each.rules} for each in (old, new))
    for name in before.keys() - after.keys():
        yield Change(f"rule {name}", "is gone", Level.MAJOR, _OLD_READERS)
    for name, rule in after.items():
        path = f"rule {name}"
        if name not in before:
            yield Change(path, "is new", Level.MAJOR, _OLD_BATCHES)
        elif rule.query != before[name].query:
            yield Change(path, "asks something else", Level.MAJOR, _BOTH)
        elif rule.description != before[name].description:
            yield Change(path, "is described otherwise", Level.PATCH)


def _reused(old: Contract, new: Contract) -> Iterator[Change]:
    """A field id names one path for ever: a renamed column takes a new one."""
    before = {column.field_id: path for path, column in old.walk()}
    for path, column in new.walk():
        was = before.get(column.field_id, path)
        if was != path and path not in before.values():
            yield Change(path, f"has the field id of {was}; give it a new one", Level.NEVER)

"""The shape files, compiled: which payload is which, and what becomes of it.

Here: the YAML form, `Form`, and `Mappings`, which recognises and maps. Not here: files and bytes
(`records`), batches (`read`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import chain
from typing import Any

import yaml

from sxe_pipeline.errors import BadInput
from sxe_pipeline.ingest import columns, match, paths, values
from sxe_pipeline.schema.tables import REASONS

PLATFORMS = ("x", "threads", "tiktok")
SHIPPED = ("table", "x", "threads", "tiktok", "other")
TIMES = ("commit_date", "fetched_at", "timestamp")
"""A wrapper's own time of observation, in this order."""

_MAX_NESTING = 6
_MAX_KNOWN_KEY_SETS = 4_096
_FORM_KEYS = frozenset(
    (
        "name",
        "platform",
        "match",
        "columns",
        "reason",
        "records",
        "find",
        "otherwise",
        "null_words",
        "masked",
    )
)
_OBSERVED = columns.MAPPABLE.index("observed_at")


@dataclass(frozen=True, slots=True)
class Form:
    """One entry of a shape file. Exactly one of `fills`, `reason`, `children` is set.

    `fills` maps a payload to a row, `reason` sends it to quarantine, `children` finds the records
    that an envelope holds; `otherwise` is the reason of an envelope that holds none.
    """

    name: str
    platform: str
    matches: match.Condition
    keys: frozenset[str]
    fills: tuple[tuple[int, columns.Fill], ...] | None = None
    reason: str | None = None
    children: Callable[[dict[str, Any]], Iterator[Any]] | None = None
    otherwise: str = "not_a_profile"


@dataclass(frozen=True, slots=True)
class Mapped:
    """One record's row: values in the order of `columns.MAPPABLE`, the time still as written."""

    form: Form
    values: list[Any]
    time: Any


@dataclass(frozen=True, slots=True)
class Refused:
    """One record that is no row. `shape` is null where the record was not recognised."""

    shape: str | None
    reason: str


class Mappings:
    """All shapes in the order they are tried: a collection's own first."""

    def __init__(self, forms: Sequence[Form]) -> None:
        self.forms = tuple(forms)
        self._candidates: dict[tuple[str, ...], tuple[Form, ...]] = {}

    def outcomes(self, record: Any, time: Any = None, depth: int = 0) -> Iterator[Mapped | Refused]:
        """What one record of a file becomes: usually one row; from an envelope as many as it holds.

        Args:
            record: A decoded JSON value or a table row.
            time: The time of observation that a wrapper gave.
            depth: How many envelopes the record lies in.

        Yields:
            Rows and refusals in document order, at least one.
        """
        form = self.recognised(record) if type(record) is dict else None
        if form is None or depth > _MAX_NESTING:
            yield Refused(None, "unknown_shape")
            return
        if form.reason is not None:
            yield Refused(form.name, form.reason)
            return
        if time is None:
            time = next((record[key] for key in TIMES if record.get(key)), None)
        if form.fills is not None:
            yield _row(form, record, time)
            return
        is_empty = True
        for child in form.children(record) if form.children else ():
            is_empty = False
            yield from self.outcomes(child, time, depth + 1)
        if is_empty:
            yield Refused(form.name, form.otherwise)

    def recognised(self, record: dict[str, Any]) -> Form | None:
        """The first form whose `match` holds."""
        keys = tuple(record)
        candidates = self._candidates.get(keys)
        if candidates is None:
            if len(self._candidates) >= _MAX_KNOWN_KEY_SETS:
                self._candidates.clear()
            candidates = tuple(form for form in self.forms if form.keys <= record.keys())
            self._candidates[keys] = candidates
        for form in candidates:
            if form.matches(record):
                return form
        return None


def _row(form: Form, record: dict[str, Any], time: Any) -> Mapped | Refused:
    found: list[Any] = [None] * len(columns.MAPPABLE)
    try:
        for at, fill in form.fills or ():
            found[at] = fill(record)
    except values.BadValue:
        return Refused(form.name, "bad_value")
    return Mapped(form, found, time if time is not None else found[_OBSERVED])


def mappings(extra_yaml: bytes | None) -> Mappings:
    """The shipped shapes, and before them a collection's own.

    Args:
        extra_yaml: The bytes of a collection's `_mapping.yaml`, None where it has none.

    Returns:
        What recognises and maps records.

    Raises:
        BadInput: The collection's file is not in the form of the shipped ones, maps a column that
            does not land or reads a contact field.
    """
    if extra_yaml is None:
        return Mappings(_shipped())
    try:
        own = parsed(extra_yaml)
    except (ValueError, TypeError, KeyError, AttributeError, yaml.YAMLError, RecursionError) as why:
        reason = str(why) if isinstance(why, ValueError) else type(why).__name__
        raise BadInput(f"_mapping.yaml cannot be used: {reason}; see docs/landing.md") from why
    return Mappings([*own, *_shipped()])


@cache
def _shipped() -> tuple[Form, ...]:
    folder = files("sxe_pipeline.ingest") / "shapes"
    texts = ((folder / f"{name}.yaml").read_bytes() for name in SHIPPED)
    return tuple(chain.from_iterable(parsed(text) for text in texts))


def parsed(text: bytes) -> list[Form]:
    """Compile one shape file.

    Raises:
        ValueError: It is not in the form that docs/landing.md describes.
    """
    document = yaml.safe_load(text)
    if not isinstance(document, dict) or not isinstance(document.get("shapes"), list):
        raise ValueError("it needs `platform:` and a list `shapes:`")
    if unknown := document.keys() - {"platform", "shapes"}:
        raise ValueError(f"unknown key {sorted(map(str, unknown))[0]!r}")
    platform = document.get("platform")
    return [_form(entry, entry.get("platform", platform)) for entry in document["shapes"]]


def _form(entry: Mapping[str, Any], platform: Any) -> Form:
    name = entry["name"]
    if not isinstance(name, str):
        raise ValueError("a shape needs a name")
    if unknown := entry.keys() - _FORM_KEYS:
        raise ValueError(f"shape {name}: unknown key {sorted(map(str, unknown))[0]!r}")
    if ("columns" in entry) + ("reason" in entry) + bool(entry.keys() & {"records", "find"}) != 1:
        raise ValueError(f"shape {name}: exactly one of columns, reason, records/find is needed")
    for reason in (entry.get("reason"), entry.get("otherwise")):
        if reason is not None and reason not in REASONS:
            raise ValueError(f"shape {name}: {reason!r} is none of {', '.join(REASONS)}")
    matches, keys = match.compiled(entry["match"])
    form = {"name": name, "platform": platform, "matches": matches, "keys": keys}
    if "columns" in entry:
        if platform not in PLATFORMS:
            raise ValueError(f"shape {name}: platform is one of {', '.join(PLATFORMS)}")
        return Form(**form, fills=_fills(entry))
    if "reason" in entry:
        return Form(**form, reason=entry["reason"])
    return Form(
        **form, children=_children(entry), otherwise=entry.get("otherwise", "not_a_profile")
    )


def _fills(entry: Mapping[str, Any]) -> tuple[tuple[int, columns.Fill], ...]:
    quirks = columns.Quirks(entry.get("null_words", ()), entry.get("masked"))
    fills = {
        column: columns.compiled(column, source, quirks)
        for column, source in entry["columns"].items()
    }
    for listing in columns.LISTS:
        fills.setdefault(listing, lambda record: [])
    return tuple((columns.MAPPABLE.index(column), fill) for column, fill in fills.items())


def _children(entry: Mapping[str, Any]) -> Callable[[dict[str, Any]], Iterator[Any]]:
    if entry["match"].get("column_wise"):
        return lambda record: iter(match.transposed(record) or ())
    finds = [match.compiled(wanted)[0] for wanted in entry.get("find", ())]
    lists = [paths.many(path) for path in entry.get("records", ())]

    def children(record: dict[str, Any]) -> Iterator[Any]:
        if finds:
            yield from paths.find(record, lambda node: any(test(node) for test in finds))
        for every in lists:
            yield from (child for child in every(record) if child is not None and child != {})

    return children

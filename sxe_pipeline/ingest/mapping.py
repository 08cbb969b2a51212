"""The shape files, compiled: which payload is which, and what becomes of it.

Here: the YAML form, `Form`, and `Mappings`, which recognises and maps. Not here: files and bytes
(`records`), batches (`read`).
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib.resources import files
from itertools import chain
from typing import Any

import yaml

from sxe_pipeline.errors import BadInput
from sxe_pipeline.ingest import columns, match, paths, stated
from sxe_pipeline.ingest.collection import MAPPING, loaded
from sxe_pipeline.ingest.posts import Post, Posts, of_shape
from sxe_pipeline.schema.tables import REASONS

PLATFORMS = ("x", "threads", "tiktok")
SHIPPED = ("table", "x", "threads", "tiktok", "other")
TIMES = ("commit_date", "fetched_at", "timestamp")
"""A wrapper's own time of observation, in this order."""

_MAX_NESTING = 6
_MAX_KNOWN_KEY_SETS = 4_096
_READING = ("match", "columns", "records", "find", "post", "posts", "author")
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
        "post",
        "posts",
        "author",
        "null_words",
        "masked",
    )
)
_OBSERVED = columns.MAPPABLE.index("observed_at")
_ID = columns.MAPPABLE.index("platform_id")
_HANDLE = columns.MAPPABLE.index("handle")
_LISTS = frozenset(columns.MAPPABLE.index(name) for name in columns.LISTS)


@dataclass(frozen=True, slots=True)
class Form:
    """One entry of a shape file. Exactly one of `fills`, `reason`, `children` is set.

    `fills` maps a payload to a row, `reason` sends it to quarantine, `children` finds the records
    that an envelope holds; `otherwise` is the reason of an envelope that holds none. `reads` names
    the top-level keys that it looks at, `searches` those below which it looks at everything. The
    `posts` of a payload are those of its row, or of the one child of an envelope that wrote them.
    """

    name: str
    platform: str
    matches: match.Condition
    keys: frozenset[str]
    fills: tuple[tuple[int, columns.Fill], ...] | None = None
    reason: str | None = None
    children: Callable[[dict[str, Any]], Iterator[Any]] | None = None
    otherwise: str = "not_a_profile"
    mapped: frozenset[str] = frozenset()
    gives: stated.Gives = lambda record: frozenset()
    posts: Posts | None = None
    reads: frozenset[str] = frozenset()
    searches: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Mapped:
    """One record's row: values in the order of `columns.MAPPABLE`, the time still as written.

    `unread` names the columns whose value was there and could not be read: they are null. `given`
    are the columns of which the payload says something, be it that there is nothing. `posts` are
    posts of the account, null where it is no matter of posts; `is_post`: the record was one itself.
    """

    form: Form
    values: list[Any]
    time: Any
    unread: tuple[str, ...] = ()
    given: frozenset[str] = frozenset()
    posts: Sequence[Post] | None = None
    is_post: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """One record that is no row. `shape` is null where the record was not recognised.

    `column` is the one whose value cost the row.
    """

    shape: str | None
    reason: str
    column: str | None = None


class Mappings:
    """All shapes in the order they are tried: a collection's own first."""

    def __init__(self, forms: Sequence[Form]) -> None:
        self.forms = tuple(forms)
        self._candidates: dict[tuple[str, ...], tuple[Form, ...]] = {}
        self._reads = frozenset(TIMES).union(*(form.reads for form in self.forms))
        self._searches = frozenset[str]().union(*(form.searches for form in self.forms))

    def needs(self, names: Collection[str]) -> frozenset[str]:
        """Those columns of a table that any shape looks at; no other has to be readable."""
        if not self._searches.isdisjoint(names):
            return frozenset(names)
        return self._reads.intersection(names)

    def outcomes(self, record: Any, time: Any = None, depth: int = 0) -> Iterator[Mapped | Refused]:
        """What one record of a file becomes: usually one row; from an envelope as many as it holds.

        Args:
            record: A decoded JSON value or a table row.
            time: The time of observation that a wrapper gave.
            depth: How many envelopes the record lies in.

        Yields:
            Rows and refusals in document order, at least one.
        """
        if record is paths.UNREAD:
            yield Refused(None, "malformed")
            return
        try:
            form = self.recognised(record) if type(record) is dict else None
        except Exception:  # noqa: BLE001 - a bad record costs a record, whatever it does to a match
            yield Refused(None, "malformed")
            return
        if form is None or depth > _MAX_NESTING:
            yield Refused(None, "unknown_shape")
            return
        if form.reason is not None:
            yield Refused(form.name, form.reason)
            return
        if time is None:
            time = next((record[key] for key in TIMES if record.get(key)), None)
        if form.fills is not None:
            yield _with_posts(_row(form, record, time), form, record)
            return
        is_empty = True
        author = form.posts.author(record) if form.posts else None
        for child in _children_of(form, record):
            is_empty = False
            for outcome in self.outcomes(child, time, depth + 1):
                is_authors = author is not None and child is author
                yield _with_posts(outcome, form, record) if is_authors else outcome
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


def _children_of(form: Form, record: dict[str, Any]) -> Iterator[Any]:
    """What an envelope holds; where it cannot be taken apart any further, one unread record."""
    try:
        yield from form.children(record) if form.children else ()
    except Exception:  # noqa: BLE001 - what was found before stays
        yield paths.UNREAD


def _with_posts(outcome: Mapped | Refused, form: Form, record: dict[str, Any]) -> Mapped | Refused:
    """The row of an account with the posts that the payload holds of it."""
    if form.posts is None or isinstance(outcome, Refused):
        return outcome
    found = form.posts.read(record)
    return replace(outcome, posts=found or None, is_post=form.posts.is_row(record))


def _row(form: Form, record: dict[str, Any], time: Any) -> Mapped | Refused:
    found: list[Any] = [None] * len(columns.MAPPABLE)
    unread: tuple[int, ...] = ()
    for at, fill in form.fills or ():
        if at == _OBSERVED and time is not None:
            continue
        try:
            found[at] = fill(record)
        except Exception:  # noqa: BLE001 - BadValue, or whatever a value does to its transform
            found[at] = [] if at in _LISTS else None
            unread = (*unread, at)
    if time is None:
        time = found[_OBSERVED]
    given = form.gives(record)
    if not unread:
        return Mapped(form, found, time, given=given)
    names = tuple(columns.MAPPABLE[at] for at in unread)
    if column := key_column(names, found[_ID]):
        return Refused(form.name, "bad_value", column)
    # A value that cannot be read is no statement that there is none.
    return Mapped(form, found, time, names, given.difference(names))


def key_column(unread: Collection[str], platform_id: str | None) -> str | None:
    """The column among those that could not be read without which there is no row.

    An id, a time, and the handle where it is the account's key; any other may be null.
    """
    for column in ("platform_id", "observed_at"):
        if column in unread:
            return column
    return "handle" if platform_id is None and "handle" in unread else None


@lru_cache(maxsize=64)
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
    document = loaded(MAPPING, extra_yaml)
    try:
        own = _forms(document)
    except Exception as why:  # noqa: BLE001 - any form of nonsense can stand in it
        reason = str(why) if type(why) is ValueError else type(why).__name__
        raise BadInput(f"{MAPPING} cannot be used: {reason}; see docs/landing.md") from None
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
    return _forms(yaml.safe_load(text))


def _forms(document: Any) -> list[Form]:
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
    quirks = columns.Quirks(entry.get("null_words", ()), entry.get("masked"))
    form = {"name": name, "platform": platform, "matches": matches, "keys": keys}
    form["reads"] = frozenset(_heads([entry.get(part) for part in _READING]))
    if entry.get("find"):
        form["searches"] = frozenset(_heads(entry["match"]))
    form["posts"] = of_shape(entry, quirks)
    if "columns" in entry:
        if platform not in PLATFORMS:
            raise ValueError(f"shape {name}: platform is one of {', '.join(PLATFORMS)}")
        return Form(
            **form,
            fills=_fills(entry["columns"], quirks),
            mapped=frozenset(entry["columns"]),
            gives=stated.compiled(entry["columns"]),
        )
    if "reason" in entry:
        return Form(**form, reason=entry["reason"])
    return Form(
        **form, children=_children(entry), otherwise=entry.get("otherwise", "not_a_profile")
    )


def _heads(node: Any) -> Iterator[str]:
    """The first key of every path below a node; other texts do no harm."""
    if isinstance(node, str):
        with suppress(ValueError):
            yield str(paths.parse(node)[0])
    elif isinstance(node, Mapping):
        for name, inner in node.items():
            yield from _heads(name)
            yield from _heads(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from _heads(inner)


def _fills(
    entries: Mapping[str, Any], quirks: columns.Quirks
) -> tuple[tuple[int, columns.Fill], ...]:
    fills = {name: columns.compiled(name, source, quirks) for name, source in entries.items()}
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
            # Below the record: a post may hold another one that it quotes.
            below = list(record.values())
            yield from paths.find(below, lambda node: any(test(node) for test in finds))
        for every in lists:
            yield from (child for child in every(record) if child is not None and child != {})

    return children

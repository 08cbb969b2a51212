"""The shape files, compiled: which payload each entry is for, and how it is read.

Here: the YAML form and `Form`, what an entry becomes. Not here: trying them (`mapping`), columns
(`columns`), conditions (`match`).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import chain, islice
from typing import Any

from sxe_pipeline.ingest import columns, envelope, lists, match, paths, stated
from sxe_pipeline.ingest.batch import Batch, split
from sxe_pipeline.ingest.posts import Posts, of_shape
from sxe_pipeline.schema import documents
from sxe_pipeline.schema.tables import REASONS

PLATFORMS = ("x", "threads", "tiktok")
SHIPPED = ("table", "x", "threads", "tiktok", "other")

_READING = ("match", "columns", "records", "find", "post", "posts", "author")
_BY_PATH = frozenset(("is", "like"))
"""Conditions whose paths are keys; what stands under them are values."""
_NO_PATHS = frozenset(("as", "map", "value", "column_wise"))
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
        "search",
        "nested",
        "inner",
        "post",
        "posts",
        "author",
        "null_words",
        "masked",
    )
)


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """One entry of a shape file. Exactly one of `fills`, `reason`, `children` is set.

    `fills` maps a payload to a row, `reason` sends it to quarantine, `children` finds the records
    that an envelope holds; `otherwise` is the reason of an envelope that holds none. `is_search`:
    every shape is tried at every node of it. `is_nested`: a search may meet it. `is_inner`: it is
    tried inside of an envelope of its own platform only. `reads` names the top-level keys that it
    looks at, `enters` those below which it looks further, `searches` those below which it looks at
    everything. The `posts` of a payload are those of its row, or of the one child of an envelope
    that wrote them.
    """

    name: str
    platform: str
    matches: match.Match
    fills: tuple[tuple[int, columns.Fill], ...] | None = None
    reason: str | None = None
    children: "Children | None" = None
    otherwise: str = "not_a_profile"
    is_search: bool = False
    is_nested: bool = True
    is_inner: bool = False
    mapped: frozenset[str] = frozenset()
    gives: stated.Gives = lambda record: frozenset()
    posts: Posts | None = None
    reads: frozenset[str] = frozenset()
    enters: frozenset[str] = frozenset()
    searches: frozenset[str] = frozenset()


@cache
def shipped() -> tuple[Form, ...]:
    """All shapes that come with the engine, in the order they are tried."""
    folder = files("sxe_pipeline.ingest") / "shapes"
    texts = ((folder / f"{name}.yaml").read_bytes() for name in SHIPPED)
    return tuple(chain.from_iterable(parsed(text) for text in texts))


def parsed(text: bytes) -> list[Form]:
    """Compile one shape file.

    Raises:
        ValueError: It is not in the form that docs/landing.md describes.
    """
    return forms_of(documents.read(text))


def forms_of(document: Any) -> list[Form]:
    """Compile a shape file that was loaded.

    Raises:
        ValueError: It is not in the form that docs/landing.md describes.
    """
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
    opens = bool(entry.keys() & {"records", "find", "search"})
    if ("columns" in entry) + ("reason" in entry) + opens != 1:
        raise ValueError(
            f"shape {name}: exactly one of columns, reason, records/find/search is needed"
        )
    for reason in (entry.get("reason"), entry.get("otherwise")):
        if reason is not None and reason not in REASONS:
            raise ValueError(f"shape {name}: {reason!r} is none of {', '.join(REASONS)}")
    matches = match.compiled(entry["match"])
    quirks = columns.Quirks(entry.get("null_words", ()), entry.get("masked"))
    form = {"name": name, "platform": platform, "matches": matches, **_looks(entry)}
    form["posts"] = of_shape(entry, quirks)
    form |= {"is_nested": entry.get("nested", True), "is_inner": entry.get("inner", False)}
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
        **form,
        children=Children(entry),
        otherwise=entry.get("otherwise", "not_a_profile"),
        is_search=entry.get("search") is True,
    )


def _looks(entry: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    """Which top-level keys an entry looks at, below which it looks further, and at everything."""
    parts = [entry.get(part) for part in _READING]
    searches = frozenset[str]()
    if entry.get("find"):
        searches = frozenset(_heads(entry["match"]))
    elif entry.get("search"):
        searches = envelope.HOLDERS.intersection(_heads(entry["match"].get("any", ())))
    return {
        "reads": frozenset(_heads(parts)),
        "enters": searches.union(_heads(parts, deep=True)),
        "searches": searches,
    }


def _heads(node: Any, *, deep: bool = False) -> Iterator[str]:
    """The first key of every path below a node (deep: of those that go on)."""
    if isinstance(node, str):
        with suppress(ValueError):
            steps = paths.parse(node)
            if len(steps) > 1 or not deep:
                yield str(steps[0])
    elif isinstance(node, list):
        for inner in node:
            yield from _heads(inner, deep=deep)
    elif isinstance(node, Mapping):
        for name, inner in node.items():
            if name in _BY_PATH and isinstance(inner, Mapping):
                yield from _heads(list(inner), deep=deep)
            elif name not in _NO_PATHS:
                yield from _heads(inner, deep=deep)


def _fills(
    entries: Mapping[str, Any], quirks: columns.Quirks
) -> tuple[tuple[int, columns.Fill], ...]:
    fills = {name: columns.compiled(name, source, quirks) for name, source in entries.items()}
    for listing in columns.LISTS:
        fills.setdefault(listing, lists.Listing([]))
    return tuple((columns.MAPPABLE.index(column), fill) for column, fill in fills.items())


class Children:
    """The records that an envelope holds."""

    def __init__(self, entry: Mapping[str, Any]) -> None:
        self._is_table = bool(entry["match"].get("column_wise"))
        self._finds = [match.compiled(wanted) for wanted in entry.get("find", ())]
        self._steps = [paths.parse(path) for path in entry.get("records", ())]
        self._lists = [paths.many(path) for path in entry.get("records", ())]

    def __call__(self, record: dict[str, Any]) -> Iterator[Any]:
        """All of one envelope, in document order where they are looked for."""
        if self._is_table:
            yield from match.transposed(record) or ()
        if self._finds:
            # Below the record: a post may hold another one that it quotes.
            below = list(record.values())
            yield from paths.find(below, lambda node: any(test(node) for test in self._finds))
        for every in self._lists:
            yield from filter(_is_something, every(record))

    def some(self, batch: Batch) -> list[Sequence[Any]]:
        """Of each envelope its children, two where there are more."""
        if self._finds or self._is_table or any(split(steps)[1] for steps in self._steps):
            return [list(islice(self(record), 2)) for record in batch.records]
        if not self._steps:
            return [()] * len(batch)
        found = zip(*map(batch.one, self._steps), strict=True)
        return [[child for child in some if _is_something(child)] for some in found]


def _is_something(child: Any) -> bool:
    return child is not None and child != {}

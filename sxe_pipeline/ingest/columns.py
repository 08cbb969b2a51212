"""How a column is filled: one entry of `columns:` in a shape file becomes one function.

Here: alternatives, concatenated link lists, constants, null words, masks; the allow-list of columns
and the ban on contact fields. Not here: which payload an entry is for.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from sxe_pipeline.ingest import paths, values
from sxe_pipeline.ingest.plain import BadValue, is_plain, plain
from sxe_pipeline.schema.tables import LANDED_ROW

Fill = Callable[[dict[str, Any]], Any]

COMPUTED = frozenset(
    {
        *("collection", "file_sha256", "row", "shape", "platform", "account_key"),
        *("given", "is_post", "own_posts"),
    }
)
MAPPABLE = tuple(name for name in LANDED_ROW.names if name not in COMPUTED)
"""Every column that a shape file may fill, in the order of `LANDED_ROW`; nothing else lands."""
_STRICT = frozenset(("platform_id", "handle", "observed_at"))
"""A bad value in the first place that holds one is never made up for by another place."""
LISTS = tuple(c.name for c in LANDED_ROW.columns if c.kind == "list" and c.name in MAPPABLE)

_CONTACT_PART = re.compile(r"e-?mail|phone|whats-?app|telegram|viber|wechat", re.IGNORECASE)
_CONTACT_WORDS = frozenset(
    (
        "mail",
        "mobile",
        "cell",
        "tel",
        "telephone",
        "fax",
        "sms",
        "signal",
        "contact",
        "contacts",
        "address",
        "street",
        "postal",
        "zip",
    )
)
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_OWN_TRANSFORMS = {
    "platform_id": "id",
    "handle": "handle",
    "display_name": "text",
    "bio": "text",
}
_TRANSFORMS = {"count": "count", "flag": "flag", "time": "when", "link": "link"}
_CLASSES = {
    column.name: inner.handling
    for column in LANDED_ROW.columns
    for _, inner in column.walk()
    if not inner.children
}
_MASKABLE = frozenset({"handle", "display_name"})


class Quirks:
    """What one vendor writes instead of nothing."""

    def __init__(self, null_words: Sequence[str], masked: str | None) -> None:
        self.null_words = frozenset(null_words)
        self.masked = masked

    def wraps(self, column: str, transform: values.Transform) -> values.Transform:
        """A transform that reads these words, and a masked name, as null."""
        words = self.null_words
        mask = self.masked if column in _MASKABLE else None
        if not words and not mask:
            return transform

        def quirky(value: Any) -> Any:
            if type(value) is str and (value in words or (mask and mask in value)):
                return None
            return transform(value)

        return quirky


def compiled(column: str, entry: Any, quirks: Quirks) -> Fill:
    """Turn one entry of `columns:` into a function from a payload to the column's value.

    Args:
        column: One of `MAPPABLE`.
        entry: A path, a list (alternatives; for a column of lists: parts in order), or
            `{path, as, map}`, `{value}`, `{any: [...]}` (true when one is), `{first: [...]}`.
        quirks: The shape's null words and mask.

    Returns:
        The function; it raises `BadValue` for a value that cannot be what the column says.

    Raises:
        ValueError: The column does not land, the entry cannot be read, or it names a contact field.
    """
    if column not in MAPPABLE:
        raise ValueError(f"column {column!r} does not land; use one of {', '.join(MAPPABLE)}")
    if column in LISTS:
        return _listing(column, entry, quirks)
    return _scalar(column, entry, quirks)


def _scalar(column: str, entry: Any, quirks: Quirks) -> Fill:
    if isinstance(entry, list):
        fills = [_scalar(column, part, quirks) for part in entry]
        return _first(fills) if column in _STRICT else _first_readable(fills)
    if isinstance(entry, dict) and "any" in entry:
        return _some_true([_scalar(column, part, quirks) for part in entry["any"]])
    if isinstance(entry, dict) and "value" in entry:
        constant = entry["value"]
        return lambda record: constant
    path, transform = _source(column, entry, quirks)
    return _read(paths.one(path), transform)


def _read(get: paths.Getter, transform: values.Transform) -> Fill:
    def fill(record: dict[str, Any]) -> Any:
        value = get(record)
        if value is None:
            return None
        if not is_plain(value):
            if value is paths.UNREAD:
                raise BadValue
            value = plain(value)
        return transform(value)

    return fill


def _first(fills: list[Fill]) -> Fill:
    def fill(record: dict[str, Any]) -> Any:
        for one in fills:
            if (value := one(record)) is not None:
                return value
        return None

    return fill


def _first_readable(fills: list[Fill]) -> Fill:
    """As `_first`, but a value that cannot be read leaves the word to the next place."""

    def fill(record: dict[str, Any]) -> Any:
        is_bad = False
        for one in fills:
            try:
                if (value := one(record)) is not None:
                    return value
            except BadValue:
                is_bad = True
        if is_bad:
            raise BadValue
        return None

    return fill


def _some_true(fills: list[Fill]) -> Fill:
    def fill(record: dict[str, Any]) -> bool | None:
        answers = [answer for one in fills if (answer := one(record)) is not None]
        return any(answers) if answers else None

    return fill


def _listing(column: str, entry: Any, quirks: Quirks) -> Fill:
    parts = [
        _part(column, part, quirks) for part in (entry if isinstance(entry, list) else [entry])
    ]

    def fill(record: dict[str, Any]) -> list[str]:
        found = [value for part in parts for value in part(record)]
        return found if len(found) < 2 else list(dict.fromkeys(found))

    return fill


def _part(column: str, entry: Any, quirks: Quirks) -> Callable[[dict[str, Any]], list[str]]:
    if isinstance(entry, dict) and "first" in entry:
        choices = [_part(column, choice, quirks) for choice in entry["first"]]
        return lambda record: next(filter(None, (choice(record) for choice in choices)), [])
    path, transform = _source(column, entry, quirks)
    # A list may mix texts and objects: what is not asked for is passed by.
    wanted = dict if isinstance(entry, dict) and entry.get("as") == "x_url" else str
    every = paths.many(path)
    return lambda record: list(_texts(every(record), wanted, transform))


def _texts(found: Iterator[Any], wanted: type, transform: values.Transform) -> Iterator[str]:
    for value in found:
        if value is paths.UNREAD:
            raise BadValue
        if type(value) is bytes:
            value = plain(value)
        if type(value) is wanted and (text := transform(value)):
            yield text


def _source(column: str, entry: Any, quirks: Quirks) -> tuple[str, values.Transform]:
    if isinstance(entry, str):
        entry = {"path": entry}
    if not isinstance(entry, dict) or not isinstance(entry.get("path"), str):
        raise ValueError(f"column {column}: an entry is a path or holds one as `path:`")
    if unknown := entry.keys() - {"path", "as", "map"}:
        raise ValueError(f"column {column}: unknown key {sorted(unknown)[0]!r}")
    path = entry["path"]
    try:
        steps = paths.parse(path)
    except ValueError as why:
        raise ValueError(f"column {column}: {why}") from None
    if any(isinstance(step, str) and is_contact(step) for step in steps):
        raise ValueError(f"column {column}: it names a contact field; Tier 1 holds none")
    if "map" in entry:
        return path, values.mapped(entry["map"])
    name = entry.get("as") or _default(column)
    if name not in values.TRANSFORMS:
        raise ValueError(f"column {column}: as: {name!r} is none of {', '.join(values.TRANSFORMS)}")
    return path, quirks.wraps(column, values.TRANSFORMS[name])


def is_contact(key: str) -> bool:
    """Whether a key is named like contact data.

    Example:
        >>> is_contact("contactEmail"), is_contact("emailed_at_all"), is_contact("bio")
        (True, True, False)
    """
    words = {found.lower() for found in _WORD.findall(key)}
    return bool(_CONTACT_PART.search(key) or words & _CONTACT_WORDS)


def _default(column: str) -> str:
    return _OWN_TRANSFORMS.get(column) or _TRANSFORMS.get(_CLASSES[column] or "", "word")

"""How a column is filled: one entry of `columns:` in a shape file becomes one `Fill`.

Here: alternatives, constants, null words, masks; the allow-list of columns and the ban on contact
fields. Not here: which payload an entry is for, columns of lists (`lists`), columns of values at
once (`whole`).
"""

import re
from collections.abc import Sequence
from typing import Any, Protocol

from sxe_pipeline.ingest import lists, paths, values, whole
from sxe_pipeline.ingest.batch import Batch
from sxe_pipeline.ingest.plain import BadValue
from sxe_pipeline.schema.tables import LANDED_ROW

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
        mask = self.masked if column in _MASKABLE else None
        if not self.null_words and not mask:
            return transform
        return whole.Quirky(transform, self.null_words, mask)


class Fill(Protocol):
    """How one column is filled, from one record or from many of one shape with the same result."""

    def __call__(self, record: dict[str, Any]) -> Any:
        """The column's value; raises for one that cannot be what the column says."""

    def over(self, batch: Batch) -> whole.Read:
        """The values in all records, None where one cannot be read, and why it cannot."""


def compiled(column: str, entry: Any, quirks: Quirks) -> Fill:
    """Turn one entry of `columns:` into what fills the column.

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
        entries = entry if isinstance(entry, list) else [entry]
        return lists.Listing([_part(column, part, quirks) for part in entries])
    return _scalar(column, entry, quirks)


def _scalar(column: str, entry: Any, quirks: Quirks) -> Fill:
    if isinstance(entry, list):
        return _First([_scalar(column, part, quirks) for part in entry], column in _STRICT)
    if isinstance(entry, dict) and "any" in entry:
        return _SomeTrue([_scalar(column, part, quirks) for part in entry["any"]])
    if isinstance(entry, dict) and "value" in entry:
        return _Constant(entry["value"])
    return _Value(*_source(column, entry, quirks))


class _Constant:
    def __init__(self, value: Any) -> None:
        self._value = value

    def __call__(self, record: dict[str, Any]) -> Any:
        return self._value

    def over(self, batch: Batch) -> whole.Read:
        return [self._value] * len(batch), {}


class _Value:
    """What stands at one path."""

    def __init__(self, path: str, transform: values.Transform) -> None:
        self._get = paths.one(path)
        self._steps = paths.parse(path)
        self._transform = transform

    def __call__(self, record: dict[str, Any]) -> Any:
        return whole.read(self._get(record), self._transform)

    def over(self, batch: Batch) -> whole.Read:
        return whole.over(batch.one(self._steps), self._transform)


class _First:
    """The first of some places that holds a value.

    Where `is_strict`, a value that cannot be read is never made up for by another place; else it
    leaves the word to the next one.
    """

    def __init__(self, fills: Sequence[Fill], is_strict: bool) -> None:
        self._fills = tuple(fills)
        self._lenient = () if is_strict else (BadValue,)

    def __call__(self, record: dict[str, Any]) -> Any:
        is_bad = False
        for fill in self._fills:
            try:
                if (value := fill(record)) is not None:
                    return value
            except self._lenient:
                is_bad = True
        if is_bad:
            raise BadValue
        return None

    def over(self, batch: Batch) -> whole.Read:
        found: list[Any] = [None] * len(batch)
        final: dict[int, Exception] = {}
        passed: dict[int, Exception] = {}
        for fill in self._fills:
            more, bad = fill.over(batch)
            for at, why in bad.items():
                if found[at] is None and at not in final:
                    (passed if isinstance(why, self._lenient) else final)[at] = why
            found = [b if a is None else a for a, b in zip(found, more, strict=True)]
            for at in final:
                found[at] = None
            if None not in found:
                break
        return found, {at: why for at, why in passed.items() if found[at] is None} | final


class _SomeTrue:
    """True when one of some flags is, null where none says anything."""

    def __init__(self, fills: Sequence[Fill]) -> None:
        self._fills = tuple(fills)

    def __call__(self, record: dict[str, Any]) -> bool | None:
        answers = [answer for one in self._fills if (answer := one(record)) is not None]
        return any(answers) if answers else None

    def over(self, batch: Batch) -> whole.Read:
        found: list[bool | None] = [None] * len(batch)
        unread: dict[int, Exception] = {}
        for fill in self._fills:
            more, bad = fill.over(batch)
            unread |= {at: why for at, why in bad.items() if at not in unread}
            if more.count(None) < len(more):
                found = [a if b is None else bool(a or b) for a, b in zip(found, more, strict=True)]
        for at in unread:
            found[at] = None
        return found, unread


def _part(column: str, entry: Any, quirks: Quirks) -> lists.Part:
    if isinstance(entry, dict) and "first" in entry:
        return lists.FirstFilled([_part(column, choice, quirks) for choice in entry["first"]])
    path, transform = _source(column, entry, quirks)
    # A list may mix texts and objects: what is not asked for is passed by.
    wanted = dict if isinstance(entry, dict) and entry.get("as") == "x_url" else str
    return lists.Texts(path, wanted, transform)


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
        return path, values.Words(entry["map"])
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

"""What a collection says of itself in its optional `_collection.yaml`.

Here: the form of that file. Not here: where it is stored (`register`), what it does to labels.
"""

import re
from dataclasses import dataclass
from typing import Any

import yaml

from sxe_pipeline.errors import BadInput

COLLECTION = "_collection.yaml"
MAPPING = "_mapping.yaml"
SIZE_LIMIT = 256 << 10
"""Bytes of a declaration; a larger one is none."""
_SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_WAYS = ("hashtag", "followers_of", "list", "search", "vendor_segment", "watchlist", "other")


@dataclass(frozen=True, slots=True)
class Declared:
    """How a collection was gathered and whom it stands for; null or empty: it does not say."""

    gathered_by: str | None
    tribes: tuple[str, ...]
    market: str | None


def declared(text: bytes) -> Declared:
    """Read a `_collection.yaml`.

    Args:
        text: Its bytes: `gathered_by` (one of hashtag, followers_of, list, search, vendor_segment,
            watchlist, other), `tribes` (slugs) and `market` (a slug), each optional.

    Returns:
        What it says.

    Raises:
        BadInput: It is no such file; the message names the key, never a value.
    """
    document = loaded(COLLECTION, text) or {}
    if not isinstance(document, dict):
        raise BadInput(f"{COLLECTION} has to hold gathered_by, tribes or market")
    if unknown := sorted(map(str, document.keys() - {"gathered_by", "tribes", "market"})):
        raise BadInput(
            f"{COLLECTION}: {len(unknown)} unknown keys; use gathered_by, tribes, market"
        )
    gathered_by = document.get("gathered_by")
    if gathered_by is not None and gathered_by not in _WAYS:
        raise BadInput(f"{COLLECTION}: gathered_by is one of {', '.join(_WAYS)}")
    tribes = document.get("tribes") or []
    if not isinstance(tribes, list):
        raise BadInput(f"{COLLECTION}: tribes is a list of slugs")
    market = document.get("market")
    return Declared(
        gathered_by,
        tuple(_slug(tribe, "tribes") for tribe in tribes),
        _slug(market, "market") if market is not None else None,
    )


def loaded(name: str, text: bytes) -> Any:
    """What a YAML file of a collection holds.

    Args:
        name: Of the file, for the error.
        text: Its bytes.

    Raises:
        BadInput: It is no YAML, or larger than any such file; the message names the line.
    """
    if len(text) > SIZE_LIMIT:
        raise BadInput(f"{name} is larger than {SIZE_LIMIT >> 10} KiB; correct it")
    try:
        return yaml.safe_load(text)
    except Exception as why:  # noqa: BLE001 - its constructors raise what they like
        mark = getattr(why, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""
        raise BadInput(f"{name} is no YAML ({type(why).__name__}{where}); correct it") from None


def _slug(value: Any, key: str) -> str:
    if not isinstance(value, str) or not _SLUG.fullmatch(value):
        raise BadInput(f"{COLLECTION}: {key} takes slugs (a-z, 0-9, _ and -)")
    return value

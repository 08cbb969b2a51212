"""Posts in a payload: what the `post:` or `posts:` of a shape file reads out of a record.

Here: one entry becomes one function from a payload to posts, with id, time, hashtags and caption.
Its parts are written as columns are. Not here: whose posts they are (`mapping`), and what of a
caption may be kept (the social tier, which drops it).
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sxe_pipeline.ingest import columns, match, paths, stated
from sxe_pipeline.redact import is_contact_shaped

Post = dict[str, Any]
"""One post: the struct of the column `own_posts`."""

_PARTS = frozenset({"id", "at", "hashtags", "caption", "unless", "in"})
_ID = re.compile(r"[0-9A-Za-z_-]{1,64}", re.ASCII)
_BETWEEN = re.compile(r"[\s,;|]+")
_MOST_POSTS, _MOST_HASHTAGS, _MOST_CHARACTERS = 200, 100, 10_000


@dataclass(frozen=True, slots=True)
class Posts:
    """Reads the posts of a record.

    `is_row`: the record is a post itself, no profile that carries some. `author` finds, in an
    envelope, the record of the account that they are of.
    """

    read: Callable[[dict[str, Any]], list[Post]]
    is_row: Callable[[dict[str, Any]], bool]
    author: paths.Getter


def of_shape(entry: Mapping[str, Any], quirks: columns.Quirks) -> Posts | None:
    """Turn the `post:` of a shape (it is one) or its `posts:` (it carries some) into functions.

    Args:
        entry: The shape. A `post:` holds `id`, and may hold `at`, `hashtags`, `caption`, written as
            columns are, and `unless`: a match, such as that of a post that repeats somebody else's;
            `posts:` also `in`, the path to them, from which the others lead on. `author:` lists the
            paths to the account in an envelope.
        quirks: The shape's null words.

    Returns:
        None where the shape says nothing of posts.

    Raises:
        ValueError: A part is unknown, missing, cannot be read, or names a contact field.
    """
    found = [entry[key] for key in ("post", "posts") if key in entry]
    if not found:
        return None
    said, is_row = found[0], "post" in entry
    if len(found) > 1 or not isinstance(said, Mapping) or not {"id"} <= said.keys() <= _PARTS:
        raise ValueError(
            f"shape {entry['name']}: a `post` or `posts` needs `id` and may hold "
            f"{', '.join(sorted(_PARTS - {'id'}))}"
        )
    if is_row == ("in" in said):
        raise ValueError(
            f"shape {entry['name']}: `posts` need `in`, the path to them, a `post` not"
        )
    of_id = _safe(columns.compiled("category", said["id"], quirks))
    read = _reader(said, quirks, of_id)
    author = paths.first(entry.get("author", []))
    if is_row:

        def is_post(record: dict[str, Any]) -> bool:
            return _post_id(of_id(record)) is not None

        return Posts(lambda record: list(read(record)), is_post, author)
    every = paths.many(said["in"])

    def carried(record: dict[str, Any]) -> list[Post]:
        nodes = [node for node in every(record) if type(node) is dict][:_MOST_POSTS]
        return [post for node in nodes for post in read(node)]

    return Posts(carried, lambda record: False, author)


def _reader(
    entry: Mapping[str, Any], quirks: columns.Quirks, of_id: Callable[[dict[str, Any]], Any]
) -> Callable[[dict[str, Any]], Iterator[Post]]:
    at = _safe(columns.compiled("account_created_at", entry.get("at", []), quirks))
    caption = _safe(columns.compiled("bio", entry.get("caption", []), quirks))
    hashtags = _safe(columns.compiled("interests", entry.get("hashtags", []), quirks))
    gives = stated.compiled({"hashtags": entry["hashtags"]} if "hashtags" in entry else {})
    unless = _safe(match.compiled(entry["unless"])) if "unless" in entry else lambda record: False

    def read(record: dict[str, Any]) -> Iterator[Post]:
        post_id = _post_id(of_id(record))
        if post_id is None or unless(record):
            return
        text = caption(record)
        tags = list(_tags(hashtags(record) or []))
        yield {
            "post_id": post_id,
            "posted_at": at(record),
            "hashtags": tags[:_MOST_HASHTAGS] if tags or gives(record) else None,
            "caption": text[:_MOST_CHARACTERS] if text else text,
        }

    return read


def _safe(fill: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], Any]:
    """A part of a post that cannot be read costs that part; the author is seen all the same."""

    def filled(record: dict[str, Any]) -> Any:
        try:
            return fill(record)
        except Exception:  # noqa: BLE001 - BadValue, or whatever a value does to its transform
            return None

    return filled


def _post_id(found: str | None) -> str | None:
    if not found or found == "0" or not _ID.fullmatch(found):
        return None
    # No redactor sees ids: digits are a platform's own, anything else may be what people wrote.
    return None if not found.isdigit() and is_contact_shaped(found) else found


def _tags(found: Sequence[str]) -> Iterator[str]:
    """Single hashtags: a cell of a table may hold a list, as JSON or with commas."""
    for text in found:
        if text.startswith("["):
            try:
                yield from (tag for tag in json.loads(text) if type(tag) is str)
                continue
            except (ValueError, RecursionError):
                pass
        yield from filter(None, _BETWEEN.split(text))

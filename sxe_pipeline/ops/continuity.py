"""Whether this database is the one that its stores remember.

A database that was restored, or a standby that took over, goes on as if nothing had happened
since: it would pay again, publish a second chain, hand off who was suppressed. So it counts what
leaves it, and each store holds the count, as objects that are never overwritten. Here: comparing
both, and keeping the store's count up. What is refused meanwhile is refused by the database
(`ops/sql/continuity.sql`).
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg

from sxe_pipeline.errors import NotFound, Refused
from sxe_pipeline.store.objects import Objects

FOLDER = "_markers"
KEPT = 1000
"""Markers in a store: enough to tell what was lost since any backup that is of use."""
_CLEARED_EACH = 100
_CARDS = "-cards"

TIER1, HANDOFF, CONTACT_HANDOFF = "tier1", "handoff", "contact_handoff"


@dataclass(frozen=True)
class Marker:
    """A count in a store, and what was written beside it."""

    number: int
    content: Mapping[str, Any]


About = Callable[[str, datetime | None], Mapping[str, Any]]
"""What is written beside a count: of a store, since its newest marker (None: ever)."""


def keep_up(
    conn: psycopg.Connection,
    stores: Mapping[str, Objects],
    about: About = lambda store, since: {},
) -> None:
    """Compare each store with the database, and bring the store's count up to it.

    A process that died after its commit leaves a store behind: the next one brings it up.

    Args:
        conn: The login of the stores' tier, in no transaction.
        stores: Name, such as 'tier1' -> the store.
        about: Ids and counts for whoever recovers; nothing of a person.

    Raises:
        Refused: A store is ahead of the database, which is noted there.
    """
    ahead = {
        n: held for n, objects in stores.items() if (held := _keep_up(conn, n, objects, about))
    }
    if ahead:
        with conn.transaction():
            for name, held in ahead.items():
                conn.execute("select ops.doubt_store(%s, %s)", [name, held])
        counts = " and ".join(f"the {name} store counts {held}" for name, held in ahead.items())
        raise Refused(
            f"{counts} publications and versions, more than this database knows of: it was "
            "restored, or another one writes there; nothing is published or paid before two "
            "persons looked (sxe recover --dry-run)"
        )


def _keep_up(conn: psycopg.Connection, store: str, objects: Objects, about: About) -> int | None:
    """How far the store has counted, where the database did not count that; else None."""
    held = newest_number(objects)
    # Read after the store: what is counted in between is in the database already.
    number, marker_id, counted_at = _counted(conn, store)
    newest = _content(objects, held)
    if held > number or (held == number > 0 and not _is_of(newest, marker_id)):
        return held
    if held < number:
        since = newest.get("counted_at")
        said = about(store, datetime.fromisoformat(since) if since else None)
        try:
            note(objects, number, marker_id, counted_at, about=said)
        except Refused:
            return number
    return None


def note(
    objects: Objects,
    number: int,
    marker_id: UUID,
    counted_at: datetime,
    *,
    about: Mapping[str, Any] | None = None,
    cards: Sequence[str] = (),
) -> None:
    """Write a marker that the database has counted.

    Args:
        objects: The store.
        number: As counted.
        marker_id: Which tells it from the same number of another database.
        counted_at: When it was.
        about: What else it says.
        cards: Whom the commit is about, in an object of their own: whoever brings the store up to
            the database meanwhile writes the marker without them.

    Raises:
        Refused: The store holds another one of that number: another database counts there.
    """
    said = {"number": number, "marker_id": str(marker_id), "counted_at": counted_at.isoformat()}
    if cards:
        put(objects, _key(number, _CARDS), {**said, "cards": list(cards)})
    content = {**(about or {}), **said}
    if not put(objects, _key(number), content) and not _is_of(_content(objects, number), marker_id):
        raise Refused(
            f"the store counts {number} already, which this database did not: it was restored, or "
            "another one writes there; nobody was called (sxe recover --dry-run)"
        )
    if number % _CLEARED_EACH == 0:
        for old in range(max(1, number - KEPT - _CLEARED_EACH), number - KEPT):
            objects.delete(_key(old))
            objects.delete(_key(old, _CARDS))


def put(objects: Objects, key: str, content: Mapping[str, Any]) -> bool:
    """Write an object of a marker; False where the store has it."""
    return objects.put_new(key, json.dumps(content, sort_keys=True).encode())


def newest_number(objects: Objects) -> int:
    """How far the store has counted; 0 where it holds no marker."""
    names = (entry.key.rpartition("/")[2].removesuffix(".json") for entry in objects.list(FOLDER))
    return max((int(name) for name in names if name.isdigit()), default=0)


def since(objects: Objects, number: int) -> list[Marker]:
    """The markers beyond a number, oldest first; those that were never written are left out."""
    beyond = range(number + 1, newest_number(objects) + 1)
    found = [Marker(n, {**_content(objects, n, _CARDS), **_content(objects, n)}) for n in beyond]
    return [marker for marker in found if marker.content]


def counted(conn: psycopg.Connection, store: str) -> int:
    """How far the database has counted what it let into a store."""
    return _counted(conn, store)[0]


def doubts(conn: psycopg.Connection) -> list[str]:
    """Why the database may not go on: 'server', and the names of stores that are ahead of it."""
    with conn.transaction():
        [(found,)] = conn.execute("select ops.doubts()").fetchall()
    return list(found)


def _counted(conn: psycopg.Connection, store: str) -> tuple[int, UUID, Any]:
    with conn.transaction():
        [row] = conn.execute(
            "select number, marker_id, counted_at from ops.marker where store = %s", [store]
        ).fetchall()
    return row


def _content(objects: Objects, number: int, of: str = "") -> dict[str, Any]:
    """What a marker says; nothing where it is not there, or says nothing that we know."""
    try:
        content = json.loads(objects.get(_key(number, of)))
    except (NotFound, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _is_of(content: Mapping[str, Any], marker_id: UUID) -> bool:
    return content.get("marker_id") == str(marker_id)


def _key(number: int, of: str = "") -> str:
    return f"{FOLDER}/{number:012d}{of}.json"

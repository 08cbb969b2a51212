"""What the collections of the landing store say of themselves, taken over into Postgres.

Here: each collection's description and mapping, which of them cannot be read, and `problem`, which
sets a collection aside until it can. Not here: the form of either file (`collection`, `mapping`).
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import psycopg

from sxe_pipeline import audit, logs
from sxe_pipeline.errors import BadInput, NotFound, StoreUnavailable
from sxe_pipeline.ingest import naming
from sxe_pipeline.ingest.collection import (
    COLLECTION,
    MAPPING,
    SIZE_LIMIT,
    Declared,
    declared,
    loaded,
)
from sxe_pipeline.ingest.mapping import mappings
from sxe_pipeline.redact import holds_contact
from sxe_pipeline.store.objects import Entry, Objects

_LONGEST = 300
_NAMED_LIKE_A_CONTACT = "its name holds contact data; rename its folder"


def note(
    conn: psycopg.Connection,
    landing: Objects,
    entries: Sequence[Entry],
    *,
    actor: str,
    now: datetime,
) -> dict[str, str]:
    """Take over what changed; another mapping makes its collection's days pending again.

    Args:
        conn: The transaction of the registration.
        landing: The landing store.
        entries: All of it.
        actor: Who started it.
        now: The time of registration.

    Returns:
        Collections that are to be set aside: name -> what is wrong, in words of ours. What was
        known of them before stays in force.
    """
    found = {entry.key: entry for entry in entries}
    names = sorted({naming.collection_of(landing.url, entry.key) for entry in entries})
    problems: dict[str, str] = {}
    for name in names:
        if holds_contact(name):
            problems[name] = _NAMED_LIKE_A_CONTACT
            continue
        try:
            said = _declared(landing, found, naming.key_in(landing.url, name, COLLECTION))
            mapping = _mapping(landing, found, name)
        except BadInput as why:
            problems[name] = _in_words(str(why))
            continue
        if said:
            _declare(conn, name, *said, actor=actor, now=now)
        _note_mapping(conn, name, mapping)
    _note_problems(conn, problems)
    return problems


def _declared(
    landing: Objects, found: Mapping[str, Entry], key: str
) -> tuple[Declared, bytes] | None:
    text = _text(landing, found, key)
    return None if text is None else (declared(text), text)


def _mapping(landing: Objects, found: Mapping[str, Entry], name: str) -> str | None:
    """The digest of the mapping that a collection's files are read by: its own, else the root's."""
    for key in dict.fromkeys((naming.key_in(landing.url, name, MAPPING), MAPPING)):
        text = _text(landing, found, key)
        if text is not None:
            mappings(text)
            if any(holds_contact(shape["name"]) for shape in loaded(MAPPING, text)["shapes"]):
                raise BadInput(f"{MAPPING}: a shape's name holds contact data; give it another")
            return hashlib.sha256(text).hexdigest()
    return None


def _text(landing: Objects, found: Mapping[str, Entry], key: str) -> bytes | None:
    entry = found.get(key)
    if entry is None:
        return None
    name = key.rpartition("/")[2]
    if entry.size > SIZE_LIMIT:
        raise BadInput(f"{name} is larger than {SIZE_LIMIT >> 10} KiB; correct it")
    try:
        return landing.get(key)
    except NotFound:
        return None
    except StoreUnavailable:
        raise BadInput(f"{name} cannot be read; check its rights") from None


def _in_words(said: str) -> str:
    """A problem as it may be stored and logged: a key that looks like a contact is not repeated."""
    words = " ".join(said.split())[:_LONGEST]
    return words if logs.scrub(words) == words else f"{words.split(':')[0]}; correct it"


def _declare(
    conn: psycopg.Connection,
    collection: str,
    said: Declared,
    text: bytes,
    *,
    actor: str,
    now: datetime,
) -> None:
    changed = conn.execute(
        "insert into ingest.collection as c "
        "(collection, gathered_by, tribes, market, declared_at) values (%s, %s, %s, %s, %s) "
        "on conflict (collection) do update set gathered_by = excluded.gathered_by, "
        "tribes = excluded.tribes, market = excluded.market, "
        "declared_at = excluded.declared_at "
        "where (c.gathered_by, c.tribes, c.market) is distinct from "
        "(excluded.gathered_by, excluded.tribes, excluded.market) returning 1",
        [collection, said.gathered_by, list(said.tribes), said.market, now],
    ).fetchone()
    if changed:
        digest = hashlib.sha256(text).hexdigest()
        audit.append(
            conn,
            "collection.declared",
            actor=actor,
            subject=naming.hashed(collection),
            key=f"{digest}@{now.astimezone(UTC).isoformat()}",
            file_sha256=digest,
            tribe_count=len(said.tribes),
        )


def _note_mapping(conn: psycopg.Connection, collection: str, digest: str | None) -> None:
    conn.execute(
        "insert into ingest.collection as c (collection, mapping_sha256) select %s, %s "
        "where %s::text is not null or exists "
        "(select from ingest.collection where collection = %s) "
        "on conflict (collection) do update set mapping_sha256 = excluded.mapping_sha256 "
        "where c.mapping_sha256 is distinct from excluded.mapping_sha256",
        [collection, digest, digest, collection],
    )


def _note_problems(conn: psycopg.Connection, problems: Mapping[str, str]) -> None:
    problems = {naming.shown(name): problem for name, problem in problems.items()}
    conn.execute(
        "update ingest.collection set problem = null "
        "where problem is not null and collection <> all(%s)",
        [list(problems)],
    )
    for collection, problem in problems.items():
        conn.execute(
            "insert into ingest.collection as c (collection, problem) values (%s, %s) "
            "on conflict (collection) do update set problem = excluded.problem "
            "where c.problem is distinct from excluded.problem",
            [collection, problem],
        )

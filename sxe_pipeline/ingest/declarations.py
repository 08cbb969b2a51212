"""What the collections of the landing store say of themselves, taken over into Postgres.

Here: each collection's description and mapping, which of them cannot be read, and `problem`, which
sets a collection aside until it can. Not here: the form of either file (`collection`, `mapping`).
"""

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from sxe_pipeline import logs
from sxe_pipeline.errors import BadInput, NotFound, StoreUnavailable
from sxe_pipeline.ingest import naming
from sxe_pipeline.ingest.collection import COLLECTION, MAPPING, SIZE_LIMIT, declared, loaded
from sxe_pipeline.ingest.mapping import mappings
from sxe_pipeline.redact import holds_contact
from sxe_pipeline.store import functions
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
    said: list[dict[str, Any]] = []
    for name in names:
        if holds_contact(name):
            problems[name] = _NAMED_LIKE_A_CONTACT
            continue
        try:
            described = _described(landing, found, name)
            mapping = _mapping(landing, found, name)
        except BadInput as why:
            problems[name] = _in_words(str(why))
            continue
        said.append({"collection": name, "mapping_sha256": mapping} | described)
    functions.call_function(conn, "ingest.declare_collections", Jsonb(said), now, actor)
    shown = {naming.shown(name): problem for name, problem in problems.items()}
    functions.call_function(conn, "ingest.set_aside", shown, actor)
    return problems


def _described(landing: Objects, found: Mapping[str, Entry], name: str) -> dict[str, Any]:
    """What a collection says of itself, and the hash of that; nothing where it is silent."""
    text = _text(landing, found, naming.key_in(landing.url, name, COLLECTION))
    if text is None:
        return {}
    return dataclasses.asdict(declared(text)) | {"file_sha256": hashlib.sha256(text).hexdigest()}


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
    words = " ".join(said.split())
    return words[:_LONGEST] if logs.scrub(words) == words else f"{words.split(':')[0]}; correct it"

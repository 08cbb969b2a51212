"""Landing files that are too old are deleted: they are unredacted, and their rows were taken in.

Here: which files, and the order of the deletion. A file first counts as expired, with its event,
and is read by nobody from then on; then it leaves the store; then the row says so, with its event.
A killed deletion is ended by the next one. Not here: how long (`ops.periods`).

The files of a landing day go together, counted from the newest of them, as a day is read again as a
whole. A day that was not taken in as it stands keeps its files. Copies of what expired, and hidden
files, go as well; descriptions and mappings of collections stay.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby, islice
from operator import attrgetter

import psycopg
from psycopg.types.json import Jsonb

from sxe_pipeline import audit
from sxe_pipeline.errors import NotFound
from sxe_pipeline.ingest.collection import COLLECTION, MAPPING
from sxe_pipeline.ingest.register import sha256_of
from sxe_pipeline.ops.retention import Gone, Terms
from sxe_pipeline.schema.landed import LandingFile, files_digest
from sxe_pipeline.store import functions
from sxe_pipeline.store.objects import Entry, Objects

LINE = "landing_files"
SUBJECT = "landing"
_MOST_FILES = 1_000
"""In one event."""


@dataclass(frozen=True, slots=True)
class _File:
    collection: str
    file_sha256: str
    path: str
    byte_count: int
    landed_day: date
    registered_at: datetime
    is_withdrawn: bool
    is_expired: bool


def expire_landing(conn: psycopg.Connection, landing: Objects, terms: Terms) -> Gone:
    """Delete the landing files whose time is over.

    Args:
        conn: The social tier's login, outside of a transaction.
        landing: The landing store.
        terms: Under which.

    Returns:
        The files, copies and hidden ones included, by their landing day.

    Raises:
        StoreUnavailable: The store failed; the next call goes on.
    """
    before = terms.before(LINE)
    if before is None:
        return Gone(LINE, 0, "files", byte_count=0)
    with conn.transaction():
        old = _old(conn, before)
    stored = {entry.key: entry for entry in landing.list()}
    if terms.is_dry_run:
        expired = {file.file_sha256 for file in old} | _expired(conn)
        return _gone(old, list(_strays(conn, landing, stored, before, expired)))
    landing.drop_half_written(before)
    _delete(conn, landing, stored, terms)
    rest = iter(old)
    while batch := list(islice(rest, _MOST_FILES)):
        _expire(conn, batch, terms)
        _delete(conn, landing, stored, terms)
    strays = list(_strays(conn, landing, stored, before, _expired(conn)))
    _delete_strays(conn, landing, strays, terms)
    return _gone(old, strays)


def _old(conn: psycopg.Connection, before: datetime) -> list[_File]:
    """The files of days that were taken in as they stand and that nothing came to lately."""
    rows = conn.execute(
        "select f.collection, f.file_sha256, f.path, f.byte_count, f.landed_day, "
        "f.registered_at, f.withdrawn_at is not null, f.expired_at is not null "
        "from ingest.landing_file f where f.landed_day in (select landed_day "
        "from ingest.landing_file group by 1 having max(registered_at) <= %s "
        "and bool_or(expired_at is null)) order by f.landed_day, f.collection, f.file_sha256",
        [before],
    )
    files = [_File(*row) for row in rows]
    taken_in: dict[date, str] = dict(
        conn.execute(
            "select landed_day, files_digest from social.day_count where inputs <> 'lost'"
        ).fetchall()
    )
    old: list[_File] = []
    for day, of_day in groupby(files, key=attrgetter("landed_day")):
        listed = list(of_day)
        standing = [
            LandingFile(f.collection, f.file_sha256, f.path, f.landed_day, f.registered_at)
            for f in listed
            if not f.is_withdrawn
        ]
        if taken_in.get(day) == files_digest(standing):
            old += [file for file in listed if not file.is_expired]
    return old


def _expire(conn: psycopg.Connection, files: Sequence[_File], terms: Terms) -> None:
    """From here on nobody reads them."""
    with conn.transaction():
        terms.recheck(conn)
        names = [(file.collection, file.file_sha256) for file in files]
        event = audit.record(
            "landing_files.expired",
            actor=terms.actor,
            subject=SUBJECT,
            key=_key(("\0".join(name) for name in names), terms),
            file_count=len(files),
            byte_count=sum(file.byte_count for file in files),
            first_day=files[0].landed_day,
            last_day=files[-1].landed_day,
        )
        functions.call_function(conn, "ingest.expire_files", _named(names), terms.now, event)


def _delete(
    conn: psycopg.Connection, landing: Objects, stored: dict[str, Entry], terms: Terms
) -> None:
    """Take what expired out of the store, and say so; what a killed run left included."""
    while files := _to_delete(conn):
        terms.recheck(conn)
        conn.commit()
        deleted = 0
        for _, digest, path in files:
            if path in stored and _hash(landing, path) == digest:
                landing.delete(path)
                del stored[path]
                deleted += 1
        names = [(collection, digest) for collection, digest, _ in files]
        event = audit.record(
            "landing_files.deleted",
            actor=terms.actor,
            subject=SUBJECT,
            key=_key(("\0".join(name) for name in names), terms),
            file_count=len(files),
            object_count=deleted,
        )
        with conn.transaction():
            functions.call_function(conn, "ingest.delete_files", _named(names), terms.now, event)


def _to_delete(conn: psycopg.Connection) -> list[tuple[str, str, str]]:
    """Expired files that may still be there: collection, hash and path."""
    rows = conn.execute(
        "select collection, file_sha256, path from ingest.landing_file "
        "where expired_at is not null and deleted_at is null "
        "order by collection, file_sha256 limit %s",
        [_MOST_FILES],
    ).fetchall()
    conn.commit()
    return rows


def _expired(conn: psycopg.Connection) -> set[str]:
    with conn.transaction():
        rows = conn.execute(
            "select file_sha256 from ingest.landing_file group by 1 "
            "having bool_and(expired_at is not null)"
        )
        return {digest for (digest,) in rows}


def _strays(
    conn: psycopg.Connection,
    landing: Objects,
    stored: dict[str, Entry],
    before: datetime,
    expired: set[str],
) -> Iterator[Entry]:
    """Objects that no row names and that are as old: copies of what expired, and hidden files."""
    with conn.transaction():
        known = {path for (path,) in conn.execute("select path from ingest.landing_file")}
    for key, entry in sorted(stored.items()):
        name = key.rpartition("/")[2]
        if key in known or entry.modified > before or name in (COLLECTION, MAPPING):
            continue
        if name.startswith(".") or _hash(landing, key) in expired:
            yield entry


def _hash(landing: Objects, key: str) -> str | None:
    """What an object holds now: its path may have been used again. None where it is gone."""
    try:
        with landing.open(key) as stream:
            return sha256_of(stream)
    except NotFound:
        return None


def _delete_strays(
    conn: psycopg.Connection, landing: Objects, strays: Sequence[Entry], terms: Terms
) -> None:
    if not strays:
        return
    said = {
        "actor": terms.actor,
        "subject": SUBJECT,
        "key": _key((e.key for e in strays), terms),
    }
    with conn.transaction():
        terms.recheck(conn)
        event = audit.record("landing_files.expired", **said, stray_count=len(strays))
        functions.call_function(conn, "ingest.expire_files", _named([]), terms.now, event)
    for entry in strays:
        landing.delete(entry.key)
    event = audit.record("landing_files.deleted", **said, stray_count=len(strays))
    with conn.transaction():
        functions.call_function(conn, "ingest.delete_files", _named([]), terms.now, event)


def _key(names: Iterator[str], terms: Terms) -> str:
    digest = hashlib.sha256("\n".join(sorted(names)).encode()).hexdigest()[:32]
    return f"{digest}@{terms.now.isoformat()}"


def _named(names: Sequence[tuple[str, str]]) -> Jsonb:
    return Jsonb(
        [{"collection": collection, "file_sha256": digest} for collection, digest in names]
    )


def _gone(old: Sequence[_File], strays: Sequence[Entry]) -> Gone:
    days = [file.landed_day for file in old]
    return Gone(
        LINE,
        len(old) + len(strays),
        "files",
        min(days, default=None),
        max(days, default=None),
        sum(file.byte_count for file in old) + sum(entry.size for entry in strays),
    )

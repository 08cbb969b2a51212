"""The register of landing files: which file landed when, by collection and SHA-256.

Here: walking the landing store, hashing what is new, and the rows of `ingest.landing_file` and
`ingest.collection`, each with its audit event in the same transaction. Not here: what a file holds.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import groupby
from operator import itemgetter
from typing import BinaryIO, LiteralString
from urllib.parse import unquote, urlsplit

import psycopg

from sxe_pipeline import audit
from sxe_pipeline.errors import NotFound, StoreUnavailable
from sxe_pipeline.ingest.collection import COLLECTION, MAPPING, Declared, declared
from sxe_pipeline.ops import versions
from sxe_pipeline.redact import RULESET_VERSION
from sxe_pipeline.schema.landed import LandedDay, LandingFile, files_digest
from sxe_pipeline.schema.tables import FIRST_DAY
from sxe_pipeline.settings import Pace
from sxe_pipeline.store.objects import Entry, Objects

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_CHUNK = 1 << 20
_SOURCES = ("ingest", "redact", "schema", "social/observe.py", "social/redaction.py")
"""What reads and redacts a row."""


@dataclass(frozen=True, slots=True)
class Registered:
    """What one call found: new files, files known already, the days the new ones landed on.

    `left` counts files that the limits left for the next call, `unreadable` those that could not
    be read; both are tried again.
    """

    new: int
    seen: int
    days: list[date]
    left: int = 0
    unreadable: int = 0


@dataclass(frozen=True, slots=True)
class PendingDay:
    """A landing day that was not observed as it is registered now.

    `is_gathering`: its files still come in, so it is not asked for yet.
    """

    day: date
    inputs: str
    files: int
    is_gathering: bool


def register(
    conn: psycopg.Connection,
    landing: Objects,
    *,
    actor: str,
    limit_files: int | None,
    limit_bytes: int | None,
    now: datetime,
) -> Registered:
    """Register what landed since the last call; the same file twice changes nothing.

    Args:
        conn: The social tier's login. Everything commits together, with its audit events.
        landing: The landing store.
        actor: Who started it.
        limit_files: Files to hash at most, None for all.
        limit_bytes: Bytes to hash at most; one file is always tried. None for all.
        now: The time of registration.

    Returns:
        What was found.

    Raises:
        BadInput: A `_collection.yaml` cannot be read.
        StoreUnavailable: The landing store cannot be listed.
    """
    entries = [entry for entry in landing.list() if entry.size or not entry.key.endswith("/")]
    with conn.transaction():
        _declare(conn, landing, entries, actor=actor, now=now)
        _note_mappings(conn, landing, entries)
        files = [entry for entry in entries if not _is_hidden(entry.key)]
        unknown = list(_unknown(conn, files))
        new, unreadable, tried = 0, 0, 0
        days: set[date] = set()
        for entry in _within(unknown, limit_files, limit_bytes, now):
            tried += 1
            try:
                with landing.open(entry.key) as stream:
                    digest = sha256_of(stream)
            except (NotFound, StoreUnavailable, OSError):
                unreadable += 1
                continue
            day = _landed_day(entry.key, now)
            if _insert(conn, landing, entry, digest, day, actor=actor, now=now):
                new += 1
                days.add(day)
    left = len(unknown) - tried
    seen = len(files) - new - unreadable - left
    return Registered(new, seen, sorted(days), left, unreadable)


def register_all(
    conn: psycopg.Connection,
    landing: Objects,
    *,
    actor: str,
    limit_files: int | None = None,
    limit_bytes: int | None = None,
) -> Registered:
    """`register` at the database's own time: one clock for every process that registers.

    Args:
        conn: The social tier's login.
        landing: The landing store.
        actor: Who started it.
        limit_files: Files to hash at most, None for all.
        limit_bytes: Bytes to hash at most, None for all.
    """
    [(now,)] = conn.execute("select clock_timestamp()").fetchall()
    return register(
        conn,
        landing,
        actor=actor,
        limit_files=limit_files,
        limit_bytes=limit_bytes,
        now=now,
    )


def day_of(conn: psycopg.Connection, day: date) -> LandedDay:
    """What a landing day is made from; its files in the order of collection and hash."""
    found = _days(conn, Pace(), "where f.landed_day = %s", [day])
    return found[0].landed if found else LandedDay(day, [], _inputs([], {}))


def pending_days(conn: psycopg.Connection, pace: Pace) -> list[PendingDay]:
    """The days that were not observed as they are registered now, oldest first.

    A day of which a file has expired is pending only where its files changed: it cannot be read
    again for a new rule.

    Args:
        conn: The social tier's login.
        pace: How long a day gathers its files.
    """
    return [
        PendingDay(day.landed.day, day.landed.inputs, len(day.landed.files), day.is_gathering)
        for day in _days(conn, pace, "", [])
        if not day.is_observed
    ]


@dataclass(frozen=True, slots=True)
class _Day:
    landed: LandedDay
    is_observed: bool
    is_gathering: bool


def _days(
    conn: psycopg.Connection, pace: Pace, where: LiteralString, given: Sequence[object]
) -> list[_Day]:
    mappings: dict[str, str | None] = dict(
        conn.execute("select collection, mapping_sha256 from ingest.collection").fetchall()
    )
    rows = conn.execute(
        # A withdrawn file counts no more; a day without files is made empty.
        "select f.landed_day, f.collection, f.file_sha256, f.path, f.registered_at, "
        "f.withdrawn_at is not null, f.expired_at is not null, c.inputs, c.files_digest, "
        "greatest(f.registered_at, f.withdrawn_at) "
        "> clock_timestamp() - make_interval(secs => %s), "
        "f.registered_at > coalesce(c.counted_at, '-infinity') "
        "and f.registered_at <= clock_timestamp() - make_interval(secs => %s) "
        "from ingest.landing_file f "
        f"left join social.day_count c using (landed_day) {where} "
        "order by f.landed_day, f.collection, f.file_sha256",
        [pace.settle, pace.settle_at_most, *given],
    )
    found = []
    for day, of_day in groupby(rows, key=itemgetter(0)):
        listed = list(of_day)
        files = [LandingFile(row[1], row[2], row[3], day, row[4]) for row in listed if not row[5]]
        landed = LandedDay(day, files, _inputs(files, mappings))
        is_expired, inputs, digest = any(row[6] for row in listed), *listed[0][7:9]
        is_same = inputs == landed.inputs or (is_expired and digest == files_digest(files))
        is_coming = any(row[9] for row in listed) and not any(row[10] for row in listed)
        found.append(_Day(landed, is_same, is_coming))
    return found


def _inputs(files: Sequence[LandingFile], mappings: Mapping[str, str | None]) -> str:
    collections = sorted({file.collection for file in files})
    return versions.digest(
        files=files_digest(files),
        mappings=[(name, mappings.get(name)) for name in collections],
        rules=RULESET_VERSION,
        code=versions.code(*_SOURCES),
    )


def _declare(
    conn: psycopg.Connection,
    landing: Objects,
    entries: Sequence[Entry],
    *,
    actor: str,
    now: datetime,
) -> None:
    for entry in entries:
        folder, _, name = entry.key.rpartition("/")
        if name != COLLECTION or "/" in folder:
            continue
        text = landing.get(entry.key)
        said: Declared = declared(text)
        collection = folder or _root_name(landing)
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
                subject=_named(collection),
                key=f"{digest}@{now.astimezone(UTC).isoformat()}",
                file_sha256=digest,
                tribe_count=len(said.tribes),
            )


def _note_mappings(conn: psycopg.Connection, landing: Objects, entries: Sequence[Entry]) -> None:
    """Which mapping each collection brings: another one makes its days pending again."""
    found = {
        folder or _root_name(landing): hashlib.sha256(landing.get(entry.key)).hexdigest()
        for entry in entries
        for folder, _, name in [entry.key.rpartition("/")]
        if name == MAPPING and "/" not in folder
    }
    everywhere = found.get(_root_name(landing))
    for collection in sorted({_collection(landing, entry.key) for entry in entries}):
        digest = found.get(collection, everywhere)
        conn.execute(
            "insert into ingest.collection as c (collection, mapping_sha256) select %s, %s "
            "where %s::text is not null or exists "
            "(select from ingest.collection where collection = %s) "
            "on conflict (collection) do update set mapping_sha256 = excluded.mapping_sha256 "
            "where c.mapping_sha256 is distinct from excluded.mapping_sha256",
            [collection, digest, digest, collection],
        )


def _insert(
    conn: psycopg.Connection,
    landing: Objects,
    entry: Entry,
    digest: str,
    day: date,
    *,
    actor: str,
    now: datetime,
) -> bool:
    collection = _collection(landing, entry.key)
    inserted = conn.execute(
        "insert into ingest.landing_file "
        "(collection, file_sha256, path, byte_count, landed_day, registered_at) "
        "values (%s, %s, %s, %s, %s, %s) on conflict (collection, file_sha256) do nothing "
        "returning 1",
        [collection, digest, entry.key, entry.size, day, now],
    ).fetchone()
    if not inserted:
        return False
    audit.append(
        conn,
        "landing_file.registered",
        actor=actor,
        subject=digest,
        key=_named(collection),
        landed_day=day,
        byte_count=entry.size,
    )
    return True


def _named(collection: str) -> str:
    """A collection in an audit event, by hash: a folder's name is written by strangers."""
    return hashlib.sha256(collection.encode()).hexdigest()[:32]


def _unknown(conn: psycopg.Connection, files: Sequence[Entry]) -> Iterator[Entry]:
    """Files that are not registered as they stand: another path, size or a later change."""
    rows = conn.execute(
        "select path, byte_count, max(registered_at) from ingest.landing_file group by 1, 2"
    )
    known = {(path, size): registered_at for path, size, registered_at in rows}
    for entry in files:
        registered_at = known.get((entry.key, entry.size))
        if registered_at is None or entry.modified > registered_at:
            yield entry


def _within(
    unknown: Sequence[Entry], limit_files: int | None, limit_bytes: int | None, now: datetime
) -> Iterator[Entry]:
    """As many as the limits allow.

    The start moves with the clock: a copy of a registered file stays unknown by its path, and many
    copies at the front must not keep later files waiting for ever.
    """
    if limit_files is None and limit_bytes is None:
        yield from unknown
        return
    count = len(unknown) if limit_files is None else min(limit_files, len(unknown))
    start = int(now.timestamp()) % len(unknown) if count < len(unknown) else 0
    size = 0
    for at in range(count):
        entry = unknown[(start + at) % len(unknown)]
        size += entry.size
        if at and limit_bytes is not None and size > limit_bytes:
            return
        yield entry


def sha256_of(stream: BinaryIO) -> str:
    """The hash of everything that is left in a stream, in hex."""
    found = hashlib.sha256()
    while piece := stream.read(_CHUNK):
        found.update(piece)
    return found.hexdigest()


def _is_hidden(key: str) -> bool:
    name = key.rpartition("/")[2]
    return name in (COLLECTION, MAPPING) or name.startswith(".")


def _collection(landing: Objects, key: str) -> str:
    folder, slash, _ = key.partition("/")
    return folder if slash else _root_name(landing)


def _root_name(landing: Objects) -> str:
    parts = urlsplit(landing.url)
    return unquote(parts.path.rstrip("/").rpartition("/")[2]) or parts.netloc or "landing"


def _landed_day(key: str, now: datetime) -> date:
    """The day that a folder names, else today. A day that cannot be is just a folder."""
    today = now.astimezone(UTC).date()
    for part in key.split("/")[:-1]:
        if _DAY.fullmatch(part):
            try:
                day = date.fromisoformat(part)
            except ValueError:
                continue
            if FIRST_DAY <= day <= today:
                return day
    return today

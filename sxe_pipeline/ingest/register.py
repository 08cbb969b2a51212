"""The register of landing files: which file landed when, by collection and SHA-256.

Here: walking the landing store, hashing what is new, and the rows of `ingest.landing_file`, each
with its audit event in the same transaction; which days are due. Not here: what a collection says
of itself (`declarations`), what a file holds, taking a file out again (`mend`).
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from itertools import groupby
from operator import itemgetter
from typing import BinaryIO, LiteralString

import psycopg
from psycopg.types.json import Jsonb

from sxe_pipeline.errors import NotFound, StoreUnavailable
from sxe_pipeline.ingest import declarations, naming
from sxe_pipeline.ops import versions
from sxe_pipeline.redact import RULESET_VERSION, holds_contact
from sxe_pipeline.schema.landed import LandedDay, LandingFile, files_digest
from sxe_pipeline.settings import Pace
from sxe_pipeline.store import functions, sql
from sxe_pipeline.store.objects import Entry, Objects

_CHUNK = 1 << 20
_FILES_A_CALL = 1_000
_OF_SOCIAL = ("observe", "day", "redaction", "posts")
_SOURCES = ("ingest", "redact", "schema", *(f"social/{name}.py" for name in _OF_SOCIAL))
"""What reads and redacts a row."""
_NAMED = "their names hold contact data; rename these files or their folders"


@dataclass(frozen=True, slots=True)
class SetAside:
    """A collection of which nothing is taken in until what it says of itself is mended."""

    collection: str
    problem: str
    files: int

    def __str__(self) -> str:
        return f"collection {self.collection} is set aside, {self.files} files: {self.problem}"


@dataclass(frozen=True, slots=True)
class Registered:
    """What one call found: new files, files known already, the days the new ones landed on.

    `left` counts files that the limits left for the next call, `unreadable` those that could not
    be read or listed; both are tried again.
    """

    new: int
    seen: int
    days: list[date]
    left: int = 0
    unreadable: int = 0
    set_aside: Sequence[SetAside] = ()


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
    again: Collection[str] = (),
) -> Registered:
    """Register what landed since the last call; the same file twice changes nothing.

    Args:
        conn: The social tier's login. Everything commits together, with its audit events.
        landing: The landing store.
        actor: Who started it.
        limit_files: Files to hash at most, None for all.
        limit_bytes: Bytes to hash at most; one file is always tried. None for all.
        now: The time of registration.
        again: Keys that somebody handed in just now: withdrawn content among them counts anew.

    Returns:
        What was found. A collection whose declarations cannot be read is set aside: none of its new
        files is registered until they are mended.

    Raises:
        StoreUnavailable: The landing store cannot be listed.
    """
    entries = [entry for entry in landing.list() if entry.size or not entry.key.endswith("/")]
    with conn.transaction():
        problems = declarations.note(conn, landing, entries, actor=actor, now=now)
        files = [entry for entry in entries if naming.is_data(entry.key.split("/"))]
        unknown = list(_unknown(conn, files, again))
        aside = Counter(naming.collection_of(landing.url, e.key) for e in unknown)
        unknown = [e for e in unknown if naming.collection_of(landing.url, e.key) not in problems]
        telling = {entry.key for entry in unknown if holds_contact(entry.key)}
        named = Counter(naming.collection_of(landing.url, key) for key in telling)
        unknown = [entry for entry in unknown if entry.key not in telling]
        fresh: dict[tuple[str, str], Fresh] = {}
        unreadable, tried = 0, 0
        for entry in _within(unknown, limit_files, limit_bytes, now):
            tried += 1
            try:
                with landing.open(entry.key) as stream:
                    digest = sha256_of(stream)
            except (NotFound, StoreUnavailable, OSError):
                unreadable += 1
                continue
            day = naming.day_of(entry.key.split("/")[:-1], _today(now)) or _today(now)
            collection = naming.collection_of(landing.url, entry.key)
            file = Fresh(collection, digest, entry, day, is_again=entry.key in again)
            fresh[collection, digest] = _merged(fresh.get((collection, digest)), file)
        landed = insert(conn, list(fresh.values()), actor=actor, now=now)
    new, days = len(landed), {file.day for file in landed}
    left = len(unknown) - tried
    unreadable += landing.unlisted
    set_aside = tuple(
        SetAside(naming.shown(name), words, aside[name]) for name, words in sorted(problems.items())
    ) + tuple(SetAside(name, _NAMED, files) for name, files in sorted(named.items()))
    seen = (
        len(files)
        + landing.unlisted
        - new
        - unreadable
        - left
        - sum(each.files for each in set_aside)
    )
    return Registered(new, seen, sorted(days), left, unreadable, set_aside)


def register_all(
    conn: psycopg.Connection,
    landing: Objects,
    *,
    actor: str,
    limit_files: int | None = None,
    limit_bytes: int | None = None,
    again: Collection[str] = (),
) -> Registered:
    """`register` at the database's own time: one clock for every process that registers.

    Args:
        conn: The social tier's login.
        landing: The landing store.
        actor: Who started it.
        limit_files: Files to hash at most, None for all.
        limit_bytes: Bytes to hash at most, None for all.
        again: Keys that somebody handed in just now.
    """
    return register(
        conn,
        landing,
        actor=actor,
        limit_files=limit_files,
        limit_bytes=limit_bytes,
        now=sql.now(conn),
        again=again,
    )


def day_of(conn: psycopg.Connection, day: date) -> LandedDay:
    """What a landing day is made from; its files in the order of collection and hash."""
    found = _days(conn, Pace(), "where f.landed_day = %s", [day])
    return found[0].landed if found else LandedDay(day, [], _inputs([], {}))


def pending_days(conn: psycopg.Connection, pace: Pace) -> list[PendingDay]:
    """The days that were not observed as they are registered now, oldest first.

    A day of which a file has expired, or is set aside, is pending only where its files or the
    redaction rules changed: for those its stored rows are gone through again, for nothing else.

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
        "and f.registered_at <= clock_timestamp() - make_interval(secs => %s), "
        "p.problem is not null, exists (select from social.file_count n "
        "where (n.collection, n.file_sha256, n.landed_day) "
        "= (f.collection, f.file_sha256, f.landed_day)), "
        "c.ruleset_version = %s or c.observations_expired_at is not null "
        "from ingest.landing_file f left join ingest.collection p using (collection) "
        f"left join social.day_count c using (landed_day) {where} "
        "order by f.landed_day, f.collection, f.file_sha256",
        [pace.settle, pace.settle_at_most, RULESET_VERSION, *given],
    )
    found = []
    for day, of_day in groupby(rows, key=itemgetter(0)):
        listed = list(of_day)
        # What was set aside before it was ever observed waits until that is mended.
        files = [
            LandingFile(
                row[1], row[2], row[3], day, row[4], mappings.get(row[1]), row[6] or row[11]
            )
            for row in listed
            if not row[5] and (row[12] or not row[11])
        ]
        inputs, digest = listed[0][7:9]
        if not files and inputs is None and not any(row[5] for row in listed):
            continue
        landed = LandedDay(day, files, _inputs(files, mappings))
        # A new mapping is no reason to begin with files that cannot be read again. New redaction
        # rules are: they go through the stored rows.
        is_kept = any(file.is_kept for file in files) and listed[0][13]
        is_same = inputs == landed.inputs or (is_kept and digest == files_digest(files))
        is_coming = any(row[9] for row in listed) and not any(row[10] for row in listed)
        found.append(_Day(landed, is_same, is_coming))
    return found


def _inputs(files: Sequence[LandingFile], mappings: Mapping[str, str | None]) -> str:
    collections = sorted({file.collection for file in files})
    return versions.digest(
        files=files_digest(files),
        mappings=[(name, mappings.get(name)) for name in collections],
        kept=sorted(file.file_sha256 for file in files if file.is_kept),
        rules=RULESET_VERSION,
        code=versions.code(*_SOURCES),
    )


@dataclass(frozen=True, slots=True)
class Fresh:
    """A file that is to be registered; `is_again`: somebody handed it in just now."""

    collection: str
    file_sha256: str
    entry: Entry
    day: date
    is_again: bool


def _merged(known: Fresh | None, file: Fresh) -> Fresh:
    """Two copies of one content are one file, as new as the newer of them."""
    if known is None:
        return file
    newer = max(known.entry.modified, file.entry.modified)
    return replace(
        known,
        entry=replace(known.entry, modified=newer),
        is_again=known.is_again or file.is_again,
    )


def insert(
    conn: psycopg.Connection, files: Sequence[Fresh], *, actor: str, now: datetime
) -> list[Fresh]:
    """Register files, each with its event; answers those that were not registered before.

    Withdrawn content that landed again counts anew only once the day that it is taken out of was
    made without it.

    Args:
        conn: The social tier's login, in a transaction.
        files: Each collection and hash once.
        actor: Who started it.
        now: The time of registration.
    """
    landed: list[Fresh] = []
    for start in range(0, len(files), _FILES_A_CALL):
        known = {
            (file.collection, file.file_sha256): file for file in files[start:][:_FILES_A_CALL]
        }
        rows = [
            {
                "collection": file.collection,
                "file_sha256": file.file_sha256,
                "path": file.entry.key,
                "byte_count": file.entry.size,
                "landed_day": file.day.isoformat(),
                "is_again": file.is_again,
                "modified": file.entry.modified.isoformat(),
            }
            for file in known.values()
        ]
        made = functions.function_rows(conn, "ingest.register_files", Jsonb(rows), now, actor)
        landed += [known[collection, digest] for collection, digest in made]
    return landed


def _unknown(
    conn: psycopg.Connection, files: Sequence[Entry], again: Collection[str]
) -> Iterator[Entry]:
    """Files that are not registered as they stand: another path, size or a later change."""
    rows = conn.execute(
        "select path, byte_count, max(registered_at) from ingest.landing_file group by 1, 2"
    )
    known = {(path, size): registered_at for path, size, registered_at in rows}
    for entry in files:
        registered_at = known.get((entry.key, entry.size))
        if registered_at is None or entry.modified > registered_at or entry.key in again:
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


def _today(now: datetime) -> date:
    return now.astimezone(UTC).date()

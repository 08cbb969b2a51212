"""Taking a landed file out again, or another into its place: with a reason, and an audit event.

Here: finding a registered file by what a person types, withdrawing and replacing it. The next build
of its day makes that day without its rows. Not here: what files brought (`inventory`), building.
"""

import dataclasses
import hashlib
import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import psycopg
from psycopg.rows import class_row

from sxe_pipeline.errors import BadInput, Busy, NotFound
from sxe_pipeline.ingest import land, naming, register
from sxe_pipeline.privacy import record
from sxe_pipeline.store import sql
from sxe_pipeline.store.functions import call_function
from sxe_pipeline.store.objects import Entry, Objects

_HASH = re.compile(r"[0-9a-f]{4,64}")
_LONGEST_REASON = 500


@dataclass(frozen=True)
class Known:
    """A line of the register. `withdrawn_at` is null while the file counts."""

    collection: str
    file_sha256: str
    path: str
    byte_count: int
    landed_day: date
    registered_at: datetime
    expired_at: datetime | None
    withdrawn_at: datetime | None
    withdrawn_reason: str | None


@dataclass(frozen=True)
class Mended:
    """What a change did; `is_new` is false where the file had been withdrawn before.

    `replaced_by` is the hash of what stands in its place, `is_landed` whether that is new.
    """

    file: Known
    is_new: bool
    replaced_by: str | None = None
    is_landed: bool = False


def find(conn: psycopg.Connection, landing: Objects, name: str) -> Known:
    """The registered file that a person means.

    Args:
        conn: The social tier's login.
        landing: The landing store.
        name: The beginning of its hash, four digits at least; its path below the landing store; or
            where it lies on this disk.

    Raises:
        NotFound: No registered file is called that.
        BadInput: Several are.
    """
    path = name
    with suppress(OSError):
        if Path(name).is_file():
            path = land.key_inside(landing, Path(name)) or name
    start = name.lower() if _HASH.fullmatch(name.lower()) else None
    with conn.cursor(row_factory=class_row(Known)) as cursor:
        found = cursor.execute(
            "select collection, file_sha256, path, byte_count, landed_day, registered_at, "
            "expired_at, withdrawn_at, withdrawn_reason from ingest.landing_file "
            "where path = %s or starts_with(file_sha256, %s) "
            "order by withdrawn_at nulls first, collection",
            [path, start],
        ).fetchall()
    # A path may have held several files, one after the other: the one that counts is meant.
    counting = [file for file in found if file.withdrawn_at is None]
    found = counting or found
    if not found:
        raise NotFound(
            "no registered file is called that (a path below the landing store, or four digits of "
            "its hash at least); see `sxe landing list`"
        )
    if len(found) > 1:
        raise BadInput(
            f"{len(found)} registered files are called that; give more of the hash, or the path"
        )
    return found[0]


def reason_of(text: str) -> str:
    """A reason as it may be kept.

    Raises:
        BadInput: It says nothing, is too long, or looks like contact data.
    """
    words = " ".join(text.split())
    if not words or len(words) > _LONGEST_REASON:
        raise BadInput(f"a reason has 1 to {_LONGEST_REASON} characters")
    record.refuse_contact(words, "reason")
    return words


def withdraw(conn: psycopg.Connection, file: Known, *, reason: str, actor: str) -> Mended:
    """Let a file count no more; its rows go when its day is built again.

    Args:
        conn: The social tier's login; row and event commit together.
        file: As `find` answered.
        reason: Kept beside the file; the event holds its hash.
        actor: Who does it.

    Raises:
        BadInput: The reason cannot be kept.
    """
    with conn.transaction():
        return _withdraw(conn, file, reason_of(reason), actor, None)


def replace(
    conn: psycopg.Connection, landing: Objects, file: Known, new: Path, *, reason: str, actor: str
) -> Mended:
    """Land a file on the day and in the collection of another, which counts no more from then on.

    The copy comes first and the register last: where this is killed between, it can be repeated.

    Args:
        conn: The social tier's login; both lines and their events commit together.
        landing: The landing store.
        file: As `find` answered.
        new: The file that takes its place. Where it lies in the landing store it stays there.
        reason: Kept beside the old file; the event holds its hash.
        actor: Who does it.

    Raises:
        BadInput: The new file cannot be read, is no data, lies in another collection, or has the
            content of the old one; or the reason cannot be kept.
        Busy: The new content was withdrawn from another day, which is not yet built without it.
    """
    words = reason_of(reason)
    data = replacement(landing, file, new)
    digest = hashlib.sha256(data).hexdigest()
    key = land.key_inside(landing, new)
    if key is None:
        key = land.key_of(file.collection, (), new.name, data, file.landed_day)
        landing.put_new(key, data)
    with conn.transaction():
        now = sql.now(conn)
        entry = Entry(key, len(data), now)
        fresh = register.Fresh(file.collection, digest, entry, file.landed_day, is_again=True)
        is_landed = bool(register.insert(conn, [fresh], actor=actor, now=now))
        waits = conn.execute(
            "select 1 from ingest.landing_file where (collection, file_sha256) = (%s, %s) "
            "and withdrawn_at is not null",
            [file.collection, digest],
        ).fetchone()
        if waits:
            raise Busy(
                "the new content was withdrawn from another day, which is still to be built "
                "without it; run `sxe build`, then this again"
            )
        done = _withdraw(conn, file, words, actor, digest)
        return dataclasses.replace(done, is_landed=is_landed)


def replacement(landing: Objects, file: Known, new: Path) -> bytes:
    """The content that would take a file's place; nothing is written.

    Raises:
        BadInput: As `replace` does.
    """
    try:
        data = new.read_bytes()
    except OSError as why:
        raise BadInput(f"the new file cannot be read ({type(why).__name__})") from None
    if not naming.is_data([new.name]):
        raise BadInput("the new file is hidden, half written or a marker; give it another name")
    key = land.key_inside(landing, new)
    if key is not None and naming.collection_of(landing.url, key) != file.collection:
        raise BadInput("the new file lies in another collection of the landing store")
    if hashlib.sha256(data).hexdigest() == file.file_sha256:
        raise BadInput(
            "the new file has the content of the old one; to bring a lost file back, copy it to "
            "its path in the landing store"
        )
    return data


def _withdraw(
    conn: psycopg.Connection, file: Known, reason: str, actor: str, by: str | None
) -> Mended:
    withdrawn = call_function(
        conn, "ingest.withdraw_file", file.collection, file.file_sha256, reason, by, actor
    )
    return Mended(file, withdrawn is not None, by)

"""Everything a run needs, looked at: what was seen, and what to do where it is not right.

Each check answers for itself; one that fails does not stop the others. No check writes, but for the
probe objects in the stores, which it deletes again.
"""

import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import psycopg

from sxe_pipeline.errors import SxeError
from sxe_pipeline.local import attach
from sxe_pipeline.ops import continuity, days
from sxe_pipeline.settings import DATABASES, STORES, Settings
from sxe_pipeline.store import catalogue, disk, objects, roles, sql

FREE_BYTES = 2 * 1024**3


@dataclass(frozen=True)
class Check:
    """One answer: state is 'ok', 'warn' or 'fail'; `fix` is empty where nothing is to be done."""

    name: str
    state: str
    seen: str
    fix: str = ""


def examine(settings: Settings) -> list[Check]:
    """Run every check."""
    found = [_python(), _disk(settings)]
    found += [_store(name, getattr(settings, name)) for name in STORES]
    with ExitStack() as stack:
        try:
            held = stack.enter_context(attach.attached(settings, *attach.ROLES))
        except SxeError as error:
            return [
                *found,
                Check("database", "fail", str(error), "do what it says, then look again"),
            ]
        found += _database(held.settings)
    return found


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    return Check("python", "ok" if sys.version_info >= (3, 11) else "fail", version)


def _disk(settings: Settings) -> Check:
    disk.private_folder(settings.home, 0o711)
    free = shutil.disk_usage(settings.home).free
    if free >= FREE_BYTES:
        return Check("disk", "ok", f"{free / 1024**3:.1f} GiB free")
    return Check("disk", "warn", f"{free / 1024**2:.0f} MiB free", "free at least 2 GiB")


def _store(name: str, url: str) -> Check:
    key = f".probe-{secrets.token_hex(8)}"
    title = f"store {name.removesuffix('_url')}"
    try:
        store = objects.Objects(url)
        first, second = store.put_new(key, b"1"), store.put_new(key, b"2")
        store.delete(key)
    except SxeError as error:
        return Check(title, "fail", str(error), "check the URL, its credentials and its rights")
    if first and not second:
        return Check(title, "ok", "writable, and refuses to overwrite")
    return Check(
        title, "warn", "overwrites what exists", "rely on the database row as the commit point"
    )


def _database(settings: Settings) -> Iterator[Check]:
    databases = set()
    for name, variable in DATABASES.items():
        title = f"login {name.removesuffix('_dsn')}"
        if getattr(settings, name) is None:
            yield Check(title, "warn", "not set for this process", f"set {variable} if it needs it")
            continue
        try:
            with sql.open_unchecked(settings.need(name)) as conn:
                user, database, is_super, version = _who(conn)
        except SxeError as error:
            yield Check(title, "fail", str(error), "check the URL")
            continue
        databases.add(database)
        state, fix = ("fail", "use a login without superuser rights") if is_super else ("ok", "")
        yield Check(title, state, f"{user}, PostgreSQL {version}", fix)
    if len(databases) > 1:
        yield Check(
            "one database",
            "fail",
            f"the logins reach {len(databases)}",
            "point all at one database",
        )
    else:
        yield Check("one database", "ok", "every login reaches the same")
    yield from _catalogue(settings)
    if settings.social_dsn:
        yield _continuity(settings)
        yield _first_day(settings)
    yield _refused(settings, "audit is append-only", "update audit.event set actor = actor")
    yield _refused(settings, "no way into Dagster's tables", "select 1 from dagster.runs limit 1")


def _catalogue(settings: Settings) -> Iterator[Check]:
    """Whether the database is this package's, and whether its roles behave as they must."""
    dsn = next((d for name in DATABASES if (d := getattr(settings, name))), None)
    if dsn is None:
        return
    try:
        with sql.open_unchecked(dsn) as conn:
            catalogue.require_fit(conn)
            unset = roles.missing_settings(conn)
    except SxeError as error:
        yield Check("catalogue", "fail", str(error), "run `sxe migrate`")
        return
    newest = catalogue.revisions()[-1].number
    yield Check("catalogue", "ok", f"revision {newest}, functions and grants as shipped")
    if unset:
        yield Check("sessions", "fail", f"{len(unset)} settings missing", "run `sxe migrate`")
    else:
        yield Check("sessions", "ok", "time zone, search path and waits of every role are set")


def _continuity(settings: Settings) -> Check:
    """Whether this is the database that its stores remember."""
    title = "continuity"
    try:
        with sql.connect(settings.need("social_dsn")) as conn:
            doubts = continuity.doubts(conn)
            for name, url in (("tier1", settings.tier1_url), ("handoff", settings.handoff_url)):
                held = continuity.newest_number(objects.Objects(url))
                if held > continuity.counted(conn, name):
                    doubts = sorted({*doubts, name})
    except (psycopg.Error, SxeError) as error:
        return Check(title, "warn", type(error).__name__, "run `sxe migrate`")
    if not doubts:
        return Check(title, "ok", "the database is the one that its stores remember")
    seen = f"restored or failed over, and behind what was done: {', '.join(doubts)}"
    return Check(title, "fail", seen, "look at it: `sxe recover --dry-run`")


def _first_day(settings: Settings) -> Check:
    """Landed days that are never taken in, because they lie before the first one."""
    title = "first day"
    try:
        with sql.connect(settings.need("social_dsn")) as conn:
            older = days.older_than(conn, settings.first_day)
    except (psycopg.Error, SxeError) as error:
        return Check(title, "warn", type(error).__name__, "run `sxe migrate`")
    if settings.first_day is None:
        return Check(title, "ok", "not set: every landed day is shown and built")
    seen = f"{settings.first_day}; {len(older.days)} landed days are older"
    if not older.waiting:
        return Check(title, "ok", seen)
    named = ", ".join(day.isoformat() for day in older.waiting[:10])
    more = f" and {len(older.waiting) - 10} more" if len(older.waiting) > 10 else ""
    return Check(
        title,
        "warn",
        f"{seen}, and were never taken in: {named}{more}",
        "set SXE_FIRST_DAY to the oldest of them and start the engine again, or leave them out",
    )


def _who(conn: psycopg.Connection) -> tuple[str, tuple[str, ...], bool, str]:
    """Who is logged in, to which database of which server, as a superuser or not.

    A pooler reaches the server by another address, so the server is known by its identifier.
    """
    row = conn.execute(
        "select current_user, current_database(), system_identifier::text, "
        "(select rolsuper from pg_roles where rolname = current_user), "
        "current_setting('server_version') from pg_control_system()"
    ).fetchone()
    user, name, server, is_super, version = row or ("?", "?", "?", True, "?")
    return user, (name, server), is_super, version


def _refused(settings: Settings, name: str, statement: str) -> Check:
    """A statement that the social tier must not be able to run."""
    try:
        with sql.open_unchecked(settings.need("social_dsn")) as conn:
            conn.execute(statement.encode())
            conn.rollback()
    except psycopg.errors.InsufficientPrivilege:
        return Check(name, "ok", "refused by PostgreSQL")
    except (psycopg.Error, SxeError) as error:
        return Check(name, "warn", type(error).__name__, "run `sxe migrate`")
    return Check(name, "fail", "allowed", "run `sxe migrate`, which restores the grants")

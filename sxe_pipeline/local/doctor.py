"""Everything a run needs, looked at: what was seen, and what to do where it is not right.

Each check answers for itself; one that fails does not stop the others. No check writes, but for the
probe objects in the stores, which it deletes again. Not here: what one process of a deployment
needs (`doctor_of_process`).
"""

import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import psycopg

from sxe_pipeline.audit import seal
from sxe_pipeline.errors import SxeError
from sxe_pipeline.local import attach, home
from sxe_pipeline.ops import continuity, days, versions
from sxe_pipeline.settings import DATABASES, Settings
from sxe_pipeline.store import catalogue, disk, objects, roles, sql, upkeep

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
    found = machine(settings)
    found += [store(name, url) for name, url in settings.stores.items()]
    with ExitStack() as stack:
        try:
            held = stack.enter_context(attach.attached(settings, *attach.ROLES))
        except (OSError, SxeError) as error:
            seen = words(home.fault(settings.home, error) or error)
            return [*found, Check("database", "fail", seen, "do what it says, then look again")]
        found += _database(held.settings)
    return found


def machine(settings: Settings) -> list[Check]:
    """What the checks of any process begin with."""
    return [_python(), _disk(settings)]


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    return Check("python", "ok" if sys.version_info >= (3, 11) else "fail", version)


def _disk(settings: Settings) -> Check:
    try:
        disk.private_folder(settings.home, 0o711)
        with tempfile.TemporaryFile(dir=settings.home):
            free = shutil.disk_usage(settings.home).free
    except OSError as error:
        seen = f"the home {settings.home} cannot be written ({type(error).__name__})"
        return Check("disk", "fail", seen, "point SXE_HOME at a folder of this user")
    if free >= FREE_BYTES:
        return Check("disk", "ok", f"{free / 1024**3:.1f} GiB free")
    return Check("disk", "warn", f"{free / 1024**2:.0f} MiB free", "free at least 2 GiB")


def store(name: str, url: str) -> Check:
    """Whether a store takes an object, gives it back, lists it and never replaces it.

    Args:
        name: A key of `STORES`.
        url: Its address.
    """
    folder, is_local = f".probe-{secrets.token_hex(8)}", url.startswith("file:")
    key = folder if is_local else f"{folder}/object"  # a local folder would be left behind
    title = f"store {name.removesuffix('_url')}"
    try:
        opened = objects.Objects(url, is_patient=False)
        first, second = opened.put_new(key, b"1"), opened.put_new(key, b"2")
        try:
            is_read = opened.get(key) == b"1"
            is_listed = is_local or [entry.key for entry in opened.list(folder)] == [key]
        finally:
            opened.delete(key)
    except SxeError as error:
        return Check(title, "fail", str(error), "check the URL, its credentials and its rights")
    if first and is_read and is_listed and not second:
        return Check(title, "ok", "writable, readable, and refuses to overwrite")
    return Check(
        title, "warn", "overwrites what exists", "rely on the database row as the commit point"
    )


def readable(name: str, url: str) -> Check:
    """Whether a store can be read by who may not write there.

    Args:
        name: A key of `STORES`.
        url: Its address.
    """
    title = f"store {name.removesuffix('_url')}"
    try:
        objects.Objects(url, is_patient=False).exists(".probe")
    except SxeError as error:
        return Check(title, "fail", str(error), "check the URL, its credentials and its rights")
    return Check(title, "ok", "readable")


def _database(settings: Settings) -> Iterator[Check]:
    databases = set()
    for name, variable in DATABASES.items():
        title = f"login {name.removesuffix('_dsn')}"
        if getattr(settings, name) is None:
            yield Check(title, "warn", "not set for this process", f"set {variable} if it needs it")
            continue
        try:
            with sql.open_unchecked(settings.need(name)) as conn:
                seen = who(conn)
        except SxeError as error:
            yield Check(title, "fail", str(error), "check the URL")
            continue
        databases.add((seen.database, seen.server))
        state, fix = ("ok", "")
        if seen.is_super:
            state, fix = "fail", "use a login without superuser rights"
        yield Check(title, state, f"{seen.user}, PostgreSQL {seen.version}", fix)
    yield one_database(len(databases))
    yield from catalogue_of(settings)
    if settings.social_dsn:
        yield from walls(settings)
    if settings.sealer_dsn:
        yield seals(settings)


def one_database(count: int) -> Check:
    """Whether logins that reach so many databases reach the same."""
    title = "one database"
    if count > 1:
        return Check(title, "fail", f"the logins reach {count}", "point all at one database")
    return Check(title, "ok", "every login reaches the same")


def walls(settings: Settings) -> Iterator[Check]:
    """What the social tier must not be able to do, what it lost, and landed days it leaves out."""
    yield _continuity(settings)
    yield _tier1(settings)
    yield _first_day(settings)
    yield _refused(settings, "audit is append-only", "update audit.event set actor = actor")
    yield _refused(settings, "no way into Dagster's tables", "select 1 from dagster.runs limit 1")


def seals(settings: Settings) -> Check:
    """Whether the audit log is sealed, but for what is young."""
    title = "seals"
    try:
        with sql.connect(settings.need("sealer_dsn")) as conn:
            newest, waits, late = seal.lag(conn)
    except (psycopg.Error, SxeError) as error:
        return Check(title, "warn", words(error), "run `sxe migrate`")
    seen = f"{newest} seals, {waits} events wait for the next"
    if not late:
        return Check(title, "ok", seen)
    fix = "run `sxe worker seal`, or `sxe worker seal --once`; docs/runbooks/seals.md"
    return Check(title, "warn", f"{seen}, {late} of them longer than five minutes", fix)


def catalogue_of(settings: Settings) -> Iterator[Check]:
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
                held = continuity.newest_number(objects.Objects(url, is_patient=False))
                if held > continuity.counted(conn, name):
                    doubts = sorted({*doubts, name})
    except (psycopg.Error, SxeError) as error:
        return Check(title, "warn", type(error).__name__, "run `sxe migrate`")
    if not doubts:
        return Check(title, "ok", "the database is the one that its stores remember")
    seen = f"restored or failed over, and behind what was done: {', '.join(doubts)}"
    return Check(title, "fail", seen, "look at it: `sxe recover --dry-run`")


def _tier1(settings: Settings) -> Check:
    """Whether the store has every version of Tier 1 that the database names, byte by byte."""
    title = "tier 1"
    try:
        with sql.connect(settings.need("social_dsn")) as conn:
            named = versions.stored(conn)
        bad = {n: upkeep.damaged(settings.tier1_url, n, found) for n, found in named.items()}
    except (psycopg.Error, SxeError) as error:
        return Check(title, "warn", words(error), "mend what it names, then look again")
    lost = [f"{name} ({count} files)" for name, count in bad.items() if count]
    if not lost:
        return Check(title, "ok", f"the store holds all {len(named)} tables that are named")
    seen = f"the store lacks what was written, or holds something else: {', '.join(lost)}"
    return Check(title, "fail", seen, "look what landing brings back: `sxe recover --dry-run`")


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
        "set SXE_FIRST_DAY to the oldest of them and start SXE again, or leave them out",
    )


@dataclass(frozen=True)
class Who:
    """Who is logged in, to which database of which server."""

    user: str
    database: str
    server: str
    is_super: bool
    version: str


def who(conn: psycopg.Connection) -> Who:
    """Who is logged in, to which database of which server, as a superuser or not.

    A pooler reaches the server by another address, so the server is known by its identifier.
    """
    row = conn.execute(
        "select current_user, current_database(), system_identifier::text, "
        "(select rolsuper from pg_roles where rolname = current_user), "
        "current_setting('server_version') from pg_control_system()"
    ).fetchone()
    return Who(*(row or ("?", "?", "?", True, "?")))


def words(error: Exception) -> str:
    """An error in words of ours; of a driver's only the kind, its text may quote what was sent."""
    return str(error) if isinstance(error, SxeError) else type(error).__name__


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

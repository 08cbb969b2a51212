"""Bring a database to this package: roles, tables, living SQL and a stamp, in one transaction.

Here: the order of it, and every reason to refuse. What is killed or refused leaves the database as
it was. The tables are in `versions/`, the living SQL beside its room, replayed by `routines`.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import sql as compose

from sxe_pipeline.errors import BadConfig, Busy, Refused, StoreUnavailable
from sxe_pipeline.store import catalogue, roles, routines, sql
from sxe_pipeline.store.catalogue import OWNER

OLDEST = 150000
"""PostgreSQL 15: UNIQUE NULLS NOT DISTINCT, which the read models need."""

WAIT_S = 600
"""How long a migration waits for another one, or for a writer to finish its day."""


@dataclass(frozen=True)
class Migrated:
    """What was done, or would be.

    Attributes:
        revisions: Numbers of the revisions that were run.
        files: Files of living SQL that were replayed.
        dropped: Objects that stood in no file.
        role_statements: What another login must run, for roles that this one may not alter.
    """

    revisions: tuple[int, ...]
    files: tuple[str, ...]
    dropped: tuple[str, ...]
    role_statements: tuple[str, ...]

    @property
    def is_change(self) -> bool:
        """Whether the database differs from before."""
        return bool(self.revisions or self.files or self.dropped)


class _DryRun(Exception):
    """Ends the transaction of a dry run."""


def upgrade(
    admin_dsn: str, passwords: Mapping[str, str] | None = None, *, is_dry_run: bool = False
) -> Migrated:
    """Migrate; a second call changes nothing, and two calls at once run one after the other.

    Args:
        admin_dsn: The migrating login. It owns the database and needs no superuser.
        passwords: Role -> password, for roles that are made here.
        is_dry_run: Do everything, then take it back.

    Raises:
        BadConfig: The server is too old, a role is missing, or the database is of another package.
        Refused: The database or what is in it belongs to somebody else, or tables were changed by
            hand.
        Busy: Somebody holds the database for longer than `WAIT_S`.
        StoreUnavailable: The database cannot be reached, or went away; nothing was migrated.
    """
    done: Migrated | None = None
    try:
        with _refusals(), sql.open_unchecked(admin_dsn) as conn:
            done = _upgrade(conn, passwords or {})
            if is_dry_run:
                raise _DryRun
    except _DryRun:
        pass
    assert done is not None  # noqa: S101 - every other way out raises
    return done


def open_database(conn: psycopg.Connection) -> None:
    """Let the tiers in and nobody else, and close what PostgreSQL leaves open to everybody.

    Grants on a database are not copied with a template.
    """
    # Not the URL's: a pool may be called otherwise than its database.
    (name,) = conn.execute("select current_database()").fetchone() or ("",)
    database = compose.Identifier(name)
    tiers = compose.SQL(", ").join(compose.Identifier(role) for role in roles.TIERS)
    for statement in (
        "revoke all on database {database} from public",
        "grant connect on database {database} to {tiers}",
        "grant create on database {database} to sxe_owner",
        "revoke all on schema public from public",
    ):
        conn.execute(compose.SQL(statement).format(database=database, tiers=tiers))


def _upgrade(conn: psycopg.Connection, passwords: Mapping[str, str]) -> Migrated:
    _check_server(conn)
    conn.execute(f"set local lock_timeout = '{WAIT_S}s'")
    conn.execute("set local statement_timeout = 0")
    conn.execute("set local search_path = pg_catalog")
    conn.execute("select pg_advisory_xact_lock(hashtext('sxe migration'))")
    roles.ensure(conn, passwords)
    _check_owner(conn)
    pending = _pending(conn)
    left = roles.settle_sessions(conn)
    open_database(conn)
    conn.execute("create schema if not exists ops authorization sxe_owner")
    conn.execute("set local role sxe_owner")
    is_altered = pending or _is_altered(conn)
    if pending and pending[0] != catalogue.revisions()[0]:
        routines.drop_surroundings(conn)
    for revision in pending:
        for file in revision.files:
            conn.execute(file.read_bytes())
        conn.execute(
            "insert into ops.revision (revision, sha256) values (%s, %s)",
            [revision.number, revision.sha256],
        )
    files, dropped = routines.replay(conn, all_files=bool(is_altered))
    _stamp(conn)
    numbers = tuple(revision.number for revision in pending)
    return Migrated(numbers, tuple(files), tuple(dropped), tuple(left))


@contextmanager
def _refusals() -> Iterator[None]:
    """What is no fault of ours in one sentence; everything else of the driver's is a bug."""
    try:
        yield
    except psycopg.errors.LockNotAvailable:
        raise Busy(
            f"another migration or a writer held the database for {WAIT_S} s; nothing was "
            "migrated, try again when it is done"
        ) from None
    except psycopg.OperationalError:
        raise StoreUnavailable(
            "the database went away; nothing was migrated, run it again"
        ) from None
    except psycopg.errors.InsufficientPrivilege as error:
        raise Refused(
            f"the migrating login lacks a right ({error.diag.message_primary}); it must own the "
            f"database and be a member of {OWNER}"
        ) from None


def _check_server(conn: psycopg.Connection) -> None:
    if conn.info.server_version < OLDEST:
        raise BadConfig(
            f"the server is PostgreSQL {conn.info.server_version // 10000}; this package needs "
            f"{OLDEST // 10000} or newer, so upgrade the server first"
        )


def _check_owner(conn: psycopg.Connection) -> None:
    """The database is this login's, and the rooms in it the owner's."""
    row = conn.execute(
        "select pg_has_role(current_user, datdba, 'USAGE') from pg_database "
        "where datname = current_database()"
    ).fetchone()
    if not row or not row[0]:
        raise Refused(
            "the database belongs to another role; run as its owner, or give this login the "
            "database with ALTER DATABASE .. OWNER TO"
        )
    rooms = _rooms()
    foreign = [
        name
        for (name,) in conn.execute(
            "select nspname from pg_namespace where nspname = any(%s) and nspowner <> "
            "(select oid from pg_roles where rolname = %s) order by 1",
            [rooms, OWNER],
        )
    ]
    if foreign:
        raise Refused(
            f"{len(foreign)} schemas belong to another role ({', '.join(foreign)}); give SXE "
            "a database of its own"
        )


def _rooms() -> list[str]:
    """Every schema that a revision makes, and that of the stamp."""
    lines = (
        line
        for revision in catalogue.revisions()
        for file in revision.files
        for line in file.read_text(encoding="utf-8").splitlines()
    )
    made = (line.removeprefix("create schema ").rstrip(";") for line in lines if "schema" in line)
    return ["ops", *(name for name in made if name.isidentifier())]


def _pending(conn: psycopg.Connection) -> list[catalogue.Revision]:
    """The revisions that this database lacks.

    Raises:
        BadConfig: It is newer, of the time before these revisions, or of an edited one.
    """
    ours = catalogue.revisions()
    if not _exists(conn, "ops.revision"):
        if _exists(conn, "ops.migration"):
            raise BadConfig(
                "this home was made before revision 1000, and no road leads from there; "
                "copy its landing folder elsewhere, then `sxe down --reset` deletes all of it, "
                "landing files too, and the next command makes it anew"
            )
        return ours
    applied: dict[int, str] = dict(
        conn.execute("select revision, sha256 from ops.revision").fetchall()
    )
    if max(applied) > ours[-1].number:
        raise BadConfig(
            f"this database is at revision {max(applied)}, this package knows {ours[-1].number}; "
            "install the package that migrated it, or a newer one"
        )
    edited = [r.number for r in ours if r.number in applied and applied[r.number] != r.sha256]
    if edited:
        raise BadConfig(
            f"revision {edited[0]} of this package is not the one that was run here; install the "
            "released package, whose revisions never change"
        )
    return [revision for revision in ours if revision.number not in applied]


def _exists(conn: psycopg.Connection, table: str) -> bool:
    row = conn.execute("select to_regclass(%s) is not null", [table]).fetchone()
    return bool(row and row[0])


def _is_altered(conn: psycopg.Connection) -> bool:
    """Whether somebody changed the catalogue since the last migration."""
    row = conn.execute("select catalogue_sha256 from ops.stamp").fetchone()
    return row is None or row[0] != catalogue.digest(catalogue.dump(conn))


def _stamp(conn: psycopg.Connection) -> None:
    """Write down what is there now; refuse what this package does not make.

    While a file is being edited the text in the tree is of an older one, and says nothing.
    """
    lines = catalogue.dump(conn)
    made_from, golden = catalogue.golden()
    if made_from == catalogue.files_sha256() and lines != golden:
        raise Refused(_difference(lines, golden))
    conn.execute(
        "insert into ops.stamp (files_sha256, catalogue_sha256) values (%s, %s) "
        "on conflict (is_only) do update set files_sha256 = excluded.files_sha256, "
        "catalogue_sha256 = excluded.catalogue_sha256, stamped_at = clock_timestamp() "
        "where (stamp.files_sha256, stamp.catalogue_sha256) is distinct from "
        "(excluded.files_sha256, excluded.catalogue_sha256)",
        [catalogue.files_sha256(), catalogue.digest(lines)],
    )


def _difference(lines: list[str], golden: list[str]) -> str:
    more, less = sorted(set(lines) - set(golden)), sorted(set(golden) - set(lines))
    one = " ".join((more or less)[0].split()[:2])
    return (
        f"tables were changed by hand: {len(more)} things that this package does not make and "
        f"{len(less)} that it misses (such as {one}); undo that, then run `sxe migrate` again"
    )

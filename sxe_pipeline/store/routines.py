"""Living SQL: functions, triggers, views, policies, grants, replayed from the files of the rooms.

Each room keeps them in `sql/`, a file an idea, and may edit them: a file whose digest changed is
replayed by the next migration. What stands in no file is dropped. Grants start from nothing each
time, so a right that a file no longer names is gone. Not here: tables and types (`versions/`), and
the transaction around all of it (`migrate`).
"""

from collections.abc import Iterator, Set
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql as compose

from sxe_pipeline.errors import BadConfig
from sxe_pipeline.store import catalogue
from sxe_pipeline.store.roles import TIERS

# What a file made is told by the transaction that wrote its catalogue row. A function that a
# generated column, a default or a constraint needs stands in a revision, and is left alone.
_LIVING = """
with inside as (
    select oid, nspname as room from pg_namespace
    where nspname <> 'dagster'
      and nspowner = (select oid from pg_roles where rolname = 'sxe_owner')
)
select 'policy ' || quote_ident(polname) || ' on ' || polrelid::regclass::text,
       o.xmin = pg_current_xact_id()::xid, false
from pg_policy o join pg_class c on c.oid = polrelid join inside i on i.oid = relnamespace
union all
select 'trigger ' || quote_ident(tgname) || ' on ' || tgrelid::regclass::text,
       g.xmin = pg_current_xact_id()::xid, false
from pg_trigger g join pg_class c on c.oid = tgrelid join inside i on i.oid = relnamespace
where not tgisinternal
union all
select 'view ' || c.oid::regclass::text, w.xmin = pg_current_xact_id()::xid, false
from pg_class c join inside i on i.oid = relnamespace join pg_rewrite w on ev_class = c.oid
where relkind = 'v'
union all
select 'function ' || quote_ident(room) || '.' || quote_ident(proname)
           || '(' || pg_get_function_identity_arguments(p.oid) || ')',
       p.xmin = pg_current_xact_id()::xid,
       exists (select from pg_depend d where d.refclassid = 'pg_proc'::regclass
               and d.refobjid = p.oid and d.classid = 'pg_trigger'::regclass)
from pg_proc p join inside i on i.oid = pronamespace
where not exists (
    select from pg_depend d
    where d.refclassid = 'pg_proc'::regclass and d.refobjid = p.oid
      and d.classid in ('pg_attrdef'::regclass, 'pg_constraint'::regclass, 'pg_class'::regclass))
"""

_RECOMPILE = """
select case lanname when 'plpgsql' then plpgsql_validator(p.oid)::text
                    when 'sql' then fmgr_sql_validator(p.oid)::text end
from pg_proc p join pg_language l on l.oid = prolang join pg_namespace n on n.oid = pronamespace
where nspname <> 'dagster' and nspowner = (select oid from pg_roles where rolname = 'sxe_owner')
"""


def drop_surroundings(conn: psycopg.Connection) -> None:
    """Drop living views, triggers and policies, which a revision of their table could trip over."""
    _drop(conn, {x for x in _living(conn) if not x.startswith("function ")})


def replay(conn: psycopg.Connection, *, all_files: bool) -> tuple[list[str], list[str]]:
    """Bring the living SQL of this database to that of the tree, inside the caller's transaction.

    Args:
        conn: In a transaction, as the owner.
        all_files: Replay every file, also one whose digest is unchanged.

    Returns:
        The files that were replayed, and what was dropped because it stands in no file.

    Raises:
        BadConfig: A file does not compile; the text names the file or the function.
    """
    known: dict[str, tuple[str, list[str]]] = {
        path: (sha256, objects)
        for path, sha256, objects in conn.execute(
            "select path, sha256, objects from ops.routine_file"
        )
    }
    made: dict[str, list[str]] = {}
    seen: set[str] = set()
    replayed = []
    before = _living(conn)
    edited = [
        file
        for file in catalogue.living_files()
        if all_files or known.get(_path(file), ("", []))[0] != catalogue.file_sha256(file)
    ]
    conn.execute("set local check_function_bodies = off")
    # All of it before the first file: what moved to an earlier one is not dropped by its old one.
    _clear_the_way(conn, {x for file in edited for x in known.get(_path(file), ("", []))[1]})
    for file in catalogue.living_files():
        path = _path(file)
        if file not in edited:
            made[path] = known[path][1]
            continue
        if file.name != "grants.sql":
            with _compiling(path):
                conn.execute(file.read_bytes())
        made[path] = [x for x, is_new, _ in conn.execute(_LIVING) if is_new and x not in seen]
        seen.update(made[path])
        replayed.append(path)
    _drop(conn, _living(conn) - {x for objects in made.values() for x in objects})
    gone = sorted(before - _living(conn))
    if replayed or gone or known.keys() - made.keys():
        with _compiling("living SQL"):
            _recompile(conn)
        _grant(conn)
        _remember(conn, made)
    return replayed, gone


@contextmanager
def _compiling(path: str) -> Iterator[None]:
    try:
        yield
    except (psycopg.errors.InsufficientPrivilege, psycopg.OperationalError):
        raise  # the login's or the connection's fault, not the file's
    except psycopg.Error as error:
        where = (error.diag.context or "").splitlines()[:1]
        reason = "; ".join(filter(None, [error.diag.message_primary, *where]))
        raise BadConfig(f"{path} does not compile: {reason}; nothing was migrated") from None


def _living(conn: psycopg.Connection) -> set[str]:
    return {identity for identity, _, _ in conn.execute(_LIVING)}


def _path(file: Path) -> str:
    return file.relative_to(catalogue.PACKAGE).as_posix()


def _clear_the_way(conn: psycopg.Connection, objects: Set[str]) -> None:
    """Drop what edited files made before: OR REPLACE refuses another return type or column list.

    A function that a trigger runs stays: dropping it would lock its table, and it returns a trigger
    in any case.
    """
    held = {identity for identity, _, is_held in conn.execute(_LIVING) if not is_held}
    _drop(conn, {x for x in objects if x in held and x.startswith(("view ", "function "))})


def _drop(conn: psycopg.Connection, identities: Set[str]) -> None:
    order = ("policy", "trigger", "view", "function")
    for identity in sorted(identities, key=lambda x: (order.index(x.split(" ")[0]), x)):
        conn.execute(f"drop {identity}".encode())


def _recompile(conn: psycopg.Connection) -> None:
    conn.execute("set local check_function_bodies = on")
    conn.execute("set local plpgsql.extra_errors = 'shadowed_variables'")
    conn.execute(_RECOMPILE)


def _grant(conn: psycopg.Connection) -> None:
    everybody = compose.SQL(", ").join([compose.SQL("public"), *map(compose.Identifier, TIERS)])
    rooms = [
        room
        for (room,) in conn.execute(
            "select nspname from pg_namespace "
            "where nspowner = (select oid from pg_roles where rolname = 'sxe_owner')"
        )
    ]
    for room in rooms:
        forms = ["revoke all on schema {room} from {everybody}"]
        if room != "dagster":  # its tables are Dagster's own
            forms += [
                f"revoke all on all {kind} in schema {{room}} from {{everybody}}"
                for kind in ("tables", "sequences", "functions")
            ]
        for form in forms:
            conn.execute(
                compose.SQL(form).format(room=compose.Identifier(room), everybody=everybody)
            )
    for (domain,) in conn.execute(
        "select t.oid::regtype::text from pg_type t join pg_namespace n on n.oid = typnamespace "
        "where typtype = 'd' and nspowner = (select oid from pg_roles where rolname = 'sxe_owner')"
    ).fetchall():
        conn.execute(
            compose.SQL("revoke all on type {} from {}").format(compose.SQL(domain), everybody)
        )
    for file in catalogue.living_files():
        if file.name == "grants.sql":
            conn.execute(file.read_bytes())


def _remember(conn: psycopg.Connection, made: dict[str, list[str]]) -> None:
    conn.execute("delete from ops.routine_file where path <> all (%s)", [list(made)])
    for path, objects in made.items():
        conn.execute(
            "insert into ops.routine_file (path, sha256, objects) values (%s, %s, %s) "
            "on conflict (path) do update set sha256 = excluded.sha256, "
            "objects = excluded.objects, replayed_at = clock_timestamp() "
            "where routine_file.sha256 <> excluded.sha256",
            [path, catalogue.file_sha256(catalogue.PACKAGE / path), objects],
        )

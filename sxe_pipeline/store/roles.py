"""The login roles: one a tier, and an owner that nobody logs in as.

Roles belong to the cluster, so they are a step before the migrations and no revision of them. What
each may do is granted in the rooms' `sql/grants.sql`. How its sessions behave (search path, time
zone, waiting) is a setting of the role, so that a DSN works as a managed service prints it, and
through a pooler that takes no options.
"""

from collections.abc import Iterator, Mapping

import psycopg
from psycopg import sql as compose

from sxe_pipeline.errors import BadConfig

OWNER = "sxe_owner"
TIERS = ("sxe_social", "sxe_contacts", "sxe_api", "sxe_serve", "sxe_sealer", "sxe_dagster")

STATEMENT_TIMEOUT_S = 300
"""One statement. A transaction may be longer: a writer streams a day while it holds its lock."""

LOCK_TIMEOUT_S = 60
"""Waiting for a row or a table; `tables.lock` waits by its own clock."""

_EVERYWHERE = {
    "timezone": "UTC",
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}
_OURS = {
    "search_path": "pg_catalog",
    "statement_timeout": f"{STATEMENT_TIMEOUT_S}s",
    "lock_timeout": f"{LOCK_TIMEOUT_S}s",
}
_OWN = {
    "sxe_dagster": {"search_path": "dagster"},
    # A consumer waits at the other end, and somebody who asks for much may not keep the others out.
    "sxe_serve": _OURS | {"statement_timeout": "15s", "lock_timeout": "5s"},
}
SESSION = {role: _EVERYWHERE | _OWN.get(role, _OURS) for role in TIERS}
"""Role -> setting -> value. Statements of Dagster are Dagster's to time."""


def ensure(conn: psycopg.Connection, passwords: Mapping[str, str]) -> None:
    """Make the roles that are missing; a second call changes nothing.

    On a managed service whose admin may not create roles, they are made in its panel and this only
    checks that they are there.

    Args:
        conn: The migrating login, in a transaction; with CREATEROLE and no superuser. Always the
            same one: a second admin may not touch the roles of the first.
        passwords: Role -> password, for the roles that are made here; others keep theirs.

    Raises:
        BadConfig: A role is missing and cannot be made here; the text names the roles.
    """
    # CREATE ROLE has no IF NOT EXISTS, so two first starts take turns.
    conn.execute("select pg_advisory_xact_lock(hashtext('sxe roles'))")
    have = _have(conn)
    if _may_create(conn):
        _create(conn, have, passwords)
    else:
        _check(conn, have)


def settle_sessions(conn: psycopg.Connection) -> list[str]:
    """Set how the sessions of each role behave, where this admin may.

    Args:
        conn: The migrating login, in a transaction.

    Returns:
        The statements for roles that only somebody else may alter, such as those of a panel.
    """
    left = []
    for role in TIERS:
        statements = list(_unset(conn, role))
        try:
            with conn.transaction():
                for statement in statements:
                    conn.execute(statement)
        except psycopg.errors.InsufficientPrivilege:
            left += [f"{statement.as_string(conn)};" for statement in statements]
    return left


def missing_settings(conn: psycopg.Connection) -> list[str]:
    """The statements that some role's sessions still need."""
    return [f"{s.as_string(conn)};" for role in TIERS for s in _unset(conn, role)]


def _unset(conn: psycopg.Connection, role: str) -> Iterator[compose.Composed]:
    """The statements that are still needed; what is set in this database alone counts too."""
    row = conn.execute(
        "select coalesce(array_agg(x), '{}') from pg_db_role_setting s "
        "cross join lateral unnest(s.setconfig) x "
        "where s.setrole = (select oid from pg_roles where rolname = %s) "
        "and s.setdatabase in (0, (select oid from pg_database "
        "where datname = current_database()))",
        [role],
    ).fetchone()
    known = {item.partition("=")[0].lower(): item.partition("=")[2] for item in (row or [[]])[0]}
    for name, value in SESSION[role].items():
        if known.get(name) != value:
            yield compose.SQL("alter role {} set {} = {}").format(
                compose.Identifier(role), compose.Identifier(name), compose.Literal(value)
            )


def _have(conn: psycopg.Connection) -> set[str]:
    every = [*TIERS, OWNER]
    rows = conn.execute("select rolname from pg_roles where rolname = any(%s)", [every])
    return {name for (name,) in rows}


def _may_create(conn: psycopg.Connection) -> bool:
    row = conn.execute(
        "select rolcreaterole or rolsuper from pg_roles where rolname = current_user"
    ).fetchone()
    return bool(row and row[0])


def _create(conn: psycopg.Connection, have: set[str], passwords: Mapping[str, str]) -> None:
    lost = [role for role in TIERS if role not in have and role not in passwords]
    if lost:
        raise BadConfig(f"no password for new role {', '.join(lost)}; give one, or create it")
    try:
        with conn.transaction():
            if OWNER not in have:
                conn.execute("create role sxe_owner nologin")
            # The creator of a role has only ADMIN on it; SET ROLE needs membership.
            conn.execute("grant sxe_owner to current_user")
            for role in (r for r in TIERS if r not in have):
                conn.execute(
                    compose.SQL("create role {} login nosuperuser nocreatedb password {}").format(
                        compose.Identifier(role), compose.Literal(passwords[role])
                    )
                )
    except psycopg.errors.InsufficientPrivilege:
        _check(conn, have)


def _check(conn: psycopg.Connection, have: set[str]) -> None:
    missing = sorted({*TIERS, OWNER} - have)
    if missing:
        raise BadConfig(
            f"roles missing: {', '.join(missing)}; this login may not create them, so create "
            "them in the database service's panel"
        )
    row = conn.execute("select pg_has_role(current_user, %s, 'MEMBER')", [OWNER]).fetchone()
    if not row or not row[0]:
        raise BadConfig(
            f"this login is no member of {OWNER}; run as the login that created the roles, or "
            f"grant {OWNER} to it"
        )

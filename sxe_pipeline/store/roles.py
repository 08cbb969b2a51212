"""The login roles: one a tier, and an owner that nobody logs in as.

Roles belong to the cluster, so they are a step before the migrations and no revision of them. What
each may do is granted in `migrations/`.
"""

from collections.abc import Mapping

import psycopg
from psycopg import sql as compose

from sxe_pipeline.errors import BadConfig
from sxe_pipeline.store import sql

OWNER = "sxe_owner"
TIERS = ("sxe_social", "sxe_contacts", "sxe_api", "sxe_dagster")


def ensure(admin_dsn: str, passwords: Mapping[str, str]) -> None:
    """Make the roles that are missing and set their passwords; a second call changes nothing.

    On a managed service whose admin may not create roles, they are made in its panel and this only
    checks that they are there.

    Args:
        admin_dsn: The migrating login, with CREATEROLE and no superuser. Always the same one: a
            second admin may not touch the roles of the first.
        passwords: Role -> password. A role without one is only checked.

    Raises:
        BadConfig: A role is missing and cannot be made here; the text names the roles.
    """
    with sql.connect(admin_dsn) as conn:
        # CREATE ROLE has no IF NOT EXISTS, so two first starts take turns.
        conn.execute("select pg_advisory_xact_lock(hashtext('sxe roles'))")
        have = {
            name
            for (name,) in conn.execute(
                "select rolname from pg_roles where rolname = any(%s)", [[*TIERS, OWNER]]
            )
        }
        if _may_create(conn):
            _create(conn, have, passwords)
        else:
            _check(conn, have)


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
            for role in TIERS:
                if role in passwords:
                    _set_password(conn, role, passwords[role], is_new=role not in have)
    except psycopg.errors.InsufficientPrivilege:
        _check(conn, have)


def _set_password(conn: psycopg.Connection, role: str, password: str, *, is_new: bool) -> None:
    verb = "create" if is_new else "alter"
    conn.execute(
        compose.SQL(f"{verb} role {{}} login nosuperuser nocreatedb password {{}}").format(
            compose.Identifier(role), compose.Literal(password)
        )
    )


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

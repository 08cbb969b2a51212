"""Databases of tests: copies of a template, made as cheaply as the server can.

Here: making and dropping them. What is in a template is said by whoever makes it.
"""

import collections
import contextlib
import dataclasses
import functools
import secrets

import psycopg
from psycopg import sql as compose

from sxe_pipeline.local import postgres
from sxe_pipeline.store import sql

TEMPLATE = "sxe_template"


@dataclasses.dataclass(frozen=True)
class Database:
    """A migrated database of its own."""

    state: dict
    name: str

    def dsn(self, role):
        """The login of a role, such as 'sxe_social'."""
        return postgres.dsn(self.state, role, self.name)


_made = {}
_left = collections.deque()
_KEPT = 3
"""A session that has just ended is waited for a tenth of a second; some tests later none is."""


def copy_of(state, template):
    """A database with all that the template holds; nobody may be logged in to that one.

    A test that changes its catalogue and expects a refusal takes it out of `sql._fitting` first.
    """
    made = Database(state, f"t_{secrets.token_hex(6)}")
    root = superuser(state)
    # Files are copied in half the time that it takes to log each page.
    statement = "create database {} template {} owner sxe_admin strategy file_copy"
    root.execute(
        compose.SQL(statement).format(compose.Identifier(made.name), compose.Identifier(template))
    )
    # Grants on a database do not come with its template.
    root.execute(
        "update pg_database made set datacl = t.datacl from pg_database t "
        "where made.datname = %s and t.datname = %s",
        [made.name, template],
    )
    with psycopg.connect(postgres.dsn(state, "postgres", made.name), autocommit=True) as conn:
        conn.execute(
            "update ops.server set database_oid = d.oid from pg_database d "
            "where d.datname = current_database()"
        )
    # What was compared once is not compared in each of its copies: that would double their cost.
    sql._fitting.add(("127.0.0.1", state["port"], made.name))
    _made[made.name] = made
    return made


def as_owner(conn, statement, values=()):
    """Do what no login of a tier may, in the database that `conn` is logged in to."""
    root = _made[conn.info.dbname].dsn("postgres")
    with psycopg.connect(root, autocommit=True, options="-c timezone=UTC") as owner:
        owner.execute(statement, values)


def log_out(database):
    """End every session there: only then it is copied."""
    superuser(database.state).execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s",
        [database.name],
    )


def drop(database):
    """Nobody uses it any more; soon it is away, and whoever is still logged in."""
    _made.pop(database.name, None)
    _left.append(database)
    if len(_left) > _KEPT:
        _drop(_left.popleft())


def _drop(database):
    gone = compose.SQL("drop database {} with (force)").format(compose.Identifier(database.name))
    with contextlib.suppress(psycopg.Error):
        superuser(database.state).execute(gone)


def superuser(state):
    """A connection to the server itself, kept until `close`."""
    return _connected(postgres.dsn(state, "postgres", "postgres"))


def close(state):
    """Drop what is left, and end what `superuser` keeps."""
    while _left:
        _drop(_left.popleft())
    superuser(state).close()
    _connected.cache_clear()


@functools.cache
def _connected(dsn):
    return psycopg.connect(dsn, autocommit=True)

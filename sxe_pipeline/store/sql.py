"""Connections to Postgres.

Here: how a process logs in and how long it waits. Who may do what is in `migrations/`; statements
stand in the room they belong to.
"""

from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from sxe_pipeline.errors import BadConfig, StoreUnavailable

STATEMENT_TIMEOUT_S = 300
"""One statement. A transaction may be longer: a writer streams a day while it holds its lock."""

LOCK_TIMEOUT_S = 60
"""Waiting for a row or a table; `tables.lock` waits by its own clock."""


def connect(dsn: str) -> psycopg.Connection:
    """Log in, without autocommit: statements belong into a transaction block.

    Args:
        dsn: A Postgres URL, with or without a driver in its scheme, as a managed service prints it.

    Raises:
        BadConfig: The URL cannot be read. The text does not repeat it: it holds a password.
        StoreUnavailable: Nobody answers there, or the login is refused.
    """
    try:
        given = conninfo_to_dict(bare(dsn))
    except (psycopg.ProgrammingError, ValueError):
        raise BadConfig("a database URL cannot be read; correct it (it holds a secret)") from None
    waits = (
        f"-c statement_timeout={STATEMENT_TIMEOUT_S}s -c lock_timeout={LOCK_TIMEOUT_S}s "
        "-c timezone=UTC"
    )
    defaults: dict[str, Any] = {
        "connect_timeout": 10,
        "application_name": "sxe",
        "keepalives_idle": 30,
    }
    options = f"{waits} {given.pop('options', '') or ''}".strip()
    try:
        return psycopg.connect(make_conninfo("", **(defaults | given | {"options": options})))
    except psycopg.OperationalError as error:
        place = f"{given.get('host', 'localhost')}:{given.get('port', 5432)}"
        raise StoreUnavailable(
            f"database {given.get('dbname')} at {place} does not let {given.get('user')} in "
            f"({_reason(error)}); check that it runs and that the login is right"
        ) from None


def with_driver(url: str, driver: str) -> str:
    """A Postgres URL as a managed service prints it, for SQLAlchemy with a named driver.

    Dagster's storage needs `psycopg2` (its NOTIFY binds a parameter, which psycopg 3 refuses), our
    own code uses `psycopg`; SQLAlchemy 2.1 reads a bare `postgresql://` as psycopg 3.

    Example:
        >>> with_driver("postgres://u:p@db:25060/sxe?sslmode=require", "psycopg2")
        'postgresql+psycopg2://u:p@db:25060/sxe?sslmode=require'
    """
    parts = urlsplit(url)
    scheme = parts.scheme.split("+")[0]
    if scheme not in ("postgres", "postgresql"):
        raise BadConfig("a database URL must start with postgresql://; correct it")
    return urlunsplit(parts._replace(scheme=f"postgresql+{driver}"))


def bare(url: str) -> str:
    """The same URL for psycopg itself, without a driver name."""
    return with_driver(url, "psycopg").replace("+psycopg", "", 1)


def _reason(error: psycopg.OperationalError) -> str:
    """Why, in words of ours: the driver's text may repeat parts of the connection string."""
    text = str(error).lower()
    known = {
        "password authentication failed": "wrong password",
        "connection refused": "nothing listens there",
        "does not exist": "no such database or role",
        "timeout": "no answer in time",
        "too many": "too many connections",
        "starting up": "it is starting up",
        "could not translate host name": "unknown host",
        "failed to resolve": "unknown host",
        "permission denied": "no right to connect",
    }
    return next((words for part, words in known.items() if part in text), "no connection")

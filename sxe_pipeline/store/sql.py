"""Connections to Postgres.

Here: how a process logs in, and that the database fits its package. Who may do what is granted in
the rooms' `sql/`; statements stand in the room they belong to.
"""

from datetime import datetime
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from sxe_pipeline.errors import BadConfig, StoreUnavailable
from sxe_pipeline.store import catalogue, functions

_DEFAULTS: dict[str, Any] = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
}

_fitting: set[tuple[str, int, str]] = set()


def connect(dsn: str, *, application_name: str = "sxe") -> psycopg.Connection:
    """Log in to a database that fits this package, without autocommit.

    The first login of a process compares the database's catalogue with what its last migration
    left, so that no process works on functions or grants that are not its package's.

    Args:
        dsn: A Postgres URL, with or without a driver in its scheme, as a managed service prints it.
        application_name: What the server's list of sessions says of it.

    Raises:
        BadConfig: The URL cannot be read (the text does not repeat it: it holds a password), or the
            database was not migrated by this package.
        Refused: The database was changed by hand.
        StoreUnavailable: Nobody answers there, or the login is refused.
    """
    conn = open_unchecked(dsn, application_name=application_name)
    database = (conn.info.host, conn.info.port, conn.info.dbname)
    if database not in _fitting:
        try:
            catalogue.require_fit(conn)
        except BaseException:
            conn.close()
            raise
        _fitting.add(database)
    return conn


def open_unchecked(dsn: str, *, application_name: str = "sxe") -> psycopg.Connection:
    """Log in, whatever the database holds: for migrating it, and for looking at what is wrong.

    Nothing is prepared on the server and no option is sent, so that a pooler in transaction mode
    may stand between; how a session behaves is a setting of its role (`roles`).

    Raises:
        As `connect`, but for the catalogue.
    """
    given = _DEFAULTS | _parameters(dsn) | {"application_name": application_name}
    try:
        return psycopg.connect(make_conninfo("", **given), prepare_threshold=None)
    except psycopg.OperationalError as error:
        address = f"{given.get('host', 'localhost')}:{given.get('port', 5432)}"
        raise StoreUnavailable(
            f"database {given.get('dbname')} at {address} does not let {given.get('user')} in "
            f"({_reason(error)}); check that it runs and that the login is right"
        ) from None


def now(conn: psycopg.Connection) -> datetime:
    """The time of the database: one clock for every process, whatever each machine's says.

    No transaction is left open; one that is open already goes on, and its start is not the answer.
    """
    with functions.at_once(conn):
        [(at,)] = conn.execute("select clock_timestamp()").fetchall()
    found: datetime = at
    return found


def credentials(dsn: str) -> tuple[str, str | None]:
    """User and password of a URL."""
    given = _parameters(dsn)
    return str(given.get("user") or ""), given.get("password")


def sslmode(dsn: str) -> str | None:
    """How a URL wants its line; None where it leaves that to the driver."""
    return _parameters(dsn).get("sslmode")


def _parameters(dsn: str) -> dict[str, Any]:
    try:
        return dict(conninfo_to_dict(bare(dsn)))
    except (psycopg.ProgrammingError, ValueError):
        raise BadConfig("a database URL cannot be read; correct it (it holds a secret)") from None


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
    return next((words for part, words in _REASONS.items() if part in text), "no connection")


_REASONS = {
    "root certificate file": "no authority is named that could prove it; add sslrootcert=FILE",
    "does not match host name": "its certificate is another host's; correct the host",
    "certificate": "its certificate is not trusted; name the authority by sslrootcert",
    "no encryption": "it wants TLS; add sslmode=require",
    "ssl required": "it wants TLS; add sslmode=require",
    "does not support ssl": "it offers no TLS",
    "password authentication failed": "wrong password, or no such role",  # it does not say which
    "sasl authentication failed": "wrong password, or no such role",  # a pooler's words
    "no password supplied": "the URL holds no password",
    "login has been failing": "the pooler was refused there; wait half a minute",
    "connection refused": "nothing listens there",
    "no such database": "no such database",  # a pooler's words
    "no such user": "no such role",
    "is not permitted to log in": "that role may not log in",
    "timeout": "no answer in time",
    "too many": "too many connections",
    "remaining connection slots": "too many connections",
    "starting up": "it is starting up",
    "shutting down": "it is shutting down",
    "could not translate host name": "unknown host",
    "failed to resolve": "unknown host",
    "unreachable": "no way to that host",
    "no route to host": "no way to that host",
    "permission denied": "no right to connect",
    "no pg_hba.conf entry": "it lets nobody in from this address",
    # Last: the words before it say what does not exist.
    'database "': "no such database",
    'role "': "no such role",
}
"""Part of the driver's text -> why, the telling ones first."""

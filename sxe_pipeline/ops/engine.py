"""Which engine works: one holds the lease, another stands by and takes over when it ends.

Two daemons would launch every run twice. Nothing is lost by that, as rows decide what is done, but
it costs, and one fails what the other runs.
"""

import time
from contextlib import suppress
from uuid import uuid4

import psycopg

from sxe_pipeline.errors import SxeError
from sxe_pipeline.store import sql

_CLAIM = """
insert into ops.engine as e (holder, lease_until)
values (%(holder)s, clock_timestamp() + make_interval(secs => %(lease_s)s))
on conflict (is_only) do update
set holder = excluded.holder, lease_until = excluded.lease_until
where e.holder = excluded.holder or e.lease_until <= clock_timestamp()
returning 1
"""
_BEATS_A_LEASE = 4


class Engine:
    """One process that would be the engine."""

    def __init__(self, dsn: str, lease_s: float) -> None:
        """Nothing is claimed yet.

        Args:
            dsn: A login that may hold the lease.
            lease_s: Seconds after which another engine takes over from one that is silent.
        """
        self._dsn, self._lease_s, self._holder = dsn, lease_s, uuid4()
        self._conn: psycopg.Connection | None = None
        self._beat_at = self._until = 0.0

    def works(self) -> bool:
        """Whether this is the one that works; called again and again, it keeps the lease.

        Where the database is away the lease holds as long as it was granted, by this machine's
        clock: then another engine may have it.
        """
        now = time.monotonic()
        if now >= self._beat_at:
            self._beat_at = now + self._lease_s / _BEATS_A_LEASE
            try:
                self._until = now + self._lease_s if self._claim() else 0.0
            except (psycopg.Error, SxeError):
                self._hang_up()
        return time.monotonic() < self._until

    def rest(self) -> None:
        """Give the lease back, so that another engine need not wait for its end."""
        self._until = 0.0
        with suppress(psycopg.Error, SxeError):
            self._connected().execute("delete from ops.engine where holder = %s", [self._holder])
        self._hang_up()

    def _claim(self) -> bool:
        given = {"holder": self._holder, "lease_s": self._lease_s}
        return self._connected().execute(_CLAIM, given).fetchone() is not None

    def _connected(self) -> psycopg.Connection:
        if self._conn is None:
            self._conn = sql.open_unchecked(self._dsn, application_name="sxe engine")
            self._conn.autocommit = True
        return self._conn

    def _hang_up(self) -> None:
        if self._conn is not None:
            self._conn.close()
        self._conn = None

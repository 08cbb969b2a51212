"""A few connections that requests share, each for the length of one call.

Here: who waits for one, and what happens when the database was away. Not here: what is asked of it.
"""

import threading
from collections.abc import Callable
from typing import TypeVar

import psycopg

from sxe_pipeline.errors import BadConfig, Busy, Refused, StoreUnavailable
from sxe_pipeline.store import functions, sql

T = TypeVar("T")

SIZE = 8
WAIT_S = 5.0
"""For a connection, before the caller is asked to come again."""


class Database:
    """At most `size` connections of one login, made when they are needed."""

    def __init__(self, dsn: str, *, size: int = SIZE) -> None:
        self._dsn = dsn
        self._free = threading.BoundedSemaphore(size)
        self._idle: list[psycopg.Connection] = []

    def call(self, work: Callable[[psycopg.Connection], T]) -> T:
        """What `work` answers on a connection that commits by itself.

        Args:
            work: May run twice: again where it met a connection that was lost while nobody used it.

        Raises:
            Busy: All are in use, and stay so.
            StoreUnavailable: The database does not answer.
        """
        if not self._free.acquire(timeout=WAIT_S):
            raise Busy("every connection to the database is in use; try again")
        try:
            if (conn := self._taken()) is not None:
                try:
                    return self._used(conn, work)
                except StoreUnavailable:
                    self.close()
            return self._used(self._opened(), work)
        finally:
            self._free.release()

    def close(self) -> None:
        """End what nobody uses."""
        while (conn := self._taken()) is not None:
            conn.close()

    def _taken(self) -> psycopg.Connection | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _opened(self) -> psycopg.Connection:
        try:
            conn = sql.connect(self._dsn, application_name="sxe serve")
        except (BadConfig, Refused):
            # Of a database that is being migrated, or was changed: nobody's key is wrong.
            raise StoreUnavailable("the database does not fit this package") from None
        conn.autocommit = True
        return conn

    def _used(self, conn: psycopg.Connection, work: Callable[[psycopg.Connection], T]) -> T:
        try:
            with functions.translated_errors():
                return work(conn)
        except psycopg.InterfaceError:
            conn.close()
            raise StoreUnavailable("the database went away; try again") from None
        except StoreUnavailable:
            conn.close()
            raise
        finally:
            if not conn.closed:
                self._idle.append(conn)

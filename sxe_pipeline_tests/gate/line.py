"""Who holds a row and who waits for it: orders of arrival that a test decides.

Here: rows that an open transaction holds, and moves that start one after the other, each on a
connection of its own. Nothing is asserted here.
"""

import contextlib
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg

from sxe_pipeline.store import sql


class Line:
    """What waits for rows, in the order in which it came."""

    def __init__(self, world):
        self.world = world
        self._pool = ThreadPoolExecutor()

    def close(self):
        self._pool.shutdown()

    @contextlib.contextmanager
    def held(self, rows, *values):
        """What a `select` finds is locked as the gate locks it, until the block ends."""
        with (
            contextlib.closing(psycopg.connect(self.world.database.dsn("postgres"))) as conn,
            conn.transaction(),
        ):
            conn.execute(f"{rows} for no key update", values)
            yield

    def arrives(self, role, move):
        """Start a move of a login; come back as soon as it waits for somebody, or is done.

        Returns:
            A future of what the move answers.
        """
        conn = sql.connect(self.world.database.dsn(role))
        pid, answer = conn.info.backend_pid, self._pool.submit(_moved, conn, move)
        end = time.monotonic() + 30
        while not answer.done() and not self.world.one(
            "select cardinality(pg_blocking_pids(%s)) > 0", pid
        ):
            if time.monotonic() > end:
                raise TimeoutError("a move neither ended nor waited for anybody")
            time.sleep(0.002)
        return answer


def _moved(conn, move):
    with contextlib.closing(conn):
        return move(conn)

"""Who holds a row and who waits for it: orders of arrival that a test decides.

Here: rows that an open transaction holds, and moves that start one after the other, each on a
connection of its own. Nothing is asserted here.
"""

import contextlib
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg


class Line:
    """What waits for rows, in the order in which it came."""

    def __init__(self, world):
        self.world = world
        self._stack = contextlib.ExitStack()
        self._pool = self._stack.enter_context(ThreadPoolExecutor(4))

    def close(self):
        self._stack.close()

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
        conn = self._stack.enter_context(self.world.fresh(role))
        pid, answer = conn.info.backend_pid, self._pool.submit(move, conn)
        end = time.monotonic() + 30
        while not answer.done() and not self.world.one(
            "select cardinality(pg_blocking_pids(%s)) > 0", pid
        ):
            if time.monotonic() > end:
                raise TimeoutError("a move neither ended nor waited for anybody")
            time.sleep(0.002)
        return answer

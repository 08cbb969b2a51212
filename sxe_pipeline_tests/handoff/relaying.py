"""A relay as a process of its own, killed in the middle of a transaction, and begun anew.

Here: what the test of kills starts. It asserts nothing: arguments are a login, the address of a
broker, and after how many sent notices each of its lives ends; the last life sends the rest.
"""

import os
import signal
import sys

import kombu.transport.pyamqp
import kombu.transport.redis  # noqa: F401 - loaded once, for all lives

from sxe_pipeline.handoff.queue import brokers, relay
from sxe_pipeline.store import sql


class Mortal:
    """A publisher that takes its process along after so many notices; 0 is never."""

    def __init__(self, whole, left):
        self._whole, self._left = whole, left
        self.declare = whole.declare

    def send(self, *event):
        self._whole.send(*event)
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def live(dsn, url, left):
    """Send until nothing is due, or dead."""
    with sql.connect(dsn) as conn, brokers.opened(url) as broker:
        mortal = Mortal(broker, left)
        while relay.relay(conn, mortal).sent:
            pass


def main(dsn, url, *lives):
    for left in (*map(int, lives), 0):
        child = os.fork()
        if child == 0:
            live(dsn, url, left)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print("killed" if os.WIFSIGNALED(status) else f"ended {os.WEXITSTATUS(status)}")


if __name__ == "__main__":
    main(*sys.argv[1:])

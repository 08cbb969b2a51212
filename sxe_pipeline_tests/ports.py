"""Ports for what a test starts, stops and starts again at the same address."""

import contextlib
import random
import socket


def free_port():
    """A port that nobody holds, below those the system hands out by itself.

    One of those would go to another process while ours is down.
    """
    while True:
        port = random.SystemRandom().randrange(15_000, 30_000)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("", port))
            return port

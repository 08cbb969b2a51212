"""A process that maps rows.

Here: the act comes in first, then rows, and what it makes goes out, all on one connection. It ends
with whoever holds the other end. Not here: who started it (`local`).
"""

import os
import pickle
import signal
import sys
import threading
from contextlib import suppress
from multiprocessing.connection import Connection

import pyarrow as pa

from sxe_pipeline.engine.act import Act, of_bytes

COMMAND = "from sxe_pipeline.engine import worker; worker.main()"
DONE = b""
"""After the answers to one group of rows."""


def serve(connection: Connection) -> None:
    """Answer until nobody asks."""
    act: Act = pickle.loads(connection.recv_bytes())  # noqa: S301 - of the process that started it
    while True:
        rows = connection.recv_bytes()
        for answer in act.answers(of_bytes(rows)):
            connection.send_bytes(answer)
        connection.send_bytes(DONE)


def main() -> None:
    """Serve the connection whose number is the argument."""
    # Ctrl-C reaches everybody at once: who started this one ends it, and with him it ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    pa.set_cpu_count(1)
    with Connection(int(sys.argv[1])) as opened, suppress(EOFError, OSError):
        serve(opened)


def _end_with_stdin() -> None:
    """Whatever it is doing, and although it may be told nothing else for an hour."""
    sys.stdin.buffer.read()
    os._exit(1)

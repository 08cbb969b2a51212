"""What a platform asks a container: are you alive, may work be sent to you?

Here: `/livez` and `/readyz` on a port of the container. They say yes or no and nothing else, as
whoever reaches the port may ask. Not here: what alive and ready mean (`worker`).
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from sxe_pipeline.local.family import unheard

STALE_S = 60
"""A loop that did not come round for so long hangs: one turn may wait for a child that ends."""


class Health:
    """What a process says of itself: it lives while it beats, and is ready while it says so."""

    def __init__(self) -> None:
        self._beat_at, self._is_ready = time.monotonic(), False

    def beat(self, *, is_ready: bool) -> None:
        """Say that the loop came round."""
        self._beat_at, self._is_ready = time.monotonic(), is_ready

    def answer(self, path: str) -> HTTPStatus:
        """What is answered to a question."""
        if path not in ("/livez", "/readyz"):
            return HTTPStatus.NOT_FOUND
        is_alive = time.monotonic() - self._beat_at < STALE_S
        is_well = is_alive and (path == "/livez" or self._is_ready)
        return HTTPStatus.OK if is_well else HTTPStatus.SERVICE_UNAVAILABLE


@contextmanager
def served(host: str, port: int) -> Iterator[Health]:
    """Answer on a port until this ends; port 0 is none.

    Raises:
        BadInput: The port is taken.
    """
    health = Health()
    if port == 0:
        yield health
        return

    class Handler(BaseHTTPRequestHandler):
        timeout = 5

        def do_GET(self) -> None:
            status = health.answer(self.path)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(f"{status.phrase}\n".encode())

        def log_message(self, *_: object) -> None:
            """Nothing: a platform asks every few seconds."""

    try:
        server = ThreadingHTTPServer((host, port), Handler)
    except OSError as error:
        raise unheard((host, port), error, "choose another with --health-port") from None
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="health", daemon=True)
    thread.start()
    try:
        yield health
    finally:
        server.shutdown()
        server.server_close()

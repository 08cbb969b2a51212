"""The port on which the contact service lends addresses of its files to the API.

Reached inside of a deployment alone; answers whoever holds the secret. Not here: what is lent
(`handoff.lending`).
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec

from sxe_pipeline import logs
from sxe_pipeline.errors import NotFound, Refused, SxeError
from sxe_pipeline.handoff import lending
from sxe_pipeline.local.family import unheard
from sxe_pipeline.settings import Settings
from sxe_pipeline.store.objects import Objects
from sxe_pipeline.web.database import Database

PORT = 4003


@contextmanager
def served(host: str, settings: Settings, port: int = PORT) -> Iterator[int]:
    """Lend until this ends; where no secret is set nothing is, and nobody listens.

    Args:
        host: The interface.
        settings: Of the contact service.
        port: Of the interface; 0 is a free one.

    Yields:
        The port.

    Raises:
        BadInput: The port is taken.
    """
    if settings.presign_secret is None:
        yield 0
        return
    database = Database(settings.need("contacts_dsn"), size=2)
    objects = Objects(settings.contact_handoff_url, is_patient=False)
    handler = _handler(settings.presign_secret, database, objects)
    try:
        server = ThreadingHTTPServer((host, port), handler)
    except OSError as error:
        remedy = "the contact service lends addresses there"
        raise unheard((host, port), error, remedy) from None
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="lender", daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        database.close()


def _handler(secret: str, database: Database, objects: Objects) -> type[BaseHTTPRequestHandler]:
    def answer(body: bytes, signed: str) -> tuple[HTTPStatus, bytes]:
        asked = lending.opened(secret, body, signed, time.time())
        if asked is None:
            return HTTPStatus.UNAUTHORIZED, b""
        try:
            lent = database.call(lambda conn: lending.lend(conn, objects, asked))
        except (NotFound, Refused):
            return HTTPStatus.NOT_FOUND, b""
        except SxeError as error:
            logs.get("lender").warning("cannot lend", reason=type(error).__name__)
            return HTTPStatus.SERVICE_UNAVAILABLE, b""
        return HTTPStatus.OK, msgspec.json.encode(lent)

    class Handler(BaseHTTPRequestHandler):
        timeout = 5

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "")
            size = int(length) if length.isascii() and length.isdigit() else 0
            body = self.rfile.read(size) if size <= lending.MOST_BYTES else b""
            status, said = answer(body, self.headers.get(lending.SIGNATURE, ""))
            self.send_response(status)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: object) -> None:
            """Nothing: what is asked for is in no log."""

    return Handler

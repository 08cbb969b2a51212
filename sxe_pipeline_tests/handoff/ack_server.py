"""A sender's API of one route, on a real socket, in front of the real database.

Here: what the tests of answers send to. As a program it may kill itself between the commit and the
reply. The API itself is another room's; it has the same statuses.
"""

import hashlib
import http.server
import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager

import msgspec

from sxe_pipeline.errors import BadInput, Conflict, NotFound, Refused
from sxe_pipeline.handoff import acks
from sxe_pipeline.store import sql

STATUS = {Refused: 401, NotFound: 404, Conflict: 409, BadInput: 400}


class Handler(http.server.BaseHTTPRequestHandler):
    """PUT /v1/batches/{id}/ack with a key; `server.dsn` is the login `sxe_serve`."""

    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.path, self.headers["Authorization"]))
        status, said = self.server.answer(self.path, self.headers["Authorization"], body)
        if self.server.is_deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        self.send_response(status)
        if status == 307:
            self.send_header("Location", said)
            said = b""
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_):
        """Say nothing."""


class Server(http.server.ThreadingHTTPServer):
    """Answers by the database, or with what `fixed` says."""

    daemon_threads = True

    def __init__(self, dsn, fixed=None, is_deadly=False):
        super().__init__(("127.0.0.1", 0), Handler)
        self.dsn, self.fixed, self.is_deadly, self.asked = dsn, fixed, is_deadly, []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def answer(self, path, authorization, body):
        if self.fixed:
            return self.fixed
        key = hashlib.sha256(authorization.removeprefix("Bearer ").encode()).digest()
        try:
            with sql.connect(self.dsn) as conn:
                kept = acks.put(conn, key, path.split("/")[3], acks.parsed(body))
        except tuple(STATUS) as error:
            return STATUS[type(error)], b"{}"
        return 201 if kept.is_new else 200, msgspec.json.encode(kept)


@contextmanager
def served(dsn="", fixed=None):
    """The server, in a thread of this process."""
    with Server(dsn, fixed) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join(30)


@contextmanager
def deadly(dsn):
    """A server in a process of its own, which dies between its commit and its reply."""
    child = subprocess.Popen(
        [sys.executable, "-m", "sxe_pipeline_tests.handoff.ack_server"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with child:
        child.stdin.write(json.dumps({"dsn": dsn}) + "\n")
        child.stdin.flush()
        yield child, child.stdout.readline().strip()


if __name__ == "__main__":
    with Server(json.loads(sys.stdin.readline())["dsn"], is_deadly=True) as endless:
        print(endless.url, flush=True)
        endless.serve_forever()

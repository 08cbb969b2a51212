"""A receiver of alerts: a real HTTP server on this machine that behaves as a test asks it to."""

import contextlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Receiver:
    """What it was sent, and how it answers: a list of statuses, the last of which stays."""

    def __init__(self):
        self.messages, self.answers, self.redirect = [], [200], None
        self.wait_s = self.drip_s = 0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.messages.append(json.loads(body))
                time.sleep(receiver.wait_s)
                answers = receiver.answers
                status = answers.pop(0) if len(answers) > 1 else answers[0]
                if receiver.drip_s:
                    self.drip()
                self.send_response(status)
                if receiver.redirect:
                    self.send_header("Location", receiver.redirect)
                self.end_headers()

            def do_GET(self):
                receiver.messages.append({"method": "GET"})
                self.send_response(200)
                self.end_headers()

            def drip(self):
                for letter in b"HTTP/1.1 200 OK":
                    self.wfile.write(bytes([letter]))
                    self.wfile.flush()
                    time.sleep(receiver.drip_s)

            def handle(self):
                with contextlib.suppress(OSError):  # the sender gave up, as it should
                    super().handle()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def receiver():
    made = Receiver()
    yield made
    made.stop()


@pytest.fixture
def other_host():
    """Another address, which nobody was told to send anything to."""
    made = Receiver()
    yield made
    made.stop()

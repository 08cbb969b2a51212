"""The two contact providers on one machine: their addresses, their answers, their worst days.

Here: the server on 127.0.0.1, its modes, its log. Not here: what a call does and charges
(`provider_calls`), whom the providers know (`provider_answers`). The three import nothing else of
the engine and hold no login, so that their count of what was charged is a second opinion.

    python -m sxe_pipeline.sandbox.providers --port 0     prints the port
"""

import argparse
import json
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

from sxe_pipeline.sandbox import provider_calls as calls
from sxe_pipeline.sandbox.provider_calls import KINDS, MODES, PROVIDERS, Entry

_OF_POLLS = ("slow_poll", "expired_result")
_LARGEST = 1024 * 1024


class Emulator:
    """Both providers. Its functions may be called from any thread.

    Args:
        port: Where to listen on 127.0.0.1; 0 chooses one.
        retry_after_s: What a pending result says about the next poll.
    """

    def __init__(self, port: int = 0, *, retry_after_s: int = 1) -> None:
        self._lock = threading.RLock()
        self._books = calls.Books()
        self._retry_after_s = retry_after_s
        self._callbacks: list[Callable[[Entry], None]] = []
        self.callback_errors: list[Exception] = []
        self._server = _Server(("127.0.0.1", port), type("_Bound", (_Handler,), {"emulator": self}))
        self.port = int(self._server.server_address[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop answering; connections that hang are closed."""
        self._books.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def reset(self) -> None:
        """Forget every call, charge, result and mode; connections that hang are closed."""
        with self._lock:
            old, self._books = self._books, calls.Books()
        old.released.set()

    def begin_cycle(self) -> None:
        """The next credit cycle begins: the counter counts from 0, and says which it counts."""
        with self._lock:
            books = self._books
            books.cycle += 1
            books.border, books.phone_border = books.totals["apollo"], books.phone_total

    def mode(
        self,
        provider: str,
        name: str,
        *,
        times: int | None = None,
        on: str | None = None,
        **options: Any,
    ) -> None:
        """How a provider behaves from now on.

        Args:
            provider: 'apollo' or 'enformion'.
            name: One of MODES; 'ok' without `on` ends every mode of the provider.
            times: For so many requests; without it until the next mode.
            on: 'paid', 'poll' or 'counter' requests; without it paid ones, or polls where only
                those can behave so.
            options: `retry_after` (429), `n` polls without a result (slow_poll), `delay_s`
                (late_webhook).

        Raises:
            ValueError: The provider, mode or kind of request does not exist.
        """
        if provider not in PROVIDERS or name not in MODES or on not in (None, *KINDS):
            raise ValueError("no such provider, mode or kind of request")
        kinds = (on,) if on else KINDS if name == "ok" else _kinds(name)
        with self._lock:
            for kind in kinds:
                self._books.modes[provider, kind] = calls.Mode(name, times, dict(options))

    def on_receipt(self, callback: Callable[[Entry], None]) -> None:
        """Call `callback` with the log entry of each provider request before it is answered.

        What it raises is kept in `callback_errors`, and `serve` raises the first at its end.
        """
        self._callbacks.append(callback)

    def stats(self) -> dict[str, Any]:
        """Every call, every charge and every total so far, in millionths of a unit."""
        with self._lock:
            books = self._books
            return {
                "calls": [dict(entry) for entry in books.calls],
                "counters": dict(books.counters),
                "charges": {name: dict(books.charges[name]) for name in PROVIDERS},
                "totals": {name: books.totals[name] for name in PROVIDERS},
                "modes": {f"{p}/{k}": mode.name for (p, k), mode in books.modes.items()},
                "callback_errors": len(self.callback_errors),
            }

    def handed_out(self) -> set[str]:
        """Every address and number of the people found so far, to look for where none may be."""
        with self._lock:
            return set(self._books.handed_out)

    def answer(self, request: calls.Request) -> tuple[calls.Answer, calls.Books]:
        """Log a request and decide what goes back; the handler sends it."""
        with self._lock:
            books = self._books
            mode = self._take(request)
            entry = calls.entry_of(request, mode, len(books.calls) + 1)
            books.calls.append(entry)
            books.counters[f"{request.provider}.{request.kind}"] += 1
        for callback in self._callbacks:
            try:
                callback(dict(entry))
            except Exception as error:  # noqa: BLE001 - a test's own failure, shown at its end
                self.callback_errors.append(error)
        with self._lock:
            answer = calls.answer(books, request, mode, entry, self._retry_after_s)
            entry["status"] = answer.status
            books.counters[f"status.{answer.status or mode.name}"] += 1
        return answer, books

    def count(self, what: str) -> None:
        """Add one to a counter."""
        with self._lock:
            self._books.counters[what] += 1

    def _take(self, request: calls.Request) -> calls.Mode:
        mode = self._books.modes.get((request.provider, request.kind), calls.Mode())
        if mode.times is None:
            return mode
        if mode.times <= 0:
            return calls.Mode()
        mode.times -= 1
        return mode


def _kinds(name: str) -> tuple[str, ...]:
    return ("poll",) if name in _OF_POLLS else ("paid",)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: callers hang up, and that is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    emulator: ClassVar[Emulator]
    protocol_version = "HTTP/1.1"
    timeout = 120

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Answer a poll, or what happened so far."""
        self._handle("GET")

    def do_POST(self) -> None:
        """Answer a paid request, a counter, or take a mode."""
        self._handle("POST")

    def _handle(self, method: str) -> None:
        body = self._body()
        to = urlsplit(self.path)
        if body is None:
            self._write(calls.to_json(400, {"error": "Invalid parameters"}))
        elif to.path.startswith("/_"):
            self._write(self._control(method, to.path, body))
        else:
            self._provide(method, to.path, dict(parse_qsl(to.query)), body)

    def _body(self) -> dict[str, Any] | None:
        length = self.headers.get("content-length") or "0"
        if not length.isdigit() or int(length) > _LARGEST:
            self.close_connection = True
            return None
        try:
            found = json.loads(self.rfile.read(int(length)) or b"{}")
        except ValueError:
            return None
        return found if isinstance(found, dict) else None

    def _provide(self, method: str, path: str, query: dict[str, str], body: dict[str, Any]) -> None:
        provider, kind = calls.route(method, path)
        if not provider:
            self.emulator.count("not_found")
            self._write(calls.to_json(404, {"error": "not found"}))
            return
        headers = {key.lower(): value for key, value in self.headers.items()}
        asked = calls.Request(provider, kind, path, query, headers, body)
        answer, books = self.emulator.answer(asked)
        if answer.status is not None:
            self._write(answer)
            return
        if answer.is_silent:
            books.released.wait()
        self._hang_up()

    def _hang_up(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def _control(self, method: str, path: str, body: dict[str, Any]) -> calls.Answer:
        if (method, path) == ("GET", "/_stats"):
            return calls.to_json(200, self.emulator.stats())
        try:
            if (method, path) == ("POST", "/_mode"):
                self.emulator.mode(body.pop("provider", ""), body.pop("mode", ""), **body)
            elif (method, path) == ("POST", "/_reset"):
                self.emulator.reset()
            elif (method, path) == ("POST", "/_cycle"):
                self.emulator.begin_cycle()
            else:
                return calls.to_json(404, {"error": "not found"})
        except (ValueError, TypeError):
            return calls.to_json(400, {"error": "no such provider, mode or kind of request"})
        return calls.to_json(200, {})

    def _write(self, answer: calls.Answer) -> None:
        """In one piece: in two, the second would wait for the caller's acknowledgement."""
        self.send_response(answer.status or 500)
        for key, value in answer.headers.items():
            self.send_header(key, value)
        self.send_header("content-length", str(len(answer.body)))
        self._headers_buffer.append(b"\r\n" + answer.body)  # type: ignore[attr-defined]
        self.flush_headers()


@contextmanager
def serve(port: int = 0, *, retry_after_s: int = 1) -> Iterator[Emulator]:
    """Both providers in this process, until the end of the block.

    Raises:
        Exception: What a callback of `on_receipt` raised, once the block itself has ended well.
    """
    emulator = Emulator(port, retry_after_s=retry_after_s)
    try:
        yield emulator
    finally:
        emulator.close()
    if emulator.callback_errors:
        raise emulator.callback_errors[0]


def main() -> None:
    """Serve until SIGINT or SIGTERM; the port is the first line on stdout."""
    parser = argparse.ArgumentParser(description="The sandbox's contact providers.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--retry-after", type=int, default=1, help="what a pending result says")
    given = parser.parse_args()
    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    with serve(given.port, retry_after_s=given.retry_after) as emulator:
        sys.stdout.write(f"{emulator.port}\n")
        sys.stdout.flush()
        stop.wait()


if __name__ == "__main__":
    main()

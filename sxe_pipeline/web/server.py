"""The HTTP server: uvicorn, hurried along.

uvicorn waits for ever for the head of a request that begins slowly and for whoever takes no answer,
says in plain text what is no HTTP, and reads on behind an answer for as long as somebody sends.
Here: the protocol that does none of that, and a server that ends when it is asked to. Not here:
what is answered (`app`).
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import h11
import msgspec
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from sxe_pipeline.web import problems

HEAD_S = 10.0
"""For the head of a request to arrive, and for the first one of a connection to begin."""

SEND_S = 60.0
"""For what is ready to be sent to be taken; it is no bound on a whole answer."""

CONNECTIONS = 512
GRACE_S = 25
"""For answers that are under way when the end is asked for."""


class Hurried(H11Protocol):
    """A connection on which the head of a request comes in time, and answers are taken."""

    _late: asyncio.TimerHandle | None = None
    _stuck: asyncio.TimerHandle | None = None

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        # What is asked for may hold a key that somebody put in the wrong place.
        self.access_log = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request; where there are too many already, do not."""
        super().connection_made(transport)
        self._hurry()
        if len(self.connections) > CONNECTIONS:
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._rest()
        self._move_on()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came: a whole head ends the waiting, the beginning of one begins it."""
        super().data_received(data)
        if self.cycle is None or self.cycle.response_complete:
            self._hurry()
        else:
            self._rest()

    def on_response_complete(self) -> None:
        """Wait for the next request; behind an answer nobody goes on sending the last one."""
        self._rest()
        super().on_response_complete()
        if self.conn.our_state is h11.DONE and self.conn.their_state is h11.SEND_BODY:
            self.transport.close()

    def pause_writing(self) -> None:
        """Wait for somebody to take what is ready."""
        super().pause_writing()
        self._stuck = self.loop.call_later(SEND_S, self.transport.abort)

    def resume_writing(self) -> None:
        """Somebody did."""
        self._move_on()
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Say that this is no HTTP, as a problem."""
        body = msgspec.json.encode(
            {"type": "about:blank", "title": "Bad Request", "status": 400, "detail": msg}
        )
        head = h11.Response(
            status_code=400,
            headers=[
                (b"content-type", problems.MEDIA_TYPE.encode()),
                (b"content-length", str(len(body)).encode()),
                (b"connection", b"close"),
            ],
            reason=b"Bad Request",
        )
        for event in (head, h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _hurry(self) -> None:
        if self._late is None and not self.transport.is_closing():
            self._late = self.loop.call_later(HEAD_S, self.transport.close)

    def _move_on(self) -> None:
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None

    def _rest(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


class Stop(Protocol):
    """How often the end was asked for: `local.family.Stop`."""

    @property
    def times(self) -> int:
        """So often."""


class Server(uvicorn.Server):
    """Serves until the end is asked for; signals are somebody else's."""

    def __init__(self, config: uvicorn.Config, stop: Stop, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._stop, self._ready = stop, ready

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """None."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        await super().startup(sockets)
        self._ready()

    async def on_tick(self, counter: int) -> bool:
        """Whether to end."""
        self.should_exit = self.should_exit or self._stop.times > 0
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer what is under way, unless the end is asked for once more."""
        ending = asyncio.ensure_future(super().shutdown(sockets))
        while not ending.done():
            self.force_exit = self.force_exit or self._stop.times > 1
            await asyncio.wait([ending], timeout=0.1)
        await ending


def server(
    app: ASGIApp, host: str, port: int, stop: Stop, ready: Callable[[], None] = lambda: None
) -> Server:
    """A server of an application; `run` serves until the end is asked for.

    Args:
        app: What answers.
        host: An interface.
        port: Of it.
        stop: Asked ten times a second.
        ready: Called when it listens.
    """
    options: dict[str, Any] = {
        "http": Hurried,
        "ws": "none",
        "loop": "asyncio",
        "lifespan": "off",
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "proxy_headers": False,
        "timeout_keep_alive": 30,
        "timeout_graceful_shutdown": GRACE_S,
    }
    return Server(uvicorn.Config(app, host, port, **options), stop, ready)

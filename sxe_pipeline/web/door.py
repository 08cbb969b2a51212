"""What every request passes before anything is asked of a route.

Here: the id of a request, the proof of who asks, how much he may ask and send, and how long that
may take. Nothing is let in that does not hold a live key, but for what `OPEN` names: a route that
somebody forgot to close is closed. Not here: what a key may see, which the database decides.
"""

import asyncio
import hashlib
import re
import uuid
from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sxe_pipeline.errors import Refused, SxeError
from sxe_pipeline.handoff.serve import Caller
from sxe_pipeline.web import limits, problems

OPEN = frozenset({"/healthz", "/openapi.json"})
"""What is answered without a key: neither says anything of a batch."""

MOST_BYTES = 64 << 10
"""Of a request; an ack is a hundredth of that."""

BODY_S = 10.0
"""For a whole body to arrive."""

_ID = re.compile(r"[0-9A-Za-z-]{8,64}")
_KEY = re.compile(r"[\x21-\x7e]{16,256}")


class Door:
    """ASGI middleware around everything else."""

    def __init__(
        self,
        inner: ASGIApp,
        identify: Callable[[bytes], Caller],
        *,
        lent: tuple[str, Callable[[str], bytes]],
        key_rate: limits.Rate = limits.KEY,
        address_rate: limits.Rate = limits.ADDRESS,
    ) -> None:
        """Guard an application.

        Args:
            inner: The application.
            identify: Who holds the key of a hash; raises Refused. It may wait for a database.
            lent: Where addresses begin that need no key, and for which key the rest of one was
                made: its hash, or nothing where it is none of ours or too old.
            key_rate: Of each key.
            address_rate: Of each address that no known key comes from.
        """
        self._inner, self._identify = inner, identify
        self._keys, self._addresses = limits.Buckets(key_rate), limits.Buckets(address_rate)
        self._lent, self._readers = lent, limits.Buckets(limits.LENT)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what is not let in; hand on everything else."""
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        headers = Headers(scope=scope)
        said = headers.get("x-request-id", "")
        request_id = said if _ID.fullmatch(said) else str(uuid.uuid4())
        scope.setdefault("state", {}).update(request_id=request_id, seal_no=None)
        answer = _Answer(scope, send)
        try:
            refusal = await self._refusal(scope, headers)
            if refusal is None:
                await self._inner(scope, _Body(receive), answer)
            else:
                await refusal(scope, receive, answer)
        except ConnectionError:
            raise
        except SxeError as error:
            await answer.instead(problems.of_error(error, request_id), receive)
        except Exception as error:  # noqa: BLE001 - the border: its text may quote a row
            await answer.instead(problems.failed(error, request_id), receive)

    async def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        request_id = scope["state"]["request_id"]
        if _declared(headers) > MOST_BYTES:
            return problems.problem(413, _TOO_LARGE, request_id=request_id, headers=_CLOSE)
        if scope["path"] in OPEN:
            return None
        buckets, sha256 = self._proved(scope["path"], headers)
        is_seen = sha256 in buckets
        wait = buckets.take(sha256) if is_seen else self._addresses.take(_address(scope))
        if wait:
            retry = {"Retry-After": str(int(wait) + 1)}
            return problems.problem(429, _TOO_OFTEN, request_id=request_id, headers=retry)
        try:
            if not sha256:
                raise Refused("no key")
            caller = await run_in_threadpool(self._identify, sha256)
        except Refused:
            buckets.forget(sha256)
            return problems.unproved(request_id)
        if not is_seen:
            self._addresses.give_back(_address(scope))
            buckets.take(sha256)
        scope["state"].update(caller=caller, key_sha256=sha256, seal_no=caller.seal_no)
        return None

    def _proved(self, path: str, headers: Headers) -> tuple[limits.Buckets, bytes]:
        """The hash of the key that asks, or nothing, and where it is counted."""
        above, made_for = self._lent
        if path.startswith(above):
            return self._readers, made_for(path.removeprefix(above))
        kind, _, key = headers.get("authorization", "").partition(" ")
        is_one = kind.lower() == "bearer" and _KEY.fullmatch(key) is not None
        return self._keys, hashlib.sha256(key.encode()).digest() if is_one else b""


_CLOSE = {"Connection": "close"}
_TOO_OFTEN = "that was asked too often; wait as long as `Retry-After` says"
_TOO_LARGE = f"a request has {MOST_BYTES >> 10} kB at most"
_TOO_SLOW = "the request did not arrive in time; send it at once"


def _declared(headers: Headers) -> int:
    length = headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() else 0


def _address(scope: Scope) -> str:
    """Of whoever opened the connection: what a header says of it, anybody can write."""
    return str(scope["client"][0]) if scope.get("client") else ""


class _Body:
    """What is sent to us, up to a size and a moment."""

    def __init__(self, receive: Receive) -> None:
        self._receive, self._bytes = receive, 0
        self._end: float | None = None

    async def __call__(self) -> Message:
        if self._bytes < 0:
            return await self._receive()
        self._end = self._end or asyncio.get_running_loop().time() + BODY_S
        try:
            async with asyncio.timeout_at(self._end):
                message = await self._receive()
        except TimeoutError:
            raise HTTPException(408, _TOO_SLOW, _CLOSE) from None
        self._bytes += len(message.get("body", b""))
        if self._bytes > MOST_BYTES:
            raise HTTPException(413, _TOO_LARGE, _CLOSE)
        if not message.get("more_body"):
            self._bytes = -1  # from here on it is told of a caller who leaves
        return message


class _Answer:
    """What we send, with the headers of every answer."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope, self._send = scope, send
        self._has_begun = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._has_begun = True
            headers = MutableHeaders(scope=message)
            state = self._scope["state"]
            headers["X-Request-Id"] = state["request_id"]
            if state["seal_no"] is not None:
                headers["SXE-Checkpoint"] = str(state["seal_no"])
            headers.setdefault("Cache-Control", "private, no-cache")
            headers["X-Content-Type-Options"] = "nosniff"
        await self._send(message)

    async def instead(self, answer: Response, receive: Receive) -> None:
        """Answer after something failed, if nothing was sent yet; else break the connection off."""
        if self._has_begun:
            raise ConnectionAbortedError("the answer broke off") from None
        await answer(self._scope, receive, self)

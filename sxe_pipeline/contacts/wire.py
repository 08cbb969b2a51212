"""The only way out of the contact tier: it sends an `HttpRequest` once and returns a `Reply`.

Here: the connection, its limits, and whether a request can have been sent. Not here: what a
reply means (the adapters), whether a request may be sent (the gate). Nothing is retried, no
redirect is followed, no proxy of the environment is used, and nothing is logged: a log would tell
who is looked up.
"""

import json
import logging
import re
import socket as socketlib
import ssl
import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

import httpx

from sxe_pipeline.contacts.adapter import HttpRequest, Reply
from sxe_pipeline.contacts.providers.replies import BODY_LIMIT
from sxe_pipeline.errors import BadConfig, BadInput, Refused

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_GRACE_S = 15.0
_BEFORE_SENDING = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
)
_HEADER_VALUE = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")
_CALL_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}", re.ASCII)
_NO_ANSWER = Reply(None, failure="no_answer")
_NOT_SENT = Reply(None, failure="not_sent")

for _library in ("httpx", "httpcore"):  # they log addresses, with query and result id
    logging.getLogger(_library).setLevel(logging.CRITICAL)


class Wire:
    """A provider's address with the credentials for it.

    Args:
        base_url: Scheme and host, perhaps with a path before every path.
        headers: The credential headers; no `HttpRequest` can replace them.
        loopback_only: Refuse every host but this machine. Names are compared, not resolved.
        read_timeout_s: Longest silence of the provider; the whole exchange gets 15 s more, which
            is `deadline_s`.

    Raises:
        Refused: The host is another machine and only this one is allowed.
        BadConfig: The address is none, has a secret or a query in it, or goes out unencrypted.
    """

    def __init__(
        self,
        base_url: str,
        headers: Mapping[str, str],
        *,
        loopback_only: bool,
        read_timeout_s: float = 60,
    ) -> None:
        self._base = _checked(base_url, loopback_only)
        self._headers = {key.lower(): value for key, value in headers.items()}
        if not all(_HEADER_VALUE.fullmatch(value) for value in self._headers.values()):
            raise BadConfig("a credential holds characters that no header may hold; set it again")
        self.deadline_s = read_timeout_s + _GRACE_S
        self._client = httpx.Client(
            trust_env=False,
            follow_redirects=False,
            timeout=httpx.Timeout(connect=5, read=read_timeout_s, write=10, pool=5),
            # A kept connection may be closed by the provider just when the next request leaves:
            # its charge would then be unknown for no reason. A fresh one costs a handshake.
            transport=httpx.HTTPTransport(
                # Without https no certificate is checked, and loading authorities takes a while.
                verify=self._base.scheme == "https" or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
                retries=0,
                trust_env=False,
                limits=httpx.Limits(max_connections=100, max_keepalive_connections=0),
            ),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    def send(self, request: HttpRequest, call_id: str) -> Reply:
        """Send it once.

        Args:
            request: What to send.
            call_id: The call that it belongs to, sent as `X-Request-Id`.

        Returns:
            The reply. Without a status, `failure` says whether the request can have been sent.

        Raises:
            BadInput: The request cannot be written down; nothing was sent.
        """
        outgoing, watch = self._outgoing(request, call_id)
        with watch:
            try:
                response = self._client.send(outgoing, stream=True)
                try:
                    reply = self._received(response, watch)
                finally:
                    response.close()
            except _BEFORE_SENDING:
                return _NOT_SENT
            except (httpx.HTTPError, httpx.StreamError, OSError):
                return _NO_ANSWER
        # A cut connection can look like the end of a body.
        return _NO_ANSWER if watch.is_over else reply

    def _outgoing(self, request: HttpRequest, call_id: str) -> tuple[httpx.Request, "_Watch"]:
        if not _CALL_ID.fullmatch(call_id):
            raise BadInput("a call id is letters, digits and . _ : - only; nothing was sent")
        if not re.fullmatch(r"/[A-Za-z0-9/_-]*", request.path, re.ASCII) or "//" in request.path:
            raise BadInput("a path starts with one / and stays on its host; nothing was sent")
        if not all(_HEADER_VALUE.fullmatch(value) for value in request.headers.values()):
            raise BadInput("a header of the request cannot be written; nothing was sent")
        try:
            # Escaped to ASCII: a profile may hold half of a surrogate pair.
            content = (
                None if request.body is None else json.dumps(request.body, allow_nan=False).encode()
            )
            query = urlencode(request.query)
        except (ValueError, TypeError, RecursionError):
            raise BadInput("the request cannot be written as JSON; nothing was sent") from None
        url = self._base.copy_with(
            path=self._base.path.rstrip("/") + request.path,
            query=query.encode() if query else None,
        )
        headers = {key.lower(): value for key, value in request.headers.items()}
        if content is not None:
            headers["content-type"] = "application/json"
        headers |= {"accept": "application/json", "accept-encoding": "identity"}
        headers |= self._headers | {"x-request-id": call_id}
        watch = _Watch(self.deadline_s)
        outgoing = self._client.build_request(
            request.method, url, headers=headers, content=content, extensions={"trace": watch.trace}
        )
        return outgoing, watch

    def _received(self, response: httpx.Response, watch: "_Watch") -> Reply:
        coding = response.headers.get("content-encoding", "identity").strip().lower()
        if coding not in ("identity", "gzip", "deflate"):  # one that could unpack without end
            return _NO_ANSWER
        body = bytearray()
        for part in response.iter_bytes():
            body += part
            if len(body) > BODY_LIMIT or watch.is_over:
                return _NO_ANSWER
        return Reply(response.status_code, dict(response.headers), bytes(body))


class _Watch:
    """Ends an exchange at its deadline, even one whose provider sends a byte now and then.

    httpx limits each read, not their sum, and hands out nothing before the headers are complete;
    the socket is therefore taken from its trace and shut down from a second thread.
    """

    def __init__(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True
        self._end_at = time.monotonic() + seconds
        self._lock = threading.Lock()
        self._socket: socketlib.socket | None = None
        self._has_ended = False

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        with self._lock:
            self._socket = None

    @property
    def is_over(self) -> bool:
        return self._has_ended or time.monotonic() >= self._end_at

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        if event not in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            return
        with self._lock:
            self._socket = info["return_value"].get_extra_info("socket")
            if self._has_ended:
                self._cut()

    def _end(self) -> None:
        with self._lock:
            self._has_ended = True
            self._cut()

    def _cut(self) -> None:
        if self._socket is None:
            return
        try:
            # The plain function: that of an SSL socket forgets its session under a running read.
            socketlib.socket.shutdown(self._socket, socketlib.SHUT_RDWR)
        except (OSError, ssl.SSLError, ValueError):
            return


def _checked(base_url: str, loopback_only: bool) -> httpx.URL:
    try:
        url = httpx.URL(base_url)
    except (httpx.InvalidURL, TypeError):
        raise BadConfig("a provider's address cannot be read; correct it") from None
    if loopback_only and url.host not in LOOPBACK:
        raise Refused("only this machine may be called under this policy; use the sandbox provider")
    if url.scheme not in ("http", "https") or not url.host:
        raise BadConfig("a provider's address starts with https://; correct it")
    if url.scheme != "https" and url.host not in LOOPBACK:
        raise BadConfig("a provider is called over https only; correct its address")
    if url.userinfo or url.query or url.fragment:
        raise BadConfig("a provider's address is a scheme, a host and a path; remove the rest")
    return url

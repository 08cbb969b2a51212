"""Dagster's webserver behind a door of its own: no other page and no other user walks in.

Dagster's has no login and asks nobody where a question comes from, so any page that an operator has
open could drive it: a browser sends its requests to this machine, too. Here: who may ask what.
Not here: what is shown, and what Dagster's own options mean (`--read-only`, `-h`, `-p`).

    python -m sxe_pipeline.local.webserver TOKEN_FILE [options of dagster-webserver]
"""

import functools
import hmac
import sys
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from dagster_webserver import app
from dagster_webserver.cli import cli
from dagster_webserver.webserver import DagsterWebserver
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

HOSTS = {"127.0.0.1", "localhost", "::1"}
"""A name that somebody else can point at this machine is none of them."""

_ENTER = '<!doctype html><meta http-equiv="refresh" content="0; url=/"><title>SXE</title>'
"""Not a redirect: that would belong to the page that led here, and carry no strict cookie."""
_UNSHARED = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


class Guard:
    """Lets in who holds the token, from a page of this server or from no page at all."""

    def __init__(self, inner: ASGIApp, token: str) -> None:
        self._inner, self._token = inner, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what is not let in; hand on everything else."""
        if scope["type"] not in ("http", "websocket"):
            await self._inner(scope, receive, send)
            return
        refusal = self._refusal(HTTPConnection(scope))
        if refusal is None:
            await self._inner(scope, receive, send)
        elif scope["type"] == "websocket":
            await WebSocketClose(code=1008)(scope, receive, send)
        else:
            await refusal(scope, receive, send)

    def _refusal(self, asked: HTTPConnection) -> Response | None:
        here = _address(asked)
        if here is None or not _is_from(asked, here):
            return _no(HTTPStatus.FORBIDDEN, "asked by another page or under another name")
        # Named by the port, which cookies do not tell apart: two servers of a machine keep theirs.
        cookie, path = f"sxe_ui_{here.port or 80}", asked.scope["path"]
        if path.startswith("/report_asset_"):
            return _no(HTTPStatus.NOT_FOUND, "there is no such thing here")
        if path == "/" and "token" in asked.query_params:
            return self._entered(asked.query_params["token"], cookie)
        if not self._is_known(asked, cookie):
            return _no(HTTPStatus.UNAUTHORIZED, "open the address that `sxe ui` printed")
        if path.rstrip("/") == "/graphql" and asked.scope["type"] == "http":
            return _unfit(asked)
        return None

    def _entered(self, token: str, cookie: str) -> Response:
        if not self._is_token(token):
            return _no(HTTPStatus.UNAUTHORIZED, "open the address that `sxe ui` printed last")
        page = HTMLResponse(_ENTER, headers=_UNSHARED)
        page.set_cookie(cookie, self._token, httponly=True, samesite="strict")
        return page

    def _is_known(self, asked: HTTPConnection, cookie: str) -> bool:
        """By the cookie of a browser, or by a header that no foreign page can send."""
        kind, _, bearer = asked.headers.get("authorization", "").partition(" ")
        return self._is_token(bearer if kind == "Bearer" else asked.cookies.get(cookie, ""))

    def _is_token(self, text: str) -> bool:
        return hmac.compare_digest(text.encode(), self._token.encode())


def _address(asked: HTTPConnection) -> SplitResult | None:
    """What this server was called by; None where that is no name of this machine."""
    given = asked.headers.getlist("host")
    try:
        here = urlsplit(f"//{given[0]}")
        is_ours = here.hostname in HOSTS and here.port != 0
    except (ValueError, IndexError):
        return None
    return here if is_ours and len(given) == 1 else None


def _is_from(asked: HTTPConnection, here: SplitResult) -> bool:
    """Whether a page of this server asks, or none: what is no browser names no origin."""
    return all(origin == f"http://{here.netloc}" for origin in asked.headers.getlist("origin"))


def _unfit(asked: HTTPConnection) -> Response | None:
    """GraphQL runs mutations of a GET too, which an image's address is enough for."""
    if asked.scope["method"] != "POST":
        return _no(HTTPStatus.METHOD_NOT_ALLOWED, "ask by POST")
    kind = asked.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        return _no(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "ask with application/json")
    return None


def _no(status: HTTPStatus, why: str) -> Response:
    return PlainTextResponse(f"{why}\n", status, headers=_UNSHARED)


class Webserver(DagsterWebserver[Any, Any]):
    """Dagster's, with the guard before everything else."""

    def __init__(self, *given: Any, token: str) -> None:
        self._token = token
        super().__init__(*given)

    def build_middleware(self) -> list[Middleware]:
        """The guard, then Dagster's own."""
        return [Middleware(Guard, token=self._token), *super().build_middleware()]

    def make_security_headers(self) -> dict[str, str]:
        """Dagster's, and that no other page may frame this one."""
        return {**super().make_security_headers(), "X-Frame-Options": "SAMEORIGIN"}


def main(arguments: Sequence[str]) -> None:
    """Serve until a signal; the first argument is the file that holds the token."""
    token = Path(arguments[0]).read_text().strip()
    # Dagster's command has all its options and no place for a server of another class.
    app.DagsterWebserver = functools.partial(Webserver, token=token)  # type: ignore
    cli(list(arguments[1:]), auto_envvar_prefix="DAGSTER_WEBSERVER")


if __name__ == "__main__":
    main(sys.argv[1:])

"""How the API says no: RFC 9457 problems, whatever went wrong and wherever.

Here: the form, and which error of ours is which status. A problem never repeats what was sent, nor
a text that could quote a row or an address of a store.
"""

from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from sxe_pipeline import logs
from sxe_pipeline.errors import (
    BadInput,
    Busy,
    Conflict,
    NotFound,
    Refused,
    StoreUnavailable,
    SxeError,
)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 5

_TEXTS = {
    401: "send `Authorization: Bearer KEY` with a key that has neither expired nor been revoked",
    404: "there is no such thing here, or this key may not see it",
    405: "that is not done here; `Allow` says what is",
    500: "this is our fault; tell us the request id",
    503: "the service cannot answer now; try again",
}
_STATUSES: dict[type[SxeError], int] = {BadInput: 422, Conflict: 409}
"""Errors whose text is made of our own words, and goes out."""


SCHEMA: dict[str, Any] = {
    "title": "Problem",
    "description": "RFC 9457. `errors` names what of the request does not fit, never its value.",
    "type": "object",
    "required": ["type", "title", "status", "detail", "request_id"],
    "properties": {
        "type": {"const": "about:blank"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["path", "rule"],
                "properties": {"path": {"type": "string"}, "rule": {"type": "string"}},
            },
        },
    },
}


def problem(
    status: int,
    detail: str | None = None,
    *,
    request_id: str,
    headers: dict[str, str] | None = None,
    errors: list[dict[str, str]] | None = None,
) -> Response:
    """The answer that says no.

    Args:
        status: Of HTTP.
        detail: What and what next, in our own words; None is what is always said then.
        request_id: As in its header.
        headers: Besides those of every answer.
        errors: What of the request does not fit.
    """
    title = HTTPStatus(status).phrase
    body = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": detail or _TEXTS.get(status, title),
        "request_id": request_id,
    }
    content = msgspec.json.encode(body | ({"errors": errors} if errors else {}))
    return Response(content, status, headers=headers, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Answer every error of the routes as a problem."""
    app.exception_handler(HTTPException)(_of_http)
    app.exception_handler(RequestValidationError)(_of_request)
    app.exception_handler(SxeError)(_of_ours)


def of_error(error: SxeError, request_id: str) -> Response:
    """The problem that an error of ours is."""
    if status := _STATUSES.get(type(error)):
        return problem(status, str(error), request_id=request_id)
    if isinstance(error, Refused):
        return unproved(request_id)
    if isinstance(error, NotFound):
        return problem(404, request_id=request_id)
    if isinstance(error, StoreUnavailable | Busy):
        logs.get("web").warning("cannot answer", reason=type(error).__name__, request_id=request_id)
        retry = {"Retry-After": str(RETRY_AFTER_S)}
        return problem(503, request_id=request_id, headers=retry)
    return failed(error, request_id)


def failed(error: Exception, request_id: str) -> Response:
    """The problem that is our fault; the log says which kind, and quotes nothing."""
    logs.get("web").error("failed", reason=type(error).__name__, request_id=request_id)
    return problem(500, request_id=request_id)


def unproved(request_id: str) -> Response:
    """The problem of whoever holds no live key."""
    ask = {"WWW-Authenticate": 'Bearer realm="sxe"'}
    return problem(401, request_id=request_id, headers=ask)


def _of_http(request: Request, error: HTTPException) -> Response:
    is_ours = error.detail != HTTPStatus(error.status_code).phrase
    return problem(
        error.status_code,
        error.detail if is_ours else None,
        request_id=request.state.request_id,
        headers=dict(error.headers or {}),
    )


def _of_request(request: Request, error: RequestValidationError) -> Response:
    found = [{"path": _path(e), "rule": str(e["type"])} for e in error.errors()[:20]]
    return problem(
        422,
        f"{len(error.errors())} things of the request do not fit; see `errors`",
        request_id=request.state.request_id,
        errors=found,
    )


def _path(error: dict[str, Any]) -> str:
    """Where, without what was sent: the name of an unknown field is the sender's own text."""
    where = error["loc"][: -1 if error["type"] in ("extra_forbidden", "json_invalid") else None]
    return "/" + "/".join(str(part) for part in where)


def _of_ours(request: Request, error: SxeError) -> Response:
    return of_error(error, request.state.request_id)

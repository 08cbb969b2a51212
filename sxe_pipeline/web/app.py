"""The application: routes, the door before them, and what OpenAPI says of both.

Here: the assembly. Not here: serving it on a port (`server`), and what a deployment tells it
(`local.serve`).
"""

from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.security import HTTPBearer
from pydantic import BaseModel

from sxe_pipeline.handoff import serve
from sxe_pipeline.web import (
    acks,
    batches,
    checkpoints,
    contracts,
    files,
    heads,
    limits,
    problems,
    shares,
    sharing,
)
from sxe_pipeline.web.asking import Serving
from sxe_pipeline.web.door import Door

VERSION = "1"
"""Of what is asked and answered, as in every path."""

_SUMMARY = "Signed batches of lead cards and contact points: read, verify, acknowledge."
_KEY = HTTPBearer(auto_error=False, scheme_name="key", description="The key that you were given.")


class Health(BaseModel):
    """That this process answers."""

    status: str = "ok"


def make(
    serving: Serving,
    *,
    key_rate: limits.Rate = limits.KEY,
    address_rate: limits.Rate = limits.ADDRESS,
) -> FastAPI:
    """The application.

    Args:
        serving: What it answers from.
        key_rate: How much each key may ask.
        address_rate: How much each address may that no known key comes from.
    """
    app = bare()
    app.state.serving = serving

    def identify(key_sha256: bytes) -> serve.Caller:
        return serving.database.call(lambda conn: serve.caller(conn, key_sha256))

    app.add_middleware(
        Door,
        identify=identify,
        lent=(sharing.LENT, lambda token: serving.addresses.opened(token)[0]),
        key_rate=key_rate,
        address_rate=address_rate,
    )
    return app


def bare() -> FastAPI:
    """Its routes and what OpenAPI says of them, with nothing to answer from."""
    app = FastAPI(
        title="SXE handoff",
        version=VERSION,
        summary=_SUMMARY,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
        # Spans and logs of requests would hold what was asked, and go wherever a variable says.
        telemetry={
            "tracing": False,
            "metrics": False,
            "logs": False,
            "operation_spans": False,
            "auto_configure": False,
        },
    )
    problems.install(app)
    for room in (contracts, heads, batches, files, acks, checkpoints, shares, sharing):
        app.include_router(room.router, dependencies=[Depends(_KEY)])
    app.include_router(_open)
    app.openapi = lambda: _described(app)  # type: ignore[method-assign]
    return app


_open = APIRouter(tags=["service"])


@_open.get("/healthz")
async def health() -> Health:
    """Whether this process answers; needs no key."""
    return Health()


def _described(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title, version=app.version, summary=app.summary, routes=app.routes
        )
        made["components"]["schemas"] |= {
            "Problem": problems.SCHEMA,
            "Envelope": _ENVELOPE,
            "Ack": acks.described(),
        }
        app.openapi_schema = made
    return app.openapi_schema


_ENVELOPE = {
    "title": "Envelope",
    "description": "DSSE; verify `signatures` with a pinned key before you read `payload`.",
    "type": "object",
    "required": ["payload", "payloadType", "signatures"],
    "properties": {
        "payload": {"type": "string", "description": "Base64."},
        "payloadType": {"type": "string"},
        "signatures": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["keyid", "sig"],
                "properties": {"keyid": {"type": "string"}, "sig": {"type": "string"}},
            },
        },
    },
}

"""What a route knows of a request: who asks, and what he may be answered from.

Here: the parameters that routes share, and reading on behalf of a key.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Concatenate, ParamSpec, TypeVar

import psycopg
from fastapi import Depends, Header, Path, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from sxe_pipeline.handoff import serve
from sxe_pipeline.handoff.serve import Caller
from sxe_pipeline.store.objects import Objects
from sxe_pipeline.web import problems
from sxe_pipeline.web.database import Database
from sxe_pipeline.web.lent import Addresses, Computed

T = TypeVar("T")
P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Serving:
    """What the API answers from: the login `sxe_serve`, and the bucket of Tier 1 batches.

    `lender`: address of the contact service and the secret shared with it, where there are both.
    `addresses` and `computed` are of files that are read without a key.
    """

    database: Database
    objects: Objects
    lender: tuple[str, str] | None = None
    addresses: Addresses = field(default_factory=Addresses)
    computed: Computed = field(default_factory=Computed)

    def close(self) -> None:
        """End the connections that nobody uses, and let go of computed files."""
        self.database.close()
        self.computed.close()


@dataclass(frozen=True, slots=True)
class Asking:
    """One request of one key."""

    serving: Serving
    caller: Caller
    key_sha256: bytes

    def read(
        self,
        function: Callable[Concatenate[psycopg.Connection, bytes, P], T],
        *args: P.args,
        **named: P.kwargs,
    ) -> T:
        """What a function of `handoff.serve` answers to this key."""
        database = self.serving.database
        return database.call(lambda conn: function(conn, self.key_sha256, *args, **named))

    def must_see(self, contract: str) -> None:
        """Raise 404 for a contract that this key may not see, as for one that is none."""
        if contract not in self.caller.contracts:
            raise HTTPException(404)

    def batch(self, batch_id: str) -> serve.Served:
        """The batch; raises 404 where this key does not see it."""
        found = self.read(serve.batch, batch_id)
        if found is None:
            raise HTTPException(404)
        return found


def _asking(request: Request) -> Asking:
    state = request.state
    return Asking(request.app.state.serving, state.caller, state.key_sha256)


Asks = Annotated[Asking, Depends(_asking)]
ContractId = Annotated[str, Path(pattern="^[a-z0-9][a-z0-9_]{0,63}$", examples=["lead_card"])]
BatchId = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]
IfNoneMatch = Annotated[
    str | None, Header(alias="If-None-Match", description="An `ETag` that you have.")
]


def exact(data: bytes, sha256: str, if_none_match: str | None, media_type: str) -> Response:
    """Bytes as they were signed, or 304 for whoever has them.

    Args:
        data: The bytes.
        sha256: Theirs, in hex: the strong ETag.
        if_none_match: As it was sent.
        media_type: Of the bytes.
    """
    headers = {"ETag": f'"{sha256}"'}
    if is_held(if_none_match, sha256):
        return Response(None, 304, headers)
    return Response(data, headers=headers, media_type=media_type)


def is_held(if_none_match: str | None, sha256: str) -> bool:
    """Whether the asker has what has this hash."""
    held = {tag.strip().removeprefix("W/").strip('"') for tag in (if_none_match or "").split(",")}
    return bool(held & {sha256, "*"})


def said_no(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says of the problems of a route, besides those of every one."""
    every = (*statuses, 401, 413, 422, 429, 500, 503)
    content = {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {s: {"description": _WORDS[s], "content": content} for s in sorted(every)}


_WORDS = {
    400: "The body is no JSON that can be read.",
    401: "No key, or one that is unknown, has expired or was revoked.",
    404: "There is none, or this key may not see it.",
    408: "The body did not arrive in time.",
    409: "Something else was said before, and stands.",
    410: "The files were deleted when their time was over; the manifest stays.",
    413: "The request is larger than 64 kB.",
    416: "The file has no such bytes.",
    422: "Something of the request does not fit; `errors` says what.",
    429: "Asked too often; `Retry-After` says how long to wait.",
    500: "Our fault.",
    501: "This deployment cannot hand out files of this contract.",
    503: "The service cannot answer now; `Retry-After` says when to ask again.",
}

UNCHANGED: dict[int | str, dict[str, Any]] = {304: {"description": "You have it."}}

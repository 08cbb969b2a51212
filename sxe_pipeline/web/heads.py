"""Heads: which batches are the newest, signed."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.exceptions import HTTPException
from starlette.responses import Response

from sxe_pipeline.handoff import serve
from sxe_pipeline.web.asking import (
    UNCHANGED,
    Asking,
    Asks,
    ContractId,
    IfNoneMatch,
    exact,
    said_no,
)

ENVELOPE = "application/json"
"""A DSSE envelope is JSON; what it holds, its payload type says."""

Major = Annotated[
    int | None,
    Query(ge=0, le=2**31 - 1, description="Of the contract's version; by default the newest."),
]

router = APIRouter(tags=["heads"])
_SAID = {
    200: {
        "description": "The DSSE envelope, byte for byte as in the store.",
        "content": {ENVELOPE: {"schema": {"$ref": "#/components/schemas/Envelope"}}},
    },
    **UNCHANGED,
    **said_no(404),
}


@router.get("/v1/heads/{contract}", response_class=Response, responses=_SAID)
def newest_head(
    asking: Asks, contract: ContractId, major: Major = None, if_none_match: IfNoneMatch = None
) -> Response:
    """The newest head of a contract."""
    return _head(asking, contract, major, None, if_none_match)


@router.get("/v1/heads/{contract}/{seq}", response_class=Response, responses=_SAID)
def head(
    asking: Asks,
    contract: ContractId,
    seq: Annotated[int, Path(ge=1, le=2**63 - 1)],
    major: Major = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """The head of a number, which never changes."""
    return _head(asking, contract, major, seq, if_none_match)


def _head(
    asking: Asking, contract: str, major: int | None, seq: int | None, if_none_match: str | None
) -> Response:
    found = asking.read(serve.head, contract, major, seq)
    if found is None:
        raise HTTPException(404)
    return exact(found.bytes, found.sha256, if_none_match, ENVELOPE)

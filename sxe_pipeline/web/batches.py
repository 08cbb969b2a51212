"""Batches: what was published behind a number, and the manifest of one."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from sxe_pipeline.handoff import serve
from sxe_pipeline.web.asking import UNCHANGED, Asks, BatchId, IfNoneMatch, exact, said_no
from sxe_pipeline.web.heads import ENVELOPE

router = APIRouter(tags=["batches"])


class BatchEntry(BaseModel):
    """A published batch.

    `published_seq` is its place in the order in which batches of its contract became visible.
    `request_id` and `seq` are null for a batch of a market and day. `expired_at`: since when its
    files are gone.
    """

    model_config = ConfigDict(from_attributes=True)

    batch_id: str
    contract: str
    contract_version: str
    market: str
    day: date
    request_id: UUID | None
    seq: int | None
    prev_batch_id: str | None
    kind: str
    row_count: int
    manifest_sha256: str
    published_seq: int
    published_at: datetime
    expired_at: datetime | None


class BatchPage(BaseModel):
    """Batches in the order of `published_seq`.

    `next`: goes on behind the last of them; asked later it shows what was published since.
    `has_more`: whether there is something already.
    """

    batches: list[BatchEntry]
    next: str
    has_more: bool


@router.get("/v1/batches", responses=said_no(404))
def batches(
    asking: Asks,
    contract: Annotated[str, Query(pattern="^[a-z0-9][a-z0-9_]{0,63}$", examples=["lead_card"])],
    after: Annotated[int, Query(ge=0, le=2**63 - 1, description="A `published_seq`.")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> BatchPage:
    """What was published behind a number, in that order; none is missed, none comes twice."""
    asking.must_see(contract)
    found = asking.read(serve.batches, contract, after=after, most=limit + 1)
    page = found[:limit]
    last = page[-1].published_seq if page else after
    return BatchPage(
        batches=[BatchEntry.model_validate(batch) for batch in page],
        next=f"/v1/batches?contract={contract}&after={last}&limit={limit}",
        has_more=len(found) > limit,
    )


@router.get(
    "/v1/batches/{batch_id}",
    response_class=Response,
    responses={
        200: {
            "description": "`_manifest.json`: the DSSE envelope, byte for byte as in the store.",
            "content": {ENVELOPE: {"schema": {"$ref": "#/components/schemas/Envelope"}}},
        },
        **UNCHANGED,
        **said_no(404),
    },
)
def manifest(asking: Asks, batch_id: BatchId, if_none_match: IfNoneMatch = None) -> Response:
    """The signed manifest of a batch."""
    found = asking.batch(batch_id)
    return exact(found.manifest, found.manifest_sha256, if_none_match, ENVELOPE)

"""Batches: what was published behind a number, and the manifest of one."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel
from starlette.responses import Response

from sxe_pipeline.handoff import serve
from sxe_pipeline.web.asking import UNCHANGED, Asks, BatchId, IfNoneMatch, exact, said_no
from sxe_pipeline.web.heads import ENVELOPE

router = APIRouter(tags=["batches"])


class BatchPage(BaseModel):
    """Batches in the order of `published_seq`.

    `next`: goes on behind the last of them; asked later it shows what was published since.
    `has_more`: whether there is something already.
    """

    batches: list[serve.Listed]
    next: str
    has_more: bool


@router.get("/v1/batches", responses=said_no(404))
def batches(
    asking: Asks,
    contract: Annotated[str, Query(pattern="^[a-z0-9][a-z0-9_]{0,63}$", examples=["lead_card"])],
    after: Annotated[int, Query(ge=0, le=2**63 - 1, description="A `published_seq`.")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    unanswered: Annotated[
        bool, Query(description="Only what was delivered to you and waits for your answer.")
    ] = False,
) -> BatchPage:
    """What was published behind a number, in that order; none comes twice.

    None is missed of the markets that you saw before. Of one that you see since, batches have lower
    numbers: `unanswered` with `after=0` lists its newest.
    """
    asking.must_see(contract)
    found = asking.read(
        serve.batches, contract, after=after, most=limit + 1, is_unanswered=unanswered
    )
    page = found[:limit]
    last = page[-1].published_seq if page else after
    return BatchPage(
        batches=list(page),
        next=f"/v1/batches?contract={contract}&after={last}&limit={limit}"
        + ("&unanswered=true" if unanswered else ""),
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

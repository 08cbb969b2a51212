"""What a consumer answers, and how its last thirty days went."""

import json
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Body
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from sxe_pipeline import contracts_root
from sxe_pipeline.handoff import acks, consumers
from sxe_pipeline.web.asking import Asks, BatchId, said_no

router = APIRouter(tags=["answers"])


class Answer(BaseModel):
    """What became of an acknowledgement.

    `is_proved`: exactly the published rows were read; `is_wrong`: others were. `is_new` is false
    where the same one stood already.
    """

    model_config = ConfigDict(from_attributes=True)

    status: str
    is_new: bool
    is_late: bool
    is_proved: bool
    is_wrong: bool
    acked_at: datetime


class SloList(BaseModel):
    """One entry for each contract that the key is for."""

    slo: list[consumers.Slo]


@router.put(
    "/v1/batches/{batch_id}/ack",
    responses={
        201: {"model": Answer, "description": "It stands."},
        200: {"description": "It stood already."},
        **said_no(400, 404, 408, 409),
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Ack"}}},
        }
    },
)
def ack(
    asking: Asks, batch_id: BatchId, said: Annotated[dict[str, Any], Body()], response: Response
) -> Answer:
    """Acknowledge a batch; the same again changes nothing, another answer is refused."""
    kept = asking.read(acks.put, batch_id, said)
    response.status_code = 201 if kept.is_new else 200
    return Answer.model_validate(kept)


@router.get("/v1/slo", responses=said_no())
def slo(asking: Asks) -> SloList:
    """How the last thirty days went; silence is never success."""
    return SloList(slo=asking.read(consumers.own_slo))


def described() -> dict[str, Any]:
    """The document of an acknowledgement, as a component of OpenAPI."""
    text = (contracts_root() / "ack" / "0.1.0.schema.json").read_text()
    made: dict[str, Any] = json.loads(text.replace("#/$defs/", "#/components/schemas/Ack/$defs/"))
    return {name: value for name, value in made.items() if name not in ("$schema", "$id")}

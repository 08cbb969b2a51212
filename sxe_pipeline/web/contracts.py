"""Contracts: what a key may see, and what each promises."""

import hashlib
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import Response

from sxe_pipeline import schema
from sxe_pipeline.errors import NotFound
from sxe_pipeline.web.asking import UNCHANGED, Asks, ContractId, IfNoneMatch, exact, said_no

SCHEMA = "application/schema+json"

router = APIRouter(tags=["contracts"])


class ContractEntry(BaseModel):
    """One version of a contract. `schema_url`, `heads_url`, `batches_url`: where to go on."""

    contract: str
    version: str
    tier: str
    schema_url: str
    heads_url: str
    batches_url: str


class ContractList(BaseModel):
    """What a key may see; `markets`: of which of them, `*` is every one."""

    consumer: str
    markets: list[str]
    contracts: list[ContractEntry]


@router.get("/v1/contracts", responses=said_no())
def contracts(asking: Asks) -> ContractList:
    """What this key may see."""
    entries = [
        ContractEntry(
            contract=name,
            version=version,
            tier=schema.load(name, version).tier,
            schema_url=f"/v1/contracts/{name}/{version}",
            heads_url=f"/v1/heads/{name}",
            batches_url=f"/v1/batches?contract={name}",
        )
        for name, version in schema.available()
        if name in asking.caller.contracts
    ]
    return ContractList(
        consumer=asking.caller.consumer, markets=list(asking.caller.markets), contracts=entries
    )


@router.get(
    "/v1/contracts/{contract}/{version}",
    response_class=Response,
    responses={
        200: {
            "description": "The JSON Schema of one row.",
            "content": {SCHEMA: {"schema": {"type": "object"}}},
        },
        **UNCHANGED,
        **said_no(404),
    },
)
def contract_schema(
    asking: Asks,
    contract: ContractId,
    version: Annotated[str, Path(pattern=r"^[0-9]{1,9}\.[0-9]{1,9}\.[0-9]{1,9}$")],
    if_none_match: IfNoneMatch = None,
) -> Response:
    """The JSON Schema of one row of a contract."""
    asking.must_see(contract)
    try:
        data = schema.load(contract, version).published_schema()
    except NotFound:
        raise HTTPException(404) from None
    return exact(data, hashlib.sha256(data).hexdigest(), if_none_match, SCHEMA)

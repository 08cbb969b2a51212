"""Which tables Delta Sharing has for a key: one share, one schema, a table for each contract.

Here: the listings, and what is not there. Not here: what a table holds (`sharing`).
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from sxe_pipeline import schema
from sxe_pipeline.schema import Contract
from sxe_pipeline.web import files
from sxe_pipeline.web.asking import Asking, Asks, said_no

ROOT = "/delta-sharing"
SHARE, SCHEMA = "sxe", "tier1"

router = APIRouter(prefix=ROOT, tags=["delta sharing"])


class Named(BaseModel):
    """A share."""

    name: str = SHARE


class NamedSchema(BaseModel):
    """A schema of a share."""

    name: str = SCHEMA
    share: str = SHARE


class NamedTable(BaseModel):
    """A table: a contract and the major of its version."""

    name: str
    schema_: str = Field(default=SCHEMA, alias="schema")
    share: str = SHARE


class ShareList(BaseModel):
    """All shares."""

    items: list[Named]


class OneShare(BaseModel):
    """A share."""

    share: Named


class SchemaList(BaseModel):
    """All schemas of a share."""

    items: list[NamedSchema]


class TableList(BaseModel):
    """All tables that the key sees."""

    items: list[NamedTable]


Share = Annotated[str, Path(examples=[SHARE])]
Schema = Annotated[str, Path(examples=[SCHEMA])]


def tables_of(asking: Asking) -> dict[str, Contract]:
    """The tables that a key sees, each in the newest version of its major."""
    found = {}
    for name, version in schema.available():
        if name in asking.caller.contracts and files.is_public(name):
            contract = schema.load(name, version)
            if "market" in contract.names and len(contract.key) == 1:
                found[f"{name}_v{version.split('.')[0]}"] = contract
    return found


def must_share(asking: Asks, share: Share) -> None:
    """Raise 404 for a share that is none, or in which the key sees nothing."""
    if share != SHARE or not tables_of(asking):
        raise HTTPException(404)


def must_have(asking: Asks, share: Share, schema: Schema) -> None:
    """Raise 404 for a schema that is none."""
    must_share(asking, share)
    if schema != SCHEMA:
        raise HTTPException(404)


_NO = said_no(404)


@router.get("/shares", responses=said_no())
def shares(asking: Asks) -> ShareList:
    """The one share, where the key sees a table of it."""
    return ShareList(items=[Named()] if tables_of(asking) else [])


@router.get("/shares/{share}", responses=_NO, dependencies=[Depends(must_share)])
def share() -> OneShare:
    """The share."""
    return OneShare(share=Named())


@router.get("/shares/{share}/schemas", responses=_NO, dependencies=[Depends(must_share)])
def schemas() -> SchemaList:
    """The one schema."""
    return SchemaList(items=[NamedSchema()])


@router.get("/shares/{share}/all-tables", responses=_NO, dependencies=[Depends(must_share)])
def alltables_of(asking: Asks) -> TableList:
    """Every table that the key sees."""
    return TableList(items=[NamedTable(name=name) for name in tables_of(asking)])


@router.get(
    "/shares/{share}/schemas/{schema}/tables", responses=_NO, dependencies=[Depends(must_have)]
)
def tables(asking: Asks) -> TableList:
    """Every table that the key sees."""
    return alltables_of(asking)

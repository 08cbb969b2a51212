"""Delta Sharing, read-only: batches of Tier 1 that have a market, as tables.

Here: what the protocol asks (parquet response format), answered from heads of markets and their
chains. A table's version is the `published_seq` of the newest batch that the key sees. Not here:
which tables there are (`shares`), the rows of a state (`handoff.states`), addresses (`lent`).
"""

import json
import uuid
from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query, Request
from pydantic import BaseModel, BeforeValidator, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from sxe_pipeline import schema
from sxe_pipeline.handoff import serve, states
from sxe_pipeline.handoff.chain_rows import Manifest, since_full
from sxe_pipeline.handoff.files import manifest
from sxe_pipeline.handoff.lending import LENT_S
from sxe_pipeline.schema import Contract, spark
from sxe_pipeline.web import files
from sxe_pipeline.web.asking import Asking, Asks, said_no
from sxe_pipeline.web.lent import Write
from sxe_pipeline.web.shares import ROOT, must_have, tables_of

LENT = f"{ROOT}/files/"
MOST_BATCHES = 200
"""Whose changes are asked for at once: each one of them may be computed."""

_VERSION = "Delta-Table-Version"
_UNREAD = (
    "only `responseformat=parquet` and numbers of versions are answered here: leave out "
    "`use_delta_format` and timestamps"
)
_TOO_MANY = f"that is more than {MOST_BATCHES} batches; name an `endingVersion`, or load the table"
_GONE = "files of that time were deleted; load the table, and go on behind its version"

router = APIRouter(prefix=ROOT, tags=["delta sharing"])


def _no_text(value: Any) -> Any:
    if isinstance(value, str | bool):
        raise ValueError("it is no number")
    return value


class Wanted(BaseModel):
    """Which rows: hints are not read. `version` is a number up to which batches count."""

    version: Annotated[Annotated[int, Field(ge=0, le=2**53)] | None, BeforeValidator(_no_text)] = (
        None
    )
    timestamp: str | None = None


class Table:
    """A table as one key sees it, in one request."""

    def __init__(self, asking: Asking, request: Request, contract: Contract) -> None:
        self.asking, self.contract = asking, contract
        self.major = int(contract.version.split(".")[0])
        # A proxy that speaks TLS says so; whoever else does spoils his own answer.
        is_tls = request.headers.get("x-forwarded-proto") == "https"
        self._base = f"{'https' if is_tls else request.url.scheme}://{request.url.netloc}{LENT}"

    def newest(self, as_of: int | None = None) -> list[serve.Newest]:
        """The newest batch of each market."""
        return self.asking.read(serve.newest, self.contract.id, self.major, as_of)

    def answer(
        self, version: int, lines: Iterable[dict[str, Any]] = (), arrow: Any = None
    ) -> Response:
        """Protocol, metadata and lines, as NDJSON."""
        name = f"{self.contract.id}_v{self.major}"
        metadata = {
            "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"urn:sxe:table:{name}")),
            "name": name,
            "description": self.contract.purpose,
            "format": {"provider": "parquet"},
            "schemaString": spark.schema_string(arrow or self.contract.arrow()),
            "partitionColumns": [],
            "configuration": {"enableChangeDataFeed": "true"},
        }
        said = [{"protocol": {"minReaderVersion": 1}}, {"metaData": metadata}, *lines]
        text = "".join(f"{json.dumps(line)}\n" for line in said)
        return Response(text, 200, {_VERSION: str(version)}, files.NDJSON)

    def own_files(self, batch: serve.Served) -> Iterator[dict[str, Any]]:
        """The Parquet files of a full batch, in their bucket, or from here out of a folder."""
        for entry in manifest.files_of(batch.manifest):
            if entry["format"] == "parquet":
                key = f"{batch.folder}/{entry['name']}"
                url = self.asking.serving.objects.presigned(key, LENT_S)
                what = f"file/{batch.batch_id}/{entry['name']}"
                yield self._file(url or self._lent(what), entry["sha256"], entry["bytes"])

    def computed(self, kind: str, batch: serve.Served) -> dict[str, Any]:
        """The file of a state, or of changes, which is made now if there is none."""
        what = f"{kind}/{batch.batch_id}"
        made = self.asking.serving.computed.entry(what, _written(self.asking, kind, batch))
        return self._file(self._lent(what), made["sha256"], made["bytes"])

    def _lent(self, what: str) -> str:
        made = self.asking.serving.addresses.made(self.asking.key_sha256, what)
        return self._base + made

    def _file(self, url: str, sha256: str, size: int) -> dict[str, Any]:
        return {"url": url, "id": sha256, "partitionValues": {}, "size": size}


TableName = Annotated[str, Path(pattern=r"^[a-z0-9_]{1,80}$", examples=["lead_card_v1"])]


def _table(
    asking: Asks,
    request: Request,
    table: TableName,
    capabilities: Annotated[str, Header(alias="delta-sharing-capabilities")] = "",
) -> Table:
    found = tables_of(asking).get(table)
    if found is None:
        raise HTTPException(404)
    said = dict(part.strip().partition("=")[::2] for part in capabilities.lower().split(";"))
    formats = {name.strip() for name in said.get("responseformat", "parquet").split(",")}
    if "parquet" not in formats or any(n.endswith("Timestamp") for n in request.query_params):
        raise HTTPException(400, _UNREAD)
    return Table(asking, request, found)


OfTable = Annotated[Table, Depends(_table)]
_IN = [Depends(must_have)]
_ONE = "/shares/{share}/schemas/{schema}/tables/{table}"
_NUMBER: dict[int | str, dict[str, Any]] = {
    200: {"description": f"`{_VERSION}` says which version."},
    **said_no(400, 404, 410),
    400: said_no(400)[400] | {"description": "Another format, a timestamp, or too much at once."},
}
_LINES = _NUMBER | {
    200: {
        "description": f"Protocol, metadata and files, one a line; `{_VERSION}` says which.",
        "content": {files.NDJSON: {"schema": {"type": "string"}}},
    }
}


@router.get(f"{_ONE}/version", response_class=Response, responses=_NUMBER, dependencies=_IN)
def version(table: OfTable) -> Response:
    """The newest version, in a header; 0 before the first batch."""
    return Response(None, 200, {_VERSION: str(_version(table.newest()))})


@router.get(f"{_ONE}/metadata", response_class=Response, responses=_LINES, dependencies=_IN)
def metadata(table: OfTable) -> Response:
    """What the table is."""
    return table.answer(_version(table.newest()))


@router.post(f"{_ONE}/query", response_class=Response, responses=_LINES, dependencies=_IN)
def query(table: OfTable, wanted: Wanted | None = None) -> Response:
    """The files that hold all rows of all markets that the key sees, now or as of a version."""
    wanted = wanted or Wanted()
    if wanted.timestamp is not None:
        raise HTTPException(400, _UNREAD)
    newest = table.newest(wanted.version)
    lines: list[dict[str, Any]] = []
    for one in newest:
        batch = table.asking.batch(one.batch_id)
        files.must_be_there(batch)
        if manifest.fields_of(batch.manifest)["kind"] == "full":
            lines += table.own_files(batch)
        else:
            lines.append(table.computed("rows", batch))
    return table.answer(_version(newest), [{"file": line} for line in lines])


@router.get(f"{_ONE}/changes", response_class=Response, responses=_LINES, dependencies=_IN)
def changes(
    table: OfTable,
    start: Annotated[int, Query(alias="startingVersion", ge=0, le=2**63 - 1)],
    end: Annotated[int, Query(alias="endingVersion", ge=0, le=2**63 - 1)] = 2**63 - 1,
) -> Response:
    """What the batches from one version to another changed, both of them included.

    The first batch of a market comes as its own files (insert); of every other one a file says
    insert, update_postimage or delete. A row that is deleted holds its key and its market.
    """
    after, most = max(start - 1, 0), MOST_BATCHES + 1
    found = table.asking.read(serve.batches, table.contract.id, after=after, most=most)
    mine = [batch for batch in found if batch.published_seq <= end]
    if len(mine) == most:
        raise HTTPException(400, _TOO_MANY)
    lines: list[dict[str, Any]] = []
    for listed in mine:
        if _major(listed.contract_version) != table.major:
            continue
        at = {"version": listed.published_seq, "timestamp": _ms(listed.published_at)}
        batch = table.asking.batch(listed.batch_id)
        files.must_be_there(batch, _GONE)
        if _before(table.asking, batch) is None:
            lines += ({"add": line | at} for line in table.own_files(batch))
        else:
            lines.append({"cdf": table.computed("changes", batch) | at})
    return table.answer(_version(table.newest()), lines, states.changed(table.contract))


@router.get(
    "/files/{token}",
    response_class=Response,
    responses={
        200: {"description": "The file.", "content": files.PARQUET},
        206: {"description": "What `Range` asked for of it.", "content": files.PARQUET},
        **said_no(404, 410, 416),
    },
)
def shared_file(
    asking: Asks,
    token: Annotated[str, Path(description="As in the address that a query answered.")],
    asked_range: Annotated[str | None, Header(alias="Range")] = None,
) -> Response:
    """A file at an address that works for five minutes; the address is the proof, no key is."""
    _, what = asking.serving.addresses.opened(token)
    kind, _, rest = what.partition("/")
    batch_id, _, name = rest.partition("/")
    if not batch_id:  # it ended since it was let in
        raise HTTPException(404)
    batch = asking.batch(batch_id)
    files.must_be_there(batch)
    if kind == "file":
        own = next(e for e in manifest.files_of(batch.manifest) if e["name"] == name)
        return files.part(asking.serving.objects.open(f"{batch.folder}/{name}"), own, asked_range)
    opened, entry = asking.serving.computed.opened(what, _written(asking, kind, batch))
    return files.part(opened, entry, asked_range)


def _written(asking: Asking, kind: str, batch: serve.Served) -> Write:
    """How the file of `rows` or `changes` is written, once it is seen that all of it is there."""
    contract = schema.load(batch.contract, batch.contract_version)
    store = asking.serving.objects
    if kind == "rows":
        return partial(states.write_rows, store, contract, _chain(asking, batch.batch_id))
    own, before = manifest.fields_of(batch.manifest), _before(asking, batch)
    chain = _chain(asking, before.batch_id if before else None)
    return partial(states.write_changes, store, contract, chain, own)


def _chain(asking: Asking, batch_id: str | None) -> list[Manifest]:
    def found(batch_id: str) -> Manifest:
        batch = asking.batch(batch_id)
        files.must_be_there(batch, _GONE)
        return manifest.fields_of(batch.manifest)

    return since_full(batch_id, found)


def _before(asking: Asking, batch: serve.Served) -> serve.Served | None:
    """The batch before it in its market and table."""
    before = manifest.fields_of(batch.manifest)["prev_batch_id"]
    found = None if before is None else asking.batch(before)
    is_same = found and _major(found.contract_version) == _major(batch.contract_version)
    return found if is_same else None


def _version(newest: list[serve.Newest]) -> int:
    return max((batch.published_seq for batch in newest), default=0)


def _major(version: str) -> int:
    return int(version.split(".")[0])


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)

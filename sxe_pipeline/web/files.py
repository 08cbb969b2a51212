"""Files of a batch, and its rows as one stream, from the handoff store alone."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from functools import lru_cache
from typing import Annotated, Any, BinaryIO

from fastapi import APIRouter, Header, Path
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from sxe_pipeline import schema
from sxe_pipeline.errors import NotFound, Tampered
from sxe_pipeline.handoff import lending
from sxe_pipeline.handoff.files import manifest
from sxe_pipeline.handoff.serve import Served
from sxe_pipeline.web.asking import UNCHANGED, Asking, Asks, BatchId, IfNoneMatch, is_held, said_no

NDJSON = "application/x-ndjson"
_KINDS = {"parquet": "application/vnd.apache.parquet", "jsonl": NDJSON}
_CHUNK = 256 << 10
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)
_GONE = "the files of this batch were deleted when their time was over; use a newer one"

router = APIRouter(tags=["files"])
_FILE: dict[str, Any] = {
    kind: {"schema": {"type": "string", "format": "binary"}} for kind in _KINDS.values()
}
PARQUET: dict[str, Any] = {_KINDS["parquet"]: _FILE[_KINDS["parquet"]]}


@router.get(
    "/v1/batches/{batch_id}/files/{name:path}",
    response_class=Response,
    responses={
        200: {"description": "The file, where the store is a folder.", "content": _FILE},
        206: {"description": "What `Range` asked for of it.", "content": _FILE},
        307: {"description": "Where the file is; the address works for five minutes."},
        **UNCHANGED,
        **said_no(404, 410, 416, 501),
    },
)
def file(
    asking: Asks,
    batch_id: BatchId,
    name: Annotated[str, Path(description="As in the manifest.")],
    if_none_match: IfNoneMatch = None,
    asked_range: Annotated[str | None, Header(alias="Range")] = None,
    if_range: Annotated[str | None, Header(alias="If-Range")] = None,
) -> Response:
    """A file of a batch, by its name in the manifest."""
    batch = asking.batch(batch_id)
    entry = next((e for e in manifest.files_of(batch.manifest) if e["name"] == name), None)
    if entry is None:
        raise HTTPException(404)
    must_be_there(batch)
    if not is_public(batch.contract):
        return _lent(asking, batch, name)
    objects, key = asking.serving.objects, f"{batch.folder}/{name}"
    if is_held(if_none_match, entry["sha256"]):
        return Response(None, 304, {"ETag": f'"{entry["sha256"]}"'})
    if (url := objects.presigned(key, lending.LENT_S)) is not None:
        return _led_to(url)
    is_same = if_range in (None, f'"{entry["sha256"]}"')
    return part(objects.open(key), entry, asked_range if is_same else None)


@router.get(
    "/v1/batches/{batch_id}/rows",
    response_class=Response,
    responses={
        200: {
            "description": "The rows, one a line, as in the JSON Lines files.",
            "content": {NDJSON: {"schema": {"type": "string"}}},
        },
        **said_no(404, 410, 501),
    },
)
def rows(asking: Asks, batch_id: BatchId) -> Response:
    """The rows of a batch of cards, of a delta those that are new or changed.

    A stream that ends before its length is not whole.
    """
    batch = asking.batch(batch_id)
    must_be_there(batch)
    if not is_public(batch.contract):
        raise HTTPException(501, _ELSEWHERE)
    entries = [e for e in manifest.files_of(batch.manifest) if e["name"].startswith("_jsonl/")]
    objects, held = asking.serving.objects, ExitStack()

    def opened(entry: dict[str, Any]) -> BinaryIO:
        return held.enter_context(objects.open(f"{batch.folder}/{entry['name']}"))

    first = [opened(entry) for entry in entries[:1]]  # before anything is said of success

    def read() -> Iterator[bytes]:
        for entry in entries:
            yield from _whole(first.pop() if first else opened(entry), entry)
            held.close()

    length = sum(entry["bytes"] for entry in entries)
    return _Streamed(held, read(), headers={"Content-Length": str(length)}, media_type=NDJSON)


class _Streamed(StreamingResponse):
    """A stream that lets go of its files however it ends, if it never begins, too."""

    def __init__(self, held: ExitStack, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._held:
            await super().__call__(scope, receive, send)


@lru_cache(maxsize=64)
def is_public(contract: str) -> bool:
    """Whether a contract is of Tier 1: the bucket of any other one is out of reach here."""
    try:
        return schema.load(contract).tier == "tier1"
    except NotFound:
        return False


def must_be_there(batch: Served, text: str = _GONE) -> None:
    """Raise 410 for a batch whose files were deleted."""
    if batch.expired_at is not None:
        raise HTTPException(410, text)


def _lent(asking: Asking, batch: Served, name: str) -> Response:
    """Where a file of contact points is, as the contact service says, which alone can sign that."""
    if asking.serving.lender is None:
        raise HTTPException(501, _ELSEWHERE)
    lent = lending.ask(*asking.serving.lender, asking.key_sha256, batch.batch_id, name)
    if lent.url is None:
        raise HTTPException(501, _ELSEWHERE)
    return _led_to(lent.url)


def _led_to(url: str) -> Response:
    return RedirectResponse(url, 307, {"Cache-Control": "no-store"})


_ELSEWHERE = (
    "contact data does not pass through this service, and here its files lie in a folder or in a "
    "bucket that nobody lends; read them there, with the credentials that you were given for it"
)


def part(stream: BinaryIO, entry: Mapping[str, Any], asked: str | None) -> Response:
    """A file, or what was asked for of it.

    Args:
        stream: It is closed behind the answer.
        entry: `bytes`, `sha256` and `format`, as in a manifest.
        asked: The header `Range`.
    """
    size = int(entry["bytes"])
    headers = {"ETag": f'"{entry["sha256"]}"', "Accept-Ranges": "bytes"}
    span = _span(asked, size)
    if span is None:
        begin, end, status = 0, size, 200
    elif span[0] >= span[1]:
        stream.close()
        said = {"Content-Range": f"bytes */{size}"}
        raise HTTPException(416, "the file has no such bytes; `Content-Range` says how many", said)
    else:
        (begin, end), status = span, 206
        headers["Content-Range"] = f"bytes {begin}-{end - 1}/{size}"
    headers["Content-Length"] = str(end - begin)
    held = ExitStack()
    held.enter_context(stream)
    kind = _KINDS.get(entry["format"], "application/octet-stream")
    return _Streamed(held, _read(stream, begin, end), status, headers, kind)


def _span(asked: str | None, size: int) -> tuple[int, int] | None:
    """Begin and end of the one range that was asked for; None where all is meant.

    Several at once and what cannot be read are answered with all, as RFC 9110 allows.
    """
    found = _RANGE.fullmatch((asked or "").strip())
    if found is None or found[0] == "bytes=-":
        return None
    first, last = found.groups()
    if not first:
        return max(0, size - int(last)), size
    begin, end = int(first), min(size, int(last) + 1) if last else size
    if last and int(last) < begin:
        return None
    return begin, end


def _read(stream: BinaryIO, begin: int, end: int) -> Iterator[bytes]:
    stream.seek(begin)
    while begin < end:
        chunk = stream.read(min(_CHUNK, end - begin))
        if not chunk:
            raise Tampered("a file is shorter than its manifest says")
        begin += len(chunk)
        yield chunk


def _whole(stream: BinaryIO, entry: dict[str, Any]) -> Iterator[bytes]:
    """A file in pieces; raises before the last one where it is not what the manifest names."""
    digest, held = hashlib.sha256(), b""
    for chunk in _read(stream, 0, entry["bytes"]):
        digest.update(chunk)
        if held:
            yield held
        held = chunk
    if digest.hexdigest() != entry["sha256"]:
        raise Tampered("a file is not what its manifest names")
    yield held

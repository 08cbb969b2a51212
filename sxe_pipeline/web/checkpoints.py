"""The newest checkpoint of the audit log: whoever keeps it is a witness."""

import hashlib

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.responses import Response

from sxe_pipeline.audit import newest_checkpoint
from sxe_pipeline.web.asking import UNCHANGED, Asks, IfNoneMatch, exact, said_no
from sxe_pipeline.web.heads import ENVELOPE

router = APIRouter(tags=["audit"])


@router.get(
    "/v1/checkpoint",
    response_class=Response,
    responses={
        200: {
            "description": "The DSSE envelope of the newest checkpoint of the audit log.",
            "content": {ENVELOPE: {"schema": {"$ref": "#/components/schemas/Envelope"}}},
        },
        **UNCHANGED,
        **said_no(404),
    },
)
def checkpoint(asking: Asks, if_none_match: IfNoneMatch = None) -> Response:
    """The newest checkpoint; 404 before the first. Its number is in `SXE-Checkpoint` always."""
    found = asking.serving.database.call(newest_checkpoint)
    if found is None:
        raise HTTPException(404)
    return exact(found, hashlib.sha256(found).hexdigest(), if_none_match, ENVELOPE)

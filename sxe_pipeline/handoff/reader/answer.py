"""Sending an acknowledgement to the sender's API, once, over TLS.

Here: one request and what its reply means. No redirect is followed, as the key would go with it,
and no proxy of the environment is used. The same acknowledgement may be sent again at any time: it
changes nothing. Not here: what is sent (`acks`), the API itself (`web`).
"""

import http.client
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from sxe_pipeline.errors import (
    BadConfig,
    BadInput,
    Conflict,
    NotFound,
    Refused,
    StoreUnavailable,
    SxeError,
)
from sxe_pipeline.handoff.acks import MAX_BYTES, Answer
from sxe_pipeline.settings.variables import is_loopback

_TIMEOUT_S = 30
_KEY = re.compile(r"[\x21-\x7e]{16,256}")
_REFUSALS: dict[int, tuple[type[SxeError], str]] = {
    400: (BadInput, "the API takes no such acknowledgement; was it made for this batch?"),
    401: (Refused, "the key is unknown, has expired or was revoked; ask the sender for another"),
    403: (Refused, "the API refuses that key; ask the sender what it is for"),
    404: (NotFound, "the sender delivered no such batch to the holder of this key"),
    409: (Conflict, "another answer to that batch stands already, and it does not change"),
    413: (BadInput, "the acknowledgement is too large; count its errors by column and rule"),
    422: (BadInput, "the API takes no such acknowledgement; was it made for this batch?"),
}


def send(api: str, key: str, batch_id: str, said: Mapping[str, Any]) -> Answer:
    """PUT an acknowledgement.

    Args:
        api: The API's address, such as https://sxe.example.
        key: Of the consumer.
        batch_id: The batch.
        said: As of `acks.checked`.

    Raises:
        BadInput: The address is none, or the API cannot use what was sent.
        BadConfig: The key is none.
        Refused: The key does not work.
        NotFound: The batch was not delivered to this consumer.
        Conflict: Another acknowledgement stands.
        StoreUnavailable: The API does not answer, or not now; send it again.
    """
    if not _KEY.fullmatch(key):
        raise BadConfig("SXE_API_KEY is no key of a consumer; set it to the one you received")
    connection, path = _connection(api)
    try:
        connection.request(
            "PUT",
            f"{path}/v1/batches/{batch_id}/ack",
            json.dumps(said),
            {"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
        )
        with connection.getresponse() as reply:
            status, body = reply.status, reply.read(MAX_BYTES + 1)
    except (OSError, http.client.HTTPException):
        raise StoreUnavailable(
            "the API does not answer; send it again, the same twice is one"
        ) from None
    finally:
        connection.close()
    return _meaning(status, body)


def _meaning(status: int, body: bytes) -> Answer:
    if status in (200, 201):
        try:
            return msgspec.json.decode(body, type=Answer)
        except msgspec.MsgspecError:
            raise StoreUnavailable("what answers there is no API of ours; see --api") from None
    if status in _REFUSALS:
        kind, said = _REFUSALS[status]
        raise kind(said)
    raise StoreUnavailable(f"the API answers {status}; send it again later, the same twice is one")


def _connection(api: str) -> tuple[http.client.HTTPConnection, str]:
    try:
        parts = urlsplit(api)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = None
    if host and not (parts.query or parts.fragment or parts.username):
        if parts.scheme == "https":
            return http.client.HTTPSConnection(host, port, timeout=_TIMEOUT_S), _path(parts.path)
        if parts.scheme == "http" and is_loopback(host):
            return http.client.HTTPConnection(host, port, timeout=_TIMEOUT_S), _path(parts.path)
    raise BadInput("the API is reached over https://HOST; correct --api")


def _path(path: str) -> str:
    return path.rstrip("/")

"""Addresses of files that work for five minutes, lent across the border of tiers.

The API cannot reach the bucket of contact batches. It asks the contact service, which asks the
database whether that key sees that batch, and signs. Here: both sides of the question, proved by a
secret that they share. Not here: the port (`local.lender`) and the route (`web.files`).
"""

import hashlib
import hmac
import http.client
import time
from http import HTTPStatus
from urllib.parse import urlsplit

import msgspec
import psycopg

from sxe_pipeline.errors import NotFound, StoreUnavailable
from sxe_pipeline.handoff import serve
from sxe_pipeline.handoff.files import manifest
from sxe_pipeline.store.objects import Objects

LENT_S = 300
MOST_BYTES = 4096
SIGNATURE = "SXE-Signature"

_SKEW_S = 60
_TIMEOUT_S = 5


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked for: a file of a batch, for the holder of a key. `at`: seconds of the epoch."""

    key_sha256: str
    batch_id: str
    name: str
    at: int


class Lent(msgspec.Struct, frozen=True):
    """What is answered: an address, or null where files lie in a folder of that machine."""

    url: str | None


def signature(secret: str, body: bytes) -> str:
    """Proves a body between the two who hold the secret."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def opened(secret: str, body: bytes, signed: str, now: float) -> Asked | None:
    """The question in a body; None where its signature, form or time does not hold."""
    # As bytes: whoever asks without the secret may have put any character there.
    if not hmac.compare_digest(signature(secret, body).encode(), signed.encode()):
        return None
    try:
        asked = msgspec.json.decode(body, type=Asked)
        bytes.fromhex(asked.key_sha256)
    except (msgspec.MsgspecError, ValueError):
        return None
    return asked if abs(now - asked.at) <= _SKEW_S else None


def lend(conn: psycopg.Connection, objects: Objects, asked: Asked) -> Lent:
    """Sign the address of a file, if the database says that the key sees its batch.

    Args:
        conn: The contact tier's login.
        objects: The bucket of contact batches.
        asked: From `opened`.

    Raises:
        Refused: The key is unknown, has expired or was revoked.
        NotFound: The key does not see that batch, it has no such file, or its files are gone.
    """
    batch = serve.batch(conn, bytes.fromhex(asked.key_sha256), asked.batch_id)
    names = [e["name"] for e in manifest.files_of(batch.manifest)] if batch else []
    if batch is None or batch.expired_at or asked.name not in names:
        raise NotFound("there is no such file")
    return Lent(objects.presigned(f"{batch.folder}/{asked.name}", LENT_S))


def ask(url: str, secret: str, key_sha256: bytes, batch_id: str, name: str) -> Lent:
    """Ask the contact service for the address of a file.

    Args:
        url: Of the contact service, such as http://contact:4003.
        secret: That both hold.
        key_sha256: Of the consumer's key.
        batch_id: A batch of contact points.
        name: A file of its manifest.

    Raises:
        NotFound: It says that there is none for that key.
        StoreUnavailable: It does not answer.
    """
    body = msgspec.json.encode(Asked(key_sha256.hex(), batch_id, name, int(time.time())))
    where = urlsplit(url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=_TIMEOUT_S)
    try:
        connection.request("POST", "/lend", body, {SIGNATURE: signature(secret, body)})
        reply = connection.getresponse()
        status, said = reply.status, reply.read(MOST_BYTES)
    except (OSError, http.client.HTTPException):
        raise StoreUnavailable("the contact service does not answer; try again") from None
    finally:
        connection.close()
    if status == HTTPStatus.NOT_FOUND:
        raise NotFound("there is no such file")
    if status != HTTPStatus.OK:
        raise StoreUnavailable("the contact service cannot lend now; try again")
    return msgspec.json.decode(said, type=Lent)

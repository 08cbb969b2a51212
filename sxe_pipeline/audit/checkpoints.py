"""Checkpoints: signed statements of how long the log is and what it holds.

Here: their form, as a DSSE envelope, and the newest one. Pure, but for asking the database for it.
Whoever keeps one outside of the database can tell later whether the log still begins with what it
was then. Not here: making one (`seal`) and holding the log against it (`verify`).
"""

import base64
import dataclasses
import hashlib
import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sxe_pipeline import sign
from sxe_pipeline.errors import BadInput, Tampered

PAYLOAD_TYPE = "application/vnd.sxe.checkpoint+json"
_HASH = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class Checkpoint:
    """What a seal states. Hashes in hex; the time as RFC 3339 in UTC.

    `origin`: which log it is of. `root`: of the Merkle tree over its first `tree_size` leaves.
    """

    origin: str
    seal_no: int
    tree_size: int
    root: str
    prev_seal_hash: str | None
    sealed_at: str

    @property
    def seal_hash(self) -> str:
        """SHA-256 of all the others: what the next seal names as the one before it."""
        return hashlib.sha256(sign.canonical(dataclasses.asdict(self))).hexdigest()

    def payload(self) -> bytes:
        """Canonical JSON, with the seal's hash."""
        return sign.canonical({**dataclasses.asdict(self), "seal_hash": self.seal_hash})

    def signed(self, signer: sign.Signer) -> bytes:
        """The envelope; the same bytes for the same statement and key."""
        return sign.envelope(PAYLOAD_TYPE, self.payload(), [signer])


def origin_of(first_leaf: bytes) -> str:
    """What a log is called: after its first leaf, which no other log has.

    Example:
        >>> origin_of(bytes(32))
        'sxe/audit/0000000000000000'
    """
    return f"sxe/audit/{first_leaf.hex()[:16]}"


def time_of(moment: datetime) -> str:
    """A moment as a checkpoint writes it: to the microsecond, in UTC.

    Example:
        >>> time_of(datetime(2026, 11, 29, tzinfo=UTC))
        '2026-11-29T00:00:00.000000Z'
    """
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def read(envelope: bytes, public_keys: Collection[Ed25519PublicKey] | None = None) -> Checkpoint:
    """The statement in an envelope.

    Args:
        envelope: As the database, the store, a head or an API answer has it.
        public_keys: Pinned, one of which must have signed it; None takes any signature for good.

    Raises:
        Tampered: It is no checkpoint, was signed by another key, or contradicts its own hash.
    """
    if public_keys is not None:
        payload = sign.opened(envelope, PAYLOAD_TYPE, public_keys, what="checkpoint")
    else:
        payload = _payload(envelope)
    try:
        said = json.loads(payload)
        stated = said.pop("seal_hash")
        found = Checkpoint(**said)
        is_whole = stated == found.seal_hash and _is_formed(found)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        is_whole = False
    if not is_whole:
        raise Tampered("a checkpoint does not have its form, or contradicts its own hash")
    return found


def kept_in(data: bytes) -> bytes:
    """The envelope of a checkpoint in a file that somebody kept: it is one, or it holds one.

    Args:
        data: A checkpoint, a head, an answer of the API: JSON, signed or not.

    Raises:
        BadInput: There is none in it.
    """
    try:
        waiting: list[object] = [json.loads(data)]
        while waiting:
            value = waiting.pop()
            if isinstance(value, dict) and value.get("payloadType") == PAYLOAD_TYPE:
                return sign.canonical(value)
            if isinstance(value, dict) and "payloadType" in value:
                waiting.append(json.loads(base64.b64decode(value["payload"])))
            elif isinstance(value, dict | list):
                waiting += value.values() if isinstance(value, dict) else value
    except (ValueError, TypeError, KeyError, RecursionError):
        pass
    raise BadInput("the file holds no checkpoint; give one, or a head that carries one")


def newest_checkpoint(conn: psycopg.Connection) -> bytes | None:
    """The envelope of the newest seal; None before the first.

    Args:
        conn: The login of any tier that publishes or answers.
    """
    row = conn.execute("select audit.newest_checkpoint()").fetchone()
    return row[0] if row else None


def _payload(envelope: bytes) -> bytes:
    try:
        if json.loads(envelope)["payloadType"] == PAYLOAD_TYPE:
            return sign.unchecked(envelope)
    except (ValueError, TypeError, KeyError, RecursionError):
        pass
    raise Tampered("what was given as a checkpoint is no signed envelope of one")


def _is_formed(found: Checkpoint) -> bool:
    numbers = (found.seal_no, found.tree_size)
    hashes = (found.root, *([found.prev_seal_hash] if found.prev_seal_hash is not None else []))
    return (
        all(type(number) is int and number >= 1 for number in numbers)
        and all(_HASH.fullmatch(text) for text in hashes)
        and isinstance(found.origin, str)
        and datetime.fromisoformat(found.sealed_at).tzinfo is not None
    )

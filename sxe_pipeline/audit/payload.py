"""The form of an audit record: canonical JSON, its id and its leaf hash. Pure.

Here: what a record may hold and which bytes are hashed, for the writer and the verifier alike.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from uuid import UUID

from sxe_pipeline.errors import BadInput, Leak

MAX_BYTES = 540
"""One payload. The log is never deleted: a record holds ids, counts and hashes, no document. The
database takes 600 and adds the run."""

Value = bool | int | str | date | datetime | UUID | None | Sequence[str] | Sequence[int]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MACHINE_MADE = re.compile(
    r"[0-9a-f]{16,64}"
    r"|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    r"|\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|\+00:00))?"
    r"|[a-z_]+([./][a-z_]+)*"
)
"""Hashes, ids, UTC dates and names of ours: not scanned, as their digits look like contact data."""
_NAME = re.compile(r"[a-z][a-z0-9_]*")


def canonical(kind: str, *, actor: str, subject: str, key: str, data: Mapping[str, Value]) -> bytes:
    """The bytes that are stored and hashed: sorted keys, no spaces, UTF-8.

    Args:
        kind: One of `append.KINDS`.
        actor: Who did it.
        subject: What it was done to.
        key: What tells this event from others of the same kind and subject.
        data: Ids, counts, hashes, flags, dates.

    Raises:
        BadInput: A value is no id, count, hash, flag or date, or the whole is over `MAX_BYTES`.
        Leak: A text looks like contact data.
    """
    if not all(map(_NAME.fullmatch, data)):
        raise BadInput(f"a value of the audit record {kind} has no plain name; use lower_case")
    record = {
        "actor": actor,
        "data": {name: _plain(name, value) for name, value in data.items()},
        "key": key,
        "kind": kind,
        "subject": subject,
    }
    for name, text in [("actor", actor), ("subject", subject), ("key", key)]:
        _refuse_contact(name, text)
    payload = encode(record)
    if len(payload) > MAX_BYTES:
        raise BadInput(
            f"the audit record {kind} would take {len(payload)} bytes, {MAX_BYTES} are allowed; "
            "record counts or a hash instead of lists"
        )
    return payload


def encode(record: Mapping[str, object]) -> bytes:
    """Canonical JSON of a record that was built or read."""
    return json.dumps(
        record, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def event_id(kind: str, subject: str, key: str) -> UUID:
    """The id that a replay of the same fact has again: a hash, in the form of UUID version 8.

    The database computes the same where an owner function records its own transaction.

    Args:
        kind: The kind of event.
        subject: One line.
        key: What tells it from others of the same kind and subject.

    Example:
        >>> event_id("batch.published", "b1", "b1")
        UUID('39e28b82-9bd9-867a-907e-06a7dd283d52')
    """
    if "\n" in kind or "\n" in subject:
        raise BadInput("an audit subject is one line; record an id")
    raw = int.from_bytes(hashlib.sha256(f"{kind}\n{subject}\n{key}".encode()).digest()[:16])
    raw = raw & ~(0xF << 76) | 8 << 76
    return UUID(int=raw & ~(0x3 << 62) | 0x2 << 62)


def leaf_hash(payload: bytes, recorded_at: datetime) -> bytes:
    """SHA-256 of 0x00, the payload, and the UTC microseconds of recording as 8 bytes.

    The database computes the same in a trigger.
    """
    micros = (recorded_at - _EPOCH) // timedelta(microseconds=1)
    return hashlib.sha256(b"\0" + payload + micros.to_bytes(8, "big", signed=True)).digest()


class Digest:
    """SHA-256 of event ids that arrive in their order: lower case, one a line.

    Example:
        >>> whole = Digest()
        >>> whole.add(UUID(int=1))
        >>> whole.hex == digest([UUID(int=1)])
        True
    """

    def __init__(self) -> None:
        self.count = 0
        self._sha256 = hashlib.sha256()

    def add(self, event_id: UUID) -> None:
        """The next id; none before it is greater."""
        self._sha256.update(f"{chr(10) if self.count else ''}{event_id}".encode())
        self.count += 1

    @property
    def hex(self) -> str:
        """In hex, of what was added so far."""
        return self._sha256.hexdigest()


def digest(event_ids: Iterable[UUID]) -> str:
    """SHA-256, in hex, of the event ids: lower case, sorted, one a line."""
    whole = Digest()
    for event_id in sorted(event_ids):
        whole.add(event_id)
    return whole.hex


def _plain(name: str, value: Value) -> object:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        _refuse_contact(name, value)
        return value
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise BadInput(f"audit value {name} is a time without a zone; give it in UTC")
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date | UUID):
        return str(value)
    if isinstance(value, list | tuple):
        return [_plain(name, item) for item in value]
    raise BadInput(
        f"audit value {name} is a {type(value).__name__}; only ids, counts, hashes, flags and "
        "dates are recorded"
    )


def _refuse_contact(name: str, text: str) -> None:
    if not _MACHINE_MADE.fullmatch(text) and _looks_like_contact(text):
        raise Leak(
            f"audit value {name} looks like contact data; record an id or a hash in its place"
        )


@lru_cache(maxsize=4096)
def _looks_like_contact(text: str) -> bool:
    import pyarrow as pa

    from sxe_pipeline.redact import scan

    verdict = scan.scan_array(pa.array([text], pa.string()))[0].as_py()
    # A collection may be called after a date or a serial number, which only has the shape.
    return verdict == "certain" or (verdict == "shape" and "@" in text)

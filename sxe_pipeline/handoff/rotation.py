"""A signing key takes over from another: said in the bucket, signed by both.

Here: the statements `_keys/<n>.json`, writing the next one, and following them from the key that
somebody pinned. From the time of a statement on, what is new is good by the new key: who took the
old one away signs no head that a reader takes for one of later. Not here: which keys a process
signs with (`sign`), which are retired (`record`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sxe_pipeline import sign
from sxe_pipeline.errors import BadInput, Busy, NotFound, Tampered
from sxe_pipeline.handoff import record
from sxe_pipeline.handoff.files import document, head
from sxe_pipeline.sign import Signer
from sxe_pipeline.store import functions
from sxe_pipeline.store.objects import Objects

PAYLOAD_TYPE = "application/vnd.sxe.key-rotation+json"
MAX_BYTES = 1 << 16
MOST = 1_000
"""Statements that are followed: more were written by nobody of ours."""
_NEVER = datetime.max.replace(tzinfo=UTC)
_SCHEMA = "key_rotation/0.1.0.schema.json"


@dataclass(frozen=True, slots=True)
class Trusted:
    """A key that a reader goes by; `until`: when another took over from it, null while none did."""

    public_key: Ed25519PublicKey
    until: datetime | None = None

    @property
    def key_id(self) -> str:
        """Its id."""
        return sign.key_id(self.public_key)


@dataclass(frozen=True, slots=True)
class Followed:
    """The keys that follow from a pinned one, the current one last.

    `statements`: how many there are, and the hash of the newest one.
    """

    keys: tuple[Trusted, ...]
    pinned_id: str
    statements: int
    newest_sha256: str | None

    @property
    def new_id(self) -> str | None:
        """The current key, where that is no longer the pinned one."""
        current = self.keys[-1].key_id
        return None if current == self.pinned_id else current

    def public_keys(self) -> list[Ed25519PublicKey]:
        """All of them: what an old one signed stays good."""
        return [key.public_key for key in self.keys]

    def public_keys_at(self, moment: datetime) -> list[Ed25519PublicKey]:
        """Those that may have signed what is of a moment."""
        return [k.public_key for k in self.keys if k.until is None or moment <= k.until]


def key_of(number: int) -> str:
    """Where a statement lies in the store of its tier."""
    return f"_keys/{number}.json"


def seal(fields: dict[str, Any], old: Signer, new: Signer) -> bytes:
    """The bytes of a statement."""
    return sign.envelope(PAYLOAD_TYPE, sign.canonical(fields), [new, old])


def follow(pinned: Ed25519PublicKey, contract: str, read: Callable[[str], bytes]) -> Followed:
    """The keys that follow from a pinned one, in either direction.

    Args:
        pinned: Of the sender.
        contract: What it is pinned for.
        read: Opens a key of the store; raises NotFound where there is none.

    Raises:
        Tampered: A statement is none, of a key that was replaced before, or of one that is gone by
            and not signed by both.
    """
    found, newest_sha256 = _statements(read)
    keys = {sign.key_id(pinned): Trusted(pinned)}
    left = [each for each in found if contract in each.contracts]
    while followed := [each for each in left if {each.old_id, each.new_id} & keys.keys()]:
        for each in followed:
            each.refuse_unsigned()
            keys[each.old_id] = Trusted(each.old, each.made_at)
            keys.setdefault(each.new_id, Trusted(each.new))
        left = [each for each in left if each not in followed]
    # Oldest first: the current one is the last.
    ranked = sorted(keys.values(), key=lambda key: key.until or _NEVER)
    return Followed(tuple(ranked), sign.key_id(pinned), len(found), newest_sha256)


@dataclass(frozen=True, slots=True)
class _Statement:
    """What a statement says; its signatures are not checked yet."""

    data: bytes
    contracts: Sequence[str]
    old: Ed25519PublicKey
    new: Ed25519PublicKey
    made_at: datetime

    @property
    def old_id(self) -> str:
        return sign.key_id(self.old)

    @property
    def new_id(self) -> str:
        return sign.key_id(self.new)

    def refuse_unsigned(self) -> None:
        for key in (self.old, self.new):
            sign.opened(self.data, PAYLOAD_TYPE, [key], what="statement of a new key")


def _statements(read: Callable[[str], bytes]) -> tuple[list[_Statement], str | None]:
    """Every statement of a store, and the hash of the last."""
    found: list[_Statement] = []
    replaced: set[str] = set()
    before: str | None = None
    while len(found) < MOST:
        number = len(found) + 1
        try:
            data = read(key_of(number))
        except NotFound:
            return found, before
        said = _payload(data)
        try:
            old, new = (sign.public_key(said[f"{n}_public_key"].encode()) for n in ("old", "new"))
        except BadInput:
            raise Tampered(f"{key_of(number)} names no key; ask the sender") from None
        each = _Statement(data, said["contracts"], old, new, head.time_of(said["made_at"]))
        is_next = said["n"] == number and said["prev_sha256"] == before
        if not is_next or said["old_key_id"] != each.old_id or each.old_id == each.new_id:
            raise Tampered(f"{key_of(number)} does not follow the one before it; ask the sender")
        if replaced & {each.old_id, each.new_id}:
            raise Tampered(f"{key_of(number)} is of a key that was replaced before; ask the sender")
        replaced.add(each.old_id)
        found.append(each)
        before = sign.sha256(data)
    raise Tampered(f"there are more than {MOST} statements in _keys; ask the sender")


def write(
    conn: psycopg.Connection,
    objects: Objects,
    *,
    signer: Signer,
    contracts: Sequence[str],
    actor: str,
    now: datetime,
) -> list[tuple[str, int, bool]]:
    """Say of each key beside the current one that this takes over, unless it is said.

    Args:
        conn: The login of the tier, in no transaction.
        objects: The handoff store of the tier.
        signer: The process's: the current key and those beside it.
        contracts: What they sign.
        actor: Who says so, for the audit log.
        now: By the clock of the database, as heads are.

    Returns:
        For each old key its id, the number of the statement, and whether that is new.

    Raises:
        BadInput: There is no key beside the current one.
        Refused: One was retired, or is another tier's.
        Busy: Another process wrote a statement at the same time.
    """
    if not signer.beside:
        raise BadInput(
            "SXE_SIGNING_KEY holds one key; put the new one before it, with a space between"
        )
    with record.translated_errors(), conn.transaction():
        for contract in contracts:
            record.refuse_unfit(conn, signer, contract)
    return [_write(conn, objects, signer, old, contracts, actor, now) for old in signer.beside]


def _write(
    conn: psycopg.Connection,
    objects: Objects,
    new: Signer,
    old: Signer,
    contracts: Sequence[str],
    actor: str,
    now: datetime,
) -> tuple[str, int, bool]:
    number, before = 1, None
    while number <= MOST:
        try:
            data = objects.get(key_of(number))
        except NotFound:
            break
        said = _payload(data)
        if (said["old_key_id"], said["new_public_key"]) == (old.key_id, _pem(new)):
            return old.key_id, number, False
        number, before = number + 1, sign.sha256(data)
    fields = {
        "n": number,
        "contracts": sorted(contracts),
        "old_key_id": old.key_id,
        "old_public_key": _pem(old),
        "new_public_key": _pem(new),
        "made_at": head.text_of(now),
        "prev_sha256": before,
    }
    with conn.transaction():
        functions.call_function(
            conn, "handoff.note_rotation", old.key_id, new.key_id, number, actor
        )
    if not objects.put_new(key_of(number), seal(fields, old, new)):
        raise Busy(f"another process wrote {key_of(number)} just now; type it again")
    return old.key_id, number, True


def _pem(signer: Signer) -> str:
    return signer.public_pem().decode()


def _payload(data: bytes) -> dict[str, Any]:
    """What a statement says; its signatures are not checked."""
    try:
        said = document.read(sign.unchecked(data), _SCHEMA)
    except (ValueError, KeyError, TypeError, RecursionError):
        said = None
    if said is None:
        raise Tampered("a statement in _keys is none that we know; ask the sender")
    return said

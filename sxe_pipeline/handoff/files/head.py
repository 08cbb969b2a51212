"""A head: which batches of a contract are the newest, signed; newest, complete and not frozen.

Here: what it holds, sealing and opening one, where it lies. A head lists one batch a market, all of
one moment, or every batch of requests since the head before. Not here: making one (`heads`), and
finding the newest in a store (`pull`).
"""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sxe_pipeline import sign
from sxe_pipeline.errors import Tampered
from sxe_pipeline.handoff.files import document, manifest
from sxe_pipeline.sign import Signer

PREDICATE_TYPE = "urn:sxe:head:0.1.0"
LIFE = timedelta(hours=36)
"""A head that is older says nothing of today: whoever finds no newer one asks."""
MAX_BYTES = 16 << 20
_SCHEMA = "head/0.1.0.schema.json"
_FORM = "%Y-%m-%dT%H:%M:%SZ"


def major_of(contract_version: str) -> int:
    """The major of a contract's version: heads are numbered in its folder."""
    return int(contract_version.split(".", maxsplit=1)[0])


def folder_of(contract: str, major: int) -> str:
    """The folder of a contract's batches of one major version; its heads lie in `_heads` there."""
    return f"{contract}/v{major}"


def key_of(contract: str, major: int, seq: int) -> str:
    """Where a head lies in the store of its tier."""
    return f"{folder_of(contract, major)}/_heads/{seq:08d}.json"


def predicate(
    contract: str,
    batches: Sequence[Mapping[str, Any]],
    *,
    seq: int,
    prev_sha256: str | None,
    last_published_seq: int,
    checkpoint: bytes | None,
    now: datetime,
) -> dict[str, Any]:
    """The fields of a head.

    Args:
        contract: The contract's id.
        batches: What it lists, in order.
        seq: Its number, from 1.
        prev_sha256: Of the bytes of the head before; None for the first.
        last_published_seq: The last batch that it knows of.
        checkpoint: The newest signed checkpoint of the audit log, as it was signed.
        now: When it was made.
    """
    return {
        "contract": contract,
        "seq": seq,
        "prev_head_sha256": prev_sha256,
        "made_at": text_of(now),
        "expires_at": text_of(now + LIFE),
        "checkpoint": None if checkpoint is None else json.loads(checkpoint),
        "last_published_seq": last_published_seq,
        "batches": [dict(batch) for batch in batches],
    }


def seal(fields: Mapping[str, Any], signer: Signer) -> bytes:
    """The bytes of a head: the same for the same fields and keys."""
    statement = {
        "_type": manifest.STATEMENT_TYPE,
        "subject": _subjects(fields),
        "predicateType": PREDICATE_TYPE,
        "predicate": fields,
    }
    return sign.envelope(manifest.PAYLOAD_TYPE, sign.canonical(statement), signer.all)


def unseal(data: bytes, public_keys: Collection[Ed25519PublicKey]) -> dict[str, Any]:
    """The fields of a head that one of these keys signed.

    Raises:
        Tampered: No envelope, other keys, a bad signature, or a payload that is no head.
    """
    payload = sign.opened(data, manifest.PAYLOAD_TYPE, public_keys, what="head")
    statement = document.read(payload, _SCHEMA)
    if statement is None:
        raise Tampered("the head is signed but is none that we know; do not go by it")
    fields: dict[str, Any] = statement["predicate"]
    made_at, expires_at = time_of(fields["made_at"]), time_of(fields["expires_at"])
    if statement["subject"] != _subjects(fields) or not made_at < expires_at <= made_at + LIFE:
        raise Tampered("the head contradicts itself; do not go by it")
    return fields


def fields_of(data: bytes) -> dict[str, Any]:
    """What a head of our own says; its signature is not checked."""
    return cast(dict[str, Any], json.loads(sign.unchecked(data))["predicate"])


def text_of(moment: datetime) -> str:
    """A time as a head holds it: UTC, to the second."""
    return moment.astimezone(UTC).strftime(_FORM)


def time_of(text: str) -> datetime:
    """The time that a head holds.

    Raises:
        Tampered: There is no such time.
    """
    try:
        return datetime.strptime(text, _FORM).replace(tzinfo=UTC)
    except ValueError:
        raise Tampered("the head holds a time that there is not; do not go by it") from None


def _subjects(fields: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "name": f"{batch['batch_id']}/{manifest.NAME}",
            "digest": {"sha256": batch["manifest_sha256"]},
        }
        for batch in fields["batches"]
    ]

"""The manifest: what a batch is, signed.

Here: an in-toto Statement v1 in a DSSE envelope (PAE, Ed25519), building it and opening it. Opening
checks the signature first, then the manifest's schema; no field of an unsigned payload is used.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, cast

import jsonschema_rs
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sxe_pipeline import __version__, contracts_root
from sxe_pipeline.errors import Tampered
from sxe_pipeline.handoff.chain import BatchKey
from sxe_pipeline.handoff.parts import Content
from sxe_pipeline.handoff.sign import Signer, key_id
from sxe_pipeline.schema import Contract

NAME = "_manifest.json"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:sxe:manifest:0.1.0"
_SCHEMA = "manifest/0.1.0.schema.json"


def predicate(
    contract: Contract,
    content: Content,
    *,
    batch_id: str,
    batch_key: BatchKey,
    prev_batch_id: str | None,
) -> dict[str, Any]:
    """The fields of the manifest.

    Args:
        contract: The contract of the rows.
        content: The files of the batch.
        batch_id: Its id.
        batch_key: Market and day, or request and seq.
        prev_batch_id: The batch before it in the chain; None for the first.
    """
    return {
        "contract": contract.id,
        "contract_version": contract.version,
        "contract_sha256": contract.contract_sha256(),
        "batch_id": batch_id,
        **batch_key.fields(),
        "prev_batch_id": prev_batch_id,
        "kind": "full",
        "row_count": content.row_count,
        "files": content.entries(),
        "versions": content.versions,
        "producer": {"name": "sxe-pipeline", "version": __version__},
    }


def seal(fields: Mapping[str, Any], signer: Signer) -> bytes:
    """The bytes of `_manifest.json`: the same for the same content and key."""
    statement = {
        "_type": STATEMENT_TYPE,
        "subject": [
            {"name": f["name"], "digest": {"sha256": f["sha256"]}} for f in fields["files"]
        ],
        "predicateType": PREDICATE_TYPE,
        "predicate": fields,
    }
    payload = _canonical(statement)
    signature = signer.sign(pae(PAYLOAD_TYPE, payload))
    envelope = {
        "payloadType": PAYLOAD_TYPE,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [{"keyid": signer.key_id, "sig": base64.b64encode(signature).decode()}],
    }
    return _canonical(envelope)


def unseal(data: bytes, public_key: Ed25519PublicKey) -> dict[str, Any]:
    """The fields of a manifest that this key signed.

    Raises:
        Tampered: No envelope, another key, a bad signature, or a payload that is no manifest.
    """
    payload = _payload(data, public_key)
    try:
        statement = json.loads(payload)
    except ValueError:
        statement = None
    if not _validator().is_valid(statement):
        raise Tampered("the manifest is signed but is none that we know; do not use the batch")
    fields = cast(dict[str, Any], statement["predicate"])
    subjects = [(s["name"], s["digest"]["sha256"]) for s in statement["subject"]]
    if subjects != [(f["name"], f["sha256"]) for f in fields["files"]]:
        raise Tampered("the manifest names two different lists of files; do not use the batch")
    return fields


def files_of(data: bytes) -> list[dict[str, Any]]:
    """The files that a manifest of our own lists; its signature is not checked."""
    payload = base64.b64decode(json.loads(data)["payload"])
    return cast(list[dict[str, Any]], json.loads(payload)["predicate"]["files"])


def pae(payload_type: str, payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding: the bytes that are signed."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def _payload(data: bytes, public_key: Ed25519PublicKey) -> bytes:
    try:
        envelope = json.loads(data)
        if set(envelope) != {"payloadType", "payload", "signatures"}:
            raise ValueError
        payload = base64.b64decode(envelope["payload"], validate=True)
        signed = [
            base64.b64decode(entry["sig"], validate=True)
            for entry in envelope["signatures"]
            if entry["keyid"] == key_id(public_key)
        ]
        is_ours = envelope["payloadType"] == PAYLOAD_TYPE
    except (ValueError, TypeError, KeyError, AttributeError, binascii.Error, RecursionError):
        raise Tampered("the manifest is no signed envelope; do not use the batch") from None
    if not signed or not is_ours:
        raise Tampered("the manifest was not signed with the given key; do not use the batch")
    for signature in signed:
        try:
            public_key.verify(signature, pae(PAYLOAD_TYPE, payload))
        except InvalidSignature:
            raise Tampered("the manifest's signature does not hold; do not use the batch") from None
    return payload


@lru_cache(maxsize=1)
def _validator() -> jsonschema_rs.Draft202012Validator:
    schema = json.loads((contracts_root() / _SCHEMA).read_bytes())
    return jsonschema_rs.Draft202012Validator(schema)


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

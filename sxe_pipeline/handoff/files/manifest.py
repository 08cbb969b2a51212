"""The manifest: what a batch is, signed.

Here: an in-toto Statement v1 in a DSSE envelope (PAE, Ed25519), building it and opening it. Opening
checks the signature first, then the manifest's schema; no field of an unsigned payload is used.
"""

import json
from collections.abc import Mapping
from typing import Any, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sxe_pipeline import __version__, sign
from sxe_pipeline.errors import Tampered
from sxe_pipeline.handoff.chain import BatchKey
from sxe_pipeline.handoff.files import document
from sxe_pipeline.handoff.files.encode import removes_of, tombstone
from sxe_pipeline.handoff.files.parts import Content
from sxe_pipeline.schema import Contract
from sxe_pipeline.sign import Signer

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
        "kind": content.kind,
        "base_batch_id": prev_batch_id if content.kind == "delta" else None,
        "row_count": content.row_count,
        "remove_count": content.remove_count or 0,
        "removes": removes_of(tombstone()) if content.kind == "delta" else None,
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
    return sign.envelope(PAYLOAD_TYPE, sign.canonical(statement), signer.all)


def unseal(data: bytes, public_key: Ed25519PublicKey) -> dict[str, Any]:
    """The fields of a manifest that this key signed.

    Raises:
        Tampered: No envelope, another key, a bad signature, or a payload that is no manifest.
    """
    payload = sign.opened(data, PAYLOAD_TYPE, [public_key], what="manifest")
    statement = document.read(payload, _SCHEMA)
    if statement is None:
        raise Tampered("the manifest is signed but is none that we know; do not use the batch")
    fields: dict[str, Any] = statement["predicate"]
    subjects = [(s["name"], s["digest"]["sha256"]) for s in statement["subject"]]
    if subjects != [(f["name"], f["sha256"]) for f in fields["files"]]:
        raise Tampered("the manifest names two different lists of files; do not use the batch")
    if fields["kind"] == "delta" and fields["base_batch_id"] != fields["prev_batch_id"]:
        raise Tampered("the delta is to another batch than the one before it; do not use the batch")
    return fields


def fields_of(data: bytes) -> dict[str, Any]:
    """The fields of a manifest of our own; its signature is not checked."""
    return cast(dict[str, Any], json.loads(sign.unchecked(data))["predicate"])


def files_of(data: bytes) -> list[dict[str, Any]]:
    """The files that a manifest of our own lists; its signature is not checked."""
    return cast(list[dict[str, Any]], fields_of(data)["files"])

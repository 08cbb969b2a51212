"""What lies where the files of a batch were, once they were kept for long enough.

Here: the signed statement `_expired.json` beside the manifest, which stays: that there was such a
batch, and what was in it, can still be proved. Pure. Not here: deleting (`retention`).
"""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sxe_pipeline import sign
from sxe_pipeline.errors import Tampered
from sxe_pipeline.handoff.files import document, manifest
from sxe_pipeline.sign import Signer

NAME = "_expired.json"
PREDICATE_TYPE = "urn:sxe:expiry:0.1.0"
_SCHEMA = "expiry/0.1.0.schema.json"


def statement(batch_id: str, contract: str, manifest_sha256: str, at: str, signer: Signer) -> bytes:
    """What lies where the files of a batch were, signed by who deleted them.

    Args:
        batch_id: The batch.
        contract: Its contract's id.
        manifest_sha256: Of its manifest, whose files are meant.
        at: RFC 3339.
        signer: The key of the tier.
    """
    said = {
        "_type": manifest.STATEMENT_TYPE,
        "subject": [{"name": manifest.NAME, "digest": {"sha256": manifest_sha256}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {"batch_id": batch_id, "contract": contract, "expired_at": at},
    }
    return sign.envelope(manifest.PAYLOAD_TYPE, sign.canonical(said), signer.all)


def expired_at(data: bytes, batch_id: str, public_key: Ed25519PublicKey) -> str:
    """When the files of a batch were deleted, as its statement says.

    Raises:
        Tampered: It is none of this batch, or the key did not sign it.
    """
    payload = sign.opened(data, manifest.PAYLOAD_TYPE, [public_key], what="statement")
    said = document.read(payload, _SCHEMA)
    if said is None or said["predicate"]["batch_id"] != batch_id:
        raise Tampered(f"{NAME} speaks of another batch; do not use this one")
    at: str = said["predicate"]["expired_at"]
    return at

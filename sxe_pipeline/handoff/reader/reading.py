"""Reading a batch to acknowledge it: verified, counted, and proved by the keys of its rows.

Here: what a consumer computes from the files and the pinned key alone, and never takes from the
manifest. Not here: what an acknowledgement may hold (`acks`), the hash of the keys (`proof`).
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sxe_pipeline.errors import ContractBroken, Tampered
from sxe_pipeline.handoff.acks import checked
from sxe_pipeline.handoff.files import edition, manifest, proof
from sxe_pipeline.handoff.reader import verify
from sxe_pipeline.sign import sha256


@dataclass(frozen=True, slots=True)
class Read:
    """A batch that was read, and the document that says so (`contracts/ack`)."""

    batch_id: str
    contract: str
    said: dict[str, Any]


def read(
    source: Path | verify.Prefix,
    public_key: Ed25519PublicKey,
    contracts: Collection[str] = (),
    *,
    status: str,
    errors: Sequence[dict[str, Any]] = (),
) -> Read:
    """Verify a batch, read the keys of all its rows, and say so.

    Args:
        source: As of `verify`.
        public_key: The pinned key of the sender.
        contracts: What the key is pinned for.
        status: accepted or rejected. Rows that do not meet their contract can only be rejected.
        errors: {path, rule, count} of what does not hold.

    Raises:
        SxeError: As `verify`: what was not the sender's is not answered.
        BadInput: An error names what is no column.
    """
    try:
        verify.verify(source, public_key, contracts)
    except ContractBroken:
        if status == "accepted":
            raise
    files = verify.files_of(source)
    with files.open(manifest.NAME) as stream:
        sealed = stream.read(verify.MAX_MANIFEST_BYTES)
    fields = manifest.unseal(sealed, public_key)
    contract = edition.named(
        fields["contract"], fields["contract_version"], fields["contract_sha256"], files.beside
    )
    tables = [
        _keys(files.open, entry["name"], proof.columns(contract))
        for entry in fields["files"]
        if entry["format"] == "parquet"
    ]
    said = {
        "manifest_sha256": sha256(sealed),
        "status": status,
        "rows_read": sum(table.num_rows for table in tables),
        "keys_sha256": proof.keys_sha256(contract, tables),
        "errors": list(errors),
    }
    return Read(fields["batch_id"], contract.id, checked(said))


def _keys(opened: Callable[[str], BinaryIO], name: str, columns: Sequence[str]) -> pa.Table:
    try:
        with opened(name) as stream:
            return pq.read_table(stream, columns=list(columns)).select(columns)
    except (pa.ArrowException, KeyError, OSError):
        raise Tampered(
            f"{name} has no {', '.join(columns)} to be read; do not use the batch"
        ) from None

"""The contract of a batch, delivered beside it: whoever reads the data needs nothing of ours.

Here: `<contract>/v<major>/_schemas/<version>/`, written before the first batch of that version, and
read again where a batch is of a version that is not installed. What is read is believed only if it
is what the signed manifest names.
"""

from collections.abc import Callable
from typing import BinaryIO

from sxe_pipeline.errors import BadConfig, ContractBroken, NotFound, Tampered
from sxe_pipeline.schema import Contract, docs, load, parse
from sxe_pipeline.schema.releases import DRAFT
from sxe_pipeline.store.objects import Objects

TEXT = "contract.odcs.yaml"
REMOVES = "tombstone"
"""The contract of what deltas take out: it lies beside that of their rows."""
_MAX_BYTES = 1 << 20


def folder_of(contract_version: str, contract_id: str = "") -> str:
    """Where the contract of a version lies, beside the batches of its major.

    Args:
        contract_version: Its version.
        contract_id: Its id; only that of removes matters, as any other names the folder above.
    """
    above = f"_schemas/{REMOVES}" if contract_id == REMOVES else "_schemas"
    return f"{above}/{contract_version}"


def files(contract: Contract) -> dict[str, bytes]:
    """Name -> bytes of what a consumer gets of a contract."""
    return {
        "schema.json": contract.published_schema(),
        "README.md": docs.render(contract).encode(),
        TEXT: contract.file.read_bytes(),
    }


def put(objects: Objects, contract: Contract, above: str) -> None:
    """Write the contract beside its batches; what lies there stays, a draft alone is renewed.

    Args:
        objects: The handoff store.
        contract: What the batches meet.
        above: The folder of the batches.

    Raises:
        Tampered: The store holds other bytes of a released version.
    """
    for name, data in files(contract).items():
        key = f"{above}/{folder_of(contract.version, contract.id)}/{name}"
        if objects.put_new(key, data) or objects.get(key) == data:
            continue
        if contract.status != DRAFT:
            raise Tampered(
                f"object {key} is not what was released as {contract.id} {contract.version}; "
                "find out who else writes there"
            )
        objects.delete(key)
        objects.put_new(key, data)


def named(
    contract_id: str, version: str, sha256: str, beside: Callable[[str], BinaryIO]
) -> Contract:
    """The contract that a manifest names: the installed one, else the one beside the batch.

    Args:
        contract_id: As the manifest says.
        version: As the manifest says.
        sha256: Its `contract_sha256`.
        beside: Opens a file by its name below the folder of the batches.

    Raises:
        ContractBroken: Neither is the one that the manifest names.
    """
    try:
        installed = load(contract_id, version)
        if installed.contract_sha256() == sha256:
            return installed
    except NotFound:
        pass
    delivered_as = f"{folder_of(version, contract_id)}/{TEXT}"
    try:
        with beside(delivered_as) as stream:
            delivered = parse(stream.read(_MAX_BYTES), f"{contract_id}/{version}")
        if delivered.contract_sha256() == sha256:
            return delivered
    except (NotFound, Tampered, BadConfig):
        pass
    raise ContractBroken(
        f"the signature holds, but {contract_id} {version} as the batch names it is neither "
        f"installed nor beside the batch ({delivered_as}); ask the sender for it"
    )

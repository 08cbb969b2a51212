"""A whole batch, worked out without a store or a database."""

from sxe_pipeline.handoff import edition, encode, manifest, pieces


def fields_and_parts(contract, rows, batch_key, prev=None):
    """The fields of its manifest, and its files."""
    content = encode.encode(contract, pieces.in_order(contract, rows))
    batch_id = encode.content_id(contract, batch_key, prev, content.parts)
    ids = {"batch_id": batch_id, "batch_key": batch_key, "prev_batch_id": prev}
    return manifest.predicate(contract, content, **ids), content.parts


def lay(folder, parts):
    """Write files of a batch below its folder."""
    for part in parts:
        (folder / part.name).parent.mkdir(parents=True, exist_ok=True)
        (folder / part.name).write_bytes(part.data())


def batch_bytes(contract, signer, rows, batch_key, prev=None):
    """Key -> bytes of all that a batch leaves whose rows meet their contract."""
    fields, parts = fields_and_parts(contract, contract.check(rows), batch_key, prev)
    folder = f"{contract.id}/v0/{fields['batch_id']}"
    above = f"{contract.id}/v0/{edition.folder_of(contract.version)}"
    return {
        **{f"{folder}/{part.name}": part.data() for part in parts},
        f"{folder}/{manifest.NAME}": manifest.seal(fields, signer),
        **{f"{above}/{name}": data for name, data in edition.files(contract).items()},
    }

"""Batches and days of cards, worked out without a store or a database."""

import pyarrow as pa

from sxe_pipeline.handoff.files import edition, encode, manifest, pieces


def tombstones(gone):
    """Removes of a delta from (market, card_id, reason, into_card_id)."""
    schema = encode.tombstone().arrow()
    rows = [dict(zip(schema.names, one, strict=True)) for one in gone]
    return pa.Table.from_pylist(rows, schema=schema)


def withheld(market, card_ids):
    """Why cards are gone, where nothing else is said."""
    reasons = pa.array(["withheld"] * len(card_ids))
    nobody = pa.nulls(len(card_ids), pa.string())
    return pa.table({"card_id": card_ids, "reason": reasons, "into_card_id": nobody})


def fields_and_parts(contract, rows, batch_key, prev=None, removes=None):
    """The fields of its manifest, and its files; `removes` make it a delta."""
    taken_out = None if removes is None else pieces.in_order(encode.tombstone(), removes)
    content = encode.encode(contract, pieces.in_order(contract, rows), taken_out)
    batch_id = encode.content_id(contract, batch_key, prev, content)
    ids = {"batch_id": batch_id, "batch_key": batch_key, "prev_batch_id": prev}
    return manifest.predicate(contract, content, **ids), content.parts


def lay(folder, parts):
    """Write files of a batch below its folder."""
    for part in parts:
        (folder / part.name).parent.mkdir(parents=True, exist_ok=True)
        (folder / part.name).write_bytes(part.data())


def batch_bytes(contract, signer, rows, batch_key, prev=None, removes=None):
    """Key -> bytes of all that a batch leaves whose rows meet their contract."""
    fields, parts = fields_and_parts(contract, contract.check(rows), batch_key, prev, removes)
    above = f"{contract.id}/v1"
    folder = f"{above}/{fields['batch_id']}"
    held = [contract] if removes is None else [contract, encode.tombstone()]
    return {
        **{f"{folder}/{part.name}": part.data() for part in parts},
        f"{folder}/{manifest.NAME}": manifest.seal(fields, signer),
        **{
            f"{above}/{edition.folder_of(one.version, one.id)}/{name}": data
            for one in held
            for name, data in edition.files(one).items()
        },
    }


def changed(rows, *numbers, **values):
    """The rows of today: some of them with other values."""
    made = rows.sort_by("card_id").to_pylist()
    for number in numbers:
        made[number] |= values
    return pa.Table.from_pylist(made, schema=rows.schema)


def without(rows, *numbers):
    """The rows of today without some of them."""
    ordered = rows.sort_by("card_id")
    return ordered.filter(pa.array([n not in numbers for n in range(rows.num_rows)]))


def ids(rows, *numbers):
    """The ids of some of them."""
    return rows.sort_by("card_id")["card_id"].take(list(numbers)).to_pylist()

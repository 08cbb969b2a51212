"""A market as of a batch, and what a batch changed in it: one Parquet file each, from the store.

Here: rows some at a time, newest batch first, so that memory holds the ids of deltas and never the
rows of a market. Not here: which batches a chain has (`chain_rows`), what a delta is (`delta`).
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sxe_pipeline.errors import Tampered
from sxe_pipeline.handoff import chain_rows
from sxe_pipeline.handoff.batches import folder_of
from sxe_pipeline.handoff.chain_rows import Manifest
from sxe_pipeline.handoff.files import delta, encode
from sxe_pipeline.handoff.files.parts import Holds, chunks, unnamed
from sxe_pipeline.schema import Contract
from sxe_pipeline.store.objects import Objects

CHANGE = pa.field("_change_type", pa.string(), nullable=False)
"""The column that says insert, update_postimage or delete."""

_ROWS = 32_768
"""That are in memory at once."""


def write_rows(
    objects: Objects, contract: Contract, chain: Sequence[Manifest], file: BinaryIO
) -> None:
    """Write all rows of a market as of the last batch of its chain, in no order.

    Args:
        objects: The handoff store.
        contract: Of the chain, whose batches all have the same one.
        chain: As `chain_rows.since_full` gives it.
        file: Takes one Parquet file.

    Raises:
        NotFound: A file is not there.
        Tampered: A file is not what its manifest names.
    """
    _write(contract.arrow(), _rows(objects, chain), file)


def write_changes(
    objects: Objects,
    contract: Contract,
    before: Sequence[Manifest],
    batch: Manifest,
    file: BinaryIO,
) -> None:
    """Write what a batch changed: the rows that it puts, and the keys of what is gone.

    A row that is deleted holds its key and its market: what it held was taken out, perhaps because
    its owner asked for that, and is not handed out once more.

    Args:
        objects: The handoff store.
        contract: Of the batch.
        before: The chain of the batch before it.
        batch: Its manifest.
        file: Takes one Parquet file in the schema `changed`, and `CHANGE` behind it.

    Raises:
        NotFound: A file is not there.
        Tampered: A file is not what its manifest names.
    """
    _write(changed(contract).append(CHANGE), _changes(objects, contract, before, batch), file)


def changed(contract: Contract) -> pa.Schema:
    """The columns of changes: null may stand wherever a row that is deleted has nothing."""
    kept = {*contract.key, "market"}
    fields = [f if f.name in kept else f.with_nullable(True) for f in contract.arrow()]
    return pa.schema(fields)


def _write(schema: pa.Schema, pieces: Iterator[pa.Table], file: BinaryIO) -> None:
    options = {"compression": "zstd", "compression_level": encode.ZSTD_LEVEL}
    with pq.ParquetWriter(file, schema, **options) as writer:
        for piece in pieces:
            writer.write_table(piece.select(schema.names).cast(schema))


def _rows(objects: Objects, chain: Sequence[Manifest]) -> Iterator[pa.Table]:
    later = pa.chunked_array([], pa.string())
    for number, batch in reversed(list(enumerate(chain))):
        ids = later.chunks
        for piece in _pieces(objects, batch, "rows"):
            yield piece.filter(pc.invert(pc.is_in(piece[delta.KEY], value_set=later)))
            ids += piece[delta.KEY].chunks if number else []
        for piece in _pieces(objects, batch, "removes"):
            ids += piece[delta.KEY].chunks
        later = pa.chunked_array(ids, pa.string())


def _changes(
    objects: Objects, contract: Contract, before: Sequence[Manifest], batch: Manifest
) -> Iterator[pa.Table]:
    (key,) = contract.key
    old = chain_rows.digests_as_of(objects, before, key)
    put: pa.Array | None = None
    if batch["kind"] == "delta":
        removes = [piece[delta.KEY] for piece in _pieces(objects, batch, "removes")]
        taken = pa.chunked_array([c for ids in removes for c in ids.chunks], pa.string())
        gone = pc.filter(taken, pc.is_in(taken, value_set=old[delta.KEY]))
    else:
        between = delta.between(old, chain_rows.digests_as_of(objects, [batch], key))
        put, gone = between.upserts, pa.chunked_array([between.removes])
    for piece in _pieces(objects, batch, "rows"):
        if put is not None:
            piece = piece.filter(pc.is_in(piece[key], value_set=put))
        is_known = pc.is_in(piece[key], value_set=old[delta.KEY])
        yield piece.append_column(CHANGE.name, pc.if_else(is_known, "update_postimage", "insert"))
    said = {key: gone, "market": [batch["market"]] * len(gone), CHANGE.name: ["delete"] * len(gone)}
    schema = changed(contract).append(CHANGE)
    columns = [said.get(field.name, pa.nulls(len(gone), field.type)) for field in schema]
    yield pa.table(columns, names=schema.names)


def _pieces(objects: Objects, batch: Manifest, holds: Holds) -> Iterator[pa.Table]:
    folder = folder_of(batch["contract"], batch["contract_version"], batch["batch_id"])
    for entry in batch["files"]:
        if (entry["format"], entry.get("holds", "rows")) == ("parquet", holds):
            with _whole(objects, f"{folder}/{entry['name']}", entry) as file:
                for piece in pq.ParquetFile(file).iter_batches(_ROWS):
                    yield pa.Table.from_batches([piece])


@contextmanager
def _whole(objects: Objects, key: str, entry: Manifest) -> Iterator[BinaryIO]:
    """A copy of a file that is what its manifest names: of no other one a byte is decoded."""
    digest = hashlib.sha256()
    with unnamed(entry["bytes"]) as copy:
        with objects.open(key) as stream:
            for data in chunks(stream):
                digest.update(data)
                copy.write(data)
        if digest.hexdigest() != entry["sha256"]:
            raise Tampered("a file is not what its manifest names")
        copy.seek(0)
        yield copy

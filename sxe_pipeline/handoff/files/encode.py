"""Rows as bytes, the same bytes for the same rows.

Here: Parquet and JSON Lines, part by part. No clock: no byte
tells when a batch was made. JSON Lines stay uncompressed: DuckDB, pandas and a text editor read
them directly, the Parquet file is the small one, and no version of a compressor changes the bytes
that name a batch. Not here: the order of the rows, and what they are held to (`pieces`), where
the bytes are kept (`parts`).
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import lru_cache, partial
from typing import Any, BinaryIO

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sxe_pipeline.handoff.chain import BatchKey
from sxe_pipeline.handoff.files import proof
from sxe_pipeline.handoff.files.edition import REMOVES
from sxe_pipeline.handoff.files.parts import FOLDERS, Content, Holds, Part, unnamed, written
from sxe_pipeline.schema import Contract, load
from sxe_pipeline.store import memory

ZSTD_LEVEL = 3
_LINES = 2_000
"""That are written at once: the memory of more is asked anew of the system for each piece."""


def encode(
    contract: Contract, pieces: Iterable[pa.Table], removes: Iterable[pa.Table] | None = None
) -> Content:
    """The files of a batch, Parquet and JSON Lines: two for each piece. Close what you get.

    Args:
        contract: The contract of the rows.
        pieces: The rows in canonical order, what one file holds at a time; a batch without rows is
            one empty piece. Each is let go before the next is asked for.
        removes: Of a delta: what it takes out, in the same way, in the contract `tombstone`.

    Raises:
        StoreUnavailable: The disk for temporary files is full.
    """
    named = [name for name in contract.names if name.endswith("_version")]
    versions: dict[str, set[str]] = {name: set() for name in named}
    keys: list[pl.Series] = []
    with ExitStack() as files:
        parts = []
        for part, rows in _written(files, contract, pieces, "rows"):
            parts += part
            keys.append(proof.lines(contract, rows))
            for name, values in versions.items():
                values.update(pc.unique(rows[name]).drop_null().to_pylist())
            del rows
        for part, rows in _written(files, tombstone(), removes or (), "removes"):
            parts += part
            keys.append(proof.lines(contract, rows))
        keys_sha256 = proof.of_lines(keys)
        files.pop_all()
    return Content(
        parts,
        _count(parts, "rows"),
        {name: sorted(values) for name, values in versions.items()},
        keys_sha256,
        None if removes is None else _count(parts, "removes"),
    )


def _written(
    files: ExitStack, contract: Contract, pieces: Iterable[pa.Table], holds: Holds
) -> Iterator[tuple[list[Part], pa.Table]]:
    """Both files of each piece, and its rows."""
    number = 0
    with ThreadPoolExecutor(max_workers=1) as pool:
        for piece in pieces:
            rows = _with_contract(contract, piece)
            columnar, lines = (files.enter_context(unnamed(rows.nbytes)) for _ in FOLDERS)
            said = {"number": number, "holds": holds, "rows": rows.num_rows}
            of_columns = pool.submit(
                written, columnar, kind="parquet", write=partial(parquet, rows), **said
            )
            of_lines = written(lines, kind="jsonl", write=partial(jsonl, contract, rows), **said)
            yield [of_columns.result(), of_lines], rows
            # Else these rows would stay in memory while the next piece is made.
            del piece, rows, of_columns
            number += 1


def _count(parts: Iterable[Part], holds: Holds) -> int:
    return sum(p.rows for p in parts if (p.format, p.holds) == ("jsonl", holds))


@lru_cache(maxsize=1)
def tombstone() -> Contract:
    """The contract of removes."""
    return load(REMOVES)


def parquet(rows: pa.Table, file: BinaryIO) -> None:
    """Write the rows as one Parquet file."""
    pq.write_table(
        rows,
        file,
        version="2.6",
        compression="zstd",
        compression_level=ZSTD_LEVEL,
        row_group_size=131_072,
        write_page_index=True,
        write_page_checksum=True,
        store_schema=True,
    )


def jsonl(contract: Contract, rows: pa.Table, file: BinaryIO) -> None:
    """Write the rows as JSON Lines: contract order, nulls too, RFC 3339 times, six decimals."""
    if not rows.num_rows:
        return
    moments = [c.name for c in contract.columns if c.kind.startswith("timestamp")]
    for name in (column.name for column in contract.columns if column.kind == "list"):
        # Of a slice, Polars takes over the items of every row that the lists were cut from.
        own, at = pa.concat_arrays(rows[name].chunks), rows.schema.get_field_index(name)
        rows = rows.set_column(at, rows.schema.field(at), own)
    frame = pl.DataFrame(rows).with_columns(pl.col(moments).dt.strftime(proof.RFC3339))
    for some in frame.iter_slices(_LINES):
        some.write_ndjson(file)


def content_id(contract: Contract, batch_key: BatchKey, prev: str | None, content: Content) -> str:
    """The batch id: first 32 hex of SHA-256 over contract version, key, predecessor and lines.

    Not over Parquet bytes: those change with the library that wrote them.

    Args:
        contract: The contract of the rows.
        batch_key: Market and day, or request and seq.
        prev: The id of the batch before it in the chain; None for the first.
        content: All files of the batch.
    """
    fields = {
        "contract": contract.id,
        "contract_version": contract.version,
        **batch_key.fields(),
        "prev_batch_id": prev,
        "removes": None if content.remove_count is None else removes_of(tombstone()),
    }
    return batch_id(fields, content.lines("rows"), content.lines("removes"))


def removes_of(contract: Contract) -> dict[str, str]:
    """Which contract the removes of a delta meet, as its manifest says."""
    return {
        "contract": contract.id,
        "contract_version": contract.version,
        "contract_sha256": contract.contract_sha256(),
    }


def batch_id(
    fields: Mapping[str, Any], lines: Iterable[bytes], removes: Iterable[bytes] = ()
) -> str:
    """The batch id from the manifest's fields and the JSON Lines: how a consumer computes it.

    Args:
        fields: As the manifest says.
        lines: Of the rows.
        removes: Of what a delta takes out.
    """
    head = (
        f"{fields['contract']} {fields['contract_version']}\n{fields['market']}\n{fields['day']}\n"
        f"{fields['prev_batch_id'] or '-'}\n"
    )
    # A row begins with a brace, so no row of a batch looks like one of these lines.
    if "request_id" in fields:
        head += f"{fields['request_id']} {fields['seq']}\n"
    digest = hashlib.sha256(head.encode())
    for data in lines:
        digest.update(data)
    if held := fields["removes"]:
        digest.update(f"removes {held['contract']} {held['contract_version']}\n".encode())
        for data in removes:
            digest.update(data)
    return digest.hexdigest()[:32]


def _with_contract(contract: Contract, rows: pa.Table) -> pa.Table:
    """The rows in one chunk, with what the Parquet file says of its contract."""
    said = {
        "sxe.contract": contract.id,
        "sxe.contract.version": contract.version,
        "sxe.contract_sha256": contract.contract_sha256(),
    }
    return rows.combine_chunks(memory_pool=memory.pool()).replace_schema_metadata(said)

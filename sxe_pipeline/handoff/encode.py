"""Rows as bytes, the same bytes for the same rows.

Here: Parquet and JSON Lines, part by part. No clock: no byte
tells when a batch was made. JSON Lines stay uncompressed: DuckDB, pandas and a text editor read
them directly, the Parquet file is the small one, and no version of a compressor changes the bytes
that name a batch. Not here: the order of the rows, and what they are held to (`pieces`), where
the bytes are kept (`parts`).
"""

import hashlib
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from typing import Any, BinaryIO

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sxe_pipeline.handoff import proof
from sxe_pipeline.handoff.chain import BatchKey
from sxe_pipeline.handoff.parts import FOLDERS, Content, Part, unnamed, written
from sxe_pipeline.schema import Contract
from sxe_pipeline.store import memory

ZSTD_LEVEL = 3


def encode(contract: Contract, pieces: Iterable[pa.Table]) -> Content:
    """The files of a batch, Parquet and JSON Lines: two for each piece. Close what you get.

    Args:
        contract: The contract of the rows.
        pieces: The rows in canonical order, what one file holds at a time; an empty batch is one
            empty piece. Each is let go before the next is asked for.

    Raises:
        StoreUnavailable: The disk for temporary files is full.
    """
    named = [name for name in contract.names if name.endswith("_version")]
    versions: dict[str, set[str]] = {name: set() for name in named}
    parts: list[Part] = []
    with ExitStack() as files, ThreadPoolExecutor(max_workers=1) as pool:
        for piece in pieces:
            number, rows = len(parts) // len(FOLDERS), _with_contract(contract, piece)
            columnar, lines = (files.enter_context(unnamed(rows.nbytes)) for _ in FOLDERS)
            of_columns = pool.submit(
                written, columnar, number, "parquet", rows.num_rows, partial(parquet, rows)
            )
            of_lines = written(
                lines, number, "jsonl", rows.num_rows, partial(jsonl, contract, rows)
            )
            parts += [of_columns.result(), of_lines]
            for name, values in versions.items():
                values.update(pc.unique(rows[name]).drop_null().to_pylist())
            # Else these rows would stay in memory while the next piece is made.
            del piece, rows, of_columns
        files.pop_all()
    row_count = sum(part.rows for part in parts if part.format == "jsonl")
    return Content(parts, row_count, {name: sorted(values) for name, values in versions.items()})


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
    moments = [c.name for c in contract.columns if c.kind.startswith("timestamp")]
    frame = pl.DataFrame(rows).with_columns(pl.col(moments).dt.strftime(proof.RFC3339))
    if rows.num_rows:
        frame.lazy().sink_ndjson(file, maintain_order=True)


def content_id(
    contract: Contract, batch_key: BatchKey, prev: str | None, parts: Iterable[Part]
) -> str:
    """The batch id: first 32 hex of SHA-256 over contract version, key, predecessor and rows.

    Not over Parquet bytes: those change with the library that wrote them.

    Args:
        contract: The contract of the rows.
        batch_key: Market and day, or request and seq.
        prev: The id of the batch before it in the chain; None for the first.
        parts: All files of the batch.
    """
    fields = {"contract": contract.id, "contract_version": contract.version, **batch_key.fields()}
    lines = (chunk for part in parts if part.format == "jsonl" for chunk in part.chunks())
    return batch_id(fields | {"prev_batch_id": prev}, lines)


def batch_id(fields: Mapping[str, Any], lines: Iterable[bytes]) -> str:
    """The batch id from the manifest's fields and the JSON Lines: how a consumer computes it."""
    head = (
        f"{fields['contract']} {fields['contract_version']}\n{fields['market']}\n{fields['day']}\n"
        f"{fields['prev_batch_id'] or '-'}\n"
    )
    if "request_id" in fields:
        # A row begins with a brace, so no row of a batch without a request looks like this line.
        head += f"{fields['request_id']} {fields['seq']}\n"
    digest = hashlib.sha256(head.encode())
    for data in lines:
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

"""Rows as bytes, the same bytes for the same rows.

Here: the order of the rows, Parquet and JSON Lines. No clock: no byte tells when a
batch was made. JSON Lines stay uncompressed: DuckDB, pandas and a text editor read them directly,
the Parquet file is the small one, and no version of a compressor changes the bytes that name a
batch.
"""

import hashlib
import io
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sxe_pipeline.handoff.chain import BatchKey
from sxe_pipeline.schema import Contract

PART_ROWS = 1_000_000
FOLDERS = {"parquet": "parquet", "jsonl": "_jsonl"}
"""Format -> its folder in a batch. Readers of folders leave out what begins with an underscore."""
ZSTD_LEVEL = 3
_RFC3339 = "%Y-%m-%dT%H:%M:%S%.6fZ"


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a batch. `name`, its path below that, carries 16 hex of the hash of its bytes."""

    name: str
    format: str
    rows: int
    sha256: str
    data: bytes

    def entry(self) -> dict[str, str | int]:
        """The file's entry in the manifest."""
        return {
            "name": self.name,
            "format": self.format,
            "bytes": len(self.data),
            "rows": self.rows,
            "sha256": self.sha256,
        }


def canonical(contract: Contract, rows: pa.Table) -> pa.Table:
    """The rows in the order of the key, in one chunk, whatever order they came in.

    Args:
        contract: The contract that `rows` were checked against.
        rows: What `contract.check` returned.
    """
    ordered = (
        rows
        if _is_sorted(contract, rows)
        else rows.sort_by([(k, "ascending") for k in contract.key])
    )
    metadata = {
        "sxe.contract": contract.id,
        "sxe.contract.version": contract.version,
        "sxe.contract_sha256": contract.contract_sha256(),
    }
    return ordered.combine_chunks().replace_schema_metadata(metadata)


def encode(contract: Contract, rows: pa.Table, part_rows: int = PART_ROWS) -> list[Part]:
    """The files of a batch, Parquet and JSON Lines, part by part.

    Args:
        contract: The contract of the rows.
        rows: In canonical order.
        part_rows: How many rows a file holds at most; an empty batch has one file of each format.
    """
    parts = []
    with ThreadPoolExecutor(max_workers=1) as pool:
        for number, start in enumerate(range(0, max(rows.num_rows, 1), part_rows)):
            part = rows.slice(start, part_rows)
            columnar = pool.submit(parquet, part)
            lines = jsonl(contract, part)
            parts += [
                _part(number, "parquet", part.num_rows, columnar.result()),
                _part(number, "jsonl", part.num_rows, lines),
            ]
    return parts


def parquet(rows: pa.Table) -> bytes:
    """The rows as one Parquet file."""
    sink = pa.BufferOutputStream()
    pq.write_table(
        rows,
        sink,
        version="2.6",
        compression="zstd",
        compression_level=ZSTD_LEVEL,
        row_group_size=131_072,
        write_page_index=True,
        write_page_checksum=True,
        store_schema=True,
    )
    written: bytes = sink.getvalue().to_pybytes()
    return written


def jsonl(contract: Contract, rows: pa.Table) -> bytes:
    """The rows as JSON Lines: contract order, nulls written, RFC 3339 times with six decimals."""
    moments = [c.name for c in contract.columns if c.kind.startswith("timestamp")]
    frame = pl.DataFrame(rows).with_columns(pl.col(moments).dt.strftime(_RFC3339))
    sink = io.BytesIO()
    if rows.num_rows:
        frame.lazy().sink_ndjson(sink, maintain_order=True)
    return sink.getvalue()


def content_id(contract: Contract, batch_key: BatchKey, prev: str | None, parts: list[Part]) -> str:
    """The batch id: first 32 hex of SHA-256 over contract version, key, predecessor and rows.

    Not over Parquet bytes: those change with the library that wrote them.

    Args:
        contract: The contract of the rows.
        batch_key: Market and day, or request and seq.
        prev: The id of the batch before it in the chain; None for the first.
        parts: All files of the batch.
    """
    fields = {"contract": contract.id, "contract_version": contract.version, **batch_key.fields()}
    lines = (part.data for part in parts if part.format == "jsonl")
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


def _part(number: int, kind: str, rows: int, data: bytes) -> Part:
    digest = hashlib.sha256(data).hexdigest()
    name = f"{FOLDERS[kind]}/part-{number:05d}-{digest[:16]}.{kind}"
    return Part(name, kind, rows, digest, data)


def _is_sorted(contract: Contract, rows: pa.Table) -> bool:
    if len(contract.key) > 1 or rows.num_rows < 2:
        return False
    key = rows[contract.key[0]].combine_chunks()
    return bool(pc.all(pc.less(key[:-1], key[1:])).as_py())

"""What somebody can say of a batch who read every row of it, and nobody else.

Here: the hash of a batch's key lines, computed by whoever publishes it and by whoever acknowledges
it. It stands in no manifest. Not here: who compares the two.
"""

import hashlib
from collections.abc import Iterable, Sequence

import polars as pl
import pyarrow as pa

from sxe_pipeline.schema import Contract

RFC3339 = "%Y-%m-%dT%H:%M:%S%.6fZ"
"""How JSON Lines write a moment."""

_PROOFS = {"lead_card": ("card_id",), "lead_contact": ("card_id", "kind", "obtained_at")}
"""Contract -> the columns of its proof where they are not its key: no contact value, not even one
in a hash, is told by who acknowledges it."""
_LINES = 100_000
"""That are joined at once."""


def columns(contract: Contract) -> tuple[str, ...]:
    """The columns of which a proof of reading is made, in their order."""
    return _PROOFS.get(contract.id, contract.key)


def keys_sha256(contract: Contract, tables: Iterable[pa.Table]) -> str:
    """SHA-256 of the sorted key lines of a batch, joined by line feeds.

    A line is the values of a row's `columns`, joined by a tab: moments as in the JSON Lines, a null
    as nothing. Duplicates are kept; a batch without rows gives the SHA-256 of nothing.

    In DuckDB, for one column:
    `sha256(coalesce(string_agg(card_id, chr(10) ORDER BY card_id), ''))`.

    Args:
        contract: The contract of the batch.
        tables: Its rows, and the removes of a delta, in any order and any pieces. Other columns
            than those of the proof are not needed.
    """
    return of_lines(lines(contract, table) for table in tables)


def lines(contract: Contract, table: pa.Table) -> pl.Series:
    """The key line of each row, in the order of the rows.

    Args:
        contract: The contract of the batch.
        table: Rows or removes, with the columns of the proof.
    """
    names = columns(contract)
    frame = pl.DataFrame(table.select(names))
    texts = [_text(pl.col(name), kind) for name, kind in frame.schema.items()]
    return frame.select(pl.concat_str(texts, separator="\t")).to_series()


def of_lines(pieces: Iterable[pl.Series]) -> str:
    """The same from lines that were made before.

    Args:
        pieces: What `lines` gave, in any order.
    """
    found: Sequence[pl.Series] = [piece for piece in pieces if len(piece)]
    digest = hashlib.sha256()
    if found:
        # By bytes, as DuckDB and `LC_ALL=C sort` order texts.
        ordered = pl.concat(found)
        if not ordered.is_sorted():
            ordered = ordered.sort()
        for start in range(0, len(ordered), _LINES):
            text = ordered.slice(start, _LINES).str.join("\n").item()
            digest.update(f"\n{text}".encode() if start else text.encode())
    return digest.hexdigest()


def _text(column: pl.Expr, kind: pl.DataType) -> pl.Expr:
    text = column.dt.strftime(RFC3339) if isinstance(kind, pl.Datetime) else column.cast(pl.String)
    return text.fill_null("")

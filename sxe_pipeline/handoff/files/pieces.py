"""The rows of a batch in canonical order, some at a time, each piece held to the contract.

Here: the order of the key, and that it rises from piece to piece, so what is checked of each piece
holds for all of them. Not here: the bytes (`encode`).
"""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from sxe_pipeline.errors import ContractBroken
from sxe_pipeline.schema import Contract, arrow
from sxe_pipeline.store import memory

PIECE_ROWS = 100_000
"""What a file holds, and what is in memory beside the rows as they came."""


def checked(contract: Contract, rows: pa.Table, piece_rows: int = PIECE_ROWS) -> Iterator[pa.Table]:
    """The rows in the order of the key under the contract's own schema.

    Args:
        contract: What they must meet.
        rows: In any order.
        piece_rows: How many rows a piece has at most; without rows there is one empty piece.

    Raises:
        ContractBroken: Of a piece as of `Contract.check`, or a key stands in two pieces.
    """
    contract.check(rows.slice(0, 0))  # The columns of the key must be there to sort by them.
    last: tuple[object, ...] | None = None
    ordered = in_order(contract, rows, piece_rows)
    del rows  # They are in order from here on, in memory of their own where they were not.
    for piece in ordered:
        met = contract.check(piece)
        if last is not None and _key_at(contract, met, 0) <= last:
            raise ContractBroken(
                f"rows do not meet {contract.id} {contract.version}: the key "
                f"({', '.join(contract.key)}) stands again; correct the stage that wrote them, "
                "nothing was published"
            )
        if met.num_rows:
            last = _key_at(contract, met, met.num_rows - 1)
        yield met
        # Else these rows would stay in memory while the next piece is made.
        del piece, met


def in_order(
    contract: Contract, rows: pa.Table, piece_rows: int = PIECE_ROWS
) -> Iterator[pa.Table]:
    """The rows in the order of the key, whatever order they came in.

    Args:
        contract: It names the key.
        rows: With the columns of the key.
        piece_rows: As in `checked`.
    """
    order = None
    if len(contract.key) > 1 or not arrow.rises(rows[contract.key[0]]):
        # Rows are gathered for each piece from one chunk: of many, each piece would copy them all.
        rows = rows.combine_chunks(memory_pool=memory.pool())
        order = pc.sort_indices(rows, [(name, "ascending") for name in contract.key])
    for start in range(0, max(rows.num_rows, 1), piece_rows):
        if order is None:
            yield rows.slice(start, piece_rows)
        else:
            piece = order.slice(start, piece_rows)
            yield pc.take(rows, piece, memory_pool=memory.pool())


def _key_at(contract: Contract, rows: pa.Table, number: int) -> tuple[object, ...]:
    return tuple(rows[name][number].as_py() for name in contract.key)

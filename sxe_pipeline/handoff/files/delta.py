"""What changed since the batch before: which rows are put, which cards are taken out.

Here: pure functions over tables, of the publisher and of whoever keeps a copy of a market. A row is
what its line of JSON Lines says: two rows are the same where these bytes are. Not here: where the
rows of a chain are read (`chain_rows`).
"""

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from sxe_pipeline.schema import Contract

KEY = "card_id"
"""The key of what has deltas: lead cards alone do."""
_POLICY = "policy_version"
_LINE_END = ord("\n")
_SEEDS = {f"digest_{number}": secrets.randbits(63) for number in (1, 2)}
"""Of this process alone, so that nobody can prepare two lines of one digest."""
ERASED = "erased"
"""The reason of a remove that a consumer must learn, whatever else changes."""

DIGESTS = pa.schema([(KEY, pa.string()), *((name, pa.uint64()) for name in _SEEDS)])


@dataclass(frozen=True, slots=True)
class Changes:
    """From one state of a market to the next: ids of new and changed rows, and of what is gone."""

    upserts: pa.Array
    removes: pa.Array

    def __len__(self) -> int:
        """How many there are."""
        return len(self.upserts) + len(self.removes)


def applied(before: pa.Table, upserts: pa.Table, removes: pa.Array) -> pa.Table:
    """The rows of a market after a delta, in no order: `pieces.in_order` gives the canonical one.

    Args:
        before: The rows after the batch before it.
        upserts: The rows of the delta, in the same columns.
        removes: The ids that it takes out; one that is not there changes nothing.

    Example:
        >>> before = pa.table({"card_id": ["a", "b"], "name": ["Ann", "Bob"]})
        >>> upserts = pa.table({"card_id": ["b", "c"], "name": ["Rob", "Cid"]})
        >>> applied(before, upserts, pa.array(["a"]))["name"].to_pylist()
        ['Rob', 'Cid']
    """
    put, taken = upserts[KEY].combine_chunks(), pc.cast(removes, pa.string())
    ended = pc.or_(pc.is_in(before[KEY], value_set=put), pc.is_in(before[KEY], value_set=taken))
    return pa.concat_tables([before.filter(pc.invert(ended)), upserts])


def digests(lines: bytes | memoryview, key: str = KEY) -> pa.Table:
    """The id and a digest of each line; digests of one process compare with each other.

    Args:
        lines: Whole lines of JSON Lines that met their contract: what reads as the key first in
            one is its id.
        key: The column that is the key; whatever its name, `DIGESTS` has the ids first.
    """
    ends = np.flatnonzero(np.frombuffer(lines, np.uint8) == _LINE_END) + 1
    offsets = pa.py_buffer(np.concatenate([[0], ends]).astype(np.int64))
    texts = pa.LargeStringArray.from_buffers(len(ends), offsets, pa.py_buffer(lines))
    line = pl.col("line")
    found = pl.DataFrame({"line": pl.Series(texts, dtype=pl.String)}).select(
        line.str.extract(rf'"{key}":"([^"]*)"').alias(KEY),
        *(line.hash(seed).alias(name) for name, seed in _SEEDS.items()),
    )
    return found.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(DIGESTS)


def reasons(lines: bytes) -> pl.DataFrame:
    """`card_id` and `reason` of each line of removes, which met their contract.

    Args:
        lines: Whole lines of JSON Lines.
    """
    said = pl.DataFrame({"line": lines.decode().splitlines()}, schema={"line": pl.String})
    return said.select(
        pl.col("line").str.extract(rf'"{name}":"([^"]*)"').alias(name) for name in (KEY, "reason")
    )


def between(before: pa.Table, today: pa.Table) -> Changes:
    """What makes today's rows of the rows before.

    Args:
        before: As `digests` gives them, each id once.
        today: The same, of today.
    """
    old, new = pl.DataFrame(before).lazy(), pl.DataFrame(today).lazy()
    upserts = new.join(old, on=DIGESTS.names, how="anti")
    removes = old.join(new, on=KEY, how="anti")
    found = pl.collect_all([ids.select(KEY).sort(KEY) for ids in (upserts, removes)])
    return Changes(*(pc.cast(ids[KEY].to_arrow(), pa.string()) for ids in found))


def why_no_base(
    chain: Sequence[Mapping[str, Any]], contract: Contract, policies: Collection[str]
) -> str | None:
    """Why no delta can follow in a chain; None where one can.

    Args:
        chain: The manifests from the newest full batch on; empty where there is none.
        contract: The contract of the next batch.
        policies: The policy versions of its rows.
    """
    if not chain:
        return "it is the first of its chain"
    if any(batch.get("contract_sha256") != contract.contract_sha256() for batch in chain):
        return "the contract has another version"
    before = {version for batch in chain for version in batch["versions"].get(_POLICY, ())}
    if policies and before and before != set(policies):
        return "the policy has another version"
    return None


def why_rather_full(
    changes: Changes, row_count: int, batch_count: int, full_every: int
) -> str | None:
    """Why a full batch is the better one; None where nothing changed, or a delta is.

    Args:
        changes: Since the batch before.
        row_count: All rows of today.
        batch_count: How many batches there are from the newest full one on.
        full_every: Of so many batches one is full at least.
    """
    if len(changes) * 2 > row_count:
        return "most rows changed"
    if len(changes) and batch_count >= full_every:
        return f"one of {full_every} is"
    return None

"""The rows of a market from its chain: the newest full batch and the deltas after it.

Here: which batches these are, reading what the store holds of them, and what the next batch of the
chain therefore holds. Not here: what a delta is (`delta`), when a batch is visible (`publish`).
"""

import hashlib
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from sxe_pipeline.errors import NotFound, Tampered
from sxe_pipeline.handoff.batches import folder_of
from sxe_pipeline.handoff.files import delta, encode, pieces
from sxe_pipeline.handoff.files.parts import Content, Holds
from sxe_pipeline.schema import Contract
from sxe_pipeline.store.objects import Objects

Manifest = Mapping[str, Any]
"""The fields of a manifest."""

_POLICY = "policy_version"
_HELD: tuple[Holds, Holds] = ("rows", "removes")
_CHUNK = 4 << 20
_ROWS = 16_384
"""That are compared at once: memory does not grow with their text."""


class Gone(Protocol):
    """Why cards are not handed over any more; `definitions` provides the function of `cards`."""

    def __call__(self, market: str, card_ids: pa.Array) -> pa.Table:
        """`card_id`, `reason` and `into_card_id` of each, as the contract `tombstone` says.

        Args:
            market: The market that held them.
            card_ids: Cards that it holds no longer.
        """
        ...


@dataclass(frozen=True, slots=True)
class Deltas:
    """That the batches of a chain may be deltas, and one in `full_every` is full at least."""

    gone: Gone
    full_every: int


def since_full(batch_id: str | None, manifest_of: Callable[[str], Manifest]) -> list[Manifest]:
    """What makes the rows as of a batch: the full batch before it, or itself, and what follows.

    Args:
        batch_id: The batch; None where its chain has none.
        manifest_of: Its manifest, whose signature holds, and those of the batches before it.

    Returns:
        Their manifests, oldest first.
    """
    found: list[Manifest] = []
    while batch_id is not None:
        found.append(manifest_of(batch_id))
        batch_id = found[-1].get("base_batch_id")
    return found[::-1]


def next_content(
    objects: Objects,
    contract: Contract,
    market: str,
    rows: pa.Table,
    chain: Sequence[Manifest],
    deltas: Deltas,
) -> tuple[Content, str | None]:
    """The files of the next batch of a chain; and where it is a full one, why.

    A delta without a row and a remove says that nothing changed.

    Args:
        objects: The handoff store.
        contract: What the rows must meet.
        market: The market of the chain.
        rows: All rows of today, in any order.
        chain: As `since_full` gives it, of the newest batch.
        deltas: How they are made.

    Raises:
        ContractBroken: The rows do not meet the contract, or nobody says why a card is gone.
        StoreUnavailable: The store does not answer.
    """
    contract.check(rows.slice(0, 0))  # The columns must be there to compare them.
    changes: delta.Changes | None = None
    why = delta.why_no_base(chain, contract, pc.unique(rows[_POLICY]).to_pylist())
    if why is None:
        try:
            changes = _changes(objects, contract, chain, rows)
            left = _left_before(objects, chain, rows[delta.KEY])
        except (NotFound, Tampered):
            why = "the batch before cannot be read"
    removes = None
    if changes is not None:
        removes = _removes(market, pa.concat_arrays([changes.removes, left]), deltas.gone)
        is_new = pc.is_in(removes[delta.KEY], value_set=changes.removes)
        is_no = pc.equal(removes["reason"], delta.ERASED)
        removes = removes.filter(pc.or_kleene(is_new, is_no)).sort_by(delta.KEY)
        why = delta.why_rather_full(changes, rows.num_rows, len(chain), deltas.full_every)
        # A full batch has no removes, and who is erased has to be said.
        if delta.ERASED in removes["reason"].to_pylist():
            why = None
    if changes is None or removes is None or why is not None:
        return encode.encode(contract, pieces.checked(contract, rows)), why
    # The rows that are as they were met the contract before.
    upserts = rows.filter(pc.is_in(rows[delta.KEY], value_set=changes.upserts))
    del rows
    return encode.encode(
        contract,
        pieces.checked(contract, upserts),
        pieces.checked(encode.tombstone(), removes),
    ), None


def _changes(
    objects: Objects, contract: Contract, chain: Sequence[Manifest], rows: pa.Table
) -> delta.Changes | None:
    """What changed since the newest batch; None where the rows of today have no key."""
    ids = rows[delta.KEY]
    if ids.null_count or pc.count_distinct(ids).as_py() < len(ids):
        return None
    before = digests_as_of(objects, chain)
    today = _digests(_lines_of(contract, rows)).set_column(0, delta.DIGESTS.field(0), ids)
    return delta.between(before, today)


def digests_as_of(objects: Objects, chain: Sequence[Manifest], key: str = delta.KEY) -> pa.Table:
    """The id and a digest of each row as of the last batch of a chain, as `delta.digests` says.

    Args:
        objects: The handoff store.
        chain: As `since_full` gives it.
        key: The column that is the key of its contract.

    Raises:
        NotFound: A file is not there.
        Tampered: A file is not what its manifest names.
    """
    before = delta.DIGESTS.empty_table()
    for batch in chain:
        upserts, removes = (_digests(_lines(objects, batch, holds), key) for holds in _HELD)
        before = delta.applied(before, upserts, removes[delta.KEY].combine_chunks())
    return before


def _left_before(objects: Objects, chain: Sequence[Manifest], here: pa.ChunkedArray) -> pa.Array:
    """Ids that the deltas of a chain took out for less than a no: that one may have come since.

    Args:
        objects: The handoff store.
        chain: As `since_full` gives it.
        here: Ids of the rows of today, which are there again.
    """
    lines = (line for batch in chain for line in _lines(objects, batch, "removes"))
    said = pl.concat([delta.reasons(b""), *map(delta.reasons, lines)])
    last = said.unique(delta.KEY, keep="last").filter(pl.col("reason") != delta.ERASED)
    ids = pl.DataFrame({delta.KEY: here}, schema={delta.KEY: pl.String})
    return pc.cast(last.join(ids, on=delta.KEY, how="anti")[delta.KEY].to_arrow(), pa.string())


def _digests(pieces: Iterable[bytes | memoryview], key: str = delta.KEY) -> pa.Table:
    found = (delta.digests(piece, key) for piece in pieces)
    return pa.concat_tables([delta.DIGESTS.empty_table(), *found])


def _lines_of(contract: Contract, rows: pa.Table) -> Iterator[memoryview]:
    """Rows as their JSON Lines, some at a time."""
    for start in range(0, rows.num_rows, _ROWS):
        file = io.BytesIO()
        encode.jsonl(contract, rows.slice(start, _ROWS).select(contract.names), file)
        yield file.getbuffer()


def _lines(objects: Objects, batch: Manifest, holds: Holds) -> Iterator[bytes]:
    """The lines of a batch in the store, some at a time; at the end of a file, that it is whole."""
    folder = folder_of(batch["contract"], batch["contract_version"], batch["batch_id"])
    for entry in batch["files"]:
        if (entry["format"], entry.get("holds", "rows")) != ("jsonl", holds):
            continue
        digest, rest = hashlib.sha256(), b""
        with objects.open(f"{folder}/{entry['name']}") as stream:
            while data := stream.read(_CHUNK):
                digest.update(data)
                lines, end, rest = (rest + data).rpartition(b"\n")
                yield lines + end
        if rest or digest.hexdigest() != entry["sha256"]:
            raise Tampered(f"{entry['name']} differs from the manifest of {batch['batch_id']}")


def _removes(market: str, card_ids: pa.Array, gone: Gone) -> pa.Table:
    """The tombstones; one that nobody gives a reason for does not meet its contract."""
    names = encode.tombstone().names
    if not len(card_ids):
        return encode.tombstone().arrow().empty_table()
    ids = pl.DataFrame({delta.KEY: card_ids}, schema={delta.KEY: pl.String})
    said = pl.DataFrame(gone(market, card_ids))
    found = ids.join(said, on=delta.KEY, how="left").with_columns(market=pl.lit(market))
    table = found.select(names).to_arrow(compat_level=pl.CompatLevel.oldest())
    return table.cast(pa.schema([(name, pa.string()) for name in names]))

"""Seal the log: what waits becomes leaves, a root and a signed checkpoint outside of the database.

One transaction makes leaves and seal of one batch, so a sealer that is killed leaves nothing half
done; the checkpoint is put after it, and put again by whoever comes next. Not here: the tree
(`merkle`), the form of a checkpoint (`checkpoints`), holding the log against both (`verify`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import psycopg

from sxe_pipeline.audit import merkle
from sxe_pipeline.audit.checkpoints import Checkpoint, origin_of, time_of
from sxe_pipeline.errors import Busy, NotFound, Refused
from sxe_pipeline.sign import Signer
from sxe_pipeline.store.objects import Objects

BATCH = 10_000
"""Events of one seal, at most; so many that wait are sealed at once."""
FOLDER = "checkpoints"
LATE = timedelta(minutes=5)
"""What is not sealed by then, or not shown outside, is no longer on its way."""


@dataclass(frozen=True)
class Sealed:
    """What one tick did."""

    events: int = 0
    seals: int = 0
    anchored: int = 0

    def __add__(self, other: "Sealed") -> "Sealed":
        """Both of them."""
        return Sealed(
            self.events + other.events,
            self.seals + other.seals,
            self.anchored + other.anchored,
        )

    def sentence(self) -> str:
        """For whoever watches."""
        return (
            f"{self.events:,} events sealed in {self.seals:,} seals, "
            f"{self.anchored:,} checkpoints put"
        )


def tick(
    conn: psycopg.Connection, store: Objects, signer: Signer, *, seals: int = 10, batch: int = BATCH
) -> Sealed:
    """Put the checkpoints that are missing, then seal what waits, each seal with its checkpoint.

    Args:
        conn: The sealer's login, in no transaction.
        store: Where checkpoints are kept.
        signer: Its own key, which no process that writes events has.
        seals: At most so many.
        batch: Events of a seal, at most.

    Returns:
        What was done; no event: nothing waits.

    Raises:
        Busy: Another sealer is at it.
        Refused: The store holds a checkpoint that is not of this database.
        StoreUnavailable: The store cannot be reached; nothing is sealed that cannot be shown.
    """
    anchored, counts = _anchor(conn, store), list[int]()
    while len(counts) < seals and (count := _seal(conn, store, signer, batch)):
        counts.append(count)
        anchored += _anchor(conn, store)
    return Sealed(sum(counts), len(counts), anchored)


def waiting(conn: psycopg.Connection, most: int = BATCH) -> int:
    """How many events wait for their seal, counted up to `most`."""
    [(count,)] = conn.execute(
        "select count(*) from (select from audit.pending limit %s) first", [most]
    ).fetchall()
    return int(count)


def lag(conn: psycopg.Connection) -> tuple[int, int, int]:
    """How many seals there are, how many events wait, and how many of these for too long."""
    [(newest, waits, late)] = conn.execute(
        "select (select coalesce(max(seal_no), 0) from audit.seal), count(*), "
        "count(*) filter (where recorded_at <= clock_timestamp() - %s) from audit.pending",
        [LATE],
    ).fetchall()
    return newest, waits, late


def key_of(seal_no: int) -> str:
    """Where the checkpoint of a seal is, in the store of checkpoints.

    Example:
        >>> key_of(7)
        'checkpoints/0000000007.json'
    """
    return f"{FOLDER}/{seal_no:010}.json"


def kept(store: Objects, seal_no: int) -> bytes | None:
    """The checkpoint that the store keeps of a seal, if any."""
    try:
        return store.get(key_of(seal_no))
    except NotFound:
        return None


def _seal(conn: psycopg.Connection, store: Objects, signer: Signer, batch: int) -> int:
    """One seal over the oldest that waits; how many events it took."""
    with conn.transaction():
        [(is_ours,)] = conn.execute(
            "select pg_try_advisory_xact_lock(hashtextextended('audit seal', 0))"
        ).fetchall()
        if not is_ours:
            raise Busy("another process seals this log; it goes on")
        number, size, peaks, before = conn.execute(
            "select seal_no, tree_size, peaks, seal_hash from audit.seal "
            "order by seal_no desc limit 1"
        ).fetchone() or (0, 0, [], None)
        if store.exists(key_of(number + 1)):
            raise _fork(number + 1)
        taken = conn.execute("select * from audit.take_pending(%s)", [batch]).fetchall()
        if not taken:
            return 0
        tree = merkle.Frontier(size, peaks)
        with conn.cursor().copy(
            "copy audit.leaf (leaf_index, event_id, leaf_hash) from stdin (format binary)"
        ) as copy:
            copy.set_types(["int8", "uuid", "bytea"])
            for event_id, leaf_hash in taken:
                copy.write_row((tree.size, event_id, leaf_hash))
                tree.add(leaf_hash)
        [(first, now)] = conn.execute(
            "select leaf_hash, clock_timestamp() from audit.leaf where leaf_index = 0"
        ).fetchall()
        made = Checkpoint(
            origin=origin_of(first),
            seal_no=number + 1,
            tree_size=tree.size,
            root=tree.root.hex(),
            prev_seal_hash=before.hex() if before else None,
            sealed_at=time_of(now),
        )
        conn.execute(
            "insert into audit.seal (seal_no, first_leaf, tree_size, root, peaks, prev_seal_hash, "
            "seal_hash, checkpoint, key_id, sealed_at) "
            "values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [
                *(made.seal_no, size, made.tree_size, tree.root, tree.peaks, before),
                *(bytes.fromhex(made.seal_hash), made.signed(signer), signer.key_id, now),
            ],
        )
    return len(taken)


def _anchor(conn: psycopg.Connection, store: Objects) -> int:
    """Put the newest checkpoints that the store lacks, oldest first; how many."""
    missing = list(_missing(conn, store))
    for seal_no in reversed(missing):
        envelope = _checkpoint(conn, seal_no)
        if not store.put_new(key_of(seal_no), envelope) and kept(store, seal_no) != envelope:
            raise _fork(seal_no)
    return len(missing)


def _missing(conn: psycopg.Connection, store: Objects) -> Iterator[int]:
    """Numbers of seals without their checkpoint, from the newest back to the first that has it."""
    with conn.transaction():
        [(newest,)] = conn.execute("select coalesce(max(seal_no), 0) from audit.seal").fetchall()
    for seal_no in range(newest, 0, -1):
        held = kept(store, seal_no)
        if held is not None:
            if held != _checkpoint(conn, seal_no):
                raise _fork(seal_no)
            return
        yield seal_no


def _checkpoint(conn: psycopg.Connection, seal_no: int) -> bytes:
    with conn.transaction():
        [(envelope,)] = conn.execute(
            "select checkpoint from audit.seal where seal_no = %s", [seal_no]
        ).fetchall()
    return bytes(envelope)


def _fork(seal_no: int) -> Refused:
    return Refused(
        f"the store of checkpoints holds number {seal_no}, which is not of this database: it was "
        "restored, changed, or the store belongs to another; nothing is sealed. See "
        "docs/runbooks/seals.md"
    )

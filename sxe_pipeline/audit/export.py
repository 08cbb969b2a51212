"""The sealed log for whoever checks it without our database: events, each with its proof.

In:     audit.event, audit.leaf, audit.seal
Out:    a head line with the newest checkpoint, then one line an event, in the order of the leaves
Never:  a value from a profile or a contact: the log holds none
"""

from collections.abc import Iterator
from typing import Any

import psycopg

from sxe_pipeline.audit import merkle
from sxe_pipeline.audit.checkpoints import time_of
from sxe_pipeline.errors import BadInput, NotFound

_PAGE = 10_000


def export(conn: psycopg.Connection, since: int = 0) -> Iterator[dict[str, Any]]:
    """What was sealed after a seal, as lines of JSON.

    The first line holds `checkpoint`, the newest signed one, and `since` with the hashes that show
    that its tree begins with that of the older seal. Each other line is an event: `payload` as the
    text that is hashed, `recorded_at`, `leaf_hash` = SHA-256(0x00, payload, recorded_at as 8 bytes
    of UTC microseconds), and `proof`, the hashes up to the checkpoint's root, lowest first
    (RFC 9162; a node is SHA-256(0x01, left, right)).

    Args:
        conn: A login that may read the log, in no transaction.
        since: A seal; 0 is the whole log.

    Raises:
        NotFound: Nothing is sealed yet.
        BadInput: There is no seal `since`.
    """
    with conn.transaction():
        conn.execute("set transaction isolation level repeatable read, read only")
        newest = conn.execute(
            "select seal_no, tree_size, checkpoint from audit.seal order by seal_no desc limit 1"
        ).fetchone()
        if newest is None:
            raise NotFound("nothing is sealed yet; `sxe worker seal --once` seals what waits")
        seal_no, size, checkpoint = newest
        first = _size_at(conn, since)
        tree = merkle.Tree(_leaves(conn))
        yield {
            "schema": "sxe.audit/1",
            "checkpoint": checkpoint.decode(),
            "seal_no": seal_no,
            "tree_size": size,
            "since": {
                "seal_no": since,
                "tree_size": first,
                "consistency": [one.hex() for one in tree.consistency(first, size)]
                if first
                else [],
            },
        }
        with conn.cursor(name="exported") as cursor:
            cursor.itersize = _PAGE
            cursor.execute(
                "select l.leaf_index, l.event_id, l.leaf_hash, e.recorded_at, e.payload "
                "from audit.leaf l left join audit.event e on e.event_id = l.event_id "
                "where l.leaf_index >= %s and l.leaf_index < %s order by l.leaf_index",
                [first, size],
            )
            for index, event_id, leaf_hash, recorded_at, payload in cursor:
                yield {
                    "leaf_index": index,
                    "event_id": str(event_id),
                    "recorded_at": recorded_at and time_of(recorded_at),
                    "payload": payload and payload.decode(errors="replace"),
                    "leaf_hash": leaf_hash.hex(),
                    "proof": [one.hex() for one in tree.inclusion(index, size)],
                }


def _size_at(conn: psycopg.Connection, seal_no: int) -> int:
    if not seal_no:
        return 0
    row = conn.execute("select tree_size from audit.seal where seal_no = %s", [seal_no]).fetchone()
    if row is None:
        raise BadInput(f"there is no seal {seal_no}; without --since all of them are exported")
    return int(row[0])


def _leaves(conn: psycopg.Connection) -> Iterator[bytes]:
    with conn.cursor(name="all_leaves", binary=True) as cursor:
        cursor.itersize = _PAGE
        for (leaf_hash,) in cursor.execute("select leaf_hash from audit.leaf order by leaf_index"):
            yield leaf_hash

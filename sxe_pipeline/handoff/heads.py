"""Making heads: from the order of the database, signed, committed before they are put.

Here: what a head lists and when there is a new one. A publishing run makes one when it is done with
its last market; until then none is made from what it has published so far, and one that runs out
says again what it said. Killed between commit and put: the next one puts the bytes that were
committed. Not here: what a head is (`head`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, LiteralString

import psycopg
from psycopg.rows import class_row, dict_row

from sxe_pipeline import audit
from sxe_pipeline.errors import Tampered
from sxe_pipeline.handoff import record
from sxe_pipeline.handoff.files import head
from sxe_pipeline.ops import work
from sxe_pipeline.sign import Signer
from sxe_pipeline.store import functions
from sxe_pipeline.store.objects import Objects

RENEW = timedelta(hours=12)
"""Left of a head's life when it is renewed: a night may fail, and its reader still finds one."""
MOST_LISTED = 5_000
"""Batches of requests in one head; the next one lists the rest."""


@dataclass(frozen=True, slots=True)
class Head:
    """One row of `handoff.head`; `put_at` is null while it may not be in the store."""

    contract: str
    major: int
    seq: int
    sha256: str
    data: bytes
    last_published_seq: int
    expires_at: datetime
    put_at: datetime | None

    @property
    def fields(self) -> Mapping[str, Any]:
        """What it says."""
        return head.fields_of(self.data)


@dataclass(frozen=True, slots=True)
class Renewed:
    """What became of a contract's head: its number, and whether that is a new one."""

    contract: str
    seq: int
    is_new: bool


def begin(conn: psycopg.Connection, contract: str, run_id: str) -> None:
    """From here to the end of the run's lease no head is made from what it published so far.

    Args:
        conn: The login of the contract's tier, in no transaction.
        contract: The contract's id.
        run_id: The run, which holds its lease.

    Raises:
        Busy: Another run publishes that contract.
    """
    with record.translated_errors(), conn.transaction():
        functions.call_function(conn, "handoff.begin_publishing", contract, run_id)


def make(
    conn: psycopg.Connection,
    objects: Objects,
    *,
    contract: str,
    major: int,
    signer: Signer,
    actor: str,
    now: datetime,
    unchanged: Mapping[str, date] | None = None,
    is_whole: bool = True,
) -> Head | None:
    """Make the head of what is published now, unless the newest one says that already; put it.

    Args:
        conn: The login of the contract's tier, in no transaction.
        objects: The handoff store of that tier.
        contract: The contract's id.
        major: Of its version: each major has heads of its own.
        signer: The key of this deployment.
        actor: Who makes it, for the audit log.
        now: When.
        unchanged: Market -> the day on which its newest batch was found to be right still.
        is_whole: False: a run is in the middle of publishing. Then the list of the newest head
            stays, and that is signed anew where it is about to run out.

    Returns:
        The newest head; None where nothing was published, or not all of it yet.

    Raises:
        Refused: The key signs no head of that contract, or the database may be behind its stores.
        Tampered: The store holds another head of that number.
    """
    with record.translated_errors(), conn.transaction():
        functions.call_function(conn, "handoff.lock_heads", contract)
        last = newest(conn, contract, major)
        listed, last_published_seq = (
            _listed(conn, contract, major, last, unchanged or {}) if is_whole else _said_again(last)
        )
        if _is_due(last, listed, now):
            seq = last.seq + 1 if last else 1
            _refuse_unknown(objects, head.key_of(contract, major, seq))
            fields = head.predicate(
                contract,
                listed,
                seq=seq,
                prev_sha256=last.sha256 if last else None,
                last_published_seq=last_published_seq,
                checkpoint=audit.newest_checkpoint(conn),
                now=now,
            )
            record.refuse_unfit(conn, signer, contract)
            sealed = head.seal(fields, signer)
            functions.call_function(conn, "handoff.make_head", contract, major, sealed, actor)
            last = newest(conn, contract, major)
    put_left(conn, objects, contract, major)
    return last


def _refuse_unknown(objects: Objects, key: str) -> None:
    """Of a restored database the store holds heads that it does not know."""
    if objects.exists(key):
        raise Tampered(
            f"object {key} is a head that this database did not make: it was restored "
            "(sxe recover --dry-run), or somebody else writes there"
        )


def put_left(conn: psycopg.Connection, objects: Objects, contract: str, major: int) -> int:
    """Put the heads that were committed and may not be in the store, in their order; how many.

    Args:
        conn: As of `make`.
        objects: As of `make`.
        contract: As of `make`.
        major: As of `make`.

    Raises:
        Tampered: The store holds another head of that number.
    """
    with conn.transaction():
        left = conn.execute(
            "select seq, bytes from handoff.head "
            "where contract = %s and major = %s and put_at is null order by seq",
            [contract, major],
        ).fetchall()
    for seq, data in left:
        key = head.key_of(contract, major, seq)
        if not objects.put_new(key, bytes(data)) and objects.get(key) != data:
            raise Tampered(
                f"object {key} is another head than was made here; find out who else writes there"
            )
        with conn.transaction():
            functions.call_function(conn, "handoff.note_head_put", contract, major, seq)
    return len(left)


def renew(
    conn: psycopg.Connection,
    objects: Objects,
    *,
    signer: Signer,
    actor: str,
    now: datetime,
) -> Iterator[Renewed]:
    """Look at the head of every contract of a tier: missing, behind, about to run out, not put.

    Args:
        conn: As of `make`.
        objects: As of `make`.
        signer: As of `make`.
        actor: As of `make`.
        now: As of `make`.

    Yields:
        What became of each that has one.
    """
    for contract, major in published(conn):
        with conn.transaction():
            before = newest(conn, contract, major)
            is_whole = not _is_publishing(conn, contract)
        made = make(
            conn,
            objects,
            contract=contract,
            major=major,
            signer=signer,
            actor=actor,
            now=now,
            is_whole=is_whole,
        )
        if made is not None:
            yield Renewed(contract, made.seq, made.seq != (before.seq if before else 0))


def published(conn: psycopg.Connection) -> list[tuple[str, int]]:
    """Each contract of a tier that has batches, with the newest major version of them."""
    with conn.transaction():
        return conn.execute(
            "select contract, max(split_part(contract_version, '.', 1)::int) from handoff.batch "
            "where state = 'published' group by contract order by contract"
        ).fetchall()


def sentence(done: Sequence[Renewed]) -> str:
    """What a look at all heads came to."""
    made = [f"head {each.seq} of {each.contract}" for each in done if each.is_new]
    return f"made {', '.join(made)}" if made else f"{len(done)} heads are true and not run out"


def newest(conn: psycopg.Connection, contract: str, major: int) -> Head | None:
    """The newest head of a contract's major version."""
    query: LiteralString = (
        "select contract, major, seq, sha256, bytes as data, last_published_seq, expires_at, "
        "put_at from handoff.head where contract = %s and major = %s order by seq desc limit 1"
    )
    with conn.cursor(row_factory=class_row(Head)) as cursor:
        return cursor.execute(query, [contract, major]).fetchone()


def unchanged_days(conn: psycopg.Connection, contract: str, major: int) -> dict[str, date]:
    """Market -> the day through which the newest head calls its batch unchanged.

    Such a day counts as published, though it has no batch.
    """
    last = newest(conn, contract, major)
    return {
        batch["market"]: date.fromisoformat(batch["unchanged_through"])
        for batch in (last.fields["batches"] if last else ())
        if "unchanged_through" in batch
    }


def _is_publishing(conn: psycopg.Connection, contract: str) -> bool:
    """Whether a run is on its way from its first market to its head, or will be asked for again."""
    if functions.call_function(conn, "handoff.is_published_now", contract):
        return True
    begun = conn.execute(
        "select from handoff.batch where contract = %s and request_id is null limit 1", [contract]
    ).fetchone()
    return begun is not None and any(
        row.work == work.NIGHT for row in work.rows(conn, ("asked", "waiting"))
    )


def _is_due(last: Head | None, listed: list[dict[str, Any]], now: datetime) -> bool:
    if last is None:
        return bool(listed)
    # A list of requests holds what is new: none is nothing new.
    is_said = not listed or listed == last.fields["batches"]
    return not is_said or last.expires_at - now < RENEW


def _said_again(last: Head | None) -> tuple[list[dict[str, Any]], int]:
    """What the newest head of a contract with markets says."""
    return (list(last.fields["batches"]), last.last_published_seq) if last else ([], 0)


def _listed(
    conn: psycopg.Connection,
    contract: str,
    major: int,
    last: Head | None,
    unchanged: Mapping[str, date],
) -> tuple[list[dict[str, Any]], int]:
    """The batches that count now, and the number of the last one that was looked at."""
    known = {"contract": contract, "major": str(major)}
    before = {batch["market"]: batch for batch in _said_again(last)[0]}
    since = last.last_published_seq if last else 0
    with conn.cursor(row_factory=dict_row) as cursor:
        of_markets = cursor.execute(_OF_MARKETS, known).fetchall()
        of_requests = cursor.execute(
            _OF_REQUESTS, known | {"since": since, "most": MOST_LISTED}
        ).fetchall()
        [newest_seq] = cursor.execute(_NEWEST_SEQ, known).fetchall()
    for batch in of_markets:
        market, days = batch["market"], [batch["day"]]
        said = before.get(market, {})
        if said.get("batch_id") == batch["batch_id"]:
            days.append(said["unchanged_through"])
        if market in unchanged:
            days.append(unchanged[market].isoformat())
        batch["unchanged_through"] = max(days)
    is_cut = len(of_requests) == MOST_LISTED
    last_seq = of_requests[-1]["published_seq"] if is_cut else newest_seq["published_seq"]
    return [*of_markets, *of_requests], last_seq


_OF_MAJOR: LiteralString = (
    "state = 'published' and contract = %(contract)s "
    "and split_part(contract_version, '.', 1) = %(major)s"
)
_OF_MARKETS: LiteralString = (
    "select distinct on (b.market) b.market, b.batch_id, b.contract_version, "
    "b.manifest_sha256::text, b.day::text, b.kind, b.row_count, b.published_seq, "
    "(select f.batch_id from handoff.batch f where f.market = b.market and f.kind = 'full' "
    f"and {_OF_MAJOR} order by f.published_seq desc limit 1) as full_batch_id "
    f"from handoff.batch b where {_OF_MAJOR} and b.request_id is null "
    "order by b.market, b.published_seq desc"
)
_OF_REQUESTS: LiteralString = (
    "select request_id::text, seq, batch_id, contract_version, manifest_sha256::text, market, "
    f"day::text, published_seq from handoff.batch where {_OF_MAJOR} "
    "and request_id is not null and published_seq > %(since)s "
    "order by published_seq limit %(most)s"
)
_NEWEST_SEQ: LiteralString = (
    "select coalesce(max(published_seq), 0) as published_seq from handoff.batch "
    "where state = 'published' and contract = %(contract)s"
)

"""Hold the events against their seals, and the seals against what is kept outside.

Here: leaves, roots, the chain of seals, signatures, checkpoints of a store or of a consumer, and
what is not sealed yet. Nothing of the log is kept in memory but one page of it. Not here: facts,
attestations, and the verdict (`verify`).
"""

import hmac
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sxe_pipeline import sign
from sxe_pipeline.audit import merkle, seal
from sxe_pipeline.audit import payload as form
from sxe_pipeline.audit.checkpoints import Checkpoint, origin_of, read, time_of
from sxe_pipeline.errors import BadInput, Tampered
from sxe_pipeline.store.objects import Objects

PAGE = 10_000
_READERS = 16
_KEY = re.compile(rf"{seal.FOLDER}/(\d{{10}})\.json", re.ASCII)


@dataclass(frozen=True)
class Outside:
    """What a verifier has that does not come from the database.

    `anchors`: seal -> the envelope that the store keeps; None: no store was read.
    `kept`: checkpoints that somebody else kept, signatures checked.
    """

    public_keys: tuple[Ed25519PublicKey, ...] = ()
    anchors: Mapping[int, bytes] | None = None
    kept: tuple[Checkpoint, ...] = ()

    @property
    def is_any(self) -> bool:
        """Whether there is anything to hold the newest seal against."""
        return self.anchors is not None or bool(self.kept)


@dataclass
class Seen:
    """What was read. `findings`: what does not hold, by kind of fault."""

    events: int = 0
    attested: int = 0
    sealed: int = 0
    seals: int = 0
    young: int = 0
    late: int = 0
    unanchored: int = 0
    witnessed: int = 0
    findings: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class _Seal:
    """A row of audit.seal."""

    seal_no: int
    first_leaf: int
    tree_size: int
    root: bytes
    peaks: list[bytes]
    prev_seal_hash: bytes | None
    seal_hash: bytes
    checkpoint: bytes
    key_id: str
    sealed_at: datetime | None

    def stated(self, origin: str) -> Checkpoint | None:
        """What its checkpoint has to say; None where no checkpoint can."""
        if self.sealed_at is None:
            return None
        return Checkpoint(
            origin=origin,
            seal_no=self.seal_no,
            tree_size=self.tree_size,
            root=self.root.hex(),
            prev_seal_hash=self.prev_seal_hash.hex() if self.prev_seal_hash else None,
            sealed_at=time_of(self.sealed_at),
        )


# A time that no date of Python can hold was never the server's; it arrives as null.
_SEAL = (
    "select seal_no, first_leaf, tree_size, root, peaks, prev_seal_hash, seal_hash, checkpoint, "
    "key_id, case when sealed_at between '1970-01-01' and '9999-01-01' then sealed_at end "
    "from audit.seal "
)
_EVENT = (
    "e.event_id, case when e.recorded_at between '1970-01-01' and '9999-01-01' "
    "then e.recorded_at end, e.kind, e.actor, e.subject, e.payload, e.leaf_hash, "
    "t.event_id is not null "
)


def anchors_of(store: Objects, since: int = 0) -> dict[int, bytes]:
    """The checkpoints that a store keeps, from that of seal `since` on.

    To be read before the log is: a seal that is made meanwhile is then no seal that is missing.
    """
    found = (_KEY.fullmatch(entry.key) for entry in store.list(seal.FOLDER))
    numbers = [int(match[1]) for match in found if match and int(match[1]) >= since]
    with ThreadPoolExecutor(_READERS) as pool:
        return dict(zip(numbers, pool.map(store.get, map(seal.key_of, numbers)), strict=True))


def check(conn: psycopg.Connection, outside: Outside, since: int = 0) -> Seen:
    """Check what was sealed after a seal, and what is not sealed yet.

    Args:
        conn: A login that may read the log, in a transaction that sees one state of it.
        outside: Keys, and what was kept.
        since: The seal to rest on; 0 is the whole log.

    Raises:
        BadInput: There is no seal `since`.
    """
    seen = Seen()
    walk = _Walk(conn, outside, since, seen)
    for rows in _pages(conn, "leaves", _LEAVES, [walk.tree.size]):
        for index, leaf, *event in rows:
            walk.leaf(index, leaf, event)
    walk.end()
    _check_unsealed(conn, seen)
    return seen


_LEAVES = (
    f"select l.leaf_index, l.leaf_hash, {_EVENT} from audit.leaf l "
    "left join audit.event e on e.event_id = l.event_id "
    "left join audit.attested_event t on t.event_id = l.event_id "
    "where l.leaf_index >= %s order by l.leaf_index"
)
_UNSEALED = (
    f"select p.leaf_hash, clock_timestamp() - e.recorded_at > %s, {_EVENT} from audit.event e "
    "left join audit.pending p on p.event_id = e.event_id "
    "left join audit.attested_event t on t.event_id = e.event_id "
    "where not exists (select from audit.leaf l where l.event_id = e.event_id)"
)


class _Walk:
    """Along the leaves, with the seals beside them."""

    def __init__(self, conn: psycopg.Connection, outside: Outside, since: int, seen: Seen) -> None:
        self._conn, self._outside, self._seen = conn, outside, seen
        self._kept: dict[int, list[Checkpoint]] = {}
        for one in outside.kept:
            self._kept.setdefault(one.seal_no, []).append(one)
        self._held: set[int] = set()
        self._origin, self._now = self._origin_and_time()
        self.tree = merkle.Frontier()
        self._before: _Seal | None = None
        if since:
            self._rest_on(since)
        self._seals = self._rows(since)
        self._next = next(self._seals, None)

    def leaf(self, index: int, leaf: bytes, event: Sequence[Any]) -> None:
        """The next leaf, with the event that it is of."""
        if index != self.tree.size:
            self._seen.findings["leaves are not numbered without a gap"] += 1
        self._seen.sealed += 1
        if event[0] is None:
            self._seen.findings["a sealed event is gone"] += 1
        elif _check_event(event, self._seen) and not hmac.compare_digest(leaf, event[6]):
            self._seen.findings["an event is not the one that was sealed"] += 1
        self.tree.add(leaf)
        while self._next and self._next.tree_size <= self.tree.size:
            self._seal(self._next)
            self._next = next(self._seals, None)

    def end(self) -> None:
        """After the last leaf: what is left over, on either side."""
        while self._next:
            self._seal(self._next)
            self._next = next(self._seals, None)
        size = self._before.tree_size if self._before else 0
        if extra := self.tree.size - size:
            self._found("leaves without a seal, or a seal without its leaves", abs(extra))
        newest = self._before.seal_no if self._before else 0
        gone = {*(self._outside.anchors or {}), *self._kept}
        if lost := sum(number > newest for number in gone):
            self._found("a seal is gone whose checkpoint was kept outside", lost)
        for number in self._kept:
            if number <= newest and number not in self._held:
                self._hold_older(number)

    def _rest_on(self, since: int) -> None:
        with self._conn.cursor() as cursor:
            row = cursor.execute(_SEAL + "where seal_no = %s", [since]).fetchone()
        if row is None:
            raise BadInput(
                f"there is no seal {since}; `sxe audit verify` without --since says how many"
            )
        found = _Seal(*row)
        self._before = found
        self._hold(found)
        try:
            self.tree = merkle.Frontier(found.tree_size, found.peaks)
            is_same = self.tree.root == found.root
        except (ValueError, TypeError):
            is_same = False
        if not is_same:
            self.tree = merkle.Frontier()  # nothing goes on from what is no tree
            self._found("a seal does not fit its leaves")

    def _seal(self, found: _Seal) -> None:
        self._seen.seals += 1
        before = self._before
        expected = (
            (before.seal_no + 1, before.tree_size, before.seal_hash) if before else (1, 0, None)
        )
        if (found.seal_no, found.first_leaf, found.prev_seal_hash) != expected:
            self._found("a seal does not follow the one before it")
        if (found.tree_size, found.root, found.peaks) != (
            self.tree.size,
            self.tree.root,
            self.tree.peaks,
        ):
            self._found("a seal does not fit its leaves")
        self._hold(found)
        self._before = found

    def _hold(self, found: _Seal) -> None:
        """A seal against its own checkpoint, its key, and whoever kept that checkpoint."""
        stated = found.stated(self._origin)
        try:
            said = read(found.checkpoint, self._outside.public_keys or None)
        except Tampered:
            said = None
        is_named = found.key_id in sign.key_ids(found.checkpoint)
        if (
            said is None
            or said != stated
            or said.seal_hash != found.seal_hash.hex()
            or not is_named
        ):
            self._found("a seal is not what its checkpoint says, or was signed by another key")
        self._held.add(found.seal_no)
        for kept in self._kept.get(found.seal_no, ()):
            self._compare(kept == stated, found.seal_no)
        if self._outside.anchors is None:
            return
        if (anchor := self._outside.anchors.get(found.seal_no)) is not None:
            self._compare(anchor == found.checkpoint, found.seal_no)
        elif found.sealed_at is None or self._now - found.sealed_at > seal.LATE:
            self._seen.unanchored += 1

    def _hold_older(self, seal_no: int) -> None:
        """Checkpoints of before the seal that is rested on: against its row alone."""
        with self._conn.cursor() as cursor:
            row = cursor.execute(_SEAL + "where seal_no = %s", [seal_no]).fetchone()
        for kept in self._kept[seal_no]:
            is_same = row is not None and _Seal(*row).seal_hash.hex() == kept.seal_hash
            self._compare(is_same, seal_no)

    def _compare(self, is_same: bool, seal_no: int) -> None:
        if is_same:
            self._seen.witnessed = max(self._seen.witnessed, seal_no)
        else:
            self._found("a seal is not the one whose checkpoint was kept outside")

    def _found(self, fault: str, count: int = 1) -> None:
        self._seen.findings[fault] += count

    def _origin_and_time(self) -> tuple[str, datetime]:
        with self._conn.cursor() as cursor:
            [(first, now)] = cursor.execute(
                "select (select leaf_hash from audit.leaf where leaf_index = 0), clock_timestamp()"
            ).fetchall()
        return origin_of(first) if first else "", now

    def _rows(self, since: int) -> Iterator[_Seal]:
        statement = _SEAL + "where seal_no > %s order by seal_no"
        for rows in _pages(self._conn, "seals", statement, [since], page=100):
            yield from (_Seal(*row) for row in rows)


def _check_unsealed(conn: psycopg.Connection, seen: Seen) -> None:
    """Each waits for its seal as what it is, and not for long."""
    for rows in _pages(conn, "unsealed", _UNSEALED, [seal.LATE]):
        for leaf, is_late, *event in rows:
            is_whole = _check_event(event, seen)
            if leaf is None:
                seen.findings["an event neither is sealed nor waits for its seal"] += 1
                continue
            if is_whole and not hmac.compare_digest(leaf, event[6]):
                seen.findings["an event is not the one that waits for its seal"] += 1
            seen.late += is_late
            seen.young += not is_late
    with conn.cursor() as cursor:
        [(gone, twice)] = cursor.execute(
            "select count(*) filter (where e.event_id is null), "
            "count(*) filter (where l.event_id is not null) from audit.pending p "
            "left join audit.event e on e.event_id = p.event_id "
            "left join audit.leaf l on l.event_id = p.event_id"
        ).fetchall()
    if gone:
        seen.findings["an event that waits for its seal is gone"] += gone
    if twice:
        seen.findings["a sealed event waits for its seal again"] += twice


def _check_event(event: Sequence[Any], seen: Seen) -> bool:
    """Whether the payload, the time and the columns of an event are what was hashed."""
    event_id, recorded_at, kind, actor, subject, payload, leaf, is_attested = event
    seen.events += 1
    seen.attested += is_attested
    if recorded_at is None or not hmac.compare_digest(form.leaf_hash(payload, recorded_at), leaf):
        seen.findings["payload or time does not match its hash"] += 1
        return False
    if not _matches(payload, event_id, kind, actor, subject):
        seen.findings["columns do not match the payload"] += 1
    return True


def _matches(payload: bytes, event_id: UUID, kind: str, actor: str, subject: str) -> bool:
    """Whether the payload states the same as the columns beside it."""
    try:
        record = json.loads(payload)
        columns = {"kind": kind, "actor": actor, "subject": subject}
        is_same = all(record[name] == value for name, value in columns.items())
        return is_same and form.event_id(kind, subject, record["key"]) == event_id
    except (ValueError, KeyError, TypeError):
        return False


def _pages(
    conn: psycopg.Connection, name: str, statement: str, values: list[Any], page: int | None = None
) -> Iterator[list[Any]]:
    with conn.cursor(name=name, binary=True) as cursor:
        cursor.execute(statement.encode(), values)
        while rows := cursor.fetchmany(page or PAGE):
            yield rows

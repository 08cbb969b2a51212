"""Which materialization answers for which events.

An asset attests its open events after its work is committed and puts the count and the digest into
its materialization; a daily asset does so for each of its days, and one that makes several things
in a run for each of these. `mirror` repairs what a crash in between leaves.
"""

import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, LiteralString
from uuid import UUID

import psycopg

from sxe_pipeline.audit.append import BY_SUBJECT, DAILY, KINDS
from sxe_pipeline.audit.payload import digest
from sxe_pipeline.errors import BadInput

_SHOWN = 25
"""Subjects in one materialization."""


@dataclass(frozen=True)
class Attestation:
    """How many events a materialization answers for, and the digest of their ids.

    `kinds`, `subjects`: how many events of each. `each`: of a day whose asset is attested subject
    by subject, one for each; the day's own answers for nothing then.
    """

    event_count: int
    digest: str
    kinds: Mapping[str, int] = field(default_factory=dict)
    subjects: Mapping[str, int] = field(default_factory=dict)
    each: tuple["Attestation", ...] = ()

    @property
    def metadata(self) -> dict[str, Any]:
        """What the asset adds to its materialization."""
        return {
            "sxe/audit_events": self.event_count,
            "sxe/audit_digest": self.digest,
            **shown(self.kinds, self.subjects),
        }


def shown(kinds: Mapping[str, int], subjects: Mapping[str, int]) -> dict[str, Any]:
    """What people see of attested events: which kinds, of what, and the verb that says more.

    Args:
        kinds: Kind -> how many events.
        subjects: Subject -> how many events; those with most are shown.
    """
    if not subjects:
        return {}
    first = sorted(subjects, key=lambda subject: (-subjects[subject], subject))[:_SHOWN]
    return {
        "sxe/audit_kinds": dict(sorted(kinds.items())),
        "sxe/audit_subjects": first,
        "sxe/audit_more": f"sxe audit search --subject {shlex.quote(first[0])}",
    }


def attest(
    conn: psycopg.Connection,
    asset_key: str,
    run_id: str | None,
    *,
    older_than: timedelta = timedelta(0),
    subject: str | None = None,
) -> Attestation:
    """Attest every open event of an asset, or of one subject of it, in the caller's transaction.

    Args:
        conn: A transaction of its own, after the work was committed.
        asset_key: Such as 'social/observations'.
        run_id: The Dagster run; None for a materialization outside any run.
        older_than: Leave younger events to the run that is about to attest them.
        subject: Such as a request id; None is every subject.

    Returns:
        What to put into the materialization. Without an open event the count is 0 and nothing is
        stored.
    """
    found = _open(conn, asset_key, older_than, subject)
    return _store(conn, asset_key, run_id, None, [event for event, _ in found])


def attest_days(
    conn: psycopg.Connection, asset_key: str, run_id: str | None, days: Sequence[date]
) -> dict[date, Attestation]:
    """Attest the open events of a daily asset, each by the materialization of its own day.

    An event that names no day (of a collection, say) goes to the newest day of the run. One of a
    day that is not of this run stays open, for that day's own run or for `mirror`.

    Args:
        conn: A transaction of its own, after the work was committed.
        asset_key: One of `DAILY`.
        run_id: The Dagster run.
        days: Its days.

    Returns:
        For each day what to put into its materialization, and into one more for each subject
        where the asset is of `BY_SUBJECT`.
    """
    by_day: dict[date | None, list[_Open]] = {}
    for event, day in _open(conn, asset_key, timedelta(0), None):
        by_day.setdefault(day, []).append(event)
    newest = max(days)
    by_day.setdefault(newest, []).extend(by_day.pop(None, []))
    found = {}
    for day in days:
        parts = _parts(asset_key, by_day.get(day, []))
        stored = [_store(conn, asset_key, run_id, day, part) for part in parts]
        if asset_key in BY_SUBJECT:
            found[day] = Attestation(0, digest([]), each=tuple(stored))
        else:
            [found[day]] = stored
    return found


def attest_left(conn: psycopg.Connection, asset_key: str, *, older_than: timedelta) -> int:
    """Attest what no run did, by materializations outside any run: one a day, or a subject.

    Args:
        conn: A transaction of its own.
        asset_key: Such as 'social/observations'.
        older_than: Leave younger events to the run that is about to attest them.

    Returns:
        How many events.
    """
    by_day: dict[date | None, list[_Open]] = {}
    for event, day in _open(conn, asset_key, older_than, None):
        by_day.setdefault(day, []).append(event)
    for day, events in by_day.items():
        for part in _parts(asset_key, events):
            _store(conn, asset_key, None, day, part)
    return sum(map(len, by_day.values()))


_Open = tuple[UUID, str, str]
"""Id, kind and subject of an event that no materialization answers for yet."""


def _parts(asset_key: str, events: Sequence[_Open]) -> list[list[_Open]]:
    """What one materialization answers for, each."""
    if asset_key not in BY_SUBJECT:
        return [list(events)]
    parts: dict[str, list[_Open]] = {}
    for event in events:
        parts.setdefault(event[2], []).append(event)
    return list(parts.values())


def _open(
    conn: psycopg.Connection, asset_key: str, older_than: timedelta, subject: str | None
) -> list[tuple[_Open, date | None]]:
    """The events that no materialization answers for yet, each with the landing day it names."""
    kinds = [kind for kind, answering in KINDS.items() if answering == asset_key]
    if not kinds:
        raise BadInput(f"no audit kind is attested by {asset_key}; see audit.KINDS")
    conn.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"attest {asset_key}"])
    day: LiteralString = "audit.day_of(e.event_id)" if asset_key in DAILY else "null"
    rows = conn.execute(
        f"select e.event_id, e.kind, e.subject, {day} "
        "from audit.event e left join audit.attested_event c using (event_id) "
        "where c.event_id is null and e.kind = any(%s) "
        "and e.recorded_at <= clock_timestamp() - %s "
        "and (%s::text is null or e.subject = %s)",
        [kinds, older_than, subject, subject],
    )
    return [(tuple(event), date.fromisoformat(named) if named else None) for *event, named in rows]


def _store(
    conn: psycopg.Connection,
    asset_key: str,
    run_id: str | None,
    day: date | None,
    events: Iterable[_Open],
) -> Attestation:
    found = list(events)
    ids = [event_id for event_id, _, _ in found]
    attested = Attestation(
        len(ids),
        digest(ids),
        Counter(kind for _, kind, _ in found),
        Counter(subject for *_, subject in found),
    )
    if ids:
        conn.execute(
            "insert into audit.attestation (digest, asset_key, run_id, event_count, partition_key) "
            "values (%s, %s, %s, %s, %s)",
            [
                attested.digest,
                asset_key,
                run_id,
                attested.event_count,
                day.isoformat() if day else None,
            ],
        )
        conn.execute(
            "insert into audit.attested_event (event_id, digest) select unnest(%s::uuid[]), %s",
            [ids, attested.digest],
        )
    return attested

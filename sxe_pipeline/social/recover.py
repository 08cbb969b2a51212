"""A Tier 1 store that was lost is built anew from landing, under the card ids that it had.

Here: what is lost, and forgetting it, with its event. Not here: the build, which is the ordinary
one: what was forgotten is pending. Its order is kept by `LOST`: no profile is made before every
day that can be built again was, or half of the links would join and part other accounts, and an
alias is for ever. Ids come back by the anchors in `social.card` (`mint`).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import psycopg
from psycopg.types.json import Jsonb

from sxe_pipeline import audit
from sxe_pipeline.errors import Refused
from sxe_pipeline.schema.lead_card import LEAD_CARD
from sxe_pipeline.schema.tables import (
    IDENTITY,
    OBSERVATION,
    OTHERS,
    POOL,
    POST_SIGHTING,
    POST_TERMS,
    PROFILE,
    QUARANTINE,
    SIGHTING,
    TARGET,
)
from sxe_pipeline.store import functions, sql, tables, upkeep
from sxe_pipeline.store.objects import Objects

LOST = "lost"
"""What a day was made from that must be built again."""

_FLOW = (
    *(OBSERVATION.name, QUARANTINE.name, SIGHTING.name, POST_SIGHTING.name),
    *(PROFILE.name, POST_TERMS.name, IDENTITY.name, TARGET.name),
    *(LEAD_CARD.name, OTHERS.name, POOL.name),
)
_BY_DAY = {OBSERVATION.name: "observations_expired_at", QUARANTINE.name: "quarantine_expired_at"}


@dataclass(frozen=True)
class Loss:
    """What the store lacks.

    Attributes:
        tables: Names of the tables whose named version is not there as it was written, in the
            order of the flow.
        days: Landed days that are built again from landing, oldest first.
        lost_days: Those that cannot be: a landing file of theirs expired or is gone.
        missing_files: How many landing files are gone that did not expire.
    """

    tables: Sequence[str]
    days: Sequence[date]
    lost_days: Sequence[date]
    missing_files: int

    @property
    def is_any(self) -> bool:
        """Whether there is anything to build again."""
        return bool(self.tables or self.days or self.lost_days)


def examine(conn: psycopg.Connection, root: str, landing: Objects) -> Loss:
    """Look what the store lacks, and what of it landing still has.

    Args:
        conn: The social tier's login.
        root: URL of the Tier 1 store.
        landing: The landing store.

    Raises:
        StoreUnavailable: A store does not answer, so nobody can tell.
    """
    with conn.transaction():
        return _examine(conn, root, landing)[0]


def forget(
    conn: psycopg.Connection,
    root: str,
    landing: Objects,
    *,
    actor: str,
    accept_loss: bool = False,
) -> Loss:
    """Forget the versions that the store has lost, so that an ordinary build makes them anew.

    Args:
        conn: The social tier's login, outside of a transaction.
        root: URL of the Tier 1 store.
        landing: The landing store.
        actor: Who started it.
        accept_loss: Go on although some days cannot be built again.

    Returns:
        What was forgotten. Days that an earlier call forgot and that are not built yet are in it.

    Raises:
        Refused: The store holds everything that Postgres names; or days would be lost.
        StoreUnavailable: A store does not answer.
    """
    with conn.transaction():
        for name in _FLOW:
            tables.lock(conn, name)
        loss, missing = _examine(conn, root, landing)
        if not loss.is_any:
            raise Refused(
                "the Tier 1 store holds every version that Postgres names; nothing was forgotten"
            )
        if loss.lost_days and not accept_loss:
            raise Refused(
                f"{len(loss.lost_days)} landed days from {loss.lost_days[0]} to "
                f"{loss.lost_days[-1]} cannot be built again, as landing files of theirs are gone; "
                "restore the store or these files, or go on without them by --accept-loss"
            )
        moment = sql.now(conn)
        if loss.tables or loss.lost_days:
            _forget_versions(conn, loss, missing, moment, actor)
        _mark_days(conn, loss, moment)
        for name in loss.tables:
            upkeep.forget_log(root, name)
    return loss


def unbuilt(conn: psycopg.Connection) -> int:
    """How many days that were lost are not built again yet."""
    row = conn.execute("select count(*) from social.day_count where inputs = %s", [LOST]).fetchone()
    return int(row[0]) if row else 0


def _examine(
    conn: psycopg.Connection, root: str, landing: Objects
) -> tuple[Loss, list[tuple[str, str]]]:
    named: dict[str, int] = dict(
        conn.execute(
            "select table_name, version from ops.version where superseded_at is null"
        ).fetchall()
    )
    lost = [n for n in _FLOW if n in named and upkeep.damaged(root, n, named[n])]
    days, lost_days, missing = _days(conn, landing, lost)
    return Loss(lost, days, lost_days, len(missing)), missing


def _days(
    conn: psycopg.Connection, landing: Objects, lost: Sequence[str]
) -> tuple[list[date], list[date], list[tuple[str, str]]]:
    """Days to build, days that are lost, and the files (collection, hash) that are gone."""
    gone = [column for name, column in _BY_DAY.items() if name in lost]
    held = " or ".join([*(f"c.{column} is null" for column in gone), "c.inputs = 'lost'"])
    rows = conn.execute(
        "select c.landed_day, f.collection, f.file_sha256, f.path, f.byte_count, "
        "f.expired_at is not null from social.day_count c left join ingest.landing_file f "
        "on f.landed_day = c.landed_day and f.withdrawn_at is null "
        f"where {held} order by c.landed_day"
    ).fetchall()
    stored = {entry.key: entry.size for entry in landing.list()} if rows else {}
    days, lost_days, missing = set(), set(), []
    for day, collection, digest, path, size, is_expired in rows:
        days.add(day)
        if path is None:
            continue
        if not is_expired and stored.get(path) != size:
            missing.append((collection, digest))
            lost_days.add(day)
        if is_expired:
            lost_days.add(day)
    return sorted(days - lost_days), sorted(lost_days), missing


def _forget_versions(
    conn: psycopg.Connection,
    loss: Loss,
    missing: Sequence[tuple[str, str]],
    now: datetime,
    actor: str,
) -> None:
    """What is gone, and what later tables were made from: numbers of versions begin anew."""
    lost = "\n".join([*loss.tables, *map(str, loss.lost_days)])
    event = audit.record(
        "tier1.recovered",
        actor=actor,
        subject="tier1",
        key=f"{hashlib.sha256(lost.encode()).hexdigest()[:16]}@{now.isoformat()}",
        tables=list(loss.tables),
        day_count=len(loss.days),
        lost_day_count=len(loss.lost_days),
        missing_file_count=loss.missing_files,
    )
    files = [{"collection": collection, "file_sha256": digest} for collection, digest in missing]
    functions.call_function(
        conn, "social.forget_versions", list(loss.tables), Jsonb(files), now, event
    )


def _mark_days(conn: psycopg.Connection, loss: Loss, now: datetime) -> None:
    # The rows of a day are gone, until it is built again; its counts stay.
    # A call that goes on finds its days marked.
    gone = [column for name, column in _BY_DAY.items() if name in loss.tables]
    columns = "".join(f", {column} = coalesce({column}, %s)" for column in gone)
    for inputs, days in ((LOST, loss.days), ("", loss.lost_days)):
        conn.execute(
            f"update social.day_count set inputs = %s{columns} where landed_day = any(%s)",
            [inputs, *(now for _ in gone), list(days)],
        )

"""The card tables: read what the social tier left, build, write, name.

Here: which tables are read and written, in which transaction. Not here: how a card comes about
(`build`), how a pool is counted (`pools`), what may leave (`release`).
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from sxe_pipeline import audit, contracts_root
from sxe_pipeline.cards import build, candidates, pools, release, taxonomy
from sxe_pipeline.errors import NotFound
from sxe_pipeline.gate import candidates as gate
from sxe_pipeline.privacy import policy, suppression
from sxe_pipeline.schema.lead_card import LEAD_CARD
from sxe_pipeline.schema.tables import IDENTITY, POOL, PROFILE
from sxe_pipeline.settings import Settings
from sxe_pipeline.store import tables

CARDS = LEAD_CARD.name
POOLS = POOL.name
CANDIDATES = "cards/enrichment_candidates"

Count = Mapping[str, int | str]


@dataclass(frozen=True)
class CardsWritten:
    """What one rebuild of the cards left: the funnel per platform, and the largest labels."""

    version: int
    card_count: int
    funnel: Mapping[tuple[str, str], int]
    personas: list[Count]
    tribes: list[Count]
    readiness: list[Count]

    def numbers(self) -> dict[str, int]:
        """Stage -> count over all platforms."""
        totals: Counter[str] = Counter()
        for (stage, _), value in self.funnel.items():
            totals[stage] += value
        return dict(totals)


@dataclass(frozen=True)
class PoolsWritten:
    """What one rebuild of the pools left."""

    version: int
    pool_count: int
    card_count: int
    largest: list[Count]

    def numbers(self) -> dict[str, int]:
        """Counts for metadata."""
        return {"pools": self.pool_count, "cards": self.card_count}


def rebuild_cards(
    conn: psycopg.Connection, settings: Settings, *, actor: str, now: datetime
) -> CardsWritten:
    """Rebuild `cards/lead_cards` from the named profiles and identities.

    Args:
        conn: The social tier's login.
        settings: Where the tables are, and the platform policy.
        actor: Who started it.
        now: When this is happening.

    Raises:
        NotFound: The social tier was never built.
    """
    labels = taxonomy.load(contracts_root() / "taxonomy")
    with conn.transaction():
        tables.lock(conn, CARDS)
        profiles = _read(conn, settings, PROFILE.name)
        built = build.build(
            profiles,
            _read(conn, settings, IDENTITY.name),
            taxonomy=labels,
            collections=_declared(conn),
            newest_day=_newest_day(conn),
            policy=active_policy(settings),
            suppressed=suppression.suppressed(conn),
        )
        version = tables.write(conn, settings.tier1_url, CARDS, built.cards.to_reader(), days=None)
        written = CardsWritten(
            version,
            built.cards.num_rows,
            built.funnel,
            _largest(built.cards, "persona"),
            _largest(built.cards, "tribe"),
            _largest(built.cards, "readiness_state"),
        )
        conn.execute("delete from cards.funnel")
        with conn.cursor() as cursor:
            cursor.executemany(
                "insert into cards.funnel (stage, platform, value) values (%s, %s, %s)",
                [(stage, platform, value) for (stage, platform), value in built.funnel.items()],
            )
        audit.append(
            conn,
            "lead_cards.written",
            actor=actor,
            subject=CARDS,
            key=f"v{version}@{now.isoformat()}",
            cards=built.cards.num_rows,
            version=version,
            taxonomy_version=labels.version,
        )
        tables.name_version(conn, CARDS, version)
    return written


def rebuild_pools(
    conn: psycopg.Connection, settings: Settings, *, actor: str, now: datetime
) -> PoolsWritten:
    """Rebuild `cards/audience_pools`, in Delta and as the read model that screens use.

    Args:
        conn: The social tier's login.
        settings: Where the tables are, and the platform policy.
        actor: Who started it.
        now: When this is happening.

    Raises:
        NotFound: The cards were never built.
    """
    with conn.transaction():
        tables.lock(conn, POOLS)
        counted = pools.pools(_read(conn, settings, CARDS))
        version = tables.write(conn, settings.tier1_url, POOLS, counted.to_reader(), days=None)
        conn.execute("delete from cards.audience_pool")
        names = counted.column_names
        columns = ", ".join(names)
        with conn.cursor().copy(f"copy cards.audience_pool ({columns}) from stdin") as copy:
            for row in counted.to_pylist():
                copy.write_row([row[name] for name in names])
        audit.append(
            conn,
            "audience_pools.written",
            actor=actor,
            subject=POOLS,
            key=f"v{version}@{now.isoformat()}",
            pools=counted.num_rows,
            version=version,
        )
        tables.name_version(conn, POOLS, version)
    largest = sorted(counted.to_pylist(), key=lambda r: -r["card_count"])[:10]
    shown = ("market", "audience_pool", "persona", "tribe", "card_count", "ready_count")
    return PoolsWritten(
        version,
        counted.num_rows,
        sum(counted["card_count"].to_pylist()),
        [{name: row[name] or "-" for name in shown} for row in largest],
    )


@dataclass(frozen=True)
class CandidatesWritten:
    """What one run put before the gate. `with_inputs`: candidate counts by input name."""

    candidate_count: int
    withdrawn_count: int
    with_inputs: Mapping[str, int]

    def numbers(self) -> dict[str, int]:
        """Counts for metadata."""
        return {"candidates": self.candidate_count, "withdrawn": self.withdrawn_count}


def rebuild_candidates(
    conn: psycopg.Connection, settings: Settings, *, actor: str, now: datetime
) -> CandidatesWritten:
    """Put the ready cards before the gate; cards that are no longer ready are withdrawn.

    Args:
        conn: The social tier's login.
        settings: Where the tables are, and the platform policy.
        actor: Who started it.
        now: When this is happening.

    Raises:
        NotFound: The cards were never built.
    """
    labels = taxonomy.load(contracts_root() / "taxonomy")
    with conn.transaction():
        tables.lock(conn, CANDIDATES)
        found = list(
            candidates.candidates(
                _allowed(conn, _read(conn, settings, CARDS)),
                _read(conn, settings, IDENTITY.name),
                _read(conn, settings, PROFILE.name),
                labels.gazetteer,
            )
        )
        put, withdrawn = gate.replace(conn, found)
        audit.append(
            conn,
            "candidates.written",
            actor=actor,
            subject=CANDIDATES,
            key=now.isoformat(),
            candidates=put,
            withdrawn=withdrawn,
        )
    known = Counter(name for candidate in found for name in candidate.inputs)
    return CandidatesWritten(put, withdrawn, dict(sorted(known.items())))


def ready_cards(conn: psycopg.Connection, settings: Settings) -> pa.Table:
    """The cards that may leave, in the columns of the `lead_card` contract."""
    cards = _allowed(conn, _read(conn, settings, CARDS))
    return release.release(cards, active_policy(settings))


def _allowed(conn: psycopg.Connection, cards: pa.Table) -> pa.Table:
    """Without those that were suppressed since they were built."""
    gone = pa.array(sorted(suppression.suppressed(conn)), pa.string())
    return cards.filter(pc.invert(pc.is_in(cards["card_id"], gone)))


def active_policy(settings: Settings) -> policy.Policy:
    """The platform policy in force: the deployment's own file, else the shipped, closed one."""
    shipped: Path = contracts_root() / "policy" / "platforms.yaml"
    return policy.load(settings.policy_file or shipped)


def _read(conn: psycopg.Connection, settings: Settings, name: str) -> pa.Table:
    snapshot = tables.snapshot(conn, settings.tier1_url, name)
    if snapshot is None:
        raise NotFound(f"{name} was never built; materialize it first (sxe build)")
    return snapshot.to_table()


def _declared(conn: psycopg.Connection) -> dict[str, build.DeclaredAudience]:
    rows = conn.execute("select collection, tribes, market from ingest.collection").fetchall()
    return {
        name: build.DeclaredAudience(tuple(tribes or ()), market) for name, tribes, market in rows
    }


def _newest_day(conn: psycopg.Connection) -> date:
    row = conn.execute("select max(landed_day) from social.day_count").fetchone()
    if row is None or row[0] is None:
        raise NotFound("no landing day was observed yet; land files and run tier1_intake first")
    day: date = row[0]
    return day


def _largest(cards: pa.Table, column: str) -> list[Count]:
    counted = Counter(v for v in cards[column].to_pylist() if v is not None)
    return [{column: name, "cards": n} for name, n in counted.most_common(10)]

"""The card tables: read what the social tier left, build, write, name.

Here: which tables are read and written, in which transaction. Not here: how a card comes about
(`build`), how a pool is counted (`pools`), what may leave (`release`).
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from sxe_pipeline import audit, contracts_root
from sxe_pipeline.cards import build, candidates, checks, pools, release, taxonomy
from sxe_pipeline.cards.card import STALE_AFTER
from sxe_pipeline.cards.reading import DeclaredAudience
from sxe_pipeline.cards.weights import shipped as shipped_weights
from sxe_pipeline.errors import NotFound
from sxe_pipeline.gate import candidates as gate
from sxe_pipeline.ops import versions
from sxe_pipeline.privacy import leaks, policy, suppression
from sxe_pipeline.schema.lead_card import LEAD_CARD
from sxe_pipeline.schema.tables import IDENTITY, POOL, PROFILE
from sxe_pipeline.settings import Settings
from sxe_pipeline.store import tables

CARDS = LEAD_CARD.name
POOLS = POOL.name
CANDIDATES = "cards/enrichment_candidates"
_SOURCES = ("cards", "schema", "privacy", "redact")

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
    is_new: bool = True

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
    is_new: bool = True

    def numbers(self) -> dict[str, int]:
        """Counts for metadata."""
        return {"pools": self.pool_count, "cards": self.card_count}


def rebuild_cards(
    conn: psycopg.Connection,
    settings: Settings,
    *,
    actor: str,
    now: datetime,
    recheck: versions.Recheck = versions.unleased,
) -> CardsWritten:
    """Rebuild `cards/lead_cards` from the named profiles and identities, unless all is the same.

    Args:
        conn: The social tier's login.
        settings: Where the tables are, and the platform policy.
        actor: Who started it.
        now: When this is happening.
        recheck: Refuses where another run took over.

    Raises:
        NotFound: The social tier was never built.
    """
    labels = taxonomy.load(contracts_root() / "taxonomy")
    with conn.transaction():
        tables.lock(conn, CARDS)
        day = newest_day(conn)
        inputs = inputs_of(conn, settings)[CARDS]
        found = versions.named(conn, CARDS)
        if found and versions.is_current(found, inputs, day):
            return CardsWritten(
                found.version,
                found.numbers["rows"],
                _funnel(conn),
                personas=[],
                tribes=[],
                readiness=[],
                is_new=False,
            )
        built = built_with(conn, settings, labels)
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
        event = audit.record(
            "lead_cards.written",
            actor=actor,
            subject=CARDS,
            key=f"v{version}@{now.isoformat()}",
            cards=built.cards.num_rows,
            version=version,
            taxonomy_version=labels.version,
        )
        versions.name(
            conn,
            CARDS,
            version,
            inputs=inputs,
            event=event,
            recheck=recheck,
            numbers={"rows": written.card_count},
            due_on=_next_stale_day(built.cards, day),
        )
    return written


def built_with(
    conn: psycopg.Connection, settings: Settings, labels: taxonomy.Taxonomy
) -> build.Built:
    """The cards that these labels make of the named profiles and identities; nothing is written.

    Raises:
        NotFound: The social tier was never built.
    """
    return build.build(
        _read(conn, settings, PROFILE.name),
        _read(conn, settings, IDENTITY.name),
        taxonomy=labels,
        weights=shipped_weights(labels),
        collections=_declared(conn),
        newest_day=newest_day(conn),
        policy=active_policy(settings),
        suppressed=suppression.suppressed(conn),
    )


def rebuild_pools(
    conn: psycopg.Connection,
    settings: Settings,
    *,
    actor: str,
    now: datetime,
    recheck: versions.Recheck = versions.unleased,
) -> PoolsWritten:
    """Rebuild `cards/audience_pools`, table and read model, unless the cards are the same.

    Args:
        conn: The social tier's login.
        settings: Where the tables are, and the platform policy.
        actor: Who started it.
        now: When this is happening.
        recheck: Refuses where another run took over.

    Raises:
        NotFound: The cards were never built.
    """
    with conn.transaction():
        tables.lock(conn, POOLS)
        inputs = inputs_of(conn, settings)[POOLS]
        found = versions.named(conn, POOLS)
        if found and versions.is_current(found, inputs):
            numbers = found.numbers
            return PoolsWritten(found.version, numbers["pools"], numbers["cards"], [], is_new=False)
        counted = pools.pools(_read(conn, settings, CARDS))
        version = tables.write(conn, settings.tier1_url, POOLS, counted.to_reader(), days=None)
        conn.execute("delete from cards.audience_pool")
        names = counted.column_names
        columns = ", ".join(names)
        with conn.cursor().copy(f"copy cards.audience_pool ({columns}) from stdin") as copy:
            for row in counted.to_pylist():
                copy.write_row([row[name] for name in names])
        event = audit.record(
            "audience_pools.written",
            actor=actor,
            subject=POOLS,
            key=f"v{version}@{now.isoformat()}",
            pools=counted.num_rows,
            version=version,
        )
        largest = sorted(counted.to_pylist(), key=lambda r: -r["card_count"])[:10]
        shown = ("market", "audience_pool", "persona", "tribe", "card_count", "ready_count")
        written = PoolsWritten(
            version,
            counted.num_rows,
            sum(counted["card_count"].to_pylist()),
            [{name: row[name] or "-" for name in shown} for row in largest],
        )
        versions.name(
            conn,
            POOLS,
            version,
            inputs=inputs,
            event=event,
            recheck=recheck,
            numbers=written.numbers(),
        )
    return written


@dataclass(frozen=True)
class CandidatesWritten:
    """What one run put before the gate. `with_inputs`: candidate counts by input name."""

    candidate_count: int
    withdrawn_count: int
    with_inputs: Mapping[str, int]
    is_new: bool = True

    def numbers(self) -> dict[str, int]:
        """Counts for metadata."""
        return {"candidates": self.candidate_count, "withdrawn": self.withdrawn_count}


def rebuild_candidates(
    conn: psycopg.Connection,
    settings: Settings,
    *,
    actor: str,
    now: datetime,
    recheck: versions.Recheck = versions.unleased,
) -> CandidatesWritten:
    """Put the ready cards before the gate and withdraw the others, unless all is the same.

    Args:
        conn: The social tier's login.
        settings: Where the tables are, and the platform policy.
        actor: Who started it.
        now: When this is happening.
        recheck: Refuses where another run took over.

    Raises:
        NotFound: The cards were never built.
    """
    labels = taxonomy.load(contracts_root() / "taxonomy")
    with conn.transaction():
        tables.lock(conn, CANDIDATES)
        inputs = inputs_of(conn, settings)[CANDIDATES]
        last = versions.named(conn, CANDIDATES)
        if last and versions.is_current(last, inputs):
            with_inputs = {k: v for k, v in last.numbers.items() if k != "candidates"}
            return CandidatesWritten(last.numbers["candidates"], 0, with_inputs, is_new=False)
        found = list(
            candidates.candidates(
                _allowed(conn, _read(conn, settings, CARDS)),
                _read(conn, settings, IDENTITY.name),
                _read(conn, settings, PROFILE.name),
                labels.gazetteer,
            )
        )
        put, withdrawn = gate.replace(conn, found)
        event = audit.record(
            "candidates.written",
            actor=actor,
            subject=CANDIDATES,
            key=now.isoformat(),
            candidates=put,
            withdrawn=withdrawn,
        )
        known = dict(sorted(Counter(name for each in found for name in each.inputs).items()))
        # Rows of the gate, no table of the store: its versions only count what was put there.
        version = last.version + 1 if last else 0
        versions.name(
            conn,
            CANDIDATES,
            version,
            inputs=inputs,
            event=event,
            recheck=recheck,
            numbers={**known, "candidates": put},
        )
    return CandidatesWritten(put, withdrawn, known)


def inputs_of(conn: psycopg.Connection, settings: Settings) -> dict[str, str]:
    """Table -> a digest of what it is made from now.

    Versions of other tables, what decides a label, a market or a route, the platform policy, who is
    suppressed, and code.
    """
    labels = taxonomy.load(contracts_root() / "taxonomy").sha256
    people = _named(conn, PROFILE.name, IDENTITY.name)
    suppressed = sorted(suppression.suppressed(conn))
    return {
        CARDS: versions.digest(
            **people,
            taxonomy=labels,
            collections=sorted(_declared(conn).items()),
            policy=active_policy(settings).version,
            suppressed=suppressed,
            code=versions.code(*_SOURCES),
        ),
        POOLS: versions.digest(**_named(conn, CARDS), code=versions.code(*_SOURCES)),
        CANDIDATES: versions.digest(
            **people,
            **_named(conn, CARDS),
            taxonomy=labels,
            suppressed=suppressed,
            code=versions.code(*_SOURCES, "gate"),
        ),
    }


def ready_cards(conn: psycopg.Connection, settings: Settings) -> pa.Table:
    """The cards that may leave, in the columns of the `lead_card` contract.

    Args:
        conn: The social tier's login, outside of a transaction: a red verdict stays, too.
        settings: Where the tables are, and the platform policy.

    Raises:
        NotFound: The cards were never built.
        Refused: This version of them holds contact data; judged here where nobody did.
    """
    with conn.transaction():
        stored = _snapshot(conn, settings, CARDS)
        clean = checks.no_contact_data(conn, stored)
    versions.require(clean, CARDS, leaks.GUARD)
    return release.release(_allowed(conn, stored.to_table()), active_policy(settings))


def _allowed(conn: psycopg.Connection, cards: pa.Table) -> pa.Table:
    """Without those that were suppressed since they were built."""
    gone = pa.array(sorted(suppression.suppressed(conn)), pa.string())
    return cards.filter(pc.invert(pc.is_in(cards["card_id"], gone)))


def active_policy(settings: Settings) -> policy.Policy:
    """The platform policy in force: the deployment's own file, else the shipped, closed one."""
    shipped: Path = contracts_root() / "policy" / "platforms.yaml"
    return policy.load(settings.policy_file or shipped)


def _read(conn: psycopg.Connection, settings: Settings, name: str) -> pa.Table:
    return _snapshot(conn, settings, name).to_table()


def _snapshot(conn: psycopg.Connection, settings: Settings, name: str) -> tables.Snapshot:
    found = tables.snapshot(conn, settings.tier1_url, name)
    if found is None:
        raise NotFound(f"{name} was never built; materialize it first (sxe build)")
    return found


def _declared(conn: psycopg.Connection) -> dict[str, DeclaredAudience]:
    rows = conn.execute("select collection, tribes, market from ingest.collection").fetchall()
    return {name: DeclaredAudience(tuple(tribes or ()), market) for name, tribes, market in rows}


def newest_day(conn: psycopg.Connection) -> date:
    """The newest landed day that was observed.

    Raises:
        NotFound: None was.
    """
    row = conn.execute("select max(landed_day) from social.day_count").fetchone()
    if row is None or row[0] is None:
        raise NotFound("no landing day was observed yet; land files and run tier1_intake first")
    day: date = row[0]
    return day


def _named(conn: psycopg.Connection, *names: str) -> dict[str, int | None]:
    """Which version of each table counts."""
    found = {name: versions.named(conn, name) for name in names}
    return {name: named.rows_version if named else None for name, named in found.items()}


def _funnel(conn: psycopg.Connection) -> dict[tuple[str, str], int]:
    rows = conn.execute("select stage, platform, value from cards.funnel")
    return {(stage, platform): value for stage, platform, value in rows}


def _next_stale_day(cards: pa.Table, day: date) -> date | None:
    """The landed day that turns the next card stale; None where none can."""
    observed = pc.cast(cards["observed_at"], pa.date32())
    fresh = pc.greater_equal(observed, pa.scalar(day - STALE_AFTER))
    oldest = pc.min(observed.filter(fresh)).as_py()
    return None if oldest is None else oldest + STALE_AFTER + timedelta(days=1)


def _largest(cards: pa.Table, column: str) -> list[Count]:
    counted = Counter(v for v in cards[column].to_pylist() if v is not None)
    return [{column: name, "cards": n} for name, n in counted.most_common(10)]

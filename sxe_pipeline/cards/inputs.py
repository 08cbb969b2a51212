"""What the tables of cards are made from: which versions, rules and decisions are in force.

Here: reading the named tables and what was decided outside of them, and the digest of all that.
Not here: what is made of it (`tier1`).
"""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import LiteralString

import psycopg
import pyarrow as pa

from sxe_pipeline import contracts_root
from sxe_pipeline.cards import taxonomy
from sxe_pipeline.cards.reading import DeclaredAudience
from sxe_pipeline.errors import NotFound
from sxe_pipeline.ops import versions
from sxe_pipeline.privacy import policy, suppression
from sxe_pipeline.schema import duck
from sxe_pipeline.schema.lead_card import LEAD_CARD
from sxe_pipeline.schema.tables import IDENTITY, OTHERS, POOL, PROFILE
from sxe_pipeline.settings import Settings
from sxe_pipeline.store import tables
from sxe_pipeline.store.disk import local_path
from sxe_pipeline.store.snapshot import Snapshot

CARDS, POOLS, OTHER_IDENTITIES = LEAD_CARD.name, POOL.name, OTHERS.name
CANDIDATES = "cards/enrichment_candidates"
_SOURCES = ("cards", "schema", "privacy", "redact")


def inputs_of(conn: psycopg.Connection, settings: Settings) -> dict[str, str]:
    """Table -> a digest of what it is made from now.

    Versions of other tables, what decides a label, a market or a route, the platform policy, who is
    suppressed, and code.
    """
    labels = taxonomy.load(contracts_root() / "taxonomy").sha256
    people = _versions_of(conn, PROFILE.name, IDENTITY.name)
    suppressed = sorted(suppression.suppressed(conn))
    cards = versions.digest(
        **people,
        taxonomy=labels,
        collections=sorted(declared(conn).items()),
        policy=active_policy(settings).version,
        suppressed=suppressed,
        code=code(),
    )
    return {
        CARDS: cards,
        OTHER_IDENTITIES: cards,
        POOLS: versions.digest(**_versions_of(conn, CARDS, OTHER_IDENTITIES), code=code()),
        CANDIDATES: versions.digest(
            **people,
            **_versions_of(conn, CARDS),
            taxonomy=labels,
            suppressed=suppressed,
            code=versions.code(*_SOURCES, "gate"),
        ),
    }


def rest(settings: Settings) -> str:
    """A digest of what says something of every card; which else differs touches some."""
    return versions.digest(
        taxonomy=taxonomy.load(contracts_root() / "taxonomy").sha256,
        policy=active_policy(settings).version,
        code=code(),
    )


def candidates_rest() -> str:
    """The same of every candidate."""
    return versions.digest(
        taxonomy=taxonomy.load(contracts_root() / "taxonomy").sha256,
        code=versions.code(*_SOURCES, "gate"),
    )


def code() -> str:
    """The digest of the code that labels, and of what it is made of."""
    return versions.code(*_SOURCES)


def active_policy(settings: Settings) -> policy.Policy:
    """The platform policy in force: the deployment's own file, else the shipped, closed one."""
    shipped: Path = contracts_root() / "policy" / "platforms.yaml"
    return policy.load(settings.policy_file or shipped)


def read(conn: psycopg.Connection, settings: Settings, name: str) -> pa.Table:
    """The rows of a named table.

    Raises:
        NotFound: It was never built.
    """
    return snapshot(conn, settings, name).to_table()


def rows(conn: psycopg.Connection, settings: Settings, name: str) -> duck.Rows:
    """The rows of a named table for DuckDB, none of which is read yet.

    Raises:
        NotFound: It was never built, or files of it are not what was written.
    """
    return rows_of(snapshot(conn, settings, name))


def rows_of(stored: Snapshot) -> duck.Rows:
    """The rows of a version for DuckDB, none of which is read yet.

    Raises:
        NotFound: Files of it are not what was written.
    """
    stored.check()
    files = stored.files()
    # Of other stores DuckDB has no key.
    return files if files and local_path(stored.root) else stored.dataset()


def snapshot(conn: psycopg.Connection, settings: Settings, name: str) -> Snapshot:
    """The version of a table that counts.

    Raises:
        NotFound: It was never built.
    """
    found = tables.snapshot(conn, settings.tier1_url, name)
    if found is None:
        raise NotFound(f"{name} was never built; materialize it first (sxe build)")
    return found


def declared(conn: psycopg.Connection) -> dict[str, DeclaredAudience]:
    """What each collection declares of its audience."""
    return _declared(conn, "select collection, tribes, market from ingest.collection")


def declared_otherwise(
    conn: psycopg.Connection, collections: Mapping[str, DeclaredAudience]
) -> list[str]:
    """The collections that declare something else than when the named cards were made.

    Args:
        conn: The social tier's login.
        collections: What each declares now.
    """
    before = _declared(conn, "select collection, tribes, market from cards.declared")
    nothing = DeclaredAudience()
    return [
        name
        for name in sorted(before.keys() | collections.keys())
        if before.get(name, nothing) != collections.get(name, nothing)
    ]


def keep_declared(conn: psycopg.Connection, collections: Mapping[str, DeclaredAudience]) -> None:
    """Keep what the cards that are being named were made with."""
    conn.execute("delete from cards.declared")
    with conn.cursor().copy("copy cards.declared (collection, tribes, market) from stdin") as copy:
        for name, (tribes, market) in collections.items():
            if tribes or market:
                copy.write_row((name, list(tribes), market))


def _declared(conn: psycopg.Connection, query: LiteralString) -> dict[str, DeclaredAudience]:
    return {
        name: DeclaredAudience(tuple(tribes or ()), market)
        for name, tribes, market in conn.execute(query)
    }


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


def _versions_of(conn: psycopg.Connection, *names: str) -> dict[str, int | None]:
    """Which version of each table counts."""
    found = {name: versions.named(conn, name) for name in names}
    return {name: named.rows_version if named else None for name, named in found.items()}

"""Which accounts are one card, under ids that stay.

Here: when the table is due, and storing what was decided. Not here: which accounts are decided
anew (`reach`), and how (`components`, by `clusters` and `mint`). The card and alias rows commit
first, in a transaction of their own; then the tables are written and named. A run that dies in
between has minted ids that nobody saw; the replay is whole, finds and uses them.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

import duckdb
import psycopg

from sxe_pipeline import audit
from sxe_pipeline.errors import Busy, NotFound
from sxe_pipeline.ops import versions
from sxe_pipeline.schema import duck
from sxe_pipeline.schema.tables import IDENTITY, TARGET
from sxe_pipeline.social import components, issued, profiles, reach
from sxe_pipeline.store import buckets, tables
from sxe_pipeline.store.snapshot import Snapshot

TABLE, TARGETS_TABLE = IDENTITY.name, TARGET.name
_SOURCES = ("social", "schema", "redact")


@dataclass(frozen=True)
class Resolved:
    """What a rebuild did."""

    account_count: int
    card_count: int
    minted_count: int
    alias_count: int
    version: int
    is_new: bool = True

    def numbers(self) -> dict[str, int]:
        """The figures to show beside the table."""
        return {
            "accounts": self.account_count,
            "cards": self.card_count,
            "minted": self.minted_count,
            "aliases": self.alias_count,
        }


def rebuild(
    conn: psycopg.Connection,
    root: str,
    *,
    mint: Callable[[], str],
    actor: str,
    now: dt.datetime,
    recheck: versions.Recheck = versions.unleased,
    is_whole: bool = False,
) -> Resolved:
    """Bring `social/identities` to the named profiles, unless it is made from them already.

    Decided anew is what a change of the profiles can reach since they were read last.

    Args:
        conn: The social tier's login, outside of a transaction.
        root: URL of the Tier 1 store.
        mint: Gives a new random card id.
        actor: Who started it.
        now: When this is happening.
        recheck: Refuses where another run took over.
        is_whole: Decide about every account, although the rows are the same.

    Raises:
        NotFound: No profile was ever written.
        Busy: Another run wrote between the two transactions of this one; run it again.
    """
    with duck.opened() as engine:
        with conn.transaction():
            _lock(conn)
            current = tables.snapshot(conn, root, profiles.TABLE)
            if current is None:
                raise NotFound("social/profiles was never written; build the profiles first")
            inputs = inputs_of(current.rows_version)
            found = versions.named(conn, TABLE)
            if found and versions.is_current(found, inputs) and not is_whole:
                numbers = found.numbers
                return Resolved(
                    numbers["accounts"], numbers["cards"], 0, 0, found.version, is_new=False
                )
            before = tables.snapshot(conn, root, TABLE)
            basis = None if is_whole else _basis(conn, root, before)
            if basis is None:
                reach.of_all(conn, engine, current, before)
            else:
                reach.of_changed(conn, engine, basis, current)
            minted_count, alias_count = _decide(conn, engine, mint, now, actor)
            rest = _rest(conn)
        with conn.transaction():
            _lock(conn)
            named = tables.snapshot(conn, root, TABLE)
            if (named and named.rows_version) != (before and before.rows_version):
                raise Busy("another run wrote social/identities at the same time; run it again")
            changed, targets = _write(conn, root, engine, is_whole=basis is None)
            card_count = _count(engine, components.ROWS)
            if found is not None and basis is not None:
                card_count += found.numbers["cards"] - _count(engine, "members")
            written = Resolved(
                changed.row_count, card_count, minted_count, alias_count, changed.version
            )
            event = audit.record(
                "identities.written",
                actor=actor,
                subject=TABLE,
                # The same rows may be those of newer profiles.
                key=f"v{written.version}.{current.version}@{now.isoformat()}",
                account_count=written.account_count,
                card_count=card_count,
                minted_count=minted_count,
                alias_count=alias_count,
                identities_version=written.version,
                profiles_version=current.version,
            )
            for name, version in ((TABLE, written.version), (TARGETS_TABLE, targets.version)):
                versions.name(
                    conn,
                    name,
                    version,
                    inputs=inputs,
                    event=event,
                    recheck=recheck,
                    numbers=written.numbers(),
                    made_from={profiles.TABLE: current},
                    rest=rest,
                )
    return written


def inputs_of(profiles_version: int) -> str:
    """A digest of what the table is made from: a version of the profiles, and code."""
    return versions.digest(profiles=profiles_version, code=versions.code(*_SOURCES))


def _rest(conn: psycopg.Connection) -> str:
    """A digest of what all rows depend on; ids that were assigned without a table are of it."""
    return versions.digest(code=versions.code(*_SOURCES), assigned=issued.assigned_count(conn))


def _lock(conn: psycopg.Connection) -> None:
    for name in (TABLE, TARGETS_TABLE):
        tables.lock(conn, name)


def _basis(conn: psycopg.Connection, root: str, before: Snapshot | None) -> reach.Basis | None:
    """What the named version was made from; None where everything must be decided anew."""
    made_from = versions.basis(conn, root, TABLE, _rest(conn))
    targets = tables.snapshot(conn, root, TARGETS_TABLE)
    if made_from is None or before is None or targets is None:
        return None
    if not (buckets.is_kept_in(before, IDENTITY) and buckets.is_kept_in(targets, TARGET)):
        return None
    return reach.Basis(made_from[profiles.TABLE], before, targets)


def _decide(
    conn: psycopg.Connection,
    engine: duckdb.DuckDBPyConnection,
    mint: Callable[[], str],
    now: dt.datetime,
    actor: str,
) -> tuple[int, int]:
    """Decide and store the ids; how many were minted, and replaced by others."""
    minted_count = alias_count = 0
    for given in components.gather(engine):
        taken: set[str] = set()
        while True:
            decided = components.decide(given, mint=mint, now=now, taken=taken)
            minted = [card.card_id for card in decided.ids.minted]
            if not (again := issued.known(conn, minted)):
                break
            taken |= again
        issued.store(conn, decided.ids, now, actor)
        components.put(engine, given, decided)
        minted_count += len(minted)
        alias_count += len(decided.ids.aliases)
    return minted_count, alias_count


def _write(
    conn: psycopg.Connection, root: str, engine: duckdb.DuckDBPyConnection, *, is_whole: bool
) -> tuple[buckets.Changed, buckets.Changed]:
    """Write the identities and the targets."""
    identities = buckets.change(
        conn, root, IDENTITY, engine, components.ROWS, reach.GONE, is_whole=is_whole
    )
    targets = buckets.change(
        conn, root, TARGET, engine, reach.STATED, reach.UNSTATED, is_whole=is_whole
    )
    return identities, targets


def _count(engine: duckdb.DuckDBPyConnection, rows: str) -> int:
    """How many cards accounts have."""
    [(count,)] = engine.sql(f"select count(distinct card_id) from {rows}").fetchall()
    return int(count)

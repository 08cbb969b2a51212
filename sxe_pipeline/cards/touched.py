"""Which cards a change of their inputs touches, and their rows made anew, in DuckDB.

Here: the difference between what the stored cards were made from and what there is now, handing the
accounts of those cards to an engine in order, and keeping what it makes of them until it is
written. What rules say of everybody (taxonomy, policy, code) touches all cards: then they are made
whole, by the same road. Not here: a card itself (`build`), what an engine runs (`making`), writing
and naming (`tier1`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta

import duckdb
import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from sxe_pipeline.cards import making
from sxe_pipeline.cards.build import LEAD
from sxe_pipeline.cards.card import STALE_AFTER
from sxe_pipeline.cards.in_force import InForce
from sxe_pipeline.engine import Engine
from sxe_pipeline.errors import ContractBroken
from sxe_pipeline.ops import versions
from sxe_pipeline.schema import duck
from sxe_pipeline.schema.lead_card import LEAD_CARD
from sxe_pipeline.schema.tables import IDENTITY, OTHERS, PROFILE
from sxe_pipeline.store import buckets, differences, tables
from sxe_pipeline.store.snapshot import Snapshot

TABLES = (LEAD_CARD, OTHERS)
TOUCHED = "touched"
LEADS, OTHER = MADE = ("made_leads", "made_others")
"""What `make` leaves for each of the tables."""
_JOINED = ("card_id", "basis")
"""The columns of profiles and of identities that a card reads."""
_KEY = ", ".join(PROFILE.key)
_ROW_BYTES = 896
"""An account with what is told of its card: 125,000 are sorted within 256 MB, 250,000 are not."""
_READ = 4_096
"""Accounts that are read at a time."""

Versions = Mapping[str, Snapshot]


def attach(
    engine: duckdb.DuckDBPyConnection,
    now: Versions,
    leads: Snapshot | None = None,
    others: Snapshot | None = None,
) -> None:
    """Name what is read: views `profiles`, `identities`, `leads`, `others`.

    Args:
        engine: An open connection.
        now: The profiles and identities that there are.
        leads: The lead cards; None where there are none, or none is to be believed.
        others: The same of the other identities.
    """
    for view, table, rows_of in (
        ("profiles", PROFILE, now[PROFILE.name]),
        ("identities", IDENTITY, now[IDENTITY.name]),
        ("leads", LEAD_CARD, leads),
        ("others", OTHERS, others),
    ):
        buckets.attach(engine, view, rows_of, table)


def stored(conn: psycopg.Connection, root: str) -> list[Snapshot | None]:
    """The named lead cards and others."""
    return [tables.snapshot(conn, root, table.name) for table in TABLES]


def basis(
    conn: psycopg.Connection, root: str, rest: str, named: Sequence[Snapshot | None]
) -> Versions | None:
    """The profiles and identities that both named tables of cards were made from.

    Args:
        conn: The writing transaction; it holds `tables.lock`.
        root: URL of the table store.
        rest: A digest of all else that they are to be made from.
        named: The stored lead cards and others, as `stored` answers them.

    Returns:
        None: All cards must be made.
    """
    for table, each in zip(TABLES, named, strict=True):
        if each is None or not buckets.is_kept_in(each, table):
            return None
    found, beside = (versions.basis(conn, root, table.name, rest) for table in TABLES)
    if not found or not beside:
        return None
    is_same = all(beside[name].version == each.version for name, each in found.items())
    return found if is_same else None


def find(
    engine: duckdb.DuckDBPyConnection,
    before: Versions,
    now: Versions,
    in_force: InForce,
    declared_otherwise: Sequence[str],
) -> None:
    """Make table `TOUCHED`: the ids of cards that may say something else than before.

    A card that is withheld as stale or suppressed says so itself: nothing else needs to know.

    Args:
        engine: An open connection, `attach` was called on it.
        before: The profiles and identities that the stored cards were made from.
        now: The profiles and identities that there are.
        in_force: What decides about them.
        declared_otherwise: Collections that declare something else than when the cards were made.
    """
    for into, table, columns in (("said", PROFILE, making.SAID), ("joined", IDENTITY, _JOINED)):
        differences.find(engine, into, table, before[table.name], now[table.name], columns)
    buckets.attach(engine, "identities_before", before[IDENTITY.name], IDENTITY)
    _show_suppressed(engine, in_force)
    accounts = f"(select {_KEY} from said union select {_KEY} from joined)"
    engine.execute(
        f"create or replace table {TOUCHED} as "
        f"select card_id from identities semi join {accounts} using ({_KEY}) "
        f"union select card_id from identities_before semi join {accounts} using ({_KEY}) "
        "union select card_id from leads where "
        "list_contains(readiness_reasons, 'stale') <> (observed_at::date < $1::date) "
        "or list_contains(readiness_reasons, 'suppressed') <> (card_id in (from suppressed))",
        [in_force.newest_day - STALE_AFTER],
    )
    if declared_otherwise:
        gathered = f"(select {_KEY} from profiles where list_has_any(collections, $1))"
        engine.execute(
            f"insert into {TOUCHED} select distinct card_id from identities "
            f"semi join {gathered} using ({_KEY}) anti join {TOUCHED} using (card_id)",
            [list(declared_otherwise)],
        )


def make(
    engine: duckdb.DuckDBPyConnection, in_force: InForce, maker: Engine, *, is_whole: bool
) -> None:
    """Make views `LEADS` and `OTHER`: the rows of all cards, or of those in `TOUCHED`.

    Args:
        engine: An open connection, `attach` was called on it.
        in_force: What decides about them.
        maker: Where the cards are made.
        is_whole: All cards.

    Raises:
        ContractBroken: Identities and profiles do not stand for the same accounts.
    """
    chosen = "" if is_whole else f"semi join {TOUCHED} using (card_id)"
    engine.execute(f"create or replace temp table members as from identities {chosen}")
    _check(engine)
    _show_suppressed(engine, in_force)
    members = _members(engine, in_force, chosen)
    made = maker.run(members, making.act(in_force))
    duck.keep(engine, {LEADS: LEAD_CARD.schema, OTHER: OTHERS.schema}, _parted(made))


def _parted(made: Iterable[pa.RecordBatch]) -> Iterator[tuple[str, pa.RecordBatch]]:
    """What was made, under the name and in the columns of the table that it goes into."""
    for batch in made:
        is_lead = pc.equal(batch.column("kind"), LEAD)
        for name, table, chosen in (
            (LEADS, LEAD_CARD, is_lead),
            (OTHER, OTHERS, pc.invert(is_lead)),
        ):
            if pc.any(chosen).as_py():
                yield name, batch.filter(chosen).select(table.names).cast(table.schema)


def put(
    conn: psycopg.Connection, root: str, engine: duckdb.DuckDBPyConnection, *, is_whole: bool
) -> list[buckets.Changed]:
    """Write what was made in place of what is stored: the lead cards, then the others.

    Args:
        conn: The writing transaction; it holds `tables.lock`.
        root: URL of the table store.
        engine: An open connection, `make` was called on it.
        is_whole: It was made of all cards.
    """
    gone = None if is_whole else TOUCHED
    return [
        buckets.change(conn, root, table, engine, made, gone, is_whole=is_whole)
        for table, made in zip(TABLES, MADE, strict=True)
    ]


def written(root: str, *changed: buckets.Changed) -> list[Snapshot]:
    """The versions that `put` left."""
    return [Snapshot(t.name, each.version, root) for t, each in zip(TABLES, changed, strict=True)]


def _show_suppressed(engine: duckdb.DuckDBPyConnection, in_force: InForce) -> None:
    suppressed = pa.array(sorted(in_force.suppressed), pa.string())
    engine.register("suppressed", pa.table({"card_id": suppressed}))


def _check(engine: duckdb.DuckDBPyConnection) -> None:
    [(lost, identities, profiles)] = engine.sql(
        f"select (select count(*) from members anti join profiles using ({_KEY})), "
        "(select count(*) from identities), (select count(*) from profiles)"
    ).fetchall()
    extra = profiles - (identities - lost)
    if lost or extra:
        raise ContractBroken(
            f"{lost} identities without a profile of their own, {extra} profiles "
            "without an identity; rebuild social/identities"
        )


def _members(
    engine: duckdb.DuckDBPyConnection, in_force: InForce, chosen: str
) -> pa.RecordBatchReader:
    """Rows of `making.MEMBER`, whole cards in a batch, as many sorted at once as memory bears."""
    # A row of other versions keeps no labels: it is not worth reading.
    kept = f"{chosen} where starts_with(labels_key, '{in_force.key_prefix}')"
    told = ", ".join(f"{name} := {name}" for name in making.KNOWN)
    columns = ", ".join(f"profiles.{name}" for name in making.SAID)
    query = (
        "with known as ("
        f"select *, '{LEAD}' as kind, "
        "list_contains(readiness_reasons, 'low_confidence') as is_doubtful "
        f"from leads {kept} union all by name from others {kept}) "
        "select members.card_id, stored.told, "
        f"members.card_id in (from suppressed) as is_suppressed, {columns}, members.basis "
        "from (from members where hash(card_id) % $1 = $2) as members "
        f"join profiles using ({_KEY}) "
        f"left join (select card_id, struct_pack({told}) as told from known) as stored "
        "on stored.card_id = members.card_id order by members.card_id"
    )
    [(count,)] = engine.sql("select count(*) from members").fetchall()
    slices = 1 + count // duck.rows_at_once(_ROW_BYTES)

    def read() -> Iterator[pa.RecordBatch]:
        # A stream ends where its connection is asked something else: one after another.
        for chosen in range(slices):
            rows = engine.sql(query, params=[slices, chosen]).to_arrow_reader(_READ)
            yield from making.whole_cards(rows)

    schema = engine.sql(f"{query} limit 0", params=[1, 0]).to_arrow_table().schema
    return pa.RecordBatchReader.from_batches(schema, read())


def next_stale_day(engine: duckdb.DuckDBPyConnection, newest_day: date) -> date | None:
    """The landed day that turns the next card stale; None where none can.

    Args:
        engine: An open connection, `attach` was called on it.
        newest_day: The newest landed day there is.
    """
    [(oldest,)] = engine.execute(
        "select min(observed_at::date) from leads where observed_at::date >= $1::date",
        [newest_day - STALE_AFTER],
    ).fetchall()
    return None if oldest is None else oldest + STALE_AFTER + timedelta(days=1)

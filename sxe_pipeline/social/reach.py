"""Which accounts and cards a change can reach, beside whom they name and whom they were one with.

Here: SQL that leaves temporary tables for the decision (`components`):

* `accounts`: the current accounts that are decided, as clustering sees them;
* `naming`: whom they name, without what a crowd names;
* `members`: the cards that the last named table gave them, and accounts that are no more;
* `cards`: these cards and every other one that is anchored at one of them (`issued`);
* `folds`: handle keys that are no account any more -> the one id-keyed account that ever showed
  the handle. The rule of `merge`, seen from its result;
* `unfolded`: new accounts with a handle key -> the id-keyed ones that ever showed the handle. What
  was seen of the new one may have been of one of these until now.

Not here: what is decided. A change reaches what is linked with it, before or now: by a target that
somebody names and somebody else names or shows, by a card, by a fold. A target that was a crowd's
and still is links nobody; of one that becomes a crowd's or ceases to be, all but `CROWD` namers
have changed themselves. So no more is read than a few accounts for each that changed.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import duckdb
import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from sxe_pipeline.redact import contact_shaped
from sxe_pipeline.schema.table import Table
from sxe_pipeline.schema.tables import IDENTITY, PROFILE, TARGET
from sxe_pipeline.social import issued
from sxe_pipeline.social.clusters import CROWD
from sxe_pipeline.social.links import targets
from sxe_pipeline.store import buckets, differences
from sxe_pipeline.store.snapshot import Snapshot

COLUMNS = (
    "platform_id",
    "handle",
    "handles",
    "display_name",
    "bio",
    "links",
    "is_parody",
    "first_seen_at",
)
"""What is read of a profile, beside its key: one that differs elsewhere alone is the same."""
PEOPLE = Table(
    PROFILE.name,
    tuple(c for c in PROFILE.columns if c.name in {*PROFILE.key, *COLUMNS}),
    PROFILE.key,
)
STATED, UNSTATED, GONE = "stated", "unstated", "gone"
"""Targets to put, keys of targets and of identities that go."""
_BATCH = 50_000

_FAN_NAME = r"(?i)\b(?:fan|fans|fanpage|fanclub|fandom|parody|parodia|parodie|unofficial)\b"
_FAN_BIO = (
    r"(?i)\b(?:parody|parodia|parodie|fan[ -]?(?:account|page|club|acc|base|art account)|"
    r"stan account|unofficial|not affiliated|cuenta de fans|club de fans|f[ãa][ -]?clube|"
    r"compte fan|fan hesab[ıi])\b|パロディ|ファンアカウント|팬 ?계정|фан[ -]?(?:аккаунт|клуб)"
)
IS_FAN = f"""
coalesce(is_parody, false) or coalesce(regexp_matches(display_name, '{_FAN_NAME}'), false)
or coalesce(regexp_matches(bio, '{_FAN_BIO}'), false)
"""
"""Whether a profile is a fan's or a parody."""

_SHOWN = """
select platform, account_key, network, handle from (
    select platform, account_key, unnest(case platform when 'threads'
        then ['threads', 'instagram'] else [platform] end) as network,
        case when strlen(handle) = length(handle) then lower(handle) else casefold(handle) end
        as handle
    from {people}
)
"""
"""Under which target others would name an account: Meta gives Threads the handle of Instagram."""

_CROWDED = f"select network, handle from {{named}} group by all having count(*) > {CROWD}"

_ONCE_SHOWN = """
select platform, account_key as id_key, 'handle:' || lower(unnest(handles)) as account_key
from {people} where account_key like 'id:%'
"""

_LINKED = """
select distinct platform, account_key from linked_ever semi join (
    select network, handle from linked_ever semi join touched using (platform, account_key)
) using (network, handle)
"""

_OF_CARDS = """
select platform, account_key from every_member semi join cards using (card_id)
union select platform, account_key from cards
union select platform, id_key from folds
union select platform, id_key from unfolded
"""

_ACCOUNTS = f"""
create temp table accounts as
select platform, account_key, platform_id, handle, first_seen_at, {IS_FAN} as is_fan
from people {{touched}}
"""


@dataclass(frozen=True)
class Basis:
    """What the named identities were made from, and what was left for the next ones.

    Attributes:
        people: The profiles.
        identities: The named identities.
        targets: The named targets.
    """

    people: Snapshot
    identities: Snapshot
    targets: Snapshot


def of_all(
    conn: psycopg.Connection,
    engine: duckdb.DuckDBPyConnection,
    current: Snapshot,
    before: Snapshot | None,
) -> None:
    """Leave the tables of every account and every card; `stated` are all targets.

    Args:
        conn: The social tier's login, in a transaction.
        engine: An open connection to nothing but memory.
        current: The named profiles.
        before: The named identities.
    """
    _open(engine, current)
    _state(engine, current, None)
    _go(engine, "(select platform, account_key, true as is_gone from people limit 0)", STATED)
    _attach_members(engine, before)
    for statement in (
        _ACCOUNTS.format(touched=""),
        f"create temp table naming as from stated anti join ({_CROWDED.format(named='stated')}) "
        "using (network, handle)",
        "create temp table members as from every_member",
    ):
        engine.execute(statement)
    issued.read_all(conn, engine)
    _fold(engine, "people", "members")


def of_changed(
    conn: psycopg.Connection,
    engine: duckdb.DuckDBPyConnection,
    basis: Basis,
    current: Snapshot,
) -> None:
    """Leave the tables of what a change reaches; `stated` are the targets of changed accounts.

    Args:
        conn: The social tier's login, in a transaction.
        engine: An open connection to nothing but memory.
        basis: What there was.
        current: The named profiles.
    """
    _open(engine, current)
    buckets.attach(engine, "people_before", basis.people, PEOPLE)
    differences.find(engine, "changed", PEOPLE, basis.people, current, COLUMNS)
    engine.execute(
        "create temp table changed_before as select platform, account_key, handle, handles "
        "from people_before semi join changed using (platform, account_key)"
    )
    _state(engine, current, "changed")
    buckets.attach(engine, "stored_targets", basis.targets, TARGET)
    _go(engine, "changed", "stored_targets")
    _attach_members(engine, basis.identities)
    _link(engine)
    _close(conn, engine)
    for statement in (
        _ACCOUNTS.format(touched="semi join touched using (platform, account_key)"),
        "create temp table naming as from named_now semi join touched "
        f"using (platform, account_key) anti join ({_CROWDED.format(named='named_now')}) "
        "using (network, handle)",
        "create temp table members as from every_member semi join touched "
        "using (platform, account_key)",
    ):
        engine.execute(statement)


def shown(people: str) -> str:
    """Under which targets others would name accounts, in SQL: account, network, handle.

    Args:
        people: A table with platform, account_key and handle.
    """
    return _SHOWN.format(people=people)


def _open(engine: duckdb.DuckDBPyConnection, current: Snapshot) -> None:
    # SQL knows no case folding, and handles may hold any letter.
    engine.create_function("casefold", str.casefold, ["VARCHAR"], "VARCHAR")
    buckets.attach(engine, "people", current, PEOPLE)


def _go(engine: duckdb.DuckDBPyConnection, changed: str, targets: str) -> None:
    """Name what goes: identities of accounts that are no more, targets of those that changed."""
    engine.execute(f"create temp view {GONE} as from {changed} where is_gone")
    engine.execute(
        f"create temp view {UNSTATED} as from {targets} semi join {changed} "
        "using (platform, account_key)"
    )


def _attach_members(engine: duckdb.DuckDBPyConnection, before: Snapshot | None) -> None:
    kept = {*IDENTITY.key, "card_id"}
    member = Table(IDENTITY.name, tuple(c for c in IDENTITY.columns if c.name in kept))
    if before is None:
        engine.register("every_member", member.schema.empty_table())
    else:
        buckets.attach(engine, "every_member", before, member)


def _state(engine: duckdb.DuckDBPyConnection, current: Snapshot, changed: str | None) -> None:
    """Make `stated`: whom the profiles name, all of them or those that changed."""
    engine.register("none_stated", TARGET.schema.empty_table())
    engine.execute("create temp table stated as from none_stated")
    # A connection of its own: what is read goes on while rows are put in.
    with engine.cursor() as reading:
        buckets.attach(reading, "people", current, PEOPLE)
        rows = "from people"
        if changed is not None:
            reading.register("changed", engine.sql(f"from {changed}").to_arrow_table())
            rows += " semi join changed using (platform, account_key)"
        for some in _pieces(reading.sql(rows).to_arrow_reader(_BATCH)):
            engine.register("found_targets", _targets(some))
            engine.execute("insert into stated from found_targets")


def _pieces(reader: pa.RecordBatchReader) -> Iterator[pa.Table]:
    """The rows in tables of about `_BATCH`: a batch may hold what one file has of them."""
    batches: list[pa.RecordBatch] = []
    for batch in reader:
        batches.append(batch)
        if sum(each.num_rows for each in batches) >= _BATCH:
            yield pa.Table.from_batches(batches)
            batches = []
    if batches:
        yield pa.Table.from_batches(batches)


def _targets(people: pa.Table) -> pa.Table:
    """Targets as rows, without those whose handle is contact data: evidence stands as it is."""
    found = targets(people)
    rows = [(*account, *named, basis) for account, named, basis in found]
    columns = zip(*rows, strict=True) if rows else [()] * len(TARGET.columns)
    table = pa.Table.from_arrays(
        [pa.array(column, pa.string()) for column in columns], schema=TARGET.schema
    )
    shaped = contact_shaped(table["handle"].combine_chunks())
    return table.filter(pc.invert(shaped))


def _link(engine: duckdb.DuckDBPyConnection) -> None:
    """Make `linked_ever`: accounts by the targets that they named or showed, before or now."""
    engine.execute(
        "create temp view named_now as (from stored_targets anti join changed "
        "using (platform, account_key)) union all by name (from stated)"
    )
    engine.execute(
        "create temp table named_ever as select distinct platform, account_key, network, handle "
        "from (from stored_targets union all by name from stated) anti join ("
        f"({_CROWDED.format(named='stored_targets')}) intersect "
        f"({_CROWDED.format(named='named_now')})) using (network, handle)"
    )
    engine.execute(
        "create temp table linked_ever as from named_ever union "
        f"(from ({shown('people')}) semi join named_ever using (network, handle)) union "
        f"(from ({shown('changed_before')}) semi join named_ever using (network, handle))"
    )


def _close(conn: psycopg.Connection, engine: duckdb.DuckDBPyConnection) -> None:
    """Make `touched`, `cards`, `folds`, `unfolded`: what changed, and all that is linked with it.

    Each step asks for what the one before it found, until one finds nothing.
    """
    engine.execute(
        "create temp table touched as select platform, account_key from changed; "
        "create temp table asked as from touched limit 0"
    )
    issued.read_none(engine)
    touched_people = "(from people semi join touched using (platform, account_key))"
    anchoring = " union ".join(
        ["from touched"]
        + [
            f"select platform, account_key from ({_ONCE_SHOWN.format(people=people)})"
            for people in (touched_people, "changed_before")
        ]
    )
    while True:
        while _put(engine, "touched", _LINKED).num_rows:
            pass
        anchors = _put(engine, "asked", anchoring)
        held = engine.sql(
            "select distinct card_id from every_member semi join touched "
            "using (platform, account_key) anti join cards using (card_id)"
        ).to_arrow_table()
        issued.read(conn, engine, anchors, held)
        of_touched = "semi join touched using (platform, account_key)"
        _fold(engine, f"people {of_touched}", f"every_member {of_touched}")
        if not _put(engine, "touched", _OF_CARDS).num_rows:
            return


def _put(engine: duckdb.DuckDBPyConnection, table: str, query: str) -> pa.Table:
    """Put the accounts that a query finds into a table, and answer those that were not there."""
    engine.execute(
        f"create or replace temp table found as from ({query}) anti join {table} "
        "using (platform, account_key)"
    )
    engine.execute(f"insert into {table} from found")
    return engine.sql("from found").to_arrow_table()


def _fold(engine: duckdb.DuckDBPyConnection, accounts: str, members: str) -> None:
    """Make `folds` of whoever is no account any more, and `unfolded` of whoever is a new one.

    Args:
        engine: A connection that holds `people` and `cards`.
        accounts: Accounts some of which may be new.
        members: Those that were there. An anchor was, too.
    """
    keyed = "select platform, account_key from {} where account_key like 'handle:%'"
    key = "using (platform, account_key)"
    for table, rows in (
        ("known", f"{keyed.format(members)} union {keyed.format('cards')}"),
        ("former", f"from known anti join people {key}"),
        ("new", f"from ({keyed.format(accounts)}) anti join known {key}"),
        (
            "shown_again",
            f"select distinct * from ({_ONCE_SHOWN.format(people='people')}) "
            f"semi join (from former union from new) {key}",
        ),
        (
            "folds",
            f"select platform, account_key, min(id_key) as id_key from shown_again "
            f"semi join former {key} group by all having count(*) = 1",
        ),
        ("unfolded", f"from shown_again semi join new {key}"),
    ):
        engine.execute(f"create or replace temp table {table} as {rows}")

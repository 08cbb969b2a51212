"""All sightings of an account as one row: the newest wins, column by column.

Here: SQL over the named observations. A column is taken from the newest sighting among those that
give it, be it empty there; a sighting that does not speak of a column erases nothing. The order of
sightings is total (time, file, row), so the order of arrival decides nothing. Not here: what an
account is (`ingest` keys the rows), when and where the rows are written (`profiles`).

The wide rows are read once: winners are found on narrow columns and joined back, which needs half
the memory of a window over whole rows. Only accounts of which an older sighting gives something
that no newer one gives are put together from several.
"""

from collections.abc import Collection

import duckdb
import pyarrow as pa

from sxe_pipeline.schema.tables import LANDED_ROW, PROFILE
from sxe_pipeline.store import tables

_BATCH_ROWS = 50_000

_SIGHTING = (
    "struct_pack(observed_at := observed_at, file_sha256 := file_sha256, row_number := row, "
    "collection := collection, landed_day := landed_day)"
)
"""The order of sightings, and what finds one again."""

_FOLDS = """
create temp table folds as
with spelled as (
    select distinct platform, account_key from seen where account_key like 'handle:%'
), shown as (
    select distinct platform, account_key as id_key, 'handle:' || lower(handle) as account_key
    from seen where account_key like 'id:%' and handle is not null
)
select platform, account_key, min(id_key) as id_key
from shown semi join spelled using (platform, account_key)
group by platform, account_key having count(*) = 1
"""
"""A handle folds into the one id-keyed account that ever showed it. Where SQL's lower and Python's
casefold differ (letters no platform allows in a handle) nothing folds: the careful side."""

_SETS = """
create temp table sets as
select row_number() over () as set_id, given from (select distinct {given} as given from seen)
"""
"""There are as many as payload forms, so rows carry a number instead of names."""

_KEYED = f"""
create temp view keyed as
select platform, coalesce(id_key, account_key) as account_key, handle, collection, observed_at,
    set_id, {_SIGHTING} as sighting
from (select *, {{given}} as gives from seen) as noted
join sets on sets.given = noted.gives
left join folds using (platform, account_key)
"""

_TOLD = """
create temp table told as
select platform, account_key, set_id, max(sighting) as sighting, count(*) as observation_count,
    min(observed_at) as first_seen_at, list(distinct collection) as collections
from keyed group by platform, account_key, set_id
"""
"""The newest sighting of each kind: another of the same kind has nothing to add."""

_NEWEST = """
create temp table newest as
select platform, account_key, max(sighting) as sighting,
    sum(observation_count)::bigint as observation_count, min(first_seen_at) as first_seen_at,
    list_sort(list_distinct(flatten(list(collections)))) as collections
from told group by platform, account_key
"""

_PARTS = """
create temp table parts as
with wider as (
    select few.set_id, many.set_id as wider_id from sets as few, sets as many
    where list_has_all(many.given, few.given)
), several as (
    select told.* from told semi join (
        select platform, account_key from told group by all having count(*) > 1
    ) using (platform, account_key)
)
select platform, account_key, set_id, sighting from several where not exists (
    select 1 from several as newer join wider on wider.wider_id = newer.set_id
    where newer.platform = several.platform and newer.account_key = several.account_key
        and wider.set_id = several.set_id and newer.sighting > several.sighting
)
"""
"""What a profile is made of: sightings of which no newer one gives all that they give."""

_MERGED = """
create temp table merged as
select parts.platform, parts.account_key, {columns}
from parts join sets using (set_id) join seen as wide on {found}
where (parts.platform, parts.account_key) in (
    select (platform, account_key) from parts group by platform, account_key having count(*) > 1
)
group by parts.platform, parts.account_key
"""

_HISTORY = """
create temp table history as
select platform, account_key, list(handle order by first_shown) as handles,
    arg_max(handle, last_shown) as handle
from (
    select platform, account_key, handle, min(sighting) as first_shown, max(sighting) as last_shown
    from keyed where handle is not null group by platform, account_key, handle
) group by platform, account_key
"""

_OWN = {
    "platform": "newest.platform",
    "account_key": "newest.account_key",
    # the newest sighting of an id may be a folded one, which knows no id
    "platform_id": "case when newest.account_key like 'id:%' then substr(newest.account_key, 4) "
    "else wide.platform_id end",
    "handle": "history.handle",
    "handles": "coalesce(history.handles, [])",
    "collections": "newest.collections",
    "observation_count": "newest.observation_count",
    "first_seen_at": "newest.first_seen_at",
    "observed_at": "wide.observed_at",
}
_OF_ALL = {
    "redaction_count": "max(redaction_count)",
    "redaction_kinds": "list_sort(list_distinct(flatten(list(redaction_kinds))))",
    "is_scan_open": "bool_or(is_scan_open)",
}
"""What is said of all sightings that a row is made of."""
_WITH = {"link_hub": "links"}
"""What is given together with another column."""

_JOINED = """
from newest join seen as wide on {found}
left join merged on merged.platform = newest.platform
    and merged.account_key = newest.account_key
left join history on history.platform = newest.platform
    and history.account_key = newest.account_key
"""


def profiles(
    engine: duckdb.DuckDBPyConnection, observations: tables.Snapshot
) -> pa.RecordBatchReader:
    """Merge all sightings of each account.

    Args:
        engine: An open connection; it holds some temporary tables afterwards.
        observations: The named version of `social/observations`.

    Returns:
        Columns of `PROFILE` by name, in any order, without those that no sighting had yet.
    """
    streams = _open_seen(engine, observations)
    columns = engine.sql("from seen limit 0").columns
    given = _given(engine, columns)
    merged = _merged(columns)
    for statement in (
        _FOLDS,
        _SETS.format(given=given),
        _KEYED.format(given=given),
        _TOLD,
        _NEWEST,
        _PARTS,
        _MERGED.format(
            columns=", ".join(f"{value} as {name}" for name, value in merged.items()),
            found=_found("parts"),
        ),
        _HISTORY,
    ):
        engine.execute(statement)
    winners = _winners(columns, merged)
    if not streams:
        # Delta's own file system cannot be read from within Delta's writer: read all before it
        engine.execute(f"create temp table winners as {winners}")
        winners = "from winners"
    return engine.sql(winners).to_arrow_reader(_BATCH_ROWS)


def _given(engine: duckdb.DuckDBPyConnection, columns: Collection[str]) -> str:
    """What a sighting gives, in SQL: as noted, and where nobody did, the columns it fills."""
    is_noted = "given" in columns
    if is_noted and not engine.sql("from seen where given is null limit 1").fetchall():
        return "given"
    held = [
        f"case when {f'len({c.name}) > 0' if c.kind == 'list' else f'{c.name} is not null'} "
        f"then '{c.name}' end"
        for c in LANDED_ROW.columns
        if c.name in _givable(columns)
    ]
    filled = f"[name for name in [{', '.join(held)}] if name is not null]"
    return f"coalesce(given, {filled})" if is_noted else filled


def _givable(columns: Collection[str]) -> list[str]:
    """The columns of a profile that come from one sighting each."""
    return [n for n in PROFILE.names if n in LANDED_ROW.names and n not in _OWN and n in columns]


def _merged(columns: Collection[str]) -> dict[str, str]:
    """Column -> its value over the parts of an account."""
    empty = {column.name: "[]" for column in PROFILE.columns if column.kind == "list"}
    merged = {name: value for name, value in _OF_ALL.items() if name in columns}
    for name in [*_givable(columns), *(name for name in _WITH if name in columns)]:
        giver = f"list_contains(sets.given, '{_WITH.get(name, name)}')"
        newest = f"arg_max_null(wide.{name}, parts.sighting) filter (where {giver})"
        merged[name] = f"coalesce({newest}, {empty[name]})" if name in empty else newest
    return merged


def _winners(columns: Collection[str], merged: Collection[str]) -> str:
    """The query of the profiles."""
    values = {name: f"wide.{name}" for name in columns} | _OWN
    for name in merged:
        several = "merged.account_key is not null"
        values[name] = f"case when {several} then merged.{name} else wide.{name} end"
    shown = ", ".join(f"{values[n]} as {n}" for n in PROFILE.names if n in values)
    return f"select {shown} {_JOINED.format(found=_found('newest'))}"


def _found(named: str) -> str:
    """How a sighting is found again in the wide rows."""
    sighting = f"{named}.sighting"
    return (
        f"wide.landed_day = {sighting}.landed_day and wide.collection = {sighting}.collection "
        f"and wide.file_sha256 = {sighting}.file_sha256 and wide.row = {sighting}.row_number"
    )


def _open_seen(engine: duckdb.DuckDBPyConnection, observations: tables.Snapshot) -> bool:
    """Name the observations `seen`; True where the engine reads their files by itself."""
    files = observations.files()
    if not files or any("://" in file for file in files):
        engine.register("seen", observations.dataset())
        return False
    engine.read_parquet(files, hive_partitioning=True, union_by_name=True).create_view("seen")
    return True

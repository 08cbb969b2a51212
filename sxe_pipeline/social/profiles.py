"""One row per account, newest sighting wins.

Here: SQL over the named observations. Not here: what an account is (`ingest` keys the rows), which
accounts are one card (`identities`). The wide rows are read once: winners are found on narrow
columns and joined back, which needs half the memory of a window over whole rows.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import duckdb
import psycopg
import pyarrow as pa

from sxe_pipeline import audit
from sxe_pipeline.errors import Busy, NotFound
from sxe_pipeline.ops import versions
from sxe_pipeline.schema import duck
from sxe_pipeline.schema.tables import PROFILE
from sxe_pipeline.social import observe, recover
from sxe_pipeline.store import tables

TABLE = PROFILE.name
_SOURCES = ("social/profiles.py", "schema")
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

_KEYED = f"""
create temp view keyed as
select platform, coalesce(id_key, account_key) as account_key, handle, collection, observed_at,
    {_SIGHTING} as sighting
from seen left join folds using (platform, account_key)
"""

_NEWEST = """
create temp table newest as
select platform, account_key, max(sighting) as sighting, count(*) as observation_count,
    min(observed_at) as first_seen_at, list_sort(list(distinct collection)) as collections
from keyed group by platform, account_key
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
}
_JOINED = """
from newest
join seen as wide on wide.landed_day = newest.sighting.landed_day
    and wide.collection = newest.sighting.collection
    and wide.file_sha256 = newest.sighting.file_sha256
    and wide.row = newest.sighting.row_number
left join history on history.platform = newest.platform
    and history.account_key = newest.account_key
"""


@dataclass(frozen=True)
class Rebuilt:
    """What a rebuild wrote."""

    profile_count: int
    version: int
    is_new: bool = True

    def numbers(self) -> dict[str, int]:
        """The figures to show beside the table."""
        return {"profiles": self.profile_count}


def rebuild(
    conn: psycopg.Connection,
    root: str,
    *,
    actor: str,
    now: dt.datetime,
    recheck: versions.Recheck = versions.unleased,
) -> Rebuilt:
    """Write `social/profiles` anew from all named observations, unless they are the same.

    Args:
        conn: The social tier's login.
        root: URL of the Tier 1 store.
        actor: Who started it.
        now: When this is happening.
        recheck: Refuses where another run took over.

    Raises:
        NotFound: No observation was ever written.
        Busy: A lost store is being built again, and some days are missing yet.
    """
    with conn.transaction():
        tables.lock(conn, TABLE)
        observations = tables.snapshot(conn, root, observe.TABLE)
        if observations is None:
            raise NotFound("social/observations was never written; ingest a landing file first")
        if unbuilt := recover.unbuilt(conn):
            raise Busy(
                f"{unbuilt} landed days of a lost store are not built again yet; they come first, "
                "`sxe recover` goes on with them"
            )
        inputs = inputs_of(observations.rows_version)
        found = versions.named(conn, TABLE)
        if found and versions.is_current(found, inputs):
            return Rebuilt(found.numbers["profiles"], found.version, is_new=False)
        count = _Count()
        with duck.opened() as engine:
            batches = _newest(engine, observations)
            reader = pa.RecordBatchReader.from_batches(PROFILE.schema, count.over(batches))
            version = tables.write(conn, root, TABLE, reader, days=None)
        event = audit.record(
            "profiles.written",
            actor=actor,
            subject=TABLE,
            key=f"v{version}@{now.isoformat()}",
            profile_count=count.rows,
            profiles_version=version,
            observations_version=observations.version,
            built_at=now,
        )
        written = Rebuilt(count.rows, version)
        versions.name(
            conn,
            TABLE,
            version,
            inputs=inputs,
            event=event,
            recheck=recheck,
            numbers=written.numbers(),
        )
    return written


def inputs_of(observations: int) -> str:
    """A digest of what the table is made from: a version of the observations, and code."""
    return versions.digest(observations=observations, code=versions.code(*_SOURCES))


class _Count:
    """Counts the rows that pass."""

    rows = 0

    def over(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            self.rows += batch.num_rows
            yield batch


def _newest(
    engine: duckdb.DuckDBPyConnection, observations: tables.Snapshot
) -> Iterator[pa.RecordBatch]:
    streams = _open_seen(engine, observations)
    for statement in (_FOLDS, _KEYED, _NEWEST, _HISTORY):
        engine.execute(statement)
    winners = _profiles(engine.sql("from seen limit 0").columns)
    if not streams:
        # Delta's own file system cannot be read from within Delta's writer: read all before it
        engine.execute(f"create temp table winners as {winners}")
        winners = "from winners"
    return _conforming(engine.sql(winners).to_arrow_reader(_BATCH_ROWS))


def _profiles(seen: Sequence[str]) -> str:
    """The query of the profiles; a column that no sighting had yet is left to `_conforming`."""
    known = [name for name in PROFILE.names if name in _OWN or name in seen]
    columns = ", ".join(f"{_OWN.get(name, 'wide.' + name)} as {name}" for name in known)
    return f"select {columns} {_JOINED}"


def _conforming(reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    for batch in reader:
        columns = [
            batch.column(field.name).cast(field.type)
            if field.name in batch.schema.names
            else pa.nulls(batch.num_rows, field.type)
            for field in PROFILE.schema
        ]
        yield pa.RecordBatch.from_arrays(columns, schema=PROFILE.schema)


def _open_seen(engine: duckdb.DuckDBPyConnection, observations: tables.Snapshot) -> bool:
    """Name the observations `seen`; True where the engine reads their files by itself."""
    files = observations.files()
    if not files or any("://" in file for file in files):
        engine.register("seen", observations.dataset())
        return False
    engine.read_parquet(files, hive_partitioning=True, union_by_name=True).create_view("seen")
    return True

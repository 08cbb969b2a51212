"""All sightings of an account as one row: the newest wins, column by column; its posts, each once.

Here: SQL over the named observations. A column is taken from the newest sighting among those that
give it, be it empty there; a sighting that does not speak of a column erases nothing. The order of
sightings is total (time, file, row), so the order of arrival decides nothing. Not here: what an
account is (`ingest` keys the rows), when and where the rows are written (`profiles`).

The wide rows are read once: winners are found on narrow columns and joined back, which needs half
the memory of a window over whole rows. Only accounts that were seen in several ways are put
together from several rows.
"""

import duckdb
import pyarrow as pa

from sxe_pipeline.schema.tables import LANDED_ROW, OBSERVATION, POST_TERMS, PROFILE
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
with several as (
    select told.* from told semi join (
        select platform, account_key from told group by all having count(*) > 1
    ) using (platform, account_key)
), given as (
    select platform, account_key, sighting, unnest(sets.given) as name
    from several join sets using (set_id)
), won as (
    select platform, account_key, name, max(sighting) as sighting from given group by all
)
select platform, account_key, sighting, list(name) as names
from won where name in ({names}) group by all
"""
"""What the profile of an account that was seen in several ways is made of: sightings, each with the
columns of which it is the newest giver."""

_MERGED = """
create temp table merged as
select parts.platform, parts.account_key, {columns}
from parts join seen as wide on {found}
group by parts.platform, parts.account_key
"""

_HISTORY = """
create temp table history as
select platform, account_key, list(handle order by first_shown) as handles,
    arg_max(handle, last_shown) as handle
from (
    select platform, account_key, handle, min(sighting) as first_shown, max(sighting) as last_shown
    from keyed semi join (from newest where observation_count > 1) using (platform, account_key)
    where handle is not null group by platform, account_key, handle
) group by platform, account_key
"""
"""Most accounts were seen once: their handle is the history, and needs no grouping."""

NEWEST_POSTS = 100
"""So many posts of an account speak for it: what it writes about now."""

_POSTS = """
create temp table posts as
with noted as (
    select platform, coalesce(id_key, account_key) as account_key, observed_at,
        {sighting} as sighting, unnest(own_posts) as post
    from seen left join folds using (platform, account_key) where len(own_posts) > 0
)
select platform, account_key, post.post_id as post_id,
    arg_max(post.posted_at, rank) as posted_at,
    coalesce(arg_max(post.hashtags, rank), []) as hashtags,
    coalesce(arg_max(post.terms, rank), []) as terms,
    max(observed_at) as observed_at
from (select *, struct_pack(sighting := sighting, post := post) as rank from noted)
group by all
"""
"""Each post once, by what the newest sighting that knows it says. Null is not knowing."""

_EVIDENCE = f"""
create temp table evidence as
with recent as (
    select * from posts qualify row_number() over (
        partition by platform, account_key
        order by least(coalesce(posted_at, observed_at), observed_at) desc, post_id desc
    ) <= {NEWEST_POSTS}
), words as (
    select platform, account_key, 'tag' as kind, unnest(hashtags) as word from recent
    union all
    select platform, account_key, 'term' as kind, unnest(terms) as word from recent
), counted as (
    select platform, account_key, kind, word, count(*) as posts from words group by all
), ordered as (
    select platform, account_key,
        list(word order by posts desc, word) filter (where kind = 'tag') as post_hashtags,
        list(word order by posts desc, word) filter (where kind = 'term') as post_terms
    from counted group by all
)
select platform, account_key, read_post_count, post_hashtags, post_terms
from (select platform, account_key, count(*) as read_post_count from recent group by all)
left join ordered using (platform, account_key)
"""
"""What more posts use comes first. No post is newer than the sighting that showed it."""

_OWN = {
    "platform": "newest.platform",
    "account_key": "newest.account_key",
    # the newest sighting of an id may be a folded one, which knows no id
    "platform_id": "case when newest.account_key like 'id:%' then substr(newest.account_key, 4) "
    "else wide.platform_id end",
    "handle": "coalesce(history.handle, wide.handle)",
    "handles": "coalesce(history.handles, if(wide.handle is null, [], [wide.handle]))",
    "collections": "newest.collections",
    "observation_count": "newest.observation_count",
    "first_seen_at": "newest.first_seen_at",
    "post_hashtags": "coalesce(evidence.post_hashtags, [])",
    "post_terms": "coalesce(evidence.post_terms, [])",
    "read_post_count": "coalesce(evidence.read_post_count, 0)",
}
_GIVABLE = tuple(
    name
    for name in PROFILE.names
    if name in LANDED_ROW.names and name not in _OWN and name != "observed_at"
)
"""The columns of a profile that each come from one sighting."""
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
left join evidence on evidence.platform = newest.platform
    and evidence.account_key = newest.account_key
"""


class Merge:
    """The accounts and posts of one version of the observations, in temporary tables."""

    def __init__(self, engine: duckdb.DuckDBPyConnection, observations: tables.Snapshot) -> None:
        """Find out which sighting says what.

        Args:
            engine: An open connection to nothing but memory.
            observations: The named version of `social/observations`.
        """
        self._engine = engine
        self._streams = _open_seen(engine, observations)
        given = _given(engine)
        for statement in (
            _FOLDS,
            _SETS.format(given=given),
            _KEYED.format(given=given),
            _TOLD,
            _NEWEST,
            _PARTS.format(names=", ".join(f"'{name}'" for name in _GIVABLE)),
            _MERGED.format(
                columns=", ".join(f"{value} as {name}" for name, value in _merged().items()),
                found=_found("parts"),
            ),
            _HISTORY,
            _POSTS.format(sighting=_SIGHTING),
            _EVIDENCE,
        ):
            engine.execute(statement)

    def profiles(self) -> pa.RecordBatchReader:
        """One row per account, with the columns of `PROFILE`."""
        winners = _winners()
        if not self._streams:
            # Delta's own file system cannot be read from within Delta's writer: read all before it
            self._engine.execute(f"create temp table winners as {winners}")
            winners = "from winners"
        return self._engine.sql(winners).to_arrow_reader(_BATCH_ROWS)

    def posts(self) -> pa.RecordBatchReader:
        """One row per post, with the columns of `POST_TERMS`."""
        names = ", ".join(POST_TERMS.names)
        return self._engine.sql(f"select {names} from posts").to_arrow_reader(_BATCH_ROWS)


def _given(engine: duckdb.DuckDBPyConnection) -> str:
    """What a sighting gives, in SQL: as noted, and where nobody did, the columns it fills."""
    if not engine.sql("from seen where given is null limit 1").fetchall():
        return "given"
    held = [
        f"case when {f'len({c.name}) > 0' if c.kind == 'list' else f'{c.name} is not null'} "
        f"then '{c.name}' end"
        for c in LANDED_ROW.columns
        if c.name in _GIVABLE
    ]
    return f"coalesce(given, [name for name in [{', '.join(held)}] if name is not null])"


def _merged() -> dict[str, str]:
    """Column -> its value over the parts of an account."""
    empty = {c.name for c in PROFILE.columns if c.kind == "list" and not c.nullable}
    merged = dict(_OF_ALL)
    for name in (*_GIVABLE, *_WITH):
        giver = f"list_contains(parts.names, '{_WITH.get(name, name)}')"
        newest = f"any_value(wide.{name}) filter (where {giver})"
        merged[name] = f"coalesce({newest}, [])" if name in empty else newest
    return merged


def _winners() -> str:
    """The query of the profiles."""
    values = {name: f"wide.{name}" for name in PROFILE.names} | _OWN
    for name in _merged():
        several = "merged.account_key is not null"
        values[name] = f"case when {several} then merged.{name} else wide.{name} end"
    shown = ", ".join(f"{values[name]} as {name}" for name in PROFILE.names)
    return f"select {shown} {_JOINED.format(found=_found('newest'))}"


def _found(named: str) -> str:
    """How a sighting is found again in the wide rows."""
    sighting = f"{named}.sighting"
    return (
        f"wide.landed_day = {sighting}.landed_day and wide.collection = {sighting}.collection "
        f"and wide.file_sha256 = {sighting}.file_sha256 and wide.row = {sighting}.row_number"
    )


def _open_seen(engine: duckdb.DuckDBPyConnection, observations: tables.Snapshot) -> bool:
    """Name the observations `seen`; True where the engine reads their files by itself.

    A column that was not stored yet is null.
    """
    files = observations.files()
    streams = bool(files) and not any("://" in file for file in files)
    if streams:
        stored = engine.read_parquet(files, hive_partitioning=True, union_by_name=True)
        stored.create_view("stored")
    else:
        engine.register("stored", observations.dataset())
    engine.register("declared", OBSERVATION.schema.empty_table())
    engine.execute("create temp view seen as from stored union all by name from declared")
    return streams

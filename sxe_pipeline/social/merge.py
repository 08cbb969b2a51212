"""The sightings of an account as one row: the newest wins, column by column; its posts, each once.

Here: SQL over what is kept of sightings. A column is taken from the newest sighting among those
that give it, be it empty there; a sighting that does not speak of a column erases nothing. The
order of sightings is total (time, file, row), so the order of arrival decides nothing. Which
accounts fold into others is found anew each time, so a fold can be undone. Not here: what an
account is (`ingest` keys the rows), what is kept (`sightings`), when and where the rows are written
(`profiles`).

Only accounts that were seen in several ways are put together from several rows.
"""

import duckdb

from sxe_pipeline.schema import duck
from sxe_pipeline.schema.table import Table
from sxe_pipeline.schema.tables import POST_TERMS, PROFILE
from sxe_pipeline.social.sightings import GIVABLE, found_by, order_of
from sxe_pipeline.store import buckets

_SPELLED = "select platform, account_key from sightings where account_key like 'handle:%'"
_NAMED = """
select platform, account_key from moved
union select platform, 'handle:' || lower(handle) from moved where handle is not null
"""

_SHOWN = """
select distinct platform, id_key, account_key from (
    select platform, id_key, 'handle:' || lower(handle) as account_key from (
        select platform, account_key as id_key, handle from sightings
        union all
        select platform, account_key as id_key, unnest(handles).handle as handle
        from sightings where observation_count > 1
    ) where id_key like 'id:%' and handle is not null
) semi join asked using (platform, account_key)
"""
"""Of handles that somebody asks about: those of all accounts would be most of what memory holds."""

_FOLDS = f"""
select platform, account_key, min(id_key) as id_key
from shown semi join ({_SPELLED}) as spelled using (platform, account_key)
group by platform, account_key having count(*) = 1
"""
"""A handle folds into the one id-keyed account that ever showed it. Where SQL's lower and Python's
casefold differ (letters no platform allows in a handle) nothing folds: the careful side."""

_TOUCHED = f"""
with named as ({_NAMED})
from named union select platform, id_key from shown semi join named using (platform, account_key)
"""
"""Where a row may become another one: accounts with sightings that came or went, the handles that
these showed, and whoever shows one of them: only there may another account fold than before."""

_FOLDED = """
select * exclude (id_key) replace (coalesce(id_key, account_key) as account_key)
from {known} left join folds using (platform, account_key)
"""

_NEWEST = """
select platform, account_key, max(sighting) as sighting, min(gives) <> max(gives) as is_several,
    sum(observation_count)::bigint as observation_count, min(first_seen_at) as first_seen_at,
    list_sort(list_distinct(flatten(list(collections)))) as collections
from keyed group by platform, account_key
"""

_PARTS = """
with given as (
    select platform, account_key, sighting, unnest(string_split(gives, ' ')) as name
    from keyed semi join (from newest where is_several) using (platform, account_key)
), won as (
    select platform, account_key, name, max(sighting) as sighting
    from given where name <> '' group by all
)
select platform, account_key, sighting, list(name) as names from won group by all
"""
"""What the profile of an account that was seen in several ways is made of: sightings, each with the
columns of which it is the newest giver."""

_MERGED = """
select parts.platform, parts.account_key, {columns}
from parts join ways as wide on {found}
group by parts.platform, parts.account_key
"""

_HISTORY = """
select platform, account_key, list(handle order by first_shown) as handles,
    arg_max(handle, last_shown) as handle
from (
    select platform, account_key, shown.handle as handle, min(shown.first_shown) as first_shown,
        max(shown.last_shown) as last_shown
    from (
        select platform, account_key, unnest(handles) as shown
        from keyed semi join (from newest where observation_count > 1) using (platform, account_key)
    ) group by all
) group by platform, account_key
"""
"""Most accounts were seen once: their handle is the history, and needs no grouping."""

NEWEST_POSTS = 100
"""So many posts of an account speak for it: what it writes about now."""

_POSTS = f"""
select platform, account_key, post_id, arg_max(posted_at, rank) as posted_at,
    coalesce(arg_max(hashtags, rank), []) as hashtags, coalesce(arg_max(terms, rank), []) as terms,
    max(observed_at) as observed_at
from (select *, {order_of("posted_at", "hashtags", "terms")} as rank from post_ways)
group by platform, account_key, post_id
"""
"""Each post once, by what the newest sighting that knows it says. Null is not knowing."""

_EVIDENCE = f"""
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
_OF_ALL = {
    "redaction_count": "max(redaction_count)",
    "redaction_kinds": "list_sort(list_distinct(flatten(list(redaction_kinds))))",
    "is_scan_open": "bool_or(is_scan_open)",
}
"""What is said of all sightings that a row is made of."""
_WITH = {"link_hub": "links"}
"""What is given together with another column."""

_JOINED = """
from newest join ways as wide on {found}
left join merged on merged.platform = newest.platform
    and merged.account_key = newest.account_key
left join history on history.platform = newest.platform
    and history.account_key = newest.account_key
left join evidence on evidence.platform = newest.platform
    and evidence.account_key = newest.account_key
"""


def find_folds(engine: duckdb.DuckDBPyConnection, *, has_moved: bool = False) -> None:
    """Find the handle-keyed accounts that fold, and the id-keyed one each folds into.

    Args:
        engine: An open connection with `sightings`. Two temporary tables are made there: `shown`
            with handles of id-keyed accounts as keys, and `folds`; both with platform, account_key
            and id_key.
        has_moved: There is `moved`, too: `shown` has the handles that `find_touched` asks about.
    """
    asked = f"{_SPELLED} union {_NAMED}" if has_moved else _SPELLED
    duck.make(engine, "asked", asked)
    duck.make(engine, "shown", _SHOWN)
    duck.make(engine, "folds", _FOLDS)


def find_touched(engine: duckdb.DuckDBPyConnection) -> None:
    """Find the accounts whose profile or posts may not be what they were.

    Args:
        engine: An open connection with `moved` (`sightings.find_moved`), `shown` (`find_folds`) and
            `posts_before`: the stored rows of `POST_TERMS`. Two temporary tables are made there:
            `touched` with these accounts, and `touched_posts` with the keys of their stored posts.
    """
    duck.make(engine, "touched", _TOUCHED)
    own = f"select {', '.join(POST_TERMS.key)} from posts_before"
    duck.make(engine, "touched_posts", f"{own} semi join touched using (platform, account_key)")


def merge(engine: duckdb.DuckDBPyConnection, chosen: str = "") -> None:
    """Merge what is known of accounts into profiles and posts.

    Args:
        engine: An open connection with `sightings` and `post_sightings` (`sightings.open_known`)
            and `folds`. There are made: `profiles`, a view with the columns of `PROFILE`, one row
            per account; `posts`, a table with those of `POST_TERMS`, one row per post.
        chosen: Which accounts, as a clause of SQL behind their sightings; without one all.
    """
    kind = "table" if chosen else "view"
    duck.make(engine, "ways", _folded("sightings", chosen), kind)
    merge_posts(engine, chosen)
    columns = ", ".join(f"{value} as {name}" for name, value in _merged().items())
    merged = _MERGED.format(columns=columns, found=found_by("parts.sighting", "wide"))
    for name, kind, query in (
        ("keyed", "view", f"select *, {order_of()} as sighting from ways"),
        ("newest", "table", _NEWEST),
        ("parts", "table", _PARTS),
        ("merged", "table", merged),
        ("history", "table", _HISTORY),
        ("evidence", "table", _EVIDENCE),
        ("profiles", "view", _winners()),
    ):
        duck.make(engine, name, query, kind)


def merge_posts(engine: duckdb.DuckDBPyConnection, chosen: str = "") -> None:
    """Merge what is known of posts alone, into `posts` as `merge` does.

    Args:
        engine: An open connection with `post_sightings` and `folds`.
        chosen: Which posts, as a clause of SQL behind their sightings; without one all.
    """
    duck.make(engine, "post_ways", _folded("post_sightings", chosen), "view")
    duck.make(engine, "posts", _POSTS)


def everybody(engine: duckdb.DuckDBPyConnection) -> dict[Table, buckets.Sliced]:
    """Profiles and posts of all accounts, a slice of them after another.

    Args:
        engine: An open connection with `sightings`, `post_sightings` and `folds`.
    """

    def profiles(chosen: str) -> str:
        merge(engine, chosen)
        return "profiles"

    def posts(chosen: str) -> str:
        merge_posts(engine, chosen)
        return "posts"

    return {
        PROFILE: buckets.Sliced(_folded("sightings"), profiles),
        POST_TERMS: buckets.Sliced(_folded("post_sightings"), posts),
    }


def _folded(known: str, chosen: str = "") -> str:
    """The query of sightings under the accounts that they count as."""
    return f"from ({_FOLDED.format(known=known)}) {chosen}"


def _merged() -> dict[str, str]:
    """Column -> its value over the parts of an account."""
    empty = {c.name for c in PROFILE.columns if c.kind == "list" and not c.nullable}
    merged = dict(_OF_ALL)
    for name in (*GIVABLE, *_WITH):
        giver = f"list_contains(parts.names, '{_WITH.get(name, name)}')"
        newest = f"any_value(wide.{name}) filter (where {giver})"
        merged[name] = f"coalesce({newest}, [])" if name in empty else newest
    return merged


def _winners() -> str:
    """The query of the profiles."""
    values = {name: f"wide.{name}" for name in PROFILE.names} | _OWN
    for name in _merged():
        values[name] = f"case when newest.is_several then merged.{name} else wide.{name} end"
    shown = ", ".join(f"{values[name]} as {name}" for name in PROFILE.names)
    return f"select {shown} {_JOINED.format(found=found_by('newest.sighting', 'wide'))}"

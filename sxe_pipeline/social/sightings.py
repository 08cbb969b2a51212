"""What is known of accounts and posts, kept: of each the newest sighting of every kind, and counts.

Here: which observations came and went between two versions of them, what is known by both, what is
kept and what came, and putting it together. A sighting of the same kind as a newer one (it gives
the same columns) has nothing to add but its count, so sightings are put together in any order,
again and again. They cannot be taken apart: an account of which an observation is gone is read
anew. Not here: accounts that fold into others, profiles (`merge`), when the tables are written
(`profiles`).

The wide rows are read once: winners are found on narrow columns and joined back, which needs half
the memory of a window over whole rows.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date

import duckdb

from sxe_pipeline.schema import duck
from sxe_pipeline.schema.table import Table
from sxe_pipeline.schema.tables import (
    LANDED_ROW,
    OBSERVATION,
    POST_SIGHTING,
    PROFILE,
    SIGHTING,
    SIGHTING_ORDER,
)
from sxe_pipeline.store import buckets
from sxe_pipeline.store.snapshot import Snapshot

GIVABLE = tuple(
    name
    for name in PROFILE.names
    if name in LANDED_ROW.names
    and name not in ("platform", "account_key", "platform_id", "handle", "observed_at")
)
"""The columns of a profile that each come from one sighting."""

_DAY = "landed_day"
_KNOWN = ("posted_at", "hashtags", "terms")


def order_of(*more: str) -> str:
    """The place of a sighting among all, in SQL; it is total, and finds the sighting again."""
    return f"struct_pack({', '.join(f'{name} := {name}' for name in (*SIGHTING_ORDER, *more))})"


def found_by(sighting: str, within: str) -> str:
    """The condition that a row is that sighting, in SQL."""
    return " and ".join(f"{within}.{n} = {sighting}.{n}" for n in reversed(SIGHTING_ORDER))


def find_moved(engine: duckdb.DuckDBPyConnection, before: Snapshot, after: Snapshot) -> None:
    """Find the accounts with observations that came or went between two versions.

    Args:
        engine: An open connection. A temporary table is made there: `moved` with platform,
            account_key and the handle that each of these observations showed.
        before: The earlier version of the observations.
        after: The later one.
    """
    columns = "platform, account_key, handle"
    duck.make(engine, "moved", f"select {columns} from {_nothing(engine)}")
    for came, went in _differing(engine, before, after):
        for rows in (came, went):
            engine.execute(f"insert into moved select {columns} from {rows}")


def find_new(engine: duckdb.DuckDBPyConnection, before: Snapshot, after: Snapshot) -> bool:
    """Find the observations that are not in what is kept, and the accounts that are to be dropped.

    Args:
        engine: An open connection. Two temporary tables are made there: `seen` with the
            observations, and `vanished` with the accounts that lost one. Of these `seen` holds
            every observation that is left.
        before: The version of the observations that is kept.
        after: The named one.

    Returns:
        Whether any account lost an observation.
    """
    rows = ", ".join(OBSERVATION.names)
    duck.make(engine, "seen", f"from {_nothing(engine)}")
    duck.make(engine, "vanished", "select platform, account_key from seen")
    for came, went in _differing(engine, before, after):
        engine.execute(f"insert into seen select {rows} from {came}")
        engine.execute(f"insert into vanished select platform, account_key from {went}")
    if not engine.sql("from vanished limit 1").fetchall():
        return False
    engine.execute("delete from seen where (platform, account_key) in (from vanished)")
    buckets.attach(engine, "observations", after, OBSERVATION)
    engine.execute(
        f"insert into seen select {rows} from observations "
        "semi join vanished using (platform, account_key)"
    )
    return True


def _nothing(engine: duckdb.DuckDBPyConnection) -> str:
    engine.register("no_observation", OBSERVATION.schema.empty_table())
    return "no_observation"


def _differing(
    engine: duckdb.DuckDBPyConnection, before: Snapshot, after: Snapshot
) -> Iterator[tuple[str, str]]:
    """Rows that came and rows that went, in SQL, day by day; days of the same files are not read.

    An observation that says something else is one that went and one that came.
    """
    came, went = _without("day_after", "day_before"), _without("day_before", "day_after")
    for day in _unshared(before, after):
        buckets.attach(engine, "day_before", before, OBSERVATION, [day], by=_DAY)
        buckets.attach(engine, "day_after", after, OBSERVATION, [day], by=_DAY)
        yield came, went


def _unshared(before: Snapshot, after: Snapshot) -> Iterator[date]:
    """Landing days that are not the same files in both."""
    files: list[dict[date, set[str]]] = [defaultdict(set), defaultdict(set)]
    for held, snapshot in zip(files, (before, after), strict=True):
        for part in snapshot.parts:
            held[part.partition[_DAY]].add(part.path)
    yield from sorted(d for d in {*files[0], *files[1]} if files[0].get(d) != files[1].get(d))


def _without(these: str, others: str) -> str:
    """Rows of a day that another version of it does not hold as they are."""
    same = (f"{these}.{name} is not distinct from {others}.{name}" for name in OBSERVATION.names)
    return f"{these} anti join {others} on {' and '.join(same)}"


def open_known(engine: duckdb.DuckDBPyConnection, table: Table, kept: Snapshot | None) -> str:
    """Name what is known of all accounts: what is kept, and what `seen` says.

    Args:
        engine: An open connection with `seen` and `vanished`, as `find_new` leaves them.
        table: `SIGHTING` or `POST_SIGHTING`.
        kept: Its named version; None where `seen` is all that there is.

    Returns:
        The name of a view with the columns of `table`, of each key any number of rows: `merge`
        puts them together.
    """
    name = table.name.partition("/")[2]
    duck.make(engine, f"new_{name}", _units(engine, table), "view")
    known = f"from new_{name}"
    if kept is not None:
        buckets.attach(engine, f"kept_{name}", kept, table)
        left = (
            f"{_KEPT[table.name]} from kept_{name} anti join vanished using (platform, account_key)"
        )
        known = f"{known} union all by name ({left})"
    duck.make(engine, name, known, "view")
    return name


def reduced(engine: duckdb.DuckDBPyConnection, table: Table) -> tuple[str, str]:
    """Put what `seen` says among what is kept.

    Args:
        engine: An open connection with the views of `open_known`.
        table: `SIGHTING` or `POST_SIGHTING`.

    Returns:
        The names of two views, as `buckets.change` takes them: rows to put, and keys that go.
    """
    name, key = table.name.partition("/")[2], ", ".join(table.key)
    due = f"from {name} semi join (select {key} from new_{name}) as due using ({key})"
    duck.make(engine, _UNREDUCED[table.name], due)
    lost = f"from kept_{name} semi join vanished using (platform, account_key)"
    duck.make(engine, "lost", f"select {key} {lost}")
    return _reduced(engine, table), "lost"


def everything(engine: duckdb.DuckDBPyConnection, table: Table) -> buckets.Sliced:
    """What is to be kept where `seen` is all that there is, a slice of it after another.

    Args:
        engine: An open connection with the views of `open_known`.
        table: `SIGHTING` or `POST_SIGHTING`.
    """
    new = f"from new_{table.name.partition('/')[2]}"

    def made(chosen: str) -> str:
        kind = "table" if chosen else "view"
        duck.make(engine, _UNREDUCED[table.name], f"{new} {chosen}", kind)
        return _reduced(engine, table)

    return buckets.Sliced(new, made)


def _reduced(engine: duckdb.DuckDBPyConnection, table: Table) -> str:
    for name, kind, query in _REDUCED[table.name]:
        duck.make(engine, name, query, kind)
    return "reduced"


def _units(engine: duckdb.DuckDBPyConnection, table: Table) -> str:
    """Observations as rows of the state, each of one sighting."""
    if table is POST_SIGHTING:
        return _POST_UNITS
    own = {
        "gives": _gives(engine),
        "observation_count": "1",
        "first_seen_at": "observed_at",
        "collections": "[collection]",
        "handles": _SHOWN,
    }
    return f"select {', '.join(f'{own.get(n, n)} as {n}' for n in SIGHTING.names)} from seen"


def _gives(engine: duckdb.DuckDBPyConnection) -> str:
    """What a sighting gives, in SQL: as noted, and where nobody did, the columns it fills."""
    names = ", ".join(f"'{name}'" for name in sorted(GIVABLE))
    noted = f"[name for name in [{names}] if list_contains(given, name)]"
    if engine.sql("from seen where given is null limit 1").fetchall():
        filled = ", ".join(
            f"case when {f'len({c.name}) > 0' if c.kind == 'list' else f'{c.name} is not null'} "
            f"then '{c.name}' end"
            for c in sorted(LANDED_ROW.columns, key=lambda c: c.name)
            if c.name in GIVABLE
        )
        held = f"[name for name in [{filled}] if name is not null]"
        noted = f"case when given is null then {held} else {noted} end"
    return f"array_to_string({noted}, ' ')"


_SHOWN = (
    "case when handle is null then [] else [struct_pack(handle := handle, "
    f"first_shown := {order_of()}, last_shown := {order_of()})] end"
)

_KEPT = {
    SIGHTING.name: f"select * replace (if(observation_count = 1, {_SHOWN}, handles) as handles)",
    POST_SIGHTING.name: "select *",
}

_POST_UNITS = f"""
select platform, account_key, post.post_id as post_id,
    concat_ws(' ', {", ".join(f"if(post.{n} is null, null, '{n}')" for n in _KNOWN)}) as knows,
    {", ".join(SIGHTING_ORDER)}, {", ".join(f"post.{n} as {n}" for n in _KNOWN)}
from (select *, unnest(own_posts) as post from seen where len(own_posts) > 0)
"""

_KEY = ", ".join(SIGHTING.key)

_NEWEST = f"""
select {_KEY}, max({order_of()}) as sighting, count(*) > 1 as is_several,
    sum(observation_count)::bigint as observation_count, min(first_seen_at) as first_seen_at,
    list_sort(list_distinct(flatten(list(collections)))) as collections
from known group by {_KEY}
"""

_HANDLES = f"""
select {_KEY}, list(struct_pack(handle := handle, first_shown := first_shown,
    last_shown := last_shown) order by first_shown) as handles
from (
    select {_KEY}, shown.handle as handle, min(shown.first_shown) as first_shown,
        max(shown.last_shown) as last_shown
    from (
        select {_KEY}, unnest(handles) as shown
        from known semi join (from newest_of_each where is_several) using ({_KEY})
    ) group by all
) group by {_KEY}
"""
"""Most accounts were seen once: what they showed needs no grouping."""

_COUNTED = {name: f"newest.{name}" for name in (*SIGHTING.key, "observation_count")} | {
    "first_seen_at": "newest.first_seen_at",
    "collections": "newest.collections",
    "handles": "if(newest.observation_count = 1, [], coalesce(shown.handles, wide.handles))",
}

_WIDE = f"""
select {", ".join(f"{_COUNTED.get(n, f'wide.{n}')} as {n}" for n in SIGHTING.names)}
from newest_of_each as newest join known as wide on {found_by("newest.sighting", "wide")}
left join handles_of_each as shown
    on {" and ".join(f"shown.{n} = newest.{n}" for n in SIGHTING.key)}
"""

_POST_KEY = ", ".join(POST_SIGHTING.key)
_POSTS = f"""
select {_POST_KEY}, unnest(newest) from (
    select {_POST_KEY}, max({order_of(*_KNOWN)}) as newest from known_posts group by {_POST_KEY}
)
"""

_UNREDUCED = {SIGHTING.name: "known", POST_SIGHTING.name: "known_posts"}
_REDUCED = {
    SIGHTING.name: (
        ("newest_of_each", "table", _NEWEST),
        ("handles_of_each", "table", _HANDLES),
        ("reduced", "view", _WIDE),
    ),
    POST_SIGHTING.name: (("reduced", "view", _POSTS),),
}

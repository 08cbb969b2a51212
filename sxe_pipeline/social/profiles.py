"""The tables of profiles and of posts: kept as the named observations say, with their event.

Here: when they are due, what of them is written anew, writing and naming them together with the
state that they are merged from. Not here: that state (`sightings`), which sighting says what
(`merge`), which accounts are one card (`identities`).
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import duckdb
import psycopg

from sxe_pipeline import audit
from sxe_pipeline.errors import Busy, NotFound
from sxe_pipeline.ops import versions
from sxe_pipeline.schema import duck
from sxe_pipeline.schema.table import Table
from sxe_pipeline.schema.tables import OBSERVATION, POST_SIGHTING, POST_TERMS, PROFILE, SIGHTING
from sxe_pipeline.social import merge, observe, recover, sightings
from sxe_pipeline.store import buckets, tables
from sxe_pipeline.store.snapshot import Snapshot

TABLE, POSTS_TABLE = PROFILE.name, POST_TERMS.name
_KEPT = (SIGHTING, POST_SIGHTING)
_WRITTEN = (PROFILE, POST_TERMS)
_MOST_NEW = 0.5
"""What came since, as a share of what is kept, before it is put among it: a few rows in each of its
buckets would have all of it written every day. What memory does not bear at once never waits."""
_MOST_REPLACED = 0.5
"""Observations in files that are gone, as a share of all, before all accounts are merged anew, as
after newer rules: comparing them day by day would cost more."""
_SOURCES = ("social/profiles.py", "social/merge.py", "social/sightings.py", "schema")


@dataclass(frozen=True)
class Rebuilt:
    """What a rebuild left."""

    profile_count: int
    post_count: int
    version: int
    is_new: bool = True

    def numbers(self) -> dict[str, int]:
        """The figures to show beside the table."""
        return {"profiles": self.profile_count, "posts": self.post_count}


def rebuild(
    conn: psycopg.Connection,
    root: str,
    *,
    actor: str,
    now: dt.datetime,
    recheck: versions.Recheck = versions.unleased,
    is_whole: bool = False,
) -> Rebuilt:
    """Bring profiles and post terms to what the named observations say, unless they say it.

    Both follow the observations: what was withdrawn, replaced, suppressed or too old is in neither.
    Only accounts with observations that came or went are merged anew; the rows are those that all
    observations give.

    Args:
        conn: The social tier's login.
        root: URL of the Tier 1 store.
        actor: Who started it.
        now: When this is happening.
        recheck: Refuses where another run took over.
        is_whole: Merge all accounts anew, from all observations.

    Raises:
        NotFound: No observation was ever written.
        Busy: A lost store is being built again, and some days are missing yet.
    """
    with conn.transaction():
        for table in (*_KEPT, *_WRITTEN):
            tables.lock(conn, table.name)
        observations = tables.snapshot(conn, root, observe.TABLE)
        if observations is None:
            raise NotFound("social/observations was never written; ingest a landing file first")
        if unbuilt := recover.unbuilt(conn):
            raise Busy(
                f"{unbuilt} landed days of a lost store are not built again yet; they come first, "
                "`sxe recover` goes on with them"
            )
        inputs = inputs_of(observations.rows_version)
        found, posts_found = (versions.named(conn, table.name) for table in _WRITTEN)
        are_current = all(versions.is_current(each, inputs) for each in (found, posts_found))
        if found and are_current and not is_whole:
            numbers = found.numbers
            return Rebuilt(numbers["profiles"], numbers["posts"], found.version, is_new=False)
        before = None if is_whole else _before(conn, root, observations)
        with duck.opened() as engine:
            changed = _write(conn, root, engine, before, observations)
        written = Rebuilt(
            changed[PROFILE.name].row_count,
            changed[POST_TERMS.name].row_count,
            changed[PROFILE.name].version,
        )
        event = audit.record(
            "profiles.written",
            actor=actor,
            subject=TABLE,
            # The same rows may be those of newer observations.
            key=f"v{written.version}.{observations.version}@{now.isoformat()}",
            profile_count=written.profile_count,
            post_count=written.post_count,
            profiles_version=written.version,
            post_terms_version=changed[POST_TERMS.name].version,
            observations_version=observations.version,
            built_at=now,
        )
        for name, done in changed.items():
            versions.name(
                conn,
                name,
                done.version,
                inputs=inputs,
                event=event,
                recheck=recheck,
                numbers=written.numbers(),
                made_from={observe.TABLE: observations},
                rest=_code(),
            )
    return written


def inputs_of(observations: int) -> str:
    """A digest of what the tables are made from: a version of the observations, and code."""
    return versions.digest(observations=observations, code=_code())


def _code() -> str:
    return versions.code(*_SOURCES)


@dataclass(frozen=True)
class _Before:
    """What is there, and the versions of the observations that it was made from."""

    stored: Mapping[str, Snapshot]
    kept: Snapshot
    written: Snapshot


def _before(conn: psycopg.Connection, root: str, observations: Snapshot) -> _Before | None:
    """What is there; None where all of it must be made whole, or had better be."""
    stored, made_from = {}, {}
    for table in (*_KEPT, *_WRITTEN):
        named = tables.snapshot(conn, root, table.name)
        basis = versions.basis(conn, root, table.name, _code())
        if named is None or basis is None or not buckets.is_kept_in(named, table):
            return None
        stored[table.name], made_from[table.name] = named, basis[observe.TABLE]
    for one, other in (_KEPT, _WRITTEN):
        if made_from[one.name].version != made_from[other.name].version:
            return None
    merged = {part.path for part in made_from[PROFILE.name].parts}
    came = sum(part.row_count for part in observations.parts if part.path not in merged)
    if came > duck.rows_at_once(buckets.ROW_BYTES):
        return None
    before, now = made_from[SIGHTING.name].parts, {part.path for part in observations.parts}
    replaced = sum(part.row_count for part in before if part.path not in now)
    if replaced > _MOST_REPLACED * sum(part.row_count for part in before):
        return None
    return _Before(stored, made_from[SIGHTING.name], made_from[PROFILE.name])


def _write(
    conn: psycopg.Connection,
    root: str,
    engine: duckdb.DuckDBPyConnection,
    before: _Before | None,
    observations: Snapshot,
) -> dict[str, buckets.Changed]:
    """Write what changes of each table that is due; the versions are not named yet."""
    if before is None:
        buckets.attach(engine, "seen", observations, OBSERVATION)
        for table in _KEPT:
            sightings.open_known(engine, table, None)
        merge.find_folds(engine)
        made = merge.everybody(engine) | {t: sightings.everything(engine, t) for t in _KEPT}
        return {
            table.name: buckets.change(conn, root, table, engine, rows, is_whole=True)
            for table, rows in made.items()
        }
    is_due = sightings.find_new(engine, before.kept, observations)
    [(new,)] = engine.sql("select count(*) from seen").fetchall()
    kept = sum(part.row_count for part in before.stored[SIGHTING.name].parts)
    is_due = is_due or new > min(_MOST_NEW * kept, duck.rows_at_once(buckets.ROW_BYTES))
    sightings.find_moved(engine, before.written, observations)
    buckets.attach(engine, "posts_before", before.stored[POST_TERMS.name], POST_TERMS)
    for table in _KEPT:
        sightings.open_known(engine, table, before.stored[table.name])
    merge.find_folds(engine, has_moved=True)
    merge.find_touched(engine)
    merge.merge(engine, "semi join touched using (platform, account_key)")
    due: dict[Table, tuple[str, str]] = {
        PROFILE: ("profiles", "touched"),
        POST_TERMS: ("posts", "touched_posts"),
    }
    changed = {
        table.name: buckets.change(conn, root, table, engine, rows, gone)
        for table, (rows, gone) in due.items()
    }
    for table in _KEPT if is_due else ():
        rows, gone = sightings.reduced(engine, table)
        changed[table.name] = buckets.change(conn, root, table, engine, rows, gone)
    return changed

"""The tables of profiles and of posts: written anew from the named observations, with their event.

Here: when they are due, writing and naming them. Not here: which sighting says what (`merge`),
which accounts are one card (`identities`).
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pyarrow as pa

from sxe_pipeline import audit
from sxe_pipeline.errors import Busy, NotFound
from sxe_pipeline.ops import versions
from sxe_pipeline.schema import duck
from sxe_pipeline.schema.table import Table
from sxe_pipeline.schema.tables import POST_TERMS, PROFILE
from sxe_pipeline.social import merge, observe, recover
from sxe_pipeline.store import tables

TABLE, POSTS_TABLE = PROFILE.name, POST_TERMS.name
_SOURCES = ("social/profiles.py", "social/merge.py", "schema")


@dataclass(frozen=True)
class Rebuilt:
    """What a rebuild wrote."""

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
) -> Rebuilt:
    """Write profiles and post terms anew from all named observations, unless they are the same.

    Both follow the observations: what was withdrawn, replaced, suppressed or too old is in neither.

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
        tables.lock(conn, POSTS_TABLE)
        observations = tables.snapshot(conn, root, observe.TABLE)
        if observations is None:
            raise NotFound("social/observations was never written; ingest a landing file first")
        if unbuilt := recover.unbuilt(conn):
            raise Busy(
                f"{unbuilt} landed days of a lost store are not built again yet; they come first, "
                "`sxe recover` goes on with them"
            )
        inputs = inputs_of(observations.rows_version)
        found, posts_found = (versions.named(conn, name) for name in (TABLE, POSTS_TABLE))
        if found and all(versions.is_current(each, inputs) for each in (found, posts_found)):
            numbers = found.numbers
            return Rebuilt(numbers["profiles"], numbers["posts"], found.version, is_new=False)
        profiles, posts = _Count(PROFILE), _Count(POST_TERMS)
        with duck.opened() as engine:
            merged = merge.Merge(engine, observations)
            version = tables.write(conn, root, TABLE, profiles.over(merged.profiles()), days=None)
            posts_version = tables.write(
                conn, root, POSTS_TABLE, posts.over(merged.posts()), days=None
            )
        event = audit.record(
            "profiles.written",
            actor=actor,
            subject=TABLE,
            key=f"v{version}@{now.isoformat()}",
            profile_count=profiles.rows,
            post_count=posts.rows,
            profiles_version=version,
            post_terms_version=posts_version,
            observations_version=observations.version,
            built_at=now,
        )
        written = Rebuilt(profiles.rows, posts.rows, version)
        for name, number in ((TABLE, version), (POSTS_TABLE, posts_version)):
            versions.name(
                conn,
                name,
                number,
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
    """Counts the rows that pass, in the table's schema."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self.rows = 0

    def over(self, reader: pa.RecordBatchReader) -> pa.RecordBatchReader:
        schema = self._table.schema

        def batches() -> Iterator[pa.RecordBatch]:
            for batch in reader:
                self.rows += batch.num_rows
                columns = [batch.column(field.name).cast(field.type) for field in schema]
                yield pa.RecordBatch.from_arrays(columns, schema=schema)

        return pa.RecordBatchReader.from_batches(schema, batches())

"""The table of profiles: written anew from the named observations, named with its event.

Here: when it is due, writing it, naming it. Not here: which sighting says what (`merge`), which
accounts are one card (`identities`).
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
from sxe_pipeline.schema.tables import PROFILE
from sxe_pipeline.social import merge, observe, recover
from sxe_pipeline.store import tables

TABLE = PROFILE.name
_SOURCES = ("social/profiles.py", "social/merge.py", "schema")


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
            batches = _conforming(merge.profiles(engine, observations))
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


def _conforming(reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    """The batches in the table's schema; a column that no sighting had yet is null."""
    for batch in reader:
        columns = [
            batch.column(field.name).cast(field.type)
            if field.name in batch.schema.names
            else pa.nulls(batch.num_rows, field.type)
            for field in PROFILE.schema
        ]
        yield pa.RecordBatch.from_arrays(columns, schema=PROFILE.schema)

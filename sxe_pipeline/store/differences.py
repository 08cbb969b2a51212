"""Which rows two versions of a table in buckets do not share.

Here: the keys under which they say something else, from what each version noted, or by comparing
them. Not here: the notes themselves (`changes`), writing (`buckets`).
"""

from collections.abc import Iterator, Sequence

import duckdb

from sxe_pipeline.schema.table import Table
from sxe_pipeline.store import buckets, changes
from sxe_pipeline.store.snapshot import Snapshot


def find(
    engine: duckdb.DuckDBPyConnection,
    into: str,
    table: Table,
    before: Snapshot,
    after: Snapshot,
    columns: Sequence[str],
) -> None:
    """Name the keys under which two versions of a table do not say the same.

    Nothing of the table is read where each step from one to the other is noted; there a row that
    was changed back differs, too. Else files that both versions hold are not read.

    Args:
        engine: An open connection.
        into: The temporary table that is made: the key, and `is_gone` where the later version has
            no such row.
        table: The table; its key says which rows stand for each other.
        before: The earlier version.
        after: The later one.
        columns: What is compared; a row that differs elsewhere alone is the same.
    """
    key = ", ".join(table.key)
    noted = changes.between(before.root, table, before.version, after.version)
    if noted is not None:
        told = [changes.NEW, changes.GONE, *(name for name in columns if name not in table.key)]
        engine.register("noted", noted)
        engine.execute(
            f"create or replace temp table {into} as select {key}, arg_max(is_gone, step) "
            f"as is_gone from noted group by {key} having bool_or({' or '.join(told)})"
        )
        return
    kept = {*table.key, *columns}
    read = Table(table.name, tuple(c for c in table.columns if c.name in kept), table.key)
    engine.register("declared", read.schema.empty_table())
    engine.execute(
        f"create or replace temp table {into} as select {key}, false as is_gone from declared"
    )
    for earlier, later in _unshared(before, after):
        buckets.attach(engine, "earlier", before, read, earlier)
        buckets.attach(engine, "later", after, read, later)
        engine.execute(
            f"insert into {into} select {key}, later.here is null "
            "from (select *, true as here from earlier) as earlier "
            f"full join (select *, true as here from later) as later using ({key}) "
            "where earlier.here is null or later.here is null "
            f"or {_row('earlier', columns)} is distinct from {_row('later', columns)}"
        )


def _unshared(
    before: Snapshot, after: Snapshot
) -> Iterator[tuple[list[int] | None, list[int] | None]]:
    """Buckets of two versions that stand for each other and are not the same files, in groups."""
    counts = buckets.count_of(before), buckets.count_of(after)
    if counts[0] is None or counts[1] is None:
        yield None, None
        return
    least = min(counts[0], counts[1])
    files = [
        {(buckets.number_of(p) % least, p.path) for p in each.parts} for each in (before, after)
    ]
    found = sorted({number for number, _ in files[0] ^ files[1]})
    for group in buckets.in_groups(found):
        both = ([n for n in range(count or 0) if n % least in group] for count in counts)
        earlier, later = both
        yield earlier, later


def _row(of: str, names: Sequence[str]) -> str:
    return f"row({', '.join(f'{of}.{name}' for name in names) or 'true'})"

"""The Tier 1 job beside DuckDB, Polars and pandas: JSON Lines in, the newest row of an account out.

Usage: python bench/tier1.py [ROWS] [ROUNDS]

Records of X as they land, one in five of an account seen on the day before, texts distinct. A peer
takes twelve columns, cleans three of them by two plain regexes (which leak), keeps the newest row
of each account and writes Parquet (zstd). Of ours there are three rows: read and mapped only, and
redacted as well, each to the newest row in Parquet, all columns; and the product's own acts from
files to profiles, with register, quarantine, second detector, Delta and Postgres. The floor is
decoding every line. All take turns, each in a process of its own whose peak includes its libraries;
CPU seconds are those of all threads after the libraries were loaded, and of Postgres meanwhile. The
ratios are the middle ones. The goals are for ten million rows: of few, what our acts load as they
begin is most of it. pandas holds every row, and is left out above a million.
"""

import itertools
import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import median

os.environ.setdefault("POLARS_MAX_THREADS", "1")

import day
import measured

from sxe_pipeline.sandbox import people

_DAYS = (date(2026, 1, 5), date(2026, 1, 6))
_AGAIN = 0.2
_MAIL = r"[\w.+-]+@[\w-]+\.[\w.-]+"
_NUMBER = r"\+?\d[\d ().-]{7,}\d"
_ALL_IN_MEMORY = 1_000_000
_NAMES = {
    "floor": "decoding, the floor",
    "duckdb": "bare DuckDB",
    "polars": "bare Polars",
    "pandas": "bare pandas",
    "mapped": "ours, read and mapped",
    "redacted": "ours, mapped and redacted",
    "whole": "ours, files to profiles",
}
_COLUMNS = {
    "platform_id": "user.rest_id",
    "handle": "user.core.screen_name",
    "display_name": "user.core.name",
    "bio": "user.profile_bio.description",
    "location": "user.location.location",
    "link": "user.website.url",
    "follower_count": "user.relationship_counts.followers",
    "following_count": "user.relationship_counts.following",
    "post_count": "user.tweet_counts.tweets",
    "is_verified": "user.is_blue_verified",
    "created_at": "user.core.created_at",
    "observed_at": "commit_date",
}
"""What the peers take, and where it stands."""
_CLEANED = ("display_name", "bio", "location")
_COUNTS = ("followers", "following", "tweets")


def make(root: Path, rows: int) -> None:
    """Write the landing files of two days."""
    rng, fresh = random.Random(3), round(rows * (1 - _AGAIN))

    def of_x() -> Iterator[people.Account]:
        everybody = (account for _, account in day.accounts_at(itertools.count()))
        return (account for account in everybody if account.platform == "x")

    day.land(root, _DAYS[0], itertools.islice(of_x(), fresh))
    again = itertools.islice(of_x(), rows - fresh)
    day.land(root, _DAYS[1], (people.later(rng, each, may_rename=True) for each in again))


def _files(root: str) -> list[str]:
    return sorted(map(str, Path(root).rglob("*.jsonl")))


def _tree() -> dict:
    """`_COLUMNS` as a tree of fields; a leaf is the name of its type."""
    tree: dict = {}
    for path in _COLUMNS.values():
        *parents, leaf = path.split(".")
        at = tree
        for parent in parents:
            at = at.setdefault(parent, {})
        at[leaf] = (
            "bigint" if leaf in _COUNTS else "boolean" if leaf.startswith("is_") else "varchar"
        )
    return tree


def floor(root: str, _: str) -> Iterator[dict[str, float]]:
    """Decode every line."""
    import msgspec

    decode, seen = msgspec.json.Decoder().decode, set()
    yield {}
    for file in _files(root):
        with Path(file).open("rb") as lines:
            seen.update(decode(line)["user"]["rest_id"] for line in lines)
    yield {"accounts": len(seen)}


def duckdb(root: str, out: str) -> Iterator[dict[str, float]]:
    """The script that anybody would write in DuckDB."""
    import duckdb as engine

    def typed(tree: dict) -> str:
        fields = (f"{k} {typed(v) if isinstance(v, dict) else v}" for k, v in tree.items())
        return f"struct({', '.join(fields)})"

    columns = {k: typed(v) if isinstance(v, dict) else v for k, v in _tree().items()}
    taken = [
        f'clean("{path}") as {name}' if name in _CLEANED else f'"{path}" as {name}'
        for name, path in _COLUMNS.items()
    ]
    taken = [each.replace(".", '"."') for each in taken]
    with engine.connect(config={"threads": 1, "temp_directory": str(Path(out).parent)}) as db:
        db.execute(
            "create macro clean(words) as regexp_replace(regexp_replace("
            f"words, '{_MAIL}', '', 'g'), '{_NUMBER}', '', 'g')"
        )
        yield {}
        [(count,)] = db.execute(
            f"copy (select {', '.join(taken)} from read_json({_files(root)}, "
            f"format = 'newline_delimited', columns = {columns}) qualify row_number() over "
            "(partition by platform_id order by observed_at desc) = 1) "
            f"to '{out}' (format parquet, compression zstd)"
        ).fetchall()
    yield {"accounts": count}


def polars(root: str, out: str) -> Iterator[dict[str, float]]:
    """The same in Polars, streamed."""
    import polars as pl

    kinds = {"bigint": pl.Int64, "boolean": pl.Boolean, "varchar": pl.String}

    def typed(tree: dict | str) -> pl.DataType:
        if isinstance(tree, str):
            return kinds[tree]
        return pl.Struct({name: typed(field) for name, field in tree.items()})

    def taken(name: str, path: str) -> pl.Expr:
        first, *rest = path.split(".")
        column = pl.col(first)
        for field in rest:
            column = column.struct.field(field)
        if name in _CLEANED:
            column = column.str.replace_all(_MAIL, "").str.replace_all(_NUMBER, "")
        return column.alias(name)

    schema = {name: typed(field) for name, field in _tree().items()}
    yield {}
    rows = pl.scan_ndjson(_files(root), schema=schema).select(
        taken(name, path) for name, path in _COLUMNS.items()
    )
    newest = rows.sort("observed_at").unique("platform_id", keep="last")
    newest.sink_parquet(out, compression="zstd")
    yield {"accounts": pl.scan_parquet(out).select(pl.len()).collect().item()}


def pandas(root: str, out: str) -> Iterator[dict[str, float]]:
    """The same in pandas."""
    import pandas as pd

    yield {}
    read = pd.concat([pd.read_json(file, lines=True, dtype=False) for file in _files(root)])
    rows = pd.json_normalize(read.to_dict("records"))
    rows = rows.reindex(columns=list(_COLUMNS.values())).set_axis(list(_COLUMNS), axis=1)
    for name in _CLEANED:
        rows[name] = rows[name].str.replace(_MAIL, "", regex=True)
        rows[name] = rows[name].str.replace(_NUMBER, "", regex=True)
    newest = rows.sort_values("observed_at").drop_duplicates("platform_id", keep="last")
    newest.to_parquet(out, compression="zstd")
    yield {"accounts": len(newest)}


def mapped(root: str, out: str, *, is_redacted: bool = False) -> Iterator[dict[str, float]]:
    """Our reading of the same files, redacted or not; then the newest by DuckDB, as a peer."""
    import duckdb as engine
    import pyarrow as pa

    from sxe_pipeline.ingest.mapping import mappings
    from sxe_pipeline.ingest.read import read_file
    from sxe_pipeline.schema.tables import LANDED_ROW, OBSERVATION
    from sxe_pipeline.social.redaction import redact_rows

    def batches() -> Iterator[pa.RecordBatch]:
        for file in _files(root):
            with Path(file).open("rb") as stream:
                for piece in read_file(
                    stream,
                    name=Path(file).name,
                    file_sha256="0" * 64,
                    collection="x_profiles",
                    registered_at=datetime(2026, 11, 1, tzinfo=UTC),
                    mappings=mappings(None),
                ):
                    yield redact_rows(piece.rows, _DAYS[0])[0] if is_redacted else piece.rows

    schema = (OBSERVATION if is_redacted else LANDED_ROW).schema
    yield {}
    rows = pa.RecordBatchReader.from_batches(schema, batches())
    with engine.connect(config={"threads": 1, "temp_directory": str(Path(out).parent)}) as db:
        db.register("rows", rows)
        [(count,)] = db.execute(
            "copy (select * from rows qualify row_number() over "
            "(partition by platform, account_key order by observed_at desc) = 1) "
            f"to '{out}' (format parquet, compression zstd)"
        ).fetchall()
    yield {"accounts": count}


def redacted(root: str, out: str) -> Iterator[dict[str, float]]:
    """Read, mapped and redacted."""
    return mapped(root, out, is_redacted=True)


_ACTS = (floor, duckdb, polars, pandas, mapped, redacted)


def act(name: str, root: str, out: str) -> Iterator[dict[str, float]]:
    """One of `_ACTS`, by its name."""
    return {each.__name__: each for each in _ACTS}[name](root, out)


def whole(root: Path) -> tuple[measured.Taken, float]:
    """The product's acts in a home of their own; what they took, and what they store."""
    with day.new_home() as home:
        shutil.copytree(root, home.landing, copy_function=os.link)
        taken = home.run("observations,profiles")
        return taken, measured.disk_mb(home.tables)


def main(rows: int, rounds: int) -> None:
    """Print a line for each way, and the goals."""
    names = [name for name in _NAMES if name != "pandas" or rows <= _ALL_IN_MEMORY]
    took: dict[str, list[measured.Taken]] = {name: [] for name in names}
    disk: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        root, out = Path(folder) / "landing", Path(folder) / "out" / "newest.parquet"
        make(root, rows)
        for _ in range(rounds):
            for name in names:
                if name == "whole":
                    taken, disk[name] = whole(root)
                else:
                    out.parent.mkdir()
                    taken = measured.apart(__file__, name, root, out)
                    disk[name] = measured.disk_mb(out.parent)
                    shutil.rmtree(out.parent)
                took[name].append(taken)
        size = measured.disk_mb(root)
    counts = {t.found["accounts"] for name in names for t in took[name] if "accounts" in t.found}
    print(f"{rows:,} rows of {max(counts):,.0f} accounts, {size:,.0f} MB of JSON Lines")
    cpu = {name: [each.cpu for each in took[name]] for name in names}
    peaks = {name: max(each.peak_mb for each in took[name]) for name in names}
    for name in names:
        middle = median(cpu[name])
        print(
            f"{_NAMES[name]:26} CPU {middle:7.2f} s {measured.spread(cpu[name])}, "
            f"{rows / middle:9,.0f} rows/s, {measured.ratio(cpu[name], cpu['duckdb']):5.2f}x DuckDB"
            f", {measured.ratio(cpu[name], cpu['floor']):5.2f}x the floor, "
            f"peak {peaks[name]:6,.0f} MB, disk {disk[name]:7,.1f} MB"
        )
    if len(counts) != 1:  # redaction may refuse a handle that is a contact, and none here is
        raise SystemExit("not all of them found the same accounts")
    measured.judge("tier1", measured.ratio(cpu["whole"], cpu["duckdb"]))
    measured.judge("tier1_mapped", measured.ratio(cpu["mapped"], cpu["duckdb"]))
    measured.judge("tier1_peak", peaks["whole"] / 1024)


if __name__ == "__main__" and not measured.as_child(act):
    main(*measured.sizes(100_000, 3))

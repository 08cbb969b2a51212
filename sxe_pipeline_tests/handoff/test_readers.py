"""Batches as strangers read them: DuckDB, pandas, pyarrow, Polars, a validator of JSON."""

import json

import duckdb
import jsonschema_rs
import pandas as pd
import polars as pl
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from sxe_pipeline.handoff.files import manifest
from sxe_pipeline.handoff.reader.verify import verify


@pytest.fixture(scope="session")
def two_batches(write, cards, tmp_path_factory):
    root = tmp_path_factory.mktemp("batches")
    first = write(root, cards(30, seed=1))
    write(root, cards(20, seed=2), day="2026-01-02", prev=first.name)
    return root


def test_f6_duckdb_globs_several_batches_with_the_contract_columns_only(two_batches, contract):
    for pattern, read in (("parquet/*", "read_parquet"), ("_jsonl/*", "read_json")):
        with duckdb.connect(":memory:") as db:
            found = db.sql(
                f"SELECT * FROM {read}('{two_batches}/lead_card/v1/*/{pattern}', "
                "union_by_name=true)"
            )
            assert found.columns == contract.names
            assert len(found.fetchall()) == 50


def test_pandas_reads_both_formats_and_ids_stay_text(two_batches, contract):
    columnar = pd.read_parquet(sorted(two_batches.glob("lead_card/v1/*/parquet/*.parquet"))[0])
    lines = sorted(two_batches.glob("lead_card/v1/*/_jsonl/*.jsonl"))[0]
    frame = pd.read_json(lines, lines=True, dtype=False)

    assert list(columnar.columns) == list(frame.columns) == contract.names
    for column in ("card_id", "platform_id", "bio"):
        assert columnar[column].fillna("").tolist() == frame[column].fillna("").tolist()
    assert frame.platform_id.str.fullmatch(r"90071992547\d{5}").all()


def test_the_folder_of_a_batch_and_of_all_days_is_what_readers_open(two_batches, contract):
    folders = sorted(two_batches.glob("lead_card/v1/*/parquet"))
    for folder in folders:
        with duckdb.connect() as db:
            found = db.sql(f"SELECT * FROM read_parquet('{folder}/*')").fetchall()
        counts = {
            len(pd.read_parquet(folder)),
            ds.dataset(folder).count_rows(),
            pl.scan_parquet(folder).collect().height,
            len(found),
        }
        assert counts in ({20}, {30})
        assert list(pd.read_parquet(folder).columns) == contract.names
    every = f"{two_batches}/lead_card/v1/*/parquet"

    assert pl.scan_parquet(f"{every}/*").collect().height == 50
    assert len(pd.read_parquet([*map(str, two_batches.glob("lead_card/v1/*/parquet/*"))])) == 50
    assert ds.dataset([ds.dataset(folder) for folder in folders]).count_rows() == 50


def test_pyarrow_reads_with_the_pinned_schema(two_batches, contract):
    files = [str(file) for file in two_batches.glob("lead_card/v1/*/parquet/*.parquet")]
    rows = ds.dataset(files, schema=contract.arrow()).to_table()

    assert rows.num_rows == 50
    assert rows.schema.names == contract.names
    contract.check(rows.slice(0, 0))


@pytest.mark.parametrize("closed", [False, True], ids=["consumer", "producer"])
def test_every_line_meets_the_json_schema(two_batches, contract, closed):
    valid = jsonschema_rs.validator_for(contract.json_schema(closed=closed))
    lines = [
        line
        for file in two_batches.glob("lead_card/v1/*/_jsonl/*.jsonl")
        for line in file.read_bytes().split(b"\n")[:-1]
    ]

    assert len(lines) == 50
    assert [e for line in lines for e in valid.iter_errors(json.loads(line))] == []


def test_the_chain_links_the_batches(two_batches, signer):
    seen = [verify(f.parent, signer.public_key) for f in two_batches.rglob(manifest.NAME)]
    first, second = sorted(seen, key=lambda one: one.day)

    assert (first.prev_batch_id, second.prev_batch_id) == (None, first.batch_id)
    assert pq.read_metadata(next(two_batches.rglob("*.parquet"))).num_rows in (20, 30)

"""Batches of every released version, kept as they were written: they are read for ever.

A version that is released leaves a batch below `released/<contract>/<version>/`, signed with the
key of the tests; nothing there is ever written anew.
"""

import json
from pathlib import Path

import duckdb
import jsonschema_rs
import pandas as pd
import pyarrow.dataset as ds
import pytest

from sxe_pipeline import contracts_root, schema
from sxe_pipeline.handoff.reader.verify import verify
from sxe_pipeline.schema import releases

KEPT = Path(__file__).parent / "released"
RELEASED = sorted(
    {
        (name.split("/")[0], name.split("/")[1].removesuffix(".odcs.yaml"))
        for name in releases.locked(contracts_root())
        if name.endswith(".odcs.yaml")
    }
)
"""Contract and version, as the lock has them."""
REMOVES = "tombstone"
"""No batch of its own: what a delta of lead cards takes out."""


def files(contract, version, form):
    if contract == REMOVES:
        # Of one version: a later one brings deltas of its own.
        found = KEPT.glob(f"lead_card/{version}/*/_removes/{form}/*")
    else:
        found = KEPT.glob(f"{contract}/{version}/*/{form}/*")
    return sorted(found)


@pytest.mark.parametrize(("contract", "version"), RELEASED)
def test_c8_a_batch_of_each_released_version_is_read_by_every_reader(contract, version):
    newest = schema.load(contract)
    parquet = [str(file) for file in files(contract, version, "parquet")]
    lines = [
        json.loads(line)
        for file in files(contract, version, "_jsonl")
        for line in file.read_bytes().split(b"\n")[:-1]
    ]
    assert lines, f"{contract} {version} is released and no batch of it is kept"

    pinned = ds.dataset(parquet, schema=newest.arrow()).to_table()
    with duckdb.connect() as db:
        found = db.execute("select * from read_parquet(?, union_by_name = true)", [parquet])
        by_duckdb, names = found.fetchall(), [column[0] for column in found.description]
    frame = pd.concat([pd.read_parquet(file) for file in parquet])

    assert pinned.num_rows == len(by_duckdb) == len(frame) == len(lines)
    assert names == list(frame.columns) == schema.load(contract, version).names


@pytest.mark.parametrize(("contract", "version"), RELEASED)
def test_c8_the_validator_of_each_version_takes_the_rows_of_all_in_its_major(contract, version):
    valid = jsonschema_rs.validator_for(schema.load(contract, version).json_schema())
    major = version.partition(".")[0]
    same = [v for c, v in RELEASED if c == contract and v.partition(".")[0] == major]

    for file in (file for other in same for file in files(contract, other, "_jsonl")):
        for line in file.read_bytes().split(b"\n")[:-1]:
            assert valid.is_valid(json.loads(line)), file


def test_c8_every_batch_that_is_kept_still_verifies(signer):
    folders = [file.parent for file in KEPT.rglob("_manifest.json")]

    kinds = {verify(folder, signer.public_key).contract for folder in folders}

    assert kinds == {contract for contract, _ in RELEASED} - {REMOVES}

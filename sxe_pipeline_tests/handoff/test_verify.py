import datetime as dt
import hashlib
import io
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import duckdb
import jsonschema_rs
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from sxe_pipeline import schema
from sxe_pipeline.errors import ContractBroken, NotFound, Tampered
from sxe_pipeline.handoff import edition, encode, manifest, pieces, sign
from sxe_pipeline.handoff.chain import BatchKey
from sxe_pipeline.handoff.sign import Signer
from sxe_pipeline.handoff.verify import Prefix, verify
from sxe_pipeline.store.objects import Objects
from sxe_pipeline_tests.handoff.contacts import CONTRACT, OTHER, at, contacts
from sxe_pipeline_tests.handoff.whole import batch_bytes, fields_and_parts, lay


@pytest.fixture(scope="session")
def write(contract, signer):
    """`write(root, rows, day, prev, lies)`: a batch as it is published, without a database."""

    def batch(root: Path, rows, day="2026-01-01", prev=None, by=signer, lies=None) -> Path:
        batch_key = BatchKey("x_general", dt.date.fromisoformat(day))
        fields, parts = fields_and_parts(contract, rows, batch_key, prev)
        folder = root / "lead_card" / "v0" / fields["batch_id"]
        lay(folder, parts)
        (folder / manifest.NAME).write_bytes(manifest.seal(fields | (lies or {}), by))
        return folder

    return batch


def test_a_whole_batch_is_verified_from_disk_and_from_a_store(write, cards, signer, tmp_path):
    folder = write(tmp_path, cards(20))
    seen = verify(folder, signer.public_key)
    store = Objects(tmp_path.as_uri())

    assert seen == verify(Prefix(store, f"lead_card/v0/{folder.name}"), signer.public_key)
    assert (seen.batch_id, seen.row_count, seen.market) == (folder.name, 20, "x_general")
    assert seen.key_id == signer.key_id


def test_an_empty_batch_is_verified(write, contract, signer, tmp_path):
    folder = write(tmp_path, contract.arrow().empty_table())

    assert verify(folder, signer.public_key).row_count == 0


def test_a_flipped_byte_anywhere_is_refused(write, cards, signer, tmp_path):
    folder = write(tmp_path, cards(4))
    for file in sorted(file for file in folder.rglob("*") if file.is_file()):
        whole = file.read_bytes()
        step = max(1, len(whole) // 60)
        for offset in [*range(0, len(whole), step), len(whole) - 1]:
            file.write_bytes(whole[:offset] + bytes([whole[offset] ^ 1]) + whole[offset + 1 :])
            with pytest.raises(Tampered):
                verify(folder, signer.public_key)
        for other in (whole[:-1], whole + b"\n", b""):
            file.write_bytes(other)
            if other == whole + b"\n" and file.name == manifest.NAME:
                continue  # white space around the envelope is not signed and says nothing
            with pytest.raises(Tampered):
                verify(folder, signer.public_key)
        file.write_bytes(whole)

    assert verify(folder, signer.public_key).row_count == 4


def test_a_key_found_beside_the_batch_is_never_used(write, cards, signer, tmp_path):
    thief = Signer.generate()
    folder = write(tmp_path, cards(4), by=thief)
    (folder / "signing.pub").write_bytes(thief.public_pem())

    with pytest.raises(Tampered, match="not signed with the given key"):
        verify(folder, signer.public_key)


def test_a_missing_part_and_an_unlisted_part_are_refused(write, cards, signer, tmp_path):
    folder = write(tmp_path, cards(4))
    part = next(folder.glob("parquet/*"))
    (folder / "parquet" / "part-00001-0000000000000000.parquet").write_bytes(part.read_bytes())
    with pytest.raises(Tampered, match="not listed"):
        verify(folder, signer.public_key)

    (folder / "parquet" / "part-00001-0000000000000000.parquet").unlink()
    part.unlink()
    with pytest.raises(Tampered, match="missing"):
        verify(folder, signer.public_key)


@pytest.mark.parametrize(
    "name", ["x.PARQUET", "x.csv", "x.ndjson", "x.jsonl.gz", "x.parquet.bak", "signing.pub", "sub"]
)
def test_a_file_or_folder_that_is_not_listed_is_refused_whatever_its_name(
    write, cards, signer, tmp_path, name
):
    folder = write(tmp_path, cards(4))
    part = next(folder.glob("parquet/*"))
    if name == "sub":
        (folder / name).mkdir()
    else:
        (folder / name).write_bytes(part.read_bytes())

    with pytest.raises(Tampered, match="not listed"):
        verify(folder, signer.public_key)


def test_what_a_killed_writer_left_is_no_file_of_the_batch(write, cards, signer, tmp_path):
    folder = write(tmp_path, cards(4))
    part = next(folder.glob("parquet/*"))
    (part.parent / f"{part.name}#1").write_bytes(part.read_bytes()[:10])

    assert verify(folder, signer.public_key).row_count == 4


@pytest.mark.parametrize("which", ["_manifest.json", "*/*.parquet", "*/*.jsonl"])
@pytest.mark.parametrize("kind", ["pipe", "link"])
def test_what_is_no_regular_file_is_refused_and_never_waited_for(
    write, cards, signer, tmp_path, which, kind
):
    folder = write(tmp_path / "batch", cards(4))
    file = next(folder.glob(which))
    moved = file.rename(tmp_path / file.name)
    if kind == "pipe":
        os.mkfifo(file)
    else:
        file.symlink_to(moved)

    with pytest.raises(Tampered, match="no regular file"):
        verify(folder, signer.public_key)


def test_a_linked_folder_is_no_batch(write, cards, signer, tmp_path):
    folder = write(tmp_path, cards(4))
    (tmp_path / "link").symlink_to(folder)

    with pytest.raises(NotFound, match="link"):
        verify(tmp_path / "link", signer.public_key)


def other_value(rows):
    rows[1]["handle"] = "somebody_else"
    return rows


def other_item(rows):
    rows[2]["evidence"][0]["weight"] = 0.7
    return rows


def other_order(rows):
    return [rows[1], rows[0], *rows[2:]]


def one_twice(rows):
    return [rows[0], rows[0], *rows[2:]]


@pytest.mark.parametrize("changed", [other_value, other_item, other_order, one_twice])
@pytest.mark.parametrize("at_once", [2, 1_000], ids=["some at a time", "at once"])
def test_signed_formats_with_different_rows_are_refused(
    contract, cards, signer, tmp_path, monkeypatch, changed, at_once
):
    """The id covers JSON Lines alone, so a sender could show two readers two batches."""
    monkeypatch.setattr("sxe_pipeline.handoff.verify._ROWS", at_once)
    fields, parts = fields_and_parts(contract, cards(6), BatchKey("x_general", dt.date(2026, 1, 1)))
    columnar = next(part for part in parts if part.format == "parquet")
    rows = pq.read_table(io.BytesIO(columnar.data()))
    sink = io.BytesIO()
    encode.parquet(pa.Table.from_pylist(changed(rows.to_pylist()), schema=rows.schema), sink)
    data = sink.getvalue()
    digest = hashlib.sha256(data).hexdigest()
    entry = columnar.entry() | {"sha256": digest, "bytes": len(data)}
    files = [e if e["format"] == "jsonl" else entry for e in fields["files"]]
    lay(tmp_path, parts)
    (tmp_path / columnar.name).write_bytes(data)
    (tmp_path / manifest.NAME).write_bytes(manifest.seal(fields | {"files": files}, signer))

    with pytest.raises((Tampered, ContractBroken)):
        verify(tmp_path, signer.public_key)


def test_a_batch_is_compared_some_rows_at_a_time(write, cards, signer, tmp_path, monkeypatch):
    monkeypatch.setattr("sxe_pipeline.handoff.verify._ROWS", 3)

    assert verify(write(tmp_path, cards(10)), signer.public_key).row_count == 10


def test_rows_without_the_order_of_their_key_are_refused(
    contract, cards, signer, tmp_path, monkeypatch
):
    monkeypatch.setattr(pieces, "in_order", lambda _, rows: [rows])
    rows = cards(6).sort_by([("card_id", "descending")])
    fields, parts = fields_and_parts(contract, rows, BatchKey("x_general", dt.date(2026, 1, 1)))
    lay(tmp_path, parts)
    (tmp_path / manifest.NAME).write_bytes(manifest.seal(fields, signer))

    with pytest.raises(Tampered, match="order of their key"):
        verify(tmp_path, signer.public_key)


def test_a_key_pinned_for_another_contract_does_not_verify(write, cards, signer, tmp_path):
    folder = write(tmp_path, cards(4))

    assert verify(folder, signer.public_key, ["lead_card"]).contract == "lead_card"
    with pytest.raises(Tampered, match="pinned for lead_contact"):
        verify(folder, signer.public_key, sign.CONTACT)


def test_without_a_manifest_there_is_no_batch(write, cards, signer, tmp_path):
    folder = write(tmp_path, cards(4))
    (folder / manifest.NAME).unlink()

    with pytest.raises(NotFound, match="not published"):
        verify(folder, signer.public_key)
    with pytest.raises(NotFound):
        verify(tmp_path / "nowhere", signer.public_key)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"row_count": 5}, Tampered),
        ({"day": "2026-01-02"}, Tampered),
        ({"market": "other"}, Tampered),
        ({"prev_batch_id": "b" * 32}, Tampered),
        ({"batch_id": "b" * 32}, Tampered),
        ({"request_id": "00000000-0000-4000-8000-000000000001", "seq": 1}, Tampered),
        ({"seq": 1}, Tampered),
        ({"contract_sha256": "0" * 64}, ContractBroken),
        ({"contract_version": "9.9.9"}, ContractBroken),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_signed_lie_is_refused(write, cards, signer, tmp_path, changes, error):
    folder = write(tmp_path, cards(4), lies=changes)

    with pytest.raises(error):
        verify(folder, signer.public_key)


@pytest.mark.parametrize(
    "lies",
    [
        {"seq": 2},
        {"request_id": str(OTHER)},
        {"market": "other"},
        {"day": "2026-03-11"},
        {"prev_batch_id": "b" * 32},
        {"request_id": "zanzibar"},
        {"seq": 0},
        {"seq": "1"},
        {"seq": None},
    ],
    ids=lambda lie: str(lie),
)
def test_a_signed_lie_about_the_key_is_refused(signer, tmp_path, lies):
    fields, parts = fields_and_parts(CONTRACT, contacts(6), at())
    lay(tmp_path, parts)
    file = tmp_path / manifest.NAME

    file.write_bytes(manifest.seal(fields, signer))
    assert verify(tmp_path, signer.public_key).seq == 1
    for false in (fields | lies, {k: v for k, v in fields.items() if k not in lies}):
        file.write_bytes(manifest.seal(false, signer))
        with pytest.raises(Tampered):
            verify(tmp_path, signer.public_key)


def test_signed_rows_that_break_the_contract_are_refused(write, cards, signer, tmp_path):
    rows = cards(4).to_pylist()
    rows[0]["follower_band"] = "plenty"
    table = type(cards(1)).from_pylist(rows, schema=cards(1).schema)

    with pytest.raises(ContractBroken) as caught:
        verify(write(tmp_path, table), signer.public_key)

    assert "plenty" not in str(caught.value)


def test_verifying_loads_neither_dagster_nor_a_database(write, cards, signer, tmp_path):
    folder = write(tmp_path, cards(2))
    (tmp_path / "pinned.pub").write_bytes(signer.public_pem())
    code = (
        "import sys; from pathlib import Path; from sxe_pipeline.handoff import sign, verify\n"
        "key = sign.public_key(Path(sys.argv[2]).read_bytes())\n"
        "assert verify.verify(Path(sys.argv[1]), key).row_count == 2\n"
        "print([m for m in ('dagster', 'psycopg', 'deltalake') if m in sys.modules])"
    )
    run = [sys.executable, "-c", code, folder, tmp_path / "pinned.pub"]

    assert subprocess.run(run, capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.fixture(scope="session")
def two_batches(write, cards, tmp_path_factory):
    root = tmp_path_factory.mktemp("batches")
    first = write(root, cards(30, seed=1))
    write(root, cards(20, seed=2), day="2026-01-02", prev=first.name)
    return root


def test_duckdb_globs_several_batches_with_the_contract_columns_only(two_batches, contract):
    for pattern, read in (("parquet/*", "read_parquet"), ("_jsonl/*", "read_json")):
        with duckdb.connect(":memory:") as db:
            found = db.sql(
                f"SELECT * FROM {read}('{two_batches}/lead_card/v0/*/{pattern}', "
                "union_by_name=true)"
            )
            assert found.columns == contract.names
            assert len(found.fetchall()) == 50


def test_pandas_reads_both_formats_and_ids_stay_text(two_batches, contract):
    columnar = pd.read_parquet(sorted(two_batches.glob("lead_card/v0/*/parquet/*.parquet"))[0])
    lines = sorted(two_batches.glob("lead_card/v0/*/_jsonl/*.jsonl"))[0]
    frame = pd.read_json(lines, lines=True, dtype=False)

    assert list(columnar.columns) == list(frame.columns) == contract.names
    for column in ("card_id", "platform_id", "bio"):
        assert columnar[column].fillna("").tolist() == frame[column].fillna("").tolist()
    assert frame.platform_id.str.fullmatch(r"90071992547\d{5}").all()


def test_the_folder_of_a_batch_and_of_all_days_is_what_readers_open(two_batches, contract):
    folders = sorted(two_batches.glob("lead_card/v0/*/parquet"))
    for folder in folders:
        counts = {
            len(pd.read_parquet(folder)),
            ds.dataset(folder).count_rows(),
            pl.scan_parquet(folder).collect().height,
            len(duckdb.sql(f"SELECT * FROM read_parquet('{folder}/*')").fetchall()),
        }
        assert counts in ({20}, {30})
        assert list(pd.read_parquet(folder).columns) == contract.names
    every = f"{two_batches}/lead_card/v0/*/parquet"

    assert pl.scan_parquet(f"{every}/*").collect().height == 50
    assert len(pd.read_parquet([*map(str, two_batches.glob("lead_card/v0/*/parquet/*"))])) == 50
    assert ds.dataset([ds.dataset(folder) for folder in folders]).count_rows() == 50


def test_pyarrow_reads_with_the_pinned_schema(two_batches, contract):
    files = [str(file) for file in two_batches.glob("lead_card/v0/*/parquet/*.parquet")]
    rows = ds.dataset(files, schema=contract.arrow()).to_table()

    assert rows.num_rows == 50
    assert rows.schema.names == contract.names
    contract.check(rows.slice(0, 0))


@pytest.mark.parametrize("closed", [False, True], ids=["consumer", "producer"])
def test_every_line_meets_the_json_schema(two_batches, contract, closed):
    valid = jsonschema_rs.validator_for(contract.json_schema(closed=closed))
    lines = [
        line
        for file in two_batches.glob("lead_card/v0/*/_jsonl/*.jsonl")
        for line in file.read_bytes().split(b"\n")[:-1]
    ]

    assert len(lines) == 50
    assert [e for line in lines for e in valid.iter_errors(json.loads(line))] == []


def test_the_chain_links_the_batches(two_batches, signer):
    seen = [verify(f.parent, signer.public_key) for f in two_batches.rglob(manifest.NAME)]
    first, second = sorted(seen, key=lambda one: one.day)

    assert (first.prev_batch_id, second.prev_batch_id) == (None, first.batch_id)
    assert pq.read_metadata(next(two_batches.rglob("*.parquet"))).num_rows in (20, 30)


@pytest.fixture
def newer(contract, cards, signer, tmp_path):
    """A batch of a version that nobody here installed, and the folder of that contract."""
    text = contract.file.read_text().replace("version: 0.1.0", "version: 0.9.7", 1)
    of_theirs = schema.parse(text.encode(), "lead_card/0.9.7")
    file = tmp_path / "0.9.7.odcs.yaml"
    file.write_text(text)
    of_theirs = replace(of_theirs, file=file)
    store = Objects((tmp_path / "store").as_uri())
    batch_key = BatchKey("x_general", dt.date(2026, 1, 1))
    for key, data in batch_bytes(of_theirs, signer, cards(6), batch_key).items():
        store.put_new(key, data)
    edition.put(store, of_theirs, "lead_card/v0")
    root = tmp_path / "store" / "lead_card" / "v0"
    (folder,) = (path.parent for path in root.rglob(manifest.NAME))
    return store, folder, root / "_schemas" / "0.9.7"


def test_a_version_that_is_not_installed_is_read_from_beside_the_batch(newer, signer):
    store, folder, beside = newer

    seen = verify(folder, signer.public_key)
    assert (seen.contract_version, seen.row_count) == ("0.9.7", 6)
    assert seen == verify(Prefix(store, f"lead_card/v0/{folder.name}"), signer.public_key)
    assert sorted(file.name for file in beside.iterdir()) == [
        *("README.md", "contract.odcs.yaml", "schema.json"),
    ]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda file: file.unlink(), id="gone"),
        pytest.param(
            lambda file: file.write_text(
                file.read_text().replace("maxLength: 2000", "maxLength: 1")
            ),
            id="another",
        ),
        pytest.param(lambda file: file.write_text("a: &a [*a, *a]"), id="hostile"),
        pytest.param(lambda file: file.write_bytes(b"\xff" * 2_000_000), id="endless"),
    ],
)
def test_a_contract_beside_the_batch_is_believed_only_if_the_manifest_names_it(
    newer, signer, change
):
    _, folder, beside = newer
    change(beside / "contract.odcs.yaml")

    with pytest.raises(ContractBroken, match="the signature holds, but lead_card"):
        verify(folder, signer.public_key)


def test_what_was_released_is_never_written_over_and_a_draft_is(newer, contract):
    store, _, beside = newer
    file = beside.parents[1] / "other.yaml"
    file.write_text(contract.file.read_text())
    draft = replace(contract, version="0.9.7", file=file)

    edition.put(store, draft, "lead_card/v0")

    assert (beside / "contract.odcs.yaml").read_bytes() == file.read_bytes()
    file.write_text("something else")
    with pytest.raises(Tampered, match="is not what was released"):
        edition.put(store, replace(draft, status="active"), "lead_card/v0")

import datetime as dt
import hashlib
import io
import os
import shutil
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sxe_pipeline.errors import ContractBroken, NotFound, Tampered
from sxe_pipeline.handoff.chain import BatchKey
from sxe_pipeline.handoff.files import encode, manifest, pieces
from sxe_pipeline.handoff.reader.verify import Prefix, verify
from sxe_pipeline.sign import Signer
from sxe_pipeline.store import key_files
from sxe_pipeline.store.objects import Objects
from sxe_pipeline_tests.handoff.contacts import CONTRACT, OTHER, at, contacts
from sxe_pipeline_tests.handoff.whole import fields_and_parts, lay


def test_a_whole_batch_is_verified_from_disk_and_from_a_store(write, cards, signer, tmp_path):
    folder = write(tmp_path, cards(20))
    seen = verify(folder, signer.public_key)
    store = Objects(tmp_path.as_uri())

    assert seen == verify(Prefix(store, f"lead_card/v1/{folder.name}"), signer.public_key)
    assert (seen.batch_id, seen.row_count, seen.market) == (folder.name, 20, "x_general")
    assert seen.key_id == signer.key_id


def test_an_empty_batch_is_verified(write, contract, signer, tmp_path):
    folder = write(tmp_path, contract.arrow().empty_table())

    assert verify(folder, signer.public_key).row_count == 0


def test_f5_a_flipped_byte_anywhere_is_refused(write, cards, signer, tmp_path):
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
    monkeypatch.setattr("sxe_pipeline.handoff.reader.verify._ROWS", at_once)
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
    monkeypatch.setattr("sxe_pipeline.handoff.reader.verify._ROWS", 3)

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
        verify(folder, signer.public_key, key_files.CONTACT)


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
    folder = tmp_path / fields["batch_id"]
    lay(folder, parts)
    file = folder / manifest.NAME

    file.write_bytes(manifest.seal(fields, signer))
    assert verify(folder, signer.public_key).seq == 1
    for false in (fields | lies, {k: v for k, v in fields.items() if k not in lies}):
        file.write_bytes(manifest.seal(false, signer))
        with pytest.raises(Tampered):
            verify(folder, signer.public_key)


@pytest.mark.parametrize("key", ["pinned", "foreign"])
def test_u4_an_old_signed_batch_under_the_name_of_the_newest_is_refused(
    write, cards, signer, tmp_path, key
):
    old, new = write(tmp_path, cards(4)), write(tmp_path, cards(5), day="2026-01-02")
    shutil.rmtree(new)
    old.rename(new)
    pinned = signer if key == "pinned" else Signer.generate()

    with pytest.raises(Tampered, match="another name" if key == "pinned" else "given key"):
        verify(new, pinned.public_key)


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
        "import sys; from pathlib import Path; from sxe_pipeline import sign\n"
        "from sxe_pipeline.handoff.reader import verify\n"
        "key = sign.public_key(Path(sys.argv[2]).read_bytes())\n"
        "assert verify.verify(Path(sys.argv[1]), key).row_count == 2\n"
        "print([m for m in ('dagster', 'psycopg', 'deltalake') if m in sys.modules])"
    )
    run = [sys.executable, "-c", code, folder, tmp_path / "pinned.pub"]

    assert subprocess.run(run, capture_output=True, text=True, check=True).stdout == "[]\n"

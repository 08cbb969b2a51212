"""What a reader refuses of a delta: a flipped byte, and what was signed and is not so."""

import datetime as dt

import pytest

from sxe_pipeline.errors import ContractBroken, Tampered
from sxe_pipeline.handoff.files import encode, manifest
from sxe_pipeline.handoff.reader.verify import verify
from sxe_pipeline_tests.handoff import publisher
from sxe_pipeline_tests.handoff.whole import fields_and_parts, lay, tombstones


@pytest.fixture
def delta(write, today, tmp_path):
    """A delta on disk, and `delta(lies=..., removes=...)` for others."""
    _, _, upserts, removes = today

    def make(name, **options):
        options = {"removes": removes, "prev": "b" * 32} | options
        return write(tmp_path / name, upserts, **options)

    return make


def test_f5_a_flipped_byte_anywhere_in_a_delta_is_refused(delta, signer):
    folder = delta("whole")
    assert verify(folder, signer.public_key).kind == "delta"
    for file in sorted(file for file in folder.rglob("*") if file.is_file()):
        whole = file.read_bytes()
        for offset in [*range(0, len(whole), max(1, len(whole) // 20)), len(whole) - 1]:
            file.write_bytes(whole[:offset] + bytes([whole[offset] ^ 1]) + whole[offset + 1 :])
            with pytest.raises(Tampered):
                verify(folder, signer.public_key)
        file.write_bytes(whole)


@pytest.mark.parametrize(
    "lies",
    [
        {"kind": "full"},
        {"kind": "full", "base_batch_id": None, "remove_count": 0, "removes": None},
        {"base_batch_id": "c" * 32},
        {"base_batch_id": None},
        {"prev_batch_id": None, "base_batch_id": None},
        {"remove_count": 1},
        {"row_count": 3},
        {"removes": None},
        {"market": "other"},
    ],
    ids=str,
)
def test_a_signed_lie_about_a_delta_is_refused(delta, signer, lies):
    with pytest.raises(Tampered):
        verify(delta("lied", lies=lies), signer.public_key)


def test_removes_of_another_contract_are_refused(delta, signer):
    said = encode.removes_of(encode.tombstone()) | {"contract_sha256": "0" * 64}

    with pytest.raises(ContractBroken, match="tombstone"):
        verify(delta("other", lies={"removes": said}), signer.public_key)


def test_a_delta_that_takes_out_what_it_puts_or_what_is_elsewhere_is_refused(delta, today, signer):
    _, _, upserts, _ = today
    put = upserts["card_id"][0].as_py()
    with pytest.raises(Tampered, match="at once"):
        removes = tombstones([("x_general", put, "withheld", None)])
        verify(delta("both", removes=removes), signer.public_key)
    with pytest.raises(Tampered, match="another market"):
        removes = tombstones([("tiktok_general", "0" * 32, "withheld", None)])
        verify(delta("elsewhere", removes=removes), signer.public_key)
    with pytest.raises(ContractBroken, match="merged_cards_name_the_survivor"):
        removes = tombstones([("x_general", "0" * 32, "merged", None)])
        verify(delta("nobody", removes=removes), signer.public_key)


def test_removes_that_differ_between_the_formats_are_refused(contract, today, signer, tmp_path):
    _, _, upserts, removes = today
    key = publisher.BatchKey("x_general", dt.date(2026, 1, 1))
    fields, parts = fields_and_parts(contract, upserts, key, "b" * 32, removes)
    other, others = fields_and_parts(contract, upserts, key, "b" * 32, removes.slice(0, 1))
    mixed = [
        p if p.holds == "rows" or p.format == "jsonl" else o
        for p, o in zip(parts, others, strict=True)
    ]
    lay(tmp_path, mixed)
    sealed = manifest.seal(fields | {"files": [part.entry() for part in mixed]}, signer)
    (tmp_path / manifest.NAME).write_bytes(sealed)

    with pytest.raises(Tampered, match="count differently"):
        verify(tmp_path, signer.public_key)
    assert other["batch_id"] != fields["batch_id"]

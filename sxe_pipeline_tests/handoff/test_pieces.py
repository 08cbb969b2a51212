"""Rows in pieces, and the files that are made of them."""

import errno
import io
import weakref
from contextlib import closing

import pyarrow as pa
import pytest

from sxe_pipeline.errors import ContractBroken, StoreUnavailable
from sxe_pipeline.handoff.files import encode, parts, pieces
from sxe_pipeline_tests.handoff.contacts import CONTRACT, contacts


def ids(table):
    return table["card_id"].to_pylist()


@pytest.fixture
def spill(tmp_path, monkeypatch):
    """Where large files lie, with every file a large one."""
    monkeypatch.setenv("SXE_SPILL_DIR", str(tmp_path))
    monkeypatch.setattr(parts, "IN_MEMORY_BYTES", 0)
    return tmp_path


def test_the_key_rises_from_piece_to_piece_whatever_order_the_rows_came_in(contract, cards):
    made = list(pieces.checked(contract, cards(50, order=3), 20))

    assert [piece.num_rows for piece in made] == [20, 20, 10]
    assert [one for piece in made for one in ids(piece)] == sorted(ids(cards(50)))


def test_rows_in_order_are_cut_and_not_copied(contract, cards):
    rows = cards(50).sort_by("card_id")
    first, _ = pieces.in_order(contract, rows, 25)

    assert first["bio"].chunk(0).buffers()[2].address == rows["bio"].chunk(0).buffers()[2].address


def test_a_key_that_ends_one_piece_and_begins_the_next_is_refused(contract, cards):
    rows = cards(20).sort_by("card_id")
    twice = pa.concat_tables([rows.slice(0, 10), rows.slice(9)])

    with pytest.raises(ContractBroken, match=r"the key \(card_id\) stands again") as caught:
        list(pieces.checked(contract, twice, 10))
    assert ids(rows)[9] not in str(caught.value)


def test_a_key_of_several_columns_is_one_key():
    rows = contacts(9)

    made = list(pieces.checked(CONTRACT, rows, 2))

    assert sum(piece.num_rows for piece in made) == 9
    with pytest.raises(ContractBroken, match="stands again"):
        list(pieces.checked(CONTRACT, pa.concat_tables([rows, rows.slice(4, 1)]), 2))


def test_a_rule_that_only_the_last_piece_breaks_is_broken(contract, cards):
    rows = cards(20).sort_by("card_id").to_pylist()
    rows[-1]["evidence"] = []
    table = pa.Table.from_pylist(rows, schema=contract.arrow())

    with pytest.raises(ContractBroken, match="labels_have_evidence is broken 1 times"):
        encode.encode(contract, pieces.checked(contract, table, 5))


def test_columns_that_no_key_can_be_read_from_are_refused(contract, cards):
    with pytest.raises(ContractBroken, match="card_id is missing"):
        list(pieces.checked(contract, cards(5).drop_columns(["card_id"])))


def test_a_file_on_the_disk_has_the_same_bytes_and_no_name(contract, cards, spill, monkeypatch):
    with closing(encode.encode(contract, pieces.checked(contract, cards(50), 20))) as on_disk:
        assert list(spill.iterdir()) == []
        assert not any(isinstance(part.file, io.BytesIO) for part in on_disk.parts)
        data = [bytes(part.data()) for part in on_disk.parts]
        assert [b"".join(part.chunks()) for part in on_disk.parts] == data
    monkeypatch.undo()
    in_memory = encode.encode(contract, pieces.checked(contract, cards(50), 20))

    assert on_disk == in_memory
    assert [part.data() for part in in_memory.parts] == data
    assert all(part.file.closed for part in on_disk.parts)


def test_the_values_of_a_request_never_leave_memory():
    made = encode.encode(CONTRACT, pieces.checked(CONTRACT, contacts(5_000)))

    assert all(isinstance(part.file, io.BytesIO) for part in made.parts)


def test_files_of_rows_that_turn_out_to_break_the_contract_are_closed(
    contract, cards, spill, monkeypatch
):
    rows = cards(20).sort_by("card_id")
    opened = []

    def remembered(byte_count):
        opened.append(unnamed(byte_count))
        return opened[-1]

    unnamed = parts.unnamed
    monkeypatch.setattr(encode, "unnamed", remembered)

    with pytest.raises(ContractBroken):
        encode.encode(
            contract,
            pieces.checked(contract, pa.concat_tables([rows, rows.slice(19)]), 10),
        )
    assert len(opened) == 4
    assert all(file.closed for file in opened)


def test_a_full_disk_is_said_and_nothing_is_published(contract, cards, monkeypatch):
    class Full(io.BytesIO):
        def write(self, data):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(encode, "unnamed", lambda _: Full())

    with pytest.raises(StoreUnavailable, match="temporary files is full"):
        encode.encode(contract, pieces.checked(contract, cards(5)))


def test_a_piece_is_let_go_before_the_next_is_made(contract, cards):
    alive = []

    def each():
        for piece in pieces.in_order(contract, cards(30), 10):
            assert [one for one in alive if one() is not None] == []
            alive.append(weakref.ref(piece))
            yield piece
            del piece

    assert encode.encode(contract, each()).row_count == 30

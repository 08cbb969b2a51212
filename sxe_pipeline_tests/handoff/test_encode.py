import datetime as dt
import hashlib
import json
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq

from sxe_pipeline.handoff.chain import BatchKey
from sxe_pipeline.handoff.files import encode, pieces
from sxe_pipeline.handoff.files.parts import FOLDERS
from sxe_pipeline_tests.handoff.whole import tombstones

DAY = dt.date(2026, 1, 1)


def content(contract, rows, **options):
    return encode.encode(contract, pieces.checked(contract, rows, **options))


def files(contract, rows, **options):
    return content(contract, rows, **options).parts


def test_f3_the_order_and_the_chunks_of_the_rows_change_no_byte(contract, cards):
    one = files(contract, cards(300, order=1))
    other = cards(300, order=2)
    chunked = pa.concat_tables([other.slice(0, 7), other.slice(7, 200), other.slice(207)])

    assert files(contract, chunked) == one


def test_the_parquet_file_carries_the_contract_and_no_clock(contract, cards, tmp_path):
    columnar, _ = files(contract, cards(5))
    (tmp_path / "a.parquet").write_bytes(columnar.data())
    read = pq.read_schema(tmp_path / "a.parquet")

    assert read.equals(contract.arrow(), check_metadata=False)
    ids = [int(read.field(n).metadata[b"PARQUET:field_id"]) for n in read.names]
    assert ids == [column.field_id for column in contract.columns]
    assert set(read.metadata) == {
        b"sxe.contract",
        b"sxe.contract.version",
        b"sxe.contract_sha256",
    }


def test_json_lines_hold_every_column_in_order_and_rfc_3339_times(contract, cards):
    rows = cards(10)
    _, lines = files(contract, rows)
    read = [json.loads(line) for line in lines.data().split(b"\n")[:-1]]

    assert [list(row) for row in read] == [contract.names] * 10
    assert {(row["observed_at"][-1], len(row["observed_at"])) for row in read} == {("Z", 27)}
    by_id = {row["card_id"]: row for row in rows.to_pylist()}
    for row in read:
        source = by_id[row["card_id"]]
        for moment in ("first_seen_at", "observed_at"):
            source = source | {moment: source[moment].strftime("%Y-%m-%dT%H:%M:%S.%fZ")}
        assert row == source


def test_a_part_is_named_by_its_bytes(contract, cards):
    for part in files(contract, cards(3)):
        digest = hashlib.sha256(part.data()).hexdigest()
        folder = FOLDERS[part.format]
        assert part.name == f"{folder}/part-00000-{digest[:16]}.{part.format}"
        assert part.sha256 == digest


def test_many_rows_are_several_parts_and_one_batch_id(contract, cards):
    rows = cards(50)
    whole, split = content(contract, rows), content(contract, rows, piece_rows=20)

    assert [part.rows for part in split.parts] == [20, 20, 20, 20, 10, 10]
    assert whole.keys_sha256 == split.keys_sha256
    ids = {encode.content_id(contract, BatchKey("m", DAY), None, p) for p in (whole, split)}
    assert len(ids) == 1, "how rows are cut into files is not part of what they are"


def test_the_batch_id_of_a_released_version_never_changes_however_rows_are_cut(contract, cards):
    for piece_rows in (7, 1_000):
        made = content(contract, cards(50), piece_rows=piece_rows)
        batch_id = encode.content_id(contract, BatchKey("x_general", DAY), None, made)
        assert batch_id == "479e786207f1d01e081b51e338ced2c9"


def test_an_empty_batch_has_one_file_of_each_format(contract):
    columnar, lines = files(contract, contract.arrow().empty_table())

    assert (columnar.rows, lines.rows, lines.data()) == (0, 0, b"")


def deltas(contract, cards):
    """The same rows as deltas, with removes and without."""
    for n in (0, 3, 4):
        for gone in ([], ["1" * 32]):
            removes = tombstones([("m", card_id, "withheld", None) for card_id in gone])
            yield encode.encode(contract, pieces.checked(contract, cards(n)), [removes])


def test_the_batch_id_tells_everything_apart(contract, cards):
    keys = [
        BatchKey("m", DAY),
        BatchKey("n", DAY),
        BatchKey("m", DAY + dt.timedelta(days=1)),
        *(BatchKey("m", DAY, UUID(int=number), seq) for number in (1, 2) for seq in (1, 2)),
    ]
    batches = [content(contract, cards(n)) for n in (0, 3, 4)]
    ids = [
        encode.content_id(contract, batch_key, prev, made)
        for batch_key in keys
        for prev in (None, "0" * 32)
        for made in (*batches, *deltas(contract, cards))
    ]

    assert len(set(ids)) == len(ids) == 7 * 2 * 9
    assert all(len(i) == 32 for i in ids)


def test_the_batch_id_of_a_market_and_day_is_what_consumers_compute(contract, cards):
    made = content(contract, cards(3))
    lines = made.parts[1].data()
    head = b"lead_card 1.0.0\nm\n2026-01-01\n-\n"
    request_line = b"00000000-0000-0000-0000-000000000007 2\n"
    removes = tombstones([("m", "1" * 32, "merged", "2" * 32)])
    delta = encode.encode(contract, pieces.checked(contract, cards(3)), [removes])
    taken_out = delta.parts[3].data()

    plain = encode.content_id(contract, BatchKey("m", DAY), None, made)
    request = encode.content_id(contract, BatchKey("m", DAY, UUID(int=7), 2), None, made)
    of_delta = encode.content_id(contract, BatchKey("m", DAY), None, delta)

    assert plain == hashlib.sha256(head + lines).hexdigest()[:32]
    assert request == hashlib.sha256(head + request_line + lines).hexdigest()[:32]
    separated = lines + b"removes tombstone 1.0.0\n" + taken_out
    assert of_delta == hashlib.sha256(head + separated).hexdigest()[:32]


def test_a_delta_keeps_its_removes_in_a_folder_of_their_own(contract, cards):
    gone = [("x_general", f"{n:032x}", "withheld", None) for n in range(2)]
    made = encode.encode(contract, pieces.checked(contract, cards(3)), [tombstones(gone)])

    assert (made.kind, made.row_count, made.remove_count) == ("delta", 3, 2)
    folders = [(part.holds, part.name.rpartition("/")[0], part.rows) for part in made.parts]
    assert folders == [
        ("rows", "parquet", 3),
        ("rows", "_jsonl", 3),
        ("removes", "_removes/parquet", 2),
        ("removes", "_removes/_jsonl", 2),
    ]
    ids = [*cards(3)["card_id"].to_pylist(), *(card_id for _, card_id, *_ in gone)]
    assert made.keys_sha256 == hashlib.sha256("\n".join(sorted(ids)).encode()).hexdigest()


def test_a_delta_of_nothing_has_every_file_without_a_row(contract):
    nothing = contract.arrow().empty_table()
    made = encode.encode(contract, [nothing], [tombstones([])])

    assert (made.kind, made.row_count, made.remove_count) == ("delta", 0, 0)
    assert [part.rows for part in made.parts] == [0] * 4
    assert made.keys_sha256 == hashlib.sha256(b"").hexdigest()

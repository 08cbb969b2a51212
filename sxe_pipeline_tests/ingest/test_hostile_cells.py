"""A cell that nothing can read costs a cell, a row or a file: never a day, and nothing is lost."""

import gzip
import io
import json
from datetime import UTC, datetime

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sxe_pipeline.errors import StoreUnavailable
from sxe_pipeline.ingest.mapping import mappings
from sxe_pipeline.ingest.read import read_file
from sxe_pipeline.schema.tables import REASONS
from sxe_pipeline_tests.ingest.reading import NOW, land

MANY = settings.default.max_examples
BEYOND = 2**55
"""Microseconds: a day some centuries after the year 9999, the last that Python knows."""
ZONE = pa.timestamp("us", "Nowhere/Atlantis")


def parquet(**columns: pa.Array) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


def beyond(count: int, *, at: int) -> pa.Array:
    """Times of which one cannot be told in Python."""
    return pa.array([BEYOND * 10 if n == at else 10**15 for n in range(count)], pa.timestamp("us"))


def people(count: int) -> dict[str, pa.Array]:
    return {
        "id": pa.array([str(n + 1) for n in range(count)]),
        "username": pa.array([f"u{n + 1}" for n in range(count)]),
        "name": pa.array(["N"] * count),
    }


def latin(*texts: bytes) -> pa.Array:
    """A column of text that holds other bytes than UTF-8."""
    return pa.Array.from_buffers(
        pa.string(), len(texts), pa.array(list(texts), pa.binary()).buffers()
    )


def read(data: bytes, name: str, mapping: bytes | None = None):
    return list(
        read_file(
            io.BytesIO(data),
            name=name,
            file_sha256="0" * 64,
            collection="c",
            registered_at=NOW,
            mappings=mappings(mapping),
        )
    )


def test_a_cell_of_a_column_that_nobody_maps_costs_nothing():
    odd = beyond(3, at=1)

    rows, rejects = land(parquet(**people(3), imported_at=odd), "f.parquet")

    assert ([row["handle"] for row in rows], rejects) == (["u1", "u2", "u3"], [])


def test_columns_that_nobody_maps_are_there_and_not_decoded():
    chosen = mappings(None)

    assert chosen.needs(["id", "username", "imported_at"]) == {"id", "username"}
    assert chosen.needs(["data", "imported_at"]) == {"data", "imported_at"}, "it is searched"


def test_an_optional_cell_becomes_null_and_is_counted_by_column():
    [piece] = read(parquet(**people(3), created_at=beyond(3, at=1)), "f.parquet")

    assert piece.rows["account_created_at"].is_valid().to_pylist() == [True, False, True]
    assert piece.nulled == {"account_created_at": 1}
    assert "account_created_at" in piece.mapped
    assert not piece.rejects


@pytest.mark.parametrize(
    "column",
    [
        pytest.param(pa.array([10**15] * 3, ZONE), id="a zone that there is not"),
        pytest.param(latin(b"2020-01-01", b"\xff", b"\xfe\xff"), id="no UTF-8"),
        pytest.param(
            pa.StructArray.from_arrays([pa.array([1] * 3), pa.array([2] * 3)], ["a", "a"]),
            id="a struct that says a thing twice",
        ),
    ],
)
def test_an_optional_column_that_python_cannot_hold_costs_no_row(column):
    [piece] = read(parquet(**people(3), created_at=column), "f.parquet")

    assert piece.rows.num_rows == 3
    assert piece.nulled["account_created_at"] >= 2


def test_a_key_that_cannot_be_read_costs_its_row_and_names_the_column():
    columns = people(3) | {"id": latin(b"1", b"\xff", b"3")}

    [piece] = read(parquet(**columns), "f.parquet")

    assert piece.rows["row"].to_pylist() == [1, 3]
    assert [(r.row, r.reason, r.column) for r in piece.rejects] == [(2, "bad_value", "platform_id")]


def test_an_account_that_is_yet_to_be_made_has_no_day_and_is_counted():
    lines = [
        {"id": f"{n}", "username": "a", "name": "N", "created_at": made}
        for n, made in enumerate(("2607-01-01", "2012-12-13", 20121213084126, 4102444800), start=1)
    ]

    [piece] = read(b"\n".join(map(msgspec.json.encode, lines)), "f.jsonl")

    assert piece.rows["account_created_at"].is_valid().to_pylist() == [False, True, True, False]
    assert piece.nulled == {"account_created_at": 2}
    assert ["account_created_at" in row for row in piece.rows["given"].to_pylist()] == [
        *(False, True, True, False)
    ]


def test_a_handle_is_strict_only_where_it_is_the_key():
    record = {"id": "1", "username": "a b", "name": "N"}
    lines = [record, record | {"id": None}]

    [piece] = read(b"\n".join(json.dumps(line).encode() for line in lines), "f.jsonl")

    assert piece.rows["account_key"].to_pylist() == ["id:1"]
    assert piece.nulled == {"handle": 1}
    assert [(r.row, r.reason, r.column) for r in piece.rejects] == [(2, "bad_value", "handle")]


def test_what_lies_below_an_unread_cell_is_unread_too():
    user = pa.StructArray.from_arrays([pa.array(["1", "2"]), latin(b"a", b"\xff")], ["id", "bio"])
    mapping = (
        b"platform: x\nshapes:\n  - name: own\n    match: {has: [user, name]}\n"
        b"    columns: {platform_id: user.id, handle: name}\n"
    )

    [piece] = read(parquet(user=user, name=pa.array(["a", "b"])), "f.parquet", mapping)

    assert piece.rows["platform_id"].to_pylist() == ["1"], "no id is lost in silence"
    assert [(r.row, r.column) for r in piece.rejects] == [(2, "platform_id")]


@pytest.mark.parametrize("victim", ["created_at", "description"])
def test_a_column_whose_pages_are_damaged_costs_its_values_only(victim):
    count = 5_000
    texts = pa.array([f"text {n * 7919}" for n in range(count)])
    columns = people(count) | {"created_at": texts, "description": texts}
    data = bytearray(parquet(**columns))
    chunk = pq.ParquetFile(io.BytesIO(bytes(data))).metadata.row_group(0)
    at = [chunk.column(n).path_in_schema for n in range(chunk.num_columns)].index(victim)
    start = chunk.column(at).dictionary_page_offset or chunk.column(at).data_page_offset
    data[start : start + 40] = b"\xff" * 40

    rows, rejects = land(bytes(data), "f.parquet")

    assert ([row["row"] for row in rows], rejects) == (list(range(1, count + 1)), [])
    assert rows[0]["handle"] == "u1"


def test_a_mapping_whose_constant_does_not_fit_costs_the_column_not_the_file():
    mapping = (
        b"platform: x\nshapes:\n  - name: own\n    match: {has: [a]}\n"
        b"    columns: {platform_id: a, bio: {value: 17}, follower_count: {value: [1]}}\n"
    )

    [piece] = read(b'{"a": "1"}\n{"a": "2"}\n', "f.jsonl", mapping)

    assert piece.rows["platform_id"].to_pylist() == ["1", "2"]
    assert piece.nulled == {"bio": 2, "follower_count": 2}


@pytest.mark.parametrize("name", ["f.jsonl", "f.parquet", "f.csv.gz", "f.jsonl.zst"])
def test_a_store_that_fails_is_no_fault_of_the_file(name):
    content = {
        "f.jsonl": b'{"id": "1"}\n',
        "f.parquet": parquet(**people(3)),
        "f.csv.gz": gzip.compress(b"id,username,name\n1,a,A\n"),
        "f.jsonl.zst": pa.compress(b'{"id": "1"}\n' * 1_000, "zstd", asbytes=True),
    }[name]

    class Failing:
        given = io.BytesIO(content[:-3])

        def read(self, size: int) -> bytes:
            piece = self.given.read(size)
            if not piece:
                raise StoreUnavailable("the network is down")
            return piece

    with pytest.raises(StoreUnavailable):
        list(
            read_file(
                Failing(),
                name=name,
                file_sha256="0" * 64,
                collection="c",
                registered_at=NOW,
                mappings=mappings(None),
            )
        )


KEYS = ("id", "username", "name", "description", "created_at", "verified", "url", "user", "data")
values = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.text(max_size=8),
    st.binary(max_size=8),
    st.booleans(),
    st.datetimes(timezones=st.just(UTC)),
    st.dates(),
    st.decimals(-(10**9), 10**9, places=3),
)
column = st.sampled_from(
    [
        pa.string(),
        pa.binary(),
        pa.int64(),
        pa.uint64(),
        pa.float64(),
        pa.bool_(),
        pa.timestamp("s"),
        pa.timestamp("ns", "UTC"),
        ZONE,
        pa.date64(),
        pa.time64("us"),
        pa.duration("us"),
        pa.decimal128(38, 3),
        pa.list_(pa.string()),
        pa.struct([("id", pa.timestamp("us")), ("name", pa.string())]),
        pa.map_(pa.string(), pa.int64()),
    ]
)


@st.composite
def hostile_column(draw: st.DrawFn, rows: int) -> pa.Array:
    """Any bytes at all under a type that promises something else."""
    kind = draw(column)
    if pa.types.is_string(kind):
        return latin(*draw(st.lists(st.binary(max_size=6), min_size=rows, max_size=rows)))
    if pa.types.is_nested(kind):
        inner = draw(st.lists(st.text(max_size=5), min_size=rows, max_size=rows))
        if pa.types.is_list(kind):
            return pa.array([[text] for text in inner], kind)
        if pa.types.is_map(kind):
            return pa.array([[(text, 1), (text, 2)] for text in inner], kind)
        times = pa.array([BEYOND * 9] * rows, pa.timestamp("us"))
        return pa.StructArray.from_arrays([times, pa.array(inner)], ["id", "name"])
    if kind == pa.binary():
        return pa.array(draw(st.lists(st.binary(max_size=6), min_size=rows, max_size=rows)), kind)
    size = rows if kind == pa.bool_() else rows * kind.byte_width
    raw = draw(st.binary(min_size=size, max_size=size))
    return pa.Array.from_buffers(kind, rows, [None, pa.py_buffer(raw)])


@settings(max_examples=MANY, deadline=None)
@given(st.data(), st.integers(1, 6))
def test_any_parquet_file_becomes_as_many_outcomes_as_it_has_rows(data, rows):
    names = data.draw(st.lists(st.sampled_from(KEYS), min_size=1, max_size=6, unique=True))
    columns = {name: data.draw(hostile_column(rows)) for name in names}
    try:
        file = parquet(**columns)
    except (pa.ArrowException, OverflowError, ValueError):
        return  # nobody can write such a file

    found, rejects = land(file, "f.parquet")

    numbers = sorted([row["row"] for row in found] + [reject.row for reject in rejects])
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= rows
    assert {reject.reason for reject in rejects} <= set(REASONS)


@settings(max_examples=MANY, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 2_000), st.integers(0, 40))
@example(b"\x00\x01", 1_990, 0)  # the ids are said to have no values
def test_any_damage_to_a_parquet_file_ends_in_typed_rejects(noise, at, cut):
    whole = parquet(**people(20), created_at=beyond(20, at=3))
    place = at % len(whole)
    damaged = (whole[:place] + noise + whole[place + len(noise) :])[: len(whole) - cut or None]

    found, rejects = land(damaged, "f.parquet")

    assert len(found) >= 20 or rejects
    assert {reject.reason for reject in rejects} <= set(REASONS)


@settings(max_examples=MANY, deadline=None)
@given(st.lists(st.lists(st.binary(max_size=6), min_size=4, max_size=4), max_size=6))
def test_any_cells_of_a_csv_file_cost_at_most_their_rows(table):
    clean = [
        [bytes(b for b in cell if b not in b'\r\n",;\t|\x00') for cell in row] for row in table
    ]
    data = b"id,username,name,description\n" + b"".join(b",".join(row) + b"\n" for row in clean)

    found, rejects = land(data, "f.csv")

    assert len(found) + len(rejects) == len(clean)
    assert {reject.reason for reject in rejects} <= {"bad_value", "no_account", "unknown_shape"}


@settings(max_examples=MANY, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from(KEYS), values, max_size=7), min_size=1, max_size=5))
def test_any_values_of_json_cost_at_most_their_record(records):
    lines = [msgspec.json.encode(record) for record in records]

    found, rejects = land(b"\n".join(lines), "f.jsonl")

    assert len(found) + len(rejects) >= len(records)
    assert {reject.reason for reject in rejects} <= set(REASONS)


def test_times_that_python_knows_are_read_as_before():
    made = pa.array([datetime(2020, 1, 2, tzinfo=UTC)], pa.timestamp("us", "UTC"))

    rows, _ = land(parquet(**people(1), created_at=made), "f.parquet")

    assert rows[0]["account_created_at"] == datetime(2020, 1, 2, tzinfo=UTC)

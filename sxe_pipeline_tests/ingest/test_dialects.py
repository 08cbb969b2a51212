"""CSV and JSON as people's programs write them; each refusal speaks of the file that has it."""

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sxe_pipeline.ingest.faults import Fault
from sxe_pipeline.schema import documents
from sxe_pipeline.schema.tables import REASONS
from sxe_pipeline_tests.ingest.reading import land

MANY = settings.default.max_examples
TABLES = documents.read((Path(__file__).parent / "cases" / "tables.yaml").read_text())
TWO = [("1", "ann_made", "Ann", "Baker"), ("2", "bob_made", "Bob", "Chef, and cook")]


def people(rows: list[dict]) -> list[tuple]:
    return [(row["platform_id"], row["handle"], row["display_name"], row["bio"]) for row in rows]


@pytest.mark.parametrize("case", TABLES, ids=lambda case: case["id"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_two_people_land_from_every_dialect(case, encoding):
    rows, rejects = land(case["text"].encode(encoding), "f.csv")

    assert not rejects
    assert people(rows) == TWO
    assert [row["row"] for row in rows] == [1, 2]


def test_a_row_that_lacks_cells_at_its_end_says_nothing_in_them():
    rows, rejects = land(
        b"id,username,name,description,location,url\n1,a,A\n2,b,B,,Oslo\n", "f.csv"
    )

    assert not rejects
    assert [(r["bio"], r["location"], r["links"]) for r in rows] == [
        (None, None, []),
        ("", "Oslo", []),
    ]


def test_a_last_row_that_is_cut_is_no_short_row():
    rows, rejects = land(b"id,username,name,description\n1,a,A,Baker\n2,b,B", "f.csv")

    assert [row["platform_id"] for row in rows] == ["1"]
    assert [(r.row, r.reason) for r in rejects] == [(2, "malformed")]


@pytest.mark.parametrize(
    "header",
    ["id,username,name,name", "id,username,name, name", "id,username,name,\ufeffname"],
)
def test_two_columns_of_one_name_are_one_refusal_of_the_file(header):
    rows, rejects = land(f"{header}\n1,a,A,B\n2,b,B,C\n".encode(), "f.csv")

    assert not rows
    assert [(r.row, r.reason) for r in rejects] == [(0, "malformed")]


def test_columns_without_a_name_are_no_double_header():
    rows, rejects = land(b"id,,username,,name\n1,x,a,y,A\n", "f.csv")

    assert not rejects
    assert rows[0]["handle"] == "a"


def test_ten_thousand_columns_are_read_for_those_that_matter():
    names = ["id", "username", "name", *(f"extra.{at}.value" for at in range(10_000))]
    row = ["1", "a", "A", *("x" for _ in range(10_000))]
    data = (",".join(names) + "\n" + ",".join(row) + "\n").encode()

    rows, rejects = land(data, "f.csv")

    assert not rejects
    assert rows[0]["account_key"] == "id:1"


def user(number: int, **more: object) -> dict[str, object]:
    return {"id": str(number), "username": f"u{number}", "name": "N", **more}


LINES = [json.dumps(user(1)), json.dumps(user(2))]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("\n".join(LINES), id="lines"),
        pytest.param(",\n".join(LINES) + ",\n", id="a comma after each line"),
        pytest.param("[" + ",\n".join(LINES) + "]", id="an array over lines"),
        pytest.param(
            "[\n" + ",\n".join(LINES) + "\n]\n", id="an array, brackets on their own lines"
        ),
        pytest.param("[" + ", ".join(LINES) + "]", id="an array on one line"),
        pytest.param("\n\n" + "\n\n".join(LINES), id="empty lines"),
        pytest.param("\r".join(LINES), id="line ends of old Macs"),
        pytest.param(",".join(LINES), id="one line with commas"),
        pytest.param("".join(LINES), id="one line without anything between"),
        pytest.param(json.dumps([user(1), user(2)], indent=2), id="pretty"),
        pytest.param("\n".join(json.dumps(user(n), indent=1) for n in (1, 2)), id="pretty objects"),
        pytest.param("window.YTD.users.part0 = [" + ",".join(LINES) + "];", id="a script"),
    ],
)
@pytest.mark.parametrize("name", ["f.jsonl", "f.json", "f.ndjson"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_two_people_land_however_json_is_written(text, name, encoding):
    rows, rejects = land(text.encode(encoding), name)

    assert not rejects
    assert [row["handle"] for row in rows] == ["u1", "u2"]


MARK = "\ufeff"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", ""])
@pytest.mark.parametrize("indent", [None, 1])
def test_everybody_lands_from_files_that_were_joined_with_their_marks(end, indent):
    people = [json.dumps(user(n, description=f"}}{MARK}{{"), indent=indent) for n in (1, 2, 3)]
    text = "".join(f"{MARK}{person}{end}" for person in people)

    rows, rejects = land(text.encode(), "f.jsonl")

    assert not rejects
    assert [(row["handle"], row["bio"]) for row in rows] == [
        (f"u{n}", f"}}{MARK}{{") for n in (1, 2, 3)
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("inside", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    "header", ["id,username,name,description", '"id","username","name","description"']
)
def test_what_ends_lines_in_a_cell_need_not_end_the_lines_of_the_file(end, inside, header):
    text = end.join([header, f'1,u1,N,"Baker{inside}in Oslo"', "2,u2,N,Chef", ""])

    rows, rejects = land(text.encode(), "f.csv")

    assert not rejects
    assert ["".join(row["bio"].split()) for row in rows] == ["BakerinOslo", "Chef"]


@pytest.mark.parametrize("packed", [".gz", ".zst"])
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("f.jsonl", "\n".join(LINES).encode()),
        ("f.csv", "id,username,name\n1,u1,N\n2,u2,N\n".encode("utf-16")),
        ("f.jsonl", gzip.compress("\n".join(LINES).encode())),
        ("f.jsonl", pa.compress("\n".join(LINES).encode(), "zstd", asbytes=True)),
    ],
    ids=["lines", "utf-16", "gzip", "zstd"],
)
def test_the_bytes_of_a_file_say_how_it_is_packed_and_not_its_name(name, content, packed):
    rows, rejects = land(content, name + packed)

    assert not rejects
    assert [row["handle"] for row in rows] == ["u1", "u2"]


@pytest.mark.parametrize("name", ["f.jsonl.gz", "f.csv.zst"])
def test_packed_bytes_whose_beginning_is_damaged_are_one_refusal(name):
    pack = (
        gzip.compress
        if name.endswith(".gz")
        else lambda text: pa.compress(text, "zstd", asbytes=True)
    )

    rows, rejects = land(b"??" + pack("\n".join(LINES * 50).encode())[2:], name)

    assert not rows
    assert [(r.row, r.reason) for r in rejects] == [(1, "malformed")]


@pytest.mark.parametrize("text", ["\n".join(LINES), "[" + ",\n".join(LINES) + "]"])
def test_two_people_land_from_a_file_without_an_extension(text):
    rows, rejects = land(text.encode(), "f")

    assert not rejects
    assert [row["handle"] for row in rows] == ["u1", "u2"]


def test_no_number_is_nothing():
    line = json.dumps(
        user(1, public_metrics={"followers_count": float("nan"), "tweet_count": -float("inf")})
    )

    rows, rejects = land(line.encode(), "f.jsonl")

    assert not rejects
    assert (rows[0]["follower_count"], rows[0]["post_count"]) == (None, None)


def test_nan_beside_a_key_that_is_said_twice_is_still_malformed():
    line = b'{"id": "1", "id": "2", "username": "a", "name": NaN}'

    _, rejects = land(line, "f.jsonl")

    assert [reject.reason for reject in rejects] == ["malformed"]


def test_the_first_line_may_be_broken_and_its_neighbours_land():
    rows, rejects = land(b'{"id": "1", "user\n' + "\n".join(LINES).encode(), "f.jsonl")

    assert [row["row"] for row in rows] == [2, 3]
    assert [(r.row, r.reason) for r in rejects] == [(1, "malformed")]


def test_every_fault_has_a_reason_of_the_list_and_says_what_to_do():
    assert {fault.reason for fault in Fault} <= set(REASONS)
    assert len({fault.advice for fault in Fault}) == len(Fault)


@settings(max_examples=MANY, deadline=None)
@given(
    st.lists(st.lists(st.text(alphabet="abc;,\t|\"'\r\n =é", max_size=6), max_size=5), max_size=8)
)
def test_any_table_at_all_ends_in_typed_outcomes(table):
    data = "\n".join(";".join(row) for row in table).encode()

    rows, rejects = land(data, "f.csv")

    assert {reject.reason for reject in rejects} <= set(REASONS)
    numbers = sorted([row["row"] for row in rows] + [r.row for r in rejects if r.row])
    assert numbers == list(range(1, len(numbers) + 1))

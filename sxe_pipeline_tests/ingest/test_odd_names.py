"""Names that strangers give to columns, members and sheets cost their own place, no neighbour."""

import csv
import io
import json
import zipfile

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sxe_pipeline.ingest import naming
from sxe_pipeline_tests.ingest.reading import land

NAMES = ["id", "username", "name"]
ANA, BEN = ["1", "ana", "N"], ["2", "ben", "N"]
BIDI, NUL, HALF = "a\u202eb", "a\x00b", "\ud83d"


def as_csv(header, *rows):
    out = io.StringIO()
    csv.writer(out).writerows([header, *rows])
    return "f.csv", out.getvalue().encode("utf-8", "surrogatepass")


def as_json(header, *rows):
    records = [dict(zip(header, row, strict=True)) for row in rows]
    return "f.jsonl", "".join(json.dumps(record) + "\n" for record in records).encode()


def as_parquet(header, *rows):
    columns = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
    out = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(columns, names=list(header)), out)
    return "f.parquet", out.getvalue()


def as_workbook(header, *rows):
    book = openpyxl.Workbook()
    for row in (header, *rows):
        book.active.append(list(row))
    out = io.BytesIO()
    book.save(out)
    return "f.xlsx", out.getvalue()


def outcome(file):
    name, data = file
    rows, rejects = land(data, name)
    return [row["handle"] for row in rows], [reject.reason for reject in rejects]


FORMATS = pytest.mark.parametrize("write", [as_csv, as_json, as_parquet, as_workbook])


@FORMATS
def test_ten_thousand_columns_that_nobody_reads_cost_no_row(write):
    more = [f"column {n}" for n in range(10_000)]

    found = outcome(write([*NAMES, *more], [*ANA, *more], [*BEN, *more]))

    assert found == (["ana", "ben"], [])


@FORMATS
def test_two_columns_that_mean_one_place_are_malformed_and_nobody_guesses(write):
    twice = [*NAMES, "public_metrics.followers_count", "public_metrics/followers_count"]

    found = outcome(write(twice, [*ANA, "1", "2"], [*BEN, "3", "3"]))

    assert found == ([], ["malformed"] * 2)


def test_a_record_whose_keys_mean_one_place_costs_itself():
    twice = {"public_metrics.followers_count": 1, "public_metrics/followers_count": 2}
    records = [dict(zip(NAMES, ANA, strict=True)) | twice, dict(zip(NAMES, BEN, strict=True))]
    data = "".join(json.dumps(record) + "\n" for record in records).encode()

    assert outcome(("f.jsonl", data)) == (["ben"], ["malformed"])


@pytest.mark.parametrize(
    ("write", "odd"),
    [
        *((write, BIDI) for write in (as_csv, as_json, as_parquet, as_workbook)),
        *((write, NUL) for write in (as_csv, as_json, as_parquet)),
        (as_csv, HALF),
    ],
)
def test_a_column_with_an_odd_name_is_passed_by(write, odd):
    assert outcome(write([*NAMES, odd], [*ANA, "x"], [*BEN, "x"])) == (["ana", "ben"], [])


def test_half_a_character_in_a_key_costs_its_record():
    odd = as_json([*NAMES, HALF], [*ANA, "x"])[1]
    good = as_json(NAMES, BEN)[1]

    assert outcome(("f.jsonl", odd + good)) == (["ben"], ["encoding"])


@pytest.mark.parametrize("odd", [BIDI, NUL, "x" * 300, "con", " "])
def test_a_member_with_an_odd_name_lands_beside_its_neighbour(odd):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(f"{odd}.jsonl", as_json(NAMES, ANA)[1])
        archive.writestr("z.jsonl", as_json(NAMES, BEN)[1])

    handles, reasons = outcome(("drop.zip", out.getvalue()))

    assert (sorted(handles), reasons) == (["ana", "ben"], [])


@pytest.mark.parametrize(
    ("odd", "expected"),
    [
        pytest.param(b"a&#x202e;b", (["ana", "ben"], []), id="bidi override"),
        pytest.param(b"x" * 300, (["ana", "ben"], []), id="long"),
        pytest.param(b"", (["ana", "ben"], []), id="empty"),
        pytest.param(b"a&#0;b", (["ben"], ["malformed"]), id="NUL"),
        pytest.param(b"a&#xd83d;b", (["ben"], ["malformed"]), id="half a character"),
    ],
)
def test_a_sheet_with_an_odd_name_costs_its_workbook_at_most(odd, expected):
    book = _with_sheet_named(odd)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.xlsx", book)
        archive.writestr("z.jsonl", as_json(NAMES, BEN)[1])

    handles, reasons = outcome(("drop.zip", out.getvalue()))

    assert (sorted(handles), reasons) == expected


def _with_sheet_named(odd):
    out = io.BytesIO()
    whole = zipfile.ZipFile(io.BytesIO(as_workbook(NAMES, ANA)[1]))
    with whole as old, zipfile.ZipFile(out, "w") as new:
        for member in old.infolist():
            text = old.read(member)
            if member.filename == "xl/workbook.xml":
                text = text.replace(b'name="Sheet"', b'name="%s"' % odd)
            new.writestr(member.filename, text)
    return out.getvalue()


@pytest.mark.parametrize(
    ("odd", "stands"), [(NUL, "a_b"), (HALF, "?"), (BIDI, BIDI), ("a\x1b[2Jb", "a_[2Jb")]
)
def test_a_file_with_an_odd_name_gets_one_that_can_be_stored(odd, stands):
    assert naming.clean(odd) == stands
    naming.clean(odd).encode()

"""Bad input ends as a typed reject, never as an exception, and the counts add up."""

import gzip
import io
import json
import tracemalloc
from datetime import timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sxe_pipeline.ingest.formats.chunks import RECORD_LIMIT, Splitter
from sxe_pipeline.ingest.mapping import mappings
from sxe_pipeline.ingest.read import read_file
from sxe_pipeline.schema.tables import REASONS
from sxe_pipeline_tests.ingest.reading import NOW, land

MANY = settings.default.max_examples
"""Fewer with `make quick`."""


def user(number: int, **more: object) -> dict[str, object]:
    return {"id": str(number), "username": f"u{number}", "name": "N", **more}


def as_lines(*records: object) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def outcome(data: bytes, name: str) -> tuple[list[int], list[tuple[int, str]]]:
    rows, rejects = land(data, name)
    return [row["row"] for row in rows], [(reject.row, reject.reason) for reject in rejects]


GOOD = json.dumps(user(1)).encode()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        pytest.param(b'{"id": "1", "username": ', "malformed", id="cut JSON"),
        pytest.param(b"not json", "malformed", id="no JSON"),
        pytest.param(b'{"id":"1","username":"\xff","name":"x"}', "encoding", id="no UTF-8"),
        pytest.param(b'{"id":"1","username":"a","name":"\\ud83d"}', "encoding", id="half an emoji"),
        pytest.param(b"[" * 100_000, "malformed", id="nested bomb"),
        pytest.param(b'{"a":' * 5_000 + b"1" + b"}" * 5_000, "malformed", id="nested objects"),
        pytest.param(b"17", "unknown_shape", id="a number"),
        pytest.param(b"null", "unknown_shape", id="null"),
        pytest.param(b"{}", "unknown_shape", id="an empty object"),
        pytest.param(b'{"id":1.5e18,"username":"a","name":"x"}', "bad_value", id="id as a float"),
        pytest.param(
            b'{"id":"1.5E+18","username":"a","name":"x"}', "bad_value", id="id as text of a float"
        ),
        pytest.param(
            b'{"id":"1\\u0000","username":"a","name":"x"}', "bad_value", id="NUL in an id"
        ),
        pytest.param(
            b'{"id":"","username":"a\\u0000b","name":"x"}', "bad_value", id="NUL in a handle"
        ),
        pytest.param(
            b'{"id":null,"username":"a\\u200bb","name":"x"}',
            "bad_value",
            id="zero width in a handle that is the key",
        ),
        pytest.param(
            b'{"id":"1","username":"a","name":"x","fetched_at":"2099-01-01"}',
            "bad_value",
            id="future",
        ),
        pytest.param(b'{"id":"","username":null,"name":"x"}', "no_account", id="nobody"),
    ],
)
def test_a_bad_line_is_one_typed_reject_and_its_neighbours_land(line, reason):
    rows, rejects = outcome(GOOD + b"\n" + line + b"\n" + GOOD + b"\n", "f.jsonl")

    assert (rows, rejects) == ([1, 3], [(2, reason)])


@pytest.mark.parametrize(
    ("line", "reasons"),
    [
        pytest.param(b'{"id":"1","id":"2","username":"a","name":"x"}', ["malformed"], id="twice"),
        pytest.param(
            b'{"id":"1","username":"a","name":"x","public_metrics":{"b":1,"b" : 2}}',
            ["malformed"],
            id="twice, deep inside",
        ),
        pytest.param(
            b'{"id":"1","username":"a","name":"say \\"id\\": \\"2\\""}', [], id="only quoted"
        ),
    ],
)
def test_a_key_that_is_said_twice_is_malformed(line, reasons):
    _, rejects = land(line, "f.jsonl")

    assert [reject.reason for reject in rejects] == reasons


def test_a_time_within_a_day_of_registration_is_accepted():
    soon = (NOW + timedelta(hours=20)).isoformat()

    rows, rejects = land(as_lines(user(1, fetched_at=soon)), "f.jsonl")

    assert not rejects
    assert rows[0]["observed_at"] == NOW + timedelta(hours=20)


def test_control_characters_leave_the_bio_and_everything_else_stays():
    bio = "a\x00b\x07c\td\r\n\u200d\u202e👩‍👩‍👧 =HYPERLINK(1)"

    rows, _ = land(as_lines(user(1, description=bio)), "f.jsonl")

    assert rows[0]["bio"] == "abc\td\r\n\u200d\u202e👩‍👩‍👧 =HYPERLINK(1)"


@pytest.mark.parametrize("codec", ["gzip", "zstd"])
@pytest.mark.parametrize("cut", [0.5, 0.9, 1.0])
def test_a_truncated_compressed_file_keeps_its_rows_and_ends_in_one_malformed(codec, cut):
    plain = as_lines(*(user(n, description=f"text {n * 7919}") for n in range(1, 20_000)))
    packed = gzip.compress(plain) if codec == "gzip" else pa.compress(plain, "zstd", asbytes=True)
    suffix = {"gzip": "gz", "zstd": "zst"}[codec]

    rows, rejects = outcome(packed[: int(len(packed) * cut)], f"f.jsonl.{suffix}")

    if cut == 1.0:
        assert (len(rows), rejects) == (19_999, [])
    else:
        assert len(rows) > 5_000
        assert [reason for _, reason in rejects][-1:] == ["malformed"]
        assert len(rejects) <= 2, "at most the cut line and the cut file"


def test_a_line_of_200_megabytes_is_skipped_without_being_held():
    class Endless(io.RawIOBase):
        left = 200 << 20

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
            size = min(len(buffer), self.left)
            self.left -= size
            buffer[:size] = b"x" * size
            return size

    class Chain(io.RawIOBase):
        parts = (io.BytesIO(GOOD + b"\n"), Endless(), io.BytesIO(b"\n" + GOOD + b"\n"))

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
            return next((size for part in self.parts if (size := part.readinto(buffer))), 0)

    tracemalloc.start()
    landed = list(
        read_file(
            io.BufferedReader(Chain()),
            name="f.jsonl",
            file_sha256="0" * 64,
            collection="c",
            registered_at=NOW,
            mappings=mappings(None),
        )
    )
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert [piece.rows["row"].to_pylist() for piece in landed] == [[1, 3]]
    assert [(r.row, r.reason) for piece in landed for r in piece.rejects] == [(2, "too_large")]
    assert peak < 10 * RECORD_LIMIT


LONG = b'{"id":"%d","username":"a","name":"A","pad":"' + b"x" * (1 << 20) + b'"}\n'


def wide() -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table({f"c{at}": [1] * 70 for at in range(10_000)}), out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("make", "name", "rows", "rejects"),
    [
        pytest.param(lambda: b"".join(LONG % n for n in range(1, 31)), "f.jsonl", 30, 0, id="long"),
        pytest.param(wide, "f.parquet", 0, 70, id="wide"),
    ],
)
def test_large_records_are_not_held_together(make, name, rows, rejects):
    data = make()
    land(GOOD, "f.jsonl")
    tracemalloc.start()

    landed = land(data, name)

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (len(landed[0]), len(landed[1])) == (rows, rejects)
    assert peak < 10 << 20


@pytest.mark.parametrize(
    ("data", "name", "reason"),
    [
        pytest.param(b"a||b||c\n", "f.txt", (0, "unsupported_format"), id="unknown format"),
        pytest.param(b"\x89PNG\r\n", "f.png", (0, "unsupported_format"), id="a picture"),
        pytest.param(
            '{"a":"\ud83d"}'.encode("utf-16", "surrogatepass"),
            "f.json",
            (1, "encoding"),
            id="half an emoji in UTF-16",
        ),
        pytest.param(b"", "f.json", (1, "malformed"), id="an empty JSON file"),
        pytest.param(b"<html>", "f.json", (1, "malformed"), id="HTML"),
        pytest.param(b"PAR1 not really", "f.parquet", (1, "malformed"), id="broken Parquet"),
        pytest.param(b"", "f.jsonl.gz", (1, "malformed"), id="an empty gzip"),
        pytest.param(b"plain", "f.jsonl.zst", (1, "malformed"), id="no zstd"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_reject(data, name, reason):
    assert outcome(data, name) == ([], [reason])


def test_a_stream_that_fails_is_unreadable_and_keeps_what_came_before():
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            piece = super().read(size)
            if not piece:
                raise OSError("device")
            return piece

    landed = list(
        read_file(
            Failing(GOOD + b"\n"),
            name="f.jsonl",
            file_sha256="0" * 64,
            collection="c",
            registered_at=NOW,
            mappings=mappings(None),
        )
    )

    assert [len(piece.rows) for piece in landed] == [1]
    assert [r.reason for piece in landed for r in piece.rejects] == ["unreadable"]


def test_the_same_people_land_from_every_format_and_codec():
    people = [user(n, description=f'bio {n}\nline, "two"') for n in range(1, 40)]
    table = pa.Table.from_pylist(people)
    parquet = io.BytesIO()
    pq.write_table(table, parquet)
    csv_rows = ["id,username,name,description"] + [
        '{id},{username},{name},"{bio}"'.format(
            **{**person, "bio": str(person["description"]).replace('"', '""')}
        )
        for person in people
    ]
    files = {
        "f.jsonl": as_lines(*people),
        "f.ndjson.gz": gzip.compress(as_lines(*people)),
        "f.jsonl.zst": pa.compress(as_lines(*people), "zstd", asbytes=True),
        "array.json": json.dumps(people, indent=1).encode(),
        "lines.json": as_lines(*people),
        "envelope.json": json.dumps({"data": people}).encode(),
        "pretty.jsonl": json.dumps(people, indent=2).encode(),
        "unnamed": as_lines(*people),
        "bom.jsonl": b"\xef\xbb\xbf" + as_lines(*people),
        "f.csv": "\n".join(csv_rows).encode(),
        "f.csv.gz": gzip.compress("\r\n".join(csv_rows).replace("\n\r", "\r").encode()),
        "f.parquet": parquet.getvalue(),
        "f.parquet.gz": gzip.compress(parquet.getvalue()),
    }

    landed = {name: land(data, name) for name, data in files.items()}

    for name, (rows, rejects) in landed.items():
        assert not rejects, name
        assert [row["row"] for row in rows] == list(range(1, 40)), name
        assert [row["account_key"] for row in rows] == [f"id:{n}" for n in range(1, 40)], name
        if name != "f.csv.gz":
            assert [row["bio"] for row in rows] == [p["description"] for p in people], name


def test_a_truncated_array_keeps_its_whole_elements():
    data = json.dumps([user(n) for n in range(1, 6)]).encode()

    assert outcome(data[:-20], "f.json") == ([1, 2, 3, 4], [(5, "malformed")])


def test_csv_rows_with_cells_too_many_or_a_foreign_key_are_rejected_alone():
    data = b"id,username,name\n1,a,A\n2,b,B,C\n3,\xe9,C\n4,d,D\n"

    assert outcome(data, "f.csv") == ([1, 3, 4], [(2, "malformed")])
    assert outcome(data.replace(b"3,", b"\xff,"), "f.csv")[1] == [
        (2, "malformed"),
        (3, "bad_value"),
    ]


def test_ids_that_pandas_made_floats_are_refused():
    table = pa.table({"id": [1.5e18, 2.0], "username": ["a", "b"], "name": ["A", "B"]})
    parquet = io.BytesIO()
    pq.write_table(table, parquet)

    assert outcome(parquet.getvalue(), "f.parquet") == ([], [(1, "bad_value"), (2, "bad_value")])


KEYS = (
    *("id", "pk", "rest_id", "username", "name", "uniqueId", "user", "author", "stats", "data"),
    *("errors", "legacy", "core", "url", "screen_name", "__typename", "signature", "biography"),
    *("nickName", "followers", "fetched_at"),
)
numbers = st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | numbers | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(KEYS) | st.text(max_size=6),
            inner,
            max_size=6,
        )
    ),
    max_leaves=25,
)


@settings(max_examples=2 * MANY, deadline=None)
@given(st.lists(json_values, max_size=8))
def test_random_json_never_raises_and_every_record_is_counted(values):
    data = b"".join(json.dumps(value).encode() + b"\n" for value in values)

    rows, rejects = land(data, "f.jsonl", batch_rows=3)

    numbers = sorted([row["row"] for row in rows] + [reject.row for reject in rejects])
    assert numbers == list(range(1, len(numbers) + 1))
    assert {reject.reason for reject in rejects} <= set(REASONS)
    records = sum(len(v) if isinstance(v, list) else 1 for v in values)
    assert len(numbers) >= records, "an envelope may hold several, nothing may get lost"


@settings(max_examples=2 * MANY, deadline=None)
@given(st.binary(max_size=400), st.sampled_from(["f.jsonl", "f.json", "f.csv", "f.json.gz", "f"]))
def test_random_bytes_never_raise(data, name):
    _, rejects = land(data, name)

    assert {reject.reason for reject in rejects} <= set(REASONS)


@settings(max_examples=MANY + MANY // 2, deadline=None)
@given(
    st.lists(st.dictionaries(st.text(max_size=5), json_values, max_size=4), max_size=5),
    st.integers(1, 40),
)
def test_an_array_is_cut_into_its_elements_wherever_the_chunks_end(elements, size):
    text = json.dumps(elements).encode()
    pieces = [text[at : at + size] for at in range(0, len(text), size)]

    found = list(Splitter().documents(iter(pieces)))

    assert found == [json.dumps(element).encode() for element in elements]

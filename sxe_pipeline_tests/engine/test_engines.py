"""Whatever is asked of an engine is the same on each: what a loop over the rows would do."""

import datetime as dt
import hashlib
import json
import math
from itertools import groupby

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sxe_pipeline.engine import Act, Files, Local, Shuffle, checksum
from sxe_pipeline.errors import ActFailed, ContractBroken, Leak, WorkerLost
from sxe_pipeline.schema import arrow
from sxe_pipeline.schema.columns import Column
from sxe_pipeline_tests.engine import acts
from sxe_pipeline_tests.engine.conftest import SECRETS
from sxe_pipeline_tests.engine.engines import on_every_engine, on_every_engine_with_workers

_POST = (
    Column("text", "string"),
    Column("at", "timestamp[us, UTC]"),
    Column("tags", "list", children=(Column("element", "string", nullable=False),)),
)
EVERY_KIND = arrow.schema(
    (
        Column("kind", "string", nullable=False),
        Column("name", "string", nullable=False),
        Column("number", "int64", nullable=False),
        Column("small", "int32"),
        Column("share", "double"),
        Column("is_so", "boolean"),
        Column("day", "date32"),
        Column("at", "timestamp[us, UTC]"),
        Column("text", "string"),
        Column("words", "list", children=(Column("element", "string", nullable=False),)),
        Column("posts", "list", children=(Column("element", "struct", children=_POST),)),
        Column("place", "struct", children=(Column("city", "string"), Column("size", "int64"))),
    )
)
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
SHUFFLE = Shuffle(("kind", "name"), 4, ("number",))
AS_THEY_ARE = Act(acts.as_they_are, EVERY_KIND, EVERY_KIND)
CALLED = Act(acts.called, EVERY_KIND, acts.TOLD)

_ODD = st.sampled_from(
    ["", "\x00", "a\x00b", "ß", "\u00e9", "e\u0301", "😀", "\u2028", "\uffff", "'\\", "\x1f"]
)
_TEXT = _ODD | st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
_AT = st.integers(-(2**52), 2**53).map(lambda us: EPOCH + dt.timedelta(microseconds=us))
_INT64 = st.integers(-(2**63), 2**63 - 1)
_TAGS = st.lists(_TEXT, max_size=3)
_SAID = st.fixed_dictionaries(
    {"text": st.none() | _TEXT, "at": st.none() | _AT, "tags": st.none() | _TAGS}
)
_ROW = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["x", "tiktok"]),
        "name": _TEXT,
        "small": st.none() | st.integers(-(2**31), 2**31 - 1),
        "share": st.none() | st.floats() | st.sampled_from([-0.0, 0.0, math.nan]),
        "is_so": st.none() | st.booleans(),
        "day": st.none() | st.dates(dt.date(1600, 1, 1), dt.date(2300, 1, 1)),
        "at": st.none() | _AT,
        "text": st.none() | _TEXT,
        "words": st.none() | _TAGS,
        "posts": st.none() | st.lists(st.none() | _SAID, max_size=3),
        "place": st.none()
        | st.fixed_dictionaries({"city": st.none() | _TEXT, "size": st.none() | _INT64}),
    }
)
_NUMBERS = st.permutations(range(12))


@st.composite
def rows_of_every_kind(draw):
    rows = draw(st.lists(_ROW, max_size=12))
    return [row | {"number": n} for row, n in zip(rows, draw(_NUMBERS), strict=False)]


def given_rows(rows, pieces=5):
    table = pa.Table.from_pylist(rows, schema=EVERY_KIND)
    return table.to_reader(max_chunksize=pieces)


def bucket(row):
    digest = hashlib.md5(f"{row['kind']}\x1f{row['name']}".encode()).hexdigest()
    return int(digest[:8], 16) % SHUFFLE.count


def in_order(rows):
    return sorted(
        rows,
        key=lambda r: (bucket(r), r["kind"].encode(), r["name"].encode(), r["number"]),
    )


def said(rows):
    """Rows as text: NaN is not itself."""
    return [repr(row) for row in rows_in(given_rows(rows))]


def rows_in(batches):
    return [row for batch in batches for row in batch.to_pylist()]


def told_by(batches):
    return [json.loads(row["told"]) for row in rows_in(batches)]


def for_every_table(engine, holds):
    """For many small tables; where one costs a second, for all their rows as one table."""
    pooled = []

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(rows_of_every_kind())
    def each(rows):
        if engine == Local():
            holds(rows)
        else:
            pooled.extend(rows)

    each()
    if pooled:
        holds([row | {"number": -number} for number, row in enumerate(pooled)])


@on_every_engine
def test_rows_come_together_by_key_and_in_order(engine):
    def holds(rows):
        made = list(engine.run(given_rows(rows), AS_THEY_ARE, SHUFFLE))

        assert said(rows_in(made)) == said(in_order(rows))
        assert checksum(made) == checksum(given_rows(rows))

    for_every_table(engine, holds)


@on_every_engine
def test_a_function_is_called_once_a_bucket(engine):
    def holds(rows):
        made = told_by(engine.run(given_rows(rows), CALLED, SHUFFLE))

        groups = [list(group) for _, group in groupby(in_order(rows), bucket)]
        keys = [
            list(dict.fromkeys((row["kind"], row["name"]) for row in group)) for group in groups
        ]
        assert made == [
            [len(group), [list(key) for key in held]]
            for group, held in zip(groups, keys, strict=True)
        ]

    for_every_table(engine, holds)


@on_every_engine
def test_a_map_alone_sees_each_row_once_where_it_lies(engine):
    def holds(rows):
        made = list(engine.run(given_rows(rows), AS_THEY_ARE))

        assert said(rows_in(made)) == said(rows)
        counts = told_by(engine.run(given_rows(rows), CALLED))
        assert sum(count for count, _ in counts) == len(rows)

    for_every_table(engine, holds)


@on_every_engine
def test_what_is_only_mapped_stays_in_its_batches(engine):
    numbers = pa.schema([("n", pa.int64())])
    batches = [pa.record_batch([range(size)], schema=numbers) for size in (12_345, 1, 20_001, 7)]
    reader = pa.RecordBatchReader.from_batches(numbers, batches)

    made = told_by(engine.run(reader, Act(acts.sizes, numbers, acts.TOLD)))

    assert made == [12_345, 1, 20_001, 7]


@on_every_engine
def test_files_are_read_with_what_their_folders_say_and_without_what_they_lack(engine, tmp_path):
    at = dt.datetime(2026, 11, 29, 1, 2, 3, 456789, tzinfo=dt.UTC)
    old = {"name": ["b", "a"], "number": [2, 1]}
    new = {"number": [3], "name": ["a"], "posts": [[None, {"text": "é", "at": at, "tags": ["z"]}]]}
    for day, columns in (("2026-11-01", old), ("2026-11-02", new)):
        folder = tmp_path / "a table" / f"day={day}"
        folder.mkdir(parents=True)
        kept = pa.schema([EVERY_KIND.field(name) for name in columns])
        pq.write_table(pa.table(columns, schema=kept), folder / "part-0.parquet")
    names = ["number", "day", "name", "text", "posts"]
    reads = pa.schema([EVERY_KIND.field(name) for name in names])
    files = Files(str(tmp_path / "a table"), [f"day=2026-11-0{n}/part-0.parquet" for n in (1, 2)])

    made = list(
        engine.run(files, Act(acts.as_they_are, reads, reads), Shuffle(("name",), 1, ("number",)))
    )

    first, second = dt.date(2026, 11, 1), dt.date(2026, 11, 2)
    assert [tuple(row.values()) for row in rows_in(made)] == [
        (1, first, "a", None, None),
        (3, second, "a", None, [None, {"text": "é", "at": at, "tags": ["z"]}]),
        (2, first, "b", None, None),
    ]
    assert all(batch.schema.equals(reads) for batch in made)
    assert list(engine.run(Files(str(tmp_path), []), Act(acts.as_they_are, reads, reads))) == []


ONE = [
    dict.fromkeys(EVERY_KIND.names) | {"kind": "x", "name": f"hidden-{n}", "number": n}
    for n in range(9)
]


@on_every_engine
def test_a_function_need_not_hear_all(engine):
    act = Act(acts.first_only, EVERY_KIND, EVERY_KIND)

    made = rows_in(engine.run(given_rows(ONE, 2), act, SHUFFLE))

    assert [row["name"] for row in made] == [
        next(group)["name"] for _, group in groupby(in_order(ONE), bucket)
    ]


@on_every_engine
@pytest.mark.parametrize("shuffle", [SHUFFLE, None], ids=["by key", "as they lie"])
def test_a_function_that_fails_says_where_and_no_value(engine, shuffle):
    with pytest.raises(ActFailed) as failed:
        list(engine.run(given_rows(ONE), acts.breaking("of its own", EVERY_KIND), shuffle))

    assert "ValueError in sxe_pipeline_tests.engine.acts:" in str(failed.value)
    assert "hidden" not in str(failed.value)


@on_every_engine
def test_a_refusal_keeps_its_kind_and_its_words(engine):
    with pytest.raises(Leak, match="2 rows hold contact data; mend the rules"):
        list(engine.run(given_rows(ONE), acts.breaking("refused", EVERY_KIND), SHUFFLE))


@on_every_engine
def test_columns_that_were_not_agreed_are_refused(engine):
    with pytest.raises(ContractBroken, match="other columns than it says"):
        list(engine.run(given_rows(ONE), acts.breaking("other columns", EVERY_KIND), SHUFFLE))
    nameless = [row | {"name": "x"} for row in ONE]
    keyless = pa.Table.from_pylist(nameless).drop_columns(["name"])
    keyless = keyless.append_column("name", pa.nulls(len(ONE), pa.string())).cast(
        pa.schema([f.with_nullable(True) for f in EVERY_KIND])
        .remove(EVERY_KIND.get_field_index("name"))
        .append(pa.field("name", pa.string()))
    )
    with pytest.raises(ContractBroken, match="hold another type or null there"):
        list(engine.run(keyless.to_reader(), AS_THEY_ARE, SHUFFLE))


@on_every_engine_with_workers
def test_a_worker_is_told_no_secret(engine, monkeypatch):
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    act = Act(acts.surroundings, EVERY_KIND, acts.TOLD)

    seen = told_by(engine.run(given_rows(ONE), act, SHUFFLE))

    assert seen
    for _, environment, at_its_start in seen:
        assert not {name for name in SECRETS if environment.get(name)}
        assert "planted" not in at_its_start
        assert environment["PATH"]


@on_every_engine_with_workers
def test_a_worker_that_is_killed_ends_the_job(engine):
    with pytest.raises(WorkerLost, match="run it again"):
        list(engine.run(given_rows(ONE), acts.breaking("killed", EVERY_KIND), SHUFFLE))

    assert rows_in(engine.run(given_rows(ONE), AS_THEY_ARE)) == ONE

"""A column that is new to a table with data: null in older rows, or refused in one sentence."""

import pyarrow as pa
import pytest

from sxe_pipeline.errors import ContractBroken
from sxe_pipeline.store import sql, tables
from sxe_pipeline_tests import named
from sxe_pipeline_tests.store.test_tables import NAME, SCHEMA, SECRET, A, B, put, rows


@pytest.fixture
def conn(database):
    with sql.connect(database.dsn("sxe_social")) as opened:
        yield opened


def with_column(day, name, kind, value, *, nullable=True):
    """One row with a column that the table does not have yet."""
    schema = pa.schema([*SCHEMA, pa.field(name, kind, nullable=nullable)])
    new = pa.record_batch([[day], ["new"], pa.array([value], kind)], schema=schema)
    return pa.RecordBatchReader.from_batches(schema, [new])


def put_reader(conn, root, day, new):
    with conn.transaction():
        tables.lock(conn, NAME)
        named.name(conn, NAME, tables.write(conn, root, NAME, new, days=[day]), inputs="test")


def all_rows(conn, root):
    with conn.transaction():
        found = tables.snapshot(conn, root, NAME).to_table().to_pylist()
    return sorted(found, key=lambda row: row["landed_day"])


@pytest.mark.parametrize(
    ("kind", "value"), [(pa.string(), "y"), (pa.list_(pa.string()), ["y"]), (pa.int64(), 7)]
)
def test_a_new_column_is_null_in_the_rows_of_other_days(conn, tier1, kind, value):
    put(conn, tier1, A, "a")

    put_reader(conn, tier1, B, with_column(B, "headline", kind, value))

    old, new = all_rows(conn, tier1)
    assert (old["word"], old["headline"]) == ("a", None)
    assert (new["word"], new["headline"]) == ("new", value)


def test_a_killed_writer_of_a_new_column_changes_nothing_and_the_rerun_completes(conn, tier1):
    put(conn, tier1, A, "a")
    with conn.transaction():
        tables.lock(conn, NAME)
        orphan = with_column(B, "headline", pa.string(), "orphan")
        tables.write(conn, tier1, NAME, orphan, days=[B])
    assert rows(conn, tier1) == [(A, "a")]

    put_reader(conn, tier1, B, with_column(B, "headline", pa.string(), "y"))

    assert [row["headline"] for row in all_rows(conn, tier1)] == [None, "y"]


def test_a_new_column_that_may_not_be_null_is_refused(conn, tier1):
    put(conn, tier1, A, "a")
    new = with_column(B, "headline", pa.string(), SECRET, nullable=False)

    with pytest.raises(ContractBroken, match=r"headline.*nullable") as caught:
        put_reader(conn, tier1, B, new)

    assert SECRET not in str(caught.value)
    assert rows(conn, tier1) == [(A, "a")]


def test_a_new_column_does_not_change_the_type_of_an_old_one(conn, tier1):
    put(conn, tier1, A, "a")
    put_reader(conn, tier1, B, with_column(B, "likes", pa.int64(), 7))
    schema = pa.schema([*SCHEMA, ("likes", pa.string()), ("headline", pa.string())])
    wrong = pa.record_batch([[B], ["b"], [SECRET], ["y"]], schema=schema)

    with pytest.raises(ContractBroken) as caught:
        put_reader(conn, tier1, B, pa.RecordBatchReader.from_batches(schema, [wrong]))

    assert SECRET not in str(caught.value)
    assert [row["likes"] for row in all_rows(conn, tier1)] == [None, 7]


def test_rows_of_before_the_new_column_are_refused_and_nothing_is_lost(conn, tier1):
    put(conn, tier1, A, "a")
    put_reader(conn, tier1, B, with_column(B, "headline", pa.string(), "y"))

    with pytest.raises(ContractBroken, match="1 of its columns are missing"):
        put(conn, tier1, A, "older code")

    assert [row["word"] for row in all_rows(conn, tier1)] == ["a", "new"]

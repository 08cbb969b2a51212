"""A market as of a batch, and what a batch changed, whatever its days were."""

import io
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sxe_pipeline.errors import Tampered
from sxe_pipeline.handoff import states
from sxe_pipeline.handoff.chain import BatchKey
from sxe_pipeline.store.objects import Objects
from sxe_pipeline_tests.handoff.conftest import card
from sxe_pipeline_tests.handoff.whole import fields_and_parts, lay, tombstones

NAMES = [f"card_{n:04d}" for n in range(6)]
DAYS = st.lists(
    st.tuples(st.booleans(), st.dictionaries(st.sampled_from(NAMES), st.sampled_from("abc"))),
    min_size=1,
    max_size=5,
)
BATCH_KEY = BatchKey("x_general", date(2026, 1, 1))


@pytest.fixture(scope="module")
def chain_of(contract, tmp_path_factory):
    """`chain_of(days)`: a store, and the manifests of days that are full or deltas."""

    def rows_of(day):
        made = [card(1, 1, "x_general") | {"card_id": n, "bio": day[n]} for n in sorted(day)]
        return pa.Table.from_pylist(made, schema=contract.arrow())

    def make(days):
        root = tmp_path_factory.mktemp("states")
        before, made = {}, []
        for is_delta, day in days:
            put, removes = day, None
            if is_delta and made:
                put = {n: text for n, text in day.items() if before.get(n) != text}
                # what was never there may be removed, too
                gone = sorted({*before, NAMES[0]} - set(day))
                removes = tombstones([("x_general", n, "withheld", None) for n in gone])
            prev = made[-1]["batch_id"] if made else None
            fields, parts = fields_and_parts(contract, rows_of(put), BATCH_KEY, prev, removes)
            lay(root / "lead_card" / "v1" / fields["batch_id"], parts)
            made.append(fields)
            before = day
        return Objects(root.as_uri()), made

    return make


def chain_to(made, number):
    """The batches that make the rows as of one."""
    start = max(n for n in range(number + 1) if made[n]["kind"] == "full")
    return made[start : number + 1]


def written(write, *given):
    file = io.BytesIO()
    write(*given, file)
    return pq.read_table(file)


@settings(max_examples=25, deadline=None)
@given(days=DAYS)
def test_states_are_the_days_and_changes_lead_from_one_to_the_next(chain_of, contract, days):
    objects, made = chain_of(days)
    before: dict = {}
    for number, (_, day) in enumerate(days):
        held = written(states.write_rows, objects, contract, chain_to(made, number))
        assert held.schema.names == contract.names
        pairs = list(zip(held["card_id"].to_pylist(), held["bio"].to_pylist(), strict=True))
        assert sorted(pairs) == sorted(day.items())

        chain = chain_to(made, number - 1) if number else []
        changes = written(states.write_changes, objects, contract, chain, made[number])
        said = [
            (row["_change_type"], row["card_id"], row["bio"])
            for row in changes.select(["_change_type", "card_id", "bio"]).to_pylist()
        ]
        assert sorted(said, key=str) == sorted(
            [
                *(("insert", n, day[n]) for n in day.keys() - before.keys()),
                *(("update_postimage", n, t) for n, t in day.items() if before.get(n, t) != t),
                *(("delete", n, None) for n in before.keys() - day.keys()),
            ],
            key=str,
        )
        before = day


def test_a_row_that_is_deleted_holds_its_key_and_its_market(chain_of, contract):
    objects, made = chain_of([(False, dict.fromkeys(NAMES, "a")), (True, {NAMES[0]: "a"})])

    changes = written(states.write_changes, objects, contract, made[:1], made[1])

    assert changes.num_rows == len(NAMES) - 1
    assert set(changes["market"].to_pylist()) == {"x_general"}
    assert {name for name in changes.column_names if pc.any(changes[name].is_valid()).as_py()} == {
        *("card_id", "market", "_change_type")
    }


@pytest.mark.parametrize("number", [0, 1])
def test_of_a_file_that_was_changed_in_the_store_no_row_is_read(chain_of, contract, number):
    objects, made = chain_of([(False, {NAMES[0]: "a"}), (True, {NAMES[1]: "b"})])
    [name] = [
        entry["name"]
        for entry in made[number]["files"]
        if (entry["format"], entry["holds"]) == ("parquet", "rows")
    ]
    file = objects._folder / f"lead_card/v1/{made[number]['batch_id']}/{name}"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)

    with pytest.raises(Tampered):
        written(states.write_rows, objects, contract, made)

"""What a column means is stated once, and what states nothing is text."""

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from sxe_pipeline.cli.handoff import contracts_check
from sxe_pipeline.errors import ContractBroken
from sxe_pipeline.ingest.columns import MAPPABLE
from sxe_pipeline.schema import arrow, tables
from sxe_pipeline.schema.columns import CLASSES, Column
from sxe_pipeline.schema.lead_card import LEAD_CARD
from sxe_pipeline.schema.table import Table, unclassified

ALL = [*tables.TABLES, LEAD_CARD]
TIME = pa.timestamp("us", "UTC")


def test_every_column_of_every_table_states_its_class():
    assert unclassified(ALL) == []


@pytest.mark.parametrize(
    ("column", "handling"),
    [
        pytest.param(Column("headline", "string"), "text", id="no class"),
        pytest.param(Column("headline", "string", "txt"), "text", id="a class that is none"),
        pytest.param(Column("headline", "string", "count"), "text", id="a class of numbers"),
        pytest.param(Column("headline", "string", "link"), "link", id="a class of its own"),
        pytest.param(Column("likes", "int64"), None, id="a number without a class"),
    ],
)
def test_a_string_whose_class_cannot_be_is_text(column, handling):
    is_stated = column.class_ in CLASSES and handling == column.class_

    assert column.handling == handling
    assert column.may_hold_contacts == (handling in ("text", "link"))
    assert unclassified([Table("a/table", (column,))]) == (
        [] if is_stated else [f"a/table.{column.name}"]
    )


def test_the_inside_of_a_list_is_what_its_items_are():
    post = Column("element", "struct", children=(Column("words", "string"),))
    posts = Column("posts", "list", children=(post,))

    assert posts.may_hold_contacts
    assert unclassified([Table("a/table", (posts,))]) == ["a/table.posts[].words"]


def test_the_check_of_the_contracts_names_the_table_and_the_column(monkeypatch):
    careless = Table("social/observations", (*tables.OBSERVATION.columns, Column("x", "string")))
    monkeypatch.setattr(tables, "TABLES", (careless,))

    with pytest.raises(ContractBroken, match=r"social/observations\.x\b.*handled as text"):
        contracts_check.main(standalone_mode=False, args=[])


def test_what_a_mapping_fills_with_words_is_redacted():
    """All but the account id, which is digits or the row is refused."""
    landed = {column.name: column for column in tables.LANDED_ROW.columns}
    words = {
        name for name in MAPPABLE if any(inner.kind == "string" for _, inner in landed[name].walk())
    }

    assert {name for name in words if not landed[name].may_hold_contacts} == {"platform_id"}


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(pa.array([datetime(2026, 3, 29, 1, 30, 0, 7, tzinfo=UTC)], TIME), id="time"),
        pytest.param(pa.array([None, datetime(1969, 1, 1, tzinfo=UTC)], TIME), id="time or null"),
        pytest.param(pa.array([-62_135_596_800_000_000], TIME), id="the first day there is"),
        pytest.param(pa.array([253_402_300_799_999_999], TIME), id="the last one"),
        pytest.param(pa.array([], TIME), id="none"),
        pytest.param(pa.array([["a", None], None, []], pa.list_(pa.string())), id="lists"),
    ],
)
def test_values_by_column_are_those_that_arrow_gives(values):
    assert arrow.values(values) == values.to_pylist()
    assert all(each.tzinfo for each in arrow.values(values) if isinstance(each, datetime))

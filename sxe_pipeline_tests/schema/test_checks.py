"""Broken rows are refused, and what was in them is not repeated."""

import datetime as dt
import math

import pyarrow as pa
import pytest

from sxe_pipeline import schema
from sxe_pipeline.errors import ContractBroken

SEEN = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)


def proof(label):
    said = {"label": label, "source": "text", "text": "words", "weight": 0.5}
    return said | {"field": "bio", "start": None, "end": None}


ROW = {
    "card_id": "0123456789abcdef",
    "market": "x_general",
    "platform": "x",
    "platform_id": "9007199254740993",
    "follower_band": "unknown",
    "account_type": "unknown",
    "persona_family": "tech",
    "persona_confidence": 0.5,
    "tribes": [],
    "execution_label": "hold",
    "evidence": [proof("tech")],
    "readiness_state": "ready",
    "readiness_reasons": [],
    "accounts": [{"platform": "x", "platform_id": None, "handle": None, "basis": "self"}],
    "first_seen_at": SEEN,
    "observed_at": SEEN,
    "taxonomy_version": "1",
    "ruleset_version": "1",
    "model_version": "none",
    "policy_version": "1",
}
SECRET = "zanzibar-4711"


@pytest.fixture(scope="module")
def contract():
    return schema.load("lead_card", "1.0.0")


def table(contract, *rows):
    return pa.Table.from_pylist([ROW | row for row in rows], schema=contract.arrow())


def test_good_rows_come_back_under_the_contracts_own_schema(contract):
    rows = table(contract, {}, {"card_id": "another_id_of_a_card"})
    loose = pa.table(
        {
            name: rows[name].cast(pa.list_(pa.string())) if name == "tribes" else rows[name]
            for name in reversed(rows.column_names)
        }
    )

    checked = contract.check(loose)

    assert checked.schema.equals(contract.arrow(), check_metadata=True)
    assert checked.to_pylist() == rows.to_pylist()


def test_no_rows_are_good_rows(contract):
    assert contract.check(contract.arrow().empty_table()).num_rows == 0


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"card_id": SECRET + " "}, "card_id breaks str_matches 1 times"),
        ({"card_id": "0123456789abcdef\n"}, "card_id breaks str_matches"),
        ({"card_id": None}, "card_id is null 1 times"),
        ({"follower_band": SECRET}, "follower_band breaks isin 1 times"),
        ({"follower_count": -1}, "follower_count breaks"),
        ({"language_score": 1.5}, "language_score breaks"),
        ({"language_score": math.nan}, "language_score breaks"),
        ({"language_score": math.inf}, "language_score breaks"),
        ({"platform_id": "1.0e5"}, "platform_id breaks"),
        ({"country": "usa"}, "country breaks"),
        ({"handle": SECRET * 100}, "handle breaks str_length"),
        ({"tribes": ["Not A Slug"]}, r"tribes\[\] breaks str_matches 1 times"),
        ({"tribes": None}, "tribes is null 1 times"),
        ({"tribes": ["a", None]}, r"tribes\[\] is null 1 times"),
        ({"evidence": [proof("a") | {"weight": 2.0}]}, r"evidence\[\].weight breaks"),
        ({"evidence": [proof("a") | {"weight": math.nan}]}, r"evidence\[\].weight breaks"),
        ({"evidence": [proof("a") | {"source": None}]}, r"evidence\[\].source is null"),
        ({"evidence": [None]}, r"evidence\[\] is null"),
        ({"observed_at": SEEN - dt.timedelta(1)}, "rule seen_before_observed is broken 1 times"),
        ({"evidence": []}, "rule labels_have_evidence is broken"),
        ({"persona_family": None}, "persona_family is null 1 times"),
        ({"tribe": "a", "evidence": [proof("a")]}, "rule labels_have_confidence is broken"),
        (
            {"bio": "some words", "evidence": [proof("a") | {"start": 4, "end": 9}]},
            "rule evidence_stands_where_it_says is broken",
        ),
    ],
    ids=lambda value: None if isinstance(value, str) else next(iter(value)),
)
def test_one_broken_value_is_told_by_column_and_count(contract, change, told):
    with pytest.raises(ContractBroken, match=told) as caught:
        contract.check(table(contract, change, {"card_id": "another_id_of_a_card"}))

    text = str(caught.value)
    assert SECRET not in text
    assert caught.value.__context__ is None, "nothing that holds a value hangs on the error"
    assert "nothing was published" in text


def test_a_key_that_stands_twice_is_told(contract):
    with pytest.raises(ContractBroken, match=r"the key \(card_id\) stands again 2 times"):
        contract.check(table(contract, {}, {}, {}))


def test_a_missing_an_extra_and_a_retyped_column_are_told_without_the_extra_name(contract):
    rows = table(contract, {})
    with pytest.raises(ContractBroken, match="market is missing"):
        contract.check(rows.drop_columns(["market"]))
    with pytest.raises(ContractBroken, match="1 columns that no contract names") as caught:
        contract.check(rows.append_column(SECRET, pa.array([SECRET])))
    assert SECRET not in str(caught.value)
    place = rows.column_names.index("follower_count")
    with pytest.raises(ContractBroken, match="follower_count is double instead of int64"):
        contract.check(rows.set_column(place, "follower_count", pa.array([1.0])))


def test_a_time_without_a_zone_or_in_other_units_is_told(contract):
    rows = table(contract, {})
    place = rows.column_names.index("observed_at")
    for kind in (pa.timestamp("us"), pa.timestamp("ms", tz="UTC")):
        with pytest.raises(ContractBroken, match="observed_at is timestamp"):
            contract.check(rows.set_column(place, "observed_at", rows["observed_at"].cast(kind)))


def test_many_problems_are_told_at_once_and_the_list_is_short(contract):
    bad = {name: SECRET for name in ("market", "platform", "country", "language", "platform_id")}
    bad |= {"follower_band": SECRET, "account_type": SECRET, "execution_label": SECRET}
    bad |= {"readiness_state": SECRET, "tribes": [SECRET], "readiness_reasons": [SECRET]}

    with pytest.raises(ContractBroken) as caught:
        contract.check(table(contract, bad))

    assert str(caught.value).count(" breaks ") == 10
    assert "..." in str(caught.value)
    assert SECRET not in str(caught.value)


def test_the_key_of_two_columns_is_checked_as_a_pair():
    contract = schema.load("social_profile")
    given = {"platform": "x", "handles": [], "collections": ["c"], "links": [], "interests": []}
    given |= {"redaction_count": 0, "redaction_kinds": [], "is_scan_open": False}
    given |= {"ruleset_version": "1", "observation_count": 1, "landed_day": SEEN.date()}
    given |= {"first_seen_at": SEEN, "observed_at": SEEN}
    keys = [("x", "id:1"), ("tiktok", "id:1"), ("x", "handle:a")]
    rows = [given | {"platform": p, "account_key": k} for p, k in keys]

    assert contract.check(pa.Table.from_pylist(rows, schema=contract.arrow())).num_rows == 3
    with pytest.raises(ContractBroken, match=r"the key \(platform, account_key\) stands again"):
        contract.check(pa.Table.from_pylist([*rows, rows[0]], schema=contract.arrow()))

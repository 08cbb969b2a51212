"""Contact points of people who do not exist, and those that the contract refuses."""

import datetime as dt

import jsonschema_rs
import pyarrow as pa
import pytest

from sxe_pipeline import schema
from sxe_pipeline.errors import ContractBroken

SEEN = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
LATER = SEEN + dt.timedelta(days=31)
ROW = {
    "card_id": "0123456789abcdef",
    "request_id": "0190b5a4-0000-4000-8000-00000000a001",
    "kind": "email",
    "value": "someone@example.com",
    "status": "unknown",
    "provider": "apollo",
    "obtained_at": SEEN,
    "purpose": "market_research",
    "legal_basis": "consent",
}
PHONE = {"kind": "phone", "value": "+12025550143"}
TIMES = {"flags_checked_at": SEEN, "flags_valid_until": LATER}


@pytest.fixture(scope="module")
def contract():
    return schema.load("lead_contact", "1.0.0")


def table(contract, *changes):
    return pa.Table.from_pylist([ROW | change for change in changes], schema=contract.arrow())


@pytest.mark.parametrize(
    "change",
    [
        {},
        PHONE,
        PHONE | TIMES | {"dnc": True},
        PHONE | TIMES | {"dnc": False, "tcpa": False, "litigator": False},
        TIMES | {"litigator": True},
        {"value": "a" * 240 + "@example.com"},
        {"value": "jörg@xn--exmple-cua.com", "status": "a_status_of_later", "confidence": 1.0},
        {"kind": "phone", "value": "+99"},
        {"kind": "phone", "value": "+" + "9" * 15},
    ],
    ids=str,
)
def test_a_contact_point_is_accepted(contract, change):
    assert contract.check(table(contract, change)).num_rows == 1


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"kind": "fax"}, "kind breaks isin"),
        ({"kind": None}, "kind is null"),
        ({"value": "zanzibar"}, "rule emails_are_addresses"),
        ({"value": "zanzibar@"}, "rule emails_are_addresses"),
        ({"value": "@zanzibar.com"}, "rule emails_are_addresses"),
        ({"value": "zanzibar@a@b.com"}, "rule emails_are_addresses"),
        ({"value": "zan zibar@example.com"}, "rule emails_are_addresses"),
        ({"value": "zanzibar@example.com\n"}, "rule emails_are_addresses"),
        ({"value": "Zanzibar@example.com"}, "rule emails_are_addresses"),
        ({"value": ""}, "rule emails_are_addresses"),
        ({"value": "+12025550143"}, "rule emails_are_addresses"),
        ({"value": "zanzibar@" + "a" * 300}, "value breaks str_length"),
        (PHONE | {"value": "12025550143"}, "rule phones_are_e164"),
        (PHONE | {"value": "+1 202 555 0143"}, "rule phones_are_e164"),
        (PHONE | {"value": "+02025550143"}, "rule phones_are_e164"),
        (PHONE | {"value": "+" + "9" * 16}, "rule phones_are_e164"),
        (PHONE | {"value": "+1202555014³"}, "rule phones_are_e164"),
        (PHONE | {"value": "+12025550143\n"}, "rule phones_are_e164"),
        (PHONE | {"value": "zanzibar@example.com"}, "rule phones_are_e164"),
        (PHONE | {"dnc": False}, "rule flags_have_times is broken"),
        (PHONE | TIMES, "rule flags_have_times is broken"),
        (PHONE | {"dnc": True, "flags_checked_at": SEEN}, "rule flags_have_times is broken"),
        (PHONE | {"dnc": True, "flags_valid_until": SEEN}, "rule flags_have_times is broken"),
        (
            PHONE | {"dnc": True, "flags_checked_at": SEEN, "flags_valid_until": SEEN},
            "rule flags_are_valid_after_the_check",
        ),
        (
            PHONE | {"dnc": True, "flags_checked_at": LATER, "flags_valid_until": SEEN},
            "rule flags_are_valid_after_the_check",
        ),
        ({"confidence": 1.01}, "confidence breaks"),
        ({"request_id": "0190B5A4-0000-4000-8000-00000000A001"}, "request_id breaks"),
        ({"request_id": "0190b5a4"}, "request_id breaks"),
        ({"purpose": None}, "purpose is null"),
        ({"legal_basis": "We asked."}, "legal_basis breaks"),
    ],
    ids=str,
)
def test_what_is_none_is_told_without_its_value(contract, change, told):
    with pytest.raises(ContractBroken, match=told) as caught:
        contract.check(table(contract, change))

    assert "zanzibar" not in str(caught.value).lower()
    assert "2025550143" not in str(caught.value)


def test_a_card_has_a_value_once_and_several_values(contract):
    several = [{}, {"value": "other@example.com"}, PHONE, {"card_id": "another_card_id"}]

    assert contract.check(table(contract, *several)).num_rows == 4
    with pytest.raises(ContractBroken, match=r"the key \(card_id, kind, value\) stands again"):
        contract.check(table(contract, *several, PHONE | {"provider": "enformion"}))


@pytest.mark.parametrize("flag", ["dnc", "tcpa", "litigator"])
def test_a_flag_that_is_left_out_of_a_line_is_no_row(contract, flag):
    line = dict.fromkeys(contract.names) | ROW | {"obtained_at": "2026-01-02T00:00:00.000000Z"}
    published = jsonschema_rs.validator_for(contract.json_schema())

    assert published.is_valid(line)
    assert not published.is_valid({k: v for k, v in line.items() if k != flag})
    assert not published.is_valid(line | {flag: "unknown"})
    assert not published.is_valid(line | {flag: 0})

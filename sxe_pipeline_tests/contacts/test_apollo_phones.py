import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from sxe_pipeline.contacts.adapter import Reply, Verdict
from sxe_pipeline.contacts.agreement import DOUBT
from sxe_pipeline.errors import BadInput
from sxe_pipeline_tests.contacts.apollo_replies import (
    APOLLO,
    BOTH,
    NOW,
    NUMBER,
    answered,
    item,
    outcomes,
    person,
    read,
    reply,
    result,
)


@pytest.mark.parametrize(
    ("body", "verdict", "request_id"),
    [
        pytest.param({"phone_enrichment": {"status": "pending", "request_id": -(2**63)}},
                     Verdict.AWAITING, "-9223372036854775808", id="a negative number"),
        pytest.param({"phone_enrichment": {"status": "pending", "request_id": "77"}},
                     Verdict.AWAITING, "77", id="a text"),
        pytest.param({"request_id": 2**63 - 1, "phone_enrichment": {"status": "pending"}},
                     Verdict.AWAITING, "9223372036854775807", id="that of the answer"),
        pytest.param({"request_id": 5}, Verdict.AWAITING, "5", id="no word on phones"),
        pytest.param({"request_id": 5, "phone_enrichment": "x"}, Verdict.AWAITING, "5", id="drift"),
        pytest.param({"request_id": 5, "phone_enrichment": {"status": "queued"}},
                     Verdict.AWAITING, "5", id="a new word"),
        pytest.param({"request_id": 5, "phone_enrichment": {"status": "skipped"}},
                     Verdict.SETTLED, None, id="skipped"),
        pytest.param({}, Verdict.UNKNOWN, None, id="no id"),
        *(pytest.param({"request_id": odd}, Verdict.UNKNOWN, None, id=repr(odd))
          for odd in (True, 1.5, "", "../../usage", "a b", "x" * 99, "--1", [5], "7\n")),
    ],
)  # fmt: skip
def test_phones_are_awaited_under_the_id_of_their_request(body, verdict, request_id):
    answer = read(answered(person(), **body), groups=BOTH)

    assert (answer.verdict, answer.provider_request_id) == (verdict, request_id)
    if verdict is Verdict.AWAITING:
        assert answer.units_micro == 1_000_000
        assert APOLLO.result_request(request_id).path == f"/api/v1/webhook_result/{request_id}"


def test_a_pending_answer_without_a_figure_is_unknown():
    given = reply({"matches": [], "phone_enrichment": {"status": "pending", "request_id": 5}})

    assert read(given, groups=BOTH).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("request_id", ["", "../people/bulk_match", "1/2", "1?x", "1 2", "é"])
def test_only_an_id_is_polled_for(request_id):
    with pytest.raises(BadInput):
        APOLLO.result_request(request_id)


WAITING = [item(0, "p1"), item(1, "p2"), item(2)]


def test_phones_meet_their_items_by_the_providers_id_alone():
    numbers = [NUMBER | {"status_cd": "valid_number", "dnc_status_cd": "not_found"}]

    answer = APOLLO.read_result(
        WAITING,
        result({"id": "p9", "phone_numbers": numbers}, {"id": "p2", "phone_numbers": numbers * 2}),
        NOW,
    )

    assert (answer.verdict, answer.units_micro) == (Verdict.SETTLED, 8_000_000)
    assert outcomes(answer) == ["no_match", "match", "no_match"]
    value = answer.findings[1].values[0]
    assert (value.value, value.status, value.dnc) == ("+12025550143", "verified", False)
    assert (value.tcpa, value.litigator, value.flags_checked_at) == (None, None, NOW)
    assert len(answer.findings[1].values) == 1


def test_phones_are_believed_as_little_as_the_first_answer():
    given = answered(person(domain="example.org"), phone_enrichment={"request_id": "r1"})
    [first] = read(given, groups=BOTH).findings
    asked = dataclasses.replace(item(0, "p1"), is_doubtful=first.is_doubtful)

    [rest] = APOLLO.read_result(
        [asked], result({"id": "p1", "phone_numbers": [NUMBER]}), NOW
    ).findings

    assert first.is_doubtful
    assert [value.confidence for value in (*first.values, *rest.values)] == [DOUBT, DOUBT]


def test_a_person_without_an_id_is_no_item_without_one():
    answer = APOLLO.read_result(
        [item(0)], result({"id": None, "phone_numbers": [NUMBER]}, {"phone_numbers": [NUMBER]}), NOW
    )

    assert outcomes(answer) == ["no_match"]


@pytest.mark.parametrize(
    ("given", "verdict", "seconds", "stops"),
    [
        (Reply(None, failure="not_sent"), Verdict.AWAITING, 60, False),
        (Reply(None, failure="no_answer"), Verdict.AWAITING, 60, False),
        (Reply(None), Verdict.AWAITING, 60, False),
        (reply({"error_code": "result_pending", "retry_after_seconds": 10}, 404),
         Verdict.AWAITING, 10, False),
        (reply({"error_code": "result_pending", "retry_after_seconds": 1e9}, 404),
         Verdict.AWAITING, 3600, False),
        (reply({"error_code": "result_pending", "retry_after_seconds": "soon"}, 404),
         Verdict.AWAITING, 60, False),
        (reply({"error_code": "result_pending", "retry_after_seconds": -1}, 404),
         Verdict.AWAITING, 60, False),
        (reply({"error_code": "request_id_unknown"}, 404), Verdict.UNKNOWN, None, False),
        (reply(b"<html>", 404), Verdict.AWAITING, 60, False),
        (reply({"error_code": "request_id_expired"}, 410), Verdict.UNKNOWN, None, False),
        (reply({"error_code": "invalid_request_id"}, 400), Verdict.UNKNOWN, None, False),
        (reply(b"", 429, {"retry-after": "9"}), Verdict.AWAITING, 9, False),
        (reply(b"", 500), Verdict.AWAITING, 60, False),
        (reply(b"", 503, {"retry-after": "9"}), Verdict.AWAITING, 9, False),
        (reply(b"", 302), Verdict.AWAITING, 60, False),
        (reply(b"", 401), Verdict.AWAITING, 3600, True),
        (reply(b"", 403), Verdict.AWAITING, 3600, True),
        (reply(b'{"webhook_res'), Verdict.AWAITING, 60, False),
        (reply({}), Verdict.UNKNOWN, None, False),
        (reply({"webhook_result": None}), Verdict.UNKNOWN, None, False),
        (reply({"webhook_result": {"people": []}}), Verdict.UNKNOWN, None, False),
        (result(credits=-1), Verdict.UNKNOWN, None, False),
        (result(credits=True), Verdict.UNKNOWN, None, False),
        (reply({"webhook_result": {"credits_consumed": 1}}), Verdict.UNKNOWN, None, False),
    ],
)  # fmt: skip
def test_what_a_poll_says(given, verdict, seconds, stops):
    answer = APOLLO.read_result(WAITING, given, NOW)

    assert (answer.verdict, answer.retry_after_s, answer.opens_circuit) == (
        verdict,
        seconds,
        stops,
    )
    assert answer.units_micro is None


@pytest.mark.parametrize(
    ("stated", "flag"),
    [("found", True), ("Listed", True), ("do_not_call", True), (True, True),
     ("not_found", False), ("clear", False), (False, False),
     (None, None), ("", None), ("maybe", None), (0, None), (1, None), ({}, None),
     (["found"], None)],
)  # fmt: skip
def test_a_flag_has_three_values(stated, flag):
    given = result({"id": "p1", "phone_numbers": [NUMBER | {"dnc_status_cd": stated}]})

    value = APOLLO.read_result(WAITING, given, NOW).findings[0].values[0]

    assert value.dnc is flag
    assert (value.flags_checked_at is None) is (flag is None)


@pytest.mark.parametrize(
    ("one", "other", "flag"),
    [
        (None, "found", True),
        ("not_found", "found", True),
        ("found", None, True),
        ("found", "not_found", True),
        (None, "not_found", None),
        ("not_found", None, False),
    ],
)
def test_of_a_number_that_stands_there_twice_the_warning_counts(one, other, flag):
    numbers = [NUMBER | {"dnc_status_cd": stated} for stated in (one, other)]
    given = result({"id": "p1", "phone_numbers": numbers})

    (value,) = APOLLO.read_result(WAITING, given, NOW).findings[0].values

    assert value.dnc is flag
    assert (value.flags_checked_at is None) is (flag is None)


@pytest.mark.parametrize(
    ("stated", "checked"),
    [
        ("2026-08-30T06:00:00Z", datetime(2026, 8, 30, 6, tzinfo=UTC)),
        ("2026-08-30T06:00:00+02:00", datetime(2026, 8, 30, 4, tzinfo=UTC)),
        ("2026-08-30", datetime(2026, 8, 30, tzinfo=UTC)),
        ((NOW + timedelta(days=400)).isoformat(), NOW),
        ("0001-01-01T00:00:00+23:59", NOW),
        ("yesterday", NOW), (None, NOW), (5, NOW), ("x" * 10_000, NOW),
    ],
)  # fmt: skip
def test_when_a_flag_was_checked(stated, checked):
    number = NUMBER | {"dnc_status_cd": "found", "dnc_status_updated_at": stated}

    found = APOLLO.read_result(
        WAITING, result({"id": "p1", "phone_numbers": [number]}), NOW
    ).findings

    assert found[0].values[0].flags_checked_at == checked


def test_a_number_without_its_country_code_is_one_of_the_items_country():
    number = {"raw_number": "030 123456", "sanitized_number": None}
    people = {"id": "p1", "phone_numbers": [number, None, 7, {}, {"raw_number": 5}]}

    in_germany = APOLLO.read_result([item(0, "p1", country="DE")], result(people), NOW)
    nowhere = APOLLO.read_result([item(0, "p1", first_name="A")], result(people), NOW)

    assert [value.value for value in in_germany.findings[0].values] == ["+4930123456"]
    assert list(nowhere.findings[0].values) == []


def usage(lead, direct):
    return reply({"credit_usage_stats": {"lead_credit": lead, "direct_dial_credit": direct}})


@pytest.mark.parametrize(
    ("given", "units"),
    [
        (usage({"consumed": 3}, {"consumed": 8.5}), 11_500_000),
        (usage({"consumed": 0}, {"consumed": 0}), 0),
        (usage({"consumed": 3}, {}), None),
        (usage({"consumed": 3}, None), None),
        (usage({"consumed": -3}, {"consumed": 8}), None),
        (usage({"consumed": True}, {"consumed": 8}), None),
        (usage({"consumed": "3"}, {"consumed": 8}), None),
        (reply({"credit_usage_stats": []}), None),
        (reply([]), None),
        (reply(b"{"), None),
        (Reply(500, body=usage({"consumed": 3}, {"consumed": 8}).body), None),
        (Reply(None, failure="no_answer"), None),
    ],
)
def test_the_counter_is_read_whole_or_not_at_all(given, units):
    assert APOLLO.read_counter(given) == units


@pytest.mark.parametrize(
    ("cycle", "read"),
    [
        ({"start_date": "2026-09-01", "end_date": "2026-09-30"}, "2026-09-01/2026-09-30"),
        ({"start_date": "2026-09-01T00:00:00Z", "end_date": "2026-09-30"}, "2026-09-01/2026-09-30"),
        ({"start_date": "2026-09-01"}, None),
        ({"start_date": 7, "end_date": "soon"}, None),
        ([], None),
        (None, None),
    ],
)
def test_k03_a_credit_cycle_is_two_days_or_not_named(cycle, read):
    assert APOLLO.read_cycle(reply({"current_credit_cycle": cycle})) == read

import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sxe_pipeline.contacts.adapter import Item, Reply, Verdict
from sxe_pipeline.contacts.wire import Wire
from sxe_pipeline.sandbox import providers
from sxe_pipeline_tests.contacts.apollo_replies import (
    APOLLO,
    BOTH,
    CARL,
    EMAIL,
    NOW,
    NUMBER,
    PHONE,
    answered,
    item,
    outcomes,
    person,
    read,
    reply,
)

FIELDS = st.sampled_from(
    [
        "status",
        "matches",
        "credits_consumed",
        "request_id",
        "phone_enrichment",
        "id",
        "first_name",
        "last_name",
        "email",
        "organization",
        "primary_domain",
        "linkedin_url",
        "contact",
        "phone_numbers",
        "raw_number",
        "sanitized_number",
        "dnc_status_cd",
        "webhook_result",
        "people",
        "personal_emails",
        "email_status",
        "consumed",
        "lead_credit",
        "credit_usage_stats",
        "direct_dial_credit",
        "error_code",
        "retry_after_seconds",
    ]
)
WORDS = st.sampled_from(
    ["Ana", "Diaz", "p1", "pending", "skipped", "example.com", "+12025550143", "ana@example.com"]
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | WORDS
JSON = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(FIELDS | st.text(max_size=4), inner, max_size=6)
    ),
    max_leaves=30,
)
BODIES = st.dictionaries(FIELDS, JSON, max_size=8) | JSON
RAW = BODIES.map(lambda body: json.dumps(body).encode()) | st.binary(max_size=60)


@settings(deadline=None, derandomize=True)
@given(
    body=RAW,
    status=st.sampled_from([200, 200, 200, 404, 429, 500]) | st.integers(100, 999),
    retry=st.text(max_size=30),
    groups=st.sampled_from([EMAIL, PHONE, BOTH]),
)
def test_no_body_raises_and_none_settles_without_a_figure(body, status, retry, groups):
    given_reply = Reply(status, {"retry-after": retry}, body)
    items = [item(0, "p1"), item(1, **CARL)]

    for answer in (
        APOLLO.read(items, groups, given_reply, NOW),
        APOLLO.read_result(items, given_reply, NOW),
    ):
        if answer.verdict is Verdict.SETTLED:
            assert type(answer.units_micro) is int
            assert answer.units_micro >= 0
            assert [found.position for found in answer.findings] == [0, 1]
        if answer.retry_after_s is not None:
            assert 0 <= answer.retry_after_s <= 3600
        if answer.verdict is Verdict.UNKNOWN:
            assert answer.units_micro is None
    counted = APOLLO.read_counter(given_reply)
    assert counted is None or counted >= 0


@settings(deadline=None, derandomize=True)
@given(st.decimals(min_value=0, max_value=10**6, places=12))
def test_a_charge_is_never_rounded_down(figure):
    given_reply = reply(f'{{"matches": [null], "credits_consumed": {figure:f}}}'.encode())

    units = read(given_reply).units_micro

    assert 0 <= Decimal(units) - figure * 1_000_000 < 1


def test_no_answer_shows_a_value_when_printed():
    answer = read(answered(person(contact={"phone_numbers": [NUMBER]}), request_id=5), groups=BOTH)

    assert "example.com" not in repr(answer)
    assert "0143" not in repr(answer)


@pytest.fixture(scope="module")
def emulator():
    with providers.serve() as running:
        yield running


@pytest.fixture
def line(emulator):
    emulator.reset()
    headers = APOLLO.headers({"api_key": "k"})
    with Wire(emulator.url, headers, loopback_only=True, read_timeout_s=5) as opened:
        yield opened


PEOPLE = [
    item(n, first_name=f"First{chr(97 + n)}", last_name="Lastname", domain=f"d{n}.example.com",
         country="US") for n in range(10)
]  # fmt: skip


def paid(line, items=PEOPLE, groups=BOTH):
    answer = line.send(APOLLO.call_request(items, groups), "call-1")
    return APOLLO.read(items, groups, answer, NOW)


def poll(line, answer):
    ids = {found.position: found.provider_person_id for found in answer.findings}
    items = [Item(one.position, one.card_id, one.inputs, ids[one.position]) for one in PEOPLE]
    reply = line.send(APOLLO.result_request(answer.provider_request_id), "call-1")
    return APOLLO.read_result(items, reply, NOW)


def test_both_parts_of_an_answer_add_up_to_what_the_provider_counted(emulator, line):
    first = paid(line)
    rest = poll(line, first)
    counter = APOLLO.read_counter(line.send(APOLLO.counter_request(), "call-1"))

    assert (first.verdict, rest.verdict) == (Verdict.AWAITING, Verdict.SETTLED)
    assert first.units_micro + rest.units_micro == emulator.stats()["totals"]["apollo"] == counter
    assert counter > 8_000_000
    got = {v.value for answer in (first, rest) for found in answer.findings for v in found.values}
    assert got == emulator.handed_out()
    assert "mismatch" not in outcomes(first)


def test_shuffled_matches_change_nothing(emulator, line):
    straight = paid(line)
    emulator.mode("apollo", "reordered_matches")

    assert list(paid(line).findings) == list(straight.findings)


@pytest.mark.parametrize(
    ("mode", "verdict", "is_charged"),
    [
        ("429", Verdict.REJECTED, False), ("402", Verdict.REJECTED, False),
        ("401", Verdict.REJECTED, False), ("500pre", Verdict.UNKNOWN, False),
        ("500post", Verdict.UNKNOWN, True), ("drop", Verdict.UNKNOWN, True),
        ("bad_json", Verdict.UNKNOWN, True), ("negative_credits", Verdict.UNKNOWN, True),
        ("no_credits_field", Verdict.UNKNOWN, True), ("overcharge", Verdict.SETTLED, True),
        ("fractional", Verdict.SETTLED, True), ("schema_drift", Verdict.SETTLED, True),
        ("partial_200", Verdict.SETTLED, True), ("null_matches", Verdict.SETTLED, False),
        ("other_person", Verdict.SETTLED, True),
    ],
)  # fmt: skip
def test_every_mode_of_the_provider_over_a_socket(emulator, line, mode, verdict, is_charged):
    emulator.mode("apollo", mode)

    answer = paid(line, groups=EMAIL)

    charged = emulator.stats()["totals"]["apollo"]
    assert answer.verdict is verdict
    assert (charged > 0) is is_charged
    if verdict is Verdict.SETTLED:
        assert answer.units_micro == charged
    if mode == "other_person":
        assert "match" not in outcomes(answer)


def test_a_hanging_provider_is_unknown(emulator):
    emulator.reset()
    emulator.mode("apollo", "hang")
    headers = APOLLO.headers({"api_key": "k"})
    with Wire(emulator.url, headers, loopback_only=True, read_timeout_s=0.3) as line:
        answer = paid(line)

    assert answer.verdict is Verdict.UNKNOWN
    assert emulator.stats()["totals"]["apollo"] > 0


@pytest.mark.parametrize(
    ("mode", "verdict"),
    [("slow_poll", Verdict.AWAITING), ("expired_result", Verdict.UNKNOWN),
     ("429", Verdict.AWAITING), ("500pre", Verdict.AWAITING), ("drop", Verdict.AWAITING),
     ("bad_json", Verdict.AWAITING), ("401", Verdict.AWAITING),
     ("no_credits_field", Verdict.UNKNOWN), ("schema_drift", Verdict.SETTLED)],
)  # fmt: skip
def test_every_mode_of_a_poll_over_a_socket(emulator, line, mode, verdict):
    first = paid(line)
    emulator.mode("apollo", mode, on="poll")

    assert poll(line, first).verdict is verdict


def test_a_slow_result_comes_in_the_end(emulator, line):
    first = paid(line)
    emulator.mode("apollo", "slow_poll", n=2)

    verdicts = [poll(line, first).verdict for _ in range(3)]

    assert verdicts == [Verdict.AWAITING, Verdict.AWAITING, Verdict.SETTLED]


def test_k03_the_counter_says_which_credit_cycle_it_counts(emulator, line):
    paid(line)
    before = line.send(APOLLO.counter_request(), "call-1")
    emulator.begin_cycle()
    after = line.send(APOLLO.counter_request(), "call-1")

    assert (APOLLO.read_counter(before) > 0, APOLLO.read_counter(after)) == (True, 0)
    assert APOLLO.read_cycle(before) == "2026-09-01/2026-09-30"
    assert APOLLO.read_cycle(after) not in (None, APOLLO.read_cycle(before))

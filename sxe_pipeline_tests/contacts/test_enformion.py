import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sxe_pipeline.contacts.adapter import Item, Reply, Verdict
from sxe_pipeline.contacts.providers.enformion import Enformion
from sxe_pipeline.contacts.providers.replies import BODY_LIMIT
from sxe_pipeline.contacts.wire import Wire
from sxe_pipeline.errors import BadConfig, BadInput
from sxe_pipeline.sandbox import providers

NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)
ENFORMION = Enformion()
GROUPS = ("person",)
CREDENTIALS = {"name": "profile", "password": "secret"}
ANA = {"first_name": "Ana", "last_name": "Diaz", "city": "Boise", "region": "ID", "country": "US"}


def item(position=3, **changed):
    return Item(position, "card", {k: v for k, v in {**ANA, **changed}.items() if v})


def reply(body, status=200):
    return Reply(status, {}, body if isinstance(body, bytes) else json.dumps(body).encode())


def person(first="Ana", last="Diaz", **more):
    return {"isError": False, "person": {"name": {"firstName": first, "lastName": last}, **more}}


def read(body, status=200):
    return ENFORMION.read([item()], GROUPS, reply(body, status), NOW)


def values(**more):
    return [value.value for value in read(person(**more)).findings[0].values]


def test_one_person_is_asked_for_in_the_body():
    ask = ENFORMION.call_request([item(domain="example.com")], GROUPS)

    assert (ask.method, ask.path, ask.query) == ("POST", "/Contact/Enrich", {})
    address = {"addressLine2": "Boise, ID"}
    assert ask.body == {"FirstName": "Ana", "LastName": "Diaz", "Address": address}
    assert ask.headers == {"galaxy-search-type": "DevAPIContactEnrich"}


@pytest.mark.parametrize(
    ("changed", "place"),
    [({"city": None}, "ID"), ({"region": None}, "Boise"), ({"region": "Idaho"}, "Boise, Idaho")],
)
def test_a_city_or_a_region_is_enough(changed, place):
    assert (
        ENFORMION.call_request([item(**changed)], GROUPS).body["Address"]["addressLine2"] == place
    )


@pytest.mark.parametrize(
    ("items", "groups"),
    [
        pytest.param([], GROUPS, id="nobody"),
        pytest.param([item(1), item(2)], GROUPS, id="two people"),
        pytest.param([item()], ("email",), id="half of the group"),
        pytest.param([item()], ("person", "email"), id="more than the group"),
        pytest.param([item()], (), id="no group"),
        pytest.param([item(last_name=None)], GROUPS, id="half a name"),
        pytest.param([item(city=None, region=None)], GROUPS, id="nowhere"),
    ],
)
def test_a_question_it_cannot_answer_is_not_asked(items, groups):
    with pytest.raises(BadInput):
        ENFORMION.call_request(items, groups)


def test_the_credentials_are_headers():
    assert ENFORMION.headers(CREDENTIALS) == {
        "galaxy-ap-name": "profile",
        "galaxy-ap-password": "secret",
    }
    for half in ({"name": "profile"}, {"password": "secret"}, {}):
        with pytest.raises(BadConfig):
            ENFORMION.headers(half)


def test_nothing_comes_later_and_there_is_no_counter():
    assert ENFORMION.counter_request() is None
    assert ENFORMION.read_counter(reply({"consumed": 1})) is None
    with pytest.raises(BadInput):
        ENFORMION.result_request("1")
    with pytest.raises(BadInput):
        ENFORMION.read_result([item()], reply({}), NOW)


@pytest.mark.parametrize(
    ("given", "verdict", "units", "stops"),
    [
        (Reply(None, failure="not_sent"), Verdict.NOT_SENT, 0, False),
        (Reply(None, failure="no_answer"), Verdict.UNKNOWN, None, False),
        (reply(b"", 429), Verdict.REJECTED, 0, False),
        (reply(b"", 400), Verdict.REJECTED, 0, False),
        (reply(b"", 422), Verdict.REJECTED, 0, False),
        (reply(b"", 401), Verdict.REJECTED, 0, True),
        (reply(b"", 402), Verdict.REJECTED, 0, True),
        (reply(b"", 403), Verdict.REJECTED, 0, True),
        *((reply(person(), n), Verdict.UNKNOWN, None, False) for n in (201, 302, 404, 500, 503)),
        (Reply(200, body=b" " * (BODY_LIMIT + 1)), Verdict.UNKNOWN, None, False),
        (reply({"isError": True, "error": {"code": "x"}}), Verdict.REJECTED, 0, False),
        (
            reply({"isError": True, "error": {"message": "Insufficient balance"}}),
            Verdict.REJECTED,
            0,
            True,
        ),
        (reply({"isError": False, "message": "No strong matches"}), Verdict.SETTLED, 0, False),
        (reply({"isError": False, "person": None}), Verdict.SETTLED, 0, False),
        (reply(person()), Verdict.SETTLED, 1_000_000, False),
        (reply(person("Eve", "Other")), Verdict.SETTLED, 1_000_000, False),
        (reply({"person": {}}), Verdict.SETTLED, 1_000_000, False),
    ],
)
def test_what_an_answer_says_about_the_money(given, verdict, units, stops):
    answer = ENFORMION.read([item()], GROUPS, given, NOW)

    assert (answer.verdict, answer.units_micro, answer.opens_circuit) == (verdict, units, stops)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"null", b"\xff", b"{}", b'{"isError": "false"}', b'{"isError": 0}',
        b'{"isError": false, "isError": true}', b'{"isError": false, "person": []}',
        b'{"isError": false, "person": "Ana"}', b'{"isError": true, "person": {}}',
        b'{"isError": false, "person": ' + b"[" * 100_000, b'{"isError": false, "x": NaN}',
    ],
)  # fmt: skip
def test_a_body_that_does_not_say_is_unknown_and_never_nothing(body):
    answer = read(body)

    assert (answer.verdict, answer.units_micro) == (Verdict.UNKNOWN, None)


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ({"firstName": "ANA", "lastName": "Díaz"}, "match"),
        ({"firstName": "Ana", "middleName": "B", "lastName": "Diaz"}, "match"),
        ({"firstName": "Anna", "lastName": "Diaz"}, "mismatch"),
        ({"firstName": "Diaz", "lastName": "Ana"}, "match"),
        ({"firstName": "Ana"}, "mismatch"),
        ({"firstName": None, "lastName": None}, "mismatch"),
        ({"firstName": ["Ana"], "lastName": "Diaz"}, "mismatch"),
        (None, "mismatch"),
        ("Ana Diaz", "mismatch"),
    ],
)
def test_somebody_else_is_paid_for_and_not_stored(name, outcome):
    body = {"isError": False, "person": {"name": name, "emails": [{"email": "ana@example.com"}]}}

    answer = read(body)

    assert answer.units_micro == 1_000_000
    assert (answer.findings[0].position, answer.findings[0].outcome) == (3, outcome)
    assert len(answer.findings[0].values) == (outcome == "match")


def test_names_of_no_letters_agree_with_nothing():
    answer = ENFORMION.read([item(first_name="?")], GROUPS, reply(person("!")), NOW)

    assert answer.findings[0].outcome == "mismatch"


def phone(last, **more):
    return {"number": f"(202) 555-01{last:02d}", **more}


def test_the_best_numbers_come_first():
    listed = [
        phone(1, isConnected=False, type="mobile", lastReportedDate="2026-01-01"),
        phone(2, type="mobile"),
        phone(3, isConnected=True, type="landline", lastReportedDate="2026-01-01"),
        phone(4, isConnected=True, type="mobile", lastReportedDate="1/2/2020"),
        phone(5, isConnected=True, type="mobile", lastReportedDate="11/2/2025"),
        phone(6, isConnected=True, type="mobile", lastReportedDate="13/45/2030"),
    ]

    assert [int(number[-2:]) for number in values(phones=listed)] == [5, 4, 6, 3, 2, 1]


def test_at_most_ten_of_each_and_each_once():
    found = values(
        phones=[phone(n) for n in range(50)] * 2,
        emails=[{"email": f"a{n}@Example.com"} for n in range(50)] * 2,
    )

    assert len(found) == len(set(found)) == 20


def test_a_number_is_read_as_one_of_the_united_states_whatever_the_card_says():
    given = person(phones=[phone(43)])

    answer = ENFORMION.read([item(country="DE")], GROUPS, reply(given), NOW)

    assert [value.value for value in answer.findings[0].values] == ["+12025550143"]


@pytest.mark.parametrize(
    ("stated", "status"),
    [(True, "verified"), (False, "unverified"), (None, "unknown"), ("yes", "unknown"),
     (1, "unknown"), ([], "unknown")],
)  # fmt: skip
def test_connected_has_three_values_and_flags_have_none(stated, status):
    value = read(person(phones=[phone(43, isConnected=stated)])).findings[0].values[0]

    assert value.status == status
    assert (value.dnc, value.tcpa, value.litigator, value.flags_checked_at) == (None,) * 4


@pytest.mark.parametrize(
    "odd",
    [None, 7, "x", {}, [None, 7, "x", [], {}, {"number": 5}, {"email": None}, {"number": "911"}]],
)
def test_lists_of_something_else_hold_no_value(odd):
    assert values(phones=odd, emails=odd) == []


FIELDS = st.sampled_from(
    [
        "isError",
        "person",
        "name",
        "firstName",
        "lastName",
        "phones",
        "emails",
        "number",
        "email",
        "isConnected",
        "type",
        "lastReportedDate",
        "isValidated",
        "error",
    ]
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
LEAVES |= st.sampled_from(["Ana", "Diaz", "(202) 555-0143", "ana@example.com", "1/1/2020"])
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
@given(RAW, st.sampled_from([200, 200, 429, 500]) | st.integers(100, 999))
def test_no_body_raises_and_none_settles_without_a_figure(body, status):
    answer = ENFORMION.read([item()], GROUPS, reply(body, status), NOW)

    if answer.verdict is Verdict.SETTLED:
        assert answer.units_micro in (0, 1_000_000)
        assert [found.position for found in answer.findings] == [3]
        assert (answer.findings[0].outcome == "no_match") is (answer.units_micro == 0)
    else:
        assert list(answer.findings) == []


@pytest.fixture(scope="module")
def emulator():
    with providers.serve() as running:
        yield running


@pytest.fixture
def line(emulator):
    emulator.reset()
    headers = ENFORMION.headers(CREDENTIALS)
    with Wire(emulator.url, headers, loopback_only=True, read_timeout_s=5) as opened:
        yield opened


def paid(line, one):
    return ENFORMION.read(
        [one], GROUPS, line.send(ENFORMION.call_request([one], GROUPS), "call-1"), NOW
    )


def test_what_is_settled_is_what_the_provider_counted(emulator, line):
    answers = [paid(line, item(first_name=f"Ana{chr(97 + n // 26)}{chr(97 + n % 26)}"))
               for n in range(150)]  # fmt: skip

    found = [answer.findings[0] for answer in answers]
    assert {answer.verdict for answer in answers} == {Verdict.SETTLED}
    assert sum(answer.units_micro for answer in answers) == emulator.stats()["totals"]["enformion"]
    assert {one.outcome for one in found} == {"match", "no_match", "mismatch"}
    got = {value.value for one in found for value in one.values}
    assert got < emulator.handed_out(), "what is known of somebody else is not stored"
    assert {value.kind for one in found for value in one.values} == {"email", "phone"}


KNOWN = item(first_name="Anac")


@pytest.mark.parametrize(
    ("mode", "verdict", "is_charged"),
    [
        ("429", Verdict.REJECTED, False), ("402", Verdict.REJECTED, False),
        ("401", Verdict.REJECTED, False), ("500pre", Verdict.UNKNOWN, False),
        ("500post", Verdict.UNKNOWN, True), ("drop", Verdict.UNKNOWN, True),
        ("bad_json", Verdict.UNKNOWN, True), ("schema_drift", Verdict.SETTLED, True),
        ("partial_200", Verdict.SETTLED, True), ("null_matches", Verdict.SETTLED, False),
        ("other_person", Verdict.SETTLED, True),
    ],
)  # fmt: skip
def test_every_mode_of_the_provider_over_a_socket(emulator, line, mode, verdict, is_charged):
    emulator.mode("enformion", mode)

    answer = paid(line, KNOWN)

    charged = emulator.stats()["totals"]["enformion"]
    assert (answer.verdict, charged) == (verdict, 1_000_000 * is_charged)
    if verdict is Verdict.SETTLED:
        assert answer.units_micro == charged
    if mode == "other_person":
        assert answer.findings[0].outcome == "mismatch"


SPENT = [
    b'{"error": "You have reached your monthly email credit quota"}',
    b'{"isError": true, "error": {"message": "Daily search limit reached."}}',
    b'{"message": "Your plan limit is used up"}',
    b"Quota exceeded",
    b"not enough credits",
]
NOT_SPENT = [
    b'{"error_code": "RECORD_LIMIT_EXCEEDED", "error_message": "cannot enrich more than 10"}',
    b'{"message": "The maximum number of api calls allowed is 600 times per hour."}',
    b'{"message": "rate limit exceeded, 20 per minute"}',
    b'{"errors": ["LastName exceeds the limit of 40 characters"]}',
]


@pytest.mark.parametrize("status", [400, 402, 422, 429])
@pytest.mark.parametrize("body", SPENT)
def test_g_a_quota_that_is_used_up_stops_its_provider_whatever_the_status(status, body):
    answer = read(body, status)

    assert (answer.verdict, answer.units_micro) == (Verdict.REJECTED, 0)
    assert (answer.reason, answer.opens_circuit) == ("no_credit", True)


@pytest.mark.parametrize("status", [400, 422, 429])
@pytest.mark.parametrize("body", NOT_SPENT)
def test_g_a_limit_of_a_request_or_a_minute_is_no_quota(status, body):
    answer = read(body, status)

    assert (answer.verdict, answer.opens_circuit) == (Verdict.REJECTED, False)

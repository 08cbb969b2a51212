import pytest

from sxe_pipeline.contacts.adapter import Reply, Verdict
from sxe_pipeline.contacts.providers.apollo import Apollo
from sxe_pipeline.contacts.providers.replies import BODY_LIMIT
from sxe_pipeline.errors import BadConfig, BadInput
from sxe_pipeline_tests.contacts.apollo_replies import (
    APOLLO,
    BOTH,
    CARL,
    EMAIL,
    NUMBER,
    PHONE,
    answered,
    item,
    outcomes,
    person,
    read,
    reply,
)


def test_what_is_known_of_people_stands_in_the_body_and_the_flags_in_the_query():
    known = item(
        first_name="Ana", last_name="Diaz", city="Boise", country="US", linkedin_url="x/in/a"
    )

    ask = APOLLO.call_request([known], EMAIL)

    assert (ask.method, ask.path) == ("POST", "/api/v1/people/bulk_match")
    assert ask.query == {"reveal_personal_emails": "true"}
    detail = {"first_name": "Ana", "last_name": "Diaz", "linkedin_url": "x/in/a"}
    assert ask.body == {"details": [detail]}


@pytest.mark.parametrize("groups", [EMAIL, PHONE, BOTH])
def test_only_what_was_approved_is_revealed_and_never_a_waterfall(groups):
    query = APOLLO.call_request([item()], groups).query

    assert ("reveal_personal_emails" in query) is ("email" in groups)
    assert ("reveal_phone_number" in query) is ("phone" in groups)
    assert ("webhook_url" in query) is ("phone" in groups)
    assert not any("waterfall" in key for key in query)


@pytest.mark.parametrize(
    ("items", "groups"),
    [
        pytest.param([], EMAIL, id="nobody"),
        pytest.param([item(n) for n in range(11)], EMAIL, id="eleven"),
        pytest.param([item()], (), id="no group"),
        pytest.param([item()], ("person",), id="a group of somebody else's"),
        pytest.param([item(first_name="Ana", domain="example.com")], EMAIL, id="half a name"),
        pytest.param([item(first_name="!", last_name="?")], EMAIL, id="a name of no letters"),
    ],
)
def test_a_question_no_answer_can_be_given_to_is_not_asked(items, groups):
    with pytest.raises(BadInput):
        APOLLO.call_request(items, groups)


def test_phones_need_the_sink_and_requests_the_key():
    with pytest.raises(BadConfig, match="set SXE_APOLLO_SINK_URL"):
        Apollo().call_request([item()], PHONE)
    with pytest.raises(BadConfig, match="set APOLLO_API_KEY"):
        APOLLO.headers({"api_key": ""})
    assert APOLLO.headers({"api_key": "k"}) == {"x-api-key": "k"}


REFUSALS = [
    pytest.param(Reply(None, failure="not_sent"), Verdict.NOT_SENT, 0, False, id="not sent"),
    pytest.param(Reply(None, failure="no_answer"), Verdict.UNKNOWN, None, False, id="no answer"),
    pytest.param(Reply(None), Verdict.UNKNOWN, None, False, id="nothing at all"),
    pytest.param(reply(b"", 429), Verdict.REJECTED, 0, False, id="429"),
    pytest.param(reply(b"", 400), Verdict.REJECTED, 0, False, id="400"),
    pytest.param(reply({"error": "Invalid parameters"}, 422), Verdict.REJECTED, 0, False, id="422"),
    *(
        pytest.param(reply({"error": text}, 422), Verdict.REJECTED, 0, True, id=text)
        for text in ("insufficient lead credits", "credit limit reached", "out of credits")
    ),
    pytest.param(
        reply({"error": "no company at creditunion.example"}, 422),
        *(Verdict.REJECTED, 0, False),
        id="an echo",
    ),
    pytest.param(reply({"error": "No Credits"}, 422), Verdict.REJECTED, 0, True, id="no credits"),
    pytest.param(reply(b"Invalid API key.", 401), Verdict.REJECTED, 0, True, id="401"),
    pytest.param(reply(b"", 402), Verdict.REJECTED, 0, True, id="402"),
    pytest.param(reply(b"", 403), Verdict.REJECTED, 0, True, id="403"),
    *(pytest.param(reply(b"{}", n), Verdict.UNKNOWN, None, False, id=str(n))
      for n in (100, 201, 204, 206, 301, 307, 404, 408, 409, 410, 418, 500, 502, 503, 504, 599)),
    pytest.param(Reply(200, body=b" " * (BODY_LIMIT + 1)), Verdict.UNKNOWN, None, False, id="big"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "verdict", "units", "stops"), REFUSALS)
def test_what_a_status_says_about_the_money(given, verdict, units, stops):
    answer = read(given)

    assert (answer.verdict, answer.units_micro, answer.opens_circuit) == (verdict, units, stops)
    assert list(answer.findings) == []


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"Retry-After": "7"}, 7),
        ({"retry-after": "0"}, 0),
        ({"retry-after": "999999"}, 3600),
        ({"retry-after": "Tue, 01 Sep 2026 12:02:00 GMT"}, 120),
        ({"retry-after": "Tue, 01 Sep 2020 12:02:00 GMT"}, 0),
        ({"retry-after": "Tue, 01 Sep 2099 12:02:00 GMT"}, 3600),
        *(({"retry-after": text}, 60) for text in ("-5", "soon", "1e9", "NaN", "", "9" * 99, "٣")),
        ({}, 60),
    ],
)
def test_how_long_a_busy_provider_is_left_alone(headers, seconds):
    assert read(reply(b"", 429, headers)).retry_after_s == seconds


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"null", b"[]", b'"text"', b"\xff\xfe{}", b"[" * 100_000, b"<html></html>",
        b'{"matches": [], "credits_consumed": NaN}',
        b'{"matches": [], "credits_consumed": Infinity}',
        b'{"matches": [], "credits_consumed": 1, "credits_consumed": 0}',
        b'{"matches": [], "credits_consumed": ' + b"1" * 5000 + b"}",
        b'{"matches": [], "credits_consumed": 1e999999999999999999999}',
        b'{"matches": [], "credits_consumed": 1e999999}',
        b'{"matches": [], "credits_consumed": -1}', b'{"matches": [], "credits_consumed": -1e-9}',
        b'{"matches": [], "credits_consumed": true}', b'{"matches": [], "credits_consumed": "1"}',
        b'{"matches": [], "credits_consumed": null}', b'{"matches": [], "credits_consumed": [1]}',
        b'{"matches": []}', b'{"credits_consumed": 1}', b'{"credits_consumed": 1, "matches": {}}',
    ],
)  # fmt: skip
def test_a_body_without_a_readable_figure_is_unknown_and_never_nothing(body):
    answer = read(reply(body))

    assert (answer.verdict, answer.units_micro) == (Verdict.UNKNOWN, None)


@pytest.mark.parametrize(
    ("figure", "units"),
    [
        ("0", 0), ("-0.0", 0), ("1", 1_000_000), ("0.5", 500_000), ("0.3333333", 333_334),
        ("0.0000001", 1), ("1e-99999999", 1), ("2.9999999999999999999999999999999999", 3_000_000),
        ("1.0000000000000000000000000000000001", 1_000_001), ("1000000000", 10**15), ("1E2", 10**8),
    ],
)  # fmt: skip
def test_a_fraction_of_a_millionth_is_rounded_up(figure, units):
    given = reply(f'{{"matches": [null], "credits_consumed": {figure}}}'.encode())

    assert read(given).units_micro == units


BOTH_ITEMS = [item(4), item(9, **CARL)]
CARLS = person("Carl", "Ek", "example.org", "p2", "carl@example.org")


@pytest.mark.parametrize(
    ("matches", "wanted"),
    [
        pytest.param([person(), CARLS], ["match", "match"], id="in order"),
        pytest.param([CARLS, person()], ["match", "match"], id="shuffled"),
        pytest.param([CARLS], ["no_match", "match"], id="nulls dropped"),
        pytest.param([None, CARLS], ["no_match", "match"], id="null in place"),
        pytest.param([person(), person(), CARLS], ["match", "match"], id="one person twice"),
        pytest.param(
            [person(), person(id="p9"), CARLS], ["mismatch", "match"], id="two people for one"
        ),
        pytest.param(
            [person(), CARLS, person("Dan"), None, 7, "x", []],
            ["match", "match"],
            id="more than asked",
        ),
        pytest.param([person("Dan"), CARLS], ["mismatch", "match"], id="somebody else in place"),
        pytest.param(
            [CARLS, person("Dan")], ["no_match", "match"], id="somebody else out of place"
        ),
        pytest.param([person(domain="other.org")], ["mismatch", "no_match"], id="another domain"),
        pytest.param([person(first=None)], ["mismatch", "no_match"], id="no first name"),
        pytest.param([{}], ["mismatch", "no_match"], id="nobody"),
        pytest.param([], ["no_match", "no_match"], id="nothing"),
    ],
)
def test_a_person_belongs_to_an_item_by_evidence(matches, wanted):
    answer = read(answered(*matches), BOTH_ITEMS)

    assert answer.verdict is Verdict.SETTLED
    assert outcomes(answer) == wanted
    assert [found.position for found in answer.findings] == [4, 9]
    for found, email, person_id in zip(
        answer.findings, ("ana@example.com", "carl@example.org"), ("p1", "p2"), strict=True
    ):
        is_match = found.outcome == "match"
        assert [value.value for value in found.values] == ([email] if is_match else [])
        assert found.provider_person_id == (person_id if is_match else None)


HOME = "https://www.linkedin.com/in/ana-diaz"


@pytest.mark.parametrize(
    ("asked", "given", "outcome"),
    [
        pytest.param({}, {"first": "ANÁ", "last": "D'iaz"}, "match", id="accents and case"),
        pytest.param({}, {"first": "Anna"}, "mismatch", id="another spelling"),
        pytest.param({}, {"domain": None}, "match", id="no domain on their side"),
        pytest.param({"domain": ""}, {}, "match", id="no domain on our side"),
        pytest.param({"domain": "https://www.EXAMPLE.com/"}, {}, "match", id="a domain as address"),
        pytest.param({"linkedin_url": HOME}, {"linkedin_url": HOME + "/"}, "match", id="profile"),
        pytest.param(
            {"linkedin_url": HOME}, {"linkedin_url": HOME, "domain": "new.example"}, "match",
            id="profile beats employer",
        ),
        pytest.param(
            {"linkedin_url": HOME}, {"linkedin_url": HOME + "2"}, "mismatch", id="another profile"
        ),
        pytest.param(
            {"first_name": "", "last_name": "", "linkedin_url": HOME}, {"linkedin_url": HOME},
            "match", id="profile alone",
        ),
        pytest.param(
            {"first_name": "", "last_name": "", "linkedin_url": HOME}, {}, "mismatch",
            id="no evidence at all",
        ),
        pytest.param(
            {"linkedin_url": HOME}, {"first": "Bea", "linkedin_url": HOME}, "mismatch",
            id="a profile does not excuse a name",
        ),
    ],
)  # fmt: skip
def test_what_counts_as_evidence(asked, given, outcome):
    known = {"first_name": "Ana", "last_name": "Diaz", "domain": "example.com", **asked}

    assert outcomes(read(answered(person(**given)), [item(**known)])) == [outcome]


def test_a_person_who_fits_two_items_is_nobodys():
    items = [item(0), item(1)]

    answer = read(answered(person(), person()), items)

    assert outcomes(answer) == ["no_match", "no_match"]
    assert answer.units_micro == 1_000_000


@pytest.mark.parametrize(
    ("email", "stored"),
    [(None, []), ("email_not_unlocked@domain.com", []), (7, []), ("", []), (["a@example.com"], []),
     ("Ana@Example.COM", ["ana@example.com"])],
)  # fmt: skip
def test_a_placeholder_is_no_value(email, stored):
    found = read(answered(person(email=email))).findings[0]

    assert found.outcome == "match"
    assert [value.value for value in found.values] == stored


@pytest.mark.parametrize(
    ("stated", "status"),
    [("verified", "verified"), ("unverified", "unverified"), ("likely", "unknown"),
     (None, "unknown"), (["verified"], "unknown"), ({}, "unknown")],
)  # fmt: skip
def test_a_word_not_announced_is_unknown(stated, status):
    value = read(answered(person(email_status=stated, new_field={"x": [1]}))).findings[0].values[0]

    assert value.status == status


@pytest.mark.parametrize(
    ("stated", "confidence"), [(0.87, 0.87), (1, 1.0), (87, None), ("high", None), (None, None)]
)
def test_a_confidence_is_a_share(stated, confidence):
    found = read(answered(person(extrapolated_email_confidence=stated))).findings[0]

    assert found.values[0].confidence == confidence


def test_further_addresses_are_values_too_but_bounded():
    many = [f"a{n}@example.org" for n in range(50)]
    contact = {"contact_emails": [{"email": "work@example.net", "email_status": "unverified"}]}

    found = read(answered(person(personal_emails=many, contact=contact))).findings[0]

    assert len(found.values) == 10
    assert found.values[0].value == "ana@example.com"


def test_what_was_not_asked_for_is_not_delivered():
    full = person(contact={"phone_numbers": [NUMBER]})
    later = {"phone_enrichment": {"status": "skipped"}}

    kinds = [
        [value.kind for value in read(answered(full, **later), groups=groups).findings[0].values]
        for groups in (EMAIL, PHONE, BOTH)
    ]

    assert kinds == [["email"], ["phone"], ["email", "phone"]]

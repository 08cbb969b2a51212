"""What reaches a provider, what is known already and not sent, and who may send at all."""

import ast
import inspect
from dataclasses import replace
from pathlib import Path

import pytest

from sxe_pipeline import contacts, schema
from sxe_pipeline.contacts import points
from sxe_pipeline.errors import Refused
from sxe_pipeline.sandbox import provider_answers, provider_calls, providers
from sxe_pipeline_tests.contacts.harness import as_minted

EVERYTHING = ("first_name", "last_name", "city", "region", "country", "domain", "linkedin_url")


@pytest.fixture
def heard(emulator, monkeypatch):
    """Every request of a provider with its body, as it came over the wire."""
    found = []
    answer = emulator.answer

    def listening(request):
        found.append(request)
        return answer(request)

    monkeypatch.setattr(emulator, "answer", listening)
    return found


def test_only_what_the_profile_states_and_a_provider_needs_reaches_the_wire(due, heard):
    harness, made = due

    harness.recover(made)

    cards = harness.world.known.values()
    people = [card.inputs for card in cards]
    asked = [request for request in heard if request.kind == "paid"]
    at_apollo = [r for r in asked if r.provider == "apollo"]
    at_enformion = [r for r in asked if r.provider == "enformion"]
    assert at_apollo
    assert at_enformion
    for request in at_apollo:
        assert request.body.keys() == {"details"}
        for said in request.body["details"]:
            assert said in [
                {k: p[k] for k in ("first_name", "last_name", "domain")} for p in people
            ]
        assert request.query.keys() == {
            "reveal_personal_emails",
            "reveal_phone_number",
            "webhook_url",
        }
    for request in at_enformion:
        assert request.body in [
            {
                "FirstName": p["first_name"],
                "LastName": p["last_name"],
                "Address": {"addressLine2": f"{p['city']}, {p['region']}"},
            }
            for p in people
        ]
    for request in heard:
        line = f"{request.path} {dict(request.query)} {dict(request.headers)}"
        for word in (*(card.card_id for card in cards), str(made.request_id), "Tester", ".example"):
            if request.kind != "counter":
                assert word not in line, "no address and no header names the person"


@pytest.mark.parametrize(
    ("stated", "asked"),
    [
        pytest.param(EVERYTHING, {"apollo", "enformion"}, id="all of it"),
        pytest.param(("first_name", "last_name", "domain"), {"apollo"}, id="name and domain"),
        pytest.param(("linkedin_url",), {"apollo"}, id="a profile address alone"),
        pytest.param(("first_name", "last_name", "city"), {"enformion"}, id="name and city"),
        pytest.param(("first_name", "last_name", "region"), {"enformion"}, id="name and region"),
    ],
)
def test_nobody_is_asked_who_could_not_match(harness, heard, stated, asked):
    whole = as_minted(7)
    inputs = whole.inputs | {"linkedin_url": "https://www.linkedin.com/in/nobody-at-all"}
    harness.world.put([replace(whole, inputs={name: inputs[name] for name in stated})])
    harness.emulator.mode("apollo", "null_matches")
    harness.emulator.mode("enformion", "null_matches")

    harness.recover(harness.about([whole.card_id]))

    assert {request.provider for request in heard if request.kind == "paid"} == asked


@pytest.mark.parametrize(
    "stated",
    [
        pytest.param(("first_name", "last_name"), id="a name"),
        pytest.param(("first_name", "city", "domain"), id="no last name"),
        pytest.param(("country",), id="a country"),
    ],
)
def test_too_little_to_match_is_never_asked_about(harness, heard, stated):
    whole = as_minted(7)
    harness.world.put([replace(whole, inputs={name: whole.inputs[name] for name in stated})])

    with pytest.raises(Refused, match="1 without what a provider needs"):
        harness.about([whole.card_id])

    assert [request for request in heard if request.kind == "paid"] == []


def test_a_fresh_value_of_any_provider_is_known_and_delivered_for_nothing(pairs):
    harness, cards = pairs
    gate = harness.world
    harness.recover(harness.about(cards[0]))
    before = len(harness.paid_calls())
    known = gate.owner("select distinct card_id from contacts.contact_point where kind = 'email'")
    assert {(card,) for card in cards[0]} == set(known), "one of each provider"

    again = harness.approved(card_ids=list(cards[0]), fields=["email"])
    harness.recover(again)

    assert len(harness.paid_calls()) == before, "nobody is asked for what is known"
    assert gate.one("select spent from gate.budget where request_id = %s", again.request_id) == 0
    rows, _, _ = points.of_request(
        gate.contacts, harness.vault, again.request_id, schema.load("lead_contact")
    )
    assert set(rows["card_id"].to_pylist()) == set(cards[0])
    assert set(rows["kind"].to_pylist()) == {"email"}
    assert set(rows["provider"].to_pylist()) == {"apollo", "enformion"}


def test_a_value_that_is_no_longer_fresh_is_asked_for_again(pairs):
    harness, cards = pairs
    harness.recover(harness.approved(card_ids=cards[0][:1], fields=["email"]))
    before = len(harness.paid_calls("apollo"))
    harness.world.owner("update gate.answer set valid_until = now() - interval '1 second'")

    harness.approved(card_ids=cards[0][:1], fields=["email"])
    harness.work()

    assert len(harness.paid_calls("apollo")) == before + 1


def test_a_no_binds_who_said_it_until_the_inputs_change(pairs):
    harness, cards = pairs
    card = cards[0][1]  # Apollo does not know it, Enformion does
    harness.emulator.mode("enformion", "null_matches")
    harness.recover(harness.about([card]))
    assert len(harness.paid_calls("apollo")) == len(harness.paid_calls("enformion")) == 1

    with pytest.raises(Refused, match="1 asked before without an answer"):
        harness.about([card])

    known = harness.world.known[card]
    harness.world.put([replace(known, inputs=known.inputs | {"region": "NM"})])
    harness.recover(harness.about([card]))
    assert len(harness.paid_calls()) == 4, "somebody else as far as a provider can tell"


def test_who_sells_a_person_is_stored_with_both_kinds(pairs):
    harness, cards = pairs
    both = next(
        card
        for pair in cards
        for card in pair[1:]
        if enformion_knows_both(harness.world.known[card])
    )

    harness.recover(harness.approved(card_ids=[both], fields=["email"]))

    kinds = harness.world.owner("select distinct kind from contacts.contact_point order by 1")
    assert kinds == [("email",), ("phone",)]
    calls = len(harness.paid_calls("enformion"))
    harness.recover(harness.approved(card_ids=[both], fields=["phone"]))
    assert len(harness.paid_calls("enformion")) == calls == 1, "the number is known already"


def enformion_knows_both(card):
    asked = {"first": card.inputs["first_name"], "last": card.inputs["last_name"]}
    known = provider_answers.person(
        "enformion", asked["first"], asked["last"], asked | {"at": "Austin, TX"}
    )
    return bool(known.emails and known.phones)


def imports_of(source):
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_one_module_of_the_contact_tier_can_reach_the_outside():
    clients = {"httpx", "httpcore", "urllib.request", "http.client", "requests", "aiohttp"}
    found = {
        file.name
        for file in Path(contacts.__file__).parent.rglob("*.py")
        for name in imports_of(file.read_text())
        if name in clients or name.split(".")[0] in ("httpx", "socket", "requests")
    }

    assert found == {"wire.py"}


@pytest.mark.parametrize("module", [providers, provider_calls, provider_answers])
def test_the_providers_know_nothing_of_the_engine_and_hold_no_login(module):
    source = inspect.getsource(module)

    ours = {name for name in imports_of(source) if name.startswith("sxe_pipeline")}

    assert all(
        name.startswith("sxe_pipeline.sandbox.provider")
        or name in ("sxe_pipeline.sandbox.provider_calls", "sxe_pipeline.sandbox.provider_answers")
        for name in ours
    )
    for word in ("psycopg", "postgres", "_dsn", "environ"):
        assert word not in source


def test_a_reference_on_the_wire_is_a_call_that_was_committed(due, heard):
    harness, made = due

    harness.recover(made)

    calls = {str(c) for (c,) in harness.world.owner("select call_id from gate.call")}
    sent = [r.headers["x-request-id"] for r in heard if r.kind != "counter"]
    assert set(sent) == calls
    paid = [r.headers["x-request-id"] for r in heard if r.kind == "paid"]
    assert len(paid) == len(set(paid))

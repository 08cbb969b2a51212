"""What two people put in force is read whole when it is proposed, and refused by the name of it."""

import json

import psycopg
import pytest

from sxe_pipeline.errors import BadInput, NotFound, Refused
from sxe_pipeline.gate import people, permits, reads
from sxe_pipeline.store.functions import call_function
from sxe_pipeline_tests.gate.world import APOLLO, POLICY, SPEC

BAD_PRICES = {
    "negative_for": ["soon", "-1 day", "infinity", "11 years", 30, None, ""],
    "has_counter": ["maybe", 1, None],
    "needs": [
        [[]],
        [],
        {},
        [["domain"], []],
        [["e-mail"]],
        [["domain", "domain"]],
        ["domain"],
        None,
    ],
    "batch_max": [0, 251, 1.5, "10", None],
    "micros_per_unit": [0, -1, 0.5, "5", 1e13, None],
    "provider": ["Apollo", "", 7, None],
    "currency": ["EUR", None],
    "version": [7, " "],
    "sells": [{}, [], None, {"email": {}}],
    "sells.email.worst_units_micro": [0, "1", 1e13],
    "sells.email.part": ["later", None],
    "sells.email.gives": [[], ["fax"], ["email", "email"], "email"],
    "sells.email.hit_share": [-0.1, 1.1, "0.5", None],
    "negativ_for": ["30 days"],
    "sells.email.hit_rate": [0.5],
}
BAD_POLICIES = {
    "version": [None, 7, ""],
    "loopback_only": ["no", 1, None],
    "platforms": [[], None],
    "platforms.x": [{"enrichment": None}, {"enrichment": {"purposes": []}}],
    "platforms.x.enrichment.match_bases": [["hearsay"], "consent", None],
    "platforms.x.enrichment.purposes": [[7], [""], "any"],
    "platforms.x.redistribution": ["some"],
    "loopbackonly": [False],
}
BAD_SETTINGS = {
    "run_within": ["infinity", "-1 hours", "0 seconds", "11 years", 24, None, "soon"],
    "negative_for": ["infinity", "0 days"],
    "poll_wait": ["-1 second", "31 days", 10],
    "quorum": [0, 6, 1.5, "2", None],
}
CALL = "00000000-0000-4000-8000-000000000000"
CAP = {"provider": "apollo", "month": "2031-02-01", "cap_micros": 5}
BAD_CAPS = {
    "cap_micros": [None, -1, 0.5, "5", 1e30],
    "market": [None, 7, " ", "*", "x/general", "X general", "ana@example.com"],
    "provider": [None, "A B", "", 7],
    "month": [None, "2031-02-02", "2031-13-01", "February", "infinity", "1031-02-01", 2],
    "months": ["2031-02-01"],
}
BAD_PRINCIPALS = {
    "principal": [None, "A B", "", 7],
    "scopes": [None, "admin", [], ["root"], ["admin", "admin"], [7]],
    "token_sha256": [None, "zz", "sxe-token-x", "A" * 64],
    "expires_at": [None, "soon", "2001-01-01T00:00:00Z", "-infinity", 7],
    "token": ["sxe-token-x"],
}
BAD_CALLS = {
    "call_id": [None, "x", 7],
    "units_micro": [None, -1, 0.5, "5", 1e16],
    "units": [5],
}
BAD_CIRCUITS = {"provider": [None, "A B", 7], "state": ["closed"]}
BAD_ASKS = {
    "waterfall": [None, "apollo", {}, [7], ["apollo", "apollo"], ["nobody"], []],
    "card_ids": [None, "card", {}, [7], [], [""]],
    "limit": [None, "5", 1.5, [], 0, 251],
    "fields": [None, "email", [], ["fax"], {}],
    "max_micros": [None, "5", 0, -1, 1e30],
    "pool": [None, 7],
    "request_id": [None, "x", 7],
    "market": [None, 7, " "],
    "limits": [5],
}


def each(table):
    return [
        pytest.param(path.split("."), value, id=f"{path}={json.dumps(value)}")
        for path, values in table.items()
        for value in values
    ]


def changed(content, path, value):
    """A copy with another value at that path."""
    name, *rest = path
    return content | {name: changed(content.get(name, {}), rest, value) if rest else value}


def refusal(world, kind, content):
    with pytest.raises(BadInput) as told:
        call_function(world.api, "gate.propose", world.tokens["cho"], kind, content, "test")
    world.api.rollback()
    return str(told.value)


def propose(world, kind, content):
    return people.propose(world.api, world.tokens["cho"], kind, content, "test")


def test_a11_what_a_price_card_cannot_mean_is_refused_by_its_name(world):
    for path, value in [param.values for param in each(BAD_PRICES)]:
        said = refusal(world, "price", changed(APOLLO, path, value))

        assert path[-1] in said, (path, value, said)
    assert world.one("select count(*) from gate.proposal where kind = 'price'") == 2


def test_a11_what_a_policy_cannot_mean_is_refused_by_its_name(world):
    for path, value in [param.values for param in each(BAD_POLICIES)]:
        said = refusal(world, "policy", changed(POLICY, path, value))

        assert path[-1] in said, (path, value, said)


def test_a11_what_a_setting_cannot_mean_is_refused_by_its_name(world):
    for path, value in [param.values for param in each(BAD_SETTINGS)]:
        assert path[0] in refusal(world, "setting", {path[0]: value}), (path, value)
    for content in ([], 5, "quorum", None):
        refusal(world, "setting", psycopg.types.json.Jsonb(content))


@pytest.mark.parametrize(
    ("kind", "content", "table"),
    [
        pytest.param("cap", CAP, BAD_CAPS, id="cap"),
        pytest.param("circuit", {"provider": "apollo"}, BAD_CIRCUITS, id="circuit"),
        pytest.param("resolve", {"call_id": CALL, "units_micro": 5}, BAD_CALLS, id="resolve"),
        pytest.param("adjust", {"call_id": CALL, "units_micro": 5}, BAD_CALLS, id="adjust"),
    ],
)
def test_a_proposal_that_makes_no_sense_is_not_made(world, kind, content, table):
    before = world.one("select count(*) from gate.proposal")
    for path, value in [param.values for param in each(table)]:
        said = refusal(world, kind, changed(content, path, value))

        assert f"{kind}, {path[0]}: " in said or f"{kind}: {path[0]} is none of" in said, said
    for nothing in ({}, [], 5, "x"):
        refusal(world, kind, psycopg.types.json.Jsonb(nothing))
    assert world.one("select count(*) from gate.proposal") == before


def test_a_person_who_makes_no_sense_is_not_proposed(world):
    person = {
        "principal": "fay",
        "scopes": ["approve"],
        "token_sha256": people.make_token().sha256,
        "expires_at": "2999-01-01T00:00:00Z",
    }
    for path, value in [param.values for param in each(BAD_PRINCIPALS)]:
        said = refusal(world, "principal", changed(person, path, value))

        assert path[0] in said, said
        assert "sxe-token-x" not in said
    with pytest.raises(Refused, match="one person does not ask and approve"):
        propose(world, "principal", person | {"scopes": ["request", "approve"]})


def test_what_is_not_there_or_not_so_is_refused_when_it_is_proposed(world):
    world.cards(2)
    _, begun = world.approved(waterfall=["apollo"])
    leave, sent = world.send(begun)
    world.settle(leave, sent)
    call = {"call_id": str(leave.call_id), "units_micro": 5}

    with pytest.raises(Refused, match="here 100000 millionths"):
        propose(world, "cap", {"provider": "apollo", "cap_micros": 99_999})
    with pytest.raises(Refused, match="whose outcome is unknown"):
        propose(world, "resolve", call)
    for kind in ("resolve", "adjust"):
        with pytest.raises(NotFound):
            propose(world, kind, call | {"call_id": CALL})
    with pytest.raises(NotFound):
        propose(world, "circuit", {"provider": "nobody"})
    with pytest.raises(BadInput, match="is one of: cap"):
        propose(world, "circus", {})


def test_what_changed_since_the_proposal_is_refused_when_it_is_confirmed(world):
    world.cards(2)
    _, begun = world.approved(waterfall=["apollo"])
    cap = propose(world, "cap", {"provider": "apollo", "cap_micros": 99_999})
    leave, _ = world.send(begun)
    permits.unknown(world.contacts, leave.call_id, leave.fence, "timeout")
    resolve = propose(world, "resolve", {"call_id": str(leave.call_id), "units_micro": 5})
    world.agree("resolve", {"call_id": str(leave.call_id), "units_micro": 2_000_000})

    with pytest.raises(Refused, match="here 100000 millionths"):
        people.decide(world.api, world.tokens["dan"], cap, is_confirmed=True)
    with pytest.raises(Refused, match="whose outcome is unknown"):
        people.decide(world.api, world.tokens["dan"], resolve, is_confirmed=True)
    world.assert_books_are_right()


def test_a11_a_request_of_the_wrong_types_is_bad_input_and_no_error_of_the_database(world):
    world.cards(2)
    for path, value in [param.values for param in each(BAD_ASKS)]:
        for function in ("gate.preview", "gate.submit"):
            with pytest.raises(BadInput):
                call_function(
                    world.api, function, world.tokens["ana"], SPEC | {"limit": 2} | {path[0]: value}
                )
            world.api.rollback()


@pytest.mark.parametrize(
    "change",
    [
        "batch_max = 0",
        "negative_for = '-1 day'",
        "negative_for = '20 years'",
        "needs = '{\"{}\"}'",
        "worst_micros = '{0,0}'",
        "hit_share = '{2,0}'",
        "has_counter = null",
    ],
)
def test_a11_a_bad_price_card_cannot_be_stored_either(world, change):
    with pytest.raises(psycopg.errors.IntegrityError):
        world.owner(f"update gate.price_card set {change} where provider = 'apollo'")


def test_a11_a_card_that_was_proposed_before_the_door_was_there_is_refused_at_its_confirmation(
    world,
):
    [(made,)] = world.owner(
        "insert into gate.proposal (kind, content, reason, proposed_by, expires_at, event_id) "
        "values ('price', %s, 'test', 'cho', now() + interval '1 hour', gen_random_uuid()) "
        "returning proposal_id",
        psycopg.types.json.Jsonb(APOLLO | {"negative_for": "soon"}),
    )

    with pytest.raises(BadInput, match="negative_for"):
        call_function(world.api, "gate.decide", world.tokens["dan"], made, True)


def test_a11_figures_of_any_spelling_are_one_number(world):
    world.agree("price", APOLLO | {"micros_per_unit": 5e4, "batch_max": 1e1})

    assert world.owner("select batch_max, micros_per_unit from gate.current_price('apollo')") == [
        (10, 50_000)
    ]


def test_k04_what_was_confirmed_last_is_in_force_though_the_clock_stepped_back(world):
    world.cards(1)
    world.owner(
        "update gate.policy set in_force_since = now() + interval '1 hour'; "
        "update gate.price_card set in_force_since = now() + interval '1 hour'"
    )
    closed = POLICY | {"version": "closed", "platforms": {}}

    world.agree("price", APOLLO | {"micros_per_unit": 70_000})
    assert world.submit(1, waterfall=["apollo"]).worst_micros == 70_000
    world.agree("policy", closed)

    assert reads.policy(world.api).content == closed
    with pytest.raises(Refused, match="1 closed by policy"):
        world.submit(1)


def test_k04_what_was_in_force_before_and_is_confirmed_again_counts_from_then(world):
    world.cards(1)
    _, begun = world.approved()
    world.agree("policy", POLICY | {"version": "other"})
    assert world.permit(begun) == permits.Denied("policy_changed")

    world.agree("policy", POLICY)

    assert isinstance(world.permit(begun), permits.Permit)

"""Four eyes are four: a token is proved by its holder, and a name stays its holder's."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest

from sxe_pipeline.errors import NotFound, Refused
from sxe_pipeline.gate import people

SOON = datetime.now(UTC) + timedelta(days=9)


def propose(world, name, *scopes):
    """Two admins give a name a token; returns it."""
    token = people.make_token()
    content = {
        "principal": name,
        "scopes": list(scopes),
        "token_sha256": token.sha256,
        "expires_at": SOON.isoformat(),
    }
    world.agree("principal", content)
    return token.text


def approve_as(world, token):
    world.tokens["somebody"] = token
    return world.approve(world.submit(), "somebody").state


def test_a13_a_token_works_once_its_holder_has_shown_it(world):
    world.cards(1)
    token = propose(world, "fay", "approve")
    with pytest.raises(Refused, match="no valid token"):
        approve_as(world, token)

    assert people.accept(world.api, token, None) == "fay"

    assert approve_as(world, token) == "APPROVED"
    with pytest.raises(Refused, match="waits for nobody"):
        people.accept(world.api, token, None)


def test_a13_an_admin_who_proposes_his_own_token_for_ben_does_not_become_ben(world):
    world.cards(1)
    forged = propose(world, "ben", "approve")  # the other admin took it for a renewal

    for held in (None, forged, world.tokens["cho"]):
        with pytest.raises(Refused):
            people.accept(world.api, forged, held)
    with pytest.raises(Refused):
        approve_as(world, forged)
    assert approve_as(world, world.tokens["ben"]) == "APPROVED", "ben still is"


def test_a13_the_holder_takes_another_token_in_place_of_the_one_that_works(world):
    world.cards(1)
    token = propose(world, "ben", "approve")

    people.accept(world.api, token, world.tokens["ben"])

    assert approve_as(world, token) == "APPROVED"
    with pytest.raises(Refused):
        approve_as(world, world.tokens["ben"])


def test_a13_whoever_lost_the_token_is_retired_first(world):
    world.cards(1)
    people.retire(world.api, world.tokens["cho"], "ben")
    token = propose(world, "ben", "approve")

    people.accept(world.api, token, None)

    assert approve_as(world, token) == "APPROVED"


def test_a13_a_renewal_ends_no_later_than_the_first_grant_and_ends_the_old_token(world):
    world.cards(1)
    first = propose(world, "fay", "approve")
    people.accept(world.api, first, None)
    held = first
    for _ in range(2):
        new = people.make_token()
        renewed = people.renew(world.api, held, new.sha256, SOON + timedelta(days=300))
        assert renewed.expires_at == SOON
        with pytest.raises(Refused):
            approve_as(world, held)
        held = new.text

    assert approve_as(world, held) == "APPROVED"


def test_what_a_person_approved_stays_good_when_the_token_is_renewed(
    world,
):
    world.cards(1)
    held = world.tokens["ben"]
    world.approve(world.submit())
    people.renew(world.api, held, people.make_token().sha256, SOON)

    assert world.one("select count(*) from gate.live_approval") == 1


def test_a13_nobody_asks_and_approves_unless_two_admins_opened_that(world):
    with pytest.raises(Refused, match="may_request_and_approve"):
        propose(world, "fay", "request", "approve")

    world.agree("setting", {"may_request_and_approve": True})
    people.accept(world.api, propose(world, "fay", "request", "approve"), None)

    said = {p.principal: p.scopes for p in people.principals(world.api)}
    assert sorted(said["fay"]) == ["approve", "request"]


def test_single_tokens_are_listed_by_digits_and_revoked(world):
    digits = hashlib.sha256(world.tokens["ben"].encode()).hexdigest()
    [ben] = [p for p in people.principals(world.api) if p.principal == "ben"]
    assert [(t.token, t.ends_in) for t in ben.tokens] == [(digits[:12], digits[-4:])]

    with pytest.raises(Refused):
        people.revoke_token(world.api, world.tokens["ana"], digits[:12])
    for none in ("", digits[:7], "%", "0" * 12):
        with pytest.raises(NotFound):
            people.revoke_token(world.api, world.tokens["cho"], none)
    assert people.revoke_token(world.api, world.tokens["ben"], digits[:12]) == "ben"

    world.cards(1)
    with pytest.raises(Refused):
        approve_as(world, world.tokens["ben"])


def test_minor_only_whoever_asked_edits_a_request(world):
    world.cards(2)
    made = world.submit()

    with pytest.raises(Refused, match="only whoever asked"):
        world.submit(who="eve", request_id=made.request_id)
    assert world.request(made, "version") == 1


def test_taking_away_a_token_ends_what_was_approved_with_those_it_replaced(world):
    world.cards(2)
    made = world.submit(2)
    world.approve(made)
    renewed = people.make_token()
    until = datetime.now(UTC) + timedelta(days=90)
    people.renew(world.api, world.tokens["ben"], renewed.sha256, until)

    people.revoke_token(world.api, world.tokens["cho"], renewed.sha256[:12])

    assert world.launch() == []


def test_taking_away_a_replaced_token_leaves_what_its_holder_approved_since(world):
    world.cards(2)
    first = hashlib.sha256(world.tokens["ben"].encode()).hexdigest()
    renewed = people.make_token()
    until = datetime.now(UTC) + timedelta(days=90)
    people.renew(world.api, world.tokens["ben"], renewed.sha256, until)
    world.tokens["ben"] = renewed.text
    made = world.submit(2)
    world.approve(made)

    people.revoke_token(world.api, world.tokens["cho"], first[:12])

    assert [begun.request_id for begun in world.launch()] == [made.request_id]

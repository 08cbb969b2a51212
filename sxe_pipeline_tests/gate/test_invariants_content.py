"""Invariants of content: what was approved is what is sent, and 250 items at most."""

import psycopg
import pytest

from sxe_pipeline.errors import BadInput
from sxe_pipeline_tests.gate.denials import assert_nothing_leaves, assert_refused_at_sending
from sxe_pipeline_tests.gate.world import APOLLO

CHANGES = {
    "an item": {"card_ids": ["card-0000"]},
    "a field": {"fields": ["email", "phone"]},
    "the provider": {"waterfall": ["apollo"]},
    "the order": {"waterfall": ["enformion", "apollo"]},
    "the purpose": {"purpose": "other_research"},
    "the legal basis": {"legal_basis": "consent"},
    "the maximum": {"max_micros": 77},
    "the permissible purpose": {"permissible_purpose": "fraud_check"},
}
WIDE = {
    "version": "w",
    "platforms": {
        "x": {
            "enrichment": {
                "match_bases": ["public_data"],
                "purposes": ["market_research", "other_research"],
            }
        }
    },
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_another_content_has_another_hash_and_is_closed(world, change):
    world.cards(2)
    world.agree("policy", WIDE)
    made = world.submit(max_micros=10**6, request_id=None)
    world.approve(made)
    edited = world.submit(request_id=made.request_id, **({"max_micros": 10**6} | change))
    assert edited.content_sha256 != made.content_sha256
    assert world.launch() == []


def test_a_new_price_closes_what_was_approved_at_the_old_one(world):
    world.cards(2)
    _, begun = world.approved()
    leave = world.permit(begun)
    world.agree("price", APOLLO | {"micros_per_unit": 50_001})
    assert_refused_at_sending(world, leave, "price_changed")
    assert_nothing_leaves(world, begun, "price_changed")


def test_a_new_policy_closes_what_was_approved_under_the_old_one(world):
    world.cards(2)
    _, begun = world.approved()
    leave = world.permit(begun)
    world.agree("policy", WIDE)
    assert_refused_at_sending(world, leave, "policy_changed")
    assert_nothing_leaves(world, begun, "policy_changed")


TAMPER = {
    "the inputs": "update gate.request_item set inputs = 'x' where position = 2",
    "the nonce": "update gate.request_item set nonce = nonce || nonce where position = 2",
    "the card": "update gate.request_item set card_id = 'card-0003' where position = 2",
    "the item hash": "update gate.request_item set nonce = nonce || nonce, "
    "item_sha256 = sha256(nonce || nonce || inputs) where position = 2",
    "an item more": "insert into gate.request_item select request_id, version, 9, 'card-0003', "
    "inputs, nonce, item_sha256, inputs_revision, platforms "
    "from gate.request_item where position = 1",
    "an item less": "delete from gate.request_item where position = 3",
}


@pytest.mark.parametrize("statement", TAMPER.values(), ids=TAMPER)
def test_what_the_owner_edits_by_hand_calls_nobody(world, statement):
    world.cards(4)
    made = world.submit(3)
    world.approve(made)
    begun = world.begun_again(made)
    world.owner(statement)
    assert_nothing_leaves(world, begun, "tampered")


def test_a_header_with_a_new_hash_finds_no_approval(world):
    world.cards(1)
    _, begun = world.approved()
    world.owner("alter table gate.request_version disable trigger all")
    world.owner("update gate.request_version set header = header || ' '")
    assert_nothing_leaves(world, begun, "tampered")
    world.owner("update gate.request_version set content_sha256 = sha256(header)")
    assert_nothing_leaves(world, begun, "expired")


def test_no_request_has_more_than_250_items(world):
    world.cards(251)
    for limit in (0, 251, -1):
        with pytest.raises(BadInput):
            world.submit(limit)
    with pytest.raises(BadInput):
        world.submit(card_ids=[f"card-{n:04d}" for n in range(251)])
    made = world.submit(250)
    assert made.item_count == 250
    with pytest.raises(psycopg.errors.CheckViolation):
        world.owner("update gate.request_item set position = 251 where position = 250")


def test_the_database_holds_the_limit_without_the_function(world):
    world.cards(1)
    world.submit()
    for count in (0, 251):
        with pytest.raises(psycopg.errors.CheckViolation):
            world.owner(
                "insert into gate.request_version select request_id, version + 1, header, "
                "content_sha256, %s, edited_by, made_at, gen_random_uuid() "
                "from gate.request_version",
                count,
            )

"""What the gate answers as values: every key of the database, and no match input in a repr."""

from uuid import UUID

import msgspec
import pytest

from sxe_pipeline.gate import answers, people, permits, reads, requests
from sxe_pipeline_tests.gate.world import MARKET, POLICY

KINDS = {
    *(requests.Plan, requests.Submitted, requests.Approved, requests.Ended),
    *(reads.Request, reads.ReceiptLine, reads.Budget, reads.Provider, reads.Policy),
    reads.MarketCost,
    *(people.Principal, people.Proposal, people.Decided),
    *(permits.Begun, permits.Settled, permits.Swept, permits.Reconciled, permits.Finished),
}
TOLD_APART = {permits.Permit, permits.Denied, permits.Sent}
"""One function answers two of these; a key says which it is, and no field takes that key."""


@pytest.fixture
def decoded(monkeypatch):
    """(JSON, kind, value) of every answer."""
    seen, convert = [], msgspec.convert

    def record(answer, kind):
        value = convert(answer, kind)
        seen.append((answer, kind, value))
        return value

    monkeypatch.setattr(answers.msgspec, "convert", record)
    return seen


def shape(json):
    """JSON without its texts, lists in one order: a moment is written in more than one way."""
    if isinstance(json, dict):
        return {key: shape(json[key]) for key in sorted(json)}
    if isinstance(json, (list, tuple)):
        return sorted((shape(value) for value in json), key=repr)
    return "text" if isinstance(json, str) else json


def walk(world):
    """Every function once: a request that waits for an answer, one that ended, a provider read."""
    world.cards(3)
    world.cap(1, market="other")
    requests.plan(world.api, world.tokens["ana"], world.spec(limit=2))
    made, begun = world.approved(2, fields=["email", "phone"], waterfall=["apollo"])
    world.settle(*world.send(begun), awaiting=True, retry_after_s=0)
    world.permit(begun)
    permits.finish(world.contacts, begun)
    world.begun_again(made)
    permits.sweep(world.contacts)
    permits.reconcile(world.contacts, "enformion", 0)
    requests.revoke(world.api, world.tokens["ben"], made.request_id, "no more")
    reads.all_requests(world.api)
    reads.receipt(world.api, request_id=made.request_id)
    reads.budgets(world.api)
    reads.providers(world.api)
    reads.policy(world.api)
    reads.market_cost(world.api, MARKET)
    people.principals(world.api)
    people.proposals(world.api)


def test_a_value_has_the_keys_that_the_database_wrote_and_no_others(world, decoded):
    walk(world)

    assert {kind for _, kind, _ in decoded} == KINDS | TOLD_APART
    for answer, kind, value in decoded:
        if kind not in TOLD_APART:
            written = {k: v for k, v in msgspec.to_builtins(value).items() if k in answer}
            assert shape(written) == shape(answer), kind


def test_ids_are_ids_and_moments_are_moments(world):
    world.cards(1)
    made = world.submit()

    request = reads.find(world.api, made.request_id)

    assert isinstance(made.request_id, UUID)
    assert request.created_at < request.decide_by
    assert request.asks.waterfall == ("apollo", "enformion")
    assert reads.policy(world.api).content == POLICY


def test_match_inputs_are_in_no_repr(world):
    world.cards(1)
    _, begun = world.approved()

    _, sent = world.send(begun)

    assert sent.items[0].inputs["last_name"] == "Tester"
    assert "Tester" not in repr(sent)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param({"content": {}, "in_force_since": "2031-02-03T00:00:00Z"}, id="a key is gone"),
        pytest.param({"sha256": "s", "content": {}, "in_force_since": "jo@x.io"}, id="no moment"),
        pytest.param(
            {"sha256": 5, "content": {}, "in_force_since": "2031-02-03T00:00:00Z"}, id="no text"
        ),
    ],
)
def test_what_is_no_answer_is_refused_without_repeating_it(answer):
    with pytest.raises(msgspec.ValidationError) as refused:
        answers.decoded(reads.Policy, answer)

    assert "jo@x.io" not in str(refused.value)

"""Two at one row: whoever waited decides on what the other left, and nobody waits in a circle."""

from functools import partial
from itertools import permutations, product

import pytest

from sxe_pipeline.errors import Refused
from sxe_pipeline.gate import permits, requests
from sxe_pipeline_tests.gate.line import Line
from sxe_pipeline_tests.gate.race import LATE, book_late
from sxe_pipeline_tests.gate.world import APOLLO

REQUEST = "select from gate.request"


@pytest.fixture
def line(world):
    made = Line(world)
    yield made
    made.close()


def approving(world, made, conn):
    token = world.tokens["ben"]
    return requests.approve(
        conn, token, made.request_id, made.version, made.content_sha256, "looked at it"
    )


def ended(*moves):
    """What each of them answers, errors too."""
    return [move.exception() or move.result() for move in moves]


FIRST = {
    "a revocation": (
        "REVOKED",
        lambda world, made, conn: requests.revoke(
            conn, world.tokens["ana"], made.request_id, "changed my mind"
        ),
    ),
    "a rejection": (
        "REJECTED",
        lambda world, made, conn: requests.reject(
            conn, world.tokens["eve"], made.request_id, 1, made.content_sha256, "too dear"
        ),
    ),
    "an edit": (
        "SUBMITTED",
        lambda world, made, conn: requests.submit(
            conn, world.tokens["ana"], world.spec(limit=1, request_id=made.request_id)
        ),
    ),
}


@pytest.mark.parametrize(("state", "first"), FIRST.values(), ids=FIRST)
def test_an_approval_that_waited_finds_the_request_as_it_is_now(world, line, state, first):
    world.cards(2)
    made = world.submit()

    with world.fresh("sxe_api") as other, other.transaction():
        first(world, made, other)
        late = line.arrives("sxe_api", partial(approving, world, made))

    with pytest.raises(Refused):
        late.result()
    assert world.request(made) == state
    assert world.one("select count(*) from gate.live_approval") == 0


def test_two_revocations_at_once_are_one(world, line):
    world.cards(1)
    made = world.submit()

    with line.held(REQUEST):
        both = [
            line.arrives(
                "sxe_api",
                lambda conn, who=who: requests.revoke(
                    conn, world.tokens[who], made.request_id, "no more"
                ),
            )
            for who in ("ana", "ben")
        ]

    assert [type(answer) for answer in ended(*both)] == [requests.Ended, Refused]
    assert world.one("select count(*) from gate.approval where decision = 'revoke'") == 1


def test_two_runs_that_begin_one_launch_at_once_get_one_fence(world, line):
    world.cards(1)
    world.approve(world.submit())
    (launch,) = permits.claim_launches(world.contacts)

    with line.held(REQUEST):
        both = [
            line.arrives(
                "sxe_contacts",
                lambda conn, run=run: permits.begin(conn, launch.request_id, launch.attempt, run),
            )
            for run in ("one", "two")
        ]

    assert [type(answer) for answer in ended(*both)] == [permits.Begun, Refused]
    assert world.owner("select fence, run_id from gate.request") == [
        (both[0].result().fence, "one")
    ]


def test_a_sweep_that_comes_while_a_call_is_settled_leaves_it_alone(world, line):
    # Locks are taken in one order: a sweep that held the call would wait for the settlement that
    # waits for it.
    world.cards(1)
    _, begun = world.approved()
    leave, _ = world.send(begun)
    world.owner("update gate.call set lease_until = now() - interval '1 hour'")
    outcome = {"units_micro": 1_000_000, "found": []}

    with line.held("select from gate.provider where provider = 'apollo'"):
        settled = line.arrives(
            "sxe_contacts",
            lambda conn: settle(conn, leave, outcome),
        )
        swept = line.arrives("sxe_contacts", permits.sweep)

    assert settled.result().charged_micros == 50_000
    assert swept.result().unknown == 0
    assert world.call(leave) == "SETTLED"
    world.assert_books_are_right()


def settle(conn, leave, outcome):
    with conn.transaction():
        return permits.settle(conn, leave.call_id, leave.fence, outcome)


def test_a_late_charge_and_a_permit_of_one_request_never_wait_in_a_circle(world, line):
    # Whoever books takes its budgets in the order of their ids; here each meeting of the two is
    # tried that a held budget can bring about.
    world.agree("price", APOLLO | {"batch_max": 1})
    world.cards(10)
    _, begun = world.approved()
    leave, sent = world.send(begun)
    world.settle(leave, sent)
    budgets = world.owner("select budget_id from gate.transfer where kind = 'reserve'")
    world.owner(LATE)

    def charge(conn):
        book_late(conn, leave.call_id, 1_000_000)

    def grant(conn):
        assert permits.permit(conn, begun, "enformion").item_count == 1

    for (budget,), order in product(budgets, permutations([charge, grant])):
        with line.held("select from gate.budget where budget_id = %s", budget):
            both = [line.arrives("sxe_contacts", move) for move in order]
        assert ended(*both) == [None, None]
    assert world.money() == (0, 50_000, 8 * 50_000)
    assert world.money("enformion") == (8 * 150_000, 0, 0)
    world.assert_books_are_right()


PAST = (
    "decide_by = now() - interval '1 hour'",
    "state = 'DONE_UNKNOWN'",  # and nothing is unknown about it
    "state = 'REVOKED', decide_by = now() - interval '31 days'",
)


def test_a_sweep_waits_for_no_request_that_somebody_holds(world, line):
    made = [world.submit(card_ids=[card]) for card in world.cards(len(PAST))]
    for one, past in zip(made, PAST, strict=True):
        world.owner(f"update gate.request set {past} where request_id = %s", one.request_id)
    look = "select state, forgotten_at is null from gate.request order by created_at"
    before = world.owner(look)

    with line.held(REQUEST):
        swept = line.arrives("sxe_contacts", permits.sweep)
        assert swept.done(), "it waits"
        assert world.owner(look) == before

    permits.sweep(world.contacts)
    assert world.owner(look) == [("EXPIRED", True), ("DONE", True), ("REVOKED", False)]

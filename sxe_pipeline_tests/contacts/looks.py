"""What the tests of failures look at: calls, lanes, outcomes of a provider. Nothing is asserted."""

from collections import Counter

APOLLO_RESERVES = 3 * (50_000 + 400_000)
ENFORMION_RESERVES = 150_000
CLOSED = ("closed", None)


def calls_of(desk, provider):
    rows = desk.world.owner(
        "select state, reason from gate.call where provider = %s order by claimed_at", provider
    )
    return Counter(rows)


def lane_of(desk, provider):
    state = "select circuit_state, cause from gate.provider where provider = %s"
    return desk.world.owner(state, provider)[0]


def outcomes_of(desk, provider):
    rows = desk.world.owner(
        "select distinct outcome from gate.call_item where provider = %s", provider
    )
    return {outcome for (outcome,) in rows}

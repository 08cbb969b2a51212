"""Calls, circuits and outcomes of a provider, for the tests of failures; nothing is asserted."""

from collections import Counter

APOLLO_RESERVES = 3 * (50_000 + 400_000)
ENFORMION_RESERVES = 150_000
CLOSED = ("closed", None)


def calls_of(harness, provider):
    rows = harness.world.owner(
        "select state, reason from gate.call where provider = %s order by claimed_at", provider
    )
    return Counter(rows)


def circuit_of(harness, provider):
    state = "select circuit_state, cause from gate.provider where provider = %s"
    return harness.world.owner(state, provider)[0]


def outcomes_of(harness, provider):
    rows = harness.world.owner(
        "select distinct outcome from gate.call_item where provider = %s", provider
    )
    return {outcome for (outcome,) in rows}

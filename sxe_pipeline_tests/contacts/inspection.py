"""Calls, lanes and outcomes of a provider, for the tests of failures. Nothing is asserted here."""

from collections import Counter

APOLLO_RESERVES = 3 * (50_000 + 400_000)
ENFORMION_RESERVES = 150_000
CLOSED = ("closed", None)


def calls_of(harness, provider):
    rows = harness.world.owner(
        "select state, reason from gate.call where provider = %s order by claimed_at", provider
    )
    return Counter(rows)


def lane_of(harness, provider):
    return harness.world.owner("select state, cause from gate.lane where provider = %s", provider)[
        0
    ]


def outcomes_of(harness, provider):
    rows = harness.world.owner(
        "select distinct outcome from gate.call_item where provider = %s", provider
    )
    return {outcome for (outcome,) in rows}

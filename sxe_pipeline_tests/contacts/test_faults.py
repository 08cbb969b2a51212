"""A process dies at any point while a provider behaves in any way: nobody is charged twice.

Every single fault is tried, and a sample of pairs. The seed of the sample is printed when a test
fails; SXE_TEST_FAULTS_SEED repeats it, SXE_TEST_FAULTS_PAIRS takes more.
"""

import os
import random

import pytest

from sxe_pipeline_tests.contacts.harness import POINTS, Dying

PAID = (
    "ok",
    "429",
    "402",
    "401",
    "500pre",
    "500post",
    "hang",
    "drop",
    "reordered_matches",
    "null_matches",
    "bad_json",
    "schema_drift",
    "partial_200",
    "overcharge",
    "negative_credits",
    "fractional",
    "no_credits_field",
    "other_person",
)
POLLED = (
    "slow_poll",
    "expired_result",
    "500pre",
    "drop",
    "bad_json",
    "overcharge",
    "fractional",
    "no_credits_field",
    "negative_credits",
    "401",
)
COUNTED = ("500pre", "drop", "bad_json", "schema_drift", "401")
ALIKE = ("fractional", "reordered_matches", "no_credits_field", "negative_credits", "overcharge")
"""Enformion's answers name no charge, and one person: an invoice alone tells of an overcharge."""
FAULTS = (
    *(("apollo", "paid", mode) for mode in PAID),
    *(("apollo", "poll", mode) for mode in POLLED),
    *(("apollo", "counter", mode) for mode in COUNTED),
    *(("enformion", "paid", mode) for mode in PAID if mode not in ALIKE),
)

WHERE = {
    "paid": POINTS,
    "poll": ("reconciled", "polled", "settling", "finished"),
    "counter": ("begun", "sending", "reconciled"),
}
"""At which points one dies while that kind of question goes wrong."""

SEED = int(os.environ.get("SXE_TEST_FAULTS_SEED", "20260901"))
PAIRS = int(os.environ.get("SXE_TEST_FAULTS_PAIRS", "4"))
POOL = [(fault, point) for fault in FAULTS if fault[2] != "hang" for point in WHERE[fault[1]]]


def go_wrong(harness, provider, kind, mode):
    if mode == "hang":
        harness.impatient()
    harness.emulator.mode(provider, mode, on=kind, times=1 if kind == "paid" else 2)


@pytest.mark.parametrize("fault", [pytest.param(f, id="-".join(f)) for f in FAULTS])
def test_whoever_dies_wherever_nobody_is_charged_twice(pairs, fault):
    harness, cards = pairs
    for point, pair in zip(WHERE[fault[1]], cards, strict=False):
        go_wrong(harness, *fault)
        dying = Dying(point)

        harness.recover(harness.about(pair), dying)

        harness.assert_all_is_over()
        harness.emulator.mode(fault[0], "ok")
        if fault[2] == "ok":
            assert dying.is_dead, f"the loop never comes to {point}"


@pytest.mark.parametrize("sample", range(PAIRS))
def test_two_faults_at_once_charge_nobody_twice(pairs, sample):
    harness, cards = pairs
    rng = random.Random(f"{SEED}/{sample}")
    print(f"seed {SEED}, sample {sample}")
    for pair in cards[:6]:
        (first, point), (second, later) = rng.sample(POOL, 2)
        print(first, point, second, later)
        go_wrong(harness, *first)
        go_wrong(harness, *second)
        deaths = [Dying(point), Dying(later, rng.randint(1, 2))]

        def reached(at, deaths=deaths):
            for dying in deaths:
                dying(at)

        harness.recover(harness.about(pair), reached)

        harness.assert_all_is_over()
        for provider in ("apollo", "enformion"):
            harness.emulator.mode(provider, "ok")

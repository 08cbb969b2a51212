"""Every way in which enriching fails: where the money stands, what happens by itself, how it ends.

After each failure all books are right and the provider took no more than the gate knows of; then
time, the counter and people do what is theirs, until nothing is open and nobody was charged twice.
"""

import json
from dataclasses import dataclass, field, replace

import pytest

from sxe_pipeline.errors import StoreUnavailable
from sxe_pipeline.gate import permits
from sxe_pipeline_tests.contacts.harness import as_minted
from sxe_pipeline_tests.contacts.inspection import (
    APOLLO_RESERVES,
    CLOSED,
    ENFORMION_RESERVES,
    calls_of,
    circuit_of,
    outcomes_of,
)
from sxe_pipeline_tests.gate.world import APOLLO


@dataclass(frozen=True)
class Row:
    """A provider behaves badly while a request runs; what the first run leaves, and the end."""

    failure: str
    provider: str
    mode: str
    calls: dict  # (state, reason) -> how many
    request: str
    kind: str = "paid"
    options: dict = field(default_factory=dict)
    times: int | None = 1
    circuit: tuple = CLOSED
    error: type | None = None
    pauses: list | None = None
    runs: int = 1
    end: tuple = ()  # outcomes that the provider's items must have at the end

    @property
    def id(self):
        return f"{self.provider}: {self.failure} ({self.mode})"


PENDING = {("AWAITING", "phones_pending"): 1}
SOLD = ("match", "no_match")


def unknown(provider, mode, reason, end, request="HALTED"):
    return Row(
        "the charge cannot be known", provider, mode, {("UNKNOWN", reason): 1}, request, end=end
    )


def settled(mode, end):
    return [
        Row("an odd answer", "apollo", mode, PENDING, "DONE", end=end),
        Row("an odd answer", "enformion", mode, {("SETTLED", "answered"): 1}, "DONE"),
    ]


def refusals(provider):
    busy = {("RELEASED", "busy"): 3}
    executing = {"request": "EXECUTING", "error": StoreUnavailable}
    after = PENDING if provider == "apollo" else {("SETTLED", "answered"): 1}
    stopped = {"request": "HALTED", "circuit": ("open", "refused")}
    return [
        Row(
            "429 for a while",
            provider,
            "429",
            {("RELEASED", "busy"): 1} | after,
            "DONE",
            options={"retry_after": 7},
            pauses=[7.0],
        ),
        Row(
            "429 and again",
            provider,
            "429",
            busy,
            options={"retry_after": 9},
            times=3,
            pauses=[9.0, 9.0, 9.0],
            **executing,
        ),
        Row(
            "429 for longer than a run waits",
            provider,
            "429",
            {("RELEASED", "busy"): 1},
            options={"retry_after": 600},
            pauses=[],
            **executing,
        ),
        Row("no right", provider, "401", {("RELEASED", "no_right"): 1}, **stopped),
        Row("no credit", provider, "402", {("RELEASED", "no_credit"): 1}, **stopped),
    ]


LOST, FREE = ("paid_lost",), ("unknown_free",)
ROWS = [
    *refusals("apollo"),
    *refusals("enformion"),
    unknown("apollo", "500pre", "provider_error", FREE),
    unknown("apollo", "500post", "provider_error", LOST),
    unknown("apollo", "hang", "no_answer", LOST),
    unknown("apollo", "drop", "no_answer", LOST),
    unknown("apollo", "bad_json", "bad_body", LOST),
    unknown("apollo", "no_credits_field", "no_charge_figure", LOST),
    unknown("apollo", "negative_credits", "no_charge_figure", LOST),
    # Without a counter the whole reservation is taken for spent, also where it cost nothing.
    unknown("enformion", "500pre", "provider_error", LOST),
    unknown("enformion", "500post", "provider_error", LOST),
    unknown("enformion", "hang", "no_answer", LOST),
    unknown("enformion", "drop", "no_answer", LOST),
    unknown("enformion", "bad_json", "bad_body", LOST),
    *settled("ok", SOLD),
    *settled("schema_drift", SOLD),
    *settled("null_matches", ("no_match",)),
    *settled("other_person", ("mismatch",)),
    *settled("partial_200", ("no_match",)),
    Row("matches in another order", "apollo", "reordered_matches", PENDING, "DONE", end=SOLD),
    Row("a third of a credit", "apollo", "fractional", PENDING, "DONE", end=SOLD),
    Row(
        "more than the price",
        "apollo",
        "overcharge",
        PENDING,
        "HALTED",
        circuit=("open", "overrun"),
        end=SOLD,
    ),
    Row("the webhook comes twice", "apollo", "dup_webhook", PENDING, "DONE", end=SOLD),
    Row("the webhook comes late", "apollo", "late_webhook", PENDING, "DONE", end=SOLD),
    Row(
        "the numbers are late",
        "apollo",
        "slow_poll",
        PENDING,
        "DONE",
        kind="poll",
        times=2,
        runs=3,
        end=SOLD,
    ),
    Row(
        "the numbers are gone",
        "apollo",
        "expired_result",
        {("UNKNOWN", "expired"): 1},
        "DONE",
        kind="poll",
        runs=2,
        end=("paid_lost", "match"),
    ),
    Row(
        "the poll breaks off",
        "apollo",
        "drop",
        PENDING,
        "DONE",
        kind="poll",
        runs=2,
        end=SOLD,
    ),
    Row(
        "the poll names no charge",
        "apollo",
        "no_credits_field",
        {("UNKNOWN", "no_charge_figure"): 1},
        "DONE",
        kind="poll",
        runs=2,
        end=("paid_lost",),
    ),
]


@pytest.mark.parametrize("row", [pytest.param(row, id=row.id) for row in ROWS])
def test_a_failing_provider(due, row):
    harness, made = due
    harness.world.settings(reconcile_wait="1 hour")
    if row.mode == "hang":
        harness.impatient()
    harness.emulator.mode(row.provider, row.mode, on=row.kind, times=row.times, **row.options)

    for _ in range(row.runs - 1):
        harness.work()
        harness.world.owner("update gate.call set poll_after = now() where poll_after is not null")
    error = harness.try_work()

    assert (type(error) if error else None) is row.error, error
    assert calls_of(harness, row.provider) == row.calls
    assert harness.world.request(made) == row.request
    assert circuit_of(harness, row.provider) == row.circuit
    if row.pauses is not None:
        assert harness.pauses == row.pauses
    harness.assert_nothing_is_unaccounted()
    reserved, spent, overrun = harness.world.money(row.provider)
    if ("UNKNOWN" in {state for state, _ in row.calls}) and row.kind == "paid":
        whole = APOLLO_RESERVES if row.provider == "apollo" else ENFORMION_RESERVES
        assert (reserved, spent) == (whole, 0), "an unknown charge keeps its reservation"
    if {state for state, _ in row.calls} == {"RELEASED"}:
        assert (reserved, spent, overrun) == (0, 0, 0)
        assert harness.charged_micros(row.provider) == 0
    assert (overrun > 0) is (row.mode == "overcharge")
    lost = {who for call in harness.paid_calls(row.provider) for who in call["asked"]}
    before = len(harness.paid_calls(row.provider))

    harness.world.settings(reconcile_wait="0 seconds")
    harness.emulator.mode(row.provider, "ok")
    harness.recover(made)

    harness.assert_all_is_over()
    assert set(row.end) <= outcomes_of(harness, row.provider)
    if row.end in (LOST, FREE):
        later = harness.paid_calls(row.provider)[before:]
        assert lost & {who for call in later for who in call["asked"]} == set()


@pytest.mark.parametrize("provider", ["apollo", "enformion"])
def test_what_cannot_be_reached_was_not_sent(due, provider):
    harness, made = due
    alive = harness.providers
    dead = replace(alive[provider], url="http://127.0.0.1:9")
    harness.providers = alive | {provider: dead}

    error = harness.try_work()

    assert isinstance(error, StoreUnavailable)
    assert calls_of(harness, provider) == {("RELEASED", "not_sent"): 3}
    assert harness.world.money(provider) == (0, 0, 0)
    assert len(harness.pauses) == 3
    assert harness.pauses[0] < harness.pauses[2], "each pause is longer"
    assert harness.paid_calls(provider) == []
    harness.providers = alive
    harness.recover(made)
    harness.assert_all_is_over()
    assert harness.world.money(provider)[1] > 0, "the next launch asked"


def test_a_provider_shared_with_others_is_not_judged_by_its_counter(harness):
    """Somebody else's charges must not resolve our unknown call: it is taken for charged."""
    harness.world.agree("price", APOLLO | {"version": "shared", "has_counter": False})
    harness.world.cards(3)
    harness.approved(3, fields=["email", "phone"])
    harness.emulator.mode("apollo", "500pre", on="paid", times=1)

    harness.work()
    harness.time_passes()
    harness.work()

    assert calls_of(harness, "apollo") == {("UNKNOWN", "provider_error"): 1}
    harness.world.settings(unknown_after="1 microsecond")
    permits.sweep(harness.world.contacts)
    reserved, spent, overrun = harness.world.money("apollo")
    assert (reserved, spent, overrun) == (0, APOLLO_RESERVES, 0)
    assert circuit_of(harness, "apollo") == CLOSED


def test_an_invoice_that_says_more_is_booked_and_opens_the_circuit(due):
    """Enformion's answers name no charge: what it took beyond its price is learned by people."""
    harness, _ = due
    harness.emulator.mode("enformion", "overcharge", on="paid", times=1)
    while harness.work():
        harness.time_passes()
    missing = harness.charged("enformion") - harness.world.one(
        "select sum(charged_units_micro)::bigint from gate.call where provider = 'enformion'"
    )
    call_id = harness.world.one(
        "select call_id from gate.call where provider = 'enformion' order by sent_at limit 1"
    )

    harness.world.late(call_id, missing)

    assert missing > 0
    assert circuit_of(harness, "enformion") == ("open", "late_charge")
    assert sum(harness.world.money("enformion")) == harness.charged_micros("enformion")
    harness.assert_all_is_over()


def test_a_result_that_never_comes_is_unknown_after_thirty_days(due):
    harness, made = due
    harness.world.settings(reconcile_wait="1 hour")
    harness.emulator.mode("apollo", "slow_poll", n=1_000_000)
    harness.work()
    harness.time_passes()
    harness.work()
    assert calls_of(harness, "apollo") == {("AWAITING", "phones_pending"): 1}
    assert harness.world.money("apollo")[0] == 3 * 400_000

    harness.world.owner("update gate.call set sent_at = sent_at - interval '30 days'")
    permits.sweep(harness.world.contacts)

    assert calls_of(harness, "apollo") == {("UNKNOWN", "lease_over"): 1}
    assert harness.world.money("apollo")[0] == 3 * 400_000
    harness.world.settings(reconcile_wait="0 seconds")
    harness.recover(made)
    harness.assert_all_is_over()
    assert "paid_lost" in outcomes_of(harness, "apollo")


def test_numbers_that_another_request_waits_for_are_not_paid_for_here(harness, monkeypatch):
    """The provider says `skipped`: the part for the numbers is free again, nobody polls."""
    answer = harness.emulator.answer

    def skipping(request):
        given, books = answer(request)
        if request.kind == "paid" and request.provider == "apollo":
            body = json.loads(given.body) | {"phone_enrichment": {"status": "skipped"}}
            given = replace(given, body=json.dumps(body).encode())
        return given, books

    monkeypatch.setattr(harness.emulator, "answer", skipping)
    card = as_minted(1)  # an address at Apollo, and no number that would be charged
    harness.world.put([card])
    made = harness.about([card.card_id])

    harness.work()

    assert calls_of(harness, "apollo") == {("SETTLED", "phones_elsewhere"): 1}
    assert harness.world.money("apollo") == (0, harness.charged_micros("apollo"), 0)
    assert harness.world.money("apollo")[1] > 0
    answered = harness.world.owner(
        "select field, outcome from gate.answer where provider = 'apollo'"
    )
    assert answered == [
        ("email", "match")
    ]  # of the number nothing is known, nor that there is none
    harness.recover(made)
    harness.assert_all_is_over()
    assert [c for c in harness.emulator.stats()["calls"] if c["kind"] == "poll"] == []

"""Sixteen processes on the same requests, killed at any moment, while people change everything.

A driver with a seed asks, approves, revokes, moves caps, stops and reopens providers, withdraws and
brings back, merges and splits; every worker may be killed wherever it is. Some seconds in the
suite; `SXE_TEST_CROWD_S=600` goes on for ten minutes, `SXE_TEST_CROWD_SEED` takes another road.
"""

import dataclasses
import itertools
import os
import random
import time
from collections import Counter
from importlib.resources import files

from sxe_pipeline.errors import BadInput, Busy, Refused
from sxe_pipeline.gate import people, permits, requests
from sxe_pipeline.privacy import suppression
from sxe_pipeline_tests.gate.crowd import HEARD_WITHIN_S, Crowd
from sxe_pipeline_tests.gate.paid import PRICES
from sxe_pipeline_tests.gate.world import APOLLO

WORKERS = 16
SECONDS = float(os.environ.get("SXE_TEST_CROWD_S", "15"))
SEED = int(os.environ.get("SXE_TEST_CROWD_SEED", "20261129"))
CARDS = 40
KIN = 8
"""At most so many cards were ever one with each other, or all of them would be in the end."""
AMPLE = 10**12


class Driver:
    """What people and cards do, by dice; `did` counts what was not refused."""

    def __init__(self, world, dice):
        self.world, self.dice, self.did = world, dice, Counter()
        self.cards, self.kin, self.one = [], {}, {}
        self.gone, self.suppressed, self.merged = set(), set(), set()
        self.numbers = itertools.count()
        self.arrive(CARDS)
        self.acts = {
            self.ask: 16,
            self.arrive: 4,
            self.move_a_cap: 4,
            self.resolve: 4,
            self.open_again: 6,
            self.put_away_or_bring_back: 4,
            self.change_inputs: 3,
            self.merge: 2,
            self.split: 2,
            self.revoke: 1,
            self.suppress: 1,
            self.stop_a_provider: 1,
        }

    def act(self):
        """One thing that somebody does."""
        act = self.dice.choices([*self.acts], [*self.acts.values()])[0]
        try:
            act()
            self.did[act.__name__] += 1
        except (Refused, Busy, BadInput):
            self.world.api.rollback()
            self.world.social.rollback()
            self.did["refused"] += 1

    def arrive(self, count=5):
        """New cards, and the oldest ones go for good."""
        made = self.world.cards(count, prefix=f"n{next(self.numbers)}")
        self.cards += made
        for card in made:
            self.kin[card], self.one[card] = {card}, {card}
            self.are_one(card, card)
        for card in self.cards[: -2 * CARDS]:
            del self.world.known[card]
        self.cards = self.cards[-2 * CARDS :]

    def some(self, but=()):
        """Those of the cards that are not in some set."""
        return [card for card in self.cards if card not in but]

    def is_rare(self, marked, share):
        """Whether few of the cards are in a set."""
        return len(marked.intersection(self.cards)) * share < len(self.cards)

    def ask(self):
        here = self.some(but=self.gone)
        chosen = self.dice.sample(here, min(len(here), self.dice.randint(1, 12)))
        fields = self.dice.choice([["email"], ["email", "phone"]])
        made = self.world.submit(card_ids=chosen, fields=fields)
        more = {"lost_cards": self.cards} if self.dice.random() < 0.4 else {}
        if self.dice.random() < 0.2:
            more["positions"] = [1 + self.dice.randrange(made.item_count)]
        self.world.approve(made, **more)

    def revoke(self):
        ids = self.world.owner(
            "select request_id from gate.request where state = 'EXECUTING' order by created_at"
        )
        if not ids:
            return
        (request_id,) = self.dice.choice(ids)
        requests.revoke(self.world.api, self.world.tokens["ben"], request_id, "no")
        self.world.owner("insert into outside.refused values (%s)", str(request_id))

    def suppress(self):
        if not self.is_rare(self.suppressed, 8):
            return
        card = self.dice.choice(self.cards)
        self.suppressed.add(card)
        suppression.suppress(self.world.api, self.world.tokens["ana"], card, "asked to")
        self.world.owner("insert into outside.refused values (%s) on conflict do nothing", card)

    def move_a_cap(self):
        provider = self.dice.choice([*PRICES])
        used = sum(self.world.money(provider))
        self.world.cap(self.dice.choice([AMPLE, AMPLE, used + 400_000, used]), provider=provider)

    def stop_a_provider(self):
        provider = self.dice.choice([*PRICES])
        people.kill(self.world.api, self.world.tokens["ana"], provider, "stop")

    def open_again(self):
        for provider, state in self.world.owner(
            "select provider, circuit_state from gate.provider"
        ):
            if state != "closed":
                self.world.agree("circuit", {"provider": provider})

    def resolve(self):
        lost = self.world.owner(
            "select c.call_id, coalesce(sum(t.units), 0)::bigint - c.charged_units_micro "
            "from gate.call c left join outside.took t using (call_id) "
            "where c.state = 'UNKNOWN' group by c.call_id"
        )
        for call_id, units in lost:
            self.world.agree("resolve", {"call_id": str(call_id), "units_micro": units})

    def put_away_or_bring_back(self):
        self.gone = set(self.dice.sample(self.cards, len(self.cards) // 10))
        self.put_before_the_gate()

    def change_inputs(self):
        card = self.dice.choice(self.cards)
        self.world.change(card, domain=f"{self.dice.randrange(3)}.example")
        self.put_before_the_gate()

    def merge(self):
        lost, kept = self.dice.sample(self.some(but=self.merged), 2)
        if not self.is_rare(self.merged, 3) or len(self.kin[lost] | self.kin[kept]) > KIN:
            return
        self.world.merge(lost, kept)
        self.merged.add(lost)
        self.are_one(lost, kept)

    def split(self):
        whole = self.dice.choice(self.some(but=self.merged))
        if len(self.kin[whole]) >= KIN:
            return
        part = f"part-{next(self.numbers)}"
        self.kin[part], self.one[part] = {part}, {part}
        differs = {"domain": f"{part}.example"} if self.dice.random() < 0.5 else {}
        self.world.split(whole, part, **differs)
        self.cards.append(part)
        self.are_one(part, part)
        self.are_kin(whole, part, self.kin, is_person=False)
        self.put_before_the_gate()

    def put_before_the_gate(self):
        self.world.replace(c for i, c in self.world.known.items() if i not in self.gone)

    def are_one(self, one, other):
        self.are_kin(one, other, self.one, is_person=True)
        self.are_kin(one, other, self.kin, is_person=False)

    def are_kin(self, one, other, sets, *, is_person):
        """Known from here on: what is asked for after it is asked of both."""
        both = sets[one] | sets[other]
        for card in both:
            sets[card] = both
        self.world.owner(
            "insert into outside.kin select a, b, %s, clock_timestamp() "
            "from unnest(%s::text[]) a, unnest(%s::text[]) b on conflict do nothing",
            *(is_person, list(both), list(both)),
        )


def whatever_holds_at_every_moment(world):
    """No grant over a cap, nothing booked that was not taken, nobody paid twice."""
    for what in ("breach", "wrongly_booked", "paid_twice", "asked_all_the_same"):
        assert world.owner(f"select * from outside.{what} limit 5") == [], what
    world.assert_books_are_right()


def come_to_rest(world, driver):
    """Leases run out, and two persons say what the lost calls took."""
    world.lease_over()
    world.settings(call_lease="1 hour", send_deadline="1 microsecond")
    while any(dataclasses.astuple(permits.sweep(world.contacts))):
        pass
    driver.resolve()


def test_sixteen_processes_pay_nobody_twice_and_take_nothing_past_a_cap(world):
    print(f"SXE_TEST_CROWD_SEED={SEED} SXE_TEST_CROWD_S={SECONDS}")
    world.owner((files(__package__) / "outside.sql").read_text())
    world.settings(
        call_lease="1.2 seconds", send_deadline=f"{HEARD_WITHIN_S} seconds",
        launch_lease="2 seconds", poll_wait="1 second", reconcile_wait="1 second",
        breaker_rest="1 second", max_unknown_open=5,
    )  # fmt: skip
    world.agree("price", APOLLO | {"batch_max": 3})
    for scope in ({"market": "x_general"}, *({"provider": p} for p in PRICES)):
        world.cap(AMPLE, **scope)
    for provider in PRICES:
        world.cap(AMPLE, market="x_general", provider=provider)
    dice = random.Random(SEED)
    driver = Driver(world, dice)
    crowd = Crowd(world.database.dsn("sxe_contacts"), WORKERS, dice, SECONDS)
    end = time.monotonic() + SECONDS
    try:
        while time.monotonic() < end:
            for _ in range(10):
                driver.act()
            crowd.kill_one()
            whatever_holds_at_every_moment(world)
            crowd.fill_up()
    finally:
        crowd.stop()

    whatever_holds_at_every_moment(world)
    come_to_rest(world, driver)
    whatever_holds_at_every_moment(world)

    took = world.one("select count(distinct call_id) from outside.took")
    print(f"{took} calls, {crowd.lost} workers lost, {dict(driver.did)}")
    assert took > 5, "or nothing was tried"
    assert crowd.lost > 2
    for provider in PRICES:
        reserved, spent, overrun = world.money(provider)
        taken, waiting = world.owner(
            "select (select coalesce(sum(charged_micros), 0) from gate.call where provider = %s), "
            "(select coalesce(sum(async_micros), 0) from gate.call "
            " where provider = %s and state = 'AWAITING')",
            *(provider, provider),
        )[0]
        assert (reserved, spent + overrun) == (waiting, taken)
    assert world.one("select count(*) from gate.call where state in ('SENDING', 'UNKNOWN')") == 0

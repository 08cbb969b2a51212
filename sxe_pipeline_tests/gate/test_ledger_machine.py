"""The gate as a machine: any order of moves, and what holds after each.

The machine plays the provider too: it alone knows what a call cost outside, also where the gate was
never told. Whatever happens, the ledger must hold at least that much.
"""

import dataclasses
from collections import defaultdict

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from sxe_pipeline.errors import BadInput, Busy, Refused
from sxe_pipeline.gate import people, permits, requests
from sxe_pipeline.privacy import suppression
from sxe_pipeline_tests.databases import copy_of, drop
from sxe_pipeline_tests.gate.paid import PRICES, UNIT, Call, Paid
from sxe_pipeline_tests.gate.world import APOLLO, World

CARDS = 8
FEW = APOLLO | {"batch_max": 2}
some = st.integers(0, 2**CARDS - 1)
rarely = st.sampled_from([False] * 3 + [True])
provider_names = st.sampled_from(["apollo", "enformion"])


class Ledger(RuleBasedStateMachine):
    """Moves of people, runs, provider and time, in any order."""

    template = tokens = None

    def __init__(self):
        super().__init__()
        self.database = copy_of(self.template.state, self.template.name)
        self.world = World(self.database)
        self.world.tokens = dict(self.tokens)
        self.made, self.runs, self.granted, self.calls = [], [], [], []
        self.approved = defaultdict(set)
        self.revoked, self.suppressed, self.killed = set(), set(), set()
        self.merged, self.gone = {}, set()
        self.paid = Paid()

    def teardown(self):
        self.world.close()
        drop(self.database)

    @initialize()
    def begin(self):
        self.world.agree("price", FEW)
        self.world.settings(
            max_unknown_open=2, breaker_after=3, breaker_rest="1 microsecond",
            reconcile_wait="0 seconds",
        )  # fmt: skip
        self.cards = self.world.cards(CARDS)
        for provider in PRICES:
            self.ask_and_launch(2**CARDS - 1, True, False)
            self.call(0, provider, 1)

    def tried(self, move, *arguments, **more):
        """The answer, or None where the gate refuses."""
        try:
            return move(*arguments, **more)
        except (Refused, Busy, BadInput):
            self.world.contacts.rollback()
            return None

    def survivor(self, card):
        while card in self.merged:
            card = self.merged[card]
        return card

    # people

    @rule(n=some, both=st.booleans())
    def submit(self, n, both):
        chosen = [c for i, c in enumerate(self.cards) if n >> i & 1 and c not in self.gone]
        fields = ["email", "phone"] if both else ["email"]
        if chosen and (made := self.tried(self.world.submit, card_ids=chosen, fields=fields)):
            self.made.append(made)

    @precondition(lambda self: self.made)
    @rule(n=some, part=st.booleans(), lost=st.booleans())
    def approve(self, n, part, lost, of=None):
        made = of or self.made[n % len(self.made)]
        positions = [1 + n % made.item_count] if part else list(range(1, made.item_count + 1))
        more = {"positions": positions} if part else {}
        if lost:
            more["lost_cards"] = self.cards
        if self.tried(self.world.approve, made, **more):
            self.approved[made.request_id] |= set(positions)

    @rule(n=some, both=st.booleans(), part=rarely)
    def ask_and_launch(self, n, both, part):
        fields = ["email", "phone"] if both else ["email"]
        if made := self.tried(self.world.submit, 1 + n % CARDS, fields=fields):
            self.made.append(made)
            self.approve(n, part, True, of=made)
        self.launch()

    @precondition(lambda self: self.made)
    @rule(n=some, now=rarely)
    def revoke(self, n, now):
        if not now:
            return
        made = self.made[n % len(self.made)]
        who = self.world.tokens["ben"]
        if self.tried(requests.revoke, self.world.api, who, made.request_id, "no"):
            self.revoked.add(made.request_id)

    @rule(n=some, now=rarely)
    def suppress(self, n, now):
        if now:
            card = self.cards[n % len(self.cards)]
            suppression.suppress(self.world.api, self.world.tokens["ana"], card, "asked to")
            self.suppressed.add(card)

    @rule(n=some, now=rarely)
    def withdraw_or_bring_back(self, n, now):
        card = self.cards[n % len(self.cards)]
        self.gone = (
            self.gone - {card} if card in self.gone else self.gone | ({card} if now else set())
        )
        self.put_away()

    @rule(n=some, m=some, now=rarely)
    def merge(self, n, m, now):
        lost, kept = (self.survivor(self.cards[i % len(self.cards)]) for i in (n, m))
        live = {c for (c,) in self.world.owner("select card_id from gate.call_item where live")}
        # Two claims that were there before the merge may both end.
        if now and lost != kept and not {lost, kept} & {self.survivor(c) for c in live}:
            self.merged[lost] = kept
            self.world.merge(lost, kept)
            self.paid.are_kin(lost, kept)

    @rule(n=some, same=st.booleans(), now=rarely)
    def split(self, n, same, now):
        whole = self.survivor(self.cards[n % len(self.cards)])
        if now and len(self.cards) < 2 * CARDS and whole not in self.gone:
            part = f"part-{len(self.cards)}"
            self.world.split(whole, part, **({} if same else {"domain": f"{part}.example"}))
            self.cards.append(part)
            self.paid.are_kin(whole, part)
            self.put_away()

    @rule(n=some, m=st.integers(0, 2), now=rarely)
    def change_inputs(self, n, m, now):
        if now:
            card = self.cards[n % len(self.cards)]
            self.world.change(card, domain=f"{m}.example")
            self.put_away()

    def put_away(self):
        self.world.replace(c for i, c in self.world.known.items() if i not in self.gone)

    @rule(provider=provider_names, now=rarely)
    def kill(self, provider, now):
        if not now:
            return
        people.kill(self.world.api, self.world.tokens["ana"], provider, "stop")
        self.killed.add(provider)

    @rule(provider=provider_names)
    def reopen(self, provider):
        self.world.agree("circuit", {"provider": provider})
        self.killed.discard(provider)

    @rule(micros=st.sampled_from([10**8, 10**8, 500_000, 60_000, 0]), provider=provider_names)
    def set_cap(self, micros, provider):
        self.tried(self.world.cap, micros, provider=provider)

    # runs

    @rule()
    def launch(self):
        self.runs += self.world.launch()

    @precondition(lambda self: self.runs)
    @rule(n=some, provider=provider_names)
    def permit(self, n, provider):
        begun = self.runs[n % len(self.runs)]
        if isinstance(leave := self.tried(self.world.permit, begun, provider), permits.Permit):
            self.granted.append((begun.request_id, leave))
            assert self.world.one(
                "select count(*) from gate.budget b join gate.transfer t using (budget_id) "
                "where t.call_id = %s and b.reserved + b.spent + b.overrun <= b.cap",
                leave.call_id,
            ) in (4, 8)

    @precondition(lambda self: self.granted)
    @rule(n=some, share=st.sampled_from([0, 1, 2]))
    def send(self, n, share):
        request_id, leave = self.granted.pop(n % len(self.granted))
        sent = self.tried(permits.sending, self.world.contacts, leave)
        if not isinstance(sent, permits.Sent):
            return
        assert request_id not in self.revoked
        assert leave.provider not in self.killed
        assert {i.position for i in sent.items} <= self.approved[request_id]
        asked = {self.survivor(i.card_id) for i in sent.items}
        assert not asked & {self.survivor(c) for c in self.suppressed}
        assert not {i.card_id for i in sent.items} & self.gone
        self.paid.assert_not_again(leave, sent, self.survivor)
        sync = self.world.call(leave, "sync_micros")
        room = sync * UNIT // PRICES[leave.provider]["micros_per_unit"]
        self.calls.append(Call(leave, sent, "SENDING", room * share // 2, room))

    @precondition(lambda self: self.paid.known)
    @rule(n=some, how=st.sampled_from(["return", "change", "split", "merge"]), back=st.booleans())
    def ask_about_them_again(self, n, how, back):
        """Whose answer is known goes, returns, changes, splits or merges, and is asked for."""
        card, provider, *_ = sorted(self.paid.known)[n % len(self.paid.known)]
        before = self.world.known[card].inputs
        if how == "split":
            self.split(self.cards.index(card), back, True)
            card = self.cards[-1] if back else card
        elif how == "merge":
            self.merge(self.cards.index(card), n // 3, True)
            card = self.survivor(card)
        else:
            if how == "return":
                self.withdraw_or_bring_back(self.cards.index(card), True)
            else:
                self.change_inputs(self.cards.index(card), n % 3, True)
            if back and how == "change":
                self.world.change(card, **before)
            self.gone.discard(card)
            self.put_away()
        self.set_cap(10**8, provider)
        if made := self.tried(self.world.submit, card_ids=[card], waterfall=[provider]):
            self.made.append(made)
            self.approve(n, False, True, of=made)
            self.launch()
            self.call(n, provider, 1)
            self.settle(-1, 0, "no_match")

    @rule(n=some, provider=provider_names, share=st.sampled_from([1, 0, 2]))
    def call(self, n, provider, share):
        # The latest run first: the earlier ones lost their fence, or have nothing left.
        before = len(self.granted)
        for place in range(len(self.runs) - 1, max(-1, len(self.runs) - 6), -1):
            self.permit(place, provider)
            if len(self.granted) > before:
                self.send(before, share)
                return

    def a_call(self, n, *states):
        found = [c for c in self.calls if self.world.call(c.leave) in states]
        return found[n % len(found)] if found else None

    @rule(n=some, extra=st.sampled_from([0, 0, 333_333, 5 * UNIT]),
          outcome=st.sampled_from(["match", "no_match", "mismatch"]))  # fmt: skip
    def settle(self, n, extra, outcome):
        if call := self.a_call(n, "SENDING"):
            fields = ("email",) if outcome == "match" else ()
            units = call.units + extra
            if self.tried(self.world.settle, call.leave, call.sent, units, outcome, fields):
                call.units = units
                self.paid.learn(self.world, call.leave, call.sent)

    @rule(n=some, async_share=st.sampled_from([0, 1]))
    def answer_in_part(self, n, async_share):
        call = self.a_call(n, "SENDING")
        if call and "phone" in call.leave.groups:
            done = self.tried(
                self.world.settle, call.leave, call.sent, call.units, fields=(), awaiting=True
            )
            if done:
                call.room = 8 * UNIT * len(call.sent.items)
                call.units += call.room * async_share

    @rule(n=some, extra=st.sampled_from([0, UNIT]))
    def answer_the_rest(self, n, extra):
        if (call := self.a_call(n, "AWAITING")) is None:
            return
        booked = self.world.call(call.leave, "charged_units_micro")
        holder = self.world.one(
            "select r.fence from gate.request r join gate.call c using (request_id) "
            "where c.call_id = %s",
            call.leave.call_id,
        )
        leave = dataclasses.replace(call.leave, fence=holder)
        units = call.units - booked + extra
        if self.tried(self.world.settle, leave, call.sent, units, fields=("phone",)):
            call.units += extra
            self.paid.learn(self.world, call.leave, call.sent)

    @rule(n=some)
    def release(self, n):
        call = self.a_call(n, "SENDING")
        if call and call.units == 0:
            self.tried(
                permits.release, self.world.contacts, call.leave.call_id, call.leave.fence, "429"
            )

    @rule(n=some)
    def lose_sight(self, n):
        if call := self.a_call(n, "SENDING"):
            self.tried(
                permits.unknown, self.world.contacts, call.leave.call_id, call.leave.fence, "drop"
            )

    @rule(n=some)
    def resolve_by_two_persons(self, n):
        if call := self.a_call(n, "UNKNOWN"):
            booked = self.world.call(call.leave, "charged_units_micro")
            content = {"call_id": str(call.leave.call_id), "units_micro": call.units - booked}
            self.world.agree("resolve", content)

    @rule(n=some)
    def learn_a_late_charge(self, n):
        if call := self.a_call(n, "SETTLED", "RELEASED"):
            call.units += UNIT
            self.world.late(call.leave.call_id, UNIT)

    @rule()
    def read_the_counter(self):
        reading = sum(c.units for c in self.calls if c.leave.provider == "apollo")
        permits.reconcile(self.world.contacts, "apollo", reading)

    @precondition(lambda self: self.runs)
    @rule(n=some, now=rarely)
    def finish(self, n, now):
        if now:
            self.tried(permits.finish, self.world.contacts, self.runs[n % len(self.runs)])

    # time

    @rule(days=st.sampled_from([0, 0, 3, 40]))
    def leases_run_out(self, days):
        self.world.lease_over()
        if days >= 3:
            self.world.settings(unknown_after="1 microsecond")
        if days >= 40:
            self.world.settings(await_for="1 microsecond")
        if days >= 40:
            self.world.owner("update gate.answer set valid_until = now()")
            self.paid.known.clear()
        permits.sweep(self.world.contacts)
        permits.sweep(self.world.contacts)
        self.world.settings(unknown_after="72 hours", await_for="30 days")

    # what holds

    @invariant()
    def books_are_right(self):
        if hasattr(self, "cards"):
            self.world.assert_books_are_right()

    @invariant()
    def nothing_that_was_charged_is_missing(self):
        for provider in PRICES if hasattr(self, "cards") else ():
            outside = sum(c.micros for c in self.calls if c.leave.provider == provider)
            assert outside <= sum(self.world.money(provider))

    @invariant()
    def one_live_call_for_each_person(self):
        live = [
            (self.survivor(card), provider, group)
            for card, provider, group in self.world.owner(
                "select card_id, provider, field_group from gate.call_item where live"
            )
        ]
        assert len(live) == len(set(live))

    @invariant()
    def each_move_has_its_event(self):
        assert (
            self.world.owner(
                "select c.call_id from gate.call c left join lateral "
                "(select state from gate.call_step s "
                "where s.call_id = c.call_id order by step desc limit 1) s on true "
                "where coalesce(s.state, 'RESERVED') <> c.state "
                "union all select s.call_id from gate.call_step s where not exists "
                "(select from audit.event e where e.event_id = s.event_id)"
            )
            == []
        )


def test_no_order_of_moves_loses_money_or_sends_without_leave(opened):
    Ledger.template, Ledger.tokens = opened
    run_state_machine_as_test(
        Ledger,
        settings=settings(
            max_examples=10,
            stateful_step_count=120,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )

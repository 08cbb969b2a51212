"""The contact tier with a gate of its own and emulated providers: what its tests start from."""

import contextlib
import itertools
from collections import Counter

import psycopg

from sxe_pipeline.contacts import enrich
from sxe_pipeline.contacts.providers.apollo import Apollo
from sxe_pipeline.contacts.providers.enformion import Enformion
from sxe_pipeline.contacts.vault import Vault
from sxe_pipeline.errors import SxeError
from sxe_pipeline.gate import candidates, permits
from sxe_pipeline.sandbox import provider_answers
from sxe_pipeline.store import sql
from sxe_pipeline_tests.gate import world

CREDENTIALS = {
    "apollo": {"api_key": "test-key"},
    "enformion": {"name": "test", "password": "test"},
}
PER_UNIT = {"apollo": 50_000, "enformion": 150_000}
FREE_MODES = ("429", "422", "402", "401", "500pre")
"""Ways to behave in which the emulated provider charges nothing."""

POINTS = (
    "begun",
    "reconciled",
    "reserved",
    "sending",
    "answered",
    "settling",
    "booked",
    "polled",
    "finished",
)
"""Every point of the loop at which a process can die."""

MOST_ROUNDS = 25


def paid_twice(stats):
    """(provider, identity) that an emulator charged for in more than one call."""
    asked = Counter(
        (call["provider"], identity)
        for call in stats["calls"]
        if call["kind"] == "paid" and call["mode"] not in FREE_MODES
        for identity in set(call["asked"])
        if identity in stats["charges"][call["provider"]]
    )
    return [who for who, times in asked.items() if times > 1]


def as_minted(n):
    """A card under an id as the engine gives them, so that its values can be handed over."""
    name = f"ne{n}"
    inputs = {"first_name": world._name(name), "last_name": "Tester", "domain": f"{name}.example"}
    inputs |= {"city": "Austin", "region": "TX", "country": "US"}
    return candidates.Candidate(f"{n:032x}", world.MARKET, "founders", ("x",), inputs)


def telling_pairs(count):
    """Prefixes of two cards of `World.cards` of which each provider sells something.

    Apollo sells an address and a number of the first and does not know the second; Enformion does.
    """
    letters = "abcdefghijklmnopqrstuvwxyz"
    found = (a + b + c for a in letters for b in letters for c in letters)
    return list(itertools.islice(filter(_is_telling, found), count))


def _is_telling(prefix):
    first, second = (world._name(f"{prefix}{n}") for n in range(2))
    sold = known_to_apollo(first, f"{prefix}0.example")
    unknown = known_to_apollo(second, f"{prefix}1.example")
    asked = {"first": second, "last": "Tester", "at": "Austin, TX"}
    elsewhere = provider_answers.person("enformion", second, "Tester", asked)
    if not (sold.emails and sold.phones) or unknown.is_hit or not elsewhere.emails:
        return False
    body, _ = provider_answers.enformion_answer(elsewhere)
    return body["person"]["name"]["firstName"] == second


def known_to_apollo(first, domain):
    asked = {"first_name": first, "last_name": "Tester", "domain": domain}
    return provider_answers.person("apollo", first, "Tester", asked)


class Crashed(BaseException):
    """A process has ended: nothing of ours may catch this."""


class Dying:
    """Ends the process when it reaches a point for the n-th time, once."""

    def __init__(self, point, nth=1):
        self.point, self.left = point, nth

    def __call__(self, point):
        if point != self.point or self.left <= 0:
            return
        self.left -= 1
        if self.left == 0:
            raise Crashed(point)

    @property
    def is_dead(self):
        return self.left == 0


class Harness:
    """A world, an emulator, a vault; `work()` runs what one tick of the sensor would start."""

    def __init__(self, opened, emulator):
        self.world, self.emulator = opened, emulator
        self.keyset = Vault.generate_text()
        self.vault = Vault.of(self.keyset)
        self.providers = {
            adapter.name: enrich.Provider(adapter, emulator.url, CREDENTIALS[adapter.name])
            for adapter in (Apollo(f"{emulator.url}/sink"), Enformion())
        }
        self.pauses, self._worker = [], None

    def impatient(self):
        """Wait for an answer less than half a second."""
        self.providers = {
            name: enrich.Provider(p.adapter, p.url, p.credentials, read_timeout_s=0.4)
            for name, p in self.providers.items()
        }

    def enrich(self, launch, *, conn=None, reached=lambda point: None, run_id=None):
        """Run one launch, as the asset does."""
        return enrich.enrich(
            conn or self.world.contacts,
            self.vault,
            self.providers,
            request_id=launch.request_id,
            attempt=launch.attempt,
            run_id=run_id or f"run-{launch.attempt}",
            note=lambda begun: None,
            reached=reached,
            pause=self.pauses.append,
        )

    def work(self, **more):
        """Sweep, claim and run, once; the reports."""
        permits.sweep(self.world.contacts)
        return [
            self.enrich(launch, **more) for launch in permits.claim_launches(self.world.contacts)
        ]

    def try_work(self, reached=lambda point: None):
        """Work until somebody dies; what stopped it, if anything did.

        The next one gets the same line to the server, rolled back, as behind a pooler: each new
        one compiles the gate's functions anew.
        """
        conn = self._worker = self._worker or sql.connect(self.world.database.dsn("sxe_contacts"))
        permits.sweep(conn)
        for launch in permits.claim_launches(conn):
            try:
                self.enrich(launch, conn=conn, reached=reached)
            except (SxeError, Crashed, psycopg.Error) as error:
                self.hand_on()
                return error
        return None

    def hand_on(self):
        """Leave the line as a pooler hands it on: nothing of who worked is left in it."""
        try:
            self._worker.rollback()
            self._worker.execute("reset all; discard temp; select pg_advisory_unlock_all()")
            self._worker.commit()
        except psycopg.Error:
            self.close()

    def close(self):
        """End the worker's line, whatever it was in the middle of."""
        if self._worker:
            self._worker.close()
            self._worker = None

    def approved(self, limit=250, **changes):
        """A request that somebody else approved; nothing has run."""
        made = self.world.submit(limit, **changes)
        self.world.approve(made)
        return made

    def about(self, cards):
        """A request for everything about these cards, that somebody else approved."""
        return self.approved(card_ids=list(cards), fields=["email", "phone"])

    def time_passes(self):
        """Leases are over, and what was to be asked later may be asked now."""
        self.world.lease_over()
        self.world.owner("update gate.call set poll_after = now() where poll_after is not null")

    def open_calls(self):
        """(provider, state) of the calls whose end is not known."""
        return self.world.owner(
            "select provider, state from gate.call where state not in ('SETTLED', 'RELEASED')"
        )

    def recover(self, made, reached=lambda point: None):
        """Sweep, launch, read counters, close circuits and approve anew, until nothing is open."""
        gate = self.world
        for _ in range(MOST_ROUNDS):
            if not self.open_calls() and gate.request(made) == "DONE" and not self.goes_on(made):
                return
            self.time_passes()
            self.assert_nothing_is_unaccounted()
            unknown = {provider for provider, state in self.open_calls() if state == "UNKNOWN"}
            # Who has no counter is charged in full when three days are over.
            patience = "1 microsecond" if unknown == {"enformion"} else "72 hours"
            gate.settings(unknown_after=patience)
            permits.sweep(gate.contacts)
            self.close_circuits()
            if gate.request(made) in ("HALTED", "DONE_UNKNOWN"):
                gate.approve(made)
            self.try_work(reached)
        raise AssertionError(
            f"open for ever: {gate.request(made)} {gate.request(made, 'stops')} "
            f"{self.open_calls()} "
            f"{gate.owner('select provider, circuit_state, cause from gate.provider')}"
        )

    def goes_on(self, made):
        """Whether an answer that came late leaves something to ask another provider for."""
        looked = "select gate.may_go_on(r) from gate.request r where request_id = %s"
        return self.world.one(looked, made.request_id)

    def close_circuits(self):
        """Two people looked at why a circuit is open."""
        stopped = "select provider from gate.provider where circuit_state = 'open'"
        for (provider,) in self.world.owner(stopped):
            self.world.agree("circuit", {"provider": provider})

    def charged(self, provider):
        """Millionths of a unit that the provider took."""
        return self.emulator.stats()["totals"][provider]

    def charged_micros(self, provider):
        """The same as money, each charge rounded up, from the provider's own log."""
        per_unit = PER_UNIT[provider]
        return sum(
            -(-units * per_unit // 1_000_000)
            for entry in self.emulator.stats()["calls"]
            if entry["provider"] == provider
            for units in (entry["units_micro"] - entry["later_micro"], entry["later_micro"])
        )

    def paid_calls(self, provider=None):
        """Log entries of requests that may cost money."""
        return [
            call
            for call in self.emulator.stats()["calls"]
            if call["kind"] == "paid" and provider in (None, call["provider"])
        ]

    def was_dishonest(self, provider):
        """Whether it ever took more than its price."""
        calls = self.emulator.stats()["calls"]
        return any(c["provider"] == provider and c["mode"] == "overcharge" for c in calls)

    def assert_nothing_is_unaccounted(self):
        """Every account is right, and the provider took no more than the gate knows of."""
        self.world.assert_books_are_right()
        for provider in PER_UNIT:
            # What is taken beyond the price is booked as soon as somebody can have learned of it.
            if not (self.open_calls() and self.was_dishonest(provider)):
                assert self.charged_micros(provider) <= sum(self.world.money(provider)), provider
        assert paid_twice(self.emulator.stats()) == []

    def assert_all_is_over(self):
        """Nothing reserved, nothing live, and what can be counted was counted exactly."""
        self.assert_nothing_is_unaccounted()
        gate = self.world
        assert gate.one("select count(*) from gate.call_item where live") == 0
        assert gate.owner("select provider from gate.provider where busy_call is not null") == []
        for provider in PER_UNIT:
            assert gate.money(provider)[0] == 0, provider
        _, spent, overrun = gate.money("apollo")
        assert spent + overrun == self.charged_micros("apollo"), "its counter tells everything"
        loose = gate.owner(
            "select c.call_id from gate.call c where (select count(*) from audit.event e "
            "join gate.call_step s using (event_id) where s.call_id = c.call_id) "
            "<> (select count(*) from gate.call_step s where s.call_id = c.call_id)"
        )
        assert loose == [], "every step has its event"
        strange = gate.owner(
            "select p.call_id from contacts.contact_point p join gate.call c using (call_id) "
            "where c.state not in ('SETTLED', 'AWAITING')"
        )
        assert strange == [], "a value comes from a call that was booked"


@contextlib.contextmanager
def harness_on(database, tokens, emulator, known=()):
    """A harness on a database that is set up already."""
    opened = world.World(database)
    opened.tokens, opened.known = dict(tokens), dict(known)
    harness = Harness(opened, emulator)
    try:
        yield harness
    finally:
        harness.close()
        opened.close()

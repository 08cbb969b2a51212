"""A gate with people, prices, caps and cards: what the tests of gate and contacts start from."""

import contextlib
import dataclasses
import secrets
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
from psycopg import sql as compose

from sxe_pipeline.gate import candidates, people, permits, reads, requests
from sxe_pipeline.local import postgres
from sxe_pipeline.store import migrate, sql
from sxe_pipeline_tests.databases import Database

MARKET = "x_general"

APOLLO = {
    "provider": "apollo",
    "version": "t1",
    "currency": "USD",
    "micros_per_unit": 50_000,
    "batch_max": 10,
    "has_counter": True,
    "needs": [["first_name", "last_name", "domain"], ["linkedin_url"]],
    "sells": {
        "email": {
            "worst_units_micro": 1_000_000,
            "part": "sync",
            "gives": ["email"],
            "hit_share": 0.6,
        },
        "phone": {
            "worst_units_micro": 8_000_000,
            "part": "async",
            "gives": ["phone"],
            "hit_share": 0.4,
        },
    },
}
ENFORMION = {
    "provider": "enformion",
    "version": "t1",
    "currency": "USD",
    "micros_per_unit": 150_000,
    "batch_max": 1,
    "has_counter": False,
    "needs": [["first_name", "last_name", "city"], ["first_name", "last_name", "region"]],
    "sells": {
        "person": {
            "worst_units_micro": 1_000_000,
            "part": "sync",
            "gives": ["email", "phone"],
            "hit_share": 0.5,
        }
    },
}
PRICES = (APOLLO, ENFORMION)
POLICY = {
    "version": "t1",
    "loopback_only": True,
    "platforms": {
        "x": {"enrichment": {"match_bases": ["public_data"], "purposes": ["market_research"]}},
        "tiktok": {"enrichment": {"match_bases": [], "purposes": []}},
    },
}
SPEC = {
    "market": MARKET,
    "fields": ["email"],
    "purpose": "market_research",
    "legal_basis": "legitimate_interest",
    "match_basis": "public_data",
    "permissible_purpose": "none",
}


class World:
    """People with tokens, and every login of the database."""

    def __init__(self, database):
        self.database = database
        self.tokens = {}
        self._stack = contextlib.ExitStack()
        self._open = {}

    def close(self):
        self._stack.close()

    def login(self, role):
        """A connection of a role, kept for the test."""
        if role not in self._open:
            self._open[role] = self._stack.enter_context(self.fresh(role))
        return self._open[role]

    def fresh(self, role):
        """A new connection of a role."""
        return contextlib.closing(sql.connect(self.database.dsn(role)))

    @property
    def api(self):
        return self.login("sxe_api")

    @property
    def contacts(self):
        return self.login("sxe_contacts")

    @property
    def social(self):
        return self.login("sxe_social")

    def owner(self, statement, *values):
        """Run a statement as the superuser: for looking, and for what only an attacker would do."""
        if "postgres" not in self._open:
            conn = psycopg.connect(self.database.dsn("postgres"), autocommit=True)
            self._open["postgres"] = self._stack.enter_context(contextlib.closing(conn))
        done = self._open["postgres"].execute(statement, values)
        return done.fetchall() if done.description else []

    def one(self, statement, *values):
        return self.owner(statement, *values)[0][0]

    # people

    def bootstrap(self):
        cho, dan = people.make_token(), people.make_token()
        with self.fresh("sxe_admin") as conn:
            people.bootstrap(conn, ("cho", cho.sha256), ("dan", dan.sha256), _next_year())
        self.tokens |= {"cho": cho.text, "dan": dan.text}

    def person(self, name, *scopes):
        token = people.make_token()
        content = {
            "principal": name,
            "scopes": list(scopes),
            "token_sha256": token.sha256,
            "expires_at": _next_year().isoformat(),
        }
        self.agree("principal", content)
        people.accept(self.api, token.text, None)
        self.tokens[name] = token.text

    def agree(self, kind, content, first="cho", second="dan"):
        """Two people change something."""
        made = people.propose(self.api, self.tokens[first], kind, content, "test")
        people.decide(self.api, self.tokens[second], made, is_confirmed=True)

    def open(self, *, cap=10_000_000, market=MARKET):
        """Everything that a request needs: people, policy, prices, caps."""
        self.bootstrap()
        self.person("ana", "request")
        self.person("ben", "approve")
        self.settings(may_request_and_approve=True)
        self.person("eve", "approve", "request")
        self.settings(may_request_and_approve=False)
        self.agree("policy", POLICY)
        for price in PRICES:
            self.agree("price", price)
        self.cap(cap, market=market)
        for price in PRICES:
            self.cap(cap, provider=price["provider"])
            self.cap(cap, market=market, provider=price["provider"])

    def cap(self, micros, **scope):
        self.agree("cap", scope | {"cap_micros": micros})

    def settings(self, **values):
        for name, value in values.items():
            self.owner(f"update gate.setting set {name} = %s", value)

    # cards and requests

    def cards(self, count, market=MARKET, prefix="card", platforms=("x",), **inputs):
        """Make cards that every provider can match, and put them before the gate."""
        made = [
            candidates.Candidate(
                f"{prefix}-{n:04d}",
                market,
                "founders",
                platforms,
                {
                    "first_name": _name(f"{prefix}{n}"),
                    "last_name": "Tester",
                    "city": "Austin",
                    "region": "TX",
                    "country": "US",
                    "domain": f"{prefix}{n}.example",
                }
                | inputs,
            )
            for n in range(count)
        ]
        self.put(made)
        return [c.card_id for c in made]

    def put(self, made):
        self.known = {c.card_id: c for c in [*getattr(self, "known", {}).values(), *made]}
        self.owner(
            "insert into social.card (card_id, anchor_platform, anchor_account_key, generation, "
            "minted_at) select id, 'x', 'id:' || id, 1, now() from unnest(%s::text[]) id "
            "on conflict do nothing",
            [card.card_id for card in made],
        )
        self.replace(self.known.values())

    def replace(self, made):
        with self.social.transaction():
            candidates.replace(self.social, sorted(made, key=lambda one: one.card_id))

    def merge(self, lost, survivor):
        self.owner("insert into social.alias values (%s, %s, 'merge', now())", lost, survivor)

    def split(self, whole, part, **inputs):
        """A card mints another one, with match inputs of its own, else with those of the whole."""
        self.owner(
            "insert into social.card (card_id, anchor_platform, anchor_account_key, generation, "
            "parent_card_id, minted_at) values (%s, 'x', 'id:' || %s, 1, %s, now())",
            *(part, part, whole),
        )
        one = self.known[whole]
        self.put([dataclasses.replace(one, card_id=part, inputs=one.inputs | inputs)])

    def change(self, card, **inputs):
        """The profile of a card states something else now."""
        one = self.known[card]
        self.put([dataclasses.replace(one, inputs=one.inputs | inputs)])

    def away(self, *cards):
        """Cards are no longer ready; `back` brings them."""
        self.replace([one for name, one in self.known.items() if name not in cards])

    def back(self):
        self.replace(self.known.values())

    def spec(self, **changes):
        return requests.Spec(**(SPEC | {"limit": None} | changes))

    def submit(self, limit=250, who="ana", **changes):
        spec = self.spec(**({} if "card_ids" in changes else {"limit": limit}), **changes)
        return requests.submit(self.api, self.tokens[who], spec)

    def approve(self, made, who="ben", **more):
        return requests.approve(
            self.api,
            self.tokens[who],
            made.request_id,
            made.version,
            made.content_sha256,
            "looked at it",
            **more,
        )

    def launch(self, run_id="run", conn=None):
        """The launches of one tick, begun."""
        conn = conn or self.contacts
        return [
            permits.begin(conn, launch.request_id, launch.attempt, f"{run_id}-{launch.attempt}")
            for launch in permits.claim_launches(conn)
        ]

    def approved(self, limit=250, **changes):
        """Asked, approved, launched and begun."""
        made = self.submit(limit, **changes)
        self.approve(made)
        begun = [b for b in self.launch() if b.request_id == made.request_id]
        return made, begun[0]

    def permit(self, begun, provider="apollo", conn=None):
        return permits.permit(conn or self.contacts, begun, provider)

    def send(self, begun, provider="apollo"):
        leave = self.permit(begun, provider)
        assert isinstance(leave, permits.Permit), leave
        sent = permits.sending(self.contacts, leave)
        assert isinstance(sent, permits.Sent), sent
        return leave, sent

    def settle(self, leave, sent, units_micro=None, outcome="match", fields=("email",), **more):
        found = [
            {"position": i.position, "outcome": outcome, "fields": list(fields)} for i in sent.items
        ]
        if units_micro is None:
            units_micro = 1_000_000 * len(sent.items)
        with self.contacts.transaction():
            return permits.settle(
                self.contacts,
                leave.call_id,
                leave.fence,
                {"units_micro": units_micro, "found": found, "http_status": 200} | more,
            )

    def late(self, call_id, units_micro):
        """Two people book what an invoice says beyond what was booked."""
        self.agree("adjust", {"call_id": str(call_id), "late_units_micro": units_micro})

    def lease_over(self):
        """Time passes: every lease has run out."""
        self.owner("update gate.call set lease_until = now() - interval '1 hour'")
        self.owner(
            "update gate.request set lease_until = now() - interval '1 hour' "
            "where lease_until is not null"
        )
        self.owner(
            "update gate.request set launch_until = now() - interval '1 hour' "
            "where launch_until is not null"
        )

    # looking

    def call(self, leave, column="state"):
        """One column of a call."""
        return self.one(f"select {column} from gate.call where call_id = %s", leave.call_id)

    def request(self, made, column="state"):
        """One column of a request."""
        return self.one(f"select {column} from gate.request where request_id = %s", made.request_id)

    def outcomes(self, leave):
        """What became of the items of a call."""
        return {
            outcome
            for (outcome,) in self.owner(
                "select outcome from gate.call_item where call_id = %s", leave.call_id
            )
        }

    def skipped(self, made):
        """Reason -> number of items that are closed."""
        return reads.find(self.api, made.request_id).skipped

    def begun_again(self, made):
        """The next attempt of a request that is due."""
        return next(b for b in self.launch() if b.request_id == made.request_id)

    def sent_calls(self):
        """How many calls ever left."""
        return self.one("select count(*) from gate.call where sent_at is not null")

    def approvals_over(self, who):
        """Time passes: the approvals of that person have run out."""
        self.owner("alter table gate.approval disable trigger refuse_change")
        self.owner(
            "update gate.approval set expires_at = now() - interval '1 second' "
            "where principal = %s and decision = 'approve'",
            who,
        )
        self.owner("alter table gate.approval enable trigger refuse_change")

    # what must always hold

    def money(self, provider="apollo"):
        """(reserved, spent, overrun) of a provider's month."""
        rows = self.owner(
            "select reserved, spent, overrun from gate.budget "
            "where provider = %s and market is null",
            provider,
        )
        return rows[0]

    def assert_books_are_right(self):
        """Caps hold, and every budget equals its transfers."""
        bad = self.owner(
            "select b.budget_id from gate.budget b "
            "cross join lateral gate.balance_of(b.budget_id) t "
            "where b.reserved <> t.reserved or b.spent <> t.spent or b.overrun <> t.overrun "
            "or b.reserved + b.spent > b.cap"
        )
        assert bad == []
        loose = self.owner(
            "select c.call_id from gate.call c "
            "where c.state in ('SETTLED', 'RELEASED') and exists ("
            "select from gate.transfer t where t.call_id = c.call_id and t.kind = 'reserve' "
            "and not exists (select from gate.transfer x where x.pending_id = t.transfer_id))"
        )
        assert loose == []


def new_database(state, name):
    """A database made and migrated on a server that has no template."""
    made = Database(state, name)
    with psycopg.connect(postgres.dsn(state, "postgres", "postgres"), autocommit=True) as conn:
        conn.execute(
            compose.SQL("create database {} owner sxe_admin").format(compose.Identifier(name))
        )
    migrate.upgrade(made.dsn("sxe_admin"), state["passwords"])
    return made


def _next_year():
    return datetime.now(UTC) + timedelta(days=90)


def _name(text):
    return "".join(chr(ord("a") + int(c)) if c.isdigit() else c for c in text).capitalize()


def a_point(card_id, **other):
    """An encrypted value as the contact tier hands it in."""
    return {
        "contact_point_id": str(uuid4()),
        "card_id": card_id,
        "kind": "email",
        "ciphertext": "\\x78",
        "blind_index": f"\\x{secrets.token_hex(32)}",
        "status": "unknown",
        "price_micros": 1,
        "purpose": "p",
        "legal_basis": "l",
    } | other

"""What a queue hears of batches: all, in order; and what becomes of what it cannot hear."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import kombu
import pytest
from hypothesis import given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st

from sxe_pipeline.errors import BadConfig, Busy, Refused, StoreUnavailable
from sxe_pipeline.handoff.queue import brokers, relay
from sxe_pipeline.handoff.queue.outbox import outlook, replay
from sxe_pipeline.settings import load
from sxe_pipeline.store import sql
from sxe_pipeline_tests import databases
from sxe_pipeline_tests.handoff import queues
from sxe_pipeline_tests.ports import free_port

NOTICES = int(os.environ.get("SXE_TEST_NOTICES") or 400)
KILLS = int(os.environ.get("SXE_TEST_KILLS") or 4)
WAIT_S = 1.0


@pytest.fixture(params=["rabbitmq", "redis"])
def url(request):
    return queues.broker(request.param)


@pytest.fixture
def read(url):
    with queues.reading(url) as read:
        yield read


@pytest.fixture
def settings(database, tmp_path):
    """`settings(url)`: of the social tier, with a broker there."""

    def of(url, **logins):
        given = {"SXE_SOCIAL_DATABASE_URL": database.dsn("sxe_social"), "SXE_BROKER_URL": url}
        return load({"SXE_HOME": str(tmp_path)} | given | logins)

    return of


def test_q2_a_relay_killed_in_mid_batch_loses_nothing_and_sends_the_same_ids_again(
    url, read, outbox, social_dsn
):
    consumer = outbox.subscribe()
    outbox.fill(NOTICES, consumer)
    lives = [str(relay.AT_ONCE // 2 + 7 * n) for n in range(KILLS)]

    done = subprocess.run(
        [sys.executable, "-m", "sxe_pipeline_tests.handoff.relaying", social_dsn, url, *lives],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    events = read(consumer)

    assert done.stdout.split("\n")[:-1] == ["killed"] * KILLS + ["ended 0"]
    ids = [event["id"] for event in events]
    assert sorted(set(ids)) == sorted(map(str, outbox.rows("event_id"))), "none is lost"
    assert KILLS <= len(ids) - NOTICES <= KILLS * relay.AT_ONCE, "a batch is sent again, no more"
    first_seen = list(dict.fromkeys(event["sequence"] for event in events))
    assert first_seen == sorted(first_seen)
    by_id = {event["id"]: event for event in events}
    assert all(by_id[event["id"]] == event for event in events), "the same id is the same event"
    assert all(outbox.rows())


def test_q3_each_contract_and_consumer_hears_in_the_order_of_publishing(
    url, read, outbox, settings, contacts_dsn
):
    acme, zeta = outbox.subscribe(), outbox.subscribe()
    outbox.subscribe(acme, "lead_contact")
    outbox.fill(60, acme, zeta)
    outbox.fill(5, acme, contract="lead_contact")

    said = relay.run_pass(settings(url), "social_dsn")
    cards = {consumer: [e["sequence"] for e in read(consumer)] for consumer in (acme, zeta)}
    early = read(acme, "lead_contact")
    of_contacts = settings(url, SXE_CONTACTS_DATABASE_URL=contacts_dsn)
    relay.run_pass(of_contacts, "contacts_dsn")

    assert said.startswith("120 notices sent")
    assert cards == {name: [f"{n:012d}" for n in range(1, 61)] for name in (acme, zeta)}
    assert early == [], "a tier relays its own contracts alone"
    assert [e["sequence"] for e in read(acme, "lead_contact")] == [f"{n:012d}" for n in range(1, 6)]


def test_q3_a_refused_notice_keeps_back_its_own_pair_and_nobody_else(outbox, conn):
    outbox.subscribe("acme")
    outbox.subscribe("zeta")
    outbox.fill(4, "acme", "zeta")
    broker = queues.Picky(("acme", 2))

    first = relay.relay(conn, broker)
    outbox.fill(1, "acme", "zeta")
    second = relay.relay(conn, broker)

    assert (first.sent, first.put_off, second.sent) == (5, 1, 1)
    assert broker.taken[:5] == [("acme", 1), ("zeta", 1), ("zeta", 2), ("zeta", 3), ("zeta", 4)]
    assert broker.taken[5:] == [("zeta", 5)], "what was put off keeps back what came later"
    broker.refused.clear()
    outbox.due()
    relay.relay(conn, broker)
    assert broker.taken[6:] == [("acme", n) for n in (2, 3, 4, 5)]


def test_q4_what_no_queue_takes_is_not_marked_as_sent(url, read, outbox, conn):
    consumer = outbox.subscribe()
    outbox.fill(3, consumer)

    class Sweeping:
        """Somebody deletes the queue after the first event."""

        def __init__(self, broker):
            self.broker, self.declare = broker, broker.declare

        def send(self, *event):
            self.broker.send(*event)
            read(consumer)
            self.broker._channel.queue_delete(queue=brokers.queue_of(consumer, "lead_card"))

    with brokers.opened(url, WAIT_S) as broker:
        done = relay.relay(conn, Sweeping(broker))

        assert (done.sent, done.put_off) == (1, 1)
        assert outbox.rows("last_error") == [None, "unroutable", None]
        outbox.due()
        done = relay.relay(conn, broker)
    assert done.sent == 2, "the queue is declared anew"
    assert [int(event["sequence"]) for event in read(consumer)] == [2, 3]


def test_q4_what_is_not_confirmed_is_not_marked_as_sent(url, read, outbox, conn):
    consumer = outbox.subscribe()
    outbox.fill(2, consumer)
    with contextlib.closing(queues.Line(url)) as line, brokers.opened(line.url, WAIT_S) as broker:
        broker.declare(consumer, "lead_card")
        line.swallows = True
        done = relay.relay(conn, broker)

    assert (done.sent, done.put_off) == (0, 0)
    assert "went away" in done.away
    assert outbox.rows("attempts") == [0, 0], "a silent broker is nobody's last attempt"
    with brokers.opened(url) as broker:
        assert relay.relay(conn, broker).sent == 2
    ids = [event["id"] for event in read(consumer)]
    assert set(ids) == set(map(str, outbox.rows("event_id")))


def test_q4_a_queue_of_its_owner_stays_as_it_is_and_what_it_refuses_is_not_marked(outbox, conn):
    url = queues.broker("rabbitmq")
    consumer = outbox.subscribe()
    outbox.fill(3, consumer)
    name = brokers.queue_of(consumer, "lead_card")
    limits = {"x-max-length": 1, "x-overflow": "reject-publish"}
    with kombu.Connection(url) as owner:
        kombu.Queue(name, durable=True, queue_arguments=limits)(owner.channel()).queue_declare()

        with brokers.opened(url) as broker:
            done = relay.relay(conn, broker)
            held = owner.channel().queue_declare(name, passive=True).message_count

            assert (done.sent, done.put_off, held) == (1, 1, 1)
            assert outbox.rows("last_error") == [None, "refused", None]
            owner.channel().queue_purge(name)
            outbox.due()
            assert relay.relay(conn, broker).sent == 1, "and so on, one by one"


def test_q4_a_queue_that_cannot_be_declared_keeps_its_notices_back(outbox, conn):
    url = queues.broker("rabbitmq")
    consumer, other = outbox.subscribe(), outbox.subscribe()
    outbox.fill(1, consumer, other)
    with kombu.Connection(url) as owner:
        held = kombu.Queue(brokers.queue_of(consumer, "lead_card"), exclusive=True, durable=False)
        held(owner.channel()).queue_declare()

        with brokers.opened(url) as broker:
            done = relay.relay(conn, broker)

        assert (done.sent, done.put_off) == (1, 1)
        assert sorted(map(str, outbox.rows("last_error"))) == ["None", "not_declared"]


def test_a_broker_that_dies_before_the_confirm_gets_the_same_ids_again(url, read, outbox, conn):
    consumer = outbox.subscribe()
    outbox.fill(4, consumer)
    with contextlib.closing(queues.Line(url)) as line, brokers.opened(line.url, WAIT_S) as broker:

        class Dying:
            sent = 0
            declare = broker.declare

            def send(self, *event):
                line.cuts_at_answer = self.sent == 2
                broker.send(*event)
                self.sent += 1

        done = relay.relay(conn, Dying())

    assert done.sent == 2
    assert outbox.rows() == [True, True, False, False]
    with brokers.opened(url) as broker:
        assert relay.relay(conn, broker).sent == 2
    sequences = [int(event["sequence"]) for event in read(consumer)]
    assert sequences in ([1, 2, 3, 4], [1, 2, 3, 3, 4]), "whether the third arrived, nobody knows"


def test_a_wrong_address_is_said_while_nothing_waits(settings):
    with pytest.raises(BadConfig):
        relay.run_pass(settings("kafka://h/"), "social_dsn")


MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), st.integers(1, 3)),
        st.tuples(st.just("refuse"), st.sets(st.integers(1, 8), max_size=3)),
        st.tuples(st.just("relay"), st.integers(1, 5)),
        st.tuples(st.just("die"), st.integers(1, 5)),
        st.tuples(st.just("wait"), st.none()),
    ),
    max_size=12,
)


@pytest.fixture(scope="module")
def afresh(server):
    """`afresh()`: an empty outbox and the login of its relay, on one database."""
    database = databases.copy_of(server, databases.TEMPLATE)
    outbox = queues.Outbox(database)
    outbox.subscribe("acme")
    outbox.subscribe("zeta")
    with sql.connect(database.dsn("sxe_social")) as conn:

        def empty():
            conn.rollback()
            outbox.owner(
                "truncate handoff.outbox, handoff.delivery, handoff.batch restart identity cascade"
            )
            return outbox, conn

        yield empty
    databases.drop(database)


@given(moves=MOVES)
@settings_of_hypothesis(deadline=None, max_examples=40)
def test_q3_whatever_is_refused_dies_or_waits_first_sightings_are_in_order_and_whole(moves, afresh):
    outbox, conn = afresh()
    broker = queues.Picky()
    for move, much in moves:
        if move == "publish":
            outbox.fill(much, "acme", "zeta")
        elif move == "refuse":
            broker.refused = {("acme", sequence) for sequence in much}
        elif move == "relay":
            relay.relay(conn, broker, limit=much)
        elif move == "wait":
            outbox.due()
        else:
            # As a kill before the commit does: what was sent is not marked.
            with contextlib.suppress(KeyboardInterrupt):
                relay.relay(conn, queues.Ending(broker, much), limit=much + 1)
    broker.refused.clear()
    outbox.due()
    while relay.relay(conn, broker).sent:
        pass

    for consumer in ("acme", "zeta"):
        first = list(dict.fromkeys(n for who, n in broker.taken if who == consumer))
        assert first == list(range(1, len(first) + 1))
    assert all(outbox.rows())


NUMBERED = st.tuples(st.sampled_from(["acme", "zeta"]), st.integers(1, 8))


@given(
    written_late=st.lists(NUMBERED, max_size=12),
    waiting=st.sets(NUMBERED, max_size=2),
    limit=st.integers(1, 17),
)
@settings_of_hypothesis(deadline=None, max_examples=60)
def test_q3_a_limit_takes_each_pair_from_its_first_notice_on_in_whatever_order_they_were_written(
    written_late, waiting, limit, afresh
):
    outbox, conn = afresh()
    outbox.fill(8, "acme", "zeta")
    for notice in written_late:
        outbox.write_again(*notice)
    for notice in waiting:
        outbox.put_off(*notice)
    due = {
        consumer: min([n for who, n in waiting if who == consumer], default=9) - 1
        for consumer in ("acme", "zeta")
    }
    broker = queues.Picky()

    sent = relay.relay(conn, broker, limit=limit).sent

    assert sent == min(limit, sum(due.values()))
    took = {consumer: [n for who, n in broker.taken if who == consumer] for consumer in due}
    for consumer, numbers in took.items():
        assert numbers == list(range(1, len(numbers) + 1)), "nothing of a pair is skipped"
        if len(numbers) < due[consumer]:
            assert max(map(len, took.values())) - len(numbers) <= 1, "no pair starves another"


def test_an_absent_broker_loses_nothing_and_is_said(outbox, settings):
    outbox.subscribe("acme")
    outbox.fill(2, "acme")
    secret = f"amqp://someone:hush@127.0.0.1:{free_port()}//"

    with pytest.raises(StoreUnavailable) as said:
        relay.run_pass(settings(secret), "social_dsn")

    assert "cannot be reached" in str(said.value)
    assert "2 notices wait" in str(said.value)
    assert "hush" not in str(said.value)
    assert outbox.rows("attempts") == [0, 0]


def test_q5_a_dead_notice_is_an_event_lets_others_pass_and_is_replayed(outbox, conn, people):
    outbox.subscribe("acme")
    outbox.fill(3, "acme")
    broker = queues.Picky(("acme", 1))
    for _ in range(12):
        done = relay.relay(conn, broker)
        outbox.due()

    assert done.dead == 1
    assert outlook(conn).sentence().endswith("1 are dead")
    relay.relay(conn, broker)
    assert broker.taken == [("acme", 2), ("acme", 3)], "its successors go on without it"
    broker.refused.clear()
    with pytest.raises(Refused):
        replay(people.api, people.tokens["ana"], "acme", "lead_card", 1)
    again = replay(people.api, people.tokens["cho"], "acme", "lead_card", 1)
    relay.relay(conn, broker)

    assert again == 3
    assert broker.taken[2:] == [("acme", 1), ("acme", 2), ("acme", 3)]
    kinds = outbox.owner(
        "select kind, actor, subject from audit.event where starts_with(kind, 'notice.') order by 1"
    )
    assert kinds == [
        ("notice.dead", "relay", "acme"),
        ("notice.replayed", "principal:cho", "acme"),
    ]


def test_two_relays_of_a_tier_do_not_send_at_once(outbox, conn, social_dsn):
    outbox.subscribe("acme")
    outbox.fill(1, "acme")

    class Meanwhile(queues.Picky):
        def send(self, *event):
            with sql.connect(social_dsn) as other, pytest.raises(Busy):
                relay.relay(other, queues.Picky())
            super().send(*event)

    assert relay.relay(conn, Meanwhile()).sent == 1


def test_a_pass_ends_when_its_time_is_over(outbox, conn):
    outbox.subscribe("acme")
    outbox.fill(5, "acme")
    ticks = iter(range(10))

    done = relay.relay(conn, queues.Picky(), clock=lambda: next(ticks), until=2)

    assert done.sent == 3

"""Notices as their consumer meets them: taken from Postgres, done, dead, told again."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from sxe_pipeline.errors import NotFound, Refused
from sxe_pipeline.handoff import consumers
from sxe_pipeline.handoff.queue import outbox as told
from sxe_pipeline.handoff.queue import relay
from sxe_pipeline.store import functions, sql
from sxe_pipeline_tests.handoff import queues
from sxe_pipeline_tests.handoff.contacts import DAY, NEXT


@pytest.fixture
def serve(database):
    """The login of the API, a transaction a statement."""
    with sql.connect(database.dsn("sxe_serve")) as conn:
        conn.autocommit = True
        yield conn


def take(serve, key, limit=10):
    return told.take(serve, key, limit=limit)


def done(serve, key, notice):
    return told.done(serve, key, notice["id"])


def test_a_consumer_takes_its_notices_from_postgres_and_is_done_with_each(serve, outbox):
    outbox.subscribe("acme")
    outbox.subscribe("zeta")
    outbox.fill(3, "acme", "zeta")
    key, other = outbox.key("acme"), outbox.key("zeta")

    first, second = take(serve, key, 2)

    assert [int(e["sequence"]) for e in (first, second)] == [1, 2]
    assert take(serve, key) == [], "until they are done nobody has the next one of the contract"
    assert len(take(serve, other)) == 3
    assert done(serve, key, first)
    assert not done(serve, key, first), "once more changes nothing"
    assert done(serve, key, second)
    with pytest.raises(NotFound):
        done(serve, other, first)
    (third,) = take(serve, key)
    outbox.due()
    assert take(serve, key) == [third], "what was not done in time comes again, the same"


def test_workers_of_a_consumer_share_its_notices_each_once_and_in_order(outbox, database):
    outbox.subscribe("acme")
    outbox.fill(30, "acme")
    key = outbox.key("acme")
    worked_on = []

    def work(_):
        with sql.connect(database.dsn("sxe_serve")) as own:
            while outbox.owner("select 1 from handoff.outbox where sent_at is null limit 1"):
                for notice in take(own, key, 3):
                    worked_on.append(int(notice["sequence"]))
                    done(own, key, notice)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))

    assert worked_on == list(range(1, 31))


def test_q5_what_its_consumer_never_gets_done_is_dead_and_the_next_one_comes(serve, outbox):
    outbox.subscribe("acme")
    outbox.fill(2, "acme")
    key = outbox.key("acme")

    for _ in range(12):
        assert [int(e["sequence"]) for e in take(serve, key, 1)] == [1]
        outbox.due()
    take(serve, key, 1)

    assert [int(e["sequence"]) for e in take(serve, key, 1)] == [2]
    assert outbox.rows("last_error")[0] == "not_done"
    assert outbox.owner("select actor from audit.event where kind = 'notice.dead'") == [
        ("consumer:acme",)
    ]


def test_a_key_opens_its_own_contracts_and_markets_alone(serve, outbox):
    outbox.subscribe("acme")
    outbox.subscribe("acme", "lead_contact")
    outbox.fill(1, "acme")
    outbox.fill(1, "acme", contract="lead_contact")
    of_cards = outbox.key("acme")
    elsewhere = outbox.key("acme")
    outbox.owner(
        "update handoff.api_key set markets = '{elsewhere}' where key_sha256 = %s", elsewhere
    )

    assert take(serve, elsewhere) == []
    (event,) = take(serve, of_cards)
    assert event["partitionkey"] == "lead_card"
    with pytest.raises(NotFound):
        done(serve, elsewhere, event)
    with pytest.raises(Refused):
        take(serve, b"\0" * 32)


def test_what_is_taken_can_be_done_also_after_the_subscription_ended(serve, outbox, people):
    outbox.subscribe("acme", market="elsewhere")
    outbox.subscribe("acme")
    outbox.fill(3, "acme")
    key = outbox.key("acme")
    (held,) = take(serve, key, 1)
    consumers.unsubscribe(people.api, people.tokens["cho"], "acme", "lead_card")
    people.api.commit()

    assert done(serve, key, held)
    assert [done(serve, key, notice) for notice in take(serve, key)] == [True, True]
    assert told.outlook(people.api).waiting == 0


def test_who_ended_is_told_nothing_more(run, cards, outbox, conn):
    outbox.subscribe("acme")
    outbox.fill(2, "acme")
    outbox.owner("update handoff.consumer set ended_at = now(), ended_event_id = gen_random_uuid()")

    with conn.transaction():
        assert functions.function_rows(conn, "handoff.open_notices", 10) == []
    assert told.outlook(conn).waiting == 0


def replay(people, consumer, since, contract="lead_card"):
    return told.replay(people.api, people.tokens["cho"], consumer, contract, since)


def test_from_any_number_on_it_is_told_again_also_what_was_before_the_subscription(
    run, cards, outbox, people, conn
):
    days = [DAY + n * NEXT for n in range(4)]
    for n, day in enumerate(days[:2]):
        run(cards(n + 1), day=day)
    outbox.subscribe("acme")
    for n, day in enumerate(days[2:]):
        run(cards(n + 5), day=day)
    with conn.transaction():
        functions.call_function(conn, "handoff.mark_sent", [1, 2])

    sent = replay(people, "acme", 2)

    with conn.transaction():
        rows = functions.function_rows(conn, "handoff.open_notices", 10)
    assert sent == 3
    assert [int(body["sequence"]) for *_, body in rows] == [2, 3, 4]
    assert outbox.owner("select count(*) from handoff.delivery") == [(3,)]
    found = functions.function_rows(people.api, "audit.reconcile")
    assert not [row for row in found if "notice" in row[0] and (row[1] or row[2])]
    with pytest.raises(NotFound):
        replay(people, "acme", 1, contract="lead_contact")


def test_what_is_told_again_of_long_before_is_taken_a_few_at_a_time(serve, outbox, people):
    outbox.fill(5)
    outbox.subscribe("acme")
    outbox.fill(12, "acme")
    replay(people, "acme", 1)
    key, seen = outbox.key("acme"), []

    while notices := take(serve, key, 4):
        seen += [int(notice["sequence"]) for notice in notices]
        assert all(done(serve, key, notice) for notice in notices)

    assert seen == list(range(1, 18))


def test_nobody_is_told_again_of_a_batch_that_retention_took(outbox, people):
    outbox.subscribe("acme")
    outbox.fill(3, "acme")
    outbox.owner(
        "insert into handoff.expiry (batch_id, statement, event_id) select batch_id, 'gone', "
        "gen_random_uuid() from handoff.batch where published_seq = 1"
    )

    assert replay(people, "acme", 1) == 2


def test_who_a_person_gave_a_queue_is_told_of_the_next_batch(run, cards, conn, people):
    consumers.add(people.api, people.tokens["cho"], "acme")
    consumers.subscribe(people.api, people.tokens["cho"], "acme", "lead_card", has_queue=True)
    people.api.commit()
    run(cards(2))
    broker = queues.Picky()

    assert relay.relay(conn, broker).sent == 1
    assert broker.taken == [("acme", 1)]

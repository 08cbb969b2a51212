"""Consumers, what they are told of, and the keys by which they are known."""

import hashlib
import threading
import time
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg.types.json import Jsonb

from sxe_pipeline.errors import BadInput, NotFound, Refused
from sxe_pipeline.handoff import consumers
from sxe_pipeline.store import sql

TABLES = ("consumer", "subscription", "delivery", "ack", "api_key")
LOGINS = ("sxe_social", "sxe_contacts", "sxe_api", "sxe_serve", "sxe_sealer", "sxe_dagster")


def test_a_consumer_is_told_of_what_it_subscribed_to_and_of_nothing_else(readers):
    readers.add("acme", "lead_card", market="makers")
    readers.add("beta", "lead_card", key=False)
    of_makers, of_cooks = readers.publish(market="makers"), readers.publish(market="cooks")
    consumers.unsubscribe(readers.api, readers.tokens["cho"], "beta", "lead_card")
    later = readers.publish(market="makers")

    assert readers.delivered("acme") == [of_makers, later]
    assert readers.delivered("beta") == [of_makers, of_cooks]
    assert readers.events("delivery.made") == 4
    assert readers.findings() == {}


def test_a_new_subscription_is_delivered_the_newest_batch_of_each_market(readers):
    old, newest, other = (readers.publish(market=m) for m in ("makers", "makers", "cooks"))

    consumers.add(readers.api, readers.tokens["cho"], "acme")
    made = readers.subscribe("acme")

    assert made.delivered == 2
    assert set(readers.delivered("acme")) == {newest, other} != {old}
    readers.key("acme")
    assert readers.put("acme", newest).is_new, "there is something to answer for"


def test_a_new_subscription_is_delivered_in_the_order_of_publishing(readers):
    made = [readers.publish(market=market) for market in ("zz_quiet", "cooks", "makers", "bakers")]

    readers.add("acme", "lead_card", has_queue=True)

    assert readers.delivered("acme") == made
    told = readers.owner("select published_seq from handoff.outbox order by seq")
    assert told == [(1,), (2,), (3,), (4,)]


def test_contact_points_of_requests_of_before_are_delivered_to_nobody(readers):
    before = readers.publish(contract="lead_contact")

    readers.add("acme", "lead_contact")
    after = readers.publish(contract="lead_contact")

    assert readers.delivered("acme") == [after] != [before]


def test_a_batch_that_is_delivered_twice_is_delivered_once(readers):
    readers.add("acme", "lead_card")
    batch = readers.publish()
    readers.subscribe("acme", market="x_general")
    consumers.unsubscribe(readers.api, readers.tokens["cho"], "acme", "lead_card")
    readers.subscribe("acme")

    assert readers.delivered("acme") == [batch]
    assert readers.events("subscription.added") == 3
    assert readers.events("subscription.ended") == 1
    assert readers.findings() == {}


def test_who_subscribes_while_a_batch_is_published_misses_none(readers):
    """Either the one who publishes sees the subscription, or the other one sees the batch."""
    consumers.add(readers.api, readers.tokens["cho"], "acme")
    batch = readers.publish(finish=False)
    with readers.fresh("sxe_social") as publisher, publisher.transaction():
        publisher.execute("select handoff.finish(%s, 'job')", [batch])
        with readers.fresh("sxe_api") as other:
            other.execute("set lock_timeout = '200ms'")
            other.commit()
            with pytest.raises(psycopg.errors.LockNotAvailable):
                # It waits for the one who publishes: what that one does is seen afterwards.
                other.execute(
                    "select handoff.subscribe(%s, 'acme', 'lead_card', '*', false, '36h', '48h')",
                    [readers.tokens["cho"]],
                )
    readers.subscribe("acme")

    assert readers.delivered("acme") == [batch]


def test_who_subscribes_and_who_publishes_do_not_wait_for_each_other(readers):
    """The one holds the contract and delivers to the consumer that the other one holds."""
    readers.add("acme", "lead_card")
    batch = readers.publish(finish=False)
    waiting = (
        "select count(*) from pg_stat_activity where wait_event_type = 'Lock' "
        "and datname = current_database()"
    )
    with psycopg.connect(readers.database.dsn("postgres")) as publisher:
        publisher.execute("select handoff.next_seq('lead_card')")
        person = threading.Thread(target=readers.subscribe, args=["acme"], kwargs={"market": "x"})
        person.start()
        while not readers.one(waiting):
            time.sleep(0.01)
        publisher.execute("set lock_timeout = '10s'")
        made = publisher.execute(
            "select handoff.deliver_to('acme', b, 'job', '1 h', false) from handoff.batch b "
            "where batch_id = %s",
            [batch],
        ).fetchone()
    person.join(30)

    assert made == (True,)
    assert readers.delivered("acme") == [batch]
    assert len(consumers.consumers(readers.api)[0].subscriptions) == 2


def test_a_name_is_used_once_and_ends_with_its_keys(readers):
    readers.add("acme", "lead_card")
    batch = readers.publish()
    consumers.end(readers.api, readers.tokens["cho"], "acme")

    with pytest.raises(Refused, match="key is unknown"):
        readers.put("acme", batch)
    with pytest.raises(Refused, match="used once"):
        consumers.add(readers.api, readers.tokens["cho"], "acme")
    with pytest.raises(NotFound):
        readers.subscribe("acme", market="makers")
    later = readers.publish()
    assert later not in readers.delivered("acme")
    [shown] = consumers.consumers(readers.api)
    assert shown.ended_at is not None
    assert readers.findings() == {}


@pytest.mark.parametrize("who", ["ben", "ana", None])
def test_only_an_admin_changes_who_reads(readers, who):
    readers.add("acme", "lead_card")
    token = readers.tokens[who] if who else "sxe-token-guessed"
    until = datetime.now(UTC) + timedelta(days=1)

    for change in (
        lambda: consumers.add(readers.api, token, "beta"),
        lambda: consumers.end(readers.api, token, "acme"),
        lambda: consumers.subscribe(readers.api, token, "acme", "lead_contact"),
        lambda: consumers.unsubscribe(readers.api, token, "acme", "lead_card"),
        lambda: consumers.add_key(readers.api, token, "acme", consumers.make_key(), until),
        lambda: consumers.revoke_key(readers.api, token, readers.keys["acme"].sha256.hex()),
    ):
        with pytest.raises(Refused, match="no valid token"):
            change()
    assert len(consumers.consumers(readers.api)[0].subscriptions) == 1


@pytest.mark.parametrize(
    ("name", "terms"),
    [
        pytest.param("A b", {}, id="a name with a space"),
        pytest.param("acme", {"market": "a'b"}, id="a market that is none"),
        pytest.param("acme", {"contract": "Lead"}, id="a contract that is none"),
        pytest.param("acme", {"ack_within": timedelta(days=31)}, id="an answer in a month"),
        pytest.param("acme", {"ack_within": timedelta(0)}, id="an answer at once"),
        pytest.param("acme", {"expect_every": timedelta(days=300)}, id="a batch a year"),
    ],
)
def test_what_is_no_subscription_is_refused(readers, name, terms):
    with pytest.raises(BadInput):
        readers.add(name)
        readers.subscribe(name, **terms)


def test_a4_a_third_key_waits_until_one_of_two_is_revoked(readers):
    readers.add("acme", "lead_card")
    first = readers.keys["acme"]
    readers.key("acme")
    with pytest.raises(Refused, match="two keys"):
        readers.key("acme")

    consumers.revoke_key(readers.api, readers.tokens["dan"], first.sha256.hex()[:12])
    readers.key("acme")

    assert readers.events("consumer_key.added") == 3
    assert readers.events("consumer_key.revoked") == 1
    assert readers.findings() == {}


def test_a4_a_key_that_was_revoked_or_has_expired_opens_nothing(readers):
    readers.add("acme", "lead_card")
    batch = readers.publish()
    revoked = readers.keys["acme"]
    consumers.revoke_key(readers.api, readers.tokens["cho"], revoked.sha256.hex()[:8])
    with pytest.raises(Refused, match="unknown, has expired or was revoked"):
        readers.put("acme", batch)

    readers.key("acme")
    readers.owner(
        "update handoff.api_key set made_at = now() - interval '2 days', "
        "expires_at = now() - interval '1 second' where revoked_at is null"
    )
    with pytest.raises(Refused, match="unknown, has expired or was revoked"):
        readers.put("acme", batch)
    with pytest.raises(Refused):
        consumers.own_slo(readers.serve, readers.keys["acme"].sha256)
    assert readers.key("acme"), "one that has expired is none of two"


def test_a4_a_key_is_stored_as_its_hash_alone(readers):
    readers.add("acme", "lead_card")
    key = readers.keys["acme"]

    stored = readers.owner(
        "select to_jsonb(k)::text from handoff.api_key k union all "
        "select convert_from(payload, 'UTF8') from audit.event"
    )

    assert key.text.removeprefix(consumers.PREFIX) not in str(stored)
    assert key.sha256 == hashlib.sha256(key.text.encode()).digest()
    assert key.text not in repr(key)


def test_a4_a_key_is_good_for_what_its_consumer_reads_and_contact_data_is_named(readers):
    readers.add("acme", "lead_card", "lead_contact", key=False)

    assert readers.key("acme").contracts == ("lead_card",)
    assert readers.key("acme", contracts=["lead_contact"]).contracts == ("lead_contact",)
    readers.add("beta", "lead_contact", key=False)
    with pytest.raises(BadInput, match="never opened by default"):
        readers.key("beta")
    with pytest.raises(BadInput, match="not subscribed"):
        readers.key("beta", contracts=["lead_card"])
    with pytest.raises(BadInput, match="a year"):
        readers.key("beta", contracts=["lead_contact"], days=400)
    with pytest.raises(BadInput, match="still to come"):
        readers.key("beta", contracts=["lead_contact"], days=-1)


@pytest.mark.parametrize(
    ("contract", "market", "sees"),
    [
        ("lead_card", "makers", True),
        ("lead_card", "cooks", False),
        ("lead_contact", "makers", False),
    ],
)
def test_a3_a_key_sees_what_it_is_for_of_what_its_consumer_is_subscribed_to(
    readers, contract, market, sees
):
    readers.add("acme", "lead_contact", key=False, market="makers")
    readers.subscribe("acme", market="makers")
    readers.key("acme")

    may_see = (
        "select handoff.may_see(handoff.authenticate(%s), %s, %s)",
        readers.keys["acme"].sha256,
        *(contract, market),
    )
    assert readers.one(*may_see) is sees
    consumers.unsubscribe(readers.api, readers.tokens["cho"], "acme", "lead_card", "makers")
    assert readers.one(*may_see) is False


@pytest.mark.parametrize("login", LOGINS)
def test_no_login_reads_or_writes_the_tables_of_consumers(readers, login):
    readers.add("acme", "lead_card")
    with readers.fresh(login) as conn:
        for table in TABLES:
            for statement in (
                f"select * from handoff.{table}",
                f"insert into handoff.{table} default values",
                f"update handoff.{table} set consumer = 'acme' where false",
                f"delete from handoff.{table} where false",
                f"truncate handoff.{table} cascade",
            ):
                with pytest.raises(psycopg.Error) as refused:
                    conn.execute(statement)
                conn.rollback()
                assert refused.value.sqlstate == "42501", statement


def test_a_right_that_slips_in_shows_no_row(readers):
    readers.add("acme", "lead_card")
    readers.publish()
    readers.owner("grant select on all tables in schema handoff to sxe_serve")

    with readers.fresh("sxe_serve") as conn:
        counts = [
            conn.execute(f"select count(*) from handoff.{table}").fetchone() for table in TABLES
        ]

    assert counts == [(0,)] * len(TABLES)


@pytest.mark.parametrize("login", ["sxe_social", "sxe_contacts", "sxe_serve", "sxe_sealer"])
def test_functions_of_people_are_run_by_the_login_of_people_alone(readers, login):
    with readers.fresh(login) as conn:
        for statement in (
            "select handoff.add_consumer('', 'acme')",
            "select handoff.enter_ack('', 'acme', '', '{}')",
            "select handoff.slo_of(null)",
            "select handoff.show_consumers()",
            "select handoff.take_ack('acme', null, '{}', 'x')",
            "select handoff.deliver_to('acme', null, 'x', '1h', false)",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                conn.execute(statement)
            conn.rollback()


def test_functions_of_keys_are_run_by_the_login_of_the_api_alone(readers):
    for login in LOGINS:
        if login == "sxe_serve":
            continue
        with sql.connect(readers.database.dsn(login)) as conn:
            for statement in (
                "select handoff.put_ack('', '', '{}')",
                "select handoff.slo('')",
                "select handoff.authenticate('')",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    conn.execute(statement)
                conn.rollback()


def test_p9_a_batch_that_is_adopted_after_a_restore_is_delivered_and_due_again(readers):
    readers.add("acme", "lead_card")
    batch = "d" * 32
    fields = {"batch_id": batch, "contract": "lead_card", "contract_version": "1.0.0"}
    fields |= {"market": "makers", "day": "2026-01-01", "row_count": 3}
    fields |= {"kind": "full", "remove_count": 0}
    with readers.social.transaction():
        readers.social.execute("select ops.doubt_store('handoff', 9)")
        for adopted in (True, False):
            answer = readers.social.execute(
                "select handoff.adopt_batch(%s, 'sealed')", [Jsonb(fields)]
            ).fetchone()
            assert answer == (adopted,)

    said = {"manifest_sha256": hashlib.sha256(b"sealed").hexdigest()}
    answer = readers.put("acme", batch, **said)

    assert (answer.is_new, answer.is_proved, answer.is_wrong) == (True, False, False)
    assert readers.findings() == {}

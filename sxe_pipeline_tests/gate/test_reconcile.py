"""`sxe audit verify` compares facts with events, both ways."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg.types.json import Jsonb

from sxe_pipeline.audit.verify import Verification
from sxe_pipeline.audit.verify import _check_facts as check_facts
from sxe_pipeline.handoff import acks, consumers
from sxe_pipeline.store import sql
from sxe_pipeline_tests.audit.test_facts import FILE, register
from sxe_pipeline_tests.gate.world import a_point

SHA = "ab" * 32
SAID = {"manifest_sha256": SHA, "status": "accepted", "rows_read": 0, "keys_sha256": SHA}
BATCH = (
    "insert into handoff.batch (batch_id, contract, contract_version, market, day, state, "
    "row_count, manifest, manifest_sha256, published_at) values (repeat('1', 32), 'lead_card', "
    "'1', 'y', '2026-01-01', 'published', 0, '', repeat('ab', 32), now())"
)


def findings(database):
    seen = Verification()
    with sql.connect(database.dsn("sxe_api")) as reader:
        check_facts(reader, seen)
    return seen.findings


@pytest.fixture
def full(world):
    """The database of a gate with one of every fact, each written by its function."""
    world.cards(2)
    _, begun = world.approved()
    leave, sent = world.send(begun)
    with world.contacts.transaction():
        world.settle(leave, sent)
        world.contacts.execute(
            "select contacts.keep_points(%s, %s)",
            [leave.call_id, Jsonb([a_point(sent.items[0].card_id)])],
        )
    with world.social.transaction():
        register(world.social, FILE)
        world.social.execute(
            "select handoff.build(repeat('0', 32), 'lead_card', '1.0.0', 'x', '2026-01-01', null, "
            "null, null, 0, '', %s, now(), 'job')",
            [SHA],
        )
        world.social.execute("select handoff.finish(repeat('0', 32), 'job')")
    consume(world)
    return world.database


def consume(world):
    """A consumer with what it may have, and an answer to the batch that waits for it."""
    until = datetime.now(UTC) + timedelta(days=1)
    cho = world.tokens["cho"]
    for name in ("acme", "beta"):
        consumers.add(world.api, cho, name)
        for market in ("*", "x"):
            consumers.subscribe(world.api, cho, name, "lead_card", market=market)
        for _ in range(2):
            key = consumers.make_key()
            consumers.add_key(world.api, cho, name, key, until)
        consumers.unsubscribe(world.api, cho, name, "lead_card")
    consumers.revoke_key(world.api, cho, key.sha256.hex())
    acks.put(world.login("sxe_serve"), live_key(world), "0" * 32, SAID)
    consumers.end(world.api, cho, "beta")


def live_key(world):
    return world.one("select key_sha256 from handoff.api_key where consumer = 'acme' limit 1")


def test_facts_that_were_written_by_their_functions_agree_with_the_log(full):
    assert findings(full) == Counter()


FORGED = {
    "batch without its event": BATCH,
    "landing file without its event": "insert into ingest.landing_file (collection, file_sha256, "
    "path, byte_count, landed_day) values ('c', repeat('cd', 32), 'p', 1, '2026-01-01')",
    "table version without its event": "insert into ops.version (table_name, version, inputs) "
    "values ('social/profiles', 7, '')",
    "contact point without its event": "update contacts.contact_point set event_id = null",
    "approval without its event": "alter table gate.approval disable trigger all; "
    "update gate.approval set event_id = gen_random_uuid()",
    "consumer without its event": "update handoff.consumer set event_id = gen_random_uuid()",
    "ended consumer without its event": "update handoff.consumer set ended_at = now(), "
    "ended_event_id = gen_random_uuid() where ended_at is null",
    "subscription without its event": "update handoff.subscription set event_id = "
    "gen_random_uuid()",
    "ended subscription without its event": "update handoff.subscription set until = now(), "
    "until_event_id = gen_random_uuid() where until is null",
    "consumer key without its event": "update handoff.api_key set event_id = gen_random_uuid()",
    "revoked consumer key without its event": "update handoff.api_key set revoked_at = now(), "
    "revoked_event_id = gen_random_uuid() where revoked_at is null",
    "delivery without its event": "alter table handoff.delivery disable trigger all; "
    "update handoff.delivery set event_id = gen_random_uuid()",
    "ack without its event": "alter table handoff.ack disable trigger all; "
    "update handoff.ack set event_id = gen_random_uuid()",
    "budget without its event": "update gate.budget set cap = cap + 1 where market is null",
}
LOST = {
    "event without its batch": "alter table handoff.batch disable trigger all; "
    "delete from handoff.batch",
    "event without its consumer": "update handoff.consumer set event_id = gen_random_uuid()",
    "event without its ended consumer": "update handoff.consumer set ended_at = null, "
    "ended_event_id = null",
    "event without its subscription": "delete from handoff.subscription",
    "event without its ended subscription": "update handoff.subscription set until = null, "
    "until_event_id = null where until is not null and consumer = 'acme'",
    "event without its consumer key": "delete from handoff.api_key",
    "event without its revoked consumer key": "update handoff.api_key set revoked_at = null, "
    "revoked_event_id = null",
    "event without its delivery": "alter table handoff.delivery disable trigger all; "
    "alter table handoff.ack disable trigger all; delete from handoff.ack; "
    "delete from handoff.delivery",
    "event without its ack": "alter table handoff.ack disable trigger all; delete from handoff.ack",
    "event without its landing file": "delete from ingest.landing_file",
    "event without its call step": "alter table gate.call_step disable trigger all; "
    "delete from gate.call_step where state = 'SETTLED'",
    "event without its decision": "update gate.proposal set decided_event_id = gen_random_uuid() "
    "where proposal_id = (select proposal_id from gate.proposal where kind = 'policy')",
}


@pytest.mark.parametrize("finding", FORGED)
def test_a09_a_fact_without_its_event_is_found(full, finding):
    with psycopg.connect(full.dsn("postgres"), autocommit=True) as root:
        root.execute(FORGED[finding])

    assert findings(full)[finding] >= 1


@pytest.mark.parametrize("finding", LOST)
def test_a09_an_event_without_its_fact_is_found(full, finding):
    with psycopg.connect(full.dsn("postgres"), autocommit=True) as root:
        root.execute(LOST[finding])

    assert findings(full)[finding] >= 1


def test_a_row_of_before_the_facts_knew_their_events_is_no_finding(database):
    with psycopg.connect(database.dsn("postgres"), autocommit=True) as root:
        root.execute(
            BATCH.replace("published_at)", "published_at, created_at)").replace(
                "now())", "now(), '2026-01-01')"
            )
        )

    assert findings(database) == Counter()

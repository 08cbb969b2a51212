"""What is told of a batch: with it or not at all, by its tier, and nothing of its rows."""

import contextlib
import hashlib
import json
import re
from pathlib import Path

import jsonschema_rs
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sxe_pipeline import contracts_root, schema, sign
from sxe_pipeline.errors import BadInput, Refused, StoreUnavailable
from sxe_pipeline.handoff.files import manifest
from sxe_pipeline.handoff.queue import brokers
from sxe_pipeline.schema import documents
from sxe_pipeline.store import functions, sql
from sxe_pipeline_tests.handoff import queues
from sxe_pipeline_tests.handoff.contacts import DAY, NEXT, contacts
from sxe_pipeline_tests.handoff.crashing import held

EVENT = json.loads((contracts_root() / "event" / "0.1.0.schema.json").read_bytes())
ASYNCAPI = documents.read((contracts_root() / "asyncapi.yaml").read_text())


DIES = """
create function handoff.die() returns trigger language plpgsql
security definer set search_path = pg_catalog as $$
begin
    perform pg_terminate_backend(pg_backend_pid()), pg_sleep(10);
    return new;
end $$;
create trigger die before {what} on {table} for each row when ({when})
    execute function handoff.die()
"""


@pytest.mark.parametrize(
    ("table", "what", "when"),
    [
        pytest.param("handoff.batch", "update", "new.state = 'published'", id="at the state"),
        pytest.param(
            *("audit.event", "insert", "convert_from(new.payload, 'UTF8') ~ 'delivery[.]made'"),
            id="at an event",
        ),
        pytest.param("handoff.delivery", "insert", "true", id="at a delivery"),
        pytest.param("handoff.outbox", "insert", "true", id="at the notice"),
    ],
)
def test_q1_state_events_and_notices_are_there_together_or_not_at_all(
    run, cards, social_dsn, outbox, table, what, when
):
    outbox.subscribe("acme")
    outbox.subscribe("zeta")
    run(cards(3))
    rows = cards(4)

    def left():
        return outbox.owner(
            "select (select count(*) from handoff.batch where state = 'published'),"
            " (select count(*) from handoff.delivery), (select count(*) from handoff.outbox),"
            " (select count(*) from audit.event where kind in"
            "  ('batch.published', 'delivery.made'))"
        )[0]

    before = left()
    outbox.owner(DIES.format(table=table, what=what, when=when))

    with pytest.raises((StoreUnavailable, psycopg.OperationalError)):
        run(rows, day=DAY + NEXT)

    assert left() == before == (1, 2, 2, 3)
    outbox.owner(f"drop trigger die on {table}")
    with sql.connect(social_dsn) as again:
        run(rows, day=DAY + NEXT, by=again)
    assert left() == (2, 4, 4, 6)


def test_q1_without_subscribers_nothing_is_written(run, cards, outbox):
    outbox.subscribe("acme", has_queue=False)
    outbox.subscribe("zeta", market="elsewhere")

    run(cards(3))

    assert outbox.rows() == []
    assert outbox.owner("select consumer from handoff.delivery") == [("acme",)]


def test_q6_a_notice_keeps_its_schema_and_holds_nothing_of_a_card(
    run, publish_contacts, cards, outbox, contract
):
    outbox.subscribe("acme")
    outbox.subscribe("acme", "lead_contact")
    rows = cards(5)
    run(rows)
    publish_contacts(contacts())
    events = outbox.rows("body")

    validator = jsonschema_rs.Draft202012Validator(EVENT)
    fields = {column.name for column in (*contract.columns, *schema.load("lead_contact").columns)}
    cells = {str(v) for row in rows.to_pylist() for v in row.values() if v and len(str(v)) > 12}
    for event in events:
        validator.validate(event)
        as_text = json.dumps(event)
        assert len(as_text.encode()) < 2048
        # Of the batch, not of a row: the contract of contacts has a kind of its own.
        assert fields & {*event, *event["data"]} == {"market", "kind"}
        assert event["data"]["kind"] in ("full", "delta")
        assert not [cell for cell in cells if cell in as_text]
    assert [event["data"]["contract"] for event in events] == ["lead_card", "lead_contact"]


def test_q6_an_event_is_a_cloudevent_with_names_that_any_transport_can_carry(run, cards, outbox):
    outbox.subscribe("acme")
    run(cards(1))
    (event,) = outbox.rows("body")

    required = {"specversion", "id", "source", "type"}
    optional = {"subject", "time", "datacontenttype", "dataschema", "data"}
    extensions = set(event) - required - optional
    assert required <= set(event)
    assert extensions == {"sequence", "partitionkey"}
    assert all(name.isalnum() and name.islower() and len(name) <= 20 for name in event)
    assert all(isinstance(event[name], str) and event[name] for name in set(event) - {"data"})


def test_q6_the_description_of_the_queue_says_what_is_sent(run, cards, outbox):
    outbox.subscribe("acme")
    run(cards(1))
    (event,) = outbox.rows("body")

    (channel,) = ASYNCAPI["channels"].values()
    (message,) = ASYNCAPI["components"]["messages"].values()
    payload = contracts_root() / message["payload"]["schema"]["$ref"]
    assert ASYNCAPI["asyncapi"] == "3.0.0"
    assert set(references(ASYNCAPI)) == set(resolved(ASYNCAPI))
    assert message["name"] == event["type"]
    assert brokers.CONTENT_TYPE.startswith(message["contentType"])
    assert json.loads(payload.read_bytes())["$id"] == event["dataschema"]
    assert channel["address"].format(consumer="acme", contract="lead_card") == brokers.queue_of(
        "acme", "lead_card"
    )
    assert {s["protocol"] for s in ASYNCAPI["servers"].values()} <= set(brokers.SCHEMES)


def test_q6_the_event_that_the_page_shows_is_one():
    page = (Path(__file__).parents[2] / "docs" / "queue.md").read_text()
    (shown,) = re.findall(r"```json\n(.*?)```", page, re.S)

    jsonschema_rs.Draft202012Validator(EVENT).validate(json.loads(shown))


def references(node):
    if isinstance(node, dict):
        yield from ([node["$ref"]] if "$ref" in node else [])
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def resolved(document):
    """The references that lead somewhere."""
    for reference in references(document):
        if not reference.startswith("#"):
            if (contracts_root() / reference).is_file():
                yield reference
            continue
        node = document
        with contextlib.suppress(KeyError):
            for part in reference.removeprefix("#/").split("/"):
                node = node[part]
            yield reference


def test_q7_a_notice_alone_is_enough_to_check_its_manifest(run, cards, outbox, store, signer):
    outbox.subscribe("acme")
    published = run(cards(7))
    (event,) = outbox.rows("body")

    sealed = held(store)[event["data"]["manifest_key"]]

    assert hashlib.sha256(sealed).hexdigest() == event["data"]["manifest_sha256"]
    fields = manifest.unseal(sealed, sign.public_key(signer.public_pem()))
    assert event["subject"].endswith(f"/{fields['batch_id']}")
    assert fields["batch_id"] == published.batch_id
    same = ("contract", "contract_version", "kind", "market", "day")
    assert {name: event["data"][name] for name in same} == {name: fields[name] for name in same}
    assert event["data"]["rows"] == fields["row_count"] == 7
    assert event["source"] == f"urn:sxe:handoff:{signer.key_id[:16]}"


def test_a_notice_without_its_event_is_found_and_a_dead_one_without_death(
    run, cards, outbox, api_dsn
):
    outbox.subscribe("acme")
    run(cards(1))
    run(cards(2), day=DAY + NEXT)

    def findings():
        with sql.connect(api_dsn) as conn:
            found = functions.function_rows(conn, "audit.reconcile")
        return {name: (a, b) for name, a, b in found if "notice" in name and (a or b)}

    whole = findings()
    outbox.owner("update handoff.outbox set event_id = gen_random_uuid() where seq = 1")
    outbox.owner(
        "update handoff.outbox set dead_at = now(), dead_event_id = gen_random_uuid() where seq = 2"
    )
    assert whole == {}
    assert findings() == {"notice": (1, 0), "dead notice": (1, 0)}


def test_each_tier_relays_its_own_contracts_and_no_other_login_any(
    run, publish_contacts, cards, outbox, conn, login, api_dsn
):
    outbox.subscribe("acme")
    outbox.subscribe("acme", "lead_contact")
    run(cards(1))
    publish_contacts(contacts())

    def seen(by):
        with by.transaction():
            return [row[3] for row in functions.function_rows(by, "handoff.open_notices", 10)]

    assert (seen(conn), seen(login)) == (["lead_card"], ["lead_contact"])
    assert functions.call_function(conn, "handoff.mark_sent", [1, 2]) == 1
    conn.commit()
    with pytest.raises(Refused):
        functions.call_function(conn, "handoff.put_off", 2, "refused", "relay")
    with sql.connect(api_dsn) as api, pytest.raises(Refused):
        functions.function_rows(api, "handoff.open_notices", 10)
    for by in (conn, login):
        by.rollback()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            by.execute("select 1 from handoff.outbox")


@given(reason=st.text(max_size=60))
def test_nothing_but_a_word_of_ours_is_kept_of_a_failure(reason, of_reason):
    of_reason(reason)


@pytest.fixture(scope="module")
def of_reason(server):
    from sxe_pipeline_tests import databases

    database = databases.copy_of(server, databases.TEMPLATE)
    outbox = queues.Outbox(database)
    outbox.subscribe("acme")
    outbox.fill(1, "acme")
    with sql.connect(database.dsn("sxe_social")) as conn:

        def check(reason):
            is_word = bool(reason) and all(c in "abcdefghijklmnopqrstuvwxyz_" for c in reason)
            try:
                functions.call_function(conn, "handoff.put_off", 1, reason, "relay")
            except (psycopg.errors.CheckViolation, psycopg.DataError, BadInput):
                assert not is_word or len(reason) > 40
            else:
                assert is_word
            conn.rollback()

        yield check
    databases.drop(database)

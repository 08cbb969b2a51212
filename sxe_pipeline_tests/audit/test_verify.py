"""Tampering is found; what could not be checked is named, with what to do."""

import json
import tracemalloc
from datetime import timedelta

import psycopg
import pytest

from sxe_pipeline import audit, sign
from sxe_pipeline.audit import checkpoints, mirror, seal
from sxe_pipeline.audit import payload as form
from sxe_pipeline.audit.search import search
from sxe_pipeline.audit.verify import verify
from sxe_pipeline.store import sql

GUARDS = {
    "audit.event": ("refuse_change", "seal_leaf", "await_seal"),
    "audit.pending": (),
    "audit.leaf": ("refuse_change",),
    "audit.seal": ("refuse_change",),
    "audit.attestation": (),
    "audit.attested_event": (),
}
"""Table -> its triggers that nothing switches off by the way."""
SIGNER = sign.Signer.generate()
OTHERS = "a function, trigger, table or grant is not this package's"
ASSET = "ops/tables_kept"
MARK = "a_word_of_the_record"

EDITS = {
    "payload": "update audit.event set payload = convert_to(replace("
    "convert_from(payload, 'UTF8'), '\"rows\":7', '\"rows\":8'), 'UTF8')",
    "payload that is no JSON": "update audit.event set payload = 'xx'",
    "hash": "update audit.event set leaf_hash = sha256('x')",
    "time": "update audit.event set recorded_at = recorded_at - interval '1 microsecond'",
    "time without end": "update audit.event set recorded_at = 'infinity'",
    "time before all dates": "update audit.event set recorded_at = '2000-01-01 BC'",
    "kind": "update audit.event set kind = 'profiles.written'",
    "actor": "update audit.event set actor = 'somebody_else'",
    "subject": "update audit.event set subject = 'other'",
    "event gone": "delete from audit.event where event_id = (select min(event_id::text)::uuid "
    "from audit.attested_event)",
    "event and its line gone": "with gone as (delete from audit.attested_event where event_id = "
    "(select min(event_id::text)::uuid from audit.attested_event) returning event_id) "
    "delete from audit.event using gone where event.event_id = gone.event_id",
    "line gone": "delete from audit.attested_event where event_id = "
    "(select min(event_id::text)::uuid from audit.attested_event)",
    "all events gone": "truncate audit.event cascade",
    "count of an attestation": "update audit.attestation set event_count = event_count + 1",
    "event moved to another attestation": "update audit.attested_event "
    "set digest = (select max(digest) from audit.attestation) "
    "where digest = (select min(digest) from audit.attestation)",
    "asset of an attestation": "update audit.attestation set asset_key = 'ingest/raw_profiles'",
    "attestation gone": "delete from audit.attestation "
    "where digest = (select min(digest) from audit.attestation)",
    "attestation and its lines gone": "with gone as "
    "(delete from audit.attested_event returning digest) "
    "delete from audit.attestation",
}


@pytest.fixture
def log(conn, catalog, add):
    """Two mirrored attestations over three events, and one event that waits."""
    for number in (1, 2):
        add(number, rows=7, word=MARK)
    with conn.transaction():
        audit.attest(conn, ASSET, "run")
    add(3, rows=7)
    mirror.reconcile(conn, catalog.report, catalog.find, older_than=timedelta(0))
    add(4, rows=7)
    return catalog


def check(database, catalog, **outside):
    with sql.connect(database.dsn("sxe_api")) as reader:
        return verify(reader, catalog.find, **outside)


def tamper(database, statement, *parameters):
    """As a superuser who switches every trigger off, and on again as it was."""
    with psycopg.connect(database.dsn("postgres")) as root:
        for table in GUARDS:
            root.execute(f"alter table {table} disable trigger all")
        root.execute(statement, parameters or None)
        for table, guards in GUARDS.items():
            root.execute(f"alter table {table} enable trigger all")
            for guard in guards:
                root.execute(f"alter table {table} enable always trigger {guard}")


def test_a_log_that_stands_gives_counts_and_its_young_tail_is_no_alarm(
    database, log, sealer, store, add
):
    seal.tick(sealer, store, SIGNER)
    add(5)
    seen = check(database, log, store=store, public_keys=[SIGNER.public_key])

    assert seen.findings == {}
    assert (seen.events, seen.attested, seen.waiting, seen.mirrored) == (5, 3, 2, 2)
    assert (seen.sealed, seen.seals, seen.witnessed, seen.tail) == (4, 1, 1, 1)
    assert (seen.status, seen.unsure) == ("whole", [])
    assert "younger than five minutes 1" in "\n".join(seen.lines())


def test_an_empty_log_stands_too(database, catalog, store):
    seen = check(database, catalog, store=store)

    assert (seen.status, seen.events, dict(seen.findings)) == ("whole", 0, {})


def test_without_a_key_or_a_witness_nobody_can_tell(database, log, sealer, store):
    seal.tick(sealer, store, SIGNER)
    key = [SIGNER.public_key]

    alone, unsigned, unseen = (
        check(database, log, **outside) for outside in ({}, {"store": store}, {"public_keys": key})
    )

    assert {seen.status for seen in (alone, unsigned, unseen)} == {"cannot_tell"}
    assert [len(seen.unsure) for seen in (alone, unsigned, unseen)] == [2, 1, 1]
    assert "--key" in unsigned.unsure[0]
    assert "--checkpoint" in unseen.unsure[0]
    kept = [checkpoints.read(store.get(seal.key_of(1)), key)]
    assert check(database, log, public_keys=key, kept=kept).status == "whole"


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_by_a_superuser_is_found_and_not_quoted(database, log, edit):
    tamper(database, EDITS[edit])

    seen = check(database, log)

    assert seen.status == "tampered"
    shown = json.dumps(seen.as_dict()) + "".join(seen.lines())
    for value in (MARK, "somebody_else", "job", ASSET):
        assert value not in shown


def test_a_renamed_event_is_found(database, log):
    tamper(
        database,
        "update audit.event set event_id = gen_random_uuid() where event_id not in "
        "(select event_id from audit.attested_event)",
    )

    assert check(database, log).findings == {
        "columns do not match the payload": 1,
        "an event neither is sealed nor waits for its seal": 1,
        "an event that waits for its seal is gone": 1,
    }


@pytest.mark.parametrize("payload", [b"[]", b"{}", b'"text"', b"null", b"\xff\xfe", b"[" * 600])
def test_a_payload_of_another_form_with_its_right_hash_is_found(database, log, payload):
    with psycopg.connect(database.dsn("postgres")) as root:
        event_id, recorded_at = root.execute(
            "select event_id, recorded_at from audit.event limit 1"
        ).fetchone()
    leaf = form.leaf_hash(payload, recorded_at)
    tamper(
        database,
        "update audit.event set payload = %s, leaf_hash = %s where event_id = %s",
        *(payload, leaf, event_id),
    )

    assert check(database, log).findings == {
        "columns do not match the payload": 1,
        "an event is not the one that waits for its seal": 1,
    }
    with sql.connect(database.dsn("sxe_api")) as reader:
        assert [event.data for event in search(reader) if event.event_id == event_id] == [{}]


def test_u8_a_forged_materialization_is_found(database, log):
    log.report(ASSET, {"sxe/audit_events": 1, "sxe/audit_digest": "f" * 64})

    assert check(database, log).findings == {
        "a materialization claims events that were never attested": 1
    }


def test_a_materialization_without_events_is_no_forgery(database, log):
    log.report(ASSET, audit.Attestation(0, form.digest([])).metadata)

    assert check(database, log).findings == {}


def test_a_mirrored_materialization_that_is_gone_is_found(database, log):
    log.wipe()

    seen = check(database, log)
    assert seen.findings == {"a mirrored materialization is gone from Dagster": 2}
    assert seen.mirrored == 0


def test_u10_a_longer_log_takes_no_more_memory(database, conn, sealer, store, monkeypatch):
    monkeypatch.setattr("sxe_pipeline.audit.sealed.PAGE", 100)
    peaks = []
    for _ in range(2):
        with psycopg.connect(database.dsn("postgres")) as root:
            root.execute(
                "insert into audit.event (payload) select convert_to(jsonb_build_object("
                "'actor', 'job', 'data', '{}'::jsonb, 'key', gen_random_uuid(), "
                "'kind', 'table.vacuum_begun', 'subject', 's')::text, 'UTF8') "
                "from generate_series(1, 3000)"
            )
        with conn.transaction():
            attested = audit.attest(conn, ASSET, "run")
        seal.tick(sealer, store, SIGNER)
        with sql.connect(database.dsn("sxe_api")) as reader:
            verify(reader, lambda keys: {})  # what is loaded once is loaded
            tracemalloc.start()
            seen = verify(reader, lambda keys: {})
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        assert attested.event_count == 3000
        assert seen.findings == {}

    assert (seen.attested, seen.sealed, seen.seals) == (6000, 6000, 2)
    assert peaks[1] < peaks[0] * 1.1


CHANGED_BY_HAND = {
    "a trigger is off": "alter table audit.event disable trigger seal_leaf",
    "a trigger is gone": "drop trigger refuse_change on audit.event",
    "a trigger's function is emptied": "create or replace function audit.refuse_change() "
    "returns trigger language plpgsql as $$ begin return null; end $$",
    "a function of the gate says yes": "create or replace function "
    "privacy.is_suppressed(_family text[]) returns boolean language sql stable as 'select false'",
    "a login may insert": "grant insert on handoff.batch to sxe_social",
}


@pytest.mark.parametrize("change", CHANGED_BY_HAND)
def test_a09_a_guard_that_was_changed_by_hand_is_found(database, log, change):
    with psycopg.connect(database.dsn("postgres"), autocommit=True) as conn:
        conn.execute(CHANGED_BY_HAND[change])

    seen = check(database, log)

    assert (seen.status, seen.findings) == ("tampered", {OTHERS: 1})

"""Whatever a crash leaves between Postgres and Dagster's event log is repaired."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import dagster as dg
import pytest

from sxe_pipeline import audit, face, sign
from sxe_pipeline.audit import mirror, seal
from sxe_pipeline.store import sql

ASSET = "ops/tables_kept"
NOW, LATER = timedelta(0), timedelta(minutes=10)


def attest(conn, run_id="run"):
    with conn.transaction():
        return audit.attest(conn, ASSET, run_id)


def storage_ids(conn):
    with conn.transaction():
        found = conn.execute("select digest, dagster_storage_id from audit.attestation").fetchall()
    return dict(found)


def test_a_run_that_reported_its_attestation_is_only_noted(conn, catalog, add):
    add(1)
    attested = attest(conn)
    catalog.report(ASSET, attested.metadata)

    done = mirror.reconcile(conn, catalog.report, catalog.find, older_than=NOW)

    assert (done.mirrored, done.repaired, done.attested) == (1, 0, 0)
    assert catalog.count() == 1
    assert storage_ids(conn) == catalog.find([ASSET])


def test_u8_an_attestation_without_its_materialization_is_reported_again_and_once(
    conn, catalog, add
):
    add(1)
    add(2)
    attested = attest(conn)

    done = mirror.reconcile(conn, catalog.report, catalog.find, older_than=NOW)
    assert (done.mirrored, done.repaired, done.attested) == (0, 1, 0)
    assert storage_ids(conn) == {attested.digest: catalog.find([ASSET])[attested.digest]}

    again = mirror.reconcile(conn, catalog.report, catalog.find, older_than=NOW)
    assert (again.mirrored, again.repaired, again.attested) == (0, 0, 0)
    assert catalog.count() == 1
    assert again.sentence().startswith("0 materializations")


def test_events_that_no_run_attested_are_attested_and_reported(conn, catalog, add, by_owner):
    add(1)
    add(1, "run_history.expired")
    by_owner("key.created", "s", "1")

    done = mirror.reconcile(conn, catalog.report, catalog.find, older_than=NOW)

    assert (done.mirrored, done.repaired, done.attested) == (0, 3, 3)
    assert len(catalog.find([ASSET, "ops/expired_data", "audit/events"])) == 3
    with conn.transaction():
        assert conn.execute(
            "select count(*) from audit.event left join audit.attested_event using (event_id) "
            "where digest is null"
        ).fetchone() == (0,)


def test_what_a_run_may_still_report_is_left_to_it(conn, catalog, add):
    add(1)
    attest(conn)
    add(2)

    done = mirror.reconcile(conn, catalog.report, catalog.find, older_than=LATER)

    assert (done.mirrored, done.repaired, done.attested) == (0, 0, 0)
    assert catalog.count() == 0


def test_an_attestation_outside_any_run_is_reported_at_once(conn, catalog, add):
    add(1)
    attest(conn, None)

    done = mirror.reconcile(conn, catalog.report, catalog.find, older_than=LATER)

    assert done.repaired == 1


def test_a_crash_after_the_report_does_not_report_twice(conn, catalog, add):
    add(1)
    attested = attest(conn)

    def report(asset_key, metadata, day):
        catalog.report(asset_key, metadata, day)
        raise ConnectionError

    with pytest.raises(ConnectionError):
        mirror.reconcile(conn, report, catalog.find, older_than=NOW)
    assert storage_ids(conn) == {attested.digest: None}

    done = mirror.reconcile(conn, catalog.report, catalog.find, older_than=NOW)
    assert (done.mirrored, done.repaired) == (1, 0)
    assert catalog.count() == 1


def test_two_reconcilers_at_once_report_each_attestation_once(conn, catalog, add, database):
    for number in range(5):
        add(number)
        attest(conn)

    def reconcile(_):
        with sql.connect(database.dsn("sxe_social")) as own:
            return mirror.reconcile(own, catalog.report, catalog.find, older_than=NOW)

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(reconcile, range(2)))

    assert sorted(part.repaired for part in done) == [0, 5]
    assert catalog.count() == 5


def test_each_batch_is_a_materialization_of_its_own_and_says_of_what_and_how_to_see_more(
    conn, catalog, by_owner
):
    batches = [f"{n}" * 32 for n in range(7)]
    for batch in batches:
        by_owner("batch.building", batch, batch, day="2031-02-01")
        by_owner("batch.published", batch, batch, day="2031-02-01")
    said = []

    def report(asset_key, metadata, day):
        catalog.report(asset_key, metadata, day)
        said.append((asset_key, day, metadata))

    done = mirror.reconcile(conn, report, catalog.find, older_than=NOW)

    assert (done.repaired, done.attested) == (7, 14)
    assert {(asset, day) for asset, day, _ in said} == {("handoff/lead_card_batches", "2031-02-01")}
    assert Counter(m["sxe/audit_more"] for *_, m in said) == Counter(
        f"sxe audit search --subject {batch}" for batch in batches
    )
    assert [m["sxe/audit_subjects"] for *_, m in said] == [
        [m["sxe/audit_more"].split()[-1]] for *_, m in said
    ]
    assert all(
        m["sxe/audit_kinds"] == {"batch.building": 1, "batch.published": 1} for *_, m in said
    )


def test_a_materialization_of_many_subjects_shows_those_with_most_events(conn, catalog, by_owner):
    for number in range(40):
        by_owner("key.created", f"key {number:02}", "1")
    by_owner("key.retired", "key 39", "1")
    said = []

    mirror.reconcile(conn, lambda *what: said.append(what), catalog.find, older_than=NOW)

    [(asset, metadata, day)] = said
    assert (asset, day, metadata["sxe/audit_events"]) == ("audit/events", None, 41)
    assert metadata["sxe/audit_subjects"] == ["key 39", *(f"key {n:02}" for n in range(24))]
    assert metadata["sxe/audit_more"] == "sxe audit search --subject 'key 39'"
    assert metadata["sxe/audit_kinds"] == {"key.created": 40, "key.retired": 1}


def test_each_seal_is_a_materialization_once_and_a_wiped_one_is_shown_again(
    conn, catalog, add, sealer, store
):
    signer = sign.Signer.generate()
    for number in range(4):
        add(number)
        seal.tick(sealer, store, signer)

    def tick(most=50):
        shown = face.newest_metadata(catalog.instance, mirror.SEALS)
        return mirror.report_seals(conn, catalog.report, shown.get("sxe/seal_no", 0), most)

    assert [tick(3), tick(3), tick()] == [3, 1, 0]
    shown = face.newest_metadata(catalog.instance, mirror.SEALS)
    with conn.transaction():
        [(root,)] = conn.execute("select root from audit.seal where seal_no = 4").fetchall()
    assert (shown["sxe/seal_no"], shown["sxe/tree_size"], shown["sxe/events"]) == (4, 4, 1)
    assert shown["sxe/root"] == root.hex()
    catalog.instance.wipe_assets([dg.AssetKey.from_user_string(mirror.SEALS)])
    assert tick() == 4
    catalog.instance.wipe_assets([dg.AssetKey.from_user_string(mirror.SEALS)])

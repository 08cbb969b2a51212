"""Whatever a crash leaves between Postgres and Dagster's event log is repaired."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from sxe_pipeline import audit
from sxe_pipeline.audit import mirror
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


def test_an_attestation_without_its_materialization_is_reported_again_and_once(conn, catalog, add):
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

"""Every event is attested exactly once, whoever attests."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import psycopg
import pytest
from psycopg.types.json import Jsonb

from sxe_pipeline import audit
from sxe_pipeline.audit import payload as form
from sxe_pipeline.errors import BadInput
from sxe_pipeline.store import sql

ASSET = "ingest/raw_profiles"


@pytest.fixture
def conn(database):
    with sql.connect(database.dsn("sxe_social")) as opened:
        opened.autocommit = True
        yield opened


def add(conn, number):
    """An event of the asset that names no day."""
    said = [{"collection": f"c{number}", "mapping_sha256": "ab" * 32}]
    conn.execute("select ingest.declare_collections(%s, now(), 't')", [Jsonb(said)])
    return conn.execute(
        "select event_id from ingest.collection where collection = %s", [f"c{number}"]
    ).fetchone()[0]


def attest(conn, asset=ASSET, **how):
    with conn.transaction():
        return audit.attest(conn, asset, "run", **how)


def test_an_attestation_answers_for_the_open_events_of_its_asset_only(conn):
    mine = [add(conn, number) for number in range(3)]
    audit.append(conn, "table.vacuum_begun", actor="t", subject="s", key="1")

    attested = attest(conn)

    assert attested.event_count == 3
    assert attested.digest == form.digest(mine) == form.digest(mine[::-1])
    subjects = sorted(attested.subjects)
    assert attested.metadata == {
        "sxe/audit_events": 3,
        "sxe/audit_digest": attested.digest,
        "sxe/audit_kinds": {"collection.declared": 3},
        "sxe/audit_subjects": subjects,
        "sxe/audit_more": f"sxe audit search --subject {subjects[0]}",
    }
    assert conn.execute(
        "select asset_key, run_id, event_count from audit.attestation"
    ).fetchall() == [(ASSET, "run", 3)]
    assert attest(conn, "ops/tables_kept").event_count == 1


def test_without_an_open_event_nothing_is_stored(conn):
    add(conn, 1)
    attest(conn)

    assert attest(conn).event_count == 0
    assert conn.execute("select count(*) from audit.attestation").fetchone() == (1,)


def test_young_events_are_left_to_their_run(conn):
    add(conn, 1)

    assert attest(conn, older_than=timedelta(minutes=1)).event_count == 0
    assert attest(conn).event_count == 1


def test_an_attestation_falls_with_its_transaction(conn):
    add(conn, 1)
    with pytest.raises(RuntimeError), conn.transaction():
        audit.attest(conn, ASSET, "run")
        raise RuntimeError

    assert attest(conn).event_count == 1


DAYS = [date(2031, 2, 1), date(2031, 2, 2)]


def of_day(conn, day, number=1):
    """An event of the asset that names a day."""
    digest = f"{day.toordinal()}{number}".zfill(64)
    file = {"collection": "c", "file_sha256": digest, "path": digest, "byte_count": 1}
    file |= {"landed_day": day.isoformat(), "is_again": False}
    conn.execute("select ingest.register_files(%s, now(), 't')", [Jsonb([file])])
    return conn.execute(
        "select event_id from ingest.landing_file where file_sha256 = %s", [digest]
    ).fetchone()[0]


def test_a_run_over_days_attests_each_day_by_itself(conn):
    first, second = of_day(conn, DAYS[0]), of_day(conn, DAYS[1])
    other = of_day(conn, date(2031, 2, 9))
    nameless = add(conn, 1)

    with conn.transaction():
        attested = audit.attest_days(conn, ASSET, "run", DAYS)

    assert {day: a.digest for day, a in attested.items()} == {
        DAYS[0]: form.digest([first]),
        DAYS[1]: form.digest([second, nameless]),
    }, "what names no day goes to the newest"
    assert conn.execute(
        "select partition_key, event_count from audit.attestation order by 1"
    ).fetchall() == [("2031-02-01", 1), ("2031-02-02", 2)]
    assert conn.execute(
        "select event_id from audit.event left join audit.attested_event using (event_id) "
        "where digest is null"
    ).fetchall() == [(other,)], "another day's own run answers for it"


def test_a_day_without_an_event_of_its_own_attests_nothing(conn):
    of_day(conn, DAYS[0])

    with conn.transaction():
        attested = audit.attest_days(conn, ASSET, "run", DAYS)

    assert [a.event_count for a in attested.values()] == [1, 0]
    assert conn.execute("select count(*) from audit.attestation").fetchone() == (1,)


def test_a_file_is_attested_by_the_day_it_landed_on_and_a_batch_by_its_own(conn, by_owner):
    for day in map(str, DAYS):
        by_owner("landing_file.registered", "ab" * 32, day, landed_day=day)
        for batch in ("cd", "ef"):
            by_owner("batch.published", batch * 16, day, day=day)

    with conn.transaction():
        files = audit.attest_days(conn, "ingest/raw_profiles", "run", DAYS)
        batches = audit.attest_days(conn, "handoff/lead_card_batches", "run", DAYS)

    assert [a.event_count for a in files.values()] == [1, 1]
    assert [a.each for a in files.values()] == [(), ()]
    assert [a.event_count for a in batches.values()] == [0, 0], "each batch has one of its own"
    assert [sorted(one.subjects.items()) for day in DAYS for one in batches[day].each] == [
        [("cd" * 16, 1)],
        [("ef" * 16, 1)],
    ] * 2


def test_who_attests_still_reads_no_payload(database):
    with (
        sql.connect(database.dsn("sxe_social")) as conn,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        conn.execute("select payload from audit.event")


def test_an_asset_that_answers_for_nothing_is_refused(conn):
    with pytest.raises(BadInput), conn.transaction():
        audit.attest(conn, "social/nothing", None)


def test_every_kind_has_an_asset_that_attests_it(conn, by_owner):
    for number, kind in enumerate(audit.KINDS):
        by_owner(kind, "s", str(number))

    counts = [attest(conn, asset).event_count for asset in set(audit.KINDS.values())]
    assert sum(counts) == len(audit.KINDS)


def test_two_coverers_and_a_writer_at_once_attest_each_event_once(database, conn):
    def write(_):
        with sql.connect(database.dsn("sxe_social")) as own:
            own.autocommit = True
            for number in range(60):
                add(own, number)

    def attesting(_):
        with sql.connect(database.dsn("sxe_social")) as own:
            own.autocommit = True
            return [attest(own) for _ in range(30)]

    with ThreadPoolExecutor(3) as pool:
        writing = pool.submit(write, 0)
        results = [attested for part in pool.map(attesting, range(2)) for attested in part]
        writing.result()
    results.append(attest(conn))

    assert sum(attested.event_count for attested in results) == 60
    stored = conn.execute("select digest, event_id from audit.attested_event").fetchall()
    assert len(stored) == 60
    per_digest = Counter(digest for digest, _ in stored)
    assert per_digest == {c.digest: c.event_count for c in results if c.event_count}
    for digest in per_digest:
        assert form.digest([event for other, event in stored if other == digest]) == digest

"""An incident is said once, and once more when it is over."""

import contextlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from sxe_pipeline import audit
from sxe_pipeline.ops.alerts import incidents, webhook
from sxe_pipeline.ops.alerts.incidents import Incident
from sxe_pipeline.store import sql
from sxe_pipeline_tests.databases import as_owner
from sxe_pipeline_tests.handoff.queues import Outbox

AGO = datetime(2031, 2, 1, 3, tzinfo=UTC)
FAILED = Incident("run_failed", "tier1_day", AGO, "run-1")
RED = Incident("work_red", "intake 2031-02-01", AGO)
FIRST = date(2020, 1, 1)


@pytest.fixture
def conn(database):
    with sql.connect(database.dsn("sxe_social")) as conn:
        yield conn


def told(conn, receiver):
    return incidents.say(conn, lambda message: webhook.post(receiver.url, message))


def said(receiver):
    return [(m["state"], m["kind"], m["subject"]) for m in receiver.messages]


def test_a_log_that_nobody_seals_is_an_incident_once_it_is_late(conn, database, monkeypatch):
    assert incidents.unsealed(conn) == []
    audit.append(conn, "table.vacuum_begun", actor="job", subject="s", key="1")
    conn.commit()
    assert incidents.unsealed(conn) == [], "it is young"
    monkeypatch.setattr("sxe_pipeline.audit.seal.LATE", timedelta(0))

    [found] = incidents.unsealed(conn)

    assert found.key == ("unsealed", "audit log")
    with sql.connect(database.dsn("sxe_sealer")) as sealer:
        assert sealer.execute("select count(*) from audit.take_pending(9)").fetchone() == (1,)
    assert incidents.unsealed(conn) == []


def test_an_incident_is_said_once_and_its_end_once(conn, receiver):
    for _ in range(3):
        incidents.note(conn, [FAILED])
        told(conn, receiver)
    for _ in range(3):
        incidents.note(conn, [])
        told(conn, receiver)

    assert said(receiver) == [
        ("open", "run_failed", "tier1_day"),
        ("resolved", "run_failed", "tier1_day"),
    ]
    assert len({m["alert_id"] for m in receiver.messages}) == 1


def test_what_comes_back_is_an_incident_of_its_own(conn, receiver):
    for found in ([FAILED], [], [FAILED]):
        incidents.note(conn, found)
        told(conn, receiver)

    assert [state for state, _, _ in said(receiver)] == ["open", "resolved", "open"]
    assert len({m["alert_id"] for m in receiver.messages}) == 2


def test_a_message_says_what_since_when_and_where_to_read_on(conn, receiver):
    incidents.note(conn, [FAILED])
    told(conn, receiver)

    [message] = receiver.messages
    assert message.pop("alert_id")
    assert message == {
        "state": "open",
        "kind": "run_failed",
        "subject": "tier1_day",
        "since": "2031-02-01T03:00:00+00:00",
        "resolved_at": None,
        "run_id": "run-1",
        "runbook": "docs/runbooks/run-failed.md",
        "text": "run failed: tier1_day; see docs/runbooks/run-failed.md",
    }


def test_what_nobody_took_is_said_at_a_later_tick(conn, receiver):
    receiver.answers = [404]
    incidents.note(conn, [FAILED, RED])
    first = told(conn, receiver)
    receiver.answers = [200]

    assert first == (0, False), "after the first that is not taken the tick is over"
    assert told(conn, receiver) == (2, True)


def test_what_was_over_before_anybody_heard_of_it_is_not_said(conn, receiver):
    incidents.note(conn, [FAILED])
    incidents.note(conn, [])

    assert told(conn, receiver) == (0, True)
    assert receiver.messages == []


def test_what_cannot_be_told_at_the_moment_stays_as_it_is(conn, receiver):
    incidents.note(conn, [FAILED, RED])
    told(conn, receiver)

    assert incidents.note(conn, [], unsure={RED.key}) == (0, 1)
    told(conn, receiver)
    assert said(receiver)[2:] == [("resolved", "run_failed", "tier1_day")]


def test_two_engines_that_look_at_once_say_it_once(database, receiver):
    def look(_):
        with sql.connect(database.dsn("sxe_social")) as own:
            for _ in range(5):
                incidents.note(own, [FAILED, RED])
                told(own, receiver)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(look, range(2)))

    assert sorted(said(receiver)) == [
        ("open", "run_failed", "tier1_day"),
        ("open", "work_red", "intake 2031-02-01"),
    ]


def test_an_old_incident_that_is_over_is_forgotten(conn, receiver):
    incidents.note(conn, [FAILED])
    incidents.note(conn, [])
    conn.execute("update ops.alert set resolved_at = resolved_at - interval '91 days'")
    conn.commit()
    incidents.note(conn, [])

    assert conn.execute("select count(*) from ops.alert").fetchone() == (0,)


def test_red_work_and_work_that_does_not_end_are_incidents(conn):
    conn.execute(
        "insert into ops.work (work, subject, inputs, state, attempt, ask_id, asked_at, reason) "
        "select 'intake', subject, '', state, 1, gen_random_uuid(), clock_timestamp() - age, 'x' "
        "from (values ('2031-02-01', 'red', interval '1 minute'), "
        "('2031-02-02', 'asked', interval '7 hours'), ('2031-02-03', 'asked', interval '1 hour'), "
        "('2031-02-04', 'done', interval '9 days')) as v (subject, state, age)"
    )

    found = incidents.red_work(conn)

    assert [i.key for i in found] == [
        ("work_red", "intake 2031-02-01"),
        ("work_red", "intake 2031-02-02"),
    ]


def landed(conn, hours_ago, counted_hours_ago=None):
    as_owner(
        conn,
        "insert into ingest.landing_file (collection, file_sha256, path, byte_count, landed_day, "
        "registered_at) values ('c', encode(sha256('x'), 'hex'), 'c/x.json', 1, '2026-11-01', "
        "clock_timestamp() - make_interval(hours => %s))",
        [hours_ago],
    )
    if counted_hours_ago is not None:
        conn.execute(
            "insert into social.day_count (landed_day, input_count, observation_count, "
            "quarantine_count, reasons, open_count, leak_count, files_digest, ruleset_version, "
            "counted_at) values ('2026-11-01', 0, 0, 0, '{}', 0, 0, encode(sha256('x'), 'hex'), "
            "'1', clock_timestamp() - make_interval(hours => %s))",
            [counted_hours_ago],
        )


@pytest.mark.parametrize(
    ("registered", "counted", "night", "expected"),
    [
        pytest.param(None, None, None, [], id="nothing ever landed"),
        pytest.param(2, None, None, [], id="the first day is young"),
        pytest.param(27, None, None, ["night", "intake"], id="nothing worked since"),
        pytest.param(27, 26, 27, ["night"], id="taken in, and no night since"),
        pytest.param(90, 80, 25, [], id="a night in time, and nothing new landed"),
        pytest.param(27, 30, 1, ["intake"], id="a file waits although the night succeeded"),
    ],
)
def test_a_night_or_an_intake_without_a_success_is_stale(
    conn, registered, counted, night, expected
):
    if registered is not None:
        landed(conn, registered, counted)
    last = None if night is None else datetime.now(UTC) - timedelta(hours=night)

    found = incidents.late(conn, "night", "intake", last, FIRST)

    assert [i.subject for i in found] == expected
    assert {i.kind for i in found} <= {"stale"}


def test_every_kind_names_a_page_that_exists():
    root = Path(__file__).parents[3]

    assert [page for page in incidents.RUNBOOKS.values() if not (root / page).is_file()] == []


def test_a_notice_that_nobody_can_be_told_is_an_incident_until_it_is_told_again(conn, database):
    with contextlib.closing(Outbox(database)) as outbox:
        outbox.subscribe("acme")
        outbox.fill(2, "acme")
        none = incidents.dead_notices(conn)
        outbox.owner(
            "update handoff.outbox set dead_at = '2031-02-03T04:05Z', "
            "dead_event_id = gen_random_uuid()"
        )
        since = datetime(2031, 2, 3, 4, 5, tzinfo=UTC)

        found = incidents.dead_notices(conn)

    assert none == []
    assert found == [Incident("notice_dead", "acme lead_card", since)]

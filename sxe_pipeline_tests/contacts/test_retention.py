"""Contact values go when their time is over, and never while somebody needs them."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from sxe_pipeline import audit, definitions, settings
from sxe_pipeline.contacts import retention
from sxe_pipeline.errors import BadInput, Busy
from sxe_pipeline.ops import periods
from sxe_pipeline.ops.retention import CONTACT_ASSET, Gone, Terms
from sxe_pipeline.privacy.retention import expiring_points

MONTHS_LATER = datetime.now(UTC) + timedelta(days=395)
KIND = "contact_points.expired"


@pytest.fixture
def bought(due):
    """(harness, request): values were bought, and no batch holds them yet."""
    harness, made = due
    while harness.work():
        pass
    assert harness.world.request(made) == "DONE"
    assert points(harness) > 0
    return harness, made


@pytest.fixture
def spent(bought):
    """(harness, request): values were bought and handed over."""
    hand_over(*bought)
    return bought


def hand_over(harness, made):
    harness.world.owner(
        "insert into handoff.batch (batch_id, contract, contract_version, market, day, state, "
        "row_count, manifest, manifest_sha256, published_at, request_id, seq) values "
        "(md5(%s::text), 'lead_contact', '1.0.0', 'x_general', current_date, 'published', 1, "
        "'x', encode(sha256('x'), 'hex'), clock_timestamp(), %s, 1)",
        made.request_id,
        made.request_id,
    )


def points(harness):
    return harness.world.one("select count(*) from contacts.contact_point")


def events(harness, kind=KIND):
    return harness.world.one("select count(*) from audit.event where kind = %s", kind)


def terms(now=MONTHS_LATER, **more):
    return Terms(periods.load(), now, "test", **more)


def expire(harness, **more):
    return retention.expire_points(harness.world.contacts, terms(**more))


def test_thirteen_months_later_the_values_are_gone_with_one_event(spent):
    harness, _ = spent
    had = points(harness)

    gone = expire(harness)

    assert gone == Gone(
        "contact_values", had, "values", datetime.now(UTC).date(), datetime.now(UTC).date()
    )
    assert points(harness) == 0
    assert events(harness) == 1
    assert expire(harness).count == 0
    assert events(harness) == 1, "nothing gone, nothing said"
    with harness.world.contacts.transaction():
        done = audit.attest(harness.world.contacts, CONTACT_ASSET, "run-1")
    assert done.event_count == 1


def test_values_of_an_open_request_stay_however_old(spent):
    harness, _ = spent
    had = points(harness)
    # Its answers are no longer fresh, so that the cards may be asked for again.
    harness.world.owner("update gate.answer set valid_until = now()")
    later = harness.world.submit(3, fields=["email", "phone"])

    assert expire(harness).count == 0
    harness.world.approve(later)
    assert expire(harness).count == 0
    assert points(harness) == had

    harness.world.owner(
        "update gate.request set state = 'EXPIRED' where request_id = %s", later.request_id
    )
    assert expire(harness).count == had


def test_values_of_an_open_call_stay_although_its_request_is_halted(spent):
    harness, made = spent
    harness.world.owner(
        "update gate.request set state = 'HALTED' where request_id = %s", made.request_id
    )
    harness.world.owner(
        "update gate.call set state = 'UNKNOWN' where call_id = "
        "(select min(call_id::text)::uuid from gate.call)"
    )

    assert expire(harness).count == 0

    harness.world.owner("update gate.call set state = 'SETTLED'")
    assert expire(harness).count > 0


def test_values_that_are_not_handed_over_yet_stay_for_a_month(bought):
    harness, made = bought
    harness.world.owner(
        "update gate.request set finished_at = %s where request_id = %s",
        MONTHS_LATER - timedelta(days=5),
        made.request_id,
    )

    assert expire(harness).count == 0
    assert expire(harness, now=MONTHS_LATER + timedelta(days=40)).count > 0


def test_a_value_that_the_gate_takes_for_fresh_stays_so_that_nobody_pays_twice(spent):
    harness, _ = spent
    harness.world.owner("update gate.answer set valid_until = %s", MONTHS_LATER + timedelta(days=1))

    assert expire(harness).count == 0
    assert expire(harness, now=MONTHS_LATER + timedelta(days=2)).count > 0


def test_a_merged_card_is_needed_under_the_id_of_its_survivor(spent):
    harness, _ = spent
    had = points(harness)
    [(lost,)] = harness.world.owner("select min(card_id) from contacts.contact_point")
    survivor = next(
        card
        for (card,) in harness.world.owner("select card_id from gate.candidate")
        if card != lost
    )
    harness.world.owner("update gate.answer set valid_until = now()")
    harness.world.merge(lost, survivor)
    harness.world.submit(card_ids=[survivor], fields=["email"])

    gone = expire(harness)

    assert 0 < gone.count < had
    kept = {card for (card,) in harness.world.owner("select card_id from contacts.contact_point")}
    assert lost in kept


def test_young_values_stay(spent):
    harness, _ = spent
    harness.world.owner("update gate.answer set valid_until = now()")
    had = points(harness)

    assert expire(harness, now=datetime.now(UTC) + timedelta(days=179)).count == 0
    assert points(harness) == had


def test_a_dry_run_is_a_number_that_the_api_may_ask_for(spent):
    harness, _ = spent
    had = points(harness)

    assert expiring_points(harness.world.api, timedelta(days=180), MONTHS_LATER).count == had
    with pytest.raises(ValueError, match="of the api"):
        expire(harness, is_dry_run=True)
    assert points(harness) == had
    assert events(harness) == 0


@pytest.mark.parametrize("role", ["sxe_api", "sxe_social"])
def test_no_other_tier_deletes_a_value(spent, role):
    harness, _ = spent
    with harness.world.fresh(role) as conn, pytest.raises(psycopg.errors.InsufficientPrivilege):
        conn.execute("select * from contacts.expire_points('1 day')")


def test_the_contact_tier_deletes_by_the_function_alone_and_not_what_came_today(spent):
    harness, _ = spent
    with harness.world.fresh("sxe_contacts") as conn:
        with pytest.raises(psycopg.errors.InsufficientPrivilege), conn.transaction():
            conn.execute("delete from contacts.contact_point")
        with pytest.raises(BadInput, match="a day at least"), conn.transaction():
            from sxe_pipeline.store.functions import function_rows

            function_rows(conn, "contacts.expire_points", timedelta(hours=1), None, 10)


def test_a_run_that_was_given_up_deletes_nothing(spent):
    harness, _ = spent
    had = points(harness)

    def lost(_):
        raise Busy("given up")

    with pytest.raises(Busy):
        expire(harness, recheck=lost)

    assert (points(harness), events(harness)) == (had, 0)


def test_the_contact_tier_clears_its_own_runs_and_no_others(spent, tmp_path):
    harness, _ = spent
    for role in ("sxe_contacts", "sxe_social"):
        with harness.world.fresh(role) as conn:
            conn.execute(
                "insert into ops.run (run_id, lease_until, ended_at, outcome) "
                "values (%s, clock_timestamp(), clock_timestamp(), 'ended')",
                [role],
            )
            conn.commit()

    given = settings.load({"SXE_HOME": str(tmp_path)})
    definitions.expire_contacts(harness.world.contacts, given, terms())

    assert harness.world.owner("select run_id from ops.run") == [("sxe_social",)]
    assert events(harness, "contact_run_history.expired") == 1

"""What must hold whatever happens, seen from the providers; the rest is tested at the gate."""

import contextlib
from uuid import uuid4

import dagster as dg
import psycopg
import pytest
from psycopg import sql as compose

from sxe_pipeline import definitions, face, schema
from sxe_pipeline import settings as environment
from sxe_pipeline.contacts import points, sensors
from sxe_pipeline.local import contact, runs
from sxe_pipeline.sandbox import provider_answers
from sxe_pipeline_tests.contacts import harness as harnesses
from sxe_pipeline_tests.contacts.test_location import SEEN, contact_once, settings_of


@pytest.mark.parametrize("mode", ["ok", "500pre", "500post", "drop", "bad_json", "429", "402"])
def test_a_provider_never_took_more_than_the_gate_holds_or_spent(due, mode):
    """Inspected at every point of the loop, and while each request is at the provider."""
    harness, made = due
    seen_at = []

    def inspect(at):
        with harnesses.harness_on(harness.world.database, {}, harness.emulator) as outside:
            for provider in harnesses.PER_UNIT:
                assert harness.charged_micros(provider) <= sum(outside.world.money(provider))
        seen_at.append(at)

    harness.emulator.on_receipt(inspect)
    harness.emulator.mode("apollo", mode, on="paid", times=1)

    harness.recover(made, inspect)

    assert len(seen_at) > 5
    harness.assert_all_is_over()


def test_no_request_leaves_before_its_row_says_so(due):
    """Each is looked up by its reference, on a connection of its own, before it is answered."""
    harness, made = due
    found = {"paid": [], "poll": [], "counter": []}
    dsn = harness.world.database.dsn("postgres")

    def look_up(entry):
        with contextlib.closing(psycopg.connect(dsn, autocommit=True)) as conn:
            row = conn.execute(
                "select c.state, c.provider, exists (select from gate.call_step s "
                "join audit.event using (event_id) where s.call_id = c.call_id and s.state = "
                "c.state) from gate.call c where c.call_id::text = %s",
                [entry["x_request_id"]],
            ).fetchone()
            is_request = conn.execute(
                "select count(*) from gate.request where request_id::text = %s",
                [entry["x_request_id"]],
            ).fetchone()[0]
        found[entry["kind"]].append(row or is_request)

    harness.emulator.on_receipt(look_up)

    harness.recover(made)

    assert set(found["paid"]) == {("SENDING", "apollo", True), ("SENDING", "enformion", True)}
    assert set(found["poll"]) == {("AWAITING", "apollo", True)}
    assert found["counter"]
    assert all(found["counter"]), "a free question names a call or the request, never nothing"
    references = [call["x_request_id"] for call in harness.paid_calls()]
    assert len(references) == len(set(references))


@pytest.fixture
def location(due, tmp_path):
    """(harness, request, the contact location, an instance): faces as Dagster runs them."""
    harness, made = due
    variables = contact.variables(settings_of(harness, tmp_path / "home"))
    tier = definitions.assemble_contacts(environment.load(variables))
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(face.request_partitions.name, [str(made.request_id)])
        yield harness, made, tier, instance


def run(tier, instance, made, tags):
    return runs.run_partition(tier, instance, sensors.JOB, str(made.request_id), tags)


def shown(instance):
    event = instance.get_latest_materialization_event(dg.AssetKey(["contacts", "contact_points"]))
    assert "micros" not in repr(event.asset_materialization.metadata)
    return event.asset_materialization.metadata


def test_only_the_gates_own_launch_calls_a_provider(location):
    harness, made, tier, instance = location

    by_hand = run(tier, instance, made, {})
    guessed = run(tier, instance, made, {sensors.ATTEMPT: "1"})
    assert not by_hand.is_success
    assert "did not launch" in by_hand.failure
    assert not guessed.is_success
    assert harness.emulator.stats()["calls"] == []

    first_daemon = runs.request_tick(tier, instance, definitions.APPROVED)
    second_daemon = runs.request_tick(tier, instance, definitions.APPROVED)
    assert (len(first_daemon), second_daemon) == (1, [])
    launched = run(tier, instance, made, first_daemon[0].tags)
    assert launched.is_success, launched.failure
    assert shown(instance)["sxe/charged"].value.startswith("$"), "money is text: it plots nothing"
    harness.time_passes()
    while launched := runs.request_tick(tier, instance, definitions.APPROVED):
        assert [run(tier, instance, made, one.tags).is_success for one in launched] == [True]
        harness.time_passes()
    calls = harness.emulator.stats()["calls"]

    attempt = harness.world.request(made, "attempt")
    again = [
        run(tier, instance, made, tags)
        for tags in (
            {},
            first_daemon[0].tags,
            {sensors.ATTEMPT: str(attempt)},
            {sensors.ATTEMPT: str(attempt + 1)},
        )
    ]

    assert not any(one.is_success for one in again)
    assert runs.request_tick(tier, instance, definitions.APPROVED) == []
    assert harness.emulator.stats()["calls"] == calls
    harness.assert_all_is_over()


def test_a_launch_that_waits_in_the_queue_is_not_launched_again_and_still_begins(location):
    harness, made, tier, instance = location
    [launched] = runs.request_tick(tier, instance, definitions.APPROVED)
    waiting = instance.create_run_for_job(
        tier.resolve_job_def(sensors.JOB),
        tags=launched.tags,
        status=dg.DagsterRunStatus.STARTING,
    )

    harness.world.lease_over()
    assert runs.request_tick(tier, instance, definitions.APPROVED) == []
    assert run(tier, instance, made, launched.tags).is_success

    harness.time_passes()
    instance.report_run_failed(waiting)
    assert runs.request_tick(tier, instance, definitions.APPROVED) != [], "it waits no more"


def everything_in(database):
    """(schema.table, text of a row) of every table, bytes as hex and as text."""
    with psycopg.connect(database.dsn("postgres"), autocommit=True) as conn:
        tables = conn.execute(
            "select schemaname, tablename from pg_tables "
            "where schemaname not in ('pg_catalog', 'information_schema')"
        ).fetchall()
        for place in tables:
            query = compose.SQL("select t.* from {} t").format(compose.Identifier(*place))
            for row in conn.execute(query):
                text = " ".join(
                    bytes(cell).decode("latin-1")
                    if isinstance(cell, bytes | memoryview)
                    else str(cell)
                    for cell in row
                )
                yield ".".join(place), text


def written_as(value):
    """A value as it is stored and as a provider writes it."""
    if not value.startswith("+1"):
        return [value, value.upper()]
    digits = value[2:]
    return [value, digits, f"({digits[:3]}) {digits[3:6]}-{digits[6:]}"]


def test_no_value_and_no_name_is_where_it_does_not_belong(due, tmp_path):
    harness, made = due
    settings = settings_of(harness, tmp_path / "home")
    harness.emulator.mode("enformion", "429", times=1, retry_after=600)

    done = contact_once(settings, "-c", SEEN)

    said = done.stdout + done.stderr
    rows = list(everything_in(harness.world.database))
    places = {place for place, _ in rows}
    assert {"contacts.contact_point", "audit.event", "dagster.event_logs"} <= places
    handed_out = harness.emulator.handed_out()
    assert len(handed_out) > 1
    assert harness.world.one("select count(*) from contacts.contact_point") > 0
    assert "longer pause" in done.stdout, "the text of an error was looked at too"
    for value in handed_out:
        for form in written_as(value):
            assert form not in said
            assert [place for place, text in rows if form in text] == []
    names = ["Tester", *(c.inputs["domain"] for c in harness.world.known.values())]
    apart = [
        (place, text) for place, text in rows if place.startswith(("audit.", "dagster.", "ops."))
    ]
    for name in names:
        assert name not in said
        assert [place for place, text in apart if name in text] == []
    assert str(made.request_id) in said


@pytest.mark.parametrize("provider", ["apollo", "enformion"])
def test_somebody_elses_values_are_not_stored_and_their_cost_is(due, provider):
    harness, made = due
    harness.emulator.mode(provider, "other_person")

    harness.recover(made)

    harness.assert_all_is_over()
    gate = harness.world
    count = "select count(*) from contacts.contact_point where provider = %s"
    assert gate.one(count, provider) == 0
    assert gate.money(provider)[1] == harness.charged_micros(provider) > 0
    reasons = gate.owner(
        "select distinct q.reason from contacts.quarantine q join gate.call c using (call_id) "
        "where c.provider = %s",
        provider,
    )
    assert reasons == [("name_mismatch",)]


def flags_of(card):
    """Number -> (dnc, tcpa, litigator) as the provider states them, of a card of Apollo."""
    said = {"found": True, "not_found": False, None: None}
    known = harnesses.known_to_apollo(card.inputs["first_name"], card.inputs["domain"])
    body, _ = provider_answers.apollo_result([known], 1)
    return {
        phone["sanitized_number"]: tuple(
            said[phone[f"{flag}_status_cd"]] for flag in ("dnc", "tcpa", "litigator")
        )
        for person in body["webhook_result"]["people"]
        for phone in person["phone_numbers"]
    }


def test_a_warning_is_handed_over_though_a_newer_answer_does_not_repeat_it(harness):
    harness.world.cards(10)
    made = harness.approved(10, fields=["phone"])
    harness.recover(made)
    listed, call, request, card, kind, sealed = harness.world.owner(
        "update contacts.contact_point set dnc = true, tcpa = false, litigator = null, "
        "flags_checked_at = obtained_at, "
        "flags_valid_until = obtained_at + interval '31 days' where contact_point_id = (select "
        "contact_point_id from contacts.contact_point where kind = 'phone' limit 1) "
        "returning contact_point_id, call_id, request_id, card_id, kind, ciphertext"
    )[0]
    value, newer = harness.vault.decrypt(listed, kind, sealed), uuid4()
    harness.world.owner(
        "insert into contacts.contact_point (contact_point_id, card_id, kind, ciphertext, "
        "blind_index, status, provider, call_id, request_id, price_micros, purpose, legal_basis, "
        "obtained_at) select %s, %s, %s, %s, sha256('newer'), 'verified', 'enformion', %s, %s, 0, "
        "'p', 'l', now() + interval '1 hour'",
        *(newer, card, kind, harness.vault.encrypt(newer, kind, value), call, request),
    )

    rows, _, _ = points.of_request(
        harness.world.contacts, harness.vault, made.request_id, schema.load("lead_contact")
    )

    [row] = [r for r in rows.to_pylist() if (r["card_id"], r["value"]) == (card, value)]
    assert (row["provider"], row["dnc"], row["tcpa"]) == ("enformion", True, None)
    assert row["flags_valid_until"] is not None


def test_a_flag_that_nobody_stated_stays_null_to_the_batch(harness):
    harness.world.cards(40)
    made = harness.approved(40, fields=["email", "phone"])
    harness.recover(made)

    rows, _, _ = points.of_request(
        harness.world.contacts, harness.vault, made.request_id, schema.load("lead_contact")
    )

    phones = [row for row in rows.to_pylist() if row["kind"] == "phone"]
    got = {
        row["value"]: (row["dnc"], row["tcpa"], row["litigator"])
        for row in phones
        if row["provider"] == "apollo"
    }
    stated = {
        number: flags
        for card in harness.world.known.values()
        for number, flags in flags_of(card).items()
    }
    assert got == {number: stated[number] for number in got}
    for place in range(3):
        assert {flags[place] for flags in got.values()} == {None, True, False}
    silent = [row for row in rows.to_pylist() if row["provider"] == "enformion"]
    assert any(row["kind"] == "phone" for row in silent)
    assert all(
        row[name] is None
        for row in silent
        for name in ("dnc", "tcpa", "litigator", "flags_checked_at", "flags_valid_until")
    )
    assert all(
        (row["flags_checked_at"] is None) == (row["dnc"] is row["tcpa"] is row["litigator"] is None)
        for row in phones
    )


def test_words_nobody_announced_are_stored_as_unknown(due):
    harness, made = due
    for provider in harnesses.PER_UNIT:
        harness.emulator.mode(provider, "schema_drift")
    harness.emulator.mode("apollo", "schema_drift", on="poll")

    harness.recover(made)

    harness.assert_all_is_over()
    stored = harness.world.owner(
        "select distinct status, dnc, tcpa, litigator, confidence from contacts.contact_point"
    )
    assert stored == [("unknown", None, None, None, None)]


@pytest.mark.parametrize("mode", ["no_credits_field", "negative_credits"])
def test_a_charge_that_is_not_stated_is_unknown_and_not_nothing(due, mode):
    harness, _ = due
    harness.world.settings(reconcile_wait="1 hour")
    harness.emulator.mode("apollo", mode)

    harness.work()

    assert harness.world.owner("select state, charged_micros from gate.call") == [("UNKNOWN", 0)]
    reserved, spent, _ = harness.world.money()
    assert (reserved, spent) == (3 * 450_000, 0)
    assert harness.world.one("select count(*) from contacts.contact_point") == 0

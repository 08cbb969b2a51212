"""A backup of the database comes back after a request was paid: nobody is paid for twice."""

import functools
from datetime import UTC, datetime

from sxe_pipeline.gate import reads
from sxe_pipeline.local import contact_once, contact_recovery, keys
from sxe_pipeline.store import key_files, sql
from sxe_pipeline.store.functions import at_once, call_function
from sxe_pipeline_tests.contacts.harness import harness_on
from sxe_pipeline_tests.contacts.test_location import rows_of, settings_of
from sxe_pipeline_tests.databases import copy_of, drop


def register_key(database, home):
    """That of the home's contact process, which made it at its first run."""
    signer = key_files.of_file(key_files.contact_file(home))
    with sql.connect(database.dsn("sxe_admin")) as conn:
        keys.register(conn, [(signer.public_key, ())], actor="test", now=datetime.now(UTC))


def test_k01_who_was_asked_about_after_the_backup_is_not_paid_for_again(
    approved, emulator, tmp_path
):
    template, tokens, known, made = approved
    home = tmp_path / "home"
    lived, backup = (copy_of(template.state, template.name) for _ in range(2))
    with harness_on(lived, tokens, emulator, known) as harness:
        assert rows_of(settings_of(harness, home), contact_once.main)[0]["ok"]
        paid = emulator.stats()["charges"]
        assert any(paid.values())

    with harness_on(backup, tokens, emulator, known) as harness:
        world, settings = harness.world, settings_of(harness, home)
        [refused] = rows_of(settings, contact_once.main)
        assert not refused["ok"]
        assert "restored" in refused["failure"]
        assert emulator.stats()["charges"] == paid
        assert rows_of(settings, contact_once.main) == []  # nothing is launched

        register_key(backup, home)
        [found] = rows_of(settings, functools.partial(contact_recovery.main, False))
        assert found["asks"] == 3
        stores = {"contact_handoff": found["number"]}
        with at_once(world.api):
            seen = call_function(world.api, "ops.seen_now", stores)
        world.agree("recovery", seen)
        assert {p.circuit_state for p in reads.providers(world.api)} == {"open"}
        world.api.commit()  # else the answers belong to the reading
        for provider in ("apollo", "enformion"):
            world.agree("circuit", {"provider": provider})
        world.owner("update gate.request set launch_until = null, lease_until = null")
        assert rows_of(settings, contact_once.main)[0]["ok"]

        assert emulator.stats()["charges"] == paid
        reasons = world.owner("select distinct skip_reason from gate.request_item")
        assert reasons == [("maybe_paid",)]
        assert reads.find(world.api, made.request_id).state == "DONE"
    for database in (lived, backup):
        drop(database)

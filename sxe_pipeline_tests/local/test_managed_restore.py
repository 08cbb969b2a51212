"""A managed database is restored from a dump, and a day of work is lost: nothing is paid twice,
nothing suppressed leaves, nobody gets a second card id; two persons look, and work goes on.
"""

import json
import subprocess
from datetime import timedelta

import pyarrow.parquet as pq
import pytest

from sxe_pipeline.privacy import suppression
from sxe_pipeline_tests.contacts.harness import paid_twice
from sxe_pipeline_tests.gate.world import World
from sxe_pipeline_tests.local import managed
from sxe_pipeline_tests.local.containers import until
from sxe_pipeline_tests.local.deployment import DAY, deployed

pytestmark = pytest.mark.platform
DAYS = [DAY - timedelta(days=n) for n in (2, 1, 0)]
CARDS = "select anchor_account_key, card_id from social.card"


@pytest.fixture
def platform(service, tmp_path):
    managed.require(managed.POSTGRES / "pg_dump", managed.POSTGRES / "pg_restore")
    with deployed(service, tmp_path) as made:
        yield made


def dump(platform):
    file = platform.folder / "dump"
    url = platform.database.dsn("postgres")
    subprocess.run([managed.POSTGRES / "pg_dump", "-Fc", "-f", file, url], check=True)
    return file


def restore(platform, file):
    """In place of what is there, as a service does it from a backup."""
    service, name = platform.database.service, platform.database.name
    service.run(f"drop database {name} with (force)")
    service.new_database(name)
    url = platform.database.dsn("postgres")
    subprocess.run([managed.POSTGRES / "pg_restore", "-d", url, file], check=True)
    assert "changed by hand" in platform.operator("status").stderr
    platform.migrate(service)  # a dump does not hold who may log in to the database


def ask(platform, world, market, cards):
    made = world.submit(market=market, card_ids=cards)
    world.approve(made)
    return made


def is_over(platform, made):
    state = "select state from gate.request where request_id = %s"
    return platform.rows(state, made.request_id)[0][0] in ("DONE", "HALTED")


def handed_off(platform, batch_id):
    found = set()
    for (bucket, key), data in list(platform.storage.objects.items()):
        # Removes say who left; rows are what is handed off.
        is_rows = key.endswith(".parquet") and "_removes/" not in key
        if bucket == "handoff" and batch_id in key and is_rows:
            file = platform.folder / "part.parquet"
            file.write_bytes(data)
            found |= set(pq.read_table(file)["card_id"].to_pylist())
    return found


def test_after_a_restore_nobody_is_paid_for_again_and_no_suppressed_card_leaves(platform):
    world = World(platform.database)
    platform.start()
    platform.land(0, DAYS[0])
    platform.until_observed(10)
    platform.night(DAYS[0])
    [(_, market, _)] = platform.until_published("lead_card")
    world.open(cap=100_000_000, market=market)
    first, *others = sorted(card for _, card in platform.rows(CARDS))
    made = ask(platform, world, market, [first])
    until(lambda: is_over(platform, made), 120, platform.told)
    backup = dump(platform)

    # A day goes by, and is lost.
    platform.land(1, DAYS[1])
    platform.until_observed(20)
    known = dict(platform.rows(CARDS))
    paid_for, suppressed = others[:4], others[5]
    made = ask(platform, world, market, paid_for)
    until(lambda: is_over(platform, made), 120, platform.told)
    suppression.suppress(world.api, world.tokens["cho"], suppressed, "asked")
    platform.night(DAYS[1])
    batches = platform.until_published("lead_card", 2)
    assert suppressed not in handed_off(platform, batches[-1][0])
    paid = platform.emulator.stats()["charges"]
    for each in (platform.engine, platform.contact):
        each.lose()
    tokens = world.tokens
    world.close()
    restore(platform, backup)

    # It knows it: nothing leaves, and everybody who looks is told.
    world = World(platform.database)
    world.tokens = tokens
    platform.start()
    platform.land(2, DAYS[2])
    made = ask(platform, world, market, paid_for)
    failed = "select 1 from ops.run where outcome = 'refused'"
    until(lambda: platform.rows(failed), 120, platform.told)
    assert len(platform.published("lead_card")) == 1
    assert platform.emulator.stats()["charges"] == paid
    for verb in (["doctor"], ["status"], ["audit", "verify"]):
        seen = platform.operator(*verb)
        assert seen.returncode != 0
        assert "restored" in (seen.stdout + seen.stderr).lower(), verb

    # Two persons look, and work goes on.
    looked = json.loads(platform.operator("recover", "--dry-run", "--json").stdout)
    assert looked["batches"] == 1
    done = platform.operator(
        "recover", "--reason", "restored the dump", "--json", SXE_TOKEN=tokens["cho"]
    )
    proposal = json.loads(done.stdout)["proposal_id"]
    done = platform.operator("budget", "confirm", str(proposal), SXE_TOKEN=tokens["dan"])
    assert done.returncode == 0, done.stdout + done.stderr
    for provider in ("apollo", "enformion"):
        world.agree("circuit", {"provider": provider})
    platform.until_observed(30)
    until(lambda: is_over(platform, made), 180, platform.told)
    platform.night(DAYS[2])
    batches = platform.until_published("lead_card", 3)

    assert platform.emulator.stats()["charges"] == paid
    assert paid_twice(platform.emulator.stats()) == []
    after = dict(platform.rows(CARDS))
    assert {key: after[key] for key in known} == known
    assert len(after) == len(known) + 10
    assert suppressed not in handed_off(platform, batches[-1][0])
    chain = platform.rows(
        "select prev_batch_id from handoff.batch where state = 'published' "
        "and contract = 'lead_card'"
    )
    assert len(set(chain)) == len(chain), "two batches follow the same one"
    world.close()
    platform.end()

"""Identities as stored: one row per profile, ids in Postgres before the table is named."""

import signal
import subprocess
import sys
import textwrap

import pytest

from sxe_pipeline.social import identities, observe, profiles
from sxe_pipeline.store import tables
from sxe_pipeline_tests.social.landing import DAY, NEXT_DAY, NOW, File, sighting

ANA = (
    sighting("id:1", handle="ana", links=["https://tiktok.com/@ana_t"]),
    sighting("id:7", platform="tiktok", hours=1, handle="ana_t", bio="IG: ana.b"),
    sighting("id:9", platform="threads", hours=2, handle="ana.b", bio="insta @ana.b"),
    sighting("id:2", hours=3, handle="ben"),
)


def build(tier, *sightings, day=DAY, **more):
    tier.observe({day: [File(f"{day}", tuple(sightings))]})
    tier.profiles()
    return tier.identities(**more)


def test_declared_accounts_share_a_card_with_basis_and_evidence(tier):
    rows = build(tier, *ANA)

    ana = {key: row for key, row in rows.items() if key != ("x", "id:2")}
    assert len({row["card_id"] for row in ana.values()}) == 1
    assert rows["x", "id:2"]["card_id"] not in {row["card_id"] for row in ana.values()}
    assert {key: (row["basis"], row["evidence"]) for key, row in ana.items()} == {
        ("x", "id:1"): ("self", None),
        ("tiktok", "id:7"): ("link_field", "tiktok:ana_t"),
        ("threads", "id:9"): ("shared_target", "instagram:ana.b"),
    }


def test_a_rebuild_keeps_every_id(tier):
    before = build(tier, *ANA)

    assert tier.identities() == before
    assert tier.ask("select count(*) from social.alias") == [(0,)]


def test_a_fold_an_alias_and_a_retired_card_reach_postgres(tier):
    first = build(tier, sighting("handle:ana"), sighting("id:2", handle="ben"))
    brought = first["x", "handle:ana"]["card_id"]

    folded = build(tier, sighting("id:1", hours=1, handle="Ana"), day=NEXT_DAY)
    assert folded["x", "id:1"]["card_id"] == brought

    tier.observe({DAY: []})
    tier.profiles()
    tier.identities()
    assert tier.ask("select anchor_account_key from social.card where retired_at is not null") == [
        ("id:2",)
    ]

    merged = build(
        tier,
        sighting("id:1", hours=1, handle="ana", links=["tiktok.com/@ana_t"]),
        sighting("id:7", platform="tiktok", hours=2, handle="ana_t"),
        day=NEXT_DAY,
    )
    assert {row["card_id"] for row in merged.values()} == {brought}


def test_aliases_lead_to_the_living_card_in_one_step(tier):
    loose = [
        sighting("id:1", handle="a"),
        sighting("id:1", platform="tiktok", hours=1, handle="b"),
        sighting("id:1", platform="threads", hours=2, handle="c"),
    ]
    link = {"links": ["https://threads.com/@c"]}
    build(tier, loose[2], mint=lambda: "third", now=NOW)
    build(tier, loose[1], day=NEXT_DAY, mint=lambda: "second", now=NOW.replace(hour=1))
    tier.observe({DAY: [File("two", (loose[2], loose[0]))]})
    tier.profiles()
    tier.identities(mint=lambda: "first", now=NOW.replace(hour=0))

    build(tier, loose[1] | link, day=NEXT_DAY)
    both = {"links": ["https://threads.com/@c", "https://tiktok.com/@b"]}
    rows = build(tier, loose[2], loose[0] | both)

    assert {row["card_id"] for row in rows.values()} == {"first"}
    assert tier.ask("select card_id, survivor_card_id, cause from social.alias order by 1") == [
        ("second", "first", "merge"),
        ("third", "first", "merge"),
    ]


def test_fan_accounts_and_crowds_stay_alone(tier):
    fan = sighting("id:3", platform="tiktok", handle="ana_fan", bio="fan account of x.com/ana")
    crowd = [
        sighting(f"id:{n}", platform=p, handle=f"h{p}{n}", links=["instagram.com/shop"])
        for n in range(20, 23)
        for p in ("tiktok", "threads")
    ]

    rows = build(tier, sighting("id:1", handle="ana", links=["tiktok.com/@ana_fan"]), fan, *crowd)

    assert len({row["card_id"] for row in rows.values()}) == len(rows) == 8
    assert {row["basis"] for row in rows.values()} == {"self"}


def test_a_link_to_a_phone_number_is_no_evidence(tier):
    link = {"links": ["https://facebook.com/15551234567"]}
    pair = [sighting("id:1", **link), sighting("id:1", platform="tiktok", **link)]

    rows = build(tier, *pair)

    assert {row["evidence"] for row in rows.values()} == {None}


CHILD = """
    import os, sys
    from datetime import UTC, datetime
    from sxe_pipeline.ops import versions
    from sxe_pipeline.social import identities, observe, profiles
    from sxe_pipeline.store import sql
    from sxe_pipeline_tests.social import landing

    def die(conn, name, version, **_):
        os.kill(os.getpid(), 9)

    step, dsn, root = sys.argv[1:]
    versions.name = die
    versions.is_current = lambda *_: False
    files = {landing.DAY: [landing.File("again", (landing.sighting("id:77"),))]}
    with sql.connect(dsn) as conn:
        if step == "observe":
            observe.observe(conn, root, days=[landing.DAY], files_by_day=files, read=landing.read,
                            now=landing.NOW, actor="test")
        elif step == "profiles":
            profiles.rebuild(conn, root, actor="test", now=landing.NOW)
        else:
            ids = iter(f"killed-{n}" for n in range(99))
            identities.rebuild(conn, root, mint=lambda: next(ids), actor="test", now=landing.NOW)
"""


def kill_before_naming(tier, step):
    child = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(CHILD), step, tier.dsn, tier.root],
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert child.returncode == -signal.SIGKILL, child.stderr.decode()


@pytest.mark.parametrize(
    ("step", "name"), [("observe", observe.TABLE), ("profiles", profiles.TABLE)]
)
def test_a_kill_between_write_and_naming_leaves_the_previous_state(tier, step, name):
    build(tier, *ANA)
    before = tier.rows(name)

    kill_before_naming(tier, step)

    assert tier.rows(name) == before
    assert tier.ask("select count(*) from social.day_count where input_count <> 4") == [(0,)]
    tier.observe({DAY: [File("again", (sighting("id:77"),))]})
    assert set(tier.profiles()) == {("x", "id:77")}, "the replay overwrites what was left behind"


def test_a_killed_identity_run_is_replayed_with_the_ids_it_minted(tier):
    tier.observe({DAY: [File("all", ANA)]})
    tier.profiles()

    kill_before_naming(tier, "identities")

    with tier.conn.transaction():
        assert tables.snapshot(tier.conn, tier.root, identities.TABLE) is None
    rows = tier.identities(mint=lambda: pytest.fail("the replay minted again"))
    assert {row["card_id"] for row in rows.values()} == {"killed-0", "killed-1"}
    assert tier.ask("select kind, count(*) from audit.event group by 1 order by 1") == [
        ("card_ids.assigned", 1),
        ("identities.written", 1),
        ("observations.written", 1),
        ("profiles.written", 1),
    ]

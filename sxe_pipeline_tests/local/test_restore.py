"""A backup is restored a day later: nothing leaves before people looked, and then work goes on."""

from datetime import timedelta

import pytest

from sxe_pipeline import settings as environment
from sxe_pipeline.errors import Refused
from sxe_pipeline.gate import people
from sxe_pipeline.local import recovery, runs, variables
from sxe_pipeline.ops import continuity, status
from sxe_pipeline.privacy import suppression
from sxe_pipeline.store import sql
from sxe_pipeline.store.functions import call_function
from sxe_pipeline_tests import databases
from sxe_pipeline_tests.gate.world import World
from sxe_pipeline_tests.places import TODAY, Place, land, person

YESTERDAY = TODAY - timedelta(days=1)
HEADS = "select seq, sha256, put_at is not null from handoff.head order by contract, seq"
LOGINS = {
    "SXE_SOCIAL_DATABASE_URL": "sxe_social",
    "SXE_CONTACTS_DATABASE_URL": "sxe_contacts",
    "SXE_API_DATABASE_URL": "sxe_api",
    "DAGSTER_DATABASE_URL": "sxe_dagster",
}


def settings_of(place, database, *roles):
    urls = {name: database.dsn(role) for name, role in LOGINS.items() if role in roles}
    return environment.load({"SXE_HOME": str(place.settings.home), "SXE_SETTLE_S": "0", **urls})


def moved(place, database, monkeypatch):
    """The same stores on another database, as after a restore in its place."""
    given = settings_of(place, database, "sxe_social", "sxe_dagster")
    for name, value in variables.exports(given, variables.dagster_home(given)).items():
        monkeypatch.setenv(name, value)
    return Place(given, place.instance, database)


def day_of_work(place, day, *persons, name="page.json"):
    land(place.settings.home, day, persons, name=name)
    place.tick()
    return place.run("tier1_day", day)


def cards(place):
    """Platform account -> card id, of everybody."""
    rows = place.table("social/identities").to_pylist()
    return {row["account_key"]: row["card_id"] for row in rows}


def backup_of(place):
    databases.log_out(place.database)
    runs.keep_connections(place.instance)
    return databases.copy_of(place.database.state, place.database.name)


TOLD = (
    "select kind, remove_count, keys_sha256, batch_id from handoff.batch "
    "where state = 'published' order by contract, day"
)
"""What the database knows of a batch; the proof of reading it stands in no manifest."""


@pytest.fixture
def world(place):
    made = World(place.database)
    made.bootstrap()
    made.close()
    return made


def test_k01_a_backup_that_is_restored_pays_and_publishes_nothing_until_two_persons_looked(
    place, world, monkeypatch
):
    assert day_of_work(place, YESTERDAY, person(1), person(2)).is_success
    backup = backup_of(place)
    # A day goes by, and is lost.
    assert day_of_work(place, TODAY, person(3), person(4)).is_success
    known = cards(place)
    with sql.connect(place.database.dsn("sxe_api")) as conn:
        suppression.suppress(conn, world.tokens["cho"], known["id:" + person(3)["id"]], "asked")
    assert day_of_work(place, TODAY, person(5), name="more.json").is_success
    known = cards(place)
    published, told = place.batches(), place.rows(TOLD)
    assert [day for _, day, _ in published] == [YESTERDAY, TODAY]
    assert [kind for kind, *_ in told] == ["full", "full", "full", "delta"], "pools, then cards"
    heads = place.rows(HEADS)
    assert len(heads) == 4

    restored = moved(place, backup, monkeypatch)
    refused = day_of_work(restored, TODAY, person(6), name="last.json")

    assert not refused.is_success
    assert "restored" in refused.failure
    assert [day for _, day, _ in restored.batches()] == [YESTERDAY]
    with sql.connect(backup.dsn("sxe_api")) as api, sql.connect(backup.dsn("sxe_contacts")) as conn:
        assert status.read(api).doubts == ("handoff", "tier1")
        assert call_function(conn, "gate.claim_launches", 20) is None

    loaded = settings_of(restored, backup, *LOGINS.values())
    seen = recovery.bring_back(restored.settings, loaded, is_dry_run=True)
    assert (seen.batches, seen.cards, seen.suppressions) == (2, 3, 1), "cards, and pools"
    assert restored.rows("select count(*) from social.card") == [(2,)]
    for _ in range(2):  # it may be done again
        recovery.bring_back(restored.settings, loaded, is_dry_run=False)
    assert (restored.batches(), restored.rows(TOLD)) == (published, told)
    assert restored.rows(HEADS) == heads
    with sql.connect(backup.dsn("sxe_api")) as api:
        content = call_function(api, "ops.seen_now", seen.counts)
        made = people.propose(api, world.tokens["cho"], "recovery", content, "restored")
        with pytest.raises(Refused, match="a second person confirms"):
            people.decide(api, world.tokens["cho"], made, is_confirmed=True)
        people.decide(api, world.tokens["dan"], made, is_confirmed=True)
        assert continuity.doubts(api) == []

    # Work goes on: every person keeps the id, no chain forks, who was suppressed stays away.
    assert restored.run("tier1_intake", YESTERDAY, TODAY).is_success
    after = cards(restored)
    assert {key: after[key] for key in known} == known
    assert len(after) == 6
    newest = restored.rows(
        "select contract, prev_batch_id from handoff.batch where state = 'published'"
    )
    assert len(set(newest)) == len(newest)
    with sql.connect(backup.dsn("sxe_social")) as conn:
        assert known["id:" + person(3)["id"]] in suppression.suppressed(conn)
    databases.drop(backup)


def test_nothing_is_brought_back_to_a_database_that_is_not_behind(place):
    with (
        sql.connect(place.settings.need("social_dsn")) as conn,
        pytest.raises(Refused, match="not behind its stores"),
    ):
        call_function(conn, "privacy.recover_suppressions", ["a"])


def test_what_is_adopted_is_what_was_looked_at(place, world):
    with sql.connect(place.database.dsn("sxe_api")) as api:
        content = call_function(api, "ops.seen_now", {"tier1": 1})
        made = people.propose(
            api, world.tokens["cho"], "recovery", content | {"timeline": 7}, "restored"
        )

        with pytest.raises(Refused, match="is not what was proposed"):
            people.decide(api, world.tokens["dan"], made, is_confirmed=True)

"""Heads as the social tier makes them: at the end of a night, and by a sensor in between."""

from datetime import timedelta

import pytest

from sxe_pipeline.audit import checkpoints, seal
from sxe_pipeline.handoff import publish
from sxe_pipeline.handoff.files import head
from sxe_pipeline.local import runs
from sxe_pipeline.sign import Signer
from sxe_pipeline.store import sql
from sxe_pipeline.store.objects import Objects
from sxe_pipeline_tests.places import TODAY, copied, land, person, prepared

YESTERDAY = TODAY - timedelta(days=1)


def publish_a_day(place):
    land(place.settings.home, YESTERDAY, [person(1), person(2)])
    place.tick()
    return place.run("tier1_day", YESTERDAY)


def publish_whole(place):
    done = publish_a_day(place)
    assert done.is_success, done.failure


def publish_and_die(place):
    def dies(*_, **__):
        raise RuntimeError("the process ends here")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("sxe_pipeline.handoff.assets.heads.make", dies)
        assert not publish_a_day(place).is_success
    assert place.batches()


@pytest.fixture(scope="module")
def whole(server, tmp_path_factory):
    """Database and home of a day that was published: what tests copy."""
    with prepared(server, tmp_path_factory.mktemp("whole") / "home", publish_whole) as made:
        yield made


@pytest.fixture(scope="module")
def cut_off(server, tmp_path_factory):
    """The same of a run that died before its head."""
    with prepared(server, tmp_path_factory.mktemp("cut") / "home", publish_and_die) as made:
        yield made


@pytest.fixture
def published(whole, tmp_path):
    """A day of two persons, published."""
    with copied(*whole, tmp_path / "home") as place:
        yield place


@pytest.fixture
def without_head(cut_off, tmp_path):
    """The same, by a run that died before its head."""
    with copied(*cut_off, tmp_path / "home") as place:
        yield place


def stored(place):
    rows = place.rows(
        "select seq, bytes, put_at is not null from handoff.head "
        "where contract = 'lead_card' order by seq"
    )
    store = Objects(place.settings.handoff_url)
    for seq, data, is_put in rows:
        assert not is_put or store.get(head.key_of("lead_card", 1, seq)) == data
    return [(head.fields_of(bytes(data)), is_put) for _, data, is_put in rows]


def test_a_night_ends_with_a_head_and_a_day_that_changes_nothing_is_said_in_the_next(published):
    [(first, is_put)] = stored(published)
    assert is_put
    assert [b["day"] for b in first["batches"]] == [YESTERDAY.isoformat()]

    assert published.run("tier1_day", TODAY).is_success

    [_, (second, _)] = stored(published)
    assert [b["batch_id"] for b in second["batches"]] == [b["batch_id"] for b in first["batches"]]
    assert {b["unchanged_through"] for b in second["batches"]} == {TODAY.isoformat()}
    assert len(published.batches()) == len(first["batches"])
    assert published.run("tier1_day", TODAY).is_success
    assert len(stored(published)) == 2, "a day that is over is not said again"


def test_the_event_of_a_head_is_attested_by_the_run_that_made_it(published):
    made = published.rows(
        "select a.run_id from audit.event e join audit.attested_event c using (event_id) "
        "join audit.attestation a using (digest) where e.kind = 'head.made'"
    )
    assert len(made) == 2, "of cards, and of pools"
    assert all(run_id is not None for (run_id,) in made)


def test_the_sensor_makes_the_head_that_a_run_did_not_get_to(without_head):
    assert stored(without_head) == []

    assert without_head.tick("renewed_heads") == []

    [(made, is_put)] = stored(without_head)
    assert (made["seq"], is_put) == (1, True)
    without_head.tick("renewed_heads")
    assert len(stored(without_head)) == 1


def test_a_run_that_dies_between_two_markets_makes_no_head_and_its_next_attempt_does(
    place, monkeypatch
):
    land(place.settings.home, YESTERDAY, [person(1)], name="a.json")
    place.tick()
    real = publish.publish

    def dying(*args, **kwargs):
        real(*args, **kwargs)
        raise RuntimeError("the process ends here")

    monkeypatch.setattr("sxe_pipeline.handoff.day_batches.publish", dying)
    assert not place.run("tier1_day", YESTERDAY).is_success
    assert stored(place) == []
    assert len(place.batches()) == 1
    monkeypatch.undo()

    assert place.run("tier1_day", YESTERDAY).is_success

    [(made, _)] = stored(place)
    assert len(made["batches"]) == 1


def test_a_head_carries_the_newest_checkpoint_and_a_consumer_reads_it_off(published, tmp_path):
    sealer = Signer.generate()
    with sql.connect(published.database.dsn("sxe_sealer")) as conn:
        seal.tick(conn, Objects((tmp_path / "audit").as_uri()), sealer)
    assert published.run("tier1_day", TODAY).is_success

    [_, (said, _)] = stored(published)
    store = Objects(published.settings.handoff_url)
    whole = store.get(head.key_of("lead_card", 1, said["seq"]))
    kept = checkpoints.kept_in(whole)
    assert checkpoints.read(kept, [sealer.public_key]).tree_size > 0


def test_before_anything_is_published_the_sensor_rests(place):
    assert place.tick("renewed_heads") == []
    assert stored(place) == []


def test_in_a_database_that_may_be_behind_its_stores_no_head_is_made(without_head):
    with sql.connect(without_head.settings.need("social_dsn")) as conn:
        conn.execute("select ops.doubt_store('handoff', 99)")
        conn.commit()
    with pytest.raises(Exception, match="recover"):
        runs.sensor_tick(without_head.tier, without_head.instance, "renewed_heads")
    assert stored(without_head) == []

"""Batches that were kept for long enough: their files go, that they were stays provable."""

import datetime as dt
import os

import pytest

from sxe_pipeline.audit import attest
from sxe_pipeline.errors import Busy, NotFound, Refused, StoreUnavailable, Tampered
from sxe_pipeline.handoff.files import expired, manifest
from sxe_pipeline.handoff.reader.verify import Prefix, verify
from sxe_pipeline.handoff.retention import expire_batches
from sxe_pipeline.ops import periods
from sxe_pipeline.ops.retention import Terms
from sxe_pipeline.sign import Signer
from sxe_pipeline.store import sql
from sxe_pipeline.store.objects import Objects
from sxe_pipeline_tests.handoff.contacts import DAY, NOW, at, contacts
from sxe_pipeline_tests.handoff.crashing import MANIFEST, Cut, Faulty, held

NEXT = DAY + dt.timedelta(days=1)
YEARS_LATER = dt.datetime.now(dt.UTC) + dt.timedelta(days=800)


@pytest.fixture
def expire(conn, store, signer):
    """`expire()`: what the social tier's night does with its batches."""

    def call(objects=store, now=YEARS_LATER, **more):
        terms = Terms(periods.load(), now, "asset:ops/expired_data", **more)
        return expire_batches(
            conn,
            objects,
            line="batches",
            contracts=["lead_card"],
            signer=lambda: signer,
            terms=terms,
        )

    return call


@pytest.fixture
def two(run, cards):
    """Two full batches of one market, oldest first."""
    return run(cards(3)), run(cards(3, seed=2), day=NEXT)


def names(store, batch_id):
    return sorted(key.rpartition("/")[2] for key in held(store) if batch_id in key)


def test_f9_the_files_of_an_old_batch_go_and_its_manifest_stays(expire, two, store, events):
    old, newest = two
    whole = names(store, newest.batch_id)

    gone = expire()

    assert (gone.count, gone.first_day, gone.last_day) == (1, DAY, DAY)
    assert names(store, old.batch_id) == [expired.NAME, manifest.NAME]
    assert names(store, newest.batch_id) == whole
    assert events(old.batch_id)[-2:] == ["batch.expired", "batch.deleted"]
    assert expire().count == 0


def test_f9_a_consumer_is_told_what_became_of_it(expire, two, store, signer):
    old, newest = two
    expire()

    with pytest.raises(NotFound, match="take a newer batch"):
        verify(Prefix(store, f"lead_card/v1/{old.batch_id}"), signer.public_key)
    assert verify(Prefix(store, f"lead_card/v1/{newest.batch_id}"), signer.public_key)


def test_nobody_else_can_say_that_a_batch_was_deleted(two, store, signer):
    _, newest = two
    forged = expired.statement(newest.batch_id, "lead_card", "ab" * 32, "2026", Signer.generate())
    store.put_new(f"lead_card/v1/{newest.batch_id}/{expired.NAME}", forged)

    with pytest.raises(Tampered):
        verify(Prefix(store, f"lead_card/v1/{newest.batch_id}"), signer.public_key)


def test_a_statement_is_of_one_batch_alone(expire, two, store, signer):
    old, newest = two
    expire()
    said = store.get(f"lead_card/v1/{old.batch_id}/{expired.NAME}")
    store.put_new(f"lead_card/v1/{newest.batch_id}/{expired.NAME}", said)

    with pytest.raises(Tampered, match="another batch"):
        verify(Prefix(store, f"lead_card/v1/{newest.batch_id}"), signer.public_key)


def test_what_a_consumer_starts_from_stays_however_old_it_is(expire, run, cards, store):
    only = run(cards(3))
    whole = names(store, only.batch_id)

    assert expire().count == 0
    assert names(store, only.batch_id) == whole


def test_the_database_refuses_to_let_it_go(conn, run, cards):
    only = run(cards(3))

    with pytest.raises(Exception, match="may still start from that batch"), conn.transaction():
        conn.execute("select handoff.begin_expiry(%s, '', 'test')", [only.batch_id])


def test_what_is_young_stays_and_a_dry_run_changes_nothing(expire, two, store):
    before = held(store)

    assert expire(now=dt.datetime.now(dt.UTC)).count == 0
    assert expire(is_dry_run=True).count == 1
    assert held(store) == before


class Failing(Objects):
    """A store of which the n-th change fails."""

    def __init__(self, url, left):
        super().__init__(url)
        self._left = left

    def _count(self):
        self._left -= 1
        if self._left == 0:
            raise StoreUnavailable("gone")

    def put_new(self, key, data):
        self._count()
        return super().put_new(key, data)

    def delete(self, key):
        self._count()
        super().delete(key)


@pytest.mark.parametrize("left", range(1, 4))
def test_a_deletion_that_broke_off_is_ended_by_the_next_one(expire, two, store, events, left):
    old, _ = two
    with pytest.raises(StoreUnavailable):
        expire(Failing(store.url, left))

    expire()

    assert names(store, old.batch_id) == [expired.NAME, manifest.NAME]
    assert events(old.batch_id)[-2:] == ["batch.expired", "batch.deleted"]


def test_a_night_that_was_given_up_deletes_nothing(expire, two, store):
    before = held(store)

    def lost(_):
        raise Refused("given up")

    with pytest.raises(Refused):
        expire(recheck=lost)

    assert held(store) == before


def test_contact_data_goes_even_where_it_is_the_newest(publish_contacts, login, store, signer):
    done = publish_contacts(contacts(3), at())

    gone = expire_batches(
        login,
        store,
        line="contact_batches",
        contracts=["lead_contact"],
        signer=lambda: signer,
        terms=Terms(periods.load(), YEARS_LATER, "asset:contacts/expired_data"),
    )

    assert gone.count == 1
    assert names(store, done.batch_id) == [expired.NAME, manifest.NAME]


@pytest.fixture
def night(login, store, signer):
    """`night(days)`: what the contact tier's night does, so many days after the batches."""

    def call(days=2, objects=store, **more):
        terms = Terms(
            periods.load(), NOW + dt.timedelta(days=days), "asset:contacts/expired_data", **more
        )
        return expire_batches(
            login,
            objects,
            line="contact_batches",
            contracts=["lead_contact"],
            signer=lambda: signer,
            terms=terms,
        )

    return call


@pytest.fixture
def begun(publish_contacts, store, login):
    """A batch of six contact points whose run was killed before anybody saw it; its id."""
    with pytest.raises(Cut):
        publish_contacts(contacts(6), objects=Faulty(store.url, MANIFEST, "before"))
    login.rollback()
    (key,) = (key for key in held(store) if key.endswith(".jsonl"))
    return key.split("/")[2]


def test_contact_points_of_a_batch_that_nobody_ever_saw_are_deleted_after_a_day(
    begun, night, store, events
):
    night(days=0)
    assert names(store, begun), "its run may still be at it"

    night()

    assert names(store, begun) == []
    assert events(begun) == ["contact_batch.building", "contact_batch.abandoned"]


def test_what_a_writer_that_was_killed_had_half_written_is_deleted(
    publish_contacts, night, tmp_path
):
    """Of such a file the store's own library tells nobody."""
    done = publish_contacts(contacts(6))
    rows = tmp_path / "handoff" / "lead_contact" / "v1" / done.batch_id / "_jsonl"
    old, young = (rows / f"part-{n}.jsonl#1" for n in range(2))
    for half in (old, young):
        half.write_text('{"value":"someone@example.com"}')
    os.utime(old, (1, 1))

    night()

    assert [half.exists() for half in (old, young)] == [False, True]


def test_what_was_replaced_before_anybody_saw_it_is_deleted_too(
    begun, publish_contacts, night, store
):
    done = publish_contacts(contacts(3))
    assert names(store, begun), "its rows are those of somebody who may have said no since"

    night()

    assert names(store, begun) == []
    assert manifest.NAME in names(store, done.batch_id)


def test_a_batch_that_became_visible_as_its_run_died_counts_as_published_and_stays(
    publish_contacts, night, store, login, events
):
    with pytest.raises(Cut):
        publish_contacts(contacts(6), objects=Faulty(store.url, MANIFEST, "after"))
    login.rollback()
    before = held(store)

    night()

    assert held(store) == before
    (batch_id,) = {key.split("/")[2] for key in before if key.endswith(manifest.NAME)}
    assert events(batch_id) == ["contact_batch.building", "contact_batch.published"]


def test_a_night_that_was_given_up_leaves_what_was_begun(begun, night, store):
    def lost(_):
        raise Refused("given up")

    with pytest.raises(Refused):
        night(recheck=lost)
    night(is_dry_run=True)

    assert names(store, begun)


def test_a_run_whose_files_were_deleted_under_it_makes_nothing_visible(
    publish_contacts, night, store, login
):
    class Slow(Objects):
        """A store in which a night passes, and the same batch begins anew, before the last put."""

        def list(self, prefix=""):
            for entry in store.list(prefix):
                store.delete(entry.key)
            return super().list(prefix)

    with pytest.raises(Busy, match=r"2 files of batch .* are not in the store"):
        publish_contacts(contacts(6), objects=Slow(store.url))
    login.rollback()

    assert publish_contacts(contacts(6)).state == "published"


def test_a_tier_does_not_see_what_expires_of_the_other(publish_contacts, conn):
    publish_contacts(contacts(3), at())

    asked = "select batch_id from handoff.expiring('lead_contact', clock_timestamp(), null)"
    assert conn.execute(asked).fetchall() == []


def test_p9_each_step_has_one_event_which_the_nights_asset_attests(expire, two, api_dsn, conn):
    expire()
    conn.commit()
    with conn.transaction():
        attested = attest(conn, "ops/expired_data", "a run")

    with sql.connect(api_dsn) as reader:
        unequal = reader.execute(
            "select * from audit.reconcile() where without_event > 0 or without_fact > 0"
        ).fetchall()
    assert unequal == []
    assert attested.event_count >= 2

"""A key takes over from another: several sign, consumers follow, a key that was lost ends."""

import datetime as dt
import itertools
import json
import shutil

import pytest

from sxe_pipeline import sign
from sxe_pipeline.errors import BadConfig, BadInput, Refused, Tampered
from sxe_pipeline.handoff import heads, record, rotation
from sxe_pipeline.handoff.files import manifest
from sxe_pipeline.handoff.reader import pull, sources
from sxe_pipeline.handoff.reader.verify import verify
from sxe_pipeline.sign import Signer
from sxe_pipeline.store import sql
from sxe_pipeline_tests.handoff.contacts import DAY, NOW
from sxe_pipeline_tests.handoff.crashing import Cut, Faulty
from sxe_pipeline_tests.handoff.sender import NOON, Sender

HOUR = dt.timedelta(hours=1)
CARDS = ("lead_card",)


def both(new, old):
    """What signs while a key is replaced."""
    return Signer.from_text(f"{new.text()} {old.text()}")


@pytest.fixture
def fresh():
    return Signer.generate()


@pytest.fixture
def rotate(conn, store):
    """`rotate(signer)`: say in the store that its first key takes over."""

    def call(signer, now=NOON, objects=store, contracts=CARDS, by=conn):
        return rotation.write(
            by, objects, signer=signer, contracts=contracts, actor="rotation", now=now
        )

    return call


@pytest.fixture
def sender(tmp_path, signer, cards, store):
    """One who publishes into the store of `rotate`."""
    made = Sender(tmp_path / "handoff", signer)
    made.cards(cards(4))
    made.head()
    return made


@pytest.fixture
def take(sender, tmp_path):
    def call(pinned, now=NOON + 2 * HOUR, into="mine", contract="lead_card"):
        return pull.pull(
            sources.store_of(sender.root),
            pinned.public_key,
            contract=contract,
            major=1,
            into=tmp_path / into,
            now=now,
        )

    return call


class TestSeveralSign:
    def test_the_first_is_the_current_one_and_all_sign(self, fresh, signer, cards, run, store):
        done = run(cards(3), signer=both(fresh, signer))
        folder = f"lead_card/v1/{done.batch_id}"
        sealed = store.get(f"{folder}/{manifest.NAME}")

        ids = [each["keyid"] for each in json.loads(sealed)["signatures"]]
        assert ids == [fresh.key_id, signer.key_id]
        for each in (fresh, signer):
            assert manifest.unseal(sealed, each.public_key)["batch_id"] == done.batch_id

    def test_a_consumer_of_either_verifies(self, fresh, signer, cards, run, tmp_path):
        done = run(cards(3), signer=both(fresh, signer))
        folder = tmp_path / "handoff" / "lead_card" / "v1" / done.batch_id
        for each in (fresh, signer):
            assert verify(folder, each.public_key).key_id == each.key_id

    @pytest.mark.parametrize("separator", [" ", "\n", "  \t", "\r\n"])
    def test_they_are_told_apart_by_white_space(self, fresh, signer, separator):
        read = Signer.from_text(fresh.text() + separator + signer.text() + "\n")
        assert [each.key_id for each in read.all] == [fresh.key_id, signer.key_id]
        assert Signer.from_text(read.text()).all[1].key_id == signer.key_id

    @pytest.mark.parametrize("text", ["", " ", "sxe-signing:x", "{one} {one}", "{one} other"])
    def test_what_is_no_list_of_keys_is_refused_without_repeating_it(self, fresh, text):
        with pytest.raises(BadConfig) as caught:
            Signer.from_text(text.format(one=fresh.text()))
        assert fresh.text() not in str(caught.value)

    def test_none_of_them_may_be_retired_or_of_the_other_tier(
        self, fresh, signer, cards, run, conn, admin_dsn
    ):
        with sql.connect(admin_dsn) as admin:
            for each, contracts in ((signer, ["lead_card"]), (fresh, ["lead_contact"])):
                record.know_key(admin, each.public_key, contracts=contracts, actor="test", now=NOW)
        with pytest.raises(Refused, match="not registered for lead_card"):
            run(cards(3), signer=both(signer, fresh))
        conn.rollback()
        with sql.connect(admin_dsn) as admin:
            record.retire_key(admin, signer.key_id, "over", actor="cli:keys")
        with pytest.raises(Refused, match="is retired"):
            run(cards(3), signer=both(Signer.generate(), signer))

    def test_what_each_signed_is_counted(self, fresh, signer, cards, run, admin_dsn):
        with sql.connect(admin_dsn) as admin:
            for each in (signer, fresh):
                record.know_key(admin, each.public_key, actor="test", now=NOW)
        run(cards(3))
        run(cards(4), day=DAY + dt.timedelta(days=1), signer=both(fresh, signer))

        with sql.connect(admin_dsn) as admin:
            counted = {key.key_id: key.batch_count for key in record.keys(admin)}
        assert (counted[signer.key_id], counted[fresh.key_id]) == (2, 1)

    def test_a_batch_begun_with_a_key_that_was_retired_is_signed_anew(
        self, fresh, signer, cards, run, store, admin_dsn, conn
    ):
        with pytest.raises(Cut):
            run(cards(3), signer=both(fresh, signer), objects=Faulty(store.url, 6, "before"))
        conn.rollback()
        with sql.connect(admin_dsn) as admin:
            record.know_key(admin, signer.public_key, actor="test", now=NOW)
            record.retire_key(admin, signer.key_id, "over", actor="cli:keys")

        done = run(cards(3), signer=fresh)

        sealed = store.get(f"lead_card/v1/{done.batch_id}/{manifest.NAME}")
        assert sign.key_ids(sealed) == {fresh.key_id}


class TestFollowed:
    def test_u10_who_pinned_the_old_key_alone_follows_to_the_new_one(
        self, sender, take, rotate, fresh, signer, cards
    ):
        take(signer)
        assert rotate(both(fresh, signer)) == [(signer.key_id, 1, True)]
        sender.signer = fresh
        sender.cards(cards(5), day=dt.date(2026, 3, 11))
        sender.head(now=NOON + HOUR)

        done = take(signer)

        assert [b.row_count for b in done.batches] == [5]
        assert done.new_key_id == fresh.key_id

    def test_who_pinned_the_new_key_reads_what_the_old_one_signed(
        self, sender, take, rotate, fresh, signer
    ):
        rotate(both(fresh, signer))
        sender.head(signer=fresh, now=NOON + HOUR)

        done = take(fresh)

        assert [b.row_count for b in done.batches] == [4]
        assert done.new_key_id is None

    def test_keys_are_followed_one_after_another(self, sender, take, rotate, signer):
        chain = [signer, Signer.generate(), Signer.generate()]
        for number, (old, new) in enumerate(itertools.pairwise(chain)):
            rotate(both(new, old), now=NOON + number * HOUR)
        sender.head(signer=chain[2], now=NOON + 2 * HOUR)

        assert take(signer).new_key_id == chain[2].key_id
        assert take(chain[1], into="b").new_key_id == chain[2].key_id
        assert take(chain[2], into="c").new_key_id is None

    def test_what_the_old_key_alone_signs_after_that_is_refused(
        self, sender, take, rotate, fresh, signer
    ):
        rotate(both(fresh, signer))
        sender.head(signer=signer, now=NOON + HOUR)

        with pytest.raises(Tampered, match="not signed with the given key"):
            take(signer)

    def test_what_it_signed_before_stays_good(self, take, rotate, fresh, signer, sender):
        rotate(both(fresh, signer))

        assert [b.row_count for b in take(signer).batches] == [4]

    def test_a_statement_of_the_other_tier_is_none_for_this_contract(
        self, sender, take, rotate, fresh, signer
    ):
        rotate(both(fresh, signer), contracts=["lead_contact"])
        sender.head(signer=fresh, now=NOON + HOUR)

        with pytest.raises(Tampered, match="not signed with the given key"):
            take(signer)

    def test_statements_that_were_followed_do_not_go_away_again(
        self, sender, take, rotate, fresh, signer
    ):
        rotate(both(fresh, signer))
        take(signer)
        shutil.rmtree(sender.root / "_keys")

        with pytest.raises(Tampered, match="were followed before"):
            take(signer)


def statement(old, new, n=1, before=None, signers=None, **lies):
    fields = {
        "n": n,
        "contracts": ["lead_card"],
        "old_key_id": old.key_id,
        "old_public_key": old.public_pem().decode(),
        "new_public_key": new.public_pem().decode(),
        "made_at": "2026-03-11T12:00:00Z",
        "prev_sha256": before,
    }
    payload = sign.canonical(fields | lies)
    return sign.envelope(rotation.PAYLOAD_TYPE, payload, signers or [new, old])


class TestForged:
    @pytest.fixture
    def put(self, sender):
        def call(data, number=1):
            (sender.root / "_keys").mkdir(exist_ok=True)
            (sender.root / rotation.key_of(number)).write_bytes(data)
            return data

        return call

    def test_a_statement_that_the_old_key_did_not_sign_is_refused(self, put, take, fresh, signer):
        put(statement(signer, fresh, signers=[fresh]))
        with pytest.raises(Tampered, match="not signed"):
            take(signer)

    def test_a_statement_that_the_new_key_did_not_sign_is_refused(self, put, take, fresh, signer):
        put(statement(signer, fresh, signers=[signer]))
        with pytest.raises(Tampered, match="not signed"):
            take(signer)

    def test_a_statement_among_strangers_brings_no_key(self, put, take, fresh, signer):
        put(statement(Signer.generate(), fresh))
        assert take(signer).new_key_id is None

    def test_a_lost_key_names_no_second_successor_and_vouches_for_nobody(
        self, put, take, fresh, signer
    ):
        first = put(statement(signer, fresh))
        thief = Signer.generate()
        for old, new in ((signer, thief), (thief, signer)):
            put(statement(old, new, n=2, before=sign.sha256(first)), 2)
            with pytest.raises(Tampered, match="replaced before"):
                take(signer)

    @pytest.mark.parametrize(
        "lie",
        [
            {"n": 2},
            {"prev_sha256": "0" * 64},
            {"old_key_id": "0" * 64},
            {"new_public_key": "-----BEGIN PUBLIC KEY-----"},
            {"made_at": "2026-02-31T12:00:00Z"},
            {"contracts": []},
            {"contracts": "lead_card"},
            {"more": 1},
        ],
        ids=str,
    )
    def test_a_statement_that_is_wrong_in_itself_is_refused(self, put, take, fresh, signer, lie):
        put(statement(signer, fresh, **lie))
        with pytest.raises(Tampered):
            take(signer)

    @pytest.mark.parametrize("data", [b"", b"[" * 60_000, b"{}", b"null", b" " * 100_000])
    def test_what_is_no_statement_is_refused(self, put, take, signer, data):
        put(data)
        with pytest.raises(Tampered):
            take(signer)


class TestWritten:
    def test_it_is_said_once_with_its_event(self, rotate, fresh, signer, events, store):
        assert rotate(both(fresh, signer)) == [(signer.key_id, 1, True)]
        assert rotate(both(fresh, signer), now=NOON + HOUR) == [(signer.key_id, 1, False)]
        assert events(fresh.key_id) == ["key.rotated"]
        assert [e.key for e in store.list("_keys")] == ["_keys/1.json"]

    def test_killed_before_the_put_it_is_written_by_the_next(
        self, rotate, fresh, signer, events, store, conn
    ):
        with pytest.raises(Cut):
            rotate(both(fresh, signer), objects=Faulty(store.url, 1, "before"))
        conn.rollback()

        assert rotate(both(fresh, signer), now=NOON + HOUR) == [(signer.key_id, 1, True)]
        assert events(fresh.key_id) == ["key.rotated"]

    def test_with_one_key_there_is_nothing_to_say(self, rotate, signer):
        with pytest.raises(BadInput, match="put the new one before it"):
            rotate(signer)

    def test_a_retired_key_hands_over_to_nobody(self, rotate, fresh, signer, admin_dsn, store):
        with sql.connect(admin_dsn) as admin:
            record.know_key(admin, signer.public_key, actor="test", now=NOW)
            record.retire_key(admin, signer.key_id, "it got out", actor="cli:keys")

        with pytest.raises(Refused, match="is retired"):
            rotate(both(fresh, signer))
        assert store.list("_keys") == []

    def test_a_real_head_by_both_is_good_for_both(self, run, cards, conn, store, fresh, signer):
        run(cards(3))
        made = heads.make(
            conn,
            store,
            contract="lead_card",
            major=1,
            signer=both(fresh, signer),
            actor="test",
            now=NOON,
        )
        assert sign.key_ids(made.data) == {fresh.key_id, signer.key_id}

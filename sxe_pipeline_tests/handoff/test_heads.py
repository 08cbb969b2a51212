"""Which batches are the newest, as a tier signs it: made, committed, put, renewed."""

import datetime as dt
import itertools
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from sxe_pipeline import audit, sign
from sxe_pipeline.audit import seal
from sxe_pipeline.errors import Busy, Refused, Tampered
from sxe_pipeline.handoff import batches, day_batches, heads, record
from sxe_pipeline.handoff.files import head
from sxe_pipeline.ops import runs, work
from sxe_pipeline.settings import Pace
from sxe_pipeline.sign import Signer
from sxe_pipeline.store import functions, sql
from sxe_pipeline.store.objects import Objects
from sxe_pipeline_tests.handoff.contacts import DAY, NOW, at, contacts
from sxe_pipeline_tests.handoff.crashing import Cut, Faulty, held

ROOT = Path(__file__).parents[2]
HOUR = dt.timedelta(hours=1)


@pytest.fixture
def make(conn, store, signer):
    """`make(now=...)`: the head of the cards that are published."""

    def call(now=NOW, objects=store, by=None, signer=signer, contract="lead_card", **more):
        made = heads.make(
            by or conn,
            objects,
            contract=contract,
            major=1,
            signer=signer,
            actor="test",
            now=now,
            **more,
        )
        return made and head.unseal(made.data, [signer.public_key])

    return call


@pytest.fixture
def renew(conn, store, signer):
    """`renew(now=...)`: what the sensor of the social tier does."""

    def call(now=NOW, by=None, objects=store, signer=signer):
        done = heads.renew(by or conn, objects, signer=signer, actor="sensor:heads", now=now)
        return [(each.seq, each.is_new) for each in done]

    return call


def names(store):
    return [e.key.rpartition("/")[2] for e in store.list() if "/_heads/" in e.key]


def markets(fields):
    return {batch["market"]: batch["batch_id"] for batch in fields["batches"]}


def test_f10_a_head_is_a_snapshot_of_all_markets(run, cards, make, store, signer):
    done = {m: run(cards(3, market=m), market=m).batch_id for m in ("x_b", "x_a")}

    said = make(unchanged={"x_a": DAY + dt.timedelta(days=2)})

    assert markets(said) == done
    assert (said["seq"], said["prev_head_sha256"], said["last_published_seq"]) == (1, None, 2)
    first = said["batches"][0]
    assert first["unchanged_through"] == "2026-03-12"
    assert said["batches"][1]["unchanged_through"] == DAY.isoformat()
    assert (first["kind"], first["full_batch_id"]) == ("full", first["batch_id"])
    assert said["expires_at"] == "2026-03-12T16:00:00Z"
    assert names(store) == ["00000001.json"]
    stored = store.get(head.key_of("lead_card", 1, 1))
    assert head.unseal(stored, [signer.public_key]) == said


def test_heads_are_numbered_without_a_gap_and_name_the_one_before(run, cards, make, store):
    made = []
    for day in range(3):
        run(cards(day + 1), day=DAY + dt.timedelta(days=day))
        made.append(make())

    assert [said["seq"] for said in made] == [1, 2, 3]
    for before, said in itertools.pairwise(made):
        data = store.get(head.key_of("lead_card", 1, before["seq"]))
        assert said["prev_head_sha256"] == sign.sha256(data)


def test_what_was_said_is_not_said_again_until_it_is_about_to_run_out(
    run, cards, make, renew, store
):
    run(cards(3))
    make()

    assert make(NOW + HOUR)["seq"] == 1
    assert renew(NOW + 23 * HOUR) == [(1, False)]
    assert renew(NOW + 25 * HOUR) == [(2, True)]
    assert names(store) == ["00000001.json", "00000002.json"]


def test_without_a_batch_there_is_no_head(make, renew, store):
    assert make() is None
    assert renew() == []
    assert names(store) == []


def test_an_unchanged_day_is_a_published_one_though_it_has_no_batch(
    conn, store, contract, cards, signer, make, monkeypatch
):
    class OneMarket:
        markets = ("x_general",)

        def of(self, market):
            return cards(5)

    def publish(day):
        done = day_batches.publish_day(
            conn,
            store,
            contract=contract,
            days=[day],
            rows=OneMarket(),
            signer=signer,
            actor="test",
            now=NOW,
        )
        make(unchanged={o.market: o.day for o in done if o.state == "unchanged"})
        return [o.state for o in done]

    monkeypatch.setattr(day_batches, "newest_landed_day", lambda conn: DAY + dt.timedelta(days=2))
    assert publish(DAY + dt.timedelta(days=1)) == ["published"]
    assert publish(DAY + dt.timedelta(days=2)) == ["unchanged"]

    assert publish(DAY + dt.timedelta(days=2)) == ["closed"]
    [only] = make()["batches"]
    assert (only["day"], only["unchanged_through"]) == ("2026-03-11", "2026-03-12")


def test_a_new_batch_is_not_called_unchanged_by_what_was_said_of_the_one_before(run, cards, make):
    run(cards(3))
    make(unchanged={"x_general": DAY + dt.timedelta(days=1)})
    run(cards(4), day=DAY + dt.timedelta(days=2))

    [only] = make()["batches"]

    assert only["unchanged_through"] == only["day"] == "2026-03-12"


def test_a_delta_names_the_full_batch_where_a_reader_begins(run, cards, make, conn, database):
    first = run(cards(3))
    run(cards(4), day=DAY + dt.timedelta(days=1))
    root = database.dsn("postgres")
    with psycopg.connect(root, autocommit=True) as owner:
        owner.execute("set session_replication_role = replica")
        owner.execute("update handoff.batch set kind = 'delta' where prev_batch_id is not null")

    [only] = make()["batches"]

    assert (only["kind"], only["full_batch_id"]) == ("delta", first.batch_id)


class TestKilled:
    def test_between_the_last_batch_and_the_head_the_next_one_is_made_from_the_database(
        self, run, cards, renew, make, store
    ):
        done = run(cards(3))

        assert renew() == [(1, True)]
        assert markets(make()) == {"x_general": done.batch_id}

    @pytest.mark.parametrize("when", ["before", "after"])
    def test_between_the_commit_and_the_put_the_committed_bytes_are_put(
        self, run, cards, make, renew, store, conn, when
    ):
        run(cards(3))
        with pytest.raises(Cut):
            make(objects=Faulty(store.url, 1, when))
        conn.rollback()
        assert names(store) == ([] if when == "before" else ["00000001.json"])
        committed = heads.newest(conn, "lead_card", 1)
        conn.commit()

        assert renew(NOW + HOUR) == [(1, False)]
        assert store.get(head.key_of("lead_card", 1, 1)) == committed.data

    def test_heads_that_were_left_are_put_in_their_order(self, run, cards, make, store, conn):
        for day in range(3):
            run(cards(day + 1), day=DAY + dt.timedelta(days=day))
            with pytest.raises(Cut):
                make(objects=Faulty(store.url, 1, "before"))
            conn.rollback()

        with pytest.raises(Cut):
            make(objects=Faulty(store.url, 2, "before"))
        conn.rollback()
        assert names(store) == ["00000001.json"]
        make()
        assert names(store) == [f"0000000{n}.json" for n in (1, 2, 3)]

    def test_a_process_that_is_killed_at_the_put_leaves_what_the_next_one_completes(
        self, run, cards, store, social_dsn, signer, renew
    ):
        run(cards(3))
        made = killed_maker(social_dsn, store, signer)

        assert made == -9
        assert names(store) == []
        assert renew() == [(1, False)]
        assert names(store) == ["00000001.json"]


def killed_maker(dsn, store, signer):
    code = (
        "import datetime as dt\n"
        "from sxe_pipeline.handoff import heads\n"
        "from sxe_pipeline.sign import Signer\n"
        "from sxe_pipeline.store import sql\n"
        "from sxe_pipeline_tests.handoff.publisher import Deadly\n"
        f"with sql.connect({dsn!r}) as conn:\n"
        f"    heads.make(conn, Deadly({store.url!r}, 1, 'before'), contract='lead_card', major=1,\n"
        f"        signer=Signer.from_text({signer.text()!r}), actor='child',\n"
        "        now=dt.datetime(2026, 3, 11, 4, tzinfo=dt.UTC))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=dict(os.environ), check=False)
    return done.returncode


class TestHalfARun:
    @pytest.fixture
    def lease(self, social_dsn):
        with runs.held(social_dsn, "run-1", {}, lease_s=60) as held_lease:
            yield held_lease

    def test_while_a_run_publishes_a_renewal_says_again_what_was_said(
        self, run, cards, make, renew, conn, lease
    ):
        run(cards(3, market="x_a"), market="x_a")
        before = make()
        heads.begin(conn, "lead_card", lease.run_id)
        run(cards(3, market="x_b"), market="x_b")

        assert renew() == [(1, False)]
        assert renew(NOW + 25 * HOUR) == [(2, True)]
        again = head.fields_of(heads.newest(conn, "lead_card", 1).data)
        conn.commit()
        assert markets(again) == markets(before)
        assert again["last_published_seq"] == 1
        assert set(markets(make(NOW + 25 * HOUR))) == {"x_a", "x_b"}

    def test_the_first_head_waits_for_the_run(self, run, cards, renew, conn, lease):
        heads.begin(conn, "lead_card", lease.run_id)
        run(cards(3))

        assert renew() == []

    def test_a_run_whose_lease_is_over_is_waited_for_no_more(
        self, run, cards, renew, conn, social_dsn
    ):
        with runs.held(social_dsn, "run-1", {}, lease_s=60):
            heads.begin(conn, "lead_card", "run-1")
            run(cards(3))
        assert renew() == [(1, True)]

    def test_a_night_that_is_asked_for_again_is_waited_for(self, run, cards, make, renew, conn):
        run(cards(3))
        make()
        work.ask(conn, work.NIGHT, {"2026-03-11": "2026-03-11"}, Pace())
        run(cards(4), day=DAY + dt.timedelta(days=1))

        assert renew() == [(1, False)]
        with conn.transaction():
            work.finish(conn, work.NIGHT, "2026-03-11")
        assert renew() == [(2, True)]

    def test_two_runs_do_not_publish_a_contract_at_once(self, conn, lease, social_dsn):
        heads.begin(conn, "lead_card", lease.run_id)
        heads.begin(conn, "lead_card", lease.run_id)

        with runs.held(social_dsn, "run-2", {}, lease_s=60), pytest.raises(Busy, match="lead_card"):
            heads.begin(conn, "lead_card", "run-2")


def test_many_at_once_make_one_head_of_what_there_is(run, cards, social_dsn, make, store):
    run(cards(3))

    def one(_):
        with sql.connect(social_dsn) as own:
            return make(by=own)["seq"]

    with ThreadPoolExecutor(max_workers=6) as pool:
        assert set(pool.map(one, range(6))) == {1}
    assert names(store) == ["00000001.json"]


def test_u9_an_event_stands_with_each_head_and_a_fact_with_each_event(
    run, cards, make, conn, api_dsn
):
    run(cards(3))
    make()
    sha256 = heads.newest(conn, "lead_card", 1).sha256
    with sql.connect(api_dsn) as api:
        [(kind,)] = api.execute(
            "select kind from audit.event where subject = %s", [sha256]
        ).fetchall()
        compared = functions.function_rows(api, "audit.reconcile")

    assert kind == "head.made"
    assert [row for row in compared if row[0] == "head"] == [("head", 0, 0)]


@pytest.mark.parametrize(
    "lie",
    [
        {"seq": 3},
        {"contract": "audience_pool"},
        {"prev_head_sha256": "0" * 64},
    ],
)
def test_the_database_takes_no_head_that_does_not_follow_the_newest_one(
    run, cards, make, conn, signer, lie
):
    run(cards(3))
    said = make()
    before = heads.newest(conn, "lead_card", 1)
    forged = said | {"seq": 2, "prev_head_sha256": before.sha256} | lie
    with pytest.raises(Refused, match="does not follow"):
        functions.call_function(
            conn, "handoff.make_head", "lead_card", 1, head.seal(forged, signer), "test"
        )


@pytest.mark.parametrize(
    "lie",
    [{"manifest_sha256": "0" * 64}, {"batch_id": "0" * 32}, {"last": 9}, {"last": 0}],
    ids=["another_manifest", "never_published", "too_high", "too_low"],
)
def test_u1_the_database_takes_no_head_of_what_was_never_published(
    run, cards, make, conn, signer, lie
):
    run(cards(3))
    said = make()
    before = heads.newest(conn, "lead_card", 1)
    forged = said | {"seq": 2, "prev_head_sha256": before.sha256}
    if "last" in lie:
        forged["last_published_seq"] = lie["last"]
    else:
        forged["batches"] = [said["batches"][0] | lie]

    with pytest.raises(Refused, match="is not published"):
        functions.call_function(
            conn, "handoff.make_head", "lead_card", 1, head.seal(forged, signer), "test"
        )


@pytest.mark.parametrize(
    "statement",
    [
        "insert into handoff.head (contract, major, seq, bytes, sha256, last_published_seq, "
        "expires_at, event_id) values ('lead_card', 0, 2, '', repeat('0', 64), 1, now(), "
        "gen_random_uuid())",
        "update handoff.head set bytes = ''",
        "delete from handoff.head",
    ],
)
def test_no_login_of_a_tier_writes_a_head_by_itself(run, cards, make, conn, statement):
    run(cards(3))
    make()

    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        conn.execute(statement)


@pytest.mark.parametrize("change", ["bytes = ''", "put_at = null", "seq = 7"])
def test_a_head_that_was_made_changes_for_nobody(run, cards, make, database, change):
    run(cards(3))
    make()
    with (
        psycopg.connect(database.dsn("postgres"), autocommit=True) as owner,
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="a head does not change"),
    ):
        owner.execute(f"update handoff.head set {change}")


def test_another_head_of_that_number_in_the_store_is_said(run, cards, make, store):
    run(cards(3))
    store.put_new(head.key_of("lead_card", 1, 1), b"{}")

    with pytest.raises(Tampered, match="did not make"):
        make()


class TestTiers:
    def test_the_contact_tier_lists_what_was_published_since_the_head_before(
        self, publish_contacts, make, login, store
    ):
        first = publish_contacts(contacts(4))
        said = make(by=login, contract="lead_contact")
        second = publish_contacts(contacts(5), at(2))
        later = make(by=login, contract="lead_contact")

        assert [b["batch_id"] for b in said["batches"]] == [first.batch_id]
        assert [(b["batch_id"], b["seq"]) for b in later["batches"]] == [(second.batch_id, 2)]
        assert make(by=login, contract="lead_contact")["seq"] == 2
        assert make(NOW + 25 * HOUR, by=login, contract="lead_contact")["batches"] == []
        assert batches.list_batches(login, contract="lead_contact")

    def test_what_does_not_fit_into_one_head_is_in_the_next(
        self, publish_contacts, make, login, monkeypatch
    ):
        monkeypatch.setattr(heads, "MOST_LISTED", 2)
        for seq in (1, 2, 3):
            publish_contacts(contacts(seq), at(seq))

        said = [make(by=login, contract="lead_contact") for _ in range(3)]

        assert [[b["seq"] for b in each["batches"]] for each in said] == [[1, 2], [3], [3]]
        assert [each["last_published_seq"] for each in said] == [2, 3, 3]

    def test_a_tier_makes_no_head_of_the_other(self, run, cards, make, login, signer, conn):
        run(cards(3))
        said = make()
        before = heads.newest(conn, "lead_card", 1)
        again = said | {"seq": 2, "prev_head_sha256": before.sha256}
        with pytest.raises(Refused, match="use the login of its tier"):
            functions.call_function(
                login, "handoff.make_head", "lead_card", 1, head.seal(again, signer), "test"
            )
        login.rollback()
        assert heads.newest(login, "lead_card", 1) is None

    def test_the_key_of_a_tier_signs_no_head_of_the_other(self, run, cards, make, admin_dsn, store):
        theirs = Signer.generate()
        with sql.connect(admin_dsn) as admin:
            record.know_key(
                admin, theirs.public_key, contracts=["lead_contact"], actor="test", now=NOW
            )
        run(cards(3))

        with pytest.raises(Refused, match="not registered for lead_card"):
            make(signer=theirs)
        assert names(store) == []


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[" * 100_000,
        b'{"payload": 1, "payloadType": 2, "signatures": 3}',
        b'{"payload": "e30=", "payloadType": "x", "signatures": [{"keyid": "", "sig": "!"}]}',
        b"\xff\xfe",
        b"null",
    ],
)
def test_what_is_no_head_is_refused_in_words_of_ours(data, signer):
    with pytest.raises(Tampered):
        head.unseal(data, [signer.public_key])


@pytest.mark.parametrize(
    "lie",
    [
        {"seq": 0},
        {"seq": "1"},
        {"seq": 1.5},
        {"contract": "../x"},
        {"made_at": "2026-13-41T99:00:00Z"},
        {"expires_at": "2036-03-11T04:00:00Z"},
        {"expires_at": "2026-03-11T04:00:00Z"},
        {"batches": {}},
        {"batches": [{}]},
        {"checkpoint": []},
        {"more": 1},
    ],
)
def test_a_signed_head_of_wrong_types_or_too_long_a_life_is_none(signer, lie):
    fields = head.predicate(
        "lead_card",
        [],
        seq=1,
        prev_sha256=None,
        last_published_seq=0,
        checkpoint=None,
        now=NOW,
    )
    assert head.unseal(head.seal(fields, signer), [signer.public_key]) == fields
    payload = {**fields, **lie}
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [],
        "predicateType": head.PREDICATE_TYPE,
        "predicate": payload,
    }
    sealed = sign.envelope("application/vnd.in-toto+json", sign.canonical(statement), [signer])

    with pytest.raises(Tampered):
        head.unseal(sealed, [signer.public_key])


def test_u9_a_head_carries_the_newest_checkpoint_as_it_was_signed(
    run, cards, make, signer, database, tmp_path, conn
):
    run(cards(3))
    with sql.connect(database.dsn("sxe_sealer")) as sealer:
        seal.tick(sealer, Objects(tmp_path.as_uri()), Signer.generate())

    said = make()

    assert sign.canonical(said["checkpoint"]) == audit.newest_checkpoint(conn)


def test_every_byte_of_a_head_follows_from_what_was_published(run, cards, make, store, conn):
    run(cards(3))
    said = make()
    again = head.predicate(
        "lead_card",
        said["batches"],
        seq=1,
        prev_sha256=None,
        last_published_seq=1,
        checkpoint=None,
        now=NOW,
    )
    assert again == said
    assert len(held(store)) == 7

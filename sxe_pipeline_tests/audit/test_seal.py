"""What waits is sealed exactly once, whatever happens to who seals, and nobody undoes it."""

import hashlib
import json
import multiprocessing
import os
import random
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from sxe_pipeline import audit, sign
from sxe_pipeline.audit import checkpoints, seal
from sxe_pipeline.errors import Busy, Refused, StoreUnavailable, Tampered
from sxe_pipeline.store import sql
from sxe_pipeline.store.objects import Objects
from sxe_pipeline_tests.audit.test_merkle import naive_root

SIGNER = sign.Signer.generate()


def held(store):
    return {entry.key: store.get(entry.key) for entry in store.list(seal.FOLDER)}


def assert_sealed_once(look, store):
    """Every committed event is one leaf, each seal is its root, each checkpoint is outside."""
    events = look("select event_id, leaf_hash from audit.event")
    leaves = look("select leaf_index, event_id, leaf_hash from audit.leaf order by leaf_index")
    assert [index for index, _, _ in leaves] == list(range(len(leaves)))
    assert dict(events) == {event_id: leaf_hash for _, event_id, leaf_hash in leaves}
    assert look("select count(*) from audit.pending") == [(0,)]
    hashes, seals = (
        [leaf for _, _, leaf in leaves],
        look(
            "select seal_no, first_leaf, tree_size, root, prev_seal_hash, seal_hash, checkpoint "
            "from audit.seal order by seal_no"
        ),
    )
    assert [number for number, *_ in seals] == list(range(1, len(seals) + 1))
    size, before = 0, None
    for _, first, tree_size, root, prev, seal_hash, envelope in seals:
        said = checkpoints.read(envelope, [SIGNER.public_key])
        assert (first, prev) == (size, before)
        assert root == naive_root(hashes[:tree_size]) == bytes.fromhex(said.root)
        assert seal_hash.hex() == said.seal_hash
        size, before = tree_size, seal_hash
    assert size == len(leaves)
    assert list(held(store).values()) == [envelope for *_, envelope in seals]


def test_what_waits_becomes_leaves_in_bounded_seals_and_a_checkpoint_each(sealer, store, add, look):
    for number in range(25):
        add(number)

    done = seal.tick(sealer, store, SIGNER, batch=10)

    assert done == seal.Sealed(25, 3, 3)
    assert done.sentence().startswith("25 events sealed in 3 seals")
    assert sorted(held(store)) == [seal.key_of(n) for n in (1, 2, 3)]
    assert_sealed_once(look, store)
    assert seal.tick(sealer, store, SIGNER) == seal.Sealed(), "nothing waits, nothing is sealed"


def test_a_tick_seals_no_more_than_it_may(sealer, store, add):
    for number in range(25):
        add(number)

    assert seal.tick(sealer, store, SIGNER, batch=5, seals=2).events == 10
    assert seal.waiting(sealer) == 15
    assert seal.waiting(sealer, 4) == 4


def test_a_checkpoint_says_which_log_how_long_and_what_was_before(sealer, store, add, look):
    for number in (1, 2):
        add(number)
        seal.tick(sealer, store, SIGNER)

    first, second = (json.loads(sign.unchecked(data)) for data in held(store).values())

    assert sorted(second) == [
        *("origin", "prev_seal_hash", "root", "seal_hash", "seal_no", "sealed_at", "tree_size")
    ]
    assert first["origin"] == second["origin"] == f"sxe/audit/{first['root'][:16]}"
    assert (first["prev_seal_hash"], second["prev_seal_hash"]) == (None, first["seal_hash"])
    assert (second["seal_no"], second["tree_size"]) == (2, 2)
    stated = {name: value for name, value in second.items() if name != "seal_hash"}
    text = json.dumps(stated, sort_keys=True, separators=(",", ":"))
    assert hashlib.sha256(text.encode()).hexdigest() == second["seal_hash"]


@pytest.mark.parametrize("role", ["sxe_social", "sxe_contacts", "sxe_api", "sxe_serve"])
def test_every_tier_that_publishes_or_answers_may_have_the_newest_checkpoint(
    role, database, sealer, store, add
):
    with sql.connect(database.dsn(role)) as reader:
        assert audit.newest_checkpoint(reader) is None
        reader.commit()
        add(1)
        seal.tick(sealer, store, SIGNER)

        assert audit.newest_checkpoint(reader) == store.get(seal.key_of(1))


CHANGES = {
    "a payload": "select payload from audit.event",
    "who did it": "select actor from audit.event",
    "an event": "update audit.event set actor = actor where false",
    "an event's deletion": "delete from audit.event where false",
    "a new event": "insert into audit.event (payload) values ('{}')",
    "what waits": "update audit.pending set recorded_at = now() where false",
    "the end of waiting": "delete from audit.pending where false",
    "a new one that waits": "insert into audit.pending select now(), gen_random_uuid(), sha256('')",
    "a leaf": "update audit.leaf set leaf_hash = leaf_hash where false",
    "a leaf's deletion": "delete from audit.leaf where false",
    "all leaves": "truncate audit.leaf",
    "a seal": "update audit.seal set root = root where false",
    "a seal's deletion": "delete from audit.seal where false",
    "all seals": "truncate audit.seal",
    "a trigger": "alter table audit.seal disable trigger refuse_change",
    "replica mode": "set session_replication_role = replica",
    "another tier's table": "select count(*) from gate.request",
}


def refused(conn, statements):
    """Those that this login may not do."""
    no = []
    for statement in statements:
        try:
            conn.execute(statement)
        except psycopg.errors.InsufficientPrivilege:
            no.append(statement)
    return no


def test_u1_who_seals_reads_no_event_and_changes_nothing(sealer, store, add):
    add(1)
    seal.tick(sealer, store, SIGNER)

    assert refused(sealer, CHANGES.values()) == list(CHANGES.values())


@pytest.mark.parametrize("role", ["sxe_social", "sxe_contacts", "sxe_api", "sxe_serve"])
def test_u1_no_other_login_seals_or_unseals(role, database):
    statements = [
        "select audit.take_pending(1)",
        *(
            statement.format(table)
            for table in ("pending", "leaf", "seal")
            for statement in (
                "insert into audit.{} default values",
                "delete from audit.{} where false",
                "truncate audit.{}",
            )
        ),
    ]
    with sql.connect(database.dsn(role)) as conn:
        conn.autocommit = True
        assert refused(conn, statements) == statements


def test_u1_not_even_a_superuser_in_replica_mode_changes_what_is_recorded(database):
    statements = [
        statement.format(table, column)
        for table, column in (("event", "actor"), ("leaf", "leaf_hash"), ("seal", "root"))
        for statement in (
            "update audit.{0} set {1} = {1} where false",
            "delete from audit.{0} where false",
            "truncate audit.{0} cascade",
        )
    ]
    with psycopg.connect(database.dsn("postgres"), autocommit=True) as root:
        root.execute("set session_replication_role = replica")
        assert refused(root, statements) == statements


def test_u3_of_eight_writers_with_late_commits_every_committed_event_is_sealed_once(
    database, sealer, store, look
):
    """A tenth rolls back, some hold their transaction open while others are sealed."""

    def write(writer):
        chance, committed = random.Random(writer), 0
        with sql.connect(database.dsn("sxe_social")) as own:
            for number in range(30):
                for step in range(chance.randint(1, 4)):
                    key = f"{writer}.{number}.{step}"
                    audit.append(
                        own, "table.vacuum_begun", actor="job", subject=f"s{writer}", key=key
                    )
                    if chance.random() < 0.2:
                        time.sleep(chance.random() * 0.05)
                if chance.random() < 0.1:
                    own.rollback()
                else:
                    own.commit()
                    committed += step + 1
        return committed

    with ThreadPoolExecutor(8) as pool:
        writing = [pool.submit(write, writer) for writer in range(8)]
        while not all(done.done() for done in writing):
            seal.tick(sealer, store, SIGNER, batch=50)
        committed = sum(done.result() for done in writing)
    seal.tick(sealer, store, SIGNER)

    assert look("select count(*) from audit.leaf") == [(committed,)]
    assert look("select max(seal_no) > 3 from audit.seal") == [(True,)]
    assert_sealed_once(look, store)


def _seal_for_ever(dsn, url):
    with sql.connect(dsn) as conn:
        conn.autocommit = True
        while True:
            seal.tick(conn, Objects(url), SIGNER, batch=7)


def test_u4_a_sealer_killed_anywhere_resumes_to_the_same_root(database, sealer, store, add, look):
    context, chance = multiprocessing.get_context("fork"), random.Random(4)
    for round_ in range(8):
        for number in range(40):
            add(f"{round_}.{number}")
        child = context.Process(target=_seal_for_ever, args=(database.dsn("sxe_sealer"), store.url))
        child.start()
        time.sleep(chance.uniform(0.01, 0.15))
        os.kill(child.pid, signal.SIGKILL)
        child.join()

    while True:
        try:
            seal.tick(sealer, store, SIGNER, batch=7, seals=1000)
            break
        except Busy:
            time.sleep(0.05)  # the server has not noticed the last kill yet

    assert look("select count(*) from audit.leaf") == [(320,)]
    assert_sealed_once(look, store)


@pytest.mark.parametrize("lost", [1, 3])
def test_u4_killed_between_seal_and_checkpoint_the_next_one_puts_it(
    lost, sealer, store, add, look, monkeypatch
):
    with monkeypatch.context() as killed:
        killed.setattr(seal, "_anchor", lambda conn, store: 0)
        for number in range(lost):
            add(number)
            seal.tick(sealer, store, SIGNER)
    assert held(store) == {}

    assert seal.tick(sealer, store, SIGNER) == seal.Sealed(0, 0, lost)
    assert_sealed_once(look, store)


def test_u5_of_two_sealers_one_works(database, sealer, store, add, look):
    add(1)
    with sql.connect(database.dsn("sxe_sealer")) as other:
        other.execute("select pg_advisory_xact_lock(hashtextextended('audit seal', 0))")
        with pytest.raises(Busy, match="another process"):
            seal.tick(sealer, store, SIGNER)
        other.rollback()
    for number in range(100):
        add(f"more {number}")

    def work(_):
        done = 0
        with sql.connect(database.dsn("sxe_sealer")) as own:
            own.autocommit = True
            for _ in range(60):
                try:
                    done += seal.tick(own, store, SIGNER, batch=3, seals=1).events
                except Busy:
                    time.sleep(0.002)
        return done

    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(work, range(2))) == 101
    assert_sealed_once(look, store)


def test_a_database_that_was_set_back_seals_nothing_beside_its_newer_checkpoints(
    sealer, store, add
):
    add(1)
    seal.tick(sealer, store, SIGNER)
    store.put_new(seal.key_of(2), b"of a later time")
    add(2)

    with pytest.raises(Refused, match=r"holds number 2.*docs/runbooks/seals.md"):
        seal.tick(sealer, store, SIGNER)
    assert seal.waiting(sealer) == 1


def test_the_store_of_another_log_is_refused(sealer, store, add):
    store.put_new(seal.key_of(1), b"of another log")
    add(1)

    with pytest.raises(Refused, match="holds number 1"):
        seal.tick(sealer, store, SIGNER)


def test_without_its_store_nothing_is_sealed_and_nothing_is_lost(sealer, store, add, tmp_path):
    add(1)
    seal.tick(sealer, store, SIGNER)
    add(2)
    folder = tmp_path / "audit"
    folder.rename(tmp_path / "away")
    folder.write_text("no folder")

    with pytest.raises(StoreUnavailable):
        seal.tick(sealer, store, SIGNER)
    assert seal.waiting(sealer) == 1

    folder.unlink()
    (tmp_path / "away").rename(folder)
    assert seal.tick(sealer, store, SIGNER) == seal.Sealed(1, 1, 1)


FORGED = {
    "no JSON": b"\xff",
    "no envelope": b"[]",
    "another type": sign.envelope("application/json", b"{}", [SIGNER]),
    "no statement": sign.envelope(checkpoints.PAYLOAD_TYPE, b"[]", [SIGNER]),
    "nested": b"[" * 100_000,
    "a hash of another": sign.envelope(
        checkpoints.PAYLOAD_TYPE,
        checkpoints.Checkpoint("o", 1, 1, "a" * 64, None, "2026-01-01T00:00:00Z")
        .payload()
        .replace(b'"tree_size":1', b'"tree_size":2'),
        [SIGNER],
    ),
    "a size that is none": checkpoints.Checkpoint(
        "o", 1, True, "a" * 64, None, "2026-01-01T00:00:00Z"
    ).signed(SIGNER),
    "a root that is none": checkpoints.Checkpoint(
        "o", 1, 1, "x", None, "2026-01-01T00:00:00Z"
    ).signed(SIGNER),
}


@pytest.mark.parametrize("keys", [None, [SIGNER.public_key]], ids=["no key", "its key"])
@pytest.mark.parametrize("what", FORGED)
def test_what_is_no_checkpoint_is_refused(what, keys):
    with pytest.raises(Tampered):
        checkpoints.read(FORGED[what], keys)


def test_a_checkpoint_of_another_key_is_refused():
    other = sign.Signer.generate()
    made = checkpoints.Checkpoint("o", 1, 1, "a" * 64, None, "2026-01-01T00:00:00Z").signed(SIGNER)

    assert checkpoints.read(made, [SIGNER.public_key]) == checkpoints.read(made)
    with pytest.raises(Tampered, match="not signed with the given key"):
        checkpoints.read(made, [other.public_key])

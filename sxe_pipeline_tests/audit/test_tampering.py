"""Who owns the tables may do anything to them, and is found by what is kept outside of them."""

import itertools
import json
from contextlib import contextmanager
from datetime import timedelta

import psycopg
import pytest

from sxe_pipeline import sign
from sxe_pipeline.audit import checkpoints, seal
from sxe_pipeline.audit import payload as form
from sxe_pipeline.audit.verify import verify
from sxe_pipeline.errors import BadInput, Tampered
from sxe_pipeline.store import sql
from sxe_pipeline.store.objects import Objects

SIGNER, OTHER = sign.Signer.generate(), sign.Signer.generate()
KEYS = [SIGNER.public_key]
GUARDED = ("event", "leaf", "seal")


@pytest.fixture
def log(sealer, store, add):
    """Three seals over six events, and one event that waits."""
    for number in range(6):
        add(number, rows=7)
        if number % 2:
            seal.tick(sealer, store, SIGNER)
    add(6)
    return store


@pytest.fixture
def owner(database):
    """The owner of every table, by the login that migrates; it is no superuser."""
    with psycopg.connect(database.dsn("sxe_admin"), autocommit=True) as opened:
        opened.execute("set role sxe_owner")
        yield opened


@contextmanager
def unguarded(owner):
    """Without the triggers, which stand as they did afterwards."""
    for table in GUARDED:
        owner.execute(f"alter table audit.{table} disable trigger user")
    yield
    for table in GUARDED:
        owner.execute(f"alter table audit.{table} enable always trigger refuse_change")
    for trigger in ("seal_leaf", "await_seal"):
        owner.execute(f"alter table audit.event enable always trigger {trigger}")


def check(database, *, store=None, kept=(), keys=KEYS, since=0):
    with sql.connect(database.dsn("sxe_api")) as reader:
        return verify(
            reader, lambda keys: {}, public_keys=keys, store=store, kept=kept, since=since
        )


def at(owner, index):
    """A sealed event."""
    return owner.execute(
        "select e.event_id, e.payload, e.recorded_at from audit.leaf l "
        "join audit.event e using (event_id) where leaf_index = %s",
        [index],
    ).fetchone()


def rewrite(owner, index, payload=None, recorded_at=None, *, leaf=False):
    """Give a sealed event another payload or time, with the hash that is right for it."""
    event_id, was, then = at(owner, index)
    payload, recorded_at = payload or was, recorded_at or then
    new = form.leaf_hash(payload, recorded_at)
    owner.execute(
        "update audit.event set payload = %s, recorded_at = %s, leaf_hash = %s where event_id = %s",
        [payload, recorded_at, new, event_id],
    )
    if leaf:
        owner.execute("update audit.leaf set leaf_hash = %s where event_id = %s", [new, event_id])


def edited(owner, index):
    return at(owner, index)[1].replace(b'"rows":7', b'"rows":8')


def edit_payload(owner):
    event_id, *_ = at(owner, 1)
    owner.execute(
        "update audit.event set payload = %s where event_id = %s", [edited(owner, 1), event_id]
    )


def edit_with_its_hash(owner):
    rewrite(owner, 1, edited(owner, 1))


def edit_with_its_hash_and_leaf(owner):
    rewrite(owner, 1, edited(owner, 1), leaf=True)


def delete_one(owner):
    event_id, *_ = at(owner, 2)
    owner.execute("delete from audit.leaf where event_id = %s", [event_id])
    owner.execute("delete from audit.event where event_id = %s", [event_id])


def delete_the_tail(owner):
    event_id, *_ = at(owner, 5)
    owner.execute("delete from audit.leaf where event_id = %s", [event_id])
    owner.execute("delete from audit.event where event_id = %s", [event_id])


def insert_one(owner):
    payload = form.encode(
        {
            "actor": "principal:ben",
            "data": {},
            "key": "forged",
            "kind": "table.vacuum_begun",
            "subject": "s",
        }
    )
    _, _, then = at(owner, 0)
    owner.execute(
        "insert into audit.event values (%s, %s, 'table.vacuum_begun', 'principal:ben', 's', %s, "
        "%s)",
        [
            form.event_id("table.vacuum_begun", "s", "forged"),
            then,
            payload,
            form.leaf_hash(payload, then),
        ],
    )


def reorder_leaves(owner):
    for old, new in ((2, 99), (3, 2), (99, 3)):
        owner.execute("update audit.leaf set leaf_index = %s where leaf_index = %s", [new, old])


def edit_a_seal(owner):
    owner.execute("update audit.seal set root = sha256('') where seal_no = 2")


def remove_trailing_seals(owner):
    """The events of the last seal wait again, as if nobody had sealed them."""
    owner.execute("delete from audit.seal where seal_no = 3")
    owner.execute(
        "with l as (delete from audit.leaf where leaf_index >= 4 returning event_id) "
        "insert into audit.pending select recorded_at, event_id, leaf_hash from audit.event "
        "join l using (event_id)"
    )


def remove_trailing_seals_with_their_events(owner):
    owner.execute("delete from audit.seal where seal_no = 3")
    owner.execute(
        "with l as (delete from audit.leaf where leaf_index >= 4 returning event_id) "
        "select count(*) from l"
    )
    owner.execute("delete from audit.pending")
    owner.execute("delete from audit.event where event_id not in (select event_id from audit.leaf)")


def recompute_everything_with_another_key(owner, tmp_path, signer=OTHER):
    rewrite(owner, 1, edited(owner, 1))
    owner.execute("delete from audit.seal")
    owner.execute("delete from audit.leaf")
    owner.execute("delete from audit.pending")
    owner.execute(
        "insert into audit.pending select recorded_at, event_id, leaf_hash from audit.event"
    )
    own = Objects((tmp_path / "his").as_uri())
    while seal.tick(owner, own, signer, batch=2, seals=1).events:
        pass


def recompute_everything_with_the_stolen_key(owner, tmp_path):
    recompute_everything_with_another_key(owner, tmp_path, SIGNER)


def back_date(owner):
    _, _, then = at(owner, 1)
    rewrite(owner, 1, recorded_at=then - timedelta(days=1))


def swap_two_events(owner):
    """Each takes the time of the other, with the hash that is right for it, in place and leaf."""
    (_, _, one), (_, _, other) = at(owner, 1), at(owner, 2)
    rewrite(owner, 1, recorded_at=other, leaf=True)
    rewrite(owner, 2, recorded_at=one, leaf=True)


def disable_a_trigger(owner):
    owner.execute("alter table audit.seal disable trigger refuse_change")


INSIDE = (
    edit_payload,
    edit_with_its_hash,
    edit_with_its_hash_and_leaf,
    delete_one,
    delete_the_tail,
    insert_one,
    reorder_leaves,
    edit_a_seal,
    back_date,
    swap_two_events,
)
"""Found by the log itself."""
WITH_THE_KEY = (recompute_everything_with_another_key,)
WITH_A_CHECKPOINT = (
    remove_trailing_seals,
    remove_trailing_seals_with_their_events,
    recompute_everything_with_the_stolen_key,
)
"""The log that is left is whole; that it was another one is known outside alone."""


def do(tampering, owner, tmp_path):
    with unguarded(owner):
        if tampering in (*WITH_THE_KEY, recompute_everything_with_the_stolen_key):
            tampering(owner, tmp_path)
        else:
            tampering(owner)


def test_u2_a_log_that_nobody_touched_is_whole(database, log):
    seen = check(database, store=log)

    assert (seen.status, seen.findings, seen.unsure) == ("whole", {}, [])
    assert (seen.events, seen.sealed, seen.seals, seen.tail, seen.witnessed) == (7, 6, 3, 1, 3)


@pytest.mark.parametrize("tampering", INSIDE, ids=lambda one: one.__name__)
def test_u2_tampering_by_the_owner_is_found_with_nothing_from_outside(
    tampering, database, log, owner, tmp_path
):
    do(tampering, owner, tmp_path)

    assert check(database, keys=()).status == "tampered"
    assert check(database, store=log).status == "tampered"


SEAL_EDITS = {
    "first_leaf": "first_leaf + 1",
    "tree_size": "tree_size + 1",
    "root": "sha256('')",
    "peaks": "array[sha256('')]",
    "prev_seal_hash": "sha256('')",
    "seal_hash": "sha256('')",
    "checkpoint": "convert_to('{}', 'UTF8')",
    "key_id": "repeat('a', 64)",
    "sealed_at": "sealed_at - interval '1 microsecond'",
}


def test_u2_no_column_of_a_seal_can_be_edited(database, log, owner):
    columns = owner.execute(
        "select column_name from information_schema.columns "
        "where table_schema = 'audit' and table_name = 'seal'"
    ).fetchall()
    assert {name for (name,) in columns} == {"seal_no", *SEAL_EDITS}
    edits = [*SEAL_EDITS.items(), ("sealed_at", "'infinity'"), ("peaks", "array[null::bytea]")]
    for column, value in edits:
        change = f"update audit.seal set {column} = {{}} where seal_no = 2"
        [was] = owner.execute(f"select {column} from audit.seal where seal_no = 2").fetchone()
        with unguarded(owner):
            owner.execute(change.format(value))

        # Where one rests on a seal begins with its last leaf, not with its first.
        for since in (0, 1) if column == "first_leaf" else (0, 1, 2):
            assert check(database, keys=(), since=since).status == "tampered", (column, since)

        with unguarded(owner):
            owner.execute(change.format("%s"), [was])
    assert check(database, store=log).status == "whole"


@pytest.mark.parametrize("tampering", WITH_THE_KEY, ids=lambda one: one.__name__)
def test_u2_another_key_is_found_by_the_pinned_one(tampering, database, log, owner, tmp_path):
    do(tampering, owner, tmp_path)

    assert check(database, keys=()).findings == {}, "it fits itself"
    assert check(database).status == "tampered"
    assert check(database, store=log).status == "tampered"


@pytest.mark.parametrize("tampering", WITH_A_CHECKPOINT, ids=lambda one: one.__name__)
def test_u2_a_log_that_was_cut_or_made_anew_is_found_by_a_checkpoint_alone(
    tampering, database, log, owner, tmp_path
):
    kept = [checkpoints.read(log.get(seal.key_of(3)), KEYS)]
    do(tampering, owner, tmp_path)

    alone = check(database)
    assert (alone.status, alone.findings) == ("cannot_tell", {}), "and it does not say 'whole'"
    assert check(database, store=log).status == "tampered"
    assert check(database, kept=kept).status == "tampered"


def test_u2_a_trigger_that_is_off_is_found(database, log, owner):
    disable_a_trigger(owner)

    assert check(database, store=log).findings == {
        "a function, trigger, table or grant is not this package's": 1
    }


def test_u2_what_is_found_is_counted_and_never_quoted(database, log, owner, tmp_path):
    do(swap_two_events, owner, tmp_path)
    do(insert_one, owner, tmp_path)

    said = json.dumps(check(database, store=log).as_dict()) + "".join(check(database).lines())

    for value in ("ben", "vacuum", '"s"'):
        assert value not in said


@pytest.mark.parametrize("seal_no", [1, 2, 3])
def test_a_verifier_may_rest_on_an_earlier_seal(seal_no, database, log):
    kept = [checkpoints.read(log.get(seal.key_of(1)), KEYS)]

    seen = check(database, store=log, since=seal_no, kept=kept)

    assert (seen.status, seen.findings) == ("whole", {})
    assert (seen.sealed, seen.seals) == (6 - 2 * seal_no, 3 - seal_no)
    assert f"resting on seal {seal_no}" in seen.lines()[0]
    assert check(database, store=log, since=seal_no, keys=()).status == "cannot_tell", "no key"


@pytest.mark.parametrize("tampering", [edit_a_seal, reorder_leaves, remove_trailing_seals])
def test_resting_on_a_seal_finds_what_was_done_after_it(tampering, database, log, owner, tmp_path):
    do(tampering, owner, tmp_path)

    assert check(database, store=log, since=1).status == "tampered"


def test_a_seal_to_rest_on_that_was_changed_is_found(database, log, owner):
    for change in ("peaks = array[sha256('')]", "peaks = '{}'", "root = sha256('')"):
        with unguarded(owner):
            owner.execute(f"update audit.seal set {change} where seal_no = 2")
        assert check(database, store=log, since=2).status == "tampered", change


def test_there_is_no_resting_on_a_seal_that_is_not_there(database, log):
    with pytest.raises(BadInput, match="no seal 9"):
        check(database, since=9)


def test_a_head_or_an_answer_that_carries_a_checkpoint_is_as_good_as_one(database, log):
    envelope = log.get(seal.key_of(2))
    head = sign.envelope(
        "application/vnd.in-toto+json",
        sign.canonical({"predicate": {"seq": 4, "checkpoint": json.loads(envelope)}}),
        [OTHER],
    )
    answer = json.dumps({"heads": [{"head": json.loads(head)}]}).encode()

    for data in (envelope, head, answer):
        assert checkpoints.kept_in(data) == envelope
    for data in (b"", b"{}", b"\xff", b'{"payloadType": "x"}', b"[" * 100_000):
        with pytest.raises(BadInput, match="holds no checkpoint"):
            checkpoints.kept_in(data)


def test_u9_each_checkpoint_that_was_kept_agrees_with_the_log_and_with_the_next(database, log):
    kept = [checkpoints.read(log.get(seal.key_of(n)), KEYS) for n in (1, 2, 3)]

    for one, after in itertools.pairwise(kept):
        assert after.prev_seal_hash == one.seal_hash
        assert after.tree_size > one.tree_size
    assert check(database, kept=kept).status == "whole"
    forged = checkpoints.Checkpoint(kept[1].origin, 2, 4, "a" * 64, kept[0].seal_hash, "2026-01-01")
    for order in ([kept[1], forged], [forged, kept[1]], [kept[0], forged]):
        assert check(database, kept=order).findings == {
            "a seal is not the one whose checkpoint was kept outside": 1
        }
    with pytest.raises(Tampered):
        checkpoints.read(log.get(seal.key_of(1)), [OTHER.public_key])


def test_a_checkpoint_that_was_deleted_in_its_store_is_missed_once_it_is_late(
    database, log, owner, monkeypatch
):
    log.delete(seal.key_of(2))
    assert check(database, store=log).status == "whole", "it may be on its way"

    monkeypatch.setattr("sxe_pipeline.audit.seal.LATE", timedelta(0))
    seen = check(database, store=log)

    assert (seen.status, seen.findings) == ("cannot_tell", {})
    assert [said.split(" ")[0] for said in seen.unsure] == ["1", "1"], "an old tail, a checkpoint"
    assert "sxe worker seal --once" in seen.unsure[0]


def test_a_store_that_cannot_be_read_is_named_and_a_kept_checkpoint_still_counts(
    database, log, tmp_path
):
    kept = [checkpoints.read(log.get(seal.key_of(3)), KEYS)]
    folder = tmp_path / "audit"
    folder.rename(tmp_path / "away")
    folder.write_text("no folder")

    seen = check(database, store=log, kept=kept)

    assert (seen.status, seen.findings, seen.witnessed) == ("cannot_tell", {}, 3)
    assert "cannot be read" in seen.unsure[0]

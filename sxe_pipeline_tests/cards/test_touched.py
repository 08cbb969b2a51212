"""Cards cost what changed: made of the difference they are what the whole build makes of all."""

import signal
import subprocess
import sys
import textwrap
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sxe_pipeline import contracts_root
from sxe_pipeline.cards import build, making
from sxe_pipeline.errors import ContractBroken
from sxe_pipeline.schema import duck
from sxe_pipeline.schema.tables import IDENTITY, PROFILE
from sxe_pipeline.store import buckets
from sxe_pipeline_tests import databases
from sxe_pipeline_tests.cards.cards_world import LEADS, OTHERS, World, by_rules, edited_contracts
from sxe_pipeline_tests.cards.conftest import SEEN

PHOTOGRAPHER = "Wedding photographer. Coffee and trail running."
RUNNER = "Photography weekly"
BIOS = [PHOTOGRAPHER, RUNNER, "hi", None, "Chef in Lyon. Wine.", "Journalist. 15 y/o"]


@pytest.fixture
def world(database, tmp_path, monkeypatch):
    by_rules(monkeypatch)
    monkeypatch.setattr(buckets, "ROWS", 16)
    monkeypatch.setattr(duck, "rows_at_once", lambda row_bytes: 20)
    with World(database, tmp_path) as made:
        yield made


@pytest.fixture
def built(world, made):
    """Forty photographers, and twenty who say no role."""
    for number in range(60):
        bio = PHOTOGRAPHER if number < 40 else RUNNER
        world.say(f"{number:02}", bio=bio, follower_count=500)
    world.store()
    world.rebuild()
    assert len(made()) == 60
    return world


@pytest.fixture
def labeled(monkeypatch):
    """How many cards were labeled, call by call."""
    counts, label_all = [], build.label_all
    monkeypatch.setattr(
        build,
        "label_all",
        lambda cards, *rest: counts.append(len(cards)) or label_all(cards, *rest),
    )
    return counts


@pytest.fixture
def made(monkeypatch):
    """The ids of the cards that were made since it was asked last."""
    ids, rows = [], making.rows

    def noted(cards, in_force):
        return rows((ids.append(card.card_id) or card for card in cards), in_force)

    def taken():
        found = sorted(ids)
        ids.clear()
        return found

    monkeypatch.setattr(making, "rows", noted)
    return taken


KEYS = st.integers(0, 6).map(str)
CARDS = KEYS.map("card_{}".format)
SAY = st.fixed_dictionaries(
    {},
    optional={
        "bio": st.sampled_from(BIOS),
        "follower_count": st.sampled_from([None, 5, 700, 800, 20_000]),
        "following_count": st.integers(0, 3),
        "location": st.sampled_from([None, "Austin, TX", "Lyon"]),
        "collections": st.sampled_from([["pool"], ["declared", "pool"], ["declared"]]),
        "is_private": st.sampled_from([None, True]),
        "observed_at": st.sampled_from([SEEN - timedelta(days=d) for d in (0, 700, 729, 735)]),
        "platform_id": st.sampled_from([None, "77"]),
    },
)
OPS = st.one_of(
    st.tuples(st.just("hear"), KEYS, SAY),
    st.tuples(st.just("join"), KEYS, CARDS),
    st.tuples(st.just("leave"), KEYS),
    st.tuples(st.just("suppress"), CARDS, st.booleans()),
    st.tuples(
        st.just("declare"),
        st.sampled_from(["declared", "pool"]),
        st.sampled_from([[], ["gaming"], ["coffee"]]),
        st.sampled_from([None, "players"]),
    ),
    st.tuples(st.just("land"), st.sampled_from([1, 3, 40])),
    st.tuples(st.just("edit"), st.booleans()),
)


@settings(
    max_examples=2,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=st.lists(st.lists(OPS, max_size=4), min_size=3, max_size=6))
def test_whatever_changes_the_cards_are_what_the_whole_build_makes(
    server, tmp_path_factory, monkeypatch, steps
):
    folder = tmp_path_factory.mktemp("world")
    edited = edited_contracts(folder / "contracts")
    by_rules(monkeypatch, contracts_root())
    monkeypatch.setattr(buckets, "ROWS", 2)
    database = databases.copy_of(server, databases.TEMPLATE)
    with World(database, folder) as world:
        for number in range(5):
            world.say(f"{number}", bio=BIOS[number])
        for ops in [[], *steps]:
            for what, *given_ in ops:
                if what == "edit":
                    by_rules(monkeypatch, edited if given_[0] else contracts_root())
                else:
                    getattr(world, what)(*given_)
            world.store()
            world.rebuild()
            world.check()
        before = [world.stored(name).version for name in (LEADS, OTHERS)]
        world.rebuild(is_whole=True)
        world.check()
        assert [world.stored(name).version for name in (LEADS, OTHERS)] == before
    databases.drop(database)


def test_a_card_that_changes_is_made_and_no_other(built, made):
    before = [built.files(name) for name in (LEADS, OTHERS)]
    built.say("07", bio="Chef in Lyon")
    built.store()

    built.rebuild()

    assert made() == ["card_07"]
    leads, others = (built.files(name) for name in (LEADS, OTHERS))
    assert (len(leads - before[0]), others - before[1]) == (1, set())
    built.check()


def test_a_card_that_is_a_lead_no_more_moves_to_the_others(built, made):
    built.say("07", bio="hi")
    built.say("41", bio=PHOTOGRAPHER)
    built.store()

    built.rebuild()

    assert made() == ["card_07", "card_41"]
    ids = [{row["card_id"] for row in built.rows(name)} for name in (LEADS, OTHERS)]
    assert "card_07" in ids[1] - ids[0]
    assert "card_41" in ids[0] - ids[1]


def test_who_loses_an_account_who_takes_it_and_who_ends_are_made_anew(built, made):
    built.say("03", card_id="card_05")
    built.store()
    built.rebuild()
    assert made() == ["card_05"], "nothing is left of card_03"
    built.check()

    built.say("03", card_id="card_09")
    built.store()
    built.rebuild()
    assert made() == ["card_05", "card_09"]
    built.check()


def test_what_no_card_reads_makes_none(built, made):
    versions = [built.stored(name).version for name in (LEADS, OTHERS)]
    built.say("07", like_count=9, observation_count=4, handles=["a", "b"])
    built.store()

    built.rebuild()

    assert made() == []
    assert [built.stored(name).version for name in (LEADS, OTHERS)] == versions


def test_labels_are_read_off_the_stored_row_where_nothing_was_said_anew(built, labeled):
    for number in (1, 2, 41):
        built.say(f"{number:02}", following_count=3, follower_count=900, location="Austin, TX")
    built.say("03", follower_count=2_000)
    built.store()

    built.rebuild()

    assert sum(labeled) == 1, "card_03 is in another band of followers"
    built.check()


def test_another_policy_makes_every_card_and_labels_none(built, made, labeled, tmp_path):
    file = tmp_path / "policy.yaml"
    file.write_text("version: 9\nplatforms: {x: {redistribution: full}}\n")
    built.settings = built.settings.__class__(**{**vars(built.settings), "policy_file": file})

    built.rebuild()

    assert (len(made()), sum(labeled)) == (60, 0)
    built.check()


def test_a_new_day_makes_the_cards_that_it_turns_stale(built, made):
    built.say("04", observed_at=SEEN - timedelta(days=729))
    built.say("44", observed_at=SEEN - timedelta(days=729))
    built.store()
    built.rebuild()
    made()

    built.land(1)
    assert built.rebuild().is_new

    assert made() == ["card_04"], "who is no lead is never stale"
    built.check()


def test_who_is_suppressed_and_who_is_not_any_more_is_made_anew(built, made):
    built.suppress("card_11")
    built.suppress("card_50")
    built.rebuild()
    assert made() == ["card_11"], "nothing is withheld of who is no lead"
    built.check()

    built.suppress("card_11", is_off=True)
    built.rebuild()
    assert made() == ["card_11"]
    built.check()


def test_a_collection_that_declares_something_else_makes_its_cards(built, made):
    built.say("13", collections=["fair"])
    built.store()
    built.rebuild()
    made()

    for tribes, market in ((["gaming"], None), (["gaming"], "players"), ([], None)):
        built.declare("fair", tribes, market)
        built.rebuild()
        assert made() == ["card_13"]
        built.check()


@pytest.mark.parametrize(
    ("lost", "said"),
    [(PROFILE, "1 identities without"), (IDENTITY, "0 identities .*, 1 profiles without")],
    ids=["a profile", "an identity"],
)
def test_identities_and_profiles_must_be_the_same_accounts(built, lost, said):
    built.store(first_is_lost_in=lost)

    with pytest.raises(ContractBroken, match=said):
        built.rebuild()


CHILD = """
    import os, signal, sys
    from pathlib import Path
    from sxe_pipeline.cards import tier1, touched
    from sxe_pipeline.store import buckets, sql
    from sxe_pipeline_tests.cards.cards_world import NOW, settings_of
    buckets.ROWS = 16
    tier1.shipped_weights = lambda labels: None
    change = buckets.change
    def killed(conn, root, table, *rest, **more):
        if table.name == sys.argv[3]:
            os.kill(os.getpid(), signal.SIGKILL)
        return change(conn, root, table, *rest, **more)
    buckets.change = killed
    with sql.connect(sys.argv[1]) as conn:
        tier1.rebuild_cards(
            conn, settings_of(sys.argv[1], Path(sys.argv[2])), actor="test", now=NOW
        )
"""


def test_a_kill_between_the_two_tables_leaves_the_named_state(built):
    before = [built.rows(name) for name in (LEADS, OTHERS)]
    built.say("07", bio="hi")
    built.store()

    child = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(CHILD), built.dsn, str(built.home), OTHERS],
        capture_output=True,
        check=False,
        timeout=60,
    )

    assert child.returncode == -signal.SIGKILL, child.stderr.decode()
    assert [built.rows(name) for name in (LEADS, OTHERS)] == before
    built.rebuild()
    built.check()

"""Acts of Tier 1 against kills, each other, lost leases and full disks: what is named stays."""

import itertools
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from sxe_pipeline.errors import Busy, StoreUnavailable
from sxe_pipeline.ops import upkeep, versions
from sxe_pipeline.schema.lead_card import LEAD_CARD
from sxe_pipeline.schema.tables import (
    IDENTITY,
    OTHERS,
    POST_SIGHTING,
    POST_TERMS,
    PROFILE,
    SIGHTING,
    TARGET,
)
from sxe_pipeline.store import buckets, sql, sums, tables
from sxe_pipeline.store.snapshot import Snapshot
from sxe_pipeline_tests import acts, databases, named

LEAST = {
    "first day": 5,
    "profiles": 12,
    "identities": 8,
    "cards": 6,
    "pools": 3,
    "candidates": 1,
}
"""Act -> writes that stay where it dies: files, commits to Delta, checksums, transactions."""


@pytest.fixture(scope="module")
def small():
    """Small buckets for all homes of this module."""
    with pytest.MonkeyPatch.context() as patch:
        acts.is_small(patch.setattr)
        yield


@pytest.fixture(scope="module")
def stages(server, small, tmp_path_factory):
    """Act -> a home in which that act is due, and what the home is when it was done."""
    made, homes = tmp_path_factory.mktemp("stages"), {}
    home = acts.Home(databases.copy_of(server, databases.TEMPLATE), made / "home")
    for name in acts.ACTS:
        home.act(name, acts.BEFORE)
    for name in acts.ACTS:
        homes[name] = copied(home, made / name)
        home.act(name, acts.AFTER)
        due, before = home.stands(), homes[name].named()
        homes[name].due = due
        homes[name].same = {table for table in before if before[table] == due[table]}
        homes[name].changed = before.keys() - homes[name].same
    databases.drop(home.database)
    yield homes
    for each in homes.values():
        databases.drop(each.database)


def copied(home, folder):
    database = databases.copy_of(home.database.state, home.database.name)
    shutil.copytree(home.folder, folder, dirs_exist_ok=True)
    return acts.Home(database, folder)


@pytest.fixture(params=LEAST)
def stage(stages, request):
    """A home in which one act is due: its name, what is there, and what is due of it."""
    home = stages[request.param]
    home.name = request.param
    home.was = home.named(home.changed)
    home.then = {table: home.due[table] for table in home.changed}
    return home


def test_an_act_that_is_killed_at_any_write_is_done_by_the_next_run(stage, tmp_path):
    for at in itertools.count(1):
        home = copied(stage, tmp_path / str(at))
        is_killed = home.killed(stage.name, acts.AFTER, at)
        assert home.named(stage.changed) in (stage.was, stage.then), f"write {at}"
        is_done(home, stage, f"write {at}")
        databases.drop(home.database)
        if not is_killed:
            break
    assert at > LEAST[stage.name]


def is_done(home, stage, why=""):
    """The next run leaves what an undisturbed one does, ids and events included."""
    home.act(stage.name, acts.AFTER)
    stands = home.stands(stage.changed)
    assert stands == {what: stage.due[what] for what in stands}, why


@pytest.fixture
def home(stage, tmp_path):
    home = copied(stage, tmp_path / "home")
    yield home
    databases.drop(home.database)


def test_a_run_that_lost_its_lease_counts_for_nothing_and_of_two_at_once_one_does_it(stage, home):
    def lost(conn):
        raise Busy("this run's lease ran out before it was done")

    def act(number):
        try:
            done = home.act(stage.name, acts.AFTER)
        except Busy:
            return None
        return (done[0] if isinstance(done, list) else done).is_new

    with pytest.raises(Busy):
        home.act(stage.name, acts.AFTER, recheck=lost)
    assert home.named(stage.changed) == stage.was

    with ThreadPoolExecutor(2) as both:
        told = list(both.map(act, range(2)))

    # The ids of identities commit before their tables: who comes in between is told to come again.
    assert sorted(told, key=str) in (
        [False, True],
        *([[None, True]] * (stage.name == "identities")),
    )
    assert home.named(stage.changed) == stage.then
    is_done(home, stage)


@pytest.fixture
def disk(tmp_path):
    """`disk(folder, size)`: a disk of its own there, or another size of it."""
    made = []

    def mounted(folder, size):
        how = [*(["remount"] if folder in made else []), f"size={size}"]
        mount = ["mount", "-t", "tmpfs", "-o", ",".join(how), "none", str(folder)]
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("only root mounts a disk: run the tests as root to see full ones")
        made.append(folder)

    yield mounted
    for folder in set(made):
        subprocess.run(["umount", "-l", str(folder)], check=True)


PAGE = 4096


@pytest.mark.parametrize("name", ["profiles", "cards"])
def test_a_disk_that_fills_up_while_buckets_are_written_costs_nothing(stages, tmp_path, disk, name):
    stage, store = stages[name], tmp_path / "home" / "tier1"
    store.mkdir(parents=True)
    held = sum(-(-f.stat().st_size // PAGE) for f in (stage.folder / "tier1").rglob("*.*"))
    disk(store, "64m")
    home = copied(stage, tmp_path / "home")
    was = home.named()
    said = []
    for room in (2, 20, 60, 400):
        disk(store, (held + room) * PAGE)
        try:
            home.act(name, acts.AFTER)
            break
        except StoreUnavailable as error:
            said.append(str(error))
        assert home.named() == was
        disk(store, "64m")
        keep(home, stage.changed)
        held = used(store)
    assert len(said) > 1
    assert all("check space" in each or "make room" in each for each in said)
    stands = home.stands()
    assert stands == {what: stage.due[what] for what in stands}
    databases.drop(home.database)


def used(store):
    return sum(-(-f.stat().st_size // PAGE) for f in store.rglob("*") if f.is_file())


def keep(home, names):
    """What the night does: orphans go."""
    with sql.connect(home.dsn) as conn:
        for name in names:
            upkeep.keep_table(conn, home.settings.tier1_url, name, actor="test", grace_s=0)


ADDED = {SIGHTING.name, POST_SIGHTING.name, TARGET.name}
"""Tables that the releases before buckets had not."""
OLDER = {PROFILE.name: [], POST_TERMS.name: [], IDENTITY.name: [], LEAD_CARD.name: []}
OLDER |= {OTHERS.name: ["account_type", "language"]}
"""Tables that they wrote whole, and the columns that these had not."""


def aged(home):
    """Leave the home as a release before buckets would: nobody noted what a table was made from."""
    store = home.folder / "tier1"
    with sql.connect(home.dsn) as conn:
        for name, version in versions.stored(conn).items():
            shutil.rmtree(store / name / sums.FOLDER)
            if name in ADDED or name in OLDER:
                rows = Snapshot(name, version, home.settings.tier1_url).to_table()
                shutil.rmtree(store / name)
                conn.commit()
                databases.as_owner(conn, "delete from ops.version where table_name = %s", [name])
            if name in OLDER:
                rows = rows.drop_columns(OLDER[name])
                if "labels_key" in rows.column_names:
                    at, keys = rows.column_names.index("labels_key"), ["its own"] * rows.num_rows
                    rows = rows.set_column(at, rows.schema.field(at), [keys])
                with conn.transaction():
                    tables.lock(conn, name)
                    url = home.settings.tier1_url
                    version = tables.write(conn, url, name, rows.to_reader(), days=None)
                    named.name(conn, name, version, inputs="of an older release")


def test_a_home_of_an_older_layout_is_upgraded_once_however_often_that_is_killed(stages, tmp_path):
    home, due = copied(stages["profiles"], tmp_path / "home"), stages["candidates"].due
    aged(home)
    for name, stage in stages.items():
        was = home.named(stage.changed)
        then = {table: stage.due[table] for table in stage.changed}
        for at in itertools.count(1):
            if not home.killed(name, acts.AFTER, at):
                break
            assert home.named(stage.changed) in (was, then), f"{name}, write {at}"
    stands = home.stands()
    del stands["events"]
    assert stands == {what: due[what] for what in stands}
    with sql.connect(home.dsn) as conn:
        for table in BUCKETED:
            assert buckets.is_kept_in(snapshot(home, conn, table), table), table.name
        held = versions.stored(conn)
    for name in acts.ACTS:
        home.act(name, acts.AFTER)
    with sql.connect(home.dsn) as conn:
        assert versions.stored(conn) == held
    databases.drop(home.database)


BUCKETED = (PROFILE, POST_TERMS, IDENTITY, LEAD_CARD, OTHERS, SIGHTING, POST_SIGHTING, TARGET)


def snapshot(home, conn, table):
    return tables.snapshot(conn, home.settings.tier1_url, table.name)

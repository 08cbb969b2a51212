"""A disk without room: the message names it, and what was committed stays. Needs root for tmpfs."""

import errno
import json
import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import psycopg
import pytest
from click.testing import CliRunner

from sxe_pipeline import errors
from sxe_pipeline.cli import main
from sxe_pipeline.errors import StoreUnavailable
from sxe_pipeline.schema import duck
from sxe_pipeline.store import objects
from sxe_pipeline_tests.cli.terminal import LOGINS

DAY = datetime.now(UTC).date() - timedelta(days=1)


def land(folder, rows):
    file = folder / "makers" / DAY.isoformat() / "people.jsonl"
    file.parent.mkdir(parents=True)
    with file.open("w") as out:
        for n in range(rows):
            person = {
                "id": str(2**60 + n),
                "username": f"m{n}",
                "description": os.urandom(40).hex(),
            }
            out.write(json.dumps(person) + "\n")


@pytest.fixture
def small(tmp_path):
    """`small(name, kib)`: a folder on a disk of its own, as small as that."""
    if os.geteuid() != 0:
        pytest.skip("only root mounts a disk: run the tests as root to see full ones")
    made = []

    def mounted(name, kib):
        folder = tmp_path / name
        folder.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={kib}k", "none", str(folder)],
            capture_output=True,
            check=False,
        )
        if done.returncode:
            pytest.skip("this machine does not let root mount a tmpfs")
        made.append(folder)
        return folder

    yield mounted
    for folder in made:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_store_is_named_and_gets_its_object_once_there_is_room(small):
    folder = small("landing", 64)
    store = objects.Objects(folder.as_uri())
    store.put_new("first", b"x" * 40_000)

    with pytest.raises(StoreUnavailable, match=r"disk of object store .*landing is full"):
        store.put_new("second", os.urandom(60_000))

    assert not store.exists("second")
    store.delete("first")
    assert store.put_new("second", b"x" * 30_000)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("landing", "landing"),
        ("tier1", "Tier 1 store"),
    ],
)
def test_a_verb_says_which_disk_is_full(database, small, tmp_path, processes, name, said):
    folder = small(name, 256 if name == "landing" else 16)
    source = tmp_path / "source"
    land(source, 3_000)
    env = {n: database.dsn(role) for n, role in LOGINS.items()} | {"SXE_HOME": str(tmp_path)}
    ours = ("SXE_", "DAGSTER_")
    env |= {k: v for k, v in os.environ.items() if not k.startswith(ours)}

    def sxe(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "sxe_pipeline.cli", *arguments],
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )

    done = sxe("ingest", str(source / "makers"))
    if name == "tier1":
        assert done.returncode == 0, done.stderr
        done = sxe("build")

    assert done.returncode in (1, 7), done.stdout + done.stderr
    assert said in done.stdout + done.stderr
    assert "full" in done.stdout + done.stderr or "space" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert folder.exists()


def test_a_full_disk_of_the_database_is_said_whoever_tells_it():
    """Of our own driver, of Dagster's below SQLAlchemy, of the system."""

    class OfDagster(Exception):
        pgcode = "53100"

    wrapped = RuntimeError("(psycopg2.errors.DiskFull) insert into event_logs ana@example.org")
    wrapped.orig = OfDagster("could not extend file")
    outer = RuntimeError("run failed")
    outer.__cause__ = wrapped

    for error in (psycopg.errors.DiskFull("could not extend file"), wrapped, outer):
        said = str(errors.said_of(error))
        assert "disk of the database is full" in said
        assert "ana@" not in said


def test_a_full_disk_of_the_system_names_the_folder_where_it_is_known():
    full = OSError(errno.ENOSPC, "No space left on device", "/srv/sxe/handoff/part.parquet")

    assert "the disk that holds /srv/sxe/handoff is full" in str(errors.said_of(full))
    unnamed = OSError(errno.ENOSPC, "No space left on device")
    assert "of temporary files is full" in str(errors.said_of(unnamed))
    assert "of home (/srv/sxe) is full" in str(errors.said_of(unnamed, "of home (/srv/sxe)"))
    assert errors.said_of(ValueError("12")) is None


def test_a_full_disk_is_said_where_a_query_spills_to_it(small, monkeypatch):
    monkeypatch.setenv("SXE_SPILL_DIR", str(small("spill", 8_000)))
    monkeypatch.setenv("SXE_MEMORY_LIMIT_MB", "64")
    wide = "select repeat(md5(n::varchar), 20) as word from range(200000) as r (n) order by 1"

    with duck.opened() as engine, pytest.raises(duckdb.Error) as full:
        engine.execute(f"create table sorted as {wide}")

    assert "temporary files is full" in str(errors.said_of(full.value))
    assert list((Path(os.environ["SXE_SPILL_DIR"])).iterdir()) == []


def test_too_little_memory_is_said_with_the_setting_that_helps(monkeypatch):
    monkeypatch.setenv("SXE_MEMORY_LIMIT_MB", "64")
    hoard = "select list(repeat('ana@example.org', 100)) from range(1000000)"

    with duck.opened() as engine, pytest.raises(duckdb.OutOfMemoryException) as short:
        engine.execute(hoard).fetchall()

    said = errors.said_of(short.value)
    assert isinstance(said, errors.BadConfig)
    assert "set SXE_MEMORY_LIMIT_MB higher" in str(said)
    assert "ana@" not in str(said)


def test_a_lost_connection_is_no_full_disk():
    for kind in (psycopg.errors.AdminShutdown, psycopg.OperationalError, psycopg.InterfaceError):
        assert "went away" in str(errors.said_of(kind("gone")))
    assert errors.said_of(psycopg.errors.UniqueViolation("twice")) is None


def test_a_full_database_is_one_sentence_at_the_terminal(database, tmp_path, monkeypatch):
    """As when Dagster's own tables, or ours, have no room left: the statement fails so."""
    from sxe_pipeline.cards.markets import market

    def full(*_):
        raise psycopg.errors.DiskFull('could not extend file "base/5/1"')

    monkeypatch.setattr(market, "markets", full)
    env = {n: database.dsn(role) for n, role in LOGINS.items()} | {"SXE_HOME": str(tmp_path)}

    done = CliRunner(env=env).invoke(main, ["market"])

    assert done.exit_code == 7
    assert done.stderr.startswith("sxe: the disk of the database is full")


@pytest.mark.parametrize("kib", [8_000, 40_000])
def test_an_embedded_database_on_a_full_disk_says_so(small, processes, kib):
    folder = small(tempfile.mkdtemp(prefix="sxe"), kib)
    folder.chmod(0o755)  # or root keeps the data elsewhere
    env = {k: v for k, v in os.environ.items() if not k.startswith(("SXE_", "DAGSTER_"))}

    done = subprocess.run(
        [sys.executable, "-m", "sxe_pipeline.cli", "market"],
        env=env | {"SXE_HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 7, done.stderr
    assert "No space left" in done.stderr or "full" in done.stderr
    assert "Traceback" not in done.stderr

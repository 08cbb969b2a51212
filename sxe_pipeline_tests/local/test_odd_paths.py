"""A home whose path holds what paths may hold: the whole build, as a user types it."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from sxe_pipeline import settings
from sxe_pipeline.errors import BadConfig
from sxe_pipeline.ingest import land
from sxe_pipeline.local import attach
from sxe_pipeline.store import objects, sql, tables
from sxe_pipeline.store.snapshot import Snapshot
from sxe_pipeline_tests.cli.terminal import typed

SXE = [sys.executable, "-m", "sxe_pipeline.cli"]
ODD = "Mein Ordner ü 100% #1 (é) & 'so'?"


def sxe(home, *arguments):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("SXE_", "DAGSTER_"))}
    return subprocess.run(
        [*SXE, *arguments],
        env=env | {"SXE_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )


def people(count):
    rows = [
        {
            "id": str(2**60 + n),
            "username": f"maker{n}",
            "name": f"Maker {n}",
            "description": "Photographer from Lyon. I love hiking and trail running",
            "public_metrics": {"followers_count": 100, "following_count": 5, "tweet_count": 9},
        }
        for n in range(count)
    ]
    return json.dumps({"data": rows})


@pytest.fixture
def home(processes):
    # Open to all, or root keeps the data of the server elsewhere, below a plain path.
    base = Path(tempfile.mkdtemp(prefix="sxe"))
    base.chmod(0o755)
    made = base / ODD / "home"
    made.mkdir(parents=True)
    yield made
    attach.stop(settings.load({"SXE_HOME": str(made)}), delete=True)
    shutil.rmtree(base)


def test_a_day_is_built_in_a_home_with_an_odd_path(home):
    source = home.parent / "Kunden #2 50%"
    source.mkdir()
    (source / "seite ü #1.json").write_text(people(7))

    landed = sxe(home, "ingest", str(source), "--collection", "makers", "--json")
    built = sxe(home, "build", "--json")
    again = typed(home, "build", "--json")
    markets = typed(home, "market", "--json")

    data = attach.data_folder(settings.load({"SXE_HOME": str(home)}))
    assert data.is_relative_to(home)
    assert landed.returncode == 0, landed.stderr
    assert json.loads(landed.stdout)["registered"] == 1
    assert built.returncode == 0, built.stdout + built.stderr
    assert [run["ok"] for run in json.loads(built.stdout)["runs"]] == [True]
    assert json.loads(again.stdout)["days"] == []
    assert sum(row["cards"] for row in json.loads(markets.stdout)["rows"]) == 7


def test_what_lies_in_an_oddly_named_landing_store_is_not_landed_again(tmp_path):
    store = tmp_path / ODD
    file = store / "makers" / "page.json"
    file.parent.mkdir(parents=True)
    file.write_text(people(1))

    with pytest.raises(Exception, match="lies in the landing store"):
        land.land(objects.Objects(store.as_uri()), [file], collection=None, day=None)


@pytest.mark.parametrize("name", [ODD, "a b", "ü", "#", "100%", "a+b", "a?b", "a*b", "{x}", "😀"])
def test_the_files_of_a_version_are_paths_that_exist(database, tmp_path, name):
    import pyarrow as pa

    root = tmp_path / name
    root.mkdir()
    rows = pa.table({"n": [1, 2]})
    with sql.connect(database.dsn("sxe_social")) as conn:
        version = tables.write(conn, root.as_uri(), "social/things", rows.to_reader(), days=None)

    found = Snapshot("social/things", version, root.as_uri()).files()

    assert len(found) == 1
    assert Path(found[0]).exists()


@pytest.mark.parametrize("name", ["a%41b", "a[b", "a]b", "a\\b", "a^b", "a|b"])
def test_a_path_that_nobody_could_open_is_refused_before_anything_is_written(tmp_path, name):
    with pytest.raises(BadConfig, match="rename that folder"):
        settings.load({"SXE_HOME": str(tmp_path / name)})
    with pytest.raises(BadConfig, match="SXE_TIER1_STORE_URL"):
        settings.load({"SXE_TIER1_STORE_URL": (tmp_path / name).as_uri()})

"""A machine whose clock is not the database's: a landing day is the database's, for all."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sxe_pipeline.store import sql
from sxe_pipeline_tests.cli.terminal import LOGINS

FAKETIME = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))


@pytest.fixture
def sxe(database, tmp_path, processes):
    """`sxe(hours, ...)`: a verb on a machine whose clock is so far from the database's."""
    if not FAKETIME:
        pytest.skip("libfaketime is missing: apt-get install faketime")
    ours = ("SXE_", "DAGSTER_")
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    logins = {name: database.dsn(role) for name, role in LOGINS.items()}

    def typed(hours, *arguments):
        clock = {"LD_PRELOAD": str(FAKETIME[0]), "FAKETIME": f"{hours:+d}h"}
        return subprocess.run(
            [sys.executable, "-m", "sxe_pipeline.cli", *arguments],
            env=inherited | logins | clock | {"SXE_HOME": str(tmp_path / "home")},
            capture_output=True,
            text=True,
            check=False,
        )

    return typed


@pytest.fixture
def landed(tmp_path):
    folder = tmp_path / "makers"
    folder.mkdir()
    person = {
        "id": str(2**60),
        "username": "maker",
        "name": "Maker",
        "description": "Photographer from Lyon. I love hiking and trail running",
        "public_metrics": {"followers_count": 100, "following_count": 5, "tweet_count": 9},
    }
    (folder / "page.json").write_text(json.dumps({"data": [person]}))
    return folder


# More than a day: so the two never agree on the date, whenever the test runs.
@pytest.mark.parametrize("hours", [-26, 26])
def test_a_build_on_a_machine_whose_clock_is_wrong_builds_the_day_of_the_database(
    database, sxe, landed, hours
):
    ingested = sxe(hours, "ingest", str(landed), "--json")
    built = sxe(hours, "build", "--json")

    assert ingested.returncode == 0, ingested.stderr
    assert built.returncode == 0, built.stdout + built.stderr
    with sql.connect(database.dsn("sxe_social")) as conn:
        [(day, is_between)] = conn.execute(
            "select landed_day, counted_at between registered_at and clock_timestamp() "
            "from social.day_count join ingest.landing_file using (landed_day)"
        ).fetchall()
    assert is_between
    assert abs((day - datetime.now(UTC).date()).days) <= 1
    assert [run["days"] for run in json.loads(built.stdout)["runs"]] == [[str(day)]]
    assert json.loads(sxe(hours, "status", "--json").stdout)["pending"] == []


def test_a_day_that_the_database_does_not_know_yet_is_refused_in_one_sentence(sxe):
    done = sxe(0, "build", "--day", "2093-01-01")

    assert done.returncode == 2
    assert "a landing day lies between" in done.stderr
    assert len(done.stderr.splitlines()) == 1

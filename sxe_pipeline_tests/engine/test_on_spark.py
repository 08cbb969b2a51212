"""What is Spark's alone: its own processes, and a day of the product that is built on it."""

import itertools
import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from sxe_pipeline.engine import checksum
from sxe_pipeline.schema.lead_card import LEAD_CARD
from sxe_pipeline.schema.tables import IDENTITY, OBSERVATION, OTHERS, PROFILE, QUARANTINE
from sxe_pipeline.store import sql, tables
from sxe_pipeline_tests.databases import as_owner
from sxe_pipeline_tests.places import TODAY, land, opened, person

DAYS = [TODAY - timedelta(days=n) for n in (3, 2)]
TABLES = (OBSERVATION, QUARANTINE, PROFILE, IDENTITY, LEAD_CARD, OTHERS)
pytestmark = [pytest.mark.spark, pytest.mark.processes]


def descendants(pid):
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            yield child
            yield from descendants(child)


def told(pid, name):
    """What the system says of a process; nothing of one that ended."""
    try:
        return Path(f"/proc/{pid}/{name}").read_text()
    except OSError:
        return ""


def test_no_process_of_spark_is_told_a_login(spark):
    of_spark = list(descendants(os.getpid()))

    commands = "".join(told(pid, "cmdline") for pid in of_spark)
    environments = "".join(told(pid, "environ") for pid in of_spark)

    assert commands.count("CoarseGrainedExecutorBackend") == 2
    assert "JAVA" in environments or "PATH" in environments
    assert "SXE_KEYSET=planted" not in environments
    assert "SXE_SOCIAL_DATABASE_URL=postgresql" not in environments


def build(*arguments):
    done = subprocess.run(
        [sys.executable, "-m", "sxe_pipeline.cli", "build", "--json", *arguments],
        env={**os.environ, "PYTHONPATH": ":".join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def contents(place):
    """Checksum of each table, and how many rows it has."""
    found = {}
    with sql.connect(place.settings.need("social_dsn")) as conn:
        for table in TABLES:
            stored = tables.snapshot(conn, place.settings.tier1_url, table.name)
            rows = stored.to_table().select(table.names).cast(table.schema)
            found[table.name] = (rows.num_rows, checksum(rows.to_batches()))
    return found


def test_a_day_that_spark_built_is_what_this_machine_makes_of_it(server, tmp_path, pyspark):
    bios = ["Chef in Lyon. Wine.", "hi", "Photographer. Mail me: ana@example.com", "love football"]
    with opened(server, tmp_path / "home") as place:
        for number, day in enumerate(DAYS):
            people = [person(n + 20 * number, bios[n % 4]) for n in range(40)]
            land(place.settings.home, day, [*people, {"id": "none"}])

        assert [run["ok"] for run in build("--engine", "spark")["runs"]] == [True]
        by_spark = contents(place)
        with sql.connect(place.settings.need("social_dsn")) as conn:
            as_owner(conn, "update social.day_count set inputs = 'none of these'")
        build(*itertools.chain(*(("--day", day.isoformat()) for day in DAYS)))
        assert build("--whole")["whole"]

        assert contents(place) == by_spark
    rows = {name: count for name, (count, _) in by_spark.items()}
    assert (rows[OBSERVATION.name], rows[QUARANTINE.name], rows[PROFILE.name]) == (80, 2, 60)
    assert min(rows.values()) > 0

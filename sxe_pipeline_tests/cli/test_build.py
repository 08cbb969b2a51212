"""What `sxe build` says where there is nothing to build, and which days it takes."""

import json
import os
import re
from datetime import UTC, datetime, timedelta
from unittest import mock

import pytest
from click.testing import CliRunner

from sxe_pipeline.cli import main
from sxe_pipeline_tests.cli.terminal import LOGINS

YESTERDAY = datetime.now(UTC).date() - timedelta(days=1)


@pytest.fixture
def typed(database, tmp_path):
    logins = {name: database.dsn(role) for name, role in LOGINS.items()}

    def run(*arguments, code=0, **more):
        env = logins | {"SXE_HOME": str(tmp_path)} | more
        with mock.patch.dict(os.environ):  # a verb that runs Dagster tells its process where to
            done = CliRunner(env=env).invoke(main, ["build", *arguments])
        assert done.exit_code == code, done.output
        return done

    return run


def land(home, people=()):
    file = home / "landing" / "makers" / YESTERDAY.isoformat() / "page.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"data": people}))


def test_an_empty_home_is_told_what_to_do_next(typed, tmp_path):
    shown = typed().stdout

    assert "nothing has landed yet" in shown
    assert "ingest FOLDER" in shown
    assert (tmp_path / "landing").as_uri() in shown
    assert json.loads(typed("--json").stdout)["days"] == []


def test_a_dry_run_names_the_days_and_builds_none(typed, tmp_path, database):
    land(tmp_path)
    typed("--dry-run")  # registers nothing either

    assert json.loads(typed("--dry-run", "--json").stdout)["days"] == []


def test_a_day_before_the_first_one_is_refused_by_name_and_left_out_by_itself(typed, tmp_path):
    land(tmp_path)
    first = {"SXE_FIRST_DAY": (YESTERDAY + timedelta(days=1)).isoformat()}

    refused = typed("--day", YESTERDAY.isoformat(), code=2, **first)

    assert "a landing day lies between" in refused.stderr
    assert json.loads(typed("--json", **first).stdout)["days"] == []


def test_everything_is_made_whole_only_where_something_was_observed(typed, tmp_path):
    said = json.loads(typed("--whole", "--json").stdout)

    assert (said["whole"], said["runs"]) == (False, [])


def test_a_day_that_was_published_says_when_the_rest_leaves_by_a_line_that_works(typed, tmp_path):
    bio = "Photographer from Lyon. I love hiking and trail running"
    land(tmp_path, [{"id": str(10**18), "username": "maker", "name": "M", "description": bio}])
    first = typed("--publish", SXE_SETTLE_S="0").stdout
    again = typed("--publish").stdout

    [line] = re.findall(r"or now: `\S+ build (.+)`", again)
    assert "2 new batches" in first
    assert "no new batch: a day is published once" in again
    assert json.loads(typed(*line.split(), "--json").stdout)["runs"][0]["ok"]

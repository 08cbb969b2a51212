"""What a verb says while it works: on a terminal or where it was asked for, never in an answer."""

import io
import json
import os
import pty
import re
import subprocess
import sys
import time

import pytest

from sxe_pipeline.cli import progress
from sxe_pipeline_tests.cli.terminal import LOGINS

SXE = [sys.executable, "-m", "sxe_pipeline.cli"]


class Screen(io.StringIO):
    """What a terminal shows after carriage returns."""

    def isatty(self):
        return True

    def shown(self):
        return [line.rpartition("\r")[2].rstrip() for line in self.getvalue().split("\n")]


@pytest.fixture
def env(database, tmp_path):
    ours = ("SXE_", "DAGSTER_")
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    logins = {name: database.dsn(role) for name, role in LOGINS.items()}
    return inherited | logins | {"SXE_HOME": str(tmp_path / "home")}


@pytest.fixture
def landed(tmp_path):
    folder = tmp_path / "makers"
    folder.mkdir()
    for n in range(40):
        (folder / f"{n}.json").write_text(json.dumps({"data": [{"id": str(n), "username": "a"}]}))
    return folder


def test_a_log_gets_a_line_for_each_step_and_an_answer_is_still_only_json(env, landed):
    done = subprocess.run(
        [*SXE, "--verbose", "ingest", str(landed), "--json"],
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )

    assert json.loads(done.stdout)["landed"] == 40
    assert "sxe: copying into the landing store\n" in done.stderr
    assert "sxe: registering what is new\n" in done.stderr
    assert "\r" not in done.stderr


def test_a_pipe_gets_nothing_that_was_not_asked_for(env, landed):
    done = subprocess.run(
        [*SXE, "ingest", str(landed)], env=env, capture_output=True, text=True, check=True
    )

    assert done.stderr == ""


def test_a_terminal_shows_a_line_that_is_gone_before_the_answer(monkeypatch):
    monkeypatch.setattr(progress, "_PATIENCE_S", 0)
    monkeypatch.setattr(progress, "_TICK_S", 0.01)
    screen = Screen()
    with progress.Progress(screen, is_shown=True, is_log=False) as told:
        told.say("2031-02-01: social/observations")
        told.add_rows(10_000)
        told.add_rows(2_345)
        end = time.monotonic() + 10
        while "12,345 rows" not in screen.getvalue() and time.monotonic() < end:
            time.sleep(0.01)

    assert "2031-02-01: social/observations, 12,345 rows (0 s)" in screen.getvalue()
    assert screen.shown() == [""]


def test_a_line_is_never_longer_than_the_terminal_or_it_could_not_be_taken_away(monkeypatch):
    monkeypatch.setattr(progress, "_PATIENCE_S", 0)
    monkeypatch.setenv("COLUMNS", "30")
    screen = Screen()
    with progress.Progress(screen, is_shown=True, is_log=False) as told:
        told.say("x" * 200)
        time.sleep(0.1)

    assert max(len(piece) for piece in re.split("[\r\n]", screen.getvalue())) < 30
    assert screen.shown() == [""]


def test_a_quick_verb_shows_nothing_on_a_terminal():
    """A real one: what comes out of a pseudo-terminal is what a person sees."""
    parent, child = pty.openpty()
    done = subprocess.run(
        [*SXE, "contracts", "list"], stdout=subprocess.PIPE, stderr=child, text=True, check=True
    )
    os.close(child)
    try:
        seen = os.read(parent, 4096)
    except OSError:  # so Linux says that nothing is left
        seen = b""
    os.close(parent)

    assert "lead_card" in done.stdout
    assert seen == b""


def test_nobody_who_looks_is_no_error():
    closed = io.StringIO()
    closed.close()
    with progress.Progress(closed, is_shown=True, is_log=True) as told:
        told.say("a step")


def test_outside_of_a_verb_nothing_is_shown(capsys):
    progress.say("a step")

    assert capsys.readouterr() == ("", "")

"""What meets a user where a verb cannot begin, or cannot say anything: a sentence, no traceback."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sxe_pipeline import settings
from sxe_pipeline_tests.cli.terminal import typed

SXE = [sys.executable, "-m", "sxe_pipeline.cli"]
FULL = Path("/dev/full")


def run(home, *arguments, redirection="", **variables):
    """A verb as a shell starts it."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("SXE_", "DAGSTER_"))}
    return subprocess.run(
        ["sh", "-c", f'exec "$@" {redirection}', "sh", *SXE, *arguments],
        capture_output=True,
        text=True,
        env=inherited | {"SXE_HOME": str(home)} | variables,
        cwd=home.parent if home.parent.is_dir() else "/",
        check=False,
    )


def file(folder):
    (folder / "home").touch()
    return folder / "home"


def below_a_file(folder):
    return file(folder) / "home"


def link_to_nothing(folder):
    (folder / "home").symlink_to(folder / "none")
    return folder / "home"


UNUSABLE = [file, below_a_file, link_to_nothing]
VERBS = [
    ("market",),
    ("status",),
    ("env",),
    ("keys", "create"),
    ("keys", "list"),
    ("batch", "list"),
]


@pytest.mark.parametrize("made", UNUSABLE)
@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_a_home_that_cannot_be_used_is_a_setting_to_correct(tmp_path, made, verb, processes):
    home = made(tmp_path)

    done = typed(home, *verb)

    assert done.exit_code == 3, done.output
    assert re.fullmatch(
        rf"sxe: the home {home} cannot be used \(.+\); .+ SXE_HOME .+\n", done.stderr
    )


@pytest.mark.parametrize("made", UNUSABLE)
def test_doctor_shows_such_a_home_among_its_checks(tmp_path, made, processes):
    home = made(tmp_path)

    done = typed(home, "doctor")

    assert done.exit_code == 3, done.output
    assert f"the home {home} cannot be used" in done.stdout
    assert done.stdout.startswith("check "), "every other check is there"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can play another user")
def test_a_home_of_another_user_is_a_setting_to_correct(tmp_path):
    """A fork: that user may have no way to our interpreter."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "postgres").mkdir()
    read, write = os.pipe()
    if os.fork() == 0:
        try:
            os.setgroups([])
            os.setgid(65_534)
            os.setuid(65_534)
            for verb in (("keys", "list"), ("down",)):
                done = typed(home, *verb)
                os.write(write, f"{done.exit_code} {done.stderr}".encode())
        finally:
            os._exit(0)
    os.close(write)
    os.wait()
    with os.fdopen(read) as out:
        said = out.read()

    assert said.count(f"3 sxe: the home {home} cannot be used (Permission denied)") == 2, said


def test_programs_that_are_not_there_are_named(tmp_path, processes):
    done = typed(tmp_path / "home", "market", SXE_PG_BIN="/nowhere")

    assert done.exit_code == 3, done.output
    assert "/nowhere/initdb cannot be run" in done.stderr
    assert "SXE_PG_BIN" in done.stderr


def test_to_explain_an_error_makes_no_home(tmp_path, monkeypatch):
    monkeypatch.setattr(settings, "misspelt", lambda: [].pop())

    done = typed(tmp_path / "home", "contracts", "list")

    assert (done.exit_code, done.stderr) == (
        1,
        "sxe: IndexError: unexpected; run again with --trace\n",
    )
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("streams", [">&-", ">&- 2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("words", ["--version", "--help", "contracts list", "keys create"])
def test_who_is_started_without_stdout_works_as_into_nothing(tmp_path, words, streams, processes):
    done = run(tmp_path / "home", *words.split(), redirection=streams)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_what_a_verb_opens_does_not_take_the_place_of_a_missing_stdout(tmp_path, processes):
    done = run(tmp_path / "home", "keys", "create", redirection=">&-")

    assert done.returncode == 0
    key = (tmp_path / "home" / "keys" / "signing.key").read_text()
    assert key.startswith("sxe-signing:")
    assert "key_id" not in key


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("words", ["--version", "--help", "redact --help", "contracts list"])
def test_an_answer_that_finds_no_room_is_said_to(tmp_path, words, processes):
    done = run(tmp_path / "home", *words.split(), redirection=f"> {FULL}")

    assert done.returncode == 7, done.stderr
    assert re.fullmatch(r"sxe: the disk .+ is full; .+\n", done.stderr)

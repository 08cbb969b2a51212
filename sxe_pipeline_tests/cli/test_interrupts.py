"""Ctrl-C, SIGTERM and a reader that leaves: real signals, real pipes, real processes."""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from sxe_pipeline import settings
from sxe_pipeline.local import attach, interrupts
from sxe_pipeline.store import sql
from sxe_pipeline_tests.cli.terminal import LOGINS

SXE = [sys.executable, "-m", "sxe_pipeline.cli"]
ROWS = 20_000
TODAY = datetime.now(UTC).date()
DAYS = [TODAY - timedelta(days=n) for n in (5, 3)]


def variables(home):
    ours = ("SXE_", "DAGSTER_")
    return {k: v for k, v in os.environ.items() if not k.startswith(ours)} | {"SXE_HOME": str(home)}


def land(home, day, rows):
    file = home / "landing" / "makers" / day.isoformat() / "people.jsonl"
    file.parent.mkdir(parents=True)
    with file.open("w") as out:
        for n in range(rows):
            person = {
                "id": str(2**60 + day.day * 1_000_000 + n),
                "username": f"maker{day.day}_{n}",
                "name": f"Maker {n}",
                "description": "Photographer from Lyon. I love hiking and trail running",
                "public_metrics": {"followers_count": 100, "following_count": 5, "tweet_count": 9},
            }
            out.write(json.dumps(person) + "\n")


@pytest.fixture(scope="module")
def migrated(processes, tmp_path_factory):
    """A home whose database is there and rests: making one costs as much as what is tested here."""
    home = tmp_path_factory.mktemp("migrated")
    given = settings.load({"SXE_HOME": str(home)})
    with attach.attached(given, "social"):
        pass
    yield given
    attach.stop(given, delete=True)


@pytest.fixture
def home(migrated, tmp_path):
    given = settings.load({"SXE_HOME": str(tmp_path)})
    subprocess.run(["cp", "-a", f"{migrated.home}/.", tmp_path], check=True)
    data, copy = attach.data_folder(migrated), attach.data_folder(given)
    if not copy.exists():  # a server of root's keeps its data elsewhere
        subprocess.run(["cp", "-a", data.parent, copy.parent], check=True)
    yield tmp_path
    attach.stop(given, delete=True)


def ignore_interrupts():
    """As a shell does for what it starts in the background."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def take_interrupts():
    """As at a terminal, whatever started the tests, and whatever Dagster set in this process."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


@pytest.mark.parametrize(
    ("name", "in_background", "at"),
    [
        (signal.SIGINT, False, "social/observations"),
        (signal.SIGTERM, True, "social/observations"),
        (signal.SIGTERM, False, "social/identities"),
    ],
)
def test_a_build_that_is_interrupted_says_so_and_begins_no_other_day(home, name, in_background, at):
    for day in DAYS:
        land(home, day, ROWS)

    with subprocess.Popen(
        [*SXE, "--verbose", "build", "--json"],
        env=variables(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=ignore_interrupts if in_background else take_interrupts,
    ) as build:
        seen = ""
        while f"{DAYS[0]}: {at}" not in seen:
            line = build.stderr.readline()
            assert line, seen
            seen += line
        build.send_signal(name)
        asked = time.monotonic()
        stdout, rest = build.communicate(timeout=90)
        took = time.monotonic() - asked

    assert build.returncode == 130, seen + rest
    assert "interrupted" in rest.splitlines()[-1]
    assert "failed" not in rest
    assert "Traceback" not in rest
    assert str(DAYS[1]) not in rest
    assert stdout == ""
    assert took < 60
    given = settings.load({"SXE_HOME": str(home)})
    assert not (attach.data_folder(given) / "postmaster.pid").exists()
    with (
        attach.attached(given, "social"),
        psycopg.connect(attach.superuser(given)) as conn,
    ):
        shown = conn.execute("select status from dagster.runs").fetchall()
        rows = conn.execute("select ended_at is not null, outcome from ops.run").fetchall()
    assert shown == [("CANCELED",)]
    [(is_given_back, outcome)] = rows
    assert is_given_back
    assert outcome not in ("refused", "unexpected")


@pytest.mark.parametrize("name", [signal.SIGINT, signal.SIGTERM])
def test_a_verb_that_waits_is_interrupted_in_one_sentence_and_leaves_no_server(home, name):
    with subprocess.Popen(
        [*SXE, "env", "--", "sh", "-c", "echo up; exec sleep 600"],
        env=variables(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=take_interrupts,
    ) as waiting:
        assert waiting.stdout.readline() == "up\n"
        time.sleep(0.5)  # its parent waits for it by now
        waiting.send_signal(name)
        _, errors = waiting.communicate(timeout=60)

    assert waiting.returncode == 130
    assert errors == "sxe: interrupted; run it again, what was finished stays\n"
    given = settings.load({"SXE_HOME": str(home)})
    assert not (attach.data_folder(given) / "postmaster.pid").exists()


def test_a_signal_that_a_library_swallows_is_noticed():
    before = signal.getsignal(signal.SIGINT)
    with interrupts.watched() as stop:
        signal.signal(signal.SIGINT, lambda *_: None)
        os.kill(os.getpid(), signal.SIGINT)
        end = time.monotonic() + 10
        while not stop.asked and time.monotonic() < end:
            time.sleep(0.01)

        assert stop.asked
        with pytest.raises(Exception, match="interrupted"):
            stop.check()

    assert signal.getsignal(signal.SIGINT) is before


def test_the_second_signal_ends_what_does_not_listen():
    code = (
        "import signal, time\n"
        "from sxe_pipeline.local import interrupts\n"
        "with interrupts.watched(lambda: print('asked', flush=True)):\n"
        "    signal.signal(signal.SIGINT, lambda *_: None)\n"
        "    print('ready', flush=True)\n"
        "    while True: time.sleep(1)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as deaf:
        assert deaf.stdout.readline() == "ready\n"
        deaf.send_signal(signal.SIGINT)
        assert deaf.stdout.readline() == "asked\n"
        deaf.send_signal(signal.SIGINT)
        assert deaf.wait(timeout=30) == 130


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("build", "--help"),
        ("contracts", "list"),
        ("contracts", "show", "lead_card"),
        ("contracts", "list", "--json"),
        ("audit", "search"),
        ("audit", "search", "--json"),
        ("market",),
        ("status",),
        ("landing", "list"),
    ],
)
def test_a_reader_that_leaves_is_no_error(database, tmp_path, arguments):
    logins = {name: database.dsn(role) for name, role in LOGINS.items()}
    with subprocess.Popen(
        [*SXE, *arguments],
        env=variables(tmp_path) | logins,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as left:
        left.stdout.close()  # before a word is written
        left.stdout = None
        _, errors = left.communicate(timeout=60)

    assert errors == ""
    assert left.returncode == 0


def test_head_of_a_stream_gets_its_line_and_nobody_complains(tmp_path):
    lines = tmp_path / "lines.jsonl"
    lines.write_text('{"text": "call me"}\n' * 50_000)
    verb = f"{' '.join(SXE)} redact < {lines}"

    done = subprocess.run(
        ["bash", "-c", f"{verb} | head -1"], capture_output=True, text=True, check=False
    )

    assert json.loads(done.stdout)["redacted"] == "call me"
    assert done.stderr == ""


def test_an_answer_of_a_broken_verb_keeps_its_exit_code_without_a_reader(database, tmp_path):
    logins = {name: database.dsn(role) for name, role in LOGINS.items()}
    with sql.connect(database.dsn("sxe_social")) as conn:
        conn.execute("""select ingest.set_aside('{"x": "broken"}', 'test')""")
    read, write = os.pipe()
    os.close(read)

    done = subprocess.run(
        [*SXE, "status"],
        env=variables(tmp_path) | logins,
        stdout=write,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(write)

    assert done.stderr == b""
    assert done.returncode in (0, 1)

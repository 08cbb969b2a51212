"""A home that is copied or moved while its server runs: each server keeps to its own folder."""

import contextlib
import shutil
import subprocess

import pytest

from sxe_pipeline.errors import Busy
from sxe_pipeline.local import postgres
from sxe_pipeline_tests.local.servers import Command, answers, is_alive, pid_of


@pytest.fixture
def copy(home):
    """Where a copy of the home may lie, open to whoever the server runs as."""
    home.chmod(0o755)
    folder = home.with_name(f"{home.name}-copy")
    yield folder
    if folder.exists():
        server = postgres.Server(folder, durable=False)
        with contextlib.suppress(Busy):
            server.reset()
        shutil.rmtree(folder, ignore_errors=True)


def copied(home, folder):
    subprocess.run(["cp", "-a", str(home), str(folder)], check=True)


def test_the_copy_of_a_running_home_starts_a_server_of_its_own(home, start, copy):
    original = start()
    port, pid = original.port(), pid_of(home)
    copied(home, copy)

    inside = Command(copy)
    try:
        other, other_pid = inside.port(), pid_of(copy)
        assert (other, other_pid) != (port, pid)
        assert is_alive(pid)
        assert is_alive(other_pid)
    finally:
        assert inside.leave() == 0

    assert not is_alive(other_pid)
    assert is_alive(pid)
    assert answers(home) == (True, port)
    assert answers(copy)[0]
    assert is_alive(pid)


def test_the_reset_of_a_copy_leaves_the_original_alone(home, start, copy):
    original = start()
    port, pid = original.port(), pid_of(home)
    copied(home, copy)

    postgres.Server(copy, durable=False).reset()

    assert is_alive(pid)
    assert answers(home) == (True, port)


def test_a_home_that_is_moved_while_its_server_runs_keeps_that_server(home, start, copy):
    original = start()
    port, pid = original.port(), pid_of(home)
    home.rename(copy)
    try:
        assert answers(copy) == (True, port)
        assert is_alive(pid)
    finally:
        copy.rename(home)
    assert original.leave() == 0
    assert not is_alive(pid)


def test_a_copy_is_told_from_its_original_where_the_system_does_not_say_who_stands_where(
    home, start, copy, monkeypatch
):
    original = start()
    original.port()
    pid = pid_of(home)
    copied(home, copy)

    ours, theirs = (postgres.Server(each, durable=False) for each in (home, copy))
    lines = (ours.data / "postmaster.pid").read_text().splitlines()
    with monkeypatch.context() as patch:
        patch.setattr(postgres.Path, "samefile", _without_proc(postgres.Path.samefile))
        assert ours._is_served_by(pid, lines)
        assert not theirs._is_served_by(pid, lines)


def _without_proc(samefile):
    def asked(path, other):
        if str(path).startswith("/proc/"):
            raise OSError
        return samefile(path, other)

    return asked

"""The embedded server under killed, racing and ordinary commands; every one is a real process."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psycopg
import pytest

from sxe_pipeline.errors import BadConfig, Busy
from sxe_pipeline.local import postgres
from sxe_pipeline_tests.local.servers import answers, is_alive, pid_of, until


def test_six_first_commands_at_once_start_one_server_and_the_last_out_stops_it(home, start):
    commands = [start() for _ in range(6)]
    ports = {command.port() for command in commands}
    pid = pid_of(home)
    server = postgres.Server(home, durable=False)

    assert len(ports) == 1
    assert server.log.read_text().count("starting PostgreSQL") == 1
    assert not list(server.pg.glob("new.*"))

    codes = [command.leave() for command in commands[:5]]
    assert pid_of(home) == pid
    codes.append(commands[5].leave())
    assert codes == [0] * 6
    assert pid_of(home) is None
    assert not is_alive(pid)


def test_a_killed_command_neither_stops_the_server_of_others_nor_keeps_it_up(home, start):
    killed, other = start(), start()
    killed.port()
    other.port()
    pid = pid_of(home)

    killed.kill()
    assert pid_of(home) == pid
    assert answers(home)[0]
    assert pid_of(home) == pid

    assert other.leave() == 0
    assert not is_alive(pid)


def test_after_the_only_command_was_killed_the_next_one_stops_the_server(home, start):
    only = start()
    port = only.port()
    pid = pid_of(home)
    only.kill()
    assert is_alive(pid)

    assert answers(home) == (True, port)
    assert not is_alive(pid)


def test_a_killed_postmaster_comes_back_on_its_port_with_the_next_command(home, start):
    first = start()
    port = first.port()
    pid = pid_of(home)
    os.kill(pid, signal.SIGKILL)
    until(lambda: not is_alive(pid))

    second = start()
    assert second.port() == port
    assert pid_of(home) != pid
    assert first.leave() == 0
    assert answers(home) == (True, port)
    assert second.leave() == 0
    assert pid_of(home) is None


@pytest.mark.parametrize("moment", ["passwords", "initdb", "data", "postmaster"])
def test_a_kill_during_the_first_start_is_recovered_by_the_next_command(home, start, moment):
    server = postgres.Server(home, durable=False)
    seen = {
        "passwords": lambda: (home / "state.json").exists(),
        "initdb": lambda: any(server.pg.glob("new.*/global")),
        "data": lambda: server.data.exists(),
        "postmaster": lambda: (server.data / "postmaster.pid").exists(),
    }[moment]
    victim = start()
    until(seen)
    victim.kill()

    assert answers(home)[0]
    assert pid_of(home) is None
    assert not (server.pg / "pw").exists()


def test_a_server_that_has_not_filled_its_lock_file_yet_is_waited_for(home, start):
    first = start()
    port, pid = first.port(), pid_of(home)
    file = postgres.Server(home, durable=False).data / "postmaster.pid"
    content = file.read_bytes()
    file.write_bytes(b"")  # as it is for a moment while a server starts
    filled = threading.Timer(0.5, file.write_bytes, [content])
    filled.start()

    assert answers(home) == (True, port)
    assert pid_of(home) == pid
    filled.join()
    assert first.leave() == 0
    assert not is_alive(pid)


def test_an_empty_lock_file_of_a_dead_server_is_taken_away(home):
    assert answers(home)[0]
    file = postgres.Server(home, durable=False).data / "postmaster.pid"
    file.write_bytes(b"")
    os.utime(file, (0, 0))

    assert answers(home)[0]


def test_a_child_that_inherited_the_lock_keeps_the_server_up(home):
    with postgres.Server(home, durable=False).attached() as state:
        pid = pid_of(home)
        child = subprocess.Popen(
            [sys.executable, "-c", "import sys; sys.stdin.read()"],
            stdin=subprocess.PIPE,
            pass_fds=[state["lock_fd"]],
        )
    try:
        assert is_alive(pid)
        assert answers(home)[0]
        assert is_alive(pid)
    finally:
        child.communicate()
    assert answers(home)[0]
    assert not is_alive(pid)


def test_reset_is_refused_while_the_server_is_used_and_then_deletes_its_data(home, start):
    command = start()
    command.port()
    server = postgres.Server(home, durable=False)
    with pytest.raises(Busy):
        server.reset()
    assert answers(home)[0]
    command.leave()

    assert server.data.exists()
    server.reset()
    assert not server.pg.exists()
    assert not (home / "state.json").exists()


def test_reset_stops_the_server_that_a_killed_command_left_behind(home, start):
    command = start()
    command.port()
    pid = pid_of(home)
    command.kill()

    postgres.Server(home, durable=False).reset()

    assert not is_alive(pid)
    assert answers(home)[0]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as somebody else")
def test_root_keeps_the_data_of_a_closed_home_elsewhere_and_reset_deletes_it_there(home):
    home.chmod(0o700)
    closed = home / "inner"
    server = postgres.Server(closed, durable=False)
    assert closed not in server.pg.parents
    assert answers(closed)[0]
    assert server.data.stat().st_uid != 0
    assert server.pg.stat().st_mode & 0o077 == 0

    server.reset()
    assert not server.pg.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's data lie outside of a closed home")
def test_data_whose_home_was_removed_are_named_and_a_reset_makes_room(home):
    home.chmod(0o700)
    inner, closed = home / "inner", home / "inner" / "postgres"
    assert answers(closed)[0]
    shutil.rmtree(inner)

    with pytest.raises(BadConfig, match="down --reset") as refused:
        answers(closed)
    left = postgres.Server(closed, durable=False).data
    assert str(left) in str(refused.value)
    assert left.exists()

    shutil.rmtree(inner)
    subprocess.run(
        [sys.executable, "-m", "sxe_pipeline.cli", "down", "--reset", "--yes"],
        env={"PATH": os.environ["PATH"], "SXE_HOME": str(inner)},
        check=True,
    )
    assert not left.exists()
    assert answers(closed)[0]
    postgres.Server(closed, durable=False).reset()


@pytest.mark.skipif(os.geteuid() != 0, reason="a plain user already: every other test is this one")
def test_a_plain_user_runs_a_server_of_its_own(home):
    """A fork, because that user may have no way to our interpreter."""
    user = pwd.getpwnam("nobody")
    shutil.chown(home, user.pw_uid, user.pw_gid)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setgroups([])
            os.setgid(user.pw_gid)
            os.setuid(user.pw_uid)
            with postgres.Server(home, durable=False).attached() as state:
                psycopg.connect(postgres.dsn(state, "sxe_admin")).close()
                is_own = Path(f"/proc/{pid_of(home)}").stat().st_uid == user.pw_uid
            code = 0 if is_own else 2
        finally:
            os._exit(code)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert (home / "state.json").stat().st_uid == user.pw_uid
    assert (home / "pg" / "data").exists()
    assert not (home / "pg" / "data" / "postmaster.pid").exists()


def test_files_with_secrets_are_readable_by_their_owner_only(home):
    assert answers(home)[0]
    assert (home / "state.json").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "cards",
    [
        '[{"card_id": "c", "market": "m", "platforms": [], "inputs": {"first_name": "Zyxwva"}}]',
        '[{"card_id": "c", "market": "m", "platforms": "Zyxwva", "inputs": {}}]',
        '[{"card_id": "Zyxwva',
    ],
    ids=["in a row that is refused", "where another type is wanted", "in text that is cut"],
)
def test_the_servers_log_holds_nothing_of_a_person_whose_statement_failed(database, cards):
    with psycopg.connect(database.dsn("sxe_social")) as conn:
        with pytest.raises(psycopg.Error, match="Zyxwva"):  # whoever sent it is told
            conn.execute("select gate.put_candidates(gen_random_uuid(), %s)", [cards])
        conn.rollback()
    with psycopg.connect(database.dsn("postgres")) as root:
        (data,) = root.execute("show data_directory").fetchone()

    said = (Path(data).parent / "log").read_text()
    assert "ready to accept connections" in said
    assert "Zyxwva" not in said


def test_a_number_that_another_program_took_over_is_no_postmaster(home):
    """A stale postmaster.pid whose number was reused blocks PostgreSQL for ever otherwise."""
    assert answers(home)[0]
    server = postgres.Server(home, durable=False)
    (server.data / "postmaster.pid").write_text(
        f"{os.getpid()}\n{server.data}\n1\n5432\n\n\n\nready\n"
    )

    assert answers(home)[0]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another user")
def test_an_unknown_user_for_the_server_is_a_wrong_setting(home):
    with pytest.raises(BadConfig):
        postgres.Server(home, user="no-such-user-here")

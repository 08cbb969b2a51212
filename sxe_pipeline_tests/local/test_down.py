"""What `sxe down` says is so: what ended, what was deleted, and what is still there."""

import json

import pytest

from sxe_pipeline import settings
from sxe_pipeline.local import attach, home, postgres
from sxe_pipeline_tests.cli.terminal import typed
from sxe_pipeline_tests.local.servers import Command, answers, pid_of


@pytest.fixture
def folder(tmp_path):
    """A home with landing files and a key, and no database yet."""
    made = tmp_path / "home"
    for file in ("landing/people/rows.jsonl", "keys/signing.key", "tier1/_log"):
        (made / file).parent.mkdir(parents=True)
        (made / file).write_text("x")
    yield made
    attach.stop(settings.load({"SXE_HOME": str(made)}), delete=True)


def down(folder, *arguments):
    done = typed(folder, "down", *arguments, "--json")
    return done.exit_code, json.loads(done.stdout) if done.stdout else done.stderr


def test_a_home_that_a_link_leads_to_is_deleted_where_it_is(folder, tmp_path, processes):
    link = tmp_path / "link"
    link.symlink_to(folder)
    assert answers(link / "postgres")[0]

    code, said = down(link, "--reset", "--yes")

    assert (code, said["done"], said["left"]) == (0, "deleted", [])
    assert list(folder.iterdir()) == []
    assert answers(link / "postgres")[0], "the next command finds a home that is empty"
    attach.stop(settings.load({"SXE_HOME": str(link)}), delete=True)


def test_a_server_in_use_is_neither_stopped_nor_deleted_and_that_is_said(folder, processes):
    server = folder / "postgres"
    with postgres.Server(server, durable=False).attached():
        stopped, deleted = down(folder), down(folder, "--reset", "--yes")
        assert pid_of(server) is not None

    assert [code for code, _ in (stopped, deleted)] == [8, 8]
    assert "in use" in stopped[1]
    assert (folder / "landing" / "people" / "rows.jsonl").exists()


def test_a_server_that_a_killed_command_left_behind_is_stopped(folder, processes):
    command = Command(folder / "postgres")
    command.port()
    command.kill()
    planned = down(folder, "--dry-run")

    assert planned[1]["done"] == "would be stopped"
    code, said = down(folder)
    assert (code, said["done"], said["databases"]) == (0, "stopped", 1)
    assert pid_of(folder / "postgres") is None
    assert down(folder)[1]["done"] == "nothing ran"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "nothing ran"),
        (("--dry-run",), "nothing ran"),
        (("--reset", "--yes"), "nothing was there"),
    ],
)
def test_where_no_home_is_nothing_is_said_to_be_done_and_nothing_is_made(tmp_path, arguments, said):
    code, answer = down(tmp_path / "none", *arguments)

    assert (code, answer["done"]) == (0, said)
    assert not (tmp_path / "none").exists()


def test_what_cannot_be_deleted_is_named(folder, monkeypatch, processes):
    """As on a disk that is read only by now, or where a store is a mount of its own."""
    spared = folder / "landing"
    delete = home.shutil.rmtree
    monkeypatch.setattr(
        home.shutil, "rmtree", lambda path, **how: path == spared or delete(path, **how)
    )

    code, said = down(folder, "--reset", "--yes")

    assert (code, said["left"]) == (1, [str(spared)])
    assert said["done"] != "deleted"
    assert not (folder / "keys").exists()


def test_where_a_store_of_the_home_is_a_link_what_it_leads_to_is_named(folder, tmp_path, processes):
    elsewhere = tmp_path / "disk"
    (folder / "landing").rename(elsewhere)
    (folder / "landing").symlink_to(elsewhere)

    code, said = down(folder, "--reset", "--yes")

    assert (code, said["left"]) == (1, [str(elsewhere)])
    assert (elsewhere / "people" / "rows.jsonl").exists()
    assert not folder.exists()


def test_a_server_that_does_not_end_is_said_to_run(folder, monkeypatch, processes):
    server = folder / "postgres"
    monkeypatch.setattr(postgres.Server, "_stop", lambda _: "it does not listen")
    monkeypatch.setattr(postgres.Server, "is_running", lambda _: True)
    server.mkdir()

    code, said = down(folder, "--reset", "--yes")

    assert code == 7
    assert "did not stop: it does not listen" in said
    assert (folder / "landing").exists()
    monkeypatch.undo()

"""What another user of the machine put where the engine would look: refused, and left as it is."""

import os
import shutil
import stat

import pytest

from sxe_pipeline.errors import BadConfig
from sxe_pipeline.local import installation, postgres
from sxe_pipeline.store import disk

STRANGER = 65_000
"""A user id of nobody here."""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can play another user")


@pytest.fixture
def closed(tmp_path):
    """A home that the server's user cannot walk to: its data and binaries lie elsewhere."""
    tmp_path.chmod(0o700)
    (tmp_path / "home").mkdir()
    yield tmp_path / "home"
    for kind in ("data", "bin"):
        for path in (tmp_path / "home", tmp_path / "site" / "embedded" / "pginstall" / "bin"):
            left = installation.outside(kind, path)
            if left.is_symlink() or left.is_file():
                left.unlink()
            shutil.rmtree(left, ignore_errors=True)


@pytest.fixture
def binaries(tmp_path):
    """Binaries that would say that they ran; never the real ones."""
    folder = tmp_path / "site" / "embedded" / "pginstall" / "bin"
    folder.mkdir(parents=True)
    (folder / "initdb").write_text("#!/bin/sh\nexit 1\n")
    (folder / "initdb").chmod(0o755)
    return folder


def folder_of(uid, mode=0o755):
    def plant(path, _):
        path.mkdir(mode=mode)
        os.chown(path, uid, uid)
        path.chmod(mode)

    return plant


def link(path, victim):
    path.symlink_to(victim)


def file(path, _):
    path.touch()


PLANTS = [
    pytest.param(folder_of(STRANGER), id="a folder of another user"),
    pytest.param(folder_of(STRANGER, 0o700), id="a closed folder of another user"),
    pytest.param(folder_of(0, 0o777), id="our folder, but everybody writes there"),
    pytest.param(link, id="a link to something of ours"),
    pytest.param(file, id="a file"),
]


def rights(path):
    found = path.lstat()
    return found.st_uid, stat.S_IMODE(found.st_mode)


@pytest.mark.parametrize("plant", PLANTS)
def test_a03_data_never_go_into_what_was_found_and_it_stays_as_it_is(
    closed, binaries, plant, tmp_path
):
    victim = tmp_path / "victim"
    victim.mkdir(mode=0o755)
    server = postgres.Server(closed, binaries=binaries)
    plant(server.pg, victim)
    before = rights(server.pg), rights(victim)

    with pytest.raises(BadConfig, match="not a folder of this installation alone"):
        server._up()

    assert (rights(server.pg), rights(victim)) == before
    assert not list(victim.iterdir())


@pytest.mark.parametrize("plant", PLANTS)
def test_a03_nothing_of_a_foreign_folder_is_ever_run(closed, binaries, plant, tmp_path):
    victim = tmp_path / "victim"
    victim.mkdir(mode=0o755)
    stage = installation.outside("bin", binaries)
    plant(stage, victim)
    before = rights(stage), rights(victim)

    with pytest.raises(BadConfig, match="not a folder of this installation alone"):
        _ = postgres.Server(closed, binaries=binaries).bin

    assert (rights(stage), rights(victim)) == before


def test_binaries_are_staged_once_for_everybody_to_read(closed, binaries):
    first = postgres.Server(closed, binaries=binaries)
    again = postgres.Server(closed, binaries=binaries)

    assert first.bin == again.bin != binaries
    assert (first.bin / "initdb").exists()
    assert rights(installation.outside("bin", binaries)) == (0, 0o755)


def test_a_folder_of_ours_is_found_again(tmp_path):
    for _ in range(2):
        disk.own_folder(tmp_path / "mine")
        disk.own_folder(tmp_path / "given", (STRANGER, STRANGER))

    assert rights(tmp_path / "mine") == (0, 0o700)
    assert rights(tmp_path / "given") == (STRANGER, 0o700)
    assert len(list(tmp_path.iterdir())) == 2, "nothing is left of making them"


def test_a03_a_name_in_a_foreign_folder_leads_nowhere_else(tmp_path):
    """The server's user owns the folder; what root writes there follows none of its links."""
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / "pw").symlink_to(victim)

    disk.write_secret(tmp_path / "pw", "secret", (STRANGER, STRANGER))

    assert victim.read_text() == "mine"
    assert rights(victim)[0] == 0
    assert rights(tmp_path / "pw") == (STRANGER, 0o600)

"""Key files: made once, whole, for their owner alone, and on the disk before anybody uses them."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor

from sxe_pipeline.store import disk
from sxe_pipeline.store.objects import Objects


def test_a_file_is_made_once_for_its_owner_alone_and_nothing_is_left_beside_it(tmp_path):
    file = tmp_path / "keys" / "one.key"

    first = disk.read_or_create(file, lambda: b"first")
    second = disk.read_or_create(file, lambda: b"second")

    assert first == second == b"first"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert [*file.parent.iterdir()] == [file]


def test_the_file_and_its_folder_are_flushed_before_the_content_is_used(tmp_path, monkeypatch):
    flushed = []
    monkeypatch.setattr(os, "fsync", lambda number: flushed.append(os.fstat(number).st_ino))
    file = tmp_path / "one.key"

    disk.read_or_create(file, lambda: b"first")

    assert flushed == [file.stat().st_ino, tmp_path.stat().st_ino]


def test_of_several_at_once_all_get_the_content_of_one(tmp_path):
    file = tmp_path / "one.key"
    contents = [bytes([number]) * 40 for number in range(8)]

    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(lambda one: disk.read_or_create(file, lambda: one), contents))

    assert len(set(read)) == 1
    assert read[0] in contents


def test_a15_a_store_that_is_made_is_closed_and_one_that_was_there_keeps_its_rights(tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o750)
    umask = os.umask(0o022)
    try:
        made = Objects((tmp_path / "above" / "made").as_uri())
        assert made.put_new("batch/rows.jsonl", b"{}")
        Objects(shared.as_uri())
    finally:
        os.umask(umask)

    rights = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("above", "above/made")]
    assert rights == [0o711, 0o700]
    assert stat.S_IMODE(shared.stat().st_mode) == 0o750

"""Objects on a local folder."""

import mmap
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from sxe_pipeline.errors import BadInput, NotFound, StoreUnavailable
from sxe_pipeline.store.objects import Objects

BAD_KEYS = ["", "/", "/etc/passwd", "../x", "a/../../x", "a/..", "a//b", "./a", "a/.", "a/", "a\0b"]


@pytest.fixture
def store(tmp_path):
    return Objects((tmp_path / "objects").as_uri())


def test_of_eight_racing_writers_one_wins_and_its_bytes_stay(store):
    gate = threading.Barrier(8)

    def put(number):
        gate.wait()
        return store.put_new("a/b.bin", bytes([number]) * 100_000)

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(put, range(8)))

    assert won.count(True) == 1
    assert store.get("a/b.bin") == bytes([won.index(True)]) * 100_000


def test_a_mapped_file_is_put_once_and_whole(store, tmp_path):
    file = tmp_path / "rows"
    file.write_bytes(b"12345678" * 100_000)
    with file.open("rb") as stream:
        data = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)

    assert store.put_new("a", data)
    assert not store.put_new("a", data)
    assert store.get("a") == file.read_bytes()


@pytest.mark.parametrize("key", BAD_KEYS)
def test_a_key_that_leaves_the_store_is_refused(store, key, tmp_path):
    for call in (store.get, store.exists, store.open, store.delete):
        with pytest.raises(BadInput):
            call(key)
    with pytest.raises(BadInput):
        store.put_new(key, b"x")
    if key not in ("", "/"):
        with pytest.raises(BadInput):
            store.list(f"../{key}")
    assert [path.name for path in tmp_path.iterdir()] == ["objects"]


def test_what_was_put_is_found_read_listed_and_deleted(store):
    assert store.list() == []
    assert not store.exists("b/2")
    assert store.put_new("b/2", b"two")
    assert store.put_new("b/10", b"")
    assert store.put_new("a", b"one")

    assert store.exists("b/2")
    assert not store.exists("b")
    assert [(entry.key, entry.size) for entry in store.list()] == [
        ("a", 3),
        ("b/10", 0),
        ("b/2", 3),
    ]
    assert [entry.key for entry in store.list("b")] == ["b/10", "b/2"]
    assert [entry.key for entry in store.list("b/")] == ["b/10", "b/2"]
    assert store.list("nothing/here") == []
    assert store.get("b/10") == b""

    store.delete("b/2")
    store.delete("b/2")
    assert not store.exists("b/2")
    assert store.list()[0].modified.tzinfo is not None


def test_a_prefix_is_a_folder_and_no_beginning_of_a_name(store):
    store.put_new("day/x", b"1")
    store.put_new("day2/x", b"2")

    assert [entry.key for entry in store.list("day")] == ["day/x"]


@pytest.mark.parametrize("key", ["ünï/東京 😀.json", "a b/c%20d", "x#y?z=1", "a*b[1]"])
def test_keys_in_any_script_come_back_as_they_were(store, key):
    assert store.put_new(key, b"x")

    assert store.exists(key)
    assert [entry.key for entry in store.list()] == [key]
    assert store.get(key) == b"x"
    with store.open(key) as stream:
        assert stream.read() == b"x"


def test_a_large_object_streams_and_seeks(store):
    data = bytes(range(256)) * 20_000
    store.put_new("big", data)

    with store.open("big") as stream:
        assert stream.read(10) == data[:10]
        stream.seek(-5, 2)
        assert stream.read() == data[-5:]
        stream.seek(1_000_000)
        assert stream.read(3) == data[1_000_000:1_000_003]


def test_a_missing_object_is_not_found(store):
    for call in (store.get, store.open):
        with pytest.raises(NotFound, match="a/b"):
            call("a/b")


def test_a_folder_is_no_object(store):
    store.put_new("a/b", b"x")

    for call in (store.get, store.open):
        with pytest.raises((NotFound, StoreUnavailable)):
            call("a")


def test_a_store_that_cannot_be_read_or_written_is_unavailable(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreUnavailable):
        Objects((tmp_path / "file").as_uri()).put_new("a", b"x")
    with pytest.raises(StoreUnavailable):
        Objects((tmp_path / "file" / "below").as_uri())


def test_a_key_that_needs_a_file_to_be_a_folder_is_unavailable(store):
    store.put_new("a", b"x")
    with pytest.raises(StoreUnavailable):
        store.put_new("a/b", b"x")


def test_a_scheme_that_no_store_serves_is_refused():
    with pytest.raises(StoreUnavailable):
        Objects("ftp://host/x")

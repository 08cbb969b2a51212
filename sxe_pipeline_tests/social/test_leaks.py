"""Stored files are scanned once a week, and where anything makes the last look worth less."""

import pyarrow as pa
import pytest

from sxe_pipeline.audit.verify import verify
from sxe_pipeline.privacy import leaks
from sxe_pipeline.redact import scan
from sxe_pipeline.schema.tables import POOL
from sxe_pipeline.store import delta, sql, tables
from sxe_pipeline_tests import named
from sxe_pipeline_tests.databases import as_owner

CLEAN, CONTACT = "bread", "ana.writes@protonmail.com"
COUNTS = [field.name for field in POOL.schema if field.name.endswith("_count")][:5]


class Store:
    """A table whose files are written one by one, each as a version that is named."""

    def __init__(self, conn, root):
        self.conn, self.root = conn, root
        self.looked = []
        self.detect = scan.scan_array

    def scan(self, texts):
        self.looked.append(len(texts))
        return self.detect(texts)

    def write(self, *terms):
        """A version in one file."""
        return self._name(rows(*terms), "overwrite")

    def add(self, *terms):
        """A version with another file."""
        return self._name(rows(*terms), "append")

    def _name(self, table, mode):
        from deltalake import write_deltalake

        with self.conn.transaction():
            tables.lock(self.conn, POOL.name)
            write_deltalake(delta.address(self.root, POOL.name), table, mode=mode)
            version = delta.opened(self.root, POOL.name, None).version()
            named.name(self.conn, POOL.name, version, inputs=str(version))
        return version

    def verdict(self):
        """What is said of the named version, and how many values were looked at for it."""
        self.looked.clear()
        with self.conn.transaction():
            stored = tables.snapshot(self.conn, self.root, POOL.name)
            found = leaks.verdict(self.conn, stored, POOL)
        return found.is_passed, sum(self.looked)

    def earlier(self, what):
        """The scans are of another week, or of another detector."""
        change = {"week": "'2026-W01 ' || split_part(detector, ' ', 2)", "code": "detector || 'x'"}
        as_owner(self.conn, f"update ops.scan set detector = {change[what]}")


def rows(*terms):
    row = {"market": "m", "audience_pool": "p", "sample_card_ids": []} | dict.fromkeys(COUNTS, 1)
    return pa.Table.from_pylist([row | {"top_evidence": [term]} for term in terms], POOL.schema)


@pytest.fixture
def store(database, tier1, monkeypatch):
    with sql.connect(database.dsn("sxe_social")) as conn:
        made = Store(conn, tier1)
        monkeypatch.setattr(scan, "scan_array", made.scan)
        yield made


def test_of_another_version_only_added_files_are_scanned(store):
    store.write(*[CLEAN] * 5)
    assert store.verdict() == (True, 5)

    store.add(*[CLEAN] * 2)

    assert store.verdict() == (True, 2)
    assert store.verdict() == (True, 0)


def test_a_contact_in_an_added_file_is_found(store):
    store.write(CLEAN)
    store.verdict()

    store.add(CONTACT)

    assert store.verdict() == (False, 1)


@pytest.mark.parametrize("what", ["week", "code"])
def test_another_week_or_detector_scans_all_files_again(store, what):
    store.write(*[CLEAN] * 5)
    store.verdict()
    store.earlier(what)
    assert store.verdict() == (True, 5), "the same version"
    store.earlier(what)
    store.add(*[CLEAN] * 2)
    assert store.verdict() == (True, 7), "and another one"


@pytest.mark.parametrize("what", ["week", "code"])
def test_what_was_overlooked_in_an_old_file_is_found_by_the_next_full_scan(store, database, what):
    store.write(CONTACT)
    seeing, store.detect = store.detect, lambda texts: pa.nulls(len(texts), pa.string())
    assert store.verdict() == (True, 1)
    store.detect = seeing
    assert store.verdict() == (True, 0)

    store.earlier(what)

    assert store.verdict() == (False, 1)
    assert store.verdict() == (False, 0), "red stays"
    with sql.connect(database.dsn("sxe_api")) as reader:
        reader.autocommit = True
        assert verify(reader, lambda keys: {}).findings == {}, "its event says so"


def test_where_something_was_found_all_is_scanned_again(store):
    store.write(*[CLEAN] * 5)
    store.add(CONTACT)
    assert store.verdict() == (False, 6)

    store.add(*[CLEAN] * 2)

    assert store.verdict() == (False, 8)


def test_a_check_that_was_killed_has_looked_at_nothing(store):
    store.write(*[CLEAN] * 5)
    with pytest.raises(KeyboardInterrupt), store.conn.transaction():
        leaks.verdict(store.conn, tables.snapshot(store.conn, store.root, POOL.name), POOL)
        raise KeyboardInterrupt

    assert store.verdict() == (True, 5)


def test_scans_that_nobody_knows_of_any_more_are_done_again(store):
    store.write(*[CLEAN] * 5)
    store.verdict()

    as_owner(store.conn, "delete from ops.scan")

    assert store.verdict() == (True, 5)

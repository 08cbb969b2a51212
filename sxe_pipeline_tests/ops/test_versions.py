"""What a version was made from is kept for the next one, and no longer than that."""

import pytest

from sxe_pipeline.errors import Refused
from sxe_pipeline.ops import upkeep, versions
from sxe_pipeline.store import sql, tables
from sxe_pipeline.store.snapshot import Snapshot
from sxe_pipeline_tests import named
from sxe_pipeline_tests.ops.storing import A, reader

UPPER, LOWER = "social/profiles", "social/identities"


@pytest.fixture
def conn(database):
    with sql.connect(database.dsn("sxe_social")) as opened:
        yield opened


def put(conn, root, name, word, **given):
    with conn.transaction():
        tables.lock(conn, name)
        version = tables.write(conn, root, name, reader(A, word), days=[A])
        named.name(conn, name, version, inputs=word, **given)
        return tables.snapshot(conn, root, name)


def test_the_basis_is_what_was_read_while_all_else_is_the_same(conn, tier1):
    first = put(conn, tier1, UPPER, "first")
    put(conn, tier1, LOWER, "made", made_from={UPPER: first}, rest="code 1")
    put(conn, tier1, UPPER, "second")

    found = versions.basis(conn, tier1, LOWER, "code 1")
    assert {name: each.version for name, each in found.items()} == {UPPER: first.version}
    assert versions.basis(conn, tier1, LOWER, "code 2") is None
    assert versions.basis(conn, tier1, UPPER, "code 1") is None
    assert versions.basis(conn, tier1, "social/quarantine", "code 1") is None


def test_upkeep_keeps_what_a_named_version_was_made_from_until_the_next_one(conn, tier1):
    first = put(conn, tier1, UPPER, "first")
    put(conn, tier1, LOWER, "made", made_from={UPPER: first}, rest="code")
    second = put(conn, tier1, UPPER, "second")
    conn.commit()

    upkeep.keep_table(conn, tier1, UPPER, actor="test", grace_s=0)
    assert versions.basis(conn, tier1, LOWER, "code")[UPPER].to_table(["word"]).num_rows
    put(conn, tier1, LOWER, "again", made_from={UPPER: second}, rest="code")
    conn.commit()
    upkeep.keep_table(conn, tier1, UPPER, actor="test", grace_s=0)
    [(left,)] = conn.execute(
        "select count(*) from ops.version where table_name = %s", [UPPER]
    ).fetchall()
    assert left == 1


def test_what_upkeep_dropped_is_no_basis_although_its_log_is_there(conn, tier1):
    first = put(conn, tier1, UPPER, "first")
    put(conn, tier1, LOWER, "made", made_from={UPPER: first}, rest="code")
    put(conn, tier1, UPPER, "second")
    # Newer rules found contact data in stored rows: what was named before is kept for nobody.
    conn.execute(
        "insert into social.day_count (landed_day, input_count, observation_count, post_count, "
        "quarantine_count, reasons, open_count, leak_count, files_digest, inputs, ruleset_version, "
        "counted_at, redacted_again_at) values (%s, 0, 0, 0, 0, '{}', 0, 0, '', '', '', now(), "
        "clock_timestamp())",
        [A],
    )
    conn.commit()

    upkeep.keep_table(conn, tier1, UPPER, actor="test", grace_s=3600)

    assert Snapshot(UPPER, first.version, tier1).parts
    assert versions.basis(conn, tier1, LOWER, "code") is None


def test_a_version_with_the_same_rows_is_named_again_with_newer_inputs(conn, tier1):
    first = put(conn, tier1, UPPER, "first")
    with conn.transaction():
        named.name(conn, UPPER, first.version, inputs="newer", rest="code")
    found = versions.named(conn, UPPER)
    assert (found.version, found.inputs) == (first.version, "newer")

    put(conn, tier1, UPPER, "second")
    with pytest.raises(Refused, match="before another one"), conn.transaction():
        named.name(conn, UPPER, first.version, inputs="older")

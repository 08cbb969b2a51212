"""Another key: old values stay readable, all are sealed anew, and a kill loses nothing.

Every value here is invented.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
from uuid import UUID

import pytest

from sxe_pipeline import audit
from sxe_pipeline.contacts import keys, keyset, reseal
from sxe_pipeline.contacts.vault import Vault
from sxe_pipeline.errors import BadInput, Refused, Tampered
from sxe_pipeline.store import sql
from sxe_pipeline.store.functions import call_function

KIND = "contact_points.resealed"
CHILD = """
import os, signal, sys
from sxe_pipeline.contacts import reseal
from sxe_pipeline.contacts.vault import Vault
from sxe_pipeline.store import sql

def reached(points):
    if points >= 4:
        os.kill(os.getpid(), signal.SIGKILL)

with sql.connect(sys.argv[1]) as conn:
    reseal.reseal(conn, Vault.of(os.environ["SXE_KEYSET"]), most=2, reached=reached)
"""


@pytest.fixture
def old():
    return Vault.generate_text()


@pytest.fixture
def stored(database, old):
    """(connection, id -> (kind, value)): eleven values under the old key."""
    vault, values = Vault.of(old), {}
    for number in range(11):
        kind = ("email", "phone")[number % 2]
        values[UUID(int=number + 1)] = (kind, f"value {number}")
    with without_calls(database) as conn:
        for point, (kind, value) in values.items():
            insert(conn, vault, point, kind, value)
    with sql.connect(database.dsn("sxe_contacts")) as conn:
        yield conn, values


@contextlib.contextmanager
def without_calls(database):
    """A connection that may write values of no call: whose they are is not looked at here."""
    with sql.connect(database.dsn("postgres")) as conn:
        conn.execute("set session_replication_role = replica")
        yield conn


def insert(conn, vault, point, kind, value):
    conn.execute(
        "insert into contacts.contact_point (contact_point_id, card_id, kind, ciphertext, "
        "blind_index, status, provider, call_id, request_id, price_micros, purpose, legal_basis) "
        "values (%s, 'card', %s, %s, %s, 'unknown', 'apollo', %s, %s, 0, 'p', 'l')",
        [point, kind, vault.encrypt(point, kind, value), vault.blind_index(kind, value), point,
         point],
    )  # fmt: skip


def opened(conn, text):
    """id -> (kind, value), as a keyset opens them."""
    vault = Vault.of(text)
    rows = conn.execute("select contact_point_id, kind, ciphertext from contacts.contact_point")
    return {point: (kind, vault.decrypt(point, kind, sealed)) for point, kind, sealed in rows}


def found(conn, text, kind, value):
    """How many rows a look-up by value finds."""
    hashes = Vault.of(text).blind_indexes(kind, value)
    [count] = conn.execute(
        "select count(*) from contacts.contact_point where kind = %s and blind_index = any(%s)",
        [kind, hashes],
    ).fetchone()
    return count


def counted(database):
    """Counts of the events, in their order."""
    with sql.connect(database.dsn("sxe_api")) as conn:
        rows = conn.execute(
            "select payload from audit.event where kind = %s order by recorded_at", [KIND]
        )
        return [json.loads(payload)["data"]["point_count"] for (payload,) in rows]


def test_d04_old_values_stay_readable_and_are_found_while_a_key_is_rotated(stored, old):
    conn, values = stored
    new = keys.Keys(old).rotated()

    assert opened(conn, new) == values
    assert all(found(conn, new, *value) == 1 for value in values.values())
    done = reseal.reseal(conn, Vault.of(new), most=4)
    narrowed = keys.Keys(new).narrowed(conn)

    assert done == reseal.Resealed(11, 0)
    assert opened(conn, narrowed) == values
    assert all(found(conn, narrowed, *value) == 1 for value in values.values())
    with pytest.raises(Tampered):
        opened(conn, old)
    assert len(keyset.content_of(narrowed)) < len(keyset.content_of(new))


def test_d04_each_batch_commits_with_its_event_and_a_second_run_changes_nothing(
    stored, old, database
):
    conn, _ = stored
    vault = Vault.of(keys.Keys(old).rotated())

    first, second = (reseal.reseal(conn, vault, most=4) for _ in range(2))

    assert (first.points, second.points) == (11, 0)
    assert counted(database) == [4, 4, 3]
    assert audit.KINDS[KIND] == "audit/events"


def test_d04_a_killed_run_loses_nothing_and_the_next_one_ends_it(stored, old, database):
    conn, values = stored
    new = keys.Keys(old).rotated()

    killed = subprocess.run(
        [sys.executable, "-c", CHILD, database.dsn("sxe_contacts")],
        env=os.environ | {"SXE_KEYSET": new},
        check=False,
    )
    half = reseal.left(conn, Vault.of(new))
    assert opened(conn, new) == values
    with pytest.raises(Refused, match="7 contact values are of an old key"):
        keys.Keys(new).narrowed(conn)
    rest = reseal.reseal(conn, Vault.of(new))

    assert killed.returncode == -signal.SIGKILL
    assert (half, rest.points, rest.left) == (7, 7, 0)
    assert counted(database) == [2, 2, 7]
    assert opened(conn, new) == values


def test_two_runs_at_once_seal_each_value_once(stored, old, database):
    conn, _ = stored
    vault = Vault.of(keys.Keys(old).rotated())

    def other(points):
        if points == 2:
            with sql.connect(database.dsn("sxe_contacts")) as second:
                reseal.reseal(second, vault)

    done = reseal.reseal(conn, vault, most=2, reached=other)

    assert done.points == 2
    assert counted(database) == [2, 9]


def test_a_value_that_does_not_open_stops_no_other(stored, old, database):
    conn, _ = stored
    new, lost = keys.Keys(old).rotated(), Vault.of(Vault.generate_text())
    with without_calls(database) as other:
        insert(other, lost, UUID(int=99), "email", "value of a keyset that is gone")

    with pytest.raises(Tampered, match="1 contact points do not open") as told:
        reseal.reseal(conn, Vault.of(new), most=2)

    assert "11 others" in str(told.value)
    assert "value of" not in str(told.value)
    assert reseal.left(conn, Vault.of(new)) == 1


def test_the_tier_changes_a_value_by_the_function_alone(stored, old):
    conn, _ = stored
    vault = Vault.of(keys.Keys(old).rotated())
    first = UUID(int=1)
    sealed, hashed = vault.encrypt(first, "email", "x"), vault.blind_index("email", "x")
    good = ([first], [sealed], [hashed], vault.seal_mark)
    wrong = [
        ([], [], [], vault.seal_mark),
        ([first], [sealed, sealed], [hashed], vault.seal_mark),
        ([first], [sealed], [hashed], b"\1\0\0\0\0"),
        ([first], [sealed], [hashed], None),
        ([first], [None], [hashed], vault.seal_mark),
    ]

    for arguments in wrong:
        with pytest.raises(BadInput):
            call_function(conn, "contacts.reseal_points", *arguments)
        conn.rollback()

    assert call_function(conn, "contacts.reseal_points", *good) == 1
    conn.rollback()


def test_a_keyset_file_is_rotated_where_it_is(tmp_path):
    file = tmp_path / "keys" / "contacts.keyset"
    before = Vault.of(file.as_uri())
    point = UUID(int=1)
    sealed = before.encrypt(point, "email", "x")

    assert keys.Keys(file.as_uri()).rotated() is None
    after = Vault.of(file.as_uri())

    assert after.decrypt(point, "email", sealed) == "x"
    assert after.seal_mark != before.seal_mark
    assert after.blind_index("email", "x") != before.blind_index("email", "x")
    assert before.blind_index("email", "x") in after.blind_indexes("email", "x")
    assert file.stat().st_mode & 0o777 == 0o600
    assert [*file.parent.iterdir()] == [file]
    assert repr(keys.Keys("secret")) == "Keys()"

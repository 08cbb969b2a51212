"""An event says who wrote it: kinds and actors are bound to logins, an id to what it is of."""

import json
from itertools import combinations

import psycopg
import pytest
from psycopg.types.json import Jsonb

from sxe_pipeline import audit
from sxe_pipeline.audit import payload as form
from sxe_pipeline.audit.search import search
from sxe_pipeline.errors import BadInput, Refused
from sxe_pipeline.store import sql

WRITERS = ("sxe_social", "sxe_contacts", "sxe_admin")
HALVES = WRITERS[:2]
SAID = {"kind": "table.vacuum_begun", "actor": "job", "subject": "s", "key": "k", "data": {}}


@pytest.fixture
def owner(database):
    """Whoever may become the owner of the log."""
    with sql.connect(database.dsn("sxe_admin")) as opened:
        opened.execute("set role sxe_owner")
        opened.commit()
        yield opened


def recorded(database, role, **other):
    """What the database says to a login that hands in a record."""
    with psycopg.connect(database.dsn(role)) as conn:
        try:
            conn.execute("select audit.record(%s)", [Jsonb(SAID | other)])
        except psycopg.Error as refused:
            return refused.sqlstate
    return None


@pytest.mark.parametrize("role", HALVES)
def test_a07_no_login_takes_the_id_of_an_event_that_is_not_its_own(database, role):
    squatted = form.event_id("suppression.added", "card", "added")

    with psycopg.connect(database.dsn(role)) as conn:
        for columns, values in (("event_id, payload", "%s, ''"), ("payload", "%s::text::bytea")):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), conn.transaction():
                conn.execute(f"insert into audit.event ({columns}) values ({values})", [squatted])
    assert recorded(database, role, kind="suppression.added", subject="card", key="added") == (
        "42501"
    )


def test_a07_an_id_belongs_to_its_kind_whatever_the_owner_writes_beside_it(owner):
    taken = form.event_id("suppression.added", "card", "added")

    owner.execute(
        "insert into audit.event (event_id, kind, actor, payload) values (%s, 'x', 'y', %s)",
        [taken, json.dumps(SAID).encode()],
    )

    [row] = owner.execute("select event_id, kind, actor from audit.event").fetchall()
    assert row == (form.event_id("table.vacuum_begun", "s", "k"), "table.vacuum_begun", "job")


def test_a07_another_event_under_the_same_id_is_no_replay(conn, database):
    said = {"actor": "job", "subject": "s", "key": "k"}
    first = audit.append(conn, "table.vacuum_begun", **said, rows=5)
    conn.commit()

    assert audit.append(conn, "table.vacuum_begun", **said, rows=5) == first
    with pytest.raises(Refused, match="already"), conn.transaction():
        audit.append(conn, "table.vacuum_begun", **said, rows=6)
    with pytest.raises(Refused, match="already"), conn.transaction():
        audit.append(conn, "table.vacuum_begun", **said | {"actor": "mallory"}, rows=5)
    conn.commit()
    with sql.connect(database.dsn("sxe_api")) as reader:
        assert [(e.actor, e.data) for e in search(reader)] == [("job", {"rows": 5})]


FOREIGN = ["key.created", "erasure.done", "Request.approved", " request.approved", "call.settled"]


@pytest.mark.parametrize("role", HALVES)
def test_a08_a_login_records_its_own_kinds_and_no_other(database, role):
    [other] = set(HALVES) - {role}
    with psycopg.connect(database.dsn("postgres")) as root:
        [(theirs,)] = root.execute("select audit.own_kinds(%s)", [other]).fetchall()

    said = {kind: recorded(database, role, kind=kind) for kind in [*FOREIGN, *theirs]}

    assert said == dict.fromkeys(said, "42501")


@pytest.mark.parametrize(
    "actor",
    ["principal:ben", "fence:7", "run:x", "sweep", "retention", "bootstrap", "Job", " job", "a\nb"],
)
def test_a08_nobody_borrows_the_name_of_a_person_or_of_the_gate(database, actor):
    assert recorded(database, "sxe_social", actor=actor) == "42501"


def test_a08_a_half_acts_under_the_faces_of_its_own_tier(database):
    faces = {
        "asset:social/profiles": ("sxe_social", "table.vacuum_begun"),
        "asset:contacts/expired_data": ("sxe_contacts", "contact_run_history.expired"),
    }
    for actor, (writer, _) in faces.items():
        for role, kind in faces.values():
            expected = None if role == writer else "42501"
            assert recorded(database, role, actor=actor, kind=kind) == expected


def test_a08_the_contact_tier_attests_no_event_of_the_other(database, conn):
    audit.append(conn, "table.vacuum_begun", actor="job", subject="s", key="k")
    conn.commit()

    with sql.connect(database.dsn("sxe_contacts")) as contacts:
        with pytest.raises(psycopg.errors.InsufficientPrivilege), contacts.transaction():
            audit.attest(contacts, "ops/tables_kept", "run")
        audit.append(contacts, "contact_run_history.expired", actor="job", subject="s", key="k")
        assert audit.attest(contacts, "contacts/expired_data", "run").event_count == 1


BROKEN = [b"\xff\xff", b"{}jane", b"{}", b"[]", b"null", b'{"kind":"a"}']


@pytest.mark.parametrize("payload", BROKEN)
def test_a08_a_payload_is_a_record_or_it_is_not_stored(owner, payload):
    with pytest.raises(psycopg.Error) as refused:
        owner.execute("insert into audit.event (payload) values (%s)", [payload])

    assert refused.value.sqlstate[:2] in ("22", "SX")


@pytest.mark.parametrize(
    "other",
    [
        {"more": 1},
        {"data": []},
        {"kind": ""},
        {"subject": 7},
        {"subject": "a\nb"},
        {"key": None},
    ],
    ids=repr,
)
def test_a08_a_record_has_its_five_parts_and_no_more(database, owner, other):
    with pytest.raises(psycopg.Error):
        owner.execute("insert into audit.event (payload) values (%s)", [form.encode(SAID | other)])
    assert recorded(database, "sxe_social", **other) is not None


def test_a_record_is_kept_in_the_form_that_is_hashed_however_it_was_written(owner):
    sloppy = json.dumps(SAID | {"data": {"b": "é", "a": 1}}, indent=2).encode()

    [(stored,)] = owner.execute(
        "insert into audit.event (payload) values (%s) returning payload", [sloppy]
    ).fetchall()

    assert stored == form.encode(json.loads(sloppy))


def test_no_kind_has_two_writers_and_each_is_one_of_ours(owner):
    lists = {
        role: owner.execute("select audit.own_kinds(%s)", [role]).fetchone()[0] for role in WRITERS
    }

    for one, other in combinations(lists.values(), 2):
        assert not set(one) & set(other)
    assert set().union(*lists.values()) <= set(audit.KINDS)
    assert owner.execute("select audit.own_kinds('sxe_api')").fetchone() == (None,)


def test_python_refuses_a_kind_that_it_does_not_know(conn):
    with pytest.raises(BadInput):
        audit.record("message.sent", actor="job", subject="s", key="k")

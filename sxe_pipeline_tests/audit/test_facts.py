"""Every fact is written by a function that writes its event, in the same transaction."""

import json

import psycopg
import pytest
from psycopg.types.json import Jsonb

from sxe_pipeline import audit
from sxe_pipeline.audit.search import search
from sxe_pipeline.audit.verify import verify
from sxe_pipeline.store import sql
from sxe_pipeline_tests.databases import as_owner

NOW = "2026-02-01T10:00:00+00:00"
SHA = "ab" * 32
FILE = {
    "collection": "makers",
    "file_sha256": SHA,
    "path": "makers/a.json",
    "byte_count": 7,
    "landed_day": "2026-02-01",
    "is_again": False,
    "modified": NOW,
}


def said(kind, subject, **data):
    return json.loads(audit.record(kind, actor="job", subject=subject, key="1", **data))


def register(conn, *files, actor="job"):
    rows = conn.execute(
        "select file_sha256 from ingest.register_files(%s, %s, %s)",
        [Jsonb(list(files)), NOW, actor],
    ).fetchall()
    return [digest for (digest,) in rows]


def events(database, kind=None):
    with sql.connect(database.dsn("sxe_api")) as reader:
        return [(e.kind, e.subject, e.data) for e in search(reader, kind=kind)]


def test_a09_thousands_of_files_are_one_call_and_an_event_each(conn, database):
    files = [FILE | {"file_sha256": f"{n:064x}", "path": f"makers/{n}"} for n in range(3000)]

    assert len(register(conn, *files)) == 3000
    assert register(conn, *files) == [], "the same files twice change nothing"
    conn.commit()

    counts = conn.execute(
        "select count(*), count(distinct event_id) from ingest.landing_file f "
        "join audit.event e using (event_id) where e.subject = f.file_sha256"
    ).fetchone()
    assert counts == (3000, 3000)


def test_a09_a_file_that_is_withdrawn_and_lands_again_has_three_events(conn, database):
    register(conn, FILE)
    conn.execute("select ingest.withdraw_file('makers', %s, 'a wrong export', null, 'job')", [SHA])
    assert register(conn, FILE) == [], "it did not change since"
    assert register(conn, FILE | {"is_again": True}) == [SHA]
    conn.commit()

    assert [kind for kind, _, _ in events(database)] == [
        "landing_file.registered",
        "landing_file.withdrawn",
        "landing_file.registered",
    ]
    assert "a wrong export" not in str(events(database))


@pytest.mark.parametrize("actor", ["principal:ben", "asset:contacts/contact_points", ""])
def test_a09_a_fact_names_who_the_login_may_be(conn, database, actor):
    with pytest.raises(psycopg.errors.InsufficientPrivilege), conn.transaction():
        register(conn, FILE, actor=actor)
    assert events(database) == []


def name_version(conn, table, record):
    conn.execute(
        "select ops.name_version(%s, 3, 'x', null, '{}', '{}', '', %s)", [table, Jsonb(record)]
    )


def test_a09_a_version_is_named_by_an_event_of_its_own_table(conn, database):
    with conn.transaction():
        name_version(conn, "social/profiles", said("profiles.written", "social/profiles"))
    for kind in ("lead_cards.written", "table.vacuum_begun", "call.settled"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), conn.transaction():
            name_version(conn, "social/profiles", said(kind, "social/profiles"))

    assert conn.execute(
        "select version, kind from ops.version join audit.event e using (event_id)"
    ).fetchall() == [(3, "profiles.written")]


GUARD = "no_contact_data"


def judge(conn, is_passed=True, version=3):
    conn.execute(
        "select ops.judge('social/profiles', %s, %s, %s, '{\"open\": 1}')",
        [version, GUARD, is_passed],
    )


def test_a_verdict_is_an_event_that_says_which(conn, database):
    with conn.transaction():
        name_version(conn, "social/profiles", said("profiles.written", "social/profiles"))
        judge(conn, is_passed=False)
        judge(conn, is_passed=True)

    [(kind, subject, data)] = events(database, "table.failed")
    assert (subject, data["guard"], data["version"]) == ("social/profiles", GUARD, 3)
    assert events(database, "table.passed") == [], "the first word stays"
    assert conn.execute(
        "select is_passed, kind from ops.verdict join audit.event e using (event_id)"
    ).fetchall() == [(False, kind)]


def test_what_a_collection_says_is_an_event_only_where_it_is_new(conn, database):
    def note(problems, *said):
        with conn.transaction():
            conn.execute(
                "select ingest.declare_collections(%s, %s, 'job')", [Jsonb(list(said)), NOW]
            )
            conn.execute("select ingest.set_aside(%s, 'job')", [Jsonb(problems)])

    makers = {"collection": "makers", "mapping_sha256": None, "file_sha256": SHA}
    makers |= {"gathered_by": "list", "tribes": ["makers"], "market": None}
    for _ in range(2):
        note({"broken": "not YAML"}, makers)
    note({}, makers | {"mapping_sha256": SHA})
    note({}, {"collection": "plain", "mapping_sha256": None})

    assert [kind for kind, _, _ in events(database)[::-1]] == [
        "collection.declared",
        "collection.set_aside",
        "collection.declared",
        "collection.taken_back",
    ]
    assert "makers" not in str(events(database))
    assert "not YAML" not in str(events(database))
    assert conn.execute(
        "select collection, tribes, mapping_sha256, problem, kind from ingest.collection "
        "join audit.event e using (event_id) order by 1"
    ).fetchall() == [
        ("broken", [], None, None, "collection.taken_back"),
        ("makers", ["makers"], SHA, None, "collection.declared"),
    ]


@pytest.mark.parametrize(
    "statement",
    [
        "insert into ingest.collection (collection) values ('x')",
        "update ingest.collection set problem = null",
        "delete from ingest.collection",
        "insert into ops.verdict values ('social/profiles', 3, 'x', true)",
        "update ops.verdict set is_passed = true",
        "delete from ops.verdict",
    ],
)
def test_no_login_writes_them_beside_their_functions(conn, statement):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        conn.execute(statement)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("update ops.verdict set is_passed = true", "verdict"),
        ("delete from ops.verdict", "verdict"),
        ("update ops.verdict set event_id = null", "verdict"),
        ("insert into ingest.collection (collection) values ('planted')", "collection"),
        ("update ingest.collection set event_id = null, declared_at = now()", "collection"),
        ("delete from ingest.collection", "collection"),
    ],
)
def test_what_the_owner_changes_without_an_event_is_found(conn, database, change, found):
    with conn.transaction():
        name_version(conn, "social/profiles", said("profiles.written", "social/profiles"))
        judge(conn, is_passed=False)
        conn.execute("select ingest.set_aside('{\"makers\": \"not YAML\"}', 'job')")
    with sql.connect(database.dsn("sxe_api")) as reader:
        reader.autocommit = True
        before = verify(reader, lambda keys: {}).findings
        as_owner(conn, change)
        after = verify(reader, lambda keys: {}).findings

    assert before == {}
    assert after
    assert all(found in finding for finding in after)


def test_a_verdict_may_go_with_its_version(conn, database):
    with conn.transaction():
        name_version(conn, "social/profiles", said("profiles.written", "social/profiles"))
        judge(conn)
    as_owner(conn, "delete from ops.version")
    with sql.connect(database.dsn("sxe_api")) as reader:
        reader.autocommit = True
        assert verify(reader, lambda keys: {}).findings == {}


def test_a09_ids_and_aliases_come_with_their_event(conn, database):
    card = {"platform": "x", "account_key": "id:1", "generation": 0, "minted_at": NOW}
    minted = [card | {"card_id": name} for name in ("a", "b", "c")]

    def assign(minted, aliases, key):
        record = said("card_ids.assigned", "social/identities") | {"key": key}
        conn.execute(
            "select social.assign_ids(%s, '[]', %s, '[]', %s)",
            [Jsonb(minted), Jsonb(aliases), Jsonb(record)],
        )

    with conn.transaction():
        assign(minted, [{"card_id": "a", "survivor": "b", "cause": "merge"}], "1")
    with conn.transaction():
        assign([], [{"card_id": "b", "survivor": "c", "cause": "merge"}], "2")

    assert conn.execute(
        "select a.card_id, survivor_card_id, e.kind from social.alias a "
        "join audit.event e using (event_id) order by 1"
    ).fetchall() == [("a", "c", "card_ids.assigned"), ("b", "c", "card_ids.assigned")]
    assert len(events(database)) == 2


def test_c2_a_batch_cannot_be_called_published_without_its_event(conn, database):
    begin = (
        "select handoff.build(%s, 'lead_card', '1.0.0', 'x', '2026-01-01', null, null, null, 0, "
        "'', %s, now(), 'job')"
    )
    batch = "0" * 32
    for state in ("published", "building"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), conn.transaction():
            conn.execute(
                "insert into handoff.batch (batch_id, contract, contract_version, market, day, "
                "state, row_count, manifest, manifest_sha256) values (%s, 'anything', '1', 'x', "
                "'2026-01-01', %s, 0, '', %s)",
                ["1" * 32, state, SHA],
            )
    with pytest.raises(psycopg.Error, match="no such batch"), conn.transaction():
        conn.execute("select handoff.finish(%s, 'job')", [batch])
    with conn.transaction():
        conn.execute(begin, [batch, SHA])
    with pytest.raises(psycopg.Error, match="begun or published"), conn.transaction():
        conn.execute(begin, [batch, SHA])
    with conn.transaction():
        conn.execute("select handoff.finish(%s, 'job')", [batch])

    assert [kind for kind, _, _ in events(database)] == ["batch.published", "batch.building"]
    assert conn.execute(
        "select state, e.kind from handoff.batch join audit.event e using (event_id)"
    ).fetchall() == [("published", "batch.published")]

"""Who sees and writes which batches, asked of a real server."""

import psycopg
import pytest

from sxe_pipeline.errors import Refused
from sxe_pipeline.handoff import publish
from sxe_pipeline.handoff.batches import list_batches
from sxe_pipeline.handoff.chain import BatchKey
from sxe_pipeline.handoff.files import manifest
from sxe_pipeline.store import sql
from sxe_pipeline_tests.handoff.contacts import DAY, NOW, OTHER, REQUEST, at, contacts


def test_f7_a_tier_neither_sees_nor_writes_the_batches_of_the_other(
    publish_contacts, cards, contract, store, conn, login, signer, api_dsn
):
    theirs = publish_contacts(contacts(6))
    given = {"batch_key": BatchKey("x_general", DAY), "signer": signer, "actor": "test", "now": NOW}
    ours = publish.publish(conn, store, contract=contract, rows=cards(5), **given)

    assert [b.batch_id for b in list_batches(login)] == [theirs.batch_id]
    assert [b.batch_id for b in list_batches(conn)] == [ours.batch_id]
    with sql.connect(api_dsn) as reader:
        assert len(list_batches(reader)) == 2
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute("UPDATE handoff.batch SET state = 'abandoned'")

    login.rollback()
    conn.rollback()
    given["batch_key"] = BatchKey("other_market", DAY)
    with pytest.raises(Refused, match="login of its tier"):
        publish.publish(login, store, contract=contract, rows=cards(5), **given)
    with pytest.raises(Refused, match="login of its tier"):
        publish_contacts(contacts(6, OTHER), at(1, OTHER), by=conn)
    assert sum(entry.key.endswith(manifest.NAME) for entry in store.list()) == 2


def begin(conn, batch, contract="lead_card", market="m", **slot):
    """What a login says to begin a batch without any file."""
    request, seq = (str(REQUEST), 1) if contract == "lead_contact" else (None, None)
    conn.execute(
        "SELECT handoff.build(%s, %s, '1.0.0', %s, '2026-03-10', %s, %s, NULL, 0, '', %s, now(), "
        "'test')",
        [batch * 32, contract, market, slot.get("request", request), seq, "0" * 64],
    )


@pytest.mark.parametrize(
    ("role", "foreign"), [("sxe_contacts", "lead_card"), ("sxe_social", "lead_contact")]
)
def test_sql_of_a_tier_cannot_touch_a_batch_of_the_other(database, role, foreign):
    owner = {"sxe_contacts": "sxe_social", "sxe_social": "sxe_contacts"}[role]
    with sql.connect(database.dsn(owner)) as conn:
        begin(conn, "0", foreign)

    with sql.connect(database.dsn(role)) as conn:
        assert conn.execute("SELECT count(*) FROM handoff.batch").fetchone() == (0,)
        for statement, given in [
            ("SELECT handoff.abandon(%s, 'test')", ["0" * 32]),
            ("SELECT handoff.finish(%s, 'test')", ["0" * 32]),
        ]:
            with pytest.raises(psycopg.Error, match="login of its tier"), conn.transaction():
                conn.execute(statement, given)
        for batch in ("0", "1"):
            with pytest.raises(psycopg.Error), conn.transaction():
                begin(conn, batch, foreign)
        for statement in (
            "INSERT INTO handoff.batch DEFAULT VALUES",
            "UPDATE handoff.batch SET state = 'abandoned'",
            "DELETE FROM handoff.batch",
            "TRUNCATE handoff.batch",
            "INSERT INTO handoff.signing_key (key_id, public_key) VALUES ('a', '')",
            "ALTER TABLE handoff.batch DISABLE ROW LEVEL SECURITY",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), conn.transaction():
                conn.execute(statement)


@pytest.mark.parametrize(
    ("contract_id", "request_id", "seq"),
    [
        ("lead_card", str(REQUEST), 1),
        ("lead_contact", None, None),
        ("lead_contact", str(REQUEST), None),
        ("lead_contact", None, 1),
        ("lead_contact", str(REQUEST), 0),
    ],
)
def test_the_database_refuses_a_row_without_its_slot(database, contract_id, request_id, seq):
    with sql.connect(database.dsn("sxe_admin")) as conn:
        conn.execute("SET ROLE sxe_owner")
        with pytest.raises(psycopg.errors.CheckViolation):
            conn.execute(
                "INSERT INTO handoff.batch (batch_id, contract, contract_version, market, day, "
                "state, row_count, manifest, manifest_sha256, request_id, seq) VALUES "
                "(%s, %s, '1.0.0', 'm', '2026-03-10', 'building', 0, '', %s, %s, %s)",
                ["0" * 32, contract_id, "0" * 64, request_id, seq],
            )


def test_one_live_row_for_a_request_and_seq(login):
    begin(login, "1", "lead_contact")
    login.execute("SELECT handoff.abandon(%s, 'test')", ["1" * 32])
    begin(login, "0", "lead_contact")
    with pytest.raises(psycopg.errors.UniqueViolation):
        begin(login, "2", "lead_contact", market="other")


def test_a_published_contact_batch_does_not_change(publish_contacts, login, admin_dsn):
    publish_contacts(contacts(6))

    for dsn_conn, before in ((login, None), (sql.connect(admin_dsn), "SET ROLE sxe_owner")):
        if before:
            dsn_conn.execute(before)
        said = None if before is None else "does not change"
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match=said):
            dsn_conn.execute("UPDATE handoff.batch SET state = 'abandoned', published_at = NULL")
        dsn_conn.rollback()
        dsn_conn.close()

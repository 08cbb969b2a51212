"""Who sees and writes which batches, asked of a real server."""

import psycopg
import pytest

from sxe_pipeline.errors import Refused
from sxe_pipeline.handoff import manifest, publish
from sxe_pipeline.handoff.batches import list_batches
from sxe_pipeline.handoff.chain import BatchKey
from sxe_pipeline.store import sql
from sxe_pipeline_tests.handoff.contacts import DAY, NOW, OTHER, REQUEST, at, contacts


def test_a_tier_neither_sees_nor_writes_the_batches_of_the_other(
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


@pytest.mark.parametrize(
    ("role", "foreign"), [("sxe_contacts", "lead_card"), ("sxe_social", "lead_contact")]
)
def test_sql_of_a_tier_cannot_touch_a_batch_of_the_other(database, role, foreign):
    request, seq = (str(REQUEST), 1) if foreign == "lead_contact" else (None, None)
    insert = (
        "INSERT INTO handoff.batch (batch_id, contract, contract_version, market, day, state, "
        "row_count, manifest, manifest_sha256, request_id, seq) VALUES "
        "(%s, %s, '0.1.0', 'm', '2026-03-10', 'building', 0, '', %s, %s, %s)"
    )
    values = ["0" * 32, foreign, "0" * 64, request, seq]
    owner = {"sxe_contacts": "sxe_social", "sxe_social": "sxe_contacts"}[role]
    with sql.connect(database.dsn(owner)) as conn:
        conn.execute(insert, values)

    with sql.connect(database.dsn(role)) as conn:
        changed = conn.execute("UPDATE handoff.batch SET state = 'abandoned'")
        assert changed.rowcount == 0
        assert conn.execute("SELECT count(*) FROM handoff.batch").fetchone() == (0,)
        for statement, given in [
            (insert, ["1" * 32, *values[1:]]),
            (insert + " ON CONFLICT (batch_id) DO UPDATE SET state = 'abandoned'", values),
            ("DELETE FROM handoff.batch", None),
            ("UPDATE handoff.batch SET contract = %s", [foreign]),
            ("UPDATE handoff.batch SET request_id = %s, seq = 1", [str(OTHER)]),
            ("TRUNCATE handoff.batch", None),
            ("INSERT INTO handoff.signing_key (key_id, public_key) VALUES ('a', '')", None),
            ("ALTER TABLE handoff.batch DISABLE ROW LEVEL SECURITY", None),
        ]:
            with pytest.raises(psycopg.errors.InsufficientPrivilege), conn.transaction():
                conn.execute(statement, given)


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
                "(%s, %s, '0.1.0', 'm', '2026-03-10', 'building', 0, '', %s, %s, %s)",
                ["0" * 32, contract_id, "0" * 64, request_id, seq],
            )


def test_one_live_row_for_a_request_and_seq(login):
    def insert(batch, state="building", market="m"):
        login.execute(
            "INSERT INTO handoff.batch (batch_id, contract, contract_version, market, day, state, "
            "row_count, manifest, manifest_sha256, request_id, seq) VALUES "
            "(%s, 'lead_contact', '0.1.0', %s, '2026-03-10', %s, 0, '', %s, %s, 1)",
            [batch * 32, market, state, "0" * 64, str(REQUEST)],
        )

    insert("0")
    insert("1", "abandoned")
    with pytest.raises(psycopg.errors.UniqueViolation):
        insert("2", market="other")


def test_a_published_contact_batch_does_not_change(publish_contacts, login, admin_dsn):
    publish_contacts(contacts(6))

    for dsn_conn, before in ((login, None), (sql.connect(admin_dsn), "SET ROLE sxe_owner")):
        if before:
            dsn_conn.execute(before)
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="does not change"):
            dsn_conn.execute("UPDATE handoff.batch SET state = 'abandoned', published_at = NULL")
        dsn_conn.rollback()
        dsn_conn.close()

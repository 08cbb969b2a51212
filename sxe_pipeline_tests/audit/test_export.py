"""An export proves itself: with the sealer's public key and nothing of ours."""

import hashlib
import json
from datetime import UTC, datetime, timedelta

import pytest

from sxe_pipeline import sign
from sxe_pipeline.audit import checkpoints, seal
from sxe_pipeline.audit.export import export
from sxe_pipeline.audit.merkle import is_consistent, is_included
from sxe_pipeline.errors import BadInput, NotFound
from sxe_pipeline.store import sql

SIGNER = sign.Signer.generate()


@pytest.fixture
def log(sealer, store, add):
    """Seals over 3 and 8 events, and one event that waits."""
    for number in range(9):
        add(number, rows=7)
        if number in (2, 7):
            seal.tick(sealer, store, SIGNER)
    return store


def exported(database, since=0):
    with sql.connect(database.dsn("sxe_api")) as reader:
        return json.loads(json.dumps(list(export(reader, since))))


def test_every_event_of_an_export_leads_to_the_root_that_was_signed(database, log):
    head, *events = exported(database)

    said = checkpoints.read(head["checkpoint"].encode(), [SIGNER.public_key])
    assert (said.tree_size, len(events)) == (8, 8), "what is not sealed is not in it"
    for event in events:
        micros = (
            datetime.fromisoformat(event["recorded_at"]) - datetime(1970, 1, 1, tzinfo=UTC)
        ) // timedelta(microseconds=1)
        leaf = hashlib.sha256(b"\0" + event["payload"].encode() + micros.to_bytes(8)).digest()
        path = [bytes.fromhex(one) for one in event["proof"]]
        assert leaf.hex() == event["leaf_hash"]
        assert is_included(leaf, event["leaf_index"], 8, path, bytes.fromhex(said.root))


def test_an_export_since_a_seal_shows_that_the_log_begins_with_what_was_sealed_then(database, log):
    older = checkpoints.read(log.get(seal.key_of(1)))

    head, *events = exported(database, since=1)

    said = checkpoints.read(head["checkpoint"].encode())
    path = [bytes.fromhex(one) for one in head["since"]["consistency"]]
    roots = (bytes.fromhex(older.root), bytes.fromhex(said.root))
    assert is_consistent(older.tree_size, said.tree_size, *roots, path)
    assert [event["leaf_index"] for event in events] == [3, 4, 5, 6, 7]


def test_there_is_nothing_to_export_before_the_first_seal_nor_since_one_that_is_not_there(
    database, add, sealer, store
):
    add(1)
    with pytest.raises(NotFound, match="sxe worker seal --once"):
        exported(database)
    seal.tick(sealer, store, SIGNER)
    with pytest.raises(BadInput, match="no seal 7"):
        exported(database, since=7)

"""Documents that cross the border, and what is none."""

import json

import pytest

from sxe_pipeline import sign
from sxe_pipeline.errors import BadInput, Tampered
from sxe_pipeline.handoff import acks, rotation
from sxe_pipeline.handoff.files import expired, head, manifest

BATCH = "a" * 32

NONE = {
    "nothing": b"",
    "no utf-8": b"\xff",
    "nested without end": b'{"a":' + b"[" * 60_000 + b"]" * 60_000 + b"}",
    "a number without end": b'{"a":' + b"9" * 5_000 + b"}",
    "a list": b"[]",
    "an object of nothing": b"{}",
    "of another kind": b'{"_type": "https://in-toto.io/Statement/v1", "predicateType": "other"}',
}


def kinds(signer, payload):
    """Every kind of document -> reading it as a consumer does."""
    key = signer.public_key
    statement = sign.envelope(manifest.PAYLOAD_TYPE, payload, [signer])
    rotated = sign.envelope(rotation.PAYLOAD_TYPE, payload, [signer])
    return {
        "ack": lambda: acks.parsed(payload),
        "expiry": lambda: expired.expired_at(statement, BATCH, key),
        "head": lambda: head.unseal(statement, [key]),
        "manifest": lambda: manifest.unseal(statement, key),
        "key_rotation": lambda: rotation.follow(key, "lead_card", lambda _: rotated),
    }


@pytest.mark.parametrize("payload", NONE.values(), ids=NONE)
@pytest.mark.parametrize("kind", ["ack", "expiry", "head", "key_rotation", "manifest"])
def test_what_is_no_document_is_refused_in_words_of_ours_whoever_signed_it(signer, kind, payload):
    with pytest.raises((BadInput, Tampered)):
        kinds(signer, payload)[kind]()


@pytest.mark.parametrize(
    "lie",
    [{"batch_id": "b" * 32}, {"expired_at": 3}, {"contract": "../x"}, {"more": 1}],
    ids=str,
)
def test_a_statement_of_deleted_files_is_of_this_batch_and_holds_nothing_else(signer, lie):
    sealed = expired.statement(BATCH, "lead_card", "ab" * 32, "2026-11-30T12:00:00+00:00", signer)
    said = json.loads(sign.unchecked(sealed))
    said["predicate"] |= lie
    forged = sign.envelope(manifest.PAYLOAD_TYPE, sign.canonical(said), [signer])

    assert expired.expired_at(sealed, BATCH, signer.public_key).startswith("2026-11-30")
    with pytest.raises(Tampered, match="another batch"):
        expired.expired_at(forged, BATCH, signer.public_key)

import base64
import datetime as dt
import json
import stat
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from sxe_pipeline import settings, sign
from sxe_pipeline.errors import BadConfig, BadInput, Tampered
from sxe_pipeline.handoff.chain import BatchKey
from sxe_pipeline.handoff.files import encode, manifest, pieces
from sxe_pipeline.store import key_files


def predicate(contract, cards, **changes):
    content = encode.encode(contract, pieces.checked(contract, cards(3)))
    batch_key = BatchKey("m", dt.date(2026, 1, 1))
    given = {"batch_id": "a" * 32, "batch_key": batch_key, "prev_batch_id": None}
    return manifest.predicate(contract, content, **given) | changes


def test_a_consumer_verifies_the_envelope_with_cryptography_alone(contract, cards, signer):
    envelope = json.loads(manifest.seal(predicate(contract, cards), signer))
    payload = base64.b64decode(envelope["payload"])
    kind = envelope["payloadType"].encode()

    load_pem_public_key(signer.public_pem()).verify(
        base64.b64decode(envelope["signatures"][0]["sig"]),
        b"DSSEv1 "
        + str(len(kind)).encode()
        + b" "
        + kind
        + b" "
        + str(len(payload)).encode()
        + b" "
        + payload,
    )

    statement = json.loads(payload)
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicate"]["versions"]["taxonomy_version"] == ["1"]


def test_the_same_content_and_key_give_the_same_manifest(contract, cards, signer):
    fields = predicate(contract, cards)
    again = sign.Signer.from_text(signer.text())

    assert manifest.seal(fields, signer) == manifest.seal(fields, again)
    assert manifest.unseal(manifest.seal(fields, signer), signer.public_key) == fields


def test_another_key_or_a_borrowed_key_id_is_refused(contract, cards, signer):
    thief = sign.Signer.generate()
    sealed = json.loads(manifest.seal(predicate(contract, cards), thief))
    with pytest.raises(Tampered, match="not signed with the given key"):
        manifest.unseal(json.dumps(sealed).encode(), signer.public_key)

    sealed["signatures"][0]["keyid"] = signer.key_id
    with pytest.raises(Tampered, match="does not hold"):
        manifest.unseal(json.dumps(sealed).encode(), signer.public_key)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff",
        b"[" * 100_000,
        b'{"payload":1,"payloadType":"x","signatures":[]}',
    ],
    ids=["empty", "no fields", "a list", "null", "no utf-8", "a nested bomb", "wrong types"],
)
def test_what_is_no_envelope_is_refused(data, signer):
    with pytest.raises(Tampered):
        manifest.unseal(data, signer.public_key)


@pytest.mark.parametrize(
    "changes",
    [{"batch_id": "x"}, {"market": "../m"}, {"day": "yesterday"}, {"prev_batch_id": 3}, {"seq": 1}],
    ids=str,
)
def test_a_signed_payload_that_is_no_manifest_is_refused(contract, cards, signer, changes):
    sealed = manifest.seal(predicate(contract, cards, **changes), signer)

    with pytest.raises(Tampered, match="none that we know"):
        manifest.unseal(sealed, signer.public_key)


def test_the_default_key_is_made_once_and_for_its_owner_alone(tmp_path):
    given = settings.load({"SXE_HOME": str(tmp_path)})
    first, second = key_files.of_settings(given), key_files.of_settings(given)

    assert first.key_id == second.key_id
    assert stat.S_IMODE((tmp_path / "keys" / "signing.key").stat().st_mode) == 0o600
    public = sign.public_key(key_files.public_file(tmp_path).read_bytes())
    assert sign.key_id(public) == first.key_id
    assert first.text() not in repr(first)


def test_four_first_uses_at_once_agree_on_one_key(tmp_path):
    code = (
        "import sys; from pathlib import Path; from sxe_pipeline.store import key_files;"
        "print(key_files.of_home(Path(sys.argv[1])).key_id)"
    )
    runs = [
        subprocess.Popen([sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]

    assert len({run.communicate()[0] for run in runs}) == 1


def test_the_setting_wins_and_writes_no_file(tmp_path):
    mine = sign.Signer.generate()
    given = settings.load({"SXE_HOME": str(tmp_path), "SXE_SIGNING_KEY": mine.text() + "\n"})

    assert key_files.of_settings(given).key_id == mine.key_id
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "x", "sxe-signing:", "sxe-signing:AAAA", "A" * 44])
def test_a_bad_key_is_refused_without_repeating_it(text):
    with pytest.raises(BadConfig) as caught:
        sign.Signer.from_text(text)

    assert text == "" or text not in str(caught.value).replace("'sxe-signing:'", "") or text == "x"
    assert caught.value.__context__ is None


def test_a_private_or_foreign_key_is_no_public_key(signer):
    for data in (b"", b"garbage", signer.text().encode()):
        with pytest.raises(BadInput):
            sign.public_key(data)

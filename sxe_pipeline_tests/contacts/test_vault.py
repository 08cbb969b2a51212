"""Every value here is invented."""

import base64
import copy
import json
import pickle
import stat
import subprocess
import sys
import traceback
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sxe_pipeline import settings
from sxe_pipeline.contacts.tier import ContactTier
from sxe_pipeline.contacts.vault import PREFIX, Vault
from sxe_pipeline.errors import BadConfig, BadInput, Tampered

ROW = UUID("0190b5a4-0000-7000-8000-000000000001")
ADDRESS = "zanzibar.4711@example.com"
TEXT = Vault.generate_text()
VAULT = Vault.of(TEXT)


def content(text):
    return json.loads(base64.b64decode(text.removeprefix(PREFIX)))


def text_of(both):
    return PREFIX + base64.b64encode(json.dumps(both).encode()).decode()


def joined(old, new):
    """The keyset after a rotation: the keys of both, the new one's is the primary."""
    both = content(new)
    both["aead"]["key"] += content(old)["aead"]["key"]
    both["lookup"] = content(old)["lookup"]
    return text_of(both)


def text_of_error(error):
    return "".join(traceback.format_exception(error))


@given(st.text().filter(lambda t: t.isprintable()), st.sampled_from(["email", "phone"]))
def test_what_is_encrypted_comes_back(value, kind):
    row = uuid4()

    assert VAULT.decrypt(row, kind, VAULT.encrypt(row, kind, value)) == value


def test_the_same_value_never_gives_the_same_bytes_and_they_do_not_hold_it():
    seen = {VAULT.encrypt(ROW, "email", ADDRESS) for _ in range(50)}

    assert len(seen) == 50
    assert not any(b"zanzibar" in sealed for sealed in seen)


@pytest.mark.parametrize(("row", "kind"), [(uuid4(), "email"), (ROW, "phone"), (uuid4(), "phone")])
def test_a_value_does_not_open_in_another_row(row, kind):
    sealed = VAULT.encrypt(ROW, "email", ADDRESS)

    with pytest.raises(Tampered, match="does not open") as caught:
        VAULT.decrypt(row, kind, sealed)
    assert "zanzibar" not in text_of_error(caught.value)


def test_a_flipped_bit_a_cut_and_a_tail_do_not_open():
    sealed = VAULT.encrypt(ROW, "email", ADDRESS)
    changed = [sealed[:n] + bytes([sealed[n] ^ 1]) + sealed[n + 1 :] for n in range(len(sealed))]

    for other in [*changed, sealed[:-1], sealed + b"\0", b""]:
        with pytest.raises(Tampered):
            VAULT.decrypt(ROW, "email", other)


def test_another_keyset_opens_nothing_and_hashes_differently():
    other = Vault.of(Vault.generate_text())

    with pytest.raises(Tampered):
        other.decrypt(ROW, "email", VAULT.encrypt(ROW, "email", ADDRESS))
    assert other.blind_index("email", ADDRESS) != VAULT.blind_index("email", ADDRESS)


def test_a_blind_index_is_32_bytes_the_same_in_every_process_and_apart_by_kind():
    hashed = VAULT.blind_index("email", ADDRESS)

    assert len(hashed) == 32
    assert hashed == Vault.of(TEXT).blind_index("email", ADDRESS)
    assert hashed != VAULT.blind_index("phone", ADDRESS)
    assert hashed != VAULT.blind_index("email", ADDRESS + "\0")
    assert VAULT.blind_index("email", "") != VAULT.blind_index("email", "\0")


@pytest.mark.parametrize("kind", ["", "Email", "address", "email\0"])
def test_an_unknown_kind_is_refused(kind):
    for call in (
        lambda: VAULT.encrypt(ROW, kind, ADDRESS),
        lambda: VAULT.decrypt(ROW, kind, b""),
        lambda: VAULT.blind_index(kind, ADDRESS),
    ):
        with pytest.raises(BadInput, match="email, phone"):
            call()


def test_half_a_character_is_refused_without_its_neighbours():
    for call in (lambda v: VAULT.encrypt(ROW, "email", v), lambda v: VAULT.blind_index("email", v)):
        with pytest.raises(BadInput) as caught:
            call(ADDRESS + "\ud800")
        assert "zanzibar" not in text_of_error(caught.value)
        assert caught.value.__context__ is None, "its text would hold the value"


def test_after_a_rotation_old_values_open_and_new_ones_need_the_new_key():
    new = Vault.generate_text()
    rotated = Vault.of(joined(TEXT, new))
    old_bytes = VAULT.encrypt(ROW, "email", ADDRESS)

    assert rotated.decrypt(ROW, "email", old_bytes) == ADDRESS
    assert rotated.blind_index("email", ADDRESS) == VAULT.blind_index("email", ADDRESS)

    new_bytes = rotated.encrypt(ROW, "email", ADDRESS)
    assert Vault.of(new).decrypt(ROW, "email", new_bytes) == ADDRESS
    with pytest.raises(Tampered):
        VAULT.decrypt(ROW, "email", new_bytes)


def test_a_blind_index_follows_the_primary_of_its_own_half():
    both, other = content(TEXT), content(Vault.generate_text())
    both["lookup"]["key"] += other["lookup"]["key"]
    assert Vault.of(text_of(both)).blind_index("email", ADDRESS) == VAULT.blind_index(
        "email", ADDRESS
    )

    both["lookup"]["primaryKeyId"] = other["lookup"]["primaryKeyId"]
    assert Vault.of(text_of(both)).blind_index("email", ADDRESS) != VAULT.blind_index(
        "email", ADDRESS
    )


def test_a_key_that_was_disabled_opens_nothing_any_more():
    both = content(joined(TEXT, Vault.generate_text()))
    both["aead"]["key"][1]["status"] = "DISABLED"

    with pytest.raises(Tampered):
        Vault.of(text_of(both)).decrypt(ROW, "email", VAULT.encrypt(ROW, "email", ADDRESS))


def _unusable():
    both = content(TEXT)
    raw = PREFIX + base64.b64encode(b"zanzibar").decode()
    cut = copy.deepcopy(both)
    cut["aead"]["key"][0]["keyData"]["value"] = "zanzibar"
    odd = copy.deepcopy(both)
    odd["aead"]["primaryKeyId"] = 1
    yield "nothing", ""
    yield "no prefix", TEXT.removeprefix(PREFIX)
    yield "no base64", PREFIX + "zanzibar!"
    yield "cut short", TEXT[:-40]
    yield "no JSON", raw
    yield "no UTF-8", PREFIX + base64.b64encode(b"\xff\xfezanzibar").decode()
    yield "a list", text_of([])
    yield "one half", text_of({"aead": both["aead"]})
    yield "halves swapped", text_of({"aead": both["lookup"], "lookup": both["aead"]})
    yield "no keys", text_of(both | {"lookup": {"primaryKeyId": 1, "key": []}})
    yield "no such primary", text_of(odd)
    yield "a damaged key", text_of(cut)
    yield "too deep", PREFIX + base64.b64encode(b'{"aead":' + b"[" * 100_000).decode()
    yield "another host", "file://zanzibar/keyset"
    yield "no path", "file:///"
    yield "a relative path", "file:zanzibar"


@pytest.mark.parametrize("text", [pytest.param(t, id=name) for name, t in _unusable()])
def test_an_unusable_keyset_is_refused_and_not_repeated(text):
    with pytest.raises(BadConfig) as caught:
        Vault.of(text)

    whole = str(caught.value) + repr(caught.value.__cause__) + repr(caught.value.__context__)
    assert "zanzibar" not in whole
    assert not any(text[n : n + 24] in whole for n in range(len(PREFIX), len(text) - 24, 24))


def test_nothing_shows_the_keys():
    keys = [both["key"][0]["keyData"]["value"] for both in content(TEXT).values()]

    assert repr(VAULT) == str(VAULT) == f"{VAULT}" == "Vault()"
    assert not any(key in repr(VAULT) for key in keys)
    with pytest.raises(TypeError):
        pickle.dumps(VAULT)


def test_the_keyset_file_is_made_once_for_its_owner_alone(tmp_path):
    file = tmp_path / "keys of ours" / "contacts.keyset"
    url = file.as_uri()
    sealed = Vault.of(url).encrypt(ROW, "email", ADDRESS)
    before = file.read_bytes()

    assert Vault.of(f" {url}\n").decrypt(ROW, "email", sealed) == ADDRESS
    assert file.read_bytes() == before
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert [*file.parent.iterdir()] == [file], "nothing else is left beside it"
    text = PREFIX + base64.b64encode(before).decode()
    assert Vault.of(text).decrypt(ROW, "email", sealed) == ADDRESS


def test_a_damaged_keyset_file_is_refused_and_never_replaced(tmp_path):
    file = tmp_path / "contacts.keyset"
    for damage in (b"", b"zanzibar", b'{"aead":'):
        file.write_bytes(damage)
        with pytest.raises(BadConfig, match="restore it") as caught:
            Vault.of(file.as_uri())
        assert "zanzibar" not in text_of_error(caught.value)
        assert file.read_bytes() == damage
    (tmp_path / "a file").touch()
    for place in (tmp_path, tmp_path / "a file" / "keyset"):
        with pytest.raises(BadConfig, match="cannot be read or made"):
            Vault.of(place.as_uri())


def test_processes_that_start_at_once_end_with_one_keyset(tmp_path):
    url = (tmp_path / "keys" / "contacts.keyset").as_uri()
    code = (
        "import sys; from sxe_pipeline.contacts.vault import Vault; sys.stdin.read();"
        "print(Vault.of(sys.argv[1]).blind_index('email', 'a').hex())"
    )
    children = [
        subprocess.Popen(
            [sys.executable, "-c", code, url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for child in children:
        child.stdin.close()
        child.stdin = None
    said = {child.communicate()[0].strip() for child in children}

    assert said == {Vault.of(url).blind_index("email", "a").hex()}
    assert [f.name for f in (tmp_path / "keys").iterdir()] == ["contacts.keyset"]


def test_a_keyset_that_is_not_set_is_asked_for_in_a_form_that_production_takes(tmp_path):
    told = settings.load({"SXE_ENV": "production", "SXE_HOME": str(tmp_path)})

    with pytest.raises(BadConfig, match="`sxe keys keyset` makes") as refused:
        ContactTier(told).vault()
    assert "file:" not in str(refused.value), "production refuses a file"

"""Signing keys, as an operator types it."""

import re
from pathlib import Path

import pytest

from sxe_pipeline import sign
from sxe_pipeline.store import key_files
from sxe_pipeline_tests.cli.terminal import all_verbs


def registered(terminal):
    return {row[0] for row in terminal.world.owner("select key_id from handoff.signing_key")}


def test_the_keys_of_a_home_are_registered_once_with_an_event_each(empty):
    files = (empty.home / "keys" / "signing.key", key_files.contact_file(empty.home))
    ids = {key_files.of_file(file).key_id for file in files}

    dry = empty.read(None, "keys", "register", "--dry-run")
    before = registered(empty)
    first = empty.read(None, "keys", "register")
    again = empty.read(None, "keys", "register")

    assert before & ids == set(), "a dry run registers nothing"
    assert {row["key_id"] for row in first["rows"]} == ids <= registered(empty)
    assert [row["is_new"] for row in dry["rows"] + first["rows"]] == [True] * 4
    assert [row["is_new"] for row in again["rows"]] == [False] * 2
    events = "select subject from audit.event where kind = 'key.created' and actor = 'cli:keys'"
    assert {row[0] for row in empty.world.owner(events)} == ids


def test_a_public_key_is_registered_without_its_private_half(empty, tmp_path):
    signer, file = sign.Signer.generate(), tmp_path / "social.pem"
    file.write_bytes(signer.public_pem())

    done = empty.read(None, "keys", "register", str(file))
    file.write_text("no key")
    empty.type(None, "keys", "register", str(file), code=2)

    assert done["rows"] == [{"key_id": signer.key_id, "is_new": True}]
    assert signer.key_id in registered(empty)


def test_a_key_is_bound_to_the_contracts_that_it_was_registered_for(empty, tmp_path):
    signers = [sign.Signer.generate() for _ in range(3)]
    files = [tmp_path / f"{number}.pem" for number in range(3)]
    files[0].write_bytes(signers[0].public_pem())
    files[1].write_bytes(signers[1].public_pem(["lead_contact"]))
    files[2].write_bytes(signers[2].public_pem(["lead_contact"]))

    empty.read(None, "keys", "register", str(files[0]))
    empty.read(None, "keys", "register", str(files[1]))
    empty.read(None, "keys", "register", str(files[2]), "--contract", "lead_card")
    empty.type(None, "keys", "register", str(files[0]), "--contract", "lead_card", code=5)

    found = dict(empty.world.owner("select key_id, contracts from handoff.signing_key"))
    assert [found[signer.key_id] for signer in signers] == [None, ["lead_contact"], ["lead_card"]]


def test_another_registration_of_a_key_is_refused_with_the_way_out(empty, tmp_path):
    signer, half, whole = sign.Signer.generate(), tmp_path / "half", tmp_path / "whole"
    half.write_bytes(signer.public_pem(["lead_card"]))
    whole.write_bytes(signer.public_pem(["audience_pool", "lead_card"]))
    empty.read(None, "keys", "register", str(half))

    refused = empty.type(None, "keys", "register", str(whole), code=5).stderr
    again = empty.read(None, "keys", "register", str(half))

    assert "is registered for lead_card, not for audience_pool, lead_card" in refused
    assert "docs/runbooks/rotate.md" in refused
    assert [row["is_new"] for row in again["rows"]] == [False]


def test_a_contract_that_no_key_signs_is_refused(empty, tmp_path):
    signer, file = sign.Signer.generate(), tmp_path / "key.pem"
    file.write_bytes(signer.public_pem(["bogus"]))

    printed = empty.type(None, "keys", "public", "--contract", "bogus", code=2)
    said = empty.type(None, "keys", "register", str(file), code=2)
    asked = empty.type(None, "keys", "register", str(file), "--contract", "lead_cards", code=2)

    assert printed.stdout == ""
    assert "no key signs bogus" in said.stderr
    assert "no key signs lead_cards" in asked.stderr
    assert signer.key_id not in registered(empty)


@pytest.mark.parametrize("page", ["docs/deploy.md", "docs/runbooks/rotate.md"])
def test_the_pages_register_keys_for_everything_that_their_tier_publishes(page):
    text = (Path(__file__).parents[2] / page).read_text()
    lines = re.findall(r"sxe keys public (--contract .+)", text)

    asked = {tuple(re.findall(r"--contract (\w+)", line)) for line in lines}

    assert asked
    assert asked <= {key_files.SOCIAL, key_files.CONTACT}


def test_the_key_of_the_audit_log_hands_out_its_public_half_and_signs_no_contract(empty):
    shown = empty.type(None, "keys", "public", "--audit").stdout.encode()
    empty.type(None, "keys", "public", "--audit", "--contract", "lead_card", code=2)

    assert shown == (empty.home / "keys" / "audit.pub").read_bytes()
    assert sign.contracts_of(shown) == ()


def test_the_key_that_a_consumer_pins_says_what_it_is_for(empty):
    own = empty.type(None, "keys", "public").stdout.encode()
    asked = empty.type(None, "keys", "public", "--contract", "lead_contact").stdout.encode()

    assert sign.contracts_of(own) == ("lead_card", "audience_pool")
    assert sign.contracts_of(asked) == ("lead_contact",)
    assert sign.public_key(own) == sign.public_key(asked)


def test_a_key_is_retired_once_by_its_digits_with_its_reason_and_event(empty, tmp_path):
    old, new = sign.Signer.generate(), sign.Signer.generate()
    for name, signer in (("old", old), ("new", new)):
        (tmp_path / name).write_bytes(signer.public_pem(["lead_card"]))
    empty.read(None, "keys", "register", str(tmp_path / "old"))
    retire = ("keys", "retire", old.key_id[:12], "--reason", "the yearly change")

    empty.type(None, *retire[:2], "f" * 12, *retire[3:], code=4)
    dry = empty.read(None, *retire, "--dry-run")
    done = empty.type(None, *retire).stdout
    empty.read(None, "keys", "register", str(tmp_path / "new"))
    again = empty.type(None, *retire, code=5).stderr
    empty.read(None, "keys", "register", str(tmp_path / "old"))

    assert dry["without_key"] == ["lead_card"]
    assert "signs nothing more" in done
    assert "no registered key signs lead_card now" in done
    assert "retired already" in again
    rows = {row["key_id"]: row for row in empty.read(None, "keys", "list")["rows"]}
    assert rows[old.key_id]["retired_reason"] == "the yearly change"
    assert rows[new.key_id]["retired_at"] is None
    shown = empty.type(None, "keys", "list").stdout
    assert f"{old.key_id[:12]}  lead_card" in shown
    assert "until 20" in shown
    [(actor, event)] = empty.world.owner(
        "select actor, convert_from(payload, 'UTF8') from audit.event where kind = 'key.retired'"
    )
    assert actor == "cli:keys"
    assert "yearly" not in event


def test_where_a_database_is_given_no_key_is_invented(empty):
    done = empty.type(None, "keys", "register", code=4)

    assert "sxe keys create" in done.stderr
    assert not (empty.home / "keys").exists()


def test_d04_a_keyset_is_rotated_resealed_and_finished_where_the_contact_process_runs(
    empty, tmp_path
):
    new = empty.read(None, "keys", "keyset")["keyset"]
    empty.variables["SXE_KEYSET"] = new
    rotated = empty.type(None, "keys", "rotate").stdout.strip()
    kept = tmp_path / "kept"
    said = empty.type(None, "keys", "rotate", "--to", str(kept))
    empty.type(None, "keys", "rotate", "--to", str(kept), code=2)
    empty.variables["SXE_KEYSET"] = rotated
    resealed = empty.read(None, "keys", "reseal")
    finished = empty.type(None, "keys", "rotate", "--finish").stdout.strip()

    assert new.startswith("sxe-keyset:")
    assert rotated.startswith("sxe-keyset:")
    assert len({new, rotated, finished, kept.read_text()}) == 4
    assert "sxe-keyset" not in said.output
    assert kept.stat().st_mode & 0o777 == 0o600
    assert (resealed["points"], resealed["left"]) == (0, 0)


def test_a_keyset_is_not_shown_to_whoever_looks_at_the_terminal(monkeypatch):
    from sxe_pipeline.cli import keyset
    from sxe_pipeline.errors import BadInput

    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    with pytest.raises(BadInput, match="prints a secret"):
        keyset._refuse_to_show(None, yes=False)
    keyset._refuse_to_show(None, yes=True)


def test_d04_a_new_signing_key_stands_beside_the_old_one(empty, tmp_path):
    files = []
    for number in range(2):
        files.append(tmp_path / f"{number}.pem")
        files[-1].write_bytes(sign.Signer.generate().public_pem())
        empty.read(None, "keys", "register", str(files[-1]))

    live = empty.world.owner("select key_id from handoff.signing_key where retired_at is null")

    assert {sign.key_id(sign.public_key(f.read_bytes())) for f in files} <= {row[0] for row in live}


def test_u10_consumers_are_told_of_a_new_signing_key_by_the_process_that_holds_both(empty):
    old, new = sign.Signer.generate(), sign.Signer.generate()
    empty.variables["SXE_SIGNING_KEY"] = old.text()
    alone = empty.type(None, "keys", "announce", code=2).stderr
    empty.variables["SXE_SIGNING_KEY"] = f"{new.text()} {old.text()}"

    first = empty.read(None, "keys", "announce")
    again = empty.read(None, "keys", "announce")
    theirs = empty.read(None, "keys", "announce", "--contact")
    shown = empty.type(None, "keys", "announce").output

    assert "put the new one before it" in alone
    [row] = first["rows"]
    assert (row["old_key_id"], row["new_key_id"]) == (old.key_id, new.key_id)
    assert [row["is_new"] for rows in (first, again, theirs) for row in rows["rows"]] == [
        *(True, False, True),
    ]
    assert "_keys/1.json" in shown
    assert old.text() not in shown
    assert new.text() not in shown


def test_no_verb_of_keys_is_about_a_person():
    from sxe_pipeline.cli import main

    assert {path[1] for path, _ in all_verbs(main) if path[0] == "keys" and path[1:]} == {
        *("create", "public", "register", "list", "retire", "keyset", "rotate", "reseal"),
        "announce",
    }

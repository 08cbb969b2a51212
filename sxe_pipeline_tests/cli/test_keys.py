"""Signing keys, as an operator types it."""

from sxe_pipeline.handoff import sign
from sxe_pipeline_tests.cli.terminal import all_verbs


def registered(terminal):
    return {row[0] for row in terminal.world.owner("select key_id from handoff.signing_key")}


def test_the_keys_of_a_home_are_registered_once_with_an_event_each(empty):
    files = (empty.home / "keys" / "signing.key", sign.contact_file(empty.home))
    ids = {sign.of_file(file).key_id for file in files}

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
    empty.read(None, "keys", "register", str(files[0]), "--contract", "lead_card")

    found = dict(empty.world.owner("select key_id, contracts from handoff.signing_key"))
    assert [found[signer.key_id] for signer in signers] == [None, ["lead_contact"], ["lead_card"]]


def test_the_key_that_a_consumer_pins_says_what_it_is_for(empty):
    own = empty.type(None, "keys", "public").stdout.encode()
    asked = empty.type(None, "keys", "public", "--contract", "lead_contact").stdout.encode()

    assert sign.contracts_of(own) == ("lead_card",)
    assert sign.contracts_of(asked) == ("lead_contact",)
    assert sign.public_key(own) == sign.public_key(asked)


def test_where_a_database_is_given_no_key_is_invented(empty):
    done = empty.type(None, "keys", "register", code=4)

    assert "sxe keys create" in done.stderr
    assert not (empty.home / "keys").exists()


def test_no_verb_of_keys_is_about_a_person():
    from sxe_pipeline.cli import main

    assert {path[1] for path, _ in all_verbs(main) if path[0] == "keys" and path[1:]} == {
        *("create", "public", "register"),
    }

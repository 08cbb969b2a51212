"""The audit log, as somebody types who has to answer for it."""

import json
import shutil


def test_a_log_is_verified_with_the_key_and_the_checkpoint_that_somebody_kept(empty, tmp_path):
    empty.type(None, "keys", "create")
    empty.read(None, "keys", "register")
    young = empty.read(None, "audit", "verify")
    sealed = empty.type(None, "worker", "seal", "--once")
    key, kept = tmp_path / "audit.pub", tmp_path / "kept.json"
    key.write_text(empty.type(None, "keys", "public", "--audit").stdout)
    shutil.move(empty.home / "audit" / "checkpoints" / "0000000001.json", kept)
    given = ("--key", str(key), "--checkpoint", str(kept))

    whole = empty.read(None, "audit", "verify", *given)
    rested = empty.read(None, "audit", "verify", *given, "--since", "1")
    exported = empty.type(None, "audit", "export").stdout.splitlines()
    empty.world.owner("alter table audit.leaf disable trigger refuse_change")
    empty.world.owner("update audit.leaf set leaf_hash = sha256('') where leaf_index = 0")
    empty.world.owner("alter table audit.leaf enable always trigger refuse_change")
    edited = empty.type(None, "audit", "verify", *given, code=1)

    assert (young["status"], young["sealed"], young["tail"]) == ("whole", 0, young["events"])
    assert "sealed in 1 seals" in sealed.output
    assert (whole["status"], whole["witnessed"], whole["tail"]) == ("whole", 1, 0)
    assert (rested["status"], rested["sealed"], rested["since"]) == ("whole", 0, 1)
    assert len(exported) == 1 + whole["sealed"] == 1 + whole["events"]
    assert json.loads(exported[0])["checkpoint"] == kept.read_text()
    assert "NOT RIGHT" in edited.output


def test_what_cannot_be_used_to_verify_is_told_by_its_exit_code(empty, tmp_path):
    file = tmp_path / "nothing.json"
    file.write_text("{}")

    empty.type(None, "audit", "verify", "--checkpoint", str(file), code=2)
    empty.type(None, "audit", "verify", "--key", str(file), code=2)
    empty.type(None, "audit", "verify", "--since", "9", code=2)
    empty.type(None, "audit", "export", code=4)
    empty.type(None, "worker", "social", "--once", code=2)
    empty.type(None, "worker", "seal", "daemon", code=2)

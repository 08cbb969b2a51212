"""Asking and deciding, as people type it."""

import re
from pathlib import Path
from uuid import uuid4

import pytest

from sxe_pipeline.gate import permits
from sxe_pipeline_tests.cli.terminal import ASK, SHA256, WHY


def test_one_asks_another_approves_and_both_see_where_it_stands(terminal):
    plan = terminal.read("ana", *ASK, "--limit", "3")
    made = terminal.asked()
    waits = terminal.read(None, "enrich", "status", made["request_id"][:8])
    shown = terminal.read(None, "approve", made["request_id"], "--show")
    done = terminal.read("ben", "approve", made["request_id"][:8], *WHY, "--items", "1-2")
    part = terminal.read(None, "enrich", "status", made["request_id"])
    terminal.type("ben", "approve", made["request_id"], *WHY, "--hash", made["content_sha256"])
    listed = terminal.type(None, "enrich", "status")

    assert (plan["is_submitted"], made["is_submitted"]) == (False, True)
    assert "request_id" not in plan
    assert plan["max_micros"] == plan["worst_micros"] == 3 * (50_000 + 150_000)
    assert waits["rows"][0]["state"] == "SUBMITTED"
    assert shown["asked"]["content_sha256"] == made["content_sha256"]
    assert (done["approval"]["state"], done["approval"]["approved_items"]) == ("PARTIAL", 2)
    assert part["rows"][0]["state"] == "PARTIAL"
    assert "APPROVED" in listed.stdout
    assert terminal.world.one("select state from gate.request") == "APPROVED"


def test_a_plan_says_what_it_costs_and_how_to_go_on_and_writes_nothing(terminal):
    done = terminal.type("ana", *ASK, "--limit", "2", "--max", "0.35")
    dry = terminal.type("ana", *ASK, "--limit", "2", "--max", "0.35", "--submit", "--dry-run")

    assert "2 cards chosen of 5" in done.stdout
    assert "the same again with --submit" in done.stdout
    assert re.search(r"apollo +email +2 +\$0.00 +\$0.06 +\$0.10", done.stdout)
    assert "worst case $0.40, maximum $0.35" in done.stdout
    assert "--submit" in done.stdout.splitlines()[-1]
    assert done.stdout == dry.stdout
    assert terminal.world.one("select count(*) from gate.request") == 0


def test_what_is_submitted_ends_with_what_the_approver_types(terminal):
    done = terminal.type("ana", *ASK, "--limit", "2", "--submit")

    words = done.stdout.splitlines()[-1].split()
    assert (Path(words[0]).name, words[1]) == ("sxe", "approve")
    approved = terminal.type("ben", *[w.strip("'") for w in words[1:]])
    assert "APPROVED" in approved.stdout
    assert "asked by  ana" in approved.stdout, "what is approved is shown first"


def test_an_edit_makes_a_new_version_that_the_old_hash_does_not_approve(terminal):
    first = terminal.asked()
    second = terminal.asked("--edit", first["request_id"][:8], limit="2")

    done = terminal.type(
        "ben", "approve", first["request_id"], *WHY, "--hash", first["content_sha256"], code=5
    )

    assert (second["request_id"], second["version"]) == (first["request_id"], 2)
    assert "not what is asked for now" in done.stderr
    assert "version 2" in done.stdout, "the approver sees what it is now"


def test_who_asks_cannot_write_over_what_the_approver_sees(terminal):
    forged = "none\nhash      " + "0" * 64 + "\x1b[2K\r\u202e"
    made = terminal.asked("--legal-basis", forged)
    of = ("--market", "none", "--amount", "1", "--reason", forged)
    cap = terminal.read("cho", "budget", "propose", "cap", *of)

    shown = [
        terminal.type(None, "approve", made["request_id"], "--show").stdout,
        terminal.type(None, "enrich", "status", made["request_id"]).stdout,
        terminal.type(None, "budget", "proposals").stdout,
        terminal.type("dan", "budget", "confirm", cap["proposal_id"]).stdout,
        terminal.type(None, "budget", "show").stdout,
    ]

    hashes = [line for line in shown[0].splitlines() if line.startswith("hash")]
    assert hashes == [f"hash      {made['content_sha256']}"]
    assert [c for text in shown for c in "\x1b\r\u202e" if c in text] == []


def test_a_request_is_rejected_or_revoked_and_a_dry_run_leaves_it(terminal):
    made, other = terminal.asked(), terminal.asked()

    dry = terminal.read("ben", "reject", made["request_id"], *WHY, "--dry-run")
    said_no = terminal.read("ben", "reject", made["request_id"], *WHY)
    stayed = terminal.read("ana", "revoke", other["request_id"], *WHY, "--dry-run")
    taken_back = terminal.read("ana", "revoke", other["request_id"], *WHY)

    assert (dry["state"], said_no["state"]) == ("SUBMITTED", "REJECTED")
    assert (stayed["state"], taken_back["state"]) == ("SUBMITTED", "REVOKED")
    terminal.type("ben", "approve", made["request_id"], *WHY, code=5)
    terminal.type("ben", "revoke", other["request_id"], *WHY, code=5)


@pytest.mark.parametrize("verb", ["approve", "reject"])
def test_nobody_decides_on_an_own_request(terminal, verb):
    made = terminal.asked(who="eve")

    done = terminal.type("eve", verb, made["request_id"], *WHY, code=5)

    assert "does not decide" in done.stderr
    assert terminal.world.one("select count(*) from gate.approval") == 0


@pytest.mark.parametrize("verb", ["approve", "reject"])
def test_another_hash_is_refused(terminal, verb):
    made = terminal.asked()

    for pinned in ("0" * 64, "abc", "", "a'; drop", made["content_sha256"][:63]):
        terminal.type("ben", verb, made["request_id"], *WHY, "--hash", pinned, code=5)

    assert terminal.world.one("select count(*) from gate.approval") == 0


def test_what_the_gate_cannot_ask_is_a_usage_error_and_freezes_nothing(terminal):
    for more in (
        ["--limit", "0"],
        ["--limit", "-1"],
        ["--limit", "251"],
        [word for n in range(251) for word in ("--card", f"c{n}")],
        ["--limit", "2", "--fields", "email,passport"],
        ["--limit", "2", "--fields", ","],
        ["--limit", "2", "--waterfall", "nobody"],
        ["--limit", "2", "--waterfall", ""],
        ["--limit", "2", "--waterfall", "apollo,apollo"],
        ["--limit", "2", "--max", "0"],
        ["--limit", "2", "--purpose", " "],
    ):
        terminal.type("ana", *ASK, *more, code=2)
        terminal.type("ana", *ASK, "--submit", *more, code=2)

    assert terminal.world.one("select count(*) from gate.request") == 0


def test_amounts_are_exact_to_the_millionth(terminal):
    made = terminal.asked("--max", "0.100001")
    terminal.type("ben", "approve", made["request_id"], *WHY, "--max", "$0.07")
    shown = terminal.type(None, "enrich", "status", made["request_id"]).stdout

    assert made["max_micros"] == 100_001
    assert "$0.100001" in shown
    assert "cap $0.07," in shown


def test_an_item_that_the_request_does_not_have_is_a_usage_error(terminal):
    made = terminal.asked()

    terminal.type("ben", "approve", made["request_id"], *WHY, "--items", "1-4", code=2)


def test_a_token_that_nobody_has_is_refused_and_not_repeated(terminal):
    for token in ("sxe-token-wrong", "' or 1=1", "x" * 5000):
        done = terminal.type(None, *ASK, "--limit", "1", code=5, token=token)

        assert token not in done.output


def test_a_scope_is_needed_for_each_deed(terminal):
    made = terminal.asked()

    terminal.type("ben", *ASK, "--limit", "1", code=5)
    terminal.type("ana", "approve", made["request_id"], *WHY, code=5)
    terminal.type("ana", "budget", "propose", "circuit", "apollo", *WHY, code=5)
    terminal.type(
        "ana", "people", "add", "joe", "--scope", "admin", "--token-sha256", SHA256, code=5
    )
    terminal.type("ana", "people", "retire", "ben", code=5)


def test_an_unknown_request_is_not_found(terminal):
    terminal.asked()

    for start in (f"{0:08}-0000-4000-8000-{0:012}", "none", "%", "", "abc", "____", "\\", "é" * 40):
        for verb in ("approve", "reject", "revoke"):
            terminal.type("ben", verb, *WHY, "--", start, code=4)
        terminal.type("ben", "enrich", "status", "--", start, code=4)
        terminal.type("ben", "enrich", "receipt", "--", start, code=4)


def test_a_beginning_that_two_requests_share_is_refused(terminal):
    first, second = str(uuid4()), str(uuid4())
    same = "abcd1234"
    for made in (first, second):
        asked = terminal.asked()
        for table in ("request", "request_version", "request_item", "budget"):
            terminal.world.owner(
                f"set session_replication_role = replica; update gate.{table} "
                f"set request_id = '{same + made[8:]}' where request_id = '{asked['request_id']}'"
            )

    done = terminal.type(None, "enrich", "status", same, code=2)
    terminal.type(None, "enrich", "receipt", same, code=2)
    terminal.type(None, "enrich", "status", same + first[8:])

    assert "2 ids" in done.stderr


def test_a_reason_is_part_of_every_decision(terminal):
    made = terminal.asked()

    terminal.type("ben", "approve", made["request_id"], code=2)
    terminal.type("ben", "approve", made["request_id"], "--reason", " ", code=2)
    terminal.type("ben", "reject", made["request_id"], code=2)
    terminal.type("cho", "budget", "stop", "--reason", "", code=2)


def test_k07_what_nobody_had_caps_for_says_so_with_the_next_step(terminal):
    world = terminal.world
    for provider in ("apollo", "enformion"):
        world.cap(0, provider=provider)
    world.cards(2)
    made, run = world.approved()
    for provider in run.waterfall:
        world.permit(run, provider)
    permits.finish(world.contacts, run)

    shown = terminal.type(None, "enrich", "status", str(made.request_id)).stdout

    assert ": HALTED" in shown
    assert "stops     apollo: budget, enformion: budget" in shown
    assert re.search("next +nobody set a cap for it: .*budget propose cap, then .*approve", shown)


@pytest.mark.parametrize(
    ("more", "step"),
    [
        pytest.param(["--market", "makres"], "`sxe market` lists markets", id="no such market"),
        pytest.param(["--pool", "nobody"], "--all its pools", id="no such pool"),
        pytest.param(["--purpose", "fun"], "`sxe policy show`", id="a closed purpose"),
    ],
)
def test_a_forecast_of_nobody_says_where_to_look_and_offers_no_submission(terminal, more, step):
    said = terminal.type("ana", *ASK, "--limit", "3", *more).stdout

    assert "0 cards chosen of" in said
    assert step in said
    assert said.endswith("there is nobody to ask about, so nothing can be submitted\n")
    assert "--submit" not in said
    terminal.type("ana", *ASK, "--limit", "3", *more, "--submit", code=5)

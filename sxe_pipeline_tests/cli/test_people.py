"""Principals, what is printed, and the page that explains it."""

import re
from pathlib import Path

import pytest

from sxe_pipeline.gate import people
from sxe_pipeline_tests.cli.terminal import ASK, PAGE, WHY


def test_two_admins_bootstrap_each_other_once_and_add_a_third(empty):
    made = empty.read(None, "people", "bootstrap", "cho", "dan")
    empty.tokens |= {row["principal"]: row["token"] for row in made["tokens"]}
    again = empty.type(None, "people", "bootstrap", "eve", "fay", code=5)
    third = empty.read(None, "people", "token")
    added = empty.read(
        "cho",
        *("people", "add", "ana", "--scope", "request", "--token-sha256", third["token_sha256"]),
    )
    empty.type("cho", "people", "confirm", added["proposal_id"], code=5)
    empty.type("dan", "people", "confirm", added["proposal_id"])
    empty.tokens["ana"] = third["token"]
    empty.type("ana", "people", "renew", code=5)
    empty.type("ana", "people", "accept")
    renewed = empty.read("ana", "people", "renew", "--days", "10")
    listed = {row["principal"]: row for row in empty.read(None, "people", "list")["rows"]}

    assert "sxe-token-" not in again.output
    assert renewed["tokens"][0]["principal"] == "ana"
    assert (listed["ana"]["scopes"], len(listed["ana"]["tokens"])) == (["request"], 1)
    empty.type("ana", "people", "renew", code=5)
    empty.tokens["ana"] = renewed["tokens"][0]["token"]
    empty.type("dan", "people", "retire", "ana")
    empty.type("ana", "people", "renew", code=5)
    empty.type("dan", "people", "retire", "nobody", code=4)
    tokens = [row["token"] for row in (*made["tokens"], *renewed["tokens"])] + [third["token"]]
    assert len(set(tokens)) == 4
    for token in tokens:
        assert sum(token in text for text in empty.printed) == 1, "a token is shown once"


def test_a13_two_admins_can_be_handed_apart_and_else_it_is_said_that_they_were_not(empty, tmp_path):
    files = [str(tmp_path / name) for name in ("cho", "dan")]

    made = empty.type(None, "people", "bootstrap", "cho", "dan", "--token-files", *files)
    again = empty.type(
        None, "people", "bootstrap", "cho", "dan", "--token-files", *files, "--json", code=2
    )

    assert "sxe-token-" not in made.output + again.output
    for name, file in zip(("cho", "dan"), map(Path, files), strict=True):
        assert file.stat().st_mode & 0o777 == 0o600
        empty.tokens[name] = file.read_text().strip()
        empty.type(name, "people", "renew")


@pytest.mark.parametrize("refused", ["by the database", "as one file is there"])
def test_a13_no_token_is_left_behind_of_admins_that_were_not_made(terminal, tmp_path, refused):
    files = [tmp_path / name for name in ("eve", "fay")]
    if refused == "as one file is there":
        files[1].write_text("mine")
    before = {file: file.read_text() for file in files if file.exists()}

    words = ("people", "bootstrap", "eve", "fay", "--token-files", *map(str, files))
    terminal.type(None, *words, code=2 if before else 5)

    assert {file: file.read_text() for file in files if file.exists()} == before


def test_a13_tokens_on_one_terminal_are_called_so(empty):
    made = empty.type(None, "people", "bootstrap", "cho", "dan")

    assert "whoever reads it is both" in made.output


def test_a13_a_token_for_a_name_that_is_taken_looks_different_to_whoever_confirms(terminal):
    def proposed(name):
        sha = people.make_token().sha256
        words = ("--scope", "approve", "--token-sha256", sha, *WHY)
        return terminal.read("cho", "people", "add", name, *words)["proposal_id"]

    new, taken = proposed("joe"), proposed("ben")
    shown = terminal.type("dan", "people", "confirm", new, "--dry-run").output
    assert "NEW NAME" in shown
    shown = terminal.type("dan", "people", "confirm", taken, "--dry-run").output
    assert "TAKEN: 1 tokens of it work, its scopes are approve" in shown
    for group in ("people", "budget"):
        refused = terminal.type("dan", group, "confirm", taken, code=5)
        assert "--taken-name" in refused.output
    terminal.type("dan", "people", "confirm", taken, "--taken-name")


def test_refused_attempts_are_counted_though_what_they_did_is_taken_back(terminal):
    for _ in range(2):
        terminal.type("ana", "people", "retire", "ben", code=5)
    terminal.type("ana", "people", "retire", "ben", code=5, token="sxe-token-guessed")

    rows = terminal.read(None, "people", "refused")["rows"]
    counted = {
        who: sum(r["attempts"] for r in rows if r["principal"] == who) for who in ("ana", "nobody")
    }
    assert counted == {"ana": 2, "nobody": 1}
    assert "guessed" not in terminal.type(None, "people", "refused").output


def test_a_single_token_is_ended_by_its_digits(terminal):
    listed = {row["principal"]: row for row in terminal.read(None, "people", "list")["rows"]}
    [token] = listed["ben"]["tokens"]
    assert len(token["token"]) == 12

    terminal.type("ana", "people", "revoke-token", token["token"], code=5)
    terminal.type("cho", "people", "revoke-token", token["token"][:7], code=4)
    terminal.type("cho", "people", "revoke-token", token["token"])

    terminal.type("ben", "people", "renew", code=5)
    listed = terminal.type(None, "people", "list").output
    assert "none" in listed


def test_a_proposed_person_is_confirmed_by_that_verb_and_a_cap_is_not(terminal):
    cap = terminal.read("cho", "budget", "propose", "cap", "--market", "m", "--amount", "1", *WHY)

    for group in ("people", "policy"):
        said = terminal.type("dan", group, "confirm", cap["proposal_id"], code=4).stderr
        assert "no proposal for this verb whose id begins so" in said

    assert terminal.world.one("select count(*) from gate.budget where market = 'm'") == 0


def test_tokens_that_could_not_be_printed_were_not_made(empty, monkeypatch):
    def broken(*_):
        raise BrokenPipeError

    monkeypatch.setattr("sxe_pipeline.cli.people.answer", broken)

    empty.type(None, "people", "bootstrap", "cho", "dan")

    assert empty.world.one("select count(*) from gate.principal") == 0


def test_nothing_printed_holds_a_match_input_or_a_token(terminal):
    made, begun = terminal.world.approved(limit=3)
    terminal.world.settle(*terminal.world.send(begun))
    for arguments in (
        [*ASK, "--limit", "5"],
        [*ASK, "--card", "card-0004", "--submit"],
        ["approve", str(made.request_id), "--show"],
        ["enrich", "status"],
        ["enrich", "status", str(made.request_id)],
        ["enrich", "receipt", str(made.request_id)],
        ["budget", "show"],
        ["budget", "proposals", "--all"],
        ["people", "list"],
        ["policy", "show"],
        ["audit", "search"],
    ):
        terminal.type("ana", *arguments)
        terminal.type("ana", *arguments, "--json")

    printed = "\n".join(terminal.printed)
    inputs = {v for c in terminal.world.known.values() for v in c.inputs.values() if len(v) > 2}
    assert len(inputs) > 10
    assert [v for v in inputs if re.search(rf"\b{re.escape(v)}\b", printed)] == []
    assert [name for name, token in terminal.tokens.items() if token in printed] == []


def test_the_examples_of_the_page_hold(terminal, tmp_path):
    verbs = (("policy", "propose"), ("budget", "propose", "price"))
    for proposed, text in zip(verbs, _blocks("yaml"), strict=True):
        file = tmp_path / "example.yaml"
        file.write_text(text)
        made = terminal.read("cho", *proposed, str(file), *WHY)
        terminal.type("dan", "budget", "confirm", made["proposal_id"])

    shown = terminal.read(None, "budget", "show")

    assert shown["policy"]["content"]["version"] == "2026-11"
    assert shown["providers"][0]["price_card"]["micros_per_unit"] == 50_000


def _blocks(kind):
    return re.findall(rf"```{kind}\n(.*?)```", PAGE.read_text(), re.DOTALL)

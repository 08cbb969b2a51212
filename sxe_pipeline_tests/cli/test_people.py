"""Principals, what is printed, and the page that explains it."""

import re

from sxe_pipeline_tests.cli.terminal import ASK, PAGE, WHY


def test_two_admins_bootstrap_each_other_once_and_add_a_third(empty):
    made = empty.read(None, "keys", "bootstrap", "cho", "dan")
    empty.tokens |= {row["principal"]: row["token"] for row in made["tokens"]}
    again = empty.type(None, "keys", "bootstrap", "eve", "fay", code=5)
    third = empty.read(None, "keys", "token")
    added = empty.read(
        "cho",
        *("keys", "add", "ana", "--scope", "request", "--token-sha256", third["token_sha256"]),
    )
    empty.type("cho", "keys", "confirm", added["proposal_id"], code=5)
    empty.type("dan", "keys", "confirm", added["proposal_id"])
    empty.tokens["ana"] = third["token"]
    renewed = empty.read("ana", "keys", "renew", "--days", "10")
    listed = {row["principal"]: row for row in empty.read(None, "keys", "list")["rows"]}

    assert "sxe-token-" not in again.output
    assert renewed["tokens"][0]["principal"] == "ana"
    assert (listed["ana"]["scopes"], listed["ana"]["tokens"]) == (["request"], 2)
    empty.type("dan", "keys", "retire", "ana")
    empty.type("ana", "keys", "renew", code=5)
    empty.type("dan", "keys", "retire", "nobody", code=4)
    tokens = [row["token"] for row in (*made["tokens"], *renewed["tokens"])] + [third["token"]]
    assert len(set(tokens)) == 4
    for token in tokens:
        assert sum(token in text for text in empty.printed) == 1, "a token is shown once"


def test_a_proposed_person_is_confirmed_by_that_verb_and_a_cap_is_not(desk):
    cap = desk.read("cho", "budget", "propose", "cap", "--market", "m", "--amount", "1", *WHY)

    desk.type("dan", "keys", "confirm", cap["proposal_id"], code=4)

    assert desk.world.one("select count(*) from gate.budget where market = 'm'") == 0


def test_tokens_that_could_not_be_printed_were_not_made(empty, monkeypatch):
    def broken(*_):
        raise BrokenPipeError

    monkeypatch.setattr("sxe_pipeline.cli.keys.answer", broken)

    empty.type(None, "keys", "bootstrap", "cho", "dan")

    assert empty.world.one("select count(*) from gate.principal") == 0


def test_nothing_printed_holds_a_match_input_or_a_token(desk):
    made, begun = desk.world.approved(limit=3)
    desk.world.settle(*desk.world.send(begun))
    for arguments in (
        [*ASK, "--limit", "5"],
        [*ASK, "--card", "card-0004", "--submit"],
        ["approve", made["request_id"], "--show"],
        ["enrich", "status"],
        ["enrich", "status", made["request_id"]],
        ["enrich", "receipt", made["request_id"]],
        ["budget", "show"],
        ["budget", "proposals", "--all"],
        ["keys", "list"],
        ["audit", "search"],
    ):
        desk.type("ana", *arguments)
        desk.type("ana", *arguments, "--json")

    told = "\n".join(desk.printed)
    inputs = {v for c in desk.world.known.values() for v in c.inputs.values() if len(v) > 2}
    assert len(inputs) > 10
    assert [v for v in inputs if re.search(rf"\b{re.escape(v)}\b", told)] == []
    assert [name for name, token in desk.tokens.items() if token in told] == []


def test_the_examples_of_the_page_hold(desk, tmp_path):
    for kind, text in zip(("policy", "price"), _blocks("yaml"), strict=True):
        file = tmp_path / f"{kind}.yaml"
        file.write_text(text)
        made = desk.read("cho", "budget", "propose", kind, str(file), *WHY)
        desk.type("dan", "budget", "confirm", made["proposal_id"])

    shown = desk.read(None, "budget", "show")

    assert shown["policy"]["content"]["version"] == "2026-11"
    assert shown["providers"][0]["price_card"]["micros_per_unit"] == 50_000


def _blocks(kind):
    return re.findall(rf"```{kind}\n(.*?)```", PAGE.read_text(), re.DOTALL)

"""The verbs of the gate as people use them: each with the own token, on a real database."""

import json
import re
import sys
import types
from pathlib import Path
from uuid import uuid4

import pytest
import yaml
from click.testing import CliRunner

from sxe_pipeline import settings
from sxe_pipeline.cli import main
from sxe_pipeline.cli.budget import SETTINGS
from sxe_pipeline.gate import permits
from sxe_pipeline_tests.gate.world import APOLLO, ENFORMION, MARKET, POLICY, World

LOGINS = {
    "SXE_SOCIAL_DATABASE_URL": "sxe_social",
    "SXE_CONTACTS_DATABASE_URL": "sxe_contacts",
    "SXE_API_DATABASE_URL": "sxe_api",
    "SXE_ADMIN_DATABASE_URL": "sxe_admin",
    "DAGSTER_DATABASE_URL": "sxe_dagster",
}
GROUNDS = (
    *("--purpose", "market_research", "--legal-basis", "legitimate_interest"),
    *("--match-basis", "public_data", "--permissible-purpose", "none"),
)
ASK = ("request", "--market", MARKET, "--fields", "email", *GROUNDS)
WHY = ("--reason", "looked at it")
SHA256 = "ab" * 32
PAGE = Path(__file__).parents[1] / "docs" / "enrichment.md"


class Desk:
    """A terminal: whoever sits there types verbs."""

    def __init__(self, home, tokens, dsn):
        self.home, self.tokens, self.printed = home, tokens, []
        self.variables = {name: dsn(role) for name, role in LOGINS.items()}
        self.variables |= {"SXE_HOME": str(home)}

    def type(self, who, *arguments, code=0, token=None):
        """Type a verb as somebody, or as nobody (None)."""
        given = token or (self.tokens[who] if who else None)
        done = CliRunner(env=self.variables | {"SXE_TOKEN": given}).invoke(main, list(arguments))
        if done.exit_code != code:
            raise AssertionError(f"{arguments} ended with {done.exit_code}: {done.output}")
        assert "Traceback" not in done.output
        self.printed.append(done.output)
        return done

    def read(self, who, *arguments, code=0):
        """The same, as JSON."""
        done = json.loads(self.type(who, *arguments, "--json", code=code).stdout)
        assert done["schema"] == "sxe.cli/1"
        words = [w for w in arguments if re.fullmatch("[a-z]+", w)]
        assert done["verb"].split() == words[: len(done["verb"].split())]
        return done

    def asked(self, *more, who="ana", limit="3"):
        """A submitted request."""
        return self.read(who, *ASK, "--limit", limit, "--submit", *more)


@pytest.fixture
def empty(database, tmp_path):
    world = World(database)
    made = Desk(tmp_path, world.tokens, database.dsn)
    made.world = world
    yield made
    world.close()


@pytest.fixture
def desk(empty):
    empty.world.open()
    empty.world.cards(5)
    return empty


# the whole story


def test_one_asks_another_approves_and_both_see_where_it_stands(desk):
    plan = desk.read("ana", *ASK, "--limit", "3")
    made = desk.asked()
    waits = desk.read(None, "enrich", "status", made["request_id"][:8])
    shown = desk.read(None, "approve", made["request_id"], "--show")
    done = desk.read("ben", "approve", made["request_id"][:8], *WHY, "--items", "1-2")
    part = desk.read(None, "enrich", "status", made["request_id"])
    desk.type("ben", "approve", made["request_id"], *WHY, "--hash", made["content_sha256"])
    listed = desk.type(None, "enrich", "status")

    assert (plan["is_submitted"], made["is_submitted"]) == (False, True)
    assert "request_id" not in plan
    assert plan["max_micros"] == plan["worst_micros"] == 3 * (50_000 + 150_000)
    assert waits["rows"][0]["state"] == "SUBMITTED"
    assert shown["asked"]["content_sha256"] == made["content_sha256"]
    assert (done["approval"]["state"], done["approval"]["approved_items"]) == ("PARTIAL", 2)
    assert part["rows"][0]["state"] == "PARTIAL"
    assert "APPROVED" in listed.stdout
    assert desk.world.one("select state from gate.request") == "APPROVED"


def test_a_plan_says_what_it_costs_and_how_to_go_on_and_writes_nothing(desk):
    done = desk.type("ana", *ASK, "--limit", "2", "--max", "0.35")
    dry = desk.type("ana", *ASK, "--limit", "2", "--max", "0.35", "--submit", "--dry-run")

    assert "2 cards chosen of 5" in done.stdout
    assert re.search(r"apollo +email +2 +\$0.00 +\$0.06 +\$0.10", done.stdout)
    assert "worst case $0.40, maximum $0.35" in done.stdout
    assert "--submit" in done.stdout.splitlines()[-1]
    assert done.stdout == dry.stdout
    assert desk.world.one("select count(*) from gate.request") == 0


def test_what_is_submitted_ends_with_what_the_approver_types(desk):
    done = desk.type("ana", *ASK, "--limit", "2", "--submit")

    words = done.stdout.splitlines()[-1].split()
    assert words[:2] == ["sxe", "approve"]
    approved = desk.type("ben", *[w.strip("'") for w in words[1:]])
    assert "APPROVED" in approved.stdout
    assert "asked by  ana" in approved.stdout, "what is approved is shown first"


def test_an_edit_makes_a_new_version_that_the_old_hash_does_not_approve(desk):
    first = desk.asked()
    second = desk.asked("--edit", first["request_id"][:8], limit="2")

    done = desk.type(
        "ben", "approve", first["request_id"], *WHY, "--hash", first["content_sha256"], code=5
    )

    assert (second["request_id"], second["version"]) == (first["request_id"], 2)
    assert "not what is asked for now" in done.stderr
    assert "version 2" in done.stdout, "the approver sees what it is now"


def test_who_asks_cannot_write_over_what_the_approver_sees(desk):
    forged = "none\nhash      " + "0" * 64 + "\x1b[2K\r\u202e"
    made = desk.asked("--legal-basis", forged)
    cap = desk.read("cho", "budget", "propose", "cap", "--market", forged, "--amount", "1", *WHY)

    shown = [
        desk.type(None, "approve", made["request_id"], "--show").stdout,
        desk.type(None, "enrich", "status", made["request_id"]).stdout,
        desk.type(None, "budget", "proposals").stdout,
        desk.type("dan", "budget", "confirm", cap["proposal_id"]).stdout,
        desk.type(None, "budget", "show").stdout,
    ]

    hashes = [line for line in shown[0].splitlines() if line.startswith("hash")]
    assert hashes == [f"hash      {made['content_sha256']}"]
    assert [c for text in shown for c in "\x1b\r\u202e" if c in text] == []


def test_a_request_is_rejected_or_revoked_and_a_dry_run_leaves_it(desk):
    made, other = desk.asked(), desk.asked()

    dry = desk.read("ben", "reject", made["request_id"], *WHY, "--dry-run")
    said_no = desk.read("ben", "reject", made["request_id"], *WHY)
    stayed = desk.read("ana", "revoke", other["request_id"], *WHY, "--dry-run")
    taken_back = desk.read("ana", "revoke", other["request_id"], *WHY)

    assert (dry["state"], said_no["state"]) == ("SUBMITTED", "REJECTED")
    assert (stayed["state"], taken_back["state"]) == ("SUBMITTED", "REVOKED")
    desk.type("ben", "approve", made["request_id"], *WHY, code=5)
    desk.type("ben", "revoke", other["request_id"], *WHY, code=5)


# refusals


@pytest.mark.parametrize("verb", ["approve", "reject"])
def test_nobody_decides_on_an_own_request(desk, verb):
    made = desk.asked(who="eve")

    done = desk.type("eve", verb, made["request_id"], *WHY, code=5)

    assert "does not decide" in done.stderr
    assert desk.world.one("select count(*) from gate.approval") == 0


@pytest.mark.parametrize("verb", ["approve", "reject"])
def test_another_hash_is_refused(desk, verb):
    made = desk.asked()

    for pinned in ("0" * 64, "abc", "", "a'; drop", made["content_sha256"][:63]):
        desk.type("ben", verb, made["request_id"], *WHY, "--hash", pinned, code=5)

    assert desk.world.one("select count(*) from gate.approval") == 0


def test_what_the_gate_cannot_ask_is_a_usage_error_and_freezes_nothing(desk):
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
        desk.type("ana", *ASK, *more, code=2)
        desk.type("ana", *ASK, "--submit", *more, code=2)

    assert desk.world.one("select count(*) from gate.request") == 0


def test_amounts_are_exact_to_the_millionth(desk):
    made = desk.asked("--max", "0.100001")
    desk.type("ben", "approve", made["request_id"], *WHY, "--max", "$0.07")
    shown = desk.type(None, "enrich", "status", made["request_id"]).stdout

    assert made["max_micros"] == 100_001
    assert "$0.100001" in shown
    assert "cap $0.07," in shown


def test_an_item_that_the_request_does_not_have_is_a_usage_error(desk):
    made = desk.asked()

    desk.type("ben", "approve", made["request_id"], *WHY, "--items", "1-4", code=2)


def test_a_token_that_nobody_has_is_refused_and_not_repeated(desk):
    for token in ("sxe-token-wrong", "' or 1=1", "x" * 5000):
        done = desk.type(None, *ASK, "--limit", "1", code=5, token=token)

        assert token not in done.output


def test_a_scope_is_needed_for_each_deed(desk):
    made = desk.asked()

    desk.type("ben", *ASK, "--limit", "1", code=5)
    desk.type("ana", "approve", made["request_id"], *WHY, code=5)
    desk.type("ana", "budget", "propose", "lane", "apollo", *WHY, code=5)
    desk.type("ana", "keys", "add", "joe", "--scope", "admin", "--token-sha256", SHA256, code=5)
    desk.type("ana", "keys", "retire", "ben", code=5)


def test_an_unknown_request_is_not_found(desk):
    desk.asked()

    for start in (f"{0:08}-0000-4000-8000-{0:012}", "none", "%", "", "abc", "____", "\\", "é" * 40):
        for verb in ("approve", "reject", "revoke"):
            desk.type("ben", verb, *WHY, "--", start, code=4)
        desk.type("ben", "enrich", "status", "--", start, code=4)
        desk.type("ben", "enrich", "receipt", "--", start, code=4)


def test_a_beginning_that_two_requests_share_is_refused(desk):
    first, second = str(uuid4()), str(uuid4())
    same = "abcd1234"
    for made in (first, second):
        asked = desk.asked()
        for table in ("request", "request_version", "request_item", "budget"):
            desk.world.owner(
                f"set session_replication_role = replica; update gate.{table} "
                f"set request_id = '{same + made[8:]}' where request_id = '{asked['request_id']}'"
            )

    done = desk.type(None, "enrich", "status", same, code=2)
    desk.type(None, "enrich", "receipt", same, code=2)
    desk.type(None, "enrich", "status", same + first[8:])

    assert "2 ids" in done.stderr


def test_a_reason_is_part_of_every_decision(desk):
    made = desk.asked()

    desk.type("ben", "approve", made["request_id"], code=2)
    desk.type("ben", "approve", made["request_id"], "--reason", " ", code=2)
    desk.type("ben", "reject", made["request_id"], code=2)
    desk.type("cho", "budget", "stop", "--reason", "", code=2)


# money


def test_budgets_show_amounts_for_people_and_micros_for_programs(desk):
    data, said = desk.read(None, "budget", "show"), desk.type(None, "budget", "show").stdout

    caps = {(b["market"], b["provider"]): b["cap_micros"] for b in data["budgets"]}
    assert caps[(MARKET, "apollo")] == 10_000_000
    assert all(b["is_balanced"] for b in data["budgets"])
    assert {lane["provider"] for lane in data["lanes"]} == {"apollo", "enformion"}
    assert data["policy"]["content"] == POLICY
    assert re.search(rf"{MARKET} +apollo +\S+ +\$10.00 +\$0.00", said)


def test_one_proposes_a_cap_and_another_confirms_it(desk):
    cap = ("cap", "--market", MARKET, "--amount", "12.50", "--month", "2031-02", *WHY)
    dry = desk.read("cho", "budget", "propose", *cap, "--dry-run")
    made = desk.read("cho", "budget", "propose", *cap)
    waits = desk.type(None, "budget", "proposals").stdout
    desk.type("cho", "budget", "confirm", made["proposal_id"], code=5)
    seen = desk.type("dan", "budget", "confirm", made["proposal_id"], "--dry-run").stdout
    done = desk.read("dan", "budget", "confirm", made["proposal_id"][:8])
    desk.type("dan", "budget", "confirm", made["proposal_id"], code=5)

    assert dry["proposal_id"] is None
    assert made["content"] == {
        "cap_micros": 12_500_000,
        "market": MARKET,
        "month": "2031-02-01",
    }
    assert f"cap {MARKET}/*, 2031-02-01: $12.50" in waits
    assert "because: looked at it" in seen
    assert done["decision"] == "confirmed"
    assert desk.world.one("select cap from gate.budget where month = '2031-02-01'") == 12_500_000
    assert "none" in desk.type(None, "budget", "proposals").stdout
    assert "confirmed" in desk.type(None, "budget", "proposals", "--all").stdout


def test_a_proposal_is_declined_also_by_who_made_it(desk):
    made = desk.read("cho", "budget", "propose", "lane", "apollo", *WHY)

    done = desk.read("cho", "budget", "decline", made["proposal_id"])

    assert done["decision"] == "rejected"


def test_price_and_policy_come_from_files(desk, tmp_path):
    price, policy = tmp_path / "price.yaml", tmp_path / "policy.yaml"
    # A version that looks like a day is a date to YAML, and its text to the gate.
    price.write_text(yaml.safe_dump(APOLLO).replace("version: t1", "version: 2031-02-03"))
    policy.write_text(yaml.safe_dump(POLICY | {"version": "t2"}))
    for kind, file in (("price", price), ("policy", policy)):
        made = desk.read("cho", "budget", "propose", kind, str(file), *WHY)
        desk.type("dan", "budget", "confirm", made["proposal_id"])

    shown = desk.read(None, "budget", "show")

    lanes = {lane["provider"]: lane["price_card"] for lane in shown["lanes"]}
    assert lanes["apollo"] == APOLLO | {"version": "2031-02-03"}
    assert lanes["enformion"] == ENFORMION
    assert shown["policy"]["content"]["version"] == "t2"


def test_a_price_card_that_leaves_prices_open_is_a_usage_error(desk, tmp_path):
    file = tmp_path / "price.yaml"
    for content in ({"provider": "apollo"}, APOLLO | {"sells": {"email": {"part": "sync"}}}):
        file.write_text(yaml.safe_dump(content))

        desk.type("cho", "budget", "propose", "price", str(file), *WHY, code=2)


def test_one_person_stops_a_provider_and_two_let_it_run_again(desk):
    desk.type("ana", "budget", "stop", "apollo", *WHY, "--dry-run")
    assert desk.world.one("select count(*) from gate.lane where state = 'killed'") == 0

    stopped = desk.read("ana", "budget", "stop", "apollo", *WHY)
    assert desk.world.owner("select provider from gate.lane where state = 'killed'") == [
        ("apollo",)
    ]
    everything = desk.read("ana", "budget", "stop", *WHY)
    made = desk.read("cho", "budget", "propose", "lane", "apollo", *WHY)
    desk.type("dan", "budget", "confirm", made["proposal_id"])

    assert stopped["stopped"] == ["apollo"]
    assert everything["stopped"] == ["apollo", "enformion"]
    states = dict(desk.world.owner("select provider, state from gate.lane"))
    assert states == {"apollo": "closed", "enformion": "killed"}
    desk.type("ana", "budget", "stop", "nobody", *WHY, code=4)


def test_every_setting_that_is_offered_can_be_changed(desk):
    for name in SETTINGS:
        value = "2" if name == "quorum" else "48 hours"
        made = desk.read("cho", "budget", "propose", "setting", name, value, *WHY)
        desk.type("dan", "budget", "confirm", made["proposal_id"])

    row = desk.world.owner(f"select {', '.join(f'{n}::text' for n in SETTINGS)} from gate.setting")
    assert row[0][0] == "2"
    assert set(row[0][1:]) == {"48:00:00"}


# receipts, unknown calls, privacy


def test_a_receipt_leads_from_a_card_to_who_approved_and_what_it_cost(desk):
    made, begun = desk.world.approved(limit=2)
    desk.world.settle(*desk.world.send(begun))

    of_request = desk.read(None, "enrich", "receipt", made["request_id"][:8])
    card = of_request["rows"][0]["card_id"]
    of_card = desk.type(None, "enrich", "receipt", card).stdout

    assert {row["charged_micros"] for row in of_request["rows"]} == {100_000}
    assert "$0.10" in of_card
    assert "approved by ben" in of_card
    assert "request" in of_card


def test_a_request_without_calls_has_an_empty_receipt(desk):
    made = desk.asked()

    assert desk.read(None, "enrich", "receipt", made["request_id"])["rows"] == []


@pytest.mark.parametrize("group", ["enrich", "budget propose"])
def test_two_people_resolve_an_unknown_call(desk, group):
    _, begun = desk.world.approved(limit=2)
    desk.world.send(begun)
    desk.world.lease_over()
    desk.world.owner("update gate.call set lease_until = now() - interval '1 day'")
    desk.world.contacts.execute("select gate.sweep(10)")
    desk.world.contacts.commit()
    call = str(desk.world.one("select call_id from gate.call"))
    verb = [*group.split(), "resolve"]

    listed = desk.read(None, "budget", "show")["lanes"][0]["unknown_calls"]
    desk.type("cho", *verb, "ffff", "--charged", "1", *WHY, code=4)
    desk.type("cho", *verb, call, "--charged", "-1", *WHY, code=2)
    made = desk.read("cho", *verb, call[:8], "--charged", "1.5", *WHY)
    desk.type("cho", "budget", "confirm", made["proposal_id"], code=5)
    desk.type("dan", "budget", "confirm", made["proposal_id"])

    assert listed == [call]
    assert made["content"] == {"call_id": call, "units_micro": 1_500_000}
    assert desk.world.one("select charged_micros from gate.call") == 75_000
    # The run that died is followed by another, which finds nothing that it may still ask.
    for again in desk.world.launch():
        permits.finish(desk.world.contacts, again)
    start = str(begun.request_id)[:8]
    asked = desk.read(None, "approve", start, "--show")["asked"]
    assert len(asked["lost_cards"]) == 2
    desk.type("ben", "approve", start, *WHY, "--again", asked["lost_cards"][1])
    newest = "select lost_cards from gate.approval order by made_at desc limit 1"
    assert desk.world.one(newest) == asked["lost_cards"][1:]
    assert "--again CARD" in desk.printed[-1]
    desk.world.assert_books_are_right()


def test_a_suppressed_person_cannot_be_asked_for(desk):
    desk.type("ana", "privacy", "suppress", "card-0001", *WHY)
    desk.type("ana", "privacy", "suppress", "card-9999", *WHY, code=4)

    done = desk.type("ana", *ASK, "--card", "card-0001", "--card", "card-0002", code=5)
    left = desk.read("ana", *ASK, "--limit", "250")

    assert "1 suppressed" in done.stderr
    assert left["counts"]["suppressed"] == 1
    assert left["counts"]["chosen"] == 4


def test_a_run_says_what_each_request_did_and_fails_where_one_failed(desk, monkeypatch):
    ran = {"request_id": "r", "ok": True, "failure": None, "calls": 2, "charged_micros": 100_000}
    runs = [ran | {"batch_id": "b1"}]
    stand_in = types.ModuleType("contact")
    stand_in.run_once = lambda given: runs if isinstance(given, settings.Settings) else None
    package = sys.modules.get("sxe_pipeline.sandbox") or __import__("sxe_pipeline.sandbox").sandbox
    monkeypatch.setattr(package, "contact", stand_in, raising=False)

    good = desk.type(None, "enrich", "run").stdout
    runs.append(ran | {"ok": False, "failure": "out of reach", "batch_id": None})
    bad = desk.type(None, "enrich", "run", code=1).stdout
    runs.clear()
    idle = desk.type(None, "enrich", "run").stdout

    assert good == "r: done; 2 calls, $0.10; batch b1\n"
    assert "failed: out of reach" in bad
    assert "nothing is approved or due" in idle


# people and their tokens


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


# the page


def test_the_examples_of_the_page_hold(desk, tmp_path):
    for kind, text in zip(("policy", "price"), _blocks("yaml"), strict=True):
        file = tmp_path / f"{kind}.yaml"
        file.write_text(text)
        made = desk.read("cho", "budget", "propose", kind, str(file), *WHY)
        desk.type("dan", "budget", "confirm", made["proposal_id"])

    shown = desk.read(None, "budget", "show")

    assert shown["policy"]["content"]["version"] == "2026-11"
    assert shown["lanes"][0]["price_card"]["micros_per_unit"] == 50_000


def _blocks(kind):
    return re.findall(rf"```{kind}\n(.*?)```", PAGE.read_text(), re.DOTALL)

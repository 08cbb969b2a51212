"""Money, receipts and runs, as people type it."""

import re
import sys
import types

import pytest
import yaml

from sxe_pipeline import settings
from sxe_pipeline.cli.budget import SETTINGS
from sxe_pipeline.gate import permits
from sxe_pipeline_tests.cli.terminal import ASK, WHY
from sxe_pipeline_tests.gate.world import APOLLO, ENFORMION, MARKET, POLICY


def test_budgets_show_amounts_for_people_and_micros_for_programs(terminal):
    data, shown = (
        terminal.read(None, "budget", "show"),
        terminal.type(None, "budget", "show").stdout,
    )

    caps = {(b["market"], b["provider"]): b["cap_micros"] for b in data["budgets"]}
    assert caps[(MARKET, "apollo")] == 10_000_000
    assert all(b["is_balanced"] for b in data["budgets"])
    assert {lane["provider"] for lane in data["providers"]} == {"apollo", "enformion"}
    assert data["policy"]["content"] == POLICY
    assert re.search(rf"{MARKET} +apollo +\S+ +\$10.00 +\$0.00", shown)


def test_one_proposes_a_cap_and_another_confirms_it(terminal):
    cap = ("cap", "--market", MARKET, "--amount", "12.50", "--month", "2031-02", *WHY)
    dry = terminal.read("cho", "budget", "propose", *cap, "--dry-run")
    made = terminal.read("cho", "budget", "propose", *cap)
    waits = terminal.type(None, "budget", "proposals").stdout
    terminal.type("cho", "budget", "confirm", made["proposal_id"], code=5)
    seen = terminal.type("dan", "budget", "confirm", made["proposal_id"], "--dry-run").stdout
    done = terminal.read("dan", "budget", "confirm", made["proposal_id"][:8])
    terminal.type("dan", "budget", "confirm", made["proposal_id"], code=5)

    assert dry["proposal_id"] is None
    assert made["content"] == {
        "cap_micros": 12_500_000,
        "market": MARKET,
        "month": "2031-02-01",
    }
    assert f"cap {MARKET}/*, 2031-02-01: $12.50" in waits
    assert "because: looked at it" in seen
    assert done["decision"] == "confirmed"
    assert (
        terminal.world.one("select cap from gate.budget where month = '2031-02-01'") == 12_500_000
    )
    assert "none" in terminal.type(None, "budget", "proposals").stdout
    assert "confirmed" in terminal.type(None, "budget", "proposals", "--all").stdout


def test_a_proposal_is_declined_also_by_who_made_it(terminal):
    made = terminal.read("cho", "budget", "propose", "circuit", "apollo", *WHY)

    done = terminal.read("cho", "budget", "decline", made["proposal_id"])

    assert done["decision"] == "rejected"


def test_price_and_policy_come_from_files(terminal, tmp_path):
    price, policy = tmp_path / "price.yaml", tmp_path / "policy.yaml"
    # A version that looks like a day is a date to YAML, and its text to the gate.
    price.write_text(yaml.safe_dump(APOLLO).replace("version: t1", "version: 2031-02-03"))
    policy.write_text(yaml.safe_dump(POLICY | {"version": "t2"}))
    for proposed, file in (
        (("budget", "propose", "price"), price),
        (("policy", "propose"), policy),
    ):
        made = terminal.read("cho", *proposed, str(file), *WHY)
        terminal.type("dan", proposed[0], "confirm", made["proposal_id"])

    shown = terminal.read(None, "budget", "show")
    in_force = terminal.read(None, "policy", "show")["policy"]

    lanes = {lane["provider"]: lane["price_card"] for lane in shown["providers"]}
    assert lanes["apollo"] == APOLLO | {"version": "2031-02-03"}
    assert lanes["enformion"] == ENFORMION
    assert shown["policy"] == in_force
    assert in_force["content"]["version"] == "t2"
    assert in_force["sha256"] in terminal.type(None, "policy", "show").stdout


def test_a_price_card_that_leaves_prices_open_is_a_usage_error(terminal, tmp_path):
    file = tmp_path / "price.yaml"
    for content in ({"provider": "apollo"}, APOLLO | {"sells": {"email": {"part": "sync"}}}):
        file.write_text(yaml.safe_dump(content))

        terminal.type("cho", "budget", "propose", "price", str(file), *WHY, code=2)


def test_one_person_stops_a_provider_and_two_let_it_run_again(terminal):
    terminal.type("ana", "budget", "stop", "apollo", *WHY, "--dry-run")
    killed = "select provider from gate.provider where circuit_state = 'killed'"
    assert terminal.world.owner(killed) == []

    stopped = terminal.read("ana", "budget", "stop", "apollo", *WHY)
    assert terminal.world.owner(killed) == [("apollo",)]
    everything = terminal.read("ana", "budget", "stop", *WHY)
    made = terminal.read("cho", "budget", "propose", "circuit", "apollo", *WHY)
    terminal.type("dan", "budget", "confirm", made["proposal_id"])

    assert stopped["stopped"] == ["apollo"]
    assert everything["stopped"] == ["apollo", "enformion"]
    states = dict(terminal.world.owner("select provider, circuit_state from gate.provider"))
    assert states == {"apollo": "closed", "enformion": "killed"}
    terminal.type("ana", "budget", "stop", "nobody", *WHY, code=4)


def test_every_setting_that_is_offered_can_be_changed(terminal):
    for name in SETTINGS:
        value = {"quorum": "2", "may_request_and_approve": "true"}.get(name, "48 hours")
        made = terminal.read("cho", "budget", "propose", "setting", name, value, *WHY)
        terminal.type("dan", "budget", "confirm", made["proposal_id"])

    assert terminal.world.one("select gate.adjustable_settings()") == list(SETTINGS)
    row = terminal.world.owner(
        f"select {', '.join(f'{n}::text' for n in SETTINGS)} from gate.setting"
    )
    assert (row[0][0], row[0][-1]) == ("2", "true")
    assert set(row[0][1:-1]) == {"48:00:00"}


def test_a_receipt_leads_from_a_card_to_who_approved_and_what_it_cost(terminal):
    made, begun = terminal.world.approved(limit=2)
    terminal.world.settle(*terminal.world.send(begun))

    of_request = terminal.read(None, "enrich", "receipt", str(made.request_id)[:8])
    card = of_request["rows"][0]["card_id"]
    of_card = terminal.type(None, "enrich", "receipt", card).stdout

    assert {row["charged_micros"] for row in of_request["rows"]} == {100_000}
    assert "$0.10" in of_card
    assert "approved by ben" in of_card
    assert "request" in of_card


def test_a_request_without_calls_has_an_empty_receipt(terminal):
    made = terminal.asked()

    assert terminal.read(None, "enrich", "receipt", made["request_id"])["rows"] == []


@pytest.mark.parametrize("group", ["enrich", "budget propose"])
def test_two_people_resolve_an_unknown_call(terminal, group):
    _, begun = terminal.world.approved(limit=2)
    terminal.world.send(begun)
    terminal.world.lease_over()
    terminal.world.owner("update gate.call set lease_until = now() - interval '1 day'")
    terminal.world.contacts.execute("select gate.sweep(10)")
    terminal.world.contacts.commit()
    call = str(terminal.world.one("select call_id from gate.call"))
    verb = [*group.split(), "resolve"]

    listed = terminal.read(None, "budget", "show")["providers"][0]["unknown_calls"]
    terminal.type("cho", *verb, "ffff", "--charged", "1", *WHY, code=4)
    terminal.type("cho", *verb, call, "--charged", "-1", *WHY, code=2)
    made = terminal.read("cho", *verb, call[:8], "--charged", "1.5", *WHY)
    terminal.type("cho", "budget", "confirm", made["proposal_id"], code=5)
    terminal.type("dan", "budget", "confirm", made["proposal_id"])

    assert listed == [call]
    assert made["content"] == {"call_id": call, "units_micro": 1_500_000}
    assert terminal.world.one("select charged_micros from gate.call") == 75_000
    # The run that died is followed by another, which finds nothing that it may still ask.
    for again in terminal.world.launch():
        permits.finish(terminal.world.contacts, again)
    start = str(begun.request_id)[:8]
    asked = terminal.read(None, "approve", start, "--show")["asked"]
    assert len(asked["lost_cards"]) == 2
    terminal.type("ben", "approve", start, *WHY, "--again", asked["lost_cards"][1])
    newest = "select lost_cards from gate.approval order by made_at desc limit 1"
    assert terminal.world.one(newest) == asked["lost_cards"][1:]
    assert "--again CARD" in terminal.printed[-1]
    terminal.world.assert_books_are_right()


def test_why_somebody_said_no_is_kept_without_contact_data(terminal):
    why = "ana.made@example.com wrote to us, see +1 202 555 0143"

    done = terminal.type("ana", "privacy", "suppress", "card-0001", "--reason", why, code=2)

    assert "--reason looks like contact data" in done.stderr
    assert "ana.made" not in done.output
    assert "555" not in done.output
    terminal.type("ana", "privacy", "suppress", "card-0001", "--reason", "a letter of 3 November")


def test_a_suppressed_person_cannot_be_asked_for(terminal):
    terminal.type("ana", "privacy", "suppress", "card-0001", *WHY)
    terminal.type("ana", "privacy", "suppress", "card-9999", *WHY, code=4)

    done = terminal.type("ana", *ASK, "--card", "card-0001", "--card", "card-0002", code=5)
    left = terminal.read("ana", *ASK, "--limit", "250")

    assert "1 suppressed" in done.stderr
    assert left["counts"]["suppressed"] == 1
    assert left["counts"]["chosen"] == 4


def test_a_run_says_what_each_request_did_and_fails_where_one_failed(terminal, monkeypatch):
    ran = {"request_id": "r", "ok": True, "failure": None, "calls": 2, "charged_micros": 100_000}
    runs = [ran | {"batch_id": "b1"}]
    stand_in = types.ModuleType("contact")
    stand_in.run_once = lambda given: runs if isinstance(given, settings.Settings) else None
    package = sys.modules.get("sxe_pipeline.local") or __import__("sxe_pipeline.local").local
    monkeypatch.setattr(package, "contact", stand_in, raising=False)

    good = terminal.type(None, "enrich", "run").stdout
    runs.append(ran | {"ok": False, "failure": "out of reach", "batch_id": None})
    bad = terminal.type(None, "enrich", "run", code=1).stdout
    runs.clear()
    idle = terminal.type(None, "enrich", "run").stdout

    assert good == "r: done; 2 calls, $0.10; batch b1\n"
    assert "failed: out of reach" in bad
    assert "nothing is approved or due" in idle


def test_what_an_invoice_names_later_is_booked_by_two_people(terminal):
    _, begun = terminal.world.approved(limit=2)
    leave, sent = terminal.world.send(begun)
    terminal.world.settle(leave, sent)
    adjust = ("budget", "propose", "adjust", str(leave.call_id))
    for wrong in ((), ("--credit", "1", "--charged", "1")):
        terminal.type("cho", *adjust, *wrong, *WHY, code=2)

    proposed = terminal.read("cho", *adjust, "--charged", "1.5", *WHY)
    assert "1.50 units charged beyond" in terminal.type(None, "budget", "proposals").stdout
    terminal.type("dan", "budget", "confirm", proposed["proposal_id"])

    assert terminal.world.money() == (0, 100_000, 75_000)

"""The whole loop against emulated providers: money, values and events agree on all sides."""

from dataclasses import replace

import pytest

from sxe_pipeline.contacts import agreement
from sxe_pipeline.contacts.agreement import DOUBT, Agreement
from sxe_pipeline.contacts.providers.apollo import Apollo
from sxe_pipeline.errors import BadConfig
from sxe_pipeline.gate import reads
from sxe_pipeline_tests.contacts.harness import as_minted
from sxe_pipeline_tests.gate.world import APOLLO


def test_a_request_is_spent_down_its_waterfall_and_all_counters_agree(harness):
    harness.world.cards(40)
    harness.approved(40, fields=["email", "phone"])

    [report] = harness.work()
    while reports := harness.work():
        report = reports[0]

    world = harness.world
    assert report.state == "DONE"
    world.assert_books_are_right()
    for provider in ("apollo", "enformion"):
        reserved, spent, overrun = world.money(provider)
        assert (reserved, overrun) == (0, 0)
        assert spent == harness.charged_micros(provider) > 0
    assert world.one("select count(*) from contacts.contact_point") > 0


def test_a_phone_that_comes_later_keeps_the_doubt_of_the_first_answer(harness, monkeypatch):
    monkeypatch.setattr(agreement, "of_domains", lambda ours, theirs: Agreement.DOUBTFUL)
    harness.world.cards(20)
    harness.approved(20, fields=["email", "phone"], waterfall=["apollo"])
    while harness.work():
        pass

    believed = harness.world.owner(
        "select kind, max(confidence), count(*) = count(confidence) "
        "from contacts.contact_point group by kind order by kind"
    )
    assert believed == [("email", DOUBT, True), ("phone", DOUBT, True)]


def test_a_provider_without_credentials_stops_the_request_and_does_not_look_done(harness):
    harness.world.cards(3)
    harness.approved(3)
    harness.providers = {}

    [report] = harness.work()

    assert report.state == "HALTED"
    assert report.stops == {"apollo": "not_configured", "enformion": "not_configured"}
    assert harness.paid_calls() == []


def test_a_wrong_setting_ends_the_run_and_gives_the_reservation_back(harness):
    harness.world.cards(3)
    harness.approved(3, fields=["phone"], waterfall=["apollo"])
    harness.providers["apollo"] = replace(harness.providers["apollo"], adapter=Apollo(""))

    with pytest.raises(BadConfig):
        harness.work()

    harness.world.assert_books_are_right()
    assert harness.world.money("apollo") == (0, 0, 0)
    assert harness.paid_calls() == []


def unfit(**changes):
    sells = {name: dict(sold) for name, sold in APOLLO["sells"].items()}
    return APOLLO | {"version": "unfit", "sells": sells} | changes


UNFIT = {
    "more people than a call holds": unfit(batch_max=25),
    "a group of another name": unfit(sells={"emails": APOLLO["sells"]["email"]}),
    "a later answer as if it came at once": unfit(
        sells=APOLLO["sells"] | {"phone": APOLLO["sells"]["phone"] | {"part": "sync"}}
    ),
}


@pytest.mark.parametrize("price", UNFIT.values(), ids=UNFIT)
def test_a_price_card_that_its_adapter_cannot_follow_costs_nothing(harness, price):
    harness.world.agree("price", price)
    harness.world.put([as_minted(n) for n in range(3)])
    made = harness.approved(fields=["email"], waterfall=("apollo",))

    [report] = harness.work()

    assert report.stops == {"apollo": "price_unfit"}
    assert harness.world.request(made) == "HALTED"
    assert harness.world.sent_calls() == 0


def test_somebody_whom_a_provider_refuses_keeps_nobody_else_back(harness):
    harness.world.put([as_minted(n) for n in range(4)])
    made = harness.approved(fields=["phone"], waterfall=("enformion",))
    harness.emulator.mode("enformion", "422", times=1)

    harness.work()

    assert harness.world.request(made) == "DONE"
    assert harness.world.sent_calls() == 4
    assert reads.find(harness.world.api, made.request_id).skipped.get("refused") == 1

"""The whole loop against emulated providers: money, values and events agree on all sides."""

from dataclasses import replace

import pytest

from sxe_pipeline.contacts.apollo import Apollo
from sxe_pipeline.errors import BadConfig


def test_a_request_is_spent_down_its_waterfall_and_all_counters_agree(desk):
    desk.world.cards(40)
    desk.approved(40, fields=["email", "phone"])

    [report] = desk.work()
    while reports := desk.work():
        report = reports[0]

    world = desk.world
    assert report.state == "DONE"
    world.assert_books_are_right()
    for provider in ("apollo", "enformion"):
        reserved, spent, overrun = world.money(provider)
        assert (reserved, overrun) == (0, 0)
        assert spent == desk.charged_micros(provider) > 0
    assert world.one("select count(*) from contacts.contact_point") > 0


def test_a_provider_without_credentials_stops_the_request_and_does_not_look_done(desk):
    desk.world.cards(3)
    desk.approved(3)
    desk.providers = {}

    [report] = desk.work()

    assert report.state == "HALTED"
    assert report.stops == {"apollo": "not_configured", "enformion": "not_configured"}
    assert desk.paid_calls() == []


def test_a_wrong_setting_ends_the_run_and_gives_the_reservation_back(desk):
    desk.world.cards(3)
    desk.approved(3, fields=["phone"], waterfall=["apollo"])
    desk.providers["apollo"] = replace(desk.providers["apollo"], adapter=Apollo(""))

    with pytest.raises(BadConfig):
        desk.work()

    desk.world.assert_books_are_right()
    assert desk.world.money("apollo") == (0, 0, 0)
    assert desk.paid_calls() == []

"""The whole loop against emulated providers: money, values and events agree on all sides."""

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

"""Numbers, times and ids as people write them: read by rule, or null, never made up."""

import io
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sxe_pipeline.ingest import whole
from sxe_pipeline.ingest.counts import count
from sxe_pipeline.ingest.mapping import mappings
from sxe_pipeline.ingest.plain import SPREADSHEET_ERRORS, BadValue, LostDigits, Rounded, plain
from sxe_pipeline.ingest.read import read_file
from sxe_pipeline.ingest.times import seconds, when
from sxe_pipeline.ingest.values import account_id, flag, handle
from sxe_pipeline_tests.ingest.reading import NOW

MANY = settings.default.max_examples


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("12,4K", 12_400),
        ("12.4k", 12_400),
        ("1,2M", 1_200_000),
        ("0,5K", 500),
        ("12.400", 12_400),
        ("12,400", 12_400),
        ("1.234.567", 1_234_567),
        ("1,234,567.00", 1_234_567),
        ("1.234.567,0", 1_234_567),
        ("1'234'567", 1_234_567),
        ("1\u202f234\u00a0567", 1_234_567),
        ("12,34,567", 1_234_567),
        ("12400.0", 12_400),
        ("0.0", 0),
        ("12,4 mil", 12_400),
        ("1,2 mil seguidores", 1_200),
        ("1,2 Mio.", 1_200_000),
        ("3 Tsd.", 3_000),
        ("5,6 тыс.", 5_600),
        ("1,1 млн", 1_100_000),
        ("1.2万", 12_000),
        ("１２万", 120_000),
        ("2.5w", 25_000),
        ("1.1億", 110_000_000),
        ("3.2亿", 320_000_000),
        ("4.1천", 4_100),
        ("12만", 120_000),
        ("5.5 lakh", 550_000),
        ("1.2 crore", 12_000_000),
        ("1,5 jt", 1_500_000),
        ("7 rb", 7_000),
        ("10K+", 10_000),
        ("1,204 Followers", 1_204),
        ("٣٤٥", 345),
        ("-5", None),
        ("N/A", None),
        ("n.a.", None),
        ("—", None),
        ("", None),
    ],
)
def test_a_count_is_read_by_rule(written, meant):
    assert count(written) == meant


@pytest.mark.parametrize(
    "written",
    [
        "1.5",
        "12,45",
        "1,23,4",
        "12.4.5",
        "1.2.3K",
        "many",
        "12 dozen",
        "1e5",
        "5 of 6",
        "VERDADERO",
    ],
)
def test_a_count_that_nobody_can_be_sure_of_is_refused(written):
    with pytest.raises(BadValue):
        count(written)


@settings(max_examples=MANY, deadline=None)
@given(
    st.integers(0, 10**12),
    st.sampled_from([",", ".", "'", " ", "\u00a0", "\u202f", "٬", "_"]),
)
def test_grouped_thousands_are_the_number_whatever_the_mark(number, mark):
    assert count(f"{number:,}".replace(",", mark)) == number


@settings(max_examples=MANY, deadline=None)
@given(st.integers(1, 999), st.integers(0, 9), st.sampled_from([",", ".", "٫"]))
def test_a_unit_makes_a_single_mark_the_decimal_one(whole, tenth, mark):
    assert count(f"{whole}{mark}{tenth}K") == whole * 1000 + tenth * 100


@settings(max_examples=MANY, deadline=None)
@given(st.text(max_size=20))
def test_any_text_is_a_count_or_nothing_or_refused(text):
    try:
        found = count(text)
    except BadValue:
        return
    assert found is None or 0 <= found < 2**63


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2012-12-13 08:41:26 UTC", "2012-12-13T08:41:26"),
        ("2012-12-13 08:41:26 +0000 UTC", "2012-12-13T08:41:26"),
        ("2012-12-13T08:41:26.000Z", "2012-12-13T08:41:26"),
        ("2012-12-13 09:41:26 CET", "2012-12-13T08:41:26"),
        ("2012-12-13 09:41:26 Europe/Madrid", "2012-12-13T08:41:26"),
        ("2012-12-13T09:41:26+01:00[Europe/Madrid]", "2012-12-13T08:41:26"),
        ("2012-12-13 10:41:26 UTC+2", "2012-12-13T08:41:26"),
        ("Thu, 13 Dec 2012 08:41:26 GMT", "2012-12-13T08:41:26"),
        ("Thu, 13 Dec 2012 03:41:26 -0500", "2012-12-13T08:41:26"),
        ("Thu Dec 13 08:41:26 +0000 2012", "2012-12-13T08:41:26"),
        ("Dec 13, 2012", "2012-12-13T00:00:00"),
        ("13 December 2012", "2012-12-13T00:00:00"),
        ("2012/12/13 08:41", "2012-12-13T08:41:00"),
        ("Dec 13, 2012 8:41 AM", "2012-12-13T08:41:00"),
        ("1355388086", "2012-12-13T08:41:26"),
        ("1355388086.0", "2012-12-13T08:41:26"),
        ("1355388086000", "2012-12-13T08:41:26"),
        ("1355388086000000", "2012-12-13T08:41:26"),
        ("20121213", "2012-12-13T00:00:00"),
        ("201212130841", "2012-12-13T08:41:00"),
        ("20121213084126", "2012-12-13T08:41:26"),
        (20121213, "2012-12-13T00:00:00"),
        (20121213.0, "2012-12-13T00:00:00"),
    ],
)
def test_a_time_is_read_in_its_zone(written, meant):
    assert when(written) == datetime.fromisoformat(meant).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "written",
    ["01/02/2024", "2012-12-13 08:41:26 Nowhere/Atlantis", "2012-12-13 08:41:26 XYZ", "soon"],
)
def test_a_time_that_nobody_can_be_sure_of_is_refused(written):
    with pytest.raises(BadValue):
        when(written)


@pytest.mark.parametrize("number", [2012, 41256, 41256.36, 13122012, 19121213, 355_388_086, 5])
def test_a_number_from_before_any_network_is_no_time_however_it_is_written(number):
    for written in (number, str(number)):
        with pytest.raises(BadValue):
            when(written)
    assert seconds([1355388086]) == [when(1355388086)]
    assert seconds([1355388086, int(number)]) is None, "many at once are read as each alone"


@settings(max_examples=MANY, deadline=None)
@given(st.integers(1, 10**17) | st.floats(0.1, 1e17))
def test_any_number_is_a_time_since_networks_began_or_refused(number):
    try:
        found = when(number)
    except BadValue:
        return
    assert found >= datetime(2001, 9, 9, tzinfo=UTC)


@settings(max_examples=MANY, deadline=None)
@given(st.integers(1_000_080_000, 4_000_000_000))
def test_a_date_without_marks_is_that_date(second):
    moment = datetime.fromtimestamp(second, UTC)
    written = f"{moment:%Y%m%d%H%M%S}"

    assert when(int(written)) == when(written) == moment
    assert when(written[:8]).date() == moment.date()


@settings(max_examples=MANY, deadline=None)
@given(st.text(max_size=30))
def test_any_text_is_a_time_or_nothing_or_refused(text):
    try:
        found = when(text)
    except BadValue:
        return
    assert found is None or found.tzinfo is UTC


@pytest.mark.parametrize(
    ("stored", "meant"),
    [
        (Decimal("1700000000000000001"), 1700000000000000001),
        (Decimal("5.000"), 5),
        (Decimal("NaN"), None),
        ({"$numberLong": "1700000000000000001"}, 1700000000000000001),
        ({"$numberInt": "5"}, 5),
        ({"$numberDecimal": "5"}, 5),
        ({"$oid": "abc"}, "abc"),
        (b"text", "text"),
        (date(2012, 12, 13), datetime(2012, 12, 13, tzinfo=UTC)),
        ({"label": "x"}, {"label": "x"}),
    ],
)
def test_a_stored_value_is_read_as_what_it_is(stored, meant):
    assert plain(stored) == meant


def test_bytes_that_are_no_text_are_refused():
    with pytest.raises(BadValue):
        plain(b"\xff")


@pytest.mark.parametrize("digits", ["+14155550134", "1_000", " 5", "٥"])
def test_a_number_of_a_program_is_written_as_programs_write_it(digits):
    with pytest.raises(BadValue):
        plain({"$numberLong": digits})


def test_an_id_is_strict():
    assert account_id("1700000000000000001") == "1700000000000000001"
    for lossy in (1.7e18, "1.7E+18", "17.5"):
        with pytest.raises(BadValue):
            account_id(lossy)
    with pytest.raises(LostDigits):
        account_id(Rounded(1700000000000000000))


@pytest.mark.parametrize("guarded", ["'17", '="17"', '"17"', " 17 ", "=17"])
def test_an_id_that_was_guarded_from_a_spreadsheet_is_whole(guarded):
    assert account_id(guarded) == "17"


@pytest.mark.parametrize(
    ("padded", "known"),
    [("00017", "17"), ("17", "17"), ('="00017"', "17"), ("0", None), ("0000000", None)],
)
def test_zeros_before_an_id_are_no_part_of_it(padded, known):
    assert account_id(padded) == known
    assert whole.over([padded, "18"], account_id) == ([known, "18"], {})


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("@a_b", "a_b"),
        ("https://www.tiktok.com/@a.b?lang=en", "a.b"),
        ("x.com/a_b", "a_b"),
        ("https://x.com/i/user/17", None),
        ("n/a", None),
        ("—", None),
        ("na", "na"),
    ],
)
def test_a_handle_is_a_name_also_where_the_address_of_its_profile_stands(written, meant):
    assert handle(written) == meant


@pytest.mark.parametrize(
    "written",
    [
        *("https://t.me/ana_writes", "wa.me/14155550134", "https://www.linktr.ee/ana_writes"),
        "https://discord.gg/ana_writes",
    ],
)
def test_the_address_of_a_messenger_or_a_hub_is_no_profile_and_gives_no_handle(written):
    with pytest.raises(BadValue):
        handle(written)


def test_a_yes_of_any_office_program_is_one():
    assert [flag(word) for word in ("VERDADERO", "WAHR", "Sim", "FAUX", "n/a")] == [
        True,
        True,
        True,
        False,
        None,
    ]


@pytest.mark.parametrize(
    "written",
    [
        *(
            "#NAME?",
            "#REF!",
            '=HYPERLINK("https://a.example","ann.made")',
            "+ann",
            "ann,made",
            "a/b",
        ),
        *("ann-made", "{ann}", "ann@made", "ann\u200bmade"),
    ],
)
def test_what_no_platform_can_write_is_no_handle(written):
    with pytest.raises(BadValue):
        handle(written)


@pytest.mark.parametrize("error", sorted(SPREADSHEET_ERRORS))
def test_the_error_of_a_spreadsheet_is_nobody_and_no_text_of_anybody(error):
    people = [(error, "Ann", "Baker"), (error, "Bob", "Chef"), ("cia.made", error, error)]
    rows = [",".join(person) for person in people]

    [piece] = read_all("uniqueId,nickname,signature\n" + "\n".join(rows))

    assert piece.rows["handle"].to_pylist() == ["cia.made"]
    assert len(piece.rejects) == 2
    assert (piece.rows["bio"].to_pylist(), piece.nulled["bio"]) == ([None], 1)
    assert "bio" not in piece.rows["given"].to_pylist()[0]


def read_all(text):
    return list(
        read_file(
            io.BytesIO(text.encode()),
            name="f.csv",
            file_sha256="0" * 64,
            collection="c",
            registered_at=NOW,
            mappings=mappings(None),
        )
    )

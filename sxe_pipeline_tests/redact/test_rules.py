"""One case a rule: what it takes, and what its exceptions leave. Ways of hiding: test_text."""

import re
from pathlib import Path

import pyarrow as pa
import pytest
import yaml

from sxe_pipeline import contracts_root, redact
from sxe_pipeline.redact import redact_links, redact_text

NUMBER = "5550134229"


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        pytest.param("ana at gmail", "[email]", id="a provider without its top level"),
        pytest.param("ana(at)gmail", "[email]", id="the same in brackets"),
        pytest.param("gmail: ana.lopez", "[email]", id="the provider first"),
        pytest.param("ana.lopez (gmail)", "[email]", id="the provider in brackets"),
        pytest.param("ana.lopez gmail.com", "[email]", id="only a blank for the at"),
        pytest.param("analopezgmail.com", "[email]", id="no at"),
        pytest.param("ana@gmail com", "[email]", id="a blank for the dot"),
        pytest.param("ana@example,com", "[email]", id="a comma for the dot"),
        pytest.param("ana✉example.com", "[email]", id="an envelope for the at"),
        pytest.param("ana en gmail", "[email]", id="a preposition before a sure provider"),
        pytest.param("info at yahoocom", "[email]", id="the top level glued to the provider"),
        pytest.param(
            "anabusiness (outlook)", "[email]", id="a local part that ends like a mailbox"
        ),
        pytest.param("contact hi at yahoo", "contact [email]", id="a short mailbox"),
        pytest.param("ana_lopez gmail . com", "[email]", id="blanks on both sides of the dot"),
        pytest.param("name: gmail", "name: gmail", id="a provider alone"),
        pytest.param("ana at example.org", "ana at example.org", id="a bare word for the at"),
        pytest.param("ana on twitter", "ana on twitter", id="a preposition before a network"),
        pytest.param("meet me at home.com", "meet me at home.com", id="never a local part"),
    ],
)
def test_an_address_is_weighed_by_its_parts(text, stored):
    assert redact_text(text)[0] == stored


@pytest.mark.parametrize("at", ["@", "at", " @"])
@pytest.mark.parametrize(
    "announced",
    [
        "email: {}",
        "Email me at {}",
        "📧 {}",
        "contact: {}",
        "e-mail: {}",
        "✉️ {}",
        "Pisz na {}",
        "Schreib mir: {}",
        "correo - {}",
        "write to {}",
        "почта: {}",
        "email → {}",
    ],
)
def test_a_word_of_mail_before_a_name_makes_a_spaced_at_an_address(announced, at):
    text = announced.format(f"sarah {at} northfield.com")

    assert redact_text(text)[0] == announced.format("[email]")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("liwei艾特foxmail点com", id="Chinese, glued"),
        pytest.param("sato.kenアットyahooドットコム", id="Japanese, glued"),
        pytest.param("jiho골뱅이다음닷넷", id="Korean, glued, with the provider's own name"),
        pytest.param("preethi அட் ஜிமெயில் டாட் காம்", id="vowels that stand apart"),
        pytest.param("মিতা অ্যাট জিমেইল ডট কম", id="a name with such vowels"),
        pytest.param("ruthbaker*hotmail*com", id="a provider between equal signs"),
        pytest.param("ruthbaker [gmail] com", id="a provider in brackets"),
        pytest.param("ruthbaker (gmail.com)", id="a domain in brackets"),
    ],
)
def test_an_address_goes_whole_however_its_signs_are_glued(text):
    assert redact_text(text)[0] == "[email]"


@pytest.mark.parametrize(
    "text",
    [
        "Ex Google (Gmail) co-founder",
        "Slack | Gmail | Notion",
        "built Gmail (gmail.com) myself",
        "닷컴 버블, 만점이다",
        "10点から12点まで",
    ],
)
def test_the_name_of_a_provider_is_no_address(text):
    assert redact_text(text) == (text, [])


@pytest.mark.parametrize(
    "text",
    [
        "email geek @ northfield.com",
        "Email: ops. Engineer @ northfield.com",
        "contact: founder at northfield.com",
        "I write poems and sing @ northfield.com",
        "mail carrier @ northfield.com",
    ],
)
def test_who_only_works_somewhere_wrote_no_address(text):
    assert redact_text(text) == (text, [])


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        pytest.param("call 123456", "call [phone]", id="six digits behind a phone word"),
        pytest.param("call 12 34 56", "call 12 34 56", id="three pairs are a date or a score"),
        pytest.param("call 12345", "call 12345", id="five digits are too few"),
        pytest.param("call 2014-2018", "call 2014-2018", id="years behind a phone word"),
        pytest.param("055 134 229", "[phone]", id="nine digits with a leading zero"),
        pytest.param("05-134229", "[phone]", id="eight digits in an area's grouping"),
        pytest.param("555 0134", "555 0134", id="seven digits without one"),
        pytest.param(f"({NUMBER[:3]}) {NUMBER[3:]}", "[phone]", id="the bracket goes with it"),
        pytest.param("call 020 7946 0958 ext. 22", "call [phone]", id="so does the extension"),
        pytest.param(f"{NUMBER} / 5550134230", "[phone] / [phone]", id="two by a slash"),
        pytest.param(f"{NUMBER}, 5550134230", "[phone], [phone]", id="two by a comma"),
        pytest.param("00 44 20 7946 0958", "[phone]", id="an international prefix"),
        pytest.param(f"abcd{NUMBER}", "abcd[phone]", id="glued to a word"),
        pytest.param(f"ab{NUMBER}", f"ab{NUMBER}", id="glued to a code"),
    ],
)
def test_a_phone_number_is_weighed_by_its_shape_and_the_words_before_it(text, stored):
    assert redact_text(text)[0] == stored


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"write @{NUMBER}", id="a handle of digits"),
        pytest.param(f"write @ana{NUMBER}", id="the digits of a handle"),
        pytest.param(f"_{NUMBER}", id="part of an identifier"),
        pytest.param(f"id ={NUMBER}", id="a value"),
        pytest.param(f"https://example.com/p/{NUMBER}", id="part of a link"),
        pytest.param(f"example.com/{NUMBER}", id="part of a link without a scheme"),
        pytest.param(f"${NUMBER}", id="money by its sign"),
        pytest.param(f"USD {NUMBER}", id="money by its code"),
        pytest.param(f"{NUMBER} followers", id="a count"),
        pytest.param("1111111111", id="one digit again and again"),
        pytest.param("5550000000", id="a round number"),
        pytest.param("1234567890", id="rising digits"),
        pytest.param("9/10, 8/10, 7/10", id="scores"),
        pytest.param("museums: 2002-2020. 3", id="years and a count"),
        pytest.param("call 🕜🕝🕞🕟🕠🕡🕢🕣", id="clocks at half past"),
        pytest.param("1,234,567.00", id="a price"),
        pytest.param("10:30-18:00", id="opening hours"),
        pytest.param("20240131", id="a day"),
        pytest.param("192.168.100.200", id="an internet address"),
        pytest.param("10.0.0.0/8 172.16.0.0/12", id="two nets"),
        pytest.param("111 222 333 444", id="groups of one digit each"),
        pytest.param("777 888 999", id="three groups of one digit each"),
        pytest.param("75192 10179 42083", id="groups of five"),
        pytest.param("1060 1070 1080", id="groups of four in order"),
        pytest.param("1 1 2 3 5 8 13 21 34", id="many groups in order"),
        pytest.param("20 21 22 23 24", id="pairs in order"),
        pytest.param("Bench 225 Squat 315 Deadlift 405", id="a word before each group"),
        pytest.param("CVE-2021-44228", id="a register, a year and a count"),
        pytest.param("license number 48190275", id="the number of something"),
        pytest.param("Steuer-Nr. 219/481/07215", id="the same in one word"),
        pytest.param("NPWP 48.190.275.3-219.000", id="a register"),
        pytest.param("RGB 255, 87, 51 / 0, 170, 255", id="two colours"),
        pytest.param("Quran 2:255 3:190-191 36:82", id="verses"),
        pytest.param("6-4 3-6 7-6(5) 6-3", id="sets with a tie-break"),
        pytest.param(".301/.389/.512", id="shares"),
        pytest.param("120/80 118/76 115/75", id="blood pressure"),
        pytest.param("1:23.456 1:24.567", id="lap times"),
        pytest.param("Phil. 4:13\nBEACH LIFE", id="a verse above a line in capitals"),
        pytest.param("Jer 29:11-13 • Ziggo Sport!", id="a verse beside a provider"),
        pytest.param("Auf Platz 1 der Charts", id="a rank"),
        pytest.param("https://doi.org/10.1016/j.cell.2020.01.001", id="a dotted path"),
    ],
)
def test_digits_of_something_else_stay(text):
    assert redact_text(text) == (text, [])


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("501 502 503", id="three groups of three"),
        pytest.param("06 11 22 34 45", id="five pairs behind a zero"),
        pytest.param("6281 2345 6789", id="three groups of four"),
        pytest.param("380 501 534 867", id="four groups of three"),
        pytest.param("777 888 991", id="a group of two digits"),
        pytest.param("tel 777 888 999", id="groups of one digit each behind a phone word"),
        pytest.param("+48 777 888 999", id="and behind a plus sign"),
        pytest.param("phone number 48190275", id="the number of a phone"),
        pytest.param("O79O3 21O 48l", id="letters that look like digits, the first too"),
        pytest.param("my number 415 then 555 dash 0134", id="a phone word before the words"),
        pytest.param("415 dash 555 dash 0134", id="one word between all groups"),
        pytest.param("https://example.com/tel.501.502.503", id="a dotted number in a link"),
    ],
)
def test_groups_as_whole_countries_write_them_are_a_number(text):
    assert redact_text(text)[1]


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        pytest.param(
            "double five double zero one three four two two nine", "[phone]", id="doubled digits"
        ),
        pytest.param("triple five zero one three four two", "[phone]", id="a tripled digit"),
        pytest.param("double five zero one three four two", "[phone]", id="seven by a double"),
        pytest.param(
            "5 <a> 5 <b> 5 <c> 0 <d> 1 <e> 3 <f> 4 <g> 2", "[phone]", id="letters between digits"
        ),
        pytest.param(
            "one two three four five six seven",
            "one two three four five six seven",
            id="counting",
        ),
        pytest.param(
            "seis catorce veintidós noventa y uno, treinta y ocho", "[phone]", id="Spanish pairs"
        ),
        pytest.param("zéro sept quarante-deux soixante-treize vingt onze", "[phone]", id="French"),
        pytest.param("null sieben einundachtzig siebzehn dreiundneunzig", "[phone]", id="German"),
        pytest.param("trentotto ventuno settantasei novantadue", "[phone]", id="only compounds"),
        pytest.param("three ten 555 eighteen forty-one", "[phone]", id="words and digits"),
        pytest.param("five hundred 555 nineteen oh four", "[phone]", id="a hundred"),
    ],
)
def test_numbers_in_words(text, stored):
    assert redact_text(text)[0] == stored


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("six eight ten twelve fourteen", id="a count in steps"),
        pytest.param("ninety eighty seventy sixty fifty forty thirty", id="a count down"),
        pytest.param("nineteen sixty-nine, nineteen ninety-four", id="years"),
        pytest.param("twenty four hours, seven days, three hundred places", id="counted things"),
        pytest.param("soixante-quinze kilos, quatre-vingt-dix squats", id="French counts"),
    ],
)
def test_numbers_in_words_that_are_no_number_to_call_stay(text):
    assert redact_text(text) == (text, [])


@pytest.mark.parametrize(
    "text",
    [
        "whatsapp status",
        "telegram channel",
        "signal available",
        "skype: here",
        "wechat: below",
        "viber: now",
        "telegram: instagram",
        "whatsapp: www",
        "whatsapp only business",
        "wechat on",
    ],
)
def test_a_messenger_and_an_ordinary_word_are_no_id(text):
    assert redact_text(text) == (text, [])


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        pytest.param("Hauptstraße 12, 10115 Berlin", "[address]", id="German"),
        pytest.param("221b Baker Street, London NW1 6XE", "[address]", id="British"),
        pytest.param("12 Oak Street Suite 4, Austin, TX 78701", "[address]", id="American"),
        pytest.param("Carrera 7 # 71-21", "[address]", id="Colombian"),
        pytest.param("P.O. Box 12345", "[address]", id="a post box"),
        pytest.param("ul. Długa 5/3, 31-147 Kraków", "[address]", id="Polish, in small letters"),
        pytest.param("al. Lipowe 44, 00-024 Warszawa", "[address]", id="a Polish avenue"),
        pytest.param("via Lunga 5", "[address]", id="Italian, in small letters"),
        pytest.param("Lange Straße 12, 1010 Wien", "[address]", id="its ending is a word"),
        pytest.param("Grazer Str. 12, 10115 Berlin", "[address]", id="its ending is cut short"),
        pytest.param("Kurze Gasse 7", "[address]", id="a lane alone"),
        pytest.param("Am Alten Ring 7, 1080 Wien", "[address]", id="a ring in a city"),
        pytest.param("Unter den Buchen 77, 10117 Berlin", "[address]", id="no street word"),
        pytest.param("Krátká 12, 110 00 Praha 1", "[address]", id="Czech"),
        pytest.param("Rynek 12, 31-008 Kraków", "[address]", id="a market square"),
        pytest.param("香港九龍長樂道123號", "[address]", id="Hong Kong"),
        pytest.param("coaching via Zoom 5", "coaching via Zoom 5", id="by a network"),
        pytest.param("open via Telegram 24/7", "open via Telegram 24/7", id="at all hours"),
        pytest.param("Van Dijk 4", "Van Dijk 4", id="a name that ends like a street"),
        pytest.param("Lord of the Ring 3", "Lord of the Ring 3", id="a ring of another kind"),
        pytest.param("Top 10, 50000 Followers", "Top 10, 50000 Followers", id="a count"),
        pytest.param("Class 12, 2004 Batch", "Class 12, 2004 Batch", id="a year"),
    ],
)
def test_a_postal_address_goes_whole(text, stored):
    assert redact_text(text)[0] == stored


DIALLED = ("tel", "telprompt", "sms", "smsto", "mms", "callto", "facetime", "facetime-audio")


@pytest.mark.parametrize("scheme", [*DIALLED, "sip", "sips"])
def test_a_link_that_dials_goes(scheme):
    link = f"{scheme}:+44{NUMBER}"

    redacted = redact_links(pa.array([[link]], pa.list_(pa.string())))

    assert redacted.links.to_pylist() == [[]]
    assert redacted.kinds.to_pylist() == [["contact_link"]]
    assert NUMBER not in redact_text(link)[0]


def test_a_link_that_hides_a_contact_is_named_by_what_it_hides():
    links = ["https://example.com/?m=ana%40example.com", "https://example.com/?phone=5550134229"]

    redacted = redact_links(pa.array([[link] for link in links], pa.list_(pa.string())))

    assert redacted.links.to_pylist() == [[], []]
    assert redacted.kinds.to_pylist() == [["email"], ["phone"]]


@pytest.mark.parametrize("file", ["words", "numbers", "hosts", "tlds", "places"])
def test_every_list_of_words_is_read_by_a_rule(file):
    lists = yaml.safe_load((contracts_root() / "redaction" / f"{file}.yaml").read_bytes())
    code = "".join(path.read_text() for path in Path(redact.__file__).parent.glob("*.py"))

    assert [name for name in lists if not re.search(f"""["']{name}["']""", code)] == []

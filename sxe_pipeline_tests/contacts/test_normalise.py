import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sxe_pipeline.contacts import normalise


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        pytest.param("  Ana.Diaz+x@Example.COM\n", "ana.diaz+x@example.com", id="trimmed, lower"),
        pytest.param(
            "ana@bücher.example.org", "ana@xn--bcher-kva.example.org", id="domain to ascii"
        ),
        pytest.param(
            "ana@straße.example.org", "ana@xn--strae-oqa.example.org", id="sharp s is kept"
        ),
        pytest.param("a@b.co", "a@b.co", id="shortest"),
        pytest.param("l" * 64 + "@example.com", "l" * 64 + "@example.com", id="longest local part"),
        pytest.param("l" * 65 + "@example.com", None, id="local part too long"),
        pytest.param("a@" + "b" * 60 + ("." + "b" * 60) * 4 + ".com", None, id="too long"),
        pytest.param("a@" + "b" * 64 + ".com", None, id="label too long"),
        pytest.param("l" * 64 + "@" + "ü." * 24 + "com", None, id="too long once in ascii"),
        pytest.param("a0.1.0.schemaexample.com", None, id="two signs"),
        pytest.param("a@b@example.com", None, id="two signs apart"),
        pytest.param("example.com", None, id="no sign"),
        pytest.param("@example.com", None, id="no local part"),
        pytest.param("ana@", None, id="no domain"),
        pytest.param("ana@localhost", None, id="no dot"),
        pytest.param("ana@127.0.0.1", None, id="an address of a machine"),
        pytest.param("ana@[127.0.0.1]", None, id="a literal"),
        pytest.param("ana@example.com.", None, id="trailing dot"),
        pytest.param("ana@-example.com", None, id="leading hyphen"),
        pytest.param("ana@exa_mple.com", None, id="underscore in the domain"),
        pytest.param("ana@exa mple.com", None, id="space in the domain"),
        pytest.param("an a@example.com", None, id="space"),
        pytest.param(".ana@example.com", None, id="leading dot"),
        pytest.param("a..b@example.com", None, id="two dots"),
        pytest.param('"a b"@example.com', None, id="quoted"),
        pytest.param("mailto:ana@example.com", None, id="an address with a scheme"),
        pytest.param("аna@example.com", None, id="a Cyrillic look-alike"),
        pytest.param("ana\u200b@example.com", None, id="an invisible character"),
        pytest.param("ana@example.com\r\nbcc: x", None, id="a second line"),
        pytest.param("ana\x00@example.com", None, id="a NUL"),
        pytest.param("\ud800@example.com", None, id="half of a pair"),
        pytest.param("ana@\ud800.com", None, id="half of a pair in the domain"),
        pytest.param("email_not_unlocked@domain.com", None, id="locked"),
        pytest.param("Email_Not_Unlocked@Example.com", None, id="locked elsewhere"),
        pytest.param("ana@domain.com", None, id="placeholder domain"),
        pytest.param("ana@nowhere.invalid", None, id="a reserved ending"),
        pytest.param("", None, id="nothing"),
        pytest.param("@" * 100_000, None, id="a lot"),
    ],
)
def test_email(text, stored):
    assert normalise.email(text) == stored


@settings(deadline=None, derandomize=True)
@given(st.text(max_size=60) | st.emails())
def test_an_email_is_stable_and_plain(text):
    once = normalise.email(text)

    if once is not None:
        assert normalise.email(once) == once
        assert once.isascii()
        assert once == once.lower()


@pytest.mark.parametrize(
    ("text", "country", "stored"),
    [
        pytest.param("(202) 555-0143", "US", "+12025550143", id="national"),
        pytest.param("202.555.0143", "us", "+12025550143", id="country in lower case"),
        pytest.param("+1 202 555 0143", None, "+12025550143", id="international without a country"),
        pytest.param("+1 202 555 0143", "DE", "+12025550143", id="international beats the country"),
        pytest.param("030 123456", "DE", "+4930123456", id="German"),
        pytest.param("+٤٩ ٣٠ ١٢٣٤٥٦", None, "+4930123456", id="other digits"),
        pytest.param("(202) 555-0143", None, None, id="national without a country"),
        pytest.param("(202) 555-0143", "ZZ", None, id="no such country"),
        pytest.param("(202) 555-0143", "United States", None, id="no country code"),
        pytest.param("(202) 555-0143 ext. 7", "US", None, id="an extension is another line"),
        pytest.param("555-0143", "US", None, id="without area code"),
        pytest.param("+1 123 555 0143", "US", None, id="no such area"),
        pytest.param("911", "US", None, id="emergency"),
        pytest.param("+999 123456", None, None, id="no such country code"),
        pytest.param("", "US", None, id="nothing"),
        pytest.param("call me", "US", None, id="words"),
        pytest.param("2" * 100_000, "US", None, id="a lot"),
    ],
)
def test_phone(text, country, stored):
    assert normalise.phone(text, country) == stored


@settings(deadline=None, derandomize=True)
@given(st.text(max_size=45), st.text(max_size=3) | st.none())
def test_a_phone_is_stable(text, country):
    once = normalise.phone(text, country)

    assert once is None or normalise.phone(once, None) == once


@pytest.mark.parametrize(
    ("ours", "theirs", "is_same"),
    [
        pytest.param("O'Brien", "OBRIEN", True, id="punctuation and case"),
        pytest.param("José", "Jose", True, id="accent"),
        pytest.param("José", "Jose\u0301", True, id="accent composed or not"),
        pytest.param("Jean-Luc", "Jean Luc", True, id="hyphen"),
        pytest.param("Groß", "GROSS", True, id="sharp s"),
        pytest.param("Łukasz", "Lukasz", True, id="a letter with a stroke"),
        pytest.param("Şahin", "Sahin", True, id="cedilla"),
        pytest.param("Bob", "Robert", False, id="a nickname is another name"),
        pytest.param("Ana", "Anna", False, id="one letter more"),
        pytest.param("राम", "रमा", False, id="vowel signs are letters"),
        pytest.param("はし", "ばし", False, id="voicing is a letter"),
    ],
)
def test_names_compare(ours, theirs, is_same):
    assert (normalise.name(ours) == normalise.name(theirs)) is is_same


@pytest.mark.parametrize("text", ["", "!!!", "...", "🙂", " \t"])
def test_a_name_of_no_letters_is_empty(text):
    assert normalise.name(text) == ""


@pytest.mark.parametrize(
    "text",
    ["example.com", "EXAMPLE.com.", "http://www.example.com/a?b#c", "https://example.com:8443"],
)
def test_a_domain_compares_without_its_address(text):
    assert normalise.domain(text) == "example.com"


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("https://www.linkedin.com/in/ana-diaz", "ana-diaz"),
        ("linkedin.com/in/Ana-Diaz/?trk=1#x", "ana-diaz"),
        ("http://de.linkedin.com/pub/ana-diaz/1/2/3", "ana-diaz"),
        ("https://linkedin.com/in/jos%C3%A9", "josé"),
        ("https://linkedin.com/company/example", ""),
        ("https://example.com/in/ana", ""),
        ("", ""),
    ],
)
def test_a_profile_address_names_a_person(text, slug):
    assert normalise.linkedin(text) == slug

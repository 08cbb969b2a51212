"""One text at a time: what goes, what stays, and where it was."""

import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sxe_pipeline.redact import Rules, redact_text

_ANY = st.text(max_size=300)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        pytest.param("write ana.lopez@example.com now", "email", id="a plain address"),
        pytest.param("ana at example dot org", "email", id="at and dot as words"),
        pytest.param("ana.lopez (arroba) example (punto) com", "email", id="Spanish words"),
        pytest.param("hello＠example．com", "email", id="full width"),
        pytest.param("h e l l o @ e x a m p l e . c o m", "email", id="letter by letter"),
        pytest.param("booking@exa\u200bmple.com", "email", id="a zero-width blank inside"),
        pytest.param("hello%40example%2Ecom", "email", id="percent-coded"),
        pytest.param("aGVsbG9AZXhhbXBsZS5jb20=", "email", id="base64"),
        pytest.param("moc.elpmaxe@olleh", "email", id="backwards"),
        pytest.param("call +44 20 7946 0958", "phone", id="an international number"),
        pytest.param("Tel. 555 0134 22", "phone", id="a label before it"),
        pytest.param("zero seven seven zero zero nine one two", "phone", id="number words"),
        pytest.param("cero-siete-siete-cero-nueve-uno-dos", "phone", id="Spanish number words"),
        pytest.param("٠٧٧٠٠٩٠٠١٢٣", "phone", id="Arabic digits"),
        pytest.param("⓪⑦⑦⓪⓪⑨⓪⓪①②③", "phone", id="circled digits"),
        pytest.param("https://wa.me/447700900123", "contact_link", id="a WhatsApp link"),
        pytest.param("t[.]me/somebody", "contact_link", id="a broken-up Telegram link"),
        pytest.param("WeChat: some_body77", "messenger_id", id="a messenger id"),
        pytest.param("12 Baker Street, London", "postal_address", id="a street"),
        pytest.param("Calle 26 # 13-45", "postal_address", id="a Colombian street"),
        pytest.param("linktr.ee/somebody", "link_hub", id="a link hub"),
    ],
)
def test_contact_data_goes_and_its_kind_is_named(text: str, kind: str) -> None:
    redacted, spans = redact_text(text)

    assert [span.kind for span in spans] == [kind]
    assert redacted.count("[") == 1


@pytest.mark.parametrize(
    "text",
    [
        "Advocate @ Solo.io",
        "ex @Twitter. Co-founder",
        "Ambassador (2014-2018)",
        "since 05.06.2013",
        "friend code 1234-5678-9012",
        "PUBG ID: 5566920195",
        "ISBN-13: 9780306406157",
        "127.0.0.1 sweet 127.0.0.1",
        "€453.428,00",
        "one life, two cats, three kids, four jobs",
        "@user5551234567",
        "#1234567890challenge",
        "stay at home dot com era survivor",
        "youtube.com/@somebody",
        "@somebody@mastodon.social",
        "Wall Street journalist",
        "https://vimeo.com/123456789",
        "",
    ],
)
def test_what_only_looks_like_contact_data_stays(text: str) -> None:
    assert redact_text(text) == (text, [])


def test_a_link_hub_keeps_its_host_and_loses_its_path() -> None:
    redacted, _ = redact_text("all here: https://linktr.ee/somebody thanks")

    assert redacted == "all here: linktr.ee/[link] thanks"


def test_spans_are_code_point_offsets_of_the_input() -> None:
    text = "👩‍👩‍👧 hola ｈｅｌｌｏ＠ｅｘａｍｐｌｅ．ｃｏｍ 🇨🇴"

    _, spans = redact_text(text)

    assert [text[span.start : span.end] for span in spans] == ["ｈｅｌｌｏ＠ｅｘａｍｐｌｅ．ｃｏｍ"]


@settings(deadline=None)
@given(_ANY)
def test_any_text_is_read_without_failure_and_twice_changes_nothing(text: str) -> None:
    redacted, spans = redact_text(text)

    assert redact_text(redacted)[0] == redacted
    assert all(0 <= span.start < span.end <= len(text) for span in spans)
    assert all(a.end <= b.start for a, b in pairwise(spans))


@settings(deadline=None)
@given(_ANY, _ANY)
def test_an_address_between_blanks_is_found_wherever_it_stands(before: str, after: str) -> None:
    text = f"{before} quokka.marsh@example.com {after}"

    assert "quokka.marsh@example" not in redact_text(text)[0]


@settings(deadline=None)
@given(st.text(st.sampled_from("0123456789 -.+()@atdo gmil:/\n"), max_size=120))
def test_contact_like_noise_is_redacted_once_and_for_all(text: str) -> None:
    once = redact_text(text)[0]

    assert redact_text(once)[0] == once


@pytest.mark.parametrize("offset", [1480, 1744, 1990, 2000, 2010, 3500, 7000])
def test_a_contact_across_a_chunk_border_is_found(offset: int) -> None:
    filler = ("lorem ipsum dolor " * 600)[:offset]
    text = f"{filler} ana (at) example (dot) com and then {'word ' * 900}"

    redacted, spans = redact_text(text)

    assert "[email]" in redacted
    assert [span.kind for span in spans] == ["email"]


@pytest.mark.parametrize(
    "unit",
    [
        "1-1-1-",
        "1111",
        "+1 +1",
        "at at ",
        "a dot com ",
        "one one ",
        "%41",
        "st 1 st 1 ",
        "a@",
        "a.",
        "gmail",
        "A B ",
        "= ",
        "[",
        "\u0301a",
    ],
)
def test_no_text_takes_for_ever(unit: str) -> None:
    text = (unit * 20000)[:20000]
    began = time.process_time()

    redact_text(text)

    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    ("family", "text"),
    [
        ("email", "ana@example.com"),
        ("phone", "+44 20 7946 0958"),
        ("contact_link", "wa.me/447700900123"),
    ],
)
def test_a_family_that_is_switched_off_finds_nothing(family: str, text: str) -> None:
    assert redact_text(text, Rules().without(family))[0] == text


def test_an_unknown_family_cannot_be_switched_off() -> None:
    with pytest.raises(KeyError):
        Rules().without("emails")


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        pytest.param("cep: 0532 481 93 27", "cep: [phone]", id="a mobile phone in Turkey"),
        pytest.param("CEP 01310-100", "CEP 01310-100", id="a postal code in Brazil"),
    ],
)
def test_a_postal_code_word_speaks_only_for_few_digits(text, stored):
    assert redact_text(text)[0] == stored

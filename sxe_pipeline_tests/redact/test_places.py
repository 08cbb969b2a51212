"""Contacts that hide elsewhere than in one text: names, two fields, handles, a place."""

import pyarrow as pa
import pytest

from sxe_pipeline.redact import (
    contact_shaped,
    holds_contact,
    redact_array,
    redact_links,
    redact_seam,
    redact_text,
)


@pytest.mark.parametrize(
    "name",
    [
        "jane@gmail.com",
        "+1 415 555 0134",
        "spring/jane (at) gmail (dot) com.csv",
        "415-555-0134.jsonl",
        "tel_4155550134",
        "call me 0415 555 013",
        "telegram: @lenalopez",
        "2026/whatsapp: lena.lopez/a.jsonl",
        "age_18.+4915112345678",
    ],
)
def test_a_name_that_holds_a_contact_is_told(name):
    assert holds_contact(name)


@pytest.mark.parametrize(
    "name",
    [
        "spring",
        "export_20261124093015_part-00012.jsonl.gz",
        "part-00000-5f3a1b2c-1111-2222-3333-444455556666-c000.snappy.parquet",
        "1717171717.json",
        "users_page_12_1764381234567.json",
        "9f86d081884c7d65-2026-11-24.csv",
        "data 2024-01-02 10-20-30.json",
        "dt=2026-09-01",
        "telegram_ukraine2024.jsonl",
        "whatsapp groups_2.csv",
    ],
)
def test_what_machines_put_into_names_is_no_contact(name):
    assert not holds_contact(name)


@pytest.mark.parametrize(
    ("first", "second", "stored"),
    [
        pytest.param("lena [at]", "gmail [dot] com hi", ("[email]", " hi"), id="an address"),
        pytest.param("call +1 415", "555 0134 now", ("call [phone]", " now"), id="a number"),
        pytest.param("WhatsApp", "92147065", ("WhatsApp", "[phone]"), id="a word before a number"),
        pytest.param("lena.lopez", "@gmail.com", ("[email]", ""), id="a host"),
        pytest.param("Lena 2024", "24 books", ("Lena 2024", "24 books"), id="years and a count"),
        pytest.param("Lena", None, ("Lena", None), id="nothing behind it"),
    ],
)
def test_a05_what_crosses_the_border_of_two_fields_goes_from_both(first, second, stored):
    joined = redact_seam(pa.array([first]), pa.array([second], pa.string()))

    assert (joined.first[0].as_py(), joined.second[0].as_py()) == stored
    assert len(joined.rows) == len(joined.kinds) == (stored != (first, second))


def test_eight_digits_are_a_number_where_the_account_says_that_numbers_are_short():
    texts, places = ["cakes 9214 7065"] * 3, ["Oslo, Norge", "Austin, TX", None]

    redacted = redact_array(pa.array(texts), places=pa.array(places))

    assert redacted.texts.to_pylist() == ["cakes [phone]", texts[1], texts[2]]
    assert redacted.counts.to_pylist() == [1, 0, 0]
    assert [
        redact_text(text, place=place)[0] for text, place in zip(texts, places, strict=True)
    ] == (redacted.texts.to_pylist())


@pytest.mark.parametrize(
    ("handle", "is_contact"),
    [
        ("lena.14155529108.x", True),
        ("call4155529", True),
        ("lena_at_gmail", True),
        ("lena.gmail.com", True),
        ("user1234567890123", False),
        ("marathon2024_10_12", False),
        ("lena.gmail", False),
    ],
)
def test_a_handle_with_a_number_or_a_mailbox_in_it_is_a_contact(handle, is_contact):
    assert contact_shaped(pa.array([handle])).to_pylist() == [is_contact]


@pytest.mark.parametrize(
    ("link", "stays"),
    [
        ("https://brightmaple.example/call/14155529108", False),
        ("https://brightmaple.example/go?u=https%3A%2F%2Fwa.me%2F14155529108", False),
        ("https://brightmaple.example/go?to=https%253A%252F%252Ft.me%252Flena", False),
        ("https://wa.me./14155529108", False),
        ("https://lena@gmail.com/", False),
        ("https://brightmaple.example/?q=bGVuYS5sb3BlekBnbWFpbC5jb20", False),
        ("https://www.facebook.com/profile.php?id=100012345678901", True),
        ("https://vimeo.com/123456789", True),
        ("https://medium.com/@lena.lopez", True),
        ("+4915112345678", False),
        ("Calle Goya 12, 28013 Madrid", False),
        ("brightmaple.example 415 555 0134", False),
        ("call nine one two seven five zero seven one zero nine", False),
        ("my shop is open", True),
    ],
)
def test_a_link_goes_for_what_it_carries_and_not_for_its_digits(link, stays):
    left = redact_links(pa.array([[link]], pa.list_(pa.string())))

    assert left.links.to_pylist() == [[link] if stays else []]

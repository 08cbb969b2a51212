"""A listed host is one wherever it stands: in a text, behind the filter, in a link field."""

import polars as pl
import pyarrow as pa
import pytest

from sxe_pipeline.redact import redact_array, redact_links, redact_text
from sxe_pipeline.redact.ruleset import hosts

CONTACTS = [host for host in hosts("contact_hosts") if "/" not in host]
HUBS = list(hosts("link_hubs"))
FORMS = ("{name}.{host}", "https://{name}.{host}/", "http://{name}.{host}/?x=1", "{host}/{name}")


def in_a_link_field(link):
    return redact_links(pa.array([[link]], pa.list_(pa.string())))


@pytest.mark.parametrize("form", FORMS)
def test_a_name_at_a_contact_host_goes_from_texts_and_link_fields(form):
    links = [form.format(name="ninakowal", host=host) for host in CONTACTS]
    texts = pl.Series([f"see {link}" for link in links])

    column = redact_array(texts.to_arrow()).texts.to_pylist()
    fields = [in_a_link_field(link).links.to_pylist() for link in links]

    assert [link for link, text in zip(links, column, strict=True) if "ninakowal" in text] == []
    assert [link for link, left in zip(links, fields, strict=True) if left != [[]]] == []


@pytest.mark.parametrize("form", FORMS)
def test_of_a_name_at_a_link_hub_both_keep_the_host_and_count_the_name(form):
    links = [form.format(name="ninakowal", host=host) for host in HUBS]

    column = redact_array(pa.array([f"see {link}" for link in links]))
    fields = [in_a_link_field(link) for link in links]

    assert [text for text in column.texts.to_pylist() if "ninakowal" in text] == []
    assert column.counts.to_pylist() == [1] * len(links)
    assert column.texts.to_pylist() == [f"see {host}/[link]" for host in HUBS]
    assert [field.links.to_pylist() for field in fields] == [[[host]] for host in HUBS]
    assert [field.counts.to_pylist() for field in fields] == [[1]] * len(links)


@pytest.mark.parametrize(
    "text",
    [
        "www.linktr.ee is a site",
        "t.me is a host",
        "ninakowal.t.me.example.org",
        "nina-t.me.uk",
        "it was fun. T, me and you",
        "about.me",
    ],
)
def test_a_host_alone_and_a_longer_one_stay(text):
    assert redact_text(text) == (text, [])


def test_a_bracketed_dot_before_a_host_is_one():
    text = "nina_kowal[.]t[.]me and nina(dot)carrd(dot)co"

    assert redact_text(text)[0] == "[link] and carrd.co/[link]"

"""Columns, link fields, handles and the stream: the vectorised paths agree with the exact one."""

import json

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sxe_pipeline.errors import BadInput
from sxe_pipeline.redact import (
    RULESET_VERSION,
    Rules,
    contact_shaped,
    redact_array,
    redact_links,
    redact_text,
)
from sxe_pipeline.redact.stream import redact_lines

_TEXTS = [
    "mail ana@example.com or +44 20 7946 0958",
    None,
    "",
    "hello＠example．com",
    "ana@example.com bob@example.com",
    "already [email] here",
    "mail ana@example.com or +44 20 7946 0958",
    "nothing here",
    "https://wa.me/447700900123 and ana (at) example.com",
]


def test_a_column_gives_what_each_text_gives() -> None:
    redacted = redact_array(pa.array(_TEXTS))

    expected = [None if text is None else redact_text(text)[0] for text in _TEXTS]
    assert redacted.texts.to_pylist() == expected
    assert redacted.texts.type == pa.string()


def test_nulls_stay_null_and_count_nothing() -> None:
    redacted = redact_array(pa.array([None, "x"], pa.string()))

    assert redacted.texts.to_pylist() == [None, "x"]
    assert redacted.counts.to_pylist() == [0, 0]
    assert redacted.kinds.to_pylist() == [[], []]


def test_texts_that_come_again_between_nulls_each_get_their_own_answer() -> None:
    texts = [*_TEXTS, None, *reversed(_TEXTS), "nothing here"]

    redacted = redact_array(pa.array(texts))

    told = [("", []) if text is None else redact_text(text) for text in texts]
    assert redacted.texts.to_pylist() == [
        None if text is None else clean for text, (clean, _) in zip(texts, told, strict=True)
    ]
    assert redacted.counts.to_pylist() == [len(spans) for _, spans in told]
    assert redacted.kinds.to_pylist() == [sorted({s.kind for s in spans}) for _, spans in told]


def test_an_empty_column_stays_empty() -> None:
    assert len(redact_array(pa.array([], pa.string())).texts) == 0


def test_counts_and_kinds_tell_what_was_removed_but_not_the_tokens_from_before() -> None:
    redacted = redact_array(pa.array(["a [email] b ana@example.com, +44 20 7946 0958"]))

    assert redacted.counts.to_pylist() == [2]
    assert redacted.kinds.to_pylist() == [["email", "phone"]]


@settings(deadline=None)
@given(st.lists(st.one_of(st.none(), st.text(max_size=60)), max_size=8))
def test_any_column_is_redacted_once_and_for_all(texts: list[str | None]) -> None:
    once = redact_array(pa.array(texts, pa.string()))

    assert len(once.texts) == len(texts)
    assert redact_array(once.texts).texts.equals(once.texts)


def test_contact_links_go_hubs_keep_their_host_and_other_links_stay() -> None:
    links = pa.array(
        [
            ["mailto:ana@example.com", "https://example.com/blog", "https://linktr.ee/ana"],
            ["tel:+442079460958", "wa.me/447700900123", "https://t.me/ana", "youtube.com/@ana"],
            None,
            [],
            ["https://example.com/?mail=ana%40example.com", None],
        ],
        pa.list_(pa.string()),
    )

    redacted = redact_links(links)

    assert redacted.links.to_pylist() == [
        ["https://example.com/blog", "linktr.ee"],
        ["youtube.com/@ana"],
        None,
        [],
        [],
    ]
    assert redacted.hubs.to_pylist() == ["linktr.ee", None, None, None, None]
    assert redacted.counts.to_pylist() == [2, 3, 0, 0, 1]
    assert redacted.kinds.to_pylist()[1] == ["contact_link"]
    assert redact_links(redacted.links).links.equals(redacted.links)


def test_handles_shaped_like_contact_data_are_flagged() -> None:
    handles = pa.array(["ana", "ana@example.com", "442079460958", "ana_2024", "anagmailcom", None])

    assert contact_shaped(handles).to_pylist() == [False, True, True, False, True, None]


def test_the_ruleset_names_a_version() -> None:
    assert "+" in RULESET_VERSION


def test_the_stream_adds_redacted_and_spans_and_keeps_the_rest() -> None:
    lines = [
        json.dumps({"n": 1, "text": "👋 ana@example.com"}).encode(),
        b"  ",
        b'{"n":2}',
        b'{"n":3,"text":null}',
    ]

    rows = list(redact_lines(lines, "text", batch=2))

    assert rows[0] == {
        "n": 1,
        "text": "👋 ana@example.com",
        "redacted": "👋 [email]",
        "spans": [{"start": 2, "end": 17, "kind": "email"}],
    }
    assert [row["redacted"] for row in rows[1:]] == [None, None]


def test_the_stream_takes_rules() -> None:
    line = b'{"text":"ana@example.com"}'

    assert next(redact_lines([line], "text", rules=Rules().without("email")))["spans"] == []


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b"{oops ana@example.com", id="broken JSON"),
        pytest.param(b"[1]", id="no object"),
        pytest.param(b'{"text": 5}', id="no text"),
        pytest.param(b'{"text": "\xff"}', id="not UTF-8"),
    ],
)
def test_a_bad_line_is_named_by_number_and_never_quoted(line: bytes) -> None:
    with pytest.raises(BadInput, match="line 2") as caught:
        list(redact_lines([b"{}", line], "text"))

    assert "ana@" not in str(caught.value)

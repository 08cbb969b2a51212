"""What is logged and said holds no contact data, and the address of a server is none."""

import traceback

import psycopg
import pytest
import structlog

from sxe_pipeline import logs
from sxe_pipeline.logs import scrub


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1:25060",
        "10.244.113.201:5432",
        "http://127.0.0.1:45660/bucket",
        "db-postgresql-nyc3-12345-do-user-1234567-0.b.db.example.com:25060",
        "localhost:65001",
        "[::1]:5432",
    ],
)
def test_d14_the_address_of_a_server_is_no_phone_number(address):
    said = f"database sxe at {address} does not let sxe_api in (wrong password)"

    assert scrub(said) == said


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("write ana at gmail dot com", id="no sign at all"),
        pytest.param("ａｎａ＠ｇｍａｉｌ．ｃｏｍ", id="wide letters"),
        pytest.param("تلفن ۰۹۱۲۳۷۷۲۲۳۵", id="digits of another script"),
        pytest.param("call nine one two seven five zero seven one zero nine", id="digits in words"),
        pytest.param("telegram: ana_writes", id="a messenger"),
    ],
)
def test_a_contact_needs_no_digit_and_no_at_sign_to_be_seen(text):
    said = scrub(text)

    assert "[" in said
    assert not any(part in said for part in ("ana", "ａｎａ", "۷۷", "seven"))


@pytest.mark.parametrize(
    "text",
    [
        "call:415 555 0123",
        "phone.me:415 555 0123",
        "me.tel:415-555-0123",
        "415.555.0123:22",
        "2125551234.example.com:80",
        "ana@example.com:25060",
        "+1 415 555 0123:80 at 127.0.0.1:25060",
        "t:41 at 10.0.0.1:80 call 415-555-0123",
    ],
)
def test_a_contact_does_not_hide_behind_a_port(text):
    said = scrub(text)

    assert "[phone]" in said or "[email]" in said
    assert "555" not in said
    assert "ana" not in said


@pytest.mark.parametrize(
    "text",
    [
        "write to ana@example.com " + "x" * 5_000,
        "x" * 190 + " ana@example.com " + "x" * 5_000,
        "ana@example.com " * 400,
        "+1 202 555 0143; " * 400,
    ],
    ids=["at the front", "where it is shown to", "an address again and again", "a number"],
)
def test_a_line_that_is_too_long_to_show_is_looked_at_before_it_is_cut(text):
    said = scrub(text)

    assert "ana" not in said
    assert "555" not in said
    assert len(said) <= 200


def test_a_test_sees_what_we_log_ourselves(logged):
    logs.get("contacts").debug("sent", exception="a secret")

    assert "a secret" in logged.text


def refused(database):
    row = '[{"card_id": "c", "market": "m", "platforms": [], "inputs": {"name": "Zyx\\n\\nwva"}}]'
    with psycopg.connect(database.dsn("sxe_social")) as conn:
        conn.execute("select gate.put_candidates(gen_random_uuid(), %s)", [row])


def refused_and_given_up(database):
    try:
        refused(database)
    except psycopg.Error:
        raise ValueError("given up")  # noqa: B904 - what a traceback shows of both


@pytest.mark.parametrize(
    ("fails", "last"),
    [(refused, "candidate_platforms_check"), (refused_and_given_up, "ValueError: given up")],
)
def test_a_failed_statement_is_logged_without_the_row_that_the_database_quotes(
    database, fails, last
):
    try:
        fails(database)
    except (psycopg.Error, ValueError):
        text = traceback.format_exc()
    logs.get("tests")
    said = {"event": "failed", "exception": text}
    for step in structlog.get_config()["processors"][:-1]:
        said = step(None, "error", said)

    for name in ("Zyx", "wva"):
        assert name in text
        assert name not in said["exception"]
        assert name not in scrub(text.split("\n\n")[0]), "as the reason of a run is kept, too"
    for told in ("candidate_platforms_check", last):
        assert told in said["exception"], "what failed is still said"


def test_what_the_rules_break_at_is_not_said(monkeypatch):
    def breaks(text):
        raise RecursionError(text)

    monkeypatch.setattr("sxe_pipeline.redact.redact_text", breaks)

    assert scrub("could not read: ana@example.com") == "‹not shown: it could not be looked at›"

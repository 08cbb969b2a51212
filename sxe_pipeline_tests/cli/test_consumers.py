"""Consumers at a terminal: added, given keys, answered for, and what is printed of them."""

import json
from pathlib import Path

import pytest

from sxe_pipeline.cli.consumers import span_of
from sxe_pipeline.errors import BadInput
from sxe_pipeline_tests.handoff.readers import KEYS, Readers

CARD = ("--contract", "lead_card")


@pytest.fixture
def clerk(empty):
    """A terminal with two admins and somebody who enters answers; nothing is published."""
    empty.world.bootstrap()
    empty.world.person("ben", "ack")
    return empty


def published(clerk, market="makers"):
    """A batch of three rows, and the file that somebody who read it would send."""
    readers = Readers(clerk.world.database, clerk.tokens)
    batch = readers.publish(market=market)
    readers.leave()
    file = clerk.home / f"{batch}.json"
    file.write_text(json.dumps(readers.said(batch)))
    return batch, str(file)


def test_a_consumer_from_its_first_day_to_its_last(clerk):
    batch, file = published(clerk)
    dry = clerk.read("cho", "consumers", "add", "acme", *CARD, "--dry-run")
    added = clerk.read("cho", "consumers", "add", "acme", *CARD, "--ack-within", "7d")
    key = clerk.read("cho", "consumers", "key", "acme", "--days", "30")
    entered = clerk.read("ben", "consumers", "ack", file, "--consumer", "acme")
    again = clerk.read("ben", "consumers", "ack", file, "--consumer", "acme")
    [status] = clerk.read(None, "batch", "status")["rows"]
    shown = clerk.read(None, "consumers", "show", "acme")

    assert dry["dry_run"] is True
    assert added["rows"] == [
        {"consumer": "acme", "contract": "lead_card", "market": "*", "delivered": 1}
    ]
    assert key["api_key"].startswith("sxe-consumer:")
    assert (entered["batch_id"], entered["answer"]["is_new"]) == (batch, True)
    assert entered["answer"]["is_proved"] is True
    assert again["answer"]["is_new"] is False
    assert (status["state"], status["reasons"]) == ("unknown", ["young"])
    assert shown["consumer"]["subscriptions"][0]["ack_within_s"] == 7 * 86_400
    assert shown["slo"][0]["acks"] == 1
    clerk.type("cho", "consumers", "revoke", key["key"])
    clerk.type("cho", "consumers", "unsubscribe", "acme", *CARD)
    clerk.type("cho", "consumers", "end", "acme")
    assert clerk.read(None, "batch", "status")["rows"] == []
    assert sum(key["api_key"] in text for text in clerk.printed) == 1, "a key is shown once"


def test_what_a_person_reads_of_consumers(clerk):
    _, file = published(clerk)
    clerk.type("cho", "consumers", "add", "acme", *CARD, "--market", "makers", "--market", "cooks")
    clerk.type("cho", "consumers", "subscribe", "acme", "--contract", "lead_contact", "--queue")
    made = clerk.type("cho", "consumers", "key", "acme", *CARD).output
    listed = clerk.type(None, "consumers", "list").output
    shown = clerk.type(None, "consumers", "show", "acme").output
    kept = clerk.type("ben", "consumers", "ack", file, "--consumer", "acme").output
    status = clerk.type(None, "batch", "status", "--consumer", "acme").output

    assert "shown once" in made
    assert "lead_card/cooks, lead_card/makers, lead_contact/*" in listed
    assert "36 h" in shown
    assert "the rows that were published were read" in kept
    assert "no_delivery" in status
    assert "young" in status


def test_what_is_refused_at_the_terminal_ends_with_its_own_code(clerk):
    batch, file = published(clerk)
    clerk.type("cho", "consumers", "add", "acme", *CARD)
    other = clerk.home / "other.json"
    other.write_text(json.dumps(json.loads(Path(file).read_text()) | {"rows_read": 9}))
    foreign = clerk.home / "foreign.json"
    foreign.write_text(json.dumps(json.loads(Path(file).read_text()) | {"manifest_sha256": KEYS}))

    clerk.type("ben", "consumers", "ack", file, "--consumer", "acme")
    said = clerk.type("ben", "consumers", "ack", str(other), "--consumer", "acme", code=5)
    assert "stands already" in said.output
    clerk.type("ben", "consumers", "ack", str(foreign), "--consumer", "acme", code=2)
    clerk.type("ben", "consumers", "ack", file, "--consumer", "beta", code=4)
    clerk.type("cho", "consumers", "ack", file, "--consumer", "acme", code=5)
    clerk.type("ben", "consumers", "add", "beta", *CARD, code=5)
    clerk.type("cho", "consumers", "add", "acme", *CARD, code=5)
    clerk.type("cho", "consumers", "add", "beta", "--contract", "lead_crad", code=4)
    clerk.type("cho", "consumers", "add", "beta", *CARD, "--ack-within", "soon", code=2)
    clerk.type("cho", "consumers", "add", "beta", *CARD, "--ack-within", "31d", code=2)
    clerk.type(None, "consumers", "show", "beta", code=4)
    clerk.type(None, "batch", "status", "--consumer", "beta", code=4)
    clerk.type("cho", "consumers", "end", "beta", code=4)
    clerk.type("cho", "consumers", "revoke", "00000000", code=4)
    assert batch not in said.output


def test_a_key_that_could_not_be_printed_was_not_made(clerk, monkeypatch):
    def broken(*_):
        raise BrokenPipeError

    clerk.type("cho", "consumers", "add", "acme", *CARD)
    monkeypatch.setattr("sxe_pipeline.cli.consumers.answer", broken)

    clerk.type("cho", "consumers", "key", "acme")

    assert clerk.world.one("select count(*) from handoff.api_key") == 0


@pytest.mark.parametrize("text", ["", "36", "h", "-1h", "0h", "1.5h", "36 h", "1w", "١h"])
def test_a_span_is_a_number_of_minutes_hours_or_days(text):
    with pytest.raises(BadInput, match="90m, 36h or 7d"):
        span_of(text)

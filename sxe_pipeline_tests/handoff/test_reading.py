"""A consumer reads a batch by the pinned key alone, and answers for what it read."""

import functools
import hashlib
import http.server
import json
import shutil
import threading

import duckdb
import pytest

from sxe_pipeline.errors import (
    BadConfig,
    BadInput,
    Conflict,
    ContractBroken,
    NotFound,
    Refused,
    StoreUnavailable,
    Tampered,
)
from sxe_pipeline.handoff.reader import answer, reading, sources
from sxe_pipeline_tests.cli.terminal import typed
from sxe_pipeline_tests.handoff import ack_server
from sxe_pipeline_tests.handoff.contacts import contacts

KEY = "sxe-consumer:" + "k" * 43
ERROR = {"path": "bio", "rule": "pattern", "count": 2}


@pytest.fixture
def handed(readers, run, cards, store, tmp_path):
    """A batch of cards that was published and delivered to acme: its id and its folder."""
    readers.add("acme", "lead_card")
    batch_id = run(cards(20), by=readers.social).batch_id
    [folder] = (tmp_path / "handoff").glob(f"lead_card/*/{batch_id}")
    return batch_id, folder


def know_keys(readers, batch_id, said):
    """As the tier that publishes keeps them; what is published does not change otherwise."""
    readers.owner("alter table handoff.batch disable trigger keep_published")
    readers.owner(
        "update handoff.batch set keys_sha256 = coalesce(keys_sha256, %s) where batch_id = %s",
        *(said["keys_sha256"], batch_id),
    )
    readers.owner("alter table handoff.batch enable trigger keep_published")


def test_what_was_read_is_what_duckdb_reads(handed, signer):
    _, folder = handed
    read = reading.read(folder, signer.public_key, status="accepted")

    with duckdb.connect() as db:
        [(rows, keys)] = db.sql(
            "select count(*), sha256(string_agg(card_id, chr(10) order by card_id)) "
            f"from read_parquet('{folder}/parquet/*.parquet')"
        ).fetchall()

    assert (read.said["rows_read"], read.said["keys_sha256"]) == (rows, keys) != (0, None)
    manifest = (folder / "_manifest.json").read_bytes()
    assert read.said["manifest_sha256"] == hashlib.sha256(manifest).hexdigest()


def test_contact_points_are_proved_without_their_values(publish_contacts, signer, tmp_path):
    batch_id = publish_contacts(contacts(9)).batch_id
    [folder] = (tmp_path / "handoff").glob(f"lead_contact/*/{batch_id}")

    read = reading.read(folder, signer.public_key, status="accepted")

    [file] = folder.glob("_jsonl/*")
    rows = [json.loads(line) for line in file.read_bytes().splitlines()]
    lines = sorted(f"{r['card_id']}\t{r['kind']}\t{r['obtained_at']}" for r in rows)
    assert read.said["keys_sha256"] == hashlib.sha256("\n".join(lines).encode()).hexdigest()
    assert read.said["rows_read"] == 9


def test_an_empty_batch_is_read_too(write, cards, signer, tmp_path):
    said = reading.read(write(tmp_path, cards(0)), signer.public_key, status="accepted").said

    assert (said["rows_read"], said["keys_sha256"]) == (0, hashlib.sha256().hexdigest())


def test_a5_a_stranger_reads_and_answers_over_the_api_and_twice_is_once(readers, handed, signer):
    batch_id, folder = handed
    read = reading.read(folder, signer.public_key, ["lead_card"], status="accepted")
    know_keys(readers, batch_id, read.said)

    with ack_server.served(readers.database.dsn("sxe_serve")) as api:
        first, again = (
            answer.send(api.url, readers.keys["acme"].text, batch_id, read.said) for _ in range(2)
        )
        with pytest.raises(Conflict):
            other = read.said | {"status": "rejected"}
            answer.send(api.url, readers.keys["acme"].text, batch_id, other)

    assert (first.is_new, first.is_proved, again.is_new) == (True, True, False)
    assert first.acked_at == again.acked_at
    assert readers.findings() == {}


def test_a5_killed_between_the_commit_and_the_reply_the_same_answer_is_taken_again(
    readers, handed, signer
):
    batch_id, folder = handed
    said = reading.read(folder, signer.public_key, status="accepted").said
    key, dsn = readers.keys["acme"].text, readers.database.dsn("sxe_serve")

    with ack_server.deadly(dsn) as (child, url):
        with pytest.raises(StoreUnavailable, match="send it again"):
            answer.send(url, key, batch_id, said)
        assert child.wait() == -9
    assert readers.events("ack.received") == 1, "it was kept"

    with ack_server.served(dsn) as api:
        again = answer.send(api.url, key, batch_id, said)
        with pytest.raises(Conflict):
            answer.send(api.url, key, batch_id, said | {"rows_read": 1})

    assert not again.is_new
    assert readers.events("ack.received") == 1


def test_a_batch_of_an_address_is_answered_as_one_of_a_folder(
    handed, signer, tmp_path, served_files
):
    _, folder = handed
    address = f"{served_files}/{folder.relative_to(tmp_path)}"

    read = reading.read(sources.source_of(address), signer.public_key, status="accepted")

    assert read == reading.read(folder, signer.public_key, status="accepted")


@pytest.fixture
def served_files(tmp_path):
    """The test's own folder, by a web server."""
    quiet = type("Quiet", (http.server.SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    handler = functools.partial(quiet, directory=tmp_path)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join(30)


def test_what_is_not_the_senders_is_not_answered(handed, signer, tmp_path):
    _, folder = handed
    other = shutil.copytree(folder, tmp_path / "other")
    part = next((other / "parquet").iterdir())
    part.write_bytes(part.read_bytes()[:-1])

    for status in ("accepted", "rejected"):
        with pytest.raises(Tampered):
            reading.read(other, signer.public_key, status=status)
    with pytest.raises(Tampered, match="pinned for"):
        reading.read(folder, signer.public_key, ["lead_contact"], status="rejected")


def test_rows_that_break_their_contract_can_be_rejected_and_not_accepted(
    write, cards, signer, tmp_path
):
    rows = cards(4).to_pylist()
    rows[0]["follower_band"] = "plenty"
    folder = write(tmp_path, type(cards(1)).from_pylist(rows, schema=cards(1).schema))

    with pytest.raises(ContractBroken):
        reading.read(folder, signer.public_key, status="accepted")
    error = {"path": "follower_band", "rule": "enum", "count": 1}
    read = reading.read(folder, signer.public_key, status="rejected", errors=[error])

    assert (read.said["rows_read"], read.said["errors"]) == (4, [error])
    with pytest.raises(BadInput, match="no column"):
        error = {"path": "plenty", "rule": "enum", "count": 1}
        reading.read(folder, signer.public_key, status="rejected", errors=[error])


@pytest.mark.parametrize(
    ("fixed", "error"),
    [
        ((400, b"{}"), BadInput),
        ((401, b"{}"), Refused),
        ((403, b"{}"), Refused),
        ((404, b"{}"), NotFound),
        ((409, b"{}"), Conflict),
        ((422, b"{}"), BadInput),
        ((429, b"{}"), StoreUnavailable),
        ((500, b"<html>"), StoreUnavailable),
        ((200, b"<html>"), StoreUnavailable),
        ((200, b"{}"), StoreUnavailable),
        ((200, b"[" * 100_000), StoreUnavailable),
    ],
)
def test_what_an_api_answers_is_said_in_words(fixed, error):
    with ack_server.served(fixed=fixed) as api, pytest.raises(error) as told:
        answer.send(api.url, KEY, "0" * 32, {})

    assert KEY not in str(told.value)


def test_a4_a_redirect_does_not_take_the_key_along():
    with (
        ack_server.served(fixed=(200, b"{}")) as thief,
        ack_server.served(fixed=(307, f"{thief.url}/")) as api,
        pytest.raises(StoreUnavailable, match="307"),
    ):
        answer.send(api.url, KEY, "0" * 32, {})

    assert api.asked == [("/v1/batches/" + "0" * 32 + "/ack", f"Bearer {KEY}")]
    assert thief.asked == []


def test_an_api_that_is_not_there_is_asked_again_later():
    with ack_server.served() as gone:
        url = gone.url

    with pytest.raises(StoreUnavailable, match="send it again"):
        answer.send(url, KEY, "0" * 32, {})


@pytest.mark.parametrize(
    "api",
    [
        *("http://sxe.example", "ftp://127.0.0.1", "sxe.example", "", "https://", "https://[::1"),
        *("https://ana:secret@sxe.example", "https://sxe.example?key=1", "http://127.0.0.1:x"),
    ],
)
def test_a4_a_key_goes_out_over_tls_alone(api):
    with pytest.raises(BadInput, match="https://HOST") as told:
        answer.send(api, KEY, "0" * 32, {})

    assert "secret" not in str(told.value)


@pytest.mark.parametrize(
    "key", ["", "short", "sxe-consumer:with a space " * 2, "k" * 16 + "\r\nX: 1"]
)
def test_a4_what_is_no_key_is_not_sent(key):
    with ack_server.served() as api, pytest.raises(BadConfig, match="SXE_API_KEY"):
        answer.send(api.url, key, "0" * 32, {})

    assert api.asked == []


def test_a_consumer_answers_at_a_terminal_by_file_or_over_the_api(
    readers, handed, signer, tmp_path
):
    _, folder = handed
    pinned, out = tmp_path / "signing.pub", tmp_path / "ack.json"
    pinned.write_bytes(signer.public_pem(["lead_card"]))
    words = ("batch", "ack", str(folder), "--key", str(pinned), "--status", "accepted")
    home = tmp_path / "home"

    to_file = typed(home, *words, "--error", "bio=pattern=2", "--out", str(out))
    with ack_server.served(readers.database.dsn("sxe_serve")) as api:
        key = readers.keys["acme"].text
        sent = typed(home, *words, "--api", api.url, "--json", SXE_API_KEY=key)
        conflict = typed(home, *words, "--error", "bio=enum=1", "--api", api.url, SXE_API_KEY=key)
        keyless = typed(home, *words, "--api", api.url)

    assert (to_file.exit_code, json.loads(out.read_text())["errors"]) == (0, [ERROR])
    assert json.loads(sent.stdout)["answer"]["is_new"] is True
    assert (conflict.exit_code, keyless.exit_code) == (5, 3)
    assert not any(key in done.output for done in (to_file, sent, conflict, keyless))
    for more in (
        (),
        ("--out", str(out)),
        ("--out", "x", "--api", api.url),
        ("--error", "bio", "--out", "y"),
    ):
        assert typed(home, *words, *more).exit_code == 2, more
    assert not home.exists(), "a consumer needs no home and no database"

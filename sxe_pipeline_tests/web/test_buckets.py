"""Files in buckets: the API leads to them, and to those of contacts by the contact service."""

import contextlib
import hashlib
import http.client
import io
import json
import subprocess
import sys
import textwrap
import urllib.request
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import boto3
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sxe_pipeline.errors import NotFound, StoreUnavailable
from sxe_pipeline.handoff import lending
from sxe_pipeline.handoff.chain_rows import Deltas
from sxe_pipeline.handoff.files import manifest
from sxe_pipeline.local import lender
from sxe_pipeline.store.objects import Objects
from sxe_pipeline_tests.handoff.contacts import DAY, NEXT, at, contacts
from sxe_pipeline_tests.handoff.whole import withheld
from sxe_pipeline_tests.ports import free_port
from sxe_pipeline_tests.test_s3 import SERVER
from sxe_pipeline_tests.web.site import served

SECRET = "shared-by-both-" + "x" * 20
CARDS, CONTACTS = "s3://sxe-handoff/at", "s3://sxe-contact-handoff/at"
pytestmark = pytest.mark.usefixtures("processes")


@pytest.fixture(scope="module")
def buckets():
    """S3 on a socket, with the usual variables of its clients."""
    command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(SERVER)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    server = subprocess.Popen(command, text=True, **pipes)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{int(server.stdout.readline())}",
            "AWS_ALLOW_HTTP": "true",
            "AWS_EC2_METADATA_DISABLED": "true",
        }.items():
            patch.setenv(name, value)
        client = boto3.client("s3")
        for url in (CARDS, CONTACTS):
            client.create_bucket(Bucket=urlsplit(url).hostname)
        client.close()
        yield
    server.communicate()


def contact_service(people, url=CONTACTS):
    return SimpleNamespace(
        presign_secret=SECRET,
        contact_handoff_url=url,
        need=lambda login: people.database.dsn({"contacts_dsn": "sxe_contacts"}[login]),
    )


@pytest.fixture(scope="module")
def lent(people, buckets):
    """The contact service on a port."""
    with lender.served("127.0.0.1", contact_service(people), port=0) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def site(people, signer, buckets, lent):
    with served(people, CARDS, signer, lender=(lent, SECRET)) as made:
        yield made


@pytest.fixture(scope="module")
def contact_key(site):
    """Of a consumer that was subscribed when the contact points were published."""
    return site.key(contracts=["lead_contact"])


@pytest.fixture(scope="module")
def contact_batch(site, contact_key):
    return site.publish(
        contacts(), contract="lead_contact", batch_key=at(), objects=Objects(CONTACTS)
    )


def files_of(site, batch, key):
    return manifest.files_of(site.ask(f"/v1/batches/{batch.batch_id}", key).body)


def followed(answer):
    """What lies at the address, and for how many seconds it does."""
    url = answer.headers["location"]
    with urllib.request.urlopen(url) as got:
        return got.read(), int(parse_qs(urlsplit(url).query)["X-Amz-Expires"][0])


def test_a_file_of_cards_is_read_in_its_bucket_for_five_minutes(site, key, batch):
    for entry in files_of(site, batch, key):
        got = site.ask(f"/v1/batches/{batch.batch_id}/files/{entry['name']}", key)
        data, seconds = followed(got)

        assert (got.status, got.body, seconds) == (307, b"", 300)
        assert got.headers["cache-control"] == "no-store"
        assert hashlib.sha256(data).hexdigest() == entry["sha256"]


def test_rows_of_cards_are_streamed_out_of_the_bucket(site, key, batch):
    got = site.ask(f"/v1/batches/{batch.batch_id}/rows", key)

    assert (got.status, len(got.body.splitlines())) == (200, 20)


def test_delta_sharing_leads_to_the_bucket_and_serves_what_it_computes(site, cards):
    rows = cards(8, market="shared").sort_by("card_id")
    site.publish(rows, "shared")
    key = site.key(markets=["shared"])

    def state():
        table = "/delta-sharing/shares/sxe/schemas/tier1/tables/lead_card_v1"
        _, _, file = site.ask(f"{table}/query", key, "POST").body.splitlines()
        url = json.loads(file)["file"]["url"]
        with urllib.request.urlopen(url) as got:
            return url, pq.read_table(io.BytesIO(got.read())).sort_by("card_id")

    url, held = state()
    assert "X-Amz-Expires=300" in url
    assert held.equals(rows)
    site.publish(rows.slice(1), "shared", DAY + NEXT, deltas=Deltas(withheld, 7))
    url, held = state()
    assert url.startswith(f"{site.url}/delta-sharing/files/")
    assert held.equals(rows.slice(1))


def test_a_file_of_contacts_is_lent_by_the_contact_service(site, contact_batch, contact_key):
    for entry in files_of(site, contact_batch, contact_key):
        got = site.ask(f"/v1/batches/{contact_batch.batch_id}/files/{entry['name']}", contact_key)
        data, seconds = followed(got)

        assert (got.status, got.body, seconds) == (307, b"", 300)
        assert hashlib.sha256(data).hexdigest() == entry["sha256"]
    assert site.ask(f"/v1/batches/{contact_batch.batch_id}/rows", contact_key).status == 501


def test_a_file_of_contacts_is_lent_to_no_key_of_cards_and_to_nobody_who_came_later(
    site, key, contact_batch, contact_key, lent
):
    later = site.key(contracts=["lead_contact"])
    name = files_of(site, contact_batch, contact_key)[0]["name"]
    sha256, foreign, late = (hashlib.sha256(k.encode()).digest() for k in (contact_key, key, later))

    assert site.ask(f"/v1/batches/{contact_batch.batch_id}/files/{name}", key).status == 404
    assert lending.ask(lent, SECRET, sha256, contact_batch.batch_id, name).url
    for asked in (
        (foreign, contact_batch.batch_id, name),
        (late, contact_batch.batch_id, name),
        (b"x" * 32, contact_batch.batch_id, name),
        (sha256, "0" * 32, name),
        (sha256, contact_batch.batch_id, "../_manifest.json"),
        (sha256, contact_batch.batch_id, manifest.NAME),
    ):
        with pytest.raises(NotFound):
            lending.ask(lent, SECRET, *asked)


def test_the_contact_service_lends_to_nobody_without_the_secret(site, contact_batch, lent):
    with pytest.raises(StoreUnavailable):
        lending.ask(lent, "another", b"x" * 32, contact_batch.batch_id, "x")
    with pytest.raises(StoreUnavailable):
        lending.ask(f"http://127.0.0.1:{free_port()}", SECRET, b"x" * 32, "0" * 32, "x")


def test_whoever_signs_with_any_character_is_refused_and_no_thread_of_the_lender_dies(lent):
    where = urlsplit(lent)
    conn = http.client.HTTPConnection(where.hostname, where.port, timeout=10)
    with contextlib.closing(conn):
        conn.request("POST", "/lend", b"{}", {lending.SIGNATURE: "\u00e9\u00ff".encode("latin-1")})
        assert conn.getresponse().status == 401


@given(signed=st.text())
def test_only_the_signature_of_a_body_opens_it(signed):
    assert lending.opened(SECRET, b"{}", signed, 1000) is None


@pytest.mark.parametrize("late_s", [-61, 61])
def test_a_question_that_is_sent_again_later_is_none(late_s):
    body = b'{"key_sha256":"00","batch_id":"b","name":"n","at":1000}'
    signed = lending.signature(SECRET, body)

    assert lending.opened(SECRET, body, signed, 1000 + late_s) is None
    assert lending.opened(SECRET, body, signed, 1000).name == "n"
    assert lending.opened(SECRET, body.replace(b'n"', b'm"'), signed, 1000) is None
    for wrong in (b"", b"{}", b'{"key_sha256":"z","batch_id":"b","name":"n","at":1000}'):
        assert lending.opened(SECRET, wrong, lending.signature(SECRET, wrong), 1000) is None


def test_while_the_contact_service_is_away_the_api_says_so(
    people, signer, buckets, contact_batch, contact_key
):
    away = (f"http://127.0.0.1:{free_port()}", SECRET)
    with served(people, CARDS, signer, lender=away) as alone:
        name = files_of(alone, contact_batch, contact_key)[0]["name"]
        got = alone.ask(f"/v1/batches/{contact_batch.batch_id}/files/{name}", contact_key)

    assert (got.status, got.is_problem(), got.headers["retry-after"]) == (503, True, "5")


def test_files_of_contacts_in_a_folder_are_lent_to_nobody(
    people, signer, contact_batch, contact_key, tmp_path
):
    with (
        lender.served("127.0.0.1", contact_service(people, tmp_path.as_uri()), port=0) as port,
        served(people, CARDS, signer, lender=(f"http://127.0.0.1:{port}", SECRET)) as made,
    ):
        name = files_of(made, contact_batch, contact_key)[0]["name"]
        got = made.ask(f"/v1/batches/{contact_batch.batch_id}/files/{name}", contact_key)

    assert (got.status, got.is_problem()) == (501, True)

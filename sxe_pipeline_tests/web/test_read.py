"""A consumer reads what it may see, over a real socket."""

import hashlib
import json
from http.client import IncompleteRead
from uuid import UUID

import pytest

from sxe_pipeline.handoff.files import manifest
from sxe_pipeline.store import sql
from sxe_pipeline_tests.handoff.contacts import DAY, NEXT, OTHER, at, contacts

DAYS = [(n, DAY + n * NEXT) for n in range(3)]


def files_of(site, batch, key):
    return manifest.files_of(site.ask(f"/v1/batches/{batch.batch_id}", key).body)


def test_a_key_is_told_what_it_may_see(site, key):
    said = site.ask("/v1/contracts", key).json()

    assert (said["consumer"], said["markets"]) == ("reader", ["*"])
    assert {entry["contract"] for entry in said["contracts"]} == {"lead_card"}
    [entry] = [e for e in said["contracts"] if e["version"] == "1.0.0"]
    got = site.ask(entry["schema_url"], key)
    assert got.headers["content-type"] == "application/schema+json"
    assert got.json()["$id"] == "urn:sxe:contract:lead_card:1.0.0"
    assert site.ask(entry["batches_url"], key).status == 200


def test_a_manifest_is_answered_byte_for_byte_and_once(site, key, batch):
    path = f"/v1/batches/{batch.batch_id}"
    first = site.ask(path, key)
    sha256 = hashlib.sha256(first.body).hexdigest()

    again = site.ask(path, key, headers={"If-None-Match": first.headers["etag"]})

    assert first.headers["etag"] == f'"{sha256}"'
    assert site.objects.get(f"lead_card/v1/{batch.batch_id}/{manifest.NAME}") == first.body
    assert (again.status, again.body, again.headers["etag"]) == (304, b"", f'"{sha256}"')
    assert manifest.unseal(first.body, site.signer.public_key)["batch_id"] == batch.batch_id


def test_a_file_is_what_the_manifest_names_whole_and_in_parts(site, key, batch):
    for entry in files_of(site, batch, key):
        path = f"/v1/batches/{batch.batch_id}/files/{entry['name']}"
        whole = site.ask(path, key)
        size = len(whole.body)
        assert hashlib.sha256(whole.body).hexdigest() == entry["sha256"]
        assert whole.headers["etag"] == f'"{entry["sha256"]}"'

        def part(asked, path=path, **more):
            return site.ask(path, key, headers={"Range": asked, **more})

        assert part("bytes=0-9").body == whole.body[:10]
        assert part("bytes=-7").body == whole.body[-7:]
        assert part(f"bytes={size - 3}-").headers["content-range"] == (
            f"bytes {size - 3}-{size - 1}/{size}"
        )
        assert part("bytes=3-1").status == part("lines=1-2").status == 200
        assert part("bytes=0-9", **{"If-Range": '"other"'}).body == whole.body
        beyond = part(f"bytes={size}-")
        assert beyond.is_problem()
        assert (beyond.status, beyond.headers["content-range"]) == (416, f"bytes */{size}")


def test_rows_are_those_of_the_json_lines_files(site, key, batch):
    got = site.ask(f"/v1/batches/{batch.batch_id}/rows", key)
    rows = [json.loads(line) for line in got.body.splitlines()]

    assert got.headers["content-type"] == "application/x-ndjson"
    assert len(rows) == batch.row_count == 20
    assert len({row["card_id"] for row in rows}) == 20


def test_a_stream_of_rows_that_were_changed_in_the_store_never_ends_well(site, key, cards):
    batch = site.publish(cards(5, seed=9, market="changed"), market="changed")
    name = next(e["name"] for e in files_of(site, batch, key) if e["name"].startswith("_jsonl"))
    file = site.objects._folder / f"lead_card/v1/{batch.batch_id}/{name}"
    file.write_bytes(file.read_bytes().replace(b"user_3", b"user_4"))

    with pytest.raises(IncompleteRead):
        site.ask(f"/v1/batches/{batch.batch_id}/rows", key)


def test_of_a_batch_whose_time_is_over_the_manifest_alone_is_left(site, key, cards):
    old = site.publish(cards(2, seed=5, market="old"), "old")
    site.publish(cards(2, seed=6, market="old"), "old", DAY + NEXT)
    with sql.connect(site.database.dsn("sxe_social")) as conn:
        conn.execute("select handoff.begin_expiry(%s, 'said', 'job')", [old.batch_id])

    path = f"/v1/batches/{old.batch_id}"
    listed = site.ask(path, key)
    name = manifest.files_of(listed.body)[0]["name"]
    gone = [site.ask(f"{path}/{end}", key) for end in ("rows", f"files/{name}")]

    assert listed.status == 200
    assert [(a.status, a.is_problem()) for a in gone] == [(410, True)] * 2


def test_a_page_says_where_the_next_begins(site, cards):
    key = site.key(markets=["paged"])
    made = [site.publish(cards(2, seed=n, market="paged"), "paged", day) for n, day in DAYS]

    first = site.ask("/v1/batches?contract=lead_card&limit=2", key).json()
    rest = site.ask(first["next"], key).json()

    assert [b["batch_id"] for b in first["batches"] + rest["batches"]] == [m.batch_id for m in made]
    assert (first["has_more"], rest["has_more"]) == (True, False)
    assert site.ask(rest["next"], key).json()["batches"] == []


def test_a_market_that_is_subscribed_later_is_among_what_waits_for_an_answer(site, cards):
    key = site.key(consumer="growing", market="early")
    late, *early = [
        site.publish(cards(2, seed=n, market=market), market, day)
        for market, (n, day) in zip(("late", "early", "early"), DAYS, strict=True)
    ]

    def listed(query, page="/v1/batches?contract=lead_card&limit=1"):
        while page:
            said = site.ask(f"{page}{query}", key).json()
            yield from said["batches"]
            page, query = said["has_more"] and said["next"], ""

    def answer(batch):
        said = {"status": "accepted", "rows_read": 0, "keys_sha256": "0" * 64}
        body = json.dumps(said | {"manifest_sha256": batch["manifest_sha256"]})
        headers = {"Content-Type": "application/json"}
        path = f"/v1/batches/{batch['batch_id']}/ack"
        assert site.ask(path, key, "PUT", headers, body).status == 201

    seen = list(listed(""))
    assert [b["batch_id"] for b in listed("&unanswered=true")] == [m.batch_id for m in early]
    for batch in seen:
        answer(batch)
    site.people.subscribe("growing", market="late")

    assert list(listed(f"&after={seen[-1]['published_seq']}")) == []
    [waiting] = listed("&unanswered=true")
    assert waiting["batch_id"] == late.batch_id
    assert waiting["published_seq"] < seen[-1]["published_seq"]
    answer(waiting)
    assert list(listed("&unanswered=true")) == []


def test_a3_what_a_key_may_not_see_is_not_there_for_it(site, batch):
    of_contacts = site.key(contracts=["lead_contact"])
    contact = site.publish(contacts(), contract="lead_contact", batch_key=at())
    elsewhere = site.key(markets=["elsewhere"])
    of_cards = site.key()

    def statuses(batch_id, contract, key):
        paths = (
            *(f"/v1/batches/{batch_id}{end}" for end in ("", "/rows", "/files/x")),
            f"/v1/batches?contract={contract}",
            f"/v1/heads/{contract}",
        )
        return [site.ask(path, key).status for path in paths]

    assert statuses(contact.batch_id, "lead_contact", of_cards) == [404] * 5
    assert statuses(batch.batch_id, "lead_card", of_contacts) == [404] * 5
    assert statuses(batch.batch_id, "lead_card", elsewhere)[:3] == [404] * 3
    assert site.ask("/v1/batches?contract=lead_card", elsewhere).json()["batches"] == []
    assert site.ask(f"/v1/batches/{'0' * 32}", of_cards).status == 404
    seen = site.ask("/v1/batches?contract=lead_contact", of_contacts).json()["batches"]
    assert contact.batch_id in {b["batch_id"] for b in seen}
    assert {b["contract"] for b in seen} == {"lead_contact"}


def test_contact_points_of_before_a_subscription_are_not_there_for_it(site):
    request = UUID(int=7)

    def publish(seq):
        rows = contacts(6 + seq, request)
        return site.publish(rows, contract="lead_contact", batch_key=at(seq, request)).batch_id

    early = site.key(contracts=["lead_contact"])
    before = publish(1)
    late = site.key(contracts=["lead_contact"])
    after = publish(2)

    def seen(key):
        page = site.ask("/v1/batches?contract=lead_contact&limit=1000", key).json()["batches"]
        return {one["batch_id"] for one in page} & {before, after}

    name = manifest.files_of(site.ask(f"/v1/batches/{before}", early).body)[0]["name"]
    assert (seen(early), seen(late)) == ({before, after}, {after})
    for end in ("", "/rows", f"/files/{name}"):
        assert site.ask(f"/v1/batches/{before}{end}", late).status == 404


def test_no_contact_passes_through(site):
    key = site.key(contracts=["lead_contact"])
    batch = site.publish(
        contacts(request=OTHER), contract="lead_contact", batch_key=at(request=OTHER)
    )
    listed = site.ask(f"/v1/batches/{batch.batch_id}", key)
    name = manifest.files_of(listed.body)[0]["name"]

    answers = [
        site.ask(f"/v1/batches/{batch.batch_id}/{end}", key) for end in ("rows", f"files/{name}")
    ]

    assert [a.status for a in answers] == [501, 501]
    assert all(a.is_problem() for a in answers)
    assert b"@" not in listed.body + b"".join(a.body for a in answers)


def test_a_head_is_answered_as_it_was_signed(site, key):
    heads = {(1, 1): b'{"a":0}', (1, 2): b'{"b":0}', (2, 1): b'{"c":0}'}
    for (major, seq), data in heads.items():
        site.people.owner(
            "insert into handoff.head (contract, major, seq, prev_sha256, bytes, sha256, "
            "last_published_seq, expires_at, event_id) values ('lead_card', %s, %s, %s, %s, %s, "
            "1, now() + interval '36 hours', gen_random_uuid())",
            *(major, seq, None if seq == 1 else "0" * 64, data, hashlib.sha256(data).hexdigest()),
        )

    def got(end):
        return site.ask(f"/v1/heads/lead_card{end}", key)

    assert got("").body == got("?major=2").body == got("/1").body == heads[2, 1]
    assert got("?major=1").body == got("/2?major=1").body == heads[1, 2]
    assert [got(end).status for end in ("/2", "/3?major=1", "?major=3")] == [404] * 3
    tag = got("").headers["etag"]
    assert tag == f'"{hashlib.sha256(heads[2, 1]).hexdigest()}"'
    assert site.ask("/v1/heads/lead_card", key, headers={"If-None-Match": tag}).status == 304


@pytest.mark.parametrize(
    "name",
    [
        *("../_manifest.json", "..%2f_manifest.json", "%2e%2e/%2e%2e/x", "parquet/../parquet/x"),
        *(
            "",
            "/etc/passwd",
            "//etc/passwd",
            "parquet",
            "parquet/",
            "_manifest.json",
            "%00",
            "a%00b",
        ),
        *("_jsonl/..;/x", "C:\\x", "%c0%ae%c0%ae/x", "x" * 4000, "file%3a%2f%2f%2fetc%2fpasswd"),
    ],
)
def test_no_name_leads_out_of_the_manifest(site, key, batch, name):
    got = site.ask(f"/v1/batches/{batch.batch_id}/files/{name}", key)

    assert (got.status, got.is_problem()) == (404, True)

"""A consumer walks the batches while others publish, and answers what it read."""

import concurrent.futures
import hashlib
import json
import threading

import pytest

from sxe_pipeline.audit import checkpoints, seal
from sxe_pipeline.sign import Signer
from sxe_pipeline.store.objects import Objects
from sxe_pipeline_tests.handoff.contacts import DAY, NEXT

WRITERS, EACH = 4, 6


def read_it(site, batch, key):
    """The acknowledgement of somebody who read every row of a batch."""
    listed = site.ask(f"/v1/batches/{batch.batch_id}", key)
    rows = site.ask(f"/v1/batches/{batch.batch_id}/rows", key).body.splitlines()
    keys = sorted(json.loads(row)["card_id"] for row in rows)
    return {
        "manifest_sha256": hashlib.sha256(listed.body).hexdigest(),
        "status": "accepted",
        "rows_read": len(rows),
        "keys_sha256": hashlib.sha256("\n".join(keys).encode()).hexdigest(),
        "errors": [],
    }


def put(site, batch, key, said, **headers):
    return site.ask(
        f"/v1/batches/{batch.batch_id}/ack",
        key,
        method="PUT",
        headers={"Content-Type": "application/json"} | headers,
        body=said if isinstance(said, bytes) else json.dumps(said),
    )


def test_a2_walking_while_four_publish_returns_each_batch_once(site, cards):
    key, over = site.key(markets=[f"walk_{n}" for n in range(WRITERS)]), threading.Event()

    def publish(number):
        market = f"walk_{number}"
        return [
            site.publish(
                cards(3, seed=10 * number + turn, market=market), market, DAY + turn * NEXT
            ).batch_id
            for turn in range(EACH)
        ]

    def walk():
        seen, at = [], "/v1/batches?contract=lead_card&limit=3"
        while True:
            is_last = over.is_set()
            page = site.ask(at, key).json()
            seen += [b["batch_id"] for b in page["batches"]]
            at = page["next"]
            if is_last and not page["has_more"]:
                return seen

    with concurrent.futures.ThreadPoolExecutor(WRITERS + 2) as crowd:
        walks = [crowd.submit(walk) for _ in range(2)]
        made = [crowd.submit(publish, number) for number in range(WRITERS)]
        published = [batch for writer in made for batch in writer.result()]
        over.set()
        walked = [walker.result() for walker in walks]

    assert len(published) == len(set(published)) == WRITERS * EACH
    for seen in walked:
        assert sorted(seen) == sorted(published)
    assert walked[0] == walked[1]


def test_a5_the_same_answer_is_one_and_another_is_a_conflict(site, cards):
    key, other = site.key(), site.key(consumer="other")
    batch = site.publish(cards(7, seed=3, market="answered"), "answered")
    said = read_it(site, batch, key)
    events = site.people.events("ack.received")

    first = put(site, batch, key, said)
    again = put(site, batch, key, said)
    conflict = put(site, batch, key, said | {"rows_read": 6})
    theirs = put(site, batch, other, said | {"status": "rejected"})

    assert (first.status, again.status) == (201, 200)
    assert (first.json()["is_new"], again.json()["is_new"]) == (True, False)
    assert first.json() | {"is_new": False} == again.json()
    assert (conflict.status, conflict.is_problem()) == (409, True)
    assert theirs.status == 201
    assert site.people.events("ack.received") == events + 2


def test_a5_many_at_once_are_one(site, cards):
    key = site.key()
    batch = site.publish(cards(2, seed=4, market="at_once"), "at_once")
    said = read_it(site, batch, key)
    events = site.people.events("ack.received")

    with concurrent.futures.ThreadPoolExecutor(8) as crowd:
        done = [crowd.submit(put, site, batch, key, said) for _ in range(16)]
        statuses = sorted(answer.result().status for answer in done)

    assert statuses == [200] * 15 + [201]
    assert site.people.events("ack.received") == events + 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"errors": [{"path": "ana@example.com", "rule": "type", "count": 1}]},
        {"errors": [{"path": "bio", "rule": "is +1 202 555 0101", "count": 1}]},
        {"errors": [{"path": "bio", "rule": "type", "count": 1, "value": "ana@example.com"}]},
        {"errors": [{"path": "anas_own_column", "rule": "type", "count": 1}]},
        {"ana@example.com": 1},
        {"status": "ana@example.com"},
        *({"rows_read": value} for value in (-1, 1.5, "7", None, True, 10**30)),
        {"errors": [{"path": "bio", "rule": "type", "count": 1}] * 2},
        {"keys_sha256": "\u0000" * 64},
        {"manifest_sha256": "0" * 64},
    ],
)
def test_a6_an_answer_that_holds_a_value_is_refused_and_not_repeated(site, key, batch, wrong):
    said = read_it(site, batch, key) | wrong
    before = site.people.events("ack.received")

    got = put(site, batch, key, said)

    assert (got.status, got.is_problem()) == (422, True)
    # The id of the request is random, and may hold any three digits.
    answered = got.body.replace(got.headers["x-request-id"].encode(), b"")
    for planted in (b"ana", b"202", b"\\u0000"):
        assert planted not in answered
    assert site.people.events("ack.received") == before


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"{", 422),
        (b"[" * 60_000, 400),
        (b'"text"', 422),
        (b"\xff\xfe{}", 422),
        (b"x" * 65_537, 413),
        (b'{"a": NaN}', 422),
    ],
)
def test_a_body_that_is_no_answer_is_refused(site, key, batch, body, status):
    got = put(site, batch, key, body)

    assert (got.status, got.is_problem()) == (status, True)


def test_a_batch_of_somebody_else_cannot_be_answered(site, key, batch, cards):
    said = read_it(site, batch, key)
    late = site.key(consumer="late", markets=["elsewhere"])
    nobody = put(site, batch, late, said)

    assert (nobody.status, nobody.is_problem()) == (404, True)


def test_a8_silence_is_never_success_and_an_error_is_a_breach(site, cards):
    key = site.key(consumer="judged")
    batch = site.publish(cards(2, seed=8, market="judged"), "judged")

    def judged():
        [row] = site.ask("/v1/slo", key).json()["slo"]
        return row["state"], row["contract"]

    assert judged() == ("unknown", "lead_card")
    put(site, batch, key, read_it(site, batch, key))
    assert judged() == ("unknown", "lead_card"), "it is younger than thirty days"
    other = site.publish(cards(2, seed=9, market="judged"), "judged", DAY + NEXT)
    errors = [{"path": "bio", "rule": "type", "count": 1}]
    put(site, other, key, read_it(site, other, key) | {"errors": errors})
    assert judged() == ("breached", "lead_card")


def test_the_newest_checkpoint_stands_in_every_answer(site, key, tmp_path):
    signer = Signer.generate()
    assert site.ask("/v1/checkpoint", key).status == 404
    assert site.ask("/v1/contracts", key).headers["sxe-checkpoint"] is None

    seal.tick(site.people.login("sxe_sealer"), Objects(tmp_path.as_uri()), signer)

    got = site.ask("/v1/checkpoint", key)
    assert checkpoints.read(got.body, [signer.public_key]).seal_no == 1
    for path in ("/v1/contracts", "/v1/nothing", f"/v1/batches/{'0' * 32}"):
        assert site.ask(path, key).headers["sxe-checkpoint"] == "1"
    assert site.ask("/v1/contracts").headers["sxe-checkpoint"] is None, "who has no key sees none"
    again = site.ask("/v1/checkpoint", key, headers={"If-None-Match": got.headers["etag"]})
    assert again.status == 304

import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import urlencode

import pytest

from sxe_pipeline.sandbox import providers

BULK = "/api/v1/people/bulk_match"
BOTH = {"reveal_personal_emails": "true", "reveal_phone_number": "true", "webhook_url": "http://x/"}
KEYS = {"x-api-key": "k", "galaxy-ap-name": "n", "galaxy-ap-password": "p"}


@pytest.fixture
def emulator():
    with providers.serve() as running:
        yield running


def call(port, method, path, body=None, query=None, headers=KEYS):
    """The status, the JSON and the headers of an answer."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        content = None if body is None else json.dumps(body)
        connection.request(
            method, path + (f"?{urlencode(query)}" if query else ""), content, dict(headers)
        )
        answer = connection.getresponse()
        raw = answer.read()
        is_json = (answer.headers["content-type"] or "").endswith("json")
        return answer.status, json.loads(raw) if is_json else raw, answer.headers


def details(count, start=0):
    return {
        "details": [
            {"first_name": f"First{n}", "last_name": "Last", "domain": f"d{n}.example.com"}
            for n in range(start, start + count)
        ]
    }


def bulk(emulator, body=None, **query):
    return call(emulator.port, "POST", BULK, body or details(10), query or BOTH)


def enrich(emulator, n=0):
    body = {"FirstName": f"F{n}", "LastName": "Last", "Address": {"addressLine2": "Boise, ID"}}
    return call(emulator.port, "POST", "/Contact/Enrich", body)


def test_the_same_question_has_the_same_answer_everywhere():
    answers = []
    for _ in range(2):
        with providers.serve() as running:
            _, body, _ = bulk(running)
            answers.append((body, enrich(running)[1], running.stats()["charges"]))

    assert answers[0] == answers[1]


def test_who_is_asked_twice_is_charged_twice(emulator):
    bulk(emulator)
    once = emulator.stats()
    bulk(emulator)
    twice = emulator.stats()

    assert once["totals"]["apollo"] > 0
    assert twice["totals"]["apollo"] == 2 * once["totals"]["apollo"]
    for key, units in once["charges"]["apollo"].items():
        assert twice["charges"]["apollo"][key] == 2 * units
    assert sum(once["charges"]["apollo"].values()) == once["totals"]["apollo"]


def test_the_log_names_every_request_and_nobody(emulator):
    began = time.time()
    bulk(emulator)
    headers = KEYS | {"X-Request-Id": "call-7"}
    call(emulator.port, "POST", BULK, details(1), BOTH, headers)
    enrich(emulator)

    entries = emulator.stats()["calls"]
    assert [entry["provider"] for entry in entries] == ["apollo", "apollo", "enformion"]
    assert [entry["x_request_id"] for entry in entries] == [None, "call-7", None]
    assert [len(entry["asked"]) for entry in entries] == [10, 1, 1]
    assert all(began <= entry["received_at"] <= time.time() for entry in entries)
    totals = emulator.stats()["totals"]
    assert sum(entry["units_micro"] for entry in entries) == sum(totals.values())
    assert entries[0]["later_micro"] > 0
    text = json.dumps(emulator.stats())
    assert "First1" not in text
    assert not any(value in text for value in emulator.handed_out())


def test_a_callback_sees_the_request_before_it_is_answered(emulator):
    seen, held = [], threading.Event()

    def look(entry):
        seen.append(entry)
        held.wait(0.3)

    emulator.on_receipt(look)
    began = time.monotonic()
    bulk(emulator)

    assert time.monotonic() - began >= 0.3
    assert [(entry["kind"], entry["status"], entry["units_micro"]) for entry in seen] == [
        ("paid", None, 0)
    ]


def test_what_a_callback_raises_is_not_lost():
    def look(entry):
        raise AssertionError("no committed row")

    with pytest.raises(AssertionError, match="no committed row"), providers.serve() as running:
        running.on_receipt(look)
        assert bulk(running)[0] == 200
        assert running.stats()["callback_errors"] == 1


def test_without_a_key_there_is_no_answer_and_no_charge(emulator):
    for path in (BULK, "/Contact/Enrich", "/api/v1/usage_stats/credit_usage_stats"):
        status, body, _ = call(emulator.port, "POST", path, details(1), headers={})
        assert (status, body) == (401, b"Invalid API key.")
    assert set(emulator.stats()["totals"].values()) == {0}


@pytest.mark.parametrize(
    ("body", "query"),
    [
        (details(11), BOTH),
        ({"details": []}, BOTH),
        ({"details": {}}, BOTH),
        ({}, BOTH),
        (details(1), {"reveal_phone_number": "true"}),
        (details(1), {"run_waterfall_email": "true"}),
    ],
)
def test_a_question_the_provider_would_refuse_is_refused(emulator, body, query):
    assert call(emulator.port, "POST", BULK, body, query)[0] == 400
    assert emulator.stats()["totals"]["apollo"] == 0


@pytest.mark.parametrize(
    ("mode", "status", "is_charged"),
    [
        ("429", 429, False), ("402", 402, False), ("401", 401, False), ("500pre", 500, False),
        ("500post", 500, True), ("ok", 200, True), ("overcharge", 200, True),
        ("negative_credits", 200, True), ("no_credits_field", 200, True),
        ("null_matches", 200, False),
    ],
)  # fmt: skip
def test_what_each_mode_answers_and_charges(emulator, mode, status, is_charged):
    emulator.mode("apollo", mode)

    assert bulk(emulator)[0] == status
    assert (emulator.stats()["totals"]["apollo"] > 0) is is_charged
    assert enrich(emulator)[0] == 200, "the other provider is not concerned"


def test_the_wait_of_a_busy_provider_is_an_option(emulator):
    emulator.mode("apollo", "429", retry_after=17)

    assert bulk(emulator)[2]["retry-after"] == "17"


def test_a_mode_ends_after_so_many_requests(emulator):
    emulator.mode("apollo", "500pre", times=2)

    assert [bulk(emulator)[0] for _ in range(4)] == [500, 500, 200, 200]


def test_an_overcharge_exceeds_the_worst_case(emulator):
    emulator.mode("apollo", "overcharge")

    _, body, _ = bulk(emulator)

    assert body["credits_consumed"] > 9 * 10


def test_fractions_are_charged_rounded_up(emulator):
    emulator.mode("apollo", "fractional")

    _, body, _ = bulk(emulator, reveal_personal_emails="true")

    exact = body["credits_consumed"] * 1_000_000
    assert exact % 1
    assert 0 < emulator.stats()["totals"]["apollo"] - exact < 1


def test_half_of_the_people_are_missing(emulator):
    emulator.mode("apollo", "partial_200")

    _, body, _ = bulk(emulator)

    assert len(body["matches"]) == 5
    assert body["missing_records"] >= 5


@pytest.mark.parametrize("mode", ["hang", "drop"])
def test_a_silent_provider_has_charged(emulator, mode):
    emulator.mode("apollo", mode)
    released = threading.Timer(0.3, emulator.reset)
    seen = []
    emulator.on_receipt(seen.append)
    released.start()

    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        bulk(emulator)

    released.join()
    assert [entry["mode"] for entry in seen] == [mode]


def test_a_hanging_connection_does_not_hold_up_the_end():
    with providers.serve() as running, socket.create_connection(("127.0.0.1", running.port)) as end:
        running.mode("apollo", "hang")
        body = json.dumps(details(3)).encode()
        end.sendall(
            f"POST {BULK}?{urlencode(BOTH)} HTTP/1.1\r\nx-api-key: k\r\n".encode()
            + b"content-length: %d\r\n\r\n" % len(body) + body
        )  # fmt: skip
        while not running.stats()["totals"]["apollo"]:
            time.sleep(0.01)
        end.settimeout(0.2)
        with pytest.raises(TimeoutError):
            end.recv(1)
        end.settimeout(5)
        began = time.monotonic()
        running.close()
        assert time.monotonic() - began < 2
        assert end.recv(1) == b""


def polled(emulator, request_id):
    status, body, _ = call(emulator.port, "GET", f"/api/v1/webhook_result/{request_id}")
    return status, body


def test_a_result_waits_for_its_poll_and_costs_nothing_more(emulator):
    _, body, _ = bulk(emulator)
    before = emulator.stats()["totals"]

    first, second = (polled(emulator, body["request_id"]) for _ in range(2))

    assert first == second
    assert first[0] == 200
    inner = first[1]["webhook_result"]
    assert {one["id"] for one in inner["people"]} == {one["id"] for one in body["matches"] if one}
    assert emulator.stats()["totals"] == before


def test_a_slow_an_expired_and_an_unknown_result(emulator):
    _, body, _ = bulk(emulator)
    emulator.mode("apollo", "slow_poll", n=2)

    seen = [polled(emulator, body["request_id"]) for _ in range(3)]
    emulator.mode("apollo", "expired_result")

    assert [status for status, _ in seen] == [404, 404, 200]
    assert seen[0][1] == {"error_code": "result_pending", "retry_after_seconds": 1}
    assert polled(emulator, body["request_id"])[0] == 410
    assert polled(emulator, 5) == (404, {"error_code": "request_id_unknown"})
    assert polled(emulator, "abc")[0] == 400


def test_a_result_can_be_charged_for_once_more_but_only_once(emulator):
    _, body, _ = bulk(emulator)
    before = emulator.stats()["totals"]["apollo"]
    emulator.mode("apollo", "overcharge", on="poll")

    credits = [polled(emulator, body["request_id"])[1]["webhook_result"] for _ in range(2)]

    assert credits[0] == credits[1]
    assert emulator.stats()["totals"]["apollo"] == before + 100_000_000


def test_the_counter_shows_what_was_charged(emulator):
    bulk(emulator)

    _, body, _ = call(emulator.port, "POST", "/api/v1/usage_stats/credit_usage_stats", {})

    usage = body["credit_usage_stats"]
    consumed = usage["lead_credit"]["consumed"] + usage["direct_dial_credit"]["consumed"]
    assert consumed * 1_000_000 == emulator.stats()["totals"]["apollo"]
    assert usage["direct_dial_credit"]["consumed"] > 0


@pytest.fixture
def sink():
    got = []

    class Sink(BaseHTTPRequestHandler):
        def do_POST(self):
            got.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Sink) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/sink", got
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("mode", "posts"), [("dup_webhook", 2), ("late_webhook", 1), ("ok", 0)])
def test_results_are_posted_twice_late_or_not_at_all(emulator, sink, mode, posts):
    address, got = sink
    emulator.mode("apollo", mode, delay_s=0.2)

    _, body, _ = bulk(emulator, **(BOTH | {"webhook_url": address}))

    if mode == "late_webhook":
        assert got == []
    until = time.monotonic() + 5
    while len(got) < posts and time.monotonic() < until:
        time.sleep(0.02)
    assert got == [polled(emulator, body["request_id"])[1]] * posts


@pytest.mark.parametrize(
    "address", ["http://192.0.2.1/", "http://127.0.0.1:99999/", "x", "http://127.0.0.1:1/"]
)
def test_nothing_is_posted_to_another_machine_and_a_bad_sink_is_no_failure(emulator, address):
    emulator.mode("apollo", "dup_webhook")

    assert bulk(emulator, **(BOTH | {"webhook_url": address}))[0] == 200


def test_modes_and_stats_are_reached_over_the_socket_too(emulator):
    mode = {"provider": "apollo", "mode": "429", "times": 1, "retry_after": 3}

    assert call(emulator.port, "POST", "/_mode", mode)[0] == 200
    assert bulk(emulator)[0] == 429
    assert bulk(emulator)[0] == 200
    assert call(emulator.port, "GET", "/_stats")[1] == json.loads(json.dumps(emulator.stats()))
    assert call(emulator.port, "POST", "/_reset", {})[0] == 200
    assert emulator.stats()["calls"] == []


@pytest.mark.parametrize(
    "mode",
    [{}, {"provider": "apollo"}, {"provider": "apollo", "mode": "odd"},
     {"provider": "other", "mode": "ok"}, {"provider": "apollo", "mode": "ok", "on": "odd"},
     {"provider": ["apollo"], "mode": ["ok"]}],
)  # fmt: skip
def test_a_mode_that_does_not_exist_is_refused(emulator, mode):
    assert call(emulator.port, "POST", "/_mode", mode)[0] == 400


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("POST", "/api/v1/people/match"), ("GET", BULK), ("GET", "/_x")],
)
def test_another_address_is_not_found(emulator, method, path):
    assert call(emulator.port, method, path)[0] == 404


def test_garbage_is_refused(emulator):
    for raw in (b"{", b"[]", b"\xff"):
        with closing(http.client.HTTPConnection("127.0.0.1", emulator.port)) as connection:
            connection.request("POST", BULK, raw, KEYS)
            assert connection.getresponse().status == 400


def test_many_at_once_are_counted_each(emulator):
    threads = [threading.Thread(target=enrich, args=(emulator, n)) for n in range(64)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    stats = emulator.stats()
    assert [entry["seq"] for entry in stats["calls"]] == list(range(1, 65))
    assert stats["counters"] == {"enformion.paid": 64, "status.200": 64}
    assert stats["totals"]["enformion"] == sum(stats["charges"]["enformion"].values())


def test_it_runs_as_a_program_that_prints_its_port_first():
    command = [sys.executable, "-m", "sxe_pipeline.sandbox.providers", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        port = int(program.stdout.readline())
        status, stats, _ = call(port, "GET", "/_stats")
        program.send_signal(signal.SIGTERM)
        assert program.wait(10) == 0

    assert status == 200
    assert stats["totals"] == {"apollo": 0, "enformion": 0}

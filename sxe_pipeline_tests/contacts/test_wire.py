import contextlib
import gzip
import socket
import threading
import time

import pytest

from sxe_pipeline.contacts import wire
from sxe_pipeline.contacts.adapter import HttpRequest
from sxe_pipeline.contacts.providers.replies import BODY_LIMIT
from sxe_pipeline.contacts.wire import Wire
from sxe_pipeline.errors import BadConfig, BadInput, Refused

ASK = HttpRequest("POST", "/v1/ask", {"flag": "true"}, {"a": 1})


class Peer:
    """A server that reads one request and then answers as it was set to, byte by byte."""

    def __init__(self, behave):
        self._behave = behave
        self.requests = []
        self._ends = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                one, _ = self._listener.accept()
                self._ends.append(one)
                threading.Thread(target=self._one, args=(one,), daemon=True).start()

    def _one(self, one):
        with contextlib.suppress(OSError), one:
            read = b""
            while b"\r\n\r\n" not in read:
                more = one.recv(65536)
                if not more:
                    return
                read += more
                if read[:1] == b"\x16":  # the start of a handshake
                    return
            head, _, body = read.partition(b"\r\n\r\n")
            for line in head.split(b"\r\n"):
                if line.lower().startswith(b"content-length:"):
                    while len(body) < int(line.split(b":")[1]):
                        body += one.recv(65536)
            self.requests.append(head + b"\r\n\r\n" + body)
            self._behave(one)

    def close(self):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        for one in self._ends:
            one.close()


@pytest.fixture
def peer():
    with contextlib.ExitStack() as stack:

        def make(behave):
            made = Peer(behave if callable(behave) else lambda one: one.sendall(behave))
            stack.callback(made.close)
            return made

        yield make


def said(body=b"{}", status=b"200 OK", headers=b""):
    length = b"content-length: %d\r\n" % len(body)
    return b"HTTP/1.1 " + status + b"\r\n" + headers + length + b"\r\n" + body


def send(url, ask=ASK, headers=None, **options):
    with Wire(url, headers or {}, loopback_only=True, **options) as line:
        return line.send(ask, "call-1")


def test_a_reply_comes_back_whole(peer):
    there = peer(said(b'{"ok": 1}', b"418 Teapot", b"Retry-After: 7\r\n"))

    reply = send(there.url)

    assert (reply.status, reply.body, reply.failure) == (418, b'{"ok": 1}', None)
    assert reply.headers["retry-after"] == "7"


def test_the_request_names_its_call_and_no_ask_replaces_a_credential(peer):
    there = peer(said())
    ask = HttpRequest(
        "POST", "/v1/ask", {"to": "a b&c"}, {"a": "ü"}, {"X-Key": "mine", "x-request-id": "0"}
    )

    send(there.url, ask, {"x-key": "ours"})

    head, _, body = there.requests[0].partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    assert lines[0] == b"post /v1/ask?to=a+b%26c http/1.1"
    assert lines.count(b"x-key: ours") == 1
    assert lines.count(b"x-request-id: call-1") == 1
    assert lines.count(b"accept-encoding: identity") == 1
    assert b"mine" not in head
    assert body == b'{"a": "\\u00fc"}'


def test_a_get_has_no_body_and_a_base_path_stays(peer):
    there = peer(said())

    send(f"{there.url}/base/", HttpRequest("GET", "/v1/result/-7"))

    assert there.requests[0].startswith(b"GET /base/v1/result/-7 HTTP/1.1\r\n")
    assert there.requests[0].endswith(b"\r\n\r\n")


def test_half_of_a_surrogate_pair_can_be_asked_about(peer):
    there = peer(said())

    assert send(there.url, HttpRequest("POST", "/a", body={"name": "\ud800"})).status == 200


def test_a_closed_port_is_not_sent():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"

    assert send(url).failure == "not_sent"


def test_a_failed_handshake_is_not_sent(peer):
    there = peer(said())

    assert send(there.url.replace("http:", "https:")).failure == "not_sent"
    assert there.requests == []


@pytest.mark.parametrize(
    "behave",
    [
        pytest.param(lambda one: None, id="closed without a word"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-le", id="closed within the headers"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}", id="closed within the body"
        ),
        pytest.param(b"nonsense\r\n\r\n", id="not HTTP"),
        pytest.param(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000 + b"\r\n\r\n", id="endless header"),
        pytest.param(said(b"x" * (BODY_LIMIT + 1)), id="too large"),
        pytest.param(
            said(gzip.compress(b"0" * (BODY_LIMIT * 3)), headers=b"content-encoding: gzip\r\n"),
            id="too large once unpacked",
        ),
        pytest.param(said(b"!!", headers=b"content-encoding: gzip\r\n"), id="not gzip"),
        pytest.param(
            said(b"{}", headers=b"content-encoding: zstd\r\n"), id="a coding not asked for"
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nZZ\r\n", id="a broken chunk"
        ),
    ],
)
def test_what_is_no_whole_reply_is_no_answer(peer, behave):
    reply = send(peer(behave).url)

    assert (reply.status, reply.failure) == (None, "no_answer")


def test_a_body_of_the_limit_is_read(peer):
    assert len(send(peer(said(b"x" * BODY_LIMIT)).url).body) == BODY_LIMIT


def test_a_packed_body_is_unpacked(peer):
    there = peer(said(gzip.compress(b'{"a": 1}'), headers=b"content-encoding: gzip\r\n"))

    assert send(there.url).body == b'{"a": 1}'


def test_silence_is_no_answer(peer):
    reply = send(peer(lambda one: time.sleep(3)).url, read_timeout_s=0.2)

    assert reply.failure == "no_answer"


@pytest.mark.parametrize(
    "start",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nx-slow: ", id="in the headers"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n", id="in a body that ends with the connection"),
    ],
)
def test_a_drip_ends_at_the_deadline(peer, monkeypatch, start):
    monkeypatch.setattr(wire, "_GRACE_S", 0.1)

    def drip(one):
        one.sendall(start)
        while True:
            one.sendall(b"1")
            time.sleep(0.1)

    began = time.monotonic()
    reply = send(peer(drip).url, read_timeout_s=0.9)

    assert reply.failure == "no_answer"
    assert 0.9 < time.monotonic() - began < 5


def test_a_wire_says_how_long_an_exchange_can_last():
    with Wire("http://127.0.0.1:1", {}, loopback_only=True, read_timeout_s=7) as line:
        assert line.deadline_s == 22


def test_a_redirect_is_a_reply(peer):
    elsewhere = peer(said())
    there = peer(said(status=b"307 Moved", headers=f"location: {elsewhere.url}/\r\n".encode()))

    assert send(there.url).status == 307
    assert elsewhere.requests == []


def test_a_proxy_of_the_environment_is_not_asked(peer, monkeypatch):
    proxy, there = peer(said(status=b"502 Proxy")), peer(said())
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.setenv(name, proxy.url)
    monkeypatch.setenv("NO_PROXY", "")

    assert send(there.url).status == 200
    assert proxy.requests == []


def test_nothing_is_sent_twice_and_no_connection_is_kept(peer):
    there = peer(said())
    with Wire(there.url, {}, loopback_only=True) as line:
        replies = [line.send(ASK, f"call-{n}") for n in range(3)]

    assert [reply.status for reply in replies] == [200] * 3
    assert len(there.requests) == len(there._ends) == 3


def test_threads_share_a_wire(peer):
    there = peer(said())
    found = []
    with Wire(there.url, {}, loopback_only=True) as line:
        threads = [
            threading.Thread(target=lambda n=n: found.append(line.send(ASK, f"call-{n}").status))
            for n in range(16)
        ]
        for one in threads:
            one.start()
        for one in threads:
            one.join()

    assert found == [200] * 16


def test_nothing_is_logged(peer, logged):
    send(peer(said()).url, headers={"x-key": "secret"})
    send("http://127.0.0.1:1")

    assert logged.records == []


@pytest.mark.parametrize(
    "host",
    [
        "api.example.com", "127.0.0.2", "127.1", "2130706433", "0x7f000001", "0.0.0.0", "[::]",
        "[::ffff:127.0.0.1]", "localhost.example.com", "localhost.", "127.0.0.1.example.com",
        "127.0.0.1@example.com", "example.com#127.0.0.1", "localhost%2eexample.com", "",
    ],
)  # fmt: skip
def test_another_machine_is_refused_before_anything_is_sent(host):
    for scheme in ("http", "https"):
        with pytest.raises(Refused):
            Wire(f"{scheme}://{host}/", {}, loopback_only=True)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"])
def test_this_machine_is_allowed(host):
    with Wire(f"http://{host}:8080", {}, loopback_only=True):
        pass


@pytest.mark.parametrize(
    "url",
    [
        "http://api.example.com", "ftp://api.example.com", "api.example.com", "", "https://",
        "https://user:secret@api.example.com", "https://api.example.com?key=secret",
        "https://api.example.com/#x", "https://api.example.com:port", "https://[::1",
    ],
)  # fmt: skip
def test_an_address_that_is_none_or_open_is_bad_config(url):
    with pytest.raises(BadConfig) as caught:
        Wire(url, {}, loopback_only=False)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "path",
    ["", "a", "//example.com/a", "@example.com/", "https://example.com/", "/a/../b", "/a?b=c",
     "/a#b", "/a b", "/a\r\nx: y", "/a%2f", "/ä", "/\ud800"],
)  # fmt: skip
def test_a_path_cannot_leave_its_host(peer, path):
    there = peer(said())

    with pytest.raises(BadInput):
        send(there.url, HttpRequest("POST", path))
    assert there._ends == []


@pytest.mark.parametrize("call_id", ["", "a b", "a\r\nx: y", "ä", "x" * 129])
def test_a_call_id_is_a_plain_word(peer, call_id):
    there = peer(said())

    with pytest.raises(BadInput), Wire(there.url, {}, loopback_only=True) as line:
        line.send(ASK, call_id)
    assert there._ends == []


@pytest.mark.parametrize("value", ["", "a\r\nx: y", "a\nb", "schlüssel", "\ud800", "a\x00"])
def test_a_credential_no_header_may_hold_is_bad_config(value):
    with pytest.raises(BadConfig) as caught:
        Wire("http://127.0.0.1:1", {"x-key": value}, loopback_only=True)
    assert not value or value not in str(caught.value)


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(HttpRequest("POST", "/a", body={"a": float("nan")}), id="NaN"),
        pytest.param(HttpRequest("POST", "/a", body={"a": object()}), id="an object"),
        pytest.param(
            HttpRequest("POST", "/a", headers={"x": "a\r\nb: c"}), id="a header of two lines"
        ),
        pytest.param(HttpRequest("POST", "/a", {"x": "\ud800"}), id="half of a pair in the query"),
    ],
)
def test_what_cannot_be_written_is_not_sent(peer, ask):
    there = peer(said())

    with pytest.raises(BadInput):
        send(there.url, ask)
    assert there._ends == []

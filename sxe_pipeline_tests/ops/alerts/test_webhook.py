"""A message leaves once, in time, to the address that was set and to no other."""

import socket
import time

import pytest

from sxe_pipeline.ops.alerts import webhook

BODY = {"kind": "run_failed", "subject": "tier1_day"}


def test_a_message_that_was_taken_is_sent_once(receiver):
    assert webhook.post(receiver.url, BODY)
    assert receiver.messages == [BODY]


def test_trouble_of_the_receiver_is_met_with_one_more_try(receiver):
    receiver.answers = [500, 200]

    assert webhook.post(receiver.url, BODY)
    assert receiver.messages == [BODY, BODY]


@pytest.mark.parametrize(
    ("status", "tries"),
    [
        pytest.param(500, 2, id="in trouble for longer"),
        pytest.param(429, 2, id="too many"),
        pytest.param(404, 1, id="nobody there under that path"),
        pytest.param(401, 1, id="not allowed"),
    ],
)
def test_what_is_not_taken_is_said_so_and_never_raises(receiver, status, tries):
    receiver.answers = [status]

    assert not webhook.post(receiver.url, BODY)
    assert len(receiver.messages) == tries


def test_a_receiver_that_is_down_is_not_taken():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"

    assert not webhook.post(url, BODY)


def test_a_receiver_that_talks_nonsense_is_not_taken():
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"

        assert not webhook.post(url, BODY, timeout_s=0.1)


@pytest.mark.parametrize("how", ["wait_s", "drip_s"])
def test_a_slow_receiver_is_left_in_time_even_where_it_drips(receiver, how):
    setattr(receiver, how, 0.2 if how == "drip_s" else 3)
    begun = time.monotonic()

    assert not webhook.post(receiver.url, BODY, timeout_s=0.5)
    assert time.monotonic() - begun < 2


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(receiver, other_host, status):
    receiver.answers, receiver.redirect = [status], other_host.url

    assert not webhook.post(receiver.url, BODY)
    assert other_host.messages == []


def test_on_this_machine_no_proxy_stands_between(receiver, other_host, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, other_host.url)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)

    assert webhook.post(receiver.url, BODY)
    assert other_host.messages == []

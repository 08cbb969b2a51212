"""Brokers that are silent, somebody else, or gone: nobody waits for them, and no password leaks."""

import contextlib
import datetime as dt
import shutil
import socket
import ssl
import subprocess
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sxe_pipeline.errors import BadConfig, StoreUnavailable
from sxe_pipeline.handoff.queue import brokers, relay
from sxe_pipeline.handoff.queue.outbox import replay
from sxe_pipeline_tests.handoff import queues
from sxe_pipeline_tests.ports import free_port

WAIT_S = 1.0


@pytest.mark.parametrize("scheme", brokers.SCHEMES)
def test_a_broker_that_never_answers_holds_nobody_up(scheme):
    with socket_that_says_nothing() as port, pytest.raises(StoreUnavailable):  # noqa: SIM117
        with brokers.opened(f"{scheme}://127.0.0.1:{port}/", 0.3):
            pass


@pytest.mark.parametrize("url", ["kafka://h/", "sqs://", "memory://", "amqp:///", "amqp://[", ""])
def test_an_address_that_is_not_served_is_refused_by_name_of_what_is(url):
    with pytest.raises(BadConfig) as said, brokers.opened(url):
        pass

    assert all(f"{scheme}://" in str(said.value) for scheme in brokers.SCHEMES)


@pytest.mark.parametrize("name", ["rabbitmq", "redis"])
def test_a_line_that_wants_tls_takes_no_other(name):
    url = queues.broker(name)

    with pytest.raises(StoreUnavailable), brokers.opened(url.replace("://", "s://", 1), WAIT_S):
        pass


@pytest.fixture
def untrusted(tmp_path):
    """`untrusted(scheme)`: a server with a certificate that nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(
            name, name, key.public_key(), 1, now - dt.timedelta(1), now + dt.timedelta(1)
        )
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "server.pem"
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    seen = []

    def serve(server):
        with contextlib.suppress(OSError):
            while True:
                near, _ = server.accept()
                with contextlib.suppress(OSError), context.wrap_socket(near, True) as line:
                    seen.append(line.recv(1))

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, args=(server,), daemon=True).start()
        yield server.getsockname()[1], seen
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("scheme", ["amqps", "rediss"])
def test_no_password_goes_to_a_server_that_nobody_vouches_for(untrusted, scheme):
    port, seen = untrusted

    with pytest.raises(StoreUnavailable) as said:  # noqa: SIM117
        with brokers.opened(f"{scheme}://someone:hush@localhost:{port}/0", WAIT_S):
            pass

    assert [what for what in seen if what] == []
    assert "hush" not in str(said.value)


@contextlib.contextmanager
def socket_that_says_nothing():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_what_redis_had_goes_with_its_server_and_a_replay_brings_it_back(
    outbox, conn, people, tmp_path
):
    binary = shutil.which("redis-server") or pytest.skip("redis-server is not installed")
    port = free_port()
    url = f"redis://127.0.0.1:{port}/0"

    @contextlib.contextmanager
    def server():
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        options = ["--port", str(port), "--bind", "127.0.0.1", "--save", ""]
        with subprocess.Popen([binary, *options], cwd=tmp_path, **quiet) as process:
            while not queues.is_there(url):
                assert process.poll() is None
            yield
            process.kill()

    outbox.subscribe("acme")
    outbox.fill(3, "acme")
    with server(), brokers.opened(url) as broker:
        relay.relay(conn, broker)
    with server(), queues.reading(url) as read:
        left = read("acme")
        replay(people.api, people.tokens["cho"], "acme", "lead_card", 1)
        with brokers.opened(url) as broker:
            relay.relay(conn, broker)
        again = read("acme")

    assert left == [], "sent, and gone"
    assert [int(event["sequence"]) for event in again] == [1, 2, 3]

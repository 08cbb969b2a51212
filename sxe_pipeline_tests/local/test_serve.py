"""`sxe serve` as a process: what it is told, and how it ends."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sxe_pipeline_tests.ports import free_port

SXE = Path(sys.executable).with_name("sxe")
pytestmark = pytest.mark.usefixtures("processes")


@contextlib.contextmanager
def serving(database, store, **more):
    """A served database: process and port."""
    port = free_port()
    told = {
        "SXE_SERVE_DATABASE_URL": database.dsn("sxe_serve"),
        "SXE_HANDOFF_STORE_URL": store.as_uri(),
    }
    process = subprocess.Popen(
        [SXE, "serve", "--port", str(port)],
        env=os.environ | told | more,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr.readline().strip() == f"http://127.0.0.1:{port}"
        yield process, port
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def test_it_ends_when_what_is_under_way_was_answered(database, tmp_path):
    with serving(database, tmp_path) as (process, port):
        line = socket.create_connection(("127.0.0.1", port))
        line.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        first = line.recv(4096)
        process.send_signal(signal.SIGTERM)

        assert process.wait(20) == 0
        assert first.startswith(b"HTTP/1.1 200 ")
        assert line.recv(4096) in (b"", b'{"status":"ok"}')
        line.close()


def test_a_request_that_began_is_answered_after_the_end_was_asked_for(database, tmp_path):
    with serving(database, tmp_path) as (process, port):
        line = socket.create_connection(("127.0.0.1", port))
        line.sendall(
            b"PUT /v1/batches/x/ack HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
            + b"x" * 40
            + b"\r\nContent-Length: 2\r\n\r\n"
        )
        time.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        answer = line.recv(4096)
        line.close()

        assert answer.startswith(b"HTTP/1.1 401 ")
        assert process.wait(30) == 0


def test_a_port_that_is_taken_is_said(database, tmp_path):
    with serving(database, tmp_path) as (_, port):
        told = {"SXE_SERVE_DATABASE_URL": database.dsn("sxe_serve")}
        done = subprocess.run(
            [SXE, "serve", "--port", str(port)],
            env=os.environ | told,
            capture_output=True,
            text=True,
            check=False,
        )

    assert (done.returncode, f"port {port} is taken" in done.stderr) == (2, True)


def test_without_its_login_it_does_not_start(database, tmp_path):
    told = {"SXE_SOCIAL_DATABASE_URL": database.dsn("sxe_social"), "SXE_HOME": str(tmp_path)}
    done = subprocess.run(
        [SXE, "serve", "--port", str(free_port())],
        env=os.environ | told,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 3
    assert "SXE_SERVE_DATABASE_URL is not set" in done.stderr

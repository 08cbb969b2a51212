"""The door of the Dagster UI, knocked at over real sockets as a hostile page would."""

import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from urllib.parse import quote

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from sxe_pipeline_tests.ports import free_port

TOKEN = "not-a-real-token-of-the-ui"
START_S = 60
PIECE = """
import dagster as dg

@dg.asset
def far_and_wide():
    return 1

defs = dg.Definitions([far_and_wide])
"""
WIPE = """mutation {
  wipeAssets(assetPartitionRanges: [{assetKey: {path: ["far_and_wide"]}}]) { __typename }
}"""
ASSETS = "{ assetNodes { assetKey { path } } }"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="module")
def port(processes, tmp_path_factory):
    """Dagster's webserver behind our door, over a code location of one asset."""
    folder = tmp_path_factory.mktemp("ui")
    (folder / "piece.py").write_text(PIECE)
    (folder / "workspace.yaml").write_text(f"load_from: [{{python_file: {folder}/piece.py}}]\n")
    (folder / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    (folder / "token").write_text(TOKEN)
    free = free_port()
    env = {k: v for k, v in os.environ.items() if not k.startswith(("SXE_", "DAGSTER_"))}
    with (folder / "log").open("w+") as log:
        server = subprocess.Popen(
            [
                *(sys.executable, "-m", "sxe_pipeline.local.webserver", str(folder / "token")),
                *("-w", str(folder / "workspace.yaml"), "-h", "127.0.0.1", "-p", str(free)),
            ],
            env=env | {"DAGSTER_HOME": str(folder)},
            stdout=log,
            stderr=log,
        )
        try:
            end = time.monotonic() + START_S
            while not _listens(free):
                assert server.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < end, (folder / "log").read_text()
                time.sleep(0.1)
            yield free
        finally:
            server.terminate()
            server.wait(30)
    assert TOKEN not in (folder / "log").read_text(), "no log holds what opens the door"


@pytest.fixture
def cookie(port):
    """What a browser keeps that opened the printed address."""
    status, headers, _ = ask(port, "GET", f"/?token={TOKEN}")
    assert status == 200
    return headers["set-cookie"].partition(";")[0]


def ask(port, method, path, body=None, **headers):
    """Send it exactly as it stands here; names of headers with _ for -."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    line.putrequest(method, path, skip_host="Host" in sent)
    for name, value in (sent | ({"Content-Length": str(len(body))} if body else {})).items():
        line.putheader(name, value)
    line.endheaders(body)
    answer = line.getresponse()
    found = answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read().decode()
    line.close()
    return found


def question(query):
    return json.dumps({"query": query}).encode()


JSON = {"Content_Type": "application/json"}


def test_a02_no_page_drives_the_ui_by_a_get(port, cookie):
    wipe = "/graphql?query=" + quote(WIPE)

    without, held = ask(port, "GET", wipe), ask(port, "GET", wipe, Cookie=cookie)

    assert without[0] == 401
    assert held[0] == 405, "an image's address is a GET, and a browser may send the cookie with it"
    assert "AssetWipe" not in without[2] + held[2]


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:1", "https://127.0.0.1"]
)
def test_a02_a_page_of_another_origin_is_refused_even_with_the_cookie(port, cookie, origin):
    status, _, said = ask(
        port, "POST", "/graphql", question(ASSETS), Cookie=cookie, Origin=origin, **JSON
    )

    assert status == 403
    assert "far_and_wide" not in said


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "[", "a@b:c"])
def test_a02_a_foreign_name_of_this_machine_is_refused(port, cookie, host):
    status, _, said = ask(
        port, "POST", "/graphql", question(ASSETS), Cookie=cookie, Host=host, **JSON
    )

    assert status in (400, 403)
    assert "far_and_wide" not in said


@pytest.mark.parametrize("path", ["/", "/graphql", "/runs", "/server_info", "/logs/a.out"])
@pytest.mark.parametrize(
    "held", [{}, {"Cookie": "sxe_ui=x"}, {"Authorization": "Bearer x"}, {"Authorization": "Bearer"}]
)
def test_a02_nobody_without_the_token_reads_anything(port, path, held):
    status, _, said = ask(port, "GET", path, **held)

    assert status == 401
    assert "sxe ui" in said


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_a02_a_form_is_no_question(port, cookie, kind):
    given = {"Content_Type": kind} if kind else {}

    status, _, _ = ask(port, "POST", "/graphql", question(ASSETS), Cookie=cookie, **given)

    assert status == 415


@pytest.mark.parametrize("what", ["materialization", "check", "observation"])
def test_a02_nobody_reports_what_did_not_happen(port, cookie, what):
    path = f"/report_asset_{what}/far_and_wide?check_name=green&passed=true"

    assert ask(port, "POST", path, Cookie=cookie)[0] == 404
    assert ask(port, "POST", path)[0] == 404


@pytest.mark.parametrize(
    ("origin", "holds"),
    [
        pytest.param("http://evil.example", True, id="a foreign page with the cookie"),
        pytest.param("http://127.0.0.1:{port}", False, id="no cookie"),
        pytest.param(None, False, id="no page and no cookie"),
    ],
)
def test_a02_a_websocket_of_a_foreign_page_is_refused(port, cookie, origin, holds):
    with (
        pytest.raises(InvalidStatus) as refused,
        connect(
            f"ws://127.0.0.1:{port}/graphql",
            origin=origin and origin.format(port=port),
            additional_headers={"Cookie": cookie} if holds else {},
            subprotocols=["graphql-ws"],
        ),
    ):
        pass
    assert refused.value.response.status_code == 403


def test_the_page_of_the_ui_asks_and_listens_with_its_cookie(port, cookie):
    origin = f"http://127.0.0.1:{port}"

    status, headers, page = ask(port, "GET", "/runs", Cookie=cookie)
    asked = ask(port, "POST", "/graphql", question(ASSETS), Cookie=cookie, Origin=origin, **JSON)
    with connect(
        f"ws://127.0.0.1:{port}/graphql",
        origin=origin,
        additional_headers={"Cookie": cookie},
        subprotocols=["graphql-ws"],
    ) as line:
        line.send(json.dumps({"type": "connection_init"}))
        heard = json.loads(line.recv(10))

    assert (status, headers["x-frame-options"]) == (200, "SAMEORIGIN")
    assert "<html" in page
    assert (asked[0], "far_and_wide" in asked[2]) == (200, True)
    assert heard["type"] == "connection_ack"


def test_the_cookie_stays_in_the_browser_that_opened_the_address(port):
    _, headers, page = ask(port, "GET", f"/?token={TOKEN}")
    given = headers["set-cookie"]

    assert re.search(r"httponly", given, re.I), "no script reads it"
    assert re.search(r"samesite=strict", given, re.I), "no other site sends it"
    assert f"sxe_ui_{port}=" in given, "two servers of a machine do not overwrite each other's"
    assert TOKEN not in page
    assert headers["referrer-policy"] == "no-referrer"
    assert ask(port, "GET", "/?token=wrong")[0] == 401


def test_a_program_asks_with_the_token_in_a_header(port):
    status, _, said = ask(
        port, "POST", "/graphql", question(ASSETS), Authorization=f"Bearer {TOKEN}", **JSON
    )

    assert (status, "far_and_wide" in said) == (200, True)


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: nobody looks at a page")
def test_a_browser_that_opens_the_printed_address_sees_the_ui(port, tmp_path):
    def seen(path):
        done = subprocess.run(
            [
                *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu"),
                *(f"--user-data-dir={tmp_path}/profile", "--virtual-time-budget=20000"),
                *("--dump-dom", f"http://127.0.0.1:{port}{path}"),
            ],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return done.stdout

    assert "open the address" in seen("/")
    first = seen(f"/?token={TOKEN}")
    assert "No runs or scheduled ticks" in first, "what the page asked for, and was told"


def _listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0

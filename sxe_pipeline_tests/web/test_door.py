"""Who is let in, how much he may ask and send, and what becomes of those who take their time."""

import concurrent.futures
import json
import re
import socket
import time

import pytest

from sxe_pipeline.errors import Refused
from sxe_pipeline.handoff import consumers, serve
from sxe_pipeline.web import app, door, limits, server
from sxe_pipeline_tests import databases
from sxe_pipeline_tests.web.site import served

WRONG = [
    pytest.param({}, id="none"),
    pytest.param({"Authorization": "Bearer " + "x" * 43}, id="unknown"),
    pytest.param({"Authorization": "Bearer"}, id="empty"),
    pytest.param({"Authorization": "Bearer " + "x" * 5000}, id="long"),
    pytest.param({"Authorization": "Basic dXNlcjpwYXNz"}, id="basic"),
    pytest.param({"Authorization": "Bearer \x01\xff' or 1=1 --"}, id="hostile"),
    pytest.param({"X-Api-Key": "x" * 43, "Cookie": "key=x"}, id="elsewhere"),
]


def routes():
    """Method and a path of every operation that OpenAPI names."""
    for path, operations in app.bare().openapi()["paths"].items():
        for method in operations:
            yield method.upper(), re.sub(r"\{batch_id\}", "0" * 32, re.sub(r"\{seq\}", "1", path))


def paths_of(given):
    for route in given:
        inner = getattr(route, "original_router", None)
        yield from paths_of(inner.routes) if inner else [route.path]


def test_every_route_is_closed_to_whoever_has_no_key(site):
    closed = [(m, p) for m, p in routes() if p not in door.OPEN]

    answers = [site.ask(re.sub(r"\{\w+\}", "x", path), method=m) for m, path in closed]

    assert len(closed) >= 11
    assert {a.status for a in answers} == {401}
    assert all(a.is_problem() for a in answers)
    assert all(a.headers["www-authenticate"] == 'Bearer realm="sxe"' for a in answers)


def test_no_route_stands_outside_of_what_is_described():
    described = {path for _, path in routes()}
    real = list(paths_of(app.bare().routes))

    assert {"/healthz", "/openapi.json"} >= door.OPEN
    assert len(real) - 1 == len(described) >= 12


@pytest.mark.parametrize("headers", WRONG)
@pytest.mark.parametrize("path", ["/v1/contracts", "/v1/nothing", "/", "/docs", "/healthz/x"])
def test_a4_without_a_live_key_nothing_is_answered(site, path, headers):
    got = site.ask(path, headers=headers)

    assert (got.status, got.is_problem()) == (401, True)


def test_a4_a_key_that_expired_or_was_revoked_is_none(site):
    past, revoked, ended, live = (
        site.key(consumer=name) for name in ("past", "revoked", "ended", "live")
    )
    assert [site.ask("/v1/contracts", k).status for k in (past, revoked, ended)] == [200] * 3

    site.people.owner(
        "update handoff.api_key set made_at = now() - interval '2 days', "
        "expires_at = now() - interval '1 day' where consumer = 'past'"
    )
    token, digits = site.people.tokens["cho"], site.people.keys["revoked"].sha256.hex()
    consumers.revoke_key(site.people.api, token, digits[:12])
    consumers.end(site.people.api, token, "ended")

    keys = (past, revoked, ended, live, live.upper())
    assert [site.ask("/v1/contracts", k).status for k in keys] == [401, 401, 401, 200, 401]


def test_a4_no_key_is_stored_or_logged(site, logged):
    key = site.key()
    for path in ("/v1/contracts", f"/v1/{key}", f"/v1/batches?contract={key}"):
        answer = site.ask(path, key)
        assert key.encode() not in answer.body
        assert all(key not in value for value in answer.headers.values())
    site.ask("/v1/contracts", key + "x")

    assert key not in logged.text
    whole = site.people.one("select string_agg(k::text, '') from handoff.api_key k")
    assert key not in whole
    assert (
        site.people.one("select count(*) from audit.event where payload like %s", pattern(key)) == 0
    )


def test_health_needs_no_key_and_no_database(people, signer, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    nowhere = f"postgresql://sxe_serve:x@127.0.0.1:{port}/sxe"
    with served(people, tmp_path.as_uri(), signer, dsn=nowhere) as lone:
        assert lone.ask("/healthz").json() == {"status": "ok"}
        assert "/v1/batches" in lone.ask("/openapi.json").json()["paths"]
        got = lone.ask("/v1/contracts", "x" * 43)

    assert (got.status, got.headers["retry-after"], got.is_problem()) == (503, "5", True)


def test_a_database_that_comes_back_is_found_again(site, key):
    root, name = databases.superuser(site.database.state), site.database.name
    assert site.ask("/v1/contracts", key).status == 200
    end_sessions(site)
    assert site.ask("/v1/contracts", key).status == 200, "a lost connection costs nobody"
    root.execute(f"alter database {name} allow_connections false")
    end_sessions(site)
    away = site.ask("/v1/contracts", key)
    root.execute(f"alter database {name} allow_connections true")
    back = site.ask("/v1/contracts", key)

    assert (away.status, away.is_problem(), back.status) == (503, True, 200)


def test_who_asks_too_often_is_told_when_to_come_again(site, signer, tmp_path):
    slow = limits.Rate(per_second=0.5, burst=3)
    store = tmp_path.as_uri()
    with served(site.people, store, signer, key_rate=slow, address_rate=slow) as strict:
        known, other = site.key(), site.key()
        mine = [strict.ask("/v1/contracts", known).status for _ in range(5)]
        theirs = strict.ask("/v1/contracts", other).status
        guesses = [strict.ask("/v1/contracts", "x" * 43).status for _ in range(4)]
        refused = strict.ask("/v1/contracts", "y" * 43)
        late = strict.ask("/v1/contracts", other).status
        health = strict.ask("/healthz").status

    assert mine == [200, 200, 200, 429, 429]
    assert theirs == 200, "each key has its own"
    assert guesses == [401, 401, 401, 429]
    assert refused.is_problem()
    assert 1 <= int(refused.headers["retry-after"]) <= 3
    assert (late, health) == (200, 200), "guessing costs a known key nothing"


@pytest.mark.parametrize("method", ["PUT", "GET", "POST"])
def test_a_body_of_100_mb_is_refused_before_it_comes(site, key, method):
    with site.socket() as line:
        line.sendall(
            f"{method} /v1/batches/{'0' * 32}/ack HTTP/1.1\r\nHost: x\r\n"
            f"Authorization: Bearer {key}\r\nContent-Length: {100 << 20}\r\n\r\n".encode()
        )
        got = everything(line)

    assert got.startswith(b"HTTP/1.1 413 ")
    assert b"application/problem+json" in got


def test_a_body_that_does_not_say_how_long_it_is_is_cut_off(site, key):
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    with site.socket() as line:
        line.sendall(
            f"PUT /v1/batches/{'0' * 32}/ack HTTP/1.1\r\nHost: x\r\n"
            f"Authorization: Bearer {key}\r\nContent-Type: application/json\r\n"
            "Transfer-Encoding: chunked\r\n\r\n".encode()
        )
        sent = 0
        try:
            while sent < 1600:
                line.sendall(chunk)
                sent += 1
        except OSError:
            pass

    assert sent < 1600, "100 MB were not read"


def test_a_head_that_trickles_in_is_cut_off(site, key, monkeypatch):
    monkeypatch.setattr(server, "HEAD_S", 0.5)
    answered = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    with site.socket() as fresh, site.socket() as silent, site.socket() as used:
        used.sendall(answered)
        assert read_to(used, b'"ok"}').startswith(b"HTTP/1.1 200 ")
        began = time.monotonic()
        for byte in b"GET /healthz HTTP/1.1\r\nX-Slow: " + b"x" * 1000:
            try:
                fresh.sendall(bytes([byte]))
                used.sendall(bytes([byte]))
            except OSError:
                break
            time.sleep(0.05)
        ends = [everything(line) for line in (fresh, silent, used)]

    assert time.monotonic() - began < 20
    assert ends == [b"", b"", b""]


def test_a_body_that_trickles_in_is_cut_off(site, key, monkeypatch):
    monkeypatch.setattr(door, "BODY_S", 0.5)
    with site.socket() as line:
        line.sendall(
            f"PUT /v1/batches/{'0' * 32}/ack HTTP/1.1\r\nHost: x\r\n"
            f"Authorization: Bearer {key}\r\nContent-Type: application/json\r\n"
            "Content-Length: 1000\r\n\r\n{".encode()
        )
        got = everything(line)

    assert got.startswith(b"HTTP/1.1 408 ")
    assert b"application/problem+json" in got


def test_whoever_takes_no_answer_is_let_go(site, key, cards, monkeypatch):
    monkeypatch.setattr(server, "SEND_S", 0.5)
    batch = site.publish(cards(4000, market="large"), market="large")
    with site.socket() as line:
        line.sendall(
            f"GET /v1/batches/{batch.batch_id}/rows HTTP/1.1\r\nHost: x\r\n"
            f"Authorization: Bearer {key}\r\n\r\n".encode()
        )
        time.sleep(2)
        got = everything(line)

    declared = int(re.search(rb"content-length: (\d+)", got)[1])
    assert len(got) < declared, "it was broken off"


@pytest.mark.parametrize(
    "said",
    [
        *(
            b"\x16\x03\x01\x02\x00\x01\x00",
            b"GET /\xff HTTP/1.1\r\n\r\n",
        ),
        b"GET / HTTP/1.1\r\n: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 200_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    ],
)
def test_what_is_no_http_is_refused_as_a_problem(site, said):
    with site.socket() as line:
        line.sendall(said)
        head, _, body = everything(line).partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 400 ")
    assert json.loads(body)["status"] == 400


@pytest.mark.parametrize("method", ["POST", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE", "FOO"])
def test_a_method_that_is_not_done_names_those_that_are(site, key, method):
    got = site.ask("/v1/contracts", key, method=method)

    assert (got.status, got.headers["allow"]) == (405, "GET")
    assert method == "HEAD" or got.is_problem()


def test_every_answer_has_an_id_and_no_cookie(site, key):
    harmless, harmful = "0190b5a4-0000-4000-8000", "ana@example.com\t"
    for path, status in (("/healthz", 200), ("/v1/contracts", 200), ("/v1/no", 404)):
        given = site.ask(path, key, headers={"X-Request-Id": harmless})
        made = site.ask(path, key, headers={"X-Request-Id": harmful})
        assert (given.status, given.headers["x-request-id"]) == (status, harmless)
        assert re.fullmatch(r"[0-9a-f-]{36}", made.headers["x-request-id"])
        assert not {"set-cookie", "server"} & {name.lower() for name in given.headers}
        if status != 200:
            assert made.json()["request_id"] == made.headers["x-request-id"]


def test_what_fails_says_which_request_it_was_and_nothing_else(
    site, key, batch, monkeypatch, logged
):
    def broken(*_):
        raise RuntimeError("ana@example.com")

    monkeypatch.setattr(serve, "batch", broken)
    got = site.ask(f"/v1/batches/{batch.batch_id}", key)

    assert (got.status, got.is_problem()) == (500, True)
    [line] = [record.getMessage() for record in logged.records if record.name == "sxe.web"]
    assert "ana@" not in got.body.decode() + line
    for said in (got.body.decode(), line):
        assert said.count(got.headers["x-request-id"]) == 1, "the answer and the log name it"


def test_a_key_that_is_revoked_meanwhile_is_none(site, key, batch, monkeypatch):
    def revoked(*_):
        raise Refused("that key is unknown, has expired or was revoked; ask the sender for another")

    monkeypatch.setattr(serve, "batch", revoked)
    got = site.ask(f"/v1/batches/{batch.batch_id}", key)

    assert (got.status, got.is_problem()) == (401, True)
    assert got.headers["www-authenticate"] == 'Bearer realm="sxe"'


def test_many_at_once_share_a_few_connections(site, key):
    with concurrent.futures.ThreadPoolExecutor(32) as crowd:
        asked = [crowd.submit(site.ask, "/v1/contracts", key) for _ in range(200)]
        assert {done.result().status for done in asked} == {200}
    count = site.people.one(
        "select count(*) from pg_stat_activity where usename = 'sxe_serve' and datname = %s "
        "and application_name = 'sxe serve'",
        site.database.name,
    )

    assert count <= 8


def test_the_login_of_the_api_reads_no_table(site):
    """But for what says which package the database fits."""
    readable = site.people.owner(
        "select c.oid::regclass::text from pg_class c join pg_namespace n "
        "on n.oid = c.relnamespace where c.relkind in ('r', 'v', 'm', 'p', 'f') "
        "and n.nspname not in ('pg_catalog', 'information_schema') "
        "and has_schema_privilege('sxe_serve', n.oid, 'usage') "
        "and (has_table_privilege('sxe_serve', c.oid, "
        "     'select, insert, update, delete, truncate, references, trigger') "
        "  or has_any_column_privilege('sxe_serve', c.oid, 'select, insert, update'))"
    )
    functions = site.people.owner(
        "select n.nspname || '.' || p.proname, p.prosecdef, p.proargnames[1] from pg_proc p "
        "join pg_namespace n on n.oid = p.pronamespace "
        "where n.nspname in ('handoff', 'gate', 'privacy', 'audit', 'contacts', 'ingest', "
        "'social', 'cards') and has_schema_privilege('sxe_serve', n.oid, 'usage') "
        "and has_function_privilege('sxe_serve', p.oid, 'execute')"
    )

    assert {name for (name,) in readable} == {"ops.revision", "ops.stamp"}
    assert len(functions) >= 4
    for name, is_definer, first in functions:
        assert is_definer, name
        assert first == "_key_sha256" or name == "audit.newest_checkpoint", name


def end_sessions(site):
    """End what the API holds; those who test it stay."""
    databases.superuser(site.database.state).execute(
        "select pg_terminate_backend(pid) from pg_stat_activity "
        "where datname = %s and application_name = 'sxe serve'",
        [site.database.name],
    )


def pattern(text):
    return f"%{text}%".encode()


def read_to(line, end):
    got = b""
    while not got.endswith(end):
        got += line.recv(4096)
    return got


def everything(line):
    """What is still to be read from a connection until the other side ends it."""
    line.settimeout(20)
    got = b""
    try:
        while piece := line.recv(65536):
            got += piece
    except ConnectionResetError:
        pass
    return got

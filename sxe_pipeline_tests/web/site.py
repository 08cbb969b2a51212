"""The API on a real port over a real database and store, and a client that sends anything."""

import contextlib
import dataclasses
import datetime as dt
import http.client
import json
import secrets
import socket
import threading
from types import SimpleNamespace

from sxe_pipeline import schema, sign
from sxe_pipeline.handoff import publish
from sxe_pipeline.handoff.chain import BatchKey
from sxe_pipeline.store import sql
from sxe_pipeline.store.objects import Objects
from sxe_pipeline.web import app, limits, server
from sxe_pipeline.web.asking import Serving
from sxe_pipeline.web.database import Database

MUCH = limits.Rate(per_second=10_000, burst=10_000)
DAY = dt.date(2026, 3, 10)
NOW = dt.datetime(2026, 3, 11, 4, 0, tzinfo=dt.UTC)


@dataclasses.dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self):
        return json.loads(self.body)

    def is_problem(self):
        """Whether it is one of RFC 9457 that says what the status line says."""
        return (
            self.headers["content-type"] == "application/problem+json"
            and self.json()["status"] == self.status
            and self.json()["type"] == "about:blank"
        )


class Site:
    """A served home."""

    def __init__(self, people, signer, port, objects):
        self.people, self.database = people, people.database
        self.signer, self.port, self.objects = signer, port, objects

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def ask(self, path, key=None, method="GET", headers=None, body=None):
        """One request over a connection of its own."""
        conn = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        proof = {"Authorization": f"Bearer {key}"} if key else {}
        with contextlib.closing(conn):
            conn.request(method, path, body=body, headers=proof | (headers or {}))
            got = conn.getresponse()
            return Answer(got.status, got.headers, got.read())

    def socket(self):
        """A bare connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def key(self, contracts=("lead_card",), markets=(), consumer=None, **terms):
        """A live key of a consumer that is subscribed to every market of its contracts."""
        name = consumer or f"c_{secrets.token_hex(4)}"
        self.people.add(name, *contracts, key=False, **terms)
        self.people.key(name, contracts=contracts, markets=markets)
        return self.people.keys[name].text

    def make_head(self):
        """A signed statement where heads of `lead_card` are kept; what it says is of no matter."""
        data = sign.envelope("application/vnd.in-toto+json", b"{}", [self.signer])
        self.people.owner(
            "insert into handoff.head (contract, major, seq, bytes, sha256, last_published_seq, "
            "expires_at, event_id) values ('lead_card', 0, 1, %s, encode(sha256(%s), 'hex'), 1, "
            "now() + interval '36 hours', gen_random_uuid()) on conflict do nothing",
            *(data, data),
        )

    def publish(
        self,
        rows,
        market="x_general",
        day=DAY,
        contract="lead_card",
        batch_key=None,
        objects=None,
        deltas=None,
    ):
        """A batch, as its tier publishes it."""
        login = "sxe_contacts" if contract == "lead_contact" else "sxe_social"
        with sql.connect(self.database.dsn(login)) as conn:
            return publish.publish(
                conn,
                objects or self.objects,
                contract=schema.load(contract, "1.0.0"),
                batch_key=batch_key or BatchKey(market, day),
                rows=rows,
                signer=self.signer,
                actor="test",
                now=NOW,
                deltas=deltas,
            )


@contextlib.contextmanager
def served(people, store, signer, *, key_rate=MUCH, address_rate=MUCH, dsn=None, lender=None):
    """A site that answers until this ends."""
    connections = Database(dsn or people.database.dsn("sxe_serve"))
    objects = Objects(store)
    serving = Serving(connections, objects, lender)
    made = app.make(serving, key_rate=key_rate, address_rate=address_rate)
    stop = SimpleNamespace(times=0)
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)  # the system takes megabytes
    runs = server.server(made, "127.0.0.1", 0, stop)
    thread = threading.Thread(target=runs.run, args=([listening],), daemon=True)
    thread.start()
    try:
        yield Site(people, signer, listening.getsockname()[1], objects)
    finally:
        stop.times = 1
        thread.join(timeout=30)
        serving.close()
        listening.close()
    assert not thread.is_alive(), "it ends when it is asked to"

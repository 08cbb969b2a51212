"""Queues of tests: real brokers where there are some, an outbox with many notices, a line to cut.

Here: what the tests of the relay start from. `SXE_TEST_AMQP_URL` and `SXE_TEST_REDIS_URL` name
other brokers than those of this machine.
"""

import contextlib
import hashlib
import json
import os
import secrets
import socket
import threading
from urllib.parse import urlsplit

import kombu
import psycopg
import pytest

from sxe_pipeline.handoff.queue import brokers

URLS = {
    "rabbitmq": os.environ.get("SXE_TEST_AMQP_URL") or "amqp://guest:guest@localhost:5672//",
    "redis": os.environ.get("SXE_TEST_REDIS_URL") or "redis://localhost:6379/15",
}


def is_there(url):
    """Whether anybody listens at an address."""
    parts = urlsplit(url)
    with contextlib.suppress(OSError), socket.create_connection((parts.hostname, parts.port), 2):
        return True
    return False


def broker(name):
    """Its address; the test that asks is skipped where it does not run."""
    if not is_there(URLS[name]):
        pytest.skip(f"{name} does not answer at its address: this needs the real one")
    return URLS[name]


class Outbox:
    """The outbox of a database, filled and looked at as its owner; queues go with the test."""

    def __init__(self, database):
        self.dsn = database.dsn("postgres")
        self._ours, self._queues = set(), set()

    def owner(self, statement, *values):
        with psycopg.connect(self.dsn, autocommit=True, options="-c timezone=UTC") as conn:
            done = conn.execute(statement, values)
            return done.fetchall() if done.description else []

    def subscribe(self, consumer=None, contract="lead_card", market="*", *, has_queue=True):
        """A consumer of a contract; without a name one that nobody else has."""
        if consumer is None:
            consumer = f"t{secrets.token_hex(5)}"
            self._ours.add(consumer)
        if consumer in self._ours:
            self._queues.add(brokers.queue_of(consumer, contract))
        self.owner(
            "insert into handoff.consumer (consumer, event_id) values (%s, gen_random_uuid()) "
            "on conflict do nothing",
            consumer,
        )
        self.owner(
            "insert into handoff.subscription (consumer, contract, market, has_queue, event_id) "
            "values (%s, %s, %s, %s, gen_random_uuid())",
            *(consumer, contract, market, has_queue),
        )
        return consumer

    def key(self, consumer, contracts=("lead_card",), text=None):
        """The hash of a key of the consumer, which the database knows."""
        sha256 = hashlib.sha256((text or secrets.token_hex()).encode()).digest()
        self.owner(
            "insert into handoff.api_key (key_sha256, consumer, contracts, expires_at, event_id) "
            "values (%s, %s, %s, clock_timestamp() + interval '1 day', gen_random_uuid())",
            *(sha256, consumer, list(contracts)),
        )
        return sha256

    def fill(self, count, *consumers, contract="lead_card"):
        """As if so many batches had been published: a notice of each to each consumer."""
        self.owner(
            "with of_contract as ("
            " select coalesce(max(published_seq), 0) as last from handoff.batch where contract = %s"
            "), made as ("
            " insert into handoff.batch (batch_id, contract, contract_version, market, day, state,"
            "  row_count, manifest, manifest_sha256, published_at, published_seq, request_id, seq)"
            " select md5(%s || n), %s, '1.0.0', 'x_general', date '2026-01-01' + n::int,"
            "  'published', n, '{}', encode(sha256(n::text::bytea), 'hex'), clock_timestamp(), n,"
            "  case %s when 'lead_contact' then gen_random_uuid() end,"
            "  case %s when 'lead_contact' then 1 end"
            " from of_contract, generate_series(last + 1, last + %s) as n returning *"
            "), told as ("
            " insert into handoff.delivery (consumer, batch_id, contract, due_at, event_id)"
            " select c, batch_id, contract, clock_timestamp() + interval '1 day',"
            "  gen_random_uuid() from made, unnest(%s::text[]) as c returning *"
            ") insert into handoff.outbox (event_id, consumer, contract, batch_id, body)"
            " select t.event_id, t.consumer, t.contract, t.batch_id,"
            "  handoff.notice(row(m.*)::handoff.batch, t.event_id)"
            " from told t join made m using (batch_id) order by m.published_seq",
            *(contract, contract, contract, contract, contract, count, list(consumers)),
        )

    def rows(self, what="sent_at is not null"):
        """One value of every row, in the order of writing."""
        return [v for (v,) in self.owner(f"select {what} from handoff.outbox order by seq")]

    def write_again(self, consumer, sequence):
        """As if the notice of that number had been written after all others."""
        self.owner(
            "update handoff.outbox set seq = default where consumer = %s and published_seq = %s",
            *(consumer, sequence),
        )

    def put_off(self, consumer, sequence):
        """A notice is due in an hour."""
        self.owner(
            "update handoff.outbox set next_try = clock_timestamp() + interval '1 hour' "
            "where consumer = %s and published_seq = %s",
            *(consumer, sequence),
        )

    def due(self):
        """What was put off is due now."""
        self.owner("update handoff.outbox set next_try = clock_timestamp()")

    def close(self):
        """Queues of consumers that nobody else has go from every broker."""
        for url in filter(is_there, URLS.values() if self._queues else ()):
            with kombu.Connection(url) as connection:
                for queue in self._queues:
                    with contextlib.suppress(Exception):
                        connection.channel().queue_delete(queue=queue)


@contextlib.contextmanager
def reading(url):
    """`read(consumer, contract)`: every event of a queue, oldest first; each is read once."""
    with kombu.Connection(url) as connection:
        channel = connection.channel()

        def read(consumer, contract="lead_card"):
            queue = kombu.Queue(brokers.queue_of(consumer, contract), durable=True)(channel)
            queue.queue_declare()  # one that was never declared holds nothing
            found = []
            while (got := queue.get(no_ack=True)) is not None:
                assert got.content_type == brokers.CONTENT_TYPE
                found.append(json.loads(got.body))
                assert got.properties["message_id"] == found[-1]["id"]
            return found

        yield read


class Line:
    """A broker behind a line that can be cut, or that swallows what the broker answers."""

    def __init__(self, url):
        parts = urlsplit(url)
        self._to = (parts.hostname, parts.port)
        self._server = socket.create_server(("127.0.0.1", 0))
        port = self._server.getsockname()[1]
        self.url = url.replace(f"{parts.hostname}:{parts.port}", f"127.0.0.1:{port}")
        self.swallows = self.cuts_at_answer = False
        self._open = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._server.accept()
                far = socket.create_connection(self._to)
                self._open += [near, far]
                for source, sink, is_answer in ((near, far, False), (far, near, True)):
                    threading.Thread(
                        target=self._pass_on, args=(source, sink, is_answer), daemon=True
                    ).start()

    def _pass_on(self, source, sink, is_answer):
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                if is_answer and self.cuts_at_answer:
                    self.cut()
                elif not (is_answer and self.swallows):
                    sink.sendall(data)

    def cut(self):
        """Every connection ends, as when the broker dies."""
        for end in self._open:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self._open.clear()

    def close(self):
        self.cut()
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()


class Picky:
    """A broker that refuses some of the events and takes the others; `taken` in their order."""

    def __init__(self, *refused):
        self.refused, self.taken = set(refused), []

    def declare(self, consumer, contract):
        """Everything is declared."""

    def send(self, consumer, contract, event):
        if (consumer, int(event["sequence"])) in self.refused:
            raise brokers.Unsent("refused")
        self.taken.append((consumer, int(event["sequence"])))


class Ending:
    """A publisher whose process ends after so many events."""

    def __init__(self, broker, left):
        self.broker, self.left, self.declare = broker, left, broker.declare

    def send(self, *event):
        self.broker.send(*event)
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt

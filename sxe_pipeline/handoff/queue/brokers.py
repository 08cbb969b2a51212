"""Brokers, spoken to through kombu.

Here: a connection that never waits for ever, a durable queue for each consumer and contract, and
when a broker has an event. Over AMQP that is when it confirmed it and did not return it. Redis has
no such thing: the binding is looked at before each event, for one without a queue would vanish, and
what Redis has it may lose with its server (docs/queue.md). No text of a broker or of its library is
passed on: it may repeat the address, which holds a password.
"""

import json
import ssl
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

from sxe_pipeline.errors import BadConfig, StoreUnavailable, Transient

EXCHANGE = "sxe.handoff"
CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"
SCHEMES = ("amqp", "amqps", "redis", "rediss")
WAIT_S = 5.0
"""For a connection, for a confirmation, for any answer."""


class Unsent(Transient):
    """The broker is there and has not taken an event.

    `reason`: 'unroutable', 'refused' or 'not_declared'.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"the broker took no event ({reason})")


def queue_of(consumer: str, contract: str) -> str:
    """The queue that a consumer reads a contract from."""
    return f"sxe.{consumer}.{contract}"


def checked(url: str) -> tuple[str, str]:
    """Scheme and host of an address.

    Raises:
        BadConfig: Another scheme, or no address; the text does not repeat it.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in SCHEMES or not parts.hostname:
        raise BadConfig(
            f"SXE_BROKER_URL must start with {', '.join(f'{s}://' for s in SCHEMES)} and name a "
            "host; correct it, or unset it: Postgres is the queue then"
        )
    return parts.scheme, parts.hostname


@contextmanager
def opened(url: str, wait_s: float = WAIT_S) -> "Iterator[Broker]":
    """A connected broker.

    Args:
        url: `amqp://`, `redis://`; with TLS, whose certificate is checked, `amqps://`, `rediss://`.
        wait_s: For each of its answers.

    Raises:
        BadConfig: As `checked`.
        StoreUnavailable: Nobody answers there, or not to this login.
    """
    scheme, host = checked(url)
    import kombu

    is_amqp = scheme.startswith("amqp")
    waits = (
        {"confirm_publish": True, "read_timeout": wait_s, "write_timeout": wait_s}
        if is_amqp
        else {"socket_timeout": wait_s, "socket_connect_timeout": wait_s}
    )
    connection = kombu.Connection(
        url,
        ssl=_tls(scheme, host),
        connect_timeout=wait_s,
        transport_options=waits,
    )
    with _speaking(connection, "cannot be reached, or refuses this login"):
        # Of a connection that was not made the channel is waited for without an end.
        connection.ensure_connection(max_retries=0, reraise_as_library_errors=False)
        channel = connection.channel()
    try:
        yield (Amqp if is_amqp else Redis)(connection, channel, wait_s)
    finally:
        with suppress(Exception), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            connection.release()


class Broker(ABC):
    """What AMQP and Redis share: names, durable declarations, events in persistent form."""

    def __init__(self, connection: Any, channel: Any, wait_s: float) -> None:
        """Take over an open channel; use `opened`."""
        import kombu

        self._connection, self._channel, self._wait_s = connection, channel, wait_s
        self._exchange = kombu.Exchange(EXCHANGE, "direct", durable=True, delivery_mode=2)
        self._declared: set[str] = set()

    def declare(self, consumer: str, contract: str) -> None:
        """Make the exchange, the queue and its binding, once a connection."""
        import kombu

        name = queue_of(consumer, contract)
        if name in self._declared:
            return
        with _speaking(self._connection, "went away"):
            self._make(kombu.Queue(name, self._exchange, routing_key=name, durable=True))
        self._declared.add(name)

    def send(self, consumer: str, contract: str, event: Mapping[str, Any]) -> None:
        """Hand one event over; returns when the broker has it."""
        name = queue_of(consumer, contract)
        try:
            with _speaking(self._connection, "went away"):
                self._send(name, event)
        except Unsent:
            self._declared.discard(name)
            raise

    def _make(self, queue: Any) -> None:
        queue(self._channel).declare()

    @abstractmethod
    def _send(self, queue: str, event: Mapping[str, Any]) -> None:
        """Hand an event to a queue that was declared; raises Unsent where the broker has it not."""

    def _publish(self, queue: str, event: Mapping[str, Any], **how: Any) -> None:
        import kombu

        kombu.Producer(self._channel, self._exchange, auto_declare=False, **how).publish(
            json.dumps(event, separators=(",", ":"), sort_keys=True).encode(),
            routing_key=queue,
            content_type=CONTENT_TYPE,
            content_encoding="utf-8",
            message_id=str(event["id"]),
            mandatory=True,
            confirm_timeout=self._wait_s,
        )


class Amqp(Broker):
    """A broker that confirms what it has, and returns what no queue takes."""

    def _make(self, queue: Any) -> None:
        """A queue that is there stays as its owner declared it, such as one of type quorum."""
        try:
            self._exchange(self._channel).declare()
            if self._is_there(queue.name):
                queue(self._channel).queue_bind()
            else:
                queue(self._channel).declare()
        except self._connection.channel_errors:
            self._anew()
            raise Unsent("not_declared") from None

    def _is_there(self, queue: str) -> bool:
        from amqp.exceptions import NotFound

        try:
            self._channel.queue_declare(queue, passive=True)
        except NotFound:
            self._anew()
            return False
        return True

    def _send(self, queue: str, event: Mapping[str, Any]) -> None:
        from amqp.exceptions import MessageNacked

        # What is returned comes before its confirmation, on the same channel.
        returned: list[Any] = []
        self._channel.events["basic_return"].clear()
        try:
            self._publish(queue, event, on_return=lambda *parts: returned.append(parts[0]))
        except MessageNacked:
            raise Unsent("refused") from None
        except self._connection.channel_errors:
            self._anew()
            raise Unsent("refused") from None
        if returned:
            raise Unsent("unroutable")

    def _anew(self) -> None:
        """A channel that refused something was closed by the broker."""
        self._channel = self._connection.channel()


class Redis(Broker):
    """Lists and a set of bindings, as kombu lays them out."""

    def _send(self, queue: str, event: Mapping[str, Any]) -> None:
        bound = {table[-1] for table in self._channel.get_table(EXCHANGE)}
        if queue not in bound:
            raise Unsent("unroutable")
        self._publish(queue, event)


@contextmanager
def _speaking(connection: Any, what: str) -> Iterator[None]:
    """Turn whatever the library raises for a lost or silent broker into an error of ours."""
    try:
        yield
    except (Unsent, StoreUnavailable):
        raise
    except (*connection.connection_errors, *connection.channel_errors, OSError) as error:
        raise StoreUnavailable(
            f"the broker {what} ({type(error).__name__}); what was not confirmed is sent again"
        ) from None


def _tls(scheme: str, host: str) -> dict[str, Any] | None:
    """The libraries' own default takes any certificate (py-amqp), or only that of a known host."""
    if scheme == "amqps":
        return {"cert_reqs": ssl.CERT_REQUIRED, "server_hostname": host}
    return {"ssl_cert_reqs": "required", "ssl_check_hostname": True} if scheme == "rediss" else None

"""Hear of batches from a queue, and verify each from its notice alone.

The queue is a broker, or Postgres itself where the sender has none. What is not acknowledged comes
again, so a crash loses nothing; what comes twice has the same id and is dropped. Nothing of the
engine is imported.

usage: read_queue.py QUEUE_URL CONSUMER HANDOFF_FOLDER PUBLIC_KEY_FILE

QUEUE_URL: amqp(s)://, redis(s)://, or the postgresql:// address of the login `sxe_serve`, which
takes the consumer's key from CONSUMER_KEY. It reads what is there, and ends.
"""

import hashlib
import json
import os
import queue
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from read_batch import verified

Told = tuple[dict, Callable[[], object]]
"""An event, and what says that it was worked on."""


def from_broker(url: str, consumer: str, contract: str = "lead_card") -> Iterator[Told]:
    """The events of a queue, oldest first."""
    import kombu

    with kombu.Connection(url, connect_timeout=5) as connection:
        named = kombu.Queue(f"sxe.{consumer}.{contract}", no_declare=True)
        with connection.SimpleQueue(named) as told:
            while True:
                try:
                    event = told.get(timeout=1)
                except queue.Empty:
                    return
                yield json.loads(event.body), event.ack


def from_postgres(url: str, key: str) -> Iterator[Told]:
    """The events of a consumer; what is not done within a minute is given again."""
    import psycopg

    digest = hashlib.sha256(key.encode()).digest()
    with psycopg.connect(url, autocommit=True) as conn:
        while True:
            found = conn.execute("select handoff.take_notices(%s, 10, 60)", [digest]).fetchall()
            if not found:
                return
            for (event,) in found:
                done = ("select handoff.done_notice(%s, %s)", [digest, event["id"]])
                yield event, lambda done=done: conn.execute(*done)


def checked(event: dict, store: Path, pinned: Path) -> dict:
    """What the manifest of a notice says; raises where it is not the one that was announced."""
    manifest = store / event["data"]["manifest_key"]
    if hashlib.sha256(manifest.read_bytes()).hexdigest() != event["data"]["manifest_sha256"]:
        raise ValueError(f"{event['subject']} is not the batch that was announced")
    return verified(manifest.parent, pinned)


def main(url: str, consumer: str, store: str, pinned: str) -> None:
    """Print a line for each batch that is new."""
    is_postgres = url.startswith("postgres")
    told = (
        from_postgres(url, os.environ["CONSUMER_KEY"])
        if is_postgres
        else from_broker(url, consumer)
    )
    # Keep these beside your rows, in one transaction: then no crash makes you count a batch twice.
    seen: set[tuple[str, str]] = set()
    for event, done in told:
        if (event["source"], event["id"]) not in seen:
            batch = checked(event, Path(store), Path(pinned))
            what = f"{batch['market']} {batch['day']}, {batch['row_count']} rows"
            print(f"{int(event['sequence'])}: {what}, signature holds")
            seen.add((event["source"], event["id"]))
        done()


if __name__ == "__main__":
    main(*sys.argv[1:])

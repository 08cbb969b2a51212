"""The consumers of the demo: processes without our settings that read what was handed over.

Here: what each is told: files and a pinned key; an address and a key of its own; a database that
tells of batches. What they do with it is `consumer`'s.
"""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sxe_pipeline import settings as environment
from sxe_pipeline.demo.failure import DemoFailed
from sxe_pipeline.handoff import consumers
from sxe_pipeline.local import attach
from sxe_pipeline.settings import DATABASES, Settings
from sxe_pipeline.store import key_files, sql

CARDS, POOLS, CONTACTS = "lead_card", "audience_pool", "lead_contact"
START_S = 60

Rows = list[dict[str, Any]]
"""A line of a consumer for each batch."""


@dataclass
class ReadBack:
    """What each consumer says of the batches it read."""

    cards: Rows = field(default_factory=list)
    pools: Rows = field(default_factory=list)
    contacts: Rows = field(default_factory=list)
    by_api: Rows = field(default_factory=list)
    by_queue: Rows = field(default_factory=list)


def by_files(given: Settings) -> ReadBack:
    """Read every batch of the home from its folders, with the pinned keys alone.

    Raises:
        DemoFailed: One does not hold.
    """
    public, contact = key_files.public_file(given.home), key_files.contact_file(given.home)
    store = given.home / "handoff"
    return ReadBack(
        cards=_read(given, "files", store, CARDS, public, "card_id"),
        pools=_read(given, "files", store, POOLS, public, "segment_id"),
        contacts=_read(
            given,
            *("files", given.home / "contact_handoff", CONTACTS, contact.with_suffix(".pub")),
            *("card_id", "kind", "value"),
        ),
    )


def by_name(given: Settings, token: str, seen: ReadBack) -> None:
    """Give two consumers their keys: one reads and answers by the API, one is told by the queue.

    Args:
        given: Of the demo's home, before this process took any login of them.
        token: Of an admin.
        seen: Takes what they say.

    Raises:
        DemoFailed: One of them could not read.
    """
    public = key_files.public_file(given.home)
    with attach.attached(given, "api", "serve") as held:
        with sql.connect(held.settings.need("api_dsn")) as conn:
            keys = {
                name: _hired(conn, token, name, has_queue=name == "queue_reader")
                for name in ("api_reader", "queue_reader")
            }
        told = {
            "CONSUMER_KEY": keys["queue_reader"],
            "CONSUMER_DATABASE_URL": held.settings.need("serve_dsn"),
        }
        seen.by_queue = _read(given, "queue", given.home / "handoff", CARDS, public, told=told)
    with _api(given) as url:
        told = {"CONSUMER_KEY": keys["api_reader"]}
        seen.by_api = _read(given, "api", url, CARDS, public, "card_id", told=told)


def _hired(conn: Any, token: str, name: str, *, has_queue: bool) -> str:
    consumers.add(conn, token, name)
    consumers.subscribe(conn, token, name, CARDS, has_queue=has_queue)
    key = consumers.make_key()
    consumers.add_key(conn, token, name, key, datetime.now(UTC) + timedelta(days=30))
    return key.text


@contextmanager
def _api(given: Settings) -> Iterator[str]:
    """The address of `sxe serve` over the home, as long as this lasts."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    dsn = given.serve_dsn
    login = {DATABASES["serve_dsn"]: dsn} if dsn else {}
    log = given.home / "serve.log"
    log.touch(mode=0o600)
    with log.open("w") as out:
        child = subprocess.Popen(
            [sys.executable, "-m", "sxe_pipeline.cli", "serve", "--port", str(port)],
            env=environment.inherited() | login | {"SXE_HOME": str(given.home)},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
        try:
            _wait(child, port, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            child.terminate()
            child.wait(timeout=START_S)


def _wait(child: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    end = time.monotonic() + START_S
    while child.poll() is None and time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise DemoFailed(f"the API does not answer; {log} says why")


def _read(
    given: Settings,
    way: str,
    where: Path | str,
    contract: str,
    key: Path,
    *columns: str,
    told: Mapping[str, str] | None = None,
) -> Rows:
    if isinstance(where, Path) and not where.exists():
        return []
    script = Path(__file__).with_name("consumer.py")
    child = subprocess.run(
        [sys.executable, "-I", str(script), way, str(where), contract, str(key), *columns],
        capture_output=True,
        text=True,
        cwd=given.home,
        env={"PATH": "/usr/bin:/bin", "PYTHONUTF8": "1", **(told or {})},
        check=False,
    )
    if child.returncode:
        (given.home / "consumer.log").write_text(child.stderr)
        raise DemoFailed(f"a consumer could not read by {way}; see {given.home}/consumer.log")
    return [json.loads(line) for line in child.stdout.splitlines()]

"""Cards of people who do not exist, a key, and the logins that publishing needs."""

import contextlib
import datetime as dt
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from sxe_pipeline import schema
from sxe_pipeline.handoff import publish
from sxe_pipeline.handoff.chain import BatchKey
from sxe_pipeline.handoff.chain_rows import Deltas
from sxe_pipeline.handoff.files import manifest
from sxe_pipeline.sign import Signer
from sxe_pipeline.store import sql
from sxe_pipeline.store.objects import Objects
from sxe_pipeline_tests.databases import TEMPLATE, copy_of, drop
from sxe_pipeline_tests.gate.world import World
from sxe_pipeline_tests.handoff import queues
from sxe_pipeline_tests.handoff.contacts import CONTRACT, DAY, NOW, at
from sxe_pipeline_tests.handoff.readers import Readers
from sxe_pipeline_tests.handoff.whole import (
    batch_bytes,
    changed,
    fields_and_parts,
    ids,
    lay,
    tombstones,
    withheld,
    without,
)

SEEN = dt.datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=dt.UTC)
TEXTS = [
    "Engineer",
    'says "hi" \\ /',
    "line\nbreak\u2028separator",
    "naïve 東京 😀\u200d",
    "",
    None,
]


def proof(label: str, source: str, text: str | None, weight: float, field: str) -> dict:
    said = {"label": label, "source": source, "text": text, "weight": weight}
    return said | {"field": field, "start": None, "end": None}


def card(number: int, seed: int, market: str) -> dict:
    chosen = random.Random(f"{seed}-{number}")
    return {
        "card_id": f"{chosen.getrandbits(64):016x}{number:016x}",
        "market": market,
        "platform": "x",
        "platform_id": str(9007199254740993 + number),
        "handle": f"user_{number}",
        "display_name": chosen.choice(TEXTS),
        "bio": chosen.choice(TEXTS),
        "language": chosen.choice(["en", "pt", None]),
        "language_score": chosen.choice([chosen.random(), None]),
        "country": None,
        "region": None,
        "link_domains": chosen.choice([["example.com"], [], None]),
        "hashtags": ["ai"],
        "link_hub": None,
        "follower_count": chosen.choice([0, 2**53 + 1, None]),
        "following_count": 5,
        "post_count": None,
        "follower_band": "1k_10k",
        "is_verified": None,
        "is_business": False,
        "account_type": "person",
        "persona_family": "tech",
        "persona": "software_engineer",
        "persona_confidence": round(chosen.random(), 3),
        "tribe": "software_dev",
        "tribe_confidence": 0.7,
        "tribes": ["software_dev"],
        "audience_pool": "tech_professionals",
        "execution_label": "professional",
        "evidence": [
            proof("software_engineer", "text", "engineer", 0.8, "display_name"),
            proof("software_dev", "audience", None, 0.1, "collections"),
        ],
        "readiness_state": "ready",
        "readiness_reasons": [],
        "accounts": [{"platform": "x", "platform_id": None, "handle": "user", "basis": "self"}],
        "first_seen_at": SEEN,
        "observed_at": SEEN + dt.timedelta(seconds=number),
        "taxonomy_version": "1",
        "ruleset_version": "1",
        "model_version": "none",
        "policy_version": "1",
    }


@pytest.fixture(scope="session")
def contract():
    return schema.load("lead_card", "1.0.0")


@pytest.fixture(scope="session")
def cards(contract):
    """`cards(n, seed, market)`: n rows in a random order."""

    def make(n: int = 20, seed: int = 1, market: str = "x_general", order: int = 0) -> pa.Table:
        rows = [card(number, seed, market) for number in range(n)]
        random.Random(order).shuffle(rows)
        return pa.Table.from_pylist(rows, schema=contract.arrow())

    return make


@pytest.fixture
def today(cards):
    """Of twenty cards: what becomes of them, and what a delta says of it."""
    before = cards(20)
    rows = changed(without(before, 4, 9), 0, 7, bio="New words")
    removes = tombstones(
        [("x_general", card_id, "withheld", None) for card_id in ids(before, 4, 9)]
    )
    upserts = rows.filter(pc.is_in(rows["card_id"], pa.array(ids(rows, 0, 7))))
    return before, rows, upserts, removes


@pytest.fixture(scope="session")
def signer():
    return Signer.from_text("sxe-signing:" + "A" * 43 + "=")


@pytest.fixture
def store(tmp_path):
    return Objects((tmp_path / "handoff").as_uri())


@pytest.fixture
def conn(social_dsn):
    with sql.connect(social_dsn) as connection:
        yield connection


@pytest.fixture
def run(conn, store, contract, signer):
    """`run(rows, day=..., market=...)`: publish into the test's own store."""

    def call(
        rows,
        day=DAY,
        market="x_general",
        objects=store,
        by=conn,
        now=NOW,
        signer=signer,
        deltas=None,
        contract=contract,
    ):
        return publish.publish(
            by,
            objects,
            contract=contract,
            batch_key=BatchKey(market, day),
            rows=rows,
            signer=signer,
            actor="test",
            now=now,
            deltas=deltas,
        )

    return call


@pytest.fixture
def run_days(run):
    """`run_days(rows, ...)`: as `run`, with deltas; whatever is gone was withheld."""

    def call(rows, gone=withheld, full_every=7, **options):
        return run(rows, deltas=Deltas(gone, full_every), **options)

    return call


@pytest.fixture
def expected(contract, signer):
    """`expected(rows)`: every byte of the batch, worked out without a store or a database."""

    def files(rows, day=DAY, prev=None, market="x_general", removes=None):
        return batch_bytes(contract, signer, rows, BatchKey(market, day), prev, removes)

    return files


@pytest.fixture
def login(contacts_dsn):
    """The contact tier's own connection."""
    with sql.connect(contacts_dsn) as connection:
        yield connection


@pytest.fixture
def publish_contacts(login, store, signer):
    """`publish_contacts(rows, batch_key)`: as the contact tier does, into the test's own store."""

    def call(rows, batch_key=None, objects=store, by=login, now=NOW, contract=CONTRACT):
        return publish.publish(
            by,
            objects,
            contract=contract,
            batch_key=batch_key or at(),
            rows=rows,
            signer=signer,
            actor="test",
            now=now,
        )

    return call


@pytest.fixture
def events(api_dsn):
    """`events(batch_id)`: the kinds of its audit events, in the order of recording."""

    def read(batch_id: str) -> list[str]:
        with sql.connect(api_dsn) as connection:
            rows = connection.execute(
                "SELECT kind FROM audit.event WHERE subject = %s ORDER BY recorded_at", [batch_id]
            )
            return [kind for (kind,) in rows]

    return read


@pytest.fixture
def social_dsn(database):
    return database.dsn("sxe_social")


@pytest.fixture
def contacts_dsn(database):
    return database.dsn("sxe_contacts")


@pytest.fixture
def api_dsn(database):
    return database.dsn("sxe_api")


@pytest.fixture
def admin_dsn(database):
    return database.dsn("sxe_admin")


@pytest.fixture(scope="session")
def write(contract, signer):
    """`write(root, rows, day, prev, lies)`: a batch as it is published, without a database."""

    def batch(
        root: Path, rows, day="2026-01-01", prev=None, by=signer, lies=None, removes=None
    ) -> Path:
        batch_key = BatchKey("x_general", dt.date.fromisoformat(day))
        fields, parts = fields_and_parts(contract, rows, batch_key, prev, removes)
        folder = root / "lead_card" / "v1" / fields["batch_id"]
        lay(folder, parts)
        (folder / manifest.NAME).write_bytes(manifest.seal(fields | (lies or {}), by))
        return folder

    return batch


@pytest.fixture(scope="module")
def staffed(server):
    """A database of two admins and whoever enters acknowledgements: what `readers` copies."""
    made = copy_of(server, TEMPLATE)
    world = World(made)
    world.bootstrap()
    world.person("ben", "ack")
    world.person("ana", "request")
    world.close()
    yield made, world.tokens
    drop(made)


@pytest.fixture
def readers(staffed):
    """People with tokens, consumers with keys, and batches to be delivered."""
    template, tokens = staffed
    made = Readers(copy_of(template.state, template.name), dict(tokens))
    yield made
    made.close()


@pytest.fixture
def outbox(database):
    """The outbox of the test's database, as its owner."""
    with contextlib.closing(queues.Outbox(database)) as made:
        yield made


@pytest.fixture
def people(database):
    """People with tokens, of whom `cho` is an admin and `ana` is none."""
    from sxe_pipeline_tests.gate.world import World

    with contextlib.closing(World(database)) as made:
        made.bootstrap()
        made.person("ana", "request")
        yield made

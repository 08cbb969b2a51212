"""The whole road on what a platform gives: containers that are lost, a managed Postgres behind a
pooler, buckets. Told by documented variables alone, in production mode.
"""

import json
import os
import random
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from sxe_pipeline.contacts.vault import Vault
from sxe_pipeline.handoff import sign
from sxe_pipeline.handoff.sign import Signer
from sxe_pipeline.local import keys
from sxe_pipeline.ops import work
from sxe_pipeline.sandbox import providers
from sxe_pipeline.settings import Pace
from sxe_pipeline.store import migrate, roles, sql
from sxe_pipeline_tests.gate.world import World
from sxe_pipeline_tests.local import buckets
from sxe_pipeline_tests.local.containers import QUICK, Container, until

pytestmark = pytest.mark.platform
KILLS = int(os.environ.get("PLATFORM_KILLS", "6"))
DAY = datetime.now(UTC).date() - timedelta(days=1)
FIRST = ("Ana", "Ben", "Cho", "Dee", "Eve", "Fay", "Gus", "Hal", "Ida", "Jan")
LAST = ("Keller", "Lopez", "Marin", "Novak", "Olsen", "Perez", "Quist", "Rossi", "Silva", "Toth")
STORES = {
    "SXE_LANDING_STORE_URL": "s3://landing",
    "SXE_TIER1_STORE_URL": "s3://tier1",
    "SXE_HANDOFF_STORE_URL": "s3://handoff",
    "SXE_CONTACT_HANDOFF_STORE_URL": "s3://contact-handoff",
}


class Managed:
    """A database of the service, by the logins that the panel prints."""

    def __init__(self, service, name):
        self.service, self.name = service, name

    def dsn(self, role):
        if role == "postgres":
            return self.service.superuser(self.name)
        if role == "sxe_admin":
            return self.service.admin(self.name)
        return self.service.pooled(role, self.name)


class Platform:
    """A deployment: its database, its buckets, its providers, its two containers."""

    def __init__(self, service, stored, emulator, folder):
        self.database = Managed(service, service.new_database())
        migrate.upgrade(
            self.database.dsn("sxe_admin"), {r: service.passwords[r] for r in roles.TIERS}
        )
        self.variables, self.objects = stored
        self.emulator = emulator
        self.social_key, contact_key = Signer.generate(), Signer.generate()
        with sql.connect(self.database.dsn("sxe_admin")) as conn:
            known = [
                (self.social_key.public_key, sign.SOCIAL),
                (contact_key.public_key, sign.CONTACT),
            ]
            keys.register(conn, known, actor="test", now=datetime.now(UTC))
        self.contact_pem = contact_key.public_pem()
        common = {
            "SXE_ENV": "production",
            "DAGSTER_DATABASE_URL": self.database.dsn("sxe_dagster"),
            **self.variables,
            **QUICK,
        }
        self.social = common | {
            "SXE_SOCIAL_DATABASE_URL": self.database.dsn("sxe_social"),
            "SXE_SIGNING_KEY": self.social_key.text(),
            **{name: url for name, url in STORES.items() if "CONTACT" not in name},
        }
        contact = common | {
            "SXE_CONTACTS_DATABASE_URL": self.database.dsn("sxe_contacts"),
            "SXE_KEYSET": Vault.generate_text(),
            "SXE_SIGNING_KEY": contact_key.text(),
            "SXE_CONTACT_HANDOFF_STORE_URL": STORES["SXE_CONTACT_HANDOFF_STORE_URL"],
            "SXE_APOLLO_URL": emulator.url,
            "SXE_ENFORMION_URL": emulator.url,
            "APOLLO_API_KEY": "k",
            "ENFORMION_AP_NAME": "n",
            "ENFORMION_AP_PASSWORD": "p",
        }
        workspace = folder / "workspace.yaml"
        self.engine = Container("engine", ["social", "daemon"], folder, self.social, workspace)
        self.contact = Container("contact", ["contact"], folder, contact)
        servers = {"social_tier": self.engine.port, "contact_tier": self.contact.port}
        workspace.write_text(
            "load_from:\n"
            + "".join(
                f"  - grpc_server: {{ host: 127.0.0.1, port: {port}, location_name: {name} }}\n"
                for name, port in servers.items()
            )
        )
        self.second = Container(
            "second",
            ["daemon"],
            folder,
            {k: v for k, v in common.items() if not k.startswith("AWS")},
            workspace,
        )

    def land(self, number):
        """Ten people of a day, into the bucket."""
        people = [
            {
                "id": str(2**60 + number * 10 + n),
                "username": f"{first}{LAST[number % 10]}{number}".lower(),
                "name": f"{first} {LAST[(number + n) % 10]}",
                "location": "Austin, TX",
                "description": "Photographer. I love hiking and trail running",
                "public_metrics": {
                    "followers_count": 900 + n,
                    "following_count": 5,
                    "tweet_count": 9,
                },
            }
            for n, first in enumerate(FIRST)
        ]
        key = f"makers/{DAY.isoformat()}/page-{number}.json"
        self.objects["landing", key] = json.dumps({"data": people}).encode()

    def rows(self, query, *values):
        with psycopg.connect(self.database.dsn("postgres")) as conn:
            return conn.execute(query, values).fetchall()

    def counted(self):
        found = self.rows("select input_count from social.day_count where landed_day = %s", DAY)
        return found[0][0] if found else 0

    def is_at_rest(self, landed):
        open_work = self.rows("select 1 from ops.work where state <> 'done'")
        return self.counted() == landed and not open_work

    def is_running(self):
        return self.rows("select 1 from ops.run where ended_at is null")

    def told(self):
        """What a person would look at."""
        return json.dumps(
            {
                "counted": self.counted(),
                "work": self.rows(
                    "select work, subject, state, failures, outcome, reason from ops.work"
                ),
                "runs": self.rows("select outcome, count(*) from ops.run group by 1"),
            },
            default=str,
        )


@pytest.fixture
def platform(service, tmp_path):
    with buckets.serving() as stored, providers.serve(retry_after_s=0) as emulator:
        made = Platform(service, stored, emulator, tmp_path)
        yield made
        for each in (made.engine, made.contact, made.second):
            if each.starts and each.process.poll() is None:
                each.lose()


def test_the_whole_road_through_lost_containers_ends_in_batches_that_a_stranger_verifies(
    platform, tmp_path
):
    seed = random.randrange(2**32)
    print(f"seed {seed}, {KILLS} kills")
    fate = random.Random(seed)
    for each in (platform.engine, platform.contact):
        each.start()
    for each in (platform.engine, platform.contact):
        each.until_ready()
    platform.second.start()  # a second daemon, as in a roll-out that does not end

    for number in range(KILLS):
        platform.land(number)
        if fate.random() < 0.5:  # in the middle of a run, else wherever it is
            until(platform.is_running, 90, platform.told)
        lost = fate.choice([platform.engine, platform.engine, platform.contact])
        lost.lose()
        lost.start()
        lost.until_ready()
    until(lambda: platform.is_at_rest(10 * KILLS), 300, platform.told)
    assert platform.rows("select count(*) from social.card") == [(10 * KILLS,)]

    with sql.connect(platform.database.dsn("sxe_social")) as conn:
        work.ask(conn, work.NIGHT, {DAY.isoformat(): DAY.isoformat()}, Pace(start_grace=0.1))
    published = "select batch_id, market, row_count from handoff.batch where state = 'published'"
    until(lambda: platform.rows(published), 300, platform.told)
    [(batch_id, market, count)] = platform.rows(published)
    assert count == 10 * KILLS
    where = f"s3://handoff/lead_card/v0/{batch_id}"
    _verify(platform, where, platform.social_key.public_pem(), tmp_path)

    world = World(platform.database)
    world.open(cap=100_000_000, market=market)
    made = world.submit(5, market=market)
    world.approve(made)
    world.close()
    contacts = published + " and contract = 'lead_contact'"
    until(lambda: platform.rows(contacts), 300, platform.told)
    [(contact_batch, _, _)] = platform.rows(contacts)
    where = f"s3://contact-handoff/lead_contact/v0/{contact_batch}"
    _verify(platform, where, platform.contact_pem, tmp_path)
    [(booked,)] = platform.rows("select sum(charged_units_micro) from gate.call")
    assert booked == sum(platform.emulator.stats()["totals"].values()) > 0

    twice = (
        "select value from dagster.run_tags where key = 'sxe/ask' group by 1 having count(*) > 1"
    )
    assert platform.rows(twice) == [], "two daemons launched one ask"
    assert "stands by" in platform.second.log.read_text()
    for each in (platform.engine, platform.contact, platform.second):
        each.measure()
        print(each.name, {kind: f"{kib >> 10} MiB" for kind, kib in each.peak_kib.items()})
        assert all(kib < 1.6 * 1024**2 for kib in each.peak_kib.values())
        assert each.end() == 0, each.log.read_text()[-3000:]


def _verify(platform, where, pem, folder):
    """As a stranger does: the bucket, a key that was pinned, and nothing else."""
    key = folder / "pinned.pem"
    key.write_bytes(pem)
    done = subprocess.run(
        [sys.executable, "-m", "sxe_pipeline.cli", "batch", "verify", where, "--key", str(key)],
        env={"PATH": os.environ["PATH"], **platform.variables},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr

"""A deployment as the documentation describes it: a managed database behind a pooler, a bucket and
an identity for each store, providers, containers. Told by documented variables alone.
"""

import contextlib
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import psycopg

from sxe_pipeline.contacts.vault import Vault
from sxe_pipeline.local import keys
from sxe_pipeline.ops import work
from sxe_pipeline.sandbox import providers
from sxe_pipeline.settings import Pace
from sxe_pipeline.sign import Signer
from sxe_pipeline.store import key_files, sql
from sxe_pipeline_tests.local import buckets
from sxe_pipeline_tests.local.containers import QUICK, Container, until

DAY = datetime.now(UTC).date() - timedelta(days=1)
MOST_KIB = 1.6 * 1024**2
REST_S = 300
FIRST = ("Ana", "Ben", "Cho", "Dee", "Eve", "Fay", "Gus", "Hal", "Ida", "Jan")
STORES = {
    "SXE_LANDING_STORE": "landing",
    "SXE_TIER1_STORE": "tier1",
    "SXE_HANDOFF_STORE": "handoff",
    "SXE_CONTACT_HANDOFF_STORE": "contact-handoff",
}
READER = "reader"
"""Who receives batches: another identity, of both handoff buckets."""
PUBLISHED = "select batch_id, market, row_count from handoff.batch where state = 'published'"


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


class Deployment:
    """Its database, its buckets, its providers, its two containers, and a daemon too many."""

    def __init__(self, service, storage, emulator, folder):
        self.database = Managed(service, service.new_database())
        self.storage, self.emulator, self.folder = storage, emulator, folder
        self.migrate(service)
        self.signers = {"lead_card": Signer.generate(), "lead_contact": Signer.generate()}
        with sql.connect(self.database.dsn("sxe_admin")) as conn:
            known = [
                (self.signers["lead_card"].public_key, key_files.SOCIAL),
                (self.signers["lead_contact"].public_key, key_files.CONTACT),
            ]
            keys.register(conn, known, actor="test", now=datetime.now(UTC))
        common = {
            "SXE_ENV": "production",
            "DAGSTER_DATABASE_URL": self.database.dsn("sxe_dagster"),
            **QUICK,
        }
        self.social = common | {
            "SXE_SOCIAL_DATABASE_URL": self.database.dsn("sxe_social"),
            "SXE_SIGNING_KEY": self.signers["lead_card"].text(),
            **self._stores("SXE_LANDING_STORE", "SXE_TIER1_STORE", "SXE_HANDOFF_STORE"),
        }
        self.contacts = common | {
            "SXE_CONTACTS_DATABASE_URL": self.database.dsn("sxe_contacts"),
            "SXE_KEYSET": Vault.generate_text(),
            "SXE_SIGNING_KEY": self.signers["lead_contact"].text(),
            "SXE_APOLLO_URL": emulator.url,
            "SXE_ENFORMION_URL": emulator.url,
            "APOLLO_API_KEY": "k",
            "ENFORMION_AP_NAME": "n",
            "ENFORMION_AP_PASSWORD": "p",
            **self._stores("SXE_CONTACT_HANDOFF_STORE"),
        }
        workspace = folder / "workspace.yaml"
        self.engine = Container("engine", ["social", "daemon"], folder, self.social, workspace)
        self.contact = Container("contact", ["contact"], folder, self.contacts)
        self.second = Container("second", ["daemon"], folder, common, workspace)
        servers = {"social_tier": self.engine.port, "contact_tier": self.contact.port}
        workspace.write_text(
            "load_from:\n"
            + "".join(
                f"  - grpc_server: {{ host: 127.0.0.1, port: {port}, location_name: {name} }}\n"
                for name, port in servers.items()
            )
        )

    def migrate(self, service):
        """The job before each deployment."""
        told = {"SXE_ENV": "production", "SXE_HOME": str(self.folder / "migrate")}
        done = _sxe(told | service.variables(self.database.name), "migrate")
        assert done.returncode == 0, done.stdout + done.stderr

    def _stores(self, *names):
        """Where they are, and of each the one identity that reaches it."""
        told = dict(self.storage.place)
        for name in names:
            told[f"{name}_URL"] = f"s3://{STORES[name]}"
            told |= self.storage.identity(STORES[name], name)
        return told

    @property
    def containers(self):
        return (self.engine, self.contact, self.second)

    def start(self):
        """Both containers, until they are ready."""
        for each in (self.engine, self.contact):
            each.start()
        for each in (self.engine, self.contact):
            each.until_ready()

    def close(self):
        for each in self.containers:
            if each.starts and each.process.poll() is None:
                each.lose()

    def measure(self):
        """Note the peaks of all processes that run now."""
        for each in self.containers:
            if each.starts:
                each.measure()

    def end(self, most_kib=MOST_KIB):
        """In good order; the peak of each process is printed and bounded."""
        self.measure()
        for each in self.containers:
            if each.starts:
                print(each.name, {kind: f"{kib >> 10} MiB" for kind, kib in each.peak_kib.items()})
                assert all(kib < most_kib for kib in each.peak_kib.values())
                assert each.end() == 0, each.log.read_text()[-3000:]
        assert self.storage.turned_away == [], "a process asked for a bucket that is not its own"

    def land(self, page, day=DAY):
        """Ten people, whom nobody else shares a name with, into the bucket."""
        suffix = "".join(chr(ord("a") + int(digit)) for digit in str(page))
        people = [
            {
                "id": str(2**60 + page * 10 + n),
                "username": f"{first}_tester_{suffix}".lower(),
                "name": f"{first} Keller{suffix}",
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
        key = f"makers/{day.isoformat()}/page-{page}.json"
        self.storage.objects["landing", key] = json.dumps({"data": people}).encode()

    def night(self, day=DAY):
        """What the schedule asks for in the morning after."""
        with sql.connect(self.database.dsn("sxe_social")) as conn:
            work.ask(conn, work.NIGHT, {day.isoformat(): day.isoformat()}, Pace(start_grace=0.1))

    def rows(self, query, *values):
        with psycopg.connect(self.database.dsn("postgres")) as conn:
            return conn.execute(query, values).fetchall()

    def counted(self):
        return int(self.rows("select coalesce(sum(input_count), 0) from social.day_count")[0][0])

    def published(self, contract):
        return self.rows(f"{PUBLISHED} and contract = %s order by published_at", contract)

    def until_observed(self, landed):
        """Until so many rows stand in the tables, and no work is open."""
        until(lambda: self.counted() == landed and not self._open(), REST_S, self.told)

    def until_published(self, contract, count=1):
        until(lambda: len(self.published(contract)) >= count, REST_S, self.told)
        return self.published(contract)

    def _open(self):
        return self.rows("select 1 from ops.work where state <> 'done'")

    def is_running(self):
        return bool(self.rows("select 1 from ops.run where ended_at is null"))

    def told(self):
        """What a person would look at."""
        return json.dumps(
            {
                "counted": self.counted(),
                "work": self.rows(
                    "select work, subject, state, failures, outcome, reason from ops.work"
                ),
                "runs": self.rows("select outcome, reason, count(*) from ops.run group by 1, 2"),
                "requests": self.rows("select state, count(*) from gate.request group by 1"),
                "calls": self.rows("select provider, state, count(*) from gate.call group by 1, 2"),
            },
            default=str,
        )

    def verify(self, contract, batch_id):
        """As a stranger does: the bucket, a key that was pinned, and nothing else."""
        bucket = {"lead_card": "handoff", "lead_contact": "contact-handoff"}[contract]
        key = self.folder / "pinned.pem"
        key.write_bytes(self.signers[contract].public_pem())
        where = f"s3://{bucket}/{contract}/v1/{batch_id}"
        told = self.storage.place | self.storage.identity(READER)
        done = _sxe(told, "batch", "verify", where, "--key", str(key))
        assert done.returncode == 0, done.stdout + done.stderr

    def operator(self, *words, **variables):
        """A verb typed by somebody who has the logins of both sides."""
        told = self.contacts | self.social
        told |= {"SXE_API_DATABASE_URL": self.database.dsn("sxe_api")}
        told |= {"SXE_HOME": str(self.folder / "operator"), **variables}
        return _sxe(told, *words)


def _sxe(told, *words):
    return subprocess.run(
        [sys.executable, "-m", "sxe_pipeline.cli", *words],
        env={"PATH": os.environ["PATH"], **told},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )


@contextlib.contextmanager
def deployed(service, folder):
    """A deployment on a managed service; nothing of it runs yet."""
    identities = {name: {name} for name in STORES.values()} | {
        READER: {"handoff", "contact-handoff"}
    }
    with (
        buckets.storage(identities) as storage,
        providers.serve(retry_after_s=0) as emulator,
        contextlib.closing(Deployment(service, storage, emulator, folder)) as made,
    ):
        yield made

"""Audit: events a second sealed and verified, beside what both cannot do without.

Usage: python bench/audit.py [EVENTS]

On a durable server (fsync on). The floor of sealing is the bare COPY of the same leaves into the
same table; that of verifying is reading the same rows and hashing each payload once. The cost of
waiting for a seal is what an insert takes with its trigger and without, in turns. Prints numbers
only; the goals are 13,000 sealed and 20,000 verified events a second on two cores.
"""

import hashlib
import statistics
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import measured
import psycopg

from sxe_pipeline import sign
from sxe_pipeline.audit import seal
from sxe_pipeline.audit.verify import verify
from sxe_pipeline.local import postgres
from sxe_pipeline.store import sql
from sxe_pipeline.store.objects import Objects
from sxe_pipeline_tests.gate.world import new_database

ROUNDS, EACH = 7, 5_000
EVENT = (
    "insert into audit.event (payload) select convert_to(jsonb_build_object("
    "'actor', 'asset:cards/enrichment_candidates', 'data', jsonb_build_object("
    "'market', 'x_general', 'version', n, 'offered_count', 50000, 'withdrawn_count', 10, "
    "'run', gen_random_uuid()), 'key', gen_random_uuid(), 'kind', 'candidates.written', "
    "'subject', gen_random_uuid())::text, 'UTF8') from generate_series(1, %s) n"
)
"""About 300 bytes of payload."""
READ = (
    "select l.leaf_index, e.payload from audit.leaf l join audit.event e using (event_id) "
    "order by leaf_index"
)


@contextmanager
def timed(took, what):
    """Wall and CPU seconds of this process."""
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    took[what] = time.perf_counter() - wall, time.process_time() - cpu


def _inserts(owner):
    """What the trigger that lets an event wait for its seal costs, as a ratio of each round."""
    ratios = []
    for _ in range(ROUNDS):
        took = {}
        for how in ("disable", "enable always"):
            owner.execute(f"alter table audit.event {how} trigger await_seal")
            with timed(took, how):
                owner.execute(EVENT, [EACH])
        ratios.append(took["enable always"][0] / took["disable"][0])
    # What did not wait was never there.
    owner.execute("set session_replication_role = replica")
    for table in ("event", "pending"):
        owner.execute(f"alter table audit.{table} disable trigger all")
    owner.execute("delete from audit.pending")
    owner.execute("delete from audit.event")
    owner.execute("alter table audit.pending enable trigger all")
    owner.execute("alter table audit.event enable trigger all")
    for trigger in ("refuse_change", "seal_leaf", "await_seal"):
        owner.execute(f"alter table audit.event enable always trigger {trigger}")
    owner.execute("set session_replication_role = origin")
    return ratios


def _floor_of_sealing(owner, took):
    leaves = owner.execute("select leaf_index, event_id, leaf_hash from audit.leaf").fetchall()
    owner.execute("create table audit.bare (like audit.leaf including all)")
    owner.execute("alter table audit.bare add foreign key (event_id) references audit.event")
    with (
        timed(took, "bare copy"),
        owner.cursor().copy("copy audit.bare from stdin (format binary)") as copy,
    ):
        copy.set_types(["int8", "uuid", "bytea"])
        for row in leaves:
            copy.write_row(row)
    owner.execute("drop table audit.bare")


def measure(events):
    """Print rates and ratios."""
    took, signer = {}, sign.Signer.generate()
    with tempfile.TemporaryDirectory() as folder:
        server = postgres.Server(Path(folder) / "home", durable=True)
        with server.attached() as state:
            database, store = new_database(state, "bench"), Objects((Path(folder) / "a").as_uri())
            with psycopg.connect(database.dsn("postgres"), autocommit=True) as owner:
                ratios = _inserts(owner)
                with timed(took, "write"):
                    owner.execute(EVENT, [events])
                [(size,)] = owner.execute("select avg(length(payload)) from audit.event").fetchall()
                with sql.connect(database.dsn("sxe_sealer")) as sealer, timed(took, "seal"):
                    sealer.autocommit = True
                    while seal.tick(sealer, store, signer).seals:
                        pass
                owner.execute("analyze")
                with sql.connect(database.dsn("sxe_api")) as reader, timed(took, "verify"):
                    seen = verify(
                        reader, lambda keys: {}, public_keys=[signer.public_key], store=store
                    )
                with owner.transaction(), timed(took, "read and hash"):
                    cursor = owner.cursor("bare", binary=True)
                    cursor.itersize = 10_000
                    for _, payload in cursor.execute(READ):
                        hashlib.sha256(payload).digest()
                _floor_of_sealing(owner, took)
        server.reset()
    assert (seen.status, seen.sealed) == ("whole", events), seen.as_dict()
    print(f"{events:,} events of {size:.0f} bytes, {seen.seals} seals")
    for what, (wall, cpu) in took.items():
        print(
            f"{what:14} {events / wall:10,.0f}/s wall {events / cpu:12,.0f}/s of the client's CPU"
        )
    for one, floor in (("seal", "bare copy"), ("verify", "read and hash")):
        print(f"{one} to {floor}: {took[one][0] / took[floor][0]:.2f} times as long")
    print(f"an insert with its trigger to one without: {statistics.median(ratios):.2f} "
          f"({min(ratios):.2f} to {max(ratios):.2f})")  # fmt: skip
    measured.judge("audit_seal", events / took["seal"][0])
    measured.judge("audit_verify", events / took["verify"][0])
    measured.judge("audit_bytes", float(size))


if __name__ == "__main__":
    measure(*measured.sizes(200_000))

"""Consumers and what was delivered to them: what the tests of deliveries and answers start from."""

import hashlib
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sxe_pipeline.audit.verify import Verification
from sxe_pipeline.audit.verify import _check_facts as check_facts
from sxe_pipeline.handoff import acks, consumers
from sxe_pipeline_tests.databases import drop
from sxe_pipeline_tests.gate.world import World

KEYS = hashlib.sha256(b"a\nb\nc").hexdigest()
REQUEST = UUID("0190b5a4-0000-4000-8000-00000000b001")


class Readers(World):
    """A world whose consumers read batches that are rows alone: nothing here looks into a file."""

    def __init__(self, database, tokens):
        super().__init__(database)
        self.tokens, self.keys, self._published = tokens, {}, 0

    def close(self):
        self.leave()
        drop(self.database)

    def leave(self):
        """Log out of a database that is somebody else's to drop."""
        super().close()

    @property
    def serve(self):
        return self.login("sxe_serve")

    # people do

    def add(self, name, *contracts, key=True, **terms):
        """A consumer of contracts, with a key for all of them."""
        consumers.add(self.api, self.tokens["cho"], name)
        for contract in contracts:
            self.subscribe(name, contract, **terms)
        if key:
            self.key(name, contracts=contracts)
        return name

    def subscribe(self, name, contract="lead_card", **terms):
        return consumers.subscribe(self.api, self.tokens["cho"], name, contract, **terms)

    def key(self, name, *, days=90, **scope):
        made = consumers.make_key()
        until = datetime.now(UTC) + timedelta(days=days)
        held = consumers.add_key(self.api, self.tokens["cho"], name, made, until, **scope)
        self.keys[name] = made
        return held

    # batches

    def publish(
        self, rows=3, contract="lead_card", market="x_general", keys=KEYS, conn=None, finish=True
    ):
        """A batch that a tier publishes; its id."""
        self._published += 1
        batch_id = f"{self._published:032x}"
        is_contact = contract == "lead_contact"
        conn = conn or (self.contacts if is_contact else self.social)
        self.owner(
            "insert into handoff.batch (batch_id, contract, contract_version, market, day, "
            "request_id, seq, state, row_count, manifest, manifest_sha256, keys_sha256) values "
            "(%s, %s, '1.0.0', %s, date '2020-01-01' + %s, %s, %s, 'building', %s, '', %s, %s)",
            *(batch_id, contract, market, self._published),
            *((REQUEST, self._published) if is_contact else (None, None)),
            *(rows, self.manifest(batch_id), keys),
        )
        if finish:
            conn.execute("select handoff.finish(%s, 'job')", [batch_id])
            conn.commit()
        return batch_id

    def manifest(self, batch_id):
        return hashlib.sha256(batch_id.encode()).hexdigest()

    # consumers answer

    def said(self, batch_id, **changes):
        """The acknowledgement of somebody who read the batch."""
        read = {"status": "accepted", "rows_read": 3, "keys_sha256": KEYS, "errors": []}
        return {"manifest_sha256": self.manifest(batch_id)} | read | changes

    def put(self, name, batch_id, conn=None, **changes):
        return acks.put(
            conn or self.serve, self.keys[name].sha256, batch_id, self.said(batch_id, **changes)
        )

    def slo(self, name, contract="lead_card"):
        """(state, reasons) of a consumer."""
        [row] = [r for r in consumers.slo(self.api, name) if r.contract == contract]
        return row.state, row.reasons

    # looking

    def delivered(self, name):
        return [
            batch
            for (batch,) in self.owner(
                "select batch_id from handoff.delivery where consumer = %s order by delivered_at",
                name,
            )
        ]

    def events(self, kind):
        return self.one("select count(*) from audit.event where kind = %s", kind)

    def findings(self):
        """What `sxe audit verify` finds between facts and events."""
        seen = Verification()
        with self.fresh("sxe_api") as reader:
            check_facts(reader, seen)
        return dict(seen.findings)

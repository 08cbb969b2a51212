"""A sender's store, signed and laid out as ours, made without a database."""

import datetime as dt

from sxe_pipeline import schema, sign
from sxe_pipeline.handoff.chain import BatchKey
from sxe_pipeline.handoff.files import head, manifest
from sxe_pipeline_tests.handoff.whole import fields_and_parts, lay

NOON = dt.datetime(2026, 3, 11, 12, tzinfo=dt.UTC)


class Sender:
    """Whoever publishes `contract` below a folder; heads are made one after another."""

    def __init__(self, root, signer, contract="lead_card"):
        self.root, self.signer = root, signer
        self.contract = schema.load(contract, "1.0.0")
        self.folder = root / contract / "v1"
        self.published, self.newest = 0, {}
        self.heads = []

    def batch(self, rows, batch_key, removes=None):
        """Publish rows, with removes a delta; what a head says of them."""
        before = self.newest.get(batch_key.chain)
        prev = before["batch_id"] if before else None
        fields, parts = fields_and_parts(self.contract, rows, batch_key, prev, removes)
        lay(self.folder / fields["batch_id"], parts)
        sealed = manifest.seal(fields, self.signer)
        (self.folder / fields["batch_id"] / manifest.NAME).write_bytes(sealed)
        self.published += 1
        entry = {
            **batch_key.fields(),
            "batch_id": fields["batch_id"],
            "contract_version": self.contract.version,
            "manifest_sha256": sign.sha256(sealed),
            "published_seq": self.published,
        }
        if batch_key.request_id is None:
            entry |= {"kind": fields["kind"], "row_count": fields["row_count"]}
            full = fields["batch_id"] if removes is None else before["full_batch_id"]
            entry |= {"unchanged_through": entry["day"], "full_batch_id": full}
        self.newest[batch_key.chain] = entry
        return entry

    def cards(self, rows, market="x_general", day=dt.date(2026, 3, 10), removes=None):
        """A batch of cards, with removes a delta."""
        return self.batch(rows, BatchKey(market, day), removes)

    def head(self, listed=None, now=NOON, signer=None, **lies):
        """Put the next head; by default of the newest batch of each market."""
        fields = head.predicate(
            self.contract.id,
            list(self.newest.values()) if listed is None else listed,
            seq=len(self.heads) + 1,
            prev_sha256=sign.sha256(self.heads[-1]) if self.heads else None,
            last_published_seq=self.published,
            checkpoint=None,
            now=now,
        )
        data = head.seal(fields | lies, signer or self.signer)
        self.heads.append(data)
        self.file(len(self.heads)).parent.mkdir(parents=True, exist_ok=True)
        self.file(len(self.heads)).write_bytes(data)
        return fields

    def file(self, seq):
        """Where a head lies."""
        return self.root / head.key_of(self.contract.id, 1, seq)

"""What happened to a consumer in the last months, laid as rows: whole days ago, nothing waited for.

Here: writing a story into the tables, past every function. What it amounts to is `slo.sql`'s.
"""

import dataclasses
import secrets
from uuid import uuid4

from psycopg.types.json import Jsonb

from sxe_pipeline_tests.handoff.readers import KEYS

ERRORS = [{"path": "persona", "rule": "null", "count": 2}]


@dataclasses.dataclass(frozen=True)
class Story:
    """Times are days ago. By default: a batch a day for 45 days, each answered an hour later.

    `heads`: of heads that are in the store; `unput`: of heads that are not. `silent`: batches that
    nobody answered. `said`: batch -> what its answer holds besides; `after`: batch -> when it came,
    in days after the batch. `rows`, `keys`: of every batch. `within`: days that an answer may take.
    """

    since: float = 60
    batches: tuple[float, ...] = tuple(day + 0.2 for day in range(45))
    heads: tuple[float, ...] = ()
    unput: tuple[float, ...] = ()
    silent: frozenset[float] = frozenset()
    said: tuple[tuple[float, dict], ...] = ()
    after: tuple[tuple[float, float], ...] = ()
    rows: int = 3
    keys: str | None = KEYS
    within: float = 2
    market: str = "*"

    def without(self, *days):
        """The same without batches of these days."""
        kept = tuple(b for b in self.batches if int(b) not in days)
        return dataclasses.replace(self, batches=kept)


def lay(readers, name, story):
    """Write a story for a consumer and a contract of that name."""
    run = readers.owner
    run(
        "insert into handoff.consumer (consumer, event_id) values (%s, gen_random_uuid())",
        name,
    )
    run(
        "insert into handoff.subscription (event_id, consumer, contract, market, since, "
        "ack_within) values (gen_random_uuid(), %s, %s, %s, now() - %s * interval '1 day', "
        "%s * interval '1 day')",
        *(name, name, story.market, story.since, story.within),
    )
    _batches(run, name, story)
    for number, (at, is_put) in enumerate(
        [*((h, True) for h in story.heads), *((h, False) for h in story.unput)]
    ):
        head = {
            "contract": name,
            "major": 1,
            "seq": number + 1,
            "prev_sha256": "ab" * 32 if number else None,
            "bytes": "",
            "sha256": secrets.token_hex(32),
            "last_published_seq": 1,
            "event_id": str(uuid4()),
        }
        run(
            "insert into handoff.head select (jsonb_populate_record(null::handoff.head, %s || "
            "jsonb_build_object('made_at', t.at, 'expires_at', t.at + interval '36 h', "
            "'put_at', case when %s then t.at end))).* "
            "from (select now() - %s * interval '1 day' as at) t",
            *(Jsonb(head), is_put, at),
        )


def _batches(run, name, story):
    said, after = dict(story.said), dict(story.after)
    for number, day in enumerate(sorted(story.batches, reverse=True)):
        batch = secrets.token_hex(16)
        run(
            "insert into handoff.batch (batch_id, contract, contract_version, market, day, state, "
            "row_count, manifest, manifest_sha256, published_at, published_seq, keys_sha256) "
            "values (%s, %s, '1.0.0', 'makers', current_date - %s, 'published', %s, '', %s, "
            "now() - %s * interval '1 day', %s, %s)",
            *(batch, name, number, story.rows, "ab" * 32),
            *(day, number + 1, story.keys),
        )
        if day > story.since:
            continue
        run(
            "insert into handoff.delivery (consumer, batch_id, contract, delivered_at, due_at, "
            "event_id) select %s, %s, %s, t.at, t.at + %s * interval '1 day', gen_random_uuid() "
            "from (select now() - %s * interval '1 day' as at) t",
            *(name, batch, name, story.within, day),
        )
        if day not in story.silent:
            answer = {"status": "accepted", "errors": [], "is_wrong": False} | said.get(day, {})
            is_proved = not answer["is_wrong"] and story.rows > 0 and story.keys is not None
            run(
                "insert into handoff.ack (consumer, batch_id, manifest_sha256, status, rows_read, "
                "keys_sha256, errors, is_proved, is_wrong, acked_at, event_id) values (%s, %s, %s, "
                "%s, 3, %s, %s, %s, %s, now() - %s * interval '1 day', gen_random_uuid())",
                *(name, batch, "ab" * 32, answer["status"], KEYS, Jsonb(answer["errors"])),
                *(is_proved, answer["is_wrong"], day - after.get(day, 0.04)),
            )

"""A publisher as a process of its own, which kills itself at a put.

Here: what the tests of crashes start. What it must know comes as JSON on stdin; it asserts nothing.
"""

import datetime as dt
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pyarrow.parquet as pq

from sxe_pipeline import schema, sign
from sxe_pipeline.handoff import publish
from sxe_pipeline.handoff.chain import BatchKey
from sxe_pipeline.handoff.chain_rows import Deltas
from sxe_pipeline.store import sql
from sxe_pipeline_tests.handoff.crashing import Faulty
from sxe_pipeline_tests.handoff.whole import withheld

ROOT = Path(__file__).parents[2]


class Deadly(Faulty):
    """A store that takes its process along; with put 0 both live."""

    def end(self):
        os.kill(os.getpid(), signal.SIGKILL)


def starter(dsn, store, signer, contract, batch_key, folder, has_deltas=False):
    """`start(rows, put, when)`: the process, which prints the batch id and whether it was there."""

    def start(rows, put=0, when="before"):
        file = folder / f"rows-{len(list(folder.iterdir()))}.parquet"
        pq.write_table(rows, file)
        task = {
            "dsn": dsn,
            "url": store.url,
            "rows": str(file),
            "key": signer.text(),
            "contract": contract.id,
            "batch_key": batch_key.fields(),
            "put": put,
            "when": when,
            "has_deltas": has_deltas,
        }
        child = subprocess.Popen(
            [sys.executable, "-m", "sxe_pipeline_tests.handoff.publisher"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        child.stdin.write(json.dumps(task))
        child.stdin.close()
        child.stdin = None
        return child

    return start


def main():
    task = json.load(sys.stdin)
    names = task["batch_key"]
    request = UUID(names["request_id"]) if "request_id" in names else None
    day = dt.date.fromisoformat(names["day"])
    with sql.connect(task["dsn"]) as conn:
        done = publish.publish(
            conn,
            Deadly(task["url"], task["put"], task["when"]),
            contract=schema.load(task["contract"], "1.0.0"),
            batch_key=BatchKey(names["market"], day, request, names.get("seq")),
            rows=pq.read_table(task["rows"]),
            signer=sign.Signer.from_text(task["key"]),
            actor="child",
            now=dt.datetime(2026, 3, 11, tzinfo=dt.UTC),
            deltas=Deltas(withheld, 7) if task["has_deltas"] else None,
        )
    print(done.batch_id, done.already)


if __name__ == "__main__":
    main()

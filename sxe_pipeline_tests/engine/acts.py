"""Functions over rows, as a stage has them: workers import them by name."""

import json
import os
import signal
import time
from functools import partial
from pathlib import Path

import pyarrow as pa

from sxe_pipeline.engine import Act
from sxe_pipeline.errors import Leak

TOLD = pa.schema([("told", pa.string())])


def as_they_are(rows):
    yield from rows


def first_only(rows):
    """A function may stop to listen."""
    yield next(rows)[:1]


def called(rows):
    """One row a call: how many rows it was given, and the keys among them in order."""
    held = pa.Table.from_batches(rows)
    keys = zip(held["kind"].to_pylist(), held["name"].to_pylist(), strict=True)
    yield _told([held.num_rows, list(dict.fromkeys(keys))])


def sizes(rows):
    """One row a batch: how many rows it has."""
    for batch in rows:
        yield _told(batch.num_rows)


def surroundings(rows):
    """What a worker can see of the process that started it."""
    pa.Table.from_batches(rows)
    yield _told([os.getpid(), dict(os.environ), Path("/proc/self/environ").read_text()])


def breaks(rows, how):
    for batch in rows:
        if how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if how == "refused":
            raise Leak("2 rows hold contact data; mend the rules")
        if how == "other columns":
            yield batch
        raise ValueError(batch.to_pylist())


def slow(rows, folder):
    for batch in rows:
        (folder / str(os.getpid())).touch()
        time.sleep(60)
        yield batch


def choking(texts, places):
    """Rules that cannot work on some texts."""
    # Not at the top: with it comes Polars, whose own handler of SIGINT lets a wait go on.
    from sxe_pipeline.redact import redact_array

    if any(text and "choke" in text for text in texts.to_pylist()):
        raise UnicodeError
    return redact_array(texts, places=places)


def breaking(how, reads):
    return Act(partial(breaks, how=how), reads, TOLD)


def _told(what):
    return pa.record_batch({"told": [json.dumps(what)]}, schema=TOLD)

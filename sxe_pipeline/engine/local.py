"""This machine as an engine: DuckDB brings rows together, processes of this package map them.

Here: what is read, spilled, cut into buckets, and dealt out to workers. Not here: what a worker
does (`worker`).
"""

import pickle
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import groupby, pairwise
from multiprocessing import Pipe
from operator import itemgetter
from pathlib import Path
from queue import SimpleQueue

import duckdb
import numpy as np
import pyarrow as pa

from sxe_pipeline import settings
from sxe_pipeline.engine import worker
from sxe_pipeline.engine.act import Act, in_bytes, made
from sxe_pipeline.engine.rows import Files, Rows, Shuffle, bucket_sql
from sxe_pipeline.errors import WorkerLost
from sxe_pipeline.schema import duck

_BATCH_ROWS = 4_096
_BUCKET = "bucket_"
_HEARS_EVERY_S = 0.2
_ONE_CORE = {"POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1"}
"""There are as many workers as cores: their libraries start no threads besides."""


@dataclass(frozen=True)
class Local:
    """DuckDB, and workers beside this process where more than one is asked for.

    Attributes:
        processes: How many map at a time; 1 maps in this process. Twice as many buckets are held
            in memory.
        patience: CPU seconds that this process maps before others are started: few rows are done
            by then, and start none.
    """

    processes: int = 1
    patience: float = 0

    def run(self, rows: Rows, act: Act, shuffle: Shuffle | None = None) -> Iterator[pa.RecordBatch]:
        """See `Engine.run`."""
        with _groups(rows, act.reads, shuffle) as groups:
            if self.processes == 1:
                for group in groups:
                    yield from act(group)
            else:
                yield from _alone(groups, act, self.patience)
                yield from _dealt_out(groups, act, self.processes)


HERE = Local()
"""This process alone."""


@contextmanager
def _groups(
    rows: Rows, reads: pa.Schema, shuffle: Shuffle | None
) -> Iterator[Iterator[Iterator[pa.RecordBatch]]]:
    """The rows, bucket by bucket; batch by batch where nothing is brought together."""
    if shuffle is None and not isinstance(rows, Files):
        yield (iter((batch,)) for batch in rows)
        return
    with duck.opened() as engine:
        found = engine.sql(_attach(engine, rows, reads, shuffle)).to_arrow_reader(_BATCH_ROWS)
        if shuffle is None:
            yield (iter((batch,)) for batch in found)
        else:
            buckets = groupby(_pieces(found), key=itemgetter(0))
            yield ((batch for _, batch in pieces) for _, pieces in buckets)


def _attach(
    engine: duckdb.DuckDBPyConnection, rows: Rows, reads: pa.Schema, shuffle: Shuffle | None
) -> str:
    """Name the rows in DuckDB; answers what to ask for."""
    names = ", ".join(f'"{name}"' for name in reads.names)
    engine.register("declared", reads.empty_table())
    if not isinstance(rows, Files):
        engine.register("given", rows)
    elif rows.paths:
        files = [str(Path(rows.root) / path) for path in rows.paths]
        found = engine.read_parquet(files, hive_partitioning=True, union_by_name=True)
        found.create_view("given")
    else:
        engine.register("given", reads.empty_table())
    every = f"(select {names} from (from given union all by name from declared))"
    if shuffle is None:
        return f"select {names} from {every}"
    order = ", ".join(f'"{name}" nulls first' for name in (_BUCKET, *shuffle.order))
    bucket = f"coalesce({bucket_sql(shuffle.key, shuffle.count)}, 0) as {_BUCKET}"
    return f"select {names}, {bucket} from {every} order by {order}"


def _pieces(sorted_rows: pa.RecordBatchReader) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Batches cut where a bucket ends, each with its number."""
    for batch in sorted_rows:
        numbers = np.asarray(batch.column(_BUCKET))
        held = batch.drop_columns([_BUCKET])
        cuts = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(numbers)]
        for start, end in pairwise(cuts):
            if end > start:
                yield int(numbers[start]), held.slice(start, end - start)


def _alone(
    groups: Iterator[Iterator[pa.RecordBatch]], act: Act, patience: float
) -> Iterator[pa.RecordBatch]:
    """What this process makes of the first groups, until it has spent so long on them."""
    spent = 0.0
    while spent < patience and (group := next(groups, None)) is not None:
        held = [act.read(batch) for batch in group]
        began = time.thread_time()
        made_here = list(act(iter(held)))
        spent += time.thread_time() - began
        yield from made_here


def _dealt_out(
    groups: Iterator[Iterator[pa.RecordBatch]], act: Act, count: int
) -> Iterator[pa.RecordBatch]:
    """What workers make of each group, in the order of the groups."""
    free: SimpleQueue[_Worker] = SimpleQueue()

    def answered(rows: Sequence[pa.RecordBatch]) -> list[pa.RecordBatch]:
        by = free.get()
        try:
            return by.answer(rows)
        finally:
            free.put(by)

    due: deque[Future[list[pa.RecordBatch]]] = deque()
    with ThreadPoolExecutor(count) as threads, ExitStack() as workers:
        told, started = b"", 0
        for group in groups:
            if started < count:
                told = told or pickle.dumps(act)
                another = _Worker(act.reads, told)
                workers.callback(another.stop)
                free.put(another)
                started += 1
            due.append(threads.submit(answered, [act.read(batch) for batch in group]))
            if len(due) == 2 * count:
                yield from _answer(due.popleft())
        while due:
            yield from _answer(due.popleft())


def _answer(due: Future[list[pa.RecordBatch]]) -> list[pa.RecordBatch]:
    # Polars has waits go on after a signal: without an end to them Ctrl-C would not be heard.
    while not wait([due], _HEARS_EVERY_S).done:
        continue
    return due.result()


class _Worker:
    """A process that knows the act and nothing else of ours."""

    def __init__(self, reads: pa.Schema, told: bytes) -> None:
        self._ours, theirs = Pipe()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", worker.COMMAND, str(theirs.fileno())],
                env=settings.of_worker()
                | _ONE_CORE
                | {"PYTHONPATH": ":".join(filter(None, sys.path))},
                pass_fds=[theirs.fileno()],
                stdin=subprocess.PIPE,
                stdout=2,
            )
        self._reads, self._told = reads, told

    def answer(self, rows: Sequence[pa.RecordBatch]) -> list[pa.RecordBatch]:
        """What it makes of the rows of one group.

        Raises:
            WorkerLost: It died.
        """
        try:
            if self._told:
                self._ours.send_bytes(self._told)
                self._told = b""
            self._ours.send_bytes(in_bytes(rows, self._reads))
            answers = list(iter(self._ours.recv_bytes, worker.DONE))
        except (EOFError, OSError) as error:
            raise WorkerLost(
                "a process that maps rows died; run it again, with fewer (SXE_PROCESSES) or more "
                "memory where it dies again"
            ) from error
        return [batch for answer in answers for batch in made(answer)]

    def stop(self) -> None:
        """End it, whatever it is doing: it holds nothing that anybody misses."""
        self._process.kill()
        self._process.communicate()

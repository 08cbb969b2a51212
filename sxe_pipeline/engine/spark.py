"""A Spark cluster as an engine: the extra `spark`.

Here: the same scan, shuffle and map as on this machine. Spark reads and brings together; what an
act makes comes back as bytes, so no type of Spark stands between. Not here: which cluster it is; an
operator starts the session.

Processes of Spark that this one starts are told no login and no secret, but the identity that opens
files. Its Python workers, where acts run, are told no variable that opens anything.
"""

import atexit
import json
import sys
from collections.abc import Iterator
from itertools import islice

import pyarrow as pa

from sxe_pipeline import settings
from sxe_pipeline.engine.act import Act, in_bytes, made, of_bytes
from sxe_pipeline.engine.rows import Files, Rows, Shuffle, bucket_sql
from sxe_pipeline.errors import BadConfig, WorkerLost
from sxe_pipeline.schema import spark as types

try:
    from py4j.protocol import Py4JError
    from pyspark import StorageLevel
    from pyspark.errors import PySparkException
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.functions import col, expr
    from pyspark.sql.types import StructType
except ImportError as missing:
    raise BadConfig(
        "Spark is not installed here; `pip install 'sxe-pipeline[spark]'`, which needs Java"
    ) from missing


_AT_ONCE = 8
"""Batches for each core of the cluster: a job costs some tenths of a second besides."""


def session(master: str) -> SparkSession:
    """Spark on this machine (`local[2]`), or a cluster by its address; it ends with this process.

    No web page, no progress, and no log: what it logs of a failure quotes what a worker wrote.
    """
    builder = SparkSession.builder.master(master).config("spark.ui.enabled", "false")
    builder = builder.config("spark.ui.showConsoleProgress", "false")
    if master.startswith("local"):
        builder = builder.config("spark.driver.host", "127.0.0.1")
        builder = builder.config("spark.driver.bindAddress", "127.0.0.1")
    with settings.without_logins():
        opened = builder.getOrCreate()
    opened.sparkContext.setLogLevel("OFF")
    if master.startswith("local"):
        opened.sparkContext.pythonExec = sys.executable
    atexit.register(opened.stop)
    return opened


class Spark:
    """Spark, by a session of it."""

    def __init__(self, spark: SparkSession) -> None:
        """Of the session's Python workers none is told a login or a secret from now on."""
        self._spark = spark
        spark.sparkContext.environment.update(dict.fromkeys(settings.withheld(), ""))

    def run(self, rows: Rows, act: Act, shuffle: Shuffle | None = None) -> Iterator[pa.RecordBatch]:
        """See `Engine.run`. What comes back is kept on disks of the cluster until it is read.

        Batches that are only mapped go there some at a time: neither they nor what is made of them
        is ever held here as a whole.
        """
        try:
            if shuffle is None and not isinstance(rows, Files):
                at_once = self._spark.sparkContext.defaultParallelism * _AT_ONCE
                for packed in self._packed(rows, act, at_once):
                    yield from self._made(packed, _Answers(act, is_packed=True))
                return
            frame = self._scanned(rows, act)
            if shuffle is not None:
                bucket = expr(bucket_sql(shuffle.key, shuffle.count, "spark"))
                order = [col(name).asc_nulls_first() for name in shuffle.order]
                frame = frame.repartitionById(shuffle.count, bucket).sortWithinPartitions(*order)
            yield from self._made(frame, _Answers(act))
        except (PySparkException, Py4JError) as error:
            # Its text quotes what a worker wrote, rows among it.
            raise WorkerLost(f"Spark failed ({type(error).__name__}); run it again") from None

    def _made(self, frame: DataFrame, answer: "_Answers") -> Iterator[pa.RecordBatch]:
        answers = frame.mapInArrow(answer, "answer binary")
        answers.persist(StorageLevel.DISK_ONLY)
        try:
            # All at once; then they are read one after the other.
            answers.count()
            for row in answers.toLocalIterator():
                yield from made(bytes(row.answer))
        finally:
            answers.unpersist()

    def _packed(
        self, rows: pa.RecordBatchReader, act: Act, at_once: int | None = None
    ) -> Iterator[DataFrame]:
        """Batches as bytes, some in a frame.

        On its own way in Spark cuts them anew, and forgets which struct is null.
        """
        given = ((in_bytes([act.read(batch)], act.reads),) for batch in rows)
        while some := list(islice(given, at_once)):
            yield self._spark.createDataFrame(some, "rows binary")

    def _scanned(self, rows: Rows, act: Act) -> DataFrame:
        columns = StructType.fromJson(json.loads(types.schema_string(act.reads)))
        if not isinstance(rows, Files):
            if (packed := next(self._packed(rows, act), None)) is not None:
                return packed.mapInArrow(_opened, columns)
        elif rows.paths:
            files = [f"{rows.root}/{path}" for path in rows.paths]
            found = self._spark.read.schema(columns).option("basePath", rows.root)
            return found.parquet(*files)
        return self._spark.createDataFrame([], columns)


def _opened(given: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in given:
        for rows in batch.column(0):
            yield from of_bytes(rows.as_buffer())


class _Answers:
    """An act as Spark calls it: batches in, or their bytes, one column of bytes out."""

    def __init__(self, act: Act, *, is_packed: bool = False) -> None:
        self._act, self._is_packed = act, is_packed

    def __call__(self, rows: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for answer in self._act.answers(_opened(rows) if self._is_packed else rows):
            yield pa.record_batch({"answer": pa.array([answer], pa.binary())})

"""A Spark cluster as an engine: the extra `spark`.

Here: the same scan, shuffle and map as on this machine. Spark reads and brings together; what an
act makes comes back as bytes, so no type of Spark stands between. Not here: which cluster it is; an
operator starts the session.

The processes of Spark that read files hold the identity that opens them. Its Python workers, where
acts run, are told no variable that opens anything.
"""

import json
import sys
from collections.abc import Iterator

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
    raise BadConfig("Spark is not installed; install sxe-pipeline[spark]") from missing


def session(master: str) -> SparkSession:
    """Spark on this machine (`local[2]`), or a cluster by its address; no web page, no progress."""
    builder = SparkSession.builder.master(master).config("spark.ui.enabled", "false")
    builder = builder.config("spark.ui.showConsoleProgress", "false")
    if master.startswith("local"):
        builder = builder.config("spark.driver.host", "127.0.0.1")
        builder = builder.config("spark.driver.bindAddress", "127.0.0.1")
    made_one = builder.getOrCreate()
    if master.startswith("local"):
        made_one.sparkContext.pythonExec = sys.executable
    return made_one


class Spark:
    """Spark, by a session of it."""

    def __init__(self, spark: SparkSession) -> None:
        """Of the session's Python workers none is told a login or a secret from now on."""
        self._spark = spark
        spark.sparkContext.environment.update(dict.fromkeys(settings.withheld(), ""))

    def run(self, rows: Rows, act: Act, shuffle: Shuffle | None = None) -> Iterator[pa.RecordBatch]:
        """See `Engine.run`. What comes back is kept on disks of the cluster until it is read."""
        try:
            frame = self._scanned(rows, act)
            if shuffle is not None:
                bucket = expr(bucket_sql(shuffle.key, shuffle.count, "spark"))
                order = [col(name).asc_nulls_first() for name in shuffle.order]
                frame = frame.repartitionById(shuffle.count, bucket).sortWithinPartitions(*order)
            answers = frame.mapInArrow(_Answers(act), "answer binary")
            answers.persist(StorageLevel.DISK_ONLY)
            try:
                # All at once; then they are read one after the other.
                answers.count()
                for row in answers.toLocalIterator():
                    yield from made(bytes(row.answer))
            finally:
                answers.unpersist()
        except (PySparkException, Py4JError) as error:
            # Its text quotes what a worker wrote, rows among it.
            raise WorkerLost(f"Spark failed ({type(error).__name__}); run it again") from None

    def _scanned(self, rows: Rows, act: Act) -> DataFrame:
        columns = StructType.fromJson(json.loads(types.schema_string(act.reads)))
        if not isinstance(rows, Files):
            # As bytes: on its own way in Spark forgets which struct is null.
            given = [(in_bytes([act.read(batch)], act.reads),) for batch in rows]
            return self._spark.createDataFrame(given, "rows binary").mapInArrow(_opened, columns)
        if not rows.paths:
            return self._spark.createDataFrame([], columns)
        files = [f"{rows.root}/{path}" for path in rows.paths]
        return self._spark.read.schema(columns).option("basePath", rows.root).parquet(*files)


def _opened(given: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in given:
        for rows in batch.column(0):
            yield from of_bytes(rows.as_buffer())


class _Answers:
    """An act as Spark calls it: batches in, one column of bytes out."""

    def __init__(self, act: Act) -> None:
        self._act = act

    def __call__(self, rows: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for answer in self._act.answers(rows):
            yield pa.record_batch({"answer": pa.array([answer], pa.binary())})

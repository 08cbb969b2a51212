"""What is asked of any engine: rows of some files, brought together by key, handed to an act.

Here: values, and the bucket of a row. Not here: who does it (`local`, `spark`), what is done with
the rows (`act`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import pyarrow as pa

from sxe_pipeline.engine.act import Act

_NUMBER = {"duckdb": "('0x' || {})::ubigint", "spark": "cast(conv({}, 16, 10) as bigint)"}
"""How a dialect reads eight hexadecimal digits."""


@dataclass(frozen=True)
class Files:
    """Parquet files.

    Attributes:
        root: Folder above them, as the engine reaches it: a path, for Spark also a URL.
        paths: Files below it. A folder on the way that is named `column=value` is a column; a
            column that a file has not is null.
    """

    root: str
    paths: Sequence[str]


Rows: TypeAlias = Files | pa.RecordBatchReader


@dataclass(frozen=True)
class Shuffle:
    """Rows of one key come together, in order.

    Attributes:
        key: Columns of strings, never null.
        count: Into how many buckets; `bucket_sql` says which.
        then: Columns that order rows of one key, null first. Where they leave two rows equal, their
            order is anybody's.
    """

    key: tuple[str, ...]
    count: int
    then: tuple[str, ...] = ()

    @property
    def order(self) -> tuple[str, ...]:
        """By what rows of a bucket are sorted; text by its bytes."""
        return (*self.key, *self.then)


class Engine(Protocol):
    """Whoever scans, shuffles and maps."""

    def run(self, rows: Rows, act: Act, shuffle: Shuffle | None = None) -> Iterator[pa.RecordBatch]:
        """Hand rows to an act.

        Args:
            rows: At least the columns that the act reads.
            act: Called once a bucket that has rows; without a shuffle any number of times, with the
                batches of a reader as they are, and with each row of files once.
            shuffle: How rows come together; None leaves them as they lie.

        Yields:
            What the act makes, bucket by bucket; without a shuffle in the order of the batches, of
            files in any order.

        Raises:
            ContractBroken: The rows are not those that the act reads, or it made other columns.
            ActFailed: The act failed.
            WorkerLost: A worker died.
        """
        ...


def bucket_sql(key: Sequence[str], count: int, dialect: str = "duckdb") -> str:
    """The bucket of a row, in SQL: the same number in each dialect.

    Args:
        key: Columns of strings, never null.
        count: How many buckets there are.
        dialect: 'duckdb' or 'spark'.
    """
    joined = " || chr(31) || ".join(key)
    digits = f"substr(md5({joined}), 1, 8)"
    return f"cast({_NUMBER[dialect].format(digits)} % {count} as integer)"

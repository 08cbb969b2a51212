"""A function over record batches, as engines call it.

Here: the columns that it reads and makes are held to what it says, its failures become errors of
ours, its answer can travel as bytes. Not here: where its rows come from.
"""

import json
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import pyarrow as pa

from sxe_pipeline import errors
from sxe_pipeline.errors import ActFailed, ContractBroken, SxeError

_MADE, _FAILED = b"+", b"-"


@dataclass(frozen=True)
class Act:
    """A function, and the columns on both sides of it.

    Attributes:
        function: Given the batches of one bucket, or any batches where nothing is brought together.
            Workers import it by its name, so it stands in a module whose import does nothing; what
            it needs besides is bound by `functools.partial`, or made once a process by
            `functools.cache`. It knows no store and no login.
        reads: The columns that it is given.
        makes: The columns that it answers.
    """

    function: Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]
    reads: pa.Schema
    makes: pa.Schema

    def __call__(self, rows: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """What the function makes of rows; it is not called where there are none.

        Raises:
            ContractBroken: Columns are not what was said.
            ActFailed: The function failed in a way of its own.
        """
        try:
            first = next((batch for batch in rows if batch.num_rows), None)
            if first is None:
                return
            for batch in self.function(map(self.read, chain((first,), rows))):
                if not batch.schema.equals(self.makes):
                    raise ContractBroken("a function makes other columns than it says; mend it")
                yield batch
        except SxeError:
            raise
        except Exception as error:
            raise errors.said_of(error) or ActFailed(_where(error)) from error

    def read(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The columns of a batch that it reads.

        Raises:
            ContractBroken: They are not what was said.
        """
        try:
            return batch.select(self.reads.names).cast(self.reads)
        except (KeyError, ValueError) as error:
            raise ContractBroken(
                "rows lack columns that a function reads, or hold another type or null there"
            ) from error

    def answers(self, rows: Iterator[pa.RecordBatch]) -> Iterator[bytes]:
        """The same, for who is in another process: `made` opens each; a failure comes last."""
        try:
            for batch in self(rows):
                yield _MADE + in_bytes([batch], self.makes)
        except SxeError as error:
            names = [kind.__name__ for kind in type(error).__mro__]
            yield _FAILED + json.dumps([names, str(error)]).encode()


def made(answer: bytes) -> Iterator[pa.RecordBatch]:
    """Open one of `Act.answers`. No code of who wrote it is run.

    Raises:
        SxeError: It is a failure.
    """
    if answer[:1] == _FAILED:
        names, text = json.loads(answer[1:])
        raise next(getattr(errors, name) for name in names if hasattr(errors, name))(text)
    return of_bytes(pa.py_buffer(answer)[1:])


def in_bytes(rows: Sequence[pa.RecordBatch], schema: pa.Schema) -> bytes:
    """Batches as a stream of Arrow."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as stream:
        for batch in rows:
            stream.write_batch(batch)
    return bytes(sink.getvalue())


def of_bytes(data: pa.Buffer | bytes) -> Iterator[pa.RecordBatch]:
    """The batches of such a stream."""
    with pa.ipc.open_stream(data) as stream:
        yield from stream


def _where(error: Exception) -> str:
    """What failed and where; its text may quote a row, and is left out."""
    frame, line = list(traceback.walk_tb(error.__traceback__))[-1]
    named = f"{frame.f_globals.get('__name__')}:{line}"
    return f"a function over rows failed: {type(error).__name__} in {named}; mend it, run it again"

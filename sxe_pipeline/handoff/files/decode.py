"""JSON Lines as rows again, some at a time.

Here: lines held to the contract's JSON Schema, and compared with rows of the columnar file. Not
here: which files a batch has (`verify`), and how lines are written (`encode`).
"""

import io
from itertools import islice
from typing import BinaryIO

import jsonschema_rs
import msgspec
import pyarrow as pa
import pyarrow.json as pj

from sxe_pipeline.errors import ContractBroken
from sxe_pipeline.schema import Contract

MAX_LINE_BYTES = 4 << 20


class Lines:
    """A stream of JSON Lines of one contract."""

    def __init__(self, stream: BinaryIO, contract: Contract, name: str) -> None:
        """Nothing is read yet.

        Args:
            stream: The file.
            contract: What each line must meet.
            name: The file's, for the text of an error.
        """
        self._lines = iter(lambda: stream.readline(MAX_LINE_BYTES + 1), b"")
        self._contract, self._name = contract, name
        self._validator = jsonschema_rs.Draft202012Validator(contract.json_schema(closed=True))

    def are(self, rows: pa.Table) -> bool:
        """Whether the next lines are these rows, in this order; False where there are fewer.

        Raises:
            ContractBroken: Lines do not meet the contract. Names how many, never what they hold.
        """
        lines = list(islice(self._lines, rows.num_rows))
        if bad := sum(not self._is_row(line) for line in lines):
            raise ContractBroken(f"{bad} lines of {self._name} do not meet {self._contract.id}")
        if len(lines) != rows.num_rows:
            return False
        if not lines:
            return True
        read = self._table(b"".join(lines))
        # Arrow's JSON knows no "never null" inside a list; the lines were held to it above.
        return read is not None and rows.cast(read.schema).equals(read)

    def are_read(self) -> bool:
        """Whether no line is left."""
        return next(self._lines, None) is None

    def _is_row(self, line: bytes) -> bool:
        if len(line) > MAX_LINE_BYTES:
            return False
        try:
            return self._validator.is_valid(msgspec.json.decode(line))
        except msgspec.DecodeError:
            return False

    def _table(self, data: bytes) -> pa.Table | None:
        try:
            return pj.read_json(
                io.BytesIO(data),
                read_options=pj.ReadOptions(use_threads=False, block_size=len(data) + 1),
                parse_options=pj.ParseOptions(
                    explicit_schema=self._contract.arrow(), unexpected_field_behavior="error"
                ),
            )
        except pa.ArrowException:
            return None

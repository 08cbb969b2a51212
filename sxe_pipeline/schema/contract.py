"""What a contract says, as values.

Here: columns, rules and the questions one may ask a contract. Not here: reading YAML (`load`) and
what is generated from a contract (`arrow`, `jsonschema`, `checks`, `docs`), which is imported when
it is asked for, so that a listing of contracts does not load pyarrow and pandas.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sxe_pipeline.schema.columns import Column

if TYPE_CHECKING:
    import pyarrow as pa
    from pandera.pandas import DataFrameSchema


@dataclass(frozen=True, slots=True)
class Rule:
    """A statement about whole rows: `query` counts the rows of `{object}` that break it."""

    name: str
    description: str
    query: str


@dataclass(frozen=True, slots=True)
class Contract:
    """One version of one contract. `key` names the columns that identify a row."""

    id: str
    version: str
    title: str
    tier: str
    status: str
    purpose: str
    usage: str
    limitations: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    rules: tuple[Rule, ...]
    file: Path

    @property
    def names(self) -> list[str]:
        """The column names, in order."""
        return [column.name for column in self.columns]

    def walk(self) -> Iterator[tuple[str, Column]]:
        """Every column, item and field with its path."""
        for column in self.columns:
            yield from column.walk()

    def arrow(self) -> "pa.Schema":
        """The Arrow schema, with field ids."""
        from sxe_pipeline.schema import arrow

        return arrow.schema(self.columns, field_ids=True)

    def json_schema(self, *, closed: bool = False) -> dict[str, Any]:
        """The JSON Schema of one row.

        Args:
            closed: Whether unknown properties are refused. Consumers get the open one, so that a
                column added later does not break them.
        """
        from sxe_pipeline.schema import jsonschema

        return jsonschema.schema(self, closed=closed)

    def markdown(self) -> str:
        """The page for people."""
        from sxe_pipeline.schema import docs

        return docs.render(self)

    def schema_sha256(self) -> str:
        """SHA-256 of the published `schema.json`: what a manifest names."""
        from sxe_pipeline.schema import jsonschema

        return jsonschema.sha256(self)

    def pandera(self) -> "DataFrameSchema":
        """The pandera schema of the columns that are neither lists nor structs."""
        from sxe_pipeline.schema import checks

        return checks.pandera_schema(self.columns, title=f"{self.id} {self.version}")

    def check(self, table: "pa.Table") -> "pa.Table":
        """Compare data with the contract before anything is visible.

        Returns:
            The same rows under the contract's own Arrow schema.

        Raises:
            ContractBroken: Names the columns and how many values; never a value.
        """
        from sxe_pipeline.schema import checks

        return checks.check(self, table)

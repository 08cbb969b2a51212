"""What a contract says, as values.

Here: one version of a contract, and the questions one may ask it. `arrow`, `jsonschema` and
`checks` answer them for any columns and know no contract; they are imported when they are asked,
so that a listing of contracts does not load pyarrow and DuckDB. Not here: reading YAML (`load`),
the page for people (`docs`).
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sxe_pipeline.schema.columns import Column, Rule

if TYPE_CHECKING:
    import pyarrow as pa


_PROSE = frozenset({"description", "examples"})


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

        return {
            "$schema": jsonschema.DIALECT,
            "$id": f"urn:sxe:contract:{self.id}:{self.version}",
            "title": f"{self.title} {self.version}",
            "description": self.purpose,
            **jsonschema.row(self.columns, closed=closed),
        }

    def published_schema(self) -> bytes:
        """The bytes of the published `schema.json`."""
        text = json.dumps(self.json_schema(), indent=2, ensure_ascii=False)
        return f"{text}\n".encode()

    def contract_sha256(self) -> str:
        """SHA-256 of all that the contract holds data to, and of none of its prose.

        Two editions with the same digest accept the same rows, and name, order, type and class
        their columns alike: it is what a manifest names.
        """
        held = {
            "id": self.id,
            "version": self.version,
            "tier": self.tier,
            "key": self.key,
            "columns": [_held(column) for column in self.columns],
            "rules": [(rule.name, rule.query) for rule in self.rules],
        }
        text = json.dumps(held, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def check(self, table: "pa.Table") -> "pa.Table":
        """Compare data with the contract before anything is visible.

        Returns:
            The same rows under the contract's own Arrow schema.

        Raises:
            ContractBroken: Names the columns and how many values; never a value.
        """
        from sxe_pipeline.schema import checks

        return checks.check(table, self.columns, self.rules, self.key, f"{self.id} {self.version}")


def _held(column: Column) -> dict[str, Any]:
    said = {f.name: getattr(column, f.name) for f in fields(column) if f.name not in _PROSE}
    return said | {"children": [_held(child) for child in column.children]}

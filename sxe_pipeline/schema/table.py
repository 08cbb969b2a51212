"""A table of Tier 1 as a value: its name and its columns.

Here: what one may ask any table. Not here: which tables there are (`tables`, `lead_card`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa

from sxe_pipeline.schema import arrow
from sxe_pipeline.schema.columns import Column


@dataclass(frozen=True)
class Table:
    """A table of Tier 1, by its name in the store."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    """What is one row, where the table is written in buckets by it; its columns are never null."""

    @cached_property
    def schema(self) -> pa.Schema:
        """Its Arrow schema."""
        return arrow.schema(self.columns)

    @property
    def names(self) -> list[str]:
        """The column names, in order."""
        return [column.name for column in self.columns]


def unclassified(tables: Iterable[Table]) -> list[str]:
    """The columns that state no class, or one that does not fit their type.

    Returns:
        Their paths, such as 'social/profiles.bio'.

    Example:
        >>> unclassified([Table("a/table", (Column("bio", "string"),))])
        ['a/table.bio']
    """
    return [
        f"{table.name}.{path}"
        for table in tables
        for column in table.columns
        for path, inner in column.walk()
        if not inner.is_classified
    ]

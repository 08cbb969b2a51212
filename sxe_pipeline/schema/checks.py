"""Data against its contract, before anything is visible.

Here: types, nulls, bounds, enums, patterns (pandera), the key and the rules over whole rows (one
DuckDB query). Errors name columns and counts. pandera's own text prints the offending values, so it
never leaves this file.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

import duckdb
import pandas as pd
import pandera.pandas as pa_pandas
import pyarrow as pa
import pyarrow.compute as pc
from pandera.errors import SchemaErrors

from sxe_pipeline.errors import ContractBroken
from sxe_pipeline.schema import arrow, duck
from sxe_pipeline.schema.columns import Column, Rule


def pandera_schema(columns: Sequence[Column], title: str = "") -> pa_pandas.DataFrameSchema:
    """The pandera schema of the scalar columns among `columns`."""
    made = {
        column.name: pa_pandas.Column(
            checks=_checks(column), nullable=column.nullable, name=column.name
        )
        for column in columns
        if not column.children
    }
    return pa_pandas.DataFrameSchema(made, title=title or None)


def check(
    rows: pa.Table, columns: Sequence[Column], rules: Sequence[Rule], key: Sequence[str], name: str
) -> pa.Table:
    """The rows under the schema of the columns.

    Args:
        rows: What is to be published.
        columns: The only ones there may be.
        rules: Over whole rows.
        key: The columns that identify a row.
        name: What the rows are held to, for the text of an error.

    Raises:
        ContractBroken: Names the columns and how many values; never a value.
    """
    wanted = arrow.schema(columns, field_ids=True)
    if problems := _shape(rows.schema, wanted):
        raise _broken(name, problems)
    rows = rows.select(wanted.names)
    if problems := list(_nulls(columns, rows)):
        raise _broken(name, problems)
    rows = rows.cast(wanted)
    if problems := [*_bounds(columns, rows), *_rules(rules, key, rows)]:
        raise _broken(name, problems)
    return rows


def _checks(column: Column) -> list[pa_pandas.Check]:
    made = []
    if column.values:
        made.append(pa_pandas.Check.isin(list(column.values)))
    if column.pattern is not None:
        made.append(pa_pandas.Check.str_matches(column.pattern))
    if column.max_length is not None:
        made.append(pa_pandas.Check.str_length(max_value=column.max_length))
    if column.minimum is not None:
        made.append(pa_pandas.Check.ge(column.minimum))
    if column.maximum is not None:
        made.append(pa_pandas.Check.le(column.maximum))
    return made


def _broken(name: str, problems: Sequence[str]) -> ContractBroken:
    shown = "; ".join(problems[:10]) + (" ..." if len(problems) > 10 else "")
    return ContractBroken(
        f"rows do not meet {name}: {shown}; correct the stage that wrote "
        "them, nothing was published"
    )


def _shape(given: pa.Schema, wanted: pa.Schema) -> list[str]:
    missing = [name for name in wanted.names if name not in given.names]
    extra = [name for name in given.names if name not in wanted.names]
    problems = [f"{name} is missing" for name in missing]
    problems += [f"{len(extra)} columns that no contract names"] if extra else []
    problems += ["a column stands twice"] if len(set(given.names)) < len(given.names) else []
    if not problems:
        pairs = [(f.name, _plain(given.field(f.name).type), _plain(f.type)) for f in wanted]
        problems = [
            f"{name} is {is_} instead of {must}" for name, is_, must in pairs if is_ != must
        ]
    return problems


def _plain(kind: pa.DataType) -> str:
    """A type without nullability, field names of lists, and metadata."""
    if pa.types.is_list(kind):
        return f"list<{_plain(kind.value_type)}>"
    if pa.types.is_struct(kind):
        inside = ", ".join(f"{field.name}: {_plain(field.type)}" for field in kind)
        return f"struct<{inside}>"
    return str(kind)


def _values(
    column: Column, array: pa.ChunkedArray, path: str
) -> Iterator[tuple[str, Column, pa.ChunkedArray]]:
    """The column, its items and their fields, each with all its values in one array."""
    yield path, column, array
    for child in column.children:
        if column.kind == "list":
            yield from _values(child, pc.list_flatten(array), f"{path}[]")
        else:
            yield from _values(child, pc.struct_field(array, child.name), f"{path}.{child.name}")


def _nulls(columns: Sequence[Column], rows: pa.Table) -> Iterator[str]:
    # Arrow accepts nulls in a non-nullable field, and only the Parquet writer would refuse them.
    for column in columns:
        for path, inner, array in _values(column, rows[column.name], column.name):
            if not inner.nullable and array.null_count:
                yield f"{path} is null {array.null_count} times"


def _bounds(columns: Sequence[Column], rows: pa.Table) -> Iterator[str]:
    flat = [column for column in columns if not column.children]
    yield from _validate(
        flat, [column.name for column in flat], rows.select([c.name for c in flat])
    )
    for column in columns:
        if column.children:
            for path, inner, array in _values(column, rows[column.name], column.name):
                if not inner.children and _checks(inner):
                    yield from _validate([inner], [path], pa.table({inner.name: array}))


def _validate(columns: Sequence[Column], paths: Sequence[str], rows: pa.Table) -> list[str]:
    if not rows.num_rows:
        return []
    frame = rows.to_pandas(types_mapper=pd.ArrowDtype)
    names = dict(zip((column.name for column in columns), paths, strict=True))
    found: Counter[tuple[str, str]] = Counter()
    try:
        pandera_schema(columns).validate(frame, lazy=True)
    except SchemaErrors as error:
        cases = error.failure_cases
        found.update(zip(cases["column"].astype(str), cases["check"].astype(str), strict=True))
    return [
        f"{names.get(name, 'a column')} breaks {check.split('(')[0]} {count} times"
        for (name, check), count in sorted(found.items())
    ]


def _rules(rules: Sequence[Rule], key: Sequence[str], rows: pa.Table) -> list[str]:
    quoted = ", ".join(f'"{name}"' for name in key)
    doubled = f"SELECT count(*) - count(DISTINCT ({quoted})) FROM rows"
    queries = [doubled, *(rule.query.replace("{object}", "rows") for rule in rules)]
    with duck.opened() as db:
        db.register("rows", rows)
        try:
            counts = db.execute("SELECT " + ", ".join(f"({each})" for each in queries)).fetchone()
        except duckdb.Error as error:
            return [f"the rules do not run ({type(error).__name__})"]
    names = [f"the key ({', '.join(key)}) stands again"]
    names += [f"rule {rule.name} is broken" for rule in rules]
    return [f"{name} {n} times" for name, n in zip(names, counts or (), strict=True) if n]

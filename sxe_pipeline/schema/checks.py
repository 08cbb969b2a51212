"""Data against its contract, before anything is visible.

Here: types, nulls, bounds, enums, patterns (Arrow's kernels), the key and the rules over whole rows
(one DuckDB query). Errors name columns and counts, never a value.
"""

import math
from collections.abc import Callable, Iterator, Sequence

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from sxe_pipeline.errors import ContractBroken
from sxe_pipeline.schema import arrow, duck
from sxe_pipeline.schema.columns import Column, Rule

Meets = Callable[[pa.Array | pa.ChunkedArray], pa.Array | pa.ChunkedArray]
"""Whether each value meets a bound. Of a null it says null or no."""


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
    flat = sorted((column for column in columns if not column.children), key=lambda c: c.name)
    for column in [*flat, *(column for column in columns if column.children)]:
        for path, inner, array in _values(column, rows[column.name], column.name):
            for name, meets in _bounds_of(inner):
                if count := _breaking(inner, meets, array):
                    yield f"{path} breaks {name} {count} times"


def _bounds_of(column: Column) -> Iterator[tuple[str, Meets]]:
    """The name of each bound, in order, and what asks it."""
    least, most = column.minimum, column.maximum
    # Arrow compares a whole number above 2**53 with a whole number only.
    is_whole = column.kind in ("int32", "int64")
    if least is not None:
        from_ = math.ceil(least) if is_whole else least
        yield "greater_than_or_equal_to", lambda v: pc.greater_equal(v, from_)
    if column.values:
        yield "isin", lambda v: pc.is_in(v, value_set=pa.array(column.values))
    if most is not None:
        to = math.floor(most) if is_whole else most
        yield "less_than_or_equal_to", lambda v: pc.less_equal(v, to)
    if column.max_length is not None:
        yield "str_length", lambda v: pc.less_equal(pc.utf8_length(v), column.max_length)
    if column.pattern is not None:
        yield "str_matches", lambda v: pc.match_substring_regex(v, f"^(?:{column.pattern})")


def _breaking(column: Column, meets: Meets, values: pa.ChunkedArray) -> int:
    # A label is one of a few words: where each of them meets it, no value has to be looked at.
    if column.class_ == "label" and not _broken_by(meets, values.unique()):
        return 0
    return _broken_by(meets, values)


def _broken_by(meets: Meets, values: pa.Array | pa.ChunkedArray) -> int:
    """How many values do not meet a bound; a null does, and NaN meets none."""
    held: int = len(values) - values.null_count
    try:
        met: int = pc.sum(meets(values)).as_py() or 0
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError):
        return min(held, 1)  # The bound cannot be put to values of this type.
    return held - met


def _rules(rules: Sequence[Rule], key: Sequence[str], rows: pa.Table) -> list[str]:
    quoted = ", ".join(f'"{name}"' for name in key)
    doubled = f"SELECT count(*) - count(DISTINCT ({quoted})) FROM rows"
    queries = [doubled, *(rule.query.replace("{object}", "rows") for rule in rules)]
    with duck.over(rows) as db:
        try:
            counts = db.execute("SELECT " + ", ".join(f"({each})" for each in queries)).fetchone()
        except duckdb.Error as error:
            return [f"the rules do not run ({type(error).__name__})"]
    names = [f"the key ({', '.join(key)}) stands again"]
    names += [f"rule {rule.name} is broken" for rule in rules]
    return [f"{name} {n} times" for name, n in zip(names, counts or (), strict=True) if n]

"""Whatever columns and whatever values: bounds are judged as one value after another would be."""

import math
import random
import re

import pyarrow as pa
import pytest

from sxe_pipeline.errors import ContractBroken
from sxe_pipeline.schema import arrow, checks
from sxe_pipeline.schema.columns import Column

PATTERNS = [
    "^[a-z0-9][a-z0-9_]{0,63}$",
    "^[A-Z]{2}$",
    "^(id:[0-9]+|handle:.+)$",
    "^a|b$",
    "a",
]
WORDS = ["a", "b", "ab", "AB", "id:1", "handle:é", "a\n", "\na", "", "é", "e\u0301", "😀😀", "a b"]
NUMBERS = {
    "int32": [-1, 0, 1, 2, 7, 2**31 - 1],
    "int64": [-(2**60), -1, 0, 1, 2, 7, 2**53 + 1, 2**60],
    "double": [-1.0, -0.0, 0.0, 0.5, 1.0, 1.5, math.nan, math.inf, -math.inf],
}
KEY = Column("key", "string", nullable=False)


def leaf(chosen, name):
    kind = chosen.choice(["string", "string", *NUMBERS])
    said = {
        "pattern": chosen.choice([None, *PATTERNS]),
        "max_length": chosen.choice([None, 0, 1, 2, 3]),
        "values": tuple(chosen.choice([[], chosen.sample(WORDS, 5)])),
        "class_": chosen.choice(["label", None]),
    }
    if kind != "string":
        said = {
            "minimum": chosen.choice([None, 0, 1, 0.5]),
            "maximum": chosen.choice([None, 1, 7, 1.5]),
        }
    return Column(name, kind, nullable=chosen.random() < 0.7, **said)


def nested(chosen, name, kinds):
    kind, nullable = chosen.choice(kinds), chosen.random() < 0.7
    if kind == "leaf":
        return leaf(chosen, name)
    if kind == "struct":
        children = tuple(leaf(chosen, child) for child in ("one", "other"))
    else:
        children = (nested(chosen, "element", ["leaf", "struct"]),)
    return Column(name, kind, nullable=nullable, children=children)


def value(chosen, column, nulls):
    if chosen.random() < (0.3 if column.nullable else nulls):
        return None
    if column.kind == "list":
        items = range(chosen.randrange(4))
        return [value(chosen, column.children[0], nulls) for _ in items]
    if column.kind == "struct":
        return {child.name: value(chosen, child, nulls) for child in column.children}
    return chosen.choice(NUMBERS.get(column.kind, WORDS))


def table(chosen):
    names = chosen.sample("abcd", 3)
    columns = [nested(chosen, name, ["leaf", "leaf", "struct", "list"]) for name in names]
    nulls = chosen.choice([0, 0, 0, 0.02])
    rows = [
        {"key": str(number)} | {c.name: value(chosen, c, nulls) for c in columns}
        for number in range(chosen.choice([0, 1, 2, 5, 30]))
    ]
    return [KEY, *columns], rows


def all_values(column, values, path):
    """The column and all below it, with their values, one after another."""
    yield path, column, values
    for child in column.children:
        if column.kind == "list":
            yield from all_values(
                child, [i for v in values if v is not None for i in v], f"{path}[]"
            )
        else:
            inside = [None if v is None else v[child.name] for v in values]
            yield from all_values(child, inside, f"{path}.{child.name}")


def meets(column, name, value):
    if name == "str_matches":
        pattern = re.sub(r"\$$", r"\\Z", column.pattern)
        return re.match(pattern, value) is not None
    return {
        "greater_than_or_equal_to": lambda: value >= column.minimum,
        "less_than_or_equal_to": lambda: value <= column.maximum,
        "isin": lambda: value in column.values,
        "str_length": lambda: len(value) <= column.max_length,
    }[name]()


def verdict(columns, rows):
    """What is told of the rows, judged value by value; None where nothing is."""
    by_name = sorted(columns, key=lambda c: (bool(c.children), "" if c.children else c.name))
    held = {
        order: [
            found for c in ordered for found in all_values(c, [row[c.name] for row in rows], c.name)
        ]
        for order, ordered in (("stated", columns), ("by name", by_name))
    }
    nulls = [
        f"{path} is null {values.count(None)} times"
        for path, column, values in held["stated"]
        if not column.nullable and None in values
    ]
    asked = {
        "greater_than_or_equal_to": "minimum",
        "isin": "values",
        "less_than_or_equal_to": "maximum",
        "str_length": "max_length",
        "str_matches": "pattern",
    }
    broken = [
        f"{path} breaks {name} {count} times"
        for path, column, values in held["by name"]
        for name, bound in asked.items()
        if getattr(column, bound) not in (None, ())
        and (count := sum(v is not None and not meets(column, name, v) for v in values))
    ]
    told = nulls or broken
    return "; ".join(told[:10]) + (" ..." if len(told) > 10 else "") if told else None


@pytest.mark.parametrize("seed", range(6))
def test_every_verdict_is_that_of_one_value_after_another(seed):
    chosen, broken = random.Random(seed), 0
    for _ in range(20):
        columns, rows = table(chosen)
        stored = pa.Table.from_pylist(rows, schema=arrow.schema(columns))
        told = verdict(columns, rows)

        if told is None:
            assert checks.check(stored, columns, (), ("key",), "it").num_rows == len(rows)
            continue
        broken += 1
        with pytest.raises(ContractBroken) as caught:
            checks.check(stored, columns, (), ("key",), "it")
        assert str(caught.value).startswith(f"rows do not meet it: {told}; correct the stage")
    assert broken > 5, "else nothing was held to a bound"


def test_rows_in_many_chunks_are_counted_together():
    column = Column("a", "list", children=(Column("element", "string", "label", pattern="^b$"),))
    one = pa.table({"a": pa.array([["a"], None, ["b", "a"]], arrow.schema([column])[0].type)})
    two = pa.concat_tables([one, one.slice(1), one.slice(0, 0)])

    with pytest.raises(ContractBroken, match=r"a\[\] breaks str_matches 3 times"):
        checks.check(two, [column], (), ("a",), "it")


def test_a_bound_that_cannot_be_put_to_its_column_is_broken():
    for column in (Column("a", "int64", pattern="^1$"), Column("a", "string", pattern="[")):
        rows = pa.table({"a": pa.array([1]).cast(arrow.schema([column])[0].type)})

        with pytest.raises(ContractBroken, match="a breaks str_matches 1 times"):
            checks.check(rows, [column], (), ("a",), "it")

"""Payloads made from the shape files themselves: a shape that is added is covered by itself.

Here: for each entry the smallest record that it recognises, and the paths that it reads. Not here:
what is planted in them (`payloads`).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import combinations
from typing import Any

from hypothesis import Phase, find, settings
from hypothesis import strategies as st

from sxe_pipeline.ingest import paths
from sxe_pipeline.ingest.mapping import Mappings, mappings
from sxe_pipeline.ingest.shape_files import SHIPPED, Form, shipped
from sxe_pipeline.schema import documents

Record = dict[str, Any]

KEYS = {"platform_id": "1234567", "handle": "ana"}
_NOT_PATHS = frozenset(("as", "map", "value", "unless"))
_READ = ("columns", "post", "posts")
_MOST_TRIED = 3
"""Optional keys that are put together until the entry recognises the record."""


@dataclass(frozen=True)
class Sample:
    """One entry of a shape file: what it recognises, and where it reads."""

    entry: Mapping[str, Any]
    form: Form
    record: Record
    reads: tuple[str, ...]

    @property
    def name(self) -> str:
        """For messages: two entries may share the name of their shape."""
        return f"{self.form.platform}/{self.form.name}"

    @property
    def fixed(self) -> frozenset[str]:
        """The paths whose value the entry itself demands."""
        return frozenset((*self.entry["match"].get("is", ()), *self.entry["match"].get("like", ())))

    @property
    def ids(self) -> tuple[str, ...]:
        """Where it reads the account's id."""
        return tuple(_keyed(self.entry, "platform_id"))

    @property
    def handles(self) -> tuple[str, ...]:
        """Where it reads the account's handle."""
        return tuple(_keyed(self.entry, "handle"))

    @property
    def keyed(self) -> frozenset[str]:
        """Where it reads what a row cannot do without."""
        return frozenset((*self.ids, *self.handles))

    def rivals(self, path: str) -> tuple[str, ...]:
        """The other places of the columns that are read from one: the first that is there wins."""
        of_columns = map(_paths, self.entry.get("columns", {}).values())
        sources = [places for found in of_columns if path in (places := list(found))]
        return tuple(each for places in sources for each in places if each != path)

    @property
    def places(self) -> tuple[str, ...]:
        """Where an envelope keeps records; of one that is searched, everywhere."""
        match = self.entry["match"]
        searched = (*match.get("any", ()), *match.get("has", ())) if self.form.is_search else ()
        found = ("inner.node",) if "find" in self.entry else ()
        return (*self.entry.get("records", ()), *found, *searched)


@cache
def samples() -> tuple[Sample, ...]:
    """One for each entry of the shipped shape files, in their order."""
    folder = files("sxe_pipeline.ingest") / "shapes"
    shapes = [documents.read((folder / f"{name}.yaml").read_bytes()) for name in SHIPPED]
    entries = [entry for document in shapes for entry in document["shapes"]]
    return tuple(_sample(*pair) for pair in zip(entries, shipped(), strict=True))


def _sample(entry: Mapping[str, Any], form: Form) -> Sample:
    reads = tuple(dict.fromkeys(_paths([entry.get(part, ()) for part in _READ])))
    record = next((each for each in _records(entry) if is_of(form, each)), None)
    if record is None:
        raise AssertionError(f"{form.platform}/{form.name}: no record is made that it recognises")
    return Sample(entry, form, record, reads)


def _records(entry: Mapping[str, Any]) -> Iterator[Record]:
    """Records that meet the `match` of an entry; an earlier entry may still claim one."""
    match = entry["match"]
    if match.get("column_wise"):
        yield {"id": ["1", "2"], "username": ["ana", "ben"], "name": ["A", "B"]}
        return
    optional = match.get("any", [])
    for count in range(min(len(optional), 1), min(len(optional), _MOST_TRIED) + 1):
        for chosen in combinations(optional, count):
            record: Record = {}
            keyed = [(p, good) for column, good in KEYS.items() for p in _keyed(entry, column)]
            for path in (*match.get("has", ()), *chosen):
                put(record, path, dict(keyed).get(path, "N"))
            for path in match.get("empty", ()):
                put(record, path, {})
            for path, wanted in match.get("is", {}).items():
                put(record, path, wanted[0] if isinstance(wanted, list) else wanted)
            for path, pattern in match.get("like", {}).items():
                put(record, path, shortest(pattern))
            for path, good in keyed[:2]:
                if not paths.has(path)(record):
                    put(record, path, good)
            yield record


def _keyed(entry: Mapping[str, Any], column: str) -> list[str]:
    """Where an entry reads one of the columns without which there is no row."""
    source = entry.get("columns", {}).get(column)
    return [p for p in _paths(source) if p not in entry["match"].get("not", ())]


def _paths(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, list):
        for inner in node:
            yield from _paths(inner)
    elif isinstance(node, Mapping):
        above = f"{node['in']}." if "in" in node else ""
        for name, inner in node.items():
            if name not in _NOT_PATHS and name != "in":
                yield from (above + path for path in _paths(inner))


@cache
def shortest(pattern: str) -> str:
    """A simple text in which a pattern is found, the same one each time."""
    printable = st.characters(min_codepoint=32, max_codepoint=126)
    texts = st.from_regex(re.compile(pattern, re.IGNORECASE), alphabet=printable)
    steady = settings(derandomize=True, database=None, deadline=None, phases=[Phase.generate])
    return find(texts, lambda text: True, settings=steady)


def put(record: Record, path: str, value: Any) -> None:
    """Set what a path leads to; where a text stands in the way, an object takes its place."""
    node: Any = record
    steps = paths.parse(path)
    for at, step in enumerate(steps):
        is_last = at + 1 == len(steps)
        below: Any = value if is_last else [] if isinstance(_after(steps, at), int) else {}
        if not is_last and _after(steps, at) == "*":
            below = []
        if isinstance(node, list):
            if not node:
                node.append(below)
            if is_last:
                node[0] = value
            elif type(node[0]) is not type(below):
                node[0] = below
            node = node[0]
        else:
            if is_last or type(node.get(step)) is not type(below):
                node[str(step)] = below
            node = node[str(step)]


def _after(steps: tuple[str | int, ...], at: int) -> str | int:
    return steps[at + 1]


def is_of(form: Form, record: Record) -> bool:
    """Whether a record is taken for this entry, and not for one that is tried before it."""
    known: Mappings = mappings(None)
    return known.recognised(record, form.platform if form.is_inner else None) is form

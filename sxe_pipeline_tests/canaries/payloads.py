"""Canaries: a contact of nobody in every place of every payload, each known by itself.

Here: records of every shape with contacts in what is read and in what is not, in envelopes of
several kinds. Not here: names of files and folders (`names`), where canaries are looked for.
"""

import copy
import itertools
import json
import random
from collections.abc import Iterator, Mapping
from typing import Any

from sxe_pipeline.ingest import paths
from sxe_pipeline.ingest.mapping import mappings
from sxe_pipeline.ingest.rows import Accounts, Found, Refused, filled
from sxe_pipeline.ingest.shape_files import Form
from sxe_pipeline.sandbox import plants
from sxe_pipeline_tests.canaries.samples import Record, Sample, is_of, put, samples

WAYS = ("mail_in_name", "phone_in_name", "telegram_account", "telegram_link")
"""One of each: a bare address, a bare number, a messenger, a link."""
_AS_HANDLES = (*WAYS, "mail_as_handle", "phone_as_handle", "whatsapp_link", "link_hub")
_MOST_CHILDREN = 3


class Aviary:
    """Hands out canaries, none of them twice, and remembers all of them."""

    def __init__(self) -> None:
        self.plants: list[plants.Plant] = []
        self._ways = itertools.cycle(plants.KINDS)

    def one(self, way: str | None = None) -> str:
        """The text of a new canary; every way that there is takes its turn where none is named."""
        number = len(self.plants)
        planted = plants.plant(way or next(self._ways), number, random.Random(number))
        self.plants.append(planted.plant)
        return planted.text


def records(aviary: Aviary) -> Iterator[Record]:
    """Every shape with canaries: one place at a time, then all of them, then inside of others."""
    for sample in samples():
        for path in sample.reads:
            yield from _planted(sample, path, aviary)
        yield from wrapped(full(sample, aviary), aviary)
        yield from enveloped(sample, aviary)


def full(sample: Sample, aviary: Aviary) -> Record:
    """A record of a shape with canaries wherever it still is one, and beside what is read."""
    record = copy.deepcopy(sample.record)
    planted: list[str] = []
    for path in sample.reads:
        is_kept = path in sample.keyed or path in sample.fixed
        bare = path.replace("[*]", "")
        if is_kept or any(bare.startswith(other) or other.startswith(bare) for other in planted):
            continue
        if is_of(sample.form, _set(copy.deepcopy(record), path, "N")):
            put(record, path, aviary.one())
            planted.append(bare)
    return beside(record, aviary)


def beside(record: Mapping[str, Any], aviary: Aviary) -> Record:
    """A record with canaries under keys that nobody reads, and in a key itself."""
    one = aviary.one
    more = {
        "remark_1": one(),
        "remark_2": {"remark_3": one(), "remark_4": [one(), {"remark_5": one()}]},
        "contactEmail": one("mail_in_name"),
        "remark_6": {one("mail_in_name"): one(), one("phone_in_name"): 1},
        one("mail_in_name"): one(),
        one("phone_in_name"): None,
        one("telegram_account"): True,
    }
    return {**record, **more}


def wrapped(record: Record, aviary: Aviary) -> Iterator[Record]:
    """A record as it stands, and in the wrappers that answers, dumps and tables have."""
    yield record
    yield {"data": {"user": record}, "remark": aviary.one()}
    yield {"result": {"items": [{"node": record}, {"remark": aviary.one()}]}}
    yield {"data": {aviary.one("mail_in_name"): record, aviary.one("phone_in_name"): record}}
    yield {"payload": {"body": {"a": {"b": {"c": [[record]]}}}}}
    yield {"raw": json.dumps(record)}
    yield {"users": json.dumps([record, {"remark": aviary.one()}])}
    yield dict(_flat(record, ""))


def _flat(node: Any, above: str) -> Iterator[tuple[str, Any]]:
    """One level of keys that are joined by dots, as data frames have them."""
    pairs = node.items() if isinstance(node, Mapping) else enumerate(node)
    for key, value in pairs:
        name = f"{above}.{key}" if above else str(key)
        if isinstance(value, dict | list):
            yield from _flat(value, name)
        else:
            yield name, value


def _planted(sample: Sample, path: str, aviary: Aviary) -> Iterator[Record]:
    """One place of a record, in every way; other places of the same column make way for it."""
    for way in WAYS:
        record = copy.deepcopy(sample.record)
        for other in sample.rivals(path):
            _drop_if_still(sample, record, other)
        value = aviary.one(way)
        if path in sample.fixed:
            value = f"{paths.one(path)(record)}{value}"
        yield _set(record, path, value)
    for odd in (
        aviary.one("phone_as_handle"),
        aviary.one(),
        {"url": aviary.one(), "expanded_url": aviary.one()},
        {"$numberLong": aviary.one("phone_in_name")},
        {aviary.one(): aviary.one()},
    ):
        yield _set(copy.deepcopy(sample.record), path, odd)
    if path in sample.handles:
        for way in _AS_HANDLES:
            record = copy.deepcopy(sample.record)
            for other in (*sample.ids, *sample.rivals(path)):
                _drop_if_still(sample, record, other)
            yield _set(record, path, aviary.one(way))


def _set(record: Record, path: str, value: Any) -> Record:
    put(record, path, value)
    return record


def _drop_if_still(sample: Sample, record: Record, path: str) -> None:
    """Take a place out of a record, unless its shape is not recognised without."""
    without = copy.deepcopy(record)
    node: Any = without
    *above, last = paths.parse(path)
    for step in above:
        key: Any = 0 if step == "*" else step
        is_there = len(node) > key if isinstance(node, list) and isinstance(key, int) else False
        if not (is_there or (isinstance(node, dict) and key in node)):
            return
        node = node[key]
    if isinstance(node, dict) and last in node:
        del node[last]
        if is_of(sample.form, without):
            record.clear()
            record.update(without)


def enveloped(sample: Sample, aviary: Aviary) -> Iterator[Record]:
    """An envelope with profiles where it keeps them; those that land, if any do."""
    found = 0
    for place in sample.places:
        for child in samples():
            if child.form.fills is None or child.form.platform not in (sample.form.platform, "x"):
                continue
            if found >= _MOST_CHILDREN and not child.form.is_inner:
                continue
            record = _with(sample, place, full(child, Aviary()))
            if record is not None and lands(record):
                found += 1
                planted = _with(sample, place, full(child, aviary))
                yield from wrapped(beside(planted or {}, aviary), aviary)


def _with(sample: Sample, place: str, child: Record) -> Record | None:
    record = copy.deepcopy(sample.record)
    there = paths.one(place)(record)
    put(record, place, {**child, **there} if isinstance(there, dict) else child)
    return record if is_of(sample.form, record) else None


def outcomes(record: Record) -> Iterator[Form | Refused]:
    """The form of each row that a record becomes, and what is refused."""
    for each in mappings(None).outcomes(record):
        if isinstance(each, Found):
            yield filled(Accounts.of([(0, each)])).refused.get(0, each.form)
        else:
            yield each


def lands(record: Record) -> bool:
    """Whether anything in it becomes a row."""
    return any(isinstance(each, Form) for each in outcomes(record))

"""A landing tree of two or more days, as a team that gathers profiles would leave it.

Belongs here: who is seen on which day in which shape, files and folders, what has to come of it.
Not here: the people (`people`), the payloads (`shapes`), the contact data (`plants`).
"""

import csv
import gzip
import io
import json
import random
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from sxe_pipeline.sandbox import bios, people, plants, rejects
from sxe_pipeline.sandbox.people import Account
from sxe_pipeline.sandbox.shapes import SHAPES, Payload

_NEW, _AGAIN, _SAME_SHAPE, _FOLDS = 0.4, 0.2, 0.75, 0.5
_ACCOUNTS_PER_PLANT = 8
_PAGE = 100
_CUT = 20
_COPIES = 1_500
"""Every reject lands once more for so many accounts."""
_FILES: dict[str, tuple[str, str, str]] = {
    "x_graphql_2023": ("x_archive", "users_2023.jsonl.gz", "users_2023.jsonl.gz"),
    "x_graphql_2025": ("x_builders_list", "users.jsonl.zst", "users.jsonl.zst"),
    "x_graphql_2026": ("x_builders_list", "members.jsonl", "members.jsonl.gz"),
    "x_api_v2": ("x_archive", "lookup.jsonl", "lookup.jsonl.zst"),
    "x_api_v1": ("x_archive", "lookup_v1.json", "lookup_v1.json.gz"),
    "x_vendor_profiles": ("partner_segment", "x_profiles.csv.gz", "x_profiles.parquet"),
    "tiktok_web_user": ("tiktok_kitchen_hashtag", "details.jsonl.zst", "details.jsonl"),
    "tiktok_web_author": ("tiktok_kitchen_hashtag", "search.json", "search.json.gz"),
    "tiktok_author_meta": ("tiktok_kitchen_hashtag", "items.jsonl.gz", "items.jsonl.gz"),
    "tiktok_vendor": ("partner_segment", "tiktok.csv", "tiktok.csv.zst"),
    "tiktok_research": ("tiktok_kitchen_hashtag", "research.jsonl", "research.jsonl"),
    "acme_creators": ("acme_creators", "creators.csv", "creators.parquet"),
    "threads_web_2023": ("threads_watchlist", "profiles_2023.jsonl", "profiles_2023.jsonl"),
    "threads_web_2026": ("threads_watchlist", "profiles.jsonl.zst", "profiles.jsonl.gz"),
    "threads_post_author": ("threads_watchlist", "authors.parquet", "authors.jsonl"),
    "threads_profile_lookup": ("threads_watchlist", "lookup.json.gz", "lookup.json"),
}
"""Where a shape lands: collection, file on the first day, file on every later day."""
_REJECTS = {"x": "x_graphql_2026", "tiktok": "tiktok_web_user", "threads": "threads_web_2026"}
_DATED = ("x_graphql_2023", "x_graphql_2025", "x_graphql_2026")
_ACME = """\
platform: tiktok
shapes:
  - name: acme_creators
    match: {has: [creator_id, creator]}
    null_words: ["n/a", "-"]
    columns:
      platform_id: creator_id
      handle: creator
      display_name: creator_name
      bio: about
      location: city
      region: country
      links: [shop]
      follower_count: fans
"""


@dataclass(frozen=True)
class World:
    """What was written, as its maker knows it.

    `expected` counts over all days: `rows` (accepted sightings), `accounts` (distinct, after
    handle-keyed ones folded), `folds` (how many did), and each quarantine reason by its name.
    `kinds` counts the plants by kind, `shapes` the sightings by shape.
    """

    plants: list[plants.Plant]
    expected: dict[str, int]
    kinds: dict[str, int]
    shapes: dict[str, int]


@dataclass(slots=True)
class _Sighting:
    account: Account
    shape: str


@dataclass(slots=True)
class _File:
    """A file before it is written: payloads, raw lines among them, and how it is cut."""

    payloads: list[Payload] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)


def write_landing(root: Path, *, seed: int, days: Sequence[date], accounts: int = 12_000) -> World:
    """Write a landing tree; the same arguments give the same bytes.

    Args:
        root: Where the collections go; made where missing.
        seed: Of everything that is chosen.
        days: Landing days, oldest first; new accounts of the second share the days after the first.
        accounts: How many accounts there are in all.

    Returns:
        The planted contacts and the expected counts.

    Raises:
        ValueError: There is no day.
    """
    if not days:
        raise ValueError("a landing tree needs at least one day")
    rng = random.Random(seed)  # noqa: S311 - invents people, guards nothing
    sightings = [_Sighting(one, _shape(rng, one)) for one in people.population(rng, accounts)]
    planted = _plant(rng, sightings)
    expected: Counter[str] = Counter(accounts=accounts)
    shapes: Counter[str] = Counter()
    for number, (day, seen) in enumerate(zip(days, _by_day(rng, sightings, len(days), expected),
                                             strict=True)):  # fmt: skip
        expected["rows"] += len(seen)
        shapes.update(one.shape for one in seen)
        _write_day(root, day, number, seen, expected)
        if number == 1:
            _write_cut(root / "x_archive" / day.isoformat(), day, seen, expected)
    _write_declarations(root)
    kinds = Counter(plant.kind for plant in planted)
    return World(planted, dict(expected), dict(kinds), dict(shapes))


def _shape(rng: random.Random, account: Account, *, has_id: bool = False) -> str:
    fitting = {
        name: shape.weight
        for name, shape in SHAPES.items()
        if shape.platform == account.platform and (shape.has_id or not has_id)
    }
    return rng.choices(list(fitting), list(fitting.values()))[0]


def _plant(rng: random.Random, sightings: Sequence[_Sighting]) -> list[plants.Plant]:
    """Hide contacts in one account of eight, at most one in each, every kind in turn."""
    order = list(sightings)
    rng.shuffle(order)
    free: dict[str, list[_Sighting]] = {
        where: [one for one in order if _can_hold(one, where)]
        for where in ("bio", "display_name", "location", "link", "handle", *_VENDOR)
    }
    taken: set[int] = set()
    planted = []
    for number in range(max(len(plants.KINDS), len(order) // _ACCOUNTS_PER_PLANT)):
        made = plants.plant(plants.KINDS[number % len(plants.KINDS)], number, rng)
        queue = free[made.field]
        while queue and id(queue[-1]) in taken:
            queue.pop()
        if queue:
            sighting = queue.pop()
            taken.add(id(sighting))
            _put(rng, sighting.account, made)
            planted.append(made.plant)
    return planted


_VENDOR = ("vendor_email", "vendor_phone")


def _can_hold(sighting: _Sighting, where: str) -> bool:
    if where == "handle" and sighting.account.is_linked:
        return False
    return where in SHAPES[sighting.shape].holds


def _put(rng: random.Random, account: Account, made: plants.Planted) -> None:
    if made.field == "bio":
        account.bio = bios.joined(rng, account.voice, account.bio, made.text)
    elif made.field == "link":
        account.links.insert(0, made.text)
    elif made.field == "display_name":
        account.name = f"{account.name} {made.text}"
    else:
        setattr(account, made.field.removeprefix("vendor_"), made.text)


def _by_day(
    rng: random.Random, sightings: Sequence[_Sighting], days: int, expected: Counter[str]
) -> Iterator[list[_Sighting]]:
    """Who is seen on each day: newcomers, and on later days some of those seen before."""
    order = list(sightings)
    rng.shuffle(order)
    later = int(len(order) * _NEW) if days > 1 else 0
    first, rest = order[later:], order[:later]
    yield first
    known = first
    for day in range(1, days):
        fresh = rest[(day - 1) * later // (days - 1) : day * later // (days - 1)]
        again = rng.sample(known, min(len(known), int(len(order) * _AGAIN)))
        seen = [_again(rng, one, expected) for one in again]
        now = {id(old): new for old, new in zip(again, seen, strict=True)}
        known = [now.get(id(one), one) for one in known] + fresh
        yield fresh + seen


def _again(rng: random.Random, before: _Sighting, expected: Counter[str]) -> _Sighting:
    """The same account later; one known by its handle alone may now be seen with its id."""
    has_id = SHAPES[before.shape].has_id
    account = people.later(rng, before.account, may_rename=has_id)
    if has_id:
        shape = before.shape if rng.random() < _SAME_SHAPE else _shape(rng, account, has_id=True)
        return _Sighting(account, shape)
    if rng.random() < _FOLDS:
        expected["folds"] += 1
        return _Sighting(account, _shape(rng, account, has_id=True))
    return _Sighting(account, before.shape)


def _write_day(
    root: Path, day: date, number: int, seen: Sequence[_Sighting], expected: Counter[str]
) -> None:
    files: dict[tuple[str, str], _File] = defaultdict(_File)
    by_shape = defaultdict(list)
    for sighting in seen:
        by_shape[sighting.shape].append(sighting.account)
    for shape, found in by_shape.items():
        payloads = [SHAPES[shape].render(account) for account in found]
        if shape == "x_api_v2":
            payloads = list(_pages(payloads, day, expected))
        elif shape in _DATED:
            payloads = [_dated(payload, day) for payload in payloads]
        files[_file_of(shape, number)].payloads += payloads
    for platform, lines in rejects.OF_PLATFORM.items():
        file = files[_file_of(_REJECTS[platform], number)]
        for line, reason in lines * (1 + len(seen) // _COPIES):
            file.raw.append(line)
            expected[reason] += 1
    for (collection, name), file in sorted(files.items()):
        target = root / collection / day.isoformat() / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(_encoded(name, file))


def _file_of(shape: str, number: int) -> tuple[str, str]:
    collection, first, later = _FILES[shape]
    return collection, later if number else first


def _dated(payload: Payload, day: date) -> Payload:
    return {"commit_date": f"{day.isoformat()}T09:30:00Z", "user": payload}


def _pages(users: Sequence[Payload], day: date, expected: Counter[str]) -> Iterator[Payload]:
    """Answers of X API v2, with what stands in them beside users."""
    for start in range(0, len(users), _PAGE):
        page: Payload = {
            "fetched_at": f"{day.isoformat()}T10:00:00Z",
            "data": list(users[start : start + _PAGE]),
            "errors": [],
        }
        for where, payload, reason in rejects.IN_PAGE:
            page[where].append(payload)
            expected[reason] += 1
        yield page


def _write_cut(folder: Path, day: date, seen: Sequence[_Sighting], expected: Counter[str]) -> None:
    """A download that broke off: whole lines, then no more; the accounts are seen a second time."""
    again = [one.account for one in seen if one.account.platform == "x"][:_CUT]
    payloads = [_dated(SHAPES["x_graphql_2025"].render(account), day) for account in again]
    packer = zlib.compressobj(wbits=31)
    whole = packer.compress(b"".join(_line(payload) for payload in payloads))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "broken_off.jsonl.gz").write_bytes(whole + packer.flush(zlib.Z_SYNC_FLUSH))
    expected["rows"] += len(again)
    expected["malformed"] += 1


def _write_declarations(root: Path) -> None:
    for collection, declared in bios.collections().items():
        text = yaml.safe_dump(declared, sort_keys=False)
        (root / collection).mkdir(parents=True, exist_ok=True)
        (root / collection / "_collection.yaml").write_text(text, encoding="utf-8")
    (root / "acme_creators").mkdir(parents=True, exist_ok=True)
    (root / "acme_creators" / "_mapping.yaml").write_text(_ACME, encoding="utf-8")


def _line(payload: Mapping[str, object]) -> bytes:
    return json.dumps(payload, ensure_ascii=False).encode() + b"\n"


def _encoded(name: str, file: _File) -> bytes:
    form = name.removesuffix(".gz").removesuffix(".zst").rpartition(".")[2]
    if form == "jsonl":
        plain = b"".join(map(_line, file.payloads)) + b"".join(raw + b"\n" for raw in file.raw)
    elif form == "json":
        plain = json.dumps(file.payloads).encode()
    else:
        plain = _csv(file.payloads) if form == "csv" else _parquet(file.payloads)
    if name.endswith(".gz"):
        return gzip.compress(plain, compresslevel=5, mtime=0)
    return _zstd(plain) if name.endswith(".zst") else plain


def _csv(rows: Sequence[Payload]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _parquet(rows: Sequence[Payload]) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(list(rows)), sink, compression="zstd")
    return bytes(sink.getvalue().to_pybytes())


def _zstd(plain: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(plain)
    return bytes(sink.getvalue().to_pybytes())

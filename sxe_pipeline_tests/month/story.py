"""What lands in a month: ordinary days, and everything that a vendor does wrong.

Each chapter writes files below the landing root and says how many records they hold; what it
writes is drawn from the seed alone.
"""

import gzip
import hashlib
import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

from sxe_pipeline.ingest.mapping import mappings
from sxe_pipeline.ingest.read import read_file

BIOS = (
    "Photographer from Lyon. I love hiking and trail running",
    "Founder of a bakery in Porto, marathon runner",
    "Nurse. Knitting, tea and detective novels",
    "Backend developer, mechanical keyboards, chess",
    "hello",
)
SHOP = "https://www.instagram.com/shop{}"
"""Whoever names the same one is one card; as soon as these are a crowd they part again."""
REGISTERED = datetime(2099, 1, 1, tzinfo=UTC)


@dataclass
class Landing:
    """The landing root, and what it holds by now.

    Attributes:
        root: The folder.
        rng: Of the seed.
        expected: Landing day -> records of all its files, as the reader counts them.
        written: Files that were landed.
        pages: Pages that were made.
        aside: The days and records of files that wait until their collection is mended.
    """

    root: Path
    rng: random.Random
    expected: Counter[date] = field(default_factory=Counter)
    written: int = 0
    pages: int = 0
    aside: list[tuple[date, int]] = field(default_factory=list)

    def put(self, day: date, name: str, content: bytes, collection: str = "makers") -> None:
        """Land a file of a day, whole: under a hidden name first."""
        folder = self.root / collection / day.isoformat()
        folder.mkdir(parents=True, exist_ok=True)
        hidden, shown = folder / f".{name}.part", folder / name
        hidden.write_bytes(content)
        hidden.rename(shown)
        self.expected[day] += records(shown, content)
        self.written += 1

    def people(self, count: int) -> bytes:
        """A page of `count` invented people of X, some of them seen before; no two are alike.

        The same bytes again would be the same file, which counts once.
        """
        users = [self.rng.randrange(600) for _ in range(count)]
        self.pages += 1
        page = {"data": [self._person(n) for n in users], "meta": {"next_token": str(self.pages)}}
        return json.dumps(page).encode()

    def clips(self, count: int) -> bytes:
        """A page of people of TikTok: some of those of X name them, and some name these back."""
        self.pages += 1
        rows = [self._of_tiktok(self.rng.randrange(60)) for _ in range(count)]
        rows.append(self._of_tiktok(60 + self.pages))
        return "".join(json.dumps(row) + "\n" for row in rows).encode()

    def _of_tiktok(self, number: int) -> dict[str, object]:
        shown = number + 60 * self.rng.randrange(2) if number < 5 else number
        link = self.rng.choice(["", f"https://x.com/maker{number}", _shop(number)])
        return {
            "user": {
                "id": str(10**18 + number),
                "uniqueId": f"clips{shown}",
                "signature": self.rng.choice(BIOS),
                "bioLink": {"link": link},
            },
            "stats": {"followerCount": self.rng.randrange(5_000), "followingCount": 5},
        }

    def _person(self, number: int) -> dict[str, object]:
        return {
            "id": str(10**18 + number),
            "username": f"maker{number}",
            "name": f"Maker {number}",
            "description": self.rng.choice(BIOS),
            "url": self.rng.choice(["", f"https://tiktok.com/@clips{number}", _shop(number)]),
            "public_metrics": {
                "followers_count": self.rng.randrange(5_000),
                "following_count": 5,
                "tweet_count": 9,
            },
        }


def _shop(number: int) -> str:
    return SHOP.format(number % 150)


def records(path: Path, content: bytes) -> int:
    """How many records a file holds: rows and rejects, by the product's own reader."""
    with path.open("rb") as stream:
        return sum(
            landed.rows.num_rows + len(landed.rejects)
            for landed in read_file(
                stream,
                name=path.name,
                file_sha256=hashlib.sha256(content).hexdigest(),
                collection="makers",
                registered_at=REGISTERED,
                mappings=mappings(None),
            )
        )


def ordinary(landing: Landing, day: date, days: list[date]) -> None:
    """Two to four files of the day, and one of another platform."""
    for number in range(landing.rng.randrange(2, 5)):
        landing.put(day, f"page-{number}.json", landing.people(landing.rng.randrange(10, 60)))
    landing.put(day, "clips.jsonl", landing.clips(landing.rng.randrange(2, 9)), collection="clips")


def late(landing: Landing, day: date, days: list[date]) -> None:
    """Files of days that were built already, beside those of today."""
    ordinary(landing, day, days)
    for earlier in landing.rng.sample(days, k=min(3, len(days))):
        name = f"late-{landing.written}.json"
        landing.put(earlier, name, landing.people(landing.rng.randrange(1, 20)))


def fewer(landing: Landing, day: date, days: list[date]) -> None:
    """The day is delivered again under another name, with fewer rows."""
    landing.put(day, "first.json", landing.people(50))
    landing.put(day, "second.json", landing.people(20))


def empty(landing: Landing, day: date, days: list[date]) -> None:
    """A file without a byte."""
    landing.put(day, "nothing.jsonl", b"")


def many(landing: Landing, day: date, days: list[date]) -> None:
    """Two thousand files of one record."""
    for number in range(2_000):
        landing.put(day, f"one-{number}.json", landing.people(1))


def broken(landing: Landing, day: date, days: list[date]) -> None:
    """Beside a good file: one that is cut, one that is no Parquet, one of no JSON, one too deep."""
    ordinary(landing, day, days)
    lines = b"\n".join(
        json.dumps(landing._person(landing.rng.randrange(600))).encode() for _ in range(200)
    )
    landing.put(day, "cut.jsonl.gz", gzip.compress(lines, mtime=0)[:-200])
    landing.put(day, "no.parquet", b"PAR1" + landing.rng.randbytes(500) + b"PAR1")
    landing.put(day, "no.json", landing.rng.randbytes(300))
    landing.put(day, "deep.json", b'{"a":' * 3_000 + b"1" + b"}" * 3_000)


def set_aside(landing: Landing, day: date, days: list[date]) -> None:
    """A collection whose description cannot be read; the other one goes on."""
    ordinary(landing, day, days)
    folder = landing.root / "sellers"
    folder.mkdir(exist_ok=True)
    (folder / "_collection.yaml").write_text("tribes: [makers\nmarket: {")
    landing.put(day, "page.json", landing.people(10), collection="sellers")
    landing.expected[day] -= 10
    landing.aside.append((day, 10))


def mended(landing: Landing, day: date, days: list[date]) -> None:
    """What was wrong with the description is put right."""
    ordinary(landing, day, days)
    (landing.root / "sellers").mkdir(exist_ok=True)
    (landing.root / "sellers" / "_collection.yaml").write_text("market: sellers\n")
    for then, count in landing.aside:
        landing.expected[then] += count
    landing.aside.clear()


Chapter = Callable[[Landing, date, list[date]], None]
ODD: tuple[Chapter, ...] = (late, empty, broken, set_aside, fewer, mended, many, late)


def chapters(days: list[date], rng: random.Random) -> list[tuple[date, Chapter]]:
    """A chapter for each day: every odd one at least once where there is room, in its order."""
    told: list[Chapter] = [ordinary] * len(days)
    places = sorted(rng.sample(range(1, len(days)), k=min(len(ODD), len(days) - 1)))
    for place, odd in zip(places, ODD, strict=False):
        told[place] = odd
    return list(zip(days, told, strict=True))

"""The acts of Tier 1 on a home of some forty accounts, which can be killed at each of their writes.

Here: what landed before and after, the acts in their order, what a home holds, and a process that
ends itself by SIGKILL. Not here: what must be true of it (the tests).
"""

import itertools
import multiprocessing
import os
import signal
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Protocol

import psycopg

from sxe_pipeline import settings as environment
from sxe_pipeline.cards import candidate_table, pool_table, tier1
from sxe_pipeline.ops import versions
from sxe_pipeline.social import identities, observe, profiles
from sxe_pipeline.store import buckets, changes, delta, sql, sums
from sxe_pipeline.store.snapshot import Snapshot
from sxe_pipeline_tests.databases import Database
from sxe_pipeline_tests.social import landing
from sxe_pipeline_tests.social.landing import File, sighting

BEFORE, AFTER = datetime(2026, 3, 10, tzinfo=UTC), datetime(2026, 3, 11, tzinfo=UTC)
FIRST, SECOND = date(2026, 3, 8), date(2026, 3, 9)
PHOTOGRAPHER = "Wedding photographer. Coffee and trail running."
RUNNER = "Love photography"


def _person(number: int, *, hours: float = 0, bio: str | None = None, **more: object) -> dict:
    said = bio or (RUNNER if number % 3 == 2 else PHOTOGRAPHER)
    row = sighting(f"id:{number}", hours=hours, bio=said, follower_count=500, **more)
    post = {
        "post_id": f"{number}",
        "posted_at": None,
        "hashtags": ["rye"],
        "caption": f"tea {hours}",
    }
    return row | {"handle": f"maker{number}", "own_posts": [post] if number % 4 == 0 else []}


def _of_tiktok(number: int) -> dict:
    row = sighting(f"id:{number}", platform="tiktok", bio="Trail running", follower_count=900)
    return row | {"handle": f"t{number}"}


def _link(number: int) -> list[str]:
    return [f"https://tiktok.com/@t{number}"]


LANDED = {
    BEFORE: {
        FIRST: [
            *(_person(n, links=_link(n)) for n in range(3)),
            *(_person(n) for n in range(3, 30)),
            *map(_of_tiktok, range(6)),
        ]
    },
    AFTER: {
        # Delivered again: one link and three people are gone, two say something else.
        FIRST: [
            *(_person(n, links=_link(n) if n else []) for n in range(3)),
            *(_person(n, bio="hi" if n in (7, 8) else None) for n in range(3, 27)),
            *map(_of_tiktok, range(6)),
        ],
        SECOND: [
            *(_person(n, hours=9, links=_link(n)) for n in (4, 5)),
            *(_person(n, hours=9, bio="Chef in Lyon. Wine.") for n in (12, 13)),
            *(_person(n, hours=9) for n in range(40, 48)),
        ],
    },
}
"""When it is -> landing day -> what it holds."""


class Act(Protocol):
    """One act, on the named state; `more` is what it is told beside, such as `recheck`."""

    def __call__(
        self, conn: psycopg.Connection, given: environment.Settings, now: datetime, **more: object
    ) -> object: ...


def _observed(day: date) -> Act:
    def observed(
        conn: psycopg.Connection, given: environment.Settings, now: datetime, **more: object
    ) -> object:
        rows = LANDED[now].get(day)
        file = File(f"{day} of {now}", tuple(rows or ()))
        return rows and observe.observe(
            conn,
            given.tier1_url,
            days=[day],
            files_by_day={day: [file]},
            inputs_by_day={day: f"{now}"},
            read=landing.read,
            now=now,
            actor="test",
            **more,
        )

    return observed


def _identities(
    conn: psycopg.Connection, given: environment.Settings, now: datetime, **more: object
) -> object:
    ids = map(f"{now:%d}-{{:04}}".format, itertools.count())
    return identities.rebuild(
        conn, given.tier1_url, mint=lambda: next(ids), actor="test", now=now, **more
    )


def _profiles(
    conn: psycopg.Connection, given: environment.Settings, now: datetime, **more: object
) -> object:
    return profiles.rebuild(conn, given.tier1_url, actor="test", now=now, **more)


def _of_cards(rebuild: Callable[..., object]) -> Act:
    return lambda conn, given, now, **more: rebuild(conn, given, actor="test", now=now, **more)


ACTS: dict[str, Act] = {
    "first day": _observed(FIRST),
    "second day": _observed(SECOND),
    "profiles": _profiles,
    "identities": _identities,
    "cards": _of_cards(tier1.rebuild_cards),
    "pools": _of_cards(pool_table.rebuild),
    "candidates": _of_cards(candidate_table.rebuild),
}


def is_small(patch: Callable[[object, str, object], object] = setattr) -> None:
    """Eight rows a bucket, and labels by rules: of this process, or as a test's patch does it."""
    patch(buckets, "ROWS", 8)
    patch(tier1, "shipped_weights", lambda labels: None)


class Home:
    """A folder and a database of its own."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database, self.folder = database, folder
        self.dsn = database.dsn("sxe_social")
        self.settings = environment.load(
            {"SXE_HOME": str(folder), "SXE_SETTLE_S": "0", "SXE_SOCIAL_DATABASE_URL": self.dsn}
        )

    def act(self, name: str, now: datetime, **more: object) -> object:
        """One act, in this process."""
        with sql.connect(self.dsn) as conn:
            return ACTS[name](conn, self.settings, now, **more)

    def killed(self, name: str, now: datetime, at: int) -> bool:
        """The act in a process that dies at that write; False where it ends before."""
        child = _FORKS.Process(target=_act_and_die, args=(self, name, now, at))
        child.start()
        child.join()
        assert child.exitcode in (0, -signal.SIGKILL), child.exitcode
        return child.exitcode != 0

    def named(self, names: Collection[str] | None = None) -> dict[str, list[dict]]:
        """The rows of every table, or of some, as they are named."""
        with sql.connect(self.dsn) as conn:
            return {
                name: sorted(
                    Snapshot(name, version, self.settings.tier1_url).to_table().to_pylist(),
                    key=str,
                )
                for name, version in versions.stored(conn).items()
                if names is None or name in names
            }

    def stands(self, names: Collection[str] | None = None) -> dict[str, object]:
        """What acts leave: every table, or some, and rows of the database."""
        asked = {
            "cards": "select card_id, anchor_platform, anchor_account_key, generation, "
            "parent_card_id, minted_at, retired_at from social.card",
            "aliases": "select card_id, survivor_card_id from social.alias",
            "days": "select landed_day, input_count, observation_count from social.day_count",
            "funnel": "select market, platform, stage, landed_day, value from cards.funnel",
            "pools": "select market, audience_pool, card_count from cards.audience_pool",
            "candidates": "select card_id, market, withdrawn_at is null from gate.candidate",
            "events": "select kind, count(*) from audit.event where kind !~ '^table' group by 1",
        }
        with psycopg.connect(self.database.dsn("postgres")) as conn:
            rows = {
                what: sorted(conn.execute(ask).fetchall(), key=str) for what, ask in asked.items()
            }
        return rows | self.named(names)


_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload([__name__])


def _act_and_die(home: Home, name: str, now: datetime, at: int) -> None:
    is_small()
    sql._fitting.add(("127.0.0.1", home.database.state["port"], home.database.name))
    left = itertools.count(1)

    def written() -> None:
        if next(left) == at:
            os.kill(os.getpid(), signal.SIGKILL)

    _tell_writes(written)
    home.act(name, now)


def _tell_writes(written: Callable[[], None]) -> None:
    """Have this process call `written` after each write that stays where it dies.

    A statement stays with its transaction alone, so it is no write of its own. Of the files of a
    table, which are of no version yet, the first stands for all.
    """
    tables_begun = set()
    put_file = delta.put_file

    def put(root: str, name: str, *rest: object) -> object:
        done = put_file(root, name, *rest)
        if name not in tables_begun:
            tables_begun.add(name)
            written()
        return done

    def told(function: Callable[..., object]) -> Callable[..., object]:
        def called(*given: object, **more: object) -> object:
            done = function(*given, **more)
            written()
            return done

        return called

    delta.put_file = put
    for name in ("created", "replace", "commit"):
        setattr(delta, name, told(getattr(delta, name)))
    sums.note, changes.note = told(sums.note), told(changes.note)
    transaction = psycopg.Connection.transaction

    @contextmanager
    def committed(conn: psycopg.Connection, *rest: object) -> Iterator[object]:
        with transaction(conn, *rest) as opened:
            yield opened
        written()

    psycopg.Connection.transaction = committed

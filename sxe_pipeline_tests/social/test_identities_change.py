"""Identities made of the difference are those of the whole: the same rows, cards and aliases."""

import contextlib
import itertools
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sxe_pipeline.ops import versions
from sxe_pipeline.schema import duck
from sxe_pipeline.schema.tables import IDENTITY, PROFILE, TARGET
from sxe_pipeline.social import families, identities
from sxe_pipeline.social.clusters import SELF, Reason, ShownAccount, cluster
from sxe_pipeline.social.links import targets
from sxe_pipeline.social.mint import Card, Previous, assign
from sxe_pipeline.store import buckets, sql, tables
from sxe_pipeline_tests import databases, named

START = datetime(2026, 3, 1, tzinfo=UTC)
EMPTY = {field.name: [] if pa.types.is_list(field.type) else None for field in PROFILE.schema} | {
    "redaction_count": 0,
    "is_scan_open": False,
    "ruleset_version": "1",
    "observation_count": 1,
    "read_post_count": 0,
    "observed_at": START,
    "landed_day": START.date(),
}


def profile(key, handle=None, *, seen=0, handles=(), **known):
    """A row; `key` is (platform, account_key), `seen` counts hours from the first one."""
    kind, _, value = key[1].partition(":")
    return EMPTY | {
        "platform": key[0],
        "account_key": key[1],
        "platform_id": value if kind == "id" else None,
        "handle": handle,
        "handles": [*handles, *([handle] if handle else [])],
        "first_seen_at": START + timedelta(hours=seen),
        **known,
    }


def decided_whole(people, previous, now):
    """What the rules say of everything at once: rows by account, and the assignment."""
    table = pa.Table.from_pylist(people, schema=PROFILE.schema)
    keys = [(row["platform"], row["account_key"]) for row in people]
    shown = {}
    for key, row in zip(keys, people, strict=True):
        for handle in row["handles"] if key[1].startswith("id:") else ():
            shown.setdefault((key[0], f"handle:{handle.lower()}"), set()).add(key)
    folds = {k: min(by) for k, by in shown.items() if len(by) == 1 and k not in set(keys)}
    fans = [bool(row["is_parody"]) or "fan account" in (row["bio"] or "") for row in people]
    joined = cluster(
        map(ShownAccount, keys, [row["handle"] for row in people], fans), targets(table)
    )
    reasons = {account: reason for members in joined for account, reason in members.items()}
    clusters = [*map(tuple, joined), *((key,) for key in keys if key not in reasons)]
    seen = {key: row["first_seen_at"] for key, row in zip(keys, people, strict=True)}
    ids = map("new-{}".format, itertools.count())
    done = assign(previous, clusters, first_seen=seen, folds=folds, mint=lambda: next(ids), now=now)
    cards = {**previous.cards} | {card.card_id: card for card in [*done.minted, *done.changed]}
    rows = {}
    for accounts, card_id in zip(clusters, done.card_ids, strict=True):
        for account in accounts:
            anchor = cards[card_id].anchor
            is_anchor = folds.get(anchor, anchor) == account
            reason = reasons.get(account, Reason(SELF, ""))
            basis, evidence = Reason(SELF, "") if is_anchor else reason
            rows[account] = (card_id, basis, evidence or None, cards[card_id].generation)
    aliases = previous.aliases | {
        old: previous.resolve(to)
        for old, to in [*previous.aliases.items(), *((a.card_id, a.survivor) for a in done.aliases)]
    }
    moved = {a.card_id: a.survivor for a in done.aliases}
    aliases = {old: moved.get(to, to) for old, to in aliases.items()}
    return rows, cards, aliases


class Home:
    """Profiles that are put as they are, and what is made of them."""

    def __init__(self, conn, root):
        self.conn, self.root, self.steps = conn, root, itertools.count(1)
        self.minted = map("card-{:05}".format, itertools.count())

    def put(self, people):
        with self.conn.transaction(), duck.opened() as engine:
            tables.lock(self.conn, PROFILE.name)
            engine.register("rows", pa.Table.from_pylist(people, schema=PROFILE.schema))
            before = tables.snapshot(self.conn, self.root, PROFILE.name)
            done = buckets.change(self.conn, self.root, PROFILE, engine, "rows", is_whole=True)
            if before is None or done.version != before.version:
                named.name(self.conn, PROFILE.name, done.version, inputs="test")

    def rebuild(self, now, **more):
        more = {"mint": lambda: next(self.minted)} | more
        return identities.rebuild(self.conn, self.root, actor="test", now=now, **more)

    def state(self):
        """Rows by account, and the cards and aliases of Postgres."""
        with self.conn.transaction():
            stored = tables.snapshot(self.conn, self.root, IDENTITY.name)
            rows = stored.to_table().to_pylist() if stored else []
            cards = self.conn.execute(
                "select card_id, anchor_platform, anchor_account_key, generation, parent_card_id, "
                "minted_at, retired_at from social.card"
            ).fetchall()
            aliases = self.conn.execute("select card_id, survivor_card_id from social.alias")
            return (
                {(row["platform"], row["account_key"]): row for row in rows},
                {row[0]: Card(row[0], (row[1], row[2]), *row[3:]) for row in cards},
                dict(aliases.fetchall()),
            )

    def targets(self):
        with self.conn.transaction():
            return tables.snapshot(self.conn, self.root, TARGET.name).to_table().to_pylist()


def check_step(home, people, now, *, is_killed=False):
    """Rebuild, and hold what is there against the rules over everything."""
    was, cards, aliases = home.state()
    previous = Previous({key: row["card_id"] for key, row in was.items()}, cards, aliases)
    expected_rows, expected_cards, expected_aliases = decided_whole(people, previous, now)
    home.put(people)
    if is_killed:
        with pytest.MonkeyPatch.context() as patch, contextlib.suppress(KeyboardInterrupt):
            patch.setattr(versions, "name", _die)
            home.rebuild(now)
        is_written = False
    else:
        home.rebuild(now)
        is_written = True
    rows, cards, aliases = home.state()
    assert len(cards) == len(expected_cards)
    minted = {card.anchor: i for i, card in cards.items() if i not in previous.cards}
    names = {i: i if i in previous.cards else minted[c.anchor] for i, c in expected_cards.items()}
    assert cards == {
        names[i]: Card(
            names[i],
            c.anchor,
            c.generation,
            c.parent and names[c.parent],
            c.minted_at,
            c.retired_at,
        )
        for i, c in expected_cards.items()
    }
    assert aliases == {names[old]: names[to] for old, to in expected_aliases.items()}
    if not is_written:
        assert rows == was
        return
    assert {
        key: (row["card_id"], row["basis"], row["evidence"], row["generation"])
        for key, row in rows.items()
    } == {key: (names[i], *rest) for key, (i, *rest) in expected_rows.items()}
    for row in people:
        stored = rows[row["platform"], row["account_key"]]
        for column in ("platform_id", "handle", "first_seen_at"):
            assert stored[column] == row[column]


def _die(*_, **__):
    raise KeyboardInterrupt


def check_whole_agrees(home, now):
    """The whole decided anew on the same home changes no row and mints nothing."""
    before, stated = home.state(), home.targets()
    [(events,)] = home.conn.execute(
        "select count(*) from audit.event where kind = 'card_ids.assigned'"
    ).fetchall()
    home.conn.commit()
    done = home.rebuild(now, is_whole=True, mint=lambda: pytest.fail("minted again"))
    assert home.state() == before
    assert home.targets() == stated
    [(after,)] = home.conn.execute(
        "select count(*) from audit.event where kind = 'card_ids.assigned'"
    ).fetchall()
    home.conn.commit()
    assert after == events
    cards = {row["card_id"] for row in before[0].values()}
    assert (done.account_count, done.card_count) == (len(before[0]), len(cards))


PLATFORMS = ("x", "tiktok", "threads")
NAMES = ("ana", "ben", "cat", "Straße", "ſam", "STAR")
KEYS = [
    (platform, key)
    for platform in PLATFORMS
    for key in (*(f"id:{n}" for n in range(5)), "handle:ana", "handle:ben", "handle:star")
]
LINKS = (
    [
        link.format(name)
        for name in ("ana", "ben", "cat", "sam", "star")
        for link in (
            "https://x.com/{}",
            "tiktok.com/@{}",
            "threads.net/@{}",
            "instagram.com/{}",
            "github.com/{}",
        )
    ]
    + ["https://instagram.com/shop"] * 10
    + ["https://x.com/star"] * 5
)
BIOS = [None, None, "hello", "fan account", "IG: ana.b", "insta @ana.b", "tiktok: @ben"]

PERSON = st.fixed_dictionaries(
    {
        "handle": st.sampled_from([None, *NAMES]),
        "handles": st.lists(st.sampled_from(NAMES), max_size=2),
        "links": st.lists(st.sampled_from(LINKS), max_size=2),
        "bio": st.sampled_from(BIOS),
        "is_parody": st.sampled_from([None, False, False, False, True]),
        "seen": st.integers(0, 9),
    }
)
CHANGES = st.dictionaries(st.sampled_from(KEYS), st.none() | PERSON, max_size=5)
FIRST = st.dictionaries(st.sampled_from(KEYS), PERSON, min_size=8, max_size=len(KEYS))
STEPS = st.lists(
    st.tuples(CHANGES, st.sampled_from([False] * 5 + [True]), st.booleans()),
    min_size=4,
    max_size=10,
)


@settings(
    max_examples=3,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(first=FIRST, steps=STEPS)
def test_each_step_decides_as_the_whole_would(server, tmp_path_factory, first, steps):
    database = databases.copy_of(server, databases.TEMPLATE)
    with pytest.MonkeyPatch.context() as patch, sql.connect(database.dsn("sxe_social")) as conn:
        patch.setattr(families, "SIZE", 3)
        home = Home(conn, tmp_path_factory.mktemp("tier1").as_uri())
        people = dict(first)
        for at, (changes, is_killed, is_checked) in enumerate([({}, False, True), *steps]):
            people |= changes
            people = {key: said for key, said in people.items() if said is not None}
            rows = [profile(key, **said) for key, said in sorted(people.items())]
            now = START + timedelta(days=30 + at)
            check_step(home, rows, now, is_killed=is_killed)
            if is_checked and not is_killed:
                check_whole_agrees(home, now + timedelta(hours=1))
    databases.drop(database)

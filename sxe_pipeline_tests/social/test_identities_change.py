"""Identities made of the difference are those of the whole: the same rows, cards and aliases."""

import contextlib
import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sxe_pipeline.errors import ContractBroken
from sxe_pipeline.ops import versions
from sxe_pipeline.privacy import suppression
from sxe_pipeline.schema import duck
from sxe_pipeline.schema.tables import IDENTITY, PROFILE, TARGET
from sxe_pipeline.social import components, identities, issued, reach, restored
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
    anchors = {card.anchor for card in previous.cards.values()}
    folded = {
        k: [previous.members[of] for of in by if of in previous.members]
        for k, by in shown.items()
        if k in set(keys) and k not in previous.members and k not in anchors
    }
    previous = replace(previous, folded=folded)
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
        self.conn, self.root = conn, root
        self.minted = map("card-{:05}".format, itertools.count())
        self.days = itertools.count(30)

    def put(self, people):
        with self.conn.transaction(), duck.opened() as engine:
            tables.lock(self.conn, PROFILE.name)
            engine.register("rows", pa.Table.from_pylist(people, schema=PROFILE.schema))
            before = tables.snapshot(self.conn, self.root, PROFILE.name)
            done = buckets.change(self.conn, self.root, PROFILE, engine, "rows", is_whole=True)
            if before is None or done.version != before.version:
                named.name(self.conn, PROFILE.name, done.version, inputs="test")

    def rebuild(self, **more):
        given = {"mint": lambda: next(self.minted), "now": self.now()} | more
        return identities.rebuild(self.conn, self.root, actor="test", **given)

    def now(self):
        return START + timedelta(days=next(self.days))

    def state(self):
        """Rows by account, and the cards and aliases of Postgres."""
        cards = self.ask(
            "select card_id, anchor_platform, anchor_account_key, generation, parent_card_id, "
            "minted_at, retired_at from social.card"
        )
        return (
            {(row["platform"], row["account_key"]): row for row in self.rows(IDENTITY)},
            {row[0]: Card(row[0], (row[1], row[2]), *row[3:]) for row in cards},
            dict(self.ask("select card_id, survivor_card_id from social.alias")),
        )

    def rows(self, table):
        with self.conn.transaction():
            stored = tables.snapshot(self.conn, self.root, table.name)
            return stored.to_table().to_pylist() if stored else []

    def files(self, table):
        with self.conn.transaction():
            return set(tables.snapshot(self.conn, self.root, table.name).files())

    def ask(self, statement):
        with self.conn.transaction():
            return self.conn.execute(statement).fetchall()

    def step(self, people, *, is_killed=False):
        """Rebuild, and hold what is there against the rules over everything."""
        was, cards, aliases = self.state()
        previous = Previous({key: row["card_id"] for key, row in was.items()}, cards, aliases)
        now = self.now()
        expected, all_cards, all_aliases = decided_whole(people, previous, now)
        self.put(people)
        with pytest.MonkeyPatch.context() as patch, contextlib.suppress(KeyboardInterrupt):
            if is_killed:
                patch.setattr(versions, "name", _die)
            self.rebuild(now=now)
        rows, cards, aliases = self.state()
        minted = {card.anchor: i for i, card in cards.items() if i not in previous.cards}
        ids = {i: i if i in previous.cards else minted[c.anchor] for i, c in all_cards.items()}
        assert cards == {
            ids[i]: replace(card, card_id=ids[i], parent=card.parent and ids[card.parent])
            for i, card in all_cards.items()
        }
        assert aliases == {ids[old]: ids[to] for old, to in all_aliases.items()}
        if is_killed:
            assert rows == was
            return rows
        said = ("card_id", "basis", "evidence", "generation")
        assert {key: tuple(row[name] for name in said) for key, row in rows.items()} == {
            key: (ids[i], *rest) for key, (i, *rest) in expected.items()
        }
        for row in people:
            stored = rows[row["platform"], row["account_key"]]
            for column in ("platform_id", "handle", "first_seen_at"):
                assert stored[column] == row[column]
        return rows

    def check_whole(self):
        """The whole decided anew on the same home changes no row and mints nothing."""
        before, stated = self.state(), self.rows(TARGET)
        files = self.files(IDENTITY) | self.files(TARGET)
        assigned = self.ask("select count(*) from audit.event where kind = 'card_ids.assigned'")
        done = self.rebuild(is_whole=True, mint=lambda: pytest.fail("minted again"))
        assert self.state() == before
        assert self.rows(TARGET) == stated
        assert self.files(IDENTITY) | self.files(TARGET) == files
        assert assigned == self.ask(
            "select count(*) from audit.event where kind = 'card_ids.assigned'"
        )
        cards = {row["card_id"] for row in before[0].values()}
        assert (done.account_count, done.card_count) == (len(before[0]), len(cards))


def _die(*_, **__):
    raise KeyboardInterrupt


@pytest.fixture
def home(database, tmp_path):
    with sql.connect(database.dsn("sxe_social")) as conn:
        yield Home(conn, (tmp_path / "tier1").as_uri())


GROUPS = "abc"
KEYS = {
    (platform, key.format(group)): group
    for group in GROUPS
    for platform, key in (
        *(("x", "id:{}1"), ("x", "id:{}2"), ("x", "handle:ana{}")),
        *(("tiktok", "id:{}1"), ("tiktok", "id:{}2")),
        *(("threads", "id:{}1"), ("threads", "handle:ben{}")),
    )
}
NETWORKS = ("x.com/{}", "tiktok.com/@{}", "threads.net/@{}", "instagram.com/{}", "github.com/{}")
FOR_ALL = ("instagram.com/shop", "instagram.com/shop", "x.com/star")


def person(group):
    """Somebody who names others of the group by handles which SQL and Python fold differently."""
    names = [f"ana{group}", f"BEN{group}", f"ſam{group}"]
    near = [n.format(name.casefold()) for n in NETWORKS for name in names]
    far = [NETWORKS[0].format("anaa"), NETWORKS[3].format("bena"), *FOR_ALL]
    return st.fixed_dictionaries(
        {
            "handle": st.sampled_from([None, "star", *names, *names]),
            "handles": st.lists(st.sampled_from(names), max_size=2),
            "links": st.lists(st.sampled_from([*near, *far]), max_size=2),
            "bio": st.sampled_from([None, None, "hi", "fan account", f"IG: ana{group}"]),
            "is_parody": st.sampled_from([None, False, None, True]),
            "seen": st.integers(0, 9),
        }
    )


SAID = st.sampled_from(sorted(KEYS)).flatmap(
    lambda key: st.tuples(st.just(key), st.none() | person(KEYS[key]))
)
STEP = st.tuples(st.lists(SAID, max_size=3), st.integers(0, 9))


@settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    first=st.fixed_dictionaries({key: st.none() | person(KEYS[key]) for key in sorted(KEYS)}),
    steps=st.lists(STEP, min_size=2, max_size=4),
)
def test_each_step_decides_as_the_whole_would(server, tmp_path_factory, first, steps):
    database = databases.copy_of(server, databases.TEMPLATE)
    with pytest.MonkeyPatch.context() as patch, sql.connect(database.dsn("sxe_social")) as conn:
        patch.setattr(components, "SIZE", 5)
        home = Home(conn, tmp_path_factory.mktemp("tier1").as_uri())
        people = dict(first)
        for changes, luck in [([], 0), *steps]:
            people |= dict(changes)
            rows = [profile(key, **said) for key, said in people.items() if said is not None]
            home.step(rows, is_killed=luck == 9)
            if luck % 3 == 0 and luck < 9:
                home.check_whole()
    databases.drop(database)


X, TIKTOK, THREADS = ("x", "id:1"), ("tiktok", "id:1"), ("threads", "id:1")
SHOP = {"links": ["instagram.com/shop"]}


def test_a_target_that_becomes_a_crowds_parts_whom_it_joined_until_it_is_none_any_more(home):
    pair = [profile(X, "ana", **SHOP), profile(TIKTOK, "ana", **SHOP)]
    others = [profile(("threads", f"id:{n}"), f"t{n}", **SHOP) for n in range(4)]

    def cards(people):
        return len({row["card_id"] for row in home.step(people).values()})

    assert cards(pair) == 1
    assert cards(pair + others) == 6
    assert cards(pair) == 1
    home.check_whole()


def test_a_handle_that_another_account_shows_too_joins_nobody_until_that_one_is_gone(home):
    pair = [profile(X, "ana", links=["tiktok.com/@sam"]), profile(TIKTOK, "ſam")]
    twin = profile(("tiktok", "id:2"), "SAM")

    for people in (pair, [*pair, twin], [*pair, {**twin, "bio": "fan account"}], [*pair, twin]):
        home.step(people)

    home.check_whole()
    assert len({row["card_id"] for row in home.step(pair).values()}) == 1


def test_an_answer_counts_as_long_as_one_account_of_threads_shows_that_handle(home, monkeypatch):
    monkeypatch.setattr(components, "SIZE", 1)
    ana = profile(X, "ana", links=["instagram.com/ana.ig"])
    threads = profile(THREADS, "ana.ig", links=["x.com/ana", "x.com/ben"])
    people = [ana, threads, profile(("x", "id:2"), "ben")]
    answered = home.step(people)
    assert answered[X]["card_id"] == answered[THREADS]["card_id"], "ben did not answer"

    home.step([*people, profile(("threads", "id:2"), "ana.ig")])
    home.check_whole()
    rows = home.step([{**ana, "links": []}, *people[1:]])
    assert len({row["card_id"] for row in rows.values()}) == 3


def test_a_fold_that_a_third_account_undoes_moves_the_anchor_of_a_card_that_did_not_change(home):
    folded = ("x", "handle:ana")
    home.step([profile(folded, "ana")])
    ana = profile(X, "ana")
    assert home.step([ana])[X]["card_id"] == "card-00000"

    home.step([ana, profile(("x", "id:2"), "new", handles=["Ana"])])

    assert home.state()[1]["card-00000"].anchor == X
    home.step([profile(folded, "ana")])
    home.check_whole()


def test_a_change_reaches_along_a_chain_however_long(home):
    chain = [
        profile((("x", "tiktok")[n % 2], f"id:{n}"), f"h{n}")
        | {"links": [f"{('tiktok.com/@', 'x.com/')[n % 2]}h{n + 1}"]}
        for n in range(40)
    ]
    home.step(chain)

    home.step([*chain[:-2], chain[-1]])

    home.check_whole()


def test_a_day_that_touches_few_reads_and_writes_few(home, monkeypatch):
    monkeypatch.setattr(buckets, "ROWS", 4)
    people = [profile(("x", f"id:{n}"), f"h{n}", links=["github.com/me"]) for n in range(60)]
    people += [profile(("tiktok", "id:1"), "tt"), profile(("x", "id:99"), links=["tiktok.com/@tt"])]
    home.step(people)
    before = home.files(IDENTITY), home.files(TARGET)
    read, decided = [], []
    targets, decide = reach.targets, components.decide
    monkeypatch.setattr(reach, "targets", lambda rows: read.append(len(rows)) or targets(rows))
    monkeypatch.setattr(
        components, "decide", lambda given, **m: decided.append(given) or decide(given, **m)
    )

    people[-1] = {**people[-1], "links": []}
    people[3] = {**people[3], "follower_count": 5}
    people[4] = {**people[4], "handle": "new"}
    home.step(people)

    assert read == [2], "the two that say something else about themselves"
    accounts = {one.key for given in decided for one in given.accounts}
    assert accounts == {("x", "id:99"), ("tiktok", "id:1")}, "who is alone is kept"
    assert len(home.files(IDENTITY) - before[0]) <= 3
    assert len(home.files(TARGET) - before[1]) == 1


def test_profiles_that_say_the_same_write_nothing_and_are_named_as_read(home):
    ana = profile(X, "ana")
    home.step([ana])
    version = home.ask("select version from ops.version where table_name = 'social/identities'")

    home.step([{**ana, "follower_count": 7}])

    assert version == home.ask(
        "select version from ops.version where table_name = 'social/identities'"
    )
    assert not home.rebuild().is_new


def test_an_id_of_a_card_that_was_not_read_is_not_used_again(home):
    home.step([profile(X, "ana")])
    home.put([profile(X, "ana"), profile(TIKTOK, "ben")])
    with pytest.raises(ContractBroken, match="random source"):
        home.rebuild(mint=lambda: "card-00000")
    home.conn.rollback()

    ids = iter(["card-00000", "other"])
    home.rebuild(mint=lambda: next(ids))

    assert home.state()[0][TIKTOK]["card_id"] == "other"


def test_cards_that_a_restore_brought_back_are_found_though_nobody_changed(home):
    pair = [profile(X, "ana", seen=1, links=["tiktok.com/@ben"]), profile(TIKTOK, "ben")]
    [kept] = {row["card_id"] for row in home.step(pair).values()}
    held = [restored.Held("from before", X)]
    assert restored.bring_back(home.conn, held, actor="test", now=home.now()) == 1

    home.step([{**pair[0], "follower_count": 7}, pair[1]])

    assert home.state()[2] == {"from before": kept}
    assert issued.known(home.conn, ["from before", "nobody's"]) == {"from before"}


def suppress(home, card_id):
    databases.as_owner(
        home.conn,
        "insert into privacy.suppression (card_id, reason, added_by, event_id) "
        "values (%s, 'asked', 'test', gen_random_uuid())",
        [card_id],
    )


def are_suppressed(home, rows):
    """Of each account, whether its card is."""
    with home.conn.transaction():
        cards = suppression.suppressed(home.conn)
    return {key: row["card_id"] in cards for key, row in rows.items()}


def test_an_account_that_goes_from_a_suppressed_card_to_one_that_is_there_takes_the_no_along(home):
    ana, ben = profile(X, "ana", links=["tiktok.com/@tt"]), profile(("x", "id:2"), "ben")
    shared, cid = profile(TIKTOK, "tt", seen=1), profile(THREADS, "cid")
    rows = home.step([ana, ben, shared, cid])
    suppress(home, rows[X]["card_id"])

    rows = home.step([{**ana, "links": []}, {**ben, "links": ["tiktok.com/@tt"]}, shared, cid])

    assert rows[TIKTOK]["card_id"] == rows["x", "id:2"]["card_id"] != rows[X]["card_id"]
    assert are_suppressed(home, rows) == {
        X: True,
        TIKTOK: True,
        ("x", "id:2"): True,
        THREADS: False,
    }
    home.check_whole()


def test_of_two_cards_that_somebody_new_is_made_of_one_no_is_enough(home):
    ana, ben = profile(X, "ana", links=["tiktok.com/@tt"]), profile(("x", "id:2"), "ben", seen=2)
    shared, third = profile(TIKTOK, "tt", seen=5), profile(THREADS, "cid", seen=5)
    home.step([ana, shared])
    rows = home.step([ana, shared, {**ben, "links": ["threads.net/@cid"]}, third])
    suppress(home, rows[THREADS]["card_id"])

    both = [shared, {**third, "links": ["tiktok.com/@tt"]}]
    rows = home.step([{**ana, "links": []}, ben, *both])

    assert rows[TIKTOK]["card_id"] == rows[THREADS]["card_id"]
    [parent] = home.ask(
        f"select parent_card_id from social.card where card_id = '{rows[TIKTOK]['card_id']}'"
    )
    assert parent == (rows[X]["card_id"],), "the earliest-minted is the parent"
    assert are_suppressed(home, rows) == {
        X: False,
        ("x", "id:2"): True,
        TIKTOK: True,
        THREADS: True,
    }


def test_what_was_folded_into_a_suppressed_person_is_suppressed_when_another_shows_the_handle(home):
    folded, ana = profile(("x", "handle:ana"), "ana"), profile(X, "ana")
    card = home.step([ana])[X]["card_id"]
    suppress(home, card)
    another = profile(("x", "id:2"), "Ana", seen=3)

    rows = home.step([ana, another, folded])

    assert rows["x", "handle:ana"]["basis"] == "self"
    assert home.state()[1][rows["x", "handle:ana"]["card_id"]].parent == card
    assert are_suppressed(home, rows) == {X: True, ("x", "handle:ana"): True, ("x", "id:2"): False}
    home.check_whole()


def test_a_killed_run_whose_reason_is_gone_is_mended_all_the_same(home):
    apart = [profile(X, "ana"), profile(TIKTOK, "ben")]
    home.step(apart)
    home.step([profile(X, "ana", links=["tiktok.com/@ben"]), apart[1]], is_killed=True)

    rows = home.step(apart)

    assert len({row["card_id"] for row in rows.values()}) == 2
    home.check_whole()

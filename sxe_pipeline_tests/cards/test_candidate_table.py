"""Pools and candidates of stored cards: what is counted, withdrawn, and said in their events."""

import random
from datetime import UTC, datetime

import pytest

from sxe_pipeline import settings as environment
from sxe_pipeline.cards import candidate_table, candidates, inputs, pool_table
from sxe_pipeline.ops import versions
from sxe_pipeline.schema.tables import IDENTITY, PROFILE
from sxe_pipeline.store import sql, tables
from sxe_pipeline_tests import named
from sxe_pipeline_tests.cards import conftest
from sxe_pipeline_tests.databases import as_owner

BAKER = {"bio": "Baker of bread in Austin. I love sourdough and baking", "location": "Austin, TX"}
BAKERS = [
    {**BAKER, "card_id": f"card_{n}", "display_name": f"Ana{'abc'[n]} Silva"} for n in range(3)
]


class Store:
    """The tables that pools and candidates are made from."""

    def __init__(self, conn, settings, make):
        self.conn, self.settings, self._make = conn, settings, make

    def write(self, *people):
        built = self._make(*people)
        profiles, identities = conftest.tables(*people)
        for name, rows in (
            (PROFILE.name, profiles),
            (IDENTITY.name, identities),
            (inputs.CARDS, built.cards),
            (inputs.OTHER_IDENTITIES, built.others),
        ):
            with self.conn.transaction():
                tables.lock(self.conn, name)
                written = tables.write(
                    self.conn, self.settings.tier1_url, name, rows.to_reader(), days=None
                )
                named.name(self.conn, name, written, inputs=str(written))

    def rebuild(self, table):
        return table.rebuild(self.conn, self.settings, actor="test", now=datetime.now(UTC))


@pytest.fixture
def store(database, tmp_path, make):
    dsn = database.dsn("sxe_social")
    given = environment.load({"SXE_HOME": str(tmp_path), "SXE_SOCIAL_DATABASE_URL": dsn})
    with sql.connect(dsn) as conn:
        yield Store(conn, given, make)


def test_candidates_of_stored_cards_come_and_go(store, database):
    store.write(*BAKERS)
    first = store.rebuild(candidate_table)
    assert first.numbers() == {"candidates": 3, "withdrawn": 0}
    assert first.with_inputs == dict.fromkeys(
        ("city", "country", "first_name", "last_name", "region"), 3
    )
    assert not store.rebuild(candidate_table).is_new

    store.write(*BAKERS[1:], {**BAKER, "card_id": "card_9", "display_name": "Ben"})
    second = store.rebuild(candidate_table)

    assert second.numbers() == {"candidates": 3, "withdrawn": 1}
    assert second.with_inputs["first_name"] == 2
    with sql.connect(database.dsn("postgres")) as owner:
        [(said,)] = owner.execute(
            "select convert_from(payload, 'UTF8')::jsonb->'data' from audit.event "
            "where kind = 'candidates.written' order by recorded_at desc limit 1"
        ).fetchall()
    assert (said["candidates"], said["withdrawn"]) == (3, 1)


def held(database):
    with sql.connect(database.dsn("postgres")) as owner:
        rows = owner.execute(
            "select card_id, market, audience_pool, platforms, inputs, inputs_tick, xmin::text "
            "from gate.candidate where withdrawn_at is null order by card_id"
        )
        return rows.fetchall()


def anybody(rng, card_id):
    return {
        **BAKER,
        "card_id": card_id,
        "display_name": rng.choice(("Ana Silva", "Ben Okri", "ben")),
        "location": rng.choice(("Austin, TX", "Lyon", None)),
        "bio": rng.choice((BAKER["bio"], "one peace in town")),
        "links": rng.choice(([], ["https://silva.example"], ["https://linkedin.com/in/silva"])),
        "follower_count": rng.choice((5, 50_000)),
    }


@pytest.mark.parametrize("seed", range(3))
def test_what_may_be_another_candidate_is_looked_at_and_nobody_else(
    store, database, monkeypatch, seed
):
    rng, looked_at = random.Random(seed), []
    real = candidates.candidates
    monkeypatch.setattr(
        candidates, "candidates", lambda *a, **k: looked_at.append(k["only"]) or real(*a, **k)
    )
    people = {
        (n, platform): anybody(rng, f"card_{n}") | {"platform": platform, "account_key": f"id:{n}"}
        for n in range(6)
        for platform in ("x", "tiktok")[: 1 + n % 2]
    }
    store.write(*people.values())
    store.rebuild(candidate_table)
    for _ in range(4):
        key = rng.choice(list(people))
        people[key] |= anybody(rng, people[key]["card_id"])
        store.write(*people.values())
        store.rebuild(candidate_table)
        assert looked_at[-1] <= {people[key]["card_id"]}
        changed = held(database)
        with monkeypatch.context() as patch:
            patch.setattr(versions, "basis", lambda *args: None)
            patch.setattr(versions, "is_current", lambda *args: False)
            store.rebuild(candidate_table)
        assert looked_at[-1] is None
        assert held(database) == changed
    assert looked_at[0] is None


@pytest.mark.parametrize(
    "edit",
    [{"links": ["https://linkedin.com/in/other"]}, {"follower_count": 3}, {"card_id": "card_1"}],
    ids=["link", "followers", "card"],
)
def test_what_an_account_says_that_its_card_does_not_show_is_looked_at(store, database, edit):
    people = [
        {**BAKER, "card_id": "card_0", "account_key": f"id:{n}", "follower_count": 100 // (n + 1)}
        | {"links": [f"https://linkedin.com/in/silva{n}"] if n else [], "is_private": n == 1}
        for n in range(3)
    ]
    store.write(*people)
    store.rebuild(candidate_table)
    [(*_, before, _, _)] = held(database)

    people[1] |= edit
    store.write(*people)
    store.rebuild(candidate_table)

    now = held(database)[0][4]
    assert before["linkedin_url"].endswith("/silva1")
    assert now["linkedin_url"].endswith("/other" if "links" in edit else "/silva2")


def test_who_was_suppressed_since_the_cards_were_built_is_no_candidate(store):
    store.write(*BAKERS)
    store.rebuild(candidate_table)
    as_owner(
        store.conn,
        "insert into privacy.suppression (card_id, reason, added_by, event_id) "
        "values ('card_1', 'asked', 'ana', gen_random_uuid())",
    )

    assert store.rebuild(candidate_table).numbers() == {"candidates": 2, "withdrawn": 1}


def test_pools_of_stored_cards_are_written_once(store):
    store.write(*BAKERS, {**BAKER, "card_id": "card_9", "bio": "one peace in town"})

    first = store.rebuild(pool_table)

    assert (first.card_count, first.pool_count) == (3, len(first.largest))
    assert sum(row["card_count"] for row in first.largest) == 3
    again = store.rebuild(pool_table)
    assert (again.is_new, again.numbers()) == (False, first.numbers())


def test_a_store_without_cards_has_no_pools(store):
    store.write({**BAKER, "bio": "one peace in town"})

    assert store.rebuild(pool_table).numbers() == {"pools": 0, "cards": 0, "audience": 0}
    assert store.rebuild(candidate_table).numbers() == {"candidates": 0, "withdrawn": 0}

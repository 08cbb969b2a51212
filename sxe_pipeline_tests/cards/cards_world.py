"""A home of a few accounts whose cards are rebuilt: what tests change, and what must come of it."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sxe_pipeline import contracts_root
from sxe_pipeline import settings as environment
from sxe_pipeline.cards import build, in_force, inputs, taxonomy, tier1
from sxe_pipeline.cards.markets import market
from sxe_pipeline.ops import versions
from sxe_pipeline.schema import duck
from sxe_pipeline.schema.table import Table
from sxe_pipeline.schema.tables import IDENTITY, PROFILE
from sxe_pipeline.store import buckets, sql, tables
from sxe_pipeline.store.snapshot import Snapshot
from sxe_pipeline_tests import named
from sxe_pipeline_tests.cards.conftest import NEWEST, SEEN
from sxe_pipeline_tests.cards.conftest import tables as tables_of
from sxe_pipeline_tests.databases import as_owner

LEADS, OTHERS = inputs.CARDS, inputs.OTHER_IDENTITIES
NOW = datetime(2026, 6, 3, tzinfo=UTC)


def settings_of(dsn: str, home: Path):
    return environment.load(
        {"SXE_HOME": str(home), "SXE_SETTLE_S": "0", "SXE_SOCIAL_DATABASE_URL": dsn}
    )


class World:
    """Accounts by their key, as `conftest.tables` takes them, on a database of their own."""

    def __init__(self, database, home: Path) -> None:
        self.dsn, self.home = database.dsn("sxe_social"), home
        self.settings = settings_of(self.dsn, home)
        self.conn = sql.connect(self.dsn)
        self.accounts: dict[str, dict] = {}
        self.day = NEWEST
        self.land(0)

    def __enter__(self) -> "World":
        return self

    def __exit__(self, *failure: object) -> None:
        self.conn.close()

    def land(self, days: int) -> None:
        """Another landed day."""
        self.day += timedelta(days=days)
        as_owner(
            self.conn,
            "insert into social.day_count (landed_day, input_count, observation_count, "
            "quarantine_count, files_digest, ruleset_version) values (%s, 0, 0, 0, 'f', 'r') "
            "on conflict do nothing",
            [self.day],
        )

    def say(self, key: str, **said) -> None:
        """Something new of an account; a new one has a card of its own."""
        new = {"account_key": key, "card_id": f"card_{key}", "observed_at": SEEN}
        self.accounts[key] = self.accounts.get(key, new) | said

    def hear(self, key: str, said: dict) -> None:
        self.say(key, **said)

    def join(self, key: str, card_id: str) -> None:
        self.say(key, card_id=card_id)

    def leave(self, key: str) -> None:
        self.accounts.pop(key, None)

    def declare(self, collection: str, tribes: list[str], its_market: str | None) -> None:
        as_owner(
            self.conn,
            "insert into ingest.collection (collection, tribes, market) values (%s, %s, %s) "
            "on conflict (collection) do update set tribes = excluded.tribes, "
            "market = excluded.market",
            [collection, tribes, its_market],
        )

    def suppress(self, card_id: str, is_off: bool = False) -> None:
        as_owner(self.conn, "delete from privacy.suppression where card_id = %s", [card_id])
        if not is_off:
            as_owner(
                self.conn,
                "insert into privacy.suppression (card_id, reason, added_by, event_id) "
                "values (%s, 'asked', 'test', gen_random_uuid())",
                [card_id],
            )

    def store(self, first_is_lost_in: Table | None = None) -> None:
        """Name profiles and identities as they are now."""
        both = tables_of(*(self.accounts[key] for key in sorted(self.accounts)))
        with self.conn.transaction(), duck.opened() as engine:
            for table, rows in zip((PROFILE, IDENTITY), both, strict=True):
                tables.lock(self.conn, table.name)
                engine.register("given", rows.slice(int(table is first_is_lost_in)))
                done = buckets.change(
                    self.conn, self.settings.tier1_url, table, engine, "given", is_whole=True
                )
                said = versions.named(self.conn, table.name)
                if said is None or said.version != done.version:
                    named.name(self.conn, table.name, done.version, inputs=str(done.version))

    def rebuild(self, *, is_whole: bool = False) -> tier1.CardsWritten:
        return tier1.rebuild_cards(
            self.conn, self.settings, actor="test", now=NOW, is_whole=is_whole
        )

    def stored(self, name: str) -> Snapshot:
        with self.conn.transaction():
            return tables.snapshot(self.conn, self.settings.tier1_url, name)

    def rows(self, name: str) -> list[dict]:
        return self.stored(name).to_table().sort_by("card_id").to_pylist()

    def files(self, name: str) -> set[str]:
        return {part.path for part in self.stored(name).parts}

    def expected(self) -> build.Built:
        """What the whole, pure build makes of the same."""
        labels = taxonomy.load(tier1.contracts_root() / "taxonomy")
        with self.conn.transaction():
            return tier1.built_with(self.conn, self.settings, labels)

    def check(self) -> None:
        """Hold what is stored to what the whole build makes."""
        built = self.expected()
        assert self.rows(LEADS) == built.cards.to_pylist()
        assert self.rows(OTHERS) == built.others.to_pylist()
        with self.conn.transaction():
            assert market.funnel(self.conn) == built.funnel
            said = [versions.named(self.conn, name) for name in (LEADS, OTHERS)]
        limit = self.day - timedelta(days=730)
        fresh = [row["observed_at"].date() for row in built.cards.to_pylist()]
        stale_on = [seen + timedelta(days=731) for seen in fresh if seen >= limit]
        assert {each.due_on for each in said} == {min(stale_on, default=None)}
        assert [each.numbers["rows"] for each in said] == [
            built.cards.num_rows,
            built.others.num_rows,
        ]


def by_rules(monkeypatch, folder: Path | None = None) -> None:
    """Label by rules alone, and by another copy of the contracts."""
    monkeypatch.setattr(tier1, "shipped_weights", lambda labels: None)
    if folder is not None:
        for module in (in_force, inputs, tier1):
            monkeypatch.setattr(module, "contracts_root", lambda: folder)


def edited_contracts(folder: Path) -> Path:
    """Contracts under which fewer accounts have a persona."""
    edited = Path(shutil.copytree(contracts_root(), folder))
    file = edited / "taxonomy" / "taxonomy.yaml"
    text = file.read_text()
    assert text.count("persona: 0.6,") == 1
    file.write_text(text.replace("persona: 0.6,", "persona: 0.95,"))
    return edited

"""A lost Tier 1 is built again from landing by one verb, and every card keeps its id."""

import json
import shutil
from datetime import UTC, datetime, timedelta

import pytest

from sxe_pipeline import audit, settings
from sxe_pipeline.errors import Busy, NotFound, Refused
from sxe_pipeline.ingest import register
from sxe_pipeline.local import attach
from sxe_pipeline.ops import versions
from sxe_pipeline.social import identities, observe, profiles, recover
from sxe_pipeline.store import sql, tables
from sxe_pipeline.store.objects import Objects
from sxe_pipeline_tests import databases
from sxe_pipeline_tests.cli.terminal import typed
from sxe_pipeline_tests.databases import as_owner
from sxe_pipeline_tests.social import registered

NOW = datetime.now(UTC)
FIRST, LATER, LAST = (NOW.date() - timedelta(days=n) for n in (6, 3, 2))
MAPPING = """\
platform: {platform}
shapes:
  - name: mine
    match: {{has: [ident, hand]}}
    columns: {{platform_id: ident, handle: hand, bio: about, links: [link]}}
"""

SHOP = "all things at my shop insta @the.shop"
"""A target that two accounts name joins them, one that seven name joins nobody."""

LANDED = {
    FIRST: {
        "x": [
            (1, "ana", "Photographer from Lyon. I love hiking", "https://tiktok.com/@ana_t"),
            (2, "ben", SHOP, ""),
            (3, "cho", "Ceramics teacher. I love pottery", ""),
            (4, "dee", "Baker from Porto. I love bread", "https://tiktok.com/@dee_t"),
        ],
        "threads": [(52, "ben_th", SHOP, "")],
    },
    LATER: {
        "tiktok": [(71, "ana_t", "hiking every day", ""), (74, "dee_t", "bread", "")],
        "x": [(10 + n, f"fan{n}", SHOP, "") for n in range(5)],
    },
    LAST: {"x": [(3, "cho_new", "Ceramics teacher. I love pottery", "https://tiktok.com/@ana_t")]},
}


def land(folder, day, platform, rows):
    home = folder / "landing" / platform
    (home / day.isoformat()).mkdir(parents=True, exist_ok=True)
    (home / "_mapping.yaml").write_text(MAPPING.format(platform=platform))
    lines = ["ident,hand,about,link", *(f'{i},{h},"{a}",{link}' for i, h, a, link in rows)]
    (home / day.isoformat() / "rows.csv").write_text("\n".join(lines))


class Tier:
    """The social tier of a folder, built as the days come in."""

    def __init__(self, conn, folder):
        self.conn, self.folder = conn, folder
        self.given = settings.load({"SXE_HOME": str(folder)})
        self.root = self.given.tier1_url
        self.minted = 0

    @property
    def landing(self):
        return Objects(self.given.landing_url)

    def land(self, day):
        for platform, rows in LANDED[day].items():
            land(self.folder, day, platform, rows)
        register.register_all(self.conn, self.landing, actor="test")

    def pending(self):
        return registered.pending(self.conn)

    def observe(self, *days):
        registered.take_in(self.conn, self.given, days, datetime.now(UTC))

    def mint(self):
        self.minted += 1
        return f"{self.minted:032x}"

    def tables(self):
        now = datetime.now(UTC)
        profiles.rebuild(self.conn, self.root, actor="test", now=now)
        identities.rebuild(self.conn, self.root, mint=self.mint, actor="test", now=now)
        return self.ids()

    def rows(self, name):
        with self.conn.transaction():
            return tables.snapshot(self.conn, self.root, name).to_table().to_pylist()

    def ids(self):
        rows = self.rows(identities.TABLE)
        return {(r["platform"], r["account_key"]): r["card_id"] for r in rows}

    def lose(self, *names):
        for name in names or ("social",):
            shutil.rmtree(self.folder / "tier1" / name)

    def examine(self):
        return recover.examine(self.conn, self.root, self.landing)

    def forget(self, **more):
        return recover.forget(self.conn, self.root, self.landing, actor="test", **more)

    def ask(self, statement):
        with self.conn.transaction():
            return self.conn.execute(statement).fetchall()


@pytest.fixture(scope="module")
def built(server, tmp_path_factory):
    """(database, folder, cards minted) of three days that were built: what each test copies."""
    database = databases.copy_of(server, databases.TEMPLATE)
    with sql.connect(database.dsn("sxe_social")) as conn:
        made = Tier(conn, tmp_path_factory.mktemp("built"))
        for day in LANDED:
            made.land(day)
            made.observe()
            made.tables()
    yield database, made.folder, made.minted
    databases.drop(database)


@pytest.fixture
def tier(built, tmp_path):
    template, folder, minted = built
    database = databases.copy_of(template.state, template.name)
    shutil.copytree(folder, tmp_path / "tier")
    with sql.connect(database.dsn("sxe_social")) as conn:
        made = Tier(conn, tmp_path / "tier")
        made.minted = minted
        yield made
    databases.drop(database)


def cards(tier):
    return tier.ask("select card_id, anchor_account_key, generation, retired_at from social.card")


def test_every_card_keeps_its_id_through_joins_splits_and_new_handles(tier):
    before, held = tier.ids(), sorted(cards(tier))
    minted = tier.minted
    assert before["x", "id:4"] == before["tiktok", "id:74"], "joined on the second day"
    assert before["x", "id:1"] != before["tiktok", "id:71"], "parted on the third"
    assert before["x", "id:2"] != before["threads", "id:52"], "split on the second day"
    tier.lose()

    loss = tier.forget()
    tier.observe()
    after = tier.tables()

    assert loss.tables == [
        *("social/observations", "social/quarantine", "social/sightings", "social/post_sightings"),
        *("social/profiles", "social/post_terms", "social/identities", "social/targets"),
    ]
    assert (loss.days, loss.lost_days) == ([FIRST, LATER, LAST], [])
    assert after == before
    assert sorted(cards(tier)) == held
    assert tier.minted == minted
    assert tier.ask("select count(*) from social.alias") == [(0,)]


def test_half_a_store_joins_nobody_whatever_is_started_meanwhile(tier):
    before = tier.ids()
    tier.lose()
    tier.forget()

    tier.observe(FIRST)
    with pytest.raises(Busy, match="2 landed days"):
        tier.tables()
    tier.observe(LAST)
    with pytest.raises(Busy, match="1 landed days"):
        tier.tables()
    tier.observe(LATER)

    assert tier.tables() == before


def test_a_recovery_that_was_killed_goes_on_where_it_was(tier):
    before = tier.ids()
    tier.lose()
    tier.forget()
    tier.observe(LATER)

    again = tier.forget()

    assert (again.tables, again.days) == ([], [FIRST, LAST])
    tier.observe()
    assert tier.tables() == before
    with pytest.raises(Refused):
        tier.forget()


def test_a_store_that_holds_everything_is_not_forgotten(tier):
    before = tier.ask("select * from ops.version order by table_name, version")

    assert not tier.examine().is_any
    with pytest.raises(Refused, match="holds every version"):
        tier.forget()

    assert tier.ask("select * from ops.version order by table_name, version") == before


def test_one_missing_file_of_a_table_is_a_lost_table(tier):
    before = tier.ids()
    stored = sorted((tier.folder / "tier1" / "social" / "profiles").rglob("*.parquet"))
    stored[-1].unlink()
    for file in stored[:-1]:
        file.unlink()

    loss = tier.forget()

    assert (loss.tables, loss.days) == (["social/profiles"], [])
    assert tier.tables() == before


_CHOSEN = {"social/observations": min}
"""The newest day is delivered again: what it was before is not what is lost."""


def flip(folder, name):
    """Another bit in a file of the named version."""
    files = (folder / "tier1" / name).rglob("*.parquet")
    file = _CHOSEN.get(name, max)(files, key=lambda each: each.stat().st_mtime_ns)
    held = bytearray(file.read_bytes())
    held[len(held) // 3] ^= 4
    file.write_bytes(held)


def tear(folder, name):
    """The last entry of the log without a byte, as a power cut leaves it."""
    log = max((folder / "tier1" / name / "_delta_log").glob("*.json"))
    log.write_bytes(b"")


@pytest.mark.parametrize("damage", [flip, tear])
@pytest.mark.parametrize(
    "name",
    ["observations", "sightings", "profiles", "identities", "targets"],
)
def test_a_table_that_the_disk_changed_is_told_and_built_again_under_the_same_ids(
    tier, name, damage
):
    before, held = tier.ids(), sorted(cards(tier))
    damage(tier.folder, f"social/{name}")
    land(tier.folder, LAST, "threads", [(60, "new", "hi", ""), (2, "ben_x", "hi", "")])
    register.register_all(tier.conn, tier.landing, actor="test")

    with pytest.raises(NotFound, match=rf"social/{name} .*`sxe recover`"):
        tier.observe()
        tier.tables()
        tier.rows(f"social/{name}")
    tier.conn.rollback()
    assert tier.forget().tables == [f"social/{name}"]
    tier.observe()
    after = tier.tables()

    assert {key: after[key] for key in before} == before
    assert [card for card in sorted(cards(tier)) if card in held] == held
    assert (len(after), len(cards(tier))) == (len(before) + 2, len(held) + 2)
    assert not tier.examine().is_any


def test_a_lost_table_alone_costs_no_id_and_no_day(tier):
    before = tier.ids()
    tier.lose("social/identities")

    assert tier.forget().tables == ["social/identities"]
    assert tier.pending() == []
    assert tier.tables() == before


def test_days_whose_landing_is_gone_are_told_and_lost_only_when_that_is_accepted(tier):
    before = tier.ids()
    tier.conn.commit()
    as_owner(
        tier.conn,
        "update ingest.landing_file set expired_at = clock_timestamp() where landed_day = %s",
        [FIRST],
    )
    shutil.rmtree(tier.folder / "landing" / "x" / LAST.isoformat())
    tier.lose()

    loss = tier.examine()
    assert (loss.days, loss.lost_days, loss.missing_files) == ([LATER], [FIRST, LAST], 1)
    with pytest.raises(Refused, match=f"2 landed days from {FIRST} to {LAST}"):
        tier.forget()
    assert tier.ask("select count(*) from social.day_count where inputs = 'lost'") == [(0,)]

    tier.forget(accept_loss=True)
    assert tier.pending() == [LATER]
    tier.observe()
    after = tier.tables()

    assert after["tiktok", "id:71"] == before["tiktok", "id:71"] or after.keys() < before.keys()
    assert {k: after[k] for k in after if k[0] == "x"} == {
        k: before[k] for k in after if k[0] == "x"
    }
    assert tier.ask("select kind from audit.event where kind = 'tier1.recovered'") == [
        ("tier1.recovered",)
    ]


def test_events_of_the_second_build_are_events_of_their_own(tier):
    counted = "select kind, count(*) from audit.event where kind like '%.written' group by 1"
    before = dict(tier.ask(counted))
    tier.lose()
    tier.forget()
    tier.observe()
    tier.tables()

    after = dict(tier.ask(counted))

    assert after["observations.written"] == before["observations.written"] + 3
    assert after["profiles.written"] == before["profiles.written"] + 1
    assert after["identities.written"] == before["identities.written"] + 1
    assert "tier1.recovered" in audit.KINDS


def test_what_is_made_from_a_lost_table_is_stale_although_numbers_begin_anew(tier):
    tier.lose("social/observations", "social/quarantine")
    tier.forget()
    tier.observe()

    with tier.conn.transaction():
        named = versions.named(tier.conn, profiles.TABLE)
        seen = versions.named(tier.conn, observe.TABLE)
    assert not versions.is_current(named, profiles.inputs_of(seen.rows_version))


def sxe(home, *arguments):
    done = typed(home, *arguments, "--json", SXE_SETTLE_S="0")
    return done.exit_code, json.loads(done.stdout) if done.stdout else done.stderr


@pytest.fixture
def home(processes, tmp_path, monkeypatch):
    for name in settings.DATABASES.values():
        monkeypatch.delenv(name, raising=False)
    given = settings.load({"SXE_HOME": str(tmp_path / "home")})
    with attach.attached(given, "social"):  # or the server would start and stop with each verb
        yield tmp_path / "home"
    attach.stop(given, delete=True)


def test_one_verb_builds_a_lost_store_again(home):
    for day, platforms in LANDED.items():
        for platform, rows in platforms.items():
            land(home, day, platform, rows)
    code, built = sxe(home, "build")
    assert (code, len(built["runs"])) == (0, 2)
    given = settings.load({"SXE_HOME": str(home)})

    def ids_and_cards():
        with (
            attach.attached(given, "social") as held,
            sql.connect(held.settings.need("social_dsn")) as conn,
        ):
            seen = tables.snapshot(conn, given.tier1_url, identities.TABLE).to_table().to_pylist()
            labeled = tables.snapshot(conn, given.tier1_url, "cards/lead_cards").to_table()
        held_by = {(r["platform"], r["account_key"]): r["card_id"] for r in seen}
        return held_by, sorted(labeled["card_id"].to_pylist())

    before = ids_and_cards()
    assert sxe(home, "recover")[0] == 5, "nothing is lost"
    shutil.rmtree(home / "tier1")

    code, said = sxe(home, "recover", "--dry-run")
    assert (code, len(said["tables"]), said["runs"]) == (0, 11, [])
    code, done = sxe(home, "recover")

    assert code == 0, done
    assert [run["what"] for run in done["runs"]] == [
        f"{FIRST} to {FIRST}",
        f"{LATER} to {LAST}",
        "the tables behind all days",
    ]
    assert [run["failed_checks"] for run in done["runs"]][:2] == [[], []]
    assert ids_and_cards() == before
    code, again = sxe(home, "build")
    assert (code, again["runs"]) == (0, [])

    flip(home, "cards/lead_cards")
    _, looked = sxe(home, "doctor")
    [seen] = [row for row in looked["rows"] if row["check"] == "tier 1"]
    assert (seen["state"], "cards/lead_cards (1 files)" in seen["seen"]) == ("fail", True)
    code, refused = sxe(home, "build", "--whole")
    assert code == 1
    assert "cards/lead_cards" in refused["runs"][0]["failure"]
    assert "sxe recover" in refused["runs"][0]["failure"]
    code, done = sxe(home, "recover")
    assert (code, done["tables"]) == (0, ["cards/lead_cards"])
    assert ids_and_cards() == before

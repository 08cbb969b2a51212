"""Landing store, register and observations of one test, put together as `definitions` does it."""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import psycopg

from sxe_pipeline.ingest import landing, mend, register
from sxe_pipeline.settings import Pace
from sxe_pipeline.social import observe
from sxe_pipeline.store import tables
from sxe_pipeline.store.objects import Objects
from sxe_pipeline_tests.databases import as_owner

DAY, NEXT_DAY = date(2026, 9, 1), date(2026, 9, 2)
AT_ONCE = Pace(settle=0)


def lines(*names: str, **more: object) -> str:
    """A file of profiles: one line per handle."""
    rows = [{"id": str(int.from_bytes(n.encode())), "username": n, "name": "N"} for n in names]
    return "".join(json.dumps(row | more) + "\n" for row in rows)


@dataclass
class Intake:
    """One landing folder and all that is made of it, without Dagster."""

    conn: psycopg.Connection
    root: Path
    tier1: str

    @property
    def store(self) -> Objects:
        return Objects(self.root.as_uri())

    def put(self, name: str, text: str) -> Path:
        file = self.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def register(self, **more: object) -> register.Registered:
        found = register.register_all(self.conn, self.store, actor="test", **more)
        self.conn.commit()
        return found

    def pending(self) -> list[date]:
        found = register.pending_days(self.conn, AT_ONCE)
        self.conn.commit()
        return [day.day for day in found]

    def build(self) -> list[date]:
        """Register, then observe what is pending, as a run does."""
        self.register()
        days = self.pending()
        landed = {day: register.day_of(self.conn, day) for day in days}
        self.conn.commit()
        observe.observe(
            self.conn,
            self.tier1,
            days=days,
            files_by_day={day: each.files for day, each in landed.items()},
            inputs_by_day={day: each.inputs for day, each in landed.items()},
            read=landing.LandingTier(self.root.as_uri()).read,
            now=datetime.now(UTC),
            actor="test",
        )
        return days

    def find(self, name: str) -> mend.Known:
        found = mend.find(self.conn, self.store, name)
        self.conn.commit()
        return found

    def withdraw(self, name: str) -> mend.Mended:
        return mend.withdraw(self.conn, self.find(name), reason="a test", actor="test")

    def replace(self, name: str, new: Path) -> mend.Mended:
        return mend.replace(
            self.conn, self.store, self.find(name), new, reason="a test", actor="test"
        )

    def expire(self, name: str) -> None:
        """What retention does: the bytes go, the register knows."""
        file = self.find(name)
        (self.root / file.path).unlink()
        self.conn.commit()
        as_owner(
            self.conn,
            "update ingest.landing_file set expired_at = clock_timestamp() where file_sha256 = %s",
            [file.file_sha256],
        )

    def handles(self, table: str = observe.TABLE) -> list[str]:
        with self.conn.transaction():
            stored = tables.snapshot(self.conn, self.tier1, table)
        return sorted(stored.to_table()["handle"].to_pylist()) if stored else []

    def ask(self, statement: str, *values: object) -> list[tuple]:
        with self.conn.transaction():
            return self.conn.execute(statement, values).fetchall()

    def even(self) -> bool:
        """Whether every day's counts are those of both tables and of its files."""
        days = self.ask("select landed_day, input_count from social.day_count order by 1")
        files = self.ask(
            "select d.landed_day, coalesce(sum(f.input_count), 0)::bigint from social.day_count d "
            "left join social.file_count f using (landed_day) group by 1 order by 1"
        )
        with self.conn.transaction():
            stored = [
                tables.snapshot(self.conn, self.tier1, name).to_table(["landed_day"])
                for name in (observe.TABLE, observe.QUARANTINE_TABLE)
            ]
        found = [day for table in stored for day in table["landed_day"].to_pylist()]
        return days == files == [(day, found.count(day)) for day, _ in days]

    def events(self, kind: str) -> int:
        return self.ask("select count(*) from audit.event where kind = %s", kind)[0][0]

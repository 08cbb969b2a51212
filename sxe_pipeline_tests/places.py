"""A home with an embedded server of its own and Dagster's real instance, to run real jobs on."""

import dataclasses
import json
from datetime import UTC, datetime

from sxe_pipeline import definitions
from sxe_pipeline.local import runs
from sxe_pipeline.store import sql, tables

TODAY = datetime.now(UTC).date()


def person(number, bio="Photographer from Lyon. I love hiking and trail running", **more):
    """A profile of the X API."""
    return {
        "id": str(2**60 + number),
        "username": f"maker{number}",
        "name": f"Maker {number}",
        "description": bio,
        "public_metrics": {"followers_count": 100, "following_count": 5, "tweet_count": 9},
        **more,
    }


def land(home, day, people, name="page.json"):
    """Put a file of profiles into the landing store, on a day."""
    folder = home / "landing" / "makers" / day.isoformat()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps({"data": people}))


class Place:
    """The social tier on settings that are logged in."""

    def __init__(self, given, instance):
        self.settings, self.instance = given, instance
        self.tier = definitions.assemble(given)

    def hurry(self):
        """Let nothing wait for a run that may still report."""
        pace = dataclasses.replace(self.settings.pace, start_grace=0)
        self.tier = definitions.assemble(dataclasses.replace(self.settings, pace=pace))

    def tick(self, name="landed_files"):
        """The runs that a sensor wants."""
        return runs.sensor_tick(self.tier, self.instance, name)

    def run(self, job, *days):
        """Run a job of the tier, for its days."""
        return runs.run(self.tier, self.instance, job, list(days))

    def rows(self, query, *values):
        """What SQL says."""
        with sql.connect(self.settings.need("social_dsn")) as conn:
            return conn.execute(query, values).fetchall()

    def table(self, name):
        """A table of Tier 1, as it is named."""
        with sql.connect(self.settings.need("social_dsn")) as conn:
            return tables.snapshot(conn, self.settings.tier1_url, name).to_table()

    def batches(self):
        """What was published."""
        return self.rows(
            "select market, day, row_count from handoff.batch "
            "where state = 'published' order by day"
        )

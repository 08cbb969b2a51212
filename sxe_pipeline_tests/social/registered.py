"""Landed days as they are registered: which are pending, and taking one in as its run does."""

from sxe_pipeline.ingest import landing as reading
from sxe_pipeline.ingest import register
from sxe_pipeline.settings import Pace
from sxe_pipeline.social import observe


def pending(conn):
    """The landing days that are due."""
    with conn.transaction():
        return [p.day for p in register.pending_days(conn, Pace(settle=0))]


def take_in(conn, given, days, now):
    """Observe these days, or all that are due, each from the files that are registered."""
    for day in days or pending(conn):
        with conn.transaction():
            landed = register.day_of(conn, day)
        observe.observe(
            conn,
            given.tier1_url,
            days=[day],
            files_by_day={day: landed.files},
            inputs_by_day={day: landed.inputs},
            read=reading.LandingTier(given.landing_url).read,
            now=now,
            actor="test",
        )

"""The whole pipeline in one process, on generated profiles or on folders of the user's own.

The real sensor, schedule, jobs and assets run on a real Postgres with its event log, each with the
login of its tier: an embedded one, or a managed one whose URLs are given. What is left can be
looked at with `make ui`. Not here: the home and the database that it starts from (`home`).
"""

import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from sxe_pipeline import definitions, face, schema
from sxe_pipeline import settings as environment
from sxe_pipeline.audit import verify
from sxe_pipeline.cards.markets import market
from sxe_pipeline.demo import dump, enrichment, home, readers, search
from sxe_pipeline.demo.failure import DemoFailed
from sxe_pipeline.demo.report import Report
from sxe_pipeline.errors import BadInput
from sxe_pipeline.local import attach, runs, sealer, variables
from sxe_pipeline.sandbox import landing, plants
from sxe_pipeline.schema import vocabulary
from sxe_pipeline.settings import Settings
from sxe_pipeline.store import key_files, objects, sql


@dataclass
class Clock:
    """Stage -> seconds, in the order they ran."""

    report: Report

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage, and say on stderr that it runs and how long it took."""
        print(f"  {name:34}", end="", file=sys.stderr, flush=True)  # noqa: T201 - its progress
        start = time.monotonic()
        yield
        seconds = time.monotonic() - start
        print(f"{seconds:>7.1f} s", file=sys.stderr, flush=True)  # noqa: T201
        self.report.stages.append((name, seconds))


def run(
    settings: Settings,
    *,
    inputs: Sequence[Path],
    accounts: int,
    seed: int,
    verbs: Sequence[str],
) -> Report:
    """Make `SXE_HOME/demo` anew and walk through the whole pipeline there.

    Args:
        settings: Of this process: its home, and the logins where they are given. The stores
            are always embedded.
        inputs: Landing folders of the user; empty: generated profiles.
        accounts: How many accounts to generate.
        seed: Of the generator.
        verbs: Of the command line, for the vocabulary guard.

    Returns:
        What was measured, on what, and where the files are.

    Raises:
        DemoFailed: A run failed; its message names the step.
        BadConfig: Some logins are given and others not, or the database is not migrated.
        Refused: The given database holds something already.
    """
    given = home.fresh(settings, is_generated=not inputs)
    report = Report(home=given.home, is_generated=not inputs, seed=seed)
    clock = Clock(report)
    with ExitStack() as stack:
        with clock.stage("start the database"):
            held = stack.enter_context(attach.attached(given, "social", "dagster")).settings
            environment.enter(variables.exports(held, variables.dagster_home(held)))
            tier, instance = definitions.assemble(held), stack.enter_context(runs.instance())
            walk = Walk(held, tier, instance, clock)
        if inputs:
            _land_folders(walk, inputs)
        else:
            _land_generated(walk, accounts, seed)
        if walk.world is not None:
            with clock.stage("request, approval, enrichment"):
                report.enrichment = enrichment.run(given, _markets(walk))
        with clock.stage("read from files by a stranger"):
            report.read = readers.by_files(given)
        if report.enrichment is not None:
            with clock.stage("read by the API, told by the queue"):
                token = (given.home / "keys" / "cho.token").read_text()
                readers.by_name(given, token, report.read)
        with clock.stage("seal, mirror and verify the audit"):
            sealer.once(given)
            runs.sensor_tick(walk.tier, walk.instance, "mirrored_events")
            _measure(walk, given, report)
            report.offences = vocabulary.offences([*verbs, *_surface(walk)])
        if walk.world is not None:
            with clock.stage("look for planted contacts"):
                report.hits = _search(given, [*walk.world.plants, *_bought(report)])
                report.planted = len(walk.world.plants)
    report.seconds = sum(s for _, s in report.stages)
    return report


class Walk:
    """The steps that both kinds of input share."""

    def __init__(self, settings: Settings, tier: Any, instance: Any, clock: Clock) -> None:
        self.settings, self.tier, self.instance, self.clock = settings, tier, instance, clock
        self.world: Any = None

    def intake(self, label: str) -> list[date]:
        """Tick the real sensor until it has nothing to ask for; run what it asks."""
        days: list[date] = []
        while True:
            wanted = runs.sensor_tick(self.tier, self.instance, "landed_files")
            if not wanted:
                return days
            for request in wanted:
                with self.clock.stage(f"{label}: {request.job}"):
                    self._run(request)
                days += request.days

    def publish(self, label: str, day: date) -> None:
        """Evaluate the real schedule on the morning after `day`, and run what it asks."""
        morning = datetime.combine(day + timedelta(days=1), datetime.min.time(), UTC)
        for request in runs.schedule_tick(
            self.tier, self.instance, "every_day", morning + timedelta(hours=2)
        ):
            with self.clock.stage(f"{label}: {request.job}"):
                self._run(request)

    def _run(self, wanted: runs.Wanted) -> None:
        done = runs.run(self.tier, self.instance, wanted.job, wanted.days, wanted.tags)
        self.clock.report.failed_checks |= set(done.failed_checks)
        if not done.is_success:
            raise DemoFailed(
                f"{wanted.job} of {wanted.days[0]} failed: {done.failure}; `make ui` shows the run"
            )


def _land_generated(walk: Walk, accounts: int, seed: int) -> None:
    today = datetime.now(UTC).date()
    days = [today - timedelta(days=2), today - timedelta(days=1)]
    incoming, root = walk.settings.home / "incoming", walk.settings.home / "landing"
    with walk.clock.stage("generate profiles"):
        walk.world = landing.write_landing(incoming, seed=seed, days=days, accounts=accounts)
    for number, day in enumerate(days, 1):
        _move_day(incoming, root, day)
        walk.intake(f"day {number}")
        walk.publish(f"day {number}", day)
    shutil.rmtree(incoming)


def _move_day(incoming: Path, root: Path, day: date) -> None:
    for source in sorted(p for p in incoming.rglob("*") if p.is_file()):
        inside = source.relative_to(incoming)
        if day.isoformat() in inside.parts or source.name.startswith("_"):
            target = root / inside
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(source, target)


def _land_folders(walk: Walk, inputs: Sequence[Path]) -> None:
    with walk.clock.stage("copy the landing folders"):
        for folder in inputs:
            if not any(file.is_file() for file in folder.rglob("*")):
                raise BadInput(
                    "a given folder holds no file; put JSON Lines, JSON, CSV or Parquet into it"
                )
            target = walk.settings.home / "landing" / folder.resolve().name
            shutil.copytree(folder, target, copy_function=shutil.copyfile, dirs_exist_ok=True)
    days = walk.intake("intake")
    if days:
        walk.publish("publish", max(days))


def _markets(walk: Walk) -> list[str]:
    with sql.connect(walk.settings.need("social_dsn")) as conn:
        return [m["market"] for m in market.markets(conn) if m["cards"]]


def _measure(walk: Walk, given: Settings, report: Report) -> None:
    with sql.connect(walk.settings.need("social_dsn")) as conn:
        report.funnel = market.funnel(conn)
        for row in conn.execute(
            "select input_count, observation_count, post_count, quarantine_count, open_count, "
            "leak_count, reasons from social.day_count"
        ):
            report.count_day(row)
    with (
        attach.attached(given, "api") as held,
        sql.connect(held.settings.need("api_dsn")) as conn,
    ):
        report.markets = market.markets(conn)
        conn.commit()
        seen = verify.verify(
            conn,
            lambda keys: face.materializations(walk.instance, keys),
            public_keys=[key_files.audit_of_settings(given).public_key],
            store=objects.Objects(given.audit_url),
        )
    report.audit = seen.as_dict()


def _surface(walk: Walk) -> Iterator[str]:
    """Names that others see: assets, checks, contracts and their columns, settings."""
    graph = walk.tier.resolve_asset_graph()
    yield from (key.to_user_string() for key in graph.get_all_asset_keys())
    yield from (key.name for key in graph.asset_check_keys)
    for contract in schema.load_all():
        yield from (contract.id, *contract.names)
    yield from environment.DATABASES.values()


def _bought(report: Report) -> list[plants.Plant]:
    """What the providers gave out: it may stand in the contact batch, and nowhere else readable."""
    given = report.enrichment.handed_out if report.enrichment else set()
    return [
        plants.Plant("provider_value", value, (value.lower().lstrip("+").encode(),))
        for value in sorted(given)
    ]


def _search(settings: Settings, wanted: Sequence[plants.Plant]) -> list[Any]:
    """Every byte that was left, but where it belongs: the landing tier, and the contact batches.

    The database is read table by table: an embedded one by its superuser, and the log of its server
    too; a managed one by each of its logins.
    """
    apart = [settings.home / folder for folder in ("landing", "postgres", "contact_handoff")]
    left = [
        file
        for file in sorted(settings.home.rglob("*"))
        if file.is_file() and not any(file.is_relative_to(folder) for folder in apart)
    ]
    if not settings.is_embedded:
        return list(search.find(wanted, left, dump.dump_by_logins(home.readers(settings))))
    left.append(attach.server_log(settings))
    tables = dump.dump_database(attach.superuser(settings))
    return list(search.find(wanted, left, tables))

"""A contact that is planted in every place that people fill is in no byte that the engine leaves.

Places: each field that a shape reads and fields that none does, names of files, folders,
collections, members, sheets and columns, and what collections say of themselves.
"""

import itertools
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from sxe_pipeline.cli import main
from sxe_pipeline.demo import dump, search
from sxe_pipeline.ingest.shape_files import Form
from sxe_pipeline_tests.canaries import names, payloads
from sxe_pipeline_tests.canaries.samples import samples
from sxe_pipeline_tests.places import opened

DAY = (datetime.now(UTC) - timedelta(days=1)).date()
LINES_A_FILE = 2_000
VERBS = (
    *(("status",), ("landing", "list"), ("landing", "quarantine"), ("build", "--dry-run")),
    *(("audit", "search"), ("doctor",), ("market", "pools")),
)


class Trail:
    """What a landing with canaries left behind: a home, a database, and what verbs printed."""

    def __init__(self, place, plants):
        self.place, self.plants, self.printed = place, plants, {}

    def type(self, *arguments):
        """Type a verb in this process, and keep what it prints."""
        done = CliRunner().invoke(main, list(arguments))
        self.printed[" ".join(arguments)] = done.output.encode()
        return done

    def build(self):
        """As a person does it, in a process of its own: its log goes to stderr."""
        verb = ("--verbose", "build", "--publish", "--day", DAY.isoformat())
        command = [sys.executable, "-m", "sxe_pipeline.cli", *verb]
        done = subprocess.run(command, env=os.environ, capture_output=True, check=False)
        self.printed["sxe build"] = done.stdout + done.stderr
        return done

    def look(self):
        """Everything that a person may ask about what landed."""
        for verb in VERBS:
            self.type(*verb)
            self.type(*verb, "--json")
        for (file,) in self.place.rows("select file_sha256::text from ingest.landing_file"):
            assert self.type("landing", "show", file).exit_code == 0
            self.type("landing", "show", file, "--json")

    def hits(self):
        """Where a canary is found, but for the landing folder and the server's own files."""
        home = self.place.settings.home
        apart = [home / name for name in ("landing", "postgres")]
        files = [
            file
            for file in home.rglob("*")
            if file.is_file() and not any(file.is_relative_to(folder) for folder in apart)
        ]
        dumps = itertools.chain(dump.dump_database(self.place.superuser()), self.printed.items())
        return set(search.find(self.plants, files, dumps, root=home))


@pytest.fixture(scope="module")
def trail(server, processes, tmp_path_factory):
    """Canaries of every kind went the whole road of a day, and people asked what became of it."""
    aviary = payloads.Aviary()
    with opened(server, tmp_path_factory.mktemp("canaries") / "home") as place:
        for path, data in files_of(aviary):
            file = place.settings.home / "landing" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        trail = Trail(place, aviary.plants)
        built = trail.build()
        assert built.returncode == 0, "the day is built whatever stands in it"
        trail.look()
        yield trail


def files_of(aviary):
    """Every landing file with canaries: its path and its bytes."""
    found = payloads.records(aviary)
    for number, piece in enumerate(iter(lambda: list(itertools.islice(found, LINES_A_FILE)), [])):
        lines = "".join(json.dumps(record) + "\n" for record in piece)
        yield f"shapes/{DAY}/{number}.jsonl", lines.encode()
    for make in (names.named, names.declared, names.headed):
        yield from make(aviary, DAY.isoformat())


def test_every_shape_is_met_in_what_lands_and_every_canary_is_in_it():
    aviary = payloads.Aviary()
    records = list(payloads.records(aviary))

    lines = [json.dumps(record).encode() for record in records]
    outcomes = [each for record in records for each in payloads.outcomes(record)]

    landed = {each for each in outcomes if isinstance(each, Form)}
    assert {sample.form for sample in samples() if sample.form.fills} <= landed
    refused = {(each.shape, each.reason) for each in outcomes if not isinstance(each, Form)}
    assert {(s.form.name, s.form.reason) for s in samples() if s.form.reason} <= refused
    found = list(search.find(aviary.plants, [], [("payloads", b"\n".join(lines))]))
    assert len(found) == len(aviary.plants), "what cannot be found proves nothing"


def test_every_envelope_lands_somebody_with_canaries():
    aviary = payloads.Aviary()

    empty = [
        sample.name
        for sample in samples()
        if sample.places and not any(map(payloads.lands, payloads.enveloped(sample, aviary)))
    ]

    assert empty == []


def test_no_canary_is_in_any_byte_that_is_left(trail):
    assert trail.hits() == set()


def test_the_day_was_built_from_all_shapes_and_its_counts_add_up(trail):
    [(records, observations, reasons)] = trail.place.rows(
        "select input_count, observation_count, reasons from social.day_count"
    )

    assert records == observations + sum(reasons.values())
    assert observations > records / 2
    shapes = set(trail.place.table("social/observations")["shape"].to_pylist())
    assert {sample.form.name for sample in samples() if sample.form.fills} <= shapes


def test_files_and_folders_that_are_named_so_are_refused_without_their_name(trail, tmp_path):
    aviary = payloads.Aviary()
    for path, data in names.named(aviary, DAY.isoformat()):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        told = trail.type("ingest", str(file)).output

        assert "rename" in told
        assert list(search.find(aviary.plants, [], [("told", told.encode())])) == []

"""Exporting batches: CPU and memory of ours, beside DuckDB writing the same rows.

Usage: python bench/export.py [CARDS] [MARKETS]

Cards of nobody, every text a distinct one, unsorted, in a Parquet file for each market. Ours reads
a market, checks it against its contract, sorts, encodes, hashes and signs it; DuckDB reads it,
sorts it once and writes it by COPY to Parquet (zstd, level 3) and to the same JSON Lines: no check,
no hash. Both leave files on the disk; what putting ours into a store costs (a local one copies
them) stands on a line of its own. Each has a process of its own, whose peak includes its libraries
and, of ours, the putting; CPU seconds are those of all threads after the libraries were loaded.
They take turns, so that another load on the machine meets both: read the ratio, the middle one. The
goals are for a million cards.
"""

import random
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import measured

_TURNS = 3
_JUDGED = 1_000_000
_BASE = 2_000
_MOMENTS = ("first_seen_at", "observed_at")
_WORDS = """
    photographer builder kitchen garden studio coffee mother father runner teacher founder maker
    music travel design coding books writer vintage london lisbon weekend coach nurse street film
    naïve 東京 😀 love loves about from with the and every small slow new old daily
"""


def _card(number: int) -> dict:
    chosen, words = random.Random(number), _WORDS.split()
    bio = "photographer " + " ".join(chosen.choices(words, k=chosen.randint(2, 24)))
    seen = f"2026-01-0{1 + number % 9}T03:04:05.678Z"
    said = {"label": "photographer", "source": "text", "text": "photographer", "weight": 0.8}
    topic = {"label": "photography", "source": "audience", "text": None, "weight": 0.1}
    account = {"platform": "x", "platform_id": str(number), "handle": "user", "basis": "self"}
    return {
        "platform": chosen.choice(["x", "tiktok"]),
        "display_name": " ".join(chosen.choices(words, k=2)).title(),
        "bio": bio,
        "language": chosen.choice(["en", "pt", None]),
        "language_score": round(chosen.random(), 3),
        "country": chosen.choice(["US", "PT", None]),
        "link_domains": chosen.choice([["example.com"], [], None]),
        "hashtags": chosen.choice([["film"], []]),
        "follower_count": chosen.randrange(1_000, 10_000),
        "following_count": chosen.randrange(2_000),
        "post_count": chosen.choice([chosen.randrange(9_000), None]),
        "follower_band": "1k_10k",
        "is_verified": chosen.choice([True, False, None]),
        "account_type": "person",
        "persona_family": "creative",
        "persona": "photographer",
        "persona_confidence": round(chosen.random(), 3),
        "tribe": "photography",
        "tribe_confidence": 0.7,
        "tribes": ["photography"],
        "audience_pool": "creatives",
        "execution_label": "professional",
        "evidence": [
            said | {"field": "bio", "start": 0, "end": 12},
            topic | {"field": "collections", "start": None, "end": None},
        ],
        "readiness_state": "ready",
        "readiness_reasons": [],
        "accounts": [account],
        "first_seen_at": seen,
        "observed_at": seen,
        "taxonomy_version": "1",
        "ruleset_version": "1",
        "model_version": "none",
        "policy_version": "1",
    }


def make(folder: Path, count: int, markets: int) -> None:
    """Write the cards, a file for each market."""
    from datetime import datetime

    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    from sxe_pipeline import schema

    contract = schema.load("lead_card")
    base = pa.Table.from_pylist(
        [
            card | {name: datetime.fromisoformat(card[name]) for name in _MOMENTS}
            for card in map(_card, range(_BASE))
        ],
        schema=contract.arrow(),
    )
    chosen = np.random.default_rng(7)
    for number in range(markets):
        rows = count // markets + (number < count % markets)
        table = base.take(pa.array(chosen.integers(0, _BASE, rows)))
        ids = pa.array([chosen.bytes(16).hex() for _ in range(rows)])
        own = {
            "card_id": ids,
            "market": pa.array([f"market_{number}"] * rows),
            "platform_id": pa.array(map(str, chosen.integers(1, 2**62, rows))),
            "handle": pc.utf8_slice_codeunits(ids, 0, 12),
            "bio": pc.binary_join_element_wise(table["bio"], ids, " "),
        }
        for name, values in own.items():
            at = table.schema.get_field_index(name)
            table = table.set_column(at, table.schema.field(at), values)
        pq.write_table(table, folder / f"market_{number}.parquet")


def ours(files: list[Path], out: Path) -> Iterator[dict[str, float]]:
    """Export every market; CPU seconds of putting the files of all batches."""
    from contextlib import closing
    from datetime import date

    import pyarrow.dataset as ds

    from sxe_pipeline import schema
    from sxe_pipeline.handoff.chain import BatchKey
    from sxe_pipeline.handoff.files import encode, manifest, pieces
    from sxe_pipeline.sign import Signer
    from sxe_pipeline.store import memory
    from sxe_pipeline.store.objects import Objects

    contract, signer = schema.load("lead_card"), Signer.generate()
    contract.check(contract.arrow().empty_table())  # Its libraries are loaded by the first check.
    objects, putting = Objects(out.as_uri()), 0.0
    yield {}
    for file in files:
        batch_key = BatchKey(file.stem, date(2026, 1, 1))
        read = ds.dataset(file).scanner(memory_pool=memory.pool()).to_table()
        rows = pieces.checked(contract, read)
        del read
        with closing(encode.encode(contract, rows)) as content:
            batch_id = encode.content_id(contract, batch_key, None, content)
            ids = {"batch_id": batch_id, "batch_key": batch_key, "prev_batch_id": None}
            sealed = manifest.seal(manifest.predicate(contract, content, **ids), signer)
            began = time.process_time()
            for part in content.parts:
                objects.put_new(f"{batch_id}/{part.name}", part.data())
            objects.put_new(f"{batch_id}/{manifest.NAME}", sealed)
        putting += time.process_time() - began
    yield {"putting": putting}


def duckdb(files: list[Path], out: Path) -> Iterator[dict[str, float]]:
    """Copy every market to both formats."""
    import duckdb as engine

    out.mkdir()
    moments = ", ".join(f"strftime({name}, '%Y-%m-%dT%H:%M:%S.%fZ') as {name}" for name in _MOMENTS)
    with engine.connect(config={"temp_directory": str(out)}) as db:
        yield {}
        for file in files:
            name = out / file.stem
            db.execute(
                f"create or replace temp table cards as from read_parquet('{file}') "
                "order by card_id"
            )
            options = "format parquet, compression zstd, compression_level 3"
            db.execute(f"copy cards to '{name}.parquet' ({options})")
            db.execute(
                f"copy (select * replace ({moments}) from cards) to '{name}.jsonl' (format json)"
            )
        yield {}


def making(folder: Path, count: int, markets: int) -> Iterator[dict[str, float]]:
    """Write the cards in a process that nothing else is measured in."""
    yield {}
    make(folder, count, markets)
    yield {}


def act(name: str, folder: str, *given: str) -> Iterator[dict[str, float]]:
    """What a process of its own does."""
    if name == "make":
        return making(Path(folder), *map(int, given))
    files = sorted(Path(folder).glob("*.parquet"))
    return {"ours": ours, "duckdb": duckdb}[name](files, Path(given[0]))


def main(count: int, markets: int) -> None:
    """Print CPU and peak of both, and the goals."""
    took: dict[str, list[measured.Taken]] = {"ours": [], "duckdb": []}
    disk: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        measured.apart(__file__, "make", folder, count, markets)
        for _ in range(_TURNS):
            for name, of_act in took.items():
                out = Path(folder) / "out"
                of_act.append(measured.apart(__file__, name, folder, out))
                disk[name] = measured.disk_mb(out)
                shutil.rmtree(out)
    puts = [each.found["putting"] for each in took["ours"]]
    cpu = {name: [each.cpu - each.found.get("putting", 0) for each in took[name]] for name in took}
    peaks = {name: max(each.peak_mb for each in took[name]) for name in took}
    for name, seconds in cpu.items():
        print(
            f"{name:8} {count:,} cards in {markets} markets: CPU {median(seconds):6.2f} s "
            f"{measured.spread(seconds)}, {count / median(seconds):8,.0f} cards a second, "
            f"peak {peaks[name]:,.0f} MB, disk {disk[name]:,.0f} MB"
        )
    print(f"putting ours into a local store: {median(puts):6.2f} s of CPU more")
    ratio = measured.ratio(cpu["ours"], cpu["duckdb"])
    print(f"CPU of ours to DuckDB's: {ratio:.2f}x")
    if count >= _JUDGED:
        measured.judge("export_cpu", ratio)
        measured.judge("export_peak", peaks["ours"] * 2**20 / 1e9)


if __name__ == "__main__" and not measured.as_child(act):
    main(*measured.sizes(100_000, 2))

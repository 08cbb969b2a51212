"""Which accounts are one person: time, memory, precision, recall, beside Splink on the same rows.

Usage: python bench/identities.py [ACCOUNTS] [ROUNDS]

Invented accounts land, are observed and merged; timed is the act that links them and mints their
ids, in an empty home each round (CPU seconds with those of Postgres, wall seconds, peak with the
libraries). Splink 5 (DuckDB, two blocking rules, weights by expectation maximisation) takes the
same accounts as columns: handle without separators, name, first link; it runs below .venv-peers,
which `make bench` makes, and is left out where it is not there. The two answer different questions:
ours joins what accounts say of each other, Splink what looks alike; that no two invented people
look alike flatters it. A pair is right where both accounts are one invented person's, who in one
case of six says nothing of it. Accounts of fans are linked, but count for neither: a fan's account
joins nobody by rule, whoever it is. The goals of time and memory are for 1,000,000 accounts.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import median

import measured

_HERE = Path(__file__).parent
_SPLINK = _HERE.parent / ".venv-peers" / "bin" / "python"
_LIKELY = 0.9
"""How sure Splink must be of a pair."""
_MOST_COMPARED = 300_000
"""Of a million accounts its pairs took twenty minutes, 20 GB, and no end was seen."""
_FIRST_DAY = "2026-01-05"


def splink(_: str, accounts: str, out: str) -> Iterator[dict[str, float]]:
    """Cluster the accounts of a Parquet file, in Splink's own environment."""
    import duckdb
    import splink as peer
    from splink import comparison_library as compared

    given = peer.SettingsCreator(
        link_type="dedupe_only",
        blocking_rules_to_generate_predictions=[
            peer.block_on("handle"),
            peer.block_on("substr(handle, 1, 6)", "name"),
        ],
        comparisons=[
            compared.JaroWinklerAtThresholds("handle", [0.92, 0.8]),
            compared.JaroWinklerAtThresholds("name", [0.92]),
            compared.ExactMatch("link"),
        ],
    )
    with duckdb.connect(config={"temp_directory": str(Path(out).parent)}) as db:
        backend = peer.DuckDBAPI(connection=db)
        yield {}
        rows = backend.register(db.read_parquet(accounts))
        linker = peer.Linker(rows, given)
        training = linker.training
        training.estimate_probability_two_random_records_match(
            [peer.block_on("handle")], recall=0.6
        )
        training.estimate_u_using_random_sampling(max_pairs=1e6, seed=7)
        for column in ("handle", "name"):
            training.estimate_parameters_using_expectation_maximisation(peer.block_on(column))
        pairs = linker.inference.predict(threshold_match_probability=_LIKELY)
        found = linker.clustering.cluster_pairwise_predictions_at_threshold(pairs, _LIKELY)
        db.execute(
            f"copy (select cluster_id, unique_id from {found.physical_name}) to '{out}' "
            "(format parquet)"
        )
        yield {}


def _plain(handle: str) -> str:
    """A handle without separators."""
    return re.sub(r"[._]", "", handle)


def _made(root: Path, file: Path, count: int) -> dict[str, int]:
    """Land the accounts, write them for Splink; account -> its person, where that is no fan."""
    from datetime import date

    import day
    import pyarrow as pa
    import pyarrow.parquet as pq

    persons: dict[str, int] = {}
    names = ("unique_id", "handle", "name", "link")
    schema = pa.schema([(name, pa.string()) for name in names])

    def told(writer: pq.ParquetWriter) -> Iterator[object]:
        rows: list[tuple[str, ...]] = []
        for account in day.accounts(0, count):
            key = f"{account.platform}:{account.id}"
            if not account.is_fan:
                persons[key] = account.person
            link = account.links[0] if account.links else None
            rows.append((key, _plain(account.handle), account.name, link))
            if len(rows) == 50_000:
                write(writer, rows)
            yield account
        if rows:
            write(writer, rows)

    def write(writer: pq.ParquetWriter, rows: list[tuple[str, ...]]) -> None:
        columns = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
        writer.write_batch(pa.record_batch(columns, schema=schema))
        rows.clear()

    with pq.ParquetWriter(file, schema) as writer:
        day.land(root, date.fromisoformat(_FIRST_DAY), told(writer))
    return persons


def score(found: Iterable[tuple[str, str]], persons: dict[str, int]) -> tuple[float, float]:
    """Of the pairs of accounts found the share that is right, and of the right ones that is found.

    Args:
        found: Cluster and account, each account once.
        persons: Account -> person; other accounts do not count.
    """
    clusters: Counter[str] = Counter()
    both: Counter[tuple[str, int]] = Counter()
    for cluster, account in found:
        if account not in persons:
            continue
        clusters[cluster] += 1
        both[cluster, persons[account]] += 1
    pairs, right, true = (
        sum(math.comb(size, 2) for size in sizes.values())
        for sizes in (clusters, both, Counter(persons.values()))
    )
    return right / max(1, pairs), right / max(1, true)


def _ours(home) -> Iterator[tuple[str, str]]:
    from sxe_pipeline.store import sql, tables

    with sql.connect(home.dsn) as conn:
        named = tables.snapshot(conn, home.tables.as_uri(), "social/identities")
    for batch in named.dataset().to_batches(columns=["card_id", "platform", "account_key"]):
        for row in batch.to_pylist():
            yield row["card_id"], f"{row['platform']}:{row['account_key'].removeprefix('id:')}"


def main(count: int, rounds: int) -> None:
    """Print a line for ours and for Splink, and the goals."""
    import day
    import pyarrow.parquet as pq

    took: dict[str, list[measured.Taken]] = {"ours": [], "Splink 5": []}
    scores: dict[str, tuple[float, float]] = {}
    if count > _MOST_COMPARED:
        took.pop("Splink 5")
        print(f"Splink: left out above {_MOST_COMPARED:,} accounts, it needs more than 20 GB")
    elif not _SPLINK.exists():
        took.pop("Splink 5")
        print("Splink: left out, it is not installed (make bench installs it below .venv-peers)")
    for _ in range(rounds):
        with day.new_home() as home:
            file, out = home.folder / "accounts.parquet", home.folder / "clusters.parquet"
            persons = _made(home.landing, file, count)
            home.run("observations,profiles")
            took["ours"].append(home.run("identities"))
            scores["ours"] = score(_ours(home), persons)
            if "Splink 5" in took:
                taken = measured.apart(__file__, "splink", file, out, python=str(_SPLINK))
                took["Splink 5"].append(taken)
                rows = (
                    row for some in pq.ParquetFile(out).iter_batches() for row in some.to_pylist()
                )
                found = ((row["cluster_id"], row["unique_id"]) for row in rows)
                scores["Splink 5"] = score(found, persons)
    for name, of_name in took.items():
        cpu = [each.cpu for each in of_name]
        ratio = measured.ratio([each.cpu for each in took["ours"]], cpu)
        precision, recall = scores[name]
        print(
            f"{name:9} {count:,} accounts: CPU {median(cpu):7.2f} s {measured.spread(cpu)} "
            f"({ratio:.2f}x: ours / this), wall {median(each.wall for each in of_name):7.2f} s, "
            f"peak {max(each.peak_mb for each in of_name):6,.0f} MB, "
            f"precision {precision:.3f}, recall {recall:.3f}"
        )
    measured.judge("link_precision", scores["ours"][0])
    measured.judge("link_recall", scores["ours"][1])
    if count == 1_000_000:
        measured.judge("link_time", median(each.wall for each in took["ours"]))
        measured.judge("link_peak", max(each.peak_mb for each in took["ours"]) / 1024)


if __name__ == "__main__" and not measured.as_child(splink):
    main(*measured.sizes(100_000, 3))

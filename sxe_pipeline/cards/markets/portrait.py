"""What is told of one market, whoever shows it: shares, where the others stay, sums of its pools.

Here: numbers, the same for the terminal, `--json` and the page. Pure. Not here: reading (`market`),
how it looks (`market_page`).
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, TypeVar

from sxe_pipeline.cards.card import INCOMPLETE, WITHHELD
from sxe_pipeline.cards.funnel import SHARES, shares
from sxe_pipeline.cards.markets.market import Market

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

KEPT_SHARES = {**SHARES, "ready_share": ("ready", "lead_cards")}
"""Share -> what is counted, and of what: those of every face, and how far the leads come."""

TOLD = {**KEPT_SHARES, "identifiable_share": ("identifiable", "ready")}
"""The same with what is known of the newest landed day alone."""

LEADS = ("lead_cards", "identities")
STEPS: Mapping[str, Sequence[tuple[str, str]]] = {
    "identities": (),
    "eligible": (("eligible", "identities"),),
    "lead_cards": (("lead_cards_eligible", "eligible"), LEADS),
    "tagged": (("tagged", "lead_cards"),),
    "ready": (("ready", "lead_cards"),),
    "identifiable": (("identifiable", "ready"),),
}
"""Stage, in their order -> the shares that stand beside it: what is counted, and of what."""

NO_LEADS = ("no_signal", "audience")
TERMS_SHOWN = 6


class Sizes(NamedTuple):
    """How large a part of a market is: its lead cards by what became of them, audience beside."""

    cards: int
    ready: int
    tagged: int
    identifiable: int
    audience: int


@dataclass(frozen=True, slots=True)
class Drop:
    """Those who did not get from one stage to the next, and why.

    `of`: the stage before, which `whole` reached. `reasons`: reason -> count, only what occurs, the
    largest first; one card may have several.
    """

    name: str
    count: int
    of: str
    whole: int
    reasons: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Grid:
    """Lead cards by persona (rows) and tribe (columns), the largest first.

    The last row and column sum up the others where `more_rows` or `more_columns` of them were left
    out. A null label: none that is specific.
    """

    rows: Sequence[str | None]
    columns: Sequence[str | None]
    cells: Sequence[Sequence[int]]
    more_rows: int
    more_columns: int


def stages(market: Market) -> dict[str, int]:
    """Every stage of the funnel, and `identifiable`: ready cards that a provider may recognise."""
    known = sum(row["identifiable"] for row in market.pools)
    return {**market.now.stages, "identifiable": known}


_Missing = tuple[str, str, int, Mapping[str, int]]


def drops(counts: Mapping[str, int]) -> list[Drop]:
    """Where identities and cards stay behind, in the order of the stages.

    Args:
        counts: From `stages`.
    """

    def minus(whole: str, part: str) -> int:
        return counts.get(whole, 0) - counts.get(part, 0)

    def held(state: str, reasons: Iterable[str]) -> _Missing:
        why = {reason: counts.get(f"reason_{reason}", 0) for reason in reasons}
        return state, "lead_cards", counts.get(state, 0), why

    unheard = {kind: minus(kind, f"{kind}_eligible") for kind in (*NO_LEADS, "lead_cards")}
    found: tuple[_Missing, ...] = (
        ("not_eligible", "identities", minus("identities", "eligible"), unheard),
        (
            "no_lead",
            "identities",
            minus("identities", "lead_cards"),
            {kind: counts.get(kind, 0) for kind in NO_LEADS},
        ),
        ("untagged", "lead_cards", minus("lead_cards", "tagged"), {}),
        held("incomplete", INCOMPLETE),
        held("withheld", WITHHELD),
        ("not_identifiable", "ready", minus("ready", "identifiable"), {}),
    )
    return [
        Drop(name, count, of, counts.get(of, 0), _most_first(reasons))
        for name, of, count, reasons in found
    ]


def _most_first(reasons: Mapping[str, int]) -> dict[str, int]:
    return {reason: count for reason, count in Counter(reasons).most_common() if count}


def by(pools: Sequence[Mapping[str, Any]], *columns: str) -> dict[Any, Sizes]:
    """Sizes by one column, or by several together, the largest first.

    Args:
        pools: Rows of a market.
        *columns: Such as `tribe`; the key is its value, of several the tuple of their values.
    """
    found: dict[Any, list[Sizes]] = defaultdict(list)
    for row in pools:
        key = tuple(row[name] for name in columns)
        found[key if len(columns) > 1 else key[0]].append(Sizes(*(row[n] for n in Sizes._fields)))
    summed = {key: total(sizes) for key, sizes in found.items()}
    return dict(sorted(summed.items(), key=lambda each: _largest(*each)))


def split(sizes: Mapping[K, V], shown: int) -> tuple[dict[K, V], list[V]]:
    """The first of an ordered mapping, and the sizes of the others.

    A single other one is shown, too: a line that says `1 other` takes the same room.

    Example:
        >>> split({"a": 5, "b": 3, "c": 2, "d": 1}, 2), split({"a": 5, "b": 3, "c": 2}, 2)
        (({'a': 5, 'b': 3}, [2, 1]), ({'a': 5, 'b': 3, 'c': 2}, []))
    """
    items = list(sizes.items())
    if len(items) <= shown + 1:
        return dict(items), []
    return dict(items[:shown]), [size for _, size in items[shown:]]


def grid(pools: Sequence[Mapping[str, Any]], rows: int, columns: int) -> Grid:
    """The heat map of a market: so many rows and columns, the others summed up."""
    leads = [row for row in pools if row["cards"]]
    cells: Counter[tuple[str | None, str | None]] = Counter()
    for row in leads:
        cells[row["persona"], row["tribe"]] += row["cards"]

    def axis(name: str, shown: int) -> tuple[list[str | None], int]:
        first, others = split(by(leads, name), shown)
        return list(first), len(others)

    (personas, more_rows), (tribes, more_columns) = axis("persona", rows), axis("tribe", columns)
    row_of = {persona: at for at, persona in enumerate(personas)}
    column_of = {tribe: at for at, tribe in enumerate(tribes)}
    height, width = len(personas) + bool(more_rows), len(tribes) + bool(more_columns)
    summed = [[0] * width for _ in range(height)]
    for (persona, tribe), count in cells.items():
        summed[row_of.get(persona, height - 1)][column_of.get(tribe, width - 1)] += count
    return Grid(personas, tribes, summed, more_rows, more_columns)


def terms(pools: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Pool -> its evidence terms, those of its largest parts first."""
    weights: dict[str, Counter[str]] = defaultdict(Counter)
    for row in pools:
        for term in row["top_evidence"]:
            weights[row["audience_pool"]][term] += row["cards"]
    return {
        pool: sorted(found, key=lambda term: (-found[term], term))[:TERMS_SHOWN]
        for pool, found in weights.items()
    }


def as_dict(market: Market) -> dict[str, Any]:
    """Everything of a market for a script; `rows` by pool, persona and tribe."""
    counts, before, said = stages(market), market.before, terms(market.pools)
    pools = _rows(market.pools, "audience_pool")
    return {
        "market": market.market,
        "rule": market.rule,
        "landed_day": market.now.landed_day,
        "stages": counts,
        "shares": shares(counts, TOLD),
        "before": before
        and {
            "landed_day": before.landed_day,
            "stages": before.stages,
            "shares": shares(before.stages, KEPT_SHARES),
        },
        "drops": [asdict(drop) for drop in drops(counts)],
        "rows": _parts(market.pools),
        "pools": [{**pool, "terms": said.get(pool["audience_pool"], [])} for pool in pools],
        "personas": _rows(market.pools, "persona"),
        "tribes": _rows(market.pools, "tribe"),
        "countries": _rows(market.pools, "country"),
        "languages": [{"language": value, "cards": n} for value, n in market.languages],
        "follower_bands": [
            {"follower_band": value, "cards": n} for value, n in market.follower_bands
        ],
        "cost": market.cost,
    }


def _rows(pools: Sequence[Mapping[str, Any]], column: str) -> list[dict[str, Any]]:
    return [{column: value, **sizes._asdict()} for value, sizes in by(pools, column).items()]


def _parts(pools: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    key = ("audience_pool", "persona", "tribe")
    known = {(*(row[n] for n in key), row["country"]) for row in pools if row["country"]}
    countries = Counter(each[:-1] for each in known)
    return [
        {**dict(zip(key, part, strict=True)), **sizes._asdict(), "countries": countries[part]}
        for part, sizes in by(pools, *key).items()
    ]


def total(sizes: Iterable[Sizes]) -> Sizes:
    """Their sum."""
    return Sizes(*map(sum, zip(*sizes, strict=True)))


def _largest(key: object, sizes: Sizes) -> tuple[int, int, str]:
    return -sizes.cards, -sizes.audience, str(key)

"""What the page of a market says, in its words and lengths; a template puts it down as it is.

Here: which figures stand beside each other, what they are called, how long a bar is, how strong a
colour. Pure. Not here: sums (`portrait`), HTML (`market_page`).
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from sxe_pipeline.cards.card import BANDS
from sxe_pipeline.cards.funnel import TAGGED_GOAL, shares
from sxe_pipeline.cards.markets import portrait
from sxe_pipeline.cards.markets.market import Market
from sxe_pipeline.gate.reads import MarketCost

GRID_ROWS, GRID_COLUMNS = 12, 10
BARS = 10
POOLS = 15
TONES = 7

K = TypeVar("K", bound=Hashable)
Named = Callable[[str | None, str], str]
"""A value and its column -> how people call it."""

_COMPARED = ("identities", "eligible", "audience", "lead_cards", "tagged", "ready")

_NONE = {
    "persona": "no specific role",
    "tribe": "no tribe",
    "country": "not said",
    "language": "not known",
}

_NAMES = {
    "identities": "Identities",
    "eligible": "Eligible for labels",
    "lead_cards": "Lead cards",
    "tagged": "Tagged",
    "ready": "Ready",
    "identifiable": "Identifiable",
    "audience": "Audience",
}
"""Stage -> its name for people; so below with shares, with those who stay behind, and why."""

_SHARES = {
    "tagged_share": "Tagged",
    "own_words_tagged_share": "Tagged by own words",
    "lead_of_eligible_share": "Lead cards that are eligible",
    "lead_of_all_share": "Lead cards",
    "ready_share": "Ready",
    "identifiable_share": "Identifiable",
}
_DROPS = {
    "not_eligible": "Too few words to be eligible",
    "no_lead": "No lead",
    "untagged": "Leads without a tribe",
    "incomplete": "Incomplete leads",
    "withheld": "Withheld leads",
    "not_identifiable": "Ready, and not identifiable",
}
_REASONS = {
    "no_signal": "neither a role nor a topic",
    "audience": "a topic and no role (audience)",
    "lead_cards": "leads all the same",
    "no_tribe": "no tribe",
    "low_confidence": "labels not sure enough",
    "no_market": "no market",
    "minor": "under 18",
    "protected": "protected account",
    "private": "private account",
    "suspended": "suspended account",
    "parody": "fan or parody account",
    "suppressed": "asked to be left alone",
    "stale": "not seen for two years",
    "policy": "platform closed by policy",
}
_BANDS = {
    "under_1k": "under 1,000",
    "1k_10k": "1,000 to 10,000",
    "10k_100k": "10,000 to 100,000",
    "100k_1m": "100,000 to 1 million",
    "over_1m": "1 million and more",
    "unknown": "not known",
}


@dataclass(frozen=True, slots=True)
class Bar:
    """A line of a list: how many, the share of them all, the length of its bar in percent.

    A sum of others has no bar (null): it would outshine what it stands beside.
    """

    name: str
    count: int
    share: float
    width: float | None


@dataclass(frozen=True, slots=True)
class Step:
    """A stage of the funnel: how many reach it, the shares that are told, its bar in percent."""

    name: str
    count: int
    told: Sequence[str]
    width: float


@dataclass(frozen=True, slots=True)
class Share:
    """A share with both its parts; None of nothing."""

    name: str
    part: int
    whole: int
    of: str
    value: float | None


@dataclass(frozen=True, slots=True)
class Pool:
    """A pool, its sizes, and the words that its evidence rests on."""

    name: str
    sizes: portrait.Sizes
    terms: Sequence[str]


@dataclass(frozen=True, slots=True)
class Pair:
    """Leads and audience of one tribe, each with the length of its bar in percent."""

    name: str
    leads: int
    audience: int
    leads_width: float | None
    audience_width: float | None


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of the heat map; tone 0 is none, the highest the most, null (of others) no colour."""

    count: int
    tone: int | None


@dataclass(frozen=True, slots=True)
class Change:
    """A count, or the share of `of`, then and now, as they are read."""

    name: str
    of: str
    then: str
    now: str
    change: str


def view(market: Market, names: Mapping[str, str]) -> dict[str, Any]:
    """Everything that the template asks for, by name.

    Args:
        market: From `market.read`.
        names: Label -> its name for people.
    """
    counts = portrait.stages(market)

    def named(value: str | None, column: str) -> str:
        if value is None:
            return _NONE[column]
        return names.get(value) or value.replace("_", " ")

    countries = {k: s.cards for k, s in portrait.by(market.pools, "country").items() if s.cards}
    bands = dict(market.follower_bands)
    return {
        "tiles": _tiles(counts),
        "steps": _steps(counts),
        "drops": _drops(counts),
        "shares": _shares(counts),
        "changes": _changes(market),
        "grid": _grid(market, named),
        "pools": _pools(market),
        "pairs": _pairs(portrait.by(market.pools, "tribe"), named),
        "countries": _bars(countries, lambda each: named(each, "country")),
        "languages": _bars(dict(market.languages), lambda each: named(each, "language")),
        "bands": _bars({b: bands[b] for b in _BANDS if b in bands}, _BANDS.__getitem__, len(BANDS)),
        "no_cost": _no_cost(market.cost),
    }


def percent(share: float) -> str:
    """Such as `80.6 %`."""
    return f"{100 * share:.1f} %"


def _share_of(counts: Mapping[str, int], part: str, whole: str) -> str:
    """Such as `80.0 % of lead cards`; of nothing a dash."""
    share = percent(counts.get(part, 0) / counts[whole]) if counts.get(whole) else "–"
    return f"{share} of {_spoken(whole)}"


def _spoken(stage: str) -> str:
    return stage.replace("_", " ")


def _tiles(counts: Mapping[str, int]) -> list[tuple[str, str, str]]:
    """The figures to begin with: what, how much, of what."""
    tagged = shares(counts)["tagged_share"] if counts.get("lead_cards") else None
    met = "" if tagged is None else " met" if tagged >= TAGGED_GOAL else " missed"
    goal = f"goal {TAGGED_GOAL:.0%}{met}"
    return [
        ("Lead cards", f"{counts.get('lead_cards', 0):,}", _share_of(counts, *portrait.LEADS)),
        (
            "Tagged",
            percent(tagged) if tagged is not None else "–",
            f"of lead cards; {goal}",
        ),
        ("Ready", f"{counts.get('ready', 0):,}", _share_of(counts, "ready", "lead_cards")),
        (
            "Identifiable",
            f"{counts['identifiable']:,}",
            _share_of(counts, "identifiable", "ready"),
        ),
        (
            "Audience beside",
            f"{counts.get('audience', 0):,}",
            _share_of(counts, "audience", "identities"),
        ),
    ]


def _steps(counts: Mapping[str, int]) -> list[Step]:
    most = max(counts.get("identities", 0), 1)
    return [
        Step(
            _NAMES[stage],
            counts.get(stage, 0),
            [_share_of(counts, *each) for each in told],
            100 * counts.get(stage, 0) / most,
        )
        for stage, told in portrait.STEPS.items()
    ]


def _drops(counts: Mapping[str, int]) -> list[portrait.Drop]:
    return [
        replace(
            drop,
            name=_DROPS[drop.name],
            of=_spoken(drop.of),
            reasons={_REASONS[name]: count for name, count in drop.reasons.items()},
        )
        for drop in portrait.drops(counts)
        if drop.count
    ]


def _shares(counts: Mapping[str, int]) -> list[Share]:
    found = shares(counts, portrait.TOLD)
    return [
        Share(
            _SHARES[name],
            counts.get(part, 0),
            counts.get(whole, 0),
            _spoken(whole),
            found[name] if counts.get(whole) else None,
        )
        for name, (part, whole) in portrait.TOLD.items()
    ]


def _grid(market: Market, named: Named) -> dict[str, Any]:
    found = portrait.grid(market.pools, GRID_ROWS, GRID_COLUMNS)
    rows = [named(each, "persona") for each in found.rows]
    columns = [named(each, "tribe") for each in found.columns]
    shown = [row[: len(columns)] for row in found.cells[: len(rows)]]
    most = max((count for row in shown for count in row), default=0)
    cells = [[Cell(count, _tone(count, most)) for count in row] for row in shown]
    if found.more_columns:
        columns.append(f"{found.more_columns} others")
        for row, counts in zip(cells, found.cells, strict=False):
            row.append(Cell(counts[-1], None))
    if found.more_rows:
        rows.append(f"{found.more_rows} others")
        cells.append([Cell(count, None) for count in found.cells[-1]])
    return {
        "columns": columns,
        "rows": [
            (name, row, sum(cell.count for cell in row))
            for name, row in zip(rows, cells, strict=True)
        ],
        "totals": [sum(column) for column in zip(*found.cells, strict=True)],
        "total": sum(map(sum, found.cells)),
    }


def _tone(count: int, most: int) -> int:
    """By the square root, so that the many small cells still differ."""
    return 0 if not count else 1 + round((TONES - 1) * (count / most) ** 0.5)


def _pools(market: Market) -> list[Pool]:
    """The largest pools, and the others summed up."""
    said = portrait.terms(market.pools)
    sizes = portrait.by(market.pools, "audience_pool")
    first, others = portrait.split(sizes, POOLS)
    listed = [Pool(name, size, said.get(name, [])) for name, size in first.items()]
    if others:
        listed.append(Pool(f"{len(others)} others", portrait.total(others), []))
    return listed


def _bars(sizes: Mapping[K, int], name: Callable[[K], str], shown: int = BARS) -> list[Bar]:
    first, others = portrait.split(sizes, shown)
    whole, most = sum(sizes.values()), max(first.values(), default=1)
    bars = [Bar(name(each), n, n / whole, 100 * n / most) for each, n in first.items()]
    if others:
        bars.append(Bar(f"{len(others)} others", sum(others), sum(others) / whole, None))
    return bars


def _pairs(by_tribe: Mapping[str | None, portrait.Sizes], named: Named) -> list[Pair]:
    """The tribes with the most leads and audience together; who has none is no tribe here."""
    known = [(tribe, sizes) for tribe, sizes in by_tribe.items() if tribe]
    known.sort(key=lambda each: -each[1].cards - each[1].audience)
    first, others = portrait.split(dict(known), BARS)
    most = max((max(each.cards, each.audience) for each in first.values()), default=1)
    pairs = [
        Pair(
            named(tribe, "tribe"),
            each.cards,
            each.audience,
            100 * each.cards / most,
            100 * each.audience / most,
        )
        for tribe, each in first.items()
    ]
    if others:
        rest = portrait.total(others)
        pairs.append(Pair(f"{len(others)} others", rest.cards, rest.audience, None, None))
    return pairs


def _no_cost(cost: MarketCost | None) -> str | None:
    """Why no price can be told; None: it can."""
    if cost is None:
        return "Who made this page may not read prices; sxe market MARKET --html FILE shows them."
    if not cost.candidates:
        return "No card of this market stands before the gate, so nobody could be asked about."
    if not cost.has_policy:
        return "No platform policy is in force at the gate, so every platform is closed."
    if not cost.open_candidates:
        return "The platform policy in force opens no platform of these cards for any purpose."
    if not cost.prices:
        return "No price card is in force, so nobody knows what it would cost."
    return None


def _changes(market: Market) -> list[Change]:
    if market.before is None:
        return []
    then, now = market.before.stages, market.now.stages
    counted = [
        Change(
            _NAMES[name],
            "",
            f"{then.get(name, 0):,}",
            f"{now.get(name, 0):,}",
            f"{now.get(name, 0) - then.get(name, 0):+,}",
        )
        for name in _COMPARED
    ]
    told = portrait.KEPT_SHARES
    before, after = shares(then, told), shares(now, told)
    return counted + [
        Change(
            _SHARES[name],
            _spoken(whole),
            percent(before[name]),
            percent(after[name]),
            f"{round(100 * (after[name] - before[name]), 1) + 0.0:+} pt",
        )
        for name, (_, whole) in told.items()
        if then.get(whole) and now.get(whole)
    ]

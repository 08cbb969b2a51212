"""A market on one page: one HTML file that needs nothing but itself.

Here: what the page says, in which words and sizes; how it looks stands beside it (`.html`, `.css`).
Pure: counts in, text out. No script, no request, and every text escaped: evidence terms are words
of profiles. Not here: reading (`market`), sums (`portrait`), where a page is kept (`market_pages`).
"""

import base64
import functools
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from sxe_pipeline.cards import portrait
from sxe_pipeline.cards.card import BANDS
from sxe_pipeline.cards.funnel import TAGGED_GOAL, shares
from sxe_pipeline.cards.market import Market
from sxe_pipeline.gate.reads import MarketCost

GRID_ROWS, GRID_COLUMNS = 12, 10
BARS = 10
POOLS = 15
TONES = 7
LONGEST_TERM = 60

Named = Callable[[str | None, str], str]
"""A value and its column -> how people call it."""

_COMPARED = ("identities", "eligible", "audience", "lead_cards", "tagged", "ready")

_HERE = Path(__file__).parent
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
"""Control characters, and the marks that turn the direction of what stands behind them."""

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
    "not_eligible": "Say too little to be labeled",
    "no_lead": "No lead",
    "untagged": "Leads without a tribe",
    "incomplete": "Incomplete leads",
    "withheld": "Withheld leads",
    "not_identifiable": "Ready, and not identifiable",
}
_REASONS = {
    "no_signal": "neither a role nor a topic",
    "audience": "a topic and no role (audience)",
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


def page(market: Market, names: Mapping[str, str], made_at: datetime) -> str:
    """The whole page of a market.

    Args:
        market: From `market.read`.
        names: Label -> its name for people.
        made_at: When this is happening, in UTC.

    Returns:
        HTML, the same for the same arguments.
    """
    environment, css = _templates()
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    counts = portrait.stages(market)

    def named(value: str | None, column: str) -> str:
        if value is None:
            return _NONE[column]
        return _short(names.get(value) or value.replace("_", " "))

    countries = portrait.by(market.pools, "country")
    return environment.get_template("market_page.html").render(
        css=Markup(css),  # noqa: S704 - our own file, and its hash is what the policy lets in
        csp=f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'",
        market=market,
        made_at=f"{made_at:%Y-%m-%d %H:%M} UTC",
        tiles=_tiles(counts),
        steps=_steps(counts),
        drops=_drops(counts),
        shares=_shares(counts),
        grid=_grid(market, named),
        pools=_pools(market),
        pairs=_pairs(portrait.by(market.pools, "tribe"), named),
        countries=_bars({named(k, "country"): s.cards for k, s in countries.items()}),
        languages=_bars({named(k, "language"): n for k, n in market.languages}),
        bands=_bars(_in_order(dict(market.follower_bands)), len(BANDS)),
        cost={"says": _no_cost(market.cost)},
        changes=_changes(market),
    )


@functools.cache
def _templates() -> tuple[Environment, str]:
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "n": "{:,}".format,
        "percent": _percent,
        "usd": _usd,
        "short": _short,
        "breakable": _breakable,
    }
    return environment, (_HERE / "market_page.css").read_text(encoding="utf-8")


def _shown(value: object) -> object:
    """What is printed for any value: of a text only what can be seen."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return _UNSEEN.sub("", value)


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_TERM else f"{text[:LONGEST_TERM]}…"


def _breakable(slug: str) -> Markup:
    """A slug that may end a line behind each of its words."""
    return Markup("_<wbr>").join(_UNSEEN.sub("", slug).split("_"))


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _usd(micros: int) -> str:
    return f"${micros / 1_000_000:,.2f}"


def _share_of(counts: Mapping[str, int], part: str, whole: str) -> str:
    """Such as `80.0 % of lead cards`; of nothing a dash."""
    share = _percent(counts.get(part, 0) / counts[whole]) if counts.get(whole) else "–"
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
            _percent(tagged) if tagged is not None else "–",
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
    listed = [Pool(_short(name), size, said.get(name, [])) for name, size in first.items()]
    if others:
        listed.append(Pool(f"{len(others)} others", portrait.total(others), []))
    return listed


def _bars(sizes: Mapping[str, int], shown: int = BARS) -> list[Bar]:
    counted = {name: count for name, count in sizes.items() if count}
    first, others = portrait.split(counted, shown)
    whole, most = sum(counted.values()), max(first.values(), default=1)
    bars = [Bar(name, n, n / whole, 100 * n / most) for name, n in first.items()]
    if others:
        bars.append(Bar(f"{len(others)} others", sum(others), sum(others) / whole, None))
    return bars


def _in_order(bands: Mapping[str | None, int]) -> dict[str, int]:
    return {name: bands.get(band, 0) for band, name in _BANDS.items()}


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
        return "This login may not read prices."
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
            _percent(before[name]),
            _percent(after[name]),
            f"{round(100 * (after[name] - before[name]), 1) + 0.0:+} pt",
        )
        for name, (_, whole) in told.items()
        if then.get(whole) and now.get(whole)
    ]

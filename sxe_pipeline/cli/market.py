"""The verb of whoever must prove a market: all markets, one on a screen, one on a page.

Here: reading arguments, a screen of 24 lines of 80 columns, the file. Not here: what is counted
(`cards.markets.portrait`), how the page looks (`cards.markets.market_page`).
"""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import zip_longest
from pathlib import Path
from typing import Any

import click

from sxe_pipeline import contracts_root
from sxe_pipeline.cli.logins import api_connection
from sxe_pipeline.cli.output import answer, as_json, plain, table
from sxe_pipeline.errors import BadInput, is_full
from sxe_pipeline.local.program import program

_WIDE = 80
_POOLS, _LABELS = 5, 5
_SIZES = ("leads", "ready", "tagged", "ident.", "audience")
_KEYS = {"leads": "cards", "ident.": "identifiable"}
"""Heading -> its key, where they differ."""


@click.command()
@click.argument("slug", metavar="[MARKET]", required=False)
@click.option("--all", "is_all", is_flag=True, help="All pools of MARKET by persona and tribe.")
@click.option(
    "--html",
    "page",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="MARKET on one page, for a browser or paper; nothing is loaded from elsewhere.",
)
@as_json
def market(slug: str | None, is_all: bool, page: Path | None, as_json: bool) -> None:
    """All markets, or one: its funnel, shares and largest pools; --html FILE puts it on a page."""
    if slug is None:
        if is_all or page:
            raise BadInput("--all and --html are of one MARKET: name it; `sxe market` lists them")
        _list(as_json)
        return
    if page is not None:
        _require_file(page)
    from sxe_pipeline.cards import taxonomy
    from sxe_pipeline.cards.markets import market as markets
    from sxe_pipeline.cards.markets import market_page, portrait

    labels = taxonomy.load(contracts_root() / "taxonomy")
    with api_connection() as conn:
        found = markets.read(conn, slug, labels)
    data = portrait.as_dict(found)
    if page is not None:
        _write(page, market_page.page(found, labels.names, datetime.now(UTC)))
        data["file"] = str(page)
        answer("market", data, as_json, [f"{plain(slug)} is in {page}; open it in a browser"])
    elif is_all:
        answer("market", data, as_json, map(plain, _parts(data["rows"])))
    else:
        answer("market", data, as_json, (_cut(plain(line), _WIDE) for line in _screen(data)))


def _list(as_json: bool) -> None:
    from sxe_pipeline.cards.markets import market as markets

    with api_connection() as conn:
        rows = markets.markets(conn)
    shown = [
        {
            "market": row["market"],
            "leads": row["cards"],
            "ready": row["ready"],
            "audience": row["audience"],
            "pools": row["pools"],
            "tagged": _part_of(row["tagged_share"], row["cards"]),
            "lead/elig": _part_of(row["lead_of_eligible_share"], row["cards"]),
            "lead/all": _part_of(row["lead_of_all_share"], row["cards"]),
        }
        for row in rows
    ]
    more = [] if rows else ["no market was built yet: sxe ingest PATH, then sxe build"]
    answer("market", {"rows": rows}, as_json, [*map(plain, table(shown)), *more])


def _part_of(share: float, cards: int) -> str | None:
    return f"{share:.2f}" if cards else None


def _screen(data: Mapping[str, Any]) -> Iterator[str]:
    yield f"{data['market']}, as of landed day {data['landed_day']}"
    yield data["rule"]
    for name, count, beside in _funnel(data):
        yield _listed(f"{_spoken(name):<14}{count:>9,}  ", beside)
    yield ""
    yield f"{'pool':<30}" + "".join(f"{name:>10}" for name in _SIZES)
    for pool in data["pools"][:_POOLS]:
        numbers = "".join(f"{pool[_KEYS.get(name, name)]:>10,}" for name in _SIZES)
        yield f"{_cut(pool['audience_pool'], 29):<30}{numbers}"
    yield ""
    personas = _lines("persona", data["personas"], ("leads",))
    tribes = _lines("tribe", data["tribes"], ("leads", "audience"))
    yield from (f"{a:<36}{b}".rstrip() for a, b in zip_longest(personas, tribes, fillvalue=""))
    yield f"all parts: --all; on a page: {program()} market {data['market']} --html FILE"


def _funnel(data: Mapping[str, Any]) -> Iterator[tuple[str, int, list[str]]]:
    """Stages with their shares, those who are no lead with the reasons, and cards held back."""
    from sxe_pipeline.cards.markets.portrait import STEPS

    counts, drops = data["stages"], {drop["name"]: drop for drop in data["drops"]}
    held = [drops["incomplete"], drops["withheld"]]
    for stage, told in STEPS.items():
        shares = [
            f"{counts.get(part, 0) / counts[whole]:.3f} of {_spoken(whole)}"
            for part, whole in told
            if counts.get(whole)
        ]
        reasons = drops["no_lead"]["reasons"] if stage == "identities" else {}
        yield stage, counts.get(stage, 0), [*shares, *_counted(reasons)]
    reasons = held[0]["reasons"] | held[1]["reasons"]
    yield "held back", sum(drop["count"] for drop in held), _counted(reasons)


def _counted(reasons: Mapping[str, int]) -> list[str]:
    return [f"{_spoken(reason)} {count:,}" for reason, count in reasons.items()]


def _listed(line: str, items: Sequence[str]) -> str:
    """The line with as many whole items as it has room for."""
    for at, item in enumerate(items):
        longer = f"{line}{', ' if at else ''}{item}"
        if len(longer) > _WIDE - 3 * (at + 1 < len(items)):
            return f"{line}, …"
        line = longer
    return line.rstrip()


def _lines(column: str, rows: Sequence[Mapping[str, Any]], sizes: Sequence[str]) -> Iterator[str]:
    """A heading and the largest of them, the numbers to the right."""
    yield f"{column:<23}" + "".join(f"{name:>10}" for name in sizes)
    known = [row for row in rows if any(row[_KEYS.get(name, name)] for name in sizes)]
    for row in known[:_LABELS]:
        numbers = "".join(f"{row[_KEYS.get(name, name)]:>10,}" for name in sizes)
        yield f"{_cut(row[column] or 'none', 22):<23}{numbers}"


def _parts(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Every pool by persona and tribe, in 80 columns."""
    sizes = ("leads", "ready", "audience")
    names = ("audience_pool", "persona", "tribe")
    yield f"{'pool':<19}{'persona':<17}{'tribe':<17}" + "".join(f"{name:>9}" for name in sizes)
    for row in rows:
        pool, persona, tribe = (row[name] or "none" for name in names)
        numbers = "".join(f"{row[_KEYS.get(name, name)]:>9,}" for name in sizes)
        yield f"{_cut(pool, 18):<19}{_cut(persona, 16):<17}{_cut(tribe, 16):<17}{numbers}"


def _spoken(name: str) -> str:
    return name.replace("_", " ")


def _cut(text: str, width: int) -> str:
    """At most so many letters.

    Example:
        >>> _cut("educators", 5), _cut("media", 5)
        ('educ…', 'media')
    """
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _require_file(page: Path) -> None:
    """Refuse what cannot become a file, before anything is read."""
    if page.exists() and not page.is_file():
        raise BadInput(f"{page} is there and no file; name a file, such as market.html")
    if not page.absolute().parent.is_dir():
        raise BadInput(f"there is no folder {page.absolute().parent}; make it, or name another")


def _write(page: Path, text: str) -> None:
    """The file, whole or not at all; one that is there is replaced, also behind a link."""
    target = page.resolve()
    part = target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        try:
            part.write_text(text, encoding="utf-8")
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        if is_full(error):
            raise
        raise BadInput(f"{page} cannot be written ({error.strerror}); name another file") from None

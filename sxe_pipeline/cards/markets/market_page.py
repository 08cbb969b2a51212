"""A market on one page: one HTML file that needs nothing but itself.

Here: putting the page down. No script, no request, and every text escaped: evidence terms are words
of profiles. How it looks stands beside it (`.html`, `.css`). Not here: what it says
(`market_view`), where a page is kept (`market_pages`).
"""

import base64
import functools
import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from sxe_pipeline.cards.markets.market import Market
from sxe_pipeline.cards.markets.market_view import percent, view

LONGEST_NAME = 60

_HERE = Path(__file__).parent
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
"""Control characters, and the marks that turn the direction of what stands behind them."""


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
    return environment.get_template("market_page.html").render(
        css=Markup(css),  # noqa: S704 - our own file, and its hash is what the policy lets in
        csp=f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'",
        market=market,
        made_at=f"{made_at:%Y-%m-%d %H:%M} UTC",
        **view(market, names),
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
        "percent": percent,
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
    """Its beginning, where it is longer than any name of ours."""
    return text if len(text) <= LONGEST_NAME else f"{text[:LONGEST_NAME]}…"


def _breakable(slug: str) -> Markup:
    """A slug that may end a line behind each of its words."""
    return Markup("_<wbr>").join(_short(_UNSEEN.sub("", slug)).split("_"))


def _usd(micros: int) -> str:
    return f"${micros / 1_000_000:,.2f}"

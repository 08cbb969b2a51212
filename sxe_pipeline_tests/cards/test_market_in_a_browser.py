"""The page of a market, opened in a real Chromium: on a desk, on a phone, in the dark, on paper.

SXE_AXE names a file of axe-core (npm's `axe-core/axe.min.js`), which then looks for barriers, too.
"""

import os
from pathlib import Path

import pytest

from sxe_pipeline.cards.markets import market_page
from sxe_pipeline_tests.browser import ABSENT, CHROMIUM, browser
from sxe_pipeline_tests.cards.markets import BAD, MAKERS, NOBODY, NOW, ONE, WIDE

AXE = os.environ.get("SXE_AXE")
MARKETS = {"makers": MAKERS, "wide": WIDE, "nobody": NOBODY, "one": ONE, "hostile": BAD}
LOOKS = [(1280, False), (1280, True), (360, False), (360, True)]

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=ABSENT)


@pytest.fixture(scope="module")
def tab(processes, tmp_path_factory):
    with browser(tmp_path_factory.mktemp("browser")) as tab:
        yield tab


@pytest.fixture(params=MARKETS)
def address(request, tmp_path):
    """Where the page of one of the markets is."""
    file = tmp_path / f"{request.param}.html"
    file.write_text(market_page.page(MARKETS[request.param], {}, NOW), encoding="utf-8")
    return file.as_uri()


@pytest.mark.parametrize(("width", "dark"), LOOKS)
def test_a_page_fits_asks_for_nothing_and_breaks_no_rule_of_its_own(tab, address, width, dark):
    tab.open(address, width=width, dark=dark)

    wide = tab.run("[document.documentElement.scrollWidth, innerWidth]")
    ground = tab.run("getComputedStyle(document.body).backgroundColor")
    assert wide == [width, width], "nothing beside the screen"
    assert tab.requests() == [address]
    assert tab.complaints() == [], "no policy refused anything, as nothing was tried"
    assert (ground == "rgb(255, 255, 255)") is not dark, "the page's own style is in force"


def test_a_page_is_printed_on_paper_of_its_width(tab, address):
    tab.open(address, width=688, media="print", dark=True)

    wide = tab.run("Math.max(...[...document.querySelectorAll('table')].map(t => t.scrollWidth))")
    ground = tab.run("getComputedStyle(document.body).backgroundColor")
    assert wide <= 688
    assert ground == "rgb(255, 255, 255)", "paper is white, whatever the screen"
    assert tab.paper().startswith(b"%PDF-")


@pytest.mark.skipif(AXE is None, reason="SXE_AXE is not set: no axe-core looks for barriers")
@pytest.mark.parametrize(("width", "dark"), LOOKS)
def test_a_page_puts_no_barrier_up(tab, address, width, dark):
    tab.open(address, width=width, dark=dark)
    tab.run(f"{Path(AXE).read_text(encoding='utf-8')}; 0")

    found = tab.run("axe.run().then(r => r.violations.map(v => [v.id, v.nodes.map(n => n.html)]))")
    assert found == []

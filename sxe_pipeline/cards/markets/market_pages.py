"""The pages of all markets, kept in the Tier 1 store beside the tables that they tell of.

Here: which pages there are, and where. An object is written once, so a page has a name of its own
each time; those of before go, and with them the pages of markets that are gone. Not here: what a
page says (`market_page`).
"""

from collections.abc import Mapping
from datetime import datetime

import psycopg

from sxe_pipeline import contracts_root
from sxe_pipeline.cards import taxonomy
from sxe_pipeline.cards.markets import market, market_page
from sxe_pipeline.settings import Settings
from sxe_pipeline.store.objects import Objects

FOLDER = "cards/market_pages"


def put(
    conn: psycopg.Connection, settings: Settings, now: datetime, *, is_new: bool = True
) -> Mapping[str, str]:
    """Write the page of every market, and remove those of before.

    Args:
        conn: The social tier's login.
        settings: Where the store is.
        now: When this is happening, in UTC.
        is_new: Whether the pools are; of the same ones the pages that are there stay.

    Returns:
        Market -> key of its page in the Tier 1 store, the largest market first.
    """
    labels = taxonomy.load(contracts_root() / "taxonomy")
    store = Objects(settings.tier1_url)
    before = [entry.key for entry in store.list(FOLDER)]
    with conn.transaction():
        names = [row["market"] for row in market.markets(conn)]
        if not is_new and before:
            there = {key.removeprefix(f"{FOLDER}/").partition(".")[0]: key for key in before}
            return {name: there[name] for name in names if name in there}
        found = [market.read(conn, name, labels) for name in names]
    keys = {}
    for each in found:
        keys[each.market] = f"{FOLDER}/{each.market}.{now:%Y-%m-%dT%H%M%S.%f}Z.html"
        store.put_new(keys[each.market], market_page.page(each, labels.names, now).encode())
    for key in before:
        store.delete(key)
    return keys

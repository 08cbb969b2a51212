"""The pages of all markets, kept in the Tier 1 store beside the tables that they tell of.

Here: which pages there are, and where. An object is written once, so a page is named by a digest of
what it tells: one that would tell the same stays, and the others go, with them those of markets
that are gone. Not here: what a page says (`market_page`).
"""

from collections.abc import Mapping
from datetime import datetime

import psycopg

from sxe_pipeline import contracts_root
from sxe_pipeline.cards import inputs, taxonomy
from sxe_pipeline.cards.markets import market, market_page
from sxe_pipeline.ops import versions
from sxe_pipeline.settings import Settings
from sxe_pipeline.store.objects import Objects

FOLDER = "cards/market_pages"


def put(conn: psycopg.Connection, settings: Settings, now: datetime) -> Mapping[str, str]:
    """Write the page of every market that would tell something new, and remove the others.

    Args:
        conn: The social tier's login.
        settings: Where the store is.
        now: When this is happening, in UTC.

    Returns:
        Market -> key of its page in the Tier 1 store, the largest market first.
    """
    labels = taxonomy.load(contracts_root() / "taxonomy")
    store = Objects(settings.tier1_url)
    before = {entry.key for entry in store.list(FOLDER)}
    with conn.transaction():
        names = [row["market"] for row in market.markets(conn)]
        found = [market.read(conn, name, labels) for name in names]
    keys = {}
    for each in found:
        told = versions.digest(market=repr(each), labels=labels.sha256, code=inputs.code())
        key = keys[each.market] = f"{FOLDER}/{each.market}.{told[:16]}.html"
        if key not in before:
            store.put_new(key, market_page.page(each, labels.names, now).encode())
    for key in before.difference(keys.values()):
        store.delete(key)
    return keys

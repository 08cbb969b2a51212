"""Ready cards become candidates for enrichment: what a provider may be told about them.

Here: the match inputs, as the profile states them and no more. Pure. Not here: who may be asked for
(the gate), what a provider needs (its price card).
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

import pyarrow as pa

from sxe_pipeline.cards.places import Gazetteer
from sxe_pipeline.gate.candidates import Candidate
from sxe_pipeline.schema import duck

_WORD = re.compile(r"[^\W\d_]+(?:['’.-][^\W\d_]+)*\.?")
_TITLES = frozenset(
    ("dr", "mr", "mrs", "ms", "prof", "sir", "dame", "rev", "phd", "md", "mba", "jr", "sr")
)
_LINKEDIN = re.compile(r"(?:https?://)?(?:[a-z]{2,3}\.)?linkedin\.com/in/([\w%-]{2,100})", re.I)
_SHARED = re.compile(
    r"(?:^|\.)(?:x|twitter|tiktok|threads|instagram|facebook|fb|youtube|youtu|linkedin|github|twitch"
    r"|snapchat|pinterest|reddit|medium|substack|patreon|spotify|soundcloud|etsy|amazon|amzn|apple"
    r"|google|goo|bit|discord|linktr|beacons|bio|carrd|linkin|lnk|taplink|campsite|wordpress|blogspot"
    r"|tumblr|wixsite|notion|calendly|gofundme|ko-fi|onlyfans|cash|venmo|paypal)\.[a-z.]+$"
)
"""Hosts that thousands share: they say nothing about whose company it is."""


_BATCH_ROWS = 10_000
_CARD = (
    *("card_id", "market", "audience_pool", "display_name", "country", "region"),
    *("link_domains", "platforms"),
)
_READY = f"""
with ready as (
    select *, list_sort(list_distinct([account.platform for account in accounts])) as platforms
    from cards {{chosen}} anti join gone using (card_id)
    where readiness_state = 'ready' and account_type in ('person', 'creator')
), stated as (
    select card_id, platform, account_key, follower_count, location, links
    from identities semi join ready using (card_id) join profiles using (platform, account_key)
)
select {", ".join(f"ready.{name}" for name in _CARD)}, location, links
from ready left join stated using (card_id)
order by card_id, coalesce(stated.follower_count, 0) desc, stated.platform, account_key
"""
"""A row for each account: lists of them would have to fit into memory, what is sorted need not."""

CARD_READS = (
    *(name for name in _CARD if name != "platforms"),
    *("accounts", "readiness_state", "account_type"),
)
PROFILE_READS = ("location", "links")
ORDER_READS = ("follower_count",)
"""The columns that a candidate follows from: of its card, of each profile, and of the profiles of a
card that has several."""


def candidates(
    cards: duck.Rows,
    identities: duck.Rows,
    profiles: duck.Rows,
    gazetteer: Gazetteer,
    without: Collection[str] = (),
    only: Collection[str] | None = None,
) -> Iterator[Candidate]:
    """One candidate for each ready card of a person or creator.

    Args:
        cards: Table CARD.
        identities: Table IDENTITY.
        profiles: Table PROFILE; those with the most followers speak first.
        gazetteer: Names of cities.
        without: Ids of cards that are none.
        only: Ids of the cards that are looked at; all by default.

    Yields:
        In the order of their ids. `inputs` holds what is known of: first_name, last_name, city,
        region, country, domain, linkedin_url.
    """
    gone, chosen = (
        pa.table({"card_id": pa.array(sorted(ids), pa.string())}) for ids in (without, only or ())
    )
    ready = _READY.format(chosen="" if only is None else "semi join chosen using (card_id)")
    with duck.opened() as engine:
        duck.show(engine, cards=cards, identities=identities, profiles=profiles)
        duck.show(engine, gone=gone, chosen=chosen)
        batches = engine.sql(ready).to_arrow_reader(_BATCH_ROWS)
        rows = (row for batch in batches for row in batch.to_pylist())
        for card_id, same in groupby(rows, key=itemgetter("card_id")):
            accounts = list(same)
            card = accounts[0]
            yield Candidate(
                card_id,
                card["market"],
                card["audience_pool"],
                card["platforms"],
                inputs(card, accounts, gazetteer),
            )


def inputs(
    card: Mapping[str, Any], accounts: Sequence[Mapping[str, Any]], gazetteer: Gazetteer
) -> dict[str, str]:
    """What a provider may be told about a card.

    Args:
        card: display_name, country, region (ISO 3166-2) and link_domains.
        accounts: location and links of its profiles.
        gazetteer: Names of cities.
    """
    first, last = name_of(card["display_name"])
    region = card["region"]
    found = {
        "first_name": first,
        "last_name": last,
        "city": next((c for a in accounts if (c := gazetteer.city(a["location"]))), None),
        "region": region.partition("-")[2] or region if region else None,
        "country": card["country"],
        "domain": next((d for d in card["link_domains"] or () if not _SHARED.search(d)), None),
        "linkedin_url": next(
            (
                f"https://www.linkedin.com/in/{m[1]}"
                for a in accounts
                for link in a["links"] or ()
                if (m := _LINKEDIN.match(link))
            ),
            None,
        ),
    }
    return {name: value for name, value in found.items() if value}


def name_of(display_name: str | None) -> tuple[str | None, str | None]:
    """First and last name, where the display name is plainly two to four words of letters.

    Example:
        >>> name_of("Dr. Ana María Silva 🌱")
        ('Ana', 'Silva')
        >>> name_of("ana | growth tips")
        (None, None)
    """
    words = []
    for part in (display_name or "").split():
        if not any(c.isalnum() for c in part) and not set(part) & set("|/&+@#:[]"):
            continue  # an emoji or a dash beside the name
        part = part.strip(',()"“”')
        if not _WORD.fullmatch(part):
            return None, None
        if part.rstrip(".").lower() not in _TITLES:
            words.append(part.rstrip("."))
    if not 2 <= len(words) <= 4 or any(len(w) < 2 for w in (words[0], words[-1])):
        return None, None
    return words[0], words[-1]

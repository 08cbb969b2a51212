"""Ready cards become candidates for enrichment: what a provider may be told about them.

Here: the match inputs, as the profile states them and no more. Pure. Not here: who may be asked for
(the gate), what a provider needs (its price card).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from sxe_pipeline.cards.places import Gazetteer
from sxe_pipeline.gate.candidates import Candidate

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


def candidates(
    cards: pa.Table, identities: pa.Table, profiles: pa.Table, gazetteer: Gazetteer
) -> Iterator[Candidate]:
    """One candidate for each ready card of a person or creator.

    Args:
        cards: Table CARD.
        identities: Table IDENTITY.
        profiles: Table PROFILE.
        gazetteer: Names of cities.

    Yields:
        In the order of the cards. `inputs` holds what is known of: first_name, last_name, city,
        region, country, domain, linkedin_url.
    """
    wanted = pc.and_(
        pc.equal(cards["readiness_state"], "ready"),
        pc.is_in(cards["account_type"], pa.array(["person", "creator"])),
    )
    ready = cards.filter(wanted).select(
        [
            *("card_id", "market", "audience_pool", "display_name", "country", "region"),
            *("link_domains", "accounts"),
        ]
    )
    stated = _stated(ready, identities, profiles)
    for card in ready.to_pylist():
        yield Candidate(
            card["card_id"],
            card["market"],
            card["audience_pool"],
            sorted({account["platform"] for account in card["accounts"]}),
            inputs(card, stated.get(card["card_id"], ()), gazetteer),
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
                for link in a["links"]
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


def _stated(
    ready: pa.Table, identities: pa.Table, profiles: pa.Table
) -> dict[str, list[Mapping[str, Any]]]:
    """Card -> location and links of its profiles, most followers first."""
    members = identities.select(["card_id", "platform", "account_key"]).filter(
        pc.is_in(identities["card_id"], ready["card_id"].combine_chunks())
    )
    columns = ["platform", "account_key", "location", "links", "follower_count"]
    joined = members.join(
        profiles.select(["platform", "account_key"]).append_column(
            "position", pa.array(range(profiles.num_rows), pa.int64())
        ),
        ["platform", "account_key"],
        join_type="inner",
    )
    rows = profiles.select(columns).take(joined["position"]).to_pylist()
    stated: dict[str, list[Mapping[str, Any]]] = {}
    for card_id, row in zip(joined["card_id"].to_pylist(), rows, strict=True):
        stated.setdefault(card_id, []).append(row)
    for accounts in stated.values():
        accounts.sort(key=lambda a: (-(a["follower_count"] or 0), a["platform"], a["account_key"]))
    return stated

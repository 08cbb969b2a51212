"""What X and the vendors of its data write about an account: one payload per shape.

Belongs here: pure functions from an account to a payload. Not here: how often each is met
(`shapes`).
"""

import base64
from typing import Any

from sxe_pipeline.sandbox.people import Account, iso, masked, profile_url

Payload = dict[str, Any]


def _x_date(account: Account) -> str:
    return account.created_at.strftime("%a %b %d %H:%M:%S +0000 %Y")


def _x_entities(account: Account) -> Payload:
    """A website that t.co stands for, and the other links in the text."""
    urls = [
        {"url": f"https://t.co/{at}", "expanded_url": to} for at, to in enumerate(account.links)
    ]
    return {"url": {"urls": urls[:1]}, "description": {"urls": urls[1:]}}


def _professional(account: Account) -> Payload:
    if account.category is None:
        return {}
    owner, name = account.category
    return {"professional": {"professional_type": owner, "category": [{"id": 1, "name": name}]}}


def _x_node(account: Account) -> Payload:
    label = {"parody_commentary_fan_label": "Parody"} if account.is_parody else {}
    return {
        "__typename": "User",
        "id": base64.b64encode(f"User:{account.id}".encode()).decode(),
        "rest_id": account.id,
        "is_blue_verified": account.is_verified,
        **label,
        **_professional(account),
    }


def _legacy_counts(account: Account) -> Payload:
    return {
        "followers_count": account.followers,
        "friends_count": account.following,
        "statuses_count": account.posts,
        "listed_count": account.posts // 90,
        "favourites_count": account.likes,
    }


def x_graphql_2023(account: Account) -> Payload:
    """Shape `x_graphql_2023`."""
    legacy = {
        "screen_name": account.handle,
        "name": account.name,
        "description": account.bio,
        "location": account.location,
        "created_at": _x_date(account),
        "entities": _x_entities(account),
        **_legacy_counts(account),
    }
    if account.is_private:
        legacy["protected"] = True
    return {**_x_node(account), "legacy": legacy}


def _x_core(account: Account) -> Payload:
    return {
        **_x_node(account),
        "core": {
            "screen_name": account.handle,
            "name": account.name,
            "created_at": _x_date(account),
        },
        "location": {"location": account.location},
        "privacy": {"protected": account.is_private},
        "verification": {"verified": False},
    }


def x_graphql_2025(account: Account) -> Payload:
    """Shape `x_graphql_2025`."""
    return {
        **_x_core(account),
        "profile_bio": {"description": account.bio},
        "legacy": {
            "description": account.bio,
            "entities": _x_entities(account),
            **_legacy_counts(account),
        },
    }


def x_graphql_2026(account: Account) -> Payload:
    """Shape `x_graphql_2026`."""
    entities = _x_entities(account)
    website = {"website": {"url": account.links[0]}} if account.links else {}
    return {
        **_x_core(account),
        "profile_bio": {
            "description": account.bio,
            "entities": {"description": entities["description"]},
        },
        "relationship_counts": {"followers": account.followers, "following": account.following},
        "tweet_counts": {"tweets": account.posts, "media_tweets": account.posts // 3},
        "action_counts": {"favorites_count": account.likes},
        **website,
    }


def x_api_v2(account: Account) -> Payload:
    """Shape `x_api_v2`."""
    asked = {"location": account.location} if account.location else {}
    contact = {"confirmed_email": account.email} if account.email else {}
    return {
        "id": account.id,
        "username": account.handle,
        "name": account.name,
        "description": account.bio,
        "created_at": iso(account),
        "protected": account.is_private,
        "verified": account.is_verified,
        "entities": _x_entities(account),
        "public_metrics": {
            "followers_count": account.followers,
            "following_count": account.following,
            "tweet_count": account.posts,
            "listed_count": account.posts // 90,
        },
        **asked,
        **contact,
    }


def x_api_v1(account: Account) -> Payload:
    """Shape `x_api_v1`."""
    return {
        "id": int(account.id),
        "id_str": account.id,
        "screen_name": account.handle,
        "name": account.name,
        "description": account.bio or None,
        "location": account.location,
        "created_at": _x_date(account),
        "protected": account.is_private,
        "verified": account.is_verified,
        "entities": _x_entities(account),
        **_legacy_counts(account),
    }


def x_vendor_profiles(account: Account) -> Payload:
    """Shape `x_vendor_profiles`."""
    return {
        "id": masked(account.handle),
        "x_id": account.id,
        "url": profile_url(account),
        "profile_name": account.name,
        "biography": account.bio or "null",
        "location": account.location or "null",
        "external_link": account.links[0] if account.links else "null",
        "category_name": account.category[1] if account.category else "null",
        "followers": f"{account.followers:,}",
        "following": str(account.following),
        "posts_count": str(account.posts),
        "is_verified": str(account.is_verified).lower(),
        "is_business_account": str(bool(account.category)).lower(),
        "date_joined": f'"{iso(account)}"',
        "email": account.email,
        "phone": account.phone,
    }

"""What the platforms and the exports of vendors write about an account: one payload per shape.

Belongs here: pure functions from an account to a payload in the form the platform gives it, and
which of its fields each form can hold. Not here: files and folders (`landing`), what is no profile
(`rejects`).
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sxe_pipeline.sandbox.people import Account, profile_url

Payload = dict[str, Any]
_X = frozenset({"bio", "display_name", "location", "link", "handle"})
_TEXTS = frozenset({"bio", "display_name", "handle"})
_CONTACTS = frozenset({"vendor_email", "vendor_phone"})
_EXACT = 10_000


@dataclass(frozen=True, slots=True)
class Shape:
    """One payload form: its platform, how often it is met, what it can carry, how it is written.

    `holds` names the profile fields it has. A shape that is not `has_id` names accounts by their
    handle alone.
    """

    platform: str
    weight: int
    holds: frozenset[str]
    render: Callable[[Account], Payload]
    has_id: bool = True


def _x_date(account: Account) -> str:
    return account.created_at.strftime("%a %b %d %H:%M:%S +0000 %Y")


def _iso(account: Account) -> str:
    return account.created_at.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _epoch(account: Account) -> int:
    return int(account.created_at.timestamp())


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


def _x_graphql_2023(account: Account) -> Payload:
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


def _x_graphql_2025(account: Account) -> Payload:
    return {
        **_x_core(account),
        "profile_bio": {"description": account.bio},
        "legacy": {
            "description": account.bio,
            "entities": _x_entities(account),
            **_legacy_counts(account),
        },
    }


def _x_graphql_2026(account: Account) -> Payload:
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


def _x_api_v2(account: Account) -> Payload:
    asked = {"location": account.location} if account.location else {}
    contact = {"confirmed_email": account.email} if account.email else {}
    return {
        "id": account.id,
        "username": account.handle,
        "name": account.name,
        "description": account.bio,
        "created_at": _iso(account),
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


def _x_api_v1(account: Account) -> Payload:
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


def _masked(handle: str) -> str:
    return f"{handle[:3]}███{handle[-2:]}"


def _x_vendor_profiles(account: Account) -> Payload:
    return {
        "id": _masked(account.handle),
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
        "date_joined": f'"{_iso(account)}"',
        "email": account.email,
        "phone": account.phone,
    }


def _rounded(number: int) -> int:
    """TikTok rounds what it shows: 4,001,943 is 4,000,000."""
    if number < _EXACT:
        return number
    step = int(10 ** (len(str(number)) - 2))
    return number // step * step


def _tiktok_counts(account: Account) -> dict[str, int]:
    return {
        "followerCount": account.followers,
        "followingCount": account.following,
        "heartCount": account.likes,
        "videoCount": account.posts,
    }


def _tiktok_user(account: Account) -> Payload:
    return {
        "id": account.id,
        "uniqueId": account.handle,
        "secUid": f"MS4wLjABAAAA{account.handle}",
        "nickname": account.name,
        "signature": account.bio or "No bio yet",
        "verified": account.is_verified,
        "privateAccount": account.is_private,
        "ftc": account.is_ftc,
    }


def _tiktok_web_user(account: Account) -> Payload:
    exact = _tiktok_counts(account)
    user = _tiktok_user(account) | {"createTime": _epoch(account), "region": account.region}
    if account.links:
        user["bioLink"] = {"link": account.links[0].removeprefix("https://"), "risk": 0}
        if ":" in account.links[0].removeprefix("https://"):
            user["bioLink"]["link"] = account.links[0]
    is_commerce = account.category is not None and account.category[0] == "Business"
    user["commerceUserInfo"] = {"commerceUser": is_commerce}
    if is_commerce and account.category:
        user["commerceUserInfo"]["category"] = account.category[1]
    return {
        "userInfo": {
            "user": user,
            "stats": {key: _rounded(number) for key, number in exact.items()},
            "statsV2": {key: str(number) for key, number in exact.items()},
        },
        "statusCode": 0,
    }


def _tiktok_web_author(account: Account) -> Payload:
    return {
        "desc": "clip",
        "createTime": 1_750_000_000,
        "author": _tiktok_user(account),
        "authorStats": _tiktok_counts(account),
    }


def _tiktok_author_meta(account: Account) -> Payload:
    contact = {"public_email": account.email} if account.email else {}
    contact |= {"whatsapp": account.phone} if account.phone else {}
    return {
        "text": "clip",
        "authorMeta": {
            "id": account.id,
            "name": account.handle,
            "nickName": account.name,
            "signature": account.bio,
            "verified": account.is_verified,
            "privateAccount": account.is_private,
            "bioLink": {"link": account.links[0]} if account.links else {},
            "fans": account.followers,
            "following": account.following,
            "heart": account.likes,
            "video": account.posts,
            **contact,
        },
    }


def _tiktok_vendor(account: Account) -> Payload:
    return {
        "account_id": _masked(account.handle),
        "id": account.id,
        "url": profile_url(account),
        "nickname": account.name,
        "biography": account.bio or "No bio yet",
        "bio_link": account.links[0] if account.links else "null",
        "region": account.region,
        "followers": str(account.followers),
        "following": str(account.following),
        "likes": str(account.likes),
        "videos_count": str(account.posts),
        "is_verified": str(account.is_verified).lower(),
        "is_private": "",
        "create_time": "null",
        "email": account.email,
        "phone": account.phone,
    }


def _tiktok_research(account: Account) -> Payload:
    return {
        "request": {"body": {"username": account.handle}},
        "response": {
            "data": {
                "display_name": account.name,
                "bio_description": account.bio,
                "follower_count": account.followers,
                "following_count": account.following,
                "likes_count": account.likes,
                "video_count": account.posts,
                "is_verified": account.is_verified,
            },
            "error": {"code": "ok", "message": ""},
        },
    }


def _acme_creators(account: Account) -> Payload:
    return {
        "creator_id": account.id,
        "creator": f"@{account.handle}",
        "creator_name": account.name,
        "about": account.bio or "n/a",
        "city": account.location or "-",
        "fans": str(account.followers),
        "shop": account.links[0] if account.links else "n/a",
        "country": account.region,
        "contact_email": account.email,
        "whatsapp": account.phone,
    }


def _threads_user(account: Account) -> Payload:
    return {
        "pk": account.id,
        "username": account.handle,
        "full_name": account.name,
        "biography": account.bio,
        "bio_links": [{"url": url} for url in account.links],
        "follower_count": account.followers,
        "is_verified": account.is_verified,
    }


def _threads_web_2023(account: Account) -> Payload:
    contact = {"public_email": account.email} if account.email else {}
    contact |= {"public_phone_number": account.phone} if account.phone else {}
    user = _threads_user(account) | {"id": None, "is_private": account.is_private} | contact
    return {"data": {"userData": {"user": user}}, "extensions": {"is_final": True}}


def _threads_web_2026(account: Account) -> Payload:
    user = _threads_user(account) | {
        "id": account.id,
        "text_app_biography": {"text_fragments": {"fragments": [{"plaintext": account.bio}]}},
        "text_post_app_is_private": account.is_private or None,
        "has_onboarded_to_text_post_app": True,
        "profile_tags": [{"name": tag} for tag in account.interests],
    }
    return {"data": {"user": user}, "extensions": {"is_final": True}}


def _threads_post_author(account: Account) -> Payload:
    post = str(int(account.id) + 3_000_000_000_000_000_000)
    return {
        "id": f"{post}_{account.id}",
        "pk": post,
        "user_pk": account.id,
        "username": account.handle,
        "user_verified": account.is_verified,
    }


def _threads_profile_lookup(account: Account) -> Payload:
    return {
        "username": account.handle,
        "name": account.name,
        "biography": account.bio,
        "is_verified": account.is_verified,
        "follower_count": account.followers,
        "likes_count": account.likes,
        "quotes_count": account.posts // 40,
        "reposts_count": account.posts // 30,
    }


SHAPES: dict[str, Shape] = {
    "x_graphql_2023": Shape("x", 22, _X, _x_graphql_2023),
    "x_graphql_2025": Shape("x", 20, _X, _x_graphql_2025),
    "x_graphql_2026": Shape("x", 26, _X, _x_graphql_2026),
    "x_api_v2": Shape("x", 14, _X | {"vendor_email"}, _x_api_v2),
    "x_api_v1": Shape("x", 10, _X, _x_api_v1),
    "x_vendor_profiles": Shape("x", 8, _X | _CONTACTS, _x_vendor_profiles),
    "tiktok_web_user": Shape("tiktok", 40, _TEXTS | {"link"}, _tiktok_web_user),
    "tiktok_web_author": Shape("tiktok", 16, _TEXTS, _tiktok_web_author),
    "tiktok_author_meta": Shape("tiktok", 14, _TEXTS | {"link"} | _CONTACTS, _tiktok_author_meta),
    "tiktok_vendor": Shape("tiktok", 10, _TEXTS | {"link"} | _CONTACTS, _tiktok_vendor),
    "tiktok_research": Shape(
        "tiktok", 8, frozenset({"bio", "display_name"}), _tiktok_research, has_id=False
    ),
    "acme_creators": Shape("tiktok", 12, _X | _CONTACTS, _acme_creators),
    "threads_web_2023": Shape("threads", 36, _TEXTS | {"link"} | _CONTACTS, _threads_web_2023),
    "threads_web_2026": Shape("threads", 44, _TEXTS | {"link"}, _threads_web_2026),
    "threads_post_author": Shape("threads", 6, frozenset({"handle"}), _threads_post_author),
    "threads_profile_lookup": Shape(
        "threads", 14, frozenset({"bio", "display_name"}), _threads_profile_lookup, has_id=False
    ),
}
"""Every form, by the name that ingest gives it (TikTok's user detail is an envelope of its own)."""

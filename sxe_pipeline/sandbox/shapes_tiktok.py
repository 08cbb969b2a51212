"""What TikTok and the vendors of its data write about an account: one payload per shape.

Belongs here: pure functions from an account to a payload. Not here: how often each is met
(`shapes`).
"""

from typing import Any

from sxe_pipeline.sandbox.people import Account, masked, profile_url

Payload = dict[str, Any]

_EXACT = 10_000


def _epoch(account: Account) -> int:
    return int(account.created_at.timestamp())


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


def tiktok_web_user(account: Account) -> Payload:
    """Shape `tiktok_web_user`."""
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


def tiktok_web_author(account: Account) -> Payload:
    """Shape `tiktok_web_author`."""
    return {
        "desc": "clip",
        "createTime": 1_750_000_000,
        "author": _tiktok_user(account),
        "authorStats": _tiktok_counts(account),
    }


def tiktok_author_meta(account: Account) -> Payload:
    """Shape `tiktok_author_meta`."""
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


def tiktok_vendor(account: Account) -> Payload:
    """Shape `tiktok_vendor`."""
    return {
        "account_id": masked(account.handle),
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


def tiktok_research(account: Account) -> Payload:
    """Shape `tiktok_research`."""
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


def acme_creators(account: Account) -> Payload:
    """Shape `acme_creators`."""
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

"""What Threads and its search write about an account: one payload per shape.

Belongs here: pure functions from an account to a payload. Not here: how often each is met
(`shapes`).
"""

from typing import Any

from sxe_pipeline.sandbox.people import Account

Payload = dict[str, Any]


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


def threads_web_2023(account: Account) -> Payload:
    """Shape `threads_web_2023`."""
    contact = {"public_email": account.email} if account.email else {}
    contact |= {"public_phone_number": account.phone} if account.phone else {}
    user = _threads_user(account) | {"id": None, "is_private": account.is_private} | contact
    return {"data": {"userData": {"user": user}}, "extensions": {"is_final": True}}


def threads_web_2026(account: Account) -> Payload:
    """Shape `threads_web_2026`."""
    user = _threads_user(account) | {
        "id": account.id,
        "text_app_biography": {"text_fragments": {"fragments": [{"plaintext": account.bio}]}},
        "text_post_app_is_private": account.is_private or None,
        "has_onboarded_to_text_post_app": True,
        "profile_tags": [{"name": tag} for tag in account.interests],
    }
    return {"data": {"user": user}, "extensions": {"is_final": True}}


def threads_post_author(account: Account) -> Payload:
    """Shape `threads_post_author`."""
    post = str(int(account.id) + 3_000_000_000_000_000_000)
    return {
        "id": f"{post}_{account.id}",
        "pk": post,
        "user_pk": account.id,
        "username": account.handle,
        "user_verified": account.is_verified,
    }


def threads_profile_lookup(account: Account) -> Payload:
    """Shape `threads_profile_lookup`."""
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

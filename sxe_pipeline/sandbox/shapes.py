"""Every payload form that the generator writes, and what each can carry.

Belongs here: which shapes there are, how often each is met, which profile fields it holds. Not
here: the payloads (`shapes_x`, `shapes_tiktok`, `shapes_threads`), files and folders (`landing`),
what is no profile (`rejects`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sxe_pipeline.sandbox import shapes_threads, shapes_tiktok, shapes_x
from sxe_pipeline.sandbox.people import Account

Payload = dict[str, Any]
_X = frozenset({"bio", "display_name", "location", "link", "handle"})
_TEXTS = frozenset({"bio", "display_name", "handle"})
_CONTACTS = frozenset({"vendor_email", "vendor_phone"})


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


SHAPES: dict[str, Shape] = {
    "x_graphql_2023": Shape("x", 22, _X, shapes_x.x_graphql_2023),
    "x_graphql_2025": Shape("x", 20, _X, shapes_x.x_graphql_2025),
    "x_graphql_2026": Shape("x", 26, _X, shapes_x.x_graphql_2026),
    "x_api_v2": Shape("x", 14, _X | {"vendor_email"}, shapes_x.x_api_v2),
    "x_api_v1": Shape("x", 10, _X, shapes_x.x_api_v1),
    "x_vendor_profiles": Shape("x", 8, _X | _CONTACTS, shapes_x.x_vendor_profiles),
    "tiktok_web_user": Shape("tiktok", 40, _TEXTS | {"link"}, shapes_tiktok.tiktok_web_user),
    "tiktok_web_author": Shape("tiktok", 16, _TEXTS, shapes_tiktok.tiktok_web_author),
    "tiktok_author_meta": Shape(
        "tiktok", 14, _TEXTS | {"link"} | _CONTACTS, shapes_tiktok.tiktok_author_meta
    ),
    "tiktok_vendor": Shape(
        "tiktok", 10, _TEXTS | {"link"} | _CONTACTS, shapes_tiktok.tiktok_vendor
    ),
    "tiktok_research": Shape(
        "tiktok", 8, frozenset({"bio", "display_name"}), shapes_tiktok.tiktok_research, has_id=False
    ),
    "acme_creators": Shape("tiktok", 12, _X | _CONTACTS, shapes_tiktok.acme_creators),
    "threads_web_2023": Shape(
        "threads", 36, _TEXTS | {"link"} | _CONTACTS, shapes_threads.threads_web_2023
    ),
    "threads_web_2026": Shape("threads", 44, _TEXTS | {"link"}, shapes_threads.threads_web_2026),
    "threads_post_author": Shape(
        "threads", 6, frozenset({"handle"}), shapes_threads.threads_post_author
    ),
    "threads_profile_lookup": Shape(
        "threads",
        14,
        frozenset({"bio", "display_name"}),
        shapes_threads.threads_profile_lookup,
        has_id=False,
    ),
}
"""Every form, by the name that ingest gives it (TikTok's user detail is an envelope of its own)."""

"""The Arrow schemas of the tables that one stage leaves for the next.

Here: column names, types and null meaning of internal Tier 1 tables. What crosses the border to a
consumer (`social_profile`, `lead_card`) is a contract in `contracts/`, not a schema in here.
"""

from datetime import date

import pyarrow as pa

FIRST_DAY = date(2020, 1, 1)
"""The first landing day there can be: where the daily partitions begin."""

UTC = pa.timestamp("us", tz="UTC")
WORDS = pa.list_(pa.field("element", pa.string(), nullable=False))


def _required(name: str, kind: pa.DataType) -> pa.Field:
    return pa.field(name, kind, nullable=False)


_SOURCE = [
    _required("collection", pa.string()),
    _required("file_sha256", pa.string()),
    _required("row", pa.int64()),
    _required("shape", pa.string()),
]

_ACCOUNT = [
    _required("platform", pa.string()),
    _required("account_key", pa.string()),
    pa.field("platform_id", pa.string()),
    pa.field("handle", pa.string()),
]

_PUBLIC = [
    pa.field("display_name", pa.string()),
    pa.field("bio", pa.string()),
    pa.field("location", pa.string()),
    _required("links", WORDS),
    _required("interests", WORDS),
    pa.field("category", pa.string()),
    pa.field("category_kind", pa.string()),
    pa.field("region", pa.string()),
    pa.field("platform_language", pa.string()),
    pa.field("follower_count", pa.int64()),
    pa.field("following_count", pa.int64()),
    pa.field("post_count", pa.int64()),
    pa.field("like_count", pa.int64()),
    pa.field("is_verified", pa.bool_()),
    pa.field("is_business", pa.bool_()),
    pa.field("is_private", pa.bool_()),
    pa.field("is_minor", pa.bool_()),
    pa.field("is_parody", pa.bool_()),
    pa.field("account_created_at", UTC),
]

_REDACTION = [
    _required("redaction_count", pa.int32()),
    _required("redaction_kinds", WORDS),
    pa.field("link_hub", pa.string()),
    _required("is_scan_open", pa.bool_()),
    _required("ruleset_version", pa.string()),
]

LANDED_ROW = pa.schema([*_SOURCE, *_ACCOUNT, _required("observed_at", UTC), *_PUBLIC])
"""One sighting of one account, mapped from its payload and NOT yet redacted: in memory only, never
stored. `row` counts the records of its file from 1. `account_key` is `id:<digits>` or
`handle:<casefolded>`. `links` holds every link of the profile (bio links, website, link fields) in
order of appearance; `interests` the topics the owner chose on the platform. Null always means: the
payload did not say. `category_kind` is 'creator' or 'business'."""

OBSERVATION = pa.schema(
    [
        _required("landed_day", pa.date32()),
        *_SOURCE,
        *_ACCOUNT,
        _required("observed_at", UTC),
        *_PUBLIC,
        *_REDACTION,
    ]
)
"""`social/observations`: a landed row after redaction. `handle` is null where it was shaped like
contact data. `is_scan_open`: the second detector still sees a contact *shape* in the row.
`link_hub` names the link-in-bio service (linktr.ee ...) whose path was removed."""

QUARANTINE = pa.schema(
    [
        _required("landed_day", pa.date32()),
        _required("collection", pa.string()),
        _required("file_sha256", pa.string()),
        _required("row", pa.int64()),
        pa.field("shape", pa.string()),
        _required("reason", pa.string()),
    ]
)
"""`social/quarantine`: an input row that is no observation, with its reason; never the payload.
`row` 0 speaks of the file as a whole."""

REASONS = (
    "no_account",
    "unknown_shape",
    "unsupported_format",
    "unsupported_platform",
    "not_a_profile",
    "error_body",
    "suspended",
    "not_found",
    "malformed",
    "encoding",
    "too_large",
    "bad_value",
    "unreadable",
    "suppressed",
    "leak",
)
"""The closed list of quarantine reasons."""

PROFILE = pa.schema(
    [
        *_ACCOUNT,
        _required("handles", WORDS),
        _required("collections", WORDS),
        *_PUBLIC,
        *_REDACTION,
        _required("observation_count", pa.int64()),
        _required("first_seen_at", UTC),
        _required("observed_at", UTC),
        _required("landed_day", pa.date32()),
    ]
)
"""`social/profiles`: the newest observation of each (platform, account_key). `handles` is the
history, oldest first, each spelling once. A handle-keyed account that folded into an id-keyed one
is no row of its own; its sightings count in the survivor's."""

IDENTITY = pa.schema(
    [
        _required("card_id", pa.string()),
        *_ACCOUNT,
        _required("basis", pa.string()),
        pa.field("evidence", pa.string()),
        _required("generation", pa.int32()),
        _required("first_seen_at", UTC),
    ]
)
"""`social/identities`: one row per profile. `basis` says why the account is part of its card:
'self' (alone, or the anchor), 'bio_link', 'link_field', 'named_handle', 'shared_target'.
`evidence` is the target that joined it (such as 'instagram:handle'), never free text."""

POOL = pa.schema(
    [
        _required("market", pa.string()),
        _required("audience_pool", pa.string()),
        pa.field("persona", pa.string()),
        pa.field("tribe", pa.string()),
        pa.field("country", pa.string()),
        _required("card_count", pa.int64()),
        _required("ready_count", pa.int64()),
        _required("tagged_count", pa.int64()),
        _required("identifiable_count", pa.int64()),
        pa.field("median_follower_count", pa.int64()),
        _required("top_evidence", WORDS),
        _required("sample_card_ids", WORDS),
    ]
)
"""`cards/audience_pools`: one row per market x pool x persona x tribe x country."""

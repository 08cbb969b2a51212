"""The tables that one stage leaves for the next: each column's name, type and class, once.

Here: internal Tier 1 tables, and what null means in them. What crosses the border to a consumer
(`social_profile`, `lead_card`) is a contract in `contracts/`; the table of cards, which is that
contract and some more, stands in `lead_card`.
"""

from datetime import date

from sxe_pipeline.schema.columns import Column
from sxe_pipeline.schema.table import Table

FIRST_DAY = date(2020, 1, 1)
"""The first landing day there can be: where the daily partitions begin."""

TIMESTAMP = "timestamp[us, UTC]"


def required(name: str, kind: str, class_: str) -> Column:
    """A column that is never null; its name, type and class as in `Column`."""
    return Column(name, kind, class_, nullable=False)


def strings(name: str, class_: str) -> Column:
    """A list of strings, never null; empty says what null says elsewhere."""
    return Column(name, "list", nullable=False, children=(required("element", "string", class_),))


_COLLECTION = required("collection", "string", "name")
_FILE = required("file_sha256", "string", "id")
_ROW = required("row", "int64", "id")
_SOURCE = (_COLLECTION, _FILE, _ROW, required("shape", "string", "name"))

_ACCOUNT = (
    required("platform", "string", "label"),
    required("account_key", "string", "id"),
    Column("platform_id", "string", "id"),
    Column("handle", "string", "text"),
)

_PUBLIC = (
    Column("display_name", "string", "text"),
    Column("bio", "string", "text"),
    Column("location", "string", "text"),
    strings("links", "link"),
    strings("interests", "text"),
    Column("category", "string", "text"),
    Column("category_kind", "string", "text"),
    Column("region", "string", "text"),
    Column("platform_language", "string", "text"),
    Column("follower_count", "int64", "count"),
    Column("following_count", "int64", "count"),
    Column("post_count", "int64", "count"),
    Column("like_count", "int64", "count"),
    Column("is_verified", "boolean", "flag"),
    Column("is_business", "boolean", "flag"),
    Column("is_private", "boolean", "flag"),
    Column("is_minor", "boolean", "flag"),
    Column("is_parody", "boolean", "flag"),
    Column("account_created_at", TIMESTAMP, "time"),
)

_REDACTION = (
    required("redaction_count", "int32", "ours"),
    strings("redaction_kinds", "ours"),
    Column("link_hub", "string", "ours"),
    required("is_scan_open", "boolean", "ours"),
    required("ruleset_version", "string", "ours"),
)

_OBSERVED_AT = required("observed_at", TIMESTAMP, "time")
_LANDED_DAY = required("landed_day", "date32", "time")

_GIVEN = Column("given", "list", children=(required("element", "string", "ours"),))
"""The columns that the payload's shape gives; where nobody noted it (null): those it fills."""

_IS_POST = Column("is_post", "boolean", "flag")
"""Whether the input row was a post, which is a sighting of its author; null is a profile."""


def _own_posts(*said: Column) -> Column:
    """The posts of the account that a row is or carries; null where it is no matter of posts."""
    post = (required("post_id", "string", "id"), Column("posted_at", TIMESTAMP, "time"), *said)
    struct = Column("element", "struct", nullable=False, children=post)
    return Column("own_posts", "list", children=(struct,))


_HASHTAGS = Column("hashtags", "list", children=(required("element", "string", "text"),))
_TERMS = Column("terms", "list", children=(required("element", "string", "text"),))

LANDED_ROW = Table(
    "landed_row",
    (
        *_SOURCE,
        *_ACCOUNT,
        _OBSERVED_AT,
        *_PUBLIC,
        _GIVEN,
        _IS_POST,
        _own_posts(_HASHTAGS, Column("caption", "string", "text")),
    ),
)
"""One sighting of one account, mapped from its payload and NOT yet redacted: in memory only, never
stored. `row` counts the records of its file from 1. `account_key` is `id:<digits>` or
`handle:<casefolded>`. `links` holds every link of the profile (bio links, website, link fields) in
order of appearance; `interests` the topics the owner chose on the platform. Null always means: the
payload did not say. `category_kind` is 'creator' or 'business'. `given` tells an empty column that
counts (the account has no bio) from one that the payload never speaks of (a search hit)."""

OBSERVATION = Table(
    "social/observations",
    (
        _LANDED_DAY,
        *_SOURCE,
        *_ACCOUNT,
        _OBSERVED_AT,
        *_PUBLIC,
        *_REDACTION,
        _GIVEN,
        _IS_POST,
        _own_posts(_HASHTAGS, _TERMS),
    ),
)
"""`social/observations`: a landed row after redaction. `handle` is null where it was shaped like
contact data. `is_scan_open`: the second detector still sees a contact *shape* in the row.
`link_hub` names the link-in-bio service (linktr.ee ...) whose path was removed. Of a caption only
its `terms` are kept: distinct words in alphabetical order; null where nothing is known of it."""

QUARANTINE = Table(
    "social/quarantine",
    (
        _LANDED_DAY,
        required("collection", "string", "name"),
        required("file_sha256", "string", "id"),
        required("row", "int64", "id"),
        Column("shape", "string", "name"),
        required("reason", "string", "label"),
    ),
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

_SIGHTING = (_OBSERVED_AT, _FILE, _ROW, _COLLECTION, _LANDED_DAY)
"""What orders sightings, and what finds one again."""
SIGHTING_ORDER = tuple(column.name for column in _SIGHTING)


def _handles_shown() -> Column:
    """The handles that were shown, each with the first and the last sighting that did."""
    ends = (Column(name, "struct", children=_SIGHTING) for name in ("first_shown", "last_shown"))
    struct = Column("element", "struct", nullable=False, children=(_ACCOUNT[-1], *ends))
    return Column("handles", "list", nullable=False, children=(struct,))


SIGHTING = Table(
    "social/sightings",
    (
        *_ACCOUNT,
        required("gives", "string", "ours"),
        *_SIGHTING,
        *_PUBLIC,
        *_REDACTION,
        required("observation_count", "int64", "ours"),
        required("first_seen_at", TIMESTAMP, "time"),
        strings("collections", "name"),
        _handles_shown(),
    ),
    key=("platform", "account_key", "gives"),
)
"""`social/sightings`: what profiles are merged from, with the observations that came since. Of each
account, as it was keyed (nothing is folded), and each set of columns that its sightings give
(`gives`, their names in alphabetical order): the newest one, and what is counted over all.
`handles` is empty where there was one sighting, which showed `handle` and no other. Every value is
that of an observation, which the second detector looked at, and goes with it."""

POST_SIGHTING = Table(
    "social/post_sightings",
    (
        required("platform", "string", "label"),
        required("account_key", "string", "id"),
        required("post_id", "string", "id"),
        required("knows", "string", "ours"),
        *_SIGHTING,
        Column("posted_at", TIMESTAMP, "time"),
        _HASHTAGS,
        _TERMS,
    ),
    key=("platform", "account_key", "post_id", "knows"),
)
"""`social/post_sightings`: the same of posts. Of each post and each set of fields that a sighting
knows of it (`knows`): what the newest one says."""

PROFILE = Table(
    "social/profiles",
    (
        *_ACCOUNT,
        strings("handles", "text"),
        strings("collections", "name"),
        *_PUBLIC,
        strings("post_hashtags", "text"),
        strings("post_terms", "text"),
        required("read_post_count", "int64", "ours"),
        *_REDACTION,
        required("observation_count", "int64", "ours"),
        required("first_seen_at", TIMESTAMP, "time"),
        _OBSERVED_AT,
        _LANDED_DAY,
    ),
    key=("platform", "account_key"),
)
"""`social/profiles`: the observations of each (platform, account_key), merged column by column: the
newest one wins among those that give the column. `observed_at` and `landed_day` are the newest
sighting's; what `_REDACTION` says is of all that the row is made of. `handles` is the
history, oldest first, each spelling once. A handle-keyed account that folded into an id-keyed one
is no row of its own; its sightings count in the survivor's. `post_hashtags` and `post_terms` are
those of the `read_post_count` newest known posts, 100 at most; the most used come first."""

POST_TERMS = Table(
    "social/post_terms",
    (
        required("platform", "string", "label"),
        required("account_key", "string", "id"),
        required("post_id", "string", "id"),
        Column("posted_at", TIMESTAMP, "time"),
        strings("hashtags", "text"),
        strings("terms", "text"),
        _OBSERVED_AT,
    ),
    key=("platform", "account_key", "post_id"),
)
"""`social/post_terms`: each post of an account once, as the newest sighting that knows it says.
`hashtags` are lower case without '#'. `posted_at` is null where no payload gave it."""

IDENTITY = Table(
    "social/identities",
    (
        required("card_id", "string", "id"),
        *_ACCOUNT,
        required("basis", "string", "label"),
        Column("evidence", "string", "text"),
        required("generation", "int32", "ours"),
        required("first_seen_at", TIMESTAMP, "time"),
    ),
    key=("platform", "account_key"),
)
"""`social/identities`: one row per profile. `basis` says why the account is part of its card:
'self' (alone, or the anchor), 'bio_link', 'link_field', 'named_handle', 'shared_target'.
`evidence` is the target that joined it (such as 'instagram:handle'), never free text."""

TARGET = Table(
    "social/targets",
    (
        required("platform", "string", "label"),
        required("account_key", "string", "id"),
        required("network", "string", "label"),
        required("handle", "string", "text"),
        required("basis", "string", "label"),
    ),
    key=("platform", "account_key", "network", "handle"),
)
"""`social/targets`: whom each profile names as itself elsewhere, once, by its strongest `basis`:
'link_field', 'bio_link' or 'named_handle'. Kept so that only profiles that changed are read for it;
no target is shaped like contact data."""

POOL = Table(
    "cards/audience_pools",
    (
        required("market", "string", "label"),
        required("audience_pool", "string", "label"),
        Column("persona", "string", "label"),
        Column("tribe", "string", "label"),
        Column("country", "string", "label"),
        required("card_count", "int64", "count"),
        required("ready_count", "int64", "count"),
        required("tagged_count", "int64", "count"),
        required("identifiable_count", "int64", "count"),
        required("audience_count", "int64", "count"),
        Column("median_follower_count", "int64", "count"),
        strings("top_evidence", "text"),
        strings("sample_card_ids", "id"),
    ),
)
"""`cards/audience_pools`: one row per market x pool x persona x tribe x country. Counts, terms and
samples are of lead cards; `audience_count` is that of the identities of which the tribe alone is
known, whose persona is null: a row may hold either or both."""

OTHERS = Table(
    "cards/others",
    (
        required("card_id", "string", "id"),
        required("platform", "string", "label"),
        required("kind", "string", "label"),
        required("account_type", "string", "label"),
        required("is_eligible", "boolean", "flag"),
        Column("language", "string", "label"),
        Column("tribe", "string", "label"),
        required("market", "string", "label"),
        Column("audience_pool", "string", "label"),
        Column("country", "string", "label"),
        required("labels_key", "string", "ours"),
    ),
    key=("card_id",),
)
"""`cards/others`: each identity that is no lead, sorted by card_id. `kind` is 'audience', with a
tribe and no persona, or 'no_signal', with neither. `language`: of its own words; null is too little
of them. No text of a profile is kept here."""

TABLES = (
    *(LANDED_ROW, OBSERVATION, QUARANTINE, SIGHTING, POST_SIGHTING),
    *(PROFILE, POST_TERMS, IDENTITY, TARGET, POOL, OTHERS),
)

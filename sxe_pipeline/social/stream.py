"""Which accounts are one person, for JSON Lines, so that anybody can score the rules on their own.

Here: lines in, pairs of accounts out. Not here: the rules (`links`, `clusters`), what is kept of a
decision and under which id (`identities`), the command line (`cli`).
"""

from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import Any

import pyarrow as pa

from sxe_pipeline.errors import BadInput
from sxe_pipeline.redact.stream import objects
from sxe_pipeline.schema import duck
from sxe_pipeline.schema.tables import PROFILE
from sxe_pipeline.social import links, reach
from sxe_pipeline.social.clusters import ShownAccount, cluster, weakest
from sxe_pipeline.social.links import Account
from sxe_pipeline.social.networks import INGESTED

_READ = ("platform", "account_key", "handle", "display_name", "bio", "links", "is_parody")
_SCHEMA = pa.schema([PROFILE.schema.field(name).with_nullable(True) for name in _READ])
_SURE = 1.0
"""The rules join two accounts or do not; a pair that only looks likely is none."""


def resolve_lines(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """Find the accounts that are one person or brand.

    Args:
        lines: JSON objects, one profile each, blank lines skipped: platform, and platform_id or
            handle; display_name, bio, links and is_parody where they are known. Of several lines
            of an account the last counts, and a line without an id is one of the account that
            shows its handle. `id`, a text or a whole number, is how pairs name the account.

    Yields:
        {left, right, probability, basis} for each pair of accounts that are one, sorted. Accounts
        are named by `id`, else as `platform:id:digits` or `platform:handle:name`. `basis` is the
        weaker reason of the two: link_field, bio_link, named_handle, shared_target.

    Raises:
        BadInput: A line is no JSON object, or names no account.

    Example:
        >>> list(
        ...     resolve_lines(
        ...         [
        ...             b'{"platform": "x", "handle": "ana", "links": ["https://tiktok.com/@ana_t"]}',
        ...             b'{"platform": "tiktok", "platform_id": "7", "handle": "ana_t"}',
        ...         ]
        ...     )
        ... )  # doctest: +NORMALIZE_WHITESPACE
        [{'left': 'tiktok:id:7', 'right': 'x:handle:ana', 'probability': 1.0,
          'basis': 'link_field'}]
    """
    people: dict[Account, dict[str, Any]] = {}
    names: dict[Account, str] = {}
    for number, given in objects(lines):
        row = _profile(number, given)
        account = row["platform"], row["account_key"]
        names[account] = row.pop("id") or ":".join(account)
        people[account] = row
    profiles = pa.Table.from_pylist(_folded(people), schema=_SCHEMA)
    pairs = [
        (*sorted((names[one], names[other])), weakest(reasons[one], reasons[other]))
        for reasons in cluster(_shown(profiles), links.targets(profiles))
        for one, other in combinations(reasons, 2)
    ]
    for left, right, basis in sorted(pairs):
        yield {"left": left, "right": right, "probability": _SURE, "basis": basis}


def _profile(number: int, row: dict[str, Any]) -> dict[str, Any]:
    platform, handle = _text(row.get("platform")), _text(row.get("handle"))
    digits = _text(row.get("platform_id"))
    if platform not in INGESTED or not (digits or handle):
        raise BadInput(
            f"line {number} names no account: platform is one of {', '.join(sorted(INGESTED))}, "
            "and platform_id or handle is needed"
        )
    handle = handle.removeprefix("@") if handle else None
    links = row["links"] if isinstance(row.get("links"), list) else []
    return {
        "id": _text(row.get("id")),
        "platform": platform,
        "account_key": f"id:{digits}" if digits else f"handle:{str(handle).casefold()}",
        "handle": handle,
        "display_name": _text(row.get("display_name")),
        "bio": _text(row.get("bio")),
        "links": [link for link in links if isinstance(link, str)],
        "is_parody": row.get("is_parody") is True,
    }


def _text(value: object) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and value.strip() else None


def _folded(people: dict[Account, dict[str, Any]]) -> list[dict[str, Any]]:
    """Without accounts known by a handle alone that one with an id shows: they are the same."""
    shown = {
        (row["platform"], f"handle:{row['handle'].casefold()}")
        for (_, key), row in people.items()
        if key.startswith("id:") and row["handle"]
    }
    return [row for account, row in people.items() if account not in shown]


def _shown(profiles: pa.Table) -> list[ShownAccount]:
    with duck.opened() as engine:
        duck.show(engine, people=profiles)
        rows = engine.sql(
            f"select platform, account_key, handle, {reach.IS_FAN} from people"
        ).fetchall()
    return [ShownAccount((platform, key), handle, is_fan) for platform, key, handle, is_fan in rows]

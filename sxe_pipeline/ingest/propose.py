"""A first `_mapping.yaml` for files that nobody mapped, guessed from the names of their columns.

Here: which name may mean which column, and the text of the proposal. Never a value; a name that
looks like contact data is not repeated. Not here: reading the file (`look`), what a mapping may say
(`shape_files`).
"""

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import yaml

from sxe_pipeline.ingest import columns, paths
from sxe_pipeline.ingest.nest import steps_of

_MEANS: Mapping[str, str] = {
    "platform_id": "userid accountid uid authorid creatorid profileid xid tiktokid twitterid "
    "threadsid restid pk channelid influencerid memberid userpk id",
    "handle": "username handle screenname uniqueid userhandle login account accountname creator "
    "creatorhandle influencer authorusername author nick profile profilename usuario benutzername "
    "nomeutente user",
    "display_name": "displayname fullname name nickname realname title profiletitle nombre nome "
    "nom authorname creatorname anzeigename",
    "bio": "bio biography description about signature aboutme summary profiletext rawdescription "
    "biografia descripcion descricao beschreibung intro tagline",
    "location": "location place city ubicacion localizacao ort town hometown",
    "region": "region country countrycode pais land market",
    "links": "url website link links externalurl biolink biourl site homepage web shop weblink",
    "follower_count": "followers followercount followerscount fans fancount subscribers "
    "subscribercount seguidores abonnes abonnenten audience follower",
    "following_count": "following followingcount followingscount friends friendscount friendcount "
    "follows siguiendo seguindo followings",
    "post_count": "posts postcount tweets tweetcount statuses statusescount videos videocount "
    "videoscount mediacount publicaciones awemecount",
    "like_count": "likes likecount hearts heartcount likescount totallikes totalfavorited",
    "category": "category categoryname niche topic industry vertical categoria kategorie",
    "interests": "interests topics tags profiletags",
    "platform_language": "language lang languagecode idioma sprache",
    "is_verified": "verified isverified blueverified isblueverified badge verificado",
    "is_private": "private isprivate protected isprotected privateaccount privado",
    "is_business": "business isbusiness commerce iscommerce isbusinessaccount",
    "account_created_at": "createdat created joined joindate joinedat createtime registered "
    "accountcreated accountcreatedat datejoined",
    "observed_at": "scrapedat crawledat collectedat observedat retrievedat fetchedat timestamp "
    "capturedat snapshotdate",
}
_KNOWN = {
    word: (rank, column)
    for column, words in _MEANS.items()
    for rank, word in enumerate(words.split())
}
_BARE_LETTERS = re.compile(r"[^a-z0-9]")
_PLATFORMS = {"tiktok": "tiktok", "threads": "threads", "twitter": "x", "tweet": "x"}
_MOST = 60
"""Columns that a proposal names; a person has to read it."""


class ColumnSeen(NamedTuple):
    """A path into the records of a file, and in how many of them it holds something."""

    path: str
    filled: int


def proposed(seen: Sequence[ColumnSeen], records: int, collection: str) -> str:
    """The text of a mapping to start from; it can be used as it is, and has to be looked at.

    Args:
        seen: The columns of the records that no shape knows, in their order.
        records: How many such records there are.
        collection: Whose mapping it would be.

    Returns:
        YAML in the form of docs/landing.md; columns that nothing is guessed of are comments.
    """
    chosen = _chosen(seen)
    mapped = {each.path: column for column, each in chosen.items()}
    lines = [f"platform: {_platform(seen)}   # x, threads or tiktok: correct it where it is wrong"]
    lines += ["shapes:", f"  - name: {_quoted(_name(collection))}"]
    lines += [f"    match: {{has: [{', '.join(_quoted(p) for p in _marks(chosen, seen))}]}}"]
    lines += ["    columns:"]
    if not chosen.keys() & {"platform_id", "handle"}:
        lines.append('      handle: "?"   # no name says which one is the account: put it here')
    for column, each in chosen.items():
        lines.append(f"      {column}: {_quoted(each.path)}   # {_share(each, records)} filled")
    lines += [
        f"      # {_quoted(each.path)}   {_share(each, records)} filled"
        + ("; contact data is never mapped" if _is_contact(each.path) else "")
        for each in seen[:_MOST]
        if each.path not in mapped
    ]
    if len(seen) > _MOST:
        lines.append(f"      # and {len(seen) - _MOST} columns more")
    return "\n".join(lines) + "\n"


def names_a_column(name: str) -> bool:
    """Whether a word says what stands in a column, in any of some languages.

    Example:
        >>> names_a_column("Follower Count"), names_a_column("ann.made")
        (True, False)
    """
    return (
        _letters(name) in _KNOWN
        or _letters(steps_of(name)[-1]) in _KNOWN
        or columns.is_contact(name)
    )


def _chosen(seen: Sequence[ColumnSeen]) -> dict[str, ColumnSeen]:
    """For each column the path that names it best; the earlier and fuller one where two do."""
    best: dict[str, tuple[int, int, int, ColumnSeen]] = {}
    for at, each in enumerate(seen):
        steps = [step for step in paths.parse(each.path) if isinstance(step, str)]
        known = _KNOWN.get(_letters("".join(steps))) or _KNOWN.get(_letters(steps[-1]))
        if known is None or _is_contact(each.path):
            continue
        rank, column = known
        claim = (rank, -each.filled, at, each)
        if column not in best or claim[:3] < best[column][:3]:
            best[column] = claim
    return {name: best[name][3] for name in columns.MAPPABLE if name in best}


def _marks(chosen: Mapping[str, ColumnSeen], seen: Sequence[ColumnSeen]) -> list[str]:
    keys = [chosen[name].path for name in ("platform_id", "handle") if name in chosen]
    return keys or [each.path for each in seen[:1]]


def _platform(seen: Sequence[ColumnSeen]) -> str:
    names = " ".join(each.path.lower() for each in seen)
    return next((platform for word, platform in _PLATFORMS.items() if word in names), "x")


def _letters(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return _BARE_LETTERS.sub("", plain)


def _name(collection: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", collection.lower()).strip("_") or "own_shape"


def _quoted(path: str) -> str:
    """As YAML reads it back, whatever stands in the name; JSON is YAML, and `no` alone a flag."""
    is_plain = re.fullmatch(r"[a-z_][a-z0-9_.]*", path) and yaml.safe_load(path) == path
    return path if is_plain else json.dumps(path)


def _share(each: ColumnSeen, records: int) -> str:
    return f"{each.filled / records:.2f}" if records else "0"


def _is_contact(path: str) -> bool:
    return any(columns.is_contact(str(step)) for step in paths.parse(path))

"""What a profile URL names: (network, handle).

Here: hosts, path forms and reserved paths of each network, as one table. Not here: where the URLs
come from (`links`) and what is joined by them (`clusters`). Only links to a *profile* name
somebody: a link to one post, video or repository is often somebody else's and names nobody.
"""

import re
from typing import NamedTuple
from urllib.parse import unquote

INGESTED = frozenset({"x", "tiktok", "threads"})
"""Networks whose accounts are rows of ours; any other is a link target only."""

_PLATFORMS = """
x twitter instagram insta ig threads tiktok youtube yt facebook fb snapchat snap twitch github
linkedin meta google bytedance
"""
_NOT_A_HANDLE = frozenset(_PLATFORMS.split())


class Network(NamedTuple):
    """One network: how its profile URLs look.

    `path` matches a whole path without its leading and trailing slash; its groups are an optional
    prefix (kept in the handle, for name spaces such as `channel/`) and the name.
    """

    name: str
    hosts: str
    path: re.Pattern[str]
    reserved: frozenset[str]


def _network(name: str, hosts: str, path: str, reserved: str = "") -> Network:
    return Network(name, hosts, re.compile(path, re.IGNORECASE), frozenset(reserved.split()))


_NETWORKS = (
    _network(
        "x",
        r"x\.com|twitter\.com",
        r"()@?([a-z0-9_]{1,15})",
        "home i intent share search hashtag explore settings login logout signup tos privacy about "
        "download messages notifications compose jobs account widgets oauth hashtags",
    ),
    _network("tiktok", r"tiktok\.com", r"()@([a-z0-9_.]{2,24})"),
    _network("threads", r"threads\.(?:net|com)", r"()@([a-z0-9_.]{1,30})"),
    _network(
        "instagram",
        r"instagram\.com|instagr\.am",
        r"()@?([a-z0-9_.]{1,30})",
        "p reel reels tv explore stories accounts about direct share legal developer s web",
    ),
    _network(
        "youtube",
        r"youtube\.com",
        r"(channel/|c/|user/)?@?([\w.\-·]{2,100})"
        r"(?:/(?:videos|featured|about|shorts|community|streams|playlists))?",
        "watch playlist playlists shorts results feed channel c user live embed gaming music "
        "premium t post clip hashtag redirect attribution_link signin account about ads creators "
        "kids videos featured community streams",
    ),
    _network(
        "github",
        r"github\.com",
        r"(?:sponsors/)?()([a-z0-9][a-z0-9-]{0,38})",
        "orgs sponsors features topics about marketplace explore settings login join pricing apps "
        "collections trending notifications security enterprise readme contact site search",
    ),
    _network(
        "linkedin",
        r"linkedin\.com",
        r"(?:in/()|(company/|school/))([^/]{2,100})",
    ),
    _network(
        "facebook",
        r"facebook\.com|fb\.com",
        r"(?:pg/)?()([a-z0-9.]{3,50})",
        "profile.php pages groups people events watch share share.php sharer sharer.php login "
        "login.php home.php photo photo.php story.php permalink.php hashtag marketplace gaming "
        "reel reels videos help business ads policies privacy public plugins dialog l.php media "
        "notes pg",
    ),
    _network(
        "twitch",
        r"twitch\.tv",
        r"()([a-z0-9_]{3,25})",
        "directory videos downloads jobs turbo settings subscriptions login user popout store",
    ),
    _network(
        "pinterest",
        r"pinterest\.(?:com|co\.uk|ca|de|fr|es)",
        r"()([a-z0-9_]{3,30})",
        "pin ideas search today business login settings",
    ),
    _network(
        "soundcloud",
        r"soundcloud\.com",
        r"()([a-z0-9_-]{3,25})",
        "discover search upload stream you charts pages stations settings jobs",
    ),
    _network("bluesky", r"bsky\.app", r"profile/()([a-z0-9.-]{4,100})"),
    _network("medium", r"medium\.com", r"()@([a-z0-9_.-]{2,60})"),
    _network(
        "patreon",
        r"patreon\.com",
        r"(?:c/)?()([a-z0-9_-]{3,60})",
        "posts home user create login signup about explore search join c",
    ),
    _network("reddit", r"reddit\.com", r"(?:u|user)/()([a-z0-9_-]{3,20})"),
)

_HOSTS = "|".join(f"(?P<{network.name}>{network.hosts})" for network in _NETWORKS)
_PREFIX = r"(?:(?:www|web|m|mobile|mbasic|vm|[a-z]{2}|[a-z]{2}-[a-z]{2})\.)?"
URL = re.compile(
    rf"(?<![\w.@-])(?:https?://)?{_PREFIX}(?:{_HOSTS})/+(?P<path>(?:#!/)?[^\s?#\"'<>()\[\]|,;]*)",
    re.IGNORECASE,
)
ANY_HOST = rf"(?i)(?:{'|'.join(network.hosts for network in _NETWORKS)})/"
"""A pre-filter in the dialect of the vectorised engines: texts without a match have no target."""

_BY_NAME = {network.name: network for network in _NETWORKS}


class Named(NamedTuple):
    """Somebody on a network, as a link or a bio names them; `handle` is casefolded."""

    network: str
    handle: str

    def __str__(self) -> str:
        return f"{self.network}:{self.handle}"


def named_by_url(text: str) -> list[Named]:
    """Everybody whom the profile URLs in a text name, in order of appearance.

    Example:
        >>> named_by_url("https://www.TikTok.com/@Ana.b?lang=en and x.com/home")
        [Named(network='tiktok', handle='ana.b')]
    """
    found = []
    for match in URL.finditer(text):
        network = _BY_NAME[_host(match)]
        handle = _handle(network, unquote(match["path"]))
        if handle is not None:
            found.append(Named(network.name, handle))
    return found


def clean_handle(handle: str) -> str | None:
    """A typed handle as it is compared: casefolded, without a closing dot; None: it is a word."""
    named = handle.rstrip(".").casefold()
    return None if not named or named in _NOT_A_HANDLE else named


def _host(match: re.Match[str]) -> str:
    return next(name for name in _BY_NAME if match[name] is not None)


def _handle(network: Network, path: str) -> str | None:
    trimmed = path.removeprefix("#!/").strip("/").rstrip(".!:…")
    match = network.path.fullmatch(trimmed)
    if match is None:
        return None
    *spaces, name = match.groups()
    space = next((part for part in spaces if part), "")
    if not space and name.casefold() in network.reserved:
        return None
    return (space + name).casefold()

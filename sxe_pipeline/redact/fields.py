"""Link fields and handles of a profile.

Belongs here: fields that hold one link or one name each. Free text is in `array` and `exact`.
"""

import re
from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from sxe_pipeline.redact import filters, urls
from sxe_pipeline.redact.exact import find_spans
from sxe_pipeline.redact.ruleset import hosts
from sxe_pipeline.redact.skeleton import skeleton
from sxe_pipeline.redact.threads import on_thread

_URL = re.compile(
    r"^\s*(?:(?P<scheme>[a-z][a-z0-9+.\-]*):)?(?://)?(?:[^/@\s]*@)?(?:www\.)?(?P<host>[^/?#"
    r"\s:]*)(?P<rest>.*)$",
    re.IGNORECASE | re.DOTALL,
)
_WORDS_BEHIND = re.compile(r"\s\S")
_WEB = ("http", "https", "")
_SURE = ("email", "contact_link", "messenger_id")
_SIGNS = filters.EMAIL | filters.LINKS | filters.MESSENGER | filters.DECODE | filters.UNUSUAL
_ODD_LINK = r"(?i)^\s*[a-z][a-z0-9+.\-]*:|^[^.]*$|%|\s"
"""A link that is not judged by its signs alone: of another scheme, without a host, with escapes."""
_WEB_LINK = r"(?i)^\s*https?://[^%\s]*\.[^%\s]*$"
_CONTACT_HANDLE = (
    r"(?i)^[^@\s]+@[^@\s]+\.[a-z]{2,}$"
    r"|^\+?[0-9][0-9()._\- ]{5,}[0-9]$"
    r"|^(?:\+|[a-tv-z._]|u[a-rt-z._]){0,8}[0-9](?:[._\-]?[0-9]){8,16}$"
    r"|(?:^|[^0-9a-z]|[a-qs-z])[0-9](?:[._\-]?[0-9]){9,14}(?:$|[^0-9])"
    r"|^(?:call|tel|phone|wa|whatsapp|sms|text|cel|movil|fone|zap)[._\-]?[0-9]{6}"
    r"|(?:g[._\-]?mail|hotmail|yahoo|outlook|icloud|proton(?:mail)?|yandex|rediffmail"
    r"|gmx)[._]?(?:dot|punto|ponto|punkt)?[._]?"
    r"(?:com|net|org|es|fr|de|co|ru|in|uk|br|it)(?:[._]|$)"
    r"|[a-z0-9][._\-]?(?:at|arroba|arobase)[._\-]?(?:g[._\-]?mail|hotmail|yahoo|outlook"
    r"|icloud|proton)"
)

_CONTACT_NAME = re.compile(_CONTACT_HANDLE)


@dataclass(frozen=True)
class RedactedLinks:
    """Links without contact data: what is left, the hub, how many were removed, of which kinds."""

    links: pa.ListArray
    hubs: pa.StringArray
    counts: pa.Int32Array
    kinds: pa.ListArray


def redact_links(links: pa.ListArray) -> RedactedLinks:
    """Drop contact links, keep only the host of link hubs, keep every other link.

    Args:
        links: Lists of links; a null list stays null, a null link is dropped.

    Returns:
        As many rows as came in; `hubs` is the first hub's host or null.
    """
    flat = links.flatten()
    verdicts = {at: _judge(flat[at].as_py()) for at in _asked(flat).tolist()}
    judged = {at: found for at, found in verdicts.items() if found[1] or found[2]}
    is_judged = np.zeros(len(flat), bool)
    is_judged[list(judged)] = True
    left = pa.array([text for text, _, _ in judged.values()], pa.string())
    texts = pc.replace_with_mask(flat.cast(pa.string()), is_judged, left)
    is_kept = np.asarray(pc.fill_null(pc.not_equal(texts, ""), False))
    parents = np.asarray(pc.list_parent_indices(links))
    hubs: dict[int, str] = {}
    kinds: defaultdict[int, list[str]] = defaultdict(list)
    for at, (_, hub, kind) in judged.items():
        row = int(parents[at])
        if hub:
            hubs.setdefault(row, hub)
        if kind:
            kinds[row].append(kind)
    named = {row: sorted(set(found)) for row, found in kinds.items()}
    return RedactedLinks(
        links=_lists(
            texts.filter(pa.array(is_kept)),
            np.bincount(parents[is_kept], minlength=len(links)),
            links.is_null() if links.null_count else None,
        ),
        hubs=pa.array(map(hubs.get, range(len(links))), pa.string()),
        counts=_numbers(len(links), {row: len(found) for row, found in kinds.items()}),
        kinds=_lists(
            pa.array([kind for row in sorted(named) for kind in named[row]], pa.string()),
            np.asarray(_numbers(len(links), {row: len(found) for row, found in named.items()})),
        ),
    )


def _numbers(rows: int, known: dict[int, int]) -> pa.Int32Array:
    """A number a row, 0 where none is known."""
    numbers = np.zeros(rows, np.int32)
    numbers[list(known)] = list(known.values())
    return pa.array(numbers)


def _lists(items: pa.Array, lengths: np.ndarray, mask: pa.Array | None = None) -> pa.ListArray:
    offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), items, mask=mask)


@on_thread("edges")
def _asked(links: pa.StringArray) -> np.ndarray:
    """The positions of links that show a sign of a contact; the others are kept as they are."""
    texts = pl.Series("text", pl.Series(links).cast(pl.String)).fill_null("")
    unique = texts.unique(maintain_order=True)
    plain = unique.str
    odd = plain.contains(_ODD_LINK) & ~plain.contains(_WEB_LINK)
    signs = (filters.signs(unique) & _SIGNS).astype(bool)
    shown = pl.DataFrame({"text": unique, "shown": signs | odd.to_numpy()})
    joined = texts.to_frame().join(shown, on="text", how="left", maintain_order="left")
    return np.flatnonzero(joined["shown"].to_numpy() & np.asarray(links.is_valid()))


@lru_cache(maxsize=65536)
def _judge(link: str) -> tuple[str | None, str | None, str | None]:
    """What is left of one link, the hub it leads to, and the kind that was removed."""
    parts = _URL.match(link)
    if parts is None:
        return None, None, "contact_link"
    scheme, host = (parts["scheme"] or "").lower(), parts["host"].lower().rstrip(".")
    rest = parts["rest"]
    if scheme not in _WEB and not _is_host(scheme):
        return None, None, "contact_link"
    if _leads_below(rest, _contacts_at(host)):
        return None, None, "contact_link"
    if name := _hub(host):
        bare = host == name and rest.strip("/?#") == ""
        return name, name, None if bare else "link_hub"
    kind = urls.carried(skeleton(link)[0]) or urls.coded(link)
    if kind:
        return None, None, kind
    # Without a host, or with words behind it, it is a text that stands where a link belongs.
    is_text = "." not in host or _WORDS_BEHIND.search(rest) is not None
    spans = [s for s in find_spans(unquote(link)) if is_text or s.kind in _SURE]
    return (None, None, spans[0].kind) if spans else (link, None, None)


def is_contact_link(link: str) -> bool:
    """Whether an address leads to a messenger or to a link hub: its path is no name of an account.

    Example:
        >>> is_contact_link("https://t.me/ana"), is_contact_link("https://x.com/ana")
        (True, False)
    """
    parts = _URL.match(link)
    if parts is None:
        return False
    host = parts["host"].lower().rstrip(".")
    return _hub(host) is not None or _leads_below(parts["rest"], _contacts_at(host))


@lru_cache(maxsize=65536)
def _hub(host: str) -> str | None:
    """The listed link hub that a host is of."""
    return next((name for name in hosts("link_hubs") if _same_host(host, "", name)), None)


@lru_cache(maxsize=65536)
def _contacts_at(host: str) -> tuple[str, ...]:
    """Below which paths of a host contacts stand; an empty one is the whole host."""
    return tuple(
        name.partition("/")[2]
        for name in hosts("contact_hosts")
        if _same_host(host, "", name.partition("/")[0])
    )


def _leads_below(rest: str, listed: tuple[str, ...]) -> bool:
    path = rest.lstrip("/").lower()
    return any(path.startswith(each) for each in listed)


def _is_host(scheme: str) -> bool:
    """'example.com:8080/x' has no scheme, only a port."""
    return "." in scheme


def _same_host(host: str, rest: str, name: str) -> bool:
    """Whether a link leads to a listed host, or to the path below it that the list names."""
    listed, _, path = name.partition("/")
    if host != listed and not host.endswith("." + listed):
        return False
    return rest.lstrip("/").lower().startswith(path)


def is_contact_shaped(name: str) -> bool:
    """Whether one name is shaped like an address or a phone number.

    Example:
        >>> is_contact_shaped("wa_14155550134"), is_contact_shaped("C8kXq1vO_9a")
        (True, False)
    """
    return _CONTACT_NAME.search(name) is not None


@on_thread("edges")
def contact_shaped(handles: pa.StringArray) -> pa.BooleanArray:
    """True where a handle is shaped like an address or a phone number.

    Args:
        handles: Handles without '@'; null gives null.
    """
    series = pl.Series("handle", handles).cast(pl.String)
    return pl.select(series.str.contains(_CONTACT_HANDLE)).to_series().to_arrow().cast(pa.bool_())

"""Which texts may hold contact data: a handful of patterns that Rust's DFA runs over a column.

Belongs here: cheap, broad signs. A text that none of them meets is never looked at again, so a
sign may be too broad but never too narrow; `exact` decides. No Unicode word boundary, no repeat
inside a repeat: they push the engine off its fast path (measured: 40 to 90 times slower).
"""

import re
from functools import lru_cache

import polars as pl

from sxe_pipeline.redact.ruleset import hosts, raw_words, words

_AT = (
    r"(?i:[a-z0-9_)\]}>.\-]@|[a-z0-9_.\-)] {1,3}@ ?[a-z0-9\-]+ ?\.|@ [a-z0-9\-]+ ?\.|\n@|@\n)"
    r"|[\[({<] ?@ ?[\])}>]|\p{L}@|[^\x00-\x7f]@[A-Za-z0-9]|@[^\x00-\x7f]|\n[.@]|[A-Za-z0-9] @(?:t|\w+ |[a-z]+$)"
)
_DIGITS = (
    r"(?:[0-9oOlLiI][^0-9A-Za-z]{0,5}){6}[0-9oOlLiI]|[0-9][0-9oOlLiIsSbB]{6}"
    r"|(?:[0-9][^0-9A-Za-z]{0,2}[A-Za-z]{1,9}[^0-9a-zA-Z]{0,2}){6}[0-9]"
)
_SIX = r"(?:[0-9][^0-9A-Za-z]{0,5}){5}[0-9]"
_UNUSUAL = (
    r"[０-９Ａ-Ｚａ-ｚ＠\x{1D400}-\x{1D7FF}\x{2460}-\x{24FF}\x{2776}-\x{2793}\x{2070}-\x{209C}"
    r"\x{20E3}\x{1F100}-\x{1F1E5}\x{E0020}-\x{E007E}\x{2800}-\x{28FF}\x{1F550}-\x{1F55B}\x{2680}-\x{2685}﹫ⓐ]"
    r"|(?:\p{Nd}[^\p{L}]{0,4}){6}\p{Nd}"
    r"|[A-Za-z0-9@.][\x{200b}-\x{200f}\x{00ad}\x{2060}\x{feff}\x{034f}]+[A-Za-z0-9@.]"
    r"|[0-9][\x{0300}-\x{036f}\x{20d0}-\x{20ff}]"
    r"|[A-Za-z0-9]\p{So}\x{fe0f}?[A-Za-z0-9\-]+[.][A-Za-z]{2}"
    r"|[〇零一二三四五六七八九壹贰叁肆伍陆柒捌玖](?:[^\p{L}]{0,3}[〇零一二三四五六七八九壹贰叁肆伍陆柒捌玖]){5}"
)
_ENCODED = (
    r"%[0-9a-fA-F]{2}|&#|&[a-z]+;|\\[ux]|(?:^|[^A-Za-z0-9+/=_.\-@#:])[A-Za-z0-9+/_\-]{16,}={0,2}(?:$|[^A-Za-z0-9+/=_.\-@])"
    r"|(?:[0-9A-Fa-f]{2}[ :]){6}|(?:[A-Za-z0-9@.][ \-_.*|~/,]{1,3}){8}"
    r"|(?i:liamg|liamtoh|oohay|kooltuo|duolci|tznvy|ubgznvy|lnubb|bhgybbx|vpybhq)|(?i:(?:moc|ten|gro|ku|rb|xm|se|rf|ed|ur|oi)\.[a-z0-9.\-]+@)"
    r"|[.\-]{5}[ /|]+[.\-]{5}"
)
_PROVIDER = r"(?i:g[e\-_. ]{0,3}mail|hot[\-_ ]?mail|ya[\-_ ]?hoo|out[\-_ ]?look|i[\-_ ]?cloud|proton|gmx|ymail|(?:^|[^a-z])aol[^a-z])"
_SHORT_LINK = (
    r"(?i:(?:^|[^a-z0-9])(?:wa|t|m|ig|fb|line|kik|zalo)[^a-z0-9]{1,4}(?:(?:dot|punto)[^a-z0-9]{1,4})?me ?[/\[(])"
    r"|(?i:(?:^|[^a-z])[a-z\-]{2,15}:(?://|[+0-9(]))|(?i:mailto)"
)


def _one_of(these: frozenset[str] | set[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(these, key=lambda w: (-len(w), w)))


@lru_cache(maxsize=1)
def _slot_patterns() -> tuple[str, str, str]:
    at, dot = raw_words("at_words"), raw_words("dot_words")
    sure = {word for word in raw_words("bare_at_words") if len(word) > 3 or not word.isascii()}
    side = r"[\[({<|~_*/\-.=+ \n\])}>（【「『«‹《〔）】」』»›》〕]"
    strong_at = rf"(?i:[\[({{<|~_*/\-（【「『«‹《〔] ?(?:{_one_of(at | words('bracket_at_words'))}) ?[\])}}>|~_*/\-）】」』»›》〕])|(?i:{_one_of(sure)})"
    return (
        strong_at,
        rf"(?i:{side}(?:{_one_of(at)}){side})",
        rf"(?i:{side}(?:{_one_of(dot)}){side})",
    )


@lru_cache(maxsize=1)
def _number_words() -> list[str]:
    names = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    listed = {word for name in names for word in raw_words(name, "numbers")}
    return sorted(word for word in listed if len(word) > 2 or not word.isascii())


@lru_cache(maxsize=1)
def _link_names() -> list[str]:
    listed = {host.split("/")[0] for name in ("contact_hosts", "link_hubs") for host in hosts(name)}
    first = {host.split(".")[0] for host in listed}
    return sorted(
        {host for host in listed if len(host) > 3}
        | {label for label in first if len(label) > 5}
        | {"linktr", "msng.link", "bit.ly/wa", "fb.me/msg", "link tree"}
    )


@lru_cache(maxsize=1)
def _messenger_pattern() -> str:
    dense = {word for word in raw_words("messengers") if not word.isascii()}
    names = _one_of({word for word in raw_words("messengers") if word.isascii()})
    return (
        rf"(?i:(?:^|[^a-z])(?:{names}) ?(?:id|user|name|pin)?[ ]{{0,2}}(?:[:@=\->|/(]|[^\x00-\x7f]|[a-z._]{{0,12}}[0-9]|id))"
        rf"|(?:{_one_of(dense)})"
    )


@lru_cache(maxsize=1)
def _address_pattern() -> str:
    before = _one_of({word.rstrip(".") for word in raw_words("street_words")})
    core = "street|avenue|ave|road|lane|drive|boulevard|blvd|highway|square|terrace|crescent|close|st|rd|ln|dr|nagar"
    endings = _one_of(raw_words("street_endings") | {"straße", "Straße"})
    boxes = _one_of({word.rstrip(".") for word in words("po_box") if len(word) > 2} | {"bp"})
    return (
        rf"(?i:(?:^|[^a-z])(?:{before}|{core})[^\n]{{0,40}}[0-9])|(?i:(?:^|[^a-z])(?:{boxes})[^a-z]{{1,4}}[0-9])"
        rf"|[0-9] (?:[A-Z][\w'’.\-]+ ){{1,4}}(?i:{core})(?:[^a-z]|$)|(?i:[a-zäöü](?:{endings})\.? [0-9])"
        r"|[A-Z]{1,2}[0-9]{1,2}[A-Z]? ?[0-9][A-Z]{2}(?:[^A-Za-z0-9]|$)|[A-Z]{2},? [0-9]{5}|〒|[都道府県][^\n]{1,12}[市区町村]"
        r"|[0-9]{2,5} [A-Z][a-z'\-]+ [A-Z][a-z]+[^\n]{0,40},? [A-Z]{2}(?:[^A-Za-z]|$)|(?i:house|plot|flat|shop|h\.?no|blk|sector)[^\n]{1,12}[0-9]"
        r"|[0-9](?: ?bis)?,? (?i:rue|avenue|bd|chemin|place|all|impasse|quai|cours|route|rua|via) "
    )


def candidate(name: str) -> pl.Expr:
    """True where a text shows any sign of contact data.

    Args:
        name: The column of texts.
    """
    text = pl.col(name).str
    strong_at, some_at, some_dot = _slot_patterns()
    has_digit = text.contains("[0-9]")
    return (
        text.contains(_AT)
        | text.contains(_DIGITS)
        | text.contains(_SIX)
        | text.contains(_UNUSUAL)
        | text.contains(_ENCODED)
        | text.contains(_PROVIDER)
        | text.contains(strong_at)
        | (text.contains(some_at) & text.contains(some_dot))
        | (text.find_many(_number_words(), ascii_case_insensitive=True).list.len() >= 4)
        | text.contains_any(_link_names(), ascii_case_insensitive=True)
        | text.contains(_SHORT_LINK)
        | text.contains(_messenger_pattern())
        | (has_digit & text.contains(_address_pattern()))
        | (text.len_bytes() > 8000)
    )

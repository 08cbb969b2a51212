"""Which texts may hold contact data: a few patterns that run over a column as one Rust automaton.

Belongs here: cheap, broad signs. A text that shows none of them is not searched further, so a sign
may be too broad but never too narrow; `exact` decides. No Unicode word boundary, no repeat inside
a repeat: with them the engine leaves its fast path (measured: 40 to 90 times slower).
"""

import re
from functools import lru_cache

import polars as pl

from sxe_pipeline.redact.ruleset import hosts, raw_words, words
from sxe_pipeline.redact.skeleton import skeleton

_AT = (
    r"(?i:[a-z0-9_)\]}>.\-]@|[a-z0-9_.\-)] {1,3}@ {0,2}[a-z0-9\-]+ ?\.[a-z]"
    r"|@ {0,2}[a-z0-9\-]+ \. ?[a-z]|@ {1,2}[a-z0-9\-]+\.|\n@[a-z0-9\-]+\.|@\n)"
    r"|[\[({<] ?@ ?[\])}>]|\p{L}@|@[^\x00-\x7f]|\n[.]|[A-Za-z0-9] @t "
    r"|[A-Za-z0-9]\p{So}\x{fe0f}?[A-Za-z0-9\-]+[.][A-Za-z]{2}"
)
_DIGITS = (
    r"(?:[0-9oOlLiI][^0-9A-Za-z]{0,5}){6}[0-9oOlLiI]|[0-9][0-9oOlLiIsSbB]{6}"
    r"|(?:[0-9][^0-9A-Za-z]{0,2}[A-Za-z]{1,9}[^0-9a-zA-Z]{0,2}){6}[0-9]"
)
_SIX = r"(?:[0-9][^0-9A-Za-z]{0,5}){5}[0-9]"
_UNUSUAL = (
    r"%[0-9a-fA-F]{2}|[A-Za-z][。｡・·‧][A-Za-z]|&#|&(?:commat|period);"
    r"|\\[ux][0-9a-fA-F{]|=(?:40|2E)[A-Za-z]|"
    r"[０-９Ａ-Ｚａ-ｚ＠．\x{1D400}-\x{1D7FF}\x{2460}-\x{24FF}\x{2776}-\x{2793}\x{2070}-\x{209C}"
    r"\x{20E3}\x{1F100}-\x{1F1E5}\x{E0020}-\x{E007E}\x{2800}-\x{28FF}\x{1F550}-\x{1F55B}\x{2680}-\x{2685}﹫ⓐ]"
    r"|(?:\p{Nd}[^\p{L}]{0,4}){6}\p{Nd}"
    r"|[!-~][\x{200b}-\x{200f}\x{00ad}\x{2060}-\x{2064}\x{202a}-\x{202e}\x{feff}\x{034f}\x{180e}]+[!-~]"
    r"|[0-9][\x{0300}-\x{036f}\x{20d0}-\x{20ff}]"
)
_HAN = "[〇零一二三四五六七八九壹贰叁肆伍陆柒捌玖]"
_IDEOGRAPHS = rf"{_HAN}(?:[^\p{{L}}]{{0,3}}{_HAN}){{5}}"
_ENCODED = (
    r"(?:^"
    r"|[^A-Za-z0-9+/=_.\-@#:])[A-Za-z0-9+/_\-]{3,}[a-z0-9][A-Z][A-Za-z0-9+/_\-]{8,}={0,2}(?:$"
    r"|[^A-Za-z0-9+/=_.\-@])"
    r"|(?:[0-9A-Fa-f]{2}[ :]){6}|(?:[A-Za-z0-9@.][ \-_.*|~/,]{1,3}){8}"
    r"|(?i:liamg|liamtoh|oohay|kooltuo|duolci|tznvy|ubgznvy|lnubb|bhgybbx|vpybhq)"
    r"|(?i:(?:moc|ten|gro|ku|rb|xm|se|rf|ed|ur|oi)\.[a-z0-9.\-]+@)"
    r"|[.\-]{5}[ /|]+[.\-]{5}"
)
_PROVIDER = (
    r"(?i:g[e\-_. ]{0,3}mail|hot[\-_ ]?mail|ya[\-_ ]?hoo|out[\-_ ]?look|i[\-_ ]?cloud|proton"
    r"|gmx|ymail|(?:^|[^a-z])aol[^a-z])"
)
_SHORT_LINK = (
    r"(?i:(?:^|[^a-z0-9])(?:wa|t|m|ig|fb|line|kik|zalo)[^a-z0-9]{1,4}(?:(?:dot"
    r"|punto)[^a-z0-9]{1,4})?me ?[/\[(])"
    r"|(?i:(?:^|[^a-z])(?:tel|telprompt|sms|smsto|mms|callto|facetime|facetime-audio"
    r"|sips?):[+0-9(/])"
    r"|(?i:mailto:|(?:whatsapp|tg|skype|viber|xmpp|im|weixin|wechat|line|signal|sgnl|kik"
    r"|threema|zalo)://)"
    r"|(?i:(?:^|[^a-z0-9])[a-z]{1,4}\.(?:me|ee|id|to|at|cc|im|be|st|re|ke|bio) ?/|link ?tree ?[:/])"
)


def _one_of(listed: frozenset[str] | set[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(listed, key=lambda w: (-len(w), w)))


@lru_cache(maxsize=1)
def _at_and_dot_patterns() -> tuple[str, str, str]:
    at, dot = raw_words("at_words"), raw_words("dot_words")
    sure = {word for word in raw_words("bare_at_words") if len(word) > 3 or not word.isascii()}
    bracketed = _one_of(at | words("bracket_at_words"))
    side = r"[\[({<|~_*/\-.=+ \n\])}>（【「『«‹《〔）】」』»›》〕]"
    strong_at = (
        rf"(?i:[\[({{<|~_*/\-（【「『«‹《〔] ?(?:{bracketed})"
        r" ?[\])}>|~_*/\-）】」』»›》〕])"
        rf"|(?i:{_one_of(sure)})"
    )
    return (
        strong_at,
        rf"(?i:{side}(?:{_one_of(at)}){side})",
        rf"(?i:{side}(?:{_one_of(dot)}){side})",
    )


@lru_cache(maxsize=1)
def _number_words() -> tuple[list[str], tuple[str, ...]]:
    """Words of other scripts to count, and patterns of Latin ones side by side."""
    names = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    listed = {word for name in names for word in raw_words(name, "numbers")}
    dense = sorted(word for word in listed if word[0] >= "\u0250")
    clear = _one_of({word for word in listed if word[0] < "\u0250" and len(word) > 2})
    short = _one_of({word for word in listed if word[0] < "\u0250"})
    english = "|".join((*names, "oh"))
    gap = r"[ ,.\-_*/|\n]{1,3}"
    leet = r"[a-z0-9@$]*[0-9@$][a-z][a-z0-9@$]*|[a-z][0-9@$][a-z0-9@$]*"
    return dense, (
        rf"(?i:(?:^|[^a-z])(?:{clear}){gap}(?:{short}|[0-9]){gap}(?:{short}|[0-9])(?:[^a-z]|$))",
        rf"(?i:(?:^|[^a-z0-9])(?:{short}|[0-9]){gap}(?:{short}|[0-9]){gap}(?:{clear})(?:[^a-z]|$))",
        rf"(?i:(?:{english})(?:{english}|[0-9]))|(?i:[0-9](?:zero|one|two|three|four|five"
        rf"|six|seven|eight|nine)[0-9])",
        rf"(?i:(?:^|[^a-z0-9@])(?:{leet}) (?:{leet}) (?:{leet}|[a-z]+) (?:{leet}|[a-z]+) )",
        r"(?i:(?:^|[^a-z])(?:i{1,3}|iv|vi{0,3}|ix)(?:[ \-.,](?:i{1,3}|iv|vi{0,3}|ix)){5})",
    )


@lru_cache(maxsize=1)
def _link_names() -> tuple[list[str], str]:
    """Hosts as written, and the first labels of hubs before a hidden dot."""
    listed = {host.split("/")[0] for name in ("contact_hosts", "link_hubs") for host in hosts(name)}
    labels = {host.split(".")[0] for host in listed}
    hidden = _one_of({label for label in labels if len(label) > 3} | {"linktree", "link tree"})
    return (
        sorted({host for host in listed if len(host) > 6} | {"bit.ly/wa", "fb.me/msg"}),
        rf"(?i:(?:{hidden}) {{0,2}}(?:[,(\[{{<]| dot | punto | \. ?| ?\.[^a-z]))",
    )


@lru_cache(maxsize=1)
def _messenger_pattern() -> str:
    dense = {word for word in raw_words("messengers") if not word.isascii()}
    names = _one_of({word for word in raw_words("messengers") if word.isascii()})
    return (
        rf"(?i:(?:^|[^a-z])(?:{names}) ?(?:id|user|name|pin)?[ ]{{0,2}}(?:[:@=\->|/(]"
        rf"|[^\x00-\x7f]|[a-z._]{{0,12}}[0-9]|id))"
        rf"|(?:{_one_of(dense)})"
    )


@lru_cache(maxsize=1)
def _address_patterns() -> tuple[str, ...]:
    before = {word.rstrip(".") for word in raw_words("street_words")}
    titled = _one_of({word.capitalize() for word in before} | {word.upper() for word in before})
    endings = _one_of(raw_words("street_endings"))
    boxes = _one_of(
        {word.rstrip(".") for word in words("po_box") if len(word) > 2 and word != "box"}
    )
    core = (
        "street|avenue|ave|av|road|lane|drive|boulevard|blvd|highway|square|terrace|crescent"
        "|close|st|rd|ln|dr|nagar|marg|court|ct|place|pl|way|circle|trail|alley|parkway|sq"
    )
    return (
        rf"(?:^|[^\w])(?:{titled}|calle|carrera|cra|rua|rue|jl|jln|jalan"
        rf"|улица)[. /]{{1,2}}(?:[^ \n]+ ){{0,6}}[^ \n]{{0,3}}[0-9]",
        r"(?i:(?:^|[^a-z])(?:calle|cll?|carrera|cra|cr|kra?|k|av|avenida|avda|ac|ak"
        r"|transversal|transv|tv|tr|diagonal|diag|dg|circular|autopista|mz"
        r"|manzana)[. ]{0,2}[0-9])|(?i:c/)",
        rf"(?i:(?:^|[^a-z])(?:{boxes}|bp)[^a-z0-9]{{1,4}}(?:n[^a-z]{{1,3}})?[0-9])",
        rf"[0-9][A-Za-z]?,? (?:[A-Z0-9][^ ]* )+(?i:{core})(?:[^a-z]|$)",
        rf"(?:{endings})\.? [0-9]",
        r"[A-Z]{1,2}[0-9]{1,2}[A-Z]? ?[0-9][A-Z]{2}(?:[^A-Za-z0-9]|$)|[A-Z]{2},? [0-9]{5}"
        r"|〒|[都道府県].*[市区町村]",
        r"[0-9]{2,6} (?:[A-Z0-9|][^ ]* )+[A-Z]{2}(?:[^A-Za-z]|$)",
        r"[0-9](?: ?bis| ?ter)?,? (?i:rue|avenue|ave?|bl?d|blvd|boulevard|chemin|place|all"
        r"|impasse|quai|cours|route|square|passage|rua|via)[. ]",
        r"(?i:house|plot|flat|shop|h\.? ?no|d\.? ?no|door no|blk|block|sector|singapore"
        r"|street|road|avenue|boulevard)[ .:#\-]{1,2}[^ ]{0,6}[0-9]",
    )


EMAIL, PHONE, SPELLED, LINKS, MESSENGER, ADDRESS, DECODE, UNUSUAL = (1 << bit for bit in range(8))
EVERYTHING = 255


def signs(name: str) -> pl.Expr:
    """The signs a text shows, as bits (null for null); 0 where nothing has to be searched.

    Args:
        name: The column of texts.
    """
    text = pl.col(name).str
    strong_at, some_at, some_dot = _at_and_dot_patterns()
    counted, adjacent = _number_words()
    names, hidden = _link_names()
    by_bit = {
        EMAIL: text.contains(_AT)
        | text.contains(_PROVIDER)
        | text.contains(strong_at)
        | (text.contains(some_at) & text.contains(some_dot)),
        PHONE: text.contains(_DIGITS) | text.contains(_SIX),
        SPELLED: (text.find_many(counted, ascii_case_insensitive=True).list.len() >= 4)
        | text.contains(_IDEOGRAPHS)
        | pl.any_horizontal(*map(text.contains, adjacent)),
        LINKS: text.contains_any(names, ascii_case_insensitive=True)
        | text.contains(hidden)
        | text.contains(_SHORT_LINK),
        MESSENGER: text.contains(_messenger_pattern()),
        ADDRESS: text.contains("[0-9]")
        & pl.any_horizontal(*map(text.contains, _address_patterns())),
        DECODE: text.contains(_ENCODED),
        UNUSUAL: text.contains(_UNUSUAL),
    }
    bits = pl.lit(0, pl.UInt8)
    for bit, sign in by_bit.items():
        bits = bits | pl.when(sign).then(pl.lit(bit, pl.UInt8)).otherwise(pl.lit(0, pl.UInt8))
    return bits


def sort_out(texts: pl.Series) -> pl.Series:
    """Signs per text; of texts with unusual characters those of their skeleton too.

    Args:
        texts: Strings without null.

    Returns:
        Bits; `UNUSUAL` alone never remains, so 0 means that nothing has to be searched.
    """
    frame = texts.alias("text").to_frame()
    bits = frame.select(signs("text").alias("bits"))["bits"]
    odd = (bits & UNUSUAL).cast(pl.Boolean).arg_true()
    if not len(odd):
        return bits
    skeletons = pl.DataFrame({"text": [skeleton(text)[0] for text in texts.gather(odd).to_list()]})
    again = skeletons.select(signs("text").alias("bits"))["bits"]
    merged = (bits.gather(odd) | again) & (EVERYTHING ^ UNUSUAL)
    return bits.scatter(odd, merged)

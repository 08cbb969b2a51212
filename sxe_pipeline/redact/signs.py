"""Signs that a text may hold contact data: patterns for Rust's regex engine, one list a family.

Belongs here: what the rules of a family cannot do without. A sign may be too broad but never too
narrow. No Unicode word boundary, no repeat inside of a repeat without a bound: with them the engine
leaves its fast path (measured: 40 to 90 times slower). Running them over columns is in `filters`.
"""

import re
from functools import lru_cache

from sxe_pipeline.redact import spelled
from sxe_pipeline.redact.email_lexicon import WEAK_PROVIDERS
from sxe_pipeline.redact.ruleset import hosts, plain_tlds, raw_words, words
from sxe_pipeline.redact.skeleton import ESCAPES, skeleton
from sxe_pipeline.redact.vanity import CALLED, PREFIX

_WORD = r"[^\x00-@\[-`{-\x7f]"
"""A letter: of ASCII, or anything that is no ASCII. `\\p{L}` compiles to far more."""
_SIDE = r"[\[({<|~_*/\-.=+ \n\])}>（【「『«‹《〔）】」』»›》〕]"
_OPEN, _CLOSE = r"[\[({<|~_*/（【「『«‹《〔]", r"[\])}>|~_*/）】」』»›》〕]"
_AT = (
    r"(?i:[a-z0-9_)\]}>.\-]@[^ \n\[]|[a-z0-9_.\-)\]}>] {1,3}@ {0,2}[a-z0-9\-]+ ?(?:\."
    r"|[\[({<（【] ?[.。] ?[\])}>）】] ?)[a-z]"
    r"|@ {0,2}[a-z0-9\-]+ \. ?[a-z]|@ {1,2}[a-z0-9\-]+\.|\n@[a-z0-9\-]+\.|@\n)"
    r"|[\[({<] ?@ ?[\])}>]|\p{L}@|@[^\x00-\x7f]|\n[.]|[A-Za-z0-9] @t "
    r"|[A-Za-z0-9](?:\p{So}\x{fe0f}?| ?[✉📧📩📨📬📫💌🌀🅰🐌]\x{fe0f}? ?)[A-Za-z0-9\-]+[.][A-Za-z]{2}"
)
_PROVIDER = (
    r"(?i:g[e\-_.\s]{0,3}mail|hot[\-_\s]?mail|ya[\-_\s]?hoo|out[\-_\s]?look|i[\-_\s]?cloud"
    r"|proton[\-_\s]?mail)"
)
"""Providers that are written with a separator inside their name."""
_VANITY = r"[\s.\-]{0,2}(?:[A-Za-z0-9\- ]{0,24}[A-Z]{3}|[a-z]{7})"
DIGITS = (
    r"(?:[0-9oOlLiI][^0-9A-Za-z]{0,5}){6}[0-9oOlLiI]|[0-9][0-9oOlLiIsSbB]{6}"
    r"|(?:[0-9][^0-9A-Za-z]{0,2}[A-Za-z]{1,9}[^0-9a-zA-Z]{0,2}){6}[0-9]",
    r"(?:[0-9][^0-9A-Za-z/:]{0,5}){5}[0-9]",
    r"(?:[0-9]{1,5}[^0-9A-Za-z]{1,3}[A-Za-z]{2,9}[^0-9A-Za-z]{1,3}){2}[0-9]"
    rf"|{PREFIX}\)?{_VANITY}|{CALLED}\(?[0-9]{{3}}\)?{_VANITY}",
)
_BLOCKS = r"\x{3400}-\x{9fff}\x{ac00}-\x{d7a3}\x{e000}"
"""Characters that stand for themselves, as do most of these:"""
_MOSTLY_PLAIN = (
    (0xA1, 0xBF),
    (0x3B0, 0x530),
    (0x5D0, 0x5EA),
    (0x621, 0x64A),
    (0x900, 0xE7F),
    (0x2000, 0x2BFF),
    (0x3001, 0x30FF),
    (0x1F000, 0x1FAFF),
)
_MARKS = (0xA0, 0x1680, 0x205F, 0x3000, 0x3001, 0x3002, 0xFE0F, *range(0x2000, 0x2030))
_LETTERS = (
    *range(0xC0, 0x530),
    *range(0x900, 0xE80),
    *range(0x1D00, 0x1F00),
    *range(0x2030, 0x2070),
    *range(0xFF00, 0xFFF0),
)
_HAN = "[〇零一二三四五六七八九壹贰叁肆伍陆柒捌玖]"
_IDEOGRAPHS = rf"{_HAN}(?:[^\p{{L}}]{{0,3}}{_HAN}){{5}}"
ENCODED = (
    r"(?:^|[^A-Za-z0-9+/=_.\-@#:])[A-Za-z0-9+/_\-]{3,}[a-z0-9][A-Z][A-Za-z0-9+/_\-]{8,}={0,2}(?:$"
    r"|[^A-Za-z0-9+/=_\-@])"
    r"|(?:[0-9A-Fa-f]{2}[ :]){6}|(?:^|[^0-9A-Za-z#])(?:0x)?[0-9a-fA-F]{14,}"
    r"|(?:[A-Za-z0-9@.][ \-_.*|~/,]{1,3}){8}"
    r"|(?i:liamg|liamtoh|oohay|kooltuo|duolci|tznvy|ubgznvy|lnubb|bhgybbx|vpybhq)"
    r"|[.\-]{5}[ /|]+[.\-]{5}"
)
_SHORT_LINK = (
    r"(?i:(?:^|[^a-z0-9])(?:wa|t|m|ig|fb|line|kik|zalo|vk|signal|telegram)[^a-z0-9]{1,4}(?:(?:dot"
    r"|punto|ponto|point|punkt)[^a-z0-9]{1,4})?me\.?(?::[0-9]+)? ?(?:[/\[(#?]|slash|barra))"
    r"|(?i:(?:^|[^a-z])(?:tel|telprompt|sms|smsto|mms|callto|facetime|facetime-audio"
    r"|sips?):[+0-9(/])"
    r"|(?i:mailto:|xmpp:|skype:|(?:^|[^a-z])(?:[a-gi-z]|h[a-su-z])[a-z0-9+\-]*://)"
    r"|(?i:(?:^|[^a-z0-9])[a-z]{1,4}\.(?:me|ee|id|to|at|cc|im|be|st|re|ke|bio|my|dog"
    r"|gg)\.?(?::[0-9]+)? ?[/#?]|link ?tree ?[:/])"
)
CARRIED = (
    r"(?i:[a-z0-9]\.[a-z]{2,18}\.?(?::[0-9]{1,5})?[/?#][^ \n]*(?:@[a-z0-9\-]+\.|%40|%2b"
    r"|%3a|%25|\+[0-9]"
    r"|[0-9][0-9().\- ]{5}[0-9]|[=/][a-z0-9_\-]{16}|[a-z]\.[a-z]{2,5}[/?#:]))"
    r"|(?i:[a-z]?//[^ /\n]*(?:@|[0-9]{7})|[0-9]{7}[0-9]*\.[a-z])",
)


@lru_cache(maxsize=1)
def unusual() -> str:
    """A character that the skeleton writes as another one, or an escape.

    All that is not known to stand for itself counts: a character that nobody thought of is read.
    """
    plain = [
        f"\\x{{{code:x}}}"
        for first, last in _MOSTLY_PLAIN
        for code in range(first, last + 1)
        if skeleton(chr(code))[0] == chr(code)
    ]
    return rf"(?i:{ESCAPES}|=(?:40|2e)[a-z])|[^\x00-\x7f{_BLOCKS}{''.join(plain)}]"


@lru_cache(maxsize=1)
def marks() -> tuple[list[str], list[str]]:
    """Blanks, dashes, quotation marks and what joins emoji, and what each stands for."""
    return _folded(_MARKS)


@lru_cache(maxsize=1)
def letters() -> tuple[list[str], list[str]]:
    """Letters with accents and of scripts that look like Latin, and what each stands for."""
    return _folded(_LETTERS)


def _folded(codes: tuple[int, ...]) -> tuple[list[str], list[str]]:
    bare = {chr(code): skeleton(chr(code))[0] for code in codes}
    return [char for char in bare if bare[char] != char], [
        bare[char] for char in bare if bare[char] != char
    ]


@lru_cache(maxsize=1)
def backwards() -> str:
    """An address that begins with the end of its domain."""
    ends = one_of({tld[::-1] for tld in plain_tlds() | words("country", "tlds") if tld.isascii()})
    return rf"(?i:(?:^|[^a-z0-9.@\-])(?:{ends})\.[a-z0-9.\-]+@)"


def one_of(listed: frozenset[str] | set[str]) -> str:
    """An alternation, longest first."""
    return "|".join(re.escape(word) for word in sorted(listed, key=lambda w: (-len(w), w)))


@lru_cache(maxsize=1)
def address_of_mail() -> tuple[tuple[str, ...], str, str]:
    """Patterns of which one is enough, and two (AT, DOT) that count together."""
    at, dot = raw_words("at_words"), raw_words("dot_words")
    sure = {word for word in raw_words("bare_at_words") if len(word) > 3 or not word.isascii()}
    bracketed = one_of(at | words("bracket_at_words"))
    listed = raw_words("unambiguous_providers") | raw_words("providers")
    long = one_of({name for name in listed - WEAK_PROVIDERS if len(name) > 4 or not name.isascii()})
    short = one_of({name for name in listed - WEAK_PROVIDERS if len(name) < 5 and name.isascii()})
    ends = one_of(plain_tlds())
    odd = rf"{_WORD}{{1,14}}(?: {_WORD}{{1,10}}){{0,2}}"
    return (
        (
            _AT,
            rf"{_PROVIDER}|(?i:{long}|(?:^|[^a-z0-9])(?:{short})(?:[^a-z0-9]|$))",
            rf"(?i:{_OPEN} ?(?:{bracketed}) ?{_CLOSE})|(?i:{one_of(sure)})"
            rf"|(?i:{_SIDE}(?:{one_of(at)}){_SIDE}{{1,3}}[a-z0-9\-]{{2,}}\.[a-z]{{2}})",
            rf"(?i:[\[({{<（【] ?{odd} ?[\])}}>）】] ?[^ \n]{{1,40}} ?[\[({{<（【] ?{_WORD}{{1,14"
            rf"}} ?[\])}}>）】] ?[a-z]{{2}})",
            rf"(?i:{_OPEN} ?{odd} ?{_CLOSE}{{1,2}} ?[^ \n]{{1,40}} ?{_OPEN}{{1,2}} ?{_WORD}"
            rf"{{1,14}} ?{_CLOSE}{{1,2}} ?(?:{ends})(?:[^a-z]|$))",
            rf"(?i:(?:^|[^a-z0-9])(?:{one_of(words('providers'))})[ \[({{<"
            rf"|*_~/]{{1,3}}{_WORD}{{1,14}}[ \])}}>|*_~/]{{1,3}}(?:{ends})(?:[^a-z]|$))",
        ),
        rf"(?i:{_SIDE}(?:{one_of(at)}){_SIDE})",
        rf"(?i:{_SIDE}(?:{one_of(dot)}){_SIDE})",
    )


@lru_cache(maxsize=1)
def separated_digits() -> str:
    """Digits with the name of a separator between them."""
    return rf"(?i:[0-9] {{0,2}}(?:{one_of(raw_words('separator_words'))}) {{0,2}}[0-9])"


@lru_cache(maxsize=1)
def number_words() -> tuple[list[str], str, tuple[str, ...]]:
    """Words of other scripts to count, those beside digits, and Latin ones side by side."""
    names = spelled.DIGITS
    listed = {word for name in spelled.NAMES for word in raw_words(name, "numbers")}
    dense = sorted(word for word in listed if word[0] >= "\u0250")
    joined = spelled.compounds()
    clear = one_of({word for word in listed if word[0] < "\u0250" and len(word) > 2})
    several = raw_words("doubles") | raw_words("triples")
    short = one_of({word for word in listed | several if word[0] < "\u0250"})
    english = "|".join((*names, "oh"))
    blank = r"[ ,.\-_*/|\n]{1,3}"
    gap = rf"{blank}(?:(?:{one_of(spelled.JOINERS)}){blank})?"
    leet = r"[0-9$][a-z][a-z0-9@$]*|[a-z]+[0-9@$][a-z0-9@$]*"
    mixed = (
        rf"(?i:[0-9][ ,.\-/]{{0,3}}(?:{one_of(set(dense))})"
        rf"|(?:{one_of(set(dense))})[ ,.\-/]{{0,3}}[0-9])"
        rf"|{_IDEOGRAPHS}"
    )
    return (
        dense,
        mixed,
        (
            rf"(?i:(?:^|[^a-z])(?:{clear}|{joined}){gap}(?:{short}|{joined}|[0-9]){gap}(?:{short}"
            rf"|{joined}|[0-9])(?:[^a-z]|$))",
            rf"(?i:(?:^|[^a-z0-9])[0-9]{gap}[0-9]{gap}(?:{clear})(?:[^a-z]|$))"
            rf"|(?i:(?:{english})(?:{english}|[0-9]))|(?i:[0-9](?:zero|one|two|three|four|five"
            rf"|six|seven|eight|nine)[0-9])"
            rf"|(?i:(?:^|[^a-z0-9@])(?:{leet}) (?:{leet}) (?:{leet}|[a-z]+) (?:{leet}|[a-z]+) )"
            r"|(?i:(?:^|[^a-z])(?:i{1,3}|iv|vi{0,3}|ix)(?:[ \-.,](?:i{1,3}|iv|vi{0,3}|ix)){5})",
        ),
    )


@lru_cache(maxsize=1)
def link_names() -> tuple[list[str], tuple[str, ...]]:
    """Hosts as written, and patterns of hosts that are short or hidden."""
    listed = {host.split("/")[0] for name in ("contact_hosts", "link_hubs") for host in hosts(name)}
    ordinary = {"facebook.com", "instagram.com", "vk.com", "bit.ly", "tinyurl.com", "fb.com"}
    labels = {host.split(".")[0] for host in listed - ordinary if host.count(".") == 1}
    hidden = one_of({label for label in labels if len(label) > 3} | {"linktree", "link tree"})
    short = {host for host in listed if len(host) < 6}
    below = one_of(short).replace(r"\.", r"[\[({<]?\.[\])}>]?")
    deep = {host for name in ("contact_hosts", "link_hubs") for host in hosts(name) if "/" in host}
    return (
        sorted({host for host in listed - ordinary if len(host) > 5} | deep | {"fb.me/msg"}),
        (
            rf"{_SHORT_LINK}|(?i:[a-z0-9_\-][.\])}}>](?:{below})(?:[^a-z0-9]|$))",
            rf"(?i:(?:{hidden}) {{0,2}}(?:[,(\[{{<]| dot | punto | \. ?| ?\.[^a-z]))",
        ),
    )


@lru_cache(maxsize=1)
def messengers() -> tuple[str, ...]:
    """Names of messengers: those that are ordinary words too need what follows them."""
    listed = raw_words("messengers")
    ordinary = raw_words("ordinary_messengers")
    dense = one_of({word for word in listed if not word.isascii() and len(word) > 1})
    strong = one_of({word for word in listed - ordinary if word.isascii() and word[0].isalpha()})
    weak = one_of({word for word in listed & ordinary if word.isascii()} | {"signal", "tg", "kik"})
    on = one_of(raw_words("on_words"))
    odd = one_of({word for word in listed if len(word) == 1 or not word[0].isalnum()})
    return (
        rf"(?i:(?:^|[^a-z])(?:{strong})(?:[^a-z]|$))|(?i:{dense})",
        rf"(?i:(?:^|[^a-z])(?:{weak})(?: ?(?:id|user|name|pin|is)?[ ]{{0,2}}(?:[:@=\->"
        rf"|/(~#•'.,&+]|[^\x00-\x7f])|[ \n]{{1,3}}(?:[a-z]{{1,8}}:? ){{0,2}}@?[a-z.]{{0,20}}(?"
        rf":[0-9_]|[a-z]\.[a-z])| ?(?:id|username|nick) [a-z0-9]|[^\x00-\x7f]|[0-9]))"
        rf"|(?i:(?: (?:{on}) |[(\[|/\-:] ?"
        r"|[^\x00-\x7f] )(?:signal|tg|kik|whatsapp|discord|skype)(?:$|[^a-z]))"
        r"|(?i:[a-z0-9_.] (?:signal|tg|kik) ?(?:only|too|pls)?(?:$|[^a-z0-9 ]))"
        rf"|(?i:(?:{odd})[^\p{{L}}]{{0,6}}[a-z0-9_])"
        r"|(?i:wxid_|live:|\.cid\.|@[a-z0-9._\-]+:[a-z0-9\-]+\.|05[a-f0-9]{30}|(?:session"
        r"|tox)[ :=\-id]*[a-f0-9]{40}|[a-z0-9_.]#[0-9]{4})",
    )


@lru_cache(maxsize=1)
def streets() -> tuple[str, ...]:
    """Words of streets beside digits."""
    before = {word.rstrip(".") for word in raw_words("street_words")}
    titled = one_of({word.capitalize() for word in before} | {word.upper() for word in before})
    small = one_of({word.rstrip(".") for word in raw_words("small_street_words")})
    endings = one_of(raw_words("street_endings"))
    boxes = one_of(
        {word.rstrip(".") for word in words("po_box") if len(word) > 2 and word != "box"}
    )
    core = one_of(
        words("street_suffixes") | {"estate", "lu", "jie", "dajie", "layout", "salai", "av"}
    )
    return (
        rf"(?:^|[^\w])(?:{titled}|{small})[. /]{{1,2}}(?:[^ \n]+ ){{0,6}}[^ \n]{{0,3}}[0-9]"
        rf"|(?i:{endings})\.? [0-9]"
        r"|[0-9][0-9A-Za-z/]{0,6} ?, ?[0-9]{2,6}[\- ]?[0-9]{0,4} [^ a-z0-9]",
        r"(?i:(?:^|[^a-z])(?:calle|cll?|carrera|cra|cr|kra?|k|av|avenida|avda|ac|ak"
        r"|transversal|transv|tv|tr|diagonal|diag|dg|circular|autopista|mz"
        r"|manzana)[. ]{0,2}[0-9]{1,3} ?[a-z]{0,3} ?[a-z]{0,5} ?(?:#|n|-))"
        r"|(?:^|[^\w])[Cc]/ ?[A-ZÀ-Þd]"
        rf"|(?i:(?:^|[^a-z])(?:{boxes}|bp)[^a-z0-9]{{1,4}}(?:n[^a-z]{{1,3}})?[0-9])",
        rf"[0-9][A-Za-z]?,? (?:[^ a-z][^ ]* )+(?i:{core})(?:[^a-z]|$)",
        r"[\p{Nd}--0-9]|[A-Z]{1,2}[0-9]{1,2}[A-Z]? ?[0-9][A-Z]{2}(?:[^A-Za-z0-9]|$)"
        r"|[A-Z]{2},? [0-9]{5}|〒|[都道府県].*[市区町村]"
        r"|[0-9]{2,6} (?:[A-Z0-9|][^ ]* )+[A-Z]{2}(?:[^A-Za-z]|$)"
        r"|[0-9](?: ?bis| ?ter)?,? (?i:rue|avenue|ave?|bl?d|blvd|boulevard|chemin|place|all"
        r"|impasse|quai|cours|route|square|passage|rua|via)[. ]",
        r"(?i:house|plot|flat|shop|villa|door|quarter|office|h\.? ?no|d\.? ?no|door no|blk"
        r"|block|sector|singapore"
        r"|street|road|avenue|boulevard|apt|apartment|suite|ste|unit|psc|[afd]po"
        r"|cmr)[ .:#\-,]{1,3}(?:n?o?\.? ?#?)?[^ ]{0,6}[0-9]"
        r"|[AFD]PO[ ,]{1,2}A[AEP]|[0-9]/[A-Z0-9]{1,3},? [A-Z0-9][^\n]*[0-9]{3}",
        r"(?:[道路街巷弄段村]|胡同|新村|小区|花园|广场|大厦).{0,3}[0-9]"
        r"|[로길동면읍대구군시도] ?[0-9]|(?:شارع|طريق"
        r"|ميدان|كورنيش|ش\.|خیابان|بلوار|کوچه|گلی|سڑک) "
        r"|(?:[Уу]л|[Пп]р|[Пп]ер|[Бб]ул|[Шш]оссе|[Нн]аб|[Пп]л|[Вв]ул|[Мм]кр|УЛ|улиц|переул"
        r"|тупик|проезд|Тупик|Проезд)|(?:Mah|Cad|Sok|Bulv|Sk\.|Cd\.)"
        r"|(?i:đường|phố|ngõ|ngách|hẻm|kiệt|phường|quận|huyện|thành phố|tp\.|p\. ?[0-9]"
        r"|q\. ?[0-9])|(?:Brgy|Barangay|Bgy|Purok|Subd)"
        r"|(?:Col\.|Colonia|Fracc|Barrio|Urb|Privada|Priv\.|Prol|Calzada|Cerrada|Callejón"
        r"|Jirón|Jr\.)|(?:Perum|Komp|Ruko|Apartemen|Griya|Gang|Gg\.)"
        r"|[0-9]-[0-9]{1,3},? [A-ZÀ-Þ]|(?:หมู่|ม\.|ถนน|ถ\.|ซอย|ซ\.)|(?:רחוב|רח'|שדרות|שד'"
        r"|דרך)|(?:δός|εωφ)|(?:मकान|प्लॉट|दुकान|फ्लैट|गली|বাড়ি|বাসা|রোড|সড়ক)"
        r"|(?: utca| u\.| út| tér| krt| körút| köz| sor) [0-9]",
    )

"""Postal addresses: a street word and a house number, or a number, a name and a street suffix.

Belongs here: streets, boxes and postcodes. Works on the raw text, because capitals are evidence.
"""

import re
from functools import lru_cache

from sxe_pipeline.redact.ruleset import raw_words, words

_CAP = r"[A-ZÀ-ÞĀ-ŽА-ЯΑ-Ω][\w'’.\-]{0,25}"
_SMALL = (
    r"(?:de|del|della|dello|dei|di|da|do|dos|das|la|las|los|le|les|el|of|the|von|van|der|den"
    r"|du|des|à|al|y|e)"
)
_NAME = (
    rf"(?:(?:{_SMALL}\s){{0,3}}(?:d['’]|l['’])?(?:{_CAP}|\d{{1,2}}(?:st|nd|rd|th|er"
    rf"|(?=\sde\s)))[\s,]{{1,3}})"
)
_NUMBER = (
    r"(?:n(?:[º°o]|ro|um|úm)?\.?\s?|No\.?\s?|NO\.?\s?|N[º°]\.?\s?|#\s?)?(?:(?<=,\s)"
    r"|(?<=[,º°o.]\s)|(?!(?:19|20)\d\d\b))\d{1,5}\s?(?:[A-Za-z]\b|bis\b|ter\b)?"
    r"(?:/\d{1,4}[A-Za-z]?\b)?(?<!24/7)"
)
_ZIP = (
    r"(?:\d{2}-\d{3}(?!\d)|\d{3}\s\d{2}(?!\d)"
    r"|\d{4,6}(?:-\d{3,4})?|[A-Z]{1,2}\d{1,2}[A-Z]?\s?\d[A-Z]{2}|\d{4}\s?[A-Z]{2})"
)
_CITY = rf"(?:{_CAP}[\s\-]?(?:{_SMALL}\s)?){{1,4}}"
_TAIL = rf"(?:\s?[,|\-–]\s?{_ZIP}\s{{0,2}}{_CITY}|\s?[,|\-–]?\s?{_ZIP}(?!\d)|\s?[,|\-–]\s?{_CITY})?"
_CORE = (
    "Street|St|Avenue|Ave|Av|Road|Rd|Lane|Ln|Drive|Dr|Court|Ct|Boulevard|Blvd|Highway|Hwy"
    "|Parkway|Pkwy|Terrace|Crescent|Close|Square|Sq|Place|Pl|Way|Circle|Cir|Trail|Alley"
)
NO_ADDRESS = re.compile(r"Jump Street|Ave Maria|Via Appia|Wall Street|Abbey Road|Sesame Street")
_NEEDS_TAIL = frozenset(
    ("berg", "hof", "gate", "tie", "veg", "vei", "ring", "markt", "torg", "gade", "pfad", "str")
)
_ALONE = frozenset(
    (
        "straße",
        "strasse",
        "str.",
        "gasse",
        "chaussee",
        "allee",
        "straat",
        "gracht",
        "gatan",
    )
)
"""Endings that are a street's as a word of its own too; of the others people have names."""
_NUMBER_AND_CODE = re.compile(r"\d[\w/ ]{0,6},\s?\d")
_BY_POSTCODE = re.compile(
    rf"(?<!\w){_CAP}(?:\s(?:{_SMALL}\s){{0,2}}{_CAP}){{0,3}}\s{_NUMBER}\s?,\s?"
    rf"(?!(?:19|20)\d\d\s){_ZIP}\s{_CITY}(?:\s?\d{{1,2}}\b)?"
)
"""A name and a number before a postcode and a city; tried where two numbers stand so."""
_COUNTED = re.compile(r"\d\s+(?P<word>[^\W\d_]+)\Z")


@lru_cache(maxsize=1)
def _patterns() -> tuple[re.Pattern[str], ...]:
    suffixes = "|".join(
        sorted((w.capitalize() for w in words("street_suffixes")), key=len, reverse=True)
    )
    before = {word.rstrip(".") for word in raw_words("street_words")}
    spelled = {w.capitalize() for w in before} | {w.upper() for w in before}
    spelled |= raw_words("small_street_words")
    prefixes = "|".join(sorted(map(re.escape, spelled), key=len, reverse=True))
    endings = raw_words("street_endings")
    sure = "|".join(sorted((re.escape(w) for w in endings - _NEEDS_TAIL), key=len, reverse=True))
    unsure = "|".join(sorted((re.escape(w) for w in endings), key=len, reverse=True))
    alone = "|".join(
        sorted((re.escape(w.capitalize()) for w in endings & _ALONE), key=len, reverse=True)
    )
    boxes = (
        r"p\.?\s?o\.?\s?box|post(?:al)?\s?box|pob|apartado(?:\s(?:postal|a[ée]reo"
        r"|de\scorreos))?|apdo\.?|casilla(?:\spostal)?|caixa\spostal|casella\spostale|postfach"
        r"|postbus|bo[iî]te\spostale|gpo\sbox|postboks|b\.p\.|а/я"
    )
    unit = r"(?:[,\s|]{1,3}(?:Apt|Apartment|Suite|Ste|Unit|Floor|Fl|Room|Rm|#)\.?\s?#?\s?\w{1,6})?"
    state = (
        rf"(?:\s?[,|]?\s?(?:{_CAP}\s){{0,3}}{_CAP},?\s[A-Z]{{2,3}}\b(?:\s\d{{5}}(?:-\d{{4}})?)?)"
    )
    gb = (
        rf"(?:\s?[,|]?\s?(?:{_CAP}[\s,]{{1,2}}){{0,4}}[A-Z]{{1,2}}\d{{1,2}}[A-Z]?\s?\d[A-Z]{{2}}\b)"
    )
    lead = r"(?<![\w$€£#.,/\-])\d{1,6}[A-Za-z]?(?:[\-/]\d{1,4})?,?\s"
    return (
        re.compile(
            rf"{lead}(?:{_CAP}\s|\d{{1,3}}(?:st|nd|rd"
            rf"|th)\s){{1,4}}(?:{_CORE})\b\.?{unit}(?:{state}|{gb})?"
        ),
        re.compile(rf"{lead}(?:{_CAP}\s){{1,4}}(?:{suffixes})\b\.?{unit}(?:{state}|{gb})"),
        re.compile(rf"{lead}(?:{_CAP},?\s){{1,6}}[A-Z]{{1,2}}\d{{1,2}}[A-Z]?\s?\d[A-Z]{{2}}\b"),
        re.compile(rf"{lead}(?:{_CAP}\s){{2,4}}{_CAP},\s[A-Z]{{2}}\s\d{{5}}"),
        re.compile(
            rf"(?<![\w])(?:{prefixes})\.?[\s/]{{1,2}}(?:{_NAME}){{1,5}}{_NUMBER}(?![\d\w%:]){_TAIL}"
        ),
        re.compile(rf"(?<!\w)(?i:c/)\s?(?:{_NAME}){{1,4}}{_NUMBER}(?![\d\w%:]){_TAIL}"),
        re.compile(
            rf"(?<![\w$€£.,])\d{{1,4}}\s?(?:bis|ter|quater)?,?\s(?i:rue|avenue|ave|av|bd"
            rf"|bld|boulevard|blvd|chemin|place|allée|impasse|quai|cours|route|square"
            rf"|passage|rua|via)\.?\s"
            rf"(?:(?:{_SMALL}\s){{0,2}}(?:d['’]"
            rf"|l['’])?{_CAP}\s?){{1,5}}(?:\s?[,|]\s?\d{{4,5}}\s{_CITY})?"
        ),
        re.compile(
            r"(?<!\w)(?i:calle|cll?|carrera|cra|cr|kra|kr|k|cl|av|avenida|avda|ac|ak"
            r"|transversal|transv|tv|tr|diagonal|diag|dg|circular|autopista|mz"
            r"|manzana)\.?\s?"
            r"\d{1,3}\s?(?:[A-Za-z]{1,2}(?![A-Za-z]))?\s?(?i:bis)?\s?(?i:sur|norte|este"
            r"|oeste|n|s|e|o)?\s?"
            r"(?:#|[Nn][°ºo]\.?|NO\.?|[Nn]ro\.?|-)\s?\d{1,3}\s?[A-Za-z]{0,3}\s?[\-–]\s?\d{1,3}"
        ),
        re.compile(
            rf"(?<!\w)(?:{_CAP}(?:\s"
            rf"|-)){{0,2}}[A-ZÄÖÜÅØ][\w\-]{{1,25}}(?:{sure})\.?\s\d{{1,4}}\s?[a-zA-Z]?\b{_TAIL}"
        ),
        re.compile(
            rf"(?<!\w)[A-ZÄÖÜÅØ][\w\-]{{1,25}}(?:{unsure})\.?\s\d{{1,4}}\s?[a-zA-Z]?\b\s?[,|]\s?{_ZIP}\s{_CITY}"
        ),
        re.compile(rf"(?<!\w)(?:{_CAP}[\s\-]){{1,3}}(?:{alone})\s{_NUMBER}(?![\d\w%:]){_TAIL}"),
        re.compile(
            rf"(?<!\w)(?:(?i:{boxes})|BP(?=\s?\d{{4}}))\s{{0,2}}[:#Nnº°.]{{0,3}}\s?\d{{2,8}}{_TAIL}"
        ),
        re.compile(r"〒\s?\d{3}[-ー]?\d{4}(?:\s?\S{1,40})?"),
        re.compile(r"\S{2,3}[都道府県]\S{1,12}[市区町村]\S{0,14}\d[\d\-−丁目番地号の]*"),
        re.compile(
            r"(?i:blk"
            r"|block)\.?\s\d{1,4}[A-Za-z]?\s(?:[A-Z]\w+\s?){1,5}\d{0,3}\s?(?:#\d{2}-\d{2,4})?(?:,?\sS(?:ingapore)?\s?\(?\d{6}\)?)?"
            r"|#\d{2}-\d{2,4},?\sSingapore|Singapore\s\d{6}"
        ),
        re.compile(
            r"(?<!\w)(?i:h\.?\s?no|house\sno|house|flat\sno|flat|plot\sno|plot|shop\sno"
            r"|shop|door\sno|d\.?no|office\sno"
            r"|sector)\.?[\s:\-#]{1,2}[\w/\-]{0,6}\d[\w/\-]*\s?,\s?"
            rf"(?:(?:{_CAP}|\d\w*)[\s,\-]{{0,3}}){{1,8}}"
        ),
        re.compile(
            rf"(?<![\w])(?:{_CAP}\s){{1,3}}(?i:street|road|avenue|boulevard|nagar"
            rf"|marg)\s\d{{1,5}}\b(?:{_TAIL})"
        ),
    )


def find(text: str) -> list[tuple[int, int]]:
    """Postal addresses in a raw text, as spans.

    Args:
        text: Raw text: capitals are evidence here.
    """
    spans = []
    coded = (_BY_POSTCODE,) if _NUMBER_AND_CODE.search(text) else ()
    for pattern in (*_patterns(), *coded):
        for match in pattern.finditer(text):
            end = match.end()
            while end > match.start() and text[end - 1] in " ,|-–":
                end -= 1
            if not NO_ADDRESS.search(match[0]) and not _only_counts(text[match.start() : end]):
                spans.append((match.start(), end))
    return spans


def _only_counts(found: str) -> bool:
    """Whether it is a way and no street ('via Zoom 5'), or ends in what was counted ('Fans')."""
    first, _, rest = found.partition(" ")
    if first == "via" and rest.split(" ")[0].lower() in words("networks") | words("messengers"):
        return True
    last = _COUNTED.search(found)
    counted = words("units_after") | words("counted_words")
    return last is not None and last["word"].lower() in counted

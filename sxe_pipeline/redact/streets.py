"""Street addresses of more countries: writing systems without capitals, and orders of their own.

Belongs here: patterns of raw text per writing system or region. Streets of Europe and the Americas
by word lists are in `address`.
"""

import re
from functools import lru_cache

from sxe_pipeline.redact.address import NO_ADDRESS

_CAP = r"[A-ZÀ-ÞĀ-ŽƠƯĐİẠ-ỹА-ЯЁІЇЄҐΑ-Ω][^\W\d_]{0,24}(?:[.'’\-][^\W\d_]{0,20})?"
_CAPS = rf"{_CAP}(?:[\s\-]{_CAP}){{0,3}}"
_SIDE = (
    rf"(?:,?\s{_CAP}){{0,2}}"
    rf"(?:,\s?{_CAP}(?:[\s\-]{_CAP})?){{0,2}}(?:[\s,\-]{{1,3}}\d{{3,6}}(?!\d))?"
)
_HAN = r"[\u4e00-\u9fff]"
_HOUSE = r"\d{1,5}[A-Za-z]?(?:[/\-]\d{1,4}[A-Za-z]?){0,2}"
_CHINESE = (
    rf"(?:{_HAN}{{1,8}}(?:省|市|区|區|县|縣|镇|鎮|乡|鄉|街道))?(?:{_HAN}{{1,8}}(?:省|市|区|區|县|縣|镇|鎮|乡|鄉"
    rf"|街道)){{0,3}}"
    rf"{_HAN}{{1,8}}(?:大道|道|路|街|巷|弄|胡同|段|村|新村|小区|花园|广场|大厦)(?:[一二三四五六七八九十]段)?\s?\d{{1,5}}\s?"
    rf"(?:号楼|号|號|弄|栋|棟|室|楼|樓|幢|座|单元)(?:[\u4e00-\u9fffA-Z\-]{{0,8}}\d{{1,5}}[号號室栋棟楼樓层層]?){{0,3}}"
)
_KOREAN = (
    r"(?:[가-힣]{1,6}(?:특별시|광역시|시|도|군|구)\s?){1,3}(?:[가-힣]{1,8}(?:읍|면"
    r"|동)\s?)?(?:[가-힣0-9]{1,12}(?:로|길|대로)\s?)?"
    r"\d{1,5}(?:-\d{1,4})?(?:번지)?(?:[,\s]{1,2}\d{1,5}(?:호|층|동)){0,2}|[가-힣0-9]{2,12}(?:로|길"
    r"|대로)\s\d{1,5}(?:-\d{1,4})?(?:[,\s]{1,2}\d{1,5}(?:호|층|동)){0,2}"
    r"(?=\s|$|[,.)])"
)
_SLAVIC_WORD = (
    r"(?:[Уу]л(?:\.|ица)?|[Пп]р(?:\.|-т|осп\.?|оспект)?|[Пп]ер(?:\.|еулок)?|[Бб]ул(?:\."
    r"|ьвар)?|[Шш]оссе|[Нн]аб(?:\.|ережная)?"
    r"|[Пп]лощадь|[Пп]л\.|[Вв]ул(?:\.|иця)?|[Пп]росп\.|[Пп]ров(?:\.|улок)?|[Мм]кр(?:\."
    r"|н\.?)?|[Пп]роезд|[Тт]упик|УЛ\.?)"
)
_SLAVIC_CAP = r"[А-ЯЁІЇЄҐ0-9][\w\-’']{1,24}\.?"
_SLAVIC_END = (
    r"(?:д(?:ом)?\.?|буд\.?|№|№\s)?\s?\d{1,4}(?:к\d{1,3}|\s?[а-яА-Я])?(?!\w)(?:\s?(?:/"
    r"|корп\.?)\s?\d{1,3})?"
    r"(?:,?\s?(?:кв|оф|офис|корп|стр|под[ъь]езд|этаж|эт|пом)\.?\s?\d{1,4}){0,3}"
)
_SLAVIC = (
    rf"(?:(?:г\.|м\.)\s?{_SLAVIC_CAP},?\s)?(?:{_SLAVIC_CAP},\s)?(?<!\w){_SLAVIC_WORD}\s?"
    rf"{_SLAVIC_CAP}(?:\s{_SLAVIC_CAP}){{0,2}}[\s,]{{1,3}}{_SLAVIC_END}"
    rf"|(?:(?:г\.|м\.)\s?{_SLAVIC_CAP},?\s)?(?:{_SLAVIC_CAP}\s){{1,2}}(?:улица|ул\."
    rf"|переулок|проспект|площадь|бульвар|шоссе|вулиця|набережная)[\s,]{{1,3}}{_SLAVIC_END}"
    rf"(?:,\s{_SLAVIC_CAP})?"
)
_ARABIC = (
    r"(?:\d{1,5}[،,]?\s)?(?:(?:حي|منطقة|مدينة)\s\w{2,15}(?:\s\w{2,15})?[،,]?\s)?(?<!\w)(?:ش"
    r"ارع|طريق|ميدان|كورنيش|ش\.|خیابان|بلوار|کوچه|گلی|سڑک)\s"
    r"(?:\w{1,15}[،,]?\s?){1,4}(?:[،,]?\s?(?:رقم|عمارة|عماره|بناية|منزل|مبنى|شقة|الدور"
    r"|پلاک|واحد|مکان)\s(?:نمبر\s)?\w{1,6}){0,3}(?:[،,]\s?\w{2,15}){0,2}"
)
_TURKISH_WORD = r"(?:Mah(?:\.|allesi)?|Cad(?:\.|desi)?|Sok(?:\.|ak|ağı)?|Bulv(?:\.|arı)|Sk\.|Cd\.)"
_TURKISH = (
    rf"(?:{_CAP}\s){{1,3}}{_TURKISH_WORD}(?:,?\s(?:{_CAP}\s"
    rf"|\d{{1,4}}\.?\s){{1,3}}{_TURKISH_WORD}){{0,2}}[\s,]{{1,2}}"
    rf"(?:[Nn]o\s?[:.]?\s?)?\d{{1,4}}(?:/[\dA-Z]{{1,4}})?(?:\s(?:D|Daire"
    rf"|Kat)\s?[:.]?\s?\d{{1,3}}){{0,2}}(?:[\s,]{{1,2}}{_CAP}(?:/{_CAP})?){{0,2}}"
)
_VIETNAMESE = (
    r"(?:[Ss]ố\s)?\d{1,4}[A-Z]?(?:/\d{1,4}){0,3},?\s(?:(?:[Đđ]ường|[Pp]hố|[Nn]gõ|[Nn]gách"
    r"|[Hh]ẻm|[Kk]iệt)\s(?:\d{1,4}\s)?)"
    rf"{_CAPS}(?:,?\s(?:[Pp]hường|[Qq]uận|[Hh]uyện|P\.|Q\.|TP\.?)\s?(?:\d{{1,2}}"
    rf"|{_CAPS})){{0,3}}(?:,\s(?:TP\.?\s?)?{_CAPS})?"
    rf"|(?:[Ss]ố\s)?\d{{1,4}}[A-Z]?(?:/\d{{1,4}}){{0,3}},?\s{_CAPS},?\s(?:[Pp]hường"
    rf"|[Qq]uận|[Hh]uyện|P\.|Q\.|[Tt]hành phố|TP\.)\s?(?:\d{{1,2}}|{_CAPS})"
    rf"(?:,\s(?:[Qq]uận|Q\.|TP\.?)\s?(?:\d{{1,2}}|{_CAPS})){{0,2}}(?:,\s(?:TP\.?\s?)?{_CAPS})?"
)
_PHILIPPINE = (
    rf"(?:(?:Blk|Block)\.?\s?\d{{1,4}},?\s(?:Lot|Lt)\.?\s?\d{{1,4}}"
    rf"|\d{{1,5}})[\s,]{{1,2}}(?:{_CAP}\s){{1,3}}(?:St|Street|Ave|Avenue|Rd|Road"
    rf"|Ext)?\.?,?\s"
    rf"(?:Brgy\.?|Barangay|Bgy\.?|Purok|Subd\.?)\s{_CAPS}(?:,\s{_CAPS})?|(?:Blk"
    rf"|Block)\.?\s?\d{{1,4}},?\s(?:Lot|Lt)\.?\s?\d{{1,4}}"
)
_SOUTH_ASIAN = (
    rf"(?<!\w)(?:(?:House|Plot|Flat|Shop|Villa|Door|Qtr|Quarter|Office)\.?\s?(?:[Nn]o"
    rf"|NO)?[.:]?\s?[#\-]?\s?"
    rf"|[HDF]\.?\s?(?:[Nn]o|NO|#)[.:]?\s?)[\w/\-]{{0,5}}\d[\w/\-]{{0,5}}"
    rf"(?:,\s?|\s)(?:(?:Road|Rd|Street|St|Block|Sector|Phase|Lane|Gali|Cross|Main"
    rf"|Ward)\.?[\s\-#]{{0,2}}(?:[Nn]o\.?\s?)?[\w/\-]{{1,5}}|{_CAPS})"
    rf"(?:,\s?(?:\d{{1,3}}(?:st|nd|rd|th)\s)?(?:[A-Z]-?\d+(?:/\d)?"
    rf"|{_CAP})(?:[\s\-/](?:{_CAP}|[A-Z0-9/]{{1,4}})){{0,3}}){{0,4}}(?:[\s,\-]{{1,3}}\d{{3"
    rf"}}\s?\d{{0,3}}(?!\d))?"
    rf"|(?<![\w/])\d{{1,4}}/[A-Z0-9]{{1,3}},?\s(?:(?:\d{{1,3}}(?:st|nd|rd"
    rf"|th)\s)?{_CAP}[\s,\-]{{1,2}}(?:\d\s)?){{1,5}}(?:\d{{3}}\s?\d{{3}}|-?\d{{3,4}})(?!\d)"
)
_NUMBERED = (
    rf"(?<![\w$€£#.,/\-])(?:No\.?\s?)?\d{{1,5}}[A-Za-z]?,?\s(?:{_CAP}\s){{1,3}}"
    rf"(?:Street|St|Road|Rd|Avenue|Ave|Close|Crescent|Lane|Drive|Way|Court|Estate"
    rf"|Boulevard|Lu|Jie|Dajie|Marg|Nagar|Layout|Salai)\b\.?{_SIDE}"
)
_LATIN_AMERICAN = (
    rf"(?:(?:Privada|Priv\.|Prol(?:ongación|\.)|Calzada|Calz\.|Andador|Cerrada|Retorno"
    rf"|Callejón|Circuito|Pasaje|Jirón|Jr\.|Av\.|Blvd\.)\s)?"
    rf"(?:\d{{1,2}}\sde\s)?(?:{_CAP}\s){{1,4}}(?:#|No\.?\s?)?\d{{1,5}}(?:-[A-Z0-9]{{1,3}})?"
    rf",?\s(?:Col(?:\.|onia)|Fracc(?:\.|ionamiento)|Barrio|Urb(?:\.|anización)"
    rf"|Colonia)\s{_CAPS}(?:,\s{_CAPS})?"
    rf"|(?:Privada|Priv\.|Prol\.|Calzada|Cerrada|Callejón|Jirón"
    rf"|Jr\.)\s(?:\d{{1,2}}\sde\s)?(?:{_CAP}\s){{1,4}}(?:#|No\.?\s?)?\d{{1,5}}(?:-[A-Z])?"
)
_INDONESIAN = (
    r"(?:Perumahan|Perum\.?|Komplek|Kompleks|Ruko|Komp\.|Apartemen|Griya|Gang|Gg\.)"
    rf"\s(?:{_CAP}\s){{1,4}}"
    r"(?:(?:Blok|Blk|No|Kav|RT|RW)\.?\s?[A-Z]{0,2}\d{0,4}[,/\s]{0,2}){1,5}"
)
_JAPANESE_LATIN = (
    rf"(?<!\d)\d{{1,3}}-\d{{1,3}}(?:-\d{{1,3}})?,?\s{_CAP}"
    rf"(?:,\s?{_CAP}(?:-(?:ku|shi|cho|machi|dori))?){{1,3}}"
)
_THAI = (
    r"\d{1,4}(?:/\d{1,4})?\s?(?:หมู่|ม\.|ถนน|ถ\.|ซอย|ซ\.)\s?[\u0e00-\u0e7f0-9]{1,30}"
    r"(?:\s?(?:แขวง|เขต|ตำบล|ต\.|อำเภอ|อ\.|จังหวัด|จ\.)\s?[\u0e00-\u0e7f]{1,30}){0,3}(?:\s\d{5})?"
)
_OTHER_SCRIPTS = (
    r"(?:רחוב|רח'|שדרות|שד'|דרך)\s(?:[\u0590-\u05ff'\"]{1,15}\s){1,3}\d{1,4}(?:,\s?[\u0590-"
    r"\u05ff ]{2,20})?"
    r"|(?:[Οο]δός|[Λλ]εωφ(?:όρος|\.))\s(?:[\u0370-\u03ff\u1f00-\u1fff]{2,20}\s){1,3}\d{1,4}"
    r"|(?:मकान|प्लॉट|दुकान|फ्लैट|गली|बाड़ी|বাড়ি|বাসা|রোড|সড়ক)\s?(?:नं\.?|नंबर|সংখ্যা|নং"
    r"|নম্বর)?[\s:\-]{0,2}[\d०-९০-৯]{1,4}(?:[,\s]{1,2}[\u0900-\u09ff]{2,20}){0,4}(?:[\s\-]{"
    r"1,3}[\d०-९০-৯]{4,6})?"
)
_UNIT = (
    r"(?:(?<![\w$€£#.,/\-])\d{1,6}\s[^\n|•@]{3,60}[\s,]{1,3})?(?<!\w)(?:Apt|Apartment"
    r"|Suite|Ste|Unit)\.?\s(?:No\.?\s)?#?\d{1,5}[A-Z]?(?!\w)(?!%)"
    rf"(?:[\s,]{{1,3}}{_CAPS}){{0,2}}|(?:PSC|Unit|CMR)\s\d{{3,5}},?\sBox\s\d{{1,5}}|(?:APO"
    rf"|FPO|DPO)[\s,]{{1,2}}A[AEP]\s\d{{5}}"
)
_HUNGARIAN = rf"(?:{_CAP}\s){{1,3}}(?:utca|u\.|út|tér|krt\.|körút|köz|sor)\s\d{{1,4}}(?!\d)\.?"
_FORMS = (
    (r"[\u4e00-\u9fff]", _CHINESE),
    (r"[가-힣]", _KOREAN),
    (r"[А-Яа-яЁёІіЇїЄє]", _SLAVIC),
    (r"[\u0600-\u06ff]", _ARABIC),
    (r"Mah|Cad|Sok|Bulv|Sk\.|Cd\.", _TURKISH),
    (r"[\u1ea0-\u1ef9ơưđĐ]", _VIETNAMESE),
    (r"Brgy|Barangay|Bgy|Purok|Subd|Lo?t\.? ", _PHILIPPINE),
    (
        r"(?i:house|plot|flat|shop|villa|door|qtr|quarter|office)|[HDF]\.? ?[Nn#]|\d/[A-Z0-9]",
        _SOUTH_ASIAN,
    ),
    (
        r"(?<=[\w.] )(?:Street|St|Road|Rd|Avenue|Ave|Close|Crescent|Lane|Drive|Way|Court|Estate"
        r"|Boulevard|Lu|Jie|Dajie|Marg|Nagar|Layout|Salai)\b",
        _NUMBERED,
    ),
    (r"Col\.|Colonia|Fracc|Barrio|Urb|Priv|Prol|Calz|Cerrada|Callejón|Jirón|Jr\.", _LATIN_AMERICAN),
    (r"Perum|Komp|Ruko|Apartemen|Griya|Gang|Gg\.", _INDONESIAN),
    (r"\d-\d{1,3},? [A-ZÀ-Þ]", _JAPANESE_LATIN),
    (r"[\u0e00-\u0e7f]", _THAI),
    (r"[\u0590-\u05ff\u0370-\u03ff\u0900-\u09ff]", _OTHER_SCRIPTS),
    (r"Apt|Apartment|Suite|Ste|Unit|PSC|CMR|[AFD]PO", _UNIT),
    (r" (?:utca|u\.|út|tér|krt\.|körút|köz|sor) \d", _HUNGARIAN),
)
"""What a text has to hold for a form to be tried, and the form."""


@lru_cache(maxsize=1)
def _patterns() -> tuple[tuple[re.Pattern[str], re.Pattern[str]], ...]:
    return tuple((re.compile(trigger), re.compile(form)) for trigger, form in _FORMS)


def find(text: str) -> list[tuple[int, int]]:
    """Street addresses in a raw text, as spans; each holds a digit."""
    spans = []
    for trigger, pattern in _patterns():
        for found in pattern.finditer(text) if trigger.search(text) else ():
            start, end = found.span()
            while end > start and text[end - 1] in " ,|-–،\n":
                end -= 1
            if any(map(str.isdigit, text[start:end])) and not NO_ADDRESS.search(found[0]):
                spans.append((start, end))
    return spans

"""Handles that a text names together with their platform: 'IG: name', 'insta @name', 'TikTok - x'.

Here: the patterns and what must not become a handle. Words follow a platform's name by chance
('Instagram model', 'TikTok star', 'YouTube: Game Night'), so a handle without an @ needs a colon;
or a dash and the end of its line; or the look of a handle (a dot, a digit, an underscore).
"""

import re

from sxe_pipeline.social.networks import Named, clean_handle

_NAMES = {
    "instagram": (
        r"instagram|insta|inst|ig",
        r"инст(?:аграмм?е?|[аеуы])?|інст(?:аграм|[аиіу])?|[اإأ]نستا?(?:[غقج]رام)?|اینستا(?:گرام)?|"
        r"אינסט(?:גרם|ה)|इंस्टा(?:ग्राम)?",
        r"インスタ(?:グラム)?|인스타(?:그램)?|อินสตาแกรม|ไอจี",
    ),
    "tiktok": (
        r"tik ?tok|tt",
        r"т[иі]к[ -]?токе?|تيك ?توك|تیک ?تاک|טיק ?טוק|टिकटॉक",
        r"ティックトック|틱톡|ติ๊?กต[็๊]?อก",
    ),
    "threads": (r"threads", r"тредс|ثريدز", r"スレッズ|스레드"),
    "x": (
        r"twitter(?: ?/ ?x)?|x(?: ?/ ?twitter)?",
        r"тв[иі]ттере?|تويتر|توییتر|טוויטר|ट्विटर",
        r"ツイッター|트위터|推特|ทวิตเตอร์",
    ),
    "youtube": (
        r"you ?tube|yt",
        r"ют(?:у|ю|ью)бе?|يوتيوب|یوتیوب|יוטיוב|यूट्यूब",
        r"ユーチューブ|유튜브|油管|ยูทู[บป]",
    ),
    "facebook": (
        r"facebook|fb",
        r"фейсбуке?|فيسبوك|فیسبوک|פייסבוק|फेसबुक",
        r"フェイスブック|페이스북|脸书|臉書|เฟซบุ๊ก|เฟสบุ๊ค",
    ),
    "twitch": (r"twitch", r"твич|تويتش", r"ツイッチ|트위치"),
    "github": (r"github", "", ""),
    "snapchat": (
        r"snapchat|snap|sc",
        r"снапчат|سناب(?: ?شات)?",
        r"スナチャ|スナップチャット|스냅챗",
    ),
}
"""How people write a platform: in Latin letters, in other scripts that part words by spaces, and in
those that do not. Snapchat stands in lists ('snap & insta: name'); it is a messenger and never a
target."""


def _any(*scripts: int) -> str:
    """A pattern of all platforms as some scripts write them."""
    return "|".join(names[at] for at in scripts for names in _NAMES.values() if names[at])


MAY_NAME = rf"(?i)(?-u:\b)(?:{_any(0)})(?-u:\b)|{_any(1, 2)}"
"""A pre-filter in the dialect of Polars: texts without a match name nobody. A Latin name ends where
another script begins ('IGは')."""

_SAID = re.compile(
    rf"(?P<names>(?:(?<![\w@#.])(?:{_any(0, 1)})|{_any(2)})"
    rf"(?: ?(?:/|&|\+|,|\||・|and|und|en|et|y|e|и) ?(?:{_any(0, 1, 2)}))*)"
    r"(?:は|も|垢|アカ(?:ウント)?|는|은|도|계정)?(?!\w)"
    r"(?P<gap>[^\w\n@]{0,6})(?P<at>@ ?)?"
    r"(?P<handle>[a-z0-9_][a-z0-9_.]{1,29})(?![a-z0-9_])(?![\w./]*[/@])",
    re.IGNORECASE,
)
_WHICH = [
    (
        network,
        re.compile(
            rf"(?<!\w)(?:{'|'.join(filter(None, names[:2]))})(?!\w)|{names[2] or '(?!)'}",
            re.IGNORECASE,
        ),
    )
    for network, names in _NAMES.items()
    if network != "snapchat"
]
_GOES_ON = re.compile(r"[ \t&]*[^\W_]")
_LOOKS_TYPED = re.compile(r"(?=.*[a-z])(?=.*[0-9_.])[a-z0-9_.]{4,}")
_COUNT = re.compile(r"[0-9.]+[km]?")
_COLON, _DASH = re.compile(r"[:：=]"), re.compile(r"[-–—→➡👉»>~]")
_HAVE_TITLES = frozenset({"youtube", "facebook", "twitch"})
_COMMON = """
account acc page profile bio link links below above here soon coming dm dms me my the for in on at
is it too now and or also see new check follow followers daily live fan fans art video videos
channel only no not same handle name username model influencer creator star com www http https
official back up de la el mi auf mein meine mon le suivez sur just all
"""
_WORDS = frozenset(_COMMON.split())


def named_in_text(text: str) -> list[Named]:
    """Everybody whom a text names with their platform, in order of appearance.

    Example:
        >>> named_in_text("IG/TikTok: ana.b | Instagram model | yt @anab")
        [Named(network='instagram', handle='ana.b'), Named(network='tiktok', handle='ana.b'), \
Named(network='youtube', handle='anab')]
    """
    found: list[Named] = []
    position = 0
    while match := _SAID.search(text, position):
        handle = clean_handle(match["handle"])
        if handle is None or not _is_meant(match, handle):
            position = match.end("names")
            continue
        found += [Named(network, handle) for network in _networks(match["names"])]
        position = match.end()
    return found


def _networks(names: str) -> list[str]:
    return [network for network, pattern in _WHICH if pattern.search(names)]


def _is_meant(match: re.Match[str], handle: str) -> bool:
    names, gap = match["names"].casefold(), match["gap"]
    if _COUNT.fullmatch(handle) or (names == "x" and not (match["at"] and _COLON.search(gap))):
        return False
    if match["at"]:
        return not re.search(r"[&+,.]", gap)
    if handle in _WORDS:
        return False
    if _LOOKS_TYPED.fullmatch(handle) and (not gap.strip() or _DASH.search(gap)):
        return True
    goes_on = _GOES_ON.match(match.string, match.end("handle")) is not None
    if _COLON.search(gap):
        return len(handle) > 2 and not (goes_on and _HAVE_TITLES & set(_networks(names)))
    return _DASH.search(gap) is not None and " " in gap and not goes_on

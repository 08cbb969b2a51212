"""Ways to name an account of a messenger."""

import random

from sxe_pipeline_tests.redact.ways.values import Number, Person

NAMES = (
    "Telegram",
    "telegram",
    "TG",
    "tg",
    "WhatsApp",
    "WeChat",
    "wechat",
    "Weixin",
    "Skype",
    "Viber",
    "Signal",
    "LINE",
    "Line ID",
    "KakaoTalk",
    "kakao",
    "Zalo",
    "Discord",
    "Kik",
    "ICQ",
    "QQ",
    "Threema",
    "Wickr",
    "imo",
)
FOREIGN = (
    "телеграм",
    "телега",
    "тг",
    "вайбер",
    "скайп",
    "вацап",
    "تلغرام",
    "تلجرام",
    "تيليجرام",
    "سكايب",
    "واتساب",
    "微信",
    "微信号",
    "加微信",
    "加V",
    "+V",
    "薇",
    "VX",
    "扣扣",
    "電報",
    "纸飞机",
    "ライン",
    "カカオ",
    "텔레그램",
    "카톡",
    "카카오톡",
    "라인",
    "위챗",
    "ไลน์",
    "ไอดีไลน์",
    "เทเลแกรม",
    "טלגרם",
    "τηλεγκραμ",
    "टेलीग्राम",
    "টেলিগ্রাম",
    "டெலிகிராம்",
    "телеграмм",
    "لاین",
    "تلگرام",
    "Téléгram",
)
JOINTS = (
    ": ",
    ":",
    " ",
    " - ",
    " = ",
    " @",
    ": @",
    " 👉 ",
    " → ",
    " ➡️ ",
    " | ",
    " / ",
    " ~ ",
    " id ",
    " ID: ",
    "(",
    " is ",
    "\n",
    "：",
    " • ",
)


def by_name(rng: random.Random, who: Person, num: Number) -> str:
    """Messenger, joint, name."""
    return f"{rng.choice(NAMES)}{rng.choice(JOINTS)}\0{_account(rng, who)}"


def foreign_name(rng: random.Random, who: Person, num: Number) -> str:
    """The messenger's name in another writing system."""
    return f"{rng.choice(FOREIGN)}{rng.choice(JOINTS)}\0{_account(rng, who)}"


def name_first(rng: random.Random, who: Person, num: Number) -> str:
    """The name, then the messenger."""
    service = rng.choice(
        ["Telegram", "telegram", "tg", "Skype", "WeChat", "Signal", "Discord", "kik"]
    )
    joint = rng.choice(
        [" on {}", " ({})", " - {}", " en {}", " on {} only", " | {}", " в {}", " auf {}", " [{}]"]
    )
    return f"\0{_account(rng, who)}\0{joint.format(service)}"


def sentence(rng: random.Random, who: Person, num: Number) -> str:
    """In a sentence."""
    service = rng.choice(
        ["telegram", "Telegram", "skype", "wechat", "signal", "kik", "discord", "viber"]
    )
    frame = rng.choice(
        [
            "add me on {} \0",
            "find me on {} as \0",
            "my {} is \0",
            "{} me at \0",
            "message me on {}: \0",
            "escríbeme por {} a \0",
            "mi {} es \0",
            "schreib mir auf {} \0",
            "me chama no {} \0",
            "пиши в {} \0",
            "hmu on {} \0",
            "dm on {} - \0",
            "reach me via {} \0",
            "{} username \0",
        ]
    )
    return frame.format(service) + _account(rng, who)


def with_number(rng: random.Random, who: Person, num: Number) -> str:
    """A messenger and a phone number."""
    service = rng.choice([*NAMES[:12], *FOREIGN[:22]])
    joint = rng.choice(JOINTS)
    return f"{service}{joint}\0{rng.choice([num.national, num.international, num.digits])}"


def special_id(rng: random.Random, who: Person, num: Number) -> str:
    """An id in a form of its own."""
    few = f"{rng.randint(10**7, 10**10)}"
    return rng.choice(
        [
            f"\0wxid_{''.join(rng.choice('abcdefghjkmnpq23456789') for _ in range(14))}",
            f"skype live:\0{who.handle}",
            f"live:.cid.\0{rng.getrandbits(64):016x}",
            f"QQ \0{few}",
            f"QQ群\0{few}",
            f"q q : \0{few}",
            f"ICQ \0{few[:9]}",
            f"discord \0{who.first}#{rng.randint(1000, 9999)}",
            f"BBM pin \0{rng.getrandbits(32):08X}",
            f"Threema \0{''.join(rng.choice('ABCDEFGHJKMNP23456789') for _ in range(8))}",
            f"signal: \0{who.first}.{rng.randint(10, 99)}",
            f"session id \0{rng.getrandbits(264):066x}",
            f"matrix: \0@{who.first}:matrix.org",
            f"xmpp: \0{who.first}@jabber.org",
            f"tox: \0{rng.getrandbits(304):076X}",
            f"line id: \0@{who.first}{few[:3]}",
            f"Briar: \0briar://{who.first}{few}",
        ]
    )


def link(rng: random.Random, who: Person, num: Number) -> str:
    """A link that opens a talk or an invitation."""
    digits = num.international[1:]
    code = "".join(rng.choice("abcdefghijkmnpqrstuvwxyzABCDEFGH23456789") for _ in range(10))
    host, path = rng.choice(
        [
            ("wa.me", digits),
            ("wa.me.", digits),
            ("api.whatsapp.com", f"send?phone={digits}"),
            ("chat.whatsapp.com", code),
            ("wa.link", code[:6]),
            ("wasap.my", digits),
            ("t.me", who.handle),
            ("t.me", f"+{code}"),
            ("telegram.me", who.handle),
            ("telegram.dog", who.handle),
            ("web.telegram.org", f"#@{who.handle}"),
            ("web.telegram.org", f"k/#@{who.handle}"),
            ("discord.gg", code[:7]),
            ("discord.com", f"invite/{code[:7]}"),
            ("discordapp.com", f"users/{digits}"),
            ("line.me", f"ti/p/~{who.handle}"),
            ("line.me", f"R/ti/p/@{who.handle}"),
            ("page.line.me", who.handle),
            ("signal.me", f"#p/+{digits}"),
            ("signal.group", f"#{code}"),
            ("m.me", who.handle),
            ("www.messenger.com", f"t/{who.handle}"),
            ("zalo.me", num.digits),
            ("open.kakao.com", f"o/{code[:8]}"),
            ("pf.kakao.com", f"_{code[:6]}/chat"),
            ("join.skype.com", code),
            ("join.skype.com", f"invite/{code}"),
            ("kik.me", who.handle),
            ("vk.me", who.handle),
            ("u.wechat.com", code),
            ("qm.qq.com", f"q/{code}"),
            ("matrix.to", f"#/@{who.first}:matrix.org"),
            ("threema.id", "ABCD2345"),
            ("www.facebook.com", f"messages/t/{who.handle}"),
            ("t.me.", who.handle),
            ("wa.me:443", digits),
            ("WA.ME", digits),
            ("teams.microsoft.com", f"l/chat/0/0?users={who.first}@{who.domain}"),
            ("join.slack.com", f"t/{who.first}/shared_invite/{code}"),
            ("invite.viber.com", f"?g={code}"),
            ("groupme.com", f"join_group/{digits}/{code}"),
        ]
    )
    scheme = rng.choice(["https://", "http://", "", "", "//"])
    return f"\0{scheme}{host}/{path}"


def deep_link(rng: random.Random, who: Person, num: Number) -> str:
    """A link of the program itself."""
    digits = num.international
    return "\0" + rng.choice(
        [
            f"whatsapp://send?phone={digits}",
            f"tg://resolve?domain={who.handle}",
            f"tg://join?invite={who.handle}",
            f"viber://chat?number={digits}",
            f"skype:{who.handle}?chat",
            f"weixin://dl/chat?{who.handle}",
            f"line://ti/p/{who.handle}",
            f"sgnl://signal.me/#p/{digits}",
            f"kakaotalk://user/{who.handle}",
            f"fb-messenger://user/{who.handle}",
            f"xmpp:{who.first}@jabber.org",
            f"mqqwpa://im/chat?uin={digits[1:]}",
            f"intent://send?phone={digits}#Intent;scheme=whatsapp;end",
            f"zalo://conversation?phone={digits}",
            f"discord://-/users/{digits[1:]}",
        ]
    )


def hidden_link(rng: random.Random, who: Person, num: Number) -> str:
    """A link with its dots spelled."""
    dot = rng.choice([" dot ", "[.]", "(dot)", " . ", "。", " punto ", "(.)", " [dot] "])
    slash = rng.choice(["/", " / ", " slash "])
    host = rng.choice(["wa", "t", "m", "telegram", "line", "signal"])
    return f"\0{host}{dot}me{slash}{rng.choice([num.international[1:], who.handle])}"


def _account(rng: random.Random, who: Person) -> str:
    return rng.choice(
        [who.handle, who.handle, f"{who.first}{rng.randint(10, 9999)}", f"{who.last}_{who.first}"]
    )


WAYS = (
    by_name,
    by_name,
    by_name,
    foreign_name,
    foreign_name,
    foreign_name,
    name_first,
    sentence,
    sentence,
    with_number,
    special_id,
    special_id,
    link,
    link,
    link,
    deep_link,
    hidden_link,
)

"""Contact data of nobody, hidden in as many ways as people hide it.

Belongs here: made-up values and the texts that carry them. The scan that looks for them afterwards
is in `search`. What redaction can or cannot find is no reason for or against a kind: nothing here
was written with its rules in view, and nothing here imports them.
"""

import dataclasses
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Field = Literal["bio", "display_name", "location", "link", "vendor_email", "vendor_phone", "handle"]

_MOST = 1_000_000
_CONSONANTS = "bdfghjklmnprstvwxz"
_VOWELS = "aeiou"
_PROVIDERS = ("gmail.com", "yahoo.com", "hotmail.com", "outlook.com", "icloud.com")
_DOMAINS = (*_PROVIDERS, "brightmaple-studio.com", "kolibri-agentur.de", "nube-clara.es")
# Country code, trunk prefix, leading digits, a label in a language of the country.
# Ten or eleven digits after the country code everywhere: a shorter number could meet an id by
# chance. None starts with 15, 16 or 17 and has ten digits: that is a second of 2017 to 2026.
_NUMBERING = (
    ("1", "", ("415", "212", "312", "646", "305"), ("tel", "call me", "cell", "phone")),
    ("1", "", ("514", "418"), ("téléphone", "tél.", "appelez le")),
    ("44", "0", ("771", "785", "740"), ("mobile", "ring", "tel")),
    ("49", "0", ("303", "1522"), ("Telefon", "Handy", "Tel.")),
    ("52", "", ("551", "553"), ("móvil", "celular", "llámame al")),
    ("55", "0", ("11983", "21987"), ("celular", "telefone", "ligue")),
    ("39", "", ("347", "328"), ("cellulare", "telefono")),
    ("90", "0", ("532", "542"), ("telefon", "cep", "GSM")),
    ("7", "8", ("916", "903"), ("тел.", "телефон", "звоните")),
    ("20", "0", ("100", "122"), ("هاتف", "جوال")),
    ("98", "0", ("912", "935"), ("تلفن", "موبایل")),
    ("91", "", ("987", "981"), ("मोबाइल", "फोन")),
    ("81", "0", ("903", "803"), ("電話", "携帯")),
    ("82", "0", ("103",), ("전화", "연락처")),
    ("62", "0", ("812", "857"), ("telepon", "hubungi")),
)
# Who writes digits of a script lives where it is read.
_AT_HOME = {
    "phone_arabic_digits": "20",
    "phone_persian_digits": "98",
    "phone_devanagari_digits": "91",
    "phone_fullwidth": "81",
}
_CHATS = ("WhatsApp", "whatsapp", "WA", "Whats", "واتساب", "Ватсап", "wsp")
_LEADS = (
    "write me",
    "bookings",
    "escríbeme",
    "écrivez-moi",
    "schreib mir",
    "contato",
    "пишите",
    "iletişim",
    "kontak",
    "للتواصل",
    "お問い合わせ",
    "문의",
)
_SPOKEN = (
    ("arroba", "punto"),
    ("arroba", "ponto"),
    ("arobase", "point"),
    ("chiocciola", "punto"),
    ("собака", "точка"),
    ("klammeraffe", "punkt"),
    ("et", "nokta"),
)
_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_CIRCLED = "⓪①②③④⑤⑥⑦⑧⑨"


@dataclass(frozen=True)
class Plant:
    """What a scan looks for; neither value nor needles show when it is printed.

    `value` is the contact as somebody would use it. `needles` are byte strings of which any one
    means a find: the value's own part as written and as read. A needle of ASCII digits alone is
    looked for among digits with their separators dropped, every other in lower-case text.
    """

    kind: str
    value: str = dataclasses.field(repr=False)
    needles: tuple[bytes, ...] = dataclasses.field(repr=False)


@dataclass(frozen=True)
class Planted:
    """A text with a plant in it, and the profile field it belongs in."""

    field: Field
    text: str = dataclasses.field(repr=False)
    plant: Plant


@dataclass(frozen=True)
class _Person:
    """An invented person: everything that can be planted about them."""

    name: str
    domain: str
    country: str
    trunk: str
    national: str
    label: str
    lead: str

    @property
    def mail(self) -> str:
        return f"{self.name}@{self.domain}"

    @property
    def international(self) -> str:
        return f"+{self.country}{self.national}"

    @property
    def dialled(self) -> str:
        return self.trunk + self.national


def plant(kind: str, number: int, rng: random.Random) -> Planted:
    """Hide the contact data of person `number` in the way `kind` says.

    Args:
        kind: One of `KINDS`.
        number: Which person, 0 to 999,999. Two numbers never share a needle.
        rng: Chooses provider, country, language and grouping.

    Returns:
        The text, the field that should hold it, and what to look for afterwards.

    Raises:
        ValueError: No such kind, or the number is out of range.
    """
    if kind not in _HIDING:
        raise ValueError(f"there is no kind of plant named {kind!r}; KINDS lists them")
    if not 0 <= number < _MOST:
        raise ValueError(f"a plant's number is 0 to {_MOST - 1:,}")
    where, hide = _HIDING[kind]
    home = _AT_HOME.get(kind)
    plans = [plan for plan in _NUMBERING if home in (None, plan[0])]
    country, trunk, leading, labels = rng.choice(plans)
    person = _Person(
        name=_name(number),
        domain=rng.choice(_DOMAINS),
        country=country,
        trunk=trunk,
        national=rng.choice(leading) + _seven(number),
        label=rng.choice(labels),
        lead=rng.choice(_LEADS),
    )
    text, value, needles = hide(person, rng)
    found = tuple(dict.fromkeys(needle.lower().encode() for needle in needles))
    return Planted(where, text, Plant(kind, value, found))


def _name(number: int) -> str:
    """Five syllables and two digits, another for each number: one of 59 billion, not a word."""
    base = len(_CONSONANTS) * len(_VOWELS)
    left = (number * 3_141_592_657 + 2_718_281) % base**5
    syllables = []
    for _ in range(5):
        left, here = divmod(left, base)
        syllables.append(_CONSONANTS[here // len(_VOWELS)] + _VOWELS[here % len(_VOWELS)])
    return "".join(syllables) + str(10 + number * 37 % 90)


def _seven(number: int) -> str:
    """Seven digits, another for each number, the first from 2 to 9 and none of it an N11 code."""
    for step in range(8):
        seven = str(2_000_000 + (number + step * _MOST) * 4_871_393 % 8_000_000)
        if seven[1:3] != "11":
            break
    return seven


_Hidden = tuple[str, str, tuple[str, ...]]
_Hide = Callable[[_Person, random.Random], _Hidden]


def _mail(write: Callable[[_Person], str]) -> _Hide:
    """An e-mail address whose local part can be read as it is."""
    return lambda who, _: (f"{who.lead}: {write(who)}", who.mail, (who.name,))


def _masked_mail(write: Callable[[str], str], mask: Callable[[str], str]) -> _Hide:
    """An e-mail address whose local part is itself disguised."""
    return lambda who, _: (
        f"{who.lead}: {write(who.mail)}",
        who.mail,
        (who.name, mask(who.name)),
    )


def _spoken_mail(who: _Person, rng: random.Random) -> _Hidden:
    at, dot = rng.choice(_SPOKEN)
    domain = who.domain.replace(".", f" {dot} ")
    return f"{who.lead}: {who.name} {at} {domain}", who.mail, (who.name,)


def _named(text: Callable[[_Person], str]) -> _Hide:
    """Something that is found by the invented name: an account, a link, a street."""
    return lambda who, _: (text(who), text(who), (who.name[:10],))


def _phone(text: Callable[[_Person], str]) -> _Hide:
    """A phone number whose digits are ASCII."""
    return lambda who, _: (text(who), who.international, (who.national,))


def _masked_phone(mask: Callable[[str], str], *, trunk: bool = True) -> _Hide:
    """A phone number whose digits are written in another way."""
    return lambda who, _: (
        f"{who.label}: {mask(who.dialled if trunk else who.national)}",
        who.international,
        (who.national, mask(who.national)),
    )


def _grouped(separator: str) -> _Hide:
    def hide(who: _Person, rng: random.Random) -> _Hidden:
        cuts = rng.choice(((3, 6), (2, 4, 6, 8), (3, 6, 8)))
        edges = (0, *cuts, len(who.national))
        groups = [who.national[a:b] for a, b in itertools.pairwise(edges)]
        text = f"+{who.country}{separator}{separator.join(groups)}"
        return f"{who.label} {text}", who.international, (who.national,)

    return hide


def _chat(who: _Person, rng: random.Random) -> _Hidden:
    return f"{rng.choice(_CHATS)} {who.dialled}", who.international, (who.national,)


def _address(who: _Person, rng: random.Random) -> _Hidden:
    street, house = who.name[:10].capitalize(), rng.randint(11, 989)
    text = rng.choice(
        (
            f"{house} {street} Street, Springfield, IL 62704",
            f"{house} {street} Road, London SW1A 4WW",
            f"{street}straße {house}, 10115 Berlin",
            f"{house} rue {street}, 75011 Paris",
            f"Calle {street} {house}, 28013 Madrid",
            f"Via {street} {house}, 20121 Milano",
        )
    )
    return f"📍 {text}", text, (street,)


def _wide(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def _between(mark: str) -> Callable[[str], str]:
    return mark.join


def _zero_width(text: str) -> str:
    return "\u200b".join(text[at : at + 3] for at in range(0, len(text), 3))


def _script(zero: str) -> Callable[[str], str]:
    return lambda digits: "".join(chr(ord(zero) + int(digit)) for digit in digits)


def _circled(digits: str) -> str:
    return "".join(_CIRCLED[int(digit)] for digit in digits)


def _keycaps(digits: str) -> str:
    return "".join(f"{digit}\ufe0f\u20e3" for digit in digits)


def _said(digits: str) -> str:
    return " ".join(_WORDS[int(digit)] for digit in digits)


_HIDING: dict[str, tuple[Field, _Hide]] = {
    "mail_plain": ("bio", _mail(lambda who: who.mail)),
    "mail_upper_case": ("bio", _mail(lambda who: who.mail.upper())),
    "mail_mailto": ("bio", _mail(lambda who: f"mailto:{who.mail}")),
    "mail_brackets": (
        "bio",
        _mail(lambda who: who.mail.replace("@", " [at] ").replace(".", " (dot) ")),
    ),
    "mail_words": ("bio", _mail(lambda who: who.mail.replace("@", " at ").replace(".", " dot "))),
    "mail_words_abroad": ("bio", _spoken_mail),
    "mail_spaced": ("bio", _mail(lambda who: who.mail.replace("@", " @ ").replace(".", " . "))),
    "mail_html_entity": (
        "bio",
        _mail(lambda who: who.mail.replace("@", "&#64;").replace(".", "&#46;")),
    ),
    "mail_emoji_at": ("bio", _mail(lambda who: who.mail.replace("@", "📧"))),
    "mail_odd_at": ("bio", _mail(lambda who: who.mail.replace("@", "﹫"))),
    "mail_no_ending": ("bio", _mail(lambda who: f"{who.name} @ gmail")),
    "mail_no_at": ("bio", _mail(lambda who: f"{who.name} gmail com")),
    "mail_fullwidth": ("bio", _masked_mail(_wide, _wide)),
    "mail_zero_width": ("bio", _masked_mail(_zero_width, _zero_width)),
    "mail_letter_spaced": ("bio", _masked_mail(_between(" "), _between(" "))),
    "mail_in_name": ("display_name", _named(lambda who: who.mail)),
    "mail_in_location": ("location", _named(lambda who: who.mail)),
    "mail_as_handle": ("handle", _named(lambda who: f"{who.name}.gmail.com")),
    "mail_vendor": ("vendor_email", _named(lambda who: who.mail)),
    "mail_link": ("link", _named(lambda who: f"mailto:{who.mail}")),
    "phone_plus": ("bio", _phone(lambda who: who.international)),
    "phone_labelled": ("bio", _phone(lambda who: f"{who.label}: {who.dialled}")),
    "phone_chat": ("bio", _chat),
    "phone_dots": ("bio", _grouped(".")),
    "phone_dashes": ("bio", _grouped("-")),
    "phone_spaces": ("bio", _grouped(" ")),
    "phone_parentheses": (
        "bio",
        _phone(
            lambda who: (
                f"{who.label} +{who.country} ({who.national[:3]}) "
                f"{who.national[3:6]}-{who.national[6:]}"
            )
        ),
    ),
    "phone_arabic_digits": ("bio", _masked_phone(_script("٠"))),
    "phone_persian_digits": ("bio", _masked_phone(_script("۰"))),
    "phone_devanagari_digits": ("bio", _masked_phone(_script("०"))),
    "phone_fullwidth": ("bio", _masked_phone(_wide)),
    "phone_circled": ("bio", _masked_phone(_circled)),
    "phone_keycaps": ("bio", _masked_phone(_keycaps)),
    "phone_digit_spaced": ("bio", _masked_phone(_between(" "))),
    "phone_words": ("bio", _masked_phone(_said, trunk=False)),
    "phone_in_name": ("display_name", _phone(lambda who: who.international)),
    "phone_in_location": ("location", _phone(lambda who: f"☎ {who.international}")),
    "phone_vendor": ("vendor_phone", _phone(lambda who: who.international)),
    "phone_link": ("link", _phone(lambda who: f"tel:{who.international}")),
    "phone_as_handle": ("handle", _phone(lambda who: f"wa_{who.international[1:]}")),
    "whatsapp_link": ("link", _phone(lambda who: f"https://wa.me/{who.international[1:]}")),
    "whatsapp_in_bio": ("bio", _phone(lambda who: f"👉 wa.me/{who.international[1:]}")),
    "telegram_link": ("link", _named(lambda who: f"https://t.me/{who.name}")),
    "telegram_in_bio": ("bio", _named(lambda who: f"👉 t.me/{who.name}")),
    "telegram_account": ("bio", _named(lambda who: f"telegram: @{who.name}")),
    "messenger_link": ("link", _named(lambda who: f"https://m.me/{who.name}")),
    "signal_link": ("link", _phone(lambda who: f"https://signal.me/#p/{who.international}")),
    "signal_account": ("bio", _named(lambda who: f"Signal: {who.name[:10]}.{who.name[10:]}")),
    "wechat_account": ("bio", _named(lambda who: f"WeChat: {who.name}")),
    "line_account": ("bio", _named(lambda who: f"LINE ID: {who.name}")),
    "link_hub": ("link", _named(lambda who: f"https://linktr.ee/{who.name}")),
    "postal_address": ("bio", _address),
}

KINDS: tuple[str, ...] = tuple(_HIDING)

"""A way is composed: kind, spelling, language, disguise, surroundings, place."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from sxe_pipeline_tests.redact.ways import (
    disguise,
    emails,
    lookalikes,
    messengers,
    phones,
    streets,
    urls,
)
from sxe_pipeline_tests.redact.ways.languages import LANGUAGES
from sxe_pipeline_tests.redact.ways.values import number, person

KINDS = ("email", "phone", "messenger", "url", "street")
_SURROUNDINGS = (
    "",
    "dog mom 🐶",
    "Photographer | NYC",
    "✨ dream big ✨",
    "I paint small birds",
    "madre de dos, café y libros",
    "коллекционирую виниль",
    "写真と旅が好き",
    "🎧 music all day",
    "Fitness coach & author",
    "est. 2019",
    "she/her",
    "كل يوم حلم جديد",
    "opinions are mine",
    "new video every friday 👇",
    "사진 찍는 사람",
    "Part-time DJ, full-time dreamer",
    "🇧🇷 vida leve",
    "coffee first",
    "3x marathon finisher",
    "2 kids 1 cat",
    "Founder of a tiny bakery",
    "he/him • 24 • bookworm",
    "#travel #food",
    "open for work",
)
_GLUE = ("\n", " | ", " • ", " ", ". ", " ✨ ", " / ", ", ", " — ")


@dataclass(frozen=True)
class Row:
    """A text, where its contact stands (nowhere: both 0), its kind and the way it was written."""

    text: str
    start: int
    end: int
    kind: str
    way: str


def contacts(seed: int, each: int, kinds: tuple[str, ...] = KINDS) -> list[Row]:
    """`each` texts of every kind with one contact in each."""
    rng = random.Random(f"contacts:{seed}")
    makers: dict[str, Callable[[random.Random], tuple[str, str, str, str]]] = {
        "email": _email,
        "phone": _phone,
        "messenger": _messenger,
        "url": _url,
        "street": _street,
    }
    return [_placed(rng, kind, *makers[kind](rng)) for kind in kinds for _ in range(each)]


def harmless(seed: int, count: int) -> list[Row]:
    """Texts that hold no contact, as ordinary as a profile's."""
    rng = random.Random(f"harmless:{seed}")
    rows = []
    for _ in range(count):
        parts = rng.sample(_SURROUNDINGS, rng.randint(1, 3))
        if rng.random() < 0.25:
            parts.insert(rng.randint(0, len(parts)), rng.choice(lookalikes.WAYS)(rng))
        rows.append(Row(rng.choice(_GLUE).join(filter(None, parts)), 0, 0, "harmless", "ordinary"))
    return rows


def hard_lookalikes(seed: int, count: int) -> list[Row]:
    """Texts that look like a contact, alone or among others."""
    rng = random.Random(f"lookalikes:{seed}")
    rows = []
    for _ in range(count):
        make = rng.choice(lookalikes.WAYS)
        text = make(rng)
        if rng.random() < 0.5:
            text = rng.choice(_GLUE).join(filter(None, [rng.choice(_SURROUNDINGS), text]))
        rows.append(Row(text, 0, 0, "lookalike", make.__name__))
    return rows


def _email(rng: random.Random) -> tuple[str, str, str, str]:
    who, lang = person(rng), rng.choice(LANGUAGES)
    make = rng.choice(emails.WAYS)
    name = (
        rng.choice(sorted(disguise.FOR_TEXT))
        if make in emails.TAKES_DISGUISE and rng.random() < 0.3
        else "plain"
    )
    return (
        _led(rng, lang.mail, 0.5),
        disguise.FOR_TEXT[name](rng, make(rng, who, lang)),
        "",
        f"{make.__name__}/{lang.name}/{name}",
    )


def _phone(rng: random.Random) -> tuple[str, str, str, str]:
    num, lang = number(rng), rng.choice(LANGUAGES)
    make = rng.choice(phones.WAYS)
    name = (
        rng.choice(sorted(disguise.FOR_DIGITS))
        if make in phones.TAKES_DISGUISE and rng.random() < 0.3
        else "plain"
    )
    lead, after = _led(rng, lang.phone, 0.5), ""
    if make in phones.NEEDS_LABEL and not lead:
        lead, after = rng.choice(
            [
                (f"{num.plan.place} ", ""),
                ("", f" ({num.plan.place})"),
                (rng.choice("☎📞📱📲") + " ", ""),
            ]
        )
    elif make in phones.NEEDS_LABEL and len(num.digits) < 9 and lead:
        after = rng.choice(["", f" {num.plan.place}"])
    return (
        lead,
        disguise.FOR_DIGITS[name](rng, make(rng, num, lang)),
        after,
        f"{make.__name__}/{lang.name}/{name}/{num.plan.code}",
    )


def _messenger(rng: random.Random) -> tuple[str, str, str, str]:
    make = rng.choice(messengers.WAYS)
    written = make(rng, person(rng), number(rng))
    lead, contact, *after = written.split("\0")
    return lead, contact, "".join(after), f"{make.__name__}/{lead.strip() or contact[:18]}"


def _url(rng: random.Random) -> tuple[str, str, str, str]:
    make = rng.choice(urls.WAYS)
    return "", make(rng, person(rng), number(rng)), "", make.__name__


def _street(rng: random.Random) -> tuple[str, str, str, str]:
    country, written = streets.street(rng)
    lead = rng.choice(["", "", "📍 ", "visit us: ", "address: ", "find us at ", "🏠 "])
    return lead, written, "", country


def _led(rng: random.Random, words: tuple[str, ...], share: float) -> str:
    return (
        f"{rng.choice(words)}{rng.choice([' ', ': ', ' ', ' - '])}" if rng.random() < share else ""
    )


def _placed(rng: random.Random, kind: str, lead: str, contact: str, after: str, way: str) -> Row:
    before, behind = rng.choice(_SURROUNDINGS), rng.choice(_SURROUNDINGS)
    place = rng.choice(["front", "middle", "end", "alone"])
    head = before + rng.choice(_GLUE) if before and place in ("middle", "end") else ""
    tail = rng.choice(_GLUE) + behind if behind and place in ("front", "middle") else ""
    start = len(head) + len(lead)
    return Row(head + lead + contact + after + tail, start, start + len(contact), kind, way)


def covered(row: Row, spans: list[tuple[int, int]]) -> float:
    """The share of a contact that spans cover.

    Letters and digits count; of a number its digits, of a web address what its last part holds.
    """
    told = [i for i in range(row.start, row.end) if row.text[i].isalnum()]
    digits = [i for i in told if row.text[i].isdigit()]
    if row.kind == "phone" and len(digits) > 5:
        told = digits
    if row.kind == "url":
        edge = max(row.text.rfind(sign, row.start, row.end) for sign in "=#/")
        told = [i for i in told if i > edge] or told
    told = told or list(range(row.start, row.end))
    return sum(any(start <= i < end for start, end in spans) for i in told) / len(told)

"""Invented people, hosts and numbers: what is hidden, before it is hidden.

Numbers are drawn from plans of many countries, so many could be somebody's. They are never dialled.
"""

import random
from dataclasses import dataclass

FIRST = [
    "lena",
    "marco",
    "ana",
    "priya",
    "kwame",
    "yuki",
    "olga",
    "tomas",
    "ines",
    "farid",
    "mina",
    "jorge",
    "astrid",
    "dmitri",
    "chloe",
    "hassan",
    "noor",
    "pedro",
    "freya",
    "kofi",
    "mei",
    "rahul",
    "sofia",
    "emre",
    "linh",
    "arjun",
    "zofia",
    "bence",
    "eero",
    "maria",
]
LAST = [
    "okafor",
    "silva",
    "jansen",
    "novak",
    "haddad",
    "tanaka",
    "petrov",
    "larsen",
    "moreau",
    "costa",
    "weber",
    "rossi",
    "kaya",
    "nguyen",
    "sharma",
    "kim",
    "lopez",
    "brandt",
    "eriksen",
    "mbeki",
    "santos",
    "fischer",
    "duarte",
    "ivanova",
    "popescu",
]
NOUNS = [
    "studio",
    "bakes",
    "paints",
    "yoga",
    "films",
    "beats",
    "nails",
    "tattoo",
    "realty",
    "fitness",
    "lashes",
    "vlogs",
    "design",
    "coffee",
    "garden",
    "travel",
    "music",
    "foto",
    "crafts",
    "kitchen",
]
MAILBOX = [
    "gmail.com",
    "gmail.com",
    "gmail.com",
    "hotmail.com",
    "outlook.com",
    "yahoo.com",
    "icloud.com",
    "proton.me",
    "protonmail.com",
    "gmx.de",
    "web.de",
    "mail.ru",
    "yandex.ru",
    "qq.com",
    "163.com",
    "naver.com",
    "orange.fr",
    "libero.it",
    "yahoo.co.jp",
    "yahoo.com.br",
    "hotmail.es",
    "live.com",
    "aol.com",
    "uol.com.br",
    "seznam.cz",
    "wp.pl",
    "rediffmail.com",
]
OWN_TLD = [
    "com",
    "com",
    "com",
    "net",
    "org",
    "io",
    "co",
    "de",
    "fr",
    "es",
    "it",
    "nl",
    "pl",
    "ru",
    "com.br",
    "co.uk",
    "in",
    "jp",
    "shop",
    "me",
    "studio",
]


@dataclass(frozen=True)
class Person:
    """An invented person with an address of one's own."""

    first: str
    last: str
    handle: str
    local: str
    domain: str

    @property
    def provider(self) -> str:
        """The first label of the domain."""
        return self.domain.split(".")[0]

    @property
    def is_mailbox(self) -> bool:
        """Whether the domain is one of a mailbox provider."""
        return self.domain in MAILBOX


def person(rng: random.Random) -> Person:
    """Somebody."""
    first, last, noun = rng.choice(FIRST), rng.choice(LAST), rng.choice(NOUNS)
    year = rng.choice(["", "", str(rng.randint(1, 99)), str(rng.randint(1985, 2006))])
    local = rng.choice(
        [f"{first}.{last}", f"{first}{last}{year}", f"{first}_{noun}", f"{noun}by{first}{year}"]
    )
    handle = rng.choice(
        [f"{first}_{noun}{year}", f"{first}.{last}{year}", f"{first}{noun}{year}", f"{last}{first}"]
    )
    domain = rng.choice(MAILBOX)
    if rng.random() < 0.3:
        domain = f"{rng.choice([last, first])}{noun}.{rng.choice(OWN_TLD)}"
    return Person(first, last, handle, local, domain)


@dataclass(frozen=True)
class Plan:
    """How one country writes its mobile or local numbers: 'X' any digit, '[23]' one of these."""

    code: str
    place: str
    forms: tuple[str, ...]


PLANS = (
    Plan(
        "1", "Austin TX", ("([2-9]0X) [2-9]XX-XXXX", "[2-9]1X-[2-9]XX-XXXX", "[2-9]1X.[2-9]XX.XXXX")
    ),
    Plan("44", "Leeds", ("07[4-9]XX XXXXXX", "020 [37]XXX XXXX", "0161 XXX XXXX")),
    Plan("49", "Köln", ("017[0-9] XXXXXXX", "0221 / XX XX XX X", "0151-XXXXXXXX")),
    Plan("33", "Lyon", ("06 XX XX XX XX", "07.XX.XX.XX.XX", "01XXXXXXXX")),
    Plan("34", "Sevilla", ("6XX XXX XXX", "6XX XX XX XX", "9[1-5]X-XX-XX-XX")),
    Plan("39", "Torino", ("3[2-9]X XXX XXXX", "3[2-9]X XXXXXXX", "02 XXXX XXXX")),
    Plan("31", "Utrecht", ("06-XXXXXXXX", "06 XX XX XX XX", "030 XXX XX XX")),
    Plan("46", "Malmö", ("070-XXX XX XX", "073 XXX XX XX", "08-XXX XXX XX")),
    Plan("47", "Oslo", ("9XX XX XXX", "4XXXXXXX", "XX XX XX XX")),
    Plan("45", "Aarhus", ("2X XX XX XX", "XX XX XX XX", "[3-9]XXX XXXX")),
    Plan("358", "Tampere", ("040 XXX XXXX", "050-XXXXXXX", "045 XXX XX XX")),
    Plan("48", "Gdańsk", ("[5-8]XX XXX XXX", "[5-8]XX-XXX-XXX", "22 XXX XX XX")),
    Plan("420", "Brno", ("[67]XX XXX XXX", "[67]XXXXXXXX")),
    Plan("36", "Szeged", ("06 20 XXX XXXX", "06-30-XXX-XX-XX", "0670XXXXXXX")),
    Plan("40", "Cluj", ("07XX XXX XXX", "07XXXXXXXX")),
    Plan("30", "Αθήνα", ("69XX XXX XXX", "21X XXX XXXX")),
    Plan("90", "İzmir", ("05XX XXX XX XX", "5XX XXX XX XX", "0(5XX) XXX XX XX")),
    Plan("7", "Казань", ("8 (9XX) XXX-XX-XX", "89XXXXXXXXX", "8-9XX-XXX-XX-XX")),
    Plan("380", "Львів", ("067 XXX XX XX", "(050) XXX-XX-XX", "093XXXXXXX")),
    Plan("972", "חיפה", ("05[0-8]-XXX-XXXX", "05[0-8] XXXXXXX")),
    Plan("971", "Dubai", ("05X XXX XXXX", "050-XXXXXXX")),
    Plan("966", "جدة", ("05XXXXXXXX", "05X XXX XXXX")),
    Plan("974", "Doha", ("[3567]XXX XXXX", "[3567]XXXXXXX")),
    Plan("965", "Kuwait", ("[569]XXX XXXX", "[569]XXXXXXX")),
    Plan("973", "Bahrain", ("3XXX XXXX", "3XXXXXXX")),
    Plan("968", "Muscat", ("9XXX XXXX", "9XXXXXXX")),
    Plan("20", "القاهرة", ("01[0125] XXXX XXXX", "01[0125]XXXXXXXX")),
    Plan("234", "Lagos", ("080X XXX XXXX", "0[789]0XXXXXXXX")),
    Plan("254", "Nairobi", ("07XX XXX XXX", "07XXXXXXXX")),
    Plan("233", "Accra", ("02X XXX XXXX", "05XXXXXXXX")),
    Plan("27", "Durban", ("0[78]X XXX XXXX", "0[6-8]XXXXXXXX")),
    Plan(
        "91", "Pune", ("[6-9]XXXX XXXXX", "[6-9]XXXXXXXXX", "0[6-9]XXXXXXXXX", "[6-9]XXX XXX XXX")
    ),
    Plan("92", "Lahore", ("03XX XXXXXXX", "03XX-XXXXXXX")),
    Plan("880", "Dhaka", ("01[3-9]XX-XXXXXX", "01[3-9]XXXXXXXX")),
    Plan("94", "Colombo", ("07X XXX XXXX", "07XXXXXXXX")),
    Plan("62", "Jakarta", ("08XX-XXXX-XXXX", "0812 XXXX XXX", "08XXXXXXXXXX")),
    Plan("60", "Penang", ("01X-XXX XXXX", "01X-XXXX XXXX")),
    Plan("65", "Singapore", ("[89]XXX XXXX", "[689]XXXXXXX")),
    Plan("852", "Hong Kong", ("[5-9]XXX XXXX", "[5-9]XXXXXXX")),
    Plan("66", "เชียงใหม่", ("08X-XXX-XXXX", "09X XXX XXXX")),
    Plan("84", "Hà Nội", ("09X XXX XX XX", "03XX XXX XXX", "0[39]XXXXXXXX")),
    Plan("63", "Cebu", ("09XX XXX XXXX", "09XXXXXXXXX")),
    Plan("86", "成都", ("1[3-9]X XXXX XXXX", "1[3-9]XXXXXXXXX", "1[3-9]X-XXXX-XXXX")),
    Plan("886", "台北", ("09XX-XXX-XXX", "09XX XXX XXX")),
    Plan("81", "大阪", ("0[789]0-XXXX-XXXX", "03-XXXX-XXXX")),
    Plan("82", "부산", ("010-XXXX-XXXX", "010 XXXX XXXX")),
    Plan("61", "Perth", ("04XX XXX XXX", "(0[2378]) XXXX XXXX")),
    Plan("64", "Otago", ("021 XXX XXXX", "027-XXX-XXXX")),
    Plan("55", "Recife", ("(81) 9XXXX-XXXX", "11 9XXXX XXXX", "(21)9XXXXXXXX")),
    Plan("52", "Puebla", ("222 XXX XXXX", "55 XXXX XXXX", "(33) XXXX-XXXX")),
    Plan("57", "Cali", ("3[0-2]X XXX XXXX", "3[0-2]XXXXXXXXX", "3[0-2]X XXXXXXX")),
    Plan("54", "Rosario", ("11 XXXX-XXXX", "0341 15-XXX-XXXX", "341 XXX XXXX")),
    Plan("56", "Chile", ("9 XXXX XXXX", "9XXXXXXXX")),
    Plan("51", "Lima", ("9XX XXX XXX", "9XXXXXXXX")),
    Plan("506", "Costa Rica", ("[678]XXX-XXXX", "[678]XXX XXXX")),
    Plan("502", "Guatemala", ("[345]XXX-XXXX", "[345]XXX XXXX")),
    Plan("503", "San Salvador", ("[67]XXX-XXXX", "7XXX XXXX")),
    Plan("216", "Tunis", ("[2459]X XXX XXX", "2XXXXXXX")),
    Plan("371", "Rīga", ("2XXX XXXX", "2X XXX XXX")),
    Plan("372", "Tallinn", ("5XXX XXXX", "5XX XXXXX")),
)


@dataclass(frozen=True)
class Number:
    """A phone number of one country, in its own form and in the international one."""

    plan: Plan
    national: str

    @property
    def digits(self) -> str:
        """The digits of the national form."""
        return "".join(char for char in self.national if char.isdigit())

    @property
    def international(self) -> str:
        """'+', country code, digits without the trunk prefix."""
        trunk = self.digits.removeprefix("0") if self.plan.code not in ("39", "7") else self.digits
        return f"+{self.plan.code}{trunk.removeprefix('8') if self.plan.code == '7' else trunk}"


def number(rng: random.Random) -> Number:
    """A number of some country."""
    plan = rng.choice(PLANS)
    return Number(plan, filled(rng, rng.choice(plan.forms)))


def filled(rng: random.Random, form: str) -> str:
    """A form with digits in it; no three equal digits in a row, and no round number."""
    while True:
        written, at = "", 0
        while at < len(form):
            if form[at] == "X":
                written += rng.choice("0123456789")
            elif form[at] == "[":
                close = form.index("]", at)
                written += rng.choice(_choices(form[at + 1 : close]))
                at = close
            else:
                written += form[at]
            at += 1
        digits = "".join(char for char in written if char.isdigit())
        if len(set(digits)) > 4 and not digits.endswith("000"):
            return written


def _choices(listed: str) -> str:
    if len(listed) == 3 and listed[1] == "-":
        return "".join(str(digit) for digit in range(int(listed[0]), int(listed[2]) + 1))
    return listed

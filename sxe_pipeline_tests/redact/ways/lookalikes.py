"""Texts that look like a contact and hold none."""

import random
import uuid

from sxe_pipeline_tests.redact.ways.values import FIRST, LAST, NOUNS


def _n(rng: random.Random, low: int, high: int) -> str:
    return str(rng.randint(low, high))


def decimals(rng: random.Random) -> str:
    """Decimals, rates, versions."""
    return rng.choice(
        [
            f"{rng.uniform(1, 99):.3f} {rng.uniform(1, 99):.3f}",
            f"{rng.uniform(0, 2):.4f} {rng.uniform(0, 2):.4f} rates",
            f"{rng.uniform(100, 999):.2f}/{rng.uniform(100, 999):.2f}",
            f"v{_n(rng, 1, 9)}.{_n(rng, 10, 30)}.{_n(rng, 1000, 9999)}.{_n(rng, 10, 99)}",
            "π 3.14159265358979",
            f"PB 9.{_n(rng, 58, 99)} / 19.{_n(rng, 19, 99)} / 43.{_n(rng, 10, 99)}",
            f"{rng.uniform(1, 9):.2f}, {rng.uniform(1, 9):.2f}, {rng.uniform(1, 9):.2f}, "
            f"{rng.uniform(1, 9):.2f}",
        ]
    )


def prices(rng: random.Random) -> str:
    """Prices and ranges of prices."""
    a = rng.randint(1, 9)
    return rng.choice(
        [
            f"{a},499 - {a + 1},999 - {a + 2},999",
            f"from ${_n(rng, 10, 99)},{_n(rng, 100, 999)} to ${_n(rng, 100, 999)},"
            f"{_n(rng, 100, 999)}",
            f"€{a}.{_n(rng, 100, 999)},{_n(rng, 10, 99)}",
            f"Rs {_n(rng, 10, 99)},{_n(rng, 10, 99)},{_n(rng, 100, 999)}",
            f"{_n(rng, 100, 999)} 000 000 ₽",
            "$1,000,000 raised",
            f"{a}99/{a}49/{a + 1}99 EUR",
            f"£{_n(rng, 20, 90)}k - £{_n(rng, 100, 190)}k",
            f"¥{_n(rng, 10, 99)},{_n(rng, 100, 999)}",
            f"R$ {_n(rng, 1, 9)}.{_n(rng, 100, 999)},00",
        ]
    )


def years(rng: random.Random) -> str:
    """Years, spans, dates, times."""
    y = rng.randint(1990, 2018)
    return rng.choice(
        [
            f"{y}-{y + 4}",
            f"{y}–{y + 3}, {y + 4}-{y + 8}",
            f"est. {y}",
            f"{y} {y + 2} {y + 5} champion",
            f"USMC 0{_n(rng, 300, 399)} {y}-{y + 4}",
            f"class of {y}/{y + 1}",
            f"{_n(rng, 10, 28)}.0{_n(rng, 1, 9)}.{y} - {_n(rng, 10, 28)}.0{_n(rng, 1, 9)}.{y + 3}",
            "Mon-Fri 09:00-18:30, Sat 10:00-14:00",
            f"{y}/{y + 1}/{y + 2}/{y + 3}",
            f"born {_n(rng, 10, 28)}/{_n(rng, 10, 12)}/{y}",
            f"{y + 2}0{_n(rng, 1, 9)}{_n(rng, 10, 28)}",
            f"{y}-0{_n(rng, 1, 9)}-{_n(rng, 10, 28)}T{_n(rng, 10, 23)}:{_n(rng, 10, 59)}:"
            f"{_n(rng, 10, 59)}Z",
            f"🇫🇷{y} 🇧🇷{y + 4} 🇯🇵{y + 8}",
            f"({y} - {y + 3}) ({y + 4} - {y + 6})",
            f"RIP {_n(rng, 10, 28)}-{_n(rng, 10, 12)}-{y} 🕊 {_n(rng, 10, 28)}-"
            f"{_n(rng, 10, 12)}-{y + 20}",
        ]
    )


def identifiers(rng: random.Random) -> str:
    """Numbers of books, papers, registers, games."""
    isbn = f"978-{_n(rng, 0, 9)}-{_n(rng, 10, 99)}-{_n(rng, 100000, 999999)}-{_n(rng, 0, 9)}"
    return rng.choice(
        [
            str(uuid.UUID(int=rng.getrandbits(128), version=4)),
            f"ISBN {isbn}",
            isbn,
            isbn.replace("-", ""),
            f"ISSN {_n(rng, 1000, 9999)}-{_n(rng, 1000, 9999)}",
            f"arXiv:{_n(rng, 1001, 2612)}.{_n(rng, 10000, 99999)}",
            f"doi:10.{_n(rng, 1000, 9999)}/{_n(rng, 100000, 9999999)}",
            f"ORCID 0000-000{_n(rng, 1, 3)}-{_n(rng, 1000, 9999)}-{_n(rng, 1000, 9999)}",
            f"NMLS #{_n(rng, 100000, 1999999)}",
            f"DRE 0{_n(rng, 1000000, 2199999)}",
            f"CNPJ 12.{_n(rng, 100, 999)}.{_n(rng, 100, 999)}/0001-{_n(rng, 10, 99)}",
            f"GSTIN 27ABCDE{_n(rng, 1000, 9999)}F1Z5",
            f"PUBG ID {_n(rng, 5000000000, 5999999999)}",
            f"friend code {_n(rng, 1000, 9999)} {_n(rng, 1000, 9999)} {_n(rng, 1000, 9999)}",
            f"SW-{_n(rng, 1000, 9999)}-{_n(rng, 1000, 9999)}-{_n(rng, 1000, 9999)}",
            f"EIN {_n(rng, 10, 99)}-{_n(rng, 1000000, 9999999)}",
            f"UK Charity {_n(rng, 1000000, 1199999)}",
            f"commit {rng.getrandbits(160):040x}",
            f"RFC {_n(rng, 1000, 9999)}",
            f"patent US{_n(rng, 9000000, 11999999)}B2",
            f"UID: {_n(rng, 600000000, 899999999)}",
            f"SIRET {_n(rng, 100, 999)} {_n(rng, 100, 999)} {_n(rng, 100, 999)} 000"
            f"{_n(rng, 10, 99)}",
            f"CRM-SP {_n(rng, 100000, 199999)}",
            f"ABN {_n(rng, 10, 99)} {_n(rng, 100, 999)} {_n(rng, 100, 999)} {_n(rng, 100, 999)}",
        ]
    )


def technical(rng: random.Random) -> str:
    """Addresses of machines, norms, chips, colours, coordinates, scales."""
    ip = ".".join(_n(rng, 11, 250) for _ in range(4))
    return rng.choice(
        [
            ip,
            f"{ip}:{_n(rng, 1024, 65000)}",
            f"{ip}/24",
            f"ISO {_n(rng, 9000, 29999)}:20{_n(rng, 10, 24)}",
            "ISO/IEC 27001:2022, ISO 9001:2015",
            f"EN {_n(rng, 1000, 9999)}-{_n(rng, 1, 9)}:20{_n(rng, 10, 24)}",
            f"DIN EN ISO {_n(rng, 10000, 19999)}-{_n(rng, 1, 9)}",
            "RTX 4090 / i9 13900K / 64 GB 6000",
            f"#{rng.getrandbits(24):06x} #{rng.getrandbits(24):06x}",
            f"{rng.uniform(-80, 80):.6f}, {rng.uniform(-170, 170):.6f}",
            f"{rng.uniform(-80, 80):.4f},{rng.uniform(-170, 170):.4f}",
            f"{_n(rng, 10, 59)}°{_n(rng, 10, 59)}'{_n(rng, 10, 59)}\"N {_n(rng, 10, 59)}°"
            f"{_n(rng, 10, 59)}'{_n(rng, 10, 59)}\"E",
            f"iPhone: {rng.uniform(10, 80):.6f},{rng.uniform(-170, -100):.6f}",
            "1920x1080 3840x2160 144Hz",
            "E = 6.62607015e-34",
            f"localhost:{_n(rng, 3000, 9999)}",
            f"fd{_n(rng, 10, 99)}:{_n(rng, 1000, 9999)}:{_n(rng, 1000, 9999)}::{_n(rng, 1, 9)}",
            f"{_n(rng, 0, 9)}d:{_n(rng, 10, 99)}:a{_n(rng, 1, 9)}:{_n(rng, 10, 99)}:b"
            f"{_n(rng, 1, 9)}:{_n(rng, 10, 99)}",
            f"CAS {_n(rng, 100, 99999)}-{_n(rng, 10, 99)}-{_n(rng, 0, 9)}",
            f"1:{_n(rng, 10, 99)} scale, Ral {_n(rng, 1000, 9999)}, NCS {_n(rng, 1000, 9999)}",
        ]
    )


def scores(rng: random.Random) -> str:
    """Scores, records, sizes, counts."""
    return rng.choice(
        [
            f"{_n(rng, 0, 9)}-{_n(rng, 0, 9)} {_n(rng, 0, 9)}-{_n(rng, 0, 9)} "
            f"{_n(rng, 0, 9)}-{_n(rng, 0, 9)} {_n(rng, 0, 9)}-{_n(rng, 0, 9)}",
            f"6-{_n(rng, 0, 4)}, {_n(rng, 0, 4)}-6, 7-5, 6-3",
            f"W{_n(rng, 10, 99)} L{_n(rng, 10, 99)} D{_n(rng, 10, 99)}",
            f"S {_n(rng, 100, 200)} B {_n(rng, 100, 200)} D {_n(rng, 100, 300)} kg",
            f"ELO {_n(rng, 1000, 2800)} / {_n(rng, 1000, 2800)} / {_n(rng, 1000, 2800)}",
            "90-60-90 | 175 cm | 55 kg",
            f"{_n(rng, 100, 999)},{_n(rng, 100, 999)} followers",
            f"{_n(rng, 10, 99)} {_n(rng, 100, 999)} {_n(rng, 100, 999)} views",
            f"{_n(rng, 10, 90)}/{_n(rng, 91, 120)} books, {_n(rng, 10, 50)}/"
            f"{_n(rng, 51, 196)} countries",
            f"🏃 5k {_n(rng, 18, 29)}:{_n(rng, 10, 59)} 10k {_n(rng, 38, 59)}:"
            f"{_n(rng, 10, 59)} HM 1:{_n(rng, 20, 59)}:{_n(rng, 10, 59)}",
            f"lottery {' '.join(_n(rng, 10, 49) for _ in range(6))}",
            f"{_n(rng, 1000000, 9999999)} downloads",
            f"🥇{_n(rng, 1, 9)} 🥈{_n(rng, 1, 9)} 🥉{_n(rng, 1, 9)} ({_n(rng, 2000, 2012)}, "
            f"{_n(rng, 2013, 2024)})",
        ]
    )


def words(rng: random.Random) -> str:
    """AT, DOT, messengers, streets and numbers in ordinary sentences."""
    first, last, noun = rng.choice(FIRST).title(), rng.choice(LAST).title(), rng.choice(NOUNS)
    return rng.choice(
        [
            f"Engineer at {last}, ex {first}.ai",
            f"Founder @ {last}.io",
            f"editor @{last.lower()}mag. opinions mine",
            "stay at home dot com survivor",
            "one life two kids three cats four jobs five chairs",
            "telegram channel admin",
            f"WhatsApp group for {noun}",
            f"signal processing at {last} lab",
            f"line manager, {noun} lover",
            f"discord mod and {noun} nerd",
            "I love Skype calls with grandma",
            "viber of good vibes",
            "Wall Street refugee",
            "12 Angry Men, 24 Hour Party People",
            f"Avenue {first} fan club since 2009",
            f"100 Days of {noun}",
            f"@{first.lower()}_{noun} on instagram",
            f"IG: {first.lower()}.{noun}",
            f"tiktok {first.lower()}{noun}{_n(rng, 1, 999)}",
            f"@{first.lower()}@mastodon.social",
            f"@{first.lower()}@fosstodon.org",
            f"youtube.com/@{first.lower()}{noun}",
            f"I work at Google / {last} dot org alum",
            "at the point of no return, period",
            "Route 66, Highway 101, Interstate 5",
            "Studio 54 / Area 51 / Catch 22",
            f"call of duty {_n(rng, 1, 9)}, area {_n(rng, 10, 99)}",
            f"{_n(rng, 10, 40)} yrs in {noun}, 3 kids, 2 dogs, 1 wife",
            f"text me about {noun} on insta @{first.lower()}",
            f"St {last} Road to nowhere tour",
            "Telegram & WhatsApp marketing expert",
            f"QQ more, {noun}",
            f"my line is {noun}",
            "Matrix fan, kik drum enjoyer",
        ]
    )


def links(rng: random.Random) -> str:
    """Links with numbers in them that are no contact."""
    return rng.choice(
        [
            f"https://vimeo.com/{_n(rng, 100000000, 999999999)}",
            f"https://www.facebook.com/profile.php?id=1000{_n(rng, 10000000000, 99999999999)}",
            f"https://x.com/i/status/1{_n(rng, 10**17, 10**18 - 1)}",
            f"https://open.spotify.com/artist/{rng.getrandbits(110):022x}"[:58],
            f"https://podcasts.apple.com/us/podcast/id{_n(rng, 1000000000, 1699999999)}",
            f"https://www.amazon.com/dp/{_n(rng, 1000000000, 1999999999)}",
            f"https://www.imdb.com/name/nm{_n(rng, 1000000, 9999999)}/",
            f"https://www.etsy.com/shop/x?section_id={_n(rng, 10000000, 49999999)}",
            f"https://youtu.be/dQw{_n(rng, 10000000, 99999999)}",
            f"https://example-news.com/2024/03/{_n(rng, 10, 28)}/story-{_n(rng, 1000000, 9999999)}",
            f"https://steamcommunity.com/profiles/7656119{_n(rng, 1000000000, 9999999999)}",
            f"https://shop.example/p/{_n(rng, 100000000, 999999999)}?ref="
            f"{_n(rng, 1000000, 9999999)}",
            f"https://orcid.org/0000-0002-{_n(rng, 1000, 9999)}-{_n(rng, 1000, 9999)}",
            f"https://gofund.me/{rng.getrandbits(32):08x}",
            f"https://medium.com/@{rng.choice(FIRST)}.{rng.choice(LAST)}",
        ]
    )


WAYS = (decimals, prices, years, identifiers, technical, scores, words, words, links)

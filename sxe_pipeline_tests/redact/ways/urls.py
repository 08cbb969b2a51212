"""Ways to put a contact into a link that is no contact link by its host."""

import base64
import random
from urllib.parse import quote

from sxe_pipeline_tests.redact.ways.values import MAILBOX, Number, Person

_SITES = (
    "brightmaple.com",
    "www.lena-bakes.shop",
    "example-salon.de",
    "ana.studio",
    "salao.com.br",
    "site.co.in",
)


def _site(rng: random.Random) -> str:
    return rng.choice(["https://", "http://", "", "https://"]) + rng.choice(_SITES)


def query(rng: random.Random, who: Person, num: Number) -> str:
    """A number or an address in the query."""
    address = f"{who.local}@{rng.choice(MAILBOX)}"
    key, value = rng.choice(
        [
            ("phone", num.international[1:]),
            ("tel", num.digits),
            ("phone", quote(num.international, safe="")),
            ("number", num.international[1:]),
            ("whatsapp", num.international[1:]),
            ("wa", num.international[1:]),
            ("telefono", num.digits),
            ("mobile", num.digits),
            ("email", quote(address, safe="")),
            ("mail", address),
            ("to", address),
            ("e", quote(address, safe="")),
            ("u", quote(f"https://wa.me/{num.international[1:]}", safe="")),
            ("url", quote(f"mailto:{address}", safe="")),
            ("q", base64.urlsafe_b64encode(address.encode()).decode()),
            ("contact", num.digits),
            ("text", quote(f"call {num.national}")),
            ("redirect", quote(quote(f"https://t.me/{who.handle}", safe=""), safe="")),
        ]
    )
    site, page = _site(rng), rng.choice(["", "go", "c", "contact", "l.php"])
    return f"{site}/{page}?{rng.choice(['', 'utm_source=ig&', 'id=4&'])}{key}={value}"


def path(rng: random.Random, who: Person, num: Number) -> str:
    """A number or an address in the path."""
    address = f"{who.local}@{rng.choice(MAILBOX)}"
    part = rng.choice(
        [
            f"call/{num.international[1:]}",
            f"tel/{num.digits}",
            f"whatsapp/{num.international[1:]}",
            f"contact/{address}",
            f"phone/{num.digits}",
            f"u/{address}",
            f"sms/{num.international}",
            f"wa/{num.international[1:]}",
            f"mailto/{address}",
            f"kontakt/{quote(address, safe='')}",
            f"call-me-{num.digits}",
            f"llamar/{num.digits}",
            f"telefon-{num.digits}",
            f"chat/{num.international}",
            f"+{num.international[1:]}",
        ]
    )
    return f"{_site(rng)}/{part}"


def fragment(rng: random.Random, who: Person, num: Number) -> str:
    """Behind the hash sign, or before the host."""
    address = f"{who.local}@{rng.choice(MAILBOX)}"
    return rng.choice(
        [
            f"{_site(rng)}/#tel={num.digits}",
            f"{_site(rng)}/#{address}",
            f"https://{address}/",
            f"{_site(rng)}/#/call/{num.international[1:]}",
            f"{_site(rng)}/p#mailto:{address}",
            f"{_site(rng)}/#{quote(address, safe='')}",
        ]
    )


def subdomain(rng: random.Random, who: Person, num: Number) -> str:
    """In the name of the host."""
    return rng.choice(
        [
            f"https://call-{num.digits}.example-salon.de",
            f"https://tel{num.digits}.ana.studio/",
            f"http://{num.international[1:]}.wa.brightmaple.com",
        ]
    )


WAYS = (query, query, query, query, path, path, path, fragment, fragment, subdomain)

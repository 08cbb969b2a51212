"""Contacts in their usual form: a plain address, a plus number, a plain contact link.

Belongs here: patterns that mean the same to Rust's and to Python's regex engine, so that columns
are redacted without Python and `redact_text` gives the same answer. Everything else is `exact`.
"""

import re

from sxe_pipeline.redact.ruleset import hosts

_EDGE = r"""(^|[\s|(:,;>"])"""
_STOP = r"""($|[\s|),;!"])"""


def _patterns() -> tuple[tuple[str, str], ...]:
    contact = "|".join(re.escape(host) for host in hosts("contact_hosts") if "/" not in host)
    return (
        (
            "email",
            _EDGE + r"((?:[Mm][Aa][Ii][Ll][Tt][Oo]:)?[A-Za-z0-9._%+\-]{1,64}"
            r"@[A-Za-z0-9\-]{1,63}(?:\.[A-Za-z0-9\-]{1,63}){0,4}\.[A-Za-z]{2,18}"
            r"(?:\?[A-Za-z]{2,9}=[^\s|)]{0,60})?)" + _STOP,
        ),
        (
            "phone",
            _EDGE + r"(\+[0-9]{1,3}[ .\-]?(?:\([0-9]{1,4}\)[ .\-]?)?"
            r"[0-9]{2,4}(?:[ .\-]?[0-9]{2,4}){1,3}[0-9]?)" + _STOP,
        ),
        (
            "contact_link",
            _EDGE + rf"((?:https?://)?(?:www\.)?(?:{contact})/[^\s\[\]|<>]{{1,200}})" + _STOP,
        ),
    )


PLAIN = _patterns()
_NEEDED = {"email": "@", "phone": "+", "contact_link": "/"}
"""What each pattern cannot match without; looked for first."""
COMPILED = tuple((kind, re.compile(pattern)) for kind, pattern in PLAIN)


def find(text: str) -> list[tuple[int, int, str]]:
    """Plain contacts in a raw text, as (start, end, kind), in the order the vector stage uses."""
    spans: list[tuple[int, int, str]] = []
    for kind, pattern in COMPILED:
        if _NEEDED[kind] not in text:
            continue
        spans += [(match.start(2), match.end(2), kind) for match in pattern.finditer(text)]
    return spans
